"""`mixed_norm` on real recordings: MNE's answer, MNE's objects, MNE's signature."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import numpy as np
import pytest

import mxne_rs
from mxne_rs import localize, mixed_norm
from places import DATA, needs_data

mne = pytest.importorskip("mne", minversion="1.8")
from beside_mne import same_vertices, theirs  # noqa: E402

#: Both solvers are run to a duality gap of this part of the squared norm of the data.
TIGHT = {"tol": 1e-11, "maxit": 20000, "verbose": "ERROR"}
ALPHA = 50


def whitened_power(evoked: Any, noise_cov: Any) -> float:
    """Return the squared norm of whitened data or residual."""
    white, _ = mne.cov.compute_whitener(noise_cov, evoked.info, pca=True)
    return float(np.sum((white @ evoked.data) ** 2))


# --- agreement with MNE --------------------------------------------------------------------------


@needs_data
@pytest.mark.parametrize("n_mxne_iter", [1, 5])
@pytest.mark.parametrize("loose", [0.0, 0.2, 1.0], ids=["fixed", "loose", "free"])
def test_agrees_with_mne(real: Any, loose: float, n_mxne_iter: int) -> None:
    """Same sources, same amplitudes, same residual, in one convex problem and in five."""
    options = {"loose": loose, "n_mxne_iter": n_mxne_iter, "debias": False, **TIGHT}
    reference, their_residual = theirs(real, return_residual=True, **options)
    ours, residual = mixed_norm(*real, ALPHA, return_residual=True, **options)
    assert type(ours) is type(reference)
    assert (ours.subject, len(ours.data)) == (reference.subject, len(reference.data))
    same_vertices(ours, reference)
    np.testing.assert_allclose(ours.times, reference.times, atol=1e-12)
    peak = np.abs(reference.data).max()
    assert len(reference.data) > 3
    np.testing.assert_allclose(ours.data, reference.data, rtol=0, atol=1e-5 * peak)
    assert residual.ch_names == their_residual.ch_names
    for kind in ("mag", "grad", "eeg"):
        a, b = (one.copy().pick(kind).data for one in (residual, their_residual))
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * np.abs(b).max())


@needs_data
@pytest.mark.parametrize(("loose", "n_mxne_iter"), [(0.2, 1), (1.0, 5)])
def test_debiased_fit_is_no_worse_than_mnes(real: Any, loose: float, n_mxne_iter: int) -> None:
    """MNE may stop debiasing early (at alpha 50 it does); ours is at the bottom."""
    options = {"loose": loose, "n_mxne_iter": n_mxne_iter, **TIGHT}
    reference, their_residual = theirs(real, return_residual=True, **options)
    biased = mixed_norm(*real, ALPHA, debias=False, **options)
    ours, residual = mixed_norm(*real, ALPHA, return_residual=True, **options)
    same_vertices(ours, reference)
    power = whitened_power(their_residual, real[2])
    assert whitened_power(residual, real[2]) <= power * (1 + 1e-9)
    factors = np.linalg.norm(ours.data, axis=1) / np.linalg.norm(biased.data, axis=1)
    assert (factors > 1 - 1e-6).all()
    if n_mxne_iter > 1:  # so few sources that MNE converges
        peak = np.abs(reference.data).max()
        np.testing.assert_allclose(ours.data, reference.data, rtol=0, atol=1e-3 * peak)


@needs_data
def test_two_conditions_share_their_sources(real: Any) -> None:
    """A list of evokeds is one problem, with one estimate and one residual each."""
    right = mne.read_evokeds(DATA / "auditory-ave.fif", condition=1).crop(0.08, 0.12)
    inputs = ([real[0], right], *real[1:])
    options = {"loose": 1.0, "debias": False, **TIGHT}
    reference = theirs(inputs, **options)
    ours, residuals = mixed_norm(*inputs, ALPHA, return_residual=True, **options)
    assert len(ours) == len(residuals) == 2
    for one, other in zip(ours, reference, strict=True):
        same_vertices(one, other)
        atol = 1e-5 * np.abs(other.data).max()
        np.testing.assert_allclose(one.data, other.data, rtol=0, atol=atol)


@needs_data
def test_truncated_time_agrees_with_mne(real: Any) -> None:
    """time_pca=k keeps the same k components as MNE."""
    options = {"time_pca": np.int64(3), "debias": False, "loose": 1.0, **TIGHT}
    ours = mixed_norm(*real, ALPHA, **options)
    reference = theirs(real, **{**options, "time_pca": 3})
    same_vertices(ours, reference)
    atol = 1e-5 * np.abs(reference.data).max()
    np.testing.assert_allclose(ours.data, reference.data, rtol=0, atol=atol)


def test_signature_is_mnes() -> None:
    """Names, order, kinds and defaults, from MNE 1.13 on; what is new comes after, by keyword."""
    if tuple(int(part) for part in mne.__version__.split(".")[:2]) < (1, 13):
        pytest.skip(f"the signature is that of MNE 1.13, this is {mne.__version__}")

    def parameters(function: Any) -> list[tuple[str, Any, Any]]:
        listed = inspect.signature(function).parameters.values()
        return [(one.name, one.kind, one.default) for one in listed]

    reference = parameters(mne.inverse_sparse.mixed_norm)
    # The same call gives the same answer: seeded, where MNE draws anew.
    place = [name for name, *_ in reference].index("rng")
    reference[place] = (*reference[place][:2], 0)
    ours = parameters(mixed_norm)
    assert ours[: len(reference)] == reference
    assert {kind for _, kind, _ in ours[len(reference) :]} == {inspect.Parameter.KEYWORD_ONLY}


# --- outputs -------------------------------------------------------------------------------------


@needs_data
@pytest.mark.parametrize("loose", [0.0, 0.2], ids=["fixed", "loose"])
def test_data_is_fit_plus_residual(real: Any, loose: float) -> None:
    """The residual is what the estimate, sent through the forward solution, leaves."""
    evoked, forward, _ = real
    orientation = None if loose == 0 else "vector"
    stc, residual = mixed_norm(
        *real, ALPHA, loose=loose, pick_ori=orientation, return_residual=True, verbose="ERROR"
    )
    if loose == 0:
        forward = mne.convert_forward_solution(
            forward, surf_ori=True, force_fixed=True, use_cps=True
        )
    forward = mne.pick_channels_forward(forward, residual.ch_names, ordered=True)
    fit = mne.apply_forward(forward, stc, evoked.info, use_cps=True, on_missing="ignore")
    fit = fit.pick(residual.ch_names)
    projections = [proj.copy() for proj in evoked.info["projs"]]
    fit.del_proj()
    fit.add_proj(mne._fiff.proj.deactivate_proj(projections)).apply_proj()
    data = evoked.copy().pick(residual.ch_names).data
    np.testing.assert_allclose(fit.data + residual.data, data, rtol=1e-6, atol=1e-20)


def test_dipoles_are_the_estimate(simulated: Any) -> None:
    """As dipoles: the same amplitudes at the same places, and gofs that add up."""
    options = {"n_mxne_iter": 3, "verbose": "ERROR"}
    stc = mixed_norm(*simulated, 20, **options)
    dipoles, residual = mixed_norm(
        *simulated, 20, return_as_dipoles=True, return_residual=True, **options
    )
    assert len(dipoles) == len(stc.data) > 1
    forward = simulated[1]
    for dipole, row, vertex in zip(dipoles, stc.data, stc.vertices[0], strict=True):
        np.testing.assert_array_equal(dipole.amplitude, row)
        index = np.flatnonzero(forward["src"][0]["vertno"] == vertex)[0]
        np.testing.assert_array_equal(dipole.pos[0], forward["source_rr"][index])
        np.testing.assert_allclose(np.linalg.norm(dipole.ori, axis=1), 1)
    evoked, noise_cov = simulated[0], simulated[2]
    sample = int(np.argmax(stc.data.max(axis=0)))
    white = mne.cov.compute_whitener(noise_cov, evoked.info, pca=True)[0]
    left = np.sum((white @ residual.data[:, sample]) ** 2)
    explained = 100 * (1 - left / np.sum((white @ evoked.data[:, sample]) ** 2))
    assert sum(dipole.gof[sample] for dipole in dipoles) == pytest.approx(explained, abs=0.5)


def test_vector_has_the_magnitude_of_the_scalar(simulated: Any) -> None:
    """pick_ori='vector' keeps the three components whose norm is returned otherwise."""
    scalar = mixed_norm(*simulated, 30, verbose="ERROR")
    vector = mixed_norm(*simulated, 30, pick_ori="vector", verbose="ERROR")
    assert isinstance(vector, mne.VolVectorSourceEstimate)
    np.testing.assert_allclose(vector.magnitude().data, scalar.data, rtol=1e-12)


def test_fixed_orientation_is_signed(simulated: Any) -> None:
    """With fixed orientation amplitudes keep their sign."""
    evoked, forward, noise_cov = simulated
    flipped = evoked.copy()
    flipped.data *= -1
    options = {"loose": 0.0, "verbose": "ERROR"}
    stc = mixed_norm(evoked, forward, noise_cov, 30, **options)
    np.testing.assert_allclose(
        mixed_norm(flipped, forward, noise_cov, 30, **options).data, -stc.data, rtol=1e-9
    )


@pytest.mark.parametrize("n_mxne_iter", [1, 3])
def test_nothing_found(simulated: Any, n_mxne_iter: int) -> None:
    """Near the maximum of alpha: a warning, an empty estimate, and the data as residual."""
    options = {"n_mxne_iter": n_mxne_iter, "return_residual": True, "verbose": "ERROR"}
    with pytest.warns(RuntimeWarning, match="too big"):
        stc, residual = mixed_norm(*simulated, 99.9, tol=1.0, **options)
    assert stc.data.shape == (0, len(simulated[0].times))
    np.testing.assert_array_equal(residual.data, simulated[0].data)
    with pytest.warns(RuntimeWarning, match="too big"):
        dipoles, _ = mixed_norm(*simulated, 99.9, tol=1.0, return_as_dipoles=True, **options)
    assert dipoles == []


def test_zero_data(simulated: Any) -> None:
    """Data that are exactly zero have no source, and say so."""
    silent = simulated[0].copy()
    silent.data[:] = 0
    with pytest.warns(RuntimeWarning, match="zero"):
        stc = mixed_norm(silent, *simulated[1:], 50, verbose="ERROR")
    assert stc.data.shape == (0, len(silent.times))


@pytest.mark.filterwarnings("ignore:the whitened data reach only")
@pytest.mark.parametrize("n_mxne_iter", [1, 5])
def test_units_do_not_matter(simulated: Any, n_mxne_iter: int) -> None:
    """Data a million times smaller give amplitudes a million times smaller.

    For irMxNE this holds where the noise shrinks with the data: its penalty is not homogeneous,
    and whitening is what fixes its unit.
    """
    evoked, forward, noise_cov = (copy.deepcopy(one) for one in simulated)
    evoked.data *= 1e-6
    if n_mxne_iter > 1:
        noise_cov["data"] *= 1e-12
    options = {"n_mxne_iter": n_mxne_iter, "tol": 1e-10, "verbose": "ERROR"}
    expected = mixed_norm(*simulated, 30, **options)
    stc = mixed_norm(evoked, forward, noise_cov, 30, **options)
    np.testing.assert_allclose(1e6 * stc.data, expected.data, atol=1e-5 * expected.data.max())


def test_a_tuple_of_one_is_a_list_of_one(simulated: Any) -> None:
    """One evoked in a list gives a bare estimate, as in MNE."""
    evoked, forward, noise_cov = simulated
    for several in ([evoked], (evoked,)):
        out = mixed_norm(several, forward, noise_cov, 50, verbose="ERROR")
        assert isinstance(out, mne.VolSourceEstimate)


def test_solvers_agree(simulated: Any) -> None:
    """All names of a solver lead to the same minimum; 'cd' says where it does not apply."""
    options = {"tol": 1e-10, "debias": False, "maxit": 50000, "verbose": "ERROR"}
    expected = mixed_norm(*simulated, 40, **options).data
    atol = 1e-4 * expected.max()
    for changes in ({"solver": "bcd"}, {"solver": "fista"}, {"active_set_size": None}):
        stc = mixed_norm(*simulated, 40, **changes, **options)
        np.testing.assert_allclose(stc.data, expected, rtol=0, atol=atol)
    with pytest.warns(RuntimeWarning, match="descent"):
        stc = mixed_norm(*simulated, 40, solver="cd", **options)
    np.testing.assert_array_equal(stc.data, expected)
    fixed = mixed_norm(*simulated, 40, solver="cd", loose=0.0, **options)
    auto = mixed_norm(*simulated, 40, loose=0.0, **options)
    np.testing.assert_array_equal(fixed.data, auto.data)


def test_convergence_warning_passes_through(simulated: Any) -> None:
    """A solve that stops short warns once, with the package's own category."""
    with pytest.warns(mxne_rs.ConvergenceWarning) as caught:
        mixed_norm(*simulated, 5, maxit=1, tol=1e-12, verbose="ERROR")
    assert len(caught) == 1


