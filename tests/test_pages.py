"""What pages for users quote stands in the code, and what they show runs.

The examples in Python files are run by `make docs`; here are the pages in Markdown, and the figures
and tables that scripts make for them.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from places import ROOT

DOCS = ROOT / "docs"
PAGES = [path for path in DOCS.rglob("*.md") if "generated" not in path.relative_to(DOCS).parts]
MESSAGES = re.findall(r"```text\n(.*?)\n```", (DOCS / "faq.md").read_text("utf-8"), re.DOTALL)


def texts_in_code() -> Iterator[str]:
    """Yield the strings of the package, with "…" for each value that is filled in."""
    for path in (ROOT / "python" / "mxne_rs").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (one.value if isinstance(one, ast.Constant) else "…" for one in node.values)
                yield re.sub("…+", "…", "".join(map(str, parts)).replace("{}", "…"))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


@pytest.fixture(scope="module")
def code() -> str:
    """Return all strings of the package."""
    return "\n".join(texts_in_code())


@pytest.mark.parametrize("message", MESSAGES)
def test_a_quoted_message_stands_in_the_code(message: str, code: str) -> None:
    """Word for word, with "…" for values."""
    assert " ".join(message.split()) in code


def test_messages_are_found_and_can_be_missed(code: str) -> None:
    """Many are quoted, each once; one that the package does not give is noticed."""
    assert len(MESSAGES) == len(set(MESSAGES)) > 20
    assert "the whitened data are too loud" not in code


def test_papers_that_pages_cite_are_listed() -> None:
    """Each key stands in the bibliography, and each paper is cited by some page."""
    listed = re.findall(
        r"^@\w+\{(\w+),", (DOCS / "references.bib").read_text("utf-8"), re.MULTILINE
    )
    cited = {
        key
        for path in PAGES
        for keys in re.findall(r"\{cite:[pt]\}`([\w,]+)`", path.read_text(encoding="utf-8"))
        for key in keys.split(",")
    }
    assert len(listed) == len(set(listed))
    assert cited == set(listed)


def test_explanations_are_short() -> None:
    """At most 80 lines, with at most one figure."""
    for path in (DOCS / "explanation").glob("*.md"):
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 80, path
        assert text.count("```{figure}") <= 1, path


# --- code of pages -------------------------------------------------------------------------------


def run(page: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run the Python of a page in a folder, one block after the other, and return its names."""
    monkeypatch.chdir(folder)
    text = (DOCS / page).read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(block, page, "exec"), names)
    return names


def test_coming_from_mne_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The drop-in and `localize` find the two simulated sources."""
    mne = pytest.importorskip("mne")
    names = run("coming_from/mne.md", tmp_path, monkeypatch)
    assert isinstance(names["stc"], mne.SourceEstimate | mne.VolSourceEstimate)
    assert len(names["stc"].data) == len(names["dipoles"]) == 2
    assert isinstance(names["residual"], mne.Evoked)


def test_coming_from_brainstorm_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source is found in files of Brainstorm's layout, a bad channel and absent ones left out."""
    pytest.importorskip("mne")
    savemat = pytest.importorskip("scipy.io").savemat
    rng = np.random.default_rng(0)
    gain = 1e-6 * rng.standard_normal((32, 3 * 100))
    gain[30:] = np.nan  # no MEG channel
    moment = 1e-8 * np.outer([1.0, -2.0, 0.5], np.hanning(50))
    average = np.nan_to_num(gain[:, 3 * 42 : 3 * 43] @ moment)
    average += 1e-15 * rng.standard_normal(average.shape)
    average[7] = 1.0
    flags = np.ones((32, 1))
    flags[7] = -1
    places = rng.standard_normal((100, 3))
    savemat(tmp_path / "headmodel.mat", {"Gain": gain, "GridLoc": places})
    savemat(tmp_path / "noisecov.mat", {"NoiseCov": 1e-30 * np.eye(32)})
    savemat(tmp_path / "average.mat", {"F": average, "ChannelFlag": flags})
    names = run("coming_from/brainstorm_fieldtrip.md", tmp_path, monkeypatch)
    assert np.flatnonzero(names["found"].active_set).tolist() == [42]
    strongest = abs(names["found"].sources).max(axis=1)
    np.testing.assert_allclose(strongest, [1e-8, 2e-8, 0.5e-8], rtol=0.1)
    assert (tmp_path / "source_mxne.mat").is_file()


# --- figures and tables that scripts make --------------------------------------------------------


def test_figure_of_shrinkage_is_soft_thresholding(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the identity as gain MxNE takes alpha from each amplitude, and debiasing gives it back.

    irMxNE with the square root penalises x by 1 / (2 sqrt(4 x)) at the unit of a quarter: what is
    left solves x + 1 / (2 sqrt(4 x)) = true.
    """
    monkeypatch.syspath_prepend(DOCS / "_ext")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    import figures

    found = figures.shrinkage()
    np.testing.assert_allclose(found.mxne, np.maximum(found.true - 1, 0), atol=1e-6)
    left = found.mxne > 1e-6
    np.testing.assert_allclose(found.debiased[left], found.true[left], rtol=1e-6)
    kept = found.irmxne > 0
    slope = 1 / (2 * np.sqrt(4 * found.irmxne[kept]))
    np.testing.assert_allclose(found.irmxne[kept] + slope, found.true[kept], rtol=1e-4)
    assert kept.any()
    assert not kept.all()


def test_benchmarks_have_one_figure_and_one_table() -> None:
    """Before the details, each of which is folded."""
    text = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    head, details = text.split("## Details")
    assert head.split(":::")[0].count("\n![") == 1
    assert head.split(":::")[0].count("\n|---") == 1
    assert "\n## " not in head + details
    blocks = re.findall(r"<!-- (\w+): begin -->\n::::\{dropdown\} .+?\n::::\n<!-- \1: end -->",
                        details, re.DOTALL)  # fmt: skip
    assert blocks == re.findall(r"<!-- (\w+): begin -->", details) != []


def test_headline_of_benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The geometric mean of 2 and 8 is 4; a problem with one alpha is left to the details."""
    monkeypatch.syspath_prepend(ROOT / "benches")
    import report

    def section(problem: str, *ratios: float) -> Any:
        rows = [
            report.Run(problem, 1, 1e-6, alpha, solver, 1, 0.0, ratio, ratio)
            for alpha, ratio in enumerate(ratios)
            for solver, ratio in ((report.OURS, 1.0), ("peer", ratio))
        ]
        return report.Section("Convex", problem, 1, 1e-6, rows)

    monkeypatch.setattr(report, "MANY_ALPHAS", 2)
    lines = report.headline([section("two", 2.0, 8.0), section("one", 5.0)], 1e-6)
    assert lines == ["| solver | two |", "|---|---|", "| peer | 4.0 (2.0) |"]
