"""The formulas of MxNE and irMxNE in NumPy: slow, obvious, and the judge of every other test.

Words and symbols: data M (n_sensors x n_times), gain G (n_sensors x n_locations*n_orient), sources
X; X_s is the block of the n_orient rows of location s, |.| the Frobenius norm, R = M - G X.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# What float64 arithmetic may cost in a relative gap; every comparison of gaps allows this much.
ROUNDING = 1e-13


def blocks(x, n_orient):
    """X as (n_locations, n_orient, n_times)."""
    return x.reshape(x.shape[0] // n_orient, n_orient, x.shape[1])


def group_norms(x, n_orient):
    """|X_s| for every location s."""
    return np.sqrt(np.sum(blocks(x, n_orient) ** 2, axis=(1, 2)))


def group_soft_threshold(block, threshold):
    """(1 - threshold / |B|)_+ B."""
    norm = np.linalg.norm(block)
    if norm <= threshold:
        return np.zeros_like(block)
    return (1 - threshold / norm) * block


def penalty_weights(n_locations, weights):
    """w_s for every location: 1 unless given."""
    return np.ones(n_locations) if weights is None else np.asarray(weights, float)


def finite_sum(weights, values):
    """sum_s w_s v_s over the locations that are not excluded (w_s finite)."""
    kept = np.isfinite(weights)
    return np.sum(np.longdouble(1) * weights[kept] * values[kept])


def largest_ratio(norms, weights):
    """max_s norm_s / w_s, 0 where every location is excluded."""
    return float(np.max(norms / weights, initial=0.0))


def energy(a):
    """|A|^2 in extended precision."""
    return np.sum(np.asarray(a, np.longdouble) ** 2)


def alpha_max(gain, data, n_orient=1, weights=None):
    """max_s |G_s' M| / w_s: from here on X = 0 is the answer."""
    norms = group_norms(gain.T @ data, n_orient)
    return largest_ratio(norms, penalty_weights(norms.size, weights))


def objective(gain, data, x, alpha, n_orient=1, weights=None, ridge=0.0):
    """P(X) = 1/2 |M - G X|^2 + alpha sum_s w_s |X_s| + ridge/2 |X|^2."""
    norms = group_norms(x, n_orient)
    penalty = alpha * finite_sum(penalty_weights(norms.size, weights), norms)
    return float(energy(data - gain @ x) / 2 + penalty + ridge * energy(x) / 2)


def dual_objective(gain, data, x, alpha, n_orient=1, weights=None, ridge=0.0):
    """D = t <R, M> - t^2/2 (|R|^2 + ridge |X|^2).

    c_s = |G_s'R - ridge X_s| / w_s and t = min(1, alpha / max_s c_s).
    """
    residual = data - gain @ x
    norms = group_norms(gain.T @ residual - ridge * x, n_orient)
    largest = largest_ratio(norms, penalty_weights(norms.size, weights))
    t = np.longdouble(1 if largest <= alpha else alpha / largest)
    inner = np.sum(residual.astype(np.longdouble) * data)
    return float(t * inner - t**2 / 2 * (energy(residual) + ridge * energy(x)))


def duality_gap(gain, data, x, alpha, n_orient=1, weights=None, ridge=0.0):
    """Relative gap (P - D) / (1/2 |M|^2), P and D; on zero data it is 0 or infinite."""
    primal = objective(gain, data, x, alpha, n_orient, weights, ridge)
    dual = dual_objective(gain, data, x, alpha, n_orient, weights, ridge)
    half = float(energy(data)) / 2
    if half == 0:
        return (np.inf if primal > dual else 0.0), primal, dual
    return (primal - dual) / half, primal, dual


def exact_block(hessian, correlation, threshold):
    """The minimiser of 1/2 <Y, H Y> - <B, Y> + threshold |Y|.

    Y = (H + threshold/nu I)^-1 B, where nu = |Y| solves sum_i b_i^2 / (d_i nu + threshold)^2 = 1
    (H = U diag(d) U', b_i = |row i of U'B|); found by bisection upwards
    from (|B| - threshold) / max_i d_i, which it cannot be below.
    """
    if np.linalg.norm(correlation) <= threshold:
        return np.zeros_like(correlation)
    d, u = np.linalg.eigh(hessian)
    d = np.maximum(d, 0)
    rotated = u.T @ correlation
    b = np.linalg.norm(rotated, axis=1)
    low = high = (np.linalg.norm(correlation) - threshold) / d.max()
    while np.sum((b / (d * high + threshold)) ** 2) > 1:
        low, high = high, 2 * high
    while low < (nu := (low + high) / 2) < high:
        if np.sum((b / (d * nu + threshold)) ** 2) > 1:
            low = nu
        else:
            high = nu
    return u @ (rotated / (d + threshold / high)[:, None])


