"""Samples are counted as missing only where they are, and the time told is right to a sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mxne_rs.live.clock import SampleClock

SFREQ, CHUNK, SECONDS = 500.0, 20, 20
BEGIN = 123456.0


def stamped(
    kept: Any,
    *,
    chunk: int = CHUNK,
    sfreq: float = SFREQ,
    noise: Any = 0.0,
    stall: Any = (),
    coarse: float = 0.0,
    drift: float = 0.0,
    alike: bool = False,
) -> tuple[Any, Any]:
    """Stamps of samples whose numbers are kept, chunk by chunk, as a device makes them.

    The last sample of a chunk is stamped, those before it are counted back from it; or all alike.
    Chunks taken during a stall are stamped when it ends.
    """
    kept = kept[: len(kept) // chunk * chunk]
    ends = (kept[chunk - 1 :: chunk] + 1) / sfreq
    made = ends + (noise(len(ends)) if callable(noise) else noise)
    for begin, length in stall:
        inside = (ends > begin) & (ends < begin + length)
        made[inside] = begin + length + 1e-4 * np.arange(inside.sum())
    made = BEGIN + made * (1 + drift)
    back = np.zeros(chunk) if alike else np.arange(chunk)[::-1] / sfreq
    stamps = (made[:, np.newaxis] - back).ravel()
    return (np.floor(stamps / coarse) * coarse if coarse else stamps), kept


def told(stamps: Any, kept: Any, chunk: int = CHUNK, sfreq: float = SFREQ) -> tuple[int, Any]:
    """Missing samples, and for every run its time in samples beside the number of its newest."""
    clock, missing, done, times = SampleClock(sfreq), 0, 0, []
    for first in range(0, len(stamps), chunk):
        runs = clock.take(stamps[first : first + chunk])
        if first + chunk >= len(stamps):
            runs += clock.take([], is_end=True)
        for run in runs:
            missing += run.missing + run.corrected
            done += run.n_samples
            if run.n_samples:
                times.append((run.time * sfreq, kept[done - 1] + 1))
    assert done == len(stamps)
    return missing, np.array(times)


def all_but(*lost: tuple[float, int], sfreq: float = SFREQ, seconds: int = SECONDS) -> Any:
    """Numbers of the samples of a recording that loses some at some seconds."""
    kept = np.arange(round(seconds * sfreq))
    for at, count in lost:
        kept = kept[(kept < at * sfreq) | (kept >= at * sfreq + count)]
    return kept


def draws(kind: str, size: float) -> Any:
    """Noise of stamps, the same in every call."""
    return {
        "uniform": lambda n: size * np.random.default_rng(0).uniform(-1, 1, n),
        "normal": lambda n: size * np.random.default_rng(0).standard_normal(n),
        "arrival": lambda n: size * np.random.default_rng(0).exponential(1, n),
    }[kind]


#: Stamps as devices make them, and by how many samples a time may be wrong at most.
KINDS: dict[str, tuple[dict[str, Any], float]] = {
    "a sample counter": ({}, 0.001),
    "made by LSL": ({"noise": draws("arrival", 1e-4)}, 0.1),
    "jitter of 0.3 ms": ({"noise": draws("uniform", 3e-4)}, 0.2),
    "jitter of 2 ms": ({"noise": draws("uniform", 2e-3)}, 0.5),
    "jitter of 5 ms": ({"noise": draws("uniform", 5e-3)}, 1.0),
    "normal jitter of 3 ms": ({"noise": draws("normal", 3e-3)}, 1.0),
    "late by 5 ms": ({"noise": draws("arrival", 5e-3)}, 1.0),
    "coarse, 1/64 s": ({"coarse": 1 / 64}, 0.1),
    "coarse, 0.1 s": ({"coarse": 0.1}, 0.1),
    "bursts of 0.2 s": ({"chunk": 100, "noise": draws("arrival", 1e-3)}, 1.0),
    "bursts of 0.2 s, stamped alike": ({"chunk": 100, "alike": True}, 1.0),
    "bursts of 1 s, stamped alike": ({"chunk": 500, "alike": True}, 1.0),
    "stalls": ({"stall": ((3, 0.4), (8, 1.5), (14, 0.1)), "noise": draws("arrival", 1e-4)}, 0.5),
}


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_missing_where_nothing_is(kind: str) -> None:
    how, tolerance = KINDS[kind]
    missing, times = told(*stamped(all_but(), **how), chunk=how.get("chunk", CHUNK))
    assert missing == 0
    assert np.abs(times[:, 0] - times[:, 1]).max() <= tolerance


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lost", [300, 60])
def test_real_losses_are_found(kind: str, lost: int) -> None:
    """To a sample where the jitter lets it be told, and a few seconds after where it hides them."""
    how, tolerance = KINDS[kind]
    kept = all_but((10.5, lost))
    missing, times = told(*stamped(kept, **how), chunk=how.get("chunk", CHUNK))
    slack = 0 if tolerance <= 0.5 else 1
    assert abs(missing - lost) <= slack
    settled = times[times[:, 1] > 15.5 * SFREQ]
    assert np.abs(settled[:, 0] - settled[:, 1]).max() <= tolerance + slack


@pytest.mark.parametrize("per_million", [-1000, -100, 100, 1000])
def test_drift_is_no_loss_and_time_follows_the_stamps(per_million: int) -> None:
    """A clock that is slow or fast; real losses are found beside it."""
    drift, kept = 1e-6 * per_million, all_but((10.5, 50), seconds=60)
    stamps, kept = stamped(kept, drift=drift, noise=draws("arrival", 1e-4))
    missing, times = told(stamps, kept)
    assert missing == 50
    # Of the clock of the stamps, not of samples at the nominal rate, to a sample.
    assert np.abs(times[:, 0] - (1 + drift) * times[:, 1])[len(times) // 4 :].max() <= 1


def test_a_sample_counter_tells_a_loss_at_once() -> None:
    """Nothing is held, so that no window waits for it; a stamp later by a sample is a loss."""
    clock = SampleClock(100.0)
    stamps = BEGIN + np.arange(1000) / 100
    for first in range(0, 500, 10):
        assert clock.take(stamps[first : first + 10])[0].n_samples == 10
    (run,) = clock.take(stamps[501:511])
    assert (run.missing, run.n_samples, round(run.time, 9)) == (1, 10, 5.11)
    (run,) = clock.take(stamps[611:621])
    assert (run.missing, run.n_samples, round(run.time, 9)) == (100, 10, 6.21)


def test_a_jump_is_waited_for_where_stamps_jitter() -> None:
    """Late samples are held until they have caught up or have not for long enough."""
    stamps, _ = stamped(all_but((10.0, 300)), noise=draws("uniform", 1e-3))
    clock, held, most = SampleClock(SFREQ), 0, 0
    for first in range(0, len(stamps), CHUNK):
        runs = clock.take(stamps[first : first + CHUNK])
        held += CHUNK - sum(run.n_samples for run in runs)
        most = max(most, held)
    assert held == 0 and 0.2 * SFREQ <= most <= 0.5 * SFREQ


@pytest.mark.parametrize(("other", "late"), [(0.0, 0.0), (0.0, 20.0), (1e6, 0.0), (-1e5, 0.0)])
def test_a_stream_that_comes_back_is_timed_by_its_stamps_or_this_machine(
    other: float, late: float
) -> None:
    """Its stamps may be those of another clock, which begins anew."""
    clock = SampleClock(100.0)
    clock.take(BEGIN + np.arange(500) / 100)
    clock.reopen(lambda: 3.1 + late)
    runs = clock.take(BEGIN + 7.99 + other + np.arange(11) / 100, is_end=True)
    missing = sum(run.missing for run in runs)
    # By the stamps where they fit this machine's clock, else by that.
    assert abs(missing - 300) <= 1 and abs(runs[-1].time - 8.11) <= 0.02


@pytest.mark.parametrize("jitter", [0.0, 2e-3])
@pytest.mark.parametrize(("jump", "pause"), [(1.5, 0.0), (3600.0, 0.0), (1.5, 1.5)])
def test_a_clock_that_is_set_forward_loses_nothing(
    jump: float, pause: float, jitter: float
) -> None:
    """Samples go on to come when they are due; where they pause as long, they are missing."""
    stamps, _ = stamped(np.arange(6000), noise=draws("uniform", jitter) if jitter else 0.0)
    due = (np.arange(6000) + 1) / SFREQ
    stamps[3000:] += jump
    due[3000:] += pause
    clock, missing = SampleClock(SFREQ), 0
    for first in range(0, 6000, CHUNK):
        part = slice(first, first + CHUNK)
        for run in clock.take(stamps[part], due[part][-1] + 0.01 * (first % 3)):
            missing += run.missing + run.corrected
    assert abs(missing - round(pause * SFREQ)) <= (1 if jitter else 0)
    assert abs(run.time - (12 + pause)) <= 2 / SFREQ


@pytest.mark.timeout(0)
@settings(deadline=None, max_examples=15)
@given(
    sfreq=st.sampled_from([100.0, 256.0, 512.0, 1000.0, 2048.0]),
    seconds=st.floats(0.01, 0.1),
    jitter=st.sampled_from([0.0, 1e-4, 1e-3]),
    lost=st.lists(st.tuples(st.floats(3, 15), st.floats(0.05, 2)), max_size=2),
    seed=st.integers(0, 99),
)
def test_of_any_rate_and_chunk(
    sfreq: float, seconds: float, jitter: float, lost: Any, seed: int
) -> None:
    first, *second = sorted(lost) or [(0.0, 0.0)]
    # A loss while the clock still settles after another one is counted too small.
    assume(all(at >= sum(first) + 2 for at, _ in second))
    rng = np.random.default_rng(seed)
    chunk = max(1, round(seconds * sfreq))
    kept = all_but(*[(at, round(length * sfreq)) for at, length in lost], sfreq=sfreq)
    kept = kept[: len(kept) // chunk * chunk]
    noise: Any = (lambda n: jitter * rng.exponential(1, n)) if jitter else 0.0
    stamps, kept = stamped(kept, chunk=chunk, sfreq=sfreq, noise=noise)
    missing, times = told(stamps, kept, chunk, sfreq)
    true = kept[-1] + 1 - len(kept)
    # Where stamps jitter by a sample and more, so does what they can tell.
    slack = 0 if jitter * sfreq < 0.3 else round(4 * jitter * sfreq) + 1
    assert abs(missing - true) <= slack
    assert abs(times[-1, 0] - times[-1, 1]) <= 1 + slack
