"""Claims of a paper as rows of data, and the one judge that gives each its verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mxne_rs._arguments.convert import Floats

Verdict = Literal["holds", "does not hold", "undecided", "cannot be checked here"]
#: Draws below which no standard error is trusted, and nothing is decided.
FEWEST = 5
#: Truth of what draws do not decide, between 0 (false) and 1 (true).
UNDECIDED = 0.5


class Claim(NamedTuple):
    """A sentence of a paper, where it stands, its verdict, and the numbers found (or why none)."""

    sentence: str
    where: str
    verdict: Verdict
    found: str


class Row(NamedTuple):
    """A sentence of a paper that claims something, and how it is judged."""

    #: As the paper has it; section or figure.
    sentence: str
    where: str
    #: Name of the numbers that judge it. Without `holds`: why it cannot be checked.
    by: str
    #: Maps the numbers to a truth (1, 0, `UNDECIDED` between; None cannot be checked), to an array
    #: of truths, or to a tuple of them: all have to be true.
    holds: Callable[[Any], Any] | None = None
    #: Maps the numbers to words.
    found: Callable[[Any], str] = str


def rows_at(where: str, by: str, *rows: Sequence[Any]) -> list[Row]:
    """Make rows of one place in the paper from (sentence, holds, found)."""
    return [Row(sentence, where, by, *judged) for sentence, *judged in rows]


def judge(rows: Sequence[Row], numbers: Mapping[str, Any]) -> list[Claim]:
    """Judge rows by numbers: objects, or a text that says why there are none.

    Numbers that rest on random draws have `n_draws`.
    """
    claims = []
    for row in rows:
        have = numbers.get(row.by, row.by)
        is_checked = row.holds is not None and not isinstance(have, str)
        truth = row.holds(have) if row.holds is not None and is_checked else None
        verdict: Verdict = "cannot be checked here"
        if truth is not None:
            truth = every(*truth) if isinstance(truth, tuple) else every(truth)
            verdict = "holds" if truth else "does not hold"
            if getattr(have, "n_draws", FEWEST) < FEWEST or 0 < truth < 1:
                verdict = "undecided"
        found = row.found(have) if is_checked else have
        claims.append(Claim(row.sentence, row.where, verdict, found))
    return claims


def mean(draws: Floats) -> Floats:
    """Average over the first axis."""
    return np.asarray(draws.mean(axis=0))


def above(
    draws: NDArray[Any],
    limit: float = 0.0,
    statistic: Callable[[Any], Any] = mean,
    errors: float = 1.0,
) -> Floats:
    """Tell where a statistic of draws is above a limit: 1, 0, or undecided.

    Draws are along the first axis; the answer has the shape of the statistic. To decide, the
    difference has to exceed so many standard errors, by the jackknife.

    Examples
    --------
    >>> from papers.claims import above
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
    """Combine truths: false where one is false, else undecided where one is undecided."""
    return float(min(np.min(one) for one in truths))
