"""How the cost grows with locations, sensors, samples and active locations, and the peak memory.

Simulated problems, one thread, medians. Times are in products of the base problem, so that the
curves show how the product itself, preparing a Gain and a solve grow.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import mxne_rs
import problems
import report
from report import TIGHT_TOL
from targets import Part, at_most

BASE = {"n_sensors": 306, "n_locations": 5000, "n_orient": 3, "n_times": 61, "n_active": 4}
GROWN = {
    "n_locations": (1000, 3000, 10_000, 30_000, 100_000),
    "n_sensors": (32, 64, 128, 256, 512),
    "n_times": (1, 10, 30, 100, 300, 1000),
    "n_active": (60.0, 40.0, 25.0, 15.0, 8.0),  # alphas, with MANY sources
}
NAMES = {
    "n_locations": "locations",
    "n_sensors": "sensors",
    "n_times": "samples",
    "n_active": "active locations found",
}
KINDS = ("solve", "one product", "preparing a Gain")
TIGHT = f"solve to {TIGHT_TOL:g}"
ALPHA, MANY, TOL = 40.0, 60, 1e-6
#: Times that one solve may take to TIGHT_TOL, and the peak of memory in units of the gain.
DEARER, PEAK = 1.5, 1.2

# Runs in a process of its own, in this folder: its peak beyond what it had with the gain loaded.
CHILD = """
import sys, numpy as np, mxne_rs
def status(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name)) * 1024
small = np.random.default_rng(0).standard_normal((20, 60))
mxne_rs.solve_mxne(small, small[:, :3], 1.0, n_threads=1)
gain, data = np.load(sys.argv[1]), np.load(sys.argv[2])
before = status("VmRSS")
alpha = float(sys.argv[3])
solution = mxne_rs.solve_mxne(gain, data, alpha, n_orient=3, n_threads=1)
extra = (status("VmHWM") - before) / gain.nbytes
import problems
print(extra, problems.Problem("", gain, data, 3).gap(solution.x, alpha))
"""


def medians_of(problem, alpha, repeats):
    """Median seconds of each kind; locations found; the gaps of a solve and of a tight one."""
    seconds = {kind: [] for kind in (*KINDS, TIGHT)}
    for repeat in range(repeats):
        if repeat < max(1, repeats // 2):
            start = time.perf_counter()
            gain = mxne_rs.Gain(problem.gain, problem.n_orient)
            seconds["preparing a Gain"].append(time.perf_counter() - start)
        seconds["one product"].append(gain._prepared.product_seconds(problem.data, 1))
        found = {}
        for kind, tol in (("solve", TOL), (TIGHT, TIGHT_TOL)):
            start = time.perf_counter()
            found[kind] = mxne_rs.solve_mxne(
                gain, problem.data, alpha, tol=tol, n_threads=1, verbose=False
            )
            seconds[kind].append(time.perf_counter() - start)
    medians = {kind: float(np.median(spent)) for kind, spent in seconds.items()}
    gaps = [problem.gap(solution.x, alpha) for solution in found.values()]
    return medians, int(found["solve"].active_set.sum()), gaps


def grow(name, unit, repeats, values):
    """(value on the axis, medians in base products, gaps) for one way to grow."""
    rows = []
    for value in values:
        found = name == "n_active"
        problem = problems.simulated(**{**BASE, name: MANY if found else value})
        few = min(3, repeats) if value >= 100_000 else repeats
        medians, active, gaps = medians_of(problem, value if found else ALPHA, few)
        medians = {kind: spent / unit for kind, spent in medians.items()}
        rows.append((active if found else value, medians, gaps))
        print(
            f"  {NAMES[name]:24s} {rows[-1][0]:7d}  "
            + "  ".join(f"{kind} {spent:8.2f}" for kind, spent in medians.items())
            + f"  locations found {active:4d}  gaps {gaps[0]:.0e}, {gaps[1]:.0e}",
            flush=True,
        )
    return sorted(rows, key=lambda row: row[0])


def slope(rows, kind):
    """Exponent of the growth: the slope of a line through the logarithms."""
    x = np.log([row[0] for row in rows])
    return float(np.polyfit(x, np.log([row[1][kind] for row in rows]), 1)[0])


def memory(problem):
    """Peak beyond the loaded gain, in units of the gain."""
    with tempfile.TemporaryDirectory() as folder:
        gain, data = Path(folder) / "gain.npy", Path(folder) / "data.npy"
        np.save(gain, problem.gain)
        np.save(data, problem.data)
        command = [sys.executable, "-c", CHILD, str(gain), str(data), str(ALPHA)]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent
        )
    extra, gap = map(float, done.stdout.split())
    print(f"  {problem.name}: {extra:.2f} times the gain more  gap {gap:.0e}", flush=True)
    return extra, gap


def say(exponent):
    """How a person calls an exponent."""
    if exponent < 0.15:
        return "hardly grows"
    if exponent < 0.85:
        return "grows slower than linearly"
    return "is linear" if exponent <= 1.15 else "grows faster than linearly"


def paragraph(curves, peaks):
    """The text of the page."""
    base = (
        "{n_sensors} sensors x {n_locations} locations x {n_orient} orientations, {n_times} samples"
    )
    lines = ["## How the cost grows", "", "![Cost against size](scaling.png)", ""]
    lines.append(f"Simulated, {base.format(**BASE)} where not varied, one thread, gap {TOL:g}.")
    for name, rows in curves.items():
        fits = {kind: slope(rows, kind) for kind in KINDS}
        lines.append(
            f"With {NAMES[name]}, {rows[0][0]} to {rows[-1][0]}, the time of a solve "
            f"{say(fits['solve'])} (exponent {fits['solve']:.2f}; "
            f"one product {fits['one product']:.2f}, preparing {fits['preparing a Gain']:.2f})."
        )
    low, high = curves["n_active"][0], curves["n_active"][-1]
    lines += [
        "What reads the whole gain (the product, preparing, the two or three reads of a solve) is "
        "linear in locations and sensors; samples cost only as far as their rank goes, because "
        "time is rotated onto it (white noise has full rank); active locations cost in the inner "
        f"problem on their Gram matrix ({MANY} simulated sources, alpha falling): "
        f"{low[1]['solve']:.1f} products for {low[0]}, {high[1]['solve']:.1f} for {high[0]}.",
        "",
        "Peak memory of a process that loads a gain and solves (largest resident size beyond that "
        f"with the gain loaded), in units of the gain; the target is at most {PEAK:g}:",
        "",
        "| problem | the gain | reached |",
        "|---|---|---|",
    ]
    for name, (extra, _) in peaks.items():
        lines.append(f"| {name} | {extra:.2f} times | {'yes' if extra <= PEAK else '**no**'} |")
    return "\n".join(lines)


def picture(curves):
    """One panel a way to grow."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    colours = dict(zip(KINDS, ("#d1495b", "#00798c", "#edae49"), strict=True))
    figure, axes = plt.subplots(1, len(curves), figsize=(13, 3.9), sharey=True)
    for axis, (name, rows) in zip(axes, curves.items(), strict=True):
        for kind in KINDS:
            y = [row[1][kind] for row in rows]
            label = f"{kind}: exponent {slope(rows, kind):.2f}"
            axis.plot(
                [row[0] for row in rows], y, "o-", color=colours[kind], label=label,
                lw=2.4 if kind == "solve" else 1.5, ms=4.5,
            )  # fmt: skip
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xticks([row[0] for row in rows], [f"{row[0]:,}".replace(",", " ") for row in rows])
        axis.minorticks_off()
        axis.tick_params(axis="x", labelsize=8)
        axis.set_xlabel(NAMES[name])
        axis.grid(True, which="major", color="#e6e6e6", lw=0.8)
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False, fontsize=7.5, loc="upper left")
        axis.margins(y=0.25)
    axes[0].set_ylabel("time in products of the base problem")
    figure.suptitle("How the cost grows (one thread)", fontsize=12)
    figure.tight_layout()
    figure.savefig(report.DOCS / "scaling.png", dpi=110)
    plt.close(figure)


