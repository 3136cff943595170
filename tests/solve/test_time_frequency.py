"""TF-MxNE and irTF-MxNE on arrays, judged by the formulas of `tf_reference`."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mxne_rs
import tf_reference as reference

pytestmark = pytest.mark.filterwarnings(
    "ignore:alpha is:RuntimeWarning", "ignore:No active dipoles:RuntimeWarning"
)
FRAMES = [((16, 4),), ((8, 2),), ((4, 2), (16, 4)), ((12, 6), (20, 10), (8, 4))]


def sizes(stfts):
    """The frame as the functions take it."""
    return {"wsize": [w for w, _ in stfts], "tstep": [t for _, t in stfts]}


def simulated(seed, n_orient=1, n_times=37):
    """A gain and data of two transients, with noise."""
    rng = np.random.default_rng(seed)
    gain = rng.standard_normal((12, 10 * n_orient))
    t = np.arange(n_times)
    courses = [np.sin(0.9 * t) * np.exp(-(((t - c) / 5) ** 2)) for c in (10, 25)]
    columns = gain[:, [2 * n_orient, 7 * n_orient]]
    data = columns @ np.array(courses) + 0.05 * rng.standard_normal((12, n_times))
    return gain, data


@st.composite
def problems(draw):
    """Small problems of every shape, with a ratio, a frame and weights."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_orient, n_locations = draw(st.integers(1, 3)), draw(st.integers(1, 7))
    n_times = draw(st.integers(1, 33))
    gain = rng.standard_normal((draw(st.integers(1, 7)), n_locations * n_orient))
    data = rng.standard_normal((len(gain), n_times))
    l1_ratio = draw(st.sampled_from([1e-3, 0.03, 0.3, 0.9, 1.0]))
    weights = draw(st.sampled_from(["none", "some"]))
    weights = None if weights == "none" else 10.0 ** rng.uniform(-1, 1, n_locations)
    if weights is not None and n_locations > 1 and draw(st.booleans()):
        weights[0] = np.inf
    part = draw(st.sampled_from([0.1, 0.4, 0.9, 1.1]))
    return gain, data, n_orient, l1_ratio, weights, draw(st.sampled_from(FRAMES)), part


@given(problems())
@settings(deadline=None)
def test_answers_have_the_gap_they_claim(problem):
    """The gap of the formulas, alpha_max, time courses, and none above alpha_max."""
    gain, data, n_orient, l1_ratio, weights, stfts, part = problem
    frame = {"n_orient": n_orient, "weights": weights, **sizes(stfts)}
    phi, mu = reference.dictionary(data.shape[1], stfts)
    norms = reference.dual_norms(gain.T @ data, phi, mu, l1_ratio, n_orient, weights)
    largest = mxne_rs.tf_alpha_max(gain, data, l1_ratio, **frame)
    assert largest == pytest.approx(norms.max(), rel=1e-12)
    alpha = part * (largest or 1.0)
    solution = mxne_rs.solve_tf_mxne(gain, data, alpha, l1_ratio, max_iter=100_000, **frame)
    z = np.zeros((gain.shape[1], len(mu)), dtype=complex)
    z[np.repeat(solution.active_set, n_orient)] = solution.coefficients.toarray()
    np.testing.assert_allclose(reference.synthesised(z, phi, mu), solution.x, atol=1e-12)
    gap = reference.duality_gap(gain, data, z, alpha, l1_ratio, phi, mu, n_orient, weights)
    assert gap <= 1e-6 + 1e-12
    assert solution.gap == pytest.approx(gap, abs=1e-11)
    assert solution.active_set.any() == (part < 1)
    again = mxne_rs.tf_duality_gap(gain, data, solution, alpha, l1_ratio, **frame)
    assert again[0] == pytest.approx(gap, abs=1e-11)
    dense = mxne_rs.tf_duality_gap(gain, data, z, alpha, l1_ratio, **frame)
    assert dense == pytest.approx(again, abs=1e-9)


