"""irMxNE, round by round and whole, judged by the formulas of `reference`."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mxne_rs
import reference
from strategies import fixed_problem, problems

surrogates = pytest.mark.parametrize("surrogate", ["sqrt", "log"])
orientations = pytest.mark.parametrize("n_orient", [1, 3])
ROUNDS = 5
#: Laws hold where a warning says that nothing is left, too: above alpha_max, or by reweighting.
pytestmark = pytest.mark.filterwarnings(
    "ignore:alpha is:RuntimeWarning", "ignore:No active dipoles:RuntimeWarning"
)


def solve(problem, tol=1e-6, **options):
    """Solve, and have the last convex problem certified."""
    options = {"max_iter": 200_000, "tol_reweight": 0.0, "amplitude_unit": 1.0, **options}
    solution = mxne_rs.solve_irmxne(
        problem.gain, problem.data, problem.alpha, **problem.penalty, tol=tol, **options
    )
    problem.changed(weights=solution.weights).certify(solution, tol)
    return solution


def in_natural_units(problem):
    """The same MxNE with gain and alpha scaled so that its largest |X_s| is about 1.

    Reweighting depends on units: in others alpha w_s may be next to nothing.
    """
    args = problem.gain, problem.data, problem.alpha
    x = mxne_rs.solve_mxne(*args, **problem.penalty).x
    unit = np.max(reference.group_norms(x, problem.n_orient)) or 1.0
    return problem.changed(
        gain=unit * problem.gain, alpha=unit * problem.alpha, ridge=unit**2 * problem.ridge
    )


def objective(problem, x, surrogate, epsilon=None):
    """The non-convex objective, by the formulas; the user's weights multiply its terms."""
    args = problem.gain, problem.data, x, problem.alpha
    if surrogate == "sqrt":
        return reference.sqrt_objective(*args, **problem.penalty)
    return reference.log_objective(*args, epsilon, **problem.penalty)


def first_epsilon(problem, tol):
    """0.01 max_s |X_s| of the first round."""
    first = solve(problem, tol, n_reweights=1)
    return 0.01 * np.max(reference.group_norms(first.x, problem.n_orient), initial=0.0)


def reference_rounds(problem, surrogate, n_reweights=ROUNDS, unit=1.0):
    """All rounds of the reference."""
    return reference.irmxne(
        problem.gain,
        problem.data,
        problem.alpha,
        problem.n_orient,
        n_reweights,
        surrogate,
        unit,
        weights=problem.weights,
        ridge=problem.ridge,
    )


# --- against the reference -----------------------------------------------------------------------


@surrogates
@orientations
@pytest.mark.parametrize("seed", range(3))
def test_every_round_agrees_with_the_reference(seed, n_orient, surrogate):
    """MxNE with the weights of each round: the same prediction and objective."""
    problem = fixed_problem(seed, n_orient=n_orient)
    for step in reference_rounds(problem, surrogate):
        weighted = problem.changed(weights=step.weights)
        solution = mxne_rs.solve_mxne(
            problem.gain, problem.data, problem.alpha, **weighted.penalty, tol=1e-10
        )
        weighted.certify(solution, 1e-10)
        weighted.assert_same_answer(solution.x, step.x)
        assert weighted.objective(solution.x) == pytest.approx(
            weighted.objective(step.x), abs=1e-8 * problem.half_energy
        )


@surrogates
@orientations
@pytest.mark.parametrize("kind", ["none", "positive", "some infinite"])
@pytest.mark.parametrize("ridge", [0.0, 1.0])
def test_whole_runs_agree_with_the_reference(n_orient, surrogate, kind, ridge):
    """Support, amplitudes and objective after five rounds."""
    problem = fixed_problem(7, n_orient=n_orient, weights=kind, ridge=ridge)
    expected = reference_rounds(problem, surrogate)[-1]
    solution = solve(problem, 1e-12, n_reweights=ROUNDS, surrogate=surrogate)
    np.testing.assert_array_equal(
        solution.active_set, reference.group_norms(expected.x, n_orient) > 0
    )
    np.testing.assert_allclose(solution.x, expected.x, atol=1e-4 * np.abs(expected.x).max())
    assert solution.objective == pytest.approx(expected.objective, rel=1e-6)


