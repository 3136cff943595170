"""Hostile cases: forms, values, scales and geometries of arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from itertools import product
from typing import Any

import numpy as np

import mxne_rs
from calls import (
    FITS,
    INFINITY,
    MATRICES,
    NAN,
    SHORT,
    SOLVES,
    TAKES_BOTH,
    Problem,
    arguments,
    crossed,
    in_turn,
    on,
    problem,
    refusal_of,
    spoiled,
    taking,
    with_value,
)
from complaints import LARGEST
from forms import (
    FORMS,
    NOT_ARRAYS,
    pandas_forms,
    pandas_frames,
    sparse_arrays,
)
from judge import Answer, Case, Refusal

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
