"""Build a wheel with ``pip wheel .`` and use it in an empty virtual environment with numpy only."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = """
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
print("wheel:", mxne_rs.__version__, "without MNE:", solution)
"""


def main() -> None:
    """Build and run."""
    with tempfile.TemporaryDirectory() as folder:
        pip = ["-m", "pip", "--disable-pip-version-check", "-q"]
        build = [sys.executable, *pip, "wheel", "--no-deps", "-w", folder, "."]
        subprocess.run(build, cwd=ROOT, check=True)
        (wheel,) = Path(folder).glob("mxne_rs-*-cp310-abi3-*.whl")
        venv.create(Path(folder) / "empty", with_pip=True)
        python = Path(folder) / "empty" / "bin" / "python"
        subprocess.run([python, *pip, "install", str(wheel)], check=True)
        listed = subprocess.run(
            [python, "-m", "pip", "list", "--format=freeze"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        names = {line.split("==")[0].lower() for line in listed.split()}
        assert names <= {"pip", "setuptools", "numpy", "mxne-rs", "mxne_rs"}, names
        subprocess.run([python, "-c", SCRIPT], cwd=folder, check=True)


if __name__ == "__main__":
    main()
