"""The solvers that are compared, each as a function from (alpha, own tolerance) to x.

A `Peer` says with `ladder` which tolerances of its own to try, loosest first, for a relative gap:
peers stop by other criteria, and the comparison looks outside of the timing for the loosest that
gives the gap asked. What a peer can prepare once (a copy in its memory order) is not in its time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import mxne_rs


@dataclass(frozen=True)
class Peer:
    """What a peer can do with one problem; None where it cannot."""

    name: str
    solve: Callable
    ladder: Callable = lambda tol: (tol, 0.3 * tol, 0.1 * tol, 0.01 * tol)
    path: Callable | None = None  # (alphas, own tolerance) -> list of x


def _relative(tol):
    """Tolerances of those that stop by a gap relative to |M|^2, and by more."""
    return tuple(tol * part for part in (5.0, 1.5, 0.5, 0.15, 0.05, 5e-3, 5e-4))


def _full(active, rows, n_sources):
    x = np.zeros((n_sources, rows.shape[1]))
    x[active] = rows
    return x


def ours(problem, n_threads):
    """The solver on a prepared Gain."""
    gain = mxne_rs.Gain(problem.gain, problem.n_orient)

    def solve(alpha, tol):
        return mxne_rs.solve_mxne(
            gain, problem.data, alpha, tol=tol, n_threads=n_threads, verbose=False
        )

    return Peer("mxne_rs", solve)


def mne_optimiser(function, problem, data, alpha, tol, **arguments):
    """MNE's solver as (x, E), its absolute tolerance set to the same relative gap."""
    rows, active, objectives = function(
        data, problem.gain, alpha, maxit=10_000, tol=tol * 0.5 * (problem.data**2).sum(),
        debias=False, n_orient=problem.n_orient, active_set_size=10, verbose=False, **arguments,
    )  # fmt: skip
    return _full(active, rows, problem.gain.shape[1]), objectives


def _mne(solver):
    def prepare(problem, n_threads):
        from mne.inverse_sparse.mxne_optim import mixed_norm_solver

        if solver == "cd" and problem.n_orient != 1:
            return None

        def solve(alpha, tol, data=problem.data):
            return mne_optimiser(mixed_norm_solver, problem, data, alpha, tol, solver=solver)[0]

        return Peer(f"MNE {solver}", solve)

    return prepare


def _scikit_learn(problem, n_threads):
    from sklearn.linear_model import MultiTaskLasso, lasso_path

    if problem.n_orient != 1:
        return None
    n, gain = problem.data.shape[0], np.asfortranarray(problem.gain)

    def solve(alpha, tol):
        model = MultiTaskLasso(alpha / n, tol=tol, fit_intercept=False, max_iter=100_000)
        return model.fit(gain, problem.data).coef_.T

    def path(alphas, tol):
        coefs = lasso_path(gain, problem.data, alphas=alphas / n, tol=tol, max_iter=100_000)[1]
        return [coefs[..., i].T for i in range(alphas.size)]

    return Peer("scikit-learn", solve, _relative, path)


def _celer(problem, n_threads):
    # Its path function, because its estimator class calls what newer scikit-learn no longer has.
    from celer.homotopy import mtl_path

    if problem.n_orient != 1:
        return None
    n = problem.data.shape[0]
    gain, data = np.asfortranarray(problem.gain), np.asfortranarray(problem.data)

    def path(alphas, tol):
        coefs = mtl_path(gain, data, alphas=alphas / n, tol=tol, max_iter=1000)[1]
        return [coefs[..., i].T if coefs.shape[0] == data.shape[1] else coefs[..., i]
                for i in range(alphas.size)]  # fmt: skip

    def solve(alpha, tol):
        return path(np.array([alpha]), tol)[0]

    return Peer("celer", solve, _relative, path)


def _skglm(problem, n_threads):
    from skglm.datafits import QuadraticMultiTask
    from skglm.penalties import L2_1
    from skglm.solvers import MultiTaskBCD

    if problem.n_orient != 1:
        return None
    n = problem.data.shape[0]
    gain, data = np.asfortranarray(problem.gain), np.asfortranarray(problem.data)

    def solve(alpha, tol):
        # It stops by the distance to the subdifferential, which scales like alpha.
        solver = MultiTaskBCD(tol=alpha / n * tol, fit_intercept=False, max_iter=1000)
        return np.asarray(solver.solve(gain, data, QuadraticMultiTask(), L2_1(alpha / n))[0])

    return Peer("skglm", solve, lambda tol: tuple(tol**0.5 * 10.0 ** -(k / 2) for k in range(8)))


