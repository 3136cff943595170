"""Compute minimum current estimates on MNE objects: each sample by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .._arguments.convert import as_count, as_flag, as_number
from ..solve.debias import debias as find_factors
from ..solve.many import solve_batch
from ..solve.single import alpha_max
from .localized import Localized
from .model import Model


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
) -> Localized:
    """Minimise ``1/2 |m_t - G x_t|^2 + lambda sum_s |x_t,s|`` at every time t.

    The minimum current estimate is sparse in space, but each sample may have other active locations
    (Strohmeier et al. 2016, section I and Figure 1; Uutela, Hämäläinen & Somersalo 1999). The
    orientations of a location are one group. `Solver` describes the options.
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
    return Localized.of(
        model, evokeds, solution, amplitudes=x * model.weighting[columns][:, np.newaxis],
        factors=factors, gain=model.physical_gain(active), data=data,
    )  # fmt: skip
