"""Solve the parts of a sweep on threads of this process, or on any backend of joblib."""

from __future__ import annotations

import contextlib
import pickle
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arguments.convert import quoted
from .._arguments.warn import ConvergenceWarning
from .._progress import logger
from .study import Part, Study

#: Failures in a row, without a finished part, after which a backend is given up.
MAX_FAILURES = 3
#: Tasks per worker: few, because each has a cost; several, so that workers finish together.
TASKS_PER_WORKER = 8


def solve_on_threads(
    study: Study, prepared: Any, missing: Sequence[str], n_workers: int
) -> Iterator[tuple[str, Part]]:
    """Solve parts on threads of this process (a solve releases the GIL)."""
    pool = ThreadPoolExecutor(n_workers, thread_name_prefix="mxne_rs")
    keys = iter(missing)

    def start(key: str) -> Future[Part]:
        return pool.submit(solve_part, study.solve, prepared, key)

    running = {start(key): key for key in islice(keys, n_workers)}
    try:
        while running:
            # On some systems an endless wait cannot be interrupted by Ctrl-C.
            finished, _ = wait(running, timeout=0.1, return_when=FIRST_COMPLETED)
            for future in finished:
                key = running.pop(future)
                part = future.result()
                for another in islice(keys, 1):
                    running[start(another)] = another
                yield key, part
    finally:
        # After Ctrl-C the running parts are not waited for.
        pool.shutdown(wait=not running, cancel_futures=True)


def solve_on_backend(
    study: Study, keys: Sequence[str], parallel: Any, n_workers: int
) -> Iterator[tuple[str, Part]]:
    """Solve parts on a backend of joblib; those of a lost worker are solved again."""
    import joblib

    fingerprint, names = study.fingerprint, sorted(study.arrays)
    arrays = [study.arrays[name] for name in names]
    missing = dict.fromkeys(keys)
    failures = 0
    while missing:
        size = max(1, len(missing) // (TASKS_PER_WORKER * n_workers))
        keys = list(missing)
        functions = (study.prepare, study.solve, dict(study.settings))
        # Arrays are separate arguments, which joblib sends once.
        tasks = [
            joblib.delayed(_solve_parts)(fingerprint, functions, keys[i : i + size], names, *arrays)
            for i in range(0, len(keys), size)
        ]
        answers = parallel(tasks)
        try:
            for parts, error in answers:
                for key, part in parts:
                    failures = 0
                    del missing[key]
                    yield key, part
                if error is not None:
                    raise _PartError(error)
        except _PartError as raised:
            raise raised.error from None
        except Exception as error:
            # Errors of parts are in the answers: this one is of the backend, such as a lost worker.
            failures += 1
            logger.warning(f"{study.name}: a worker was lost ({quoted(error)}); trying again")
            if failures == MAX_FAILURES:
                raise RuntimeError(
                    f"{study.name}: the backend failed {MAX_FAILURES} times in a row without "
                    "finishing a part; check its log, and the memory of its workers"
                ) from error
        finally:
            with contextlib.suppress(Exception):
                answers.close()


class _PartError(Exception):
    """An error that a part raised, distinguished from errors of the backend."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


#: The last result of `Study.prepare` in this process, by fingerprint.
_prepared: dict[str, Any] = {}


def _solve_parts(
    fingerprint: str,
    functions: tuple[Any, Any, Mapping[str, Any]],
    keys: Iterable[str],
    names: Sequence[str],
    *arrays: NDArray[Any],
) -> tuple[list[tuple[str, Part]], Exception | None]:
    """Solve some parts on a worker; return them with the error that stopped it, if any."""
    prepare, solve, settings = functions
    parts: list[tuple[str, Part]] = []
    try:
        if fingerprint not in _prepared:
            _prepared.clear()
            shared = read_only(dict(zip(names, arrays, strict=True)))
            _prepared[fingerprint] = prepare(shared, settings)
        with without_warnings():
            for key in keys:
                parts.append((key, solve_part(solve, _prepared[fingerprint], key)))
    except Exception as error:
        return parts, picklable(error)
    return parts, None


def solve_part(solve: Callable[[Any, str], Any], prepared: Any, key: str) -> Part:
    """Solve a part; return its arrays by name, checked."""
    answer = solve(prepared, key)
    if not isinstance(answer, Mapping) or not all(isinstance(name, str) for name in answer):
        raise TypeError(f"part {key!r} is {quoted(answer)}; solve has to return arrays by name")
    part = {name: np.asarray(value) for name, value in answer.items()}
    for name, array in part.items():
        if array.dtype.hasobject:
            raise TypeError(f"part {key!r} holds objects in {name!r}; return arrays of numbers")
    return part


def read_only(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return read-only views: the arrays are shared with the caller or other workers."""
    views = {name: array.view() for name, array in arrays.items()}
    for view in views.values():
        view.flags.writeable = False
    return views


def picklable(error: Exception) -> Exception:
    """Return the error, or a RuntimeError with its traceback where it cannot be pickled."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError("".join(traceback.format_exception(error)))
    return error


@contextlib.contextmanager
def without_warnings() -> Iterator[None]:
    """Suppress ConvergenceWarning: parts count unconverged solves themselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
