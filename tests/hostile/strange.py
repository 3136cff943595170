"""Objects that a caller may hand in for an array or a number, each under a name.

A recipe gets the value that would be right and makes something of it: the same numbers held in
another way (`LAYOUTS`), or something else altogether.
"""

from __future__ import annotations

import array
import dataclasses
import enum
from decimal import Decimal
from fractions import Fraction

import numpy as np

import mxne_rs
import strategies
from layouts import LAYOUTS, HasArray, HasInterface, quietly

try:
    import pandas
except ImportError:
    pandas = None
try:
    import scipy.sparse as sparse
except ImportError:
    sparse = None

ARRAY_ARGUMENTS = {
    "alphas", "block", "data", "data[0]", "gain", "init", "locations", "noise_cov", "sigma",
    "weights", "x",
}  # fmt: skip


@np.errstate(all="ignore")
def problem(seed, shape, scale):
    """The right value of every argument, for one small problem."""
    n_sensors, n_locations, n_orient, n_times = shape
    rng = np.random.default_rng(seed)
    gain = rng.standard_normal((n_sensors, n_locations * n_orient))
    data = strategies.signal(rng, gain, n_orient, n_times, noise=0.3)
    gain, data = np.ldexp(gain, scale[0]), np.ldexp(data, scale[1])
    wide = gain.astype(np.longdouble).T @ data
    norms = np.sqrt(np.sum(wide.reshape(n_locations, -1) ** 2, axis=1))
    largest = np.finfo(float).max
    alpha = float(np.clip(0.3 * np.max(norms), np.finfo(float).tiny, largest / 4))
    noise = rng.standard_normal((n_sensors, 2 * n_sensors))
    x = np.zeros((n_locations * n_orient, n_times))
    x[:n_orient] = np.clip(np.ldexp(0.3, scale[1] - scale[0]), 0, largest)
    return {
        "gain": gain,
        "data": data,
        "alpha": alpha,
        "alphas": np.array([2 * alpha, alpha]),
        "block": data,
        "eps": 0.3,
        "init": x,
        "locations": np.arange(0, n_locations, 2),
        "max_iter": 500,
        "n_alphas": 3,
        "n_directions": 1,
        "n_orient": n_orient,
        "n_reweights": 3,
        "n_threads": 1,
        "noise_cov": np.clip(noise @ noise.T * np.ldexp(1.0, scale[0]), -largest, largest),
        "ridge": 0.0,
        "rng": 0,
        "sigma": np.full(n_times, np.clip(np.ldexp(1.0, scale[1]), np.finfo(float).tiny, largest)),
        "surrogate": "sqrt",
        "solver": "bcd",
        "threshold": float(np.ldexp(1.0, scale[1])),
        "time_limit": 10.0,
        "tol": 1e-6,
        "tol_reweight": 1e-6,
        "verbose": False,
        "weights": rng.uniform(0.5, 2, n_locations),
        "x": x,
    }


# --- the same numbers, held in another way -------------------------------------------------------

if pandas is not None:
    LAYOUTS["frame"] = lambda a: pandas.DataFrame(a) if a.ndim == 2 else pandas.Series(a)


# --- something else ------------------------------------------------------------------------------


class Raising:
    """``__array__`` raises."""

    def __init__(self, error):
        self.error = error

    def __array__(self, dtype=None, copy=None):
        raise self.error("no array here")


class Lying:
    """``__array__`` returns something else."""

    def __init__(self, value):
        self.value = value

    def __array__(self, dtype=None, copy=None):
        return self.value


class FalseInterface:
    """``__array_interface__`` that means nothing."""

    @property
    def __array_interface__(self):
        return {"shape": (2, 2), "typestr": "<f8", "data": "nothing", "version": 3}


class EndlessSequence:
    """A sequence whose items cannot be had."""

    def __len__(self):
        return 3

    def __getitem__(self, index):
        raise RuntimeError("no item")


class Float(float):
    """A number by another name."""


class HasFloat:
    """An object with ``__float__``."""

    def __float__(self):
        return 1.0


