"""What MNE's own tests assert of its solvers on arrays, asserted of this package."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import mxne_rs
import reference
from mxne_rs import ConvergenceWarning, use_in_mne

mne = pytest.importorskip("mne", minversion="1.8")
from mne.inverse_sparse import mxne_inverse, mxne_optim  # noqa: E402
from mne.inverse_sparse.mxne_debiasing import compute_bias  # noqa: E402

# --- solvers on arrays ---------------------------------------------------------------------------

#: As in MNE's tests: alpha and the tolerance of the duality gap, both absolute.
ALPHA, GAP = 1.0, 1e-8
#: Orientations, and which of the rows of X are then not zero.
SUPPORTS = [(1, [0, 4]), (2, [0, 1, 4, 5]), (5, [0, 1, 2, 3, 4])]
by_orientation = pytest.mark.parametrize(("n_orient", "rows"), SUPPORTS)


@pytest.fixture(scope="module")
def arrays() -> tuple[np.ndarray, np.ndarray]:
    """A gain of 30 sensors and 40 columns; 20 samples of two constant sources, without noise."""
    gain = np.random.default_rng(0).standard_normal((30, 40))
    gain /= gain.std(axis=0)
    data = np.repeat(3 * gain[:, [0]] - 2 * gain[:, [4]], 20, axis=1)
    return gain, data


def relative(data: np.ndarray, gap: float) -> float:
    """An absolute gap as `tol` counts it."""
    return gap / (np.sum(data**2) / 2)


def debiased(gain: np.ndarray, data: np.ndarray, x: np.ndarray, n_orient: int = 1) -> np.ndarray:
    """The amplitudes after `debias`."""
    factors = mxne_rs.debias(gain, data, x, n_orient=n_orient)
    return np.repeat(factors, n_orient)[:, np.newaxis] * x


@by_orientation
@pytest.mark.parametrize("active_set_size", [None, 2, 10])
@pytest.mark.parametrize("solver", ["bcd", "fista"])
def test_support_and_gap(
    arrays: Any, n_orient: int, rows: list[int], active_set_size: int | None, solver: str
) -> None:
    """Exactly the two sources (or the locations they lie in), to a gap below 1e-8."""
    gain, data = arrays
    solution = mxne_rs.solve_mxne(
        gain, data, ALPHA, n_orient=n_orient, tol=relative(data, GAP), solver=solver,
        active_set_size=active_set_size, max_iter=100_000,
    )  # fmt: skip
    np.testing.assert_array_equal(np.flatnonzero(np.repeat(solution.active_set, n_orient)), rows)
    _, primal, dual = reference.duality_gap(gain, data, solution.x, ALPHA, n_orient)
    assert primal - dual < GAP
    # The minimum: what MNE's solver finds, which stops at the same gap.
    x, active, _ = mxne_optim.mixed_norm_solver(
        data, gain, ALPHA, 1000, GAP, n_orient=n_orient, debias=False, solver="bcd"
    )
    np.testing.assert_array_equal(np.flatnonzero(active), rows)
    np.testing.assert_allclose(solution.sources, x, atol=1e-5)


@pytest.mark.parametrize("active_set_size", [None, 2, 50])
def test_solvers_agree_after_debiasing(arrays: Any, active_set_size: int | None) -> None:
    """Block coordinate descent and FISTA here, both of MNE's: the same within a hundredth."""
    gain, data = arrays
    options = {"tol": relative(data, GAP), "active_set_size": active_set_size}
    ours = [
        debiased(gain, data, mxne_rs.solve_mxne(gain, data, ALPHA, solver=solver, **options).x)
        for solver in ("bcd", "fista")
    ]
    np.testing.assert_allclose(ours[1], ours[0], rtol=1e-2, atol=1e-9)
    for solver in ("cd", "bcd"):
        x, active, _ = mxne_optim.mixed_norm_solver(
            data, gain, ALPHA, 1000, GAP, active_set_size=active_set_size, solver=solver
        )
        np.testing.assert_allclose(ours[0][active], x, rtol=1e-2)


@by_orientation
@pytest.mark.parametrize("active_set_size", [None, 2, 50])
def test_mnes_solver_on_this_one(
    arrays: Any, n_orient: int, rows: list[int], active_set_size: int | None
) -> None:
    """The answer of MNE's function keeps its shape, its support and its gap."""
    gain, data = arrays
    options = {"active_set_size": active_set_size, "n_orient": n_orient, "solver": "bcd"}
    expected, *_ = mxne_optim.mixed_norm_solver(data, gain, ALPHA, 1000, GAP, **options)
    with use_in_mne():
        x, active, _, gap = mxne_optim.mixed_norm_solver(
            data, gain, ALPHA, 1000, GAP, return_gap=True, **options
        )
    np.testing.assert_array_equal(np.flatnonzero(active), rows)
    assert gap < GAP
    np.testing.assert_allclose(x, expected, rtol=1e-2, atol=1e-3)


