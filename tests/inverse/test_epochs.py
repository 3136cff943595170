"""Epochs, raw recordings, and channels aligned by name."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import numpy as np
import pytest

import mxne_rs
from mxne_rs import localize, mixed_norm, mixed_norm_epochs, mixed_norm_raw

mne = pytest.importorskip("mne")


@pytest.fixture(scope="module")
def epochs(simulated: Any) -> Any:
    """Twenty noisy repetitions of the response, of two kinds."""
    evoked, _, noise_cov = simulated
    rng = np.random.default_rng(0)
    noise = np.linalg.cholesky(noise_cov["data"]) @ rng.standard_normal((20, *evoked.data.shape))
    data = 8 * evoked.data * np.linspace(0.5, 1.5, 20)[:, None, None] + 0.3 * noise
    events = np.column_stack([np.arange(20) * 100, np.zeros(20, int), np.arange(20) % 2 + 1])
    return mne.EpochsArray(
        data, evoked.info, events, tmin=evoked.times[0], event_id={"low": 1, "high": 2}
    )


def test_each_epoch_is_solved_by_itself(simulated: Any, epochs: Any) -> None:
    """Every item is what mixed_norm gives for that epoch alone."""
    _, forward, noise_cov = simulated
    options = {"alpha": 30, "n_mxne_iter": 3, "tol": 1e-8, "n_threads": 1}
    some = epochs[:5]
    items = mixed_norm_epochs(
        some, forward, noise_cov, return_residual=True, return_solution=True, **options
    )
    for (stc, residual, solution), evoked in zip(items, some.iter_evoked(), strict=True):
        single, left, one = mixed_norm(
            evoked, forward, noise_cov, return_residual=True, return_solution=True, **options
        )
        np.testing.assert_array_equal(stc.vertices[0], single.vertices[0])
        np.testing.assert_allclose(stc.data, single.data, rtol=1e-9)
        np.testing.assert_allclose(residual.data, left.data, rtol=1e-9, atol=1e-20)
        assert solution.converged
        assert solution.alpha == pytest.approx(one.alpha) == pytest.approx(30)


def test_the_gain_is_prepared_once(
    simulated: Any, epochs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whitening and one Gain for all epochs."""
    from mne.inverse_sparse import mxne_inverse

    count: list[str] = []
    prepare, gain = mxne_inverse._prepare_gain, mxne_rs.Gain

    def counted(*args: Any, **kwargs: Any) -> Any:
        count.append("prepare")
        return prepare(*args, **kwargs)

    def made(*args: Any, **kwargs: Any) -> Any:
        count.append("gain")
        return gain(*args, **kwargs)

    monkeypatch.setattr(mxne_inverse, "_prepare_gain", counted)
    monkeypatch.setattr("mxne_rs.inverse.model.Gain", made)
    mixed_norm_epochs(epochs, *simulated[1:], alpha=50)
    assert count == ["prepare", "gain"]


