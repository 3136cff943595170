"""Fill the environment that runs this with what the documentation needs.

The package is not built again: the environment sees the folder into which `maturin develop` has put
the compiled module.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

try:
    import tomllib
except ImportError:  # Python 3.10
    from pip._vendor import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = ("mne", "sklearn", "docs")


def main() -> None:
    """Install the extras of pyproject.toml, and make the package importable."""
    if sys.prefix == sys.base_prefix:
        sys.exit("run this with the Python of a virtual environment, as `make docs` does")
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    packages = list(listed["dependencies"])
    for extra in EXTRAS:
        packages += listed["optional-dependencies"][extra]
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, *packages], check=True)
    path = Path(sysconfig.get_path("purelib")) / "mxne_rs.pth"
    path.write_text(f"{ROOT / 'python'}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
