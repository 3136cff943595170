"""Write a localization as a file of MATLAB that Brainstorm or FieldTrip read.

The fields of Brainstorm are those of its ``db_template('resultsmat')``, filled as by its
``import_sources``, and its coordinates those of its ``cs_compute``. The fields of FieldTrip are
those of its ``ft_datatype_source`` of 2014, with names of dimensions as in its ``getdimord``.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from .._arguments.convert import Floats, as_choice
from .._arguments.extras import needs
from ..inverse.geometry import axes_in_head, head_positions
from ..inverse.localized import Localized

#: What the layout of a file may be.
LAYOUTS = ("brainstorm", "fieldtrip")
#: Bytes that an array in a file of MATLAB's version 5 to 7 may have.
MAX_BYTES = 2**31


def write_mat(
    localization: Localized,
    path: str | os.PathLike[str],
    layout: str = "brainstorm",
    condition: int | str = 0,
) -> None:
    """Write the sources of one condition to a file of MATLAB, for Brainstorm or FieldTrip.

    Every location of the forward solution is in the file, most with zeros. A moment has three
    components along the axes of the coordinates, also where orientations were fixed or loose.

    Parameters
    ----------
    localization : Localization
        The answer.
    path : path
        File to write, by custom ``*.mat``.
    layout : str, default "brainstorm"
        "brainstorm": a source file, whose ``ImageGridAmp`` has three rows per location, in A·m;
        locations are the points of a volume (``GridLoc``), in m in Brainstorm's subject
        coordinates (SCS), so that no cortex of Brainstorm has to have the same vertices.
        "fieldtrip": a variable ``source`` with ``pos`` in m in head coordinates, ``mom`` in A·m,
        ``pow``, the square of its length, and ``tri``, the triangles between the locations, where
        the source space has some.
    condition : int or str, default 0
        Position or comment of one of the evokeds.

    Raises
    ------
    ImportError
        Without SciPy.
    ValueError
        Where an argument is not one of these, the layout is Brainstorm's and the evoked has no
        fiducial points, or there are more values than such a file can hold.

    Examples
    --------
    >>> import scipy.io
    >>> from mxne_rs import localize
    >>> from mxne_rs.results.matlab import write_mat
    >>> from mxne_rs.simulate import simulate_auditory
    >>> data = simulate_auditory(spacing=20.0)
    >>> result = localize(*data, alpha=20, n_mxne_iter=5, verbose=False)
    >>> folder = getfixture("tmp_path")
    >>> write_mat(result, folder / "source.mat", layout="fieldtrip")
    >>> source = scipy.io.loadmat(folder / "source.mat", simplify_cells=True)["source"]
    >>> len(source["mom"]) == len(result.forward["source_rr"]), source["mom"][0].shape[0]
    (True, 3)
    """
    as_choice("layout", layout, LAYOUTS)
    evoked, times = localization._part(condition)
    n_bytes = 24 * len(localization.active) * len(evoked.times)
    if n_bytes > MAX_BYTES:
        raise ValueError(
            f"localization has {len(localization.active)} locations and {len(evoked.times)} times, "
            f"{n_bytes / 2**30:.1f} GB; a file of MATLAB holds 2 GB: crop or decimate the evoked"
        )
    positions = head_positions(localization.forward) / 1000
    moments = _moments(localization, times)
    if layout == "brainstorm":
        fields = _brainstorm(localization, evoked, positions, moments)
    else:
        fields = {"source": _fieldtrip(localization, evoked, positions, moments)}
    with needs("write_mat", "SciPy", "mne"):
        from scipy.io import savemat
    savemat(os.fspath(path), fields, appendmat=False, do_compression=True)


def _moments(localization: Localized, times: slice) -> Floats:
    """Return moments of all locations in head coordinates, (n_locations, 3, n_times), in Am."""
    n_orient, active = localization.n_orient, localization.active
    amplitudes = localization.amplitudes[:, times]
    amplitudes = amplitudes.reshape(-1, n_orient, amplitudes.shape[1])
    axes = axes_in_head(localization.forward, n_orient)[active]
    moments = np.zeros((len(active), 3, amplitudes.shape[2]))
    moments[active] = np.einsum("sot,soi->sit", amplitudes, axes)
    return moments


def _brainstorm(
    localization: Localized, evoked: Any, positions: Floats, moments: Floats
) -> dict[str, Any]:
    """Return the fields of a source file of Brainstorm."""
    origin, axes = subject_coordinates(evoked.info)
    none = np.zeros((0, 0))
    return {
        "ImagingKernel": none,
        "ImageGridAmp": np.einsum("ji,sit->sjt", axes, moments).reshape(-1, moments.shape[2]),
        "Std": none,
        "Whitener": none,
        "nComponents": 3.0,
        "Comment": f"{localization.method}: {evoked.comment or localization.name}",
        "Function": "mxne",
        "Time": np.asarray(evoked.times, dtype=float)[np.newaxis],
        "DataFile": "",
        "HeadModelFile": "",
        "HeadModelType": "volume",
        "ChannelFlag": none,
        "GoodChannel": none,
        "SurfaceFile": "",
        "Atlas": none,
        "GridLoc": (positions - origin) @ axes.T,
        "GridOrient": none,
        "GridAtlas": none,
        "Options": {"regularisation": localization.regularisation},
        "ColormapType": "",
        "DisplayUnits": "",
        "ZScore": none,
        "nAvg": float(evoked.nave),
        "Leff": float(evoked.nave),
        "History": none,
    }


def _fieldtrip(
    localization: Localized, evoked: Any, positions: Floats, moments: Floats
) -> dict[str, Any]:
    """Return the fields of a source structure of FieldTrip."""
    cells = np.empty((len(moments), 1), dtype=object)
    for s, moment in enumerate(moments):
        cells[s, 0] = moment
    source = {
        "pos": positions,
        "unit": "m",
        "coordsys": "neuromag",
        "inside": np.ones((len(positions), 1), dtype=bool),
        "time": np.asarray(evoked.times, dtype=float)[np.newaxis],
        "mom": cells,
        "momdimord": "{pos}_ori_time",
        "pow": np.sum(moments**2, axis=1),
        "powdimord": "pos_time",
        "cfg": {"method": localization.method, "momunit": "A*m", "powunit": "(A*m)^2"},
    }
    corners = triangles(localization.forward["src"])
    if len(corners):
        source["tri"] = corners + 1.0
    return source


def subject_coordinates(info: Any) -> tuple[Floats, Floats]:
    """Return origin and axes of Brainstorm's subject coordinates in head coordinates.

    The origin is midway between the ears, x points to the nasion, y to the left, z up.

    Parameters
    ----------
    info : mne.Info
        With the fiducial points in head coordinates.

    Returns
    -------
    origin : array, shape (3,)
        In m.
    axes : array, shape (3, 3)
        Unit vectors in rows.
    """
    fiducials = {
        int(point["ident"]): np.asarray(point["r"], dtype=float)
        for point in info["dig"] or []
        if int(point["kind"]) == 1 and int(point["coord_frame"]) == 4  # cardinal, in the head
    }
    if not {1, 2, 3} <= set(fiducials):
        raise ValueError(
            'layout="brainstorm" needs the positions of nasion and both ears (LPA, RPA), which '
            'evoked.info["dig"] has not; read the evoked from a file that has them, or take '
            'layout="fieldtrip"'
        )
    left, nasion, right = (fiducials[ident] for ident in (1, 2, 3))
    origin = (left + right) / 2
    x = (nasion - origin) / np.linalg.norm(nasion - origin)
    z = np.cross(x, left - right)
    z /= np.linalg.norm(z)
    return origin, np.stack([x, np.cross(z, x), z])


def triangles(spaces: Any) -> Any:
    """Return the triangles between the locations of source spaces.

    Parameters
    ----------
    spaces : mne.SourceSpaces
        Those of a forward solution.

    Returns
    -------
    triangles : array of int, shape (n_triangles, 3)
        Indices of locations. Only triangles whose corners all are locations; none in a volume, or
        where the source space was not made from an icosahedron, an octahedron or all vertices.
    """
    found, first = [np.zeros((0, 3), dtype=int)], 0
    for space in spaces:
        corners = space.get("use_tris")
        if corners is None or not len(corners):
            corners = space.get("tris")
        if space["type"] == "surf" and corners is not None and len(corners):
            index = np.full(int(space["np"]), -1)
            index[space["vertno"]] = first + np.arange(len(space["vertno"]))
            chosen = index[np.asarray(corners)]
            found.append(chosen[(chosen >= 0).all(axis=1)])
        first += int(space["nuse"])
    return np.concatenate(found)
