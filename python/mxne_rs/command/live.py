"""`mxne-rs stream`, the sources of a live recording, and `mxne-rs replay`, a recording as one."""

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

what is shown: sources of the newest window, with their positions in head coordinates and their
  peaks in nAm (positive: out of the cortex, with free orientation upwards). A window that takes
  longer than --deadline says time_limit in the place of converged, with the sources certified so
  far and their gap.

what --outlet publishes:
{textwrap.indent(textwrap.fill(LAYOUT, 94), "  ")}

Ctrl-C ends it and prints what was counted.
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
OF_SEVERAL = "of the stream, where several have its name (default: the one whose channels are in"
INPUT = (
    Option("--stream NAME", "name of the stream", required=True),
    Option("--type TEXT", f"type {OF_SEVERAL} --forward)"),
    Option("--source-id TEXT", f"source id {OF_SEVERAL} --forward)"),
    Option(
        "--unit",
        "of the samples (default: what the stream declares for each channel; channels without are "
        "taken to be in V, T or T/m)",
        choices=list(UNITS),
    ),
    *shared("--forward", "--noise-cov"),
    Option(
        "--info FILE",
        "recording or evoked response of the same sensors, for bad channels, projections and the "
        "names of a stream's channels where it has none (default: the forward solution's sensors, "
        "all of them good)",
    ),
)
WINDOWS = (
    Option("--window S", "length of a window in s", duration, 0.1),
    Option("--hop S", "from one window to the next in s", duration, 0.05),
    Option(
        "--deadline S",
        "seconds that a window may take; then what is certified is shown",
        duration,
        0.04,
    ),
    *shared("--seconds"),
)
#: Percent of a window's largest alpha.
ALPHA = default_of(Stream.from_mne, "alpha")
MODEL = (
    Option(
        "--alpha PERCENT",
        "regularisation in percent of the value that leaves no source in a window, or 'tracked' "
        "from window to window",
        percent("tracked"),
        ALPHA,
    ),
    *shared("--allow-small-alpha"),
    Option("--no-floor", "show sources in windows that hold no more than noise, too"),
    # As many rounds as fit into a window's time; a `Stream` by itself is MxNE, the fastest.
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
        "a table in the terminal, a page in the browser, or neither",
        default=default_of(run_session, "view"),
        choices=["terminal", "browser", "none"],
    ),
    Option(
        "--port N", "of the page (default: a free one)", count(0), default_of(run_session, "port")
    ),
    Option("--outlet NAME", "publish the sources as a stream of this name"),
)
REPLAY = (
    Option("file FILE", "recording, or an evoked response"),
    Option("--name NAME", "of the stream", default="mxne-rs replay"),
    Option("--chunk N", "samples that are sent at a time", count(1), default_of(play, "chunk")),
    *shared("--seconds"),
)


def add_options(commands: Any) -> None:
    """Add both commands and their options."""
    groups = {"input": INPUT, "windows": WINDOWS, "model": MODEL, "output": OUTPUT}
    add_command(commands, "stream", run_stream, ABOUT_STREAM, groups)
    add_command(commands, "replay", run_replay, ABOUT_REPLAY, {"": REPLAY})


def run_stream(options: argparse.Namespace) -> Answer:
    """Solve what comes in until it is ended; say what was counted."""
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
        seen = run_session(
            reader, stream, view=options.view, port=options.port, outlet=options.outlet,
            seconds=options.seconds, tell=say,
        )  # fmt: skip
    p50, p95, p99 = (1e3 * value for value in seen.latency)
    return Answer(
        [
            f"{seen.n_solved} of {seen.n_windows} windows solved: {seen.n_dropped} dropped, "
            f"{seen.n_skipped} skipped, {seen.n_lost} lost, {seen.n_deadlines} at the deadline",
            f"newest sample to sources: p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms",
        ]
    )


def run_replay(options: argparse.Namespace) -> Answer:
    """Play until it is ended."""
    if not Path(options.file).exists():
        raise WrongInput(f"{options.file}: there is no such file")
    with quiet("replay"):
        play(options.file, options.name, chunk=options.chunk, seconds=options.seconds, tell=say)
    return Answer()
