"""What MNE's own tests assert of `mixed_norm` and its solvers, asserted of this package.

The expectations are MNE's (release 1.13 and the main branch of 2026); data and code are ours. Where
MNE expects numbers of its testing data, MNE's answer to our data stands in for them. What is done
on MNE objects is asserted twice: of `mxne_rs.mixed_norm`, and of MNE's function on this solver.
"""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mxne_rs
import reference
from mxne_rs import ConvergenceWarning, make_stc_from_dipoles, mixed_norm, use_in_mne
from places import DATA, needs_data
from test_inverse import same_vertices, theirs

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


# --- MNE objects: data and helpers ---------------------------------------------------------------

Solve = Callable[..., Any]
Inputs = tuple[Any, Any, Any]
#: Percent of the largest alpha on the real data, and with the grid in addition.
PERCENT, MIXED = 50, 40
#: How far apart two percentages may be that are printed with one decimal.
LAST_DIGIT = 0.11
#: Where the left auditory response arises: around the superior temporal sulcus.
TEMPORAL = {"bankssts", "superiortemporal", "transversetemporal", "middletemporal"}


@pytest.fixture(scope="module")
def real(real: Inputs) -> Inputs:
    """Return the recorded response at 200 Hz, enough for what is low-passed at 40 Hz."""
    evoked, forward, noise_cov = real
    return evoked.decimate(3), forward, noise_cov


@pytest.fixture(scope="module")
def mixed(real: Inputs) -> Inputs:
    """Surface and a coarse grid, both in a sphere model; a dipole of the grid added to the data."""
    evoked, forward, noise_cov = real
    to_head = forward["mri_head_t"]
    surface = copy.deepcopy(forward["src"])
    for space in surface:
        mne.transform_surface_to(space, "mri", to_head)
    volume = mne.setup_volume_source_space(pos=30.0, sphere=(0, 0, 0.04, 0.06), sphere_units="m")
    evoked = evoked.copy().pick("meg")
    sphere = mne.make_sphere_model(r0=(0, 0, 0.04), head_radius=None)
    forward = mne.make_forward_solution(
        evoked.info, to_head, surface + volume, sphere, meg=True, eeg=False
    )
    assert (forward["src"].kind, len(forward["src"])) == ("mixed", 3)
    column = forward["sol"]["data"][:, -10]
    evoked.data += 0.2 * np.outer(column / column.max(), evoked.data.max(axis=0))
    return evoked, forward, noise_cov


#: MNE's answers so far.
ANSWERS: dict[str, Any] = {}


def expected_of(inputs: Inputs, alpha: float, **options: Any) -> Any:
    """The output of MNE's `mixed_norm`, residual and explained variance; of each call once."""
    weights = options.get("weights")
    key = repr((id(inputs[0]), alpha, id(weights), {**options, "weights": None}))
    if key not in ANSWERS:
        loud = {**options, "return_residual": True, "verbose": "INFO"}
        with mne.utils.catch_logging() as log:
            ANSWERS[key] = *theirs(inputs, alpha, **loud), explained_variance(log.getvalue())
    return ANSWERS[key]


def in_mne(*args: Any, **options: Any) -> Any:
    """MNE's `mixed_norm`, on this solver."""
    with use_in_mne():
        return mne.inverse_sparse.mixed_norm(*args, **options)


@pytest.fixture(params=[mixed_norm, in_mne], ids=["mxne_rs", "in_mne"])
def solve(request: pytest.FixtureRequest) -> Solve:
    """Our `mixed_norm`, and MNE's on our solver."""
    return request.param


def regions(stc: Any) -> list[list[str]]:
    """Name of the region of each source, by hemisphere."""
    labels = np.load(DATA / "cortex-1000-labels.npz")
    found = []
    for hemisphere, vertices in zip(("lh", "rh"), stc.vertices, strict=True):
        numbers = labels[f"{hemisphere}_vertno"]
        places = np.searchsorted(numbers, vertices)
        np.testing.assert_array_equal(numbers[places], vertices)
        found.append(labels[f"{hemisphere}_aparc"][places].tolist())
    return found


