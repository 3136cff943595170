"""`tf_mixed_norm` beside MNE's function, and what it has besides."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import mxne_rs
from beside_mne import same_vertices
from mxne_rs import tf_mixed_norm
from mxne_rs.inverse.tf_mixed_norm import localize_tf
from mxne_rs.simulate import simulate_auditory

mne = pytest.importorskip("mne", minversion="1.12")
from mne.inverse_sparse import tf_mixed_norm as theirs  # noqa: E402

OPTIONS: dict[str, Any] = {"alpha": 40, "l1_ratio": 0.05, "wsize": 16, "verbose": False}


@pytest.fixture(scope="module")
def inputs() -> Any:
    """Return a simulated response of 134 samples, its forward solution and noise covariance."""
    evoked, forward, noise_cov = simulate_auditory(spacing=20.0)
    return evoked.decimate(3, verbose="ERROR"), forward, noise_cov


def test_the_call_is_that_of_mne() -> None:
    """The same parameters in the same order with the same defaults; new ones by keyword."""
    ours = list(inspect.signature(tf_mixed_norm).parameters.values())
    of_mne = list(inspect.signature(theirs).parameters.values())
    assert [(one.name, one.default) for one in ours[: len(of_mne)]] == [
        (one.name, one.default) for one in of_mne
    ]
    assert all(one.kind is one.KEYWORD_ONLY for one in ours[len(of_mne) :])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"wsize": 64},
        {"wsize": [4, 16], "tstep": [2, 4]},
        {"loose": 1.0, "depth": None},
        {"depth": 0.4, "l1_ratio": 0.3, "alpha": 30},
        {"window": None},
        {"window": (0.02, 0.05)},
        {"l1_ratio": 0.0},
        {"pick_ori": "vector"},
    ],
    ids=str,
)
def test_agrees_with_mne(inputs: Any, options: dict[str, Any]) -> None:
    """The same locations, amplitudes to 1e-4, the same residual; both solved to a tight gap."""
    # MNE's debiasing may stop early, its maxit is per pass.
    tight = {"tol": 1e-13, "maxit": 20_000, "debias": False, "return_residual": True}
    options = {**OPTIONS, **tight, **options}
    ours, residual = tf_mixed_norm(*inputs, **options)
    others, their_residual = theirs(*inputs, **options)
    assert type(ours) is type(others)
    same_vertices(ours, others)
    np.testing.assert_allclose(ours.data, others.data, atol=1e-4 * np.abs(others.data).max())
    scale = np.abs(their_residual.data).max()
    np.testing.assert_allclose(residual.data, their_residual.data, atol=1e-3 * scale)
    np.testing.assert_allclose(ours.times, inputs[0].times)


def test_dipoles_are_those_of_the_estimate(inputs: Any) -> None:
    dipoles = tf_mixed_norm(*inputs, **OPTIONS, return_as_dipoles=True)
    stc = tf_mixed_norm(*inputs, **OPTIONS)
    assert len(dipoles) == len(stc.data)
    largest = [np.abs(one.amplitude).max() for one in dipoles]
    np.testing.assert_allclose(largest, np.abs(stc.data).max(axis=1))


def test_several_evokeds_share_their_sources(inputs: Any) -> None:
    """A list of estimates, and one solution."""
    evoked, forward, noise_cov = inputs
    other = evoked.copy()
    other.data *= -0.5
    both, solution = tf_mixed_norm(
        [evoked, other], forward, noise_cov, **OPTIONS, return_solution=True
    )
    same_vertices(*both)
    assert both[0].data.shape[1] == len(evoked.times)
    assert solution.converged and solution.method == "TF-MxNE"
    assert solution.coefficients.n_times == 2 * len(evoked.times)


def test_epochs_and_recordings_are_taken(inputs: Any) -> None:
    """Epochs are averaged, all samples of a recording are used."""
    evoked, forward, noise_cov = inputs
    stc = tf_mixed_norm(evoked, forward, noise_cov, **OPTIONS)
    data = np.stack([evoked.data, evoked.data])
    epochs = mne.EpochsArray(data, evoked.info, tmin=evoked.times[0], verbose=False)
    raw = mne.io.RawArray(evoked.data, evoked.info, verbose=False)
    for given in (epochs, raw):
        other = tf_mixed_norm(given, forward, noise_cov, **OPTIONS)
        np.testing.assert_allclose(other.data, stc.data, atol=1e-9 * stc.data.max())


def test_reweighting_is_sparser(inputs: Any) -> None:
    """With fewer coefficients at the same locations, and a certificate of its own."""
    stc, one = tf_mixed_norm(*inputs, **OPTIONS, return_solution=True)
    again, ten = tf_mixed_norm(*inputs, **OPTIONS, n_tfmxne_iter=10, return_solution=True)
    assert len(again.data) <= len(stc.data)
    assert len(ten.coefficients.values) < len(one.coefficients.values)
    assert (ten.method, one.method) == ("irTF-MxNE", "TF-MxNE")
    assert ten.gap <= 1e-4
    assert (np.diff(ten.objectives) <= 1e-9 * ten.objectives[0]).all()


def test_weights_act(inputs: Any) -> None:
    """A location that is penalised more explains less; with `weights_min` it is left out."""
    stc = tf_mixed_norm(*inputs, **OPTIONS)
    weights = np.ones(inputs[1]["nsource"])
    strongest = int(np.argmax(np.abs(stc.data).max(axis=1)))
    weights[np.searchsorted(inputs[1]["src"][0]["vertno"], stc.vertices[0][strongest])] = 0.2
    other = tf_mixed_norm(*inputs, **OPTIONS, weights=weights)
    vertex = stc.vertices[0][strongest]
    assert vertex not in other.vertices[0] or np.abs(other.data).max() < np.abs(stc.data).max()
    left_out = tf_mixed_norm(*inputs, **OPTIONS, weights=weights, weights_min=0.5)
    assert vertex not in left_out.vertices[0]


def test_nothing_is_an_empty_estimate(inputs: Any) -> None:
    """With a warning, as `mixed_norm`; the residual is the windowed data."""
    with pytest.warns(RuntimeWarning, match="No active dipoles found"):
        stc, residual = tf_mixed_norm(
            *inputs, **{**OPTIONS, "alpha": 99.9, "tol": 1.0}, return_residual=True
        )
    assert stc.data.shape == (0, len(inputs[0].times))
    assert (residual.data[:, 0] == 0).all()


def test_the_time_limit_is_kept(inputs: Any) -> None:
    """Its status is told, and warned of."""
    with pytest.warns(mxne_rs.ConvergenceWarning, match="raise time_limit"):
        _, solution = tf_mixed_norm(*inputs, **OPTIONS, time_limit=1e-9, return_solution=True)
    assert solution.status == "time_limit"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"alpha": None}, TypeError, "alpha is None, not a number; give a percentage"),
        ({"l1_ratio": None}, TypeError, "l1_ratio is None"),
        ({"alpha": 101}, ValueError, "alpha is 101"),
        ({"alpha": 0}, ValueError, "alpha is 0"),
        ({"alpha": 0.5}, ValueError, "allow_small_alpha"),
        ({"alpha": "sure"}, TypeError, "alpha is 'sure', not a number"),
        ({"l1_ratio": 1.01}, ValueError, "l1_ratio is 1.01"),
        ({"n_tfmxne_iter": 0}, ValueError, "n_tfmxne_iter is 0"),
        ({"dgap_freq": 0}, ValueError, "dgap_freq is 0"),
        ({"wsize": 10}, ValueError, "wsize is 10"),
        ({"wsize": [16, 64]}, ValueError, "wsize has 2 entries and tstep 1"),
        ({"window": 3}, ValueError, "window is 3 s at the start"),
        ({"window": -1}, ValueError, "window is -1"),
        ({"window": (1, 2, 3)}, ValueError, "window has 3 entries"),
        ({"pca": "yes"}, TypeError, "pca is 'yes'"),
        ({"solver": "newton"}, ValueError, "solver is 'newton'"),
    ],
)
def test_wrong_options_are_refused(
    inputs: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    """By the name, the value and the remedy."""
    with pytest.raises(error, match=message):
        tf_mixed_norm(*inputs, **{**OPTIONS, **options})


def test_the_inputs_stay_as_they_are(inputs: Any) -> None:
    """The ramps of `window` are on a copy."""
    before = inputs[0].data.copy()
    localization = localize_tf(*inputs, 40, 0.05, wsize=16, window=0.05, verbose=False)
    np.testing.assert_array_equal(inputs[0].data, before)
    assert not np.array_equal(localization.evokeds[0].data, before)
    assert localization.regularisation == "alpha 40 %"


@pytest.mark.parametrize("name", ["tfmxne", "irtfmxne"])
def test_solvers_by_name(inputs: Any, name: str) -> None:
    """The answer is that of the function, with alpha as a part of alpha_max."""
    evoked, forward, noise_cov = inputs
    solver = mxne_rs.Solver(name, wsize=16, l1_ratio=0.05, verbose=False)
    solver.make_inverse_operator(forward, evoked, noise_cov)
    options = {"n_tfmxne_iter": 3, "amplitude_unit": "mne"}
    stc = solver.apply_inverse_operator(evoked, alpha=0.4, **options if name[:2] == "ir" else {})
    other = tf_mixed_norm(*inputs, **OPTIONS, **options if name[:2] == "ir" else {})
    np.testing.assert_allclose(stc.data, other.data, atol=1e-6 * other.data.max())


@pytest.mark.parametrize("rounds", [1, 3])
def test_mne_runs_on_this_solver(inputs: Any, rounds: int) -> None:
    """In a block of `use_in_mne` MNE's function gives our answer."""
    options = {**OPTIONS, "n_tfmxne_iter": rounds, "tol": 1e-9}
    with mxne_rs.use_in_mne():
        stc = theirs(*inputs, **options)
    other = tf_mixed_norm(*inputs, **options)
    same_vertices(stc, other)
    np.testing.assert_allclose(stc.data, other.data, atol=1e-3 * np.abs(other.data).max())
