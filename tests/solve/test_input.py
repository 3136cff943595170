"""What goes in: any array of numbers is taken and left alone; anything else is refused by name."""

import pickle
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mxne_rs
from strategies import LAYOUTS, fixed_problem, layouts, plain, problems

PROBLEM = fixed_problem(n_sensors=6, n_locations=8, n_times=4, n_orient=2)
GAIN, DATA = PROBLEM.gain, PROBLEM.data
X = np.zeros((GAIN.shape[1], DATA.shape[1]))


def call(function, **changes):
    """Call one of the public functions on the small problem with some arguments changed."""
    arguments = {"gain": GAIN, "data": DATA, "x": X, "alpha": PROBLEM.alpha, "n_orient": 2}
    arguments.update(changes)
    positional = [arguments.pop(name) for name in POSITIONAL[function]]
    for name in {"gain", "data", "x", "alpha"} & arguments.keys():
        del arguments[name]
    return function(*positional, **arguments)


POSITIONAL = {
    mxne_rs.solve_mxne: ("gain", "data", "alpha"),
    mxne_rs.solve_irmxne: ("gain", "data", "alpha"),
    mxne_rs.alpha_max: ("gain", "data"),
    mxne_rs.duality_gap: ("gain", "data", "x", "alpha"),
    mxne_rs.debias: ("gain", "data", "x"),
    mxne_rs.Gain: ("gain",),
}
SOLVERS = [mxne_rs.solve_mxne, mxne_rs.solve_irmxne]


def with_value(array, value):
    """A copy with one entry replaced."""
    changed = array.copy()
    changed[1, 2] = value
    return changed


def refused(function, name, **changes):
    """The call ends in a ValueError or TypeError whose message says the argument's name."""
    with pytest.raises((ValueError, TypeError)) as caught:
        call(function, **changes)
    assert re.search(rf"\b({name})\b", str(caught.value)), str(caught.value)


# --- arrays --------------------------------------------------------------------------------------


@given(problems(odd=False), layouts, layouts)
def test_every_layout_gives_the_answer_of_the_plain_arrays(problem, gain_layout, data_layout):
    """Strides, byte order and dtype change no bit of the answer."""
    gain, data = LAYOUTS[gain_layout](problem.gain), LAYOUTS[data_layout](problem.data)
    same = problem.changed(gain=plain(gain), data=plain(data)).at(0.3)
    options = {**same.penalty, "max_iter": 100_000}
    expected = mxne_rs.solve_mxne(same.gain, same.data, same.alpha, **options)
    found = mxne_rs.solve_mxne(gain, data, same.alpha, **options)
    assert found.x.tobytes() == expected.x.tobytes()
    kept = mxne_rs.Gain(gain, same.n_orient)
    found = mxne_rs.solve_mxne(kept, data, same.alpha, **{**options, "n_orient": None})
    assert found.x.tobytes() == expected.x.tobytes()


@given(problems(odd=False), layouts)
def test_every_function_takes_every_layout(problem, layout):
    """And gives what it gives for the plain arrays."""
    lay = LAYOUTS[layout]
    gain, data = lay(problem.gain), lay(problem.data)
    x = lay(np.zeros((problem.gain.shape[1], problem.data.shape[1])))
    n_orient, weights = problem.n_orient, problem.weights
    same = problem.changed(gain=plain(gain), data=plain(data)).at(0.3)
    assert mxne_rs.alpha_max(gain, data, n_orient=n_orient, weights=weights) == (
        mxne_rs.alpha_max(same.gain, same.data, n_orient=n_orient, weights=weights)
    )
    assert mxne_rs.duality_gap(gain, data, x, same.alpha, **same.penalty) == (
        mxne_rs.duality_gap(same.gain, same.data, plain(x), same.alpha, **same.penalty)
    )
    solution = mxne_rs.solve_mxne(gain, data, same.alpha, **same.penalty, init=x)
    assert solution.x.shape == plain(x).shape
    np.testing.assert_array_equal(mxne_rs.debias(gain, data, x, n_orient=n_orient), 1)


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "lists"])
@pytest.mark.parametrize("function", SOLVERS)
def test_the_arrays_of_the_caller_are_never_changed(layout, function):
    """Bytes, flags and dtype are what they were."""
    lay = LAYOUTS[layout]
    weights, init = np.linspace(1, 2, 8), np.ones_like(X)
    mine = {"gain": lay(GAIN), "data": lay(DATA), "weights": weights, "init": lay(init)}
    before = {name: (a.tobytes(), a.flags.writeable, a.dtype) for name, a in mine.items()}
    alpha = 0.3 * mxne_rs.alpha_max(mine["gain"], mine["data"], n_orient=2)
    call(function, **mine, alpha=alpha, ridge=0.1)
    after = {name: (a.tobytes(), a.flags.writeable, a.dtype) for name, a in mine.items()}
    assert after == before


