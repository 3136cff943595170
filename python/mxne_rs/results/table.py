"""List sources and paths as tables, for a terminal or as tab-separated values."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .._arguments.convert import one_line
from ..inverse.geometry import hemispheres_and_vertices, side_of, to_head_coordinates
from ..inverse.localized import Localized

#: More sources than this are not refitted with one orientation each: their amplitudes, which
#: nothing shrinks, would be those of noise.
MAX_REFITTED = 30


@dataclass(frozen=True)
class SourceRow:
    """One source of a localization."""

    number: int
    """Label in tables, pictures and file names: 1 is the strongest."""
    index: int
    """Index in `Localization.dipoles`."""
    hemisphere: str
    """"left", "right" or "middle": of the source space for a cortex, else by position."""
    position: tuple[float, float, float]
    """(x, y, z) in mm, head coordinates (right, front, up)."""
    peak_amplitude: float
    """Amplitude in nAm where its magnitude is largest; signed for fixed orientation."""
    peak_time: float
    """Time of the peak in ms."""
    drop: float
    """Part of the explained variance lost where this source is set to zero and the others stay."""
    mne_gof: float
    """MNE's goodness of fit of the dipole at the time of the peak: the part, in percent, of the
    power of the whitened data that MNE ascribes to this source."""
    vertex: int
    """Vertex number in the source space."""
    orientation: tuple[float, float, float] = (np.nan, np.nan, np.nan)
    """(x, y, z) of the one orientation of the refit (`Localization.oriented`), a unit vector in
    head coordinates."""
    angle: float = np.nan
    """Angle of the orientation to the cortical normal in degrees, from 0 to 90; NaN in a volume."""
    course_peak: float = np.nan
    """Signed amplitude in nAm of the course along the orientation where its magnitude is largest.
    Not shrunk: it may be larger than `peak_amplitude`."""
    course_time: float = np.nan
    """Time of the peak of the course in ms."""
    loss: float = np.nan
    """Part of the whitened power that this source would explain in addition if its orientation were
    free to turn over time and the other sources stayed."""
    region: str = ""
    """Name of the region; "" where no label holds the source or none is given."""
    mni: tuple[float, float, float] = (np.nan, np.nan, np.nan)
    """(x, y, z) in mm, MNI coordinates; NaN where no transform is known."""


class Column(NamedTuple):
    """A column of the table of sources."""

    heading: str
    """For people."""
    name: str
    """In files and data frames."""
    value: Callable[[SourceRow], Any]
    """Makes the value of a source; NaN or "" where it is not known."""
    digits: int | None = None
    """Digits after the point in texts; None for words and whole numbers."""
    meaning: str = ""
    """What the table says of it below; columns may share a sentence."""
    in_terminal: bool = True
    """Whether a terminal shows it, where wide tables are hard to read."""

    def text(self, row: SourceRow) -> str:
        """Return the cell of a source as a text, "" where its value is not known."""
        value = self.value(row)
        if self.digits is None:
            return one_line(str(value))
        # Adding 0.0 turns a -0.0 from rounding into 0.0.
        return "" if np.isnan(value) else f"{round(value, self.digits) + 0.0:.{self.digits}f}"


_HEAD = "positions in mm, head coordinates (x right, y front, z up)"
_DROP = "drop: points of explained variance lost if this source is set to zero and the others stay"
_GOF = "MNE gof: the dipole's share, as MNE splits it, of what all sources explain at its peak"
_TURN = "orientation: the one that fits best over all times; unit vector, head coordinates"
_ANGLE = "angle: between the one orientation that fits best over all times and the cortical normal"
_COURSE = (
    "course: peak along that orientation, not shrunk; positive out of a cortex, always in a volume"
)
_LOSS = "loss: points of explained variance that this source would add if it could turn over time"
_MNI = "MNI: coordinates in mm, by the subject's Talairach transform"
#: The columns of the table of sources. Those that are known for no source are left out for people;
#: files have all of them, so that their header is always the same.
COLUMNS = (
    Column("source", "source", lambda row: row.number),
    Column("hemisphere", "hemisphere", lambda row: row.hemisphere),
    Column("x", "x_head_mm", lambda row: row.position[0], 1, _HEAD),
    Column("y", "y_head_mm", lambda row: row.position[1], 1, _HEAD),
    Column("z", "z_head_mm", lambda row: row.position[2], 1, _HEAD),
    Column("peak (nAm)", "peak_amplitude_nam", lambda row: row.peak_amplitude, 1),
    Column("at (ms)", "peak_time_ms", lambda row: row.peak_time, 1),
    Column(
        "drop (%)", "explained_variance_drop_if_removed_percent", lambda row: 100 * row.drop, 1,
        _DROP,
    ),
    Column("MNE gof (%)", "mne_gof_at_peak_percent", lambda row: row.mne_gof, 1, _GOF),
    Column("vertex", "vertex", lambda row: row.vertex),
    Column("angle (deg)", "angle_to_normal_deg", lambda row: row.angle, 1, _ANGLE),
    Column("course (nAm)", "course_peak_nam", lambda row: row.course_peak, 1, _COURSE),
    Column("at (ms)", "course_peak_time_ms", lambda row: row.course_time, 1),
    Column(
        "loss (%)", "explained_variance_loss_of_one_orientation_percent",
        lambda row: 100 * row.loss, 1, _LOSS,
    ),
    Column("orientation x", "orientation_x_head", lambda row: row.orientation[0], 3, _TURN, False),
    Column("orientation y", "orientation_y_head", lambda row: row.orientation[1], 3, _TURN, False),
    Column("orientation z", "orientation_z_head", lambda row: row.orientation[2], 3, _TURN, False),
    Column("region", "region", lambda row: row.region),
    Column("MNI x", "x_mni_mm", lambda row: row.mni[0], 1, _MNI),
    Column("MNI y", "y_mni_mm", lambda row: row.mni[1], 1, _MNI),
    Column("MNI z", "z_mni_mm", lambda row: row.mni[2], 1, _MNI),
)  # fmt: skip


def columns_for(rows: Sequence[SourceRow], *, terminal: bool = False) -> list[Column]:
    """List the columns that are known for some source, those of a terminal if asked for."""
    return [
        column
        for column in COLUMNS
        if (column.in_terminal or not terminal) and any(column.text(row) for row in rows)
    ]


def legend(columns: Iterable[Column]) -> list[str]:
    """List what columns mean, each sentence once."""
    return list(dict.fromkeys(column.meaning for column in columns if column.meaning))


def source_table(
    localization: Localized, condition: int = 0, dipoles: Sequence[Any] | None = None
) -> list[SourceRow]:
    """List the sources, the strongest of a condition first.

    The dipoles of the condition are made where they are not given.

    Examples
    --------
    >>> from mxne_rs import localize
    >>> from mxne_rs.simulate import simulate_auditory
    >>> from mxne_rs.results.table import source_table
    >>> result = localize(*simulate_auditory(spacing=20.0), alpha=20, n_mxne_iter=5, verbose=False)
    >>> [(row.number, row.hemisphere) for row in source_table(result)]
    [(1, 'left'), (2, 'right')]
    """
    if dipoles is None:
        dipoles = localization.dipoles(condition)
    everywhere = hemispheres_and_vertices(localization.forward)
    places = [everywhere[location] for location in np.flatnonzero(localization.active)]
    peaks = [int(np.argmax(np.abs(dipole.amplitude))) for dipole in dipoles]
    strengths = [
        abs(float(dipole.amplitude[peak])) for dipole, peak in zip(dipoles, peaks, strict=True)
    ]
    rows, drops, refit = [], localization.drops, _refit_values(localization, condition)
    for number, index in enumerate(np.argsort(strengths, kind="stable")[::-1], start=1):
        dipole, peak, (side, vertex) = dipoles[index], peaks[index], places[index]
        x, y, z = (
            1000 * float(value)
            for value in to_head_coordinates(localization.forward, dipole.pos[0])
        )
        if not side:
            side = side_of(x)
        rows.append(
            SourceRow(
                number=number,
                index=int(index),
                hemisphere=side,
                position=(x, y, z),
                peak_amplitude=1e9 * float(dipole.amplitude[peak]),
                peak_time=1000 * float(dipole.times[peak]),
                drop=float(drops[index]),
                mne_gof=float(dipole.gof[peak]),
                vertex=vertex,
                **refit[index],
            )
        )
    return rows


def _refit_values(localization: Localized, condition: int) -> list[dict[str, Any]]:
    """Return what rows say of the one orientation of each source, and where it is named to be.

    Where there are many sources, or the refit has not settled, orientations stay unknown.
    """
    regions, mni = localization.regions, localization.mni
    places = [
        {
            "region": "" if regions is None else regions[i],
            "mni": (np.nan, np.nan, np.nan) if mni is None else tuple(map(float, mni[i])),
        }
        for i in range(int(localization.active.sum()))
    ]
    if len(places) > MAX_REFITTED or not localization.oriented.settled:
        return places
    times = 1000 * np.asarray(localization.evokeds[condition].times)
    courses = 1e9 * localization.courses[:, localization.samples(condition)]
    peaks = np.abs(courses).argmax(axis=1)
    return [
        place
        | {
            "orientation": tuple(map(float, localization.orientations[i])),
            "angle": float(localization.angles_to_normal[i]),
            "course_peak": float(courses[i, peak]),
            "course_time": float(times[peak]),
            "loss": float(localization.oriented.losses[i]),
        }
        for i, (place, peak) in enumerate(zip(places, peaks, strict=True))
    ]


def format_table(rows: Sequence[SourceRow]) -> str:
    """Align the table for a terminal; without a final newline.

    Columns that are known for no source are left out.

    Examples
    --------
    >>> from mxne_rs.results.table import SourceRow, format_table
    >>> row = SourceRow(1, 0, "left", (-49.8, 7.76, 48.9), 22.5, 100.0, 0.097, 31.4, 197)
    >>> print(format_table([row]))
    source  hemisphere      x      y      z  peak (nAm)  at (ms)  drop (%)  MNE gof (%)  vertex
         1        left  -49.8    7.8   48.9        22.5    100.0       9.7         31.4     197
    positions in mm, head coordinates (x right, y front, z up)
    drop: points of explained variance lost if this source is set to zero and the others stay
    MNE gof: the dipole's share, as MNE splits it, of what all sources explain at its peak
    """
    columns = columns_for(rows, terminal=True)
    lines = [[one.heading for one in columns], *(row_texts(row, columns) for row in rows)]
    # Positions are wide enough for a sign, so that tables of different runs line up.
    return "\n".join([*_aligned(lines, least={2: 5, 3: 5, 4: 5}), *legend(columns)])


def write_table(rows: Sequence[SourceRow], path: str | os.PathLike[str]) -> None:
    """Write the table as tab-separated values, units in the headings.

    Examples
    --------
    >>> import os, tempfile
    >>> from mxne_rs.results.table import SourceRow, write_table
    >>> row = SourceRow(1, 0, "left", (-49.8, 7.76, 48.9), 22.5, 100.0, 0.097, 31.4, 197)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_table([row], os.path.join(folder, "sources.tsv"))
    ...     with open(os.path.join(folder, "sources.tsv")) as file:
    ...         file.read().splitlines()[1].split()[:3]
    ['1', 'left', '-49.8']
    """
    write_lines(path, [[one.name for one in COLUMNS], *map(row_texts, rows)])


def row_texts(row: SourceRow, columns: Iterable[Column] = COLUMNS) -> list[str]:
    """Return a row as the texts of its columns."""
    return [column.text(row) for column in columns]


def records(rows: Sequence[SourceRow]) -> list[dict[str, Any]]:
    """Return the values of all columns of each row, by the names of the columns."""
    return [{column.name: column.value(row) for column in COLUMNS} for row in rows]


class PathColumn(NamedTuple):
    """A column of the table of a path."""

    heading: str
    """For people."""
    name: str
    """In files and data frames."""
    value: Callable[[Localized], Any]
    """Makes the value of an alpha."""
    form: str = ""
    """Format of the value in texts."""

    def text(self, one: Localized) -> str:
        """Return the cell of an alpha as a text."""
        value = self.value(one)
        words = {None: "-", True: "yes", False: "no"}
        return words[value] if value is None or isinstance(value, bool) else f"{value:{self.form}}"


PATH_COLUMNS = (
    PathColumn("alpha (%)", "alpha_percent", lambda one: one.alpha, ".4g"),
    PathColumn("sources", "n_sources", lambda one: int(one.active.sum())),
    PathColumn(
        "explained (%)", "explained_variance_percent", lambda one: 100 * one.explained_variance,
        ".1f",
    ),
    PathColumn("gap", "relative_gap", lambda one: one.relative_gap, ".1e"),
    PathColumn("status", "status", lambda one: one.solution.status.replace("_", " ")),
    PathColumn("rounds", "rounds", lambda one: one.solution.n_reweights or 1),
    PathColumn("settled", "settled", lambda one: one.solution.reweighting_converged),
)  # fmt: skip


def format_path(localizations: Sequence[Localized]) -> str:
    """Align the table of a path for a terminal: a line per alpha, without a final newline.

    Examples
    --------
    >>> from mxne_rs.results.table import format_path
    >>> from mxne_rs import localize_path
    >>> from mxne_rs.simulate import simulate_auditory
    >>> result = localize_path(*simulate_auditory(spacing=20.0), [100, 50], verbose=False)
    >>> [line.split()[:2] for line in format_path(result).splitlines()[1:]]
    [['100', '0'], ['50', '2']]
    """
    lines = [[one.heading for one in PATH_COLUMNS], *map(path_texts, localizations)]
    return "\n".join(_aligned(lines))


def write_path_table(localizations: Sequence[Localized], path: str | os.PathLike[str]) -> None:
    """Write the table of a path as tab-separated values, units in the headings."""
    write_lines(path, [[one.name for one in PATH_COLUMNS], *map(path_texts, localizations)])


def write_path_sources(localizations: Sequence[Localized], path: str | os.PathLike[str]) -> None:
    """Write the sources of all alphas of a path, with the columns of the table of sources.

    Examples
    --------
    >>> import os, tempfile
    >>> from mxne_rs.results.table import write_path_sources
    >>> from mxne_rs import localize_path
    >>> from mxne_rs.simulate import simulate_auditory
    >>> result = localize_path(*simulate_auditory(spacing=20.0), [50], verbose=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_path_sources(result, os.path.join(folder, "path-sources.tsv"))
    ...     with open(os.path.join(folder, "path-sources.tsv")) as file:
    ...         [line.split()[:3] for line in file]
    [['alpha_percent', 'source', 'hemisphere'], ['50', '1', 'left'], ['50', '2', 'right']]
    """
    alpha = PATH_COLUMNS[0]
    lines = [[alpha.name, *(one.name for one in COLUMNS)]]
    for one in localizations:
        lines += [[alpha.text(one), *row_texts(row)] for row in source_table(one)]
    write_lines(path, lines)


def _aligned(lines: Sequence[Sequence[str]], least: Mapping[int, int] | None = None) -> list[str]:
    """Align columns to the right, some of them with a least width."""
    least = least or {}
    widths = [
        max(least.get(column, 0), *map(len, texts))
        for column, texts in enumerate(zip(*lines, strict=True))
    ]
    return [
        "  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True))
        for line in lines
    ]


def write_lines(path: str | os.PathLike[str], lines: Sequence[Sequence[str]]) -> None:
    """Write lines of tab-separated values."""
    text = "".join("\t".join(line) + "\n" for line in lines)
    Path(path).write_text(text, encoding="utf-8")


def path_texts(one: Localized) -> list[str]:
    """Return the cells of an alpha in the table of a path."""
    return [column.text(one) for column in PATH_COLUMNS]


def path_records(localizations: Sequence[Localized]) -> list[dict[str, Any]]:
    """Return the values of all columns of each alpha, by the names of the columns."""
    return [{column.name: column.value(one) for column in PATH_COLUMNS} for one in localizations]
