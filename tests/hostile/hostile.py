"""The corpus of hostile cases: a generator of calls, each with what may become of it.

A family crosses kinds of input with fixed and free orientation and with the public functions. Every
argument is made anew for each call, from fixed seeds; `judge` says what became of a case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from functools import partial
from importlib.util import find_spec
from itertools import chain, product
from typing import Any

import numpy as np

import mxne_rs
from certificate import alpha_max
from forms import (
    FORMS,
    NOT_ARRAYS,
    SHAPE,
    SPARSE,
    BrokenExporter,
    Exporter,
    masked,
    odd_records,
    pandas_forms,
    pandas_frames,
    sparse_arrays,
)
from judge import LARGEST, SMALLEST, VERBS, Answer, Case, Refusal
from strategies import read_only

ORIENTATIONS = {"fixed": 1, "free": 3}
SOLVES = ["solve_mxne", "solve_irmxne", "solve_path", "solve_batch"]
#: Everything that takes a gain and data.
FITS = [*SOLVES, "solve_sure", "duality_gap", "alpha_max", "debias"]
SHORT = Answer(("converged", "iteration_limit", "time_limit", "stalled"))
MATRICES = ("gain", "data", "x")
TAKES_BOTH = ("gain", "data")
INFINITY, NAN = float("inf"), float("nan")


# --- problems ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Problem:
    """Gain, data, some sources, and the arguments that go with them."""

    gain: Any = field(repr=False)
    data: Any = field(repr=False)
    x: Any = field(repr=False)
    n_orient: int
    weights: Any = None
    ridge: float = 0.0
    fraction: float = 0.3

    @property
    def alpha(self) -> float:
        """A fraction of alpha_max; 1 where that is zero, or no float64."""
        largest = alpha_max(self.gain, self.data, self.n_orient, self.weights)
        return float(self.fraction * largest) if SMALLEST < largest < LARGEST else 1.0

    def changed(self, **changes: Any) -> Problem:
        """The same with some parts replaced."""
        return replace(self, **changes)


def problem(
    orientation: str, n_sensors: int = 7, n_locations: int = 10, n_times: int = 5
) -> Problem:
    """A small one: two active locations, a tenth of noise, and the truth, shrunk, as x."""
    n_orient = ORIENTATIONS[orientation]
    rng = np.random.default_rng([n_orient, n_sensors, n_locations, n_times])
    gain = rng.standard_normal((n_sensors, n_locations * n_orient))
    x = np.zeros((n_locations * n_orient, n_times))
    x[: 2 * n_orient] = rng.standard_normal((x[: 2 * n_orient].shape[0], n_times))
    data = gain @ x + 0.1 * rng.standard_normal((n_sensors, n_times))
    return Problem(gain, data, 0.7 * x, n_orient)


def arguments(verb: str, base: Problem, **changes: Any) -> dict[str, Any]:
    """The arguments of a call on the problem, with some of them changed.

    A data set given to `solve_batch` is given twice.
    """
    alpha = base.alpha
    usual = {
        "gain": base.gain,
        "data": base.data,
        "x": base.x,
        "alpha": alpha,
        "alphas": [2.5 * alpha, alpha],
        "n_orient": base.n_orient,
        "sigma": 0.1 * float(np.abs(base.data).max()) or 0.1,
        "rng": 0,
    }
    if base.weights is not None:
        usual["weights"] = base.weights
    if base.ridge:
        usual["ridge"] = base.ridge
    usual |= changes
    if verb == "solve_batch":
        usual["data"] = [usual["data"], usual["data"]]
    return {name: value for name, value in usual.items() if name in VERBS[verb].takes}


def taking(name: str) -> list[str]:
    """The functions that have an argument of this name."""
    return [verb for verb in [*FITS, "Gain"] if name in VERBS[verb].takes]


def crossed(
    family: str,
    verbs: list[str],
    make: Callable[[str, str], dict[str, Any]],
    answer: Answer | None = None,
    refusal: Refusal | None = None,
) -> Iterator[Case]:
    """The family for each verb in fixed and in free orientation; `make(verb, orientation)`."""
    for verb, orientation in product(verbs, ORIENTATIONS):
        call = partial(make, verb, orientation)
        yield Case(f"{family}-{verb}-{orientation}", verb, call, answer, refusal)


#: Where one of the two types of a refusal is the right one, by what the case's label contains.
KINDS: dict[str, type[BaseException]] = {
    "sparse": TypeError,
    "broken-exporter": TypeError,
    "complex": TypeError,
    "masked": ValueError,
    "huge-integer": ValueError,
    "too-long": ValueError,
}


def refusal_of(name: str, label: str, says: tuple[str, ...]) -> Refusal:
    """Refused by name, with the type that belongs to the label."""
    kinds = tuple(kind for part, kind in KINDS.items() if part in label)
    return Refusal((name,), says, kinds[:1] or (TypeError, ValueError))


def in_turn(
    family: str,
    verbs: list[str],
    make: Callable[[str, str], dict[str, Any]],
    refusal: Refusal,
) -> Iterator[Case]:
    """What is refused before orientations matter: fixed and free, one after the other.

    Which comes first depends on the family's name, so that every function sees both.
    """
    for number, verb in enumerate(verbs):
        both = list(crossed(family, [verb], make, None, refusal))
        yield both[(len(family) + number) % 2]


# --- arrays --------------------------------------------------------------------------------------


def formed(form: Callable[[Any], Any], verb: str, orientation: str) -> dict[str, Any]:
    """A call with all its matrices in a form; alpha follows the numbers that it holds."""
    base = problem(orientation)
    held = {name: form(getattr(base, name)) for name in ("gain", "data", "x")}
    numbers = {name: np.array(value, dtype=np.float64) for name, value in held.items()}
    return arguments(verb, base.changed(**numbers), **held)


def forms() -> Iterator[Case]:
    """Every form is taken by every function."""
    known = dict(FORMS)
    if find_spec("pandas"):
        known |= pandas_forms()
    for name, form in known.items():
        yield from crossed(f"form-{name}", [*FITS, "Gain"], partial(formed, form), Answer())


def spoiled(name: str, spoil: Callable[[Any], Any], verb: str, orientation: str) -> dict[str, Any]:
    """A call with one matrix replaced."""
    base = problem(orientation)
    return arguments(verb, base, **{name: spoil(getattr(base, name))})


def not_arrays() -> Iterator[Case]:
    """Refused wherever a matrix is asked for, by the name of the argument."""
    known = dict(NOT_ARRAYS)
    known |= sparse_arrays() if find_spec("scipy") else {}
    known |= pandas_frames() if find_spec("pandas") else {}
    for (label, (spoil, says)), name in product(known.items(), MATRICES):
        make, refusal = partial(spoiled, name, spoil), refusal_of(name, label, says)
        yield from in_turn(f"not-an-array-{label}-as-{name}", taking(name), make, refusal)


# --- values --------------------------------------------------------------------------------------

PLACES = {"first": (0, 0), "last": (-1, -1)}


def with_value(value: float, place: tuple[int, int], a: Any) -> Any:
    """A copy with one entry replaced."""
    changed = a.copy()
    changed[place] = value
    return changed


def values() -> Iterator[Case]:
    """NaN and infinities are refused; what is finite is not."""
    not_finite = {"nan": NAN, "inf": INFINITY, "minus-inf": -INFINITY}
    small = {"subnormal": 5e-324, "minus-subnormal": -2e-310, "minus-zero": -0.0}
    for name, (label, value) in product(MATRICES, not_finite.items()):
        refusal = refusal_of(name, label, (f"(?i){value}", r"\[\d+, \d+\]"))
        for place, index in PLACES.items():
            make = partial(spoiled, name, partial(with_value, value, index))
            yield from in_turn(f"{label}-{place}-in-{name}", taking(name), make, refusal)
    for name, (label, value) in product(MATRICES, small.items()):
        make = partial(spoiled, name, partial(with_value, value, (0, 0)))
        yield from crossed(f"{label}-in-{name}", taking(name), make, Answer())


# --- scales --------------------------------------------------------------------------------------

EXPONENTS = [-200, -150, -100, -12, 0, 100, 150, 200]
PAIRS = [(-200, 0), (200, 0), (0, -200), (0, 200), (-100, 100), (100, -100), (150, 150)]


def scaled(gain: int, data: int, orientation: str) -> Problem:
    """The problem in other units: powers of ten of gain and data."""
    base = problem(orientation)
    x = np.longdouble(10) ** (data - gain) * base.x
    held = np.abs(x).max() < LARGEST
    return base.changed(
        gain=float(f"1e{gain}") * base.gain,
        data=float(f"1e{data}") * base.data,
        x=np.float64(x) if held else base.x,
    )


def in_units(gain: int, data: int, verb: str, orientation: str) -> dict[str, Any]:
    """A call in other units."""
    return arguments(verb, scaled(gain, data, orientation))


def scales() -> Iterator[Case]:
    """Any scale of gain and data is solved where alpha_max and X are float64."""
    for gain, data in product(EXPONENTS, EXPONENTS):
        verbs = ["solve_mxne"]
        if (gain, data) in PAIRS:
            verbs += ["solve_path", "solve_batch", "duality_gap"]
            # SURE is in units of the squared data.
            verbs += ["solve_sure"] if abs(2 * data) <= 300 else []
        held = abs(data + gain) <= 300 and abs(data - gain) <= 300
        answer, refusal = (Answer(), None) if held else (None, Refusal(TAKES_BOTH))
        if gain + data < -300:
            # Every alpha that is a float64 is above alpha_max: zero is the answer.
            answer, refusal = Answer(), Refusal((*TAKES_BOTH, "alpha"))
        if gain + data > 300:
            refusal = Refusal((*TAKES_BOTH, "alpha"))
            # Any alpha that is a float64 is next to none: G X = M is an answer.
            answer = Answer() if abs(data - gain) <= 300 else None
        make, family = partial(in_units, gain, data), f"scale-gain1e{gain}-data1e{data}"
        yield from crossed(family, verbs, make, answer, refusal)
        if "solve_path" in verbs and answer:
            # Reweighting depends on units: in extreme ones its penalty is next to none.
            either = Answer(("converged", "stalled", "iteration_limit"))
            yield from crossed(family, ["solve_irmxne"], make, either, refusal)
    yield from scales_of_parts()


def scales_of_parts() -> Iterator[Case]:
    """alpha_max needs gain times data only, debias data over gain, and Gain neither."""
    for gain, data in product([-200, 0, 200], repeat=2):
        make, family = partial(in_units, gain, data), f"scale-gain1e{gain}-data1e{data}"
        held, refusal = abs(gain + data) <= 300, Refusal(TAKES_BOTH)
        yield from crossed(
            family, ["alpha_max"], make, Answer() if held else None, None if held else refusal
        )
        if abs(data - gain) <= 300:
            yield from crossed(family, ["debias"], make, Answer())
        if data == 0:
            yield from crossed(family, ["Gain"], make, Answer())


def magnetometers(base: Problem) -> Problem:
    """Tesla, never whitened."""
    return base.changed(gain=1e-7 * base.gain, data=1e-13 * base.data, x=1e-6 * base.x)


def electrodes(base: Problem) -> Problem:
    """Volt, by ohms."""
    return base.changed(gain=1e3 * base.gain, data=1e-6 * base.data, x=1e-9 * base.x)


def mixed_sensors(base: Problem) -> Problem:
    """Tesla in some rows and volt in others."""
    units = np.where(np.arange(base.gain.shape[0]) % 2, 1e-7, 1e3)[:, None]
    return base.changed(gain=units * base.gain, data=1e-9 * units * base.data, x=1e-9 * base.x)


def column_scales(exponents: Any, base: Problem) -> Problem:
    """Locations of very different depth."""
    factors = 10.0 ** np.resize(exponents, base.gain.shape[1] // base.n_orient)
    return base.changed(gain=base.gain * np.repeat(factors, base.n_orient))


def subnormal_data(base: Problem) -> Problem:
    """Data with few digits left."""
    return base.changed(data=np.round(10 * base.data) * 5e-324)


def subnormal_gain(base: Problem) -> Problem:
    """A gain with few digits left."""
    return base.changed(gain=np.round(10 * base.gain) * 5e-324)


# --- geometry ------------------------------------------------------------------------------------


def part(name: str, index: Any, value: Any) -> Callable[[Problem], Problem]:
    """Replace a part of one array; index and value may depend on the orientations."""

    def change(base: Problem) -> Problem:
        array = getattr(base, name).copy()
        at = index(base.n_orient) if callable(index) else index
        array[at] = value(base) if callable(value) else value
        return base.changed(**{name: array})

    return change


def block(s: int) -> Callable[[int], Any]:
    """The columns of a location."""
    return lambda n_orient: np.s_[:, s * n_orient : (s + 1) * n_orient]


def first_block(base: Problem) -> Any:
    """The columns of location 0."""
    return base.gain[:, : base.n_orient]


def orthogonal(base: Problem) -> Problem:
    """Data that no source explains: sensors 0 and 1 see none."""
    gain, data = base.gain.copy(), np.zeros_like(base.data)
    gain[:2] = 0
    data[:2] = 1 + np.arange(2 * data.shape[1]).reshape(2, -1)
    return base.changed(gain=gain, data=data)


def rotated(base: Problem) -> Problem:
    """Location 1 spans what location 0 does, with other orientations."""
    basis, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((base.n_orient,) * 2))
    return part("gain", block(1), first_block(base) @ basis)(base)


def rank_one(base: Problem) -> Problem:
    """Every column is a multiple of one."""
    return base.changed(gain=np.outer(base.gain[:, 0], np.linspace(1, 2, base.gain.shape[1])))


def sized(**sizes: int) -> Callable[[Problem], Problem]:
    """Another size."""
    return lambda base: problem({1: "fixed", 3: "free"}[base.n_orient], **sizes)


#: Ways to spoil the geometry of a problem; every one of them has an answer.
GEOMETRIES: dict[str, Callable[[Problem], Problem]] = {
    "zero-column": part("gain", np.s_[:, 1], 0),
    "zero-location": part("gain", block(0), 0),
    "zero-gain": part("gain", ..., 0),
    "zero-data": part("data", ..., 0),
    "zero-gain-and-data": lambda base: base.changed(gain=0 * base.gain, data=0 * base.data),
    "zero-sensor": lambda base: part("gain", 0, 0)(part("data", 0, 0)(base)),
    "orthogonal-data": orthogonal,
    "first-sample-zero": part("data", np.s_[:, 0], 0),
    "only-last-sample": part("data", np.s_[:, :-1], 0),
    "one-entry-of-data": lambda base: part("data", (3, 2), 1.0)(part("data", ..., 0)(base)),
    "first-orientation-zero": part("gain", lambda o: np.s_[:, ::o] if o > 1 else np.s_[:, 0], 0),
    "last-orientation-zero": part("gain", lambda o: np.s_[:, o - 1 :: o] if o > 1 else -1, 0),
    "equal-orientations": part("gain", block(0), lambda base: base.gain[:, :1]),
    "nearly-equal-orientations": part(
        "gain", block(0), lambda base: base.gain[:, :1] + 1e-9 * first_block(base)
    ),
    "duplicate-location": part("gain", block(1), first_block),
    "opposite-location": part("gain", block(1), lambda base: -first_block(base)),
    "collinear-location": part("gain", block(1), lambda base: 3.7 * first_block(base)),
    "nearly-duplicate-location": part(
        "gain", block(1), lambda base: first_block(base) * (1 + 1e-15) + 1e-14
    ),
    "rotated-location": rotated,
    "rank-one-gain": rank_one,
    "constant-gain": part("gain", ..., 1.0),
    "one-sensor": sized(n_sensors=1),
    "one-location": sized(n_locations=1),
    "one-sample": sized(n_times=1),
    "one-of-each": sized(n_sensors=1, n_locations=1, n_times=1),
    "many-sensors": sized(n_sensors=60, n_locations=3),
    "many-locations": sized(n_sensors=3, n_locations=200),
    "many-samples": sized(n_sensors=4, n_times=300),
    "tesla": magnetometers,
    "ohms": electrodes,
    "tesla-and-volt": mixed_sensors,
    "depths-1e-8": partial(column_scales, [0, -8, -4]),
    "depths-1e-120": partial(column_scales, [0, 0, -120]),
    "depths-1e-200": partial(column_scales, [0, -200, 0]),
    "depths-1e+200": partial(column_scales, [200, 200, 0]),
    "constant-data": part("data", ..., 1.0),
    "equal-samples": part("data", ..., lambda base: base.data[:, :1]),
    "weights-and-ridge": lambda base: base.changed(weights=np.linspace(0.5, 2, 10), ridge=0.1),
    "huge-ridge": lambda base: base.changed(ridge=1e100),
    "tiny-ridge": lambda base: base.changed(ridge=1e-300),
}


def on(change: Callable[[Problem], Problem], verb: str, orientation: str) -> dict[str, Any]:
    """A call on a changed problem."""
    return arguments(verb, change(problem(orientation)))


def geometries() -> Iterator[Case]:
    """Every function, and both solvers with and without a working set."""
    for name, change in GEOMETRIES.items():
        yield from crossed(f"geometry-{name}", [*FITS, "Gain"], partial(on, change), Answer())
        for solver, size in [("bcd", None), ("fista", 10), ("fista", None)]:
            yield from crossed(
                f"geometry-{name}-{solver}-{'all' if size is None else 'working-set'}",
                ["solve_mxne"],
                partial(solved_by, change, solver, size),
                Answer(),
            )
    # Where digits are lost before the solve begins, a certificate may be out of reach.
    either = SHORT, Refusal((*TAKES_BOTH, "alpha", "alphas"))
    for name, change in {"data": subnormal_data, "gain": subnormal_gain}.items():
        yield from crossed(f"geometry-subnormal-{name}", SOLVES, partial(on, change), *either)
    yield from crossed("prepared-gain", SOLVES, prepared_twice, Answer())


def solved_by(
    change: Callable[[Problem], Problem], solver: str, size: int | None, verb: str, orientation: str
) -> dict[str, Any]:
    """A call that names its solver."""
    return {**on(change, verb, orientation), "solver": solver, "active_set_size": size}


class PreparedGain(mxne_rs.Gain):
    """A Gain that shows the judge the array that it was made of."""

    def __init__(self, gain: Any, n_orient: int) -> None:
        super().__init__(gain, n_orient)
        self.array = gain

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        """The array."""
        return np.array(self.array, dtype=dtype)


def prepared_twice(verb: str, orientation: str) -> dict[str, Any]:
    """A prepared gain with the orientations that it has anyway."""
    base = problem(orientation)
    return {**arguments(verb, base), "gain": PreparedGain(base.gain, base.n_orient)}


# --- numbers and words ---------------------------------------------------------------------------

HUGE, TOO_LONG = 10**400, 10**5000
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
#: These are asked for only where no grid is given.
NEEDS_NO_ALPHAS = ("eps", "n_alphas")


def with_argument(name: str, value: Any, verb: str, orientation: str) -> dict[str, Any]:
    """A call with one argument changed."""
    call = arguments(verb, problem(orientation))
    if name in NEEDS_NO_ALPHAS:
        del call["alphas"]
    return {**call, name: value}


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


def spread(low: float, high: float, n: int = 10) -> Any:
    """Weights from low to high, evenly in their logarithm."""
    return 10.0 ** np.linspace(low, high, n)


def one_of(value: float, others: float = 1.0) -> Any:
    """Weights with one exception, for a location that is active."""
    weights = np.full(10, others)
    weights[0] = value
    return weights


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


# --- warm starts ---------------------------------------------------------------------------------


def filled(value: float, x: Any) -> Any:
    """The same number everywhere."""
    return np.full_like(x, value)


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


FAMILIES = [
    forms,
    not_arrays,
    values,
    scales,
    geometries,
    refused_values,
    taken_values,
    alphas,
    weights,
    stopping,
    starts,
    order,
    matches,
    memory,
    covariances,
]


def corpus() -> list[Case]:
    """All cases, each with an id of its own."""
    return list(chain.from_iterable(family() for family in FAMILIES))
