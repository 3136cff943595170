"""Hostile cases: numbers and words, alphas, and whatever ends a solve."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from functools import partial
from itertools import product
from typing import Any

import numpy as np

import mxne_rs
from calls import (
    HUGE,
    INFINITY,
    NAN,
    ORIENTATIONS,
    SHORT,
    SOLVES,
    TOO_LONG,
    Problem,
    arguments,
    crossed,
    in_turn,
    problem,
    refusal_of,
    taking,
    with_argument,
)
from cases_of_arrays import GEOMETRIES
from complaints import LARGEST
from forms import (
    BrokenExporter,
)
from judge import Answer, Case, Refusal

# --- numbers and words ---------------------------------------------------------------------------

#: Not a real number of any sign.
NOT_NUMBERS: dict[str, Any] = {
    "nan": NAN,
    "minus-inf": -INFINITY,
    "negative": -1.5,
    "text": "60%",
    "number-as-text": "0.5",
    "complex": 1 + 1j,
    "huge-integer": HUGE,
    "minus-huge-integer": -HUGE,
    "integer-too-long-to-print": TOO_LONG,
    "vector": np.ones(3),
    "vector-of-one": np.ones(1),
    "list": [0.5, 1.0, 2.0],
    "long-list": [0.5] * 10_000,
    "dictionary": {},
    "function": abs,
    "date": np.datetime64("2020-01-01"),
    "zero-dimensional-text": np.array("a"),
    "zero-dimensional-nan": np.array(NAN),
    "true": True,
}
NOT_COUNTS = {
    **{name: NOT_NUMBERS[name] for name in ["nan", "negative", "text", "list", "complex", "true"]},
    "minus-one": -1,
    "minus-huge-integer": -HUGE,
    "not-whole": 1.5,
    "whole-as-float": 3.0,
    "infinite": INFINITY,
    "zero-dimensional-float": np.array(1.5),
}
ZERO = {"zero": 0, "minus-zero": -0.0}
NOTHING = {"none": None}
NOT_NAMES = {"unknown": "cd", "empty": "", "number": 3, "bytes": b"bcd", "list": ["bcd"]}
#: The values that an argument refuses.
REFUSED_VALUES: dict[str, dict[str, Any]] = {
    "alpha": {**NOT_NUMBERS, **ZERO, **NOTHING, "inf": INFINITY},
    "tol": {**NOT_NUMBERS, **ZERO, **NOTHING, "inf": INFINITY},
    "ridge": {**NOT_NUMBERS, **NOTHING, "inf": INFINITY},
    "time_limit": {**NOT_NUMBERS, **ZERO},
    "max_iter": {**NOT_COUNTS, **NOTHING, "zero": 0},
    "n_orient": {**NOT_COUNTS, "zero": 0, "no-divisor": 7, "huge": HUGE, "too-long": TOO_LONG},
    "active_set_size": {**NOT_COUNTS, "zero": 0},
    "n_threads": {**NOT_COUNTS, **NOTHING},
    "solver": {**NOT_NAMES, **NOTHING},
    "n_reweights": {**NOT_COUNTS, **NOTHING, "zero": 0},
    "tol_reweight": {**NOT_NUMBERS, **NOTHING, "inf": INFINITY},
    "surrogate": {**NOT_NAMES, **NOTHING},
    "eps": {**NOT_NUMBERS, **ZERO, **NOTHING, "one": 1, "two": 2.0},
    "n_alphas": {**NOT_COUNTS, **NOTHING, "zero": 0},
    "sigma": {**NOT_NUMBERS, **ZERO, **NOTHING, "inf": INFINITY, "two": [0.1, 0.1]},
    "n_directions": {**NOT_COUNTS, **NOTHING, "zero": 0},
    "rng": {"text": "a", "negative": -1, "not-whole": 0.5, "list": ["a"], "dictionary": {}},
    "alphas": {
        "nan": [1.0, NAN],
        "zero": [1.0, 0.0],
        "negative": [1.0, -1.0],
        "inf": [1.0, INFINITY],
        "empty": [],
        "matrix": np.ones((2, 2)),
        "number": 0.5,
        "text": "sure",
        "strings": ["1"],
        "complex": [1j],
        "objects": [None],
        "ragged": [1.0, [2.0]],
        "masked": np.ma.array([1.0, 2.0], mask=[0, 1]),
        "integer-beyond-64-bits": [HUGE],
        "broken-exporter": BrokenExporter(),
    },
}


def quoted(value: Any) -> tuple[str, ...]:
    """What a message says of a number that it refuses."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 1e30:
        return ()
    return (r"(?i)nan",) if value != value else (rf"{abs(value):g}",)


