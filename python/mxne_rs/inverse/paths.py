"""Solving on MNE objects along falling alphas: what appears when, as Localizations."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .._arguments.convert import Floats, as_floats
from .._arguments.warn import warn
from ..solve.many import solve_path
from ..solve.solution import ConvergenceWarning
from .data import as_evokeds
from .localization import Localization
from .localize import (
    check_units,
    common_options,
    import_mne,
    localization_of,
    log_level,
    surrogate_options,
    truncate,
    unit_of,
)
from .model import prepare_model, will_be_fixed
from .settings import make_settings, refuse_parts, warn_of_free_cd

#: Percentages where none are given: largest, smallest, how many.
PERCENTS = (100.0, 10.0, 20)


def localize_path(
    evoked: Any,
    forward: Any,
    noise_cov: Any,
    percents: Any = None,
    *,
    loose: Any = "auto",
    depth: Any = 0.8,
    weights: Any = None,
    weights_min: Any = 0.0,
    rank: Any = None,
    pick_ori: str | None = None,
    verbose: bool | str | int | None = None,
    **how: Any,
) -> list[Localization]:
    """Localise at falling alphas, each solve started from the last answer.

    Parameters
    ----------
    evoked, forward, noise_cov
        As for `mxne_rs.mixed_norm`.
    percents : array_like, optional
        Values of alpha in percent of the smallest that leaves no source, above 0 and at most 100.
        Default: 20 from 100 to 10, evenly spaced in their logarithm.
    loose, depth, weights, weights_min, rank, pick_ori, verbose
        As for `mxne_rs.mixed_norm`.
    **how
        Its arguments that say how to solve, such as ``n_mxne_iter`` and ``tol``. ``maxit`` is
        allowed for each alpha, ``time_limit`` for the whole path.

    Returns
    -------
    list of Localization
        One per alpha, from the largest down; equal ones are solved once. The first ones may be
        without a source.

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
    >>> from mxne_rs.inverse.paths import localize_path
    >>> from mxne_rs.simulate import simulate_auditory
    >>> found = localize_path(*simulate_auditory(spacing=20.0), [80, 50, 20], verbose=False)
    >>> [(f"{one.alpha:.0f} %", int(one.active.sum())) for one in found]
    [('80 %', 1), ('50 %', 2), ('20 %', 2)]
    """
    import_mne()
    values = as_percents("percents", percents, bool(how.get("allow_small_alpha")))
    settings = make_settings(verbose=verbose, **how)
    evokeds = as_evokeds(evoked)
    with log_level(verbose):
        model = prepare_model(
            evokeds[0].info, forward, noise_cov, loose=loose, depth=depth, rank=rank,
            weights=weights, weights_min=weights_min, pick_ori=pick_ori,
        )  # fmt: skip
        warn_of_free_cd(how.get("solver"), will_be_fixed(forward, loose))
        whole = np.hstack([model.whiten(one) for one in evokeds])
        check_units(whole)
        data = truncate(whole, settings.n_components)
        unit = unit_of(model, data[0])
        with warnings.catch_warnings():
            # They name alphas in the unit of the solver; and that the first ones leave no source
            # is what a path is for.
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.filterwarnings("ignore", "No active dipoles", RuntimeWarning)
            path = solve_path(
                model.gain, unit * data[0], unit**2 * values, n_reweights=settings.n_mxne_iter,
                max_iter=settings.maxit * settings.n_mxne_iter, verbose=settings.verbose,
                **surrogate_options(settings, unit), **common_options(settings),
            )  # fmt: skip
            found = [
                localization_of(model, evokeds, data, solution, unit, settings) for solution in path
            ]
    short = [f"{one.alpha:.3g}" for one in found if not one.solution.converged]
    if short:
        warn(
            f"the tolerance was not reached at {len(short)} of {len(found)} alphas "
            f"({', '.join(short)} %); raise maxit or time_limit",
            ConvergenceWarning,
        )
    return found


def as_percents(name: str, percents: Any, small: bool | None = None) -> Floats:
    """Falling percentages of alpha_max; a default where they are None."""
    if percents is None:
        return np.geomspace(*PERCENTS[:2], int(PERCENTS[2]))
    values = as_floats(name, percents, 1)
    if not (values > 0).all() or not (values <= 100).all():
        raise ValueError(
            f"{name} reach from {values.min():g} to {values.max():g}; give percentages of "
            "alpha_max above 0, at most 100"
        )
    refuse_parts(name, values, small)
    return np.ascontiguousarray(np.unique(values)[::-1])
