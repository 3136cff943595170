"""Regress every location on all others: the part of its field that no other location has."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._arguments.convert import Floats, as_count, as_number
from .._arguments.warn import ConvergenceWarning, warn
from ..alpha.sure import random_stream
from ..solve.gain import Gain, prepared
from ..solve.options import make_request
from ..solve.single import exact_alpha_max
from ..study.run import count_threads
from .clusters import as_adjacency, cluster_gain, unit_gain, ward_labels

#: Relative duality gap of a regression, and epochs at most.
TOL, MAX_ITER = 1e-4, 10_000
#: Cosine of the angle between fields below which they are orthogonal.
MIN_COSINE = 1e-9
#: Part of a column's norm below which what is left of it is rounding.
MIN_RESIDUAL = 1e-9


@dataclass(frozen=True, eq=False)
class Projections:
    """The regressions of all locations, or of all clusters of a clustering."""

    labels: NDArray[np.intp]
    """The block of `basis` for each location."""
    basis: Floats
    """Orthonormal basis of each residual, (n_sensors, n_tests * n_orient); zero columns where a
    residual has fewer dimensions."""


class Nodewise:
    """The residuals of each location, or cluster, regressed on all others by MxNE.

    These do not depend on the data: prepared once, they give the p-values of any number of data
    sets (:func:`mxne_rs.certainty`). The residual of location s is ``Z_s = G_s - G B`` with B the
    minimiser of ``1/2 |G_s - G B|^2 + a sum_k |G_k| |B_k|``, ``B_s = 0``, where a is
    ``nodewise_ratio`` times the smallest a at which B is zero [1]_.

    Parameters
    ----------
    gain : Gain or array_like, shape (n_sensors, n_locations * n_orient)
        Whitened gain; the columns of a location are neighbours. The scale of a location's block
        (depth weighting) changes nothing.
    n_orient : int or None
        Orientations per location. None is 1 for an array, and ``gain.n_orient`` for a Gain.
    adjacency : sparse matrix, shape (n_locations, n_locations), or None
        Which locations are neighbours, such as ``mne.spatial_src_adjacency``: only neighbours are
        joined. None allows any locations in a cluster.
    n_clusters : int or None
        Clusters of locations, by Ward's method on the columns (needs scikit-learn). None tests
        each location, which has little power where fields of neighbours are alike.
    n_clusterings : int
        Clusterings, whose p-values are aggregated. With more than one, each looks at a random half
        of the sensors when it clusters (never when it tests) [2]_.
    nodewise_ratio : float
        Penalty of the regressions, between 0 and 1: less leaves less of other sources in the test
        of a location, and less power.
    rng : int, numpy.random.Generator or None
        Of the halves of the sensors.
    n_threads : int
        Regressions at a time; 0 means RAYON_NUM_THREADS where that is a positive integer, else
        all cores. The result does not depend on it.

    Raises
    ------
    ImportError
        Where clusters are asked for and scikit-learn is not installed.
    TypeError, ValueError
        Naming the argument, what it is, and what to give instead.

    Warns
    -----
    ConvergenceWarning
        With the number of regressions whose gap was not reached.

    References
    ----------
    .. [1] Chevalier, Gramfort, Salmon and Thirion, NeurIPS 33 (2020).
    .. [2] Chevalier, Nguyen, Thirion and Salmon, J. Comput. Stat. (2021), clustered inference.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> gain = np.random.default_rng(0).standard_normal((20, 60))
    >>> mxne_rs.Nodewise(gain, n_orient=3)
    <Nodewise: 20 sensors, 20 locations x 3 orientations>
    """

    def __init__(
        self,
        gain: Gain | ArrayLike,
        *,
        n_orient: int | None = None,
        adjacency: Any = None,
        n_clusters: int | None = None,
        n_clusterings: int = 1,
        nodewise_ratio: float = 0.01,
        rng: Any = 0,
        n_threads: int = 0,
    ) -> None:
        self.gain = unit_gain(prepared(gain, n_orient))
        remedy = "give a part of the largest penalty, between 0 and 1"
        ratio = as_number("nodewise_ratio", nodewise_ratio, remedy, below=1)
        count = as_count("n_clusterings", n_clusterings, 1)
        workers = as_count("n_threads", n_threads, 0) or count_threads()
        neighbours = as_adjacency(adjacency, self.gain.n_locations)
        if n_clusters is None:
            if count > 1:
                raise ValueError(
                    f"n_clusterings is {count}, but n_clusters is None; give n_clusters"
                )
            parts = iter([(self.gain, np.arange(self.gain.n_locations))])
        else:
            clusters = as_count("n_clusters", n_clusters, 2)
            if clusters > self.gain.n_locations:
                raise ValueError(
                    f"n_clusters is {clusters}, but gain has {self.gain.n_locations} locations; "
                    "give fewer, or None"
                )
            parts = _clusterings(self.gain, neighbours, clusters, count, rng)
        self.parts = tuple(_regress(*part, ratio, workers) for part in parts)

    @property
    def n_tests(self) -> int:
        """Number of locations or clusters that are tested."""
        return int(self.parts[0].basis.shape[1]) // self.gain.n_orient

    def __repr__(self) -> str:
        """Return the sizes on one line."""
        gain, clusters = self.gain, ""
        if self.n_tests < gain.n_locations:
            clusters = f", {self.n_tests} clusters"
        if len(self.parts) > 1:
            clusters += f" in {len(self.parts)} clusterings"
        return (
            f"<Nodewise: {gain.n_sensors} sensors, {gain.n_locations} locations x "
            f"{gain.n_orient} orientations{clusters}>"
        )


def _clusterings(
    gain: Gain, adjacency: Any, n_clusters: int, count: int, rng: Any
) -> Iterator[tuple[Gain, NDArray[np.intp]]]:
    """Yield the gain and labels of each clustering."""
    stream, n = random_stream(rng), gain.n_sensors
    for _ in range(count):
        sensors = stream.permutation(n)[: max(n // 2, 1)] if count > 1 else np.arange(n)
        labels = ward_labels(gain, adjacency, n_clusters, sensors)
        yield cluster_gain(gain, labels), labels


def _regress(gain: Gain, labels: NDArray[np.intp], ratio: float, workers: int) -> Projections:
    """Regress each location of a gain on the others."""
    o, count = gain.n_orient, gain.n_locations
    columns = gain.columns(np.arange(count))
    norms = np.sqrt(np.sum(columns.reshape(-1, count, o) ** 2, axis=(0, 2)))
    # As penalties, the norms make blocks of all scales equal; unseen ones are left out.
    weights = np.where(norms > 0, norms, np.inf)
    basis = np.zeros(columns.shape)

    def regress(location: int) -> bool:
        block = slice(location * o, (location + 1) * o)
        residual, converged = _residual(gain, columns[:, block], weights, location, ratio)
        left, values, _ = np.linalg.svd(residual, full_matrices=False)
        kept = int((values > MIN_RESIDUAL * norms[location]).sum())
        basis[:, block.start : block.start + kept] = left[:, :kept]
        return converged

    with ThreadPoolExecutor(workers) as pool:
        converged = list(pool.map(regress, np.flatnonzero(norms).tolist()))
    if not all(converged):
        warn(
            f"the tolerance was not reached in {converged.count(False)} of {len(converged)} "
            "regressions of locations on the others; raise nodewise_ratio",
            ConvergenceWarning,
        )
    return Projections(labels, basis)


def _residual(
    gain: Gain, field: Floats, weights: Floats, location: int, ratio: float
) -> tuple[Floats, bool]:
    """Return what MxNE on the other locations leaves of a field, and whether it converged."""
    others = weights.copy()
    others[location] = np.inf
    size = float(np.linalg.norm(field))
    field = np.ascontiguousarray(field / size)
    options = {"weights": others, "tol": TOL, "max_iter": MAX_ITER, "n_threads": 1}
    request = make_request(gain, field, 1.0, options)
    # With weights that are norms, the largest penalty is a cosine.
    largest = exact_alpha_max(gain, field, request) if np.isfinite(others).any() else 0.0
    if largest < MIN_COSINE:
        return field * size, True
    request = request._replace(alpha=ratio * largest)
    outcome = _core.solve_mxne(gain._prepared, field, request)
    fit = gain.columns(outcome.locations) @ outcome.sources
    return (field - fit) * size, outcome.status == "converged"
