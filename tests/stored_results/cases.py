"""Calls the solvers on arrays, on small problems drawn with fixed seeds."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np

import mxne_rs
from answers import case

ONE: dict[str, Any] = {"n_threads": 1, "verbose": False}
UNITS = ("relative", "largest", "mne", "gain", 2.5)


def problem(n_orient: int = 1, n_times: int = 20, n_locations: int = 60) -> tuple[Any, Any]:
    """Draw a gain of 30 sensors with columns alike, and the field of two locations with noise."""
    rng = np.random.default_rng(7)
    n_columns = n_locations * n_orient
    gain = rng.standard_normal((30, 10)) @ rng.standard_normal((10, n_columns))
    gain += rng.standard_normal(gain.shape)
    columns = np.r_[11 * n_orient : 12 * n_orient, 40 * n_orient : 41 * n_orient]
    courses = rng.standard_normal((len(columns), n_times))
    return gain, gain[:, columns] @ courses + rng.standard_normal((30, n_times))


def part(gain: Any, data: Any, share: float = 0.1, **options: Any) -> float:
    """Return a part of alpha_max."""
    return share * mxne_rs.alpha_max(gain, data, **options)


def some_weights() -> Any:
    """Draw weights of 60 locations, of which one is excluded."""
    weights = np.random.default_rng(8).uniform(0.5, 2, 60)
    weights[3] = np.inf
    return weights


@case()
def solve_mxne() -> Any:
    gain, data = problem()
    alpha = part(gain, data)
    gain3, data3 = problem(3)
    low_rank = data[:, :3] @ np.random.default_rng(1).standard_normal((3, 50))
    first = mxne_rs.solve_mxne(gain, data, 2 * alpha, **ONE)

    def solve(**options: Any) -> Any:
        return mxne_rs.solve_mxne(gain, data, alpha, **ONE, **options)

    return {
        "default": solve(),
        "all_rows": solve().x,
        "exact": solve(tol=1e-10),
        "weights": solve(weights=some_weights()),
        "ridge": solve(ridge=2.0),
        "fista": solve(solver="fista"),
        "fista_ridge": solve(solver="fista", ridge=1.0, active_set_size=None),
        "no_working_set": solve(active_set_size=None),
        "small_working_set": solve(active_set_size=1),
        "init": solve(init=first),
        "init_array": solve(init=first.x),
        "free": mxne_rs.solve_mxne(gain3, data3, part(gain3, data3, n_orient=3), n_orient=3, **ONE),
        "prepared": mxne_rs.solve_mxne(mxne_rs.Gain(gain3, 3), data3, 40.0, **ONE),
        "low_rank": mxne_rs.solve_mxne(gain, low_rank, part(gain, low_rank), **ONE),
        "one_sample": mxne_rs.solve_mxne(gain, data[:, :1], part(gain, data[:, :1]), **ONE),
        "zero": mxne_rs.solve_mxne(gain, 0 * data, 1.0, **ONE),
        "many": mxne_rs.solve_mxne(gain, data, 0.02 * alpha, **ONE),
    }


@case()
def solve_mxne_with_warnings() -> Any:
    gain, data = problem()
    alpha = part(gain, data)
    return {
        "few_epochs": mxne_rs.solve_mxne(gain, data, alpha, max_iter=5, tol=1e-9, **ONE),
        "tiny": mxne_rs.solve_mxne(gain, data, 1e-5 * alpha, max_iter=5, tol=1e-9, **ONE),
        "above": mxne_rs.solve_mxne(gain, data, 10 * alpha, **ONE),
        "percent": mxne_rs.solve_mxne(gain / 10, data / 10, 60.0, **ONE),
    }


def reweighted(surrogate: str) -> Any:
    """Solve irMxNE with each unit, and with other options."""
    gain, data = problem()
    alpha = part(gain, data)
    gain3, data3 = problem(3)

    def solve(**options: Any) -> Any:
        return mxne_rs.solve_irmxne(gain, data, alpha, surrogate=surrogate, **ONE, **options)

    return {
        **{f"unit_{unit}": solve(amplitude_unit=unit) for unit in UNITS},
        "options": solve(weights=some_weights(), ridge=0.5, tol_reweight=1e-3, solver="fista"),
        "unsettled": solve(n_reweights=2),
        "single": solve(n_reweights=1),
        "short": solve(max_iter=8, tol=1e-9),
        "free": mxne_rs.solve_irmxne(
            gain3, data3, part(gain3, data3, n_orient=3), n_orient=3, surrogate=surrogate, **ONE
        ),
    }


@case()
def solve_irmxne() -> Any:
    return reweighted("sqrt")


@case()
def solve_irmxne_with_logarithm() -> Any:
    return reweighted("log")


@case()
def solve_irmxne_emptied() -> Any:
    gain, data = problem()
    return mxne_rs.solve_irmxne(gain, data, part(gain, data), amplitude_unit=1e6, **ONE)


@case()
def certificates() -> Any:
    gain, data = problem()
    gain3, data3 = problem(3)
    alpha = part(gain, data)
    found = mxne_rs.solve_mxne(gain, data, alpha, tol=1e-3, **ONE)
    weights = some_weights()
    block = data[:3]
    return {
        "alpha_max": mxne_rs.alpha_max(gain, data),
        "alpha_max_weights": mxne_rs.alpha_max(gain, data, weights=weights),
        "alpha_max_free": mxne_rs.alpha_max(gain3, data3, n_orient=3),
        "alpha_max_zero": mxne_rs.alpha_max(gain, 0 * data),
        "gap": mxne_rs.duality_gap(gain, data, found, alpha),
        "gap_array": mxne_rs.duality_gap(gain, data, found.x + 0.01, alpha, ridge=0.5),
        "gap_weights": mxne_rs.duality_gap(gain, data, 0 * found.x, alpha, weights=weights),
        "threshold": mxne_rs.group_soft_threshold(block, 2.0),
        "threshold_all": mxne_rs.group_soft_threshold(block, 1e3),
    }


@case()
def gains() -> Any:
    rng = np.random.default_rng(3)
    blind = rng.standard_normal((20, 40, 3))
    blind[:, :, 2] = blind[:, :, 0] + 0.01 * blind[:, :, 2]
    gain = mxne_rs.Gain(problem(3)[0], 3)
    again = pickle.loads(pickle.dumps(gain))
    return {
        "gain": gain,
        "repr": repr(gain),
        "columns": gain.columns([5, 2]),
        "mask": gain.columns(np.arange(60) == 7),
        "pickled": again,
        "pickled_columns": again.columns(np.arange(60)),
        "of_meg": repr(mxne_rs.Gain(blind.reshape(20, 120))),
    }


@case()
def debias() -> Any:
    gain, data = problem()
    gain3, data3 = problem(3)
    found = mxne_rs.solve_mxne(gain, data, part(gain, data, 0.15), **ONE)
    free = mxne_rs.solve_mxne(gain3, data3, part(gain3, data3, n_orient=3), n_orient=3, **ONE)
    return {
        "solution": mxne_rs.debias(gain, data, found),
        "array": mxne_rs.debias(gain, 0.9 * data, found.x),
        "free": mxne_rs.debias(mxne_rs.Gain(gain3, 3), data3, free),
    }


@case()
def solve_path() -> Any:
    gain, data = problem()
    gain3, data3 = problem(3)
    alpha = part(gain, data)
    return {
        "default": mxne_rs.solve_path(gain, data, n_alphas=5, **ONE),
        "given": mxne_rs.solve_path(gain, data, [alpha, 2 * alpha, alpha], ridge=1.0, **ONE),
        "reweighted": mxne_rs.solve_path(gain, data, n_alphas=4, n_reweights=10, **ONE),
        "free": mxne_rs.solve_path(
            gain3, data3, n_alphas=4, eps=0.3, n_orient=3, n_reweights=5, surrogate="log", **ONE
        ),
        "short": mxne_rs.solve_path(gain, data, n_alphas=3, max_iter=5, tol=1e-9, **ONE),
        "above": repr(mxne_rs.solve_path(gain, data, [9 * alpha, 8 * alpha], **ONE)),
    }


@case()
def solve_batch() -> Any:
    gain, data = problem()
    alpha = part(gain, data)
    both = np.stack([data, data[:, ::-1] + 0.1])
    return {
        "cube": mxne_rs.solve_batch(gain, both, alpha, **ONE),
        "list": mxne_rs.solve_batch(gain, [data, data[:, :4]], [alpha, alpha / 2], **ONE),
        "reweighted": mxne_rs.solve_batch(
            gain, both, alpha, n_reweights=5, amplitude_unit="gain", ridge=0.1, **ONE
        ),
        "short": mxne_rs.solve_batch(gain, both, alpha, max_iter=5, tol=1e-9, **ONE),
        "emptied": mxne_rs.solve_batch(gain, both, alpha, n_reweights=5, amplitude_unit=1e6, **ONE),
        "nothing": mxne_rs.solve_batch(gain, [], alpha, **ONE),
    }


@case()
def solve_sure() -> Any:
    gain, data = problem()
    gain3, data3 = problem(3)
    short = {"n_alphas": 6, **ONE}
    again: dict[str, Any] = {"n_reweights": 10, "eps": 0.005, **short}
    unlike = np.random.default_rng(7).standard_normal((30, 60))
    other = unlike[:, [11, 40]] @ data[:2] + data[2:3] * unlike[:, :1]
    other += np.random.default_rng(8).standard_normal(data.shape)
    sigma = np.linspace(0.8, 1.2, 20)
    return {
        "mxne": mxne_rs.solve_sure(gain, data, **short),
        "irmxne": mxne_rs.solve_sure(gain, data, **again),
        "mne": mxne_rs.solve_sure(gain, data, amplitude_unit="mne", **again),
        "sigmas": mxne_rs.solve_sure(gain, data, sigma=sigma, n_directions=2, **again),
        "debias": mxne_rs.solve_sure(gain, data, debias=True, rng=4, **again),
        "legacy": mxne_rs.solve_sure(gain, data, rng=np.random.RandomState(1), **again),
        "free": mxne_rs.solve_sure(gain3, data3, n_orient=3, **again),
        "unlike": mxne_rs.solve_sure(unlike, other, n_reweights=5, n_alphas=9, eps=0.01, **ONE),
        "edge": mxne_rs.solve_sure(gain, data, [90.0, 80.0], n_reweights=3, **ONE),
        "short": repr(mxne_rs.solve_sure(gain, data, max_iter=9, tol=1e-9, **short)),
    }


@case()
def choose_alpha() -> Any:
    gain, data = problem()
    rng = np.random.default_rng(2)
    trials = np.stack([data + rng.standard_normal(data.shape) for _ in range(6)])

    def choose(method: str, array: Any = data, **options: Any) -> Any:
        return mxne_rs.choose_alpha(
            gain, array, method=method, n_alphas=7, eps=0.003, **ONE, **options
        )

    return {
        "sure": choose("sure", n_reweights=5),
        "sure_trials": choose("sure", trials, n_reweights=5, rng=3),
        "cv": choose("cv", n_folds=3),
        "cv_debias": choose("cv", n_folds=3, n_reweights=5, debias=True, rng=1),
        "stability": choose("stability", trials, n_resamples=8),
        "map": mxne_rs.choose_alpha(gain, data, method="map", **ONE),
        "map_reweighted": mxne_rs.choose_alpha(gain, data, method="map", n_reweights=5, **ONE),
        "discrepancy": choose("discrepancy"),
        "discrepancy_debias": choose("discrepancy", debias=True, sigma=1.1),
        "gof": choose("gof", gof=0.6),
        "n_sources": choose("n_sources", n_sources=2),
        "out_of_reach": choose("gof", gof=0.999),
    }