def test_localization_keeps_what_was_solved(simulated: Any) -> None:
    """The certificate belongs to alpha in percent, and the whitened pieces to the residual."""
    found = localize(*simulated, 50, tol=1e-8, debias=False, verbose="ERROR")
    assert found.relative_gap <= 1e-8
    assert found.amplitudes.shape == (3 * found.active.sum(), len(simulated[0].times))
    assert (found.factors == 1).all()
    white = mne.cov.compute_whitener(simulated[2], simulated[0].info, pca=True)[0]
    left = white @ found.residual().data
    np.testing.assert_allclose(
        found.data - found.gain @ found.amplitudes, left, atol=1e-8 * np.abs(left).max()
    )
    power = np.sum(found.data**2)
    explained = 1 - np.sum(left**2) / power
    assert found.explained_variance == pytest.approx(explained)


# --- inputs --------------------------------------------------------------------------------------


def test_inputs_stay_as_they_are(simulated: Any) -> None:
    """Evoked, forward solution and covariance are never written to."""
    before = copy.deepcopy(simulated)
    mixed_norm(*simulated, 40, loose=0.5, n_mxne_iter=2, return_residual=True, verbose="ERROR")
    assert mne.utils.object_diff(simulated[0].info, before[0].info) == ""
    np.testing.assert_array_equal(simulated[0].data, before[0].data)
    assert mne.utils.object_diff(dict(simulated[1]), dict(before[1])) == ""
    assert mne.utils.object_diff(dict(simulated[2]), dict(before[2])) == ""


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("alpha", 0, ValueError),
        ("alpha", 100, ValueError),
        ("alpha", -1.0, ValueError),
        ("alpha", float("nan"), ValueError),
        ("alpha", "lasso", ValueError),
        ("alpha", None, TypeError),
        ("alpha", True, TypeError),
        ("n_mxne_iter", 0, ValueError),
        ("n_mxne_iter", 1.5, TypeError),
        ("maxit", 0, ValueError),
        ("tol", -1.0, ValueError),
        ("active_set_size", 0, ValueError),
        ("solver", "prox", ValueError),
        ("solver", 1, TypeError),
        ("time_pca", -1, ValueError),
        ("time_pca", "yes", TypeError),
        ("pick_ori", "normal", ValueError),
        ("loose", 2.0, ValueError),
        ("evoked", [], ValueError),
        ("evoked", np.ones((3, 3)), TypeError),
    ],
)
def test_refuses(simulated: Any, name: str, value: Any, error: type[Exception]) -> None:
    """Wrong arguments are refused by name."""
    evoked, forward, noise_cov = simulated
    arguments = {"evoked": evoked, "forward": forward, "noise_cov": noise_cov, "alpha": 50}
    with pytest.raises(error, match=name):
        mixed_norm(**{**arguments, "verbose": "ERROR", name: value})


