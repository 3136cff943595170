"""Recordings as streams of the lab streaming layer, read and played by mne-lsl."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Floats
from .monitor import Monitor

__all__ = ["Reader", "import_lsl", "play"]

#: Seconds for which a stream is looked for, and after which silence is told.
PATIENCE, SILENCE = 1.0, 1.0


def import_lsl() -> Any:
    """Import mne-lsl, or say which extra has it."""
    try:
        import mne_lsl
        import mne_lsl.lsl
        import mne_lsl.player
    except ImportError as error:
        raise ImportError("streams need mne-lsl: pip install 'mxne-rs[stream]'") from error
    return mne_lsl


class Reader:
    """Reads a stream in a thread of its own and pushes its samples into a monitor.

    A stream that stops is looked for again, under the same name, until the reader is stopped;
    samples that are missing, by their time stamps, are told to the monitor.

    Parameters
    ----------
    name : str
        Of the stream.
    timeout : float
        Seconds to look for it at first.

    Attributes
    ----------
    ch_names : list of str
        Names of its channels.
    sfreq : float
        Its sampling rate in Hz.

    Raises
    ------
    ImportError
        Without mne-lsl.
    RuntimeError
        Where there is no such stream, with those that are there.
    """

    def __init__(self, name: str, timeout: float = 10.0) -> None:
        self._lsl = import_lsl().lsl
        self.name = name
        self.is_silent = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        inlet = self._open(timeout)
        if inlet is None:
            there = [info.name for info in self._lsl.resolve_streams(PATIENCE)]
            raise RuntimeError(
                f"there is no stream {name!r}; streams are: {', '.join(there) or 'none'}"
            )
        self._inlet = inlet
        info = inlet.get_sinfo()
        self.sfreq = float(info.sfreq)
        self.ch_names = list(info.get_channel_names() or [])

    def start(self, monitor: Monitor) -> None:
        """Begin to push samples."""
        self._thread = threading.Thread(
            target=self._read, args=(monitor,), name="mxne_rs reader", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End; raise what ended it early."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
        if self._error is not None:
            raise self._error

    @property
    def is_alive(self) -> bool:
        """Whether it reads."""
        return self._thread is not None and self._thread.is_alive()

    def _open(self, timeout: float) -> Any:
        """An inlet, or None where the stream is not there."""
        end = time.monotonic() + timeout
        while not self._stop.is_set():
            found = self._lsl.resolve_streams(PATIENCE, name=self.name)
            if found:
                inlet = self._lsl.StreamInlet(found[0], max_buffered=10, recover=False)
                inlet.open_stream(timeout=10)
                return inlet
            if time.monotonic() > end:
                break
        return None

    def _read(self, monitor: Monitor) -> None:
        try:
            # What came while the solver was being prepared is old.
            self._inlet.flush()
            expected = None
            heard = time.monotonic()
            while not self._stop.is_set():
                try:
                    # A sample is waited for; whatever else is there comes with it.
                    block, stamps = self._inlet.pull_chunk(timeout=0.2, max_samples=1)
                    if len(stamps):
                        arrived = time.perf_counter()
                        rest, later = self._inlet.pull_chunk(timeout=0.0, max_samples=4096)
                        if len(later):
                            block, stamps = np.vstack([block, rest]), np.append(stamps, later)
                            arrived = time.perf_counter()
                        heard, self.is_silent = time.monotonic(), False
                        expected = self._hand_over(monitor, block, stamps, expected, arrived)
                        continue
                except Exception as error:
                    if not _is_lost(error):
                        raise
                    self.is_silent = True
                    inlet = self._open(0.0)
                    if inlet is not None:
                        self._inlet = inlet
                    continue
                self.is_silent = time.monotonic() - heard > SILENCE
                if self.is_silent:
                    # A stream of the same name may have taken its place.
                    inlet = self._open(0.0)
                    if inlet is not None:
                        self._inlet, heard = inlet, time.monotonic()
        except BaseException as error:
            self._error = error

    def _hand_over(
        self, monitor: Monitor, block: Floats, stamps: Floats, expected: float | None, now: float
    ) -> float:
        """Push what came, telling of what did not; the stamp of the next sample."""
        step = 1 / self.sfreq
        starts = np.concatenate([[stamps[0] if expected is None else expected], stamps[:-1] + step])
        missing = np.round((stamps - starts) * self.sfreq).astype(int)
        first = 0
        for index in [*np.flatnonzero(missing > 0).tolist(), len(stamps)]:
            if index > first:
                monitor.push(np.asarray(block[first:index].T, dtype=np.float64), now)
            if index < len(stamps):
                monitor.skip(int(missing[index]))
            first = index
        return float(stamps[-1]) + step


def _is_lost(error: BaseException) -> bool:
    return type(error).__name__ in ("LostError", "TimeoutError") or "lost" in str(error).lower()


def play(
    path: str | Path,
    name: str,
    *,
    chunk: int = 10,
    seconds: float | None = None,
    tell: Callable[[str], None] = print,
) -> None:
    """Play a recording as a stream, over and over, until interrupted or `seconds` have passed."""
    lsl = import_lsl()
    import mne

    raw = _recording(mne, path)
    player = lsl.player.PlayerLSL(raw, chunk_size=chunk, name=name)
    player.start()
    try:
        tell(f"playing {path} as stream {name!r}: {len(raw.ch_names)} channels at "
             f"{raw.info['sfreq']:g} Hz; Ctrl-C ends it")  # fmt: skip
        end = time.monotonic() + (seconds or float("inf"))
        while time.monotonic() < end:
            time.sleep(0.1)
    finally:
        player.stop()


def _recording(mne: Any, path: str | Path) -> Any:
    """A recording, or the first evoked response of a file as one."""
    if str(path).endswith(("-ave.fif", "_ave.fif", "-ave.fif.gz", "_ave.fif.gz")):
        evoked = mne.read_evokeds(path, condition=0, verbose="ERROR")
        return mne.io.RawArray(evoked.data, evoked.info, verbose="ERROR")
    return mne.io.read_raw(path, preload=True, verbose="ERROR")
