"""`choose_alpha`: each method where the answer is known in closed form, or by the formulas."""

import sys
import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import mxne_rs
import reference
from mxne_rs.alpha.choice import LABELS
from strategies import LAYOUTS, fixed_problem, problems

#: A step of the fixed point that changes alpha by less is the last one.
SETTLED = 1e-3

#: MxNE by SURE lets in many sources on data this small; what is said of it has a test of its own.
pytestmark = pytest.mark.filterwarnings("ignore:SURE of MxNE:RuntimeWarning")


def planted(n_trials=None, noise=1.0, n_sensors=30, n_locations=100, n_times=50, seed=0):
    """A random gain, and data (or trials) of two of its sources in white noise."""
    rng = np.random.default_rng(seed)
    gain = rng.standard_normal((n_sensors, n_locations))
    clean = gain[:, [20, 60]] @ rng.standard_normal((2, n_times))
    shape = clean.shape if n_trials is None else (n_trials, *clean.shape)
    return gain, clean + noise * rng.standard_normal(shape)


def quietly(*args, **options):
    """Choose, where an end of the grid is expected."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return mxne_rs.choose_alpha(*args, **options)


def parameters(method):
    """What a method cannot do without, and a seed."""
    return {"method": method, "rng": 0, **({"n_sources": 2} if method == "n_sources" else {})}


# --- each method ---------------------------------------------------------------------------------


def test_sure_is_that_of_solve_sure():
    gain, trials = planted(n_trials=16)
    options = {"n_reweights": 10, "rng": 3, "n_directions": 2, "n_alphas": 12, "eps": 0.003}
    choice = mxne_rs.choose_alpha(gain, trials, method="sure", **options)
    solution = mxne_rs.solve_sure(gain, trials.mean(axis=0), sigma=0.25, **options)
    np.testing.assert_allclose(choice.values, solution.sure.values, rtol=1e-6)
    assert (choice.method, choice.index) == ("sure", solution.sure.index)
    assert choice.alpha == pytest.approx(solution.alpha)
    assert np.flatnonzero(choice.solution.active_set).tolist() == [20, 60]
    given_level = mxne_rs.choose_alpha(gain, trials, method="sure", sigma=1.0, **options)
    assert given_level.alpha > choice.alpha


@pytest.mark.parametrize(("n_orient", "debias"), [(1, False), (3, False), (1, True)])
def test_cv_is_the_formula(n_orient, debias):
    """Each sensor predicted by the reference from the other folds, alpha scaled with them."""
    problem = fixed_problem(n_sensors=11, n_locations=8, n_times=4, n_orient=n_orient)
    gain, data = problem.gain, problem.data
    alphas = problem.alpha_max * np.array([0.7, 0.3, 0.1])
    choice = quietly(
        gain, data, alphas, method="cv", n_folds=3, rng=5, n_orient=n_orient, tol=1e-12,
        debias=debias,
    )  # fmt: skip
    folds = np.array_split(np.random.default_rng(5).permutation(11), 3)
    expected = []
    for alpha in alphas:
        error = 0.0
        for fold in folds:
            kept = np.setdiff1d(np.arange(11), fold)
            x = reference.bcd(gain[kept], data[kept], alpha * len(kept) / 11, n_orient)
            if debias:
                factors = reference.debias(gain[kept], data[kept], x, n_orient)
                x = np.repeat(factors, n_orient)[:, None] * x
            error += np.sum((data[fold] - gain[fold] @ x) ** 2)
        expected.append(error / np.sum(data**2))
    np.testing.assert_allclose(choice.values, expected, rtol=1e-4)
    assert choice.index == np.argmin(expected)
    assert choice.target is None


def test_cv_finds_the_planted_sources():
    """Without knowing the noise level, in any unit of the data."""
    gain, data = planted(noise=2.0)
    for unit in (1.0, 1e-9):
        choice = mxne_rs.choose_alpha(gain, unit * data, method="cv", rng=0, eps=0.03)
        assert {20, 60} <= set(np.flatnonzero(choice.solution.active_set))
        assert not choice.at_edge
        noise = 4 * data.size / np.sum(data**2)
        assert noise < choice.values.min() < 1.5 * noise


@pytest.mark.parametrize("excluded", [0, 3])
def test_stability_is_the_formula(excluded):
    """Supports of averages of drawn trials by the reference; Meinshausen and Bühlmann's bound."""
    rng = np.random.default_rng(1)
    gain = rng.standard_normal((6, 12)) + rng.standard_normal((6, 1))
    weights = np.ones(12)
    weights[:excluded] = np.inf
    clean = gain[:, [4]] @ rng.standard_normal((1, 2))
    trials = clean + 2 * rng.standard_normal((10, 6, 2))
    alphas = reference.alpha_max(gain, trials.mean(axis=0)) * np.array([0.8, 0.5, 0.3, 0.1])
    choice = quietly(
        gain, trials, alphas, method="stability", n_resamples=4, subsample=0.5, threshold=0.75,
        max_false=3.0, weights=weights, rng=7, tol=1e-12,
    )  # fmt: skip
    stream = np.random.default_rng(7)
    active = []
    for _ in range(4):
        average = trials[stream.choice(10, 5, replace=False)].mean(axis=0)
        active.append(
            [reference.bcd(gain, average, alpha, weights=weights).any(axis=1) for alpha in alphas]
        )
    frequencies = np.mean(active, axis=0)
    np.testing.assert_allclose(choice.frequencies, frequencies)
    q = np.logical_or.accumulate(active, axis=1).sum(axis=2).mean(axis=0)
    assert (q > np.sum(active, axis=2).mean(axis=0)).any()  # some do not stay
    bounds = q**2 / ((2 * 0.75 - 1) * (12 - excluded))
    np.testing.assert_allclose(choice.values, bounds)
    met = np.flatnonzero(bounds <= 3.0)
    assert choice.index == (met[-1] if met.size else 0)
    highest = frequencies[: choice.index + 1].max(axis=0)
    np.testing.assert_array_equal(choice.stable, highest >= 0.75)
    assert choice.target == 3.0


