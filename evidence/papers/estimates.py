"""The estimates of the paper on whitened arrays: MCE, MxNE and irMxNE along the same alphas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxne_rs._arguments.convert import Floats
from mxne_rs.solve.debias import debias
from mxne_rs.solve.gain import Gain
from mxne_rs.solve.many import solve_path
from mxne_rs.solve.single import alpha_max, solve_mxne
from mxne_rs.solve.solution import Solution

#: A sample of MCE: its index, active locations, amplitudes, relative gap.
Part = tuple[int, NDArray[np.intp], Floats, float]


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
    columns = gain.columns(np.arange(gain.n_locations))
    correlations = _group_norms(columns, data, gain.n_orient)
    largest = correlations.max(axis=0)
    problem = Currents(columns, gain.n_orient, data, tol)
    estimates = []
    for percent in sorted(percents, reverse=True):
        alpha = float(largest.max()) * percent / 100
        times = np.flatnonzero(largest > alpha)
        parts, correlations[:, times] = problem.solve(alpha, times, correlations[:, times])
        estimates.append(_together(gain, parts, data.shape[1]))
    return estimates[::-1]


#: Locations that a sample brings in at first, and again where its certificate asks for more.
N_CANDIDATES = 20
#: Certificates at most; they are far fewer.
N_ROUNDS = 50


class Currents:
    """Problems of one sample each, solved on candidates that they share.

    A certificate is a product with the whole gain: one for all samples costs little more than one
    for a single sample, because the gain is read once.
    """

    def __init__(self, columns: Floats, n_orient: int, data: Floats, tol: float) -> None:
        self.columns, self.n_orient, self.data, self.tol = columns, n_orient, data, tol
        self.candidates = np.zeros(columns.shape[1] // n_orient, dtype=bool)

    def solve(
        self, alpha: float, times: NDArray[np.intp], correlations: Floats
    ) -> tuple[list[Part], Floats]:
        """The samples `times` at an alpha, and their residuals' correlations."""
        found: dict[int, Part] = {}
        correlations = correlations.copy()
        left = np.arange(len(times))
        for _ in range(N_ROUNDS):
            if not len(left):
                break
            self._admit(correlations[:, left])
            where = np.flatnonzero(self.candidates)
            chosen = self.columns[:, np.repeat(self.candidates, self.n_orient)]
            solutions = self._solutions(Gain(chosen, self.n_orient), alpha, times[left])
            x = np.hstack([one.x for one in solutions])
            residuals = self.data[:, times[left]] - chosen @ x
            correlations[:, left] = _group_norms(self.columns, residuals, self.n_orient)
            gaps = self._gaps(alpha, times[left], x, residuals, correlations[:, left].max(axis=0))
            for one, solution, gap in zip(left.tolist(), solutions, gaps, strict=True):
                sources = solution.sources[:, 0]
                found[one] = (int(times[one]), where[solution.active_set], sources, float(gap))
            left = left[gaps > self.tol]
        return [found[one] for one in sorted(found)], correlations

    def _solutions(self, gain: Gain, alpha: float, times: NDArray[np.intp]) -> list[Solution]:
        """Each sample on the candidates, started from the one before: they are much alike."""
        solutions: list[Solution] = []
        for time in times:
            solutions.append(
                solve_mxne(
                    gain, self.data[:, [time]], alpha, init=solutions[-1] if solutions else None,
                    tol=self.tol / 2, n_threads=1, verbose=False,
                )
            )  # fmt: skip
        return solutions

    def _admit(self, correlations: Floats) -> None:
        """Take in those that correlate most with each sample's residual, some of them new."""
        outside = np.where(self.candidates[:, np.newaxis], -1.0, correlations)
        n_new = min(N_CANDIDATES, len(outside))
        best = np.argpartition(-outside, n_new - 1, axis=0)[:n_new]
        self.candidates[best[np.take_along_axis(outside, best, axis=0) >= 0]] = True

    def _gaps(
        self, alpha: float, times: NDArray[np.intp], x: Floats, residuals: Floats, largest: Floats
    ) -> Floats:
        """Relative duality gap of each sample, on all locations."""
        data = self.data[:, times]
        norms = np.linalg.norm(x.reshape(-1, self.n_orient, x.shape[1]), axis=1).sum(axis=0)
        squares = np.sum(residuals**2, axis=0)
        scale = np.minimum(1.0, alpha / largest)
        dual = scale * np.sum(residuals * data, axis=0) - 0.5 * scale**2 * squares
        return np.asarray((0.5 * squares + alpha * norms - dual) / (0.5 * np.sum(data**2, axis=0)))


def _group_norms(columns: Floats, data: Floats, n_orient: int) -> Floats:
    """|G_s' m| for each location and sample."""
    product = (columns.T @ data).reshape(-1, n_orient, data.shape[1])
    return np.asarray(np.sqrt(np.einsum("sot,sot->st", product, product)))


def _together(gain: Gain, parts: Sequence[Part], n_times: int) -> Estimate:
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
