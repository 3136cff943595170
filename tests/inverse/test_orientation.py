"""One orientation and a signed course per source: the best there are, and what they cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mxne_rs.inverse import orientation
from mxne_rs.inverse.orientation import fit_orientations


def misfit(gain: Any, data: Any, vectors: Any) -> float:
    """The smallest squared norm of what is left with some orientations, courses being free."""
    n_sources, n_orient = vectors.shape
    blocks = gain.reshape(len(gain), n_sources, n_orient)
    columns = np.einsum("iso,so->is", blocks, vectors)
    return float(np.sum((data - columns @ np.linalg.pinv(columns) @ data) ** 2))


def left_over(gain: Any, data: Any, fit: Any) -> float:
    """The squared norm of what a fit leaves."""
    amplitudes = fit.orientations[:, :, np.newaxis] * fit.courses[:, np.newaxis]
    return float(np.sum((data - gain @ amplitudes.reshape(gain.shape[1], -1)) ** 2))


def free(gain: Any, data: Any) -> float:
    """The squared norm of what orientations that turn leave."""
    return float(np.sum((data - gain @ np.linalg.pinv(gain) @ data) ** 2))


def drawn(seed: int, n_sources: int, noise: float = 1.0) -> tuple[Any, Any]:
    """A gain whose sources have similar fields, and data of as many, in noise."""
    rng = np.random.default_rng(seed)
    gain = rng.standard_normal((20, 3 * n_sources)) + 2 * rng.standard_normal((20, 1))
    data = gain @ rng.standard_normal((3 * n_sources, 7)) * 0.3
    return gain, data + noise * rng.standard_normal(data.shape)


def half_sphere(n: int) -> Any:
    """About n unit vectors, none the opposite of another: a Fibonacci lattice."""
    z = (np.arange(n) + 0.5) / n
    turns = np.pi * (3 - np.sqrt(5)) * np.arange(n)
    r = np.sqrt(1 - z**2)
    return np.column_stack([r * np.cos(turns), r * np.sin(turns), z])


@pytest.mark.parametrize("seed", range(3))
def test_one_source_has_the_best_orientation(seed: int) -> None:
    """No point of a fine grid is better, and the best one of it is close."""
    gain, data = drawn(seed, 1)
    fit = fit_orientations(gain, data)
    grid = half_sphere(4000)
    best = min(misfit(gain, data, one[np.newaxis]) for one in grid)
    ours = left_over(gain, data, fit)
    assert ours == pytest.approx(misfit(gain, data, fit.orientations), rel=1e-9)
    assert best * 0.999 < ours <= best
    nearest = max(grid, key=lambda one: -misfit(gain, data, one[np.newaxis]))
    assert np.degrees(np.arccos(np.abs(fit.orientations[0] @ nearest))) < 3


@pytest.mark.parametrize("seed", range(4))
def test_two_sources_have_the_best_pair(seed: int) -> None:
    """Of all pairs of a grid none is better; the best of them, refined by SciPy, is as good."""
    minimize = pytest.importorskip("scipy.optimize").minimize
    gain, data = drawn(seed, 2)
    grid = half_sphere(150)
    pairs = [np.array([a, b]) for a in grid for b in grid]
    fields = np.stack([np.einsum("iso,so->is", gain.reshape(20, 2, 3), one) for one in pairs])
    bases = np.linalg.qr(fields)[0]
    explained = np.sum((bases.transpose(0, 2, 1) @ data) ** 2, axis=(1, 2))
    best = pairs[int(explained.argmax())]
    refined = minimize(
        lambda x: misfit(gain, data, x.reshape(2, 3)), best.ravel(), tol=1e-12, method="BFGS"
    ).fun
    fit = fit_orientations(gain, data)
    assert fit.settled
    assert refined <= misfit(gain, data, best)
    assert left_over(gain, data, fit) == pytest.approx(refined, rel=1e-5)
    np.testing.assert_allclose(np.linalg.norm(fit.orientations, axis=1), 1)


def test_what_is_lost_is_what_turning_explains() -> None:
    """The difference to free orientations; for sources apart from each other, the sum of theirs."""
    gain, data = drawn(5, 3)
    fit = fit_orientations(gain, data)
    power = np.sum(data**2)
    lost = (left_over(gain, data, fit) - free(gain, data)) / power
    assert fit.loss_of_fit == pytest.approx(lost, rel=1e-9)
    apart, _ = np.linalg.qr(gain)
    fit = fit_orientations(apart, data)
    values = [np.linalg.svd(apart[:, 3 * s : 3 * s + 3].T @ data)[1] for s in range(3)]
    losses = [np.sum(one[1:] ** 2) / power for one in values]
    np.testing.assert_allclose(fit.losses, losses, rtol=1e-9)
    assert fit.loss_of_fit == pytest.approx(sum(losses), rel=1e-9)


def test_what_turns_not_is_found_again() -> None:
    """Orientation, course and sign of sources without noise; the largest value is positive."""
    rng = np.random.default_rng(0)
    gain = rng.standard_normal((20, 9))
    vectors = rng.standard_normal((3, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    courses = rng.standard_normal((3, 8))
    courses *= np.sign(courses[range(3), np.abs(courses).argmax(axis=1)])[:, np.newaxis]
    data = gain @ (vectors[:, :, np.newaxis] * courses[:, np.newaxis]).reshape(9, 8)
    before = gain.copy(), data.copy()
    fit = fit_orientations(gain, data)
    np.testing.assert_allclose(fit.orientations, vectors, atol=1e-3)
    np.testing.assert_allclose(fit.courses, courses, atol=1e-3 * np.abs(courses).max())
    assert fit.loss_of_fit < 1e-6
    np.testing.assert_array_equal(gain, before[0])
    np.testing.assert_array_equal(data, before[1])


def test_no_sweep_raises_the_misfit(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are; and a fit that was cut off says so."""
    gain, data = drawn(1, 5)
    monkeypatch.setattr(orientation, "TOL", 0.0)
    left = []
    for n in range(12):
        monkeypatch.setattr(orientation, "MAX_SWEEPS", n)
        fit = fit_orientations(gain, data)
        assert not fit.settled
        left.append(left_over(gain, data, fit))
        assert left[-1] == pytest.approx(misfit(gain, data, fit.orientations), rel=1e-9)
    assert np.all(np.diff(left) <= 1e-9 * left[0])
    assert left[-1] < 0.99 * left[0]


