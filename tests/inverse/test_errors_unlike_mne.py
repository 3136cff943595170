"""Where what is refused differs from MNE, all of it meant."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import mxne_rs
from mxne_rs import localize_path, make_stc_from_dipoles, mixed_norm

mne = pytest.importorskip("mne", minversion="1.8")
from beside_mne import categories, fails_in_mne  # noqa: E402

INPUTS = ("evoked", "forward", "noise_cov")


def test_several_may_stand_in_a_tuple(arguments: dict[str, Any], dipoles: list[Any]) -> None:
    """Tuples of evokeds and of dipoles are lists; MNE fails on them."""
    evoked, src = arguments["evoked"], arguments["forward"]["src"]
    several = {**arguments, "evoked": (evoked, evoked)}
    fails_in_mne(AttributeError, mne.inverse_sparse.mixed_norm, **several)
    stcs = mixed_norm(**several, verbose=False)
    expected = mixed_norm(**{**several, "evoked": [evoked, evoked]}, verbose=False)
    for stc, other in zip(stcs, expected, strict=True):
        np.testing.assert_array_equal(stc.data, other.data)
    fails_in_mne(ValueError, mne.inverse_sparse.make_stc_from_dipoles, tuple(dipoles), src)
    assert len(make_stc_from_dipoles(tuple(dipoles), src).data) == 2


def test_no_regularisation_is_refused(arguments: dict[str, Any]) -> None:
    """alpha=0, which MNE takes and then iterates on for long, has no sparse answer."""
    with pytest.raises(ValueError, match="alpha is 0"):
        mixed_norm(**{**arguments, "alpha": 0})


@pytest.mark.parametrize("options", [{"alpha": 0.5}, {"sure_alpha_grid": [1.0, 0.5, 0.2]}])
def test_alpha_below_one_percent(arguments: dict[str, Any], options: dict[str, Any]) -> None:
    """MNE solves it for long; here a part of the largest alpha is not taken for a percentage."""
    name, meant = ("alpha", 50) if "alpha" in options else ("sure_alpha_grid", 100)
    arguments = {**arguments, "alpha": "sure", **options}
    with pytest.raises(ValueError, match=f"{name} is .* percent.* give {meant} .*allow_small_"):
        mixed_norm(**arguments)
    with pytest.raises(ValueError, match=r"percents is 0.8 at most.* give 80 "):
        localize_path(*(arguments[one] for one in INPUTS), [0.8, 0.4])
    with pytest.raises(TypeError, match="allow_small_alpha is 2"):
        mixed_norm(**arguments, allow_small_alpha=2)


def test_half_a_percent_where_it_is_meant(arguments: dict[str, Any]) -> None:
    _, solution = mixed_norm(
        **{**arguments, "alpha": 0.9}, tol=0.1, allow_small_alpha=True, return_solution=True
    )
    assert solution.alpha == pytest.approx(0.9)


def test_grid_in_a_tuple(arguments: dict[str, Any]) -> None:
    """MNE takes lists and arrays only."""
    options = {**arguments, "alpha": "sure", "random_state": 0, "verbose": False}
    fails_in_mne(
        ValueError, mne.inverse_sparse.mixed_norm, **options, sure_alpha_grid=(80.0, 40.0, 20.0)
    )
    # Where the smallest risk lies at an end of so short a grid, this is said.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="SURE ")
        found, expected = (
            mixed_norm(**options, sure_alpha_grid=grid)
            for grid in ((80.0, 40.0, 20.0), np.array([80.0, 40.0, 20.0]))
        )
    np.testing.assert_array_equal(found.data, expected.data)


def test_grid_without_sure(arguments: dict[str, Any]) -> None:
    """MNE ignores a grid that it is given beside a number for alpha (its check cannot fire)."""
    options = {**arguments, "sure_alpha_grid": [80.0, 40.0]}
    with pytest.raises(ValueError, match="sure_alpha_grid"):
        mixed_norm(**options)


def test_reference_of_eeg_that_is_not_used(
    arguments: dict[str, Any], custom_reference: Any
) -> None:
    """The reference of EEG that the forward solution does not have is of no concern."""
    names = arguments["evoked"].ch_names[:-10]
    forward = mne.pick_channels_forward(arguments["forward"], names, ordered=True)
    arguments = {**arguments, "forward": forward, "evoked": custom_reference}
    fails_in_mne(ValueError, mne.inverse_sparse.mixed_norm, **arguments)
    expected = mixed_norm(
        **{**arguments, "forward": forward, "evoked": arguments["evoked"].copy().pick(names)},
        verbose=False,
    )
    np.testing.assert_array_equal(mixed_norm(**arguments, verbose=False).data, expected.data)


def test_dipoles_that_mne_has_no_answer_for(arguments: dict[str, Any], dipoles: list[Any]) -> None:
    """Nothing, a single sample, another order, a place rounded by a file: an estimate."""
    src = arguments["forward"]["src"]
    sample = [dipole.copy().crop(0.1, 0.1) for dipole in dipoles]
    assert all(len(dipole.times) == 1 for dipole in sample)
    rounded = [dipole.copy() for dipole in dipoles]
    for dipole in rounded:
        dipole.pos[:] = np.round(dipole.pos, 5)
    for several, error in (
        ([], IndexError),
        (sample, IndexError),
        (dipoles[::-1], ValueError),
        (rounded, IndexError),
    ):
        fails_in_mne(error, mne.inverse_sparse.make_stc_from_dipoles, several, src)
        stc = make_stc_from_dipoles(several, src)
        assert len(stc.data) == len(several)
        if several:
            for row, vertex in zip(stc.data, stc.vertices[0], strict=True):
                at = np.isclose([one.pos[0] for one in several], src[0]["rr"][vertex], atol=1e-5)
                (index,) = np.flatnonzero(at.all(axis=1))
                np.testing.assert_array_equal(row, several[index].amplitude)


def test_dipoles_of_another_source_space(arguments: dict[str, Any], dipoles: list[Any]) -> None:
    """Not an IndexError of no words as in MNE, but a ValueError that tells how far it is."""
    elsewhere = dipoles[0].copy()
    elsewhere.pos[:] += 0.002
    src = arguments["forward"]["src"]
    fails_in_mne(IndexError, mne.inverse_sparse.make_stc_from_dipoles, elsewhere, src)
    with pytest.raises(ValueError, match=r"3\.5 mm from the nearest"):
        make_stc_from_dipoles(elsewhere, src)


@pytest.mark.parametrize(
    ("name", "value", "accident", "error"),
    [
        ("evoked", [], IndexError, ValueError),
        ("evoked", None, AttributeError, TypeError),
        ("evoked", "evoked-ave.fif", AttributeError, TypeError),
        ("evoked", np.ones((3, 3)), AttributeError, TypeError),
        ("forward", None, AttributeError, TypeError),
        ("forward", "head-fwd.fif", AttributeError, TypeError),
        ("noise_cov", None, ValueError, TypeError),
        ("noise_cov", "noise-cov.fif", TypeError, TypeError),
    ],
    ids=lambda part: str(part)[:14] if not isinstance(part, type) else part.__name__,
)
def test_inputs_of_another_kind(
    arguments: dict[str, Any],
    name: str,
    value: Any,
    accident: type[Exception],
    error: type[Exception],
) -> None:
    """Where MNE fails somewhere inside, the error here names the argument."""
    wrong = {**arguments, name: value}
    fails_in_mne(accident, mne.inverse_sparse.mixed_norm, **wrong)
    with pytest.raises(error, match=name):
        mixed_norm(**wrong)


def test_no_convergence_is_a_warning_of_its_own(arguments: dict[str, Any]) -> None:
    """MNE's warning of it is a RuntimeWarning."""
    options = {**arguments, "alpha": 5.0, "maxit": 1, "tol": 1e-12}
    assert categories(mixed_norm, "stopped after", **options) == {mxne_rs.ConvergenceWarning}
