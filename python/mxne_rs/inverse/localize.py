"""Solving on MNE objects: a Model, data and Settings in, a Localization out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from .._arguments.convert import Floats
from .._arguments.warn import warn
from ..alpha.sure import solve_sure
from ..solve.debias import debias as find_factors
from ..solve.many import solve_batch
from ..solve.single import alpha_max, solve_irmxne, solve_mxne
from ..solve.solution import Solution
from .data import MNE_LOCK, as_evokeds, noise_level
from .localization import Localization
from .model import Model, prepare_model, will_be_fixed
from .settings import Settings, make_settings, warn_of_free_cd

#: MNE's log levels before those that are set now.
_LEVELS: list[Any] = []
#: Whitened data beyond this are no M/EEG: strong artefacts reach some hundreds.
IMPLAUSIBLE = 1e6
#: Whitened data below this have less noise than an average of a million trials.
FAINT = 1e-3


def localize(
    evoked: Any,
    forward: Any,
    noise_cov: Any,
    alpha: Any = "sure",
    *,
    loose: Any = "auto",
    depth: Any = 0.8,
    weights: Any = None,
    weights_min: Any = 0.0,
    rank: Any = None,
    pick_ori: str | None = None,
    verbose: bool | str | int | None = None,
    **how: Any,
) -> Localization:
    """Solve once and keep everything that estimates, dipoles, residuals and pictures are made from.

    Parameters are those of `mixed_norm` without the ``return_...`` ones, as are the errors and
    warnings.

    Returns
    -------
    Localization

    Notes
    -----
    irMxNE depends on the unit of the amplitudes. MNE chooses it by dividing the whitened gain by k
    = alpha_max / 100, so that alpha_max becomes 100. Here the data are multiplied by k instead and
    alpha by k squared. With Y the amplitudes in MNE's unit,

        1/2 |k M - G Y|^2 + k^2 alpha sum_s w_s |Y_s| = k^2 (1/2 |M - (G / k) Y|^2 + alpha sum_s
        w_s |Y_s|),

    the same amplitudes and the same relative gap, with no second copy of the gain.

    Examples
    --------
    >>> from mxne_rs.inverse.localize import localize
    >>> from mxne_rs.simulate import simulate_auditory
    >>> found = localize(*simulate_auditory(spacing=20.0), alpha=20, n_mxne_iter=5, verbose=False)
    >>> int(found.active.sum()), bool(found.relative_gap <= 2e-4)
    (2, True)
    """
    mne = import_mne()
    settings = make_settings(alpha, verbose=verbose, **how)
    evokeds = as_evokeds(evoked)
    with log_level(verbose):
        model = prepare_model(
            evokeds[0].info, forward, noise_cov, loose=loose, depth=depth, rank=rank,
            weights=weights, weights_min=weights_min, pick_ori=pick_ori,
        )  # fmt: skip
        warn_of_free_cd(how.get("solver"), will_be_fixed(forward, loose))
        localization = solve_jointly(model, evokeds, settings)
        solution = localization.solution
        mne.utils.logger.info(
            f"{int(localization.active.sum())} sources explain "
            f"{localization.explained_variance:.1f}% of the whitened data at alpha "
            f"{solution.alpha:.3g}%; {solution.status}, relative gap {solution.gap:.1e}"
        )
    return localization


def import_mne() -> Any:
    """MNE-Python, or the error that names the extra."""
    try:
        import mne
        import mne.inverse_sparse
    except ImportError as error:
        raise ImportError("mixed_norm needs MNE-Python: pip install 'mxne-rs[mne]'") from error
    return mne


@contextmanager
def log_level(verbose: bool | str | int | None) -> Iterator[None]:
    """MNE's log level for a while; None leaves it as it is (in MNE 1.11 it would reset it).

    Levels before are put back in the order of a stack, so that the last of several threads leaves
    the level that the first one found.
    """
    if verbose is None:
        yield
        return
    mne = import_mne()
    with MNE_LOCK:
        _LEVELS.append(mne.set_log_level(verbose, return_old_level=True))
    try:
        yield
    finally:
        with MNE_LOCK:
            mne.set_log_level(_LEVELS.pop())


def solve_jointly(model: Model, evokeds: Sequence[Any], settings: Settings) -> Localization:
    """One problem of all the data, one after the other in time."""
    data = np.hstack([model.whiten(one) for one in evokeds])
    check_units(data)
    reduced, basis = truncate(data, settings.n_components)
    unit = unit_of(model, reduced)
    scaled, square = unit * reduced, unit**2
    common = common_options(settings)
    if settings.percent is None and data.any():
        levels = _noise_levels(data, evokeds, basis, settings.sure_sigma)
        solution = solve_sure(
            model.gain, scaled, square * settings.grid, sigma=unit * levels, rng=settings.rng,
            n_directions=settings.sure_directions, debias=settings.debias,
            n_reweights=settings.n_mxne_iter, **surrogate_options(settings, unit),
            max_iter=settings.maxit * settings.n_mxne_iter, verbose=settings.verbose, **common,
        )  # fmt: skip
    else:
        alpha = square * (settings.percent or 100.0)
        if settings.n_mxne_iter == 1:
            solution = solve_mxne(
                model.gain, scaled, alpha, max_iter=settings.maxit, verbose=settings.verbose,
                **common,
            )  # fmt: skip
        else:
            # MNE limits each problem, the array level all of them together.
            solution = solve_irmxne(
                model.gain, scaled, alpha, n_reweights=settings.n_mxne_iter,
                **surrogate_options(settings, unit), verbose=settings.verbose,
                max_iter=settings.maxit * settings.n_mxne_iter, **common,
            )  # fmt: skip
    return localization_of(model, evokeds, (reduced, basis), solution, unit, settings)


def solve_each(model: Model, evokeds: Sequence[Any], settings: Settings) -> list[Localization]:
    """One problem for each of the data, side by side on one gain where alpha is given."""
    # A number is a unit of its own for each of the data, which `solve_jointly` scales.
    if settings.percent is None or isinstance(settings.amplitude_unit, float):
        return [solve_jointly(model, [one], settings) for one in evokeds]
    whitened = [model.whiten(one) for one in evokeds]
    check_units(*whitened)
    reduced = [truncate(one, settings.n_components) for one in whitened]
    units = [unit_of(model, data) for data, _ in reduced]
    solutions = solve_batch(
        model.gain,
        [unit * data for unit, (data, _) in zip(units, reduced, strict=True)],
        [unit**2 * settings.percent for unit in units],
        n_reweights=settings.n_mxne_iter,
        **surrogate_options(settings, 1.0),
        max_iter=settings.maxit * settings.n_mxne_iter,
        verbose=False,
        **common_options(settings),
    )
    return [
        localization_of(model, [one], data, solution, unit, settings)
        for one, data, solution, unit in zip(evokeds, reduced, solutions, units, strict=True)
    ]


def common_options(settings: Settings) -> dict[str, Any]:
    """What every verb takes."""
    return {
        "tol": 2 * settings.tol,
        "time_limit": settings.time_limit,
        "solver": settings.solver,
        "active_set_size": settings.active_set_size,
        "n_threads": settings.n_threads,
    }


def surrogate_options(settings: Settings, unit: float) -> dict[str, Any]:
    """How to reweight data that are scaled by ``unit``, as `localize` notes: MNE's unit is 1."""
    given = settings.amplitude_unit
    scaled = 1.0 if given == "mne" else given if isinstance(given, str) else given * unit
    return {"surrogate": settings.surrogate, "amplitude_unit": scaled}


