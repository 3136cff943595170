"""What has to hold for any answer, and for any refusal, of a call with anything for an argument."""

from __future__ import annotations

import json
import re
import warnings

import numpy as np

import mxne_rs
import strange
from fuzz_calls import CALLS, SOLVERS, build, parameters

#: Scales within 2**-ORDINARY .. 2**ORDINARY are no reason to refuse anything.
ORDINARY = 60


class Finding(AssertionError):
    """Something that must not be, and a name under which it is reported once."""

    def __init__(self, kind, detail):
        super().__init__(f"{kind}: {detail}")
        self.kind = kind


def ensure(holds, kind, detail):
    """Raise a finding where something does not hold."""
    if not holds:
        raise Finding(kind, detail)


def start_of(error):
    """The words with which a message begins: one cause is reported once."""
    words = re.findall(r"[A-Za-z_]+", str(error))
    return " ".join(words[1:5] if words[1:3] == ["object", "is"] else words[:4])


def is_represented(description):
    """Whether sources and correlations are numbers, so that a solver may not refuse the scales."""
    gain, data = description["scale"]
    of_solver = description["call"] in {*SOLVERS, "alpha_max", "duality_gap"}
    return of_solver and max(abs(gain + data), abs(gain - data)) <= 900


def is_ordinary(description):
    """Whether nothing may be refused for its size."""
    scales = max(map(abs, description["scale"])) <= ORDINARY
    return scales and not strange.EXTREME & set(description["strange"].values())


# --- what has to hold ----------------------------------------------------------------------------


def check(description):
    """Make a call and return its outcome in a word; raise a Finding where anything is wrong."""
    name = description["call"]
    arguments, untouched = build(description), build(description)
    ordinary = is_ordinary(description)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = CALLS[name](**arguments)
        except (ValueError, TypeError) as error:
            result, outcome = None, type(error).__name__
            # A solve along a path speaks of the one alpha it is at.
            names = {*parameters(name)} | ({"alpha"} if "alphas" in parameters(name) else set())
            named = [n for n in names if re.search(rf"\b{n}\b", str(error))]
            ensure(named, f"nameless {outcome}: {start_of(error)}", f"{name}: {error}"[:300])
            plain = not description["strange"] and not description["given"]
            may = not plain or not (ordinary or is_represented(description))
            may |= name == "solve_sure" and str(error).startswith("sigma")
            ensure(may, f"{name}: refused", str(error)[:300])
        except MemoryError as error:
            result, outcome = None, "MemoryError"
            huge = any("huge" in recipe for recipe in description["strange"].values())
            ensure(huge, f"{name}: MemoryError", str(error))
        except RuntimeError as error:
            result, outcome = None, "RuntimeError"
            # The documented way out of numbers that rounding has spoilt.
            documented = name == "debias" and "optimality" in str(error) and not ordinary
            ensure(documented, f"RuntimeError: {start_of(error)}", f"{name}: {error}"[:300])
        except BaseException as error:
            kind = f"{type(error).__name__}: {start_of(error)}"
            raise Finding(kind, f"{name}: {error}"[:300]) from error
        else:
            outcome = "answer"
    for warning in caught:
        words = str(warning.message)
        fine = (
            issubclass(warning.category, mxne_rs.ConvergenceWarning)
            or "times alpha_max, from which on there is no source" in words
            or "reweighting left none" in words
            or (name == "solve_sure" and words.startswith("SURE "))
        )
        ensure(fine, f"{name}: {warning.category.__name__}", str(warning.message)[:300])
    for arg, value in arguments.items():
        same = strange.fingerprint(value) == strange.fingerprint(untouched[arg])
        ensure(same, f"{name}: {arg} changed", type(value).__name__)
    if result is not None:
        with np.errstate(all="ignore"):
            JUDGES[name](Facts(description, untouched), result)
    return f"{outcome}{' with warnings' if caught else ''}"


