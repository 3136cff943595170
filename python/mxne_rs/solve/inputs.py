"""Check the arrays that have to fit the gain: data, sources and starting points."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arguments.convert import (
    Floats,
    as_floats,
    as_numbers,
    require_finite,
)
from .gain import Gain
from .solution import Solution


def sensor_data(gain: Gain, data: ArrayLike, name: str = "data") -> Floats:
    """Return data as a matrix with a row per sensor of the gain."""
    array = as_floats(name, data, 2)
    if array.shape[0] != gain.n_sensors:
        raise ValueError(
            f"{name} has {array.shape[0]} rows (sensors), but gain has {gain.n_sensors}; "
            "give both the same sensors"
        )
    require_finite(name, array)
    return array


def source_rows(gain: Gain, data: Floats, x: Any, name: str) -> Floats:
    """Return X as a matrix with a row per source of the gain."""
    if isinstance(x, Solution):
        support_rows(gain, data, x, name)
        return x.x
    array = as_floats(name, x, 2)
    expected = (gain.shape[1], data.shape[1])
    if array.shape != expected:
        raise ValueError(f"{name} has shape {array.shape}; {expected} (sources, times) is needed")
    require_finite(name, array)
    return array


def support_rows(gain: Gain, data: Floats, x: Any, name: str) -> tuple[NDArray[np.intp], Floats]:
    """Return X as (locations, rows); the dense X of a Solution is never made."""
    if isinstance(x, Solution):
        if (x.active_set.size, x.n_orient) != (gain.n_locations, gain.n_orient):
            raise ValueError(
                f"{name} is a Solution of {x.active_set.size} locations x {x.n_orient} "
                f"orientations, but gain has {gain.n_locations} x {gain.n_orient}; "
                "give one of the same gain"
            )
        if x.sources.shape[0] != np.count_nonzero(x.active_set) * x.n_orient:
            raise ValueError(
                f"{name} is a Solution with {x.sources.shape[0]} rows of sources, but "
                f"{np.count_nonzero(x.active_set)} active locations x {x.n_orient} orientations; "
                "give one as it was solved"
            )
        if x.sources.shape[1] != data.shape[1]:
            raise ValueError(
                f"{name} has {x.sources.shape[1]} times, but data has {data.shape[1]}; "
                "give one of as many times"
            )
        return np.flatnonzero(x.active_set), x.sources
    dense = source_rows(gain, data, x, name)
    active = dense.reshape(gain.n_locations, -1).any(axis=1)
    return np.flatnonzero(active), dense[np.repeat(active, gain.n_orient)]


def start_rows(gain: Gain, data: Floats, init: Any) -> tuple[NDArray[np.int64], Floats] | None:
    """Return a starting point as (locations, rows); None stays None."""
    if init is None:
        return None
    locations, rows = support_rows(gain, data, init, "init")
    return locations.astype(np.int64), np.ascontiguousarray(rows)


#: Smallest noise beside the data: a finite difference along weaker noise is rounding error.
MIN_SIGMA_RATIO = 1e-12
#: Smallest data beside the noise: weaker data were not whitened with this noise.
MIN_DATA_RATIO = 1e-3


def noise_levels(sigma: Any, data: Floats) -> Floats:
    """Return the noise level of every sample."""
    remedy = "give the standard deviation of the noise in the whitened data, above zero"
    n_times = data.shape[1]
    levels = as_numbers("sigma", sigma, n_times, f"data has {n_times} times", remedy)
    size = float(np.abs(data).max())
    if levels.min() < MIN_SIGMA_RATIO * size:
        raise ValueError(
            f"sigma is {levels.min():.3g}, too small for data of up to {size:.3g}; whiten gain "
            "and data, check the units of the data (T, T/m and V, not fT or uV), and give the "
            "standard deviation of the noise in the whitened data"
        )
    if 0 < size < MIN_DATA_RATIO * levels.min():
        raise ValueError(
            f"sigma is {levels.min():.3g}, too large for data of up to {size:.3g}; whiten gain and "
            "data, or give the standard deviation of the noise in the whitened data"
        )
    return levels
