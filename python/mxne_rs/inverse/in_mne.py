"""Run MNE's own sparse solvers on this one, by replacing their inner functions for a while."""

from __future__ import annotations

import functools
import importlib
import inspect
import threading
from collections.abc import Callable
from contextlib import ContextDecorator
from types import SimpleNamespace
from typing import Any, TypeVar

import numpy as np

from .._arguments.convert import Floats, as_count
from .._arguments.declare import documents
from .._arguments.extras import import_mne
from ..alpha.sure import solve_sure
from ..solve.debias import debias as find_factors
from ..solve.gain import Gain
from ..solve.single import solve_irmxne, solve_mxne
from ..solve.solution import Solution
from ..solve.time_frequency import solve_irtf_mxne, solve_tf_mxne
from .gamma_map import maximise_evidence
from .options import SolverOptions
from .settings import array_solver, warn_of_free_cd

#: The versions of MNE-Python that this is tested with.
TESTED = ("1.11.0", "1.13.2")

Answer = tuple[Any, ...]
Function = TypeVar("Function", bound=Callable[..., Any])


@documents(SolverOptions)
class use_in_mne(ContextDecorator):
    """Make the functions of `mne.inverse_sparse` run on this solver while a block is open.

    These are `mixed_norm`, `tf_mixed_norm` and `gamma_map`.

    A context manager and a decorator. The inner functions that MNE looks up at each call are
    replaced, so that functions imported earlier use this solver, too, and are restored at the end,
    also after an error. Preparation, checks and outputs stay MNE's own; the functions of this
    package by the same names do more. SURE assumes the noise level that MNE assumes.

    Raises
    ------
    ImportError
        Where MNE-Python is not installed.
    TypeError, ValueError
        Where `n_threads` is not a count, or a generator or coroutine is decorated.
    RuntimeError
        Where the inner functions of this version of MNE-Python differ from those expected. The
        versions 1.11.0 and 1.13.2 are tested.

    Warns
    -----
    ConvergenceWarning
        Where a solve stopped before the gap was reached.

    Notes
    -----
    The replacement affects all threads of the process; where blocks overlap, the last one to end
    restores MNE's functions. Generators and coroutines cannot be decorated: their bodies run later.

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
            if not ORIGINALS:
                for module, name in places:
                    _check_fits(import_mne().__version__, module, name)
                ORIGINALS.extend((module, name, getattr(module, name)) for module, name in places)
            OPEN_BLOCKS.append(self)
            self._replace()

    def __exit__(self, *_: object) -> None:
        """Restore MNE's functions, unless another block is still open."""
        with LOCK:
            OPEN_BLOCKS.remove(self)
            if OPEN_BLOCKS:
                OPEN_BLOCKS[-1]._replace()
                return
            for module, name, original in ORIGINALS:
                setattr(module, name, original)
            ORIGINALS.clear()

    def _replace(self) -> None:
        for module, name, original in ORIGINALS:
            replaced = _replacement(original, REPLACEMENTS[name][0], self._n_threads)
            setattr(module, name, replaced)

    def __call__(self, func: Function) -> Function:
        """Decorate a function."""
        if inspect.isgeneratorfunction(func) or inspect.iscoroutinefunction(func):
            raise TypeError(
                f"{func.__name__} is a generator or coroutine, whose body runs after the "
                "decorator has ended; use `with use_in_mne():` inside of it"
            )
        return super().__call__(func)


#: The open blocks, and the functions of MNE that they have replaced.
OPEN_BLOCKS: list[use_in_mne] = []
ORIGINALS: list[tuple[Any, str, Any]] = []
LOCK = threading.Lock()


def _check_fits(version: str, module: Any, name: str) -> None:
    """Raise where a function of MNE is missing, or lacks parameters that are used here."""
    function = getattr(module, name, None)
    have = list(inspect.signature(function).parameters) if callable(function) else []
    missing = [one for one in REPLACEMENTS[name][1] if one not in have]
    if missing:
        problem = f"lacks {', '.join(missing)}" if have else "is not there"
        raise RuntimeError(
            f"use_in_mne does not fit MNE-Python {version}: {module.__name__}.{name} {problem}. "
            f"It is tested with {' and '.join(TESTED)}; mxne_rs.mixed_norm may still work"
        )


def _relative_gap(data: Floats, tol: float) -> float:
    """Convert an absolute gap to one relative to ``|M|^2 / 2``."""
    power = float(np.sum(data**2))
    return max(2 * tol / power, 1e-15) if power > 0 else 1.0