def explained_variance(log: str) -> float:
    """The percentage in the line that MNE logs, or in ours."""
    (value,) = re.findall(r"[Ee]xplain(?:ed)? +([\d.]+) ?%", log)
    return float(value)


def dipoles_are(dipoles: list[Any], forward: Any, stc: Any) -> None:
    """The dipoles, in whatever order, become the estimate."""
    for several in (dipoles, dipoles[::-1], tuple(dipoles)):
        made = make_stc_from_dipoles(several, forward["src"], verbose=False)
        assert type(made) is type(stc)
        assert made.subject == stc.subject
        same_vertices(made, stc)
        np.testing.assert_allclose(made.data, stc.data, rtol=1e-12)
        np.testing.assert_allclose(made.times, stc.times, rtol=0, atol=1e-12)


def applied(forward: Any, stc: Any, evoked: Any) -> np.ndarray:
    """An estimate sent through the forward solution and the active projections."""
    forward = mne.pick_channels_forward(forward, evoked.ch_names, ordered=True)
    fit = mne.apply_forward(forward, stc, evoked.info, use_cps=True, on_missing="ignore")
    fit.pick(evoked.ch_names).del_proj()
    fit.add_proj(mne._fiff.proj.deactivate_proj(evoked.info["projs"])).apply_proj()
    return fit.data


# --- MNE objects: surface source space -----------------------------------------------------------


@needs_data
def test_times_are_those_of_the_evoked(real: Inputs, solve: Solve) -> None:
    stc = solve(*real, alpha=PERCENT, verbose=False)
    np.testing.assert_allclose(stc.times, real[0].times, atol=1e-5)


@needs_data
def test_coordinate_descent_is_block_coordinate_descent(real: Inputs, solve: Solve) -> None:
    """Fixed orientation to a tight gap: MNE's answer by either name of a solver."""
    options = {"loose": 0.0, "tol": 1e-8, "maxit": 20_000, "debias": False}
    for solver in ("cd", "bcd"):
        expected, *_ = expected_of(real, PERCENT, solver=solver, **options)
        stc = solve(*real, alpha=PERCENT, solver=solver, verbose=False, **options)
        same_vertices(stc, expected)
        np.testing.assert_allclose(
            stc.data, expected.data, rtol=1e-3, atol=1e-3 * np.abs(expected.data).max()
        )


@needs_data
@pytest.mark.parametrize("n_mxne_iter", [1, 5])
def test_sources_lie_in_the_auditory_cortex(real: Inputs, solve: Solve, n_mxne_iter: int) -> None:
    """The first on the right side and, reweighted, the strongest of each side."""
    stc = solve(*real, alpha=PERCENT, n_mxne_iter=n_mxne_iter, verbose=False)
    left, right = regions(stc)
    assert right[0] in TEMPORAL
    if n_mxne_iter > 1:
        assert left[np.argmax(np.abs(stc.lh_data).max(axis=1))] in TEMPORAL
        assert right[np.argmax(np.abs(stc.rh_data).max(axis=1))] in TEMPORAL


@needs_data
@pytest.mark.filterwarnings("ignore::mxne_rs.ConvergenceWarning")
@pytest.mark.parametrize("maxit", [2, 3000])
def test_magnitude_of_the_vectors(real: Inputs, solve: Solve, maxit: int) -> None:
    """Norms of the vectors are the scalar estimate, also where the solver stopped short."""
    options = {"alpha": PERCENT, "maxit": maxit, "tol": 1e-7, "verbose": False}
    scalar = solve(*real, **options)
    vector = solve(*real, pick_ori="vector", **options)
    assert isinstance(vector, mne.VectorSourceEstimate)
    assert len(scalar.data) > 0
    same_vertices(vector, scalar)
    np.testing.assert_allclose(vector.magnitude().data, scalar.data, rtol=1e-12)


