"""BSI-Zoo's simulation: sources on a real lead field, noise of a known random covariance."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mxne_rs import Gain, choose_alpha, debias
from mxne_rs._arguments.convert import Floats
from mxne_rs.inverse.gamma_map import maximise_evidence
from mxne_rs.solve.options import N_REWEIGHTS
from mxne_rs.study import Part, Study

from .limits import alternating_projections, matching_pursuit

#: The benchmark's numbers of sources and its noise levels, of which the middle ones are compared.
N_SOURCES = (1, 2, 3, 5)
LEVELS = (0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99)
COMPARED = (0.01, 0.1, 0.3, 0.5, 0.7)
N_TIMES = 10
COVARIANCES = ("diagonal", "full")
#: Rules for alpha: "n_sources" is told the truth, "stability" needs trials, which there are none
#: of; "gof" knows how much of the data is signal no better than its default, 0.8.
RULES = ("noise", "sqrt", "sure", "discrepancy", "map", "cv", "gof", "n_sources")
#: Options of the solver by method; gamma-MAP has no rule, it is told the noise.
METHODS: dict[str, dict[str, Any]] = {
    "MxNE": {"n_reweights": 1},
    "irMxNE": {"n_reweights": N_REWEIGHTS},
    "irMxNE, MNE's unit": {"n_reweights": N_REWEIGHTS, "amplitude_unit": "mne"},
    "irMxNE, log": {"n_reweights": N_REWEIGHTS, "surrogate": "log"},
}
DEPTHS = (0.0, 0.8, 1.0)
#: What a setting is called: rule, method, depth.
RECOMMENDED = ("sqrt", "irMxNE", 1.0)


class Setting(NamedTuple):
    """How alpha is chosen, what is solved, and how columns are weighted."""

    rule: str
    method: str
    depth: float


class Draw(NamedTuple):
    """One simulation, whitened by the known covariance."""

    #: (n_sensors, n_locations), without depth weighting.
    gain: Floats
    data: Floats
    #: Locations that are active, and what they do in the unit of the lead field's sources.
    true: NDArray[np.intp]
    sources: Floats


def draw_problem(
    lead: Floats, n_sources: int, level: float, covariance: str, seed: int, repetition: int
) -> Draw:
    """Draw sources, noise and its covariance (Wishart), as the benchmark does.

    Examples
    --------
    >>> import numpy as np
    >>> from truth.bsi_zoo import draw_problem
    >>> lead = np.random.default_rng(0).standard_normal((20, 50))
    >>> draw = draw_problem(lead, 2, 0.3, "full", seed=0, repetition=1)
    >>> draw.gain.shape, draw.data.shape, len(draw.true)
    ((20, 50), (20, 10), 2)
    """
    entropy = [seed, repetition, n_sources, round(100 * level), COVARIANCES.index(covariance)]
    rng = np.random.default_rng(np.random.SeedSequence(entropy))
    n_sensors, n_locations = lead.shape
    true = np.sort(rng.choice(n_locations, n_sources, replace=False))
    sources = rng.standard_normal((n_sources, N_TIMES))
    signal = lead[:, true] @ sources
    white = rng.standard_normal((n_sensors, N_TIMES))
    if covariance == "diagonal":
        root = np.diag(np.sqrt(rng.chisquare(n_sensors, n_sensors)))
    else:
        normal = rng.standard_normal((n_sensors, n_sensors))
        values, vectors = np.linalg.eigh(normal @ normal.T)
        root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    noise = root @ white
    root = root * (level / (1 - level) * np.linalg.norm(signal) / np.linalg.norm(noise))
    whitened = np.linalg.solve(root, np.hstack([lead, signal]))
    return Draw(whitened[:, :n_locations], whitened[:, n_locations:] + white, true, sources)


def locate(draw: Draw, setting: Setting, seed: int = 0) -> Floats:
    """Solve, and return the norm over time of each location, debiased, in the lead field's unit."""
    norms = np.linalg.norm(draw.gain, axis=0)
    scale = norms**-setting.depth
    # alpha and the unit of amplitudes know the scale, so that one constant does not matter.
    scale /= np.median(scale * norms)
    gain = Gain(draw.gain * scale)
    quiet: dict[str, Any] = {"n_threads": 1, "verbose": False}
    if setting.method == "gamma-MAP":
        solution = maximise_evidence(
            gain, draw.data, 1.0, maxit=10_000, tol=1e-4, gammas=None, **quiet
        )
    else:
        solution = choose_alpha(
            gain, draw.data, method=setting.rule, n_sources=len(draw.true), rng=seed,
            **METHODS[setting.method], **quiet,
        ).solution  # fmt: skip
    strengths = np.zeros(len(norms))
    if solution.active_set.any():
        factors = debias(gain, draw.data, solution.x)[solution.active_set]
        strengths[solution.active_set] = factors * np.linalg.norm(solution.sources, axis=1)
    return np.asarray(strengths * scale)


