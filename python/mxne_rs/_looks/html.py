"""Make tables of HTML for reports and notebooks, and write reports by MNE."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, NamedTuple

from .._arguments.convert import one_line
from .._arguments.extras import mne


class Part(NamedTuple):
    """A part of a report; one without content is left out."""

    title: str
    tag: str
    content: Any
    """HTML, or a figure."""
    caption: str | None = None


def html_table(
    rows: Iterable[Sequence[str]], headings: Sequence[str] = (), *, numbers: bool | None = None
) -> str:
    """Make an HTML table in the style of mne.Report; empty where there are no rows.

    ``numbers`` aligns the cells to the right, by default in tables of more than three columns.
    """
    numbers = len(headings) > 3 if numbers is None else numbers
    side = ' class="text-end text-nowrap px-3"' if numbers else ' class="pe-4"'
    body = "".join(
        "<tr>" + "".join(f"<td{side}>{escape(one_line(cell))}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    if not body:
        return ""
    header = "".join(f"<th{side}>{escape(heading)}</th>" for heading in headings)
    head = f"<thead><tr>{header}</tr></thead>" if headings else ""
    table = f'<table class="table table-hover table-sm w-auto">{head}<tbody>{body}</tbody></table>'
    # One that is wider than the page is scrolled, where it would be cut off.
    return f'<div class="table-responsive">{table}</div>'


def notebook_table(title: str, rows: Iterable[Sequence[str]], headings: Sequence[str]) -> str:
    """Make an HTML table for a notebook, in the style of MNE's objects; colours are the page's."""
    cell = 'style="text-align: right; padding: 2px 10px"'
    body = "".join(
        "<tr>" + "".join(f"<td {cell}>{escape(one_line(text))}</td>" for text in row) + "</tr>"
        for row in rows
    )
    header = "".join(f"<th {cell}>{escape(heading)}</th>" for heading in headings)
    return (
        '<table class="table mne-repr-table">'
        f'<caption style="text-align: left; font-weight: bold">{escape(title)}</caption>'
        f"<thead><tr>{header}</tr></thead><tbody>{body}</tbody></table>"
    )


def save_report(title: str, parts: Sequence[Part], path: str | os.PathLike[str]) -> None:
    """Write the parts that have content as an `mne.Report`."""
    report = mne.Report(title=title, img_max_width=1150, verbose="ERROR")
    for name, tag, content, caption in parts:
        if isinstance(content, str):
            if content:
                report.add_html(content, name, tags=(tag,))
        elif content is not None:
            report.add_figure(content, name, caption=caption, tags=(tag,))
    report.save(path, open_browser=False, overwrite=True, verbose="ERROR")
