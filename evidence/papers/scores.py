"""How good and how stable estimated supports are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxne_rs._arguments.convert import Floats


def krippendorff_alpha(active: NDArray[np.bool_]) -> float:
    """Krippendorff's alpha of supports: 1 where all agree, 0 where they agree by chance.

    Parameters
    ----------
    active : array of bool, shape (n_repetitions, n_locations)
        Repetitions are the observers, locations the units; nominal data without gaps.

    Returns
    -------
    alpha : float
        NaN where no location, or every one, is always active.

    Examples
    --------
    Two observers who differ at one of four units; of the eight values three are ones:
    1 - 7 * 1 / (3 * 5).

    >>> import numpy as np
    >>> from papers.scores import krippendorff_alpha
    >>> support = np.array([[1, 1, 0, 0], [1, 0, 0, 0]], dtype=bool)
    >>> round(krippendorff_alpha(support), 4)
    0.5333
    """
    n_observers, n_units = active.shape
    ones = active.sum(axis=0).astype(float)
    n_ones = float(ones.sum())
    n_values = n_observers * n_units
    if n_observers < 2 or n_ones in (0.0, float(n_values)):
        return float("nan")
    # Pairs of observers that differ, against pairs of values that do.
    differing = float(np.sum(ones * (n_observers - ones))) / (n_observers - 1)
    return float(1 - (n_values - 1) * differing / (n_ones * (n_values - n_ones)))


def agreement(active: NDArray[np.bool_]) -> Floats:
    """Krippendorff's alpha of supports (n_repetitions, n_methods, n_alphas, n_locations)."""
    _, n_methods, n_alphas, _ = active.shape
    return np.array(
        [[krippendorff_alpha(active[:, m, a]) for a in range(n_alphas)] for m in range(n_methods)]
    )


@dataclass(frozen=True, eq=False)
class Scores:
    """What the repetitions of the simulation gave.

    Attributes
    ----------
    percents : tuple of float
        Alphas, rising.
    active : array of bool, shape (n_repetitions, n_methods, n_alphas, n_locations)
        Supports, methods in the order of `METHODS`.
    errors : array, shape (n_repetitions, n_methods, n_alphas, 2)
        RMSE over whitened sensors as a part of the true field, without and with debiasing.
    near : array of bool, shape (2, n_locations)
        Within a centimetre of the left and the right true source.
    snr : array, shape (n_repetitions,)
        Of the draws.
    gaps : array, shape (n_repetitions, n_methods, n_alphas)
        Relative duality gaps.
    """

    percents: tuple[float, ...]
    active: NDArray[np.bool_]
    errors: Floats
    near: NDArray[np.bool_]
    snr: Floats
    gaps: Floats

    @property
    def n_repetitions(self) -> int:
        """Number of draws."""
        return len(self.active)

    @property
    def true_positives(self) -> NDArray[np.intp]:
        """Sources near the true ones, (n_repetitions, n_methods, n_alphas, 2)."""
        return np.stack([self.active[..., side].sum(axis=-1) for side in self.near], axis=-1)

    @property
    def sizes(self) -> NDArray[np.intp]:
        """Active-set sizes, (n_repetitions, n_methods, n_alphas)."""
        return np.asarray(self.active.sum(axis=-1))

    @property
    def false_positives(self) -> NDArray[np.intp]:
        """Sources near none, (n_repetitions, n_methods, n_alphas)."""
        return np.asarray(self.active[..., ~self.near.any(axis=0)].sum(axis=-1))

    @property
    def recovery(self) -> Floats:
        """F1 of the two sources, each found at most once: (n_repetitions, n_methods, n_alphas)."""
        found = (self.true_positives > 0).sum(axis=-1)
        return np.asarray(2 * found / (2 + self.sizes))

    @property
    def stability(self) -> Floats:
        """Krippendorff's alpha over repetitions, (n_methods, n_alphas)."""
        return agreement(self.active)

    def chosen(self, low: float, high: float) -> NDArray[np.intp]:
        """Indices of the alphas between two percentages."""
        percents = np.array(self.percents)
        return np.flatnonzero((percents >= low) & (percents <= high))
