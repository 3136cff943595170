"""Signals: Ctrl-C, handlers that raise, count, solve or fork, and deep recursion.

No promise in milliseconds is asserted here (`benches/latency.py` measures those): the bounds are
far above what is promised and far below what a missing guard costs. Whatever could hang or crash
runs in a process of its own, which is killed in the end.
"""

from __future__ import annotations

import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import children
import mxne_rs
from children import ENDLESS, SOON
from marks import fork, signals, slow_but

pytestmark = [
    pytest.mark.filterwarnings("ignore::mxne_rs.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:SURE "),
]


# --- signals -------------------------------------------------------------------------------------


#: The phases that `make test` interrupts.
FAST = ("prepare one block", "epochs on a working set", "path of short solves", "SURE")


def interrupt(phase: str) -> tuple[str, float, children.Result]:
    """(what the phase answers to Ctrl-C, after how many seconds, how the process ended)."""
    process = children.start(f"children.interrupted({phase!r})")
    try:
        assert process.stdout and process.stdout.readline() == "started\n", children.finish(process)
        time.sleep(0.25)
        process.send_signal(signal.SIGINT)
        sent = children.used_by(process.pid)
        select.select([process.stdout], [], [], 100)
        seconds = children.used_by(process.pid) - sent
        line, last = process.stdout.readline(), process.stdout.readline()
        result = children.finish(process)
        # The last line may have come with the one before, where `finish` does not see it any more.
        result.out = last + result.out
        return line, seconds, result
    finally:
        process.kill()


@signals
@pytest.mark.parametrize(
    "phase",
    slow_but(
        children.PHASES,
        "prepare one block",
        "epochs on a working set",
        "path of short solves",
        "SURE",
    ),
)
def test_ctrl_c_in_every_phase(phase: str) -> None:
    """KeyboardInterrupt, soon; meanwhile another thread ran; afterwards solves answer as before."""
    line, seconds, result = interrupt(phase)
    result.ended()
    outcome, stall = line.split()
    assert outcome == "interrupted" and seconds < SOON, (line, seconds)
    assert float(stall) < SOON
    assert result.out == "True\n", result


RAISING = """
class Enough(Exception):
    pass
def handler(number, frame):
    raise Enough(number, "of the caller")
signal.signal(signal.SIGALRM, handler)
work = children.PHASES[{phase!r}]()
signal.setitimer(signal.ITIMER_REAL, 0.2)
begin = time.process_time()
try:
    work()
    print("finished")
except Enough as error:
    print(error.args == (signal.SIGALRM, "of the caller"), time.process_time() - begin < {soon})
"""


@signals
@pytest.mark.parametrize(
    "phase", slow_but(["prepare C order", "epochs on a working set", "SURE"], "SURE")
)
def test_exception_of_a_signal_handler_is_the_callers(phase: str) -> None:
    """It comes out of the call as it was raised, and no KeyboardInterrupt in its place."""
    result = children.run(RAISING.format(phase=phase, soon=0.2 + SOON)).ended()
    assert result.out.split() == ["True", "True"], result


COUNTING = """
calls = []
signal.signal(signal.SIGALRM, lambda *_: calls.append(time.perf_counter()))
def counted(work):
    calls.clear()
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    found = work()
    signal.setitimer(signal.ITIMER_REAL, 0)
    return len(calls), found
made, data, alpha = children.wide_problem()
gain = mxne_rs.Gain(made)
options = dict(children.ENDLESS, max_iter=1, active_set_size=None, n_threads=1)
work = {work}
quiet = work()
count, found = counted(work)
print(count)
same = getattr(quiet, "x", quiet) == getattr(found, "x", found)
print(np.all(same))
"""
LONG_STEPS = {
    "an epoch": "lambda: mxne_rs.solve_mxne(gain, data, alpha, **options)",
    "an epoch of FISTA": "lambda: mxne_rs.solve_mxne(gain, data, alpha, solver='fista', **options)",
    "a certificate": "lambda: mxne_rs.duality_gap(gain, data, np.tile(data, (100, 1)), alpha)",
}


@signals
@pytest.mark.parametrize("step", slow_but(LONG_STEPS, "an epoch"))
def test_a_handler_that_only_counts_changes_nothing(step: str) -> None:
    """It is called many times within a single long step, and the answer is the same to the bit.

    A step takes about a second; between steps alone the handler would be called four times.
    """
    result = children.run(COUNTING.format(work=LONG_STEPS[step])).ended()
    count, same = result.out.split()
    assert int(count) >= 8 and same == "True", result


