"""Check the options of `mixed_norm` that say how to solve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from .._arguments.convert import (
    Floats,
    as_count,
    as_flag,
    as_floats,
    as_number,
    number_or_name,
)
from .._arguments.warn import warn
from .._progress import wants_line
from ..solve.coefficients import as_stfts
from ..solve.options import EngineOptions, ReweightOptions, checked
from .options import SEED

#: Rules that `alpha` can name: those of `choose_alpha` that need no number and no trials.
RULES = ("noise", "sqrt", "sure", "cv", "map", "discrepancy", "gof")
#: Rules that find their alpha without a grid.
WITHOUT_GRID = ("noise", "sqrt", "map")
#: The grid of `sure_alpha_grid="auto"`, in percent: that of MNE 1.13.
AUTO_GRID = (100.0, 10.0, 15)


def auto_percents() -> Floats:
    """Return the percentages of `AUTO_GRID`."""
    return np.geomspace(*AUTO_GRID[:2], int(AUTO_GRID[2]))


@dataclass(frozen=True)
class Settings:
    """Checked options of a solve, before gain and data are known."""

    percent: float | None
    """alpha, or None where a rule chooses it."""
    rule: str
    """The method of `choose_alpha` where it does."""
    grid: Floats
    """Percentages that SURE chooses from."""
    sigma: float | str | None
    """Noise level that SURE assumes: a number, 'nave', or None for the level of the data."""
    n_directions: int
    rng: Any
    n_components: int | None
    """Temporal components to keep, None for all."""
    debias: bool
    reweight: ReweightOptions
    engine: EngineOptions


def make_settings(alpha: Any, options: Any) -> Settings:
    """Check all options but those of data and model, in MNE's order."""
    small = as_flag("allow_small_alpha", options["allow_small_alpha"])
    percent = _percent(alpha, RULES)
    if percent is not None:
        refuse_fractions("alpha", np.array([percent]), small)
    rounds = as_count("n_mxne_iter", options["n_mxne_iter"], 1)
    _check_dgap_freq(options["dgap_freq"])
    grid = _grid(options["sure_alpha_grid"], percent)
    refuse_fractions("sure_alpha_grid", grid, small)
    if percent is None:
        refuse_grid(alpha, options["sure_alpha_grid"])
    rng, random_state = options["rng"], options["random_state"]
    if rng is not None and rng is not SEED and random_state is not None:
        raise TypeError("Specify only one of rng and random_state")
    maxit = as_count("maxit", options["maxit"], 1)
    solver = array_solver(options["solver"])
    return Settings(
        percent=percent,
        rule=alpha if percent is None else "",
        grid=grid,
        sigma=_sigma(options["sure_sigma"]),
        n_directions=as_count("sure_directions", options["sure_directions"], 1),
        rng=rng if random_state is None else _legacy_stream(random_state),
        n_components=_n_components(options["time_pca"]),
        debias=as_flag("debias", options["debias"]),
        reweight=ReweightOptions(
            n_reweights=rounds,
            surrogate=options["surrogate"],
            amplitude_unit=number_or_name("amplitude_unit", options["amplitude_unit"]),
        ),
        engine=_engine(options, solver, maxit * rounds),
    )


def _engine(options: Any, solver: str, max_iter: int) -> EngineOptions:
    """Check the options of the solver; MNE's `maxit` is for each convex problem, ours for all."""
    engine: EngineOptions = EngineOptions(
        tol=as_number("tol", options["tol"], "give a relative duality gap such as 1e-4"),
        max_iter=max_iter,
        verbose=wants_line(options["verbose"]),
        solver=solver,
        **checked(options, ("active_set_size", "n_threads", "time_limit")),  # type: ignore[typeddict-item]
    )
    return engine


