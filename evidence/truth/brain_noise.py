"""Which rule for alpha holds where the residual is not white: simulated sources in real noise."""

from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxne_rs import Gain
from mxne_rs._arguments.convert import Floats, as_count
from mxne_rs._arguments.extras import import_mne
from mxne_rs.study import Part, Study, run_study
from papers.findings import Findings
from papers.scores import recovery

from .brain_draws import CORTEX, DEPTHS, KINDS, draw_locations, families_of, prepare_arrays
from .brain_findings import Found, claims_of, pictures, tables
from .brain_solves import ESTIMATORS, N_REWEIGHTS, TOL, answers_of

#: Sources, and power of the whitened signal over that of the nominal noise, from poor to good.
COUNTS, SNRS = (1, 2, 3, 5), (0.1, 0.3, 1.0)
#: Locations of the cortex that are used: every so many; within so many m a source is found.
EVERY, NEAR = 10, 0.01
#: Alphas of a grid; its end, as a part of the alpha of the rule "noise".
N_ALPHAS, FLOOR = 6, 0.7
#: Of the recorded responses: their averages, and a grid down to a tenth of alpha_max.
NAVE = {"Left Auditory": 3, "Right Auditory": 6}
N_RECORDED_ALPHAS = 8
#: What `n_sources` is told of them: an auditory source on each side.
N_AUDITORY = 2


def reproduce_brain_noise(
    *,
    repetitions: int = 1,
    seed: int = 0,
    data: str | os.PathLike[str] | None = None,
    store: str | os.PathLike[str] | None = None,
    counts: Sequence[int] = COUNTS,
    snrs: Sequence[float] = SNRS,
    **how: Any,
) -> Findings:
    """Score every rule for alpha in white, recorded and simulated brain noise.

    Parameters
    ----------
    repetitions : int, default 1
        Draws of each kind of noise, number of sources and SNR.
    seed : int, default 0
        Seed of the draws.
    data : path or None, default None
        Folder of the recording; None is that of MXNE_RS_DATA.
    counts, snrs : sequence of int and of float
        Numbers of true sources, and power of the whitened signal over that of the nominal noise.
    store, **how
        As for `mxne_rs.study.run_study`.

    Returns
    -------
    findings : papers.findings.Findings
        Tables by rule, noise, SNR and number of sources; sources of the real responses by rule.

    Raises
    ------
    FileNotFoundError
        Where the recording is not there.

    Notes
    -----
    Fixed before the study ran:

    - A part of the cortex of 7498 locations, on which the sources lie, normal to it, at least 3 cm
      apart and where the sensors see at least as much as at the median location. All sources of a
      draw are equally strong in the whitened sensors.
    - Kinds of noise share the draws of sources; all have unit nominal variance.
    - A true source is found where an estimated one is within 10 mm, straight. F1 counts each
      estimated source, `papers.scores.recovery`.
    - Rules choose on a grid that ends at `FLOOR` times the alpha of "noise": the worst answers
      would have more sources still. "noise", "sqrt" and "map" need no grid.

    Examples
    --------
    ``findings = reproduce_brain_noise(store="parts")``: minutes.
    """
    import_mne()
    repetitions = as_count("repetitions", repetitions, 1)
    arrays = prepare_arrays(data, EVERY, CORTEX)
    with warnings.catch_warnings():
        # Choices at an end of the grid are counted.
        warnings.simplefilter("ignore", RuntimeWarning)
        study = brain_noise_study(
            arrays, repetitions=repetitions, seed=seed, counts=counts, snrs=snrs
        )
        parts = run_study(study, store=None if store is None else Path(store) / "noise", **how)
        real = responses_study(arrays)
        answers = run_study(real, store=None if store is None else Path(store) / "real", **how)
    found = Found.of(study.keys, parts, by_condition(real.keys, answers), counts, snrs)
    return Findings(
        title="Rules for alpha in noise that is not white",
        about=(
            f"{', '.join(map(str, counts))} simulated sources on {len(arrays['places'])} "
            "locations of a real cortex, in white noise, in the baseline of a recording, and in "
            f"the background dipoles of papers/002; {repetitions} draws of each. Then the "
            "recording's responses, where nobody knows the truth."
        ),
        settings={
            "repetitions": repetitions,
            "seed": seed,
            "SNR (power, whitened)": ", ".join(f"{snr:g}" for snr in snrs),
            "rounds of irMxNE": N_REWEIGHTS,
            "relative duality gap": TOL,
            "alphas": f"{N_ALPHAS}, to {FLOOR:g} of the alpha of noise, at least 10 %",
            "solves that fell short of the gap": sum(int(part["short"].sum()) for part in parts),
        },
        claims=claims_of(found),
        pictures=pictures(found),
        tables=tables(found),
    )


