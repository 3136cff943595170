"""Stein's unbiased risk estimate: its formula, its noise level, its edges, MNE's values."""

import re
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mxne_rs
import reference
from strategies import problems

#: MxNE by SURE lets in many sources on data this small; what is said of it has a test of its own.
pytestmark = pytest.mark.filterwarnings("ignore:SURE of MxNE:RuntimeWarning")


def planted(n_sensors=30, n_locations=100, n_times=50, seed=0):
    """A random gain, and data of two of its sources in noise of unit variance."""
    rng = np.random.default_rng(seed)
    gain = rng.standard_normal((n_sensors, n_locations))
    truth = gain[:, [20, 60]] @ rng.standard_normal((2, n_times))
    return gain, truth, truth + rng.standard_normal((n_sensors, n_times))


@settings(max_examples=20)
@given(problem=problems(), seed=st.integers(0, 99), debias=st.booleans())
def test_curve_is_the_formula(problem, seed, debias):
    """Residual, degrees of freedom and risk from solves of our own, one at a time."""
    gain, data, n_orient = problem.gain, problem.data, problem.n_orient
    top = reference.alpha_max(gain, data, n_orient, problem.weights)
    if top == 0:
        return
    sigma = np.linspace(0.5, 1.5, data.shape[1]) * np.sqrt(np.mean(data**2))
    alphas = top * np.array([0.8, 0.4])
    options = {"n_orient": n_orient, "weights": problem.weights, "tol": 1e-12, "max_iter": 500_000}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the edge of a grid of two
        solution = mxne_rs.solve_sure(
            gain, data, alphas, sigma=sigma, rng=seed, debias=debias, **options
        )
        directions = np.random.default_rng(seed).standard_normal(data.shape)
        step = 2 * sigma / len(gain) ** 0.3
        values = []
        for alpha in alphas:
            fits = []
            for one in (data, data + step * directions):
                x = mxne_rs.solve_mxne(gain, one, alpha, **options).x
                if debias:
                    factors = mxne_rs.debias(gain, one, x, n_orient=n_orient)
                    x = np.repeat(factors, n_orient)[:, None] * x
                fits.append(gain @ x)
            dof = np.sum(directions * (fits[1] - fits[0]), axis=0) / step
            values.append(
                np.sum((data - fits[0]) ** 2)
                - len(gain) * np.sum(sigma**2)
                + 2 * np.sum(sigma**2 * dof)
            )
    power = np.sum(data**2)
    np.testing.assert_allclose(solution.sure.values, values, rtol=0, atol=1e-3 * power)
    assert solution.alpha == alphas[solution.sure.index]
    assert solution.sure.index == np.argmin(solution.sure.values)


def test_risk_is_that_of_the_truth():
    """In expectation the estimate is |G X - G X_true|^2: over many noises they agree."""
    gain, truth, _ = planted()
    rng = np.random.default_rng(1)
    difference, size = [], []
    for _ in range(30):
        data = truth + rng.standard_normal(truth.shape)
        solution = mxne_rs.solve_sure(gain, data, [60.0], rng=rng)
        risk = np.sum((gain @ solution.x - truth) ** 2)
        difference.append(solution.sure.values[0] - risk)
        size.append(risk)
    error = np.std(difference) / np.sqrt(len(difference))
    assert abs(np.mean(difference)) < 4 * error < 0.2 * np.mean(size)


@pytest.mark.parametrize("n_reweights", [1, 10])
def test_finds_the_planted_sources(n_reweights):
    gain, _, data = planted()
    solution = mxne_rs.solve_sure(gain, data, eps=0.04, n_reweights=n_reweights, rng=0)
    assert np.flatnonzero(solution.active_set).tolist() == [20, 60]
    assert not solution.sure.at_edge
    assert (solution.sure.gaps <= 1e-6).all()
    single = (mxne_rs.solve_mxne if n_reweights == 1 else mxne_rs.solve_irmxne)(
        gain, data, solution.alpha
    )
    np.testing.assert_allclose(solution.x, single.x, atol=1e-4 * abs(single.x).max())


def test_averages_over_directions():
    """The mean of two single-direction curves, drawn one after the other."""
    gain, _, data = planted()
    both = mxne_rs.solve_sure(gain, data, n_directions=2, rng=3).sure
    stream = np.random.default_rng(3)
    each = [mxne_rs.solve_sure(gain, data, rng=stream).sure for _ in range(2)]
    np.testing.assert_allclose(both.dof, (each[0].dof + each[1].dof) / 2, atol=1e-6 * data.size)
    assert not np.allclose(each[0].dof, each[1].dof)


