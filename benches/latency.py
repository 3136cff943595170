"""How soon a signal and a time limit are answered, how long other threads wait, how much memory.

    python benches/latency.py [--quick] [--only PART]

Prints one table: median and worst of each, the worst of the same measured beside it on work that
is none (a loop in Python, or sleep): what the machine itself does, and the target. A line is met
where the worst, less that of the machine, is within the target. PART is one of signals, limits,
stalls, memory.
"""

from __future__ import annotations

import argparse
import itertools
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import mxne_rs

Work = Callable[[], Any]
ENDLESS: dict[str, Any] = {"tol": 1e-300, "max_iter": 10**9, "verbose": False}
SENSORS, COLUMNS = 306, 22_494
#: Seconds allowed.
SIGNAL, LIMIT, STALL = 0.2, 0.05, 0.05
#: The peak beyond the input, in units of the gain.
MEMORY = 1.2
#: Time limits asked for, seconds.
LIMITED = (0.001, 0.02, 0.1, 0.3)


class Row(NamedTuple):
    """One line of the table; `unit` is how many of it are one of what was measured."""

    what: str
    samples: list[float]
    target: float
    noise: list[float]
    unit: str = "ms"


def arrays(n_sensors: int, n_columns: int, n_times: int, order: Any = "C") -> tuple[Any, Any]:
    """A gain, and noise of full rank."""
    rng = np.random.default_rng(0)
    gain = np.asarray(rng.standard_normal((n_sensors, n_columns)), order=order)
    return gain, rng.standard_normal((n_sensors, n_times))


def prepared(n_times: int, n_sensors: int = SENSORS, n_columns: int = COLUMNS) -> Any:
    """Gain of free orientation, data, and a low alpha."""
    array, data = arrays(n_sensors, n_columns, n_times)
    gain = mxne_rs.Gain(array, 3 if n_columns % 3 == 0 else 1)
    return gain, data, 0.05 * mxne_rs.alpha_max(gain, data)


# --- signals -------------------------------------------------------------------------------------


class Answered(Exception):
    """Raised by the handler."""


def _raise(*_: object) -> None:
    raise Answered


def signal_latency(work: Work, delay: float) -> float | None:
    """Seconds from alarm to exception in the caller; None where the work was done before."""
    signal.signal(signal.SIGALRM, _raise)
    begin = time.perf_counter()
    try:
        signal.setitimer(signal.ITIMER_REAL, delay)
        work()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except Answered:
        return max(0.0, time.perf_counter() - begin - delay)
    return None


def duration(work: Work, most: float) -> float:
    """Seconds of the work where nothing stops it, or `most`."""
    begin = time.perf_counter()
    signal_latency(work, most)
    return min(most, time.perf_counter() - begin)


