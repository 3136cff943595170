"""What could take the process with it, in a process of its own: `python isolated.py MODE WORDS`.

memory VERB N_ORIENT [prepared]: the call under a dozen limits on memory, from a little to a lot.
race VERB N_ORIENT: the call while another thread writes to its arrays.

Every line printed is a verdict of `judge.VERDICTS` and what was seen.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

import mxne_rs

#: Bytes beyond what the process has when the call begins: from a little to a lot, and from where
#: the gain just fits to where all else does too.
HEADROOMS = [int(size) for size in np.geomspace(2**16, 2**29, 12)]
BEYOND_GAIN = [int(size) for size in np.geomspace(2**12, 2**25, 14)]
#: Seconds for one call.
LIMIT = 300.0
#: Seconds of writing and solving at a time.
RACE = 0.4
#: How a child ends.
ANSWERED, OUT_OF_MEMORY, FOREIGN, UNCERTIFIED = 0, 10, 11, 12
ENDS = {
    ANSWERED: "ok: answered",
    OUT_OF_MEMORY: "ok: out of memory",
    UNCERTIFIED: "silent error: not the answer asked for",
}

Arguments = dict[str, Any]


def problem(n_sensors: int, n_locations: int, n_times: int, n_orient: int) -> Arguments:
    """Gain, data of one location with noise, and half of alpha_max; made without the solver."""
    rng = np.random.default_rng(0)
    gain = rng.standard_normal((n_sensors, n_locations * n_orient))
    data = gain[:, :1] + 0.1 * rng.standard_normal((n_sensors, n_times))
    norms = np.linalg.norm((gain.T @ data).reshape(n_locations, -1), axis=1)
    return {"gain": gain, "data": data, "alpha": norms.max() / 2, "n_orient": n_orient}


def make_gain(gain: Any, n_orient: int, **_others: Any) -> Any:
    """Only prepare."""
    return mxne_rs.Gain(gain, n_orient)


def solve_path(alpha: float, **arguments: Any) -> Any:
    """Two alphas."""
    return mxne_rs.solve_path(alphas=[1.5 * alpha, alpha], **arguments)


def solve_batch(data: Any, **arguments: Any) -> Any:
    """Two data sets."""
    return mxne_rs.solve_batch(data=[data, data], **arguments)


def abort(**_arguments: Any) -> None:
    """Fault: the process dies."""
    os.abort()


def spin(**_arguments: Any) -> None:
    """Fault: no end."""
    while True:
        time.sleep(1)


def stumble(**_arguments: Any) -> None:
    """Fault: an exception that nobody has announced."""
    raise KeyError("location")


def pretend(**_arguments: Any) -> Any:
    """Fault: an answer, but not to what was asked."""
    return mxne_rs.solve_mxne(np.eye(2), np.eye(2), 0.5, tol=1e30)


def pollute(**_arguments: Any) -> Any:
    """Fault: an answer with NaN in it."""
    answer = mxne_rs.solve_mxne(np.eye(2), np.eye(2), 0.5)
    return replace(answer, sources=np.full_like(answer.sources, np.nan))


def blame(**_arguments: Any) -> None:
    """Fault: a refusal that names nothing."""
    raise ValueError("invalid value")


class PanicException(BaseException):
    """As pyo3 raises it: not an Exception."""


def panic(**_arguments: Any) -> None:
    """Fault: a panic that comes out."""
    raise PanicException("index out of bounds")


VERBS: dict[str, Callable[..., Any]] = {
    "Gain": make_gain,
    "solve_mxne": mxne_rs.solve_mxne,
    "solve_irmxne": mxne_rs.solve_irmxne,
    "solve_path": solve_path,
    "solve_batch": solve_batch,
    "abort": abort,
    "spin": spin,
    "stumble": stumble,
    "pretend": pretend,
    "pollute": pollute,
    "blame": blame,
    "panic": panic,
}


# --- memory --------------------------------------------------------------------------------------


def memory(verb: str, n_orient: str, gain: str = "array") -> None:
    """Under each limit the call ends with an answer or with MemoryError.

    Both are seen, unless the gain is prepared: what it leaves on the heap may be enough.
    """
    arguments = problem(20, 60_000 // int(n_orient), 30, int(n_orient))
    rooms = sorted([*HEADROOMS, *(arguments["gain"].nbytes + room for room in BEYOND_GAIN)])
    if gain == "prepared":
        arguments["gain"], arguments["n_orient"] = make_gain(**arguments), None
        rooms = HEADROOMS
    limit = 0.05 if verb == "spin" else LIMIT
    ends = {room: rationed(VERBS[verb], arguments, room, limit) for room in rooms}
    for room, end in ends.items():
        print(f"{end}, {verb} with {room} bytes to spare")
    expected = {"ok: answered"} if gain == "prepared" else {"ok: answered", "ok: out of memory"}
    for end in expected - set(ends.values()):
        print(f"silent error: no limit of the sweep ends as '{end}'")


def rationed(verb: Callable[..., Any], arguments: Arguments, room: int, limit: float) -> str:
    """The verdict on a call in a child with so much room."""
    child = os.fork()
    if child == 0:
        run_rationed(verb, arguments, room)
    code = wait(child, limit)
    if code is None:
        return "hang: killed"
    if code < 0:
        return f"crash: signal {-code}"
    return ENDS.get(code, f"foreign exception: exit code {code}")


def run_rationed(verb: Callable[..., Any], arguments: Arguments, room: int) -> None:
    """The call, in the child; does not return."""
    import resource

    code = FOREIGN
    try:
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[0])
        size = pages * resource.getpagesize() + room
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (size, resource.getrlimit(resource.RLIMIT_AS)[1]))
        answer = verb(**arguments)
        code = ANSWERED if is_certified(answer) else UNCERTIFIED
    except MemoryError:
        code = OUT_OF_MEMORY
    except BaseException:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
        traceback.print_exc()
    finally:
        os._exit(code)


def is_certified(answer: Any) -> bool:
    """Every Solution in it reached its tolerance, and that is the one of the defaults."""
    solutions = [answer] if isinstance(answer, mxne_rs.Solution) else answer
    if isinstance(answer, mxne_rs.Gain):
        return True
    return all(one.converged and one.gap <= one.tol == 1e-6 for one in solutions)


def wait(child: int, limit: float) -> int | None:
    """The child's exit code, minus its signal, or None where it had to be killed."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


