"""Find the stream that a user means among those of one name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any, NamedTuple

from .units import declared_factors

#: Seconds of a search for streams, and for opening one.
SEARCH_TIMEOUT, OPEN_TIMEOUT = 1.0, 10.0


class FoundStream(NamedTuple):
    """A stream on the network, with an open inlet where it can be read.

    Examples
    --------
    >>> from mxne_rs.live.find import FoundStream
    >>> print(FoundStream(None, "u", "EEG", "amp", 500.0, 2, ["Fp1", "Fp2"], [None, None]))
    type 'EEG', source id 'amp', 2 channels (Fp1, Fp2) at 500 Hz
    """

    inlet: Any
    uid: str
    stype: str
    source_id: str
    sfreq: float
    n_channels: int
    ch_names: list[str] | None
    factors: list[float | None]
    is_text: bool = False

    @property
    def is_recording(self) -> bool:
        """Whether the stream has numbers at a constant rate."""
        return not self.is_text and self.sfreq > 0

    def __str__(self) -> str:
        """Return type, source id, channels and rate."""
        names = "without names"
        if self.ch_names is not None:
            more = ", ..." if len(self.ch_names) > 3 else ""
            names = f"({', '.join(self.ch_names[:3])}{more})"
        channels = f"{self.n_channels} channel{'' if self.n_channels == 1 else 's'}"
        rate = f"at {self.sfreq:g} Hz" if self.sfreq > 0 else "without a sampling rate"
        what = f"{channels} of text" if self.is_text else f"{channels} {names} {rate}"
        return f"type {self.stype!r}, source id {self.source_id!r}, {what}"


def find_streams(
    lsl: Any, name: str, stype: str | None, source_id: str | None, *, every: bool
) -> list[Any]:
    """Find streams of a name; a search takes a second at most.

    Parameters
    ----------
    lsl : module
        That of mne-lsl.
    name : str
        Of the streams.
    stype, source_id : str | None
        Type and source id that the streams must have; None for any.
    every : bool
        Whether to wait for all streams; otherwise the search ends with the first.

    Returns
    -------
    infos : list of StreamInfo
        Without descriptions, which streams send when they are opened.
    """
    infos = lsl.resolve_streams(SEARCH_TIMEOUT, name=name)
    if every and infos:
        infos = lsl.resolve_streams(SEARCH_TIMEOUT, name=name, minimum=1024)
    return [
        info
        for info in infos
        if (stype is None or info.stype == stype)
        and (source_id is None or info.source_id == source_id)
    ]


def open_streams(lsl: Any, infos: Collection[Any]) -> list[FoundStream]:
    """Open streams and read their descriptions, except those that end before that.

    Streams that are no recordings stay closed.
    """
    opened = []
    for info in infos:
        try:
            opened.append(_open_stream(lsl, info))
        except Exception as error:
            if not is_lost(error):
                raise
    return opened


def is_lost(error: BaseException) -> bool:
    """Return whether an error of mne-lsl tells that a stream has ended."""
    return type(error).__name__ in ("LostError", "TimeoutError") or "lost" in str(error).lower()


def _open_stream(lsl: Any, info: Any) -> FoundStream:
    is_text = isinstance(info.dtype, str)
    found = FoundStream(
        None, info.uid, info.stype, info.source_id, float(info.sfreq), int(info.n_channels), None,
        [None] * int(info.n_channels), is_text,
    )  # fmt: skip
    if not found.is_recording:
        return found
    inlet = lsl.StreamInlet(info, max_buffered=10, recover=False)
    inlet.open_stream(timeout=OPEN_TIMEOUT)
    full = inlet.get_sinfo(timeout=OPEN_TIMEOUT)
    names = full.get_channel_names()
    if names is not None and len(names) != found.n_channels:
        names = None
    return found._replace(
        inlet=inlet,
        ch_names=names and [str(i) if label is None else label for i, label in enumerate(names)],
        factors=declared_factors(full.get_channel_units(), found.n_channels),
    )


def duplicate_channel(found: FoundStream, needed: Collection[str]) -> str | None:
    """Name a needed channel that occurs several times; None where all are unique.

    Examples
    --------
    >>> from mxne_rs.live.find import FoundStream, duplicate_channel
    >>> twice = FoundStream(None, "u", "EEG", "amp", 500.0, 3, ["Fp1", "A", "A"], [None] * 3)
    >>> duplicate_channel(twice, ["Fp1", "A"]), duplicate_channel(twice, ["Fp1"])
    ('2 channels A', None)
    """
    for label, count in Counter(found.ch_names).items():
        if count > 1 and label in needed:
            return f"{count} channels {label}"
    return None


def choose_recording(
    name: str, streams: list[FoundStream], wanted: Collection[str] | None
) -> FoundStream:
    """Return the only recording whose channels fit.

    Parameters
    ----------
    name : str
        Of the streams.
    streams : list of FoundStream
        At least one.
    wanted : collection of str | None
        Names of which a fitting stream has at least one; None lets every recording fit.

    Returns
    -------
    stream : FoundStream
        The recording.

    Raises
    ------
    RuntimeError
        With one line that lists the streams and how to choose, where none or several fit, or where
        two needed channels have the same name.

    Examples
    --------
    >>> from mxne_rs.live.find import FoundStream, choose_recording
    >>> eeg = FoundStream(None, "u", "EEG", "amp", 500.0, 2, ["Fp1", "Fp2"], [None, None])
    >>> markers = FoundStream(None, "v", "Markers", "keys", 0.0, 1, None, [None], is_text=True)
    >>> choose_recording("lab", [markers, eeg], wanted={"Fp1"}) is eeg
    True
    >>> choose_recording("lab", [markers], None)
    Traceback (most recent call last):
    RuntimeError: no stream 'lab' can be used: type 'Markers', source id 'keys', 1 channel of text
    """
    recordings = [stream for stream in streams if stream.is_recording]
    fitting = [
        stream
        for stream in recordings
        if wanted is None or set(wanted).intersection(stream.ch_names or [])
    ]
    if len(fitting) == 1:
        if wanted is not None and (several := duplicate_channel(fitting[0], wanted)):
            raise RuntimeError(
                f"stream {name!r} has {several}; give each channel a name of its own where the "
                "stream is made"
            )
        return fitting[0]
    listed = "; ".join(str(stream) for stream in streams)
    if fitting:
        raise RuntimeError(
            f"{len(fitting)} streams {name!r} fit: {listed}; choose with --type or --source-id "
            "(stype, source_id)"
        )
    if recordings:
        assert wanted is not None
        expected = ", ".join(list(wanted)[:3])
        raise RuntimeError(
            f"no stream {name!r} has the channels of the forward solution and the noise "
            f"covariance ({expected}, ...): {listed}; rename the channels, or choose another stream"
        )
    raise RuntimeError(f"no stream {name!r} can be used: {listed}")
