"""The files that commands of these tests read."""

from pathlib import Path

import numpy as np
import pytest

from commands import evoked_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a simulated response, its forward solution and covariance, as `simulate` does."""
    pytest.importorskip("mne", minversion="1.12")
    from mxne_rs.command import main

    folder = tmp_path_factory.mktemp("simulated")
    assert main(["simulate", "--out", str(folder), "--spacing", "20"]) == 0
    return folder


@pytest.fixture(scope="module")
def files(folder: Path) -> dict[str, str]:
    """Options that localize a simulated response, from the files that `simulate` writes."""
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
    monkeypatch.setattr("mxne_rs.results.files.draw", lambda *_, **__: None)
    monkeypatch.setattr("mxne_rs.results.files.draw_path", lambda *_, **__: None)


@pytest.fixture(scope="module")
def epochs_file(files: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """Four epochs: two of an ear that hears a tone, two of noise alone."""
    mne = pytest.importorskip("mne")
    evoked = evoked_of(files)
    data = np.stack([evoked.data, evoked.data, 0.01 * evoked.data, 0.01 * evoked.data])
    events = np.column_stack([1000 * np.arange(4), np.zeros(4, int), [1, 2, 3, 3]])
    epochs = mne.EpochsArray(
        data, evoked.info, events, evoked.times[0], {"tone/left": 1, "tone/right": 2, "noise": 3}
    )
    path = tmp_path_factory.mktemp("epochs") / "tones-epo.fif"
    epochs.save(path)
    return str(path)
