"""Many problems on one gain: decreasing alphas, and batches of data sets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from .arrays import Floats, as_count, as_floats, as_number
from .gain import Gain, prepared
from .progress import Progress
from .request import make_request, sensor_data
from .solution import Solution, solution_of
from .solve import alpha_max


@dataclass(frozen=True, eq=False, repr=False)
class Path:
    """The answers along decreasing alphas.

    Attributes
    ----------
    alphas : array, shape (n_alphas,)
        Absolute, falling.
    solutions : tuple of Solution
        One per alpha.
    explained_variance : array, shape (n_alphas,)
        ``1 - |M - G X|^2 / |M|^2`` of each.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> path = mxne_rs.solve_path(np.eye(3), np.diag([3.0, 2.0, 1.0]), [2.5, 1.5, 0.5])
    >>> path.n_active
    array([1, 2, 3])
    >>> bool((path.gaps <= 1e-6).all())
    True
    """

    alphas: Floats
    solutions: tuple[Solution, ...]
    explained_variance: Floats

    @property
    def gaps(self) -> Floats:
        """Relative duality gap of each answer."""
        return np.array([solution.gap for solution in self.solutions])

    @property
    def n_active(self) -> NDArray[np.intp]:
        """Number of active locations of each answer."""
        return np.array([solution.active_set.sum() for solution in self.solutions], dtype=np.intp)

    def __len__(self) -> int:
        """Return the number of alphas."""
        return len(self.solutions)

    def __repr__(self) -> str:
        """One line: the range, what was found, how well."""
        if not len(self):
            return "<Path: no alphas>"
        first, last = self.alphas[[0, -1]]
        return (
            f"<Path: {len(self)} alphas from {first:.4g} to {last:.4g}, "
            f"{self.n_active[0]} to {self.n_active[-1]} locations, "
            f"largest gap {max(self.gaps):.1e}>"
        )


def solve_path(
    gain: Gain | ArrayLike,
    data: ArrayLike,
    alphas: ArrayLike | None = None,
    *,
    n_alphas: int = 20,
    eps: float = 0.1,
    n_orient: int | None = None,
    weights: ArrayLike | None = None,
    ridge: float = 0.0,
    tol: float = 1e-6,
    max_iter: int = 10_000,
    time_limit: float | None = None,
    init: Solution | ArrayLike | None = None,
    solver: str = "bcd",
    active_set_size: int | None = 10,
    n_threads: int = 0,
    verbose: bool | str | int | None = None,
) -> Path:
    """MxNE for decreasing alphas, each started from the last answer.

    An alpha costs about one product with the gain: the certificate of one answer is the first
    look at the next problem.

    Parameters
    ----------
    gain, data
        As for :func:`solve_mxne`.
    alphas : array_like, shape (n_alphas,) | None
        Absolute; solved from the largest to the smallest. None takes ``n_alphas`` values from
        ``alpha_max`` down to ``eps * alpha_max``, evenly spaced in their logarithm.
    n_alphas : int
        Number of alphas where none are given.
    eps : float
        Smallest alpha as a part of ``alpha_max`` where none are given.
    n_orient, weights, ridge, tol, init, solver, active_set_size, n_threads, verbose
        As for :func:`solve_mxne`.
    max_iter : int
        Epochs allowed for each alpha.
    time_limit : float | None
        Seconds allowed for the whole path.

    Returns
    -------
    path : Path
        Alphas, solutions with their gaps, numbers of sources, explained variance.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, what it is, and what to give instead.

    Warns
    -----
    ConvergenceWarning
        For each alpha whose gap was not reached.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> rng = np.random.default_rng(0)
    >>> gain, data = rng.standard_normal((20, 90)), rng.standard_normal((20, 30))
    >>> path = mxne_rs.solve_path(gain, data, n_alphas=5, eps=0.5, n_orient=3)
    >>> len(path), int(path.n_active[0])
    (5, 0)
    """
    gain = prepared(gain, n_orient)
    array = sensor_data(gain, data)
    if alphas is None:
        part = as_number("eps", eps, "give a number between 0 and 1")
        if part >= 1:
            raise ValueError(f"eps is {eps}; give a number between 0 and 1")
        largest = alpha_max(gain, array, weights=weights)
        if largest == 0:
            raise ValueError("alphas cannot be chosen: data are zero or orthogonal to the gain")
        grid = largest * np.geomspace(1.0, part, as_count("n_alphas", n_alphas, 1))
    else:
        grid = np.unique(as_floats("alphas", alphas, 1))[::-1]
    request = make_request(
        gain, array, grid[0], weights=weights, ridge=ridge, tol=tol, max_iter=max_iter,
        time_limit=time_limit, init=init, solver=solver, active_set_size=active_set_size,
        n_threads=n_threads,
    )  # fmt: skip
    with Progress("path", request.tol, verbose) as progress:
        outcomes, explained = _core.solve_path(
            gain._prepared, array, grid.tolist(), request._replace(progress=progress)
        )
    pairs = zip(outcomes, grid.tolist(), strict=True)
    solutions = tuple(
        solution_of(gain, outcome, alpha, request.tol, f"alpha {alpha:.4g}: ")
        for outcome, alpha in pairs
    )
    return Path(np.ascontiguousarray(grid), solutions, np.array(explained))


def solve_batch(
    gain: Gain | ArrayLike,
    data: Iterable[ArrayLike],
    alpha: float | ArrayLike,
    *,
    n_orient: int | None = None,
    weights: ArrayLike | None = None,
    ridge: float = 0.0,
    tol: float = 1e-6,
    max_iter: int = 10_000,
    time_limit: float | None = None,
    solver: str = "bcd",
    active_set_size: int | None = 10,
    n_threads: int = 0,
    verbose: bool | str | int | None = None,
) -> list[Solution]:
    """MxNE of many data sets on one gain, one thread each.

    The answers are those of :func:`solve_mxne`, in the order of the data, whatever the number
    of threads. An answer holds its active rows only: memory grows with what is found.

    Parameters
    ----------
    gain
        As for :func:`solve_mxne`.
    data : iterable of array_like, shape (n_sensors, n_times)
        The data sets (a 3-D array, or a list whose members may differ in their times).
    alpha : float | array_like, shape (n_data,)
        Regularisation, absolute, for all or for each data set.
    n_orient, weights, ridge, tol, solver, active_set_size, verbose
        As for :func:`solve_mxne`.
    max_iter : int
        Epochs allowed for each data set.
    time_limit : float | None
        Seconds allowed for the whole batch.
    n_threads : int
        Data sets solved at a time; 0 means RAYON_NUM_THREADS where it is a positive integer,
        else all cores.

    Returns
    -------
    solutions : list of Solution
        One per data set.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, what it is, and what to give instead.

    Warns
    -----
    ConvergenceWarning
        For each data set whose gap was not reached.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> rng = np.random.default_rng(0)
    >>> gain, data = rng.standard_normal((20, 90)), rng.standard_normal((4, 20, 30))
    >>> solutions = mxne_rs.solve_batch(mxne_rs.Gain(gain, 3), data, alpha=60.0)
    >>> len(solutions), all(solution.converged for solution in solutions)
    (4, True)
    """
    gain = prepared(gain, n_orient)
    arrays = [sensor_data(gain, one, f"data[{i}]") for i, one in enumerate(data)]
    if not arrays:
        return []
    alphas = _alphas(alpha, len(arrays))
    request = make_request(
        gain, arrays[0], alphas[0], weights=weights, ridge=ridge, tol=tol, max_iter=max_iter,
        time_limit=time_limit, solver=solver, active_set_size=active_set_size,
        n_threads=n_threads,
    )  # fmt: skip
    with Progress(f"batch of {len(arrays)}", request.tol, verbose) as progress:
        outcomes = _core.solve_batch(
            gain._prepared, arrays, alphas, request._replace(progress=progress)
        )
    pairs = enumerate(zip(outcomes, alphas, strict=True))
    return [
        solution_of(gain, outcome, one, request.tol, f"data[{i}]: ") for i, (outcome, one) in pairs
    ]


def _alphas(alpha: Any, count: int) -> list[float]:
    remedy = "give a positive number, such as a part of alpha_max"
    if np.ndim(alpha) == 0:
        return [as_number("alpha", alpha, remedy)] * count
    values = as_floats("alpha", alpha, 1)
    if values.size != count:
        raise ValueError(f"alpha has {values.size} entries, but there are {count} data sets")
    return [as_number("alpha", value, remedy) for value in values.tolist()]
