"""All benchmarks in one command: what `make bench` prints and writes into docs/benchmarks.md.

    python benches/page.py [--quick] [--only PART ...] [--write]

Every part has a section of the page and rows of its table of targets, in which each number has the
gaps beside it. A part that fails is shown with its error, and the others go on. The table of
targets is written where all parts were measured.
"""

from __future__ import annotations

import argparse
import subprocess
import time
import traceback

from threadpoolctl import threadpool_limits

import compare
import cores
import counts
import report
import scaling
import stream
import sure
import targets
import time_frequency

PARTS = {
    "compare": compare.measure,
    "cores": cores.measure,
    "stream": stream.measure,
    "sure": sure.measure,
    "time_frequency": time_frequency.measure,
    "scaling": scaling.measure,
    "counts": counts.measure,
}


def arguments():
    """What is asked for; `--quick` has one seed and few repeats."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few repeats, few peers, one seed")
    parser.add_argument("--only", action="append", choices=PARTS, help="a part; may be repeated")
    parser.add_argument("--write", action="store_true", help="docs/benchmarks.md and its pictures")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 0], help="0: all cores")
    parser.add_argument("--repeats", type=int, default=5, help="of ours, three times each")
    parser.add_argument("--peer-repeats", type=int, default=3)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of simulations")
    parser.add_argument("--slow", type=float, default=6.0, help="seconds of a slow peer's solve")
    parser.add_argument("--minutes", type=float, default=15.0, help="to wait for a free core")
    options = parser.parse_args()
    options.only = options.only or list(PARTS)
    if options.quick and options.write:
        parser.error("--quick is for trying: its numbers are not written")
    if options.quick:
        options.threads, options.seeds, options.minutes = [1], [0], 0.5
        options.repeats = options.peer_repeats = 1
    return options


def commit():
    """The commit that is measured."""
    command = ["git", "describe", "--always", "--abbrev=10", "--dirty=, with changes"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=report.DOCS)
    return done.stdout.strip() or "unknown"


def measured(name, options):
    """One part; None, and its error printed, where it failed."""
    print(f"\n=== {name}", flush=True)
    with threadpool_limits(1):
        try:
            part = PARTS[name](options)
        except Exception:
            traceback.print_exc()
            return targets.Part([], [targets.Target(name, "measured", "failed", False)])
    if options.write and part.lines:
        report.replace_section(name, "\n".join(part.lines))
    return part


def main():
    """Measure, print, write."""
    options, start = arguments(), time.perf_counter()
    lines = ["## Targets", "", f"What is to be reached, and what commit {commit()} reached:", ""]
    parts = [measured(name, options) for name in options.only]
    text = "\n\n".join("\n".join(part.lines) for part in parts if part.lines)
    lines += targets.table([row for part in parts for row in part.targets])
    print("\n".join(["", text, "", *lines]))
    print(f"\n{(time.perf_counter() - start) / 60:.1f} minutes")
    if options.write and set(options.only) == set(PARTS):
        report.replace_section("targets", "\n".join(lines))


if __name__ == "__main__":
    main()
