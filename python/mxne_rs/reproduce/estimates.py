"""The estimates of the paper on whitened arrays: MCE, MxNE and irMxNE along the same alphas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Floats
from ..debiasing import debias
from ..gain import Gain
from ..solve import alpha_max
from ..sweeps import solve_path

__all__ = ["METHODS", "Estimate", "estimate_currents", "estimate_sources"]

#: Those of the paper, in the order of its legends.
METHODS = ("MCE", "MxNE", "irMxNE")
#: Reweightings at most, the first solve counted.
N_REWEIGHTS = 10


@dataclass(frozen=True, eq=False)
class Estimate:
    """Sources in units of the gain, of one alpha.

    Attributes
    ----------
    active : array of bool, shape (n_locations,)
        The support.
    x : array, shape (n_active * n_orient, n_times)
        Amplitudes, biased.
    gap : float
        Relative duality gap, of MCE the largest of all samples.
    """

    active: NDArray[np.bool_]
    x: Floats
    gap: float

    def fits(self, gain: Gain, data: Floats) -> tuple[Floats, Floats]:
        """What the sources explain of the data, without and with debiasing."""
        if not self.active.any():
            return np.zeros_like(data), np.zeros_like(data)
        columns = gain.columns(self.active)
        factors = debias(columns, data, self.x, n_orient=gain.n_orient)
        scaled = np.repeat(factors, gain.n_orient)[:, np.newaxis] * self.x
        return np.asarray(columns @ self.x), np.asarray(columns @ scaled)


def estimate_sources(
    gain: Gain, data: Floats, percents: Sequence[float], tol: float
) -> tuple[list[Estimate], list[Estimate]]:
    """MxNE and irMxNE at percentages of alpha_max, in the unit that MNE reweights in.

    Parameters
    ----------
    gain : Gain
        Whitened.
    data : array, shape (rank, n_times)
        Whitened.
    percents : sequence of float
        Rising percentages of alpha_max.
    tol : float
        Relative duality gap.

    Returns
    -------
    mxne, irmxne : list of Estimate
        In the order of the percentages.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> from mxne_rs.reproduce.estimates import estimate_sources
    >>> gain = mxne_rs.Gain(np.eye(6), n_orient=3)
    >>> data = np.outer([4.0, 0, 0, 2.0, 0, 0], [1.0, 2.0])
    >>> mxne, irmxne = estimate_sources(gain, data, [40, 60], tol=1e-6)
    >>> [int(one.active.sum()) for one in (*mxne, *irmxne)]
    [2, 1, 2, 1]
    """
    # Data times k and alpha times k squared are MNE's unit: see `mxne_rs.localize`.
    unit = alpha_max(gain, data) / 100
    path = solve_path(
        gain, unit * data, unit**2 * np.asarray(percents, dtype=float), n_reweights=N_REWEIGHTS,
        tol=tol, n_threads=1, verbose=False,
    )  # fmt: skip
    convex, reweighted = (
        [Estimate(one.active_set, one.sources / unit, one.gap) for one in reversed(answers)]
        for answers in (path.convex, path.solutions)
    )
    return convex, reweighted


def estimate_currents(
    gain: Gain, data: Floats, percents: Sequence[float], tol: float
) -> list[Estimate]:
    """Minimum current estimates: each sample by itself, as `Solver("mce")`, at several alphas.

    Parameters and what is returned are those of `estimate_sources`; 100 % is the smallest alpha
    that leaves no source at any sample, and a location is active where it is at any.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> from mxne_rs.reproduce.estimates import estimate_currents
    >>> gain = mxne_rs.Gain(np.eye(6), n_orient=3)
    >>> data = np.array([[4.0, 0], [0, 0], [0, 0], [0, 2.0], [0, 0], [0, 0]])
    >>> [int(one.active.sum()) for one in estimate_currents(gain, data, [40, 60], tol=1e-6)]
    [2, 1]
    """
    samples = [np.ascontiguousarray(sample[:, np.newaxis]) for sample in data.T]
    largest = np.array([alpha_max(gain, sample) for sample in samples])
    alphas = largest.max() * np.asarray(percents, dtype=float) / 100
    found: list[list[tuple[int, NDArray[np.intp], Floats, float]]] = [[] for _ in alphas]
    for time, (sample, most) in enumerate(zip(samples, largest, strict=True)):
        chosen = np.flatnonzero(alphas < most)
        if not len(chosen):
            continue
        path = solve_path(gain, sample, alphas[chosen], tol=tol, n_threads=1, verbose=False)
        for index, one in zip(chosen[::-1], path, strict=True):
            found[index].append((time, np.flatnonzero(one.active_set), one.sources[:, 0], one.gap))
    return [_together(gain, parts, len(samples)) for parts in found]


def _together(
    gain: Gain, parts: Sequence[tuple[int, NDArray[np.intp], Floats, float]], n_times: int
) -> Estimate:
    """The samples of an alpha as one estimate."""
    active = np.zeros(gain.n_locations, dtype=bool)
    for _, locations, _, _ in parts:
        active[locations] = True
    row = np.cumsum(active) - 1
    x = np.zeros((int(active.sum()), gain.n_orient, n_times))
    for time, locations, amplitudes, _ in parts:
        x[row[locations], :, time] = amplitudes.reshape(-1, gain.n_orient)
    gap = max((gap for *_, gap in parts), default=0.0)
    return Estimate(active, x.reshape(-1, n_times), gap)
