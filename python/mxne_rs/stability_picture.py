"""The picture of stability: probabilities on the head and along alpha."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from .axes import GREY, plain
from .pages import blank_figure
from .picture import COLOURS, VIEWS, draw_head
from .table import in_head

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_stability"]

#: A location that is selected this often is stable.
THRESHOLD = 0.9
#: How many locations have a colour and a name along alpha.
N_NAMED = 7


def draw_stability(found: Any, index: int, path: str | os.PathLike[str] | None = None) -> Figure:
    """Draw the probabilities at an alpha on the head, and those of the most probable along alpha.

    Parameters
    ----------
    found : Stability
        What to draw.
    index : int
        Position of the alpha.
    path : path | None
        Where to save the figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    figure = blank_figure(12.0, 7.6)
    parts: Any = figure.subfigures(2, 1, height_ratios=[1.25, 1.0])
    upper, lower = parts
    heads = upper.subplots(1, len(VIEWS))
    positions = 1000 * np.asarray(in_head(found.forward, found.forward["source_rr"]))
    here = found.probability[index]
    # The least probable first, so that they do not cover the others.
    order = np.argsort(here)
    order = order[here[order] > 0]
    points = None
    for axes, view in zip(heads, VIEWS, strict=True):
        draw_head(axes, found.forward, view)
        _, horizontal, vertical, _ = view
        points = axes.scatter(
            positions[order, horizontal], positions[order, vertical], c=here[order],
            s=12 + 120 * here[order], cmap="YlOrRd", vmin=0, vmax=1, edgecolors="white",
            linewidths=0.6, zorder=3,
        )  # fmt: skip
    if points is not None:
        upper.colorbar(points, ax=list(heads), shrink=0.8, label="selection probability")
    upper.suptitle(
        f"alpha {found.alphas[index]:.3g} %: {int((here >= THRESHOLD).sum())} locations in at "
        f"least {100 * THRESHOLD:.0f} % of {len(found.n_active)} resamples",
        fontsize=12,
    )  # fmt: skip
    left, right = lower.subplots(1, 2)
    rest = np.flatnonzero(found.probability.any(axis=0))
    top = rest[np.argsort(-found.probability[:, rest].max(axis=0), kind="stable")[:N_NAMED]]
    left.plot(
        found.alphas, found.probability[:, np.setdiff1d(rest, top)], color="0.8", linewidth=0.6
    )
    for colour, s in zip(COLOURS, top, strict=False):
        x, y, z = positions[s]
        left.plot(
            found.alphas, found.probability[:, s], color=colour, linewidth=1.6,
            label=f"({x:.0f}, {y:.0f}, {z:.0f}) mm",
        )  # fmt: skip
    left.axhline(THRESHOLD, color=GREY, linewidth=0.8, linestyle=":")
    left.set_ylabel("selection probability")
    if len(top):
        left.legend(fontsize=8, frameon=False)
    right.plot(found.alphas, 100 * found.debiased_explained_variance.mean(axis=0), color=COLOURS[0],
               label="explained, debiased (%)")  # fmt: skip
    right.plot(found.alphas, 100 * found.explained_variance.mean(axis=0), "--", color=COLOURS[0],
               label="explained (%)")  # fmt: skip
    right.plot(found.alphas, found.n_active.mean(axis=0), color=COLOURS[1], label="locations")
    right.set_ylim(0, 100)
    right.legend(fontsize=8, frameon=False)
    for axes in (left, right):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlim(1.02 * found.alphas[0], 0.98 * found.alphas[-1])
        axes.axvline(found.alphas[index], color=GREY, linewidth=0.8, linestyle="--")
        axes.set_xlabel("alpha (% of alpha_max)")
        plain(axes)
    if path is not None:
        figure.savefig(path)
    return figure
