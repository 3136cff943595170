"""The files that commands of these tests read."""

from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a simulated response, its forward solution and covariance, as `simulate` does."""
    pytest.importorskip("mne", minversion="1.12")
    from mxne_rs.command import main

    folder = tmp_path_factory.mktemp("simulated")
    assert main(["simulate", "--out", str(folder), "--spacing", "20"]) == 0
    return folder
