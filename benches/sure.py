"""`mixed_norm(alpha="sure")` against MNE's, whole calls on the real data, one thread.

Both get the same grid, tolerance and noise level (MNE's), and prepare the forward solution by the
same functions of MNE; MNE draws its directions after rotating time, so the curves differ slightly.
Time is also told of the solve alone, without preparation, in products of the whole gain.
"""

from __future__ import annotations

import statistics
from typing import NamedTuple
from unittest import mock

import numpy as np

import mxne_rs
import problems
from targets import Part, Target, at_least, at_most
from timing import timed

TOL, OVER_MNE = 1e-4, 30.0


class Case(NamedTuple):
    """A row; `before` is what the solve took at commit 99b9a08, in products on one thread.

    That was before the solver had a Newton method; half of it is the target. None has no target.
    It was measured in seconds of the processor, because the machine was shared: 214 to 240 for 225.
    """

    title: str
    forward: str
    n_mxne_iter: int
    before: float | None


CASES = (
    Case("1000 locations, MxNE", "cortex-1000-meg-eeg-fwd.fif", 1, None),
    Case("1000 locations, irMxNE of 10 rounds", "cortex-1000-meg-eeg-fwd.fif", 10, 940.0),
    Case("7498 locations, MxNE", "cortex-7498-meg-fwd.fif", 1, None),
    Case("7498 locations, irMxNE of 10 rounds", "cortex-7498-meg-fwd.fif", 10, 225.0),
)


class Watched:
    """A function that keeps the arguments, the answer and the seconds of its last call."""

    def __init__(self, module, name):
        self.function = getattr(module, name)
        self.patch = mock.patch.object(module, name, self.call)

    def call(self, *arguments, **keywords):
        self.arguments, self.keywords = arguments, keywords
        self.answer, self.seconds = timed(self.function, *arguments, **keywords)
        return self.answer


class Measured(NamedTuple):
    """What one case took and chose."""

    alpha: float
    n_sources: int
    gap: float
    products: float
    theirs: tuple[float, int]
    #: How many times as long MNE took: the whole call, and the solve alone.
    over: float
    over_solve: float


def gap_of(watched):
    """The largest gap of the curve, and the gap of the answer as NumPy computes it."""
    gain, data = watched.arguments[:2]
    columns = gain.columns(np.arange(gain.n_locations))
    problem = problems.Problem("", columns, data, gain.n_orient)
    solution = watched.answer
    told = float(np.max(solution.sure.gaps))
    return max(told, problem.gap(solution.x, solution.alpha, solution.weights))


def case(one, repeats, threads=1):
    """Measure one case: ours the median, MNE's once."""
    import mne
    import mne.inverse_sparse.mxne_inverse as theirs_module

    import mxne_rs.inverse.localize as ours_module

    evoked = mne.read_evokeds(problems.DATA / "auditory-ave.fif", condition=0)
    evoked.pick("meg").crop(0.05, 0.15)
    forward = mne.read_forward_solution(problems.DATA / one.forward)
    noise_cov = mne.read_cov(problems.DATA / "noise-cov.fif")
    given = (evoked, forward, noise_cov, "sure")
    options = {"n_mxne_iter": one.n_mxne_iter, "debias": False, "random_state": 0}
    seconds, solves, units = [], [], []
    with (ours := Watched(ours_module, "solve_sure")).patch:
        # The first call also imports what MNE needs.
        for repeat in range(repeats + 1):
            (stc, solution), spent = timed(
                mxne_rs.mixed_norm, *given, sure_sigma=1.0, return_solution=True,
                n_threads=threads, verbose="ERROR", **options,
            )  # fmt: skip
            if repeat:
                gain, data = ours.arguments[:2]
                seconds.append(spent)
                solves.append(ours.seconds)
                units += [gain._prepared.product_seconds(data, threads) for _ in range(3)]
    with (theirs := Watched(theirs_module, "_compute_mxne_sure")).patch:
        stc_theirs, spent = timed(
            mne.inverse_sparse.mixed_norm, *given, verbose="ERROR", **options
        )  # fmt: skip
    solve = statistics.median(solves)
    return Measured(
        solution.alpha, len(stc.data), gap_of(ours), solve / statistics.median(units),
        (float(theirs.answer[2]), len(stc_theirs.data)), spent / statistics.median(seconds),
        theirs.seconds / solve,
    )  # fmt: skip


def measure(options):
    """The part of the page about SURE."""
    if not problems.DATA.is_dir():
        return Part(["## SURE", "", "Not measured: the real data are not here."], [])
    import mne

    mne.set_log_level("ERROR")
    repeats = 1 if options.quick else 3
    lines = [
        "## SURE",
        "",
        'Whole calls of `mixed_norm(alpha="sure")` on the real data, 15 alphas from 100 to 10 %, '
        f"tolerance {TOL:g}, one thread, preparation by MNE included in both; ours the median of "
        f"{repeats}, MNE's once. Beside it the solve alone. The gap is the largest of the "
        "curve, that of the answer by NumPy.",
        "",
        "| problem | chosen alpha (sources) | MNE's | gap | products | over MNE | solve alone |",
        "|---|---|---|---|---|---|---|",
    ]
    targets = []
    for one in CASES if not options.quick else CASES[:2]:
        found = case(one, repeats)
        lines.append(
            f"| {one.title} | {found.alpha:.1f} ({found.n_sources}) | {found.theirs[0]:.1f} "
            f"({found.theirs[1]}) | {found.gap:.0e} | {found.products:.1f} | {found.over:.1f} "
            f"| {found.over_solve:.1f} |"
        )
        print(lines[-1], flush=True)
        targets += targets_of(one, found)
    return Part(lines, targets)


def targets_of(one, found) -> list[Target]:
    """The rows of one case: the solve beside that of before, the whole call beside MNE's."""
    if one.before is None:
        return []
    told, what = f"gap {found.gap:.0e}", f"SURE, {one.title}"
    half, reached = one.before / 2, found.gap <= 1.01 * TOL
    return [
        at_most(f"{what}: half of {one.before:g}", half, found.products, told, reached=reached),
        at_least(f"{what}, over MNE's", OVER_MNE, found.over, told),
    ]
