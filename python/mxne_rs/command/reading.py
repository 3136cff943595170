"""Files in: what the command line is given, as MNE objects that fit each other."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..inverse.covariance import some
from ..inverse.data import as_evokeds, evoked_of_raw
from ..inverse.mne_calls import private
from .console import warn
from .wording import WrongInput, one_line

#: How `mne.what` calls the kinds of FIF files, and how a person does.
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
#: Samples of a recording above which it is said that all of them are used.
MANY_SAMPLES = 20000


class File(NamedTuple):
    """A file, and the option that names it."""

    option: str
    path: str

    def __str__(self) -> str:
        """As it was given."""
        return f"{self.option} {self.path}"

    def read(self, reader: Callable[[str], Any], kind: str) -> Any:
        """Read it, or say in one line what it is instead.

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
            raise WrongInput(f"{self} {_instead(self.path, kind, error)}") from error

    def keep(self, result: Path) -> None:
        """Refuse to write a result over it."""
        path = Path(self.path)
        if result.exists() and path.exists() and result.samefile(path):
            raise WrongInput(
                f"{self} is a file that {result.parent} is to get anew; give another --out"
            )


class Part(NamedTuple):
    """Which part of the data is localized, as the options say; None is all of it."""

    condition: str | None
    tmin: float | None
    tmax: float | None
    baseline: tuple[float | None, float | None] | None

    def times(self, times: Any, sfreq: float, given: File) -> tuple[float, float]:
        """First and last time to use, both of them among those there are."""
        named = [
            f"--{name} {value:g}"
            for name, value in (("tmin", self.tmin), ("tmax", self.tmax))
            if value is not None
        ]
        start, stop = _ends(" ".join(named), (self.tmin, self.tmax), times, sfreq, given)
        return max(start, float(times[0])), min(stop, float(times[-1]))

    def of(self, evoked: Any, given: File) -> Any:
        """The times asked for, after the baseline, which may lie outside of them."""
        times, sfreq = evoked.times, evoked.info["sfreq"]
        if self.baseline is not None:
            start, stop = ("none" if end is None else f"{end:g}" for end in self.baseline)
            option = f"--baseline {start} {stop}"
            evoked.apply_baseline(_ends(option, self.baseline, times, sfreq, given))
        return evoked.crop(*self.times(times, sfreq, given))


class Inputs(NamedTuple):
    """What is localized, and what on: MNE objects."""

    evoked: Any
    """The part of the data asked for."""
    forward: Any
    noise_cov: Any


def read_inputs(data: File, part: Part, forward: File, noise_cov: File) -> Inputs:
    """Read the files of ``localize`` or ``path``, take the part asked for, check that they fit.

    Raises
    ------
    WrongInput
        With a line that names the option and says what to do.
    """
    import mne

    if data.option == "--raw":
        evoked = _raw(mne, data, part)
    else:
        read = _evoked if data.option == "--evoked" else _epochs
        evoked = part.of(read(mne, data, part.condition), data)
    inputs = Inputs(evoked, *_head(mne, forward, noise_cov))
    _check_channels(inputs, str(data), str(forward), str(noise_cov))
    return inputs


def _head(mne: Any, forward: File, noise_cov: File) -> tuple[Any, Any]:
    """Forward solution and noise covariance."""
    return forward.read(mne.read_forward_solution, "forward"), noise_cov.read(mne.read_cov, "cov")


def read_live(forward: File, noise_cov: File, recording: File | None) -> tuple[Any, Any, Any]:
    """Read info, forward solution and noise covariance for ``stream``.

    The info is that of a recording, or of the forward solution's sensors, all of them good.
    """
    import mne

    head = _head(mne, forward, noise_cov)
    if recording is not None:
        return recording.read(mne.io.read_info, "raw"), *head
    info = mne.Info(head[0]["info"].copy())
    with info._unlock():
        info.update(projs=[], comps=[], custom_ref_applied=0, sfreq=1.0, lowpass=0.5, highpass=0.0)
    return info, *head


def _evoked(mne: Any, given: File, condition: str | None) -> Any:
    """One condition."""
    evokeds = given.read(mne.read_evokeds, "evoked")
    for evoked in evokeds:
        evoked.comment = _meant(evoked.comment)
    names = [evoked.comment for evoked in evokeds]
    listed = ", ".join(f"{index} {name!r}" for index, name in enumerate(names))
    if condition is not None:
        return evokeds[_condition_index(condition, names, listed, given)]
    if len(evokeds) > 1:
        raise WrongInput(f"{given} has several conditions; give --condition, one of {listed}")
    return evokeds[0]


def _meant(name: str | None) -> str:
    """A name without the references that MNE stores for letters beyond Latin-1."""

    def letter(found: re.Match[str]) -> str:
        number = int(found[1])
        return chr(number) if 0xFF < number <= sys.maxunicode else found[0]

    return re.sub(r"&#(\d{3,7});", letter, name or "")


