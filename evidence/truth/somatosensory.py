"""The somatosensory field of a CTF recording: sources, time courses, the claims of TMI 2016."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mne
import numpy as np
from numpy.typing import NDArray

from mxne_rs import Gain, alpha_max, localize, solve_path
from mxne_rs._arguments.convert import Floats
from mxne_rs._looks.axes import COLOURS, blank_figure
from mxne_rs.results.draw_localization import draw
from mxne_rs.solve.debias import fitted
from mxne_rs.study import Part, Study, run_study
from papers.figures import curve, label, legend
from papers.files import data_files
from papers.findings import Findings, Picture, Table
from papers.recorded import Recording, compare_others

from .median_nerve import (
    BELOW,
    CENTRE,
    DEPTH,
    FILE,
    REGULARISATION,
    WINDOW,
    MedianNerve,
    read_median_nerve,
)
from .somatosensory_claims import EXPECTED, SHOWN, Along, Responses, Sources, claims_of

#: Alphas in percent, rising; the paper's reach from 20 to 80.
PERCENTS = (20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0)
#: Convex problems at most, along alphas and of the primary answer; the relative gap.
N_REWEIGHTS, PRIMARY_ROUNDS, TOL = 20, 100, 1e-7
#: Dipoles that RAP-MUSIC has more than irMxNE, as in the paper.
MORE = 2
#: The data that are solved along alphas.
DATA_SETS = ("average", "half-1", "half-2")


def reproduce_somatosensory(
    *,
    repetitions: int | None = None,
    seed: int = 0,
    data: str | os.PathLike[str] | None = None,
    store: str | os.PathLike[str] | None = None,
    spacing: float = 10.0,
    **how: Any,
) -> Findings:
    """Localize the response to a median nerve, and judge what was said of such responses.

    The protocol stands in `somatosensory.md` beside this file. Nothing is drawn but the direction
    of SURE, from `seed`: `repetitions` is there because all studies have it, and not used. `data`
    is the folder of the file, or the one above; None is that of MXNE_RS_DATA. `spacing` is that of
    the locations in mm. **how is as for `mxne_rs.study.run_study`.

    Raises
    ------
    FileNotFoundError
        Where the file is not there.
    """
    with mne.utils.use_log_level("ERROR"):
        field = read_median_nerve(find_file(data), spacing)
        return findings_of(field, seed, store=store, **how)


def find_file(folder: str | os.PathLike[str] | None) -> Path:
    """Find the recording in a folder or in its folder "benchmarks".

    Examples
    --------
    >>> from truth.somatosensory import find_file
    >>> find_file("nowhere")
    Traceback (most recent call last):
    FileNotFoundError: data: there is no ctf-somatosensory-ave.fif in nowhere
    """
    where = Path(os.environ.get("MXNE_RS_DATA", "") if folder is None else folder)
    inside = data_files(where / "benchmarks", FILE) if (where / "benchmarks").is_dir() else None
    (path,) = inside or data_files(where, FILE) or []
    return path


def findings_of(field: MedianNerve, seed: int = 0, **how: Any) -> Findings:
    """Do all of the study on a prepared recording."""
    along = solve_along(field, **how)
    inputs = (field.evoked, field.forward, field.noise_cov)
    common: dict[str, Any] = {"loose": 1.0, "depth": DEPTH, "tol": TOL, "verbose": False}
    with warnings.catch_warnings():
        # Doubts of SURE are told in the report.
        warnings.simplefilter("ignore", RuntimeWarning)
        primary = localize(
            *inputs, "sure", n_mxne_iter=PRIMARY_ROUNDS, amplitude_unit="relative", rng=seed,
            maxit=100_000, **common,
        )  # fmt: skip
    mxne, irmxne = (
        localize(*inputs, SHOWN, n_mxne_iter=rounds, maxit=100_000, **common)
        for rounds in (1, N_REWEIGHTS)
    )
    others = compare_others(_recording(field), int(irmxne.active.sum()) + MORE, DEPTH)
    found = {
        f"irMxNE, SURE ({primary.alpha:.0f} %)": primary,
        f"MxNE, {SHOWN:g} %": mxne,
        f"irMxNE, {SHOWN:g} %": irmxne,
    }
    sources = {name: Sources.of(field, one) for name, one in found.items()}
    of_primary, of_mxne, of_irmxne = sources.values()
    responses = Responses(
        field, along, of_primary, of_mxne, of_irmxne, others.scores, others.fit,
        len(others.positions),
    )  # fmt: skip
    sure = primary.solution.sure
    return Findings(
        title="Somatosensory field of a CTF recording",
        about=_about(field, responses, bool(sure and sure.at_edge)),
        settings={
            "window (s)": WINDOW,
            "locations": len(field.positions),
            "sphere: centre (mm), radius of the sensors (mm)":
                f"{np.round(1000 * field.centre, 1).tolist()}, {1000 * field.radius:.1f}",
            "locations from the centre, below the sensors (mm)": (1000 * CENTRE, 1000 * BELOW),
            "regularisation of the noise covariance": REGULARISATION,
            "depth": DEPTH,
            "alphas (%)": PERCENTS,
            "reweightings at most": (N_REWEIGHTS, PRIMARY_ROUNDS),
            "relative gap": TOL,
            "seed": seed,
        },
        claims=claims_of(responses),
        pictures=[
            *(Picture(f"sources-{k}", name, CAPTION, draw(one))
              for k, (name, one) in enumerate(found.items(), 1)),
            _curves(along),
        ],
        tables=[_sources_table(sources), _dipoles_table(field, of_primary), _along_table(along)],
    )  # fmt: skip


CAPTION = (
    "Locations, time courses and fit, after debiasing. The head is a sphere: no location is that "
    "of an area of the cortex."
)


def solve_along(field: MedianNerve, **how: Any) -> Along:
    """Solve average and halves along alphas, as `mxne_rs.study.run_study` does."""
    model = field.model
    data = dict(zip(DATA_SETS, (field.evoked, *field.halves), strict=True))
    study = Study(
        "somatosensory field",
        DATA_SETS,
        _prepare,
        _solve,
        {
            "gain": model.gain.columns(np.arange(model.gain.n_locations)),
            **{name: model.whiten(one) for name, one in data.items()},
        },
        {"percents": PERCENTS, "rounds": N_REWEIGHTS, "tol": TOL},
        n_solves=len(PERCENTS),
    )
    parts = run_study(study, **how)
    active, fit, rounds, settled = (
        np.array([part[name] for part in parts]) for name in ("active", "fit", "rounds", "settled")
    )
    return Along(np.array(PERCENTS), active, fit, rounds, settled)


def _prepare(arrays: Mapping[str, NDArray[Any]], settings: Mapping[str, Any]) -> Any:
    return Gain(arrays["gain"], 3), arrays, settings


def _solve(prepared: Any, key: str) -> Part:
    """Solve one data set by both methods along all alphas, rising."""
    gain, arrays, settings = prepared
    data = arrays[key]
    alphas = float(alpha_max(gain, data)) / 100 * np.array(settings["percents"])
    path = solve_path(
        gain, data, alphas, n_reweights=settings["rounds"], amplitude_unit="mne",
        tol=settings["tol"], max_iter=100_000, n_threads=1, verbose=False,
    )  # fmt: skip
    both = [list(reversed(answers)) for answers in (path.convex, path.solutions)]
    energy = np.sum(data**2)
    fit = [
        [
            [100 * (1 - np.sum((data - fitted(gain, data, one, flag)) ** 2) / energy)
             for flag in (False, True)]
            for one in answers
        ]
        for answers in both
    ]  # fmt: skip
    return {
        "active": np.array([[one.active_set for one in answers] for answers in both]),
        "fit": np.array(fit),
        "rounds": np.array([one.n_reweights for one in both[1]]),
        "settled": np.array([bool(one.reweighting_converged) for one in both[1]]),
    }


def _recording(field: MedianNerve) -> Recording:
    """Dress the recording as one of the paper's, whose trials are the halves."""
    trials = np.stack([field.model.whiten(one) for one in field.halves])
    whole = np.ones(trials.shape[-1], dtype=bool)
    return Recording(
        "median nerve", field.evoked, field.forward, field.noise_cov, field.model, trials, whole,
        None,
    )  # fmt: skip


