"""From the newest sample to sources, end to end: a player process, LSL on loopback, a monitor.

    python benches/live.py [--seconds 60] [--only ROW] [--json]
    python benches/live.py --offline

Prints one table: latency by a time stamp carried in the stream, windows lost, and how the sources
compare with those played. Rows "MNE" put MNE's solver in the same monitor in the place of ours.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import player

if "LSLAPICFG" not in os.environ:
    os.environ.update(player.loopback())

WINDOW, HOP, NEAR = 0.1, 0.05, 0.015


class Setting(NamedTuple):
    """A row: source space, orientation, and how the stream is made."""

    space: str
    loose: float
    options: tuple[tuple[str, Any], ...] = ()
    is_mne: bool = False


TITLE = """\
## Live

From the newest sample to sources, by a time stamp that the samples carry: a player process, LSL on
loopback, a monitor; 306 channels at 1 kHz, windows of 100 ms every 50 ms, alpha 50 %, gap 1e-4,
40 ms allowed. On a machine with two cores that player and monitor share. Below, windows solved one
after the other, whitened, without a stream: what the warm start saves.""".splitlines()
#: A warm window beside a cold one; 306 channels of which 302 dimensions are left.
ROWS = {
    "7498 fixed": Setting("cortex-7498", 0.0),
    "7498 fixed, cold": Setting("cortex-7498", 0.0, (("warm_start", False),)),
    "7498 fixed, MNE": Setting("cortex-7498", 0.0, (), True),
    "7498 loose": Setting("cortex-7498", 0.2),
    "7498 loose, cold": Setting("cortex-7498", 0.2, (("warm_start", False),)),
    "1000 fixed": Setting("cortex-1000", 0.0),
    "1000 fixed, alpha 25": Setting("cortex-1000", 0.0, (("alpha", 25.0),)),
    "1000 fixed, 0.5 ms deadline": Setting("cortex-1000", 0.0, (("deadline", 0.0005),)),
    "7498 loose, 5 ms deadline": Setting("cortex-7498", 0.2, (("deadline", 0.005),)),
}


class MneStream:
    """MNE's solver with the interface of a Stream; it stops at the same gap."""

    def __init__(self, stream: Any) -> None:
        self._ours = stream
        self.model, self.gain, self._picks = stream.model, stream.gain, stream._picks
        self.n_times, self.hop, self.n_channels = stream.n_times, stream.hop, stream.n_channels
        columns = stream.gain.columns(np.arange(stream.gain.n_locations))
        self._columns, self._active = np.asfortranarray(columns), None

    def skip(self, n_windows: int) -> None:
        """There is no warm start to be shifted."""

    def update(self, window: Any) -> Any:
        """Solve a window."""
        from mne.inverse_sparse.mxne_optim import mixed_norm_solver

        from mxne_rs import Estimate

        begin = time.perf_counter()
        data = self._ours.model.whitener @ window[self._ours._picks]
        o = self.gain.n_orient
        norms = np.linalg.norm((self._columns.T @ data).reshape(-1, o * data.shape[1]), axis=1)
        alpha_max = norms.max()
        alpha = max(0.5 * alpha_max, self._ours._floor)
        scale = 0.5 * np.sum(data**2)
        x, active, _ = mixed_norm_solver(
            data, self._columns, alpha, maxit=1000, tol=1e-4 * scale, verbose=False, n_orient=o,
            active_set_size=10, dgap_freq=10, solver="bcd",
        )  # fmt: skip
        locations = np.unique(np.flatnonzero(active) // o)
        return Estimate(
            locations, x, o, alpha, alpha_max, 1e-4, 0.0, 0.0, "converged", None, False, 0.0, 0, 0,
            1, time.perf_counter() - begin,
        )  # fmt: skip


def make_stream(
    scene: player.Scene, setting: Setting, ch_names: list[str], is_patient: bool = False
) -> Any:
    """What solves the windows of a row, with the deadline of its own only where it is patient."""
    from mxne_rs import Stream

    deadline = None if setting.is_mne or is_patient else 0.04
    options = {"alpha": 50.0, "deadline": deadline, **dict(setting.options)}
    n_times, hop = round(WINDOW * player.SFREQ), round(HOP * player.SFREQ)
    stream = Stream.from_mne(
        scene.info, scene.forward, scene.noise_cov, n_times, hop=hop, ch_names=ch_names,
        loose=setting.loose, alpha_floor="noise", **options,
    )  # fmt: skip
    if setting.is_mne:
        from mxne_rs.live.stream import _noise_floor

        stream._floor = _noise_floor(stream.gain, n_times)
        return MneStream(stream)
    return stream


def run(
    setting: Setting,
    seconds: float,
    faults: list[str],
    hog: float | None = None,
    is_patient: bool = False,
) -> dict[str, Any]:
    """Play, monitor, compare; where it is patient, every window waits until it is solved."""
    from mxne_rs.live import Monitor
    from mxne_rs.live.lsl import Reader

    name = f"mxne_rs-{os.getpid()}-{time.monotonic_ns()}"
    scene = player.Scene(setting.space)
    command = [
        sys.executable,
        str(Path(player.__file__)),
        name,
        setting.space,
        str(seconds),
        *faults,
    ]
    child = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    seen: list[tuple[int, float, Any]] = []
    others: list[subprocess.Popen[Any]] = []
    try:
        assert child.stdin is not None and child.stdout is not None
        if child.stdout.readline().strip() != "ready":
            raise RuntimeError("the player did not start")
        reader = Reader(name)
        stream = make_stream(scene, setting, reader.ch_names, is_patient)

        def note(update: Any) -> None:
            seen.append((int(update.newest[-2]), time.monotonic() - update.newest[-1], update))

        waiting = {"max_waiting": 100_000} if is_patient else {}
        with Monitor(stream, note, sfreq=player.SFREQ, **waiting) as monitor:
            reader.start(monitor)
            child.stdin.write("go\n")
            child.stdin.flush()
            begin = time.monotonic()
            while child.poll() is None:
                time.sleep(0.05)
                if hog is not None and time.monotonic() - begin > hog:
                    hog = None
                    spin = "import time; e = time.time() + 2\nwhile time.time() < e: pass"
                    others = [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(2)]
            reader.stop()
            monitor.wait(600 if is_patient else 10)
            counts = monitor.statistics()
    finally:
        for process in [child, *others]:
            process.kill()
            process.wait()
    return {**summary(seen, setting), **compare(scene, seen, faults), "counts": counts._asdict()
            if hasattr(counts, "_asdict") else vars(counts)}  # fmt: skip


def offline(seconds: float) -> list[str]:
    """Warm against cold windows, solved one after the other: whitened ones, without a stream."""
    from mxne_rs import Stream

    n_times, hop = round(WINDOW * player.SFREQ), round(HOP * player.SFREQ)
    lines = ["| ms per window | warm p50 | p99 | cold p50 | p99 | warm / cold |"]
    lines.append("|---|---|---|---|---|---|")
    for name in ("7498 fixed", "7498 loose", "1000 fixed"):
        setting = ROWS[name]
        scene = player.Scene(setting.space)
        made = make_stream(scene, setting, scene.ch_names)
        samples = scene.samples(0, round(seconds * player.SFREQ), np.random.default_rng(0))
        data = made.model.whitener @ samples[made._picks]
        windows = [
            np.ascontiguousarray(data[:, first : first + n_times])
            for first in range(0, data.shape[1] - n_times, hop)
        ]
        found = []
        for warm in (True, False):
            stream = Stream(made.gain, n_times, 50.0, hop=hop, alpha_floor="noise", warm_start=warm)
            times = [1e3 * stream.update(window).elapsed for window in windows]
            found.append(np.percentile(times[10:], [50, 99]))
        (p50, p99), (cold50, cold99) = found
        numbers = " | ".join(f"{value:.2f}" for value in (p50, p99, cold50, cold99, p50 / cold50))
        lines.append(f"| {name} | {numbers} |")
    return lines


def summary(seen: list[Any], setting: Setting) -> dict[str, Any]:
    """Latencies in ms; the first ten windows warm caches up."""
    latencies = 1e3 * np.array([latency for _, latency, _ in seen[10:]])
    solve = 1e3 * np.array([update.estimate.elapsed for _, _, update in seen[10:]])
    p50, p95, p99 = np.percentile(latencies, [50, 95, 99])
    late = [update.estimate.deadline_hit for _, _, update in seen[10:]]
    deadline = dict(setting.options).get("deadline", 0.04)
    over = np.maximum(solve - 1e3 * (deadline or 0.04), 0)[late]
    return {
        "p50": float(p50), "p95": float(p95), "p99": float(p99), "max": float(latencies.max()),
        "solve_p50": float(np.percentile(solve, 50)), "solve_p99": float(np.percentile(solve, 99)),
        "over_p99": float(np.percentile(over, 99)) if len(over) else None,
        # Samples by which the times that are told are wrong: each carries its number.
        "time_error": max(
            abs(player.SFREQ * update.time - newest - 1 - (player.SFREQ * seen[0][2].time
                - seen[0][0] - 1)) for newest, _, update in seen
        ),
        "last_missing": int(np.diff([update.number for _, _, update in seen[-20:]]).sum()) - 19,
    }  # fmt: skip


def compare(scene: player.Scene, seen: list[Any], faults: list[str]) -> dict[str, Any]:
    """Where and when sources were found, in windows that no fault touched."""
    hit, due, onsets, false, quiet = 0, 0, [], 0, 0
    n_times = round(WINDOW * player.SFREQ)
    for newest, _, update in seen:
        estimate = update.estimate
        if estimate.skipped:
            continue
        samples = np.arange(newest - n_times + 1, newest + 1)
        courses = scene.courses(samples)
        found = scene.positions[estimate.locations]
        for source, course in zip(scene.sources, courses, strict=True):
            distance = np.linalg.norm(found - scene.positions[source.location], axis=1)
            if np.count_nonzero(course) == n_times:
                due += 1
                hit += bool((distance < NEAR).any())
            elif np.count_nonzero(course) > 0 and course[0] == 0 and (distance < NEAR).any():
                best = int(np.argmin(distance))
                amplitude = estimate.amplitudes()[best]
                estimated = samples[np.argmax(amplitude > 0.5 * amplitude.max())]
                onsets.append(
                    abs(float(estimated - samples[np.flatnonzero(course)[0]])) / player.SFREQ
                )
        if not courses.any():
            quiet += 1
            false += len(estimate.locations) > 0
    return {
        "found": hit / max(due, 1), "due": due, "false": false / max(quiet, 1), "quiet": quiet,
        "onset_p90": float(np.percentile(onsets, 90)) if onsets else None, "onsets": len(onsets),
    }  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--only", action="append", choices=ROWS, help="a row; may be repeated")
    parser.add_argument("--fault", action="append", default=[], help="KIND@SECOND for the player")
    parser.add_argument("--hog", type=float, help="take both cores for 2 s after so long")
    parser.add_argument(
        "--patient", action="store_true", help="no deadline but a row's own, no window dropped"
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("--offline", action="store_true", help="warm against cold windows only")
    options = parser.parse_args()
    if options.offline:
        print("\n".join(offline(min(options.seconds, 20.0))))
        return
    lines = []
    if not options.json:
        columns = ["p50", "p95", "p99", "max", "solve p50", "p99", "over the deadline p99"]
        columns += ["windows", "dropped, lost", "found", "onset s (90 %)", "false"]
        lines += [f"| ms | {' | '.join(columns)} |", f"|---{len(columns) * '|---'}|"]
        print("\n".join(lines), flush=True)
    for name in options.only or ROWS:
        row = run(ROWS[name], options.seconds, options.fault, options.hog, options.patient)
        if options.json:
            print(json.dumps({"row": name, **row}), flush=True)
            continue
        counts = row["counts"]
        over = "" if row["over_p99"] is None else f"{row['over_p99']:.1f}"
        onset = "" if row["onset_p90"] is None else f"{row['onset_p90']:.3f}"
        lines.append(
            f"| {name} | {row['p50']:.1f} | {row['p95']:.1f} | {row['p99']:.1f} | {row['max']:.1f} "
            f"| {row['solve_p50']:.2f} | {row['solve_p99']:.2f} | {over} | {counts['n_windows']} | "
            f"{counts['n_dropped']}, {counts['n_lost']} | {100 * row['found']:.0f} % | {onset} | "
            f"{100 * row['false']:.0f} % |"
        )
        print(lines[-1], flush=True)
    if options.write:
        import report

        report.replace_section("live", "\n".join([*TITLE, "", *lines, "", *offline(20.0)]))


if __name__ == "__main__":
    main()