@needs_data
def test_vectors_need_an_orientation(real: Inputs, solve: Solve) -> None:
    with pytest.raises(ValueError, match="pick_ori="):
        solve(*real, alpha=PERCENT, loose=0, pick_ori="vector", verbose=False)


@needs_data
@pytest.mark.parametrize("loose", [0.0, 0.2])
def test_dipoles_become_the_estimate(real: Inputs, solve: Solve, loose: float) -> None:
    """Dipoles there and back, with the subject; of fixed orientation with their sign."""
    options = {"alpha": PERCENT, "loose": loose, "verbose": False}
    stc = solve(*real, **options)
    dipoles = solve(*real, return_as_dipoles=True, **options)
    assert all(isinstance(dipole, mne.Dipole) for dipole in dipoles)
    assert stc.subject == "sample"
    assert all(len(vertices) > 0 for vertices in stc.vertices)
    assert (stc.data.min() < 0) == (loose == 0)
    dipoles_are(dipoles, real[1], stc)


@needs_data
def test_one_dipole_of_each_side(real: Inputs) -> None:
    """A single dipole, not in a list, becomes an estimate with an empty other side."""
    dipoles = mixed_norm(*real, PERCENT, return_as_dipoles=True, verbose=False)
    src = real[1]["src"]
    for dipole, side in ((dipoles[0], 0), (dipoles[-1], 1)):
        stc = make_stc_from_dipoles(dipole, src)
        assert [len(vertices) for vertices in stc.vertices] == [1 - side, side]
        (vertex,) = stc.vertices[side]
        np.testing.assert_array_equal(src[side]["rr"][vertex], dipole.pos[0])
        np.testing.assert_array_equal(stc.data[0], dipole.amplitude)


@needs_data
def test_no_dipoles_become_an_empty_estimate(real: Inputs, simulated: Inputs) -> None:
    """An empty list has no times: one sample, no vertex."""
    for inputs, kind in ((real, mne.SourceEstimate), (simulated, mne.VolSourceEstimate)):
        stc = make_stc_from_dipoles([], inputs[1]["src"])
        assert type(stc) is kind
        assert sum(len(vertices) for vertices in stc.vertices) == 0
        assert stc.data.shape == (0, 1)


@needs_data
@pytest.mark.parametrize("n_mxne_iter", [1, 5])
def test_logs_the_explained_variance(real: Inputs, solve: Solve, n_mxne_iter: int) -> None:
    """The log line has MNE's percentage; debiased at least that, where MNE stops early."""
    for debias in (False, True):
        options = {"n_mxne_iter": n_mxne_iter, "tol": 1e-8, "debias": debias}
        *_, expected = expected_of(real, PERCENT, **options)
        with mne.utils.catch_logging() as log:
            solve(*real, alpha=PERCENT, verbose="INFO", **options)
        explained = explained_variance(log.getvalue())
        assert 5 < expected < 95
        assert -LAST_DIGIT <= explained - expected <= (1 if debias else LAST_DIGIT)


@needs_data
def test_a_single_sample(real: Inputs, solve: Solve) -> None:
    """One sample is enough: dipoles, their way back, and goodnesses of fit that add up."""
    evoked, forward, noise_cov = real
    peak = evoked.copy().crop(0.085, 0.086)
    assert len(peak.times) == 1
    inputs = (peak, forward, noise_cov)
    options = {"alpha": PERCENT, "tol": 1e-8, "debias": False}
    stc, _, variance = expected_of(inputs, **options)
    with mne.utils.catch_logging() as log:
        dipoles = solve(*inputs, return_as_dipoles=True, verbose="INFO", **options)
    explained = explained_variance(log.getvalue())
    assert explained == pytest.approx(variance, abs=LAST_DIGIT)
    assert sum(dipole.gof[0] for dipole in dipoles) == pytest.approx(explained, abs=0.1)
    dipoles_are(dipoles, forward, solve(*inputs, verbose=False, **options))
    made = make_stc_from_dipoles(dipoles, forward["src"])
    same_vertices(made, stc)
    np.testing.assert_allclose(made.data, stc.data, rtol=0, atol=1e-3 * stc.data.max())


