"""How the package behaves as part of a process: signals, threads, forks, limits, exits, memory.

No promise in milliseconds is asserted here (`benches/latency.py` measures those): the bounds are
far above what is promised and far below what a missing guard costs. Whatever could hang or crash
runs in a process of its own, which is killed in the end.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import children
import mxne_rs
import reference

pytestmark = [
    pytest.mark.filterwarnings("ignore::mxne_rs.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:SURE "),
]
unix = pytest.mark.skipif(os.name == "nt", reason="signals and forks are those of Unix")
newer = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="NumPy's own sums fail in a subinterpreter of CPython 3.10"
)
linux = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc"
)

#: The phases take 5 s and more where nothing stops them; 0.2 s is promised. Seconds are those of
#: the processor that the process has used: a busy machine has no part in them.
SOON = 2.5
ENDLESS = children.ENDLESS


@pytest.fixture(scope="module")
def expected() -> str:
    """Digest of the answer of `children.answer`, here and on one thread."""
    return children.answer(1)


# --- signals -------------------------------------------------------------------------------------


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
        line = process.stdout.readline()
        return line, seconds, children.finish(process, 10)
    finally:
        process.kill()


@unix
@pytest.mark.parametrize("phase", children.PHASES)
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


@unix
@pytest.mark.parametrize("phase", ["prepare C order", "epochs on a working set", "SURE"])
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


@unix
@pytest.mark.parametrize("work", LONG_STEPS.values(), ids=LONG_STEPS)
def test_a_handler_that_only_counts_changes_nothing(work: str) -> None:
    """It is called many times within a single long step, and the answer is the same to the bit.

    A step takes about a second; between steps alone the handler would be called four times.
    """
    result = children.run(COUNTING.format(work=work)).ended()
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
options = dict(tol=1e-300, max_iter=3000, n_threads=2)
solve = lambda: mxne_rs.{verb}(hard[0], {data}, hard[2], **options)
quiet = solve()
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
found = solve()
signal.setitimer(signal.ITIMER_REAL, 0)
pairs = zip(quiet, found) if isinstance(found, list) else [(quiet, found)]
print(len(inner) > 1, set(inner) == {{expected}}, all((a.x == b.x).all() for a, b in pairs))
"""


