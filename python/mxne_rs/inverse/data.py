"""Turn evoked responses, epochs and raw recordings into lists of evoked responses."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._arguments.convert import Floats, is_number
from .._arguments.extras import mne
from .._arguments.warn import warn
from ..solve.solution import Solution
from .mne_calls import one_at_a_time


@one_at_a_time
def as_evokeds(measured: Any) -> list[Any]:
    """List the evoked responses of one joint problem.

    ``measured`` is an Evoked, a list or tuple of Evoked, Epochs (averaged) or Raw (all samples).
    """
    if isinstance(measured, mne.BaseEpochs):
        return [load_epochs(measured).average(picks="all")]
    if isinstance(measured, mne.io.BaseRaw):
        return [evoked_of_raw(measured)]
    evokeds = list(measured) if isinstance(measured, list | tuple) else [measured]
    if not evokeds:
        raise ValueError("evoked is an empty list; give at least one Evoked")
    for one in evokeds:
        if not isinstance(one, mne.Evoked):
            given = repr(one) if isinstance(one, str) else f"a {type(one).__name__}"
            raise TypeError(f"evoked is {given}; give an mne.Evoked, a list of them, Epochs or Raw")
        if one.ch_names != evokeds[0].ch_names:
            differing = sorted(set(one.ch_names) ^ set(evokeds[0].ch_names))
            raise ValueError(
                "all evokeds must have the same channels in the same order; "
                + (f"not in all are {', '.join(differing[:5])}" if differing else "orders differ")
            )
        if one is not evokeds[0]:
            check_processing(evokeds[0].info, one.info, "the first evoked", "a later one")
        others = sorted(set(one.info["bads"]) - set(evokeds[0].info["bads"]))
        if others:
            warn(
                f"{', '.join(others)} is bad in a later evoked, but not in the first, whose "
                "channels are used for all: mark it as bad in the first, too",
            )
    return evokeds


@one_at_a_time
def evoked_of_raw(raw: Any, tmin: float | None = None, tmax: float | None = None) -> Any:
    """Return the samples of a recording from tmin to tmax (s, both included) as one Evoked."""
    first, last = float(raw.times[0]), float(raw.times[-1])
    start, stop = (first if tmin is None else tmin), (last if tmax is None else tmax)
    room = 0.5 / raw.info["sfreq"]
    if not first - room <= start <= stop <= last + room:
        raise ValueError(
            f"tmin {start:g} and tmax {stop:g} do not fit the recording, which reaches from "
            f"{first:g} to {last:g} s"
        )
    part = raw.copy().crop(max(start, first), min(stop, last))
    begin = float(raw.times[raw.time_as_index(max(start, first), use_rounding=True)[0]])
    return mne.EvokedArray(part.get_data(), part.info, tmin=begin, nave=1, comment="raw")


@one_at_a_time
def evokeds_of_epochs(epochs: Any) -> list[Any]:
    """Return every epoch as an Evoked."""
    return list(load_epochs(epochs).iter_evoked())


def load_epochs(epochs: Any) -> Any:
    """Load epochs, so that their number is known; raise where there is none."""
    loaded = epochs if epochs.preload else epochs.copy().load_data()
    if len(loaded) == 0:
        raise ValueError("the epochs are empty: none is left after rejection; reject fewer")
    return loaded


def noise_level(evoked: Any, unknown: float | None = None) -> float:
    """Return the noise std of an average in units of a single trial: ``nave ** -0.5``.

    For a difference of averages nave may be a fraction, also below one. Where nave is not a
    positive number, ``unknown`` is returned; without ``unknown`` a ValueError names the remedy.
    """
    nave = evoked.nave
    if not is_number(nave) or not 0 < nave < float("inf"):
        if unknown is not None:
            return unknown
        raise ValueError(
            f"evoked.nave is {nave!r}, from which SURE cannot compute the noise level; give "
            "sure_sigma, the standard deviation of the whitened noise, or set nave to the number "
            "of trials averaged"
        )
    return float(float(nave) ** -0.5)


def check_processing(one: Any, other: Any, first: str, second: str) -> None:
    """Raise where two measurements were processed differently and cannot share a model.

    Compared are the compensation grade, the EEG reference, the history of signal-space separation,
    and the space that projections remove from the common channels, applied or not.
    """
    differing = [
        f"{what} ({before} and {after})"
        for what, before, after in (
            ("compensation grade", compensation_grade(one), compensation_grade(other)),
            ("custom EEG reference", *(int(i.get("custom_ref_applied", 0)) for i in (one, other))),
        )
        if before != after
    ]
    if mne.utils.object_diff(_separations(one), _separations(other), allclose=True):
        differing.append("signal-space separation (Maxwell filter)")
    shared = sorted(set(one["ch_names"]) & set(other["ch_names"]))
    spaces = [_projected(info, shared) for info in (one, other)]
    if len({int(np.linalg.matrix_rank(m, tol=1e-4)) for m in (*spaces, np.vstack(spaces))}) > 1:
        differing.append(f"projections ({len(spaces[0])} and {len(spaces[1])})")
    if differing:
        raise ValueError(
            f"{first} and {second} differ in {', '.join(differing)}: process them alike, or solve "
            "each with its own model"
        )


def compensation_grade(info: Any) -> int:
    """Return the grade of gradient compensation: MNE keeps it in the upper bits of coil types."""
    return max((int(channel["coil_type"]) >> 16 for channel in info["chs"]), default=0)


def _separations(info: Any) -> list[Any]:
    """Return the parameters of each signal-space separation."""
    history = [one.get("max_info", {}) for one in info.get("proc_history", ())]
    return [one["sss_info"] for one in history if len(one.get("sss_info", ()))]


def _projected(info: Any, names: list[str]) -> Floats:
    """Return unit vectors over channels that span what projections remove."""
    rows = [
        [values.get(name, 0.0) for name in names]
        for one in info["projs"]
        for values in (
            dict(zip(one["data"]["col_names"], row, strict=True)) for row in one["data"]["data"]
        )
    ]
    vectors = np.array(rows, dtype=np.float64).reshape(len(rows), len(names))
    norms = np.linalg.norm(vectors, axis=1)
    return np.asarray(vectors[norms > 0] / norms[norms > 0, np.newaxis])


def warn_if_empty(solution: Solution, has_data: bool) -> None:
    """Warn where there is no source, as MNE does, but independent of its log level."""
    if solution.active_set.any() or not solution.converged or solution.emptied:
        return
    warn(
        f"No active dipoles found. alpha is too big (alpha={solution.alpha:g})."
        if has_data
        else "No active dipoles found. The data are zero.",
    )