def signal_phases() -> Iterator[tuple[str, Work, float]]:
    """(name, work, the time after which it is stopped at the latest)."""
    for order, dtype in (("C", "f8"), ("F", "f8"), ("C", "f4"), ("F", "f4")):
        # Large enough to have a middle: 100 000 columns.
        gain = arrays(SENSORS, 99_999, 1, order)[0].astype(dtype, order="K")
        yield f"Gain, {order} order, {dtype}", lambda g=gain: mxne_rs.Gain(g, 3), 2
    gain = arrays(50, 60 * 300, 1)[0]
    yield "Gain, 60 orientations", lambda: mxne_rs.Gain(gain, 60), 2
    wide, data, alpha = prepared(1000)
    options: dict[str, Any] = {**ENDLESS, "n_threads": 1}

    def solve(verb: Any = mxne_rs.solve_mxne, made: Any = (wide, data, alpha), **more: Any) -> Work:
        return lambda: verb(*made, **{**options, **more})

    yield "first product (alpha_max), n_times 1000", lambda: mxne_rs.alpha_max(wide, data), 2
    dense = np.ones((COLUMNS, 200)), data[:, :200].copy()
    yield "duality_gap, dense X", lambda: mxne_rs.duality_gap(wide, dense[1], dense[0], alpha), 2
    long = arrays(500, 10, 4000)
    yield "rotation, 500 x 4000", solve(made=(mxne_rs.Gain(long[0]), long[1], 100.0)), 5
    yield "working set, n_times 1000", solve(), 3
    yield "all locations, n_times 1000", solve(active_set_size=None), 5
    yield "FISTA, working set", solve(solver="fista"), 3
    yield "FISTA, all locations", solve(solver="fista", active_set_size=None), 5
    yield "irMxNE, one round long", solve(mxne_rs.solve_irmxne), 3
    few = prepared(20)
    quick = {"tol": 1e-3, "n_reweights": 10**6, "tol_reweight": 0}
    yield "irMxNE, rounds", solve(mxne_rs.solve_irmxne, (*few[:2], 8 * few[2]), **quick), 3
    small = prepared(5, 60, 999)
    grid = np.linspace(20 * small[2], 4 * small[2], 100_000)
    once = {"tol": 1e-6, "max_iter": 1000}
    yield "solve_path, short", solve(mxne_rs.solve_path, (*small[:2], grid), **once), 1
    yield "solve_path, long", solve(mxne_rs.solve_path, (wide, data, [2 * alpha, alpha])), 3
    many = (wide, [data] * 4, alpha)
    yield "solve_batch, 2 threads", solve(mxne_rs.solve_batch, many, n_threads=2), 3
    crowd = (small[0], [small[1]] * 50_000, 5 * small[2])
    yield "solve_batch, short", solve(mxne_rs.solve_batch, crowd, n_threads=2, **once), 1
    sure = {"rng": 0, **once}
    yield "solve_sure, short", solve(mxne_rs.solve_sure, (*small[:2], grid), **sure), 1
    yield "solve_sure, long", solve(mxne_rs.solve_sure, (wide, data, [alpha]), rng=0), 3
    ones = np.ones((few[0].shape[1], 20))
    ones[600:] = 0
    yield "debias, 600 sources", lambda: mxne_rs.debias(few[0], few[1], ones), 2


def spin(seconds: float = 1.0, **limit: Any) -> None:
    """Work that answers at once: what delays it is the machine."""
    end = time.perf_counter() + limit.get("time_limit", seconds)
    while time.perf_counter() < end:
        pass


def signals(repeats: int) -> Iterator[Row]:
    """The phases, stopped at points all over them."""
    for name, work, most in signal_phases():
        whole = duration(work, most)
        points = (np.arange(repeats) + 0.5) / repeats * whole
        found = [signal_latency(work, max(point, 1e-4)) for point in points]
        noise = [signal_latency(spin, 0.03) for _ in range(repeats)]
        answered, alone = ([s for s in some if s is not None] for some in (found, noise))
        yield Row(f"signal: {name}", answered, SIGNAL, alone)


# --- time limits ---------------------------------------------------------------------------------

STRATEGIES: dict[str, dict[str, Any]] = {
    "working set": {},
    "all locations": {"active_set_size": None},
    "FISTA, all": {"active_set_size": None, "solver": "fista"},
}


def overruns(
    verb: Callable[..., Any], repeats: int, *arguments: Any, **options: Any
) -> list[float]:
    """Seconds beyond each limit, again and again."""
    found = []
    for limit in LIMITED * repeats:
        begin = time.perf_counter()
        verb(*arguments, **ENDLESS, **options, time_limit=limit)
        found.append(max(0.0, time.perf_counter() - begin - limit))
    return found


def limits(repeats: int) -> Iterator[Row]:
    """Overruns by size, samples and strategy, over four limits."""
    sizes = ((60, 999), (150, 4998), (SENSORS, COLUMNS))
    for (n_sensors, n_columns), n_times in itertools.product(sizes, (1, 20, 200, 1000)):
        made = prepared(n_times, n_sensors, n_columns)
        for name, options in STRATEGIES.items():
            found = overruns(mxne_rs.solve_mxne, repeats, *made, **options)
            what = f"limit: {n_sensors} x {n_columns}, n_times {n_times}, {name}"
            yield Row(what, found, LIMIT, overruns(spin, repeats))
    gain, data, alpha = prepared(200)
    verbs: dict[str, tuple[Callable[..., Any], Any, Any, dict[str, Any]]] = {
        "solve_irmxne": (mxne_rs.solve_irmxne, data, alpha, {}),
        "solve_path": (mxne_rs.solve_path, data, [2 * alpha, alpha], {}),
        "solve_batch": (mxne_rs.solve_batch, [data] * 8, alpha, {"n_threads": 2}),
        "solve_sure": (mxne_rs.solve_sure, data, [alpha], {"rng": 0}),
    }
    for name, (verb, sets, alphas, options) in verbs.items():
        found = overruns(verb, repeats, gain, sets, alphas, **options)
        yield Row(
            f"limit: {name}, {SENSORS} x {COLUMNS}, n_times 200",
            found,
            LIMIT,
            overruns(spin, repeats),
        )


