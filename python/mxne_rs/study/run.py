"""Run a study: load finished parts from a store, solve and save the others."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from numbers import Integral
from typing import Any

from .._arguments.convert import quoted
from .._progress import UNWRITABLE, Progress, logger
from .store import Store
from .study import Cost, Part, Study
from .workers import read_only, solve_on_backend, solve_on_threads, solve_part, without_warnings

#: Smallest number of solves in a sweep whose cost is announced.
MIN_ANNOUNCED_SOLVES = 500


def run_study(
    study: Study,
    *,
    n_jobs: int | None = None,
    store: str | os.PathLike[str] | None = None,
    announce: Callable[[Cost], None] | None = None,
    verbose: bool | str | int | None = None,
) -> list[Part]:
    """Solve all parts of a study; the answer does not depend on where they are solved.

    Parameters
    ----------
    study : Study
        The sweep.
    n_jobs : int | None
        None solves in this process on all cores (RAYON_NUM_THREADS where set), with the shared
        arrays in memory once; 1 solves on one core. Another number is that of workers of joblib's
        backend, loky or the one of ``joblib.parallel_config``; -1 is all. Inside of
        ``joblib.parallel_config`` None uses its backend, too.
    store : path | None
        Folder for finished parts, made where it does not exist: a sweep that was stopped continues
        from there; a damaged part is solved again. Several processes may run one study in one
        folder. None keeps parts in memory only.
    announce : callable | None
        Called with the `Cost` before the second part of a sweep of 500 solves or more. By default
        the cost is shown above the progress bar, if any. It is always logged.
    verbose
        As for :func:`mxne_rs.solve_mxne`: a bar over parts.

    Returns
    -------
    parts : list of dict of str to array
        In the order of the keys.

    Raises
    ------
    ImportError
        Where `n_jobs` needs joblib, which is not installed.
    ValueError
        Where the store holds another study.
    RuntimeError
        Where a backend fails three times in a row without finishing a part; finished parts stay in
        the store.
    Exception
        Any error of `Study.solve`, unchanged.

    Notes
    -----
    After Ctrl-C threads of this process finish their current parts, which are discarded.
    ConvergenceWarning is suppressed in parts: `Study.solve` has to count unconverged solves.
    The unfinished parts of a lost worker are solved again.

    Examples
    --------
    >>> import numpy as np
    >>> from mxne_rs.study import Study, run_study
    >>> def prepare(arrays, settings):
    ...     return arrays["numbers"] * settings["factor"]
    >>> def solve(prepared, key):
    ...     return {"sum": prepared.sum() + int(key)}
    >>> arrays, settings = {"numbers": np.arange(3.0)}, {"factor": 2}
    >>> study = Study("sums", ["1", "2"], prepare, solve, arrays, settings)
    >>> [float(part["sum"]) for part in run_study(study)]
    [7.0, 8.0]
    """
    kept = None if store is None else Store(store, study.name, study.fingerprint)
    done: dict[str, Part] = {}
    if kept is not None:
        done = {key: part for key in study.keys if (part := kept.load(key)) is not None}
        if done:
            logger.info(f"{study.name}: {len(done)} of {len(study.keys)} parts are in the store")
    missing = [key for key in study.keys if key not in done]
    parallel = _joblib_parallel(n_jobs)
    n_workers = count_threads(n_jobs) if parallel is None else int(parallel._effective_n_jobs())
    with Progress(study.name, 0.0, verbose, len(study.keys)) as progress, without_warnings():
        if announce is None and progress is not None:
            announce = _print_above_bar
        for key, part in _solve_missing(study, missing, parallel, n_workers, announce):
            done[key] = part
            if kept is not None:
                kept.save(key, part)
            if progress is not None:
                progress(len(done), 0.0, 0)
    return [done[key] for key in study.keys]


def _print_above_bar(cost: Cost) -> None:
    """Print the cost above the progress bar of tqdm."""
    from tqdm import tqdm

    with contextlib.suppress(*UNWRITABLE):
        tqdm.write(str(cost), file=sys.stderr)


def _solve_missing(
    study: Study,
    missing: list[str],
    parallel: Any,
    n_workers: int,
    announce: Callable[[Cost], None] | None,
) -> Iterator[tuple[str, Part]]:
    """Yield the missing parts as they are finished."""
    prepared = None
    is_announced = len(missing) * study.n_solves >= MIN_ANNOUNCED_SOLVES
    if missing and (parallel is None or is_announced):
        prepared = study.prepare(read_only(study.arrays), study.settings)
    if is_announced:
        begin = time.perf_counter()
        yield missing[0], solve_part(study.solve, prepared, missing[0])
        seconds = (time.perf_counter() - begin) * (len(missing) - 1) / n_workers
        missing = missing[1:]
        copies = 2 if parallel is None else 1 + 2 * n_workers
        n_bytes = copies * sum(array.nbytes for array in study.arrays.values())
        cost = Cost(len(missing), len(missing) * study.n_solves, n_workers, n_bytes, seconds)
        logger.info(f"{study.name}: {cost}")
        if announce is not None:
            announce(cost)
    if parallel is None:
        yield from solve_on_threads(study, prepared, missing, n_workers)
    else:
        yield from solve_on_backend(study, missing, parallel, n_workers)


def _joblib_parallel(n_jobs: Any) -> Any:
    """Return joblib's Parallel; None where this process is to solve."""
    if n_jobs is not None and (
        isinstance(n_jobs, bool) or not isinstance(n_jobs, Integral) or n_jobs == 0 or n_jobs < -1
    ):
        raise ValueError(
            f"n_jobs is {quoted(n_jobs)}; give None for this process, or a number of workers, -1 "
            "for all"
        )
    if n_jobs == 1:
        return None
    # Where joblib is not imported, no backend can have been configured.
    if n_jobs is None and "joblib" not in sys.modules:
        return None
    try:
        import joblib
    except ImportError as error:
        raise ImportError(
            f"n_jobs={n_jobs} needs joblib: pip install 'mxne-rs[sweep]'; without it "
            "None solves on all cores of this machine"
        ) from error
    try:
        parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")
    except ValueError as error:
        raise ValueError(
            f"joblib's backend cannot return parts as they are finished ({error}); use loky, dask "
            "or threading"
        ) from error
    if n_jobs is None and parallel._effective_n_jobs() == 1:
        return None
    return parallel


def count_threads(n_jobs: Any = None) -> int:
    """Return the number of threads of this process, as the compiled module counts them."""
    if n_jobs == 1:
        return 1
    wanted = os.environ.get("RAYON_NUM_THREADS", "")
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
