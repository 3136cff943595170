"""Seizures with a known outcome: does the strongest region lie in what was resected?"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mxne_rs._arguments.convert import Floats
from mxne_rs._looks.axes import COLOURS, VIEWS, blank_figure
from papers.claims import Claim, Row, judge
from papers.figures import label, legend
from papers.findings import Findings, Picture, Table

from .answers import (
    ABOVE_NOISE,
    DENSE,
    DEPTHS,
    METHODS,
    PARTS,
    PRIMARY,
    RULES,
    Answer,
    dense_answers,
    sparse_answers,
)
from .patients import SHRINKAGE, Patient, read_patient

#: Regions above this part of the strongest are found.
FOUND = 0.5
#: Parts of all regions at which the chance distance is told.
QUANTILES = (0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
#: How close in mm a distance is to one that was told before.
CLOSE = 5.0
#: What the earlier attempt did: data set, depth, method.
EARLIER = ("all", 0.8, "irMxNE, mne")


class Score(NamedTuple):
    """An answer against the resection; NaN (-1 of regions) where it holds no source."""

    region: int
    #: Of the strongest region to the nearest resected one, in mm; the part of all regions that
    #: are at most as far.
    distance: float
    chance: float
    n_active: int
    n_found: int
    sensitivity: float
    specificity: float
    #: Mean distance of the regions found, weighted by their strengths, in mm.
    weighted: float


def score(strength: Floats, distances: Floats, resected: NDArray[np.bool_]) -> Score:
    """Compare the strengths of regions with the resection.

    Examples
    --------
    >>> import numpy as np
    >>> from truth.seizures import score
    >>> resected = np.array([True, True, False, False])
    >>> one = score(np.array([0.0, 3.0, 1.0, 2.0]), np.array([0.0, 0, 10, 30]), resected)
    >>> one.region, one.distance, one.chance, one.sensitivity, one.specificity, one.weighted
    (1, 0.0, 0.5, 0.5, 0.5, 12.0)
    """
    if not strength.any():
        return Score(-1, np.nan, np.nan, 0, 0, np.nan, np.nan, np.nan)
    strongest = int(np.argmax(strength))
    found = strength > FOUND * strength[strongest]
    return Score(
        strongest,
        float(distances[strongest]),
        float(np.mean(distances <= distances[strongest])),
        int((strength > 0).sum()),
        int(found.sum()),
        float(found[resected].mean()),
        float(1 - found[~resected].mean()),
        float(np.average(distances[found], weights=strength[found])),
    )


def reproduce_seizures(
    *,
    repetitions: int = 20,
    seed: int = 0,
    data: str | os.PathLike[str] | None = None,
    store: str | os.PathLike[str] | None = None,
    depths: Sequence[float] = DEPTHS,
    **how: Any,
) -> Findings:
    """Localize the seizures of patients whose resection freed them, by a protocol fixed before.

    The protocol stands in `seizures.md` beside this file. `repetitions` are draws of white noise
    for the rule "noise". `data` is a folder with files like seizure-a.npz, or one that has them in
    its folder "benchmarks"; None is that of MXNE_RS_DATA. **how is as for
    `mxne_rs.study.run_study`.

    Raises
    ------
    FileNotFoundError
        Where there is no patient.
    """
    patients = [read_patient(path) for path in patient_files(data)]
    tables, pictures, claims, shares = [], [], [], []
    for patient in patients:
        parts = None if store is None else Path(store) / patient.name
        answers = sparse_answers(patient, depths, repetitions, seed, store=parts, **how)
        answers += dense_answers(patient)
        scores = [score(one.strength, patient.distances, patient.resected) for one in answers]
        rows = list(zip(answers, scores, strict=True))
        tables += _tables(patient, rows)
        pictures += [_distances(patient, rows), _map(patient, answers)]
        claims += _claims(patient, rows)
        shares.append(f"patient {patient.name}: {_share(rows)}")
    return Findings(
        title="Seizures against what was resected",
        about=_about(patients, shares),
        settings={
            "patients": ", ".join(patient.name for patient in patients),
            "shrinkage of the noise covariance": SHRINKAGE,
            "depths": list(depths),
            "rules": ", ".join([*PARTS, *RULES, f"noise ({ABOVE_NOISE} times)"]),
            "primary": PRIMARY,
            "draws of white noise": repetitions,
            "seed": seed,
        },
        claims=claims,
        pictures=pictures,
        tables=tables,
    )


def patient_files(folder: str | os.PathLike[str] | None) -> list[Path]:
    """Find the files of patients in a folder or in its folder "benchmarks".

    Examples
    --------
    >>> from truth.seizures import patient_files
    >>> patient_files("nowhere")
    Traceback (most recent call last):
    FileNotFoundError: data: there is no seizure-*.npz in nowhere; give a folder with patients
    """
    where = Path(os.environ.get("MXNE_RS_DATA", "") if folder is None else folder)
    for place in (where, where / "benchmarks"):
        if found := sorted(place.glob("seizure-*.npz")):
            return found
    raise FileNotFoundError(
        f"data: there is no seizure-*.npz in {where}; give a folder with patients"
    )


def _is(answer: Answer, *wanted: Any) -> bool:
    """Tell whether an answer has this data set, depth, method and, where given, rule."""
    return (answer.data, answer.depth, answer.method, answer.rule)[: len(wanted)] == wanted


def _share(rows: Sequence[tuple[Answer, Score]]) -> str:
    """Tell of the primary answer, and of all of all epochs."""
    primary = next((one for answer, one in rows if _is(answer, *PRIMARY)), None)
    every = [one for answer, one in rows if answer.data == "all" and answer.method in METHODS]
    inside = sum(one.distance == 0 for one in every)
    text = f"of {len(every)} sparse answers to all epochs {inside} have their strongest region in "
    text += "the resection"
    if primary is not None:
        text = f"the primary answer's strongest region is {primary.distance:.0f} mm off; {text}"
    return text


def _about(patients: Sequence[Patient], shares: Sequence[str]) -> str:
    return (
        f"{len(patients)} patient(s), seizure free after a resection. The protocol was fixed "
        "before any source estimate of this study was computed; it is evidence/truth/seizures.md. "
        f"{'. '.join(shares)}. Distances are between centroids of regions; the file has lost "
        "the noise level of the seizure, so that rules which want one get the root mean square of "
        "the whitened data. dSPM and sLORETA are MNE's, with a forward solution made of the "
        "arrays; the dipole fit is the best single region, since the gain of regions is all that "
        "is given."
    )


HEADINGS = (
    "data", "depth", "method", "rule", "alpha / alpha_max", "active regions", "strongest region",
    "distance (mm)", "regions as near", "above half", "sensitivity", "specificity",
    "weighted distance (mm)", "explained variance", "end of grid", "relative gap",
)  # fmt: skip


def _cells(answer: Answer, one: Score) -> tuple[Any, ...]:
    return (
        answer.data, answer.depth, answer.method, answer.rule, answer.alpha, one.n_active,
        one.region, one.distance, one.chance, one.n_found, one.sensitivity, one.specificity,
        one.weighted, answer.explained, answer.at_edge, answer.gap,
    )  # fmt: skip


def _tables(patient: Patient, rows: Sequence[tuple[Answer, Score]]) -> list[Table]:
    """All answers; those of the primary depth, chance, and the methods' summary to be shown."""
    name, title = patient.name, f"Patient {patient.name}"
    cells = [_cells(answer, one) for answer, one in rows]
    dense = (*DENSE, "dipole")
    primary = [
        _cells(answer, one)
        for answer, one in rows
        if answer.data == "all" and (answer.depth == PRIMARY[1] or answer.method in dense)
    ]
    shown = f"{title}: all epochs, depth {PRIMARY[1]} (and what is beside it)"
    return [
        _chance(patient),
        Table(f"{name}-primary", shown, HEADINGS, primary, shown=True),
        _summary(patient, rows),
        Table(f"{name}-answers", f"{title}: all answers", HEADINGS, cells),
    ]


