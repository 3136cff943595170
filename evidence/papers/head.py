"""Heads with two auditory sources: a cortex where its files are, else a volume made by MNE."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mne
import numpy as np
from numpy.typing import NDArray

from mxne_rs._arguments.convert import Floats
from mxne_rs.simulate import TRUE_SOURCES, simulate_auditory, true_locations

from .files import data_files

#: Forward solution and labels of the cortex.
FILES = ("cortex-7498-meg-fwd.fif", "cortex-7498-labels.npz")
#: Region of the true sources, and the angle between their dipoles and the normal of the cortex in
#: degrees.
REGION, TILT = "transversetemporal", 30.0
#: Geodesic distances are looked at up to here, in m.
FAR = 0.05


@dataclass(frozen=True, eq=False)
class Head:
    """A forward solution, and where the two true sources are."""

    name: str
    #: Free orientation, MEG.
    forward: Any
    #: Unit vectors, head coordinates, (n_locations, 3): of the cortex; in a volume at random.
    normals: Floats
    #: Locations of the true sources, left and right, and unit vectors of their currents, (2, 3).
    true: NDArray[np.intp]
    directions: Floats
    #: From the true sources in m, (2, n_locations): along the cortex, infinite beyond 5 cm; or
    #: straight in a volume.
    distances: Floats

    @property
    def n_locations(self) -> int:
        """Number of locations."""
        return len(self.normals)

    def info(self, sfreq: float) -> Any:
        """Measurement information of the forward solution's sensors, without projections."""
        source = self.forward["info"]
        names = list(source["ch_names"])
        kinds = [mne.channel_type(source, index) for index in range(len(names))]
        info = mne.create_info(names, sfreq, kinds, verbose="ERROR")
        for ours, theirs in zip(info["chs"], source["chs"], strict=True):
            for key in ("loc", "coil_type", "unit", "coord_frame"):
                ours[key] = theirs[key]
        info["dev_head_t"] = source["dev_head_t"]
        return info


def find_head(data: str | os.PathLike[str] | None = None) -> Head:
    """Read the cortex of 7498 locations from a folder, or make a volume where there is none.

    `data` is the folder with `FILES`; None is that of the environment variable MXNE_RS_DATA, if
    they are there. A folder that is given and does not hold them is a FileNotFoundError.
    """
    files = data_files(data, *FILES)
    return volume_head() if files is None else cortical_head(*files)


def cortical_head(forward: Path, labels: Path) -> Head:
    """Read a cortex; its true sources are on top of the transverse temporal regions.

    There the normal points up, as on the plane where the N100m comes from: the approximate regions
    reach to the side of the head, where MEG is nearly blind to what is normal to the cortex.

    `forward` has free orientation, its MEG channels are used; `labels` has the names of its
    locations' regions by hemisphere, ``lh_aparc`` and ``rh_aparc``.
    """
    solution = mne.read_forward_solution(forward, verbose="ERROR")
    solution = mne.pick_types_forward(solution, meg=True, eeg=False)
    names = np.load(labels)
    true, offset = [], 0
    for space, side in zip(solution["src"], ("lh", "rh"), strict=True):
        inside = np.flatnonzero(names[f"{side}_aparc"] == REGION)
        upwards = space["nn"][space["vertno"][inside], 2]
        true.append(offset + int(inside[upwards.argmax()]))
        offset += len(space["vertno"])
    normals = _normals(solution)
    distances = np.vstack([_along_cortex(solution["src"], location) for location in true])
    name = f"cortex of {len(normals)} locations ({Path(forward).name})"
    return Head(name, solution, normals, np.array(true), _tilted(normals[true]), distances)


def volume_head(spacing: float = 8.0) -> Head:
    """Make the head model of `mxne_rs.simulate`: a volume inside the skull, distances straight.

    `spacing` is the mean distance between neighbours in mm.

    Examples
    --------
    >>> from papers.head import volume_head
    >>> head = volume_head(spacing=25.0)
    >>> head.distances.shape == (2, head.n_locations), head.distances[0, head.true[0]]
    (True, np.float64(0.0))
    """
    _, forward, _ = simulate_auditory(spacing=spacing)
    true = np.array(true_locations(forward))
    # Not the radial ones of the grid, which a sphere hides from MEG.
    normals = np.random.default_rng(0).standard_normal((len(forward["source_rr"]), 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    directions = np.array([source.direction for source in TRUE_SOURCES])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    places = np.asarray(forward["source_rr"])
    distances = np.linalg.norm(places - places[true][:, np.newaxis], axis=2)
    name = f"volume of {len(normals)} locations (sphere model)"
    return Head(name, forward, normals, true, directions, distances)


def _normals(forward: Any) -> Floats:
    """Unit normals of all locations, in head coordinates."""
    normals = np.vstack([space["nn"][space["vertno"]] for space in forward["src"]])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.asarray(normals / lengths, dtype=np.float64)


def _tilted(normals: Floats) -> Floats:
    """Directions `TILT` away from the normals, towards the front of the head."""
    front = np.array([0.0, 1.0, 0.0])
    across = front - (normals @ front)[:, np.newaxis] * normals
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    angle = np.deg2rad(TILT)
    return np.asarray(np.cos(angle) * normals + np.sin(angle) * across)


def _along_cortex(spaces: Any, location: int) -> Floats:
    """Distances of all locations from one, along the edges of the mesh (m); infinite where far."""
    from mne.surface import mesh_dist
    from scipy.sparse.csgraph import dijkstra

    distances = []
    for space in spaces:
        vertices = space["vertno"]
        if not 0 <= location < len(vertices):
            distances.append(np.full(len(vertices), np.inf))
        else:
            graph = mesh_dist(space["tris"], space["rr"])
            reached = dijkstra(graph, directed=False, indices=vertices[location], limit=FAR)
            distances.append(reached[vertices])
        location -= len(vertices)
    return np.concatenate(distances)
