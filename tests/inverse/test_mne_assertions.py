"""What MNE's own tests assert of `mixed_norm` and its solvers, asserted of this package.

The expectations are MNE's (release 1.13 and the main branch of 2026); data and code are ours. Where
MNE expects numbers of its testing data, MNE's answer to our data stands in for them. What is done
on MNE objects is asserted twice: of `mxne_rs.mixed_norm`, and of MNE's function on this solver.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from mne_assertions import (
    LAST_DIGIT,
    PERCENT,
    TEMPORAL,
    applied,
    dipoles_are,
    expected_of,
    explained_variance,
    regions,
)
from mxne_rs import make_stc_from_dipoles, mixed_norm
from places import needs_data

mne = pytest.importorskip("mne", minversion="1.8")
from beside_mne import Inputs, Solve, in_mne, same_vertices  # noqa: E402


@needs_data
def test_times_are_those_of_the_evoked(decimated: Inputs, solve: Solve) -> None:
    stc = solve(*decimated, alpha=PERCENT, verbose=False)
    np.testing.assert_allclose(stc.times, decimated[0].times, atol=1e-5)


@needs_data
def test_coordinate_descent_is_block_coordinate_descent(decimated: Inputs, solve: Solve) -> None:
    """Fixed orientation to a tight gap: MNE's answer by either name of a solver."""
    options = {"loose": 0.0, "tol": 1e-8, "maxit": 20_000, "debias": False}
    for solver in ("cd", "bcd"):
        expected, *_ = expected_of(decimated, PERCENT, solver=solver, **options)
        stc = solve(*decimated, alpha=PERCENT, solver=solver, verbose=False, **options)
        same_vertices(stc, expected)
        np.testing.assert_allclose(
            stc.data, expected.data, rtol=1e-3, atol=1e-3 * np.abs(expected.data).max()
        )


@needs_data
@pytest.mark.parametrize("n_mxne_iter", [1, 5])
def test_sources_lie_in_the_auditory_cortex(
    decimated: Inputs, solve: Solve, n_mxne_iter: int
) -> None:
    """The first on the right side and, reweighted, the strongest of each side."""
    stc = solve(*decimated, alpha=PERCENT, n_mxne_iter=n_mxne_iter, verbose=False)
    left, right = regions(stc)
    assert right[0] in TEMPORAL
    if n_mxne_iter > 1:
        assert left[np.argmax(np.abs(stc.lh_data).max(axis=1))] in TEMPORAL
        assert right[np.argmax(np.abs(stc.rh_data).max(axis=1))] in TEMPORAL


@needs_data
@pytest.mark.filterwarnings("ignore::mxne_rs.ConvergenceWarning")
@pytest.mark.parametrize("maxit", [2, 3000])
def test_magnitude_of_the_vectors(decimated: Inputs, solve: Solve, maxit: int) -> None:
    """Norms of the vectors are the scalar estimate, also where the solver stopped short."""
    options = {"alpha": PERCENT, "maxit": maxit, "tol": 1e-7, "verbose": False}
    scalar = solve(*decimated, **options)
    vector = solve(*decimated, pick_ori="vector", **options)
    assert isinstance(vector, mne.VectorSourceEstimate)
    assert len(scalar.data) > 0
    same_vertices(vector, scalar)
    np.testing.assert_allclose(vector.magnitude().data, scalar.data, rtol=1e-12)


@needs_data
def test_vectors_need_an_orientation(decimated: Inputs, solve: Solve) -> None:
    with pytest.raises(ValueError, match="pick_ori="):
        solve(*decimated, alpha=PERCENT, loose=0, pick_ori="vector", verbose=False)


@needs_data
@pytest.mark.parametrize("loose", [0.0, 0.2])
def test_dipoles_become_the_estimate(decimated: Inputs, solve: Solve, loose: float) -> None:
    """Dipoles there and back, with the subject; of fixed orientation with their sign."""
    options = {"alpha": PERCENT, "loose": loose, "verbose": False}
    stc = solve(*decimated, **options)
    dipoles = solve(*decimated, return_as_dipoles=True, **options)
    assert all(isinstance(dipole, mne.Dipole) for dipole in dipoles)
    assert stc.subject == "sample"
    assert all(len(vertices) > 0 for vertices in stc.vertices)
    assert (stc.data.min() < 0) == (loose == 0)
    dipoles_are(dipoles, decimated[1], stc)


@needs_data
def test_one_dipole_of_each_side(decimated: Inputs) -> None:
    """A single dipole, not in a list, becomes an estimate with an empty other side."""
    dipoles = mixed_norm(*decimated, PERCENT, return_as_dipoles=True, verbose=False)
    src = decimated[1]["src"]
    for dipole, side in ((dipoles[0], 0), (dipoles[-1], 1)):
        stc = make_stc_from_dipoles(dipole, src)
        assert [len(vertices) for vertices in stc.vertices] == [1 - side, side]
        (vertex,) = stc.vertices[side]
        np.testing.assert_array_equal(src[side]["rr"][vertex], dipole.pos[0])
        np.testing.assert_array_equal(stc.data[0], dipole.amplitude)


