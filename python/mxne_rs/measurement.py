"""Evoked responses, epochs and raw recordings as what is solved: a list of evoked responses."""

from __future__ import annotations

from typing import Any

from .warn import warn


def as_evokeds(measured: Any) -> list[Any]:
    """List the evoked responses of one joint problem.

    An Evoked, a list or tuple of them, Epochs (their average) or Raw (all its samples).

    Raises
    ------
    TypeError
        Where it is none of them.
    ValueError
        Where there is none, or their channels differ.
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
        others = sorted(set(one.info["bads"]) - set(evokeds[0].info["bads"]))
        if others:
            warn(
                f"{', '.join(others)} is bad in a later evoked, but not in the first, whose "
                "channels are used for all: mark it there, too",
                RuntimeWarning,
            )
    return evokeds


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


def evokeds_of_epochs(epochs: Any) -> list[Any]:
    """Every epoch as an Evoked of its own."""
    return list(loaded(epochs).iter_evoked())


def loaded(epochs: Any) -> Any:
    """Epochs whose number is known, at least one."""
    loaded = epochs if epochs.preload else epochs.copy().load_data()
    if len(loaded) == 0:
        raise ValueError("the epochs are empty: none is left after rejection")
    return loaded