def brain_noise_study(
    arrays: Mapping[str, NDArray[Any]],
    *,
    repetitions: int,
    seed: int = 0,
    counts: Sequence[int] = COUNTS,
    snrs: Sequence[float] = SNRS,
    depths: Sequence[float] = DEPTHS,
) -> Study:
    """Make the simulations a sweep: a part is a data set, solved by every estimator and rule.

    A key has the positions of noise, number of sources and SNR, and the repetition. A part has
    arrays (n_estimators, n_rules): ``f1``, ``n`` (sources), ``distance`` (mean from a true source
    to the nearest found, mm; NaN without one), ``edge``, ``short``.
    """
    cells = itertools.product(
        range(repetitions), range(len(KINDS)), range(len(counts)), range(len(snrs))
    )
    keys = [f"{kind}-{count}-{snr}-{repetition:03d}" for repetition, kind, count, snr in cells]
    settings = {"seed": seed, "counts": list(counts), "snrs": list(snrs), "depths": list(depths)}
    settings |= {"n_alphas": N_ALPHAS, "floor": FLOOR, "tol": TOL, "version": 1}
    return Study("brain noise", keys, _prepare, _solve, arrays, settings, n_solves=100)


def draw(
    arrays: Mapping[str, NDArray[Any]], families: Mapping[str, Any], settings: Any, key: str
) -> tuple[Floats, NDArray[np.intp]]:
    """Whitened data of a part, and its true locations."""
    kind_index, count_index, snr_index, repetition = map(int, key.split("-"))
    kind, n_sources = KINDS[kind_index], settings["counts"][count_index]
    family = families[kind.family]
    # Sources are those of the other kinds of noise.
    seeds = [settings["seed"], repetition, n_sources, snr_index]
    rng = np.random.default_rng(seeds)
    # The same places in both families: those that the recording's sensors see.
    strength = np.linalg.norm(arrays["fields recorded"], axis=0)
    locations = draw_locations(rng, arrays["places"], strength, n_sources)
    signal = family.signal(rng, locations)
    signal *= np.sqrt(settings["snrs"][snr_index] * signal.size)
    noise_rng = np.random.default_rng([*seeds, kind_index])
    return signal + family.noise(noise_rng, kind), locations


def _prepare(arrays: Mapping[str, NDArray[Any]], settings: Mapping[str, Any]) -> Any:
    families = families_of(arrays)
    gains = {
        name: {one: Gain(arrays[f"gain {name} {one:g}"], 3) for one in settings["depths"]}
        for name in families
    }
    return arrays, families, gains, settings


def _solve(prepared: Any, key: str) -> Part:
    arrays, families, gains, settings = prepared
    data, true = draw(arrays, families, settings, key)
    name = KINDS[int(key.split("-")[0])].family
    found = answers_of(
        gains[name], data,
        [one for one in ESTIMATORS if one.depth in settings["depths"]], sigma=1.0,
        floor=settings["floor"], n_alphas=settings["n_alphas"], n_sources=len(true),
    )  # fmt: skip
    active = np.array([[one.solution.active_set for one in row] for row in found])
    places = arrays["places"]
    distances = np.linalg.norm(places - places[true][:, np.newaxis], axis=2)
    nearest = np.where(active[:, :, np.newaxis], distances, np.inf).min(axis=-1).mean(axis=-1)
    return {
        "f1": recovery(active, distances < NEAR),
        "n": active.sum(axis=-1),
        "distance": np.where(np.isinf(nearest), np.nan, 1000 * nearest),
        **_states(found),
    }


def _states(found: Any) -> Part:
    return {
        "edge": np.array([[one.at_edge for one in row] for row in found]),
        "short": np.array([[not one.solution.converged for one in row] for row in found]),
    }


def responses_study(arrays: Mapping[str, NDArray[Any]], n_alphas: int = N_RECORDED_ALPHAS) -> Study:
    """Make the recorded responses a sweep: a part is a condition by one estimator.

    A part has arrays (n_rules,): ``n``, ``explained`` (part of the variance), ``level`` (root mean
    square of the residual over the nominal noise level), ``edge`` and ``short``.
    """
    names = sorted(name for name in arrays if name.startswith("response "))
    keys = [
        f"{name.removeprefix('response ').replace(' ', '-')}.{index}"
        for name in names
        for index in range(len(ESTIMATORS))
    ]
    settings = {"n_alphas": n_alphas, "tol": TOL, "depths": list(DEPTHS), "version": 1}
    return Study("recorded responses", keys, _prepare, _solve_response, arrays, settings)


def _solve_response(prepared: Any, key: str) -> Part:
    arrays, _, gains, settings = prepared
    condition, index = key.replace("-", " ").split(".")
    sigma = NAVE[condition] ** -0.5
    data = arrays[f"response {condition}"] * sigma
    (found,) = answers_of(
        gains["recorded"], data, [ESTIMATORS[int(index)]],
        sigma=sigma, floor=0.0, n_alphas=settings["n_alphas"], n_sources=N_AUDITORY,
    )  # fmt: skip
    explained = np.array([one.solution.explained_variance for one in found])
    return {
        "n": np.array([one.solution.active_set.sum() for one in found]),
        "explained": explained,
        "level": np.sqrt((1 - explained) * np.mean(data**2)) / sigma,
        "edge": np.array([one.at_edge for one in found]),
        "short": np.array([not one.solution.converged for one in found]),
    }


def by_condition(keys: Sequence[str], parts: Sequence[Part]) -> dict[str, Part]:
    """Put the parts of a `responses_study` together: arrays (n_estimators, n_rules)."""
    together: dict[str, list[Part]] = {}
    for key, part in zip(keys, parts, strict=True):
        together.setdefault(key.split(".")[0], []).append(part)
    return {
        condition: {name: np.stack([one[name] for one in several]) for name in several[0]}
        for condition, several in together.items()
    }
