"""What the answer of each public function claims, held against formulas."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

import mxne_rs
from certificate import alpha_max, block_norms, certificate, energy, extended, penalty_weights

#: Below, a float64 has lost digits; above, it is infinite.
SMALLEST, LARGEST = np.finfo(np.float64).tiny, np.finfo(np.float64).max
INFINITE, BEYOND = float("inf"), 1e300


@dataclass(frozen=True)
class Claim:
    """One Solution, and the convex problem that it says it solves."""

    solution: Any
    gain: Any
    data: Any
    alpha: float
    n_orient: int = 1
    weights: Any = None
    ridge: float = 0.0
    tol: float = 1e-6
    stands_alone: bool = True
    """Whether the status is that of this problem, not of several: rounds, or SURE's data sets."""

    @property
    def n_locations(self) -> int:
        """Columns of the gain over orientations."""
        return self.gain.shape[1] // self.n_orient

    def complaints(self) -> list[str]:
        """Everything that is wrong with it."""
        return self.shape_complaints() or self.value_complaints()

    def shape_complaints(self) -> list[str]:
        """Sizes and types, and no NaN."""
        solution = self.solution
        active, sources = np.asarray(solution.active_set), np.asarray(solution.sources)
        rows = (int(active.sum()) * self.n_orient, self.data.shape[1])
        found = []
        if active.shape != (self.n_locations,) or active.dtype != bool:
            found.append(f"active_set has shape {active.shape}, dtype {active.dtype}")
        if sources.shape != rows or sources.dtype != np.float64:
            found.append(f"sources has shape {sources.shape}, dtype {sources.dtype}, not {rows}")
        if not np.isfinite(sources).all():
            found.append("sources are not finite")
        if not (np.isfinite(solution.gap) and solution.gap >= 0):
            found.append(f"gap is {solution.gap}")
        if solution.alpha != self.alpha:
            found.append(f"alpha is {solution.alpha}, not {self.alpha}")
        return found

    def value_complaints(self) -> list[str]:
        """Gap, status and values against the independent certificate."""
        solution = self.solution
        x = np.zeros((self.gain.shape[1], self.data.shape[1]))
        x[np.repeat(solution.active_set, self.n_orient)] = solution.sources
        truth = self.certificate(x)
        slack, reported = truth.rounding, solution.gap
        found = []
        if reported < truth.gap - slack:
            found.append(f"gap {reported:.3e} is reported, {truth.gap:.3e} is true")
        # X = 0 needs no product: out of time, D = 0 is all that is known of it.
        trivial = solution.status == "time_limit" and not x.any() and reported == 1
        if reported > truth.gap * (1 + 1e-6) + slack and not trivial:
            found.append(f"gap {reported:.3e} is reported, only {truth.gap:.3e} is true")
        if truth.gap > 1 + slack:
            found.append(f"gap {truth.gap:.3e}, and that of zero is at most 1")
        converged = solution.status == "converged"
        if converged != (reported <= self.tol) and (converged or self.stands_alone):
            found.append(f"{solution.status} at {reported:.3e}, tol {self.tol:.0e}")
        if not (block_norms(extended(x), self.n_orient)[solution.active_set] > 0).all():
            found.append("an active location is zero")
        if self.leaves_nothing and x.any():
            found.append("not zero, though alpha is above alpha_max")
        if not trivial:
            found += self.absolute_complaints(truth)
        return found + self.variance_complaints(x)

    def certificate(self, x: Any) -> Any:
        """The independent one."""
        return certificate(
            self.gain, self.data, x, self.alpha, self.n_orient, self.weights, self.ridge
        )

    @property
    def leaves_nothing(self) -> bool:
        """Whether alpha is at alpha_max, by more than rounding."""
        return self.alpha > alpha_max(self.gain, self.data, self.n_orient, self.weights) * (
            1 + 1e-13
        )

    def absolute_complaints(self, truth: Any) -> list[str]:
        """Primal and dual, where a float64 can hold them."""
        return value_complaints(truth, self.solution.primal, self.solution.dual)

    def variance_complaints(self, x: Any) -> list[str]:
        """1 - |M - G X|^2 / |M|^2, 0 where there are no data."""
        data, reported = extended(self.data), self.solution.explained_variance
        total = energy(data)
        left = energy(data - extended(self.gain) @ extended(x))
        expected = 1 - left / total if total else total
        wrong = not abs(reported - expected) <= 1e-12
        return [f"explained_variance {reported}, not {float(expected)}"] if wrong else []


