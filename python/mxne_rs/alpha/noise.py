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
#: Fewer trials have too few different averages of random signs.
FEWEST_TRIALS = 6
#: Probability that noise alone has a source.
LEVEL = 0.05
#: Euler's constant: the mean of the standard Gumbel distribution.
EULER = 0.5772156649015329


def draws_of_noise(problem: Problem, levels: Floats, rng: Any) -> Iterator[Floats]:
    """Draw noise shaped as the data: trials of random sign averaged, else white noise.

    Half of the signs are negative. Of an odd number one sign is left over: that multiple of the
    average is taken out, so that what the trials share cancels exactly, and the noise is made as
    strong as in the average again. It keeps its correlations in space and time.
    """
    trials = problem.trials
    for _ in range(N_DRAWS):
        if trials is None or len(trials) < FEWEST_TRIALS:
            yield levels * rng.standard_normal(problem.data.shape)
        else:
            n, over = len(trials), len(trials) % 2
            signs = rng.permutation(np.where(np.arange(n) % 2, -1.0, 1.0))
            noise = np.tensordot(signs / n, trials, axes=1) - over * problem.data / n
            yield noise / np.sqrt(1 - over / n**2)


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
