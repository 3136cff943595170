"""Show live sources in a terminal: those of the newest window, with their recent past."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from .._arguments.convert import Floats
from .._arguments.extras import needs
from .courses import SIGN, count_line, side_of, signed_courses, signed_peaks
from .monitor import Monitor, Update

BARS = "▁▂▃▄▅▆▇█"
#: Number of sources that are listed, and of windows in their history.
N_SOURCES, N_WINDOWS = 10, 24


def sparkline(values: Any, largest: float | None = None) -> str:
    """Draw a line of bars whose heights are the values relative to the largest.

    Examples
    --------
    >>> from mxne_rs.live.terminal import sparkline
    >>> sparkline([0, 1, 2, 4]), sparkline([0, 1, 2, 4], largest=8)
    ('▁▃▅█', '▁▂▃▅')
    """
    array = np.asarray(values, dtype=float)
    largest = array.max(initial=0.0) if largest is None else largest
    if largest <= 0:
        return BARS[0] * len(array)
    return "".join(BARS[round(7 * max(value, 0.0) / largest)] for value in array)


class TerminalView:
    """Show a table of the current sources, latencies and counts, four times a second.

    Parameters
    ----------
    monitor : Monitor
        The monitor whose statistics are shown.
    positions : array, shape (n_locations, 3)
        Positions of the locations in m, head coordinates.
    """

    def __init__(self, monitor: Monitor, positions: Floats) -> None:
        with needs("the view", "rich", "stream"):
            from rich.live import Live
        self._monitor, self._positions = monitor, positions
        self._lock = threading.Lock()
        self._history: dict[int, deque[float]] = {}
        self._last: Update | None = None
        self.is_silent: Callable[[], bool] = lambda: False
        self._live = Live(get_renderable=self.table, refresh_per_second=4, transient=False)

    def __enter__(self) -> TerminalView:
        """Start the display."""
        self._live.__enter__()
        return self

    def __exit__(self, *what: Any) -> None:
        """End the display, leaving the last state on the screen."""
        self._live.__exit__(*what)

    def __call__(self, update: Update) -> None:
        """Add the estimate of a window."""
        estimate = update.estimate
        now: dict[int, float] = {}
        if len(estimate.locations):
            peaks = signed_peaks(signed_courses(estimate))
            now = dict(zip(estimate.locations.tolist(), peaks.tolist(), strict=True))
        with self._lock:
            self._last = update
            for location in now.keys() - self._history.keys():
                self._history[location] = deque([0.0] * (N_WINDOWS - 1), maxlen=N_WINDOWS)
            for location, past in list(self._history.items()):
                past.append(now.get(location, 0.0))
                if not any(past):
                    del self._history[location]

    def table(self) -> Any:
        """Return the current table, of `rich`."""
        from rich.table import Table

        with self._lock:
            last = self._last
            history = {location: list(past) for location, past in self._history.items()}
        largest = max((abs(peak) for past in history.values() for peak in past), default=0.0)
        table = Table(title=self._title(last), caption=self._caption(), title_justify="left",
                      caption_justify="left")  # fmt: skip
        for name, justify in (
            ("location", "right"),
            ("side", "left"),
            ("x, y, z (mm)", "right"),
            ("peak (nAm)", "right"),
            (f"|peak|, █ is {1e9 * largest:.3g} nAm", "left"),
        ):
            table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
        strongest = sorted(history, key=lambda s: -max(map(abs, history[s])))[:N_SOURCES]
        for location in strongest:
            x, y, z = self._positions[location]
            past = history[location]
            table.add_row(
                str(location), side_of(x), f"{1e3 * x:4.0f} {1e3 * y:4.0f} {1e3 * z:4.0f}",
                f"{1e9 * past[-1]:.1f}", sparkline(np.abs(past), largest),
            )  # fmt: skip
        return table

    def _title(self, last: Update | None) -> str:
        if last is None:
            return "waiting for the first window"
        estimate = last.estimate
        silent = "; THE STREAM IS SILENT" if self.is_silent() else ""
        return (
            f"{last.time:.1f} s: {count_line(len(estimate.locations), estimate.explained_variance)}"
            f", {estimate.status}, gap {estimate.gap:.0e}{silent}"
        )

    def _caption(self) -> str:
        counts = self._monitor.statistics()
        p50, p95, p99 = (1e3 * value for value in counts.latency)
        return (
            f"x right, y front, z up in the head; last {N_WINDOWS} windows, all on one scale;\n"
            f"peak: {SIGN}\n"
            f"newest sample to sources: p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms\n"
            f"{counts.n_windows} windows: {counts.n_dropped} dropped, {counts.n_skipped} skipped, "
            f"{counts.n_lost} lost with {counts.n_missing} samples, "
            f"{counts.n_deadlines} at the deadline"
        )
