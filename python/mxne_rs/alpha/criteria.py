"""Compute the curves that alpha is chosen on, each along a grid of decreasing alphas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._arguments.convert import Floats
from ..solve.debias import amplitudes, fitted
from ..solve.gain import Gain
from ..solve.many import Path, path_of, solve_path, solve_paths
from ..solve.options import Request, Rounds
from ..solve.single import alpha_max
from ..solve.solution import one_warning


class Problem(NamedTuple):
    """The problem whose alpha is chosen, with the options of its solves."""

    gain: Gain
    data: Floats
    trials: Floats | None
    request: Request
    rounds: Rounds
    #: Seconds left of the time limit, if there is one.
    seconds_left: Callable[[], float | None]
    verbose: Any

    def options(self) -> dict[str, Any]:
        """Return the keywords of every solve."""
        names = ("weights", "tol", "max_iter", "solver", "active_set_size", "n_threads")
        options = {name: getattr(self.request, name) for name in names}
        return {**options, "time_limit": self.seconds_left(), "verbose": self.verbose}

    def path(self, gain: Gain, data: Floats, grid: Floats) -> Path:
        """Solve along a grid."""
        return solve_path(gain, data, grid, **self.rounds._asdict(), **self.options())

    def largest_alpha(self) -> float:
        """Return alpha_max of the data; raise where it is zero."""
        largest = alpha_max(self.gain, self.data, weights=self.request.weights)
        if largest == 0:
            raise ValueError(
                "alpha cannot be chosen: data are zero or orthogonal to the gain; give other data"
            )
        return largest

    def at(self, alpha: float, rounds: Rounds) -> Path:
        """Solve at an alpha from which on there may be no source, without a warning of that."""
        grid, data = np.array([alpha]), [self.data]
        request = self.request._replace(time_limit=self.seconds_left())
        outcomes = solve_paths(self.gain, data, grid, request, rounds, "alpha", self.verbose)
        return path_of(self.gain, outcomes[0], grid, request.tol)


class Selection(NamedTuple):
    """Selection frequencies and bounds over resamples of the trials."""

    path: Path
    failures: tuple[str, ...]
    bounds: Floats
    frequencies: Floats


def unconverged_statuses(*paths: Path) -> tuple[str, ...]:
    """Return the statuses of the solves that did not converge."""
    return tuple(one.status for path in paths for one in path if not one.converged)


def where_converged(path: Path, values: Any) -> Floats:
    """Return the values, NaN where the gap was not reached."""
    return np.where([one.converged for one in path], values, np.nan)


def residual_shares(problem: Problem, path: Path, unit: Floats, debias: bool) -> Floats:
    """Compute ``|M - G X|^2 / |U|^2`` of each answer; U is shaped as the data or one row."""
    data = problem.data
    scale = largest_magnitude(unit)
    power = float(np.sum(np.broadcast_to(unit / scale, data.shape) ** 2)) or 1.0
    shares = [
        np.sum(((data - fitted(problem.gain, data, one, debias)) / scale) ** 2) / power
        for one in path
    ]
    return where_converged(path, shares)


def held_out_errors(
    problem: Problem, grid: Floats, n_folds: int, draws: Any, debias: bool
) -> tuple[Floats, tuple[str, ...]]:
    """Compute ``|M - G X|^2 / |M|^2``, each row of G X predicted without that sensor.

    Alpha is scaled with the number of sensors, so that the penalty keeps its weight.
    """
    gain, data = problem.gain, problem.data
    sensors = np.arange(gain.n_sensors)
    columns = gain.columns(np.arange(gain.n_locations))
    scale = largest_magnitude(data)
    errors = np.zeros(len(grid))
    failures: tuple[str, ...] = ()
    for left_out in np.array_split(draws.permutation(len(sensors)), n_folds):
        kept = np.setdiff1d(sensors, left_out)
        fold, train = Gain(columns[kept], gain.n_orient), data[kept]
        path = problem.path(fold, train, grid * (len(kept) / len(sensors)))
        failures += unconverged_statuses(path)
        for i, one in enumerate(path):
            rows = np.repeat(one.active_set, gain.n_orient)
            x = amplitudes(fold, train, one, debias)
            residual = data[left_out] - columns[np.ix_(left_out, rows)] @ x
            errors[i] += np.sum((residual / scale) ** 2) if one.converged else np.nan
    return errors / (float(np.sum((data / scale) ** 2)) or 1.0), failures


def false_bounds(
    problem: Problem, grid: Floats, n_resamples: int, share: float, threshold: float, draws: Any
) -> Selection:
    """Bound the number of false stable locations at each alpha, by averages of drawn trials."""
    gain, data, trials, request, rounds, *_ = problem
    assert trials is not None
    picks = [draw_trials(len(trials), share, False, draws) for _ in range(n_resamples)]
    data_sets = [data, *(average_trials(trials, pick) for pick in picks)]
    outcomes = solve_paths(gain, data_sets, grid, request, rounds, "stability", problem.verbose)
    with one_warning():
        paths = [
            path_of(gain, outcome, grid, request.tol, label=_label(number))
            for number, outcome in enumerate(outcomes)
        ]
    frequencies = np.zeros((len(grid), gain.n_locations))
    n_selected = np.zeros(len(grid))
    for path in paths[1:]:
        selected, complete = np.zeros(gain.n_locations, dtype=bool), True
        for i, one in enumerate(path):
            selected |= one.active_set
            complete &= one.converged
            n_selected[i] += selected.sum() if complete else np.nan
            frequencies[i] += one.active_set
    weights = request.weights
    possible = gain.n_locations if weights is None else max(int(np.isfinite(weights).sum()), 1)
    bounds = expected_false(n_selected / n_resamples, possible, threshold)
    return Selection(
        path=paths[0],
        failures=unconverged_statuses(*paths),
        bounds=where_converged(paths[0], bounds),
        frequencies=frequencies / n_resamples,
    )


def average_trials(trials: Floats, chosen: NDArray[np.intp]) -> Floats:
    """Average some trials, without intermediate sums that could overflow."""
    weights = np.zeros(len(trials))
    weights[chosen] = 1 / len(chosen)
    return np.ascontiguousarray(np.tensordot(weights, trials, axes=1))


def largest_magnitude(array: Floats) -> float:
    """Return the largest absolute value; 1 where all are zero."""
    return float(np.abs(array).max(initial=0.0)) or 1.0


def _label(number: int) -> Callable[[float], str]:
    where = "" if number == 0 else f" on resample {number}"
    return lambda alpha: f"alpha {alpha:.4g}{where}: "


#: Smallest frequency of a stable location.
THRESHOLD = 0.9
#: Part of the trials in a resample: the bound on false selections is proved for halves.
SUBSAMPLE = 0.5


def draw_trials(
    n_trials: int, subsample: float, bootstrap: bool, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Draw the trials of one resample.

    Examples
    --------
    >>> import numpy as np
    >>> from mxne_rs.alpha.criteria import draw_trials
    >>> drawn = draw_trials(10, 0.8, False, np.random.default_rng(0))
    >>> len(drawn), len(set(drawn.tolist()))
    (8, 8)
    """
    if bootstrap:
        return np.sort(rng.integers(n_trials, size=n_trials))
    return np.sort(rng.choice(n_trials, max(1, round(subsample * n_trials)), replace=False))


def expected_false(mean_selected: Any, n_locations: int, threshold: float) -> Any:
    """Bound the expected number of inactive locations that are selected by chance.

    ``q^2 / ((2 threshold - 1) p)`` for locations selected in at least ``threshold`` of the
    resamples, where q of p locations are selected on average at this alpha or a larger one
    (Meinshausen and Bühlmann, J. R. Stat. Soc. B 72 (2010), theorem 1, which assumes that no
    location is more likely to be selected by chance than another, and halves of the trials).

    Examples
    --------
    >>> from mxne_rs.alpha.criteria import expected_false
    >>> float(expected_false(10.0, 1000, 0.9))
    0.125
    """
    return np.square(mean_selected) / ((2 * threshold - 1) * n_locations)
