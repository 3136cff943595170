"""The targets of the comparison with other solvers, each with the gaps behind its number."""

from __future__ import annotations

import numpy as np

from report import OURS, TIGHT, ratios
from targets import Target, at_least, at_most, gaps, mean

TOL = 1e-6
LOOSE, FIXED = "real data, loose 0.2", "real data, fixed"
#: Products on the real data before the solver had a Newton method (commit 99b9a08, one thread), by
#: tolerance, problem and alpha; of a path and of a batch. "Not slower" allows a tenth, which is
#: what medians of two runs differ by.
BEFORE = {
    (1e-6, LOOSE): {60.0: 1.31, 50.0: 1.34, 40.0: 1.93, 30.0: 2.47, 20.0: 5.17},
    (1e-6, FIXED): {60.0: 1.2, 50.0: 1.4, 40.0: 2.4, 30.0: 2.7, 20.0: 5.6},
    (1e-4, LOOSE): {50.0: 1.3, 30.0: 2.3},
    (1e-4, FIXED): {50.0: 1.0, 30.0: 2.2},
}
PATH_BEFORE = {LOOSE: 17.1, FIXED: 17.4}
BATCH_BEFORE, NOISE = 338.1, 1.1
#: At most so many products, by alpha.
SIMULATED = {60.0: 4.0, 50.0: 4.0, 40.0: 4.0, 30.0: 5.0, 20.0: 6.0, 10.0: 15.0}
CLOSE = {50.0: 2.5, 30.0: 3.5}  # gap 1e-8, real data


def of(sections, kind, problem="", tol=TOL, threads=1):
    """The sections of a kind whose problem's name begins so, and that have rows."""
    return [
        section
        for section in sections
        if (section.kind, section.tol, section.threads) == (kind, tol, threads)
        and section.problem.startswith(problem)
        and section.rows
    ]


def own(sections, solver=OURS):
    """Our rows by alpha."""
    found = {}
    for run in (run for section in sections for run in section.rows if run.solver == solver):
        found.setdefault(run.alpha, []).append(run)
    return found


def over(what, sections, peer, limit, alphas=None):
    """The geometric mean of the ratio to a peer, over sections and alphas."""
    rows = [run for section in sections for run in section.rows]
    theirs = [run for run in rows if run.solver == peer and (not alphas or run.alpha in alphas)]
    what = f"{what}, over {peer}, geometric mean"
    if not theirs:
        why = next((s.absent[peer] for s in sections if peer in s.absent), "absent")
        return Target(what, f"at least {limit:g} times", f"not measured: {why}"[:90], None)
    beside = [run for alpha in own(sections).values() for run in alpha]
    told = f"{gaps([run.gap for run in beside])}, theirs {max(run.gap for run in theirs):.0e}"
    return at_least(what, limit, mean([run.ratio for run in theirs]), told)


def on_real_data(sections):
    """Nothing slower than before, and how far the peers are."""
    rows = []
    for (tol, problem), before in BEFORE.items():
        for alpha, runs in own(of(sections, "Convex", problem, tol)).items():
            run, close = runs[0], "" if tol == TOL else f", gap {tol:g}"
            what = f"{problem}, alpha {alpha / 100:g}{close}: not slower than {before[alpha]:g}"
            limit = NOISE * before[alpha]
            rows.append(at_most(what, limit, run.products, gaps([run.gap]), reached=run.reached))
    for problem in (LOOSE, FIXED):
        for alpha, runs in own(of(sections, "Convex", problem, 1e-8)).items():
            run, what = runs[0], f"{problem}, alpha {alpha / 100:g}, gap 1e-8"
            told, limit = gaps([run.gap]), CLOSE[alpha]
            rows.append(at_most(what, limit, run.products, told, reached=run.reached))
    for problem, peer in ((LOOSE, "MNE bcd"), (FIXED, "MNE bcd"), (FIXED, "MNE cd")):
        found = of(sections, "Convex", problem, 1e-8)
        if found:
            rows.append(over(f"{problem}, gap 1e-8", found, peer, 20.0))
    return rows


