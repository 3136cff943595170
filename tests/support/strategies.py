"""Problems and array layouts for Hypothesis: small, ordinary scales, awkward cases included."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from hypothesis import strategies as st

import reference


@dataclass(frozen=True)
class Problem:
    """A gain, data and penalty, with the options that a call of the solver takes."""

    gain: np.ndarray = field(repr=False)
    data: np.ndarray = field(repr=False)
    n_orient: int
    alpha: float
    weights: np.ndarray | None
    ridge: float
    label: str

    @property
    def n_locations(self):
        """Columns of the gain over n_orient."""
        return self.gain.shape[1] // self.n_orient

    @property
    def alpha_max(self):
        """The alpha from which on nothing is left, by the formula."""
        return reference.alpha_max(self.gain, self.data, self.n_orient, self.weights)

    @property
    def penalty(self):
        """The keywords that the solvers and `duality_gap` share with the reference."""
        return {"n_orient": self.n_orient, "weights": self.weights, "ridge": self.ridge}

    def changed(self, **changes):
        """The same problem with some of its parts replaced."""
        return replace(self, **changes)

    def at(self, fraction):
        """The same problem at a fraction of alpha_max (of 1 where that is 0)."""
        return replace(self, alpha=fraction * (self.alpha_max or 1.0))

    @property
    def half_energy(self):
        """1/2 |M|^2, the unit of relative gaps."""
        return float(reference.energy(self.data)) / 2

    def gap(self, x):
        """Relative gap of an answer, by the formulas."""
        return reference.duality_gap(self.gain, self.data, x, self.alpha, **self.penalty)[0]

    def objective(self, x):
        """P(X), by the formulas."""
        return reference.objective(self.gain, self.data, x, self.alpha, **self.penalty)

    def certify(self, solution, tol):
        """The answer is as good as was asked, and says of itself what the formulas say."""
        x = solution.x
        gap, primal, _ = reference.duality_gap(self.gain, self.data, x, self.alpha, **self.penalty)
        rounding = reference.ROUNDING
        assert solution.status == "converged"
        assert gap <= tol + rounding
        assert gap - rounding <= solution.gap <= tol
        assert abs(solution.primal - primal) <= 1e-12 * self.half_energy
        assert solution.dual <= primal + rounding * self.half_energy

    def assert_same_answer(self, one, two):
        """Two answers are as close as their gaps promise.

        The data term is strongly convex in G X, so |G X - G X*|^2 <= 2 (P(X) - P(X*)).
        """
        reach = [np.sqrt(2 * max(self.gap(x), reference.ROUNDING)) for x in (one, two)]
        distance = np.linalg.norm(self.gain @ (one - two))
        assert distance <= np.sqrt(self.half_energy) * sum(reach) * (1 + 1e-9)


def signal(rng, gain, n_orient, n_times, noise):
    """Data of a few active locations plus noise."""
    n_locations = gain.shape[1] // n_orient
    x = np.zeros((n_locations, n_orient, n_times))
    active = rng.choice(n_locations, size=min(3, n_locations), replace=False)
    x[active] = rng.standard_normal((active.size, n_orient, n_times))
    clean = gain @ x.reshape(-1, n_times)
    return clean + noise * np.std(clean) * rng.standard_normal(clean.shape)


def oddities(rng, gain, data, n_orient, odd):
    """Spoil the problem in one of the ways real problems are spoilt; in place."""
    n_locations = gain.shape[1] // n_orient
    if odd == "duplicate location" and n_locations > 1:
        gain[:, n_orient : 2 * n_orient] = gain[:, :n_orient]
    elif odd == "silent location":
        gain[:, -n_orient:] = 0
    elif odd == "silent orientation":
        gain[:, ::n_orient] *= 1e-3
    elif odd == "smooth gain":
        gain += 5 * np.std(gain) * rng.standard_normal((gain.shape[0], 1))
    elif odd == "first sample zero":
        data[:, 0] = 0
    elif odd == "zero data":
        data[:] = 0
    elif odd == "silent sensor":
        gain[0], data[0] = 0, 0


ODDITIES = [
    "nothing",
    "duplicate location",
    "silent location",
    "silent orientation",
    "smooth gain",
    "first sample zero",
    "zero data",
    "silent sensor",
]


def draw_weights(rng, n_locations, kind):
    """No weights, positive weights, or positive weights with locations excluded."""
    if kind == "none":
        return None
    weights = rng.uniform(0.3, 3, n_locations)
    if kind == "some infinite":
        weights[rng.random(n_locations) < 0.3] = np.inf
    return weights


@st.composite
def problems(draw, smallest=0.1, largest=1.1, odd=True, ridges=(0.0, 0.0, 0.1)):
    """A small problem; alpha is a fraction in [smallest, largest] of alpha_max.

    `ridges` are in units of the largest squared column norm of the gain.
    """
    n_sensors = draw(st.integers(1, 12), label="n_sensors")
    n_locations = draw(st.integers(1, 25), label="n_locations")
    n_times = draw(st.integers(1, 15), label="n_times")
    n_orient = draw(st.sampled_from([1, 3, 2, 5]), label="n_orient")
    kind = draw(st.sampled_from(["none", "positive", "some infinite"]), label="weights")
    spoil = draw(st.sampled_from(ODDITIES), label="oddity") if odd else "nothing"
    fraction = draw(st.floats(smallest, largest), label="alpha / alpha_max")
    ridge = draw(st.sampled_from(ridges), label="ridge")
    scales = st.sampled_from([1.0, 1e-3, 1e3, 0.37])
    gain_scale, data_scale = draw(scales, label="gain scale"), draw(scales, label="data scale")
    seed = draw(st.integers(0, 2**32 - 1), label="seed")
    rng = np.random.default_rng(seed)
    gain = gain_scale * rng.standard_normal((n_sensors, n_locations * n_orient))
    data = signal(rng, gain, n_orient, n_times, noise=0.3)
    data *= data_scale / np.sqrt(np.mean(data**2))
    oddities(rng, gain, data, n_orient, spoil)
    weights = draw_weights(rng, n_locations, kind)
    ridge *= float(np.max(np.sum(gain**2, axis=0)))
    return Problem(gain, data, n_orient, 1.0, weights, ridge, spoil).at(fraction)


def fixed_problem(
    seed=0, n_sensors=20, n_locations=40, n_times=10, n_orient=3, fraction=0.3, **kind
):
    """The same problem every time: three active locations and noise."""
    rng = np.random.default_rng(seed)
    gain = rng.standard_normal((n_sensors, n_locations * n_orient))
    data = signal(rng, gain, n_orient, n_times, noise=kind.get("noise", 0.2))
    weights = draw_weights(rng, n_locations, kind.get("weights", "none"))
    problem = Problem(gain, data, n_orient, 1.0, weights, kind.get("ridge", 0.0), "fixed")
    return problem.at(fraction)


def packed(a):
    """The field of packed records: nine bytes from one number to the next, none of them aligned."""
    records = np.zeros(a.shape, dtype=[("flag", "u1"), ("value", "f8")])
    records["value"] = a
    return records["value"]


def strided(a):
    """Every second row and column of a larger array."""
    wide = np.full((2 * a.shape[0], 2 * a.shape[1]), np.nan)
    wide[::2, ::2] = a
    return wide[::2, ::2]


def read_only(a):
    """A copy that must not be written to."""
    frozen = a.copy()
    frozen.flags.writeable = False
    return frozen


# Every way in which a caller may hold the numbers of a two-dimensional array.
LAYOUTS = {
    "c": lambda a: a.copy(),
    "fortran": np.asfortranarray,
    "strided": strided,
    "reversed": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
    "packed records": packed,
    "read-only": read_only,
    "big-endian": lambda a: a.astype(">f8"),
    "float32": lambda a: a.astype(np.float32),
    "integers": lambda a: np.round(a * 100).astype(np.int64),
    "small integers": lambda a: np.clip(np.round(a * 10), -100, 100).astype(np.int8),
    "lists": lambda a: a.tolist(),
}

layouts = st.sampled_from(sorted(LAYOUTS))


def plain(a):
    """The same numbers as a contiguous float64 array."""
    return np.array(a, dtype=np.float64, order="C")
