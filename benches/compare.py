"""Time to a certified gap against the peers: one process, interleaved, medians, in products G'R."""

from __future__ import annotations

import os

from threadpoolctl import threadpool_limits

import compare_targets
import problems
import report
import sequences
from bench import Bench
from targets import Part

ALPHAS = (60.0, 50.0, 40.0, 30.0, 20.0)
HARD = (*ALPHAS, 10.0)
#: Alphas of the problem with many sources; the last finds most.
MANY, N_MANY = (60.0, 40.0, 25.0, 15.0, 8.0), 60
TOL, OTHER_TOLS = 1e-6, (1e-4, 1e-8)
FREE = ("MNE bcd", "adelie", "invertmeeg")
FIXED = ("MNE bcd", "MNE cd", "adelie", "celer", "skglm", "scikit-learn", "skein-glm", "invertmeeg")
CAPTION = "How many times as long a solver takes as mxne_rs, to a relative gap of 1e-6 on one "
CAPTION += "thread: geometric mean over five alphas, fewer where a solver is slow (least of them)."
TITLE = "Against other solvers: every problem, gap and alpha"
#: The slowest by far; they have no use for threads and are timed on one only.
SLOWEST = ("invertmeeg", "skein-glm")


class Sections:
    """The sections of the page, one after the other."""

    def __init__(self, options):
        self.options, self.done = options, []

    def run(self, kind, problem, names, work, threads, tol=TOL):
        """One section; an error in it is shown, not raised."""
        section = report.Section(kind, problem.name, threads, tol, [])
        print(f"\n{section.title}", flush=True)
        bench = Bench(problem, threads, tol, self.options, self.asked(problem, names, threads))
        # After the peers are imported: only libraries that are loaded can be limited.
        with threadpool_limits(threads or os.cpu_count()):
            try:
                work(bench)
            except Exception as error:
                why = f"failed: {type(error).__name__}: {error}"
                bench.drop("the rest of this section", why)
        section.rows, section.absent = bench.rows, bench.absent
        self.done.append(section)

    def asked(self, problem, names, threads):
        """The peers of a section that are timed on so many threads."""
        if self.options.quick and problem.gain.shape[1] > 1000:
            return [name for name in names if name.startswith("MNE")]
        few = threads != 1 or self.options.quick
        return [name for name in names if not (few and name in SLOWEST)]

    def convex(self, problem, names, alphas, threads=1, tol=TOL, peers_to=20.0):
        """Every solver at some alphas, ours to a gap near rounding, too."""
        if self.options.quick:
            alphas, peers_to = (alphas[0], alphas[-1]), max(50.0, peers_to)
        tight = threads == 1 and tol == TOL

        def work(bench):
            bench.solves(alphas, peers_to, tight)

        self.run("Convex", problem, names, work, threads, tol)

    def hard(self):
        """What block coordinate descent alone is slow at."""
        for seed in self.options.seeds:
            self.convex(problems.simulated(seed=seed), ("MNE bcd",), HARD)
        # MNE bcd takes minutes where many sources are found.
        many = problems.simulated(n_locations=5000, n_active=N_MANY)
        self.convex(many, ("MNE bcd",), MANY, peers_to=40.0)
        self.convex(problems.simulated(60, 1000, 1, 60), FIXED, ALPHAS)
        self.convex(problems.simulated(n_times=600), ("MNE bcd",), (50.0, 30.0))

    def more(self, free, fixed, threads):
        """What is more than one convex solve."""

        def reweighted(bench):
            sequences.reweighted(bench, 50.0)

        for problem in (free, fixed):
            self.run("irMxNE", problem, (), reweighted, threads)
        if threads == 1:
            self.run("Path", free, ("MNE bcd", "adelie"), sequences.path, threads)
            names = ("MNE bcd", "adelie", "celer", "scikit-learn")
            self.run("Path", fixed, names, sequences.path, threads)
            self.run("Batch", free, ("MNE bcd",), sequences.batch, threads)
            self.run("Preparing", free, (), sequences.preparing, threads)


def everything(options):
    """All sections, in the order of the page."""
    real, sections = problems.DATA.is_dir(), Sections(options)
    free = problems.real(0.2) if real else problems.simulated()
    fixed = problems.real(0.0) if real else problems.simulated(n_orient=1)
    for threads in options.threads:
        sections.convex(free, FREE, ALPHAS, threads)
        sections.convex(fixed, FIXED, ALPHAS, threads)
        if threads == 1:
            sections.hard()
            for tol in OTHER_TOLS:
                sections.convex(free, ("MNE bcd", "adelie"), (50.0, 30.0), tol=tol)
                names = ("MNE bcd", "MNE cd", "adelie", "celer")
                sections.convex(fixed, names, (50.0, 30.0), tol=tol)
        sections.more(free, fixed, threads)
    return sections.done


def measure(options):
    """The part of the page against other solvers."""
    sections = everything(options)
    lines = ["![Time against alpha](benchmark.png)", "", CAPTION, ""]
    lines += [*report.headline(sections, TOL), ""]
    details = ["", "How many times as long a peer takes, over the alphas of a problem:", ""]
    details += [*report.means(sections), "", "Cells below are products (relative gap) ratio to "]
    details[-1] += "mxne_rs; **!** marks a gap above the one asked for."
    lines += report.folded(TITLE, [*details, *report.tables(sections)])
    if options.write:
        report.picture(sections, options.threads[0], TOL)
    return Part(lines, compare_targets.targets(sections))
