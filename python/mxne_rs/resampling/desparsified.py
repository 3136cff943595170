"""Test each location: what the data hold of its own field, beside the sources found elsewhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._arguments.convert import Floats
from .._arguments.extras import needs
from ..solve.gain import Gain
from .fit import Fit
from .nodewise import Projections

#: Part of the variance of a direction below which the sources found leave nothing of it.
MIN_VARIANCE = 1e-8


def p_values(gain: Gain, part: Projections, fit: Fit, temporal: str, sigma: float | None) -> Floats:
    """Return the p-value of each location or cluster, once sources elsewhere are taken out.

    With S the locations of the fit, Bhat their least squares amplitudes, and Q the basis of the
    residual of a cluster c, the statistic is ``U = Q'(M - sum_(k in S, not in c) G_k Bhat_k)``.
    It is linear in the data, ``U = A'M``, so that without a source in the cluster it is Gaussian
    with covariance ``A'A`` over its rows and that of the noise over time. Both are made white.
    """
    n_times = fit.white.shape[1]
    forms = _linear_forms(gain, part, fit)
    values = (forms.T @ fit.white).reshape(-1, gain.n_orient, n_times) / (fit.noise.scale or 1.0)
    blocks = forms.reshape(len(forms), -1, gain.n_orient)
    variances, axes = np.linalg.eigh(np.einsum("npi,npj->pij", blocks, blocks))
    seen = variances > MIN_VARIANCE
    values = axes.transpose(0, 2, 1) @ values
    values *= (seen / np.sqrt(np.where(seen, variances, 1.0)))[:, :, np.newaxis]
    # The residual holds the statistic of a cluster, unless a location of the fit is in it.
    within = np.ones(len(values), dtype=bool)
    within[part.labels[fit.locations]] = False
    rank = seen.sum(axis=1)
    if temporal == "unstructured":
        p = _tail_of_covariance(values, rank, fit.n_free, within)
    else:
        p = _tail_of_scale(values, rank, fit.n_free, within, sigma is not None)
    # Without degrees of freedom left for the error nothing can be told.
    return np.asarray(np.where((rank > 0) & ~np.isnan(p), p, 1.0))


def _tail_of_scale(
    values: Floats, rank: NDArray[np.intp], n_free: int, within: NDArray[np.bool_], known: bool
) -> Floats:
    """Return the tail of the energy of noise: chi-squared, or F where its scale is estimated."""
    with needs("certainty", "SciPy", "sklearn"):
        from scipy.stats import chi2, f
    energy = np.sum(values**2, axis=(1, 2))
    freedom = np.maximum(rank, 1) * values.shape[2]
    if known:
        return np.asarray(chi2.sf(energy, freedom))
    left = n_free * values.shape[2] - within * freedom
    rest = np.maximum(n_free * values.shape[2] - within * energy, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = energy / freedom / (rest / left)
    return np.asarray(f.sf(np.nan_to_num(ratio, nan=0.0), freedom, left))


def _tail_of_covariance(
    values: Floats, rank: NDArray[np.intp], n_free: int, within: NDArray[np.bool_]
) -> Floats:
    """Return the tail of Pillai's trace, whose error is the residual over time.

    Pillai, Ann. Math. Stat. 26 (1955): exact for one orientation, else approximated by F. The
    covariance that made the data white is that of the residual, divided by ``n_free``.
    """
    with needs("certainty", "SciPy", "sklearn"):
        from scipy.stats import f
    products = values @ values.transpose(0, 2, 1) / n_free
    roots = np.linalg.eigvalsh(products)
    shares = np.where(within[:, np.newaxis], np.minimum(roots, 1.0), roots / (1 + roots))
    trace = shares.sum(axis=1)
    times, rows = values.shape[2], np.maximum(rank, 1)
    error = n_free - within * rows
    s, m = np.minimum(times, rows), (np.abs(times - rows) - 1) / 2
    n = (error - times - 1) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (2 * n + s + 1) / (2 * m + s + 1) * trace / np.maximum(s - trace, 0.0)
    return np.asarray(f.sf(ratio, s * (2 * m + s + 1), s * (2 * n + s + 1)))


def _linear_forms(gain: Gain, part: Projections, fit: Fit) -> Floats:
    """Return A with ``U = A'M`` for all clusters, in the order of the columns of the basis."""
    o, labels = gain.n_orient, part.labels[fit.locations]
    forms = np.asarray(part.basis - fit.base @ (fit.base.T @ part.basis))
    columns = gain.columns(fit.locations)
    inverse = np.linalg.pinv(columns, rcond=1e-10)
    for cluster in np.unique(labels):
        others = np.repeat(labels != cluster, o)
        block = part.basis[:, cluster * o : (cluster + 1) * o]
        explained = inverse[others].T @ (columns[:, others].T @ block)
        forms[:, cluster * o : (cluster + 1) * o] = block - explained
    return forms
