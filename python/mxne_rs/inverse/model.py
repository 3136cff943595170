"""Whiten and weight a forward solution, and prepare its gain once."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arguments.convert import Floats, as_number
from .._arguments.extras import mne
from ..solve.gain import Gain
from .covariance import (
    check_rank,
    first_few,
    implausible_channels,
    warn_of_few_samples,
    warn_of_unmatched_channels,
)
from .mne_calls import one_at_a_time, private


@dataclass(frozen=True, eq=False)
class Model:
    """A prepared forward solution, on which any number of data sets are solved."""

    forward: Any
    """As prepared: picked channels, converted to fixed or surface orientation."""
    info: Any
    """Measurement information of the channels used."""
    gain: Gain
    """Whitened, with depth, orientation and location weights, of the locations in `kept`."""
    whitener: Floats
    """Of the channels in `info`, (rank, n_channels)."""
    kept: NDArray[np.intp]
    """Locations of `forward` whose weight is above `weights_min`."""
    weighting: Floats
    """Factors that the whitened columns were multiplied with to give `gain`."""
    left_out: dict[str, list[str]]
    """Channels that are not used, by reason."""
    noise_cov: Any
    """The noise covariance, channels without plausible noise marked as bad."""
    options: dict[str, Any]
    """What `prepare_model` was asked for: loose, depth, weights, weights_min, rank."""

    @property
    def n_orient(self) -> int:
        """Rows per location: 1 for fixed orientation, else 3."""
        return self.gain.n_orient

    def whiten(self, measured: Any) -> Floats:
        """Return the whitened data of an evoked response, shape (rank, n_times)."""
        picks = [measured.ch_names.index(name) for name in self.info["ch_names"]]
        if np.iscomplexobj(measured.data):
            raise TypeError("evoked holds complex numbers; give real ones, such as their real part")
        data = np.asarray(measured.data[picks], dtype=np.float64)
        if not np.isfinite(data).all():
            row, sample = np.argwhere(~np.isfinite(data))[0]
            raise ValueError(
                f"evoked holds {data[row, sample]} in channel {self.info['ch_names'][row]!r} at "
                f"{measured.times[sample]:g} s; mark the channel as bad or interpolate it"
            )
        return np.asarray(self.whitener @ data)

    def physical_gain(self, active_set: NDArray[np.bool_]) -> Floats:
        """Return the whitened gain of some locations in 1/Am, without the weights of `gain`."""
        weighting = self.weighting[np.repeat(active_set, self.n_orient)]
        # Tangential orientations with `loose` 0 have weight 0; their columns are zero, and stay so.
        return self.gain.active_columns(active_set) / np.where(weighting == 0, 1, weighting)

    def on_all_locations(self, values: NDArray[Any], elsewhere: Any) -> NDArray[Any]:
        """Spread values of the kept locations over all of `forward`, along the last axis."""
        shape = (*values.shape[:-1], int(self.forward["nsource"]))
        out = np.full(shape, elsewhere, dtype=values.dtype)
        out[..., self.kept] = values
        return out


@one_at_a_time
def prepare_model(
    info: Any,
    forward: Any,
    noise_cov: Any,
    *,
    loose: Any = "auto",
    depth: Any = 0.8,
    weights: Any = None,
    weights_min: Any = 0.0,
    rank: Any = None,
    pick_ori: Any = None,
) -> Model:
    """Whiten and weight a forward solution by MNE's own functions, and prepare the gain.

    Parameters and errors are those of `mxne_rs.mixed_norm`; `info` is that of the data.
    """
    check_types(forward, noise_cov)
    if forward is None or noise_cov is None:
        name = "forward" if forward is None else "noise_cov"
        raise TypeError(f"{name} is None; give an MNE object")
    forward = with_both_hemispheres(forward)
    names, left_out = _align(info, forward, noise_cov)
    _check_pick_ori(pick_ori, forward, loose)
    private("_check_reference")(mne.EvokedArray(np.zeros((len(info["ch_names"]), 1)), info), names)
    implausible = implausible_channels(info, noise_cov, names)
    if implausible:
        noise_cov = noise_cov.copy()
        noise_cov["bads"] = [*noise_cov["bads"], *implausible]
        names = [name for name in names if name not in implausible]
        left_out = {**left_out, "without plausible noise": implausible}
    check_rank(rank, info, names)
    n_locations = int(forward["nsource"])
    factors = _location_factors(weights, weights_min, forward)
    prepared, gain, gain_info, whitener, weighting, _ = private("_prepare_gain")(
        forward, info, noise_cov, True, *copy.deepcopy((depth, loose, rank))
    )
    warn_of_few_samples(noise_cov, names, len(whitener))
    n_orient = 1 if mne.forward.is_fixed_orient(prepared) else 3
    kept = np.arange(n_locations)
    if factors is not None:
        kept = np.flatnonzero(factors)
        columns = np.repeat(factors > 0, n_orient)
        gain = gain[:, columns] * np.repeat(factors[kept], n_orient)
        weighting = weighting[columns] * np.repeat(factors[kept], n_orient)
        mne.utils.logger.info(f"{len(kept)} of {n_locations} locations are above weights_min")
    _log_alignment(names, left_out)
    return Model(
        forward=prepared,
        info=gain_info,
        gain=Gain(gain, n_orient),
        whitener=whitener,
        kept=kept,
        weighting=np.asarray(weighting, dtype=np.float64),
        left_out=left_out,
        noise_cov=noise_cov,
        options={
            "loose": loose, "depth": depth, "rank": rank, "weights_min": weights_min,
            "weights": None if weights is None else _weight_values(weights, forward),
        },
    )  # fmt: skip


def check_types(forward: Any, noise_cov: Any) -> None:
    """Raise where forward or noise covariance are not MNE's; None passes."""
    for name, value, kind, reader in (
        ("forward", forward, mne.Forward, "mne.read_forward_solution"),
        ("noise_cov", noise_cov, mne.Covariance, "mne.read_cov"),
    ):
        if value is not None and not isinstance(value, kind):
            given = repr(value) if isinstance(value, str) else f"a {type(value).__name__}"
            raise TypeError(f"{name} is {given}, not an mne.{kind.__name__}; read it with {reader}")


