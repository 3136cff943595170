"""Choose alpha by Stein's unbiased risk estimate, along the warm-started path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from numpy.typing import ArrayLike

from .._arguments.convert import Floats, as_count, as_flag, quoted
from .._arguments.declare import Option, Unpack, takes
from .._arguments.warn import warn
from ..solve.debias import fitted
from ..solve.gain import Gain
from ..solve.inputs import noise_levels
from ..solve.many import Path, alpha_grid, path_of, solve_paths
from ..solve.options import (
    N_REWEIGHTS,
    EngineOptions,
    GridOptions,
    Inputs,
    PenaltyOptions,
    ReweightOptions,
    asked,
    make_rounds,
)
from ..solve.single import largest_alpha
from ..solve.solution import Solution, SureCurve, one_warning, warn_if_short

#: Numbers of sources above which the choice is doubtful: at SURE's alpha MxNE has ten sources where
#: there are two (``evidence/noise_level.md``).
MAX_MXNE_SOURCES, MAX_IRMXNE_SOURCES = 4, 20


SURE = """
n_directions : int
    Random directions that SURE averages over; each costs one path.
debias : bool
    Choose by the fit of the debiased answers. The solution returned is never debiased: see
    `debias`.
rng : None, int, numpy.random.Generator or numpy.random.RandomState
    Source of random numbers; an integer is a seed, None draws differently in each call.
