"""Write the report of a localization: an HTML file with what is needed to judge it."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from .._arguments.extras import import_mne, mne
from .._axes import GREY, PERCENT, Figure, blank_figure, set_alpha_axis, style_axes, without_latex
from .._core import __version__
from ..inverse.covariance import first_few
from ..inverse.localization import Localization
from ..solve.solution import SureCurve
from .html import html_table
from .localization import CHANNEL_TYPES, draw, draw_time_courses
from .other_methods import other_methods
from .outputs import Outputs
from .table import SourceRow, columns_for, legend, row_texts
from .time_frequency import CAPTION as COEFFICIENTS
from .time_frequency import coefficients_figure

#: Largest number of left-out channels that are listed; the others are counted.
N_NAMES = 20


@without_latex()
def write_report(
    localization: Localization,
    path: str | os.PathLike[str],
    settings: Mapping[str, Any] | None = None,
    outputs: Outputs | None = None,
    bem: Any = None,
) -> None:
    """Write an `mne.Report` of a localization, for the first of several conditions.

    Parameters
    ----------
    localization : Localization
        The localization.
    path : path
        The HTML file; replaced where it exists. Its pictures are embedded.
    settings : dict, optional
        Options to list, by name.
    outputs : Outputs, optional
        Dipoles, residual and table of the localization, if they have been made already.
    bem : mne.bem.ConductorModel, optional
        The head model for single dipoles; by default a sphere fitted to the head shape points.

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
    >>> from mxne_rs.inverse.localize import localize
    >>> from mxne_rs.views.report import write_report
    >>> from mxne_rs.simulate import simulate_auditory
    >>> result = localize(*simulate_auditory(spacing=20.0), alpha=20, verbose=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder) / "report.html"
    ...     write_report(result, file, settings={"alpha": 20})
    ...     "Certificate" in file.read_text(encoding="utf-8")
    True
    """
    evoked = localization.evokeds[0]
    outputs = outputs or Outputs(localization)
    dipoles, residual, rows = outputs.dipoles, outputs.residual, outputs.rows
    measured = evoked.copy().pick(residual.ch_names)
    scale = _scale(measured)
    picture = draw(localization, outputs=outputs)
    report = mne.Report(
        title=f"{localization.name}: sparse sources", img_max_width=1150, verbose="ERROR"
    )

    left_out = html_table(_left_out(localization), ["reason", "number", "channels"])
    curve = localization.solution.sure
    given = [(name, _setting_text(value)) for name, value in (settings or {}).items()]
    # Title, tag, HTML or a figure, and its caption; what is empty is left out.
    parts: list[tuple[str, str, Any, str | None]] = [
        ("Result", "result", html_table(_summary(localization)), None),
        ("Data", "data", _butterfly(measured, scale),
         f"{len(measured.ch_names)} channels, average of {evoked.nave}; each line a channel, "
         "coloured as its place on the small head"),
        ("Sources", "sources", picture, None),
        ("Table of sources", "sources", _table(rows), None),
        ("Other methods", "sources", other_methods(localization, rows, bem), None),
        ("Amplitudes", "sources", _amplitudes(localization, dipoles, rows),
         "Time courses of the sources, a dot at each peak; numbers as in the table. Below: signed, "
         "refitted along the one orientation of each source"),
        ("Time and frequency", "sources", coefficients_figure(localization, rows), COEFFICIENTS),
        ("Residual", "residual", _butterfly(residual, scale),
         "Data without what the sources explain, to the scale of the data"),
        ("Choice of alpha", "alpha", curve and _alpha_curve(curve),
         "Stein's unbiased risk estimate; dashed: its minimum, the alpha chosen"),
        ("Certificate", "certificate", html_table(_certificate(localization)), None),
        ("Channels left out", "data", left_out or "<p>None.</p>", None),
        ("Settings", "settings", html_table(given), None),
        ("Versions", "settings", html_table(versions()), None),
    ]  # fmt: skip
    for title, tag, content, caption in parts:
        if isinstance(content, str):
            if content:
                report.add_html(content, title, tags=(tag,))
        elif content is not None:
            report.add_figure(content, title, caption=caption, tags=(tag,))
    report.save(path, open_browser=False, overwrite=True, verbose="ERROR")


def _setting_text(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "-", False: "no", True: "yes"}[value]
    if isinstance(value, tuple | list):
        return " ".join(_setting_text(one) for one in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _summary(localization: Localization) -> list[tuple[str, str]]:
    times = localization.evokeds[0].times
    chosen = "" if localization.solution.sure is None else ", chosen by SURE"
    alpha = ("alpha", f"{localization.alpha:.4g} % of the value that leaves no source{chosen}")
    if localization.solution.method == "gamma-MAP":
        alpha = ("noise variance", f"{localization.alpha:.4g} in the whitened data")
    return [
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


def _one_orientation(localization: Localization) -> list[tuple[str, str]]:
    """Say what one orientation per source costs; nothing where orientations are fixed."""
    if localization.n_orient == 1:
        return []
    limit = "" if localization.oriented.settled else "; the fit had not settled"
    words = f"{100 * localization.loss_of_fit:.1f} % less explained than by free orientations"
    return [("one orientation", f"{words}, by least squares{limit}")]


def _status(localization: Localization) -> str:
    status = localization.solution.status.replace("_", " ")
    if localization.solution.reweighting_converged is False:
        return f"{status}, but reweighting had not settled"
    return status


def _certificate(localization: Localization) -> list[tuple[str, str]]:
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


def _left_out(localization: Localization) -> list[tuple[str, str, str]]:
    return [
        (reason, str(len(names)), first_few(names, N_NAMES))
        for reason, names in localization.left_out.items()
    ]


def _scale(measured: Any) -> dict[str, list[float]]:
    """Return the limits of the amplitude of each channel type, in the units that MNE plots in."""
    types = np.array(measured.get_channel_types())
    return {
        kind: [-reach, reach]
        for kind, (_, factor, _) in CHANNEL_TYPES.items()
        if kind in types
        and (reach := 1.1 * factor * float(np.abs(measured.data[types == kind]).max())) > 0
    }


def _butterfly(evoked: Any, scale: dict[str, list[float]]) -> Figure:
    """Draw all channels over each other by MNE, coloured by their position."""
    kinds = [kind for kind in CHANNEL_TYPES if kind in evoked.get_channel_types()]
    figure = blank_figure(10.5, 0.6 + 2.2 * len(kinds))
    axes = figure.subplots(len(kinds), 1, sharex=True, squeeze=False)[:, 0]
    one = len(evoked.times) == 1
    evoked.plot(
        axes=list(axes), ylim=scale, xlim=None if one else "tight", spatial_colors=True, show=False,
        verbose="ERROR",
    )  # fmt: skip
    for line in (line for panel in axes if one for line in panel.get_lines()):
        # A line of one sample would be invisible: it is drawn as a point.
        line.set(marker="o", markersize=2)
    return figure


def _table(rows: Sequence[SourceRow]) -> str:
    """Make two tables, as one is wider than a page, and the legend of both."""
    columns = columns_for(rows)
    names = [one.name for one in columns]
    first = names.index("vertex") + 1
    tables = ""
    for part in (columns[:first], [columns[0], *columns[first:]]):
        tables += html_table([row_texts(row, part) for row in rows], [one.heading for one in part])
    return f"{tables}<p>{'<br>'.join(legend(columns))}</p>"


def _amplitudes(
    localization: Localization, dipoles: Sequence[Any], rows: Sequence[SourceRow]
) -> Figure:
    figure = blank_figure(10.5, 7.0)
    upper, lower = figure.subplots(2, 1, sharex=True)
    draw_time_courses(upper, dipoles, rows)
    upper.set_title("")
    upper.set_xlabel("")
    times = dipoles[0].times
    # As the dipoles, of the first condition.
    courses = localization.courses[:, : len(times)]
    signed = [SimpleNamespace(times=times, amplitude=one) for one in courses]
    peaks = [
        replace(row, peak_amplitude=row.course_peak, peak_time=row.course_time) for row in rows
    ]
    draw_time_courses(lower, signed, peaks)
    lower.set_title("")
    lower.set_ylabel("signed course (nAm)", color=GREY, fontsize=9.5)
    return figure


def _alpha_curve(curve: SureCurve) -> Figure:
    figure = blank_figure(10.5, 5.0)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[1.5, 1.0])
    upper.plot(curve.alphas, curve.values, "o-", color="0.25", markersize=4, linewidth=1.2)
    upper.set_ylabel("estimated risk", color=GREY)
    lower.plot(curve.alphas, curve.n_active, "o-", color="0.25", markersize=4, linewidth=1.2)
    lower.set_ylabel("sources", color=GREY)
    lower.set_ylim(bottom=0)
    lower.yaxis.get_major_locator().set_params(integer=True)
    set_alpha_axis(lower, curve.alphas, PERCENT)
    chosen = curve.alphas[curve.index]
    for axes in (upper, lower):
        axes.axvline(chosen, color="#D55E00", linewidth=1.2, linestyle="--")
        style_axes(axes)
    upper.plot(chosen, curve.values[curve.index], "o", color="#D55E00", markersize=7)
    upper.set_title(f"chosen: {chosen:.3g} %, {curve.n_active[curve.index]} sources", fontsize=11)
    return figure


def versions() -> list[tuple[str, str]]:
    """List the versions of the software that computed the report."""
    return [
        ("mxne_rs", __version__),
        ("mne", import_mne().__version__),
        ("numpy", np.__version__),
        ("python", platform.python_version()),
        ("platform", platform.platform()),
    ]
