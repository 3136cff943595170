"""What panels of matplotlib share: their look, and an axis along which alpha falls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ._arguments.convert import Floats
from ._arguments.extras import needs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GREY = "0.35"
#: The axis of alphas in percent.
PERCENT = "alpha (% of the value that leaves no source)"
#: Left edge of titles and captions, as a part of the width; characters of a title that fit.
LEFT, LONGEST = 0.065, 90


@contextmanager
def plain_words() -> Iterator[None]:
    """Draw words as they are, not as LaTeX, whatever matplotlib's settings are.

    Examples
    --------
    >>> from matplotlib import rcParams
    >>> from mxne_rs._axes import plain_words
    >>> with plain_words():
    ...     rcParams["text.usetex"]
    False
    """
    try:
        from matplotlib import rc_context
    except ImportError:
        # What is to be drawn says what to install.
        yield
        return
    with rc_context({"text.usetex": False}):
        yield


def annotate(figure: Figure, name: str, summary: str, caption: str) -> None:
    """Write name and summary above the panels of a figure, and a caption below them."""
    name = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
    # A name is the user's: its dollars are no formula.
    figure.text(LEFT, 0.955, name, fontsize=16, fontweight="bold", va="center", parse_math=False)
    figure.text(LEFT, 0.922, summary, fontsize=10.5, color=GREY, va="center")
    figure.text(LEFT, 0.012, caption, fontsize=8.5, color=GREY, va="bottom", linespacing=1.4)


def along_time(axes: Axes, times: Floats) -> str:
    """Let a panel reach from the first to the last time; return the marker of its lines.

    A line of one sample is a point, and an axis without length has no limits.
    """
    if len(times) == 1:
        return "o"
    axes.set_xlim(times[0], times[-1])
    return ""


def plain(axes: Axes) -> None:
    """Give a panel the look they all share."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("0.6")
    axes.tick_params(colors=GREY, labelsize=8.5, length=3)


def falling(axes: Axes, alphas: Floats, label: str) -> None:
    """Give alpha a logarithmic axis that falls to the right, as a path is walked."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.set_xlim(1.03 * alphas.max(), alphas.min() / 1.03)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 4, 5, 7)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(label, fontsize=9.5, color=GREY)


def blank_figure(width: float, height: float, layout: Any = "constrained") -> Figure:
    """Make a figure that opens no window."""
    with needs("the picture", "matplotlib", "mne"):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=150, facecolor="white", layout=layout)
    FigureCanvasAgg(figure)
    return figure