"""


class SureOptions(GridOptions, ReweightOptions, PenaltyOptions, EngineOptions, total=False):
    """Options of `solve_sure`, without the noise level."""

    n_directions: Annotated[int, Option(1, SURE)]
    debias: Annotated[bool, Option(False, SURE)]
    rng: Annotated[Any, Option(0, SURE)]


@takes(SureOptions, Inputs)
def solve_sure(
    gain: Gain | ArrayLike,
    data: ArrayLike,
    alphas: ArrayLike | None = None,
    *,
    sigma: float | ArrayLike = 1.0,
    **options: Unpack[SureOptions],
) -> Solution:
    """Solve MxNE or irMxNE at the alpha whose estimated risk is smallest.

    The risk ``|G X - G X_true|^2`` is estimated without the truth [1]_ [2]_:
    ``|M - G X|^2 - n sum_t sigma_t^2 + 2 sum_t sigma_t^2 dof_t``. The degrees of freedom are
    ``dof_t = <d_t, (G X(M + e d) - G X(M))_t> / e_t`` with d of standard normal numbers and
    ``e_t = 2 sigma_t / n_sensors^0.3``. The data and the perturbed data are solved side by side,
    each along one warm-started path; reweighting begins at the MxNE of each alpha. The estimate is
    valid for white noise of the given level only; with plain MxNE it favours small alphas, because
    shrinkage dominates the risk.

    Parameters
    ----------
    sigma : float or array_like, shape (n_times,), default 1.0
        Standard deviation of the noise in the whitened data, one number or one per sample: 1 for
        single trials, ``nave ** -0.5`` for an average.

    Returns
    -------
    solution : Solution
        The solution at the chosen alpha; ``sure`` is the curve. Alphas at which a solve did not
        converge are not chosen (their values are NaN), and ``status`` is then that of such a solve.

    Warns
    -----
    ConvergenceWarning
        Naming the first alpha whose gap was not reached, and the number of unconverged solves.
    RuntimeWarning
        Where the choice is doubtful, with advice: more than 20 locations (4 without reweighting),
        else the smallest value at an end of the grid, else a flat curve (`SureCurve.is_flat`).

    References
    ----------
    .. [1] Deledalle, Vaiter, Fadili and Peyré, SIAM J. Imaging Sci. 7 (2014).
    .. [2] Bannier, Bertrand, Salmon and Gramfort, arXiv:2112.12178 (2021).

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> rng = np.random.default_rng(0)
    >>> gain = rng.standard_normal((30, 100))
    >>> data = gain[:, [20, 60]] @ rng.standard_normal((2, 50)) + rng.standard_normal((30, 50))
    >>> solution = mxne_rs.solve_sure(gain, data, eps=0.04, n_reweights=10, rng=0)
    >>> np.flatnonzero(solution.active_set), solution.sure.at_edge
    (array([20, 60]), False)
    """
    gain, array, request = asked(gain, data, 1.0, options)
    rounds = make_rounds(options)
    grid = alpha_grid(gain, array, alphas, options, request)
    debias = as_flag("debias", options["debias"])
    levels = noise_levels(sigma, array)
    with np.errstate(over="ignore"):
        steps = 2 * levels / array.shape[0] ** 0.3
    rng = random_stream(options["rng"])
    count = as_count("n_directions", options["n_directions"], 1)
    directions = [rng.standard_normal(array.shape) for _ in range(count)]
    data_sets = [array, *(_perturbed(array, steps, direction) for direction in directions)]
    largest = 0.0
    if rounds.amplitude_unit == "mne":
        # The perturbed data have the unit of the data.
        largest = largest_alpha(gain, array, request)
        rounds = rounds._replace(amplitude_unit=100 / largest if largest else 1.0)
    outcomes = solve_paths(gain, data_sets, grid, request, rounds, "SURE", options["verbose"])
    # alpha_max is for the labels of warnings only: with a time limit its product is saved.
    if not largest and request.time_limit is None:
        largest = largest_alpha(gain, array, request)
    with one_warning():
        paths = [
            path_of(gain, one, grid, request.tol, label=_label(number, largest))
            for number, one in enumerate(outcomes)
        ]
    curve = _curve(gain, data_sets, paths, directions, (levels, steps), debias)
    solution = replace(paths[0].solutions[curve.index], sure=curve)
    failures = [one.status for path in paths for one in path if not one.converged]
    if failures:
        # Without the failed solves the choice may be another, so that the status says so even
        # where the chosen answer itself converged.
        return replace(solution, status=failures[-1])
    kind = _doubt(solution)
    solution = replace(solution, sure=replace(curve, doubt=kind))
    if solution.emptied:
        warn_if_short(solution)
    elif kind is not None:
        warn(f"SURE {_doubt_texts(solution, len(directions))[kind]}")
    return solution


def _doubt(solution: Solution) -> str | None:
    """Return the reason of `SureCurve.doubt`."""
    curve = solution.sure
    if curve is None or len(curve.alphas) == 1:
        return None
    many = MAX_MXNE_SOURCES if solution.n_reweights is None else MAX_IRMXNE_SOURCES
    if int(solution.active_set.sum()) > many:
        return "many"
    return "edge" if curve.at_edge else "flat" if curve.is_flat else None


def random_stream(rng: Any) -> Any:
    """Return the generator or stream that random numbers are drawn from."""
    if isinstance(rng, np.random.RandomState):
        return rng
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"rng is {quoted(rng)}; give None, a seed, a Generator or a RandomState"
        ) from None


def _perturbed(data: Floats, steps: Floats, direction: Floats) -> Floats:
    with np.errstate(over="ignore", invalid="ignore"):
        noise = steps * direction
        perturbed = data + noise
    if not np.isfinite(perturbed).all():
        largest = float(np.abs(noise).max())
        raise ValueError(
            f"sigma perturbs data by up to {largest:.3g}, which overflows; scale both down"
        )
    return np.asarray(perturbed)


def _label(number: int, largest: float) -> Callable[[float], str]:
    """Make a function that names an alpha and its data set in warnings."""
    where = "" if number == 0 else f" on perturbed data {number}"

    def label(alpha: float) -> str:
        share = f" ({100 * alpha / largest:.3g} % of alpha_max)" if largest > 0 else ""
        return f"alpha {alpha:.4g}{share}{where}: "

    return label


def _curve(
    gain: Gain,
    data_sets: Sequence[Floats],
    paths: Sequence[Path],
    directions: Sequence[Floats],
    noise: tuple[Floats, Floats],
    debias: bool,
) -> SureCurve:
    levels, steps = noise
    # Data and noise are scaled near one, so that squares do not overflow.
    _, exponent = np.frexp(max(np.abs(data_sets[0]).max(), levels.max()))
    variance = np.ldexp(levels, -exponent) ** 2
    n_alphas = len(paths[0])
    values, dof, left = (np.full(n_alphas, np.nan) for _ in range(3))
    for i in range(n_alphas):
        if not all(path.solutions[i].converged for path in paths):
            continue
        fits = [
            fitted(gain, data, path.solutions[i], debias)
            for data, path in zip(data_sets, paths, strict=True)
        ]
        # <d_t, fit(M + e d) - fit(M)> / e_t, averaged over directions.
        follows = np.mean(
            [
                np.sum(direction * (fit - fits[0]), axis=0) / steps
                for direction, fit in zip(directions, fits[1:], strict=True)
            ],
            axis=0,
        )
        dof[i] = follows.sum()
        left[i] = np.sum(np.ldexp(data_sets[0] - fits[0], -exponent) ** 2)
        values[i] = (
            left[i] - gain.n_sensors * variance.sum() + 2 * float((variance * follows).sum())
        )
    index = 0 if np.isnan(values).all() else int(np.nanargmin(values))
    error = 2 * variance.mean() * np.sqrt(2 * np.abs(dof - dof[index]) / len(directions))
    path = paths[0]
    with np.errstate(over="ignore", under="ignore"):
        alike = values - values[index] <= error
        values = np.ldexp(values, 2 * exponent)
        left = np.ldexp(np.sqrt(left / data_sets[0].size), exponent)
    return SureCurve(
        alphas=path.alphas,
        values=values,
        dof=dof,
        n_active=path.n_active,
        gaps=path.gaps,
        explained_variance=path.explained_variance,
        sigma=levels,
        residual_std=left,
        alike=alike,
        index=index,
    )


def _doubt_texts(solution: Solution, n_directions: int) -> dict[str, str]:
    """Return a text for each reason to doubt the choice, with the remedy."""
    curve = solution.sure
    assert curve is not None
    # Given as a ratio, which has no unit.
    left = float(curve.residual_std[curve.index])
    # Divided by the largest, so that no square overflows.
    largest = float(curve.sigma.max())
    level = largest * float(np.sqrt(np.mean((curve.sigma / largest) ** 2)))
    times = level / left if left > 0 else np.inf
    shares = 100 * curve.alphas / curve.alphas[0]
    alike, counts = shares[curve.alike], curve.n_active[curve.alike]
    noise = f"the noise level (sigma), {times:.3g} times the standard deviation of what is left"
    edge = (
        f"no smaller alpha does better: check {noise}"
        if curve.index == 0
        else f"a smaller alpha may do better: extend the grid, or check {noise}"
    )
    many = (
        "of MxNE chose an alpha with {} sources. Shrinkage dominates the risk of MxNE, so that the "
        f"chosen alpha is too small: reweight (n_reweights={N_REWEIGHTS}; n_mxne_iter="
        f"{N_REWEIGHTS} in mixed_norm), or give alpha"
        if solution.n_reweights is None
        else f"chose an alpha with {{}} sources: give alpha, or check {noise}"
    )
    return {
        "many": many.format(int(solution.active_set.sum())),
        "edge": f"is smallest at the end of the grid ({shares[curve.index]:.3g} % of its largest "
        f"alpha): {edge}",
        "flat": f"cannot tell alphas from {alike[0]:.3g} to {alike[-1]:.3g} % of its largest apart "
        f"({counts.min()} to {counts.max()} sources): their risks differ by less than the error of "
        f"{n_directions} random direction{'s' * (n_directions > 1)}; average over more "
        "(n_directions=10; sure_directions=10 in mixed_norm), or give alpha",
    }
