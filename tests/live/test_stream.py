"""Stream: windows of any recording against the reference and against MNE."""

from __future__ import annotations

import copy
import pickle
import sys
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mxne_rs
import reference
from mxne_rs import Stream
from strategies import packed, read_only, strided


def dense(estimate: mxne_rs.Estimate, n_sources: int) -> Any:
    x = np.zeros((n_sources, estimate.sources.shape[1]))
    o = estimate.n_orient
    for place, location in enumerate(estimate.locations):
        x[location * o : (location + 1) * o] = estimate.sources[place * o : (place + 1) * o]
    return x


@st.composite
def recordings(draw: Any) -> Any:
    n_sensors = draw(st.integers(1, 30))
    n_locations = draw(st.integers(1, 60))
    n_orient = draw(st.sampled_from([1, 2, 3]))
    n_times = draw(st.integers(1, 20))
    hop = draw(st.integers(1, 25))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from([1.0, 1e-6, 1e4]))
    rank = draw(st.integers(1, 40))
    gain = rng.standard_normal((n_sensors, rank)) @ rng.standard_normal(
        (rank, n_locations * n_orient)
    )
    data = rng.standard_normal((n_sensors, n_times + 6 * hop))
    course = rng.standard_normal(data.shape[1])
    data += 2 * np.outer(gain[:, rng.integers(gain.shape[1])], course)
    return scale * gain, data, n_orient, n_times, hop


@settings(max_examples=60)
@given(
    recordings(),
    st.sampled_from(["percent", "absolute", "tracked"]),
    st.booleans(),
    st.sampled_from([1e-3, 1e-5]),
)
def test_every_window_is_certified(recording: Any, mode: str, warm: bool, tol: float) -> None:
    """The gap is never smaller than the reference's, alpha is what the rule says."""
    gain, data, n_orient, n_times, hop = recording
    alpha = 35.0
    if mode == "absolute":
        alpha = 0.35 * reference.alpha_max(gain, data[:, :n_times], n_orient) or 1.0
    stream = Stream(
        gain, n_times, alpha, alpha_mode=mode, hop=hop, n_orient=n_orient, warm_start=warm, tol=tol,
        max_iter=20_000,
    )  # fmt: skip
    norm = None
    for first in range(0, data.shape[1] - n_times + 1, hop):
        window = data[:, first : first + n_times]
        found = stream.update(window)
        assert not found.skipped and (found.converged or found.status == "stalled")
        assert found.gap <= tol or not found.converged
        largest = reference.alpha_max(gain, window, n_orient)
        expected = {"absolute": alpha, "percent": 0.35 * largest}.get(mode)
        if mode == "tracked":
            n = window.size
            expected = 0.5 * largest if norm is None else 11 * n / (norm + 20 * n / largest)
        assert found.alpha == pytest.approx(expected, rel=1e-9)
        if mode != "absolute" and found.converged:
            assert found.alpha_max == pytest.approx(largest, rel=1e-12)
        x = dense(found, gain.shape[1])
        relative, *_ = reference.duality_gap(gain, window, x, found.alpha, n_orient)
        assert found.gap >= relative - 1e-11
        norm = float(np.sum(reference.group_norms(x, n_orient)))


@pytest.mark.parametrize("form", [np.asfortranarray, strided, read_only, packed])
def test_windows_in_any_form_give_the_same_bits(form: Any) -> None:
    rng = np.random.default_rng(0)
    gain, window = rng.standard_normal((10, 40)), rng.standard_normal((10, 20))
    expected = Stream(gain, 20).update(window)
    given_window = form(window)
    before = np.array(given_window)
    found = Stream(gain, 20).update(given_window)
    assert np.array_equal(found.sources, expected.sources) and found.gap == expected.gap
    assert np.array_equal(given_window, before)
    single = Stream(gain, 20).update(window.astype(np.float32))
    assert np.allclose(single.sources, expected.sources, atol=1e-5)


def test_whitener_is_applied() -> None:
    rng = np.random.default_rng(0)
    gain, raw = rng.standard_normal((8, 30)), rng.standard_normal((11, 20))
    whitener = rng.standard_normal((8, 11))
    found = Stream(gain, 20, whitener=whitener).update(raw)
    expected = Stream(gain, 20).update(whitener @ raw)
    assert np.array_equal(found.locations, expected.locations)
    assert np.allclose(found.sources, expected.sources, atol=1e-9)


