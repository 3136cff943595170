"""Solve the l1/l2 problem of invertmeeg on MNE objects, by FISTA to a certified gap."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .._arguments.convert import as_number
from ..solve.gain import Gain
from ..solve.single import alpha_max, solve_mxne
from .localized import Localized
from .model import Model

NOT_NEGATIVE = "give zero or a positive number"


def l1l2(
    model: Model,
    evokeds: Sequence[Any],
    *,
    alpha: float | str = "auto",
    max_iter: int = 1000,
    l1_spatial: float = 5e-2,
    l2_temporal: float = 0.0,
    tol: float = 1e-4,
    depth_weighting: float = 0.0,
    center_data: bool = True,
    scale_l1_by_lmax: bool = True,
    n_threads: int = 0,
    time_limit: float | None = None,
    verbose: bool | str | int | None = None,
) -> Localized:
    """Minimise ``1/2 |Y - A X|^2 + lambda sum_i |X_i| + l2_temporal / 2 |X|^2`` by FISTA.

    The answer has a certified duality gap. `Solver` describes the options. The model is prepared
    without depth weighting; A is its whitened gain, in 1/Am, with tangential orientations times
    ``sqrt(loose)``. With `depth_weighting` every A_i is divided by ``|A_i| ** depth_weighting``
    (one factor for all orientations), and the amplitudes accordingly.
    """
    share = as_number("l1_spatial", l1_spatial, NOT_NEGATIVE, zero=True)
    if alpha != "auto":
        share = as_number(
            "alpha", alpha, f"'auto' takes l1_spatial; else {NOT_NEGATIVE}", zero=True
        )
    if share == 0:
        raise ValueError("l1_spatial is 0, with which no answer is sparse; give a positive number")
    exponent = as_number("depth_weighting", depth_weighting, NOT_NEGATIVE, zero=True)
    columns = model.physical_gain(np.ones(model.gain.n_locations, dtype=bool))
    data = np.hstack([model.whiten(one) for one in evokeds])
    if center_data:
        columns, data = columns - columns.mean(axis=0), data - data.mean(axis=0)
    norms = np.linalg.norm(columns.reshape(len(columns), -1, model.n_orient), axis=(0, 2))
    divisors = np.where(norms == 0, 1, norms) ** -exponent
    # Without depth weighting the model's weights are those of orientations, up to a common scale.
    weighting = np.repeat(divisors, model.n_orient) * model.weighting / model.weighting.max()
    # The gain is scaled to order one; otherwise amplitudes would be of order 1e-9.
    unit = float(np.max(norms * divisors)) or 1.0
    gain = Gain(columns * (weighting / unit), model.n_orient)
    largest = alpha_max(gain, data)
    with warnings.catch_warnings():
        # `Localized.of` warns where there is no source, with the alpha of this method.
        warnings.filterwarnings("ignore", "alpha is", RuntimeWarning)
        solution = solve_mxne(
            gain,
            data,
            (share * largest if scale_l1_by_lmax else share / unit) or 1.0,
            ridge=as_number("l2_temporal", l2_temporal, NOT_NEGATIVE, zero=True) / unit**2,
            tol=tol,
            max_iter=max_iter,
            solver="fista",
            n_threads=n_threads,
            time_limit=time_limit,
            verbose=verbose,
        )
    amplitudes = (
        solution.sources
        * (weighting[np.repeat(solution.active_set, model.n_orient)] / unit)[:, np.newaxis]
    )
    # alpha as the caller counts it: a fraction, or lambda in the unit of A.
    solution = replace(solution, alpha=share if scale_l1_by_lmax else solution.alpha * unit)
    active = np.repeat(solution.active_set, model.n_orient)
    factors = np.ones(int(solution.active_set.sum()))
    return Localized.of(
        model, evokeds, solution, amplitudes=amplitudes, factors=factors, gain=columns[:, active],
        data=data,
    )  # fmt: skip
