"""Bands of sources: on orthogonal columns a draw is soft thresholding, with known chances."""

import numpy as np
import pytest

scipy_stats = pytest.importorskip("scipy.stats")

from scipy.stats import binom, ncx2  # noqa: E402

import mxne_rs  # noqa: E402
from mxne_rs import bootstrap_sources, solve_irmxne, solve_mxne  # noqa: E402
from mxne_rs.resampling.bootstrap import _matched  # noqa: E402

N_TIMES = 12


def orthonormal(n_sensors=20, n_columns=6):
    return np.linalg.qr(np.random.default_rng(0).standard_normal((n_sensors, n_columns)))[0]


def draw(gain, size, seed, location=2):
    """A source of a given norm, and noise of standard deviation one."""
    rng = np.random.default_rng(seed)
    course = rng.standard_normal(N_TIMES)
    signal = np.outer(gain[:, location], size * course / np.linalg.norm(course))
    return signal + rng.standard_normal((len(gain), N_TIMES))


@pytest.mark.parametrize("n_orient", [1, 2])
def test_bands_are_those_of_least_squares_amplitudes(n_orient):
    """Debiased soft thresholding is the projection on the columns; the band pivots about it."""
    gain = orthonormal()
    data = draw(gain, 30.0, 1)
    solution = solve_mxne(gain, data, 9.0, n_orient=n_orient)
    bands = bootstrap_sources(
        gain, data, solution, n_draws=40, sigma=0.5, coverage=0.8, rng=3, n_orient=n_orient,
        max_iter=1000,
    )  # fmt: skip
    block = gain[:, 2 - 2 % n_orient :][:, :n_orient]
    fit = block.T @ data
    noise = np.random.default_rng(3).normal(0, 0.5, (40, 20, N_TIMES))
    norms = np.sort([np.linalg.norm(fit + block.T @ one) for one in noise])
    low, high = np.interp([0.1 * 41, 0.9 * 41], np.arange(1, 41), norms)
    size = np.linalg.norm(fit)
    assert bands.locations.tolist() == [2 // n_orient]
    assert bands.amplitude[0] == pytest.approx(size, rel=1e-6)
    assert bands.band[0] == pytest.approx([2 * size - high, 2 * size - low], rel=1e-6)
    assert bands.probability[0] == 1
    assert np.isnan(bands.spread[0])


def test_probability_is_that_of_passing_the_threshold():
    """|x + e|^2 is noncentral chi-squared where the source is the only one."""
    gain, alpha = orthonormal(), 6.0
    data = np.outer(gain[:, 2], np.full(N_TIMES, 6.2 / np.sqrt(N_TIMES)))
    solution = solve_mxne(gain, data, alpha)
    bands = bootstrap_sources(gain, data, solution, n_draws=500)
    expected = ncx2.sf(alpha**2, N_TIMES, 6.2**2)
    assert 0.5 < expected < 0.9
    low, high = binom.ppf([0.001, 0.999], 500, expected) / 500
    assert low <= bands.probability[0] <= high


def test_bands_cover_as_often_as_they_say():
    gain, covered = orthonormal(), 0
    for seed in range(150):
        data = draw(gain, 12.0, seed)
        solution = solve_irmxne(gain, data, 7.0)
        bands = bootstrap_sources(gain, data, solution, n_draws=50, rng=seed)
        (place,) = np.flatnonzero(bands.locations == 2)
        covered += bands.band[place, 0] <= 12.0 <= bands.band[place, 1]
    low, high = binom.ppf([0.001, 0.999], 150, 0.9)
    assert low <= covered <= high


def test_sources_are_matched_so_that_distances_are_smallest():
    """Each to its nearest would give both the same; beyond the radius there is no match."""
    places = np.zeros((5, 3))
    places[:, 0] = [0.0, 4.0, 6.0, 30.0, 3.0]
    mine, theirs, apart = _matched(np.array([0, 1, 3]), np.array([2, 4]), places, 10.0)
    assert dict(zip(mine.tolist(), theirs.tolist(), strict=True)) == {0: 1, 1: 0}
    assert sorted(apart) == [2.0, 3.0]
    mine, *_ = _matched(np.array([0, 1, 3]), np.array([2, 4]), places, 2.5)
    assert mine.tolist() == [1]


def test_spread_is_the_distance_of_neighbours_that_take_the_place():
    """Two columns that noise alone tells apart: found at either, 4 mm apart."""
    gain = orthonormal()
    gain[:, 3] = gain[:, 2] + 1e-3 * gain[:, 3]
    positions = np.zeros((6, 3))
    positions[:, 0] = [0.0, 0.05, 0.1, 0.104, 0.2, 0.3]
    data = draw(gain, 30.0, 1)
    solution = solve_irmxne(gain, data, 8.0, tol=1e-10)
    options = {"n_draws": 60, "positions": positions}
    bands = bootstrap_sources(gain, data, solution, **options)
    exact = bootstrap_sources(gain, data, solution, n_draws=60)
    assert len(bands.locations) == 1
    moved = 1 - exact.probability[0]
    assert 0.1 < moved < 0.9
    assert bands.probability[0] == 1
    assert bands.spread[0] == pytest.approx(4 * np.sqrt(moved), rel=0.2)


def test_no_source_and_a_lost_source_have_no_band():
    gain, data = orthonormal(), draw(orthonormal(), 0.0, 2)
    with pytest.warns(RuntimeWarning, match="from which on there is no source"):
        empty = solve_mxne(gain, data, 50.0)
    bands = bootstrap_sources(gain, data, empty, n_draws=3)
    assert bands.band.shape == (0, 2)
    assert repr(bands) == "<SourceBands: 0 sources in 3 draws>"
    weak = solve_mxne(gain, data, 0.99 * mxne_rs.alpha_max(gain, data))
    lost = bootstrap_sources(gain, data, weak, n_draws=3, sigma=1e-9, weights=np.full(6, 5.0))
    assert lost.probability[0] == 0
    assert np.isnan(lost.band).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_draws": 1}, "n_draws is 1"),
        ({"sigma": 0.0}, "sigma is 0.0"),
        ({"coverage": 1.0}, "coverage is 1.0"),
        ({"radius": -1.0}, "radius is -1.0"),
        ({"positions": np.zeros((5, 3))}, "positions has shape"),
        ({"depth": 1.0}, "depth"),
    ],
)
def test_wrong_options_are_named(options, words):
    gain = orthonormal()
    data = draw(gain, 30.0, 1)
    solution = solve_mxne(gain, data, 9.0)
    with pytest.raises((TypeError, ValueError), match=words):
        bootstrap_sources(gain, data, solution, **options)


