"""Solve from and to MNE objects: `mixed_norm`, and its variants for epochs and raw."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from .._arguments.declare import Unpack, documents, takes
from .._arguments.extras import import_mne
from .._progress import Progress
from .data import evoked_of_raw, evokeds_of_epochs
from .differences import lists_differences
from .localize import localize, model_of, solve_each
from .localized import Localized
from .mne_calls import log_level
from .options import SEED, EpochsOptions, LocalizeOptions, MneInputs, ReturnOptions
from .settings import make_settings

#: Epochs that are solved together, in parallel, before a generator yields them.
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
    `random_state` are new; the Notes list the differences.

    Returns
    -------
    out : mne.SourceEstimate, or list of mne.Dipole
        The sources, in Am; for several evokeds a list of them. Volume, mixed and vector source
        estimates where the source space or `pick_ori` ask for one.
    residual : mne.Evoked
        Only with `return_residual`; for several evokeds a list.
    solution : Solution
        Only with `return_solution`; a single one also for several evokeds, solved together.

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
    The defaults are MNE's. Where the true sources are known, ``alpha="sqrt"``, ``depth=1.0``,
    ``n_mxne_iter=100`` and ``amplitude_unit="relative"`` find them more often, which are the
    defaults of ``localize``: "Which settings" in the documentation has the measurements.

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
    return outputs(localize, LocalizeOptions, locals(), alpha)


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
    """Localise the sources of each epoch separately, all on one prepared gain.

    The whitener, the weights and the gain are computed once; epochs are solved in parallel, some at
    a time, so that a generator holds only these in memory.

    Parameters
    ----------
    epochs : mne.Epochs
        The epochs, of any reader; `alpha` is in percent of the alpha_max of each epoch.
    return_generator : bool, default False
        Return a generator instead of a list.

    Returns
    -------
    list or generator
        One item per epoch, as `mixed_norm` returns it for one evoked.

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
    choice = OutputChoice(*(given[name] for name in OutputChoice._fields))

    def solve_in_chunks() -> Iterator[Any]:
        with Progress(
            "epochs", settings.engine["tol"], settings.engine["verbose"], len(evokeds)
        ) as progress:
            for start in range(0, len(evokeds), CHUNK):
                localizations = solve_each(model, evokeds[start : start + CHUNK], settings)
                if progress is not None:
                    progress(start + len(localizations), 0.0, 0)
                for localization in localizations:
                    # The log level is set back before each yield, so that the caller's code runs
                    # with its own; WARNING saves a log line for each epoch.
                    with log_level("WARNING"):
                        item = choice.of(localization)
                    yield item

    return solve_in_chunks() if return_generator else list(solve_in_chunks())


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
        First and last time in s from the beginning of `raw`, both included; None is the first or
        last sample.

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


def outputs(
    localize: Callable[..., Localized], table: type, given: Mapping[str, Any], *penalty: Any
) -> Any:
    """Localize with the arguments of a call that `table` lists; return the outputs asked for."""
    choice = OutputChoice(*(given[name] for name in OutputChoice._fields))
    inputs = (given[name] for name in ("evoked", "forward", "noise_cov"))
    options = {name: given[name] for name in table.__annotations__}
    localization = localize(*inputs, *penalty, **options)
    with log_level(given["verbose"]):
        return choice.of(localization)


class OutputChoice(NamedTuple):
    """The outputs that a caller asked for."""

    pick_ori: str | None
    return_residual: bool
    return_as_dipoles: bool
    return_solution: bool

    def of(self, localization: Localized) -> Any:
        """Make the outputs: single objects for one evoked, lists for several."""
        conditions = range(len(localization.evokeds))
        outs = [
            localization.dipoles(one)
            if self.return_as_dipoles
            else localization.estimate(one, self.pick_ori)
            for one in conditions
        ]
        single = len(outs) == 1
        results: list[Any] = [outs[0] if single else outs]
        if self.return_residual:
            residuals = [localization.residual(one) for one in conditions]
            results.append(residuals[0] if single else residuals)
        if self.return_solution:
            results.append(localization.solution)
        return results[0] if len(results) == 1 else tuple(results)
