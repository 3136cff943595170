"""`mxne-rs simulate`: write data whose sources are known, to try the other commands."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

from ..results.folder import Results, make_folder
from ..simulate import write_simulation
from .console import Answer
from .options import Option, add_command, default_of, shared
from .values import COARSEST, FINEST, spacing

ABOUT = (
    "write an auditory response with known sources",
    "Write a simulated auditory evoked field, with its forward solution and noise\n"
    "covariance, to try 'localize' on.",
    """\
example:
  mxne-rs simulate --spacing 12 --out demo
""",
)
OPTIONS = (
    *shared("--out"),
    Option(
        "--spacing MM",
        f"mean distance between locations in mm, {FINEST:g} to {COARSEST:g}",
        spacing,
        default_of(write_simulation, "spacing"),
    ),
    *shared("--rng", text="seed of the noise", default=default_of(write_simulation, "rng")),
)


def add_options(commands: Any) -> None:
    """Add the command and its options."""
    add_command(commands, "simulate", run, ABOUT, {"": OPTIONS})


def run(options: argparse.Namespace) -> Answer:
    """Write the files; print the positions of the sources, and a command that finds them."""
    out = Path(options.out)
    make_folder(out, "--out")
    arguments = {"spacing": options.spacing, "rng": options.rng}
    results = Results(out, "simulate")
    results.write({"simulated-ave.fif": lambda side: write_simulation(side, **arguments)})
    if results.problems:
        return Answer(problems=results.problems)
    lines = []
    for line in (out / "true-sources.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        name, x, y, z, amplitude, latency = line.split("\t")
        lines.append(
            f"{name}: {amplitude} nAm at {latency} ms, ({x}, {y}, {z}) mm in head coordinates"
        )
    command = ["mxne-rs", "localize"]
    for option, kind in (("--evoked", "ave"), ("--forward", "fwd"), ("--noise-cov", "cov")):
        command += [option, str(out / f"simulated-{kind}.fif")]
    command += ["--tmin", "0.06", "--tmax", "0.15", "--alpha", "20"]
    lines.append(f"try: {shlex.join([*command, '--out', str(out / 'results')])}")
    return Answer(lines)
