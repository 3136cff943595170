"""Every rule for alpha with every estimator, on one data set whose noise level is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mxne_rs import Gain, Solution, alpha_max, choose_alpha
from mxne_rs._arguments.convert import Floats

#: Rounds of irMxNE, folds of the sensors, relative duality gap.
N_REWEIGHTS, N_FOLDS, TOL = 10, 3, 1e-4


class Estimator(NamedTuple):
    """What is solved at the alphas that a rule chooses among."""

    name: str
    n_reweights: int
    amplitude_unit: str
    depth: float


#: MxNE is irMxNE of one round, in any unit.
ESTIMATORS = tuple(
    Estimator(f"{name}, depth {depth:g}", rounds, unit, depth)
    for depth in (0.8, 1.0)
    for name, rounds, unit in (
        ("MxNE", 1, "mne"),
        ("irMxNE mne", N_REWEIGHTS, "mne"),
        ("irMxNE largest", N_REWEIGHTS, "largest"),
        ("irMxNE relative", N_REWEIGHTS, "relative"),
    )
)


class Rule(NamedTuple):
    """A rule for alpha: a method of `choose_alpha`, and the noise level that it is told."""

    name: str
    method: str
    #: "nominal" (nave ** -0.5), or the root mean square of the data: nothing is signal.
    sigma: str = ""


#: The last is told the number of true sources: the limit of the others.
RULES = (
    Rule("noise", "noise", "nominal"),
    Rule("noise, rms", "noise", "rms"),
    Rule("sqrt", "sqrt"),
    Rule("sure", "sure", "nominal"),
    Rule("sure, rms", "sure", "rms"),
    Rule("discrepancy", "discrepancy", "nominal"),
    Rule("map", "map", "nominal"),
    Rule("cv", "cv"),
    Rule("gof 0.8", "gof"),
    Rule("n_sources (told)", "n_sources"),
)
LIMIT = RULES[-1].name
#: Methods that find their alpha without a grid.
WITHOUT_GRID = ("noise", "sqrt", "map")


class Answer(NamedTuple):
    """What a rule chose."""

    alpha: float
    solution: Solution
    #: Whether the choice is at an end of the grid, where another grid may change it.
    at_edge: bool


def alphas_of(gain: Gain, data: Floats, floor: float, n_alphas: int) -> Floats:
    """Make a grid from alpha_max down to `floor`, or to a tenth where that is more.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> from truth.brain_solves import alphas_of
    >>> gain = mxne_rs.Gain(np.eye(2), 1)
    >>> alphas_of(gain, np.array([[8.0], [1.0]]), floor=2.0, n_alphas=3).round(6).tolist()
    [8.0, 4.0, 2.0]
    """
    largest = alpha_max(gain, data)
    return largest * np.geomspace(1.0, min(max(floor / largest, 0.1), 0.5), n_alphas)


def answer(
    gain: Gain,
    data: Floats,
    rule: Rule,
    estimator: Estimator,
    *,
    sigma: float,
    alphas: Floats | None = None,
    n_sources: int | None = None,
) -> Answer:
    """Choose alpha by a rule, and solve there; `sigma` is the nominal noise level."""
    told: Mapping[str, dict[str, Any]] = {
        "nominal": {"sigma": sigma},
        "rms": {"sigma": float(np.sqrt(np.mean(data**2)))},
        "": {},
    }
    extra: Mapping[str, dict[str, Any]] = {
        "cv": {"n_folds": N_FOLDS},
        "n_sources": {"n_sources": n_sources},
    }
    chosen = choose_alpha(
        gain, data, None if rule.method in WITHOUT_GRID else alphas, method=rule.method,
        n_reweights=estimator.n_reweights, amplitude_unit=estimator.amplitude_unit, tol=TOL,
        n_threads=1, verbose=False, **told[rule.sigma], **extra.get(rule.method, {}),
    )  # fmt: skip
    return Answer(chosen.alpha, chosen.solution, chosen.at_edge)


def answers_of(
    gains: Mapping[float, Gain],
    data: Floats,
    estimators: Sequence[Estimator] = ESTIMATORS,
    *,
    sigma: float,
    floor: float,
    n_alphas: int,
    n_sources: int,
) -> list[list[Answer]]:
    """Answer by every estimator (rows) and rule; gains by depth weighting.

    `floor` is the end of the grid as a part of the alpha of "noise".
    """
    found = []
    for one in estimators:
        gain = gains[one.depth]
        first = answer(gain, data, RULES[0], one, sigma=sigma)
        alphas = alphas_of(gain, data, floor * first.alpha, n_alphas)
        others = [
            answer(gain, data, rule, one, sigma=sigma, alphas=alphas, n_sources=n_sources)
            for rule in RULES[1:]
        ]
        found.append([first, *others])
    return found
