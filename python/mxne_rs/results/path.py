"""The answers along decreasing alphas, with tables, pictures, a report and files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np

from .._arguments.convert import Floats, as_number
from .._arguments.extras import as_table
from .._arguments.warn import warn
from .._looks.axes import Axes, Figure, figure_of, without_latex
from .draw_path import draw_counts, draw_path
from .files import PATH_ANSWER, write_path
from .folder import make_folder
from .localization import Localization
from .report import write_path_report
from .saved import read_answer, read_inputs
from .summary import path_html, summarise_path
from .table import PATH_COLUMNS, path_records


class LocalizationPath(Sequence[Localization]):
    """A sequence of localizations at decreasing alphas, from `localize_path`.

    Printed, and in a notebook, it shows a row for each alpha.

    Parameters
    ----------
    localizations : sequence of Localization
        From the largest alpha down.

    Examples
    --------
    >>> from mxne_rs import localize_path
    >>> from mxne_rs.simulate import simulate_auditory
    >>> path = localize_path(*simulate_auditory(spacing=20.0), [80, 50, 20], verbose=False)
    >>> path.alphas.round(), [int(one.active.sum()) for one in path]
    (array([80., 50., 20.]), [1, 2, 2])
    >>> round(path.at(45).alpha)
    50
    """

    def __init__(self, localizations: Sequence[Localization]) -> None:
        self._localizations = tuple(localizations)

    def __len__(self) -> int:
        """Return the number of alphas."""
        return len(self._localizations)

    @overload
    def __getitem__(self, index: int) -> Localization: ...

    @overload
    def __getitem__(self, index: slice) -> LocalizationPath: ...

    def __getitem__(self, index: int | slice) -> Localization | LocalizationPath:
        """Return the localization at a position, or a part of the path."""
        if isinstance(index, slice):
            return LocalizationPath(self._localizations[index])
        return self._localizations[index]

    def __iter__(self) -> Iterator[Localization]:
        """Iterate over the localizations, the largest alpha first."""
        return iter(self._localizations)

    @property
    def alphas(self) -> Floats:
        """Percent of alpha_max, decreasing, shape (n_alphas,)."""
        return np.array([one.alpha for one in self])

    def at(self, alpha: float) -> Localization:
        """Return the localization at the alpha nearest to a percentage.

        Parameters
        ----------
        alpha : float
            In percent of alpha_max.

        Returns
        -------
        localization : Localization
            One of the path.
        """
        alpha = as_number("alpha", alpha, "give a percentage of alpha_max")
        return self[int(np.argmin(np.abs(self.alphas - alpha)))]

    def table(self) -> Any:
        """Return number of sources, explained variance and certificate at each alpha.

        Returns
        -------
        table : pandas.DataFrame, or list of dict
            A row per alpha, with the columns of ``path.tsv``; a list where pandas is not installed.
        """
        return as_table(path_records(self), [column.name for column in PATH_COLUMNS])

    @without_latex()
    def plot(self, *, ax: Axes | None = None, path: str | os.PathLike[str] | None = None) -> Figure:
        """Draw number of sources, explained variance and peak amplitudes against alpha.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw the number of sources on, and nothing else.
        path : path, optional
            File to save the figure to (PNG, PDF or SVG by its ending).

        Returns
        -------
        figure : matplotlib.figure.Figure
            The figure, or that of `ax`.

        Raises
        ------
        ImportError
            Where matplotlib is not installed.
        """
        if ax is None:
            return draw_path(self, path)
        draw_counts(ax, self)
        return figure_of(ax, path)

    def report(self, path: str | os.PathLike[str]) -> None:
        """Write an HTML report: the picture, the table, and the sources at each alpha.

        Parameters
        ----------
        path : path
            The HTML file; replaced where it exists.
        """
        write_path_report(self, path)

    def save(
        self, folder: str | os.PathLike[str], *, with_inputs: bool = True, report: bool = False
    ) -> None:
        """Write tables and picture into a folder, as `Localization.save` does.

        Parameters
        ----------
        folder : path
            Made where it is missing. Files that an earlier call wrote there are removed, others
            stay.
        with_inputs : bool, default True
            Also write what `read` needs: data, forward solution and noise covariance.
        report : bool, default False
            Also write ``path-report.html``.

        Warns
        -----
        RuntimeWarning
            For each picture that could not be made; the numbers are written all the same.
        """
        out = Path(folder)
        make_folder(out, "folder")
        written = write_path(self, out, with_inputs=with_inputs, report=report)
        for problem in written.problems:
            warn(problem)

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> LocalizationPath:
        """Read a path that `save` wrote; the model is prepared again.

        Parameters
        ----------
        folder : path
            The folder.

        Returns
        -------
        path : LocalizationPath
            With the same numbers.

        Raises
        ------
        ValueError
            Where the folder holds no path, or was written without its inputs.
        """
        place = Path(folder)
        evokeds, model = read_inputs(place, place / PATH_ANSWER.format(1))
        files = sorted(place.glob(PATH_ANSWER.replace("{:02d}", "[0-9]*")))
        return cls([Localization.of_localized(read_answer(file, evokeds, model)) for file in files])

    def __repr__(self) -> str:
        """Return number of alphas and their range on one line."""
        if not self:
            return "<LocalizationPath: no alphas>"
        return (
            f"<LocalizationPath: {len(self)} alphas from {self.alphas[0]:.4g} to "
            f"{self.alphas[-1]:.4g} %>"
        )

    def __str__(self) -> str:
        """Return a line for each alpha."""
        return "\n".join(summarise_path(self))

    def _repr_html_(self) -> str:
        return path_html(self)
