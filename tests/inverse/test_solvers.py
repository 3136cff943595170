"""`Solver(name)`: the shape of invertmeeg's interface, each option doing what its page says."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
import pytest

import mxne_rs
import reference
from mxne_rs import Solver, list_solvers, mixed_norm

mne = pytest.importorskip("mne")


@pytest.fixture(scope="module")
def tilted(simulated: Any) -> tuple[Any, Any, Any]:
    """The same with normals that are not radial, so that the sensors see every orientation."""
    evoked, forward, noise_cov = simulated
    forward = forward.copy()
    normals = np.random.default_rng(0).standard_normal(forward["src"][0]["nn"].shape)
    forward["src"][0]["nn"] = normals / np.linalg.norm(normals, axis=1)[:, np.newaxis]
    return evoked, forward, noise_cov


def made(simulated: Any, name: str, **options: Any) -> Solver:
    """A solver on the simulated problem."""
    evoked, forward, noise_cov = simulated
    return Solver(name, **options).make_inverse_operator(forward, evoked, noise_cov=noise_cov)


def whitened(simulated: Any) -> tuple[Any, Any]:
    """Whitened gain in 1/Am (free orientation) and data, by MNE."""
    evoked, forward, noise_cov = simulated
    white = mne.cov.compute_whitener(noise_cov, evoked.info, pca=True)[0]
    return white @ forward["sol"]["data"], white @ evoked.data


def dense(solver: Solver) -> Any:
    """X with all rows, in Am."""
    found = solver.localization
    assert found is not None
    x = np.zeros((3 * found.active.size, found.amplitudes.shape[1]))
    x[np.repeat(found.active, 3)] = found.amplitudes
    return x


@pytest.mark.parametrize("name", ["mxne", "MxNE", "irmxne", "irMxNE", "l1l2", "L1L2", "mce"])
def test_every_name_takes_every_kind_of_data(simulated: Any, name: str) -> None:
    """Evoked, Epochs, Raw in; a sparse, certified estimate out; the operator returns itself."""
    evoked, forward, noise_cov = simulated
    epochs = mne.EpochsArray(np.stack([evoked.data] * 3), evoked.info, tmin=evoked.times[0])
    raw = mne.io.RawArray(evoked.data, evoked.info)
    solver = Solver(name)
    assert solver.make_inverse_operator(forward, evoked, noise_cov=noise_cov) is solver
    stcs = [solver.apply_inverse_operator(one) for one in (evoked, epochs, raw)]
    for stc in stcs:
        assert isinstance(stc, mne.VolSourceEstimate)
        assert 0 < len(stc.data) < forward["nsource"] / 2
        np.testing.assert_allclose(stc.data, stcs[0].data, rtol=1e-9)
    assert solver.localization.solution.converged
    assert name.lower() in list_solvers()
    assert solver.name == name.lower()


def test_mxne_is_mixed_norm(simulated: Any) -> None:
    """alpha is a part here and a percentage there; other options keep their names."""
    for name, n in (("mxne", 1), ("irmxne", 100)):
        solver = made(simulated, name, debias=False, amplitude_unit="mne")
        stc = solver.apply_inverse_operator(simulated[0], alpha=0.4)
        expected = mixed_norm(*simulated, 40, n_mxne_iter=n, debias=False)
        np.testing.assert_array_equal(stc.data, expected.data)
    solver = made(simulated, "irmxne", pick_ori="vector", loose=0.5, amplitude_unit="mne")
    stc = solver.apply_inverse_operator(simulated[0], alpha=0.3, n_mxne_iter=2)
    expected = mixed_norm(*simulated, 30, n_mxne_iter=2, pick_ori="vector", loose=0.5)
    np.testing.assert_array_equal(stc.data, expected.data)
    assert solver.localization.residual().data.shape == simulated[0].data.shape


def test_sure_is_there_too(simulated: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        solver = made(simulated, "mxne")
        solver.apply_inverse_operator(simulated[0], alpha="sure", sure_alpha_grid=[60, 30], rng=0)
    assert len(solver.localization.solution.sure.values) == 2


#: Options of l1l2 that the page names, with values that act.
VARIANTS = [
    {},
    {"alpha": 0.3},
    {"l1_spatial": 0.3},
    {"center_data": False},
    {"l2_temporal": 1e18, "l1_spatial": 0.2},
    {"depth_weighting": 0.5, "l1_spatial": 0.2},
    {"depth_weighting": 1.0, "l1_spatial": 0.2},
    {"scale_l1_by_lmax": False, "l1_spatial": 2e8},
]


@pytest.mark.parametrize("loose", [None, 0.3])
@pytest.mark.parametrize("options", VARIANTS, ids=lambda one: ",".join(one) or "defaults")
def test_l1l2_solves_the_problem_of_the_page(
    tilted: Any, options: dict[str, Any], loose: float | None
) -> None:
    """An independent duality gap of the objective of the page, each option by its definition."""
    tol = 1e-6
    solver = made(tilted, "l1l2", loose=loose)
    solver.apply_inverse_operator(tilted[0], tol=tol, max_iter=100_000, **options)
    x = dense(solver)
    page = {
        name: one.default
        for name, one in inspect.signature(mxne_rs.inverse.l1l2.l1l2).parameters.items()
    } | options
    evoked, forward, noise_cov = tilted
    if loose is not None:
        forward = mne.convert_forward_solution(forward, surf_ori=True)
    gain, data = whitened((evoked, forward, noise_cov))
    if page["center_data"]:
        gain, data = gain - gain.mean(axis=0), data - data.mean(axis=0)
    norms = np.linalg.norm(gain.reshape(len(gain), -1, 3), axis=(0, 2))
    factors = np.repeat(norms ** -page["depth_weighting"], 3)
    if loose is not None:  # the standard deviation of tangential orientations beside the normal
        factors *= np.tile([np.sqrt(loose), np.sqrt(loose), 1], len(norms))
    gain, x = gain * factors, x / factors[:, None]
    share = page["l1_spatial"] if page["alpha"] == "auto" else page["alpha"]
    largest = np.linalg.norm((gain.T @ data).reshape(-1, 3 * data.shape[1]), axis=1).max()
    alpha = share * largest if page["scale_l1_by_lmax"] else share
    gap, *_ = reference.duality_gap(gain, data, x, alpha, 3, None, page["l2_temporal"])
    assert gap <= tol * (1 + 1e-3)
    assert 0 < solver.localization.active.sum() < tilted[1]["nsource"]


#: What every solver takes, beside its own options, with values that act.
COMMON = [
    {"loose": 0.3}, {"loose": 0.7}, {"loose": 0.0}, {"depth": None}, {"depth": 0.3},
    {"depth": {"exp": 0.8, "limit": 1.5}}, {"rank": {"meg": 40}},
]  # fmt: skip


@pytest.mark.parametrize("name", ["mxne", "irmxne", "l1l2", "mce"])
def test_no_common_option_is_ignored(tilted: Any, name: str) -> None:
    """Each changes the answer, or is refused by name."""

    def power(**options: Any) -> Any:
        solver = made(tilted, name, **options)
        plain = {} if name == "l1l2" else {"debias": False}
        solver.apply_inverse_operator(tilted[0], alpha=0.1, **plain)
        found = solver.localization
        squares = np.zeros(found.active.size)
        squares[found.active] = np.sum(
            found.amplitudes.reshape(int(found.active.sum()), -1) ** 2, axis=1
        )
        return squares

    usual = power()
    for options in COMMON:
        if name != "l1l2" or "depth" not in options:
            assert np.abs(power(**options) - usual).max() > 1e-3 * usual.max(), options
        elif options["depth"] is None:
            np.testing.assert_array_equal(power(**options), usual)
        else:
            with pytest.raises(TypeError, match="has no depth; give depth_weighting"):
                power(**options)


@pytest.mark.parametrize("name", ["mxne", "irmxne", "l1l2", "mce"])
def test_verbose_is_heard(simulated: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line of progress follows `verbose`, of the solver or of a call."""
    seen: list[Any] = []
    kind = mxne_rs._progress.Progress
    inner = kind.__init__

    def note(self: Any, title: str, tol: float, verbose: Any, total: int | None = None) -> None:
        seen.append(mxne_rs._progress.wants_line(verbose))
        inner(self, title, tol, False, total)

    monkeypatch.setattr(kind, "__init__", note)
    for options, expected in (({}, True), ({"verbose": False}, False)):
        seen.clear()
        made(simulated, name, verbose=True).apply_inverse_operator(simulated[0], **options)
        assert set(seen) == {expected}


