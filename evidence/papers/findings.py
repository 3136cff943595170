"""What a protocol gave: numbers, pictures, claims beside them; written as a report."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from mxne_rs._arguments.convert import one_line
from mxne_rs._looks.axes import Figure
from mxne_rs._looks.html import html_table
from mxne_rs.results.provenance import versions

from .claims import FEWEST, Claim, Verdict

Writer = Callable[[Path], Any]
#: Headings of the claims.
HEADINGS = ("claim", "where", "verdict", "found here")
#: What the third verdict means, for the report.
THIRD_VERDICT = (
    "Undecided: a difference is within its standard error over the draws (jackknife), or there "
    f"are fewer than {FEWEST} draws."
)
#: As the report shows them, readable with colour-blind eyes.
COLOURS: dict[Verdict, str] = {
    "holds": "#00694B",
    "does not hold": "#B03A00",
    "undecided": "#7A5C00",
    "cannot be checked here": "#666666",
}


@dataclass(frozen=True)
class Table:
    """Numbers: a CSV file by `name`, and a table of the report where `shown`."""

    name: str
    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Any]]
    shown: bool = False

    @staticmethod
    def over(
        name: str,
        title: str,
        keys: Mapping[str, Sequence[Any]],
        columns: Mapping[str, Any],
        shown: bool = False,
    ) -> Table:
        """Make a row of each combination of keys; a column is an array with an axis for each key.

        Examples
        --------
        >>> import numpy as np
        >>> from papers.findings import Table
        >>> keys = {"method": ["MCE", "MxNE"], "alpha": [20.0, 40.0]}
        >>> Table.over("sizes", "Sizes", keys, {"n": np.array([[9, 4], [5, 2]])}).rows[1]
        ('MCE', 40.0, 4)
        """
        cells = [np.ravel(column).tolist() for column in columns.values()]
        pairs = zip(itertools.product(*keys.values()), zip(*cells, strict=True), strict=True)
        return Table(name, title, [*keys, *columns], [(*key, *row) for key, row in pairs], shown)


@dataclass(frozen=True)
class Picture:
    """A figure of the report, also written as a PNG file by `name`."""

    name: str
    title: str
    caption: str
    figure: Figure


@dataclass(frozen=True)
class Findings:
    """What a paper's protocol gave: in a few sentences, with which settings, and the results."""

    title: str
    about: str
    settings: Mapping[str, Any]
    claims: Sequence[Claim]
    pictures: Sequence[Picture]
    tables: Sequence[Table] = field(default_factory=list)


def write_findings(findings: Findings, folder: Path) -> list[Path]:
    """Write report, pictures and tables into a folder; return the files, the report first."""
    tables, others = writers_of(findings)
    for write in (*tables.values(), *others.values()):
        write(folder)
    return [folder / name for name in reversed([*tables, *others])]


def writers_of(findings: Findings) -> tuple[dict[str, Writer], dict[str, Writer]]:
    """Make functions that write into a folder, by file name: tables; pictures and report."""

    def table(one: Table, folder: Path) -> None:
        with (folder / f"{one.name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([one.headings, *one.rows])

    def picture(one: Picture, folder: Path) -> None:
        one.figure.savefig(folder / f"{one.name}.png")

    tables = [*findings.tables, Table("claims", "Claims", HEADINGS, findings.claims)]
    others = {f"{one.name}.png": partial(picture, one) for one in findings.pictures}
    return (
        {f"{one.name}.csv": partial(table, one) for one in tables},
        {**others, "report.html": partial(_write_report, findings)},
    )


def _write_report(findings: Findings, folder: Path) -> None:
    import mne

    report = mne.Report(title=findings.title, img_max_width=1150, verbose="ERROR")
    about = f"<p>{escape(one_line(findings.about))}</p>"
    report.add_html(about, "What was done", tags=("settings",))
    page = html_table(findings.claims, HEADINGS, numbers=False) + f"<p>{THIRD_VERDICT}</p>"
    for verdict, colour in COLOURS.items():
        page = page.replace(
            f">{verdict}<", f' style="color:{colour};white-space:nowrap">{verdict}<'
        )
    report.add_html(page, "Claims", tags=("claims",))
    for picture in findings.pictures:
        report.add_figure(picture.figure, picture.title, caption=picture.caption, tags=("figures",))
    for table in findings.tables:
        if table.shown:
            cells = [[_cell(value) for value in row] for row in table.rows]
            report.add_html(html_table(cells, table.headings), table.title, tags=("numbers",))
    settings = [(name, str(value)) for name, value in findings.settings.items()]
    report.add_html(html_table([*settings, *versions()]), "Settings", tags=("settings",))
    report.save(folder / "report.html", open_browser=False, overwrite=True, verbose="ERROR")


def _cell(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
