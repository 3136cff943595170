"""``verbose``: one line that updates while a solve runs, and records through :mod:`logging`."""

from __future__ import annotations

import logging
import sys
import types
from collections.abc import Callable
from typing import Any

logger = logging.getLogger("mxne_rs")


class Progress:
    """Context in which a solve reports; silent unless a terminal looks on, or ``verbose`` is set.

    ``verbose=None`` shows the line on a terminal, ``True`` always, ``False`` never. The line is
    drawn by tqdm where it is installed. ``total`` makes it a bar over that many problems.
    """

    def __init__(self, title: str, tol: float, verbose: Any, total: int | None = None) -> None:
        self.title, self.tol, self.total = title, tol, total
        terminal = sys.stderr is not None and sys.stderr.isatty()
        self.shown = terminal if verbose is None else bool(verbose)
        self.bar: Any = None

    def __enter__(self) -> Callable[[int, float, int], None] | None:
        """Return what the solver calls with (count, gap, active locations), or nothing."""
        if not self.shown:
            return None
        try:
            from tqdm import tqdm
        except ImportError:
            return None
        unit = " epochs" if self.total is None else " solved"
        self.bar = tqdm(desc=self.title, unit=unit, total=self.total, leave=False, delay=0.2)
        return self.update

    def update(self, n_iter: int, gap: float, n_active: int) -> None:
        """Redraw the line."""
        self.bar.n = n_iter
        if self.total is not None:
            self.bar.refresh()
            return
        self.bar.set_postfix_str(f"gap {gap:.1e} of {self.tol:.0e}, {n_active} locations")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        """Clear the line."""
        if self.bar is not None:
            self.bar.close()
