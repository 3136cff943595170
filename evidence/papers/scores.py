"""How good and how stable estimated supports are."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mxne_rs._arguments.convert import Floats

if TYPE_CHECKING:
    from typing_extensions import Self


def krippendorff_alpha(active: NDArray[np.bool_]) -> float:
    """Measure agreement of supports: 1 where all agree, 0 where they agree by chance.

    Repetitions (the first axis) are the observers, locations the units; nominal data without gaps.
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
    """Krippendorff's alpha of supports (n_draws, n_methods, n_alphas, n_locations)."""
    methods = np.moveaxis(active, 0, 2)
    return np.array([[krippendorff_alpha(one) for one in alphas] for alphas in methods])


def recovery(active: NDArray[np.bool_], near: NDArray[np.bool_]) -> Floats:
    """F1 of true sources, each found (once) where a source is near it.

    Supports (..., n_locations), places near each true source (n_true, n_locations).
    """
    found = np.sum([(active & one).any(axis=-1) for one in near], axis=0)
    return np.asarray(2 * found / (len(near) + active.sum(axis=-1)))


@dataclass(frozen=True, eq=False)
class Supports:
    """Supports over draws: arrays (n_draws, n_methods, n_alphas, ..)."""

    #: Alphas, rising.
    percents: tuple[float, ...]
    #: The last axis has locations; methods in the order of `METHODS`, or of its last two.
    active: NDArray[np.bool_]

    def within(self, low: float, high: float) -> Self:
        """Select the alphas between two percentages: the third axis of what has three or more."""
        percents = np.array(self.percents)
        chosen = np.flatnonzero((percents >= low) & (percents <= high))
        arrays = {one.name: getattr(self, one.name) for one in fields(self)}
        along = {
            name: values[:, :, chosen]
            for name, values in arrays.items()
            if isinstance(values, np.ndarray) and values.ndim >= 3
        }
        return replace(self, percents=tuple(percents[chosen].tolist()), **along)

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return len(self.active)

    @property
    def sizes(self) -> NDArray[np.intp]:
        """Active-set sizes, (n_draws, n_methods, n_alphas)."""
        return np.asarray(self.active.sum(axis=-1))

    @property
    def stability(self) -> Floats:
        """Krippendorff's alpha over draws, (n_methods, n_alphas)."""
        return agreement(self.active)

    def inside(self, regions: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Count sources in each region, (n_draws, n_methods, n_alphas, n_regions)."""
        return np.stack([self.active[..., one].sum(axis=-1) for one in regions], axis=-1)

    def outside(self, regions: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Count sources in no region, (n_draws, n_methods, n_alphas)."""
        return np.asarray(self.active[..., ~regions.any(axis=0)].sum(axis=-1))


@dataclass(frozen=True, eq=False)
class Scores(Supports):
    """What the repetitions of the simulation gave."""

    #: RMSE over whitened sensors as a part of the true field; last axis: without, with debiasing.
    errors: Floats
    #: Within a centimetre of the left and the right true source, (2, n_locations).
    near: NDArray[np.bool_]
    #: Of each draw.
    snr: Floats
    #: Relative duality gaps.
    gaps: Floats

    @property
    def true_positives(self) -> NDArray[np.intp]:
        """Sources near the true ones, (n_draws, n_methods, n_alphas, 2)."""
        return self.inside(self.near)

    @property
    def false_positives(self) -> NDArray[np.intp]:
        """Sources near none, (n_draws, n_methods, n_alphas)."""
        return self.outside(self.near)

    @property
    def recovery(self) -> Floats:
        """F1 of the two sources, (n_draws, n_methods, n_alphas)."""
        return recovery(self.active, self.near)
