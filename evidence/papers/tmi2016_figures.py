"""Figures 1 to 5 of TMI 2016, laid out as there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxne_rs._arguments.convert import Floats
from mxne_rs._looks.axes import COLOURS, VIEWS, Axes, blank_figure, draw_head
from mxne_rs.inverse.geometry import head_positions

from .estimates import METHODS, Estimate
from .figures import ALPHA, curve, label, legend
from .findings import Picture
from .recorded import Others, Recording
from .resamples import Resamples
from .scores import Scores
from .timing import Timing

#: Of the methods, of the two solvers, of regions.
METHOD_COLOURS = dict(zip(METHODS, (COLOURS[2], COLOURS[0], COLOURS[1]), strict=True))
SOLVER_COLOURS = {"bcd": COLOURS[1], "fista": COLOURS[0]}
GREEN = COLOURS[2]


def pictures(
    scores: Scores, found: Resamples, others: Others, timing: Timing, recording: Recording
) -> list[Picture]:
    """Draw all of them."""
    return [
        _simulation(scores),
        _timing(timing),
        _fit(found),
        _selection(found, recording),
        _comparison(found, others, recording),
    ]


def _by_method(
    axes: Axes, percents: Sequence[float], rows: Floats, style: str = "o-", note: str = ""
) -> None:
    """Draw a curve of each method: of all, or of the last two."""
    for method, row in zip(METHODS[-len(rows) :], rows, strict=True):
        curve(axes, percents, row, METHOD_COLOURS[method], f"{method}{note}", style)


def _simulation(scores: Scores) -> Picture:
    figure = blank_figure(11.5, 6.4)
    axes = figure.subplots(2, 3).ravel()
    positives = scores.true_positives.mean(axis=0)
    errors = scores.errors.mean(axis=0)
    panels = (
        (positives[..., 0], "(a) true positives, left", "mean count"),
        (positives[..., 1], "(b) true positives, right", "mean count"),
        (scores.false_positives.mean(axis=0), "(c) false positives", "mean count"),
        (scores.sizes.mean(axis=0), "(d) active set", "mean size"),
        (errors[..., 0], "(e) RMSE, debiased dashed", "part of the true field"),
        (scores.stability, "(f) Krippendorff's alpha", ""),
    )
    for panel, (rows, title, unit) in zip(axes, panels, strict=True):
        _by_method(panel, scores.percents, rows)
        label(panel, unit, title)
        panel.set_xlim(0, 102)
    for panel in axes[:2]:
        panel.axhline(1, color="0.6", linestyle="--", linewidth=0.9)
    for panel in axes[2:4]:
        panel.set_yscale("symlog", linthresh=1)
        panel.set_ylim(0, 2 * max(line.get_ydata().max() for line in panel.get_lines()))
        panel.yaxis.set_major_formatter("{x:g}")
    _by_method(axes[4], scores.percents, errors[..., 1], "--")
    axes[4].set_ylim(bottom=0)
    legend(axes[0])
    caption = (
        f"{scores.n_draws} repetitions. Counts of (c) and (d) are linear to 1, then "
        "logarithmic; alpha_max leaves no source."
    )
    return Picture("figure1-simulation", "Figure 1: simulation", caption, figure)


def _timing(timing: Timing) -> Picture:
    figure = blank_figure(10.5, 4.0)
    axes = figure.subplots(1, 3, sharey=True)
    for (whose, method, has_working_set), seconds in timing.seconds.items():
        name = f"{method.upper()}, {'active set' if has_working_set else 'all'}"
        style = "o-" if has_working_set else "o--"
        panel = axes[int(whose == "MNE")]
        curve(panel, timing.percents, seconds, SOLVER_COLOURS[method], name, style)
    _by_method(axes[2], timing.percents, np.array([timing.whole, timing.reweighted]))
    small, whole = timing.n_locations
    titles = (f"mxne_rs, {small}", f"MNE, {small}", f"mxne_rs, {whole}")
    for panel, title in zip(axes, titles, strict=True):
        panel.set_yscale("log")
        legend(panel, loc="upper right")
        label(panel, "seconds" if panel is axes[0] else "", f"{title} locations")
    # Room for the legends.
    low, high = axes[0].get_ylim()
    axes[0].set_ylim(low, 8 * high)
    caption = (
        "With (solid) and without (dashed) a working set, one thread, one run: look at ratios. MNE "
        "has no FISTA any more; block coordinate descent is accelerated in both."
    )
    return Picture("figure2-timing", "Figure 2: computation time", caption, figure)


def _fit(found: Resamples) -> Picture:
    figure = blank_figure(9.5, 3.8)
    left, right = figure.subplots(1, 2)
    fit = found.fit.mean(axis=0)
    _by_method(left, found.percents, fit[..., 0])
    _by_method(left, found.percents, fit[..., 1], "o--", ", debiased")
    _by_method(right, found.percents, found.sizes.mean(axis=0))
    right.set_yscale("log")
    right.yaxis.set_major_formatter("{x:g}")
    for panel, unit, title in ((left, "%", "goodness of fit"), (right, "mean size", "active set")):
        legend(panel)
        label(panel, unit, title)
    caption = f"Means over {found.n_draws} resamples of the epochs."
    return Picture("figure3-fit", "Figure 3: goodness of fit and active set", caption, figure)


def _selection(found: Resamples, recording: Recording) -> Picture:
    figure = blank_figure(9.0, 9.6)
    axes = figure.subplots(3, 2, height_ratios=[0.9, 1.25, 0.95])
    places = 1000 * np.asarray(recording.forward["source_rr"])
    nearest = int(np.argmin(np.abs(np.array(found.percents) - found.shown)))
    how: dict[str, Any] = {"cmap": "magma_r", "vmin": 0, "vmax": 1}
    image: Any = None
    for m, method in enumerate(METHODS[1:]):
        ever = np.flatnonzero((found.probability[m] > 0).any(axis=0))
        order, borders = _by_region(ever, found, places)
        image = axes[0, m].imshow(
            found.probability[m][:, order], aspect="auto", origin="lower",
            interpolation="nearest", **how,
        )  # fmt: skip
        axes[0, m].xaxis.get_major_locator().set_params(integer=True)
        axes[0, m].set_yticks(range(len(found.percents)), [f"{one:g}" for one in found.percents])
        for border in borders:
            axes[0, m].axvline(border - 0.5, color=GREEN, linewidth=1.1)
        order_name = (
            "locations, left to right"
            if found.regions is None
            else "locations: left region | right region | elsewhere"
        )
        label(axes[0, m], ALPHA if m == 0 else "", method, order_name)
        chosen = found.probability[m, nearest]
        where = np.flatnonzero(chosen)[np.argsort(chosen[chosen > 0])]
        for panel, view in zip(axes[1:, m], VIEWS[:2], strict=True):
            title, *plane, _ = view
            draw_head(panel, head_positions(recording.forward), view)
            for region in () if found.regions is None else found.regions:
                panel.scatter(
                    *places[region][:, plane].T, s=9, color=GREEN, alpha=0.35, linewidths=0
                )
            panel.scatter(
                *places[where][:, plane].T, c=chosen[where], s=15 + 90 * chosen[where],
                edgecolors="0.3", linewidths=0.4, zorder=3, **how,
            )  # fmt: skip
            panel.set_title(f"{method} at {found.percents[nearest]:g} %, {title}", fontsize=10)
    figure.colorbar(
        image, ax=list(axes.ravel()), shrink=0.4, pad=0.02, label="selection probability"
    )
    caption = "Locations selected at least once; the larger, the more often."
    if found.regions is not None:
        caption += " Green: within 2 cm of a true source (left, right; the rest is elsewhere)."
    return Picture("figure4-selection", "Figure 4: selection probability", caption, figure)


def _by_region(
    ever: NDArray[np.intp], found: Resamples, places: Floats
) -> tuple[NDArray[np.intp], list[int]]:
    """Sort locations by region, then from left to right; return also where a region ends."""
    ever = ever[np.argsort(places[ever, 0])]
    if found.regions is None:
        return ever, []
    left, right = found.regions[:, ever]
    region = np.where(left, 0, np.where(right, 1, 2))
    order = np.argsort(region, kind="stable")
    return ever[order], [int((region == 0).sum()), int((region < 2).sum())]


def _comparison(found: Resamples, others: Others, recording: Recording) -> Picture:
    from matplotlib.colors import LinearSegmentedColormap

    figure = blank_figure(11.0, 9.0)
    axes = figure.subplots(3, 3, height_ratios=[1.25, 1.0, 0.9])
    # From a light grey, which a white page shows, to black; the strongest scores on top.
    grey = LinearSegmentedColormap.from_list("greys", ["0.92", "0.0"])
    rising = np.argsort(others.scores)
    places = 1000 * np.asarray(recording.forward["source_rr"])
    times = 1000 * recording.evoked.times
    columns = [
        (
            f"{method}, {found.shown:g} %: {_count(int(one.active.sum()))}, fit {fit:.1f} %",
            places[one.active],
            _courses(one, recording),
        )
        for method, one, fit in zip(METHODS[1:], found.whole, found.whole_fit, strict=True)
    ]
    theirs = f"RAP-MUSIC: {len(others.positions)} dipoles, fit {others.fit:.1f} %"
    columns.insert(1, (theirs, 1000 * others.positions, others.courses))
    drawn: Any = None
    for column, (title, positions, courses) in enumerate(columns):
        order = np.argsort(-np.abs(courses).max(axis=1, initial=0.0))
        coloured = [(index, COLOURS[rank % len(COLOURS)]) for rank, index in enumerate(order)][::-1]
        for panel, view in zip(axes[:2, column], VIEWS[:2], strict=True):
            _, *plane, _ = view
            draw_head(panel, head_positions(recording.forward), view)
            drawn = panel.scatter(
                *places[rising][:, plane].T, c=others.scores[rising], cmap=grey, vmin=0, alpha=0.8,
                s=float(np.clip(12000 / len(places), 1.5, 14)), linewidths=0, rasterized=True,
            )  # fmt: skip
            for index, colour in coloured:
                panel.plot(
                    *positions[index, plane], "o", markersize=9, color=colour,
                    markeredgecolor="white",
                )  # fmt: skip
        axes[0, column].set_title(title, fontsize=10)
        for index, colour in coloured:
            axes[2, column].plot(times, 1e9 * np.abs(courses[index]), color=colour)
        axes[2, column].set_ylim(bottom=0)
        axes[2, column].set_xlim(times[0], times[-1])
        label(axes[2, column], "amplitude (nAm)" if column == 0 else "", xlabel="time (ms)")
    figure.colorbar(drawn, ax=list(axes[:2].ravel()), shrink=0.5, label="largest dSPM score")
    caption = (
        f"Average of all epochs, {times[0]:.0f} to {times[-1]:.0f} ms, debiased. Grey: dSPM. "
        "Positions in mm, head coordinates."
    )
    return Picture("figure5-comparison", "Figure 5: beside dSPM and RAP-MUSIC", caption, figure)


def _count(n_sources: int) -> str:
    return f"{n_sources} source" + ("" if n_sources == 1 else "s")


def _courses(estimate: Estimate, recording: Recording) -> Floats:
    """Debiased amplitudes of the sources over time in Am, norms over orientation."""
    model, data = recording.model, recording.average
    weighting = model.weighting[np.repeat(estimate.active, 3), np.newaxis]
    x = weighting * estimate.debiased(model.gain, data)
    return np.asarray(np.linalg.norm(x.reshape(-1, 3, data.shape[1]), axis=1))