# --- races ---------------------------------------------------------------------------------------


def race(verb: str, n_orient: str) -> None:
    """Every call ends with an answer or a refusal, whatever the other thread writes."""
    sys.setswitchinterval(1e-5)
    warnings.simplefilter("ignore", mxne_rs.ConvergenceWarning)
    warnings.filterwarnings("ignore", "alpha is", RuntimeWarning)
    arguments = problem(30, 600 // int(n_orient), 40, int(n_orient))
    arguments["weights"] = np.ones(600 // int(n_orient))
    if verb == "Gain":
        del arguments["weights"]
    done = threading.Event()
    vandal = threading.Thread(target=vandalise, args=(arguments, done))
    vandal.start()
    end = time.monotonic() + RACE
    try:
        while time.monotonic() < end:
            print(attempt(VERBS[verb], arguments))
    finally:
        done.set()
        vandal.join()


def vandalise(arguments: Arguments, done: threading.Event) -> None:
    """Write nonsense into every array, now and again sense."""
    arrays = [value for value in arguments.values() if isinstance(value, np.ndarray)]
    originals = [array.copy() for array in arrays]
    rng = np.random.default_rng(1)
    while not done.is_set():
        for array, original in zip(arrays, originals, strict=True):
            array[...] = original
            array.flat[rng.integers(array.size)] = rng.choice([np.nan, np.inf, 1e300, 0.0, -1.0])
            array[::2] = rng.standard_normal()
        for array, original in zip(arrays, originals, strict=True):
            array[...] = original


def attempt(verb: Callable[..., Any], arguments: Arguments) -> str:
    """One call, as a verdict."""
    try:
        answer = verb(**arguments)
    except (ValueError, TypeError) as error:
        named = any(name in str(error) for name in ("gain", "data", "weights", "alpha"))
        return f"ok: {error}" if named else f"unclear refusal: {error}"
    except BaseException as error:
        panicked = not isinstance(error, Exception) or "internal error" in str(error)
        return f"{'panic' if panicked else 'foreign exception'}: {error!r}"
    solutions = [] if isinstance(answer, mxne_rs.Gain) else answer
    solutions = [solutions] if isinstance(solutions, mxne_rs.Solution) else solutions
    finite = all(np.isfinite(s.sources).all() and np.isfinite(s.gap) for s in solutions)
    return "ok: answered" if finite else "silent error: not finite"


if __name__ == "__main__":
    {"memory": memory, "race": race}[sys.argv[1]](*sys.argv[2:])
