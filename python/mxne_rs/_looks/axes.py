"""Give all matplotlib panels of the package one look, and draw their shared axes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .._arguments.convert import Floats
from .._arguments.extras import needs

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Axes
    from matplotlib.figure import Figure as Figure
else:  # annotations only, which are not evaluated
    Axes = Figure = Any

GREY = "0.35"
#: Colours of the strongest sources, readable with colour-blind eyes (after Okabe & Ito); weaker
#: ones are grey.
COLOURS: tuple[str, ...] = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#7F3C8D",
    "#A5AA99",
)
WEAK_COLOUR = "#8C8C8C"
View = tuple[str, int, int, tuple[str, str]]
#: Projections of the head: title, horizontal and vertical axis, labels of the horizontal ends.
VIEWS: tuple[View, ...] = (
    ("axial", 0, 1, ("L", "R")),
    ("coronal", 0, 2, ("L", "R")),
    ("sagittal", 1, 2, ("P", "A")),
)
AXIS_NAMES = ("x", "y", "z")
#: Label of an axis of alphas in percent.
PERCENT = "alpha (% of the value that leaves no source)"
#: Left edge of titles and captions, as a part of the width; most characters of a title.
LEFT, MAX_TITLE = 0.065, 90


@contextmanager
def without_latex() -> Iterator[None]:
    """Draw text as it is, not as LaTeX, whatever matplotlib's settings are.

    Examples
    --------
    >>> from matplotlib import rcParams
    >>> from mxne_rs._looks.axes import without_latex
    >>> with without_latex():
    ...     rcParams["text.usetex"]
    False
    """
    try:
        from matplotlib import rc_context
    except ImportError:
        # The drawing function itself raises the error that names the extra.
        yield
        return
    with rc_context({"text.usetex": False}):
        yield


def annotate(figure: Figure, name: str, summary: str, caption: str) -> None:
    """Write name and summary above the panels of a figure, and a caption below them."""
    name = name if len(name) <= MAX_TITLE else f"{name[: MAX_TITLE - 1]}…"
    # The name comes from the user: a dollar sign in it starts no formula.
    figure.text(LEFT, 0.955, name, fontsize=16, fontweight="bold", va="center", parse_math=False)
    figure.text(LEFT, 0.922, summary, fontsize=10.5, color=GREY, va="center")
    figure.text(LEFT, 0.012, caption, fontsize=8.5, color=GREY, va="bottom", linespacing=1.4)


def set_time_axis(axes: Axes, times: Floats) -> str:
    """Limit a panel to the first and last time; return the marker of its lines.

    One sample is drawn as a point, and leaves the limits to matplotlib.
    """
    if len(times) == 1:
        return "o"
    axes.set_xlim(times[0], times[-1])
    return ""


def style_axes(axes: Axes) -> None:
    """Give a panel the look that all panels share."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("0.6")
    axes.tick_params(colors=GREY, labelsize=8.5, length=3)


def set_alpha_axis(axes: Axes, alphas: Floats, label: str) -> None:
    """Give a panel a logarithmic alpha axis that decreases to the right."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.set_xlim(1.03 * alphas.max(), alphas.min() / 1.03)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 4, 5, 7)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(label, fontsize=9.5, color=GREY)


def blank_figure(width: float, height: float, layout: Any = "constrained") -> Figure:
    """Make an empty figure without opening a window."""
    with needs("the picture", "matplotlib", "mne"):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=150, facecolor="white", layout=layout)
    FigureCanvasAgg(figure)
    return figure


def draw_head(axes: Axes, cloud: Floats, view: View) -> None:
    """Draw positions (mm) in grey, seen from one side, with names for the axes and their ends."""
    title, horizontal, vertical, ends = view
    axes.scatter(
        cloud[:, horizontal],
        cloud[:, vertical],
        s=min(max(24000 / len(cloud), 1.5), 14.0),
        color="0.62",
        alpha=0.28,
        linewidths=0,
        rasterized=True,
    )
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.06)
    axes.set_title(title, fontsize=11, pad=4)
    axes.set_xlabel(f"{AXIS_NAMES[horizontal]} (mm)", fontsize=9.5, color=GREY)
    axes.set_ylabel(f"{AXIS_NAMES[vertical]} (mm)", fontsize=9.5, color=GREY, labelpad=1)
    for name, place in zip(ends, (0.02, 0.98), strict=True):
        axes.text(
            place,
            0.97,
            name,
            transform=axes.transAxes,
            ha="left" if place < 0.5 else "right",
            va="top",
            fontsize=10,
            color=GREY,
        )
    style_axes(axes)


def figure_of(axes: Axes, path: str | os.PathLike[str] | None = None) -> Figure:
    """Return the figure of a panel, saved where a path is given."""
    figure: Figure = axes.figure.figure  # of a panel in a part of a figure, the whole
    if path is not None:
        figure.savefig(path)
    return figure