def test_a_solution_is_needed():
    gain = orthonormal()
    with pytest.raises(TypeError, match="solution is"):
        bootstrap_sources(gain, draw(gain, 1.0, 0), np.zeros((6, N_TIMES)))


def test_draws_are_solved_by_the_method_of_the_solution():
    """gamma-MAP by itself; TF-MxNE cannot be solved without its frame."""
    gain = orthonormal()
    data = draw(gain, 30.0, 1)
    evidence = solve_irmxne(gain, data, np.sqrt(N_TIMES), surrogate="evidence")
    assert evidence.method == "gamma-MAP"
    bands = bootstrap_sources(gain, data, evidence, n_draws=5)
    same = bootstrap_sources(gain, data, evidence, n_draws=5, surrogate="evidence")
    other = bootstrap_sources(gain, data, evidence, n_draws=5, surrogate="sqrt")
    assert np.array_equal(bands.band, same.band, equal_nan=True)
    assert not np.array_equal(bands.band, other.band, equal_nan=True)
    frame = {"l1_ratio": 0.1, "wsize": 4, "tstep": 2}
    transformed = mxne_rs.solve_tf_mxne(gain, data, 5.0, **frame)
    with pytest.raises(ValueError, match="l1_ratio"):
        bootstrap_sources(gain, data, transformed)
    assert bootstrap_sources(gain, data, transformed, n_draws=3, **frame).probability.max() == 1


def test_draws_that_fell_short_are_left_out():
    """They say nothing about a source; the warning says what to do."""
    rng = np.random.default_rng(0)
    gain = rng.standard_normal((20, 60))
    data = gain[:, [5, 30]] @ (3 * rng.standard_normal((2, 10))) + rng.standard_normal((20, 10))
    solution = mxne_rs.choose_alpha(gain, data).solution
    with pytest.warns(mxne_rs.ConvergenceWarning, match="left out: raise tol, max_iter or time_l"):
        bands = mxne_rs.bootstrap_sources(gain, data, solution, n_draws=5, time_limit=1e-9)
    assert bands.n_draws == 0
    assert np.isnan(bands.probability).all()


def test_a_localization_is_its_arrays():
    """Alpha in percent becomes absolute; an answer that says percent is refused on arrays."""
    pytest.importorskip("mne")
    from mxne_rs import localize
    from mxne_rs.simulate import simulate_auditory

    evoked, forward, noise_cov = simulate_auditory(spacing=20.0)
    found = localize(evoked.crop(0.08, 0.12), forward, noise_cov, 30, verbose=False)
    bands = bootstrap_sources(found, n_draws=8)
    assert sorted(bands.locations) == sorted(np.flatnonzero(found.active))
    assert (bands.probability > 0.5).all() and (bands.spread < 10).all()
    # By hand, on the arrays: the same draws.
    gain, data = found.model.gain, found.data
    alpha = 0.3 * mxne_rs.alpha_max(gain, data)
    unit = found.solution.amplitude_unit
    solution = solve_irmxne(gain, data, alpha, amplitude_unit=unit, n_reweights=100)
    other = bootstrap_sources(
        gain, data, solution, n_draws=8, sigma=evoked.nave**-0.5, amplitude_unit=unit,
        positions=forward["source_rr"],
    )  # fmt: skip
    np.testing.assert_allclose(bands.band, other.band, rtol=1e-3)
    with pytest.raises(ValueError, match=r"solution\.alpha is 30, .*in percent"):
        bootstrap_sources(gain, data, found.solution)
    with pytest.raises(TypeError, match="data is given beside a Localization"):
        bootstrap_sources(found, data)
