"""The answer of a solve, and the warning where it did not converge."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._arguments.convert import Floats
from .._arguments.warn import ConvergenceWarning as ConvergenceWarning
from .._arguments.warn import warn
from .._progress import logger
from .coefficients import Coefficients, Stft, coefficients_of
from .gain import Gain


class Record(NamedTuple):
    """A certificate of the full problem, recorded during a solve.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> mxne_rs.solve_mxne(np.eye(2), np.eye(2), 0.5).history[0].n_active
    0
    """

    n_iter: int
    """Epochs so far."""
    primal: float
    """Value of the objective."""
    gap: float
    """Relative duality gap."""
    n_active: int
    """Number of active locations."""


@dataclass(frozen=True, eq=False, repr=False)
class Solution:
    """A sparse source estimate with its certificate.

    After reweighting ``gap``, ``primal`` and ``dual`` are those of the last weighted convex
    problem, over the locations whose weights are finite.

    Attributes
    ----------
    sources : array, shape (n_active * n_orient, n_times)
        The rows of X that are not zero, in the units of data over gain.
    active_set : array of bool, shape (n_locations,)
        Which locations are not zero.
    n_orient : int
        Orientations per location.
    gap : float
        Relative duality gap, (primal - dual) / (|M|^2 / 2): an upper bound on the distance of the
        objective from its minimum, in units of the objective at X = 0.
    primal, dual : float
        The values that enclose the minimum.
    alpha, tol : float
        The regularisation and the tolerance asked for.
    explained_variance : float
        ``1 - |M - G X|^2 / |M|^2``.
    method : str
        "MxNE", "irMxNE", "TF-MxNE", "irTF-MxNE" or "gamma-MAP".
    status : str
        "converged", "iteration_limit", "time_limit" or "stalled" (by rounding).
    n_iter : int
        Total number of epochs of the inner solver.
    elapsed : float
        Seconds.
    history : tuple of Record
        The certificates that were computed during the solve.
    objectives : array, shape (n_accepted,) | None
        After reweighting, the value of the non-convex objective after each round: never
        rising, but for rounding. For the evidence it is ``log|C| + tr(C^-1 M M') / n_times``.
    weights : array, shape (n_locations,) | None
        After reweighting, the weights of the last convex problem (infinite where a location
        became zero for good).
    n_reweights : int | None
        After reweighting, the number of convex problems solved.
    reweighting_converged : bool | None
        After reweighting, whether support and amplitudes had stopped changing.
    amplitude_unit : float | None
        After reweighting, the unit of amplitudes in the penalty, in the unit of `sources`.
    n_active_first : int | None
        After reweighting, the number of locations active in the first round, which is MxNE.
    sure : SureCurve | None
        Where alpha was chosen by SURE, the curve that it was chosen on.
    coefficients : Coefficients | None
        From TF-MxNE, the time-frequency coefficients of `sources`.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> solution = mxne_rs.solve_mxne(np.eye(3), 2 * np.eye(3), alpha=1.0)
    >>> solution.converged, solution.active_set.sum()
    (True, np.int64(3))
    >>> solution.x.round(3)[0]
    array([1., 0., 0.])
    """

    sources: Floats
    active_set: NDArray[np.bool_]
    n_orient: int
    gap: float
    primal: float
    dual: float
    alpha: float
    tol: float
    explained_variance: float
    status: str
    n_iter: int
    elapsed: float
    history: tuple[Record, ...] = field(default=())
    method: str = "MxNE"
    objectives: Floats | None = None
    weights: Floats | None = None
    n_reweights: int | None = None
    reweighting_converged: bool | None = None
    amplitude_unit: float | None = None
    n_active_first: int | None = None
    sure: SureCurve | None = None
    coefficients: Coefficients | None = None

    @property
    def objective(self) -> float | None:
        """After reweighting, the value of the non-convex objective."""
        return None if self.objectives is None else float(self.objectives[-1])

    @property
    def converged(self) -> bool:
        """Whether the relative gap reached the tolerance."""
        return self.status == "converged"

    @property
    def emptied(self) -> bool:
        """Whether reweighting removed all sources of its first round."""
        return bool(self.n_active_first) and not self.active_set.any()

    @property
    def x(self) -> Floats:
        """All rows of X, shape (n_sources, n_times); a new array at each access."""
        x = np.zeros((self.active_set.size * self.n_orient, self.sources.shape[1]))
        x[np.repeat(self.active_set, self.n_orient)] = self.sources
        return x

    @property
    def residual_std(self) -> float | None:
        """Standard deviation of the residual, to compare with the noise that SURE assumed.

        ``sqrt(|M - G X|^2 / (n_sensors n_times))``; None where SURE did not choose alpha.
        """
        return None if self.sure is None else float(self.sure.residual_std[self.sure.index])

    def __repr__(self) -> str:
        """Return locations, alpha, status, gap, epochs and time on one line."""
        n_active, n_locations = int(self.active_set.sum()), self.active_set.size
        rounds = "" if self.n_reweights is None else f", {self.n_reweights} reweightings"
        if self.reweighting_converged is False:
            rounds += " (not settled)"
        left = "" if self.sure is None else f", {self.sure.levels()}"
        return (
            f"<Solution: {n_active} of {n_locations} locations, alpha {self.alpha:.4g}{left}, "
            f"{self.status}, relative gap {self.gap:.1e} (tol {self.tol:.0e}), "
            f"{self.n_iter} epochs{rounds}, {1e3 * self.elapsed:.1f} ms>"
        )


def solution_of(
    gain: Gain, outcome: _core.Outcome, alpha: float, tol: float, stfts: tuple[Stft, ...] = ()
) -> Solution:
    """Make a Solution of the outcome of a solve."""
    active_set = np.zeros(gain.n_locations, dtype=bool)
    active_set[outcome.locations] = True
    gap, primal, dual = outcome.certificate
    rounds: dict[str, Any] = {}
    if outcome.reweighting is not None:
        names = ("objectives", "weights", "n_reweights", "reweighting_converged",
                 "amplitude_unit", "n_active_first")  # fmt: skip
        rounds = dict(zip(names, outcome.reweighting, strict=True))
        rounds["objectives"] = np.array(rounds["objectives"])
    frame = "" if outcome.coefficients is None else "TF-"
    solution = Solution(
        method=f"{'ir' if rounds else ''}{frame}MxNE",
        sources=outcome.sources,
        active_set=active_set,
        n_orient=gain.n_orient,
        gap=gap,
        primal=primal,
        dual=dual,
        alpha=alpha,
        tol=tol,
        explained_variance=outcome.explained_variance,
        status=outcome.status,
        n_iter=outcome.n_iter,
        elapsed=outcome.elapsed,
        history=tuple(Record(*record) for record in outcome.history),
        coefficients=coefficients_of(outcome, stfts, gain.n_orient),
        **rounds,
    )
    logger.debug("%r", solution)
    return solution


#: Unconverged or emptied solves of the current call: (label, solution, hint).
_GATHERED: ContextVar[list[tuple[str, Solution, str]] | None] = ContextVar("gathered", default=None)


@contextmanager
def one_warning() -> Iterator[list[tuple[str, Solution, str]]]:
    """Collect the warnings of all solves of a call into one, however deep they are nested."""
    outer = _GATHERED.get()
    if outer is not None:
        yield outer
        return
    gathered: list[tuple[str, Solution, str]] = []
    token = _GATHERED.set(gathered)
    try:
        yield gathered
    finally:
        _GATHERED.reset(token)
    _warn_of(gathered)


def warn_if_short(solution: Solution, label: str = "", hint: str = "") -> Solution:
    """Warn where a solve did not converge or reweighting emptied it; return the solution."""
    if not solution.converged or solution.emptied:
        with one_warning() as gathered:
            gathered.append((label, solution, hint))
    return solution


def _warn_of(solves: list[tuple[str, Solution, str]]) -> None:
    short = [solve for solve in solves if not solve[1].converged]
    if short:
        label, first, hint = short[0]
        causes = {
            "iteration_limit": f"after {first.n_iter} epochs (raise max_iter)",
            "time_limit": f"after {first.elapsed:.3g} s (raise time_limit)",
            "stalled": "because rounding prevents further progress (raise tol)",
        }
        many = f"{len(short)} solves did not converge, the first: " if len(short) > 1 else ""
        warn(
            f"{many}{label}stopped {causes[first.status]} at a relative duality gap of "
            f"{first.gap:.3g}, above the tolerance {first.tol:.3g}{hint}",
            ConvergenceWarning,
        )
    emptied = [solve for solve in solves if solve[1].emptied]
    if emptied:
        label, first, _ = emptied[0]
        n = first.n_active_first
        many = f"{len(emptied)} answers have none, the first: " if len(emptied) > 1 else ""
        warn(
            f"No active dipoles found, alpha is too big: {many}{label}reweighting left none of "
            f"MxNE's {n} source{'s' * (n != 1)}; give a smaller alpha, a smaller amplitude_unit "
            '("relative" fits it to the sources), or a single round, which is MxNE'
        )


@dataclass(frozen=True, eq=False, repr=False)
class SureCurve:
    """Stein's unbiased risk estimate over decreasing alphas.

    Attributes
    ----------
    alphas : array, shape (n_alphas,)
        Decreasing, in the unit of ``Solution.alpha`` (absolute on arrays, percent in
        :func:`mxne_rs.mixed_norm`).
    values : array, shape (n_alphas,)
        The estimate of ``|G X - G X_true|^2``; the smallest is the choice. NaN where the solver
        stopped before the gap was reached.
    dof : array, shape (n_alphas,)
        Degrees of freedom: the sensitivity of the fit to the noise, by finite differences along
        random directions.
    n_active : array of int, shape (n_alphas,)
        Number of active locations.
    gaps : array, shape (n_alphas,)
        Relative duality gap of each answer.
    explained_variance : array, shape (n_alphas,)
        Part of the power of the data that each answer explains (before debiasing).
    sigma : array, shape (n_times,)
        The standard deviation of the noise that was assumed for each sample.
    residual_std : array, shape (n_alphas,)
        Standard deviation of ``M - G X`` of each answer (debiased where the risk is that of the
        debiased answers). Where it is clearly above `sigma` at the choice, the data hold more than
        the sources found and noise of that level.
    alike : array of bool, shape (n_alphas,)
        Alphas whose value exceeds the smallest by at most the standard error of the difference
        over random directions, ``2 sigma^2 sqrt(2 |difference of dof| / n_directions)`` (for fits
        that are nested projections).
    index : int
        Position of the choice.
    doubt : str or None
        The first reason to doubt the choice: "many" (more than 20 locations, or 4 without
        reweighting), "edge" (`at_edge`) or "flat" (`is_flat`). None without one, for one alpha, and
        where a solve fell short.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> rng = np.random.default_rng(0)
    >>> gain = rng.standard_normal((30, 100))
    >>> data = gain[:, [20, 60]] @ rng.standard_normal((2, 50)) + rng.standard_normal((30, 50))
    >>> curve = mxne_rs.solve_sure(gain, data, rng=0).sure
    >>> curve
    <SureCurve: 15 alphas, smallest at number 11 of them, 2 locations>
    """

    alphas: Floats
    values: Floats
    dof: Floats
    n_active: NDArray[np.intp]
    gaps: Floats
    explained_variance: Floats
    sigma: Floats
    residual_std: Floats
    alike: NDArray[np.bool_]
    index: int
    doubt: str | None = None

    @property
    def at_edge(self) -> bool:
        """Whether the smallest value is at an end of the grid: the minimum may lie beyond."""
        return len(self.alphas) > 1 and self.index in (0, len(self.alphas) - 1)

    @property
    def is_flat(self) -> bool:
        """Whether answers as good as the choice differ in their locations by more than a factor 2.

        The choice among them then depends on the random directions.
        """
        counts = self.n_active[self.alike]
        return bool(counts.size) and int(counts.max()) > 2 * max(int(counts.min()), 1)

    def levels(self) -> str:
        """Describe the residual std at the choice, beside the noise std that was assumed.

        Returns
        -------
        words : str
            The two standard deviations, in whitened data.
        """
        assumed = float(np.sqrt(np.mean(self.sigma**2)))
        left = float(self.residual_std[self.index])
        return f"residual of std {left:.3g} (noise assumed {assumed:.3g})"

    def __repr__(self) -> str:
        """Return the number of alphas and the choice on one line."""
        return (
            f"<SureCurve: {len(self.alphas)} alphas, smallest at number {self.index + 1} of them, "
            f"{self.n_active[self.index]} locations>"
        )
