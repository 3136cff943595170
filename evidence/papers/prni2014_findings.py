"""PRNI 2014 from one call: draws, recorded data, figures, claims."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mxne_rs import localize
from mxne_rs._looks.axes import COLOURS, blank_figure
from mxne_rs.results.draw_localization import draw

from .figures import curve, label, legend
from .files import data_files
from .findings import Findings, Picture, Table
from .prni2014 import METHODS, N_REWEIGHTS, PERCENTS, SETTINGS, TOL, Scores, score_draws
from .prni2014_claims import claims_of
from .prni2014_recorded import (
    DEPTH,
    FILES,
    Race,
    Recorded,
    evaluate_recorded,
    race_solvers,
    read_recorded,
)

#: MxNE, irMxNE, irMxNE in MNE's units.
COLOUR = (COLOURS[1], COLOURS[2], COLOURS[5])
#: What figure 4 shows: method, rounds, alpha in percent.
EXAMPLES = (("MxNE", 1, 40), ("MxNE", 1, 85), ("irMxNE", 20, 25))


def reproduce_prni2014(
    *,
    repetitions: int = 100,
    seed: int = 0,
    data: str | os.PathLike[str] | None = None,
    **how: Any,
) -> Findings:
    """Do what Strohmeier, Haueisen and Gramfort (PRNI 2014) did, and judge each claim.

    `repetitions` are draws of each of the four simulations. `data` is the folder of the recorded
    data, None that of MXNE_RS_DATA; where they are not there their part cannot be checked. **how
    is as for `mxne_rs.study.run_study`.

    Examples
    --------
    >>> from papers.prni2014_findings import reproduce_prni2014
    >>> findings = reproduce_prni2014(repetitions=2, verbose=False)
    >>> len(findings.claims), findings.claims[7].verdict
    (22, 'undecided')
    """
    files = data_files(data, *FILES)
    scores = score_draws(repetitions, seed, **how)
    recorded = None if files is None else evaluate_recorded(files)
    races = None if files is None else race_solvers(files)
    pictures, tables = [_f1(scores, repetitions)], [_f1_table(scores)]
    if files is not None and recorded is not None and races is not None:
        pictures += [_races(races), _recorded(recorded), *_examples(files)]
        tables += [_recorded_table(recorded), _race_table(races)]
    return Findings(
        title="PRNI 2014: iterative reweighted Mixed-Norm Estimate",
        about=_about(repetitions, scores.n_short, recorded is not None),
        settings={
            "repetitions": repetitions,
            "seed": seed,
            "alphas (%)": f"{PERCENTS.min():g} to {PERCENTS.max():g}, {len(PERCENTS)} of them",
            "reweightings at most": N_REWEIGHTS,
            "relative gap": TOL,
            "depth": DEPTH,
        },
        claims=claims_of(scores, recorded, races),
        pictures=pictures,
        tables=tables,
    )


def _about(repetitions: int, n_short: int, is_recorded: bool) -> str:
    """What was done, in a few sentences."""
    recorded = "are not here"
    if is_recorded:
        recorded = "are a recording of the MNE sample subject here, an average of 3 trials, where "
        recorded += "the paper has more"
    return (
        "The simulation of section II-C (20 sensors, 200 locations, 5 active, 50 samples, "
        f"{repetitions} repetitions). The same draws are solved by every method; irMxNE in the "
        "units of the simulation and in those of MNE (alpha_max is 100), on which it depends. "
        f"The recorded data of section II-D {recorded}. "
        f"{f'{n_short} problems' if n_short else 'No problem'} fell short of "
        f"{'their' if n_short else 'its'} duality gap."
    )


def _f1(scores: Scores, repetitions: int) -> Picture:
    figure = blank_figure(9.0, 5.2)
    axes = figure.subplots()
    for i, setting in enumerate(SETTINGS):
        for j, method in enumerate(METHODS):
            axes.plot(
                PERCENTS, scores.curves[i, j], color=COLOUR[j], label=f"{method}: {setting}",
                linestyle="-" if setting.snr == 10 else "--", linewidth=1.5 if j < 2 else 0.9,
                marker="*" if setting.correlated else "D",
                markersize=7 if setting.correlated else 4,
            )  # fmt: skip
    axes.set(ylim=(0, 1.03), xlim=(0, 100))
    legend(axes, loc="center left", bbox_to_anchor=(1.01, 0.5))
    label(axes, "mean F1")
    caption = (
        f"Mean over {repetitions} repetitions; uncorrelated gain: diamonds, correlated: stars; "
        "SNR 10: solid, SNR 2: dashed."
    )
    return Picture("figure-1", "Figure 1: F1 against alpha", caption, figure)


def _races(races: Sequence[Race]) -> Picture:
    figure = blank_figure(7.5, 4.5)
    axes = figure.subplots()
    for race in races:
        colour = COLOUR[0 if race.solver == "fista" else 1]
        kind, style = ("with", "o-") if race.active_set else ("without", "o--")
        name = f"{race.solver.upper()} {kind} working set"
        curve(axes, race.seconds, race.gaps, colour, name, style)
    axes.set(xscale="log", yscale="log")
    legend(axes)
    label(axes, "relative duality gap", xlabel="time (s)")
    caption = (
        "Relative gap, loose orientation, 40 % of alpha_max, one thread; solid: with a working "
        "set, dashed: without."
    )
    return Picture("figure-2", "Figure 2: duality gap against time", caption, figure)


def _recorded(recorded: Recorded) -> Picture:
    figure = blank_figure(9.5, 4.2)
    left, right = figure.subplots(1, 2)
    for j, method in enumerate(METHODS[:2]):
        curve(left, PERCENTS, recorded.n_active[j].clip(0.5), COLOUR[j], method, "-")
        curve(right, PERCENTS, recorded.debiased[j], COLOUR[j], style="-")
        curve(right, PERCENTS, recorded.explained[j], COLOUR[j], style="--")
    left.set_yscale("log")
    right.set_ylim(0, 100)
    legend(left)
    label(left, "active locations")
    label(right, "explained variance (%)")
    caption = (
        "Left auditory response, magnetometers, 60 to 120 ms, fixed orientation; dashed: before "
        "debiasing, solid: after."
    )
    return Picture("figure-3", "Figure 3: active set and explained variance", caption, figure)


def _examples(files: Sequence[Path]) -> list[Picture]:
    """Figure 4: sources for three choices of method and alpha."""
    inputs = read_recorded(files)
    pictures = []
    for part, (method, rounds, percent) in zip("abc", EXAMPLES, strict=True):
        found = localize(
            *inputs, percent, loose=0.0, depth=DEPTH, n_mxne_iter=rounds, tol=TOL,
            maxit=100_000, verbose=False,
        )  # fmt: skip
        title = f"Figure 4{part}: {method}, alpha {percent} %"
        caption = "Locations, time courses and fit, after debiasing."
        pictures.append(Picture(f"figure-4{part}", title, caption, draw(found)))
    return pictures


def _f1_table(scores: Scores) -> Table:
    keys = {"simulation": SETTINGS, "method": METHODS, "alpha_percent": PERCENTS.tolist()}
    columns = {
        "mean_f1": scores.curves,
        "exact": (scores.f1 == 1).mean(axis=-1),
        "mean_n_active": scores.n_active.mean(axis=-1),
        "mean_amplitude_ratio": scores.amplitude.mean(axis=-1),
    }
    return Table.over("f1", "F1 against alpha", keys, columns)


def _recorded_table(recorded: Recorded) -> Table:
    columns = {
        "n_active": recorded.n_active,
        "n_left": recorded.n_left,
        "n_right": recorded.n_right,
        "explained_variance_percent": recorded.explained,
        "debiased_explained_variance_percent": recorded.debiased,
    }
    keys = {"method": METHODS[:2], "alpha_percent": PERCENTS.tolist()}
    return Table.over("recorded", "Recorded data", keys, columns)


def _race_table(races: Sequence[Race]) -> Table:
    rows = [
        (race.solver, race.active_set, seconds, gap)
        for race in races
        for seconds, gap in zip(race.seconds, race.gaps, strict=True)
    ]
    return Table("gaps", "Gap against time", ("solver", "active_set", "seconds", "gap"), rows)