@pytest.fixture(scope="module")
def dspm(real: Inputs) -> Any:
    """The dSPM of the real data, with zeros where it is weakest."""
    evoked, forward, noise_cov = real
    operator = mne.minimum_norm.make_inverse_operator(evoked.info, forward, noise_cov)
    stc = mne.minimum_norm.apply_inverse(evoked, operator, lambda2=1 / 9, method="dSPM")
    stc.data[stc.data < np.quantile(stc.data.max(axis=1), 0.3)] = 0
    return stc


@needs_data
@pytest.mark.parametrize("share", [None, 0.5])
def test_weights_from_dspm(real: Inputs, solve: Solve, dspm: Any, share: float | None) -> None:
    """A dSPM as weights, with weights_min and without it (MNE's issue 6382): MNE's answer.

    The numbers themselves do the same as the estimate.
    """
    largest = dspm.data.max(axis=1)
    options = {"alpha": PERCENT, "tol": 1e-9, "maxit": 10_000, "debias": False}
    if share is not None:
        options["weights_min"] = float(np.quantile(largest, share))
    stc = solve(*real, weights=dspm, verbose=False, **options)
    expected, *_ = expected_of(real, weights=dspm, **options)
    same_vertices(stc, expected)
    atol = 1e-4 * np.abs(expected.data).max()
    np.testing.assert_allclose(stc.data, expected.data, rtol=0, atol=atol)
    places = np.concatenate(
        [
            np.isin(all_of_them, active)
            for all_of_them, active in zip(dspm.vertices, stc.vertices, strict=True)
        ]
    )
    assert (largest == 0).sum() > 100
    assert (largest[places] > options.get("weights_min", 0.0)).all()
    same = solve(*real, weights=largest, verbose=False, **options)
    np.testing.assert_array_equal(same.data, stc.data)


@needs_data
def test_weights_change_the_answer(real: Inputs, solve: Solve, dspm: Any) -> None:
    """Without weights other sources are found, also where the dSPM is zero."""
    plain = solve(*real, alpha=30, verbose=False)
    weighted = solve(*real, alpha=30, weights=dspm, verbose=False)
    assert any(
        not np.array_equal(a, b) for a, b in zip(plain.vertices, weighted.vertices, strict=True)
    )


@needs_data
@pytest.mark.parametrize("n_mxne_iter", [1, 5])
def test_fixed_orientation_is_signed_and_fits(real: Inputs, solve: Solve, n_mxne_iter: int) -> None:
    """Both signs are there, and data = forward(estimate) + residual."""
    evoked, forward, _ = real
    stc, residual = solve(
        *real, alpha=PERCENT, loose=0.0, n_mxne_iter=n_mxne_iter, return_residual=True,
        verbose=False,
    )  # fmt: skip
    assert stc.data.min() < -0.1 * np.abs(stc.data).max()
    assert stc.data.max() > 0.1 * np.abs(stc.data).max()
    fixed = mne.convert_forward_solution(forward, surf_ori=True, force_fixed=True, use_cps=True)
    data = evoked.copy().pick(residual.ch_names).data
    fit = applied(fixed, stc, residual)
    assert np.linalg.norm(fit) > 0.1 * np.linalg.norm(data)
    np.testing.assert_allclose(fit + residual.data, data, rtol=1e-6, atol=1e-20)


