"""Run a live session: read a stream, solve it, show and publish the sources."""

from __future__ import annotations

import time
import webbrowser
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from .lsl import Reader
from .monitor import Monitor, Statistics, Update
from .outlet import Outlet
from .page import PageView
from .stream import Stream
from .terminal import TerminalView


def run_session(
    reader: Reader,
    stream: Stream,
    *,
    view: str = "terminal",
    port: int = 0,
    outlet: str | None = None,
    seconds: float | None = None,
    on_update: Callable[[Update], Any] | None = None,
    tell: Callable[[str], None] = print,
) -> Statistics:
    """Solve a stream until interrupted, or for some seconds; return the counts."""
    assert stream.model is not None
    positions = stream.model.forward["source_rr"][stream.model.kept]
    sinks: list[Callable[[Update], Any]] = [] if on_update is None else [on_update]

    def hand_on(update: Update) -> None:
        for sink in sinks:
            sink(update)

    with ExitStack() as stack:
        monitor = Monitor(stream, hand_on, sfreq=reader.sfreq)
        stack.callback(monitor.close)
        if outlet is not None:
            sinks.append(Outlet(outlet, positions, reader.sfreq / stream.hop, reader.stamp))
        if view == "browser":
            page = PageView(monitor, positions, reader.sfreq, port)
            stack.callback(page.close)
            page.is_silent = lambda: reader.is_silent
            sinks.append(page)
            tell(f"live view: {page.url}")
            webbrowser.open(page.url)
        elif view == "terminal":
            table = stack.enter_context(TerminalView(monitor, positions))
            table.is_silent = lambda: reader.is_silent
            sinks.append(table)
        stack.callback(reader.stop)
        reader.start(monitor)
        end = time.monotonic() + (float("inf") if seconds is None else seconds)
        try:
            while time.monotonic() < end and reader.is_alive:
                time.sleep(0.05)
        except KeyboardInterrupt:
            pass
        reader.stop()
        monitor.wait()
        return monitor.statistics()
