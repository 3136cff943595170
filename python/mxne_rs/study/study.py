"""Sweeps: parts that do not depend on each other, solved here or on any backend of joblib."""

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

from .._arguments.convert import shown
from .._core import __version__

#: What a part answers: arrays by name.
Part = dict[str, NDArray[Any]]


#: What a part may be called.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def _source(function: Callable[..., Any]) -> list[str]:
    """A function's name, and its text where it can be had."""
    name = f"{function.__module__}.{function.__qualname__}"
    try:
        return [name, inspect.getsource(function)]
    except (OSError, TypeError):
        return [name]


@dataclass(frozen=True, eq=False)
class Study:
    """A sweep.

    Attributes
    ----------
    name : str
        What it is, for the progress bar and the store.
    keys : sequence of str
        Names of its parts: unique, of letters, digits, ``.``, ``_`` and ``-``. What a part draws
        at random follows from its key, so that no result depends on who solves it, or when.
    prepare : callable
        ``prepare(arrays, settings)`` makes of what all parts share what they are solved with: a
        function of a module, called once in each process. It gets the arrays read-only.
    solve : callable
        ``solve(prepared, key)`` is a part, a dict of arrays: a function of a module that uses one
        thread.
    arrays : mapping of str to array
        What all parts share; sent to each worker once.
    settings : mapping of str to number, str or sequence of them
        The same for what is small. Settings, arrays and the source of both functions tell a study
        from another in a store; what the functions call is not looked at: a setting such as
        ``"version": 2`` tells of a change there.
    n_solves : int
        Problems that a part consists of.

    Raises
    ------
    TypeError, ValueError
        Where keys or arrays are not what they should be.

    Examples
    --------
    See `run_study`.
    """

    name: str
    keys: Sequence[str]
    prepare: Callable[[Mapping[str, NDArray[Any]], Mapping[str, Any]], Any]
    solve: Callable[[Any, str], Part]
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    n_solves: int = 1

    def __post_init__(self) -> None:
        """Refuse what would be lost later."""
        if isinstance(self.keys, str) or not isinstance(self.keys, Sequence):
            raise TypeError(f"keys is {shown(self.keys)}; give a list of names")
        for key in self.keys:
            if not isinstance(key, str) or not NAME.fullmatch(key):
                raise ValueError(
                    f"keys holds {shown(key)}; give names of up to 100 letters, digits, '.', '_' "
                    "and '-', the first a letter or a digit"
                )
        if len(set(self.keys)) < len(self.keys):
            raise ValueError("keys holds a name twice; give each part a name of its own")
        for name, array in self.arrays.items():
            if not isinstance(array, np.ndarray) or array.dtype.hasobject:
                raise TypeError(f"arrays[{name!r}] is {shown(array)}; give an array of numbers")

    @cached_property
    def fingerprint(self) -> str:
        """What tells this study from another."""
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
    """What a sweep is going to take.

    Attributes
    ----------
    n_parts, n_solves : int
        Parts and problems that are left.
    n_workers : int
        Parts solved at a time.
    n_bytes : int
        Memory for what is shared, in all processes: as sent and as prepared.
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
        """One line."""
        time_left = (
            f"{self.seconds:.0f} s" if self.seconds < 600 else f"{self.seconds / 60:.0f} min"
        )
        return (
            f"{self.n_parts} parts, {self.n_solves} solves, {self.n_workers} at a time: about "
            f"{self.n_bytes / 1e6:.3g} MB for what they share, about {time_left}"
        )
