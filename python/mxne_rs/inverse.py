"""MNE objects in, MNE objects out: `mixed_norm` with the signature that MNE's has."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from .arrays import as_count
from .debiasing import debias as find_factors
from .gain import Gain
from .solution import Solution
from .solve import alpha_max, solve_irmxne, solve_mxne

__all__ = ["Localization", "localize", "mixed_norm"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Localization:
    """One solve on MNE objects, and what every output is made from.

    Attributes
    ----------
    evokeds : list of mne.Evoked
        The data as given, one or more conditions that share their sources.
    forward : mne.Forward
        The forward solution as prepared: picked channels, converted to fixed or surface
        orientation.
    info : mne.Info
        Measurement information of the channels used.
    solution : Solution
        What the solver returned, in its own scaling (see `localize`).
    alpha : float
        Regularisation in percent of alpha_max.
    relative_gap : float
        Duality gap of `solution` divided by half the squared norm of the whitened data; of the
        last convex problem for irMxNE. Unit-free.
    active : array, shape (n_locations,)
        True where there is a source.
    n_orient : int
        Rows per source: 1 for fixed orientation, else 3.
    amplitudes : array, shape (n_active * n_orient, n_times)
        Source amplitudes in Am, debiased if asked for, in the orientations of `forward`; times of
        all `evokeds` one after the other.
    factors : array, shape (n_active,)
        Debiasing factors that `amplitudes` contains, all 1 without debiasing. Unit-free.
    gain : array, shape (rank, n_active * n_orient)
        Whitened gain of the sources, in 1/Am.
    data : array, shape (rank, n_times)
        Whitened data, unit-free (truncated where time_pca asked for that).
    """

    evokeds: list[Any]
    forward: Any
    info: Any
    solution: Solution
    alpha: float
    relative_gap: float
    active: NDArray[np.bool_]
    n_orient: int
    amplitudes: Array
    factors: Array
    gain: Array
    data: Array

    @property
    def explained_variance(self) -> float:
        """Percentage of the whitened data's power that the sources explain."""
        total = float(np.sum(self.data**2))
        if total == 0:
            return 0.0
        return 100 * (1 - float(np.sum((self.data - self.gain @ self.amplitudes) ** 2)) / total)

    def estimates(self, pick_ori: str | None = None) -> list[Any]:
        """Make one source estimate per evoked.

        Parameters
        ----------
        pick_ori : None or 'vector'
            As in `mixed_norm`.

        Returns
        -------
        list of mne.SourceEstimate, or of its volume, mixed and vector kin
            In Am.
        """
        from mne.inverse_sparse.mxne_inverse import _make_sparse_stc

        return [
            _make_sparse_stc(
                self.amplitudes[:, times].copy(),
                self._active_columns,
                self.forward,
                evoked.times[0],
                1.0 / evoked.info["sfreq"],
                pick_ori=pick_ori,
            )
            for evoked, times in self._slices()
        ]

    def dipoles(self) -> list[list[Any]]:
        """Make a list of dipoles per evoked, in the order of the locations.

        Returns
        -------
        list of list of mne.Dipole
            Amplitude in Am, position in m (head coordinates), goodness of fit in percent: each
            dipole's share of the whitened data's power at each time.
        """
        from mne.inverse_sparse.mxne_inverse import _make_dipoles_sparse

        return [
            _make_dipoles_sparse(
                self.amplitudes[:, times].copy(),
                self._active_columns,
                self.forward,
                evoked.times[0],
                1.0 / evoked.info["sfreq"],
                self.data[:, times],
                self.gain,
            )
            for evoked, times in self._slices()
        ]

    def residuals(self) -> list[Any]:
        """Make the part of each evoked that the sources do not explain.

        Returns
        -------
        list of mne.Evoked
            The channels used, in their own units; active projections are applied to the explained
            part.
        """
        from mne.inverse_sparse.mxne_inverse import _compute_residual

        return [
            _compute_residual(
                self.forward, evoked, self.amplitudes[:, times], self._active_columns, self.info
            )
            for evoked, times in self._slices()
        ]

    @property
    def _active_columns(self) -> NDArray[np.bool_]:
        return np.repeat(self.active, self.n_orient)

    def _slices(self) -> list[tuple[Any, slice]]:
        ends = np.cumsum([len(evoked.times) for evoked in self.evokeds])
        return [
            (evoked, slice(int(end) - len(evoked.times), int(end)))
            for evoked, end in zip(self.evokeds, ends, strict=True)
        ]


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
    rng: Any = None,
    random_state: Any = None,
) -> Any:
    """Localise few sources that explain evoked data, by MxNE or irMxNE, from and to MNE objects.

    A drop-in for `mne.inverse_sparse.mixed_norm` (MNE 1.13): the same arguments, the same
    whitening, depth and orientation weighting, the same outputs. Not there yet, and refused by
    name: ``alpha="sure"``, `weights`, `weights_min`, `dgap_freq`, `sure_alpha_grid`, `rng` and
    `random_state`.

    Parameters
    ----------
    evoked : mne.Evoked, or list of mne.Evoked
        The data. Several are solved as one problem: they share their sources, not their time
        courses.
    forward : mne.Forward
        The forward solution.
    noise_cov : mne.Covariance
        The noise covariance, for the whitener.
    alpha : float
        Regularisation in percent of the smallest value that leaves no source, above 0 and below
        100. The default, ``"sure"``, is not available yet: give a number.
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
    weights : None
        Not available yet.
    weights_min : float, default 0
        Not available yet.
    solver : {'auto', 'bcd', 'cd', 'fista'}, default 'auto'
        Block coordinate descent ('auto', 'bcd'; 'cd' is its case of fixed orientation) or FISTA.
    n_mxne_iter : int, default 1
        Number of convex problems: 1 is MxNE, more is irMxNE.
    return_residual : bool, default False
        Also return the data not explained by the sources.
    return_as_dipoles : bool, default False
        Return the sources as lists of dipoles.
    dgap_freq : int, default 10
        Not available yet: the solver decides when to look at the gap.
    rank : None, 'info', 'full' or dict, default None
        Rank of the noise covariance, as in `mne.compute_rank`.
    pick_ori : None or 'vector', default None
        None returns the norm over the orientations of a source, 'vector' all three of them. Fixed
        orientation returns signed amplitudes and allows None only.
    sure_alpha_grid : 'auto'
        Not available yet.
    verbose : bool, str, int or None, default None
        MNE's log level; True also shows the progress of the solver.
    rng, random_state : None
        Not available yet.

    Returns
    -------
    out : mne.SourceEstimate, or list of mne.Dipole
        The sources, in Am; for several evokeds a list with one such item each. Volume, mixed and
        vector source estimates where the source space or `pick_ori` ask for one.
    residual : mne.Evoked
        Only with `return_residual`; for several evokeds a list.

    Raises
    ------
    ImportError
        Where MNE-Python is not installed.
    NotImplementedError
        Where an argument that is not available yet is used; the message names it.
    TypeError, ValueError
        Where an argument is of the wrong type or out of its range, or the inputs do not fit each
        other.

    Warns
    -----
    ConvergenceWarning
        Where the solver stopped before the gap was reached.
    RuntimeWarning
        Where no source is active; the estimate is empty then.

    Notes
    -----
    Gramfort, Kowalski & Hämäläinen 2012 (MxNE); Strohmeier, Bekhti, Haueisen & Gramfort 2016
    (irMxNE, Algorithm 3; debiasing, section II-C 3). Inputs are never modified.

    Examples
    --------
    >>> from mxne_rs import mixed_norm
    >>> from mxne_rs.simulate import simulate_auditory
    >>> evoked, forward, noise_cov = simulate_auditory(spacing=20.0)
    >>> stc = mixed_norm(evoked, forward, noise_cov, alpha=20, n_mxne_iter=5, verbose=False)
    >>> len(stc.data), f"{1e3 * stc.times[abs(stc.data).max(axis=0).argmax()]:.0f} ms"
    (2, '100 ms')
    """
    _refuse_unavailable(
        alpha=(
            alpha,
            isinstance(alpha, str) and alpha == "sure",
            "give a percentage such as alpha=50",
        ),
        weights=(weights, weights is not None, "leave it at None"),
        weights_min=(weights_min, weights_min != 0, "leave it at 0"),
        dgap_freq=(dgap_freq, dgap_freq != 10, "leave it at 10"),
        sure_alpha_grid=(
            sure_alpha_grid,
            not (isinstance(sure_alpha_grid, str) and sure_alpha_grid == "auto"),
            "leave it at 'auto'",
        ),
        rng=(rng, rng is not None, "leave it at None"),
        random_state=(random_state, random_state is not None, "leave it at None"),
    )
    localization = localize(
        evoked,
        forward,
        noise_cov,
        alpha,
        loose=loose,
        depth=depth,
        maxit=maxit,
        tol=tol,
        active_set_size=active_set_size,
        debias=debias,
        time_pca=time_pca,
        solver=solver,
        n_mxne_iter=n_mxne_iter,
        rank=rank,
        pick_ori=pick_ori,
        verbose=verbose,
    )
    single = not isinstance(evoked, list | tuple)
    import mne

    with mne.utils.use_log_level(verbose):
        outs = localization.dipoles() if return_as_dipoles else localization.estimates(pick_ori)
        out = outs[0] if single or len(outs) == 1 else outs
        if not return_residual:
            return out
        residuals = localization.residuals()
        return out, residuals[0] if single or len(residuals) == 1 else residuals


