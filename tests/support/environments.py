"""Interpreters and virtual environments, for what is tried as a user would."""

import os
import shutil
import subprocess
from pathlib import Path

#: The first minor version that the package supports, and one that is not there yet.
MINORS = range(10, 30)


def python_in(environment: Path) -> Path:
    """Return the path of the interpreter of a virtual environment."""
    return environment / ("Scripts" if os.name == "nt" else "bin") / "python"


def make_environment(base: str, folder: Path) -> Path:
    """Make an empty virtual environment; returns its interpreter."""
    subprocess.run([base, "-m", "venv", "--clear", folder], check=True)
    return python_in(folder)


def interpreters() -> dict[int, str]:
    """Return the CPythons on PATH, and pyenv's, by their minor version."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = {}
    for minor in MINORS:
        installed = sorted(pyenv.glob(f"3.{minor}.*/bin/python"))
        candidates = [shutil.which(f"python3.{minor}"), *map(str, installed)]
        for path in filter(None, candidates):
            check = f"import sys, ensurepip; assert sys.version_info[:2] == (3, {minor})"
            done = subprocess.run([path, "-c", check], capture_output=True)
            if done.returncode == 0:
                found[minor] = path
    return found