@needs_data
def test_five_rounds_of_nearly_fixed_orientation(real: Inputs) -> None:
    """loose=1e-4 and five rounds, with solver='cd': the warning, MNE's vertices, MNE's fit."""
    evoked, forward, _ = real
    options = {"loose": 1e-4, "n_mxne_iter": 5, "tol": 1e-8, "pick_ori": "vector"}
    expected, _, variance = expected_of(real, PERCENT, **options)
    with pytest.warns(RuntimeWarning, match="descent"), mne.utils.catch_logging() as log:
        stc, residual = mixed_norm(
            *real, PERCENT, solver="cd", return_residual=True, verbose="INFO", **options
        )
    assert isinstance(stc, mne.VectorSourceEstimate)
    same_vertices(stc, expected)
    assert explained_variance(log.getvalue()) == pytest.approx(variance, abs=LAST_DIGIT)
    data = evoked.copy().pick(residual.ch_names).data
    np.testing.assert_allclose(
        applied(forward, stc, residual) + residual.data, data, rtol=1e-6, atol=1e-20
    )


@needs_data
def test_coordinate_descent_falls_back_in_mne(real: Inputs) -> None:
    """MNE's function on this solver warns of 'cd' with loose orientation, as MNE does."""
    with pytest.warns(RuntimeWarning, match="descent"):
        in_mne(*real, alpha=PERCENT, solver="cd", verbose=False)


@needs_data
def test_nothing_is_found_near_the_largest_alpha(real: Inputs, solve: Solve) -> None:
    """alpha=99 and three rounds: the warning, nothing, and the data as residual."""
    options = {"alpha": 99, "n_mxne_iter": 3, "return_residual": True, "verbose": "WARNING"}
    with pytest.warns(RuntimeWarning, match="too big"):
        stc, residual = solve(*real, **options)
    assert [len(vertices) for vertices in stc.vertices] == [0, 0]
    assert stc.data.shape == (0, len(real[0].times))
    np.testing.assert_array_equal(residual.data, real[0].copy().pick(residual.ch_names).data)
    with pytest.warns(RuntimeWarning, match="too big"):
        dipoles, residual = solve(*real, return_as_dipoles=True, **options)
    assert dipoles == []


@needs_data
def test_inputs_are_not_modified(real: Inputs, dspm: Any) -> None:
    """Evokeds, forward solution, covariance, weights and options stay as they are."""
    evoked, forward, noise_cov = real
    options = {
        "loose": {"surface": 0.3}, "depth": {"exp": 0.7}, "weights": dspm.data.max(axis=1),
    }  # fmt: skip
    inputs = [[evoked, evoked.copy().crop(0.1, 0.12)], forward, noise_cov, options, dspm]
    before = copy.deepcopy(inputs)
    for weights in (options["weights"], dspm):
        mixed_norm(
            *inputs[:3], 40, **{**options, "weights": weights}, weights_min=1.0, n_mxne_iter=3,
            return_as_dipoles=True, return_residual=True, verbose=False,
        )  # fmt: skip
    for one, other in zip(inputs[0], before[0], strict=True):
        np.testing.assert_array_equal(one.data, other.data)
        assert mne.utils.object_diff(one.info, other.info) == ""
    for one, other in zip(inputs[1:4], before[1:4], strict=True):
        assert mne.utils.object_diff(dict(one), dict(other)) == ""
    np.testing.assert_array_equal(dspm.data, before[4].data)


@needs_data
def test_rank_is_not_modified(real: Inputs) -> None:
    """Nor does the rank get entries of its own."""
    rank = {"meg": 200}
    mixed_norm(*real, PERCENT, rank=rank, verbose=False)
    assert rank == {"meg": 200}


# --- MNE objects: volume and mixed source spaces -------------------------------------------------