def test_reweighting_is_that_of_mixed_norm() -> None:
    """In MNE's unit: the same sources as mixed_norm on the window."""
    mne = pytest.importorskip("mne", reason="no MNE-Python here")
    from mxne_rs.simulate import simulate_auditory

    mne.set_log_level("ERROR")
    evoked, forward, noise_cov = simulate_auditory(spacing=15.0)
    part = evoked.copy().crop(0.07, 0.13)
    stream = Stream.from_mne(
        evoked.info, forward, noise_cov, len(part.times), 30.0, n_reweights=4, tol=1e-10,
        max_iter=100_000, amplitude_unit="mne",
    )  # fmt: skip
    found = stream.update(part.data)
    stc = mxne_rs.mixed_norm(
        part, forward, noise_cov, 30.0, n_mxne_iter=4, tol=1e-10, maxit=100_000, debias=False,
        pick_ori="vector", verbose=False,
    )  # fmt: skip
    assert len(found.locations) == stc.data.shape[0] >= 2
    assert np.array_equal(stream.model.kept[found.locations], np.concatenate(stc.vertices))
    assert np.allclose(found.sources.reshape(stc.data.shape), stc.data, rtol=1e-3, atol=1e-12)


def test_floor_of_noise_keeps_quiet_windows_empty() -> None:
    rng = np.random.default_rng(0)
    gain = rng.standard_normal((30, 300))
    stream = Stream(gain, 100, 30.0, alpha_floor="noise")
    quiet = [len(stream.update(rng.standard_normal((30, 100))).locations) for _ in range(40)]
    assert not any(quiet)
    loud = rng.standard_normal((30, 100)) + 2 * np.outer(gain[:, 7], np.sin(np.arange(100) / 5))
    assert 7 in stream.update(loud).locations


@pytest.mark.parametrize(
    ("kind", "match"),
    [
        ({"n_times": 0}, "n_times is 0"),
        ({"hop": 0}, "hop is 0"),
        ({"alpha": -1}, "alpha is -1"),
        ({"alpha": 101}, "alpha is 101"),
        ({"alpha_mode": "part"}, 'alpha_mode is "part"; give "percent"'),
        ({"alpha_floor": "loud"}, "alpha_floor is 'loud'"),
        ({"alpha_floor": -1.0}, "alpha_floor is -1"),
        ({"deadline": 0}, "deadline is 0"),
        ({"tol": 0}, "tol is 0"),
        ({"n_reweights": 0}, "n_reweights is 0"),
        ({"tol_reweight": -1.0}, "tol_reweight is -1"),
        ({"surrogate": "cube"}, 'surrogate is "cube"; give "sqrt"'),
        ({"whitener": np.ones((3, 5))}, "whitener has 3 rows"),
        ({"whitener": np.full((4, 5), np.nan)}, "whitener holds nan"),
    ],
)
def test_refusals_name_the_argument(kind: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        Stream(np.eye(4), **{"n_times": 5, **kind})


def test_windows_of_another_shape_are_refused() -> None:
    stream = Stream(np.eye(4), 5)
    for window in (np.ones((4, 6)), np.ones((5, 5)), np.ones(5)):
        with pytest.raises(ValueError, match="window"):
            stream.update(window)
    with pytest.raises(TypeError, match="window has dtype"):
        stream.update(np.ones((4, 5), dtype=complex))


def test_other_threads_run_while_a_window_is_solved() -> None:
    """And one that wants the same stream is told so."""
    rng = np.random.default_rng(0)
    stream = Stream(rng.standard_normal((100, 4000)), 200, 2.0, tol=1e-12, deadline=1.0)
    thread = threading.Thread(target=stream.update, args=(rng.standard_normal((100, 200)),))
    thread.start()
    ticks, refused = 0, 0
    while thread.is_alive():
        ticks += 1
        try:
            stream.reset()
        except RuntimeError as error:
            assert "another thread" in str(error)
            refused += 1
    assert ticks > 100 and refused > 0


def test_from_mne_without_mne_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mne", None)
    with pytest.raises(ImportError, match=r"pip install 'mxne-rs\[mne\]'"):
        mxne_rs.Stream.from_mne(None, None, None, 10)


@pytest.mark.parametrize(
    "carry", [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))]
)
@pytest.mark.parametrize("is_mne", [False, True])
def test_copies_and_pickles_begin_anew(carry: Any, is_mne: bool) -> None:
    """They give what a new stream gives, whatever the original has seen; it is not touched."""
    if is_mne:
        pytest.importorskip("mne", reason="no MNE-Python here")
        from mxne_rs.simulate import simulate_auditory

        evoked, forward, noise_cov = simulate_auditory(spacing=20.0)
        windows = [evoked.data[:, first : first + 50] for first in (150, 175, 200)]

        def make() -> Stream:
            return Stream.from_mne(evoked.info, forward, noise_cov, 50, 30.0, n_reweights=3)
    else:
        rng = np.random.default_rng(0)
        gain, whitener = rng.standard_normal((15, 60)), rng.standard_normal((15, 20))
        windows = list(rng.standard_normal((3, 20, 12)))

        def make() -> Stream:
            return Stream(gain, 12, 30.0, whitener=whitener, n_orient=3, alpha_mode="tracked")

    original, other = make(), make()
    for window in windows:
        original.update(window)
    carried = carry(original)
    assert repr(carried) == repr(original) and carried.gain.n_orient == original.gain.n_orient
    for window in windows:
        ours, expected = carried.update(window), other.update(window)
        assert np.array_equal(ours.locations, expected.locations)
        assert np.allclose(ours.sources, expected.sources, rtol=1e-12)
        assert ours.alpha == expected.alpha
    assert (carried.model is None) == (not is_mne)


