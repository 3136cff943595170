"""The recorded part of PRNI 2014: active set and explained variance against alpha, and timings."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxne_rs import ConvergenceWarning, Gain, alpha_max, solve_mxne, solve_path
from mxne_rs._arguments.convert import Floats
from mxne_rs.inverse.model import Model, prepare_model
from mxne_rs.solve.debias import fitted

from .prni2014 import PERCENTS

#: The recording: evoked response, forward solution, noise covariance.
FILES = ("auditory-ave.fif", "cortex-7498-meg-fwd.fif", "noise-cov.fif")
#: Section II-D: the window in s, the depth weighting.
WINDOW, DEPTH = (0.06, 0.12), 0.8
N_REWEIGHTS, TOL = 20, 1e-6
#: Seconds that a solver may take, from the first look to the last.
BUDGETS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
#: Where solvers are timed.
RACE_PERCENT = 40.0


@dataclass(frozen=True, eq=False)
class Recorded:
    """What the data give: rows MxNE and irMxNE, columns alphas."""

    n_active: NDArray[np.intp]
    #: Explained variance of the whitened data in percent, before and after debiasing.
    explained: Floats
    debiased: Floats
    #: Active locations by hemisphere.
    n_left: NDArray[np.intp]
    n_right: NDArray[np.intp]
    #: For the path of all alphas, with reweighting.
    seconds: float

    @property
    def added(self) -> Floats:
        """Points that debiasing adds."""
        return np.asarray(self.debiased - self.explained)

    @property
    def found(self) -> NDArray[np.bool_]:
        """Alphas at which MxNE finds something."""
        return np.asarray(self.n_active[0] > 0)

    @property
    def difference(self) -> Floats:
        """Points between irMxNE and debiased MxNE, where that finds something."""
        return np.asarray(np.abs(self.explained[1] - self.debiased[0])[self.found])

    def at(self, method: int, percent: int) -> tuple[int, int, float]:
        """Locations on the left and on the right, and explained variance, at an alpha."""
        k = int(np.flatnonzero(percent == PERCENTS)[0])
        left, right = self.n_left[method, k], self.n_right[method, k]
        return int(left), int(right), float(self.explained[method, k])


@dataclass(frozen=True)
class Race:
    """A solver ("bcd", "fista") against time: seconds and relative gap where it was stopped."""

    solver: str
    active_set: bool
    seconds: tuple[float, ...]
    gaps: tuple[float, ...]

    def time_to(self, gap: float) -> tuple[float, bool]:
        """Seconds until a gap was reached; or until the end, before that."""
        times = [time for time, one in zip(self.seconds, self.gaps, strict=True) if one <= gap]
        return (times[0], True) if times else (self.seconds[-1], False)


def read_recorded(files: Sequence[Path]) -> tuple[Any, Any, Any]:
    """Read evoked response (its magnetometers, in the window), forward solution, covariance."""
    import mne

    with mne.utils.use_log_level("ERROR"):
        evoked = mne.read_evokeds(files[0], condition="Left Auditory").pick("mag").crop(*WINDOW)
        return evoked, mne.read_forward_solution(files[1]), mne.read_cov(files[2])


def _model(files: Sequence[Path], loose: float) -> tuple[Model, Floats]:
    """The same, whitened and weighted."""
    import mne

    evoked, forward, noise_cov = read_recorded(files)
    with mne.utils.use_log_level("ERROR"):
        model = prepare_model(evoked.info, forward, noise_cov, loose=loose, depth=DEPTH)
    return model, model.whiten(evoked)


def evaluate_recorded(files: Sequence[Path]) -> Recorded:
    """Solve along alpha with fixed orientation, as section II-D describes."""
    model, data = _model(files, 0.0)
    gain = model.gain
    path = solve_path(
        gain, data, float(alpha_max(gain, data)) / 100 * PERCENTS, n_reweights=N_REWEIGHTS,
        amplitude_unit="mne", tol=TOL, max_iter=100_000, verbose=False,
    )  # fmt: skip
    left = np.concatenate(
        [np.full(len(space["vertno"]), space["id"] == 101) for space in model.forward["src"]]
    )
    energy = float(np.sum(data**2))
    found = (path.convex, path.solutions)
    n_active, n_left, explained, debiased = (
        np.array([[measure(one) for one in solutions] for solutions in found])
        for measure in (
            lambda one: one.active_set.sum(),
            lambda one: (one.active_set & left).sum(),
            lambda one: 100 * one.explained_variance,
            lambda one: 100 * (1 - np.sum((data - fitted(gain, data, one, True)) ** 2) / energy),
        )
    )
    seconds = sum(one.elapsed for one in path)
    return Recorded(n_active, explained, debiased, n_left, n_active - n_left, seconds)


def race_solvers(files: Sequence[Path]) -> list[Race]:
    """Time BCD and FISTA, with and without a working set, in loose orientation (figure 2)."""
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
    """Stop one of them at several times."""
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
