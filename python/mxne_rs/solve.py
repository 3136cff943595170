"""The verbs on NumPy arrays: defaults, validation and warnings around the compiled solver."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from . import _core
from .arrays import Floats, as_choice, as_count, as_floats, as_matrix, as_number, as_weights
from .progress import Progress, logger
from .request import Request
from .solution import ConvergenceWarning, Record, Solution

SOLVERS = ("bcd", "fista")
SURROGATES = ("sqrt", "log")


class Gain:
    """A whitened gain, checked and prepared once, accepted wherever an array is.

    Preparing copies the gain (the only copy) and computes the block Lipschitz constants. One
    Gain may be used by many threads at once.

    Parameters
    ----------
    gain : array_like, shape (n_sensors, n_locations * n_orient)
        The whitened (and depth-weighted) gain; the columns of a location are neighbours.
    n_orient : int
        Orientations per location: 1 for fixed, 3 for loose or free orientation.

    Raises
    ------
    TypeError, ValueError
        Naming the argument: not real numbers, not two dimensions, empty, NaN or infinite,
        ``n_orient`` not dividing the number of columns.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> gain = mxne_rs.Gain(np.eye(6), n_orient=3)
    >>> gain
    Gain(6 sensors x 2 locations x 3 orientations)
    >>> float(mxne_rs.alpha_max(gain, np.ones((6, 4))))
    3.4641016151377544
    """

    __slots__ = ("_prepared",)

    def __init__(self, gain: ArrayLike, n_orient: int = 1) -> None:
        array = as_floats("gain", gain, 2)
        self._prepared = _core.Gain(array, as_count("n_orient", n_orient, 1))

    @property
    def n_sensors(self) -> int:
        """Number of sensors."""
        return self._prepared.n_sensors

    @property
    def n_locations(self) -> int:
        """Number of locations."""
        return self._prepared.n_locations

    @property
    def n_orient(self) -> int:
        """Orientations per location."""
        return self._prepared.n_orient

    @property
    def shape(self) -> tuple[int, int]:
        """(n_sensors, n_locations * n_orient)."""
        return self._prepared.shape

    @property
    def lipschitz(self) -> Floats:
        """Block Lipschitz constants ``|G_s'G_s|_2``, shape (n_locations,)."""
        return self._prepared.lipschitz

    def columns(self, locations: ArrayLike) -> Floats:
        """Columns of some locations, shape (n_sensors, len(locations) * n_orient)."""
        return self._prepared.columns([int(s) for s in np.asarray(locations).ravel()])

    def __repr__(self) -> str:
        """Sizes."""
        return repr(self._prepared)


def prepared(gain: Gain | ArrayLike, n_orient: int | None) -> Gain:
    """The Gain itself, or an array prepared with ``n_orient`` (None: 1)."""
    if not isinstance(gain, Gain):
        return Gain(gain, 1 if n_orient is None else n_orient)
    if n_orient is not None and as_count("n_orient", n_orient, 1) != gain.n_orient:
        raise ValueError(
            f"n_orient is {n_orient}, but gain was prepared with {gain.n_orient}; "
            "leave n_orient out or prepare another Gain"
        )
    return gain


def _data(gain: Gain, data: ArrayLike, name: str = "data") -> Floats:
    array = as_matrix(name, data)
    if array.shape[0] != gain.n_sensors:
        raise ValueError(
            f"{name} has {array.shape[0]} rows (sensors), but gain has {gain.n_sensors}"
        )
    return array


def _x(gain: Gain, data: Floats, x: ArrayLike, name: str) -> Floats:
    array = as_matrix(name, x)
    expected = (gain.shape[1], data.shape[1])
    if array.shape != expected:
        raise ValueError(f"{name} has shape {array.shape}; {expected} (sources, times) is needed")
    return array


def _init(gain: Gain, data: Floats, init: Any) -> tuple[list[int], Floats] | None:
    """Warm start as (locations, rows); a Solution is taken apart without making its dense x."""
    if init is None:
        return None
    if isinstance(init, Solution):
        if (init.active_set.size, init.n_orient) != (gain.n_locations, gain.n_orient):
            raise ValueError(
                f"init is a Solution of {init.active_set.size} locations x {init.n_orient} "
                f"orientations, but gain has {gain.n_locations} x {gain.n_orient}"
            )
        if init.sources.shape[1] != data.shape[1]:
            raise ValueError(
                f"init has {init.sources.shape[1]} times, but data has {data.shape[1]}"
            )
        locations, rows = np.flatnonzero(init.active_set), init.sources
    else:
        x = _x(gain, data, init, "init")
        active = x.reshape(gain.n_locations, -1).any(axis=1)
        locations, rows = np.flatnonzero(active), x[np.repeat(active, gain.n_orient)]
    return locations.tolist(), np.ascontiguousarray(rows)