@pytest.mark.parametrize("n_orient", [1, 3])
@pytest.mark.parametrize("stfts", FRAMES)
def test_the_answer_is_that_of_proximal_gradient(stfts, n_orient):
    """Support, objective and time courses of the reference; FISTA finds them, too."""
    gain, data = simulated(0, n_orient)
    phi, mu = reference.dictionary(data.shape[1], stfts)
    frame = {"n_orient": n_orient, **sizes(stfts)}
    alpha = 0.3 * mxne_rs.tf_alpha_max(gain, data, 0.1, **frame)
    z = reference.solve(gain, data, alpha, 0.1, phi, mu, n_orient)
    x = reference.synthesised(z, phi, mu)
    assert reference.duality_gap(gain, data, z, alpha, 0.1, phi, mu, n_orient) < 1e-9
    for solver in ("bcd", "fista"):
        for size in (1, 10, None):
            options = {"solver": solver, "active_set_size": size, "tol": 1e-10, **frame}
            solution = mxne_rs.solve_tf_mxne(gain, data, alpha, 0.1, max_iter=100_000, **options)
            np.testing.assert_allclose(solution.x, x, atol=1e-4 * abs(x).max())
            found = reference.penalty(solution.coefficients.toarray(), mu, 0.1, n_orient)
            assert found == pytest.approx(reference.penalty(z, mu, 0.1, n_orient), rel=1e-5)


def test_gaps_bound_the_distance_from_the_optimum():
    """A loose answer is no worse than its gap says."""
    gain, data = simulated(1)
    phi, mu = reference.dictionary(data.shape[1], [(16, 4)])
    alpha = 0.2 * mxne_rs.tf_alpha_max(gain, data, 0.1, wsize=16)
    args = gain, data, alpha, 0.1

    def value(tol):
        solution = mxne_rs.solve_tf_mxne(*args, wsize=16, tol=tol)
        z = np.zeros((gain.shape[1], len(mu)), dtype=complex)
        z[solution.active_set] = solution.coefficients.toarray()
        return reference.objective(gain, data, z, alpha, 0.1, phi, mu), solution.gap

    best = value(1e-12)[0]
    for tol in (0.3, 0.03, 1e-3):
        objective, gap = value(tol)
        assert -1e-12 <= objective - best <= gap * 0.5 * np.sum(data**2) + 1e-12


@pytest.mark.parametrize("n_orient", [1, 3])
def test_a_ratio_of_zero_is_mxne(n_orient):
    """To the bit."""
    gain, data = simulated(2, n_orient)
    alpha = 0.3 * mxne_rs.alpha_max(gain, data, n_orient=n_orient)
    ours = mxne_rs.solve_tf_mxne(gain, data, alpha, 0.0, n_orient=n_orient)
    mxne = mxne_rs.solve_mxne(gain, data, alpha, n_orient=n_orient)
    np.testing.assert_array_equal(ours.x, mxne.x)
    assert (ours.gap, ours.method) == (mxne.gap, "MxNE")
    near = mxne_rs.solve_tf_mxne(gain, data, alpha, 1e-9, n_orient=n_orient, wsize=16, tol=1e-9)
    np.testing.assert_allclose(near.x, mxne.x, atol=2e-3 * abs(mxne.x).max())


def test_paths_and_batches_take_the_penalty():
    """Each answer is that of a single call."""
    gain, data = simulated(3)
    frame = {"l1_ratio": 0.1, "wsize": 16, "tol": 1e-10}
    path = mxne_rs.solve_path(gain, data, n_alphas=4, eps=0.3, n_reweights=5, **frame)
    assert path.solutions[0].alpha == mxne_rs.tf_alpha_max(gain, data, 0.1, wsize=16)
    for convex, reweighted in zip(path.convex[1:], path.solutions[1:], strict=True):
        one = mxne_rs.solve_tf_mxne(gain, data, convex.alpha, **frame)
        np.testing.assert_allclose(convex.x, one.x, atol=1e-4 * abs(one.x).max())
        assert (convex.method, reweighted.method) == ("TF-MxNE", "irTF-MxNE")
        assert len(reweighted.coefficients.values) <= len(convex.coefficients.values)
    alphas = [path.alphas[1], path.alphas[2]]
    batch = mxne_rs.solve_batch(gain, [data, data], alphas, **frame)
    for alpha, one in zip(alphas, batch, strict=True):
        np.testing.assert_array_equal(one.x, mxne_rs.solve_tf_mxne(gain, data, alpha, **frame).x)


