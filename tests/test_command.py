"""The command line: files in, files out, and one line that says what to do where that fails."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import mxne_rs.command
from mxne_rs.command import main

mne = pytest.importorskip("mne", minversion="1.12")
pytest.importorskip("matplotlib")
pytest.importorskip("scipy.linalg")  # brings a BLAS that has to be there to be limited

DATA = Path(os.environ.get("MXNE_RS_DATA", Path(__file__).parents[2] / "shared" / "data"))
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Any:
    """MNE reports errors only; BLAS does not wait for cores that other tests are using."""
    with mne.utils.use_log_level("ERROR"), threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Options that localize a simulated response, from the files that `simulate` writes."""
    folder = tmp_path_factory.mktemp("simulated")
    assert main(["simulate", "--out", str(folder), "--spacing", "20"]) == 0
    return {
        "--evoked": str(folder / "simulated-ave.fif"),
        "--forward": str(folder / "simulated-fwd.fif"),
        "--noise-cov": str(folder / "simulated-cov.fif"),
        "--tmin": "0.06",
        "--tmax": "0.15",
        "--alpha": "20",
        "--out": str(folder / "results"),
    }


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a test is about something else: they take longest."""
    monkeypatch.setattr("mxne_rs.command.writing.draw", lambda *_, **__: None)
    monkeypatch.setattr("mxne_rs.command.writing.draw_path", lambda *_, **__: None)


def without(options: dict[str, str], *names: str) -> dict[str, str]:
    """Options but some of them."""
    return {name: value for name, value in options.items() if name not in names}


def run(options: dict[str, str], *flags: str, command: str = "localize") -> int:
    """Run a command in this process."""
    pairs = ((name, *value.split("|")) for name, value in options.items())
    return main([command, *(part for pair in pairs for part in pair), *flags])


def evoked_of(files: dict[str, str]) -> Any:
    """The simulated response, all of its times."""
    return mne.read_evokeds(files["--evoked"], condition=0)


def refused(
    capsys: Capture, options: dict[str, str], *words: str, command: str = "localize"
) -> None:
    """Exit code 2, nothing on stdout, one line on stderr with these words."""
    assert run(options, command=command) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("mxne-rs: error: ")
    for word in words:
        assert word in captured.err


def told(capsys: Capture, *words: str) -> str:
    """One line on stderr with these words, and none of those of the array functions."""
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("mxne-rs: ")
    for word in words:
        assert word in captured.err
    for word in ("max_iter", "time_limit", "alpha_max", "n_mxne_iter", "noise_cov"):
        assert word not in captured.err
    return captured.out


def test_localize(files: dict[str, str], tmp_path: Path, capsys: Capture) -> None:
    """Two sources are found, and MNE reads everything back."""
    out = tmp_path / "new" / "results"
    assert run({**files, "--out": str(out)}) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    for word in ("Simulated auditory", "60 to 150 ms", "left", "right", "converged", "gap"):
        assert word in captured.out
    assert "306 channels\n" in captured.out
    assert "had not settled" not in captured.out

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
        dipole = mne.read_dipole(name)
        assert len(dipole.times) == 91
        amplitude = 1e9 * np.abs(dipole.amplitude).max()
        assert amplitude == pytest.approx(float(row["peak_amplitude_nam"]), abs=0.11)
        position = 1e3 * dipole.pos[0]
        expected = [float(row[f"{axis}_head_mm"]) for axis in "xyz"]
        np.testing.assert_allclose(position, expected, atol=0.11)
        peak = 1e9 * stc.data[list(stc.vertices[0]).index(int(row["vertex"]))].max()
        assert peak == pytest.approx(amplitude, abs=0.11)
    residual = mne.read_evokeds(out / "residual-ave.fif")[0]
    evoked = evoked_of(files).crop(0.06, 0.15)
    assert residual.data.shape == evoked.data.shape
    assert np.sum(residual.data**2) < np.sum(evoked.data**2)
    picture = (out / "localization.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(picture) > 50_000


@pytest.mark.usefixtures("no_pictures")
def test_options_reach_the_solver(files: dict[str, str], tmp_path: Path, capsys: Capture) -> None:
    """MxNE with fixed orientation, undebiased."""
    options = {**files, "--out": str(tmp_path), "--reweights": "1", "--loose": "0"}
    options |= {"--condition": "0", "--solver": "fista", "--depth": "0.9", "--baseline": "none|0"}
    assert run(options, "--no-debias") == 0
    captured = capsys.readouterr()
    assert ": MxNE, alpha 20 %" in captured.out
    n_sources = len((tmp_path / "sources.tsv").read_text().splitlines()) - 1
    assert n_sources > 2
    assert len(list((tmp_path / "dipoles").iterdir())) == n_sources


def test_arguments_of_localize(files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every option arrives under the name that it has there, --tol as the gap that is shown."""
    given: dict[str, Any] = {}

    def instead(*_: Any, **how: Any) -> None:
        given.update(how)
        raise ValueError("enough")

    monkeypatch.setattr("mxne_rs.command.localize.localize", instead)
    options = {"--loose": "0.3", "--depth": "0.5", "--reweights": "7", "--maxit": "11"}
    options["--amplitude-unit"] = "2.5"
    options |= {"--tol": "1e-3", "--time-limit": "9", "--solver": "fista", "--alpha": "sure"}
    options |= {"--alphas": "20|80|3", "--sure-sigma": "0.5", "--rng": "4"}
    assert run({**files, **options}, "--no-debias") == 2
    np.testing.assert_allclose(given.pop("sure_alpha_grid"), [80, 40, 20])
    assert given == {
        "loose": 0.3, "depth": 0.5, "n_mxne_iter": 7, "amplitude_unit": 2.5, "maxit": 11,
        "tol": 1e-3, "time_limit": 9,
        "debias": False, "solver": "fista", "verbose": None, "sure_sigma": 0.5, "rng": 4,
        "allow_small_alpha": False,
    }  # fmt: skip


