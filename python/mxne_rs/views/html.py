"""Make tables of HTML for reports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from .._arguments.convert import one_line


def html_table(
    rows: Iterable[Sequence[str]], headings: Sequence[str] = (), *, numbers: bool | None = None
) -> str:
    """Make an HTML table in the style of mne.Report; empty where there are no rows.

    ``numbers`` aligns the cells to the right, by default in tables of more than three columns.
    """
    numbers = len(headings) > 3 if numbers is None else numbers
    side = ' class="text-end px-3"' if numbers else ' class="pe-4"'
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
