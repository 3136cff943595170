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


class Inputs(NamedTuple):
    """What is localized, and what on.

    Examples
    --------
    >>> from mxne_rs.command.reading import Inputs
    >>> Inputs._fields
    ('evoked', 'forward', 'noise_cov')
    """

    evoked: Any
    """mne.Evoked: the part of the data asked for."""
    forward: Any
    noise_cov: Any


def keep_inputs(options: Any, result: Path) -> None:
    """Refuse to write a result over a file that it is made from, before anything is solved.

    Raises
    ------
    WrongInput
        Naming the option.

    Examples
    --------
    >>> from argparse import Namespace
    >>> from pathlib import Path
    >>> from mxne_rs.command.reading import keep_inputs
    >>> options = Namespace(evoked="x-ave.fif", epochs=None, raw=None)
    >>> keep_inputs(options, Path("results/residual-ave.fif"))
    """
    for name in ("evoked", "epochs", "raw"):
        path = getattr(options, name)
        if path and result.exists() and Path(path).exists() and result.samefile(path):
            raise WrongInput(
                f"--{name} {path} is a file that {result.parent} is to get anew; give another --out"
            )


def read_inputs(options: Any, tell: Callable[[str], None] = print) -> Inputs:
    """Read the files of a command line, take the part asked for, check that they fit.

    Parameters
    ----------
    options : argparse.Namespace
        Those of ``localize`` or ``path``.
    tell : callable
        Takes a line that the user should see.

    Returns
    -------
    Inputs

    Raises
    ------
    WrongInput
        With a line that names the option and says what to do.

    Examples
    --------
    >>> from mxne_rs.command.options import parse
    >>> from mxne_rs.command.reading import read_inputs
    >>> read_inputs(parse(["path", "--evoked", "no-ave.fif", "--forward", "no-fwd.fif",
    ...                    "--noise-cov", "no-cov.fif", "--out", "results"]))
    Traceback (most recent call last):
    mxne_rs.command.wording.WrongInput: --evoked no-ave.fif: there is no such file
    """
    import mne

    if options.evoked is not None:
        given, evoked = f"--evoked {options.evoked}", _evoked(mne, options)
    elif options.epochs is not None:
        given, evoked = f"--epochs {options.epochs}", _epochs(mne, options)
    else:
        given, evoked = f"--raw {options.raw}", _raw(mne, options, tell)
    forward, noise_cov = _head(mne, options)
    if mne.forward.is_fixed_orient(forward) and options.loose not in ("auto", 0):
        raise WrongInput(
            f"--loose {options.loose:g}: --forward {options.forward} has fixed orientation; "
            "leave --loose out, or compute a forward solution with free orientation"
        )
    _check_channels(mne, given, evoked, forward, noise_cov, options)
    return Inputs(evoked, forward, noise_cov)


def _head(mne: Any, options: Any) -> tuple[Any, Any]:
    """Forward solution and noise covariance."""
    return (
        _read("--forward", options.forward, mne.read_forward_solution, "forward"),
        _read("--noise-cov", options.noise_cov, mne.read_cov, "cov"),
    )


def read_live(options: Any) -> tuple[Any, Any, Any]:
    """Read info, forward solution and noise covariance for ``stream``.

    Raises
    ------
    WrongInput
        With a line that names the option and says what to do.

    Examples
    --------
    >>> from mxne_rs.command.options import parse
    >>> from mxne_rs.command.reading import read_live
    >>> read_live(parse(["stream", "--stream", "lab", "--forward", "no-fwd.fif",
    ...                  "--noise-cov", "no-cov.fif"]))
    Traceback (most recent call last):
    mxne_rs.command.wording.WrongInput: --forward no-fwd.fif: there is no such file
    """
    import mne

    forward, noise_cov = _head(mne, options)
    if options.info is not None:
        return _read("--info", options.info, mne.io.read_info, "raw"), forward, noise_cov
    info = mne.Info(forward["info"].copy())
    with info._unlock():
        info.update(projs=[], comps=[], custom_ref_applied=0, sfreq=1.0, lowpass=0.5, highpass=0.0)
    return info, forward, noise_cov


def read_recording(options: Any) -> dict[str, Any]:
    """Read what ``reproduce tmi2016`` resamples: epochs and their forward solution, or nothing.

    Raises
    ------
    WrongInput
        With a line that names the option and says what to do.

    Examples
    --------
    >>> from mxne_rs.command.options import parse
    >>> from mxne_rs.command.reading import read_recording
    >>> read_recording(parse(["reproduce", "tmi2016", "--out", "."]))
    {}
    """
    if options.epochs is None:
        return {}
    import mne

    return {
        "epochs": _read("--epochs", options.epochs, mne.read_epochs, "epochs"),
        "forward": _read("--forward", options.forward, mne.read_forward_solution, "forward"),
    }


def _evoked(mne: Any, options: Any) -> Any:
    """One condition, with its baseline, cropped."""
    given = f"--evoked {options.evoked}"
    evokeds = _read("--evoked", options.evoked, mne.read_evokeds, "evoked")
    for evoked in evokeds:
        evoked.comment = _meant(evoked.comment)
    names = [evoked.comment for evoked in evokeds]
    listed = ", ".join(f"{index} {name!r}" for index, name in enumerate(names))
    if options.condition is not None:
        evoked = evokeds[_condition_index(options.condition, names, listed, given)]
    elif len(evokeds) > 1:
        raise WrongInput(f"{given} has several conditions; give --condition, one of {listed}")
    else:
        evoked = evokeds[0]
    return _part(evoked, given, options)


