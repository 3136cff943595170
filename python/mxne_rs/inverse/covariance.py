"""Check noise covariances and ranks for what would spoil the whitener."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._arguments.convert import Floats, as_count
from .._arguments.extras import mne
from .._arguments.warn import warn

#: Range of plausible variances, relative to the median of the channel type: a channel with too
#: little variance dominates the answer, one with too much hides the rank of the others.
MIN_VARIANCE_RATIO, MAX_VARIANCE_RATIO = 1e-2, 1e4


def channels_by_type(info: Any, names: Sequence[str]) -> dict[str, list[str]]:
    """Group channel names by channel type."""
    kinds: dict[str, list[str]] = {}
    for name in names:
        kind = mne.channel_type(info, info["ch_names"].index(name))
        kinds.setdefault(kind, []).append(name)
    return kinds


def implausible_channels(info: Any, noise_cov: Any, names: Sequence[str]) -> list[str]:
    """List channels whose variance is zero or absurd; warn once with their names.

    A channel that stands twice, values that are not finite, and a channel type without any
    positive variance raise.
    """
    counts = Counter(noise_cov["names"])
    twice = [name for name in names if counts[name] > 1]
    if twice:
        raise ValueError(
            f"noise_cov has several rows named {first_few(twice)}; give each channel its own name"
        )
    matrix = _square(noise_cov, names)
    finite = np.isfinite(matrix)
    if not finite.all():
        # One channel of NaN makes NaN in the rows of all others, but not in their variances.
        whole = np.diag(finite) if not np.diag(finite).all() else finite.all(axis=1)
        raise ValueError(
            f"noise_cov holds NaN or infinity for {first_few(np.array(names)[~whole])}; estimate "
            "it again from data without them, or mark these channels as bad"
        )
    variances = dict(zip(names, np.diag(matrix), strict=True))
    implausible = []
    for kind, members in channels_by_type(info, names).items():
        values = np.array([variances[name] for name in members])
        if not (values > 0).any():
            what = "negative" if (values < 0).any() else "zero"
            raise ValueError(
                f"noise_cov is {what} for all {len(members)} {kind} channels; estimate it from "
                "data that hold noise, or leave these channels out"
            )
        parts = values / np.median(values[values > 0])
        implausible += [
            (name, part)
            for name, part in zip(members, parts, strict=True)
            if not MIN_VARIANCE_RATIO <= part <= MAX_VARIANCE_RATIO
        ]
    if implausible:
        listed = ", ".join(f"{name} ({part:.2g})" for name, part in implausible[:5])
        warn(
            f"{len(implausible)} channels have a variance in noise_cov that is no noise and are "
            f"left out: {listed}{' and others' if len(implausible) > 5 else ''}, in parts of the "
            "median of their type. Mark them as bad, or estimate noise_cov again"
        )
    return [name for name, _ in implausible]


def warn_of_few_samples(noise_cov: Any, names: Sequence[str], n_whitened: int) -> None:
    """Warn where a covariance of few samples limits the dimensions of the data."""
    n_free, n_channels = int(noise_cov.get("nfree", 0)), len(names)
    if not 0 < n_free < n_channels:
        return
    matrix = _square(noise_cov, names)
    scale = np.sqrt(np.maximum(np.diag(matrix), np.finfo(float).tiny))
    if np.linalg.matrix_rank(matrix / scale / scale[:, np.newaxis], tol=1e-8) <= n_free:
        warn(
            f"noise_cov comes from {n_free} samples (degrees of freedom), fewer than its "
            f"{n_channels} channels: {n_whitened} dimensions of the data are used, and their noise "
            "is not well known. Estimate it from more samples, or regularised "
            "(mne.compute_covariance(..., method='shrunk'))"
        )


def check_rank(rank: Any, info: Any, names: Sequence[str]) -> None:
    """Raise where a dictionary of ranks is invalid; warn where an entry has no effect.

    Magnetometers and gradiometers are whitened together, as "meg", where there are both.
    """
    if not isinstance(rank, dict):
        return
    kinds = set(channels_by_type(info, names))
    magnetic = kinds & {"mag", "grad"}
    acting = {"meg"} if len(magnetic) == 2 else magnetic
    for kind, value in rank.items():
        as_count(f"rank[{kind!r}]", value, 1)
        if kind not in ("meg", "mag", "grad", "eeg"):
            raise ValueError(f"rank has the key {kind!r}; give 'meg', 'mag', 'grad' or 'eeg'")
        if magnetic and kind != "eeg" and kind not in acting:
            warn(
                f"rank[{kind!r}] is not used: the MEG channels are "
                f"{' and '.join(sorted(magnetic))}, whose rank is to be given as {min(acting)!r}"
            )


def warn_of_unmatched_channels(info: Any, forward: Any, noise_cov: Any, bads: set[str]) -> None:
    """Warn where most channels of a kind are unknown to forward or covariance."""
    of_kind = {
        kind: {info["ch_names"][i] for i in mne.pick_types(info, **pick, exclude=())}
        for kind, pick in (("MEG", {"meg": True}), ("EEG", {"meg": False, "eeg": True}))
    }
    for kind, other in (("MEG", "EEG"), ("EEG", "MEG")):
        measured, few = of_kind[kind] - bads, []
        for label, names in (
            ("forward", forward["sol"]["row_names"]),
            ("noise_cov", noise_cov["names"]),
        ):
            theirs = set(names) - of_kind[other] - bads
            shared = len(measured & theirs)
            if 2 * shared < min(len(measured), len(theirs)):
                listed = first_few(sorted(theirs))
                few.append(f"only {shared} are among the {len(theirs)} of {label} ({listed})")
        if few:
            warn(
                f"of {len(measured)} {kind} channels of the data ({first_few(sorted(measured))}) "
                f"{' and '.join(few)}; the others are left out: rename channels, or use files of "
                "the same recording"
            )


def _square(noise_cov: Any, names: Sequence[str]) -> Floats:
    """Return the covariance matrix of some channels."""
    position = {name: row for row, name in enumerate(noise_cov["names"])}
    rows = [position[name] for name in names]
    data = np.asarray(noise_cov["data"], dtype=np.float64)
    return np.diag(data[rows]) if data.ndim == 1 else data[np.ix_(rows, rows)]


def first_few(names: Any, n: int = 3) -> str:
    """Join the first names, and count the others."""
    names = list(names)
    if not names:
        return "none"
    return ", ".join(names[:n]) + (f" and {len(names) - n} more" if len(names) > n else "")
