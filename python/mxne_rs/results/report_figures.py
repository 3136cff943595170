"""Draw the figures of a report: data, amplitudes, fields, residual, the choice of alpha."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from .._arguments.convert import Floats
from .._arguments.extras import mne
from .._looks.axes import (
    COLOURS,
    GREY,
    PERCENT,
    Axes,
    Figure,
    blank_figure,
    set_alpha_axis,
    set_time_axis,
    style_axes,
)
from ..solve.solution import SureCurve
from .draw_localization import CHANNEL_TYPES, draw_time_courses
from .shown import Shown

#: Number of sources whose fields are drawn, the strongest first.
MOST_FIELDS = 6
#: Number of peaks of the residual that are drawn as maps.
N_PEAKS = 3


def limits(measured: Any) -> dict[str, list[float]]:
    """Return the limits of the amplitude of each channel type, in the units that MNE plots in."""
    types = np.array(measured.get_channel_types())
    return {
        kind: [-reach, reach]
        for kind, (_, factor, _) in CHANNEL_TYPES.items()
        if kind in types
        and (reach := 1.1 * factor * float(np.abs(measured.data[types == kind]).max())) > 0
    }


def butterfly(evoked: Any, scale: dict[str, list[float]]) -> Figure:
    """Draw all channels over each other by MNE, coloured by their position."""
    kinds = _kinds(evoked)
    figure = blank_figure(10.5, 0.6 + 2.2 * len(kinds))
    axes = figure.subplots(len(kinds), 1, sharex=True, squeeze=False)[:, 0]
    one = len(evoked.times) == 1
    evoked.plot(
        axes=list(axes), ylim=scale, xlim=None if one else "tight", spatial_colors=True, show=False,
        verbose="ERROR",
    )  # fmt: skip
    for line in (line for panel in axes if one for line in panel.get_lines()):
        # A line of one sample would be invisible: it is drawn as a point.
        line.set(marker="o", markersize=2)
    return figure


def amplitudes(shown: Shown) -> Figure:
    """Draw the amplitudes of the sources over time, and their signed courses below."""
    figure = blank_figure(10.5, 7.0)
    upper, lower = figure.subplots(2, 1, sharex=True)
    draw_time_courses(upper, shown.dipoles, shown.rows)
    upper.set_title("")
    upper.set_xlabel("")
    times = shown.dipoles[0].times
    signed = [SimpleNamespace(times=times, amplitude=one) for one in shown.courses]
    peaks = [
        replace(row, peak_amplitude=row.course_peak, peak_time=row.course_time)
        for row in shown.rows
    ]
    draw_time_courses(lower, signed, peaks)
    lower.set_title("")
    lower.set_ylabel("signed course (nAm)", color=GREY, fontsize=9.5)
    return figure


def field_maps(shown: Shown) -> Figure | str:
    """Draw the field that each source explains at its peak; say why where MNE cannot."""
    localization, rows = shown.localization, shown.rows[:MOST_FIELDS]
    o = localization.n_orient
    columns = np.flatnonzero(np.repeat(localization.active, o)).reshape(-1, o)
    gain, names = localization.forward["sol"]["data"], localization.forward["sol"]["row_names"]
    order = [names.index(name) for name in localization.info["ch_names"]]
    courses = localization.amplitudes[:, shown.samples].reshape(len(columns), o, -1)
    times = 1000 * np.asarray(shown.evoked.times)
    fields, titles = [], []
    for row in rows:
        sample = int(np.argmin(np.abs(times - row.peak_time)))
        fields.append(gain[np.ix_(order, columns[row.index])] @ courses[row.index, :, sample])
        titles.append(f"{row.number} {row.hemisphere}, {row.peak_time:.0f} ms")
    return _maps(localization.info, np.stack(fields, axis=1), titles)


def residual_levels(shown: Shown) -> Figure | str:
    """Draw the level of the whitened residual over time, and maps of the residual at its peaks."""
    localization = shown.localization
    data = localization.data[:, shown.samples]
    left = data - localization.gain @ localization.amplitudes[:, shown.samples]
    times = 1000 * np.asarray(shown.evoked.times)
    level = np.sqrt(np.mean(left**2, axis=0))
    peaks = _peaks(level)
    maps = _maps_rows(shown.residual)
    figure = blank_figure(10.5, 3.0 + 2.1 * maps)
    grid = figure.add_gridspec(1 + maps, max(len(peaks), 1), height_ratios=[1.4, *[1.0] * maps])
    axes = figure.add_subplot(grid[0, :])
    marker = set_time_axis(axes, times)
    whole = np.sqrt(np.mean(data**2, axis=0))
    axes.plot(times, whole, color="0.6", linewidth=1.2, marker=marker, label="data")
    axes.plot(times, level, color=COLOURS[1], linewidth=1.6, marker=marker, label="residual")
    if np.isfinite(localization.noise_std):
        axes.axhline(localization.noise_std, color=GREY, linestyle=":", linewidth=1, label="noise")
    axes.plot(times[peaks], level[peaks], "o", color=COLOURS[1], markersize=5)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("time (ms)", fontsize=9.5, color=GREY)
    axes.set_ylabel("whitened std", fontsize=9.5, color=GREY)
    axes.legend(frameon=False, fontsize=8.5, ncols=3)
    style_axes(axes)
    kept = shown.residual.copy().pick(localization.info["ch_names"])
    for line, kind in enumerate(_kinds(kept)[:maps]):
        for column, peak in enumerate(peaks):
            place = figure.add_subplot(grid[1 + line, column])
            if not _map(place, kept.info, kept.data[:, peak], kind):
                place.set_visible(False)
            elif line == 0:
                place.set_title(f"{times[peak]:.0f} ms", fontsize=10)
    return figure


def alpha_curve(curve: SureCurve) -> Figure:
    """Draw the estimated risk and the number of sources against alpha."""
    figure = blank_figure(10.5, 5.0)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[1.5, 1.0])
    upper.plot(curve.alphas, curve.values, "o-", color="0.25", markersize=4, linewidth=1.2)
    upper.set_ylabel("estimated risk", color=GREY)
    lower.plot(curve.alphas, curve.n_active, "o-", color="0.25", markersize=4, linewidth=1.2)
    lower.set_ylabel("sources", color=GREY)
    lower.set_ylim(bottom=0)
    lower.yaxis.get_major_locator().set_params(integer=True)
    set_alpha_axis(lower, curve.alphas, PERCENT)
    chosen = curve.alphas[curve.index]
    for axes in (upper, lower):
        axes.axvline(chosen, color=COLOURS[1], linewidth=1.2, linestyle="--")
        style_axes(axes)
    upper.plot(chosen, curve.values[curve.index], "o", color=COLOURS[1], markersize=7)
    upper.set_title(f"chosen: {chosen:.3g} %, {curve.n_active[curve.index]} sources", fontsize=11)
    return figure


def _kinds(evoked: Any) -> list[str]:
    return [kind for kind in CHANNEL_TYPES if kind in evoked.get_channel_types()]


def _maps_rows(evoked: Any) -> int:
    """Return the number of channel types that have enough places of sensors for a map."""
    return sum(_has_places(evoked.info, kind) for kind in _kinds(evoked))


def _has_places(info: Any, kind: str) -> bool:
    picks = _picks(info, kind)
    return len({tuple(info["chs"][pick]["loc"][:3]) for pick in picks}) >= 4


def _picks(info: Any, kind: str) -> Any:
    """Return the channels of a type; coils of references and bad channels are none."""
    if kind == "eeg":
        return mne.pick_types(info, meg=False, eeg=True)
    return mne.pick_types(info, meg=kind, eeg=False, ref_meg=False)


def _maps(info: Any, fields: Floats, titles: list[str]) -> Figure | str:
    """Draw a map for each column of fields, a row for each channel type."""
    types = set(info.get_channel_types())
    kinds = [kind for kind in CHANNEL_TYPES if kind in types and _has_places(info, kind)]
    if not kinds or not titles:
        return "<p>No maps: too few sensors have a known place.</p>"
    figure = blank_figure(10.5, 0.4 + 1.9 * len(kinds))
    # At least four columns, so that a map of one source is not as wide as the page.
    grid = figure.subplots(len(kinds), max(len(titles), 4), squeeze=False)
    for line, kind in enumerate(kinds):
        for column, axes in enumerate(grid[line]):
            drawn = column < len(titles) and _map(axes, info, fields[:, column], kind)
            if not drawn:
                axes.set_visible(False)
                continue
            if line == 0:
                axes.set_title(titles[column], fontsize=9.5)
            if column == 0:
                axes.text(-0.15, 0.5, CHANNEL_TYPES[kind][0], transform=axes.transAxes,
                          rotation=90, va="center", ha="right", fontsize=9, color=GREY)  # fmt: skip
    return figure


def _map(axes: Axes, info: Any, field: Floats, kind: str) -> bool:
    """Draw a map of a channel type by MNE; return whether it could."""
    picks = _picks(info, kind)
    try:
        mne.viz.plot_topomap(
            field[picks], mne.pick_info(info, picks), axes=axes, show=False, contours=4,
            sensors=False,
        )  # fmt: skip
    except (RuntimeError, ValueError):  # places that overlap, or none
        return False
    return True


def _peaks(level: Floats) -> list[int]:
    """Return the samples of the largest local maxima, in their order."""
    padded = np.concatenate([[-np.inf], level, [-np.inf]])
    local = np.flatnonzero((padded[1:-1] >= padded[:-2]) & (padded[1:-1] > padded[2:]))
    return sorted(local[np.argsort(level[local])[::-1][:N_PEAKS]].tolist())