def localize(
    evoked: Any,
    forward: Any,
    noise_cov: Any,
    alpha: Any,
    *,
    loose: Any = "auto",
    depth: Any = 0.8,
    maxit: int = 3000,
    tol: float = 1e-4,
    active_set_size: int | None = 10,
    debias: bool = True,
    time_pca: bool | int = True,
    solver: str = "auto",
    n_mxne_iter: int = 1,
    rank: Any = None,
    pick_ori: str | None = None,
    verbose: bool | str | int | None = None,
) -> Localization:
    """Solve once and keep everything that estimates, dipoles, residuals and pictures are made from.

    Parameters are those of `mixed_norm`, as are the errors and warnings.

    Returns
    -------
    Localization

    Notes
    -----
    irMxNE depends on the unit of the amplitudes. MNE chooses it by dividing the whitened gain by k
    = alpha_max / 100, so that alpha_max becomes 100. Here the data are multiplied by k instead and
    alpha by k squared. With Y the amplitudes in MNE's unit,

        1/2 |k M - G Y|^2 + k^2 alpha sum_s w_s |Y_s| = k^2 (1/2 |M - (G / k) Y|^2 + alpha sum_s
        w_s |Y_s|),

    the same amplitudes and the same relative gap, with no second copy of the gain.

    Examples
    --------
    >>> from mxne_rs.inverse import localize
    >>> from mxne_rs.simulate import simulate_auditory
    >>> found = localize(*simulate_auditory(spacing=20.0), alpha=20, n_mxne_iter=5, verbose=False)
    >>> int(found.active.sum()), bool(found.relative_gap <= 2e-4)
    (2, True)
    """
    try:
        import mne
        from mne.inverse_sparse.mxne_inverse import (
            _check_ori,
            _prepare_gain,
            _reapply_source_weighting,
        )
        from mne.minimum_norm.inverse import _check_reference
    except ImportError as error:
        raise ImportError("mixed_norm needs MNE-Python: pip install 'mxne-rs[mne]'") from error

    percent = _check_alpha(alpha)
    n_mxne_iter = as_count("n_mxne_iter", n_mxne_iter, 1)
    maxit = as_count("maxit", maxit, 1)
    n_components = _check_time_pca(time_pca)
    evokeds = _check_evokeds(evoked)
    names = _check_channels(evokeds[0], forward, noise_cov)
    fixed = _will_be_fixed(forward, loose)
    _check_pick_ori(pick_ori, fixed)
    algorithm = _check_solver(solver, fixed)

    with mne.utils.use_log_level(verbose):
        _check_reference(evokeds[0], names)
        forward, gain, info, whitener, source_weighting, _ = _prepare_gain(
            forward, evokeds[0].info, noise_cov, True, depth, loose, rank
        )
        _check_ori(pick_ori, forward)
        n_orient = 1 if mne.forward.is_fixed_orient(forward) else 3
        picks = [evokeds[0].ch_names.index(name) for name in info["ch_names"]]
        data = whitener @ np.hstack([one.data[picks] for one in evokeds])
        reduced, basis = _truncate(data, n_components)

        prepared = Gain(gain, n_orient)
        unit = 0.01 * alpha_max(prepared, reduced)
        if unit == 0:  # no data, or none that any source could produce
            unit = 1.0
        solution = _solve(
            prepared,
            unit * reduced,
            unit**2 * percent,
            n_mxne_iter,
            maxit,
            tol=2 * tol,
            solver=algorithm,
            active_set_size=active_set_size,
            verbose=_solver_verbose(verbose),
        )

        active = np.asarray(solution.active_set, dtype=bool)
        columns = np.repeat(active, n_orient)
        amplitudes = np.array(solution.sources, dtype=np.float64)
        active_gain = np.asarray(gain[:, columns], dtype=np.float64)
        factors = np.ones(int(active.sum()))
        if debias and active.any():
            factors = find_factors(active_gain, unit * reduced, amplitudes, n_orient=n_orient)
            amplitudes *= np.repeat(factors, n_orient)[:, np.newaxis]
        if basis is not None:
            amplitudes, data = amplitudes @ basis, reduced @ basis
        weighting = source_weighting / unit
        amplitudes = _reapply_source_weighting(amplitudes, weighting, columns)
        # An orientation that `loose` forbids has weight 0: its column is zero and stays so.
        active_gain = active_gain / np.where(
            source_weighting[columns] == 0, 1, source_weighting[columns]
        )

        localization = Localization(
            evokeds=evokeds,
            forward=forward,
            info=info,
            solution=solution,
            alpha=percent,
            relative_gap=solution.gap,
            active=active,
            n_orient=n_orient,
            amplitudes=amplitudes,
            factors=factors,
            gain=active_gain,
            data=data,
        )
        mne.utils.logger.info(
            f"{int(active.sum())} sources explain {localization.explained_variance:.1f}% of the "
            f"whitened data; {solution.status}, relative gap {localization.relative_gap:.1e}"
        )
    if not active.any():
        warnings.warn(
            f"No active dipoles found. alpha is too big (alpha={percent:g})."
            if data.any()
            else "No active dipoles found. The data are zero.",
            RuntimeWarning,
            stacklevel=3,
        )
    return localization


