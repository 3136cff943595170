"""MxNE by the compiled solvers, judged by the formulas of `reference`."""

import dataclasses
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import certificate
import children
import mxne_rs
import reference
from strategies import fixed_problem, problems

#: Laws hold above alpha_max, too, where nothing is left and a warning says so.
pytestmark = pytest.mark.filterwarnings("ignore:alpha is:RuntimeWarning")

ENGINES = {
    "bcd": {},
    "fista": {"solver": "fista"},
    "bcd, no working set": {"active_set_size": None},
    "fista, no working set": {"solver": "fista", "active_set_size": None},
    "bcd, one location at a time": {"active_set_size": 1},
}
engines = pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
orientations = pytest.mark.parametrize("n_orient", [1, 2, 3, 5])


def run(problem, tol=1e-6, **options):
    """Solve, whatever comes of it."""
    options = {"max_iter": 200_000, **options}
    return mxne_rs.solve_mxne(
        problem.gain, problem.data, problem.alpha, **problem.penalty, tol=tol, **options
    )


def solve(problem, tol=1e-6, **options):
    """Solve, and have the answer certified."""
    solution = run(problem, tol, **options)
    problem.certify(solution, tol)
    return solution


def hard_problem():
    """Nothing sparse about it: solving it takes much longer than any test waits."""
    rng = np.random.default_rng(0)
    gain, data = rng.standard_normal((200, 3000)), rng.standard_normal((200, 60))
    gain += 3 * rng.standard_normal((200, 1))
    return fixed_problem().changed(gain=gain, data=data).at(1e-4)


# --- the certificate -----------------------------------------------------------------------------


@given(problems(), st.sampled_from(sorted(ENGINES)), st.sampled_from([1e-2, 1e-6, 1e-10]))
def test_every_answer_is_certified(problem, engine, tol):
    """The gap by the formulas is at most the tolerance, for any problem, engine and tolerance."""
    solve(problem, tol, **ENGINES[engine])


@engines
@orientations
def test_ten_digits_are_reached_where_asked(engine, n_orient):
    """A relative gap of 1e-10, and the answer of the reference."""
    problem = fixed_problem(n_orient=n_orient)
    solution = solve(problem, 1e-10, **engine)
    expected = reference.bcd(problem.gain, problem.data, problem.alpha, n_orient)
    np.testing.assert_allclose(solution.x, expected, atol=1e-4 * np.abs(expected).max())
    assert (
        problem.objective(solution.x) <= problem.objective(expected) + 1e-10 * problem.half_energy
    )


@engines
@pytest.mark.parametrize("seed", [0, 3, 44, 680, 943, 1343])
def test_ten_digits_are_reached_on_a_smooth_gain(engine, seed):
    """Progress may pause for hundreds of epochs there; "stalled" is for rounding."""
    rng = np.random.default_rng(seed)
    gain = rng.standard_normal((6, 18)) + 5 * rng.standard_normal((6, 1))
    data = rng.standard_normal((6, 8))
    solve(fixed_problem().changed(gain=gain, data=data).at(0.05), 1e-10, **engine)


@engines
@pytest.mark.parametrize("seed", [1, 5])
def test_slow_progress_is_not_called_a_stall(engine, seed):
    """Neighbours 20 locations apart look alike: the gap falls by less than 1 % between looks."""
    rng = np.random.default_rng(seed)
    kernel = np.exp(-0.5 * (np.arange(-60, 61) / 20) ** 2)
    rows = rng.standard_normal((40, 300))
    gain = np.array([np.convolve(row, kernel, "same") for row in rows])
    data = gain[:, ::100] @ rng.standard_normal((3, 20))
    data += data.std() * rng.standard_normal(data.shape)
    problem = fixed_problem(n_orient=1).changed(gain=gain, data=data).at(0.1)
    solve(problem, 1e-8, **engine)


