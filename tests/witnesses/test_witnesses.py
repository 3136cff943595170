"""Second witnesses: MNE-Python and scikit-learn on small problems, MNE-Python on real data."""

from functools import cache

import numpy as np
import pytest

import mxne_rs
import reference
from places import DATA, MISSING
from strategies import fixed_problem

orientations = pytest.mark.parametrize("n_orient", [1, 3])
TIGHT = 1e-10


def mne_optim():
    """MNE's solvers, or a skipped test."""
    return pytest.importorskip("mne.inverse_sparse.mxne_optim")


def run_mne(gain, data, alpha, n_orient, n_mxne_iter=1, tol=TIGHT):
    """MNE's block coordinate descent to a relative gap of tol; dense sources.

    Its tolerance is the absolute gap. The data are rotated over time, which MNE needs where a
    first sample is zero, and the answer is rotated back.
    """
    left, singular, right = np.linalg.svd(data, full_matrices=False)
    options = {
        "tol": tol * np.sum(data**2) / 2,
        "maxit": 100_000,
        "n_orient": n_orient,
        "active_set_size": 10,
        "debias": False,
        "solver": "bcd",
        "verbose": "error",
    }
    if n_mxne_iter == 1:
        run = mne_optim().mixed_norm_solver
    else:
        run = mne_optim().iterative_mixed_norm_solver
        options["n_mxne_iter"] = n_mxne_iter
    rows, active, *_ = run(left * singular, gain, alpha, **options)
    x = np.zeros((gain.shape[1], data.shape[1]))
    x[active] = rows @ right
    return x


def run_ours(gain, data, alpha, n_orient, n_mxne_iter=1, tol=TIGHT):
    """The same call of this package."""
    if n_mxne_iter == 1:
        return mxne_rs.solve_mxne(gain, data, alpha, n_orient=n_orient, tol=tol)
    return mxne_rs.solve_irmxne(
        gain,
        data,
        alpha,
        n_orient=n_orient,
        tol=tol,
        n_reweights=n_mxne_iter,
        tol_reweight=0.0,
        amplitude_unit=1.0,
    )


def support(x, n_orient):
    """Indices of the locations that are not zero."""
    return np.flatnonzero(reference.group_norms(x, n_orient))


@orientations
@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.7])
@pytest.mark.parametrize("n_mxne_iter", [1, 2, 5])
def test_mne_agrees_on_random_problems(n_orient, fraction, n_mxne_iter):
    """Support and amplitudes, MxNE and irMxNE."""
    for seed in range(3):
        problem = fixed_problem(seed, n_orient=n_orient, fraction=fraction)
        args = problem.gain, problem.data, problem.alpha, n_orient, n_mxne_iter
        theirs, ours = run_mne(*args), run_ours(*args).x
        np.testing.assert_array_equal(support(ours, n_orient), support(theirs, n_orient))
        np.testing.assert_allclose(ours, theirs, atol=2e-3 * np.abs(theirs).max())


@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.7])
def test_multi_task_lasso_agrees_on_random_problems(fraction):
    """An entirely different code for fixed orientation."""
    linear_model = pytest.importorskip("sklearn.linear_model")
    problem = fixed_problem(n_orient=1, fraction=fraction)
    model = linear_model.MultiTaskLasso(
        problem.alpha / len(problem.data), fit_intercept=False, tol=1e-12, max_iter=100_000
    )
    theirs = model.fit(problem.gain, problem.data).coef_.T
    ours = run_ours(problem.gain, problem.data, problem.alpha, 1, tol=1e-12).x
    np.testing.assert_allclose(ours, theirs, atol=1e-5 * np.abs(theirs).max())


@orientations
def test_mne_agrees_on_the_gap(n_orient):
    """At the same sources, away from the optimum, to nine digits."""
    problem = fixed_problem(n_orient=n_orient)
    x = 0.9 * run_mne(problem.gain, problem.data, problem.alpha, n_orient)
    active = np.repeat(reference.group_norms(x, n_orient) > 0, n_orient)
    args = problem.data, problem.gain, x[active], active, problem.alpha, n_orient
    theirs = mne_optim().dgap_l21(*args)[:3]
    gap, primal, dual = mxne_rs.duality_gap(
        problem.gain, problem.data, x, problem.alpha, n_orient=n_orient
    )
    np.testing.assert_allclose([gap * problem.half_energy, primal, dual], theirs, rtol=1e-9)


