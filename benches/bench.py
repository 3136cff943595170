"""One problem on one number of threads: our solver and its peers, interleaved, in products G'R.

The unit is one product G'R of the whole gain, made by the crate's own product module on the same
threads in the same run. Every gap is computed with NumPy, from the x that came back. A peer gets
the loosest of its own tolerances that gives the gap asked, looked for outside of the timing; one
that cannot is shown with the gap it reached, one that is absent or broken is named.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

import mxne_rs
import peers
from report import OURS, TIGHT, TIGHT_TOL, Run
from timing import timed


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
        self.peers.pop(name, None)
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

    def solves(self, alphas, peers_to=0.0, tight=False):
        """Every solver at every alpha; peers only where alpha is at least `peers_to`.

        `tight` solves to TIGHT_TOL beside it, which shows what the last digits of the gap cost.
        """
        tols = {OURS: self.tol, TIGHT: TIGHT_TOL} if tight else {OURS: self.tol}
        for alpha in alphas:
            if alpha < peers_to:
                for name in list(self.peers):
                    self.drop(name, f"not run below alpha {peers_to / 100:g}")
            own = {}  # tolerance, answer and seconds of each peer
            for name, peer in list(self.peers.items()):
                try:
                    own[name] = self.calibrate(peer, alpha)
                except Exception as error:
                    self.drop(name, f"failed at alpha {alpha / 100:g}: {error!r}")
            found, seconds = self.in_turns(alpha, tols, own)
            for name in (*tols, *own):
                x = dense(found[name])
                active = int((self.problem.norms(x) > 0).sum())
                gap = self.problem.gap(x, alpha)
                self.row(name, alpha, active, gap, seconds, tol=tols.get(name))
            for name, (_, _, spent) in own.items():
                limit = self.options.slow * (10.0 if name.startswith("MNE") else 1.0)
                if spent > limit and alpha != alphas[-1]:
                    self.drop(name, f"not run below alpha {alpha / 100:g}: {spent:.0f} s a solve")

    def in_turns(self, alpha, tols, own):
        """Last answer and all seconds of each solver, one after the other, again and again."""
        found = {name: answer for name, (_, answer, _) in own.items()}
        seconds = defaultdict(list)
        for name, (_, _, spent) in own.items():
            if spent > 3.0:  # once is enough
                seconds[name].append(spent)
        for repeat in range(self.options.repeats):
            for _ in range(3):
                seconds["unit"].append(self.unit())
                for name, tol in tols.items():
                    found[name], spent = timed(self.ours.solve, alpha, tol)
                    seconds[name].append(spent)
            for name, (tolerance, _, cost) in own.items():
                if cost <= 3.0 and repeat < self.options.peer_repeats:
                    found[name], spent = timed(self.peers[name].solve, alpha, tolerance)
                    seconds[name].append(spent)
        return found, seconds

    def row(self, name, alpha, active, gap, seconds, factor=1.0, note="", tol=None):
        """One row: products and the ratio to ours from the medians, kept and printed."""
        spent, unit = factor * np.median(seconds[name]), np.median(seconds["unit"])
        run = Run(
            self.problem.name, self.threads, tol or self.tol, alpha, name, active, gap,
            spent / unit, spent / np.median(seconds[OURS]), note,
        )  # fmt: skip
        self.rows.append(run)
        print(run, flush=True)
        return run
