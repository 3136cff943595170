"""Every sentence of TMI 2016 that claims a result, and how it is judged."""

from __future__ import annotations

from typing import Any

import numpy as np

from .claims import Claim, Row, above, judge, rows_at
from .recorded import Others, Recording
from .resamples import Resamples
from .scores import Scores
from .timing import Timing
from .tmi2016_numbers import (
    FEW,
    POINTS,
    ROUGHLY,
    SLIGHT,
    STRONG,
    Average,
    Epochs,
    Simulated,
    Times,
    lowest_error,
)

#: Why sentences cannot be checked.
AUDITORY = "It is about the paper's auditory recording, which is not public."
SOMATOSENSORY = "It is about the paper's somatosensory recording, which is not public."
TWO_DIPOLES = "MNE's rap_music has single dipoles only, and takes their number, no threshold."
ELSEWHERE = "Nothing of this protocol tells."
NO_REGIONS = "The regions of interest of these epochs are not known."


def _bias(errors: Any) -> Any:
    """Median over alphas of MxNE's RMSE without debiasing over that with."""
    return np.median(np.divide(*errors.mean(axis=0).T))


def _further(errors: Any) -> Any:
    """By how much the lowest RMSE of the other methods is above that of irMxNE."""
    lowest = lowest_error(errors)
    return lowest[:2] - lowest[2]


def _closer(fit: Any) -> Any:
    """By how much debiased fits are closer than `POINTS`."""
    return POINTS - np.abs(np.diff(fit.mean(axis=0)[..., 1], axis=0))


FASTER = Row(
    "a new computationally efficient strategy, which [..] converges significantly faster than the "
    "original MxNE algorithm", "I, IV", "times",
    lambda t: t.fista > STRONG * t.bcd,
    lambda t: "The original one is FISTA with an active set. It takes so many times as long as BCD "
    f"with one: {t.along(t.fista / t.bcd)}.")  # fmt: skip
