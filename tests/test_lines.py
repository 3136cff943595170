"""No line of code or text is longer than 100 characters."""

import re
import subprocess
from pathlib import Path

import pytest

from places import ROOT

WIDTH = 100
ENDINGS = ["*.cff", "*.md", "*.py", "*.pyi", "*.rs", "*.toml", "*.yaml", "*.yml", "Makefile"]
#: What the linters of Python are told at the end of a line.
PRAGMA = re.compile(r"  # (type: ignore|noqa|fmt: skip).*")


def files(*endings: str) -> list[Path]:
    """Return the files of the project with one of the endings."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *endings]
    try:
        done = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no clone: git does not list its files")
    return [path for path in map(ROOT.joinpath, done.stdout.split("\n")) if path.is_file()]


def long_lines(path: Path) -> list[str]:
    """Return the lines of a file that are too long, each with its place."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [
        f"{path.relative_to(ROOT)}:{number}: {len(line)}"
        for number, line in enumerate(lines, start=1)
        if len(PRAGMA.sub("", line)) > WIDTH and not cannot_be_broken(path, line)
    ]


def cannot_be_broken(path: Path, line: str) -> bool:
    """Tell whether a line of Markdown is a row of a table, a picture, or one link and no more.

    Markdown has no way to break these.
    """
    return path.suffix == ".md" and bool(re.match(r"\||!?\[[^]]*\]\([^)]*\)\W?$", line.strip()))


@pytest.mark.parametrize("ending", ENDINGS)
def test_lines_are_short(ending: str) -> None:
    """At most 100 characters."""
    found = files(ending)
    assert found
    assert [line for path in found for line in long_lines(path)] == []


def test_only_what_cannot_be_broken_may_be_longer() -> None:
    """Of long lines of Markdown a table's row and a link pass, text does not."""
    page = Path("page.md")
    words = "word " * 30
    assert cannot_be_broken(page, f"| {words} |")
    assert cannot_be_broken(page, f"![{words}](picture.png)")
    assert cannot_be_broken(page, f"[link](https://example.org/{'long' * 30}).")
    assert not cannot_be_broken(page, words)
    assert not cannot_be_broken(page, f"[link](https://example.org) and {words}")
    assert not cannot_be_broken(page.with_suffix(".py"), f"| {words} |")
