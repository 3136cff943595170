"""Call MNE: one thread at a time, at a log level, and its private functions by name."""

from __future__ import annotations

import functools
import importlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from .._arguments.extras import import_mne

#: Private functions of MNE that are called, and their modules in the versions tested.
PRIVATE = {
    "_check_reference": "mne.minimum_norm.inverse",
    "_compute_residual": "mne.inverse_sparse.mxne_inverse",
    "_make_dipoles_sparse": "mne.inverse_sparse.mxne_inverse",
    "_make_sparse_stc": "mne.inverse_sparse.mxne_inverse",
    "_prepare_gain": "mne.inverse_sparse.mxne_inverse",
}
#: Held inside of MNE, which is not safe for threads: it unlocks objects and sets its log level
#: temporarily, and epochs keep a position as they are iterated. Solving needs no lock.
MNE_LOCK = threading.RLock()
if hasattr(os, "register_at_fork"):  # a child must not inherit a lock that another thread holds
    os.register_at_fork(
        before=MNE_LOCK.acquire, after_in_child=MNE_LOCK.release, after_in_parent=MNE_LOCK.release
    )
#: MNE's log levels to restore, one for each open `log_level` block.
_LEVELS: list[Any] = []
Function = TypeVar("Function", bound=Callable[..., Any])


def one_at_a_time(function: Function) -> Function:
    """Decorate a function so that only one thread is inside of MNE while it runs."""

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
    """Set MNE's log level within a block; None leaves it unchanged (MNE 1.11 would reset it).

    Levels are restored as from a stack, so that after blocks of several threads the level is that
    before the first of them.
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
