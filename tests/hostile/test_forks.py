"""Forks and spawned processes: every one answers as the first."""

from __future__ import annotations

import multiprocessing
import pickle

import numpy as np
import pytest

import children
import mxne_rs
from marks import fork

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


@fork
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


@fork
def test_fork_while_other_threads_solve(expected: str) -> None:
    """At any moment, so also where another thread holds a lock: the child does not wait for it."""
    result = children.run(FORKING.format(expected=expected) + DURING).ended()
    assert result.out.split() == ["True"] * 3, result


@fork
def test_fork_while_another_thread_solves_for_the_first_time() -> None:
    """What is made once in a process is made when the package is imported."""
    for delay in (0.0, 0.0002, 0.0005, 0.001, 0.0015, 0.002, 0.003, 0.005):
        assert children.run(FIRST.format(delay=delay)).ended().out == "0\n", delay


SPAWNING = """
import multiprocessing
context = multiprocessing.get_context({method!r})
gain = mxne_rs.Gain(children.problem()[0])
thread = threading.Thread(target=lambda: print(children.answer() == {expected!r}))
thread.start()
with context.Pool(2) as pool:
    jobs = [pool.apply_async(children.answer_of, (gain,)) for _ in range(4)]
    print({{job.get(timeout=600) for job in jobs}} == {{{expected!r}}})
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