def refused_values() -> Iterator[Case]:
    """Numbers and words that are none; numbers are quoted.

    Of every function that has the argument, or, where all of them leave it to `request`, of one
    after the other.
    """
    everywhere = ("alpha", "alphas", "n_orient")
    for name, bad in REFUSED_VALUES.items():
        verbs = taking(name)
        for number, (label, value) in enumerate(bad.items()):
            refusal = refusal_of(name, label, () if name == "alphas" else quoted(value))
            asked = verbs if name in everywhere else 2 * [verbs[number % len(verbs)]]
            make = partial(with_argument, name, value)
            yield from in_turn(f"{name}-{label}", asked, make, refusal)
    zero = partial(on_zero_data, None)
    yield from crossed("alphas-of-zero-data", ["solve_path"], zero, None, Refusal(("alphas",)))


def on_zero_data(alphas: Any, verb: str, orientation: str) -> dict[str, Any]:
    """A grid that would begin at zero."""
    base = problem(orientation)
    return {**arguments(verb, base, data=0 * base.data), "alphas": alphas}


#: Numbers in every form that is one.
TAKEN_NUMBERS: dict[str, Callable[[float], Any]] = {
    "float32": np.float32,
    "float16": np.float16,
    "longdouble": np.longdouble,
    "zero-dimensional": np.array,
    "zero-dimensional-float32": lambda value: np.array(value, np.float32),
}
TAKEN_COUNTS: dict[str, Callable[[int], Any]] = {
    "int8": np.int8,
    "uint64": np.uint64,
    "zero-dimensional": np.array,
}
NUMBERS = {"alpha": 0.75, "tol": 0.0625, "ridge": 0.5, "time_limit": 1000.0, "sigma": 0.25}
COUNTS = {"n_orient": None, "max_iter": 100, "active_set_size": 5, "n_threads": 1}
COUNTS |= {"n_reweights": 3, "n_directions": 2}


def taken_values() -> Iterator[Case]:
    """Scalars of NumPy and arrays of no dimension are numbers."""
    for (name, value), (label, form) in product(NUMBERS.items(), TAKEN_NUMBERS.items()):
        yield from with_taken(name, label, partial(with_argument, name, form(value)))
    for (name, value), (label, form) in product(COUNTS.items(), TAKEN_COUNTS.items()):
        yield from with_taken(name, label, partial(with_count, name, form, value))
    for label, value in {"fraction": Fraction(3, 4), "decimal": Decimal("0.75")}.items():
        make = partial(with_argument, "alpha", value)
        yield from crossed(f"alpha-{label}", SOLVES[:2], make, Answer(), Refusal(("alpha",)))
    for label, value in {"huge": HUGE, "too-long": TOO_LONG}.items():
        yield from with_taken("max_iter", label, partial(with_argument, "max_iter", value))


def with_taken(name: str, label: str, make: Callable[..., Any]) -> Iterator[Case]:
    """Wherever a function has the argument."""
    verbs = taking(name)
    answer = SHORT if name == "max_iter" else Answer()
    yield from crossed(f"{name}-as-{label}", verbs, make, answer)


def with_count(name: str, form: Any, value: int | None, verb: str, orientation: str) -> Any:
    """A call with a count in some form; None is the number of orientations."""
    count = ORIENTATIONS[orientation] if value is None else value
    return with_argument(name, form(count), verb, orientation)


# --- alpha, weights, tolerances and limits that are extreme but mean something -------------------


def at_fraction(fraction: float, verb: str, orientation: str) -> dict[str, Any]:
    """alpha as a part of alpha_max."""
    return arguments(verb, problem(orientation).changed(fraction=fraction))