def _solve(
    gain: Gain, data: Array, alpha: float, n_mxne_iter: int, maxit: int, **options: Any
) -> Solution:
    if n_mxne_iter == 1:
        return solve_mxne(gain, data, alpha, max_iter=maxit, **options)
    # MNE limits each problem, the array level all of them together.
    return solve_irmxne(
        gain, data, alpha, n_reweights=n_mxne_iter, max_iter=maxit * n_mxne_iter, **options
    )


def _refuse_unavailable(**arguments: tuple[Any, bool, str]) -> None:
    """Raise NotImplementedError naming the first argument that is used."""
    for name, (value, used, instead) in arguments.items():
        if used:
            shown = f"{name}={value!r}" if isinstance(value, str | Real) else name
            raise NotImplementedError(f"mixed_norm: {shown} is not available yet; {instead}")


def _check_alpha(alpha: Any) -> float:
    if isinstance(alpha, str):
        raise ValueError(f"alpha must be a percentage or 'sure', got {alpha!r}")
    if isinstance(alpha, bool | np.bool_) or not isinstance(alpha, Real | np.floating | np.integer):
        raise TypeError(f"alpha must be a number, got {type(alpha).__name__}")
    percent = float(alpha)
    if not 0 < percent < 100:
        raise ValueError(f"alpha must be a percentage above 0 and below 100, got {percent:g}")
    return percent