@engines
@orientations
def test_progress_ended_by_rounding_is_a_status_of_its_own(engine, n_orient):
    """A tolerance that no double can meet ends long before the limit, and not as converged."""
    problem = fixed_problem(n_orient=n_orient)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mxne_rs.ConvergenceWarning)
        solution = mxne_rs.solve_mxne(
            problem.gain, problem.data, problem.alpha, n_orient=n_orient, tol=1e-300,
            max_iter=200_000, **engine,
        )  # fmt: skip
    # A gap of exactly zero is one that rounding can lead to.
    assert solution.status == ("converged" if solution.gap == 0 else "stalled")
    assert solution.n_iter < 200_000
    gap, *_ = reference.duality_gap(problem.gain, problem.data, solution.x, problem.alpha, n_orient)
    assert gap <= 1e-10 and solution.gap <= 1e-10


@given(problems(), st.sampled_from([1e-1, 1e-3]))
def test_gap_bounds_suboptimality(problem, tol):
    """P(X) - P(X*) is at most the gap, and the dual value is below P(X*)."""
    rough, fine = solve(problem, tol), solve(problem, 1e-11)
    excess = problem.objective(rough.x) - problem.objective(fine.x)
    assert excess <= (rough.gap + reference.ROUNDING) * problem.half_energy
    assert rough.dual <= problem.objective(fine.x) + reference.ROUNDING * problem.half_energy


@given(problems(), st.floats(0, 2), st.integers(0, 2**32 - 1))
def test_duality_gap_of_any_sources_is_the_formula(problem, scale, seed):
    """Not only at an answer: anywhere, and never negative."""
    x = np.random.default_rng(seed).standard_normal((problem.gain.shape[1], problem.data.shape[1]))
    x *= scale * np.sqrt(problem.half_energy) / max(np.linalg.norm(problem.gain @ x), 1e-3)
    if problem.weights is not None:
        x[np.repeat(np.isinf(problem.weights), problem.n_orient)] = 0
    args = problem.gain, problem.data, x, problem.alpha
    gap, primal, dual = mxne_rs.duality_gap(*args, **problem.penalty)
    expected = reference.duality_gap(*args, **problem.penalty)
    slack = 1e-12 * (1 + expected[0])
    assert gap >= 0
    assert gap == pytest.approx(expected[0], abs=slack)
    assert [primal, dual] == pytest.approx(expected[1:], rel=1e-12, abs=slack * problem.half_energy)


@given(problems())
def test_alpha_max_is_the_formula(problem):
    """max_s |G_s'M| / w_s."""
    found = mxne_rs.alpha_max(
        problem.gain, problem.data, n_orient=problem.n_orient, weights=problem.weights
    )
    assert found == pytest.approx(problem.alpha_max, rel=1e-12)


@given(st.integers(0, 2**32 - 1), st.floats(0, 5))
def test_group_soft_threshold_is_the_formula(seed, threshold):
    """(1 - threshold / |B|)_+ B."""
    block = np.random.default_rng(seed).standard_normal((3, 4))
    expected = reference.group_soft_threshold(block, threshold)
    np.testing.assert_allclose(mxne_rs.group_soft_threshold(block, threshold), expected, atol=1e-15)


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


# --- repeating, threads, starting points ---------------------------------------------------------


@engines
def test_thread_count_and_repetition_change_no_bit(engine):
    """The same bytes, the same certificate, the same epochs."""
    problem = fixed_problem(n_sensors=60, n_locations=1000, n_times=30, fraction=0.5)
    expected = solve(problem, **engine)
    for n_threads in (1, 2, 1, 2, 0):
        again = solve(problem, n_threads=n_threads, **engine)
        assert again.x.tobytes() == expected.x.tobytes()
        assert (again.gap, again.primal, again.dual) == (
            expected.gap,
            expected.primal,
            expected.dual,
        )
        assert again.n_iter == expected.n_iter


def test_eight_threads_share_one_gain():
    """Each gets what it would have got alone."""
    problem = fixed_problem(n_sensors=40, n_locations=200)
    gain = mxne_rs.Gain(problem.gain, problem.n_orient)
    several = [problem.changed(data=np.roll(problem.data, k, axis=0)).at(0.3) for k in range(8)]

    def answer(one):
        return mxne_rs.solve_mxne(gain, one.data, one.alpha, tol=1e-8).x.tobytes()

    expected = [answer(one) for one in several]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            assert list(pool.map(answer, several)) == expected


