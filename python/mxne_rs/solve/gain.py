"""Prepare a gain once, for every function that takes one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._arguments.convert import Floats, as_array, as_count, as_floats
from .._arguments.warn import warn

#: Triplets of columns that are tested, and the fewest that allow a verdict.
N_TRIPLETS, MIN_TRIPLETS = 50, 20


class Gain:
    """A whitened gain, checked and prepared once, accepted wherever an array is.

    Preparing copies the gain (the only copy) and computes the block Lipschitz constants. One
    Gain may be used by many threads at once.

    Parameters
    ----------
    gain : array_like, shape (n_sensors, n_locations * n_orient)
        The whitened (and depth-weighted) gain; the columns of a location are neighbours.
    n_orient : int
        Orientations per location: 1 for fixed, 3 for loose or free orientation.

    Raises
    ------
    TypeError, ValueError
        Naming the argument: not real numbers, not two dimensions, empty, NaN or infinite,
        ``n_orient`` not dividing the number of columns.

    Warns
    -----
    RuntimeWarning
        Where ``n_orient`` is 1, but the columns look like those of MEG with free orientation.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> gain = mxne_rs.Gain(np.eye(6), n_orient=3)
    >>> gain
    Gain(6 sensors x 2 locations x 3 orientations)
    >>> float(mxne_rs.alpha_max(gain, np.ones((6, 4))))
    3.4641016151377544
    """

    __slots__ = ("_prepared",)

    def __init__(self, gain: ArrayLike, n_orient: int = 1) -> None:
        array = as_floats("gain", gain, 2)
        self._prepared = _core.Gain(array, as_count("n_orient", n_orient, 1))
        if self.n_orient == 1 and _looks_free(array):
            warn(
                f"gain looks like {array.shape[1] // 3} locations of three orientations each, but "
                "n_orient is 1, which makes each orientation a separate location: give n_orient=3",
            )

    @property
    def n_sensors(self) -> int:
        """Number of sensors."""
        return self._prepared.n_sensors

    @property
    def n_locations(self) -> int:
        """Number of locations."""
        return self._prepared.n_locations

    @property
    def n_orient(self) -> int:
        """Orientations per location."""
        return self._prepared.n_orient

    @property
    def shape(self) -> tuple[int, int]:
        """(n_sensors, n_locations * n_orient)."""
        return self._prepared.shape

    @property
    def lipschitz(self) -> Floats:
        """Block Lipschitz constants ``|G_s'G_s|_2``, (n_locations,); infinite beyond doubles."""
        return self._prepared.lipschitz

    def columns(self, locations: ArrayLike) -> Floats:
        """Return the columns of some locations.

        Parameters
        ----------
        locations : array_like
            Indices, or a mask of all locations.

        Returns
        -------
        columns : array, shape (n_sensors, n_chosen * n_orient)
            A copy.
        """
        chosen = as_array("locations", locations)
        if chosen.dtype == bool and chosen.shape == (self.n_locations,):
            chosen = np.flatnonzero(chosen)
        if chosen.ndim != 1 or (chosen.size and chosen.dtype.kind not in "iu"):
            raise TypeError(
                f"locations is an array of {chosen.dtype} with shape {chosen.shape}; "
                f"give indices, or a mask of length {self.n_locations}"
            )
        if chosen.size and not 0 <= chosen.min() <= chosen.max() < self.n_locations:
            raise ValueError(
                f"locations reaches from {chosen.min()} to {chosen.max()}; "
                f"give indices from 0 to {self.n_locations - 1}"
            )
        return self._prepared.columns(np.ascontiguousarray(chosen, dtype=np.int64))

    def active_columns(self, active_set: NDArray[np.bool_]) -> Floats:
        """Return the columns of the locations that a mask of the solver marks, unchecked."""
        return self._prepared.columns(np.flatnonzero(active_set))

    def by_orientation(self) -> Gain:
        """Make every orientation a location of its own.

        Returns
        -------
        gain : Gain
            A copy, with one orientation.
        """
        gain = Gain.__new__(Gain)
        columns = self.columns(np.arange(self.n_locations))
        gain._prepared = _core.Gain(np.ascontiguousarray(columns), 1)
        return gain

    def __reduce__(self) -> tuple[type[Gain], tuple[Floats, int]]:
        """Pickle as the array and the number of orientations."""
        return Gain, (self.columns(np.arange(self.n_locations)), self.n_orient)

    def __repr__(self) -> str:
        """Return the sizes on one line."""
        return repr(self._prepared)


def prepared(gain: Gain | ArrayLike, n_orient: int | None) -> Gain:
    """Return a Gain unchanged, or an array prepared with ``n_orient`` (None: 1)."""
    if not isinstance(gain, Gain):
        return Gain(gain, 1 if n_orient is None else n_orient)
    if n_orient is not None and as_count("n_orient", n_orient, 1) != gain.n_orient:
        raise ValueError(
            f"n_orient is {n_orient}, but gain was prepared with {gain.n_orient}; "
            "leave n_orient out or prepare another Gain"
        )
    return gain


def _looks_free(gain: Floats) -> bool:
    """Return whether triplets of columns look like locations of MEG with free orientation.

    MEG is nearly blind to one direction, so that the columns of a location are nearly of rank two,
    and triplets that straddle two locations are not.
    """
    n_columns = gain.shape[1]
    if n_columns % 3 or n_columns // 3 <= MIN_TRIPLETS or gain.shape[0] < 10:
        return False
    first = 3 * np.linspace(0, n_columns // 3 - 2, N_TRIPLETS).astype(int)
    try:
        with np.errstate(all="ignore"):
            inside, across = (_median_volume(gain, first + shift) for shift in (0, 1))
    except MemoryError:
        return False
    return inside < 0.5 * across


def _median_volume(gain: Floats, first: NDArray[np.intp]) -> float:
    """Compute the median volume that three neighbouring columns of unit norm span."""
    # np.einsum would abort the process where it runs out of memory.
    x, y, z = (gain[:, first + i] for i in range(3))
    x, y, z = (column / np.sqrt(np.sum(column**2, axis=0)) for column in (x, y, z))
    xy, xz, yz = (np.sum(a * b, axis=0) for a, b in ((x, y), (x, z), (y, z)))
    volumes = np.sqrt(np.maximum(1 + 2 * xy * xz * yz - xy**2 - xz**2 - yz**2, 0))
    return float(np.sort(volumes)[len(volumes) // 2])