def over_peers(sections):
    """Ratios to the peers on the real and on the simulated problems."""
    rows, free = [], of(sections, "Convex", LOOSE)
    if free:
        rows.append(over(LOOSE, free, "MNE bcd", 14.0))
        least = min(ratios(free[0]).get("MNE bcd", [np.nan]))
        told = gaps([run.gap for runs in own(free).values() for run in runs])
        rows.append(at_least(f"{LOOSE}, over MNE bcd, least", 8.0, least, told))
    wanted = {"MNE bcd": 8, "MNE cd": 8, "adelie": 10, "celer": 20, "skglm": 20, "scikit-learn": 60}
    fixed = of(sections, "Convex", FIXED)
    if fixed:
        rows += [over(FIXED, fixed, peer, limit) for peer, limit in wanted.items()]
    small = of(sections, "Convex", "simulated 60 x 1000")
    if small:
        wanted = {"celer": 20, "skglm": 20, "MNE cd": 25}
        rows += [over("simulated 60 x 1000", small, peer, limit) for peer, limit in wanted.items()]
    return rows


def on_hard_problems(sections):
    """Overlapping sources, many sources, and gaps near rounding."""
    rows = []
    simulated = of(sections, "Convex", "simulated 306 x 7498 x 3, 61 samples")
    for alpha, runs in own(simulated).items():
        what = f"simulated 306 x 22494 x 61, alpha {alpha / 100:g}, worst of {len(runs)} seeds"
        worst, reached = max(run.products for run in runs), all(run.reached for run in runs)
        each = ", ".join(f"{run.products:.2f}" for run in runs)
        told = f"{each}; {gaps([run.gap for run in runs])}"
        rows.append(at_most(what, SIMULATED[alpha], worst, told, reached=reached))
    if simulated:
        alphas = (60.0, 50.0, 40.0, 30.0, 20.0)
        rows.append(over("simulated 306 x 22494 x 61", simulated, "MNE bcd", 60.0, alphas))
    for section in of(sections, "Convex", "simulated 306 x 5000 x 3, 61 samples, 60 sources"):
        run = [run for run in section.rows if run.solver == OURS][-1]
        what = f"60 simulated sources, {run.active} found (alpha {run.alpha / 100:g})"
        told = gaps([run.gap])
        rows.append(at_most(what, 60.0, run.products, told, reached=run.reached))
    return rows + close_to_rounding(of(sections, "Convex"))


def close_to_rounding(sections):
    """The dearest problem at gap 1e-10, in units of its cost at 1e-6."""
    dear = [(run, section) for section in sections for run in section.rows if run.solver == TIGHT]
    if not dear:
        return []
    worst, section = max(dear, key=lambda pair: pair[0].ratio)
    missed = sum(not run.reached for run, _ in dear)
    told = f"{section.problem}, alpha {worst.alpha / 100:g}; {gaps([run.gap for run, _ in dear])}"
    told += f"; {missed} of {len(dear)} above 1e-10" if missed else ""
    what = f"gap 1e-10 over gap 1e-6, dearest of the {len(dear)} problems and alphas above"
    return [at_most(what, 1.5, worst.ratio, told, "times", missed == 0)]


def on_sequences(sections):
    """IrMxNE, paths, batches and preparing."""
    rows = []
    for problem in (LOOSE, FIXED):
        for section in of(sections, "irMxNE", problem):
            run, what = section.rows[0], f"irMxNE, ten rounds, alpha 0.5, {problem}"
            told = gaps([run.gap])
            rows.append(at_most(what, 1.0, run.extra, told, "product more", run.reached))
        for section in of(sections, "Path", problem):
            run, before = section.rows[0], PATH_BEFORE[problem]
            what = f"path of 20 alphas, 1 to 0.3, {problem}: not slower than {before:g}"
            told, limit = gaps([run.gap]), NOISE * before
            rows.append(at_most(what, limit, run.products, told, reached=run.reached))
    for section in of(sections, "Batch", LOOSE):
        run = section.rows[0]
        what = f"batch of 100, {LOOSE}: not slower than {BATCH_BEFORE:g}"
        told, limit = gaps([run.gap]), NOISE * BATCH_BEFORE
        rows.append(at_most(what, limit, run.products, told, reached=run.reached))
    for section in of(sections, "Preparing"):
        told = section.problem
        rows.append(at_most("preparing a Gain", 3.0, section.rows[0].products, told))
    return rows


def targets(sections):
    """All targets that this comparison measured."""
    return [
        *on_real_data(sections),
        *over_peers(sections),
        *on_hard_problems(sections),
        *on_sequences(sections),
    ]
