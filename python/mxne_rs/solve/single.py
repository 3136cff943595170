"""Solve one problem on arrays: check the options, call the compiled solver, warn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import ArrayLike

from .. import _core
from .._arguments.convert import Floats, as_matrix, as_number
from .._arguments.declare import Unpack, takes
from .._arguments.warn import warn
from .._progress import Progress
from .gain import Gain
from .inputs import source_rows
from .options import (
    N_REWEIGHTS,
    Inputs,
    IrmxneOptions,
    PenaltyOptions,
    Request,
    RidgeOptions,
    Rounds,
    SolveOptions,
    asked,
    make_rounds,
)
from .solution import Solution, solution_of, warn_if_short

#: Part of alpha_max below which an alpha is probably a mistake.
SMALL_ALPHA_RATIO = 1e-4


@takes(SolveOptions, Inputs)
def solve_mxne(
    gain: Gain | ArrayLike, data: ArrayLike, alpha: float, **options: Unpack[SolveOptions]
) -> Solution:
    """Compute the mixed-norm estimate: few active locations with smooth time courses.

    Minimises ``1/2 |M - G X|^2 + alpha sum_s w_s |X_s| + ridge/2 |X|^2`` (Frobenius norms; X_s
    are the ``n_orient`` rows of location s) to a certified relative duality gap [1]_ [2]_.

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
        Where there is no source because alpha is above :func:`alpha_max`.

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
    gain, array, request = asked(gain, data, alpha, options)
    return solved("MxNE", gain, array, request, None, options["verbose"])


