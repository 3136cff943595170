"""The formulas of TF-MxNE and of gamma-MAP in NumPy: a dense dictionary, slow and obvious.

Z (n_sources x n_coefs, complex) are the coefficients of X = Z Phi^H; mu counts the frequencies
between zero and Nyquist twice, as they stand for their mirror images, too.
"""

import numpy as np


def dictionary(n_times, stfts):
    """Return Phi (n_coefs x n_times) and mu (n_coefs,) for transforms of (wsize, tstep)."""
    rows, mu = [], []
    for wsize, tstep in stfts:
        n_windows = -(-n_times // tstep)
        window = np.sin(np.pi * (np.arange(wsize) + 0.5) / wsize)
        sums = np.zeros((n_windows - 1) * tstep + wsize)
        for i in range(n_windows):
            sums[i * tstep : i * tstep + wsize] += window**2
        padding = (wsize - tstep) // 2
        for frequency in range(wsize // 2 + 1):
            wave = np.exp(-2j * np.pi * frequency * np.arange(wsize) / wsize)
            for i in range(n_windows):
                row = np.zeros(sums.size, dtype=complex)
                part = slice(i * tstep, i * tstep + wsize)
                row[part] = window * wave / np.sqrt(wsize * sums[part])
                rows.append(row[padding : padding + n_times])
                mu.append(1.0 if frequency in (0, wsize // 2) else 2.0)
    return np.array(rows) / np.sqrt(len(stfts)), np.array(mu)


def analysed(x, phi):
    """Return the coefficients Phi x of each row."""
    return x @ phi.T


def synthesised(z, phi, mu):
    """Return the time courses of each row of coefficients."""
    return ((z * mu) @ phi.conj()).real


def magnitudes(z, n_orient):
    """Return |Z_sk|, the norm over orientations (n_locations x n_coefs)."""
    return np.sqrt((np.abs(z) ** 2).reshape(-1, n_orient, z.shape[1]).sum(1))


def penalty(z, mu, l1_ratio, n_orient=1, weights=None):
    """Return the sum over locations of (1 - r) w_s |Z_s| + r |Z_s|_1."""
    y = magnitudes(z, n_orient)
    weights = np.ones(len(y)) if weights is None else weights
    norms = np.sqrt((mu * y**2).sum(1))
    used = norms > 0
    return (1 - l1_ratio) * (weights[used] * norms[used]).sum() + l1_ratio * (mu * y).sum()


def dual_norm(y, mu, l1_ratio, weight=1.0):
    """Return the nu at which |(y - r nu)_+|_mu = (1 - r) w nu, by bisection in long double."""
    if weight == np.inf:
        return 0.0
    y, mu = y.astype(np.longdouble), mu.astype(np.longdouble)
    space = np.longdouble(1) - np.longdouble(l1_ratio)
    low, high = np.longdouble(0), 2 * np.sqrt((mu * y**2).sum()) / min(1.0, weight or 1.0)
    for _ in range(200):
        middle = (low + high) / 2
        left = np.sqrt((mu * np.maximum(y - l1_ratio * middle, 0) ** 2).sum())
        low, high = (middle, high) if left > space * weight * middle else (low, middle)
    return float(high)


def dual_norms(correlations, phi, mu, l1_ratio, n_orient=1, weights=None):
    """Return the dual norm of the correlations of each location."""
    y = magnitudes(analysed(correlations, phi), n_orient)
    weights = np.ones(len(y)) if weights is None else weights
    pairs = zip(y, weights, strict=True)
    return np.array([dual_norm(row, mu, l1_ratio, weight) for row, weight in pairs])


def objective(gain, data, z, alpha, l1_ratio, phi, mu, n_orient=1, weights=None):
    """Return P(Z)."""
    residual = data - gain @ synthesised(z, phi, mu)
    return 0.5 * np.sum(residual**2) + alpha * penalty(z, mu, l1_ratio, n_orient, weights)


def duality_gap(gain, data, z, alpha, l1_ratio, phi, mu, n_orient=1, weights=None):
    """Return the gap relative to |M|^2 / 2."""
    residual = data - gain @ synthesised(z, phi, mu)
    largest = dual_norms(gain.T @ residual, phi, mu, l1_ratio, n_orient, weights).max()
    t = min(1.0, alpha / largest) if largest > 0 else 1.0
    dual = t * np.sum(residual * data) - 0.5 * t**2 * np.sum(residual**2)
    primal = objective(gain, data, z, alpha, l1_ratio, phi, mu, n_orient, weights)
    return (primal - dual) / (0.5 * np.sum(data**2))


def solve(gain, data, alpha, l1_ratio, phi, mu, n_orient=1, weights=None, n_iter=3000):
    """Return Z by proximal gradient steps with momentum."""
    n_locations = gain.shape[1] // n_orient
    weights = np.ones(n_locations) if weights is None else weights
    lipschitz = np.linalg.norm(gain, 2) ** 2
    z = point = np.zeros((gain.shape[1], len(mu)), dtype=complex)
    momentum = 1.0
    for _ in range(n_iter):
        residual = data - gain @ synthesised(point, phi, mu)
        step = point + analysed(gain.T @ residual, phi) / lipschitz
        y = np.repeat(magnitudes(step, n_orient), n_orient, axis=0)
        step = step * np.maximum(1 - alpha * l1_ratio / (lipschitz * np.maximum(y, 1e-300)), 0)
        norms = np.sqrt((mu * magnitudes(step, n_orient) ** 2).sum(1))
        threshold = alpha * (1 - l1_ratio) * np.where(np.isinf(weights), 1e300, weights) / lipschitz
        factors = np.maximum(1 - threshold / np.maximum(norms, 1e-300), 0)
        new = step * np.repeat(factors, n_orient)[:, np.newaxis]
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        point = new + (momentum - 1) / following * (new - z)
        z, momentum = new, following
    return z


def covariance(gain, gammas, noise):
    """Return C = noise I + G diag(gammas) G'."""
    return (gain * gammas) @ gain.T + noise * np.eye(len(gain))


def evidence(gain, data, gammas, noise):
    """Return log|C| + tr(C^-1 M M') / n_times, to be minimised."""
    c = covariance(gain, gammas, noise)
    trace = np.sum(data * np.linalg.solve(c, data))
    return np.linalg.slogdet(c)[1] + trace / data.shape[1]


def evidence_slopes(gain, data, gammas, noise, n_orient=1):
    """Return the derivatives of the evidence by the variance of each location."""
    inverse = np.linalg.inv(covariance(gain, gammas, noise))
    energy = np.sum(gain * (inverse @ gain), axis=0)
    fit = np.mean((gain.T @ inverse @ data) ** 2, axis=1)
    return (energy - fit).reshape(-1, n_orient).sum(1)
