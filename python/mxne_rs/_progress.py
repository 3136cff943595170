"""Show the progress of a solve on one line that updates (``verbose``)."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ._arguments.convert import as_choice, is_number, quoted

logger = logging.getLogger("mxne_rs")
#: Errors of a closed or missing stream, which never end a solve.
UNWRITABLE = (OSError, ValueError, AttributeError)
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class Progress:
    """Context that shows the progress of a solve, on a terminal or where ``verbose`` says so.

    ``verbose`` is as for `wants_line`; None shows the line on a terminal. The line is drawn
    by tqdm where that is installed. ``total`` makes it a bar over that many problems.
    """

    def __init__(self, title: str, tol: float, verbose: Any, total: int | None = None) -> None:
        self.title, self.tol, self.total = title, tol, total
        wanted = wants_line(verbose)
        self.is_visible = _is_terminal() if wanted is None else wanted
        self.bar: Any = None

    def __enter__(self) -> Callable[[int, float, int], None] | None:
        """Return the callback of the solver (count, gap, active locations); None if invisible."""
        if not self.is_visible:
            return None
        try:
            from tqdm import tqdm
        except ImportError:
            return None
        unit = " epochs" if self.total is None else " solved"
        try:
            self.bar = tqdm(desc=self.title, unit=unit, total=self.total, leave=False, delay=0.2)
        except UNWRITABLE:
            return None
        return self.update

    def update(self, n_iter: int, gap: float, n_active: int) -> None:
        """Redraw the line; a stream that cannot be written to ends the drawing."""
        if self.bar is None:
            return
        try:
            self.bar.n = n_iter
            if self.total is not None:
                self.bar.refresh()
            else:
                self.bar.set_postfix_str(f"gap {gap:.1e} of {self.tol:.0e}, {n_active} locations")
        except UNWRITABLE:
            self.bar = None

    def __exit__(self, *_: object) -> None:
        """Clear the line."""
        if self.bar is not None:
            with contextlib.suppress(*UNWRITABLE):
                self.bar.close()


def wants_line(verbose: Any) -> bool | None:
    """Return whether to show the line; None where the terminal decides.

    A level of :mod:`logging`, as MNE takes it, means True from INFO downwards.
    """
    if verbose is None or isinstance(verbose, (bool, np.bool_)):
        return None if verbose is None else bool(verbose)
    if isinstance(verbose, str):
        return as_choice("verbose", verbose.upper(), LEVELS) in ("DEBUG", "INFO")
    if is_number(verbose):
        return bool(verbose <= logging.INFO)
    raise TypeError(
        f"verbose is {quoted(verbose)}; give True, False, None or a level such as 'WARNING'"
    )


def _is_terminal() -> bool:
    """Return whether stderr is a terminal; a closed or missing stderr is none."""
    try:
        return bool(sys.stderr.isatty())
    except (AttributeError, ValueError):
        return False
