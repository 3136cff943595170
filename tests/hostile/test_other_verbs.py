"""TF-MxNE and gamma-MAP on what callers should not hand in: an error by name, or an answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mxne_rs

N_COEFS = 9 * 10
pytestmark = pytest.mark.filterwarnings(
    "ignore::RuntimeWarning", "ignore::mxne_rs.ConvergenceWarning"
)
VERBS = ("solve_tf_mxne", "solve_irtf_mxne", "tf_alpha_max", "tf_duality_gap", "evidence")
#: What is handed in for each argument.
NUMBERS = (None, "one", b"1", True, -1, 0, 1e400, -0.0, float("nan"), 1e308, 1j, [1], {}, object())
SIZES = (*NUMBERS, 2**62, 3, [16, 16], [[16]], np.array(16), np.float64(16.5), [], (16,), "16")
ARRAYS = (None, "gain", 3, [], [[]], [[1, "a"]], np.ones(4), np.ones((2, 2, 2)), 1j * np.eye(3),
          np.full((6, 40), np.nan), np.full((6, 40), np.inf), np.ones((6, 0)), {})  # fmt: skip
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "gain": ARRAYS,
    "data": ARRAYS,
    "weights": (*ARRAYS, -np.ones(8), np.zeros(8), np.full(8, np.inf)),
    "alpha": NUMBERS,
    "l1_ratio": NUMBERS,
    "tol": NUMBERS,
    "wsize": SIZES,
    "tstep": SIZES,
    "z": (*ARRAYS, np.full((8, N_COEFS), np.nan), np.ones((8, N_COEFS + 1))),
}


def problem() -> dict[str, Any]:
    """Return arguments that are right."""
    rng = np.random.default_rng(0)
    return {
        "gain": rng.standard_normal((6, 8)),
        "data": rng.standard_normal((6, 40)),
        "alpha": 2.0,
        "l1_ratio": 0.1,
        "wsize": 16,
        "tstep": 4,
        "tol": 1e-4,
        "weights": None,
        "z": np.zeros((8, N_COEFS)),
    }


def call(verb: str, arguments: dict[str, Any]) -> Any:
    """Call a verb with those of the arguments that it takes."""
    if verb == "evidence":
        taken = ("gain", "data", "alpha", "tol", "weights")
        given = {name: arguments[name] for name in taken}
        return mxne_rs.solve_irmxne(**given, surrogate="evidence", n_reweights=5)
    dropped = {"tf_alpha_max": {"alpha", "tol", "z"}, "tf_duality_gap": {"tol"}}
    names = set(arguments) - dropped.get(verb, {"z"})
    return getattr(mxne_rs, verb)(**{name: arguments[name] for name in names})


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("name", ARGUMENTS)
def test_strange_arguments(verb: str, name: str) -> None:
    """A TypeError or ValueError that names an argument, or an answer that is finite."""
    for value in ARGUMENTS[name]:
        arguments = {**problem(), name: value}
        try:
            answer = call(verb, arguments)
        except (TypeError, ValueError, MemoryError) as error:
            words = ("gain", "data", "alpha", "coefficients", *ARGUMENTS)
            assert any(word in str(error) for word in words), (value, error)
            continue
        numbers = answer.sources if isinstance(answer, mxne_rs.Solution) else np.array(answer)
        assert np.isfinite(numbers).all() or name == "z", value


@pytest.mark.parametrize("verb", VERBS)
def test_the_arrays_of_the_caller_are_never_changed(verb: str) -> None:
    """Nor have they to be writeable."""
    arguments = problem()
    before = {name: np.array(value) for name, value in arguments.items()}
    for value in arguments.values():
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
    call(verb, arguments)
    for name, value in before.items():
        np.testing.assert_array_equal(arguments[name], value)


@pytest.mark.parametrize("verb", ["solve_tf_mxne", "solve_irtf_mxne", "evidence"])
def test_no_bit_depends_on_threads(verb: str) -> None:
    """One thread, two and all."""
    arguments = problem()
    arguments.pop("z")
    if verb == "evidence":
        solve, options = mxne_rs.solve_irmxne, {"surrogate": "evidence", "n_reweights": 9}
        for name in ("l1_ratio", "wsize", "tstep"):
            arguments.pop(name)
    else:
        solve, options = getattr(mxne_rs, verb), {}
    first, *others = (solve(**arguments, **options, n_threads=n) for n in (1, 2, 0))
    for other in others:
        np.testing.assert_array_equal(other.x, first.x)