def _adelie(problem, n_threads):
    import adelie as ad

    (n, t), o = problem.data.shape, problem.n_orient
    gain = np.asfortranarray(problem.gain)
    n_threads = n_threads or os.cpu_count()
    matrix = ad.matrix.kronecker_eye(gain, t, n_threads=n_threads)
    family = ad.glm.gaussian(np.ascontiguousarray(problem.data).ravel(), dtype=np.float64)
    groups = np.arange(0, problem.gain.shape[1] * t, o * t)

    def path(alphas, tol):
        state = ad.grpnet(
            matrix, family, groups=groups, penalty=np.ones(groups.size), lmda_path=alphas / (n * t),
            tol=tol, intercept=False, progress_bar=False, n_threads=n_threads, adev_tol=1.0,
            ddev_tol=0.0, early_exit=False,
        )  # fmt: skip
        return state.betas, t

    def solve(alpha, tol):
        # A path is its way to solve; five steps are its cheapest.
        betas, _ = path(np.geomspace(100.0, alpha, 5), tol)
        return np.asarray(betas[-1].todense()).reshape(-1, t)

    def dense_path(alphas, tol):
        betas, _ = path(alphas, tol)
        return [np.asarray(row.todense()).reshape(-1, t) for row in betas]

    return Peer(
        "adelie", solve, lambda tol: tuple(tol * 10.0**-k for k in range(4, 12)), dense_path
    )


def _skein_glm(problem, n_threads):
    # Its multi-task problem is a group lasso on a design with a copy of the gain for each sample,
    # in which every column is n_times times as long. Screening by the gap needs a path.
    from skein_glm import MultiTaskLassoPathRegressor

    if problem.n_orient != 1:
        return None
    if problem.gain.size > 1_000_000:
        raise ValueError("too large: at alpha 0.9 it had no answer on 302 x 7498 in 25 minutes")
    count = problem.data.size

    def path(alphas, tol):
        model = MultiTaskLassoPathRegressor(
            lambdas=alphas / count, tol=tol, fit_intercept=False, max_iter=100_000,
            screening="gap_safe", parallel=n_threads != 1,
        )  # fmt: skip
        return [coefs.T for coefs in model.fit(problem.gain, problem.data).coefs_]

    def solve(alpha, tol):
        # Of the paths tried, the one with 20 steps was cheapest.
        return path(np.geomspace(100.0, alpha, 20), tol)[-1]

    return Peer("skein-glm", solve, lambda tol: (1e4 * tol, 1e3 * tol, 1e2 * tol), path)


def _invertmeeg(problem, n_threads):
    # It has no function on arrays: gain and data take the place of the MNE objects in its
    # "mxne-bcd". Depth weighting, centring, debiasing are off; Lipschitz constants are computed in
    # every call, and so are in its time.
    from invert import Solver

    solver = Solver("mxne-bcd")
    solver.leadfield, solver._n_orient = problem.gain, problem.n_orient
    solver._sensor_transform = np.eye(problem.data.shape[0])
    solver.unpack_data_obj = lambda data: data
    solver.validate_operator_data_compatibility = lambda data: None
    solver.source_to_object = lambda x: x

    def solve(alpha, tol):
        return solver.apply_inverse_operator(
            problem.data, alpha=alpha / 100.0, tol=tol, maxit=100, debias=False, time_pca=False,
            center_data=False, depth=0,
        )  # fmt: skip

    return Peer("invertmeeg", solve)


PEERS = {
    "MNE bcd": _mne("bcd"),
    "MNE cd": _mne("cd"),
    "adelie": _adelie,
    "celer": _celer,
    "skglm": _skglm,
    "scikit-learn": _scikit_learn,
    "skein-glm": _skein_glm,
    "invertmeeg": _invertmeeg,
}


def prepare(name, problem, n_threads):
    """The peer on this problem, or None where it does not apply; raises where absent or broken."""
    return PEERS[name](problem, n_threads)
