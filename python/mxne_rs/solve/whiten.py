"""Compute the whitener of a noise covariance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arguments.convert import Floats, as_floats, quoted, require_finite

#: Fraction of the largest variance, with channels at unit variance, below which a direction of
#: sensor space counts as removed (by a projection, a reference, or Maxwell filtering).
RANK_TOLERANCE = 1e-12


def whitener(noise_cov: Any) -> Floats:
    """Compute the matrix that turns the noise of the sensors into white noise of unit variance.

    Whitened data and gain, ``W @ data`` and ``W @ gain``, are what the solvers expect: there the
    squared residual is the negative log-likelihood of Gaussian noise (models in MxNE papers start
    from here, for example Strohmeier et al. 2016, section II-A).

    Parameters
    ----------
    noise_cov : array, shape (n_channels, n_channels), or mne.Covariance
        Symmetric positive semi-definite noise covariance, in squared channel units (T**2,
        (T/m)**2, V**2 and their products). Channel types of very different scale may be mixed: the
        rank is judged after each channel has been brought to unit variance. Of an `mne.Covariance`
        the projectors are respected (their directions are removed) and its bad channels are left
        out.

    Returns
    -------
    W : array, shape (rank, n_channels)
        ``W @ C @ W.T`` is the identity, C being the covariance with the projected directions and
        bad channels removed; rows are in order of decreasing noise (in units of each channel's
        own). ``rank`` is the number of directions with any noise. Columns of channels that are
        bad, or have no noise at all, are zero. Units are those of 1 / channel (1/T, 1/(T/m), 1/V).

    Raises
    ------
    ValueError
        Where `noise_cov` is not square, holds NaN or infinity, is not symmetric, has a negative
        eigenvalue, or is zero.

    Notes
    -----
    With ``C = S E diag(v) E' S``, S the standard deviations of the channels, ``W = diag(v)**-0.5
    E' S**-1`` restricted to the directions with ``v`` above 1e-12 of the largest. It is the PCA
    whitener of MNE up to a rotation of its rows, which changes neither MxNE nor irMxNE.

    Examples
    --------
    >>> import numpy as np
    >>> from mxne_rs import whitener
    >>> noise_cov = np.diag([4e-26, 1e-12])  # a magnetometer (T**2) and an electrode (V**2)
    >>> W = whitener(noise_cov)
    >>> bool(np.allclose(W @ noise_cov @ W.T, np.eye(2)))
    True

    An average reference removes one direction:

    >>> n = 4
    >>> reference = np.eye(n) - 1 / n
    >>> whitener(reference @ reference.T).shape
    (3, 4)
    """
    covariance, tolerance = _as_covariance(noise_cov)
    n_channels = len(covariance)
    variance = np.diag(covariance)
    if np.any(variance < 0):
        worst = int(np.argmin(variance))
        raise ValueError(
            f"noise_cov has a negative variance: {variance[worst]:.3g} at channel {worst}; "
            "use variances from data"
        )
    kept = _good_channels(noise_cov, n_channels) & (variance > 0)
    if not kept.any():
        raise ValueError("noise_cov is zero in all good channels; give one with noise")
    _check_symmetric(covariance, np.sqrt(variance), max(tolerance, 1e-8))

    scale = np.sqrt(variance[kept])
    with np.errstate(over="ignore"):
        correlation = covariance[np.ix_(kept, kept)] / scale / scale[:, np.newaxis]
    correlation = correlation / 2 + correlation.T / 2
    lowest, highest = _eigen(correlation)[0][[0, -1]]
    if lowest < -max(10 * tolerance, 1e-9) * highest:
        raise ValueError(
            "noise_cov is not positive semi-definite: with each channel at unit variance "
            f"its eigenvalues reach from {lowest:.3g} to {highest:.3g}; "
            "use one that was computed from data"
        )
    # The projector P is in channel units; for channels at unit variance it is S**-1 P S.
    project = _projector(noise_cov, kept) * scale / scale[:, np.newaxis]
    values, vectors = _eigen(project @ correlation @ project.T)
    present = values > tolerance * values[-1]
    if not present.any():
        raise ValueError("noise_cov is zero after its projections; give one with noise")
    values, vectors = values[present][::-1], vectors[:, present][:, ::-1]

    white = np.zeros((len(values), n_channels))
    white[:, kept] = (vectors / np.sqrt(values)).T @ project / scale
    return white


def _eigen(matrix: Floats) -> tuple[Floats, Floats]:
    """Compute eigenvalues, rising, and eigenvectors in columns."""
    try:
        values, vectors = np.linalg.eigh(matrix)
    except np.linalg.LinAlgError:
        raise ValueError(
            "noise_cov has no eigenvalues in double precision; rescale it to values near one"
        ) from None
    return values, vectors


def _as_covariance(noise_cov: Any) -> tuple[Floats, float]:
    """Return the matrix (n_channels, n_channels) and the rank tolerance its precision allows."""
    value: Any = noise_cov
    if isinstance(noise_cov, Mapping):
        if "data" not in noise_cov:
            raise ValueError(
                f"noise_cov is {quoted(noise_cov)}, without 'data'; "
                "give a matrix or MNE's Covariance"
            )
        value = np.asarray(noise_cov["data"])
        if noise_cov.get("diag", False) or value.ndim == 1:
            value = np.diag(value.ravel() if value.ndim == 1 else np.diag(value))
    covariance = as_floats("noise_cov", value, 2)
    if covariance.shape[0] != covariance.shape[1]:
        raise ValueError(f"noise_cov has shape {covariance.shape}; give a square matrix")
    require_finite("noise_cov", covariance)
    dtype = getattr(value, "dtype", None)
    precision = float(np.finfo(np.float32).eps) if dtype == np.float32 else 0.0
    return covariance, max(RANK_TOLERANCE, precision * float(np.sqrt(len(covariance))))


def _good_channels(noise_cov: Any, n_channels: int) -> NDArray[np.bool_]:
    """Return a mask (n_channels,) of the channels that are not marked bad."""
    if not isinstance(noise_cov, Mapping) or not noise_cov.get("bads"):
        return np.ones(n_channels, dtype=bool)
    return np.array([name not in noise_cov["bads"] for name in noise_cov["names"]], dtype=bool)


def _projector(noise_cov: Any, kept: NDArray[np.bool_]) -> Floats:
    """Return the projector (n_kept, n_kept) of the covariance's projections on kept channels."""
    if not isinstance(noise_cov, Mapping) or not noise_cov.get("projs"):
        return np.eye(int(kept.sum()))
    from mne.proj import make_projector

    names = [name for name, keep in zip(noise_cov["names"], kept, strict=True) if keep]
    return np.asarray(make_projector(noise_cov["projs"], names)[0], dtype=np.float64)


def _check_symmetric(covariance: Floats, std: Floats, tolerance: float) -> None:
    """Raise where C and its transpose differ, relative to the channels' deviations."""
    # A channel without variance is given the smallest scale of the others.
    scale = np.where(std > 0, std, std[std > 0].min())
    with np.errstate(over="ignore"):
        relative = np.abs(covariance - covariance.T) / scale / scale[:, np.newaxis]
    if relative.max() > tolerance:
        i, j = (int(k) for k in np.unravel_index(np.argmax(relative), relative.shape))
        raise ValueError(
            f"noise_cov is not symmetric: entries ({i}, {j}) and ({j}, {i}) are "
            f"{covariance[i, j]:.6g} and {covariance[j, i]:.6g}; give a symmetric one"
        )
    for channel in np.flatnonzero(std == 0):
        if np.any(covariance[channel] != 0):
            raise ValueError(
                f"noise_cov is not positive semi-definite: channel {int(channel)} has no variance, "
                "but covaries with others; use one that was computed from data"
            )
