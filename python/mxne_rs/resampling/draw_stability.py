"""Draw a stability: selection probabilities on the head and along alpha."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._looks.axes import (
    COLOURS,
    GREY,
    VIEWS,
    Axes,
    Figure,
    blank_figure,
    draw_head,
    set_alpha_axis,
    style_axes,
    without_latex,
)
from .._looks.html import html_table
from ..inverse.geometry import head_positions

#: The meaning of marks, colours and lines.
CAPTION = (
    "Heads: colour and area show the selection probability at the dashed alpha, the part of the "
    "resamples in which a location is active; small dots are all locations.\nCurves and rings: the "
    "locations that are most probable there, of equal ones the strongest; grey: all others. "
    "Dotted: what counts as stable."
)
#: Number of locations with a colour and a name along alpha.
N_NAMED = 7


@without_latex()
def draw_stability(
    stability: Any, index: int, threshold: float, path: str | os.PathLike[str] | None = None
) -> Figure:
    """Draw the probabilities at an alpha on the head, and along alpha.

    The seven locations that are most probable at this alpha (among equals, those with the largest
    amplitudes) have a colour and a name along alpha, and a ring of that colour on the head.
    Locations of at least the threshold are stable. The figure is saved where a path is given.
    """
    figure = blank_figure(13.0, 8.0)
    parts: Any = figure.subfigures(2, 1, height_ratios=[1.25, 1.0])
    upper, lower = parts
    heads = upper.subplots(1, len(VIEWS))
    positions = head_positions(stability.forward)
    here = stability.probability[index]
    order = _order(stability, index)
    ring = dict(zip(order[:N_NAMED].tolist(), COLOURS, strict=False))
    # The least probable first, so that they do not cover the others.
    selected = order[here[order] > 0][::-1]
    points = None
    for axes, view in zip(heads, VIEWS, strict=True):
        draw_head(axes, positions, view)
        _, horizontal, vertical, _ = view
        points = axes.scatter(
            positions[selected, horizontal], positions[selected, vertical], c=here[selected],
            s=12 + 120 * here[selected], cmap="YlOrRd", vmin=0, vmax=1,
            edgecolors=[ring.get(int(s), "white") for s in selected], linewidths=1.2, zorder=3,
        )  # fmt: skip
    if points is not None:
        upper.colorbar(points, ax=list(heads), shrink=0.8, label="selection probability")
    upper.suptitle(
        f"alpha {stability.alphas[index]:.3g} %: {int((here >= threshold).sum())} locations in at "
        f"least {100 * threshold:.0f} % of {len(stability.n_active)} resamples",
        fontsize=12,
    )  # fmt: skip
    left, right = lower.subplots(1, 2)
    draw_probabilities(left, stability, index, threshold)
    # A line of one alpha would be invisible: it is drawn as a point.
    marker = "o" if len(stability.alphas) == 1 else ""
    n_active = stability.n_active.mean(axis=0)
    for values, line, colour, label in (
        (
            100 * stability.debiased_explained_variance.mean(axis=0),
            "-",
            0,
            "explained, debiased (%)",
        ),
        (100 * stability.explained_variance.mean(axis=0), "--", 0, "explained (%)"),
        (n_active, "-", 1, "number of locations"),
    ):
        right.plot(
            stability.alphas, values, line, color=COLOURS[colour], label=label, marker=marker
        )
    right.set_ylim(0, max(100, 1.05 * float(n_active.max())))
    right.set_ylabel("mean over resamples")
    _finish(right, stability, index)
    figure.supxlabel(CAPTION, fontsize=8.5, color=GREY)
    if path is not None:
        figure.savefig(path)
    return figure


def draw_probabilities(axes: Axes, stability: Any, index: int, threshold: float) -> None:
    """Draw the selection probabilities of the locations along alpha."""
    positions = head_positions(stability.forward)
    order = _order(stability, index)
    marker = "o" if len(stability.alphas) == 1 else ""
    axes.plot(
        stability.alphas, stability.probability[:, order[N_NAMED:]], color="0.8", linewidth=0.6,
        marker=marker,
    )  # fmt: skip
    for s, colour in zip(order[:N_NAMED], COLOURS, strict=False):
        x, y, z = positions[s]
        axes.plot(
            stability.alphas, stability.probability[:, s], color=colour, linewidth=1.6,
            marker=marker, label=f"({x:.0f}, {y:.0f}, {z:.0f}) mm",
        )  # fmt: skip
    axes.axhline(threshold, color=GREY, linewidth=0.8, linestyle=":")
    axes.set_ylabel("selection probability")
    _finish(axes, stability, index)


def stability_html(rows: Sequence[Any]) -> str:
    """Make an HTML table of the locations, with what its columns mean."""
    table = html_table(
        [
            [row.hemisphere, str(row.vertex), *(f"{x:.1f}" for x in row.position),
             f"{row.probability:.2f}", f"{row.amplitude:.1f}", f"{row.spread:.1f}"]
            for row in rows
        ],
        ["hemisphere", "vertex", "x", "y", "z", "probability", "peak (nAm)", "spread (nAm)"],
    )  # fmt: skip
    return (
        f"{table or '<p>No location.</p>'}<p>Probability: part of the resampled averages in which "
        "the location is a source. Positions in mm, head coordinates; mean and standard deviation "
        "of the debiased peak over these averages.</p>"
    )


def _order(stability: Any, index: int) -> Any:
    """Return the locations ever selected, the most probable at an alpha first."""
    here = stability.probability[index]
    strength = np.nan_to_num(stability.amplitude[index])
    order = np.lexsort((stability.probability.mean(axis=0), strength, here))[::-1]
    return order[stability.probability[:, order].any(axis=0)]


def _finish(axes: Axes, stability: Any, index: int) -> None:
    set_alpha_axis(axes, stability.alphas, "alpha (% of alpha_max of each resample)")
    axes.axvline(stability.alphas[index], color=GREY, linewidth=0.8, linestyle="--")
    if axes.get_legend_handles_labels()[1]:
        # Above the panel, where the legend covers no curve.
        axes.legend(fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    style_axes(axes)
