"""What a paper's protocol gave: numbers, pictures, its claims beside them; written as a report."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mxne_rs._arguments.convert import one_line
from mxne_rs.views.report import html_table, versions

if TYPE_CHECKING:
    from matplotlib.figure import Figure


Verdict = Literal["holds", "does not hold", "undecided", "cannot be checked here"]
Writer = Callable[[Path], Any]
#: Headings of the claims.
HEADINGS = ("the paper says", "where", "verdict", "found here")
#: Draws below which no standard error is trusted, and nothing is decided.
FEWEST = 5
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
class Claim:
    """A sentence of a paper that claims something, and what was found.

    Attributes
    ----------
    sentence : str
        As the paper has it.
    where : str
        Section or figure.
    verdict : str
        "holds", "does not hold", "undecided" (within the standard error over draws) or "cannot be
        checked here".
    found : str
        What was found, with its numbers; or why it cannot be checked.
    """

    sentence: str
    where: str
    verdict: Verdict
    found: str


@dataclass(frozen=True)
class Table:
    """Numbers: a CSV file, and a table of the report where it is short.

    Attributes
    ----------
    name : str
        Of the file, without its ending.
    title : str
        In the report.
    headings : sequence of str
        With units.
    rows : sequence of sequences
        Numbers and words.
    shown : bool
        Whether the report has it, too.
    """

    name: str
    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Any]]
    shown: bool = False


@dataclass(frozen=True)
class Picture:
    """A figure of the report, also written as a PNG file.

    Attributes
    ----------
    name : str
        Of the file, without its ending.
    title, caption : str
        In the report.
    figure : matplotlib.figure.Figure
        Made by `mxne_rs.views.report.blank_figure`.
    """

    name: str
    title: str
    caption: str
    figure: Figure


@dataclass(frozen=True)
class Findings:
    """What a paper's protocol gave.

    Attributes
    ----------
    title : str
        Of the report.
    about : str
        What was done, in a few sentences.
    settings : mapping of str to object
        What it was done with.
    claims : list of Claim
        Every one of the paper's.
    pictures : list of Picture
        In the order of the paper's figures.
    tables : list of Table
        The numbers behind them.
    """

    title: str
    about: str
    settings: Mapping[str, Any]
    claims: Sequence[Claim]
    pictures: Sequence[Picture]
    tables: Sequence[Table] = field(default_factory=list)


def write_findings(findings: Findings, folder: Path) -> list[Path]:
    """Write report.html, a PNG file of each picture and a CSV file of each table.

    Parameters
    ----------
    findings : Findings
        What was found.
    folder : pathlib.Path
        Where; files of the same names are replaced.

    Returns
    -------
    list of pathlib.Path
        The files, the report first.
    """
    tables, others = writers_of(findings)
    for write in (*tables.values(), *others.values()):
        write(folder)
    return [folder / name for name in reversed([*tables, *others])]


def writers_of(findings: Findings) -> tuple[dict[str, Writer], dict[str, Writer]]:
    """Functions that write into a folder, by name of their file: tables; pictures and report."""

    def table(one: Table, folder: Path) -> None:
        with (folder / f"{one.name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([one.headings, *one.rows])

    def picture(one: Picture, folder: Path) -> None:
        one.figure.savefig(folder / f"{one.name}.png")

    tables = [*findings.tables, Table("claims", "Claims", HEADINGS, _rows(findings.claims))]
    others = {f"{one.name}.png": partial(picture, one) for one in findings.pictures}
    return (
        {f"{one.name}.csv": partial(table, one) for one in tables},
        {**others, "report.html": partial(_write_report, findings)},
    )


def _rows(claims: Sequence[Claim]) -> list[tuple[str, ...]]:
    return [(one.sentence, one.where, one.verdict, one.found) for one in claims]


def _write_report(findings: Findings, folder: Path) -> None:
    import mne

    report = mne.Report(title=findings.title, img_max_width=1150, verbose="ERROR")
    about = f"<p>{escape(one_line(findings.about))}</p>"
    report.add_html(about, "What was done", tags=("settings",))
    page = html_table(_rows(findings.claims), HEADINGS, numbers=False) + f"<p>{THIRD_VERDICT}</p>"
    for verdict, colour in COLOURS.items():
        page = page.replace(
            f">{verdict}<", f' style="color:{colour};white-space:nowrap">{verdict}<'
        )
    report.add_html(page, "Claims of the paper", tags=("claims",))
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