@unix
@pytest.mark.parametrize(
    ("verb", "data"), [("solve_mxne", "hard[1]"), ("solve_batch", "[hard[1]] * 3")]
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


# --- time limits ---------------------------------------------------------------------------------

LIMITED = {
    "rotation of many samples": (children._samples, (500, 6000), {}),
    "eigenvectors over time": (children._samples, (1100, 1100), {}),
    "working set": (children.hard_problem, (), {}),
    "all locations": (children.hard_problem, (), {"active_set_size": None}),
    "FISTA": (children.hard_problem, (), {"solver": "fista"}),
}


@pytest.mark.parametrize(("make", "sizes", "options"), LIMITED.values(), ids=LIMITED)
@pytest.mark.parametrize("limit", [1e-9, 0.1])
def test_a_time_limit_ends_any_phase(
    make: Any, sizes: tuple[int, ...], options: dict[str, Any], limit: float
) -> None:
    """With a certificate that holds; X = 0 with the gap 1 where nothing was certified."""
    gain, data, alpha = make(*sizes)
    begin = time.process_time()
    found = mxne_rs.solve_mxne(gain, data, alpha, **{**ENDLESS, **options}, time_limit=limit)
    assert time.process_time() - begin < SOON
    assert found.status == "time_limit" and 0 <= found.gap <= 1
    power = 0.5 * float((data**2).sum())
    primal = reference.objective(gain, data, found.x, alpha) if found.sources.size else power
    assert found.primal == pytest.approx(primal, rel=1e-9)
    assert found.gap == pytest.approx((found.primal - found.dual) / power, abs=1e-9)
    if found.sources.size:
        assert reference.duality_gap(gain, data, found.x, alpha)[0] <= found.gap * (1 + 1e-9)
    if limit == 1e-9:
        assert (found.gap, found.sources.size, found.n_iter) == (1.0, 0, 0)


@pytest.mark.parametrize("verb", ["path", "batch", "sure", "irmxne"])
def test_a_time_limit_is_for_all_problems_together(verb: str) -> None:
    """Problems that are never begun are answered by X = 0 and a gap of 1."""
    gain, data, alpha = children.hard_problem()
    options = {**ENDLESS, "time_limit": 0.2, "n_threads": 2}
    alphas = [4 * alpha, 2 * alpha, alpha]
    begin = time.process_time()
    if verb == "path":
        found = list(mxne_rs.solve_path(gain, data, alphas, **options).solutions)
    elif verb == "batch":
        found = mxne_rs.solve_batch(gain, [data] * 12, alpha, **options)
    elif verb == "sure":
        found = [mxne_rs.solve_sure(gain, data, alphas, rng=0, **options)]
    else:
        found = [mxne_rs.solve_irmxne(gain, data, alpha, **options)]
    assert time.process_time() - begin < SOON
    assert {solution.status for solution in found} == {"time_limit"}
    assert all(solution.gap <= 1 for solution in found)


# --- threads -------------------------------------------------------------------------------------


def test_no_bit_depends_on_threads_or_repetition() -> None:
    """Of any verb."""
    gain, data, alpha = children.problem()
    found = {children.answers(gain, data, alpha, n) for n in (1, 2, 3, 8, 1, 2)}
    assert len(found) == 1


def test_eight_threads_on_one_gain_answer_as_one() -> None:
    """Every verb at once, on the threads of a shared pool; garbage is collected meanwhile."""
    gain, data, alpha = children.problem()
    prepared = mxne_rs.Gain(gain)
    expected = children.answers(prepared, data, alpha, 1)
    done = threading.Event()

    def collect() -> None:
        while not done.wait(0.001):
            gc.collect()

    collector = threading.Thread(target=collect)
    collector.start()
    try:
        with ThreadPoolExecutor(8) as pool:
            jobs = [pool.submit(children.answers, prepared, data, alpha, 2) for _ in range(16)]
            assert {job.result(timeout=60) for job in jobs} == {expected}
    finally:
        done.set()
        collector.join()


def test_data_may_be_overwritten_and_freed_while_it_is_solved() -> None:
    """The solve has its own copy, whatever the caller does to the array in another thread."""
    gain, data, alpha = children.hard_problem()
    options = {**ENDLESS, "max_iter": 3000}
    expected = mxne_rs.solve_mxne(gain, data, alpha, **options).x
    weights = np.ones(gain.shape[1])
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(mxne_rs.solve_mxne, gain, data, alpha, weights=weights, **options)
        time.sleep(0.05)
        running = job.running()
        data[...] = gain[...] = weights[...] = np.nan
        del data, gain, weights
        gc.collect()
        np.testing.assert_array_equal(job.result(timeout=60).x, expected)
    assert running


RACING = """
rng = np.random.default_rng(0)
gain = rng.standard_normal((100, 100_000))
done = threading.Event()
def write():
    while not done.is_set():
        gain[::7, 1::3] = np.nan
        gain[::7, 1::3] = 1.0
thread = threading.Thread(target=write)
thread.start()
outcomes = set()
for _ in range(10):
    try:
        mxne_rs.Gain(gain, 5)
        outcomes.add("Gain")
    except ValueError:
        outcomes.add("ValueError")
done.set()
thread.join()
print(len(outcomes))
"""


def test_a_gain_overwritten_while_it_is_prepared_is_no_crash() -> None:
    """A Gain or a refusal: which one is the caller's luck."""
    children.run(RACING).ended()


# --- processes -----------------------------------------------------------------------------------

FORKING = """
import multiprocessing
expected = {expected!r}
context = multiprocessing.get_context("fork")
def child():
    \"\"\"Another process solves; 0 where its answer is right.\"\"\"
    process = context.Process(target=lambda: os._exit(children.answer() != expected))
    process.start()
    process.join(20)
    if process.exitcode is None:
        process.kill()
        print("a child hangs")
        os._exit(1)
    return process.exitcode
"""
BEFORE_AND_AFTER = """
print(child(), children.answer() == expected, child(), child())
def grandchild():
    os._exit(child() if children.answer() == expected else 1)
process = context.Process(target=grandchild)
process.start()
process.join(40)
print(process.exitcode, children.answer() == expected)
"""
DURING = """
gain, data, alpha = children.problem()
done, wrong = threading.Event(), []
def solve():
    while not done.is_set():
        if children.answer() != expected:
            wrong.append(1)
threads = [threading.Thread(target=solve) for _ in range(3)]
for thread in threads:
    thread.start()
codes = {child() for _ in range(30)}
done.set()
for thread in threads:
    thread.join(20)
print(codes == {0}, not wrong, not any(thread.is_alive() for thread in threads))
"""


@unix
def test_fork_before_and_after_a_solve(expected: str) -> None:
    """Children and grandchildren have threads of their own: a pool does not survive a fork."""
    result = children.run(FORKING.format(expected=expected) + BEFORE_AND_AFTER).ended()
    assert result.out.split() == ["0", "True", "0", "0", "0", "True"], result


FIRST = """
gain, data, alpha = children.problem()
prepared, begun = mxne_rs.Gain(gain), threading.Event()
def first():
    begun.set()
    mxne_rs.alpha_max(prepared, data)
threading.Thread(target=first).start()
begun.wait()
time.sleep({delay})
pid = os.fork()
if pid == 0:
    signal.alarm(10)
    mxne_rs.alpha_max(prepared, data)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


@unix
def test_fork_while_other_threads_solve(expected: str) -> None:
    """At any moment, so also where another thread holds a lock: the child does not wait for it."""
    result = children.run(FORKING.format(expected=expected) + DURING).ended()
    assert result.out.split() == ["True"] * 3, result


@unix
def test_fork_while_another_thread_solves_for_the_first_time() -> None:
    """What is made once in a process is made when the package is imported."""
    for delay in (0.0, 0.0002, 0.0005, 0.001, 0.0015, 0.002, 0.003, 0.005):
        assert children.run(FIRST.format(delay=delay)).ended().out == "0\n", delay


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


@unix
def test_a_signal_handler_may_fork(expected: str) -> None:
    """The child is born in the midst of a solve of its own thread, and solves."""
    options = {"max_iter": 20_000, "n_threads": 2}
    code = FORKED_IN_A_SOLVE.replace("{options}", repr(options)).replace("expected", repr(expected))
    result = children.run(code).ended()
    assert result.out.split() == ["True"] * 2, result


SPAWNING = """
import multiprocessing
context = multiprocessing.get_context({method!r})
gain = mxne_rs.Gain(children.problem()[0])
thread = threading.Thread(target=lambda: print(children.answer() == {expected!r}))
thread.start()
with context.Pool(2) as pool:
    jobs = [pool.apply_async(children.answer_of, (gain,)) for _ in range(4)]
    print({{job.get(timeout=40) for job in jobs}} == {{{expected!r}}})
    gain, data, alpha = children.problem()
    solution = pool.apply(mxne_rs.solve_mxne, (gain, data, alpha))
    print(children.digest(solution.x) == {expected!r})
thread.join()
"""


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_gains_and_solutions_travel_between_processes(method: str, expected: str) -> None:
    """By fork, spawn and a fork server, while this process solves."""
    result = children.run(SPAWNING.format(method=method, expected=expected)).ended()
    assert result.out.split() == ["True"] * 3, result


def test_a_pickled_gain_answers_to_the_bit() -> None:
    """As do Solutions as starting points."""
    gain, data, alpha = children.problem()
    prepared = mxne_rs.Gain(gain, 3)
    copy = pickle.loads(pickle.dumps(prepared))
    one = mxne_rs.solve_mxne(prepared, data, alpha)
    two = pickle.loads(pickle.dumps(mxne_rs.solve_mxne(copy, data, alpha)))
    np.testing.assert_array_equal(one.x, two.x)
    warm = [mxne_rs.solve_mxne(copy, data, 0.9 * alpha, init=init).x for init in (one, two)]
    np.testing.assert_array_equal(*warm)


# --- what a process may lack ---------------------------------------------------------------------

SMALL_STACK = """
threading.stack_size({size} * 1024)
gain, data, alpha = children.problem()
out = []
def work(n_threads):
    out.append(children.answers(gain, data, alpha, n_threads))
def control(_):
    np.linalg.svd(np.random.default_rng(0).standard_normal((30, 30)))
def on_small_stack(target, *arguments):
    thread = threading.Thread(target=target, args=arguments)
    thread.start()
    thread.join()
on_small_stack(control, 0)
print("control", flush=True)
for n_threads in (1, 2):
    on_small_stack(work, n_threads)
print(len(out), len(set(out)) == 1, children.answers(gain, data, alpha) == out[0])
"""


@unix
@pytest.mark.parametrize("size", [64, 128, 256])
def test_a_small_stack(size: int) -> None:
    """Of the calling thread: what is large is not on it."""
    result = children.run(SMALL_STACK.format(size=size))
    if result.out == "":
        pytest.skip(f"NumPy itself does not run on a stack of {size} KiB")
    assert result.ended().out.split() == ["control", "2", "True", "True"], result


NO_THREADS = """
import resource
children.problem()  # NumPy loads modules late
{first}
if os.getuid() == 0:
    import pwd
    nobody = pwd.getpwnam("nobody").pw_uid
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    os.setuid(nobody)
else:
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
try:
    threading.Thread(target=int).start()
    print("not limited")
except RuntimeError:
    gain, data, alpha = children.problem()
    print(children.answer(), children.answers(gain, data, alpha, 8))
"""


@unix
@pytest.mark.parametrize("first", ["", "children.answer()"], ids=["at first", "after a solve"])
def test_where_no_thread_can_be_had(first: str, expected: str) -> None:
    """The work is done on the calling thread."""
    result = children.run(NO_THREADS.format(first=first)).ended()
    if result.out.strip() == "not limited":
        pytest.skip("RLIMIT_NPROC does not bind here")
    assert result.out.split() == [expected, children.answers(*children.problem(), 1)], result


def test_nonsense_in_rayon_num_threads(expected: str) -> None:
    """Is as good as nothing; as is asking for more threads than a system has."""
    values = ["0", "-3", "abc", "1e9", "100000", "99999999999999999999", "", " 2 ", "\u0662"]
    code = "print(children.answer(0), len(os.listdir('/proc/self/task')) < 200)"
    if not Path("/proc/self/task").exists():
        code = "print(children.answer(0), True)"
    started = [children.start(code, env={"RAYON_NUM_THREADS": value}) for value in values]
    results = [children.finish(process).ended() for process in started]
    assert [result.out.split() for result in results] == [[expected, "True"]] * len(values)


OUT_OF_MEMORY = """
import resource
gain, data, alpha = children.problem(100_000)
gain, data = gain[:20].copy(), data[:20].copy()
prepared = mxne_rs.Gain(gain)
alpha = mxne_rs.alpha_max(prepared, data)
x = np.ones((100_000, 20))
options = dict(n_threads=1, verbose=False, max_iter=10)
everywhere = dict(options, active_set_size=None)
verbs = dict(
    prepare=lambda: mxne_rs.Gain(gain).lipschitz,
    solve=lambda: mxne_rs.solve_mxne(prepared, data, 0.5 * alpha, **options).sources,
    all=lambda: mxne_rs.solve_mxne(prepared, data, 0.7 * alpha, **everywhere).sources,
    fista=lambda: mxne_rs.solve_mxne(
        prepared, data, 0.7 * alpha, solver="fista", **everywhere).sources,
    irmxne=lambda: mxne_rs.solve_irmxne(prepared, data, 0.5 * alpha, **options).sources,
    path=lambda: mxne_rs.solve_path(
        prepared, data, [alpha, 0.5 * alpha], **options).solutions[1].sources,
    batch=lambda: mxne_rs.solve_batch(prepared, [data] * 2, 0.5 * alpha, **options)[1].sources,
    alpha_max=lambda: mxne_rs.alpha_max(prepared, data),
    gap=lambda: mxne_rs.duality_gap(prepared, data, x, alpha),
)
def used():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()
def attempt(work, room):
    pid = os.fork()
    if pid == 0:
        resource.setrlimit(resource.RLIMIT_AS, (used() + room,) * 2)
        try:
            os._exit(0 if children.digest(work()) == expected else 2)
        except MemoryError:
            os._exit(1)
        except BaseException as error:
            os.write(2, repr(error).encode())
            os._exit(3)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
work = verbs[{verb!r}]
expected = children.digest(work())
# From what the packing of a product may take, whatever its size, to more than is needed.
print(*[attempt(work, round(3e6 * 1.3**k)) for k in range(18)])
"""
VERBS = ["prepare", "solve", "all", "fista", "irmxne", "path", "batch", "alpha_max", "gap"]


@linux
@pytest.mark.parametrize("verb", VERBS)
def test_too_little_memory_is_an_error(verb: str) -> None:
    """MemoryError, and never an abort or another answer, wherever in the call memory ends."""
    result = children.run(OUT_OF_MEMORY.format(verb=verb))
    codes = [int(code) for code in result.out.split()]
    assert result.code == 0 and set(codes) <= {0, 1} and codes[-1] == 0, result
    assert not any(word in result.err for word in children.DISASTERS), result


# --- the end of an interpreter -------------------------------------------------------------------

DAEMON = """
begun = threading.Event()
def work():
    job = {job}
    begun.set()
    while True:
        try:
            job()
        except Exception:
            pass
threading.Thread(target=work, daemon=True).start()
begun.wait()
time.sleep(0.3)
# When Python has ended the process still waits for the parent, and the thread goes on.
if os.name == "posix":
    import ctypes
    library = ctypes.CDLL(None)
    getattr(library, "__cxa_atexit")(library.getchar, None, None)
print("ends", flush=True)
{end}
"""
JOBS = {
    "a solve": "children.PHASES['epochs on a working set']()",
    "a preparation": "children.PHASES['prepare C order']()",
    "a batch": "children.PHASES['batch on two threads']()",
    "a rotation": "children.PHASES['rotate many samples']()",
    "many solves": "children.answer",
    # So long without a look at the interpreter that it is gone at the next.
    "long steps": "children._solve(children._samples(150, 1000), max_iter=1)",
}
ENDS = {
    "return": ("", 0),
    "sys.exit": ("sys.exit(3)", 3),
    "os._exit": ("os._exit(4)", 4),
    "an exception": ("raise ZeroDivisionError", 1),
}


@pytest.mark.parametrize("job", JOBS)
def test_exit_while_a_daemon_thread_solves(job: str) -> None:
    """The process ends at once, as it was asked to, and without a word."""
    started = {
        end: children.start(DAEMON.format(job=JOBS[job], end=how), stdin=subprocess.PIPE)
        for end, (how, _) in ENDS.items()
    }
    try:
        for process in started.values():
            assert process.stdout and process.stdout.readline() == "ends\n"
        # Long enough for a thread to come back from a solve to where the interpreter was.
        time.sleep(2)
        results = {end: children.finish(process, 30) for end, process in started.items()}
    finally:
        for process in started.values():
            process.kill()
    for end, (_, code) in ENDS.items():
        result = results[end].ended(code)
        assert result.seconds < 1 + SOON and (result.err == "" or code == 1), (end, result)


def test_exit_between_the_solves_of_several_threads() -> None:
    """Threads that come back from a solve just then find no interpreter, and do no harm."""
    code = """
for _ in range(6):
    threading.Thread(target=lambda: [children.answer() for _ in range(10**6)], daemon=True).start()
time.sleep(0.2)
"""
    for _ in range(4):
        result = children.run(code, timeout=30).ended()
        assert result.seconds < 3 + SOON, result


AT_EXIT = """
import sys
sys.path.insert(0, {folder!r})
import atexit, threading, time, warnings
{before}
import children, mxne_rs
{after}
def last():
    try:
        print("right" if children.answer() == {expected!r} else "wrong", flush=True)
    except RuntimeError as error:
        print(f"RuntimeError: {{error}}", flush=True)
"""
LAST = "atexit.register(lambda: last())"
BUSY = "\nthreading.Thread(target=children._solve(children.hard_problem()), daemon=True).start()"


@pytest.mark.parametrize(
    ("before", "after"),
    [("", LAST), (LAST, ""), ("", LAST + BUSY), (LAST, BUSY)],
    ids=["after the import", "before it", "after it, busy", "before it, busy"],
)
def test_a_solve_in_an_atexit_handler(before: str, after: str, expected: str) -> None:
    """Is answered where the handler is younger than the import of the package; else it may be
    refused, in words."""
    code = AT_EXIT.format(folder=children.FOLDER, before=before, after=after, expected=expected)
    result = children.run(code, prelude="", timeout=30).ended()
    if after.startswith(LAST):
        assert result.out == "right\n", result
    assert result.out == "right\n" or "shutting down" in result.out, result


def test_a_solve_in_a_destructor_at_exit() -> None:
    """When modules are being taken apart it may fail, but nothing crashes."""
    code = """
class Late:
    def __init__(self):
        self.gain, self.solve = mxne_rs.Gain(np.eye(30)), mxne_rs.solve_mxne
    def __del__(self):
        self.solve(self.gain, np.eye(30), 0.5)
late = Late()
late.itself = late
"""
    children.run(code).ended()


# --- streams -------------------------------------------------------------------------------------

STREAMS = {
    "closed fds": "os.close(0); os.close(1); os.close(2)",
    "None": "sys.stdin = sys.stdout = sys.stderr = None",
    "closed files": "sys.stdout.close(); sys.stderr.close()",
    "a broken pipe": "r, w = os.pipe(); os.dup2(w, 1); os.dup2(w, 2); os.close(r); os.close(w)",
    "a full disk": "f = os.open('/dev/full', os.O_WRONLY); os.dup2(f, 1); os.dup2(f, 2)",
}
WITHOUT_STREAMS = """
{how}
problem = children.hard_problem()
options = dict(tol=1e-300, max_iter=3000, verbose={verbose})
try:
    found = mxne_rs.solve_mxne(*problem, **options)
    batch = mxne_rs.solve_batch(problem[0], [problem[1]] * 2, problem[2], **options)
    same = all((one.x == found.x).all() for one in batch)
    text = f"{{found.n_iter}} {{same}}"
except BaseException as error:
    text = repr(error)
with open({path!r}, "w") as file:
    file.write(text)
os._exit(0)
"""


@unix
@pytest.mark.parametrize("verbose", [True, None])
@pytest.mark.parametrize("how", STREAMS)
def test_streams_that_cannot_be_written(how: str, verbose: Any, tmp_path: Path) -> None:
    """Take the progress line away, and nothing else."""
    if how == "a full disk" and not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    path = tmp_path / "found"
    code = WITHOUT_STREAMS.format(how=STREAMS[how], verbose=verbose, path=str(path))
    result = children.run(code)
    assert result.code == 0 and path.read_text() == "3000 True", (path.read_text(), result)


# --- subinterpreters -----------------------------------------------------------------------------

SUBINTERPRETERS = """
try:
    import _interpreters as module
except ImportError:
    try:
        import _xxsubinterpreters as module
    except ImportError:
        print("no subinterpreters")
        sys.exit()
for _ in range(3):
    interpreter = module.create({config})
    outcome = module.run_string(interpreter, {code!r})
    assert outcome is None, outcome
    module.destroy(interpreter)
"""
INSIDE = f"""
import importlib.util, sys, warnings
warnings.simplefilter("ignore")
sys.path[:] = {sys.path!r}
try:
    WORK
except ImportError as error:
    print("ImportError:", *str(error).split(), flush=True)
"""
WHOLE = """
    import numpy, mxne_rs
    x = mxne_rs.solve_mxne(numpy.eye(3), 2 * numpy.eye(3), 1.0).x
    print("works" if abs(x - numpy.eye(3)).max() < 1e-6 else "wrong", flush=True)
"""
#: Where NumPy refuses, the compiled module is asked all the same.
COMPILED = f"""
    spec = importlib.util.spec_from_file_location("mxne_rs._core", {mxne_rs._core.__file__!r})
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    print("works" if module.__version__ == {mxne_rs.__version__!r} else "wrong", flush=True)
"""
#: With a lock of its own, where Python has that, and with the one that all share.
configs = pytest.mark.parametrize(
    "config", ["", "'legacy'" if sys.version_info >= (3, 13) else "isolated=False"]
)
works = pytest.mark.parametrize("work", [WHOLE, COMPILED], ids=["package", "compiled module"])


def in_subinterpreters(work: str, config: str, prelude: str, last: str) -> list[str]:
    """What three of them print, one after the other, and the main one last."""
    code = SUBINTERPRETERS.format(config=config, code=INSIDE.replace("WORK", work.strip()))
    result = children.run(code + last, prelude=prelude).ended()
    if result.out.strip() == "no subinterpreters":
        pytest.skip("this Python has no module for subinterpreters")
    lines = result.out.splitlines()
    assert len(lines) >= 3, result
    assert all(line == "works" or line.startswith("ImportError: ") for line in lines[:3]), result
    return lines


@newer
@configs
@works
def test_a_subinterpreter_beside_the_main_one(work: str, config: str, expected: str) -> None:
    """Works, or is refused by an ImportError that says why; the main one goes on."""
    last = f"print(children.answer() == {expected!r})"
    assert in_subinterpreters(work, config, children.PRELUDE, last)[3:] == ["True"]


@newer
@configs
@works
def test_subinterpreters_without_a_main_one(work: str, config: str) -> None:
    """The first may work; so do the others, or they are refused by an ImportError."""
    assert len(in_subinterpreters(work, config, "import sys\n", "")) == 3


# --- memory --------------------------------------------------------------------------------------

PEAK = """
def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) * 1024
rng = np.random.default_rng(0)
children.answers(*children.problem())
gain = np.empty((15_000, 306) if {order!r} == "F" else (306, 15_000))
rng.standard_normal(out=gain)
if {order!r} == "F":
    gain = gain.T