def _check_time_pca(time_pca: Any) -> int | None:
    """Return how many temporal components to keep, None for all."""
    if isinstance(time_pca, bool | np.bool_):
        return None
    if not isinstance(time_pca, Integral):
        raise TypeError(f"time_pca must be a bool or an integer, got {time_pca!r}")
    if time_pca < 0:
        raise ValueError(f"time_pca must not be negative, got {time_pca}")
    return int(time_pca) or None


def _check_evokeds(evoked: Any) -> list[Any]:
    import mne

    evokeds = list(evoked) if isinstance(evoked, list | tuple) else [evoked]
    if not evokeds:
        raise ValueError("evoked is an empty list")
    for one in evokeds:
        if not isinstance(one, mne.Evoked):
            raise TypeError(f"evoked must be an Evoked or a list of them, got {type(one).__name__}")
        if one.ch_names != evokeds[0].ch_names:
            raise ValueError("all evokeds must have the same channels in the same order")
    return evokeds


def _check_channels(evoked: Any, forward: Any, noise_cov: Any) -> list[str]:
    """Return the good channels that all three share; raise where there is none."""
    bads = [*evoked.info["bads"], *noise_cov["bads"], *forward["info"]["bads"]]
    modelled = set(forward["sol"]["row_names"])
    measured = set(noise_cov["names"])
    names = [
        name
        for name in evoked.ch_names
        if name in modelled and name in measured and name not in bads
    ]
    if not names:
        raise ValueError(
            "evoked, forward and noise_cov have no good channel in common: they begin with "
            f"{evoked.ch_names[:2]}, {forward['sol']['row_names'][:2]} "
            f"and {list(noise_cov['names'])[:2]}"
        )
    return names


