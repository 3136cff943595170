"""Tests run on Windows: no shell, no path of one system, and a mark where a system lacks something.

The marks are those of `tests/support/marks.py`; each says what it is that a system lacks.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import marks
from places import ROOT

#: What not every system has, and the marks of which a file that uses it takes one.
LACKING = {
    r"os\.fork\(": {"fork"},
    r"\bsetitimer\(|\.send_signal\(": {"signals"},
    r"\bimport resource\b|\bsetrlimit\(": {"limits", "proc"},
    r'open\("/proc/': {"proc"},
    r"/dev/full": {"full_device"},
    r"\.symlink_to\(|os\.symlink\(": {"links"},
}
#: What no test needs: a shell, what only a child of Unix can do, and separators in names.
SHELL = r'\["sh"|\["bash"|shell=True|preexec_fn|start_new_session|os\.system\(|os\.popen\('
SEPARATOR = r'"/tmp/|\.split\("/"\)|/bin/'
TESTS = sorted({*(ROOT / "tests").rglob("test_*.py")} - {Path(__file__).resolve()})
EXAMPLES = [*(ROOT / "docs").rglob("plot_*.py"), *(ROOT / "examples").glob("*.rs")]


def imported(text: str) -> set[str]:
    """Return the names that a file takes from `marks`."""
    return {
        name
        for line in re.findall(r"^from marks import (.+)", text, re.MULTILINE)
        for name in line.split(", ")
    }


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_what_a_system_lacks_has_its_mark(path: Path) -> None:
    """A file that uses it imports a mark, and puts it on a test."""
    text = path.read_text(encoding="utf-8")
    for pattern, names in LACKING.items():
        if re.search(pattern, text):
            taken = names & imported(text)
            assert taken, f"{pattern}: one of the marks {sorted(names)} is missing"
            assert any(re.search(rf"^@{name}$|marks=.*{name}", text, re.M) for name in taken)


@pytest.mark.parametrize("path", [*TESTS, *EXAMPLES], ids=lambda path: path.stem)
def test_no_shell_and_no_separator(path: Path) -> None:
    """Neither tests nor examples start a shell or spell a path of one system."""
    text = path.read_text(encoding="utf-8")
    assert not re.findall(f"{SHELL}|{SEPARATOR}", text)


def test_each_mark_names_what_is_missing() -> None:
    """The reason of a skipped test says which system lacks what."""
    for name in set.union(*LACKING.values()):
        reason = getattr(marks, name).kwargs["reason"]
        assert re.match(r"Windows |only Linux has ", reason), reason
