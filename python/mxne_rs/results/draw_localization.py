"""Draw a localization: positions of sources, their time courses, and the fit to the sensors."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._looks.axes import (
    COLOURS,
    GREY,
    LEFT,
    VIEWS,
    WEAK_COLOUR,
    Axes,
    Figure,
    View,
    annotate,
    blank_figure,
    draw_head,
    set_time_axis,
    style_axes,
    without_latex,
)
from ..inverse.geometry import head_positions
from ..inverse.localized import Localized
from .draw_coefficients import CAPTION as COEFFICIENTS
from .draw_coefficients import MOST, draw_coefficients
from .shown import Shown
from .table import SourceRow

#: Channel types in pictures: name, factor from SI units, unit.
CHANNEL_TYPES = {
    "mag": ("magnetometers", 1e15, "fT"),
    "grad": ("gradiometers", 1e13, "fT/cm"),
    "eeg": ("EEG", 1e6, "µV"),
}
#: The meaning of marks and colours.
CAPTION = (
    "Heads: sources with the numbers and colours of the table and the courses, grey after the "
    "eighth; area grows with peak amplitude, the stick points where\nthe current flows at the "
    "peak; small dots are all locations. Sensors: a line per channel, from the left (blue) to "
    "the right (red) of the head."
)
#: Length of the line that shows a dipole's direction, in mm.
DIRECTION_LENGTH = 16.0


@without_latex()
def draw(
    localization: Localized,
    path: str | os.PathLike[str] | None = None,
    shown: Shown | None = None,
) -> Figure:
    """Draw a localization: locations, time courses, measured beside explained sensors.

    Parameters
    ----------
    localization : Localization
        The localization.
    path : path, optional
        File to save the figure to (PNG, PDF or SVG by its ending). By default it is not saved.
    shown : Shown, optional
        The condition to draw, by default the first.

    Returns
    -------
    matplotlib.figure.Figure
        A figure without a window; the global state of matplotlib is unchanged.

    Raises
    ------
    ImportError
        Where matplotlib is not installed.

    Notes
    -----
    Amplitudes are in nAm, times in ms, positions in mm in head coordinates, fields in fT, fT/cm
    and µV. Sources are numbered and coloured as in the table, strongest first; those after the
    eighth are grey. The area of a marker grows with the peak amplitude, its line shows the
    direction of the current at the peak. Sensors are coloured from left (blue) to right (red).

    Examples
    --------
    >>> from mxne_rs import localize
    >>> from mxne_rs.results.draw_localization import draw
    >>> from mxne_rs.simulate import simulate_auditory
    >>> result = localize(*simulate_auditory(spacing=20.0), alpha=20, n_mxne_iter=5, verbose=False)
    >>> figure = draw(result)
    >>> [axes.get_title() for axes in figure.axes[:3]]
    ['axial', 'coronal', 'sagittal']
    """
    shown = shown or Shown(localization)
    dipoles, residual, rows = shown.dipoles, shown.residual, shown.rows

    n_shown = min(len(rows), MOST) if localization.solution.coefficients is not None else 0
    caption = f"{CAPTION}\n{COEFFICIENTS}" if n_shown else CAPTION
    figure = blank_figure(12, 11.6 if n_shown else 8.6, layout=None)
    outer = figure.add_gridspec(
        3 if n_shown else 2, 1, height_ratios=[1.0, 1.0, 0.6][: 3 if n_shown else 2],
        hspace=0.34 if n_shown else 0.26,
        left=LEFT, right=0.985, top=0.875, bottom=0.115,
    )  # fmt: skip
    top = outer[0].subgridspec(1, 3, wspace=0.16)
    for column, view in enumerate(VIEWS):
        _draw_locations(figure.add_subplot(top[column]), localization, dipoles, rows, view)
    kinds = [kind for kind in CHANNEL_TYPES if kind in residual.get_channel_types()]
    bottom = outer[1].subgridspec(1, 2, width_ratios=[1.0, 0.5 + 0.35 * len(kinds)], wspace=0.15)
    draw_time_courses(figure.add_subplot(bottom[0]), dipoles, rows)
    sensors = bottom[1].subgridspec(2, max(len(kinds), 1), wspace=0.24, hspace=0.12)
    measured = shown.evoked.copy().pick(residual.ch_names)
    for column, kind in enumerate(kinds):
        pair = (figure.add_subplot(sensors[0, column]), figure.add_subplot(sensors[1, column]))
        _draw_sensors(pair, measured, residual, kind)

    if n_shown:
        below = outer[2].subgridspec(1, n_shown, wspace=0.22)
        panels = [figure.add_subplot(below[column]) for column in range(n_shown)]
        draw_coefficients(figure, panels, shown)
    annotate(figure, shown.name, _summary(localization, len(rows)), caption)
    if path is not None:
        figure.savefig(path)
    return figure


def _summary(localization: Localized, n_sources: int) -> str:
    method = localization.method
    if localization.solution.reweighting_converged is False:
        method += " (not settled)"
    status = localization.solution.status.replace("_", " ")
    plural = "source" if n_sources == 1 else "sources"
    return "   ·   ".join(
        (
            method,
            localization.regularisation,
            f"{n_sources} {plural}",
            f"{100 * localization.explained_variance:.1f} % of whitened variance explained",
            f"{status}, relative gap {localization.relative_gap:.1e}",
        )
    )


def _colour(row: SourceRow) -> str:
    return COLOURS[row.number - 1] if _is_named(row) else WEAK_COLOUR


def _is_named(row: SourceRow) -> bool:
    return row.number <= len(COLOURS)


def _draw_locations(
    axes: Axes,
    localization: Localized,
    dipoles: Sequence[Any],
    rows: Sequence[SourceRow],
    view: View,
) -> None:
    _, horizontal, vertical, _ = view
    draw_head(axes, head_positions(localization.forward), view)
    strongest = max((abs(row.peak_amplitude) for row in rows), default=0.0) or 1.0
    for row in reversed(rows):
        x, y = row.position[horizontal], row.position[vertical]
        named = _is_named(row)
        axes.scatter(
            x,
            y,
            s=(60 if named else 6) + 200 * abs(row.peak_amplitude) / strongest,
            color=_colour(row),
            edgecolors="white",
            linewidths=1.0,
            zorder=4 if named else 2,
        )
        if named:
            dipole = dipoles[row.index]
            direction = (
                np.sign(row.peak_amplitude) * dipole.ori[int(np.argmax(np.abs(dipole.amplitude)))]
            )
            axes.plot(
                [x, x + DIRECTION_LENGTH * direction[horizontal]],
                [y, y + DIRECTION_LENGTH * direction[vertical]],
                color=_colour(row),
                linewidth=2.2,
                solid_capstyle="round",
                zorder=3,
            )
            axes.text(
                x,
                y,
                str(row.number),
                color="white",
                fontsize=7.5,
                fontweight="bold",
                ha="center",
                va="center_baseline",
                zorder=5,
            )


def draw_time_courses(axes: Axes, dipoles: Sequence[Any], rows: Sequence[SourceRow]) -> None:
    """Draw the amplitude of each source over time in nAm."""
    axes.axhline(0, color="0.8", linewidth=0.8)
    marker = set_time_axis(axes, 1000 * dipoles[0].times) if rows else ""
    for row in reversed(rows):
        dipole = dipoles[row.index]
        named = _is_named(row)
        axes.plot(
            1000 * dipole.times,
            1e9 * dipole.amplitude,
            color=_colour(row),
            linewidth=1.8 if named else 0.7,
            marker=marker,
            markersize=5 if named else 2,
            zorder=3 if named else 2,
            label=f"{row.number} {row.hemisphere}" if named else None,
        )
        if named:
            axes.plot(
                row.peak_time,
                row.peak_amplitude,
                "o",
                color=_colour(row),
                markersize=5,
                markeredgecolor="white",
                zorder=4,
                clip_on=False,
            )
    if rows:
        handles, labels = axes.get_legend_handles_labels()
        n_weak = len(rows) - len(labels)
        handles, labels = handles[::-1], labels[::-1]
        if n_weak:
            handles += axes.plot([], [], color=WEAK_COLOUR, linewidth=0.7)
            labels.append(f"{n_weak} weaker")
        n_lines = min(len(labels), 3)
        low, high = axes.get_ylim()
        axes.set_ylim(low, high + (0.06 + 0.075 * n_lines) * (high - low))
        legend = axes.legend(
            handles,
            labels,
            fontsize=8.5,
            ncols=int(np.ceil(len(labels) / n_lines)),
            loc="upper left",
            handlelength=1.3,
            columnspacing=1.2,
            framealpha=0.85,
            edgecolor="none",
            borderaxespad=0.1,
        )
        legend.set_zorder(5)
    axes.set_title("source amplitudes", fontsize=11, pad=4)
    axes.set_xlabel("time (ms)", fontsize=9.5, color=GREY)
    axes.set_ylabel("amplitude (nAm)", fontsize=9.5, color=GREY)
    style_axes(axes)


def _draw_sensors(pair: tuple[Axes, Axes], measured: Any, residual: Any, kind: str) -> None:
    name, factor, unit = CHANNEL_TYPES[kind]
    picks = np.array(
        [index for index, one in enumerate(residual.get_channel_types()) if one == kind]
    )
    data = factor * measured.data[picks]
    fit = data - factor * residual.data[picks]
    colours = _sensor_colours(np.array([residual.info["chs"][index]["loc"][0] for index in picks]))
    times = 1000 * residual.times
    reach = 1.25 * float(np.max(np.abs([data, fit]), initial=1e-30))
    # In random order, so that neither side of the head covers the other.
    order = np.random.default_rng(0).permutation(len(picks))
    for axes, lines, what in zip(pair, (data, fit), ("measured", "explained"), strict=True):
        marker = set_time_axis(axes, times)
        axes.set_prop_cycle(color=colours[order])
        axes.plot(
            times, lines[order].T, linewidth=0.5, marker=marker, markersize=2, alpha=0.75,
            rasterized=True,
        )  # fmt: skip
        axes.set_ylim(-reach, reach)
        axes.text(0.03, 0.97, what, transform=axes.transAxes, fontsize=8.5, color=GREY, va="top")
        style_axes(axes)
    pair[0].set_title(f"{len(picks)} {name} ({unit})", fontsize=10, pad=4)
    pair[0].tick_params(labelbottom=False)
    pair[1].set_xlabel("time (ms)", fontsize=9.5, color=GREY)


def _sensor_colours(x: NDArray[np.float64]) -> Any:
    """Colour sensors (n,) by their side: blue left, red right, dark in the middle."""
    from matplotlib.colors import LinearSegmentedColormap

    side = LinearSegmentedColormap.from_list("side", ["#2166AC", "#4D4D4D", "#B2182B"])
    reach = float(np.max(np.abs(x), initial=0.0)) or 1.0
    return side(0.5 + 0.5 * x / reach)