@pytest.mark.parametrize("n_orient", [1, 3])
def test_reweighting_lowers_its_objective(n_orient):
    """Each round by the formula; what is zero stays zero; the weighted problem is solved."""
    gain, data = simulated(4, n_orient)
    stfts = [(16, 4)]
    phi, mu = reference.dictionary(data.shape[1], stfts)
    frame = {"n_orient": n_orient, "wsize": 16}
    alpha = 0.3 * mxne_rs.tf_alpha_max(gain, data, 0.1, **frame)

    def concave(z):
        residual = data - gain @ reference.synthesised(z, phi, mu)
        y = reference.magnitudes(z, n_orient)
        norms = np.sqrt((mu * y**2).sum(1))
        roots = 0.9 * np.sqrt(norms).sum() + 0.1 * (mu * np.sqrt(y)).sum()
        return 0.5 * np.sum(residual**2) + alpha * roots

    before = None
    for rounds in (1, 2, 3, 6):
        solution = mxne_rs.solve_irtf_mxne(
            gain, data, alpha, 0.1, n_reweights=rounds, amplitude_unit=1.0, tol=1e-9, **frame
        )
        z = np.zeros((gain.shape[1], len(mu)), dtype=complex)
        z[np.repeat(solution.active_set, n_orient)] = solution.coefficients.toarray()
        assert solution.objective == pytest.approx(concave(z), rel=1e-9)
        assert (np.diff(solution.objectives) <= 0).all()
        if before is not None:
            assert not (z[before == 0] != 0).any()
        before = z
    first = mxne_rs.solve_tf_mxne(gain, data, alpha, 0.1, **frame)
    assert len(solution.coefficients.values) < len(first.coefficients.values)


def test_a_second_round_solves_the_weighted_problem():
    """Against the reference with the weights of the first answer, of locations and coefficients."""
    gain, data = simulated(5)
    phi, mu = reference.dictionary(data.shape[1], [(16, 4)])
    options = {"wsize": 16, "tol": 1e-11, "max_iter": 100_000}
    alpha, ratio = 0.3 * mxne_rs.tf_alpha_max(gain, data, 0.2, wsize=16), 0.2
    first = mxne_rs.solve_tf_mxne(gain, data, alpha, ratio, **options)
    second = mxne_rs.solve_irtf_mxne(
        gain, data, alpha, ratio, n_reweights=2, amplitude_unit=1.0, **options
    )
    columns, z = gain[:, first.active_set], first.coefficients.toarray()
    norms = np.sqrt((mu * abs(z) ** 2).sum(1))
    w, v = 0.5 / np.sqrt(norms), 0.5 / np.sqrt(np.where(z == 0, 1e-300, abs(z)))
    lipschitz = np.linalg.norm(columns, 2) ** 2
    for _ in range(20_000):
        residual = data - columns @ reference.synthesised(z, phi, mu)
        z = z + reference.analysed(columns.T @ residual, phi) / lipschitz
        z *= np.maximum(1 - alpha * ratio * v / (lipschitz * np.maximum(abs(z), 1e-300)), 0)
        norms = np.sqrt((mu * abs(z) ** 2).sum(1))
        z *= np.maximum(1 - alpha * (1 - ratio) * w / (lipschitz * norms), 0)[:, np.newaxis]
    x = np.zeros_like(second.x)
    x[first.active_set] = reference.synthesised(z, phi, mu)
    np.testing.assert_allclose(second.x, x, atol=1e-4 * abs(x).max())


