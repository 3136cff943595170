"""Runs one hostile case and says what became of it.

A case passes in two ways only: an answer that an independent certificate agrees with, or a refusal
that names the argument, says what it is and what to do. Whatever else happens has a name here.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import mxne_rs
from complaints import VERBS

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
LIMIT = 600.0


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
            "times alpha_max, from which on there is no source" in words
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