class Facts:
    """What a call was given, as numbers: arrays in extended precision."""

    def __init__(self, description, arguments):
        self.arguments = arguments
        self.name = description["call"]
        self.label = json.dumps(description)
        self.ordinary = is_ordinary(description)
        self.strange = description["strange"]

    def numbers(self, name):
        """An argument as longdouble."""
        value = strange.numbers(self.arguments[name])
        return None if value is None else np.asarray(value, np.longdouble)

    def option(self, name, default):
        """A number, or what it is by default."""
        value = self.arguments.get(name)
        return default if value is None else value

    @property
    def n_orient(self):
        """Orientations per location."""
        return int(self.option("n_orient", 1))

    @property
    def weights(self):
        """Weights of the penalty."""
        if self.arguments.get("weights") is None:
            return np.ones(self.numbers("gain").shape[1] // self.n_orient, np.longdouble)
        return self.numbers("weights")


def gap_of(facts, data, x, alpha, weights):
    """Relative gap in extended precision, and what rounding may do to one in double precision."""
    gain, n_orient = facts.numbers("gain"), facts.n_orient
    ridge = np.longdouble(facts.option("ridge", 0.0))
    half = np.sum(data**2) / 2
    if half == 0:
        return 0.0, 0.0

    def norms(a, axis):
        shape = [-1, n_orient, a.shape[1]] if axis == 0 else [a.shape[0], -1, n_orient]
        blocks = np.moveaxis(a.reshape(shape), axis, 0) if axis else a.reshape(shape)
        return np.sqrt(np.sum(blocks**2, axis=(1, 2)))

    residual = data - gain @ x
    kept = np.isfinite(weights)
    of_x, of_gain = norms(x, 0)[kept], norms(gain, 1)[kept]
    thresholds = alpha * weights[kept]
    correlations = norms(gain.T @ residual - ridge * x, 0)[kept]
    unit = 256 * np.finfo(float).eps / 2
    error = unit * (np.sqrt(2 * half) + np.sum(of_gain * of_x))
    noise = of_gain * error + unit * correlations
    ratios = [np.max((correlations + sign * noise) / thresholds, initial=1) for sign in (0, -1, 1)]
    energy = np.sum(residual**2) + ridge * np.sum(x**2)
    inner = np.sum(residual * data)
    dual, low, high = (inner / c - energy / c**2 / 2 for c in ratios)
    primal = energy / 2 + np.sum(thresholds * of_x)
    size = np.sqrt(np.sum(residual**2))
    spread = max(abs(low - dual), abs(high - dual)) + error * (2 * size + np.sqrt(2 * half) + error)
    return float((primal - dual) / half), float((spread + unit * (primal + abs(inner))) / half)


def judge_solution(facts, solution, data=None, reweighted=None):
    """The certificate of an answer is what the formulas say."""
    kind = facts.name
    data = facts.numbers("data") if data is None else data
    gain = facts.numbers("gain")
    x = solution.x
    ensure(x.shape == (gain.shape[1], data.shape[1]), f"{kind}: shape", x.shape)
    ensure(np.isfinite(x).all(), f"{kind}: not finite", repr(solution))
    ensure(np.isfinite(solution.gap) and solution.gap >= 0, f"{kind}: gap", repr(solution))
    ensure(np.isfinite(solution.explained_variance), f"{kind}: explained variance", repr(solution))
    weights = facts.weights if solution.weights is None else np.asarray(solution.weights)
    x, alpha = x.astype(np.longdouble), np.longdouble(solution.alpha)
    gap, rounding = gap_of(facts, data, x, alpha, weights)
    said = f"says {solution.gap:.3e}, is {gap:.3e} (rounding {rounding:.1e}): {solution!r}"
    # Out of time, X = 0 is handed back with what is known of it for nothing: D = 0.
    trivial = solution.status == "time_limit" and solution.gap == 1.0 and not x.any()
    ensure(trivial or abs(solution.gap - gap) <= rounding, f"{kind}: wrong gap", said)
    if solution.converged:
        ensure(gap <= solution.tol + rounding, f"{kind}: not converged", said)
    return solution


def judge_path(facts, path):
    """Every answer of a path."""
    for solution in (*path.solutions, *path.convex):
        judge_solution(facts, solution)
    repr(path)


def judge_batch(facts, solutions):
    """Every answer of a batch."""
    data = strange.numbers(facts.arguments["data"])
    if data is None:
        return
    ensure(len(solutions) == len(data), "solve_batch: length", len(solutions))
    for solution, one in zip(solutions, data, strict=True):
        judge_solution(facts, solution, np.asarray(one, np.longdouble))


def judge_alpha_max(facts, alpha):
    """The largest ratio of a correlation and its weight."""
    ensure(np.isfinite(alpha) and alpha >= 0, "alpha_max: value", alpha)
    gain, data = facts.numbers("gain"), facts.numbers("data")
    blocks = (gain.T @ data).reshape(-1, facts.n_orient * data.shape[1])
    exact = np.max(np.sqrt(np.sum(blocks**2, axis=1)) / facts.weights)
    sizes = np.sqrt(np.sum(gain.T.reshape(len(blocks), -1) ** 2, axis=1)) / facts.weights
    reach = np.max(sizes) * np.sqrt(np.sum(data**2))
    fine = abs(alpha - exact) <= 1e-13 * reach + np.finfo(float).tiny
    ensure(fine, "alpha_max: wrong", f"{alpha} is {exact}")


def judge_gap(facts, result):
    """The certificate of any X."""
    gap, primal, _dual = result
    ensure(gap >= 0, "duality_gap: gap", result)
    x = facts.arguments["x"]
    x = np.asarray(x.x if isinstance(x, mxne_rs.Solution) else strange.numbers(x), np.longdouble)
    excluded = ~np.isfinite(np.repeat(facts.weights, facts.n_orient))
    if x[excluded].any():
        ensure(gap == 0 or np.isinf(gap), "duality_gap: excluded", result)
        return
    alpha = np.longdouble(facts.arguments["alpha"])
    exact, rounding = gap_of(facts, facts.numbers("data"), x, alpha, facts.weights)
    fine = abs(gap - exact) <= rounding + 1e-12 * exact or (np.isinf(gap) and not facts.ordinary)
    ensure(fine, "duality_gap: wrong", f"{gap} is {exact} (rounding {rounding:.1e})")
    ensure(not np.isnan(primal), "duality_gap: primal", result)


def judge_debias(facts, factors):
    """Factors of at least one."""
    ensure(np.isfinite(factors).all() and (factors >= 1).all(), "debias: factors", factors)


def judge_threshold(facts, block):
    """Group soft-thresholding by its formula."""
    before, threshold = facts.numbers("block"), np.longdouble(facts.arguments["threshold"])
    norm = np.sqrt(np.sum(before**2))
    exact = before * max(0, 1 - threshold / norm) if norm > 0 else before
    error = np.max(abs(block - exact))
    fine = error <= 1e-14 * norm + np.finfo(float).tiny
    ensure(np.isfinite(block).all() and fine, "group_soft_threshold: wrong", (block, exact))


def judge_whitener(facts, white):
    """W C W' = 1."""
    ensure(np.isfinite(white).all(), "whitener: not finite", white)
    if "noise_cov" in facts.strange and not isinstance(facts.arguments["noise_cov"], np.ndarray):
        return
    covariance = facts.numbers("noise_cov")
    error = np.max(abs(white @ covariance @ white.T - np.eye(len(white))))
    ensure(error < 1e-3, "whitener: not white", error)


def judge_gain(facts, gain):
    """The columns are those given."""
    exact = facts.numbers("gain").astype(np.float64)
    ensure(gain.shape == exact.shape, f"{facts.name}: shape", gain.shape)
    of_gain = np.max(np.abs(facts.numbers("gain")))
    usual = (
        of_gain < 1e150 or np.isposinf(gain.lipschitz).any() or np.isfinite(gain.lipschitz).all()
    )
    ensure(usual, f"{facts.name}: lipschitz", gain.lipschitz)
    ensure(not np.isnan(gain.lipschitz).any(), f"{facts.name}: lipschitz", gain.lipschitz)
    same = np.array_equal(gain.columns(np.arange(gain.n_locations)), exact)
    ensure(same, f"{facts.name}: columns", repr(gain))
    repr(gain)


def judge_columns(facts, chosen):
    """Columns of whole locations, from the gain given."""
    gain = facts.numbers("gain").astype(np.float64)
    ensure(len(chosen) == len(gain), "Gain.columns: shape", chosen.shape)
    available = {column.tobytes() for column in np.ascontiguousarray(gain.T)}
    there = all(column.tobytes() in available for column in np.ascontiguousarray(chosen.T))
    ensure(there, "Gain.columns: wrong", chosen)


JUDGES = {
    "solve_mxne": judge_solution,
    "solve_irmxne": judge_solution,
    "solve_path": judge_path,
    "solve_batch": judge_batch,
    "solve_sure": judge_solution,
    "alpha_max": judge_alpha_max,
    "duality_gap": judge_gap,
    "debias": judge_debias,
    "group_soft_threshold": judge_threshold,
    "whitener": judge_whitener,
    "Gain": judge_gain,
    "pickle": judge_gain,
    "Gain.columns": judge_columns,
}