def test_stability_finds_the_planted_sources():
    """At the choice false locations are allowed, but few are stable."""
    gain, trials = planted(n_trials=30, noise=6.0)
    options = {"method": "stability", "subsample": 0.5, "eps": 0.02, "rng": 0}
    choice = mxne_rs.choose_alpha(gain, trials, **options)
    assert np.flatnonzero(choice.stable).tolist() == [20, 60]
    assert choice.values[choice.index] <= 1 < choice.values[choice.index + 1]
    strict = mxne_rs.choose_alpha(gain, trials, max_false=0.1, n_resamples=10, **options)
    assert strict.alpha > choice.alpha


@pytest.mark.parametrize(
    ("size", "sigma", "weight", "expected"),
    [
        (10.0, 1.0, 1.0, 1.0),  # 11 / (9 + 2)
        (20.0, 2.0, 1.0, 2.0),  # the same in another unit
        (1e160, 1e159, 1.0, 1e159),
        (10.0, 1.0, 2.0, 0.5),
        (1.0, 1.0, 1.0, (21 - np.sqrt(397)) / 2),  # upwards from the start
    ],
)
def test_map_of_one_number(size, sigma, weight, expected):
    """One sensor, location and sample: X = M - alpha w, and alpha solves a quadratic equation."""
    choice = mxne_rs.choose_alpha(
        [[1.0]], [[size]], method="map", sigma=sigma, weights=[weight], tol=1e-12
    )
    assert choice.alpha == pytest.approx(expected, rel=SETTLED)
    assert (np.diff(choice.alphas) < 0).all()
    assert choice.alphas[choice.index] == choice.alpha == choice.solution.alpha
    assert not choice.at_edge


