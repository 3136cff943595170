"""Choose alpha: one function, nine methods."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

import numpy as np
from numpy.typing import ArrayLike

from .._arguments.convert import (
    Floats,
    as_array,
    as_choice,
    as_flag,
    as_floats,
    quoted,
    require_finite,
)
from .._arguments.declare import Option, Unpack, takes
from ..solve.gain import Gain, prepared
from ..solve.inputs import noise_levels, sensor_data
from ..solve.many import alpha_grid
from ..solve.options import Inputs, make_request, make_rounds
from ..solve.solution import one_warning
from .choice import LABELS, AlphaChoice
from .criteria import SUBSAMPLE, THRESHOLD, Problem, average_trials
from .methods import (
    by_cv,
    by_discrepancy,
    by_gof,
    by_map,
    by_n_sources,
    by_noise,
    by_sqrt,
    by_stability,
    by_sure,
)
from .noise import LEVEL
from .sure import SureOptions, solve_sure

RULE = """
method : {'noise', 'sqrt', 'sure', 'cv', 'stability', 'map', 'discrepancy', 'gof', 'n_sources'}
    Method of choice (see Notes). Parameters that end in names of methods are used by these methods
    only; "noise", "sqrt" and "map" have no grid of alphas.
level : float
    Probability that noise alone has a source. "noise", "sqrt".
n_folds : int
    Parts into which the sensors are divided. "cv".
n_resamples : int
    Number of resamples of the trials. "stability".
subsample : float
    Part of the trials that is drawn each time, without replacement. "stability".
threshold : float
    Smallest frequency of a stable location, above 0.5. "stability".
max_false : float
    Largest allowed bound on the expected number of false stable locations. "stability".
gof : float
    Part of the variance to be explained, between 0 and 1. "gof".
n_sources : int or None
    Largest number of locations; required by "n_sources".
