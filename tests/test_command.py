"""The command line: files in, files out, and one line that says what to do where that fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mxne_rs.command import main

mne = pytest.importorskip("mne", minversion="1.12")
pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Options that localize a simulated response, from the files that `simulate` writes."""
    folder = tmp_path_factory.mktemp("simulated")
    assert main(["simulate", "--out", str(folder), "--spacing", "16"]) == 0
    return {
        "--evoked": str(folder / "simulated-ave.fif"),
        "--forward": str(folder / "simulated-fwd.fif"),
        "--noise-cov": str(folder / "simulated-cov.fif"),
        "--tmin": "0.06",
        "--tmax": "0.15",
        "--alpha": "20",
        "--out": str(folder / "results"),
    }


def run(options: dict[str, str], *flags: str) -> int:
    """Run ``mxne-rs localize`` in this process."""
    return main(["localize", *(part for pair in options.items() for part in pair), *flags])


def refused(capsys: pytest.CaptureFixture[str], options: dict[str, str], *words: str) -> None:
    """Exit code 2, nothing on stdout, one line on stderr with these words."""
    assert run(options) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("mxne-rs: error: ")
    for word in words:
        assert word in captured.err


def test_localize(
    files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two sources are found, and MNE reads everything back."""
    out = tmp_path / "new" / "results"
    assert run({**files, "--out": str(out)}) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    for word in ("Simulated auditory", "60 to 150 ms", "left", "right", "converged", "gap"):
        assert word in captured.out

    lines = [line.split("\t") for line in (out / "sources.tsv").read_text().splitlines()]
    table = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
    assert sorted(row["hemisphere"] for row in table) == ["left", "right"]
    truth = Path(files["--evoked"]).with_name("true-sources.tsv").read_text().splitlines()
    for row in table:
        true = next(line.split("\t") for line in truth if line.startswith(row["hemisphere"]))
        place = np.array([float(row[f"{axis}_head_mm"]) for axis in "xyz"])
        assert np.linalg.norm(place - np.array(true[1:4], float)) < 20
        assert abs(float(row["peak_time_ms"]) - float(true[5])) <= 3

    stc = mne.read_source_estimate(out / "sources-vl.stc")
    assert stc.data.shape == (2, 91)
    np.testing.assert_allclose(stc.times[[0, -1]], [0.06, 0.15], atol=1e-6)
    for row in table:
        name = out / "dipoles" / f"source-{int(row['source']):02d}.dip"
        dipole = mne.read_dipole(name, verbose="ERROR")
        assert len(dipole.times) == 91
        amplitude = 1e9 * np.abs(dipole.amplitude).max()
        assert amplitude == pytest.approx(float(row["peak_amplitude_nam"]), abs=0.11)
        position = 1e3 * dipole.pos[0]
        expected = [float(row[f"{axis}_head_mm"]) for axis in "xyz"]
        np.testing.assert_allclose(position, expected, atol=0.11)
        peak = 1e9 * stc.data[list(stc.vertices[0]).index(int(row["vertex"]))].max()
        assert peak == pytest.approx(amplitude, abs=0.11)
    residual = mne.read_evokeds(out / "residual-ave.fif", verbose="ERROR")[0]
    evoked = mne.read_evokeds(files["--evoked"], condition=0, verbose="ERROR").crop(0.06, 0.15)
    assert residual.data.shape == evoked.data.shape
    assert np.sum(residual.data**2) < np.sum(evoked.data**2)
    picture = (out / "localization.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(picture) > 50_000


def test_options_reach_the_solver(
    files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """MxNE with fixed orientation, undebiased, into a folder that holds an older result."""
    options = {**files, "--out": str(tmp_path), "--reweights": "1", "--loose": "0"}
    options |= {"--condition": "0", "--baseline": "none", "--solver": "fista", "--depth": "0.9"}
    (tmp_path / "dipoles").mkdir()
    (tmp_path / "dipoles" / "source-99.dip").write_text("an older result")
    arguments = [part for pair in options.items() for part in pair]
    arguments.insert(arguments.index("--baseline") + 2, "0")
    assert main(["localize", *arguments, "--no-debias"]) == 0
    captured = capsys.readouterr()
    assert ": MxNE, alpha 20 %" in captured.out
    n_sources = len((tmp_path / "sources.tsv").read_text().splitlines()) - 1
    assert n_sources > 2
    assert len(list((tmp_path / "dipoles").iterdir())) == n_sources


def test_surface_estimate(tmp_path: Path) -> None:
    """On a cortex the estimate is one file per hemisphere, also where one has no source."""
    from mxne_rs.command import _write_estimate

    stc = mne.SourceEstimate(np.ones((2, 3)), [np.array([4, 7]), np.array([], int)], 0.0, 0.001)
    assert _write_estimate(stc, tmp_path) == ["sources-lh.stc", "sources-rh.stc"]
    back = mne.read_source_estimate(tmp_path / "sources")
    np.testing.assert_array_equal(back.data, stc.data)
    np.testing.assert_array_equal(back.lh_vertno, [4, 7])


@pytest.mark.parametrize("option", ["--evoked", "--forward", "--noise-cov"])
def test_missing_file(
    files: dict[str, str], capsys: pytest.CaptureFixture[str], option: str
) -> None:
    """A file that is not there is named, with its option."""
    refused(capsys, {**files, option: "nowhere.fif"}, option, "nowhere.fif", "no such file")


@pytest.mark.parametrize("option", ["--evoked", "--forward", "--noise-cov"])
def test_file_of_another_kind(
    files: dict[str, str], capsys: pytest.CaptureFixture[str], option: str, tmp_path: Path
) -> None:
    """A file that is something else is named, with its option."""
    other = {"--evoked": "--noise-cov", "--forward": "--evoked", "--noise-cov": "--forward"}[option]
    refused(capsys, {**files, option: files[other]}, option, files[other])
    text = tmp_path / "notes-ave.fif"
    text.write_text("not a FIF file")
    refused(capsys, {**files, option: str(text)}, option, "not a readable")


def test_condition(
    files: dict[str, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A wrong or missing condition is answered by the list of those there are."""
    for name in ("Right Visual", "1", "-1"):
        refused(capsys, {**files, "--condition": name}, name, "0 'Simulated auditory'")
    evoked = mne.read_evokeds(files["--evoked"], condition=0, verbose="ERROR")
    second = evoked.copy()
    second.comment = "second"
    several = str(tmp_path / "several-ave.fif")
    mne.write_evokeds(several, [evoked, second], verbose="ERROR")
    refused(capsys, {**files, "--evoked": several}, "--condition", "1 'second'")
    assert run({**files, "--evoked": several, "--condition": "second"}) == 0
    assert capsys.readouterr().out.startswith("second, ")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"--tmin": "0.4"}, ["--tmin", "0.3 s"]),
        ({"--tmin": "0.2", "--tmax": "0.1"}, ["--tmin"]),
        ({"--alpha": "0"}, ["alpha"]),
        ({"--alpha": "nan"}, ["alpha"]),
        ({"--reweights": "0"}, ["--reweights"]),
        ({"--loose": "3"}, ["loose"]),
        ({"--tol": "-1"}, ["tol"]),
    ],
)
def test_values_out_of_range(
    files: dict[str, str], capsys: pytest.CaptureFixture[str], changes: Any, words: list[str]
) -> None:
    """What is out of range is named."""
    refused(capsys, {**files, **changes}, *words)


