"""Measure how the unit of irMxNE's amplitudes changes what it finds, where the truth is known.

With the unit u, irMxNE lowers ``1/2 |M - G X|^2 + alpha u sum_s g(|X_s| / u)``: a larger unit gives
larger weights after the first round, and so fewer sources. The first round is MxNE in every unit.
"""

from __future__ import annotations

import itertools
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import mne
import numpy as np
from numpy.typing import NDArray

import mxne_rs
from mxne_rs import Gain, Solution, alpha_max, solve_irmxne, solve_path
from mxne_rs.inverse.model import prepare_model
from papers import prni2014, tmi2016
from papers.auditory import WINDOW, prepare_auditory
from papers.head import find_head
from papers.scores import recovery
from reporting import markdown, options

#: Convex problems at most.
ROUNDS = 50
#: Parts of the alpha_max of white noise; percentages of alpha_max.
NOISE_PARTS = np.array([2.0, 1.5, 1.1, 0.8, 0.5, 0.3])
COARSE, FINE = np.array([10.0, 20, 30, 40, 50, 60]), np.arange(5.0, 100.0, 5.0)
REAL = np.array([20.0, 30, 40, 50, 60, 70, 80])
REPORT = Path(__file__).with_suffix(".md")


class Scales(NamedTuple):
    """What a unit can be made of: a problem's scales, and the largest block of its MxNE."""

    alpha: float
    alpha_max: float
    norm: float
    largest: float
    sqrt: bool


FAMILIES: dict[str, Callable[[Scales], float]] = {
    # alpha_max is 100, as in `mne.inverse_sparse.mixed_norm`.
    "mne": lambda at: 100 / at.alpha_max,
    # An amplitude of 1 moves the whitened data by 1.
    "gain": lambda at: 1 / at.norm,
    # An isolated source can live exactly where MxNE's does.
    "alpha": lambda at: (16 / 27 if at.sqrt else 1 / 4) * at.alpha / at.norm**2,
    # The largest block of the first round has weight 1 in the second.
    "largest": lambda at: (4.0 if at.sqrt else 1.01) * at.largest,
}
DECADES, PARTS = (0.1, 0.3, 1, 3, 10), (0.0625, 0.125, 0.25, 0.5, 1, 3, 10)
FACTORS = {"mne": (1,), "gain": DECADES, "alpha": DECADES, "largest": PARTS}
#: Families and factors that are tried, by surrogate: poor units take long with the logarithm.
ALL = {f"{family} x {k:g}": (family, k) for family in FACTORS for k in FACTORS[family]}
UNITS = {"sqrt": ALL, "log": {n: unit for n, unit in ALL.items() if unit[1] == 1 or n[0] == "l"}}
#: The unit that all others are compared with.
CHOSEN = "largest x 0.25"


class Case(NamedTuple):
    """A problem, the alphas it is solved at, and the F1 of a support."""

    group: str
    gain: Gain
    data: NDArray[np.float64]
    alphas: NDArray[np.float64]
    f1: Callable[[NDArray[np.bool_]], float]


def irmxne(case: Case, first: Solution, unit: float, surrogate: str) -> tuple[Any, int, bool]:
    """Solve irMxNE in a unit, from its first round: support, rounds, and whether it settled.

    A location at zero stays there with the square root: the locations of the first round are
    enough then.
    """
    where, gain, x = np.arange(case.gain.n_locations), case.gain, first.x
    if surrogate == "sqrt":
        where, x = np.flatnonzero(first.active_set), first.sources
        gain = Gain(gain.columns(where), gain.n_orient)
    found = solve_irmxne(
        gain, case.data, first.alpha, n_reweights=ROUNDS, surrogate=surrogate,
        amplitude_unit=unit, init=x, max_iter=3000, n_threads=1, verbose=False,
    )  # fmt: skip
    active = np.zeros(case.gain.n_locations, dtype=bool)
    active[where[found.active_set]] = True
    return active, int(found.n_reweights or 0), bool(found.reweighting_converged)


