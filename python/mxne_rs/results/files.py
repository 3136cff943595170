"""Write the files of a localization or a path into a folder: numbers first, then pictures."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from .._arguments.convert import one_line
from .._arguments.extras import mne
from ..inverse.localized import Localized
from .draw_localization import draw
from .draw_path import draw_path
from .folder import Results, Writer
from .report import write_path_report, write_report
from .saved import write_answer, write_inputs
from .shown import Shown
from .table import write_path_sources, write_path_table, write_table

#: The result that is an evoked response, which a user may localize again.
RESIDUAL = "residual-ave.fif"
PICTURE = "localization.png"
#: What `Localization.read` and `LocalizationPath.read` read beside the inputs.
ANSWER = "localization.npz"
PATH_ANSWER = "path-{:02d}.npz"


class Written(NamedTuple):
    """What was written into a folder, and elsewhere."""

    names: list[str]
    """Files and subfolders."""
    problems: list[str]
    """A line for each file that could not be written."""


def write_localization(
    localization: Localized,
    folder: Path,
    *,
    with_inputs: bool,
    report: Path | None = None,
    more: Mapping[str, Writer] | None = None,
    of_report: Callable[[], dict[str, Any]] = dict,
) -> Written:
    """Write a localization's files into an existing folder: numbers first, then pictures.

    Files of an earlier run are removed. Where there are several conditions, the files of each are
    in a subfolder. ``more`` are files that may fail, after these. The report may go to another
    folder; ``of_report`` makes options of `write_report`. Where the disk fails the folder is
    unchanged.
    """
    several = len(localization.evokeds) > 1
    shown = {
        f"condition-{k + 1}/" if several else "": Shown(localization, k)
        for k in range(len(localization.evokeds))
    }
    numbers: dict[str, Callable[[Path], Any]] = {}
    for prefix, one in shown.items():
        if not needs_h5io(localization.forward):
            numbers[f"{prefix}sources"] = partial(_write_sources, one, prefix)
        numbers[f"{prefix}sources.tsv"] = partial(_write_table, one, prefix)
        numbers[f"{prefix}dipoles"] = partial(_write_dipoles, one, prefix)
    numbers[RESIDUAL] = lambda side: mne.write_evokeds(
        side / RESIDUAL, [one.residual for one in shown.values()], overwrite=True, verbose="ERROR"
    )
    if with_inputs:
        numbers[ANSWER] = lambda side: write_answer(localization, side / ANSWER)
        numbers["inputs"] = lambda side: write_inputs(localization, side)
    results = Results(folder, "localize")
    results.write(numbers)
    pictures = {
        f"{prefix}{PICTURE}": partial(_draw, one, prefix)
        for prefix, one in shown.items()
        if localization.active.any()
    }
    results.write({**pictures, **(more or {})}, may_fail=True)
    names, problems = list(results.names), results.problems
    if report is not None:
        # In another folder the report is not listed, so that other runs do not remove it.
        beside = report.resolve().parent == folder.resolve()
        place = results if beside else Results(report.parent, None)
        writer = partial(_write_report, localization, report.name, of_report)
        place.write({report.name: writer}, may_fail=True)
        if beside:
            names = list(results.names)
        else:
            names += [one_line(report)] if place.names else []
            problems += place.problems
    return Written(names, problems)


def write_path(
    localizations: Sequence[Localized], folder: Path, *, with_inputs: bool, report: bool = False
) -> Written:
    """Write a path's files as `write_localization` does: tables first, then the picture."""
    results = Results(folder, "path")
    numbers: dict[str, Callable[[Path], Any]] = {
        "path.tsv": lambda side: write_path_table(localizations, side / "path.tsv"),
        "path-sources.tsv": lambda side: write_path_sources(
            localizations, side / "path-sources.tsv"
        ),
    }
    if with_inputs:
        for k, one in enumerate(localizations, start=1):
            name = PATH_ANSWER.format(k)
            numbers[name] = partial(_write_answer, one, name)
        numbers["inputs"] = lambda side: write_inputs(localizations[0], side)
    results.write(numbers)
    pictures: dict[str, Callable[[Path], Any]] = {
        "path.png": lambda side: draw_path(localizations, side / "path.png")
    }
    if report:
        name = "path-report.html"
        pictures[name] = lambda side: write_path_report(localizations, side / name)
    results.write(pictures, may_fail=True)
    return Written(results.names, results.problems)


def needs_h5io(forward: Any) -> bool:
    """Return whether the source estimate needs h5io, and that is not installed."""
    mixed = forward["src"].kind == "mixed"
    return mixed and importlib.util.find_spec("h5io") is None


def write_estimate(stc: Any, out: Path) -> list[str]:
    """Write a source estimate in the format of its kind; return the names of the files."""
    if isinstance(stc, mne.SourceEstimate):
        stc.save(out / "sources", ftype="stc")
        return ["sources-lh.stc", "sources-rh.stc"]
    if isinstance(stc, mne.VolSourceEstimate):
        stc.save(out / "sources-vl.stc", ftype="stc")
        return ["sources-vl.stc"]
    # MNE writes estimates of mixed source spaces as HDF5; without h5io its error names the package.
    stc.save(out / "sources", ftype="h5")
    return ["sources-stc.h5"]


def _made(side: Path, prefix: str) -> Path:
    folder = side / prefix
    folder.mkdir(exist_ok=True)
    return folder


def _write_sources(shown: Shown, prefix: str, side: Path) -> None:
    write_estimate(shown.localization.estimate(shown.condition), _made(side, prefix))


def _write_table(shown: Shown, prefix: str, side: Path) -> None:
    write_table(shown.rows, _made(side, prefix) / "sources.tsv")


def _write_dipoles(shown: Shown, prefix: str, side: Path) -> None:
    """Write a file for each dipole, numbered as in the table."""
    folder = _made(_made(side, prefix), "dipoles")
    for row in shown.rows:
        shown.dipoles[row.index].save(folder / f"source-{row.number:02d}.dip")


def _write_answer(localization: Localized, name: str, side: Path) -> None:
    write_answer(localization, side / name)


def _write_report(
    localization: Localized, name: str, options: Callable[[], dict[str, Any]], side: Path
) -> None:
    write_report(localization, side / name, **options())


def _draw(shown: Shown, prefix: str, side: Path) -> None:
    draw(shown.localization, _made(side, prefix) / PICTURE, shown)
