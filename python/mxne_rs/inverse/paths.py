"""Solve on MNE objects along decreasing alphas."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .._arguments.convert import Floats, as_floats
from .._arguments.declare import Unpack, takes
from .._arguments.extras import import_mne
from .._arguments.warn import ConvergenceWarning, warn
from ..solve.many import solve_path
from .data import as_evokeds
from .localize import check_units, localization_of, model_of, one_percent, truncate
from .localized import Localized
from .mne_calls import log_level
from .options import RECOMMENDED, LocalizeOptions, MneInputs
from .settings import auto_percents, make_settings, refuse_fractions


@takes(LocalizeOptions, MneInputs, **RECOMMENDED)
def localize_path(
    evoked: Any,
    forward: Any,
    noise_cov: Any,
    percents: Any = None,
    **options: Unpack[LocalizeOptions],
) -> list[Localized]:
    """Localise at decreasing alphas, each solve started from the last answer.

    Returns
    -------
    path : LocalizationPath
        A Localization per alpha, from the largest down, duplicates once. The first ones may have no
        source.

    Raises
    ------
    ImportError, TypeError, ValueError
        As `mxne_rs.mixed_norm`; also where `percents` are out of their range.

    Warns
    -----
    ConvergenceWarning
        Naming the percentages whose gap was not reached.

    Examples
    --------
    >>> from mxne_rs import localize_path
    >>> from mxne_rs.simulate import simulate_auditory
    >>> result = localize_path(*simulate_auditory(spacing=20.0), [80, 50, 20], verbose=False)
    >>> [(f"{one.alpha:.0f} %", int(one.active.sum())) for one in result]
    [('80 %', 1), ('50 %', 2), ('20 %', 2)]
    """
    import_mne()
    values = as_percents("percents", percents, bool(options["allow_small_alpha"]))
    settings = make_settings("sure", options)
    evokeds = as_evokeds(evoked)
    with log_level(options["verbose"]):
        model = model_of(evokeds[0].info, forward, noise_cov, options)
        whole = np.hstack([model.whiten(one) for one in evokeds])
        check_units(whole)
        data = truncate(whole, settings.n_components)
        percent = one_percent(model, data[0])
        with warnings.catch_warnings():
            # The solver's warnings name absolute alphas: below they are given in percent. That the
            # first alphas have no source is no reason to warn.
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.filterwarnings("ignore", "No active dipoles", RuntimeWarning)
            path = solve_path(
                model.gain, data[0], percent * values, **settings.reweight, **settings.engine
            )
            localizations = [
                localization_of(model, evokeds, data, solution, percent, settings.debias)
                for solution in path
            ]
    short = [f"{one.alpha:.3g}" for one in localizations if not one.solution.converged]
    if short:
        warn(
            f"the tolerance was not reached at {len(short)} of {len(localizations)} alphas "
            f"({', '.join(short)} %); raise maxit or time_limit",
            ConvergenceWarning,
        )
    return localizations


def as_percents(name: str, percents: Any, small: bool | None = None) -> Floats:
    """Return decreasing percentages of alpha_max; a default grid for None."""
    if percents is None:
        return auto_percents()
    values = as_floats(name, percents, 1)
    if not (values > 0).all() or not (values <= 100).all():
        raise ValueError(
            f"{name} reach from {values.min():g} to {values.max():g}; give percentages of "
            "alpha_max above 0, at most 100"
        )
    refuse_fractions(name, values, small)
    return np.ascontiguousarray(np.unique(values)[::-1])
