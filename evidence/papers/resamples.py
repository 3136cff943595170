"""What resampled epochs gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxne_rs._arguments.convert import Floats
from mxne_rs.study import Part

from .estimates import Estimate, estimate_sources
from .recorded import Recording, goodness_of_fit
from .scores import Supports

#: A region of interest reaches this far from a true source, in m.
REGION = 0.02


@dataclass(frozen=True, eq=False)
class Resamples(Supports):
    """MxNE and irMxNE over resamples, and on the average of all epochs."""

    #: Goodness of fit in percent, without and with debiasing: last axis.
    fit: Floats
    #: Within 2 cm of the left and the right true source, (2, n_locations), where there are any.
    regions: NDArray[np.bool_] | None
    #: An alpha, the estimates on the average of all epochs there, their debiased goodness of fit.
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
        gain, data = recording.model.gain, recording.average
        (convex,), (reweighted,) = estimate_sources(gain, data, [shown], tol)
        fits = [goodness_of_fit(gain, data, one, recording.peak)[1] for one in (convex, reweighted)]
        return Resamples(
            tuple(percents),
            np.array([part["active"] for part in parts]),
            np.array([part["fit"] for part in parts]),
            None if recording.distances is None else recording.distances < REGION,
            shown,
            (convex, reweighted),
            (fits[0], fits[1]),
        )

    @property
    def probability(self) -> Floats:
        """How often a location is selected, (2, n_alphas, n_locations)."""
        return np.asarray(self.active.mean(axis=0))