def with_both_hemispheres(forward: Any) -> Any:
    """Return the forward solution, with an empty second hemisphere where one is missing."""
    src = complete_hemispheres(forward["src"])
    return forward if src is forward["src"] else mne.Forward(forward, src=src)


def complete_hemispheres(src: Any) -> Any:
    """Add an empty hemisphere to source spaces of one, which MNE cannot handle alone."""
    if [space["type"] for space in src] != ["surf"]:
        return src
    (space,) = src
    left = int(space["id"]) != 102  # FIFFV_MNE_SURF_RIGHT_HEMI
    none = {"vertno": space["vertno"][:0], "inuse": 0 * space["inuse"], "nuse": 0}
    empty = {**space, **none, "id": 102 if left else 101, "pinfo": None, "patch_inds": None}
    return mne.SourceSpaces([space, empty] if left else [empty, space], src.info)


def _align(info: Any, forward: Any, noise_cov: Any) -> tuple[list[str], dict[str, list[str]]]:
    """Return the good channels in data, forward and noise_cov, and the others by reason."""
    bads = {*info["bads"], *noise_cov["bads"]}
    modelled, covered = set(forward["sol"]["row_names"]), set(noise_cov["names"])
    sensors = mne.pick_types(info, meg=True, eeg=True, ref_meg=False, exclude=())
    measured = [info["ch_names"][pick] for pick in sensors]
    reasons = {
        "bad": [name for name in measured if name in bads],
        "not in forward": [name for name in measured if name not in bads and name not in modelled],
        "not in noise_cov": [
            name
            for name in measured
            if name not in bads and name in modelled and name not in covered
        ],
        "not in the data": [
            name for name in forward["sol"]["row_names"] if name not in info["ch_names"]
        ],
    }
    names = [name for name in measured if name in modelled and name in covered and name not in bads]
    if not names:
        raise ValueError(
            "data, forward and noise_cov have no good channel in common. The data have "
            f"{first_few(measured)}; the forward solution "
            f"{first_few(forward['sol']['row_names'])}; the noise covariance "
            f"{first_few(noise_cov['names'])}; bad are {first_few(sorted(bads))}. "
            "Use files of the same recording, or rename the channels"
        )
    warn_of_unmatched_channels(info, forward, noise_cov, bads)
    return names, {reason: channels for reason, channels in reasons.items() if channels}


