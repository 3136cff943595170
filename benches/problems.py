"""The problems that are timed: whitened gain and data, scaled so that alpha_max is 100."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("MXNE_RS_DATA", ROOT.parent / "shared" / "data"))


@dataclass(frozen=True)
class Problem:
    """Arrays with the formulas that judge an answer to them."""

    name: str
    gain: np.ndarray
    data: np.ndarray
    n_orient: int

    def norms(self, x):
        """Frobenius norm by location."""
        return np.sqrt((x.reshape(-1, self.n_orient * x.shape[1]) ** 2).sum(1))

    def gap(self, x, alpha, weights=None, data=None):
        """Relative duality gap, from the formula, with NumPy alone; infinite weights exclude."""
        data = self.data if data is None else data
        norms, used = self.norms(x), slice(None)
        if weights is not None:
            used = np.isfinite(weights)
            norms = norms[used] * weights[used]
        residual = data - self.gain @ x
        correlations = self.norms(self.gain.T @ residual)[used]
        dual_norm = (correlations / (1.0 if weights is None else weights[used])).max()
        t = min(1.0, alpha / dual_norm) if dual_norm > 0 else 1.0
        dual = t * (residual * data).sum() - 0.5 * t * t * (residual**2).sum()
        primal = 0.5 * (residual**2).sum() + alpha * norms.sum()
        return (primal - dual) / (0.5 * (data**2).sum())

    def concave(self, x, alpha):
        """Value of the irMxNE objective of x, square roots of the norms."""
        residual = self.data - self.gain @ x
        return 0.5 * (residual**2).sum() + alpha * np.sqrt(self.norms(x)).sum()

    def bootstrap(self, count, seed=0):
        """Data sets that differ by noise of unit variance, smooth over time like an evoked."""
        rng = np.random.default_rng(seed)
        n_times = self.data.shape[1]
        lag = np.subtract.outer(np.arange(n_times), np.arange(n_times))
        smooth = np.exp(-0.5 * (lag / 3.0) ** 2)
        smooth /= np.linalg.norm(smooth, axis=1, keepdims=True)
        noise = rng.standard_normal((count, *self.data.shape)) @ smooth.T
        return self.data + noise


def _scaled(name, gain, data, n_orient):
    problem = Problem(name, gain, data, n_orient)
    gain = np.ascontiguousarray(gain / (0.01 * problem.norms(gain.T @ data).max()))
    return Problem(name, gain, np.ascontiguousarray(data), n_orient)


def real(loose, condition=0):
    """Auditory response on 7498 cortical locations, 50 to 150 ms, prepared by MNE."""
    import mne
    from mne.inverse_sparse.mxne_inverse import _prepare_gain

    with mne.utils.use_log_level("ERROR"):
        evoked = mne.read_evokeds(
            DATA / "auditory-ave.fif", condition=condition, baseline=(None, 0)
        )
        evoked.pick("meg").crop(0.05, 0.15)
        forward = mne.read_forward_solution(DATA / "cortex-7498-meg-fwd.fif")
        noise_cov = mne.read_cov(DATA / "noise-cov.fif")
        _, gain, info, whitener, _, _ = _prepare_gain(
            forward, evoked.info, noise_cov, True, 0.8, loose, None, None
        )
    data = whitener @ evoked.data[[evoked.ch_names.index(name) for name in info["ch_names"]]]
    name = f"real data, loose {loose:g}" if loose else "real data, fixed"
    return _scaled(name, gain, data, 3 if loose else 1)


def simulated(n_sensors=306, n_locations=7498, n_orient=3, n_times=61, n_active=4, seed=0):
    """Sources that overlap in time, a smooth correlated gain, high signal-to-noise ratio.

    The gain is depth-weighted as MNE's mixed_norm does by default (0.8), and the sources are
    equally strong at the sensors.
    """
    rng = np.random.default_rng(seed)
    place = rng.standard_normal((n_locations, 3))
    place *= 0.09 / np.linalg.norm(place, axis=1, keepdims=True)
    place *= rng.uniform(0.5, 0.95, (n_locations, 1))
    sensor = rng.standard_normal((n_sensors, 3))
    sensor *= 0.12 / np.linalg.norm(sensor, axis=1, keepdims=True)
    offset = sensor[:, None] - place[None]
    field = offset / (offset**2).sum(-1, keepdims=True) ** 1.5
    field = field[:, :, :n_orient]
    field /= np.linalg.norm(field, axis=(0, 2))[:, None] ** 0.8
    gain = field.reshape(n_sensors, -1)
    gain /= np.linalg.norm(gain, axis=0).mean()
    times = np.linspace(0, 1, n_times)
    active = rng.choice(n_locations, n_active, replace=False)
    data = np.zeros((n_sensors, n_times))
    for k, s in enumerate(active):
        centre = 0.2 + 0.6 * k / max(1, n_active - 1)
        course = np.exp(-(((times - centre) / 0.15) ** 2)) * np.sin(12 * times + k)
        direction = rng.standard_normal(n_orient)
        topography = gain[:, s * n_orient : (s + 1) * n_orient] @ direction
        data += np.outer(topography / np.linalg.norm(topography), course)
    data *= 50.0 / data.std()
    data += 0.02 * data.std() * rng.standard_normal(data.shape)
    name = f"simulated {n_sensors} x {n_locations} x {n_orient}, {n_times} samples"
    name += f", {n_active} sources" if n_active != 4 else ""
    name += f", seed {seed}" if seed else ""
    return _scaled(name, gain, data, n_orient)
