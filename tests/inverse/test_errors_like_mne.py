"""What MNE refuses is refused alike: by the same exception, or a kind of it; differences are named.

Both are run on the same arguments wherever MNE comes to an end.
"""

from __future__ import annotations

import copy
import inspect
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mxne_rs
from mxne_rs import make_stc_from_dipoles, mixed_norm, use_in_mne
from mxne_rs.inverse.paths import localize_path

mne = pytest.importorskip("mne", minversion="1.8")
from mne.inverse_sparse import mxne_optim  # noqa: E402

NAN = float("nan")
INPUTS = ("evoked", "forward", "noise_cov")
has_rng = pytest.mark.skipif(
    "rng" not in inspect.signature(mne.inverse_sparse.mixed_norm).parameters,
    reason=f"MNE {mne.__version__} has no rng",
)


@pytest.fixture(scope="module")
def simulated(simulated: tuple[Any, Any, Any]) -> dict[str, Any]:
    """Return arguments that both take: few samples of the simulated response, fifty percent."""
    evoked, forward, noise_cov = simulated
    return {"evoked": evoked.decimate(3), "forward": forward, "noise_cov": noise_cov, "alpha": 50.0}


@pytest.fixture(scope="module")
def dipoles(simulated: dict[str, Any]) -> list[Any]:
    """Two dipoles at locations of the grid."""
    found = mixed_norm(**{**simulated, "alpha": 20.0}, return_as_dipoles=True, verbose=False)
    assert len(found) > 1
    return found[:2]


def outcome(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """What is returned, or the exception."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return function(*args, **options)
        except Exception as error:
            return error


def of_mne(**arguments: Any) -> Any:
    return outcome(mne.inverse_sparse.mixed_norm, **arguments)


def refused_alike(arguments: dict[str, Any], message: str | None) -> None:
    """Both raise, ours the exception that MNE raises; its message says what is wrong."""
    theirs = of_mne(**copy.deepcopy(arguments))
    assert isinstance(theirs, Exception), "MNE takes it"
    with pytest.raises(type(theirs), match=message):
        mixed_norm(**arguments)


# --- arguments of mixed_norm ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("alpha", value) for value in (None, [50], 1j, "cv")),
        *(("alpha", value) for value in (100, 100.0, np.float64(120), -1, NAN)),
        *(("n_mxne_iter", value) for value in (0, -1, None, "two")),
        *(("dgap_freq", value) for value in (0, -1.0, None, "often")),
        *(("solver", value) for value in (1, None, "prox", "CD")),
        *(("pick_ori", value) for value in ("normal", "other", 1)),
        *(("loose", value) for value in (2.0, -0.1, "other", None, [0.2])),
        *(("loose", value) for value in ({"surface": 0.2}, {"discrete": 2.0}, {})),
        *(("depth", value) for value in (-1.0, {"exp": -1})),
        ("depth", {"combine_xyz": "other"}),
        ("depth", {"limit_depth_chs": "other"}),
        *(("rank", value) for value in ("other", 3, [1])),
        *(("maxit", value) for value in (None, "many")),
        *(("tol", value) for value in (None, "small")),
        *(("active_set_size", value) for value in ("small", 2.5)),
    ],
)  # fmt: skip
def test_refused_alike(simulated: dict[str, Any], name: str, value: Any) -> None:
    """One wrong argument, which the message names."""
    key = {"depth": "depth|combine_xyz"}.get(name, name)
    refused_alike({**simulated, name: value}, key)


@pytest.mark.parametrize("depth", ["other", {"foo": 1}, [1]], ids=str)
def test_depth_of_another_kind(simulated: dict[str, Any], depth: Any) -> None:
    """MNE's own error, whose message comes from the depths of it."""
    refused_alike({**simulated, "depth": depth}, None)


@pytest.mark.parametrize(
    "grid",
    [
        "other", 5.0, [], np.array([]),
        None,
        {"alpha": 50.0},
    ],
    ids=str,
)  # fmt: skip
def test_grid_of_sure(simulated: dict[str, Any], grid: Any) -> None:
    refused_alike({**simulated, "alpha": "sure", "sure_alpha_grid": grid}, "sure_alpha_grid")


@pytest.mark.parametrize(
    "seed",
    [-1, "zero", 1.5],
    ids=str,
)
def test_random_state(simulated: dict[str, Any], seed: Any) -> None:
    refused_alike({**simulated, "alpha": "sure", "random_state": seed}, "random_state")


@has_rng
@pytest.mark.parametrize("seed", [-1, "zero", 1.5], ids=str)
def test_rng(simulated: dict[str, Any], seed: Any) -> None:
    refused_alike({**simulated, "alpha": "sure", "rng": seed}, "rng")


@has_rng
@pytest.mark.parametrize("alpha", [50.0, "sure"])
def test_rng_and_random_state(simulated: dict[str, Any], alpha: Any) -> None:
    """One of the two, also where neither is needed."""
    both = {**simulated, "alpha": alpha, "rng": 0, "random_state": 0}
    refused_alike(both, "Specify only one of rng")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"alpha": None}, {"n_mxne_iter": 0}),
        ({"n_mxne_iter": 0}, {"dgap_freq": 0}),
        ({"dgap_freq": 0}, {"sure_alpha_grid": "other"}),
        ({"sure_alpha_grid": "other"}, {"evoked": []}),
        ({"sure_alpha_grid": "other"}, {"loose": 2.0}),
    ],
    ids=lambda part: "".join(part),
)
def test_order_of_the_checks(
    simulated: dict[str, Any], first: dict[str, Any], second: dict[str, Any]
) -> None:
    """Of two wrong arguments the same one is refused by both."""
    (name,) = first
    both = {**simulated, "alpha": "sure", **first, **second}
    theirs = of_mne(**both)
    assert name in str(theirs)
    refused_alike(both, name)


