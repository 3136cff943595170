"""Autoregressive noise over time: estimate its coefficient, and whiten data by it."""

from __future__ import annotations

import numpy as np

from .._arguments.convert import Floats

#: Largest size of a coefficient: noise of a larger one hardly differs from a drift.
MAX_COEFFICIENT = 0.99


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


def whiten_in_time(data: Floats, coefficient: float) -> Floats:
    """Make AR(1) noise white over time; its variance stays.

    Examples
    --------
    >>> import numpy as np
    >>> from mxne_rs.resampling.noise import whiten_in_time
    >>> whiten_in_time(np.array([[1.0, 1.0, 0.6]]), 0.6).round(3)
    array([[1. , 0.5, 0. ]])
    """
    white = data.copy()
    white[:, 1:] -= coefficient * data[:, :-1]
    white[:, 1:] /= np.sqrt(1 - coefficient**2)
    return white
