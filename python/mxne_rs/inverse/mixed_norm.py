"""MNE objects in, MNE objects out: `mixed_norm` with the signature that MNE's has, and its kin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from .._progress import Progress
from .data import evoked_of_raw, evokeds_of_epochs
from .localization import Localization
from .localize import import_mne, localize, log_level, solve_each
from .model import prepare_model, will_be_fixed
from .settings import SEED, make_settings, warn_of_free_cd

#: Epochs that are solved side by side between two that a generator hands out.
CHUNK = 16


def mixed_norm(
    evoked: Any,
    forward: Any,
    noise_cov: Any,
    alpha: float | str = "sure",
    loose: float | str | dict[str, float] = "auto",
    depth: float | dict[str, Any] | None = 0.8,
    maxit: int = 3000,
    tol: float = 1e-4,
    active_set_size: int | None = 10,
    debias: bool = True,
    time_pca: bool | int = True,
    weights: Any = None,
    weights_min: float = 0.0,
    solver: str = "auto",
    n_mxne_iter: int = 1,
    return_residual: bool = False,
    return_as_dipoles: bool = False,
    dgap_freq: float = 10,
    rank: Any = None,
    pick_ori: str | None = None,
    sure_alpha_grid: Any = "auto",
    verbose: bool | str | int | None = None,
    *,
    rng: Any = SEED,
    random_state: Any = None,
    surrogate: str = "sqrt",
    amplitude_unit: float | str = "mne",
    n_threads: int = 0,
    time_limit: float | None = None,
    sure_sigma: float | str | None = None,
    sure_directions: int = 1,
    return_solution: bool = False,
    allow_small_alpha: bool = False,
) -> Any:
    """Localise few sources that explain evoked data, by MxNE or irMxNE, from and to MNE objects.

    A drop-in for `mne.inverse_sparse.mixed_norm` (MNE 1.13): the same arguments in the same order,
    the same whitening, depth and orientation weighting, the same outputs. What differs: alpha = 0
    is an error, and the arguments after `random_state` are new.

    Parameters
    ----------
    evoked : mne.Evoked, list of mne.Evoked, mne.Epochs or mne.io.Raw
        The data. Several (a list or tuple) are solved as one problem: they share their sources, not
        their time courses. Epochs are averaged (`mixed_norm_epochs` solves each), of Raw all
        samples are used (`mixed_norm_raw` takes a range).
    forward : mne.Forward
        The forward solution.
    noise_cov : mne.Covariance
        The noise covariance of a single trial, for the whitener.
    alpha : float or 'sure', default 'sure'
        Regularisation in percent of the smallest value that leaves no source, from 1 to below 100
        (see `allow_small_alpha`); 'sure' chooses it by Stein's unbiased risk estimate (see
        `solve_sure`).
    loose : float, dict or 'auto', default 'auto'
        Weight of the tangential orientations, 0 (fixed orientation) to 1 (free), by source space
        type where a dict. 'auto' is 0.2 for surface source spaces, else 1.
    depth : float, dict or None, default 0.8
        Depth weighting: an exponent, or the options that MNE takes. None or 0 is none.
    maxit : int, default 3000
        Largest number of epochs of the solver for a convex problem, on average over irMxNE's.
    tol : float, default 1e-4
        Stop where the duality gap is at most `tol` times the squared norm of the whitened data.
        That is a relative gap, in the words of this package, of twice `tol`.
    active_set_size : int or None, default 10
        By how many locations the working set grows; None is no working set.
    debias : bool, default True
        Undo the shrinkage of the amplitudes: one factor of at least 1 per source (see
        `mxne_rs.debias`).
    time_pca : bool or int, default True
        An integer keeps that many temporal components of the whitened data, an approximation. True
        and False are the same here: the solver reduces time exactly by itself.
    weights : None, array of shape (n_locations,), or mne.SourceEstimate
        Bigger is less penalised (unlike the array functions of this package, as in MNE): a location
        with half the weight has to explain twice as much. Of a source estimate on the locations of
        `forward`, such as dSPM, the largest magnitude over time. Not negative.
    weights_min : float, default 0
        Locations whose weight is not above it are left out.
    solver : {'auto', 'bcd', 'cd', 'fista'}, default 'auto'
        Block coordinate descent ('auto', 'bcd'; 'cd' is its case of fixed orientation) or FISTA.
    n_mxne_iter : int, default 1
        Number of convex problems: 1 is MxNE, more is irMxNE.
    return_residual : bool, default False
        Also return the data not explained by the sources.
    return_as_dipoles : bool, default False
        Return the sources as lists of dipoles.
    dgap_freq : float, default 10
        Checked, but without effect on the answer: the solver looks at the gap every five epochs,
        which costs it little.
    rank : None, 'info', 'full' or dict, default None
        Rank of the noise covariance, as in `mne.compute_rank`. In a dictionary "meg" is the rank of
        magnetometers and gradiometers together, where both are used.
    pick_ori : None or 'vector', default None
        None returns the norm over the orientations of a source, 'vector' all three of them. Fixed
        orientation returns signed amplitudes and allows None only.
    sure_alpha_grid : array_like or 'auto', default 'auto'
        Percentages, above 0 and at most 100, that SURE chooses from. 'auto' is 15 values from 100
        to 10, evenly spaced in their logarithm.
    verbose : bool, str, int or None, default None
        MNE's log level; True also shows the progress of the solver.
    rng : None, int, numpy.random.Generator or numpy.random.RandomState, default 0
        Where SURE draws its random directions from; an integer seeds `numpy.random.default_rng`,
        None draws others in each call (MNE's default).
    random_state : None, int or numpy.random.RandomState
        The same, but an integer seeds NumPy's legacy stream. Give one of the two.
    surrogate : {'sqrt', 'log'}, default 'sqrt'
        Penalty of irMxNE (see `solve_irmxne`).
    amplitude_unit : float or {'mne', 'gain', 'relative', 'largest'}, default 'mne'
        Unit of irMxNE's amplitudes (see `solve_irmxne`). With MNE's, the answer depends on the
        scale of `noise_cov` and on how many evokeds and samples are solved together; with
        'relative' it does not. A number is that of sources on the whitened and depth-weighted
        gain, not of Am.
    n_threads : int, default 0
        Threads of the solver; 0 means all cores, or RAYON_NUM_THREADS.
    time_limit : float or None, default None
        Seconds the solver may take. A solve that runs out of it warns, and returns the best there
        is.
    sure_sigma : float, 'nave' or None, default None
        Standard deviation of the noise in the whitened data that SURE assumes. None is the root
        mean square of the whitened data themselves (of each evoked): what no few sources explain
        counts as noise. 'nave' is that of white noise, ``nave ** -0.5``; MNE assumes 1.
    sure_directions : int, default 1
        Random directions that SURE averages over.
    return_solution : bool, default False
        Also return the `Solution`: duality gap, status, alpha (in percent), history, and for
        `alpha` 'sure' the curve (`Solution.sure`).
    allow_small_alpha : bool, default False
        Allow `alpha` below 1 %, which is refused otherwise: 0.5 is half a percent, solved for
        minutes, where half of the largest value may be meant. Likewise a `sure_alpha_grid` of which
        no value is above 1.

    Returns
    -------
    out : mne.SourceEstimate, or list of mne.Dipole
        The sources, in Am; for several evokeds a list with one such item each. Volume, mixed and
        vector source estimates where the source space or `pick_ori` ask for one.
    residual : mne.Evoked
        Only with `return_residual`; for several evokeds a list.
    solution : Solution
        Only with `return_solution`; one, also for several evokeds, which are solved together.

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
        Where the solver stopped before the gap was reached.
    RuntimeWarning
        Where no source is active (the estimate is empty then), the choice of SURE is doubtful (see
        `solve_sure`), or the units of the data look wrong; where channels are left out because
        their variance in `noise_cov` is zero or absurd (below a hundredth or above 10,000 times
        the median of their type), or because most of a kind have other names in `forward` or
        `noise_cov`; where `noise_cov` comes from fewer samples than channels; where an entry of
        `rank` does not act. Warnings do not depend on MNE's log level.

    Notes
    -----
    Gramfort, Kowalski & Hämäläinen 2012 (MxNE); Strohmeier, Bekhti, Haueisen & Gramfort 2016
    (irMxNE, Algorithm 3; debiasing, section II-C 3); Bannier, Bertrand, Salmon & Gramfort 2021
    (SURE). Inputs are never modified.

    Examples
    --------
    >>> from mxne_rs import mixed_norm
    >>> from mxne_rs.simulate import simulate_auditory
    >>> evoked, forward, noise_cov = simulate_auditory(spacing=20.0)
    >>> stc = mixed_norm(evoked, forward, noise_cov, alpha=20, n_mxne_iter=5, verbose=False)
    >>> len(stc.data), f"{1e3 * stc.times[abs(stc.data).max(axis=0).argmax()]:.0f} ms"
    (2, '100 ms')
    """
    localization = localize(
        evoked, forward, noise_cov, alpha, loose=loose, depth=depth, maxit=maxit, tol=tol,
        active_set_size=active_set_size, debias=debias, time_pca=time_pca, weights=weights,
        weights_min=weights_min, solver=solver, n_mxne_iter=n_mxne_iter, dgap_freq=dgap_freq,
        rank=rank, pick_ori=pick_ori, sure_alpha_grid=sure_alpha_grid, verbose=verbose, rng=rng,
        random_state=random_state, surrogate=surrogate, amplitude_unit=amplitude_unit,
        n_threads=n_threads,
        time_limit=time_limit, sure_sigma=sure_sigma, sure_directions=sure_directions,
        allow_small_alpha=allow_small_alpha,
    )  # fmt: skip
    wanted = Wanted(pick_ori, return_residual, return_as_dipoles, return_solution)
    with log_level(verbose):
        return wanted.of(localization)


def mixed_norm_epochs(
    epochs: Any,
    forward: Any,
    noise_cov: Any,
    alpha: float | str = "sure",
    *,
    loose: float | str | dict[str, float] = "auto",
    depth: float | dict[str, Any] | None = 0.8,
    weights: Any = None,
    weights_min: float = 0.0,
    rank: Any = None,
    pick_ori: str | None = None,
    return_residual: bool = False,
    return_as_dipoles: bool = False,
    return_solution: bool = False,
    return_generator: bool = False,
    verbose: bool | str | int | None = None,
    **how: Any,
) -> Any:
    """Localise the sources of each epoch by itself, all on one prepared gain.

    The whitener, the weights and the gain are computed once; epochs are solved side by side on all
    threads, some at a time, so that a generator keeps no more than those.

    Parameters
    ----------
    epochs : mne.Epochs
        The epochs, of any reader.
    forward, noise_cov
        As for `mixed_norm`.
    alpha : float or 'sure', default 'sure'
        As for `mixed_norm`: in percent of each epoch's own largest value.
    loose, depth, weights, weights_min, rank, pick_ori
        As for `mixed_norm`.
    return_residual, return_as_dipoles, return_solution
        As for `mixed_norm`: each item is then a tuple.
    return_generator : bool, default False
        Return a generator instead of a list.
    verbose : bool, str, int or None, default None
        MNE's log level; True also shows a bar over the epochs.
    **how
        All other arguments of `mixed_norm`. ``time_limit`` holds for each group of epochs that is
        solved side by side; with SURE for each epoch.

    Returns
    -------
    list or generator
        One item per epoch, as `mixed_norm` returns it for one evoked.

    Raises
    ------
    ImportError, TypeError, ValueError
        As `mixed_norm`.

    Warns
    -----
    ConvergenceWarning, RuntimeWarning
        As `mixed_norm`, for each epoch.

    Examples
    --------
    >>> import mne, numpy as np
    >>> from mxne_rs import mixed_norm_epochs
    >>> from mxne_rs.simulate import simulate_auditory
    >>> evoked, forward, noise_cov = simulate_auditory(spacing=20.0)
    >>> data = np.stack([evoked.data, 2 * evoked.data])
    >>> epochs = mne.EpochsArray(data, evoked.info, tmin=evoked.times[0], verbose=False)
    >>> stcs = mixed_norm_epochs(epochs, forward, noise_cov, alpha=20, n_mxne_iter=5, verbose=False)
    >>> [len(stc.data) for stc in stcs]
    [2, 2]
    """
    mne = import_mne()
    if not isinstance(epochs, mne.BaseEpochs):
        raise TypeError(f"epochs is a {type(epochs).__name__}, not mne.Epochs; see mixed_norm")
    settings = make_settings(alpha, verbose=verbose, **how)
    with log_level(verbose):
        model = prepare_model(
            epochs.info, forward, noise_cov, loose=loose, depth=depth, rank=rank,
            weights=weights, weights_min=weights_min, pick_ori=pick_ori,
        )  # fmt: skip
        warn_of_free_cd(how.get("solver"), will_be_fixed(forward, loose))
        evokeds = evokeds_of_epochs(epochs)
    wanted = Wanted(pick_ori, return_residual, return_as_dipoles, return_solution)

    def each() -> Iterator[Any]:
        with Progress("epochs", settings.tol, settings.verbose, len(evokeds)) as progress:
            for start in range(0, len(evokeds), CHUNK):
                found = solve_each(model, evokeds[start : start + CHUNK], settings)
                if progress is not None:
                    progress(start + len(found), 0.0, 0)
                for one in found:
                    # Not around the yield, where the log level is the caller's; and without a line
                    # of log for each epoch.
                    with log_level("WARNING"):
                        item = wanted.of(one)
                    yield item

    return each() if return_generator else list(each())


def mixed_norm_raw(
    raw: Any,
    forward: Any,
    noise_cov: Any,
    alpha: float | str = "sure",
    *,
    tmin: float | None = None,
    tmax: float | None = None,
    **how: Any,
) -> Any:
    """Localise the sources of a range of a continuous recording, as one problem.

    Parameters
    ----------
    raw : mne.io.Raw
        The recording, of any reader.
    forward, noise_cov, alpha
        As for `mixed_norm`.
    tmin, tmax : float or None, default None
        First and last time in s from the beginning of `raw`, both included; None is its end.
    **how
        All other arguments of `mixed_norm`.

    Returns
    -------
    out
        As `mixed_norm`; times are those of `raw`.

    Raises
    ------
    ImportError, TypeError, ValueError
        As `mixed_norm`; also where the times do not fit the recording.

    Warns
    -----
    ConvergenceWarning, RuntimeWarning
        As `mixed_norm`.

    Examples
    --------
    >>> import mne
    >>> from mxne_rs import mixed_norm_raw
    >>> from mxne_rs.simulate import simulate_auditory
    >>> evoked, forward, noise_cov = simulate_auditory(spacing=20.0)
    >>> raw = mne.io.RawArray(evoked.data, evoked.info, verbose=False)
    >>> stc = mixed_norm_raw(
    ...     raw, forward, noise_cov, alpha=30, tmin=0.15, tmax=0.25, n_mxne_iter=5, verbose=False
    ... )
    >>> len(stc.data), f"{stc.times[0]:.2f} to {stc.times[-1]:.2f} s"
    (2, '0.15 to 0.25 s')
    """
    mne = import_mne()
    if not isinstance(raw, mne.io.BaseRaw):
        raise TypeError(f"raw is a {type(raw).__name__}, not mne.io.Raw; see mixed_norm")
    return mixed_norm(evoked_of_raw(raw, tmin, tmax), forward, noise_cov, alpha, **how)


class Wanted(NamedTuple):
    """Which of the outputs are returned."""

    pick_ori: str | None
    residual: bool
    as_dipoles: bool
    solution: bool

    def of(self, found: Localization) -> Any:
        """Make them: bare where there is one evoked, lists where there are several."""
        outs = found.dipoles() if self.as_dipoles else found.estimates(self.pick_ori)
        single = len(outs) == 1
        results: list[Any] = [outs[0] if single else outs]
        if self.residual:
            residuals = found.residuals()
            results.append(residuals[0] if single else residuals)
        if self.solution:
            results.append(found.solution)
        return results[0] if len(results) == 1 else tuple(results)
