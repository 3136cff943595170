"""The live view in a terminal: the sources now, with what they did lately."""

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
#: Sources that are listed, windows of which their history is kept.
SHOWN, HISTORY = 10, 24


def sparkline(values: Any, largest: float | None = None) -> str:
    """Draw a line of bars, as high as the values beside the largest.

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
    """Shows a table of the current sources, latencies and counts, four times a second.

    Parameters
    ----------
    monitor : Monitor
        Whose statistics are shown.
    positions : array, shape (n_locations, 3)
        In m, head coordinates.
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
            peaks = signed_peaks(signed_courses(estimate))
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
        strongest = sorted(history, key=lambda s: -max(map(abs, history[s])))[:SHOWN]
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
        seen = self._monitor.statistics()
        p50, p95, p99 = (1e3 * value for value in seen.latency)
        return (
            f"x right, y front, z up in the head; last {HISTORY} windows, all on one scale;\n"
            f"peak: {SIGN}\n"
            f"newest sample to sources: p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms\n"
            f"{seen.n_windows} windows: {seen.n_dropped} dropped, {seen.n_skipped} skipped, "
            f"{seen.n_lost} lost with {seen.n_missing} samples, {seen.n_deadlines} at the deadline"
        )
