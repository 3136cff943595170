"""Figures 1 to 5 of TMI 2016, laid out as there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mxne_rs._arguments.convert import Floats
from mxne_rs._axes import GREY, blank_figure, plain
from mxne_rs.solve.debias import debias
from mxne_rs.views.localization import COLOURS, VIEWS

from .estimates import METHODS, Estimate
from .findings import Picture
from .recorded import Others, Recording
from .resamples import Resamples
from .scores import Scores
from .timing import Timing

if TYPE_CHECKING:
    from matplotlib.axes import Axes


#: Of the methods, and of the two solvers.
METHOD_COLOURS = dict(zip(METHODS, (COLOURS[2], COLOURS[0], COLOURS[1]), strict=True))
SOLVER_COLOURS = {"bcd": COLOURS[1], "fista": COLOURS[0]}
ALPHA = "alpha (% of alpha_max)"


def pictures(
    scores: Scores, found: Resamples, others: Others, timing: Timing, recording: Recording
) -> list[Picture]:
    """All of them."""
    return [
        _simulation(scores),
        _timing(timing),
        _fit(found),
        _selection(found, recording),
        _comparison(found, others, recording),
    ]


def _label(axes: Axes, title: str, ylabel: str, xlabel: str = ALPHA) -> None:
    axes.set_title(title, fontsize=10.5, loc="left")
    axes.set_xlabel(xlabel, fontsize=9, color=GREY)
    axes.set_ylabel(ylabel, fontsize=9, color=GREY)
    plain(axes)


def _simulation(scores: Scores) -> Picture:
    figure = blank_figure(11.5, 6.4)
    axes = figure.subplots(2, 3).ravel()
    percents = np.array(scores.percents)
    positives = scores.true_positives.mean(axis=0)
    errors = scores.errors.mean(axis=0)
    panels = (
        (positives[..., 0], "(a) true positives, left"),
        (positives[..., 1], "(b) true positives, right"),
        (scores.false_positives.mean(axis=0), "(c) false positives"),
        (scores.sizes.mean(axis=0), "(d) active set"),
        (errors[..., 0], "(e) RMSE, debiased dashed"),
        (scores.stability, "(f) Krippendorff's alpha"),
    )
    units = ("mean count", "mean count", "mean count", "mean size", "part of the true field", "")
    for panel, (values, title), unit in zip(axes, panels, units, strict=True):
        for m, method in enumerate(METHODS):
            panel.plot(
                percents,
                values[m],
                "o-",
                color=METHOD_COLOURS[method],
                markersize=3.5,
                label=method,
            )
        _label(panel, title, unit)
        panel.set_xlim(0, 102)
    for panel in axes[:2]:
        panel.axhline(1, color="0.6", linestyle="--", linewidth=0.9)
    for panel in axes[2:4]:
        panel.set_yscale("symlog", linthresh=1)
        panel.set_ylim(0, 2 * max(line.get_ydata().max() for line in panel.get_lines()))
        panel.yaxis.set_major_formatter("{x:g}")
    for m, method in enumerate(METHODS):
        axes[4].plot(percents, errors[m, :, 1], "--", color=METHOD_COLOURS[method], linewidth=1.3)
    axes[4].set_ylim(bottom=0)
    axes[0].legend(fontsize=9, frameon=False)
    caption = (
        f"{scores.n_repetitions} repetitions. Counts of (c) and (d) are linear to 1, then "
        "logarithmic; alpha_max leaves no source."
    )
    return Picture("figure1-simulation", "Figure 1: simulation", caption, figure)


def _timing(timing: Timing) -> Picture:
    figure = blank_figure(10.5, 4.0)
    axes = figure.subplots(1, 3, sharey=True)
    for (whose, method, working_set), seconds in timing.seconds.items():
        axes[int(whose == "MNE")].plot(
            timing.percents,
            seconds,
            "o-" if working_set else "o--",
            color=SOLVER_COLOURS[method],
            markersize=3.5,
            label=f"{method.upper()}, {'active set' if working_set else 'all'}",
        )
    for along, name in ((timing.whole, "MxNE"), (timing.reweighted, "irMxNE")):
        axes[2].plot(
            timing.percents, along, "o-", color=METHOD_COLOURS[name], markersize=3.5, label=name
        )
    small, whole = timing.n_locations
    titles = (
        f"mxne_rs, {small} locations",
        f"MNE, {small} locations",
        f"mxne_rs, {whole} locations",
    )
    for panel, title in zip(axes, titles, strict=True):
        panel.set_yscale("log")
        panel.legend(fontsize=8.5, frameon=False, loc="upper right")
        _label(panel, title, "seconds" if panel is axes[0] else "")
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
    for m, method in enumerate(METHODS[1:]):
        colour = METHOD_COLOURS[method]
        for column, style in enumerate(("o-", "o--")):
            left.plot(
                found.percents,
                found.fit[:, m, :, column].mean(axis=0),
                style,
                color=colour,
                markersize=3.5,
                label=f"{method}{', debiased' if column else ''}",
            )
        right.plot(
            found.percents, found.sizes[:, m].mean(axis=0), "o-", color=colour, markersize=3.5,
            label=method,
        )  # fmt: skip
    left.legend(fontsize=8.5, frameon=False)
    right.legend(fontsize=8.5, frameon=False)
    right.set_yscale("log")
    right.yaxis.set_major_formatter("{x:g}")
    _label(left, "goodness of fit", "%")
    _label(right, "active set", "mean size")
    caption = f"Means over {len(found.active)} resamples of the epochs."
    return Picture("figure3-fit", "Figure 3: goodness of fit and active set", caption, figure)


def _selection(found: Resamples, recording: Recording) -> Picture:
    figure = blank_figure(9.0, 9.6)
    axes = figure.subplots(3, 2, height_ratios=[0.9, 1.25, 0.95])
    places = 1000 * np.asarray(recording.forward["source_rr"])
    nearest = int(np.argmin(np.abs(np.array(found.percents) - found.shown)))
    image: Any = None
    for m, method in enumerate(METHODS[1:]):
        ever = np.flatnonzero((found.probability[m] > 0).any(axis=0))
        order, borders = _by_region(ever, found, places)
        image = axes[0, m].imshow(
            found.probability[m][:, order],
            aspect="auto",
            origin="lower",
            cmap="magma_r",
            vmin=0,
            vmax=1,
            interpolation="nearest",
        )
        axes[0, m].xaxis.get_major_locator().set_params(integer=True)
        axes[0, m].set_yticks(range(len(found.percents)), [f"{one:g}" for one in found.percents])
        for border in borders:
            axes[0, m].axvline(border - 0.5, color="#009E73", linewidth=1.1)
        _label(axes[0, m], method, ALPHA if m == 0 else "", _index_name(found))
        chosen = found.probability[m, nearest]
        for panel, view in zip(axes[1:, m], VIEWS[:2], strict=True):
            _cloud(panel, places, view)
            _regions(panel, places, found.regions, view)
            where = np.flatnonzero(chosen)[np.argsort(chosen[chosen > 0])]
            panel.scatter(
                places[where, view[1]],
                places[where, view[2]],
                c=chosen[where],
                s=15 + 90 * chosen[where],
                cmap="magma_r",
                vmin=0,
                vmax=1,
                edgecolors="0.3",
                linewidths=0.4,
                zorder=3,
            )
            panel.set_title(
                f"{method} at {found.percents[nearest]:g} %, {view[0]}", fontsize=10, loc="left"
            )
    figure.colorbar(
        image, ax=list(axes.ravel()), shrink=0.4, pad=0.02, label="selection probability"
    )
    caption = "Locations selected at least once; the larger, the more often."
    if found.regions is not None:
        caption += " Green: within 2 cm of a true source (left, right; the rest is elsewhere)."
    return Picture("figure4-selection", "Figure 4: selection probability", caption, figure)


def _index_name(found: Resamples) -> str:
    if found.regions is None:
        return "locations, left to right"
    return "locations: left region | right region | elsewhere"


def _by_region(
    ever: NDArray[np.intp], found: Resamples, places: Floats
) -> tuple[NDArray[np.intp], list[int]]:
    """Locations by region, then from left to right; and where a region ends."""
    ever = ever[np.argsort(places[ever, 0])]
    if found.regions is None:
        return ever, []
    left, right = found.regions[0][ever], found.regions[1][ever]
    region = np.where(left, 0, np.where(right, 1, 2))
    return ever[np.argsort(region, kind="stable")], [
        int((region == 0).sum()),
        int((region < 2).sum()),
    ]


def _cloud(axes: Axes, places: Floats, view: Any, colours: Any = "0.62", **how: Any) -> Any:
    """All locations from one side."""
    _, horizontal, vertical, ends = view
    drawn = axes.scatter(
        places[:, horizontal],
        places[:, vertical],
        c=colours,
        s=float(np.clip(12000 / len(places), 1.5, 14)),
        alpha=0.28 if isinstance(colours, str) else 0.8,
        linewidths=0,
        rasterized=True,
        **how,
    )
    axes.set_aspect("equal", adjustable="box")
    for name, place in zip(ends, (0.02, 0.98), strict=True):
        axes.text(
            place, 0.97, name, transform=axes.transAxes, ha="left" if place < 0.5 else "right",
            va="top", fontsize=9, color=GREY,
        )  # fmt: skip
    plain(axes)
    return drawn


def _regions(axes: Axes, places: Floats, regions: NDArray[np.bool_] | None, view: Any) -> None:
    if regions is not None:
        for one in regions:
            axes.scatter(
                places[one, view[1]], places[one, view[2]], s=9, color="#009E73", alpha=0.35,
                linewidths=0,
            )  # fmt: skip


def _comparison(found: Resamples, others: Others, recording: Recording) -> Picture:
    figure = blank_figure(11.0, 9.0)
    axes = figure.subplots(3, 3, height_ratios=[1.25, 1.0, 0.9])
    grey = _greys()
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
        # The strongest scores on top.
        rising = np.argsort(others.scores)
        for panel, view in zip(axes[:2, column], VIEWS[:2], strict=True):
            drawn = _cloud(
                panel, places[rising], view, others.scores[rising], cmap=grey,
                vmin=0,
            )  # fmt: skip
            for rank, index in reversed(list(enumerate(order))):
                panel.plot(
                    positions[index, view[1]], positions[index, view[2]], "o", markersize=9,
                    color=COLOURS[rank % len(COLOURS)], markeredgecolor="white",
                )  # fmt: skip
        axes[0, column].set_title(title, fontsize=10, loc="left")
        for rank, index in reversed(list(enumerate(order))):
            axes[2, column].plot(
                times, 1e9 * np.abs(courses[index]), color=COLOURS[rank % len(COLOURS)]
            )
        axes[2, column].set_ylim(bottom=0)
        axes[2, column].set_xlim(times[0], times[-1])
        _label(axes[2, column], "", "amplitude (nAm)" if column == 0 else "", "time (ms)")
    figure.colorbar(drawn, ax=list(axes[:2].ravel()), shrink=0.5, label="largest dSPM score")
    caption = (
        f"Average of all epochs, {times[0]:.0f} to {times[-1]:.0f} ms, debiased. Grey: dSPM. "
        "Positions in mm, head coordinates."
    )
    return Picture("figure5-comparison", "Figure 5: beside dSPM and RAP-MUSIC", caption, figure)


def _greys() -> Any:
    """From a light grey, which a white page shows, to black."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("greys", ["0.92", "0.0"])


def _count(n_sources: int) -> str:
    return f"{n_sources} source" + ("" if n_sources == 1 else "s")


def _courses(estimate: Estimate, recording: Recording) -> Floats:
    """Debiased amplitudes of the sources over time in Am, norms over orientation."""
    model = recording.model
    columns = model.gain.columns(estimate.active)
    data = recording.trials.mean(axis=0)
    if not estimate.active.any():
        return np.zeros((0, data.shape[1]))
    factors = np.repeat(debias(columns, data, estimate.x, n_orient=3), 3)
    weighting = model.weighting[np.repeat(estimate.active, 3)]
    x = (factors * weighting)[:, np.newaxis] * estimate.x
    return np.asarray(np.linalg.norm(x.reshape(-1, 3, data.shape[1]), axis=1))
