"""The faults of MNE's mixed_norm that are not here: MNE's outcome beside ours, one test each.

They run with the version of MNE that has these faults, in a job that pins it
(`tests/with_older_mne.py`): a later version may be right.
"""

from __future__ import annotations

import sys
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import mxne_rs
import reference
from marks import pinned
from mxne_rs import mixed_norm

mne = pytest.importorskip("mne")
from mne.inverse_sparse import mxne_inverse, mxne_optim  # noqa: E402
from mne.inverse_sparse.mxne_optim import (  # noqa: E402
    iterative_mixed_norm_solver,
    mixed_norm_solver,
)

pytestmark = pinned
BCD = {"solver": "bcd", "debias": False}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """MNE reports warnings, and nothing below."""
    with mne.utils.use_log_level("WARNING"):
        yield


def problem(n_sensors: int = 30, n_locations: int = 60, n_times: int = 12) -> tuple[Any, Any]:
    """Gain, and data of six of its sources in noise."""
    rng = np.random.default_rng(0)
    gain = rng.standard_normal((n_sensors, n_locations))
    truth = gain[:, ::10] @ rng.standard_normal((gain[:, ::10].shape[1], n_times))
    return gain, truth + 0.5 * rng.standard_normal((n_sensors, n_times))


def theirs(*args: Any, **options: Any) -> Any:
    """MNE's mixed_norm, without its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return mne.inverse_sparse.mixed_norm(*args, **{"solver": "bcd", **options})


def calls_during(work: Callable[[], Any]) -> int:
    """Python and built-in functions called."""
    count = 0

    def watch(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


# --- 1: the first sample ------------------------------------------------------------------------


def test_1_first_sample_zero(simulated: Any) -> None:
    """A first sample that is zero changes nothing; MNE then loses sources."""
    evoked, forward, noise_cov = simulated
    silent = evoked.copy()
    silent.data[:, 0] = 0
    options = {"alpha": 10, "time_pca": False, "tol": 1e-8, "debias": False, "loose": 0.0}
    full = mixed_norm(silent, forward, noise_cov, **options)
    later = mixed_norm(silent.copy().crop(evoked.times[1]), forward, noise_cov, **options)
    np.testing.assert_array_equal(full.vertices[0], later.vertices[0])
    atol = 1e-3 * abs(later.data).max()
    np.testing.assert_allclose(full.data[:, 1:], later.data, rtol=0, atol=atol)
    wrong = theirs(silent, forward, noise_cov, maxit=20, **options)
    assert len(wrong.data) < len(full.data)


# --- 2 and 1.4: SURE ----------------------------------------------------------------------------


def test_2_sure_reweights_with_two_iterations(simulated: Any) -> None:
    """SURE with n_mxne_iter=2 reweights once; in MNE it does not."""
    options = {"n_mxne_iter": 2, "debias": False, "tol": 1e-8}
    sure = {"alpha": "sure", "sure_alpha_grid": [20.0], "random_state": 0}
    ours = mixed_norm(*simulated, **sure, **options)
    expected = mixed_norm(*simulated, alpha=20, **options)
    np.testing.assert_array_equal(ours.vertices[0], expected.vertices[0])
    np.testing.assert_allclose(ours.data, expected.data, atol=1e-4 * expected.data.max())
    wrong = theirs(*simulated, **sure, **options)
    convex = theirs(*simulated, alpha=20, **{**options, "n_mxne_iter": 1})
    np.testing.assert_allclose(wrong.data, convex.data, rtol=1e-9)
    assert abs(wrong.data.max() - ours.data.max()) > 0.05 * ours.data.max()


def test_2_sure_reweights_what_is_not_debiased() -> None:
    """With debias=True SURE's answer is irMxNE's; MNE reweights debiased amplitudes."""
    gain, data = problem()
    alpha = 0.25 * mxne_rs.alpha_max(gain, data)
    how = {"n_reweights": 3, "amplitude_unit": 1.0, "tol": 1e-10}
    ours = mxne_rs.solve_sure(gain, data, [alpha], debias=True, rng=0, **how)
    expected = mxne_rs.solve_irmxne(gain, data, alpha, **how)
    np.testing.assert_allclose(ours.x, expected.x, atol=1e-6 * abs(expected.x).max())
    options = {"maxit": 10_000, "tol": 1e-9, "solver": "bcd", "n_orient": 1, "dgap_freq": 10}
    right = iterative_mixed_norm_solver(
        data, gain, alpha, 3, active_set_size=None, debias=False, **options
    )
    np.testing.assert_array_equal(expected.active_set, right[1])
    wrong = {}
    for debias in (False, True):
        stream = {RNG: np.random.RandomState(0)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            x, active, _ = mxne_inverse._compute_mxne_sure(
                data, gain, np.array([alpha]), sigma=1, n_mxne_iter=3, debias=debias,
                active_set_size=None, verbose=False, **options, **stream,
            )  # fmt: skip
        if debias:  # the same undoing of the bias as in ours, to compare what was reweighted
            x = x / mxne_optim.compute_bias(data, gain[:, active], x)[:, None]
        dense = np.zeros(expected.x.shape)
        dense[active] = x
        wrong[debias] = abs(dense - expected.x).max() / abs(expected.x).max()
    assert wrong[False] < 1e-4 < 1e-2 < wrong[True]


#: The name of the random stream in MNE's inner function.
RNG = (
    "rng"
    if "rng" in mxne_inverse._compute_mxne_sure.__wrapped__.__code__.co_varnames[:14]
    else "random_state"
)


def test_2_sure_assumes_the_level_of_the_data(
    simulated: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The noise of 100 averages is a tenth of a trial's; MNE assumes that of a trial."""
    evoked, _, noise_cov = simulated
    white, _ = mne.cov.compute_whitener(noise_cov, evoked.info, pca=True)
    options = {"alpha": "sure", "random_state": 0, "sure_alpha_grid": [80.0, 50.0, 30.0, 20.0]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, ours = mixed_norm(*simulated, return_solution=True, **options)
        _, assumed = mixed_norm(*simulated, return_solution=True, sure_sigma=1.0, **options)
    np.testing.assert_allclose(ours.sure.sigma, np.sqrt(np.mean((white @ evoked.data) ** 2)))
    assert 0.1 < ours.sure.sigma[0] < 0.3
    assert ours.alpha < assumed.alpha
    seen: list[Any] = []
    sure = mxne_inverse._compute_mxne_sure

    def spy(*args: Any, **kwargs: Any) -> Any:
        seen.append(kwargs["sigma"])
        return sure(*args, **kwargs)

    monkeypatch.setattr(mxne_inverse, "_compute_mxne_sure", spy)
    theirs(*simulated, **options)
    assert seen == [1]
    assert simulated[0].nave == 100


def test_1_4_sure_is_warm_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """One path in fewer epochs than cold solves; MNE says warm and starts cold."""
    gain, data = problem(n_locations=200)
    alphas = mxne_rs.alpha_max(gain, data) * np.geomspace(1, 0.1, 15)
    path = mxne_rs.solve_path(gain, data, alphas, tol=1e-8)
    cold = [mxne_rs.solve_mxne(gain, data, alpha, tol=1e-8) for alpha in alphas]
    assert sum(one.n_iter for one in path) < 0.8 * sum(one.n_iter for one in cold)
    starts: list[Any] = []
    solver = mxne_inverse.mixed_norm_solver

    def spy(*args: Any, **kwargs: Any) -> Any:
        starts.append((kwargs.get("active_set_init"), kwargs.get("X_init")))
        return solver(*args, **kwargs)

    monkeypatch.setattr(mxne_inverse, "mixed_norm_solver", spy)
    mxne_inverse._compute_mxne_sure(
        data, gain, alphas[:5], sigma=1, n_mxne_iter=1, maxit=1000, tol=1e-4, n_orient=1,
        active_set_size=10, debias=False, solver="bcd", dgap_freq=10, verbose=False,
        **{RNG: np.random.RandomState(0)},
    )  # fmt: skip
    assert starts == [(None, None)] * 10


def test_1_4_sure_warnings_name_alpha_and_data(simulated: Any) -> None:
    """One warning says how many fits fell short, and the first's alpha; MNE's do not."""
    options = {"alpha": "sure", "sure_alpha_grid": [30.0, 10.0], "maxit": 1, "tol": 1e-12}
    with pytest.warns() as caught:
        mixed_norm(*simulated, rng=0, **options)
    texts = [str(one.message) for one in caught if one.category is mxne_rs.ConvergenceWarning]
    assert len(texts) == 1
    assert "4 solves did not converge" in texts[0]
    assert "(30 % of alpha_max): " in texts[0]
    with pytest.warns() as caught:
        mne.inverse_sparse.mixed_norm(*simulated, random_state=0, solver="bcd", **options)
    texts = [str(one.message) for one in caught if "converge" in str(one.message).lower()]
    assert texts
    assert not any("alpha" in text for text in texts)


def test_1_4_sure_at_the_edge_is_said(simulated: Any) -> None:
    """A choice at the end of the grid warns; MNE says nothing."""
    options = {"alpha": "sure", "sure_alpha_grid": [80.0, 70.0, 60.0], "random_state": 0}
    with pytest.warns(RuntimeWarning, match=r"end of the grid \(75 % of its largest"):
        mixed_norm(*simulated, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mne.inverse_sparse.mixed_norm(*simulated, solver="bcd", **options)


# --- 3 to 6: units and degenerate input ---------------------------------------------------------


def test_3_tolerance_is_relative() -> None:
    """Small units change nothing; at MNE's solver they give the empty answer as converged."""
    gain, data = problem()
    alpha = 0.5 * mxne_rs.alpha_max(gain, data)
    expected = mxne_rs.solve_mxne(gain, data, alpha, tol=1e-8)
    small = mxne_rs.solve_mxne(gain, 1e-6 * data, 1e-6 * alpha, tol=1e-8)
    np.testing.assert_allclose(1e6 * small.x, expected.x, atol=1e-9 * abs(expected.x).max())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        active = mixed_norm_solver(1e-6 * data, gain, 1e-6 * alpha, tol=1e-8, solver="cd")[1]
    assert active.sum() == 0 < expected.active_set.sum()


def test_4_reweighting_has_a_tolerance_of_its_own() -> None:
    """A loose gap does not end reweighting early; in MNE the same number is compared with both."""
    gain, data = problem()
    gain = 1e3 * gain  # amplitudes of a thousandth: below a tolerance that suits the gap
    alpha = 0.2 * mxne_rs.alpha_max(gain, data) / 30
    loose, tight = (
        mxne_rs.solve_irmxne(gain, data, alpha, n_reweights=50, amplitude_unit=1.0, tol=tol)
        for tol in (1e-3, 1e-9)
    )
    assert loose.reweighting_converged
    assert tight.reweighting_converged
    assert tight.n_reweights > 3
    assert loose.n_reweights >= tight.n_reweights - 2
    power = np.sum(data**2)
    rounds = [
        len(
            iterative_mixed_norm_solver(
                data, gain, alpha, 50, tol=tol * power, maxit=10_000, **BCD
            )[2]
        )
        for tol in (1e-3, 1e-9)
    ]
    assert rounds[0] < rounds[1]


def test_5_zero_data(simulated: Any) -> None:
    """Data of zeros have no source and say so; MNE divides by zero."""
    silent = simulated[0].copy()
    silent.data[:] = 0
    with pytest.warns(RuntimeWarning, match="zero"):
        stc = mixed_norm(silent, *simulated[1:], 50)
    assert stc.data.shape == (0, len(silent.times))
    with pytest.raises((ZeroDivisionError, ValueError, np.linalg.LinAlgError)):
        theirs(silent, *simulated[1:], alpha=50)


def test_5_zero_columns() -> None:
    """A location that no sensor sees stays out; MNE's solver fails."""
    gain, data = problem()
    gain[:, 3] = 0
    alpha = 0.2 * mxne_rs.alpha_max(gain, data)
    solution = mxne_rs.solve_mxne(gain, data, alpha)
    assert reference.duality_gap(gain, data, solution.x, alpha, 1, None, 0.0)[0] <= 1e-6
    assert not solution.active_set[3]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            x = mixed_norm_solver(data, gain, alpha, active_set_size=None, **BCD)[0]
        except (np.linalg.LinAlgError, ValueError, ZeroDivisionError):
            return
    assert not np.isfinite(x).all()


def test_6_single_precision() -> None:
    """float32 is taken; MNE's solver fails with a bare assertion."""
    gain, data = (one.astype(np.float32) for one in problem())
    alpha = 0.3 * mxne_rs.alpha_max(gain, data)
    single = mxne_rs.solve_mxne(gain, data, alpha)
    double = mxne_rs.solve_mxne(gain.astype(float), data.astype(float), alpha)
    np.testing.assert_array_equal(single.x, double.x)
    with pytest.raises(AssertionError):
        mixed_norm_solver(data, gain, alpha, **BCD)


# --- 8 to 11: limits and cost -------------------------------------------------------------------


def test_8_alpha_zero(simulated: Any) -> None:
    """alpha=0 is refused; MNE runs until it gives up."""
    with pytest.raises(ValueError, match="alpha is 0; give a percentage"):
        mixed_norm(*simulated, alpha=0)
    options = {"maxit": 5, "solver": "bcd", "active_set_size": 10, "debias": False}
    with pytest.warns(RuntimeWarning, match="NOT converge"):
        mne.inverse_sparse.mixed_norm(*simulated, alpha=0, **options)


def test_9_debiasing_does_not_depend_on_units() -> None:
    """The factors are the same for data in other units; MNE's move, from a step that does."""
    gain, data = problem()
    solution = mxne_rs.solve_mxne(gain, data, 0.4 * mxne_rs.alpha_max(gain, data))
    x, active = solution.x, solution.active_set
    factors = mxne_rs.debias(gain, data, x)[active]
    small = mxne_rs.debias(gain, 1e-3 * data, 1e-3 * x)[active]
    np.testing.assert_allclose(small, factors, rtol=1e-10)
    moved = [
        mxne_optim.compute_bias(scale * data, gain[:, active], scale * x[active])
        for scale in (1.0, 1e-3)
    ]
    assert abs(moved[1] - moved[0]).max() > 1e-7


def test_10_maxit_is_a_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most maxit epochs in all, or a limit in seconds; MNE's limit may be spent once a round."""
    gain, data = problem(n_locations=200)
    alpha = 0.1 * mxne_rs.alpha_max(gain, data)
    with pytest.warns(mxne_rs.ConvergenceWarning):
        solution = mxne_rs.solve_mxne(gain, data, alpha, max_iter=5, tol=1e-14)
    assert solution.n_iter <= 5
    with pytest.warns(mxne_rs.ConvergenceWarning):
        solution = mxne_rs.solve_mxne(gain, data, alpha, time_limit=1e-6, tol=1e-14)
    assert solution.status == "time_limit"
    limits: list[int] = []
    inner = mxne_optim._mixed_norm_solver_bcd

    def spy(*args: Any, **kwargs: Any) -> Any:
        limits.append(kwargs["maxit"])
        return inner(*args, **kwargs)

    monkeypatch.setattr(mxne_optim, "_mixed_norm_solver_bcd", spy)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mixed_norm_solver(data, gain, alpha, maxit=5, tol=1e-14, active_set_size=10, **BCD)
    assert sum(limits) == 25


def test_11_blocks_are_not_visited_in_python() -> None:
    """Our calls do not grow with the locations; MNE makes some for each, in every round."""
    counts = {}
    for n_locations in (300, 600):
        gain, data = problem(n_locations=n_locations)
        alpha = 0.5 * mxne_rs.alpha_max(gain, data, n_orient=3)
        options = {"n_orient": 3, "tol": 1e-6, "active_set_size": 10, **BCD}
        counts[n_locations] = (
            calls_during(lambda g=gain, d=data, a=alpha: mxne_rs.solve_mxne(g, d, a, n_orient=3)),
            calls_during(
                lambda g=gain, d=data, a=alpha, o=options: mixed_norm_solver(d, g, a, **o)
            ),
        )
    assert abs(counts[600][0] - counts[300][0]) < 30
    assert counts[600][0] < 400
    assert counts[600][1] > 600


# --- 12, 14 to 16 -------------------------------------------------------------------------------


def test_12_sure_keeps_active_rows_only() -> None:
    """Memory grows with what is found; MNE keeps every row of X for each alpha, twice."""
    gain, data = problem(n_locations=2000, n_times=60)
    alphas = mxne_rs.alpha_max(gain, data) * np.geomspace(0.95, 0.5, 10)
    one_x = gain.shape[1] * data.shape[1] * 8

    def peak(work: Callable[[], Any]) -> float:
        tracemalloc.start()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            work()
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top / one_x

    prepared = mxne_rs.Gain(gain)
    assert peak(lambda: mxne_rs.solve_sure(prepared, data, alphas, rng=0)) < 2
    options = {"maxit": 100, "tol": 1.0, "n_orient": 1, "solver": "bcd", "dgap_freq": 10}
    assert peak(
        lambda: mxne_inverse._compute_mxne_sure(
            data, gain, alphas, sigma=1, n_mxne_iter=1, active_set_size=10, debias=False,
            verbose=False, **options, **{RNG: np.random.RandomState(0)},
        )
    ) > 2 * len(alphas)  # fmt: skip


def test_14_reweighting_goes_on_from_the_last_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten rounds cost few epochs more than one; MNE solves each from zero."""
    gain, data = problem(n_locations=200)
    alpha = 0.1 * mxne_rs.alpha_max(gain, data)
    options = {"tol": 1e-9, "max_iter": 100_000}
    first = mxne_rs.solve_mxne(gain, data, alpha, **options)
    all_rounds = mxne_rs.solve_irmxne(gain, data, alpha, n_reweights=5, **options)
    last = mxne_rs.solve_mxne(gain, data, alpha, weights=all_rounds.weights, **options)
    rounds = all_rounds.n_reweights or 0
    assert rounds == 5
    assert all_rounds.n_iter < first.n_iter + (rounds - 1) * max(last.n_iter, first.n_iter)
    starts: list[Any] = []
    inner = mxne_optim._mixed_norm_solver_bcd

    def spy(*args: Any, **kwargs: Any) -> Any:
        starts.append(kwargs.get("init"))
        return inner(*args, **kwargs)

    monkeypatch.setattr(mxne_optim, "_mixed_norm_solver_bcd", spy)
    iterative_mixed_norm_solver(data, gain, alpha, 4, tol=1e-6, active_set_size=None, **BCD)
    assert starts == [None] * 4


def test_14_the_working_set_grows_by_what_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer looks at the whole gain than MNE's rounds, whose quota old members use up."""
    gain, data = problem(n_sensors=60, n_locations=2000, n_times=30)
    alpha = 0.3 * mxne_rs.alpha_max(gain, data)
    ours = mxne_rs.solve_mxne(gain, data, alpha, tol=1e-6)
    power = np.sum(data**2)
    values = mixed_norm_solver(
        data, gain, alpha, maxit=10_000, tol=5e-7 * power, active_set_size=10, **BCD
    )[2]
    assert len(ours.history) < len(values)


def test_14_weights_of_dying_locations_are_harmless() -> None:
    """Far below the point where most amplitudes die, the weighted problem is still certified."""
    gain, data = problem()
    alpha = 0.3 * mxne_rs.alpha_max(gain, data)
    for n_reweights in range(2, 9):
        solution = mxne_rs.solve_irmxne(gain, data, alpha, n_reweights=n_reweights, tol=1e-8)
        gap, *_ = reference.duality_gap(gain, data, solution.x, alpha, 1, solution.weights, 0.0)
        assert solution.converged
        assert gap <= 1e-8 * 1.001


def test_15_empty_does_not_depend_on_the_loop(simulated: Any) -> None:
    """Near alpha_max MxNE and irMxNE agree that there is nothing; in MNE it depends."""
    for n_mxne_iter in (1, 3):
        with pytest.warns(RuntimeWarning, match="too big"):
            stc = mixed_norm(*simulated, alpha=99.99, tol=1.0, n_mxne_iter=n_mxne_iter)
        assert len(stc.data) == 0


@pytest.mark.parametrize("level", ["WARNING", "ERROR", "CRITICAL"])
def test_16_warnings_do_not_depend_on_the_log_level(simulated: Any, level: str) -> None:
    """Ours are warnings whatever MNE's log level; MNE's own are gone above WARNING."""
    options = {"alpha": 99.9, "tol": 1.0, "n_mxne_iter": 3}
    with mne.utils.use_log_level(level):
        with pytest.warns(RuntimeWarning, match="too big"):
            mixed_norm(*simulated, **options)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            mne.inverse_sparse.mixed_norm(*simulated, solver="bcd", **options)
    said = [one for one in caught if "too big" in str(one.message)]
    assert bool(said) == (level == "WARNING")