@settings(max_examples=20)
@given(problem=problems(), sigma=st.floats(0.1, 2.0))
def test_map_is_a_fixed_point(problem, sigma):
    """At the choice and at each step, from the sources of the reference."""
    gain, data, n_orient = problem.gain, problem.data, problem.n_orient
    top = problem.alpha_max
    assume(top > 0)
    sigma *= np.sqrt(np.mean(data**2))
    choice = quietly(
        gain, data, method="map", sigma=sigma, n_orient=n_orient, weights=problem.weights,
        tol=1e-10, max_iter=100_000,
    )  # fmt: skip
    assert choice.alphas[0] == pytest.approx(top / 2) or choice.alphas[-1] == pytest.approx(top / 2)
    assume(choice.alpha > 0.05 * top)
    x = reference.bcd(gain, data, choice.alpha, n_orient, problem.weights, tol=1e-10)
    w = reference.penalty_weights(problem.n_locations, problem.weights)
    penalty = reference.finite_sum(w, reference.group_norms(x, n_orient))
    n, a_less_one = data.size, 10 * data.size
    following = sigma**2 * (n + a_less_one) / (penalty + 2 * sigma**2 * a_less_one / top)
    assert choice.values[choice.index] == pytest.approx(float(following), rel=1e-3)
    assert choice.at_edge or choice.alpha == pytest.approx(float(following), rel=2 * SETTLED)


@pytest.mark.parametrize("tol", [0.9, 0.3, 0.1, 0.01])
def test_alphas_of_map_fall_at_loose_tolerances(tol):
    """Also where a step turns back within the tolerance of the solves; the choice is the last."""
    for seed in range(100):
        rng = np.random.default_rng(seed)
        gain = rng.standard_normal((15, 60)) * 10.0 ** rng.uniform(-2, 2, 60)
        gain += 20 * rng.standard_normal((15, 1))
        data = gain @ (rng.standard_normal((60, 3)) * (rng.random((60, 1)) < 0.3))
        sigma = 10.0 ** rng.uniform(-2, 2) * data.std()
        weights = rng.uniform(0.01, 10, 60)
        choice = quietly(gain, data, method="map", sigma=sigma, tol=tol, weights=weights)
        assert (np.diff(choice.alphas) < 0).all()
        assert choice.alphas[choice.index] == choice.alpha == choice.solution.alpha
        assert len(choice.values) == len(choice.n_active) == len(choice.gaps) == len(choice.alphas)


def test_map_reweights_at_the_fixed_point():
    gain, data = planted()
    plain, reweighted = (
        mxne_rs.choose_alpha(gain, data, method="map", n_reweights=n) for n in (1, 10)
    )
    assert plain.alpha == reweighted.alpha
    assert reweighted.solution.n_reweights > 1
    single = mxne_rs.solve_irmxne(gain, data, plain.alpha)
    np.testing.assert_array_equal(reweighted.solution.active_set, single.active_set)


@pytest.mark.parametrize("debias", [False, True])
def test_gof_of_zero_data(debias):
    """Nothing is explained of nothing, debiased or not."""
    choice = quietly(np.eye(3), np.zeros((3, 2)), [1.0, 2.0], method="gof", debias=debias)
    assert choice.values.tolist() == [0.0, 0.0]
    assert choice.at_edge


@given(
    heights=st.lists(st.floats(0.1, 10.0), min_size=1, max_size=6),
    scales=st.lists(st.floats(0.5, 2.0), min_size=6, max_size=6),
    level=st.floats(0.2, 8.0),
    unit=st.sampled_from([1.0, 1e-9, 1e170]),
)
def test_diagonal_gains(heights, scales, level, unit):
    """Each number by itself: its residual is alpha / g, or all of it where it is not active."""
    heights = unit * np.array(heights)
    g = np.array(scales[: len(heights)])
    gain, data = np.diag(g), heights[:, None]
    alphas = unit * np.geomspace(22.0, 0.05, 9)
    assume((abs(heights * g / alphas[:, None] - 1) > 1e-5).all())
    active = heights * g > alphas[:, None]
    residuals = np.where(active, alphas[:, None] / g, heights) / unit
    powers = np.sum(residuals**2, axis=1)
    sigma = level * unit

    noise = powers / (len(heights) * level**2)
    assume((abs(noise - 1) > 1e-4).all())
    choice = quietly(gain, data, alphas, method="discrepancy", sigma=sigma, tol=1e-12)
    np.testing.assert_allclose(choice.values, noise, rtol=1e-5, atol=1e-10)
    assert choice.index == (np.argmax(noise <= 1) if (noise <= 1).any() else 8)
    assert choice.at_edge == (noise[0] <= 1 or noise[8] > 1)

    explained = 1 - powers / np.sum((heights / unit) ** 2)
    target = min(level / 8, 0.99)
    assume((abs(explained - target) > 1e-4).all())
    choice = quietly(gain, data, alphas, method="gof", gof=target, tol=1e-12)
    np.testing.assert_allclose(choice.values, explained, atol=1e-6)
    assert choice.index == (np.argmax(explained >= target) if (explained >= target).any() else 8)
    left = np.sum(np.where(active, 0.0, heights / unit) ** 2, axis=1)
    choice = quietly(gain, data, alphas, method="gof", gof=target, debias=True, tol=1e-12)
    np.testing.assert_allclose(choice.values, 1 - left / np.sum((heights / unit) ** 2), atol=1e-6)

    counts = active.sum(axis=1)
    choice = quietly(gain, data, alphas, method="n_sources", n_sources=2, tol=1e-12)
    np.testing.assert_array_equal(choice.values, counts)
    assert choice.index == np.flatnonzero(counts <= 2)[-1]