def test_noise_level_decides():
    """Noise taken for stronger than it is leads to a larger alpha; units do not matter."""
    gain, _, data = planted()
    alphas = [
        mxne_rs.solve_sure(gain, data, sigma=s, rng=0, n_alphas=30, eps=0.02).alpha
        for s in (0.7, 1.0, 2.0)
    ]
    assert alphas[0] < alphas[1] < alphas[2]
    scaled = mxne_rs.solve_sure(gain, 1e-6 * data, sigma=1e-6, rng=0, n_alphas=30, eps=0.02)
    assert scaled.alpha == pytest.approx(1e-6 * alphas[1], rel=1e-9)


def test_warns_at_the_edges_of_the_grid():
    gain, _, data = planted()
    top = mxne_rs.alpha_max(gain, data)
    with pytest.warns(RuntimeWarning, match="extend the grid"):
        mxne_rs.solve_sure(gain, data, top * np.array([1.0, 0.8, 0.6]), rng=0)
    with pytest.warns(RuntimeWarning, match="noise level"):
        mxne_rs.solve_sure(gain, data, sigma=100.0, rng=0)
    mxne_rs.solve_sure(gain, data, [0.5 * top], rng=0)  # one alpha has no edge


def test_warnings_name_alpha_and_data_set():
    gain, _, data = planted()
    with pytest.warns() as caught:
        mxne_rs.solve_sure(gain, data, [60.0, 20.0], rng=0, max_iter=1, tol=1e-12)
    texts = [str(one.message) for one in caught if one.category is mxne_rs.ConvergenceWarning]
    assert len(texts) == 1
    first = r"4 solves did not converge, the first: alpha 60 \([\d.]+ % of alpha_max\): "
    assert re.match(first, texts[0])


def test_same_seed_same_answer_whatever_the_threads():
    gain, _, data = planted()
    curves = [mxne_rs.solve_sure(gain, data, rng=5, n_threads=n).sure.values for n in (1, 2, 0)]
    np.testing.assert_array_equal(curves[0], curves[1])
    np.testing.assert_array_equal(curves[0], curves[2])
    legacy = mxne_rs.solve_sure(gain, data, rng=np.random.RandomState(5)).sure.values
    assert not np.array_equal(curves[0], legacy)


def test_one_number_may_be_all():
    gain, _, data = planted()
    single = mxne_rs.solve_sure(gain, data, rng=0)
    each = mxne_rs.solve_sure(gain, data, sigma=np.ones(data.shape[1]), rng=0)
    np.testing.assert_array_equal(single.sure.values, each.sure.values)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("sigma", 0.0, ValueError),
        ("sigma", -1.0, ValueError),
        ("sigma", float("nan"), ValueError),
        ("sigma", np.ones(3), ValueError),
        ("sigma", "high", TypeError),
        ("n_directions", 0, ValueError),
        ("n_directions", 1.5, TypeError),
        ("rng", "seed", TypeError),
        ("rng", -1, ValueError),
        ("alphas", [], ValueError),
        ("alphas", [0.0, 1.0], ValueError),
        ("eps", 1.0, ValueError),
        ("n_reweights", 0, ValueError),
        ("surrogate", "cube", ValueError),
    ],
)
def test_refuses(name, value, error):
    gain, _, data = planted(n_locations=70, n_times=5)
    with pytest.raises(error, match=name.rstrip("s")):
        mxne_rs.solve_sure(gain, data, **{name: value})


@pytest.mark.filterwarnings("ignore:SURE cannot tell")
@pytest.mark.parametrize("debias", [False, True])
def test_curve_is_mnes(debias):
    """The same random directions and noise level: MNE's values, point by point, and its choice."""
    mne = pytest.importorskip("mne")
    from mne.inverse_sparse.mxne_inverse import _compute_mxne_sure

    gain, _, data = planted(n_times=20)
    grid = mxne_rs.alpha_max(gain, data) * np.geomspace(0.9, 0.08, 6)
    stream = {"rng" if "rng" in _compute_mxne_sure.__wrapped__.__code__.co_varnames[:14]
              else "random_state": np.random.RandomState(0)}  # fmt: skip
    with mne.utils.catch_logging() as log, mne.utils.use_log_level("INFO"):
        _, active, alpha = _compute_mxne_sure(
            data, gain, grid, sigma=1, n_mxne_iter=1, maxit=10_000, tol=1e-7, n_orient=1,
            active_set_size=None, debias=debias, solver="bcd", dgap_freq=10, verbose=True, **stream,
        )  # fmt: skip
    theirs = [float(value) for value in re.findall(r":: sure (\S+)", log.getvalue())]
    ours = mxne_rs.solve_sure(
        gain, data, grid, rng=np.random.RandomState(0), debias=debias, tol=1e-10
    )
    # MNE's debiasing stops before the bottom where many sources are active.
    rtol = 0.05 if debias else 1e-4
    np.testing.assert_allclose(ours.sure.values, theirs, rtol=rtol)
    assert ours.alpha == pytest.approx(alpha)
    np.testing.assert_array_equal(ours.active_set, active)