def test_gain_is_the_array_it_was_made_of():
    """A prepared gain and its array give the same bits everywhere."""
    problem = fixed_problem()
    gain = mxne_rs.Gain(problem.gain, problem.n_orient)
    solution = solve(problem)
    for n_orient in (None, problem.n_orient):
        again = mxne_rs.solve_mxne(gain, problem.data, problem.alpha, n_orient=n_orient)
        assert again.x.tobytes() == solution.x.tobytes()
    assert mxne_rs.alpha_max(gain, problem.data) == mxne_rs.alpha_max(
        problem.gain, problem.data, n_orient=problem.n_orient
    )
    assert mxne_rs.duality_gap(gain, problem.data, solution.x, problem.alpha) == (
        mxne_rs.duality_gap(
            problem.gain, problem.data, solution.x, problem.alpha, n_orient=problem.n_orient
        )
    )


def test_gain_gives_columns_by_index_or_mask_and_refuses_the_rest():
    gain = np.arange(24.0).reshape(2, 12)
    prepared = mxne_rs.Gain(gain, 3)
    np.testing.assert_array_equal(prepared.columns([2]), gain[:, 6:9])
    np.testing.assert_array_equal(prepared.columns([False, False, True, False]), gain[:, 6:9])
    for bad, error in (([0.5], TypeError), ([True, False], TypeError), ([-1], ValueError)):
        with pytest.raises(error, match="locations"):
            prepared.columns(bad)


def test_gain_keeps_its_own_copy():
    """What the caller does to the array afterwards is not seen."""
    problem = fixed_problem()
    mine = problem.gain.copy()
    gain = mxne_rs.Gain(mine, problem.n_orient)
    mine[:] = np.nan
    again = mxne_rs.solve_mxne(gain, problem.data, problem.alpha)
    assert again.x.tobytes() == solve(problem).x.tobytes()


@engines
@given(problem=problems(), seed=st.integers(0, 2**32 - 1))
def test_starting_point_does_not_change_the_answer(engine, problem, seed):
    """From the answer, from anywhere at the scale of the data, from zero."""
    cold = solve(problem, 1e-8, **engine)
    anywhere = np.random.default_rng(seed).standard_normal(cold.x.shape)
    predicted = np.linalg.norm(problem.gain @ anywhere)
    anywhere *= np.linalg.norm(problem.data) / (predicted or 1.0)
    for init in (cold, cold.x, anywhere, np.zeros_like(anywhere)):
        problem.assert_same_answer(solve(problem, 1e-8, init=init, **engine).x, cold.x)


@engines
@pytest.mark.parametrize("scale", [1e3, 1e6])
def test_starting_point_worse_than_zero_is_no_harm(engine, scale):
    """P(0) is known: nobody has to walk home from a start far above it."""
    problem = fixed_problem(n_sensors=1, n_locations=2, n_times=1)
    start = scale * np.random.default_rng(0).standard_normal((6, 1))
    cold = solve(problem, 1e-8, **engine)
    warm = solve(problem, 1e-8, init=start, max_iter=10_000, **engine)
    problem.assert_same_answer(warm.x, cold.x)


@engines
def test_starting_from_the_answer_is_no_more_work(engine):
    """In epochs."""
    problem = fixed_problem()
    cold = solve(problem, **engine)
    assert solve(problem, init=cold, **engine).n_iter <= cold.n_iter


@engines
def test_alpha_path_can_be_walked_by_warm_starts(engine):
    """Down and up again, every step certified."""
    problem, previous = fixed_problem(), None
    for fraction in (0.9, 0.5, 0.2, 0.7):
        step = problem.at(fraction)
        previous = solve(step, 1e-8, init=previous, **engine)


# --- budgets -------------------------------------------------------------------------------------


def numbers(text):
    """Every number written in a text."""
    return [float(n) for n in re.findall(r"\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", text)]


