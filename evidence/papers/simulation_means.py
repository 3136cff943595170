"""What the simulation gave on average."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mxne_rs._arguments.convert import Floats

from .estimates import METHODS
from .scores import Scores, agreement
from .verdicts import RANGE, above, every, lists


class SimulationMeans:
    """Means over repetitions (n_methods, n_alphas) for the alphas of `RANGE`, and comparisons.

    A comparison is 1 where it is true beyond its standard error over repetitions, 0 where it is
    false, else `UNDECIDED`.
    """

    def __init__(self, scores: Scores) -> None:
        chosen = scores.chosen(*RANGE)
        self.scores = scores
        self.percents = np.array(scores.percents)[chosen]
        self.active = scores.active[:, :, chosen]
        # Of each repetition: (n_repetitions, n_methods, n_alphas), errors with a fourth axis.
        self.each_false = scores.false_positives[:, :, chosen]
        self.each_size = scores.sizes[:, :, chosen]
        self.each_error = scores.errors[:, :, chosen]
        self.each_recovery = scores.recovery[:, :, chosen]
        self.false, self.sizes = self.each_false.mean(axis=0), self.each_size.mean(axis=0)
        self.errors, self.recovery = self.each_error.mean(axis=0), self.each_recovery.mean(axis=0)
        self.stability = scores.stability[:, chosen]
        self.positives = scores.true_positives[:, :, chosen]

    def lists(self, values: Floats) -> str:
        """Values (n_methods, n_alphas) in words."""
        return lists(self.percents, values, METHODS)

    @property
    def fewest_false(self) -> float:
        """Whether irMxNE has fewer false positives than MxNE, and MxNE than MCE."""
        return every(above(-np.diff(self.each_false, axis=1)))

    @property
    def sparsest(self) -> float:
        """Whether irMxNE has the smallest active set."""
        return every(above(self.each_size[:, :2] - self.each_size[:, 2:]))

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

    @property
    def bias(self) -> str:
        """RMSE without and with debiasing, in words."""
        return (
            f"RMSE {self.lists(self.errors[..., 0])}. Debiased: {self.lists(self.errors[..., 1])}"
        )