def test_discrepancy_knows_each_samples_noise():
    """The power of the noise is n_sensors times the sum of its variances."""
    sigma = np.array([1.0, 3.0])
    data = np.array([[3.0, 4.0]])  # |M| is 5, the residual alpha
    choice = mxne_rs.choose_alpha(
        [[1.0]], data, [4.5, 3.5, 3.0, 2.0], method="discrepancy", sigma=sigma, tol=1e-12
    )
    np.testing.assert_allclose(choice.values, np.array([4.5, 3.5, 3.0, 2.0]) ** 2 / 10, rtol=1e-6)
    assert choice.alpha == 3.0


# --- what all share ------------------------------------------------------------------------------


@pytest.mark.parametrize("method", LABELS)
@pytest.mark.parametrize("n_reweights", [1, 5])
def test_the_answer_is_certified_and_of_all_the_data(method, n_reweights):
    gain, trials = planted(n_trials=10, noise=3.0)
    before = gain.copy(), trials.copy()
    choice = quietly(
        gain, trials, n_reweights=n_reweights, n_alphas=8, eps=0.05, n_resamples=6,
        **parameters(method),
    )  # fmt: skip
    np.testing.assert_array_equal(before[0], gain)
    np.testing.assert_array_equal(before[1], trials)
    assert choice.alpha == choice.alphas[choice.index] == choice.solution.alpha
    assert len(choice.alphas) == len(choice.values) == len(choice.n_active) == len(choice.gaps)
    assert (np.diff(choice.alphas) < 0).all()
    assert (choice.gaps <= 1e-6).all()
    assert choice.solution.converged
    data = trials.mean(axis=0)
    solution = choice.solution
    if n_reweights == 1:
        gap, _, _ = reference.duality_gap(gain, data, solution.x, choice.alpha)
        assert gap <= 1e-6 + reference.ROUNDING
        assert choice.n_active[choice.index] == solution.active_set.sum()
    else:
        weights = solution.weights
        gap, _, _ = reference.duality_gap(gain, data, solution.x, choice.alpha, 1, weights)
        assert gap <= 1e-6 + reference.ROUNDING
    explained = 1 - np.sum((data - gain @ solution.x) ** 2) / np.sum(data**2)
    if n_reweights == 1 or method not in ("map", "sqrt"):
        assert choice.explained_variance[choice.index] == pytest.approx(explained)
    again = quietly(
        mxne_rs.Gain(gain), trials.tolist(), n_reweights=n_reweights, n_alphas=8, eps=0.05,
        n_resamples=6, n_threads=2, **parameters(method),
    )  # fmt: skip
    np.testing.assert_array_equal(again.values, choice.values)
    text = repr(choice)
    assert text.startswith(f"<AlphaChoice: {method}, alpha {choice.alpha:.4g}")
    assert "\n" not in text


@pytest.mark.parametrize("layout", ["fortran", "strided", "big-endian", "float32"])
def test_any_layout_of_trials(layout):
    gain, trials = planted(n_trials=4, n_times=6)
    given = np.stack([LAYOUTS[layout](trial) for trial in trials])
    given = np.asfortranarray(given) if layout == "fortran" else given
    choices = [
        mxne_rs.choose_alpha(gain, one, method="n_sources", n_sources=2) for one in (trials, given)
    ]
    assert choices[0].alpha == pytest.approx(choices[1].alpha, rel=1e-5)


