"""What the simulation gave on average."""

from __future__ import annotations

import numpy as np

from ..arrays import Floats
from .estimates import METHODS
from .scores import Scores
from .verdicts import RANGE, lists

__all__ = ["SimulationMeans"]


class SimulationMeans:
    """Means over repetitions (n_methods, n_alphas) for the alphas of `RANGE`."""

    def __init__(self, scores: Scores) -> None:
        chosen = scores.chosen(*RANGE)
        self.scores = scores
        self.percents = np.array(scores.percents)[chosen]
        self.false = scores.false_positives.mean(axis=0)[:, chosen]
        self.sizes = scores.sizes.mean(axis=0)[:, chosen]
        self.errors = scores.errors.mean(axis=0)[:, chosen]
        self.recovery = scores.recovery.mean(axis=0)[:, chosen]
        self.stability = scores.stability[:, chosen]
        self.positives = scores.true_positives[:, :, chosen]

    def lists(self, values: Floats) -> str:
        """Values (n_methods, n_alphas) in words."""
        return lists(self.percents, values, METHODS)

    @property
    def fewest_false(self) -> bool:
        """Whether irMxNE has fewer false positives than MxNE, and MxNE than MCE."""
        return bool((np.diff(self.false, axis=0) < 0).all())

    @property
    def sparsest(self) -> bool:
        """Whether irMxNE has the smallest active set."""
        return bool((self.sizes[2] < self.sizes[:2]).all())

    @property
    def least_biased(self) -> bool:
        """Whether debiasing changes the RMSE of irMxNE least."""
        change = np.abs(np.diff(self.errors, axis=2))[..., 0]
        return bool((change[2] < change[:2]).all())

    @property
    def best_recovery(self) -> bool:
        """Whether irMxNE has the highest F1."""
        return bool((self.recovery[2] > self.recovery[:2]).all())

    @property
    def most_stable(self) -> bool:
        """At every alpha; where nothing is found, alpha is not a number and no one wins."""
        return bool((self.stability[2] > self.stability[:2]).all())

    @property
    def bias(self) -> str:
        """RMSE without and with debiasing, in words."""
        return (
            f"RMSE {self.lists(self.errors[..., 0])}. Debiased: {self.lists(self.errors[..., 1])}"
        )

    @property
    def single(self) -> Floats:
        """Part of the draws with one source near each true one, (n_methods, n_alphas)."""
        return np.asarray((self.positives == 1).all(axis=-1).mean(axis=0))