def _log_alignment(names: list[str], left_out: dict[str, list[str]]) -> None:
    parts = [
        f"{len(channels)} {reason} ({first_few(channels)})" for reason, channels in left_out.items()
    ]
    rest = f"; left out: {'; '.join(parts)}" if parts else ""
    mne.utils.logger.info(f"{len(names)} channels are used{rest}")


def _check_pick_ori(pick_ori: Any, forward: Any, loose: Any) -> None:
    """Raise where `pick_ori` is unknown or does not fit the orientation."""
    if pick_ori not in (None, "vector"):
        raise ValueError(f"pick_ori is {pick_ori!r}; give None or 'vector'")
    if pick_ori == "vector" and will_be_fixed(forward, loose):
        raise ValueError('pick_ori="vector" needs loose or free orientation; it is fixed here')


def will_be_fixed(forward: Any, loose: Any) -> bool:
    """Return whether the orientation of a forward solution will be fixed once prepared."""
    if mne.forward.is_fixed_orient(forward):
        return True
    values = list(loose.values()) if isinstance(loose, dict) else [loose]
    return bool(values) and all(isinstance(value, Real) and float(value) == 0 for value in values)


def _location_factors(weights: Any, weights_min: Any, forward: Any) -> Floats | None:
    """Return a factor per location, from 0 (left out) to 1 (least penalised)."""
    remedy = "give zero or a positive number"
    least = as_number("weights_min", weights_min, remedy, zero=True)
    if weights is None:
        return None
    n_locations = int(forward["nsource"])
    values = _weight_values(weights, forward)
    if values.shape != (n_locations,):
        raise ValueError(
            f"weights do not have the correct dimension: their shape is {values.shape}, but "
            f"forward has {n_locations} locations"
        )
    if not np.isfinite(values).all():
        raise ValueError(
            f"weights holds {values[~np.isfinite(values)][0]}; give finite numbers, and zero "
            "where a location is to be left out"
        )
    largest = float(values.max())
    if least >= largest:
        sign = ">" if least > largest else "="
        raise ValueError(
            f"weights_min {sign} weights_max ({least:g} {sign} {largest:g}): no location would "
            "be left; lower weights_min"
        )
    return np.where(values > least, values / largest, 0.0)


def _weight_values(weights: Any, forward: Any) -> Floats:
    """Return one number per location: of a source estimate, the largest magnitude over time."""
    if not hasattr(weights, "vertices"):
        try:
            return np.asarray(weights, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"weights is a {type(weights).__name__}; give an array of one number per "
                "location, or a source estimate"
            ) from error
    # Each is a list with the vertices of every source space.
    theirs = weights.vertices
    ours = [space["vertno"] for space in forward["src"]]
    same = len(theirs) == len(ours) and all(
        np.array_equal(a, b) for a, b in zip(theirs, ours, strict=True)
    )
    if not same:
        raise ValueError(
            "weights is a source estimate on other vertices than those of forward; compute weights "
            "with the same forward solution"
        )
    magnitude = weights.magnitude() if hasattr(weights, "magnitude") else weights
    return np.asarray(np.abs(magnitude.data).max(axis=1))