def measure(case: Case, surrogate: str) -> NDArray[np.float64]:
    """F1, sources, emptied, rounds, unsettled: shape (1 + n_units, n_alphas, 5), MxNE first."""
    units, sqrt = UNITS[surrogate].values(), surrogate == "sqrt"
    norm = float(np.median(np.sqrt(case.gain.lipschitz)))
    top = alpha_max(case.gain, case.data)
    result = np.zeros((1 + len(units), len(case.alphas), 5))
    path = solve_path(case.gain, case.data, case.alphas, n_threads=1, verbose=False)
    for k, first in zip(np.argsort(-case.alphas), path, strict=True):
        result[0, k, :2] = case.f1(first.active_set), first.active_set.sum()
        if not first.active_set.any():
            continue
        blocks = first.sources.reshape(first.active_set.sum(), -1)
        scales = Scales(first.alpha, top, norm, np.linalg.norm(blocks, axis=1).max(), sqrt)
        for i, (family, factor) in enumerate(units, 1):
            unit = factor * FAMILIES[family](scales)
            active, rounds, settled = irmxne(case, first, unit, surrogate)
            result[i, k] = case.f1(active), active.sum(), not active.any(), rounds, not settled
    return result


def exact_f1(true: NDArray[np.intp]) -> Callable[[NDArray[np.bool_]], float]:
    """F1 of a support, locations hit exactly."""
    return lambda active: float(2 * active[true].sum() / (active.sum() + len(true)))


def bsi_zoo(folder: Path, draws: int, percents: bool) -> Iterator[Case]:
    """BSI-Zoo's simulation: 1 to 5 sources, noise of random diagonal covariance, known."""
    lead = np.load(folder / "benchmarks" / "bsi-zoo-120166.npz")["gain"].astype(float)
    n_sensors, n_locations = lead.shape
    white = np.random.default_rng(0).standard_normal((20, n_sensors, 10))
    unit_norm = Gain(lead / np.linalg.norm(lead, axis=0))
    threshold = float(np.mean([alpha_max(unit_norm, one) for one in white]))
    cells = itertools.product((1, 2, 3, 5), (0.01, 0.1, 0.3, 0.5, 0.7), range(draws))
    for n_sources, level, draw in cells:
        rng = np.random.default_rng([draw, n_sources, round(100 * level)])
        true = rng.choice(n_locations, n_sources, replace=False)
        signal = lead[:, true] @ rng.standard_normal((n_sources, 10))
        std = np.sqrt(rng.chisquare(n_sensors, n_sensors))
        noise = rng.standard_normal((n_sensors, 10))
        size = np.linalg.norm(signal) / np.linalg.norm(std[:, np.newaxis] * noise)
        std *= level / (1 - level) * size
        whitened = lead / std[:, np.newaxis]
        gain = Gain(whitened / np.linalg.norm(whitened, axis=0))
        data = signal / std[:, np.newaxis] + noise
        top = alpha_max(gain, data)
        alphas = top * COARSE / 100 if percents else threshold * NOISE_PARTS
        yield Case("all", gain, data, alphas, exact_f1(true))


def prni(draws: int) -> Iterator[Case]:
    """The four simulations of PRNI 2014."""
    for draw in range(draws):
        for setting in prni2014.SETTINGS:
            problem = prni2014.draw_problem(0, draw, setting)
            gain = Gain(problem.gain)
            alphas = alpha_max(gain, problem.data) * FINE / 100
            yield Case(str(setting), gain, problem.data, alphas, exact_f1(problem.active))


def tmi(folder: Path, draws: int) -> Iterator[Case]:
    """The auditory simulation of TMI 2016; found is what is within a geodesic centimetre."""
    head = find_head(folder)
    model, field = prepare_auditory(head)
    near = head.distances < tmi2016.NEAR
    field = field.within(*WINDOW)
    for draw in range(draws):
        data = tmi2016.draw(field, 0, draw)
        alphas = alpha_max(model.gain, data) * COARSE / 100
        yield Case("all", model.gain, data, alphas, lambda active: float(recovery(active, near)))