def bcd(
    gain, data, alpha, n_orient=1, weights=None, ridge=0.0, tol=1e-12, max_iter=20000, **options
):
    """Block coordinate descent until the relative gap is at most tol.

    The block update is exact, or with `exact=False` one proximal step: X_s becomes
    soft(X_s + (G_s'R - ridge X_s) / L_s, alpha w_s / L_s) with L_s = |G_s'G_s|_2 + ridge.
    """
    exact, init = options.get("exact", True), options.get("init")
    n_locations = gain.shape[1] // n_orient
    w = penalty_weights(n_locations, weights)
    x = np.zeros((gain.shape[1], data.shape[1])) if init is None else np.array(init, float)
    x[np.repeat(np.isinf(w), n_orient)] = 0
    residual = data - gain @ x
    columns = [slice(s * n_orient, (s + 1) * n_orient) for s in range(n_locations)]
    hessians = [gain[:, s].T @ gain[:, s] for s in columns]
    lipschitz = [np.linalg.norm(h, 2) + ridge for h in hessians]
    for epoch in range(max_iter):
        for s, column in enumerate(columns):
            if np.isinf(w[s]) or lipschitz[s] == 0:
                continue
            old = x[column].copy()
            gradient = gain[:, column].T @ residual
            if exact:
                curvature = hessians[s] + ridge * np.eye(n_orient)
                x[column] = exact_block(curvature, gradient + hessians[s] @ old, alpha * w[s])
            else:
                step = old + (gradient - ridge * old) / lipschitz[s]
                x[column] = group_soft_threshold(step, alpha * w[s] / lipschitz[s])
            residual -= gain[:, column] @ (x[column] - old)
        if epoch % 5 == 0 and duality_gap(gain, data, x, alpha, n_orient, w, ridge)[0] <= tol:
            return x
    raise RuntimeError(f"the reference did not reach a relative gap of {tol}")


def fista(gain, data, alpha, n_orient=1, weights=None, ridge=0.0, tol=1e-12, max_iter=100000):
    """Accelerated proximal gradient, momentum dropped whenever it points uphill."""
    n_locations = gain.shape[1] // n_orient
    w = penalty_weights(n_locations, weights)
    lipschitz = np.linalg.norm(gain, 2) ** 2 + ridge
    x = np.zeros((gain.shape[1], data.shape[1]))
    y, momentum = x, 1.0
    for iteration in range(max_iter):
        if iteration % 10 == 0 and duality_gap(gain, data, x, alpha, n_orient, w, ridge)[0] <= tol:
            return x
        step = blocks(y + (gain.T @ (data - gain @ y) - ridge * y) / lipschitz, n_orient)
        new = [
            group_soft_threshold(b, alpha * w_s / lipschitz) for b, w_s in zip(step, w, strict=True)
        ]
        new = np.reshape(new, x.shape)
        if np.sum((y - new) * (new - x)) > 0:
            momentum = 1.0
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        y = new + (momentum - 1) / following * (new - x)
        x, momentum = new, following
    raise RuntimeError(f"the reference did not reach a relative gap of {tol}")


def surrogate_weights(x, n_orient, surrogate, epsilon):
    """1 / (2 sqrt|X_s|) (sqrt; infinite at zero) or 1 / (|X_s| + epsilon) (log)."""
    norms = group_norms(x, n_orient)
    with np.errstate(divide="ignore"):
        return 1 / (2 * np.sqrt(norms)) if surrogate == "sqrt" else 1 / (norms + epsilon)


