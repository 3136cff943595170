"""Draw a stability: selection probabilities on the head and along alpha."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from .._axes import GREY, Figure, blank_figure, set_alpha_axis, style_axes, without_latex
from ..inverse.geometry import to_head_coordinates
from .localization import COLOURS, VIEWS, draw_head

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
    positions = 1000 * np.asarray(
        to_head_coordinates(stability.forward, stability.forward["source_rr"])
    )
    here = stability.probability[index]
    strength = np.nan_to_num(stability.amplitude[index])
    order = np.lexsort((stability.probability.mean(axis=0), strength, here))[::-1]
    order = order[stability.probability[:, order].any(axis=0)]
    top, rest = order[:N_NAMED], order[N_NAMED:]
    ring = dict(zip(top.tolist(), COLOURS, strict=False))
    # The least probable first, so that they do not cover the others.
    selected = order[here[order] > 0][::-1]
    points = None
    for axes, view in zip(heads, VIEWS, strict=True):
        draw_head(axes, stability.forward, view)
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
    # A line of one alpha would be invisible: it is drawn as a point.
    marker = "o" if len(stability.alphas) == 1 else ""
    left.plot(
        stability.alphas, stability.probability[:, rest], color="0.8", linewidth=0.6, marker=marker
    )
    for s, colour in ring.items():
        x, y, z = positions[s]
        left.plot(
            stability.alphas, stability.probability[:, s], color=colour, linewidth=1.6,
            marker=marker, label=f"({x:.0f}, {y:.0f}, {z:.0f}) mm",
        )  # fmt: skip
    left.axhline(threshold, color=GREY, linewidth=0.8, linestyle=":")
    left.set_ylabel("selection probability")
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
    for axes in (left, right):
        set_alpha_axis(axes, stability.alphas, "alpha (% of alpha_max of each resample)")
        axes.axvline(stability.alphas[index], color=GREY, linewidth=0.8, linestyle="--")
        if axes.get_legend_handles_labels()[1]:
            # Above the panel, where the legend covers no curve.
            axes.legend(fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
        style_axes(axes)
    figure.supxlabel(CAPTION, fontsize=8.5, color=GREY)
    if path is not None:
        figure.savefig(path)
    return figure
