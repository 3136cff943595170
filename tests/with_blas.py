"""Build the extension with a linked CBLAS and run the solver tests on that build."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "target" / "with-blas"
TESTS = [
    f"tests/solve/test_{name}.py"
    for name in ("certificate", "laws", "solution", "solve", "reweighting")
]


def main() -> None:
    """Build and run."""
    environment = {**os.environ, "PYO3_BUILD_EXTENSION_MODULE": "1", "PYO3_PYTHON": sys.executable}
    command = ["cargo", "build", "-q", "--features", "python,blas", "--target-dir", str(BUILD)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    libraries = [*(BUILD / "debug").glob("*mxne_rs.so"), *(BUILD / "debug").glob("*mxne_rs.dylib")]

    package = BUILD / "python" / "mxne_rs"
    shutil.rmtree(package, ignore_errors=True)
    shutil.copytree(ROOT / "python" / "mxne_rs", package, ignore=shutil.ignore_patterns("*.so"))
    shutil.copy(libraries[0], package / "_core.abi3.so")

    environment["PYTHONPATH"] = str(package.parent)
    check = "import mxne_rs._core as c; assert c.back_end == 'blas', c.back_end; print(c.__file__)"
    subprocess.run([sys.executable, "-c", check], cwd=BUILD, env=environment, check=True)
    subprocess.run([sys.executable, "-m", "pytest", *TESTS], cwd=ROOT, env=environment, check=True)


if __name__ == "__main__":
    main()
