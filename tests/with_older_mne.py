"""Run what depends on the version of MNE, with a version a year older and with the pinned one.

The older one runs the tests of `mixed_norm`; the pinned one, whose faults are known, the tests of
these. Each has an environment of its own, but a version that is installed already
is taken as it is. The package is not built again: an environment sees the folder into which
`maturin develop` has put the compiled module.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "support"))

from environments import make_environment, python_in
from marks import PINNED_MNE
from places import ROOT

#: Of November 2025.
OLDER_MNE = "1.11.0"
#: What pytest is asked to run, by version of MNE.
TESTS = {
    OLDER_MNE: ["tests/inverse/test_inverse.py", "tests/inverse/test_use_in_mne.py"],
    PINNED_MNE: ["tests/inverse/test_faults.py", "tests/inverse/test_other_faults.py"],
}
PACKAGES = ["matplotlib", "pytest", "pytest-timeout", "hypothesis", "scikit-learn"]


def environment(mne: str) -> Path:
    """Return the Python of an environment with this MNE, made anew unless it is complete."""
    if mne == version("mne"):
        return Path(sys.executable)
    folder = ROOT / "target" / f"mne-{mne}-venv"
    python, packages = python_in(folder), [f"mne=={mne}", *PACKAGES]
    stamp, complete = folder / "complete", "\n".join([sys.version, *packages])
    if not stamp.is_file() or stamp.read_text() != complete:
        make_environment(sys.executable, folder)
        pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, *packages], check=True)
        find = "import sysconfig; print(sysconfig.get_path('purelib'))"
        site = subprocess.run([python, "-c", find], check=True, capture_output=True, text=True)
        path = Path(site.stdout.strip()) / "mxne_rs.pth"
        path.write_text(f"{ROOT / 'python'}\n", encoding="utf-8")
        stamp.write_text(complete)
    return python


def main() -> None:
    """Make the environments and run the tests in them."""
    check = "import mne, mxne_rs; print('MNE', mne.__version__, 'with', mxne_rs.__file__)"
    for mne, tests in TESTS.items():
        python = environment(mne)
        subprocess.run([python, "-c", check], cwd=ROOT / "target", check=True)
        subprocess.run([python, "-m", "pytest", *tests], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
