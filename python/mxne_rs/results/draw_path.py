"""Draw a path: sources against alpha."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._arguments.convert import Floats
from .._looks.axes import (
    COLOURS,
    GREY,
    LEFT,
    PERCENT,
    WEAK_COLOUR,
    Axes,
    Figure,
    annotate,
    blank_figure,
    set_alpha_axis,
    style_axes,
    without_latex,
)
from ..inverse.localized import Localized
from .table import source_table

#: Number of coloured sources; the last colour is too close to the grey of the others.
N_NAMED = len(COLOURS) - 1
#: The meaning of colours, zeros and crosses.
CAPTION = (
    f"Explained: of the whitened data's power. Coloured: the {N_NAMED} sources that are active at "
    "the largest number of alphas, of equal ones the strongest, and the first to "
    "appear;\ngrey: all others. A source that "
    "is not active has amplitude 0. Crosses: the tolerance was not reached."
)
#: Colour of the crosses at alphas whose gap was not reached.
SHORT_COLOUR = "#B2182B"


@without_latex()
def draw_path(
    localizations: Sequence[Localized], path: str | os.PathLike[str] | None = None
) -> Figure:
    """Draw number of sources, explained variance and peak amplitudes against alpha.

    Sources are named by hemisphere and vertex on a cortex, by hemisphere and position in a volume
    (mm, head coordinates). The figure has no window; it is saved where a path is given.

    Examples
    --------
    >>> from mxne_rs.results.draw_path import draw_path
    >>> from mxne_rs import localize_path
    >>> from mxne_rs.simulate import simulate_auditory
    >>> result = localize_path(*simulate_auditory(spacing=20.0), [80, 50, 20], verbose=False)
    >>> figure = draw_path(result)
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['sources', 'explained (%)', 'peak amplitude (nAm)']
    """
    figure = blank_figure(11, 8.4, layout=None)
    panels = figure.subplots(3, 1, sharex=True, height_ratios=[1.0, 1.0, 2.2])
    figure.subplots_adjust(left=LEFT, right=0.78, top=0.89, bottom=0.115, hspace=0.1)
    percents = np.array([one.alpha for one in localizations])
    draw_counts(panels[0], localizations)
    explained = 100 * np.array([one.explained_variance for one in localizations])
    _draw_curve(panels[1], localizations, explained, "explained (%)")
    _draw_amplitudes(panels[2], percents, localizations)
    set_alpha_axis(panels[2], percents, PERCENT)
    panels[0].set_xlabel("")
    annotate(figure, localizations[0].name, _summary(localizations), CAPTION)
    if path is not None:
        figure.savefig(path)
    return figure


def draw_counts(axes: Axes, localizations: Sequence[Localized]) -> None:
    """Draw the number of sources against alpha."""
    counts = np.array([float(one.active.sum()) for one in localizations])
    _draw_curve(axes, localizations, counts, "sources")
    axes.yaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]
    set_alpha_axis(axes, np.array([one.alpha for one in localizations]), PERCENT)


def _draw_curve(axes: Axes, localizations: Sequence[Localized], values: Floats, label: str) -> None:
    """Draw a value against alpha, with a cross where the tolerance was not reached."""
    percents = np.array([one.alpha for one in localizations])
    short = np.array([not one.solution.converged for one in localizations])
    axes.plot(percents, values, "o-", color="0.25", markersize=4, linewidth=1.2)
    axes.plot(percents[short], values[short], "X", color=SHORT_COLOUR, markersize=8, zorder=4)
    axes.set_ylim(bottom=0)
    axes.set_ylabel(label, fontsize=9.5, color=GREY)
    style_axes(axes)


def _summary(localizations: Sequence[Localized]) -> str:
    times = localizations[0].evokeds[0].times
    rounds = max(one.solution.n_reweights or 1 for one in localizations)
    is_convex = localizations[0].solution.n_reweights is None
    method = "MxNE" if is_convex else f"irMxNE, up to {rounds} rounds"
    unsettled = sum(one.solution.reweighting_converged is False for one in localizations)
    short = sum(not one.solution.converged for one in localizations)
    largest_gap = max(one.relative_gap for one in localizations)
    parts = [
        method,
        f"{1000 * times[0]:.0f} to {1000 * times[-1]:.0f} ms",
        f"{len(localizations)} alphas, relative gap at most {largest_gap:.1e}",
    ]
    if unsettled:
        parts.append(f"reweighting not settled at {unsettled}")
    if short:
        parts.append(f"not converged at {short} (crosses)")
    return "   ·   ".join(parts)


def _draw_amplitudes(axes: Axes, percents: Floats, localizations: Sequence[Localized]) -> None:
    courses, names = _amplitudes(localizations)
    lasting = sorted(courses, key=lambda s: (-(courses[s] > 0).sum(), -courses[s].max()))
    # The first source to appear is always named: it is the answer at large alphas, even where a
    # neighbour soon replaces it.
    first = min(lasting, key=lambda s: int(np.argmax(courses[s] > 0)), default=None)
    if first in lasting[N_NAMED:]:
        lasting.remove(first)
        lasting.insert(N_NAMED - 1, first)
    for rank, location in reversed(list(enumerate(lasting))):
        named = rank < N_NAMED
        axes.plot(
            percents,
            _without_absence(courses[location]),
            marker="o" if named else "",
            markersize=3.5,
            color=COLOURS[rank] if named else WEAK_COLOUR,
            linewidth=1.8 if named else 0.6,
            alpha=1.0 if named else 0.7,
            zorder=3 if named else 2,
            label=names[location] if named else None,
        )
    axes.set_ylim(bottom=0)
    axes.set_ylabel("peak amplitude (nAm)", fontsize=9.5, color=GREY)
    style_axes(axes)
    if not courses:
        return
    handles, labels = axes.get_legend_handles_labels()
    handles, labels = handles[::-1], labels[::-1]
    if n_others := len(courses) - len(labels):
        handles += axes.plot([], [], color=WEAK_COLOUR, linewidth=0.6)
        labels.append(f"{n_others} others")
    axes.legend(
        handles,
        labels,
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        fontsize=9,
        frameon=False,
        title="most alphas first",
        title_fontsize=9,
        alignment="left",
    )


def _amplitudes(localizations: Sequence[Localized]) -> tuple[dict[int, Floats], dict[int, str]]:
    """Return peak amplitudes (nAm) along the path, and a name, of each location ever active."""
    courses: dict[int, Floats] = {}
    names: dict[int, str] = {}
    on_cortex = localizations[0].forward["src"].kind == "surface"
    for step, one in enumerate(localizations):
        locations = np.flatnonzero(one.active)
        for row in source_table(one):
            location = int(locations[row.index])
            courses.setdefault(location, np.zeros(len(localizations)))[step] = abs(
                row.peak_amplitude
            )
            x, y, z = row.position
            place = str(row.vertex) if on_cortex else f"({x:.0f}, {y:.0f}, {z:.0f}) mm"
            names[location] = f"{row.hemisphere} {place}"
    return courses, names


def _without_absence(course: Floats) -> Any:
    """Drop zeros but those next to a nonzero value: a line starts and ends on the axis."""
    present = course > 0
    near = present.copy()
    near[1:] |= present[:-1]
    near[:-1] |= present[1:]
    return np.where(near, course, np.nan)