def _about(field: MedianNerve, responses: Responses, at_edge: bool) -> str:
    doubt = " SURE stopped at an end of its grid." if at_edge else ""
    return (
        "A CTF average after stimulation of a median nerve, with its plus-minus average as noise, "
        f"on a sphere fitted to the sensors ({len(field.positions)} locations, free orientation). "
        "The protocol was fixed before any source estimate of this study was computed; it is "
        "evidence/truth/somatosensory.md. The primary answer (irMxNE, alpha by SURE) has "
        f"{responses.primary.n} sources.{doubt} Claims of TMI 2016 are about another recording, of "
        "a subject whose anatomy was known: here they are asked of this one."
    )


def _sources_table(sources: Mapping[str, Sources]) -> Table:
    """List sources with their places, sides and peaks, the strongest first."""
    rows = []
    for name, one in sources.items():
        for k in np.argsort(-one.courses.max(axis=1)):
            x, y, z = (1000 * one.positions[k]).round().astype(int).tolist()
            side = ("left", "middle", "right")[int(one.sides[k]) + 1]
            tops = one.peaks[k]
            high = [top for top in tops if one.courses[k][one.times == top] > 0.5 * _top(one, k)]
            latencies = " ".join(f"{1000 * top:.0f}" for top in high)
            rows.append((name, x, y, z, side, f"{1e9 * _top(one, k):.1f}", latencies))
    headings = (
        "estimate", "right (mm)", "front (mm)", "up (mm)", "side", "largest (nAm)",
        "local maxima above half (ms)",
    )  # fmt: skip
    title = "Sources, from the centre of the sphere"
    return Table("sources", title, headings, rows, shown=True)


