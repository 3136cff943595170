"""Solve TF-MxNE from and to MNE objects: `tf_mixed_norm`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._arguments.declare import Unpack, documents, takes
from .._arguments.extras import import_mne
from ..solve.options import FrameOptions, TfInputs
from ..solve.time_frequency import solve_irtf_mxne, solve_tf_mxne, tf_alpha_max
from .data import as_evokeds
from .differences import lists_differences
from .localize import check_units, localization_of, model_of
from .localized import Localized
from .mixed_norm import outputs
from .mne_calls import log_level, one_at_a_time
from .model import Model
from .options import LocalizeTfOptions, MneInputs, ReturnOptions
from .settings import TfSettings, make_tf_settings


@lists_differences
@documents(MneInputs, TfInputs, FrameOptions, LocalizeTfOptions, ReturnOptions)
def tf_mixed_norm(
    evoked: Any,
    forward: Any,
    noise_cov: Any,
    loose: float | str | dict[str, float] = "auto",
    depth: float | dict[str, Any] | None = 0.8,
    maxit: int = 3000,
    tol: float = 1e-4,
    weights: Any = None,
    weights_min: float = 0.0,
    pca: bool = True,
    debias: bool = True,
    wsize: Any = 64,
    tstep: Any = 4,
    window: Any = 0.02,
    return_residual: bool = False,
    return_as_dipoles: bool = False,
    alpha: float | None = None,
    l1_ratio: float | None = None,
    dgap_freq: float = 10,
    rank: Any = None,
    pick_ori: str | None = None,
    n_tfmxne_iter: int = 1,
    verbose: bool | str | int | None = None,
    *,
    active_set_size: int | None = 10,
    solver: str = "auto",
    amplitude_unit: float | str = "mne",
    n_threads: int = 0,
    time_limit: float | None = None,
    return_solution: bool = False,
    allow_small_alpha: bool = False,
) -> Any:
    """Localise few sources with few time-frequency coefficients, by TF-MxNE or irTF-MxNE.

    A drop-in for `mne.inverse_sparse.tf_mixed_norm` (MNE 1.13): the same arguments in the same
    order with the same meaning, the same whitening, weighting and outputs. The arguments after
    `verbose` are new; the Notes list the differences.

    Parameters
    ----------
    alpha : float
        Regularisation in percent of the smallest value with no source, from 1 to below 100 (see
        `allow_small_alpha`). It has to be given.
    l1_ratio : float
        Part of the penalty that counts single time-frequency coefficients, from 0 (MxNE) to 1. It
        has to be given.

    Returns
    -------
    out : mne.SourceEstimate, or list of mne.Dipole
        The sources, in Am; for several evokeds, which share their sources, a list of them.
    residual : mne.Evoked
        Only with `return_residual`; against the data with the ramps of `window`.
    solution : Solution
        Only with `return_solution`; its ``coefficients`` are those of the time-frequency frame.

    Raises
    ------
    ImportError
        Where MNE-Python is not installed.
    TypeError, ValueError
        Where an argument is missing, of the wrong type or out of its range, or the inputs do not
        fit each other.

    Warns
    -----
    ConvergenceWarning
        Where the solver stopped before the gap was reached.
    RuntimeWarning
        Where no source is active: the estimate is empty then. Others as `mixed_norm`.

    Notes
    -----
    Gramfort, Strohmeier, Haueisen, Hämäläinen & Kowalski 2013 (TF-MxNE); Strohmeier, Gramfort &
    Haueisen 2015 (irTF-MxNE). Inputs are never modified.

    Examples
    --------
    >>> from mxne_rs import tf_mixed_norm
    >>> from mxne_rs.simulate import simulate_auditory
    >>> data = simulate_auditory(spacing=20.0)
    >>> stc = tf_mixed_norm(*data, alpha=30, l1_ratio=0.05, wsize=16, verbose=False)
    >>> len(stc.data)
    2
    """
    return outputs(localize_tf, LocalizeTfOptions, locals(), alpha, l1_ratio)


@takes(LocalizeTfOptions, MneInputs, TfInputs)
def localize_tf(
    evoked: Any,
    forward: Any,
    noise_cov: Any,
    alpha: float | None,
    l1_ratio: float | None,
    **options: Unpack[LocalizeTfOptions],
) -> Localized:
    """Find sources that are sparse over time and frequency, too, by TF-MxNE or irTF-MxNE.

    Returns
    -------
    localization : Localization
        Debiased, in Am; ``solution.coefficients`` are not debiased.

    Examples
    --------
    >>> from mxne_rs import localize_tf
    >>> from mxne_rs.simulate import simulate_auditory
    >>> result = localize_tf(*simulate_auditory(spacing=20.0), 30, 0.05, wsize=16, verbose=False)
    >>> int(result.active.sum()), bool(result.relative_gap <= 1e-4)
    (2, True)
    """
    import_mne()
    settings = make_tf_settings(alpha, l1_ratio, options)
    evokeds = as_evokeds(evoked)
    with log_level(options["verbose"]):
        model = model_of(evokeds[0].info, forward, noise_cov, options)
        return solve_tf(model, evokeds, settings)


def solve_tf(model: Model, evokeds: Sequence[Any], settings: TfSettings) -> Localized:
    """Solve one problem of all the data, each evoked with its ramps, concatenated in time."""
    evokeds = [windowed(one, settings.window) for one in evokeds]
    data = np.hstack([model.whiten(one) for one in evokeds])
    check_units(data)
    percent = 0.01 * tf_alpha_max(model.gain, data, **settings.frame) or 1.0
    alpha = percent * settings.percent
    reweight = settings.reweight.copy()
    if reweight["amplitude_unit"] == "mne":
        reweight["amplitude_unit"] = 1 / percent
    if reweight["n_reweights"] == 1:
        solution = solve_tf_mxne(model.gain, data, alpha, **settings.frame, **settings.engine)
    else:
        solution = solve_irtf_mxne(
            model.gain, data, alpha, **settings.frame, **reweight, **settings.engine
        )
    return localization_of(model, evokeds, (data, None), solution, percent, settings.debias)


@one_at_a_time
def windowed(evoked: Any, window: tuple[float, float]) -> Any:
    """Return a copy of an evoked that rises from zero and falls to zero, as half Hann windows."""
    start, end = (int(seconds * evoked.info["sfreq"]) for seconds in window)
    n_times = len(evoked.times)
    if start + end > n_times:
        raise ValueError(
            f"window is {window[0]:g} s at the start and {window[1]:g} s at the end, but evoked "
            f"lasts only {n_times / evoked.info['sfreq']:g} s; give less, or None"
        )
    evoked = evoked.copy()
    rise, fall = np.hanning(2 * start)[:start], np.hanning(2 * end)[end:]
    evoked.data *= np.concatenate([rise, np.ones(n_times - start - end), fall])
    return evoked
