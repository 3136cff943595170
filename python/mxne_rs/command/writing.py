"""Files out: what is written of a localization and of a path, and the lines that sum it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..localization import Localization
from ..path_picture import draw_path
from ..path_table import format_path, write_path_sources, write_path_table
from ..picture import draw
from ..report import write_report
from ..table import format_table, source_table, write_table
from .wording import WrongInput, unsettled_line

__all__ = ["make_folder", "write_localization", "write_path"]


def make_folder(out: Path, option: str) -> None:
    """Make a folder where there is none.

    Raises
    ------
    WrongInput
        Naming the option, where that is not possible.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from mxne_rs.command.writing import make_folder
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     make_folder(pathlib.Path(folder) / "new", "--out")
    ...     [path.name for path in pathlib.Path(folder).iterdir()]
    ['new']
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise WrongInput(f"{option} {out} is a file; give a folder") from error
    except OSError as error:
        raise WrongInput(
            f"{option} {out} cannot be made ({error.strerror}); give another folder"
        ) from error


def write_localization(
    localization: Localization,
    out: Path,
    *,
    report: Path | None = None,
    settings: Mapping[str, Any] | None = None,
) -> list[str]:
    """Write a localization's files into a folder.

    Parameters
    ----------
    localization : Localization
        With at least one source; of several conditions the first.
    out : pathlib.Path
        Folder that exists. Files of the same name, and older dipoles, are replaced.
    report : pathlib.Path, optional
        Where to write the HTML report. Default: none is written.
    settings : dict, optional
        For the report.

    Returns
    -------
    list of str
        The table of sources and what else there is to say, line by line.

    Examples
    --------
    >>> import mne, pathlib, tempfile
    >>> from mxne_rs.localize import localize
    >>> from mxne_rs.simulate import simulate_auditory
    >>> from mxne_rs.command.writing import write_localization
    >>> found = localize(*simulate_auditory(spacing=20.0), alpha=20, verbose=False)
    >>> with mne.utils.use_log_level("ERROR"), tempfile.TemporaryDirectory() as folder:
    ...     lines = write_localization(found, pathlib.Path(folder))
    >>> print(lines[0])
    Simulated auditory, -100 to 300 ms: MxNE, alpha 20 %
    """
    evoked, solution = localization.evokeds[0], localization.solution
    dipoles, residual = localization.dipoles()[0], localization.residuals()[0]
    rows = source_table(localization, dipoles)

    names = write_estimate(localization.estimates()[0], out)
    folder = out / "dipoles"
    folder.mkdir(exist_ok=True)
    for stale in folder.glob("source-*.dip"):
        stale.unlink()
    for row in rows:
        dipoles[row.index].save(folder / f"source-{row.number:02d}.dip", overwrite=True)
    residual.comment = f"residual of {evoked.comment}"
    residual.save(out / "residual-ave.fif", overwrite=True)
    write_table(rows, out / "sources.tsv")
    draw(localization, out / "localization.png", dipoles=dipoles, residual=residual)
    names += ["dipoles/", "residual-ave.fif", "sources.tsv", "localization.png"]
    if report is not None:
        write_report(localization, report, settings=settings)
        # Beside the others by its name alone.
        names.append(report.name if report.parent == out else str(report))

    start, stop = 1000 * evoked.times[0], 1000 * evoked.times[-1]
    rounds = solution.n_reweights
    method = "MxNE" if rounds is None else f"irMxNE, {rounds} rounds"
    chosen = " (chosen by SURE)" if solution.sure is not None else ""
    count = "1 source explains" if len(rows) == 1 else f"{len(rows)} sources explain"
    return [
        f"{evoked.comment}, {start:.0f} to {stop:.0f} ms: {method}, "
        f"alpha {localization.alpha:.4g} %{chosen}",
        format_table(rows),
        f"{count} {localization.explained_variance:.1f} % of the whitened data's power; standard "
        f"deviation of the residual: {localization.levels()}",
        _channels(localization),
        f"{solution.status.replace('_', ' ')}: relative gap {localization.relative_gap:.1e}, "
        f"{solution.n_iter} epochs, {1000 * solution.elapsed:.0f} ms",
        *filter(None, [unsettled_line([localization])]),
        f"wrote to {out}: {', '.join(names)}",
    ]


def write_path(found: Sequence[Localization], out: Path) -> list[str]:
    """Write a path's files into a folder.

    Parameters
    ----------
    found : list of Localization
        Those of `localize_path`.
    out : pathlib.Path
        Folder that exists. Files of the same name are replaced.

    Returns
    -------
    list of str
        The table of alphas and what else there is to say, line by line.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from mxne_rs.paths import localize_path
    >>> from mxne_rs.simulate import simulate_auditory
    >>> from mxne_rs.command.writing import write_path
    >>> found = localize_path(*simulate_auditory(spacing=20.0), [80, 20], verbose=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     lines = write_path(found, pathlib.Path(folder))
    >>> print(lines[0])
    Simulated auditory, -100 to 300 ms: MxNE at 2 alphas
    """
    draw_path(found, out / "path.png")
    write_path_table(found, out / "path.tsv")
    write_path_sources(found, out / "path-sources.tsv")
    evoked = found[0].evokeds[0]
    start, stop = 1000 * evoked.times[0], 1000 * evoked.times[-1]
    method = "MxNE" if found[0].solution.n_reweights is None else "irMxNE"
    return [
        f"{evoked.comment}, {start:.0f} to {stop:.0f} ms: {method} at {len(found)} alphas",
        format_path(found),
        _channels(found[0]),
        *filter(None, [unsettled_line(found)]),
        f"wrote to {out}: path.png, path.tsv, path-sources.tsv",
    ]


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
    """Write a source estimate in the format of its kind; return the names of the files.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import mne, numpy as np
    >>> from mxne_rs.command.writing import write_estimate
    >>> stc = mne.SourceEstimate(np.ones((1, 2)), [np.array([4]), np.array([], int)], 0.0, 0.001)
    >>> with mne.utils.use_log_level("ERROR"), tempfile.TemporaryDirectory() as folder:
    ...     write_estimate(stc, pathlib.Path(folder))
    ['sources-lh.stc', 'sources-rh.stc']
    """
    import mne

    if isinstance(stc, mne.SourceEstimate):
        stc.save(out / "sources", ftype="stc", overwrite=True)
        return ["sources-lh.stc", "sources-rh.stc"]
    if isinstance(stc, mne.VolSourceEstimate):
        stc.save(out / "sources-vl.stc", ftype="stc", overwrite=True)
        return ["sources-vl.stc"]
    # A mixed source space: MNE keeps it in HDF5, and says what to install where that is missing.
    stc.save(out / "sources", ftype="h5", overwrite=True)
    return ["sources-stc.h5"]
