"""MNE's own functions on this solver: the same answers, in place, and put back afterwards."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import mxne_rs
from mxne_rs import use_in_mne

mne = pytest.importorskip("mne")
from mne.inverse_sparse import mixed_norm, mxne_inverse, mxne_optim  # noqa: E402
from mne.inverse_sparse.mxne_optim import (  # noqa: E402
    iterative_mixed_norm_solver,
    mixed_norm_solver,
)

from mxne_rs.inverse.in_mne import PLACES, TESTED  # noqa: E402

NAMES = [(module, name) for module, name in PLACES]


def looked_up() -> list[Any]:
    """What MNE finds under the names that are replaced."""
    return [getattr(importlib.import_module(module), name) for module, name in NAMES]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of our solvers as they are called."""
    seen: list[str] = []
    for name in ("solve_mxne", "solve_irmxne", "solve_sure"):
        solve = getattr(mxne_rs.inverse.in_mne, name)

        def spy(*args: Any, _solve: Any = solve, _name: str = name, **kwargs: Any) -> Any:
            seen.append(_name)
            return _solve(*args, **kwargs)

        monkeypatch.setattr(mxne_rs.inverse.in_mne, name, spy)
    return seen


def test_version_is_one_of_those_stated() -> None:
    """The test runs on the versions that the documentation names."""
    assert mne.__version__ in TESTED
    assert all(version in (use_in_mne.__doc__ or "") for version in TESTED)


