"""Workers of a sweep: threads of this process, or any backend of joblib."""

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

from .._arguments.convert import shown
from .._progress import logger
from ..solve.solution import ConvergenceWarning
from .study import Part, Study

#: Times in a row that a backend may fail without finishing a part.
ATTEMPTS = 3


#: Tasks for each worker: few enough to be cheap, enough for the last ones not to wait long.
TASKS = 8


def solve_on_threads(
    study: Study, prepared: Any, left: Sequence[str], n_workers: int
) -> Iterator[tuple[str, Part]]:
    """On threads of this process: a solve holds no lock."""
    pool = ThreadPoolExecutor(n_workers, thread_name_prefix="mxne_rs")
    keys = iter(left)

    def start(key: str) -> Future[Part]:
        return pool.submit(solve_part, study.solve, prepared, key)

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


def solve_on_backend(
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
            shared = read_only(dict(zip(names, arrays, strict=True)))
            _prepared[fingerprint] = prepare(shared, settings)
        with without_warnings():
            for key in keys:
                found.append((key, solve_part(solve, _prepared[fingerprint], key)))
    except Exception as error:
        return found, picklable(error)
    return found, None


def solve_part(solve: Callable[[Any, str], Any], prepared: Any, key: str) -> Part:
    """A part as it will be kept: arrays by name, whoever solved it."""
    found = solve(prepared, key)
    if not isinstance(found, Mapping) or not all(isinstance(name, str) for name in found):
        raise TypeError(f"part {key!r} is {shown(found)}; solve has to return arrays by name")
    part = {name: np.asarray(value) for name, value in found.items()}
    for name, array in part.items():
        if array.dtype.hasobject:
            raise TypeError(f"part {key!r} holds objects in {name!r}; return arrays of numbers")
    return part


def read_only(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Views that cannot be written to: they are the caller's, or shared."""
    views = {name: array.view() for name, array in arrays.items()}
    for view in views.values():
        view.flags.writeable = False
    return views


def picklable(error: Exception) -> Exception:
    """The exception, or where it cannot be sent to another process what it says."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError("".join(traceback.format_exception(error)))
    return error


@contextlib.contextmanager
def without_warnings() -> Iterator[None]:
    """Hundreds of parts count what fell short; they do not warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
