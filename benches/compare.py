"""Time to a certified gap against the peers: one process, interleaved, medians, in products G'R.

    python benches/compare.py [--quick] [--threads 1 0] [--tol 1e-6] [--write]

The unit is one product G'R of the whole gain, made by the crate's own product module on the same
threads in the same run. Every gap shown is computed here, with NumPy, from the x that came back.
A peer gets the loosest of its own tolerances that gives the gap asked, looked for outside of the
timing; one that cannot is shown with the gap it reached, one that is absent or broken is named.
`--write` puts the tables into docs/benchmarks.md and draws docs/benchmark.png.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import defaultdict

import numpy as np
from threadpoolctl import threadpool_limits

import mxne_rs
import peers
import problems
import report
from report import Run
from timing import second_core, timed

ALPHAS = (60.0, 50.0, 40.0, 30.0, 20.0)
FREE = ("MNE bcd", "adelie", "invertmeeg")
FIXED = tuple(peers.PEERS)
SLOW = 6.0  # seconds of one solve after which a peer is not asked for smaller alphas


def dense(answer):
    """The array x of an answer."""
    return answer.x if isinstance(answer, mxne_rs.Solution) else answer


class Bench:
    """One problem on one number of threads: ours, the peers that apply, the unit, the rows."""

    def __init__(self, problem, threads, tol, options, names):
        self.problem, self.threads, self.tol, self.options = problem, threads, tol, options
        self.rows, self.absent, self.hints = [], {}, defaultdict(int)
        self.ours = peers.ours(problem, threads)
        self.prepared = mxne_rs.Gain(problem.gain, problem.n_orient)
        self.peers = {}
        for name in names:
            try:
                peer = timed(peers.prepare, name, problem, threads)[0]
            except Exception as error:
                self.drop(name, f"not run: {type(error).__name__}: {error}")
                continue
            if peer is None:
                continue
            try:
                timed(peer.solve, 90.0, 1e-2)  # some compile at the first call
            except Exception as error:
                self.drop(name, f"failed: {type(error).__name__}: {error}")
                continue
            self.peers[name] = peer

    def drop(self, name, why):
        """A peer that cannot go on, and why."""
        self.absent[name] = why
        print(f"  {name}: {why}", flush=True)

    def unit(self):
        """Seconds of one product, now."""
        return self.prepared._prepared.product_seconds(self.problem.data, self.threads)

    def calibrate(self, peer, alpha):
        """The loosest own tolerance that gives the gap asked; answer and seconds of one solve."""
        ladder = peer.ladder(self.tol)
        for step in range(self.hints[peer.name], len(ladder)):
            answer, seconds = timed(peer.solve, alpha, ladder[step])
            self.hints[peer.name] = step
            if (
                self.problem.gap(dense(answer), alpha) <= self.tol
                or seconds > 2 * self.options.slow
            ):
                break
        return ladder[self.hints[peer.name]], answer, seconds

    def solves(self, alphas):
        """Every solver at every alpha, interleaved."""
        for alpha in alphas:
            own, cost, found, seconds = {}, {}, {}, defaultdict(list)
            for name, peer in list(self.peers.items()):
                try:
                    own[name], found[name], cost[name] = self.calibrate(peer, alpha)
                except Exception as error:
                    self.drop(name, f"failed at alpha {alpha / 100:g}: {error!r}")
                    self.peers.pop(name)
            for name, spent in cost.items():
                if spent > 3.0:  # once is enough
                    seconds[name].append(spent)
            for repeat in range(self.options.repeats):
                for _ in range(3):
                    seconds["unit"].append(self.unit())
                    found["mxne_rs"], spent = timed(self.ours.solve, alpha, self.tol)
                    seconds["mxne_rs"].append(spent)
                for name, tolerance in own.items():
                    if cost[name] <= 3.0 and repeat < self.options.peer_repeats:
                        found[name], spent = timed(self.peers[name].solve, alpha, tolerance)
                        seconds[name].append(spent)
            for name in ("mxne_rs", *own):
                self.add(name, alpha, dense(found[name]), seconds)
            for name, spent in cost.items():
                limit = self.options.slow * (4.0 if name.startswith("MNE") else 1.0)
                if spent > limit and alpha != alphas[-1]:
                    self.drop(name, f"not run below alpha {alpha / 100:g}: {spent:.0f} s a solve")
                    self.peers.pop(name)

    def add(self, name, alpha, x, seconds):
        """One row from the medians."""
        gap = self.problem.gap(x, alpha)
        active = int((self.problem.norms(x) > 0).sum())
        self.row(name, alpha, active, gap, seconds)

    def row(self, name, alpha, active, gap, seconds, factor=1.0, note=""):
        """One row: products and the ratio to ours from the medians, kept and printed."""
        spent, unit = factor * np.median(seconds[name]), np.median(seconds["unit"])
        ratio = spent / np.median(seconds["mxne_rs"])
        run = Run(
            self.problem.name, self.threads, self.tol, alpha, name, active, gap,
            spent / unit, ratio, note,
        )  # fmt: skip
        self.rows.append(run)
        print(run, flush=True)
        return run

    def preparing(self):
        """What preparing a Gain costs."""
        seconds = defaultdict(list)
        for _ in range(self.options.repeats):
            seconds["unit"].append(self.unit())
            gain, spent = timed(mxne_rs.Gain, self.problem.gain, self.problem.n_orient)
            seconds["mxne_rs"].append(spent)
            del gain
        self.row("mxne_rs", None, None, None, seconds)

    def reweighted(self, alpha):
        """IrMxNE, ten rounds, and the convex solve, against MNE's."""
        from mne.inverse_sparse.mxne_optim import iterative_mixed_norm_solver

        gain, data = self.prepared, self.problem.data
        keywords = {"tol": self.tol, "n_threads": self.threads, "verbose": False}

        def ours():
            # tol_reweight=0: all ten rounds, even where nothing changes any more.
            return mxne_rs.solve_irmxne(
                gain, data, alpha, n_reweights=10, tol_reweight=0.0, **keywords
            )

        def mne(rounds=10):
            return peers.mne_optimiser(
                iterative_mixed_norm_solver, self.problem, data, alpha, self.tol,
                n_mxne_iter=rounds, solver="bcd",
            )  # fmt: skip

        seconds = defaultdict(list)
        for repeat in range(self.options.repeats):
            for _ in range(3):
                seconds["unit"].append(self.unit())
                seconds["convex"].append(timed(self.ours.solve, alpha, self.tol)[1])
                answer, spent = timed(ours)
                seconds["mxne_rs"].append(spent)
            if repeat < self.options.peer_repeats:
                (theirs, objectives), spent = timed(mne)
                seconds["MNE bcd"].append(spent)
        unit, x = np.median(seconds["unit"]), answer.x
        extra = (np.median(seconds["mxne_rs"]) - np.median(seconds["convex"])) / unit
        best = self.problem.concave(x, alpha)
        self.row(
            "mxne_rs", alpha, int(answer.active_set.sum()),
            self.problem.gap(x, alpha, answer.weights), seconds,
            note=f"{answer.n_reweights} rounds; {extra:+.2f} products over the convex solve",
        )  # fmt: skip
        self.rows[-1].extra = extra
        # The gap of the last weighted problem, its weights from the round before.
        before = timed(mne, max(1, len(objectives) - 1))[0][0]
        with np.errstate(divide="ignore"):
            weights = 0.5 / np.sqrt(self.problem.norms(before))
        excess = self.problem.concave(theirs, alpha) / best - 1.0
        self.row(
            "MNE bcd", alpha, int((self.problem.norms(theirs) > 0).sum()),
            self.problem.gap(theirs, alpha, weights), seconds,
            note=f"{len(objectives)} rounds; concave objective {excess:+.1e} of ours",
        )  # fmt: skip

    def path(self, n_alphas=20, eps=0.3):
        """A path of alphas: ours warm-started, peers' own paths, MNE one by one and scaled up."""
        problem, alphas = self.problem, np.geomspace(100.0, 100.0 * eps, n_alphas)
        some, solvers, labels = np.arange(2, n_alphas, 4), {}, {}
        if hasattr(mxne_rs, "solve_path"):
            solvers["mxne_rs"] = lambda: mxne_rs.solve_path(
                self.prepared, problem.data, n_alphas=n_alphas, eps=eps, tol=self.tol,
                n_threads=self.threads, verbose=False,
            )  # fmt: skip
            labels["mxne_rs"] = "solve_path"
        else:
            solvers["mxne_rs"] = lambda: [self.ours.solve(a, self.tol) for a in alphas]
            labels["mxne_rs"] = "one by one (no solve_path)"
        if "MNE bcd" in self.peers:
            solvers["MNE bcd"] = lambda: [
                self.peers["MNE bcd"].solve(a, self.tol) for a in alphas[some]
            ]
            labels["MNE bcd"] = f"{some.size} of {n_alphas} alphas one by one, scaled up"
        worst, active, seconds, factors = {}, {}, defaultdict(list), defaultdict(lambda: 1.0)
        factors["MNE bcd"] = n_alphas / some.size

        def judge(name, answer):
            given = alphas[some] if name == "MNE bcd" else alphas
            answer = getattr(answer, "solutions", answer)
            worst[name] = max(problem.gap(dense(x), a) for x, a in zip(answer, given, strict=True))
            active[name] = int((problem.norms(dense(answer[-1])) > 0).sum())

        for name, peer in self.peers.items():
            if peer.path is None:
                continue
            ladder = peer.ladder(self.tol)
            for step in range(max(0, self.hints[name] - 1), len(ladder)):
                answer, _ = timed(peer.path, alphas, ladder[step])
                judge(name, answer)
                if worst[name] <= self.tol:
                    break
            solvers[name] = lambda peer=peer, own=ladder[step]: peer.path(alphas, own)
            labels[name] = "its own path"
        for repeat in range(self.options.repeats):
            for name, solve in solvers.items():
                if name == "mxne_rs" or repeat < min(2, self.options.peer_repeats):
                    seconds["unit"].append(self.unit())
                    answer, spent = timed(solve)
                    seconds[name].append(spent)
                    judge(name, answer)
        for name in solvers:
            self.row(name, None, active[name], worst[name], seconds, factors[name], labels[name])

    def batch(self, alpha=50.0, count=100, some=5):
        """Bootstrap evokeds: one thread, two threads, MNE on some and scaled up."""
        problem, sets = self.problem, self.problem.bootstrap(count)
        two = min(2, os.cpu_count() or 1)
        if hasattr(mxne_rs, "solve_batch"):

            def ours(threads):
                return mxne_rs.solve_batch(
                    self.prepared, sets, alpha, tol=self.tol, n_threads=threads, verbose=False
                )

            label = "solve_batch"
        else:

            def ours(threads):
                return [
                    mxne_rs.solve_mxne(
                        self.prepared, data, alpha, tol=self.tol, n_threads=threads, verbose=False
                    )
                    for data in sets
                ]

            label = "one by one (no solve_batch)"
        seconds, free = defaultdict(list), []
        for repeat in range(self.options.peer_repeats):
            seconds["unit"].extend(self.unit() for _ in range(3))
            found, spent = timed(ours, 1)
            seconds["mxne_rs"].append(spent)
            free.append(second_core(self.prepared, problem.data))
            _, spent = timed(ours, two)
            seconds["two"].append(spent)
            if repeat == 0 and "MNE bcd" in self.peers:
                solve = self.peers["MNE bcd"].solve
                theirs, spent = timed(
                    lambda solve: [solve(alpha, self.tol, data) for data in sets[:some]], solve
                )
                seconds["MNE bcd"].append(spent)
        gaps = [problem.gap(s.x, alpha, data=d) for s, d in zip(found, sets, strict=True)]
        active = int(np.median([s.active_set.sum() for s in found]))
        self.row("mxne_rs", alpha, active, max(gaps), seconds, note=f"{label}, one thread")
        speed_up = np.median(seconds["mxne_rs"]) / np.median(seconds["two"])
        seconds["mxne_rs, two threads"] = seconds["two"]
        self.row(
            "mxne_rs, two threads", alpha, active, max(gaps), seconds,
            note=f"{speed_up:.2f} times one thread; two independent products side by side: "
            f"{np.median(free):.2f}",
        )  # fmt: skip
        self.rows[-1].extra, self.rows[-1].free = speed_up, float(np.median(free))
        if "MNE bcd" in seconds:
            gaps = [problem.gap(x, alpha, data=d) for x, d in zip(theirs, sets[:some], strict=True)]
            active = int(np.median([(problem.norms(x) > 0).sum() for x in theirs]))
            self.row(
                "MNE bcd", alpha, active, max(gaps), seconds, count / some,
                f"{some} of {count} data sets, scaled up",
            )  # fmt: skip


