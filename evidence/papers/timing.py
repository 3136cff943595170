"""The paper's Figure 2: block coordinate descent and FISTA, with and without a working set."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mxne_rs import ConvergenceWarning, Gain, alpha_max, solve_irmxne, solve_mxne
from mxne_rs._arguments.convert import Floats

#: Locations of the small problem, its tolerance, and seconds that a solve may take.
N_LOCATIONS, TOL, LIMIT = 500, 1e-4, 4.0


@dataclass(frozen=True, eq=False)
class Timing:
    """Times of one run, one thread: their ratios mean something, they do not."""

    #: Alphas, rising.
    percents: tuple[float, ...]
    #: By whose solver, method and whether there is a working set; along the alphas, on the small
    #: problem. What the time limit stopped counts as the limit.
    seconds: dict[tuple[str, str, bool], list[float]]
    #: MxNE and irMxNE on all locations, this package's defaults.
    whole: list[float]
    reweighted: list[float]
    #: Median over locations of the step of block coordinate descent over that of FISTA.
    step: float
    #: Of the small problem, and of the whole one.
    n_locations: tuple[int, int]


def time_solvers(gain: Gain, data: Floats, percents: Sequence[float], seed: int) -> Timing:
    """Time this package's solvers and MNE's, which has no FISTA any more.

    The small problem has a random part of the locations, drawn from `seed`.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 2]))
    n_small = min(N_LOCATIONS, gain.n_locations)
    chosen = np.sort(rng.choice(gain.n_locations, n_small, replace=False))
    columns = gain.columns(chosen)
    small = Gain(columns, gain.n_orient)
    largest = alpha_max(small, data)
    alphas = [largest * percent / 100 for percent in percents]
    seconds: dict[tuple[str, str, bool], list[float]] = {}
    for method in ("bcd", "fista"):
        for size in (10, None):
            seconds["mxne_rs", method, size is not None] = [
                _elapsed(
                    solve_mxne, small, data, alpha, solver=method, active_set_size=size, tol=TOL,
                    max_iter=1_000_000, time_limit=LIMIT, n_threads=1, verbose=False,
                )
                for alpha in alphas
            ]  # fmt: skip
    for size in (10, None):
        seconds["MNE", "bcd", size is not None] = [
            _elapsed(_mne, columns, data, alpha, gain.n_orient, size) for alpha in alphas
        ]
    top = alpha_max(gain, data)
    how = {"tol": TOL, "n_threads": 1, "verbose": False}
    whole = [_elapsed(solve_mxne, gain, data, top * p / 100, **how) for p in percents]
    # MNE's unit as a number: "mne" costs a product with the gain to find it.
    how |= {"n_reweights": 10, "amplitude_unit": 100 / top}
    reweighted = [_elapsed(solve_irmxne, gain, data, top * p / 100, **how) for p in percents]
    largest_step = 1 / np.linalg.norm(columns, 2) ** 2
    step = float(np.median(1 / small.lipschitz) / largest_step)
    sizes = (n_small, gain.n_locations)
    return Timing(tuple(percents), seconds, whole, reweighted, step, sizes)


def _elapsed(solve: Callable[..., object], *arguments: object, **keywords: object) -> float:
    """Seconds of a call; where it is short, the least of several."""
    times: list[float] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        while not times or (len(times) < 9 and sum(times) < 0.15):
            begin = time.perf_counter()
            solve(*arguments, **keywords)
            times.append(time.perf_counter() - begin)
    return min(times)


def _mne(gain: Floats, data: Floats, alpha: float, n_orient: int, size: int | None) -> None:
    """MNE's solver to the same gap."""
    from mne.inverse_sparse.mxne_optim import mixed_norm_solver

    mixed_norm_solver(
        data, gain, alpha, tol=TOL * 0.5 * float(np.sum(data**2)), active_set_size=size,
        n_orient=n_orient, solver="bcd", debias=False, maxit=100_000, verbose="ERROR",
    )  # fmt: skip
