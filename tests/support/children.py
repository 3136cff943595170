"""Snippets in processes of their own, and the workloads that they run.

Imported by the tests and by the children themselves: whatever a snippet needs is found from any
working directory. Only NumPy and the package are imported here.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import mxne_rs

FOLDER = os.path.dirname(os.path.abspath(__file__))
PRELUDE = f"""
import sys, warnings
sys.path.insert(0, {FOLDER!r})
import os, signal, threading, time
import numpy as np
import mxne_rs, children
warnings.simplefilter("ignore")
"""
#: Seconds after which a child hangs: many times what a busy machine takes.
LIMIT = 600
#: What no process may ever print: the words of Rust, of Python and of the C library at their end.
DISASTERS = (
    "panicked", "PanicException", "Fatal Python error", "fatal runtime error", "Segmentation fault",
    "terminate called", "memory allocation of", "aborting", "internal error in mxne_rs",
)  # fmt: skip


class Result:
    """How a child ended."""

    def __init__(self, code: int | None, out: str, err: str, seconds: float) -> None:
        self.code, self.out, self.err, self.seconds = code, out, err, seconds

    def __repr__(self) -> str:
        ending = "was still running" if self.code is None else f"ended with {self.code}"
        return f"{ending} after {self.seconds:.1f} s\nstdout: {self.out}\nstderr: {self.err}"

    def ended(self, code: int = 0) -> Result:
        """Itself, where the child ended with this code and without a word of disaster."""
        assert self.code == code, self
        assert not any(word in self.err + self.out for word in DISASTERS), self
        return self


def start(code: str, *, prelude: str = PRELUDE, **options: Any) -> subprocess.Popen[str]:
    """Start an interpreter on the code; its working directory holds nothing of ours."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", **options.pop("env", {})}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", prelude + code], text=True, env=environment,
        **{"cwd": tempfile.gettempdir(), "stdout": pipe, "stderr": pipe, **options},
    )  # fmt: skip


def finish(process: subprocess.Popen[str], timeout: float = LIMIT) -> Result:
    """How the child ended, or that it had to be killed."""
    begin = time.perf_counter()
    try:
        out, err = process.communicate(timeout=timeout)
        code: int | None = process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        # A grandchild that hangs may hold the pipes for ever: take what there is, and go on.
        try:
            out, err = process.communicate(timeout=2)
        except subprocess.TimeoutExpired as error:
            out, err = (str(text or "") for text in (error.stdout, error.stderr))
        code = None
    return Result(code, out or "", err or "", time.perf_counter() - begin)


def run(code: str, *, timeout: float = LIMIT, **options: Any) -> Result:
    """Run the code to its end."""
    return finish(start(code, **options), timeout)


# --- what is solved ------------------------------------------------------------------------------


def problem(n_columns: int = 3000, n_times: int = 20) -> tuple[Any, Any, float]:
    """Gain (2000 columns are three chunks of a product, so threads have work), data and alpha."""
    rng = np.random.default_rng(0)
    gain, data = rng.standard_normal((60, n_columns)), rng.standard_normal((60, n_times))
    return gain, data, 0.5 * float(np.sqrt(((gain.T @ data) ** 2).sum(1)).max())


def hard_problem() -> tuple[Any, Any, float]:
    """Nothing sparse about it: minutes of short epochs."""
    rng = np.random.default_rng(0)
    gain, data = rng.standard_normal((200, 3000)), rng.standard_normal((200, 60))
    gain += 3 * rng.standard_normal((200, 1))
    return gain, data, 1e-4 * float(np.sqrt(((gain.T @ data) ** 2).sum(1)).max())


def wide_problem() -> tuple[Any, Any, float]:
    """A second or more for a single epoch on all locations."""
    rng = np.random.default_rng(0)
    gain, data = rng.standard_normal((300, 30_000)), rng.standard_normal((300, 300))
    return gain, data, 0.01 * float(np.linalg.norm(gain[:, :100].T @ data, axis=1).max())


def digest(*arrays: Any) -> str:
    """Of every bit."""
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()


