"""BSI-Zoo from one call: rules, methods and depths scored, published means beside them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mxne_rs._arguments.convert import Floats
from mxne_rs._looks.axes import COLOURS, Figure, blank_figure
from mxne_rs.study import run_study
from papers.claims import Row, judge, rows_at
from papers.figures import curve, label, legend
from papers.files import data_files
from papers.findings import Findings, Picture, Table

from .bsi_zoo import (
    COMPARED,
    COVARIANCES,
    DEPTHS,
    LEVELS,
    METHODS,
    N_SOURCES,
    RECOMMENDED,
    RULES,
    Setting,
    names_of,
    study_of,
)

FILE = "benchmarks/bsi-zoo-120166.npz"
#: Everything with everything; gamma-MAP has no rule.
CROSSED = [Setting(r, m, d) for r in RULES for m in METHODS for d in DEPTHS]
CROSSED += [Setting("told the noise", "gamma-MAP", d) for d in DEPTHS]
#: What is solved for all draws and noise levels.
LONG = [Setting("noise", "irMxNE", 1.0), Setting(*RECOMMENDED)]
BEST = LONG.index(Setting(*RECOMMENDED))
LIMITS = ["alternating projections, told the number", "matching pursuit, told the number"]
#: Draws of the long study for each of the crossed one, and of the full covariance.
SHARE = 25
#: Means of the benchmark's own runs (bsi_zoo/data/final/fixed_spatialCV.csv: four subjects, ten
#: runs, diagonal covariance; gamma-MAP's rows are errors), at `LEVELS`: F1, and EMD in mm.
PUBLISHED = {
    "reweighted L1": (
        (0.293, 0.271, 0.233, 0.200, 0.142, 0.121, 0.119, 0.097, 0.072, 0.011, 0.001),
        (29, 30, 32, 34, 37, 39, 40, 42, 46, 56, 61),
    ),
    "reweighted L2": (
        (0.310, 0.291, 0.251, 0.215, 0.155, 0.129, 0.124, 0.102, 0.078, 0.011, 0.001),
        (29, 30, 32, 35, 36, 38, 39, 44, 50, 58, 61),
    ),
    "reweighted sqrt": (
        (0.246, 0.229, 0.173, 0.115, 0.110, 0.107, 0.098, 0.078, 0.058, 0.014, 0.001),
        (29, 29, 31, 36, 36, 38, 40, 42, 45, 56, 61),
    ),
    "eLORETA": (
        (0.001,) * 11,
        (48, 49, 50, 51, 51, 52, 53, 54, 55, 56, 56),
    ),
}


class Scored(NamedTuple):
    """Scores of settings: (n_draws, n_covariances, n_sources, n_levels, n_settings, 3)."""

    scores: Floats
    levels: Sequence[float]
    names: Sequence[str]

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return len(self.scores)

    def at(self, levels: Sequence[float]) -> Scored:
        """Select noise levels."""
        places = [list(self.levels).index(one) for one in levels]
        return Scored(self.scores[:, :, :, places], levels, self.names)

    def cell(self, i: int, n_sources: int, level: float, covariance: int = 0) -> float:
        """Mean F1 of a setting in a cell."""
        at = N_SOURCES.index(n_sources), list(self.levels).index(level), i, 0
        return float(self.scores[(slice(None), covariance, *at)].mean())


def reproduce_bsi_zoo(
    *,
    repetitions: int = 50,
    seed: int = 0,
    data: str | os.PathLike[str] | None = None,
    store: str | os.PathLike[str] | None = None,
    **how: Any,
) -> Findings:
    """Run BSI-Zoo's simulation on its lead field, and score what is found.

    `repetitions` are draws of each cell (number of sources, noise level, diagonal covariance) for
    the recommended setting and its limits; a twenty-fifth of them, two at least, for everything
    with everything and for full covariances. `data` is a folder with
    ``benchmarks/bsi-zoo-120166.npz``; **how is as for `mxne_rs.study.run_study`.
    """
    files = data_files(data, FILE)
    if files is None:
        raise FileNotFoundError(f"data: give the folder that holds {FILE} (--data)")
    with np.load(files[0]) as file:
        lead, positions = (file[name].astype(float) for name in ("gain", "positions_m"))
    few = max(repetitions // SHARE, 2)

    def scored(name: str, settings: list[Setting], levels: Any, covs: Any, n: int) -> Scored:
        limits = settings is LONG
        study = study_of(
            lead, positions, settings, levels, covs, repetitions=n, seed=seed, limits=limits
        )
        with warnings.catch_warnings():
            # What a rule warns of, such as nothing found, is scored.
            warnings.simplefilter("ignore", RuntimeWarning)
            parts = run_study(study, store=None if store is None else Path(store) / name, **how)
        names = names_of(settings) + (LIMITS if limits else [])
        return Scored(np.array([part["scores"] for part in parts]), levels, names)

    long = scored("long", LONG, LEVELS, COVARIANCES[:1], repetitions)
    crossed = scored("crossed", CROSSED, COMPARED, COVARIANCES[:1], few)
    full = scored("full", LONG, COMPARED, COVARIANCES[1:], few)
    return Findings(
        title="BSI-Zoo: sources on a real lead field, noise of known covariance",
        about=_about(long, crossed, full),
        settings={
            "repetitions": repetitions, "of everything with everything": few, "seed": seed,
            "recommended": names_of([Setting(*RECOMMENDED)])[0],
        },
        claims=judge(GOALS, {"draws": long.at(COMPARED), "all": crossed}),
        pictures=[Picture("by-noise", "F1 by noise", "Means over draws.", _picture(long))],
        tables=[
            _means("recommended", "Recommended setting and limits", long.at(COMPARED), True),
            _cells("cells", "F1 and distance by number of sources and noise", long),
            _means("full-covariance", "Full covariance", full, True),
            _means("crossed", "Every rule with every method and depth", crossed, True),
            _cells("crossed-cells", "The same by number of sources and noise", crossed),
        ],
    )  # fmt: skip


def _about(long: Scored, crossed: Scored, full: Scored) -> str:
    return (
        f"BSI-Zoo's simulation on the lead field of subject CC120166 (204 gradiometers, 4686 fixed "
        f"locations): 1, 2, 3 and 5 sources of white courses, {len(LEVELS)} noise levels, "
        f"{long.n_draws} draws a cell with diagonal covariance, {full.n_draws} with full. Data are "
        "whitened by the covariance, which is all that a rule knows; n_sources and the limits are "
        f"told the number of sources. {crossed.n_draws} draws a cell for every rule with every "
        "method and depth. Depth is the exponent on the norms of the columns. Only fixed "
        "orientation: the file has no other. The distance of nothing found is that of a uniform "
        "map. The rule 'stability' needs trials, which the simulation does not have."
    )


def _means(name: str, title: str, scored: Scored, shown: bool) -> Table:
    """Mean over all cells: F1, its part with three and five sources, EMD, sources."""
    rows: list[tuple[Any, ...]] = []
    means = scored.scores.mean(axis=(0, 1))
    for i, one in enumerate(scored.names):
        f1, moved, found = means[:, :, i].mean(axis=(0, 1))
        by_n = [float(value) for value in means[:, :, i, 0].mean(axis=1)]
        rows.append((one, float(f1), *by_n, 1000 * float(moved), float(found)))
    rows.sort(key=lambda row: -row[1])
    heads = ["setting", "F1", *(f"F1, {n}" for n in N_SOURCES), "EMD (mm)", "sources"]
    return Table(name, title, heads, rows, shown)


def _cells(name: str, title: str, scored: Scored) -> Table:
    means = scored.scores.mean(axis=(0, 1))
    keys: dict[str, Sequence[Any]] = {
        "sources": N_SOURCES, "noise": scored.levels, "setting": scored.names,
    }  # fmt: skip
    columns = {
        "F1": means[..., 0], "EMD (mm)": 1000 * means[..., 1], "found": means[..., 2],
    }  # fmt: skip
    return Table.over(name, title, keys, columns)


def _picture(long: Scored) -> Figure:
    """F1 and distance against noise: recommended, limit, published."""
    figure = blank_figure(10.5, 4.2)
    left, right = figure.subplots(1, 2)
    means = long.scores.mean(axis=(0, 1, 2))
    shown = [(BEST, COLOURS[2]), (2, COLOURS[0])]
    for i, colour in shown:
        curve(left, long.levels, means[:, i, 0], colour, long.names[i])
        curve(right, long.levels, 1000 * means[:, i, 1], colour, long.names[i])
    for (name, (f1, moved)), colour in zip(PUBLISHED.items(), COLOURS[3:], strict=False):
        curve(left, LEVELS, f1, colour, f"{name} (published)", "o--")
        curve(right, LEVELS, moved, colour, f"{name} (published)", "o--")
    label(left, "F1", "support, exact", "noise level")
    label(right, "mm", "earth mover's distance", "noise level")
    left.set_ylim(0, 1.02)
    legend(left)
    return figure


def _best_other(crossed: Scored) -> float:
    """The best mean F1 of a rule that is not told the number of sources."""
    means = crossed.scores.mean(axis=(0, 1, 2, 3))[:, 0]
    return float(max(f1 for f1, one in zip(means, CROSSED, strict=True) if one.rule != "n_sources"))


def _recommended(crossed: Scored) -> float:
    return float(crossed.scores.mean(axis=(0, 1, 2, 3))[CROSSED.index(Setting(*RECOMMENDED)), 0])


GOALS: list[Row] = [
    *rows_at(
        "goal", "draws",
        ("The recommended setting reaches a mean F1 of .86.",
         lambda d: float(d.scores[..., BEST, 0].mean()) >= 0.86,
         lambda d: f"{d.scores[..., BEST, 0].mean():.3f}; told the number of sources: "
         f"{d.scores[..., 2, 0].mean():.3f}."),
        ("Its earth mover's distance is at most 5 mm.",
         lambda d: float(d.scores[..., BEST, 1].mean()) <= 0.005,
         lambda d: f"{1000 * d.scores[..., BEST, 1].mean():.1f} mm; told the number: "
         f"{1000 * d.scores[..., 2, 1].mean():.1f} mm."),
        ("With three sources at a noise of .5 its F1 is at least .65.",
         lambda d: d.cell(BEST, 3, 0.5) >= 0.65,
         lambda d: f"{d.cell(BEST, 3, 0.5):.3f}; told the number: {d.cell(2, 3, 0.5):.3f}."),
        ("With five sources at a noise of .5 its F1 is at least .55.",
         lambda d: d.cell(BEST, 5, 0.5) >= 0.55,
         lambda d: f"{d.cell(BEST, 5, 0.5):.3f}; told the number: {d.cell(2, 5, 0.5):.3f}."),
    ),
    Row("No rule with any method and depth is better than the recommended setting by .03.",
        "goal", "all",
        lambda d: _best_other(d) - _recommended(d) < 0.03,
        lambda d: f"best {_best_other(d):.3f}, recommended {_recommended(d):.3f}."),
]  # fmt: skip
