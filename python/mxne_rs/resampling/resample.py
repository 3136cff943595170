"""Draw resamples of trials, and solve the path of the average of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arguments.convert import Floats, as_count, as_flag, as_number, number_or_name, quoted
from ..alpha.criteria import draw_trials
from ..alpha.sure import random_stream
from ..solve.debias import amplitudes
from ..solve.gain import Gain
from ..solve.many import solve_path
from ..solve.single import alpha_max
from ..study.run import run_study
from ..study.study import Part, Study


@dataclass(frozen=True, eq=False)
class Resampled:
    """Counts, amplitudes and explained variance over the paths of all resamples."""

    percents: Floats
    """Decreasing alphas, in percent of each resample's alpha_max."""
    counts: NDArray[np.intp]
    """Number of resamples in which a location is active, (n_alphas, n_locations)."""
    peaks: Floats
    """Sum over these of the peak amplitudes of a location (over time, norm over orientations)."""
    squares: Floats
    """The same of their squares."""
    n_active: NDArray[np.intp]
    """Active locations of each answer, (n_resamples, n_alphas)."""
    n_ever: NDArray[np.intp]
    """Those active at this alpha or a larger one."""
    explained: Floats
    """Part of the power of each average that is explained, (n_resamples, n_alphas)."""
    debiased: Floats
    """The same after debiasing."""
    n_short: int
    """Answers whose gap was not reached."""

    @property
    def probability(self) -> Floats:
        """Part of the resamples in which each location is active, (n_alphas, n_locations)."""
        return np.asarray(self.counts / len(self.n_active))


def resample(
    gain: Gain,
    trials: Floats,
    percents: Floats,
    *,
    n_resamples: int,
    subsample: float,
    bootstrap: bool,
    n_reweights: int,
    amplitude_unit: float | str = "relative",
    tol: float,
    max_iter: int = 100_000,
    rng: Any,
    scale: Floats | None = None,
    **run_options: Any,
) -> Resampled:
    """Solve the path of the average of each resample, at alphas in percent of its alpha_max.

    Gain and trials (n_trials, n_sensors, n_times) are whitened, the alphas decrease. `bootstrap`
    draws as many trials as there are, with replacement; otherwise `subsample` is the part that is
    drawn without. Each resample has its own stream. `scale`, (n_locations * n_orient,), leads from
    amplitudes on `gain` to those in the result. `run_options` are those of `run_study`.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> from mxne_rs.resampling.resample import resample
    >>> rng = np.random.default_rng(0)
    >>> gain = rng.standard_normal((20, 60))
    >>> signal = gain[:, [7]] @ rng.standard_normal((1, 30))
    >>> trials = signal + 3 * rng.standard_normal((20, 20, 30))
    >>> result = resample(
    ...     mxne_rs.Gain(gain), trials, np.array([80.0, 60.0]), n_resamples=5, subsample=0.8,
    ...     bootstrap=False, n_reweights=1, tol=1e-6, rng=0, verbose=False,
    ... )
    >>> result.probability[:, 7]
    array([1., 1.])
    """
    n_resamples = as_count("n_resamples", n_resamples, 1)
    part = as_number("subsample", subsample, "give the part of the trials in a resample, below 1")
    if len(trials) < 2:
        raise ValueError(f"there is {len(trials)} trial; give two or more")
    if not as_flag("bootstrap", bootstrap) and round(part * len(trials)) >= len(trials):
        raise ValueError(
            f"subsample is {quoted(subsample)}, which is all of {len(trials)} trials: every "
            "resample would be the same; give less, or more trials"
        )
    columns = gain.columns(np.arange(gain.n_locations))
    arrays = {"gain": columns, "trials": np.ascontiguousarray(trials)}
    if scale is not None:
        arrays["scale"] = scale
    study = Study(
        "resamples",
        [f"resample-{number:04d}" for number in range(n_resamples)],
        _prepare,
        _solve,
        arrays,
        {
            "n_orient": gain.n_orient,
            "percents": percents.tolist(),
            "subsample": part,
            "bootstrap": as_flag("bootstrap", bootstrap),
            "n_reweights": n_reweights,
            "amplitude_unit": number_or_name("amplitude_unit", amplitude_unit),
            "tol": tol,
            "max_iter": max_iter,
            "seed": as_seed(rng),
        },
        n_solves=len(percents),
    )
    return _combined(run_study(study, **run_options), percents, gain.n_locations)


