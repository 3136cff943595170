"""Runs one hostile case and says what became of it.

A case passes in two ways only: an answer that an independent certificate agrees with, or a refusal
that names the argument, says what it is and what to do. Whatever else happens has a name here.
"""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import mxne_rs
from certificate import alpha_max, block_norms, certificate, energy, extended, penalty_weights

#: Everything that can become of a case.
VERDICTS = (
    "ok",
    "crash",  # the process died
    "panic",  # of Rust, whether it came out as itself or as an internal error
    "hang",
    "foreign exception",  # of a type that no docstring announces
    "unclear refusal",  # does not name the argument, say what it is, or what to do
    "refused",  # what has an answer
    "answered",  # what has none
    "silent error",  # the answer is wrong, or not what it says of itself
    "noise",  # a warning that is not ours
    "changed input",
)

#: One of these words stands in every message that says what to do.
REMEDY = re.compile(
    r"\b(give|remove|fill|drop|use|scale|raise|lower|leave|prepare|convert|pass|excludes?|replace"
    r"|must|choose|reduce|crop|check|make|set|(is|are) needed|toarray)\b",
    re.IGNORECASE,
)
#: More than this many characters nobody reads.
LONGEST = 1000
#: Seconds after which a case, small as it is, hangs.
LIMIT = 60.0
#: Below, a float64 has lost digits; above, it is infinite.
SMALLEST, LARGEST = np.finfo(np.float64).tiny, np.finfo(np.float64).max
INFINITE, BEYOND = float("inf"), 1e300


@dataclass(frozen=True)
class Verdict:
    """One of VERDICTS, and what was seen."""

    kind: str
    detail: str = ""


@dataclass(frozen=True)
class Answer:
    """The case has an answer."""

    statuses: tuple[str, ...] = ("converged",)


@dataclass(frozen=True)
class Refusal:
    """The case is refused, by the name of an argument (or of one of several)."""

    names: tuple[str, ...]
    says: tuple[str, ...] = ()
    """Regular expressions, each found in the message: what the argument is."""
    kinds: tuple[type[BaseException], ...] = (TypeError, ValueError)


@dataclass(frozen=True)
class Case:
    """A call, and what may become of it: an answer, a refusal or, if both are given, either."""

    id: str
    verb: str
    arguments: Callable[[], dict[str, Any]] = field(repr=False)
    answer: Answer | None = None
    refusal: Refusal | None = None


@dataclass
class Outcome:
    """What a call returned or raised, and its warnings."""

    value: Any = None
    error: BaseException | None = None
    hung: bool = False
    warnings: list[warnings.WarningMessage] = field(default_factory=list)


def judge(case: Case, verb: Callable[..., Any] | None = None, limit: float = LIMIT) -> Verdict:
    """Run the case; `verb` stands in for the function that it calls."""
    with warnings.catch_warnings():
        # Making the arguments may warn (np.matrix does): that is not the solver's doing.
        warnings.simplefilter("ignore")
        arguments = case.arguments()
        before = fingerprint(arguments)
    outcome = observe(verb or VERBS[case.verb].function, arguments, limit)
    if outcome.hung:
        return Verdict("hang", f"no end after {limit:g} s")
    if fingerprint(arguments) != before:
        return Verdict("changed input", "an argument is not what it was")
    error = outcome.error
    if error is not None and is_panic(error):
        return Verdict("panic", describe(error))
    noise = [w for w in outcome.warnings if not is_announced(case.verb, w)]
    if noise:
        return Verdict("noise", f"{noise[0].category.__name__}: {noise[0].message}")
    if error is not None:
        return judge_refusal(case, error)
    return judge_answer(case, arguments, outcome)


def observe(verb: Callable[..., Any], arguments: Mapping[str, Any], limit: float) -> Outcome:
    """Call in a thread of its own, so that a call without end can be left behind."""
    outcome = Outcome(hung=True)

    def call() -> None:
        try:
            outcome.value = verb(**arguments)
        except BaseException as error:  # a panic of Rust is no Exception
            outcome.error = error
        outcome.hung = False

    thread = threading.Thread(target=call, daemon=True)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        thread.start()
        thread.join(limit)
        outcome.warnings = list(seen)
    return outcome


def is_panic(error: BaseException) -> bool:
    """A panic is a BaseException, or was caught at the boundary and says that it is a bug."""
    return not isinstance(error, Exception) or "internal error" in str(error)