ENDS = [
    ("sure", {"sigma": 100.0}, "sigma", 0),
    ("cv", {"alphas": [60.0, 50.0, 40.0]}, "extend the grid", 2),
    ("stability", {"eps": 0.8}, "extend the grid", 14),
    ("stability", {"eps": 0.01, "max_false": 1e-9, "alphas": [3.0, 2.0]}, "larger alphas", 0),
    ("discrepancy", {"sigma": 100.0}, "sigma", 0),
    ("discrepancy", {"sigma": 1e-3}, "extend the grid", 14),
    ("gof", {"gof": 0.999999}, "extend the grid", 14),
    ("gof", {"gof": 0.01, "alphas": [30.0, 20.0]}, "larger alphas", 0),
    ("n_sources", {"n_sources": 99}, "extend the grid", 14),
    ("n_sources", {"n_sources": 1, "alphas": [30.0, 20.0]}, "larger alphas", 0),
]


@pytest.mark.parametrize(("method", "options", "advice", "index"), ENDS)
def test_warns_at_the_ends_of_the_grid(method, options, advice, index):
    gain, trials = planted(n_trials=5)
    with pytest.warns(RuntimeWarning, match=advice) as caught:
        choice = mxne_rs.choose_alpha(gain, trials, method=method, rng=0, **options)
    assert choice.at_edge
    assert choice.index == index
    assert repr(choice).endswith(", at the edge>")
    assert method == "sure" or caught[0].filename == __file__


@pytest.mark.parametrize("method", sorted(set(LABELS) - {"map", "noise", "sqrt"}))
def test_one_alpha_has_no_end(method):
    """As long as it meets the target."""
    gain, trials = planted(n_trials=5)
    choice = mxne_rs.choose_alpha(
        gain, trials, [10.0], sigma=5.0, gof=0.1, max_false=1000.0, n_sources=99, n_folds=2,
        n_resamples=2, method=method, rng=0,
    )  # fmt: skip
    assert (choice.index, choice.at_edge) == (0, False)


@pytest.mark.parametrize("method", LABELS)
@pytest.mark.parametrize("limit", [{"max_iter": 1, "tol": 1e-13}, {"time_limit": 1e-9}])
def test_what_fell_short_is_not_chosen(method, limit):
    """Its value is NaN, the answer does not pass as converged, no advice on the grid is given."""
    gain, trials = planted(n_trials=5)
    with pytest.warns(mxne_rs.ConvergenceWarning) as caught:
        choice = mxne_rs.choose_alpha(gain, trials, eps=0.05, n_resamples=3, **limit,
                                      **parameters(method))  # fmt: skip
    assert all(one.category is mxne_rs.ConvergenceWarning for one in caught)
    assert np.isnan(choice.values).any()
    assert choice.solution.status == ("time_limit" if "time_limit" in limit else "iteration_limit")
    known = np.flatnonzero(~np.isnan(choice.values))
    assert method == "map" or not known.size or choice.index in known or choice.at_edge


REFUSED = [
    ({"method": "lcurve"}, ValueError, "method"),
    ({"method": 3}, TypeError, "method"),
    ({"method": "stability"}, ValueError, "n_trials, n_sensors, n_times"),
    ({"method": "map", "alphas": [1.0]}, ValueError, "alphas"),
    ({"method": "n_sources"}, ValueError, "n_sources"),
    ({"method": "n_sources", "n_sources": 0}, ValueError, "n_sources"),
    ({"method": "n_sources", "n_sources": 1.5}, TypeError, "n_sources"),
    ({"method": "gof", "gof": 80}, ValueError, "gof"),
    ({"method": "gof", "gof": "high"}, TypeError, "gof"),
    ({"method": "cv", "n_folds": 1}, ValueError, "n_folds"),
    ({"method": "cv", "n_folds": 31}, ValueError, "30 sensors"),
    ({"method": "cv", "rng": "seed"}, TypeError, "rng"),
    ({"method": "discrepancy", "sigma": 0.0}, ValueError, "sigma"),
    ({"method": "map", "sigma": np.ones(3)}, ValueError, "sigma"),
    ({"method": "sure", "sigma": -1.0}, ValueError, "sigma"),
    ({"debias": "yes"}, TypeError, "debias"),
    ({"n_reweights": 0}, ValueError, "n_reweights"),
    ({"eps": 1.0, "method": "gof"}, ValueError, "eps"),
    ({"time_limit": 0.0, "method": "cv"}, ValueError, "time_limit"),
]


