"""Compare noise levels that SURE can assume, on simulated auditory fields and on real data.

Run as ``python evidence/noise_level.py --draws 10 --data ../shared/data``; it prints the tables of
``noise_level.md``. Every rule chooses on the same path, with the same random direction.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxne_rs import Gain, alpha_max, solve_path
from mxne_rs._arguments.convert import Floats
from mxne_rs.inverse.model import prepare_model
from mxne_rs.solve.debias import fitted
from papers.auditory import SNR, WINDOW, AuditoryField, prepare_auditory
from papers.head import Head, find_head
from papers.scores import recovery
from papers.tmi2016 import NEAR
from reporting import markdown, options

#: Percentages of alpha_max: those of `mixed_norm`.
GRID = np.geomspace(100.0, 10.0, 15)
NAVES = (1, 5, 20, 100)
#: Power of the signal over that of the averaged noise, between 60 and 150 ms (the paper has 2.63),
#: and power of phase-locked background over that of the averaged noise.
CASES = ((2.63, 0.0), (20.0, 1.0), (2.63, 1.0), (0.5, 1.0))


@dataclass(frozen=True)
class Curve:
    """What every rule needs to know of the answers along the grid."""

    residual: Floats
    """|M - fit|^2 of each alpha, after debiasing."""
    dof: Floats
    """Degrees of freedom by finite differences along a random direction."""
    active: NDArray[np.bool_]
    """Supports, (n_alphas, n_locations)."""
    settled: NDArray[np.bool_]
    """Whether reweighting had settled."""
    size: int
    """Number of entries of M."""

    def sure(self, sigma: float) -> int:
        """Position of the smallest risk at a noise level."""
        return int(np.argmin(self.residual + 2 * sigma**2 * self.dof))

    def estimate(self, index: int) -> float:
        """Noise level that the residual of an answer has, per degree of freedom left."""
        return float(np.sqrt(self.residual[index] / max(self.size - self.dof[index], 1)))

    def fixed_point(self, sigma: float) -> int:
        """Position where SURE at the level of its own residual stays, from a first level."""
        index = self.sure(sigma)
        for _ in range(20):
            following = self.sure(self.estimate(index))
            if following == index:
                break
            index = following
        return index


@dataclass(frozen=True)
class Levels:
    """Noise levels that are known before anything is solved."""

    nominal: float
    """nave ** -0.5"""
    baseline: float
    """Root mean square of the whitened samples before 0."""
    window: float
    """Root mean square of the data themselves: nothing is signal."""
    median: float
    """Median over whitened sensors of the root mean square over time."""


#: Position on the grid that each rule chooses.
RULES: dict[str, Callable[[Curve, Levels], int]] = {
    "nave ** -0.5": lambda curve, levels: curve.sure(levels.nominal),
    "1 (MNE)": lambda curve, _: curve.sure(1.0),
    "baseline": lambda curve, levels: curve.sure(levels.baseline),
    "data, mean": lambda curve, levels: curve.sure(levels.window),
    "data, median": lambda curve, levels: curve.sure(levels.median),
    "larger of nave ** -0.5, median": lambda curve, levels: curve.sure(
        max(levels.nominal, levels.median)
    ),
    "residual, from nave ** -0.5": lambda curve, levels: curve.fixed_point(levels.nominal),
    "residual, from the data": lambda curve, levels: curve.fixed_point(levels.window),
    "GCV": lambda curve, _: int(np.argmin(curve.residual / (1 - curve.dof / curve.size) ** 2)),
}


def curves(
    gain: Gain, data: Floats, sigma: float, seed: int, rounds: Sequence[int]
) -> dict[int, Curve]:
    """Solve MxNE and irMxNE of each number of rounds along the grid, on data and perturbed data."""
    percent = alpha_max(gain, data) / 100
    step = 2 * sigma / len(data) ** 0.3
    direction = np.random.default_rng(seed).standard_normal(data.shape)
    found: dict[int, Curve] = {}
    for n_reweights in rounds:
        paths = [
            # MNE's unit of the data, for the perturbed data too.
            solve_path(
                gain, one, percent * GRID, n_reweights=n_reweights, amplitude_unit=1 / percent,
                tol=1e-4, n_threads=1, verbose=False,
            )
            for one in (data, data + step * direction)
        ]  # fmt: skip
        found.setdefault(1, _curve(gain, data, direction, step, [p.convex for p in paths]))
        found[n_reweights] = _curve(gain, data, direction, step, [p.solutions for p in paths])
    return found


def _curve(gain: Gain, data: Floats, direction: Floats, step: float, answers: Any) -> Curve:
    data_sets = (data, data + step * direction)
    residual, dof = np.zeros(len(GRID)), np.zeros(len(GRID))
    for i, pair in enumerate(zip(*answers, strict=True)):
        fits = [
            fitted(gain, one, solution, True) for one, solution in zip(data_sets, pair, strict=True)
        ]
        residual[i] = np.sum((data - fits[0]) ** 2)
        dof[i] = np.sum(direction * (fits[1] - fits[0])) / step
    active = np.array([solution.active_set for solution in answers[0]])
    settled = np.array([solution.reweighting_converged is not False for solution in answers[0]])
    return Curve(residual, dof, active, settled, data.size)


def levels_of(data: Floats, baseline: Floats, nave: int) -> Levels:
    """Estimate the noise level in each way that needs no solve."""
    rows = np.sqrt(np.mean(data**2, axis=1))
    return Levels(
        nominal=nave**-0.5,
        baseline=float(np.sqrt(np.mean(baseline**2))),
        window=float(np.sqrt(np.mean(data**2))),
        median=float(np.median(rows)),
    )


def draw(
    field: AuditoryField, setting: tuple[int, float, float], rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Data of the window, and samples before 0, of one simulated average."""
    nave, snr, locked = setting
    noise = field.noise(rng, nave)
    # Phase-locked background is the same in every trial: ten dipoles that do not average out.
    noise += (locked / nave) ** 0.5 * field.noise(rng, 1)
    # `field` has SNR at 100 trials; noise of a trial has a standard deviation of one.
    data = (snr / SNR * 100 / nave) ** 0.5 * field.signal + noise
    window = (field.times > WINDOW[0] - 1e-6) & (field.times < WINDOW[1] + 1e-6)
    # At 500 Hz: filtered noise does not change faster.
    return data[:, window][:, ::2], data[:, field.times < 0]


