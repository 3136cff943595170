"""What reports are put together from: tables, blank figures, versions."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from ._core import __version__
from .arrays import one_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["blank_figure", "html_table", "versions"]


def html_table(
    rows: Iterable[Sequence[str]], headings: Sequence[str] = (), *, numbers: bool | None = None
) -> str:
    """An HTML table in the style that mne.Report brings along; nothing where there are no rows.

    ``numbers`` aligns to the right: by default a table of more than three columns.
    """
    numbers = len(headings) > 3 if numbers is None else numbers
    side = ' class="text-end px-3"' if numbers else ' class="pe-4"'
    body = "".join(
        "<tr>" + "".join(f"<td{side}>{escape(one_line(cell))}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    if not body:
        return ""
    cells = "".join(f"<th{side}>{escape(heading)}</th>" for heading in headings)
    head = f"<thead><tr>{cells}</tr></thead>" if headings else ""
    return f'<table class="table table-hover table-sm w-auto">{head}<tbody>{body}</tbody></table>'


def blank_figure(width: float, height: float) -> Figure:
    """A figure that no window system hears of."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("the picture needs matplotlib: pip install 'mxne-rs[mne]'") from error

    figure = Figure(figsize=(width, height), dpi=150, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def versions() -> list[tuple[str, str]]:
    """What this was computed with."""
    import mne

    return [
        ("mxne_rs", __version__),
        ("mne", mne.__version__),
        ("numpy", np.__version__),
        ("python", platform.python_version()),
        ("platform", platform.platform()),
    ]
