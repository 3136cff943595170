"""Noise over time: estimate its correlation from what sources leave, and make it white."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._arguments.convert import Floats

#: Largest size of a coefficient: noise of a larger one hardly differs from a drift.
MAX_COEFFICIENT = 0.99
#: Part of the energy that the components of unstructured noise hold, and the largest number of
#: them, in parts of the sensors left to the noise.
ENERGY, MAX_COMPONENTS = 0.99, 0.25


class Noise(NamedTuple):
    """A model of the noise over time."""

    whitener: Floats
    """``data @ whitener`` is white over its columns, of standard deviation `scale`."""
    scale: float
    sigma: float
    """Standard deviation of the noise in a sample."""
    coefficient: float
    """Correlation of the noise from one sample to the next."""


def model_noise(residual: Floats, n_free: int, temporal: str, sigma: float | None) -> Noise:
    """Estimate the noise over time from a residual of (n_sensors, n_times) with `n_free` rows.

    'white' and 'ar1' estimate a standard deviation, unless `sigma` is given. 'unstructured'
    estimates the covariance of all samples, on the principal components of the residual that hold
    nearly all of its energy. If the noise is Gaussian and its rows independent, the left singular
    vectors of the residual do not depend on its components: choosing them by the data is harmless.

    Examples
    --------
    >>> import numpy as np
    >>> from mxne_rs.resampling.noise import model_noise
    >>> noise = np.random.default_rng(0).standard_normal((100, 4)) @ np.diag([1.0, 2.0, 3.0, 4.0])
    >>> model = model_noise(noise, 100, "unstructured", None)
    >>> white = noise @ model.whitener
    >>> np.allclose(white.T @ white, 100 * np.eye(4))
    True
    """
    n_times = residual.shape[1]
    energy = float(np.sum(residual**2))
    level = sigma or float(np.sqrt(energy / (n_free * n_times)))
    coefficient = ar1_coefficient(residual)
    if temporal == "unstructured":
        _, values, right = np.linalg.svd(residual, full_matrices=False)
        held = np.cumsum(values**2) if energy == 0 else np.cumsum(values**2) / energy
        kept = min(int(np.searchsorted(held, ENERGY)) + 1, len(values))
        kept = max(1, min(kept, int(MAX_COMPONENTS * n_free)))
        stds = values[:kept] / np.sqrt(n_free)
        return Noise(right[:kept].T / np.where(stds > 0, stds, 1.0), 1.0, level, coefficient)
    if temporal == "white":
        return Noise(np.eye(n_times), level, level, coefficient)
    whitener = ar1_whitener(coefficient, n_times)
    rest = float(np.sqrt(np.sum((residual @ whitener) ** 2) / (n_free * n_times)))
    return Noise(whitener, sigma or rest, level, coefficient)


def ar1_coefficient(noise: Floats) -> float:
    """Estimate the coefficient of an AR(1) process from its (n_sensors, n_times) samples.

    The correlation of neighbouring samples, pooled over the sensors, which are white.

    Examples
    --------
    >>> import numpy as np
    >>> from mxne_rs.resampling.noise import ar1_coefficient
    >>> ar1_coefficient(np.array([[1.0, 1.0, 1.0, 1.0], [1.0, -1.0, 1.0, -1.0]]))
    0.0
    """
    n_times = noise.shape[1]
    energy = float(np.sum(noise**2))
    if n_times < 2 or energy == 0:
        return 0.0
    lagged = float(np.sum(noise[:, 1:] * noise[:, :-1])) / (n_times - 1)
    return float(np.clip(lagged / (energy / n_times), -MAX_COEFFICIENT, MAX_COEFFICIENT))


def ar1_whitener(coefficient: float, n_times: int) -> Floats:
    """Return W with which ``data @ W`` of AR(1) noise is white; the variance stays.

    Examples
    --------
    >>> import numpy as np
    >>> from mxne_rs.resampling.noise import ar1_whitener
    >>> (np.array([[1.0, 1.0, 0.6]]) @ ar1_whitener(0.6, 3)).round(3)
    array([[1. , 0.5, 0. ]])
    """
    whitener = np.eye(n_times) - coefficient * np.eye(n_times, k=1)
    whitener[:, 1:] /= np.sqrt(1 - coefficient**2)
    return whitener
