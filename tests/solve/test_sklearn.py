"""The scikit-learn estimator: its conventions, its certificate, and a second witness."""

import importlib
import pickle
import sys
from contextlib import nullcontext

import numpy as np
import pytest

import mxne_rs
import reference
from marks import slow_but
from strategies import fixed_problem

pytest.importorskip("sklearn", minversion="1.6")

from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Lasso, MultiTaskLasso
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from mxne_rs.sklearn import MixedNorm

intercepts = pytest.mark.parametrize("fit_intercept", [False, True], ids=["plain", "intercept"])
VARIANTS = [MixedNorm(), MixedNorm(fit_intercept=True), MixedNorm(n_reweights=3)]


@parametrize_with_checks(VARIANTS)
def test_conventions_of_scikit_learn(estimator, check):
    """All its own checks, no failure expected."""
    check(estimator)


def planted(n_orient, seed=0, n_sensors=60, n_locations=60, noise=0.5):
    """Gain and data of the locations 5 and 20, active in all orientations, and noise."""
    rng = np.random.default_rng(seed)
    gain = rng.standard_normal((n_sensors, n_locations * n_orient))
    x = np.zeros((n_locations, n_orient, 8))
    x[[5, 20]] = rng.standard_normal((2, n_orient, 8))
    data = gain @ x.reshape(-1, 8)
    return gain, data + noise * np.std(data) * rng.standard_normal(data.shape)


# --- the answer ----------------------------------------------------------------------------------


@intercepts
@pytest.mark.parametrize("fraction", [0.05, 0.3, 0.7])
def test_multi_task_lasso_agrees(fraction, fit_intercept):
    """An entirely different code, at the alpha that the documentation names."""
    for seed in range(3):
        problem = fixed_problem(seed, n_orient=1)
        gain, data = problem.gain + fit_intercept, problem.data - 3 * fit_intercept
        ours = MixedNorm(fraction, fit_intercept=fit_intercept, tol=1e-12).fit(gain, data)
        alpha = ours.alpha_ / len(gain)
        theirs = MultiTaskLasso(alpha, fit_intercept=fit_intercept, tol=1e-12, max_iter=100_000)
        theirs.fit(gain, data)
        scale = np.abs(theirs.coef_).max()
        np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=1e-5 * scale)
        np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-5)
        np.testing.assert_allclose(ours.predict(gain), theirs.predict(gain), atol=1e-4)
        assert ours.score(gain, data) == pytest.approx(theirs.score(gain, data), abs=1e-5)


@intercepts
def test_lasso_agrees_on_one_target(fit_intercept):
    """A vector of data gives a vector of coefficients, a column of them a row."""
    problem = fixed_problem(n_orient=1)
    gain, y = problem.gain + 2 * fit_intercept, problem.data[:, 0]
    ours = MixedNorm(0.2, fit_intercept=fit_intercept, tol=1e-12).fit(gain, y)
    theirs = Lasso(ours.alpha_ / len(gain), fit_intercept=fit_intercept, tol=1e-12).fit(gain, y)
    assert ours.coef_.shape == theirs.coef_.shape == (gain.shape[1],)
    assert isinstance(ours.intercept_, float)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-5 * np.abs(theirs.coef_).max())
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-5)
    column = clone(ours).fit(gain, y[:, np.newaxis])
    assert column.coef_.shape == (1, gain.shape[1])
    assert column.predict(gain).shape == (len(gain), 1)
    np.testing.assert_array_equal(column.coef_[0], ours.coef_)
    np.testing.assert_array_equal(column.intercept_, [ours.intercept_] if fit_intercept else 0.0)