@engines
@pytest.mark.parametrize("max_iter", [1, 2, 7])
def test_iteration_limit_is_kept_and_confessed(engine, max_iter):
    """One warning with gap and tolerance; the gap reported is honest."""
    problem = fixed_problem(fraction=0.05)
    with pytest.warns(mxne_rs.ConvergenceWarning) as caught:
        solution = run(problem, 1e-13, max_iter=max_iter, **engine)
    assert solution.status == "iteration_limit"
    assert not solution.converged
    assert solution.n_iter <= max_iter
    assert solution.gap > 1e-13
    assert problem.gap(solution.x) <= solution.gap + reference.ROUNDING
    assert solution.primal == pytest.approx(problem.objective(solution.x))
    assert len(caught) == 1
    quoted = numbers(str(caught[0].message))
    assert any(n == pytest.approx(solution.gap, rel=0.05) for n in quoted)
    assert any(n == pytest.approx(1e-13) for n in quoted)


@engines
def test_time_limit_is_kept_and_confessed(engine):
    """One warning; whatever was reached has an honest gap."""
    problem = hard_problem()
    with pytest.warns(mxne_rs.ConvergenceWarning) as caught:
        solution = run(problem, 1e-13, time_limit=1e-9, **engine)
    assert solution.status == "time_limit"
    assert not solution.converged
    assert len(caught) == 1
    assert solution.elapsed < 30
    assert problem.gap(solution.x) <= solution.gap + reference.ROUNDING


@pytest.mark.skipif(not certificate.EXTENDED, reason="long doubles are no wider than doubles here")
@pytest.mark.parametrize("engine", [{}, {"active_set_size": None}], ids=str)
@pytest.mark.parametrize("exponent", [8, 10, 12, 14])
def test_a_gap_counts_the_rounding_of_the_correlations(exponent, engine):
    """Two thresholds near the rounding of G_s'R: converged only where the exact gap says so."""
    weights = np.ones(6)
    weights[:2] = 10.0**-exponent
    converged = 0
    for seed in range(25):
        rng = np.random.default_rng(seed)
        gain, data = rng.standard_normal((8, 6)), 10 * rng.standard_normal((8, 3))
        alpha = 0.5 * mxne_rs.alpha_max(gain, data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", mxne_rs.ConvergenceWarning)
            found = mxne_rs.solve_mxne(
                gain, data, alpha, weights=weights, tol=1e-6, max_iter=10**5, **engine
            )
        exact = certificate.certificate(gain, data, found.x, alpha, 1, weights).gap
        assert exact <= found.gap * (1 + 1e-6) + reference.ROUNDING
        converged += found.converged
    assert converged == 25 if exponent == 8 else converged < 25 or exponent < 12


def test_an_alpha_that_is_next_to_nothing_is_said():
    """Where epochs run out, because 50 was meant as percent of an alpha_max of 1e10."""
    problem = fixed_problem()
    gain = problem.gain * (1e10 / problem.alpha_max)
    call = {"n_orient": problem.n_orient, "max_iter": 5, "tol": 1e-12}
    with pytest.warns(mxne_rs.ConvergenceWarning, match=r"5e-09 of alpha_max, which is 1e\+10"):
        mxne_rs.solve_mxne(gain, problem.data, 50.0, **call)
    with pytest.warns(mxne_rs.ConvergenceWarning, match="give a part of that") as caught:
        mxne_rs.solve_path(gain, problem.data, [60.0, 40.0], **call)
    assert len(caught) == 1
    with pytest.warns(mxne_rs.ConvergenceWarning, match="tolerance 1e-12$"):
        mxne_rs.solve_mxne(gain, problem.data, 0.1 * 1e10, **call)


def test_more_epochs_never_hurt():
    """The objective does not rise with max_iter."""
    problem, primal = fixed_problem(fraction=0.05), np.inf
    for max_iter in (1, 3, 10, 30):
        with pytest.warns(mxne_rs.ConvergenceWarning):
            solution = run(problem, 1e-15, max_iter=max_iter)
        assert solution.primal <= primal * (1 + 1e-12)
        primal = solution.primal


# --- what a solution says ------------------------------------------------------------------------


@engines
def test_solution_is_consistent_with_itself(engine):
    """Rows, mask, norms, certificate and counts belong together."""
    problem = fixed_problem()
    solution = solve(problem, **engine)
    norms = reference.group_norms(solution.x, problem.n_orient)
    assert solution.x.shape == (problem.gain.shape[1], problem.data.shape[1])
    assert solution.active_set.dtype == bool
    np.testing.assert_array_equal(solution.active_set, norms > 0)
    rows = np.repeat(solution.active_set, problem.n_orient)
    np.testing.assert_array_equal(solution.sources, solution.x[rows])
    assert solution.alpha == problem.alpha
    assert solution.converged
    assert solution.gap * problem.half_energy == pytest.approx(
        solution.primal - solution.dual, abs=1e-12 * problem.half_energy
    )
    assert solution.n_iter >= 1
    assert 0 < solution.elapsed < 60


@engines
def test_history_leads_to_the_answer(engine):
    """Epochs grow, and the last record is the answer's."""
    problem = fixed_problem()
    solution = solve(problem, 1e-8, **engine)
    epochs = [record.n_iter for record in solution.history]
    assert epochs == sorted(epochs)
    assert epochs[-1] <= solution.n_iter
    last = solution.history[-1]
    assert last.n_active == solution.active_set.sum()
    assert last.gap == pytest.approx(solution.gap, abs=1e-8)
    assert last.primal == pytest.approx(solution.primal, rel=1e-8)


def test_solution_cannot_be_changed():
    """It is a frozen dataclass."""
    solution = solve(fixed_problem())
    assert dataclasses.is_dataclass(solution)
    with pytest.raises(dataclasses.FrozenInstanceError):
        solution.gap = 0.0


def test_solution_survives_pickling():
    """Every field, and the repr."""
    problem = fixed_problem()
    for solution in (
        solve(problem),
        mxne_rs.solve_irmxne(problem.gain, problem.data, problem.alpha, n_orient=3),
    ):
        again = pickle.loads(pickle.dumps(solution))
        for field in dataclasses.fields(solution):
            np.testing.assert_equal(getattr(again, field.name), getattr(solution, field.name))
        assert again.x.tobytes() == solution.x.tobytes()
        assert repr(again) == repr(solution)


def test_repr_can_be_read():
    """Status and locations on one line, no arrays."""
    solution = solve(fixed_problem())
    text = repr(solution)
    assert text.startswith("<Solution") or text.startswith("Solution")
    assert "converged" in text
    assert str(solution.active_set.sum()) in text
    assert len(text) < 300
    assert "array(" not in text


def test_nothing_is_printed_unless_asked(capfd, caplog):
    """Not where verbose is False, nor by default where there is no terminal."""
    problem = fixed_problem()
    for verbose in (False, None):
        solve(problem, verbose=verbose)
        mxne_rs.solve_irmxne(problem.gain, problem.data, problem.alpha, verbose=verbose)
    # A line is drawn only once a solve has taken a while.
    hard = children.hard_problem()
    long = {"tol": 1e-300, "max_iter": 10**9, "time_limit": 0.5}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mxne_rs.ConvergenceWarning)
        for verbose in (False, None):
            mxne_rs.solve_mxne(*hard, verbose=verbose, **long)
        assert capfd.readouterr() == ("", "")
        if find_spec("tqdm"):
            mxne_rs.solve_mxne(*hard, verbose=True, **long)
            assert "MxNE" in capfd.readouterr().err


