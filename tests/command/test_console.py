"""The world around a command: consoles, words, backends and windows of any kind."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from marks import full_device, links
from mxne_rs.command import main
from mxne_rs.command.reading import _decoded_name

mne = pytest.importorskip("mne", minversion="1.12")
pytest.importorskip("matplotlib")

from mxne_rs import localize  # noqa: E402
from mxne_rs.results.draw_localization import draw  # noqa: E402
from mxne_rs.results.draw_path import draw_path  # noqa: E402
from mxne_rs.results.report import write_report  # noqa: E402

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch
#: Accents, arrows and Chinese: as Latin-1, as nearly every code page, and as none has it.
NAME = "Ton é → 東京"


@pytest.fixture(scope="module")
def simulated(simulated: Any) -> Any:
    """Return the simulated response around its peak."""
    evoked, forward, noise_cov = simulated
    return evoked.crop(0.09, 0.11), forward, noise_cov


@pytest.fixture(scope="module")
def found(simulated: Any) -> Any:
    """Sources of that response."""
    return localize(*simulated, alpha=40, verbose=False)


@pytest.fixture(scope="module")
def options(simulated: Any, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options that localize a response of that name, from files in a folder of that name."""
    evoked, forward, noise_cov = simulated
    folder = tmp_path_factory.mktemp("simulated") / f"{NAME} #1 %s {{x}} $y$"
    folder.mkdir()
    named = evoked.copy()
    named.comment = NAME
    named.save(folder / "x-ave.fif")
    mne.write_forward_solution(folder / "x-fwd.fif", forward)
    mne.write_cov(folder / "x-cov.fif", noise_cov)
    options = ["localize", "--evoked", str(folder / "x-ave.fif"), "--alpha", "20"]
    options += ["--forward", str(folder / "x-fwd.fif"), "--noise-cov", str(folder / "x-cov.fif")]
    return [*options, "--out", str(folder / "results")]


def run(arguments: list[str], stdout: Any = subprocess.PIPE, **env: str) -> Any:
    """Run the program as a process of its own."""
    command = [sys.executable, "-m", "mxne_rs", *arguments]
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(
        command, env={**os.environ, **threads, **env}, stdout=stdout, stderr=subprocess.PIPE
    )


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", rb"Ton \xe9 \u2192 \u6771\u4eac, 90 to"),
        ("cp437", b"Ton \x82 \\u2192 \\u6771\\u4eac, 90 to"),
        ("cp1252", b"Ton \xe9 \\u2192 \\u6771\\u4eac, 90 to"),
        ("utf-8", f"{NAME}, 90 to".encode()),
    ],
)
def test_any_console(options: list[str], encoding: str, shown: bytes) -> None:
    """What it has no letters for is escaped; all is written, and the exit code says so."""
    done = run(options, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(shown)
    assert "results: sources-vl.stc, sources.tsv" in done.stdout.decode(encoding)


def test_a_locale_without_letters(options: list[str]) -> None:
    """Paths that Python can only keep as bytes are shown in the report all the same."""
    out = Path(options[-1]).parent / "é"
    env = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "MPLBACKEND": "agg"}
    done = run([*options[:-1], str(out), "--report"], **env)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (out / "report.html").is_file()


def test_errors_and_help_on_any_console(options: list[str]) -> None:
    """One line each, with exit codes of their own."""
    wrong = run(
        ["localize", *options[1:-1], str(Path(options[2]) / "東")], PYTHONIOENCODING="ascii"
    )
    assert wrong.returncode == 2
    assert wrong.stderr.count(b"\n") == 1 and rb"\u6771" in wrong.stderr
    for command in ("localize", "path", "simulate", "stream", "replay", "reproduce"):
        assert run([command, "--help"], PYTHONIOENCODING="ascii").returncode == 0


@full_device
def test_a_stdout_that_is_full(options: list[str]) -> None:
    """Everything is written, only the table could not be shown: not "no source"."""
    with Path("/dev/full").open("wb") as full:
        done = run(options, stdout=full)
    assert done.returncode == 4
    assert done.stderr == b"mxne-rs: error: stdout cannot be written: No space left on device\n"
    assert (Path(options[-1]) / "localization.png").is_file()


def test_a_log_that_nobody_reads_any_more(options: list[str]) -> None:
    """What MNE tells with --verbose goes nowhere, without a traceback."""
    read, write = os.pipe()
    os.close(read)
    done = run([*options, "--verbose"], stdout=write)
    os.close(write)
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr and b"Logging error" not in done.stderr


@links
def test_results_are_not_written_over_their_data(
    options: list[str], tmp_path: Path, capsys: Capture
) -> None:
    """The residual of one run is the data of the next one, in the same folder or by a link."""
    folder = tmp_path / "results"
    assert main([*options[:-1], str(folder)]) == 0
    residual = folder / "residual-ave.fif"
    content = residual.read_bytes()
    (tmp_path / "link").symlink_to(folder)
    again = [*options]
    again[again.index("--evoked") + 1] = str(tmp_path / "link" / residual.name)
    for alpha in ("20", "99"):  # sources; nothing, and what an earlier run wrote is removed
        again[again.index("--alpha") + 1] = alpha
        capsys.readouterr()
        assert main([*again[:-1], str(folder)]) == 2
        assert "would be replaced" in capsys.readouterr().err
        assert residual.read_bytes() == content
    assert main([*again[:-1], str(tmp_path / "second")]) in (0, 1)


