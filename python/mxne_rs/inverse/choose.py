"""Choose alpha for MNE objects; `choose_alpha` is for these and for arrays."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike

from .._arguments.declare import Unpack, takes
from .._arguments.extras import import_mne
from ..alpha.choice import AlphaChoice
from ..alpha.choose import ChooseOptions, RuleOptions
from ..alpha.choose import choose_alpha as choose_on_arrays
from ..solve.gain import Gain
from .data import as_evokeds
from .localize import (
    check_units,
    choose_by_rule,
    in_percent,
    model_of,
    noise_levels_of,
    one_percent,
    trials_of,
    truncate,
)
from .mne_calls import log_level
from .options import RECOMMENDED, LocalizeOptions, MneInputs
from .settings import make_settings, refuse_grid

#: Methods whose values are alphas.
OF_ALPHAS = ("map", "sqrt")


class MneChooseOptions(RuleOptions, LocalizeOptions, total=False):
    """Options of `choose_alpha` on MNE objects."""


@takes(MneChooseOptions, MneInputs, **RECOMMENDED)
def choose_on_evoked(
    evoked: Any, forward: Any, noise_cov: Any, **options: Unpack[MneChooseOptions]
) -> AlphaChoice:
    """Choose alpha for MNE objects, as `choose_alpha` does on arrays.

    The noise level is that of `sure_sigma`. Where ``evoked`` are epochs, "noise", "sqrt" and
    "stability" use the trials.

    Returns
    -------
    choice : AlphaChoice
        All alphas in percent, as `mixed_norm` takes them.

    Examples
    --------
    >>> from mxne_rs import choose_alpha
    >>> from mxne_rs.simulate import simulate_auditory
    >>> data = simulate_auditory(spacing=20.0)
    >>> choice = choose_alpha(*data, method="noise", n_mxne_iter=5, verbose=False)
    >>> 5 < choice.alpha < 60, int(choice.solution.active_set.sum())
    (True, 2)
    """
    import_mne()
    settings = make_settings("sure", options)
    rule: RuleOptions = {name: options[name] for name in RuleOptions.__annotations__}  # type: ignore
    refuse_grid(rule["method"], options["sure_alpha_grid"])
    evokeds = as_evokeds(evoked)
    with log_level(options["verbose"]):
        model = model_of(evokeds[0].info, forward, noise_cov, options)
        data = np.hstack([model.whiten(one) for one in evokeds])
        check_units(data)
        reduced, basis = truncate(data, settings.n_components)
        whole = reduced
        trials = trials_of(model, evoked, rule["method"])
        if trials is not None:
            reduced = trials if basis is None else trials @ basis.T
        levels = noise_levels_of(data, evokeds, basis, settings.sigma)
        percent = one_percent(model, whole)
        choice = choose_by_rule(model, reduced, percent, levels, settings, rule)
    solution = in_percent(model, choice.solution, percent)
    return replace(
        choice,
        alpha=choice.alpha / percent,
        alphas=choice.alphas / percent,
        values=choice.values / percent if choice.method in OF_ALPHAS else choice.values,
        solution=replace(
            solution,
            active_set=model.on_all_locations(solution.active_set, False),
        ),
    )


@overload
def choose_alpha(
    gain: Gain | ArrayLike,
    data: ArrayLike,
    alphas: ArrayLike | None = None,
    *,
    sigma: float | ArrayLike | None = None,
    **options: Unpack[ChooseOptions],
) -> AlphaChoice: ...


@overload
def choose_alpha(
    evoked: Any, forward: Any, noise_cov: Any, **options: Unpack[MneChooseOptions]
) -> AlphaChoice: ...


@functools.wraps(choose_on_arrays)
def choose_alpha(*inputs: Any, **options: Any) -> AlphaChoice:
    """Choose alpha on arrays, or for MNE objects where the first input is one."""
    first = inputs[0] if inputs else options.get("evoked", options.get("gain"))
    parts = first if isinstance(first, list | tuple) else [first]
    # A forward solution is a dictionary: no data on arrays are one.
    second = inputs[1] if len(inputs) > 1 else options.get("forward")
    measured = "evoked" in options or isinstance(second, dict)
    measured = measured or any(hasattr(one, "info") for one in parts[:1])
    return (choose_on_evoked if measured else choose_on_arrays)(*inputs, **options)
