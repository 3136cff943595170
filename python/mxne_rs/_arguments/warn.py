"""Warn with the line of the caller outside of the package."""

from __future__ import annotations

import contextlib
import sys
import warnings
from pathlib import Path

#: Paths whose frames are skipped: the package itself, and the context managers that it enters.
OWN = (str(Path(__file__).parents[1]), contextlib.__file__)


class ConvergenceWarning(UserWarning):
    """A solve stopped before its duality gap reached the tolerance.

    Examples
    --------
    >>> import warnings, mxne_rs
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", mxne_rs.ConvergenceWarning)
    """


def warn(message: str, category: type[Warning] = RuntimeWarning) -> None:
    """Warn with the line outside of the package that called it."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(OWN):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
