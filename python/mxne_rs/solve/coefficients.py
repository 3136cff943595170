"""Hold time-frequency coefficients of sources: sparse, with the frame that they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._arguments.convert import Floats, as_array, as_count


class Stft(NamedTuple):
    """The sizes of one short-time Fourier transform, in samples."""

    wsize: int
    """Samples in a window."""
    tstep: int
    """Samples from one window to the next."""

    def shape(self, n_times: int) -> tuple[int, int]:
        """Return the numbers of frequencies and of windows."""
        return self.wsize // 2 + 1, -(-n_times // self.tstep)


@dataclass(frozen=True, eq=False, repr=False)
class Coefficients:
    """Time-frequency coefficients Z of sources, ``X = Z Phi^H``; only those that are not zero.

    A row has the coefficients of one transform after the other, those of a transform by frequency,
    then by window.

    Attributes
    ----------
    values : array of complex, shape (n_values,)
        The coefficients that are not zero, row by row.
    columns : array of int, shape (n_values,)
        Their columns, rising within a row.
    starts : array of int, shape (n_rows + 1,)
        Where each row begins in ``values``, and where the last one ends. The rows are those of
        ``Solution.sources``.
    n_orient : int
        Rows of a location.
    n_times : int
        Samples of a time course.
    stfts : tuple of Stft
        The transforms: (wsize, tstep) of each.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> data = np.outer([1.0, 0.0], np.sin(np.arange(40) / 2))
    >>> solution = mxne_rs.solve_tf_mxne(np.eye(2), data, 1.0, l1_ratio=0.1, wsize=16)
    >>> z = solution.coefficients
    >>> len(z.values) < 30, z.toarray().shape, z.power(0).shape
    (True, (1, 90), (9, 10))
    """

    values: NDArray[np.complex128]
    columns: NDArray[np.int64]
    starts: NDArray[np.int64]
    n_orient: int
    n_times: int
    stfts: tuple[Stft, ...]

    @property
    def n_coefs(self) -> int:
        """Coefficients of a row, zeros included."""
        return sum(int(np.prod(stft.shape(self.n_times))) for stft in self.stfts)

    def toarray(self) -> NDArray[np.complex128]:
        """Return all coefficients of the active rows.

        Returns
        -------
        z : array of complex, shape (n_rows, n_coefs)
            A new array.
        """
        z = np.zeros((len(self.starts) - 1, self.n_coefs), dtype=np.complex128)
        rows = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        z[rows, self.columns] = self.values
        return z

    def power(self, index: int, transform: int = 0) -> Floats:
        """Return the power of one active location over frequency and time.

        Parameters
        ----------
        index : int
            Which of the active locations.
        transform : int, default 0
            Which of the transforms.

        Returns
        -------
        power : array, shape (n_freqs, n_windows)
            ``|Z|^2``, summed over orientations. Frequency ``i`` is ``i / wsize`` of the sampling
            rate; window ``j`` is centred ``(j + 1/2) tstep`` samples after the first sample.
        """
        sizes = [int(np.prod(stft.shape(self.n_times))) for stft in self.stfts]
        first = sum(sizes[:transform])
        rows = slice(index * self.n_orient, (index + 1) * self.n_orient)
        z = self.toarray()[rows, first : first + sizes[transform]]
        power: Floats = np.sum(np.abs(z) ** 2, axis=0)
        return power.reshape(self.stfts[transform].shape(self.n_times))

    def __repr__(self) -> str:
        """Return how many coefficients are not zero on one line."""
        n_rows = len(self.starts) - 1
        return (
            f"<Coefficients: {len(self.values)} of {n_rows * self.n_coefs} not zero, "
            f"{n_rows} row{'s' * (n_rows != 1)}>"
        )


def coefficients_of(
    outcome: _core.Outcome, stfts: tuple[Stft, ...], n_orient: int
) -> Coefficients | None:
    """Make the Coefficients of the outcome of a solve; None where it has none."""
    if outcome.coefficients is None:
        return None
    _, starts, columns, values = outcome.coefficients
    n_times = outcome.sources.shape[1]
    return Coefficients(values, columns, starts, n_orient, n_times, stfts)


def sizes(name: str, value: Any) -> list[int]:
    """Return a size of one or several transforms as a list of whole numbers."""
    array = as_array(name, value)
    if array.ndim > 1 or array.size == 0:
        raise ValueError(
            f"{name} has shape {array.shape}; give a whole number of samples, or a list of them"
        )
    return [as_count(name, one, 1) for one in np.atleast_1d(array).tolist()]


def as_stfts(wsize: Any, tstep: Any) -> tuple[Stft, ...]:
    """Return the transforms of these sizes."""
    windows, steps = sizes("wsize", wsize), sizes("tstep", tstep)
    if len(windows) != len(steps):
        raise ValueError(
            f"wsize has {len(windows)} entries and tstep {len(steps)}; give one of each for every "
            "transform"
        )
    return tuple(Stft(*pair) for pair in zip(windows, steps, strict=True))