def value_complaints(truth: Any, primal: float, dual: float) -> list[str]:
    """Primal and dual values against the independent ones, where a float64 can hold them."""
    if not SMALLEST * 1e16 < truth.half < LARGEST or not truth.primal < LARGEST:
        return []
    size = 1e-12 * max(truth.half, truth.primal)
    pairs = [("primal", primal, truth.primal), ("dual", dual, truth.dual)]
    return [
        f"{name} {found}, not {float(expected)}"
        for name, found, expected in pairs
        if not abs(found - expected) <= size
    ]


def problem_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Gain, penalty and tolerance of a call, as plain float64."""
    return {
        "gain": np.asarray(arguments["gain"], dtype=np.float64),
        "n_orient": int(arguments.get("n_orient", 1)),
        "weights": arguments.get("weights"),
        "ridge": float(arguments.get("ridge", 0.0)),
        "tol": float(arguments.get("tol", 1e-6)),
    }


def plain(array: Any) -> np.ndarray:
    """As plain float64."""
    return np.asarray(array, dtype=np.float64)


def mxne_complaints(
    arguments: Mapping[str, Any], answer: Any, stands_alone: bool = True
) -> list[str]:
    """Of solve_mxne."""
    data, alpha, problem = (
        plain(arguments["data"]),
        float(arguments["alpha"]),
        problem_of(arguments),
    )
    return Claim(answer, data=data, alpha=alpha, stands_alone=stands_alone, **problem).complaints()


def irmxne_complaints(arguments: Mapping[str, Any], answer: Any) -> list[str]:
    """Of solve_irmxne: the certificate is that of the last weighted problem."""
    if answer.weights is None:
        return mxne_complaints(arguments, answer)
    user = penalty_weights(arguments.get("weights"), answer.active_set.size)
    last = np.asarray(answer.weights)
    if last.shape != user.shape or not (last > 0).all():
        return [f"weights {last}"]
    found = mxne_complaints({**arguments, "weights": last}, answer, stands_alone=False)
    if np.isfinite(last[np.isinf(user)]).any():
        found.append("a location that was excluded has come back")
    return found


def path_complaints(arguments: Mapping[str, Any], answer: Any) -> list[str]:
    """Of solve_path: each alpha once, from the largest down."""
    alphas = np.unique(plain(arguments["alphas"]))[::-1]
    if len(answer) != len(alphas):
        return [f"{len(answer)} answers for {len(alphas)} alphas"]
    return [
        complaint
        for alpha, one in zip(alphas, answer, strict=True)
        for complaint in irmxne_complaints({**arguments, "alpha": alpha}, one)
    ]


def batch_complaints(arguments: Mapping[str, Any], answer: Any) -> list[str]:
    """Of solve_batch: one answer per data set."""
    data = list(arguments["data"])
    alphas = np.broadcast_to(plain(arguments["alpha"]), len(data))
    if len(answer) != len(data):
        return [f"{len(answer)} answers for {len(data)} data sets"]
    return [
        complaint
        for one, alpha, solution in zip(data, alphas, answer, strict=True)
        for complaint in irmxne_complaints({**arguments, "data": one, "alpha": alpha}, solution)
    ]


def sure_complaints(arguments: Mapping[str, Any], answer: Any) -> list[str]:
    """Of solve_sure: its answer is that of the chosen alpha, one of those given."""
    if answer.alpha not in plain(arguments["alphas"]):
        return [f"alpha {answer.alpha} was not given"]
    problem = problem_of(arguments)
    if answer.weights is not None:
        problem["weights"] = answer.weights
    data = plain(arguments["data"])
    claim = Claim(answer, data=data, alpha=answer.alpha, stands_alone=False, **problem)
    return claim.complaints()


def gap_complaints(arguments: Mapping[str, Any], answer: Any) -> list[str]:
    """Of duality_gap."""
    problem = problem_of(arguments)
    del problem["tol"]
    data, x = plain(arguments["data"]), plain(arguments["x"])
    truth = certificate(data=data, x=x, alpha=float(arguments["alpha"]), **problem)
    gap, primal, dual = answer
    found = value_complaints(truth, primal, dual)
    # P may be beyond float64 where the gap only just is not.
    known = truth.gap < BEYOND or gap != INFINITE
    if known and not abs(gap - truth.gap) <= 1e-9 * abs(truth.gap) + truth.rounding:
        found.append(f"gap {gap}, not {float(truth.gap)}")
    return found


def alpha_max_complaints(arguments: Mapping[str, Any], answer: Any) -> list[str]:
    """Of alpha_max."""
    problem = problem_of(arguments)
    gain, n_orient, weights = (problem[name] for name in ("gain", "n_orient", "weights"))
    expected = alpha_max(gain, plain(arguments["data"]), n_orient, weights)
    # Where M is orthogonal to G, what is left is the rounding of terms of the size |G_s| |M|.
    gain, data = extended(gain), extended(arguments["data"])
    sizes = block_norms(np.abs(gain).T @ np.abs(data), n_orient)
    rounding = np.max(sizes / penalty_weights(weights, sizes.size)) * 1e-14
    wrong = not abs(answer - expected) <= rounding + 1e-12 * expected
    return [f"alpha_max {answer}, not {expected}"] if wrong else []


def debias_complaints(arguments: Mapping[str, Any], answer: Any) -> list[str]:
    """Of debias: the conditions of the minimum of 1/2 |M - G diag(d) X|^2 over d >= 1."""
    n_orient = int(arguments.get("n_orient", 1))
    gain, data, x = (extended(arguments[name]) for name in ("gain", "data", "x"))
    if answer.shape != (x.shape[0] // n_orient,) or not np.isfinite(answer).all():
        return [f"factors {answer}"]
    fits = np.stack(
        [gain[:, s : s + n_orient] @ x[s : s + n_orient] for s in range(0, len(x), n_orient)]
    )
    sizes = np.sqrt(np.sum(fits * fits, axis=(1, 2)))
    # What is 150 decades below the rest is invisible: no factor that is a number would show it.
    fits[sizes < 1e-150 * sizes.max()] = sizes[sizes < 1e-150 * sizes.max()] = 0
    factors = extended(answer)
    fit = np.tensordot(factors, fits, 1)
    slopes = np.sum(fits * (data - fit), axis=(1, 2))
    allowed = 1e-8 * sizes * np.sqrt(max(energy(data), energy(fits.sum(axis=0))))
    found = []
    if not (factors >= 1).all():
        found.append("a factor is below 1")
    if not (factors[sizes == 0] == 1).all():
        found.append("a factor of what cannot be seen")
    if (slopes > allowed).any() or (np.abs(slopes) > allowed)[factors > 1].any():
        found.append(f"slopes {slopes.astype(float)} at {answer}")
    return found


def gain_complaints(arguments: Mapping[str, Any], answer: Any) -> list[str]:
    """Of Gain: it holds what was given; |G_s'G_s| lies between a column's energy and their sum."""
    gain, n_orient = plain(arguments["gain"]), int(arguments.get("n_orient", 1))
    n_locations = gain.shape[1] // n_orient
    if (answer.shape, answer.n_orient) != (gain.shape, n_orient):
        return [f"shape {answer.shape}, {answer.n_orient} orientations"]
    found = []
    if not np.array_equal(answer.columns(np.arange(n_locations)), gain):
        found.append("its columns are not those given")
    energies = np.sum(extended(gain) ** 2, axis=0).reshape(n_locations, n_orient)
    least, most = energies.max(axis=1), energies.sum(axis=1)
    held = (least > SMALLEST) & (most < LARGEST)
    bounds = np.asarray(answer.lipschitz)
    outside = (bounds < least * (1 - 1e-12)) | (bounds > most * (1 + 1e-12))
    if outside[held].any():
        found.append(f"lipschitz {bounds}, between {least} and {most}")
    return found


def whitener_complaints(arguments: Mapping[str, Any], answer: Any) -> list[str]:
    """Of whitener: W C W' is the identity."""
    covariance, w = extended(arguments["noise_cov"]), extended(answer)
    if not (w.ndim == 2 and np.isfinite(answer).all() and w.shape[1] == len(covariance)):
        return [f"shape {w.shape}"]
    error = np.abs(w @ covariance @ w.T - np.eye(len(w))).max()
    return [f"W C W' is {float(error):.1e} away from the identity"] if error > 1e-8 else []


