"""Dipoles back to a source estimate."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arguments.extras import import_mne
from .mne_calls import log_level
from .model import both_sides

#: How far a dipole may lie from its location, in m: a .dip file keeps hundredths of a millimetre.
NEAR = 1e-4


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
        The amplitudes in Am, a row per dipole in the order of the vertices. Of an empty list it has
        no vertex, and one sample at 0.

    Raises
    ------
    ImportError
        Where MNE-Python is not installed.
    TypeError
        Where `src` is not a source space.
    ValueError
        Where `dipoles` are not dipoles, move, differ in their times, share a location, or lie more
        than 0.1 mm from every location of `src`.

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
    several = _as_dipoles(dipoles)
    if not isinstance(src, mne.SourceSpaces):
        raise TypeError(f"src is a {type(src).__name__}, not mne.SourceSpaces; give forward['src']")
    src = both_sides(src)
    with log_level(verbose):
        starts = np.cumsum([0, *(len(space["vertno"]) for space in src)])
        positions = np.concatenate([space["rr"][space["vertno"]] for space in src])
        found = [_location(dipole, positions) for dipole in several]
        order = np.argsort(found, kind="stable")
        locations = np.asarray(found, dtype=int)[order]
        _check_distinct(locations, order)
        vertices = [
            space["vertno"][locations[(locations >= start) & (locations < stop)] - start]
            for space, start, stop in zip(src, starts[:-1], starts[1:], strict=True)
        ]
        times = several[0].times if several else np.zeros(1)
        kinds = {"surface": mne.SourceEstimate, "mixed": mne.MixedSourceEstimate}
        mne.utils.logger.info(f"{len(several)} dipoles become a source estimate")
        return kinds.get(src.kind, mne.VolSourceEstimate)(
            np.array([several[i].amplitude for i in order]).reshape(len(several), len(times)),
            vertices=vertices,
            tmin=float(times[0]),
            tstep=float(times[1] - times[0]) if len(times) > 1 else 1.0,
            subject=src._subject,
        )


def _as_dipoles(dipoles: Any) -> list[Any]:
    import mne

    several = [dipoles] if isinstance(dipoles, mne.Dipole) else dipoles
    if not isinstance(several, list | tuple) or not all(
        isinstance(one, mne.Dipole) for one in several
    ):
        raise ValueError(f"dipoles is a {type(dipoles).__name__}; give a Dipole or a list of them")
    for number, dipole in enumerate(several):
        if len(dipole.times) == 0:
            raise ValueError(f"dipoles[{number}] has no sample")
        if not np.array_equal(dipole.times, several[0].times):
            raise ValueError(f"dipoles[{number}] has other times than dipoles[0]")
        if not (dipole.pos == dipole.pos[0]).all():
            raise ValueError(
                f"dipoles[{number}] moves; only dipoles with a fixed position over time have a "
                "place in a source estimate"
            )
    return list(several)


def _location(dipole: Any, positions: Any) -> int:
    """Index of the location where a dipole is."""
    distances = np.linalg.norm(positions - dipole.pos[0], axis=1)
    nearest = int(np.argmin(distances))
    if distances[nearest] > NEAR:
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
            f"dipoles[{first}] and dipoles[{second}] are at the same location; a source estimate "
            "has one amplitude there"
        )