def score(draw: Draw, strengths: Floats, positions: Floats) -> Floats:
    """F1 of the support, earth mover's distance in m, number of sources found.

    The distance is between the norms over time of true and found sources, each set of sum 1;
    nothing found counts as the same strength everywhere.
    """
    from scipy.spatial.distance import cdist
    from scipy.stats import wasserstein_distance_nd

    found = np.flatnonzero(strengths)
    f1 = 2 * np.isin(draw.true, found).sum() / (len(found) + len(draw.true))
    weights = np.linalg.norm(draw.sources, axis=1)
    if len(found):
        moved = wasserstein_distance_nd(
            positions[draw.true], positions[found], weights, strengths[found]
        )
    else:
        moved = float(
            np.average(cdist(positions[draw.true], positions).mean(axis=1), None, weights)
        )
    return np.array([f1, moved, len(found)])


def names_of(settings: Sequence[Setting]) -> list[str]:
    """Name settings as tables do."""
    return [f"{one.method}: {one.rule}, depth {one.depth:g}" for one in settings]


def study_of(
    lead: Floats,
    positions: Floats,
    settings: Sequence[Setting],
    levels: Sequence[float],
    covariances: Sequence[str],
    *,
    repetitions: int,
    seed: int,
    limits: bool,
) -> Study:
    """Make a sweep: a part is a repetition of all cells, solved by all settings.

    A part has ``scores`` (n_covariances, n_sources, n_levels, n_settings, 3), the limits last:
    alternating projections and matching pursuit, which are told the number of sources.
    """
    return Study(
        "BSI-Zoo",
        [f"draw-{repetition:04d}" for repetition in range(repetitions)],
        _prepare,
        _solve,
        arrays={"lead": lead, "positions": positions},
        settings={
            "seed": seed, "levels": list(levels), "covariances": list(covariances),
            "settings": [list(map(str, one)) for one in settings], "limits": limits, "version": 2,
            "methods": sorted(f"{name} {how}" for name, how in METHODS.items()),
        },
        n_solves=len(settings) * len(levels) * len(covariances) * len(N_SOURCES),
    )  # fmt: skip


def _prepare(arrays: Mapping[str, NDArray[Any]], settings: Mapping[str, Any]) -> Any:
    chosen = [Setting(rule, method, float(depth)) for rule, method, depth in settings["settings"]]
    return arrays["lead"], arrays["positions"], chosen, settings


def _solve(prepared: Any, key: str) -> Part:
    """All cells of one repetition."""
    lead, positions, chosen, settings = prepared
    repetition, n_limits = int(key.removeprefix("draw-")), 2 if settings["limits"] else 0
    cells = list(itertools.product(settings["covariances"], N_SOURCES, settings["levels"]))
    scores = np.zeros((len(cells), len(chosen) + n_limits, 3))
    for i, (covariance, n_sources, level) in enumerate(cells):
        draw = draw_problem(lead, n_sources, level, covariance, settings["seed"], repetition)
        answers = [locate(draw, one) for one in chosen]
        if n_limits:
            unit = draw.gain / np.linalg.norm(draw.gain, axis=0)
            for method in (alternating_projections, matching_pursuit):
                strengths = np.zeros(lead.shape[1])
                where = method(unit, draw.data, n_sources)
                fit = np.linalg.lstsq(draw.gain[:, where], draw.data, rcond=None)[0]
                strengths[where] = np.linalg.norm(fit, axis=1)
                answers.append(strengths)
        scores[i] = [score(draw, one, positions) for one in answers]
    shape = len(settings["covariances"]), len(N_SOURCES), len(settings["levels"])
    return {"scores": scores.reshape(*shape, *scores.shape[1:])}
