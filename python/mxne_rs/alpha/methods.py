"""Choose alpha by each method of `choose_alpha`, after checking its parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .._arguments.convert import Floats, as_count, as_number, quoted
from .._arguments.warn import warn
from ..solve.many import Path
from ..solve.single import alpha_max, solve_irmxne, solve_mxne
from ..solve.solution import Solution
from .choice import AlphaChoice, choice_on_grid
from .criteria import (
    Problem,
    false_bounds,
    held_out_errors,
    largest_magnitude,
    residual_shares,
    unconverged_statuses,
    where_converged,
)
from .sure import random_stream

#: The remedy where a part is none.
PART = "give a number between 0 and 1, such as 0.8"


def by_sure(solution: Solution) -> AlphaChoice:
    """Turn the answer of `solve_sure` into an AlphaChoice."""
    curve = solution.sure
    assert curve is not None
    return AlphaChoice(
        "sure", solution.alpha, curve.index, curve.alphas, curve.values, None, curve.n_active,
        curve.gaps, curve.explained_variance, solution, curve.at_edge,
    )  # fmt: skip


def by_map(problem: Problem, levels: Floats) -> AlphaChoice:
    """Choose the fixed point of the hierarchical model, and solve there."""
    scale = float(levels.max())
    steps = fixed_point(problem, scale * float(np.sqrt(np.mean((levels / scale) ** 2))))
    solution, following = steps[-1]
    settled = is_settled(solution, following)
    if solution.converged and not settled:
        change = 100 * abs(following / solution.alpha - 1)
        warn(
            f"method 'map' still changed alpha by {change:.2g} % in step {len(steps)}, the last: "
            "choose another method",
        )
    # Alphas are monotonic but for the tolerance of the solves; of equal ones the last is kept.
    by_alpha = {one.alpha: (one, after) for one, after in steps}
    alphas = sorted(by_alpha, reverse=True)
    index = alphas.index(solution.alpha)
    solutions = tuple(by_alpha[alpha][0] for alpha in alphas)
    path = Path(np.array(alphas), solutions, solutions)
    values = where_converged(path, [by_alpha[alpha][1] for alpha in alphas])
    if problem.rounds.n_reweights > 1 and solution.converged:
        solution = solve_irmxne(
            problem.gain, problem.data, solution.alpha, init=solution,
            **problem.rounds._asdict(), **problem.options(),
        )  # fmt: skip
    return AlphaChoice(
        "map", solution.alpha, index, path.alphas, values, None,
        path.n_active, path.gaps, path.explained_variance, solution, not settled,
    )  # fmt: skip


def by_cv(problem: Problem, grid: Floats, n_folds: Any, debias: bool, rng: Any) -> AlphaChoice:
    """Choose the alpha with the smallest error on sensors left out."""
    count = as_count("n_folds", n_folds, 2)
    n_sensors = problem.gain.n_sensors
    if count > n_sensors:
        raise ValueError(f"n_folds is {count}, but gain has {n_sensors} sensors; give no more")
    errors, failures = held_out_errors(problem, grid, count, random_stream(rng), debias)
    path = problem.path(problem.gain, problem.data, grid)
    values = where_converged(path, errors)
    return choice_on_grid("cv", path, values, None, failures + unconverged_statuses(path))


def by_stability(
    problem: Problem,
    grid: Floats,
    n_resamples: Any,
    subsample: Any,
    threshold: Any,
    max_false: Any,
    rng: Any,
) -> AlphaChoice:
    """Choose the smallest alpha whose bound on false locations is at most ``max_false``."""
    trials = problem.trials
    if trials is None or len(trials) < 2:
        shape = problem.data.shape if trials is None else trials.shape
        raise ValueError(
            f"data has shape {shape}, but method 'stability' draws from trials; "
            "give at least two, (n_trials, n_sensors, n_times), or choose another method"
        )
    count = as_count("n_resamples", n_resamples, 1)
    part = as_number("subsample", subsample, PART, below=1)
    frequency = as_number("threshold", threshold, "give a number above 0.5 and at most 1")
    if not 0.5 < frequency <= 1:
        raise ValueError(f"threshold is {quoted(threshold)}; give a number above 0.5 and at most 1")
    allowed = as_number("max_false", max_false, "give a positive number, such as 1")
    if round(part * len(trials)) == len(trials):
        raise ValueError(
            f"subsample is {quoted(subsample)}, which is all of {len(trials)} trials; give less, "
            "or more trials"
        )
    selection = false_bounds(problem, grid, count, part, frequency, random_stream(rng))
    choice = choice_on_grid(
        "stability", selection.path, selection.bounds, allowed, selection.failures
    )
    highest = selection.frequencies[: choice.index + 1].max(axis=0)
    return replace(choice, frequencies=selection.frequencies, stable=highest >= frequency)


def by_discrepancy(problem: Problem, grid: Floats, levels: Floats, debias: bool) -> AlphaChoice:
    """Choose the largest alpha whose residual is at most as strong as the noise."""
    path = problem.path(problem.gain, problem.data, grid)
    values = residual_shares(problem, path, levels, debias)
    return choice_on_grid("discrepancy", path, values, 1.0, unconverged_statuses(path))


def by_gof(problem: Problem, grid: Floats, gof: Any, debias: bool) -> AlphaChoice:
    """Choose the largest alpha that explains at least ``gof``."""
    target = as_number("gof", gof, PART, below=1)
    path = problem.path(problem.gain, problem.data, grid)
    values = where_converged(path, path.explained_variance)
    if debias and problem.data.any():
        values = 1 - residual_shares(problem, path, problem.data, debias)
    return choice_on_grid("gof", path, values, target, unconverged_statuses(path))


def by_n_sources(problem: Problem, grid: Floats, n_sources: Any) -> AlphaChoice:
    """Choose the smallest alpha with at most ``n_sources`` locations."""
    if n_sources is None:
        raise ValueError("n_sources is None; method 'n_sources' needs the largest number allowed")
    count = as_count("n_sources", n_sources, 1)
    path = problem.path(problem.gain, problem.data, grid)
    values = where_converged(path, path.n_active)
    return choice_on_grid("n_sources", path, values, float(count), unconverged_statuses(path))


#: Data sets that the hyperprior counts as, as in a stream whose alpha is tracked.
PRIOR_DATA_SETS = 10.0
#: Relative change of alpha below which the fixed point is reached.
SETTLED_CHANGE = 1e-3
MAX_STEPS = 100


def fixed_point(problem: Problem, level: float) -> list[tuple[Solution, float]]:
    """Iterate to the fixed point; return each solution with the alpha that follows it.

    ``level`` is the std of the noise. Alphas are monotonic, because ``sum_s w_s |X_s|`` does not
    grow with alpha, up to the tolerance of the solves.
    """
    gain, data, weights = problem.gain, problem.data, problem.request.weights
    top = alpha_max(gain, data, weights=weights)
    if top == 0:
        raise ValueError(
            "alpha cannot be chosen: data are zero or orthogonal to the gain; give other data"
        )
    alpha, solution = 0.5 * top, None
    steps: list[tuple[Solution, float]] = []
    while len(steps) < MAX_STEPS:
        solution = solve_mxne(gain, data, alpha, init=solution, **problem.options())
        following = next_alpha(solution, data.size, level, top, weights)
        steps.append((solution, following))
        if is_settled(solution, following) or not solution.converged:
            break
        alpha = following
    return steps


def is_settled(solution: Solution, following: float) -> bool:
    """Return whether the next step would change alpha by a negligible part."""
    return abs(following - solution.alpha) <= SETTLED_CHANGE * solution.alpha


def next_alpha(
    solution: Solution, n: int, level: float, top: float, weights: Floats | None
) -> float:
    """Compute ``level^2 (n + a - 1) / (sum_s w_s |X_s| + b)`` for n numbers of data.

    ``a - 1`` is ``PRIOR_DATA_SETS n``, and b is such that the mode of the hyperprior,
    ``level^2 (a - 1) / b``, is half of ``top``.
    """
    shape = int(solution.active_set.sum()), solution.n_orient * solution.sources.shape[1]
    blocks = solution.sources.reshape(shape)
    scale = largest_magnitude(blocks)
    norms = np.linalg.norm(blocks / scale, axis=1)
    if weights is not None:
        norms = norms * weights[solution.active_set]
    # Numerator and denominator are divided by the level, whose square could underflow.
    norm = float(norms.sum()) * (scale / level)
    return level * ((1 + PRIOR_DATA_SETS) * n / (norm + 2 * PRIOR_DATA_SETS * n / (top / level)))
