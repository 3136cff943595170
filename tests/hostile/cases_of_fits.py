"""Hostile cases: several faults at once, sizes, memory, covariances."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np

import mxne_rs
from calls import (
    FITS,
    INFINITY,
    NAN,
    ORIENTATIONS,
    SOLVES,
    TAKES_BOTH,
    arguments,
    crossed,
    filled,
    one_of,
    problem,
    refusal_of,
    spoiled,
    taking,
    with_argument,
    with_value,
)
from complaints import LARGEST, VERBS
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

# --- which of two faults is named ----------------------------------------------------------------


def order() -> Iterator[Case]:
    """Type before dimensions, size, match, finite; arrays before parameters."""
    nan = partial(with_value, NAN, (0, 0))
    faults: dict[str, tuple[dict[str, Any], Refusal]] = {
        "type-before-parameters": (
            {"data": lambda base: base.data.astype(str), "alpha": NAN},
            Refusal(("data",), (), (TypeError,)),
        ),
        "dimensions-before-finite": (
            {"data": lambda base: nan(base.data)[None]},
            Refusal(("data",), (r"\(1, 7, 5\)",)),
        ),
        "size-before-match": (
            {"data": lambda base: base.data[:0]},
            Refusal(("data",), (r"\(0, 5\)",)),
        ),
        "match-before-finite": (
            {"data": lambda base: nan(base.data)[:-1]},
            Refusal(TAKES_BOTH, (r"\b6\b", r"\b7\b")),
        ),
        "orientations-before-finite": (
            {"gain": lambda base: nan(base.gain), "n_orient": 4},
            Refusal(("n_orient",), (r"\b4\b",)),
        ),
        "finite-before-parameters": (
            {"data": lambda base: nan(base.data), "alpha": -1.0, "tol": 0.0},
            Refusal(("data",), ("(?i)nan",)),
        ),
        "gain-before-parameters": (
            {"gain": lambda base: nan(base.gain), "alpha": -1.0, "tol": 0.0},
            Refusal(("gain",), ("(?i)nan",)),
        ),
        "weights-match-before-finite": (
            {"weights": np.array([NAN] * 9)},
            Refusal(("weights",), (r"\b9\b", r"\b10\b")),
        ),
        "init-match-before-finite": (
            {"init": lambda base: nan(base.x)[:-1]},
            Refusal(("init",), (SHAPE,)),
        ),
    }
    for name, (changes, refusal) in faults.items():
        verbs = [v for v in [*SOLVES, "duality_gap"] if set(changes) <= VERBS[v].takes]
        yield from crossed(f"order-{name}", verbs, partial(twice_wrong, changes), None, refusal)


def twice_wrong(changes: dict[str, Any], verb: str, orientation: str) -> dict[str, Any]:
    """A call with several arguments changed, some of them made of the problem."""
    base = problem(orientation)
    made = {name: one(base) if callable(one) else one for name, one in changes.items()}
    return arguments(verb, base, **made)


def mismatched(sensors: int, verb: str, orientation: str) -> dict[str, Any]:
    """Data of other sensors than the gain's."""
    return arguments(verb, problem(orientation), data=np.ones((sensors, 5)))


def matches() -> Iterator[Case]:
    """Sizes that do not fit together; both are told."""
    for sensors in (6, 8, 5):
        refusal = Refusal(TAKES_BOTH, (rf"\b{sensors}\b", r"\b7\b"))
        make = partial(mismatched, sensors)
        yield from crossed(f"sensors-{sensors}-of-7", FITS, make, None, refusal)
    make = partial(spoiled, "x", lambda x: x[:-1])
    sources = ["duality_gap", "debias"]
    yield from crossed("x-of-other-sources", sources, make, None, Refusal(("x",), (SHAPE,)))
    make = partial(spoiled, "x", lambda x: x[:, :-1])
    yield from crossed("x-of-other-samples", sources, make, None, Refusal(("x",), (SHAPE,)))
    # Its objective is infinite.
    make = partial(with_argument, "weights", one_of(INFINITY))
    refusal = Refusal(("x", "weights"))
    yield from crossed("x-where-weight-infinite", ["duality_gap"], make, Answer(), refusal)
    for name, x in {"largest": float(LARGEST), "1e200": 1e200, "least": 5e-324}.items():
        make = partial(spoiled, "x", partial(filled, x))
        yield from crossed(f"x-{name}", ["duality_gap"], make, Answer(), Refusal(("x",)))
    prepared = Refusal(("n_orient",), ("2",))
    yield from crossed("gain-prepared-otherwise", FITS, prepared_otherwise, None, prepared)
    for name, data in {"none": None, "number": 3, "text": "ab", "dictionary": {"a": 1}}.items():
        make = partial(as_batch, data)
        yield from crossed(f"batch-of-{name}", ["solve_batch"], make, None, Refusal(("data",)))
    for name, alpha in {
        "too-many": np.ones(3),
        "with-zero": [1.0, 0.0],
        "with-nan": [NAN, 1],
    }.items():
        make = partial(with_argument, "alpha", alpha)
        yield from crossed(f"batch-alpha-{name}", ["solve_batch"], make, None, Refusal(("alpha",)))


def prepared_otherwise(verb: str, orientation: str) -> dict[str, Any]:
    """A gain prepared with other orientations than the call's."""
    base = problem(orientation)
    return arguments(verb, base, gain=mxne_rs.Gain(base.gain, base.n_orient), n_orient=2)