def test_generator_solves_as_it_goes(
    simulated: Any, epochs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is solved before it is asked for, and only some epochs ahead of what was."""
    from mxne_rs.inverse import mixed_norm as inverse

    solved: list[int] = []
    solve_each = inverse.solve_each

    def counted(model: Any, evokeds: Any, settings: Any) -> Any:
        solved.append(len(evokeds))
        return solve_each(model, evokeds, settings)

    monkeypatch.setattr(inverse, "solve_each", counted)
    generator = mixed_norm_epochs(epochs, *simulated[1:], alpha=50, return_generator=True)
    assert solved == []
    first = next(generator)
    assert solved == [inverse.CHUNK]
    assert isinstance(first, mne.VolSourceEstimate)
    assert len(list(generator)) == 19
    assert sum(solved) == 20


def test_generator_leaves_the_log_level_alone(simulated: Any, epochs: Any) -> None:
    """Between two items the level is the caller's, whatever verbose is."""
    generator = mixed_norm_epochs(
        epochs, *simulated[1:], alpha=50, return_generator=True, verbose="WARNING"
    )
    next(generator)
    assert mne.utils.logger.level == logging.ERROR


def test_bar_over_the_epochs(simulated: Any, epochs: Any, capfd: Any) -> None:
    """verbose=True shows one."""
    mixed_norm_epochs(epochs, *simulated[1:], alpha=50, verbose=True)
    shown = capfd.readouterr()
    assert "20/20" in shown.err
    assert "combining" not in shown.out  # no line for each epoch


def level(simulated: Any, data: Any) -> float:
    """Root mean square of data whitened by MNE."""
    evoked, _, noise_cov = simulated
    white, _ = mne.cov.compute_whitener(noise_cov, evoked.info, pca=True)
    return float(np.sqrt(np.mean((white @ data) ** 2)))


def test_sure_for_each_epoch(simulated: Any, epochs: Any) -> None:
    """alpha='sure' chooses for each of them, at the level of its own whitened data."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the edge of so short a grid
        items = mixed_norm_epochs(
            epochs[:2], *simulated[1:], sure_alpha_grid=[80, 50], rng=0, return_solution=True
        )
    for (_, solution), data in zip(items, epochs[:2].get_data(), strict=True):
        np.testing.assert_allclose(solution.sure.alphas, [80, 50])
        np.testing.assert_allclose(solution.sure.sigma, level(simulated, data))
        assert solution.alpha in (pytest.approx(80), pytest.approx(50))


def test_epochs_are_averaged(simulated: Any, epochs: Any) -> None:
    """mixed_norm on Epochs is that of their average, with its level of noise for SURE."""
    _, forward, noise_cov = simulated
    stc = mixed_norm(epochs["low"], forward, noise_cov, 40)
    expected = mixed_norm(epochs["low"].average(), forward, noise_cov, 40)
    np.testing.assert_array_equal(stc.data, expected.data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        _, solution = mixed_norm(
            epochs, forward, noise_cov, sure_alpha_grid=[60, 30], return_solution=True, rng=0
        )
    average = epochs.average().data
    np.testing.assert_allclose(solution.sure.sigma, level(simulated, average))
    assert level(simulated, average) > 20**-0.5


def test_raw_range(simulated: Any, tmp_path: Any) -> None:
    """A range of a recording, in memory or from a file, is the evoked response of its samples."""
    evoked, forward, noise_cov = simulated
    data = np.hstack([np.zeros((306, 10)), evoked.data, np.zeros((306, 5))])
    raw = mne.io.RawArray(data, evoked.info, first_samp=77)
    raw.save(tmp_path / "x_raw.fif")
    tmin, tmax = 10 / raw.info["sfreq"], (9 + len(evoked.times)) / raw.info["sfreq"]
    expected = mixed_norm(evoked, forward, noise_cov, 40)
    for one in (raw, mne.io.read_raw(tmp_path / "x_raw.fif")):
        stc = mixed_norm_raw(one, forward, noise_cov, 40, tmin=tmin, tmax=tmax)
        np.testing.assert_array_equal(stc.vertices[0], expected.vertices[0])
        np.testing.assert_allclose(stc.data, expected.data, rtol=1e-3)
        assert stc.tmin == pytest.approx(tmin)
        assert stc.data.shape[1] == len(evoked.times)
    whole = mixed_norm(raw, forward, noise_cov, 40)
    assert whole.data.shape[1] == len(raw.times)
    assert whole.tmin == 0


@pytest.mark.parametrize(("tmin", "tmax"), [(-1.0, None), (None, 99.0), (0.2, 0.1)])
def test_raw_range_outside(simulated: Any, tmin: Any, tmax: Any) -> None:
    evoked, forward, noise_cov = simulated
    raw = mne.io.RawArray(evoked.data, evoked.info)
    with pytest.raises(ValueError, match="do not fit the recording, which reaches from 0 to"):
        mixed_norm_raw(raw, forward, noise_cov, 40, tmin=tmin, tmax=tmax)


def test_channels_in_any_order(simulated: Any) -> None:
    """Channels are found by name: order does not matter, and others are left out."""
    evoked, forward, noise_cov = simulated
    names = list(np.random.default_rng(0).permutation(evoked.ch_names))
    shuffled = evoked.copy().reorder_channels(names)
    expected = mixed_norm(evoked, forward, noise_cov, 40, tol=1e-8, debias=False)
    stc = mixed_norm(shuffled, forward, noise_cov, 40, tol=1e-8, debias=False)
    np.testing.assert_array_equal(stc.vertices[0], expected.vertices[0])
    np.testing.assert_allclose(stc.data, expected.data, atol=1e-5 * expected.data.max())


def test_what_is_left_out_is_reported(simulated: Any) -> None:
    """By reason, in the log and in the Localization."""
    evoked, forward, noise_cov = simulated
    names = evoked.ch_names
    measured = evoked.copy().drop_channels([names[7]])
    measured.info["bads"] = [names[0]]
    fewer = mne.pick_channels_forward(forward, [n for n in names if n not in names[1:3]])
    covered = noise_cov.copy().pick_channels([n for n in names if n != names[5]], ordered=True)
    with mne.utils.catch_logging() as log:
        found = localize(measured, fewer, covered, 40, verbose="INFO")
    assert found.left_out == {
        "bad": [names[0]],
        "not in forward": names[1:3],
        "not in noise_cov": [names[5]],
        "not in the data": [names[7]],
    }
    assert f"{306 - 5} channels are used; left out: 1 bad ({names[0]})" in log.getvalue()
    assert found.info["ch_names"] == [n for n in names if n not in (*names[:3], names[5], names[7])]


def test_no_channel_in_common_names_them(simulated: Any, epochs: Any) -> None:
    """The error lists what each of the three has."""
    _, forward, noise_cov = simulated
    other = epochs.copy().load_data().rename_channels(lambda name: name.replace("MEG", "M"))
    for call in (mixed_norm, mixed_norm_epochs):
        with pytest.raises(ValueError, match="no good channel in common") as caught:
            call(other, forward, noise_cov, 40)
        text = str(caught.value)
        assert f"The data have {other.ch_names[0]}, " in text
        assert f"the forward solution {forward['sol']['row_names'][0]}, " in text
        assert "and 303 more" in text


def test_wrong_kinds(simulated: Any, epochs: Any) -> None:
    evoked, forward, noise_cov = simulated
    with pytest.raises(TypeError, match=r"epochs is a Evoked.*see mixed_norm"):
        mixed_norm_epochs(evoked, forward, noise_cov, 40)
    with pytest.raises(TypeError, match="raw is a Evoked"):
        mixed_norm_raw(evoked, forward, noise_cov, 40)
    with pytest.raises(TypeError, match=r"forward is 'x-fwd.fif'.*read_forward_solution"):
        mixed_norm(evoked, "x-fwd.fif", noise_cov, 40)
    with pytest.raises(TypeError, match=r"noise_cov is a ndarray.*read_cov"):
        mixed_norm(evoked, forward, np.eye(306), 40)
    with pytest.raises(ValueError, match="epochs are empty"):
        mixed_norm(epochs[:0], forward, noise_cov, 40)


def test_nan_names_the_channel(simulated: Any) -> None:
    """A NaN in the data is reported where it is, not where the whitener spreads it."""
    evoked, forward, noise_cov = simulated
    broken = evoked.copy()
    broken.data[4, 3] = np.nan
    with pytest.raises(ValueError, match=f"nan in channel '{evoked.ch_names[4]}'"):
        mixed_norm(broken, forward, noise_cov, 40)
    broken.info["bads"] = [evoked.ch_names[4]]
    assert len(mixed_norm(broken, forward, noise_cov, 40).data)


def test_epochs_that_are_not_loaded(simulated: Any, tmp_path: Any) -> None:
    """Epochs on disk are read; where all are rejected there is an error, not an empty list."""
    evoked, forward, noise_cov = simulated
    data = np.tile(evoked.data, 4)
    raw = mne.io.RawArray(data, evoked.info)
    raw.save(tmp_path / "x_raw.fif")
    n_times = len(evoked.times)
    events = np.array([[i * n_times, 0, 1] for i in range(4)])
    options = {"tmin": 0, "tmax": (n_times - 1) / raw.info["sfreq"], "baseline": None}
    raw = mne.io.read_raw(tmp_path / "x_raw.fif")
    lazy = mne.Epochs(raw, events, **options, preload=False, reject={"grad": 1.0})
    stc = mixed_norm(lazy, forward, noise_cov, 40)
    expected = mixed_norm(evoked, forward, noise_cov, 40)
    np.testing.assert_array_equal(stc.vertices[0], expected.vertices[0])
    assert len(mixed_norm_epochs(lazy, forward, noise_cov, 40)) == 4
    assert not lazy.preload
    none = mne.Epochs(raw, events, **options, preload=False, reject={"grad": 1e-30})
    for function in (mixed_norm, mixed_norm_epochs):
        with pytest.raises(ValueError, match="epochs are empty"):
            function(none, forward, noise_cov, 40)


def test_bads_of_the_forward_solution_are_not_those_of_the_data(simulated: Any) -> None:
    """As in MNE: what is bad is said by the data and the covariance."""
    evoked, forward, noise_cov = simulated
    forward = forward.copy()
    forward["info"]["bads"] = [evoked.ch_names[2]]
    found = localize(evoked, forward, noise_cov, 40)
    assert found.left_out == {}
    assert evoked.ch_names[2] in found.info["ch_names"]


def test_bads_of_later_evokeds_are_said(simulated: Any) -> None:
    evoked, forward, noise_cov = simulated
    later = evoked.copy()
    later.info["bads"] = [evoked.ch_names[2]]
    with pytest.warns(RuntimeWarning, match=f"{evoked.ch_names[2]} is bad in a later evoked"):
        mixed_norm([evoked, later], forward, noise_cov, 40)


def test_complex_data_and_unknown_arguments(simulated: Any, epochs: Any) -> None:
    evoked, forward, noise_cov = simulated
    turned = evoked.copy()
    turned.data = turned.data * 1j
    with pytest.raises(TypeError, match="complex"):
        mixed_norm(turned, forward, noise_cov, 40)
    with pytest.raises(TypeError, match="unexpected keyword argument 'foo'"):
        mixed_norm_epochs(epochs, forward, noise_cov, 40, foo=1)
    with pytest.raises(TypeError, match="noise_cov is None"):
        mixed_norm(evoked, forward, None, 40)