def test_coefficients_are_those_of_a_row():
    """Power of a location over frequency and time, and its places."""
    gain, data = simulated(6, n_orient=3)
    frame = {"n_orient": 3, "wsize": [8, 16], "tstep": [2, 4]}
    alpha = 0.3 * mxne_rs.tf_alpha_max(gain, data, 0.1, **frame)
    z = mxne_rs.solve_tf_mxne(gain, data, alpha, 0.1, **frame).coefficients
    dense = z.toarray()
    assert dense.shape[1] == z.n_coefs == 5 * 19 + 9 * 10
    np.testing.assert_allclose(z.power(1, 0), (abs(dense[3:6, :95]) ** 2).sum(0).reshape(5, 19))
    np.testing.assert_allclose(z.power(1, 1), (abs(dense[3:6, 95:]) ** 2).sum(0).reshape(9, 10))
    assert repr(z).startswith(f"<Coefficients: {len(z.values)} of ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"l1_ratio": 1.5}, "l1_ratio is 1.5; give a number from 0 to 1"),
        ({"l1_ratio": -0.1}, "l1_ratio is -0.1"),
        ({"l1_ratio": float("nan")}, "l1_ratio is"),
        ({"wsize": 6}, "wsize is 6"),
        ({"wsize": 16, "tstep": 3}, "tstep is 3"),
        ({"wsize": 16, "tstep": 16}, "tstep is 16"),
        ({"wsize": 0}, "wsize is 0"),
        ({"wsize": [16, 64]}, "wsize has 2 entries and tstep 1"),
        ({"wsize": []}, "wsize has shape"),
        ({"wsize": [[16]], "tstep": [[4]]}, "wsize has shape"),
    ],
)
def test_what_is_no_frame_is_refused(options, message):
    """With the name and the value."""
    gain, data = simulated(7)
    with pytest.raises(ValueError, match=message.replace("[", r"\[")):
        mxne_rs.solve_tf_mxne(gain, data, 1.0, **{"l1_ratio": 0.1, **options})


@pytest.mark.parametrize("l1_ratio", [-0.1, 1.5, float("nan")])
def test_ratios_out_of_range_have_no_alpha_max(l1_ratio):
    """They are refused where nothing is solved, too."""
    gain, data = simulated(7)
    with pytest.raises(ValueError, match="l1_ratio"):
        mxne_rs.tf_alpha_max(gain, data, l1_ratio, wsize=16)


def test_what_does_not_go_together_is_refused():
    """A ridge, another surrogate, coefficients of another frame or gain."""
    gain, data = simulated(8)
    frame = {"wsize": 16}
    for one in (
        lambda: mxne_rs.solve_path(gain, data, [1.0], l1_ratio=0.1, ridge=0.1),
        lambda: mxne_rs.solve_irtf_mxne(gain, data, 1.0, 0.1, surrogate="log"),
        lambda: mxne_rs.solve_irtf_mxne(gain, data, 1.0, 0.1, surrogate="evidence"),
        lambda: mxne_rs.tf_duality_gap(gain, data, np.zeros((3, 90)), 1.0, 0.1, **frame),
        lambda: mxne_rs.tf_duality_gap(gain, data, np.zeros((10, 4)), 1.0, 0.1, **frame),
        lambda: mxne_rs.tf_duality_gap(gain, data, np.full((10, 90), np.nan), 1.0, 0.1, **frame),
        lambda: mxne_rs.tf_duality_gap(
            gain, data, mxne_rs.solve_mxne(gain, data, 1.0), 1.0, 0.1, **frame
        ),
    ):
        with pytest.raises(ValueError, match=r"."):
            one()


def test_scales_do_not_matter():
    """Powers of two in gain and data, up to the edge of double precision."""
    gain, data = simulated(9)
    alpha = 0.3 * mxne_rs.tf_alpha_max(gain, data, 0.1, wsize=16)
    one = mxne_rs.solve_tf_mxne(gain, data, alpha, 0.1, wsize=16)
    for g, m in [(2.0**400, 2.0**-300), (2.0**-200, 2.0**200)]:
        other = mxne_rs.solve_tf_mxne(g * gain, m * data, g * m * alpha, 0.1, wsize=16)
        np.testing.assert_allclose(other.x * (g / m), one.x, rtol=1e-12)
        scaled = other.coefficients.toarray() * (g / m)
        np.testing.assert_allclose(scaled, one.coefficients.toarray(), rtol=1e-12)
