"""Resampled averages: the same wherever they are solved, and those of single solves."""

import json

import joblib
import numpy as np
import pytest

import mxne_rs
from backends import BACKENDS
from mxne_rs.alpha.criteria import draw_trials, expected_false
from mxne_rs.resampling.resample import resample


def trials(n_trials=12, seed=0):
    rng = np.random.default_rng(seed)
    gain = rng.standard_normal((15, 80))
    signal = gain[:, [7, 8, 40, 41]] @ rng.standard_normal((4, 20))
    return gain, signal + 4 * rng.standard_normal((n_trials, 15, 20))


@pytest.mark.parametrize("backend", BACKENDS[1:])
@pytest.mark.parametrize("n_reweights", [1, 5])
def test_resamples_are_the_same_everywhere(backend, n_reweights, request):
    gain, data = trials()
    percents = np.geomspace(100, 20, 6)

    def run():
        return resample(
            mxne_rs.Gain(gain, 2), data, percents, n_resamples=9, subsample=0.5, bootstrap=False,
            n_reweights=n_reweights, tol=1e-6, rng=3, scale=np.linspace(1, 2, 80),
            n_jobs={"one thread": 1, "loky": 2, "dask": None}[backend],
        )  # fmt: skip

    here = resample(
        mxne_rs.Gain(gain, 2), data, percents, n_resamples=9, subsample=0.5, bootstrap=False,
        n_reweights=n_reweights, tol=1e-6, rng=3, scale=np.linspace(1, 2, 80),
    )  # fmt: skip
    if backend == "dask":
        with joblib.parallel_config(**request.getfixturevalue("dask_backend")):
            there = run()
    else:
        there = run()
    for name in ("counts", "peaks", "squares", "n_active", "n_ever", "explained", "debiased"):
        assert np.array_equal(getattr(here, name), getattr(there, name)), name


@pytest.mark.parametrize("bootstrap", [False, True])
def test_resamples_are_those_solved_one_by_one(bootstrap):
    """Each resample by the verbs: mean, alpha_max, irMxNE in MNE's units, debias."""
    gain, data = trials()
    percents, weighting = np.array([80.0, 40.0, 20.0]), np.linspace(1, 3, 80)
    found = resample(
        mxne_rs.Gain(gain, 2), data, percents, n_resamples=5, subsample=0.7, bootstrap=bootstrap,
        n_reweights=4, tol=1e-9, rng=1, scale=weighting,
    )  # fmt: skip
    counts, peaks, squares = np.zeros((3, 40)), np.zeros((3, 40)), np.zeros((3, 40))
    for number in range(5):
        rng = np.random.default_rng(np.random.SeedSequence([1, number]))
        average = data[draw_trials(12, 0.7, bootstrap, rng)].mean(axis=0)
        unit = mxne_rs.alpha_max(gain, average, n_orient=2) / 100
        ever = np.zeros(40, dtype=bool)
        for k, percent in enumerate(percents):
            solution = mxne_rs.solve_irmxne(
                gain / unit, average, percent, n_reweights=4, n_orient=2, tol=1e-9, max_iter=100_000
            )
            factors = mxne_rs.debias(gain / unit, average, solution, n_orient=2)
            x = solution.x * np.repeat(factors, 2)[:, np.newaxis]
            explained = 1 - np.sum((average - gain @ x / unit) ** 2) / np.sum(average**2)
            assert found.debiased[number, k] == pytest.approx(explained, abs=1e-5)
            assert found.explained[number, k] == pytest.approx(
                solution.explained_variance, abs=1e-5
            )
            amplitude = (x / unit * weighting[:, np.newaxis]).reshape(40, 2, -1)
            peak = np.sqrt((amplitude**2).sum(axis=1)).max(axis=1)
            counts[k] += solution.active_set
            peaks[k] += peak
            squares[k] += peak**2
            ever |= solution.active_set
            assert found.n_active[number, k] == solution.active_set.sum()
            assert found.n_ever[number, k] == ever.sum()
    assert np.array_equal(found.counts, counts) and found.n_short == 0
    assert np.allclose(found.peaks, peaks, rtol=1e-3, atol=1e-3)
    assert np.allclose(found.squares, squares, rtol=1e-3, atol=1e-3)


def test_trials_drawn():
    rng = np.random.default_rng(0)
    for subsample, size in ((0.8, 8), (0.04, 1), (1.0, 10)):
        drawn = draw_trials(10, subsample, False, rng)
        assert len(set(drawn.tolist())) == len(drawn) == size
    drawn = [draw_trials(10, 0.8, True, rng) for _ in range(50)]
    assert all(len(one) == 10 for one in drawn) and any(
        len(set(one.tolist())) < 10 for one in drawn
    )


def test_bound_of_meinshausen_and_buehlmann():
    """Their example: E[V] <= 1 for p = 1000 and a threshold of 0.9 asks for q = sqrt(800)."""
    assert expected_false(np.sqrt(800), 1000, 0.9) == pytest.approx(1.0)
    assert json.dumps(float(expected_false(2.0, 8, 0.75))) == "1.0"


@pytest.mark.parametrize(
    ("change", "message"),
    [({"subsample": 1.5}, "subsample is 1.5"), ({"subsample": 0.97}, "subsample is 0.97"),
     ({"n_resamples": 0}, "n_resamples is 0"),
     ({"rng": -1}, "rng is -1")],
)  # fmt: skip
def test_resampling_arguments_are_checked(change, message):
    gain, data = trials()
    how = {"n_resamples": 2, "subsample": 0.8, "bootstrap": False, "n_reweights": 1, "tol": 1e-4,
           "rng": 0, **change}  # fmt: skip
    with pytest.raises(ValueError, match=message):
        resample(mxne_rs.Gain(gain), data, np.array([50.0]), **how)
    with pytest.raises(ValueError, match="give two or more"):
        resample(mxne_rs.Gain(gain), data[:1], np.array([50.0]), **{**how, "subsample": 0.8,
                 "n_resamples": 2, "rng": 0})  # fmt: skip
