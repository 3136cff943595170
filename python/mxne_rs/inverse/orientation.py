"""Give each source one orientation and a signed time course, by a refit on the support."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._arguments.convert import Floats, as_count, as_matrix

#: Sweeps end where the misfit falls by less than this part of the data's power.
TOL = 1e-7
#: Largest number of sweeps. Where more would be needed, sources are hardly told apart.
MAX_SWEEPS = 200
#: An orientation whose field is smaller than this part of the source's largest cannot be seen, as
#: the radial one by MEG in a sphere: it gets no amplitude.
SILENT = 1e-6


@dataclass(frozen=True, eq=False)
class OrientedSources:
    """Sources of one orientation each, fitted by least squares."""

    orientations: Floats
    """Unit vectors in the axes of the gain, shape (n_sources, n_orient)."""
    courses: Floats
    """Signed amplitudes, shape (n_sources, n_times)."""
    loss_of_fit: float
    """Explained variance that orientations free to turn over time have more. A fraction."""
    losses: Floats
    """What each source alone would add if it could turn and the others stayed, (n_sources,)."""
    settled: bool
    """Whether the misfit had stopped falling."""


def fit_orientations(gain: Floats, data: Floats, n_orient: int = 3) -> OrientedSources:
    """Fit one orientation and one signed course per source by least squares.

    Parameters
    ----------
    gain : array, shape (n_sensors, n_sources * n_orient)
        Whitened gain of the sources.
    data : array, shape (n_sensors, n_times)
        Whitened data.
    n_orient : int, default 3
        Columns per source; 1 for fixed orientation, where nothing is lost.

    Returns
    -------
    fit : OrientedSources
        Orientations, courses and what they lose of the explained variance. Where there are several
        columns per source, the largest value of each course is positive.

    Raises
    ------
    TypeError, ValueError
        Where the arrays are no matrices of finite numbers, or their shapes do not fit each other.

    Notes
    -----
    Minimises ``|data - sum_s gain_s q_s a_s'|^2`` over unit vectors q_s and courses a_s. It begins
    with the direction that is strongest in the least-squares fit of free orientations. Then, one
    after the other, each source gets its best q_s and a_s for what the others leave of the data:
    the leading eigenvector of a matrix of `n_orient` rows. After each such sweep all courses are
    fitted together. No step raises the misfit, and sweeps end when it stops falling. For a single
    source this is the global minimum; several may end in a local one, where their fields are much
    alike.

    Nothing is shrunk or regularised: courses of neighbours with nearly the same field can be large
    and opposite. Where there are so many sources that free orientations explain the noise as well
    (``n_sources * n_orient`` near the rank of the data), orientations mean nothing.

    Examples
    --------
    A source that points along the diagonal of its first two axes, and noise that it cannot explain:

    >>> import numpy as np
    >>> from mxne_rs.inverse.orientation import fit_orientations
    >>> gain = np.vstack([np.eye(3), np.zeros((1, 3))])
    >>> data = np.outer([3.0, 3.0, 0.0, 1.0], [1.0, -2.0])
    >>> fit = fit_orientations(gain, data)
    >>> fit.orientations.round(3) + 0.0, fit.courses.round(3)
    (array([[-0.707, -0.707,  0.   ]]), array([[-4.243,  8.485]]))
    """
    gain, data = as_matrix("gain", gain), as_matrix("data", data)
    n_orient = as_count("n_orient", n_orient, 1)
    n_sources = _count(gain, data, n_orient)
    if n_orient == 1:
        return OrientedSources(
            orientations=np.ones((n_sources, n_orient)),
            courses=_least_squares(gain, data),
            loss_of_fit=0.0,
            losses=np.zeros(n_sources),
            settled=True,
        )
    blocks = gain.reshape(len(gain), n_sources, n_orient).transpose(1, 0, 2)
    # In an orthonormal basis of its fields, a source has no unit and no silent orientation.
    bases, sizes, axes = np.linalg.svd(blocks, full_matrices=False)
    seen = sizes > SILENT * sizes[:, :1]
    bases = bases * seen[:, np.newaxis]
    # What free orientations explain of the data is all that matters; here without samples that
    # add nothing to the others.
    span, strengths, _ = np.linalg.svd(np.hstack(list(bases)), full_matrices=False)
    span = span[:, strengths > SILENT]
    left, strengths, times = np.linalg.svd(span.T @ data, full_matrices=False)
    bases, reduced = span.T @ bases, left * strengths

    power = float(np.sum(data**2)) or 1.0
    directions, courses, losses, settled = _alternate(bases, reduced, TOL * power)
    misfit = reduced - _columns(bases, directions) @ courses
    per_size = np.divide(1.0, sizes, out=np.zeros_like(sizes), where=seen)
    vectors = np.einsum("ski,sk->si", axes, per_size * directions)
    lengths = np.linalg.norm(vectors, axis=1)
    # A source without a field has no amplitude, and any orientation.
    vectors[lengths == 0, 0] = 1.0
    courses = lengths[:, np.newaxis] * (courses @ times)
    peaks = np.take_along_axis(courses, np.abs(courses).argmax(axis=1)[:, np.newaxis], axis=1)
    signs = np.where(peaks < 0, -1.0, 1.0)
    return OrientedSources(
        orientations=signs * vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        courses=signs * courses,
        loss_of_fit=float(np.sum(misfit**2)) / power,
        losses=losses / power,
        settled=settled,
    )


def _count(gain: Floats, data: Floats, n_orient: int) -> int:
    """Return the number of sources; raise where the shapes do not fit each other."""
    if gain.shape[1] % n_orient:
        raise ValueError(
            f"gain has {gain.shape[1]} columns, which is no multiple of n_orient, {n_orient}; give "
            "n_orient columns per source"
        )
    if len(gain) != len(data):
        raise ValueError(
            f"data has {len(data)} rows, but gain has {len(gain)}; give both for the same sensors"
        )
    return int(gain.shape[1]) // n_orient


def _alternate(bases: Floats, data: Floats, least: float) -> tuple[Floats, Floats, Floats, bool]:
    """Alternate between each source and all courses, until the misfit falls by at most `least`.

    Returns directions in the bases (n_sources, n_sensors, n_orient), courses, the power that each
    source would add if it could turn, and whether the misfit had stopped falling.
    """
    free = _least_squares(np.hstack(list(bases)), data)
    blocks = free.reshape(len(bases), bases.shape[2], -1)
    directions = np.stack([_leading(block)[0] for block in blocks])
    losses = np.zeros(len(bases))
    columns = _columns(bases, directions)
    courses = _least_squares(columns, data)
    misfit = np.inf
    for _ in range(MAX_SWEEPS):
        residual = data - columns @ courses
        before, misfit = misfit, float(np.sum(residual**2))
        if before - misfit <= least:
            return directions, courses, losses, True
        for s, basis in enumerate(bases):
            residual += np.outer(columns[:, s], courses[s])
            seen = basis.T @ residual
            if seen.any():
                directions[s], losses[s] = _leading(seen)
                columns[:, s] = basis @ directions[s]
            residual -= np.outer(columns[:, s], columns[:, s] @ residual)
        courses = _least_squares(columns, data)
    return directions, courses, losses, False


def _columns(bases: Floats, directions: Floats) -> Floats:
    """Return the field of each source in its direction, shape (n_sensors, n_sources)."""
    return np.asarray(np.einsum("sik,sk->is", bases, directions))


def _least_squares(columns: Floats, data: Floats) -> Floats:
    """Return the smallest coefficients that fit the data best."""
    return np.asarray(np.linalg.lstsq(columns, data, rcond=None)[0], dtype=np.float64)


def _leading(block: Floats) -> tuple[Floats, float]:
    """Return the direction in which a block of few rows is strongest, and the power of the rest."""
    values, vectors = np.linalg.eigh(block @ block.T)
    return vectors[:, -1], float(np.maximum(values[:-1], 0).sum())