@pytest.mark.parametrize(("options", "error", "words"), REFUSED)
def test_refuses(options, error, words):
    gain, data = planted(n_times=5)
    with pytest.raises(error, match=words):
        mxne_rs.choose_alpha(gain, data, **options)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"subsample": 1.0}, ValueError, "subsample"),
        ({"subsample": 0.9}, ValueError, "all of 3 trials"),
        ({"threshold": 0.5}, ValueError, "threshold"),
        ({"threshold": 1.5}, ValueError, "threshold"),
        ({"max_false": 0.0}, ValueError, "max_false"),
        ({"n_resamples": 0}, ValueError, "n_resamples"),
        ({"n_resamples": 2.5}, TypeError, "n_resamples"),
    ],
)
def test_stability_refuses(options, error, words):
    gain, trials = planted(n_trials=3, n_times=5)
    with pytest.raises(error, match=words):
        mxne_rs.choose_alpha(gain, trials, method="stability", **options)


def test_refuses_trials_that_do_not_fit():
    gain, trials = planted(n_trials=3, n_times=5)
    with pytest.raises(ValueError, match="29 rows"):
        mxne_rs.choose_alpha(gain, trials[:, 1:])
    trials[1, 2, 3] = np.nan
    with pytest.raises(ValueError, match=r"nan at \[1, 2, 3\]"):
        mxne_rs.choose_alpha(gain, trials)
    with pytest.raises(ValueError, match="at least two"):
        mxne_rs.choose_alpha(gain, trials[:1], method="stability")
    with pytest.raises(ValueError, match="empty"):
        mxne_rs.choose_alpha(gain, trials[:0])
    with pytest.raises(ValueError, match="two dimensions"):
        mxne_rs.choose_alpha(gain, trials[None])
    for method in LABELS:
        with pytest.raises(ValueError, match="orthogonal"):
            mxne_rs.choose_alpha(gain, np.zeros((3, 30, 5)), **parameters(method))


def test_parameters_of_other_methods_are_not_looked_at():
    gain, data = planted()
    choice = mxne_rs.choose_alpha(
        gain, data, method="n_sources", n_sources=2, gof=7, n_folds=None, sigma=-1.0
    )
    assert choice.n_active[choice.index] <= 2


# --- the picture ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", LABELS)
def test_picture_shows_values_choice_and_target(method):
    pytest.importorskip("matplotlib")
    import matplotlib.pyplot as plt

    gain, trials = planted(n_trials=10, noise=3.0)
    choice = quietly(gain, trials, n_resamples=5, **parameters(method))
    (axes,) = choice.plot().axes
    assert axes.get_ylabel() == LABELS[method]
    curve, *_, ring = axes.lines
    np.testing.assert_array_equal(curve.get_ydata(), choice.values)
    assert ring.get_xdata()[0] == choice.alpha
    assert ring.get_ydata()[0] == choice.values[choice.index]
    low, high = sorted(axes.get_xlim())
    assert low < choice.alphas.min() <= choice.alphas.max() < high
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert f"chosen: {choice.alpha:.4g}" in legend
    level = [line for line in axes.lines if set(line.get_ydata()) == {choice.target}]
    assert (choice.target is None) == (not level)
    _, other = plt.subplots()
    assert choice.plot(ax=other) is other.figure
    axes.figure.canvas.draw()
    plt.close("all")


def test_picture_without_matplotlib(monkeypatch):
    gain, data = planted()
    choice = mxne_rs.choose_alpha(gain, data, method="n_sources", n_sources=2)
    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"pip install 'mxne-rs\[mne\]'"):
        choice.plot()
