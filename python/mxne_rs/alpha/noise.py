"""Find how large alpha has to be for noise alone to have no source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .._arguments.convert import Floats
from ..solve.single import alpha_max
from .criteria import Problem

#: Draws of noise. Their largest correlations vary by some percent, so that these suffice.
N_DRAWS = 20
#: Probability that noise alone has a source.
LEVEL = 0.05
#: Euler's constant: the mean of the standard Gumbel distribution.
EULER = 0.5772156649015329


def draws_of_noise(problem: Problem, levels: Floats, rng: Any) -> Iterator[Floats]:
    """Draw noise shaped as the data: trials of random sign averaged, else white noise.

    With half of the signs negative the mean of the trials cancels (an odd trial out leaves
    ``1 / n_trials`` of it), while their noise is as strong as in the average, and has its
    correlations in space and time.
    """
    for _ in range(N_DRAWS):
        if problem.trials is None:
            yield levels * rng.standard_normal(problem.data.shape)
        else:
            signs = np.where(np.arange(len(problem.trials)) % 2, -1.0, 1.0)
            yield np.tensordot(rng.permutation(signs) / len(signs), problem.trials, axes=1)


def noise_quantile(
    problem: Problem, levels: Floats, level: float, rng: Any, *, relative: bool = False
) -> float:
    """Estimate the alpha that `alpha_max` of noise exceeds with probability ``level``.

    The largest of many correlations has nearly a Gumbel distribution; it is fitted to the mean and
    the standard deviation of the draws. With ``relative`` alpha is divided by the norm of each
    draw.
    """
    weights = problem.request.weights
    tops = np.array(
        [
            alpha_max(problem.gain, noise, weights=weights)
            / ((float(np.linalg.norm(noise)) or 1.0) if relative else 1.0)
            for noise in draws_of_noise(problem, levels, rng)
        ]
    )
    scale = tops.std(ddof=1) * np.sqrt(6) / np.pi
    return float(tops.mean() - scale * (EULER + np.log(-np.log1p(-level))))
