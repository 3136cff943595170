"""A script written for MNE's mixed_norm, its documented example, with another import."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import mxne_rs
from mxne_rs import make_stc_from_dipoles, mixed_norm
from places import DATA, needs_data

mne = pytest.importorskip("mne")

pytest.importorskip("matplotlib").use("Agg")

pytestmark = needs_data


@pytest.fixture(scope="module")
def inputs() -> tuple[Any, Any, Any, Any]:
    """Evoked from 0 to 300 ms, forward solution, covariance, dSPM for the weights."""
    noise_cov = mne.read_cov(DATA / "noise-cov.fif")
    evoked = mne.read_evokeds(
        DATA / "auditory-ave.fif", condition="Left Auditory", baseline=(None, 0)
    )
    evoked.crop(tmin=0, tmax=0.3)
    forward = mne.read_forward_solution(DATA / "cortex-1000-meg-eeg-fwd.fif")
    operator = mne.minimum_norm.make_inverse_operator(
        evoked.info, forward, noise_cov, depth=0.9, fixed=True, use_cps=True
    )
    dspm = mne.minimum_norm.apply_inverse(evoked, operator, lambda2=1 / 9, method="dSPM")
    return evoked, forward, noise_cov, dspm


def example(function: Any, inputs: tuple[Any, Any, Any, Any], **changes: Any) -> Any:
    """The call of the example: SURE, irMxNE, dSPM weights, dipoles and residual."""
    evoked, forward, noise_cov, dspm = inputs
    options = {
        "alpha": "sure", "loose": 0.9, "depth": 0.9, "maxit": 3000, "tol": 1e-4,
        "active_set_size": 10, "debias": False, "weights": dspm, "weights_min": 2.0,
        "n_mxne_iter": 10, "return_residual": True, "return_as_dipoles": True, "verbose": "ERROR",
        "random_state": 0, "sure_alpha_grid": np.linspace(100, 40, 10),
    }  # fmt: skip
    return function(evoked, forward, noise_cov, **options | changes)


def test_example_runs(inputs: Any) -> None:
    """Dipoles with amplitudes and gofs, a residual, pictures, and the way back to an estimate."""
    import matplotlib.pyplot as plt

    evoked, forward, _, dspm = inputs
    dipoles, residual = example(mixed_norm, inputs)
    assert dipoles
    assert all(isinstance(dipole, mne.Dipole) for dipole in dipoles)
    sample = evoked.time_as_index(0.083).item()
    assert 0 < sum(float(dipole.gof[sample]) for dipole in dipoles) < 100
    stc = make_stc_from_dipoles(dipoles, forward["src"])
    assert isinstance(stc, mne.SourceEstimate)
    assert len(stc.data) == len(dipoles)
    # Every source is where the weights are above the threshold.
    strong = dspm.data[np.abs(dspm.data).max(axis=1) > 2]
    assert 0 < len(dipoles) < len(strong)
    for found, allowed in zip(stc.vertices, dspm.vertices, strict=True):
        peak = np.abs(dspm.lh_data if allowed is dspm.vertices[0] else dspm.rh_data).max(axis=1)
        assert set(found) <= set(allowed[peak > 2])
    mne.viz.plot_dipole_amplitudes(dipoles, show=False)
    both = evoked.copy().pick(picks=["meg", "eeg"], exclude="bads")
    both.plot(proj=True, time_unit="s", show=False)
    residual.pick(picks=["meg", "eeg"], exclude="bads")
    residual.plot(proj=True, time_unit="s", show=False)
    assert residual.ch_names == both.ch_names
    plt.close("all")


@pytest.mark.slow
def test_example_at_one_alpha_is_mnes(inputs: Any) -> None:
    """Without the choice of alpha: MNE's dipoles, one by one."""
    changes = {"alpha": 30, "sure_alpha_grid": "auto", "tol": 1e-9, "n_mxne_iter": 3}
    ours, left = example(mixed_norm, inputs, **changes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, their_left = example(mne.inverse_sparse.mixed_norm, inputs, **changes, solver="bcd")
    assert len(ours) == len(theirs) > 1
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one.pos, other.pos)
        peak = other.amplitude.max()
        np.testing.assert_allclose(one.amplitude, other.amplitude, rtol=0, atol=1e-4 * peak)
        np.testing.assert_allclose(one.gof, other.gof, rtol=0, atol=1e-2)
        strong = other.amplitude > 0.05 * peak
        np.testing.assert_allclose(one.ori[strong], other.ori[strong], atol=1e-2)
    np.testing.assert_allclose(left.data, their_left.data, atol=1e-4 * abs(left.data).max())


def test_example_has_a_certificate(inputs: Any) -> None:
    """return_solution adds gap, status, alpha in percent and the curve, on the same call."""
    *_, solution = example(mixed_norm, inputs, return_solution=True)
    assert isinstance(solution, mxne_rs.Solution)
    assert solution.converged
    assert solution.gap <= 2e-4
    assert 40 <= solution.alpha <= 100
    np.testing.assert_allclose(solution.sure.alphas, np.linspace(100, 40, 10))
    assert (solution.sure.gaps <= 2e-4).all()
    assert solution.active_set.shape == (inputs[1]["nsource"],)


def test_noise_level_is_that_of_the_average() -> None:
    """Before the stimulus whitened averages have the noise that `Localization.noise_std` says."""
    noise_cov = mne.read_cov(DATA / "noise-cov.fif")
    for evoked in mne.read_evokeds(DATA / "auditory-ave.fif", baseline=(None, 0)):
        picks = mne.pick_types(evoked.info, meg=True, eeg=True, exclude="bads")
        white, _ = mne.cov.compute_whitener(noise_cov, evoked.info, picks=picks, pca=True)
        before = (white @ evoked.data[picks])[:, evoked.times < 0]
        assert before.std() == pytest.approx(evoked.nave**-0.5, rel=0.1)
        assert before.std() < 0.65
