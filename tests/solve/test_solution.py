"""What a solution and its warnings say."""

import dataclasses
import pickle
import warnings
from importlib.util import find_spec

import numpy as np
import pytest

import children
import mxne_rs
import reference
from engines import engines, solve
from strategies import fixed_problem

#: Laws hold above alpha_max, too, where nothing is left and a warning says so.
pytestmark = pytest.mark.filterwarnings("ignore:alpha is:RuntimeWarning")


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
