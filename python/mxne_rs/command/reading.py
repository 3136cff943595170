"""Read the files that the command line is given, and check that they fit each other."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .._arguments.extras import mne
from ..inverse.covariance import first_few
from ..inverse.data import as_evokeds, evoked_of_raw
from ..inverse.mne_calls import private
from ..inverse.regions import region_names, subject_folder
from .console import warn
from .wording import WrongInput, one_line

#: Kinds of FIF files as `mne.what` names them, and in words.
KINDS = {
    "evoked": "evoked responses",
    "epochs": "epochs",
    "raw": "a continuous recording",
    "forward": "a forward solution",
    "cov": "a covariance",
    "inverse": "an inverse operator",
    "src": "source spaces",
    "bem solution": "a BEM solution",
    "bem surfaces": "BEM surfaces",
    "ica": "an ICA",
    "transform": "a coordinate transformation",
    "events": "events",
}
#: Number of samples of a recording above which a warning says that all are used.
MANY_SAMPLES = 20000


class File(NamedTuple):
    """A file with the option that names it."""

    option: str
    path: str

    def __str__(self) -> str:
        """Return option and path as they were given."""
        return f"{self.option} {self.path}"

    def read(self, reader: Callable[[str], Any], kind: str) -> Any:
        """Read the file, or raise one line that says what the file holds instead.

        Examples
        --------
        >>> from mxne_rs.command.reading import File
        >>> File("--evoked", "no-ave.fif").read(open, "evoked")
        Traceback (most recent call last):
        mxne_rs.command.wording.WrongInput: --evoked no-ave.fif: there is no such file
        """
        path = Path(self.path)
        if not path.exists():
            raise WrongInput(f"{self}: there is no such file")
        # Some formats of recordings are folders.
        if path.is_dir() and kind != "raw":
            raise WrongInput(f"{self} is a folder; give a file with {KINDS[kind]}")
        try:
            return reader(self.path)
        except Exception as error:
            raise WrongInput(f"{self} {_read_problem(self.path, kind, error)}") from error

    def refuse_overwriting(self, result: Path) -> None:
        """Raise where a result would replace this file."""
        path = Path(self.path)
        if result.exists() and path.exists() and result.samefile(path):
            raise WrongInput(
                f"{self} would be replaced by a result in {result.parent}; give another --out"
            )


class DataSelection(NamedTuple):
    """The part of the data that is localized, as the options say; None is all of it."""

    condition: Sequence[str] | None
    tmin: float | None
    tmax: float | None
    baseline: tuple[float | None, float | None] | None
    pick: Sequence[str] | None = None
    bads: Sequence[str] | None = None

    def times(self, times: Any, sfreq: float, given: File) -> tuple[float, float]:
        """Return the first and last time to use, clipped to those of the data."""
        named = [
            f"--{name} {value:g}"
            for name, value in (("tmin", self.tmin), ("tmax", self.tmax))
            if value is not None
        ]
        start, stop = _time_range(" ".join(named), (self.tmin, self.tmax), times, sfreq, given)
        return max(start, float(times[0])), min(stop, float(times[-1]))

    def channels(self, measured: Any, given: File) -> Any:
        """Mark channels as bad, and pick those asked for."""
        unknown = [name for name in self.bads or () if name not in measured.ch_names]
        if unknown:
            raise WrongInput(
                f"--bads {unknown[0]}: {given} has no such channel; it has "
                f"{first_few(measured.ch_names)}"
            )
        measured.info["bads"] = list(dict.fromkeys([*measured.info["bads"], *(self.bads or ())]))
        if self.pick is None:
            return measured
        try:
            return measured.pick(list(self.pick), exclude=(), verbose="ERROR")
        except ValueError as error:
            raise WrongInput(
                f"--pick {' '.join(self.pick)}: {given} has no such channels; give names, or types "
                f"such as {first_few(list(dict.fromkeys(measured.get_channel_types())))}"
            ) from error

    def of(self, measured: Any, given: File) -> Any:
        """Apply the baseline, which may lie outside of the times asked for, then crop to these."""
        evoked = self.channels(measured, given)
        times, sfreq = evoked.times, evoked.info["sfreq"]
        if self.baseline is not None:
            start, stop = ("none" if end is None else f"{end:g}" for end in self.baseline)
            option = f"--baseline {start} {stop}"
            evoked.apply_baseline(_time_range(option, self.baseline, times, sfreq, given))
        return evoked.crop(*self.times(times, sfreq, given))


class Inputs(NamedTuple):
    """The MNE objects that are localized."""

    evoked: Any
    """The part of the data asked for: one evoked, or a list of several conditions."""
    forward: Any
    noise_cov: Any


def read_inputs(data: File, part: DataSelection, forward: File, noise_cov: File) -> Inputs:
    """Read the files of ``localize`` or ``path``, take the part asked for, check that they fit."""
    if data.option == "--raw":
        evoked = _raw(data, part)
    elif data.option == "--evoked":
        evokeds = [part.of(one, data) for one in _evokeds(data, part.condition)]
        evoked = evokeds[0] if len(evokeds) == 1 else evokeds
    else:
        evokeds = [
            _average(read_epochs(data, part._replace(condition=one)), one)
            for one in ([[name] for name in part.condition] if part.condition else [None])
        ]
        evoked = evokeds[0] if len(evokeds) == 1 else evokeds
    inputs = Inputs(evoked, *_forward_and_covariance(forward, noise_cov))
    first = inputs._replace(evoked=as_evokeds(evoked)[0])
    _check_channels(first, str(data), str(forward), str(noise_cov))
    return inputs


def _average(epochs: Any, condition: Sequence[str] | None) -> Any:
    (evoked,) = as_evokeds(epochs)
    names = " ".join(condition or ["all epochs"])
    evoked.comment = f"{names}, average of {len(epochs)}"
    return evoked


def _forward_and_covariance(forward: File, noise_cov: File) -> tuple[Any, Any]:
    """Read the forward solution and the noise covariance."""
    return forward.read(mne.read_forward_solution, "forward"), noise_cov.read(mne.read_cov, "cov")


def read_live(forward: File, noise_cov: File, recording: File | None) -> tuple[Any, Any, Any]:
    """Read info, forward solution and noise covariance for ``stream``.

    Without a recording the info is that of the forward solution, with no bad channels.
    """
    head = _forward_and_covariance(forward, noise_cov)
    if recording is not None:
        return recording.read(mne.io.read_info, "raw"), *head
    info = mne.Info(head[0]["info"].copy())
    with info._unlock():
        info.update(projs=[], comps=[], custom_ref_applied=0, sfreq=1.0, lowpass=0.5, highpass=0.0)
    return info, *head


def _evokeds(given: File, conditions: Sequence[str] | None) -> list[Any]:
    """Read the conditions asked for."""
    evokeds = given.read(mne.read_evokeds, "evoked")
    for evoked in evokeds:
        evoked.comment = _decoded_name(evoked.comment)
    names = [evoked.comment for evoked in evokeds]
    listed = ", ".join(f"{index} {name!r}" for index, name in enumerate(names))
    if conditions is not None:
        return [evokeds[_condition_index(one, names, listed, given)] for one in conditions]
    if len(evokeds) > 1:
        raise WrongInput(f"{given} has several conditions; give --condition, one of {listed}")
    return list(evokeds)


def _decoded_name(name: str | None) -> str:
    """Decode the character references that MNE stores for letters beyond Latin-1."""

    def letter(match: re.Match[str]) -> str:
        number = int(match[1])
        return chr(number) if 0xFF < number <= sys.maxunicode else match[0]

    return re.sub(r"&#(\d{3,7});", letter, name or "")


def _condition_index(condition: str, names: Sequence[str], listed: str, given: File) -> int:
    if names.count(condition) == 1:
        return names.index(condition)
    if condition not in names and condition.isdecimal() and int(condition) < len(names):
        return int(condition)
    problem = "several conditions" if condition in names else "no condition"
    raise WrongInput(f"{given} has {problem} {condition!r}; give --condition, one of {listed}")


def read_epochs(given: File, part: DataSelection) -> Any:
    """Read the part of epochs asked for: those of one event, or all."""
    epochs = given.read(mne.read_epochs, "epochs")
    if part.condition is not None:
        try:
            epochs = epochs[list(part.condition)]
        except KeyError:
            listed = ", ".join(repr(name) for name in epochs.event_id)
            names = " ".join(map(repr, part.condition))
            raise WrongInput(
                f"{given} has no event {names}; give --condition, one of {listed}"
            ) from None
    if len(epochs) == 0:
        raise WrongInput(f"{given} has no epochs left; give a file that has")
    return part.of(epochs, given)


def _raw(given: File, part: DataSelection) -> Any:
    """Read a range of a recording."""
    for name, value in (("condition", part.condition), ("baseline", part.baseline)):
        if value is not None:
            raise WrongInput(f"--{name} is for --evoked and --epochs; leave it out with --raw")
    raw = given.read(mne.io.read_raw, "raw")
    tmin, tmax = part.times(raw.times, raw.info["sfreq"], given)
    evoked = part.channels(evoked_of_raw(raw, tmin, tmax), given)
    evoked.comment = Path(given.path).name
    if len(evoked.times) > MANY_SAMPLES:
        warn(f"all of {tmin:g} to {tmax:g} s is localized; --tmin and --tmax give a part")
    return evoked


def _time_range(
    option: str, ends: tuple[float | None, float | None], times: Any, sfreq: float, given: File
) -> tuple[float, float]:
    """Return first and last time, None being an end of the data; raise where they do not fit."""
    first, last = float(times[0]), float(times[-1])
    start, stop = (first if ends[0] is None else ends[0]), (last if ends[1] is None else ends[1])
    # Half a sample of tolerance: 0.0498 s reads as 0.05 s in a plot.
    room = 0.5 / sfreq
    if start < first - room or stop > last + room or start > last + room or stop < first - room:
        raise WrongInput(f"{option} is outside of {given}, which reaches from {first:g} to "
                         f"{last:g} s (times are in s)")  # fmt: skip
    if start > stop:
        raise WrongInput(f"{option}: the first time is after the last; exchange them")
    return start, stop


def _check_channels(inputs: Inputs, given: str, at_forward: str, at_cov: str) -> None:
    """Raise a line that names the file that does not fit the others."""
    evoked, forward, noise_cov = inputs
    measured, modelled = _sensor_kinds(evoked.info), _sensor_kinds(forward["info"])
    ours, theirs = set(measured.values()), set(modelled.values())
    if not measured:
        raise WrongInput(f"{given} has no MEG or EEG channels; give data that have")
    if not ours & theirs:
        raise WrongInput(
            f"{given} has {_kind_names(ours)} channels only, but {at_forward} is for "
            f"{_kind_names(theirs)}; give a forward solution for {_kind_names(ours)}"
        )
    bads = {*evoked.info["bads"], *noise_cov["bads"], *forward["info"]["bads"]}
    common = set(measured) & set(modelled)
    for names, other, have in (
        (common, at_forward, modelled),
        (common & set(noise_cov["names"]), at_cov, noise_cov["names"]),
    ):
        if not names:
            raise WrongInput(
                f"{given} and {other} have no channel in common: the first has "
                f"{first_few(measured)}, the second {first_few(have)}; give files of the same "
                "recording, or rename the channels"
            )
    if not common & set(noise_cov["names"]) - bads:
        raise WrongInput(
            f"all channels that {given}, {at_forward} and {at_cov} share are marked as bad; "
            "unmark those that are good"
        )
    used = common & set(noise_cov["names"]) - bads
    try:
        private("_check_reference")(evoked, used)
    except ValueError as error:
        raise WrongInput(
            f"{given}: the EEG has to have an average reference, as a projection; in Python: "
            "data.set_eeg_reference(projection=True), then save"
        ) from error


def _sensor_kinds(info: Any) -> dict[str, str]:
    """Return the kind, MEG or EEG, of each channel that measures sources."""
    kinds = {"mag": "MEG", "grad": "MEG", "eeg": "EEG"}
    types = zip(info["ch_names"], info.get_channel_types(), strict=True)
    return {name: kinds[kind] for name, kind in types if kind in kinds}


def _kind_names(kinds: set[str]) -> str:
    return " and ".join(sorted(kinds, reverse=True)) or "no sensors"


def _read_problem(name: str, kind: str, error: Exception) -> str:
    """Say what an unreadable file holds instead of what it should."""
    try:
        actual = mne.what(name)
    except Exception:
        actual = "unknown"
    if actual == kind:
        return f"cannot be read: {one_line(error)}"
    if actual in KINDS:
        return f"holds {KINDS[actual]}; give a file with {KINDS[kind]}"
    kinds = "in a format that MNE reads" if kind == "raw" else "in MNE's FIF format"
    # Other errors come from parsing a file of another format, and say nothing to a user.
    is_known = isinstance(error, (ImportError, OSError, RuntimeError, ValueError))
    reason = f" ({one_line(error)})" if is_known else ""
    return f"is not readable{reason}; give a file with {KINDS[kind]} {kinds}"


def read_weights(given: File | None) -> Any:
    """Read a source estimate of prior weights; None where none is given."""
    if given is None:
        return None
    if not Path(given.path).exists():
        raise WrongInput(f"{given}: there is no such file")
    try:
        return mne.read_source_estimate(given.path)
    except Exception as error:
        raise WrongInput(
            f"{given} is not readable ({one_line(error)}); give a source estimate (-lh.stc, "
            "-vl.stc or .h5)"
        ) from error


def read_places(
    forward: Any, labels: str | None, subjects_dir: str | None
) -> tuple[list[str] | None, str | None]:
    """Read the names of regions of all locations before anything is computed.

    Returns what `Localization.with_regions` takes.
    """
    if subjects_dir is None:
        if labels is not None:
            raise WrongInput(
                f"--labels {labels}: give the folder of FreeSurfer's subjects as --subjects-dir"
            )
        return None, None
    subject_folder(forward["src"], subjects_dir)
    names = None if labels is None else region_names(forward["src"], labels, subjects_dir)
    return names, subjects_dir