@pytest.mark.usefixtures("no_pictures")
def test_baseline(files: dict[str, str], tmp_path: Path, capsys: Capture) -> None:
    """It is subtracted before cropping; an end that is off by less than half a sample is there."""
    evoked = evoked_of(files)
    evoked.data[:] += np.sign(evoked.data[:, [0]]) * 1e-12
    shifted = str(tmp_path / "shifted-ave.fif")
    evoked.save(shifted)
    options = {**files, "--evoked": shifted, "--baseline": "-0.1003|0", "--out": str(tmp_path)}
    assert run(options) == 0
    capsys.readouterr()
    residual = mne.read_evokeds(tmp_path / "residual-ave.fif")[0]
    other = {**files, "--baseline": "none|0", "--out": str(tmp_path / "other")}
    assert run(other) == 0
    expected = mne.read_evokeds(tmp_path / "other" / "residual-ave.fif")[0]
    np.testing.assert_allclose(residual.data, expected.data, atol=1e-16)


def test_sources_on_a_cortex(tmp_path: Path) -> None:
    """On a cortex the estimate is one file per hemisphere, also where one has no source."""
    from mxne_rs.command.writing import write_estimate

    stc = mne.SourceEstimate(np.ones((2, 3)), [np.array([4, 7]), np.array([], int)], 0.0, 0.001)
    assert write_estimate(stc, tmp_path) == ["sources-lh.stc", "sources-rh.stc"]
    back = mne.read_source_estimate(tmp_path / "sources")
    np.testing.assert_array_equal(back.data, stc.data)
    np.testing.assert_array_equal(back.lh_vertno, [4, 7])


