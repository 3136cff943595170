"""What a run leaves behind: its own results, whole, beside what is not its own."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mxne_rs.command
import mxne_rs.results.files
import mxne_rs.results.folder
from mxne_rs.command import main
from mxne_rs.results.folder import Results

mne = pytest.importorskip("mne", minversion="1.12")
pytest.importorskip("matplotlib")

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch
NUMBERS = {"sources.tsv", "sources-vl.stc", "residual-ave.fif"}


@pytest.fixture(scope="module")
def data(folder: Path) -> list[str]:
    """Options that name the files of a simulated response."""
    options = ["--evoked", str(folder / "simulated-ave.fif"), "--tmin", "0.09", "--tmax", "0.11"]
    options += ["--forward", str(folder / "simulated-fwd.fif")]
    return [*options, "--noise-cov", str(folder / "simulated-cov.fif")]


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch: Patch) -> None:
    """Pictures and reports are files like any other, and take longest."""

    def picture(_: Any, path: Path, *__: Any, **___: Any) -> None:
        Path(path).write_text("drawn")

    for name in ("draw", "draw_path", "write_report"):
        monkeypatch.setattr(mxne_rs.results.files, name, picture)


def localize(data: list[str], out: Path, *flags: str, alpha: float = 20) -> int:
    """Run the command in this process."""
    return main(["localize", *data, "--alpha", str(alpha), "--out", str(out), *flags])


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def visible(folder: Path) -> set[str]:
    """Names of files that a person sees."""
    return {name for name in contents(folder) if not name.startswith(".")}


def full(*_: Any, **__: Any) -> None:
    """A disk without space, as `write` tells it: without a name."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_nothing_stays_of_an_earlier_run(data: list[str], tmp_path: Path) -> None:
    """A report of another alpha, dipoles that are no more; what others wrote is not touched."""
    assert localize(data, tmp_path, "--report", "--reweights", "1", alpha=3) == 0
    assert "report.html" in visible(tmp_path)
    many = len(list((tmp_path / "dipoles").iterdir()))
    for name in ("notes.txt", "dipoles/source-99.dip", "sources-lh.stc"):
        (tmp_path / name).write_text("not of this program")
    assert localize(data, tmp_path) == 0
    few = len((tmp_path / "sources.tsv").read_text().splitlines()) - 1
    assert few < many
    dipoles = {f"dipoles/source-{number:02d}.dip" for number in range(1, few + 1)}
    others = {"notes.txt", "dipoles/source-99.dip", "sources-lh.stc"}
    assert visible(tmp_path) == {*NUMBERS, "localization.png", *dipoles, *others}
    for name in others:
        assert (tmp_path / name).read_text() == "not of this program"


@pytest.mark.parametrize(
    ("flags", "code"), [(["--tol", "1"], 1), (["--time-limit", "1e-9"], 3)], ids=["none", "stopped"]
)
def test_no_source_leaves_no_results(
    data: list[str], tmp_path: Path, flags: list[str], code: int
) -> None:
    """Nor those of a report; a file that was changed since is somebody's own."""
    assert localize(data, tmp_path, "--report") == 0
    (tmp_path / "notes.txt").write_text("mine")
    edited = tmp_path / "sources.tsv"
    edited.write_text(edited.read_text() + "a remark\n")
    assert localize(data, tmp_path, *flags, alpha=99.9) == code
    assert set(contents(tmp_path)) == {"notes.txt", "sources.tsv"}
    assert not (tmp_path / "dipoles").exists()


def test_no_source_leaves_no_path(data: list[str], tmp_path: Path) -> None:
    """The same for a path, and results of other commands are theirs."""
    assert localize(data, tmp_path) == 0
    before = contents(tmp_path)
    how = ["path", *data, "--out", str(tmp_path), "--alphas"]
    assert main([*how, "60", "40", "2"]) == 0
    assert visible(tmp_path) > {"path.png", "path.tsv", "path-sources.tsv", "sources.tsv"}
    assert main([*how, "100", "100", "1"]) == 1
    assert contents(tmp_path) == before


def test_a_report_elsewhere_is_not_taken_for_one_of_this_run(
    data: list[str], tmp_path: Path, capsys: Capture
) -> None:
    """Reports with names of their own stay; where nothing is written that is said."""
    out, reports = tmp_path / "out", [tmp_path / f"alpha-{alpha}.html" for alpha in (20, 30)]
    for alpha, report in zip((20, 30), reports, strict=True):
        assert localize(data, out, "--report", str(report), alpha=alpha) == 0
        assert capsys.readouterr().out.rstrip().endswith(str(report))
    assert all(report.exists() for report in reports)
    assert localize(data, out, "--tol", "1", "--report", str(reports[0]), alpha=99.9) == 1
    assert f"{reports[0]} is of an earlier run: this one found no source" in capsys.readouterr().err
    assert set(contents(tmp_path)) == {report.name for report in reports}


