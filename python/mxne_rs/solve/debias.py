"""Debiasing: undo the shrinkage of the penalty, one factor per source."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arguments.warn import warn
from .gain import Gain, prepared
from .inputs import sensor_data, support_rows
from .solution import Solution

Array = NDArray[np.float64]

#: A gradient within this fraction of its own terms, |G_k X_k| |M|, is zero.
KKT_TOLERANCE = 1e-9
#: A combination of unit columns that is weaker than this cannot violate the conditions.
NEGLIGIBLE = 1e-10
#: A source whose field has less than this part of the power |G_k|^2 |X_k|^2 has none but rounding.
INVISIBLE = 1e-14
#: Rounds per source at most; collinear sources in random directions take up to six.
ROUNDS = 100
#: Numbers in one chunk of the columns.
CHUNK = 1 << 21
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

    Warns
    -----
    RuntimeWarning
        Where the optimality conditions do not hold to 1e-9: sources whose fields nearly cancel
        each other are beyond double precision. The factors fit no worse than factors of 1.

    Notes
    -----
    Block exchanges on the normal equations find ``z = d - 1 >= 0`` fast. Where that does not
    meet the conditions, the method of Lawson and Hanson (Solving Least Squares Problems, 1974,
    chapter 23) does, on the triangular factor of the columns ``vec(G_k X_k)``: nothing is squared.
    Collinear sources make the factors non-unique; the fit is not, and one of the minimisers is
    returned.

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
    columns = gain.active_columns(solution.active_set)
    factors = bounded_factors(columns, data, x, gain.n_orient)
    return np.asarray(x * np.repeat(factors, gain.n_orient)[:, np.newaxis])


def fitted(gain: Gain, data: Array, solution: Solution, debiased: bool) -> Array:
    """G X, debiased where that is asked for."""
    columns = gain.active_columns(solution.active_set)
    return np.asarray(columns @ amplitudes(gain, data, solution, debiased))


def bounded_factors(gain: Array, data: Array, x: Array, n_orient: int) -> Array:
    """Return d >= 1 (n_sources,) for the columns and rows of the support."""
    gain, data, x = _near_one(gain, data, x)
    residual, blocks = data - gain @ x, (len(x) // n_orient, n_orient)
    threshold = KKT_TOLERANCE * float(max(np.linalg.norm(data), np.linalg.norm(data - residual)))
    squares = gain.T @ gain, x @ x.T
    hessian = (squares[0] * squares[1]).reshape(*blocks, *blocks).sum(axis=(1, 3))
    sizes = [np.diag(one).reshape(blocks).sum(axis=1) for one in squares]
    seen = np.diag(hessian) > INVISIBLE * sizes[0] * sizes[1]
    norms = np.sqrt(np.where(seen, np.diag(hessian), np.inf))

    def pulls(residual: Array) -> Array:
        """<G_k X_k, residual> / |G_k X_k| for each source."""
        products = ((gain.T @ residual) * x).reshape(blocks[0], -1)
        return np.asarray(products.sum(axis=1) / norms)

    # In units of the fit: u_k = |G_k X_k| (d_k - 1).
    u = _exchanges(hessian / norms / norms[:, np.newaxis], pulls(residual), threshold / 100)
    for exact in (False, True):
        if exact:
            columns, target = _triangle(gain, residual, x, n_orient)
            u = _lawson_hanson(columns / norms, target, threshold / 100)
        factors: Array = 1 + u / norms
        pull = pulls(data - gain @ (np.repeat(factors, n_orient)[:, np.newaxis] * x))
        violation = np.where(u > 0, np.abs(pull), pull).max()
        if violation <= (threshold if exact else threshold / 1000):
            return factors
    warn(
        f"debias does not meet its optimality conditions: {violation:.3g} where {threshold:.3g} is "
        "asked for; the fields of some sources nearly cancel each other, so that their factors "
        "are uncertain"
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


def _exchanges(hessian: Array, linear: Array, threshold: float) -> Array:
    """Guess the minimum of 1/2 u'Hu - linear'u over u >= 0 by exchanging all wrong indices at once.

    The guess is feasible, and right unless columns are nearly collinear or exchanges go round.
    """
    free = linear > 0
    u = np.zeros(len(linear))
    for _ in range(20):
        u = np.zeros(len(linear))
        try:
            u[free] = np.linalg.solve(hessian[np.ix_(free, free)], linear[free])
        except np.linalg.LinAlgError:
            break
        wrong = np.where(free, u < 0, linear - hessian @ u > threshold)
        if not wrong.any():
            break
        free ^= wrong
    return np.maximum(u, 0.0)


def _lawson_hanson(columns: Array, target: Array, threshold: float) -> Array:
    """Minimise |columns u - target| over u >= 0, of columns with a norm of one.

    An index is free (u > 0) or held at zero. Each round frees the held index that pulls hardest,
    unless it pulls less than `threshold`, and moves to the minimum over the free ones, holding
    again what would turn negative. Every round lowers the objective, so that none of the finitely
    many sets returns; where digits are wanting a limit ends it. A round that gains nothing locks
    its index until another one gains.
    """
    u = np.zeros(columns.shape[1])
    locked = np.zeros(len(u), dtype=bool)
    for _ in range(ROUNDS * len(u)):
        rest = target - columns @ u
        pull = np.where((u > 0) | locked, -np.inf, columns.T @ rest)
        index = int(np.argmax(pull))
        if pull[index] <= threshold:
            break
        free = u > 0
        free[index] = True
        moved = _descend(columns, target, u, free)
        change = columns @ (moved - u)
        if moved[index] > 0 and change @ (rest - change / 2) > 0:
            u = moved
            locked[:] = False
        else:
            locked[index] = True
    return u


def _descend(columns: Array, target: Array, u: Array, free: NDArray[np.bool_]) -> Array:
    """Move from feasible `u` to the minimum over `free`, holding at zero what blocks the way."""
    free = free.copy()
    while free.any():
        goal = np.zeros_like(u)
        goal[free] = np.linalg.lstsq(columns[:, free], target, rcond=NEGLIGIBLE)[0]
        blocking = np.flatnonzero(free & (goal <= 0))
        if not len(blocking):
            return goal
        ratio = u[blocking] / np.maximum(u[blocking] - goal[blocking], np.finfo(float).tiny)
        u = np.where(free, u + ratio.min() * (goal - u), 0.0)
        free[blocking[ratio <= ratio.min()]] = False
        u[~free] = 0.0
    return np.zeros_like(u)


def _triangle(gain: Array, residual: Array, x: Array, n_orient: int) -> tuple[Array, Array]:
    """Reduce columns vec(G_k X_k) and vec(residual) by rotations: (R, the part that R reaches)."""
    # Sensors and times that no source reaches leave first, then the rows chunk by chunk.
    sensors, gain = np.linalg.qr(gain)
    times, rows = np.linalg.qr(x.T)
    residual, n_sources = sensors.T @ residual @ times, len(x) // n_orient
    gain = gain.reshape(len(gain), n_sources, n_orient)
    rows = rows.reshape(len(rows), n_sources, n_orient)
    step = max(1, CHUNK // (len(gain) * (n_sources + 1)))
    reduced = np.zeros((0, n_sources + 1))
    for start in range(0, len(rows), step):
        some = rows[start : start + step, np.newaxis]
        part = sum((some[..., o] * gain[..., o] for o in range(n_orient)), start=np.float64(0))
        part = np.concatenate([part, residual.T[start : start + step, :, np.newaxis]], axis=2)
        stacked = np.vstack([reduced, part.reshape(-1, n_sources + 1)])
        reduced = np.asarray(np.linalg.qr(stacked, mode="r"))
    return reduced[:, :-1], reduced[:, -1]