@intercepts
@pytest.mark.parametrize("weights", ["none", "some infinite"])
@pytest.mark.parametrize("n_orient", [1, 3])
def test_certificate_is_that_of_the_coefficients(n_orient, weights, fit_intercept):
    """alpha_max_, alpha_ and dual_gap_ by the formulas, of the centred problem."""
    problem = fixed_problem(n_orient=n_orient, weights=weights)
    model = MixedNorm(
        0.3, n_orient=n_orient, weights=problem.weights, fit_intercept=fit_intercept, tol=1e-8
    ).fit(problem.gain, problem.data)
    gain, data = (
        one - one.mean(axis=0) if fit_intercept else one for one in (problem.gain, problem.data)
    )
    largest = reference.alpha_max(gain, data, n_orient, problem.weights)
    assert model.alpha_max_ == pytest.approx(largest, rel=1e-12)
    assert model.alpha_ == pytest.approx(0.3 * largest, rel=1e-12)
    gap, _, _ = reference.duality_gap(
        gain, data, model.coef_.T, model.alpha_, n_orient, problem.weights
    )
    assert gap <= 1e-8 + reference.ROUNDING
    assert model.dual_gap_ == pytest.approx(gap, abs=reference.ROUNDING)
    assert model.n_iter_ == model.solution_.n_iter > 0
    active = reference.group_norms(model.coef_.T, n_orient) > 0
    np.testing.assert_array_equal(model.solution_.active_set, active)
    assert 0 < active.sum() < active.size