def test_l1l2_options_all_matter(simulated: Any) -> None:
    """No two variants have the same answer, but for the two ways to say the same."""
    answers = []
    for options in VARIANTS:
        solver = made(simulated, "l1l2")
        solver.apply_inverse_operator(simulated[0], tol=1e-8, max_iter=100_000, **options)
        answers.append(dense(solver))
    scale = np.abs(answers[0]).max()
    for i, one in enumerate(answers):
        for j, other in enumerate(answers[:i]):
            same = np.abs(one - other).max() < 1e-3 * scale
            assert same == ((j, i) == (1, 2)), (VARIANTS[j], VARIANTS[i])


def test_l1l2_defaults_are_those_of_the_page() -> None:
    expected = {
        "alpha": "auto", "max_iter": 1000, "l1_spatial": 5e-2, "l2_temporal": 0, "tol": 1e-4,
        "depth_weighting": 0.0, "center_data": True, "scale_l1_by_lmax": True,
    }  # fmt: skip
    parameters = inspect.signature(mxne_rs.inverse.l1l2.l1l2).parameters
    assert {name: parameters[name].default for name in expected} == expected


@pytest.mark.parametrize("name", ["mxne", "irmxne", "l1l2", "mce"])
def test_nothing_found_is_said(simulated: Any, name: str) -> None:
    options = {"l1_spatial": 1.5} if name == "l1l2" else {"alpha": 0.9999}
    if name == "mce":
        options["alpha"] = 1.5
    if name == "irmxne":
        options["alpha"] = 0.9
    if name == "mxne":
        options["tol"] = 1.0
    if name == "irmxne":
        options["amplitude_unit"] = "mne"
    with pytest.warns(RuntimeWarning, match="No active dipoles"):
        stc = made(simulated, name).apply_inverse_operator(simulated[0], **options)
    assert stc.data.shape == (0, len(simulated[0].times))