@pytest.mark.parametrize("failing", ["residual-ave.fif", "sources.tsv", "dipoles/source-01.dip"])
def test_a_full_disk_leaves_the_old_results_whole(
    data: list[str], tmp_path: Path, capsys: Capture, monkeypatch: Patch, failing: str
) -> None:
    """The file is named, and the exit code is not that of wrong input or of no source."""
    assert localize(data, tmp_path, "--report") == 0
    before = contents(tmp_path)

    def begun(*arguments: Any, **_: Any) -> None:
        next(one for one in arguments if isinstance(one, Path)).write_text("cut off")
        full()

    owner, name = {
        "residual-ave.fif": (mne, "write_evokeds"),
        "sources.tsv": (mxne_rs.results.files, "write_table"),
        "dipoles/source-01.dip": (mne.Dipole, "save"),
    }[failing]
    monkeypatch.setattr(owner, name, begun)
    capsys.readouterr()
    assert localize(data, tmp_path, alpha=10) == 4
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        f"mxne-rs: error: {tmp_path / failing} cannot be written: No space left on device; "
        f"{tmp_path} is as it was\n"
    )
    assert contents(tmp_path) == before


@pytest.mark.parametrize("command", ["simulate", "path"])
def test_other_commands_leave_old_results_whole(
    data: list[str], tmp_path: Path, capsys: Capture, monkeypatch: Patch, command: str
) -> None:
    """They write to the side, too."""
    given = {
        "simulate": ["simulate", "--spacing", "20"],
        "path": ["path", *data, "--alphas", "60", "40", "2"],
    }[command]
    assert main([*given, "--out", str(tmp_path)]) == 0
    before = contents(tmp_path)
    owner: Any = {"simulate": mne, "path": mxne_rs.results.files}[command]
    monkeypatch.setattr(
        owner, {"simulate": "write_cov", "path": "write_path_sources"}[command], full
    )
    capsys.readouterr()
    assert main([*given[:-1], "20" if command == "simulate" else "3", "--out", str(tmp_path)]) == 4
    assert "No space left on device" in capsys.readouterr().err
    assert contents(tmp_path) == before


def test_a_simulation_that_fails_says_why(
    tmp_path: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    """Not that its files are missing; and the file that could not be opened is named."""

    def fail(error: Exception) -> int:
        def raising(side: Path, **_: Any) -> None:
            (side / "complete.fif").write_text("")
            if isinstance(error, OSError):
                error.filename = str(side / "closed.fif")
            raise error

        monkeypatch.setattr("mxne_rs.command.simulate.write_simulation", raising)
        return main(["simulate", "--out", str(tmp_path)])

    assert fail(RuntimeError("no head here")) == 4
    assert "cannot be written: no head here" in capsys.readouterr().err
    assert fail(PermissionError(errno.EACCES, os.strerror(errno.EACCES))) == 4
    assert f"{tmp_path / 'closed.fif'} cannot be written: Permission" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("number", range(1, 12))
def test_a_move_that_fails_is_undone(
    data: list[str], tmp_path: Path, capsys: Capture, monkeypatch: Patch, number: int
) -> None:
    """Wherever it fails, old files come back under their names."""
    assert localize(data, tmp_path, "--report") == 0
    before, moves = contents(tmp_path), []

    def replace(source: Any, target: Any, real: Any = os.replace) -> None:
        moves.append(target)
        if len(moves) == number:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(source))
        real(source, target)

    monkeypatch.setattr(mxne_rs.results.folder.os, "replace", replace)
    assert localize(data, tmp_path, alpha=10) == 4
    assert "Permission denied" in capsys.readouterr().err
    assert contents(tmp_path) == before


def test_a_folder_in_the_way_is_left_alone(
    data: list[str], tmp_path: Path, capsys: Capture
) -> None:
    """Whatever it holds."""
    (tmp_path / "sources.tsv").mkdir()
    (tmp_path / "sources.tsv" / "thesis.txt").write_text("years of work")
    assert localize(data, tmp_path) == 4
    assert f"{tmp_path / 'sources.tsv'} cannot be written: there is a folder" in (
        capsys.readouterr().err
    )
    assert set(contents(tmp_path)) == {"sources.tsv/thesis.txt"}