def test_coordinate_descent_of_free_orientation_in_mne(arrays: Any) -> None:
    """MNE's function warns that solver='cd' is for fixed orientation, and answers as for 'bcd'."""
    gain, data = arrays
    options = {"tol": GAP, "maxit": 1000, "n_orient": 2}
    with use_in_mne():
        expected = mxne_optim.mixed_norm_solver(data, gain, ALPHA, solver="bcd", **options)
        with pytest.warns(RuntimeWarning, match="descent"):
            answer = mxne_optim.mixed_norm_solver(data, gain, ALPHA, solver="cd", **options)
    np.testing.assert_array_equal(answer[0], expected[0])
    np.testing.assert_array_equal(answer[1], expected[1])


@pytest.mark.parametrize("active_set_size", [None, 10])
def test_too_few_iterations_are_no_error(arrays: Any, active_set_size: int | None) -> None:
    """A gap out of reach: an answer all the same, that nobody calls converged."""
    gain, data = arrays
    options = {"max_iter": 1, "tol": 1e-15, "active_set_size": active_set_size}
    with pytest.warns(ConvergenceWarning):
        solution = mxne_rs.solve_mxne(gain, data, ALPHA, **options)
    assert not solution.converged
    assert np.isfinite(solution.sources).all()
    with use_in_mne(), pytest.warns(ConvergenceWarning), mne.utils.catch_logging(True) as log:
        mxne_optim.mixed_norm_solver(
            data, gain, ALPHA, maxit=1, tol=1e-12, active_set_size=active_set_size, verbose=True
        )
    assert "Convergence reached" not in log.getvalue()


@by_orientation
def test_one_round_of_reweighting_is_none(arrays: Any, n_orient: int, rows: list[int]) -> None:
    """irMxNE of one problem is MxNE."""
    gain, data = arrays
    options = {"n_orient": n_orient, "tol": relative(data, GAP)}
    expected = mxne_rs.solve_mxne(gain, data, ALPHA, **options)
    solution = mxne_rs.solve_irmxne(gain, data, ALPHA, n_reweights=1, **options)
    np.testing.assert_array_equal(solution.active_set, expected.active_set)
    np.testing.assert_allclose(solution.x, expected.x, rtol=1e-3)
    their_options = {"maxit": 1000, "tol": GAP, "n_orient": n_orient}
    with use_in_mne():
        x, active, _ = mxne_optim.iterative_mixed_norm_solver(
            data, gain, ALPHA, 1, debias=False, **their_options
        )
    np.testing.assert_array_equal(np.flatnonzero(active), rows)
    np.testing.assert_allclose(x, expected.sources, rtol=1e-3)


@by_orientation
@pytest.mark.parametrize("active_set_size", [None, 2, 50])
def test_five_rounds_of_reweighting(
    arrays: Any, n_orient: int, rows: list[int], active_set_size: int | None
) -> None:
    """irMxNE keeps the support; both solvers and MNE agree to five decimals.

    Debiased as well where this is the truth (MNE stops its debiasing before the fifth decimal).
    """
    gain, data = arrays
    options = {"n_orient": n_orient, "active_set_size": active_set_size}
    their_options = {"maxit": 1000, "tol": GAP, "solver": "bcd", **options}
    expected, active, _ = mxne_optim.iterative_mixed_norm_solver(
        data, gain, ALPHA, 5, debias=False, **their_options
    )
    np.testing.assert_array_equal(np.flatnonzero(active), rows)
    for solver in ("bcd", "fista"):
        solution = mxne_rs.solve_irmxne(
            gain,
            data,
            ALPHA,
            n_reweights=5,
            amplitude_unit=1.0,
            solver=solver,
            tol=relative(data, GAP),
            **options,
        )
        np.testing.assert_array_equal(np.flatnonzero(solution.x.any(axis=1)), rows)
        np.testing.assert_allclose(solution.sources, expected, atol=1e-5)
    for debias in (False, True):
        with use_in_mne():
            x, active, _ = mxne_optim.iterative_mixed_norm_solver(
                data, gain, ALPHA, 5, debias=debias, **their_options
            )
        np.testing.assert_array_equal(np.flatnonzero(active), rows)
        if not debias:
            np.testing.assert_allclose(x, expected, atol=1e-5)
        elif n_orient == 1:
            np.testing.assert_allclose(x, [[3.0] * 20, [-2.0] * 20], atol=1e-5)


def test_debiasing_recovers_the_factors() -> None:
    """The factors of noise-free data to five decimals; the numbers of MNE's test for pairs."""
    rng = np.random.default_rng(42)
    gain, x = rng.standard_normal((10, 4)), rng.standard_normal((4, 20))
    truth = np.array([1.0, 2.0, 3.0, 4.0])
    data = gain @ (truth[:, np.newaxis] * x)
    np.testing.assert_allclose(mxne_rs.debias(gain, data, x), truth, atol=1e-5)
    pairs = mxne_rs.debias(gain, data, x, n_orient=2)
    np.testing.assert_allclose(pairs, [1.63, 3.33], atol=1e-2)
    run = compute_bias(data, gain, x, max_iter=10_000, n_orient=2, tol=1e-7)
    np.testing.assert_allclose(np.repeat(pairs, 2), run, atol=1e-4)


