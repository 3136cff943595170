"""The certificate of MxNE, within a budget and without, judged by the formulas of `reference`."""

import re
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import certificate
import mxne_rs
import reference
from engines import ENGINES, engines, orientations, run, solve
from strategies import fixed_problem, problems

#: Laws hold above alpha_max, too, where nothing is left and a warning says so.
pytestmark = pytest.mark.filterwarnings("ignore:alpha is:RuntimeWarning")


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
    with pytest.warns(mxne_rs.ConvergenceWarning, match="give a larger part") as caught:
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
