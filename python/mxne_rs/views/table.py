"""List sources and paths as tables, for a terminal or as tab-separated values."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .._arguments.extras import mne
from ..inverse.localization import Localization

#: Distance from the midline in mm within which a location of a volume is in the middle.
MIDLINE = 0.5


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


#: Headings of the columns of the table of sources: for people, and in files.
COLUMNS = (
    ("source", "source"),
    ("hemisphere", "hemisphere"),
    ("x", "x_head_mm"),
    ("y", "y_head_mm"),
    ("z", "z_head_mm"),
    ("peak (nAm)", "peak_amplitude_nam"),
    ("at (ms)", "peak_time_ms"),
    ("drop (%)", "explained_variance_drop_if_removed_percent"),
    ("MNE gof (%)", "mne_gof_at_peak_percent"),
    ("vertex", "vertex"),
)
#: The meaning of the columns, printed below every table of sources.
LEGEND = (
    "positions in mm, head coordinates (x right, y front, z up)",
    "drop: points of explained variance lost if this source is set to zero and the others stay",
    "MNE gof: the dipole's share, as MNE splits it, of what all sources explain at its peak",
)


def source_table(
    localization: Localization, dipoles: Sequence[Any] | None = None
) -> list[SourceRow]:
    """List the sources, strongest first; by default with the dipoles of the first condition.

    Examples
    --------
    >>> from mxne_rs.inverse.localize import localize
    >>> from mxne_rs.simulate import simulate_auditory
    >>> from mxne_rs.views.table import source_table
    >>> result = localize(*simulate_auditory(spacing=20.0), alpha=20, n_mxne_iter=5, verbose=False)
    >>> [(row.number, row.hemisphere) for row in source_table(result)]
    [(1, 'left'), (2, 'right')]
    """
    if dipoles is None:
        dipoles = localization.dipoles()[0]
    everywhere = hemispheres_and_vertices(localization.forward)
    places = [everywhere[location] for location in np.flatnonzero(localization.active)]
    peaks = [int(np.argmax(np.abs(dipole.amplitude))) for dipole in dipoles]
    strengths = [
        abs(float(dipole.amplitude[peak])) for dipole, peak in zip(dipoles, peaks, strict=True)
    ]
    rows, drops = [], localization.drops
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
            )
        )
    return rows


def format_table(rows: Sequence[SourceRow]) -> str:
    """Align the table for a terminal; without a final newline.

    Examples
    --------
    >>> from mxne_rs.views.table import SourceRow, format_table
    >>> row = SourceRow(1, 0, "left", (-49.8, 7.76, 48.9), 22.5, 100.0, 0.097, 31.4, 197)
    >>> print(format_table([row]))
    source  hemisphere      x      y      z  peak (nAm)  at (ms)  drop (%)  MNE gof (%)  vertex
         1        left  -49.8    7.8   48.9        22.5    100.0       9.7         31.4     197
    positions in mm, head coordinates (x right, y front, z up)
    drop: points of explained variance lost if this source is set to zero and the others stay
    MNE gof: the dipole's share, as MNE splits it, of what all sources explain at its peak
    """
    lines = [[heading for heading, _ in COLUMNS], *map(row_texts, rows)]
    # Positions are wide enough for a sign, so that tables of different runs line up.
    return "\n".join([*_aligned(lines, least={2: 5, 3: 5, 4: 5}), *LEGEND])


def write_table(rows: Sequence[SourceRow], path: str | os.PathLike[str]) -> None:
    """Write the table as tab-separated values, units in the headings.

    Examples
    --------
    >>> import os, tempfile
    >>> from mxne_rs.views.table import SourceRow, write_table
    >>> row = SourceRow(1, 0, "left", (-49.8, 7.76, 48.9), 22.5, 100.0, 0.097, 31.4, 197)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_table([row], os.path.join(folder, "sources.tsv"))
    ...     with open(os.path.join(folder, "sources.tsv")) as file:
    ...         file.read().splitlines()[1].split()[:3]
    ['1', 'left', '-49.8']
    """
    _write(path, [[heading for _, heading in COLUMNS], *map(row_texts, rows)])


def row_texts(row: SourceRow) -> list[str]:
    """Return a row as the texts of its columns."""
    numbers = (*row.position, row.peak_amplitude, row.peak_time, 100 * row.drop, row.mne_gof)
    # Adding 0.0 turns a -0.0 from rounding into 0.0.
    return [
        str(row.number),
        row.hemisphere,
        *(f"{round(value, 1) + 0.0:.1f}" for value in numbers),
        str(row.vertex),
    ]


def hemispheres_and_vertices(forward: Any) -> list[tuple[str, int]]:
    """Return (hemisphere or '', vertex number) of each location."""
    names: list[tuple[str, int]] = []
    for space in forward["src"]:
        side = (
            {101: "left", 102: "right"}.get(int(space["id"]), "") if space["type"] == "surf" else ""
        )
        names += [(side, int(vertex)) for vertex in space["vertno"]]
    return names


def side_of(x: float) -> str:
    """Return the side of a position in a volume, from its x in mm."""
    return "middle" if abs(x) < MIDLINE else "left" if x < 0 else "right"


def to_head_coordinates(forward: Any, position: Any) -> Any:
    """Transform positions (..., 3) of a forward solution to head coordinates, in m."""
    if int(forward["coord_frame"]) == 4:  # FIFFV_COORD_HEAD
        return position
    to_head = forward["mri_head_t"]
    if int(to_head["from"]) == 4:
        to_head = mne.transforms.invert_transform(to_head)
    return mne.transforms.apply_trans(to_head, position)


#: Headings of the columns of the table of a path: for people, and in files.
PATH_COLUMNS = (
    ("alpha (%)", "alpha_percent"),
    ("sources", "n_sources"),
    ("explained (%)", "explained_variance_percent"),
    ("gap", "relative_gap"),
    ("status", "status"),
    ("rounds", "rounds"),
    ("settled", "settled"),
)


def format_path(localizations: Sequence[Localization]) -> str:
    """Align the table of a path for a terminal: a line per alpha, without a final newline.

    Examples
    --------
    >>> from mxne_rs.views.table import format_path
    >>> from mxne_rs.inverse.paths import localize_path
    >>> from mxne_rs.simulate import simulate_auditory
    >>> result = localize_path(*simulate_auditory(spacing=20.0), [100, 50], verbose=False)
    >>> [line.split()[:2] for line in format_path(result).splitlines()[1:]]
    [['100', '0'], ['50', '2']]
    """
    lines = [[heading for heading, _ in PATH_COLUMNS], *map(_path_row_texts, localizations)]
    return "\n".join(_aligned(lines))


def write_path_table(localizations: Sequence[Localization], path: str | os.PathLike[str]) -> None:
    """Write the table of a path as tab-separated values, units in the headings."""
    _write(path, [[heading for _, heading in PATH_COLUMNS], *map(_path_row_texts, localizations)])


def write_path_sources(localizations: Sequence[Localization], path: str | os.PathLike[str]) -> None:
    """Write the sources of all alphas of a path, with the columns of the table of sources.

    Examples
    --------
    >>> import os, tempfile
    >>> from mxne_rs.views.table import write_path_sources
    >>> from mxne_rs.inverse.paths import localize_path
    >>> from mxne_rs.simulate import simulate_auditory
    >>> result = localize_path(*simulate_auditory(spacing=20.0), [50], verbose=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_path_sources(result, os.path.join(folder, "path-sources.tsv"))
    ...     with open(os.path.join(folder, "path-sources.tsv")) as file:
    ...         [line.split()[:3] for line in file]
    [['alpha_percent', 'source', 'hemisphere'], ['50', '1', 'left'], ['50', '2', 'right']]
    """
    lines = [["alpha_percent", *(heading for _, heading in COLUMNS)]]
    for one in localizations:
        lines += [[_percent(one), *row_texts(row)] for row in source_table(one)]
    _write(path, lines)


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


def _write(path: str | os.PathLike[str], lines: Sequence[Sequence[str]]) -> None:
    text = "".join("\t".join(line) + "\n" for line in lines)
    Path(path).write_text(text, encoding="utf-8")


def _percent(one: Localization) -> str:
    return f"{one.alpha:.4g}"


def _path_row_texts(one: Localization) -> list[str]:
    solution = one.solution
    settled = {None: "-", True: "yes", False: "no"}[solution.reweighting_converged]
    return [
        _percent(one),
        str(int(one.active.sum())),
        f"{100 * one.explained_variance:.1f}",
        f"{one.relative_gap:.1e}",
        solution.status.replace("_", " "),
        str(solution.n_reweights or 1),
        settled,
    ]