# --- processes, threads and signals --------------------------------------------------------------


def child(code):
    """A fresh interpreter that runs the code."""
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.skipif(os.name == "nt", reason="SIGINT cannot be sent to one process")
@pytest.mark.parametrize("engine", ["bcd", "fista, no working set"])
def test_ctrl_c_is_answered(engine):
    """A KeyboardInterrupt within seconds, in the midst of a long solve."""
    process = child(f"""
import signal, numpy as np, mxne_rs
signal.signal(signal.SIGINT, signal.default_int_handler)
rng = np.random.default_rng(0)
gain, data = rng.standard_normal((200, 3000)), rng.standard_normal((200, 60))
gain += 3 * rng.standard_normal((200, 1))
alpha = 1e-4 * mxne_rs.alpha_max(gain, data)
options = {ENGINES[engine]!r} | dict(tol=1e-13, max_iter=10**9, time_limit=60)
print("started", flush=True)
try:
    mxne_rs.solve_mxne(gain, data, alpha, **options)
except KeyboardInterrupt:
    print("interrupted", flush=True)
else:
    print("finished", flush=True)
""")
    try:
        assert process.stdout.readline().strip() == "started"
        time.sleep(0.7)
        process.send_signal(signal.SIGINT)
        sent = time.perf_counter()
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert out.strip() == "interrupted", err
    assert time.perf_counter() - sent < 30


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_forked_child_can_solve():
    """With threads of its own: a pool does not survive a fork."""
    process = child("""
import os, warnings, numpy as np, mxne_rs
warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
gain, data = rng.standard_normal((60, 3000)), rng.standard_normal((60, 10))
alpha = 0.5 * mxne_rs.alpha_max(gain, data)
solve = lambda: mxne_rs.solve_mxne(gain, data, alpha, n_threads=2).x.tobytes()
expected = solve()
pid = os.fork()
if pid == 0:
    os._exit(0 if solve() == expected else 1)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), solve() == expected)
""")
    try:
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert out.split() == ["0", "True"], err


