"""What the tests of MNE's assertions share: MNE's answers, regions, dipoles, residuals."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from mxne_rs import make_stc_from_dipoles
from places import DATA

mne = pytest.importorskip("mne", minversion="1.8")

from beside_mne import Inputs, same_vertices, theirs  # noqa: E402

#: Percent of the largest alpha on the real data, and with the grid in addition.
PERCENT, MIXED = 50, 40
#: How far apart two percentages may be that are printed with one decimal.
LAST_DIGIT = 0.11
#: Where the left auditory response arises: around the superior temporal sulcus.
TEMPORAL = {"bankssts", "superiortemporal", "transversetemporal", "middletemporal"}


#: MNE's answers so far, with the inputs: while these live, nothing else has their `id`.
ANSWERS: dict[str, Any] = {}


def expected_of(inputs: Inputs, alpha: float, **options: Any) -> Any:
    """The output of MNE's `mixed_norm`, residual and explained variance; of each call once."""
    weights = options.get("weights")
    key = repr((id(inputs[0]), alpha, id(weights), {**options, "weights": None}))
    if key not in ANSWERS:
        loud = {**options, "return_residual": True, "verbose": "INFO"}
        with mne.utils.catch_logging() as log:
            answer = *theirs(inputs, alpha, **loud), explained_variance(log.getvalue())
        ANSWERS[key] = inputs, weights, answer
    return ANSWERS[key][-1]


def regions(stc: Any) -> list[list[str]]:
    """Name of the region of each source, by hemisphere."""
    labels = np.load(DATA / "cortex-1000-labels.npz")
    found = []
    for hemisphere, vertices in zip(("lh", "rh"), stc.vertices, strict=True):
        numbers = labels[f"{hemisphere}_vertno"]
        places = np.searchsorted(numbers, vertices)
        np.testing.assert_array_equal(numbers[places], vertices)
        found.append(labels[f"{hemisphere}_aparc"][places].tolist())
    return found


def explained_variance(log: str) -> float:
    """The percentage in the line that MNE logs, or in ours."""
    (value,) = re.findall(r"[Ee]xplain(?:ed)? +([\d.]+) ?%", log)
    return float(value)


def dipoles_are(dipoles: list[Any], forward: Any, stc: Any) -> None:
    """The dipoles, in whatever order, become the estimate."""
    for several in (dipoles, dipoles[::-1], tuple(dipoles)):
        made = make_stc_from_dipoles(several, forward["src"], verbose=False)
        assert type(made) is type(stc)
        assert made.subject == stc.subject
        same_vertices(made, stc)
        np.testing.assert_allclose(made.data, stc.data, rtol=1e-12)
        np.testing.assert_allclose(made.times, stc.times, rtol=0, atol=1e-12)


def applied(forward: Any, stc: Any, evoked: Any) -> np.ndarray:
    """An estimate sent through the forward solution and the active projections."""
    forward = mne.pick_channels_forward(forward, evoked.ch_names, ordered=True)
    fit = mne.apply_forward(forward, stc, evoked.info, use_cps=True, on_missing="ignore")
    fit.pick(evoked.ch_names).del_proj()
    fit.add_proj(mne._fiff.proj.deactivate_proj(evoked.info["projs"])).apply_proj()
    return fit.data