def as_seed(rng: Any) -> int:
    """Return an integer from which streams are seeded: the one given, or a random one."""
    if isinstance(rng, (int, np.integer)) and not isinstance(rng, (bool, np.bool_)):
        return as_count("rng", rng, 0)
    return int(random_stream(rng).random() * 2**53)


def _prepare(
    arrays: Mapping[str, NDArray[Any]], settings: Mapping[str, Any]
) -> tuple[Gain, Mapping[str, NDArray[Any]], Mapping[str, Any]]:
    return Gain(arrays["gain"], settings["n_orient"]), arrays, settings


def _solve(prepared: tuple[Gain, Mapping[str, Any], Mapping[str, Any]], key: str) -> Part:
    gain, arrays, settings = prepared
    number = int(key.removeprefix("resample-"))
    rng = np.random.default_rng(np.random.SeedSequence([settings["seed"], number]))
    trials = arrays["trials"]
    drawn = draw_trials(len(trials), settings["subsample"], settings["bootstrap"], rng)
    average = trials[drawn].mean(axis=0)
    percent, o = 0.01 * float(alpha_max(gain, average)) or 1.0, gain.n_orient
    path = solve_path(
        gain, average, percent * np.array(settings["percents"]), tol=settings["tol"],
        n_reweights=settings["n_reweights"], amplitude_unit=settings["amplitude_unit"],
        max_iter=settings["max_iter"], n_threads=1, verbose=False,
    )  # fmt: skip
    scale = arrays.get("scale", np.ones(1))
    scale = np.broadcast_to(scale, gain.n_locations * o).reshape(-1, o)
    ever = np.zeros(gain.n_locations, dtype=bool)
    active, peaks, rows = [], [], []
    energy = float(np.sum(average**2))
    for solution in path:
        locations = np.flatnonzero(solution.active_set)
        ever[locations] = True
        x = amplitudes(gain, average, solution, True)
        moments = x.reshape(len(locations), o, x.shape[1])
        moments = moments * scale[locations][:, :, np.newaxis]
        active.append(locations)
        peaks.append(np.linalg.norm(moments, axis=1).max(axis=1, initial=0.0))
        rest = float(np.sum((average - gain.columns(locations) @ x) ** 2))
        explained = 1 - rest / energy if energy else 0.0
        rows.append((len(locations), ever.sum(), solution.explained_variance, explained))
    return {
        "locations": np.concatenate(active),
        "peaks": np.concatenate(peaks),
        "rows": np.array(rows, dtype=np.float64),
        "n_short": np.array(sum(not solution.converged for solution in path)),
    }


def _combined(parts: list[Part], percents: Floats, n_locations: int) -> Resampled:
    shape = (len(percents), n_locations)
    counts = np.zeros(shape, dtype=np.intp)
    peaks, squares = np.zeros(shape), np.zeros(shape)
    rows = np.stack([part["rows"] for part in parts])
    for part in parts:
        ends = np.cumsum(part["rows"][:, 0]).astype(np.intp)
        for k, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
            locations, values = part["locations"][start:end], part["peaks"][start:end]
            counts[k, locations] += 1
            peaks[k, locations] += values
            squares[k, locations] += values**2
    return Resampled(
        percents=percents,
        counts=counts,
        peaks=peaks,
        squares=squares,
        n_active=rows[:, :, 0].astype(np.intp),
        n_ever=rows[:, :, 1].astype(np.intp),
        explained=rows[:, :, 2],
        debiased=rows[:, :, 3],
        n_short=sum(int(part["n_short"]) for part in parts),
    )
