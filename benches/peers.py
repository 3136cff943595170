"""The solvers that are compared, each as a function from (problem, alpha, tolerance) to x."""

from __future__ import annotations

import warnings

import numpy as np

import mxne_rs


def _full(active, rows, n_sources):
    x = np.zeros((n_sources, rows.shape[1]))
    x[active] = rows
    return x


def ours(problem, n_threads):
    """The solver on a prepared Gain."""
    gain = mxne_rs.Gain(problem.gain, problem.n_orient)

    def solve(alpha, tol):
        return mxne_rs.solve_mxne(gain, problem.data, alpha, tol=tol, n_threads=n_threads)

    return solve


def mne(solver):
    """MNE-Python's own solver, its absolute tolerance set to the same relative gap."""

    def prepare(problem):
        from mne.inverse_sparse.mxne_optim import mixed_norm_solver

        scale = 0.5 * (problem.data**2).sum()

        def solve(alpha, tol):
            x, active, _ = mixed_norm_solver(
                problem.data, problem.gain, alpha, maxit=10_000, tol=tol * scale, debias=False,
                n_orient=problem.n_orient, solver=solver, active_set_size=10, verbose=False,
            )  # fmt: skip
            return _full(active, x, problem.gain.shape[1])

        return solve

    return prepare


def scikit_learn(problem):
    """Coordinate descent of scikit-learn (fixed orientation only)."""
    from sklearn.linear_model import MultiTaskLasso

    if problem.n_orient != 1:
        return None
    n = problem.data.shape[0]
    gain = np.asfortranarray(problem.gain)

    def solve(alpha, tol):
        model = MultiTaskLasso(alpha / n, tol=0.5 * tol, fit_intercept=False, max_iter=100_000)
        return model.fit(gain, problem.data).coef_.T

    return solve


def celer(problem):
    """celer's MultiTaskLasso (fixed orientation only)."""
    from celer import MultiTaskLasso

    if problem.n_orient != 1:
        return None
    n = problem.data.shape[0]
    gain, data = np.asfortranarray(problem.gain), np.asfortranarray(problem.data)

    def solve(alpha, tol):
        model = MultiTaskLasso(alpha / n, tol=0.5 * tol, fit_intercept=False, max_iter=1000)
        return model.fit(gain, data).coef_.T

    return solve


def skglm(problem):
    """skglm's block coordinate descent (fixed orientation), stopped by the subdifferential."""
    from skglm.datafits import QuadraticMultiTask
    from skglm.penalties import L2_1
    from skglm.solvers import MultiTaskBCD

    if problem.n_orient != 1:
        return None
    n = problem.data.shape[0]
    gain, data = np.asfortranarray(problem.gain), np.asfortranarray(problem.data)

    def solve(alpha, tol):
        solver = MultiTaskBCD(tol=alpha / n * tol**0.5 * 0.1, fit_intercept=False, max_iter=1000)
        x = solver.solve(gain, data, QuadraticMultiTask(), L2_1(alpha / n))[0]
        return np.asarray(x)

    return solve


def adelie(problem):
    """adelie's group elastic net over a path of five alphas, its way to solve."""
    import adelie as ad

    n, t = problem.data.shape[0], problem.data.shape[1]
    o = problem.n_orient
    gain = np.asfortranarray(problem.gain)
    matrix = ad.matrix.kronecker_eye(gain, t)
    family = ad.glm.gaussian(np.ascontiguousarray(problem.data).ravel(), dtype=np.float64)
    groups = np.arange(0, problem.gain.shape[1] * t, o * t)

    def solve(alpha, tol):
        path = np.geomspace(100.0, alpha, 5) / (n * t)
        state = ad.grpnet(
            matrix, family, groups=groups, penalty=np.ones(groups.size), lmda_path=path, tol=1e-12,
            intercept=False, progress_bar=False, n_threads=1, adev_tol=1.0, ddev_tol=0.0,
        )  # fmt: skip
        return np.asarray(state.betas[-1].todense()).reshape(-1, t)

    return solve


PEERS = {
    "MNE bcd": mne("bcd"),
    "MNE cd": lambda problem: mne("cd")(problem) if problem.n_orient == 1 else None,
    "adelie": adelie,
    "celer": celer,
    "skglm": skglm,
    "scikit-learn": scikit_learn,
}


def prepare(name, problem):
    """The peer's solve, or None where it does not apply; raises where it is absent or broken."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return PEERS[name](problem)