def targets(curves, peaks):
    """What tight gaps cost on the curves, and the peaks."""
    rows = [
        (medians[TIGHT] / medians["solve"], f"{NAMES[name]} {value}", gaps)
        for name, curve in curves.items()
        for value, medians, gaps in curve
    ]
    worst, where, _ = max(rows)
    largest = max(gaps[1] for _, _, gaps in rows)
    what = f"gap 1e-10 over gap 1e-6, dearest of the {len(rows)} problems of the growth curves"
    told, reached = f"{where}; gap {largest:.0e}", largest <= 1.01 * TIGHT_TOL
    found = [at_most(what, DEARER, worst, told, "times", reached)]
    for name, (extra, gap) in peaks.items():
        what = f"peak memory over the gain, {name}"
        found.append(at_most(what, PEAK, extra, f"gap {gap:.0e}", "times"))
    return found


def measure(options):
    """The part of the page about size."""
    repeats = 1 if options.quick else 7
    unit = medians_of(problems.simulated(**BASE), ALPHA, repeats)[0]["one product"]
    curves = {
        name: grow(name, unit, repeats, values[:-2] if options.quick else values)
        for name, values in GROWN.items()
    }
    peaks = {}
    if Path("/proc/self/status").exists():
        large = [problems.real(0.2)] if problems.DATA.is_dir() else []
        large += [problems.simulated(**{**BASE, "n_locations": n}) for n in (7498, 30_000)]
        peaks = {problem.name: memory(problem) for problem in large}
    else:
        print("  peak memory: not measured, this system has no /proc")
    if options.write:
        picture(curves)
    return Part(paragraph(curves, peaks).splitlines(), targets(curves, peaks))