def test_a_folder_that_cannot_be_written_to_is_told_before_anything_is_solved(
    data: list[str], tmp_path: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    """With its option, and before the wait."""

    def read_only(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), "hidden")

    monkeypatch.setattr(mxne_rs.results.folder.tempfile, "TemporaryDirectory", read_only)
    monkeypatch.setattr("mxne_rs.command.localize.localize", None)
    assert localize(data, tmp_path) == 2
    assert f"--out {tmp_path} cannot be written to (Read-only file system); give another" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize("failing", ["draw", "write_report"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), RuntimeError(""), MemoryError()])
def test_what_was_solved_is_there_when_a_picture_fails(
    data: list[str], tmp_path: Path, capsys: Capture, monkeypatch: Patch, failing: str, error: Any
) -> None:
    """Its file is named, the old one does not stay, and the exit code says that one is missing."""
    assert localize(data, tmp_path, "--report") == 0
    there: list[set[str]] = []

    def fail(*_: Any, **__: Any) -> None:
        there.append(visible(tmp_path))
        raise error

    monkeypatch.setattr(mxne_rs.results.files, failing, fail)
    capsys.readouterr()
    assert localize(data, tmp_path, "--report", alpha=10) == 4
    captured = capsys.readouterr()
    file = {"draw": "localization.png", "write_report": "report.html"}[failing]
    assert f"error: {tmp_path / file} cannot be written: " in captured.err
    assert captured.err.count("\n") == 1
    assert "alpha 10 %" in captured.out and file not in captured.out.splitlines()[-1]
    # Numbers were in place before it was tried; nothing of the old run is left beside them.
    assert there[0] >= NUMBERS and file not in there[0]
    assert visible(tmp_path) >= NUMBERS and file not in visible(tmp_path)


