"""Draw the time-frequency coefficients of sources."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._looks.axes import GREY, Axes, Figure, blank_figure, style_axes
from .shown import Shown

#: Sources that are drawn, the strongest first.
MOST = 8
#: The meaning of panels and colours.
CAPTION = (
    "Amplitude of the time-frequency coefficients of each source, as a part of its largest; the "
    "first transform, up to the highest frequency in use."
)


def draw_coefficients(figure: Figure, places: Sequence[Axes], of: Shown) -> None:
    """Draw a panel for each of the strongest sources, with one scale of colours for all."""
    coefficients = of.localization.solution.coefficients
    if coefficients is None:
        return
    evoked = of.evoked
    wsize, tstep = coefficients.stfts[0]
    sfreq = evoked.info["sfreq"]
    shown = list(zip(places, of.rows, strict=False))
    amplitudes = [np.sqrt(coefficients.power(row.index)) for _, row in shown]
    highest = [int(np.flatnonzero(one.any(axis=1)).max(initial=0)) for one in amplitudes]
    used = max(highest, default=0)
    n_windows = -(-len(evoked.times) // tstep)
    start, end = 1000 * evoked.times[0], 1000 * (evoked.times[0] + n_windows * tstep / sfreq)
    step = sfreq / wsize
    for (axes, row), amplitude in zip(shown, amplitudes, strict=True):
        axes.imshow(
            amplitude[: used + 1, :n_windows] / (amplitude.max() or 1.0),
            aspect="auto", origin="lower", interpolation="nearest", cmap="BuPu", vmin=0, vmax=1,
            extent=(start, end, -0.5 * step, (used + 0.5) * step),
        )  # fmt: skip
        axes.set_xlim(1000 * evoked.times[0], 1000 * evoked.times[-1])
        axes.set_ylim(0, (used + 0.5) * step)
        axes.set_title(f"{row.number} {row.hemisphere}", fontsize=10, pad=3)
        axes.set_xlabel("time (ms)", fontsize=9.5, color=GREY)
        style_axes(axes)
        axes.grid(visible=False)
    if shown:
        shown[0][0].set_ylabel("frequency (Hz)", fontsize=9.5, color=GREY)
        bar = figure.colorbar(
            shown[0][0].images[0], ax=[axes for axes, _ in shown], pad=0.01, aspect=14
        )
        bar.set_label("amplitude (part of largest)", fontsize=8.5, color=GREY)
        bar.outline.set_visible(False)


def coefficients_figure(of: Shown) -> Figure | None:
    """Draw the coefficients of the strongest sources by themselves; None where there are none."""
    if of.localization.solution.coefficients is None:
        return None
    count = min(len(of.rows), MOST)
    figure = blank_figure(10.5, 2.9 if count <= 4 else 5.4)
    columns = min(count, 4)
    grid = figure.subplots(-(-count // columns), columns, squeeze=False)
    for axes in grid.flat[count:]:
        axes.set_visible(False)
    draw_coefficients(figure, list(grid.flat[:count]), of)
    return figure
