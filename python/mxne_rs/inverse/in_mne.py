"""MNE's own `mixed_norm` on this solver: its inner functions are replaced for a while."""

from __future__ import annotations

import importlib
import inspect
import threading
from collections.abc import Callable
from contextlib import ContextDecorator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .._arguments.convert import Floats, as_count
from .._arguments.extras import import_mne
from ..alpha.sure import solve_sure
from ..solve.debias import debias as find_factors
from ..solve.gain import Gain
from ..solve.single import solve_irmxne, solve_mxne
from ..solve.solution import Solution
from .settings import array_solver, warn_of_free_cd

#: The versions of MNE-Python that this is tested with.
TESTED = ("1.11.0", "1.13.2")

Answer = tuple[Any, ...]
Function = TypeVar("Function", bound=Callable[..., Any])


class use_in_mne(ContextDecorator):
    """Make `mne.inverse_sparse.mixed_norm` run on this solver, for a while.

    A context manager, and a decorator. What MNE's functions look up when they are called is
    replaced, so that it works for functions that have been imported already, and is put back at the
    end, also after an error. Everything else (preparation, checks, outputs) stays MNE's own;
    `mxne_rs.mixed_norm` does more. SURE assumes the noise level that MNE does.

    Parameters
    ----------
    n_threads : int, default 0
        Threads of the solver; 0 means all cores, or RAYON_NUM_THREADS.

    Raises
    ------
    ImportError
        Where MNE-Python is not installed.
    TypeError, ValueError
        Where `n_threads` is not a count, or what is decorated is a generator or coroutine.
    RuntimeError
        Where this version of MNE-Python has other internals than those this was written for. It
        is tested with 1.11.0 and 1.13.2.

    Warns
    -----
    ConvergenceWarning
        Where a solve stopped before the gap was reached.

    Notes
    -----
    The replacement is seen by all threads of the process; where blocks overlap, the last one to end
    puts MNE's functions back. Generators and coroutines cannot be decorated: their bodies run
    later.

    Examples
    --------
    >>> from mne.inverse_sparse import mixed_norm
    >>> from mxne_rs import use_in_mne
    >>> from mxne_rs.simulate import simulate_auditory
    >>> data = simulate_auditory(spacing=20.0)
    >>> with use_in_mne():
    ...     stc = mixed_norm(*data, alpha=20, n_mxne_iter=5, verbose=False)
    >>> len(stc.data)
    2

    >>> @use_in_mne()
    ... def analysis():
    ...     return mixed_norm(*data, alpha=20, n_mxne_iter=5, verbose=False)
    >>> len(analysis().data)
    2
    """

    def __init__(self, *, n_threads: int = 0) -> None:
        self._n_threads = as_count("n_threads", n_threads, 0)
        import_mne()

    def __enter__(self) -> None:
        """Replace MNE's inner functions."""
        with LOCK:
            places = [(importlib.import_module(module), name) for module, name in PLACES]
            if not KEPT:
                for module, name in places:
                    _check_fits(import_mne().__version__, module, name)
                KEPT.extend((module, name, getattr(module, name)) for module, name in places)
            ACTIVE.append(self)
            self._replace()

    def __exit__(self, *_: object) -> None:
        """Put them back, unless another block is still open."""
        with LOCK:
            ACTIVE.remove(self)
            if ACTIVE:
                ACTIVE[-1]._replace()
                return
            for module, name, original in KEPT:
                setattr(module, name, original)
            KEPT.clear()

    def _replace(self) -> None:
        for module, name, original in KEPT:
            setattr(module, name, REPLACEMENTS[name](original, self._n_threads))

    def __call__(self, func: Function) -> Function:
        """Decorate a function."""
        if inspect.isgeneratorfunction(func) or inspect.iscoroutinefunction(func):
            raise TypeError(
                f"{func.__name__} is a generator or coroutine, whose body runs after the "
                "decorator is done; use `with use_in_mne():` inside of it"
            )
        return super().__call__(func)


#: The blocks that are open, and what they have replaced.
ACTIVE: list[use_in_mne] = []
KEPT: list[tuple[Any, str, Any]] = []
LOCK = threading.Lock()


