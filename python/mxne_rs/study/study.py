"""Describe a sweep: keys of independent parts, the functions that solve them, its cost."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arguments.convert import quoted
from .._core import __version__

#: The result of a part: arrays by name.
Part = dict[str, NDArray[Any]]
#: Pattern of the key of a part.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def _source(function: Callable[..., Any]) -> list[str]:
    """Return a function's name, and its source text where available."""
    name = f"{function.__module__}.{function.__qualname__}"
    try:
        return [name, inspect.getsource(function)]
    except (OSError, TypeError):
        return [name]


@dataclass(frozen=True, eq=False)
class Study:
    """A sweep of parts that do not depend on each other.

    Attributes
    ----------
    name : str
        Name in the progress bar and the store.
    keys : sequence of str
        Names of the parts: unique, of letters, digits, ``.``, ``_`` and ``-``. Derive random draws
        from the key, so that no result depends on where or when a part is solved.
    prepare : callable
        ``prepare(arrays, settings)`` returns the object that all parts are solved with: a function
        of a module, called once in each process. The arrays are read-only.
    solve : callable
        ``solve(prepared, key)`` returns a part, a dict of arrays: a function of a module that uses
        one thread.
    arrays : mapping of str to array
        Data that all parts share; sent to each worker once.
    settings : mapping of str to number, str or sequence of them
        Small data that all parts share. A store distinguishes studies by settings, arrays and the
        source of both functions, but not of functions that these call: change a setting such as
        ``"version": 2`` with these.
    n_solves : int
        Number of problems in a part.

    Raises
    ------
    TypeError, ValueError
        Where keys or arrays are of the wrong type or form.
    """

    name: str
    keys: Sequence[str]
    prepare: Callable[[Mapping[str, NDArray[Any]], Mapping[str, Any]], Any]
    solve: Callable[[Any, str], Part]
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    n_solves: int = 1

    def __post_init__(self) -> None:
        """Check keys and arrays, which the store depends on."""
        if isinstance(self.keys, str) or not isinstance(self.keys, Sequence):
            raise TypeError(f"keys is {quoted(self.keys)}; give a list of names")
        for key in self.keys:
            if not isinstance(key, str) or not NAME.fullmatch(key):
                raise ValueError(
                    f"keys holds {quoted(key)}; give names of up to 100 letters, digits, '.', '_' "
                    "and '-', the first a letter or a digit"
                )
        if len(set(self.keys)) < len(self.keys):
            raise ValueError("keys holds a name twice; give each part a unique name")
        for name, array in self.arrays.items():
            if not isinstance(array, np.ndarray) or array.dtype.hasobject:
                raise TypeError(f"arrays[{name!r}] is {quoted(array)}; give an array of numbers")

    @cached_property
    def fingerprint(self) -> str:
        """Checksum that tells this study from another."""
        digest = hashlib.sha256()
        functions = [_source(one) for one in (self.prepare, self.solve)]
        head = [__version__, self.name, functions, dict(self.settings), sorted(self.arrays)]
        text = json.dumps(head, sort_keys=True, default=lambda value: np.asarray(value).tolist())
        digest.update(text.encode())
        for name in sorted(self.arrays):
            array = np.ascontiguousarray(self.arrays[name])
            digest.update(f"{array.dtype} {array.shape}".encode())
            digest.update(array.data)
        return digest.hexdigest()


@dataclass(frozen=True)
class Cost:
    """The expected cost of a sweep.

    Attributes
    ----------
    n_parts, n_solves : int
        Remaining parts and problems.
    n_workers : int
        Parts solved at a time.
    n_bytes : int
        Memory of the shared arrays in all processes, as sent and as prepared.
    seconds : float
        Estimated from the first part.

    Examples
    --------
    >>> from mxne_rs.study import Cost
    >>> print(Cost(100, 2000, 2, 48_000_000, 90.0))
    100 parts, 2000 solves, 2 at a time: about 48 MB for what they share, about 90 s
    """

    n_parts: int
    n_solves: int
    n_workers: int
    n_bytes: int
    seconds: float

    def __str__(self) -> str:
        """Return the cost on one line."""
        time_left = (
            f"{self.seconds:.0f} s" if self.seconds < 600 else f"{self.seconds / 60:.0f} min"
        )
        return (
            f"{self.n_parts} parts, {self.n_solves} solves, {self.n_workers} at a time: about "
            f"{self.n_bytes / 1e6:.3g} MB for what they share, about {time_left}"
        )