@surrogates
@orientations
@pytest.mark.parametrize("unit", [0.1, "mne", "gain", "largest", "relative"])
def test_every_unit_agrees_with_the_reference(unit, n_orient, surrogate):
    """Support, amplitudes, weights, objective, and the unit itself."""
    problem = fixed_problem(7, n_orient=n_orient, weights="positive")
    expected = reference_rounds(problem, surrogate, unit=unit)[-1]
    options = {"n_reweights": ROUNDS, "surrogate": surrogate, "amplitude_unit": unit}
    solution = solve(problem, 1e-12, **options)
    np.testing.assert_allclose(solution.x, expected.x, atol=1e-4 * np.abs(expected.x).max())
    np.testing.assert_allclose(solution.weights, expected.weights, rtol=1e-4)
    assert solution.objective == pytest.approx(expected.objective, rel=1e-6)
    first = solve(problem, 1e-12, n_reweights=1).x
    u = reference.amplitude_unit(
        unit,
        problem.gain,
        problem.data,
        np.max(reference.group_norms(first, n_orient)),
        n_orient,
        problem.weights,
        surrogate,
    )
    assert solution.amplitude_unit == pytest.approx(u, rel=1e-9)
    number = solve(problem, 1e-12, **{**options, "amplitude_unit": u})
    np.testing.assert_allclose(number.x, solution.x, atol=1e-9 * np.abs(solution.x).max())


@given(problems(smallest=0.2), st.integers(1, 4), st.sampled_from(["sqrt", "log"]))
def test_every_run_is_certified(problem, n_reweights, surrogate):
    """The last weighted problem is, and the objective told is the formula's."""
    problem = in_natural_units(problem)
    solution = solve(problem, 1e-8, n_reweights=n_reweights, surrogate=surrogate)
    assert 1 <= solution.n_reweights <= n_reweights
    epsilon = first_epsilon(problem, 1e-8)
    if surrogate == "sqrt" or epsilon > 0:
        value = objective(problem, solution.x, surrogate, epsilon)
        assert solution.objective == pytest.approx(value, rel=1e-9)


@surrogates
def test_whole_run_tells_its_last_weights(surrogate):
    """Those of the surrogate at the answer of the round before, times the user's."""
    problem = fixed_problem(3, weights="some infinite")
    solutions = [
        solve(problem, 1e-12, n_reweights=n, surrogate=surrogate) for n in range(1, ROUNDS)
    ]
    epsilon = first_epsilon(problem, 1e-12)
    np.testing.assert_array_equal(solutions[0].weights, problem.weights)
    for before, after in pairwise(solutions):
        weights = problem.weights * reference.surrogate_weights(before.x, 3, surrogate, epsilon)
        np.testing.assert_allclose(after.weights, weights, rtol=1e-6)


# --- laws ----------------------------------------------------------------------------------------


@given(problems())
def test_one_round_is_mxne(problem):
    """To the last bit."""
    args = problem.gain, problem.data, problem.alpha
    convex = mxne_rs.solve_mxne(*args, **problem.penalty)
    once = solve(problem, n_reweights=1)
    assert once.x.tobytes() == convex.x.tobytes()
    assert (once.gap, once.primal, once.dual) == (convex.gap, convex.primal, convex.dual)


@surrogates
@given(problem=problems(smallest=0.2))
def test_reweighting_never_raises_the_objective_by_more_than_the_gap(surrogate, problem):
    """Majorisation: each convex problem touches the objective from above."""
    problem = in_natural_units(problem)
    epsilon = first_epsilon(problem, 1e-6)
    if epsilon == 0:
        return
    runs = [solve(problem, 1e-6, n_reweights=n, surrogate=surrogate) for n in range(1, 6)]
    values = [objective(problem, run.x, surrogate, epsilon) for run in runs]
    slack = 1e-6 * problem.half_energy + 1e-12 * abs(values[0])
    assert np.all(np.diff(values) <= slack)


@surrogates
@orientations
def test_reweighting_is_no_less_sparse(surrogate, n_orient):
    """What it is for."""
    for seed in range(5):
        problem = fixed_problem(seed, n_orient=n_orient)
        few = solve(problem, n_reweights=10, surrogate=surrogate).active_set.sum()
        assert 0 < few <= solve(problem, n_reweights=1).active_set.sum()