def run(kind, problem, names, threads, options, work, tol=None):
    """One section: its title, its rows, its absent peers; an error in it is shown, not raised."""
    tol = tol or options.tol
    cores = f"{threads} thread{'s' if threads > 1 else ''}" if threads else "all cores"
    title = f"{kind}: {problem.name}, relative gap {tol:g}, {cores}"
    print(f"\n{title}", flush=True)
    bench = Bench(problem, threads, tol, options, names)
    # After the peers are imported: only libraries that are loaded can be limited.
    with threadpool_limits(threads or os.cpu_count()):
        try:
            work(bench)
        except Exception as error:
            bench.drop("the rest of this section", f"failed: {type(error).__name__}: {error}")
    return report.Section(kind, title, bench.rows, bench.absent)


def everything(options):
    """All sections, in the order of the page."""
    sections, real = [], problems.DATA.is_dir()
    simulated = problems.simulated()
    free = problems.real(0.2) if real else simulated
    fixed = problems.real(0.0) if real else problems.simulated(n_orient=1)

    def section(*arguments, **keywords):
        sections.append(run(*arguments, options=options, **keywords))

    for threads in options.threads:
        solves = {"threads": threads, "work": lambda bench: bench.solves(ALPHAS)}
        first = threads == options.threads[0]
        # invertmeeg is the slowest by far and has no use for threads: the first time only.
        section("Convex", free, FREE if first else FREE[:-1], **solves)
        section("Convex", fixed, FIXED if first else FIXED[:-1], **solves)
        if first:
            if real:
                section("Convex", simulated, ("MNE bcd",), **solves)
            small = problems.simulated(60, 1000, 1, 60)
            section("Convex", small, FIXED, **solves)
            long = problems.simulated(n_times=600)
            work = {"threads": threads, "work": lambda bench: bench.solves((50.0, 30.0))}
            section("Convex", long, ("MNE bcd",), **work)
            for tol in options.other_tols:
                section("Convex", free, ("MNE bcd", "adelie"), tol=tol, **work)
                section("Convex", fixed, ("MNE bcd", "MNE cd", "adelie", "celer"), tol=tol, **work)
        one = {"threads": threads}
        section("irMxNE", free, (), work=lambda bench: bench.reweighted(50.0), **one)
        section("irMxNE", fixed, (), work=lambda bench: bench.reweighted(50.0), **one)
        if first:
            section("Path", free, ("MNE bcd", "adelie"), work=Bench.path, **one)
            names = ("MNE bcd", "adelie", "celer", "scikit-learn")
            section("Path", fixed, names, work=Bench.path, **one)
            section("Batch", free, ("MNE bcd",), work=Bench.batch, **one)
            section("Preparing", free, (), work=Bench.preparing, **one)
    return sections


