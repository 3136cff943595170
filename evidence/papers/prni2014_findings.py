"""PRNI 2014 from one call: draws, recorded data, figures, claims."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mxne_rs._axes import blank_figure, style_axes
from mxne_rs.inverse.localize import localize
from mxne_rs.views.localization import COLOURS, draw

from .findings import Findings, Picture, Table
from .prni2014 import METHODS, N_REWEIGHTS, PERCENTS, SETTINGS, TOL, Scores, score_draws
from .prni2014_claims import claims_of
from .prni2014_recorded import (
    DEPTH,
    Race,
    Recorded,
    evaluate_recorded,
    race_solvers,
    read_recorded,
    recorded_files,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


#: MxNE, irMxNE.
COLOUR = (COLOURS[1], COLOURS[2], COLOURS[5])
ALPHA_LABEL = "alpha (% of alpha_max)"
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

    Parameters
    ----------
    repetitions : int
        Draws of each of the four simulations.
    seed : int
        Of the draws.
    data : path | None
        Folder of the recorded data (auditory-ave.fif, cortex-7498-meg-fwd.fif, noise-cov.fif);
        None takes MXNE_RS_DATA; where they are not there their part cannot be checked.
    **how
        ``n_jobs``, ``store``, ``announce`` and ``verbose`` of `mxne_rs.study.run_study`.

    Returns
    -------
    Findings

    Raises
    ------
    FileNotFoundError
        Where the folder given does not hold the data.

    Examples
    --------
    >>> from papers.prni2014_findings import reproduce_prni2014
    >>> findings = reproduce_prni2014(repetitions=2, verbose=False)
    >>> len(findings.claims), findings.claims[7].verdict
    (22, 'undecided')
    """
    files = recorded_files(data)
    scores = score_draws(repetitions, seed, **how)
    recorded = None if files is None else evaluate_recorded(files)
    races = None if files is None else race_solvers(files)
    pictures = [
        Picture(
            "figure-1", "Figure 1: F1 against alpha",
            f"Mean over {repetitions} repetitions; uncorrelated gain: diamonds, correlated: stars; "
            "SNR 10: solid, SNR 2: dashed.", _draw_f1(scores),
        )
    ]  # fmt: skip
    tables = [_f1_table(scores)]
    if files is not None and recorded is not None and races is not None:
        pictures += [
            Picture("figure-2", "Figure 2: duality gap against time",
                    "Relative gap, loose orientation, 40 % of alpha_max, one thread; solid: with a "
                    "working set, dashed: without.", _draw_races(races)),
            Picture("figure-3", "Figure 3: active set and explained variance",
                    "Left auditory response, magnetometers, 60 to 120 ms, fixed orientation; "
                    "dashed: before debiasing, solid: after.", _draw_recorded(recorded)),
            *_examples(files),
        ]  # fmt: skip
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
    lines = [
        "The simulation of section II-C (20 sensors, 200 locations, 5 active, 50 samples, "
        f"{repetitions} repetitions). The same draws are solved by every method; irMxNE in the "
        "units of the simulation and in those of MNE (alpha_max is 100), on which it depends.",
        "The recorded data of section II-D are a recording of the MNE sample subject here, an "
        "average of 3 trials, where the paper has more."
        if is_recorded
        else "The recorded data of section II-D are not here.",
        f"{n_short} problems fell short of their duality gap."
        if n_short
        else "No problem fell short of its duality gap.",
    ]
    return " ".join(lines)


def _draw_f1(scores: Scores) -> Figure:
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
    axes.set(xlabel=ALPHA_LABEL, ylabel="mean F1", ylim=(0, 1.03), xlim=(0, 100))
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=8)
    style_axes(axes)
    return figure


def _draw_races(races: Sequence[Race]) -> Figure:
    figure = blank_figure(7.5, 4.5)
    axes = figure.subplots()
    for race in races:
        kind = "with" if race.active_set else "without"
        axes.loglog(
            race.seconds, race.gaps, marker="o", markersize=4,
            color=COLOUR[0 if race.solver == "fista" else 1],
            linestyle="-" if race.active_set else "--",
            label=f"{race.solver.upper()} {kind} working set",
        )  # fmt: skip
    axes.set(xlabel="time (s)", ylabel="relative duality gap")
    axes.legend(frameon=False, fontsize=9)
    style_axes(axes)
    return figure


def _draw_recorded(recorded: Recorded) -> Figure:
    figure = blank_figure(9.5, 4.2)
    left, right = figure.subplots(1, 2)
    for j in range(2):
        left.semilogy(PERCENTS, recorded.n_active[j].clip(0.5), color=COLOUR[j], label=METHODS[j])
        right.plot(PERCENTS, recorded.debiased[j], color=COLOUR[j], label=METHODS[j])
        right.plot(PERCENTS, recorded.explained[j], "--", color=COLOUR[j])
    left.set(xlabel=ALPHA_LABEL, ylabel="active locations")
    right.set(xlabel=ALPHA_LABEL, ylabel="explained variance (%)", ylim=(0, 100))
    left.legend(frameon=False)
    for axes in (left, right):
        style_axes(axes)
    return figure


def _examples(files: Any) -> list[Picture]:
    """Figure 4: sources for three choices of method and alpha."""
    inputs = read_recorded(files)
    pictures = []
    for part, (method, rounds, percent) in zip("abc", EXAMPLES, strict=True):
        found = localize(
            *inputs, percent, loose=0.0, depth=DEPTH, n_mxne_iter=rounds, tol=TOL,
            maxit=100_000, verbose=False,
        )  # fmt: skip
        pictures.append(
            Picture(
                f"figure-4{part}", f"Figure 4{part}: {method}, alpha {percent} %",
                "Locations, time courses and fit, after debiasing.", draw(found),
            )
        )  # fmt: skip
    return pictures


def _f1_table(scores: Scores) -> Table:
    rows = [
        (
            str(setting), method, float(PERCENTS[k]), float(scores.curves[i, j, k]),
            float((scores.f1[i, j, k] == 1).mean()), float(scores.n_active[i, j, k].mean()),
            float(scores.amplitude[i, j, k].mean()),
        )
        for i, setting in enumerate(SETTINGS)
        for j, method in enumerate(METHODS)
        for k in range(len(PERCENTS))
    ]  # fmt: skip
    headings = ("simulation", "method", "alpha_percent", "mean_f1", "exact", "mean_n_active",
                "mean_amplitude_ratio")  # fmt: skip
    return Table("f1", "F1 against alpha", headings, rows)


def _recorded_table(recorded: Recorded) -> Table:
    rows = [
        (METHODS[j], float(percent), int(recorded.n_active[j, k]), int(recorded.n_left[j, k]),
         int(recorded.n_right[j, k]), float(recorded.explained[j, k]),
         float(recorded.debiased[j, k]))
        for j in range(2)
        for k, percent in enumerate(PERCENTS)
    ]  # fmt: skip
    headings = ("method", "alpha_percent", "n_active", "n_left", "n_right",
                "explained_variance_percent", "debiased_explained_variance_percent")  # fmt: skip
    return Table("recorded", "Recorded data", headings, rows)


def _race_table(races: Sequence[Race]) -> Table:
    rows = [
        (race.solver, race.active_set, seconds, gap)
        for race in races
        for seconds, gap in zip(race.seconds, race.gaps, strict=True)
    ]
    return Table("gaps", "Gap against time", ("solver", "active_set", "seconds", "gap"), rows)
