"""The sources as a stream of the lab streaming layer, by mne-lsl."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._arguments.convert import Floats
from .lsl import import_lsl
from .monitor import Update

#: Sources that a sample has room for.
PUBLISHED = 16
#: Channels of a source with their units.
OF_A_SOURCE = (("amplitude", "Am"), ("x", "m"), ("y", "m"), ("z", "m"))
#: What a sample holds; the command line's help, the documentation and the stream itself say this.
LAYOUT = (
    "one sample per window, stamped with the time of the window's newest sample, "
    f"{4 * PUBLISHED + 2} channels: for each of {PUBLISHED} sources, the strongest first, "
    "amplitudeN in Am (mean length of its moment over the second half of the window) and xN, yN, "
    "zN in m (head coordinates: right, front, up), zeros where there are fewer sources; then gap "
    "(relative duality gap) and latency in s (newest sample to sources)"
)


class Outlet:
    """Publishes the strongest sources of every window as a stream.

    The stream says in its own description what its channels are: names, units and ``layout``.

    Parameters
    ----------
    name : str
        Of the stream.
    positions : array, shape (n_locations, 3)
        Of the locations, in m, head coordinates.
    rate : float
        Windows per second.
    stamp : callable | None
        LSL's time of an update's time, as a reader tells it; None stamps samples when they are
        published.
    """

    def __init__(
        self,
        name: str,
        positions: Floats,
        rate: float,
        stamp: Callable[[float], float] | None = None,
    ) -> None:
        lsl = import_lsl().lsl
        channels = [(f"{what}{i}", unit) for i in range(PUBLISHED) for what, unit in OF_A_SOURCE]
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
        sample = np.zeros(4 * PUBLISHED + 2, dtype=np.float32)
        if len(estimate.locations):
            half = max(1, estimate.sources.shape[1] // 2)
            strength = estimate.amplitudes()[:, -half:].mean(axis=1)
            for place, i in enumerate(np.argsort(-strength)[:PUBLISHED]):
                values = [strength[i], *self._positions[estimate.locations[i]]]
                sample[4 * place : 4 * place + 4] = values
        sample[-2:] = estimate.gap, update.latency
        stamp = 0.0 if self._stamp is None else self._stamp(update.time)
        self._outlet.push_sample(sample, timestamp=stamp)
