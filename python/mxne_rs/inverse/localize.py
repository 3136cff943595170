"""Solve on MNE objects: a Model, data and Settings in, a Localized out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .._arguments.convert import Floats
from .._arguments.declare import Unpack, takes
from .._arguments.extras import import_mne
from .._arguments.warn import warn
from ..alpha.choice import AlphaChoice
from ..alpha.choose import RuleOptions, choose_alpha
from ..solve.debias import debias as find_factors
from ..solve.many import solve_batch
from ..solve.options import ReweightOptions
from ..solve.single import largest_alpha, solve_irmxne, solve_mxne
from ..solve.solution import Solution
from .data import as_evokeds, evokeds_of_epochs, noise_level
from .localized import Localized
from .mne_calls import log_level
from .model import Model, prepare_model, will_be_fixed
from .options import (
    RECOMMENDED,
    RULE,
    LocalizeOptions,
    MneInputs,
    ModelOptions,
    OrientationOptions,
)
from .settings import WITHOUT_GRID, Settings, make_settings, warn_of_free_cd

#: Names of the options of `prepare_model`.
MODEL_OPTIONS = (*ModelOptions.__annotations__, *OrientationOptions.__annotations__)

#: Largest plausible whitened data: strong artefacts in M/EEG reach some hundreds.
MAX_WHITENED = 1e6
#: Smallest plausible whitened data: the noise of an average of a million trials.
MIN_WHITENED = 1e-3


@takes(LocalizeOptions, MneInputs, **RECOMMENDED)
def localize(
    evoked: Any,
    forward: Any,
    noise_cov: Any,
    alpha: float | str = RULE,
    **options: Unpack[LocalizeOptions],
) -> Localized:
    """Find the sources of evoked responses, epochs or a recording by MxNE or irMxNE.

    By default alpha is chosen by the rule "sqrt", which needs no noise level, and all other
    settings are those that found known sources best.

    Returns
    -------
    localization : Localization
        Debiased, in Am.

    Warns
    -----
    ConvergenceWarning, RuntimeWarning
        As `mixed_norm`.

    Examples
    --------
    >>> from mxne_rs import localize
    >>> from mxne_rs.simulate import simulate_auditory
    >>> result = localize(*simulate_auditory(spacing=20.0), alpha=20, n_mxne_iter=5, verbose=False)
    >>> int(result.active.sum()), bool(result.relative_gap <= 1e-4)
    (2, True)
    """
    mne = import_mne()
    settings = make_settings(alpha, options)
    evokeds = as_evokeds(evoked)
    with log_level(options["verbose"]):
        model = model_of(evokeds[0].info, forward, noise_cov, options)
        trials = trials_of(model, evoked, settings.rule)
        localization = solve_jointly(model, evokeds, settings, trials)
        solution = localization.solution
        mne.utils.logger.info(
            f"{int(localization.active.sum())} sources explain "
            f"{localization.explained_variance:.1%} of the whitened data at alpha "
            f"{solution.alpha:.3g}%; {solution.status}, relative gap {solution.gap:.1e}"
        )
    return localization


def model_of(info: Any, forward: Any, noise_cov: Any, options: Any) -> Model:
    """Prepare the model for the options of a solve."""
    weighting = {name: options[name] for name in MODEL_OPTIONS if name in options}
    model = prepare_model(info, forward, noise_cov, **weighting)
    warn_of_free_cd(options["solver"], will_be_fixed(forward, options["loose"]))
    return model


def solve_jointly(
    model: Model, evokeds: Sequence[Any], settings: Settings, trials: Floats | None = None
) -> Localized:
    """Solve one problem of all the data, concatenated in time; trials are for rules only."""
    data = np.hstack([model.whiten(one) for one in evokeds])
    check_units(data)
    reduced, basis = truncate(data, settings.n_components)
    percent = one_percent(model, reduced)
    reweight = reweighting_of(settings, percent)
    alpha = percent * (settings.percent or 100.0)
    if settings.percent is None and data.any():
        levels = noise_levels_of(data, evokeds, basis, settings.sigma)
        if trials is not None and basis is not None:
            trials = trials @ basis.T
        choice = choose_by_rule(
            model, reduced if trials is None else trials, percent, levels, settings,
            {"method": settings.rule},
        )  # fmt: skip
        solution = choice.solution
    elif reweight["n_reweights"] == 1:
        solution = solve_mxne(model.gain, reduced, alpha, **settings.engine)
    else:
        solution = solve_irmxne(model.gain, reduced, alpha, **reweight, **settings.engine)
    return localization_of(model, evokeds, (reduced, basis), solution, percent, settings.debias)


def choose_by_rule(
    model: Model,
    data: Floats,
    percent: float,
    levels: Floats,
    settings: Settings,
    rule: RuleOptions,
) -> AlphaChoice:
    """Choose alpha for whitened data, or trials of them, by a rule with its parameters."""
    grid = None if rule["method"] in WITHOUT_GRID else percent * settings.grid
    return choose_alpha(
        model.gain, data, grid, sigma=levels,
        rng=settings.rng, n_directions=settings.n_directions, debias=settings.debias,
        **rule, **reweighting_of(settings, percent), **settings.engine,
    )  # fmt: skip


def reweighting_of(settings: Settings, percent: float) -> ReweightOptions:
    """Return the options of reweighting, with MNE's unit as a number."""
    reweight = settings.reweight.copy()
    if reweight["amplitude_unit"] == "mne":
        reweight["amplitude_unit"] = 1 / percent
    return reweight


