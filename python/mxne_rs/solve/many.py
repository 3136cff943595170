"""Solve many problems on one gain: decreasing alphas, and batches of data sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._arguments.convert import Floats, as_count, as_floats, as_number, as_numbers, quoted
from .._arguments.declare import Unpack, takes
from .._progress import Progress
from .coefficients import Stft
from .gain import Gain, prepared
from .inputs import sensor_data
from .options import (
    BatchOptions,
    Inputs,
    PathOptions,
    Request,
    Rounds,
    asked,
    make_request,
    make_rounds,
)
from .single import hint_of_small_alpha, largest_alpha, warn_of_large_alpha
from .solution import Solution, one_warning, solution_of, warn_if_short


@dataclass(frozen=True, eq=False, repr=False)
class Path:
    """Solutions along decreasing alphas.

    Attributes
    ----------
    alphas : array, shape (n_alphas,)
        Absolute, decreasing.
    solutions : tuple of Solution
        One per alpha: MxNE, or irMxNE where reweighting was asked for.
    convex : tuple of Solution
        The MxNE of each alpha, from which reweighting began; without reweighting the same as
        ``solutions``.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> path = mxne_rs.solve_path(np.eye(3), np.diag([3.0, 2.0, 1.0]), [2.5, 1.5, 0.5])
    >>> path.n_active
    array([1, 2, 3])
    >>> bool((path.gaps <= 1e-6).all())
    True
    >>> [round(solution.alpha, 1) for solution in path]
    [2.5, 1.5, 0.5]
    """

    alphas: Floats
    solutions: tuple[Solution, ...]
    convex: tuple[Solution, ...]

    @property
    def explained_variance(self) -> Floats:
        """``1 - |M - G X|^2 / |M|^2`` of each solution."""
        return np.array([solution.explained_variance for solution in self.solutions])

    @property
    def gaps(self) -> Floats:
        """Relative duality gap of each solution."""
        return np.array([solution.gap for solution in self.solutions])

    @property
    def n_active(self) -> NDArray[np.intp]:
        """Number of active locations of each solution."""
        return np.array([solution.active_set.sum() for solution in self.solutions], dtype=np.intp)

    def __len__(self) -> int:
        """Return the number of alphas."""
        return len(self.solutions)

    def __iter__(self) -> Iterator[Solution]:
        """Iterate over the solutions, from the largest alpha down."""
        return iter(self.solutions)

    def __getitem__(self, index: int) -> Solution:
        """Return the solution at a position."""
        return self.solutions[index]

    def __repr__(self) -> str:
        """Return the range of alphas, the numbers of locations and the largest gap on one line."""
        if not len(self):
            return "<Path: no alphas>"
        first, last = self.alphas[[0, -1]]
        return (
            f"<Path: {len(self)} alphas from {first:.4g} to {last:.4g}, "
            f"{self.n_active[0]} to {self.n_active[-1]} locations, "
            f"largest gap {max(self.gaps):.1e}>"
        )


@takes(PathOptions, Inputs)
def solve_path(
    gain: Gain | ArrayLike,
    data: ArrayLike,
    alphas: ArrayLike | None = None,
    **options: Unpack[PathOptions],
) -> Path:
    """Solve MxNE or irMxNE at decreasing alphas, each started from the last answer.

    An alpha costs about one product with the gain: the certificate of one answer also ranks the
    locations for the next alpha.

    Returns
    -------
    path : Path
        The alphas and their solutions.

    Warns
    -----
    ConvergenceWarning
        Naming the first alpha whose gap was not reached, and the number of them.
    RuntimeWarning
        Where reweighting removes all sources of MxNE at an alpha below one that keeps some, or at
        all alphas; where there is no source because all alphas are above :func:`alpha_max`.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> rng = np.random.default_rng(0)
    >>> gain, data = rng.standard_normal((20, 90)), rng.standard_normal((20, 30))
    >>> path = mxne_rs.solve_path(gain, data, n_alphas=5, eps=0.5, n_orient=3)
    >>> len(path), int(path.n_active[0])
    (5, 0)
    """
    gain, array, request = asked(gain, data, 1.0, options)
    rounds = make_rounds(options)
    grid = alpha_grid(gain, array, alphas, options, request)
    with Progress("path", request.tol, options["verbose"]) as progress:
        watched = request._replace(progress=progress)
        outcomes = _core.solve_path(gain._prepared, array, grid, watched, rounds)
    path = path_of(
        gain, outcomes, grid, request.tol, request.stfts,
        hint=lambda solutions: hint_of_small_alpha(gain, array, solutions, request),
    )  # fmt: skip
    warn_of_large_alpha(gain, array, path.solutions, request)
    return path


def alpha_grid(gain: Gain, data: Floats, alphas: Any, options: Any, request: Request) -> Floats:
    """Return the given alphas in decreasing order, or ``n_alphas`` down from alpha_max."""
    if alphas is not None:
        # np.unique would import np.ma, during which a fork can deadlock (see `as_array`).
        values = np.sort(as_floats("alphas", alphas, 1))
        remedy = "give positive numbers, such as parts of alpha_max"
        for value in (values[0], values[-1]):
            as_number("alphas", value, remedy)
        values = values[np.diff(values, prepend=0.0) != 0]
        return np.ascontiguousarray(values[::-1])
    part = as_number("eps", options["eps"], "give a number between 0 and 1", below=1)
    largest = largest_alpha(gain, data, request)
    if largest == 0:
        raise ValueError(
            "alphas cannot be chosen: data are zero or orthogonal to the gain; give alphas"
        )
    count = as_count("n_alphas", options["n_alphas"], 1)
    try:
        return largest * np.geomspace(1.0, part, count)
    except (MemoryError, ValueError, OverflowError):
        raise MemoryError(f"n_alphas is {count}, which needs too much memory; give fewer") from None


def solve_paths(
    gain: Gain,
    data_sets: list[Floats],
    grid: Floats,
    request: Request,
    rounds: Rounds,
    title: str,
    verbose: Any,
) -> list[tuple[list[_core.Outcome], list[_core.Outcome]]]:
    """Solve each data set along a grid; return the outcomes of the compiled module."""
    with Progress(title, request.tol, verbose, len(data_sets) * len(grid)) as progress:
        watched = request._replace(progress=progress)
        return _core.solve_paths(gain._prepared, data_sets, grid, watched, rounds)


def path_of(
    gain: Gain,
    outcomes: tuple[list[_core.Outcome], list[_core.Outcome]],
    grid: Floats,
    tol: float,
    stfts: tuple[Stft, ...] = (),
    label: Callable[[float], str] = lambda alpha: f"alpha {alpha:.4g}: ",
    hint: Callable[[Sequence[Solution]], str] = lambda solutions: "",
) -> Path:
    """Make a Path of the outcomes along a grid; ``label`` names an alpha in warnings.

    At the largest alphas reweighting usually removes all sources: a warning of that is given only
    below an alpha that keeps some, or where no alpha keeps any.
    """
    convex, reweighted = (
        tuple(
            solution_of(gain, outcome, alpha, tol, stfts)
            for outcome, alpha in zip(kind, grid.tolist(), strict=bool(kind))
        )
        for kind in outcomes
    )
    warns_of_empty = not any(one.active_set.any() for one in reweighted)
    advice = hint([*convex, *reweighted])
    with one_warning():
        for one in convex:
            warn_if_short(one, label(one.alpha), advice)
        for one in reweighted:
            warns_of_empty = warns_of_empty or bool(one.active_set.any())
            if warns_of_empty or not one.emptied:
                warn_if_short(one, label(one.alpha), advice)
    return Path(grid, reweighted or convex, convex)


@takes(BatchOptions, Inputs)
def solve_batch(
    gain: Gain | ArrayLike,
    data: Iterable[ArrayLike],
    alpha: float | ArrayLike,
    **options: Unpack[BatchOptions],
) -> list[Solution]:
    """Solve MxNE or irMxNE for many data sets on one gain, one thread each.

    The solutions are those of :func:`solve_mxne` or :func:`solve_irmxne`, in the order of the
    data, for any number of threads. A solution holds its active rows only, so that memory grows
    with the number of sources.

    Parameters
    ----------
    data : iterable of array_like, shape (n_sensors, n_times)
        The whitened data sets (a 3-D array, or a list whose members may differ in their times).
    alpha : float or array_like, shape (n_data,)
        Regularisation, absolute, one for all data sets or one for each.

    Returns
    -------
    solutions : list of Solution
        One per data set.

    Warns
    -----
    ConvergenceWarning
        Naming the first data set whose gap was not reached, and the number of them.
    RuntimeWarning
        Naming the first data set where reweighting removed all sources of MxNE, and their number.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> rng = np.random.default_rng(0)
    >>> gain, data = rng.standard_normal((20, 90)), rng.standard_normal((4, 20, 30))
    >>> solutions = mxne_rs.solve_batch(mxne_rs.Gain(gain, 3), data, alpha=60.0)
    >>> len(solutions), all(solution.converged for solution in solutions)
    (4, True)
    """
    gain = prepared(gain, options["n_orient"])
    arrays = [sensor_data(gain, one, f"data[{i}]") for i, one in enumerate(_data_sets(data))]
    if not arrays:
        return []
    alphas = as_numbers(
        "alpha", alpha, len(arrays), f"there are {len(arrays)} data sets",
        "give a positive number, such as a part of alpha_max",
    )  # fmt: skip
    request, rounds = make_request(gain, arrays[0], alphas[0], options), make_rounds(options)
    with Progress("batch", request.tol, options["verbose"], len(arrays)) as progress:
        watched = request._replace(progress=progress)
        outcomes = _core.solve_batch(gain._prepared, arrays, alphas, watched, rounds)
    with one_warning():
        return [
            warn_if_short(
                solution_of(gain, outcome, one, request.tol, request.stfts), f"data[{i}]: "
            )
            for i, (outcome, one) in enumerate(zip(outcomes, alphas.tolist(), strict=True))
        ]


def _data_sets(data: Any) -> Iterable[Any]:
    whole = isinstance(data, (str, bytes, memoryview)) or hasattr(data, "tocsr")
    if whole or not hasattr(data, "__iter__"):
        raise TypeError(
            f"data is {quoted(data)}; give a list of arrays (n_sensors, n_times) or a 3-D array"
        )
    if isinstance(data, np.ndarray) and data.ndim != 3:
        raise ValueError(f"data has shape {data.shape}; give three dimensions or a list of arrays")
    items: Iterable[Any] = data
    return items