data = gain[:, :4] @ rng.standard_normal((4, {n_times}))
data += rng.standard_normal(data.shape)
before = peak()
prepared = mxne_rs.Gain(gain, 3)
made = peak()
alpha = 0.3 * mxne_rs.alpha_max(prepared, data)
found = mxne_rs.solve_irmxne(prepared, data, alpha, n_threads=2)
after = peak()
print((made - before) / gain.nbytes, (after - before) / gain.nbytes, found.converged)
"""


@linux
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("n_times", [40, 300])
def test_memory_beyond_the_gain(order: str, n_times: int) -> None:
    """Preparing and solving take at most 1.2 times the gain more, in either order."""
    result = children.run(PEAK.format(order=order, n_times=n_times)).ended()
    made, after, converged = result.out.split()
    assert converged == "True" and 0.5 < float(made) <= float(after) < 1.2, result


GROWTH = """
import gc, resource
gain, data, _ = children.problem(60, 8)
gain, data = gain[:20].copy(), np.ascontiguousarray(data[:20])
alpha = 0.7 * mxne_rs.alpha_max(gain, data)
prepared = mxne_rs.Gain(gain)
def failing():
    for bad in (dict(alpha=-1.0), dict(weights=np.zeros(60)), dict(init=data)):
        try:
            mxne_rs.solve_mxne(prepared, data, **dict(dict(alpha=1.0), **bad))
        except ValueError:
            continue
        raise AssertionError("accepted")
