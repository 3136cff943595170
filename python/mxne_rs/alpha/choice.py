"""The result of `choose_alpha`: the alpha, and the curve that it was chosen on."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .._arguments.convert import Floats
from .._arguments.extras import as_table
from .._arguments.warn import warn
from .._looks.axes import (
    GREY,
    Axes,
    Figure,
    blank_figure,
    figure_of,
    set_alpha_axis,
    style_axes,
    without_latex,
)
from ..solve.many import Path
from ..solve.solution import Solution, warn_if_short

#: Label of the values of each method.
LABELS = {
    "noise": "probability that noise has a source",
    "sqrt": "alpha after the next step",
    "sure": "estimated risk",
    "cv": "error on held-out sensors",
    "stability": "bound on false locations",
    "map": "alpha after the next step",
    "discrepancy": "residual power / noise power",
    "gof": "explained variance",
    "n_sources": "locations",
}
CURVE_COLOUR = "#0072B2"
CHOICE_COLOUR = "#D55E00"


@dataclass(frozen=True, eq=False, repr=False)
class AlphaChoice:
    """The result of :func:`choose_alpha`.

    The curves are of all the data and have a value for each alpha. For the methods "map" and "sqrt"
    the alphas are the iterates of their fixed points, and the curves are of MxNE.

    Attributes
    ----------
    method : str
        Name of the method.
    alpha : float
        The choice, absolute.
    index : int
        Its position in ``alphas``.
    alphas : array, shape (n_alphas,)
        The alphas that were solved, absolute, decreasing.
    values : array, shape (n_alphas,)
        The quantity that the method decides by:

        - "noise": the probability that noise alone has a source
        - "sqrt", "map": the next iterate of the fixed point
        - "sure": the estimate of ``|G X - G X_true|^2``
        - "cv": ``|M - G X|^2`` on the sensors left out, in units of ``|M|^2``
        - "stability": the bound on the expected number of false locations
        - "discrepancy": ``|M - G X|^2`` in units of the power of the noise
        - "gof": ``1 - |M - G X|^2 / |M|^2``
        - "n_sources": active locations

        NaN where a solve that the value needs stopped before its gap was reached.
    target : float | None
        The number that values are compared with: ``level`` (noise), ``max_false``, 1
        (discrepancy), ``gof``, ``n_sources``; None where the smallest value, or the fixed point, is
        the choice.
    n_active : array of int, shape (n_alphas,)
        Number of active locations.
    gaps : array, shape (n_alphas,)
        Relative duality gap of each answer.
    explained_variance : array, shape (n_alphas,)
        ``1 - |M - G X|^2 / |M|^2`` of each answer, not debiased.
    solution : Solution
        The answer at the choice, on all the data. Where any solve did not converge (see
        ``values``), ``status`` is the status of that solve.
    at_edge : bool
        Whether a larger grid might change the choice: it is at an end of the grid, or no alpha
        meets the target.
    frequencies : array, shape (n_alphas, n_locations) | None
        For "stability": the part of the resamples in which a location is active.
    stable : array of bool, shape (n_locations,) | None
        For "stability": locations whose frequency reaches the threshold at the choice or at a
        larger alpha. The bound holds for these, not for the support of ``solution``.
    sqrt_gap : float | None
        For "sqrt": duality gap of square-root MxNE at the choice, as a part of ``|M|``.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> rng = np.random.default_rng(0)
    >>> gain = rng.standard_normal((30, 100))
    >>> data = gain[:, [20, 60]] @ rng.standard_normal((2, 50)) + rng.standard_normal((30, 50))
    >>> choice = mxne_rs.choose_alpha(gain, data, method="gof", gof=0.6)
    >>> choice  # doctest: +ELLIPSIS
    <AlphaChoice: gof, alpha 139.1 (number 6 of 15), 2 locations, relative gap ...>
    >>> choice.values[4:7].round(2), choice.n_active[4:7]
    (array([0.57, 0.63, 0.67]), array([2, 2, 2]))
    """

    method: str
    alpha: float
    index: int
    alphas: Floats
    values: Floats
    target: float | None
    n_active: NDArray[np.intp]
    gaps: Floats
    explained_variance: Floats
    solution: Solution
    at_edge: bool
    frequencies: Floats | None = None
    stable: NDArray[np.bool_] | None = None
    sqrt_gap: float | None = None

    def table(self) -> Any:
        """Return value, number of locations, gap and explained variance at each alpha.

        Returns
        -------
        table : pandas.DataFrame, or list of dict
            A row per alpha; a list of dictionaries where pandas is not installed.
        """
        columns = {
            "alpha": self.alphas, "value": self.values, "n_active": self.n_active,
            "gap": self.gaps, "explained_variance": self.explained_variance,
            "chosen": np.arange(len(self.alphas)) == self.index,
        }  # fmt: skip
        rows = zip(*(values.tolist() for values in columns.values()), strict=True)
        return as_table([dict(zip(columns, row, strict=True)) for row in rows], list(columns))

    @without_latex()
    def plot(self, *, ax: Axes | None = None, path: str | os.PathLike[str] | None = None) -> Figure:
        """Draw the values against alpha, with the choice and the target.

        Parameters
        ----------
        ax : matplotlib.axes.Axes | None
            Axes to draw on. None makes a new figure.
        path : path | None
            File to save the figure to (PNG, PDF or SVG by its ending).

        Returns
        -------
        figure : matplotlib.figure.Figure
            The figure, or that of `ax`. No window is opened.

        Raises
        ------
        ImportError
            Where matplotlib is not installed.
        """
        axes = blank_figure(6.4, 4.8).subplots() if ax is None else ax
        axes.plot(self.alphas, self.values, "o-", color=CURVE_COLOUR, markersize=4, linewidth=1.2)
        dashed: dict[str, Any] = {"color": "0.6", "linewidth": 1.0, "linestyle": "--", "zorder": 0}
        if self.method in ("map", "sqrt"):
            axes.plot(self.alphas, self.alphas, label="no change", **dashed)
        elif self.target is not None:
            axes.axhline(self.target, label=f"target {self.target:.4g}", **dashed)
        axes.axvline(self.alpha, color=CHOICE_COLOUR, linewidth=1.0, linestyle=":", zorder=0)
        axes.plot(
            self.alpha, self.values[self.index], "o", markersize=11, markerfacecolor="none",
            markeredgecolor=CHOICE_COLOUR, markeredgewidth=2, label=f"chosen: {self.alpha:.4g}",
        )  # fmt: skip
        if self.method == "stability":
            # The bound reaches from zero to many times the target.
            axes.set_yscale("symlog", linthresh=self.target)
        if self.method in ("stability", "discrepancy", "n_sources"):
            axes.set_ylim(bottom=0)
        set_alpha_axis(axes, self.alphas, "alpha")
        axes.set_ylabel(LABELS[self.method], fontsize=9.5, color=GREY)
        axes.set_title(f"{self.method}: {self._locations()}", fontsize=11)
        axes.legend(frameon=False, fontsize=9)
        style_axes(axes)
        return figure_of(axes, path)

    def _locations(self) -> str:
        count = int(self.solution.active_set.sum())
        return f"{count} location" + "s" * (count != 1)

    def __repr__(self) -> str:
        """Return method, alpha, number of locations and gap on one line."""
        edge = ", at the edge" if self.at_edge else ""
        return (
            f"<AlphaChoice: {self.method}, alpha {self.alpha:.4g} (number {self.index + 1} of "
            f"{len(self.alphas)}), {self._locations()}, "
            f"relative gap {self.solution.gap:.1e}{edge}>"
        )


#: A position on the grid, and the end of the grid beyond which the choice may lie, if any.
GridPosition = tuple[int, Literal["upper", "lower"] | None]

#: The advice where the choice is at an end of the grid.
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


def at_smallest_value(values: Floats) -> GridPosition:
    """Return the position of the smallest value."""
    index = 0 if np.isnan(values).all() else int(np.nanargmin(values))
    if len(values) == 1 or 0 < index < len(values) - 1:
        return index, None
    return index, "lower" if index else "upper"


def at_largest_alpha(meets: NDArray[np.bool_]) -> GridPosition:
    """Return the largest alpha that meets the target; where none does, the smallest."""
    if not meets.any():
        return len(meets) - 1, "lower"
    index = int(np.argmax(meets))
    return index, "upper" if index == 0 and len(meets) > 1 else None


def at_smallest_alpha(meets: NDArray[np.bool_]) -> GridPosition:
    """Return the smallest alpha that meets the target; where none does, the largest."""
    if not meets.any():
        return 0, "upper"
    index = int(np.flatnonzero(meets)[-1])
    return index, "lower" if index == len(meets) - 1 > 0 else None


#: Where each method stops on its grid, by its values and the target.
RULES: dict[str, Callable[[Floats, Any], GridPosition]] = {
    "cv": lambda values, _: at_smallest_value(values),
    "stability": lambda values, target: at_smallest_alpha(values <= target),
    "discrepancy": lambda values, target: at_largest_alpha(values <= target),
    "gof": lambda values, target: at_largest_alpha(values >= target),
    "n_sources": lambda values, target: at_smallest_alpha(values <= target),
}


def choice_on_grid(
    method: str, path: Path, values: Floats, target: float | None, failures: tuple[str, ...]
) -> AlphaChoice:
    """Make the AlphaChoice by the rule of a method; warn where it is an end of the grid."""
    index, end = RULES[method](values, target)
    solution = path[index]
    if failures:
        # As in `solve_sure`: without the failed solves the choice may be another, so that the
        # status says so even where the chosen answer itself converged.
        solution = replace(solution, status=failures[-1])
    elif solution.emptied:
        warn_if_short(solution)
    elif end is not None:
        share = 100 * solution.alpha / float(path.alphas[0])
        warn(
            f"the choice is at the {end} end of the grid ({share:.3g} % of its largest alpha): "
            f"{ADVICE[method][end]}",
        )
    return AlphaChoice(
        method, solution.alpha, index, path.alphas, values, target, path.n_active, path.gaps,
        path.explained_variance, solution, end is not None,
    )  # fmt: skip
