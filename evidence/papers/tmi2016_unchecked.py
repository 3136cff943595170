"""Sentences of TMI 2016 about recordings that are not public, or methods that are not here."""

from __future__ import annotations

from .findings import Claim

AUDITORY = "It is about the paper's auditory recording, which is not public."
SOMATOSENSORY = "It is about the paper's somatosensory recording, which is not public."
TWO_DIPOLES = "MNE's rap_music has single dipoles only, and takes their number, no threshold."
ELSEWHERE = "Nothing of this protocol tells."

SENTENCES = (
    (
        "MxNE with λ/λmax=60% shows activation in both primary auditory cortices with main peaks "
        "around 110 ms corresponding to the N100m component.",
        "III-B1, Fig. 5",
        AUDITORY,
    ),
    (
        "The activation on the right hemisphere is however split into two highly correlated "
        "dipoles, which are partly located on the wrong side of the Sylvian fissure.",
        "III-B1, Fig. 5",
        AUDITORY,
    ),
    (
        "Increasing λ does not fix the latter issue, since dipoles in the left primary auditory "
        "cortex are eliminated before actually erasing spurious activity on the right hemisphere.",
        "III-B1, Fig. 5",
        AUDITORY,
    ),
    (
        "The size of the signal subspace for RAP-MUSIC was estimated to be 50 by the thresholding "
        "procedure.",
        "III-B1",
        AUDITORY,
    ),
    (
        "With the setting proposed in [4], only two independent topographies, a single- and a "
        "two-dipole topography, yield sufficient subspace correlations.",
        "III-B1",
        TWO_DIPOLES,
    ),
    (
        "The dipoles are reconstructed close to the primary auditory cortex on both hemispheres. "
        "The GOF of the three-dipole model is 86.7%.",
        "III-B1",
        TWO_DIPOLES,
    ),
    (
        "Using single- and two-dipole topographies provides better RAP-MUSIC estimates than using "
        "only single-dipole topographies.",
        "III-B1; IV",
        TWO_DIPOLES,
    ),
    (
        "The irMxNE with λ/λmax = 60%, which converged after 10 iterations, reconstructs single "
        "dipoles in both primary auditory cortices.",
        "III-B1, Fig. 5",
        AUDITORY,
    ),
    (
        "the green and blue sources, which are the strongest sources according to MxNE [..], are "
        "favored at the next iteration of the reweighted scheme pruning out the source on the "
        "wrong side of the Sylvian fissure",
        "III-B1, Fig. 5",
        AUDITORY,
    ),
    (
        "We can see again that irMxNE yields significantly sparser source estimates, which however "
        "allow for a better GOF compared to MxNE.",
        "III-B2, Fig. 6",
        SOMATOSENSORY,
    ),
    (
        "The GOFs of the MxNE and irMxNE results with and without debiasing illustrate also that "
        "the irMxNE source estimates are less biased in amplitude.",
        "III-B2, Fig. 6",
        SOMATOSENSORY,
    ),
    (
        "The irMxNE typically selects only one source per region of interest for different values "
        "of λ. The number of false positives is also significantly lower.",
        "III-B2, Fig. 7",
        SOMATOSENSORY,
    ),
    (
        "the source in the ipsilateral secondary somatosensory cortex (iS2) is less stable "
        "compared to the contralateral sources",
        "III-B2, Fig. 7",
        SOMATOSENSORY,
    ),
    (
        "MxNE with λ/λmax = 40% reconstructs dipoles in [cS1, cS2, iS2 and cPPC]. The source "
        "locations roughly coincide with the main peaks of the dSPM estimate.",
        "III-B2, Fig. 8",
        SOMATOSENSORY,
    ),
    (
        "As for the AEF data set, the source activation per region is split into several "
        "correlated dipoles.",
        "III-B2, Fig. 8",
        SOMATOSENSORY,
    ),
    (
        "An increase of the regularization parameter results in a loss of physiologically "
        "meaningful source activity such as activation in iS2",
        "III-B2, Fig. 6, 8",
        SOMATOSENSORY,
    ),
    (
        "four independent topographies, two single- and two two-dipole topographies, are above the "
        "subspace correlation threshold. [..] The GOF of this six-dipole model is 82,6%.",
        "III-B2, Fig. 8",
        SOMATOSENSORY,
    ),
    (
        "The irMxNE approach with λ/λmax = 40% converged after 14 reweightings. The resulting "
        "source estimate contains four single dipoles representing activation in each of the four "
        "regions.",
        "III-B2, Fig. 8",
        SOMATOSENSORY,
    ),
    (
        "The GOF of the four-dipole model obtained with irMxNE is 81.4% and thus higher than the "
        "GOF of the corresponding MxNE estimate and only slightly lower than the GOF of the "
        "six-dipole model obtained with RAP-MUSIC.",
        "III-B2, Fig. 8",
        SOMATOSENSORY,
    ),
    (
        "cross-validation tend[s] to overestimate the number of active sources and increase the "
        "false positive rate",
        "IV",
        ELSEWHERE,
    ),
    (
        "the size of the signal subspace and the correlation threshold have a strong influence on "
        "the final source estimate [of RAP-MUSIC]",
        "IV",
        TWO_DIPOLES,
    ),
    (
        "New techniques such as parallel BCD schemes, clustering approaches, and safe rules can "
        "help to further reduce the computation time.",
        "IV",
        ELSEWHERE,
    ),
)


def unchecked() -> list[Claim]:
    """All of them, with the reason."""
    return [
        Claim(sentence, where, "cannot be checked here", why) for sentence, where, why in SENTENCES
    ]
