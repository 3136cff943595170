"""The command line: path, simulate, help, interruptions, and whatever is no command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mxne_rs.command
from commands import Capture, evoked_of, refused, run, told, without
from mxne_rs.command import main
from places import DATA, MISSING

mne = pytest.importorskip("mne", minversion="1.12")
pytest.importorskip("matplotlib")


def test_path(files: dict[str, str], tmp_path: Path, capsys: Capture) -> None:
    """Tables and picture of falling alphas; the ends may be given in either order."""
    options = {**without(files, "--alpha"), "--out": str(tmp_path / "new"), "--alphas": "25|100|5"}
    assert run(options, command="path") == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    lines = captured.out.splitlines()
    assert lines[0] == "Simulated auditory, 60 to 150 ms: irMxNE at 5 alphas"
    assert [line.split()[0] for line in lines[2:7]] == ["100", "70.71", "50", "35.36", "25"]
    out = tmp_path / "new"
    table = [line.split("\t") for line in (out / "path.tsv").read_text().splitlines()]
    assert table[0][:2] == ["alpha_percent", "n_sources"]
    counts = [int(line[1]) for line in table[1:]]
    assert counts[0] == 0
    assert counts[-1] == 2
    sources = [line.split("\t") for line in (out / "path-sources.tsv").read_text().splitlines()]
    assert len(sources[0]) == len(sources[-1]) == 22
    at_end = [line for line in sources if line[0] == "25"]
    assert [line[2] for line in at_end] == ["left", "right"]
    picture = (out / "path.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(picture) > 30_000
    # What `localize` finds at one of them.
    assert run({**files, "--alpha": "25", "--out": str(tmp_path / "one")}) == 0
    one = (tmp_path / "one" / "sources.tsv").read_text().splitlines()
    assert [line.split("\t") for line in one[1:]] == [line[1:] for line in at_end]


@pytest.mark.usefixtures("no_pictures")
def test_path_exit_codes(files: dict[str, str], tmp_path: Path, capsys: Capture) -> None:
    """Nothing found, not converged, not settled, wrong input: as for localize."""
    options = {**without(files, "--alpha"), "--out": str(tmp_path)}
    assert run({**options, "--alphas": "100|100|1"}, command="path") == 1
    assert told(capsys, "no source", "--alphas") == ""
    assert not any(tmp_path.iterdir())
    cut = {**options, "--alphas": "60|5|3", "--maxit": "1", "--reweights": "1", "--tol": "1e-9"}
    assert run(cut, command="path") == 3
    out = told(capsys, "not converged at ", " of 3 alphas", "--maxit 1")
    assert "iteration limit" in out
    assert run({**options, "--alphas": "40|20|2", "--reweights": "2"}, command="path") == 0
    assert "not settled at 2 of 2 alphas" in capsys.readouterr().out
    refused(capsys, {**options, "--alpha": "20"}, "--alpha 20", command="path")
    refused(capsys, {**options, "--alphas": "20|0|2"}, "--alphas", command="path")
    refused(capsys, {**options, "--forward": "x"}, "no such file", command="path")


def test_path_in_python(files: dict[str, str]) -> None:
    """Warnings name percentages; that the first ones leave no source is none."""
    from mxne_rs import ConvergenceWarning, localize_path

    inputs = (
        evoked_of(files).crop(0.06, 0.15),
        mne.read_forward_solution(files["--forward"]),
        mne.read_cov(files["--noise-cov"]),
    )
    found = localize_path(*inputs, [100, 50, 100])
    assert [one.alpha for one in found] == [pytest.approx(100), pytest.approx(50)]
    with pytest.warns(ConvergenceWarning, match=r"1 of 2 alphas \(5 %\); raise maxit") as caught:
        localize_path(*inputs, [100, 5], maxit=1, tol=1e-9, n_mxne_iter=1)
    assert len(caught) == 1
    for wrong in ([0, 50], [50, 101]):
        with pytest.raises(ValueError, match=r"percents reach from .*above 0, at most 100"):
            localize_path(*inputs, wrong)
    assert len(localize_path(*inputs, maxit=1, tol=1)) == 15


def test_path_on_a_cortex(tmp_path: Path, capsys: Capture) -> None:
    """On real data sources are named by hemisphere and vertex."""
    if not DATA.is_dir():
        pytest.skip(MISSING)
    from mxne_rs import localize_path
    from mxne_rs.results.draw_path import draw_path

    found = localize_path(
        mne.read_evokeds(DATA / "auditory-ave.fif", "Left Auditory").crop(0.08, 0.1),
        mne.read_forward_solution(DATA / "cortex-1000-meg-eeg-fwd.fif"),
        mne.read_cov(DATA / "noise-cov.fif"),
        [80, 60],
        n_mxne_iter=10,
    )
    space = found[-1].forward["src"]
    vertices = [vertex for side in space for vertex in side["vertno"]]
    expected = {str(vertices[index]) for index in np.flatnonzero(found[-1].active)}
    legend = draw_path(found).axes[2].get_legend()
    names = [text.get_text().split() for text in legend.get_texts()]
    assert expected <= {vertex for _, vertex in names}
    assert {side for side, _ in names} <= {"left", "right"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"--spacing": "500"}, ["--spacing", "from 3 to 20 mm"]),
        ({"--spacing": "60"}, ["--spacing", "from 3 to 20 mm"]),
        ({"--spacing": "0"}, ["--spacing", "from 3 to 20 mm"]),
        ({"--spacing": "near"}, ["--spacing", "from 3 to 20 mm"]),
        ({"--rng": "-1"}, ["--rng", "at least 0"]),
    ],
)
def test_simulate_refuses(
    capsys: Capture, tmp_path: Path, changes: dict[str, str], words: list[str]
) -> None:
    """Heads without locations and seeds that are none."""
    refused(capsys, {"--out": str(tmp_path), **changes}, *words, command="simulate")


@pytest.mark.usefixtures("no_pictures")
def test_simulate_shows_a_command_that_runs(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it says to try works, also in a folder whose name has a space."""
    import shlex

    monkeypatch.chdir(tmp_path)
    assert main(["simulate", "--out", "my demo", "--spacing", "20"]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("try: mxne-rs localize")
    assert main(shlex.split(line)[2:]) == 0
    assert "2 sources" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["localize", "path", "simulate"])