@pytest.mark.parametrize("n_orient", slow_but([1, 3], 1))
def test_reweighting_is_in_the_unit_asked_for(n_orient):
    """The last round of the formulas, with the gain divided so that alpha_max is 100."""
    problem = fixed_problem(n_orient=n_orient, noise=1.0)
    model = MixedNorm(0.1, n_orient=n_orient, n_reweights=3, amplitude_unit="mne", tol=1e-11)
    model.fit(problem.gain, problem.data)
    unit = problem.alpha_max / 100
    rounds = reference.irmxne(
        problem.gain / unit, problem.data, 10.0, n_orient, n_reweights=3, tol=1e-11
    )
    expected = rounds[-1].x.T / unit
    np.testing.assert_allclose(model.coef_, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    assert model.solution_.n_reweights == 3
    convex = clone(model).set_params(n_reweights=1).fit(problem.gain, problem.data)
    assert 0 < model.solution_.active_set.sum() < convex.solution_.active_set.sum()


@pytest.mark.parametrize(
    ("n_reweights", "x_scale", "y_scale"), [(1, 1e-9, 1e6), (5, 1e-9, 1e6), (5, 1e9, 1.0)]
)
def test_alpha_has_no_unit(n_reweights, x_scale, y_scale):
    """Other units of X and y are other units of the coefficients, and no more."""
    problem = fixed_problem()
    model = MixedNorm(0.3, n_orient=3, n_reweights=n_reweights, tol=1e-10)
    expected = model.fit(problem.gain, problem.data).coef_
    scaled = model.fit(x_scale * problem.gain, y_scale * problem.data).coef_ * x_scale / y_scale
    np.testing.assert_allclose(scaled, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@intercepts
@pytest.mark.parametrize("n_reweights", [1, 5])
def test_nothing_is_left_from_one_on(n_reweights, fit_intercept):
    """At a part of 1 all coefficients are exactly zero, just below not."""
    options = {"n_orient": 3, "n_reweights": n_reweights, "fit_intercept": fit_intercept}
    for seed in range(5):
        problem = fixed_problem(seed)
        for alpha in (1, 7.0):
            model = MixedNorm(alpha, **options)
            said = pytest.warns(RuntimeWarning, match="is a part of alpha_max here")
            with said if alpha > 1 else nullcontext():
                model.fit(problem.gain, problem.data)
            assert not model.coef_.any()
            expected = problem.data.mean(axis=0) if fit_intercept else np.zeros(10)
            np.testing.assert_allclose(model.predict(problem.gain[:1])[0], expected)
        model = MixedNorm(0.95, **{**options, "n_reweights": 1}).fit(problem.gain, problem.data)
        assert model.coef_.any()


@pytest.mark.parametrize("n_reweights", [1, 5])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_zero_data(n_reweights, fit_intercept):
    """Data that are zero, or constant where there is an intercept, need no coefficients."""
    model = MixedNorm(n_reweights=n_reweights, fit_intercept=fit_intercept)
    model.fit(fixed_problem().gain, np.full((20, 2), 4.0 * fit_intercept))
    assert not model.coef_.any()
    assert (model.alpha_max_, model.alpha_, model.dual_gap_) == (0.0, 0.1, 0.0)
    np.testing.assert_array_equal(model.predict(np.ones((1, 120))), [2 * [4.0 * fit_intercept]])


# --- among other estimators ----------------------------------------------------------------------


def test_grid_search_finds_the_planted_sources():
    """Cross-validation prefers a middle alpha, and the two locations are in its answer."""
    gain, data = planted(n_orient=1)
    parts = [0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 0.9]
    search = GridSearchCV(MixedNorm(), {"alpha": parts}, cv=KFold(4)).fit(gain, data)
    assert 0.02 < search.best_params_["alpha"] < 0.5
    assert search.best_score_ > 0.5
    strongest = np.argsort(np.linalg.norm(search.best_estimator_.coef_, axis=0))[-2:]
    assert sorted(strongest) == [5, 20]


@pytest.mark.parametrize("n_orient", [1, 3])
def test_grid_search_finds_the_number_of_orientations(n_orient):
    """Where all three columns of a location are active, groups of three predict best."""
    gain, data = planted(n_orient=n_orient, n_locations=180 // n_orient)
    grid = {"alpha": [0.05, 0.1, 0.2], "n_orient": [1, 3]}
    search = GridSearchCV(MixedNorm(), grid, cv=KFold(4)).fit(gain, data)
    assert search.best_params_["n_orient"] == n_orient
    groups = search.best_estimator_.coef_.T.reshape(-1, n_orient, 8)
    norms = np.linalg.norm(groups, axis=(1, 2))
    assert sorted(np.argsort(norms)[-2:]) == [5, 20]
    assert np.linalg.norm(groups[norms > 0], axis=2).all()  # a location is active as a whole


def test_pipeline():
    """After a step that scales the features, with parameters by name."""
    problem = fixed_problem(n_orient=1)
    pipeline = make_pipeline(StandardScaler(), MixedNorm())
    pipeline.set_params(mixednorm__alpha=0.4).fit(problem.gain, problem.data)
    scaled = StandardScaler().fit_transform(problem.gain)
    expected = MixedNorm(0.4).fit(scaled, problem.data).predict(scaled)
    np.testing.assert_array_equal(pipeline.predict(problem.gain), expected)
    assert expected.any()


@pytest.mark.parametrize("kind", [np.float32, np.int64, list])
def test_numbers_of_any_kind(kind):
    """All arithmetic is in float64, that of the means included."""
    problem = fixed_problem(n_orient=1)
    gain, data = np.round(20 * problem.gain + 100), np.round(20 * problem.data)
    expected = MixedNorm(fit_intercept=True).fit(gain, data)
    given = [one.tolist() if kind is list else one.astype(kind) for one in (gain, data)]
    model = MixedNorm(fit_intercept=True).fit(*given)
    np.testing.assert_array_equal(model.coef_, expected.coef_)
    np.testing.assert_array_equal(model.predict(given[0]), expected.predict(gain))


def test_clone():
    """All parameters, with nothing that was fitted."""
    weights = np.linspace(1, 2, 40)
    model = MixedNorm(0.2, n_orient=3, n_reweights=4, weights=weights, tol=1e-5, max_iter=7)
    assert model.weights is weights
    other = clone(model.set_params(fit_intercept=True, warm_start=True, n_threads=1))
    assert repr(other.get_params()) == repr(model.get_params())
    assert len(other.get_params()) == 10


def test_pickle():
    """A fitted estimator comes back with its answer and its certificate."""
    problem = fixed_problem()
    model = MixedNorm(0.3, n_orient=3, n_reweights=3).fit(problem.gain, problem.data)
    back = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(back.predict(problem.gain), model.predict(problem.gain))
    assert back.get_params() == model.get_params()
    assert repr(back.solution_) == repr(model.solution_)
    assert back.solution_.history == model.solution_.history


@pytest.mark.parametrize("n_reweights", [1, 3])
def test_warm_start(n_reweights):
    """From its own answer a fit has almost nothing to do; data of another shape start anew."""
    problem = fixed_problem(n_sensors=40, n_locations=100)
    problem = problem.changed(gain=1e-3 * problem.gain)
    fresh = MixedNorm(0.1, n_orient=3, n_reweights=n_reweights, tol=1e-9)
    warm = clone(fresh).set_params(warm_start=True, n_reweights=1).fit(problem.gain, problem.data)
    warm.set_params(n_reweights=n_reweights).fit(problem.gain, problem.data)
    fresh.fit(problem.gain, problem.data)
    first = fresh.n_iter_
    assert warm.n_iter_ < first
    scale = np.abs(fresh.coef_).max()
    np.testing.assert_allclose(warm.coef_, fresh.coef_, rtol=0, atol=1e-4 * scale)
    assert fresh.fit(problem.gain, problem.data).n_iter_ == first  # cold starts do not hurry
    for gain, data in ((problem.gain, problem.data[:, 0]), (problem.gain[:, :30], problem.data)):
        np.testing.assert_array_equal(warm.fit(gain, data).coef_, fresh.fit(gain, data).coef_)


def test_warm_start_with_a_location_excluded():
    """What the last fit found there does not come back."""
    problem = fixed_problem()
    model = MixedNorm(0.2, n_orient=3, warm_start=True).fit(problem.gain, problem.data)
    weights = np.where(model.solution_.active_set, np.inf, 1.0)
    model.set_params(weights=weights).fit(problem.gain, problem.data)
    assert model.solution_.converged
    assert not model.solution_.active_set[np.isinf(weights)].any()
    assert model.coef_.any()


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("alpha", 0.0, ValueError),
        ("alpha", -0.1, ValueError),
        ("alpha", np.nan, ValueError),
        ("alpha", "max", TypeError),
        ("n_orient", 7, ValueError),
        ("n_orient", 0, ValueError),
        ("n_orient", 1.5, TypeError),
        ("n_reweights", 0, ValueError),
        ("weights", np.ones(3), ValueError),
        ("tol", 0, ValueError),
        ("max_iter", 0, ValueError),
        ("n_threads", -1, ValueError),
    ],
)
def test_refuses(name, value, error):
    """Wrong parameters are refused by name, in fit and not before."""
    problem = fixed_problem()
    model = MixedNorm().set_params(**{name: value})
    with pytest.raises(error, match=name):
        model.fit(problem.gain, problem.data)


def test_refuses_data_that_do_not_fit():
    """Other features than those fitted, no fit at all, NaN, another number of samples."""
    problem = fixed_problem()
    with pytest.raises(NotFittedError):
        MixedNorm().predict(problem.gain)
    model = MixedNorm().fit(problem.gain, problem.data)
    with pytest.raises(ValueError, match="119 features"):
        model.predict(problem.gain[:, 1:])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(problem.gain[1:], problem.data)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.where(problem.gain > 2, np.nan, problem.gain), problem.data)


def test_warns_where_the_gap_was_not_reached():
    """Once, with the category of the package, and the gap is told all the same."""
    problem = fixed_problem()
    model = MixedNorm(0.01, n_orient=3, tol=1e-12, max_iter=1)
    with pytest.warns(mxne_rs.ConvergenceWarning, match="max_iter") as caught:
        model.fit(problem.gain, problem.data)
    assert len(caught) == 1
    assert model.dual_gap_ > 1e-12


def test_without_scikit_learn(monkeypatch):
    """The error names the extra to install."""
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    monkeypatch.delitem(sys.modules, "mxne_rs.sklearn")
    with pytest.raises(ImportError, match=r"pip install 'mxne-rs\[sklearn\]'"):
        importlib.import_module("mxne_rs.sklearn")


def test_an_alpha_above_one_is_told_what_it_is_a_part_of():
    """Once, and in the unit of this estimator."""
    problem = fixed_problem(n_orient=1)
    with pytest.warns(RuntimeWarning, match=r"alpha is 60, but is a part of alpha_max") as caught:
        MixedNorm(60).fit(problem.gain, problem.data)
    assert len(caught) == 1
