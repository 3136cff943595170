"""Streams of the lab streaming layer as devices send them, generated on loopback."""

from __future__ import annotations

import threading
import warnings
from typing import Any

import numpy as np
import pytest

import mxne_rs
import mxne_rs.live.lsl
from mxne_rs.live import Monitor, Update
from mxne_rs.live.find import find_streams, open_streams
from mxne_rs.live.lsl import Reader
from streams import lsl, unique, until

#: Conditions are waited for as long as a busy machine needs.
pytestmark = pytest.mark.timeout(0)

SFREQ, CHUNK = 500.0, 20
NAMES = [f"c{i}" for i in range(8)]


class Device:
    """An outlet whose samples say their number, in whatever order its channels are."""

    def __init__(
        self, name: str, names: list[str] | None = None, *, sfreq: float = SFREQ,
        stype: str = "eeg", source_id: str = "s1", units: Any = None, dtype: str = "float64",
        n_channels: int = 8,
    ) -> None:  # fmt: skip
        self.names = names
        n_channels = n_channels if names is None else len(names)
        info = lsl.StreamInfo(name, stype, n_channels, sfreq, dtype, source_id)
        if names is not None:
            info.set_channel_names(names)
        if units is not None:
            info.set_channel_units(units)
        self.n_channels = n_channels
        self.outlet: Any = lsl.StreamOutlet(info)
        self.rng = np.random.default_rng(0)
        # Channels are told apart by their offsets, which go by the name.
        labels = names or [f"c{i}" for i in range(n_channels)]
        self.offsets = np.array([10.0 * int(label[1:]) if label[1:].isdigit() else 0.0
                                 for label in labels])  # fmt: skip

    def push(self, numbers: Any, stamp: float = 0.0) -> None:
        """Send samples; the newest has the stamp (0: LSL's own clock)."""
        noise = 0.01 * self.rng.standard_normal((len(numbers), self.n_channels))
        block = self.offsets + noise
        block[:, 0] += 1000.0 * np.asarray(numbers)
        if len(block) == 0:
            return
        if len(block) == 1:
            self.outlet.push_sample(block[0], timestamp=stamp)
        else:
            self.outlet.push_chunk(np.ascontiguousarray(block), timestamp=stamp)

    def play(self, condition: Any, what: str, least: int = 1) -> int:
        """Send samples when they are due, stamped by LSL, until a condition holds; how many."""
        start, sent = lsl.local_clock(), 0

        def is_over() -> bool:
            nonlocal sent
            due = int((lsl.local_clock() - start) * SFREQ) - sent
            if due >= least:
                self.push(np.arange(sent, sent + due))
                sent += due
            return bool(condition())

        until(is_over, what)
        return sent

    def close(self) -> None:
        """Take the stream off the network."""
        del self.outlet


class Session:
    """A reader and a monitor, and what they find."""

    def __init__(self, name: str, *, unit: str | None = None, **options: Any) -> None:
        self.reader = Reader(name, timeout=300, unit=unit, **options)
        gain = np.random.default_rng(0).standard_normal((len(self.reader.ch_names), 40))
        self.seen: list[Update] = []
        stream = mxne_rs.Stream(gain, n_times=50, hop=25, alpha=60)
        self.monitor = Monitor(stream, self.seen.append, sfreq=self.reader.sfreq, max_waiting=10000)
        self.begun = threading.Event()
        self.reader.start(self.monitor)

    def wait_for(self, n_samples: int) -> None:
        """Wait until so many samples have come, or the reader has ended."""
        until(
            lambda: self.monitor.statistics().n_samples >= n_samples or not self.reader.is_alive,
            f"{n_samples} samples; there are {self.monitor.statistics().n_samples}",
        )

    def end(self) -> Any:
        """Stop, and what was counted."""
        try:
            self.reader.stop()
        finally:
            self.monitor.wait(60)
            self.monitor.close()
        return self.monitor.statistics()


def begun(device: Device, session: Session, stamp: float) -> None:
    """Push until the reader listens: what came before it did is dropped."""

    def is_heard() -> bool:
        device.push(np.zeros(1), stamp)
        return session.monitor.statistics().n_samples > 0

    until(is_heard, "a first sample")