def test_single_precision_is_solved_in_double():
    """float32 in, a gap of 1e-12 and float64 out."""
    gain, data = GAIN.astype(np.float32), DATA.astype(np.float32)
    solution = call(mxne_rs.solve_mxne, gain=gain, data=data, tol=1e-12)
    assert solution.x.dtype == np.float64
    assert solution.gap <= 1e-12


BAD_ARRAYS = {
    "one dimension": lambda a: a[0],
    "three dimensions": lambda a: a[None],
    "a number": lambda a: 3.0,
    "nothing": lambda a: None,
    "nan": lambda a: with_value(a, np.nan),
    "inf": lambda a: with_value(a, np.inf),
    "minus inf": lambda a: with_value(a, -np.inf),
    "complex": lambda a: a.astype(complex),
    "objects": lambda a: with_value(a.astype(object), "x"),
    "objects that are numbers": lambda a: a.astype(object),
    "strings": lambda a: a.astype(str),
    "dates": lambda a: a.astype("int64").astype("datetime64[s]"),
    "text": lambda a: "gain",
    "a dictionary": lambda a: {"a": 1},
    "ragged lists": lambda a: [*a.tolist()[:-1], [1.0]],
    "no rows": lambda a: a[:0],
    "no columns": lambda a: a[:, :0],
}
bad_arrays = pytest.mark.parametrize("spoil", BAD_ARRAYS.values(), ids=BAD_ARRAYS)


ARRAYS = [(function, n) for function, names in POSITIONAL.items() for n in names if n != "alpha"]


@bad_arrays
@pytest.mark.parametrize(("function", "name"), ARRAYS)
def test_bad_arrays_are_refused_by_name(function, name, spoil):
    """Every array of every function."""
    refused(function, name, **{name: spoil(PROBLEM.gain if name == "gain" else DATA)})


@bad_arrays
@pytest.mark.parametrize("function", SOLVERS)
def test_bad_starting_points_are_refused_by_name(function, spoil):
    """init is an array like the others."""
    start = spoil(np.ones_like(X))
    if start is not None:
        refused(function, "init", init=start)


@pytest.mark.parametrize("function", SOLVERS)
@pytest.mark.parametrize("shape", [(15, 4), (17, 4), (8, 4), (16, 3), (16, 5), (4, 16)])
def test_starting_points_of_another_shape_are_refused(function, shape):
    """Even where the number of entries is right."""
    refused(function, "init", init=np.zeros(shape))


@pytest.mark.parametrize("function", SOLVERS)
def test_starting_from_a_solution_of_another_problem_is_refused(function):
    """Its samples are not these samples."""
    other = mxne_rs.solve_mxne(GAIN, DATA[:, :2], PROBLEM.alpha, n_orient=2)
    refused(function, "init", init=other)


@pytest.mark.parametrize("function", [f for f in POSITIONAL if f is not mxne_rs.Gain])
def test_gain_and_data_of_different_sensors_are_refused_with_both_numbers(function):
    """Who reads the message knows which array to mend."""
    with pytest.raises(ValueError, match=r"\b(gain|data)\b") as caught:
        call(function, data=np.ones((5, 4)))
    assert {"5", "6"} <= set(re.findall(r"\d+", str(caught.value)))


@pytest.mark.parametrize("function", [mxne_rs.duality_gap, mxne_rs.debias])
@pytest.mark.parametrize("shape", [(15, 4), (16, 3)])
def test_sources_of_another_shape_are_refused(function, shape):
    """x has the columns of the gain and the samples of the data."""
    refused(function, "x", x=np.zeros(shape))


# --- numbers and words ---------------------------------------------------------------------------

HUGE = 10**30
NOT_POSITIVE = [0, -1.0, np.nan, "a", None, [1.0, 2.0], 1j]
NOT_A_COUNT = [0, -1, 1.5, np.nan, "a", HUGE]
BAD_OPTIONS = [
    *[("alpha", value) for value in NOT_POSITIVE],
    *[("n_orient", value) for value in [*NOT_A_COUNT, 3, 5, 17]],
    *[("tol", value) for value in NOT_POSITIVE],
    *[("max_iter", value) for value in [0, -1, 1.5, np.nan, "a", None]],
    *[("time_limit", value) for value in [0, -1.0, np.nan, "a"]],
    *[("ridge", value) for value in [-1.0, np.nan, np.inf, "a", None]],
    *[("n_threads", value) for value in [-1, 1.5, "a"]],
    *[("active_set_size", value) for value in [0, -1, 1.5, "a"]],
    *[("solver", value) for value in ["cd", "", 3, None]],
    *[("weights", value) for value in ["a", 2.0, np.ones(7), np.ones(16), np.ones((8, 1))]],
    *[("weights", np.array([1.0] * 7 + [value])) for value in [0, -1, np.nan, -np.inf]],
    ("weights", np.ones(8, complex)),
    ("weights", ["a"] * 8),
]
BAD_REWEIGHTING = [
    *[("n_reweights", value) for value in NOT_A_COUNT[:-1]],
    *[("tol_reweight", value) for value in [-1.0, np.nan, "a", None]],
    *[("surrogate", value) for value in ["exp", "", 3, None]],
]