def test_the_unit_of_the_gain_is_that_of_the_courses() -> None:
    """1/Am or whatever it is."""
    gain, data = drawn(2, 3)
    fit, other = fit_orientations(gain, data), fit_orientations(1e9 * gain, data)
    np.testing.assert_allclose(other.orientations, fit.orientations, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(1e9 * other.courses, fit.courses, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("size", [0.0, 1e-12])
def test_what_sensors_cannot_see_takes_no_part(size: float) -> None:
    """A column of nearly nothing gets no amplitude, and explains no noise."""
    gain, data = drawn(3, 2)
    gain[:, 2] *= size
    fit = fit_orientations(gain, data)
    assert abs(fit.orientations[0, 2]) < 1e-5
    seen = np.delete(gain, 2, axis=1)
    lost = (left_over(gain, data, fit) - free(seen, data)) / np.sum(data**2)
    assert fit.loss_of_fit == pytest.approx(lost, rel=1e-6)


def test_fixed_orientation_loses_nothing() -> None:
    """Courses are least squares, whatever their sign."""
    gain, data = drawn(4, 2)
    fit = fit_orientations(gain[:, :4], data, n_orient=1)
    np.testing.assert_allclose(fit.courses, np.linalg.pinv(gain[:, :4]) @ data, atol=1e-10)
    np.testing.assert_array_equal(fit.orientations, np.ones((4, 1)))
    assert fit.loss_of_fit == 0
    assert not fit.losses.any()


def test_silence_has_a_fit() -> None:
    """No field, or no signal."""
    gain, data = drawn(0, 2)
    for one in (fit_orientations(gain, 0 * data), fit_orientations(0 * gain, data)):
        assert not one.courses.any()
        np.testing.assert_allclose(np.linalg.norm(one.orientations, axis=1), 1)
        assert one.loss_of_fit == 0


@pytest.mark.parametrize(
    ("gain", "data", "words"),
    [
        (np.ones((4, 5)), np.ones((4, 2)), "5 columns, which is no multiple of n_orient, 3"),
        (np.ones((4, 6)), np.ones((3, 2)), "data has 3 rows, but gain has 4"),
        (np.full((4, 6), np.nan), np.ones((4, 2)), "gain holds nan"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(gain: Any, data: Any, words: str) -> None:
    """With their names and what to give."""
    with pytest.raises(ValueError, match=words):
        fit_orientations(gain, data)


@pytest.mark.parametrize(
    ("n_orient", "error"), [(0, ValueError), (-3, ValueError), ("3", TypeError)]
)
def test_refuses_orientations_that_are_no_count(n_orient, error):
    with pytest.raises(error, match="n_orient is"):
        fit_orientations(np.eye(6), np.ones((6, 2)), n_orient)
