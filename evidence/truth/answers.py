"""Answers to where a seizure lies: sparse ones in a sweep, and dense ones beside them."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mxne_rs import Gain, Solution, alpha_max, choose_alpha, solve_irmxne
from mxne_rs._arguments.convert import Floats
from mxne_rs.inverse.gamma_map import maximise_evidence
from mxne_rs.solve.debias import amplitudes
from mxne_rs.study import Part, Study, run_study

from .dense import explained_by_each, minimum_norm
from .patients import Patient

#: Exponents of the columns' norms, the second is the primary one.
DEPTHS = (0.0, 0.8, 1.0)
#: Options of `solve_irmxne` by name; the first of irMxNE is the primary one.
METHODS: dict[str, dict[str, Any]] = {
    "MxNE": {"n_reweights": 1},
    "irMxNE": {"n_reweights": 20, "amplitude_unit": "relative"},
    "irMxNE, largest": {"n_reweights": 20, "amplitude_unit": "largest"},
    "irMxNE, mne": {"n_reweights": 20, "amplitude_unit": "mne"},
    "irMxNE, gain": {"n_reweights": 20, "amplitude_unit": "gain"},
    "irMxNE, log": {"n_reweights": 20, "amplitude_unit": "relative", "surrogate": "log"},
}
EVIDENCE = "gamma-MAP"
#: Root mean square of the whitened data, which stands for the noise level that the file has lost.
SIGMA = 1.0
#: Parts of alpha_max, and rules of `choose_alpha` with their options.
PARTS = {"70 %": 0.7, "50 %": 0.5, "30 %": 0.3}
RULES: dict[str, dict[str, Any]] = {
    "sure": {"sigma": SIGMA},
    "cv": {},
    "gof": {"gof": 0.8},
    "map": {"sigma": SIGMA},
    "n_sources": {"n_sources": 5},
}
#: Times the mean alpha_max of white noise.
ABOVE_NOISE = 1.1
#: The combination that counts, named before looking.
PRIMARY = ("all", 0.8, "irMxNE", "sure")
#: Dense methods and their depths; the dipole has one region and no depth.
DENSE, DENSE_DEPTHS = ("dSPM", "sLORETA"), (0.0, 0.8)
ENGINE: dict[str, Any] = {"n_threads": 1, "verbose": False}


class Answer(NamedTuple):
    """How strong each region is in an answer, and where the answer comes from."""

    patient: str
    #: "all" epochs, or the number of one.
    data: str
    depth: float
    method: str
    rule: str
    #: Norm of the time course of each region, (n_regions,).
    strength: Floats
    #: As a part of alpha_max; NaN where there is none.
    alpha: float
    explained: float
    #: Whether the rule stopped at an end of its grid, and the relative duality gap.
    at_edge: bool
    gap: float


def data_sets(patient: Patient) -> dict[str, Floats]:
    """Return the whitened data that are solved: all epochs side by side, and each."""
    epochs = patient.epochs
    each = {str(index + 1): epoch for index, epoch in enumerate(epochs)}
    return {"all": np.hstack(list(epochs)), **each}


def sweep(patient: Patient, depths: Sequence[float], n_draws: int, seed: int) -> Study:
    """Describe the sweep over data sets, depths and methods; a part holds all rules.

    `n_draws` are those of white noise, which rule "noise" needs.
    """
    names = [*METHODS, EVIDENCE]
    keys = [
        f"{data}-{d}-{m}"
        for data in data_sets(patient)
        for d in range(len(depths))
        for m in range(len(names))
    ]
    arrays = {f"data-{name}": data for name, data in data_sets(patient).items()}
    for index, depth in enumerate(depths):
        gain, divisors = patient.weighted(depth)
        arrays |= {f"gain-{index}": gain, f"divisors-{index}": divisors}
    settings = {
        "seed": seed,
        "methods": [str(METHODS), EVIDENCE],
        "rules": [str(PARTS), str(RULES)],
        "noise": ABOVE_NOISE,
        "n_draws": n_draws,
        "sigma": SIGMA,
    }
    n_solves = len(PARTS) + 15 * len(RULES)
    return Study(f"seizure {patient.name}", keys, _prepare, _solve, arrays, settings, n_solves)


def _prepare(arrays: Mapping[str, NDArray[Any]], settings: Mapping[str, Any]) -> Any:
    """Prepare gains by depth, and alphas above noise by depth and number of samples."""
    n_draws, seed = settings["n_draws"], settings["seed"]
    gains = {name: Gain(array) for name, array in arrays.items() if name.startswith("gain")}
    lengths = {array.shape[1] for name, array in arrays.items() if name.startswith("data")}
    above = {
        (name, length): noise_alpha(gain, length, SIGMA, n_draws, seed)
        for name, gain in gains.items()
        for length in lengths
    }
    return arrays, gains, above, seed


def _solve(prepared: Any, key: str) -> Part:
    """Apply all rules to a data set, depth and method."""
    arrays, gains, above, seed = prepared
    name, depth, m = key.split("-")
    gain, data = gains[f"gain-{depth}"], arrays[f"data-{name}"]
    method = [*METHODS, EVIDENCE][int(m)]
    top = alpha_max(gain, data)
    alphas = {rule: part * top for rule, part in PARTS.items()}
    alphas["noise"] = above[f"gain-{depth}", data.shape[1]]
    strengths, numbers = [], []
    for rule in rules_of(method):
        solution, at_edge = solve_by(gain, data, method, rule, alphas.get(rule), seed)
        strength = np.zeros(gain.n_locations)
        rows = amplitudes(gain, data, solution, debiased=True)
        strength[solution.active_set] = np.linalg.norm(rows, axis=1)
        strengths.append(strength / arrays[f"divisors-{depth}"])
        alpha = np.nan if method == EVIDENCE else solution.alpha / top
        numbers.append([alpha, solution.explained_variance, at_edge, solution.gap])
    return {"strength": np.array(strengths), "numbers": np.array(numbers, dtype=float)}


def rules_of(method: str) -> list[str]:
    """Name the rules that a method is solved with."""
    return ["variance 1"] if method == EVIDENCE else [*PARTS, *RULES, "noise"]


def solve_by(
    gain: Gain, data: Floats, method: str, rule: str, alpha: float | None, seed: int
) -> tuple[Solution, bool]:
    """Solve by a method at an alpha, or that of a rule; tell whether it is at an end of a grid."""
    if method == EVIDENCE:
        how = {"maxit": 10_000, "tol": 1e-6, "gammas": None, **ENGINE}
        return maximise_evidence(gain, data, SIGMA**2, **how), False
    how = {**METHODS[method], **ENGINE}
    if alpha is not None:
        return solve_irmxne(gain, data, alpha, **how), False
    choice = choose_alpha(gain, data, method=rule, rng=seed, **RULES[rule], **how)
    return choice.solution, choice.at_edge


def noise_alpha(gain: Gain, n_times: int, sigma: float, n_draws: int, seed: int) -> float:
    """Compute `ABOVE_NOISE` times the mean alpha_max of white noise.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> from truth.answers import noise_alpha
    >>> one = noise_alpha(mxne_rs.Gain(np.eye(1)), 10_000, 0.5, n_draws=20, seed=0)
    >>> bool(abs(one / (1.1 * 0.5 * 100) - 1) < 0.01)
    True
    """
    rng = np.random.default_rng(seed)
    shape = (gain.n_sensors, n_times)
    largest = [alpha_max(gain, rng.standard_normal(shape)) for _ in range(n_draws)]
    return ABOVE_NOISE * sigma * float(np.mean(largest))


def sparse_answers(
    patient: Patient, depths: Sequence[float], n_draws: int, seed: int, **how: Any
) -> list[Answer]:
    """Solve all combinations, as `mxne_rs.study.run_study` does with its arguments."""
    study = sweep(patient, depths, n_draws, seed)
    with warnings.catch_warnings():
        # Ends of grids and answers without a source stand in the table.
        warnings.simplefilter("ignore", RuntimeWarning)
        parts = run_study(study, **how)
    answers = []
    for key, part in zip(study.keys, parts, strict=True):
        data, depth, m = key.split("-")
        method = [*METHODS, EVIDENCE][int(m)]
        about = (patient.name, data, depths[int(depth)], method)
        rows = zip(rules_of(method), part["strength"], part["numbers"], strict=True)
        for rule, strength, (alpha, explained, at_edge, gap) in rows:
            answers.append(Answer(*about, rule, strength, alpha, explained, bool(at_edge), gap))
    return answers


def dense_answers(patient: Patient) -> list[Answer]:
    """Score regions by MNE's methods, and fit a dipole, on the same data sets."""
    recorded = patient.recorded
    sensors = {"all": np.hstack(list(recorded))}
    sensors |= {str(index + 1): epoch for index, epoch in enumerate(recorded)}
    gain, _ = patient.weighted(0.0)
    answers = []
    for name, data in sensors.items():
        for method, depth in itertools.product(DENSE, DENSE_DEPTHS):
            scores = np.linalg.norm(minimum_norm(patient, data, depth, method), axis=1)
            about = (patient.name, name, depth, method, "")
            answers.append(Answer(*about, scores, np.nan, np.nan, False, np.nan))
        explained = explained_by_each(gain, patient.whitener @ data)
        best = np.where(explained == explained.max(), explained, 0.0)
        about = (patient.name, name, np.nan, "dipole", "")
        answers.append(Answer(*about, best, np.nan, float(best.max()), False, np.nan))
    return answers