def _meant(name: str | None) -> str:
    """A name without the references that MNE stores for letters beyond Latin-1."""

    def letter(found: re.Match[str]) -> str:
        number = int(found[1])
        return chr(number) if 0xFF < number <= sys.maxunicode else found[0]

    return re.sub(r"&#(\d{3,7});", letter, name or "")


def _condition_index(condition: str, names: Sequence[str], listed: str, given: str) -> int:
    if names.count(condition) == 1:
        return names.index(condition)
    if condition not in names and condition.isdecimal() and int(condition) < len(names):
        return int(condition)
    problem = "several conditions" if condition in names else "no condition"
    raise WrongInput(f"{given} has {problem} {condition!r}; give --condition, one of {listed}")


def _epochs(mne: Any, options: Any) -> Any:
    """The average of the epochs of one event, or of all."""
    given = f"--epochs {options.epochs}"
    epochs = _read("--epochs", options.epochs, mne.read_epochs, "epochs")
    if options.condition is not None:
        try:
            epochs = epochs[options.condition]
        except KeyError:
            listed = ", ".join(repr(name) for name in epochs.event_id)
            raise WrongInput(
                f"{given} has no event {options.condition!r}; give --condition, one of {listed}"
            ) from None
    if len(epochs) == 0:
        raise WrongInput(f"{given} has no epochs left; give a file that has")
    evoked = as_evokeds(epochs)[0]
    evoked.comment = f"{options.condition or 'all epochs'}, average of {len(epochs)}"
    return _part(evoked, given, options)


def _raw(mne: Any, options: Any, tell: Callable[[str], None]) -> Any:
    """A range of a recording."""
    given = f"--raw {options.raw}"
    for name in ("condition", "baseline"):
        if getattr(options, name) is not None:
            raise WrongInput(f"--{name} is for --evoked and --epochs; leave it out with --raw")
    raw = _read("--raw", options.raw, mne.io.read_raw, "raw")
    tmin, tmax = _times(options, raw.times, raw.info["sfreq"], given)
    evoked = evoked_of_raw(raw, tmin, tmax)
    evoked.comment = Path(options.raw).name
    if len(evoked.times) > MANY_SAMPLES:
        tell(f"all of {tmin:g} to {tmax:g} s is localized; --tmin and --tmax give a part")
    return evoked


def _part(evoked: Any, given: str, options: Any) -> Any:
    """The times asked for, after the baseline, which may lie outside of them."""
    if options.baseline is not None:
        start, stop = options.baseline
        option = f"--baseline {_time(start)} {_time(stop)}"
        first, last = float(evoked.times[0]), float(evoked.times[-1])
        start, stop = (first if start is None else start), (last if stop is None else stop)
        _check_times(option, (start, stop), evoked.times, evoked.info["sfreq"], given)
        evoked.apply_baseline((start, stop))
    return evoked.crop(*_times(options, evoked.times, evoked.info["sfreq"], given))


def _time(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"


def _times(options: Any, times: Any, sfreq: float, given: str) -> tuple[float, float]:
    """First and last time to use, both of them among those there are."""
    first, last = float(times[0]), float(times[-1])
    start = first if options.tmin is None else options.tmin
    stop = last if options.tmax is None else options.tmax
    named = [
        f"--{name} {value:g}"
        for name, value in (("tmin", options.tmin), ("tmax", options.tmax))
        if value is not None
    ]
    _check_times(" ".join(named), (start, stop), times, sfreq, given)
    return max(start, first), min(stop, last)


def _check_times(
    option: str, ends: tuple[float, float], times: Any, sfreq: float, given: str
) -> None:
    start, stop = ends
    first, last = float(times[0]), float(times[-1])
    # Half a sample of room: 0.0498 s is 0.05 s to whoever reads a plot.
    room = 0.5 / sfreq
    if start < first - room or stop > last + room or start > last + room or stop < first - room:
        raise WrongInput(f"{option} is outside of {given}, which reaches from {first:g} to "
                         f"{last:g} s (times are in s)")  # fmt: skip
    if start > stop:
        raise WrongInput(f"{option}: the first time is after the last; exchange them")


def _check_channels(
    mne: Any, given: str, evoked: Any, forward: Any, noise_cov: Any, options: Any
) -> None:
    """Say which file does not fit the others, before MNE meets a gain without rows."""

    measured, modelled = _sensors(mne, evoked.info), _sensors(mne, forward["info"])
    ours, theirs = set(measured.values()), set(modelled.values())
    at_forward, at_cov = f"--forward {options.forward}", f"--noise-cov {options.noise_cov}"
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


def _sensors(mne: Any, info: Any) -> dict[str, str]:
    """The kind, MEG or EEG, of each channel that a source can be seen by."""
    kinds = {"mag": "MEG", "grad": "MEG", "eeg": "EEG"}
    types = zip(info["ch_names"], info.get_channel_types(), strict=True)
    return {name: kinds[kind] for name, kind in types if kind in kinds}


def _either(kinds: set[str]) -> str:
    return " and ".join(sorted(kinds, reverse=True)) or "no sensors"


def _read(option: str, name: str, reader: Callable[[str], Any], kind: str) -> Any:
    """Read a file, or say in one line what it is instead."""
    path = Path(name)
    if not path.exists():
        raise WrongInput(f"{option} {name}: there is no such file")
    # Some formats of recordings are folders.
    if path.is_dir() and kind != "raw":
        raise WrongInput(f"{option} {name} is a folder; give a file with {KINDS[kind]}")
    try:
        return reader(name)
    except Exception as error:
        raise WrongInput(f"{option} {name} {_instead(name, kind, error)}") from error


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
