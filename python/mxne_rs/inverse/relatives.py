"""Two relatives of MxNE on MNE objects: an l1/l2 FISTA, and minimum current estimates."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .._arguments.convert import as_count, as_flag, as_number
from .._arguments.declare import documents
from ..solve.debias import debias as find_factors
from ..solve.gain import Gain
from ..solve.many import solve_batch
from ..solve.options import EngineOptions
from ..solve.single import alpha_max, solve_mxne
from .localization import Localization
from .model import Model

NOT_NEGATIVE = "give zero or a positive number"


@documents(EngineOptions)
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
) -> Localization:
    """``1/2 |Y - A X|^2 + lambda sum_i |X_i| + l2_temporal / 2 |X|^2`` by FISTA, certified.

    Parameters
    ----------
    model : Model
        Prepared without depth weighting; A is its whitened gain, in 1/Am, with tangential
        orientations times ``sqrt(loose)``.
    evokeds : list of mne.Evoked
        Y, whitened.
    alpha : float or 'auto'
        A number takes the place of `l1_spatial`.
    max_iter : int
        Epochs at most.
    l1_spatial : float
        lambda, as a part of the largest useful one if `scale_l1_by_lmax`, else absolute.
    l2_temporal : float
        Ridge, absolute.
    tol : float
        Relative duality gap to reach.
    depth_weighting : float
        Exponent: every A_i is divided by ``|A_i| ** depth_weighting`` (of all its orientations
        alike), and the amplitudes with it.
    center_data : bool
        Subtract the mean over channels from data and gain at each time: the model stays consistent.
    scale_l1_by_lmax : bool
        Take `l1_spatial` relative to ``max_i |A_i' Y|``.
    """
    share = as_number("l1_spatial", l1_spatial, NOT_NEGATIVE, zero=True)
    if alpha != "auto":
        share = as_number(
            "alpha", alpha, f"'auto' takes l1_spatial; else {NOT_NEGATIVE}", zero=True
        )
    if share == 0:
        raise ValueError("l1_spatial is 0: nothing would be sparse; give a positive number")
    exponent = as_number("depth_weighting", depth_weighting, NOT_NEGATIVE, zero=True)
    columns = model.physical_gain(np.ones(model.gain.n_locations, dtype=bool))
    data = np.hstack([model.whiten(one) for one in evokeds])
    if center_data:
        columns, data = columns - columns.mean(axis=0), data - data.mean(axis=0)
    norms = np.linalg.norm(columns.reshape(len(columns), -1, model.n_orient), axis=(0, 2))
    divisors = np.where(norms == 0, 1, norms) ** -exponent
    # Without depth weights those of the model are of orientations, beside one scale for all.
    weighting = np.repeat(divisors, model.n_orient) * model.weighting / model.weighting.max()
    # A unit in which the gain is of order one: the amplitudes are of order 1e-9 otherwise.
    unit = float(np.max(norms * divisors)) or 1.0
    gain = Gain(columns * (weighting / unit), model.n_orient)
    largest = alpha_max(gain, data)
    with warnings.catch_warnings():
        # That nothing is left is said below, in the words of this method.
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
    # In units of the page: lambda for A itself.
    solution = replace(solution, alpha=share if scale_l1_by_lmax else solution.alpha * unit)
    active = np.repeat(solution.active_set, model.n_orient)
    factors = np.ones(int(solution.active_set.sum()))
    return Localization.of(
        model, evokeds, solution, amplitudes=amplitudes, factors=factors, gain=columns[:, active],
        data=data,
    )  # fmt: skip


@documents(EngineOptions)
def mce(
    model: Model,
    evokeds: Sequence[Any],
    *,
    alpha: float = 0.2,
    tol: float = 1e-4,
    max_iter: int = 10_000,
    debias: bool = False,
    n_threads: int = 0,
    time_limit: float | None = None,
    verbose: bool | str | int | None = None,
) -> Localization:
    """Minimum current estimate: ``1/2 |m_t - G x_t|^2 + lambda sum_s |x_t,s|`` at every time t.

    Convex, sparse in space but not joined over time: other locations may be active at every sample
    (Strohmeier et al. 2016, section I and Figure 1; Uutela, Hämäläinen & Somersalo 1999). The
    orientations of a location are one group.

    Parameters
    ----------
    model : Model
        Prepared with depth weighting.
    evokeds : list of mne.Evoked
        The data.
    alpha : float
        lambda as a part of the smallest one that leaves no source at any time.
    tol : float
        Relative duality gap to reach at each time.
    max_iter : int
        Epochs at most, for each time.
    debias : bool
        One factor of at least 1 per location, for all times.
    """
    share = as_number("alpha", alpha, "give a part of alpha_max, between 0 and 1")
    data = np.hstack([model.whiten(one) for one in evokeds])
    samples = [np.ascontiguousarray(sample[:, np.newaxis]) for sample in data.T]
    largest = max(alpha_max(model.gain, sample) for sample in samples)
    solutions = solve_batch(
        model.gain, samples, share * largest or 1.0, tol=tol,
        max_iter=as_count("max_iter", max_iter, 1), n_threads=n_threads, time_limit=time_limit,
        verbose=verbose,
    )  # fmt: skip
    active = np.any([one.active_set for one in solutions], axis=0)
    columns = np.repeat(active, model.n_orient)
    x = np.hstack([one.x[columns] for one in solutions])
    gain = model.gain.columns(active)
    factors = np.ones(int(active.sum()))
    if as_flag("debias", debias) and active.any():
        factors = find_factors(gain, data, x, n_orient=model.n_orient)
        x *= np.repeat(factors, model.n_orient)[:, np.newaxis]
    power = 0.5 * float(np.sum(data**2))
    primal, dual = (sum(getattr(one, name) for one in solutions) for name in ("primal", "dual"))
    worst = max(solutions, key=lambda one: (not one.converged, one.gap))
    residual = float(np.sum((data - gain @ x) ** 2))
    solution = replace(
        worst,
        sources=x,
        active_set=active,
        alpha=share,
        primal=primal,
        dual=dual,
        gap=(primal - dual) / power if power else 0.0,
        explained_variance=1 - residual / (2 * power) if power else 0.0,
        n_iter=sum(one.n_iter for one in solutions),
        elapsed=sum(one.elapsed for one in solutions),
        history=(),
    )
    return Localization.of(
        model, evokeds, solution, amplitudes=x * model.weighting[columns][:, np.newaxis],
        factors=factors, gain=model.physical_gain(active), data=data,
    )  # fmt: skip