def _will_be_fixed(forward: Any, loose: Any) -> bool:
    """Tell, before the forward solution is prepared, whether its orientation will be fixed."""
    import mne

    if mne.forward.is_fixed_orient(forward):
        return True
    values: Sequence[Any] = list(loose.values()) if isinstance(loose, dict) else [loose]
    return bool(values) and all(isinstance(value, Real) and float(value) == 0 for value in values)


def _check_pick_ori(pick_ori: Any, fixed: bool) -> None:
    if pick_ori not in (None, "vector"):
        raise ValueError(f"pick_ori must be None or 'vector', got {pick_ori!r}")
    if pick_ori == "vector" and fixed:
        raise ValueError('pick_ori="vector" needs loose or free orientation; it is fixed here')


def _check_solver(solver: Any, fixed: bool) -> str:
    """Return the array-level name of the solver."""
    if not isinstance(solver, str):
        raise TypeError(f"solver must be a string, got {type(solver).__name__}")
    if solver not in ("auto", "bcd", "cd", "fista"):
        raise ValueError(f"solver must be 'auto', 'bcd', 'cd' or 'fista', got {solver!r}")
    if solver == "cd" and not fixed:
        warnings.warn(
            "Coordinate descent (solver='cd') is for fixed orientation only; "
            "block coordinate descent is used",
            RuntimeWarning,
            stacklevel=4,
        )
    return "fista" if solver == "fista" else "bcd"


def _solver_verbose(verbose: bool | str | int | None) -> bool | None:
    """Translate MNE's verbose, where INFO and what is below it mean True."""
    if verbose is None or isinstance(verbose, bool):
        return verbose
    if isinstance(verbose, str):
        return verbose.upper() in ("INFO", "DEBUG")
    return int(verbose) <= 20


def _truncate(data: Array, n_components: int | None) -> tuple[Array, Array | None]:
    """Return (data, None), or (reduced, basis) with data ~ reduced @ basis."""
    if n_components is None:
        return data, None
    left, values, right = np.linalg.svd(data, full_matrices=False)
    reduced = left[:, :n_components] * values[:n_components]
    return cast(Array, reduced), cast(Array, right[:n_components])