def table(title: str, cases: Iterator[Case], surrogate: str, heads: Sequence[str]) -> str:
    """Solve the cases and write their table: a column for each group, or else for each alpha."""
    start = time.process_time()
    parts = [(case.group, case.alphas, measure(case, surrogate)) for case in cases]
    labels, results = np.array([part[0] for part in parts]), np.array([part[2] for part in parts])
    groups, alphas = list(dict.fromkeys(labels)), parts[0][1]
    chosen = results[:, 1 + list(UNITS[surrogate]).index(CHOSEN), :, 0].mean(axis=1)
    columns = ["unit", *(heads or groups), "best", "around", "mean", f"mean minus {CHOSEN}"]
    columns += ["sources", "emptied", "rounds", "unsettled"]
    rows = []
    for one in results.swapaxes(0, 1):
        curves = np.array([one[labels == group, :, 0].mean(axis=0) for group in groups])
        # Alphas within a factor of two of the best.
        near = np.abs(np.log2(alphas / alphas[curves.argmax(axis=1), np.newaxis])) < 1.01
        around = (curves * near).sum(axis=1) / near.sum(axis=1)
        lower = one[..., 0].mean(axis=1) - chosen
        _, found, emptied, rounds, unsettled = one.reshape(-1, 5).mean(axis=0)
        cells = [f"{f1:.3f}" for f1 in (curves[0] if heads else curves.mean(axis=1))]
        cells += [
            f"{curves.max(axis=1).mean():.3f}", f"{around.mean():.3f}", f"{curves.mean():.3f}",
            f"{lower.mean():+.3f} ± {lower.std() / len(lower) ** 0.5:.3f}", f"{found:.1f}",
            f"{emptied:.1%}", f"{rounds:.0f}", f"{unsettled:.1%}",
        ]  # fmt: skip
        rows.append(cells)
    spent = f"{len(results)} problems, {time.process_time() - start:.0f} s of CPU"
    return markdown(f"{title}, {surrogate} ({spent})", columns, named(surrogate, rows))


def named(surrogate: str, rows: Any) -> list[list[str]]:
    """Begin rows with their names: MxNE and each unit."""
    names = ["MxNE", *UNITS[surrogate]]
    return [[name, *row] for name, row in zip(names, rows, strict=True)]


def real_table(folder: Path, surrogate: str) -> str:
    """Count sources in the real auditory response when the covariance is multiplied."""
    evoked = mne.read_evokeds(folder / "auditory-ave.fif", condition=0).pick("meg").crop(0.05, 0.15)
    forward = mne.read_forward_solution(folder / "cortex-1000-meg-eeg-fwd.fif")
    model = prepare_model(evoked.info, forward, mne.read_cov(folder / "noise-cov.fif"))
    counts = []
    for factor in (0.1, 1.0, 10.0):
        gain = Gain(model.gain.columns(np.arange(model.gain.n_locations)) / factor**0.5, 3)
        data = model.whiten(evoked) / factor**0.5
        case = Case("", gain, data, alpha_max(gain, data) * REAL / 100, lambda active: 0.0)
        counts.append(measure(case, surrogate)[..., 1].astype(int))
    title = f"Real auditory response: sources at alpha 20, 30 .. 80 %, {surrogate}"
    heads = ["unit", "covariance x 0.1", "covariance x 1", "covariance x 10"]
    texts = [[" ".join(map(str, cell)) for cell in row] for row in zip(*counts, strict=True)]
    return markdown(title, heads, named(surrogate, texts))


def main() -> None:
    """Print the tables, and put them below the heading "Tables" of the report."""
    parser = options(__doc__, draws=3)
    args = parser.parse_args()
    if args.data is None:
        parser.error("give the folder with the data: --data, or MXNE_RS_DATA")
    mne.set_log_level("ERROR")
    warnings.simplefilter("ignore", mxne_rs.ConvergenceWarning)
    parts, percents = [f"{one:g} x noise" for one in NOISE_PARTS], [f"{one:g} %" for one in COARSE]
    tables = []
    for s, n in (("sqrt", args.draws), ("log", max(args.draws // 3, 1))):
        tables += [
            table("BSI-Zoo", bsi_zoo(args.data, n, False), s, parts),
            table("BSI-Zoo, alpha in % of alpha_max", bsi_zoo(args.data, n, True), s, percents),
            table("PRNI 2014, alpha 5 to 95 %", prni(5 * n), s, []),
            table("TMI 2016, alpha in % of alpha_max", tmi(args.data, 4 * n), s, percents),
            real_table(args.data, s),
        ]
    words, heading, _ = REPORT.read_text(encoding="utf-8").partition("## Tables\n\n")
    REPORT.write_text(words + heading + "\n".join(tables), encoding="utf-8")


if __name__ == "__main__":
    main()