@pytest.mark.parametrize("loose", [0.0, 0.2, 1.0])
def test_sphere_model_and_volume(simulated: Inputs, solve: Solve, loose: float) -> None:
    """A discrete grid takes any orientation weight; MNE's answer, and dipoles there and back."""
    options = {"alpha": 20, "loose": loose, "tol": 1e-9, "maxit": 10_000, "debias": False}
    expected, _, variance = expected_of(simulated, **options)
    with mne.utils.catch_logging() as log:
        stc = solve(*simulated, verbose="INFO", **options)
    assert explained_variance(log.getvalue()) == pytest.approx(variance, abs=LAST_DIGIT)
    assert type(stc) is mne.VolSourceEstimate
    same_vertices(stc, expected)
    atol = 1e-4 * np.abs(expected.data).max()
    np.testing.assert_allclose(stc.data, expected.data, rtol=0, atol=atol)
    dipoles = solve(*simulated, return_as_dipoles=True, verbose=False, **options)
    assert len(dipoles) > 1
    dipoles_are(dipoles, simulated[1], stc)


@pytest.mark.parametrize("loose", [0.2, 1.0])
@pytest.mark.parametrize("location", [20, 75, 130, 180])
def test_a_dipole_is_found_where_it_is(
    simulated: Inputs, solve: Solve, location: int, loose: float
) -> None:
    """One tangential dipole without noise: its position exactly, its direction within 8 degrees."""
    evoked, forward, noise_cov = simulated
    position = forward["source_rr"][location]
    outwards = forward["src"][0]["nn"][forward["src"][0]["vertno"][location]]
    direction = np.cross(outwards, [0.6, 0.64, 0.48])
    direction /= np.linalg.norm(direction)
    columns = forward["sol"]["data"][:, 3 * location : 3 * location + 3]
    course = 50e-9 * np.sin(np.arange(len(evoked.times)) / 5 + 0.3)
    measured = mne.EvokedArray(np.outer(columns @ direction, course), evoked.info)
    dipoles = solve(
        measured, forward, noise_cov, alpha=20, loose=loose, n_mxne_iter=5,
        return_as_dipoles=True, verbose=False,
    )  # fmt: skip
    (dipole,) = dipoles
    np.testing.assert_array_equal(dipole.pos, np.tile(position, (len(measured.times), 1)))
    loud = np.abs(course) > 0.1 * np.abs(course).max()
    cosines = dipole.ori[loud] @ direction
    assert (np.abs(cosines) > 0.99).all()
    np.testing.assert_array_equal(np.sign(cosines), np.sign(course[loud]))
    np.testing.assert_allclose(dipole.amplitude[loud], np.abs(course[loud]), rtol=0.1)


def test_magnitude_of_the_vectors_in_a_volume(simulated: Inputs, solve: Solve) -> None:
    scalar = solve(*simulated, alpha=20, verbose=False)
    vector = solve(*simulated, alpha=20, pick_ori="vector", verbose=False)
    assert type(vector) is mne.VolVectorSourceEstimate
    np.testing.assert_allclose(vector.magnitude().data, scalar.data, rtol=1e-12)


def test_no_vectors_are_an_empty_estimate(simulated: Inputs) -> None:
    """pick_ori='vector' where nothing is found."""
    options = {"tol": 1.0, "pick_ori": "vector", "verbose": False}
    with pytest.warns(RuntimeWarning, match="too big"):
        stc = mixed_norm(*simulated, 99.9, **options)
    assert type(stc) is mne.VolVectorSourceEstimate
    assert stc.data.shape == (0, 3, len(simulated[0].times))


