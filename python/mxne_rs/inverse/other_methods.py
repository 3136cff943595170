"""See what two other methods say of each source: a single dipole, and dSPM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from .._arguments.convert import Floats
from .._arguments.extras import mne
from .geometry import to_head_coordinates
from .localized import Localized
from .mne_calls import log_level, one_at_a_time

#: Regularisation of dSPM, MNE's default for averages: an amplitude signal-to-noise ratio of 3.
LAMBDA2 = 1 / 9


class Found(NamedTuple):
    """Where another method puts a source."""

    positions: Floats
    """Shape (n, 3), m, head coordinates."""
    values: Floats
    """Goodness of fit in percent of a dipole, or the value of dSPM, shape (n,)."""


def head_model(localization: Localized) -> tuple[Any, str]:
    """Make a sphere, since forward solutions do not hold the head model that they were made with.

    Returns
    -------
    bem : mne.bem.ConductorModel
        Fitted to the head shape points of the data, or MNE's default where there are none.
    words : str
        What it is.
    """
    info = localization.evokeds[0].info
    if info["dig"]:
        try:
            sphere = mne.make_sphere_model("auto", "auto", info, verbose="ERROR")
            return sphere, _in_words(sphere, "fitted to the head shape points of the data")
        except (RuntimeError, ValueError):  # too few points
            pass
    sphere = mne.make_sphere_model(verbose="ERROR")
    return sphere, _in_words(sphere, "MNE's default, as the data have no head shape points")


def _in_words(sphere: Any, why: str) -> str:
    x, y, z = 1000 * np.asarray(sphere["r0"])
    radius = 1000 * max(layer["rad"] for layer in sphere["layers"])
    return f"a sphere of {radius:.0f} mm around ({x:.0f}, {y:.0f}, {z:.0f}) mm, {why}"


@one_at_a_time
def fit_dipoles(
    localization: Localized, condition: int, indices: Sequence[int], samples: Sequence[int],
    bem: Any,
) -> tuple[Found, Found]:  # fmt: skip
    """Fit a single dipole to the field at the peak of some sources.

    Parameters
    ----------
    localization : Localization
        The localization.
    condition : int
        Which of its evokeds.
    indices, samples : sequence of int
        Sources, and the sample of the peak of each.
    bem : mne.bem.ConductorModel
        The head model.

    Returns
    -------
    alone, without_others : Found
        Dipoles that explain the whole field, and what the other sources leave of it. The first
        knows nothing of the localization.
    """
    evoked = localization.evokeds[condition].copy().pick(localization.info["ch_names"])
    fields = [evoked.data[:, sample] for sample in samples]
    for index, sample in zip(indices, samples, strict=True):
        blocks = localization.amplitudes.copy().reshape(len(localization.factors), -1)
        blocks[index] = 0.0
        others = replace(localization, amplitudes=blocks.reshape(localization.amplitudes.shape))
        fields.append(others.residual(condition).data[:, sample])
    # One call for all, which computes the fields of its grid of guesses once.
    both = mne.EvokedArray(
        np.stack(fields, axis=1), evoked.info, 0.0, nave=evoked.nave, verbose="ERROR"
    )
    with log_level("ERROR"):
        fit, _ = mne.fit_dipole(both, localization.model.noise_cov, bem, _mri_head_t(localization))
    n = len(indices)
    return Found(fit.pos[:n], fit.gof[:n]), Found(fit.pos[n:], fit.gof[n:])


def _mri_head_t(localization: Localized) -> Any:
    to_head = localization.forward["mri_head_t"]
    return to_head if int(to_head["to"]) == 4 else mne.transforms.invert_transform(to_head)


@one_at_a_time
def find_dspm_peaks(
    localization: Localized, condition: int, samples: Sequence[int], among: Sequence[Any]
) -> Found:
    """Find the location where dSPM is largest at some samples of a condition.

    Parameters
    ----------
    localization : Localization
        The localization, with its forward solution and noise covariance; depth weighting and loose
        orientation are MNE's defaults.
    condition : int
        Which of its evokeds.
    samples : sequence of int
        Samples.
    among : sequence of array of bool, shape (n_locations,)
        Locations to look at for each sample, such as those of the hemisphere of a source.
    """
    forward, evoked = localization.forward, localization.evokeds[condition].copy()
    times = evoked.times[list(samples)]
    fixed = localization.n_orient == 1
    with log_level("ERROR"):
        operator = mne.minimum_norm.make_inverse_operator(
            evoked.info, forward, localization.model.noise_cov,
            **({"loose": 0.0, "depth": None, "fixed": True} if fixed else {}),
        )  # fmt: skip
        fields = evoked.data[:, list(samples)]
        picked = mne.EvokedArray(fields, evoked.info, float(times[0]), nave=evoked.nave)
        stc = mne.minimum_norm.apply_inverse(picked, operator, LAMBDA2, "dSPM")
    values = np.abs(stc.data)
    peaks = [
        int(np.argmax(np.where(allowed, values[:, column], -1.0)))
        for column, allowed in enumerate(among)
    ]
    positions = np.asarray(to_head_coordinates(forward, forward["source_rr"][peaks]))
    return Found(positions, values[peaks, np.arange(len(peaks))])
