"""The estimates of the paper on whitened arrays: MCE, MxNE and irMxNE along the same alphas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxne_rs import Gain, Solution, alpha_max, debias, solve_path
from mxne_rs._arguments.convert import Floats

#: Those of the paper, in the order of its legends.
METHODS = ("MCE", "MxNE", "irMxNE")
#: Reweightings at most, the first solve counted.
N_REWEIGHTS = 10


@dataclass(frozen=True, eq=False)
class Estimate:
    """Sources of one alpha, in units of the gain."""

    #: The support, (n_locations,).
    active: NDArray[np.bool_]
    #: Biased amplitudes, (n_active * n_orient, n_times).
    x: Floats
    #: Relative duality gap, of MCE the largest of all samples.
    gap: float

    def debiased(self, gain: Gain, data: Floats) -> Floats:
        """Scale the amplitudes by one factor of each source, so that the data are fitted best."""
        if not self.active.any():
            return self.x
        factors = debias(gain.columns(self.active), data, self.x, n_orient=gain.n_orient)
        return np.asarray(np.repeat(factors, gain.n_orient)[:, np.newaxis] * self.x)

    def fits(self, gain: Gain, data: Floats) -> tuple[Floats, Floats]:
        """What the sources explain of the data, without and with debiasing."""
        columns = gain.columns(self.active)
        return np.asarray(columns @ self.x), np.asarray(columns @ self.debiased(gain, data))


def measured(
    found: Sequence[Sequence[Estimate]], measure: Callable[[Estimate], Any]
) -> NDArray[Any]:
    """Measure the estimates of each method at each alpha: (n_methods, n_alphas, ..)."""
    return np.array([[measure(one) for one in along] for along in found])


def estimate_sources(
    gain: Gain, data: Floats, percents: Sequence[float], tol: float
) -> tuple[list[Estimate], list[Estimate]]:
    """Solve MxNE and irMxNE at rising percentages of alpha_max, in MNE's amplitude unit.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> from papers.estimates import estimate_sources
    >>> gain = mxne_rs.Gain(np.eye(6), n_orient=3)
    >>> data = np.outer([4.0, 0, 0, 2.0, 0, 0], [1.0, 2.0])
    >>> mxne, irmxne = estimate_sources(gain, data, [40, 60], tol=1e-6)
    >>> [int(one.active.sum()) for one in (*mxne, *irmxne)]
    [2, 1, 1, 1]
    """
    path = solve_path(
        gain, data, alpha_max(gain, data) / 100 * np.asarray(percents, dtype=float),
        n_reweights=N_REWEIGHTS, amplitude_unit="mne", tol=tol, n_threads=1, verbose=False,
    )  # fmt: skip
    convex, reweighted = (
        [Estimate(one.active_set, one.sources, one.gap) for one in reversed(answers)]
        for answers in (path.convex, path.solutions)
    )
    return convex, reweighted


def estimate_currents(
    gain: Gain, data: Floats, percents: Sequence[float], tol: float
) -> list[Estimate]:
    """Solve each sample by itself, as `Solver("mce")`, at rising percentages of alpha_max.

    100 % is the smallest alpha that leaves no source at any sample; a location is active where it
    is at any.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> from papers.estimates import estimate_currents
    >>> gain = mxne_rs.Gain(np.eye(6), n_orient=3)
    >>> data = np.array([[4.0, 0], [0, 0], [0, 0], [0, 2.0], [0, 0], [0, 0]])
    >>> [int(one.active.sum()) for one in estimate_currents(gain, data, [40, 60], tol=1e-6)]
    [2, 1]
    """
    largest = [alpha_max(gain, sample[:, np.newaxis]) for sample in data.T]
    alphas = max(largest) / 100 * np.sort(np.asarray(percents, dtype=float))
    answers: list[list[Solution | None]] = []
    for time, top in enumerate(largest):
        below = alphas[alphas < top]
        path = (
            solve_path(gain, data[:, [time]], below, tol=tol, n_threads=1, verbose=False)
            if len(below)
            else ()
        )
        answers.append([*reversed(path), *[None] * (len(alphas) - len(below))])
    return [_together(gain, samples) for samples in zip(*answers, strict=True)]


def _together(gain: Gain, samples: Sequence[Solution | None]) -> Estimate:
    """The samples of an alpha as one estimate; None is a sample without a source."""
    active = np.zeros(gain.n_locations, dtype=bool)
    for one in filter(None, samples):
        active |= one.active_set
    rows = np.repeat(active, gain.n_orient)
    columns = [np.zeros((rows.sum(), 1)) if one is None else one.x[rows] for one in samples]
    gap = max((one.gap for one in samples if one is not None), default=0.0)
    return Estimate(active, np.hstack(columns), gap)