def main():
    """Run, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 0], help="0: all cores")
    parser.add_argument("--repeats", type=int, default=5, help="of ours, three times each")
    parser.add_argument("--peer-repeats", type=int, default=3)
    parser.add_argument("--tol", type=float, default=1e-6)
    parser.add_argument("--other-tols", type=float, nargs="*", default=[1e-4, 1e-8])
    parser.add_argument("--slow", type=float, default=SLOW, help="seconds of a slow peer's solve")
    parser.add_argument("--quick", action="store_true", help="MNE bcd only, alpha 0.5")
    parser.add_argument("--write", action="store_true", help="docs/benchmarks.md and the picture")
    options = parser.parse_args()
    start = time.perf_counter()
    if options.quick:
        problem = problems.real(0.2) if problems.DATA.is_dir() else problems.simulated()
        work = {"threads": options.threads[0], "work": lambda bench: bench.solves((50.0,))}
        sections = [run("Convex", problem, ("MNE bcd",), options=options, **work)]
    else:
        sections = everything(options)
    print()
    for line in report.means(sections):
        print(line)
    print()
    for line in report.targets(sections):
        print(line)
    print(f"\n{(time.perf_counter() - start) / 60:.1f} minutes")
    if options.write:
        report.write(sections, options)


if __name__ == "__main__":
    main()
