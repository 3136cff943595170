"""What is more than one convex solve, beside the peers: irMxNE, a path, a batch, preparing."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

import mxne_rs
import peers
from bench import dense
from report import OURS
from timing import timed


def preparing(bench):
    """What preparing a Gain costs."""
    seconds = defaultdict(list)
    for _ in range(bench.options.repeats):
        seconds["unit"].append(bench.unit())
        gain, spent = timed(mxne_rs.Gain, bench.problem.gain, bench.problem.n_orient)
        seconds[OURS].append(spent)
        del gain
    bench.row(OURS, None, None, None, seconds)


def reweighted(bench, alpha):
    """IrMxNE, ten rounds, and the convex solve, against MNE's."""
    from mne.inverse_sparse.mxne_optim import iterative_mixed_norm_solver

    gain, data = bench.prepared, bench.problem.data
    keywords = {"tol": bench.tol, "n_threads": bench.threads, "verbose": False}

    def ours():
        # tol_reweight=0: all ten rounds, even where nothing changes any more. The unit is MNE's.
        return mxne_rs.solve_irmxne(
            gain, data, alpha, n_reweights=10, tol_reweight=0.0, amplitude_unit=1.0, **keywords
        )

    def mne(rounds=10):
        return peers.mne_optimiser(
            iterative_mixed_norm_solver, bench.problem, data, alpha, bench.tol,
            n_mxne_iter=rounds, solver="bcd",
        )  # fmt: skip

    seconds = defaultdict(list)
    for repeat in range(bench.options.repeats):
        for _ in range(3):
            seconds["unit"].append(bench.unit())
            seconds["convex"].append(timed(bench.ours.solve, alpha, bench.tol)[1])
            answer, spent = timed(ours)
            seconds[OURS].append(spent)
        if repeat < bench.options.peer_repeats:
            (theirs, objectives), spent = timed(mne)
            seconds["MNE bcd"].append(spent)
    unit, x = np.median(seconds["unit"]), answer.x
    extra = (np.median(seconds[OURS]) - np.median(seconds["convex"])) / unit
    best = bench.problem.concave(x, alpha)
    bench.row(
        OURS, alpha, int(answer.active_set.sum()),
        bench.problem.gap(x, alpha, answer.weights), seconds,
        note=f"{answer.n_reweights} rounds; {extra:+.2f} products over the convex solve",
    )  # fmt: skip
    bench.rows[-1].extra = extra
    # The gap of the last weighted problem, its weights from the round before.
    before = timed(mne, max(1, len(objectives) - 1))[0][0]
    with np.errstate(divide="ignore"):
        weights = 0.5 / np.sqrt(bench.problem.norms(before))
    excess = bench.problem.concave(theirs, alpha) / best - 1.0
    bench.row(
        "MNE bcd", alpha, int((bench.problem.norms(theirs) > 0).sum()),
        bench.problem.gap(theirs, alpha, weights), seconds,
        note=f"{len(objectives)} rounds; concave objective {excess:+.1e} of ours",
    )  # fmt: skip


def path(bench, n_alphas=20, eps=0.3):
    """A path of alphas: ours warm-started, peers' own paths, MNE one by one and scaled up."""
    problem, alphas = bench.problem, np.geomspace(100.0, 100.0 * eps, n_alphas)
    some, solvers, labels = np.arange(2, n_alphas, 4), {}, {}
    solvers[OURS] = lambda: mxne_rs.solve_path(
        bench.prepared, problem.data, n_alphas=n_alphas, eps=eps, tol=bench.tol,
        n_threads=bench.threads, verbose=False,
    )  # fmt: skip
    labels[OURS] = "solve_path"
    if "MNE bcd" in bench.peers:
        solvers["MNE bcd"] = lambda: [
            bench.peers["MNE bcd"].solve(a, bench.tol) for a in alphas[some]
        ]
        labels["MNE bcd"] = f"{some.size} of {n_alphas} alphas one by one, scaled up"
    worst, active, seconds, factors = {}, {}, defaultdict(list), defaultdict(lambda: 1.0)
    factors["MNE bcd"] = n_alphas / some.size

    def judge(name, answer):
        given = alphas[some] if name == "MNE bcd" else alphas
        answer = getattr(answer, "solutions", answer)
        worst[name] = max(problem.gap(dense(x), a) for x, a in zip(answer, given, strict=True))
        active[name] = int((problem.norms(dense(answer[-1])) > 0).sum())

    for name, peer in bench.peers.items():
        if peer.path is None:
            continue
        ladder = peer.ladder(bench.tol)
        for step in range(max(0, bench.hints[name] - 1), len(ladder)):
            answer, _ = timed(peer.path, alphas, ladder[step])
            judge(name, answer)
            if worst[name] <= bench.tol:
                break
        solvers[name] = lambda peer=peer, own=ladder[step]: peer.path(alphas, own)
        labels[name] = "its own path"
    for repeat in range(bench.options.repeats):
        for name, solve in solvers.items():
            if name == OURS or repeat < min(2, bench.options.peer_repeats):
                seconds["unit"].append(bench.unit())
                answer, spent = timed(solve)
                seconds[name].append(spent)
                judge(name, answer)
    for name in solvers:
        bench.row(name, None, active[name], worst[name], seconds, factors[name], labels[name])


def batch(bench, alpha=50.0, count=100, some=5):
    """Bootstrap evokeds: ours on all, MNE on some and scaled up."""
    problem, sets, seconds = bench.problem, bench.problem.bootstrap(count), defaultdict(list)

    def theirs_on(some_sets):
        return [bench.peers["MNE bcd"].solve(alpha, bench.tol, data) for data in some_sets]

    for repeat in range(bench.options.peer_repeats):
        seconds["unit"].extend(bench.unit() for _ in range(3))
        found, spent = timed(
            mxne_rs.solve_batch, bench.prepared, sets, alpha, tol=bench.tol,
            n_threads=bench.threads, verbose=False,
        )  # fmt: skip
        seconds[OURS].append(spent)
        if repeat == 0 and "MNE bcd" in bench.peers:
            theirs, spent = timed(theirs_on, sets[:some])
            seconds["MNE bcd"].append(spent)
    gaps = [problem.gap(s.x, alpha, data=d) for s, d in zip(found, sets, strict=True)]
    active = int(np.median([s.active_set.sum() for s in found]))
    bench.row(OURS, alpha, active, max(gaps), seconds, note=f"solve_batch of {count}")
    if "MNE bcd" in seconds:
        gaps = [problem.gap(x, alpha, data=d) for x, d in zip(theirs, sets[:some], strict=True)]
        active = int(np.median([(problem.norms(x) > 0).sum() for x in theirs]))
        bench.row(
            "MNE bcd", alpha, active, max(gaps), seconds, count / some,
            f"{some} of {count} data sets, scaled up",
        )  # fmt: skip
