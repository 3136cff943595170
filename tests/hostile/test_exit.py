"""The end of an interpreter, streams that cannot be written, and subinterpreters."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import children
import mxne_rs
from children import SOON
from marks import full_device, slow_but

newer = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="NumPy's own sums fail in a subinterpreter of CPython 3.10"
)


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


@pytest.mark.parametrize("job", slow_but(JOBS, "many solves"))
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
        result = children.run(code, timeout=600).ended()
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
    result = children.run(code, prelude="", timeout=600).ended()
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
options = dict(tol=1e-300, max_iter=1000, solver="fista", verbose={verbose})
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


@pytest.mark.parametrize("verbose", slow_but([True, None], True))
@pytest.mark.parametrize(
    "how", [pytest.param(how, marks=full_device if "full" in how else ()) for how in STREAMS]
)
def test_streams_that_cannot_be_written(how: str, verbose: Any, tmp_path: Path) -> None:
    """Take the progress line away, and nothing else."""
    path = tmp_path / "found"
    code = WITHOUT_STREAMS.format(how=STREAMS[how], verbose=verbose, path=str(path))
    result = children.run(code)
    assert result.code == 0 and path.read_text() == "1000 True", (path.read_text(), result)


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
works = pytest.mark.parametrize(
    "work",
    [
        pytest.param(WHOLE, id="package"),
        pytest.param(COMPILED, id="compiled module", marks=pytest.mark.slow),
    ],
)


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
