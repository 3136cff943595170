"""What MNE's own tests assert of volume and mixed source spaces, asserted of this package."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import reference
from mne_assertions import LAST_DIGIT, MIXED, dipoles_are, expected_of, explained_variance
from mxne_rs import mixed_norm
from places import DATA, needs_data

mne = pytest.importorskip("mne", minversion="1.8")
from mne.inverse_sparse import mxne_inverse  # noqa: E402

from beside_mne import Inputs, Solve, same_vertices  # noqa: E402

# --- MNE objects: volume and mixed source spaces -------------------------------------------------


@pytest.mark.parametrize("loose", [0.0, 0.2, 1.0])
def test_sphere_model_and_volume(simulated: Inputs, solve: Solve, loose: float) -> None:
    """A discrete grid takes any orientation weight; MNE's answer, and dipoles there and back."""
    options = {"alpha": 20, "loose": loose, "tol": 1e-9, "maxit": 10_000, "debias": False}
    expected, _, variance = expected_of(simulated, **options)
    with mne.utils.catch_logging() as log:
        stc = solve(*simulated, verbose="INFO", **options)
    assert explained_variance(log.getvalue()) == pytest.approx(variance, abs=LAST_DIGIT)
    assert type(stc) is mne.VolSourceEstimate
    same_vertices(stc, expected)
    atol = 1e-4 * np.abs(expected.data).max()
    np.testing.assert_allclose(stc.data, expected.data, rtol=0, atol=atol)
    dipoles = solve(*simulated, return_as_dipoles=True, verbose=False, **options)
    assert len(dipoles) > 1
    dipoles_are(dipoles, simulated[1], stc)


@pytest.mark.parametrize("loose", [0.2, 1.0])
@pytest.mark.parametrize("location", [20, 75, 130, 180])
def test_a_dipole_is_found_where_it_is(
    simulated: Inputs, solve: Solve, location: int, loose: float
) -> None:
    """One tangential dipole without noise: its position exactly, its direction within 8 degrees."""
    evoked, forward, noise_cov = simulated
    position = forward["source_rr"][location]
    outwards = forward["src"][0]["nn"][forward["src"][0]["vertno"][location]]
    direction = np.cross(outwards, [0.6, 0.64, 0.48])
    direction /= np.linalg.norm(direction)
    columns = forward["sol"]["data"][:, 3 * location : 3 * location + 3]
    course = 50e-9 * np.sin(np.arange(len(evoked.times)) / 5 + 0.3)
    measured = mne.EvokedArray(np.outer(columns @ direction, course), evoked.info)
    dipoles = solve(
        measured, forward, noise_cov, alpha=20, loose=loose, n_mxne_iter=5,
        return_as_dipoles=True, verbose=False,
    )  # fmt: skip
    (dipole,) = dipoles
    np.testing.assert_array_equal(dipole.pos, np.tile(position, (len(measured.times), 1)))
    loud = np.abs(course) > 0.1 * np.abs(course).max()
    cosines = dipole.ori[loud] @ direction
    assert (np.abs(cosines) > 0.99).all()
    np.testing.assert_array_equal(np.sign(cosines), np.sign(course[loud]))
    np.testing.assert_allclose(dipole.amplitude[loud], np.abs(course[loud]), rtol=0.1)


def test_magnitude_of_the_vectors_in_a_volume(simulated: Inputs, solve: Solve) -> None:
    scalar = solve(*simulated, alpha=20, verbose=False)
    vector = solve(*simulated, alpha=20, pick_ori="vector", verbose=False)
    assert type(vector) is mne.VolVectorSourceEstimate
    np.testing.assert_allclose(vector.magnitude().data, scalar.data, rtol=1e-12)


def test_no_vectors_are_an_empty_estimate(simulated: Inputs) -> None:
    """pick_ori='vector' where nothing is found."""
    options = {"tol": 1.0, "pick_ori": "vector", "verbose": False}
    with pytest.warns(RuntimeWarning, match="too big"):
        stc = mixed_norm(*simulated, 99.9, **options)
    assert type(stc) is mne.VolVectorSourceEstimate
    assert stc.data.shape == (0, 3, len(simulated[0].times))


