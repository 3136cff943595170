"""Turn dipoles into a source estimate."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arguments.extras import import_mne, mne
from .mne_calls import log_level
from .model import complete_hemispheres

#: Largest distance of a dipole from its location, in m: .dip files round to 0.01 mm.
MAX_DISTANCE = 1e-4


def make_stc_from_dipoles(dipoles: Any, src: Any, verbose: bool | str | int | None = None) -> Any:
    """Turn dipoles, such as those of `mixed_norm`, into a source estimate.

    A drop-in for `mne.inverse_sparse.make_stc_from_dipoles`, for source spaces of any kind,
    dipoles in any order, single samples and empty lists.

    Parameters
    ----------
    dipoles : mne.Dipole, or list of mne.Dipole
        Dipoles with the same times, each at one location of `src` that stays the same over time.
    src : mne.SourceSpaces
        The source space of the forward solution, ``forward["src"]``.
    verbose : bool, str, int or None, default None
        MNE's log level.

    Returns
    -------
    stc : mne.SourceEstimate, mne.VolSourceEstimate or mne.MixedSourceEstimate
        The amplitudes in Am, a row per dipole in the order of the vertices. For an empty list
        there is no vertex, and one sample at time 0.

    Raises
    ------
    ImportError
        Where MNE-Python is not installed.
    TypeError
        Where `src` is not a source space.
    ValueError
        Where `dipoles` are of another type, move, differ in their times, share a location, or lie
        more than 0.1 mm from every location of `src`.

    Examples
    --------
    >>> from mxne_rs import make_stc_from_dipoles, mixed_norm
    >>> from mxne_rs.simulate import simulate_auditory
    >>> evoked, forward, noise_cov = simulate_auditory(spacing=20.0)
    >>> dipoles = mixed_norm(
    ...     evoked, forward, noise_cov, alpha=20, n_mxne_iter=5, return_as_dipoles=True,
    ...     verbose=False,
    ... )
    >>> make_stc_from_dipoles(dipoles[::-1], forward["src"], verbose=False).data.shape
    (2, 401)
    """
    mne = import_mne()
    listed = _as_dipoles(dipoles)
    if not isinstance(src, mne.SourceSpaces):
        raise TypeError(f"src is a {type(src).__name__}, not mne.SourceSpaces; give forward['src']")
    src = complete_hemispheres(src)
    with log_level(verbose):
        starts = np.cumsum([0, *(len(space["vertno"]) for space in src)])
        positions = np.concatenate([space["rr"][space["vertno"]] for space in src])
        indices = [_location(dipole, positions) for dipole in listed]
        order = np.argsort(indices, kind="stable")
        locations = np.asarray(indices, dtype=int)[order]
        _check_distinct(locations, order)
        vertices = [
            space["vertno"][locations[(locations >= start) & (locations < stop)] - start]
            for space, start, stop in zip(src, starts[:-1], starts[1:], strict=True)
        ]
        times = listed[0].times if listed else np.zeros(1)
        kinds = {"surface": mne.SourceEstimate, "mixed": mne.MixedSourceEstimate}
        mne.utils.logger.info(f"{len(listed)} dipoles become a source estimate")
        return kinds.get(src.kind, mne.VolSourceEstimate)(
            np.array([listed[i].amplitude for i in order]).reshape(len(listed), len(times)),
            vertices=vertices,
            tmin=float(times[0]),
            tstep=float(times[1] - times[0]) if len(times) > 1 else 1.0,
            subject=src._subject,
        )


def _as_dipoles(dipoles: Any) -> list[Any]:
    listed = [dipoles] if isinstance(dipoles, mne.Dipole) else dipoles
    if not isinstance(listed, list | tuple) or not all(
        isinstance(one, mne.Dipole) for one in listed
    ):
        raise ValueError(f"dipoles is a {type(dipoles).__name__}; give a Dipole or a list of them")
    for number, dipole in enumerate(listed):
        if len(dipole.times) == 0:
            raise ValueError(f"dipoles[{number}] has no sample; give dipoles with time courses")
        if not np.array_equal(dipole.times, listed[0].times):
            raise ValueError(
                f"dipoles[{number}] has other times than dipoles[0]; give dipoles of equal times"
            )
        if not (dipole.pos == dipole.pos[0]).all():
            raise ValueError(
                f"dipoles[{number}] moves; only dipoles with a fixed position over time have a "
                "place in a source estimate"
            )
    return list(listed)


def _location(dipole: Any, positions: Any) -> int:
    """Return the index of the location where a dipole is."""
    distances = np.linalg.norm(positions - dipole.pos[0], axis=1)
    nearest = int(np.argmin(distances))
    if distances[nearest] > MAX_DISTANCE:
        place = ", ".join(f"{1000 * value:.1f}" for value in dipole.pos[0])
        raise ValueError(
            f"a dipole at ({place}) mm is {1000 * distances[nearest]:.1f} mm from the nearest "
            "location of src; give the source space of its forward solution, forward['src']"
        )
    return nearest


def _check_distinct(locations: NDArray[np.int_], order: Any) -> None:
    same = np.flatnonzero(np.diff(locations) == 0)
    if len(same):
        first, second = sorted((int(order[same[0]]), int(order[same[0] + 1])))
        raise ValueError(
            f"dipoles[{first}] and dipoles[{second}] are at the same location, where a source "
            "estimate has one amplitude; leave one of them out"
        )