@pytest.mark.parametrize("jitter", [0.0, 2e-3, 5e-3])
def test_jittering_stamps_lose_nothing_and_real_losses_are_found(jitter: float) -> None:
    """Stamps are given, so that nothing waits for a clock; 100 samples are missing at one place."""
    name, rng = unique("jitter"), np.random.default_rng(0)
    device = Device(name, NAMES)
    session = Session(name)
    first = lsl.local_clock()
    begun(device, session, first)
    before = session.monitor.statistics().n_samples
    numbers = np.arange(6000)
    numbers = np.where(numbers >= 3000, numbers + 100, numbers)
    for begin in range(0, 6000, CHUNK):
        part = numbers[begin : begin + CHUNK]
        stamp = first + (part[-1] + 1) / SFREQ + jitter * rng.uniform(-1, 1)
        device.push(part, stamp)
        # LSL keeps ten seconds for who is slow; what it drops would be missing indeed.
        session.wait_for(before + begin - 2000)
    session.wait_for(before + 6000)
    counts = session.end()
    slack = 1 if jitter > 2e-3 else 0
    # What was pushed to be heard had the same stamp again and again: no time passed.
    assert abs(counts.n_missing - 100) <= slack and counts.n_lost <= 6
    assert counts.n_dropped == 0
    assert counts.n_solved == counts.n_windows - counts.n_lost
    # The number of the newest sample is that of its time.
    numbers_seen = np.array([update.newest[0] / 1000 for update in session.seen])
    times = np.array([update.time for update in session.seen]) * SFREQ
    settled = numbers_seen > 4000
    offsets = times[settled] - numbers_seen[settled]
    assert np.ptp(offsets) <= 1 + slack
    # And by LSL's clock it is when that sample was taken.
    stamps = np.array([session.reader.stamp(update.time) for update in session.seen])
    taken = first + (numbers_seen + 1) / SFREQ
    # The least jitter of a second's stamps is what counts as none.
    assert np.abs(stamps - taken)[settled].max() <= (1 + slack) / SFREQ + jitter


def test_stamps_that_lsl_makes_and_bursts_lose_no_window() -> None:
    """Whatever the machine does in between: samples come when it has time for them."""
    name = unique("own")
    device = Device(name, NAMES)
    session = Session(name)
    device.play(lambda: session.monitor.statistics().n_samples >= 1500, "1500 samples", least=100)
    counts = session.end()
    assert (counts.n_missing, counts.n_lost, counts.n_dropped) == (0, 0, 0)
    assert counts.n_solved == counts.n_windows == (counts.n_samples - 50) // 25 + 1


def restarted(names: list[str] | None, before: Any = None, **how: Any) -> tuple[Session, Device]:
    """A stream that ends after 500 samples and comes back: the session, and what comes back."""
    name = unique("restart")
    device = Device(name, NAMES, units=before)
    session = Session(name)
    device.play(lambda: session.monitor.statistics().n_samples >= 500, "500 samples")
    device.close()
    again = Device(name, names, source_id="s2", **how)
    return session, again


@pytest.mark.parametrize("names", [NAMES, NAMES[::-1], [*NAMES, "c8", "c9"]])
def test_a_stream_that_comes_back_goes_on_by_names(names: list[str]) -> None:
    session, device = restarted(names)
    n_seen = len(session.seen)
    device.play(lambda: len(session.seen) > n_seen + 10, "windows after the restart")
    counts = session.end()
    # Column by column under its own name, whatever number was added to the first one.
    newest = session.seen[-1].newest
    number_at = 0 if names[0] == "c0" else 7
    assert newest[number_at] > 1000
    newest[number_at] = 10.0 * number_at
    assert np.allclose(newest, 10.0 * np.arange(8), atol=0.5)
    # It took half a second at least to hear it again.
    assert counts.n_missing > 0.4 * SFREQ and session.reader.ch_names == NAMES