def sqrt_objective(gain, data, x, alpha, n_orient=1, weights=None, ridge=0.0):
    """1/2 |M - G X|^2 + alpha sum_s w_s sqrt|X_s| + ridge/2 |X|^2 (w: the user's weights)."""
    values = np.sqrt(group_norms(x, n_orient))
    penalty = alpha * finite_sum(penalty_weights(values.size, weights), values)
    return float(energy(data - gain @ x) / 2 + penalty + ridge * energy(x) / 2)


def log_objective(gain, data, x, alpha, epsilon, n_orient=1, weights=None, ridge=0.0):
    """1/2 |M - G X|^2 + alpha sum_s w_s log(|X_s| + epsilon) + ridge/2 |X|^2."""
    values = np.log(group_norms(x, n_orient) + epsilon)
    penalty = alpha * finite_sum(penalty_weights(values.size, weights), values)
    return float(energy(data - gain @ x) / 2 + penalty + ridge * energy(x) / 2)


@dataclass(frozen=True)
class Round:
    """One convex solve: the weights it was given, its answer and the non-convex objective."""

    weights: np.ndarray
    x: np.ndarray
    objective: float


def amplitude_unit(name, gain, data, largest, n_orient, user, surrogate):
    """u of each name, where `largest` is max_s |X_s| of the first round."""
    columns = blocks(gain.T, n_orient)
    if name == "mne":
        correlations = [np.linalg.norm(g @ data) for g in columns]
        return 100 / np.max(correlations / user)
    if name == "gain":
        return 1 / np.median([np.linalg.norm(g, 2) for g in columns])
    # The weight g'(largest / u) is 1.
    weight_one = 4 * largest if surrogate == "sqrt" else 1.01 * largest
    return {"largest": weight_one, "relative": weight_one / 4}.get(name, name)


def irmxne(gain, data, alpha, n_orient=1, n_reweights=5, surrogate="sqrt", unit=1.0, **options):
    """Every round of irMxNE; the first has w_s = 1 (times the user's weights) and is MxNE.

    The penalty is alpha u sum_s w_s g(|X_s| / u): in units Y = X / u it is that of the gain u G
    and of u alpha. With the log surrogate epsilon is 0.01 max_s |Y_s| of the first round (where
    that is 0 there is no logarithm to take, and the objective of X = 0 is 1/2 |M|^2).
    """
    ridge, tol = options.get("ridge", 0.0), options.get("tol", 1e-12)
    user = penalty_weights(gain.shape[1] // n_orient, options.get("weights"))
    x = bcd(gain, data, alpha, n_orient, user, ridge, tol)
    largest = np.max(group_norms(x, n_orient), initial=0.0)
    u = amplitude_unit(unit, gain, data, largest, n_orient, user, surrogate) if largest else 1.0
    epsilon = 0.01 * largest / u

    def value(x):
        args = u * gain, data, x / u, u * alpha
        if surrogate == "log" and epsilon > 0:
            return log_objective(*args, epsilon, n_orient, user, u**2 * ridge)
        return sqrt_objective(*args, n_orient, user, u**2 * ridge)

    rounds = [Round(user, x, value(x))]
    while len(rounds) < n_reweights and x.any():
        w = user * surrogate_weights(x / u, n_orient, surrogate, epsilon)
        x = bcd(gain, data, alpha, n_orient, w, ridge, tol, init=x)
        rounds.append(Round(w, x, value(x)))
    return rounds


def debias(gain, data, x, n_orient=1):
    """The d >= 1 (one a location) that minimises 1/2 |M - G diag(d) X|^2; 1 where X_s is 0.

    A bounded least squares in the predictions G_s X_s, column by column, solved for d - 1 >= 0.
    """
    from scipy.optimize import nnls

    factors = np.ones(x.shape[0] // n_orient)
    active = np.flatnonzero(group_norms(x, n_orient))
    if active.size:
        columns = [slice(s * n_orient, (s + 1) * n_orient) for s in active]
        predictions = np.stack([(gain[:, s] @ x[s]).ravel() for s in columns], axis=1)
        excess, _ = nnls(predictions, data.ravel() - predictions.sum(axis=1))
        factors[active] += excess
    return factors


def debias_cost(gain, data, x, factors, n_orient=1):
    """1/2 |M - G diag(d) X|^2."""
    return float(energy(data - gain @ (np.repeat(factors, n_orient)[:, None] * x)) / 2)