def warn_of_free_cd(solver: Any, fixed: bool) -> None:
    """Warn, as MNE does, where coordinate descent is asked for without fixed orientation."""
    if solver == "cd" and not fixed:
        warn(
            "Coordinate descent (solver='cd') is for fixed orientation only; "
            "block coordinate descent is used",
        )


def look_like_fractions(largest: float, several: bool) -> bool:
    """Return whether percentages look like fractions: one below 1, or several of at most 1."""
    return largest < 1 or (largest == 1 and several)


def refuse_fractions(name: str, percents: Floats, allowed: bool | None) -> None:
    """Raise where percentages look like fractions of alpha_max, unless these are allowed.

    ``allowed`` is None for a function without the argument `allow_small_alpha`.
    """
    largest, several = float(percents.max()), len(percents) > 1
    if allowed or not look_like_fractions(largest, several):
        return
    way = "" if allowed is None else f", or allow_small_alpha=True for {largest:g} %"
    raise ValueError(
        f"{name} is {largest:g}{' at most' * several}, but is in percent of alpha_max: give "
        f"{100 * largest:g} for that fraction of alpha_max{way}"
    )


def _sigma(sure_sigma: Any) -> float | str | None:
    if sure_sigma is None or (isinstance(sure_sigma, str) and sure_sigma == "nave"):
        return sure_sigma
    remedy = "give the standard deviation of the whitened noise, 'nave', or None for the data's"
    return as_number("sure_sigma", sure_sigma, remedy)


@dataclass(frozen=True)
class TfSettings:
    """Checked options of a solve of TF-MxNE, before gain and data are known."""

    percent: float
    frame: dict[str, Any]
    """l1_ratio, wsize and tstep."""
    window: tuple[float, float]
    """Seconds over which the data rise at the start and fall at the end."""
    debias: bool
    reweight: ReweightOptions
    engine: EngineOptions


def make_tf_settings(alpha: Any, l1_ratio: Any, options: Any) -> TfSettings:
    """Check all options of `tf_mixed_norm` but those of data and model."""
    small = as_flag("allow_small_alpha", options["allow_small_alpha"])
    percent = _as_percent(alpha, "give a percentage of alpha_max above 0 and below 100")
    refuse_fractions("alpha", np.array([percent]), small)
    remedy = "give a number from 0 (MxNE) to 1"
    ratio = as_number("l1_ratio", l1_ratio, remedy, zero=True)
    if ratio > 1:
        raise ValueError(f"l1_ratio is {ratio:g}; {remedy}")
    rounds = as_count("n_tfmxne_iter", options["n_tfmxne_iter"], 1)
    _check_dgap_freq(options["dgap_freq"])
    as_flag("pca", options["pca"])
    maxit = as_count("maxit", options["maxit"], 1)
    stfts = as_stfts(options["wsize"], options["tstep"])
    return TfSettings(
        percent=percent,
        frame={
            "l1_ratio": ratio,
            "wsize": [one.wsize for one in stfts],
            "tstep": [one.tstep for one in stfts],
        },
        window=_window(options["window"]),
        debias=as_flag("debias", options["debias"]),
        reweight=ReweightOptions(
            n_reweights=rounds,
            amplitude_unit=number_or_name("amplitude_unit", options["amplitude_unit"]),
        ),
        engine=_engine(options, array_solver(options["solver"]), maxit * rounds),
    )


def _window(window: Any) -> tuple[float, float]:
    """Return the seconds over which the data rise at the start and fall at the end."""
    if window is None:
        return 0.0, 0.0
    several = isinstance(window, list | tuple | np.ndarray)
    ends = list(window) if several else [window, window]
    if len(ends) != 2:
        raise ValueError(f"window has {len(ends)} entries; give one or two numbers of seconds")
    remedy = "give seconds, zero or a positive number, or None"
    start, end = (as_number("window", one, remedy, zero=True) for one in ends)
    return start, end