@needs_data
def test_no_dipoles_become_an_empty_estimate(decimated: Inputs, simulated: Inputs) -> None:
    """An empty list has no times: one sample, no vertex."""
    for inputs, kind in ((decimated, mne.SourceEstimate), (simulated, mne.VolSourceEstimate)):
        stc = make_stc_from_dipoles([], inputs[1]["src"])
        assert type(stc) is kind
        assert sum(len(vertices) for vertices in stc.vertices) == 0
        assert stc.data.shape == (0, 1)


@needs_data
@pytest.mark.parametrize("n_mxne_iter", [1, 5])
def test_logs_the_explained_variance(decimated: Inputs, solve: Solve, n_mxne_iter: int) -> None:
    """The log line has MNE's percentage; debiased at least that, where MNE stops early."""
    for debias in (False, True):
        options = {"n_mxne_iter": n_mxne_iter, "tol": 1e-8, "debias": debias}
        *_, expected = expected_of(decimated, PERCENT, **options)
        with mne.utils.catch_logging() as log:
            solve(*decimated, alpha=PERCENT, verbose="INFO", **options)
        explained = explained_variance(log.getvalue())
        assert 5 < expected < 95
        assert -LAST_DIGIT <= explained - expected <= (1 if debias else LAST_DIGIT)


@needs_data
def test_a_single_sample(decimated: Inputs, solve: Solve) -> None:
    """One sample is enough: dipoles, their way back, and goodnesses of fit that add up."""
    evoked, forward, noise_cov = decimated
    peak = evoked.copy().crop(0.085, 0.086)
    assert len(peak.times) == 1
    inputs = (peak, forward, noise_cov)
    options = {"alpha": PERCENT, "tol": 1e-8, "debias": False}
    stc, _, variance = expected_of(inputs, **options)
    with mne.utils.catch_logging() as log:
        dipoles = solve(*inputs, return_as_dipoles=True, verbose="INFO", **options)
    explained = explained_variance(log.getvalue())
    assert explained == pytest.approx(variance, abs=LAST_DIGIT)
    assert sum(dipole.gof[0] for dipole in dipoles) == pytest.approx(explained, abs=0.1)
    dipoles_are(dipoles, forward, solve(*inputs, verbose=False, **options))
    made = make_stc_from_dipoles(dipoles, forward["src"])
    same_vertices(made, stc)
    np.testing.assert_allclose(made.data, stc.data, rtol=0, atol=1e-3 * stc.data.max())


@pytest.fixture(scope="module")
def dspm(decimated: Inputs) -> Any:
    """The dSPM of the real data, with zeros where it is weakest."""
    evoked, forward, noise_cov = decimated
    operator = mne.minimum_norm.make_inverse_operator(evoked.info, forward, noise_cov)
    stc = mne.minimum_norm.apply_inverse(evoked, operator, lambda2=1 / 9, method="dSPM")
    stc.data[stc.data < np.quantile(stc.data.max(axis=1), 0.3)] = 0
    return stc


@needs_data
@pytest.mark.parametrize("share", [None, 0.5])
def test_weights_from_dspm(decimated: Inputs, solve: Solve, dspm: Any, share: float | None) -> None:
    """A dSPM as weights, with weights_min and without it (MNE's issue 6382): MNE's answer.

    The numbers themselves do the same as the estimate.
    """
    largest = dspm.data.max(axis=1)
    options = {"alpha": PERCENT, "tol": 1e-11, "maxit": 10_000, "debias": False}
    if share is not None:
        options["weights_min"] = float(np.quantile(largest, share))
    stc = solve(*decimated, weights=dspm, verbose=False, **options)
    expected, *_ = expected_of(decimated, weights=dspm, **options)
    same_vertices(stc, expected)
    atol = 1e-4 * np.abs(expected.data).max()
    np.testing.assert_allclose(stc.data, expected.data, rtol=0, atol=atol)
    places = np.concatenate(
        [
            np.isin(all_of_them, active)
            for all_of_them, active in zip(dspm.vertices, stc.vertices, strict=True)
        ]
    )
    assert (largest == 0).sum() > 100
    assert (largest[places] > options.get("weights_min", 0.0)).all()
    same = solve(*decimated, weights=largest, verbose=False, **options)
    np.testing.assert_array_equal(same.data, stc.data)


@needs_data
def test_weights_change_the_answer(decimated: Inputs, solve: Solve, dspm: Any) -> None:
    """Without weights other sources are found, also where the dSPM is zero."""
    plain = solve(*decimated, alpha=30, verbose=False)
    weighted = solve(*decimated, alpha=30, weights=dspm, verbose=False)
    assert any(
        not np.array_equal(a, b) for a, b in zip(plain.vertices, weighted.vertices, strict=True)
    )


