"""Offer every method by its name, with the interface of invertmeeg: `Solver(name)`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .._arguments.convert import as_number
from .._arguments.declare import Unpack, documents, takes
from .._arguments.extras import import_mne
from ..inverse.data import as_evokeds, check_processing
from ..inverse.gamma_map import check_gamma, solve_gamma
from ..inverse.l1l2 import l1l2
from ..inverse.localize import solve_jointly
from ..inverse.localized import Localized
from ..inverse.mce import mce
from ..inverse.mne_calls import log_level
from ..inverse.model import Model, check_types, prepare_model, with_both_hemispheres
from ..inverse.options import (
    GammaOptions,
    LogOptions,
    ModelOptions,
    OrientationOptions,
    SolverOptions,
    TfSolverOptions,
)
from ..inverse.settings import make_settings, make_tf_settings
from ..inverse.tf_mixed_norm import solve_tf
from ..solve.options import N_REWEIGHTS
from .localization import Localization


def list_solvers() -> list[str]:
    """List the names that `Solver` knows.

    Returns
    -------
    list of str

    Examples
    --------
    >>> import mxne_rs
    >>> mxne_rs.list_solvers()
    ['mxne', 'irmxne', 'tfmxne', 'irtfmxne', 'gammamap', 'l1l2', 'mce']
    """
    return list(METHODS)


@documents(ModelOptions, OrientationOptions, LogOptions)
class Solver:
    """Inverse solver with a method chosen by name: prepare once, apply to any data.

    Parameters
    ----------
    name : str
        One of `list_solvers`, in upper or lower case:

        - "mxne": mixed-norm estimate, "irmxne": reweighted (``n_mxne_iter=100``). Options are those
          of `mixed_norm`, but `alpha` (default 0.2) is a part of alpha_max between 0 and 1, or
          "sure".
        - "tfmxne": time-frequency mixed-norm estimate, "irtfmxne": reweighted
          (``n_tfmxne_iter=10``). Options are those of `tf_mixed_norm`, but `alpha` (default 0.4) is
          a part of alpha_max between 0 and 1, and `l1_ratio` is 0.03.
        - "gammamap": gamma-MAP. Options are those of `gamma_map`; `alpha` is 0.5.
        - "l1l2": l1 over locations, l2 over time, by FISTA to a certified gap. Options `alpha`
          ("auto" is `l1_spatial`, a number replaces it), `max_iter` (1000), `l1_spatial` (0.05),
          `l2_temporal` (0, a ridge), `tol` (1e-4, a relative duality gap), `depth_weighting` (0, an
          exponent), `center_data` (True: without the mean over channels, data and gain alike) and
          `scale_l1_by_lmax` (True: `l1_spatial` is a part of the largest useful value).
        - "mce": minimum current estimate, l1 over locations at each sample separately. Options
          `alpha` (0.2, a part of the largest useful value), `tol`, `max_iter`, `debias` (False).

        All take `n_threads` and `time_limit`.
    loose : float, dict, 'auto' or None, default None
        Weight of the tangential orientations, 0 (fixed) to 1 (free). None is 'auto' (0.2 on a
        cortex, else 1), but fixed orientation on a cortex for "l1l2".
    depth : float, dict, 'auto' or None, default 'auto'
        Depth weighting: an exponent, or the options that MNE takes; 'auto' is 0.8. "l1l2" has its
        `depth_weighting` instead.
    **options
        Options of the method, as defaults for `apply_inverse_operator`.

    Attributes
    ----------
    name : str
        The name, in lower case.
    localization : Localization or None
        The last answer: `localization.solution` has the gap and status, `localization.dipoles()`
        and `localization.residual()` make dipoles and residuals.

    Raises
    ------
    ImportError
        Where MNE-Python is not installed.
    TypeError, ValueError
        For an unknown name (the message lists all names), or an option that the method does not
        have, such as `depth` for "l1l2".

    Notes
    -----
    The interface is that of invertmeeg's MxNE, as documented. Unlike in invertmeeg, every answer is
    certified, free orientations are groups, and depth weights are undone in the answer.

    Examples
    --------
    >>> import mxne_rs
    >>> from mxne_rs.simulate import simulate_auditory
    >>> evoked, forward, noise_cov = simulate_auditory(spacing=20.0)
    >>> solver = mxne_rs.Solver("irMxNE", verbose=False)
    >>> solver = solver.make_inverse_operator(forward, evoked, noise_cov=noise_cov)
    >>> stc = solver.apply_inverse_operator(evoked, alpha=0.3)
    >>> len(stc.data), solver.localization.solution.converged
    (2, True)
    """

    def __init__(
        self,
        name: str,
        *,
        loose: float | str | dict[str, float] | None = None,
        depth: float | str | dict[str, Any] | None = "auto",
        rank: Any = None,
        pick_ori: str | None = None,
        verbose: bool | str | int | None = None,
        **options: Any,
    ) -> None:
        import_mne()
        self._method = _method(name)
        self.name = self._method.name
        self._method.check(options)
        if depth == "auto":
            depth = None if self._method.fixed else 0.8
        elif self._method.fixed and depth is not None:
            raise TypeError(
                f"depth is {depth!r}, but Solver({self.name!r}) has no depth; give "
                "depth_weighting, the exponent of the norm that each location is divided by"
            )
        self._options = {"verbose": verbose, **options}
        self._loose, self._depth, self._rank = loose, depth, rank
        self._pick_ori, self._verbose = pick_ori, verbose
        self._forward: Any = None
        self._noise_cov: Any = None
        self._model: Model | None = None
        self._info: Any = None
        self._prepared_for: Any = None
        self.localization: Localization | None = None

    def make_inverse_operator(
        self,
        forward: Any,
        mne_obj: Any = None,
        noise_cov: Any = None,
        alpha: float | str | None = None,
    ) -> Solver:
        """Store the forward solution, and prepare it if data are given.

        Parameters
        ----------
        forward : mne.Forward
            The forward solution.
        mne_obj : mne.Evoked, mne.Epochs or mne.io.Raw, optional
            Data of the recording. None defers preparation to the first application. Afterwards
            data of another compensation grade, EEG reference, history of signal-space separation
            or projections are refused; other channels, or other bad ones, are accepted.
        noise_cov : mne.Covariance, optional
            The noise covariance of a single trial. None assumes the same noise in all sensors of a
            type (`mne.make_ad_hoc_cov`).
        alpha : optional
            Default of the option `alpha`.

        Returns
        -------
        self : Solver
            For chaining.

        Raises
        ------
        TypeError, ValueError
            Where the inputs are of the wrong kind or share no good channel.
        """
        self._noise_cov, self._model, self._info = noise_cov, None, None
        if alpha is not None:
            self._options["alpha"] = alpha
        check_types(forward, noise_cov)
        self._forward = None if forward is None else with_both_hemispheres(forward)
        if mne_obj is not None:
            first = mne_obj[0] if isinstance(mne_obj, list | tuple) and mne_obj else mne_obj
            if not hasattr(first, "info"):
                raise TypeError(f"mne_obj is a {type(first).__name__}; give Evoked, Epochs or Raw")
            self._prepare(first.info)
        return self

    def apply_inverse_operator(self, mne_obj: Any, **options: Any) -> Any:
        """Estimate the sources of evoked, epochs or raw data.

        Parameters
        ----------
        mne_obj : mne.Evoked, mne.Epochs or mne.io.Raw
            The data; epochs are averaged (`mixed_norm_epochs` solves each), all samples of a
            recording are used.
        **options
            Options of the method, see `Solver`.

        Returns
        -------
        mne.SourceEstimate, or its volume, mixed and vector kin
            In Am, active locations only.

        Raises
        ------
        RuntimeError
            Before `make_inverse_operator`.
        TypeError, ValueError
            Where an option is unknown or out of its range, or the data do not fit the operator.

        Warns
        -----
        ConvergenceWarning, RuntimeWarning
            As `mixed_norm`.
        """
        self._method.check(options)
        if self._forward is None:
            raise RuntimeError("there is no inverse operator yet: call make_inverse_operator first")
        evokeds = as_evokeds(mne_obj)
        if self._info is not None:
            check_processing(
                self._info, evokeds[0].info, "the data that the operator was made for", "these"
            )
        model = self._model
        if model is None or self._prepared_for != _sensors(evokeds[0].info):
            model = self._prepare(evokeds[0].info)
        with log_level(options.get("verbose", self._verbose)):
            found = self._method.run(model, evokeds, **{**self._options, **options})
            self.localization = Localization.of_localized(found)
            estimates = [found.estimate(one, self._pick_ori) for one in range(len(evokeds))]
        return estimates[0] if len(estimates) == 1 else estimates

    def _prepare(self, info: Any) -> Model:
        mne = import_mne()
        loose = self._loose
        if loose is None:
            loose = "auto"
            if self._method.fixed and self._forward["src"].kind == "surface":
                loose = 0.0
        with log_level(self._verbose):
            noise_cov = self._noise_cov
            if noise_cov is None:
                mne.utils.logger.info("No noise_cov: every sensor of a type has the same noise")
                noise_cov = mne.make_ad_hoc_cov(info)
            self._model = prepare_model(
                info, self._forward, noise_cov, loose=loose, depth=self._depth, rank=self._rank,
                pick_ori=self._pick_ori,
            )  # fmt: skip
        self._prepared_for = _sensors(info)
        self._info = self._info or info.copy()
        return self._model

    def __repr__(self) -> str:
        """Return name and state on one line."""
        state = "not made yet" if self._forward is None else "made"
        return f"<Solver: {self.name}, inverse operator {state}>"


@dataclass(frozen=True)
class Method:
    """A method of `Solver`."""

    name: str
    run: Callable[..., Localized]
    fixed: bool = False
    """Whether the method takes no depth weights of MNE, and fixed orientation on a cortex."""

    def check(self, options: dict[str, Any]) -> None:
        """Raise where an option is unknown."""
        parameters = inspect.signature(self.run).parameters.values()
        known = sorted(one.name for one in parameters if one.kind is one.KEYWORD_ONLY)
        for option in options:
            if option not in known:
                raise TypeError(
                    f"Solver({self.name!r}) has no option {option!r}; it has {', '.join(known)}"
                )


class MethodOptions(SolverOptions, LogOptions, total=False):
    """Options of the methods "mxne" and "irmxne"."""


def _mixed_norm(
    model: Model,
    evokeds: Sequence[Any],
    *,
    alpha: float | str = 0.2,
    **options: Unpack[MethodOptions],
) -> Localized:
    return solve_jointly(model, evokeds, make_settings(_percent(alpha), options))


class TfMethodOptions(TfSolverOptions, LogOptions, total=False):
    """Options of the methods "tfmxne" and "irtfmxne"."""


def _tf_mixed_norm(
    model: Model,
    evokeds: Sequence[Any],
    *,
    alpha: float = 0.4,
    l1_ratio: float = 0.03,
    **options: Unpack[TfMethodOptions],
) -> Localized:
    part = as_number("alpha", alpha, "give a part of alpha_max between 0 and 1", below=1)
    return solve_tf(model, evokeds, make_tf_settings(100 * part, l1_ratio, options))


class GammaMethodOptions(GammaOptions, LogOptions, total=False):
    """Options of the method "gammamap"."""


@takes(GammaMethodOptions)
def _gamma_map(
    model: Model,
    evokeds: Sequence[Any],
    *,
    alpha: float = 0.5,
    **options: Unpack[GammaMethodOptions],
) -> Localized:
    check_gamma(alpha, dict(options))
    return solve_gamma(model, evokeds, alpha, **options)


def _sensors(info: Any) -> Any:
    """Return what a prepared model depends on: the channels and the bad ones."""
    return info["ch_names"], sorted(info["bads"])


def _percent(alpha: Any) -> Any:
    """Convert a fraction of alpha_max to percent, as `mixed_norm` takes it."""
    if isinstance(alpha, str):
        return alpha
    remedy = "give a part of alpha_max between 0 and 1, or 'sure' (mixed_norm takes percent)"
    return 100 * as_number("alpha", alpha, remedy, below=1)


def _method(name: Any) -> Method:
    known = f"the solvers are {', '.join(METHODS)}"
    if not isinstance(name, str):
        raise TypeError(f"name is {name!r}, not a string; {known}")
    if name.lower() not in METHODS:
        raise ValueError(f"there is no solver {name!r}; {known}")
    return METHODS[name.lower()]


# `Solver` takes fractions of alpha_max, so that small percentages are never a mistake.
_mxne = takes(MethodOptions, allow_small_alpha=True)
_irmxne = takes(
    MethodOptions, allow_small_alpha=True, n_mxne_iter=N_REWEIGHTS, amplitude_unit="relative"
)
_tfmxne = takes(TfMethodOptions, allow_small_alpha=True)
_irtfmxne = takes(
    TfMethodOptions, allow_small_alpha=True, n_tfmxne_iter=10, amplitude_unit="relative"
)
METHODS = {
    method.name: method
    for method in (
        Method("mxne", _mxne(_mixed_norm)),
        Method("irmxne", _irmxne(_mixed_norm)),
        Method("tfmxne", _tfmxne(_tf_mixed_norm)),
        Method("irtfmxne", _irtfmxne(_tf_mixed_norm)),
        Method("gammamap", _gamma_map),
        Method("l1l2", l1l2, fixed=True),
        Method("mce", mce),
    )
}