@pytest.mark.parametrize("n_threads", [10**5, 10**30])
def test_more_threads_than_a_machine_has_are_no_harm(n_threads):
    """The same answer or a refusal by name, and no hang."""
    process = child(f"""
import numpy as np, mxne_rs
gain, data = np.eye(4, 8), np.ones((4, 2))
try:
    found = mxne_rs.solve_mxne(gain, data, 0.5, n_threads={n_threads}).x
except ValueError as error:
    print("n_threads" in str(error))
else:
    print(np.array_equal(found, mxne_rs.solve_mxne(gain, data, 0.5).x))
""")
    try:
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert out.strip() == "True", err


def test_other_threads_run_while_it_solves():
    """The solver holds no lock of the interpreter."""
    problem, ticks, done = hard_problem(), [], threading.Event()

    def clock():
        while not done.wait(0.005):
            ticks.append(time.perf_counter())

    thread = threading.Thread(target=clock)
    thread.start()
    try:
        begin = time.perf_counter()
        with pytest.warns(mxne_rs.ConvergenceWarning):
            run(problem, 1e-13, time_limit=2.0, n_threads=1)
        end = time.perf_counter()
    finally:
        done.set()
        thread.join()
    assert end - begin > 1.9
    # Hundreds on an idle machine; none at all where the lock is held.
    assert sum(begin + 0.1 < tick < end - 0.1 for tick in ticks) > 5


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


@pytest.mark.parametrize("verb", [mxne_rs.solve_mxne, mxne_rs.solve_irmxne, mxne_rs.solve_path])
def test_alpha_above_alpha_max_is_said(verb):
    """With alpha_max, and what the number would be if it was meant as a percentage."""
    gain, data = np.eye(3), np.diag([4.0, 2.0, 1.0])
    wrap = (lambda alpha: [alpha]) if verb is mxne_rs.solve_path else float
    words = r"12.5 times alpha_max.*is 4 \(50 % of it is 2\)"
    with pytest.warns(RuntimeWarning, match=words) as told:
        verb(gain, data, wrap(50.0))
    assert len(told) == 1
    assert told[0].filename == __file__
    with pytest.warns(RuntimeWarning, match=r"which is 4$"):
        verb(gain, data, wrap(200.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        verb(gain, data, wrap(4.0))  # nothing is left there, as asked
        verb(gain, 0 * data, wrap(50.0))  # nothing could be found


def free_and_fixed(n_locations=100, n_sensors=60):
    """A lead field that does not see one direction, and the columns of another one."""
    rng = np.random.default_rng(0)
    fields = rng.standard_normal((n_sensors, n_locations, 2))
    turns = np.linalg.qr(rng.standard_normal((n_locations, 3, 3)))[0][:, :2]
    free = np.einsum("skd,kdo->sko", fields, turns)
    return free.reshape(n_sensors, -1), free[:, :, 0]


def test_free_orientation_taken_for_fixed_is_said():
    """The columns of a location of MEG are nearly of rank two, those of neighbours are not."""
    free, fixed = free_and_fixed(120)
    with pytest.warns(RuntimeWarning, match="120 locations of three orientations.*n_orient=3"):
        mxne_rs.Gain(free)
    mxne_rs.Gain(free, n_orient=3)
    mxne_rs.Gain(fixed)
    mxne_rs.Gain(free[:, 1:-2])  # no triplet is of one location
