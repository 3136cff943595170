"""Claims beside numbers: thresholds, verdicts, wording."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxne_rs._arguments.convert import Floats

from .findings import FEWEST, Claim

#: The alphas at which orderings are asked for, in percent.
RANGE = (10.0, 60.0)
#: "Low values" of alpha, in percent.
LOW = 20.0
#: A factor that is called a large, or strong, effect; and one that is a small one.
STRONG, SLIGHT = 2.0, 1.05
#: "A few seconds".
FEW = 10.0
#: Points of goodness of fit that are "slightly"; m that are "roughly"; probability that is "high".
POINTS, ROUGHLY, HIGH = 10.0, 0.02, 0.5


#: Truth of what draws do not decide, between 0 (false) and 1 (true).
UNDECIDED = 0.5


def claim(
    sentence: str, where: str, holds: float | None, found: str, *, n_draws: int = FEWEST
) -> Claim:
    """Give a claim its verdict: holds (1), does not hold (0), undecided between; None is unchecked.

    ``n_draws`` is the number of random draws that the verdict rests on, where it rests on any.
    """
    if holds is None:
        return Claim(sentence, where, "cannot be checked here", found)
    if n_draws < FEWEST or 0 < holds < 1:
        return Claim(sentence, where, "undecided", found)
    return Claim(sentence, where, "holds" if holds else "does not hold", found)


def mean(draws: Floats) -> Floats:
    """Mean over the first axis."""
    return np.asarray(draws.mean(axis=0))


def above(
    draws: NDArray[Any],
    limit: float = 0.0,
    statistic: Callable[[Any], Any] = mean,
    errors: float = 1.0,
) -> Floats:
    """Tell where a statistic of draws is above a limit: 1, 0, or undecided.

    Parameters
    ----------
    draws : array, shape (n_draws, ...)
        One entry for each draw.
    limit : float
        What is to be exceeded.
    statistic : callable
        Maps some of the draws to a number or an array. Default: their mean.
    errors : float
        Standard errors, by the jackknife, that the difference has to exceed to decide.

    Returns
    -------
    array
        1.0, 0.0 or `UNDECIDED`, of the shape of the statistic.

    Examples
    --------
    >>> from papers.verdicts import above
    >>> import numpy as np
    >>> draws = np.array([[3.0, 1.0, -3.0], [2.0, -1.0, -2.0], [3.0, 0.5, -3.0]])
    >>> above(draws).tolist()
    [1.0, 0.5, 0.0]
    """
    n = len(draws)
    difference = np.asarray(statistic(draws), dtype=np.float64) - limit
    if n < 2:
        return np.full(difference.shape, UNDECIDED)
    without = np.array([statistic(np.delete(draws, i, axis=0)) for i in range(n)])
    error = np.sqrt((n - 1) * without.var(axis=0))
    return np.where(np.abs(difference) > errors * error, 1.0 * (difference > 0), UNDECIDED)


def every(*truths: Any) -> float:
    """Truth of all of them together: false where one is, else undecided where one is."""
    return float(min(np.min(one) for one in truths))


def along(percents: Floats, values: NDArray[Any], digits: str = ".3g") -> str:
    """Values with their alphas: '1.2 (10 %), ..'."""
    pairs = zip(percents, values, strict=True)
    return ", ".join(f"{value:{digits}} ({percent:g} %)" for percent, value in pairs)


def lists(percents: Floats, rows: NDArray[Any], names: tuple[str, ...], digits: str = ".3g") -> str:
    """The same for several methods."""
    parts = (
        f"{name} {along(percents, row, digits)}" for name, row in zip(names, rows, strict=True)
    )
    return "; ".join(parts)
