"""P-values: closed forms where they exist, calibration on nulls, and what must not matter."""

import numpy as np
import pytest

scipy_stats = pytest.importorskip("scipy.stats")
sklearn = pytest.importorskip("sklearn")

pytest.importorskip("mne")

from scipy.sparse import diags  # noqa: E402
from scipy.stats import beta, binom, chi2, f  # noqa: E402

import mxne_rs  # noqa: E402
from mxne_rs import (  # noqa: E402
    Nodewise,
    certainty,
    localize,
)
from mxne_rs.resampling.desparsified import p_values  # noqa: E402
from mxne_rs.resampling.fit import fit_sources  # noqa: E402

KNOWN = {"temporal": "white", "sigma": 1.0}


def orthogonal(n_sensors=30, n_columns=12, seed=0):
    """Columns that are orthogonal, of different norms."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((n_sensors, n_columns)))[0]
    return basis * rng.uniform(0.5, 3.0, n_columns)


def correlated(n_sensors, n_columns, seed=0):
    """Columns whose correlations fall as 0.9 to the power of their distance."""
    distance = np.abs(np.subtract.outer(np.arange(n_columns), np.arange(n_columns)))
    root = np.linalg.cholesky(0.9**distance)
    return np.random.default_rng(seed).standard_normal((n_sensors, n_columns)) @ root.T


def ar1_noise(shape, coefficient, rng):
    """Noise of variance one, started in its stationary state."""
    noise = rng.standard_normal(shape)
    for t in range(1, shape[1]):
        noise[:, t] *= np.sqrt(1 - coefficient**2)
        noise[:, t] += coefficient * noise[:, t - 1]
    return noise


def mixed_rotations(n_locations, seed=5):
    """A rotation of three orientations for each location."""
    draws = np.random.default_rng(seed).standard_normal((n_locations, 3, 3))
    return np.linalg.qr(draws)[0]


# --- closed forms --------------------------------------------------------------------------------


@pytest.mark.parametrize("n_orient", [1, 3])
def test_orthogonal_columns_have_the_tail_of_chi_squared(n_orient):
    """The residual of a location is its own field; sources elsewhere are orthogonal to it."""
    gain = orthogonal()
    rng = np.random.default_rng(1)
    data = gain[:, [4]] @ (20 * rng.standard_normal((1, 7))) + rng.standard_normal((30, 7))
    result = certainty(gain, data, n_orient=n_orient, **KNOWN)
    columns = gain / np.linalg.norm(gain, axis=0)
    energy = ((columns.T @ data) ** 2).sum(axis=1).reshape(-1, n_orient).sum(axis=1)
    assert result.found[4 // n_orient]
    assert np.allclose(result.p_values, chi2.sf(energy, n_orient * 7), rtol=1e-8, atol=0)
    assert np.allclose(result.corrected, np.minimum(result.p_values * 12 / n_orient, 1))


@pytest.mark.parametrize("temporal", ["white", "unstructured"])
def test_an_estimated_noise_level_has_exact_tails(temporal):
    """F over all other dimensions; the beta tail of a projection in the metric of the samples."""
    gain, data = orthogonal(), np.random.default_rng(2).standard_normal((30, 5))
    result = certainty(gain, data, temporal=temporal)
    assert not result.found.any()
    fields = (gain / np.linalg.norm(gain, axis=0)).T @ data
    if temporal == "white":
        energy = np.sum(fields**2, axis=1)
        rest = (np.sum(data**2) - energy) / (29 * 5)
        expected = f.sf(energy / 5 / rest, 5, 29 * 5)
    else:
        share = np.sum(fields @ np.linalg.inv(data.T @ data) * fields, axis=1)
        expected = beta.sf(share, 5 / 2, (30 - 5) / 2)
    assert np.allclose(result.p_values, expected, rtol=1e-6)


def test_regressions_are_scikit_learns():
    from sklearn.linear_model import Lasso

    gain = correlated(25, 40)
    columns = gain / np.linalg.norm(gain, axis=0)
    basis = Nodewise(gain, nodewise_ratio=0.1).parts[0].basis
    for location in (0, 17, 39):
        field, others = columns[:, location], np.delete(columns, location, axis=1)
        penalty = 0.1 * np.abs(others.T @ field).max()
        lasso = Lasso(penalty / 25, fit_intercept=False, tol=1e-12, max_iter=100_000)
        residual = field - others @ lasso.fit(others, field).coef_
        cosine = basis[:, location] @ residual / np.linalg.norm(residual)
        assert abs(cosine) == pytest.approx(1, abs=1e-3)


def test_statistic_is_that_of_the_least_squares_fit():
    """The formula of the desparsified estimate, and its variance as a linear map of the data."""
    gain = correlated(40, 50)
    rng = np.random.default_rng(3)
    data = gain[:, [10, 30]] @ (3 * rng.standard_normal((2, 6))) + rng.standard_normal((40, 6))
    nodewise = Nodewise(gain)
    result = certainty(nodewise, data, **KNOWN)
    found = np.flatnonzero(result.found)
    assert {10, 30} <= set(found)

    def statistic(location, measured):
        amplitudes = np.linalg.lstsq(gain[:, found], measured, rcond=None)[0]
        amplitudes[found == location] = 0
        return nodewise.parts[0].basis[:, location] @ (measured - gain[:, found] @ amplitudes)

    for location in (*found, 0, 11, 45):
        variance = np.sum(statistic(location, np.eye(40)) ** 2)
        expected = chi2.sf(np.sum(statistic(location, data) ** 2) / variance, 6)
        assert result.p_values[location] == pytest.approx(expected, rel=1e-6)


def test_p_values_of_clusterings_are_twice_their_median():
    gain, data = correlated(40, 90), np.random.default_rng(4).standard_normal((40, 6))
    nodewise = Nodewise(gain, n_clusters=10, n_clusterings=5)
    fit = fit_sources(nodewise.gain, data, "ar1", None)
    each = [p_values(nodewise.gain, one, fit, "ar1", None)[one.labels] for one in nodewise.parts]
    result = certainty(nodewise, data, temporal="ar1")
    assert np.allclose(result.p_values, np.minimum(2 * np.sort(each, axis=0)[2], 1))
    assert np.allclose(result.corrected, np.minimum(10 * result.p_values, 1))
    assert not np.array_equal(nodewise.parts[0].labels, nodewise.parts[1].labels)


def test_false_discovery_control_is_benjamini_and_hochbergs():
    gain = correlated(40, 50)
    rng = np.random.default_rng(3)
    data = gain[:, [10, 30]] @ rng.standard_normal((2, 6)) + rng.standard_normal((40, 6))
    result = certainty(gain, data, control="fdr", level=0.1)
    order = np.sort(result.p_values)
    below = np.flatnonzero(order <= 0.1 * np.arange(1, 51) / 50)
    limit = order[below[-1]] if len(below) else -1.0
    assert np.array_equal(result.significant, result.p_values <= limit)
    assert result.significant.sum() >= 2


# --- calibration ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_orient", "temporal", "coefficient"),
    [(1, "unstructured", 0.8), (3, "unstructured", 0.8), (1, "ar1", 0.5), (3, "ar1", 0.5)],
)
def test_nulls_are_as_rarely_discovered_as_the_level_says(n_orient, temporal, coefficient):
    """200 draws of noise: the numbers lie within what chance allows once in a thousand."""
    nodewise, rng = Nodewise(correlated(40, 60), n_orient=n_orient), np.random.default_rng(6)
    results = [
        certainty(nodewise, ar1_noise((40, 8), coefficient, rng), temporal=temporal)
        for _ in range(200)
    ]
    assert sum(one.significant.any() for one in results) <= binom.ppf(0.999, 200, 0.05)
    # Tests of one draw are dependent: each location's number of small p-values is binomial.
    small = np.mean([one.p_values for one in results] < np.float64(0.2), axis=0)
    assert small.mean() == pytest.approx(0.2, abs=0.03)
    assert small.max() <= binom.ppf(1 - 1e-5, 200, 0.2) / 200


def test_noise_over_time_matters():
    """White noise is assumed of noise that is not: far more discoveries than the level says."""
    nodewise, rng = Nodewise(correlated(40, 60)), np.random.default_rng(6)
    draws = [ar1_noise((40, 20), 0.9, rng) for _ in range(40)]
    hits = {
        temporal: sum(
            certainty(nodewise, one, temporal=temporal).significant.any() for one in draws
        )
        for temporal in ("white", "ar1", "unstructured")
    }
    assert hits["white"] > 12 > binom.ppf(0.999, 40, 0.05) >= max(hits["ar1"], hits["unstructured"])


def test_strong_sources_are_found_and_their_clusters_only():
    gain = correlated(60, 120)
    neighbours = diags([1.0, 1.0], [-1, 1], shape=(120, 120), format="csr")
    nodewise, wrong = Nodewise(gain, adjacency=neighbours, n_clusters=30), 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        data = gain[:, [20, 90]] @ (4 * rng.standard_normal((2, 10)))
        result = certainty(nodewise, data + rng.standard_normal((60, 10)))
        truth = np.isin(result.labels[0], result.labels[0][[20, 90]])
        assert result.significant[[20, 90]].all()
        wrong += result.significant[~truth].any()
    assert wrong <= binom.ppf(0.999, 20, 0.05)


# --- what must not matter ------------------------------------------------------------------------


def problem(n_orient):
    gain = correlated(30, 60, seed=2)
    rng = np.random.default_rng(8)
    source = rng.standard_normal((n_orient, 9))
    return gain, gain[:, 30 : 30 + n_orient] @ source + rng.standard_normal((30, 9))


@pytest.mark.parametrize("temporal", ["unstructured", "ar1"])
@pytest.mark.parametrize("n_orient", [1, 3])
def test_scales_and_order_change_no_p_value(n_orient, temporal):
    gain, data = problem(n_orient)
    rng = np.random.default_rng(9)
    expected = certainty(gain, data, n_orient=n_orient, temporal=temporal).p_values
    depth = np.repeat(rng.uniform(0.1, 10, 60 // n_orient), n_orient)
    scaled = certainty(gain * depth, 1e-9 * data, n_orient=n_orient, temporal=temporal)
    assert np.allclose(scaled.p_values, expected, rtol=0.02)
    order = rng.permutation(60 // n_orient)
    columns = (n_orient * order[:, np.newaxis] + np.arange(n_orient)).ravel()
    shuffled = certainty(gain[:, columns], data, n_orient=n_orient, temporal=temporal)
    assert np.allclose(shuffled.p_values, expected[order], rtol=0.02)


@pytest.mark.parametrize("n_clusters", [None, 6])
def test_rotated_orientations_change_no_p_value(n_clusters):
    gain, data = problem(3)
    rotated = np.einsum("npi,pij->npj", gain.reshape(30, 20, 3), mixed_rotations(20))
    options = {"n_orient": 3, "n_clusters": n_clusters}
    expected = certainty(gain, data, **options).p_values
    assert np.allclose(
        certainty(rotated.reshape(30, 60), data, **options).p_values, expected, rtol=0.02
    )


def test_flipped_columns_and_threads_change_no_p_value():
    gain, data = problem(1)
    signs = np.random.default_rng(1).choice([-1.0, 1.0], 60)
    expected = certainty(gain, data, n_threads=1).p_values
    assert np.array_equal(certainty(gain, data, n_threads=3).p_values, expected)
    assert np.allclose(certainty(gain * signs, data).p_values, expected, rtol=0.02)


def test_unseen_locations_and_empty_data_have_p_values_of_one():
    gain, data = problem(1)
    gain[:, 7] = 0
    assert certainty(gain, data).p_values[7] == 1
    for temporal in ("unstructured", "ar1", "white"):
        assert (certainty(gain, np.zeros((30, 4)), temporal=temporal).p_values == 1).all()


# --- MNE objects ---------------------------------------------------------------------------------


def test_a_localization_is_tested_on_its_own_model(simulated):
    """Each location as on arrays; clusters of neighbours, of which those with sources are found."""
    evoked, forward, noise_cov = simulated
    weights = np.ones(forward["nsource"])
    weights[::7] = 0
    answer = localize(evoked, forward, noise_cov, alpha=30, weights=weights, verbose=False)
    result = certainty(answer, n_threads=1)
    expected = certainty(answer.model.gain, answer.data)
    assert np.allclose(result.p_values[weights > 0], expected.p_values)
    assert (result.p_values[weights == 0] == 1).all()
    assert np.array_equal(np.flatnonzero(result.found), answer.model.kept[expected.found])
    clustered = certainty(answer, n_clusters=20)
    assert clustered.n_tests == 20
    assert clustered.significant[answer.active].all()


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"control": "none"}, "control is 'none'"),
        ({"level": 1.0}, "level is 1.0"),
        ({"temporal": "ar2"}, "temporal is 'ar2'"),
        ({"sigma": 1.0}, "temporal is 'unstructured'"),
        ({"sigma": -1.0, "temporal": "white"}, "sigma is -1.0"),
        ({"n_clusters": 1}, "n_clusters is 1"),
        ({"n_clusters": 61}, "gain has 60 locations"),
        ({"n_clusterings": 2}, "n_clusters is None"),
        ({"nodewise_ratio": 1.5}, "nodewise_ratio is 1.5"),
        ({"adjacency": np.eye(3), "n_clusters": 5}, "60 x 60"),
        ({"rng": "x", "n_clusters": 5}, "rng is 'x'"),
    ],
)
def test_wrong_options_are_named(options, words):
    gain, data = problem(1)
    with pytest.raises((TypeError, ValueError), match=words):
        certainty(gain, data, **options)


def test_missing_and_doubled_inputs_are_named():
    gain, data = problem(1)
    with pytest.raises(TypeError, match="data is None"):
        certainty(gain)
    with pytest.raises(ValueError, match="data has 29 rows"):
        certainty(gain, data[1:])
    with pytest.raises(TypeError, match="n_clusters is given beside a Nodewise"):
        certainty(Nodewise(gain), data, n_clusters=5)


def test_reprs_fit_on_a_line():
    gain, data = problem(3)
    nodewise = Nodewise(gain, n_orient=3, n_clusters=5, n_clusterings=2)
    assert repr(nodewise) == (
        "<Nodewise: 30 sensors, 20 locations x 3 orientations, 5 clusters in 2 clusterings>"
    )
    assert "5 tests in 2 clusterings" in repr(mxne_rs.certainty(nodewise, data))


@pytest.mark.parametrize("control", ["fwer", "fdr"])
@pytest.mark.parametrize("n_sensors", [1, 3, 6])
def test_too_few_sensors_tell_nothing(control, n_sensors):
    """No NaN: a p-value of one."""
    rng = np.random.default_rng(0)
    gain, data = rng.standard_normal((n_sensors, 60)), rng.standard_normal((n_sensors, 10))
    found = mxne_rs.certainty(gain, data, n_orient=3, control=control)
    for values in (found.p_values, found.corrected):
        assert ((values >= 0) & (values <= 1)).all()
