"""Methods that are told the number of sources: what no method that is not told should exceed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mxne_rs._arguments.convert import Floats

#: Sweeps of alternating projections at most; it has settled when no source moves.
SWEEPS = 20


def _outside(gain: Floats, chosen: list[int]) -> Floats:
    """Project the columns of the gain off those that are chosen, and scale them to length 1."""
    if chosen:
        basis, _ = np.linalg.qr(gain[:, chosen])
        gain = gain - basis @ (basis.T @ gain)
    norms = np.linalg.norm(gain, axis=0)
    return np.asarray(gain / np.where(norms > 1e-9 * norms.max(), norms, np.inf))


def _strongest(gain: Floats, data: Floats, chosen: list[int]) -> int:
    """Find the location that explains most of the data beside those that are chosen."""
    return int(np.argmax(np.sum((_outside(gain, chosen).T @ data) ** 2, axis=1)))


def matching_pursuit(gain: Floats, data: Floats, n_sources: int) -> NDArray[np.intp]:
    """Choose sources one by one (simultaneous orthogonal least squares), fixed orientation.

    Chen and Huo, IEEE Trans. Signal Process. 54 (2006).

    Examples
    --------
    >>> import numpy as np
    >>> from truth.limits import matching_pursuit
    >>> matching_pursuit(np.eye(4), np.array([[0.0], [3], [0], [-5]]), 2)
    array([1, 3])
    """
    chosen: list[int] = []
    for _ in range(n_sources):
        chosen.append(_strongest(gain, data, chosen))
    return np.sort(np.array(chosen, dtype=np.intp))


def alternating_projections(gain: Floats, data: Floats, n_sources: int) -> NDArray[np.intp]:
    """Choose sources one by one, then exchange each for the best beside the others, until none is.

    Ziskind and Wax, IEEE Trans. Acoust. 36 (1988); Adler, Wax and Pantazis, Brain Topogr. 36
    (2023).

    Examples
    --------
    >>> import numpy as np
    >>> from truth.limits import alternating_projections
    >>> alternating_projections(np.eye(4), np.array([[0.0], [3], [0], [-5]]), 2)
    array([1, 3])
    """
    chosen = matching_pursuit(gain, data, n_sources).tolist()
    for _ in range(SWEEPS):
        before = sorted(chosen)
        for k in range(n_sources):
            others = chosen[:k] + chosen[k + 1 :]
            chosen[k] = _strongest(gain, data, others)
        if sorted(chosen) == before:
            break
    return np.sort(np.array(chosen, dtype=np.intp))
