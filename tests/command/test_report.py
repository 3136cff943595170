"""The report: an HTML file with everything that is needed to judge a localization."""

from __future__ import annotations

import hashlib
import platform
import shlex
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mxne_rs
from mxne_rs.command import main

mne = pytest.importorskip("mne", minversion="1.12")
pytest.importorskip("matplotlib")


class Page(HTMLParser):
    """What a reader sees, what a browser would fetch, and the rows of all tables."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text: list[str] = []
        self.fetched: list[str] = []
        self.rows: list[list[str]] = []
        self.images = 0
        self.hidden = self.in_cell = False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.hidden = tag in ("script", "style")
        given = dict(attrs)
        source = given.get("href" if tag == "link" else "src") or ""
        if tag in ("img", "script", "link", "iframe") and source:
            self.images += tag == "img"
            if not source.startswith("data:"):
                self.fetched.append(source)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self.hidden = False
        self.in_cell = self.in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.hidden or not data.strip():
            return
        self.text.append(" ".join(data.split()))
        if self.in_cell:
            self.rows[-1][-1] += data

    def value(self, name: str) -> str:
        """The second cell of the one row that begins with a name."""
        (found,) = [row[1] for row in self.rows if row[0] == name]
        return found


@pytest.fixture(scope="module")
def simulated(folder: Path) -> Path:
    """Folder of a simulated response, one channel of which is bad."""
    evoked = mne.read_evokeds(folder / "simulated-ave.fif", 0, verbose="ERROR")
    evoked.info["bads"] = ["MEG 0113"]
    evoked.comment = "tones <b>&"
    evoked.save(folder / "simulated-ave.fif", overwrite=True, verbose="ERROR")
    return folder


def report_of(simulated: Path, out: Path, *flags: str) -> int:
    """Localize with a report."""
    return main(
        [
            "localize", "--evoked", str(simulated / "simulated-ave.fif"),
            "--forward", str(simulated / "simulated-fwd.fif"),
            "--noise-cov", str(simulated / "simulated-cov.fif"),
            "--tmin", "0.06", "--tmax", "0.15", "--out", str(out), *flags,
        ]
    )  # fmt: skip


def test_report(
    simulated: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All sections, with what the files say; nothing is fetched, no window opened, no pyvista."""
    import matplotlib.pyplot as plt

    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open_new_tab", opened.append)
    monkeypatch.setitem(sys.modules, "pyvista", None)
    before = plt.get_fignums()
    flags = ["--alpha", "sure", "--alphas", "90", "15", "3", "--maxit", "77", "--report"]
    assert report_of(simulated, tmp_path, *flags) == 0
    assert capsys.readouterr().out.rstrip().endswith("localization.png, report.html")
    assert plt.get_fignums() == before
    assert not opened

    page = Page(tmp_path / "report.html")
    assert not page.fetched
    for section in (
        "Result", "Data", "Sources", "Table of sources", "Amplitudes", "Residual",
        "Other methods", "Fields of the sources", "Whitened residual", "Data and model",
        "Choice of alpha", "Certificate", "Channels left out", "Settings", "Versions",
        "Command line and files", "References",
    ):  # fmt: skip
        assert section in page.text, section
    # MNE's logo, butterflies of data and residual, the picture, amplitudes, fields, the level of
    # the residual, the curve.
    assert page.images == 8
    assert any("tones <b>&" in text for text in page.text)

    table = [line.split("\t") for line in (tmp_path / "sources.tsv").read_text().splitlines()]
    for line in table[1:]:
        # A volume has no normal, and nobody named regions: these columns are in the file only.
        first, known = table[0].index("vertex") + 1, [cell for cell in line if cell]
        assert line[:first] in page.rows
        assert [line[0], *known[first:]] in page.rows
    assert "course_peak_nam" in table[0]
    (headings,) = [row for row in page.rows if "dipole (mm)" in row]
    assert headings[-3:] == ["dSPM peak (mm)", "dSPM", "away (mm)"]
    beside = page.rows[page.rows.index(headings) + 1 :][: len(table) - 1]
    assert [row[:2] for row in beside] == [[line[0], line[6]] for line in table[1:]]
    status = {row[1].split(",")[0] for row in page.rows if row[0] == "status"}
    assert status == {"converged"}
    assert float(page.value("gap asked for")) == 1e-6
    assert page.value("relative duality gap").endswith("(of the last convex problem)")
    assert float(page.value("relative duality gap").split()[0]) <= 1e-6
    primal, dual = float(page.value("primal value")), float(page.value("dual value"))
    assert primal >= dual > 0.99 * primal
    assert int(page.value("epochs")) > 0
    assert page.value("reweighting settled") in ("yes", "no")
    assert [row[1] for row in page.rows if row[0] == "alpha"] == [
        "15 % of the value that leaves no source, chosen by SURE",
        "15 % (chosen by SURE)",
    ]
    assert ["bad", "1", "MEG 0113"] in page.rows

    assert page.value("maxit") == "77"
    assert page.value("debias") == "yes"
    assert page.value("loose") == "1 (auto)"
    assert page.value("depth") == "1"
    assert page.value("n_mxne_iter") == "100"
    assert page.value("sure_alpha_grid").split() == ["90", "36.7423", "15"]
    assert page.value("channels") == "203 grad, 102 mag"
    assert page.value("command").endswith(f"--out {tmp_path} {shlex.join(flags)}")
    file = simulated / "simulated-fwd.fif"
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert page.value("--forward").endswith(f"{file.stat().st_size} bytes, SHA-256 {digest}")
    assert page.value("mxne_rs") == mxne_rs.__version__
    assert page.value("mne") == mne.__version__
    assert page.value("numpy") == np.__version__
    assert page.value("python") == platform.python_version()


def test_report_where_it_is_wanted(simulated: Path, tmp_path: Path) -> None:
    """In a folder that is made; MxNE that stops short, without SURE; replaced where it exists."""
    path = tmp_path / "new" / "mine.html"
    flags = ["--report", str(path), "--reweights", "1", "--alpha", "5", "--maxit", "1"]
    for tol in ("1e-12", "1e-11"):
        assert report_of(simulated, tmp_path, *flags, "--tol", tol) == 3
    assert not (tmp_path / "report.html").exists()
    page = Page(path)
    assert "Choice of alpha" not in page.text
    assert page.images == 7
    assert page.value("gap asked for") == "1.00e-11"
    assert [row[1] for row in page.rows if row[0] == "status"] == 2 * ["iteration limit"]
    assert page.value("reweighting settled") == "no reweighting"


def test_data_and_residual_have_one_scale(simulated: Path) -> None:
    """A residual looks small where it is small."""
    from mxne_rs.results.report_figures import butterfly
    from mxne_rs.results.report_figures import limits as scale_of

    evoked = mne.read_evokeds(simulated / "simulated-ave.fif", 0, verbose="ERROR").pick("meg")
    small = evoked.copy()
    small.data *= 0.1
    scale = scale_of(evoked)
    limits = [
        [axes.get_ylim() for axes in butterfly(one, scale).axes if axes.get_title()]
        for one in (evoked, small)
    ]
    assert limits[0] == limits[1]
    assert len(limits[0]) == 2
    peak = 1e15 * np.abs(evoked.copy().pick("mag").data).max()
    assert any(high == pytest.approx(1.1 * peak) for _, high in limits[0])