@orientations
def test_debiasing_is_at_least_as_good_as_mnes(n_orient):
    """And as good as the bounded least squares of the reference."""
    problem = fixed_problem(n_orient=n_orient, fraction=0.5)
    x = run_ours(problem.gain, problem.data, problem.alpha, n_orient).x
    rows = np.repeat(reference.group_norms(x, n_orient) > 0, n_orient)
    theirs = np.ones(problem.gain.shape[1])
    theirs[rows] = mne_optim().compute_bias(
        problem.data, problem.gain[:, rows], x[rows], max_iter=10_000, tol=1e-9, n_orient=n_orient
    )
    ours = mxne_rs.debias(problem.gain, problem.data, x, n_orient=n_orient)

    def cost(d):
        return reference.debias_cost(problem.gain, problem.data, x, d, n_orient)

    best = cost(reference.debias(problem.gain, problem.data, x, n_orient))
    assert cost(ours) == pytest.approx(best, rel=1e-10)
    assert cost(ours) <= cost(theirs[::n_orient]) * (1 + 1e-12)
    np.testing.assert_allclose(ours, theirs[::n_orient], rtol=1e-3)


# --- real data -----------------------------------------------------------------------------------

SMALL, LARGE = "cortex-1000-meg-eeg-fwd.fif", "cortex-7498-meg-fwd.fif"
CONDITIONS = {"left": 0, "right": 1}
LOOSE = {"fixed": 0.0, "loose": 0.2, "free": 1.0}


@pytest.fixture(scope="module")
def prepared():
    """Whitened gain (scaled so that alpha_max is 100) and data; each prepared once."""
    if not DATA.is_dir():
        pytest.skip(MISSING)
    mne = pytest.importorskip("mne")
    from mne.inverse_sparse.mxne_inverse import _prepare_gain

    evokeds = mne.read_evokeds(DATA / "auditory-ave.fif", verbose="error")
    noise_cov = mne.read_cov(DATA / "noise-cov.fif", verbose="error")

    @cache
    def forward(name):
        return mne.read_forward_solution(DATA / name, verbose="error")

    @cache
    def prepare(name, condition, loose):
        evoked = evokeds[CONDITIONS[condition]].copy().crop(0.05, 0.15)
        with mne.use_log_level("error"):
            _, gain, info, whitener, _, _ = _prepare_gain(
                forward=forward(name),
                info=evoked.info,
                noise_cov=noise_cov,
                pca=True,
                depth=0.8,
                loose=LOOSE[loose],
                rank=None,
            )
        data = whitener @ evoked.data[[evoked.ch_names.index(c) for c in info["ch_names"]]]
        n_orient = 1 if loose == "fixed" else 3
        gain /= 0.01 * reference.alpha_max(gain, data, n_orient)
        return gain, data, n_orient

    return prepare


def compare_on_real_data(gain, data, n_orient, alpha, n_mxne_iter):
    """The same locations as MNE, an objective no higher, and a certificate that holds."""
    args = gain, data, alpha, n_orient, n_mxne_iter
    theirs, solution = run_mne(*args), run_ours(*args)
    ours = solution.x
    np.testing.assert_array_equal(support(ours, n_orient), support(theirs, n_orient))
    weights = None if n_mxne_iter == 1 else solution.weights
    gap, _, _ = reference.duality_gap(gain, data, ours, alpha, n_orient, weights)
    assert gap <= TIGHT + reference.ROUNDING
    objective = reference.objective if n_mxne_iter == 1 else reference.sqrt_objective
    values = [objective(gain, data, x, alpha, n_orient) for x in (ours, theirs)]
    assert values[0] <= values[1] + max(gap, TIGHT) * np.sum(data**2) / 2
    np.testing.assert_allclose(ours, theirs, atol=2e-3 * np.abs(theirs).max())


@pytest.mark.parametrize("n_mxne_iter", [1, 10])
@pytest.mark.parametrize("alpha", [50, 70])
@pytest.mark.parametrize("loose", LOOSE)
@pytest.mark.parametrize("condition", CONDITIONS)
def test_mne_agrees_on_auditory_responses(prepared, condition, loose, alpha, n_mxne_iter):
    """Both ears, all orientations, two alphas, MxNE and irMxNE."""
    compare_on_real_data(*prepared(SMALL, condition, loose), alpha, n_mxne_iter)


@pytest.mark.parametrize("n_mxne_iter", [1, 10])
def test_mne_agrees_on_the_large_cortex(prepared, n_mxne_iter):
    """7498 locations, loose orientation."""
    compare_on_real_data(*prepared(LARGE, "left", "loose"), 50, n_mxne_iter)
