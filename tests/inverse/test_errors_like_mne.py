"""What MNE refuses is refused alike: by the same exception, or a kind of it; differences are named.

Both are run on the same arguments wherever MNE comes to an end.
"""

from __future__ import annotations

import copy
import inspect
from typing import Any

import numpy as np
import pytest

from mxne_rs import make_stc_from_dipoles, mixed_norm, use_in_mne

mne = pytest.importorskip("mne", minversion="1.8")
from mne.inverse_sparse import mxne_optim  # noqa: E402

from beside_mne import categories, of_mne, outcome  # noqa: E402

NAN = float("nan")
INPUTS = ("evoked", "forward", "noise_cov")
has_rng = pytest.mark.skipif(
    "rng" not in inspect.signature(mne.inverse_sparse.mixed_norm).parameters,
    reason=f"MNE {mne.__version__} has no rng",
)


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
        *(("alpha", value) for value in (None, [50], 1j, "lasso")),
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
def test_refused_alike(arguments: dict[str, Any], name: str, value: Any) -> None:
    """One wrong argument, which the message names."""
    key = {"depth": "depth|combine_xyz"}.get(name, name)
    refused_alike({**arguments, name: value}, key)


@pytest.mark.parametrize("depth", ["other", {"foo": 1}, [1]], ids=str)
def test_depth_of_another_kind(arguments: dict[str, Any], depth: Any) -> None:
    """MNE's own error, whose message comes from the depths of it."""
    refused_alike({**arguments, "depth": depth}, None)


@pytest.mark.parametrize(
    "grid",
    [
        "other", 5.0, [], np.array([]),
        None,
        {"alpha": 50.0},
    ],
    ids=str,
)  # fmt: skip
def test_grid_of_sure(arguments: dict[str, Any], grid: Any) -> None:
    refused_alike({**arguments, "alpha": "sure", "sure_alpha_grid": grid}, "sure_alpha_grid")


@pytest.mark.parametrize(
    "seed",
    [-1, "zero", 1.5],
    ids=str,
)
def test_random_state(arguments: dict[str, Any], seed: Any) -> None:
    refused_alike({**arguments, "alpha": "sure", "random_state": seed}, "random_state")


@has_rng
@pytest.mark.parametrize("seed", [-1, "zero", 1.5], ids=str)
def test_rng(arguments: dict[str, Any], seed: Any) -> None:
    refused_alike({**arguments, "alpha": "sure", "rng": seed}, "rng")


@has_rng
@pytest.mark.parametrize("alpha", [50.0, "sure"])
def test_rng_and_random_state(arguments: dict[str, Any], alpha: Any) -> None:
    """One of the two, also where neither is needed."""
    both = {**arguments, "alpha": alpha, "rng": 0, "random_state": 0}
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
    arguments: dict[str, Any], first: dict[str, Any], second: dict[str, Any]
) -> None:
    """Of two wrong arguments the same one is refused by both."""
    (name,) = first
    both = {**arguments, "alpha": "sure", **first, **second}
    theirs = of_mne(**both)
    assert name in str(theirs)
    refused_alike(both, name)


def test_nothing_expensive_comes_before_the_checks(
    arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong arguments are refused before anything is whitened."""
    monkeypatch.setattr("mne.inverse_sparse.mxne_inverse._prepare_gain", None)
    wrong = {
        "alpha": 100, "n_mxne_iter": 0, "dgap_freq": 0, "solver": "prox", "pick_ori": "normal",
        "weights": np.ones(3), "time_pca": -1,
    }  # fmt: skip
    for name, value in wrong.items():
        with pytest.raises(ValueError, match=name):
            mixed_norm(**{**arguments, name: value})


# --- orientation, weights, channels, reference ---------------------------------------------------


def test_orientations_that_exclude_each_other(arguments: dict[str, Any]) -> None:
    """Vectors of fixed orientation; loose orientation of a fixed forward solution."""
    forward = mne.convert_forward_solution(arguments["forward"], force_fixed=True)
    refused_alike({**arguments, "loose": 0.0, "pick_ori": "vector"}, "pick_ori=")
    fixed = {**arguments, "forward": forward}
    refused_alike({**fixed, "loose": 0.0, "pick_ori": "vector"}, "pick_ori=")
    for loose in (0.2, 1.0):
        refused_alike({**fixed, "loose": loose}, "fixed orientation")


@pytest.mark.parametrize("loose", [0.0, 0.2])
def test_volume_has_no_normals(arguments: dict[str, Any], loose: float) -> None:
    """A volume source space takes free orientation only (a discrete one any)."""
    forward = copy.deepcopy(arguments["forward"])
    forward["src"][0]["type"] = "vol"
    refused_alike({**arguments, "forward": forward, "loose": loose}, "loose")


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
def test_weights(arguments: dict[str, Any], make: Any, weights_min: Any, message: str) -> None:
    """Weights of another number than there are locations, or that leave none."""
    weights = make(arguments["forward"]["nsource"])
    refused_alike({**arguments, "weights": weights, "weights_min": weights_min}, message)


def test_channels_of_several_evokeds(arguments: dict[str, Any]) -> None:
    """The same channels in the same order; MNE raises a plain Exception, ours is a ValueError."""
    evoked = arguments["evoked"]
    fewer = evoked.copy().pick(evoked.ch_names[:50])
    turned = evoked.copy().reorder_channels(evoked.ch_names[::-1])
    for other in (fewer, turned):
        several = {**arguments, "evoked": [evoked, other]}
        refused_alike(several, "same channels")
        with pytest.raises(ValueError, match="same channels"):
            mixed_norm(**several)


def test_channels_of_another_system(arguments: dict[str, Any]) -> None:
    renamed = arguments["evoked"].copy().rename_channels(lambda name: name.replace("MEG", "M"))
    refused_alike({**arguments, "evoked": renamed}, "[Cc]hannel")


@pytest.mark.parametrize("reference", ["with_eeg", "custom_reference"])
def test_reference_of_eeg(
    arguments: dict[str, Any], reference: str, request: pytest.FixtureRequest
) -> None:
    """EEG without average reference, or with a reference of its own."""
    evoked = request.getfixturevalue(reference)
    refused_alike({**arguments, "evoked": evoked}, "reference")


# --- warnings ------------------------------------------------------------------------------------


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
def test_warnings_alike(arguments: dict[str, Any], options: dict[str, Any], message: str) -> None:
    arguments = {**arguments, **options}
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
def test_dipoles_refused_alike(arguments: dict[str, Any], dipoles: list[Any], case: str) -> None:
    make, message = DIPOLES[case]
    src, wrong = arguments["forward"]["src"], make(dipoles)
    theirs = outcome(mne.inverse_sparse.make_stc_from_dipoles, wrong, src)
    assert type(theirs) is ValueError
    with pytest.raises(ValueError, match=message):
        make_stc_from_dipoles(wrong, src)