def as_batch(data: Any, verb: str, orientation: str) -> dict[str, Any]:
    """A batch that is none."""
    return {**arguments(verb, problem(orientation)), "data": data}


# --- more than memory holds ----------------------------------------------------------------------

MANY = 10**15


def too_large(name: str, shape: tuple[int, int], verb: str, orientation: str) -> dict[str, Any]:
    """One number, shown as an array larger than any memory."""
    n_orient = ORIENTATIONS[orientation]
    giant = np.broadcast_to(np.float64(1), (shape[0], shape[1] * n_orient))
    return arguments(verb, problem(orientation), **{name: giant})


def memory() -> Iterator[Case]:
    """Arrays that cannot be copied: MemoryError, and the process lives."""
    for name, shape in {"gain": (7, MANY), "data": (7, MANY)}.items():
        verbs = taking(name)
        refusal = Refusal((name,), (), (MemoryError,))
        make = partial(too_large, name, shape)
        yield from crossed(f"memory-too-large-{name}", verbs, make, None, refusal)


# --- whitener ------------------------------------------------------------------------------------


def covariance(n: int = 6) -> Any:
    """A well-conditioned one."""
    a = np.random.default_rng(3).standard_normal((n, 4 * n))
    return a @ a.T / (4 * n)


def units(exponents: Any) -> Any:
    """A covariance of channels in very different units."""
    scale = 10.0 ** np.array(exponents, dtype=float)
    return covariance(len(scale)) * scale * scale[:, None]


def without_channel() -> Any:
    """A channel without noise."""
    c = covariance()
    c[2], c[:, 2] = 0, 0
    return c


COVARIANCES: dict[str, Callable[[], Any]] = {
    "plain": covariance,
    "tesla": lambda: 1e-26 * covariance(),
    "tesla-and-volt": lambda: units([-14, -14, -14, -6, -6, -6]),
    "1e-100": lambda: 1e-100 * covariance(),
    "1e-200": lambda: 1e-200 * covariance(),
    "1e200": lambda: 1e200 * covariance(),
    "1e-300": lambda: 1e-300 * covariance(),
    "1e300": lambda: 1e300 * covariance(),
    "units-1e150": lambda: units([0, 150, -150, 0, 20, -20]),
    "one-channel": lambda: np.array([[4.0]]),
    "channel-without-noise": without_channel,
    "subnormal-entry": lambda: with_value(5e-324, (0, 1), with_value(5e-324, (1, 0), covariance())),
    "list": lambda: covariance().tolist(),
    "integers": lambda: 4 * np.eye(6, dtype=int),
    "fortran": lambda: np.asfortranarray(covariance()),
    "byte-swapped": lambda: covariance().astype(">f8"),
    "odd-records": lambda: odd_records(covariance()),
    "read-only": lambda: read_only(covariance()),
    "exporter": lambda: Exporter(covariance()),
    "broadcast": lambda: np.broadcast_to(1.0, (1, 1)),
}
REFUSED_COVARIANCES: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
    "nan": (lambda: with_value(NAN, (0, 0), covariance()), ("(?i)nan",)),
    "inf": (lambda: with_value(INFINITY, (1, 2), covariance()), ("inf",)),
    "not-square": (lambda: covariance()[:-1], (r"\(5, 6\)",)),
    "not-symmetric": (lambda: with_value(9.0, (0, 1), covariance()), ("symmetric",)),
    "negative-variance": (lambda: with_value(-1.0, (2, 2), covariance()), ("-1", "negative")),
    "not-definite": (lambda: np.array([[1.0, 2.0], [2.0, 1.0]]), ("definite",)),
    "zero": (lambda: np.zeros((3, 3)), ("zero",)),
    "vector": (lambda: np.ones(3), (r"\(3,\)",)),
    "three-dimensional": (lambda: covariance()[None], (r"\(1, 6, 6\)",)),
    "empty": (lambda: np.zeros((0, 0)), (r"\(0, 0\)",)),
    "none": (lambda: None, ()),
    "text": (lambda: "noise-cov.fif", ()),
    "complex": (lambda: covariance().astype(complex), ("complex",)),
    "objects": (lambda: covariance().astype(object), ("object",)),
    "masked": (lambda: masked(covariance()), ("mask",)),
    "dictionary": (lambda: {"a": 1}, ()),
    "broken-exporter": (lambda: BrokenExporter(), ()),
}


def covariances() -> Iterator[Case]:
    """The whitener, where orientations mean nothing."""
    for name, make in COVARIANCES.items():
        call = partial(as_covariance, make)
        yield Case(f"noise_cov-{name}-whitener", "whitener", call, Answer())
    known = dict(REFUSED_COVARIANCES)
    if find_spec("scipy"):
        import scipy.sparse

        known["sparse"] = (lambda: scipy.sparse.csr_matrix(covariance())), SPARSE
    for name, (make, says) in known.items():
        call = partial(as_covariance, make)
        refusal = refusal_of("noise_cov", name, says)
        yield Case(f"noise_cov-{name}-whitener", "whitener", call, None, refusal)


def as_covariance(make: Callable[[], Any]) -> dict[str, Any]:
    """A call of whitener."""
    return {"noise_cov": make()}
