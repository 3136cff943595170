"""A live monitor: every window is solved or counted, whatever happens to the recording."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest

import mxne_rs
from marks import signals
from mxne_rs.live import Monitor, Update
from places import DATA, MISSING, ROOT

SECONDS = float(os.environ.get("MXNE_RS_SOAK_SECONDS", "9"))


def recording(n_samples: int, seed: int = 0) -> tuple[mxne_rs.Gain, Any]:
    rng = np.random.default_rng(seed)
    gain = rng.standard_normal((20, 120))
    data = rng.standard_normal((20, n_samples))
    data += 2 * np.outer(gain[:, 33], np.sin(np.arange(n_samples) / 5))
    return mxne_rs.Gain(gain), data


def blocks(data: Any, sizes: Any) -> Any:
    first = 0
    while first < data.shape[1]:
        size = int(next(sizes))
        yield data[:, first : first + size]
        first += size


@pytest.mark.parametrize("hop", [10, 25, 50, 70])
def test_windows_are_those_of_the_recording(hop: int) -> None:
    """In whatever blocks the samples come; each answer is that of a solve on those samples."""
    gain, data = recording(600)
    rng = np.random.default_rng(1)
    seen: list[Update] = []
    stream = mxne_rs.Stream(gain, 50, 40, hop=hop, tol=1e-8)
    with Monitor(stream, seen.append, max_waiting=1000) as monitor:
        for block in blocks(data, iter(lambda: rng.integers(1, 130), None)):
            monitor.push(block)
    assert [update.time for update in seen] == list(range(50, 601, hop))
    for update in seen:
        end = int(update.time)
        window = data[:, end - 50 : end]
        assert np.array_equal(update.newest, window[:, -1])
        alpha = 0.4 * mxne_rs.alpha_max(gain, window)
        solution = mxne_rs.solve_mxne(gain, window, alpha, tol=1e-9)
        assert update.estimate.alpha == pytest.approx(alpha, rel=1e-12)
        assert abs(update.estimate.primal - solution.primal) <= 2e-8 * np.sum(window**2) / 2
    counts = monitor.statistics()
    assert (counts.n_solved, counts.n_dropped, counts.n_lost) == (len(seen), 0, 0)


def test_units_of_boards() -> None:
    """Samples in microvolts give the sources that the same in volts give."""
    gain, data = recording(100)
    answers = []
    for unit, factor in (("V", 1.0), ("uV", 1e6), ("fT", 1e15)):
        seen: list[Update] = []
        with Monitor(mxne_rs.Stream(gain, 50), seen.append, unit=unit, max_waiting=9) as monitor:
            monitor.push(factor * data)
        answers.append(seen[-1].estimate.sources)
    assert np.allclose(answers[0], answers[1]) and np.allclose(answers[0], answers[2])
    with pytest.raises(ValueError, match="unit is 'volt'; give one of V, mV"):
        Monitor(mxne_rs.Stream(gain, 50), unit="volt")


class Held:
    """A stream that is in the middle of a window until it is let go."""

    def __init__(self, stream: mxne_rs.Stream) -> None:
        self.n_times, self.hop, self.n_channels = stream.n_times, stream.hop, stream.n_channels
        self.stream, self.model, self.skipped = stream, None, 0
        self.begun, self.let_go = threading.Event(), threading.Event()

    def update(self, window: Any) -> mxne_rs.Estimate:
        self.begun.set()
        assert self.let_go.wait(60)
        return self.stream.update(window)

    def skip(self, n_windows: int) -> None:
        self.skipped += n_windows
        self.stream.skip(n_windows)


def test_a_late_monitor_drops_the_oldest_window_and_counts_it() -> None:
    gain, data = recording(2000)
    held, seen = Held(mxne_rs.Stream(gain, 50, hop=50)), []
    with Monitor(held, seen.append) as monitor:  # type: ignore[arg-type]
        monitor.push(data[:, :50])
        assert held.begun.wait(60)
        for first in range(50, 1000, 50):
            monitor.push(data[:, first : first + 50])
        counts = monitor.statistics()
        assert (counts.n_windows, counts.n_dropped, counts.n_solved) == (20, 17, 0)
        held.let_go.set()
        assert monitor.wait(60)
        # The newest windows are not those that are dropped, and the stream knows of those.
        assert [update.number for update in seen] == [0, 18, 19] and held.skipped == 17
        # Once the solver is as fast as the recording every window is solved again.
        for first in range(1000, 2000, 50):
            monitor.push(data[:, first : first + 50])
            assert monitor.wait(60)
    counts = monitor.statistics()
    assert (counts.n_windows, counts.n_dropped, counts.n_solved) == (40, 17, 23)


def test_windows_whose_samples_come_together_wait_for_each_other() -> None:
    """A burst of samples drops none of its windows, but those that were late before it."""
    gain, data = recording(2000)
    held, seen = Held(mxne_rs.Stream(gain, 50, hop=50)), []
    with Monitor(held, seen.append) as monitor:  # type: ignore[arg-type]
        monitor.push(data[:, :50])
        assert held.begun.wait(60)
        monitor.push(data[:, 50:1050])
        assert monitor.statistics().n_dropped == 0
        monitor.push(data[:, 1050:1550])
        held.let_go.set()
        assert monitor.wait(60)
    assert [update.number for update in seen] == [0, *range(20, 31)]
    assert monitor.statistics().n_dropped == 19


def test_times_are_those_that_are_told() -> None:
    """By stamps where there are some: the newest sample of a window inside of a block, too."""
    gain, data = recording(400)
    seen: list[Update] = []
    stream = mxne_rs.Stream(gain, 50, hop=25)
    with Monitor(stream, seen.append, sfreq=100.0, max_waiting=99) as monitor:
        monitor.push(data[:, :110], time=1.1)
        monitor.skip(4, is_past=True)
        monitor.push(data[:, 110:150], time=1.55)
    # Ten, 35, 60 samples before the end of the first block; 25 and none before that of the second.
    expected = [0.5, 0.75, 1.0, 1.3, 1.55]
    assert np.allclose([update.time for update in seen], expected)
    counts = monitor.statistics()
    assert (counts.n_missing, counts.n_lost, counts.n_samples) == (4, 0, 154)


def test_lost_samples_are_counted_and_no_window_spans_them() -> None:
    gain, data = recording(400)
    seen: list[Update] = []
    with Monitor(mxne_rs.Stream(gain, 50, hop=25), seen.append, max_waiting=99) as monitor:
        monitor.push(data[:, :110])
        monitor.skip(70)
        monitor.push(data[:, 180:])
    ends = [int(update.time) for update in seen]
    assert ends == [50, 75, 100, 230, 255, 280, 305, 330, 355, 380]
    counts = monitor.statistics()
    # 125 to 225 were due, too.
    assert (counts.n_lost, counts.n_missing, counts.n_samples) == (5, 70, 400)
    assert counts.n_windows == counts.n_solved + counts.n_lost


def test_a_dead_channel_is_skipped_counted_and_forgotten() -> None:
    gain, data = recording(500)
    data[7, 200:300] = 0.0
    data[3, 400] = np.nan
    seen: list[Update] = []
    with Monitor(mxne_rs.Stream(gain, 50, hop=50), seen.append, max_waiting=99) as monitor:
        monitor.push(data)
    status = [update.estimate.status for update in seen]
    assert status[4:6] == ["skipped_flat"] * 2 and status[8] == "skipped_not_finite"
    assert [seen[4].estimate.channel, seen[8].estimate.channel] == [7, 3]
    assert {status[i] for i in (0, 1, 2, 3, 6, 7, 9)} == {"converged"}
    assert monitor.statistics().n_skipped == 3


def test_what_a_callback_raises_is_raised() -> None:
    gain, data = recording(100)

    def fail(update: Update) -> None:
        raise LookupError("no such thing")

    monitor = Monitor(mxne_rs.Stream(gain, 50), fail)
    monitor.push(data)
    with pytest.raises(LookupError, match="no such thing"):
        monitor.close()


def test_threads_do_not_share_a_stream() -> None:
    """One gain for several streams in several threads: the answers are those of one thread."""
    gain, data = recording(2000)
    expected = [
        mxne_rs.Stream(gain, 100).update(data[:, i : i + 100]).primal for i in range(0, 1900, 100)
    ]
    found: dict[int, list[float]] = {}

    def work(number: int) -> None:
        stream = mxne_rs.Stream(gain, 100, warm_start=False)
        found[number] = [stream.update(data[:, i : i + 100]).primal for i in range(0, 1900, 100)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.allclose(one, expected, rtol=1e-3) for one in found.values()) and len(found) == 4


def live(*arguments: str, seconds: float = SECONDS) -> dict[str, Any]:
    """A row of benches/live.py, in a process of its own: a player, LSL on loopback, a monitor."""
    pytest.importorskip("mne_lsl", reason="no mne-lsl here: pip install 'mxne-rs[stream]'")
    if not DATA.is_dir():
        pytest.skip(MISSING)
    command = [sys.executable, str(ROOT / "benches" / "live.py"), "--json"]
    # What is found does not depend on how fast this machine is, nor on what else it does.
    command += ["--patient", "--seconds", str(seconds), "--only", *arguments]
    environment = {**os.environ, "MXNE_RS_DATA": str(DATA)}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds + 500, env=environment
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.timeout(0)
def test_sources_played_are_found_where_and_when_they_are() -> None:
    found = live("1000 fixed, alpha 25")
    assert found["due"] > 20 and found["found"] >= 0.95
    assert found["onsets"] >= 2 and found["onset_p90"] <= 0.05
    assert found["quiet"] > 5 and found["false"] <= 0.05
    counts = found["counts"]
    assert counts["n_dropped"] == counts["n_lost"] == counts["n_skipped"] == 0
    assert counts["n_windows"] == counts["n_solved"] >= 20 * (SECONDS - 1)
    assert found["time_error"] <= 1e-3


@pytest.mark.timeout(0)
@pytest.mark.slow
def test_a_stream_with_faults_is_survived_and_what_is_lost_is_counted() -> None:
    """It pauses, loses samples, begins again, and has a dead channel for a while."""
    faults = [f"--fault={fault}" for fault in ("lose@1.5", "dead@2.5", "pause@3.5", "restart@6.0")]
    found = live("1000 fixed, alpha 25", *faults, seconds=max(14.0, SECONDS))
    counts = found["counts"]
    assert found["found"] >= 0.9 and found["false"] <= 0.1
    # 300 lost ones, a second of pause, and one of restart at least: every time is right.
    assert counts["n_missing"] >= 2300 and found["time_error"] <= 1
    assert counts["n_lost"] >= 0.3 / 0.05 + 2 * 1 / 0.05 and counts["n_skipped"] >= 5
    kept = counts["n_solved"] + counts["n_skipped"] + counts["n_dropped"] + counts["n_lost"]
    assert kept == counts["n_windows"] >= 20 * (max(14.0, SECONDS) - 3)
    assert found["last_missing"] == counts["n_dropped"] == 0


@pytest.mark.timeout(0)
@pytest.mark.slow
def test_a_solver_too_slow_for_its_deadline_says_so() -> None:
    found = live("1000 fixed, 0.5 ms deadline", seconds=4)
    counts = found["counts"]
    assert counts["n_deadlines"] > 0
    assert counts["n_dropped"] == counts["n_lost"] == 0


LISTENER = """
import json, sys, time
import mne_lsl.lsl as lsl
found, end = [], time.monotonic() + 200
while not found and time.monotonic() < end:
    found = lsl.resolve_streams(1, name=sys.argv[1])