def test_channels_that_do_not_match(
    files: dict[str, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Files of different systems are told apart by their first channels."""
    evoked = mne.read_evokeds(files["--evoked"], condition=0, verbose="ERROR")
    evoked.rename_channels(lambda name: name.replace("MEG ", "M"))
    renamed = str(tmp_path / "renamed-ave.fif")
    evoked.save(renamed, verbose="ERROR")
    refused(capsys, {**files, "--evoked": renamed}, "no good channel in common", "M0113")


def test_folder_that_is_a_file(
    files: dict[str, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Results are not written over a file."""
    taken = tmp_path / "taken"
    taken.write_text("")
    refused(capsys, {**files, "--out": str(taken)}, "--out", "taken")


def test_no_source(
    files: dict[str, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """No source at this alpha is neither success nor wrong input."""
    out = tmp_path / "results"
    assert run({**files, "--alpha": "99.9", "--tol": "1", "--out": str(out)}) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "mxne-rs: no source at alpha 99.9: lower --alpha\n"
    assert not any(out.iterdir())


def test_warnings_are_lines(
    files: dict[str, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A solve that stops short is reported on stderr, without file and line of this package."""
    options = {**files, "--maxit": "1", "--reweights": "1", "--tol": "1e-12"}
    assert run({**options, "--out": str(tmp_path)}) == 0
    captured = capsys.readouterr()
    assert captured.err.startswith("mxne-rs: warning: stopped after ")
    assert captured.err.count("\n") == 1
    assert "iteration limit" in captured.out


def test_help_and_wrong_options(capsys: pytest.CaptureFixture[str]) -> None:
    """The parser's own exits: 0 for help and version, 2 for what it does not know."""
    for arguments, code in (
        (["--help"], 0),
        (["--version"], 0),
        (["localize", "--help"], 0),
        (["simulate", "--help"], 0),
        ([], 2),
        (["localize", "--sideways"], 2),
    ):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == code
    assert "mxne-rs" in capsys.readouterr().out
