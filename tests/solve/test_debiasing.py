"""Debiasing factors against SciPy, against MNE, and against the conditions that define them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import lsq_linear, nnls

import mxne_rs
from mxne_rs import debias


def problem(
    seed: int, n_orient: int, n_locations: int, n_sensors: int = 12, n_times: int = 5
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make (gain, data, x) with correlated columns and a third of the locations at zero."""
    rng = np.random.default_rng(seed)
    n_columns = n_locations * n_orient
    gain = rng.standard_normal((n_sensors, n_columns))
    gain += 1.5 * rng.standard_normal((n_sensors, 1))
    x = rng.standard_normal((n_columns, n_times))
    x[np.repeat(rng.random(n_locations) < 1 / 3, n_orient)] = 0
    factors = np.repeat(rng.uniform(0.3, 2.5, n_locations), n_orient)[:, np.newaxis]
    data = gain @ (factors * x) + rng.standard_normal((n_sensors, n_times))
    return gain, data, x


def design(gain: np.ndarray, x: np.ndarray, n_orient: int) -> np.ndarray:
    """Return one column G_k X_k, as a vector, per location: the plain least squares problem."""
    blocks = range(0, len(x), n_orient)
    return np.stack([(gain[:, k : k + n_orient] @ x[k : k + n_orient]).ravel() for k in blocks], 1)


def objective(
    gain: np.ndarray, data: np.ndarray, x: np.ndarray, d: np.ndarray, n_orient: int
) -> float:
    """Return 1/2 |M - G diag(d) X|^2."""
    scaled = np.repeat(d, n_orient)[:, np.newaxis] * x
    return 0.5 * float(np.sum((data - gain @ scaled) ** 2))


sizes = {
    "seed": st.integers(0, 10**6),
    "n_orient": st.sampled_from([1, 2, 3]),
    "n_locations": st.integers(1, 30),
}


@given(**sizes)
def test_optimality_conditions(seed: int, n_orient: int, n_locations: int) -> None:
    """Gradients vanish where d > 1 and do not pull up where d = 1."""
    gain, data, x = problem(seed, n_orient, n_locations)
    d = debias(gain, data, x, n_orient=n_orient)
    assert d.shape == (n_locations,)
    assert (d >= 1).all()
    zero = ~x.reshape(n_locations, -1).any(axis=1)
    assert (d[zero] == 1).all()
    columns = design(gain, x, n_orient)
    pull = columns.T @ (data.ravel() - columns @ d)
    tolerance = 1e-8 * np.linalg.norm(columns, axis=0) * np.linalg.norm(data) + 1e-300
    assert (pull <= tolerance).all()
    assert (np.abs(pull[d > 1]) <= tolerance[d > 1]).all()


@given(**sizes)
def test_fits_as_well_as_scipy(seed: int, n_orient: int, n_locations: int) -> None:
    """No worse than non-negative least squares on the plain columns."""
    gain, data, x = problem(seed, n_orient, n_locations)
    ours = objective(gain, data, x, debias(gain, data, x, n_orient=n_orient), n_orient)
    columns = design(gain, x, n_orient)
    z, _ = nnls(columns, (data - gain @ x).ravel(), maxiter=1000)
    half = 0.5 * float(np.sum(data**2))
    assert ours <= objective(gain, data, x, 1 + z, n_orient) + 1e-12 * half


@pytest.mark.parametrize("n_orient", [1, 3])
def test_same_factors_as_scipy(n_orient: int) -> None:
    """Where the factors are unique they are those of lsq_linear."""
    gain, data, x = problem(3, n_orient, 8, n_sensors=20, n_times=10)
    result = lsq_linear(
        design(gain, x, n_orient), data.ravel(), bounds=(1, np.inf), method="bvls", tol=1e-14
    )
    support = x.reshape(8, -1).any(axis=1)
    ours = debias(gain, data, x, n_orient=n_orient)
    np.testing.assert_allclose(ours[support], result.x[support], rtol=1e-9)


