"""Check the wheels and source archives in a folder before they are published.

Run by the Python of `make wheel-check`, which has auditwheel, abi3audit and twine.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Bytes; the wheel is installed by many who never solve anything large.
LARGEST = 3_000_000
#: Of manylinux2014: the C library of CentOS 7 and everything newer.
OLDEST_LINUX = "manylinux_2_17"
IN_SDIST = ("Cargo.toml", "Cargo.lock", "LICENSE", "PKG-INFO", "pyproject.toml", "README.md",
            "build.rs", "rust/src/lib.rs", "python/mxne_rs/__init__.py",
            "python/mxne_rs/py.typed")  # fmt: skip


def tool(*words: str | Path) -> str:
    """Run a module of this environment; returns what it prints."""
    command = [sys.executable, "-m", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def check_wheel(path: Path, version: str) -> str:
    """Check one wheel; returns what the system it is for must have."""
    name = re.fullmatch(r"mxne_rs-(.+?)-cp310-abi3-([\w.]+)\.whl", path.name)
    assert name, f"{path.name}: not of the stable ABI of CPython 3.10"
    assert name[1] == version, f"{path.name}: Cargo.toml has {version}"
    names = zipfile.ZipFile(path).namelist()
    compiled = [one for one in names if re.search(r"\.(so|pyd|dll|dylib)$", one)]
    assert len(compiled) == 1, compiled
    assert {"mxne_rs/py.typed", "mxne_rs/_core.pyi"} <= set(names), names
    tool("abi3audit", "--strict", path)
    if "linux" not in name[2]:
        return name[2]
    if sys.platform != "linux":
        return f"{name[2]} (auditwheel needs Linux)"
    shown = " ".join(tool("auditwheel", "show", path).split())
    policy = re.search(r'consistent with the following platform tag: "(\w+)"', shown)
    assert policy and policy[1].startswith(OLDEST_LINUX), shown
    return policy[1]


def check_sdist(path: Path, version: str) -> str:
    """Check the archive of the sources; returns how many files it has."""
    root = f"mxne_rs-{version}"
    assert path.name == f"{root}.tar.gz", f"{path.name}: Cargo.toml has {version}"
    with tarfile.open(path) as archive:
        names = archive.getnames()
    missing = {f"{root}/{name}" for name in IN_SDIST} - set(names)
    assert not missing, missing
    assert all(name.startswith(f"{root}/") for name in names), names
    return f"{len(names)} files"


def main() -> None:
    """Check all of them."""
    text = (ROOT / "Cargo.toml").read_text(encoding="utf-8")
    version = re.findall(r'^version = "(.+)"', text, re.MULTILINE)[0]
    archives = sorted(Path(sys.argv[1]).glob("mxne_rs-*"))
    if not archives:
        sys.exit(f"nothing in {sys.argv[1]}: run `make wheel` or `make sdist`")
    for path in archives:
        size = path.stat().st_size
        assert size < LARGEST, f"{path.name}: {size} bytes; {LARGEST} are allowed"
        check = check_wheel if path.suffix == ".whl" else check_sdist
        print(f"{path.name}: {size / 1e6:.2f} MB, {check(path, version)}")
    tool("twine", "check", "--strict", *archives)


if __name__ == "__main__":
    main()
