"""Find the sources that are taken out of the data before a location is tested."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._arguments.convert import Floats
from ..solve.gain import Gain
from ..solve.options import Rounds, make_request
from .noise import Noise, model_noise

#: Penalty in parts of the mean alpha_max of white noise, over so many draws.
NOISE_PART, N_DRAWS = 1.1, 10
#: Rounds of irMxNE, its epochs and its tolerance.
ROUNDS, MAX_ITER, TOL = Rounds(100, 1e-4, "sqrt", "relative"), 10_000, 1e-4
#: Fits on the noise that the one before leaves, at most; change at which the level has settled.
MAX_FITS, SETTLED = 20, 1e-3


class Fit(NamedTuple):
    """The sources found in data, and the noise that they leave."""

    locations: NDArray[np.intp]
    base: Floats
    """Orthonormal basis of the fields of the sources."""
    noise: Noise
    white: Floats
    """The data, white over time."""

    @property
    def n_free(self) -> int:
        """Dimensions of the sensors that the sources leave to the noise."""
        return int(len(self.base) - self.base.shape[1])


def fit_sources(gain: Gain, data: Floats, temporal: str, sigma: float | None) -> Fit:
    """Find sources by irMxNE above the threshold of white noise, and the noise they leave.

    The model of the noise starts as that of the data, signal included, and follows the residual of
    each fit (least squares on the sources found) until it settles.
    """
    base = np.zeros((gain.n_sensors, 0))
    noise = model_noise(data, gain.n_sensors, temporal, sigma)
    locations = np.zeros(0, dtype=np.intp)
    thresholds: dict[int, float] = {}
    for _ in range(MAX_FITS):
        white, before = np.ascontiguousarray(data @ noise.whitener), noise.sigma
        n_times = white.shape[1]
        if n_times not in thresholds:
            thresholds[n_times] = _white_threshold(gain, n_times)
        found = _found(gain, white, noise.scale * thresholds[n_times])
        is_same, locations = np.array_equal(found, locations), found
        base = orthonormal(gain.columns(locations))
        residual = data - base @ (base.T @ data)
        noise = model_noise(residual, gain.n_sensors - base.shape[1], temporal, sigma)
        if is_same and abs(noise.sigma - before) <= SETTLED * before:
            break
    return Fit(locations, base, noise, data @ noise.whitener)


def orthonormal(columns: Floats) -> Floats:
    """Return an orthonormal basis of what columns span."""
    left, values, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(left[:, values > 1e-10 * values.max(initial=0.0)])


def _white_threshold(gain: Gain, n_times: int) -> float:
    draws = np.random.default_rng(0).standard_normal((N_DRAWS, gain.n_sensors, n_times))
    largest = [_core.alpha_max(gain._prepared, one, None, 1, None) for one in draws]
    return NOISE_PART * float(np.mean(largest))


def _found(gain: Gain, data: Floats, alpha: float) -> NDArray[np.intp]:
    """Return the locations of irMxNE; the strongest where they could fit half of the data."""
    if alpha == 0:
        return np.zeros(0, dtype=np.intp)
    request = make_request(gain, data, alpha, {"tol": TOL, "max_iter": MAX_ITER, "n_threads": 1})
    outcome = _core.solve_irmxne(gain._prepared, data, request, ROUNDS)
    locations = np.asarray(outcome.locations, dtype=np.intp)
    blocks = outcome.sources.reshape(len(locations), gain.n_orient * data.shape[1])
    strength = np.linalg.norm(blocks, axis=1)
    strongest = np.argsort(-strength, kind="stable")
    return np.sort(locations[strongest[: gain.n_sensors // (2 * gain.n_orient)]])
