"""Files out: what is written of a localization and of a path, and the lines that sum it up."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ..inverse.localization import Localization
from ..views.localization import draw
from ..views.path import draw_path
from ..views.report import write_report
from ..views.table import (
    SourceRow,
    format_path,
    format_table,
    source_table,
    write_path_sources,
    write_path_table,
    write_table,
)
from .console import Answer
from .folder import Results
from .wording import one_line, unsettled_line

#: The file of results that may be read again as data.
RESIDUAL = "residual-ave.fif"


class Made:
    """What files of a localization are made from, each when it is first asked for."""

    def __init__(self, localization: Localization) -> None:
        self.localization = localization

    @cached_property
    def dipoles(self) -> list[Any]:
        """Those of the first condition."""
        return list(self.localization.dipoles()[0])

    @cached_property
    def rows(self) -> list[SourceRow]:
        """The table of sources."""
        return source_table(self.localization, self.dipoles)

    @cached_property
    def residual(self) -> Any:
        """What the sources do not explain of the first condition."""
        residual = self.localization.residuals()[0]
        residual.comment = f"residual of {self.localization.evokeds[0].comment}"
        return residual

    def write_dipoles(self, side: Path) -> None:
        """Write a file for each, numbered as in the table."""
        (side / "dipoles").mkdir()
        for row in self.rows:
            self.dipoles[row.index].save(side / "dipoles" / f"source-{row.number:02d}.dip")


def needs_h5io(forward: Any) -> bool:
    """Whether the source estimate needs a package that is not installed."""
    mixed = forward["src"].kind == "mixed"
    return mixed and importlib.util.find_spec("h5io") is None


def write_localization(
    localization: Localization,
    out: Path,
    *,
    report: Path | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Answer:
    """Write a localization's files into a folder that exists: numbers first, then what may fail.

    There is at least one source; of several conditions the first is written. What an earlier run
    wrote there is removed. The report, which shows the settings, may be wanted elsewhere.

    Raises
    ------
    NotWritten
        Where the disk fails; the folder is as it was.
    """
    made = Made(localization)
    numbers: dict[str, Callable[[Path], Any]] = {
        "sources": lambda side: write_estimate(localization.estimates()[0], side),
        "sources.tsv": lambda side: write_table(made.rows, side / "sources.tsv"),
        "dipoles": made.write_dipoles,
        RESIDUAL: lambda side: made.residual.save(side / RESIDUAL),
    }
    if needs_h5io(localization.forward):
        del numbers["sources"]
    results = Results(out, "localize")
    results.write(numbers)
    picture = "localization.png"
    results.write(
        {
            picture: lambda side: draw(
                localization, side / picture, dipoles=made.dipoles, residual=made.residual
            )
        },
        may_fail=True,
    )
    elsewhere: list[str] = []
    if report is not None:
        # Beside the others, or in a folder of its own, where it is left alone by other runs.
        beside = report.resolve().parent == out.resolve()
        place = results if beside else Results(report.parent, None)
        place.write(
            {report.name: lambda side: write_report(localization, side / report.name, settings)},
            may_fail=True,
        )
        if not beside:
            elsewhere = [one_line(report)] if place.names else []
            results.problems.extend(place.problems)

    rows, solution = made.rows, localization.solution
    start, stop = (1000 * localization.evokeds[0].times[index] for index in (0, -1))
    rounds = solution.n_reweights
    method = "MxNE" if rounds is None else f"irMxNE, {rounds} rounds"
    chosen = " (chosen by SURE)" if solution.sure is not None else ""
    count = "1 source explains" if len(rows) == 1 else f"{len(rows)} sources explain"
    lines = [
        f"{localization.name}, {start:.0f} to {stop:.0f} ms: {method}, "
        f"alpha {localization.alpha:.4g} %{chosen}",
        format_table(rows),
        f"{count} {100 * localization.explained_variance:.1f} % of the whitened data's power; "
        f"standard deviation of the residual: {localization.levels()}",
        _channels(localization),
        f"{solution.status.replace('_', ' ')}: relative gap {localization.relative_gap:.1e}, "
        f"{solution.n_iter} epochs, {1000 * solution.elapsed:.0f} ms",
        *filter(None, [unsettled_line([localization])]),
        f"wrote to {one_line(out)}: {', '.join([*results.names, *elsewhere])}",
    ]
    return Answer(lines, results.problems)


def write_path(found: Sequence[Localization], out: Path) -> Answer:
    """Write a path's files as `write_localization`: tables first, then what may fail."""
    results = Results(out, "path")
    results.write(
        {
            "path.tsv": lambda side: write_path_table(found, side / "path.tsv"),
            "path-sources.tsv": lambda side: write_path_sources(found, side / "path-sources.tsv"),
        }
    )
    results.write({"path.png": lambda side: draw_path(found, side / "path.png")}, may_fail=True)
    evoked = found[0].evokeds[0]
    start, stop = 1000 * evoked.times[0], 1000 * evoked.times[-1]
    method = "MxNE" if found[0].solution.n_reweights is None else "irMxNE"
    lines = [
        f"{found[0].name}, {start:.0f} to {stop:.0f} ms: {method} at {len(found)} alphas",
        format_path(found),
        _channels(found[0]),
        *filter(None, [unsettled_line(found)]),
        f"wrote to {one_line(out)}: {', '.join(results.names)}",
    ]
    return Answer(lines, results.problems)


def _channels(localization: Localization) -> str:
    """How many channels are used, and how many not, by reason."""
    options = {"not in forward": "not in --forward", "not in noise_cov": "not in --noise-cov"}
    left_out = "; ".join(
        f"{len(names)} {options.get(reason, reason)}"
        for reason, names in localization.left_out.items()
    )
    used = f"{len(localization.info['ch_names'])} channels"
    return f"{used}, left out: {left_out}" if left_out else used


def write_estimate(stc: Any, out: Path) -> list[str]:
    """Write a source estimate in the format of its kind; return the names of the files."""
    import mne

    if isinstance(stc, mne.SourceEstimate):
        stc.save(out / "sources", ftype="stc")
        return ["sources-lh.stc", "sources-rh.stc"]
    if isinstance(stc, mne.VolSourceEstimate):
        stc.save(out / "sources-vl.stc", ftype="stc")
        return ["sources-vl.stc"]
    # A mixed source space: MNE keeps it in HDF5, and says what to install where that is missing.
    stc.save(out / "sources", ftype="h5")
    return ["sources-stc.h5"]