def at_alpha_max(verb: str, orientation: str) -> dict[str, Any]:
    """Alpha exactly what alpha_max says."""
    base = problem(orientation)
    largest = mxne_rs.alpha_max(base.gain, base.data, n_orient=base.n_orient)
    return arguments(verb, base, alpha=largest, alphas=[largest])


def at_value(alpha: float, sizes: dict[str, int], verb: str, orientation: str) -> dict[str, Any]:
    """Alpha as it is."""
    return arguments(verb, problem(orientation, **sizes), alpha=alpha, alphas=[alpha])


def alphas() -> Iterator[Case]:
    """At alpha_max, around it, and far from it."""
    yield from crossed("alpha-at-alpha_max", SOLVES, at_alpha_max, Answer())
    near = {"just-above": 1 + 1e-6, "just-below": 1 - 1e-6, "twice": 2.0, "1e6-times": 1e6}
    for name, fraction in near.items():
        yield from crossed(f"alpha-{name}", SOLVES, partial(at_fraction, fraction), Answer())
    for name, fraction in {"1e-3": 1e-3, "1e-6": 1e-6, "1e-12": 1e-12}.items():
        make = partial(at_fraction, fraction)
        yield from crossed(f"alpha-{name}-of-alpha_max", SOLVES, make, SHORT)
    for name, alpha in {
        "largest": LARGEST,
        "1e300": 1e300,
        "1e-300": 1e-300,
        "least": 5e-324,
    }.items():
        for shape, sizes in {"wide": {}, "tall": {"n_sensors": 40, "n_locations": 4}}.items():
            make = partial(at_value, float(alpha), sizes)
            either = SHORT, Refusal(("alpha", "alphas"))
            yield from crossed(f"alpha-{name}-{shape}", SOLVES, make, *either)
    for name, other in {"equal": 1.0, "rising": 2.0, "far-apart": 1e-9}.items():
        make = partial(two_alphas, other)
        yield from crossed(f"alphas-{name}", ["solve_path"], make, SHORT)
        yield from crossed(f"alpha-for-each-{name}", ["solve_batch"], make, SHORT)


def two_alphas(other: float, verb: str, orientation: str) -> dict[str, Any]:
    """One alpha and a multiple of it."""
    base = problem(orientation)
    pair = [base.alpha, other * base.alpha]
    return arguments(verb, base, alphas=pair, alpha=pair)


def stopping() -> Iterator[Case]:
    """Whatever ends a solve, what comes back is the best so far, with its honest gap."""
    limits = {
        "one-epoch": {"max_iter": 1, "tol": 1e-12},
        "two-epochs": {"max_iter": 2, "tol": 1e-12},
        "nanosecond": {"time_limit": 1e-9},
        "least-time": {"time_limit": 5e-324},
        "no-time-limit": {"time_limit": None},
        "time-limit-largest": {"time_limit": float(LARGEST)},
        "time-limit-inf": {"time_limit": INFINITY},
        "tol-1e-15": {"tol": 1e-15},
        "tol-1e-300": {"tol": 1e-300},
        "tol-least": {"tol": 5e-324},
        "tol-one": {"tol": 1.0},
        "tol-1e300": {"tol": 1e300},
    }
    spoils = {"": lambda base: base, "-of-duplicates": GEOMETRIES["duplicate-location"]}
    solvers = [("bcd", 10), ("bcd", None), ("fista", 10), ("fista", None)]
    for (name, options), (what, change) in product(limits.items(), spoils.items()):
        refusal = Refusal(("time_limit",)) if name == "time-limit-inf" else None
        for solver, size in solvers:
            way = f"{solver}-{'all' if size is None else 'working-set'}"
            make = partial(limited, change, {**options, "solver": solver, "active_set_size": size})
            yield from crossed(f"{name}{what}-{way}", SOLVES[:2], make, SHORT, refusal)
        make = partial(limited, change, options)
        yield from crossed(f"{name}{what}", ["solve_path", "solve_batch"], make, SHORT, refusal)


def limited(
    change: Callable[[Problem], Problem], options: dict[str, Any], verb: str, orientation: str
) -> dict[str, Any]:
    """A call with a limit, at a small alpha so that it is felt."""
    return {**arguments(verb, change(problem(orientation)).changed(fraction=0.02)), **options}
