"""Find the alpha that its own answer asks for: the rules "map" and "sqrt"."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .._arguments.convert import Floats
from ..solve.debias import fitted
from ..solve.single import alpha_max, solve_mxne
from ..solve.solution import Solution
from .criteria import Problem, largest_magnitude

#: Data sets that the hyperprior of "map" counts as, as in a stream whose alpha is tracked.
PRIOR_DATA_SETS = 10.0
#: Relative change of alpha below which the fixed point is reached, by rule.
SETTLED_CHANGE = {"map": 1e-3, "sqrt": 1e-4}
#: Gap at most of the solves of "sqrt": a gap of the square of a change of alpha hides the change.
SQRT_TOL = 1e-9
MAX_STEPS = 100


class Step(NamedTuple):
    """An answer and the alpha that follows from it."""

    solution: Solution
    following: float

    @property
    def change(self) -> float:
        """The part of alpha by which the next step would change it."""
        return abs(self.following / self.solution.alpha - 1)


def fixed_point(
    problem: Problem, start: float, following: Callable[[Solution], float], settled: float
) -> list[Step]:
    """Iterate to the fixed point of ``following``, from the alpha ``start``.

    Alphas are monotonic where ``following`` does not fall with alpha, up to the tolerance of the
    solves.
    """
    # One round; zero rounds are refused.
    one = problem.rounds._replace(n_reweights=min(problem.rounds.n_reweights, 1))
    solution = problem.at(start, one)[0]
    steps = [Step(solution, following(solution))]
    while len(steps) < MAX_STEPS and solution.converged and steps[-1].change > settled:
        alpha = steps[-1].following
        solution = solve_mxne(problem.gain, problem.data, alpha, init=solution, **problem.options())
        steps.append(Step(solution, following(solution)))
    return steps


def map_steps(problem: Problem, level: float) -> list[Step]:
    """Iterate to the fixed point of the hierarchical model; ``level`` is the std of the noise.

    An answer is followed by ``level^2 (n + a - 1) / (sum_s w_s |X_s| + b)`` for n numbers of data.
    ``a - 1`` is ``PRIOR_DATA_SETS n``, and b is such that the mode of the hyperprior, ``level^2 (a
    - 1) / b``, is half of `alpha_max`, where the iteration starts.
    """
    top = problem.largest_alpha()
    n = problem.data.size

    def following(solution: Solution) -> float:
        # Numerator and denominator are divided by the level, whose square could underflow.
        norm = weighted_norm(solution, problem.request.weights, level)
        return level * (
            (1 + PRIOR_DATA_SETS) * n / (norm + 2 * PRIOR_DATA_SETS * n / (top / level))
        )

    return fixed_point(problem, 0.5 * top, following, SETTLED_CHANGE["map"])


def sqrt_steps(problem: Problem, ratio: float) -> list[Step]:
    """Iterate to the alpha at which MxNE is square-root MxNE with the parameter ``ratio``.

    Square-root MxNE is ``min |M - G X| + ratio sum_s w_s |X_s|``: MxNE at ``alpha = ratio |M - G
    X|``. The right side does not fall with alpha, so that alphas fall from ``ratio |M|`` to the
    fixed point, which is unique: ``|M - G X| / alpha`` does not rise with alpha.
    """
    scale = largest_magnitude(problem.data)
    request = problem.request
    problem = problem._replace(request=request._replace(tol=min(request.tol, SQRT_TOL)))

    def following(solution: Solution) -> float:
        left = problem.data - fitted(problem.gain, problem.data, solution, False)
        return ratio * scale * float(np.linalg.norm(left / scale))

    start = ratio * scale * float(np.linalg.norm(problem.data / scale))
    return fixed_point(problem, start, following, SETTLED_CHANGE["sqrt"])


def sqrt_gap(problem: Problem, solution: Solution, ratio: float) -> float:
    """Compute the duality gap of square-root MxNE, as a part of ``|M|``.

    The dual is ``max <D, M>`` over ``|D| <= 1`` and ``|G_s'D| <= ratio w_s`` for all s; the
    residual, scaled into this set, is its point (Ndiaye, Fercoq, Gramfort, Leclère and Salmon,
    NCMIP 2017, section 2).
    """
    weights, scale = problem.request.weights, largest_magnitude(problem.data)
    data = problem.data / scale
    left = data - fitted(problem.gain, problem.data, solution, False) / scale
    size = float(np.linalg.norm(left))
    bound = max(size, alpha_max(problem.gain, left, weights=weights) / ratio)
    primal = size + ratio * weighted_norm(solution, weights, scale)
    dual = float(np.sum(left * data)) / bound if bound > 0 else 0.0
    return max(primal - dual, 0.0) / float(np.linalg.norm(data))


def weighted_norm(solution: Solution, weights: Floats | None, unit: float) -> float:
    """Compute ``sum_s w_s |X_s|``, with X in a unit."""
    shape = int(solution.active_set.sum()), solution.n_orient * solution.sources.shape[1]
    blocks = solution.sources.reshape(shape)
    scale = largest_magnitude(blocks)
    norms = np.linalg.norm(blocks / scale, axis=1)
    if weights is not None:
        norms = norms * weights[solution.active_set]
    return float(norms.sum()) * (scale / unit)