SOLVING = """
gain, data, alpha = children.problem()
prepared = mxne_rs.Gain(gain)
expected, inner = children.answer(), []
def handler(number, frame):
    solution = mxne_rs.solve_mxne(prepared, data, alpha, n_threads=2)
    inner.append(children.digest(solution.x))
signal.signal(signal.SIGALRM, handler)
hard = children.hard_problem()
options = dict(tol=1e-300, max_iter=5000, solver="fista", n_threads=2)
solve = lambda: mxne_rs.{verb}(hard[0], {data}, hard[2], **options)
quiet = solve()
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
found = solve()
signal.setitimer(signal.ITIMER_REAL, 0)
pairs = zip(quiet, found) if isinstance(found, list) else [(quiet, found)]
print(len(inner) > 1, set(inner) == {{expected}}, all((a.x == b.x).all() for a, b in pairs))
"""


@signals
@pytest.mark.parametrize(
    ("verb", "data"),
    [
        ("solve_mxne", "hard[1]"),
        pytest.param("solve_batch", "[hard[1]] * 3", marks=pytest.mark.slow),
    ],
)
def test_a_signal_handler_may_solve(verb: str, data: str) -> None:
    """In the midst of a solve, on the same threads: both answers are what they should be."""
    result = children.run(SOLVING.format(verb=verb, data=data)).ended()
    assert result.out.split() == ["True"] * 3, result


class Bar:
    """What tqdm is to the package; raises at the second redraw."""

    def __init__(self, **_: Any) -> None:
        self.n, self.drawn = 0, 0

    def set_postfix_str(self, _: str) -> None:
        """Redraw."""
        self.drawn += 1
        if self.drawn == 2:
            raise ZeroDivisionError("drawn")

    refresh = close = lambda self: None


def test_exception_of_a_progress_line_is_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the solve and comes out as it was raised."""
    fake = type(sys)("tqdm")
    fake.tqdm = Bar  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tqdm", fake)
    gain, data, alpha = children.hard_problem()
    begin = time.process_time()
    with pytest.raises(ZeroDivisionError, match="drawn"):
        mxne_rs.solve_mxne(gain, data, alpha, **{**ENDLESS, "verbose": True})
    assert time.process_time() - begin < SOON


def at_depth(depth: int, work: Callable[[], Any]) -> Any:
    """Call work that many frames further down."""
    return work() if depth == 0 else at_depth(depth - 1, work)


def test_close_to_the_recursion_limit(expected: str) -> None:
    """The answer or Python's RecursionError, wherever in the call the limit is met."""
    outcomes = set()
    room = sys.getrecursionlimit() - len(list(_frames()))
    for depth in range(room - 60, room):
        try:
            outcomes.add(at_depth(depth, children.answer))
        except RecursionError:
            outcomes.add("too deep")
    assert outcomes == {expected, "too deep"}


def _frames() -> Iterator[Any]:
    """The frames of the caller and of its callers."""
    frame = sys._getframe(1)
    while frame:
        yield frame
        frame = frame.f_back  # type: ignore[assignment]


# --- processes -----------------------------------------------------------------------------------

FORKED_IN_A_SOLVE = """
pids = []
def handler(number, frame):
    pid = os.fork()
    if pid == 0:
        os._exit(children.answer() != expected)
    pids.append(pid)
    if len(pids) < 5:  # the next alarm only now: none comes in the midst of a fork
        signal.setitimer(signal.ITIMER_REAL, 0.1)
signal.signal(signal.SIGALRM, handler)
work = children._solve(children.hard_problem(), **{options})
signal.setitimer(signal.ITIMER_REAL, 0.1)
work()
signal.setitimer(signal.ITIMER_REAL, 0)
codes = []
for pid in pids:
    for _ in range(2000):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            codes.append(os.waitstatus_to_exitcode(status))
            break
        time.sleep(0.01)
    else:
        os.kill(pid, signal.SIGKILL)
print(len(codes) > 1, codes.count(0) == len(pids))
"""


@fork
@signals
def test_a_signal_handler_may_fork(expected: str) -> None:
    """The child is born in the midst of a solve of its own thread, and solves."""
    options = {"max_iter": 8000, "solver": "fista", "n_threads": 2}
    code = FORKED_IN_A_SOLVE.replace("{options}", repr(options)).replace("expected", repr(expected))
    result = children.run(code).ended()
    assert result.out.split() == ["True"] * 2, result
