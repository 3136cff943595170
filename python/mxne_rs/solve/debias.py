"""Debiasing: undo the shrinkage of the penalty, one factor per source."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._arguments.convert import Floats
from .._arguments.declare import documents
from .._arguments.warn import warn
from .gain import Gain, prepared
from .inputs import sensor_data, support_rows
from .options import Inputs, PenaltyOptions
from .solution import Solution


@documents(Inputs, PenaltyOptions)
def debias(gain: Any, data: Any, x: Any, *, n_orient: int | None = None) -> Floats:
    """Find the factor of each source that best undoes the amplitude bias of the penalty.

    MxNE and irMxNE shrink amplitudes. Keeping each source's orientation and time course, this
    scales it by one factor of at least 1 so that the data are fitted best:

        minimise 1/2 |M - G diag(d) X|^2   subject to   d >= 1

    (Strohmeier et al. 2016, section II-C 3; d is constant over time and over the orientations of a
    location). On the support this is a bounded least squares problem with as many unknowns as
    sources; it is solved to the bottom by an active-set method, not iterated until some limit.

    Parameters
    ----------
    x : Solution, or array, shape (n_locations * n_orient, n_times)
        The source amplitudes, in the units of `gain`.

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
    factors[locations] = _factors(gain, measured, locations, rows)
    return factors


def amplitudes(gain: Gain, data: Floats, solution: Solution, debiased: bool) -> Floats:
    """Return the active rows of X, debiased where that is asked for."""
    x = solution.sources
    if not debiased or not len(x):
        return x
    factors = _factors(gain, data, np.flatnonzero(solution.active_set), x)
    return np.asarray(x * np.repeat(factors, gain.n_orient)[:, np.newaxis])


def fitted(gain: Gain, data: Floats, solution: Solution, debiased: bool) -> Floats:
    """Return G X, debiased where that is asked for."""
    columns = gain.active_columns(solution.active_set)
    return np.asarray(columns @ amplitudes(gain, data, solution, debiased))


def _factors(gain: Gain, data: Floats, locations: NDArray[np.intp], rows: Floats) -> Floats:
    """Return the factor of each location, with a warning where it is uncertain."""
    indices = locations.astype(np.int64)
    factors, violation, tolerance = _core.debias(gain._prepared, data, indices, rows)
    if violation > tolerance:
        warn(
            f"debias does not meet its optimality conditions: {violation:.3g} where "
            f"{tolerance:.3g} is asked for; the fields of some sources nearly cancel each other, "
            "so that their factors are uncertain"
        )
    return factors
