"""What resampled epochs gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxne_rs._arguments.convert import Floats
from mxne_rs.study.study import Part

from .estimates import Estimate, estimate_sources
from .recorded import Recording, goodness_of_fit
from .scores import agreement

#: A region of interest reaches this far from a true source, in m.
REGION = 0.02


@dataclass(frozen=True, eq=False)
class Resamples:
    """MxNE and irMxNE (axis "method") over resamples, and on the average of all epochs.

    Attributes
    ----------
    percents : tuple of float
        Alphas, rising.
    active : array of bool, shape (n_resamples, 2, n_alphas, n_locations)
        Supports.
    fit : array, shape (n_resamples, 2, n_alphas, 2)
        Goodness of fit in percent, without and with debiasing.
    regions : array of bool, shape (2, n_locations) or None
        Within 2 cm of the left and the right true source, where there are any.
    shown : float
        The alpha of
    whole : tuple of Estimate
        MxNE and irMxNE on the average of all epochs, and
    whole_fit : tuple of float
        their goodness of fit, debiased.
    """

    percents: tuple[float, ...]
    active: NDArray[np.bool_]
    fit: Floats
    regions: NDArray[np.bool_] | None
    shown: float
    whole: tuple[Estimate, Estimate]
    whole_fit: tuple[float, float]

    @staticmethod
    def of(
        parts: Sequence[Part],
        percents: Sequence[float],
        recording: Recording,
        shown: float,
        tol: float,
    ) -> Resamples:
        """The parts of a `resampling_study` together, and the average of all epochs."""
        gain, data = recording.model.gain, recording.trials.mean(axis=0)
        (convex,), (reweighted,) = estimate_sources(gain, data, [shown], tol)
        fits = [goodness_of_fit(gain, data, one, recording.peak)[1] for one in (convex, reweighted)]
        regions = None if recording.distances is None else recording.distances < REGION
        return Resamples(
            tuple(percents),
            np.array([part["active"] for part in parts]),
            np.array([part["fit"] for part in parts]),
            regions,
            shown,
            (convex, reweighted),
            (fits[0], fits[1]),
        )

    @property
    def sizes(self) -> NDArray[np.intp]:
        """Active-set sizes, (n_resamples, 2, n_alphas)."""
        return np.asarray(self.active.sum(axis=-1))

    @property
    def probability(self) -> Floats:
        """How often a location is selected, (2, n_alphas, n_locations)."""
        return np.asarray(self.active.mean(axis=0))

    @property
    def outside(self) -> Floats | None:
        """Number of sources outside of the regions, (n_resamples, 2, n_alphas)."""
        if self.regions is None:
            return None
        return np.asarray(self.active[..., ~self.regions.any(axis=0)].sum(axis=-1), dtype=float)

    @property
    def stability(self) -> Floats:
        """Krippendorff's alpha over resamples, (2, n_alphas)."""
        return agreement(self.active)
