"""A forward solution made ready to be solved on: whitened, weighted, prepared once."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arguments.convert import Floats, as_number
from ..solve.gain import Gain
from .covariance import check_rank, odd_channels, some, warn_of_few_samples, warn_of_other_names
from .mne_calls import one_at_a_time, private


@dataclass(frozen=True, eq=False)
class Model:
    """What depends on sensors and head alone; any number of data sets are solved on it.

    Attributes
    ----------
    forward : mne.Forward
        As prepared: picked channels, converted to fixed or surface orientation.
    info : mne.Info
        Measurement information of the channels used.
    gain : Gain
        Whitened, with depth, orientation and location weights, of the locations in `kept`.
    whitener : array, shape (rank, n_channels)
        Of the channels in `info`.
    kept : array of int, shape (n_kept,)
        The locations that `weights` leave in, of those of `forward`.
    weighting : array, shape (n_kept * n_orient,)
        What the columns of `gain` have been multiplied with, beside the whitener.
    left_out : dict of str to list of str
        Channels that are not used, by reason.
    """

    forward: Any
    info: Any
    gain: Gain
    whitener: Floats
    kept: NDArray[np.intp]
    weighting: Floats
    left_out: dict[str, list[str]]

    @property
    def n_orient(self) -> int:
        """Rows per location: 1 for fixed orientation, else 3."""
        return self.gain.n_orient

    def whiten(self, measured: Any) -> Floats:
        """Whitened data of an evoked response, shape (rank, n_times)."""
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
        """Whitened gain of some locations in 1/Am, without the weights of `gain`."""
        weighting = self.weighting[np.repeat(active_set, self.n_orient)]
        # An orientation that `loose` forbids has weight 0: its column is zero and stays so.
        return self.gain.active_columns(active_set) / np.where(weighting == 0, 1, weighting)

    def everywhere(self, values: NDArray[Any], elsewhere: Any) -> NDArray[Any]:
        """Spread values of the locations kept over all of `forward`, along the last axis."""
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

    Parameters are those of `mxne_rs.mixed_norm`, as are the errors; `info` is that of the data.
    """
    import mne

    check_kinds(forward, noise_cov)
    if forward is None or noise_cov is None:
        name = "forward" if forward is None else "noise_cov"
        raise TypeError(f"{name} is None; it is needed")
    forward = on_both_sides(forward)
    names, left_out = _align(info, forward, noise_cov)
    _check_pick_ori(pick_ori, forward, loose)
    private("_check_reference")(mne.EvokedArray(np.zeros((len(info["ch_names"]), 1)), info), names)
    odd = odd_channels(info, noise_cov, names)
    if odd:
        noise_cov = noise_cov.copy()
        noise_cov["bads"] = [*noise_cov["bads"], *odd]
        names = [name for name in names if name not in odd]
        left_out = {**left_out, "without plausible noise": odd}
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
    )


def check_kinds(forward: Any, noise_cov: Any) -> None:
    """Raise where forward or noise covariance (None is let pass) are not MNE's."""
    import mne

    for name, value, kind, reader in (
        ("forward", forward, mne.Forward, "mne.read_forward_solution"),
        ("noise_cov", noise_cov, mne.Covariance, "mne.read_cov"),
    ):
        if value is not None and not isinstance(value, kind):
            given = repr(value) if isinstance(value, str) else f"a {type(value).__name__}"
            raise TypeError(f"{name} is {given}, not an mne.{kind.__name__}; read it with {reader}")


def on_both_sides(forward: Any) -> Any:
    """The forward solution; of one hemisphere, a copy with an empty space for the other one."""
    import mne

    src = both_sides(forward["src"])
    return forward if src is forward["src"] else mne.Forward(forward, src=src)


def both_sides(src: Any) -> Any:
    """Complete source spaces of one hemisphere: MNE has no name and no estimate for one alone."""
    import mne

    if [space["type"] for space in src] != ["surf"]:
        return src
    (space,) = src
    left = int(space["id"]) != 102  # FIFFV_MNE_SURF_RIGHT_HEMI
    none = {"vertno": space["vertno"][:0], "inuse": 0 * space["inuse"], "nuse": 0}
    empty = {**space, **none, "id": 102 if left else 101, "pinfo": None, "patch_inds": None}
    return mne.SourceSpaces([space, empty] if left else [empty, space], src.info)


def _align(info: Any, forward: Any, noise_cov: Any) -> tuple[list[str], dict[str, list[str]]]:
    """Return the good channels that all three share, and the others by reason."""
    import mne

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
            f"{some(measured)}; the forward solution {some(forward['sol']['row_names'])}; the "
            f"noise covariance {some(noise_cov['names'])}; bad are {some(sorted(bads))}. "
            "Use files of the same recording, or rename the channels"
        )
    warn_of_other_names(info, forward, noise_cov, bads)
    return names, {reason: channels for reason, channels in reasons.items() if channels}


def _log_alignment(names: list[str], left_out: dict[str, list[str]]) -> None:
    import mne

    parts = [
        f"{len(channels)} {reason} ({some(channels)})" for reason, channels in left_out.items()
    ]
    rest = f"; left out: {'; '.join(parts)}" if parts else ""
    mne.utils.logger.info(f"{len(names)} channels are used{rest}")


def _check_pick_ori(pick_ori: Any, forward: Any, loose: Any) -> None:
    """Raise before anything is computed."""
    if pick_ori not in (None, "vector"):
        raise ValueError(f"pick_ori is {pick_ori!r}; give None or 'vector'")
    if pick_ori == "vector" and will_be_fixed(forward, loose):
        raise ValueError('pick_ori="vector" needs loose or free orientation; it is fixed here')


def will_be_fixed(forward: Any, loose: Any) -> bool:
    """Tell, before the forward solution is prepared, whether its orientation will be fixed."""
    import mne

    if mne.forward.is_fixed_orient(forward):
        return True
    values = list(loose.values()) if isinstance(loose, dict) else [loose]
    return bool(values) and all(isinstance(value, Real) and float(value) == 0 for value in values)


def _location_factors(weights: Any, weights_min: Any, forward: Any) -> Floats | None:
    """Factors from 0 (leave the location out) to 1 (least penalised), one per location."""
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
    """One number per location: of a source estimate, the largest magnitude over time."""
    if not hasattr(weights, "vertices"):
        try:
            return np.asarray(weights, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"weights is a {type(weights).__name__}; give an array of one number per "
                "location, or a source estimate"
            ) from error
    # One entry per source space, but for a volume of one space an array of its own.
    theirs = weights.vertices
    ours = [space["vertno"] for space in forward["src"]]
    same = len(theirs) == len(ours) and all(
        np.array_equal(a, b) for a, b in zip(theirs, ours, strict=True)
    )
    if not same:
        raise ValueError(
            "weights is a source estimate on other vertices than those of forward; compute it "
            "with the same forward solution"
        )
    magnitude = weights.magnitude() if hasattr(weights, "magnitude") else weights
    return np.asarray(np.abs(magnitude.data).max(axis=1))
