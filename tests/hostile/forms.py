"""Arrays of numbers in every form that a caller may hold them in, and things that are none."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

from strategies import read_only


class Exporter:
    """Offers an array, as foreign array libraries do."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        """As NumPy asks for it."""
        return np.array(self.array, dtype=dtype)


class BrokenExporter:
    """Offers an array, but fails when asked (a tensor on another device does)."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        """Fail."""
        raise RuntimeError("move the tensor to the host first")


class Subclass(np.ndarray):
    """An array that is more than one."""


def odd_records(a: Any) -> Any:
    """A field of packed records, every second row of them, backwards: strides of -2 x 13 bytes."""
    records = np.zeros((2 * a.shape[0], a.shape[1]), dtype=[("n", "u1"), ("v", "f8"), ("m", "f4")])
    records["v"][::-2] = a
    return records[::-2]["v"]


def memory_map(a: Any) -> Any:
    """A file of the numbers after a header of 3 bytes, so that none is aligned."""
    with tempfile.TemporaryFile() as file:
        file.write(b"abc" + np.ascontiguousarray(a).tobytes())
        file.flush()
        return np.memmap(file, dtype=np.float64, mode="r", offset=3, shape=a.shape)


def unaligned(a: Any) -> Any:
    """Contiguous, one byte off."""
    raw = np.zeros(a.nbytes + 1, dtype=np.uint8)
    view = raw[1:].view(np.float64).reshape(a.shape)
    view[:] = a
    return view


def deep_view(a: Any) -> Any:
    """A slice of three dimensions, the last two exchanged."""
    cube = np.full((a.shape[1], 3, a.shape[0]), np.nan)
    cube[:, 1] = a.T
    return cube[:, 1].T


#: The same numbers, or numbers as good, in another form.
FORMS: dict[str, Callable[[Any], Any]] = {
    "fortran": np.asfortranarray,
    "strided": lambda a: np.repeat(np.repeat(a, 2, axis=0), 3, axis=1)[::2, ::3],
    "backwards": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
    "odd-records": odd_records,
    "unaligned": unaligned,
    "deep-view": deep_view,
    "read-only": read_only,
    "memory-map": memory_map,
    "broadcast-rows": lambda a: np.broadcast_to(a[:1], a.shape),
    "broadcast-columns": lambda a: np.broadcast_to(a[:, :1], a.shape),
    "broadcast-one": lambda a: np.broadcast_to(a[0, 0], a.shape),
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "byte-swapped-float32": lambda a: a.astype(np.float32).astype(">f4"),
    "float16": lambda a: a.astype(np.float16),
    "longdouble": lambda a: a.astype(np.longdouble),
    "uint64": lambda a: np.abs(np.round(100 * a)).astype(np.uint64),
    "int8": lambda a: np.clip(np.round(20 * a), -127, 127).astype(np.int8),
    "int64-min": lambda a: np.where(a > a.max() / 2, np.iinfo(np.int64).min, 2**60).astype("i8"),
    "bool": lambda a: a > 0,
    "subclass": lambda a: a.view(Subclass),
    "matrix": np.asmatrix,
    "masked-nothing": lambda a: np.ma.array(a.copy(), mask=False),
    "lists": lambda a: a.tolist(),
    "tuple-of-arrays": lambda a: tuple(a.copy()),
    "memoryview": lambda a: memoryview(np.ascontiguousarray(a)),
    "exporter": Exporter,
}


def pandas_forms() -> dict[str, Callable[[Any], Any]]:
    """Data frames of numbers."""
    import pandas as pd

    return {
        "data-frame": lambda a: pd.DataFrame(a),
        "data-frame-labelled": lambda a: pd.DataFrame(a).rename(index="row {}".format),
        "data-frame-mixed": lambda a: pd.DataFrame(a).astype({0: np.float32}),
    }


def masked(a: Any) -> Any:
    """One entry masked."""
    mask = np.zeros(a.shape, dtype=bool)
    mask[0, 0] = True
    return np.ma.array(a.copy(), mask=mask)


def with_entry(entry: Any) -> Callable[[Any], Any]:
    """Objects, one of which is the entry."""

    def spoil(a: Any) -> Any:
        objects = a.astype(object)
        objects[0, 0] = entry
        return objects

    return spoil


def overflowing(a: Any) -> Any:
    """Finite in extended precision, not in double."""
    wide = a.astype(np.longdouble)
    wide[0, 0] = np.longdouble(10) ** 400
    return wide


SHAPE = r"\(.*\)"
#: What is said of a sparse matrix: its kind, and how to make it dense.
SPARSE = ("(?i)sparse|csr|csc|coo|dok", r"\.toarray\(\)")
#: What is not a matrix of real numbers, and what the message says of it.
NOT_ARRAYS: dict[str, tuple[Callable[[Any], Any], tuple[str, ...]]] = {
    "none": (lambda a: None, ()),
    "number": (lambda a: 3.0, ()),
    "zero-dimensional": (lambda a: np.array(3.0), (r"\(\)",)),
    "vector": (lambda a: a[0], (r"\(\d+,\)",)),
    "three-dimensional": (lambda a: a[None], (r"\(1, \d+, \d+\)",)),
    "text": (lambda a: "sample-fwd.fif", ()),
    "bytes": (lambda a: b"12345678", ()),
    "strings": (lambda a: a.astype(str), (r"<U\d+|str",)),
    "complex": (lambda a: a.astype(complex), ("complex128",)),
    "complex64-no-imaginary-part": (lambda a: a.astype(np.complex64), ("complex64",)),
    "objects": (lambda a: a.astype(object), ("object",)),
    "objects-with-none": (with_entry(None), ("object",)),
    "objects-with-integer-beyond-64-bits": (with_entry(10**400), ("object",)),
    "objects-with-array": (with_entry(np.zeros(2)), ("object",)),
    "dates": (lambda a: a.astype("i8").astype("M8[s]"), ("datetime64",)),
    "durations": (lambda a: a.astype("i8").astype("m8[ms]"), ("timedelta64",)),
    "records": (lambda a: a.copy().view([("v", "f8")]), ("v", "f8")),
    "void": (lambda a: a.copy().view("V8"), (r"V8|void",)),
    "masked": (masked, ("mask",)),
    "ragged": (lambda a: [*a.tolist()[:-1], [1.0]], ()),
    "list-of-none": (lambda a: [[None] * a.shape[1]] * a.shape[0], ("object",)),
    "dictionary": (lambda a: {"data": a}, ()),
    "set": (lambda a: {1.0, 2.0}, ()),
    "generator": (lambda a: (row for row in a), ()),
    "function": (lambda a: np.sum, ()),
    "type": (lambda a: np.ndarray, ()),
    "broken-exporter": (lambda a: BrokenExporter(), ()),
    "longdouble-overflow": (overflowing, ("inf",)),
    "no-rows": (lambda a: a[:0], (r"\(0, \d+\)",)),
    "no-columns": (lambda a: a[:, :0], (r"\(\d+, 0\)",)),
    "nothing-at-all": (lambda a: [], ()),
    "empty-list-of-lists": (lambda a: [[]], ()),
}


def sparse_arrays() -> dict[str, Any]:
    """SciPy's sparse matrices: the message says how to make them dense."""
    import scipy.sparse

    formats = ["csr_matrix", "csc_array", "coo_array", "dok_array"]
    return {f"sparse-{name}": (getattr(scipy.sparse, name), SPARSE) for name in formats}


def pandas_frames() -> dict[str, Any]:
    """Data frames of something else than numbers, and other things of pandas."""
    import pandas as pd

    def missing(a: Any) -> Any:
        frame = pd.DataFrame(a).astype("Float64")
        frame.iloc[0, 0] = pd.NA
        return frame

    return {
        "data-frame-of-text": (lambda a: pd.DataFrame(a).astype(str), ()),
        "data-frame-with-text": (lambda a: pd.DataFrame(a).assign(name="EEG 001"), ()),
        "data-frame-with-nan": (lambda a: pd.DataFrame(a).replace(a[0, 0], np.nan), ("nan|NaN",)),
        "data-frame-with-missing": (missing, ()),
        "series": (lambda a: pd.Series(a[0]), (r"\(\d+,\)",)),
    }
