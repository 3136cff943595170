"""The simulation of PRNI 2014: F1 against alpha, MxNE and irMxNE."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mxne_rs import Gain, Solution, alpha_max, solve_path
from mxne_rs._arguments.convert import Floats
from mxne_rs.study import Part, Study, run_study

#: Section II-C of the paper.
N_SENSORS, N_LOCATIONS, N_ACTIVE, N_TIMES, DECAY = 20, 200, 5, 50, 0.95


class Setting(NamedTuple):
    """One of the four simulations."""

    correlated: bool
    snr: float

    def __str__(self) -> str:
        """As the report calls it."""
        return f"{'correlated' if self.correlated else 'uncorrelated'}, SNR {self.snr:g}"


SETTINGS = (Setting(False, 10), Setting(False, 2), Setting(True, 10), Setting(True, 2))
#: irMxNE depends on the unit of the amplitudes: that of the simulation, and that of MNE, where
#: alpha_max is 100.
METHODS = ("MxNE", "irMxNE", "irMxNE, MNE's units")
#: Of alpha_max.
PERCENTS: Floats = np.arange(95.0, 0.0, -5.0)
#: Convex problems at most, and the relative gap of each.
N_REWEIGHTS, TOL = 10, 1e-6


class Draw(NamedTuple):
    """A simulated problem."""

    #: (20, 200), columns of length 1.
    gain: Floats
    #: (20, 50), signal and white noise.
    data: Floats
    #: The 5 locations that are active, and what they do, (5, 50).
    active: NDArray[np.intp]
    sources: Floats


def draw_problem(seed: int, repetition: int, setting: Setting) -> Draw:
    """Draw a problem of section II-C.

    The two noise levels of a gain share all draws: they differ in the size of the noise.

    Examples
    --------
    >>> from papers.prni2014 import SETTINGS, draw_problem
    >>> draw = draw_problem(0, 3, SETTINGS[0])
    >>> signal = draw.gain[:, draw.active] @ draw.sources
    >>> round(float((signal**2).sum() / ((draw.data - signal) ** 2).sum()), 6)
    10.0
    """
    entropy = [seed, repetition, int(setting.correlated)]
    rng = np.random.default_rng(np.random.SeedSequence(entropy))
    gain = rng.standard_normal((N_SENSORS, N_LOCATIONS))
    if setting.correlated:
        places = np.arange(N_LOCATIONS)
        covariance = DECAY ** np.abs(places[:, np.newaxis] - places)
        gain = gain @ np.linalg.cholesky(covariance).T
    gain /= np.linalg.norm(gain, axis=0)
    active = np.sort(rng.choice(N_LOCATIONS, N_ACTIVE, replace=False))
    sources = rng.standard_normal((N_ACTIVE, N_TIMES))
    signal = gain[:, active] @ sources
    noise = rng.standard_normal((N_SENSORS, N_TIMES))
    size = np.linalg.norm(signal) / np.linalg.norm(noise) / np.sqrt(setting.snr)
    return Draw(gain, signal + size * noise, active, sources)


@dataclass(frozen=True, eq=False)
class Scores:
    """What was found in all draws, (n_settings, n_methods, n_alphas, n_repetitions)."""

    #: The paper's equation 5.
    f1: Floats
    #: Number of active locations.
    n_active: NDArray[np.intp]
    #: ``|X|`` over that of the simulation, on the locations that are active in both.
    amplitude: Floats
    #: Problems whose gap was not reached.
    n_short: int

    @property
    def curves(self) -> Floats:
        """Mean F1, shape (n_settings, n_methods, n_alphas)."""
        return np.asarray(self.f1.mean(axis=-1))


def score_draws(repetitions: int, seed: int, **how: Any) -> Scores:
    """Solve all draws by all methods, as `mxne_rs.study.run_study` does with its arguments.

    Examples
    --------
    >>> from papers.prni2014 import score_draws
    >>> scores = score_draws(2, seed=0, verbose=False)
    >>> scores.f1.shape, scores.n_short
    ((4, 3, 19, 2), 0)
    """
    study = Study(
        "PRNI 2014",
        [f"draw-{repetition:04d}" for repetition in range(repetitions)],
        _prepare,
        _solve,
        settings={"seed": seed, "percents": PERCENTS.tolist(), "rounds": N_REWEIGHTS, "tol": TOL},
        n_solves=len(SETTINGS) * len(METHODS) * len(PERCENTS),
    )
    parts = run_study(study, **how)
    f1, n_active, amplitude = (
        np.stack([part[name] for part in parts], axis=-1)
        for name in ("f1", "n_active", "amplitude")
    )
    return Scores(f1, n_active, amplitude, sum(int(part["n_short"]) for part in parts))


def _prepare(_: Mapping[str, NDArray[Any]], settings: Mapping[str, Any]) -> int:
    return int(settings["seed"])


def _solve(seed: int, key: str) -> Part:
    """All settings, methods and alphas of one repetition."""
    shape = (len(SETTINGS), len(METHODS), len(PERCENTS))
    f1, amplitude = np.zeros(shape), np.zeros(shape)
    n_active = np.zeros(shape, dtype=np.intp)
    n_short = 0
    for i, setting in enumerate(SETTINGS):
        draw = draw_problem(seed, int(key.removeprefix("draw-")), setting)
        for j, path in enumerate(_paths(draw)):
            for k, solution in enumerate(path):
                found = solution.active_set
                hits = found[draw.active]
                n_active[i, j, k] = found.sum()
                f1[i, j, k] = 2 * hits.sum() / (found.sum() + N_ACTIVE)
                x = solution.x[draw.active[hits]]
                if hits.any():
                    true = np.linalg.norm(draw.sources[hits])
                    amplitude[i, j, k] = np.linalg.norm(x) / true
                n_short += not solution.converged
    return {
        "f1": f1, "n_active": n_active, "amplitude": amplitude, "n_short": np.array(n_short)
    }  # fmt: skip


def _paths(draw: Draw) -> list[tuple[Solution, ...]]:
    """Solve by each method along the alphas."""
    gain = Gain(draw.gain)
    alphas = float(alpha_max(gain, draw.data)) / 100 * PERCENTS
    raw, theirs = (
        solve_path(
            gain, draw.data, alphas, n_reweights=N_REWEIGHTS, amplitude_unit=unit, tol=TOL,
            n_threads=1, verbose=False,
        )
        for unit in (1.0, "mne")
    )  # fmt: skip
    return [raw.convex, raw.solutions, theirs.solutions]