hard = children.hard_problem()
hard = mxne_rs.Gain(hard[0]), hard[1], hard[2]
class Enough(Exception):
    pass
def handler(*_):
    raise Enough
signal.signal(signal.SIGALRM, handler)
def interrupted():
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.001)
        mxne_rs.solve_mxne(*hard, **children.ENDLESS)
    except Enough:
        return
    raise AssertionError("not interrupted")
work = dict(
    solve=lambda: mxne_rs.solve_mxne(prepared, data, alpha),
    irmxne=lambda: mxne_rs.solve_irmxne(prepared, data, alpha),
    path=lambda: mxne_rs.solve_path(prepared, data, [alpha, 0.9 * alpha]),
    batch=lambda: mxne_rs.solve_batch(prepared, [data, data], alpha, n_threads=2),
    prepare=lambda: mxne_rs.Gain(gain, 3),
    failing=failing,
    interrupted=interrupted,
)[{kind!r}]
def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
for _ in range({warm}):
    work()
before = resident()
for _ in range({count}):
    work()
print(resident() - before)
"""
#: Calls before and after the first look at memory, and the growth (bytes) that is too much.
GROWING = {
    "solve": (2000, 10_000, 500_000),
    "irmxne": (1000, 2000, 500_000),
    "path": (1000, 2000, 500_000),
    "batch": (500, 2000, 500_000),
    "prepare": (2000, 10_000, 500_000),
    "failing": (1000, 4000, 500_000),
    # Each has a working set of some 100 kB when it is stopped.
    "interrupted": (20, 60, 2_000_000),
}


@linux
@pytest.mark.parametrize("kind", GROWING)
def test_memory_does_not_grow(kind: str) -> None:
    """Whatever is done again and again: 50 bytes a solve would be seen."""
    warm, count, allowed = GROWING[kind]
    result = children.run(GROWTH.format(kind=kind, warm=warm, count=count)).ended()
    assert int(result.out) < allowed, result


# --- what a solve does not do --------------------------------------------------------------------

AUDITED = """
from concurrent.futures import ThreadPoolExecutor
gain, data, alpha = children.problem()
ThreadPoolExecutor(1).submit(children.answers, gain, data, alpha, 2).result()
seen = []
sys.addaudithook(lambda event, _: seen.append(event))
children.answers(mxne_rs.Gain(gain), data, alpha, 2)
outside = ("open", "socket.", "subprocess.", "os.", "shutil.", "tempfile.", "ctypes.", "import")
found = [event for event in seen if event.startswith(outside)]
open(os.devnull).close()
print(found, "open" in seen)
"""


def test_a_solve_touches_nothing_outside_of_its_memory() -> None:
    """No file, socket, process or environment: Python's own audit hooks see none."""
    assert children.run(AUDITED).ended().out.split() == ["[]", "True"]