@takes(IrmxneOptions, Inputs, n_reweights=N_REWEIGHTS)
def solve_irmxne(
    gain: Gain | ArrayLike, data: ArrayLike, alpha: float, **options: Unpack[IrmxneOptions]
) -> Solution:
    """Compute the iteratively reweighted mixed-norm estimate: sparser, with less bias.

    Decreases ``1/2 |M - G X|^2 + alpha u sum_s w_s g(|X_s| / u) + ridge/2 |X|^2`` with the concave
    ``g = sqrt`` (or logarithm) by convex problems whose weights are ``g'(|X_s| / u)`` [1]_ [2]_.
    The answer depends on the unit u of the amplitudes, as it does on alpha.

    Returns
    -------
    solution : Solution
        With ``objective``, ``weights``, ``n_reweights``, ``reweighting_converged`` and
        ``amplitude_unit``.

    Raises
    ------
    TypeError, ValueError, KeyboardInterrupt
        As :func:`solve_mxne`.

    Warns
    -----
    ConvergenceWarning
        Where a convex problem did not reach the gap asked for.
    RuntimeWarning
        Where reweighting removed all sources of MxNE, or there is none because alpha is above
        :func:`alpha_max`.

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
    gain, array, request = asked(gain, data, alpha, options)
    return solved("irMxNE", gain, array, request, make_rounds(options), options["verbose"])


@takes(PenaltyOptions, Inputs)
def alpha_max(gain: Gain | ArrayLike, data: ArrayLike, **options: Unpack[PenaltyOptions]) -> float:
    """Compute the smallest alpha at which the MxNE is zero: ``max_s |G_s'M| / w_s``.

    Returns
    -------
    alpha : float
        0 where the data are zero or orthogonal to the gain.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> mxne_rs.alpha_max(np.eye(2), [[3.0, 4.0], [1.0, 0.0]])
    5.0
    """
    return exact_alpha_max(*asked(gain, data, 1.0, options))


@takes(RidgeOptions, Inputs)
def duality_gap(
    gain: Gain | ArrayLike,
    data: ArrayLike,
    x: Solution | ArrayLike,
    alpha: float,
    **options: Unpack[RidgeOptions],
) -> tuple[float, float, float]:
    """Certify any X: bound how far its objective can be from the minimum.

    The residual is scaled into the dual ball, ``t = min(1, alpha / max_s |G_s'R| / w_s)``, and
    the dual value is ``t <R, M> - t^2/2 |R|^2`` [1]_.

    Parameters
    ----------
    x : Solution or array_like, shape (n_sources, n_times)
        The sources to certify, from any solver; zero where a weight is infinite.

    Returns
    -------
    gap : float
        Relative gap, (primal - dual) / (|M|^2 / 2).
    primal, dual : float
        The values that enclose the minimum.

    References
    ----------
    .. [1] Strohmeier, Bekhti, Haueisen and Gramfort, IEEE TMI 35 (2016), equations 6 and 7.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> mxne_rs.duality_gap(np.eye(2), [[3.0], [1.0]], np.zeros((2, 1)), alpha=3.0)
    (0.0, 5.0, 5.0)
    """
    gain, array, request = asked(gain, data, alpha, options)
    return _core.duality_gap(gain._prepared, array, source_rows(gain, array, x, "x"), request)


def group_soft_threshold(block: ArrayLike, threshold: float) -> Floats:
    """Shrink a block: the proximal operator ``max(0, 1 - threshold / |B|) B``.

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


def solved(
    title: str, gain: Gain, data: Floats, request: Request, rounds: Rounds | None, verbose: Any
) -> Solution:
    """Solve one problem; return its Solution, after warning where it fell short."""
    with Progress(title, request.tol, verbose) as progress:
        watched = request._replace(progress=progress)
        if rounds:
            outcome = _core.solve_irmxne(gain._prepared, data, watched, rounds)
        else:
            outcome = _core.solve_mxne(gain._prepared, data, watched)
    solution = solution_of(gain, outcome, request.alpha, request.tol, request.stfts)
    if rounds and rounds.surrogate == "evidence":  # whose alpha knows no alpha_max
        return warn_if_short(replace(solution, method="gamma-MAP"))
    warn_if_short(solution, hint=hint_of_small_alpha(gain, data, [solution], request))
    warn_of_large_alpha(gain, data, [solution], request)
    return solution


def warn_of_large_alpha(
    gain: Gain, data: Floats, solutions: Sequence[Solution], request: Request
) -> None:
    """Warn where no source is left because all alphas are above `alpha_max`.

    alpha_max costs a product with the gain, and is computed only where all answers are empty.
    """
    if any(one.active_set.any() or not one.converged for one in solutions):
        return
    alpha = min(one.alpha for one in solutions)
    largest = largest_alpha(gain, data, request)
    # At alpha_max itself, up to rounding, an empty answer is what the caller asked for.
    if not 0 < largest < alpha * (1 - 1e-9):
        return
    percent = f" ({alpha:.4g} % of it is {alpha / 100 * largest:.4g})" if 1 <= alpha < 100 else ""
    warn(
        f"alpha is {alpha:.4g}, {alpha / largest:.3g} times alpha_max, from which on there is no "
        f"source: give a part of alpha_max, which is {largest:.4g}{percent}",
    )


def hint_of_small_alpha(
    gain: Gain, data: Floats, solutions: Sequence[Solution], request: Request
) -> str:
    """Say that alpha is tiny beside `alpha_max`, where epochs ran out for that."""
    short = [one.alpha for one in solutions if one.status == "iteration_limit"]
    if not short:
        return ""
    largest = largest_alpha(gain, data, request)
    if not min(short) < SMALL_ALPHA_RATIO * largest:
        return ""
    return (
        f"; alpha {min(short):.4g} is only {min(short) / largest:.2g} of alpha_max, which is "
        f"{largest:.4g}: give a larger part of alpha_max"
    )


def exact_alpha_max(gain: Gain, data: Floats, request: Request | None) -> float:
    """Compute alpha_max for the penalty of a request; for plain MxNE without one."""
    given = (request.weights, request.n_threads, request.time_frequency) if request else None
    return _core.alpha_max(gain._prepared, data, *(given or (None, 0, None)))


def largest_alpha(gain: Gain, data: Floats, request: Request | None = None) -> float:
    """Return alpha_max of checked data; NaN where another thread changed them since."""
    try:
        return exact_alpha_max(gain, data, request)
    except (ValueError, MemoryError):
        return float("nan")
