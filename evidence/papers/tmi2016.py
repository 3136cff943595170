"""Strohmeier, Bekhti, Haueisen and Gramfort, IEEE TMI 35 (2016): what its protocol gives here."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxne_rs import Gain
from mxne_rs._arguments.convert import Floats, as_count
from mxne_rs._arguments.extras import import_mne
from mxne_rs.inverse.model import Model
from mxne_rs.study import Part, Study, run_study

from .auditory import N_TRIALS, SNR, WINDOW, AuditoryField, prepare_auditory
from .estimates import METHODS, estimate_currents, estimate_sources, measured
from .findings import Findings
from .head import Head, find_head
from .recorded import Recording, compare_others, resampling_study, simulate_epochs
from .resamples import Resamples
from .scores import Scores
from .timing import time_solvers
from .tmi2016_claims import claims_of
from .tmi2016_figures import pictures
from .tmi2016_tables import tables

#: Alphas of the simulation, of the resampled epochs, of the timing.
PERCENTS = (5.0, 10.0, 20.0, 40.0, 60.0, 80.0, 100.0)
RESAMPLED = (10.0, 20.0, 40.0, 60.0, 80.0)
TIMED = (20.0, 40.0, 60.0, 80.0)
#: The alpha of the paper's Figure 5.
SHOWN = 60.0
#: A true positive is this near, in m.
NEAR = 0.01
#: Relative duality gaps at which supports no longer change, the second of each sample of MCE.
TOL, TOL_CURRENTS = 1e-6, 1e-5


def reproduce_tmi2016(
    *,
    repetitions: int = 20,
    resamples: int = 20,
    seed: int = 0,
    data: str | os.PathLike[str] | None = None,
    epochs: Any = None,
    forward: Any = None,
    window: tuple[float, float] = (0.05, 0.2),
    n_dipoles: int = 2,
    depth: float = 0.8,
    store: str | os.PathLike[str] | None = None,
    **how: Any,
) -> Findings:
    """Run the protocol of the TMI 2016 paper, and compare what it gives with what the paper says.

    `repetitions` are draws of the simulation, `resamples` random four fifths of the epochs; the
    paper has 100 of each. `data` is the folder of the cortex of 7498 locations, None that of
    MXNE_RS_DATA; where there is none, a volume is made here. `epochs`, with a baseline before
    -70 ms, need their `forward` (free orientation); None simulates 100 trials. Their `window` (s)
    is analysed, with so many dipoles of RAP-MUSIC; `depth` is that of `mixed_norm`. `store` and
    **how are as for `mxne_rs.study.run_study`.

    Notes
    -----
    Where the paper leaves something open, or its data are not public, this was decided:

    - The noise is that of ten background dipoles, normal to the cortex, at new places in each trial
      (AR(5) with rhythms at 10 and 20 Hz and a drift; the paper's coefficients are not given), and
      of the sensors. Its exact covariance whitens the simulation. It is scaled to the SNR.
    - True dipoles lie on top of the transverse temporal gyri, 30 degrees off the normal.
    - MCE has the penalty of MxNE at each sample by itself, its alpha is a part of the largest of
      all samples.
    - RMSE is over whitened sensors, as a part of the true field's norm.
    - Depth weighting is MNE's default. It decides how often both sources are found more than the
      method does: nearly always with ``depth=1``.
    - The covariance of epochs is estimated once, from all of them (the paper: for each resample).

    Examples
    --------
    ``findings = reproduce_tmi2016(repetitions=20)``, then
    ``write_findings(findings, pathlib.Path("report"))``: some minutes.
    """
    import_mne()
    repetitions = as_count("repetitions", repetitions, 2)
    resamples = as_count("resamples", resamples, 2)
    if epochs is not None and forward is None:
        raise ValueError("epochs need their forward solution: give forward")
    head = find_head(data)
    model, field = prepare_auditory(head, depth)
    study = simulation_study(model, field, repetitions=repetitions, seed=seed)
    parts = run_study(study, store=_folder(store, "simulation"), **how)
    scores = scores_of(parts, head.distances < NEAR)
    if epochs is None:
        recording = Recording.of(
            simulate_epochs(head, model, field, seed), head.forward, window, depth=depth,
            distances=head.distances, name=f"{N_TRIALS} simulated trials",
        )  # fmt: skip
    else:
        recording = Recording.of(epochs, forward, window, depth=depth)
    resampling = resampling_study(recording, RESAMPLED, resamples, seed, TOL)
    parts = run_study(resampling, store=_folder(store, "epochs"), **how)
    found = Resamples.of(parts, RESAMPLED, recording, SHOWN, TOL)
    others = compare_others(recording, n_dipoles, depth)
    timing = time_solvers(recording.model.gain, recording.average, TIMED, seed)
    return Findings(
        title="IEEE TMI 2016: iterative reweighted mixed-norm estimate",
        about=_about(head, recording, scores),
        settings={
            "repetitions": repetitions,
            "resamples": resamples,
            "seed": seed,
            "head": head.name,
            "epochs": f"{recording.name}, {len(recording.trials)}",
            "alphas (% of alpha_max)": ", ".join(f"{one:g}" for one in PERCENTS),
            "depth weighting": depth,
            "relative duality gap": f"{TOL:g}, MCE {TOL_CURRENTS:g} for each sample",
            "largest gap reached": f"{scores.gaps.max():.1e}",
            "factor on the noise, for the SNR": f"{field.scale:.3g}",
        },
        claims=claims_of(scores, found, others, timing, recording),
        pictures=pictures(scores, found, others, timing, recording),
        tables=tables(scores, found, timing),
    )


def simulation_study(
    model: Model,
    field: AuditoryField,
    *,
    repetitions: int,
    seed: int = 0,
    percents: Sequence[float] = PERCENTS,
    tol: float = TOL,
    tol_currents: float = TOL_CURRENTS,
) -> Study:
    """Make the simulation a sweep: a part is a draw, solved by three methods at all alphas.

    A part has ``active`` (3, n_alphas, n_locations), ``errors`` (3, n_alphas, 2), ``gaps``
    (3, n_alphas) and ``snr``.

    Examples
    --------
    >>> from papers.auditory import prepare_auditory
    >>> from papers.head import volume_head
    >>> from papers.tmi2016 import scores_of, simulation_study
    >>> from mxne_rs.study import run_study
    >>> head = volume_head(spacing=25.0)
    >>> model, field = prepare_auditory(head)
    >>> study = simulation_study(model, field, repetitions=2, percents=[40, 80])
    >>> scores = scores_of(run_study(study, verbose=False), head.distances < 0.01)
    >>> scores.sizes.shape, bool((scores.sizes[:, 2] <= scores.sizes[:, 1]).all())
    ((2, 3, 2), True)
    """
    analysed = field.within(*WINDOW)
    gain = model.gain.columns(np.arange(model.gain.n_locations))
    arrays = {"gain": gain} | {name: np.array(one) for name, one in vars(analysed).items()}
    settings = {"percents": list(map(float, percents)), "seed": seed}
    settings |= {"tol": tol, "tol_currents": tol_currents}
    keys = [f"{repetition:04d}" for repetition in range(repetitions)]
    n_solves = len(METHODS) * len(percents)
    return Study("TMI 2016, simulation", keys, _prepare, _solve, arrays, settings, n_solves)


def draw(field: AuditoryField, seed: int, repetition: int) -> Floats:
    """Whitened data of a repetition."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, repetition]))
    return np.asarray(field.signal + field.noise(rng))


def _prepare(arrays: Mapping[str, NDArray[Any]], settings: Mapping[str, Any]) -> Any:
    field: dict[str, Any] = {name: one for name, one in arrays.items() if name != "gain"}
    return Gain(arrays["gain"], 3), AuditoryField(**field), settings


def _solve(prepared: Any, key: str) -> Part:
    gain, field, settings = prepared
    data = draw(field, settings["seed"], int(key))
    percents = settings["percents"]
    found = (
        estimate_currents(gain, data, percents, settings["tol_currents"]),
        *estimate_sources(gain, data, percents, settings["tol"]),
    )
    size = np.linalg.norm(field.signal)
    return {
        "active": measured(found, lambda one: one.active),
        "errors": measured(
            found,
            lambda one: [np.linalg.norm(field.signal - fit) / size for fit in one.fits(gain, data)],
        ),
        "gaps": measured(found, lambda one: one.gap),
        "snr": np.array(size**2 / np.sum((data - field.signal) ** 2)),
        "percents": np.array(percents),
    }


def scores_of(parts: Sequence[Part], near: NDArray[np.bool_]) -> Scores:
    """The parts of a `simulation_study` together."""
    active, errors, gaps, snr = (
        np.array([part[name] for part in parts]) for name in ("active", "errors", "gaps", "snr")
    )
    percents = tuple(float(one) for one in parts[0]["percents"])
    return Scores(percents, active, errors, near, snr, gaps)


def _folder(store: str | os.PathLike[str] | None, name: str) -> Path | None:
    return None if store is None else Path(store) / name


def _about(head: Head, recording: Recording, scores: Scores) -> str:
    """What was done, in a few sentences."""
    note = ""
    if recording.distances is not None:
        note = "They are simulated, so that what the paper says of its recordings is checked on "
        note += "simulated trials, or not at all."
    return (
        f"Two auditory dipoles and ten background dipoles on a {head.name}, {N_TRIALS} trials "
        f"averaged, {scores.n_draws} repetitions, SNR {scores.snr.mean():.2f} ± "
        f"{scores.snr.std():.2f} (wanted: {SNR}); free orientation, exact noise covariance. "
        f"Then {recording.name}: {len(recording.trials)} epochs resampled, with one noise "
        f"covariance. {note} Verdicts are computed from the numbers of this "
        "run; what is said of all alphas is asked for from 10 to 60 %."
    )