def answers(gain: Any, data: Any, alpha: float, n_threads: int = 2) -> str:
    """Digest of what every verb answers."""
    options: dict[str, Any] = {"n_threads": n_threads, "verbose": False}
    one = mxne_rs.solve_mxne(gain, data, alpha, **options)
    two = mxne_rs.solve_irmxne(gain, data, alpha, n_reweights=3, **options)
    path = mxne_rs.solve_path(gain, data, [1.5 * alpha, alpha], **options)
    batch = mxne_rs.solve_batch(gain, [data, 2 * data], alpha, **options)
    sure = mxne_rs.solve_sure(gain, data, [1.5 * alpha, alpha], rng=0, **options)
    found = (one, two, *path.solutions, *batch, sure)
    numbers = [mxne_rs.alpha_max(gain, data), *mxne_rs.duality_gap(gain, data, one, alpha)]
    return digest(np.array(numbers), *[s.x for s in found], np.array([s.gap for s in found]))


def answer(n_threads: int = 2) -> str:
    """Digest of one solve whose products are spread over the threads."""
    gain, data, alpha = problem()
    return digest(mxne_rs.solve_mxne(gain, data, alpha, n_threads=n_threads, verbose=False).x)


def answer_of(gain: Any) -> str:
    """As `answer`, on a Gain that came from another process."""
    _, data, alpha = problem()
    return digest(mxne_rs.solve_mxne(gain, data, alpha, n_threads=2, verbose=False).x)


def send_answer(queue: Any) -> None:
    """Target of a `multiprocessing.Process`."""
    queue.put(answer())


# --- phases: each takes 5 s or more where nothing stops it ---------------------------------------

Work = Callable[[], Any]
#: The phases take 5 s and more where nothing stops them; 0.2 s is promised. Seconds are those of
#: the processor that the process has used: a busy machine has no part in them.
SOON = 2.5
ENDLESS: dict[str, Any] = {"tol": 1e-300, "max_iter": 10**9, "verbose": False}


def _prepare(n_orient: int, n_locations: int, order: Any = "C", dtype: Any = float) -> Work:
    """Eigen-decompositions of many or of large blocks: long without much memory."""
    gain = np.random.default_rng(0).standard_normal((20, n_locations * n_orient))
    gain = np.asarray(gain, order=order, dtype=dtype)
    return lambda: mxne_rs.Gain(gain, n_orient)


def _solve(made: tuple[Any, Any, float], verb: Any = mxne_rs.solve_mxne, **options: Any) -> Work:
    """Epochs."""
    gain, data, alpha = mxne_rs.Gain(made[0]), *made[1:]
    return lambda: verb(gain, data, alpha, **{**ENDLESS, **options})


def _samples(n_sensors: int, n_times: int) -> tuple[Any, Any, float]:
    """Rotating such data over time is nearly all of the work."""
    rng = np.random.default_rng(0)
    gain, data = rng.standard_normal((n_sensors, 10)), rng.standard_normal((n_sensors, n_times))
    return gain, data, 0.5 * float(np.linalg.norm(gain.T @ data, axis=1).max())


def _alpha_max(n_sensors: int, n_times: int) -> Work:
    """Without a solve."""
    gain, data, _ = _samples(n_sensors, n_times)
    return lambda: mxne_rs.alpha_max(gain, data)


def _batch(n_threads: int) -> Work:
    """Long solves beside each other."""
    gain, data, alpha = hard_problem()
    return lambda: mxne_rs.solve_batch(gain, [data] * 4, alpha, n_threads=n_threads, **ENDLESS)


def _many(verb: Any, *middle: Any, **options: Any) -> Work:
    """Very many solves, each far shorter than the time between two looks at the clock."""
    gain, data, _ = problem(1000, 5)
    return lambda: verb(mxne_rs.Gain(gain), data, *middle, verbose=False, **options)


def _path(gain: Any, data: Any, alpha: float, **options: Any) -> Any:
    """Two alphas."""
    return mxne_rs.solve_path(gain, data, [2 * alpha, alpha], **options)