class HasIndex:
    """An object with ``__index__``."""

    def __index__(self):
        return 1


class Name(str):
    """A name by another name."""


class Number(enum.IntEnum):
    """A number with a name."""

    TWO = 2


def with_value(value):
    """One entry replaced."""

    def made(a):
        changed = np.array(a, dtype=np.float64)
        changed.flat[changed.size // 2] = value
        return changed

    return made


def masked(a):
    """One entry masked."""
    mask = np.zeros(a.shape, bool)
    mask.flat[0] = True
    return np.ma.array(a, mask=mask)


def structured(a):
    """Records, not numbers."""
    records = np.zeros(a.shape, dtype=[("re", "f8"), ("im", "f8")])
    records["re"] = a
    return records


def looped(_a):
    """A list that holds itself."""
    endless = [1.0]
    endless.append(endless)
    return endless


def solved(a):
    """A Solution, of a problem of its own."""
    return mxne_rs.solve_mxne(np.eye(3), np.ones((3, 2)), 0.5)


def tampered(a):
    """A Solution whose parts do not fit together."""
    return dataclasses.replace(solved(a), active_set=np.ones(7, bool))


FROM_ARRAY = {
    "complex": lambda a: a + 0j,
    "complex64": quietly(lambda a: a.astype(np.complex64)),
    "object": lambda a: a.astype(object),
    "text": lambda a: a.astype("U32"),
    "bytes array": lambda a: a.astype("S32"),
    "dates": lambda a: np.full(a.shape, np.datetime64("2020-01-01")),
    "durations": lambda a: np.full(a.shape, np.timedelta64(1, "s")),
    "structured": structured,
    "void": lambda a: np.zeros(a.shape, "V8"),
    "masked": masked,
    "all masked": lambda a: np.ma.array(a, mask=True),
    "nan": with_value(np.nan),
    "inf": with_value(np.inf),
    "-inf": with_value(-np.inf),
    "largest": with_value(np.finfo(float).max),
    "subnormal": with_value(5e-324),
    "negative zero": with_value(-0.0),
    "zeros": np.zeros_like,
    "ones": np.ones_like,
    "negative": lambda a: -a,
    "tiny": lambda a: a * 1e-300,
    "0-d": lambda a: np.array(a.flat[0]),
    "scalar": lambda a: a.flat[0],
    "1-d": lambda a: a.ravel(),
    "3-d": lambda a: a[..., np.newaxis],
    "4-d": lambda a: a.reshape(1, 1, *a.shape) if a.ndim == 2 else a.reshape(1, 1, 1, -1),
    "transposed": lambda a: a.T,
    "no rows": lambda a: a[:0],
    "no columns": lambda a: a[..., :0],
    "one more": lambda a: np.concatenate([a, a[:1]]),
    "one less": lambda a: a[1:],
    "wider": lambda a: np.concatenate([a, a], axis=-1),
    "huge broadcast": lambda a: np.broadcast_to(1.0, (2**31, 2**28)),
    "huge row": lambda a: np.broadcast_to(1.0, (len(a), 2**40)),
    "ragged": lambda a: [[1.0, 2.0], [3.0]],
    "nested lists": lambda a: [a.tolist(), [1.0]],
    "generator": lambda a: (row for row in a),
    "dictionary of rows": lambda a: dict(enumerate(a.tolist())),
    "memoryview": lambda a: memoryview(np.ascontiguousarray(a)),
    "array.array": lambda a: array.array("d", a.ravel()),
    "lying: list": lambda a: Lying(a.tolist()),
    "lying: None": lambda a: Lying(None),
    "lying: text": lambda a: Lying(np.array("text")),
    "lying: another shape": lambda a: Lying(a.ravel()),
    "Gain": lambda a: mxne_rs.Gain(np.ones((len(a), 6)), 3),
    "record array": lambda a: structured(a).view(np.recarray),
}
if sparse is not None:
    FROM_ARRAY["sparse csr"] = lambda a: sparse.csr_array(np.atleast_2d(a))
    FROM_ARRAY["sparse coo matrix"] = lambda a: sparse.coo_matrix(np.atleast_2d(a))
if pandas is not None:
    FROM_ARRAY["frame of text"] = lambda a: pandas.DataFrame(np.atleast_2d(a).astype(str))
    FROM_ARRAY["frame with gaps"] = lambda a: pandas.DataFrame(
        {"a": pandas.array([1.0, None], dtype="Float64"), "b": [1, 2]}
    )
    FROM_ARRAY["categories"] = lambda a: pandas.Series(["a", "b"], dtype="category")

FROM_NOTHING = {
    "None": lambda: None,
    "True": lambda: True,
    "False": lambda: False,
    "0": lambda: 0,
    "1": lambda: 1,
    "2": lambda: 2,
    "-1": lambda: -1,
    "huge 2**40": lambda: 2**40,
    "huge 2**70": lambda: 2**70,
    "-2**70": lambda: -(2**70),
    "huge 10**400": lambda: 10**400,
    "huge 10**5000": lambda: 10**5000,
    "0.5": lambda: 0.5,
    "2.0": lambda: 2.0,
    "-0.0": lambda: -0.0,
    "-1.0": lambda: -1.0,
    "number nan": lambda: float("nan"),
    "number inf": lambda: float("inf"),
    "number -inf": lambda: float("-inf"),
    "1e-320": lambda: 1e-320,
    "1e308": lambda: 1e308,
    "1e-12": lambda: 1e-12,
    "1e12": lambda: 1e12,
    "complex number": lambda: 1 + 1j,
    "Fraction": lambda: Fraction(1, 2),
    "Decimal": lambda: Decimal("0.5"),
    "Decimal nan": lambda: Decimal("sNaN"),
    "np.float16": lambda: np.float16(0.5),
    "np.float32": lambda: np.float32(0.5),
    "np.float64 nan": lambda: np.float64("nan"),
    "np.longdouble": lambda: np.longdouble(0.5),
    "huge np.longdouble": lambda: np.longdouble(2) ** 10000,
    "tiny np.longdouble": lambda: np.longdouble(2) ** -10000,
    "np.int8": lambda: np.int8(3),
    "np.int8 min": lambda: np.int8(-128),
    "huge np.uint64": lambda: np.uint64(2**64 - 1),
    "np.bool": lambda: np.True_,
    "np.str": lambda: np.str_("bcd"),
    "np.complex64": lambda: np.complex64(1),
    "np.datetime64": lambda: np.datetime64("2020-01-01"),
    "np.datetime64 NaT": lambda: np.datetime64("NaT"),
    "np.timedelta64": lambda: np.timedelta64(3, "s"),
    "np.timedelta64 NaT": lambda: np.timedelta64("NaT"),
    "0-d number": lambda: np.array(0.5),
    "0-d integer": lambda: np.array(3),
    "array of one": lambda: np.array([0.5]),
    "array of two": lambda: np.array([0.5, 0.25]),
    "empty array": lambda: np.array([]),
    "empty list": list,
    "list of one": lambda: [1],
    "list of None": lambda: [None, None],
    "list that holds itself": lambda: looped(None),
    "deep list": lambda: deep(100),
    "empty tuple": tuple,
    "set": lambda: {1.0, 2.0},
    "dictionary": lambda: {"a": 1},
    "dictionary with data": lambda: {"data": [[1.0]], "names": ["a"], "bads": [], "projs": []},
    "range": lambda: range(3),
    "empty text": str,
    "text number": lambda: "0.5",
    "bcd": lambda: "bcd",
    "fista": lambda: "fista",
    "FISTA": lambda: "FISTA",
    "log": lambda: "log",
    "auto": lambda: "auto",
    "text with a null": lambda: "bcd\0",
    "lone surrogate": lambda: "\ud800",
    "braces": lambda: "{} %s {0!r}",
    "Name": lambda: Name("bcd"),
    "bytes": lambda: b"bcd",
    "bytearray": lambda: bytearray(8),
    "object()": object,
    "type": lambda: int,
    "function": lambda: len,
    "module": lambda: np,
    "Ellipsis": lambda: ...,
    "NotImplemented": lambda: NotImplemented,
    "slice": lambda: slice(None),
    "Float": lambda: Float(0.5),
    "IntEnum": lambda: Number.TWO,
    "__float__ only": HasFloat,
    "__index__ only": HasIndex,
    "raising ValueError": lambda: Raising(ValueError),
    "raising TypeError": lambda: Raising(TypeError),
    "raising RuntimeError": lambda: Raising(RuntimeError),
    "raising MemoryError, huge": lambda: Raising(MemoryError),
    "raising KeyError": lambda: Raising(KeyError),
    "false interface": FalseInterface,
    "sequence without items": EndlessSequence,
    "Generator": lambda: np.random.default_rng(0),
    "RandomState": lambda: np.random.RandomState(0),
    "Solution": lambda: solved(None),
    "tampered Solution": lambda: tampered(None),
}


def deep(depth):
    """A list in a list in a list."""
    found = 1.0
    for _ in range(depth):
        found = [found]
    return found


RECIPES = LAYOUTS | FROM_ARRAY | FROM_NOTHING
#: Directions are drawn one by one: so many take minutes before they take all memory.
TOO_MANY = {name for name in FROM_NOTHING if name.startswith("huge")} - {"huge np.longdouble"}
#: Numbers that only the whole range of scales has.
EXTREME = {
    "largest", "subnormal", "tiny", "1e-320", "1e308", "huge np.longdouble", "tiny np.longdouble",
}  # fmt: skip


def available(description):
    """Whether the packages are there that make what a call is given."""
    return all(recipe in RECIPES for recipe in description["strange"].values())


def make(recipe, right, _rng):
    """The object of a recipe; where it cannot be made of the right value, of a small array."""
    if recipe in FROM_NOTHING:
        return FROM_NOTHING[recipe]()
    right = np.atleast_1d(np.asarray(right if right is not None else [[1.0, 0.5], [0.25, 2.0]]))
    if right.dtype.kind not in "fiu":
        right = np.array([1.0, 0.5])
    if recipe in FROM_ARRAY or right.dtype.kind != "i":
        right = right.astype(np.float64)
    try:
        with np.errstate(all="ignore"):
            return RECIPES[recipe](right)
    except (ValueError, IndexError, TypeError):
        return RECIPES[recipe](np.ones((2, 2)))


def numbers(value):
    """What an argument holds, as NumPy reads it; None where that is no array of numbers."""
    if isinstance(value, mxne_rs.Gain):
        return value.columns(np.arange(value.n_locations))
    if isinstance(value, list) and any(np.ndim(one) == 2 for one in value):
        return [np.asarray(one) for one in value]
    found = np.asarray(value)
    return found if found.dtype.kind in "fiub" else None


def fingerprint(value):
    """Something that changes with the contents of an argument."""
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject or value.size > 2**20:
            return (value.shape, str(value.dtype))
        mask = np.ma.getmaskarray(value).tobytes() if np.ma.isMaskedArray(value) else b""
        raw = np.asarray(value)
        # Between extended numbers there are bytes that mean nothing.
        held = repr(raw.tolist()) if raw.dtype == np.longdouble else raw.tobytes()
        return (held, raw.shape, raw.strides, str(raw.dtype), raw.flags.writeable, mask)
    if isinstance(value, (list, tuple)) and len(value) < 100 and value and value[-1] is not value:
        return [fingerprint(one) for one in value]
    if isinstance(value, (HasArray, HasInterface)):
        return fingerprint(value.values)
    if sparse is not None and sparse.issparse(value):
        return fingerprint(value.toarray())
    if pandas is not None and isinstance(value, (pandas.DataFrame, pandas.Series)):
        return value.to_json()
    return repr(value) if isinstance(value, (float, str, bytes)) else type(value).__name__
