"""Run a study: solve the parts that no store has, and keep them."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from numbers import Integral
from typing import Any

from .._arguments.convert import shown
from .._progress import UNWRITABLE, Progress, logger
from .store import Store
from .study import Cost, Part, Study
from .workers import read_only, solve_on_backend, solve_on_threads, solve_part, without_warnings

#: Sweeps of fewer solves are not worth an announcement.
BIG = 500


def run_study(
    study: Study,
    *,
    n_jobs: int | None = None,
    store: str | os.PathLike[str] | None = None,
    announce: Callable[[Cost], None] | None = None,
    verbose: bool | str | int | None = None,
) -> list[Part]:
    """Solve all parts; the answer does not depend on where.

    Parameters
    ----------
    study : Study
        The sweep.
    n_jobs : int | None
        None solves in this process, on all cores (RAYON_NUM_THREADS where it is set), the shared
        arrays in memory once; 1 on one of them. Another number is joblib's: so many workers of
        its backend, loky or the one of ``joblib.parallel_config``, -1 for all there are. Inside
        of ``joblib.parallel_config`` None takes its backend, too.
    store : path | None
        Folder where finished parts are kept, made where it does not exist: a sweep that was
        stopped goes on from there; a part that is damaged is solved again. Several processes may
        run one study in one folder. None keeps parts in memory only.
    announce : callable | None
        Called with the `Cost` before the second part of a sweep of 500 solves or more. Default:
        it is shown above the progress bar, where there is one; it is logged in any case.
    verbose
        As for :func:`mxne_rs.solve_mxne`: a bar over parts.

    Returns
    -------
    parts : list of dict of str to array
        In the order of the keys.

    Raises
    ------
    ImportError
        Where `n_jobs` asks for joblib and it is not installed.
    ValueError
        Where the store holds another study.
    RuntimeError
        Where a backend fails three times in a row without finishing a part; what was finished is
        kept in the store.
    Exception
        What `Study.solve` raises, unchanged.

    Notes
    -----
    After Ctrl-C the parts that are being solved in this process go on to their end, unseen.
    Parts do not warn of gaps that were not reached: they have to count them.
    A worker that is lost costs what it was working on, which is solved again.

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
            logger.info(f"{study.name}: {len(done)} of {len(study.keys)} parts are there already")
    left = [key for key in study.keys if key not in done]
    parallel = _parallel(n_jobs)
    n_workers = _n_threads(n_jobs) if parallel is None else int(parallel._effective_n_jobs())
    with Progress(study.name, 0.0, verbose, len(study.keys)) as progress, without_warnings():
        if announce is None and progress is not None:
            announce = _show
        for key, part in _solved(study, left, parallel, n_workers, announce):
            done[key] = part
            if kept is not None:
                kept.save(key, part)
            if progress is not None:
                progress(len(done), 0.0, 0)
    return [done[key] for key in study.keys]


def _show(cost: Cost) -> None:
    """Above the bar, which is tqdm's."""
    from tqdm import tqdm

    with contextlib.suppress(*UNWRITABLE):
        tqdm.write(str(cost), file=sys.stderr)


def _solved(
    study: Study,
    left: list[str],
    parallel: Any,
    n_workers: int,
    announce: Callable[[Cost], None] | None,
) -> Iterator[tuple[str, Part]]:
    """The parts that are left, as they are finished."""
    prepared = None
    if left and (parallel is None or len(left) * study.n_solves >= BIG):
        prepared = study.prepare(read_only(study.arrays), study.settings)
    if len(left) * study.n_solves >= BIG:
        begin = time.perf_counter()
        yield left[0], solve_part(study.solve, prepared, left[0])
        seconds = (time.perf_counter() - begin) * (len(left) - 1) / n_workers
        left = left[1:]
        copies = 2 if parallel is None else 1 + 2 * n_workers
        n_bytes = copies * sum(array.nbytes for array in study.arrays.values())
        cost = Cost(len(left), len(left) * study.n_solves, n_workers, n_bytes, seconds)
        logger.info(f"{study.name}: {cost}")
        if announce is not None:
            announce(cost)
    if parallel is None:
        yield from solve_on_threads(study, prepared, left, n_workers)
    else:
        yield from solve_on_backend(study, left, parallel, n_workers)


def _parallel(n_jobs: Any) -> Any:
    """joblib's Parallel; None where this process is to solve."""
    if n_jobs is not None and (
        isinstance(n_jobs, bool) or not isinstance(n_jobs, Integral) or n_jobs == 0 or n_jobs < -1
    ):
        raise ValueError(
            f"n_jobs is {shown(n_jobs)}; give None for this process, or a number of workers, -1 "
            "for all there are"
        )
    if n_jobs == 1:
        return None
    # A backend that was never imported was never asked for.
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
            f"joblib's backend cannot hand over parts as they are finished ({error}); take loky, "
            "dask or threading"
        ) from error
    if n_jobs is None and parallel._effective_n_jobs() == 1:
        return None
    return parallel


def _n_threads(n_jobs: Any) -> int:
    """Threads of this process, as the compiled module counts them."""
    if n_jobs == 1:
        return 1
    wanted = os.environ.get("RAYON_NUM_THREADS", "")
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