def test_vector_and_fixed_orientation_exclude_each_other(
    simulated: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pick_ori is judged before any expensive step."""
    monkeypatch.setattr("mne.inverse_sparse.mxne_inverse._prepare_gain", None)
    for loose in (0, {"discrete": 0.0}):
        with pytest.raises(ValueError, match="pick_ori="):
            mixed_norm(*simulated, 50, loose=loose, pick_ori="vector")


def test_channels_in_common(simulated: Any) -> None:
    """Inputs of different systems are told apart by their first channels."""
    evoked, forward, noise_cov = simulated
    renamed = evoked.copy().rename_channels(lambda name: name.replace("MEG ", "M"))
    with pytest.raises(ValueError, match="no good channel in common"):
        mixed_norm(renamed, forward, noise_cov, 50)
    other = evoked.copy().pick(evoked.ch_names[:10])
    with pytest.raises(ValueError, match="same channels"):
        mixed_norm([evoked, other], forward, noise_cov, 50)


def test_without_mne(simulated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without MNE the error names the extra to install."""
    monkeypatch.setitem(__import__("sys").modules, "mne", None)
    with pytest.raises(ImportError, match=r"mxne-rs\[mne\]"):
        mixed_norm(*simulated, 50)


def test_a_weight_equal_to_the_least_is_left_out(simulated: Any) -> None:
    """weights_min is exclusive, as in MNE."""
    evoked, forward, noise_cov = simulated
    weights = np.ones(forward["nsource"])
    options = {"debias": False, "tol": 1e-10, "maxit": 20_000, "verbose": "ERROR"}
    every = mixed_norm(evoked, forward, noise_cov, 20, **options)
    strongest = every.vertices[0][np.argmax(np.linalg.norm(every.data, axis=1))]
    location = np.flatnonzero(forward["src"][0]["vertno"] == strongest)[0]
    weights[location] = 0.5
    reference = theirs(simulated, 20, weights=weights, weights_min=0.5, **options)
    stc = mixed_norm(evoked, forward, noise_cov, 20, weights=weights, weights_min=0.5, **options)
    same_vertices(stc, reference)
    assert strongest not in stc.vertices[0]
