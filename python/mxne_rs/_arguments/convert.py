"""Convert arguments to float64 arrays and numbers, or raise errors that name them.

Checks come in one order: type, dimensions, size, match, finite values, parameters.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Numbers converted at a time; signals such as Ctrl-C are handled between chunks.
CHUNK_SIZE = 1 << 21


def as_floats(name: str, value: Any, ndim: int) -> Floats:
    """Return an aligned, native, contiguous float64 array with ``ndim`` dimensions.

    The caller's array is not changed.
    """
    array = as_array(name, value)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{name} has dtype {array.dtype}; give real numbers (float64, float32 or integers)"
        )
    if array.ndim != ndim:
        shapes = {1: "a vector", 2: "two dimensions"}
        raise ValueError(f"{name} has shape {array.shape}; give {shapes[ndim]}")
    if array.size == 0:
        raise ValueError(f"{name} is empty: its shape is {array.shape}; give at least one number")
    contiguous = array.flags.c_contiguous or array.flags.f_contiguous
    native = array.dtype == np.float64 and array.dtype.isnative and array.flags.aligned
    return np.asarray(array if native and contiguous else _converted(name, array))


def as_array(name: str, value: Any) -> NDArray[Any]:
    """Return the NumPy array of a value; raise where it is sparse, masked or no array."""
    if hasattr(value, "tocsr"):
        raise TypeError(
            f"{name} is a sparse {type(value).__name__}; give a dense array: {name}.toarray()"
        )
    # np.ma is imported when first named; a child forked during an import can deadlock on its lock.
    mask = getattr(value, "mask", None) if isinstance(value, np.ndarray) else None
    if mask is not None and np.any(mask):
        raise ValueError(f"{name} has masked entries; fill or drop them first")
    if type(value) is np.ndarray:
        # What a signal handler raises here is the caller's, no fault of the array.
        return value
    try:
        return np.asarray(value)
    except MemoryError:
        raise MemoryError(f"{name} does not fit into memory; give fewer numbers") from None
    except Exception as error:
        remedy = f"give a rectangular array of numbers ({type(error).__name__}: {error})"
        message = f"{name} is {quoted(value)}, which NumPy cannot read; {remedy}"[:500]
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(message) from None


def _converted(name: str, array: NDArray[Any]) -> Floats:
    """Copy an array to contiguous float64, a chunk at a time."""
    order: Any = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    try:
        out = np.empty(array.shape, dtype=np.float64, order=order)
    except (MemoryError, ValueError):
        raise MemoryError(
            f"a float64 copy of {name}, shape {array.shape}, does not fit into memory; "
            "use fewer locations or samples"
        ) from None
    axis = int(order == "F" and array.ndim > 1)
    step = max(1, CHUNK_SIZE * array.shape[axis] // array.size)
    with np.errstate(over="ignore", invalid="ignore"):
        for first in range(0, array.shape[axis], step):
            piece = (slice(None),) * axis + (slice(first, first + step),)
            out[piece] = array[piece]
    return out


def require_finite(name: str, array: Floats) -> None:
    """Raise where an array holds NaN or infinity, naming the first."""
    # A finite sum means finite values; only where it is not is the array read again.
    with np.errstate(over="ignore", invalid="ignore"):
        suspicious = not math.isfinite(float(np.sum(array)))
    if not suspicious:
        return
    # Searched once: another thread may write to the array meanwhile.
    for index in np.argwhere(~np.isfinite(array))[:1].tolist():
        place = ", ".join(map(str, index))
        raise ValueError(f"{name} holds {array[tuple(index)]} at [{place}]; remove it first")


def as_matrix(name: str, value: Any) -> Floats:
    """Return a two-dimensional finite float64 array."""
    array = as_floats(name, value, 2)
    require_finite(name, array)
    return array


def as_weights(value: Any, n_locations: int) -> Floats | None:
    """Return one weight per location; None stays None."""
    if value is None:
        return None
    weights = as_floats("weights", value, 1)
    if weights.shape[0] != n_locations:
        raise ValueError(
            f"weights has {weights.shape[0]} entries, but gain has {n_locations} locations; "
            "give one for each"
        )
    return np.ascontiguousarray(weights)


def is_number(value: Any) -> bool:
    """Return whether a value is one real number: Python's, NumPy's or a 0-d array."""
    if isinstance(value, np.ndarray):
        return value.ndim == 0 and value.dtype.kind in "fiu"
    if isinstance(value, (bool, np.bool_, np.complexfloating, np.timedelta64)):
        return False
    return isinstance(value, (int, float, np.number))


def number(name: str, value: Any, remedy: str = "give a number") -> float:
    """Return a real number as a float, infinite where it exceeds the range of doubles."""
    if not is_number(value):
        raise TypeError(f"{name} is {quoted(value)}, not a real number; {remedy}")
    try:
        with np.errstate(over="ignore"):
            return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def number_or_name(name: str, value: Any) -> float | str:
    """Return a real number as a float, or a string unchanged."""
    return value if isinstance(value, str) else number(name, value, "give a number or a name")


def name_of(name: str, value: Any) -> str:
    """Return a string unchanged; raise for any other type."""
    if not isinstance(value, str):
        raise TypeError(f"{name} is {quoted(value)}, not a name; give a string")
    return value


def integer(name: str, value: Any, remedy: str = "give an integer") -> int:
    """Return an integer, clipped to +-2^62 so that it fits into the compiled module."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    is_excluded = isinstance(value, (bool, np.bool_, np.timedelta64))
    if is_excluded or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} is {quoted(value)}, not an integer; {remedy}")
    return max(min(int(value), 2**62), -(2**62))


