"""Dipole by dipole: how far from the true dipoles of a phantom MxNE, irMxNE and a fit are."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import mne
import numpy as np
from numpy.typing import NDArray

from mxne_rs import Gain, choose_alpha, debias
from mxne_rs._arguments.convert import Floats, as_choice, as_count, as_number
from mxne_rs._looks.axes import COLOURS, blank_figure
from mxne_rs.inverse.model import Model
from mxne_rs.study import Part, Study, run_study
from papers.figures import curve, label, legend
from papers.findings import Findings, Picture, Table

from .phantom_data import (
    CENTRE,
    OUTER,
    Phantom,
    direction_rows,
    find_files,
    fitted_dipoles,
    lattice,
    model_on,
    read_phantom,
)

#: Estimators and their numbers of rounds; the fit of one dipole stands beside them.
METHODS, FIT = {"MxNE": 1, "irMxNE": 10}, "mne.fit_dipole"
#: Relative duality gap, and epochs allowed.
TOL, MAX_ITER = 1e-4, 5000
#: Distance of neighbours in the second grid as a part of the first's, and how far it reaches as a
#: multiple of it, around the strongest source of the first.
FINER, REACH = 0.25, 1.25
#: Phantoms whose dipoles `mne.dipole.get_phantom_dipoles` knows.
KINDS = ("vectorview", "otaniemi", "oyama")


class Error(NamedTuple):
    """How far an estimate is from the truth: mm, degrees, estimated over true amplitude."""

    distance: float
    angle: float
    ratio: float
    n_sources: int


def reproduce_phantom(
    *,
    data: str | os.PathLike[str] | None = None,
    repetitions: int = 1,
    seed: int = 0,
    store: str | os.PathLike[str] | None = None,
    kind: str = "vectorview",
    spacing: float = 8.0,
    depth: float = 1.0,
    **how: Any,
) -> Findings:
    """Localize every dipole of a phantom, and say how far off MxNE, irMxNE and a fit are.

    Parameters
    ----------
    data : path
        Folder with recordings in the layout of mne.datasets.brainstorm.bst_phantom_elekta: raw
        files whose names have the current (``*nAm*raw.fif``), the numbers of the dipoles as codes
        on channel STI201.
    repetitions : int, default 1
        Parts that the trials of a dipole are divided into at random; each is averaged and localized
        by itself.
    seed : int, default 0
        Seed of that division.
    store, **how
        As for `mxne_rs.study.run_study`.
    kind : {'vectorview', 'otaniemi', 'oyama'}, default 'vectorview'
        The phantom, as `mne.dipole.get_phantom_dipoles` takes it.
    spacing : float, default 8
        Distance of neighbours in the grid inside the sphere, in mm. Around the strongest source a
        second grid has a quarter of it.
    depth : float, default 1
        Depth weighting: 1 gives all locations columns of the same norm.

    Returns
    -------
    findings : papers.findings.Findings
        Tables of errors, dipole by dipole and in summary. A phantom tests no claim: there is none.

    Raises
    ------
    FileNotFoundError
        Where the folder has no such file.
    ValueError
        Where no folder is given, or a file has no channel STI201, no codes, or too few trials.

    Notes
    -----
    The noise covariance is that of the baselines (-100 to -50 ms); alpha is that of the rule
    "noise" at ``nave ** -0.5``. Samples within 10 ms of the strongest one are solved; position,
    direction and amplitude are those of the strongest source at that sample, debiased. Angles have
    no sign.

    Examples
    --------
    ``findings = reproduce_phantom(data="bst_phantom_elekta")``, then
    ``write_findings(findings, pathlib.Path("report"))``: minutes.
    """
    files = find_files(data)
    kind = as_choice("kind", kind, KINDS)
    repetitions = as_count("repetitions", repetitions, 1)
    step = as_number("spacing", spacing, "give a distance in mm, such as 8") / 1000
    weighting = as_number("depth", depth, "give an exponent, such as 1", zero=True)
    positions, directions = mne.dipole.get_phantom_dipoles(kind)
    rows: list[tuple[Any, ...]] = []
    settings: dict[str, Any] = {"phantom": kind, "repetitions": repetitions, "seed": seed}
    settings |= {"spacing (mm)": f"{spacing:g}, then {FINER * spacing:g}", "depth": depth}
    for path in files:
        phantom = read_phantom(path, len(positions), repetitions, seed)
        settings[f"{phantom.name}: peak (ms)"] = f"{1000 * phantom.peak:.1f}"
        where = None if store is None else Path(store) / path.stem
        with warnings.catch_warnings():
            # Where no source stands out, the table says so.
            warnings.simplefilter("ignore", RuntimeWarning)
            estimates = localize_dipoles(phantom, step, weighting, store=where, **how)
        truth = [(positions[n - 1], directions[n - 1]) for n in phantom.numbers]
        for index, number in enumerate(phantom.numbers):
            for method in (*METHODS, FIT):
                for part, estimate in enumerate(estimates[method][index]):
                    error = error_of(estimate, *truth[index], phantom.amplitude)
                    rows.append((phantom.name, number, part, method, *error))
    headings = ("file", "dipole", "part", "method", "distance (mm)", "angle (deg)")
    dipoles = Table(
        "phantom_dipoles", "Dipole by dipole", (*headings, "amplitude ratio", "sources"), rows,
        shown=True,
    )  # fmt: skip
    return Findings(
        title="A phantom whose dipoles are known",
        about=(
            f"{len(files)} recordings, {len({row[:2] for row in rows})} dipoles: MxNE and irMxNE "
            "with free orientation on a grid in the phantom's sphere, and mne.fit_dipole."
        ),
        settings=settings,
        claims=[],
        pictures=[_picture(rows)],
        tables=[_summary(rows), dipoles],
    )


class Estimate(NamedTuple):
    """One dipole: position in m, current at the peak in Am (head coordinates)."""

    position: Floats
    current: Floats
    n_sources: int


#: Where no source stands out of the noise.
NOTHING = Estimate(np.full(3, np.nan), np.zeros(3), 0)


def localize_dipoles(
    phantom: Phantom, spacing: float, depth: float, *, store: Path | None = None, **how: Any
) -> dict[str, list[list[Estimate]]]:
    """Localize every average by every method, on a grid and then on a finer one; spacing in m.

    The lists of a method are by dipole and by part of the trials.
    """
    coarse = lattice(spacing, np.array(CENTRE), OUTER)
    model = model_on(coarse, phantom, depth)
    averages = [one for parts in phantom.evokeds for one in parts]
    white = [model.whiten(one) for one in averages]
    study = _study("coarse", [model], [0] * len(white), white, averages, phantom)
    parts = run_study(study, store=None if store is None else store / "coarse", **how)
    n_parts = len(phantom.evokeds[0])
    found: dict[str, list[list[Estimate]]] = {}
    for method in METHODS:
        seen = [index for index, part in enumerate(parts) if part[method][0] >= 0]
        centres = [_estimate(parts[index], model, method).position for index in seen]
        models = [
            model_on(lattice(FINER * spacing, centre, REACH * spacing), phantom, depth)
            for centre in centres
        ]
        study = _study(
            method, models, range(len(models)), [white[index] for index in seen],
            [averages[index] for index in seen], phantom,
        )  # fmt: skip
        fine = run_study(study, store=None if store is None else store / method, **how)
        estimates = [NOTHING] * len(parts)
        for index, part, local in zip(seen, fine, models, strict=True):
            estimates[index] = _estimate(part, local, method)
        found[method] = [estimates[i : i + n_parts] for i in range(0, len(parts), n_parts)]
    found[FIT] = [
        [Estimate(one.pos[0], one.ori[0] * one.amplitude[0], 1) for one in parts]
        for parts in fitted_dipoles(phantom)
    ]
    return found


def error_of(estimate: Estimate, position: Floats, direction: Floats, amplitude: float) -> Error:
    """Measure how far an estimate is from the truth.

    Examples
    --------
    >>> import numpy as np
    >>> from truth.phantom import Estimate, error_of
    >>> estimate = Estimate(np.array([0.0, 0.003, 0.004]), np.array([0.0, -1.0, 1.0]), 2)
    >>> error = error_of(estimate, np.zeros(3), np.array([0.0, 0.0, 1.0]), 2.0)
    >>> [round(float(one), 4) for one in error]
    [5.0, 45.0, 0.7071, 2.0]
    """
    size = float(np.linalg.norm(estimate.current))
    cosine = abs(float(estimate.current @ direction)) / size if size > 0 else np.nan
    return Error(
        1000 * float(np.linalg.norm(estimate.position - position)),
        float(np.rad2deg(np.arccos(min(cosine, 1.0)))),
        size / amplitude,
        estimate.n_sources,
    )


def _study(
    name: str,
    models: Sequence[Model],
    places: Sequence[int],
    white: Sequence[Floats],
    averages: Sequence[Any],
    phantom: Phantom,
) -> Study:
    """Make the averages a sweep, each on the model at its place.

    A part has an array for each method: the strongest location (-1 without one), the number of
    sources, and the current at the peak in the units of the gain (3).
    """
    peak = int(np.argmin(np.abs(averages[0].times - phantom.peak)))
    arrays: dict[str, NDArray[Any]] = {}
    for index, model in enumerate(models):
        arrays[f"gain {index}"] = model.gain.columns(np.arange(model.gain.n_locations))
        arrays[f"weighting {index}"] = model.weighting
    for index, data in enumerate(white):
        arrays[f"data {index}"] = data
    arrays["places"] = np.array(places)
    arrays["sigma"] = np.array([one.nave**-0.5 for one in averages])
    keys = [f"{index:04d}" for index in range(len(white))]
    methods = METHODS if name == "coarse" else {name: METHODS[name]}
    settings = {"methods": list(methods), "rounds": list(methods.values()), "peak": peak}
    settings |= {"tol": TOL, "version": 1}
    return Study(f"phantom, {name}", keys, _prepare, _solve, arrays, settings, len(methods))


def _prepare(arrays: Mapping[str, NDArray[Any]], settings: Mapping[str, Any]) -> Any:
    return arrays, settings


def _solve(prepared: Any, key: str) -> Part:
    arrays, settings = prepared
    index = int(key)
    place = arrays["places"][index]
    gain, data = Gain(arrays[f"gain {place}"], 3), arrays[f"data {index}"]
    weighting = arrays[f"weighting {place}"].reshape(-1, 3)
    part = {}
    for method, rounds in zip(settings["methods"], settings["rounds"], strict=True):
        solution = choose_alpha(
            gain, data, method="noise", sigma=float(arrays["sigma"][index]), n_reweights=rounds,
            tol=TOL, max_iter=MAX_ITER, n_threads=1, verbose=False,
        ).solution  # fmt: skip
        locations = np.flatnonzero(solution.active_set)
        if not len(locations):
            part[method] = np.array([-1.0, 0.0, 0.0, 0.0, 0.0])
            continue
        columns = gain.active_columns(solution.active_set)
        factors = debias(columns, data, solution.sources, n_orient=3)
        currents = solution.sources[:, settings["peak"]].reshape(-1, 3)
        currents = currents * factors[:, np.newaxis] * weighting[locations]
        strongest = int(np.argmax(np.linalg.norm(currents, axis=1)))
        part[method] = np.array([locations[strongest], len(locations), *currents[strongest]])
    return part


def _estimate(part: Part, model: Model, method: str) -> Estimate:
    """Turn the numbers of a part into positions and currents in head coordinates."""
    location, n_sources = (int(one) for one in part[method][:2])
    if location < 0:
        return NOTHING
    current = part[method][2:] @ direction_rows(model, location)
    position = np.asarray(model.forward["source_rr"][location], dtype=np.float64)
    return Estimate(position, current, n_sources)


def _summary(rows: Sequence[tuple[Any, ...]]) -> Table:
    """Mean, median and largest errors of each file and method, of what is found."""
    out = []
    for name, method in dict.fromkeys((row[0], row[3]) for row in rows):
        errors = np.array([row[4:] for row in rows if (row[0], row[3]) == (name, method)])
        found = errors[errors[:, 3] > 0]
        part = len(found) / len(errors)
        if not len(found):
            found = np.full((1, 4), np.nan)
        distance, angle, ratio, n_sources = found.T
        out.append(
            (name, method, part, *_three(distance), *_three(angle), float(np.median(ratio)),
             float(n_sources.mean()))
        )  # fmt: skip
    headings = ["file", "method", "found (part)"]
    for what in ("distance (mm)", "angle (deg)"):
        headings += [f"{kind} {what}" for kind in ("mean", "median", "largest")]
    headings += ["median amplitude ratio", "mean sources"]
    return Table("phantom_summary", "Errors of all dipoles", headings, out, shown=True)


def _three(values: Floats) -> tuple[float, float, float]:
    return float(values.mean()), float(np.median(values)), float(values.max())


def _picture(rows: Sequence[tuple[Any, ...]]) -> Picture:
    """Draw the errors of all dipoles: a panel for each kind of error, a mark for each method."""
    figure = blank_figure(12, 3.6)
    names = list(dict.fromkeys(row[0] for row in rows))
    for axes, column, title in zip(
        figure.subplots(1, 3), (4, 5, 6), ("distance (mm)", "angle (deg)", "amplitude ratio"),
        strict=True,
    ):  # fmt: skip
        for method, colour in zip((*METHODS, FIT), COLOURS, strict=False):
            for name, style in zip(names, "osd^v" * len(names), strict=False):
                shown = [row for row in rows if (row[0], row[3]) == (name, method)]
                curve(
                    axes, [row[1] for row in shown], [row[column] for row in shown], colour,
                    method if name == names[0] else "", style,
                )  # fmt: skip
        label(axes, title, "", "dipole")
    legend(axes)
    caption = f"Marks: {', '.join(names)}. Amplitude ratio: estimated over true."
    return Picture("phantom", "Errors dipole by dipole", caption, figure)