@pytest.mark.parametrize("big", [1e10, 1e20, 1e23, 1e30])
def test_locations_of_any_size_are_certified(big: float) -> None:
    """On a diagonal gain the answer is soft-thresholding: half of the second row is left."""
    data = np.array([[1e-200, -1e-200], [3.0, 4.0]])
    stream = Stream(np.diag([big, 1.0]), 2, 2.5, alpha_mode="absolute")
    found = stream.update(data)
    assert found.converged
    assert found.locations.tolist() == [1]
    np.testing.assert_allclose(found.sources, [[1.5, 2.0]], rtol=1e-4)
    assert Stream(np.diag([big, 1.0]), 2, 50.0).update(data).alpha_max == pytest.approx(5.0)


@pytest.mark.parametrize("alpha_mode", ["percent", "absolute"])
def test_a_start_that_is_worse_than_nothing_is_left(alpha_mode: str) -> None:
    """After a window a million times as large, the next one takes no longer than a first one."""
    rng = np.random.default_rng(0)
    gain = rng.standard_normal((10, 40)) + 3 * rng.standard_normal((10, 1))
    large, small = rng.standard_normal((2, 10, 8))
    alpha = 20.0 if alpha_mode == "percent" else 0.2 * mxne_rs.alpha_max(gain, small)
    options = {"alpha_mode": alpha_mode, "max_iter": 100_000}
    cold = Stream(gain, 8, alpha, **options).update(small)
    stream = Stream(gain, 8, alpha, **options)
    stream.update(1e6 * large)
    warm = stream.update(small)
    assert cold.converged and warm.converged
    assert warm.n_iter <= cold.n_iter + 10


def test_units_of_the_amplitudes() -> None:
    """Every unit gives the sources of solve_irmxne; MNE's needs an alpha_max."""
    rng = np.random.default_rng(1)
    gain = rng.standard_normal((30, 200))
    data = gain[:, [20, 60, 90]] @ rng.standard_normal((3, 12)) + rng.standard_normal((30, 12))
    part = 0.3 * mxne_rs.alpha_max(gain, data)
    for unit in ("relative", "largest", "mne", "gain", 0.5):
        options = {"n_reweights": 4, "amplitude_unit": unit, "tol": 1e-10}
        found = Stream(gain, 12, 30.0, max_iter=10**6, **options).update(data)
        expected = mxne_rs.solve_irmxne(gain, data, part, tol_reweight=0.0, **options)
        assert found.locations.tolist() == np.flatnonzero(expected.active_set).tolist()
        np.testing.assert_allclose(found.sources, expected.sources, atol=1e-4)
    with pytest.raises(ValueError, match=r"alpha.*amplitude_unit"):
        Stream(gain, 12, 5.0, alpha_mode="absolute", n_reweights=2, amplitude_unit="mne")
    with pytest.raises(ValueError, match="amplitude_unit"):
        Stream(gain, 12, n_reweights=2, amplitude_unit=0)


