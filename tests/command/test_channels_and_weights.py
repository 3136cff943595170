"""Channels, ranks, prior weights and stability on the command line: as in MNE and in Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from commands import Capture, evoked_of, refused, run, without
from mxne_rs import Localization, mixed_norm

mne = pytest.importorskip("mne", minversion="1.12")
pytest.importorskip("matplotlib")

pytestmark = pytest.mark.usefixtures("no_pictures")
SAME = {"depth": 1.0, "n_mxne_iter": 100, "amplitude_unit": "relative", "tol": 1e-6}


def estimate(folder: Path) -> np.ndarray:
    """The amplitudes that a command wrote."""
    return mne.read_source_estimate(folder / "sources-vl.stc").data


def test_picked_and_bad_channels_are_those_of_mne(files: dict[str, str], tmp_path: Path) -> None:
    """The same as data of which MNE has picked the channels and marked the bad ones."""
    options = {**files, "--out": str(tmp_path), "--pick": "mag", "--bads": "MEG 0111|MEG 0121"}
    assert run(options) == 0
    evoked = evoked_of(files).crop(0.06, 0.15).pick("mag")
    evoked.info["bads"] = ["MEG 0111", "MEG 0121"]
    forward = mne.read_forward_solution(files["--forward"])
    stc = mixed_norm(evoked, forward, mne.read_cov(files["--noise-cov"]), 20, **SAME)
    np.testing.assert_allclose(estimate(tmp_path), stc.data, rtol=1e-6)
    residual = mne.read_evokeds(tmp_path / "residual-ave.fif")[0]
    assert set(residual.get_channel_types()) == {"mag"}


def test_unknown_channels_are_named(files: dict[str, str], capsys: Capture) -> None:
    refused(capsys, {**files, "--bads": "MEG 9999"}, "--bads MEG 9999", "no such channel", "MEG 01")
    refused(capsys, {**files, "--pick": "eeg2"}, "--pick eeg2", "no such channels", "mag")
    refused(capsys, {**files, "--rank": "meg=x"}, "--rank", "'meg=x'", "meg=70,eeg=59")
    refused(capsys, {**files, "--weights": "no.stc"}, "--weights no.stc", "no such file")
    refused(capsys, {**files, "--stability": "4"}, "--stability", "--epochs", "--evoked")


def test_rank_and_weights_reach_the_model(files: dict[str, str], tmp_path: Path) -> None:
    """What is written with the inputs is read back with rank and weights."""
    forward = mne.read_forward_solution(files["--forward"])
    weights = np.linspace(0.5, 1.0, forward["nsource"])
    weights[::3] = 0.0
    prior = mne.VolSourceEstimate(weights[:, None], [forward["src"][0]["vertno"]], 0.0, 1.0)
    prior.save(tmp_path / "prior-vl.stc")
    options = {**files, "--out": str(tmp_path / "out"), "--rank": "meg=100"}
    options |= {"--weights": str(tmp_path / "prior-vl.stc"), "--weights-min": "0.1"}
    assert run(options, "--with-inputs") == 0
    found = Localization.read(tmp_path / "out")
    assert found.model.whitener.shape[0] == 100
    assert not found.active[::3].any() and found.active.any()
    assert len(found.model.kept) == np.count_nonzero(weights)


def test_stability_of_epochs(
    files: dict[str, str], epochs_file: str, tmp_path: Path, capsys: Capture
) -> None:
    """A table of probabilities beside the sources, and a section of the report."""
    options = {**without(files, "--evoked"), "--epochs": epochs_file, "--condition": "tone"}
    options |= {"--out": str(tmp_path), "--stability": "2", "--tmin": "0.09", "--tmax": "0.11"}
    assert run(options, "--report") == 0
    assert "stability.tsv" in capsys.readouterr().out
    lines = (tmp_path / "stability.tsv").read_text().splitlines()
    head, *rows = [line.split("\t") for line in lines]
    assert head[:3] == ["location", "hemisphere", "vertex"]
    # Both epochs are the same but for their scale, and each resample is one of them.
    assert {float(row[head.index("probability")]) for row in rows} == {1.0}
    assert (tmp_path / "stability.png").exists()
    assert "Table of stability" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_report_of_a_path(files: dict[str, str], tmp_path: Path) -> None:
    """Every alpha with a source has its table."""
    options = {**without(files, "--alpha"), "--out": str(tmp_path), "--alphas": "90|30|2"}
    assert run(options, "--report", command="path") == 0
    text = (tmp_path / "path-report.html").read_text(encoding="utf-8")
    assert "Sources at alpha 30 %" in text and "References" in text


def test_conditions_share_their_sources(
    files: dict[str, str], epochs_file: str, tmp_path: Path, capsys: Capture
) -> None:
    """Each has a table and files of its own; the residuals are in one file."""
    options = {**without(files, "--evoked"), "--epochs": epochs_file, "--out": str(tmp_path)}
    assert run({**options, "--condition": "tone/left|tone/right"}) == 0
    out = capsys.readouterr().out
    for name in ("tone/left, average of 1", "tone/right, average of 1"):
        assert name in out
    tables = [(tmp_path / f"condition-{k}" / "sources.tsv").read_text() for k in (1, 2)]
    assert len(tables[0].splitlines()) == len(tables[1].splitlines()) > 1
    assert len(mne.read_evokeds(tmp_path / "residual-ave.fif")) == 2
    refused(capsys, {**options, "--condition": "tone|tune"}, "'tune'", "'tone/left'")
