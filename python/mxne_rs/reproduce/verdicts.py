"""Claims beside numbers: thresholds, verdicts, wording."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from ..arrays import Floats
from .findings import Claim

__all__ = ["along", "claim", "lists"]

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


def claim(sentence: str, where: str, holds: bool | None, found: str) -> Claim:
    """A claim with its verdict; None cannot be checked."""
    if holds is None:
        return Claim(sentence, where, "cannot be checked here", found)
    return Claim(sentence, where, "holds" if holds else "does not hold", found)


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