def test_another_stream_of_the_name_is_not_the_one_that_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was there before, or has other channels: the one that stopped is waited for."""
    name = unique("two")
    device = Device(name, NAMES)
    others = [Device(name, ["x0", "x1"], stype="eye", source_id="gaze")]
    until(lambda: len(lsl.resolve_streams(1.0, name=name, minimum=2)) == 2, "two streams")
    session = Session(name, wanted=NAMES)
    device.play(lambda: session.monitor.statistics().n_samples >= 500, "500 samples")
    device.close()
    others.append(Device(name, ["y0"], sfreq=100.0, source_id="other"))
    looks: list[bool] = []

    def look(*arguments: Any, every: bool) -> Any:
        looks.append(every)
        return find_streams(*arguments, every=every)

    monkeypatch.setattr(mxne_rs.live.lsl, "find_streams", look)
    until(lambda: sum(looks) >= 3 or not session.reader.is_alive, "three looks at all streams")
    device = Device(name, NAMES[::-1], source_id="s2")
    n_seen = len(session.seen)
    device.play(lambda: len(session.seen) > n_seen + 5, "windows after the restart")
    session.end()
    assert np.allclose(session.seen[-1].newest[:7], 10.0 * np.arange(7), atol=0.5)
    for device in others:
        device.close()


@pytest.mark.parametrize(
    ("names", "how", "message"),
    [
        (NAMES, {"sfreq": 250.0}, "came back at 250 Hz, where it was 500 Hz"),
        (NAMES[:6], {}, "came back without channels c6, c7"),
        (None, {}, "came back with 8 channels without names"),
        (["c0", *NAMES], {}, "came back with 2 channels c0; start again"),
        (NAMES, {"units": ["uV"] * 7 + ["none"]}, "came back without a unit of channels c7, for"),
    ],
)
def test_a_stream_that_comes_back_as_another_ends_with_a_message(
    names: Any, how: Any, message: str
) -> None:
    session, device = restarted(names, before=["uV"] * 8 if "units" in how else None, **how)
    until(lambda: not session.reader.is_alive, "the end of the reader")
    with pytest.raises(RuntimeError, match=message):
        session.end()
    device.close()


def test_the_stream_whose_channels_fit_is_taken() -> None:
    name = unique("lab")
    devices = [
        Device(name, ["key"], sfreq=0.0, stype="Markers", source_id="keys"),
        Device(name, ["x0", "x1"], stype="eye", source_id="gaze"),
        Device(name, NAMES, source_id="amp"),
    ]
    until(lambda: len(lsl.resolve_streams(1.0, name=name, minimum=3)) == 3, "three streams")
    reader = Reader(name, wanted=["c3", "c4"])
    assert reader.ch_names == NAMES
    # Without names to go by, one line says what there is and how to choose.
    with pytest.raises(RuntimeError, match=r"2 streams .* fit: .*'eye'.*--type or --source-id"):
        Reader(name)
    assert Reader(name, stype="eye").ch_names == ["x0", "x1"]
    assert Reader(name, source_id="amp").ch_names == NAMES
    with pytest.raises(RuntimeError, match=r"id 'keys', 1 channel .*without a sampling rate"):
        Reader(name, stype="Markers", timeout=3)
    with pytest.raises(RuntimeError, match="no stream .* with type 'MEG'; streams are: .*" + name):
        Reader(name, timeout=0.1, stype="MEG")
    with pytest.raises(RuntimeError, match=r"has the channels .*\(c9, \.\.\.\).*(c0, c1|x0, x1)"):
        Reader(name, wanted=["c9"], timeout=3)
    for device in devices:
        device.close()


def test_channels_of_one_name() -> None:
    """Each is itself where all are taken; one that is needed by its name is refused."""
    name = unique("twice")
    device = Device(name, ["c1", "c2", "c1", "c3"])
    session = Session(name)

    def is_seen() -> bool:
        device.push(np.zeros(25), 0.0)
        return bool(session.seen)

    until(is_seen, "a window")
    session.end()
    assert np.allclose(session.seen[0].newest, [10, 20, 10, 30], atol=0.5)
    assert session.seen[0].newest[0] != session.seen[0].newest[2]
    assert Reader(name, wanted=["c2", "c3"]).ch_names == ["c1", "c2", "c1", "c3"]
    with pytest.raises(
        RuntimeError, match="has 2 channels c1; give each channel a name of its own"
    ):
        Reader(name, wanted=["c1", "c2"])
    device.close()


def test_text_and_no_names() -> None:
    text = Device(unique("text"), None, dtype="string", n_channels=1)
    nameless = Device(unique("nameless"), None)
    name = text.outlet.get_sinfo().name
    with pytest.raises(RuntimeError, match="1 channel of text"):
        Reader(name, timeout=10)
    name = nameless.outlet.get_sinfo().name
    assert Reader(name, timeout=300).ch_names == [str(i) for i in range(8)]
    with pytest.raises(RuntimeError, match="8 channels without names"):
        Reader(name, wanted=["c1"], timeout=3)
    with pytest.warns(RuntimeWarning, match="does not name its 8 channels; .* in its order"):
        reader = Reader(name, wanted=["c1"], names=NAMES)
    assert reader.ch_names == NAMES


@pytest.mark.parametrize(
    ("units", "unit", "factors"),
    [
        (None, None, [1.0] * 3),
        (["microvolts", "mV", "none"], None, [1e-6, 1e-3, 1.0]),
        (["fT", "femtotesla", "fT/cm"], None, [1e-15, 1e-15, 1e-13]),
        (["-6", "0", "µV"], None, [1e-6, 1.0, 1e-6]),
        (["volts", "volts", "volts"], "uV", [1e-6] * 3),
    ],
)
def test_declared_units_are_converted(units: Any, unit: str | None, factors: Any) -> None:
    name = unique("units")
    device = Device(name, ["c1", "c2", "c3"], units=units)
    session = Session(name, unit=unit)

    def is_seen() -> bool:
        device.push(np.zeros(25), 0.0)
        return bool(session.seen)

    until(is_seen, "a window")
    session.end()
    expected = np.array([10.0, 20.0, 30.0]) * factors
    assert np.allclose(session.seen[0].newest, expected, rtol=0.01)


def test_no_such_unit() -> None:
    with pytest.raises(ValueError, match=r"unit is 'volt'; give one of V, mV, .*, or None"):
        Reader("lab", unit="volt")


def test_implausible_units_warn_with_the_factor() -> None:
    """Data in fT where the noise covariance is in T; once, and not where the unit is right."""
    pytest.importorskip("mne", reason="no MNE-Python here")
    from mxne_rs.simulate import simulate_auditory

    evoked, forward, noise_cov = simulate_auditory(spacing=20.0, nave=1)

    def said(factor: float, unit: str = "V") -> list[str]:
        stream = mxne_rs.Stream.from_mne(evoked.info, forward, noise_cov, n_times=50)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with Monitor(stream, unit=unit, max_waiting=100) as monitor:
                for first in range(0, 400, 20):
                    monitor.push(factor * evoked.data[:, first : first + 20])
        return [str(one.message) for one in caught if "noise covariance" in str(one.message)]

    lines = said(1e15)
    assert len(lines) == 2 and all("times as large" in line for line in lines)
    assert {line.split()[1] for line in lines} == {"mag", "grad"}
    assert all(3e14 < float(line.split(" are ")[1].split()[0]) < 3e15 for line in lines)
    assert len(said(1e-9)) == 2
    assert said(1.0) == said(1e15, "fT") == said(30.0) == []


def test_command_says_in_one_line_what_was_found(tmp_path: Any, capsys: Any) -> None:
    pytest.importorskip("mne", reason="no MNE-Python here")
    from mxne_rs.command import main
    from mxne_rs.simulate import write_simulation

    paths = write_simulation(tmp_path, spacing=20.0)
    name = unique("gaze")
    devices = [
        Device(name, ["x0", "x1"], stype="eye", source_id="gaze"),
        Device(name, ["x0", "x1"], stype="eye2", source_id="gaze2"),
    ]
    until(lambda: len(lsl.resolve_streams(1.0, name=name, minimum=2)) == 2, "two streams")
    command = ["stream", "--stream", name, "--forward", str(paths["forward"])]
    command += ["--noise-cov", str(paths["noise_cov"])]
    for more, expected in (
        ([], "has the channels of the forward solution and the noise covariance"),
        (["--type", "eye"], "type 'eye', source id 'gaze', 2 channels (x0, x1) at 500 Hz"),
        (["--unit", "furlong"], "--unit: invalid choice: 'furlong'"),
    ):
        assert main([*command, *more]) == 2
        message = capsys.readouterr().err
        assert message.startswith("mxne-rs: error: ") and message.count("\n") == 1
        assert expected in message
    for device in devices:
        device.close()


@pytest.mark.parametrize("name", ["x-cov.fif", "x-ave.fif"])
def test_replay_names_a_file_that_is_no_recording(name: str, tmp_path: Any, capsys: Any) -> None:
    mne = pytest.importorskip("mne", reason="no MNE-Python here")
    from mxne_rs.command import main

    path = tmp_path / name
    info = mne.create_info(["EEG 001"], 100.0, "eeg")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the name that is no covariance's
        mne.write_cov(path, mne.make_ad_hoc_cov(info))
    assert main(["replay", str(path), "--seconds", "1"]) == 2
    message = capsys.readouterr().err
    assert message.startswith(f"mxne-rs: error: {path} is not readable (")
    assert message.count("\n") == 1


def test_a_stream_that_ends_before_it_is_opened_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was found, but is not there any more; the others are opened."""
    monkeypatch.setattr(mxne_rs.live.find, "OPEN_TIMEOUT", 1.0)
    name = unique("gone")
    gone, stays = (Device(name, NAMES, source_id=source_id) for source_id in ("gone", "stays"))

    def both() -> list[Any]:
        infos = find_streams(lsl, name, None, None, every=True)
        return infos if len(infos) == 2 else []

    infos = until(both, "two streams")
    gone.outlet = None
    # A busy machine may need more than a second to open the other one.
    opened = until(lambda: open_streams(lsl, infos), "a stream that is open")
    assert [found.source_id for found in opened] == ["stays"]
    assert stays.outlet is not None
