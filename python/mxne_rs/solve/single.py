"""The verbs on NumPy arrays: defaults, validation and warnings around the compiled solver."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import ArrayLike

from .. import _core
from .._arguments.convert import Floats, as_matrix, as_number, as_weights
from .._arguments.warn import warn
from .._progress import Progress
from .gain import Gain, prepared
from .options import N_REWEIGHTS, Request, make_request, make_rounds, sensor_data, source_rows
from .solution import Solution, reported, solution_of

#: An alpha below this part of alpha_max was probably not meant.
SMALL = 1e-4


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
        None shows a progress line on a terminal, True always, False never; a level of `logging`
        means True from 'INFO' downwards.

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
    RuntimeWarning
        Where nothing is left because alpha is above :func:`alpha_max`.

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
    array = sensor_data(gain, data)
    request = make_request(
        gain, array, alpha, weights=weights, ridge=ridge, tol=tol, max_iter=max_iter,
        time_limit=time_limit, init=init, solver=solver, active_set_size=active_set_size,
        n_threads=n_threads,
    )  # fmt: skip
    with Progress("MxNE", request.tol, verbose) as progress:
        outcome = _core.solve_mxne(gain._prepared, array, request._replace(progress=progress))
    return _finished(gain, array, outcome, request)


def solve_irmxne(
    gain: Gain | ArrayLike,
    data: ArrayLike,
    alpha: float,
    *,
    n_reweights: int = N_REWEIGHTS,
    tol_reweight: float = 1e-6,
    surrogate: str = "sqrt",
    amplitude_unit: float | str = "relative",
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

    Lowers ``1/2 |M - G X|^2 + alpha u sum_s w_s g(|X_s| / u) + ridge/2 |X|^2`` with the concave
    ``g = sqrt`` (or logarithm) by convex problems whose weights are ``g'(|X_s| / u)`` [1]_ [2]_.
    The answer depends on the unit u of the amplitudes, as it does on alpha.

    Parameters
    ----------
    gain, data, alpha
        As for :func:`solve_mxne`.
    n_reweights : int
        Convex problems at most, the first (unweighted) included: 1 is MxNE, as ``n_mxne_iter``
        in MNE-Python. Default: 100, in which nearly all answers settle; none is solved after that.
    tol_reweight : float
        Reweighting has converged when the support stays and no ``|X_s|`` changes by more than
        this part of the largest.
    surrogate : "sqrt" | "log"
        ``sqrt(y)`` of an amplitude y, where a location that has died stays dead, or
        ``log(y + eps)`` with eps a hundredth of the largest y of the first round, where it may
        return.
    amplitude_unit : float | "relative" | "largest" | "mne" | "gain"
        The unit u: a larger one makes weights larger and sources fewer. A number is in the unit
        of data over gain ([1]_ and [2]_ have 1). The other ones do not depend on the physical
        unit of the sources:

        - "largest": the largest ``|X_s|`` of the first round has weight 1. It does not depend on
          the scale of the data either. Few sources, all nearly as large.
        - "relative": a quarter of that, for "sqrt" the largest ``|X_s|`` itself. The answer
          depends little on alpha.
        - "mne": ``100 / alpha_max``, as in MNE-Python; costs one more product with the gain.
        - "gain": one over the median norm of a location's columns, so that such a source moves
          the whitened data by 1.

        With "log" and a number, "mne" or "gain", weights can all be below 1, and sources more
        than MxNE's, where a hundredth of the largest amplitude is above the unit.
    n_orient, weights, ridge, tol, max_iter, time_limit, init
        As for :func:`solve_mxne`; weights and ridge act in every round, ``tol`` is reached in
        every round, the limits are on all rounds together.
    solver, active_set_size, n_threads, verbose
        As for :func:`solve_mxne`.

    Returns
    -------
    solution : Solution
        With ``objective``, ``weights``, ``n_reweights``, ``reweighting_converged`` and
        ``amplitude_unit``.

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
    RuntimeWarning
        Where reweighting left none of the sources of MxNE.
        Where nothing is left because alpha is above :func:`alpha_max`.

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
    array = sensor_data(gain, data)
    request = make_request(
        gain, array, alpha, weights=weights, ridge=ridge, tol=tol, max_iter=max_iter,
        time_limit=time_limit, init=init, solver=solver, active_set_size=active_set_size,
        n_threads=n_threads,
    )  # fmt: skip
    rounds = make_rounds(n_reweights, tol_reweight, surrogate, amplitude_unit)
    with Progress("irMxNE", request.tol, verbose) as progress:
        outcome = _core.solve_irmxne(
            gain._prepared, array, request._replace(progress=progress), rounds
        )
    return _finished(gain, array, outcome, request)


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
    array = sensor_data(gain, data)
    return _core.alpha_max(gain._prepared, array, as_weights(weights, gain.n_locations), 0)


def duality_gap(
    gain: Gain | ArrayLike,
    data: ArrayLike,
    x: Solution | ArrayLike,
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
    x : Solution | array_like, shape (n_sources, n_times)
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
    array = sensor_data(gain, data)
    request = make_request(gain, array, alpha, weights=weights, ridge=ridge)
    return _core.duality_gap(gain._prepared, array, source_rows(gain, array, x, "x"), request)


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


def _finished(gain: Gain, data: Floats, outcome: _core.Outcome, request: Request) -> Solution:
    """Make a Solution of an outcome, with the warnings it deserves."""
    solution = solution_of(gain, outcome, request.alpha, request.tol)
    reported(solution, hint=hint_of_small_alpha(gain, data, [solution], request))
    warn_of_large_alpha(gain, data, [solution], request)
    return solution


def warn_of_large_alpha(
    gain: Gain, data: Floats, solutions: Sequence[Solution], request: Request
) -> None:
    """Warn where nothing is left at any alpha because all are above `alpha_max`.

    The product with the gain that tells is made only where the answers are empty.
    """
    if any(one.active_set.any() or not one.converged for one in solutions):
        return
    alpha = min(one.alpha for one in solutions)
    largest = _largest_if_known(gain, data, request)
    # At alpha_max itself, and where rounding makes it another, nothing is what was asked for.
    if not 0 < largest < alpha * (1 - 1e-9):
        return
    percent = f" ({alpha:.4g} % of it is {alpha / 100 * largest:.4g})" if 1 <= alpha < 100 else ""
    warn(
        f"alpha is {alpha:.4g}, {alpha / largest:.3g} times alpha_max, from which on nothing is "
        f"left: give a part of alpha_max, which is {largest:.4g}{percent}",
        RuntimeWarning,
    )


def hint_of_small_alpha(
    gain: Gain, data: Floats, solutions: Sequence[Solution], request: Request
) -> str:
    """Say where epochs ran out because alpha is next to nothing beside `alpha_max`."""
    short = [one.alpha for one in solutions if one.status == "iteration_limit"]
    if not short:
        return ""
    largest = _largest_if_known(gain, data, request)
    if not min(short) < SMALL * largest:
        return ""
    return (
        f"; alpha {min(short):.4g} is {min(short) / largest:.2g} of alpha_max, which is "
        f"{largest:.4g}: give a part of that"
    )


def _largest_if_known(gain: Gain, data: Floats, request: Request) -> float:
    """Return alpha_max, or NaN where the caller has changed the arrays meanwhile."""
    try:
        return _core.alpha_max(gain._prepared, data, request.weights, request.n_threads)
    except (ValueError, MemoryError):
        return float("nan")
