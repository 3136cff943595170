"""Sweeps: parts that do not depend on each other, solved here or on any backend of joblib."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
import os
import pickle
import re
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._core import __version__
from .arrays import shown
from .progress import UNWRITABLE, Progress, logger
from .solution import ConvergenceWarning
from .store import Store

__all__ = ["Cost", "Part", "Study", "run_study"]

#: What a part answers: arrays by name.
Part = dict[str, NDArray[Any]]
#: Times in a row that a backend may fail without finishing a part.
ATTEMPTS = 3
#: Tasks for each worker: few enough to be cheap, enough for the last ones not to wait long.
TASKS = 8
#: Sweeps of fewer solves are not worth an announcement.
BIG = 500


#: What a part may be called.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def _source(function: Callable[..., Any]) -> list[str]:
    """A function's name, and its text where it can be had."""
    name = f"{function.__module__}.{function.__qualname__}"
    try:
        return [name, inspect.getsource(function)]
    except (OSError, TypeError):
        return [name]


@dataclass(frozen=True, eq=False)
class Study:
    """A sweep.

    Attributes
    ----------
    name : str
        What it is, for the progress bar and the store.
    keys : sequence of str
        Names of its parts: unique, of letters, digits, ``.``, ``_`` and ``-``. What a part draws
        at random follows from its key, so that no result depends on who solves it, or when.
    prepare : callable
        ``prepare(arrays, settings)`` makes of what all parts share what they are solved with: a
        function of a module, called once in each process. It gets the arrays read-only.
    solve : callable
        ``solve(prepared, key)`` is a part, a dict of arrays: a function of a module that uses one
        thread.
    arrays : mapping of str to array
        What all parts share; sent to each worker once.
    settings : mapping of str to number, str or sequence of them
        The same for what is small. Settings, arrays and the source of both functions tell a study
        from another in a store; what the functions call is not looked at: a setting such as
        ``"version": 2`` tells of a change there.
    n_solves : int
        Problems that a part consists of.

    Raises
    ------
    TypeError, ValueError
        Where keys or arrays are not what they should be.

    Examples
    --------
    See `run_study`.
    """

    name: str
    keys: Sequence[str]
    prepare: Callable[[Mapping[str, NDArray[Any]], Mapping[str, Any]], Any]
    solve: Callable[[Any, str], Part]
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    n_solves: int = 1

    def __post_init__(self) -> None:
        """Refuse what would be lost later."""
        if isinstance(self.keys, str) or not isinstance(self.keys, Sequence):
            raise TypeError(f"keys is {shown(self.keys)}; give a list of names")
        for key in self.keys:
            if not isinstance(key, str) or not NAME.fullmatch(key):
                raise ValueError(
                    f"keys holds {shown(key)}; give names of up to 100 letters, digits, '.', '_' "
                    "and '-', the first a letter or a digit"
                )
        if len(set(self.keys)) < len(self.keys):
            raise ValueError("keys holds a name twice; give each part a name of its own")
        for name, array in self.arrays.items():
            if not isinstance(array, np.ndarray) or array.dtype.hasobject:
                raise TypeError(f"arrays[{name!r}] is {shown(array)}; give an array of numbers")

    @cached_property
    def fingerprint(self) -> str:
        """What tells this study from another."""
        digest = hashlib.sha256()
        functions = [_source(one) for one in (self.prepare, self.solve)]
        head = [__version__, self.name, functions, dict(self.settings), sorted(self.arrays)]
        text = json.dumps(head, sort_keys=True, default=lambda value: np.asarray(value).tolist())
        digest.update(text.encode())
        for name in sorted(self.arrays):
            array = np.ascontiguousarray(self.arrays[name])
            digest.update(f"{array.dtype} {array.shape}".encode())
            digest.update(array.data)
        return digest.hexdigest()


@dataclass(frozen=True)
class Cost:
    """What a sweep is going to take.

    Attributes
    ----------
    n_parts, n_solves : int
        Parts and problems that are left.
    n_workers : int
        Parts solved at a time.
    n_bytes : int
        Memory for what is shared, in all processes: as sent and as prepared.
    seconds : float
        Estimated from the first part.

    Examples
    --------
    >>> from mxne_rs.study import Cost
    >>> print(Cost(100, 2000, 2, 48_000_000, 90.0))
    100 parts, 2000 solves, 2 at a time: about 48 MB for what they share, about 90 s
    """

    n_parts: int
    n_solves: int
    n_workers: int
    n_bytes: int
    seconds: float

    def __str__(self) -> str:
        """One line."""
        time_left = (
            f"{self.seconds:.0f} s" if self.seconds < 600 else f"{self.seconds / 60:.0f} min"
        )
        return (
            f"{self.n_parts} parts, {self.n_solves} solves, {self.n_workers} at a time: about "
            f"{self.n_bytes / 1e6:.3g} MB for what they share, about {time_left}"
        )


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
    with Progress(study.name, 0.0, verbose, len(study.keys)) as progress, _quiet():
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
        prepared = study.prepare(_read_only(study.arrays), study.settings)
    if len(left) * study.n_solves >= BIG:
        begin = time.perf_counter()
        yield left[0], _part(study.solve, prepared, left[0])
        seconds = (time.perf_counter() - begin) * (len(left) - 1) / n_workers
        left = left[1:]
        copies = 2 if parallel is None else 1 + 2 * n_workers
        n_bytes = copies * sum(array.nbytes for array in study.arrays.values())
        cost = Cost(len(left), len(left) * study.n_solves, n_workers, n_bytes, seconds)
        logger.info(f"{study.name}: {cost}")
        if announce is not None:
            announce(cost)
    if parallel is None:
        yield from _here(study, prepared, left, n_workers)
    else:
        yield from _there(study, left, parallel, n_workers)