def test_nothing_expensive_comes_before_the_checks(
    simulated: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong arguments are refused before anything is whitened."""
    monkeypatch.setattr("mne.inverse_sparse.mxne_inverse._prepare_gain", None)
    wrong = {
        "alpha": 100, "n_mxne_iter": 0, "dgap_freq": 0, "solver": "prox", "pick_ori": "normal",
        "weights": np.ones(3), "time_pca": -1,
    }  # fmt: skip
    for name, value in wrong.items():
        with pytest.raises(ValueError, match=name):
            mixed_norm(**{**simulated, name: value})


# --- orientation, weights, channels, reference ---------------------------------------------------


def test_orientations_that_exclude_each_other(simulated: dict[str, Any]) -> None:
    """Vectors of fixed orientation; loose orientation of a fixed forward solution."""
    forward = mne.convert_forward_solution(simulated["forward"], force_fixed=True)
    refused_alike({**simulated, "loose": 0.0, "pick_ori": "vector"}, "pick_ori=")
    fixed = {**simulated, "forward": forward}
    refused_alike({**fixed, "loose": 0.0, "pick_ori": "vector"}, "pick_ori=")
    for loose in (0.2, 1.0):
        refused_alike({**fixed, "loose": loose}, "fixed orientation")


@pytest.mark.parametrize("loose", [0.0, 0.2])
def test_volume_has_no_normals(simulated: dict[str, Any], loose: float) -> None:
    """A volume source space takes free orientation only (a discrete one any)."""
    forward = copy.deepcopy(simulated["forward"])
    forward["src"][0]["type"] = "vol"
    refused_alike({**simulated, "forward": forward, "loose": loose}, "loose")


@pytest.mark.parametrize(
    ("make", "weights_min", "message"),
    [
        (lambda n: np.ones(n - 1), 0.0, "weights do not have the correct dimension"),
        (lambda n: np.ones(3 * n), 0.0, "weights do not have the correct dimension"),
        (lambda n: np.ones((n, 2)), 0.0, "weights do not have the correct dimension"),
        (lambda n: np.linspace(0.5, 1.5, n), 2.5, r"weights_min > weights_max \(2\.5 > 1\.5\)"),
        (lambda n: np.linspace(0.5, 1.5, n), 1.5, "weights_min"),
        (lambda n: -np.ones(n), 0.0, r"weights_min > weights_max \(0(\.0)? > -1(\.0)?\)"),
        (lambda n: np.zeros(n), 0.0, "weights_min"),
        (lambda n: np.full(n, NAN), 0.0, "weights"),
        (lambda n: np.ones(n), None, "weights_min"),
    ],
    ids=["short", "long", "matrix", "min>max", "min=max", "negative", "zero", "nan", "no min"],
)
def test_weights(simulated: dict[str, Any], make: Any, weights_min: Any, message: str) -> None:
    """Weights of another number than there are locations, or that leave none."""
    weights = make(simulated["forward"]["nsource"])
    refused_alike({**simulated, "weights": weights, "weights_min": weights_min}, message)


def test_channels_of_several_evokeds(simulated: dict[str, Any]) -> None:
    """The same channels in the same order; MNE raises a plain Exception, ours is a ValueError."""
    evoked = simulated["evoked"]
    fewer = evoked.copy().pick(evoked.ch_names[:50])
    turned = evoked.copy().reorder_channels(evoked.ch_names[::-1])
    for other in (fewer, turned):
        several = {**simulated, "evoked": [evoked, other]}
        refused_alike(several, "same channels")
        with pytest.raises(ValueError, match="same channels"):
            mixed_norm(**several)


def test_channels_of_another_system(simulated: dict[str, Any]) -> None:
    renamed = simulated["evoked"].copy().rename_channels(lambda name: name.replace("MEG", "M"))
    refused_alike({**simulated, "evoked": renamed}, "[Cc]hannel")


@pytest.fixture(scope="module")
def with_eeg(simulated: dict[str, Any]) -> Any:
    """The response with ten of its channels called EEG."""
    evoked = simulated["evoked"].copy()
    kinds = dict.fromkeys(evoked.ch_names[-10:], "eeg")
    return evoked.set_channel_types(kinds, on_unit_change="ignore")


@pytest.fixture(scope="module")
def custom_reference(with_eeg: Any) -> Any:
    """And of these one the reference."""
    return with_eeg.copy().set_eeg_reference(with_eeg.ch_names[-1:])


@pytest.mark.parametrize("reference", ["with_eeg", "custom_reference"])
def test_reference_of_eeg(
    simulated: dict[str, Any], reference: str, request: pytest.FixtureRequest
) -> None:
    """EEG without average reference, or with a reference of its own."""
    evoked = request.getfixturevalue(reference)
    refused_alike({**simulated, "evoked": evoked}, "reference")


# --- warnings ------------------------------------------------------------------------------------


def categories(function: Callable[..., Any], message: str, **arguments: Any) -> set[type[Warning]]:
    """Categories of the warnings that say this."""
    with warnings.catch_warnings(record=True) as caught, mne.utils.use_log_level("WARNING"):
        warnings.simplefilter("always")
        function(**arguments)
    return {one.category for one in caught if re.search(message, str(one.message))}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"solver": "cd"}, "descent"),
        (
            {"alpha": 99.5, "tol": 1.0, "n_mxne_iter": 3},
            "No active dipoles found. alpha is too big",
        ),
    ],
    ids=["cd", "empty"],
)
def test_warnings_alike(simulated: dict[str, Any], options: dict[str, Any], message: str) -> None:
    arguments = {**simulated, **options}
    theirs = categories(mne.inverse_sparse.mixed_norm, message, **arguments)
    assert theirs == {RuntimeWarning}
    assert categories(mixed_norm, message, **arguments) == theirs


# --- MNE's functions on this solver --------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"solver": "prox"}, ValueError),
        ({"solver": 1}, TypeError),
        ({"X_init": np.zeros((3, 3))}, ValueError),
    ],
    ids=["solver", "solver type", "X_init"],
)  # fmt: skip
def test_solver_on_this_solver(options: dict[str, Any], error: type[Exception]) -> None:
    """The solver refuses the same with and without `use_in_mne`."""
    rng = np.random.default_rng(0)
    gain, data = rng.standard_normal((10, 20)), rng.standard_normal((10, 5))
    with pytest.raises(error):
        mxne_optim.mixed_norm_solver(data, gain, 1.0, **options)
    with use_in_mne(), pytest.raises(error):
        mxne_optim.mixed_norm_solver(data, gain, 1.0, **options)


def test_first_weights_on_this_solver() -> None:
    """weight_init of another length."""
    rng = np.random.default_rng(0)
    gain, data = rng.standard_normal((10, 20)), rng.standard_normal((10, 5))
    arguments = (data, gain, 1.0, 2)
    with pytest.raises(ValueError, match="weight"):
        mxne_optim.iterative_mixed_norm_solver(*arguments, weight_init=np.ones(3))
    with use_in_mne(), pytest.raises(ValueError, match="weight"):
        mxne_optim.iterative_mixed_norm_solver(*arguments, weight_init=np.ones(3))


# --- make_stc_from_dipoles -----------------------------------------------------------------------


def moved(dipole: Any) -> Any:
    """A dipole that moves in its last sample."""
    other = dipole.copy()
    other.pos[-1] += 1e-3
    return other


DIPOLES = {
    "none": (lambda dipoles: None, "dipoles"),
    "name": (lambda dipoles: "dipoles.dip", "dipoles"),
    "array": (lambda dipoles: dipoles[0].amplitude, "dipoles"),
    "dict": (lambda dipoles: {"dipole": dipoles[0]}, "dipoles"),
    "moves": (lambda dipoles: [dipoles[0], moved(dipoles[1])], "fixed position over time"),
    "moves alone": (lambda dipoles: moved(dipoles[0]), "fixed position over time"),
    "times": (lambda dipoles: [dipoles[0], dipoles[1].copy().crop(0.1, None)], "times"),
    "twice": (lambda dipoles: [dipoles[0], dipoles[0]], "same location"),
}


@pytest.mark.parametrize("case", DIPOLES)
def test_dipoles_refused_alike(simulated: dict[str, Any], dipoles: list[Any], case: str) -> None:
    make, message = DIPOLES[case]
    src, wrong = simulated["forward"]["src"], make(dipoles)
    theirs = outcome(mne.inverse_sparse.make_stc_from_dipoles, wrong, src)
    assert type(theirs) is ValueError
    with pytest.raises(ValueError, match=message):
        make_stc_from_dipoles(wrong, src)


# --- differences, all of them meant --------------------------------------------------------------


def test_several_may_stand_in_a_tuple(simulated: dict[str, Any], dipoles: list[Any]) -> None:
    """Tuples of evokeds and of dipoles are lists; MNE fails on them."""
    evoked, src = simulated["evoked"], simulated["forward"]["src"]
    several = {**simulated, "evoked": (evoked, evoked)}
    assert isinstance(of_mne(**several), AttributeError)
    stcs = mixed_norm(**several, verbose=False)
    expected = mixed_norm(**{**several, "evoked": [evoked, evoked]}, verbose=False)
    for stc, other in zip(stcs, expected, strict=True):
        np.testing.assert_array_equal(stc.data, other.data)
    theirs = outcome(mne.inverse_sparse.make_stc_from_dipoles, tuple(dipoles), src)
    assert isinstance(theirs, ValueError)
    assert len(make_stc_from_dipoles(tuple(dipoles), src).data) == 2


def test_no_regularisation_is_refused(simulated: dict[str, Any]) -> None:
    """alpha=0, which MNE takes and then iterates on for long, has no sparse answer."""
    with pytest.raises(ValueError, match="alpha is 0"):
        mixed_norm(**{**simulated, "alpha": 0})


@pytest.mark.parametrize("options", [{"alpha": 0.5}, {"sure_alpha_grid": [1.0, 0.5, 0.2]}])
def test_alpha_below_one_percent(simulated: dict[str, Any], options: dict[str, Any]) -> None:
    """MNE solves it for long; here a part of the largest alpha is not taken for a percentage."""
    name, meant = ("alpha", 50) if "alpha" in options else ("sure_alpha_grid", 100)
    simulated = {**simulated, "alpha": "sure", **options}
    with pytest.raises(ValueError, match=f"{name} is .* percent.* give {meant} .*allow_small_"):
        mixed_norm(**simulated)
    with pytest.raises(ValueError, match=r"percents is 0.8 at most.* give 80 "):
        localize_path(*(simulated[one] for one in INPUTS), [0.8, 0.4])
    with pytest.raises(TypeError, match="allow_small_alpha is 2"):
        mixed_norm(**simulated, allow_small_alpha=2)


def test_half_a_percent_where_it_is_meant(simulated: dict[str, Any]) -> None:
    _, solution = mixed_norm(
        **{**simulated, "alpha": 0.9}, tol=0.1, allow_small_alpha=True, return_solution=True
    )
    assert solution.alpha == pytest.approx(0.9)


def test_grid_in_a_tuple(simulated: dict[str, Any]) -> None:
    """MNE takes lists and arrays only."""
    options = {**simulated, "alpha": "sure", "random_state": 0, "verbose": False}
    assert isinstance(of_mne(**options, sure_alpha_grid=(80.0, 40.0, 20.0)), ValueError)
    # Where the smallest risk lies at an end of so short a grid, this is said.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="SURE ")
        found, expected = (
            mixed_norm(**options, sure_alpha_grid=grid)
            for grid in ((80.0, 40.0, 20.0), np.array([80.0, 40.0, 20.0]))
        )
    np.testing.assert_array_equal(found.data, expected.data)


def test_grid_without_sure(simulated: dict[str, Any]) -> None:
    """MNE ignores a grid that it is given beside a number for alpha (its check cannot fire)."""
    options = {**simulated, "sure_alpha_grid": [80.0, 40.0]}
    assert not isinstance(of_mne(**options), Exception)
    with pytest.raises(ValueError, match="sure_alpha_grid"):
        mixed_norm(**options)


def test_reference_of_eeg_that_is_not_used(
    simulated: dict[str, Any], custom_reference: Any
) -> None:
    """The reference of EEG that the forward solution does not have is of no concern."""
    names = simulated["evoked"].ch_names[:-10]
    forward = mne.pick_channels_forward(simulated["forward"], names, ordered=True)
    arguments = {**simulated, "forward": forward, "evoked": custom_reference}
    assert isinstance(of_mne(**arguments), ValueError)
    expected = mixed_norm(
        **{**simulated, "forward": forward, "evoked": simulated["evoked"].copy().pick(names)},
        verbose=False,
    )
    np.testing.assert_array_equal(mixed_norm(**arguments, verbose=False).data, expected.data)


def test_dipoles_that_mne_has_no_answer_for(simulated: dict[str, Any], dipoles: list[Any]) -> None:
    """Nothing, a single sample, another order, a place rounded by a file: an estimate."""
    src = simulated["forward"]["src"]
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
        theirs = outcome(mne.inverse_sparse.make_stc_from_dipoles, several, src)
        assert isinstance(theirs, error)
        stc = make_stc_from_dipoles(several, src)
        assert len(stc.data) == len(several)
        if several:
            for row, vertex in zip(stc.data, stc.vertices[0], strict=True):
                at = np.isclose([one.pos[0] for one in several], src[0]["rr"][vertex], atol=1e-5)
                (index,) = np.flatnonzero(at.all(axis=1))
                np.testing.assert_array_equal(row, several[index].amplitude)


def test_dipoles_of_another_source_space(simulated: dict[str, Any], dipoles: list[Any]) -> None:
    """Not an IndexError of no words as in MNE, but a ValueError that tells how far it is."""
    elsewhere = dipoles[0].copy()
    elsewhere.pos[:] += 0.002
    src = simulated["forward"]["src"]
    theirs = outcome(mne.inverse_sparse.make_stc_from_dipoles, elsewhere, src)
    assert isinstance(theirs, IndexError)
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
    simulated: dict[str, Any],
    name: str,
    value: Any,
    accident: type[Exception],
    error: type[Exception],
) -> None:
    """Where MNE fails somewhere inside, the error here names the argument."""
    wrong = {**simulated, name: value}
    assert isinstance(of_mne(**wrong), accident)
    with pytest.raises(error, match=name):
        mixed_norm(**wrong)


def test_no_convergence_is_a_warning_of_its_own(simulated: dict[str, Any]) -> None:
    """MNE's warning of it is a RuntimeWarning."""
    options = {**simulated, "alpha": 5.0, "maxit": 1, "tol": 1e-12}
    theirs = categories(mne.inverse_sparse.mixed_norm, "Did NOT converge", **options)
    assert theirs == {RuntimeWarning}
    assert categories(mixed_norm, "stopped after", **options) == {mxne_rs.ConvergenceWarning}
