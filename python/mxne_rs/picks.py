"""Which position of a curve is the choice, and what to do where it is at an end of the grid."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .alpha_choice import AlphaChoice
from .arrays import Floats
from .solution import reported
from .sweeps import Path
from .warn import warn

#: A position; and the end of the grid beyond which the choice may be, if there is one.
Place = tuple[int, Literal["upper", "lower"] | None]

#: What to do where the choice is at an end of the grid.
ADVICE = {
    "cv": {
        "upper": "no source predicts the sensors left out: are gain and data whitened?",
        "lower": "a smaller alpha may do better: extend the grid (eps, alphas)",
    },
    "stability": {
        "upper": "the bound is above max_false everywhere: give larger alphas, or raise max_false",
        "lower": "a smaller alpha may keep the bound as well: extend the grid (eps, alphas)",
    },
    "discrepancy": {
        "upper": "noise of this level (sigma) explains the data: check it, or give larger alphas",
        "lower": "no residual is as weak as the noise: extend the grid (eps, alphas), "
        "or check the noise level (sigma)",
    },
    "gof": {
        "upper": "a larger alpha may do as well: give larger alphas",
        "lower": "no alpha explains as much: extend the grid (eps, alphas), or lower gof",
    },
    "n_sources": {
        "upper": "there are more locations everywhere: give larger alphas, or raise n_sources",
        "lower": "a smaller alpha may have as few: extend the grid (eps, alphas)",
    },
}


def smallest(values: Floats) -> Place:
    """The smallest value."""
    index = 0 if np.isnan(values).all() else int(np.nanargmin(values))
    if len(values) == 1 or 0 < index < len(values) - 1:
        return index, None
    return index, "lower" if index else "upper"


def first(meets: NDArray[np.bool_]) -> Place:
    """The largest alpha that meets the target; where none does, the smallest alpha."""
    if not meets.any():
        return len(meets) - 1, "lower"
    index = int(np.argmax(meets))
    return index, "upper" if index == 0 and len(meets) > 1 else None


def last(meets: NDArray[np.bool_]) -> Place:
    """The smallest alpha that meets the target; where none does, the largest alpha."""
    if not meets.any():
        return 0, "upper"
    index = int(np.flatnonzero(meets)[-1])
    return index, "lower" if index == len(meets) - 1 > 0 else None


def choice_on_grid(
    method: str,
    path: Path,
    values: Floats,
    target: float | None,
    place: Place,
    short: tuple[str, ...],
) -> AlphaChoice:
    """The choice at a place, with the warning where that is at an end."""
    index, end = place
    solution = path[index]
    if short:
        # As for `solve_sure`: not the choice that was asked for, even where certified.
        solution = replace(solution, status=short[-1])
    elif solution.emptied:
        reported(solution)
    elif end is not None:
        share = 100 * solution.alpha / float(path.alphas[0])
        warn(
            f"the choice is at the {end} end of the grid ({share:.3g} % of its largest alpha): "
            f"{ADVICE[method][end]}",
            RuntimeWarning,
        )
    return AlphaChoice(
        method, solution.alpha, index, path.alphas, values, target, path.n_active, path.gaps,
        path.explained_variance, solution, end is not None,
    )  # fmt: skip
