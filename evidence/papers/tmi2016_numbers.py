"""What this run says of the sentences of TMI 2016: means, comparisons, words.

A comparison is 1 where it is true beyond its standard error over draws, 0 where it is false, else
undecided.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxne_rs._arguments.convert import Floats

from .claims import above
from .estimates import METHODS
from .recorded import Others, Recording
from .resamples import Resamples
from .scores import Scores, agreement
from .timing import Timing

#: The alphas at which orderings are asked for, in percent.
RANGE = (10.0, 60.0)
#: "Low values" of alpha, in percent.
LOW = 20.0
#: A factor that is called a large, or strong, effect; and one that is a small one.
STRONG, SLIGHT = 2.0, 1.05
#: "A few seconds".
FEW = 10.0
#: Points of goodness of fit that are "slightly"; m that are "roughly"; probability that is "high".
POINTS, ROUGHLY, HIGH = 10.0, 0.02, 0.5


class Numbers:
    """Numbers along alphas, and their words."""

    methods: tuple[str, ...] = METHODS
    percents: Floats

    def along(self, values: Any, digits: str = ".3g") -> str:
        """Write values (n_alphas,) with their alphas: '1.2 (10 %), ..'."""
        pairs = zip(self.percents, values, strict=True)
        return ", ".join(f"{value:{digits}} ({percent:g} %)" for percent, value in pairs)

    def lists(self, rows: Any, digits: str = ".3g") -> str:
        """Write values (n_methods, n_alphas) with methods and alphas."""
        pairs = zip(self.methods, rows, strict=True)
        return "; ".join(f"{name} {self.along(row, digits)}" for name, row in pairs)

    def means(self, each: NDArray[Any]) -> str:
        """Write means over draws (n_draws, n_methods, n_alphas)."""
        return self.lists(each.mean(axis=0))


class Simulated(Numbers):
    """The simulation for the alphas of `RANGE`; what is "each" has draws along its first axis."""

    def __init__(self, scores: Scores) -> None:
        self.all, self.n_draws = scores, scores.n_draws
        chosen = scores.within(*RANGE)
        self.percents, self.active = np.array(chosen.percents), chosen.active
        self.low = self.percents <= LOW
        self.each_false, self.each_size = chosen.false_positives, chosen.sizes
        self.each_error, self.each_recovery = chosen.errors, chosen.recovery
        self.errors, self.stability = chosen.errors.mean(axis=0), chosen.stability
        self.positives = chosen.true_positives
        self.each_several = np.asarray((self.positives > 1).any(axis=-1))
        self.each_single = np.asarray((self.positives == 1).all(axis=-1))
        self.is_part = not (scores.active[:, 2] & ~scores.active[:, 1]).any()

    @cached_property
    def less_biased(self) -> Floats:
        """Where debiasing changes the RMSE of irMxNE less than of the others, (2, n_alphas)."""

        def larger(errors: Floats) -> Floats:
            change = np.abs(np.diff(errors.mean(axis=0), axis=2))[..., 0]
            return np.asarray(change[:2] - change[2])

        return above(self.each_error, statistic=larger)

    @cached_property
    def better_recovery(self) -> Floats:
        """Where irMxNE has a higher F1 than the others, (2, n_alphas)."""
        return above(self.each_recovery[:, 2:] - self.each_recovery[:, :2])

    @cached_property
    def more_stable(self) -> Floats:
        """Where supports of irMxNE agree more; undecided where nothing is found, (2, n_alphas)."""

        def more(active: NDArray[np.bool_]) -> Floats:
            stability = agreement(active)
            return np.asarray(stability[2] - stability[:2])

        return above(self.active, statistic=more)

    def better(self, first: int) -> tuple[Floats, ...]:
        """Tell where irMxNE is less biased, finds more, is more stable: than methods from first."""
        return self.less_biased[first:], self.better_recovery[first:], self.more_stable[first:]

    def wins(self, first: int) -> str:
        """Write the same."""
        names = ("less amplitude bias", "better recovery (F1)", "more stable")
        parts = []
        for name, each in zip(names, self.better(first), strict=True):
            wins = each.min(axis=0)
            parts.append(
                f"{name} at {(wins == 1).sum()} of {len(wins)} alphas from {RANGE[0]:g} to "
                f"{RANGE[1]:g} %, not so at {(wins == 0).sum()}"
            )
        return f"{', '.join(parts)}."

    @property
    def lowest_errors(self) -> str:
        """Write which method has the lowest RMSE."""
        lowest = zip(METHODS, lowest_error(self.all.errors), strict=True)
        wins = (self.errors[2] < self.errors[:2]).all(axis=0).sum(axis=0)
        return (
            "Lowest mean RMSE of all alphas, debiased or not: "
            + ", ".join(f"{name} {one:.3g}" for name, one in lowest)
            + f". Without debiasing it is the lowest at {wins[0]} of {len(self.percents)} alphas, "
            f"with debiasing at {wins[1]}."
        )


def lowest_error(errors: Floats) -> Floats:
    """Lowest mean RMSE of each method at any alpha, debiased or not."""
    return np.asarray(errors.mean(axis=0).min(axis=(1, 2)))


class Times(Numbers):
    """Ratios of the curves of Figure 2, which no draws decide."""

    def __init__(self, timing: Timing) -> None:
        self.timing, self.percents = timing, np.array(timing.percents)
        self.small, self.whole = timing.n_locations
        self.bcd, self.plain_bcd, self.fista, self.plain_fista, self.mne, self.plain_mne = (
            np.array(timing.seconds[whose, method, has_working_set])
            for whose, method in (("mxne_rs", "bcd"), ("mxne_rs", "fista"), ("MNE", "bcd"))
            for has_working_set in (True, False)
        )
        #: How many times as long MxNE takes at all locations.
        self.growth = np.array(timing.whole) / self.bcd


class Epochs(Numbers):
    """What the resampled epochs say, for the alphas of `RANGE`."""

    methods = METHODS[1:]

    def __init__(self, found: Resamples) -> None:
        self.regions, self.n_draws, self.note = found.regions, found.n_draws, note_of(found)
        chosen = found.within(*RANGE)
        self.percents, self.active = np.array(chosen.percents), chosen.active
        self.low = self.percents <= LOW
        self.each_fit, self.each_size = chosen.fit, chosen.sizes
        self.fit, self.sizes = self.each_fit.mean(axis=0), self.means(self.each_size)
        self.stability, self.probability = chosen.stability, chosen.probability
        #: Points that debiasing adds.
        self.each_gain = self.each_fit[..., 1] - self.each_fit[..., 0]
        self.sparser = above(self.each_size[:, 0] - self.each_size[:, 1])
        self.each_outside = (
            None if self.regions is None else chosen.outside(self.regions).astype(float)
        )

    @property
    def more_stable(self) -> Floats:
        """Where supports of irMxNE agree more than those of MxNE, shape (n_alphas,)."""
        return above(self.active, statistic=lambda active: np.diff(agreement(active), axis=0)[0])

    def regional(self, active: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Locations of MxNE selected with high probability, by alpha and region."""
        often = active[:, 0].mean(axis=0) >= HIGH
        regions: Any = self.regions
        return np.stack([often[:, one].sum(axis=-1) for one in regions], axis=-1)

    @property
    def fewer_outside(self) -> tuple[Floats, ...]:
        """Whether irMxNE has fewer sources outside of the regions, most so at low alphas."""
        outside: Any = self.each_outside
        drop = outside[:, 0] - outside[:, 1]

        def most_at_low(drop: Floats) -> Floats:
            """By how much the smallest drop at low alphas is above the largest at others."""
            drop = drop.mean(axis=0)
            return np.asarray(drop[self.low].min() - drop[~self.low].max())

        # None more is enough where there is none to lose.
        fewer = np.where(outside.any(axis=(0, 1)), above(drop), 1.0)
        return fewer, above(drop, statistic=most_at_low)


class Average:
    """What the average of all epochs says, which no draws decide."""

    def __init__(self, found: Resamples, others: Others, recording: Recording) -> None:
        self.others, self.note, self.is_simulated = others, note_of(found), bool(note_of(found))
        self.shown, self.fit = f"at {found.shown:g} %", found.whole_fit[1]
        mine = np.flatnonzero(found.whole[1].active)
        self.n_mine, self.n_theirs = len(mine), len(others.positions)
        self.half = int((others.scores > others.scores.max() / 2).sum())
        # From each irMxNE source to the highest dSPM score of its side of the head, in m.
        places = np.asarray(recording.forward["source_rr"])
        left = places[:, 0] < 0
        peaks = [np.where(left == side, others.scores, -np.inf).argmax() for side in left[mine]]
        self.peaks = np.linalg.norm(places[mine] - places[peaks], axis=1)


def note_of(found: Resamples) -> str:
    """Say where epochs are simulated."""
    return "" if found.regions is None else " (simulated trials, not the paper's)"