OVERVIEW = [
    Row("The resulting source estimates [of convex constraints] are however biased in amplitude "
        "and often suboptimal in terms of source selection due to high correlations in the forward "
        "model.", "abstract", "simulation",
        lambda s: (above(s.each_error[:, 1], SLIGHT, _bias), s.each_several[:, 1].any()),
        lambda s: "MxNE's RMSE without debiasing over that with: "
        f"{s.along(s.errors[1, :, 0] / s.errors[1, :, 1])}. Part of the draws in which it finds "
        f"several sources near one true source: {s.along(s.each_several[:, 1].mean(axis=0))}."),
    Row("the proposed method improves on the standard Mixed Norm Estimate (MxNE) in terms of "
        "amplitude bias, support recovery, and stability", "abstract; IV", "simulation",
        lambda s: s.better(1), lambda s: s.wins(1)),
    Row("the proposed method outperforms MCE and MxNE in terms of amplitude bias, active source "
        "identification, and stability", "I", "simulation",
        lambda s: s.better(0), lambda s: s.wins(0)),
    FASTER,
    Row("This step length is typically larger than the step length applicable in iterative "
        "proximal gradient methods", "II-B", "times",
        lambda t: t.timing.step > 1,
        lambda t: f"Median over locations: {t.timing.step:.3g} times as large."),
    Row("We can thus reduce the computation time by primarily updating blocks, that are likely to "
        "be non-zero", "II-B", "times",
        lambda t: t.plain_bcd > t.bcd,
        lambda t: "BCD without a working set takes so many times as long: "
        f"{t.along(t.plain_bcd / t.bcd)}."),
]  # fmt: skip
SIMULATION = [
    *rows_at("III-A, Fig. 1", "simulation",
        ("We can see that the irMxNE approach provides the best support recovery.",
         lambda s: s.better_recovery,
         lambda s: f"Mean F1 of the two sources: {s.means(s.each_recovery)}. Part of the draws in "
         f"which both are found: {s.means((s.positives > 0).all(axis=-1))}."),
        ("It allows to reconstructs single dipoles in both regions of interest,",
         lambda s: above(s.each_single[:, 2], 0.5, lambda each: each.mean(axis=0).max()),
         lambda s: "Part of the draws with exactly one source within 1 cm of each true one: "
         f"{s.means(s.each_single)}."),
        ("whereas MCE and MxNE find multiple correlated sources.",
         lambda s: above(s.each_several[:, :2, s.low], 0.5),
         lambda s: "Part of the draws with more than one source within 1 cm of a true one: "
         f"{s.means(s.each_several)}."),
        ("Particularly for low values of λ, MCE and MxNE overestimate the size of the active set "
         "leading to a large number of false positives, whereas irMxNE generates significantly "
         "less false positives.",
         lambda s: (above(-np.diff(s.each_false, axis=1)),
                    above(s.each_false[:, :2, s.low] - STRONG * s.each_false[:, 2:, s.low])),
         lambda s: f"False positives: {s.means(s.each_false)}."),
        ("The mean active set size confirms that irMxNE provides the sparsest result of all three "
         "methods.",
         lambda s: above(s.each_size[:, :2] - s.each_size[:, 2:]),
         lambda s: f"Active set: {s.means(s.each_size)}."),
        ("While all methods profit from the debiasing procedure,",
         lambda s: above(s.each_error[..., 0] - s.each_error[..., 1]),
         lambda s: f"RMSE {s.lists(s.errors[..., 0])}. Debiased: {s.lists(s.errors[..., 1])}."),
        ("the effect on irMxNE is less pronounced compared to the other methods indicating a "
         "reduced amplitude bias.",
         lambda s: s.less_biased,
         lambda s: f"Change of the RMSE: {s.lists(np.abs(s.errors[..., 1] - s.errors[..., 0]))}."),
        ("The best result is obtained with irMxNE.",
         lambda s: (above(s.each_error[:, :2, :, 0] - s.each_error[:, 2:, :, 0]),
                    above(s.all.errors, statistic=_further)),
         lambda s: s.lowest_errors),
        ("Krippendorff's α indicates that the support reconstructed with irMxNE is more stable "  # noqa: RUF001
         "compared to MCE or MxNE.",
         lambda s: s.more_stable,
         lambda s: f"Krippendorff's alpha: {s.lists(s.stability)}."),
    ),
    Row("The source estimate is thus less dependent on the epochs used for generating the evoked "
        "response.", "III-A, Fig. 1", "epochs",
        lambda e: e.more_stable,
        lambda e: f"Krippendorff's alpha over resampled epochs: {e.lists(e.stability)}{e.note}."),
]  # fmt: skip
TIMES = [
    *rows_at("III-B1, Fig. 2", "times",
        ("The BCD scheme outperforms FISTA both with and without active set strategy.",
         lambda t: (t.fista > t.bcd, t.plain_fista > t.plain_bcd),
         lambda t: f"FISTA takes so many times as long as BCD ({t.small} locations, this package's "
         f"solvers): with a working set {t.along(t.fista / t.bcd)}; without "
         f"{t.along(t.plain_fista / t.plain_bcd)}. MNE has no FISTA any more."),
        ("Combining the BCD scheme and the active set strategy reduces the computation time by a "
         "factor of 100",
         lambda t: np.median(t.plain_fista / t.bcd) >= 100,
         lambda t: "BCD with a working set against FISTA without: "
         f"{t.along(t.plain_fista / t.bcd)}. Against BCD without, which is accelerated here and "
         f"in MNE: {t.along(t.plain_bcd / t.bcd)}; in MNE's solver {t.along(t.plain_mne / t.mne)}. "
         f"({t.small} locations; the factor grows with them. Solves stopped by the time limit "
         "count as the limit.)"),
    ),
    *rows_at("III-B1", "times",
        ("and allows to compute the MxNE on real MEG/EEG data in a few seconds.",
         lambda t: max(t.timing.whole) < FEW,
         lambda t: f"Seconds at {t.whole} locations: {t.along(t.timing.whole)}."),
        ("Since subsequent MxNE iterations are significantly faster due to the restriction of the "
         "source space, irMxNE also runs in a few seconds on real MEG/EEG source localization "
         "problems.",
         lambda t: max(t.timing.reweighted) < FEW,
         lambda t: f"irMxNE with up to 10 rounds, seconds at {t.whole} locations: "
         f"{t.along(t.timing.reweighted)}."),
    ),
]  # fmt: skip
EPOCHS = [
    *rows_at("III-B1, Fig. 3", "epochs",
        ("We can see that the debiasing procedure has a strong effect on MxNE, whereas the GOF of "
         "the irMxNE result is only slightly improved indicating less amplitude bias.",
         lambda e: above(e.each_gain[:, 0] - STRONG * e.each_gain[:, 1]),
         lambda e: "Points of GOF that debiasing adds: "
         f"{e.lists(e.fit[..., 1] - e.fit[..., 0])}{e.note}."),
        ("Debiased MxNE and irMxNE yield similar GOFs with similar plateaus, but irMxNE provides a "
         "sparser, i.e., simpler model.",
         lambda e: (above(e.each_fit, statistic=_closer), e.sparser),
         lambda e: f"GOF debiased (%): {e.lists(e.fit[..., 1])}. Active set: {e.sizes}{e.note}."),
    ),
    Row("MxNE selects multiple sources with high probability within each region of interest",
        "III-B1, Fig. 4", "regions",
        lambda e: above(e.active, 1, e.regional),
        lambda e: "Locations within 2 cm that MxNE selects in at least half of the resamples: left "
        f"{e.along(e.regional(e.active)[:, 0], 'd')}; right "
        f"{e.along(e.regional(e.active)[:, 1], 'd')}{e.note}."),
    Row("The irMxNE approach is more selective and provides sparser source estimates.",
        "III-B1, Fig. 4", "epochs",
        lambda e: e.sparser,
        lambda e: f"Active set: {e.sizes}. Locations ever selected: "
        f"{e.lists((e.probability > 0).sum(axis=-1), 'd')}{e.note}."),
    Row("Moreover, the number of false positives, i.e., sources outside of the regions of "
        "interest, is lower for irMxNE, particularly for low values of λ.",
        "III-B1, Fig. 4", "regions",
        lambda e: e.fewer_outside,
        lambda e: f"Sources more than 2 cm away: {e.lists(e.each_outside.mean(axis=0))}{e.note}."),
    Row("The estimated source locations roughly match the peaks of the dSPM estimate.",
        "III-B1, Fig. 5; IV", "average",
        lambda a: a.n_mine > 0 and (a.peaks < ROUGHLY).all(),
        lambda a: f"From each irMxNE source {a.shown} to the highest score on its side: "
        f"{', '.join(f'{1000 * one:.0f}' for one in a.peaks) or 'no source'} mm{a.note}."),
    Row("The source estimate obtained with dSPM [..] is however spatially smeared.",
        "III-B1, Fig. 5", "average",
        lambda a: a.half > STRONG * a.n_mine,
        lambda a: f"{a.half} locations score above half of the maximum; irMxNE {a.shown} has "
        f"{a.n_mine}{a.note}."),
    Row("Being based on an empirical estimate of the data covariance, this procedure tends to "
        "overselect the rank of the signal subspace", "III-B1", "average",
        lambda a: a.others.rank > 2 if a.is_simulated else None,
        lambda a: f"{a.others.rank} eigenvalues are above that of noise; "
        f"{'2 sources are simulated' if a.is_simulated else 'the true rank is not known'}."),
    Row("The GOF of the two-dipole model obtained with irMxNE is 81.9% and thus only slightly "
        "lower than the three-dipole model obtained with RAP-MUSIC.", "III-B1; IV", "average",
        lambda a: -POINTS <= a.fit - a.others.fit <= 0,
        lambda a: f"irMxNE {a.shown}: {a.fit:.1f} % with {a.n_mine} sources; RAP-MUSIC of MNE "
        f"(single dipoles, their number given): {a.others.fit:.1f} % with {a.n_theirs}{a.note}."),
]  # fmt: skip
DISCUSSION = [
    FASTER,
    Row("Consequently, the irMxNE result is at least as sparse as the MxNE estimate.",
        "IV", "simulation",
        lambda s: s.is_part,
        lambda s: f"In all {s.n_draws} draws and at all alphas the support of irMxNE is "
        f"{'a part' if s.is_part else 'not always a part'} of that of MxNE."),
    Row("The iterative reweighting procedure can thus be considered as a post-processing for MxNE "
        "improving source recovery, stability, and amplitude bias.", "IV", "simulation",
        lambda s: s.better(1), lambda s: s.wins(1)),
    Row("The models reconstructed with RAP-MUSIC provided a slightly higher goodness of fit, but "
        "contained more active sources.", "IV", "average",
        lambda a: 0 <= a.others.fit - a.fit <= POINTS and a.n_theirs > a.n_mine,
        lambda a: f"RAP-MUSIC {a.others.fit:.1f} % with {a.n_theirs} dipoles (their number is "
        f"given to MNE's), irMxNE {a.fit:.1f} % with {a.n_mine}{a.note}."),
    Row("Its computation time is not dramatically affected by the resolution of the source space.",
        "IV", "times",
        lambda t: np.median(t.growth) <= t.whole / t.small,
        lambda t: f"MxNE at {t.whole} locations, {t.whole / t.small:.1f} times as many, takes so "
        f"many times as long as at {t.small}, with a working set: {t.along(t.growth)}."),
]  # fmt: skip
#: Sentences about recordings that are not public, or methods that are not here.
UNCHECKED = [
    *rows_at("III-B1, Fig. 5", AUDITORY,
        ("MxNE with λ/λmax=60% shows activation in both primary auditory cortices with main peaks "
         "around 110 ms corresponding to the N100m component.",),
        ("The activation on the right hemisphere is however split into two highly correlated "
         "dipoles, which are partly located on the wrong side of the Sylvian fissure.",),
        ("Increasing λ does not fix the latter issue, since dipoles in the left primary auditory "
         "cortex are eliminated before actually erasing spurious activity on the right "
         "hemisphere.",),
    ),
    Row("The size of the signal subspace for RAP-MUSIC was estimated to be 50 by the thresholding "
        "procedure.", "III-B1", AUDITORY),
    Row("With the setting proposed in [4], only two independent topographies, a single- and a "
        "two-dipole topography, yield sufficient subspace correlations.", "III-B1", TWO_DIPOLES),
    Row("The dipoles are reconstructed close to the primary auditory cortex on both hemispheres. "
        "The GOF of the three-dipole model is 86.7%.", "III-B1", TWO_DIPOLES),
    Row("Using single- and two-dipole topographies provides better RAP-MUSIC estimates than using "
        "only single-dipole topographies.", "III-B1; IV", TWO_DIPOLES),
    *rows_at("III-B1, Fig. 5", AUDITORY,
        ("The irMxNE with λ/λmax = 60%, which converged after 10 iterations, reconstructs single "
         "dipoles in both primary auditory cortices.",),
        ("the green and blue sources, which are the strongest sources according to MxNE [..], are "
         "favored at the next iteration of the reweighted scheme pruning out the source on the "
         "wrong side of the Sylvian fissure",),
    ),
    *rows_at("III-B2, Fig. 6", SOMATOSENSORY,
        ("We can see again that irMxNE yields significantly sparser source estimates, which "
         "however allow for a better GOF compared to MxNE.",),
        ("The GOFs of the MxNE and irMxNE results with and without debiasing illustrate also that "
         "the irMxNE source estimates are less biased in amplitude.",),
    ),
    *rows_at("III-B2, Fig. 7", SOMATOSENSORY,
        ("The irMxNE typically selects only one source per region of interest for different values "
         "of λ. The number of false positives is also significantly lower.",),
        ("the source in the ipsilateral secondary somatosensory cortex (iS2) is less stable "
         "compared to the contralateral sources",),
    ),
    *rows_at("III-B2, Fig. 8", SOMATOSENSORY,
        ("MxNE with λ/λmax = 40% reconstructs dipoles in [cS1, cS2, iS2 and cPPC]. The source "
         "locations roughly coincide with the main peaks of the dSPM estimate.",),
        ("As for the AEF data set, the source activation per region is split into several "
         "correlated dipoles.",),
    ),
    Row("An increase of the regularization parameter results in a loss of physiologically "
        "meaningful source activity such as activation in iS2", "III-B2, Fig. 6, 8",
        SOMATOSENSORY),
    *rows_at("III-B2, Fig. 8", SOMATOSENSORY,
        ("four independent topographies, two single- and two two-dipole topographies, are above "
         "the subspace correlation threshold. [..] The GOF of this six-dipole model is 82,6%.",),
        ("The irMxNE approach with λ/λmax = 40% converged after 14 reweightings. The resulting "
         "source estimate contains four single dipoles representing activation in each of the four "
         "regions.",),
        ("The GOF of the four-dipole model obtained with irMxNE is 81.4% and thus higher than the "
         "GOF of the corresponding MxNE estimate and only slightly lower than the GOF of the "
         "six-dipole model obtained with RAP-MUSIC.",),
    ),
    Row("cross-validation tend[s] to overestimate the number of active sources and increase the "
        "false positive rate", "IV", ELSEWHERE),
    Row("the size of the signal subspace and the correlation threshold have a strong influence on "
        "the final source estimate [of RAP-MUSIC]", "IV", TWO_DIPOLES),
    Row("New techniques such as parallel BCD schemes, clustering approaches, and safe rules can "
        "help to further reduce the computation time.", "IV", ELSEWHERE),
]  # fmt: skip


def epoch_numbers(found: Resamples, others: Others, recording: Recording) -> dict[str, Any]:
    """What rows "epochs", "regions" and "average" are judged by."""
    epochs = Epochs(found)
    regions = NO_REGIONS if found.regions is None else epochs
    average = Average(found, others, recording)
    return {"epochs": epochs, "regions": regions, "average": average}


def claims_of(
    scores: Scores, found: Resamples, others: Others, timing: Timing, recording: Recording
) -> list[Claim]:
    """Judge every sentence, in the order of the paper."""
    numbers = {"simulation": Simulated(scores), "times": Times(timing)}
    rows = (*OVERVIEW, *SIMULATION, *TIMES, *EPOCHS, *UNCHECKED, *DISCUSSION)
    return judge(rows, numbers | epoch_numbers(found, others, recording))