# --- SURE on arrays ------------------------------------------------------------------------------

#: Sensors, positions and samples; sources; orientations.
SURE_SIZES = list(itertools.product([(10, 15, 7), (20, 60, 20)], [2, 4], [1, 3]))


def planted(
    size: tuple[int, int, int], n_sources: int, n_orient: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random gain, data of equally strong sources in noise of unit variance, and where they are.

    The gain is in MNE's unit, where the largest alpha is 100.
    """
    n_sensors, n_positions, n_times = size
    rng = np.random.default_rng(seed)
    gain = rng.standard_normal((n_sensors, n_positions * n_orient))
    gain /= np.linalg.norm(gain, axis=0)
    where = np.sort(rng.choice(n_positions, n_sources, replace=False))
    x = np.zeros((n_positions, n_orient, n_times))
    x[where] = rng.standard_normal((n_sources, n_orient, n_times))
    x[where] /= np.linalg.norm(x[where], axis=(1, 2), keepdims=True)
    clean, noise = gain @ x.reshape(-1, n_times), rng.standard_normal((n_sensors, n_times))
    data = 5 * np.linalg.norm(noise) / np.linalg.norm(clean) * clean + noise
    return 100 / reference.alpha_max(gain, data, n_orient) * gain, data, where


@pytest.mark.parametrize(("size", "n_sources", "n_orient"), SURE_SIZES)
def test_sure_finds_the_number_of_sources(
    size: tuple[int, int, int], n_sources: int, n_orient: int
) -> None:
    """With five rounds of reweighting, on MNE's grid: as many sources as there are."""
    gain, data, where = planted(size, n_sources, n_orient, seed=10)
    grid = np.geomspace(100, 10, 15)
    solution = mxne_rs.solve_sure(
        gain, data, grid, n_reweights=5, amplitude_unit=1.0, n_orient=n_orient, debias=True,
        rng=3, tol=2e-4,
    )  # fmt: skip
    assert solution.active_set.sum() == n_sources
    np.testing.assert_array_equal(np.flatnonzero(solution.active_set), where)
    with use_in_mne():
        x, active, alpha = mxne_inverse._compute_mxne_sure(
            data, gain, grid, sigma=1.0, rng=np.random.default_rng(3), n_mxne_iter=5, maxit=3000,
            tol=1e-4 * np.sum(data**2), n_orient=n_orient, active_set_size=10, debias=True,
            solver="auto", dgap_freq=10, verbose=False,
        )  # fmt: skip
    assert active.sum() == len(x) == n_orient * n_sources
    assert alpha in grid


# --- the time-frequency solvers ------------------------------------------------------------------

FRAME: dict[str, Any] = {"wsize": 4, "tstep": 2, "maxit": 10_000, "tol": GAP}
#: The penalties of locations and of coefficients.
SPACE, TIME = 0.9, 0.1


@by_orientation
def test_time_frequency_support_and_gap(arrays: Any, n_orient: int, rows: list[int]) -> None:
    """MNE's solver on this one: exactly the two sources, to a gap below 1e-8, never negative."""
    gain, data = arrays
    with use_in_mne():
        x, active, values, gap = mxne_optim.tf_mixed_norm_solver(
            data, gain, SPACE, TIME, n_orient=n_orient, return_gap=True, debias=False, **FRAME
        )
    np.testing.assert_array_equal(np.flatnonzero(active), rows)
    assert x.shape == (len(rows), data.shape[1])
    assert -1e-10 <= gap < GAP
    assert np.all(np.isfinite(values))


def test_time_frequency_without_a_penalty_of_coefficients(arrays: Any) -> None:
    """It is the mixed norm."""
    gain, data = arrays
    with use_in_mne():
        x, active, _ = mxne_optim.tf_mixed_norm_solver(data, gain, ALPHA, 0.0, **FRAME)
        other, same, _ = mxne_optim.mixed_norm_solver(data, gain, ALPHA, tol=GAP, maxit=10_000)
    np.testing.assert_array_equal(active, same)
    np.testing.assert_allclose(x, other, rtol=1e-6)


@by_orientation
def test_reweighted_time_frequency(arrays: Any, n_orient: int, rows: list[int]) -> None:
    """One round is TF-MxNE; more keep the support; two transforms do."""
    gain, data = arrays
    penalties = (data, gain, SPACE, TIME)
    with use_in_mne():
        once, active, _ = mxne_optim.iterative_tf_mixed_norm_solver(
            *penalties, 1, n_orient=n_orient, **FRAME
        )
        plain, same, _ = mxne_optim.tf_mixed_norm_solver(*penalties, n_orient=n_orient, **FRAME)
        np.testing.assert_array_equal(active, same)
        np.testing.assert_allclose(once, plain, rtol=1e-3)
        for frame in (FRAME, {**FRAME, "wsize": [2 * 4, 4], "tstep": [4, 2]}):
            _, active, _ = mxne_optim.iterative_tf_mixed_norm_solver(
                *penalties, 5, n_orient=n_orient, **frame
            )
            np.testing.assert_array_equal(np.flatnonzero(active), rows)
