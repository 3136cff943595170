"""The recorded part of PRNI 2014: active set and explained variance against alpha, and timings."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxne_rs._arguments.convert import Floats
from mxne_rs.inverse.localize import percent_of
from mxne_rs.inverse.model import prepare_model
from mxne_rs.solve.debias import fitted
from mxne_rs.solve.gain import Gain
from mxne_rs.solve.many import solve_path
from mxne_rs.solve.single import alpha_max, solve_mxne
from mxne_rs.solve.solution import ConvergenceWarning

#: In percent of alpha_max.
PERCENTS: Floats = np.arange(95.0, 0.0, -5.0)
#: Section II-D: the window in s, the depth weighting.
WINDOW, DEPTH = (0.06, 0.12), 0.8
N_REWEIGHTS, TOL = 20, 1e-6
#: Seconds that a solver may take, from the first look to the last.
BUDGETS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
#: Where solvers are timed.
RACE_PERCENT = 40.0


@dataclass(frozen=True, eq=False)
class Recorded:
    """What the data give, by method (MxNE, irMxNE) and alpha.

    Attributes
    ----------
    n_active : array of int, shape (2, n_alphas)
        Active locations.
    explained, debiased : array, shape (2, n_alphas)
        Explained variance of the whitened data in percent, before and after debiasing.
    n_left, n_right : array of int, shape (2, n_alphas)
        Active locations by hemisphere.
    seconds : float
        For the path of all alphas, with reweighting.
    """

    n_active: NDArray[np.intp]
    explained: Floats
    debiased: Floats
    n_left: NDArray[np.intp]
    n_right: NDArray[np.intp]
    seconds: float


@dataclass(frozen=True)
class Race:
    """A solver against time.

    Attributes
    ----------
    solver : str
        "bcd" or "fista".
    active_set : bool
        Whether it has a working set.
    seconds, gaps : tuple of float
        Time and relative gap where it was stopped.
    """

    solver: str
    active_set: bool
    seconds: tuple[float, ...]
    gaps: tuple[float, ...]


def recorded_files(folder: str | os.PathLike[str] | None) -> dict[str, Path] | None:
    """Return the recording's files by kind; None where MXNE_RS_DATA has none.

    Parameters
    ----------
    folder : path | None
        Where they are; None takes the environment variable MXNE_RS_DATA.

    Raises
    ------
    FileNotFoundError
        Where the folder given has not all of them.

    Examples
    --------
    >>> from papers.prni2014_recorded import recorded_files
    >>> recorded_files("nowhere")
    Traceback (most recent call last):
    FileNotFoundError: data: there is no auditory-ave.fif in nowhere
    """
    is_given = folder is not None
    folder = Path(folder if folder is not None else os.environ.get("MXNE_RS_DATA", ""))
    files = {
        "evoked": folder / "auditory-ave.fif",
        "forward": folder / "cortex-7498-meg-fwd.fif",
        "noise_cov": folder / "noise-cov.fif",
    }
    for path in files.values():
        if not path.is_file():
            if is_given:
                raise FileNotFoundError(f"data: there is no {path.name} in {folder}")
            return None
    return files


def read_recorded(files: dict[str, Path]) -> tuple[Any, Any, Any]:
    """Read the evoked response (its magnetometers, in the window), forward solution, covariance.

    Parameters
    ----------
    files : dict of str to pathlib.Path
        Those of `recorded_files`.

    Returns
    -------
    evoked, forward, noise_cov : mne.Evoked, mne.Forward, mne.Covariance
    """
    import mne

    evoked = mne.read_evokeds(files["evoked"], condition="Left Auditory", verbose="ERROR")
    forward = mne.read_forward_solution(files["forward"], verbose="ERROR")
    noise_cov = mne.read_cov(files["noise_cov"], verbose="ERROR")
    return evoked.pick("mag", verbose="ERROR").crop(*WINDOW), forward, noise_cov


def _model(files: dict[str, Path], loose: float) -> tuple[Any, Floats]:
    """The same, whitened and weighted."""
    import mne

    evoked, forward, noise_cov = read_recorded(files)
    with mne.utils.use_log_level("ERROR"):
        model = prepare_model(evoked.info, forward, noise_cov, loose=loose, depth=DEPTH)
    return model, model.whiten(evoked)


def evaluate_recorded(files: dict[str, Path]) -> Recorded:
    """Solve along alpha with fixed orientation, as section II-D describes.

    Parameters
    ----------
    files : dict of str to pathlib.Path
        Those of `recorded_files`.

    Returns
    -------
    Recorded
    """
    model, data = _model(files, 0.0)
    percent = percent_of(model, data)
    path = solve_path(
        model.gain, data, percent * PERCENTS, n_reweights=N_REWEIGHTS,
        amplitude_unit="mne", tol=TOL, max_iter=100_000, verbose=False,
    )  # fmt: skip
    seconds = sum(one.elapsed for one in path)
    left = np.concatenate(
        [np.full(len(space["vertno"]), space["id"] == 101) for space in model.forward["src"]]
    )
    found = [(list(path.convex)), list(path.solutions)]
    n_active = np.array([[one.active_set.sum() for one in row] for row in found])
    n_left = np.array([[(one.active_set & left).sum() for one in row] for row in found])
    explained = np.array([[100 * one.explained_variance for one in row] for row in found])
    debiased = np.zeros_like(explained)
    energy = float(np.sum(data**2))
    for i, row in enumerate(found):
        for j, one in enumerate(row):
            rest = data - fitted(model.gain, data, one, True)
            debiased[i, j] = 100 * (1 - np.sum(rest**2) / energy)
    return Recorded(n_active, explained, debiased, n_left, n_active - n_left, seconds)


def race_solvers(files: dict[str, Path]) -> list[Race]:
    """Time BCD and FISTA, with and without a working set, in loose orientation (figure 2).

    Parameters
    ----------
    files : dict of str to pathlib.Path
        Those of `recorded_files`.

    Returns
    -------
    list of Race
    """
    model, data = _model(files, 0.2)
    alpha = RACE_PERCENT / 100 * float(alpha_max(model.gain, data))
    # What is prepared with the first solve is no part of the race.
    solve_mxne(model.gain, data, alpha, tol=1e-2, verbose=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return [
            _race(model.gain, data, alpha, solver, active_set)
            for solver in ("bcd", "fista")
            for active_set in (True, False)
        ]


def _race(gain: Gain, data: Floats, alpha: float, solver: str, active_set: bool) -> Race:
    """One of them, stopped at several times."""
    seconds, gaps = [], []
    for budget in BUDGETS:
        solution = solve_mxne(
            gain, data, alpha, solver=solver, tol=TOL, max_iter=1_000_000,
            active_set_size=10 if active_set else None, time_limit=budget, n_threads=1,
            verbose=False,
        )  # fmt: skip
        seconds.append(solution.elapsed)
        gaps.append(solution.gap)
        if solution.converged:
            break
    return Race(solver, active_set, tuple(seconds), tuple(gaps))