@dataclass(frozen=True)
class Verb:
    """A public function, and how its answers are held to account."""

    function: Callable[..., Any]
    complaints: Callable[[Mapping[str, Any], Any], list[str]]

    @property
    def takes(self) -> set[str]:
        """Its arguments."""
        return parameters(self.function)


@cache
def parameters(function: Callable[..., Any]) -> set[str]:
    """The names of a function's parameters."""
    return set(inspect.signature(function).parameters)


VERBS = {
    "solve_mxne": Verb(mxne_rs.solve_mxne, mxne_complaints),
    "solve_irmxne": Verb(mxne_rs.solve_irmxne, irmxne_complaints),
    "solve_path": Verb(mxne_rs.solve_path, path_complaints),
    "solve_batch": Verb(mxne_rs.solve_batch, batch_complaints),
    "solve_sure": Verb(mxne_rs.solve_sure, sure_complaints),
    "duality_gap": Verb(mxne_rs.duality_gap, gap_complaints),
    "alpha_max": Verb(mxne_rs.alpha_max, alpha_max_complaints),
    "debias": Verb(mxne_rs.debias, debias_complaints),
    "Gain": Verb(mxne_rs.Gain, gain_complaints),
    "whitener": Verb(mxne_rs.whitener, whitener_complaints),
}
