"""Read and play recordings as streams of the lab streaming layer, by mne-lsl."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .._arguments.convert import Floats, one_line
from .._arguments.extras import needs
from .._arguments.warn import warn
from .clock import SampleClock
from .find import (
    SEARCH_TIMEOUT,
    FoundStream,
    choose_recording,
    duplicate_channel,
    find_streams,
    is_lost,
    open_streams,
)
from .monitor import Monitor
from .units import UNITS

#: Seconds without samples after which a stream is silent, and of one wait for a sample.
SILENT_AFTER, PULL_TIMEOUT = 1.0, 0.2


def import_lsl() -> Any:
    """Return mne-lsl, or raise the error that names the extra."""
    with needs("a stream", "mne-lsl", "stream"):
        import mne_lsl
        import mne_lsl.lsl
        import mne_lsl.player
    return mne_lsl


class Reader:
    """Read a stream in a separate thread, and push its samples into a monitor.

    Missing samples are found from the time stamps, after jitter, bursts, stalls and drift are
    removed; the monitor is told of them, and of the times of all samples. A stream that stops is
    searched again by name until the reader is stopped. Channels are matched by name, in any order;
    another rate, a missing channel, or a unit that is no longer declared ends the reader with an
    error.

    Parameters
    ----------
    name : str
        Name of the stream.
    timeout : float
        Seconds of the first search.
    stype, source_id : str | None
        Type and source id of the stream, where several have the name.
    wanted : collection of str | None
        Names of channels, of which the stream has at least one. None takes any stream of numbers.
    names : list of str | None
        Channel names for a stream without names, in the order of its channels.
    unit : str | None
        Unit of the samples, as for `Monitor`. None takes the unit that the stream declares for each
        channel, and leaves channels without a declaration unscaled.

    Attributes
    ----------
    ch_names : list of str
        Names of the channels.
    sfreq : float
        Sampling rate in Hz.

    Raises
    ------
    ImportError
        Without mne-lsl.
    RuntimeError
        Where there is no such stream, or none or several fit; the message lists the streams.
    ValueError
        Where the unit is unknown.
    """

    def __init__(
        self,
        name: str,
        timeout: float = 10.0,
        *,
        stype: str | None = None,
        source_id: str | None = None,
        wanted: Collection[str] | None = None,
        names: Sequence[str] | None = None,
        unit: str | None = None,
    ) -> None:
        if unit is not None and unit not in UNITS:
            raise ValueError(f"unit is {unit!r}; give one of {', '.join(UNITS)}, or None")
        self._lsl = import_lsl().lsl
        self.name = name
        self.is_silent = False
        self._which = (stype, source_id)
        self._wanted, self._names, self._unit = wanted, names, unit
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._now: Callable[[], float] = time.perf_counter
        self._found = self._find(timeout)
        self.sfreq = self._found.sfreq
        self.ch_names = list(self._found.ch_names or map(str, range(self._found.n_channels)))
        self._declared = dict(zip(self.ch_names, self._found.factors, strict=True))
        self._switch_to(self._found)
        self._clock = SampleClock(self.sfreq)
        self._waiting: deque[tuple[Floats, float]] = deque()

    def start(self, monitor: Monitor) -> None:
        """Start to push samples into a monitor."""
        self._thread = threading.Thread(
            target=self._run, args=(monitor,), name="mxne_rs reader", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End the reader; raise the error that ended it early."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
        if self._error is not None:
            raise self._error

    @property
    def is_alive(self) -> bool:
        """Whether the reader is running."""
        return self._thread is not None and self._thread.is_alive()

    def stamp(self, time: float) -> float:
        """Return when the newest sample of a window was taken, by LSL's clock on this machine.

        Parameters
        ----------
        time : float
            The time of the window's `Update`.
        """
        return self._clock.stamp(time) + self._correction

    def _find(self, timeout: float) -> FoundStream:
        """Find the stream that the user means, until the time is over."""
        end = time.monotonic() + timeout
        while True:
            there = find_streams(self._lsl, self.name, *self._which, every=True)
            opened = [self._with_names(found) for found in open_streams(self._lsl, there)]
            is_over = time.monotonic() > end
            # A busy machine may not have announced all of its streams yet.
            if opened and (is_over or any(map(self._is_wanted, opened))):
                return choose_recording(self.name, opened, self._wanted)
            if is_over:
                break
        names = [info.name for info in self._lsl.resolve_streams(SEARCH_TIMEOUT)]
        given = zip(("type", "source id"), self._which, strict=True)
        also = "".join(f" with {what} {value!r}" for what, value in given if value is not None)
        raise RuntimeError(
            f"there is no stream {self.name!r}{also}; streams are: {', '.join(names) or 'none'}"
        )

    def _is_wanted(self, found: FoundStream) -> bool:
        """Return whether a stream is a recording with at least one wanted channel."""
        labels = found.ch_names or []
        return found.is_recording and (
            self._wanted is None or bool(set(self._wanted).intersection(labels))
        )

    def _with_names(self, found: FoundStream) -> FoundStream:
        """Name the channels of a stream without names, where the given names fit their number."""
        if found.ch_names is not None or not found.is_recording:
            return found
        if self._names is None or len(self._names) != found.n_channels:
            return found
        warn(
            f"stream {self.name!r} does not name its {found.n_channels} channels; the names of the "
            "measurement info are used, in its order"
        )
        return found._replace(ch_names=list(self._names))

    def _switch_to(self, found: FoundStream) -> None:
        """Read a stream from now on, finding its channels by name."""
        self._found = found
        try:
            self._correction = float(found.inlet.time_correction(timeout=1.0))
        except (RuntimeError, TimeoutError):
            self._correction = 0.0
        names = found.ch_names or self.ch_names
        where = {label: i for i, label in enumerate(names)}
        #: Column of each channel in the samples; -1 for a missing one, which becomes NaN.
        self._columns = np.array([where.get(label, -1) for label in self.ch_names])
        if names == self.ch_names:
            # Duplicate names of channels that are not needed would map to the same column.
            self._columns = np.arange(found.n_channels)
        factors = [1.0 if factor is None else factor for factor in found.factors]
        if self._unit is not None:
            factors = [UNITS[self._unit]] * found.n_channels
        self._factors = np.where(self._columns < 0, np.nan, np.array(factors)[self._columns])

    def _find_again(self, has_ended: bool) -> bool:
        """Look for the stream after it stopped; return whether there is another one to read."""
        for every in (False, True):
            there = find_streams(self._lsl, self.name, *self._which, every=every)
            uids = {info.uid for info in there}
            if not there or (self._found.uid in uids and not has_ended):
                # The stream is only silent: its inlet stays open, so that no sample is lost.
                return False
            opened = [self._with_names(found) for found in open_streams(self._lsl, there)]
            back = [found for found in opened if self._is_same(found)]
            fitting = [found for found in back if self._difference(found) is None]
            same = [found for found in fitting if found.source_id == self._found.source_id]
            if len(fitting) == 1 or len(same) == 1:
                self._switch_to((same if len(same) == 1 else fitting)[0])
                return True
        if fitting:
            self._switch_to(choose_recording(self.name, fitting, self._wanted))
            return True
        if back:
            raise RuntimeError(
                f"stream {self.name!r} came back {self._difference(back[0])}; start again"
            )
        return False

    def _is_same(self, found: FoundStream) -> bool:
        """Return whether a stream is the one that was read, possibly changed."""
        if not found.is_recording or self._found.ch_names is None or found.ch_names is None:
            return found.is_recording
        labels = self.ch_names if self._wanted is None else self._wanted
        is_known = found.source_id == self._found.source_id != ""
        return is_known or bool(set(labels).intersection(found.ch_names))

    def _difference(self, found: FoundStream) -> str | None:
        """Name what prevents a stream from continuing the one that was read; None where it can."""
        if found.sfreq != self.sfreq:
            return f"at {found.sfreq:g} Hz, where it was {self.sfreq:g} Hz"
        labels = found.ch_names
        if labels is None:
            if self._found.ch_names is not None or found.n_channels != self._found.n_channels:
                return f"with {found.n_channels} channels without names, where it was {self._found}"
            labels = self.ch_names
        needed = set(self.ch_names if self._wanted is None else self._wanted)
        factors = dict(zip(labels, found.factors, strict=True))
        kept = [label for label in self.ch_names if label in needed]
        gone = [label for label in kept if label not in factors]
        if gone:
            return f"without channels {_first_names(gone)}"
        if labels != self.ch_names and (several := duplicate_channel(found, needed)):
            return f"with {several}"
        unknown = [
            label for label in kept if factors[label] is None and self._declared[label] is not None
        ]
        if unknown and self._unit is None:
            return f"without a unit of channels {_first_names(unknown)}, for which it declared one"
        return None

    def _run(self, monitor: Monitor) -> None:
        try:
            # Samples that arrived while the solver was being prepared are old.
            self._found.inlet.flush()
            self._heard = self._now()
            while not self._stop.is_set():
                has_ended = False
                try:
                    block, stamps, arrived = self._pull()
                except Exception as error:
                    if not is_lost(error):
                        raise
                    stamps = np.zeros(0)
                    self.is_silent = has_ended = True
                if len(stamps):
                    self._hand_over(monitor, block, stamps, arrived)
                    self._heard, self.is_silent = arrived, False
                    continue
                self.is_silent = self.is_silent or self._now() - self._heard > SILENT_AFTER
                # A new stream of the same name may have replaced a silent one.
                if self.is_silent and self._find_again(has_ended):
                    self._clock.reopen(lambda: self._now() - self._heard)
            self._push(monitor, self._clock.take([], is_end=True))
        except BaseException as error:
            self._error = error

    def _pull(self) -> tuple[Any, Floats, float]:
        """Wait for a sample; return it with all others that are there, and its time of arrival."""
        inlet = self._found.inlet
        block, stamps = inlet.pull_chunk(timeout=PULL_TIMEOUT, max_samples=1)
        arrived = self._now()
        if len(stamps):
            # The next call overwrites these arrays.
            block, stamps = block.copy(), stamps.copy()
            rest, later = inlet.pull_chunk(timeout=0.0, max_samples=4096)
            if len(later):
                block, stamps = np.vstack([block, rest]), np.append(stamps, later)
                arrived = self._now()
        return block, stamps, arrived

    def _hand_over(self, monitor: Monitor, block: Any, stamps: Floats, arrived: float) -> None:
        """Sort and scale the channels of new samples, and push those the clock has decided on."""
        samples = np.asarray(block, dtype=np.float64).T[self._columns]
        self._waiting.append((samples * self._factors[:, np.newaxis], arrived))
        self._push(monitor, self._clock.take(stamps, arrived))

    def _push(self, monitor: Monitor, runs: Any) -> None:
        """Push samples that waited, and tell the monitor of missing ones."""
        for run in runs:
            if run.missing:
                monitor.skip(run.missing)
            if run.corrected:
                monitor.skip(run.corrected, is_past=True)
            parts, left = [], run.n_samples
            while left:
                samples, arrived = self._waiting.popleft()
                parts.append(samples[:, :left])
                if samples.shape[1] > left:
                    self._waiting.appendleft((samples[:, left:], arrived))
                left -= parts[-1].shape[1]
            if parts:
                monitor.push(np.hstack(parts), arrived, run.time)


def _first_names(labels: Sequence[str]) -> str:
    return ", ".join(labels[:3]) + (", ..." if len(labels) > 3 else "")


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
    """Read a recording, or the first evoked response of a file as one."""
    try:
        if str(path).endswith(("-ave.fif", "_ave.fif", "-ave.fif.gz", "_ave.fif.gz")):
            evoked = mne.read_evokeds(path, condition=0, verbose="ERROR")
            return mne.io.RawArray(evoked.data, evoked.info, verbose="ERROR")
        return mne.io.read_raw(path, preload=True, verbose="ERROR")
    except Exception as error:
        raise ValueError(
            f"{path} is not readable ({one_line(error)}); give a recording in a format that MNE "
            "reads, or an evoked response (-ave.fif)"
        ) from error
