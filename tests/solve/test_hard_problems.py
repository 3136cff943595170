"""Newton's steps on the support: problems on which epochs alone crawl, and answers in general."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import mxne_rs
import reference

#: The gap asked for, and what objectives may differ by: parts of half the energy of the data.
TOL, OBJECTIVE = 1e-10, 1e-9


def smooth_gain(n_sensors, n_locations, n_orient, width):
    """Bumps over a line of sensors, wide beside their distance, and their moments."""
    sensors = np.linspace(0, 1, n_sensors)[:, None]
    places = np.linspace(0, 1, n_locations)
    distance = (sensors - places) / width
    moments = [np.exp(-0.5 * distance**2) * (1 + distance) ** o for o in range(n_orient)]
    return np.stack(moments, axis=2).reshape(n_sensors, -1)


def conditioned(rng, n_sensors, n_columns, condition):
    """A gain whose singular values fall from 1 to 1 / condition."""
    rank = min(n_sensors, n_columns)
    left, _ = np.linalg.qr(rng.standard_normal((n_sensors, rank)))
    right, _ = np.linalg.qr(rng.standard_normal((n_columns, rank)))
    return left * np.geomspace(1, 1 / condition, rank) @ right.T


@st.composite
def hard_problems(draw):
    """Gains of any condition, with duplicates and zero columns, weights over six decades."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_orient, n_times = draw(st.integers(1, 4)), draw(st.sampled_from([1, 2, 7, 20]))
    n_sensors, n_locations = draw(st.integers(2, 25)), draw(st.integers(1, 30))
    condition = 10.0 ** draw(st.integers(0, 12))
    gain = conditioned(rng, n_sensors, n_locations * n_orient, condition)
    if draw(st.booleans()):
        gain[:, :n_orient] = gain[:, -n_orient:]
    if draw(st.booleans()):
        gain[:, n_orient * (n_locations // 2)] = 0
    data = rng.standard_normal((n_sensors, n_times))
    weights = None
    if draw(st.booleans()):
        weights = 10.0 ** rng.uniform(-3, 3, n_locations)
    largest = reference.alpha_max(gain, data, n_orient, weights)
    assume(largest > 0)
    alpha = draw(st.sampled_from([0.9, 0.5, 0.1, 0.02])) * largest
    ridge = draw(st.sampled_from([0.0, 0.0, 0.01]))
    return gain, data, alpha, {"n_orient": n_orient, "weights": weights, "ridge": ridge}


# FISTA may need more epochs than it gets; the status says what stalled.
@pytest.mark.filterwarnings("ignore::mxne_rs.ConvergenceWarning")
@given(hard_problems())
def test_answers_are_the_optimum_or_say_that_they_are_not(problem):
    """The gap, by the reference, bounds the distance to the optimum; FISTA finds nothing lower."""
    gain, data, alpha, options = problem
    solution = mxne_rs.solve_mxne(
        gain, data, alpha, tol=TOL, max_iter=20_000, n_threads=1, **options
    )
    scale = 0.5 * (data**2).sum()
    gap, *_ = reference.duality_gap(gain, data, solution.x, alpha, **options)
    assert solution.status in ("converged", "stalled")
    if solution.status == "converged":
        assert gap <= TOL + reference.ROUNDING
    objective = reference.objective(gain, data, solution.x, alpha, **options)
    other = mxne_rs.solve_mxne(
        gain, data, alpha, tol=TOL, max_iter=2000, solver="fista", n_threads=1, verbose=False,
        **options,
    )  # fmt: skip
    lowest = reference.objective(gain, data, other.x, alpha, **options)
    assert objective <= lowest + OBJECTIVE * scale
    if solution.status == other.status == "converged":
        assert objective == pytest.approx(lowest, abs=OBJECTIVE * scale)


@pytest.mark.parametrize("n_orient", [1, 3])
def test_smooth_gains_need_few_epochs(n_orient):
    """Epochs alone crawl, as those of the reference do; with Newton's steps hundreds suffice."""
    gain = smooth_gain(40, 200, n_orient, 0.1)
    rng = np.random.default_rng(0)
    courses = rng.standard_normal((3 * n_orient, 12))
    columns = [n_orient * s + o for s in (40, 60, 150) for o in range(n_orient)]
    data = gain[:, columns] @ courses + 0.05 * rng.standard_normal((40, 12))
    alpha = 0.02 * reference.alpha_max(gain, data, n_orient)
    solution = mxne_rs.solve_mxne(gain, data, alpha, n_orient=n_orient, tol=TOL, n_threads=1)
    assert reference.duality_gap(gain, data, solution.x, alpha, n_orient)[0] <= 1.01 * TOL
    assert solution.n_iter < 1000
    with pytest.raises(RuntimeError, match="did not reach"):
        reference.bcd(gain, data, alpha, n_orient, tol=1e4 * TOL, max_iter=100)


def test_a_tight_gap_keeps_all_of_time():
    """Time is rotated to a few columns at first; the last digits need the others, too."""
    rng = np.random.default_rng(3)
    gain = rng.standard_normal((30, 2000))
    data = gain[:, [5, 900]] @ rng.standard_normal((2, 40))
    data += 1e-4 * rng.standard_normal(data.shape)
    alpha = 0.3 * reference.alpha_max(gain, data)
    for tol in (1e-6, 1e-9, 1e-12):
        solution = mxne_rs.solve_mxne(gain, data, alpha, tol=tol, n_threads=1)
        assert solution.status == "converged"
        gap, *_ = reference.duality_gap(gain, data, solution.x, alpha)
        assert gap <= tol + reference.ROUNDING
