"""Keeps answers in two files, beside what their bits depend on, and compares others with them."""

from __future__ import annotations

import importlib
import json
import math
import platform
import re
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from answers import HERE, Leaves

#: Arrays, and everything else.
ARRAYS, WORDS = HERE / "results.npz", HERE / "results.json"
#: On another machine numbers agree to this part, arrays to this part of their largest number.
RELATIVE = 1e-7
#: Parts of one: below a tenth of the usual tolerance is where the solver happened to stop.
PARTS, NOTHING = {"gap", "gaps", "explained_variance", "dual_gap_"}, 1e-7
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


def fingerprint() -> dict[str, Any]:
    """Tell what bits depend on: processor, caches (that cut products), BLAS and versions."""
    core = "_core" if hasattr(np, "_core") else "core"
    features = importlib.import_module(f"numpy.{core}._multiarray_umath").__cpu_features__
    caches = sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"))
    found: dict[str, Any] = {
        "machine": platform.machine(),
        "system": platform.system(),
        "features": " ".join(name for name, is_there in features.items() if is_there),
        "caches": " ".join(path.read_text().strip() for path in caches),
        "python": ".".join(platform.python_version_tuple()[:2]),
        # Of the compiled module, wherever that is.
        "products": [one.back_end for one in _modules() if hasattr(one, "back_end")],
        "blas": _libraries(),
    }
    for name in ("numpy", "scipy", "mne", "sklearn"):
        try:
            found[name] = importlib.import_module(name).__version__
        except ImportError:
            found[name] = None
    return found


def _modules() -> list[Any]:
    return [module for name, module in sys.modules.items() if name.startswith("mxne_rs.")]


def _libraries() -> list[str]:
    """Tell which BLAS are loaded, for which processor, on how many threads."""
    try:
        import scipy.linalg  # noqa: F401 (loads a BLAS of its own)
        from threadpoolctl import threadpool_info
    except ImportError:
        return [str(np.show_config(mode="dicts")["Build Dependencies"]["blas"].get("version"))]
    keys = ("internal_api", "version", "architecture", "num_threads")
    blas = [one for one in threadpool_info() if one["user_api"] == "blas"]
    return sorted(" ".join(str(one.get(key)) for key in keys) for one in blas)


def what_differs(stored: dict[str, Any], *needs: str) -> list[str]:
    """Say why bits may be others here; a package that a case does without does not matter."""
    here = fingerprint()
    # A BLAS more is that of another package.
    here["blas"] = [one for one in here["blas"] if one in stored["blas"]]
    matter = [name for name in stored if name not in ("mne", "sklearn") or name in needs]
    return [
        f"{name} is {here[name]}, was {stored[name]}"
        for name in matter
        if here[name] != stored[name]
    ]


def write(commit: str, answers: dict[str, Leaves]) -> None:
    """Write the answers of all cases, with the commit they are of and the fingerprint."""
    words: dict[str, Leaves] = {name: {} for name in answers}
    arrays: dict[str, list[Any]] = {}
    for name, leaves in answers.items():
        for key, leaf in leaves.items():
            if isinstance(leaf, np.ndarray):
                arrays.setdefault(leaf.dtype.name, []).append(leaf.ravel())
                leaf = {leaf.dtype.name: leaf.shape}
            words[name][key] = leaf
    # One after the other, all of a kind together: thousands of small ones are large in a file.
    np.savez_compressed(ARRAYS, **{kind: np.concatenate(some) for kind, some in arrays.items()})
    head = {"commit": commit, "fingerprint": fingerprint()}
    text = json.dumps({**head, "answers": words}, indent=0)
    # A shape on one line.
    text = re.sub(r"\{\s*(\"\w+\": \[)\s*((?:\d+,?\s*)*)\]\s*\}", _on_one_line, text)
    WORDS.write_text(text + "\n", encoding="utf-8")


def _on_one_line(shape: re.Match[str]) -> str:
    return f"{{{shape[1]}{' '.join(shape[2].split())}]}}"


def read() -> tuple[dict[str, Any], dict[str, Leaves]]:
    """Read the fingerprint and the answers."""
    found = json.loads(WORDS.read_text(encoding="utf-8"))
    with np.load(ARRAYS) as arrays:
        rest = dict(arrays)
    for leaves in found["answers"].values():
        for key, leaf in leaves.items():
            if isinstance(leaf, dict):
                ((kind, shape),) = leaf.items()
                leaves[key], rest[kind] = np.split(rest[kind], [math.prod(shape)])
                leaves[key] = leaves[key].reshape(shape)
    return found["fingerprint"], found["answers"]


def differences(stored: Leaves, found: Leaves, exactly: bool) -> dict[str, str]:
    """Name what is stored and not found the same; what is new has nothing to be compared with."""
    agree = same if exactly else close
    return {
        key: told(one, found.get(key, "nothing"))
        for key, one in stored.items()
        if key not in found or not agree(key, one, found[key])
    }


def told(stored: Any, found: Any) -> str:
    """Tell two leaves apart in short: texts from shortly before they differ."""
    start = 0
    if isinstance(stored, str) and isinstance(found, str):
        differ = (i for i, (a, b) in enumerate(zip(stored, found, strict=False)) if a != b)
        start = max(0, next(differ, min(len(stored), len(found))) - 40)
        stored, found = stored[start:], found[start:]
    here, there = (repr(one)[:400] for one in (found, stored))
    return f"{here} instead of {there}{f' from character {start} on' if start else ''}"


def same(key: str, stored: Any, found: Any) -> bool:
    """Say whether two leaves are equal, bit for bit."""
    if isinstance(stored, np.ndarray) and isinstance(found, np.ndarray):
        alike = (stored.dtype, stored.shape) == (found.dtype, found.shape)
        return alike and stored.tobytes() == found.tobytes()
    # The shortest text of a number is of that number only, and that of NaN is the same.
    return type(stored) is type(found) and repr(stored) == repr(found)


def close(key: str, stored: Any, found: Any) -> bool:
    """Say whether two leaves are equal but for rounding."""
    last = key.rsplit(".", 1)[-1]
    if last == "sha256":
        return True
    floor = NOTHING if last in PARTS else 0.0
    if isinstance(stored, np.ndarray) and isinstance(found, np.ndarray):
        if (stored.dtype, stored.shape) != (found.dtype, found.shape):
            return False
        if stored.dtype.kind != "f":
            return bool((stored == found).all())
        largest = np.abs(stored[np.isfinite(stored)]).max(initial=0.0)
        return np.allclose(found, stored, RELATIVE, RELATIVE * largest + floor, equal_nan=True)
    if isinstance(stored, float) and isinstance(found, float):
        return bool(np.isclose(found, stored, RELATIVE, floor, equal_nan=True))
    if isinstance(stored, str) and isinstance(found, str):
        return close_texts(stored, found)
    return same(key, stored, found)


def close_texts(stored: str, found: str) -> bool:
    """Say whether two texts have the same words, and numbers up to one in the last digit."""
    if NUMBER.split(stored) != NUMBER.split(found):
        return False
    pairs = zip(NUMBER.findall(stored), NUMBER.findall(found), strict=True)
    return all(one == other or _close_numbers(Decimal(one), Decimal(other)) for one, other in pairs)


def _close_numbers(one: Decimal, other: Decimal) -> bool:
    exponents = [int(number.as_tuple().exponent) for number in (one, other)]
    if exponents == [0, 0]:
        return False
    return abs(one - other) <= max(Decimal(10) ** max(exponents), Decimal(NOTHING))
