"""Calls into MNE: one thread at a time, its log level, and its private functions by name."""

from __future__ import annotations

import functools
import importlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from .._arguments.extras import import_mne

#: Private functions of MNE that are called, and where they stand in the versions tested.
PRIVATE = {
    "_check_reference": "mne.minimum_norm.inverse",
    "_compute_residual": "mne.inverse_sparse.mxne_inverse",
    "_make_dipoles_sparse": "mne.inverse_sparse.mxne_inverse",
    "_make_sparse_stc": "mne.inverse_sparse.mxne_inverse",
    "_prepare_gain": "mne.inverse_sparse.mxne_inverse",
}
#: MNE unlocks objects and sets its log level for a while, and epochs count as they are iterated:
#: one thread at a time is inside of MNE. Solving is outside.
MNE_LOCK = threading.RLock()
if hasattr(os, "register_at_fork"):  # or a child could wait for a thread that it does not have
    os.register_at_fork(
        before=MNE_LOCK.acquire, after_in_child=MNE_LOCK.release, after_in_parent=MNE_LOCK.release
    )
#: MNE's log levels before those that are set now.
_LEVELS: list[Any] = []
Function = TypeVar("Function", bound=Callable[..., Any])


def one_at_a_time(function: Function) -> Function:
    """Keep other threads out of MNE while a function runs."""

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        with MNE_LOCK:
            return function(*args, **kwargs)

    return guarded  # type: ignore[return-value]


def private(name: str) -> Any:
    """Return a private function of MNE."""
    return getattr(importlib.import_module(PRIVATE[name]), name)


@contextmanager
def log_level(verbose: bool | str | int | None) -> Iterator[None]:
    """MNE's log level for a while; None leaves it as it is (in MNE 1.11 it would reset it).

    Levels before are put back in the order of a stack, so that the last of several threads leaves
    the level that the first one found.
    """
    if verbose is None:
        yield
        return
    mne = import_mne()
    with MNE_LOCK:
        _LEVELS.append(mne.set_log_level(verbose, return_old_level=True))
    try:
        yield
    finally:
        with MNE_LOCK:
            mne.set_log_level(_LEVELS.pop())
