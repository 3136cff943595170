"""Publish the sources as a stream of the lab streaming layer, by mne-lsl."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._arguments.convert import Floats
from .lsl import import_lsl
from .monitor import Update

#: Number of sources in a sample.
N_SOURCES = 16
#: Channels of a source with their units.
SOURCE_CHANNELS = (("amplitude", "Am"), ("x", "m"), ("y", "m"), ("z", "m"))
#: Description of a sample, for the command line's help, the documentation and the stream itself.
LAYOUT = (
    "one sample per window, stamped with the time of the window's newest sample, "
    f"{4 * N_SOURCES + 2} channels: for each of {N_SOURCES} sources, the strongest first, "
    "amplitudeN in Am (mean length of its moment over the second half of the window) and xN, yN, "
    "zN in m (head coordinates: right, front, up), zeros where there are fewer sources; then gap "
    "(relative duality gap) and latency in s (newest sample to sources)"
)


class Outlet:
    """Publish the strongest sources of every window as a stream.

    The description of the stream has names and units of the channels, and the ``layout``.

    Parameters
    ----------
    name : str
        Name of the stream.
    positions : array, shape (n_locations, 3)
        Positions of the locations in m, head coordinates.
    rate : float
        Windows per second.
    stamp : callable | None
        Converts the time of an update to LSL's, as `Reader.stamp` does; None stamps samples when
        they are published.
    """

    def __init__(
        self,
        name: str,
        positions: Floats,
        rate: float,
        stamp: Callable[[float], float] | None = None,
    ) -> None:
        lsl = import_lsl().lsl
        channels = [
            (f"{what}{i}", unit) for i in range(N_SOURCES) for what, unit in SOURCE_CHANNELS
        ]
        channels += [("gap", "none"), ("latency", "s")]
        info = lsl.StreamInfo(name, "sources", len(channels), rate, "float32", f"mxne_rs-{name}")
        info.set_channel_names([channel for channel, _ in channels])
        info.set_channel_types([channel.rstrip("0123456789") for channel, _ in channels])
        info.set_channel_units([unit for _, unit in channels])
        info.desc.append_child_value("layout", LAYOUT)
        self._outlet = lsl.StreamOutlet(info)
        self._positions, self._stamp = positions, stamp

    def __call__(self, update: Update) -> None:
        """Publish a window."""
        estimate = update.estimate
        sample = np.zeros(4 * N_SOURCES + 2, dtype=np.float32)
        if len(estimate.locations):
            half = max(1, estimate.sources.shape[1] // 2)
            strength = estimate.amplitudes()[:, -half:].mean(axis=1)
            for place, i in enumerate(np.argsort(-strength)[:N_SOURCES]):
                values = [strength[i], *self._positions[estimate.locations[i]]]
                sample[4 * place : 4 * place + 4] = values
        sample[-2:] = estimate.gap, update.latency
        stamp = 0.0 if self._stamp is None else self._stamp(update.time)
        self._outlet.push_sample(sample, timestamp=stamp)
