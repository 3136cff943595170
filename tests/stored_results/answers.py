"""Makes numbers and words of what the package answers, so that they can be stored and compared."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import inspect
import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
#: What a stored answer consists of, by dotted names.
Leaves = dict[str, Any]

#: Every case, with what it needs beside numpy: "mne", "sklearn" or "data" (that of shared/data).
CASES: dict[str, Callable[[], Any]] = {}
NEEDS: dict[str, tuple[str, ...]] = {}

#: Not the same in two runs, an input that is handed through, or the same as `sources`.
LEFT_OUT = {"elapsed", "latency", "forward", "model", "x"}
#: Of MNE's objects.
ATTRIBUTES = {
    "Dipole": ("name", "times", "pos", "amplitude", "ori", "gof"),
    "Evoked": ("comment", "nave", "times", "data", "ch_names"),
    "SourceEstimate": ("subject", "tmin", "tstep", "vertices", "data"),
}
#: Of arrays with more numbers than these a digest is kept, and some of the numbers.
MANY, SOME = 400, 20


def case(*needs: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Enter a function without arguments into the table of cases."""

    def enter(function: Callable[[], Any]) -> Callable[[], Any]:
        CASES[function.__name__], NEEDS[function.__name__] = function, needs
        return function

    return enter


def answer_of(name: str) -> Leaves:
    """Run a case; return its answer with the warnings that it gave."""
    with warnings.catch_warnings(record=True) as caught, quiet(*NEEDS[name]):
        warnings.simplefilter("always")
        answer = CASES[name]()
    told = [
        f"{one.category.__name__}: {one.message}"
        for one in caught
        if one.category.__module__.startswith("mxne_rs") or Path(one.filename).parent == HERE
    ]
    return {**flat(answer), **flat("\n".join(told), "warnings")}


def quiet(*needs: str) -> Any:
    """Let MNE log errors only, in cases that need it."""
    if "mne" not in needs:
        return contextlib.nullcontext()
    import mne

    return mne.utils.use_log_level("ERROR")


def without_times(text: str) -> str:
    """Replace what a text says of elapsed time."""
    return re.sub(r"\b[\d.]+ ms(?=>|$)", "# ms", text, flags=re.MULTILINE)


def refusal(function: Callable[..., Any], *args: Any, **options: Any) -> str:
    """Call what has to be refused; return the kind of error and its text."""
    try:
        function(*args, **options)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "not refused"


def flat(value: Any, name: str = "") -> Leaves:
    """Take an answer apart into arrays, numbers, words and None, by dotted names."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        return {name: without_times(value)}
    if value is None or isinstance(value, bool | int | float):
        return {name: value}
    if isinstance(value, np.ndarray):
        return _array(value, name)
    parts = _parts(value)
    found: Leaves = {}
    for key, part in parts.items():
        found |= flat(part, f"{name}.{key}" if name else str(key))
    return found


def _array(array: Any, name: str) -> Leaves:
    """Keep an array; of a large one its digest, some numbers and, last, the largest magnitude."""
    if array.size <= MANY:
        return {name: array}
    chosen = array.ravel()[np.linspace(0, array.size - 1, SOME).astype(int)]
    return {
        f"{name}.shape": "x".join(map(str, array.shape)),
        f"{name}.sha256": digest(array),
        f"{name}.some": np.append(chosen, np.abs(array).max()),
    }


def _parts(value: Any) -> Mapping[str, Any]:
    """Name the parts of a mapping, a sequence, or an object of this package or MNE."""
    if isinstance(value, Mapping):
        return value
    kind = type(value).__name__
    if isinstance(value, list | tuple):
        if len(value) and all(hasattr(one, "_fields") for one in value):
            return {"type": type(value[0]).__name__, **_columns(value)}
        if len(value) and all(isinstance(one, str) for one in value):
            return {"lines": "\n".join(value)}
        return {"length": len(value), **{str(i): one for i, one in enumerate(value)}}
    for end, names in ATTRIBUTES.items():
        if kind.removesuffix("Array").endswith(end):
            return {"type": kind, **{name: getattr(value, name) for name in names}}
    is_data = dataclasses.is_dataclass(value)
    names = [one.name for one in dataclasses.fields(value)] if is_data else []
    names += [key for key, one in inspect.getmembers(type(value)) if isinstance(one, property)]
    parts = {name: getattr(value, name) for name in names if name not in LEFT_OUT}
    if parts.get("n_orient", 1) > 1 and "sources" in parts:
        parts["sources"] = turned(parts["sources"], parts["n_orient"])
    # Generated ones repeat the fields; the package's own are a line in angle brackets.
    line = repr(value)
    return {"type": kind, **parts, **({"repr": line} if line.startswith("<") else {})}


def turned(sources: Any, n_orient: int) -> dict[str, Any]:
    """Keep amplitudes, and rows as a digest: MNE's tangential axes are others on other machines."""
    rows = sources.reshape(-1, n_orient, sources.shape[-1])
    return {"sha256": digest(sources), "amplitudes": np.linalg.norm(rows, axis=1)}


def digest(array: Any) -> str:
    """Digest the numbers of an array, for what is the same on the same machine only."""
    return hashlib.sha256(array.tobytes()).hexdigest()


def _columns(records: Any) -> dict[str, Any]:
    return {name: np.array([getattr(one, name) for one in records]) for name in records[0]._fields}
