"""Epochs that mne-lsl cuts from a stream are solved one by one, each once, in SI units."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import mxne_rs
from mxne_rs.live import solve_epochs
from streams import lsl, unique, until

#: Conditions are waited for as long as a busy machine needs.
pytestmark = pytest.mark.timeout(0)

N_SENSORS, SFREQ, N_TIMES = 12, 100.0, 50


def test_epochs_of_a_stream_are_solved_each_once_in_its_unit() -> None:
    from mne_lsl.stream import EpochsStream, StreamLSL

    rng = np.random.default_rng(0)
    gain = rng.standard_normal((N_SENSORS, 60))
    name = unique("epochs")
    info = lsl.StreamInfo(name, "eeg", N_SENSORS + 1, SFREQ, "float64", name)
    info.set_channel_names([*(f"EEG{i}" for i in range(N_SENSORS)), "STI"])
    info.set_channel_types(["eeg"] * N_SENSORS + ["stim"])
    info.set_channel_units(["microvolts"] * N_SENSORS + ["none"])
    outlet = lsl.StreamOutlet(info)
    # Every 150 samples an event, followed by a source; at 7, 17, 27, ... by turns.
    data = 0.01 * rng.standard_normal((N_SENSORS, 1500))
    stim = np.zeros(1500)
    truth = [(7 + 10 * k, 1 + k % 2) for k in range(5)]
    for k, (location, code) in enumerate(truth):
        onset = 200 + 250 * k
        stim[onset : onset + 5] = code
        data[:, onset : onset + 40] += np.outer(gain[:, location], np.hanning(40))
    samples = np.ascontiguousarray(np.vstack([1e6 * data, stim]).T)

    stream = StreamLSL(bufsize=4, name=name)
    until(lambda: lsl.resolve_streams(1.0, name=name), "the stream")
    stream.connect(acquisition_delay=None, timeout=600)
    epochs = EpochsStream(
        stream, bufsize=3, event_id={"a": 1, "b": 2}, event_channels="STI", tmin=0.0,
        tmax=N_TIMES / SFREQ, baseline=None, picks="eeg",
    ).connect(acquisition_delay=None)  # fmt: skip
    sent, begin = 0, lsl.local_clock()

    def arrived() -> bool:
        stream.acquire()
        return stream.n_new_samples >= sent

    def pause() -> None:
        nonlocal sent
        assert sent < len(samples), "all samples were sent, but epochs are missing"
        outlet.push_chunk(samples[sent : sent + 50], timestamp=begin + (sent + 50) / SFREQ)
        sent += 50
        until(arrived, f"{sent} samples; there are {stream.n_new_samples}")
        epochs.acquire()

    solver = mxne_rs.Stream(gain, N_TIMES, alpha=50)
    updates = []
    try:
        # The buffer has room for three: what was solved is not solved again.
        found = solve_epochs(epochs, solver, pause=pause)
        for update in found:
            updates.append(update)
            if len(updates) == len(truth):
                break
        with pytest.raises(ValueError, match=r"windows of 12 channels x 49 .* epochs have 12 x 50"):
            next(solve_epochs(epochs, mxne_rs.Stream(gain, N_TIMES - 1)))
    finally:
        epochs.disconnect()
        stream.disconnect()
    assert [update.number for update in updates] == list(range(5))
    assert [(update.estimate.locations.tolist(), update.event) for update in updates] == [
        ([location], code) for location, code in truth
    ]
    # Microvolts were sent; amplitudes are those of volts, less what the penalty takes.
    peaks = [update.estimate.amplitudes().max() for update in updates]
    assert np.allclose(peaks, 0.5, atol=0.05)


def test_epochs_of_other_channels_are_refused() -> None:
    """Of the same number in another order they would be solved with the gain of each other."""
    pytest.importorskip("mne", reason="no MNE-Python here")
    from mxne_rs.simulate import simulate_auditory

    evoked, forward, noise_cov = simulate_auditory(spacing=20.0)
    stream = mxne_rs.Stream.from_mne(evoked.info, forward, noise_cov, len(evoked.times))
    other = evoked.copy().reorder_channels(evoked.ch_names[::-1])
    epochs = SimpleNamespace(info=other.info, times=other.times, connected=False)
    with pytest.raises(ValueError, match="takes channel MEG 0113 where epochs have MEG 26"):
        next(solve_epochs(epochs, stream))
    epochs.info = evoked.info
    assert list(solve_epochs(epochs, stream)) == []
