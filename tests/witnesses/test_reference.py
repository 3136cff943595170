"""The reference itself: closed forms, two algorithms against each other, other people's code."""

import numpy as np
import pytest
from hypothesis import given

import reference
from strategies import fixed_problem, problems

TIGHT = 1e-12


@pytest.fixture(params=[1, 2, 3, 5], ids="n_orient={}".format)
def problem(request):
    """The same small problem for every number of orientations."""
    return fixed_problem(n_orient=request.param)


def test_group_soft_threshold_shrinks_the_norm_and_keeps_the_direction():
    """A block of norm 5 by 1, and by 5."""
    block = np.array([[3.0, 0.0], [0.0, 4.0]])
    np.testing.assert_allclose(reference.group_soft_threshold(block, 1), 0.8 * block)
    assert not reference.group_soft_threshold(block, 5).any()


def test_orthonormal_gain_has_a_closed_form(problem):
    """X_s = soft(G_s'M, alpha) where G'G = I."""
    rng = np.random.default_rng(1)
    n = 6 * problem.n_orient
    gain = np.linalg.qr(rng.standard_normal((n, n)))[0]
    data = rng.standard_normal((n, 4))
    alpha = 0.5 * reference.alpha_max(gain, data, problem.n_orient)
    back = reference.blocks(gain.T @ data, problem.n_orient)
    expected = [reference.group_soft_threshold(block, alpha) for block in back]
    x = reference.bcd(gain, data, alpha, problem.n_orient)
    np.testing.assert_allclose(x, np.reshape(expected, x.shape), atol=1e-6)


def test_alpha_max_is_where_the_answer_vanishes(problem):
    """At a fraction f of it the relative gap of X = 0 is (1 - f)^2."""
    top = problem.alpha_max
    zero = np.zeros((problem.gain.shape[1], problem.data.shape[1]))

    def gap_of_zero(alpha):
        return reference.duality_gap(problem.gain, problem.data, zero, alpha, problem.n_orient)[0]

    assert gap_of_zero(top) == pytest.approx(0, abs=1e-15)
    assert gap_of_zero(0.9 * top) == pytest.approx(0.01)
    below = reference.bcd(problem.gain, problem.data, 0.999 * top, problem.n_orient)
    assert np.count_nonzero(reference.group_norms(below, problem.n_orient)) == 1


def test_exact_block_update_satisfies_the_optimality_condition(problem):
    """H Y + threshold Y / |Y| = B."""
    rng = np.random.default_rng(2)
    root = rng.standard_normal((4, problem.n_orient)) * np.logspace(0, -3, problem.n_orient)
    hessian, correlation = root.T @ root, root.T @ rng.standard_normal((4, 7))
    threshold = 0.3 * np.linalg.norm(correlation)
    y = reference.exact_block(hessian, correlation, threshold)
    subgradient = threshold * y / np.linalg.norm(y)
    np.testing.assert_allclose(hessian @ y + subgradient, correlation, atol=1e-9)


def test_exact_and_proximal_block_updates_agree(problem):
    """They differ on the way only."""
    exact = reference.bcd(problem.gain, problem.data, problem.alpha, problem.n_orient)
    proximal = reference.bcd(
        problem.gain, problem.data, problem.alpha, problem.n_orient, exact=False
    )
    np.testing.assert_allclose(exact, proximal, atol=1e-5)


@given(problems(smallest=0.3))
def test_bcd_and_fista_agree(problem):
    """Two algorithms that share the gap and nothing else."""
    args = problem.gain, problem.data, problem.alpha
    block = reference.bcd(*args, **problem.penalty, tol=1e-9)
    gradient = reference.fista(*args, **problem.penalty, tol=1e-8)
    half = np.sum(problem.data**2) / 2
    assert problem.objective(block) == pytest.approx(problem.objective(gradient), abs=1.1e-8 * half)


