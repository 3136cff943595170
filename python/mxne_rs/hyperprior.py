"""The regularisation as a random number of its own: the fixed point of "map"."""

from __future__ import annotations

import numpy as np

from .arrays import Floats
from .criteria import Problem, largest
from .solution import Solution
from .solve import alpha_max, solve_mxne

#: The hyperprior counts as this many data sets, as in a stream whose alpha is tracked.
PRIOR = 10.0
#: A step that changes alpha by less than this part of it is the last one.
SETTLED = 1e-3
N_STEPS = 100


def fixed_point(problem: Problem, level: float) -> list[tuple[Solution, float]]:
    """Each step towards the fixed point, with the alpha after it; ``level`` is that of the noise.

    Steps have one direction, because ``sum_s w_s |X_s|`` does not grow with alpha; near the end
    they may turn within the tolerance of the solves.
    """
    gain, data, weights = problem.gain, problem.data, problem.request.weights
    top = alpha_max(gain, data, weights=weights)
    if top == 0:
        raise ValueError(
            "alpha cannot be chosen: data are zero or orthogonal to the gain; give other data"
        )
    alpha, solution = 0.5 * top, None
    steps: list[tuple[Solution, float]] = []
    while len(steps) < N_STEPS:
        solution = solve_mxne(gain, data, alpha, init=solution, **problem.options())
        following = next_alpha(solution, data.size, level, top, weights)
        steps.append((solution, following))
        if is_settled(solution, following) or not solution.converged:
            break
        alpha = following
    return steps


def is_settled(solution: Solution, following: float) -> bool:
    """Whether one more step would change next to nothing."""
    return abs(following - solution.alpha) <= SETTLED * solution.alpha


def next_alpha(
    solution: Solution, n: int, level: float, top: float, weights: Floats | None
) -> float:
    """``level^2 (n + a - 1) / (sum_s w_s |X_s| + b)`` for n numbers of data.

    ``a - 1`` is ``PRIOR n``, and b such that the mode of the hyperprior, ``level^2 (a - 1) / b``,
    is half of ``top``.
    """
    shape = int(solution.active_set.sum()), solution.n_orient * solution.sources.shape[1]
    blocks = solution.sources.reshape(shape)
    scale = largest(blocks)
    norms = np.linalg.norm(blocks / scale, axis=1)
    if weights is not None:
        norms = norms * weights[solution.active_set]
    # Divided by the level once more, so that no square of it is lost.
    norm = float(norms.sum()) * (scale / level)
    return level * ((1 + PRIOR) * n / (norm + 2 * PRIOR * n / (top / level)))