def unit_of(model: Model, data: Floats) -> float:
    """A hundredth of alpha_max; 1 where there are no data, or none that a source could produce."""
    return 0.01 * alpha_max(model.gain, data) or 1.0


def _noise_levels(
    data: Floats, evokeds: Sequence[Any], basis: Floats | None, sigma: float | str | None
) -> Floats:
    """Standard deviation of the noise that SURE assumes in each column that is solved for.

    None takes the root mean square of each evoked's whitened data, signal and all: the noise is
    that strong at most. On simulated brain noise it finds the right sources more often than the
    level that the noise truly has, because background activity is neither white nor Gaussian
    (measured in ``evidence/noise_level.md``). "nave" takes ``nave ** -0.5`` of each evoked, which
    data of zeros have in any case.
    """

    def level(evoked: Any, part: Floats) -> float:
        if isinstance(sigma, float):
            return sigma
        by_nave = noise_level(evoked)
        return by_nave if sigma == "nave" else _rms(part) or by_nave

    ends = np.cumsum([len(one.times) for one in evokeds])[:-1]
    parts = zip(evokeds, np.split(data, ends, axis=1), strict=True)
    levels = np.concatenate([np.full(len(one.times), level(one, part)) for one, part in parts])
    return levels if basis is None else np.sqrt(basis**2 @ levels**2)


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(values**2)))


