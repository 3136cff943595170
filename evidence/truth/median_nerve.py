"""The response to a median nerve: average, noise and halves on a model without anatomy."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import mne
import numpy as np
from numpy.typing import NDArray

from mxne_rs._arguments.convert import Floats
from mxne_rs.inverse.model import Model, prepare_model

FILE = "ctf-somatosensory-ave.fif"
CONDITIONS = ("median nerve", "plus-minus average (noise)")
#: What is analysed, in s: that of the paper.
WINDOW = (0.018, 0.2)
#: Part of the mean variance that is added to the noise covariance, and the depth weighting.
REGULARISATION, DEPTH = 0.1, 0.8
#: Locations are this far from the centre of the sensors, and from their sphere, in m.
CENTRE, BELOW = 0.03, 0.035
#: Locations nearer than this to the middle have no side, in m.
MIDDLE = 0.01


@dataclass(frozen=True, eq=False)
class MedianNerve:
    """An average, its plus-minus average as its noise, and a sphere fitted to the sensors."""

    #: Averages in the window: of all trials, and of those with either sign.
    evoked: Any
    halves: tuple[Any, Any]
    noise_cov: Any
    forward: Any
    model: Model
    #: Of the sphere, in m, head coordinates; and its radius.
    centre: Floats
    radius: float

    @property
    def positions(self) -> Floats:
        """Locations from the centre of the sphere in m, (n_locations, 3): right, front, up."""
        return np.asarray(self.forward["source_rr"] - self.centre)

    @property
    def sides(self) -> NDArray[np.intp]:
        """-1 for locations on the left, 1 on the right, 0 in the middle."""
        x = self.positions[:, 0]
        return np.where(np.abs(x) < MIDDLE, 0, np.sign(x)).astype(np.intp)

    @staticmethod
    def of(average: Any, plus_minus: Any, spacing: float = 10.0) -> MedianNerve:
        """Prepare two evokeds with the same channels; `spacing` of the locations is in mm."""
        halves = []
        for sign in (1, -1):
            half = average.copy()
            half.data = average.data + sign * plus_minus.data
            halves.append(_in_window(half))
        noise_cov = covariance_of(plus_minus)
        info = average.info
        centre, radius = sensor_sphere(info)
        sphere = mne.make_sphere_model(centre, head_radius=None, verbose="ERROR")
        with mne.utils.use_log_level("ERROR"):
            at = centre + grid(spacing / 1000, radius - BELOW)
            # Free orientation has no normals; MNE wants some.
            normals = np.tile([0.0, 0.0, 1.0], (len(at), 1))
            src = mne.setup_volume_source_space(pos={"rr": at, "nn": normals}, sphere=None)
            forward = mne.make_forward_solution(info, None, src, sphere, eeg=False)
            model = prepare_model(info, forward, noise_cov, loose=1.0, depth=DEPTH)
        evoked = _in_window(average.copy())
        return MedianNerve(
            evoked, (halves[0], halves[1]), noise_cov, forward, model, centre, radius
        )


def _in_window(evoked: Any) -> Any:
    """Crop an evoked to the window."""
    return evoked.crop(WINDOW[0], min(WINDOW[1], float(evoked.times[-1])))


def grid(spacing: float, radius: float) -> Floats:
    """Make a grid in a ball, without its inmost part, symmetric to the middle: (n, 3) in m.

    Examples
    --------
    >>> from truth.median_nerve import grid
    >>> at = grid(0.02, 0.085)
    >>> len(at), bool((at[:, 0] < 0).mean() == 0.5), bool(abs(abs(at).min() - 0.01) < 1e-9)
    (296, True, True)
    """
    half = (np.arange(np.ceil(radius / spacing)) + 0.5) * spacing
    axis = np.concatenate([-half[::-1], half])
    at = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    distance = np.linalg.norm(at, axis=1)
    return np.asarray(at[(distance <= radius) & (distance >= CENTRE)])


def read_median_nerve(path: str | os.PathLike[str], spacing: float = 10.0) -> MedianNerve:
    """Read the CTF average of the benchmarks; compensation and baseline stay as in the file."""
    with mne.utils.use_log_level("ERROR"):
        average, plus_minus = (mne.read_evokeds(path, condition=one) for one in CONDITIONS)
    return MedianNerve.of(average, plus_minus, spacing)


def sensor_sphere(info: Any) -> tuple[Floats, float]:
    """Fit a sphere to the positions of the sensors by least squares: centre and radius in m.

    ``|p - c|^2 = r^2`` is linear in c and ``r^2 - |c|^2``.
    """
    picks = mne.pick_types(info, meg=True, ref_meg=False, exclude=())
    at = np.array([info["chs"][pick]["loc"][:3] for pick in picks], dtype=float)
    at = mne.transforms.apply_trans(info["dev_head_t"], at)
    columns = np.column_stack([2 * at, np.ones(len(at))])
    (*centre, rest), *_ = np.linalg.lstsq(columns, np.sum(at**2, axis=1), rcond=None)
    centre = np.array(centre)
    return centre, float(np.sqrt(rest + centre @ centre))


def covariance_of(plus_minus: Any) -> Any:
    """Estimate the covariance of an average's noise, all samples of its plus-minus average."""
    picks = mne.pick_types(plus_minus.info, meg=True, ref_meg=False)
    data, n_times = plus_minus.data[picks], plus_minus.data.shape[1]
    names = [plus_minus.ch_names[pick] for pick in picks]
    projs = plus_minus.info["projs"]
    noise_cov = mne.Covariance(np.cov(data), names, [], projs, nfree=n_times - 1, verbose="ERROR")
    return mne.cov.regularize(
        noise_cov, plus_minus.info, mag=REGULARISATION, grad=REGULARISATION, verbose="ERROR"
    )