def is_announced(verb: str, warning: warnings.WarningMessage) -> bool:
    """The docstrings announce ConvergenceWarning, alpha above alpha_max, and doubts of SURE."""
    words = str(warning.message)
    if verb == "solve_sure":
        announced = words.startswith("SURE ")
    else:
        announced = (
            "times alpha_max, from which on nothing is left" in words
            or "reweighting left none" in words
        )
    return announced or issubclass(warning.category, mxne_rs.ConvergenceWarning)


def describe(error: BaseException) -> str:
    """Type and message in one line."""
    return f"{type(error).__name__}: {str(error)[:300]}"


def judge_refusal(case: Case, error: BaseException) -> Verdict:
    """A refusal has the right type and a message that helps."""
    kinds = case.refusal.kinds if case.refusal else (TypeError, ValueError)
    message = str(error)
    if not isinstance(error, kinds):
        return Verdict("foreign exception", describe(error))
    if case.refusal is None:
        return Verdict("refused", describe(error))
    wanted = [rf"\b({'|'.join(case.refusal.names)})\b", *case.refusal.says]
    missing = [pattern for pattern in wanted if not re.search(pattern, message)]
    if missing:
        return Verdict("unclear refusal", f"no {missing} in {describe(error)}")
    if not REMEDY.search(message):
        return Verdict("unclear refusal", f"no remedy in {describe(error)}")
    if len(message) > LONGEST:
        return Verdict("unclear refusal", f"{len(message)} characters: {describe(error)}")
    return Verdict("ok")


def judge_answer(case: Case, arguments: Mapping[str, Any], outcome: Outcome) -> Verdict:
    """An answer is allowed, and is what it says."""
    if case.answer is None:
        return Verdict("answered", repr(outcome.value)[:300])
    complaints = VERBS[case.verb].complaints(arguments, outcome.value)
    complaints += status_complaints(case, outcome)
    return Verdict("silent error", "; ".join(complaints)) if complaints else Verdict("ok")


def status_complaints(case: Case, outcome: Outcome) -> list[str]:
    """The statuses are among those allowed, and a solve that fell short says so in a warning."""
    assert case.answer is not None
    answer = outcome.value
    several = isinstance(answer, (list, mxne_rs.Path))
    statuses = {getattr(one, "status", "converged") for one in (answer if several else [answer])}
    short = statuses - {"converged"}
    found = []
    if not statuses <= set(case.answer.statuses):
        found.append(f"status {sorted(statuses)}")
    said = [w for w in outcome.warnings if issubclass(w.category, mxne_rs.ConvergenceWarning)]
    if case.verb != "solve_sure" and bool(short) != bool(said):
        found.append(f"status {sorted(statuses)} with {len(said)} warnings")
    return found


# --- what the arguments were ---------------------------------------------------------------------