def _request(
    gain: Gain,
    data: Floats,
    alpha: Any,
    *,
    weights: Any = None,
    ridge: Any = 0.0,
    tol: Any = 1e-6,
    max_iter: Any = 10_000,
    time_limit: Any = None,
    init: Any = None,
    solver: Any = "bcd",
    active_set_size: Any = 10,
    n_threads: Any = 0,
) -> Request:
    """Everything but gain and data, checked, in the form the compiled module takes."""
    size = None if active_set_size is None else as_count("active_set_size", active_set_size, 1)
    limit = "give a positive number of seconds, or None"
    return Request(
        alpha=as_number("alpha", alpha, "give a positive number, such as a part of alpha_max"),
        weights=as_weights(weights, gain.n_locations),
        ridge=as_number("ridge", ridge, "give zero or a positive number", zero=True),
        tol=as_number("tol", tol, "give a positive relative duality gap such as 1e-6"),
        max_iter=as_count("max_iter", max_iter, 1),
        time_limit=None if time_limit is None else as_number("time_limit", time_limit, limit),
        init=_init(gain, data, init),
        solver=as_choice("solver", solver, SOLVERS),
        active_set_size=size,
        n_threads=as_count("n_threads", n_threads, 0),
        progress=None,
    )


def _solution(gain: Gain, outcome: _core.Outcome, request: Request) -> Solution:
    active_set = np.zeros(gain.n_locations, dtype=bool)
    active_set[outcome.locations] = True
    gap, primal, dual = outcome.certificate
    objective, weights, n_reweights, settled = outcome.reweighting or (None, None, None, None)
    solution = Solution(
        sources=outcome.sources,
        active_set=active_set,
        n_orient=gain.n_orient,
        gap=gap,
        primal=primal,
        dual=dual,
        alpha=request.alpha,
        tol=request.tol,
        status=outcome.status,
        n_iter=outcome.n_iter,
        elapsed=outcome.elapsed,
        history=tuple(Record(*record) for record in outcome.history),
        objective=objective,
        weights=weights,
        n_reweights=n_reweights,
        reweighting_converged=settled,
    )
    logger.debug("%r", solution)
    if not solution.converged:
        causes = {
            "iteration_limit": f"after {solution.n_iter} epochs (raise max_iter)",
            "time_limit": f"after {solution.elapsed:.3g} s (raise time_limit)",
            "stalled": "where rounding ends all progress (raise tol)",
        }
        warnings.warn(
            f"stopped {causes[solution.status]} at a relative duality gap of {gap:.3g}, "
            f"above the tolerance {solution.tol:.3g}",
            ConvergenceWarning,
            stacklevel=3,
        )
    return solution


def solve_mxne(
    gain: Gain | ArrayLike,
    data: ArrayLike,
    alpha: float,
    *,
    n_orient: int | None = None,
    weights: ArrayLike | None = None,
    ridge: float = 0.0,
    tol: float = 1e-6,
    max_iter: int = 10_000,
    time_limit: float | None = None,
    init: Solution | ArrayLike | None = None,
    solver: str = "bcd",
    active_set_size: int | None = 10,
    n_threads: int = 0,
    verbose: bool | str | int | None = None,
) -> Solution:
    """Mixed-norm estimate: few active locations with smooth time courses.

    Minimises ``1/2 |M - G X|^2 + alpha sum_s w_s |X_s| + ridge/2 |X|^2`` (Frobenius norms; X_s
    are the ``n_orient`` rows of location s) to a certified relative duality gap [1]_ [2]_.

    Parameters
    ----------
    gain : Gain | array_like, shape (n_sensors, n_locations * n_orient)
        Whitened (and depth-weighted) gain G.
    data : array_like, shape (n_sensors, n_times)
        Whitened data M.
    alpha : float
        Regularisation, absolute: see :func:`alpha_max` for the value at which nothing is left.
    n_orient : int | None
        Orientations per location. None is 1 for an array and the Gain's own for a Gain.
    weights : array_like, shape (n_locations,) | None
        Factors on the penalty of each location: bigger is more penalised, infinity excludes.
    ridge : float
        Weight of the additional ``|X|^2 / 2``.
    tol : float
        Relative duality gap to reach, in units of ``|M|^2 / 2``. Where the data are nearly of
        low rank over time, at most a tenth of it is spent on time components left out.
    max_iter : int
        Epochs of the inner solver allowed, in all.
    time_limit : float | None
        Seconds allowed.
    init : Solution | array_like, shape (n_sources, n_times) | None
        Where to start.
    solver : "bcd" | "fista"
        Block coordinate descent, or FISTA with restart.
    active_set_size : int | None
        Locations by which the working set grows at least; None solves on all locations at once.
    n_threads : int
        Threads for products with the whole gain; 0 means RAYON_NUM_THREADS where it is a
        positive integer, else all cores. The answer does not depend on it.
    verbose : bool | str | int | None
        None shows a progress line on a terminal, True always, False never.

    Returns
    -------
    solution : Solution
        The sources with their certificate.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, what it is, and what to give instead.
    KeyboardInterrupt
        On Ctrl-C.

    Warns
    -----
    ConvergenceWarning
        Where the gap asked for was not reached.

    References
    ----------
    .. [1] Gramfort, Kowalski and Hämäläinen, Phys. Med. Biol. 57 (2012).
    .. [2] Strohmeier, Bekhti, Haueisen and Gramfort, IEEE TMI 35 (2016), Algorithms 1 and 2.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> rng = np.random.default_rng(0)
    >>> gain = rng.standard_normal((30, 300))  # 100 locations x 3 orientations
    >>> data = gain[:, [60]] * np.sin(np.arange(50) / 5)
    >>> alpha = 0.3 * mxne_rs.alpha_max(gain, data, n_orient=3)
    >>> solution = mxne_rs.solve_mxne(gain, data, alpha, n_orient=3)
    >>> bool(solution.active_set[20]), solution.converged, solution.gap <= 1e-6
    (True, True, True)
    """
    gain = prepared(gain, n_orient)
    array = _data(gain, data)
    request = _request(
        gain, array, alpha, weights=weights, ridge=ridge, tol=tol, max_iter=max_iter,
        time_limit=time_limit, init=init, solver=solver, active_set_size=active_set_size,
        n_threads=n_threads,
    )  # fmt: skip
    with Progress("MxNE", request.tol, verbose) as progress:
        outcome = _core.solve_mxne(gain._prepared, array, request._replace(progress=progress))
    return _solution(gain, outcome, request)


