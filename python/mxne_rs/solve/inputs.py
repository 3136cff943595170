"""Arrays that have to fit the gain: data, sources and where to start."""

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
    """Data as a matrix with a row per sensor of the gain."""
    array = as_floats(name, data, 2)
    if array.shape[0] != gain.n_sensors:
        raise ValueError(
            f"{name} has {array.shape[0]} rows (sensors), but gain has {gain.n_sensors}; "
            "give both the same sensors"
        )
    require_finite(name, array)
    return array


def source_rows(gain: Gain, data: Floats, x: Any, name: str) -> Floats:
    """X as a matrix with a row per source of the gain."""
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
    """X as (locations, rows); a Solution is taken apart without making its dense x."""
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
    """Where to start as (locations, rows); None stays None."""
    if init is None:
        return None
    locations, rows = support_rows(gain, data, init, "init")
    return locations.astype(np.int64), np.ascontiguousarray(rows)


#: Noise below this part of the data is rounding: no finite difference can be taken along it.
NOTHING = 1e-12


#: Data below this part of their own noise are not whitened by it.
FAINT = 1e-3


def noise_levels(sigma: Any, data: Floats) -> Floats:
    """The noise level of every sample."""
    remedy = "give the standard deviation of the noise in the whitened data, above zero"
    n_times = data.shape[1]
    levels = as_numbers("sigma", sigma, n_times, f"data has {n_times} times", remedy)
    size = float(np.abs(data).max())
    if levels.min() < NOTHING * size:
        raise ValueError(
            f"sigma is {levels.min():.3g}, nothing beside data of up to {size:.3g}; whiten gain "
            "and data, look at the units of the data (T, T/m and V, not fT or uV), and give the "
            "standard deviation of the noise in the whitened data"
        )
    if 0 < size < FAINT * levels.min():
        raise ValueError(
            f"sigma is {levels.min():.3g}, beside which data of up to {size:.3g} are nothing; "
            "whiten gain and data, or give the standard deviation of the noise in them"
        )
    return levels
