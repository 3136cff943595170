"""Paths and batches: the answers of single solves, certified, in order, whatever the threads."""

import numpy as np
import pytest
from hypothesis import given

import mxne_rs
import reference
from strategies import problems


def cortex(n_data=1, n_locations=900, seed=0):
    """A gain wide enough for nested working sets, and data sets from a few of its sources."""
    rng = np.random.default_rng(seed)
    gain = rng.standard_normal((30, 3 * n_locations))
    courses = rng.standard_normal((n_data, 9, 25))
    data = gain[:, 300:309] @ courses + 0.5 * rng.standard_normal((n_data, 30, 25))
    return gain, data


@given(problem=problems())
def test_path_is_a_sequence_of_certified_solves(problem):
    top = reference.alpha_max(problem.gain, problem.data, problem.n_orient, problem.weights)
    if top == 0:
        return
    alphas = top * (1 + 1e-12) * np.array([1.0, 0.6, 0.3, 0.1])
    path = mxne_rs.solve_path(
        problem.gain, problem.data, alphas, n_orient=problem.n_orient, weights=problem.weights,
        ridge=problem.ridge, tol=1e-7, max_iter=200_000,
    )  # fmt: skip
    power = np.sum(problem.data**2)
    for alpha, solution, explained in zip(
        path.alphas, path.solutions, path.explained_variance, strict=True
    ):
        args = problem.gain, problem.data, solution.x, alpha, problem.n_orient
        gap, primal, _ = reference.duality_gap(*args, problem.weights, problem.ridge)
        assert gap <= 1e-7 + reference.ROUNDING
        assert primal == pytest.approx(solution.primal, rel=1e-10)
        residual = problem.data - problem.gain @ solution.x
        assert explained == pytest.approx(1 - np.sum(residual**2) / power, abs=1e-9)
    assert path.n_active[0] == 0


def test_default_path_runs_from_alpha_max_to_eps():
    gain, (data,) = cortex()
    path = mxne_rs.solve_path(gain, data, n_alphas=6, eps=0.3, n_orient=3)
    top = reference.alpha_max(gain, data, 3, None)
    np.testing.assert_allclose(path.alphas, top * np.geomspace(1, 0.3, 6))
    assert path.n_active[0] == 0 < path.n_active[-1]
    assert (np.diff(path.explained_variance) >= -1e-6).all()
    assert "6 alphas" in repr(path)
    cold = mxne_rs.solve_mxne(gain, data, path.alphas[-1], n_orient=3)
    assert path.solutions[-1].primal == pytest.approx(cold.primal, abs=2e-6 * np.sum(data**2) / 2)


def test_alphas_are_solved_from_the_largest_down():
    gain, (data,) = cortex()
    path = mxne_rs.solve_path(gain, data, [50.0, 200.0, 100.0], n_orient=3)
    assert path.alphas.tolist() == [200.0, 100.0, 50.0]
    assert [solution.alpha for solution in path.solutions] == [200.0, 100.0, 50.0]


@pytest.mark.parametrize("n_threads", [1, 2])
def test_batch_gives_the_bits_of_single_solves(n_threads):
    gain, data = cortex(7)
    prepared = mxne_rs.Gain(gain, 3)
    alphas = [0.4 * mxne_rs.alpha_max(prepared, one) for one in data]
    batch = mxne_rs.solve_batch(prepared, data, alphas, n_threads=n_threads)
    for one, alpha, solution in zip(data, alphas, batch, strict=True):
        single = mxne_rs.solve_mxne(prepared, one, alpha, n_threads=1)
        assert solution.x.tobytes() == single.x.tobytes()
        assert reference.duality_gap(gain, one, solution.x, alpha, 3)[0] <= 1e-6


def test_batch_takes_lists_of_unequal_lengths_and_one_alpha():
    gain, (one, two) = cortex(2)
    solutions = mxne_rs.solve_batch(mxne_rs.Gain(gain, 3), [one, two[:, :5]], 100.0)
    assert [solution.sources.shape[1] for solution in solutions] == [25, 5]
    assert mxne_rs.solve_batch(gain, [], 1.0) == []


