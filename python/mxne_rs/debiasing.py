"""Debiasing: undo the shrinkage of the penalty, one factor per source."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .gain import Gain, prepared
from .request import sensor_data, support_rows
from .solution import Solution

__all__ = ["debias"]

Array = NDArray[np.float64]

#: A gradient within this fraction of its own terms, |G_k X_k| |M|, is zero.
KKT_TOLERANCE = 1e-9
#: Of data in units of the fit: squares of larger ones are no numbers any more.
LARGEST = 1e150


def debias(gain: Any, data: Any, x: Any, *, n_orient: int | None = None) -> Array:
    """Find the factor of each source that best undoes the amplitude bias of the penalty.

    MxNE and irMxNE shrink amplitudes. Keeping each source's orientation and time course, this
    scales it by one factor of at least 1 so that the data are fitted best:

        minimise 1/2 |M - G diag(d) X|^2   subject to   d >= 1

    (Strohmeier et al. 2016, section II-C 3; d is constant over time and over the orientations of a
    location). On the support this is a bounded least squares problem with as many unknowns as
    sources; it is solved to the bottom by an active-set method, not iterated until some limit.

    Parameters
    ----------
    gain : array, shape (n_sensors, n_locations * n_orient), or Gain
        Whitened gain; columns of one location stand together.
    data : array, shape (n_sensors, n_times)
        Whitened data.
    x : Solution, or array, shape (n_locations * n_orient, n_times)
        The source amplitudes, in the units of `gain`.
    n_orient : int, optional
        Orientations per location. Default: that of the `Gain`, or 1 for an array.

    Returns
    -------
    d : array, shape (n_locations,)
        Factors, unit-free, ``d >= 1``; exactly 1 where the source is zero, or invisible to the
        sensors. ``np.repeat(d, n_orient)[:, np.newaxis] * x`` is the debiased estimate.

    Raises
    ------
    TypeError, ValueError
        Where an array is not numeric, holds NaN or infinity, or the shapes do not fit each other.
    RuntimeError
        Where the optimality conditions do not hold to 1e-9 in the end. Rounding on badly scaled
        input is the only known way to get there.

    Notes
    -----
    The Hessian is ``(G'G) o (XX')`` summed over both orientation indices of a pair of locations.
    The method is that of Lawson and Hanson (Solving Least Squares Problems, 1974, chapter 23) for
    ``z = d - 1 >= 0``, started from a guess that block exchanges give. Collinear sources make the
    factors non-unique; the fit is not, and one of the minimisers is returned.

    Examples
    --------
    >>> import numpy as np
    >>> from mxne_rs import debias
    >>> gain = np.eye(3)
    >>> data = np.array([[2.0, 4.0], [0.5, 0.5], [0.0, 0.0]])
    >>> x = np.array([[1.0, 2.0], [1.0, 1.0], [0.0, 0.0]])  # shrunk, too large, not there
    >>> debias(gain, data, x).tolist()
    [2.0, 1.0, 1.0]
    """
    gain = prepared(gain, n_orient)
    measured = sensor_data(gain, data)
    locations, rows = support_rows(gain, measured, x, "x")
    factors = np.ones(gain.n_locations)
    if len(locations):
        columns = gain.columns(locations)
        factors[locations] = bounded_factors(columns, measured, rows, gain.n_orient)
    return factors


def amplitudes(gain: Gain, data: Array, solution: Solution, debiased: bool) -> Array:
    """The active rows of X, debiased where that is asked for."""
    x = solution.sources
    if not debiased or not len(x):
        return x
    columns = gain.columns(solution.active_set)
    factors = bounded_factors(columns, data, x, gain.n_orient)
    return np.asarray(x * np.repeat(factors, gain.n_orient)[:, np.newaxis])


def fitted(gain: Gain, data: Array, solution: Solution, debiased: bool) -> Array:
    """G X, debiased where that is asked for."""
    columns = gain.columns(solution.active_set)
    return np.asarray(columns @ amplitudes(gain, data, solution, debiased))


def bounded_factors(gain: Array, data: Array, x: Array, n_orient: int) -> Array:
    """Return d >= 1 (n_sources,) for the columns and rows of the support."""
    gain, data, x = _near_one(gain, data, x)
    n_sources = len(x) // n_orient

    def correlation(residual: Array) -> Array:
        """<G_k X_k, residual> for each source."""
        product = (gain.T @ residual) * x
        return np.asarray(product.reshape(n_sources, -1).sum(axis=1))

    hessian = (
        ((gain.T @ gain) * (x @ x.T))
        .reshape(n_sources, n_orient, n_sources, n_orient)
        .sum(axis=(1, 3))
    )
    norms = np.sqrt(np.maximum(np.diag(hessian), 0.0))
    visible = norms > 0
    factors = np.ones(n_sources)
    size = float(np.linalg.norm(data))
    if not visible.any():
        return factors
    scale = norms[visible]
    unit_hessian = hessian[np.ix_(visible, visible)] / scale / scale[:, np.newaxis]
    unit_hessian = (unit_hessian + unit_hessian.T) / 2
    # In units of the fit: u_k = |G_k X_k| z_k, so that the Hessian has a unit diagonal.
    start = correlation(data - gain @ x)[visible] / scale
    threshold = KKT_TOLERANCE * max(size, float(np.linalg.norm(gain @ x)))
    u = _nonnegative_quadratic(unit_hessian, start, threshold / 100)
    factors[visible] = 1 + u / scale

    gradient = (
        correlation(data - gain @ (np.repeat(factors, n_orient)[:, np.newaxis] * x))[visible]
        / scale
    )
    violation = max(float(gradient.max()), float(np.abs(gradient[u > 0]).max(initial=0.0)))
    if violation > threshold:
        raise RuntimeError(
            f"debias could not meet its optimality conditions: {violation:.3g} where "
            f"{threshold:.3g} is asked for; the sources are too nearly collinear, "
            "or too badly scaled, for double precision"
        )
    return factors


def _near_one(gain: Array, data: Array, x: Array) -> tuple[Array, Array, Array]:
    """Take powers of two out, of G and X apart and of M both: the factors are unit-free."""
    of_gain, of_x = (int(np.frexp(np.abs(array).max(initial=0.0))[1]) for array in (gain, x))
    with np.errstate(over="ignore", under="ignore"):
        measured = np.ldexp(data, -of_gain - of_x)
    if np.abs(measured).max() < LARGEST:
        return np.ldexp(gain, -of_gain), measured, np.ldexp(x, -of_x)
    raise ValueError("data are beyond double precision beside gain times x; scale one of them")


def _nonnegative_quadratic(hessian: Array, linear: Array, threshold: float) -> Array:
    """Minimise 1/2 u'Hu - linear'u over u >= 0; H positive semi-definite with a unit diagonal.

    An index is free (u > 0) or held at zero. Each round frees the held index that pulls hardest,
    unless it pulls less than `threshold`, and moves to the minimum over the free ones, holding
    again what would turn negative. Every round lowers the objective, so none of the finitely many
    sets returns, and it ends. A round that gains nothing for want of digits locks its index until
    another one gains.
    """
    u = _guess(hessian, linear)
    u = _descend(hessian, linear, u, u > 0)
    locked = np.zeros(len(u), dtype=bool)
    while True:
        pull = linear - hessian @ u
        pull[(u > 0) | locked] = -np.inf
        index = int(np.argmax(pull))
        if pull[index] <= threshold:
            return u
        free = u > 0
        free[index] = True
        moved = _descend(hessian, linear, u, free)
        step = moved - u
        gain = float(step @ (linear - hessian @ u) - step @ hessian @ step / 2)
        if gain > 0 and moved[index] > 0:
            u = moved
            locked[:] = False
        else:
            locked[index] = True


def _descend(hessian: Array, linear: Array, u: Array, free: NDArray[np.bool_]) -> Array:
    """Move from feasible `u` to the minimum over `free`, holding at zero what blocks the way."""
    u = u.copy()
    free = free.copy()
    while free.any():
        target = np.zeros_like(u)
        target[free] = _minimum(hessian[np.ix_(free, free)], linear[free])
        blocking = free & (target <= 0)
        if not blocking.any():
            return target
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(blocking, u / (u - target), np.inf)
        ratio[blocking & (u <= 0)] = 0.0
        step = float(np.min(ratio))
        u = np.where(free, u + step * (target - u), 0.0)
        held = blocking & (ratio <= step)
        u[held] = 0.0
        free &= ~held
    return np.zeros_like(u)


def _minimum(hessian: Array, linear: Array) -> Array:
    """Solve H u = linear with one step of refinement; the least-norm u where H is singular."""
    try:
        factor = np.linalg.cholesky(hessian)
        if np.diag(factor).min() ** 2 < 1e-11:
            raise np.linalg.LinAlgError
        u = np.linalg.solve(hessian, linear)
        return np.asarray(u + np.linalg.solve(hessian, linear - hessian @ u), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.lstsq(hessian, linear, rcond=1e-13)[0], dtype=np.float64)


def _guess(hessian: Array, linear: Array) -> Array:
    """Guess by exchanging all wrong indices at once; feasible, often exact, never trusted."""
    free = linear > 0
    best = np.inf
    u = np.zeros(len(linear))
    for _ in range(20):
        candidate = np.zeros(len(linear))
        if free.any():
            candidate[free] = _minimum(hessian[np.ix_(free, free)], linear[free])
        pull = linear - hessian @ candidate
        wrong = (free & (candidate < 0)) | (~free & (pull > 0))
        count = int(wrong.sum())
        if count >= best:
            break
        best, u = count, np.maximum(candidate, 0.0)
        if count == 0:
            break
        free = free ^ wrong
    return u
