"""The first call of a new user: the same few sources each time, and warnings where it is odd."""

from __future__ import annotations

import inspect
import re
import warnings
from typing import Any

import numpy as np
import pytest

import mxne_rs
from mxne_rs import localize, mixed_norm
from mxne_rs.command import parse
from mxne_rs.results.solvers import METHODS
from places import ROOT, needs_data

mne = pytest.importorskip("mne", minversion="1.8")


def whitened(evoked: Any, noise_cov: Any) -> Any:
    """Data or residual, whitened by MNE to as many rows as the covariance has rank."""
    white, _ = mne.cov.compute_whitener(noise_cov, evoked.info, pca=True)
    return white @ evoked.data


@needs_data
def test_few_sources_and_the_same_ones(real: Any) -> None:
    """Two calls without options, each with a warning; many with the level of white noise."""
    with pytest.warns(RuntimeWarning, match="SURE of MxNE .*n_mxne_iter=100") as caught:
        one, other = (mixed_norm(*real) for _ in range(2))
    assert len(caught) == 2
    np.testing.assert_array_equal(one.data, other.data)
    assert 0 < len(one.data) <= 20
    with pytest.warns(RuntimeWarning, match="SURE of MxNE .*n_mxne_iter=100") as caught:
        many = mixed_norm(*real, sure_sigma=real[0].nave ** -0.5)
    assert len(caught) == 1
    assert len(many.data) > 50


@needs_data
def test_rounds_by_default_settle(real: Any) -> None:
    """At the alphas that a person would try; none is wasted after that."""
    rounds = inspect.signature(mxne_rs.solve_irmxne).parameters["n_reweights"].default
    for alpha in (70, 50, 30):
        found = localize(*real, alpha=alpha, n_mxne_iter=rounds)
        assert found.solution.reweighting_converged
        assert found.solution.n_reweights < rounds


def test_one_number_of_rounds() -> None:
    """Wherever irMxNE is the default; `mixed_norm` itself follows MNE."""
    files = ["--evoked", "a", "--forward", "b", "--noise-cov", "c", "--out", "d"]
    for function, name in (
        (mxne_rs.solve_irmxne, "n_reweights"),
        (mxne_rs.stability, "n_mxne_iter"),
        (METHODS["irmxne"].run, "n_mxne_iter"),
    ):
        assert inspect.signature(function).parameters[name].default == 100
    assert parse(["localize", *files]).reweights == parse(["path", *files]).reweights == 100
    assert inspect.signature(mixed_norm).parameters["n_mxne_iter"].default == 1
    crate = ROOT / "rust" / "src" / "solve" / "reweighting.rs"
    assert re.search(r"Reweight \{\s*n_reweights: 100,", crate.read_text(encoding="utf-8"))


def test_seeded_unless_asked(simulated: Any) -> None:
    """By default, with `random_state` beside the default, and not with None."""

    def risk(**options: Any) -> Any:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "SURE ", RuntimeWarning)
            return localize(*simulated, "sure", **options).solution.sure.values

    np.testing.assert_array_equal(risk(), risk(rng=0))
    np.testing.assert_array_equal(risk(random_state=3), risk(random_state=3))
    assert not np.array_equal(risk(random_state=3), risk())
    assert not np.array_equal(risk(rng=None), risk())
    with pytest.raises(TypeError, match="only one of rng"):
        mixed_norm(*simulated, rng=0, random_state=3)


def test_each_evoked_has_its_own_level(simulated: Any) -> None:
    """Two conditions solved together, one of them three times as large."""
    evoked, forward, noise_cov = simulated
    large = evoked.copy()
    large.data *= 3
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "SURE is smallest", RuntimeWarning)
        found = localize([evoked, large], forward, noise_cov, "sure", n_mxne_iter=5)
    level = np.sqrt(np.mean(whitened(evoked, noise_cov) ** 2))
    expected = np.repeat([level, 3 * level], len(evoked.times))
    np.testing.assert_allclose(found.solution.sure.sigma, expected)


