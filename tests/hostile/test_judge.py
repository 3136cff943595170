"""The judge of the corpus: every one of its checks has been seen to fail, by a planted fault."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import mxne_rs
from certificate import EXTENDED
from complaints import VERBS
from corpus import corpus
from judge import LIMIT, VERDICTS, Answer, Case, Refusal, Verdict, judge, judge_isolated
from marks import limits, proc

pytestmark = [
    pytest.mark.usefixtures("watchdog"),
    pytest.mark.skipif(not EXTENDED, reason="long doubles are doubles here"),
]


class PanicException(BaseException):
    """As pyo3 raises it: not an Exception."""


GAIN = np.random.default_rng(0).standard_normal((6, 8))
DATA = GAIN[:, :2] @ np.random.default_rng(1).standard_normal((2, 4))
ALPHA = 0.3 * float(np.max(np.linalg.norm(GAIN.T @ DATA, axis=1)))
COARSE = {"tol": 0.1}
SHORT = {"tol": 1e-12, "max_iter": 1, "solver": "fista"}
ANY = Answer(("converged", "iteration_limit", "stalled"))

Solver = Callable[..., Any]


def solvable(answer: Answer | None = None, **options: Any) -> Case:
    """A case with an answer."""

    def arguments() -> dict[str, Any]:
        return {"gain": GAIN.copy(), "data": DATA.copy(), "alpha": ALPHA, **options}

    return Case("solvable", "solve_mxne", arguments, answer or Answer())


REFUSABLE = replace(solvable(alpha=-1.0), answer=None, refusal=Refusal(("alpha",), ("-1",)))


def altered(**changes: Any) -> Solver:
    """The solver, but its answer says something else; changes may be functions of the answer."""

    def solve(**arguments: Any) -> Any:
        answer = mxne_rs.solve_mxne(**arguments)
        made = {name: one(answer) if callable(one) else one for name, one in changes.items()}
        return replace(answer, **made)

    return solve


def raising(error: BaseException) -> Solver:
    """Nothing but an exception."""

    def solve(**_arguments: Any) -> Any:
        raise error

    return solve


def noisy(category: type[Warning]) -> Solver:
    """The solver, with a warning."""

    def solve(**arguments: Any) -> Any:
        warnings.warn("overflow encountered in matmul", category, stacklevel=2)
        return mxne_rs.solve_mxne(**arguments)

    return solve


def silent(**arguments: Any) -> Any:
    """The solver, without its warning that it fell short."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return mxne_rs.solve_mxne(**arguments)


def after(change: Callable[[dict[str, Any]], Any]) -> Solver:
    """The solver, which does something to its arguments."""

    def solve(**arguments: Any) -> Any:
        answer = mxne_rs.solve_mxne(**arguments)
        change(arguments)
        return answer

    return solve


def add_to(name: str) -> Callable[[dict[str, Any]], Any]:
    """Change the last bits of one number."""
    return lambda arguments: np.multiply(arguments[name], 1 + 1e-15, out=arguments[name])


def refusing(message: str) -> Solver:
    """A refusal with a message."""
    return raising(ValueError(message))


def spoil_first(value: float) -> Callable[[Any], Any]:
    """The sources with one entry replaced."""

    def spoil(answer: Any) -> Any:
        sources = answer.sources.copy()
        sources[0, 0] = value
        return sources

    return spoil


def zero_first(answer: Any) -> Any:
    """The sources with the first row zero."""
    return answer.sources * (np.arange(len(answer.sources)) > 0)[:, None]


def one_less(answer: Any) -> Any:
    """The active set without its first location."""
    active = answer.active_set.copy()
    active[np.flatnonzero(active)[0]] = False
    return active


