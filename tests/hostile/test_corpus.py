"""The corpus of hostile cases: no crash, no panic, no hang, no silent error, no foreign exception.

The cases are in `corpus`, what counts as passing in `judge`, the formulas in `certificate`. Every
check is proven able to fail by a planted fault.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import product
from typing import Any

import pytest

from certificate import EXTENDED
from corpus import corpus
from judge import Case, judge, judge_isolated
from marks import limits, proc, slow_but

#: One case in so many is judged by `make test`, the others by `make test-all`; prime, so that the
#: verbs and orientations that a family is crossed with all have their turn.
SAMPLE = 11

pytestmark = [
    pytest.mark.usefixtures("watchdog"),
    pytest.mark.skipif(not EXTENDED, reason="long doubles are doubles here"),
]


def sampled(number: int, case: Case) -> Any:
    """Return a case as a parameter of a test; all but one in SAMPLE are slow together."""
    marks = [pytest.mark.slow] if number % SAMPLE else []
    return pytest.param(case, id=case.id, marks=marks)


@pytest.mark.parametrize("case", [sampled(*one) for one in enumerate(corpus())])
def test_case(case: Case) -> None:
    """A certified answer, or a refusal that helps."""
    verdict = judge(case)
    assert verdict.kind == "ok", f"{verdict.kind}: {verdict.detail}"


def test_corpus_is_large_and_its_names_are_unique() -> None:
    """More than the 282 cases of the comparison with other solvers, without optional packages."""
    repeated = [name for name, count in Counter(case.id for case in corpus()).items() if count > 1]
    assert not repeated
    assert len([case for case in corpus() if not re.search("sparse|frame|series", case.id)]) >= 300
    assert all(case.answer or case.refusal for case in corpus())


SOLVED = ["solve_mxne", "solve_irmxne", "solve_path", "solve_batch"]


@proc
@limits
@pytest.mark.parametrize("n_orient", ["1", "3"], ids=["fixed", "free"])
@pytest.mark.parametrize(
    ("verb", "gain"),
    [
        pytest.param(verb, gain, marks=[] if verb == "solve_mxne" else [pytest.mark.slow])
        for verb, gain in [*product(["Gain", *SOLVED], ["array"]), *product(SOLVED, ["prepared"])]
    ],
)
def test_too_little_memory_is_an_error(verb: str, gain: str, n_orient: str) -> None:
    """MemoryError or the answer, and the process alive, however much there is."""
    verdict = judge_isolated("memory", verb, n_orient, gain)
    assert verdict.kind == "ok", f"{verdict.kind}: {verdict.detail}"


@pytest.mark.parametrize("n_orient", ["1", "3"], ids=["fixed", "free"])
@pytest.mark.parametrize("verb", slow_but(["Gain", *SOLVED], "solve_mxne"))
def test_arrays_may_change_during_the_solve(verb: str, n_orient: str) -> None:
    """Another thread writes to them: an answer or a refusal, and the process alive."""
    verdict = judge_isolated("race", verb, n_orient)
    assert verdict.kind == "ok", f"{verdict.kind}: {verdict.detail}"