def test_limits_of_a_sweep_are_confessed():
    gain, data = cortex(3)
    prepared = mxne_rs.Gain(gain, 3)
    with pytest.warns(mxne_rs.ConvergenceWarning, match="time_limit"):
        path = mxne_rs.solve_path(prepared, data[0], n_alphas=4, time_limit=1e-9)
    assert path.solutions[-1].status == "time_limit"
    with pytest.warns(mxne_rs.ConvergenceWarning, match="max_iter"):
        batch = mxne_rs.solve_batch(prepared, data, 30.0, max_iter=1, tol=1e-12)
    assert {solution.status for solution in batch} == {"iteration_limit"}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda g, d: mxne_rs.solve_path(g, d[0], [1.0, -1.0]), "alpha"),
        (lambda g, d: mxne_rs.solve_path(g, d[0], []), "alphas"),
        (lambda g, d: mxne_rs.solve_path(g, d[0], eps=1.5), "eps"),
        (lambda g, d: mxne_rs.solve_path(g, 0 * d[0]), "alphas"),
        (lambda g, d: mxne_rs.solve_batch(g, d, [1.0]), "alpha"),
        (lambda g, d: mxne_rs.solve_batch(g, d, -1.0), "alpha"),
        (lambda g, d: mxne_rs.solve_batch(g, [d[0], d[1] * np.nan], 1.0), r"data\[1\]"),
        (lambda g, d: mxne_rs.solve_batch(g, d[:, :5], 1.0), r"data\[0\]"),
    ],
)
def test_bad_sweeps_are_refused_by_name(call, words):
    gain, data = cortex(2)
    with pytest.raises(ValueError, match=words):
        call(mxne_rs.Gain(gain, 3), data)


@pytest.mark.parametrize("surrogate", ["sqrt", "log"])
def test_reweighted_path_is_a_sequence_of_irmxne(surrogate):
    """Each alpha's irMxNE is that of a single solve, and begins at the path's MxNE."""
    gain, (data,) = cortex()
    top = mxne_rs.alpha_max(gain, data, n_orient=3)
    alphas = top * np.array([0.7, 0.5, 0.35])
    path = mxne_rs.solve_path(
        gain, data, alphas, n_orient=3, n_reweights=5, surrogate=surrogate, tol=1e-9
    )
    plain = mxne_rs.solve_path(gain, data, alphas, n_orient=3, tol=1e-9)
    assert len(path.convex) == len(path.solutions) == 3
    for alpha, solution, convex, mxne in zip(alphas, path, path.convex, plain, strict=True):
        np.testing.assert_array_equal(convex.sources, mxne.sources)
        single = mxne_rs.solve_irmxne(
            gain, data, alpha, n_orient=3, n_reweights=5, surrogate=surrogate, tol=1e-9
        )
        np.testing.assert_array_equal(solution.active_set, single.active_set)
        atol = 1e-4 * abs(single.x).max()
        np.testing.assert_allclose(solution.x, single.x, rtol=0, atol=atol)
        assert solution.n_reweights == single.n_reweights
    assert plain.convex == plain.solutions
    assert path[0] is path.solutions[0]


def test_reweighted_batch_is_a_batch_of_irmxne():
    gain, data = cortex(n_data=3)
    top = mxne_rs.alpha_max(gain, data[0], n_orient=3)
    batch = mxne_rs.solve_batch(gain, data, 0.4 * top, n_orient=3, n_reweights=4)
    for one, solution in zip(data, batch, strict=True):
        single = mxne_rs.solve_irmxne(gain, one, 0.4 * top, n_orient=3, n_reweights=4, n_threads=1)
        np.testing.assert_array_equal(solution.sources, single.sources)
        assert solution.n_reweights == single.n_reweights > 1


def test_explained_variance_is_that_of_the_answer():
    """Of MxNE, with time left out and without, and of irMxNE."""
    gain, (data,) = cortex()
    top = mxne_rs.alpha_max(gain, data, n_orient=3)
    for solution in (
        mxne_rs.solve_mxne(gain, data, 0.4 * top, n_orient=3, tol=1e-3),
        mxne_rs.solve_mxne(gain, data, 0.4 * top, n_orient=3, active_set_size=None),
        mxne_rs.solve_irmxne(gain, data, 0.4 * top, n_orient=3),
    ):
        residual = data - gain @ solution.x
        expected = 1 - np.sum(residual**2) / np.sum(data**2)
        assert solution.explained_variance == pytest.approx(expected, abs=1e-12)
