"""Install wheels and source archives where there is nothing else, and use them there.

``with_archives.py FOLDER`` takes the archives in a folder, each with the oldest CPython that is
supported and the newest one here; wheels of other systems are left out. Without a folder
``pip wheel .`` makes the wheel, and the Python that runs this takes it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "support"))

from environments import interpreters, make_environment

ROOT = Path(__file__).resolve().parent.parent
PIP = ("-m", "pip", "--disable-pip-version-check", "-q")
SCRIPT = """
import sys
import numpy as np, mxne_rs
rng = np.random.default_rng(0)
gain, data = rng.standard_normal((20, 90)), rng.standard_normal((20, 30))
alpha = 0.5 * mxne_rs.alpha_max(gain, data, n_orient=3)
solution = mxne_rs.solve_irmxne(gain, data, alpha, n_orient=3)
assert solution.converged and solution.gap <= 1e-6, solution
try:
    mxne_rs.mixed_norm(None, None, None, 60)
except ImportError as error:
    assert "mxne-rs[mne]" in str(error), error
else:
    raise AssertionError("mixed_norm ran without MNE")
print("mxne_rs", mxne_rs.__version__, "without MNE, in CPython", sys.version.split()[0], solution)
"""


def try_archive(base: str, archive: Path) -> None:
    """Install an archive in an empty environment, with NumPy only, and solve with it."""
    with tempfile.TemporaryDirectory() as folder:
        python = make_environment(base, Path(folder) / "empty")
        subprocess.run([python, *PIP, "install", archive], check=True)
        listed = subprocess.run(
            [python, "-m", "pip", "list", "--format=freeze"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        names = {line.split("==")[0].lower() for line in listed.split()}
        assert names <= {"pip", "setuptools", "numpy", "mxne-rs", "mxne_rs"}, names
        print(archive.name, flush=True)
        subprocess.run([python, "-c", SCRIPT], cwd=folder, check=True)
        command = [python, "-m", "mxne_rs", "--version"]
        subprocess.run(command, cwd=folder, check=True)


def installable(python: str, archive: Path) -> bool:
    """Tell whether pip would take an archive on this system."""
    command = [python, *PIP, "install", "--dry-run", "--no-deps", "--no-build-isolation", archive]
    return archive.suffix != ".whl" or subprocess.run(command, capture_output=True).returncode == 0


def main() -> None:
    """Build a wheel, or take what is there, and try it."""
    if len(sys.argv) == 1:
        with tempfile.TemporaryDirectory() as folder:
            build = [sys.executable, *PIP, "wheel", "--no-deps", "-w", folder, "."]
            subprocess.run(build, cwd=ROOT, check=True)
            (wheel,) = Path(folder).glob("mxne_rs-*-cp310-abi3-*.whl")
            try_archive(sys.executable, wheel)
        return
    archives = sorted(path.resolve() for path in Path(sys.argv[1]).glob("mxne_rs-*"))
    found = interpreters() or {sys.version_info.minor: sys.executable}
    bases = [found[minor] for minor in sorted({min(found), max(found)})]
    here = [path for path in archives if installable(bases[0], path)]
    if not here:
        sys.exit(f"nothing in {sys.argv[1]} is for this system: run `make wheel` or `make sdist`")
    for path in sorted({*archives} - {*here}):
        print(f"Skipped: {path.name} is of another system")
    for base in bases:
        for path in here:
            try_archive(base, path)


if __name__ == "__main__":
    main()
