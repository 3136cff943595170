"""The rules that noise decides: "noise" and "sqrt"."""

import numpy as np
import pytest

import mxne_rs


def small_gain():
    rng = np.random.default_rng(3)
    return rng.standard_normal((30, 1)) + rng.standard_normal((30, 200))


def rate_above(alpha, gain, draws):
    """The part of the draws in which some location exceeds alpha, by NumPy."""
    tops = [np.linalg.norm(gain.T @ one, axis=1).max() for one in draws]
    return np.mean(np.array(tops) > alpha)


@pytest.mark.parametrize(("level", "low", "high"), [(0.05, 0.03, 0.09), (0.5, 0.35, 0.65)])
def test_white_noise_has_a_source_as_often_as_asked_for(level, low, high):
    """Averaged over seeds: each choice rests on 20 draws."""
    gain, rng = small_gain(), np.random.default_rng(0)
    fresh = 2.0 * rng.standard_normal((1000, 30, 12))
    data = gain[:, :2] @ (50 * rng.standard_normal((2, 12)))
    rates = [
        rate_above(choice.alpha, gain, fresh)
        for seed in range(20)
        for choice in [
            mxne_rs.choose_alpha(gain, data, method="noise", sigma=2.0, level=level, rng=seed)
        ]
    ]
    assert low < np.mean(rates) < high


def test_trials_tell_noise_that_is_not_white():
    """Noise of two rhythms in few sensors: no source by its own draws, some by white ones."""
    rng = np.random.default_rng(1)
    gain = small_gain()
    mixing, rhythm = rng.standard_normal((30, 2)), np.sin(np.arange(12) / 3)
    trials = rng.standard_normal((40, 30, 12))
    trials += 3 * mixing @ (rng.standard_normal((40, 2, 1)) * rhythm)
    fresh = rng.standard_normal((1000, 30, 12)) / 40**0.5
    fresh += 3 * mixing @ (rng.standard_normal((1000, 2, 1)) * rhythm) / 40**0.5
    by_trials = mxne_rs.choose_alpha(gain, trials + gain[:, [5]], method="noise").alpha
    white = mxne_rs.choose_alpha(gain, trials.mean(axis=0), method="noise", sigma=40**-0.5).alpha
    assert rate_above(by_trials, gain, fresh) < 0.15
    assert rate_above(white, gain, fresh) > 0.8


@pytest.mark.parametrize("method", ["noise", "sqrt"])
def test_alpha_has_the_scale_of_the_noise(method):
    gain, rng = small_gain(), np.random.default_rng(2)
    data = gain[:, :2] @ (5 * rng.standard_normal((2, 12))) + rng.standard_normal((30, 12))
    one, ten = (
        mxne_rs.choose_alpha(gain, size * data, method=method, sigma=size, tol=1e-9)
        for size in (1.0, 10.0)
    )
    assert ten.alpha == pytest.approx(10 * one.alpha, rel=1e-6)
    np.testing.assert_array_equal(one.solution.active_set, ten.solution.active_set)


@pytest.mark.parametrize("n_orient", [1, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_sqrt_solves_square_root_mxne(n_orient, weighted):
    """Its duality gap by NumPy, at the parameter that the fixed point implies."""
    gain, rng = small_gain(), np.random.default_rng(4)
    n_locations = 200 // n_orient
    weights = rng.uniform(0.5, 2, n_locations) if weighted else None
    data = gain[:, :4] @ (3 * rng.standard_normal((4, 12))) + rng.standard_normal((30, 12))
    choice = mxne_rs.choose_alpha(gain, data, method="sqrt", n_orient=n_orient, weights=weights)
    w = np.ones(n_locations) if weights is None else weights
    x = choice.solution.x
    left = data - gain @ x
    ratio = choice.alpha / np.linalg.norm(left)
    blocks = np.linalg.norm(x.reshape(n_locations, -1), axis=1)
    seen = np.linalg.norm((gain.T @ left).reshape(n_locations, -1), axis=1) / w
    assert x.any()
    bound = max(np.linalg.norm(left), seen.max() / ratio)
    gap = np.linalg.norm(left) + ratio * w @ blocks - np.sum(left * data) / bound
    assert 0 <= gap / np.linalg.norm(data) < 1e-4
    assert choice.sqrt_gap == pytest.approx(gap / np.linalg.norm(data), abs=1e-4)


def test_sqrt_does_not_depend_on_the_noise_level():
    """The number of sources in noise alone is as good as never above zero, whatever its level."""
    gain, rng = small_gain(), np.random.default_rng(5)
    found = []
    for level in (0.01, 1.0, 100.0):
        noise = level * rng.standard_normal((30, 12))
        with pytest.warns(RuntimeWarning, match="no source stands out of the noise"):
            found.append(mxne_rs.choose_alpha(gain, noise, method="sqrt").n_active[-1])
    assert found == [0, 0, 0]


@pytest.mark.parametrize("method", ["noise", "sqrt"])
@pytest.mark.parametrize(("level", "error"), [(0, ValueError), (1, ValueError), ("low", TypeError)])
def test_refuses_levels_that_are_no_probability(method, level, error):
    with pytest.raises(error, match="level is"):
        mxne_rs.choose_alpha(small_gain(), np.ones((30, 2)), method=method, level=level)


@pytest.mark.parametrize("n_trials", [7, 12])
def test_what_trials_share_does_not_count_as_noise(n_trials):
    """However strong it is, and for an odd number of trials, too."""
    gain, rng = small_gain(), np.random.default_rng(6)
    noise = rng.standard_normal((n_trials, 30, 12))
    signal = gain[:, [5, 90]] @ rng.standard_normal((2, 12))
    alone, strong = (
        mxne_rs.choose_alpha(gain, noise + size * signal, method="noise").alpha
        for size in (1.0, 1e6)
    )
    assert strong == pytest.approx(alone, rel=1e-6)


@pytest.mark.parametrize("method", ["noise", "sqrt"])
@pytest.mark.parametrize("n_trials", [1, 3])
def test_few_trials_are_taken_as_their_average(method, n_trials):
    """Their averages with random signs are too few: the noise is white, of the level given."""
    gain, rng = small_gain(), np.random.default_rng(7)
    signal = gain[:, [5, 90]] @ (5 * rng.standard_normal((2, 12)))
    trials = signal + rng.standard_normal((n_trials, 30, 12))
    of_trials = mxne_rs.choose_alpha(gain, trials, method=method)
    average = mxne_rs.choose_alpha(gain, trials.mean(axis=0), method=method, sigma=n_trials**-0.5)
    assert of_trials.alpha == pytest.approx(average.alpha)
    assert {5, 90} <= set(np.flatnonzero(of_trials.solution.active_set))


def test_data_that_no_location_sees_are_refused():
    with pytest.raises(ValueError, match="data are zero or orthogonal to the gain"):
        mxne_rs.choose_alpha(np.zeros((3, 4)), np.ones((3, 2)), method="noise")
