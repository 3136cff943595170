"""Run the tests of `mixed_norm` with a version of MNE that is a year older than the newest.

It has an environment of its own. The package is not built again: the environment sees the folder
into which `maturin develop` has put the compiled module.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

#: Of November 2025; the newest was 1.13.2 when this was written.
MNE = "1.11.0"

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "target" / "older-mne-venv"
PACKAGES = [f"mne=={MNE}", "matplotlib", "pytest", "pytest-timeout", "hypothesis", "scikit-learn"]
TESTS = ["tests/inverse/test_inverse.py", "tests/inverse/test_use_in_mne.py"]


def environment() -> Path:
    """Return the Python of the environment, made anew unless it is there and complete."""
    python = FOLDER / "bin" / "python"
    stamp, complete = FOLDER / "complete", "\n".join([sys.version, *PACKAGES])
    if not stamp.is_file() or stamp.read_text() != complete:
        venv.create(FOLDER, clear=True, with_pip=True)
        pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, *PACKAGES], check=True)
        (packages,) = FOLDER.glob("lib/python*/site-packages")
        (packages / "mxne_rs.pth").write_text(f"{ROOT / 'python'}\n")
        stamp.write_text(complete)
    return python


def main() -> None:
    """Make the environment and run the tests in it."""
    python = environment()
    check = "import mne, mxne_rs; print('MNE', mne.__version__, 'with', mxne_rs.__file__)"
    subprocess.run([python, "-c", check], cwd=FOLDER, check=True)
    tests = [test for test in TESTS if (ROOT / test).is_file()]
    sys.exit(subprocess.run([python, "-m", "pytest", *tests], cwd=ROOT).returncode)


if __name__ == "__main__":
    main()
