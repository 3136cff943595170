"""Solve each epoch that mne-lsl cuts from a stream around events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._arguments.convert import Floats
from .stream import Estimate, Stream

#: Seconds between two checks for new epochs.
POLL_INTERVAL = 0.005


@dataclass(frozen=True, eq=False)
class EpochUpdate:
    """The estimate of one epoch.

    Attributes
    ----------
    estimate : Estimate
        The sources of the epoch.
    event : int
        Code of the event.
    number : int
        Number of the epoch, from 0.

    Examples
    --------
    >>> from mxne_rs.live import EpochUpdate
    >>> EpochUpdate(None, event=2, number=0).event
    2
    """

    estimate: Estimate
    event: int
    number: int


def solve_epochs(
    epochs: Any, stream: Stream, *, pause: Callable[[], Any] = lambda: time.sleep(POLL_INTERVAL)
) -> Iterator[EpochUpdate]:
    """Solve the epochs of an `mne_lsl.stream.EpochsStream` as they arrive.

    Parameters
    ----------
    epochs : mne_lsl.stream.EpochsStream
        Connected.
    stream : Stream
        Made by ``Stream.from_mne(epochs.info, forward, noise_cov, len(epochs.times))``. Each epoch
        is solved separately, without a start from the last sources.
    pause : callable
        Called while there is no new epoch; by default it sleeps for 5 ms.

    Yields
    ------
    update : EpochUpdate
        For every epoch, the oldest first, until ``epochs`` is disconnected. Epochs that left the
        buffer of ``epochs`` before they were read are missing.

    Raises
    ------
    ValueError
        Where the stream was made for other channels or another number of samples.

    Examples
    --------
    >>> from mxne_rs.live import solve_epochs
    >>> def watch(epochs, stream):
    ...     for update in solve_epochs(epochs, stream):
    ...         print(update.event, update.estimate)
    """
    expected = (stream.n_channels, stream.n_times)
    given = (len(epochs.info["ch_names"]), len(epochs.times))
    if given != expected:
        raise ValueError(
            f"stream is for windows of {expected[0]} channels x {expected[1]} samples, but epochs "
            f"have {given[0]} x {given[1]}; make it with Stream.from_mne(epochs.info, forward, "
            "noise_cov, len(epochs.times))"
        )
    if stream.model is not None and stream._picks is not None:
        rows = [epochs.info["ch_names"][row] for row in stream._picks]
        for row, expects in zip(rows, stream.model.info["ch_names"], strict=True):
            if row != expects:
                raise ValueError(
                    f"stream takes channel {expects} where epochs have {row}; make it with "
                    "Stream.from_mne(epochs.info, ...), whose channels are those of epochs in "
                    "their order"
                )
    # MNE-LSL does not scale samples, but stores the power of ten of their unit.
    factors = 10.0 ** np.array([int(channel["unit_mul"]) for channel in epochs.info["chs"]])
    last: Floats | None = None
    number = 0
    while epochs.connected:
        try:
            events, data = _buffered_epochs(epochs)
        except RuntimeError:
            if not epochs.connected:
                return
            raise
        new = _new_epochs(data, last)
        if not len(new):
            pause()
        for i in new:
            last = data[i]
            stream.reset()
            estimate = stream.update(factors[:, np.newaxis] * last)
            yield EpochUpdate(estimate, int(events[i]), number)
            number += 1


def _buffered_epochs(epochs: Any) -> tuple[Any, Floats]:
    """Return event codes and samples of the buffered epochs, from the same moment."""
    while True:
        before = epochs.events
        data = np.array(epochs.get_data(picks="all", exclude=()), dtype=np.float64)
        if epochs.n_new_epochs == 0 and np.array_equal(before, epochs.events):
            return before, data


def _new_epochs(data: Floats, last: Floats | None) -> Any:
    """Return the indices of epochs after the last one solved; unfilled places are zeros."""
    filled = np.flatnonzero(data.any(axis=(1, 2)))
    if last is None:
        return filled
    same = [i for i in filled if np.array_equal(data[i], last, equal_nan=True)]
    return filled if not same else filled[filled > same[-1]]