def _chance(patient: Patient) -> Table:
    """How far regions are, whatever the data say."""
    distances = patient.distances
    rows = [("part of the regions that is resected", float(patient.resected.mean()))]
    rows += [
        (f"distance (mm), {100 * part:g} % of the regions are nearer", float(at))
        for part, at in zip(QUANTILES, np.quantile(distances, QUANTILES), strict=True)
    ]
    title = f"Patient {patient.name}: chance"
    return Table(f"{patient.name}-chance", title, ("chance", "value"), rows, shown=True)


def _summary(patient: Patient, rows: Sequence[tuple[Answer, Score]]) -> Table:
    """Count the answers of each method, over depths and rules, by data set."""
    names = list(dict.fromkeys(answer.method for answer, _ in rows))
    lines = []
    for data in dict.fromkeys(answer.data for answer, _ in rows):
        for name in names:
            ours = [one for answer, one in rows if (answer.data, answer.method) == (data, name)]
            distances = [one.distance for one in ours if one.region >= 0]
            median = float(np.median(distances)) if distances else np.nan
            inside = sum(distance == 0 for distance in distances)
            lines.append((data, name, len(ours), len(ours) - len(distances), inside, median))
    headings = ("data", "method", "answers", "empty", "strongest in the resection", "median (mm)")
    title = f"Patient {patient.name}: methods, over depths and rules"
    return Table(f"{patient.name}-methods", title, headings, lines, shown=True)


