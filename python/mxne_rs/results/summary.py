"""Summarise a localization or a path: lines for a terminal, HTML for a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from .._looks.html import notebook_table
from ..inverse.localized import Localized
from .shown import Shown
from .table import (
    PATH_COLUMNS,
    columns_for,
    format_path,
    format_table,
    legend,
    path_texts,
    row_texts,
)


def summarise(shown: Shown) -> list[str]:
    """Describe a condition in lines: what was solved, the sources, the fit, the certificate."""
    localization, rows = shown.localization, shown.rows
    solution = localization.solution
    first, last = (1000 * shown.evoked.times[index] for index in (0, -1))
    chosen = f" (chosen by {localization.chosen_by})" if localization.chosen_by else ""
    count = "1 source explains" if len(rows) == 1 else f"{len(rows)} sources explain"
    power = f"{count} {100 * localization.explained_variance:.1f} % of the whitened data's power"
    fit = power if rows else "no source"
    return [
        f"{shown.name}, {first:.0f} to {last:.0f} ms: {localization.method}, "
        f"{localization.regularisation}{chosen}",
        *([format_table(rows)] if rows else []),
        f"{fit}; standard deviation of the residual: {localization.levels()}",
        channels_used(localization),
        f"{solution.status.replace('_', ' ')}: relative gap {localization.relative_gap:.1e}, "
        f"{solution.n_iter} epochs, {1000 * solution.elapsed:.0f} ms",
    ]


def summarise_path(localizations: Sequence[Localized]) -> list[str]:
    """Describe a path in lines: what was solved, and a line for each alpha."""
    first = localizations[0]
    start, stop = (1000 * first.evokeds[0].times[index] for index in (0, -1))
    method = "MxNE" if first.solution.n_reweights is None else "irMxNE"
    return [
        f"{first.name}, {start:.0f} to {stop:.0f} ms: {method} at {len(localizations)} alphas",
        format_path(localizations),
        channels_used(first),
    ]


def channels_used(localization: Localized) -> str:
    """Say how many channels are used, and how many are left out for which reason."""
    left_out = "; ".join(
        f"{len(names)} {reason}" for reason, names in localization.left_out.items()
    )
    used = f"{len(localization.info['ch_names'])} channels"
    return f"{used}, left out: {left_out}" if left_out else used


def notebook_html(localization: Localized) -> str:
    """Make the HTML that a notebook shows of a localization: a table for each condition."""
    parts = []
    for condition in range(len(localization.evokeds)):
        shown = Shown(localization, condition)
        columns = columns_for(shown.rows)
        lines = summarise(shown)
        after = [*legend(columns), *(lines[2:] if shown.rows else lines[1:])]
        parts.append(
            notebook_table(
                lines[0],
                [row_texts(row, columns) for row in shown.rows],
                [one.heading for one in columns],
            )
            + f"<p>{'<br>'.join(map(escape, after))}</p>"
        )
    return "".join(parts)


def path_html(localizations: Sequence[Localized]) -> str:
    """Make the HTML that a notebook shows of a path: a row for each alpha."""
    title, _, channels = summarise_path(localizations)
    rows = [path_texts(one) for one in localizations]
    table = notebook_table(title, rows, [one.heading for one in PATH_COLUMNS])
    return f"{table}<p>{escape(channels)}</p>"