def trials_of(model: Model, measured: Any, rule: str) -> Floats | None:
    """Return whitened trials, (n_trials, rank, n_times), where a rule can use them."""
    epochs = import_mne().BaseEpochs
    if rule not in ("noise", "sqrt", "stability") or not isinstance(measured, epochs):
        return None
    trials = [model.whiten(one) for one in evokeds_of_epochs(measured)]
    return np.stack(trials) if len(trials) > 1 else None


def solve_each(model: Model, evokeds: Sequence[Any], settings: Settings) -> list[Localized]:
    """Solve one problem per evoked, side by side on one gain where alpha is given."""
    if settings.percent is None:
        return [solve_jointly(model, [one], settings) for one in evokeds]
    whitened = [model.whiten(one) for one in evokeds]
    check_units(*whitened)
    reduced = [truncate(one, settings.n_components) for one in whitened]
    percents = [one_percent(model, data) for data, _ in reduced]
    engine = settings.engine.copy()
    engine["verbose"] = False
    solutions = solve_batch(
        model.gain, [data for data, _ in reduced], [settings.percent * one for one in percents],
        **settings.reweight, **engine,
    )  # fmt: skip
    return [
        localization_of(model, [one], data, solution, percent, settings.debias)
        for one, data, solution, percent in zip(evokeds, reduced, solutions, percents, strict=True)
    ]


def one_percent(model: Model, data: Floats) -> float:
    """Return a hundredth of alpha_max; 1 where alpha_max is 0."""
    return 0.01 * largest_alpha(model.gain, data) or 1.0


def noise_levels_of(
    data: Floats, evokeds: Sequence[Any], basis: Floats | None, sigma: float | str | None
) -> Floats:
    """Return the noise std that rules assume in each column that is solved.

    None takes the root mean square of each evoked's whitened data, signal included, which is an
    upper bound of the noise. On simulated brain noise this finds the right sources more often than
    the true noise level, because background activity is neither white nor Gaussian (measured in
    ``evidence/noise_level.md``). "nave", and data of zeros, take ``nave ** -0.5`` of each evoked.
    """

    def level(evoked: Any, part: Floats) -> float:
        if isinstance(sigma, float):
            return sigma
        by_nave = noise_level(evoked)
        return by_nave if sigma == "nave" else float(np.sqrt(np.mean(part**2))) or by_nave

    ends = np.cumsum([len(one.times) for one in evokeds])[:-1]
    parts = zip(evokeds, np.split(data, ends, axis=1), strict=True)
    levels = np.concatenate([np.full(len(one.times), level(one, part)) for one, part in parts])
    return levels if basis is None else np.sqrt(basis**2 @ levels**2)


def localization_of(
    model: Model,
    evokeds: Sequence[Any],
    data: tuple[Floats, Floats | None],
    solution: Solution,
    percent: float,
    debias: bool,
) -> Localized:
    """Make a Localized: debiased, in Am, over all times, with alpha in percent.

    `data` are the reduced data that were solved, and their basis over time, if any; `percent` is a
    hundredth of their alpha_max.
    """
    reduced, basis = data
    amplitudes = np.array(solution.sources, dtype=np.float64)
    factors = np.ones(int(solution.active_set.sum()))
    if debias and len(factors):
        columns = model.gain.active_columns(solution.active_set)
        factors = find_factors(columns, reduced, amplitudes, n_orient=model.n_orient)
        amplitudes *= np.repeat(factors, model.n_orient)[:, np.newaxis]
    if basis is not None:
        amplitudes, reduced = amplitudes @ basis, reduced @ basis
    weighting = model.weighting[np.repeat(solution.active_set, model.n_orient)]
    return Localized.of(
        model,
        evokeds,
        in_percent(model, solution, percent),
        amplitudes=amplitudes * weighting[:, np.newaxis],
        factors=factors,
        gain=model.physical_gain(solution.active_set),
        data=reduced,
    )


def in_percent(model: Model, solution: Solution, percent: float) -> Solution:
    """Return a solution with alphas in percent, and weights on all locations of the forward."""
    weights, sure = solution.weights, solution.sure
    return replace(
        solution,
        alpha=solution.alpha / percent,
        weights=None if weights is None else model.on_all_locations(weights, np.inf),
        sure=sure and replace(sure, alphas=sure.alphas / percent),
    )


def check_units(*whitened: Floats) -> None:
    """Raise where whitened data are too large for M/EEG; warn where they are too small."""
    sizes = [float(np.abs(one).max()) for one in whitened]
    remedy = (
        "standard deviations of the noise: are the data in T, T/m and V (not fT, fT/cm or uV), and "
        "is noise_cov in their squares?"
    )
    if max(sizes) > MAX_WHITENED:
        raise ValueError(f"the whitened data reach {max(sizes):.1e} {remedy}")
    if 0 < max(sizes) < MIN_WHITENED:
        warn(f"the whitened data reach only {max(sizes):.1e} {remedy}")


def truncate(data: Floats, n_components: int | None) -> tuple[Floats, Floats | None]:
    """Return (data, None), or (reduced, basis) with data ~ reduced @ basis."""
    if n_components is None:
        return data, None
    left, values, right = np.linalg.svd(data, full_matrices=False)
    return left[:, :n_components] * values[:n_components], right[:n_components]