def test_a_disk_that_is_full_after_the_numbers(
    data: list[str], tmp_path: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    """Not even a hidden list fits any more: the numbers are there, and told."""
    real, calls = Results._move, []

    def move(self: Any, *arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            full()
        real(self, *arguments)

    monkeypatch.setattr(Results, "_move", move)
    assert localize(data, tmp_path) == 4
    captured = capsys.readouterr()
    line = f"error: {tmp_path / 'localization.png'} cannot be written: No space left on device\n"
    assert captured.err == f"mxne-rs: {line}"
    assert captured.out.rstrip().endswith("residual-ave.fif")
    assert visible(tmp_path) >= NUMBERS


def test_a_file_that_fails_is_named_once(
    data: list[str], tmp_path: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    """Where the disk is full, the hidden list would not fit either: it is not written again."""
    monkeypatch.setattr(mxne_rs.results.files, "draw", full)
    monkeypatch.setattr(mxne_rs.results.files, "write_report", full)
    moves: list[Any] = []
    real = Results._move
    monkeypatch.setattr(Results, "_move", lambda *given: (moves.append(given), real(*given)))
    assert localize(data, tmp_path, "--report") == 4
    assert capsys.readouterr().err.count("\n") == 2
    assert len(moves) == 1


def test_a_picture_of_a_path_that_fails(
    data: list[str], tmp_path: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    """The tables are there."""
    monkeypatch.setattr(mxne_rs.results.files, "draw_path", full)
    how = ["path", *data, "--out", str(tmp_path), "--alphas", "60", "40", "2"]
    assert main(how) == 4
    assert f"{tmp_path / 'path.png'} cannot be written: No space" in capsys.readouterr().err
    assert visible(tmp_path) == {"path.tsv", "path-sources.tsv"}


def test_one_failing_format_does_not_take_the_others_with_it(
    data: list[str], tmp_path: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    """A package that is missing, a format that cannot hold the answer."""

    def fail(*_: Any) -> None:
        raise ImportError("a package is missing")

    monkeypatch.setattr(mxne_rs.results.files, "write_estimate", fail)
    assert localize(data, tmp_path) == 4
    assert "sources cannot be written: a package is missing" in capsys.readouterr().err
    assert visible(tmp_path) >= NUMBERS - {"sources-vl.stc"} | {"localization.png"}


def test_dipoles_that_fail_do_not_take_the_estimate_with_them(
    data: list[str], tmp_path: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    """MNE asserts things of their fits; what was solved is written first."""

    def fail(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(mxne_rs.inverse.localized.Localized, "dipoles", fail)
    assert localize(data, tmp_path) == 4
    assert "error: AssertionError; this is a fault of mxne-rs" in capsys.readouterr().err
    assert visible(tmp_path) == {"sources-vl.stc", "residual-ave.fif", "localization.png"}


def test_a_mixed_source_space_needs_a_package_and_says_so_first(
    data: list[str], tmp_path: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    """One message before anything is solved; everything but the estimate is written."""
    told: list[str] = []

    def find(*arguments: Any, **how: Any) -> Any:
        told.append(capsys.readouterr().err)
        return mxne_rs.localize(*arguments, **how)

    monkeypatch.setattr("mxne_rs.command.localize.localize", find)
    monkeypatch.setattr(mne.SourceSpaces, "kind", "mixed")
    monkeypatch.setattr(mxne_rs.results.files.importlib.util, "find_spec", lambda name: None)
    assert localize(data, tmp_path) == 4
    assert len(told) == 1 and "mixed source space" in told[0] and "pip install h5io" in told[0]
    captured = capsys.readouterr()
    assert captured.err == ""
    assert visible(tmp_path) >= {"sources.tsv", "residual-ave.fif", "localization.png"}
    assert not list(tmp_path.glob("sources-*"))


def test_a_fault_of_the_program_is_not_called_no_source(
    data: list[str], tmp_path: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    """Python's own exit code for an error is 1."""

    def fail(*_: Any, **__: Any) -> None:
        raise KeyError("lost")

    monkeypatch.setattr("mxne_rs.command.localize.localize", fail)
    assert localize(data, tmp_path) == 4
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.splitlines()[-1] == (
        "mxne-rs: error: 'lost'; this is a fault of mxne-rs, please report it"
    )


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"../notes.txt": "%s"}', '{"/etc/passwd": "%s"}', '{"notes.txt": 3}']
)
def test_a_list_that_is_damaged_removes_nothing(tmp_path: Path, text: str) -> None:
    """Nor does one that somebody else made."""
    import hashlib

    notes, out = tmp_path / "notes.txt", tmp_path / "out"
    notes.write_text("mine")
    out.mkdir()
    checksum = hashlib.sha256(b"mine").hexdigest()
    (out / ".mxne-rs-localize.json").write_text(text.replace("%s", checksum))
    Results(out, "localize").write({"new": lambda side: (side / "new").write_text("")})
    assert notes.read_text() == "mine"
    listed = json.loads((out / ".mxne-rs-localize.json").read_text())
    assert set(listed) == {"new"}


def test_an_interrupt_while_writing_leaves_the_old_results_whole(
    data: list[str], tmp_path: Path, monkeypatch: Patch
) -> None:
    """Ctrl-C comes at any time."""
    assert localize(data, tmp_path) == 0
    before = contents(tmp_path)

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(mxne_rs.results.files, "write_estimate", interrupted)
    assert localize(data, tmp_path, alpha=10) == 130
    assert contents(tmp_path) == before


def test_a_reproduction_owns_its_files(tmp_path: Path, monkeypatch: Patch) -> None:
    """Figures and tables of an earlier run do not stay; finished parts and other files do."""
    from mxne_rs._looks.axes import blank_figure
    from papers import PAPERS
    from papers.findings import Claim, Findings, Picture, Table

    def findings(names: list[str]) -> Any:
        pictures = [Picture(name, name, "", blank_figure(1, 1)) for name in names]
        tables = [Table(f"{name}-table", name, ["a"], [[1]]) for name in names]
        claims = [Claim("It is so.", "I", "undecided", "")]
        return lambda **_: Findings("title", "about", {}, claims, pictures, tables)

    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "draw-0000.npz").write_bytes(b"kept")
    (tmp_path / "mine.png").write_bytes(b"kept")
    for names in (["one", "two"], ["one"]):
        monkeypatch.setitem(PAPERS, "prni2014", lambda names=names: findings(names))
        assert main(["reproduce", "prni2014", "--out", str(tmp_path)]) == 0
        tables = {f"{name}-table.csv" for name in names}
        assert visible(tmp_path) == {
            *(f"{name}.png" for name in names), *tables, "report.html", "claims.csv", "mine.png",
            "parts/draw-0000.npz",
        }  # fmt: skip


def test_arrays_are_not_changed_by_writing(data: list[str], tmp_path: Path) -> None:
    """What was written before is what MNE reads back after another run failed to start."""
    assert localize(data, tmp_path) == 0
    before = mne.read_source_estimate(tmp_path / "sources-vl.stc").data
    assert localize(data, tmp_path, "--baseline", "5", "6") == 2
    assert np.array_equal(mne.read_source_estimate(tmp_path / "sources-vl.stc").data, before)
