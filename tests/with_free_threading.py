"""Run the tests of the verbs on arrays with a free-threaded CPython, where one is on PATH.

It has an environment of its own, into which the package is built: the stable ABI of the wheels is
not that of such an interpreter. Without one nothing is run, and that is said.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "support"))

from environments import make_environment, python_in
from places import ROOT

FOLDER = ROOT / "target" / "free-threading-venv"
#: The newest first; PYTHON_FREE_THREADED may name another.
NAMES = [f"python3.{minor}t" for minor in (15, 14, 13)] + ["python3t"]
PACKAGES = ["maturin>=1.9.4,<2", "numpy", "pytest", "pytest-timeout", "hypothesis"]
SOLVE = ("certificate", "laws", "solution", "solve", "reweighting")
HOSTILE = ("signals", "threads", "forks", "shortages", "exit", "memory")
TESTS = [f"tests/solve/test_{name}.py" for name in SOLVE]
TESTS += [f"tests/hostile/test_{name}.py" for name in HOSTILE]
CHECK = """
import sys, sysconfig, warnings
assert sysconfig.get_config_var("Py_GIL_DISABLED"), "not a free-threaded build"
warnings.simplefilter("error")  # a module that wants the lock back would warn here
import numpy, mxne_rs
assert not sys._is_gil_enabled(), "importing mxne_rs has enabled the GIL"
print("free-threaded Python", sys.version.split()[0], "with numpy", numpy.__version__)
"""


def interpreter() -> str | None:
    """Return the path of a free-threaded Python, if there is one."""
    names = [os.environ["PYTHON_FREE_THREADED"]] if "PYTHON_FREE_THREADED" in os.environ else NAMES
    return next(filter(None, map(shutil.which, names)), None)


def environment(base: str) -> Path:
    """Return the Python of the environment, with the package built into it."""
    python = python_in(FOLDER)
    if not python.is_file():
        make_environment(base, FOLDER)
        pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, *PACKAGES], check=True)
    # A target folder of its own: `make test` would otherwise build everything twice each time.
    variables = {
        **os.environ,
        "VIRTUAL_ENV": str(FOLDER),
        "PYO3_PYTHON": str(python),
        "CARGO_TARGET_DIR": str(ROOT / "target" / "free-threading"),
    }
    build = [python, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "."]
    subprocess.run(build, cwd=ROOT, env=variables, check=True)
    return python


def main() -> None:
    """Build and run, or say why not."""
    base = interpreter()
    if base is None:
        print(f"skipped: no free-threaded Python on PATH (looked for {', '.join(NAMES)})")
        return
    python = environment(base)
    subprocess.run([python, "-c", CHECK], cwd=FOLDER, check=True)
    command = [python, "-m", "pytest", "-p", "no:cacheprovider", *TESTS]
    sys.exit(subprocess.run(command, cwd=ROOT).returncode)


if __name__ == "__main__":
    main()
