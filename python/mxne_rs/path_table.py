"""The table of a path: what was found at each alpha."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from .localization import Localization
from .table import COLUMNS, cells, source_table

__all__ = ["format_path", "write_path_sources", "write_path_table"]

#: Heading of each column, without and with what a computer reads.
PATH_COLUMNS = (
    ("alpha (%)", "alpha_percent"),
    ("sources", "n_sources"),
    ("explained (%)", "explained_variance_percent"),
    ("gap", "relative_gap"),
    ("status", "status"),
    ("rounds", "rounds"),
    ("settled", "settled"),
)


def format_path(found: Sequence[Localization]) -> str:
    """Align the table for a terminal.

    Parameters
    ----------
    found : list of Localization
        Those of `localize_path`.

    Returns
    -------
    str
        A line per alpha below the headings, without a final newline.

    Examples
    --------
    >>> from mxne_rs.path_table import format_path
    >>> from mxne_rs.paths import localize_path
    >>> from mxne_rs.simulate import simulate_auditory
    >>> found = localize_path(*simulate_auditory(spacing=20.0), [100, 50], verbose=False)
    >>> [line.split()[:2] for line in format_path(found).splitlines()[1:]]
    [['100', '0'], ['50', '2']]
    """
    lines = [[heading for heading, _ in PATH_COLUMNS], *(_path_cells(one) for one in found)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(PATH_COLUMNS))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )


def write_path_table(found: Sequence[Localization], path: str | os.PathLike[str]) -> None:
    """Write the table as tab-separated values, units in the headings.

    Parameters
    ----------
    found : list of Localization
        Those of `localize_path`.
    path : path
        The file; replaced where it exists.

    Examples
    --------
    >>> import os, tempfile
    >>> from mxne_rs.path_table import write_path_table
    >>> from mxne_rs.paths import localize_path
    >>> from mxne_rs.simulate import simulate_auditory
    >>> found = localize_path(*simulate_auditory(spacing=20.0), [50], verbose=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_path_table(found, os.path.join(folder, "path.tsv"))
    ...     with open(os.path.join(folder, "path.tsv")) as file:
    ...         file.read().split()[:3]
    ['alpha_percent', 'n_sources', 'explained_variance_percent']
    """
    lines = [[heading for _, heading in PATH_COLUMNS], *(_path_cells(one) for one in found)]
    _write(path, lines)


def write_path_sources(found: Sequence[Localization], path: str | os.PathLike[str]) -> None:
    """Write the sources of all alphas, with the columns of the table of sources.

    Parameters
    ----------
    found : list of Localization
        Those of `localize_path`.
    path : path
        The file; replaced where it exists.

    Examples
    --------
    >>> import os, tempfile
    >>> from mxne_rs.path_table import write_path_sources
    >>> from mxne_rs.paths import localize_path
    >>> from mxne_rs.simulate import simulate_auditory
    >>> found = localize_path(*simulate_auditory(spacing=20.0), [50], verbose=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_path_sources(found, os.path.join(folder, "path-sources.tsv"))
    ...     with open(os.path.join(folder, "path-sources.tsv")) as file:
    ...         [line.split()[:3] for line in file]
    [['alpha_percent', 'source', 'hemisphere'], ['50', '1', 'left'], ['50', '2', 'right']]
    """
    lines = [["alpha_percent", *(heading for _, heading in COLUMNS)]]
    for one in found:
        lines += [[_percent(one), *cells(row)] for row in source_table(one)]
    _write(path, lines)


def _write(path: str | os.PathLike[str], lines: Sequence[Sequence[str]]) -> None:
    text = "".join("\t".join(line) + "\n" for line in lines)
    Path(path).write_text(text, encoding="utf-8")


def _percent(one: Localization) -> str:
    return f"{one.alpha:.4g}"


def _path_cells(one: Localization) -> list[str]:
    solution = one.solution
    settled = {None: "-", True: "yes", False: "no"}[solution.reweighting_converged]
    return [
        _percent(one),
        str(int(one.active.sum())),
        f"{one.explained_variance:.1f}",
        f"{one.relative_gap:.1e}",
        solution.status.replace("_", " "),
        str(solution.n_reweights or 1),
        settled,
    ]