def solve_irmxne(
    gain: Gain | ArrayLike,
    data: ArrayLike,
    alpha: float,
    *,
    n_reweights: int = 10,
    tol_reweight: float = 1e-6,
    surrogate: str = "sqrt",
    n_orient: int | None = None,
    weights: ArrayLike | None = None,
    ridge: float = 0.0,
    tol: float = 1e-6,
    max_iter: int = 10_000,
    time_limit: float | None = None,
    init: Solution | ArrayLike | None = None,
    solver: str = "bcd",
    active_set_size: int | None = 10,
    n_threads: int = 0,
    verbose: bool | str | int | None = None,
) -> Solution:
    """Iteratively reweighted mixed-norm estimate: sparser, with less amplitude bias.

    Lowers ``1/2 |M - G X|^2 + alpha sum_s w_s g(|X_s|) + ridge/2 |X|^2`` with the concave
    ``g = sqrt`` (or logarithm) by convex problems whose weights are ``g'(|X_s|)`` [1]_ [2]_.
    Other than MxNE, the answer depends on units: scaling gain and alpha together changes it.

    Parameters
    ----------
    gain, data, alpha
        As for :func:`solve_mxne`.
    n_reweights : int
        Convex problems at most, the first (unweighted) included: 1 is MxNE, as ``n_mxne_iter``
        in MNE-Python.
    tol_reweight : float
        Reweighting has converged when the support stays and no ``|X_s|`` changes by more than
        this part of the largest.
    surrogate : "sqrt" | "log"
        ``sqrt(|X_s|)``, where a location that has died stays dead, or ``log(|X_s| + eps)`` with
        eps a hundredth of the largest ``|X_s|`` of the first round, where it may return.
    n_orient, weights, ridge, tol, max_iter, time_limit, init
        As for :func:`solve_mxne`; weights and ridge act in every round, ``tol`` is reached in
        every round, the limits are on all rounds together.
    solver, active_set_size, n_threads, verbose
        As for :func:`solve_mxne`.

    Returns
    -------
    solution : Solution
        With ``objective``, ``weights``, ``n_reweights`` and ``reweighting_converged``.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, what it is, and what to give instead.
    KeyboardInterrupt
        On Ctrl-C.

    Warns
    -----
    ConvergenceWarning
        Where a convex problem did not reach the gap asked for.

    References
    ----------
    .. [1] Strohmeier, Haueisen and Gramfort, PRNI (2014), Algorithm 1.
    .. [2] Strohmeier, Bekhti, Haueisen and Gramfort, IEEE TMI 35 (2016), Algorithm 3.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> rng = np.random.default_rng(0)
    >>> gain = rng.standard_normal((30, 100))
    >>> data = gain[:, [20, 60]] @ rng.standard_normal((2, 50)) + rng.standard_normal((30, 50))
    >>> alpha = 0.3 * mxne_rs.alpha_max(gain, data)
    >>> solution = mxne_rs.solve_irmxne(gain, data, alpha)
    >>> np.flatnonzero(solution.active_set)
    array([20, 60])
    """
    gain = prepared(gain, n_orient)
    array = _data(gain, data)
    request = _request(
        gain, array, alpha, weights=weights, ridge=ridge, tol=tol, max_iter=max_iter,
        time_limit=time_limit, init=init, solver=solver, active_set_size=active_set_size,
        n_threads=n_threads,
    )  # fmt: skip
    rounds = as_count("n_reweights", n_reweights, 1)
    settle = as_number("tol_reweight", tol_reweight, "give zero or a small number", zero=True)
    name = as_choice("surrogate", surrogate, SURROGATES)
    with Progress("irMxNE", request.tol, verbose) as progress:
        outcome = _core.solve_irmxne(
            gain._prepared, array, request._replace(progress=progress), rounds, settle, name
        )
    return _solution(gain, outcome, request)


