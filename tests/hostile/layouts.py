"""The same numbers, held by an array in another way."""

from __future__ import annotations

import tempfile
import warnings

import numpy as np

import strategies


class Subclass(np.ndarray):
    """An array by another name."""


class Loud(np.ndarray):
    """An array whose methods are not those of an array."""

    def sum(self, *_args, **_kwargs):
        return "no sum"

    def __array_wrap__(self, *_args, **_kwargs):
        return None


class HasArray:
    """An object with ``__array__``."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return self.values if dtype is None else self.values.astype(dtype)


class HasInterface:
    """An object with ``__array_interface__``."""

    def __init__(self, values):
        self.values = np.ascontiguousarray(values)

    @property
    def __array_interface__(self):
        return self.values.__array_interface__


def quietly(make):
    """Without the warning that making the object itself gives."""

    def made(a):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return make(a)

    return made


def as_memmap(a):
    """Numbers in a file."""
    with tempfile.TemporaryFile() as file:
        mapped = np.memmap(file, a.dtype, "w+", shape=a.shape)
        mapped[...] = a
        return mapped


def packed(a):
    """The field of packed records: no number is aligned."""
    records = np.zeros(a.shape, dtype=[("flag", "u1"), ("value", "f8"), ("other", "f4")])
    records["value"] = a
    return records["value"]


def spread(a):
    """Every third number of a larger array, along every axis."""
    wide = np.full([3 * n for n in a.shape], np.nan)
    index = tuple(slice(1, None, 3) for _ in a.shape)
    wide[index] = a
    return wide[index]


def reversed_view(a):
    """Strides below zero."""
    back = tuple(slice(None, None, -1) for _ in a.shape)
    return np.ascontiguousarray(a[back])[back]


LAYOUTS = {
    "c": lambda a: a.copy(),
    "fortran": np.asfortranarray,
    "spread": spread,
    "reversed": reversed_view,
    "packed records": packed,
    "misaligned": lambda a: (
        np.frombuffer(b"x" + a.tobytes(), np.uint8)[1:].view(np.float64).reshape(a.shape)
    ),
    "read-only": strategies.read_only,
    "big-endian": lambda a: a.astype(">f8"),
    "float32": quietly(lambda a: a.astype(np.float32)),
    "float16": quietly(lambda a: a.astype(np.float16)),
    "longdouble": lambda a: a.astype(np.longdouble),
    "int64": quietly(lambda a: np.clip(np.round(10 * a), -1e15, 1e15).astype(np.int64)),
    "int8": quietly(lambda a: np.clip(np.round(10 * a), -100, 100).astype(np.int8)),
    "uint64": quietly(lambda a: np.clip(np.round(10 * abs(a)), 0, 1e15).astype(np.uint64)),
    "bool": lambda a: a > 0,
    "lists": lambda a: a.tolist(),
    "tuples": lambda a: tuple(map(tuple, a)) if a.ndim == 2 else tuple(a.tolist()),
    "list of arrays": list,
    "broadcast row": lambda a: np.broadcast_to(a[:1], a.shape),
    "broadcast number": lambda a: np.broadcast_to(a.flat[0], a.shape),
    "matrix": quietly(lambda a: np.matrix(a) if a.ndim == 2 else a.copy()),
    "subclass": lambda a: a.view(Subclass),
    "loud subclass": lambda a: a.view(Loud),
    "unmasked": np.ma.array,
    "memmap": as_memmap,
    "__array__": HasArray,
    "__array_interface__": HasInterface,
}
