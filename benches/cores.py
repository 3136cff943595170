"""What two threads gain over one, measured while nothing else wants the second core.

A moment is free where two plain products side by side get at least 1.8 times one, and the one had
its core for itself; so it must be before and after what is measured in between. Where no such
moment is found within the minutes allowed, nothing is judged.
"""

from __future__ import annotations

import os
import time

import numpy as np

import mxne_rs
import problems
from targets import Part, Target, gaps
from timing import second_core, timed

FREE, ALONE = 1.8, 0.9
#: Times that a work is measured in free moments, and what two threads are to reach.
WANTED, TWICE = 3, 1.7
TOL = 1e-6


class Work:
    """One thing to solve on one thread and on two."""

    def __init__(self, name, problem, solve, gap):
        self.name, self.problem, self.solve, self.gap = name, problem, solve, gap
        self.prepared = mxne_rs.Gain(problem.gain, problem.n_orient)
        self.pairs, self.seen = [], []

    def is_free(self):
        """Whether the second core is free at this moment."""
        product = self.prepared._prepared.product_seconds(self.problem.data, 1)
        cores = second_core(self.prepared, self.problem.data, max(3, round(0.5 / product)))
        self.seen.append(cores)
        return cores.ratio >= FREE and cores.alone >= ALONE

    def measure(self, minutes, wanted):
        """Seconds on one thread and on two, again and again, until enough free moments passed."""
        end = time.perf_counter() + 60 * minutes
        while len(self.pairs) < wanted and time.perf_counter() < end:
            if not self.is_free():
                continue
            _, one = timed(self.solve, self.prepared, 1)
            self.answer, two = timed(self.solve, self.prepared, 2)
            if self.is_free():
                self.pairs.append((one, two))
                print(f"  {self.name}: {one:.2f} s, two threads {two:.2f} s", flush=True)

    def target(self):
        """The row of this work."""
        what, target = f"{self.name}, two threads over one", f"at least {TWICE:g} times"
        if not self.pairs:
            told = f"no free moment in {len(self.seen)} tries: "
            judged = [cores.ratio for cores in self.seen if cores.alone >= ALONE]
            if judged:
                told += f"two products side by side got at most {max(judged):.2f} times one"
            else:
                most = max(cores.alone for cores in self.seen)
                told += f"one thread alone had at most {most:.0%} of a core"
            return Target(what, target, told, None)
        ratio = float(np.median([one / two for one, two in self.pairs]))
        told = f"{ratio:.2f} ({len(self.pairs)} free moments; {gaps(self.gap(self.answer))})"
        return Target(what, target, told, ratio >= TWICE)


def works():
    """A large solve, and a batch of data sets."""
    large = problems.simulated(n_locations=30_000)
    real = problems.real(0.2) if problems.DATA.is_dir() else problems.simulated()
    sets = real.bootstrap(20)
    options = {"tol": TOL, "verbose": False}

    def solve(gain, threads):
        return mxne_rs.solve_mxne(gain, large.data, 40.0, n_threads=threads, **options)

    def batch(gain, threads):
        return mxne_rs.solve_batch(gain, sets, 50.0, n_threads=threads, **options)

    def gaps_of(answers):
        return [real.gap(s.x, 50.0, data=d) for s, d in zip(answers, sets, strict=True)]

    yield Work(f"one solve, {large.name}", large, solve, lambda s: [large.gap(s.x, 40.0)])
    yield Work(f"batch of {len(sets)}, {real.name}", real, batch, gaps_of)


def measure(options):
    """The part of the page about two cores."""
    lines = [
        "## Two cores",
        "",
        f"Gap {TOL:g}, measured in moments in which two plain products side by side got at least "
        f"{FREE:g} times one, before and after; the median of {WANTED} such moments.",
        "",
        "| what | two threads over one |",
        "|---|---|",
    ]
    targets = []
    if (os.cpu_count() or 1) < 2:
        return Part([*lines, "| not measured: one core | |"], [])
    for work in works():
        work.measure(options.minutes, 1 if options.quick else WANTED)
        targets.append(work.target())
        lines.append(f"| {work.name} | {targets[-1].measured} |")
    return Part(lines, targets)