def alpha_max(
    gain: Gain | ArrayLike,
    data: ArrayLike,
    *,
    n_orient: int | None = None,
    weights: ArrayLike | None = None,
) -> float:
    """Smallest alpha for which the MxNE is exactly zero: ``max_s |G_s'M| / w_s``.

    Parameters
    ----------
    gain : Gain | array_like, shape (n_sensors, n_locations * n_orient)
        Whitened gain G.
    data : array_like, shape (n_sensors, n_times)
        Whitened data M.
    n_orient : int | None
        As for :func:`solve_mxne`.
    weights : array_like, shape (n_locations,) | None
        As for :func:`solve_mxne`.

    Returns
    -------
    alpha : float
        0 where the data are zero or orthogonal to the gain.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, what it is, and what to give instead.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> mxne_rs.alpha_max(np.eye(2), [[3.0, 4.0], [1.0, 0.0]])
    5.0
    """
    gain = prepared(gain, n_orient)
    array = _data(gain, data)
    return _core.alpha_max(gain._prepared, array, as_weights(weights, gain.n_locations), 0)


def duality_gap(
    gain: Gain | ArrayLike,
    data: ArrayLike,
    x: ArrayLike,
    alpha: float,
    *,
    n_orient: int | None = None,
    weights: ArrayLike | None = None,
    ridge: float = 0.0,
) -> tuple[float, float, float]:
    """Certificate of any X: how far its objective can be from the minimum.

    The residual is scaled into the dual ball, ``t = min(1, alpha / max_s |G_s'R| / w_s)``, and
    the dual value is ``t <R, M> - t^2/2 |R|^2`` [1]_.

    Parameters
    ----------
    gain : Gain | array_like, shape (n_sensors, n_locations * n_orient)
        Whitened gain G.
    data : array_like, shape (n_sensors, n_times)
        Whitened data M.
    x : array_like, shape (n_sources, n_times)
        The sources to be certified, from any solver.
    alpha : float
        Regularisation, absolute.
    n_orient, weights, ridge
        As for :func:`solve_mxne`. X has to be zero where a weight is infinite.

    Returns
    -------
    gap : float
        Relative gap, (primal - dual) / (|M|^2 / 2).
    primal, dual : float
        The values that enclose the minimum.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, what it is, and what to give instead.

    References
    ----------
    .. [1] Strohmeier, Bekhti, Haueisen and Gramfort, IEEE TMI 35 (2016), equations 6 and 7.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> mxne_rs.duality_gap(np.eye(2), [[3.0], [1.0]], np.zeros((2, 1)), alpha=3.0)
    (0.0, 5.0, 5.0)
    """
    gain = prepared(gain, n_orient)
    array = _data(gain, data)
    request = _request(gain, array, alpha, weights=weights, ridge=ridge)
    return _core.duality_gap(gain._prepared, array, _x(gain, array, x, "x"), request)


def group_soft_threshold(block: ArrayLike, threshold: float) -> Floats:
    """Proximal operator of ``threshold * |.|_F``: ``max(0, 1 - threshold / |B|) B``.

    Parameters
    ----------
    block : array_like, shape (n_orient, n_times)
        The time courses B of one location.
    threshold : float
        At least 0.

    Returns
    -------
    shrunk : array, shape (n_orient, n_times)
        Exactly zero where ``|B| <= threshold``.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, what it is, and what to give instead.

    Examples
    --------
    >>> import mxne_rs
    >>> mxne_rs.group_soft_threshold([[3.0, 4.0]], 2.5)
    array([[1.5, 2. ]])
    """
    remedy = "give zero or a positive number"
    number = as_number("threshold", threshold, remedy, zero=True)
    return _core.group_soft_threshold(as_matrix("block", block), number)
