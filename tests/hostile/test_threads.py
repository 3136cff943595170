"""Threads and time limits: no bit depends on the first, every phase ends by the second."""

from __future__ import annotations

import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import children
import mxne_rs
import reference
from children import ENDLESS, SOON

pytestmark = [
    pytest.mark.filterwarnings("ignore::mxne_rs.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:SURE "),
]


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
            assert {job.result(timeout=600) for job in jobs} == {expected}
    finally:
        done.set()
        collector.join()


def test_data_may_be_overwritten_and_freed_while_it_is_solved() -> None:
    """The solve has its own copy, whatever the caller does to the array in another thread."""
    gain, data, alpha = children.hard_problem()
    options = {**ENDLESS, "max_iter": 5000, "solver": "fista"}
    expected = mxne_rs.solve_mxne(gain, data, alpha, **options).x
    weights = np.ones(gain.shape[1])
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(mxne_rs.solve_mxne, gain, data, alpha, weights=weights, **options)
        time.sleep(0.05)
        running = job.running()
        data[...] = gain[...] = weights[...] = np.nan
        del data, gain, weights
        gc.collect()
        np.testing.assert_array_equal(job.result(timeout=600).x, expected)
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
