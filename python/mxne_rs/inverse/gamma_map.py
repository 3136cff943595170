"""Solve gamma-MAP from and to MNE objects: `gamma_map`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .._arguments.convert import Floats, as_count, as_flag, as_floats, as_number
from .._arguments.declare import Unpack, documents, takes
from .._arguments.extras import import_mne
from .._progress import wants_line
from ..solve.gain import Gain
from ..solve.single import solve_irmxne
from ..solve.solution import Solution
from .data import as_evokeds
from .differences import lists_differences
from .localize import check_units, localization_of
from .localized import Localized
from .mixed_norm import outputs
from .mne_calls import log_level
from .model import Model, prepare_model
from .options import GammaOptions, LocalizeGammaOptions, MneInputs, ReturnOptions

#: Relative duality gap of each round, and the largest number of epochs of a round, on average.
TOL, EPOCHS = 1e-6, 100
#: The change of amplitudes at which rounds end, in units of `tol`: the evidence changes by its
#: square.
CHANGE = 100


@lists_differences
@documents(MneInputs, LocalizeGammaOptions, ReturnOptions)
def gamma_map(
    evoked: Any,
    forward: Any,
    noise_cov: Any,
    alpha: float,
    loose: float | str | dict[str, float] = "auto",
    depth: float | dict[str, Any] | None = 0.8,
    xyz_same_gamma: bool = True,
    maxit: int = 10_000,
    tol: float = 1e-6,
    update_mode: int = 1,
    gammas: Any = None,
    pca: bool = True,
    return_residual: bool = False,
    return_as_dipoles: bool = False,
    rank: Any = None,
    pick_ori: str | None = None,
    verbose: bool | str | int | None = None,
    *,
    n_threads: int = 0,
    time_limit: float | None = None,
    return_solution: bool = False,
) -> Any:
    """Localise few sources by maximising the evidence of a variance for each location.

    A drop-in for `mne.inverse_sparse.gamma_map` (MNE 1.13): the same arguments in the same order,
    the same whitening, weighting and outputs. The arguments after `verbose` are new; the Notes list
    the differences.

    Parameters
    ----------
    alpha : float
        Variance of the noise in the whitened data, such as 0.5; more gives fewer sources.

    Returns
    -------
    out : mne.SourceEstimate, or list of mne.Dipole
        The sources, in Am; for several evokeds, which share their sources, a list of them.
    residual : mne.Evoked
        Only with `return_residual`.
    solution : Solution
        Only with `return_solution`; ``objectives`` is the negative evidence after each round,
        ``log|C| + tr(C^-1 M M') / n_times``, and never rises but for rounding.

    Raises
    ------
    ImportError
        Where MNE-Python is not installed.
    TypeError, ValueError
        Where an argument is of the wrong type or out of its range, or the inputs do not fit each
        other.

    Warns
    -----
    ConvergenceWarning
        Where a convex problem stopped before its gap was reached.
    RuntimeWarning
        Where no source is active: the estimate is empty then. Others as `mixed_norm`.

    Notes
    -----
    The evidence is raised by certified convex problems (Wipf & Nagarajan 2010). Inputs are never
    modified.

    Examples
    --------
    >>> from mxne_rs import gamma_map
    >>> from mxne_rs.simulate import simulate_auditory
    >>> evoked, forward, noise_cov = simulate_auditory(spacing=20.0)
    >>> stc = gamma_map(evoked.crop(0.05, 0.15), forward, noise_cov, alpha=0.5, verbose=False)
    >>> len(stc.data)
    2
    """
    return outputs(localize_gamma, LocalizeGammaOptions, locals(), alpha)


@takes(LocalizeGammaOptions, MneInputs)
def localize_gamma(
    evoked: Any,
    forward: Any,
    noise_cov: Any,
    alpha: float,
    **options: Unpack[LocalizeGammaOptions],
) -> Localized:
    """Find the sources whose variances are most probable, by gamma-MAP.

    Parameters
    ----------
    alpha : float
        Variance of the noise in the whitened data.

    Returns
    -------
    localization : Localization
        In Am; ``alpha`` is the variance of the noise.

    Examples
    --------
    >>> from mxne_rs import localize_gamma
    >>> from mxne_rs.simulate import simulate_auditory
    >>> evoked, forward, noise_cov = simulate_auditory(spacing=20.0)
    >>> found = localize_gamma(evoked.crop(0.05, 0.15), forward, noise_cov, 0.5, verbose=False)
    >>> int(found.active.sum())
    2
    """
    import_mne()
    own = {name: options[name] for name in GammaOptions.__annotations__}  # type: ignore[literal-required]
    check_gamma(alpha, own)
    evokeds = as_evokeds(evoked)
    with log_level(options["verbose"]):
        model = prepare_model(
            evokeds[0].info, forward, noise_cov, loose=options["loose"], depth=options["depth"],
            rank=options["rank"], pick_ori=options["pick_ori"],
        )  # fmt: skip
        return solve_gamma(model, evokeds, alpha, verbose=options["verbose"], **own)


def check_gamma(alpha: Any, options: dict[str, Any]) -> None:
    """Raise where an option is of the wrong type or out of its range."""
    as_number("alpha", alpha, "give the variance of the noise in the whitened data, such as 0.5")
    for name in ("xyz_same_gamma", "pca"):
        as_flag(name, options[name])
    as_count("maxit", options["maxit"], 1)
    as_number("tol", options["tol"], "give a positive number such as 1e-6")
    if options["update_mode"] not in (1, 2):
        raise ValueError(f"update_mode is {options['update_mode']!r}; give 1 or 2")


def solve_gamma(
    model: Model, evokeds: Sequence[Any], alpha: float, *, verbose: Any, **options: Any
) -> Localized:
    """Solve one problem of all the data, concatenated in time."""
    data = np.hstack([model.whiten(one) for one in evokeds])
    check_units(data)
    pooled = options["xyz_same_gamma"]
    gain = model.gain if pooled else model.gain.by_orientation()
    root = float(np.sqrt(data.shape[1]))
    solution = maximise_evidence(
        gain, data, alpha, maxit=options["maxit"], tol=options["tol"], gammas=options["gammas"],
        n_threads=options["n_threads"], time_limit=options["time_limit"],
        verbose=wants_line(verbose),
    )  # fmt: skip
    if not pooled:
        solution = _grouped(solution, model.n_orient)
    return localization_of(model, evokeds, (data, None), solution, root, debias=False)


def maximise_evidence(
    gain: Gain, data: Floats, alpha: float, *, maxit: int, tol: float, gammas: Any, **engine: Any
) -> Solution:
    """Solve gamma-MAP on arrays for a variance of the noise."""
    return solve_irmxne(
        gain, data, alpha * float(np.sqrt(data.shape[1])), surrogate="evidence",
        n_reweights=maxit, tol_reweight=CHANGE * tol, weights=_weights(gain, gammas), tol=TOL,
        max_iter=EPOCHS * maxit, **engine,
    )  # fmt: skip


def _weights(gain: Gain, gammas: Any) -> Any:
    """Return infinite weights of locations whose variances are all zero; None where all count."""
    if gammas is None:
        return None
    values = as_floats("gammas", gammas, 1)
    if values.shape != (gain.shape[1],) or (values < 0).any():
        raise ValueError(
            f"gammas has shape {values.shape} and a smallest entry of {values.min():g}; give one "
            f"variance, zero or positive, for each of the {gain.shape[1]} sources"
        )
    used = values.reshape(gain.n_locations, -1).any(axis=1)
    if not used.any():
        raise ValueError("gammas is zero everywhere; give at least one positive variance")
    return np.where(used, 1.0, np.inf)


def _grouped(solution: Solution, n_orient: int) -> Solution:
    """Return a Solution whose locations have all orientations, some of them zero."""
    by_location = solution.active_set.reshape(-1, n_orient)
    active = np.asarray(by_location.any(axis=1))
    rows = np.zeros((int(active.sum()) * n_orient, solution.sources.shape[1]))
    rows[by_location[active].ravel()] = solution.sources
    return replace(solution, sources=rows, active_set=active, n_orient=n_orient, weights=None)
