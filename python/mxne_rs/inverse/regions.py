"""Say where locations are: names of regions, and MNI coordinates."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np

from .._arguments.convert import Floats
from .._arguments.extras import mne
from .mne_calls import one_at_a_time

#: Where FreeSurfer writes the transform to MNI coordinates, in the folder of a subject.
TALAIRACH = Path("mri", "transforms", "talairach.xfm")


@one_at_a_time
def region_names(
    src: Any,
    labels: Any,
    subjects_dir: str | os.PathLike[str] | None = None,
    subject: str | None = None,
) -> list[str]:
    """Name the region of each location of a source space.

    Parameters
    ----------
    src : mne.SourceSpaces
        The source space, of n_locations.
    labels : list of mne.Label, str, or array of str, shape (n_locations,)
        Labels on the cortex; the name of a parcellation such as "aparc", whose annotation files are
        read from `subjects_dir`; or a name per location.
    subjects_dir, subject : optional
        FreeSurfer's folder of subjects, and the subject (by default that of `src`).

    Returns
    -------
    names : list of str, length n_locations
        The first label that holds the vertex; "" where none does, and in volumes.

    Raises
    ------
    ValueError
        Where the labels are of another subject, their files are missing, or the array has another
        length.
    TypeError
        Where `labels` is none of these.
    ImportError
        Where a parcellation is to be read and nibabel is not installed.

    Examples
    --------
    >>> import mne
    >>> from mxne_rs.inverse.regions import region_names
    >>> from mxne_rs.simulate import simulate_auditory
    >>> src = simulate_auditory(spacing=40.0)[1]["src"]
    >>> names = ["thalamus" if z < 0.05 else "cortex" for z in src[0]["rr"][src[0]["vertno"], 2]]
    >>> region_names(src, names) == names
    True
    """
    if isinstance(labels, str):
        labels = _annotation(src, labels, subjects_dir, subject)
    n_locations = sum(space["nuse"] for space in src)
    listed: list[Any] = list(labels) if isinstance(labels, list | tuple | np.ndarray) else [None]
    if all(isinstance(one, str) for one in listed) and (listed or not n_locations):
        if len(listed) != n_locations:
            raise ValueError(
                f"labels has {len(listed)} names, but there are {n_locations} locations; give one "
                "for each"
            )
        return [str(one) for one in listed]
    if not all(isinstance(one, mne.Label) for one in listed):
        raise TypeError(
            "labels is neither a list of mne.Label, nor the name of a parcellation, nor a name per "
            "location; read labels with mne.read_labels_from_annot"
        )
    ours = subject_of(src, subject)
    theirs = {one.subject for one in listed} - {None, ours}
    if ours is not None and theirs:
        raise ValueError(
            f"labels are of subject {', '.join(sorted(theirs))}, but the source space is of "
            f"{ours}; give labels of the same surface"
        )
    names: list[str] = []
    for space in src:
        hemisphere = {101: "lh", 102: "rh"}.get(int(space["id"])) if _is_cortex(space) else None
        known: dict[int, str] = {}
        for one in (one for one in listed if one.hemi == hemisphere):
            for vertex in one.vertices:
                known.setdefault(int(vertex), one.name)
        names += [known.get(int(vertex), "") for vertex in space["vertno"]]
    return names


@one_at_a_time
def mni_positions(
    forward: Any,
    positions: Floats,
    subjects_dir: str | os.PathLike[str],
    subject: str | None = None,
) -> Floats | None:
    """Return MNI coordinates of positions in head coordinates.

    Parameters
    ----------
    forward : mne.Forward
        The forward solution, which knows where the head is in the MRI.
    positions : array, shape (n, 3)
        In m, head coordinates.
    subjects_dir, subject : as in `region_names`

    Returns
    -------
    mni : array, shape (n, 3), or None
        In mm; None where the subject has no `mri/transforms/talairach.xfm`.

    Raises
    ------
    ValueError
        Where the subject is not known, or has no folder.
    """
    folder = subject_folder(forward["src"], subjects_dir, subject)
    if not (folder / TALAIRACH).is_file():
        return None
    return np.asarray(
        mne.head_to_mni(
            positions, folder.name, forward["mri_head_t"], subjects_dir=folder.parent,
            verbose="ERROR",
        )
    )  # fmt: skip


def subject_of(src: Any, subject: str | None) -> str | None:
    """Return the subject that is given, else that of the source space, None where unknown."""
    return subject or src[0].get("subject_his_id") or None


def _is_cortex(space: Any) -> bool:
    return bool(space["type"] == "surf")


def subject_folder(
    src: Any, subjects_dir: str | os.PathLike[str] | None, subject: str | None = None
) -> Path:
    """Return the folder of the subject of a source space; raise ValueError where there is none."""
    name = subject_of(src, subject)
    if name is None:
        raise ValueError("the source space does not name its subject; give subject")
    if subjects_dir is None:
        raise ValueError("subjects_dir is None; give FreeSurfer's folder of subjects")
    folder = Path(subjects_dir).resolve() / name
    if not folder.is_dir():
        raise ValueError(
            f"subjects_dir {subjects_dir} has no folder {name!r}; give the folder that has one, or "
            "the name of the subject there"
        )
    return folder


def _annotation(src: Any, name: str, subjects_dir: Any, subject: str | None) -> list[Any]:
    """Read the labels of a parcellation."""
    folder = subject_folder(src, subjects_dir, subject)
    files = [folder / "label" / f"{side}.{name}.annot" for side in ("lh", "rh")]
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        raise ValueError(
            f"labels is {name!r}, but there is no file {' and no '.join(missing)}; give the name "
            "of a parcellation of this subject, such as 'aparc'"
        )
    if importlib.util.find_spec("nibabel") is None:
        raise ImportError(
            f"labels={name!r} needs nibabel, by which MNE reads it: pip install nibabel"
        )
    return list(
        mne.read_labels_from_annot(folder.name, name, subjects_dir=folder.parent, verbose="ERROR")
    )