#: What a solver may do wrong, the case it is asked, and the verdict that has to come.
FAULTS: dict[str, tuple[Solver, Case, str]] = {
    "gap too small": (altered(gap=0.0), solvable(**COARSE), "silent error"),
    "gap slightly too small": (
        altered(gap=lambda answer: 0.99 * answer.gap),
        solvable(**COARSE),
        "silent error",
    ),
    "gap too large": (
        altered(gap=lambda answer: 1.01 * answer.gap),
        solvable(**COARSE),
        "silent error",
    ),
    "gap is NaN": (altered(gap=float("nan")), solvable(), "silent error"),
    "gap below zero": (altered(gap=-1e-9), solvable(), "silent error"),
    "converged claimed": (altered(status="converged"), solvable(ANY, **SHORT), "silent error"),
    "converged and gap claimed": (
        altered(status="converged", gap=1e-13),
        solvable(ANY, **SHORT),
        "silent error",
    ),
    "convergence denied": (altered(status="stalled"), solvable(ANY), "silent error"),
    "stalled without need": (altered(status="stalled"), solvable(), "silent error"),
    "no warning": (silent, solvable(ANY, **SHORT), "silent error"),
    "limit not reported": (mxne_rs.solve_mxne, solvable(**SHORT), "silent error"),
    "NaN in sources": (altered(sources=spoil_first(np.nan)), solvable(), "silent error"),
    "infinite sources": (altered(sources=spoil_first(np.inf)), solvable(), "silent error"),
    "wrong sources": (altered(sources=spoil_first(0.1)), solvable(), "silent error"),
    "sources worse than none": (
        altered(sources=lambda answer: -9 * answer.sources, gap=90.0, status="stalled"),
        solvable(ANY),
        "silent error",
    ),
    "single precision": (
        altered(sources=lambda answer: answer.sources.astype(np.float32)),
        solvable(),
        "silent error",
    ),
    "an active location is zero": (altered(sources=zero_first), solvable(), "silent error"),
    "a location too few": (altered(active_set=one_less), solvable(), "silent error"),
    "indices for a mask": (
        altered(active_set=lambda answer: answer.active_set.astype(int)),
        solvable(),
        "silent error",
    ),
    "not zero above alpha_max": (
        altered(sources=np.full((1, 4), 1e-300), active_set=np.arange(8) == 0, gap=0.0, dual=0.0),
        solvable(alpha=4 * ALPHA),
        "silent error",
    ),
    "wrong primal": (
        altered(primal=lambda answer: answer.primal * (1 + 1e-9)),
        solvable(),
        "silent error",
    ),
    "wrong dual": (
        altered(dual=lambda answer: answer.dual * (1 + 1e-9)),
        solvable(),
        "silent error",
    ),
    "another alpha": (altered(alpha=2 * ALPHA), solvable(), "silent error"),
    "wrong explained variance": (altered(explained_variance=0.5), solvable(), "silent error"),
    "data changed": (after(add_to("data")), solvable(), "changed input"),
    "gain changed": (after(add_to("gain")), solvable(), "changed input"),
    "data locked": (
        after(lambda arguments: arguments["data"].setflags(write=False)),
        solvable(),
        "changed input",
    ),
    "weights changed": (
        after(lambda arguments: arguments["weights"].append(1.0)),
        replace(solvable(), arguments=lambda: {**solvable().arguments(), "weights": [1.0] * 8}),
        "changed input",
    ),
    "refused what has an answer": (
        refusing("data holds 3.0; remove it first"),
        solvable(),
        "refused",
    ),
    "answered what has none": (
        altered(),
        replace(REFUSABLE, arguments=solvable().arguments),
        "answered",
    ),
    "KeyError": (raising(KeyError("alpha")), solvable(), "foreign exception"),
    "ZeroDivisionError": (raising(ZeroDivisionError("alpha")), REFUSABLE, "foreign exception"),
    "OverflowError": (raising(OverflowError("alpha -1")), REFUSABLE, "foreign exception"),
    "MemoryError": (raising(MemoryError("alpha is -1; give less")), REFUSABLE, "foreign exception"),
    "panic": (raising(PanicException("index out of bounds")), REFUSABLE, "panic"),
    "panic that was caught": (
        raising(RuntimeError("internal error in mxne_rs: please report it")),
        solvable(),
        "panic",
    ),
    "no name": (refusing("-1.0 is not positive; give more"), REFUSABLE, "unclear refusal"),
    "part of a name": (refusing("alpha_max is -1; give more"), REFUSABLE, "unclear refusal"),
    "no value": (refusing("alpha is bad; give another"), REFUSABLE, "unclear refusal"),
    "no remedy": (refusing("alpha is -1.0"), REFUSABLE, "unclear refusal"),
    "too long": (refusing(f"alpha is -1; give {'more' * 999}"), REFUSABLE, "unclear refusal"),
    "overflow warning": (noisy(RuntimeWarning), solvable(), "noise"),
    "deprecation warning": (noisy(DeprecationWarning), solvable(), "noise"),
}


@pytest.mark.parametrize(("solver", "case", "expected"), FAULTS.values(), ids=FAULTS)
def test_judge_sees_a_planted_fault(solver: Solver, case: Case, expected: str) -> None:
    """Each fault gets its own verdict."""
    assert judge(case, solver).kind == expected


@pytest.mark.parametrize(
    "case", [solvable(), solvable(ANY, **SHORT), solvable(**COARSE), REFUSABLE]
)
def test_judge_sees_no_fault_in_the_solver(case: Case) -> None:
    """The cases into which faults are planted have none."""
    assert judge(case) == Verdict("ok")
    assert judge(case, raising(ValueError("alpha is -1.0; give more"))).kind in ("ok", "refused")