@given(problems())
def test_gap_is_never_negative(problem):
    """At any X, near and far."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((problem.gain.shape[1], problem.data.shape[1]))
    if problem.weights is not None:
        x[np.repeat(np.isinf(problem.weights), problem.n_orient)] = 0
    for scale in (0, 1e-6, 1e-2, 1):
        gap, primal, dual = reference.duality_gap(
            problem.gain, problem.data, scale * x, problem.alpha, **problem.penalty
        )
        assert gap >= -reference.ROUNDING * max(1, gap)
        assert primal >= dual or gap == pytest.approx(0, abs=reference.ROUNDING)


def test_ridge_is_the_augmented_problem(problem):
    """The gain with sqrt(ridge) I below it, the data with zeros."""
    n_columns, ridge = problem.gain.shape[1], 2.0
    gain = np.vstack([problem.gain, np.sqrt(ridge) * np.eye(n_columns)])
    data = np.vstack([problem.data, np.zeros((n_columns, problem.data.shape[1]))])
    x = reference.bcd(problem.gain, problem.data, problem.alpha, problem.n_orient, ridge=ridge)
    augmented = reference.duality_gap(gain, data, x, problem.alpha, problem.n_orient)
    own = reference.duality_gap(
        problem.gain, problem.data, x, problem.alpha, problem.n_orient, ridge=ridge
    )
    np.testing.assert_allclose(own[1:], augmented[1:], rtol=1e-12)
    assert augmented[0] <= TIGHT + reference.ROUNDING


def test_infinite_weights_remove_locations(problem):
    """As if their columns were not there."""
    weights = np.ones(problem.n_locations)
    weights[::2] = np.inf
    kept = np.repeat(np.isfinite(weights), problem.n_orient)
    x = reference.bcd(problem.gain, problem.data, problem.alpha, problem.n_orient, weights)
    alone = reference.bcd(problem.gain[:, kept], problem.data, problem.alpha, problem.n_orient)
    np.testing.assert_allclose(x[kept], alone, atol=1e-12)
    assert not x[~kept].any()


@pytest.mark.parametrize("surrogate", ["sqrt", "log"])
def test_reweighting_never_raises_the_objective(problem, surrogate):
    """And never brings the square root's dead locations back."""
    rounds = reference.irmxne(
        problem.gain, problem.data, problem.alpha, problem.n_orient, 6, surrogate
    )
    values = [r.objective for r in rounds]
    assert len(rounds) == 6
    assert np.all(np.diff(values) <= 1e-10 * np.abs(values[0]))
    assert np.all(np.diff([np.count_nonzero(r.x) for r in rounds]) <= 0)


def test_debiasing_is_a_bounded_least_squares(problem):
    """No step of a single factor lowers the cost."""
    x = reference.bcd(problem.gain, problem.data, problem.alpha, problem.n_orient)
    factors = reference.debias(problem.gain, problem.data, x, problem.n_orient)
    active = np.flatnonzero(reference.group_norms(x, problem.n_orient))
    assert factors.min() >= 1
    assert np.all(np.delete(factors, active) == 1)

    def cost(d):
        return reference.debias_cost(problem.gain, problem.data, x, d, problem.n_orient)

    for s in active:
        for step in (-1e-4, 1e-4):
            moved = factors.copy()
            moved[s] = max(1, moved[s] + step)
            assert cost(moved) >= cost(factors) - 1e-12 * cost(np.ones_like(factors))


def test_multi_task_lasso_agrees():
    """scikit-learn divides the data term by the number of rows."""
    linear_model = pytest.importorskip("sklearn.linear_model")
    problem = fixed_problem(n_orient=1)
    model = linear_model.MultiTaskLasso(
        problem.alpha / len(problem.data), fit_intercept=False, tol=1e-12, max_iter=100000
    )
    theirs = model.fit(problem.gain, problem.data).coef_.T
    ours = reference.bcd(problem.gain, problem.data, problem.alpha)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("n_orient", [1, 3])
def test_mne_agrees(n_orient):
    """MNE's block coordinate descent; its tolerance is the absolute gap."""
    mxne_optim = pytest.importorskip("mne.inverse_sparse.mxne_optim")
    problem = fixed_problem(n_orient=n_orient)
    theirs = np.zeros((problem.gain.shape[1], problem.data.shape[1]))
    options = {"maxit": 10000, "tol": 1e-10, "debias": False, "solver": "bcd", "verbose": "error"}
    rows, active, _ = mxne_optim.mixed_norm_solver(
        problem.data, problem.gain, problem.alpha, n_orient=n_orient, **options
    )
    theirs[active] = rows
    ours = reference.bcd(problem.gain, problem.data, problem.alpha, n_orient)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
