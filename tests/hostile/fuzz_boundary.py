"""Calls with anything for an argument: an answer that holds, or an error that names the argument.

``python tests/hostile/fuzz_boundary.py --seconds 60`` draws calls (`strange.py` makes the objects)
until the time is over. A call is a small dictionary; one that goes wrong is made smaller by
Hypothesis, printed and written to target/fuzz, and ``--replay`` runs it again. The calls in
boundary.json beside this file come first; ``--keep 200`` prints as many with outcomes of their own,
which is how they were chosen. ``MXNE_RS_FUZZ_SCALE`` limits the exponents of scales (700).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import threading
import time
from collections import Counter
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Flaky

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import strange
from fuzz_calls import descriptions
from fuzz_rules import Finding, check
from places import ROOT

CORPUS = Path(__file__).with_name("boundary.json")
FOUND = ROOT / "target" / "fuzz"
#: Seconds that one call may take.
HANG = 300


class Session:
    """Calls one after the other: counted, watched, and what they found."""

    def __init__(self):
        self.executions = 0
        self.outcomes = Counter()
        self.found = {}
        self.first = {}
        self.running = None
        self.last = None
        FOUND.mkdir(parents=True, exist_ok=True)
        self.notebook = (FOUND / "boundary-running.json").open("w")
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        """End the process where a call hangs; it is in the notebook."""
        while True:
            time.sleep(1)
            running = self.running
            if running and time.monotonic() - running[0] > HANG:
                print(f"hang: still running after {HANG} s\n  {self.notebook.name}", flush=True)
                os._exit(1)

    def execute(self, description):
        """One call; raises its finding unless there was one of that kind before."""
        self.executions += 1
        # What is left of a crash of the process.
        self.notebook.seek(0)
        self.notebook.write(json.dumps(description))
        self.notebook.truncate()
        self.notebook.flush()
        self.running = (time.monotonic(), description)
        try:
            outcome = check(description)
            self.outcomes[outcome] += 1
            what = tuple(description["strange"].items())[:1]
            self.first.setdefault((description["call"], outcome, what), description)
        except Finding as finding:
            if finding.kind not in self.found:
                finding.description = description
                self.last = finding
                raise
        finally:
            self.running = None

    def report(self, finding):
        """Write a finding down, once for each kind."""
        self.found[finding.kind] = finding.description
        slug = re.sub(r"\W+", "-", finding.kind)
        path = FOUND / f"boundary-{slug}.json"
        path.write_text(json.dumps(finding.description))
        print(f"{finding}\n  python tests/hostile/fuzz_boundary.py --replay {path}", flush=True)

    def replay(self, descriptions):
        """Calls that are kept."""
        for description in descriptions:
            if strange.available(description):
                try:
                    self.execute(description)
                except Finding as finding:
                    self.report(finding)

    def draw(self, seconds, start):
        """New calls until the time is over."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            start += 1

            @seed(start)
            @settings(
                max_examples=200,
                database=None,
                deadline=None,
                derandomize=False,
                phases=[Phase.generate, Phase.shrink],
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            )
            @given(descriptions())
            def batch(description):
                if time.monotonic() < end:
                    self.execute(description)

            try:
                batch()
            except (Finding, Flaky):
                self.report(self.last)

    def end(self):
        """Print the counts and return whether nothing was found."""
        self.notebook.close()
        Path(self.notebook.name).unlink()
        print(
            f"fuzz_boundary: {self.executions} executions, {dict(self.outcomes)}, "
            f"findings: {sorted(self.found)}",
            flush=True,
        )
        return not self.found


def fuzz(seconds, start):
    """Replay the corpus, then draw; return the session."""
    session = Session()
    session.replay(json.loads(CORPUS.read_text()))
    session.draw(seconds, start)
    return session


def main():
    """Run from a shell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--replay", type=Path)
    parser.add_argument("--keep", type=int, default=0)
    options = parser.parse_args()
    if options.replay:
        description = json.loads(options.replay.read_text())
        print(json.dumps(description, indent=1), check(description), sep="\n")
        return 0
    print(f"fuzz_boundary: --seed {options.seed}")
    session = fuzz(options.seconds, options.seed)
    for description in list(session.first.values())[: options.keep]:
        print(json.dumps(description))
    return 0 if session.end() else 1


if __name__ == "__main__":
    sys.exit(main())