def scores(head: Head, active: NDArray[np.bool_]) -> tuple[float, int, float]:
    """F1 of the two sources within `NEAR`, number of sources, mean distance in mm."""
    f1 = float(recovery(active, head.distances < NEAR))
    nearest = head.distances[:, active].min(axis=1, initial=0.05)
    return f1, int(active.sum()), 1e3 * float(nearest.mean())


def simulate(n_draws: int, head: Head, rounds: Sequence[int]) -> dict[Any, list[tuple[float, ...]]]:
    """Scores of each rule in each setting: {(setting, rounds, rule): one per draw}."""
    model, field = prepare_auditory(head)
    settings = [(nave, *case) for case in CASES for nave in NAVES]
    found = defaultdict(list)
    for number in range(n_draws):
        for setting in settings:
            rng = np.random.default_rng([number, setting[0]])
            data, baseline = draw(field, setting, rng)
            levels = levels_of(data, baseline, setting[0])
            answers = curves(model.gain, data, levels.nominal, number, rounds)
            for n_rounds, curve in answers.items():
                chosen = {name: rule(curve, levels) for name, rule in RULES.items()}
                all_scores = [scores(head, active) for active in curve.active]
                chosen["(best on the grid)"] = int(np.argmax([f1 for f1, *_ in all_scores]))
                for name, index in chosen.items():
                    row = (*all_scores[index], GRID[index], float(curve.settled[index]))
                    found[setting, n_rounds, name].append(row)
        print(f"<!-- draw {number + 1} of {n_draws} -->", flush=True)
    return found


def write_tables(found: dict[Any, list[tuple[float, ...]]]) -> None:
    """Print one table per number of rounds: mean scores over settings, and F1 by setting."""
    settings = list(dict.fromkeys(setting for setting, _, _ in found))
    names = list(dict.fromkeys(name for _, _, name in found))
    heads = ["sigma", "F1", "sources", "mm", "alpha (%)", "settled"]
    heads += [f"SNR {snr:g}{', locked' if locked else ''}" for snr, locked in CASES]
    for rounds in dict.fromkeys(rounds for _, rounds, _ in found):
        rows = []
        for name in names:
            every = np.vstack([found[setting, rounds, name] for setting in settings])
            f1, n_active, distance, percent, settled = every.mean(axis=0)
            cells = [
                " ".join(
                    f"{np.mean([row[0] for row in found[(nave, *case), rounds, name]]):.2f}"
                    for nave in NAVES
                )
                for case in CASES
            ]
            means = (f"{f1:.3f}", f"{n_active:.1f}", f"{distance:.0f}", f"{percent:.0f}")
            rows.append([name, *means, f"{settled:.2f}", *cells])
        markdown("MxNE" if rounds == 1 else f"irMxNE, {rounds} rounds", heads, rows)


def real(folder: Path, rounds: Sequence[int], seeds: int = 4) -> None:
    """Print how many sources each rule finds in the real auditory fields, with several seeds."""
    import mne

    mne.set_log_level("ERROR")
    noise_cov = mne.read_cov(folder / "noise-cov.fif")
    for condition in (0, 1):
        evoked = mne.read_evokeds(folder / "auditory-ave.fif", condition, baseline=(None, 0))
        for name in ("cortex-1000-meg-eeg-fwd.fif", "cortex-7498-meg-fwd.fif"):
            forward = mne.read_forward_solution(folder / name)
            model = prepare_model(evoked.info, forward, noise_cov)
            data = model.whiten(evoked.copy().crop(0.05, 0.15))
            baseline = model.whiten(evoked.copy().crop(None, 0))
            levels = levels_of(data, baseline, evoked.nave)
            runs = [curves(model.gain, data, levels.nominal, seed, rounds) for seed in range(seeds)]
            rows = []
            for rule, choose in RULES.items():
                picks = [[(run[n], choose(run[n], levels)) for run in runs] for n in runs[0]]
                counts = [" ".join(str(c.active[i].sum()) for c, i in each) for each in picks]
                rows.append([rule, *counts])
            title = f"{evoked.comment}, {evoked.nave} averages, {name}\n\n"
            title += ", ".join(f"{key} {value:.2f}" for key, value in vars(levels).items())
            markdown(title, ["sigma", *(f"{n} round(s)" for n in runs[0])], rows)


def main() -> None:
    """Simulate, and look at the real data where they are."""
    parser = options(__doc__, draws=10)
    parser.add_argument("--rounds", type=int, nargs="+", default=[50], help="of irMxNE, at most")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    if arguments.draws:
        write_tables(simulate(arguments.draws, find_head(arguments.data), arguments.rounds))
    if arguments.data is not None:
        real(arguments.data, arguments.rounds)


if __name__ == "__main__":
    main()