def fingerprint(value: Any) -> Any:
    """Everything about an argument that must not change."""
    if isinstance(value, Mapping):
        return {name: fingerprint(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [fingerprint(one) for one in value]
    if isinstance(value, np.ndarray):
        return array_fingerprint(value)
    if hasattr(value, "to_numpy"):
        return array_fingerprint(value.to_numpy())
    if hasattr(value, "tocsr"):
        return array_fingerprint(value.toarray())
    if isinstance(value, mxne_rs.Solution):
        return fingerprint([value.sources, value.active_set])
    return id(value)


def array_fingerprint(array: np.ndarray) -> Any:
    """Values, memory and description."""
    described = (array.dtype.str, array.shape, array.strides, str(array.flags))
    if array.size > 10**7:  # larger than memory: only described, never there
        return described
    if array.dtype.hasobject:
        return (*described, repr(array.tolist()))
    mask = np.ma.getmaskarray(array).tobytes() if np.ma.isMaskedArray(array) else b""
    return (*described, np.asarray(array).tobytes(), mask)


# --- what the answers say ------------------------------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """One Solution, and the convex problem that it says it solves."""

    solution: Any
    gain: Any
    data: Any
    alpha: float
    n_orient: int = 1
    weights: Any = None
    ridge: float = 0.0
    tol: float = 1e-6
    stands_alone: bool = True
    """Whether the status is that of this problem, not of several: rounds, or SURE's data sets."""

    @property
    def n_locations(self) -> int:
        """Columns of the gain over orientations."""
        return self.gain.shape[1] // self.n_orient

    def complaints(self) -> list[str]:
        """Everything that is wrong with it."""
        return self.shape_complaints() or self.value_complaints()

    def shape_complaints(self) -> list[str]:
        """Sizes and types, and no NaN."""
        solution = self.solution
        active, sources = np.asarray(solution.active_set), np.asarray(solution.sources)
        rows = (int(active.sum()) * self.n_orient, self.data.shape[1])
        found = []
        if active.shape != (self.n_locations,) or active.dtype != bool:
            found.append(f"active_set has shape {active.shape}, dtype {active.dtype}")
        if sources.shape != rows or sources.dtype != np.float64:
            found.append(f"sources has shape {sources.shape}, dtype {sources.dtype}, not {rows}")
        if not np.isfinite(sources).all():
            found.append("sources are not finite")
        if not (np.isfinite(solution.gap) and solution.gap >= 0):
            found.append(f"gap is {solution.gap}")
        if solution.alpha != self.alpha:
            found.append(f"alpha is {solution.alpha}, not {self.alpha}")
        return found

    def value_complaints(self) -> list[str]:
        """Gap, status and values against the independent certificate."""
        solution = self.solution
        x = np.zeros((self.gain.shape[1], self.data.shape[1]))
        x[np.repeat(solution.active_set, self.n_orient)] = solution.sources
        truth = self.certificate(x)
        slack, reported = truth.rounding, solution.gap
        found = []
        if reported < truth.gap - slack:
            found.append(f"gap {reported:.3e} is reported, {truth.gap:.3e} is true")
        # X = 0 needs no product: out of time, D = 0 is all that is known of it.
        trivial = solution.status == "time_limit" and not x.any() and reported == 1
        if reported > truth.gap * (1 + 1e-6) + slack and not trivial:
            found.append(f"gap {reported:.3e} is reported, only {truth.gap:.3e} is true")
        if truth.gap > 1 + slack:
            found.append(f"gap {truth.gap:.3e}, and that of zero is at most 1")
        converged = solution.status == "converged"
        if converged != (reported <= self.tol) and (converged or self.stands_alone):
            found.append(f"{solution.status} at {reported:.3e}, tol {self.tol:.0e}")
        if not (block_norms(extended(x), self.n_orient)[solution.active_set] > 0).all():
            found.append("an active location is zero")
        if self.leaves_nothing and x.any():
            found.append("not zero, though alpha is above alpha_max")
        if not trivial:
            found += self.absolute_complaints(truth)
        return found + self.variance_complaints(x)

    def certificate(self, x: Any) -> Any:
        """The independent one."""
        return certificate(
            self.gain, self.data, x, self.alpha, self.n_orient, self.weights, self.ridge
        )

    @property
    def leaves_nothing(self) -> bool:
        """Whether alpha is at alpha_max, by more than rounding."""
        return self.alpha > alpha_max(self.gain, self.data, self.n_orient, self.weights) * (
            1 + 1e-13
        )

    def absolute_complaints(self, truth: Any) -> list[str]:
        """Primal and dual, where a float64 can hold them."""
        return value_complaints(truth, self.solution.primal, self.solution.dual)

    def variance_complaints(self, x: Any) -> list[str]:
        """1 - |M - G X|^2 / |M|^2, 0 where there are no data."""
        data, reported = extended(self.data), self.solution.explained_variance
        total = energy(data)
        left = energy(data - extended(self.gain) @ extended(x))
        expected = 1 - left / total if total else total
        wrong = not abs(reported - expected) <= 1e-12
        return [f"explained_variance {reported}, not {float(expected)}"] if wrong else []


def value_complaints(truth: Any, primal: float, dual: float) -> list[str]:
    """Primal and dual values against the independent ones, where a float64 can hold them."""
    if not SMALLEST * 1e16 < truth.half < LARGEST or not truth.primal < LARGEST:
        return []
    size = 1e-12 * max(truth.half, truth.primal)
    pairs = [("primal", primal, truth.primal), ("dual", dual, truth.dual)]
    return [
        f"{name} {found}, not {float(expected)}"
        for name, found, expected in pairs
        if not abs(found - expected) <= size
    ]


def problem_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Gain, penalty and tolerance of a call, as plain float64."""
    return {
        "gain": np.asarray(arguments["gain"], dtype=np.float64),
        "n_orient": int(arguments.get("n_orient", 1)),
        "weights": arguments.get("weights"),
        "ridge": float(arguments.get("ridge", 0.0)),
        "tol": float(arguments.get("tol", 1e-6)),
    }


def plain(array: Any) -> np.ndarray:
    """As plain float64."""
    return np.asarray(array, dtype=np.float64)


def mxne_complaints(
    arguments: Mapping[str, Any], answer: Any, stands_alone: bool = True
) -> list[str]:
    """Of solve_mxne."""
    data, alpha, problem = (
        plain(arguments["data"]),
        float(arguments["alpha"]),
        problem_of(arguments),
    )
    return Claim(answer, data=data, alpha=alpha, stands_alone=stands_alone, **problem).complaints()


def irmxne_complaints(arguments: Mapping[str, Any], answer: Any) -> list[str]:
    """Of solve_irmxne: the certificate is that of the last weighted problem."""
    if answer.weights is None:
        return mxne_complaints(arguments, answer)
    user = penalty_weights(arguments.get("weights"), answer.active_set.size)
    last = np.asarray(answer.weights)
    if last.shape != user.shape or not (last > 0).all():
        return [f"weights {last}"]
    found = mxne_complaints({**arguments, "weights": last}, answer, stands_alone=False)
    if np.isfinite(last[np.isinf(user)]).any():
        found.append("a location that was excluded has come back")
    return found


def path_complaints(arguments: Mapping[str, Any], answer: Any) -> list[str]:
    """Of solve_path: each alpha once, from the largest down."""
    alphas = np.unique(plain(arguments["alphas"]))[::-1]
    if len(answer) != len(alphas):
        return [f"{len(answer)} answers for {len(alphas)} alphas"]
    return [
        complaint
        for alpha, one in zip(alphas, answer, strict=True)
        for complaint in irmxne_complaints({**arguments, "alpha": alpha}, one)
    ]


def batch_complaints(arguments: Mapping[str, Any], answer: Any) -> list[str]:
    """Of solve_batch: one answer per data set."""
    data = list(arguments["data"])
    alphas = np.broadcast_to(plain(arguments["alpha"]), len(data))
    if len(answer) != len(data):
        return [f"{len(answer)} answers for {len(data)} data sets"]
    return [
        complaint
        for one, alpha, solution in zip(data, alphas, answer, strict=True)
        for complaint in irmxne_complaints({**arguments, "data": one, "alpha": alpha}, solution)
    ]


def sure_complaints(arguments: Mapping[str, Any], answer: Any) -> list[str]:
    """Of solve_sure: its answer is that of the chosen alpha, one of those given."""
    if answer.alpha not in plain(arguments["alphas"]):
        return [f"alpha {answer.alpha} was not given"]
    problem = problem_of(arguments)
    if answer.weights is not None:
        problem["weights"] = answer.weights
    data = plain(arguments["data"])
    claim = Claim(answer, data=data, alpha=answer.alpha, stands_alone=False, **problem)
    return claim.complaints()


def gap_complaints(arguments: Mapping[str, Any], answer: Any) -> list[str]:
    """Of duality_gap."""
    problem = problem_of(arguments)
    del problem["tol"]
    data, x = plain(arguments["data"]), plain(arguments["x"])
    truth = certificate(data=data, x=x, alpha=float(arguments["alpha"]), **problem)
    gap, primal, dual = answer
    found = value_complaints(truth, primal, dual)
    # P may be beyond float64 where the gap only just is not.
    known = truth.gap < BEYOND or gap != INFINITE
    if known and not abs(gap - truth.gap) <= 1e-9 * abs(truth.gap) + truth.rounding:
        found.append(f"gap {gap}, not {float(truth.gap)}")
    return found


def alpha_max_complaints(arguments: Mapping[str, Any], answer: Any) -> list[str]:
    """Of alpha_max."""
    problem = problem_of(arguments)
    gain, n_orient, weights = (problem[name] for name in ("gain", "n_orient", "weights"))
    expected = alpha_max(gain, plain(arguments["data"]), n_orient, weights)
    # Where M is orthogonal to G, what is left is the rounding of terms of the size |G_s| |M|.
    gain, data = extended(gain), extended(arguments["data"])
    sizes = block_norms(np.abs(gain).T @ np.abs(data), n_orient)
    rounding = np.max(sizes / penalty_weights(weights, sizes.size)) * 1e-14
    wrong = not abs(answer - expected) <= rounding + 1e-12 * expected
    return [f"alpha_max {answer}, not {expected}"] if wrong else []


def debias_complaints(arguments: Mapping[str, Any], answer: Any) -> list[str]:
    """Of debias: the conditions of the minimum of 1/2 |M - G diag(d) X|^2 over d >= 1."""
    n_orient = int(arguments.get("n_orient", 1))
    gain, data, x = (extended(arguments[name]) for name in ("gain", "data", "x"))
    if answer.shape != (x.shape[0] // n_orient,) or not np.isfinite(answer).all():
        return [f"factors {answer}"]
    fits = np.stack(
        [gain[:, s : s + n_orient] @ x[s : s + n_orient] for s in range(0, len(x), n_orient)]
    )
    sizes = np.sqrt(np.sum(fits * fits, axis=(1, 2)))
    # What is 150 decades below the rest is invisible: no factor that is a number would show it.
    fits[sizes < 1e-150 * sizes.max()] = sizes[sizes < 1e-150 * sizes.max()] = 0
    factors = extended(answer)
    fit = np.tensordot(factors, fits, 1)
    slopes = np.sum(fits * (data - fit), axis=(1, 2))
    allowed = 1e-8 * sizes * np.sqrt(max(energy(data), energy(fits.sum(axis=0))))
    found = []
    if not (factors >= 1).all():
        found.append("a factor is below 1")
    if not (factors[sizes == 0] == 1).all():
        found.append("a factor of what cannot be seen")
    if (slopes > allowed).any() or (np.abs(slopes) > allowed)[factors > 1].any():
        found.append(f"slopes {slopes.astype(float)} at {answer}")
    return found


def gain_complaints(arguments: Mapping[str, Any], answer: Any) -> list[str]:
    """Of Gain: it holds what was given; |G_s'G_s| lies between a column's energy and their sum."""
    gain, n_orient = plain(arguments["gain"]), int(arguments.get("n_orient", 1))
    n_locations = gain.shape[1] // n_orient
    if (answer.shape, answer.n_orient) != (gain.shape, n_orient):
        return [f"shape {answer.shape}, {answer.n_orient} orientations"]
    found = []
    if not np.array_equal(answer.columns(np.arange(n_locations)), gain):
        found.append("its columns are not those given")
    energies = np.sum(extended(gain) ** 2, axis=0).reshape(n_locations, n_orient)
    least, most = energies.max(axis=1), energies.sum(axis=1)
    held = (least > SMALLEST) & (most < LARGEST)
    bounds = np.asarray(answer.lipschitz)
    outside = (bounds < least * (1 - 1e-12)) | (bounds > most * (1 + 1e-12))
    if outside[held].any():
        found.append(f"lipschitz {bounds}, between {least} and {most}")
    return found


def whitener_complaints(arguments: Mapping[str, Any], answer: Any) -> list[str]:
    """Of whitener: W C W' is the identity."""
    covariance, w = extended(arguments["noise_cov"]), extended(answer)
    if not (w.ndim == 2 and np.isfinite(answer).all() and w.shape[1] == len(covariance)):
        return [f"shape {w.shape}"]
    error = np.abs(w @ covariance @ w.T - np.eye(len(w))).max()
    return [f"W C W' is {float(error):.1e} away from the identity"] if error > 1e-8 else []


@dataclass(frozen=True)
class Verb:
    """A public function, and how its answers are held to account."""

    function: Callable[..., Any]
    complaints: Callable[[Mapping[str, Any], Any], list[str]]

    @property
    def takes(self) -> set[str]:
        """Its arguments."""
        return parameters(self.function)


@cache
def parameters(function: Callable[..., Any]) -> set[str]:
    """The names of a function's parameters."""
    return set(inspect.signature(function).parameters)


VERBS = {
    "solve_mxne": Verb(mxne_rs.solve_mxne, mxne_complaints),
    "solve_irmxne": Verb(mxne_rs.solve_irmxne, irmxne_complaints),
    "solve_path": Verb(mxne_rs.solve_path, path_complaints),
    "solve_batch": Verb(mxne_rs.solve_batch, batch_complaints),
    "solve_sure": Verb(mxne_rs.solve_sure, sure_complaints),
    "duality_gap": Verb(mxne_rs.duality_gap, gap_complaints),
    "alpha_max": Verb(mxne_rs.alpha_max, alpha_max_complaints),
    "debias": Verb(mxne_rs.debias, debias_complaints),
    "Gain": Verb(mxne_rs.Gain, gain_complaints),
    "whitener": Verb(mxne_rs.whitener, whitener_complaints),
}


# --- what could take the process with it ---------------------------------------------------------


def judge_isolated(*words: str, limit: float = LIMIT) -> Verdict:
    """Run `isolated.py` with these words: a crash or a hang is its own, not that of the tests."""
    command = [sys.executable, str(Path(__file__).with_name("isolated.py")), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return Verdict("hang", f"no end after {limit:g} s")
    report = f"{done.stdout}\n{done.stderr[-2000:]}"
    if done.returncode < 0:
        return Verdict("crash", f"signal {-done.returncode}\n{report}")
    if done.returncode > 0:
        return Verdict("foreign exception", report)
    verdicts = [line.split(": ", 1) for line in done.stdout.splitlines()]
    bad = [(kind, detail) for kind, detail in verdicts if kind != "ok"]
    return Verdict(bad[0][0], "\n".join(": ".join(one) for one in bad)) if bad else Verdict("ok")