@pytest.mark.parametrize("function", SOLVERS)
@pytest.mark.parametrize(("name", "value"), BAD_OPTIONS, ids=str)
def test_bad_options_are_refused_by_name(function, name, value):
    """Zero, negative, NaN, wrong type: each one."""
    refused(function, name, **{name: value})


@pytest.mark.parametrize(("name", "value"), BAD_REWEIGHTING, ids=str)
def test_bad_options_of_reweighting_are_refused_by_name(name, value):
    """Rounds, tolerance and surrogate."""
    refused(mxne_rs.solve_irmxne, name, **{name: value})


@pytest.mark.parametrize("function", [mxne_rs.alpha_max, mxne_rs.duality_gap])
@pytest.mark.parametrize(
    ("name", "value"), [o for o in BAD_OPTIONS if o[0] in ("weights", "n_orient")], ids=str
)
def test_bad_penalties_are_refused_by_name(function, name, value):
    """Weights and orientations, where nothing is solved either."""
    refused(function, name, **{name: value})


@pytest.mark.parametrize(("name", "value"), [o for o in BAD_OPTIONS if o[0] == "n_orient"], ids=str)
def test_gain_refuses_bad_orientations(name, value):
    """When it is prepared, not later."""
    refused(mxne_rs.Gain, name, **{name: value})


@pytest.mark.parametrize("function", [f for f in POSITIONAL if f is not mxne_rs.Gain])
def test_another_orientation_than_the_gains_is_refused(function):
    """Two answers to one question are an error."""
    refused(function, "n_orient", gain=mxne_rs.Gain(GAIN, 2), n_orient=1)


@pytest.mark.parametrize("function", SOLVERS)
def test_refusals_quote_what_was_given(function):
    """The value is in the message."""
    for name, value in [("tol", -0.125), ("max_iter", -17), ("solver", "frobnicate")]:
        with pytest.raises((ValueError, TypeError), match=str(value)):
            call(function, **{name: value})


@pytest.mark.parametrize("spoil", ["nan", "inf", "complex", "strings"])
def test_group_soft_threshold_refuses_bad_blocks(spoil):
    """By the name of its argument."""
    with pytest.raises((ValueError, TypeError), match="block"):
        mxne_rs.group_soft_threshold(BAD_ARRAYS[spoil](np.ones((3, 4))), 1.0)


@pytest.mark.parametrize("threshold", [-1.0, np.nan, "a", None])
def test_group_soft_threshold_refuses_bad_thresholds(threshold):
    """By the name of its argument."""
    with pytest.raises((ValueError, TypeError), match="threshold"):
        mxne_rs.group_soft_threshold(np.ones((3, 4)), threshold)


anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**31, 2**32, 2**63, 2**64, -(2**63), HUGE]),
    st.floats(),
    st.text(max_size=3),
    st.lists(st.floats(), max_size=3),
    st.just(object()),
)
OPTIONS = ["alpha", "n_orient", "weights", "ridge", "tol", "max_iter", "time_limit", "init"]
OPTIONS += ["solver", "active_set_size", "verbose", "n_reweights", "tol_reweight", "surrogate"]
OPTIONS += ["amplitude_unit"]


@pytest.mark.filterwarnings(
    "ignore::mxne_rs.ConvergenceWarning", "ignore:alpha is", "ignore:No active"
)
@given(st.sampled_from(OPTIONS), anything)
def test_no_value_of_an_option_causes_anything_but_an_answer_or_a_refusal(name, value):
    """No panic, no other exception, no NaN."""
    capped = {"max_iter": 2000} if name != "max_iter" else {"tol": 1e-3}
    try:
        solution = call(mxne_rs.solve_irmxne, **capped, **{name: value})
    except (ValueError, TypeError) as error:
        assert re.search(rf"\b{name}\b", str(error)), str(error)
    else:
        assert np.isfinite(solution.x).all()


@pytest.mark.parametrize("time_limit", [1e-300, 1e300, np.finfo(float).max])
@pytest.mark.filterwarnings(
    "ignore::mxne_rs.ConvergenceWarning", "ignore:alpha is", "ignore:No active"
)
def test_extreme_time_limits_are_taken(time_limit):
    """Any positive number of seconds is one."""
    status = call(mxne_rs.solve_mxne, time_limit=time_limit).status
    assert status in ("converged", "time_limit")


def test_a_gain_can_be_pickled():
    rng = np.random.default_rng(0)
    gain, data = rng.standard_normal((10, 30)), rng.standard_normal((10, 5))
    prepared = mxne_rs.Gain(gain, 3)
    copy = pickle.loads(pickle.dumps(prepared))
    assert copy.shape == prepared.shape
    np.testing.assert_array_equal(copy.columns(range(10)), gain)
    alpha = 0.5 * mxne_rs.alpha_max(prepared, data)
    one, other = (mxne_rs.solve_mxne(g, data, alpha) for g in (prepared, copy))
    np.testing.assert_array_equal(one.sources, other.sources)