def _top(sources: Sources, k: int) -> float:
    return float(sources.courses[k].max())


def _dipoles_table(field: MedianNerve, primary: Sources) -> Table:
    """Fit one dipole by MNE at each expected latency, beside the primary answer's sources.

    It was added after the first look, to see whether positions can be trusted at all.
    """
    sphere = mne.make_sphere_model(field.centre, head_radius=None)
    rows = []
    for latency in EXPECTED:
        now = field.evoked.times[np.abs(field.evoked.times - latency).argmin()]
        sample = field.evoked.copy().crop(now, now)
        dipole, _ = mne.fit_dipole(sample, field.noise_cov, sphere, min_dist=0.0)
        at = dipole.pos[0] - field.centre
        nearest = np.linalg.norm(primary.positions - at, axis=1).min(initial=np.inf)
        rows.append(
            (f"{1000 * latency:.0f}", *(1000 * at).round().astype(int).tolist(),
             float(dipole.gof[0]), 1e9 * float(dipole.amplitude[0]), 1000 * float(nearest))
        )  # fmt: skip
    headings = (
        "latency (ms)", "right (mm)", "front (mm)", "up (mm)", "goodness of fit (%)",
        "amplitude (nAm)", "to the nearest source of the primary answer (mm)",
    )  # fmt: skip
    return Table("dipoles", "One dipole by MNE at a latency", headings, rows, shown=True)


def _along_table(along: Along) -> Table:
    keys: dict[str, Sequence[Any]] = {
        "data": DATA_SETS, "method": along.methods, "alpha (%)": along.percents.tolist()
    }  # fmt: skip
    columns: dict[str, Floats | NDArray[Any]] = {
        "sources": along.sizes,
        "goodness of fit (%)": along.fit[..., 0],
        "goodness of fit debiased (%)": along.fit[..., 1],
    }
    title = "MxNE and irMxNE along alphas"
    return Table.over("along", title, keys, columns, shown=True)


def _curves(along: Along) -> Picture:
    """Draw size and goodness of fit against alpha, as figure 6 of the paper."""
    figure = blank_figure(9.5, 4.2)
    left, right = figure.subplots(1, 2)
    for k, method in enumerate(along.methods):
        curve(left, along.percents, along.sizes[0, k].clip(0.5), COLOURS[k], method)
        for half in (1, 2):
            curve(left, along.percents, along.sizes[half, k].clip(0.5), COLOURS[k], style=":")
        curve(right, along.percents, along.fit[0, k, :, 0], COLOURS[k])
        curve(right, along.percents, along.fit[0, k, :, 1], COLOURS[k], style="o--")
    left.set_yscale("log")
    left.set_yticks([1, 2, 5, 10, 20, 50, 100], ["1", "2", "5", "10", "20", "50", "100"])
    left.set_yticks([], minor=True)
    right.set_ylim(0, 100)
    legend(left)
    label(left, "sources")
    label(right, "goodness of fit (%)")
    caption = (
        "Left: sources in the average, dotted in its halves. Right: the average's fit, solid "
        "without debiasing, dashed with."
    )
    return Picture("along", "Sources and goodness of fit against alpha", caption, figure)