def test_l1l2_limits(simulated: Any) -> None:
    """max_iter is kept, and a run that stops short says so."""
    solver = made(simulated, "l1l2")
    with pytest.warns(mxne_rs.ConvergenceWarning):
        solver.apply_inverse_operator(simulated[0], max_iter=3, tol=1e-10)
    assert solver.localization.solution.status == "iteration_limit"
    assert solver.localization.solution.n_iter <= 3


def test_mce_is_a_lasso_at_every_sample(simulated: Any) -> None:
    """Each sample certified by itself, at one alpha for all."""
    solver = made(simulated, "mce", depth=None)
    solver.apply_inverse_operator(simulated[0], alpha=0.3, tol=1e-8)
    gain, data = whitened(simulated)
    x = dense(solver)
    largest = max(
        np.linalg.norm((gain.T @ sample).reshape(-1, 3), axis=1).max() for sample in data.T
    )
    active = []
    for sample, column in zip(data.T, x.T, strict=True):
        gap, *_ = reference.duality_gap(
            gain, sample[:, None], column[:, None], 0.3 * largest, 3, None, 0.0
        )
        assert gap <= 1e-8 * 1.001
        active.append(column.reshape(-1, 3).any(axis=1))
    # Unlike MxNE, supports differ from sample to sample.
    assert len({one.tobytes() for one in active}) > 3
    solution = solver.localization.solution
    assert solution.converged
    assert solution.gap <= 1e-8
    np.testing.assert_array_equal(solver.localization.active, np.any(active, axis=0))


def test_mce_debiased_fits_better(simulated: Any) -> None:
    variance = []
    for debias in (False, True):
        solver = made(simulated, "mce")
        solver.apply_inverse_operator(simulated[0], alpha=0.5, debias=debias)
        variance.append(solver.localization.explained_variance)
    assert variance[1] > variance[0] + 0.05


def test_no_noise_covariance_is_the_same_noise_everywhere(simulated: Any) -> None:
    evoked, forward, _ = simulated
    stc = Solver("mxne").make_inverse_operator(forward).apply_inverse_operator(evoked, alpha=0.3)
    expected = mixed_norm(evoked, forward, mne.make_ad_hoc_cov(evoked.info), 30)
    np.testing.assert_array_equal(stc.data, expected.data)


