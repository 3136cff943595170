"""What a command refuses: one line that says what is wrong with which option."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from commands import Capture, evoked_of, refused, run, without

mne = pytest.importorskip("mne", minversion="1.12")
pytest.importorskip("matplotlib")


@pytest.mark.parametrize(
    ("name", "value"), [("--rng", "1"), ("--sure-sigma", "1"), ("--alphas", "90|10|5")]
)
def test_sure_options_alone(files: dict[str, str], capsys: Capture, name: str, value: str) -> None:
    """What only rules use is not silently without effect."""
    refused(capsys, {**files, name: value}, f"{name} goes with a rule", "--alpha is 20")


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
        ({"--alpha": "SURE?"}, ["--alpha", "one of noise, sqrt, sure"]),
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