@needs_data
@pytest.mark.parametrize("n_mxne_iter", [1, 5])
@pytest.mark.parametrize("loose", ["auto", {"surface": 0.4, "discrete": 1.0}], ids=["auto", "dict"])
def test_mixed_source_space(mixed: Inputs, solve: Solve, loose: Any, n_mxne_iter: int) -> None:
    """Surface and grid together: MNE's kind of estimate and MNE's answer, and dipoles of it."""
    options = {
        "loose": loose, "n_mxne_iter": n_mxne_iter, "tol": 1e-11, "maxit": 20_000,
        "debias": False,
    }  # fmt: skip
    expected, their_residual, _ = expected_of(mixed, MIXED, **options)
    options["verbose"] = False
    stc, residual = solve(*mixed, alpha=MIXED, return_residual=True, **options)
    assert type(stc) is mne.MixedSourceEstimate
    assert stc.subject == "sample"
    *surface, volume = (len(vertices) for vertices in stc.vertices)
    assert sum(surface) > 0
    assert volume > 0 or loose == "auto"  # which is free orientation here: favours the surface
    same_vertices(stc, expected)
    atol = 1e-5 * np.abs(expected.data).max()
    np.testing.assert_allclose(stc.data, expected.data, rtol=0, atol=atol)
    atol = 1e-5 * np.abs(their_residual.data).max()
    np.testing.assert_allclose(residual.data, their_residual.data, rtol=0, atol=atol)
    dipoles = solve(*mixed, alpha=MIXED, return_as_dipoles=True, **options)
    dipoles_are(dipoles, mixed[1], stc)


@needs_data
def test_fixed_surface_beside_a_free_grid(mixed: Inputs) -> None:
    """Orientation weights of 0 and 1 in one problem: a small gap of MNE's own whitened problem.

    MNE's solver goes wrong here: it takes a location for silent whose first row is zero, and with
    fixed orientation that row is tangential.
    """
    evoked, forward, noise_cov = mixed
    loose = {"surface": 0.0, "discrete": 1.0}
    _, gain, info, whitener, *_ = mxne_inverse._prepare_gain(
        forward, evoked.info, noise_cov, True, 0.8, loose, None
    )
    data = whitener @ evoked.copy().pick(info["ch_names"]).data
    gain *= 100 / reference.alpha_max(gain, data, 3)
    stc, solution = mixed_norm(
        *mixed, MIXED, loose=loose, tol=1e-8, return_solution=True, verbose=False
    )
    assert reference.duality_gap(gain, data, solution.x, MIXED, 3)[0] <= 2e-8
    *surface, volume = (len(vertices) for vertices in stc.vertices)
    assert sum(surface) > 0 < volume
    tangential = solution.sources.reshape(-1, 3, data.shape[1])[: sum(surface), :2]
    np.testing.assert_array_equal(tangential, 0)


@needs_data
def test_vectors_in_a_mixed_source_space(mixed: Inputs, solve: Solve) -> None:
    scalar = solve(*mixed, alpha=MIXED, verbose=False)
    vector = solve(*mixed, alpha=MIXED, pick_ori="vector", verbose=False)
    assert type(vector) is mne.MixedVectorSourceEstimate
    np.testing.assert_allclose(vector.magnitude().data, scalar.data, rtol=1e-12)


# --- MNE objects: SURE ---------------------------------------------------------------------------


@needs_data
def test_sure_finds_two_simulated_sources(real: Inputs) -> None:
    """Two sources on the cortex in the noise of 30 averages: exactly these vertices."""
    evoked, forward, noise_cov = real
    forward = mne.pick_types_forward(forward, meg=True, eeg=False)
    info = evoked.copy().pick("meg").info
    labels = np.load(DATA / "cortex-1000-labels.npz")
    vertices = [
        labels[f"{side}_vertno"][labels[f"{side}_aparc"] == "superiortemporal"][7:8]
        for side in ("lh", "rh")
    ]
    times = np.arange(60) / info["sfreq"]
    courses = 20e-9 * np.stack([np.sin(40 * times), np.cos(25 * times)])
    truth = mne.SourceEstimate(courses, vertices, 0.0, 1 / info["sfreq"], "sample")
    fixed = mne.convert_forward_solution(forward, surf_ori=True, force_fixed=True, use_cps=True)
    measured = mne.simulation.simulate_evoked(
        fixed, truth, info, noise_cov, nave=30, random_state=0, use_cps=True
    )
    stc = mixed_norm(
        measured, forward, noise_cov, loose=0.9, n_mxne_iter=5, random_state=0, verbose=False
    )
    same_vertices(stc, truth)
