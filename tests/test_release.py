"""What a release is made of agrees: versions, platforms, workflows and the targets they run."""

from __future__ import annotations

import re
from typing import Any

import pytest

import mxne_rs
from places import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def read(name: str) -> str:
    """Return the text of a file of the project."""
    return (ROOT / name).read_text(encoding="utf-8")


def table(text: str, name: str) -> str:
    """Return the lines of a table of a TOML file."""
    return text.split(f"\n[{name}]\n", 1)[1].split("\n[", 1)[0]


def first(pattern: str, text: str) -> str:
    """Return what the pattern finds first in a text, at the beginning of a line."""
    found = re.search(f"^{pattern}", text, re.MULTILINE)
    assert found, pattern
    return found[1]


VERSION = first(r'version = "(.+)"', read("Cargo.toml"))
OLDEST_RUST = first(r'rust-version = "(.+)"', read("Cargo.toml"))
OLDEST_PYTHON = first(r'requires-python = ">=(.+)"', read("pyproject.toml"))


# --- versions ------------------------------------------------------------------------------------


def test_the_version_stands_in_cargo() -> None:
    """The compiled module has it from there; the citation and the list of changes name it."""
    assert mxne_rs.__version__ == VERSION
    project = table("\n" + read("pyproject.toml"), "project")
    assert 'dynamic = ["version"]' in project and "\nversion" not in project
    assert first("version: (.+)", read("CITATION.cff")) == VERSION
    assert re.search(rf"^## {re.escape(VERSION)}\b", read("CHANGELOG.md"), re.MULTILINE)


def test_no_other_file_has_the_version() -> None:
    """Neither the package, nor the configuration of the documentation, nor a workflow."""
    files = [*(ROOT / "python").rglob("*.py"), *(ROOT / "rust").rglob("*.rs"), *WORKFLOWS,
             ROOT / "docs" / "conf.py", ROOT / "Makefile", ROOT / "pyproject.toml"]  # fmt: skip
    assert [path for path in files if VERSION in path.read_text(encoding="utf-8")] == []


def test_oldest_versions_are_tested_and_told() -> None:
    """The oldest Rust and Python are those of a test job, of the stable ABI, and of the pages."""
    tested = read(".github/workflows/test.yml")
    assert f'python: "{OLDEST_PYTHON}", rust: "{OLDEST_RUST}"' in tested
    assert f"abi3-py{OLDEST_PYTHON.replace('.', '')}" in read("Cargo.toml")
    assert f"Python :: {OLDEST_PYTHON}" in read("pyproject.toml")
    for page in ("docs/install.md", "CONTRIBUTING.md"):
        assert f"{OLDEST_RUST} or newer" in read(page), page
    for page in ("README.md", "docs/install.md", "CONTRIBUTING.md"):
        assert f"CPython {OLDEST_PYTHON}" in " ".join(read(page).split()), page


def test_addresses_are_the_same_everywhere() -> None:
    """Of the repository and of the documentation, in what the registries and citations show."""
    for address in ("https://github.com/mxne-rs/mxne_rs", "https://mxne-rs.github.io/mxne_rs"):
        for name in ("Cargo.toml", "pyproject.toml", "CITATION.cff"):
            assert f'"{address}"' in read(name), (name, address)


# --- workflows -----------------------------------------------------------------------------------


def targets() -> set[str]:
    """Return the targets of the Makefile that are described."""
    return set(re.findall(r"^([a-z-]+):.*?(?:\\\n.*?)*## ", read("Makefile"), re.MULTILINE))


def test_there_are_workflows() -> None:
    """For tests, wheels, documentation and releases."""
    assert [path.stem for path in WORKFLOWS] == ["docs", "release", "test", "wheels"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_each_step_is_a_target_of_the_makefile(path: Any) -> None:
    """So that everything a workflow does can be done here."""
    steps = re.findall(r"^ +(?:- )?run: (.*)", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert steps
    for step in steps:
        command = re.fullmatch(r"make ([a-z-]+)", step)
        assert command and command[1] in targets(), step


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_may_read_only(path: Any) -> None:
    """Jobs that publish ask for more themselves; none keeps a secret."""
    text = path.read_text(encoding="utf-8")
    assert "\npermissions:\n  contents: read\n" in text
    assert "secrets." not in text
    writing = re.findall(r"^ {6}([a-z-]+): write", text, re.MULTILINE)
    assert set(writing) <= {"id-token", "pages", "contents"}
    assert not writing or path.stem in ("docs", "release")


def test_a_workflow_builds_what_make_wheel_builds() -> None:
    """With the same words for maturin."""
    words = first("WHEEL := (.+)", read("Makefile"))
    assert f"args: {words}\n" in read(".github/workflows/wheels.yml")


def test_the_targets_of_a_release_are_those_of_the_workflows() -> None:
    """`make release` proves here what the workflows will do; only registries take what is sent."""
    proved = first(r"release: ((?:.*\\\n)*.*?) ##", read("Makefile")).replace("\\\n", " ").split()
    texts = [path.read_text(encoding="utf-8") for path in WORKFLOWS if path.stem != "docs"]
    run = {name for text in texts for name in re.findall(r"run: make ([a-z-]+)", text)}
    tests = {"lint", "deny"} | {name for name in run if name.endswith(("-test", "-fuzz"))}
    assert run - tests - {"publish", "announce"} <= set(proved) <= targets()