def test_what_fell_short_is_not_chosen():
    """Alphas without a certificate have no value, and the answer does not pass as converged."""
    gain, _, data = planted()
    top = mxne_rs.alpha_max(gain, data)
    with pytest.warns(mxne_rs.ConvergenceWarning):
        solution = mxne_rs.solve_sure(gain, data, top * np.array([1, 0.1]), rng=0, max_iter=5)
    assert np.isnan(solution.sure.values).tolist() == [False, True]
    assert solution.sure.index == 0
    assert not solution.converged
    assert solution.status == "iteration_limit"
    with pytest.warns(mxne_rs.ConvergenceWarning):
        solution = mxne_rs.solve_sure(gain, data, rng=0, time_limit=1e-9, eps=0.5)
    assert solution.status == "time_limit"


def quiet_sure(*args, **options):
    """Without what is said of the choice."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "SURE ", RuntimeWarning)
        return mxne_rs.solve_sure(*args, **options)


def test_same_call_same_answer():
    """Directions are seeded; None draws others in each call."""
    gain, _, data = planted()
    once, again = (quiet_sure(gain, data).sure for _ in range(2))
    np.testing.assert_array_equal(once.dof, again.dof)
    other = quiet_sure(gain, data, rng=None).sure
    assert not np.array_equal(once.dof[1:], other.dof[1:])


def test_many_sources_without_reweighting_are_said_once():
    """The warning names the remedy, which removes it; nothing else is said, such as of the edge."""
    gain, _, data = planted()
    with pytest.warns(RuntimeWarning) as caught:
        solution = mxne_rs.solve_sure(gain, data, sigma=0.7, eps=0.05)
    assert solution.active_set.sum() > 20
    assert solution.sure.at_edge
    assert len(caught) == 1
    assert re.match("SURE of MxNE .*n_reweights=100", str(caught[0].message))
    assert caught[0].filename == __file__
    assert mxne_rs.solve_sure(gain, data, n_reweights=100, eps=0.05).active_set.sum() == 2


def test_flat_curve_is_said():
    """Two alphas of 2 and 5 sources whose risks differ by less than the random error."""
    gain, _, data = planted(n_times=20)
    grid = mxne_rs.alpha_max(gain, data) * np.geomspace(0.9, 0.08, 6)
    with pytest.warns(RuntimeWarning, match="cannot tell alphas .*n_directions=10"):
        curve = mxne_rs.solve_sure(gain, data, grid, rng=np.random.RandomState(0)).sure
    assert curve.is_flat
    rise = curve.values - curve.values[curve.index]
    error = 2 * np.sqrt(2 * np.abs(curve.dof - curve.dof[curve.index]))
    np.testing.assert_array_equal(curve.alike, rise <= error)
    counts = curve.n_active[curve.alike]
    assert counts.max() > 2 * counts.min()


def test_alike_by_the_error_of_all_directions():
    """Four directions leave half the error of one, which here tells one alpha more."""
    gain, _, data = planted()
    curve = quiet_sure(gain, 2 * data, sigma=2.0, n_directions=4, n_alphas=40).sure
    rise = curve.values - curve.values[curve.index]
    error = 2 * 4.0 * np.sqrt(2 * np.abs(curve.dof - curve.dof[curve.index]) / 4)
    np.testing.assert_array_equal(curve.alike, rise <= error)
    assert curve.alike.sum() < (rise <= 2 * error).sum()


@pytest.mark.parametrize("debias", [False, True])
def test_residual_stands_beside_the_noise_assumed(debias):
    """|M - G X|^2 per number of the data, after debiasing where the risk is that."""
    gain, _, data = planted()
    solution = quiet_sure(gain, data, n_reweights=100, sigma=1.25, debias=debias)
    x = solution.x
    if debias:
        factors = mxne_rs.debias(gain, data, solution)
        x = np.where(solution.active_set, factors, 1)[:, np.newaxis] * x
    expected = np.sqrt(np.sum((data - gain @ x) ** 2) / (30 * 50))
    assert solution.residual_std == pytest.approx(expected)
    assert f"residual of std {expected:.3g} (noise assumed 1.25)" in repr(solution)
    assert mxne_rs.solve_mxne(gain, data, 100.0).residual_std is None


def test_data_that_are_nothing_beside_their_noise_are_refused():
    """Arrays that nobody whitened: SURE would solve at alphas next to nothing, for ever."""
    gain, _, data = planted()
    with pytest.raises(ValueError, match=r"sigma is 1, too large for data .*; whiten"):
        mxne_rs.solve_sure(gain, 1e-12 * data)
    with pytest.raises(ValueError, match="whiten gain and data"):
        mxne_rs.choose_alpha(gain, 1e-12 * data, method="map")
