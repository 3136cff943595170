"""Simulate data with the sources found, solve again, and see how far the sources move."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arguments.convert import Floats, as_count, as_floats, as_number, quoted
from .._arguments.extras import needs
from .._arguments.warn import ConvergenceWarning, warn
from ..alpha.sure import random_stream
from ..inverse.geometry import head_positions
from ..inverse.localize import one_percent
from ..inverse.localized import Localized
from ..solve.debias import amplitudes
from ..solve.gain import Gain, prepared
from ..solve.inputs import sensor_data, support_rows
from ..solve.many import solve_batch
from ..solve.options import N_REWEIGHTS
from ..solve.single import largest_alpha
from ..solve.solution import Solution, one_warning


@dataclass(frozen=True, eq=False, repr=False)
class SourceBands:
    """How sources move, change and vanish when the noise is another.

    Attributes
    ----------
    locations : array of int, shape (n_sources,)
        The sources of the solution.
    probability : array, shape (n_sources,)
        Part of the draws in which a source is found again within the radius.
    spread : array, shape (n_sources,)
        Root mean square distance, in mm, of where it is found again; NaN without positions, or
        where it never is.
    amplitude : array, shape (n_sources,)
        Debiased ``|X_s|``, the norm over orientations and times.
    band : array, shape (n_sources, 2)
        Confidence band of that norm; NaN where a source is found again in fewer than two draws.
    coverage : float
        Of the bands.
    n_draws : int
        Number of simulated data sets.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> rng = np.random.default_rng(0)
    >>> gain = rng.standard_normal((30, 100))
    >>> data = gain[:, [20, 60]] @ rng.standard_normal((2, 50)) + rng.standard_normal((30, 50))
    >>> solution = mxne_rs.solve_irmxne(gain, data, 0.3 * mxne_rs.alpha_max(gain, data))
    >>> mxne_rs.bootstrap_sources(gain, data, solution, n_draws=10)
    <SourceBands: 2 sources in 10 draws, found again with probability 1 to 1>
    """

    locations: NDArray[np.intp]
    probability: Floats
    spread: Floats
    amplitude: Floats
    band: Floats
    coverage: float
    n_draws: int

    def __repr__(self) -> str:
        """Return the numbers of sources and draws, and the probabilities, on one line."""
        sources = f"<SourceBands: {len(self.locations)} sources in {self.n_draws} draws"
        if not len(self.locations):
            return f"{sources}>"
        least, largest = self.probability.min(), self.probability.max()
        return f"{sources}, found again with probability {least:.2g} to {largest:.2g}>"


def bootstrap_sources(
    gain: Localized | Gain | ArrayLike,
    data: ArrayLike | None = None,
    solution: Solution | None = None,
    *,
    positions: ArrayLike | None = None,
    n_draws: int = 100,
    sigma: float | None = None,
    coverage: float = 0.9,
    radius: float = 10.0,
    rng: Any = 0,
    **options: Any,
) -> SourceBands:
    """Draw data of the sources found and new noise, solve again, and match the sources.

    The parametric bootstrap: the debiased sources are taken for the truth, white noise is added,
    and MxNE or irMxNE at the same alpha is solved on each draw. A source that moves or vanishes
    when the noise is another is not sure. The probability is that of finding a source of this size
    at this place; whether a source of the solution is a true one, :func:`certainty` asks.

    Parameters
    ----------
    gain : Localization, Gain or array_like, shape (n_sensors, n_locations * n_orient)
        The answer of `localize`, alone: it has its data, positions and settings. Or the whitened
        gain that was solved on.
    data : array_like, shape (n_sensors, n_times), or None
        The whitened data that were solved; None for a Localization.
    solution : Solution or None
        Their answer, by :func:`solve_mxne`, :func:`solve_irmxne` or others that have an alpha.
    positions : array_like, shape (n_locations, 3), or None
        Positions in m. None matches a source only with the same location.
    n_draws : int
        Number of simulated data sets.
    sigma : float or None
        Standard deviation of the noise in the whitened data. None is 1, and for a Localization that
        of averages, ``nave ** -0.5``.
    coverage : float
        Of the bands of amplitudes.
    radius : float
        Distance, in mm, within which a source counts as found again. Sources are matched one to one
        so that the sum of distances is smallest.
    rng : int, numpy.random.Generator or None
        Of the noise.
    **options
        Options of :func:`solve_batch`: give those that the solution was computed with, such as
        ``weights``, ``amplitude_unit``, or the ``l1_ratio``, ``wsize`` and ``tstep`` of TF-MxNE.
        ``n_reweights`` is by default 1 after MxNE, and 100 after irMxNE, which ends when an answer
        has settled; `tol` is that of the solution.

    Returns
    -------
    bands : SourceBands
        Probability, spread and band of each source of the solution. Of a Localization,
        ``locations`` are those of its forward solution; amplitudes are in whitened and weighted
        units, as those of arrays.

    Raises
    ------
    ImportError
        Where positions are given and SciPy is not installed.
    TypeError, ValueError
        Naming the argument, what it is, and what to give instead.

    Warns
    -----
    ConvergenceWarning
        With the number of draws whose gap was not reached.

    Notes
    -----
    With a the amplitude found and a* those of the draws in which the source is found, the band is
    that of the pivot a* - a: from ``2 a - q_hi`` to ``2 a - q_lo`` (Efron and Tibshirani 1993,
    section 13), which takes out the bias that noise and penalty give an amplitude. The bands hold
    where the sources of the solution are the true ones: a source that is missed or misplaced
    changes the amplitudes of the others by more than noise does (``evidence/certainty.md``). The
    spread does not know of such errors either: it is smaller than the distance from the truth.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> rng = np.random.default_rng(0)
    >>> gain = rng.standard_normal((30, 100))
    >>> data = gain[:, [20]] @ rng.standard_normal((1, 50)) + rng.standard_normal((30, 50))
    >>> solution = mxne_rs.solve_mxne(gain, data, 0.5 * mxne_rs.alpha_max(gain, data))
    >>> bands = mxne_rs.bootstrap_sources(gain, data, solution, n_draws=20)
    >>> bands.locations, bool(bands.band[0, 0] < bands.amplitude[0] < bands.band[0, 1])
    (array([20]), True)
    """
    if isinstance(gain, Localized):
        if data is not None or solution is not None:
            raise TypeError(
                f"{'data' if data is not None else 'solution'} is given beside a Localization, "
                "which has its own; leave it out"
            )
        return _of_localized(
            gain, positions=positions, n_draws=n_draws, sigma=sigma, coverage=coverage,
            radius=radius, rng=rng, **options,
        )  # fmt: skip
    sigma = 1.0 if sigma is None else sigma
    gain = prepared(gain, options.pop("n_orient", None))
    if data is None:
        raise TypeError("data is None; give whitened data, or a Localization alone")
    measured = sensor_data(gain, data)
    if not isinstance(solution, Solution):
        raise TypeError(f"solution is {quoted(solution)}; give a Solution, such as of solve_irmxne")
    _check_alpha(gain, measured, solution, options)
    locations, _ = support_rows(gain, measured, solution, "solution")
    count = as_count("n_draws", n_draws, 2)
    level = as_number("sigma", sigma, "give the standard deviation of the noise")
    part = as_number("coverage", coverage, "give a probability between 0 and 1", below=1)
    reach = as_number("radius", radius, "give a distance in mm")
    places = None if positions is None else _places(positions, gain.n_locations)
    if solution.coefficients is not None and "l1_ratio" not in options:
        raise ValueError("solution is of TF-MxNE; give its l1_ratio, wsize and tstep too")
    options.setdefault("n_reweights", 1 if solution.n_reweights is None else N_REWEIGHTS)
    if solution.method == "gamma-MAP":
        options.setdefault("surrogate", "evidence")
    options = {"tol": solution.tol, "verbose": False, **options}

    sources = amplitudes(gain, measured, solution, True)
    signal = gain.columns(locations) @ sources
    noise = random_stream(rng).normal(0.0, level, (count, *measured.shape))
    with one_warning() as gathered:
        n_before = len(gathered)
        answers = solve_batch(gain, list(signal + noise), solution.alpha, **options)
        del gathered[n_before:]
    n_short = sum(not one.converged for one in answers)
    if n_short:
        warn(
            f"the tolerance was not reached in {n_short} of {count} draws, which are left out: "
            "raise tol, max_iter or time_limit",
            ConvergenceWarning,
        )

    norms = np.full((count - n_short, len(locations)), np.nan)
    distances = norms.copy()
    solved = [(draw, one) for draw, one in enumerate(answers) if one.converged]
    for row, (draw, answer) in enumerate(solved):
        found = np.flatnonzero(answer.active_set)
        again = amplitudes(gain, signal + noise[draw], answer, True)
        mine, theirs, apart = _matched(locations, found, places, reach)
        norms[row, mine] = _norms(again, len(found))[theirs]
        distances[row, mine] = apart
    size = _norms(sources, len(locations))
    return _bands_of(locations, size, norms, None if places is None else distances, part)


def _check_alpha(gain: Gain, data: Floats, solution: Solution, options: dict[str, Any]) -> None:
    """Raise where no answer at the alpha of a solution has a source: it is in percent."""
    if options.get("weights") is not None or solution.method not in ("MxNE", "irMxNE"):
        return
    largest = largest_alpha(gain, data)
    if solution.active_set.any() and solution.alpha > largest * (1 + 1e-9):
        raise ValueError(
            f"solution.alpha is {solution.alpha:.4g}, but the largest alpha with a source is "
            f"{largest:.4g}: is it in percent, as that of a Localization is? Give the "
            "Localization alone"
        )


def _of_localized(found: Localized, **options: Any) -> SourceBands:
    """Draw for a Localization: its gain, data and positions, with alpha in the unit of arrays."""
    solution, model = found.solution, found.model
    if solution.method not in ("MxNE", "irMxNE"):
        raise ValueError(
            f"the Localization is by {solution.method}; give gain, data and solution on arrays"
        )
    if options["sigma"] is None:
        options["sigma"] = found.noise_std
        if not np.isfinite(found.noise_std):
            raise ValueError("sigma is None, but evoked.nave is no positive number; give sigma")
    if options["positions"] is None:
        options["positions"] = head_positions(found.forward)[model.kept] / 1000
    if solution.n_reweights is not None:
        options.setdefault("amplitude_unit", solution.amplitude_unit)
        options.setdefault("surrogate", found.settings.get("surrogate", "sqrt"))
    percent = one_percent(model, found.data)
    on_kept = replace(
        solution, alpha=percent * solution.alpha, active_set=solution.active_set[model.kept],
        weights=None,
    )  # fmt: skip
    bands = bootstrap_sources(model.gain, found.data, on_kept, **options)
    return replace(bands, locations=model.kept[bands.locations])


def _places(positions: Any, n_locations: int) -> Floats:
    places = as_floats("positions", positions, 2)
    if places.shape != (n_locations, 3):
        raise ValueError(
            f"positions has shape {places.shape}, but gain has {n_locations} locations; give "
            f"({n_locations}, 3), in m"
        )
    return 1e3 * places


def _norms(sources: Floats, count: int) -> Floats:
    """Return the norm of each location's rows, over orientations and times."""
    blocks = sources.reshape(count, len(sources) // max(count, 1), sources.shape[1])
    return np.asarray(np.linalg.norm(blocks, axis=(1, 2)))


def _matched(
    mine: NDArray[np.intp], theirs: NDArray[np.intp], places: Floats | None, radius: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """Match sources one to one: positions in both lists, and their distances in mm."""
    if places is None:
        _, first, second = np.intersect1d(mine, theirs, return_indices=True)
        return first, second, np.zeros(len(first))
    with needs("matching by distance", "SciPy", "sklearn"):
        from scipy.optimize import linear_sum_assignment
    apart = np.linalg.norm(places[mine][:, np.newaxis] - places[theirs], axis=2)
    # Beyond the radius all are alike: no source leaves its partner for another's sake.
    first, second = linear_sum_assignment(np.minimum(apart, 2 * radius + 1))
    near = apart[first, second] <= radius
    return first[near], second[near], apart[first[near], second[near]]


def _bands_of(
    locations: NDArray[np.intp],
    size: Floats,
    norms: Floats,
    distances: Floats | None,
    coverage: float,
) -> SourceBands:
    """Summarise the draws; NaN marks a source that was not found."""
    count, n_sources = norms.shape
    band, spread = np.full((n_sources, 2), np.nan), np.full(n_sources, np.nan)
    for s in range(n_sources):
        again = np.isfinite(norms[:, s])
        if again.sum() > 1:
            # The k-th of n draws is the quantile of k / (n + 1): what a further draw falls below.
            ends = [(1 + coverage) / 2, (1 - coverage) / 2]
            tails = np.quantile(norms[again, s], ends, method="weibull")
            band[s] = np.maximum(2 * size[s] - tails, 0.0)
        if distances is not None and again.any():
            spread[s] = np.sqrt(np.mean(distances[again, s] ** 2))
    return SourceBands(
        locations=locations,
        probability=np.isfinite(norms).mean(axis=0) if count else np.full(n_sources, np.nan),
        spread=spread,
        amplitude=size,
        band=band,
        coverage=coverage,
        n_draws=count,
    )