@pytest.mark.parametrize("loose", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("n_mxne_iter", [1, 4])
def test_mnes_function_gives_mnes_answer(
    simulated: Any, calls: list[str], loose: float, n_mxne_iter: int
) -> None:
    """The function that was imported before runs on this solver, and answers as ever."""
    options = {
        "loose": loose, "n_mxne_iter": n_mxne_iter, "tol": 1e-11, "maxit": 20_000, "solver": "bcd",
        "debias": False, "return_residual": True,
    }  # fmt: skip
    alpha = 40 if n_mxne_iter == 1 else 10
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference, their_residual = mixed_norm(*simulated, alpha, **options)
    assert calls == []
    with use_in_mne():
        stc, residual = mixed_norm(*simulated, alpha, **options)
    assert calls == ["solve_mxne" if n_mxne_iter == 1 else "solve_irmxne"]
    assert type(stc) is type(reference)
    assert len(stc.data) > 0
    np.testing.assert_array_equal(stc.vertices[0], reference.vertices[0])
    atol = 1e-5 * np.abs(reference.data).max()
    np.testing.assert_allclose(stc.data, reference.data, rtol=0, atol=atol)
    atol = 1e-5 * np.abs(their_residual.data).max()
    np.testing.assert_allclose(residual.data, their_residual.data, rtol=0, atol=atol)


def test_sure_runs_on_this_solver(simulated: Any, calls: list[str]) -> None:
    """One call for the whole grid, and MNE's choice (its random directions, its noise level)."""
    grid = np.array([80.0, 60.0, 40.0, 25.0])
    options = {
        "alpha": "sure", "sure_alpha_grid": grid, "random_state": 0, "debias": False,
        "time_pca": False, "tol": 1e-9, "maxit": 10_000, "solver": "bcd",
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = mixed_norm(*simulated, **options)
        with use_in_mne():
            stc = mixed_norm(*simulated, **options)
    assert calls == ["solve_sure"]
    np.testing.assert_array_equal(stc.vertices[0], reference.vertices[0])
    atol = 1e-4 * np.abs(reference.data).max()
    np.testing.assert_allclose(stc.data, reference.data, rtol=0, atol=atol)


@pytest.mark.parametrize("active_set_size", [None, 5])
@pytest.mark.parametrize("n_orient", [1, 3])
def test_solvers_that_were_imported_themselves(
    calls: list[str], n_orient: int, active_set_size: int | None
) -> None:
    """`from mne.inverse_sparse.mxne_optim import mixed_norm_solver`, before: its inner solver."""
    rng = np.random.default_rng(0)
    G, M = rng.standard_normal((20, 30 * n_orient)), rng.standard_normal((20, 7))
    alpha = 0.4 * mxne_rs.alpha_max(G, M, n_orient=n_orient)
    options = {
        "n_orient": n_orient, "tol": 1e-10, "maxit": 10_000, "debias": False, "solver": "bcd",
        "active_set_size": active_set_size,
    }  # fmt: skip
    for solver, count in ((mixed_norm_solver, ()), (iterative_mixed_norm_solver, (3,))):
        expected = solver(M, G, alpha, *count, **options)
        before = len(calls)
        with use_in_mne():
            answer = solver(M, G, alpha, *count, **options)
            attribute = getattr(mxne_optim, solver.__name__)(M, G, alpha, *count, **options)
        assert len(calls) > before
        for one in (answer, attribute):
            np.testing.assert_array_equal(one[1], expected[1])
            np.testing.assert_allclose(one[0], expected[0], atol=1e-5 * np.abs(expected[0]).max())
    expected = mixed_norm_solver(M, G, alpha, return_gap=True, **options)
    with use_in_mne():
        *_, gap = mxne_optim.mixed_norm_solver(M, G, alpha, return_gap=True, **options)
    assert 0 <= gap <= 1e-10


def test_first_weights_of_mne(calls: list[str]) -> None:
    """`weight_init`, which only MNE's loop has, goes through MNE's loop on this solver."""
    rng = np.random.default_rng(0)
    G, M = rng.standard_normal((20, 30)), rng.standard_normal((20, 7))
    alpha = 0.2 * mxne_rs.alpha_max(G, M)
    weights = np.linspace(0.5, 2.0, 30)
    options = {"weight_init": weights, "tol": 1e-11, "maxit": 10_000, "debias": False}
    expected = iterative_mixed_norm_solver(M, G, alpha, 3, **options)
    with use_in_mne():
        answer = mxne_optim.iterative_mixed_norm_solver(M, G, alpha, 3, **options)
    assert calls.count("solve_mxne") == 3
    np.testing.assert_array_equal(answer[1], expected[1])
    np.testing.assert_allclose(answer[0], expected[0], atol=1e-5 * np.abs(expected[0]).max())


def test_debiasing_reaches_the_bottom(simulated: Any) -> None:
    """With debias=True the fit is not worse than MNE's own."""
    options = {"tol": 1e-10, "maxit": 10_000, "return_residual": True}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, theirs = mixed_norm(*simulated, 40, **options)
    with use_in_mne():
        _, ours = mixed_norm(*simulated, 40, **options)
    white = mne.cov.compute_whitener(simulated[2], simulated[0].info, pca=True)[0]
    power = [np.sum((white @ one.data) ** 2) for one in (ours, theirs)]
    assert power[0] <= power[1] * (1 + 1e-9)


def test_all_is_put_back() -> None:
    """After the block, after an error in it, after nested blocks, after a decorated function."""
    originals = looked_up()
    with use_in_mne():
        replaced = looked_up()
        assert all(a is not b for a, b in zip(replaced, originals, strict=True))
        with use_in_mne(n_threads=1):
            pass
        assert all(a is not b for a, b in zip(looked_up(), originals, strict=True))
    assert looked_up() == originals
    with pytest.raises(KeyError), use_in_mne():
        raise KeyError("in the block")
    assert looked_up() == originals

    @use_in_mne()
    def inside(fail: bool) -> list[Any]:
        if fail:
            raise KeyError("in the function")
        return looked_up()

    for _ in range(2):  # a decorator works more than once
        assert all(a is not b for a, b in zip(inside(False), originals, strict=True))
        assert looked_up() == originals
    with pytest.raises(KeyError):
        inside(True)
    assert looked_up() == originals


@pytest.mark.parametrize(("module", "name"), NAMES, ids=lambda part: part.rsplit(".", 1)[-1])
def test_other_internals_are_refused(
    monkeypatch: pytest.MonkeyPatch, module: str, name: str
) -> None:
    """A version of MNE without a function, or with other parameters: an error, nothing replaced."""
    place = importlib.import_module(module)
    monkeypatch.setattr(place, name, lambda data: None)
    before = looked_up()
    with pytest.raises(RuntimeError, match=f"{name} lacks M, "), use_in_mne():
        pass
    assert looked_up() == before
    monkeypatch.delattr(place, name)
    with pytest.raises(RuntimeError, match=f"{name} is not there"), use_in_mne():
        pass


def test_bad_threads() -> None:
    with pytest.raises(ValueError, match="n_threads"), use_in_mne(n_threads=-1):
        pass


def test_without_mne(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without MNE the error names the extra."""
    monkeypatch.setitem(__import__("sys").modules, "mne", None)
    with pytest.raises(ImportError, match=r"mxne-rs\[mne\]"), use_in_mne():
        pass


def test_modules_are_where_they_are_looked_up() -> None:
    places = {mxne_inverse.__name__, mxne_optim.__name__, "mne.inverse_sparse._gamma_map"}
    assert {module for module, _ in NAMES} == places


def test_overlapping_blocks() -> None:
    """Blocks of two threads that end in any order: all is put back by the last one."""
    originals = looked_up()
    one, two = use_in_mne(), use_in_mne(n_threads=1)
    one.__enter__()
    two.__enter__()
    one.__exit__(None, None, None)
    assert looked_up() != originals
    two.__exit__(None, None, None)
    assert looked_up() == originals


def test_generators_are_refused() -> None:
    def later() -> Iterator[int]:
        yield 1

    with pytest.raises(TypeError, match="later is a generator"):
        use_in_mne()(later)
