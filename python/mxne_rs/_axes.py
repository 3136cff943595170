"""Give all matplotlib panels of the package one look, and draw their shared axes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ._arguments.convert import Floats
from ._arguments.extras import needs

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Axes
    from matplotlib.figure import Figure as Figure
else:  # annotations only, which are not evaluated
    Axes = Figure = Any

GREY = "0.35"
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
    >>> from mxne_rs._axes import without_latex
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
