"""A recording with known sources, played as an LSL stream from a process of its own.

    python benches/player.py NAME SPACE SECONDS [FAULT ...]

306 channels at 1 kHz in chunks of 10 samples, and two more: the number of the sample, and when it
was pushed (`time.monotonic`, which all processes of a machine share). SPACE is cortex-7498 or
cortex-1000 of the data folder. A FAULT is KIND@SECOND: pause, lose, dead (a channel), restart (the
stream).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

DATA = Path(os.environ.get("MXNE_RS_DATA", "../shared/data"))
SFREQ, CHUNK = 1000.0, 10
#: Of the first source, in Am: that of an evoked response, in noise of single samples.
AMPLITUDE = 25e-9
#: Seconds after which the scene repeats itself, and until when nothing happens at first.
PERIOD, QUIET = 4.0, 0.5
#: Seconds that a pause, a dead channel and a restart last; samples that are lost.
PAUSE, DEAD, LOST = 1.0, 0.5, 300


class Source(NamedTuple):
    """A location that is active between two times of every period."""

    location: int
    onset: float
    end: float
    frequency: float


def loopback() -> dict[str, str]:
    """The environment in which LSL stays on this machine; set before mne-lsl is imported."""
    path = Path(tempfile.gettempdir()) / "mxne_rs-lsl.cfg"
    path.write_text(
        "[multicast]\nResolveScope = machine\nAddressesOverride = {127.0.0.1}\n"
        "[lab]\nKnownPeers = {127.0.0.1}\n[ports]\nIPv6 = disable\n[log]\nlevel = -3\n"
    )
    return {**os.environ, "LSLAPICFG": str(path), "OPENBLAS_NUM_THREADS": "1"}


class Scene:
    """Sensors, head, noise and sources that come and go."""

    def __init__(self, space: str) -> None:
        import mne

        mne.set_log_level("ERROR")
        evoked = mne.read_evokeds(DATA / "auditory-ave.fif", condition=0)
        forward = mne.read_forward_solution(DATA / f"{space}-{_kinds(space)}-fwd.fif")
        self.forward = mne.pick_types_forward(forward, meg=True, eeg=False)
        self.noise_cov = mne.read_cov(DATA / "noise-cov.fif")
        self.info = mne.pick_info(
            evoked.info, [evoked.ch_names.index(name) for name in self.forward["sol"]["row_names"]]
        )
        self.ch_names = list(self.info["ch_names"])
        fixed = mne.convert_forward_solution(self.forward, surf_ori=True, force_fixed=True)
        self.gain = fixed["sol"]["data"]
        self.positions = fixed["source_rr"]
        good = [name for name in self.ch_names if name in self.noise_cov["names"]]
        index = [self.noise_cov["names"].index(name) for name in good]
        covariance = self.noise_cov.data
        covariance = np.diag(covariance) if covariance.ndim == 1 else covariance
        covariance = covariance[np.ix_(index, index)]
        values, vectors = np.linalg.eigh(covariance)
        root = vectors * np.sqrt(np.maximum(values, 0))
        rows = [self.ch_names.index(name) for name in good]
        # A bad channel, without a covariance, makes some noise, too.
        self.noise_root = 1e-13 * np.eye(len(self.ch_names))
        self.noise_root[np.ix_(rows, rows)] = root
        self.sources = self._choose()
        # All as strong in the noise of single sensors as the first.
        noise = np.sqrt(np.diag(covariance))[:, np.newaxis]
        locations = [source.location for source in self.sources]
        strengths = np.linalg.norm(self.gain[np.ix_(rows, locations)] / noise, axis=0)
        self.amplitudes = dict(zip(locations, AMPLITUDE * strengths[0] / strengths, strict=True))

    def _choose(self) -> list[Source]:
        """Three locations far apart that the sensors see well."""
        seen = np.linalg.norm(self.gain, axis=0)
        chosen: list[int] = []
        for location in np.argsort(-seen)[: len(seen) // 4][::7]:
            apart = [np.linalg.norm(self.positions[location] - self.positions[s]) for s in chosen]
            if all(distance > 0.06 for distance in apart):
                chosen.append(int(location))
        times = ((0.6, 2.2, 12.0), (1.3, 3.0, 17.0), (2.5, 3.7, 23.0))
        return [Source(s, *when) for s, when in zip(chosen, times, strict=False)]

    def courses(self, samples: Any) -> Any:
        """Amplitudes of the sources in Am at some samples, shape (n_sources, n_samples)."""
        times = np.asarray(samples) / SFREQ - QUIET
        phase = times % PERIOD
        rows = []
        for source in self.sources:
            on = (times >= 0) & (phase >= source.onset) & (phase < source.end)
            since = phase - source.onset
            rows.append(
                on * self.amplitudes[source.location] * np.cos(2 * np.pi * source.frequency * since)
            )
        return np.array(rows)

    def samples(self, first: int, count: int, rng: Any) -> Any:
        """What the sensors measure, shape (n_channels, count)."""
        signal = self.gain[:, [s.location for s in self.sources]] @ self.courses(
            np.arange(first, first + count)
        )
        return signal + self.noise_root @ rng.standard_normal((len(self.ch_names), count))


def _kinds(space: str) -> str:
    return "meg-eeg" if space == "cortex-1000" else "meg"


def play(name: str, space: str, seconds: float, faults: list[str]) -> None:
    """Push samples when they are due."""
    import mne_lsl.lsl as lsl

    scene, rng = Scene(space), np.random.default_rng(1)
    names = [*scene.ch_names, "NUMBER", "PUSHED"]

    def make_outlet() -> Any:
        info = lsl.StreamInfo(name, "MEG", len(names), SFREQ, "float64", f"player-{name}")
        info.set_channel_names(names)
        return lsl.StreamOutlet(info, chunk_size=CHUNK)

    outlet = make_outlet()
    planned = {round(float(at) * SFREQ): kind for kind, at in (f.split("@") for f in faults)}
    # Made before they are due: 306 x 306 products take longer than a player has.
    blocks = [
        scene.samples(first, CHUNK, rng) for first in range(0, int(PERIOD * SFREQ) * 2, CHUNK)
    ]
    repeat = int(PERIOD * SFREQ) // CHUNK
    print("ready", flush=True)
    sys.stdin.readline()
    begin, stamp = time.monotonic(), lsl.local_clock()
    first, dead = 0, 0
    while first < seconds * SFREQ:
        due = begin + (first + CHUNK) / SFREQ
        time.sleep(max(0.0, due - time.monotonic()))
        kind = planned.pop(first, None)
        if kind == "pause":
            time.sleep(PAUSE)
            first += int(PAUSE * SFREQ)
            continue
        if kind == "lose":
            first += LOST
            continue
        if kind == "restart":
            del outlet
            time.sleep(PAUSE)
            outlet = make_outlet()
            first += int(PAUSE * SFREQ)
            continue
        if kind == "dead":
            dead = first + int(DEAD * SFREQ)
        index = first // CHUNK
        while index >= len(blocks):
            index -= repeat
        block = np.empty((CHUNK, len(names)))
        block[:, :-2] = blocks[index].T
        if first < dead:
            block[:, 5] = 0.0
        block[:, -2] = np.arange(first, first + CHUNK)
        block[:, -1] = time.monotonic()
        outlet.push_chunk(block, timestamp=stamp + (first + CHUNK - 1) / SFREQ)
        first += CHUNK
    time.sleep(0.5)


if __name__ == "__main__":
    play(sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4:])
