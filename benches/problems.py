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
    name: str
    gain: np.ndarray
    data: np.ndarray
    n_orient: int

    def objective(self, x, alpha):
        """Value of the convex objective of x."""
        residual = self.data - self.gain @ x
        return 0.5 * (residual**2).sum() + alpha * self.norms(x).sum()

    def norms(self, x):
        """Frobenius norm by location."""
        return np.sqrt((x.reshape(-1, self.n_orient * x.shape[1]) ** 2).sum(1))

    def gap(self, x, alpha):
        """Relative duality gap, from the formula, with NumPy alone."""
        residual = self.data - self.gain @ x
        dual_norm = self.norms(self.gain.T @ residual).max()
        t = min(1.0, alpha / dual_norm) if dual_norm > 0 else 1.0
        dual = t * (residual * self.data).sum() - 0.5 * t * t * (residual**2).sum()
        return (self.objective(x, alpha) - dual) / (0.5 * (self.data**2).sum())


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
    return _scaled(f"real, loose {loose:g}", gain, data, 3 if loose else 1)


def simulated(n_sensors=306, n_locations=7498, n_orient=3, n_times=61, seed=0):
    """Four overlapping sources, a smooth correlated gain, high signal-to-noise ratio."""
    rng = np.random.default_rng(seed)
    place = rng.standard_normal((n_locations, 3))
    place *= 0.09 / np.linalg.norm(place, axis=1, keepdims=True)
    place *= rng.uniform(0.5, 0.95, (n_locations, 1))
    sensor = rng.standard_normal((n_sensors, 3))
    sensor *= 0.12 / np.linalg.norm(sensor, axis=1, keepdims=True)
    offset = sensor[:, None] - place[None]
    field = offset / (offset**2).sum(-1, keepdims=True) ** 1.5
    gain = field[:, :, :n_orient].reshape(n_sensors, -1)
    gain /= np.linalg.norm(gain, axis=0).mean()
    times = np.linspace(0, 1, n_times)
    active = rng.choice(n_locations, 4, replace=False)
    data = np.zeros((n_sensors, n_times))
    for k, s in enumerate(active):
        course = np.exp(-(((times - 0.2 - 0.2 * k) / 0.15) ** 2)) * np.sin(12 * times + k)
        direction = rng.standard_normal(n_orient)
        data += np.outer(gain[:, s * n_orient : (s + 1) * n_orient] @ direction, course)
    data += 0.02 * data.std() * rng.standard_normal(data.shape)
    name = f"simulated {n_sensors} x {n_locations} x {n_orient}, {n_times} samples"
    return _scaled(name, gain, data, n_orient)
