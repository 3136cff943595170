"""Hostile cases: weights and warm starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np

import mxne_rs
from calls import (
    HUGE,
    INFINITY,
    NAN,
    SHORT,
    SOLVES,
    arguments,
    crossed,
    filled,
    in_turn,
    on,
    one_of,
    problem,
    refusal_of,
    taking,
    with_value,
)
from cases_of_arrays import column_scales
from complaints import LARGEST
from forms import (
    SHAPE,
    SPARSE,
    BrokenExporter,
    Exporter,
    masked,
    odd_records,
)
from judge import Answer, Case, Refusal
from strategies import read_only

# --- alpha, weights, tolerances and limits that are extreme but mean something -------------------


def spread(low: float, high: float, n: int = 10) -> Any:
    """Weights from low to high, evenly in their logarithm."""
    return 10.0 ** np.linspace(low, high, n)


#: Weights that mean something.
WEIGHTS = {
    "ratio-1e12": spread(-6, 6),
    "ratio-1e40": spread(-20, 20),
    "all-1e100": np.full(10, 1e100),
    "all-1e-100": np.full(10, 1e-100),
    "one-infinite": one_of(INFINITY),
    "all-infinite": np.full(10, INFINITY),
    "all-but-one-infinite": one_of(1.0, INFINITY),
    "list": [1.0] * 10,
    "integers": np.arange(1, 11),
    "float32": np.ones(10, np.float32),
    "byte-swapped": np.ones(10, ">f8"),
    "strided": np.ones(30)[::3],
    "broadcast": np.broadcast_to(2.0, 10),
    "read-only": read_only(np.ones(10)),
    "masked-nothing": np.ma.array(np.ones(10), mask=False),
    "exporter": Exporter(np.ones(10)),
}
#: Weights in which locations or alpha may drown: answered or refused.
EXTREME_WEIGHTS = {
    "ratio-1e400": spread(-200, 200),
    "one-1e200": one_of(1e200),
    "one-1e-200": one_of(1e-200),
    "one-largest": one_of(float(LARGEST)),
    "one-least": one_of(5e-324),
    "all-largest": np.full(10, LARGEST),
    "all-least": np.full(10, 5e-324),
    "all-1e200": np.full(10, 1e200),
    "all-1e-200": np.full(10, 1e-200),
}
REFUSED_WEIGHTS = {
    "zero": (one_of(0.0), ("0",)),
    "minus-zero": (one_of(-0.0), ("0",)),
    "negative": (one_of(-1.0), ("-1",)),
    "nan": (one_of(NAN), ("(?i)nan",)),
    "minus-inf": (one_of(-INFINITY), ("-inf",)),
    "too-few": (np.ones(9), ("9", "10")),
    "too-many": (np.ones(11), ("11", "10")),
    "one-per-source": (np.ones(31), ("31", "10")),
    "none-at-all": ([], ()),
    "number": (1.0, ()),
    "column": (np.ones((10, 1)), (r"\(10, 1\)",)),
    "text": ("depth", ()),
    "strings": (["1"] * 10, ()),
    "complex": (np.ones(10, complex), ("complex",)),
    "objects": (np.ones(10, object), ("object",)),
    "masked": (np.ma.array(np.ones(10), mask=[1] + 9 * [0]), ("mask",)),
    "dictionary": ({0: 1.0}, ()),
    "broken-exporter": (BrokenExporter(), ()),
    "integer-beyond-64-bits": ([HUGE] * 10, ()),
}


def weighted(weights: Any, verb: str, orientation: str) -> dict[str, Any]:
    """A call with weights; alpha a part of its alpha_max, x zero where they are infinite."""
    base = problem(orientation).changed(weights=np.asarray(weights, dtype=np.float64))
    x = base.x.copy()
    x[np.repeat(np.isinf(base.weights), base.n_orient)] = 0
    return arguments(verb, base.changed(x=x), weights=weights)


def at_usual_alpha(weights: Any, verb: str, orientation: str) -> dict[str, Any]:
    """A call with weights, and the alpha that would be chosen without."""
    return arguments(verb, problem(orientation), weights=weights)


def weights() -> Iterator[Case]:
    """Zero, negative, infinite, huge ratios, and in any form."""
    verbs = taking("weights")
    taken = dict(WEIGHTS)
    if find_spec("pandas"):
        import pandas as pd

        taken["series"] = pd.Series(np.ones(10))
    for name, value in taken.items():
        yield from crossed(f"weights-{name}", verbs, partial(weighted, value), Answer())
    for name, value in EXTREME_WEIGHTS.items():
        either = SHORT, Refusal(("weights", "alpha", "alphas"))
        for alpha, make in {"own": weighted, "usual": at_usual_alpha}.items():
            family = f"weights-{name}-{alpha}-alpha"
            yield from crossed(family, [*SOLVES, "duality_gap"], partial(make, value), *either)
    refused = dict(REFUSED_WEIGHTS)
    if find_spec("scipy"):
        import scipy.sparse

        refused["sparse"] = scipy.sparse.csr_matrix(np.ones((1, 10))), SPARSE
    for name, (value, says) in refused.items():
        refusal = refusal_of("weights", name, says)
        yield from in_turn(f"weights-{name}", verbs, partial(at_usual_alpha, value), refusal)
    yield from tiny_columns_that_matter()


def tiny_columns_that_matter() -> Iterator[Case]:
    """Where weights or alpha lift a location that lies 120 decades below the others."""
    either = SHORT, Refusal(("weights", "alpha", "alphas"))
    change = partial(column_scales, [0, 0, -120])
    light = np.where(np.arange(10) % 3 == 2, 1e-130, 1.0)
    lifted = {
        "weights": lambda base: change(base).changed(weights=light),
        "alpha": lambda base: change(base).changed(fraction=1e-125),
    }
    for name, spoil in lifted.items():
        yield from crossed(f"tiny-locations-lifted-by-{name}", SOLVES, partial(on, spoil), *either)


# --- warm starts ---------------------------------------------------------------------------------

STARTS: dict[str, Callable[[Any], Any]] = {
    "truth": np.copy,
    "fortran": np.asfortranarray,
    "float32": lambda x: x.astype(np.float32),
    "integers": lambda x: np.round(10 * x).astype(int),
    "byte-swapped": lambda x: x.astype(">f8"),
    "odd-records": odd_records,
    "lists": lambda x: x.tolist(),
    "broadcast": lambda x: np.broadcast_to(1.0, x.shape),
    "zero": partial(filled, 0.0),
    "minus-zero": partial(filled, -0.0),
    "subnormal": partial(filled, 5e-324),
    "1e-200": partial(filled, 1e-200),
    "1e200": partial(filled, 1e200),
    "largest": partial(filled, float(LARGEST)),
    "opposite": np.negative,
}
REFUSED_STARTS: dict[str, tuple[Callable[[Any], Any], tuple[str, ...]]] = {
    "nan": (partial(with_value, NAN, (0, 0)), ("(?i)nan",)),
    "inf": (partial(with_value, INFINITY, (-1, -1)), ("inf",)),
    "transposed": (np.transpose, (SHAPE,)),
    "too-few-rows": (lambda x: x[:-1], (SHAPE,)),
    "too-many-samples": (lambda x: np.hstack([x, x]), (SHAPE,)),
    "vector": (np.ravel, (SHAPE,)),
    "per-location": (lambda x: x[None], (SHAPE,)),
    "empty": (lambda x: x[:0], (SHAPE,)),
    "objects": (lambda x: x.astype(object), ("object",)),
    "complex": (lambda x: x.astype(complex), ("complex",)),
    "text": (lambda x: "previous", ()),
    "true": (lambda x: True, ()),
    "masked": (masked, ("mask",)),
    "broken-exporter": (lambda x: BrokenExporter(), ()),
    "solution-of-other-locations": (lambda x: some_solution(4, 1), ()),
    "solution-of-other-samples": (lambda x: some_solution(len(x), len(x) // 10, 3), ()),
}


def some_solution(n_sources: int, n_orient: int, n_times: int = 5) -> Any:
    """A Solution of another problem."""
    gain = np.random.default_rng(0).standard_normal((4, n_sources))
    return mxne_rs.solve_mxne(gain, np.ones((4, n_times)), 1e-3, n_orient=n_orient, tol=0.1)


def started(
    start: Callable[[Any], Any], changes: dict[str, Any], verb: str, orientation: str
) -> dict[str, Any]:
    """A call that starts from something made of x."""
    base = problem(orientation).changed(**changes)
    return arguments(verb, base, init=start(base.x))


def starts() -> Iterator[Case]:
    """A start may be useless, but never changes the answer's certificate."""
    verbs = taking("init")
    excluding = {"weights": one_of(INFINITY)}
    for name, start in STARTS.items():
        yield from crossed(f"init-{name}", verbs, partial(started, start, {}), Answer())
    for name in ("truth", "largest"):
        make = partial(started, STARTS[name], excluding)
        yield from crossed(f"init-{name}-on-excluded-location", verbs, make, Answer())
    known = dict(REFUSED_STARTS)
    if find_spec("scipy"):
        import scipy.sparse

        known["sparse"] = scipy.sparse.csr_matrix, SPARSE
    for name, (start, says) in known.items():
        make = partial(started, start, {})
        yield from in_turn(f"init-{name}", verbs, make, refusal_of("init", name, says))
