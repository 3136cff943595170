"""Read the units that a stream declares, and find implausible ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._arguments.convert import Floats

#: Factors from each unit to V, T or T/m.
UNITS = {
    "V": 1.0, "mV": 1e-3, "uV": 1e-6, "nV": 1e-9, "T": 1.0, "nT": 1e-9, "pT": 1e-12, "fT": 1e-15,
    "T/m": 1.0, "fT/cm": 1e-13,
}  # fmt: skip
PREFIXES = {"": 0, "milli": -3, "micro": -6, "nano": -9, "pico": -12, "femto": -15}
SHORT = {"": 0, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15}
#: Ratio of the power of the data to that of the noise covariance that makes their unit doubtful.
DOUBTFUL = 1e10


def _named_units() -> dict[str, float]:
    """List every spelling of a unit, in lower case without spaces, with its factor."""
    powers = {}
    for spelt, symbols in ((PREFIXES, ("volt", "volts", "tesla", "teslas")), (SHORT, ("v", "t"))):
        for prefix, power in spelt.items():
            for symbol in symbols:
                powers[prefix + symbol] = power
                for length, more in (("/m", 0), ("/cm", 2), ("permeter", 0)):
                    powers[prefix + symbol + length] = power + more
    return {name: float(f"1e{power}") for name, power in powers.items()}


NAMED = _named_units()


def factor_of(unit: str | None) -> float | None:
    """Read a unit as streams declare it.

    Parameters
    ----------
    unit : str | None
        A name or symbol, or the power of ten that MNE-LSL writes.

    Returns
    -------
    factor : float | None
        Factor to V, T or T/m; None where the unit is unknown.

    Examples
    --------
    >>> from mxne_rs.live.units import factor_of
    >>> [factor_of(unit) for unit in ("microvolts", "µV", "fT/cm", "-6", "V", "counts", None)]
    [1e-06, 1e-06, 1e-13, 1e-06, 1.0, None, None]
    """
    text = "".join((unit or "").replace("µ", "u").replace("μ", "u").lower().split())
    if text in NAMED:
        return NAMED[text]
    try:
        power = int(text)
    except ValueError:
        return None
    return float(f"1e{power}") if -24 <= power <= 24 else None


def declared_factors(units: Sequence[str | None] | None, n_channels: int) -> list[float | None]:
    """Read the units that a stream declares for its channels.

    Parameters
    ----------
    units : list of str or None | None
        Units as declared, one for each channel; None without a declaration.
    n_channels : int
        Number of channels of the stream.

    Returns
    -------
    factors : list of float or None
        Factors as of `factor_of`; None for all where the list does not fit the channels.

    Examples
    --------
    >>> from mxne_rs.live.units import declared_factors
    >>> declared_factors(["uV", "none"], 2), declared_factors(None, 2)
    ([1e-06, None], [None, None])
    """
    if units is None or len(units) != n_channels:
        return [None] * n_channels
    return [factor_of(unit) for unit in units]


def noise_power(stream: Any) -> Floats | None:
    """Compute the power of the noise that a stream was made for.

    Parameters
    ----------
    stream : Stream
        A stream made from arrays or MNE objects.

    Returns
    -------
    power : array, shape (n_used,) | None
        Power in the channels of ``stream.model.info``, by the whitener; None without MNE objects.

    Examples
    --------
    >>> import numpy as np
    >>> from mxne_rs import Stream
    >>> from mxne_rs.live.units import noise_power
    >>> noise_power(Stream(np.eye(3), n_times=5)) is None
    True
    """
    if stream.model is None:
        return None
    return np.asarray(np.sum(np.linalg.pinv(stream.model.whitener) ** 2, axis=1))


def implausible_lines(stream: Any, noise: Floats, window: Floats) -> list[str]:
    """Compare the power of a window with the noise covariance of its stream.

    Parameters
    ----------
    stream : Stream
        Made from MNE objects.
    noise : array, shape (n_used,)
        The result of `noise_power`.
    window : array, shape (n_channels, n_times)
        Samples in V, T and T/m.

    Returns
    -------
    lines : list of str
        One for each kind of channel whose power differs from the noise by a factor of 1e10 or more.

    Examples
    --------
    >>> import mne
    >>> from mxne_rs import Stream
    >>> from mxne_rs.live.units import implausible_lines, noise_power
    >>> from mxne_rs.simulate import simulate_auditory
    >>> mne.set_log_level("ERROR")
    >>> evoked, forward, noise_cov = simulate_auditory(spacing=20.0, nave=1)
    >>> stream = Stream.from_mne(evoked.info, forward, noise_cov, n_times=50)
    >>> implausible_lines(stream, noise_power(stream), evoked.data[:, :50])
    []
    >>> len(implausible_lines(stream, noise_power(stream), 1e15 * evoked.data[:, :50]))
    2
    """
    power = np.var(window[stream._picks], axis=1)
    kinds = np.array(stream.model.info.get_channel_types())
    lines = []
    for kind in dict.fromkeys(kinds.tolist()):
        usable = (kinds == kind) & (power > 0) & (noise > 0) & np.isfinite(power)
        if not usable.any():
            continue
        ratio = float(np.median(power[usable] / noise[usable]))
        if not 1 / DOUBTFUL < ratio < DOUBTFUL:
            lines.append(
                f"the {kind} channels are {ratio**0.5:.0e} times as large as the noise covariance "
                f"says: if they are not in V, T or T/m, give their unit ({', '.join(UNITS)})"
            )
    return lines
