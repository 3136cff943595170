"""Every way to solve one problem: two solvers, with and without a working set."""

import pytest

import mxne_rs

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
