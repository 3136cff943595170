"""Time to a certified gap against the peers: one process, interleaved, medians, in products G'R.

    python benches/compare.py [--quick] [--threads 1] [--repeats 5] [--out FILE.md]

Every gap shown is computed here with NumPy from the x that came back.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings

import numpy as np
from threadpoolctl import threadpool_limits

import mxne_rs
import peers
import problems

FREE, FIXED = ("MNE bcd", "adelie"), tuple(peers.PEERS)


def timed(function, *arguments):
    """Answer and seconds of one call."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        answer = function(*arguments)
        return answer, time.perf_counter() - start


def compare(problem, fractions, names, options):
    """Rows of (alpha, solver, locations, gap, products, ratio to ours)."""
    solvers = {"mxne_rs": peers.ours(problem, options.threads)}
    for name in names:
        try:
            solve = peers.prepare(name, problem)
        except Exception as error:
            print(f"  {name}: not run ({type(error).__name__}: {error})", file=sys.stderr)
            continue
        if solve is not None:
            solvers[name] = solve
    prepared = mxne_rs.Gain(problem.gain, problem.n_orient)._prepared
    rows = []
    for fraction in fractions:
        alpha, seconds, found, unit = 100.0 * fraction, {}, {}, []
        for repeat in range(options.repeats):
            unit.append(prepared.product_seconds(problem.data, options.threads))
            for name, solve in list(solvers.items()):
                if name != "mxne_rs" and repeat >= options.peer_repeats:
                    continue
                try:
                    answer, duration = timed(solve, alpha, options.tol)
                except Exception as error:
                    print(f"  {name}: failed at {fraction} ({error})", file=sys.stderr)
                    solvers.pop(name)
                    continue
                seconds.setdefault(name, []).append(duration)
                found[name] = answer
        product = np.median(unit)
        best = np.median(seconds["mxne_rs"])
        for name, durations in seconds.items():
            x = found[name].x if isinstance(found[name], mxne_rs.Solution) else found[name]
            median = np.median(durations)
            active = int((problem.norms(x) > 0).sum())
            gap = problem.gap(x, alpha)
            row = (problem.name, fraction, name, active, gap, median / product, median / best)
            rows.append(row)
            print(
                f"{row[0]:34s} {fraction:4.2f} {name:13s} {active:5d} {gap:9.1e} "
                f"{row[5]:9.2f} products {row[6]:8.1f} x ours",
                flush=True,
            )
    return rows


def summary(rows):
    """Geometric mean and least ratio to each peer, by problem."""
    lines = []
    for problem in dict.fromkeys(row[0] for row in rows):
        for peer in dict.fromkeys(row[2] for row in rows if row[0] == problem):
            ratios = [row[6] for row in rows if row[0] == problem and row[2] == peer]
            if peer != "mxne_rs":
                mean = np.exp(np.mean(np.log(ratios)))
                lines.append((problem, peer, mean, min(ratios)))
    return lines


def main():
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--peer-repeats", type=int, default=3)
    parser.add_argument("--tol", type=float, default=1e-6)
    parser.add_argument("--quick", action="store_true", help="MNE bcd only, loose 0.2, alpha 0.5")
    parser.add_argument("--out", help="Markdown file for the table")
    options = parser.parse_args()
    threadpool_limits(options.threads)  # NumPy's products, which the peers use
    real = problems.DATA.is_dir()
    if options.quick:
        problem = problems.real(0.2) if real else problems.simulated()
        rows = compare(problem, (0.5,), ("MNE bcd",), options)
    else:
        fractions, rows = (0.6, 0.5, 0.4, 0.3, 0.2), []
        if real:
            rows += compare(problems.real(0.2), fractions, FREE, options)
            rows += compare(problems.real(0.0), fractions, FIXED, options)
        rows += compare(problems.simulated(), fractions, ("MNE bcd",), options)
        small = problems.simulated(60, 1000, 1, 60)
        rows += compare(small, fractions, FIXED, options)
        rows += compare(problems.simulated(n_times=600), (0.5, 0.3), ("MNE bcd",), options)
    means = summary(rows)
    for problem, peer, mean, least in means:
        print(f"{problem:34s} {peer:13s} geometric mean {mean:6.1f} x ours, least {least:6.1f}")
    if options.out:
        head = "| problem | alpha / alpha_max | solver | locations | gap | products | x ours |"
        lines = [head, "|---|---|---|---|---|---|---|"]
        for row in rows:
            lines.append("| {} | {} | {} | {} | {:.1e} | {:.2f} | {:.1f} |".format(*row))
        with open(options.out, "w") as file:
            file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