@needs_data
@pytest.mark.parametrize("n_mxne_iter", [1, 5])
def test_fixed_orientation_is_signed_and_fits(
    decimated: Inputs, solve: Solve, n_mxne_iter: int
) -> None:
    """Both signs are there, and data = forward(estimate) + residual."""
    evoked, forward, _ = decimated
    stc, residual = solve(
        *decimated, alpha=PERCENT, loose=0.0, n_mxne_iter=n_mxne_iter, return_residual=True,
        verbose=False,
    )  # fmt: skip
    assert stc.data.min() < -0.1 * np.abs(stc.data).max()
    assert stc.data.max() > 0.1 * np.abs(stc.data).max()
    fixed = mne.convert_forward_solution(forward, surf_ori=True, force_fixed=True, use_cps=True)
    data = evoked.copy().pick(residual.ch_names).data
    fit = applied(fixed, stc, residual)
    assert np.linalg.norm(fit) > 0.1 * np.linalg.norm(data)
    np.testing.assert_allclose(fit + residual.data, data, rtol=1e-6, atol=1e-20)


@needs_data
def test_five_rounds_of_nearly_fixed_orientation(decimated: Inputs) -> None:
    """loose=1e-4 and five rounds, with solver='cd': the warning, MNE's vertices, MNE's fit."""
    evoked, forward, _ = decimated
    options = {"loose": 1e-4, "n_mxne_iter": 5, "tol": 1e-8, "pick_ori": "vector"}
    expected, _, variance = expected_of(decimated, PERCENT, **options)
    with pytest.warns(RuntimeWarning, match="descent"), mne.utils.catch_logging() as log:
        stc, residual = mixed_norm(
            *decimated, PERCENT, solver="cd", return_residual=True, verbose="INFO", **options
        )
    assert isinstance(stc, mne.VectorSourceEstimate)
    same_vertices(stc, expected)
    assert explained_variance(log.getvalue()) == pytest.approx(variance, abs=LAST_DIGIT)
    data = evoked.copy().pick(residual.ch_names).data
    np.testing.assert_allclose(
        applied(forward, stc, residual) + residual.data, data, rtol=1e-6, atol=1e-20
    )


@needs_data
def test_coordinate_descent_falls_back_in_mne(decimated: Inputs) -> None:
    """MNE's function on this solver warns of 'cd' with loose orientation, as MNE does."""
    with pytest.warns(RuntimeWarning, match="descent"):
        in_mne(*decimated, alpha=PERCENT, solver="cd", verbose=False)


@needs_data
def test_nothing_is_found_near_the_largest_alpha(decimated: Inputs, solve: Solve) -> None:
    """alpha=99 and three rounds: the warning, nothing, and the data as residual."""
    options = {"alpha": 99, "n_mxne_iter": 3, "return_residual": True, "verbose": "WARNING"}
    with pytest.warns(RuntimeWarning, match="too big"):
        stc, residual = solve(*decimated, **options)
    assert [len(vertices) for vertices in stc.vertices] == [0, 0]
    assert stc.data.shape == (0, len(decimated[0].times))
    np.testing.assert_array_equal(residual.data, decimated[0].copy().pick(residual.ch_names).data)
    with pytest.warns(RuntimeWarning, match="too big"):
        dipoles, residual = solve(*decimated, return_as_dipoles=True, **options)
    assert dipoles == []


@needs_data
def test_inputs_are_not_modified(decimated: Inputs, dspm: Any) -> None:
    """Evokeds, forward solution, covariance, weights and options stay as they are."""
    evoked, forward, noise_cov = decimated
    options = {
        "loose": {"surface": 0.3}, "depth": {"exp": 0.7}, "weights": dspm.data.max(axis=1),
    }  # fmt: skip
    inputs = [[evoked, evoked.copy().crop(0.1, 0.12)], forward, noise_cov, options, dspm]
    before = copy.deepcopy(inputs)
    for weights in (options["weights"], dspm):
        mixed_norm(
            *inputs[:3], 40, **{**options, "weights": weights}, weights_min=1.0, n_mxne_iter=3,
            return_as_dipoles=True, return_residual=True, verbose=False,
        )  # fmt: skip
    for one, other in zip(inputs[0], before[0], strict=True):
        np.testing.assert_array_equal(one.data, other.data)
        assert mne.utils.object_diff(one.info, other.info) == ""
    for one, other in zip(inputs[1:4], before[1:4], strict=True):
        assert mne.utils.object_diff(dict(one), dict(other)) == ""
    np.testing.assert_array_equal(dspm.data, before[4].data)


@needs_data
def test_rank_is_not_modified(decimated: Inputs) -> None:
    """Nor does the rank get entries of its own."""
    rank = {"meg": 200}
    mixed_norm(*decimated, PERCENT, rank=rank, verbose=False)
    assert rank == {"meg": 200}