inlet = lsl.StreamInlet(found[0])
inlet.open_stream(timeout=600)
names = inlet.get_sinfo().get_channel_names()
samples = []
while (len(samples) < 60 or sum(s[0] > 0 for s in samples) < 30) and time.monotonic() < end:
    samples += inlet.pull_chunk(timeout=0.2)[0].tolist()
print(json.dumps({"names": list(names), "samples": samples}))
"""


@signals
@pytest.mark.timeout(0)
def test_stream_command_publishes_the_sources_of_a_stream() -> None:
    """Three processes: a player, `mxne-rs stream`, and one that listens to what it publishes."""
    pytest.importorskip("mne_lsl", reason="no mne-lsl here: pip install 'mxne-rs[stream]'")
    if not DATA.is_dir():
        pytest.skip(MISSING)
    sys.path.insert(0, str(ROOT / "benches"))
    import player

    environment = {**player.loopback(), "MXNE_RS_DATA": str(DATA)}
    name = f"mxne_rs-test-{os.getpid()}"
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "text": True, "env": environment}
    playing = subprocess.Popen(
        [sys.executable, player.__file__, name, "cortex-1000", "600"],
        stdin=subprocess.PIPE,
        **pipes,
    )
    solving = listening = playing
    try:
        assert playing.stdin is not None and playing.stdout is not None
        assert playing.stdout.readline().strip() == "ready"
        command = [
            sys.executable, "-m", "mxne_rs", "stream", "--stream", name, "--view", "none",
            "--forward", str(DATA / "cortex-1000-meg-eeg-fwd.fif"),
            "--noise-cov", str(DATA / "noise-cov.fif"), "--info", str(DATA / "auditory-ave.fif"),
            "--outlet", f"{name}-sources", "--loose", "0", "--deadline", "10",
        ]  # fmt: skip
        playing.stdin.write("go\n")
        playing.stdin.flush()
        solving = subprocess.Popen(command, stderr=subprocess.PIPE, **pipes)
        listening = subprocess.Popen([sys.executable, "-c", LISTENER, f"{name}-sources"], **pipes)
        heard = json.loads(listening.communicate(timeout=600)[0])
        solving.send_signal(signal.SIGINT)
        said, complaints = solving.communicate(timeout=600)
    finally:
        for process in (playing, solving, listening):
            process.kill()
            process.communicate()
    assert solving.returncode == 0, complaints
    assert "windows solved" in said and "newest sample to sources: p50" in said
    assert heard["names"][:4] == ["amplitude0", "x0", "y0", "z0"] and heard["names"][-2:] == [
        "gap", "latency",
    ]  # fmt: skip
    samples = np.array(heard["samples"])
    assert len(samples) > 50 and (samples[:, -2] <= 1).all()
    truth = player.Scene("cortex-1000")
    positions = truth.positions[[source.location for source in truth.sources]]
    strongest = samples[samples[:, 0] > 0, 1:4]
    apart = np.linalg.norm(strongest[:, np.newaxis] - positions, axis=2).min(axis=1)
    assert len(strongest) >= 30 and np.mean(apart < 0.015) > 0.9


def test_commands_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Mistakes are one line that says what to do."""
    pytest.importorskip("mne", reason="no MNE-Python here")
    pytest.importorskip("mne_lsl", reason="no mne-lsl here")
    from mxne_rs.command import main

    files = ["--forward", "no-fwd.fif", "--noise-cov", "no-cov.fif"]
    for argv, expected in (
        (["stream", "--stream", "lab", *files], "--forward no-fwd.fif: there is no such file"),
        (["stream", "--stream", "lab", *files, "--alpha", "sure"], "or 'tracked'"),
        (["stream", "--stream", "lab", *files, "--hop", "0"], "--hop"),
        (["replay", "no_raw.fif"], "no_raw.fif: there is no such file"),
    ):
        assert main(argv) == 2
        message = capsys.readouterr().err
        assert message.startswith("mxne-rs: error: ") and message.count("\n") == 1
        assert expected in message