def _mne_answer(gain: Any, data: Any, solution: Solution, debias: bool) -> tuple[Floats, Any, Any]:
    """Return the nonzero rows, the mask over columns, and the values of the objective."""
    columns = np.repeat(solution.active_set, solution.n_orient)
    x = np.array(solution.sources)
    if debias and len(x):
        factors = find_factors(gain[:, columns], data, x, n_orient=solution.n_orient)
        x *= np.repeat(factors, solution.n_orient)[:, np.newaxis]
    values = [record.primal for record in solution.history] or [solution.primal]
    return x, columns, values


def _replacement(
    original: Callable[..., Answer], answer: Callable[..., Answer | None], n_threads: int
) -> Callable[..., Answer]:
    """Make a function that answers for one of MNE's; None leaves the answer to MNE's.

    ``answer(given, n_threads)`` has the arguments by the names of MNE's function, with its
    defaults.
    """

    @functools.wraps(original)
    def replaced(*args: Any, **keywords: Any) -> Answer:
        bound = inspect.signature(original).bind(*args, **keywords)
        bound.apply_defaults()
        answered = answer(SimpleNamespace(**bound.arguments), n_threads)
        return original(*args, **keywords) if answered is None else answered

    return replaced


def _engine_options(given: SimpleNamespace, n_rounds: int, n_threads: int) -> dict[str, Any]:
    """Convert MNE's options of a solver to those of the array functions."""
    warn_of_free_cd(given.solver, given.n_orient == 1)
    return {
        "tol": _relative_gap(given.M, given.tol),
        "max_iter": given.maxit * n_rounds,
        "solver": array_solver(given.solver),
        "active_set_size": given.active_set_size,
        "n_threads": n_threads,
        "verbose": False,
    }


def _mixed_norm_solver(given: SimpleNamespace, n_threads: int) -> Answer:
    solution = solve_mxne(
        Gain(given.G, given.n_orient), given.M, given.alpha, init=given.X_init,
        **_engine_options(given, 1, n_threads),
    )  # fmt: skip
    answer = _mne_answer(given.G, given.M, solution, given.debias)
    return (*answer, solution.primal - solution.dual) if given.return_gap else answer


def _iterative_solver(given: SimpleNamespace, n_threads: int) -> Answer | None:
    if given.weight_init is not None:
        # MNE's own loop supports initial weights; its convex problems run on this solver.
        return None
    solution = solve_irmxne(
        Gain(given.G, given.n_orient), given.M, given.alpha, n_reweights=given.n_mxne_iter,
        amplitude_unit=1.0, **_engine_options(given, given.n_mxne_iter, n_threads),
    )  # fmt: skip
    return _mne_answer(given.G, given.M, solution, given.debias)


def _sure(given: SimpleNamespace, n_threads: int) -> Answer:
    solution = solve_sure(
        Gain(given.gain, given.n_orient), given.M, given.alpha_grid, sigma=given.sigma,
        rng=_random_stream(getattr(given, "rng", None), getattr(given, "random_state", None)),
        debias=given.debias, n_reweights=given.n_mxne_iter, amplitude_unit=1.0,
        **_engine_options(given, given.n_mxne_iter, n_threads),
    )  # fmt: skip
    x, active_set, _ = _mne_answer(given.gain, given.M, solution, given.debias)
    return x, active_set, solution.alpha


def _random_stream(rng: Any, random_state: Any) -> Any:
    """Return the random stream of MNE 1.13 (rng), or of an older MNE (random_state)."""
    if random_state is None or isinstance(random_state, np.random.RandomState):
        return rng if random_state is None else random_state
    return np.random.RandomState(random_state)


def _inner_solver(given: SimpleNamespace, n_threads: int) -> Answer:
    solution = solve_mxne(
        Gain(given.G, given.n_orient), given.M, given.alpha, tol=_relative_gap(given.M, given.tol),
        max_iter=given.maxit, init=given.init, n_threads=n_threads, verbose=False,
    )  # fmt: skip
    return _mne_answer(given.G, given.M, solution, debias=False)


def _tf_options(given: SimpleNamespace, n_rounds: int, n_threads: int) -> dict[str, Any]:
    """Convert MNE's options of a time-frequency solver to those of the array functions."""
    alpha = given.alpha_space + given.alpha_time
    return {
        "alpha": alpha,
        "l1_ratio": given.alpha_time / alpha if alpha else 0.0,
        "wsize": given.wsize,
        "tstep": given.tstep,
        "tol": _relative_gap(given.M, given.tol),
        "max_iter": given.maxit * n_rounds,
        "n_threads": n_threads,
        "verbose": False,
    }