@pytest.fixture(scope="module")
def epochs_file(files: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """Four epochs: two of an ear that hears a tone, two of noise alone."""
    evoked = evoked_of(files)
    data = np.stack([evoked.data, evoked.data, 0.01 * evoked.data, 0.01 * evoked.data])
    events = np.column_stack([1000 * np.arange(4), np.zeros(4, int), [1, 2, 3, 3]])
    epochs = mne.EpochsArray(
        data, evoked.info, events, evoked.times[0], {"tone/left": 1, "tone/right": 2, "noise": 3}
    )
    path = tmp_path_factory.mktemp("epochs") / "tones-epo.fif"
    epochs.save(path)
    return str(path)


@pytest.mark.usefixtures("no_pictures")
def test_epochs(files: dict[str, str], epochs_file: str, tmp_path: Path, capsys: Capture) -> None:
    """Epochs are selected by event and averaged."""
    options = {**without(files, "--evoked"), "--epochs": epochs_file, "--out": str(tmp_path)}
    assert run({**options, "--condition": "tone"}) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("tone, average of 2, 60 to 150 ms: irMxNE")
    residual = mne.read_evokeds(tmp_path / "residual-ave.fif")[0]
    assert residual.nave == 2
    assert run({**files, "--out": str(tmp_path / "evoked")}) == 0
    expected = mne.read_evokeds(tmp_path / "evoked" / "residual-ave.fif")[0]
    # The covariance of the average differs by its factor alone, alpha is relative to it.
    np.testing.assert_allclose(residual.data, expected.data, atol=2e-16)
    capsys.readouterr()
    assert run(options) == 0
    assert capsys.readouterr().out.startswith("all epochs, average of 4, ")
    refused(capsys, {**options, "--condition": "tune"}, "'tune'", "'tone/left', 'tone/right'")


def test_no_epochs(
    files: dict[str, str], epochs_file: str, tmp_path: Path, capsys: Capture
) -> None:
    """A file without epochs says so."""
    epochs = mne.read_epochs(epochs_file)
    epochs.drop(range(4))
    name = str(tmp_path / "none-epo.fif")
    epochs.save(name)
    refused(capsys, {**without(files, "--evoked"), "--epochs": name}, "--epochs", "no epochs")


@pytest.mark.usefixtures("no_pictures")
def test_raw(files: dict[str, str], tmp_path: Path, capsys: Capture) -> None:
    """A range of a recording is localized, in its own time; options that do not fit are named."""
    evoked = evoked_of(files)
    name = str(tmp_path / "tones_raw.fif")
    mne.io.RawArray(evoked.data, evoked.info).save(name)
    options = {**without(files, "--evoked"), "--raw": name, "--out": str(tmp_path)}
    assert run({**options, "--tmin": "0.16", "--tmax": "0.25"}) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.startswith("tones_raw.fif, 160 to 250 ms: irMxNE")
    stc = mne.read_source_estimate(tmp_path / "sources-vl.stc")
    assert stc.data.shape == (2, 91)
    assert stc.times[0] == pytest.approx(0.16)
    assert stc.times[stc.data[0].argmax()] in (pytest.approx(0.2, abs=3e-3), pytest.approx(0.21))
    refused(capsys, {**options, "--tmin": "0.5"}, "--tmin 0.5", "from 0 to 0.4 s")
    refused(capsys, {**options, "--condition": "0"}, "--condition", "--raw")
    refused(capsys, {**options, "--baseline": "none|0"}, "--baseline", "--raw")


@pytest.mark.usefixtures("no_pictures")
def test_long_raw(
    files: dict[str, str], tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That all of a recording is localized is said where that is much."""
    evoked = evoked_of(files)
    name = str(tmp_path / "tones_raw.fif")
    mne.io.RawArray(evoked.data, evoked.info).save(name)
    monkeypatch.setattr("mxne_rs.command.reading.MANY_SAMPLES", 400)
    options = without(files, "--evoked", "--tmin", "--tmax") | {"--raw": name}
    assert run({**options, "--alpha": "60", "--out": str(tmp_path)}) == 0
    told(capsys, "warning", "0 to 0.4 s", "--tmin and --tmax")


@pytest.mark.usefixtures("no_pictures")
def test_sure(files: dict[str, str], tmp_path: Path, capsys: Capture) -> None:
    """The alpha that SURE chooses is shown, and that it is an end of its grid."""
    options = {**files, "--alpha": "sure", "--reweights": "1", "--out": str(tmp_path)}
    # Too much is shrunk at one end, noise is explained at the other.
    assert run({**options, "--alphas": "90|2.5|3"}) == 0
    captured = capsys.readouterr()
    assert "alpha 15 % (chosen by SURE)" in captured.out
    assert captured.err == ""
    assert run({**options, "--alphas": "90|60|2"}) == 0
    assert "alpha 60 % (chosen by SURE)" in told(capsys, "warning", "60 %", "--alphas")
    assert run({**options, "--alphas": "60|20|2", "--sure-sigma": "3"}) == 0
    told(capsys, "warning", "60 %", "--sure-sigma may be too high")


@pytest.mark.parametrize(
    ("name", "value"), [("--rng", "1"), ("--sure-sigma", "1"), ("--alphas", "90|10|5")]
)
def test_sure_options_alone(files: dict[str, str], capsys: Capture, name: str, value: str) -> None:
    """What only SURE uses is not silently without effect."""
    refused(capsys, {**files, name: value}, f"{name} goes with --alpha sure", "--alpha is 20")


@pytest.mark.usefixtures("no_pictures")
def test_alpha_below_one(files: dict[str, str], tmp_path: Path, capsys: Capture) -> None:
    """A part where a percentage is meant is refused, unless it is asked for."""
    options = {**files, "--alpha": "0.5", "--tol": "1e-2", "--reweights": "1"}
    refused(capsys, options, "--alpha 0.5", "percentage", "give 50", "--allow-small-alpha")
    assert run({**options, "--out": str(tmp_path)}, "--allow-small-alpha") == 0
    assert "alpha 0.5 %" in capsys.readouterr().out
    grid = {**files, "--alpha": "sure", "--alphas": "1|0.1|3"}
    refused(capsys, grid, "--alphas 1 ", "percentage", "give 100")


@pytest.mark.parametrize("option", ["--evoked", "--forward", "--noise-cov", "--epochs", "--raw"])
def test_missing_file(files: dict[str, str], capsys: Capture, option: str) -> None:
    """A file that is not there is named, with its option."""
    kept = without(files, "--evoked") if option in ("--epochs", "--raw") else files
    refused(capsys, {**kept, option: "nowhere.fif"}, option, "nowhere.fif", "no such file")


@pytest.mark.parametrize(
    ("option", "other", "holds", "wanted"),
    [
        ("--evoked", "--noise-cov", "a covariance", "evoked responses"),
        ("--forward", "--evoked", "evoked responses", "a forward solution"),
        ("--forward", "--noise-cov", "a covariance", "a forward solution"),
        ("--noise-cov", "--forward", "a forward solution", "a covariance"),
        ("--epochs", "--evoked", "evoked responses", "epochs"),
        ("--raw", "--evoked", "evoked responses", "a continuous recording"),
    ],
)
def test_file_of_another_kind(
    files: dict[str, str], capsys: Capture, option: str, other: str, holds: str, wanted: str
) -> None:
    """A file that is something else is named with its option, what it holds and what it should."""
    kept = without(files, "--evoked") if option in ("--epochs", "--raw") else files
    words = (option, files[other], f"holds {holds}", f"give a file with {wanted}")
    refused(capsys, {**kept, option: files[other]}, *words)


@pytest.mark.parametrize("option", ["--evoked", "--forward", "--noise-cov", "--epochs", "--raw"])
def test_file_of_no_kind(
    files: dict[str, str], capsys: Capture, option: str, tmp_path: Path
) -> None:
    """Neither text nor a folder is taken for data, and no stumble of a reader is shown."""
    kept = without(files, "--evoked") if option in ("--epochs", "--raw") else files
    text = tmp_path / "notes.fif"
    text.write_text("not a FIF file")
    refused(capsys, {**kept, option: str(text)}, option, "is not readable", "give a file with")
    assert run({**kept, option: str(text)}) == 2
    assert "NoneType" not in capsys.readouterr().err
    if option != "--raw":
        refused(capsys, {**kept, option: str(tmp_path)}, option, "is a folder")


@pytest.mark.usefixtures("no_pictures")
def test_condition(files: dict[str, str], capsys: Capture, tmp_path: Path) -> None:
    """A wrong or missing condition is answered by the list of those there are."""
    for name in ("Right Visual", "1", "-1"):
        refused(capsys, {**files, "--condition": name}, name, "0 'Simulated auditory'")
    evoked = evoked_of(files)
    second = evoked.copy()
    second.comment = "second"
    several = str(tmp_path / "several-ave.fif")
    mne.write_evokeds(several, [evoked, second])
    refused(capsys, {**files, "--evoked": several}, "--condition", "1 'second'")
    assert run({**files, "--evoked": several, "--condition": "second"}) == 0
    assert capsys.readouterr().out.startswith("second, ")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"--tmin": "0.4"}, ["--tmin 0.4 --tmax 0.15", "0.3 s"]),
        ({"--tmin": "60", "--tmax": "150"}, ["--tmin 60", "times are in s"]),
        ({"--tmin": "0.2", "--tmax": "0.1"}, ["--tmin 0.2 --tmax 0.1", "after the last"]),
        ({"--tmax": "soon"}, ["--tmax", "'soon'", "a time in s"]),
        ({"--tmax": "inf"}, ["--tmax", "'inf'"]),
        ({"--baseline": "0|-0.05"}, ["--baseline 0 -0.05", "after the last"]),
        ({"--baseline": "-0.5|none"}, ["--baseline -0.5 none", "-0.1 to 0.3 s"]),
        ({"--baseline": "start|0"}, ["--baseline", "'start'", "none 0"]),
        ({"--alpha": "0"}, ["--alpha", "above 0 and below 100"]),
        ({"--alpha": "100"}, ["--alpha", "above 0 and below 100"]),
        ({"--alpha": "-20"}, ["--alpha", "above 0 and below 100"]),
        ({"--alpha": "nan"}, ["--alpha", "above 0 and below 100"]),
        ({"--alpha": "SURE?"}, ["--alpha", "'sure'"]),
        ({"--alpha": "sure", "--alphas": "0|50|3"}, ["--alphas", "0 50 3"]),
        ({"--alpha": "sure", "--alphas": "10|101|3"}, ["--alphas", "up to 100"]),
        ({"--alpha": "sure", "--alphas": "50|50|3"}, ["--alphas", "different"]),
        ({"--alpha": "sure", "--alphas": "10|50|few"}, ["--alphas", "how many"]),
        ({"--alpha": "sure", "--rng": "-1"}, ["--rng", "at least 0"]),
        ({"--alpha": "sure", "--sure-sigma": "0"}, ["--sure-sigma", "positive"]),
        ({"--reweights": "0"}, ["--reweights", "at least 1"]),
        ({"--reweights": "1.5"}, ["--reweights", "whole number"]),
        ({"--loose": "3"}, ["--loose", "from 0"]),
        ({"--loose": "foo"}, ["--loose: 'foo': give a number from 0"]),
        ({"--depth": "2"}, ["--depth", "from 0"]),
        ({"--tol": "-1"}, ["--tol", "positive"]),
        ({"--maxit": "0"}, ["--maxit", "at least 1"]),
        ({"--time-limit": "0"}, ["--time-limit", "seconds"]),
        ({"--solver": "simplex"}, ["--solver", "bcd"]),
        ({"--report": "report.txt"}, ["--report report.txt", ".html"]),
        ({"--sideways": "1"}, ["--sideways"]),
        ({"--maxi": "5"}, ["--maxi"]),
        ({"--raw": "x_raw.fif"}, ["--raw", "not allowed with", "--evoked"]),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else None,
)
def test_values_out_of_range(
    files: dict[str, str], capsys: Capture, changes: Any, words: list[str]
) -> None:
    """What is out of range is named, with what to give instead."""
    refused(capsys, {**files, **changes}, *words)


@pytest.mark.parametrize("leave_out", ["--evoked", "--forward", "--noise-cov", "--out"])
def test_missing_option(files: dict[str, str], capsys: Capture, leave_out: str) -> None:
    """What has to be given is named, in one line."""
    refused(capsys, without(files, leave_out), leave_out, "required", "localize --help")


Change = Callable[[Any, Any, Any], None]


def rename(evoked: Any, forward: Any, noise_cov: Any) -> None:
    """As another system would call its channels."""
    evoked.rename_channels(lambda name: name.replace("MEG ", "M"))


def take_covariance_of_others(evoked: Any, forward: Any, noise_cov: Any) -> None:
    """A covariance of channels that the data do not have."""
    noise_cov["names"] = [name.replace("MEG", "EEG") for name in noise_cov["names"]]


def call_all_bad(evoked: Any, forward: Any, noise_cov: Any) -> None:
    """Nothing is left."""
    evoked.info["bads"] = evoked.ch_names


def make_eeg(evoked: Any, forward: Any, noise_cov: Any) -> None:
    """EEG only, with a forward solution for MEG only."""
    evoked.set_channel_types(dict.fromkeys(evoked.ch_names, "eeg"), on_unit_change="ignore")


def make_misc(evoked: Any, forward: Any, noise_cov: Any) -> None:
    """Neither MEG nor EEG."""
    evoked.set_channel_types(dict.fromkeys(evoked.ch_names, "misc"), on_unit_change="ignore")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (rename, ["--forward", "no channel in common", "M0113", "same recording"]),
        (take_covariance_of_others, ["--noise-cov", "no channel in common", "EEG 0113"]),
        (call_all_bad, ["marked as bad"]),
        (make_eeg, ["has EEG channels only", "is for MEG", "give a forward solution for EEG"]),
        (make_misc, ["no MEG or EEG channels"]),
    ],
)
def test_channels_that_do_not_match(
    files: dict[str, str], capsys: Capture, tmp_path: Path, change: Change, words: list[str]
) -> None:
    """Files that do not belong together say which of them, and what to do."""
    evoked, noise_cov = evoked_of(files), mne.read_cov(files["--noise-cov"])
    change(evoked, None, noise_cov)
    names = {"--evoked": tmp_path / "x-ave.fif", "--noise-cov": tmp_path / "x-cov.fif"}
    evoked.save(names["--evoked"])
    mne.write_cov(names["--noise-cov"], noise_cov)
    options = {**files, **{option: str(name) for option, name in names.items()}}
    refused(capsys, options, str(names["--evoked"]), *words)


def test_eeg_without_reference(
    files: dict[str, str], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Source imaging of EEG needs an average reference: the line says how to set it."""
    fiff = mne.io.constants.FIFF
    evoked, forward = evoked_of(files), mne.read_forward_solution(files["--forward"])
    for info in (evoked.info, forward["info"]):
        for channel in info["chs"]:
            channel.update(kind=fiff.FIFFV_EEG_CH, coil_type=fiff.FIFFV_COIL_EEG)
            channel["unit"] = fiff.FIFF_UNIT_V
    monkeypatch.setattr(mne, "read_evokeds", lambda _: [evoked])
    monkeypatch.setattr(mne, "read_forward_solution", lambda _: forward)
    refused(capsys, files, "--evoked", "average reference", "set_eeg_reference(projection=True)")


@pytest.mark.usefixtures("no_pictures")
def test_fixed_forward(
    files: dict[str, str], capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A forward solution that is fixed already is used as such; --loose cannot undo it."""
    forward = mne.read_forward_solution(files["--forward"])
    fixed = mne.convert_forward_solution(forward, force_fixed=True)
    monkeypatch.setattr(mne, "read_forward_solution", lambda _: fixed)
    assert run({**files, "--reweights": "1", "--out": str(tmp_path)}) == 0
    capsys.readouterr()
    refused(capsys, {**files, "--loose": "0.2"}, "--loose 0.2", "fixed orientation")


@pytest.mark.usefixtures("no_pictures")
def test_left_out_channels_are_counted(
    files: dict[str, str], capsys: Capture, tmp_path: Path
) -> None:
    """Channels that are bad, or in some files only, are counted by reason."""
    evoked = evoked_of(files)
    evoked.info["bads"] = evoked.ch_names[:2]
    evoked.drop_channels(evoked.ch_names[-3:])
    name = str(tmp_path / "fewer-ave.fif")
    evoked.save(name)
    assert run({**files, "--evoked": name, "--out": str(tmp_path)}) == 0
    line = "301 channels, left out: 2 bad; 3 not in the data\n"
    assert line in capsys.readouterr().out


@pytest.mark.parametrize("command", ["localize", "path", "simulate"])
def test_folder_that_is_a_file(
    files: dict[str, str], capsys: Capture, tmp_path: Path, command: str
) -> None:
    """Results are not written over a file, nor below one."""
    taken = tmp_path / "taken"
    taken.write_text("")
    given = {"localize": files, "path": without(files, "--alpha"), "simulate": {}}[command]
    refused(capsys, {**given, "--out": str(taken)}, "--out", "is a file", command=command)
    refused(capsys, {**given, "--out": str(taken / "x")}, "--out", "cannot be", command=command)
    if command == "localize":
        report = str(taken / "report.html")
        refused(capsys, {**files, "--report": report}, "--report", "is a file")


def test_no_source(files: dict[str, str], capsys: Capture, tmp_path: Path) -> None:
    """No source at this alpha is neither success nor wrong input."""
    out = tmp_path / "results"
    assert run({**files, "--alpha": "99.9", "--tol": "1", "--out": str(out)}) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "mxne-rs: no source at alpha 99.9: lower --alpha\n"
    assert not any(out.iterdir())


def test_reweighting_removes_every_source(
    files: dict[str, str], capsys: Capture, tmp_path: Path
) -> None:
    """Where MxNE has sources and irMxNE has none, both are said."""
    options = {"--alpha": "98", "--amplitude-unit": "mne", "--out": str(tmp_path)}
    assert run({**files, **options}) == 1
    out = told(capsys, "MxNE finds a source at alpha 98", "removed it", "--reweights 1")
    assert out == ""


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"--maxit": "1", "--reweights": "1"}, ["--maxit 1", "raise --maxit"]),
        ({"--tol": "1e-300"}, ["rounding", "raise --tol"]),
        (
            {"--alpha": "sure", "--alphas": "40|30|2", "--maxit": "1", "--reweights": "1"},
            ["--maxit 1", "raise --maxit"],
        ),
    ],
    ids=["epochs", "rounding", "sure"],
)
def test_not_converged(
    files: dict[str, str], tmp_path: Path, capsys: Capture, changes: Any, words: list[str]
) -> None:
    """A solve that stops short writes what it has, says so in one line, and has an exit code."""
    options = {**files, "--alpha": "5", "--tol": "1e-12", **changes}
    assert run({**options, "--out": str(tmp_path)}) == 3
    lines = capsys.readouterr().err.splitlines()
    short = [line for line in lines if line.startswith("mxne-rs: warning: not converged")]
    assert len(short) == 1
    assert len(lines) - len(short) <= 1  # SURE may also choose an end of two
    for word in (*words, "relative gap", "--tol asks for"):
        assert word in short[0]
    assert (tmp_path / "sources.tsv").is_file()


@pytest.mark.parametrize("command", ["localize", "path"])
def test_stopped_before_the_first_source(
    files: dict[str, str], tmp_path: Path, capsys: Capture, command: str
) -> None:
    """No source yet is another thing than no source at this alpha."""
    given = files if command == "localize" else {**without(files, "--alpha"), "--alphas": "5|9|2"}
    options = {**given, "--time-limit": "1e-9", "--out": str(tmp_path)}
    assert run(options, command=command) == 3
    out = told(capsys, "not converged", "--time-limit 1e-09 s", "no source so far")
    assert out == ""
    assert not any(tmp_path.iterdir())


def test_curve_that_did_not_converge() -> None:
    """That the chosen answer converged does not hide that its rivals did not."""
    from types import SimpleNamespace

    from mxne_rs.command.wording import shortfall_line

    curve = SimpleNamespace(gaps=np.array([0.0, 1e-7, 0.5]))
    solution = SimpleNamespace(converged=True, tol=1e-6, sure=curve)
    found: Any = SimpleNamespace(solution=solution)
    line = shortfall_line([found], maxit=1, time_limit=None)
    assert line is not None
    assert "1 of the 3 alphas" in line
    assert "5.0e-01" in line


@pytest.mark.usefixtures("no_pictures")
def test_not_settled(files: dict[str, str], tmp_path: Path, capsys: Capture) -> None:
    """A cut-off reweighting is said in the output, and is not the fault of a solve cut off."""
    options = {**files, "--out": str(tmp_path)}
    assert run({**options, "--reweights": "2"}) == 0
    assert "reweighting had not settled: more --reweights" in capsys.readouterr().out
    cut = {"--maxit": "1", "--reweights": "2", "--alpha": "5", "--tol": "1e-12"}
    assert run({**options, **cut}) == 3
    assert "reweighting had" not in capsys.readouterr().out


def test_picture_says_not_settled(files: dict[str, str]) -> None:
    """So does the picture, within its width."""
    from mxne_rs.inverse.localize import localize
    from mxne_rs.views.localization import draw

    inputs = (
        evoked_of(files).crop(0.06, 0.15),
        mne.read_forward_solution(files["--forward"]),
        mne.read_cov(files["--noise-cov"]),
    )
    for rounds, settled in ((2, False), (20, True)):
        figure = draw(localize(*inputs, alpha=100 / 6, n_mxne_iter=rounds))
        (line,) = [text for text in figure.texts if "irMxNE" in text.get_text()]
        assert ("(not settled)" in line.get_text()) is not settled
        assert "alpha 16.67 %" in line.get_text()
        figure.draw_without_rendering()
        assert line.get_window_extent().x1 < figure.bbox.x1


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
    assert len(sources[0]) == len(sources[-1]) == 11
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
    from mxne_rs import ConvergenceWarning
    from mxne_rs.inverse.paths import localize_path

    inputs = (
        evoked_of(files).crop(0.06, 0.15),
        mne.read_forward_solution(files["--forward"]),
        mne.read_cov(files["--noise-cov"]),
    )
    found = localize_path(*inputs, [100, 50, 100])
    assert [one.alpha for one in found] == [pytest.approx(100), pytest.approx(50)]
    with pytest.warns(ConvergenceWarning, match=r"1 of 2 alphas \(5 %\); raise maxit") as caught:
        localize_path(*inputs, [100, 5], maxit=1, tol=1e-9)
    assert len(caught) == 1
    for wrong in ([0, 50], [50, 101]):
        with pytest.raises(ValueError, match=r"percents reach from .*above 0, at most 100"):
            localize_path(*inputs, wrong)
    assert len(localize_path(*inputs, maxit=1, tol=1)) == 15


def test_path_on_a_cortex(tmp_path: Path, capsys: Capture) -> None:
    """On real data sources are named by hemisphere and vertex."""
    if not DATA.is_dir():
        pytest.skip(f"no real data in {DATA} (MXNE_RS_DATA)")
    from mxne_rs.inverse.paths import localize_path
    from mxne_rs.views.path import draw_path

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
    if os.name == "posix":
        closed = subprocess.run(
            ["sh", "-c", '"$@" >&-', "sh", *command, "--out", tmp_path], stderr=subprocess.PIPE
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
