"""What the compiled module is asked for: every argument but gain and data, checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arguments.convert import (
    Floats,
    as_choice,
    as_count,
    as_floats,
    as_number,
    as_weights,
    require_finite,
    shown,
)
from .gain import Gain
from .solution import Solution

SOLVERS = ("bcd", "fista")
SURROGATES = ("sqrt", "log")
#: Units of the amplitudes that have a name.
UNITS = ("relative", "largest", "mne", "gain")
#: Convex problems at most, wherever irMxNE is the default: half of the answers on real data settle
#: in 20, nearly all in 100; rounds after the last that changes anything are not solved.
N_REWEIGHTS = 100


class Request(NamedTuple):
    """One solve, without gain and data."""

    alpha: float
    weights: Floats | None
    ridge: float
    tol: float
    max_iter: int
    time_limit: float | None
    init: tuple[NDArray[np.int64], Floats] | None
    solver: str
    active_set_size: int | None
    n_threads: int
    progress: Callable[[int, float, int], None] | None


class Rounds(NamedTuple):
    """How to reweight."""

    n_reweights: int
    tol_reweight: float
    surrogate: str
    amplitude_unit: float | str


def make_rounds(n_reweights: Any, tol_reweight: Any, surrogate: Any, amplitude_unit: Any) -> Rounds:
    """How to reweight, checked."""
    return Rounds(
        n_reweights=as_count("n_reweights", n_reweights, 1),
        tol_reweight=as_number(
            "tol_reweight", tol_reweight, "give zero or a small number", zero=True
        ),
        surrogate=as_choice("surrogate", surrogate, SURROGATES),
        amplitude_unit=as_unit(amplitude_unit),
    )


def as_unit(amplitude_unit: Any) -> float | str:
    """Check the unit of the amplitudes: a positive number, or one of some names."""
    remedy = f"give a positive number, or one of {', '.join(UNITS)}"
    if isinstance(amplitude_unit, str):
        if amplitude_unit not in UNITS:
            raise ValueError(f"amplitude_unit is {shown(amplitude_unit)}; {remedy}")
        return amplitude_unit
    return as_number("amplitude_unit", amplitude_unit, remedy)


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


def _init(gain: Gain, data: Floats, init: Any) -> tuple[NDArray[np.int64], Floats] | None:
    """Warm start as (locations, rows)."""
    if init is None:
        return None
    locations, rows = support_rows(gain, data, init, "init")
    return locations.astype(np.int64), np.ascontiguousarray(rows)


def make_request(
    gain: Gain,
    data: Floats,
    alpha: Any,
    *,
    weights: Any = None,
    ridge: Any = 0.0,
    tol: Any = 1e-6,
    max_iter: Any = 10_000,
    time_limit: Any = None,
    init: Any = None,
    solver: Any = "bcd",
    active_set_size: Any = 10,
    n_threads: Any = 0,
) -> Request:
    """Everything but gain and data, checked, in the form the compiled module takes."""
    size = None if active_set_size is None else as_count("active_set_size", active_set_size, 1)
    limit = "give a positive number of seconds, or None"
    return Request(
        alpha=as_number("alpha", alpha, "give a positive number, such as a part of alpha_max"),
        weights=as_weights(weights, gain.n_locations),
        ridge=as_number("ridge", ridge, "give zero or a positive number", zero=True),
        tol=as_number("tol", tol, "give a positive relative duality gap such as 1e-6"),
        max_iter=as_count("max_iter", max_iter, 1),
        time_limit=None if time_limit is None else as_number("time_limit", time_limit, limit),
        init=_init(gain, data, init),
        solver=as_choice("solver", solver, SOLVERS),
        active_set_size=size,
        n_threads=as_count("n_threads", n_threads, 0),
        progress=None,
    )
