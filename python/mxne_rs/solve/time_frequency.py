"""Solve TF-MxNE and irTF-MxNE on arrays: sources that are sparse over time and frequency, too."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._arguments.convert import as_array
from .._arguments.declare import Unpack, takes
from .gain import Gain
from .options import (
    N_REWEIGHTS,
    Inputs,
    IrtfOptions,
    TfInputs,
    TfOptions,
    TfPenaltyOptions,
    asked,
    make_rounds,
)
from .single import exact_alpha_max, solved
from .solution import Solution


@takes(TfOptions, Inputs, TfInputs)
def solve_tf_mxne(
    gain: Gain | ArrayLike,
    data: ArrayLike,
    alpha: float,
    l1_ratio: float,
    **options: Unpack[TfOptions],
) -> Solution:
    """Compute the time-frequency mixed-norm estimate: few locations, few coefficients of each.

    Minimises ``1/2 |M - G Z Phi^H|^2 + alpha sum_s ((1 - l1_ratio) w_s |Z_s| + l1_ratio |Z_s|_1)``
    over the coefficients Z of X in a tight frame Phi of windowed Fourier transforms, to a certified
    relative duality gap [1]_. Norms count frequencies between zero and Nyquist twice, as the
    Fourier transform does.

    Returns
    -------
    solution : Solution
        The sources with their certificate, and their ``coefficients``.

    Raises
    ------
    TypeError, ValueError, KeyboardInterrupt
        As :func:`solve_mxne`.

    Warns
    -----
    ConvergenceWarning
        Where the gap asked for was not reached.
    RuntimeWarning
        Where there is no source because alpha is above :func:`tf_alpha_max`.

    References
    ----------
    .. [1] Gramfort, Strohmeier, Haueisen, Hämäläinen and Kowalski, NeuroImage 70 (2013).

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> rng = np.random.default_rng(0)
    >>> gain = rng.standard_normal((30, 100))
    >>> course = np.sin(np.arange(80)) * np.exp(-(((np.arange(80) - 40) / 10) ** 2))
    >>> data = np.outer(gain[:, 20], course)
    >>> alpha = 0.2 * mxne_rs.tf_alpha_max(gain, data, 0.05, wsize=16)
    >>> solution = mxne_rs.solve_tf_mxne(gain, data, alpha, 0.05, wsize=16)
    >>> np.flatnonzero(solution.active_set), solution.gap <= 1e-6
    (array([20]), True)
    """
    gain, array, request = asked(gain, data, alpha, {**options, "l1_ratio": l1_ratio})
    return solved("TF-MxNE", gain, array, request, None, options["verbose"])


@takes(IrtfOptions, Inputs, TfInputs, n_reweights=N_REWEIGHTS)
def solve_irtf_mxne(
    gain: Gain | ArrayLike,
    data: ArrayLike,
    alpha: float,
    l1_ratio: float,
    **options: Unpack[IrtfOptions],
) -> Solution:
    """Compute the reweighted time-frequency mixed-norm estimate: sparser, with less bias.

    Lowers the objective of :func:`solve_tf_mxne` with ``u g(|.| / u)``, ``g = sqrt``, in the place
    of the norms of locations and of coefficients, by weighted convex problems [1]_. A location or
    a coefficient that became zero stays zero. The answer depends on the unit u of the amplitudes.

    Returns
    -------
    solution : Solution
        With ``coefficients``, ``objectives``, ``weights`` (of locations), ``n_reweights``,
        ``reweighting_converged`` and ``amplitude_unit``.

    Raises
    ------
    TypeError, ValueError, KeyboardInterrupt
        As :func:`solve_mxne`.

    Warns
    -----
    ConvergenceWarning
        Where a convex problem did not reach the gap asked for.
    RuntimeWarning
        Where reweighting removed all sources of TF-MxNE, or there is none because alpha is above
        :func:`tf_alpha_max`.

    References
    ----------
    .. [1] Strohmeier, Gramfort and Haueisen, MEG/EEG source imaging with a non-convex penalty in
       the time-frequency domain, PRNI (2015).

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> rng = np.random.default_rng(0)
    >>> gain = rng.standard_normal((30, 100))
    >>> course = np.sin(np.arange(80)) * np.exp(-(((np.arange(80) - 40) / 10) ** 2))
    >>> data = np.outer(gain[:, 20], course) + 0.1 * rng.standard_normal((30, 80))
    >>> alpha = 0.2 * mxne_rs.tf_alpha_max(gain, data, 0.05, wsize=16)
    >>> solution = mxne_rs.solve_irtf_mxne(gain, data, alpha, 0.05, wsize=16)
    >>> np.flatnonzero(solution.active_set)
    array([20])
    """
    gain, array, request = asked(gain, data, alpha, {**options, "l1_ratio": l1_ratio})
    return solved("irTF-MxNE", gain, array, request, make_rounds(options), options["verbose"])


@takes(TfPenaltyOptions, Inputs, TfInputs)
def tf_alpha_max(
    gain: Gain | ArrayLike,
    data: ArrayLike,
    l1_ratio: float,
    **options: Unpack[TfPenaltyOptions],
) -> float:
    """Compute the smallest alpha at which the TF-MxNE is zero: the largest dual norm of G_s'M.

    Returns
    -------
    alpha : float
        0 where the data are zero or orthogonal to the gain.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> data = np.outer([3.0, 1.0], np.sin(np.arange(40) / 2))
    >>> at = [mxne_rs.tf_alpha_max(np.eye(2), data, r, wsize=16) for r in (0.0, 0.5, 1.0)]
    >>> at[0] > at[1] > at[2], round(at[0] - mxne_rs.alpha_max(np.eye(2), data), 12)
    (True, 0.0)
    """
    return exact_alpha_max(*asked(gain, data, 1.0, {**options, "l1_ratio": l1_ratio}))


@takes(TfPenaltyOptions, Inputs, TfInputs)
def tf_duality_gap(
    gain: Gain | ArrayLike,
    data: ArrayLike,
    z: Solution | ArrayLike,
    alpha: float,
    l1_ratio: float,
    **options: Unpack[TfPenaltyOptions],
) -> tuple[float, float, float]:
    """Certify any coefficients: bound how far their objective can be from the minimum.

    Parameters
    ----------
    z : Solution or array_like of complex, shape (n_sources, n_coefs)
        The coefficients to certify, from any solver.

    Returns
    -------
    gap : float
        Relative gap, (primal - dual) / (|M|^2 / 2).
    primal, dual : float
        The values that enclose the minimum.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> data = np.outer([3.0, 1.0], np.sin(np.arange(40) / 2))
    >>> gap, primal, dual = mxne_rs.tf_duality_gap(
    ...     np.eye(2), data, np.zeros((2, 90)), 1e3, 0.5, wsize=16)
    >>> gap, primal == dual
    (0.0, True)
    """
    gain, array, request = asked(gain, data, alpha, {**options, "l1_ratio": l1_ratio})
    locations, given = _rows_of(gain, z)
    return _core.tf_duality_gap(gain._prepared, array, locations, given, request)


def _rows_of(gain: Gain, z: Any) -> tuple[NDArray[np.int64], tuple[int, Any, Any, Any]]:
    """Return the locations of coefficients, and their rows as the compiled module takes them."""
    if isinstance(z, Solution):
        if z.coefficients is None:
            raise ValueError("z is a Solution without coefficients; give one of solve_tf_mxne")
        locations, own = np.flatnonzero(z.active_set), z.coefficients
        if z.active_set.size != gain.n_locations:
            raise ValueError(
                f"z is a Solution of {z.active_set.size} locations, but gain has "
                f"{gain.n_locations}; give one of the same gain"
            )
    else:
        array = as_array("z", z)
        if array.ndim != 2 or array.shape[0] != gain.shape[1] or array.dtype.kind not in "biufc":
            raise ValueError(
                f"z is an array of {array.dtype} with shape {array.shape}; give complex numbers "
                f"with a row for each of the {gain.shape[1]} columns of gain"
            )
        array = array.astype(np.complex128)
        blocks = array.reshape(gain.n_locations, -1)
        locations = np.flatnonzero((blocks != 0).any(axis=1))
        active = blocks[locations].reshape(len(locations) * gain.n_orient, array.shape[1])
        rows, columns = np.nonzero(active)
        starts = np.searchsorted(rows, np.arange(len(active) + 1))
        return locations, (array.shape[1], starts, columns, active[rows, columns])
    return locations, (own.n_coefs, own.starts, own.columns, own.values)