def localization_of(
    model: Model,
    evokeds: Sequence[Any],
    data: tuple[Floats, Floats | None],
    solution: Solution,
    unit: float,
    settings: Settings,
) -> Localization:
    """The answer on scaled data as a Localization: debiased, in Am, over all of time.

    `data` are those that were solved for before scaling, and their basis over time if there is one.
    """
    (reduced, basis), n_orient = data, model.n_orient
    columns = np.repeat(solution.active_set, n_orient)
    amplitudes = np.array(solution.sources, dtype=np.float64)
    gain = model.gain.columns(solution.active_set)
    factors = np.ones(int(solution.active_set.sum()))
    if settings.debias and len(factors):
        factors = find_factors(gain, unit * reduced, amplitudes, n_orient=n_orient)
        amplitudes *= np.repeat(factors, n_orient)[:, np.newaxis]
    if basis is not None:
        amplitudes, reduced = amplitudes @ basis, reduced @ basis
    weighting = model.weighting[columns]
    solution = _in_percent(model, solution, unit)
    warn_if_empty(solution, bool(reduced.any()))
    return Localization(
        evokeds=list(evokeds),
        forward=model.forward,
        info=model.info,
        solution=solution,
        active=solution.active_set,
        n_orient=n_orient,
        amplitudes=amplitudes * (weighting / unit)[:, np.newaxis],
        factors=factors,
        # An orientation that `loose` forbids has weight 0: its column is zero and stays so.
        gain=gain / np.where(weighting == 0, 1, weighting),
        data=reduced,
        left_out=model.left_out,
    )


def _in_percent(model: Model, solution: Solution, unit: float) -> Solution:
    """The same answer to the problem that MNE writes: see `localize`, divided by k squared."""
    square = unit**2
    sure = solution.sure
    weights = solution.weights
    if weights is not None:
        spread = np.full(int(model.forward["nsource"]), np.inf)
        spread[model.kept] = weights
        weights = spread
    return replace(
        solution,
        active_set=model.locations(solution.active_set),
        alpha=solution.alpha / square,
        primal=solution.primal / square,
        dual=solution.dual / square,
        history=tuple(one._replace(primal=one.primal / square) for one in solution.history),
        objective=None if solution.objective is None else solution.objective / square,
        weights=weights,
        sure=sure
        and replace(
            sure,
            alphas=sure.alphas / square,
            values=sure.values / square,
            sigma=sure.sigma / unit,
            residual_std=sure.residual_std / unit,
        ),
    )


def check_units(*whitened: Floats) -> None:
    """Refuse data larger than any brain makes them beside the noise; warn of faint ones."""
    sizes = [float(np.abs(one).max()) for one in whitened]
    question = (
        "standard deviations of the noise: are the data in T, T/m and V (not fT, fT/cm or uV), and "
        "is noise_cov in their squares?"
    )
    if max(sizes) > IMPLAUSIBLE:
        raise ValueError(f"the whitened data reach {max(sizes):.1e} {question}")
    if 0 < max(sizes) < FAINT:
        warn(f"the whitened data reach only {max(sizes):.1e} {question}")


def warn_if_empty(solution: Solution, has_data: bool) -> None:
    """Warn where there is no source, as MNE does (whatever its log level)."""
    if solution.active_set.any() or not solution.converged or solution.emptied:
        return
    warn(
        f"No active dipoles found. alpha is too big (alpha={solution.alpha:g})."
        if has_data
        else "No active dipoles found. The data are zero.",
        RuntimeWarning,
    )


def truncate(data: Floats, n_components: int | None) -> tuple[Floats, Floats | None]:
    """Return (data, None), or (reduced, basis) with data ~ reduced @ basis."""
    if n_components is None:
        return data, None
    left, values, right = np.linalg.svd(data, full_matrices=False)
    return left[:, :n_components] * values[:n_components], right[:n_components]