def _check_fits(version: str, module: Any, name: str) -> None:
    """Raise where a function is not there, or has not the parameters that are relied on."""
    found = getattr(module, name, None)
    expected = PARAMETERS[name]
    have = list(inspect.signature(found).parameters) if callable(found) else []
    missing = [one for one in expected if one not in have]
    if missing:
        problem = f"lacks {', '.join(missing)}" if have else "is not there"
        raise RuntimeError(
            f"use_in_mne does not fit MNE-Python {version}: {module.__name__}.{name} {problem}. "
            f"It is tested with {' and '.join(TESTED)}; mxne_rs.mixed_norm may still work"
        )


def _relative(data: Floats, tol: float) -> float:
    """An absolute gap as this package counts it."""
    power = float(np.sum(data**2))
    return max(2 * tol / power, 1e-15) if power > 0 else 1.0


def _answer(gain: Any, data: Any, solution: Solution, debias: bool) -> tuple[Floats, Any, Any]:
    """Rows that are not zero, the mask over columns, and the values of the objective."""
    columns = np.repeat(solution.active_set, solution.n_orient)
    x = np.array(solution.sources)
    if debias and len(x):
        factors = find_factors(gain[:, columns], data, x, n_orient=solution.n_orient)
        x *= np.repeat(factors, solution.n_orient)[:, np.newaxis]
    values = [record.primal for record in solution.history] or [solution.primal]
    return x, columns, values


def _mixed_norm_solver(original: Callable[..., Answer], n_threads: int) -> Callable[..., Answer]:
    def mixed_norm_solver(
        M: Floats,
        G: Floats,
        alpha: float,
        maxit: int = 3000,
        tol: float = 1e-8,
        verbose: Any = None,
        active_set_size: int | None = 50,
        debias: bool = True,
        n_orient: int = 1,
        solver: str = "auto",
        return_gap: bool = False,
        dgap_freq: float = 10,
        active_set_init: NDArray[np.bool_] | None = None,
        X_init: Floats | None = None,
    ) -> Answer:
        warn_of_free_cd(solver, n_orient == 1)
        solution = solve_mxne(
            Gain(G, n_orient), M, alpha, tol=_relative(M, tol), max_iter=maxit,
            solver=array_solver(solver), active_set_size=active_set_size,
            init=X_init, n_threads=n_threads, verbose=False,
        )  # fmt: skip
        answer = _answer(G, M, solution, debias)
        return (*answer, solution.primal - solution.dual) if return_gap else answer

    return mixed_norm_solver


def _iterative_solver(original: Callable[..., Answer], n_threads: int) -> Callable[..., Answer]:
    def iterative_mixed_norm_solver(
        M: Floats,
        G: Floats,
        alpha: float,
        n_mxne_iter: int,
        maxit: int = 3000,
        tol: float = 1e-8,
        verbose: Any = None,
        active_set_size: int | None = 50,
        debias: bool = True,
        n_orient: int = 1,
        dgap_freq: float = 10,
        solver: str = "auto",
        weight_init: Floats | None = None,
    ) -> Answer:
        if weight_init is not None:
            # MNE's loop, whose convex problems run on this solver.
            return original(
                M, G, alpha, n_mxne_iter, maxit=maxit, tol=tol, verbose=verbose,
                active_set_size=active_set_size, debias=debias, n_orient=n_orient,
                dgap_freq=dgap_freq, solver=solver, weight_init=weight_init,
            )  # fmt: skip
        warn_of_free_cd(solver, n_orient == 1)
        solution = solve_irmxne(
            Gain(G, n_orient), M, alpha, n_reweights=n_mxne_iter, amplitude_unit=1.0,
            tol=_relative(M, tol),
            solver=array_solver(solver), max_iter=maxit * n_mxne_iter,
            active_set_size=active_set_size, n_threads=n_threads, verbose=False,
        )  # fmt: skip
        return _answer(G, M, solution, debias)

    return iterative_mixed_norm_solver


