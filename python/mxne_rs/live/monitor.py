"""Monitor a recording: take samples from any thread, solve windows in a separate one."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._arguments.convert import Floats, as_count, as_floats
from .._arguments.warn import warn
from .stream import Estimate, Stream
from .units import UNITS, implausible_lines, noise_power

#: Number of windows whose latencies are kept.
N_LATENCIES = 2000
#: Largest number of extra windows that may wait because their samples came in one burst.
MAX_BURST = 64


@dataclass(frozen=True, eq=False)
class Update:
    """The result of one window, as a monitor hands it out.

    Attributes
    ----------
    estimate : Estimate
        The sources of the window.
    number : int
        Number of the window, from 0, counting dropped and lost ones.
    time : float
        Seconds from the first sample of the recording to the end of the newest of the window: by
        the time stamps where a stream is read, else by the sampling rate.
    latency : float
        Seconds from the arrival of the newest sample to the estimate.
    newest : array, shape (n_channels,)
        The newest sample, in the unit in which it was pushed.

    Examples
    --------
    >>> import numpy as np
    >>> from mxne_rs import Stream
    >>> from mxne_rs.live import Monitor
    >>> seen = []
    >>> with Monitor(Stream(np.eye(4), n_times=10), seen.append, sfreq=100) as monitor:
    ...     monitor.push(np.random.default_rng(0).standard_normal((4, 10)))
    >>> seen[0].number, seen[0].time
    (0, 0.1)
    """

    estimate: Estimate
    number: int
    time: float
    latency: float
    newest: Floats


@dataclass(frozen=True)
class Statistics:
    """Counts and latencies of a monitor so far.

    Attributes
    ----------
    n_windows, n_solved, n_dropped, n_skipped, n_lost : int
        Windows due; solved; dropped because newer ones were waiting; skipped because they could not
        be solved; lost because samples were missing.
    n_deadlines : int
        Windows that the deadline ended.
    n_samples, n_missing : int
        All samples, and the missing ones among them.
    latency : tuple of float
        Median, 95th and 99th percentile, s, of the last windows; NaN before the first.

    Examples
    --------
    >>> import numpy as np
    >>> from mxne_rs import Stream
    >>> from mxne_rs.live import Monitor
    >>> with Monitor(Stream(np.eye(4), n_times=10)) as monitor:
    ...     monitor.push(np.random.default_rng(0).standard_normal((4, 10)))
    >>> monitor.statistics().n_solved
    1
    """

    n_windows: int
    n_solved: int
    n_dropped: int
    n_skipped: int
    n_lost: int
    n_deadlines: int
    n_samples: int
    n_missing: int
    latency: tuple[float, float, float]


class Monitor:
    """Cut a recording into windows and solve them as they become complete.

    Samples are taken from any thread, and pushing never blocks: where a window is still being
    solved when the next three are complete, the oldest of these is dropped and counted. Windows
    whose samples came in one burst are queued without drops.

    Parameters
    ----------
    stream : Stream
        Solves the windows, in the monitor's thread only.
    on_update : callable | None
        Called in that thread with an `Update` for every window solved. An error of the callback
        ends the monitor, and is raised by `close`.
    sfreq : float
        Sampling rate in Hz, for times in s; with 1 times are in samples.
    unit : str
        Unit of the samples: "V", "mV", "uV", "nV", "T", "nT", "pT", "fT", "T/m" or "fT/cm". Boards
        read with BrainFlow give "uV".
    max_waiting : int
        Windows that may wait to be solved, beside those of the newest burst of samples.

    Raises
    ------
    ValueError
        Where the unit is unknown.

    Warns
    -----
    RuntimeWarning
        Where the power of the first window differs from that of the noise covariance by a factor of
        1e10 or more, so that the unit is probably wrong.

    Examples
    --------
    >>> import numpy as np
    >>> from mxne_rs import Stream
    >>> from mxne_rs.live import Monitor
    >>> rng, seen = np.random.default_rng(0), []
    >>> stream = Stream(rng.standard_normal((20, 100)), n_times=50, hop=25)
    >>> with Monitor(stream, seen.append, max_waiting=9) as monitor:
    ...     for block in range(10):  # as a board or a stream hands them out
    ...         monitor.push(rng.standard_normal((20, 10)))
    >>> len(seen), seen[0].time, monitor.statistics().n_windows
    (3, 50.0, 3)
    """

    def __init__(
        self,
        stream: Stream,
        on_update: Callable[[Update], Any] | None = None,
        *,
        sfreq: float = 1.0,
        unit: str = "V",
        max_waiting: int = 2,
    ) -> None:
        if unit not in UNITS:
            raise ValueError(f"unit is {unit!r}; give one of {', '.join(UNITS)}")
        self.stream = stream
        self._factor = UNITS[unit]
        self._sfreq = sfreq
        self._on_update = on_update
        self._ring = np.zeros((stream.n_channels, 2 * stream.n_times))
        self._filled = 0
        self._until_hop = stream.n_times
        self._counts = dict.fromkeys(
            ("windows", "solved", "dropped", "skipped", "lost", "deadlines", "samples", "missing"),
            0,
        )
        self._latencies: deque[float] = deque(maxlen=N_LATENCIES)
        self._waiting: deque[tuple[Floats, int, float, float]] = deque()
        self._max_waiting = as_count("max_waiting", max_waiting, 1)
        self._state = threading.Condition()
        self._is_busy = self._is_closed = False
        #: Power of the noise, until the first window has been compared with it.
        self._noise = noise_power(stream)
        self._error: BaseException | None = None
        self._thread = threading.Thread(
            target=self._solve_windows, name="mxne_rs monitor", daemon=True
        )
        self._thread.start()

    def push(
        self, block: ArrayLike, arrived: float | None = None, time: float | None = None
    ) -> None:
        """Take samples.

        Parameters
        ----------
        block : array_like, shape (n_channels, n_samples)
            In the monitor's unit.
        arrived : float | None
            Time of arrival of the newest one, by `time.perf_counter`; None is now.
        time : float | None
            Seconds from the first sample of the recording to the end of the newest one; None counts
            samples.
        """
        now = perf_counter() if arrived is None else arrived
        array = as_floats("block", block, 2)
        if array.shape[0] != len(self._ring):
            raise ValueError(
                f"block has {array.shape[0]} rows; give the stream's {len(self._ring)} channels"
            )
        first, n_together = 0, 0
        while first < array.shape[1]:
            count = min(array.shape[1] - first, self._until_hop)
            self._append(array[:, first : first + count])
            first += count
            self._until_hop -= count
            if self._until_hop == 0:
                self._until_hop = self.stream.hop
                after = (array.shape[1] - first) / self._sfreq
                self._queue_window(now, None if time is None else time - after, n_together)
                n_together += 1

    def skip(self, n_samples: int, *, is_past: bool = False) -> None:
        """Tell that samples are missing: windows start again after them, lost ones are counted.

        Parameters
        ----------
        n_samples : int
            Number of missing samples.
        is_past : bool
            Whether samples after the missing ones were already pushed: then the missing ones are
            only counted, and windows continue. A negative number corrects an earlier one.
        """
        with self._state:
            self._counts["missing"] += n_samples
            self._counts["samples"] += n_samples
            if is_past:
                return
            n_times, hop = self.stream.n_times, self.stream.hop
            # Windows due before the end of the first complete one after the gap are lost.
            end = n_samples + n_times
            lost = max(0, (end - self._until_hop - 1) // hop + 1) if end > self._until_hop else 0
            self._counts["lost"] += lost
            self._counts["windows"] += lost
        self._filled = 0
        self._until_hop = n_times

    def wait(self, timeout: float = 10.0) -> bool:
        """Wait until all complete windows are solved.

        Parameters
        ----------
        timeout : float
            Seconds at most.

        Returns
        -------
        done : bool
            False where that takes longer than the timeout.
        """
        with self._state:
            return self._state.wait_for(
                lambda: self._is_closed or not (self._waiting or self._is_busy), timeout
            )

    def statistics(self) -> Statistics:
        """Return the counts and latencies so far.

        Returns
        -------
        statistics : Statistics
            Counts since the monitor began, and latencies of the last 2000 windows.
        """
        with self._state:
            counts, latencies = dict(self._counts), list(self._latencies)
        quantiles = np.percentile(latencies, [50, 95, 99]) if latencies else [np.nan] * 3
        median, most, nearly_all = (float(value) for value in quantiles)
        return Statistics(
            latency=(median, most, nearly_all), **{f"n_{name}": n for name, n in counts.items()}
        )

    def close(self) -> None:
        """End the thread once the current window is solved; raise the error that ended it early."""
        self.wait()
        with self._state:
            self._is_closed = True
            self._state.notify_all()
        self._thread.join(timeout=10)
        error, self._error = self._error, None
        if error is not None:
            raise error

    def __enter__(self) -> Monitor:
        """Return the monitor."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the monitor."""
        self.close()

    def _append(self, samples: Floats) -> None:
        """Write into the ring, which is twice a window long so that windows are contiguous."""
        n_times, count = self.stream.n_times, samples.shape[1]
        samples = samples[:, -n_times:]
        if self._filled + samples.shape[1] > self._ring.shape[1]:
            kept = min(n_times, self._filled)
            self._ring[:, :kept] = self._ring[:, self._filled - kept : self._filled]
            self._filled = kept
        end = self._filled + samples.shape[1]
        np.multiply(samples, self._factor, out=self._ring[:, self._filled : end])
        self._filled = end
        with self._state:
            self._counts["samples"] += count

    def _queue_window(self, arrived: float, time: float | None, n_together: int) -> None:
        """Queue a window for the thread; drop the oldest one where the queue is full."""
        n_times = self.stream.n_times
        window = self._ring[:, self._filled - n_times : self._filled].copy()
        if self._noise is not None:
            noise, self._noise = self._noise, None
            for line in implausible_lines(self.stream, noise, window):
                warn(line)
        with self._state:
            number = self._counts["windows"]
            self._counts["windows"] += 1
            while len(self._waiting) >= self._max_waiting + min(n_together, MAX_BURST):
                self._waiting.popleft()
                self._counts["dropped"] += 1
            at = self._counts["samples"] / self._sfreq if time is None else time
            self._waiting.append((window, number, at, arrived))
            self._state.notify_all()

    def _solve_windows(self) -> None:
        last = None
        while True:
            with self._state:
                self._is_busy = False
                self._state.notify_all()
                self._state.wait_for(lambda: self._waiting or self._is_closed)
                if self._is_closed:
                    return
                window, number, at, arrived = self._waiting.popleft()
                self._is_busy = True
            try:
                if last is not None:
                    self.stream.skip(number - last - 1)
                last = number
                estimate = self.stream.update(window)
                latency = perf_counter() - arrived
                with self._state:
                    self._counts["skipped" if estimate.skipped else "solved"] += 1
                    self._counts["deadlines"] += estimate.deadline_hit
                    self._latencies.append(latency)
                if self._on_update is not None:
                    newest = window[:, -1] / self._factor
                    self._on_update(Update(estimate, number, at, latency, newest))
            except BaseException as error:
                with self._state:
                    self._error, self._is_closed = error, True
                    self._state.notify_all()
                return
