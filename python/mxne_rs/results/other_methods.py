"""Tabulate what a single dipole and dSPM say of each source, for the report."""

from __future__ import annotations

import time
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from .._arguments.convert import one_line
from .._looks.html import html_table
from ..inverse.geometry import all_sides
from ..inverse.other_methods import Found, find_dspm_peaks, fit_dipoles, head_model
from .shown import Shown

#: Number of sources that other methods are asked about: the strongest.
MOST = 8
HEADINGS = (
    ("source", "at (ms)"),
    ("dipole (mm)", "gof (%)", "away (mm)"),
    ("without others (mm)", "gof (%)", "away (mm)"),
    ("dSPM peak (mm)", "dSPM", "away (mm)"),
)


def other_methods(shown: Shown, bem: Any = None) -> str:
    """Compare the strongest sources with a single dipole and with dSPM, at the peak of each.

    Parameters
    ----------
    shown : Shown
        A condition of a localization.
    bem : mne.bem.ConductorModel, optional
        The head model of the dipoles; by default a sphere (see `head_model`).

    Returns
    -------
    html : str
        A table and a paragraph. A method that fails has no columns; its error is in the paragraph.
    """
    localization, rows = shown.localization, shown.rows[:MOST]
    times = 1000 * np.asarray(shown.evoked.times)
    samples = [int(np.argmin(np.abs(times - row.peak_time))) for row in rows]
    places = np.array([row.position for row in rows]) / 1000
    groups = [[[str(row.number), f"{row.peak_time:.1f}"] for row in rows]]
    words = [
        f"At the peak of each of the {len(rows)} strongest sources; positions in head coordinates, "
        "away: distance to the source."
    ]
    headings = list(HEADINGS[0])

    def add(found: Sequence[Found], names: Sequence[Sequence[str]]) -> None:
        for one, columns in zip(found, names, strict=True):
            groups.append(_cells(one, places))
            headings.extend(columns)

    start = time.perf_counter()
    try:
        model, name = (bem, "the head model given") if bem is not None else head_model(localization)
        indices = [row.index for row in rows]
        fits = fit_dipoles(localization, shown.condition, indices, samples, model)
        add(fits, HEADINGS[1:3])
        words.append(
            "Dipole: the single one that explains the whitened field best; between sources where "
            "several are active at once, and its goodness of fit (gof) low. Without others: the "
            f"same, after the fields of the other sources are subtracted. Head model: {name} "
            f"(the forward solution does not hold its own); {_took(start)}."
        )
    except Exception as error:
        words.append(f"No dipoles: {_reason(error)}.")
    start = time.perf_counter()
    try:
        sides = np.array(all_sides(localization.forward))
        among = [(sides == row.hemisphere) | (row.hemisphere == "middle") for row in rows]
        peaks = find_dspm_peaks(localization, shown.condition, samples, among)
        add([peaks], HEADINGS[3:])
        words.append(
            "dSPM peak: the location of the source's hemisphere where dSPM is largest, with MNE's "
            f"defaults; {_took(start)}."
        )
    except Exception as error:
        words.append(f"No dSPM: {_reason(error)}.")
    cells = [[cell for part in line for cell in part] for line in zip(*groups, strict=True)]
    return html_table(cells, headings) + f"<p>{'<br>'.join(map(escape, words))}</p>"


def _cells(found: Found, places: Any) -> list[list[str]]:
    """Return position, value and distance to the source as texts, a list per source."""
    away = np.linalg.norm(found.positions - places, axis=1)
    return [
        [
            " ".join(f"{round(1000 * x) + 0:d}" for x in position),
            f"{value:.1f}",
            f"{1000 * far:.0f}",
        ]
        for position, value, far in zip(found.positions, found.values, away, strict=True)
    ]


def _took(start: float) -> str:
    return f"computed in {time.perf_counter() - start:.1f} s"


def _reason(error: Exception) -> str:
    return one_line(f"{type(error).__name__}: {error}").rstrip(".")
