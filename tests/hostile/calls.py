"""The calls that hostile cases are made of: small problems, arguments, and what is spoiled in them.

Every argument is made anew for each call, from fixed seeds; `judge` says what became of a case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from certificate import alpha_max
from complaints import LARGEST, SMALLEST, VERBS
from judge import Answer, Case, Refusal

ORIENTATIONS = {"fixed": 1, "free": 3}
SOLVES = ["solve_mxne", "solve_irmxne", "solve_path", "solve_batch"]
#: Everything that takes a gain and data.
FITS = [*SOLVES, "solve_sure", "duality_gap", "alpha_max", "debias"]
SHORT = Answer(("converged", "iteration_limit", "time_limit", "stalled"))
MATRICES = ("gain", "data", "x")
TAKES_BOTH = ("gain", "data")
#: These are asked for only where no grid is given.
NEEDS_NO_ALPHAS = ("eps", "n_alphas")
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


def spoiled(name: str, spoil: Callable[[Any], Any], verb: str, orientation: str) -> dict[str, Any]:
    """A call with one matrix replaced."""
    base = problem(orientation)
    return arguments(verb, base, **{name: spoil(getattr(base, name))})


# --- values --------------------------------------------------------------------------------------


def with_value(value: float, place: tuple[int, int], a: Any) -> Any:
    """A copy with one entry replaced."""
    changed = a.copy()
    changed[place] = value
    return changed


# --- geometry ------------------------------------------------------------------------------------


def on(change: Callable[[Problem], Problem], verb: str, orientation: str) -> dict[str, Any]:
    """A call on a changed problem."""
    return arguments(verb, change(problem(orientation)))


# --- numbers and words ---------------------------------------------------------------------------

HUGE, TOO_LONG = 10**400, 10**5000


def with_argument(name: str, value: Any, verb: str, orientation: str) -> dict[str, Any]:
    """A call with one argument changed."""
    call = arguments(verb, problem(orientation))
    if name in NEEDS_NO_ALPHAS:
        del call["alphas"]
    return {**call, name: value}


# --- alpha, weights, tolerances and limits that are extreme but mean something -------------------


def one_of(value: float, others: float = 1.0) -> Any:
    """Weights with one exception, for a location that is active."""
    weights = np.full(10, others)
    weights[0] = value
    return weights


# --- warm starts ---------------------------------------------------------------------------------


def filled(value: float, x: Any) -> Any:
    """The same number everywhere."""
    return np.full_like(x, value)