def as_number(
    name: str, value: Any, remedy: str, *, zero: bool = False, below: float = math.inf
) -> float:
    """Return a positive number (with ``zero``, also 0) below a limit."""
    converted = number(name, value, remedy)
    if not 0 <= converted < below or (converted == 0 and not zero):
        raise ValueError(f"{name} is {quoted(value)}; {remedy}")
    return converted


def as_numbers(name: str, value: Any, count: int, counted: str, remedy: str) -> Floats:
    """Return ``count`` positive numbers: those given, or one number repeated."""
    if is_number(value) or isinstance(value, (str, bytes)):
        return np.full(count, as_number(name, value, remedy))
    values = as_floats(name, value, 1)
    if values.size != count:
        raise ValueError(f"{name} has {values.size} entries, but {counted}; give one for each")
    for one in values.tolist():
        as_number(name, one, remedy)
    return values


def as_count(name: str, value: Any, least: int) -> int:
    """Return an integer that is at least ``least``."""
    remedy = f"give an integer of at least {least}"
    converted = integer(name, value, remedy)
    if converted < least:
        raise ValueError(f"{name} is {quoted(value)}; {remedy}")
    return converted


def as_flag(name: str, value: Any) -> bool:
    """Return True or False."""
    if isinstance(value, (bool, np.bool_)) or (isinstance(value, int) and value in (0, 1)):
        return bool(value)
    raise TypeError(f"{name} is {quoted(value)}; give True or False")


def as_choice(name: str, value: Any, choices: Sequence[str]) -> str:
    """Return a name that is one of ``choices``."""
    remedy = f"give one of {', '.join(choices)}"
    if not isinstance(value, str):
        raise TypeError(f"{name} is {quoted(value)}, not a name; {remedy}")
    if value not in choices:
        raise ValueError(f"{name} is {quoted(value)}; {remedy}")
    return value


def one_line(text: object) -> str:
    """Return a user's text on one line, unprintable characters escaped: ``\\x1b``.

    Examples
    --------
    >>> from mxne_rs._arguments.convert import one_line
    >>> one_line("left\\nright\\t\\x1b[2J"), one_line("Ton é")
    ('left right \\\\x1b[2J', 'Ton é')
    """
    words = " ".join(str(text).split())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in words)


def quoted(value: Any) -> str:
    """Return a value as error messages quote it: its repr, shortened to 200 characters."""
    try:
        return " ".join(reprlib.repr(value).split())[:200]
    except Exception:
        return f"a {type(value).__name__}"
