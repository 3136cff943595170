"""Evoked responses, epochs and raw recordings as what is solved: a list of evoked responses."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._arguments.convert import Floats, is_number
from .._arguments.warn import warn
from .mne_calls import one_at_a_time


@one_at_a_time
def as_evokeds(measured: Any) -> list[Any]:
    """List the evoked responses of one joint problem.

    An Evoked, a list or tuple of them, Epochs (their average) or Raw (all its samples).

    Raises
    ------
    TypeError
        Where it is none of them.
    ValueError
        Where there is none, or their channels or processing differ.
    """
    import mne

    if isinstance(measured, mne.BaseEpochs):
        return [loaded(measured).average(picks="all")]
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
                "channels are used for all: mark it there, too",
                RuntimeWarning,
            )
    return evokeds


@one_at_a_time
def evoked_of_raw(raw: Any, tmin: float | None = None, tmax: float | None = None) -> Any:
    """Samples of a recording from tmin to tmax (s, both included) as one Evoked."""
    import mne

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
    """Every epoch as an Evoked of its own."""
    return list(loaded(epochs).iter_evoked())


def loaded(epochs: Any) -> Any:
    """Epochs whose number is known, at least one."""
    loaded = epochs if epochs.preload else epochs.copy().load_data()
    if len(loaded) == 0:
        raise ValueError("the epochs are empty: none is left after rejection")
    return loaded


def noise_level(evoked: Any, unknown: float | None = None) -> float:
    """Standard deviation of an average's noise where that of a trial is one: nave ** -0.5.

    Of a difference of averages nave may be a fraction, also below one. Where it is no number of
    averages, ``unknown`` is returned, or a ValueError names the remedy.
    """
    nave = evoked.nave
    if not is_number(nave) or not 0 < nave < float("inf"):
        if unknown is not None:
            return unknown
        raise ValueError(
            f"evoked.nave is {nave!r}, which tells SURE nothing of the level of the noise; give "
            "sure_sigma, the standard deviation of the whitened noise, or set nave to the number "
            "of trials averaged"
        )
    return float(float(nave) ** -0.5)


def check_processing(one: Any, other: Any, first: str, second: str) -> None:
    """Raise where two measurements cannot share a model, because other steps led to their numbers.

    Compensation grade, EEG reference, history of signal-space separation, and the space that
    projections remove from the channels both have; whether they are applied yet does not matter.
    """
    import mne

    differing = [
        f"{what} ({before} and {after})"
        for what, before, after in (
            ("compensation grade", _grade(one), _grade(other)),
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
            "each with a model of its own"
        )


def _grade(info: Any) -> int:
    """The grade of gradient compensation, which MNE keeps in the upper half of coil types."""
    return max((int(channel["coil_type"]) >> 16 for channel in info["chs"]), default=0)


def _separations(info: Any) -> list[Any]:
    """The parameters of each signal-space separation."""
    history = [one.get("max_info", {}) for one in info.get("proc_history", ())]
    return [one["sss_info"] for one in history if len(one.get("sss_info", ()))]


def _projected(info: Any, names: list[str]) -> Floats:
    """Unit vectors over channels that projections remove."""
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
