"""`gamma_map` beside MNE's function, and what it has besides."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import mxne_rs
import tf_reference as reference
from beside_mne import same_vertices
from mxne_rs import gamma_map
from mxne_rs.inverse.gamma_map import localize_gamma
from mxne_rs.simulate import simulate_auditory

mne = pytest.importorskip("mne", minversion="1.12")
from mne.inverse_sparse import gamma_map as theirs  # noqa: E402

OPTIONS: dict[str, Any] = {"alpha": 0.5, "verbose": False}


@pytest.fixture(scope="module")
def inputs() -> Any:
    """Return the peak of a simulated response, its forward solution and noise covariance."""
    evoked, forward, noise_cov = simulate_auditory(spacing=20.0)
    return evoked.copy().crop(0.05, 0.15).decimate(2, verbose="ERROR"), forward, noise_cov


def test_the_call_is_that_of_mne() -> None:
    """The same parameters in the same order with the same defaults; new ones by keyword."""
    ours = list(inspect.signature(gamma_map).parameters.values())
    of_mne = list(inspect.signature(theirs).parameters.values())
    assert [(one.name, one.default) for one in ours[: len(of_mne)]] == [
        (one.name, one.default) for one in of_mne
    ]
    assert all(one.kind is one.KEYWORD_ONLY for one in ours[len(of_mne) :])


def test_the_evidence_is_that_of_the_model(inputs: Any) -> None:
    """By the formula on the whitened gain, not above that of MNE's sources at their best."""
    localization = localize_gamma(*inputs, 0.5, verbose=False, tol=1e-9)
    solution = localization.solution
    prepared = mxne_rs.inverse.model.prepare_model(inputs[0].info, *inputs[1:])
    gain = prepared.gain.columns(np.arange(prepared.gain.n_locations))
    data, n_times = localization.data, localization.data.shape[1]
    norms = np.sqrt((solution.sources**2).reshape(-1, 3 * n_times).sum(1))
    variances = np.zeros(prepared.gain.n_locations)
    found = solution.active_set
    variances[found] = norms / (np.sqrt(n_times) * solution.weights[found])
    value = reference.evidence(gain, data, np.repeat(variances, 3), 0.5)
    assert solution.objective == pytest.approx(value, rel=1e-9)
    stc = theirs(*inputs, **OPTIONS)
    places = np.searchsorted(inputs[1]["src"][0]["vertno"], stc.vertices[0])
    others = np.zeros_like(variances)
    others[places] = variances[found].mean()
    for _ in range(2000):
        inverse = np.linalg.inv(reference.covariance(gain, np.repeat(others, 3), 0.5))
        energy = np.sum(gain * (inverse @ gain), axis=0).reshape(-1, 3).sum(1)
        fit = np.mean((gain.T @ inverse @ data) ** 2, axis=1).reshape(-1, 3).sum(1)
        others[places] *= np.sqrt(fit / energy)[places]
    assert value <= reference.evidence(gain, data, np.repeat(others, 3), 0.5) + 1e-6


def test_agrees_with_mne_for_fixed_orientation(decimated: Any) -> None:
    """MNE's fixed point is ours there: the same strongest locations, amplitudes alike."""
    evoked, forward, noise_cov = decimated
    evoked = evoked.copy().pick("meg").crop(0.05, 0.15)
    options = {**OPTIONS, "loose": 0.0, "alpha": 5.0}
    ours, others = (
        gamma_map(evoked, forward, noise_cov, **options),
        theirs(evoked, forward, noise_cov, **options),
    )

    def strongest(stc: Any, count: int = 2) -> set[tuple[int, int]]:
        names = [(h, v) for h in (0, 1) for v in stc.vertices[h].tolist()]
        order = np.argsort(-np.abs(stc.data).max(axis=1))[:count]
        return {names[i] for i in order}

    assert strongest(ours) == strongest(others)
    assert np.abs(ours.data).max() == pytest.approx(np.abs(others.data).max(), rel=0.02)


