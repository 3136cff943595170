"""What TMI 2016 says of recorded epochs, beside those of this run."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxne_rs._arguments.convert import Floats

from .estimates import METHODS
from .findings import Claim
from .recorded import Others, Recording
from .resamples import Resamples
from .scores import agreement
from .verdicts import HIGH, LOW, POINTS, RANGE, ROUGHLY, STRONG, above, along, claim, every, lists


class EpochClaims:
    """What the resampled epochs say, for the alphas of `RANGE`."""

    def __init__(self, found: Resamples, others: Others, recording: Recording) -> None:
        self.found, self.others, self.recording = found, others, recording
        percents = np.array(found.percents)
        chosen = np.flatnonzero((percents >= RANGE[0]) & (percents <= RANGE[1]))
        self.percents = percents[chosen]
        self.n_draws = len(found.active)
        # Of each resample: (n_resamples, 2, n_alphas), fits with a fourth axis.
        self.active = found.active[:, :, chosen]
        self.each_fit, self.each_size = found.fit[:, :, chosen], found.sizes[:, :, chosen]
        self.fit, self.sizes = self.each_fit.mean(axis=0), self.each_size.mean(axis=0)
        self.stability = found.stability[:, chosen]
        self.probability = found.probability[:, chosen]
        self.each_outside = None if found.outside is None else found.outside[:, :, chosen]
        self.names = METHODS[1:]
        self.note = "" if found.regions is None else " (simulated trials, not the paper's)"
        self.places = np.asarray(recording.forward["source_rr"])

    @property
    def more_stable(self) -> Floats:
        """Where supports of irMxNE agree more than those of MxNE, shape (n_alphas,)."""
        return above(self.active, statistic=lambda active: np.diff(agreement(active), axis=0)[0])

    def regional(self, active: NDArray[np.bool_], regions: Any) -> NDArray[np.intp]:
        """Locations per region that are selected with high probability, (2, n_alphas, 2)."""
        often = active.mean(axis=0) >= HIGH
        return np.stack([often[..., one].sum(axis=-1) for one in regions], axis=-1)

    @property
    def peaks(self) -> Floats:
        """From each irMxNE source to the highest dSPM score of its side of the head, in m."""
        mine = np.flatnonzero(self.found.whole[1].active)
        left = self.places[:, 0] < 0
        peaks = [
            np.where(left == side, self.others.scores, -np.inf).argmax() for side in left[mine]
        ]
        return np.asarray(np.linalg.norm(self.places[mine] - self.places[peaks], axis=1))

    def claims(self) -> list[Claim]:
        """Section III-B1, without times."""
        gain = self.fit[..., 1] - self.fit[..., 0]
        each_gain = self.each_fit[..., 1] - self.each_fit[..., 0]

        def closer(fit: Floats) -> Floats:
            """By how much debiased fits are closer than `POINTS`."""
            return np.asarray(POINTS - np.abs(np.diff(fit.mean(axis=0)[..., 1], axis=0)))

        return [
            claim(
                "We can see that the debiasing procedure has a strong effect on MxNE, whereas the "
                "GOF of the irMxNE result is only slightly improved indicating less amplitude "
                "bias.",
                "III-B1, Fig. 3",
                every(above(each_gain[:, 0] - STRONG * each_gain[:, 1])),
                "Points of GOF that debiasing adds: "
                f"{lists(self.percents, gain, self.names)}{self.note}.",
                n_draws=self.n_draws,
            ),
            claim(
                "Debiased MxNE and irMxNE yield similar GOFs with similar plateaus, but irMxNE "
                "provides a sparser, i.e., simpler model.",
                "III-B1, Fig. 3",
                every(above(self.each_fit, statistic=closer), self.sparser),
                f"GOF debiased (%): {lists(self.percents, self.fit[..., 1], self.names)}. Active "
                f"set: {lists(self.percents, self.sizes, self.names)}{self.note}.",
                n_draws=self.n_draws,
            ),
            *self._selection(),
            *self._comparison(),
        ]

    @property
    def sparser(self) -> Floats:
        """Where the active set of irMxNE is smaller than that of MxNE, shape (n_alphas,)."""
        return above(self.each_size[:, 0] - self.each_size[:, 1])

    def _selection(self) -> list[Claim]:
        outside, regions = self.each_outside, self.found.regions
        several = (
            "MxNE selects multiple sources with high probability within each region of interest"
        )
        fewer = (
            "Moreover, the number of false positives, i.e., sources outside of the regions of "
            "interest, is lower for irMxNE, particularly for low values of λ."
        )
        selective = claim(
            "The irMxNE approach is more selective and provides sparser source estimates.",
            "III-B1, Fig. 4",
            every(self.sparser),
            f"Active set: {lists(self.percents, self.sizes, self.names)}. "
            "Locations ever selected: "
            + lists(
                self.percents,
                (self.probability > 0).sum(axis=-1).astype(float),
                self.names,
                ".0f",
            )
            + f"{self.note}.",
            n_draws=self.n_draws,
        )
        if regions is None or outside is None:
            why = "The regions of interest of these epochs are not known."
            return [
                claim(several, "III-B1, Fig. 4", None, why),
                selective,
                claim(fewer, "III-B1, Fig. 4", None, why),
            ]
        low, regional = self.percents <= LOW, self.regional(self.active, regions)
        drop = outside[:, 0] - outside[:, 1]

        def most_at_low(drop: Floats) -> Floats:
            """By how much the smallest drop at low alphas is above the largest at others."""
            drop = drop.mean(axis=0)
            return np.asarray(drop[low].min() - drop[~low].max())

        return [
            claim(
                several,
                "III-B1, Fig. 4",
                every(above(self.active, 1, lambda active: self.regional(active, regions)[0])),
                f"Locations within 2 cm that MxNE selects in at least half of the resamples: left "
                f"{along(self.percents, regional[0, :, 0], 'd')}; right "
                f"{along(self.percents, regional[0, :, 1], 'd')}{self.note}.",
                n_draws=self.n_draws,
            ),
            selective,
            claim(
                fewer,
                "III-B1, Fig. 4",
                every(
                    # None more is enough where there is none to lose.
                    np.where(outside.any(axis=(0, 1)), above(drop), 1.0),
                    above(drop, statistic=most_at_low),
                ),
                "Sources more than 2 cm away: "
                f"{lists(self.percents, outside.mean(axis=0), self.names)}{self.note}.",
                n_draws=self.n_draws,
            ),
        ]

    def _comparison(self) -> list[Claim]:
        peaks, scores, fits = self.peaks, self.others.scores, self.found.whole_fit
        n_mine, n_theirs = int(self.found.whole[1].active.sum()), len(self.others.positions)
        half = int((scores > scores.max() / 2).sum())
        shown = f"at {self.found.shown:g} %"
        return [
            claim(
                "The estimated source locations roughly match the peaks of the dSPM estimate.",
                "III-B1, Fig. 5; IV",
                bool(len(peaks) and (peaks < ROUGHLY).all()),
                f"From each irMxNE source {shown} to the highest score on its side: "
                f"{', '.join(f'{1000 * one:.0f}' for one in peaks) or 'no source'} mm{self.note}.",
            ),
            claim(
                "The source estimate obtained with dSPM [..] is however spatially smeared.",
                "III-B1, Fig. 5",
                bool(half > STRONG * n_mine),
                f"{half} locations score above half of the maximum; irMxNE {shown} has {n_mine}"
                f"{self.note}.",
            ),
            claim(
                "Being based on an empirical estimate of the data covariance, this procedure tends "
                "to overselect the rank of the signal subspace",
                "III-B1",
                None if self.found.regions is None else self.others.rank > 2,
                f"{self.others.rank} eigenvalues are above that of noise; "
                + ("2 sources are simulated." if self.note else "the true rank is not known."),
            ),
            claim(
                "The GOF of the two-dipole model obtained with irMxNE is 81.9% and thus only "
                "slightly lower than the three-dipole model obtained with RAP-MUSIC.",
                "III-B1; IV",
                bool(-POINTS <= fits[1] - self.others.fit <= 0),
                f"irMxNE {shown}: {fits[1]:.1f} % with {n_mine} sources; RAP-MUSIC of MNE "
                f"(single dipoles, their number given): {self.others.fit:.1f} % with {n_theirs}"
                f"{self.note}.",
            ),
        ]