def test_interrupt(
    files: dict[str, str], capsys: Capture, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """Ctrl-C is one line and the exit code that shells expect."""

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    replaced = {
        "localize": "localize.localize",
        "path": "localize.localize_path",
        "simulate": "simulate.write_simulation",
    }
    monkeypatch.setattr(f"mxne_rs.command.{replaced[verb]}", interrupted)
    given = {"localize": files, "path": without(files, "--alpha")}
    assert run(given.get(verb, {"--out": files["--out"]}), command=verb) == 130
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "mxne-rs: interrupted\n")


def test_reader_that_stops_reading(tmp_path: Path) -> None:
    """A pipe that is closed early is no error, and neither is a closed stdout."""
    command = [sys.executable, "-m", "mxne_rs", "simulate", "--spacing", "20"]
    read, write = os.pipe()
    os.close(read)
    piped = subprocess.run([*command, "--out", tmp_path], stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (piped.returncode, piped.stderr) == (0, b"")
    close = "import os, subprocess, sys; os.close(1); sys.exit(subprocess.call(sys.argv[1:]))"
    closed = subprocess.run(
        [sys.executable, "-c", close, *command, "--out", tmp_path], stderr=subprocess.PIPE
    )
    assert (closed.returncode, closed.stderr) == (0, b"")


def test_without_mne(
    files: dict[str, str], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has to be installed is named."""
    monkeypatch.setitem(sys.modules, "mne", None)
    refused(capsys, files, "localize needs MNE-Python", "pip install 'mxne-rs[mne]'")


@pytest.mark.parametrize("command", [[], ["localize"], ["path"], ["simulate"]], ids=" ".join)
def test_help(capsys: Capture, command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Help has examples that parse, and a text for every option; codes are listed."""
    import shlex

    from mxne_rs.command import parse

    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit) as stopped:
        main([*command, "--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    assert "default: None" not in text
    # Each option is followed by its help, in the same line or below.
    lines = text.splitlines()
    options = [i for i, line in enumerate(lines) if line.startswith("  --")]
    for i in options:
        assert "  " in lines[i].strip() or lines[i + 1].startswith(" " * 20), lines[i]
    examples = [
        line for line in text.replace("\\\n", " ").splitlines() if line.startswith("  mxne-rs ")
    ]
    assert examples
    for example in examples:
        assert parse(shlex.split(example)[1:]).out
    if not command:
        for code in ("0", "1", "2", "3", "130"):
            assert any(line.split()[:1] == [code] for line in lines)
    elif command != ["simulate"]:
        assert len(options) > 15


def test_version_and_wrong_commands(capsys: Capture) -> None:
    """The version leaves by argparse; no command, or one that is none, is a line."""
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"mxne-rs {mxne_rs.__version__}\n"
    for arguments in ([], ["sideways"]):
        assert main(arguments) == 2
        told(capsys, "COMMAND", "--help")


def test_help_imports_numpy_only() -> None:
    """The help of every command is there at once: MNE and matplotlib take seconds."""
    heavy = {"mne", "matplotlib", "scipy", "mne_lsl"}
    code = f"""if True:
        import sys
        from mxne_rs.command import main
        try:
            main(["stream", "--help"])
        finally:
            print(*sorted({heavy!r} & sys.modules.keys()))"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""


def test_a_generator_or_its_seed() -> None:
    """The noise of a simulation is drawn from either."""
    from mxne_rs.simulate import simulate_auditory

    streams = (3, np.random.default_rng(3), 4)
    drawn = [simulate_auditory(spacing=20.0, rng=rng)[0].data for rng in streams]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
