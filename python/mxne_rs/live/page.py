"""Show live sources in a browser: serve a page on loopback, drawn by its own script."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any

import numpy as np

from .._arguments.convert import Floats
from .courses import SIGN, count_line, side_of, signed_courses, signed_peaks
from .monitor import Monitor, Update

#: Seconds of time courses that are shown, and most points of the outline.
SECONDS_SHOWN, N_OUTLINE = 5.0, 3000


class PageView:
    """Serve a page with the moving sources and their time courses at ``url``.

    Parameters
    ----------
    monitor : Monitor
        The monitor whose statistics are shown.
    positions : array, shape (n_locations, 3)
        Positions of the locations in m, head coordinates.
    sfreq : float
        Sampling rate in Hz.
    port : int
        0 takes a free one. The page can be opened on this computer only.
    """

    def __init__(self, monitor: Monitor, positions: Floats, sfreq: float, port: int = 0) -> None:
        self._monitor, self._positions = monitor, positions
        self._lock = threading.Lock()
        self._windows: deque[dict[str, Any]] = deque()
        self._sfreq = sfreq
        self._hop = monitor.stream.hop
        self.is_silent: Callable[[], bool] = lambda: False
        handler = type("Handler", (_Handler,), {"view": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(
            target=self._server.serve_forever, name="mxne_rs page", daemon=True
        ).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def __call__(self, update: Update) -> None:
        """Add the estimate of a window."""
        estimate = update.estimate
        courses = signed_courses(estimate) if len(estimate.locations) else np.zeros((0, 1))
        step = max(1, int(self._sfreq // 200))
        window = {
            "time": update.time,
            "gap": estimate.gap if np.isfinite(estimate.gap) else None,
            "status": estimate.status,
            "count": count_line(len(estimate.locations), estimate.explained_variance),
            "locations": estimate.locations.tolist(),
            "peaks": signed_peaks(courses).tolist(),
            "courses": [row[-self._hop :: step].tolist() for row in courses],
        }
        with self._lock:
            self._windows.append(window)
            while self._windows[0]["time"] < update.time - SECONDS_SHOWN:
                self._windows.popleft()

    def state(self) -> dict[str, Any]:
        """Return the data that the page draws: windows of the last seconds, and counts."""
        statistics = self._monitor.statistics()
        with self._lock:
            windows = list(self._windows)
        return {
            "windows": windows,
            "hop": self._hop / self._sfreq,
            "silent": bool(self.is_silent()),
            "latency": [value if np.isfinite(value) else None for value in statistics.latency],
            "counts": {
                "windows": statistics.n_windows,
                "dropped": statistics.n_dropped,
                "skipped": statistics.n_skipped,
                "lost": statistics.n_lost,
                "at the deadline": statistics.n_deadlines,
            },
        }

    def outline(self) -> dict[str, Any]:
        """Return the positions of all locations, and a thinned-out outline of them, in mm."""
        positions = np.round(1e3 * self._positions, 1)
        step = max(1, len(positions) // N_OUTLINE)
        return {
            "positions": positions.tolist(),
            "sides": [side_of(x) for x in self._positions[:, 0]],
            "outline": positions[::step].tolist(),
            "sign": SIGN,
        }


class _Handler(BaseHTTPRequestHandler):
    view: PageView

    def do_GET(self) -> None:
        """Send the page or its data."""
        host = (self.headers.get("Host") or "").rsplit(":", 1)[0]
        if host not in ("127.0.0.1", "localhost"):
            # A host name of another site that resolves to this machine (DNS rebinding).
            self.send_error(403)
        elif self.path == "/":
            page = resources.files(__package__).joinpath("page.html").read_bytes()
            self._send(page, "text/html; charset=utf-8")
        elif self.path == "/outline.json":
            self._send(json.dumps(self.view.outline()).encode(), "application/json")
        elif self.path == "/state.json":
            self._send(json.dumps(self.view.state()).encode(), "application/json")
        else:
            self.send_error(404)

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: the terminal shows the sources."""