def overlapping(seed: int, n_orient: int) -> tuple[Any, Any]:
    """A gain of overlapping columns and a recording of three sources in noise."""
    rng = np.random.default_rng(seed)
    gain = rng.standard_normal((12, 25 * n_orient)) + rng.standard_normal((12, 1))
    data = gain[:, [2, 12, 21]] @ rng.standard_normal((3, 16)) + rng.standard_normal((12, 16))
    return gain, data


@pytest.mark.parametrize("surrogate", ["sqrt", "log"])
@settings(max_examples=25)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 2, 3]),
    st.sampled_from(["relative", "largest", "mne", "gain", 0.5]),
)
def test_windows_are_reweighted_as_in_the_reference(
    surrogate: str, seed: int, n_orient: int, unit: Any
) -> None:
    """Windows that start from those before have the objective of the reference's rounds."""
    gain, data = overlapping(seed, n_orient)
    stream = Stream(
        gain, 8, 30.0, hop=4, n_orient=n_orient, n_reweights=3, surrogate=surrogate, tol=1e-11,
        tol_reweight=0, amplitude_unit=unit, max_iter=10**6,
    )  # fmt: skip
    for first in (0, 4, 8):
        window = data[:, first : first + 8]
        found = stream.update(window)
        rounds = reference.irmxne(gain, window, found.alpha, n_orient, 3, surrogate, unit)
        x = dense(found, gain.shape[1])
        assert found.converged
        np.testing.assert_allclose(x, rounds[-1].x, atol=1e-3 * np.abs(rounds[-1].x).max())


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 3]))
def test_the_gap_after_a_round_of_log_is_that_of_all_locations(seed: int, n_orient: int) -> None:
    """Weights follow from the first round, which a stream without a second one shows."""
    gain, data = overlapping(seed, n_orient)
    options: Any = {"n_orient": n_orient, "hop": 4, "tol": 1e-2, "surrogate": "log"}
    one, two = (Stream(gain, 8, 20.0, n_reweights=n, **options) for n in (1, 2))
    for first in (0, 4, 8):
        window = data[:, first : first + 8]
        start, found = one.update(window), two.update(window)
        x = dense(start, gain.shape[1])
        largest = reference.group_norms(x, n_orient).max()
        u = reference.amplitude_unit("relative", gain, window, largest, n_orient, 1.0, "log")
        weights = reference.surrogate_weights(x / u, n_orient, "log", 0.01 * largest / u)
        x = dense(found, gain.shape[1])
        relative, *_ = reference.duality_gap(gain, window, x, found.alpha, n_orient, weights)
        assert found.converged and found.n_reweights == 2
        assert found.gap >= relative - 1e-11


def test_reweighting_ends_where_nothing_moves() -> None:
    """As soon as the tolerance allows, and never before it does."""
    gain, data = overlapping(0, 1)
    rounds = {
        tol: Stream(gain, 16, 30.0, n_reweights=200, tol_reweight=tol).update(data).n_reweights
        for tol in (0.1, 1e-6, 0.0)
    }
    assert rounds[0.1] < rounds[1e-6] < 200


@pytest.mark.parametrize("unit", ["relative", "largest", "mne", "gain"])
@given(st.integers(0, 20), st.integers(-12, 12), st.integers(-12, 12))
def test_scaling_gain_or_data_only_rescales_amplitudes(
    unit: str, seed: int, of_gain: int, of_data: int
) -> None:
    """Free of every scale, or ("mne", "gain") of that of the gain."""
    rng = np.random.default_rng(seed)
    gain = rng.standard_normal((20, 90))
    data = gain[:, [20, 60, 70]] @ rng.standard_normal((3, 10)) + rng.standard_normal((20, 10))
    c, d = 10.0**of_gain, 10.0 ** (of_data if unit in ("relative", "largest") else 0)
    options = {"n_reweights": 3, "amplitude_unit": unit, "tol": 1e-10, "max_iter": 10**6}
    usual = Stream(gain, 10, 30.0, **options).update(data)
    scaled = Stream(c * gain, 10, 30.0, **options).update(d * data)
    assert scaled.locations.tolist() == usual.locations.tolist()
    size = np.abs(usual.sources).max(initial=0.0)
    np.testing.assert_allclose(scaled.sources * (c / d), usual.sources, atol=1e-3 * size)