@surrogates
@orientations
def test_converged_run_is_a_fixed_point(surrogate, n_orient):
    """The answer solves the problem weighted by itself."""
    problem = fixed_problem(noise=0.1, n_orient=n_orient, fraction=0.4)
    solution = solve(problem, 1e-12, n_reweights=1000, surrogate=surrogate, tol_reweight=1e-8)
    assert solution.reweighting_converged
    assert solution.n_reweights < 1000
    weights = reference.surrogate_weights(
        solution.x, n_orient, surrogate, first_epsilon(problem, 1e-12)
    )
    assert problem.changed(weights=weights).gap(solution.x) <= 1e-7


@surrogates
def test_run_that_used_up_its_rounds_says_so_without_a_warning(surrogate):
    """`reweighting_converged` is False; the convex problem did converge."""
    problem = fixed_problem(fraction=0.1)
    solution = solve(problem, n_reweights=2, surrogate=surrogate, tol_reweight=1e-6)
    assert solution.n_reweights == 2
    assert not solution.reweighting_converged
    assert solution.converged


def test_tolerance_of_reweighting_is_its_own():
    """Tightening tol_reweight alone takes more rounds."""
    problem = fixed_problem(noise=0.1, fraction=0.4)
    rough = solve(problem, 1e-10, n_reweights=1000, tol_reweight=1e-2)
    fine = solve(problem, 1e-10, n_reweights=1000, tol_reweight=1e-7)
    assert rough.reweighting_converged
    assert fine.reweighting_converged
    assert rough.n_reweights < fine.n_reweights


@surrogates
def test_nothing_to_reweight_from_alpha_max_on(surrogate):
    """The first round is exactly zero, and so it stays."""
    problem = fixed_problem(fraction=1.0 + 1e-9)
    solution = solve(problem, surrogate=surrogate)
    assert not solution.x.any()
    assert solution.reweighting_converged
    assert solution.gap <= 1e-15


def test_locations_at_zero_stay_out_with_the_square_root():
    """Their weight is infinite from then on."""
    problem = fixed_problem(fraction=0.2)
    before = solve(problem, n_reweights=1)
    for n_reweights in range(2, 6):
        after = solve(problem, n_reweights=n_reweights)
        assert not np.any(after.active_set & ~before.active_set)
        np.testing.assert_array_equal(np.isinf(after.weights), ~before.active_set)
        before = after


# --- the options of the convex solver ------------------------------------------------------------


@surrogates
@pytest.mark.parametrize("options", [{"solver": "fista"}, {"active_set_size": None}], ids=str)
def test_engines_agree(surrogate, options):
    """FISTA and no working set come to the same rounds."""
    problem = fixed_problem(noise=0.1)
    one = solve(problem, 1e-12, surrogate=surrogate, n_reweights=ROUNDS)
    two = solve(problem, 1e-12, surrogate=surrogate, n_reweights=ROUNDS, **options)
    np.testing.assert_allclose(two.x, one.x, atol=1e-4 * np.abs(one.x).max())


@surrogates
def test_thread_count_and_repetition_change_no_bit(surrogate):
    """The same bytes, the same certificate, the same epochs."""
    problem = fixed_problem(n_sensors=60, n_locations=1000, n_times=30, fraction=0.5)
    expected = solve(problem, surrogate=surrogate, n_threads=1)
    for n_threads in (1, 2, 0):
        again = solve(problem, surrogate=surrogate, n_threads=n_threads)
        assert again.x.tobytes() == expected.x.tobytes()
        assert again.objective == expected.objective


@surrogates
def test_starting_point_does_not_change_the_answer(surrogate):
    """From the answer, from anywhere at the scale of the data, from zero."""
    problem = fixed_problem(noise=0.1)
    options = {"surrogate": surrogate, "n_reweights": ROUNDS}
    cold = solve(problem, 1e-12, **options)
    for init in (cold, cold.x, np.ones_like(cold.x)):
        warm = solve(problem, 1e-12, init=init, **options)
        np.testing.assert_allclose(warm.x, cold.x, atol=1e-4 * np.abs(cold.x).max())


def test_gain_is_accepted():
    """A prepared gain brings its own n_orient."""
    problem = fixed_problem()
    gain = mxne_rs.Gain(problem.gain, problem.n_orient)
    own = mxne_rs.solve_irmxne(gain, problem.data, problem.alpha)
    other = mxne_rs.solve_irmxne(
        problem.gain, problem.data, problem.alpha, n_orient=problem.n_orient
    )
    assert own.x.tobytes() == other.x.tobytes()


