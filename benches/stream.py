"""A stream with a low alpha: windows of white noise, solved one after the other in this process.

Alpha is a fifth of what keeps windows of noise empty, the largest |G_s'N|: every window has
hundreds of sources. Each gap is computed with NumPy, outside of the timing.
"""

from __future__ import annotations

import time
from collections import defaultdict

import numpy as np

import mxne_rs
import problems
from targets import Part, Target

N_TIMES, HOP, PART = 100, 50, 0.2
#: Windows and minutes of a row at most, and the milliseconds that half of the windows may take.
WINDOWS, MINUTES, LIMIT = 200, 2.0, 50.0
#: The tolerances of the rows; the first is the default of a stream.
TOLS = (1e-4, 1e-6)


def windows(problem, count, seed=0):
    """Overlapping windows of white noise."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((problem.data.shape[0], N_TIMES + HOP * (count - 1)))
    starts = range(0, HOP * count, HOP)
    return [np.ascontiguousarray(noise[:, first : first + N_TIMES]) for first in starts]


def run(problem, gain, noise, alpha, tol):
    """Milliseconds, gaps and numbers of sources by window, until the minutes are over."""
    stream = mxne_rs.Stream(
        gain, N_TIMES, alpha, alpha_mode="absolute", hop=HOP, tol=tol, max_iter=100_000
    )
    found = defaultdict(list)
    end = time.perf_counter() + 60 * MINUTES
    for window in noise:
        estimate = stream.update(window)
        x = np.zeros((problem.gain.shape[1], N_TIMES))
        x[estimate.locations] = estimate.sources
        found["ms"].append(1e3 * estimate.elapsed)
        found["gap"].append(problem.gap(x, alpha, data=window))
        found["sources"].append(len(estimate.locations))
        if time.perf_counter() > end:
            break
    return found


def measure(options):
    """The part of the page about a stream with a low alpha."""
    problem = problems.real(0.0) if problems.DATA.is_dir() else problems.simulated(302, 7498, 1)
    noise = windows(problem, 3 if options.quick else WINDOWS)
    largest = [problem.norms(problem.gain.T @ window).max() for window in noise[:20]]
    alpha = PART * float(np.median(largest))
    gain = mxne_rs.Gain(problem.gain, problem.n_orient)
    n_sensors, n_columns = problem.gain.shape
    lines = [
        "## A stream with a low alpha",
        "",
        f"Windows of white noise, {N_TIMES} samples every {HOP}, {n_sensors} x {n_columns} "
        f"({problem.name}), one thread, without a stream of LSL; alpha a fifth of the largest "
        "|G_s'N| (median of windows).",
        "",
        "| gap | windows | sources | ms p50 | p95 | max | largest gap |",
        "|---|---|---|---|---|---|---|",
    ]
    targets = []
    for tol in TOLS:
        found = run(problem, gain, noise, alpha, tol)
        p50, p95, most = np.percentile(found["ms"], [50, 95, 100])
        gap, count = max(found["gap"]), len(found["ms"])
        lines.append(
            f"| {tol:g} | {count} | {np.median(found['sources']):.0f} | {p50:.1f} | {p95:.1f} "
            f"| {most:.1f} | {gap:.0e} |"
        )
        print(lines[-1], flush=True)
        what = f"stream at a fifth of the alpha of noise, gap {tol:g}, median window"
        met = p50 < LIMIT and gap <= 1.01 * tol
        told = f"{p50:.1f} ms (gap {gap:.0e}, {count} windows)"
        targets.append(Target(what, f"below {LIMIT:g} ms", told, met))
    return Part(lines, targets)
