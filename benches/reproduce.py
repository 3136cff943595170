"""The papers' problems, solved here and by MNE's solver on the same draws: `make bench-reproduce`.

One thread each. Prints what the scores differ by, and how long MNE's solver takes over ours: the
median over draws.
"""

from __future__ import annotations

import argparse
import statistics
import warnings
from time import perf_counter

import numpy as np
from mne.inverse_sparse.mxne_optim import iterative_mixed_norm_solver, mixed_norm_solver

import report
from papers import prni2014

HOW = {"maxit": 10_000, "tol": 1e-6, "n_orient": 1, "active_set_size": 10, "verbose": False}


def theirs(repetition: int) -> np.ndarray:
    """F1 of MNE's solver in all settings, methods and alphas of a repetition."""
    percents, n_rounds = prni2014.PERCENTS, prni2014.N_REWEIGHTS
    found = np.zeros((len(prni2014.SETTINGS), len(prni2014.METHODS), len(percents)))
    for i, setting in enumerate(prni2014.SETTINGS):
        draw = prni2014.draw_problem(0, repetition, setting)
        unit = np.linalg.norm(draw.gain.T @ draw.data, axis=1).max() / 100
        for k, percent in enumerate(percents):
            alpha = percent * unit
            answers = (
                mixed_norm_solver(draw.data, draw.gain, alpha, **HOW),
                iterative_mixed_norm_solver(draw.data, draw.gain, alpha, n_rounds, **HOW),
                iterative_mixed_norm_solver(draw.data, draw.gain / unit, percent, n_rounds, **HOW),
            )
            for j, (_, active, _) in enumerate(answers):
                found[i, j, k] = 2 * active[draw.active].sum() / (active.sum() + len(draw.active))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    ratios, differences = [], []
    for repetition in range(options.repetitions):
        start = perf_counter()
        ours = prni2014._solve(0, f"draw-{repetition:04d}")["f1"]
        middle = perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            differences.append(ours - theirs(repetition))
        ratios.append((perf_counter() - middle) / (middle - start))
    largest = np.abs(np.mean(differences, axis=0)).max()
    lines = [
        "## Reproductions",
        "",
        f"The simulations of PRNI 2014, {options.repetitions} draws of each, 19 alphas, MxNE and "
        "irMxNE in two units, one thread: how long MNE's solver takes over ours, median over "
        "draws, and the largest difference of the mean F1 curves.",
        "",
        "| problems | MNE over mxne_rs | difference of F1 |",
        "|---|---|---|",
        f"| {differences[0].size * len(ratios)} | {statistics.median(ratios):.0f} | "
        f"{largest:.4f} |",
    ]
    print("\n".join(lines))
    if options.write:
        report.replace_section("reproduce", "\n".join(lines))


if __name__ == "__main__":
    main()
