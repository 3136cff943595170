"""Memory: how much a solve takes, and that it does not grow."""

from __future__ import annotations

import pytest

import children
from marks import proc, signals, slow_but

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


@proc
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("n_times", slow_but([40, 300], 40))
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


@proc
@signals
@pytest.mark.parametrize("kind", slow_but(GROWING, "solve", "interrupted"))
def test_memory_does_not_grow(kind: str) -> None:
    """Whatever is done again and again: 50 bytes a solve would be seen."""
    warm, count, allowed = GROWING[kind]
    result = children.run(GROWTH.format(kind=kind, warm=warm, count=count)).ended()
    assert int(result.out) < allowed, result
