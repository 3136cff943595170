"""The live view in a terminal: the sources now, with what they did lately."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays import Floats
from .monitor import Monitor, Update

__all__ = ["TerminalView", "sparkline"]

BARS = "▁▂▃▄▅▆▇█"
#: Sources that are listed, windows of which their history is kept.
SHOWN, HISTORY = 10, 24


def sparkline(values: Any) -> str:
    """A line of bars, as high as the values beside the largest.

    Examples
    --------
    >>> from mxne_rs.live.terminal import sparkline
    >>> sparkline([0, 1, 2, 4])
    '▁▃▅█'
    """
    array = np.asarray(values, dtype=float)
    largest = array.max(initial=0.0)
    if largest <= 0:
        return BARS[0] * len(array)
    return "".join(BARS[round(7 * max(value, 0.0) / largest)] for value in array)


class TerminalView:
    """Shows a table of the current sources, latencies and counts, four times a second.

    Parameters
    ----------
    monitor : Monitor
        Whose statistics are shown.
    positions : array, shape (n_locations, 3)
        In m, head coordinates.
    """

    def __init__(self, monitor: Monitor, positions: Floats) -> None:
        try:
            from rich.live import Live
        except ImportError as error:
            raise ImportError("the view needs rich: pip install 'mxne-rs[stream]'") from error
        self._monitor, self._positions = monitor, positions
        self._lock = threading.Lock()
        self._history: dict[int, deque[float]] = {}
        self._last: Update | None = None
        self.is_silent: Callable[[], bool] = lambda: False
        self._live = Live(get_renderable=self.table, refresh_per_second=4, transient=False)

    def __enter__(self) -> TerminalView:
        """Begin to show."""
        self._live.__enter__()
        return self

    def __exit__(self, *what: Any) -> None:
        """End with the last state on the screen."""
        self._live.__exit__(*what)

    def __call__(self, update: Update) -> None:
        """Take in a window."""
        estimate = update.estimate
        now: dict[int, float] = {}
        if len(estimate.locations):
            peaks = estimate.amplitudes().max(axis=1)
            now = dict(zip(estimate.locations.tolist(), peaks.tolist(), strict=True))
        with self._lock:
            self._last = update
            for location in now.keys() - self._history.keys():
                self._history[location] = deque([0.0] * (HISTORY - 1), maxlen=HISTORY)
            for location, past in list(self._history.items()):
                past.append(now.get(location, 0.0))
                if not any(past):
                    del self._history[location]

    def table(self) -> Any:
        """What is on the screen, as a table of `rich`."""
        from rich.table import Table

        with self._lock:
            last = self._last
            history = {location: list(past) for location, past in self._history.items()}
        table = Table(title=self._title(last), caption=self._caption(), title_justify="left",
                      caption_justify="left")  # fmt: skip
        for name in ("location", "x, y, z (mm)", "nAm now", f"last {HISTORY} windows"):
            table.add_column(name, justify="right" if name == "nAm now" else "left", no_wrap=True)
        strongest = sorted(history, key=lambda s: -max(history[s]))[:SHOWN]
        for location in strongest:
            x, y, z = 1e3 * self._positions[location]
            past = history[location]
            table.add_row(
                str(location), f"{x:4.0f} {y:4.0f} {z:4.0f}", f"{1e9 * past[-1]:.1f}",
                sparkline(past),
            )  # fmt: skip
        return table

    def _title(self, last: Update | None) -> str:
        if last is None:
            return "waiting for the first window"
        estimate = last.estimate
        silent = "; THE STREAM IS SILENT" if self.is_silent() else ""
        return (
            f"{last.time:.1f} s: {len(estimate.locations)} sources explain "
            f"{100 * estimate.explained_variance:.0f} %, {estimate.status}, gap {estimate.gap:.0e}"
            f"{silent}"
        )

    def _caption(self) -> str:
        seen = self._monitor.statistics()
        p50, p95, p99 = (1e3 * value for value in seen.latency)
        return (
            f"latency p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms\n"
            f"{seen.n_windows} windows: {seen.n_dropped} dropped, {seen.n_skipped} skipped, "
            f"{seen.n_lost} lost with {seen.n_missing} samples, {seen.n_deadlines} at the deadline"
        )