def _sure(original: Callable[..., Answer], n_threads: int) -> Callable[..., Answer]:
    def _compute_mxne_sure(
        M: Floats,
        gain: Floats,
        alpha_grid: Floats,
        sigma: float,
        n_mxne_iter: int,
        maxit: int,
        tol: float,
        n_orient: int,
        active_set_size: int | None,
        debias: bool,
        solver: str,
        dgap_freq: float,
        rng: Any = None,
        verbose: Any = None,
        random_state: Any = None,
    ) -> Answer:
        warn_of_free_cd(solver, n_orient == 1)
        solution = solve_sure(
            Gain(gain, n_orient), M, alpha_grid, sigma=sigma, rng=_stream(rng, random_state),
            debias=debias, n_reweights=n_mxne_iter, amplitude_unit=1.0, tol=_relative(M, tol),
            solver=array_solver(solver),
            max_iter=maxit * n_mxne_iter, active_set_size=active_set_size, n_threads=n_threads,
            verbose=False,
        )  # fmt: skip
        x, active_set, _ = _answer(gain, M, solution, debias)
        return x, active_set, solution.alpha

    return _compute_mxne_sure


def _stream(rng: Any, random_state: Any) -> Any:
    """The random stream of MNE 1.13 (rng), or an older one's (random_state)."""
    if random_state is None or isinstance(random_state, np.random.RandomState):
        return rng if random_state is None else random_state
    return np.random.RandomState(random_state)


def _inner_solver(original: Callable[..., Answer], n_threads: int) -> Callable[..., Answer]:
    def inner(
        M: Floats,
        G: Floats,
        alpha: float,
        lipschitz_constant: Any,
        maxit: int = 10_000,
        tol: float = 1e-8,
        init: Floats | None = None,
        n_orient: int = 1,
        dgap_freq: float = 10,
        **_: Any,
    ) -> Answer:
        solution = solve_mxne(
            Gain(G, n_orient), M, alpha, tol=_relative(M, tol), max_iter=maxit, init=init,
            n_threads=n_threads, verbose=False,
        )  # fmt: skip
        return _answer(G, M, solution, debias=False)

    return inner


#: What is looked up at call time: by `mixed_norm` in its module, by the solvers in theirs (for who
#: has imported a solver itself).
PLACES = [
    ("mne.inverse_sparse.mxne_inverse", "mixed_norm_solver"),
    ("mne.inverse_sparse.mxne_inverse", "iterative_mixed_norm_solver"),
    ("mne.inverse_sparse.mxne_inverse", "_compute_mxne_sure"),
    ("mne.inverse_sparse.mxne_optim", "mixed_norm_solver"),
    ("mne.inverse_sparse.mxne_optim", "iterative_mixed_norm_solver"),
    ("mne.inverse_sparse.mxne_optim", "_mixed_norm_solver_bcd"),
    ("mne.inverse_sparse.mxne_optim", "_mixed_norm_solver_cd"),
]
REPLACEMENTS = {
    "mixed_norm_solver": _mixed_norm_solver,
    "iterative_mixed_norm_solver": _iterative_solver,
    "_compute_mxne_sure": _sure,
    "_mixed_norm_solver_bcd": _inner_solver,
    "_mixed_norm_solver_cd": _inner_solver,
}
PARAMETERS = {
    "mixed_norm_solver": (
        "M", "G", "alpha", "maxit", "tol", "active_set_size", "debias", "n_orient", "solver",
        "return_gap", "dgap_freq", "active_set_init", "X_init",
    ),
    "iterative_mixed_norm_solver": (
        "M", "G", "alpha", "n_mxne_iter", "maxit", "tol", "active_set_size", "debias", "n_orient",
        "dgap_freq", "solver", "weight_init",
    ),
    "_compute_mxne_sure": (
        "M", "gain", "alpha_grid", "sigma", "n_mxne_iter", "maxit", "tol", "n_orient",
        "active_set_size", "debias", "solver", "dgap_freq",
    ),
    "_mixed_norm_solver_bcd": (
        "M", "G", "alpha", "lipschitz_constant", "maxit", "tol", "init", "n_orient", "dgap_freq",
    ),
    "_mixed_norm_solver_cd": (
        "M", "G", "alpha", "lipschitz_constant", "maxit", "tol", "init", "n_orient", "dgap_freq",
    ),
}  # fmt: skip
