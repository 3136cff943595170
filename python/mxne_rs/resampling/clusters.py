"""Cluster neighbouring locations whose fields are alike; find the main fields of a cluster."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arguments.convert import Floats, quoted
from .._arguments.extras import needs
from ..solve.gain import Gain


def ward_labels(
    gain: Gain, adjacency: Any, n_clusters: int, sensors: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Cluster the locations by Ward's method on some of the sensors; return a label for each.

    Locations are compared by their columns, or with several orientations by the norm over these
    at each sensor, which no rotation changes. The gain has blocks of norm one.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> from mxne_rs.resampling.clusters import ward_labels
    >>> gain = mxne_rs.Gain([[1.0, 1.0, 0.0, 0.0], [0.0, 0.1, 1.0, 1.0]])
    >>> labels = ward_labels(gain, None, 2, np.arange(2))
    >>> bool(labels[0] == labels[1] != labels[2] == labels[3])
    True
    """
    with needs("clustering", "scikit-learn", "sklearn"):
        from sklearn.cluster import AgglomerativeClustering
    blocks = _blocks(gain)
    features = blocks[:, :, 0] if gain.n_orient == 1 else np.linalg.norm(blocks, axis=2)
    ward = AgglomerativeClustering(n_clusters, connectivity=adjacency, linkage="ward")
    with warnings.catch_warnings():
        # Hemispheres have no common neighbours: scikit-learn joins them last, and warns of it.
        warnings.filterwarnings("ignore", message="the number of connected components")
        return np.asarray(ward.fit(features[sensors].T).labels_, dtype=np.intp)


def cluster_gain(gain: Gain, labels: NDArray[np.intp]) -> Gain:
    """Return a gain with one location for each cluster: the main fields of its members.

    These are the ``n_orient`` leading principal components of all columns of the members, divided
    by the root of the number of members. Where the members have the same columns this is their
    average. Unlike the average, it does not depend on the sign or rotation of the orientations at
    single locations.
    """
    blocks, o = _blocks(gain), gain.n_orient
    n_clusters = int(labels.max()) + 1
    columns = np.zeros((gain.n_sensors, n_clusters * o))
    for cluster in range(n_clusters):
        members = blocks[:, labels == cluster]
        fields = members.reshape(gain.n_sensors, -1)
        left, values, _ = np.linalg.svd(fields, full_matrices=False)
        kept = min(o, len(values))
        scale = values[:kept] / np.sqrt(members.shape[1])
        columns[:, cluster * o : cluster * o + kept] = left[:, :kept] * scale
    return Gain(columns, o)


def unit_gain(gain: Gain) -> Gain:
    """Return a gain whose blocks are scaled to norm one, so that depth weights change nothing."""
    blocks = _blocks(gain)
    norms = np.sqrt(np.sum(blocks**2, axis=(0, 2), keepdims=True))
    return Gain((blocks / np.where(norms > 0, norms, 1.0)).reshape(gain.shape), gain.n_orient)


def _blocks(gain: Gain) -> Floats:
    """Return the columns, (n_sensors, n_locations, n_orient)."""
    columns = gain.columns(np.arange(gain.n_locations))
    return columns.reshape(gain.n_sensors, gain.n_locations, gain.n_orient)


def as_adjacency(value: Any, n_locations: int) -> Any:
    """Return an adjacency of all locations; None stays None."""
    if value is None:
        return None
    shape = getattr(value, "shape", None)
    if shape != (n_locations, n_locations):
        raise ValueError(
            f"adjacency is {quoted(value) if shape is None else f'of shape {shape}'}; give a "
            f"(sparse) matrix of {n_locations} x {n_locations} locations, such as that of "
            "mne.spatial_src_adjacency"
        )
    return value