@pytest.mark.parametrize("n_orient", [1, 3])
def test_no_worse_than_mne(n_orient: int) -> None:
    """MNE's FISTA, given time, arrives at our factors from above."""
    optim = pytest.importorskip("mne.inverse_sparse.mxne_optim")
    for seed in range(5):
        gain, data, x = problem(seed, n_orient, 10)
        rows = np.repeat(x.reshape(10, -1).any(axis=1), n_orient)
        theirs = optim.compute_bias(
            data, gain[:, rows], x[rows], n_orient=n_orient, max_iter=100000, tol=1e-10
        )
        d = np.ones(len(x))
        d[rows] = theirs
        ours = debias(gain, data, x, n_orient=n_orient)
        value = objective(gain, data, x, d[::n_orient], n_orient)
        assert objective(gain, data, x, ours, n_orient) <= value * (1 + 1e-12)
        np.testing.assert_allclose(ours, d[::n_orient], rtol=1e-4)


@given(seed=st.integers(0, 10**6), sign=st.sampled_from([1.0, -1.0, 3.0]))
def test_collinear_sources(seed: int, sign: float) -> None:
    """Two sources with one topography: not unique, still the best fit."""
    gain, data, x = problem(seed, 1, 8)
    gain[:, 1] = sign * gain[:, 0]
    x[0] = np.linspace(1, 2, x.shape[1])
    x[1] = 2 * x[0]
    ours = objective(gain, data, x, debias(gain, data, x), 1)
    z, _ = nnls(design(gain, x, 1), (data - gain @ x).ravel(), maxiter=1000)
    assert ours <= objective(gain, data, x, 1 + z, 1) + 1e-11 * float(np.sum(data**2))


def violation(
    gain: np.ndarray, data: np.ndarray, x: np.ndarray, d: np.ndarray, n_orient: int
) -> float:
    """Return how far d is from optimal by the columns, as a part of max(|M|, |G X|)."""
    columns = design(gain, x, n_orient)
    norms = np.linalg.norm(columns, axis=0)
    pull = columns.T @ (data.ravel() - columns @ d) / np.where(norms > 0, norms, 1)
    size = max(np.linalg.norm(data), np.linalg.norm(columns.sum(axis=1)))
    return float(max(pull.max(), np.abs(pull[d > 1]).max(initial=0)) / size)


