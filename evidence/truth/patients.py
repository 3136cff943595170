"""A patient's seizure: whitened epochs, a gain of cortical regions, and what was resected."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mxne_rs import whitener
from mxne_rs._arguments.convert import Floats

#: Weight of the average-reference projector in the noise covariance.
SHRINKAGE = 0.1


@dataclass(frozen=True, eq=False)
class Patient:
    """What the study sees of a patient; distances are between centroids of regions."""

    #: Of the file, without "seizure-".
    name: str
    #: Epochs in average reference, of mean zero over time, in the unit of the file: (n_epochs,
    #: n_electrodes, n_times).
    seizure: Floats
    #: Average reference, (n_electrodes, n_regions).
    gain: Floats
    #: Shrunk covariance of the resting noise, in average reference, and its whitener.
    noise_cov: Floats
    whitener: Floats
    #: Of regions, in mm, (n_regions, 3).
    centroids: Floats
    #: Regions, (n_regions,).
    resected: NDArray[np.bool_]
    #: Electrodes: names, positions in mm.
    electrodes: list[str]
    positions: Floats
    sfreq: float

    @property
    def recorded(self) -> Floats:
        """Epochs of the electrodes, each scaled to a root mean square of one when whitened."""
        white = self.whitener @ self.seizure
        return np.asarray(self.seizure / np.sqrt(np.mean(white**2, axis=(1, 2), keepdims=True)))

    @property
    def epochs(self) -> Floats:
        """The same, whitened."""
        return np.asarray(self.whitener @ self.recorded)

    @property
    def distances(self) -> Floats:
        """Distance of each region to the nearest resected one in mm, (n_regions,)."""
        apart = self.centroids[:, np.newaxis] - self.centroids[self.resected]
        return np.asarray(np.linalg.norm(apart, axis=-1).min(axis=1))

    def weighted(self, depth: float) -> tuple[Floats, Floats]:
        """Return the whitened gain with columns divided by norm ** depth, and what divided them."""
        white = self.whitener @ self.gain
        divisors = np.linalg.norm(white, axis=0) ** depth
        return np.asarray(white / divisors), np.asarray(divisors)


def read_patient(path: str | os.PathLike[str]) -> Patient:
    """Read a file such as seizure-a.npz (DeepSIF): see the README of the benchmarks.

    Raises
    ------
    ValueError
        Where the arrays do not fit each other.
    """
    path = Path(path)
    with np.load(path) as arrays:
        file = {name: arrays[name] for name in arrays.files}
    missing = sorted({"seizure", "noise", "gain", "resected_regions"} - file.keys())
    if missing:
        raise ValueError(f"{path} has no {missing[0]}; give a file made like seizure-a.npz")
    region, vertices = file["region_of_vertex"].astype(int), file["vertices_mm"].astype(float)
    n_electrodes, n_regions = file["gain"].shape
    if file["seizure"].shape[1] != n_electrodes or file["noise"].shape[1] != n_electrodes:
        raise ValueError(
            f"{path}: gain has {n_electrodes} electrodes, seizure {file['seizure'].shape[1]} and "
            f"noise {file['noise'].shape[1]}; give all of them the same electrodes"
        )
    if region.max() >= n_regions or file["resected_regions"].max() >= n_regions:
        raise ValueError(f"{path}: a region is named that is beyond the {n_regions} of the gain")
    members = np.bincount(region, minlength=n_regions)
    sums = [np.bincount(region, one, minlength=n_regions) for one in vertices.T]
    resected = np.zeros(n_regions, dtype=bool)
    resected[file["resected_regions"]] = True
    noise_cov = resting_covariance(file["noise"])
    return Patient(
        name=path.stem.removeprefix("seizure-"),
        seizure=_centred(_referenced(file["seizure"])),
        gain=_referenced(file["gain"]),
        noise_cov=noise_cov,
        whitener=whitener(noise_cov),
        centroids=np.transpose(sums) / members[:, np.newaxis],
        resected=resected,
        electrodes=[str(one) for one in file["electrode_labels"]],
        positions=file["electrode_mm"].astype(float),
        sfreq=float(file["sfreq"]),
    )


def resting_covariance(noise: NDArray[np.floating]) -> Floats:
    """Estimate the covariance of epochs in average reference, shrunk towards its projector.

    Examples
    --------
    >>> from truth.patients import resting_covariance
    >>> noise = np.random.default_rng(0).standard_normal((2, 4, 100))
    >>> covariance = resting_covariance(noise)
    >>> np.linalg.matrix_rank(covariance), bool(abs(covariance.sum()) < 1e-12)
    (np.int64(3), True)
    """
    samples = np.hstack(list(_centred(_referenced(noise))))
    n_electrodes = len(samples)
    covariance = samples @ samples.T / samples.shape[1]
    projector = np.eye(n_electrodes) - 1 / n_electrodes
    target = np.trace(covariance) / (n_electrodes - 1) * projector
    return np.asarray((1 - SHRINKAGE) * covariance + SHRINKAGE * target)


def _referenced(array: NDArray[np.floating]) -> Floats:
    """Refer electrodes, the last axis but one, to their average."""
    array = array.astype(float)
    return np.asarray(array - array.mean(axis=-2, keepdims=True))


def _centred(array: Floats) -> Floats:
    """Free the last axis, time, of its mean."""
    return np.asarray(array - array.mean(axis=-1, keepdims=True))
