"""The answer that users work with: tables, pictures, a report and files of a localization."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from .._arguments.declare import with_sections
from .._arguments.extras import as_table
from .._arguments.warn import warn
from .._looks.axes import Axes, Figure, figure_of, without_latex
from ..inverse.geometry import head_positions
from ..inverse.localized import Localized
from ..inverse.regions import mni_positions, region_names
from .draw_localization import draw, draw_time_courses
from .files import ANSWER, write_localization
from .folder import make_folder
from .matlab import write_mat
from .report import write_report
from .saved import read_answer, read_inputs
from .shown import Shown
from .summary import notebook_html, summarise
from .table import COLUMNS, records


class Localization(Localized):
    """The sources that `localize` found, with every output that is made from them.

    Printed, and in a notebook, it shows the table of sources.

    Examples
    --------
    >>> from mxne_rs import localize
    >>> from mxne_rs.simulate import simulate_auditory
    >>> result = localize(*simulate_auditory(spacing=20.0), alpha=20, n_mxne_iter=5, verbose=False)
    >>> len(result.dipoles()), len(result.table())
    (2, 2)
    """

    @classmethod
    def of_localized(cls, found: Localized, **changes: Any) -> Localization:
        """Make a Localization of an answer without pictures, some of its fields changed.

        Parameters
        ----------
        found : Localized
            The answer.
        **changes
            Fields that are to be other than those of the answer.

        Returns
        -------
        localization : Localization
            The same sources, with tables, pictures and files.
        """
        pieces = {field.name: getattr(found, field.name) for field in fields(found)}
        return cls(**{**pieces, **changes})

    def with_regions(
        self,
        labels: Any = None,
        subjects_dir: str | os.PathLike[str] | None = None,
        subject: str | None = None,
    ) -> Localization:
        """Return the localization with names of regions, and MNI coordinates where possible.

        Parameters
        ----------
        labels : list of mne.Label, str, or array of str, shape (n_locations,), optional
            Labels on the cortex; the name of a parcellation in `subjects_dir`, such as "aparc"; or
            a name per location of `forward`. By default regions have no names.
        subjects_dir : path, optional
            FreeSurfer's folder of subjects. MNI coordinates are known where the subject has a file
            mri/transforms/talairach.xfm there.
        subject : str, optional
            Name of the subject's folder, by default that of the source space.

        Returns
        -------
        localization : Localization
            A copy with `regions` and `mni`.

        Raises
        ------
        TypeError, ValueError
            Where labels, folder and subject do not fit the forward solution.

        Examples
        --------
        >>> from mxne_rs import localize
        >>> from mxne_rs.simulate import simulate_auditory
        >>> data = simulate_auditory(spacing=20.0)
        >>> result = localize(*data, alpha=20, n_mxne_iter=5, verbose=False)
        >>> x = result.forward["source_rr"][:, 0]
        >>> result.with_regions(["left" if one < 0 else "right" for one in x]).regions
        ['left', 'right']
        """
        names, mni = self.regions, self.mni
        if labels is not None:
            everywhere = region_names(self.forward["src"], labels, subjects_dir, subject)
            names = [everywhere[location] for location in np.flatnonzero(self.active)]
        if subjects_dir is not None:
            positions = head_positions(self.forward)[self.active] / 1000
            mni = mni_positions(self.forward, positions, subjects_dir, subject)
        return replace(self, regions=names, mni=mni)

    def table(self, condition: int | str = 0) -> Any:
        """Return the table of sources, strongest first.

        Parameters
        ----------
        condition : int or str, default 0
            Position or comment of one of `evokeds`.

        Returns
        -------
        table : pandas.DataFrame, or list of dict
            A row per source, with the columns of ``sources.tsv``: positions in mm, amplitudes in
            nAm, times in ms. A list of dictionaries where pandas is not installed.
        """
        rows = Shown(self, condition).rows
        return as_table(records(rows), [column.name for column in COLUMNS])

    @without_latex()
    def plot(
        self,
        condition: int | str = 0,
        *,
        ax: Axes | None = None,
        path: str | os.PathLike[str] | None = None,
    ) -> Figure:
        """Draw where the sources are, their time courses, and the fit to the sensors.

        Parameters
        ----------
        condition : int or str, default 0
            Position or comment of one of `evokeds`.
        ax : matplotlib.axes.Axes, optional
            Axes to draw the time courses of the sources on, and nothing else.
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

        Notes
        -----
        Amplitudes are in nAm, times in ms, positions in mm in head coordinates, fields in fT, fT/cm
        and µV. Sources are numbered and coloured as in the table, strongest first; those after the
        eighth are grey.
        """
        shown = Shown(self, condition)
        if ax is None:
            return draw(self, path, shown)
        draw_time_courses(ax, shown.dipoles, shown.rows)
        return figure_of(ax, path)

    def report(
        self,
        path: str | os.PathLike[str],
        *,
        bem: Any = None,
        stability: Any = None,
        command: str | None = None,
        files: Any = None,
    ) -> None:
        """Write an HTML report: all that is needed to judge the sources, and to report them.

        Parameters
        ----------
        path : path
            The HTML file; replaced where it exists.
        bem : mne.bem.ConductorModel, optional
            Head model of the single dipoles that stand beside the sources; by default a sphere.
        stability : Stability, optional
            How stable the sources are over epochs, for a section of its own.
        command : str, optional
            A command line to show.
        files : dict of str to path, optional
            Files to list with their SHA-256, by what they hold.

        Raises
        ------
        ImportError
            Where matplotlib is not installed.
        """
        write_report(self, path, bem=bem, stability=stability, command=command, files=files)

    def write_mat(
        self,
        path: str | os.PathLike[str],
        layout: str = "brainstorm",
        condition: int | str = 0,
    ) -> None:
        """Write the sources of a condition to a file of MATLAB, for Brainstorm or FieldTrip.

        Parameters
        ----------
        path : path
            File to write, by custom ``*.mat``.
        layout : {'brainstorm', 'fieldtrip'}
            "brainstorm": a source file with ``ImageGridAmp`` and ``GridLoc``, in its subject
            coordinates; "fieldtrip": a variable ``source`` with ``pos`` and ``mom``.
        condition : int or str, default 0
            Position or comment of one of `evokeds`.

        Raises
        ------
        ImportError
            Where SciPy is not installed.
        ValueError
            Where an argument is not one of these, or the evoked has no fiducial points, which
            Brainstorm's coordinates need.
        """
        write_mat(self, path, layout, condition)

    def save(
        self,
        folder: str | os.PathLike[str],
        *,
        with_inputs: bool = True,
        report: bool = False,
    ) -> None:
        """Write estimates, dipoles, residual, table and picture into a folder.

        Parameters
        ----------
        folder : path
            Made where it is missing. Files that an earlier call wrote there are removed, others
            stay.
        with_inputs : bool, default True
            Also write what `read` needs: data, forward solution and noise covariance.
        report : bool, default False
            Also write ``report.html``.

        Raises
        ------
        OSError
            Where the folder cannot be written to; it is unchanged then.

        Warns
        -----
        RuntimeWarning
            For each picture that could not be made; the numbers are written all the same.
        """
        out = Path(folder)
        make_folder(out, "folder")
        place = out / "report.html" if report else None
        written = write_localization(self, out, with_inputs=with_inputs, report=place)
        for problem in written.problems:
            warn(problem)

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> Localization:
        """Read a localization that `save` wrote.

        Parameters
        ----------
        folder : path
            The folder.

        Returns
        -------
        localization : Localization
            With the same numbers; the model is prepared again.

        Raises
        ------
        ValueError
            Where the folder holds no localization, or was written without its inputs.

        Examples
        --------
        >>> import tempfile
        >>> from mxne_rs import Localization, localize
        >>> from mxne_rs.simulate import simulate_auditory
        >>> data = simulate_auditory(spacing=20.0)
        >>> result = localize(*data, alpha=20, n_mxne_iter=5, verbose=False)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     result.save(folder)
        ...     again = Localization.read(folder)
        >>> bool((again.amplitudes == result.amplitudes).all())
        True
        """
        place = Path(folder)
        evokeds, model = read_inputs(place, place / ANSWER)
        return cls.of_localized(read_answer(place / ANSWER, evokeds, model))

    def __str__(self) -> str:
        """Return a summary and the table of sources of each condition."""
        parts = [summarise(Shown(self, one)) for one in range(len(self.evokeds))]
        return "\n\n".join("\n".join(lines) for lines in parts)

    def _repr_html_(self) -> str:
        return notebook_html(self)


Localization.__doc__ = with_sections(Localization.__doc__, Localized.__doc__)
