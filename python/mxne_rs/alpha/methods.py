"""Choose alpha by each method of `choose_alpha`, after checking its parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .._arguments.convert import Floats, as_count, as_number, quoted
from .._arguments.warn import warn
from ..solve.many import Path
from ..solve.single import solve_irmxne
from ..solve.solution import Solution
from .choice import AlphaChoice, choice_on_grid
from .criteria import (
    Problem,
    false_bounds,
    held_out_errors,
    residual_shares,
    unconverged_statuses,
    where_converged,
)
from .fixed_point import SETTLED_CHANGE, Step, map_steps, sqrt_gap, sqrt_steps
from .noise import noise_quantile
from .sure import random_stream

#: The remedy where a part is none.
PART = "give a number between 0 and 1, such as 0.8"
LEVEL_REMEDY = "give a probability between 0 and 1, such as 0.05"
#: The advice where the rules of noise find no source.
NOTHING = (
    "no source stands out of the noise: check that gain and data are whitened and the noise level "
    "(sigma), or raise level"
)


def by_sure(solution: Solution) -> AlphaChoice:
    """Turn the answer of `solve_sure` into an AlphaChoice."""
    curve = solution.sure
    assert curve is not None
    return AlphaChoice(
        "sure", solution.alpha, curve.index, curve.alphas, curve.values, None, curve.n_active,
        curve.gaps, curve.explained_variance, solution, curve.at_edge,
    )  # fmt: skip


def by_noise(problem: Problem, levels: Floats, level: Any, rng: Any) -> AlphaChoice:
    """Choose the alpha at which noise alone has a source with a given probability."""
    share = as_number("level", level, LEVEL_REMEDY, below=1)
    problem.largest_alpha()
    alpha = noise_quantile(problem, levels, share, random_stream(rng))
    path = problem.at(alpha, problem.rounds)
    if path[0].converged and not path.n_active.any() and not path[0].emptied:
        warn(NOTHING)
    return AlphaChoice(
        "noise", alpha, 0, path.alphas, where_converged(path, [share]), share,
        path.n_active, path.gaps, path.explained_variance, path[0], False,
    )  # fmt: skip


def by_map(problem: Problem, levels: Floats) -> AlphaChoice:
    """Choose the fixed point of the hierarchical model, and solve there."""
    scale = float(levels.max())
    return choice_of_steps(
        "map", problem, map_steps(problem, scale * float(np.sqrt(np.mean((levels / scale) ** 2))))
    )


def by_sqrt(problem: Problem, level: Any, rng: Any) -> AlphaChoice:
    """Choose the alpha of square-root MxNE, whose parameter noise of any strength decides."""
    share = as_number("level", level, LEVEL_REMEDY, below=1)
    problem.largest_alpha()
    ones = np.ones(problem.data.shape[1])
    ratio = noise_quantile(problem, ones, share, random_stream(rng), relative=True)
    steps = sqrt_steps(problem, ratio)
    choice = choice_of_steps("sqrt", problem, steps)
    choice = replace(choice, sqrt_gap=sqrt_gap(problem, steps[-1].solution, ratio))
    if choice.solution.converged and not choice.n_active[choice.index]:
        warn(NOTHING)
    return choice


def choice_of_steps(method: str, problem: Problem, steps: list[Step]) -> AlphaChoice:
    """Make the AlphaChoice of a fixed point; reweight there where that is asked for."""
    solution, settled = steps[-1].solution, steps[-1].change <= SETTLED_CHANGE[method]
    if solution.converged and not settled:
        warn(
            f"method {method!r} still changed alpha by {100 * steps[-1].change:.2g} % in step "
            f"{len(steps)}, the last: choose another method",
        )
    # Alphas are monotonic but for the tolerance of the solves; of equal ones the last is kept.
    by_alpha = {step.solution.alpha: step for step in steps}
    alphas = sorted(by_alpha, reverse=True)
    index = alphas.index(solution.alpha)
    solutions = tuple(by_alpha[alpha].solution for alpha in alphas)
    path = Path(np.array(alphas), solutions, solutions)
    values = where_converged(path, [by_alpha[alpha].following for alpha in alphas])
    if problem.rounds.n_reweights > 1 and solution.converged and solution.active_set.any():
        solution = solve_irmxne(
            problem.gain, problem.data, solution.alpha, init=solution,
            **problem.rounds._asdict(), **problem.options(),
        )  # fmt: skip
    return AlphaChoice(
        method, solution.alpha, index, path.alphas, values, None, path.n_active,
        path.gaps, path.explained_variance, solution, not settled,
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
