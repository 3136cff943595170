"""Find missing samples, and the time of each sample, from time stamps of any quality."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .._arguments.convert import Floats

#: Spans as (seconds, independent stamps), whichever is longer: of usual lateness that is
#: remembered, that a jump has to last, that samples are held at most, and of one level.
MEMORY, PERSISTENCE, HELD, LEVEL = (5.0, 20), (0.25, 5), (10.0, 20), (1.0, 10)
#: Seconds of jitter that are accepted while a stream is younger than ``YOUNG`` seconds, and seconds
#: beyond the limit above which lateness does not count as usual.
JITTER, YOUNG, LATE = 0.025, 0.5, 0.1
#: Stamps whose steps agree within EXACT seconds come from a sample counter, which is known after
#: EXACT_AFTER seconds and EXACT_BLOCKS blocks; CHUNK is the longest chunk with one stamp, in s.
EXACT, EXACT_AFTER, EXACT_BLOCKS, CHUNK = 5e-6, 1.0, 4, 0.5
#: Seconds ahead of this machine's clock from which stamps are of another clock: on a busy machine
#: samples arrive late, but never early.
OTHER_CLOCK = 60.0
#: Smallest jump, in s, that shows that the clock was set, if the samples did not arrive later.
SET_CLOCK = 1.0
#: Seconds of a block, the unit in which lateness is remembered and forgotten.
BLOCK = 0.1
#: Number of levels that are remembered, and the quantile of lateness that is a level.
LEVELS, QUANTILE = 60, 0.1
#: Numbers of levels: after which their scatter is reliable; that have to differ by the same amount
#: to show a step; after which a loss is counted again; after which a loss is certain.
MATURE, ALIKE, SETTLING, CERTAIN = 8, 2, 3, 5
#: Drift of clocks in samples per sample: usual, and largest before levels are known.
DRIFT, DRIFT_AT_FIRST = 1e-4, 1e-3


class Run(NamedTuple):
    """Consecutive samples of a stream, and the number of missing ones before them.

    Examples
    --------
    >>> from mxne_rs.live.clock import Run
    >>> Run(missing=20, n_samples=10, time=1.3)
    Run(missing=20, n_samples=10, time=1.3, corrected=0)
    """

    missing: int
    n_samples: int
    time: float
    """Seconds from the first sample of the stream to the end of the last one, by the stamps."""
    corrected: int = 0
    """Missing samples before earlier runs, found too late; negative to take back too many."""


class _Block(NamedTuple):
    """The lateness of consecutive samples, its range, and its changes between samples."""

    late: Floats
    low: float
    high: float
    n_changes: int
    largest: float


class SampleClock:
    """Count samples by time stamps that jitter, are late or coarse, or drift.

    The lateness of a sample is its stamp minus the time expected from its number. After jitter,
    bursts and stalls lateness returns to usual; missing samples make all later ones late. Samples
    beyond the usual lateness are therefore held for at least 0.25 s before they count as a loss, or
    not at all where the stamps are of a sample counter, without jitter. A jump of more than a
    second without a later arrival, by the clock of this machine, means that the other clock was
    set. Losses smaller than the jitter are found in the levels of lateness of whole seconds: the
    slope of a line through the levels is the drift of the clock, and steps from it are losses.

    Parameters
    ----------
    sfreq : float
        Sampling rate in Hz.

    Examples
    --------
    >>> import numpy as np
    >>> from mxne_rs.live.clock import SampleClock
    >>> clock = SampleClock(sfreq=100.0)
    >>> clock.take(np.arange(100) / 100)
    [Run(missing=0, n_samples=100, time=1.0, corrected=0)]
    >>> clock.take(1.2 + np.arange(10) / 100, is_end=True)  # 20 are missing before these 10
    [Run(missing=20, n_samples=10, time=1.3, corrected=0)]
    """

    def __init__(self, sfreq: float) -> None:
        self._sfreq = sfreq
        self._origin = 0.0
        self._count = 0
        self._held = np.zeros(0)
        self._gap: Callable[[], float] | None = None
        self._last: float | None = None
        #: Largest number of seconds by which stamps were ahead of arrivals, and that of the newest.
        self._most_ahead = self._ahead = -np.inf
        self._usual: deque[_Block] = deque()
        #: Number of samples in the usual blocks, and of independent stamps among them.
        self._n_usual = self._n_stamps = 0
        self._level: list[Floats] = []
        self._levels: deque[tuple[float, float]] = deque(maxlen=LEVELS)
        self._unlike: list[tuple[float, float, float]] = []
        self._line = (0.0, 0.0)
        self._reference: float | None = None
        #: Missing samples that may still be taken back, and levels without a step since.
        self._doubtful = self._n_alike = 0
        #: Levels to wait for after a loss before it is counted again.
        self._n_settling = 0

    @property
    def _time(self) -> float:
        level, slope = self._line
        reference = level if self._reference is None else self._reference
        return (self._count + level + slope * self._count - reference) / self._sfreq

    def stamp(self, time: float) -> float:
        """Return the stamp, without jitter, of the sample that ends at a time of a `Run`."""
        level = self._line[0] if self._reference is None else self._reference
        return self._origin + time + (level - 1) / self._sfreq

    def reopen(self, gap: Callable[[], float]) -> None:
        """Tell that the stream was reopened: its stamps may be those of another clock.

        Parameters
        ----------
        gap : callable
            Called when samples arrive again: returns the seconds without samples, by the clock of
            this machine.
        """
        self._gap = gap

    def take(
        self, stamps: ArrayLike, arrived: float | None = None, *, is_end: bool = False
    ) -> list[Run]:
        """Take the stamps of samples, in the order in which they came.

        Parameters
        ----------
        stamps : array_like, shape (n_samples,)
            In s.
        arrived : float | None
            Time of arrival of the newest, in s by the clock of this machine; None if unknown.
        is_end : bool
            Whether these are the last samples, so that none are held.

        Returns
        -------
        runs : list of Run
            The samples that are no longer held.
        """
        array = np.array(stamps, dtype=np.float64)
        if len(array):
            if self._last is None:
                self._origin = float(array[0])
            elif self._gap is not None:
                # The newest stamp is the one that belongs to the end of the gap.
                jump, gap = float(array[-1]) - self._last, self._gap()
                if not 0 <= jump <= gap + OTHER_CLOCK:
                    self._origin += jump - gap
                    self._most_ahead = -np.inf
            self._gap, self._last = None, float(array[-1])
            self._held = np.concatenate([self._held, array])
            if arrived is not None:
                self._ahead = float(array[-1]) - arrived
        runs: list[Run] = []
        while len(self._held):
            run = self._decide(is_end)
            if run is None:
                break
            runs.append(run)
        if not len(self._held):
            self._most_ahead = max(self._most_ahead, self._ahead)
        return _joined(runs)

    def _decide(self, is_end: bool) -> Run | None:
        """Return the next run of the held samples; None where more have to arrive first."""
        due = self._count + np.arange(len(self._held))
        late = (self._held - self._origin) * self._sfreq - due
        limit, spread = self._limit(late)
        over = late > limit
        first = int(np.argmax(over)) if over.any() else len(late)
        if first:
            return self._accept(late[:first], True)
        back = np.flatnonzero(~over)
        if len(back):
            return self._accept(late[: back[0]], bool(late[: back[0]].max() - limit < self._late))
        if not self._is_exact and not self._is_steady(late, spread):
            if not is_end:
                return None
            if np.any(np.diff(np.minimum.accumulate(late)) < -0.5 * spread - 0.5):
                # Lateness was still falling, so that the samples were delayed, not lost.
                return self._accept(late, False)
        missing = max(1, round(float(np.median(late) - self._median)))
        jump, ahead = missing / self._sfreq, self._ahead - self._most_ahead
        if jump > SET_CLOCK and SET_CLOCK < ahead < np.inf:
            self._origin += jump
            self._most_ahead = self._ahead
            return Run(0, 0, self._time)
        self._count += missing
        if not self._is_exact:
            self._doubtful, self._n_alike = self._doubtful + missing, 0
            self._n_settling, self._unlike, self._level = SETTLING, [], []
        return Run(missing, 0, self._time)

    @property
    def _late(self) -> float:
        return LATE * self._sfreq

    def _limit(self, late: Floats) -> tuple[float, float]:
        """Return the largest lateness that is usual, and the spread of usual lateness."""
        low = min((block.low for block in self._usual), default=float(late[0]))
        spread = max((block.high for block in self._usual), default=low) - low
        if self._n_usual < YOUNG * self._sfreq:
            spread = max(spread, JITTER * self._sfreq)
        # The jitter of few stamps is underestimated: their limit has more room.
        room = max(2.0, 1 + 8 * self._chunk / max(1, self._n_usual))
        return low + room * spread + 0.5, spread

    @property
    def _is_exact(self) -> bool:
        """Whether the stamps are those of a sample counter."""
        if self._n_usual < EXACT_AFTER * self._sfreq or len(self._usual) < EXACT_BLOCKS:
            return False
        return self._n_stamps == 0

    @property
    def _chunk(self) -> float:
        """Samples per independent stamp; stamps in between are interpolated by the sender."""
        return max(1.0, min(self._n_usual / max(1, self._n_stamps), CHUNK * self._sfreq))

    def _n_samples(self, seconds: float, n_stamps: int) -> float:
        """Return the samples in so many seconds, or of so many stamps where these are more."""
        return max(seconds * self._sfreq, n_stamps * self._chunk)

    @property
    def _median(self) -> float:
        return float(np.median(np.concatenate([block.late for block in self._usual])))

    def _is_steady(self, late: Floats, spread: float) -> bool:
        """Return whether lateness has stopped falling for long enough."""
        if len(late) > self._n_samples(*HELD):
            return True
        lowest = np.minimum.accumulate(late)
        falling = np.flatnonzero(lowest > lowest[-1] + 0.5 * spread + 0.5)
        steady = len(late) - (int(falling[-1]) + 1 if len(falling) else 0)
        return steady >= max(self._n_samples(*PERSISTENCE), 2 * spread)

    def _accept(self, late: Floats, is_usual: bool) -> Run:
        """Count samples as present; add their lateness to the usual one where it is usual."""
        self._count += len(late)
        self._held = self._held[len(late) :]
        if is_usual:
            self._remember(late)
            self._level.append(late)
            if sum(map(len, self._level)) >= self._n_samples(*LEVEL):
                corrected = self._weigh(float(np.quantile(np.concatenate(self._level), QUANTILE)))
                self._level = []
                return Run(0, len(late), self._time, corrected)
        return Run(0, len(late), self._time)

    def _remember(self, late: Floats) -> None:
        """Add samples to what is usual, and forget the oldest."""
        before = self._usual[-1].late[-1] if self._usual else late[0]
        changes = np.abs(np.diff(late, prepend=before))
        changes = changes[changes > EXACT * self._sfreq]
        block = _Block(late, float(late.min()), float(late.max()), len(changes),
                       float(changes.max(initial=0.0)))  # fmt: skip
        self._n_usual += len(late)
        self._n_stamps += len(changes)
        if self._usual and len(self._usual[-1].late) < BLOCK * self._sfreq:
            last = self._usual.pop()
            block = _Block(
                np.concatenate([last.late, late]), min(last.low, block.low),
                max(last.high, block.high), last.n_changes + block.n_changes,
                max(last.largest, block.largest),
            )  # fmt: skip
        self._usual.append(block)
        memory = self._n_samples(*MEMORY)
        while self._n_usual - len(self._usual[0].late) > memory:
            forgotten = self._usual.popleft()
            self._n_usual -= len(forgotten.late)
            self._n_stamps -= forgotten.n_changes

    def _weigh(self, level: float) -> int:
        """Compare a level with the line through earlier ones; return the samples it shows lost."""
        expected, error = self._expected(level)
        tolerance = max(0.75, 4 * error)
        self._unlike.append((self._count, level, level - expected))
        differences = [difference for *_, difference in self._unlike]
        corrected = 0
        if self._n_settling:
            self._n_settling -= 1
            if self._n_settling:
                return 0
            corrected = self._step(round(float(np.mean(differences))))
        elif abs(differences[-1]) <= tolerance:
            # A level as expected shows that the deviating ones before it were no step.
            self._unlike = self._unlike[-1:]
            self._n_alike += 1
            if self._n_alike > CERTAIN:
                self._doubtful = 0
        elif len(differences) < ALIKE:
            return 0
        elif np.ptp(differences) <= tolerance:
            corrected = self._step(round(float(np.mean(differences))))
            self._n_settling = SETTLING
        elif len(self._levels) >= 3:
            self._unlike = self._unlike[1:]
            return 0
        if len(self._levels) == LEVELS and self._reference is None:
            self._reference = self._line[0]
        self._levels += [(count, level) for count, level, _ in self._unlike]
        self._unlike = []
        self._fit()
        return corrected

    def _step(self, missing: int) -> int:
        """Remove a step from the lateness: count samples as missing, or shift the origin."""
        if not missing:
            return 0
        corrected = max(missing, -self._doubtful)
        self._doubtful += corrected
        self._origin += (missing - corrected) / self._sfreq
        self._count += corrected
        self._unlike = [(count, level - missing, 0.0) for count, level, _ in self._unlike]
        self._n_alike = 0
        self._usual.clear()
        self._n_usual = self._n_stamps = 0
        return corrected

    def _noise(self) -> float:
        """Estimate the scatter of levels about a line, in samples."""
        scatter = 0.05
        if len(self._levels) > 2:
            bends = np.diff([level for _, level in self._levels], n=2)
            scatter = max(scatter, 1.48 * float(np.median(np.abs(bends))) / 6**0.5)
        if len(self._levels) < MATURE and self._usual:
            usual = float(np.median([block.largest for block in self._usual]))
            n_stamps = self._n_samples(*LEVEL) / self._chunk
            scatter = max(2 * scatter, 1.5 * usual / n_stamps**0.5)
        return scatter

    def _expected(self, level: float) -> tuple[float, float]:
        """Return the level that earlier ones predict, with its error; without any, the level."""
        if not self._levels:
            return level, 0.0
        (start, slope), certainty, middle = self._regression(DRIFT_AT_FIRST)
        noise, ahead = self._noise(), self._count - middle
        variance = noise**2 * (1 + 1 / len(self._levels))
        variance += ahead**2 / (certainty / noise**2 + DRIFT_AT_FIRST**-2)
        return start + slope * self._count, variance**0.5

    def _regression(self, drift: float) -> tuple[tuple[float, float], float, float]:
        """Fit a line to the levels, with a slope shrunk towards 0 by scatter and usual drift."""
        counts, levels = np.array(self._levels).T
        middle = float(counts.mean())
        certainty = float(np.sum((counts - middle) ** 2))
        slope = float((counts - middle) @ levels) / (certainty + (self._noise() / drift) ** 2)
        return (float(levels.mean()) - slope * middle, slope), certainty, middle

    def _fit(self) -> None:
        """Fit the line that the times of samples are computed from."""
        self._line = self._regression(DRIFT)[0]


def _joined(runs: list[Run]) -> list[Run]:
    """Join runs without missing samples to the runs before them."""
    joined: list[Run] = []
    for run in runs:
        if joined and not run.missing:
            before = joined[-1]
            joined[-1] = Run(before.missing, before.n_samples + run.n_samples, run.time,
                             before.corrected + run.corrected)  # fmt: skip
        else:
            joined.append(run)
    return joined