def _percent(alpha: Any, rules: Sequence[str]) -> float | None:
    remedy = "give a percentage of alpha_max above 0 and below 100, or one of " + ", ".join(
        map(repr, rules)
    )
    if isinstance(alpha, str):
        if alpha not in rules:
            raise ValueError(f"alpha is {alpha!r}; {remedy}")
        return None
    return _as_percent(alpha, remedy)


def _as_percent(alpha: Any, remedy: str) -> float:
    """Return a percentage of alpha_max."""
    if isinstance(alpha, bool | np.bool_) or not isinstance(alpha, Real):
        raise TypeError(f"alpha is {alpha!r}, not a number; {remedy}")
    percent = float(alpha)
    if not 0 < percent < 100:
        raise ValueError(f"alpha is {percent:g}; {remedy}")
    return percent


def _check_dgap_freq(dgap_freq: Any) -> None:
    """Check `dgap_freq` as MNE does; the solver itself computes the gap every five epochs."""
    if isinstance(dgap_freq, bool) or not isinstance(dgap_freq, Real):
        raise TypeError(f"dgap_freq is {dgap_freq!r}, not a number; give a positive one")
    if not float(dgap_freq) > 0:
        raise ValueError(f"dgap_freq is {dgap_freq}; give a positive number")


def _grid(sure_alpha_grid: Any, percent: float | None) -> Floats:
    remedy = "give percentages of alpha_max above 0, at most 100, or 'auto'"
    if isinstance(sure_alpha_grid, str):
        if sure_alpha_grid != "auto":
            raise ValueError(f"sure_alpha_grid is {sure_alpha_grid!r}; {remedy}")
        return auto_percents()
    if percent is not None:
        raise ValueError(
            f"sure_alpha_grid is given, but alpha is {percent:g}: the grid is for a rule that "
            "chooses from it, such as alpha='sure'"
        )
    try:
        grid = as_floats("sure_alpha_grid", sure_alpha_grid, 1)
    except TypeError:  # a ValueError in MNE
        raise ValueError(f"sure_alpha_grid is {sure_alpha_grid!r}; {remedy}") from None
    if not (grid > 0).all() or not (grid <= 100).all():
        raise ValueError(f"sure_alpha_grid reaches from {grid.min()} to {grid.max()}; {remedy}")
    return grid


def refuse_grid(rule: str, sure_alpha_grid: Any) -> None:
    """Raise where a grid is given to a rule that has none."""
    if rule in WITHOUT_GRID and not isinstance(sure_alpha_grid, str):
        raise ValueError(
            f"sure_alpha_grid is given, but the rule {rule!r} finds its own alpha; leave it out, "
            "or choose another rule, such as 'sure'"
        )


def _legacy_stream(random_state: Any) -> Any:
    """Return NumPy's legacy stream, which MNE seeds with an integer `random_state`."""
    if isinstance(random_state, np.random.RandomState | np.random.Generator):
        return random_state
    try:
        return np.random.RandomState(random_state)
    except (TypeError, ValueError):
        raise ValueError(
            f"random_state is {random_state!r}; give None, a seed or a RandomState"
        ) from None


def _n_components(time_pca: Any) -> int | None:
    """Return the number of temporal components to keep, None for all."""
    if isinstance(time_pca, bool | np.bool_):
        return None
    if not isinstance(time_pca, Integral):
        raise TypeError(f"time_pca is {time_pca!r}; give a bool or an integer")
    if time_pca < 0:
        raise ValueError(f"time_pca is {time_pca}; give a positive number of components")
    return int(time_pca) or None


def array_solver(solver: Any) -> str:
    """Return the name that the array functions have for a solver."""
    if not isinstance(solver, str):
        raise TypeError(f"solver is {solver!r}; give 'auto', 'bcd', 'cd' or 'fista'")
    if solver not in ("auto", "bcd", "cd", "fista"):
        raise ValueError(f"solver is {solver!r}; give 'auto', 'bcd', 'cd' or 'fista'")
    return "fista" if solver == "fista" else "bcd"
