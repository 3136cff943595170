"""Inputs and solvers that several files of tests share."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="module")
def mixed(decimated: Any) -> Any:
    """Surface and a coarse grid, both in a sphere model; a dipole of the grid added to the data."""
    mne = pytest.importorskip("mne")
    evoked, forward, noise_cov = decimated
    to_head = forward["mri_head_t"]
    surface = copy.deepcopy(forward["src"])
    for space in surface:
        mne.transform_surface_to(space, "mri", to_head)
    volume = mne.setup_volume_source_space(pos=30.0, sphere=(0, 0, 0.04, 0.06), sphere_units="m")
    evoked = evoked.copy().pick("meg")
    sphere = mne.make_sphere_model(r0=(0, 0, 0.04), head_radius=None)
    forward = mne.make_forward_solution(
        evoked.info, to_head, surface + volume, sphere, meg=True, eeg=False
    )
    assert (forward["src"].kind, len(forward["src"])) == ("mixed", 3)
    column = forward["sol"]["data"][:, -10]
    evoked.data += 0.2 * np.outer(column / column.max(), evoked.data.max(axis=0))
    return evoked, forward, noise_cov


@pytest.fixture(scope="module")
def decimated(real: Any) -> Any:
    """Return the recorded response at 200 Hz, enough for what is low-passed at 40 Hz."""
    evoked, forward, noise_cov = real
    return evoked.decimate(3), forward, noise_cov


@pytest.fixture(params=["mxne_rs", "in_mne"])
def solve(request: pytest.FixtureRequest) -> Any:
    """Return our `mixed_norm`, and MNE's on our solver."""
    from beside_mne import in_mne
    from mxne_rs import mixed_norm

    return mixed_norm if request.param == "mxne_rs" else in_mne


@pytest.fixture(scope="module")
def arguments(simulated: tuple[Any, Any, Any]) -> dict[str, Any]:
    """Return arguments that both take: few samples of the simulated response, fifty percent."""
    evoked, forward, noise_cov = simulated
    return {"evoked": evoked.decimate(3), "forward": forward, "noise_cov": noise_cov, "alpha": 50.0}


@pytest.fixture(scope="module")
def dipoles(arguments: dict[str, Any]) -> list[Any]:
    """Two dipoles at locations of the grid."""
    from mxne_rs import mixed_norm

    found = mixed_norm(**{**arguments, "alpha": 20.0}, return_as_dipoles=True, verbose=False)
    assert len(found) > 1
    return found[:2]


@pytest.fixture(scope="module")
def with_eeg(arguments: dict[str, Any]) -> Any:
    """The response with ten of its channels called EEG."""
    evoked = arguments["evoked"].copy()
    kinds = dict.fromkeys(evoked.ch_names[-10:], "eeg")
    return evoked.set_channel_types(kinds, on_unit_change="ignore")


@pytest.fixture(scope="module")
def custom_reference(with_eeg: Any) -> Any:
    """And of these one the reference."""
    return with_eeg.copy().set_eeg_reference(with_eeg.ch_names[-1:])