@pytest.mark.parametrize("projected", [False, True], ids=["full rank", "reduced rank"])
def test_residual_stands_beside_the_noise(simulated: Any, projected: bool) -> None:
    """The standard deviation over as many rows as there is rank, of MNE's own whitened residual."""
    evoked, forward, noise_cov = (one.copy() for one in simulated)
    if projected:
        noise = evoked.copy()
        noise.data = np.random.default_rng(0).standard_normal(evoked.data.shape)
        evoked.add_proj(mne.compute_proj_evoked(noise, n_grad=2, n_mag=2)).apply_proj()
    found = localize(evoked, forward, noise_cov, 30)
    left = whitened(found.residual(), noise_cov)
    assert len(left) == len(found.data) == (302 if projected else 306)
    assert found.residual_std == pytest.approx(np.sqrt(np.mean(left**2)), rel=1e-6)
    assert found.noise_std == pytest.approx(0.1)
    assert f"residual {found.residual_std:.2g} (noise 0.1 by nave)" in repr(found)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "SURE is smallest", RuntimeWarning)
        sure = localize(evoked, forward, noise_cov, "sure", n_mxne_iter=100)
    assert f"0.1 by nave, {sure.solution.sure.sigma[0]:.2g} by SURE)" in repr(sure)
    assert sure.solution.residual_std == pytest.approx(sure.residual_std, rel=1e-6)


def test_units_are_asked_for(simulated: Any) -> None:
    """Data in fT are 1e15 times what the forward solution and the covariance expect."""
    evoked, forward, noise_cov = simulated
    wrong = evoked.copy()
    wrong.data *= 1e15
    for options in ({"alpha": 40}, {"alpha": "sure"}, {"alpha": 40, "n_mxne_iter": 10}):
        with pytest.raises(ValueError, match=r"reach \d.*e\+15 standard deviations.*not fT"):
            mixed_norm(wrong, forward, noise_cov, **options)
    faint = evoked.copy()
    faint.data *= 1e-9
    with pytest.warns(RuntimeWarning, match=r"reach only .* standard deviations.*not fT"):
        mixed_norm(faint, forward, noise_cov, alpha=40)


def test_free_forward_on_arrays_is_said(simulated: Any) -> None:
    """A lead field of MEG as it is in the file, with the default of one orientation."""
    leadfield = simulated[1]["sol"]["data"]
    with pytest.warns(RuntimeWarning, match="n_orient=3"):
        mxne_rs.Gain(leadfield)
    fixed = leadfield.reshape(306, -1, 3)[:, :, 0]
    mxne_rs.Gain(fixed[:, : fixed.shape[1] // 3 * 3])
    mxne_rs.Gain(leadfield, n_orient=3)


@pytest.mark.parametrize("rule", ["sqrt", "noise", "map"])
def test_a_grid_for_a_rule_without_one_is_refused(simulated: Any, rule: str) -> None:
    """By every function that takes both, instead of leaving it without effect."""
    for call in (
        lambda: localize(*simulated, rule, sure_alpha_grid=[50, 40]),
        lambda: mixed_norm(*simulated, alpha=rule, sure_alpha_grid=[50, 40]),
        lambda: mxne_rs.choose_alpha(*simulated, method=rule, sure_alpha_grid=[50, 40]),
    ):
        with pytest.raises(ValueError, match=f"the rule '{rule}' finds its own alpha"):
            call()


def test_choose_alpha_names_what_is_no_evoked(simulated: Any) -> None:
    evoked, forward, noise_cov = simulated
    with pytest.raises(TypeError, match="evoked is a NoneType"):
        mxne_rs.choose_alpha(None, forward, noise_cov)
    by_name = mxne_rs.choose_alpha(
        noise_cov=noise_cov, forward=forward, evoked=evoked, method="noise"
    )
    assert by_name.alpha == localize(evoked, forward, noise_cov, "noise").alpha
