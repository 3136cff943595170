"""MNE objects in, MNE objects out: `mixed_norm` with the signature that MNE's has, and its kin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from .._arguments.declare import documents, takes
from .._arguments.extras import import_mne
from .._progress import Progress
from .data import evoked_of_raw, evokeds_of_epochs
from .differences import lists_differences
from .localization import Localization
from .localize import localize, model_of, solve_each
from .mne_calls import log_level
from .options import SEED, EpochsOptions, LocalizeOptions, MneInputs, ReturnOptions
from .settings import make_settings

if TYPE_CHECKING:
    from typing_extensions import Unpack

#: Epochs that are solved side by side between two that a generator hands out.
CHUNK = 16


@lists_differences
@documents(MneInputs, LocalizeOptions, ReturnOptions)
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
    the same whitening, depth and orientation weighting, the same outputs. The arguments after
    `random_state` are new; the Notes list what differs.

    Parameters
    ----------

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
    given = locals()
    wanted = Wanted(pick_ori, return_residual, return_as_dipoles, return_solution)
    localization = localize(
        evoked, forward, noise_cov, alpha,
        **{name: given[name] for name in LocalizeOptions.__annotations__},
    )  # fmt: skip
    with log_level(verbose):
        return wanted.of(localization)


@takes(EpochsOptions, MneInputs)
def mixed_norm_epochs(
    epochs: Any,
    forward: Any,
    noise_cov: Any,
    alpha: float | str = "sure",
    *,
    return_generator: bool = False,
    **options: Unpack[EpochsOptions],
) -> Any:
    """Localise the sources of each epoch by itself, all on one prepared gain.

    The whitener, the weights and the gain are computed once; epochs are solved side by side on all
    threads, some at a time, so that a generator keeps no more than those.

    Parameters
    ----------
    epochs : mne.Epochs
        The epochs, of any reader; `alpha` is in percent of each epoch's own largest value.
    return_generator : bool, default False
        Return a generator instead of a list.

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
    settings = make_settings(alpha, options)
    with log_level(options["verbose"]):
        model = model_of(epochs.info, forward, noise_cov, options)
        evokeds = evokeds_of_epochs(epochs)
    given: dict[str, Any] = {**options}
    wanted = Wanted(*(given[name] for name in Wanted._fields))

    def each() -> Iterator[Any]:
        with Progress(
            "epochs", settings.engine["tol"], settings.engine["verbose"], len(evokeds)
        ) as progress:
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


@takes(EpochsOptions, MneInputs)
def mixed_norm_raw(
    raw: Any,
    forward: Any,
    noise_cov: Any,
    alpha: float | str = "sure",
    *,
    tmin: float | None = None,
    tmax: float | None = None,
    **options: Unpack[EpochsOptions],
) -> Any:
    """Localise the sources of a range of a continuous recording, as one problem.

    Parameters
    ----------
    raw : mne.io.Raw
        The recording, of any reader.
    tmin, tmax : float or None, default None
        First and last time in s from the beginning of `raw`, both included; None is its end.

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
    return mixed_norm(evoked_of_raw(raw, tmin, tmax), forward, noise_cov, alpha, **options)


class Wanted(NamedTuple):
    """Which of the outputs are returned."""

    pick_ori: str | None
    return_residual: bool
    return_as_dipoles: bool
    return_solution: bool

    def of(self, found: Localization) -> Any:
        """Make them: bare where there is one evoked, lists where there are several."""
        outs = found.dipoles() if self.return_as_dipoles else found.estimates(self.pick_ori)
        single = len(outs) == 1
        results: list[Any] = [outs[0] if single else outs]
        if self.return_residual:
            residuals = found.residuals()
            results.append(residuals[0] if single else residuals)
        if self.return_solution:
            results.append(found.solution)
        return results[0] if len(results) == 1 else tuple(results)