def test_settings_of_latex(found: Any, tmp_path: Path) -> None:
    """Words of a user are no LaTeX either, which need not be there."""
    import matplotlib as mpl

    named = dataclasses.replace(found, evokeds=[found.evokeds[0].copy()])
    named.evokeds[0].comment = "50 % {of $x_1 & \\y"
    with mpl.rc_context({"text.usetex": True}):
        for text in draw(named, tmp_path / "picture.png").texts:
            assert not text.get_usetex()
        draw_path([named, named], tmp_path / "path.png")
        write_report(named, tmp_path / "report.html")
        assert mpl.rcParams["text.usetex"]


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "none such"])
def test_a_backend_that_is_not_there(options: list[str], tmp_path: Path, backend: str) -> None:
    """As a notebook leaves it to the commands it runs."""
    nowhere = tmp_path / "matplotlib_inline"
    nowhere.mkdir()
    (nowhere / "__init__.py").write_text("raise ImportError('not in this environment')")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    out = tmp_path / "out"
    done = run([*options[:-1], str(out), "--report"], MPLBACKEND=backend, PYTHONPATH=path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (out / "localization.png").is_file() and (out / "report.html").is_file()


def test_conditions_are_found_by_the_name_that_was_given(
    options: list[str], capsys: Capture, monkeypatch: Patch
) -> None:
    """MNE's files keep letters beyond Latin-1 as references; nobody types those."""
    monkeypatch.setattr("mxne_rs.results.files.draw", lambda *_, **__: None)
    assert main([*options, "--condition", NAME]) == 0
    assert capsys.readouterr().out.startswith(f"{NAME}, 90 to 111 ms")
    assert main([*options, "--condition", "東"]) == 2
    assert f"one of 0 '{NAME}'" in capsys.readouterr().err
    # What the user wrote is left as it is.
    for text in ("&#64;", "&#9999999;", "a & b;"):
        assert _decoded_name(text) == text


@pytest.mark.parametrize(
    ("comment", "title"),
    [
        ("cost $5", "cost $5"),
        ("win $5 / lose $10", "win $5 / lose $10"),
        (r"$\foo{$ vs $^$", r"$\foo{$ vs $^$"),
        ("a_b^c {x} \\n 100 %", "a_b^c {x} \\n 100 %"),
        ("left\nright\tboth", "left right both"),
        ("\x1b[2Jgone", r"\x1b[2Jgone"),
        ("<script>alert(1)</script> & {{ 7*7 }}", "<script>alert(1)</script> & {{ 7*7 }}"),
        ("", "evoked"),
        (None, "evoked"),
        ("x" * 500, "x" * 89 + "…"),
    ],
)
def test_words_of_a_user_are_words(found: Any, comment: str | None, title: str) -> None:
    """No formula, no line break, no escape sequence, no tag, and within the figure."""
    evoked = found.evokeds[0].copy()
    evoked.comment = comment
    figure = draw_path([dataclasses.replace(found, evokeds=[evoked])])
    text = figure.texts[0]
    assert text.get_text() == title and not text.get_parse_math()
    figure.draw_without_rendering()
    if len(title) < 40:
        assert text.get_window_extent().x1 < figure.bbox.x1


def test_a_report_of_any_words(found: Any, tmp_path: Path) -> None:
    """They are shown, not taken for tags, templates or the end of a line."""
    evoked = found.evokeds[0].copy()
    evoked.comment = "<script>alert(1)</script>\n{{ 7*7 }} $\\foo{$ \x1b[31m"
    named = dataclasses.replace(found, evokeds=[evoked])
    files = {evoked.comment: "\udce9"}
    write_report(named, tmp_path / "x.html", command=evoked.comment, files=files)
    page = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page
    (heading,) = re.findall("<title>(.*)</title>", page, flags=re.DOTALL)
    shown = r"&lt;script&gt;alert(1)&lt;/script&gt; {{ 7*7 }} $\foo{$ \x1b[31m"
    assert heading == f"{shown}: sparse sources"
    assert page.count(f">{shown}</td>") >= 2 and r">\udce9: not a file</td>" in page
    draw(named, tmp_path / "x.png")


def test_a_window_of_one_sample(simulated: Any, tmp_path: Path) -> None:
    """A line of one sample is a point that is seen, without a warning."""
    evoked, forward, noise_cov = simulated
    found = localize(evoked.copy().crop(0.1, 0.1), forward, noise_cov, alpha=20, verbose=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = draw(found, tmp_path / "x.png")
        write_report(found, tmp_path / "x.html")
    curves = [
        line for axes in figure.axes for line in axes.get_lines() if len(line.get_xdata()) == 1
    ]
    assert len(curves) > 2 * len(evoked.ch_names)
    assert all(line.get_marker() == "o" for line in curves)


def test_the_report_shows_one_sample(simulated: Any) -> None:
    """The butterfly that MNE draws, too."""
    from mxne_rs.results.report_figures import butterfly, limits

    one = simulated[0].copy().crop(0.1, 0.1).pick("mag")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = butterfly(one, limits(one))
    lines = figure.axes[0].get_lines()
    shown = [line for line in lines if len(line.get_xdata()) == 1]
    assert len(shown) == 102 and all(line.get_marker() == "o" for line in shown)


def test_letters_without_a_glyph_are_no_reason_to_warn(
    options: list[str], capsys: Capture, tmp_path: Path
) -> None:
    """The table has them; the font of the picture need not."""
    assert main([*options[:-1], str(tmp_path)]) == 0
    assert capsys.readouterr().err == ""