def _condition_index(condition: str, names: Sequence[str], listed: str, given: File) -> int:
    if names.count(condition) == 1:
        return names.index(condition)
    if condition not in names and condition.isdecimal() and int(condition) < len(names):
        return int(condition)
    problem = "several conditions" if condition in names else "no condition"
    raise WrongInput(f"{given} has {problem} {condition!r}; give --condition, one of {listed}")


def _epochs(mne: Any, given: File, condition: str | None) -> Any:
    """The average of the epochs of one event, or of all."""
    epochs = given.read(mne.read_epochs, "epochs")
    if condition is not None:
        try:
            epochs = epochs[condition]
        except KeyError:
            listed = ", ".join(repr(name) for name in epochs.event_id)
            raise WrongInput(
                f"{given} has no event {condition!r}; give --condition, one of {listed}"
            ) from None
    if len(epochs) == 0:
        raise WrongInput(f"{given} has no epochs left; give a file that has")
    evoked = as_evokeds(epochs)[0]
    evoked.comment = f"{condition or 'all epochs'}, average of {len(epochs)}"
    return evoked


def _raw(mne: Any, given: File, part: Part) -> Any:
    """A range of a recording."""
    for name, value in (("condition", part.condition), ("baseline", part.baseline)):
        if value is not None:
            raise WrongInput(f"--{name} is for --evoked and --epochs; leave it out with --raw")
    raw = given.read(mne.io.read_raw, "raw")
    tmin, tmax = part.times(raw.times, raw.info["sfreq"], given)
    evoked = evoked_of_raw(raw, tmin, tmax)
    evoked.comment = Path(given.path).name
    if len(evoked.times) > MANY_SAMPLES:
        warn(f"all of {tmin:g} to {tmax:g} s is localized; --tmin and --tmax give a part")
    return evoked


def _ends(
    option: str, ends: tuple[float | None, float | None], times: Any, sfreq: float, given: File
) -> tuple[float, float]:
    """First and last time, where None is an end of the data, or what is wrong with them."""
    first, last = float(times[0]), float(times[-1])
    start, stop = (first if ends[0] is None else ends[0]), (last if ends[1] is None else ends[1])
    # Half a sample of room: 0.0498 s is 0.05 s to whoever reads a plot.
    room = 0.5 / sfreq
    if start < first - room or stop > last + room or start > last + room or stop < first - room:
        raise WrongInput(f"{option} is outside of {given}, which reaches from {first:g} to "
                         f"{last:g} s (times are in s)")  # fmt: skip
    if start > stop:
        raise WrongInput(f"{option}: the first time is after the last; exchange them")
    return start, stop


def _check_channels(inputs: Inputs, given: str, at_forward: str, at_cov: str) -> None:
    """Say which file does not fit the others, before MNE meets a gain without rows."""
    evoked, forward, noise_cov = inputs
    measured, modelled = _sensors(evoked.info), _sensors(forward["info"])
    ours, theirs = set(measured.values()), set(modelled.values())
    if not measured:
        raise WrongInput(f"{given} has no MEG or EEG channels; give data that have")
    if not ours & theirs:
        raise WrongInput(
            f"{given} has {_either(ours)} channels only, but {at_forward} is for "
            f"{_either(theirs)}; give a forward solution for {_either(ours)}"
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
                f"{some(measured)}, the second {some(have)}; give files of the same recording, "
                "or rename the channels"
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


def _sensors(info: Any) -> dict[str, str]:
    """The kind, MEG or EEG, of each channel that a source can be seen by."""
    kinds = {"mag": "MEG", "grad": "MEG", "eeg": "EEG"}
    types = zip(info["ch_names"], info.get_channel_types(), strict=True)
    return {name: kinds[kind] for name, kind in types if kind in kinds}


def _either(kinds: set[str]) -> str:
    return " and ".join(sorted(kinds, reverse=True)) or "no sensors"


def _instead(name: str, kind: str, error: Exception) -> str:
    """What a file is that cannot be read as what it should be."""
    import mne

    try:
        found = mne.what(name)
    except Exception:
        found = "unknown"
    if found == kind:
        return f"cannot be read: {one_line(error)}"
    if found in KINDS:
        return f"holds {KINDS[found]}; give a file with {KINDS[kind]}"
    kinds = "in a format that MNE reads" if kind == "raw" else "in MNE's FIF format"
    # Others are stumbles of a reader over something that is not its format.
    tells = isinstance(error, (ImportError, OSError, RuntimeError, ValueError))
    reason = f" ({one_line(error)})" if tells else ""
    return f"is not readable{reason}; give a file with {KINDS[kind]} {kinds}"
