"""The one place where an argument becomes a float64 array, or an error that names it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def as_floats(name: str, value: Any, ndim: int) -> Floats:
    """Aligned, native float64 array with ``ndim`` dimensions; the caller's array is not changed.

    Raises
    ------
    TypeError
        Where the values are not real numbers.
    ValueError
        Where the dimensions are wrong, the array is empty, or a value is NaN or infinite
        (for two dimensions; vectors may hold infinities).
    """
    if np.ma.isMaskedArray(value) and np.ma.getmaskarray(value).any():
        raise ValueError(f"{name} has masked entries; fill or drop them first")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} is not a rectangular array: {error}") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{name} has dtype {array.dtype}; give real numbers (float64, float32 or integers)"
        )
    if array.ndim != ndim:
        shapes = {1: "a vector", 2: "two dimensions"}
        raise ValueError(f"{name} has shape {array.shape}; give {shapes[ndim]}")
    if array.size == 0:
        raise ValueError(f"{name} is empty: its shape is {array.shape}")
    contiguous = array.flags.c_contiguous or array.flags.f_contiguous
    native = array.dtype == np.float64 and array.dtype.isnative and array.flags.aligned
    if not (native and contiguous):
        array = np.array(array, dtype=np.float64, order="K")
        if not (array.flags.c_contiguous or array.flags.f_contiguous):
            array = np.ascontiguousarray(array)
    return np.asarray(array)


def as_matrix(name: str, value: Any) -> Floats:
    """Two-dimensional finite float64 array."""
    array = as_floats(name, value, 2)
    # A finite sum means finite values; only where it is not is the array read again.
    with np.errstate(over="ignore", invalid="ignore"):
        suspicious = not math.isfinite(float(np.sum(array)))
    if suspicious and not np.isfinite(array).all():
        row, column = np.argwhere(~np.isfinite(array))[0]
        raise ValueError(f"{name} holds {array[row, column]} at [{row}, {column}]; remove it first")
    return array


def as_weights(value: Any, n_locations: int) -> Floats | None:
    """One positive weight per location, infinity allowed; None stays None."""
    if value is None:
        return None
    weights = as_floats("weights", value, 1)
    if weights.shape[0] != n_locations:
        raise ValueError(
            f"weights has {weights.shape[0]} entries, but the gain has {n_locations} locations"
        )
    bad = np.flatnonzero(~(weights > 0))
    if bad.size:
        raise ValueError(
            f"weights holds {weights[bad[0]]} for location {bad[0]}; weights are positive, "
            "and infinity excludes a location"
        )
    return np.ascontiguousarray(weights)


def as_number(name: str, value: Any, remedy: str, *, zero: bool = False) -> float:
    """A finite positive number (or zero where allowed)."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.number)):
        raise TypeError(f"{name} is {value!r}, not a number; {remedy}")
    if isinstance(value, np.complexfloating):
        raise TypeError(f"{name} is {value!r}, not a real number; {remedy}")
    number = float(value)
    if not math.isfinite(number) or number < 0 or (number == 0 and not zero):
        raise ValueError(f"{name} is {value!r}; {remedy}")
    return number


def as_count(name: str, value: Any, least: int) -> int:
    """An integer that is at least ``least``."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} is {value!r}, not an integer")
    if value < least:
        raise ValueError(f"{name} is {value}; give an integer of at least {least}")
    return min(int(value), 2**62)


def as_choice(name: str, value: Any, choices: Sequence[str]) -> str:
    """One of some names."""
    if not isinstance(value, str):
        raise TypeError(f"{name} is {value!r}, not a name; give one of {', '.join(choices)}")
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; give one of {', '.join(choices)}")
    return value