def _tf_solver(given: SimpleNamespace, n_threads: int) -> Answer:
    solution = solve_tf_mxne(
        Gain(given.G, given.n_orient), given.M, **_tf_options(given, 1, n_threads)
    )
    answer = _mne_answer(given.G, given.M, solution, given.debias)
    return (*answer, solution.primal - solution.dual) if given.return_gap else answer


def _iterative_tf_solver(given: SimpleNamespace, n_threads: int) -> Answer:
    solution = solve_irtf_mxne(
        Gain(given.G, given.n_orient), given.M, n_reweights=given.n_tfmxne_iter,
        amplitude_unit=1.0, **_tf_options(given, given.n_tfmxne_iter, n_threads),
    )  # fmt: skip
    return _mne_answer(given.G, given.M, solution, given.debias)


def _gamma_solver(given: SimpleNamespace, n_threads: int) -> Answer:
    solution = maximise_evidence(
        Gain(given.G, given.group_size), given.M, given.alpha, maxit=given.maxit, tol=given.tol,
        gammas=given.gammas, n_threads=n_threads, verbose=False,
    )  # fmt: skip
    columns = np.repeat(solution.active_set, solution.n_orient)
    return np.array(solution.sources), np.flatnonzero(columns)


#: Where MNE looks the functions up at call time: `mixed_norm`, `tf_mixed_norm` and `gamma_map` in
#: their modules, the solvers (which a user may have imported) in `mxne_optim`.
PLACES = [
    ("mne.inverse_sparse.mxne_inverse", "mixed_norm_solver"),
    ("mne.inverse_sparse.mxne_inverse", "iterative_mixed_norm_solver"),
    ("mne.inverse_sparse.mxne_inverse", "_compute_mxne_sure"),
    ("mne.inverse_sparse.mxne_inverse", "tf_mixed_norm_solver"),
    ("mne.inverse_sparse.mxne_inverse", "iterative_tf_mixed_norm_solver"),
    ("mne.inverse_sparse._gamma_map", "_gamma_map_opt"),
    ("mne.inverse_sparse.mxne_optim", "tf_mixed_norm_solver"),
    ("mne.inverse_sparse.mxne_optim", "iterative_tf_mixed_norm_solver"),
    ("mne.inverse_sparse.mxne_optim", "mixed_norm_solver"),
    ("mne.inverse_sparse.mxne_optim", "iterative_mixed_norm_solver"),
    ("mne.inverse_sparse.mxne_optim", "_mixed_norm_solver_bcd"),
    ("mne.inverse_sparse.mxne_optim", "_mixed_norm_solver_cd"),
]
INNER = "M", "G", "alpha", "lipschitz_constant", "maxit", "tol", "init", "n_orient", "dgap_freq"
#: What answers instead of each, and the parameters that MNE's function has to have.
REPLACEMENTS: dict[str, tuple[Callable[..., Answer | None], tuple[str, ...]]] = {
    "mixed_norm_solver": (_mixed_norm_solver, (
        "M", "G", "alpha", "maxit", "tol", "active_set_size", "debias", "n_orient", "solver",
        "return_gap", "dgap_freq", "active_set_init", "X_init",
    )),
    "iterative_mixed_norm_solver": (_iterative_solver, (
        "M", "G", "alpha", "n_mxne_iter", "maxit", "tol", "active_set_size", "debias", "n_orient",
        "dgap_freq", "solver", "weight_init",
    )),
    "_compute_mxne_sure": (_sure, (
        "M", "gain", "alpha_grid", "sigma", "n_mxne_iter", "maxit", "tol", "n_orient",
        "active_set_size", "debias", "solver", "dgap_freq",
    )),
    "tf_mixed_norm_solver": (_tf_solver, (
        "M", "G", "alpha_space", "alpha_time", "wsize", "tstep", "n_orient", "maxit", "tol",
        "debias", "return_gap",
    )),
    "iterative_tf_mixed_norm_solver": (_iterative_tf_solver, (
        "M", "G", "alpha_space", "alpha_time", "n_tfmxne_iter", "wsize", "tstep", "maxit", "tol",
        "debias", "n_orient",
    )),
    "_gamma_map_opt": (_gamma_solver, (
        "M", "G", "alpha", "maxit", "tol", "update_mode", "group_size", "gammas",
    )),
    "_mixed_norm_solver_bcd": (_inner_solver, INNER),
    "_mixed_norm_solver_cd": (_inner_solver, INNER),
}  # fmt: skip
