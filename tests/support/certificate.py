"""The certificate of MxNE in extended precision: what every answer of the corpus is held against.

80-bit floats reach from 1e-4932 to 1e+4932, so the formulas stand here as they are written, at any
scale that float64 arrays can have. Nothing is taken from mxne_rs, nor from `reference` (float64).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

#: What float64 arithmetic may cost in a relative gap.
ROUNDING = 1e-13

#: Whether long doubles are wider than doubles here (they are not on every processor).
EXTENDED = np.finfo(np.longdouble).maxexp > np.finfo(np.float64).maxexp


@dataclass(frozen=True)
class Certificate:
    """A primal and a dual value; all are long doubles."""

    primal: Any
    dual: Any
    half: Any
    """1/2 |M|^2, the unit of relative gaps."""

    @property
    def gap(self) -> Any:
        """(P - D) / (1/2 |M|^2); for zero data 0 or infinite."""
        if self.half:
            return (self.primal - self.dual) / self.half
        return np.longdouble(np.inf) if self.primal > self.dual else self.half

    @property
    def rounding(self) -> float:
        """How far a relative gap in float64 may be off: P is a sum of terms as large as itself."""
        return ROUNDING * max(1.0, float(self.primal / self.half)) if self.half else ROUNDING


def extended(array: Any) -> Any:
    """The float64 values of an array, as long doubles."""
    return np.asarray(array, dtype=np.float64).astype(np.longdouble)


def energy(array: Any) -> Any:
    """|A|^2."""
    return np.sum(array * array)


def block_norms(x: Any, n_orient: int) -> Any:
    """|X_s| for every location."""
    blocks = x.reshape(-1, n_orient * x.shape[1])
    return np.sqrt(np.sum(blocks * blocks, axis=1))


def penalty_weights(weights: Any, n_locations: int) -> Any:
    """w_s of every location: 1 unless given."""
    return extended(np.ones(n_locations) if weights is None else weights)


def alpha_max(gain: Any, data: Any, n_orient: int = 1, weights: Any = None) -> Any:
    """max_s |G_s' M| / w_s."""
    norms = block_norms(extended(gain).T @ extended(data), n_orient)
    return np.max(norms / penalty_weights(weights, norms.size))


def certificate(
    gain: Any,
    data: Any,
    x: Any,
    alpha: float,
    n_orient: int = 1,
    weights: Any = None,
    ridge: float = 0.0,
) -> Certificate:
    """P = 1/2 |M - G X|^2 + alpha sum_s w_s |X_s| + ridge/2 |X|^2, and a D below its minimum.

    R = M - G X, C_s = G_s'R - ridge X_s, t = min(1, min_s alpha w_s / |C_s|),
    D = t <R, M> - t^2/2 (|R|^2 + ridge |X|^2).
    """
    gain, data, x = extended(gain), extended(data), extended(x)
    alpha, ridge = np.longdouble(alpha), np.longdouble(ridge)
    norms = block_norms(x, n_orient)
    w = penalty_weights(weights, norms.size)
    residual = data - gain @ x
    pulls = block_norms(gain.T @ residual - ridge * x, n_orient)
    # Where an excluded location is not zero, P is infinite.
    penalties = np.where(norms > 0, w, 0) * norms
    primal = energy(residual) / 2 + alpha * np.sum(penalties) + ridge * energy(x) / 2
    t = min([np.longdouble(1), *(alpha * w[pulls > 0] / pulls[pulls > 0])])
    dual = t * np.sum(residual * data) - t * t / 2 * (energy(residual) + ridge * energy(x))
    return Certificate(primal, dual, energy(data) / 2)