def test_prepared_again_for_other_sensors(simulated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for data of the same sensors; again where a channel is bad or missing."""
    from mxne_rs.results import solvers

    count: list[int] = []
    prepare = solvers.prepare_model

    def counted(info: Any, *args: Any, **kwargs: Any) -> Any:
        count.append(len(info["ch_names"]) - len(info["bads"]))
        return prepare(info, *args, **kwargs)

    monkeypatch.setattr(solvers, "prepare_model", counted)
    evoked = simulated[0]
    solver = made(simulated, "mxne")
    solver.apply_inverse_operator(evoked)
    solver.apply_inverse_operator(evoked)
    assert count == [306]
    bad = evoked.copy()
    bad.info["bads"] = [evoked.ch_names[0]]
    solver.apply_inverse_operator(bad)
    solver.apply_inverse_operator(evoked.copy().drop_channels(evoked.ch_names[:4]))
    assert count == [306, 305, 302]


def test_alpha_given_with_the_operator(simulated: Any) -> None:
    evoked, forward, noise_cov = simulated
    solver = Solver("mxne").make_inverse_operator(forward, evoked, noise_cov, alpha=0.5)
    solver.apply_inverse_operator(evoked)
    assert solver.localization.alpha == pytest.approx(50)
    solver.apply_inverse_operator(evoked, alpha=0.4)
    assert solver.localization.alpha == pytest.approx(40)


def test_unknown_names_are_answered_with_the_list() -> None:
    with pytest.raises(ValueError, match="no solver 'champagne'; the solvers are mxne, irmxne, "):
        Solver("champagne")
    with pytest.raises(TypeError, match="not a string"):
        Solver(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="has no option 'l1_spatial'; it has active_set_size"):
        Solver("mxne", l1_spatial=0.3)
    with pytest.raises(TypeError, match="has no option 'lambda_'"):
        Solver("mce").apply_inverse_operator(None, lambda_=3)
    with pytest.raises(RuntimeError, match="call make_inverse_operator first"):
        Solver("mce").apply_inverse_operator(None)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("mxne", {"alpha": 40}, "a part of alpha_max between 0 and 1"),
        ("mxne", {"alpha": 0}, "alpha is 0"),
        ("mxne", {"maxit": 0}, "maxit"),
        ("l1l2", {"alpha": -1.0}, "alpha"),
        ("l1l2", {"l1_spatial": 0}, "l1_spatial"),
        ("l1l2", {"l2_temporal": -1}, "l2_temporal"),
        ("l1l2", {"depth_weighting": -0.5}, "depth_weighting"),
        ("l1l2", {"tol": 0}, "tol"),
        ("mce", {"alpha": 0}, "alpha"),
        ("mce", {"max_iter": 0}, "max_iter"),
    ],
)
def test_refuses(simulated: Any, name: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        made(simulated, name).apply_inverse_operator(simulated[0], **options)


def test_repr() -> None:
    assert repr(Solver("MCE")) == "<Solver: mce, inverse operator not made yet>"


def test_without_mne(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "mne", None)
    with pytest.raises(ImportError, match=r"mxne-rs\[mne\]"):
        Solver("mxne")


def test_debiased_mce_tells_its_factors(simulated: Any) -> None:
    plain, debiased = (made(simulated, "mce", debias=one) for one in (False, True))
    x, y = (one.apply_inverse_operator(simulated[0], alpha=0.5) for one in (plain, debiased))
    factors = debiased.localization.factors
    np.testing.assert_allclose(y.data, factors[:, None] * x.data, rtol=1e-9)
    assert (factors > 1).any()


def test_operators_of_wrong_kinds(simulated: Any) -> None:
    evoked, forward, noise_cov = simulated
    solver = Solver("l1l2")
    with pytest.raises(TypeError, match=r"forward is 'x-fwd.fif'"):
        solver.make_inverse_operator("x-fwd.fif", evoked, noise_cov)
    with pytest.raises(TypeError, match="mne_obj is a ndarray"):
        solver.make_inverse_operator(forward, evoked.data, noise_cov)
    solver = Solver("mxne").make_inverse_operator(forward, [evoked, evoked], noise_cov)
    assert len(solver.apply_inverse_operator([evoked, evoked])) == 2