def nearly_equal(
    seed: int, n_orient: int, digits: list[float], sign: float = 1.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make pairs of sources whose fields differ by 10 ** -digits, a duplicate, a silent one."""
    gain, data, x = problem(seed, n_orient, 2 * len(digits) + 3)
    rng = np.random.default_rng(seed)
    of = [slice(n_orient * k, n_orient * (k + 1)) for k in range(2 * len(digits) + 3)]
    for first, second, power in zip(of[::2], of[1::2], digits, strict=False):
        gain[:, second] = gain[:, first] + 10.0**-power * rng.standard_normal((12, n_orient))
        x[first] = rng.standard_normal((n_orient, 5))
        x[second] = sign * x[first]
    gain[:, of[-2]], x[of[-2]] = gain[:, of[-3]], x[of[-3]]
    gain[:, of[-1]], x[of[-1]] = 0, 1
    data = gain @ (3 * x) + rng.standard_normal(data.shape)
    return gain, data, x


@given(
    seed=st.integers(0, 10**6),
    n_orient=st.sampled_from([1, 3]),
    digits=st.lists(st.floats(4, 9), min_size=1, max_size=6),
)
def test_sources_that_are_nearly_equal(seed: int, n_orient: int, digits: list[float]) -> None:
    """Columns that differ in their last digits meet the conditions and fit as SciPy's do."""
    gain, data, x = nearly_equal(seed, n_orient, digits)
    d = debias(gain, data, x, n_orient=n_orient)
    assert violation(gain, data, x, d, n_orient) <= 1e-9
    assert (d >= 1).all() and d[-1] == 1
    columns = design(gain, x, n_orient)
    norms = np.maximum(np.linalg.norm(columns, axis=0), 1e-300)
    z, _ = nnls(columns / norms, (data - gain @ x).ravel(), maxiter=1000)
    best = objective(gain, data, x, 1 + z / norms, n_orient)
    assert objective(gain, data, x, d, n_orient) <= best + 1e-9 * float(np.sum(data**2))


@given(
    seed=st.integers(0, 10**6),
    digits=st.lists(st.floats(4, 12), min_size=1, max_size=6),
)
def test_sources_that_cancel_each_other(seed: int, digits: list[float]) -> None:
    """Fields that cancel in all but their last digits: the best that doubles hold, or a warning."""
    gain, data, x = nearly_equal(seed, 1, digits, sign=-1.0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        d = debias(gain, data, x)
    assert (d >= 1).all()
    ones = np.ones_like(d)
    assert objective(gain, data, x, d, 1) <= objective(gain, data, x, ones, 1) * (1 + 1e-12)
    if max(digits) < 6:
        assert not caught
        assert violation(gain, data, x, d, 1) <= 1e-9


def test_a_finished_solve_survives_uncertain_factors() -> None:
    """Where the conditions are beyond doubles one warning says so, and factors come back."""
    rng = np.random.default_rng(0)
    gain = rng.standard_normal((10, 2))
    gain[:, 1] = gain[:, 0] + 1e-9 * rng.standard_normal(10)
    x = np.outer([1.0, -1.0], rng.standard_normal(5))
    data = rng.standard_normal((10, 5))
    with pytest.warns(RuntimeWarning, match="does not meet its optimality conditions") as caught:
        d = debias(gain, data, x)
    assert len(caught) == 1 and caught[0].filename == __file__
    assert (d >= 1).all()


def test_columns_are_reduced_in_chunks() -> None:
    """Rows that come in many chunks, more than twice the sources each, meet the conditions."""
    for seed in range(5):
        gain, data, x = nearly_equal(seed, 1, [8.0, 8.5, 9.0])
        assert violation(gain, data, x, debias(gain, data, x), 1) <= 1e-9


@pytest.mark.parametrize("method", ["cv", "discrepancy", "gof", "sure"])
def test_choices_of_alpha_survive_sources_that_are_nearly_equal(method: str) -> None:
    """Every choice that debiases ends where neighbours differ by 3e-7."""
    rng = np.random.default_rng(0)
    gain = rng.standard_normal((15, 20))
    gain[:, 1::2] = gain[:, ::2] + 10**-6.5 * rng.standard_normal((15, 10))
    data = 3 * gain[:, [0, 4]] @ rng.standard_normal((2, 5)) + rng.standard_normal((15, 5)) / 2
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mxne_rs.choose_alpha(gain, data, method=method, debias=True, gof=0.5, rng=0)
    assert not [one for one in caught if "debias" in str(one.message)]


@given(seed=st.integers(0, 10**6), gain_unit=st.integers(-40, 40), data_unit=st.integers(-40, 40))
def test_units_do_not_matter(seed: int, gain_unit: int, data_unit: int) -> None:
    """Gain, data and amplitudes in other units leave the factors."""
    gain, data, x = problem(seed, 1, 10)
    k, m = 2.0**gain_unit, 2.0**data_unit
    expected = debias(gain, data, x)
    np.testing.assert_allclose(debias(k * gain, m * data, m / k * x), expected, rtol=1e-7)


def test_exact_fit_of_shrunk_amplitudes() -> None:
    """Shrinkage by known factors is undone."""
    rng = np.random.default_rng(0)
    gain = rng.standard_normal((20, 12))
    truth = rng.standard_normal((12, 6))
    shrinkage = np.array([0.5, 0.8, 1.0, 0.25])
    d = debias(gain, gain @ truth, np.repeat(shrinkage, 3)[:, np.newaxis] * truth, n_orient=3)
    np.testing.assert_allclose(d, 1 / shrinkage, rtol=1e-10)


def test_many_sources() -> None:
    """Hundreds of correlated sources are solved to the bottom."""
    gain, data, x = problem(0, 3, 300, n_sensors=100, n_times=20)
    d = debias(gain, data, x, n_orient=3)
    z, _ = nnls(design(gain, x, 3), (data - gain @ x).ravel(), maxiter=10000)
    value = objective(gain, data, x, 1 + z, 3)
    assert objective(gain, data, x, d, 3) <= value + 1e-12 * float(np.sum(data**2))


def test_what_cannot_be_scaled_stays() -> None:
    """Zero or invisible sources and zero data give factors of 1."""
    gain, data, x = problem(1, 1, 4)
    assert (debias(gain, data, np.zeros_like(x)) == 1).all()
    gain[:, 0] = 0
    x[0] = 1
    assert debias(gain, data, x)[0] == 1
    assert (debias(gain, np.zeros_like(data), x) == 1).all()


def test_prepared_gain() -> None:
    """A Gain serves as the array it was made from."""
    gain, data, x = problem(2, 3, 6)
    prepared = mxne_rs.Gain(gain, n_orient=3)
    expected = debias(gain, data, x, n_orient=3)
    np.testing.assert_allclose(debias(prepared, data, x), expected, rtol=1e-12)
    with pytest.raises(ValueError, match="n_orient"):
        debias(prepared, data, x, n_orient=1)


def test_inputs_stay_as_they_are() -> None:
    """No argument is written to."""
    arrays = problem(5, 1, 6)
    copies = [array.copy() for array in arrays]
    debias(*arrays)
    for array, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


GAIN, MEASURED, X = np.ones((3, 4)), np.ones((3, 2)), np.ones((4, 2))


@pytest.mark.parametrize(
    ("arguments", "n_orient", "error", "words"),
    [
        ((GAIN * np.nan, MEASURED, X), 1, ValueError, "gain"),
        ((GAIN, MEASURED * np.inf, X), 1, ValueError, "data"),
        ((GAIN, MEASURED, X * np.nan), 1, ValueError, "x "),
        ((GAIN[0], MEASURED, X), 1, ValueError, "gain"),
        ((GAIN, MEASURED[:2], X), 1, ValueError, "sensors"),
        ((GAIN, MEASURED, X[:3]), 1, ValueError, "x has shape"),
        ((GAIN, MEASURED[:, :1], X), 1, ValueError, "times"),
        ((GAIN, MEASURED, X), 3, ValueError, "n_orient"),
        ((GAIN, MEASURED, X), 0, ValueError, "n_orient"),
        ((GAIN, MEASURED, X), 1.5, TypeError, "n_orient"),
        ((GAIN, MEASURED, X), True, TypeError, "n_orient"),
        ((GAIN * 1j, MEASURED, X), 1, TypeError, "gain"),
        ((GAIN, "a", X), 1, TypeError, "data"),
    ],
)
def test_refuses(
    arguments: tuple[Any, ...], n_orient: Any, error: type[Exception], words: str
) -> None:
    """Every wrong argument is refused by name."""
    with pytest.raises(error, match=words):
        debias(*arguments, n_orient=n_orient)


def test_a_solution_is_taken_as_it_is() -> None:
    """debias and duality_gap take a Solution; one of another gain is refused by its sizes."""
    rng = np.random.default_rng(0)
    gain, data = rng.standard_normal((20, 90)), rng.standard_normal((20, 30))
    alpha = 0.5 * mxne_rs.alpha_max(gain, data, n_orient=3)
    solution = mxne_rs.solve_mxne(gain, data, alpha, n_orient=3)
    expected = debias(gain, data, solution.x, n_orient=3)
    np.testing.assert_array_equal(debias(gain, data, solution, n_orient=3), expected)
    certificate = mxne_rs.duality_gap(gain, data, solution, alpha, n_orient=3)
    assert certificate == mxne_rs.duality_gap(gain, data, solution.x, alpha, n_orient=3)
    for call in (lambda **k: debias(gain, data, solution, **k),
                 lambda **k: mxne_rs.duality_gap(gain, data, solution, alpha, **k)):  # fmt: skip
        with pytest.raises(ValueError, match="x is a Solution of 30 locations x 3 orientations"):
            call(n_orient=1)