@needs_data
@pytest.mark.parametrize("n_mxne_iter", [1, 5])
@pytest.mark.parametrize("loose", ["auto", {"surface": 0.4, "discrete": 1.0}], ids=["auto", "dict"])
def test_mixed_source_space(mixed: Inputs, solve: Solve, loose: Any, n_mxne_iter: int) -> None:
    """Surface and grid together: MNE's kind of estimate and MNE's answer, and dipoles of it."""
    options = {
        "loose": loose, "n_mxne_iter": n_mxne_iter, "tol": 1e-11, "maxit": 20_000,
        "debias": False,
    }  # fmt: skip
    expected, their_residual, _ = expected_of(mixed, MIXED, **options)
    options["verbose"] = False
    stc, residual = solve(*mixed, alpha=MIXED, return_residual=True, **options)
    assert type(stc) is mne.MixedSourceEstimate
    assert stc.subject == "sample"
    *surface, volume = (len(vertices) for vertices in stc.vertices)
    assert sum(surface) > 0
    assert volume > 0 or loose == "auto"  # which is free orientation here: favours the surface
    same_vertices(stc, expected)
    atol = 1e-5 * np.abs(expected.data).max()
    np.testing.assert_allclose(stc.data, expected.data, rtol=0, atol=atol)
    atol = 1e-5 * np.abs(their_residual.data).max()
    np.testing.assert_allclose(residual.data, their_residual.data, rtol=0, atol=atol)
    dipoles = solve(*mixed, alpha=MIXED, return_as_dipoles=True, **options)
    dipoles_are(dipoles, mixed[1], stc)


@needs_data
def test_fixed_surface_beside_a_free_grid(mixed: Inputs) -> None:
    """Orientation weights of 0 and 1 in one problem: a small gap of MNE's own whitened problem.

    MNE's solver goes wrong here: it takes a location for silent whose first row is zero, and with
    fixed orientation that row is tangential.
    """
    evoked, forward, noise_cov = mixed
    loose = {"surface": 0.0, "discrete": 1.0}
    _, gain, info, whitener, *_ = mxne_inverse._prepare_gain(
        forward, evoked.info, noise_cov, True, 0.8, loose, None
    )
    data = whitener @ evoked.copy().pick(info["ch_names"]).data
    alpha = MIXED / 100 * reference.alpha_max(gain, data, 3)
    stc, solution = mixed_norm(
        *mixed, MIXED, loose=loose, tol=1e-8, return_solution=True, verbose=False
    )
    assert reference.duality_gap(gain, data, solution.x, alpha, 3)[0] <= 2e-8
    *surface, volume = (len(vertices) for vertices in stc.vertices)
    assert sum(surface) > 0 < volume
    tangential = solution.sources.reshape(-1, 3, data.shape[1])[: sum(surface), :2]
    np.testing.assert_array_equal(tangential, 0)


@needs_data
def test_vectors_in_a_mixed_source_space(mixed: Inputs, solve: Solve) -> None:
    scalar = solve(*mixed, alpha=MIXED, verbose=False)
    vector = solve(*mixed, alpha=MIXED, pick_ori="vector", verbose=False)
    assert type(vector) is mne.MixedVectorSourceEstimate
    np.testing.assert_allclose(vector.magnitude().data, scalar.data, rtol=1e-12)


# --- MNE objects: SURE ---------------------------------------------------------------------------


@needs_data
def test_sure_finds_two_simulated_sources(decimated: Inputs) -> None:
    """Two sources on the cortex in the noise of 30 averages: exactly these vertices."""
    evoked, forward, noise_cov = decimated
    forward = mne.pick_types_forward(forward, meg=True, eeg=False)
    info = evoked.copy().pick("meg").info
    labels = np.load(DATA / "cortex-1000-labels.npz")
    vertices = [
        labels[f"{side}_vertno"][labels[f"{side}_aparc"] == "superiortemporal"][7:8]
        for side in ("lh", "rh")
    ]
    times = np.arange(60) / info["sfreq"]
    courses = 20e-9 * np.stack([np.sin(40 * times), np.cos(25 * times)])
    truth = mne.SourceEstimate(courses, vertices, 0.0, 1 / info["sfreq"], "sample")
    fixed = mne.convert_forward_solution(forward, surf_ori=True, force_fixed=True, use_cps=True)
    measured = mne.simulation.simulate_evoked(
        fixed, truth, info, noise_cov, nave=30, random_state=0, use_cps=True
    )
    stc = mixed_norm(
        measured, forward, noise_cov, loose=0.9, n_mxne_iter=5, random_state=0, verbose=False
    )
    same_vertices(stc, truth)
