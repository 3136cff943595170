"""Positions, axes and cortical normals of the locations of a forward solution."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._arguments.convert import Floats
from .._arguments.extras import mne
from .mne_calls import one_at_a_time

#: Distance from the midline in mm within which a location of a volume is in the middle.
MIDLINE = 0.5


def to_head_coordinates(forward: Any, position: Any, *, move: bool = True) -> Any:
    """Transform positions (..., 3) of a forward solution to head coordinates, in m.

    ``move=False`` turns directions without moving them.
    """
    if int(forward["coord_frame"]) == 4:  # FIFFV_COORD_HEAD
        return position
    to_head = forward["mri_head_t"]
    if int(to_head["from"]) == 4:
        to_head = mne.transforms.invert_transform(to_head)
    return mne.transforms.apply_trans(to_head, position, move=move)


def head_positions(forward: Any) -> Floats:
    """Return the positions of all locations in mm, head coordinates, shape (n_locations, 3)."""
    return 1000 * np.asarray(to_head_coordinates(forward, forward["source_rr"]))


def axes_in_head(forward: Any, n_orient: int) -> Floats:
    """Return the axes of amplitudes as unit vectors in head coordinates.

    Returns
    -------
    axes : array, shape (n_locations, n_orient, 3)
        For fixed orientation the one orientation.
    """
    axes = to_head_coordinates(forward, np.asarray(forward["source_nn"], float), move=False)
    return np.asarray(axes).reshape(-1, n_orient, 3)


@one_at_a_time
def normals_in_head(forward: Any, n_orient: int) -> Floats:
    """Return the cortical normal of each location in head coordinates, NaN in a volume.

    Returns
    -------
    normals : array, shape (n_locations, 3)
        Unit vectors out of the cortex: means over the patch of each location where the source space
        has patches, as MNE takes them for fixed and loose orientation.
    """
    kinds = [space["type"] for space in forward["src"]]
    on_cortex = np.repeat([kind == "surf" for kind in kinds], [s["nuse"] for s in forward["src"]])
    if n_orient == 3 and on_cortex.any() and not forward["surf_ori"]:
        # One channel is enough, as only the axes are needed.
        forward = mne.pick_channels_forward(
            forward, forward["sol"]["row_names"][:1], ordered=False, verbose="ERROR"
        )
        forward = mne.convert_forward_solution(forward, surf_ori=True, verbose="ERROR")
    normals = axes_in_head(forward, n_orient)[:, -1].copy()
    normals[~on_cortex] = np.nan
    return np.asarray(normals)


def hemispheres_and_vertices(forward: Any) -> list[tuple[str, int]]:
    """Return (hemisphere or '', vertex number) of each location."""
    names: list[tuple[str, int]] = []
    for space in forward["src"]:
        side = (
            {101: "left", 102: "right"}.get(int(space["id"]), "") if space["type"] == "surf" else ""
        )
        names += [(side, int(vertex)) for vertex in space["vertno"]]
    return names


def all_sides(forward: Any) -> list[str]:
    """Return "left", "right" or "middle" for each location, as the table says it."""
    positions = head_positions(forward)
    named = hemispheres_and_vertices(forward)
    return [side or side_of(float(x)) for (side, _), x in zip(named, positions[:, 0], strict=True)]


def side_of(x: float) -> str:
    """Return the side of a position in a volume, from its x in mm."""
    return "middle" if abs(x) < MIDLINE else "left" if x < 0 else "right"