def _distances(patient: Patient, rows: Sequence[tuple[Answer, Score]]) -> Picture:
    """Draw the distance of each answer to all epochs beside what chance gives."""
    figure = blank_figure(9.0, 4.8)
    axes = figure.subplots()
    low, middle, high = np.quantile(patient.distances, (0.25, 0.5, 0.75))
    axes.axvspan(low, high, color="0.88", linewidth=0, label="half of all regions")
    axes.axvline(middle, color="0.6", linewidth=1, label="median region")
    ours = [(answer, one) for answer, one in rows if answer.data == "all"]
    names = list(dict.fromkeys(answer.method for answer, _ in ours))
    depths = sorted({answer.depth for answer, _ in ours if answer.depth == answer.depth})
    for k, depth in enumerate(depths):
        at = [
            (one.distance, names.index(answer.method) + 0.22 * (k - (len(depths) - 1) / 2))
            for answer, one in ours
            if answer.depth == depth
        ]
        axes.plot(*np.transpose(at), "o", color=COLOURS[k], alpha=0.5, label=f"depth {depth:g}")
    dipoles = [(one.distance, names.index("dipole")) for a, one in ours if a.method == "dipole"]
    axes.plot(*np.transpose(dipoles), "o", color="0.3")
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    legend(axes, loc="center left", bbox_to_anchor=(1.01, 0.5))
    label(axes, "", xlabel="strongest region to the resection (mm)")
    caption = "Each point is an answer to all epochs, a rule for alpha; 0 mm is in the resection."
    title = f"Patient {patient.name}: distances"
    return Picture(f"{patient.name}-distances", title, caption, figure)


def _map(patient: Patient, answers: Sequence[Answer]) -> Picture:
    """Draw the regions that the primary answer and those beside it find."""
    figure = blank_figure(10.5, 4.6)
    wanted: dict[str, tuple[Any, ...]]
    wanted = {method: ("all", PRIMARY[1], method) for method in DENSE}
    wanted |= {"irMxNE (primary)": PRIMARY}
    picked = {name: [one for one in answers if _is(one, *key)] for name, key in wanted.items()}
    picked["dipole"] = [one for one in answers if (one.data, one.method) == ("all", "dipole")]
    colours = {name: COLOURS[k] for k, name in enumerate(("irMxNE (primary)", "dipole", *DENSE))}
    panels = figure.subplots(1, 3)
    for axes, (title, x, y, ends) in zip(panels, VIEWS, strict=True):
        axes.scatter(*patient.centroids[:, [x, y]].T, s=4, color="0.8", linewidths=0)
        resected = patient.centroids[patient.resected]
        axes.scatter(*resected[:, [x, y]].T, s=45, color="0.55", linewidths=0, label="resected")
        for name, those in picked.items():
            for one in those:
                found = one.strength > FOUND * one.strength.max()
                x_found, y_found = patient.centroids[found][:, [x, y]].T
                dense = name in DENSE
                axes.scatter(
                    x_found, y_found, s=40 if dense else 110, marker="o" if dense else "x",
                    color=None if dense else colours[name], linewidths=0.8 if dense else 2,
                    facecolors="none" if dense else None, label=name,
                    edgecolors=colours[name] if dense else None,
                )  # fmt: skip
        axes.set_aspect("equal")
        label(axes, "mm", title, f"{ends[0]} to {ends[1]} (mm)")
    handles = panels[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncol=5, frameon=False, fontsize=8.5)
    caption = "Circles and crosses: regions above half of the strongest. Small dots: all regions."
    return Picture(f"{patient.name}-map", f"Patient {patient.name}: regions", caption, figure)


class _Before(NamedTuple):
    """What the earlier attempt's sentences are judged by."""

    patient: Patient
    distances: dict[str, float]

    @property
    def found(self) -> str:
        """The distances, in words."""
        return ", ".join(f"{rule}: {one:.0f} mm" for rule, one in self.distances.items())


#: An attempt with MNE's solver, which was told before this study.
ATTEMPT = "earlier attempt (MNE's solver, depth 0.8, five SVD components)"
SENTENCES = [
    Row("irMxNE: the strongest region lies in the resection at alpha 50 and 30 %.", ATTEMPT,
        "before",
        lambda b: b.distances["50 %"] == b.distances["30 %"] == 0, lambda b: b.found),
    Row("irMxNE: the strongest region lies 27 mm off at alpha 70 %.", ATTEMPT, "before",
        lambda b: abs(b.distances["70 %"] - 27) < CLOSE, lambda b: b.found),
    Row("By chance a region is resected with 2.6 %.", ATTEMPT, "before",
        lambda b: abs(b.patient.resected.mean() - 0.026) < 5e-4,
        lambda b: f"{b.patient.resected.mean():.2%}"),
    Row("The median distance of a random region is 70 mm.", ATTEMPT, "before",
        lambda b: abs(np.median(b.patient.distances) - 70) < CLOSE,
        lambda b: f"{np.median(b.patient.distances):.1f} mm (between centroids)"),
]  # fmt: skip


def _claims(patient: Patient, rows: Sequence[tuple[Answer, Score]]) -> list[Claim]:
    """Judge what was said of the first patient before."""
    if patient.name != "a":
        return []
    distances = {a.rule: one.distance for a, one in rows if _is(a, *EARLIER) and a.rule in PARTS}
    return judge(SENTENCES, {"before": _Before(patient, distances) if distances else NO_DEPTH})


#: Why the attempt cannot be judged where its depth was left out.
NO_DEPTH = f"Depth {EARLIER[1]} was not solved."
