"""Write the report of a localization: an HTML file with what is needed to judge it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .._looks.axes import without_latex
from .._looks.html import Part, html_table, save_report
from ..inverse.covariance import first_few
from ..inverse.localized import Localized
from .draw_coefficients import CAPTION as COEFFICIENTS
from .draw_coefficients import coefficients_figure
from .draw_localization import draw
from .draw_path import draw_path
from .other_methods import other_methods
from .provenance import describe_data, describe_files, describe_settings, references, versions
from .report_figures import (
    alpha_curve,
    amplitudes,
    butterfly,
    field_maps,
    limits,
    residual_levels,
)
from .shown import Shown
from .table import PATH_COLUMNS, SourceRow, columns_for, legend, path_texts, row_texts

#: Largest number of left-out channels that are listed; the others are counted.
N_NAMES = 20


@without_latex()
def write_report(
    localization: Localized,
    path: str | os.PathLike[str],
    *,
    command: str | None = None,
    files: Mapping[str, str] | None = None,
    bem: Any = None,
    stability: Any = None,
) -> None:
    """Write an `mne.Report` of a localization, with all of its conditions.

    Parameters
    ----------
    localization : Localization
        The localization.
    path : path
        The HTML file; replaced where it exists. Its pictures are embedded.
    command : str, optional
        The command line to show.
    files : dict of str to str, optional
        Files to list with their SHA-256, by what they hold.
    bem : mne.bem.ConductorModel, optional
        The head model for single dipoles; by default a sphere fitted to the head shape points.
    stability : Stability, optional
        How stable the sources are over the epochs, for a section of its own.

    Raises
    ------
    ImportError
        Where matplotlib is not installed.

    Notes
    -----
    Data and residual are drawn to the same scale. No browser is opened. A single dipole and dSPM
    stand beside each source; these two take seconds and are computed for the report only.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from mxne_rs import localize
    >>> from mxne_rs.results.report import write_report
    >>> from mxne_rs.simulate import simulate_auditory
    >>> result = localize(*simulate_auditory(spacing=20.0), alpha=20, verbose=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder) / "report.html"
    ...     write_report(result, file)
    ...     "Certificate" in file.read_text(encoding="utf-8")
    True
    """
    parts = [Part("Result", "result", html_table(_summary(localization)))]
    for condition in range(len(localization.evokeds)):
        several = len(localization.evokeds) > 1
        shown = Shown(localization, condition)
        for part in _parts_of(shown, bem):
            title = f"{shown.name}: {part.title}" if several else part.title
            parts.append(part._replace(title=title))
    curve = localization.solution.sure
    left_out = html_table(_left_out(localization), ["reason", "number", "channels"])
    parts += [
        Part("Choice of alpha", "alpha", curve and alpha_curve(curve),
             "Stein's unbiased risk estimate; dashed: its minimum, the alpha chosen"),
        *([] if stability is None else stability.parts()),
        Part("Certificate", "certificate", html_table(_certificate(localization))),
        Part("Data and model", "settings", html_table(describe_data(localization))),
        Part("Channels left out", "settings", left_out or "<p>None.</p>"),
        Part("Settings", "settings", html_table(describe_settings(localization))),
        Part("Command line and files", "settings", html_table(describe_files(command, files))),
        Part("Versions", "settings", html_table(versions())),
        Part("References", "settings", html_table(references(localization))),
    ]  # fmt: skip
    save_report(f"{localization.name}: sparse sources", parts, path)


@without_latex()
def write_path_report(localizations: Sequence[Localized], path: str | os.PathLike[str]) -> None:
    """Write an `mne.Report` of a path: picture, table, and the sources at each alpha."""
    rows = [path_texts(one) for one in localizations]
    headings = [one.heading for one in PATH_COLUMNS]
    first = localizations[0]
    parts = [
        Part("Path", "path", draw_path(localizations)),
        Part("Table", "path", html_table(rows, headings)),
        *(
            Part(f"Sources at alpha {one.alpha:.3g} %", "sources", table_html(Shown(one).rows))
            for one in localizations
            if one.active.any()
        ),
        Part("Data and model", "settings", html_table(describe_data(first))),
        Part("Settings", "settings", html_table(describe_settings(first))),
        Part("Versions", "settings", html_table(versions())),
        Part("References", "settings", html_table(references(first))),
    ]
    save_report(f"{first.name}: sources against alpha", parts, path)


def _parts_of(shown: Shown, bem: Any) -> Iterator[Part]:
    """Make the parts of a report on one condition."""
    rows, residual = shown.rows, shown.residual
    measured = shown.evoked.copy().pick(residual.ch_names)
    scale = limits(measured)
    yield Part("Data", "data", butterfly(measured, scale),
               f"{len(measured.ch_names)} channels, average of {shown.evoked.nave}; each line a "
               "channel, coloured as its place on the small head")  # fmt: skip
    yield Part("Sources", "sources", draw(shown.localization, shown=shown))
    yield Part("Table of sources", "sources", table_html(rows))
    if not rows:
        return
    yield Part("Other methods", "sources", other_methods(shown, bem))
    yield Part("Amplitudes", "sources", amplitudes(shown),
               "Time courses of the sources, a dot at each peak; numbers as in the table. Below: "
               "signed, refitted along the one orientation of each source")  # fmt: skip
    yield Part("Time and frequency", "sources", coefficients_figure(shown), COEFFICIENTS)
    yield Part("Fields of the sources", "sources", field_maps(shown),
               "The field that each source explains at its peak; colours are scaled to the largest "
               "value of each map. Planar gradiometers: root mean square of a pair")  # fmt: skip
    yield Part("Residual", "residual", butterfly(residual, scale),
               "Data without what the sources explain, to the scale of the data")  # fmt: skip
    yield Part("Whitened residual", "residual", residual_levels(shown),
               "Standard deviation over sensors of the whitened data and of what the sources leave "
               "of them; dotted: that of averaged noise. Maps: the residual at its peaks, where a "
               "pattern like that of a dipole shows a source that was not found")  # fmt: skip


def _summary(localization: Localized) -> list[tuple[str, str]]:
    times = localization.evokeds[0].times
    by = f", chosen by {localization.chosen_by}" if localization.chosen_by else ""
    alpha = ("alpha", f"{localization.alpha:.4g} % of the value that leaves no source{by}")
    if localization.solution.method == "gamma-MAP":
        alpha = ("noise variance", f"{localization.alpha:.4g} in the whitened data")
    return [
        ("conditions", localization.name),
        ("times", f"{1000 * times[0]:.0f} to {1000 * times[-1]:.0f} ms ({len(times)} samples)"),
        ("method", localization.method),
        alpha,
        ("sources", f"{int(localization.active.sum())} of {localization.active.size} locations"),
        (
            "explained",
            f"{100 * localization.explained_variance:.1f} % of the whitened data's power",
        ),
        *_one_orientation(localization),
        (
            "residual",
            f"standard deviation of what is left of the whitened data: {localization.levels()}",
        ),
        ("status", _status(localization)),
    ]


def _one_orientation(localization: Localized) -> list[tuple[str, str]]:
    """Say what one orientation per source costs; nothing where orientations are fixed."""
    if localization.n_orient == 1:
        return []
    limit = "" if localization.oriented.settled else "; the fit had not settled"
    words = f"{100 * localization.loss_of_fit:.1f} % less explained than by free orientations"
    return [("one orientation", f"{words}, by least squares{limit}")]


def _status(localization: Localized) -> str:
    status = localization.solution.status.replace("_", " ")
    if localization.solution.reweighting_converged is False:
        return f"{status}, but reweighting had not settled"
    return status


def _certificate(localization: Localized) -> list[tuple[str, str]]:
    solution = localization.solution
    settled = {None: "no reweighting", True: "yes", False: "no"}[solution.reweighting_converged]
    of = "" if solution.n_reweights is None else " (of the last convex problem)"
    return [
        ("status", solution.status.replace("_", " ")),
        ("relative duality gap", f"{solution.gap:.2e}{of}"),
        ("gap asked for", f"{solution.tol:.2e}"),
        ("primal value", f"{solution.primal:.8g}"),
        ("dual value", f"{solution.dual:.8g}"),
        ("epochs", str(solution.n_iter)),
        ("convex problems", str(solution.n_reweights or 1)),
        ("reweighting settled", settled),
        ("time of the solver", f"{solution.elapsed:.3g} s"),
    ]


def _left_out(localization: Localized) -> list[tuple[str, str, str]]:
    return [
        (reason, str(len(names)), first_few(names, N_NAMES))
        for reason, names in localization.left_out.items()
    ]


def table_html(rows: Sequence[SourceRow]) -> str:
    """Make the table of sources as two tables, as one is wider than a page, with a legend."""
    if not rows:
        return "<p>No source.</p>"
    columns = columns_for(rows)
    names = [one.name for one in columns]
    first = names.index("vertex") + 1
    tables = ""
    for part in (columns[:first], [columns[0], *columns[first:]]):
        tables += html_table([row_texts(row, part) for row in rows], [one.heading for one in part])
    return f"{tables}<p>{'<br>'.join(legend(columns))}</p>"