# --- other threads -------------------------------------------------------------------------------


def longest_stall(work: Work, most: float) -> float:
    """Longest wait, beyond the millisecond it asks for, of a thread while the work is done."""
    ticks, done = [time.perf_counter()], threading.Event()

    def tick() -> None:
        while not done.is_set():
            time.sleep(0.001)
            ticks.append(time.perf_counter())

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    signal_latency(work, most)
    ticks.append(time.perf_counter())
    done.set()
    thread.join()
    return float(np.diff(ticks).max()) - 0.001


def stalls(repeats: int) -> Iterator[Row]:
    """The phases again, each for two seconds at most."""
    for name, work, most in signal_phases():
        found = [longest_stall(work, min(most, 2)) for _ in range(min(repeats, 3))]
        noise = [longest_stall(lambda: time.sleep(1), 2) for _ in found]
        yield Row(f"stall: {name}", found, STALL, noise)


# --- memory --------------------------------------------------------------------------------------

CHILD = """
import sys, warnings, numpy as np, mxne_rs
warnings.simplefilter("ignore")
order, n_times, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
def peak():
    # Not ru_maxrss, which a child inherits from its parent.
    try:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) * 1024
    except OSError:
        import resource
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
rng = np.random.default_rng(0)
small = rng.standard_normal((20, 60))
mxne_rs.solve_mxne(small, small[:, :3], 1.0)
gain = np.empty((22494, 306) if order == "F" else (306, 22494))
rng.standard_normal(out=gain)
gain = gain.T if order == "F" else gain
data = 3 * gain[:, :5] @ rng.standard_normal((5, n_times)) + rng.standard_normal((306, n_times))
before = peak()
prepared = mxne_rs.Gain(gain, 3)
alpha = 0.3 * mxne_rs.alpha_max(prepared, data)
mxne_rs.solve_irmxne(prepared, data, alpha, n_threads=threads)
print((peak() - before) / gain.nbytes)
"""


def memory(_: int) -> Iterator[Row]:
    """Peak of a process that prepares a gain and solves, beyond what it had with the gain made."""
    for order, n_times, threads in itertools.product("CF", (1, 60, 300), (1, 2)):
        command = [sys.executable, "-c", CHILD, order, str(n_times), str(threads)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        what = f"memory: {order} order, n_times {n_times}, {threads} threads"
        yield Row(what, [float(done.stdout)], MEMORY, [0.0], "gains")


# --- the table -----------------------------------------------------------------------------------

PARTS = {"signals": signals, "limits": limits, "stalls": stalls, "memory": memory}


def show(row: Row) -> bool:
    """Print a line; whether the target was reached."""
    scale = 1e3 if row.unit == "ms" else 1.0
    if not row.samples:
        print(f"| {row.what} | done before it could be measured | | | | |", flush=True)
        return True
    three = np.median(row.samples), max(row.samples), max(row.noise)
    median, worst, noise = (scale * float(value) for value in three)
    kept = worst - noise <= scale * row.target
    verdict = "yes" if kept else "**no**"
    digits = 1 if row.unit == "ms" else 2
    numbers = " | ".join(f"{value:.{digits}f}" for value in (median, worst, noise))
    print(f"| {row.what} | {numbers} | {scale * row.target:g} {row.unit} | {verdict} |", flush=True)
    return kept


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="three repeats")
    parser.add_argument("--only", choices=PARTS, help="one part of the table")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    begin = time.perf_counter()
    print("| what | median | worst | the machine alone, worst | target | reached |")
    print("|---|---|---|---|---|---|")
    parts = [PARTS[options.only]] if options.only else PARTS.values()
    repeats = 3 if options.quick else options.repeats
    kept = [show(row) for part in parts for row in part(repeats)]
    print(f"\n{sum(kept)} of {len(kept)} met; {(time.perf_counter() - begin) / 60:.1f} minutes")


if __name__ == "__main__":
    main()
