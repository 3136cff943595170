"""`mxne-rs stream` and `mxne-rs replay`: sources of a live recording; a recording as a stream."""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path
from typing import Any

from ..live.lsl import Reader, play
from ..live.outlet import LAYOUT
from ..live.session import run_session
from ..live.stream import Stream
from ..live.units import UNITS
from .console import Answer, quiet, say
from .options import Option, add_command, default_of, refuse_small, shared
from .reading import File, read_live
from .values import count, duration, percent
from .wording import WrongInput

ABOUT_STREAM = (
    "show the sources of a live recording",
    "Read a stream of the lab streaming layer (LSL), find the sources of every window in it,\n"
    "show them and, with --outlet, publish them as another stream.",
    f"""\
try it without a recording of your own, in two terminals:
  mxne-rs simulate --out demo
  mxne-rs replay demo/simulated-ave.fif --name demo
  mxne-rs stream --stream demo --forward demo/simulated-fwd.fif \\
      --noise-cov demo/simulated-cov.fif --no-floor

the view: sources of the newest window, with positions in head coordinates and peaks in nAm
  (positive: out of the cortex, with free orientation upwards). For a window that takes longer than
  --deadline the status is time_limit instead of converged, with the last certified sources and
  their gap.

the stream of --outlet:
{textwrap.indent(textwrap.fill(LAYOUT, 94), "  ")}

Ctrl-C ends it and prints the counts of windows.
exit code: see 'mxne-rs --help'
""",
)
ABOUT_REPLAY = (
    "play a recording as a live stream",
    "Play a recording, in any format that MNE reads, as a stream of the lab streaming layer,\n"
    "in real time, over and over.",
    """\
example:
  mxne-rs replay recording_raw.fif --name lab
""",
)
OF_SEVERAL = "of the stream, where several have the name (default: the one whose channels are in"
INPUT = (
    Option("--stream NAME", "name of the stream", required=True),
    Option("--type TEXT", f"type {OF_SEVERAL} --forward)"),
    Option("--source-id TEXT", f"source id {OF_SEVERAL} --forward)"),
    Option(
        "--unit",
        "unit of the samples (default: as the stream declares for each channel; without a "
        "declaration V, T or T/m)",
        choices=list(UNITS),
    ),
    *shared("--forward", "--noise-cov"),
    Option(
        "--info FILE",
        "recording or evoked response of the same sensors, for bad channels, projections and the "
        "channel names of a stream without names (default: the forward solution's sensors, none of "
        "them bad)",
    ),
)
WINDOWS = (
    Option("--window S", "length of a window in s", duration, 0.1),
    Option("--hop S", "time from one window to the next in s", duration, 0.05),
    Option(
        "--deadline S",
        "seconds that a window may take; then its last certified sources are shown",
        duration,
        0.04,
    ),
    *shared("--seconds"),
)
#: Default alpha in percent of the alpha_max of a window.
ALPHA = default_of(Stream.from_mne, "alpha")
MODEL = (
    Option(
        "--alpha PERCENT",
        "regularisation in percent of the smallest value without a source in a window, or "
        "'tracked' from window to window",
        percent("tracked"),
        ALPHA,
    ),
    *shared("--allow-small-alpha"),
    Option("--no-floor", "show sources also in windows that hold only noise"),
    # As many rounds as fit into the time of a window; the default of `Stream` is 1, the fastest.
    *shared("--reweights", text="convex problems per window: 1 is MxNE, more is irMxNE", default=5),
    *shared("--amplitude-unit"),
    *shared(
        "--loose",
        text="orientation of the sources, from 0 (perpendicular to the cortex, the fastest) to 1 "
        "(free); 'auto' is 0.2 on a cortex, else 1",
    ),
    *shared("--depth"),
)
OUTPUT = (
    Option(
        "--view",
        "a table in the terminal, a page in the browser, or none",
        default=default_of(run_session, "view"),
        choices=["terminal", "browser", "none"],
    ),
    Option(
        "--port N",
        "port of the page (default: a free one)",
        count(0),
        default_of(run_session, "port"),
    ),
    Option("--outlet NAME", "publish the sources as a stream of this name"),
)
REPLAY = (
    Option("file FILE", "recording, or an evoked response"),
    Option("--name NAME", "name of the stream", default="mxne-rs replay"),
    Option("--chunk N", "samples sent at a time", count(1), default_of(play, "chunk")),
    *shared("--seconds"),
)


def add_options(commands: Any) -> None:
    """Add both commands and their options."""
    groups = {"input": INPUT, "windows": WINDOWS, "model": MODEL, "output": OUTPUT}
    add_command(commands, "stream", run_stream, ABOUT_STREAM, groups)
    add_command(commands, "replay", run_replay, ABOUT_REPLAY, {"": REPLAY})


def run_stream(options: argparse.Namespace) -> Answer:
    """Solve the windows of a stream until it is ended; summarise the counts."""
    refuse_small(options)
    with quiet("stream"):
        info, forward, noise_cov = read_live(
            File("--forward", options.forward),
            File("--noise-cov", options.noise_cov),
            None if options.info is None else File("--info", options.info),
        )
        reader = Reader(
            options.stream, stype=options.type, source_id=options.source_id, unit=options.unit,
            wanted=[name for name in forward["sol"]["row_names"] if name in noise_cov["names"]],
            names=None if options.info is None else info["ch_names"],
        )  # fmt: skip
        n_times, hop = (
            max(1, round(seconds * reader.sfreq)) for seconds in (options.window, options.hop)
        )
        tracked = options.alpha == "tracked"
        stream = Stream.from_mne(
            info, forward, noise_cov, n_times, ALPHA if tracked else options.alpha, hop=hop,
            alpha_mode="tracked" if tracked else "percent", ch_names=reader.ch_names,
            alpha_floor=0.0 if options.no_floor else "noise", n_reweights=options.reweights,
            amplitude_unit=options.amplitude_unit, deadline=options.deadline,
            loose=options.loose, depth=options.depth,
        )  # fmt: skip
        counts = run_session(
            reader, stream, view=options.view, port=options.port, outlet=options.outlet,
            seconds=options.seconds, tell=say,
        )  # fmt: skip
    p50, p95, p99 = (1e3 * value for value in counts.latency)
    return Answer(
        [
            f"{counts.n_solved} of {counts.n_windows} windows solved: {counts.n_dropped} dropped, "
            f"{counts.n_skipped} skipped, {counts.n_lost} lost, "
            f"{counts.n_deadlines} at the deadline",
            f"newest sample to sources: p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms",
        ]
    )


def run_replay(options: argparse.Namespace) -> Answer:
    """Play a recording until it is ended."""
    if not Path(options.file).exists():
        raise WrongInput(f"{options.file}: there is no such file")
    with quiet("replay"):
        play(options.file, options.name, chunk=options.chunk, seconds=options.seconds, tell=say)
    return Answer()