def test_fit_and_residual_are_the_data(inputs: Any) -> None:
    """And dipoles are those of the estimate."""
    (dipoles, residual), localization = (
        gamma_map(*inputs, **OPTIONS, return_as_dipoles=True, return_residual=True),
        localize_gamma(*inputs, 0.5, verbose=False),
    )
    vector = localization.estimate(pick_ori="vector")
    explained = mne.apply_forward(
        inputs[1], vector, inputs[0].info, on_missing="ignore", use_cps=True, verbose=False
    )
    names = residual.ch_names
    fit = explained.copy().pick(names).data
    measured = inputs[0].copy().pick(names).data
    np.testing.assert_allclose(fit + residual.data, measured, atol=1e-6 * np.abs(measured).max())
    assert len(dipoles) == len(vector.data)
    assert localization.regularisation == "noise variance 0.5"


def test_each_orientation_may_have_its_variance(inputs: Any) -> None:
    """All three come back, those without a variance as zeros."""
    stc = gamma_map(*inputs, **OPTIONS, xyz_same_gamma=False, pick_ori="vector")
    assert stc.data.shape[1] == 3
    assert (stc.data.any(axis=2).sum(axis=1) < 3).any()


def test_sources_can_be_left_out(inputs: Any) -> None:
    """By variances of zero."""
    stc = gamma_map(*inputs, **OPTIONS)
    gammas = np.ones(3 * inputs[1]["nsource"])
    place = np.searchsorted(inputs[1]["src"][0]["vertno"], stc.vertices[0][0])
    gammas[3 * place : 3 * place + 3] = 0
    other = gamma_map(*inputs, **OPTIONS, gammas=gammas)
    assert stc.vertices[0][0] not in other.vertices[0]


def test_nothing_is_an_empty_estimate(inputs: Any) -> None:
    with pytest.warns(RuntimeWarning, match="No active dipoles found"):
        stc = gamma_map(*inputs, alpha=1e4, verbose=False)
    assert stc.data.shape == (0, len(inputs[0].times))


def test_several_evokeds_share_their_sources(inputs: Any) -> None:
    evoked, forward, noise_cov = inputs
    both, solution = gamma_map(
        [evoked, evoked], forward, noise_cov, **OPTIONS, return_solution=True
    )
    same_vertices(*both)
    assert solution.method == "gamma-MAP"
    assert (np.diff(solution.objectives) <= 1e-11 * abs(solution.objective)).all()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"alpha": 0}, ValueError, "alpha is 0; give the variance"),
        ({"alpha": None}, TypeError, "alpha is None"),
        ({"update_mode": 3}, ValueError, "update_mode is 3; give 1 or 2"),
        ({"maxit": 0}, ValueError, "maxit is 0"),
        ({"tol": -1}, ValueError, "tol is -1"),
        ({"xyz_same_gamma": 2}, TypeError, "xyz_same_gamma is 2"),
        ({"gammas": [1.0, 2.0]}, ValueError, r"gammas has shape \(2,\)"),
        ({"gammas": "ones"}, TypeError, "gammas"),
        ({"time_limit": -1}, ValueError, "time_limit is -1"),
    ],
)
def test_wrong_options_are_refused(
    inputs: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    """By the name, the value and the remedy."""
    with pytest.raises(error, match=message):
        gamma_map(*inputs, **{**OPTIONS, **options})


def test_gammas_that_leave_nothing_are_refused(inputs: Any) -> None:
    with pytest.raises(ValueError, match="gammas is zero everywhere"):
        gamma_map(*inputs, **OPTIONS, gammas=np.zeros(3 * inputs[1]["nsource"]))


def test_solver_by_name(inputs: Any) -> None:
    evoked, forward, noise_cov = inputs
    solver = mxne_rs.Solver("gammamap", verbose=False)
    solver.make_inverse_operator(forward, evoked, noise_cov)
    stc = solver.apply_inverse_operator(evoked, alpha=0.5)
    np.testing.assert_array_equal(stc.data, gamma_map(*inputs, **OPTIONS).data)


def test_mne_runs_on_this_solver(inputs: Any) -> None:
    """In a block of `use_in_mne` MNE's function gives our answer."""
    with mxne_rs.use_in_mne():
        stc = theirs(*inputs, **OPTIONS)
    other = gamma_map(*inputs, **OPTIONS)
    same_vertices(stc, other)
    np.testing.assert_allclose(stc.data, other.data, rtol=1e-9)
