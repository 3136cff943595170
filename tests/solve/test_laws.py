"""Laws that MxNE obeys by its formula, and data that have broken solvers."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mxne_rs
import reference
from engines import ENGINES, engines, orientations, solve
from strategies import fixed_problem, problems

#: Laws hold above alpha_max, too, where nothing is left and a warning says so.
pytestmark = pytest.mark.filterwarnings("ignore:alpha is:RuntimeWarning")


# --- laws ----------------------------------------------------------------------------------------


@engines
@given(problem=problems(), factor=st.sampled_from([1.0, 1.0 + 1e-9, 1.5, 1e6]))
def test_from_alpha_max_on_the_answer_is_exactly_zero(engine, problem, factor):
    """Not nearly: every entry is 0, the gap is rounding."""
    top = mxne_rs.alpha_max(
        problem.gain, problem.data, n_orient=problem.n_orient, weights=problem.weights
    )
    solution = mxne_rs.solve_mxne(
        problem.gain, problem.data, factor * (top or 1.0), **problem.penalty, **engine
    )
    assert not solution.x.any()
    assert not solution.active_set.any()
    assert solution.converged
    assert solution.gap <= 1e-15


@engines
@given(problem=problems(smallest=0.999, largest=0.999))
def test_just_below_alpha_max_the_answer_is_not_zero(engine, problem):
    """X = 0 has a relative gap of 1e-6 there, more than is asked."""
    solution = solve(problem, 1e-9, **engine)
    assert solution.x.any() == (problem.alpha_max > 0)


@given(problems(), st.sampled_from(sorted(ENGINES)), st.sampled_from(sorted(ENGINES)))
def test_solvers_agree(problem, one, two):
    """Any two engines, as closely as their gaps promise."""
    problem.assert_same_answer(
        solve(problem, 1e-8, **ENGINES[one]).x, solve(problem, 1e-8, **ENGINES[two]).x
    )


@given(problems(), st.floats(1e-3, 1e3))
def test_scaling_data_and_alpha_scales_the_answer(problem, scale):
    """X(k M, k alpha) = k X(M, alpha)."""
    scaled = problem.changed(data=scale * problem.data, alpha=scale * problem.alpha)
    problem.assert_same_answer(solve(problem).x, solve(scaled).x / scale)


@given(problems(ridges=(0.0,)), st.floats(1e-3, 1e3))
def test_scaling_gain_and_alpha_divides_the_answer(problem, scale):
    """X(k G, k alpha) = X(G, alpha) / k."""
    scaled = problem.changed(gain=scale * problem.gain, alpha=scale * problem.alpha)
    problem.assert_same_answer(solve(problem).x, scale * solve(scaled).x)


@pytest.mark.parametrize("scale", [1e-13, 1e12])
@pytest.mark.parametrize("what", ["data", "gain"])
def test_units_do_not_matter(what, scale):
    """Tesla are as good as femtotesla: the tolerance is relative."""
    problem = fixed_problem()
    scaled = problem.changed(**{name: scale * getattr(problem, name) for name in (what, "alpha")})
    back = scale if what == "gain" else 1 / scale
    np.testing.assert_allclose(back * solve(scaled, 1e-10).x, solve(problem, 1e-10).x, atol=1e-4)


@pytest.mark.parametrize("power", [-900, -601, 600, 901])
@pytest.mark.parametrize("what", ["data", "gain"])
def test_powers_of_two_change_no_bit(what, power):
    """At scales of which the squares are no numbers, to either side."""
    problem = fixed_problem()
    options = {"n_orient": problem.n_orient, "tol": 1e-8}
    plain = mxne_rs.solve_mxne(problem.gain, problem.data, problem.alpha, **options)
    given = {name: getattr(problem, name) for name in ("gain", "data", "alpha")}
    given |= {name: np.ldexp(given[name], power) for name in (what, "alpha")}
    scaled = mxne_rs.solve_mxne(**given, **options)
    np.testing.assert_array_equal(np.ldexp(plain.x, power if what == "data" else -power), scaled.x)
    assert (scaled.status, scaled.gap) == (plain.status, plain.gap)


@given(problems(), st.integers(0, 2**32 - 1))
def test_permuting_locations_permutes_the_answer(problem, seed):
    """No location comes first."""
    order = np.random.default_rng(seed).permutation(problem.n_locations)
    columns = (order[:, None] * problem.n_orient + np.arange(problem.n_orient)).ravel()
    weights = None if problem.weights is None else problem.weights[order]
    permuted = problem.changed(gain=problem.gain[:, columns], weights=weights)
    back = np.empty((problem.gain.shape[1], problem.data.shape[1]))
    back[columns] = solve(permuted).x
    problem.assert_same_answer(solve(problem).x, back)


@given(problems(), st.integers(0, 2**32 - 1))
def test_rotating_time_rotates_the_answer(problem, seed):
    """X(M Q) = X(M) Q for orthogonal Q."""
    n_times = problem.data.shape[1]
    rotation = np.linalg.qr(np.random.default_rng(seed).standard_normal((n_times, n_times)))[0]
    rotated = problem.changed(data=problem.data @ rotation)
    problem.assert_same_answer(solve(problem).x, solve(rotated).x @ rotation.T)


@given(problems(ridges=(0.0, 1e-3, 0.1, 10.0)))
def test_ridge_is_the_augmented_problem(problem):
    """The gain with sqrt(ridge) I below it, the data with zeros."""
    n_columns = problem.gain.shape[1]
    augmented = problem.changed(
        gain=np.vstack([problem.gain, np.sqrt(problem.ridge) * np.eye(n_columns)]),
        data=np.vstack([problem.data, np.zeros((n_columns, problem.data.shape[1]))]),
        ridge=0.0,
    )
    own, other = solve(problem).x, solve(augmented).x
    problem.assert_same_answer(own, other)
    augmented.assert_same_answer(own, other)


@given(problems(ridges=(0.0,)))
def test_weights_are_a_scaling_of_columns(problem):
    """Gain G_s / w_s without weights gives w_s X_s; infinite w_s drops the columns."""
    weights = np.ones(problem.n_locations) if problem.weights is None else problem.weights
    kept, each = np.isfinite(weights), np.repeat(weights, problem.n_orient)
    columns = np.isfinite(each)
    if not kept.any():
        assert not solve(problem).x.any()
        return
    scaled = problem.changed(gain=problem.gain[:, columns] / each[columns], weights=None)
    back = np.zeros((problem.gain.shape[1], problem.data.shape[1]))
    back[columns] = solve(scaled).x / each[columns, None]
    own = solve(problem).x
    assert not own[~columns].any()
    problem.assert_same_answer(own, back)


# --- shapes and data that have broken solvers ----------------------------------------------------


@engines
@orientations
def test_first_sample_exactly_zero_changes_nothing(engine, n_orient):
    """A block is not zero because its first entry is."""
    problem = fixed_problem(n_orient=n_orient)
    delayed = problem.changed(data=np.hstack([np.zeros((len(problem.data), 1)), problem.data]))
    x = solve(delayed, 1e-10, **engine).x
    np.testing.assert_allclose(x[:, 1:], solve(problem, 1e-10).x, atol=1e-4)
    np.testing.assert_allclose(x[:, 0], 0, atol=1e-12)


@engines
@pytest.mark.parametrize("n_times", [1, 2, 20, 21, 100])
def test_any_number_of_samples(engine, n_times):
    """One, as many as sensors, more than sensors."""
    solve(fixed_problem(n_times=n_times), 1e-8, **engine)


@engines
@pytest.mark.parametrize("n_sensors", [1, 2, 100])
def test_any_number_of_sensors(engine, n_sensors):
    """One, few, more than sources."""
    solve(fixed_problem(n_sensors=n_sensors), 1e-8, **engine)


@engines
def test_data_of_low_rank_in_time(engine):
    """Two time courses in fifty samples."""
    problem = fixed_problem(n_times=2)
    mixing = np.random.default_rng(5).standard_normal((2, 50))
    solve(problem.changed(data=problem.data @ mixing).at(0.3), 1e-10, **engine)


def test_problem_of_one_number_is_solved_exactly():
    """x = (g m - alpha) / g^2."""
    solution = mxne_rs.solve_mxne([[2.0]], [[3.0]], 1.0, tol=1e-12)
    np.testing.assert_allclose(solution.x, [[(2 * 3 - 1) / 4]])


# --- processes, threads and signals --------------------------------------------------------------


@pytest.mark.parametrize("fraction", [0.5, 0.2, 0.05])
def test_a_coarse_approach_over_time_changes_nothing_certified(fraction):
    """Three strong courses in weak noise: solved on a few columns of time, then on all."""
    rng = np.random.default_rng(0)
    gain = rng.standard_normal((30, 600))
    courses = np.sin(np.outer([1, 2, 3], np.linspace(0, 6, 60)))
    data = gain[:, [30, 150, 330]] @ courses + 0.01 * rng.standard_normal((30, 60))
    alpha = fraction * reference.alpha_max(gain, data, 3, None)
    solution = mxne_rs.solve_mxne(gain, data, alpha, n_orient=3, tol=1e-8)
    assert reference.duality_gap(gain, data, solution.x, alpha, 3)[0] <= 1e-8
    assert all(after.n_iter >= before.n_iter for before, after in pairwise(solution.history))
    plain = mxne_rs.solve_mxne(gain, data, alpha, n_orient=3, tol=1e-8, active_set_size=None)
    assert abs(solution.primal - plain.primal) <= 1e-8 * np.sum(data**2)
    assert (solution.active_set == plain.active_set).all()