@surrogates
def test_iteration_limit_counts_the_epochs_of_all_rounds(surrogate):
    """One warning, one status, an honest gap."""
    problem = fixed_problem(fraction=0.05)
    with pytest.warns(mxne_rs.ConvergenceWarning) as caught:
        solution = mxne_rs.solve_irmxne(
            problem.gain,
            problem.data,
            problem.alpha,
            **problem.penalty,
            surrogate=surrogate,
            tol=1e-13,
            max_iter=5,
        )
    assert len(caught) == 1
    assert solution.status == "iteration_limit"
    assert solution.n_iter <= 5
    weighted = problem.changed(weights=solution.weights)
    assert weighted.gap(solution.x) <= solution.gap + reference.ROUNDING


def test_first_sample_exactly_zero_changes_nothing():
    """A block is not zero because its first entry is."""
    problem = fixed_problem(noise=0.1)
    delayed = problem.changed(data=np.hstack([np.zeros((len(problem.data), 1)), problem.data]))
    np.testing.assert_allclose(
        solve(delayed, 1e-12, n_reweights=ROUNDS).x[:, 1:],
        solve(problem, 1e-12, n_reweights=ROUNDS).x,
        atol=1e-4,
    )


# --- units ---------------------------------------------------------------------------------------

VERBS = {
    "solve_irmxne": lambda g, m, a, **how: [mxne_rs.solve_irmxne(g, m, a, **how)],
    "solve_path": lambda g, m, a, **how: mxne_rs.solve_path(g, m, [1.5 * a, a], **how).solutions,
    "solve_batch": lambda g, m, a, **how: mxne_rs.solve_batch(g, [m, m], a, **how),
    "solve_sure": lambda g, m, a, **how: [
        mxne_rs.solve_sure(g, m, [a], sigma=0.1 * np.abs(m).max(), rng=0, **how)
    ],
    "choose_alpha": lambda g, m, a, **how: [
        mxne_rs.choose_alpha(g, m, [a], method="gof", **how).solution
    ],
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("unit", ["relative", "largest", "mne", "gain"])
@given(
    seed=st.integers(0, 50),
    n_orient=st.sampled_from([1, 3]),
    of_gain=st.integers(-12, 12),
    of_data=st.integers(-12, 12),
    surrogate=st.sampled_from(["sqrt", "log"]),
)
def test_scaling_gain_or_data_only_rescales_amplitudes(
    verb, unit, seed, n_orient, of_gain, of_data, surrogate
):
    """Free of every scale, or ("mne", "gain") of that of the gain, whatever the verb."""
    problem = fixed_problem(seed, n_orient=n_orient, noise=0.1, fraction=0.3)
    of_data = of_data if unit in ("relative", "largest") else 0
    c, d = 10.0**of_gain, 10.0**of_data
    options = {
        "n_reweights": 3, "amplitude_unit": unit, "surrogate": surrogate, "tol": 1e-10,
        "max_iter": 100_000, "n_orient": problem.n_orient, "weights": problem.weights,
    }  # fmt: skip
    solve_all = VERBS[verb]
    usual = solve_all(problem.gain, problem.data, problem.alpha, **options)
    scaled = solve_all(c * problem.gain, d * problem.data, c * d * problem.alpha, **options)
    for one, other in zip(usual, scaled, strict=True):
        np.testing.assert_array_equal(other.active_set, one.active_set)
        size = np.abs(one.x).max(initial=0.0)
        np.testing.assert_allclose(other.x * (c / d), one.x, atol=1e-3 * size)


@pytest.mark.parametrize("verb", ["solve_irmxne", "solve_path", "solve_batch"])
def test_an_answer_that_reweighting_empties_is_said_once(verb):
    """MxNE has sources; in a unit that is far too large none survives."""
    problem = fixed_problem()
    with pytest.warns(RuntimeWarning, match="reweighting left none") as caught:
        found = VERBS[verb](
            problem.gain,
            problem.data,
            problem.alpha,
            n_orient=problem.n_orient,
            n_reweights=5,
            amplitude_unit=1e6,
        )
    assert len(caught) == 1
    assert not any(one.active_set.any() for one in found)
    assert all(one.emptied and one.n_active_first > 0 for one in found)
