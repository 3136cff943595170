"""gamma-MAP on arrays, judged by the evidence itself."""

import numpy as np
import pytest

import mxne_rs
import tf_reference as reference


def simulated(seed, n_orient=1, n_locations=30):
    """A gain and data of three sources, with noise of variance 0.1."""
    rng = np.random.default_rng(seed)
    gain = rng.standard_normal((15, n_locations * n_orient))
    x = np.zeros((n_locations * n_orient, 40))
    x[[0, 10 * n_orient, 20 * n_orient]] = rng.standard_normal((3, 40))
    return gain, gain @ x + np.sqrt(0.1) * rng.standard_normal((15, 40))


def solve(gain, data, noise, **options):
    """Solve to the end; return the Solution and the variance of each column."""
    options = {"tol": 1e-9, "tol_reweight": 1e-8, "n_reweights": 3000, **options}
    alpha = noise * np.sqrt(data.shape[1])
    solution = mxne_rs.solve_irmxne(
        gain, data, alpha, surrogate="evidence", max_iter=10**6, **options
    )
    norms = np.sqrt((solution.x**2).reshape(solution.active_set.size, -1).sum(1))
    with np.errstate(invalid="ignore"):
        variances = norms / (np.sqrt(data.shape[1]) * solution.weights)
    return solution, np.where(solution.active_set, variances, 0.0)


@pytest.mark.parametrize("n_orient", [1, 3])
@pytest.mark.parametrize("noise", [0.05, 0.1, 1.0])
def test_the_evidence_is_stationary(n_orient, noise):
    """Its slope is zero at sources and not negative elsewhere, and finite differences agree."""
    gain, data = simulated(0, n_orient)
    solution, variances = solve(gain, data, noise, n_orient=n_orient)
    spread = np.repeat(variances, n_orient)
    value = reference.evidence(gain, data, spread, noise)
    assert solution.objective == pytest.approx(value, rel=1e-9)
    assert (np.diff(solution.objectives) <= 1e-11).all()
    slopes = reference.evidence_slopes(gain, data, spread, noise, n_orient)
    scale = np.abs(reference.evidence_slopes(gain, data, 0 * spread, noise, n_orient)).max()
    active = solution.active_set
    assert active.any()
    assert np.abs(slopes[active]).max() < 1e-4 * scale
    assert slopes[~active].min() > -1e-4 * scale
    s = int(np.flatnonzero(active)[0])
    step = np.zeros_like(spread)
    step[s * n_orient : (s + 1) * n_orient] = 1e-4 * variances[s]
    ends = [reference.evidence(gain, data, spread + sign * step, noise) for sign in (1, -1)]
    difference = (ends[0] - ends[1]) / (2e-4 * variances[s])
    assert difference == pytest.approx(slopes[s], abs=1e-4 * scale)
    assert min(ends) >= value - 1e-9 * abs(value)


def test_the_right_sources_are_found():
    """With room for the noise: at its variance, weak sources explain some of it."""
    gain, data = simulated(1)
    for noise, alone in ((0.1, False), (1.0, True)):
        solution, variances = solve(gain, data, noise)
        strongest = np.sort(np.argsort(variances)[-3:]).tolist()
        assert strongest == [0, 10, 20]
        assert (solution.active_set.sum() == 3) == alone
        assert (solution.method, solution.reweighting_converged) == ("gamma-MAP", True)


def test_scales_do_not_matter():
    """The sources of a gain and data in other units, and the evidence but for its constant."""
    gain, data = simulated(2)
    one, _ = solve(gain, data, 0.1, n_reweights=20)
    for g, m in [(2.0**300, 2.0**-350), (1e-3, 1e4)]:
        other, _ = solve(g * gain, m * data, m**2 * 0.1, n_reweights=20)
        np.testing.assert_allclose(other.x * (g / m), one.x, rtol=1e-6, atol=1e-9)
        constant = len(gain) * 2 * np.log(m)
        assert other.objective - constant == pytest.approx(one.objective, abs=1e-6)


def test_an_excluded_location_stays_out():
    """By an infinite weight; other weights are refused."""
    gain, data = simulated(3)
    weights = np.ones(30)
    weights[10] = np.inf
    solution, _ = solve(gain, data, 0.1, weights=weights, n_reweights=30)
    assert not solution.active_set[10]
    with pytest.raises(ValueError, match=r"weights is 2\.0; the evidence has no weights"):
        solve(gain, data, 0.1, weights=np.where(np.arange(30) == 4, 2.0, 1.0))


def test_paths_and_streams_refuse_it():
    """Its alpha is a noise variance."""
    gain, data = simulated(4)
    with pytest.raises(ValueError, match='surrogate is "evidence"; its alpha'):
        mxne_rs.solve_path(gain, data, [1.0], surrogate="evidence", n_reweights=3)
    with pytest.raises(ValueError, match='surrogate is "evidence"; its alpha'):
        mxne_rs.Stream(gain, n_times=5, alpha=1.0, n_reweights=3, surrogate="evidence")


def test_little_data_leave_nothing():
    """Data within the noise have no source, and no warning of alpha_max."""
    gain, data = simulated(5)
    solution, _ = solve(gain, 1e-3 * data, 10.0)
    assert not solution.active_set.any()
    assert solution.converged


def test_the_evidence_is_not_above_that_of_mne():
    """On the same arrays, for both of MNE's updates."""
    pytest.importorskip("mne")
    from mne.inverse_sparse._gamma_map import _gamma_map_opt

    gain, data = simulated(6, n_locations=60)
    ours = solve(gain, data, 0.1)[0].objective
    for mode in (1, 2):
        x, active = _gamma_map_opt(
            data, gain, 0.1, maxit=5000, tol=1e-9, update_mode=mode, verbose=False
        )
        variances = np.zeros(60)
        variances[active] = np.mean(x**2, axis=1)
        for _ in range(2000):  # the evidence of MNE's support at its best
            inverse = np.linalg.inv(reference.covariance(gain, variances, 0.1))
            part = gain[:, active].T @ inverse
            energy = np.einsum("ij,ji->i", part, gain[:, active])
            variances[active] *= np.sqrt(np.mean((part @ data) ** 2, axis=1) / energy)
        assert ours <= reference.evidence(gain, data, variances, 0.1) + 1e-6