def test_judge_sees_a_solver_that_does_not_return() -> None:
    """And leaves it behind."""
    end = threading.Event()
    assert judge(solvable(), lambda **_arguments: end.wait(), limit=0.1).kind == "hang"
    end.set()


#: One wrong answer for every function: made of the right one.
CORRUPTIONS: dict[str, list[tuple[str, Callable[[Any], Any]]]] = {
    "solve_irmxne": [
        ("other weights", lambda answer: replace(answer, weights=answer.weights * 1.01)),
        ("weight zero", lambda answer: replace(answer, weights=np.zeros(10))),
        ("too few weights", lambda answer: replace(answer, weights=answer.weights[1:])),
    ],
    "solve_path": [
        ("one missing", lambda path: replace(path, solutions=path.solutions[1:])),
        ("in the wrong order", lambda path: replace(path, solutions=path.solutions[::-1])),
    ],
    "solve_batch": [
        ("one missing", lambda answers: answers[1:]),
        ("wrong gap", lambda answers: [answers[0], replace(answers[1], gap=0.5)]),
    ],
    "solve_sure": [
        ("alpha that was not given", lambda answer: replace(answer, alpha=1.1 * answer.alpha)),
        ("wrong gap", lambda answer: replace(answer, gap=answer.gap + 1e-6)),
    ],
    "duality_gap": [
        ("wrong gap", lambda answer: (answer[0] * 1.001, *answer[1:])),
        ("wrong primal", lambda answer: (answer[0], answer[1] * 1.001, answer[2])),
        ("infinite", lambda answer: (float("inf"), *answer[1:])),
    ],
    "alpha_max": [("wrong", lambda answer: answer * (1 + 1e-9)), ("zero", lambda answer: 0.0)],
    "debias": [
        ("not the best", lambda factors: 1.001 * factors),
        ("below one", lambda factors: np.full_like(factors, 0.5)),
        ("not finite", lambda factors: factors * np.nan),
        ("too few", lambda factors: factors[1:]),
    ],
    "Gain": [
        ("other columns", lambda gain: mxne_rs.Gain(gain.columns([1, 0, *range(2, 10)]))),
        ("other orientations", lambda gain: mxne_rs.Gain(gain.columns(range(10)), 5)),
    ],
    "whitener": [
        ("other noise", lambda matrix: 1.001 * matrix),
        ("too few channels", lambda matrix: matrix[:, 1:]),
    ],
}


@pytest.mark.parametrize(
    ("verb", "corrupt"),
    [(verb, change) for verb, changes in CORRUPTIONS.items() for _, change in changes],
    ids=[f"{verb}: {name}" for verb, changes in CORRUPTIONS.items() for name, _ in changes],
)
def test_judge_sees_a_wrong_answer_of_every_function(
    verb: str, corrupt: Callable[[Any], Any]
) -> None:
    """Whatever the function returns is held against formulas of its own."""
    ids = {"whitener": "noise_cov-fortran-whitener"}
    case = next(one for one in corpus() if one.id == ids.get(verb, f"form-fortran-{verb}-fixed"))
    true = VERBS[verb].function
    assert judge(case, lambda **arguments: corrupt(true(**arguments))).kind == "silent error"


def test_judge_sees_an_excluded_location_come_back() -> None:
    """Weights of the user that are infinite stay so."""
    case = next(one for one in corpus() if one.id == "weights-one-infinite-solve_irmxne-fixed")

    def solve(**arguments: Any) -> Any:
        options = {**arguments, "weights": np.ones(10), "amplitude_unit": 1.0}
        return mxne_rs.solve_irmxne(**options)

    assert judge(case, solve).kind == "silent error"


ISOLATED_FAULTS = {
    "memory abort": "crash",
    "memory spin": "hang",
    "memory stumble": "foreign exception",
    "memory pretend": "silent error",
    "memory panic": "foreign exception",
    "race abort": "crash",
    "race spin": "hang",
    "race stumble": "foreign exception",
    "race panic": "panic",
    "race pollute": "silent error",
    "race blame": "unclear refusal",
    "nothing of the kind": "foreign exception",
}


@proc
@limits
@pytest.mark.parametrize(("words", "expected"), ISOLATED_FAULTS.items(), ids=ISOLATED_FAULTS)
def test_judge_sees_a_fault_in_another_process(words: str, expected: str) -> None:
    """A process that dies or never ends takes nothing with it."""
    limit = 2.0 if words == "race spin" else LIMIT
    assert judge_isolated(*words.split(), "1", limit=limit).kind == expected


def test_every_verdict_has_its_fault() -> None:
    """No check is there that has not been seen to fail."""
    planted = {expected for _, _, expected in FAULTS.values()} | set(ISOLATED_FAULTS.values())
    assert planted | {"ok", "hang"} == set(VERDICTS)