def _here(
    study: Study, prepared: Any, left: Sequence[str], n_workers: int
) -> Iterator[tuple[str, Part]]:
    """On threads of this process: a solve holds no lock."""
    pool = ThreadPoolExecutor(n_workers, thread_name_prefix="mxne_rs")
    keys = iter(left)

    def start(key: str) -> Future[Part]:
        return pool.submit(_part, study.solve, prepared, key)

    running = {start(key): key for key in islice(keys, n_workers)}
    try:
        while running:
            # A wait without an end would not hear of Ctrl-C on every system.
            finished, _ = wait(running, timeout=0.1, return_when=FIRST_COMPLETED)
            for future in finished:
                key = running.pop(future)
                part = future.result()
                for another in islice(keys, 1):
                    running[start(another)] = another
                yield key, part
    finally:
        # After Ctrl-C nobody waits for what is being solved.
        pool.shutdown(wait=not running, cancel_futures=True)


def _there(
    study: Study, left: Sequence[str], parallel: Any, n_workers: int
) -> Iterator[tuple[str, Part]]:
    """On the workers of a backend of joblib; what a lost one was working on is solved again."""
    import joblib

    fingerprint, names = study.fingerprint, sorted(study.arrays)
    arrays = [study.arrays[name] for name in names]
    missing = dict.fromkeys(left)
    failures = 0
    while missing:
        size = max(1, len(missing) // (TASKS * n_workers))
        keys = list(missing)
        functions = (study.prepare, study.solve, dict(study.settings))
        # Arrays by themselves: that is how joblib sends them once.
        tasks = [
            joblib.delayed(_work)(fingerprint, functions, keys[i : i + size], names, *arrays)
            for i in range(0, len(keys), size)
        ]
        answers = parallel(tasks)
        try:
            for found, error in answers:
                for key, part in found:
                    failures = 0
                    del missing[key]
                    yield key, part
                if error is not None:
                    raise _Raised(error)
        except _Raised as raised:
            raise raised.error from None
        except Exception as error:
            # Not an error of a part, those come as answers: a worker is gone.
            failures += 1
            logger.warning(f"{study.name}: a worker was lost ({shown(error)}); going on")
            if failures == ATTEMPTS:
                raise RuntimeError(
                    f"{study.name}: the backend failed {ATTEMPTS} times in a row without "
                    "finishing a part; see its log, and the memory of its workers"
                ) from error
        finally:
            with contextlib.suppress(Exception):
                answers.close()


class _Raised(Exception):
    """What a part raised, told from what a backend raises."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


#: What this process has prepared last, by fingerprint.
_prepared: dict[str, Any] = {}


def _work(
    fingerprint: str,
    functions: tuple[Any, Any, Mapping[str, Any]],
    keys: Iterable[str],
    names: Sequence[str],
    *arrays: NDArray[Any],
) -> tuple[list[tuple[str, Part]], Exception | None]:
    """On a worker: some parts, and what kept it from the rest."""
    prepare, solve, settings = functions
    found: list[tuple[str, Part]] = []
    try:
        if fingerprint not in _prepared:
            _prepared.clear()
            shared = _read_only(dict(zip(names, arrays, strict=True)))
            _prepared[fingerprint] = prepare(shared, settings)
        with _quiet():
            for key in keys:
                found.append((key, _part(solve, _prepared[fingerprint], key)))
    except Exception as error:
        return found, _that_travels(error)
    return found, None


def _part(solve: Callable[[Any, str], Any], prepared: Any, key: str) -> Part:
    """A part as it will be kept: arrays by name, whoever solved it."""
    found = solve(prepared, key)
    if not isinstance(found, Mapping) or not all(isinstance(name, str) for name in found):
        raise TypeError(f"part {key!r} is {shown(found)}; solve has to return arrays by name")
    part = {name: np.asarray(value) for name, value in found.items()}
    for name, array in part.items():
        if array.dtype.hasobject:
            raise TypeError(f"part {key!r} holds objects in {name!r}; return arrays of numbers")
    return part


def _read_only(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Views that cannot be written to: they are the caller's, or shared."""
    views = {name: array.view() for name, array in arrays.items()}
    for view in views.values():
        view.flags.writeable = False
    return views


def _that_travels(error: Exception) -> Exception:
    """The exception, or where it cannot be sent to another process what it says."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError("".join(traceback.format_exception(error)))
    return error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hundreds of parts count what fell short; they do not warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


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
