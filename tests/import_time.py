"""Measure how long `import mxne_rs` takes, installed from a wheel in the folder that is named.

In seconds of the processor, the least of ten interpreters: a busy machine has little part in them.
What NumPy takes by itself is told, and does not count.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "support"))

from environments import make_environment

#: Seconds beyond NumPy's own import.
LIMIT = 0.1
REPEATS = 10
SCRIPT = """
import time
start = time.process_time()
import numpy
middle = time.process_time()
import mxne_rs
print(middle - start, time.process_time() - middle)
"""


def main() -> None:
    """Measure, and fail where it takes too long."""
    wheels = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        python = make_environment(sys.executable, Path(folder) / "empty")
        pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        ours = ["--no-index", "--no-deps", "--find-links", wheels, "mxne-rs"]
        for packages in (["numpy"], ours):
            subprocess.run([*pip, *packages], check=True)
        times = []
        for _ in range(REPEATS):
            done = subprocess.run(
                [python, "-c", SCRIPT], cwd=folder, check=True, capture_output=True, text=True
            )
            times.append([float(word) for word in done.stdout.split()])
    numpy, own = (min(column) for column in zip(*times, strict=True))
    print(f"import mxne_rs: {own:.3f} s, after {numpy:.3f} s of NumPy's")
    if own >= LIMIT:
        sys.exit(f"importing mxne_rs takes {LIMIT} s or more: import what is slow where it is used")


if __name__ == "__main__":
    main()
