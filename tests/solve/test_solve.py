"""Solving again: repetition, threads and starting points change nothing that is certified."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import children
import mxne_rs
from engines import engines, solve
from strategies import fixed_problem, problems

#: Laws hold above alpha_max, too, where nothing is left and a warning says so.
pytestmark = pytest.mark.filterwarnings("ignore:alpha is:RuntimeWarning")


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


# --- processes, threads and signals --------------------------------------------------------------


@pytest.mark.parametrize("n_threads", [10**5, 10**30])
def test_more_threads_than_a_machine_has_are_no_harm(n_threads):
    """The same answer or a refusal by name, and no hang."""
    code = f"""
gain, data = np.eye(4, 8), np.ones((4, 2))
try:
    found = mxne_rs.solve_mxne(gain, data, 0.5, n_threads={n_threads}).x
except ValueError as error:
    print("n_threads" in str(error))
else:
    print(np.array_equal(found, mxne_rs.solve_mxne(gain, data, 0.5).x))
"""
    assert children.run(code).ended().out.strip() == "True"
