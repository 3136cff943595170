"""Test each location: what the residual at it holds beside the sources found elsewhere."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._arguments.convert import Floats
from .._arguments.extras import needs
from ..solve.gain import Gain
from ..solve.options import Rounds, make_request
from .nodewise import Projections
from .noise import ar1_coefficient, whiten_in_time

#: Penalty of the point estimate, in parts of the mean alpha_max of white noise, over so many draws.
NOISE_PART, N_DRAWS = 1.1, 10
#: Rounds of irMxNE, its epochs and its tolerance.
ROUNDS, MAX_ITER, TOL = Rounds(100, 1e-4, "sqrt", "relative"), 10_000, 1e-4
#: Fits with a noise level of the one before, at most; change at which the level has settled.
MAX_FITS, SETTLED = 20, 1e-3
#: Part of the variance of a direction below which the sources found leave nothing of it.
MIN_VARIANCE = 1e-8


class Fit(NamedTuple):
    """The sources found in data, and the noise that they leave."""

    locations: NDArray[np.intp]
    white: Floats
    """The data, white over time."""
    n_free: int
    """Dimensions of the sensors that the sources leave to the noise."""
    sigma: float
    coefficient: float


def p_values(gain: Gain, part: Projections, fit: Fit, sigma: float | None) -> Floats:
    """Return the p-value of each location or cluster, once sources elsewhere are taken out.

    With S the locations of the fit, Bhat their least squares amplitudes, and Q the basis of the
    residual of a cluster c, the statistic is ``U = Q'(M - sum_(k in S, not in c) G_k Bhat_k)``.
    It is linear in the data, ``U = A'M``, so that without a source in the cluster it is Gaussian
    with covariance ``A'A`` over its rows and sigma^2 over time (the data are made white): its
    whitened energy is chi-squared with as many degrees of freedom as it has entries, or
    F-distributed where sigma is estimated from the rest of the data.
    """
    with needs("certainty", "SciPy", "sklearn"):
        from scipy.stats import chi2, f
    n, n_times = fit.white.shape
    forms = _linear_forms(gain, part, fit.locations)
    values = (forms.T @ fit.white).reshape(-1, gain.n_orient, n_times)
    blocks = forms.reshape(n, -1, gain.n_orient)
    variances, axes = np.linalg.eigh(np.einsum("npi,npj->pij", blocks, blocks))
    tested = variances > MIN_VARIANCE
    energy = np.sum((axes.transpose(0, 2, 1) @ values) ** 2, axis=2)
    energy = np.sum(np.where(tested, energy / np.where(tested, variances, 1.0), 0.0), axis=1)
    freedom = tested.sum(axis=1) * n_times
    # Nothing to test where no direction is left: p is 1.
    count = np.maximum(freedom, 1)
    if sigma is not None:
        p = chi2.sf(energy / sigma**2, count)
    else:
        # The residual holds the energy of a cluster, unless a location of the fit is in it.
        own = np.ones(len(energy))
        own[part.labels[fit.locations]] = 0.0
        left = fit.n_free * n_times - own * freedom
        rest = fit.sigma**2 * fit.n_free * n_times - own * energy
        with np.errstate(divide="ignore", invalid="ignore"):
            p = np.nan_to_num(f.sf(energy / count / (rest / left), count, left), nan=1.0)
    return np.asarray(np.where(freedom > 0, p, 1.0))


def fit_sources(
    gain: Gain, weights: Floats, data: Floats, sigma: float | None, ar1: bool
) -> Fit:
    """Find sources by irMxNE above the threshold of white noise, and the noise they leave.

    The noise level and its coefficient over time start as those of the data, signal included, and
    follow the residual of each fit (least squares on the sources found) until they settle.
    """
    rng = np.random.default_rng(0)
    draws = rng.standard_normal((N_DRAWS, gain.n_sensors, data.shape[1]))
    threshold = NOISE_PART * float(np.mean([_alpha_max(gain, one, weights) for one in draws]))
    coefficient = ar1_coefficient(data) if ar1 else 0.0
    white = whiten_in_time(data, coefficient)
    level = sigma or float(np.sqrt(np.mean(white**2)))
    for _ in range(MAX_FITS):
        locations = _found(gain, white, level * threshold, weights)
        base = _orthonormal(gain, locations)
        n_free = gain.n_sensors - base.shape[1]
        before = level, coefficient
        if ar1:
            coefficient = ar1_coefficient(data - base @ (base.T @ data))
            white = whiten_in_time(data, coefficient)
        rest = white - base @ (base.T @ white)
        level = sigma or float(np.sqrt(np.sum(rest**2) / (n_free * data.shape[1])))
        change = abs(level - before[0]) / (level or 1.0) + abs(coefficient - before[1])
        if change < SETTLED:
            break
    return Fit(locations, white, n_free, level, coefficient)


def _found(gain: Gain, data: Floats, alpha: float, weights: Floats) -> NDArray[np.intp]:
    """Return the locations of irMxNE; the strongest where they could fit half of the data."""
    if alpha == 0:
        return np.zeros(0, dtype=np.intp)
    request = make_request(
        gain, data, alpha, {"weights": weights, "tol": TOL, "max_iter": MAX_ITER, "n_threads": 1}
    )
    outcome = _core.solve_irmxne(gain._prepared, data, request, ROUNDS)
    locations = np.asarray(outcome.locations, dtype=np.intp)
    blocks = outcome.sources.reshape(len(locations), gain.n_orient * data.shape[1])
    strength = np.linalg.norm(blocks, axis=1)
    strongest = np.argsort(-strength * weights[locations], kind="stable")
    return np.sort(locations[strongest[: gain.n_sensors // (2 * gain.n_orient)]])


def _orthonormal(gain: Gain, locations: NDArray[np.intp]) -> Floats:
    left, values, _ = np.linalg.svd(gain.columns(locations), full_matrices=False)
    return np.asarray(left[:, values > 1e-10 * values.max(initial=0.0)])


def _linear_forms(gain: Gain, part: Projections, locations: NDArray[np.intp]) -> Floats:
    """Return A with ``U = A'M`` for all clusters, in the order of the columns of the basis."""
    o = gain.n_orient
    base = _orthonormal(gain, locations)
    forms = np.asarray(part.basis - base @ (base.T @ part.basis))
    columns = gain.columns(locations)
    inverse = np.linalg.pinv(columns, rcond=1e-10)
    for cluster in np.unique(part.labels[locations]):
        others = np.repeat(part.labels[locations] != cluster, o)
        block = part.basis[:, cluster * o : (cluster + 1) * o]
        explained = inverse[others].T @ (columns[:, others].T @ block)
        forms[:, cluster * o : (cluster + 1) * o] = block - explained
    return forms


def _alpha_max(gain: Gain, data: Floats, weights: Floats) -> float:
    return float(_core.alpha_max(gain._prepared, data, weights, 1, None))