"""


class RuleOptions(TypedDict, total=False):
    """A method of choosing alpha, and the parameters of all methods."""

    method: Annotated[str, Option("sqrt", RULE)]
    level: Annotated[float, Option(LEVEL, RULE)]
    n_folds: Annotated[int, Option(5, RULE)]
    n_resamples: Annotated[int, Option(100, RULE)]
    subsample: Annotated[float, Option(SUBSAMPLE, RULE)]
    threshold: Annotated[float, Option(THRESHOLD, RULE)]
    max_false: Annotated[float, Option(1.0, RULE)]
    gof: Annotated[float, Option(0.8, RULE)]
    n_sources: Annotated[int | None, Option(None, RULE)]


class ChooseOptions(RuleOptions, SureOptions, total=False):
    """Options of `choose_alpha`."""


@takes(ChooseOptions, Inputs)
def choose_alpha(
    gain: Gain | ArrayLike,
    data: ArrayLike,
    alphas: ArrayLike | None = None,
    *,
    sigma: float | ArrayLike | None = None,
    **options: Unpack[ChooseOptions],
) -> AlphaChoice:
    """Choose alpha by one of nine methods.

    Parameters
    ----------
    data : array_like, shape (n_sensors, n_times) or (n_trials, n_sensors, n_times)
        Whitened data; where they are trials, their average is solved.
    sigma : float or array_like, shape (n_times,), or None, default None
        Standard deviation of the noise in the data that are solved, one number or one per sample.
        None is 1, or ``n_trials ** -0.5`` where trials are given. "sure", "map", "discrepancy",
        "noise" without trials.

    Returns
    -------
    choice : AlphaChoice
        The alpha, the curve that it was chosen on, and the answer.

    Warns
    -----
    ConvergenceWarning
        Naming the first solve that did not converge, and their number. Their alphas are not
        chosen.
    RuntimeWarning
        Where the choice lies at an end of the grid or no alpha meets the target, with advice.

    Notes
    -----
    On MNE objects this is ``choose_alpha(evoked, forward, noise_cov, method=...)``, with the
    options of :func:`mxne_rs.mixed_norm` (`sure_sigma` for `sigma`, `sure_alpha_grid` for `alphas`)
    and all alphas in percent. There the defaults are those of ``localize``: columns of one norm
    (``depth=1``) and irMxNE in the unit "relative". Of epochs, "noise", "sqrt" and "stability" use
    the trials.

    M are the data: N numbers in n_sensors rows.

    - "noise": the alpha above which noise alone has no source, but for a probability of ``level``:
      that quantile of :func:`alpha_max` over 20 draws of noise, by a Gumbel distribution. Where
      six or more trials are given the draws are their averages with random signs, half of them
      negative, which have the correlations of the noise in space and time, and ``sigma`` is not
      used; else they are white noise. It costs 20 products with the gain and one solve.
    - "sqrt": square-root MxNE, ``min |M - G X| + c sum_s w_s |X_s|``, whose parameter c does not
      depend on the strength of the noise [5]_: it is the quantile of ``alpha_max / |E|`` over draws
      E as above. Its answer is MxNE's at ``alpha = c |M - G X|``, a fixed point that takes some
      solves. What sources leave unexplained counts as noise, so that it is right, too, where the
      level is not known or noise is not white: with ``n_reweights=100`` the recommended method.
    - "sure": the smallest estimated risk, as :func:`solve_sure` finds it [1]_. With plain MxNE the
      chosen alphas are too small and the answers have false sources; with irMxNE
      (``n_reweights=100``) the choice is near the best.
    - "cv": the smallest prediction error on sensors left out: each of ``n_folds`` parts is
      predicted from the others, with alpha times ``n_kept / n_sensors``, so that the penalty keeps
      its weight. The noise level need not be known. With plain MxNE the choice is too small, as
      with SURE, because of shrinkage.
    - "stability": the smallest alpha at which the expected number of false stable locations is
      at most ``q^2 / ((2 threshold - 1) p) <= max_false`` [2]_, with q the mean number of
      locations that a resample has active at this or a larger alpha, and p the number of
      locations. The bound is proved for halves (the default): larger parts share more noise, and
      more false locations become stable. It also assumes that false locations are exchangeable,
      which neighbours in the brain are not; a neighbour of a true location counts as false.
    - "map": the fixed point of ``alpha = sigma^2 (N / k + a - 1) / (sum_s w_s |X_s| + b)`` [3]_,
      with k = 1, the homogeneity of the penalty, and the mean of ``sigma_t^2``. The Gamma
      hyperprior has its mode at half of ``alpha_max``, where the iteration starts, and counts as
      ten data sets, ``a - 1 = 10 N``, as for :class:`Stream`. The code of [3]_ has ``b = 5``, which
      depends on the unit of the sources, and adds it for every location; here, as in [4]_, b is
      added once. N is the size of the data, as in the code of [3]_; the derivation there has the
      number of unknowns. X is the MxNE; with ``n_reweights`` the answer at the fixed point is
      reweighted, which may leave no source.
    - "discrepancy": the largest alpha with ``|M - G X|^2 <= n_sensors sum_t sigma_t^2``
      (Morozov). With plain MxNE shrinkage counts as residual: alpha tends to be too small.
    - "gof": the largest alpha with ``1 - |M - G X|^2 / |M|^2 >= gof``, for the shrunk fit, or with
      ``debias`` for the debiased one.
    - "n_sources": the smallest alpha with at most ``n_sources`` active locations.

    References
    ----------
    .. [1] Bannier, Bertrand, Salmon and Gramfort, arXiv:2112.12178 (2021).
    .. [2] Meinshausen and Bühlmann, J. R. Statist. Soc. B 72 (2010), Theorem 1.
    .. [3] Bekhti, Badeau and Gramfort, EUSIPCO (2017).
    .. [4] Pereyra, Bioucas-Dias and Figueiredo, EUSIPCO (2015).
    .. [5] Belloni, Chernozhukov and Wang, Biometrika 98 (2011).

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> rng = np.random.default_rng(0)
    >>> gain = rng.standard_normal((30, 100))
    >>> clean = gain[:, [20, 60]] @ rng.standard_normal((2, 50))
    >>> trials = clean + rng.standard_normal((10, 30, 50))  # whitened: noise of unit variance
    >>> choice = mxne_rs.choose_alpha(gain, trials, eps=0.01, n_reweights=10, rng=0)
    >>> np.flatnonzero(choice.solution.active_set), choice.at_edge
    (array([20, 60]), False)
    >>> options = {"method": "stability", "eps": 0.03, "rng": 0}
    >>> np.flatnonzero(mxne_rs.choose_alpha(gain, trials, **options).stable)
    array([20, 60])
    """
    gain = prepared(gain, options["n_orient"])
    trials, array = _trials_and_average(gain, data)
    method = as_choice("method", options["method"], tuple(LABELS))
    request, rounds = make_request(gain, array, 1.0, options), make_rounds(options)
    debias = as_flag("debias", options["debias"])
    seconds_left = _countdown(request.time_limit)
    problem = Problem(gain, array, trials, request, rounds, seconds_left, options["verbose"])
    if sigma is None:
        sigma = 1.0 if trials is None else len(trials) ** -0.5
    rng = options["rng"]
    with one_warning():
        if method == "sure":
            sure = {name: options[name] for name in SureOptions.__annotations__}  # type: ignore[literal-required]
            return by_sure(solve_sure(gain, array, alphas, sigma=sigma, **sure))
        if method in ("map", "noise", "sqrt"):
            if alphas is not None:
                raise ValueError(
                    f"alphas is {quoted(alphas)}, but method {method!r} finds its own; leave "
                    "alphas out"
                )
            if method == "sqrt":
                return by_sqrt(problem, options["level"], rng)
            levels = noise_levels(sigma, array)
            if method == "map":
                return by_map(problem, levels)
            return by_noise(problem, levels, options["level"], rng)
        grid = alpha_grid(gain, array, alphas, options, request)
        if method == "cv":
            return by_cv(problem, grid, options["n_folds"], debias, rng)
        if method == "stability":
            return by_stability(
                problem, grid, options["n_resamples"], options["subsample"], options["threshold"],
                options["max_false"], rng,
            )  # fmt: skip
        if method == "discrepancy":
            return by_discrepancy(problem, grid, noise_levels(sigma, array), debias)
        if method == "gof":
            return by_gof(problem, grid, options["gof"], debias)
        return by_n_sources(problem, grid, options["n_sources"])


def _trials_and_average(gain: Gain, data: Any) -> tuple[Floats | None, Floats]:
    """Return the trials (None where data are one data set) and what is solved."""
    array = as_array("data", data)
    if array.ndim != 3:
        return None, sensor_data(gain, array)
    trials = as_floats("data", array, 3)
    if trials.shape[1] != gain.n_sensors:
        raise ValueError(
            f"data has {trials.shape[1]} rows (sensors) in each trial, but gain has "
            f"{gain.n_sensors}; give both the same sensors"
        )
    require_finite("data", trials)
    return trials, average_trials(trials, np.arange(len(trials)))


def _countdown(time_limit: float | None) -> Callable[[], float | None]:
    """Return a function that tells the seconds left of a time limit, at least 1e-9."""
    end = time.monotonic() + (time_limit or 0.0)
    if time_limit is None or not time_limit > 0:  # the first solve raises the error for these
        return lambda: time_limit
    return lambda: max(end - time.monotonic(), 1e-9)
