"""Write the files of a localization or a path, and the lines that summarise it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .._arguments.extras import mne
from ..inverse.localization import Localization
from ..views.localization import draw
from ..views.outputs import Outputs
from ..views.path import draw_path
from ..views.report import write_report
from ..views.table import (
    format_path,
    format_table,
    write_path_sources,
    write_path_table,
    write_table,
)
from .console import Answer
from .folder import Results
from .wording import one_line, unsettled_line

#: The result that is an evoked response, which a user may localize again.
RESIDUAL = "residual-ave.fif"


def write_dipoles(outputs: Outputs, side: Path) -> None:
    """Write a file for each dipole, numbered as in the table."""
    (side / "dipoles").mkdir()
    for row in outputs.rows:
        outputs.dipoles[row.index].save(side / "dipoles" / f"source-{row.number:02d}.dip")


def needs_h5io(forward: Any) -> bool:
    """Return whether the source estimate needs h5io, and that is not installed."""
    mixed = forward["src"].kind == "mixed"
    return mixed and importlib.util.find_spec("h5io") is None


def write_localization(
    localization: Localization,
    out: Path,
    *,
    report: Path | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Answer:
    """Write a localization's files into an existing folder: numbers first, then pictures.

    There is at least one source; of several conditions the first is written. Files of an earlier
    run are removed. The report, which shows the settings, may go to another folder. Where the disk
    fails the folder is unchanged.
    """
    outputs = Outputs(localization)
    numbers: dict[str, Callable[[Path], Any]] = {
        "sources": lambda side: write_estimate(localization.estimates()[0], side),
        "sources.tsv": lambda side: write_table(outputs.rows, side / "sources.tsv"),
        "dipoles": lambda side: write_dipoles(outputs, side),
        RESIDUAL: lambda side: outputs.residual.save(side / RESIDUAL),
    }
    if needs_h5io(localization.forward):
        del numbers["sources"]
    results = Results(out, "localize")
    results.write(numbers)
    table = format_table(outputs.rows)
    picture = "localization.png"
    results.write(
        {picture: lambda side: draw(localization, side / picture, outputs)}, may_fail=True
    )
    elsewhere: list[str] = []
    if report is not None:
        # In another folder the report is not listed, so that other runs do not remove it.
        beside = report.resolve().parent == out.resolve()
        place = results if beside else Results(report.parent, None)
        place.write(
            {
                report.name: lambda side: write_report(
                    localization, side / report.name, settings, outputs
                )
            },
            may_fail=True,
        )
        if not beside:
            elsewhere = [one_line(report)] if place.names else []
            results.problems.extend(place.problems)

    rows, solution = outputs.rows, localization.solution
    start, stop = (1000 * localization.evokeds[0].times[index] for index in (0, -1))
    chosen = " (chosen by SURE)" if solution.sure is not None else ""
    count = "1 source explains" if len(rows) == 1 else f"{len(rows)} sources explain"
    lines = [
        f"{localization.name}, {start:.0f} to {stop:.0f} ms: {localization.method}, "
        f"{localization.regularisation}{chosen}",
        table,
        f"{count} {100 * localization.explained_variance:.1f} % of the whitened data's power; "
        f"standard deviation of the residual: {localization.levels()}",
        _channels(localization),
        f"{solution.status.replace('_', ' ')}: relative gap {localization.relative_gap:.1e}, "
        f"{solution.n_iter} epochs, {1000 * solution.elapsed:.0f} ms",
        *filter(None, [unsettled_line([localization])]),
        f"wrote to {one_line(out)}: {', '.join([*results.names, *elsewhere])}",
    ]
    return Answer(lines, results.problems)


def write_path(localizations: Sequence[Localization], out: Path) -> Answer:
    """Write a path's files as `write_localization` does: tables first, then the picture."""
    results = Results(out, "path")
    results.write(
        {
            "path.tsv": lambda side: write_path_table(localizations, side / "path.tsv"),
            "path-sources.tsv": lambda side: write_path_sources(
                localizations, side / "path-sources.tsv"
            ),
        }
    )
    results.write(
        {"path.png": lambda side: draw_path(localizations, side / "path.png")}, may_fail=True
    )
    first = localizations[0]
    start, stop = (1000 * first.evokeds[0].times[index] for index in (0, -1))
    method = "MxNE" if first.solution.n_reweights is None else "irMxNE"
    lines = [
        f"{first.name}, {start:.0f} to {stop:.0f} ms: {method} at {len(localizations)} alphas",
        format_path(localizations),
        _channels(first),
        *filter(None, [unsettled_line(localizations)]),
        f"wrote to {one_line(out)}: {', '.join(results.names)}",
    ]
    return Answer(lines, results.problems)


def _channels(localization: Localization) -> str:
    """Say how many channels are used, and how many are left out for which reason."""
    options = {"not in forward": "not in --forward", "not in noise_cov": "not in --noise-cov"}
    left_out = "; ".join(
        f"{len(names)} {options.get(reason, reason)}"
        for reason, names in localization.left_out.items()
    )
    used = f"{len(localization.info['ch_names'])} channels"
    return f"{used}, left out: {left_out}" if left_out else used


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