def _rounds() -> Work:
    """Rounds that never settle to zero, each far shorter than the time between two looks."""
    gain, data, alpha = problem(1000, 5)
    options: dict[str, Any] = {"n_reweights": 10**9, "tol_reweight": 0, "tol": 1e-3}
    return _solve((gain, data, 0.05 * alpha), mxne_rs.solve_irmxne, **options)


def _many_batch() -> Work:
    """A hundred thousand small data sets."""
    gain, data, alpha = problem(300, 5)
    return lambda: mxne_rs.solve_batch(gain, [data] * 200_000, 0.3 * alpha, n_threads=2)


def _grid(n: int) -> Any:
    """Falling alphas."""
    return np.linspace(30.0, 3.0, n)


def _in_a_thread() -> Work:
    """The solve elsewhere; this thread only waits."""
    thread = threading.Thread(target=_solve(hard_problem()), daemon=True)

    def work() -> None:
        thread.start()
        thread.join()

    return work


PHASES: dict[str, Callable[[], Work]] = {
    "prepare C order": lambda: _prepare(120, 400),
    "prepare Fortran order": lambda: _prepare(120, 400, order="F"),
    "prepare float32": lambda: _prepare(120, 400, dtype=np.float32),
    "prepare one block": lambda: _prepare(800, 1),
    "rotate many samples": lambda: _solve(_samples(700, 6000)),
    "rotate, eigenvalues": lambda: _solve(_samples(1500, 1500)),
    "alpha_max": lambda: _alpha_max(1500, 1500),
    "epochs on a working set": lambda: _solve(hard_problem()),
    "epochs on all locations": lambda: _solve(hard_problem(), active_set_size=None),
    "FISTA on a working set": lambda: _solve(hard_problem(), solver="fista"),
    "irMxNE": lambda: _solve(hard_problem(), mxne_rs.solve_irmxne),
    "irMxNE of short rounds": _rounds,
    "path of long solves": lambda: _solve(hard_problem(), _path),
    "path of short solves": lambda: _many(mxne_rs.solve_path, _grid(200_000)),
    "batch on two threads": lambda: _batch(2),
    "batch on one thread": lambda: _batch(1),
    "batch of short solves": _many_batch,
    "SURE": lambda: _many(mxne_rs.solve_sure, _grid(200_000), rng=0),
    "in a thread": _in_a_thread,
}


def used_by(pid: int) -> float:
    """Seconds of the processor that a process has used, its threads included."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # not there on every system: of the clock, then
        return time.perf_counter()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Ticker:
    """A thread that ticks; `longest_stall` is how long it had to wait since `clear`.

    In seconds of the processor that this process has used: a busy machine has no part in them.
    """

    def __init__(self, step: float = 0.005) -> None:
        self.step, self.stall, self.ticks = step, 0.0, 0
        self.last = time.process_time()
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._tick, daemon=True)

    def _tick(self) -> None:
        while not self.done.is_set():
            time.sleep(self.step)
            now = time.process_time()
            self.stall, self.last = max(self.stall, now - self.last - self.step), now
            self.ticks += 1

    def clear(self) -> None:
        """Begin to watch."""
        self.stall, self.ticks, self.last = 0.0, 0, time.process_time()

    def longest_stall(self) -> float:
        """Seconds, the wait that has not ended included: a thread that never ran counts."""
        return max(self.stall, time.process_time() - self.last - self.step)

    def __enter__(self) -> Ticker:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join()


def interrupted(phase: str) -> None:
    """Work until Ctrl-C; print what came of it, the stall of another thread, and if all is well."""
    # A parent in the background hands down a Ctrl-C that is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    before, work = answer(), PHASES[phase]()
    with Ticker() as ticker:
        time.sleep(0.05)
        print("started", flush=True)
        ticker.clear()
        try:
            work()
            outcome = "finished"
        except KeyboardInterrupt:
            outcome = "interrupted"
        print(outcome, f"{ticker.longest_stall():.3f}", flush=True)
    # Nothing is left behind that the next solve could trip over.
    print(answer() == before, flush=True)
