"""Stability: what MNE finds on the same averages; tables, bounds, pictures."""

import dataclasses
import inspect
import warnings

import numpy as np
import pytest

mne = pytest.importorskip("mne")
matplotlib = pytest.importorskip("matplotlib")

import mxne_rs  # noqa: E402
from mxne_rs.resampling.resample import draw_trials  # noqa: E402
from mxne_rs.simulate import simulate_auditory, simulate_epochs  # noqa: E402

PERCENTS = [70.0, 40.0, 25.0]


@pytest.fixture(scope="module")
def simulated():
    return simulate_epochs(n_epochs=12, spacing=20.0, rng=1)


@pytest.fixture(scope="module")
def found(simulated):
    return mxne_rs.stability(
        *simulated, PERCENTS, n_resamples=6, subsample=0.5, rng=4, n_mxne_iter=3, tol=1e-9,
        tmin=0.06, tmax=0.15, verbose=False,
    )  # fmt: skip


def test_epochs_average_to_the_simulated_response():
    epochs, forward, noise_cov = simulate_epochs(n_epochs=100, spacing=20.0)
    evoked, other, cov = simulate_auditory(spacing=20.0, nave=100)
    assert np.array_equal(forward["sol"]["data"], other["sol"]["data"])
    assert np.allclose(noise_cov.data, cov.data, rtol=1e-12)
    # Noise of a trial, and of an average, have the covariance that is told.
    baseline = epochs.get_data()[:, :, :90:10]
    spread = np.mean(baseline**2, axis=(0, 2))
    assert np.median(spread / np.diag(cov.data)) == pytest.approx(1, abs=0.1)
    difference = epochs.average().data - evoked.data
    assert np.median(np.mean(difference**2, axis=1) * 100 / np.diag(cov.data)) == pytest.approx(
        2, abs=0.5
    )


def test_every_resample_is_mnes_answer(simulated, found):
    epochs, forward, noise_cov = simulated
    n_locations = forward["nsource"]
    counts = np.zeros((3, n_locations))
    peaks = [[[] for _ in range(n_locations)] for _ in PERCENTS]
    for number in range(6):
        rng = np.random.default_rng(np.random.SeedSequence([4, number]))
        evoked = epochs[draw_trials(12, 0.5, False, rng)].average().crop(0.06, 0.15)
        for k, percent in enumerate(PERCENTS):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                stc = mne.inverse_sparse.mixed_norm(
                    evoked, forward, noise_cov, percent, n_mxne_iter=3, tol=1e-9, maxit=10_000,
                    pick_ori="vector", verbose=False,
                )  # fmt: skip
            active = np.searchsorted(forward["src"][0]["vertno"], stc.vertices[0])
            counts[k, active] += 1
            assert found.n_active[number, k] == len(active)
            for s, peak in zip(active, np.linalg.norm(stc.data, axis=1).max(axis=1), strict=True):
                peaks[k][s].append(peak)
    assert np.array_equal(found.probability, counts / 6)
    for k in range(3):
        for s in range(n_locations):
            values = peaks[k][s]
            if values:
                assert found.amplitude[k, s] == pytest.approx(np.mean(values), rel=2e-3)
            else:
                assert np.isnan(found.amplitude[k, s])
            if len(values) > 1:
                assert found.spread[k, s] == pytest.approx(np.std(values, ddof=1), rel=0.02)
            else:
                assert np.isnan(found.spread[k, s])


def test_table_and_picture(found, tmp_path):
    rows = found.rows(25.0, least=0.3)
    assert [row.probability for row in rows] == sorted(
        (p for p in found.probability[2] if p >= 0.3), reverse=True
    )
    for row in rows:
        position = 1000 * found.forward["source_rr"][row.location]
        assert np.allclose(row.position, position)
        assert row.hemisphere == ("left" if position[0] < 0 else "right")
        assert row.amplitude == pytest.approx(1e9 * found.amplitude[2, row.location])
        assert row.vertex == found.forward["src"][0]["vertno"][row.location]
    assert found.rows(24.0) == found.rows(26.0)
    picture = found.plot(25.0, path=tmp_path / "stability.png")
    assert (tmp_path / "stability.png").stat().st_size > 30_000
    shown = picture.subfigs[0].axes[0].collections[-1].get_array()
    assert np.array_equal(np.sort(shown), np.sort(found.probability[2][found.probability[2] > 0]))
    assert "6 resamples, 3 alphas" in repr(found)


def test_one_part_of_the_trials_is_drawn_by_default():
    """Halves, for which the bound is proved, here and where alpha is chosen."""
    for function in (mxne_rs.stability, mxne_rs.choose_alpha):
        assert inspect.signature(function).parameters["subsample"].default == 0.5


def test_colours_go_by_probability_and_amplitude_at_the_chosen_alpha(found):
    """Ties are not broken by the number of a location, and no curve is covered."""
    n_locations = found.forward["nsource"]
    probability, amplitude = np.zeros((3, n_locations)), np.full((3, n_locations), np.nan)
    # Nine locations tie at the chosen alpha; the strongest first.
    tied = np.array([34, 31, 38, 30, 37, 33, 35, 32, 36])
    probability[1, tied], amplitude[1, tied] = 1.0, 1e-9 * np.arange(9, 0, -1)
    # Always found at another alpha, hardly ever at this one.
    probability[0, 5], probability[1, 5], amplitude[:, 5] = 1.0, 0.2, 1e-6
    made = dataclasses.replace(found, probability=probability, amplitude=amplitude)
    figure = made.plot(PERCENTS[1])
    left, right = figure.subfigs[1].axes
    names = [text.get_text() for text in left.get_legend().get_texts()]
    positions = 1000 * np.asarray(found.forward["source_rr"])
    expected = ["({:.0f}, {:.0f}, {:.0f}) mm".format(*positions[s]) for s in tied[:7]]
    assert names == expected
    figure.draw_without_rendering()
    for axes in (left, right):
        legend, panel = axes.get_legend().get_window_extent(), axes.get_window_extent()
        assert legend.y0 >= panel.y1 - 1 and legend.x1 <= figure.bbox.x1
    # The rings on the head have the colours of the curves.
    rings = figure.subfigs[0].axes[0].collections[-1].get_edgecolors()
    colours = [matplotlib.colors.to_rgba(line.get_color()) for line in left.get_lines()]
    assert {tuple(ring) for ring in rings[-7:]} <= set(colours)


def test_one_alpha_is_drawn_as_points(found):
    one = dataclasses.replace(
        found, alphas=found.alphas[:1], n_active=found.n_active[:, :1],
        probability=found.probability[2:], amplitude=found.amplitude[2:],
        explained_variance=found.explained_variance[:, :1],
        debiased_explained_variance=found.debiased_explained_variance[:, :1],
    )  # fmt: skip
    for axes in one.plot(PERCENTS[0]).subfigs[1].axes:
        curves = [line for line in axes.get_lines() if len(line.get_xdata()) == 1]
        assert curves and all(line.get_marker() == "o" for line in curves)


def test_bound_and_choice(found):
    ever = [np.mean([len(set()) for _ in range(6)]) for _ in PERCENTS]
    assert len(ever) == 3
    # n_active grows along these alphas and supports are nested or not: at least the largest yet.
    least = np.maximum.accumulate(found.n_active, axis=1).mean(axis=0)
    n_locations = found.forward["nsource"]
    assert (found.false_bound >= least**2 / (0.8 * n_locations) - 1e-12).all()
    assert (np.diff(found.false_bound) >= 0).all()
    allowed = np.flatnonzero(found.false_bound <= 1)
    assert found.index == allowed[-1]


def test_weights_leave_locations_out(simulated, found):
    weights = np.ones(simulated[1]["nsource"])
    strongest = int(np.argmax(found.probability[2]))
    weights[strongest] = 0
    other = mxne_rs.stability(
        *simulated, [25.0], n_resamples=2, weights=weights, tmin=0.06, tmax=0.15, verbose=False
    )
    assert other.probability.shape == (1, len(weights))
    assert other.probability[0, strongest] == 0 and other.probability.any()


def test_strange_input(simulated):
    epochs, forward, noise_cov = simulated
    with pytest.raises(TypeError, match="epochs is"):
        mxne_rs.stability(epochs.average(), forward, noise_cov)
    with pytest.raises(ValueError, match="alphas reach from"):
        mxne_rs.stability(epochs, forward, noise_cov, [120.0])
    with pytest.raises(ValueError, match="two or more"):
        mxne_rs.stability(epochs[:1], forward, noise_cov)
    with pytest.raises(ValueError, match="alpha is"):
        mxne_rs.stability(
            *simulated, [50.0], n_resamples=1, tmin=0.06, tmax=0.15, verbose=False
        ).rows(-1)
    with pytest.warns(mxne_rs.ConvergenceWarning, match=r"not reached in \d+ of 1"):
        mxne_rs.stability(
            *simulated, [10.0], n_resamples=1, tol=1e-17, subsample=0.8, tmin=0.06, tmax=0.15,
            verbose=False,
        )  # fmt: skip


def test_what_cannot_be_said_is_told(simulated):
    epochs, forward, noise_cov = simulated
    how = {"n_resamples": 2, "tmin": 0.06, "tmax": 0.15, "verbose": False}
    with pytest.raises(ValueError, match="every resample would be the same"):
        mxne_rs.stability(epochs[:2], forward, noise_cov, subsample=0.8, **how)
    with pytest.raises(ValueError, match="the epochs are empty"):
        mxne_rs.stability(epochs[:0], forward, noise_cov, **how)
    spoilt = epochs.copy()
    spoilt._data[3, 5, 200] = np.nan
    with pytest.raises(ValueError, match="epoch 3: "):
        mxne_rs.stability(spoilt, forward, noise_cov, **how)
    for change, message in (
        ({"tol": -1}, "tol is -1"), ({"n_mxne_iter": 0}, "n_mxne_iter is 0"),
        ({"maxit": 0}, "maxit is 0"), ({"tmin": np.nan}, "tmin is nan"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            mxne_rs.stability(*simulated, [50.0], **{**how, **change})
    silent = epochs.copy()
    silent._data[:] = 0
    found = mxne_rs.stability(silent, forward, noise_cov, [50.0], **how)
    assert not found.probability.any() and not found.debiased_explained_variance.any()
    with pytest.warns(RuntimeWarning, match="more than one location may be selected by chance"):
        mxne_rs.stability(*simulated, [3.0], **{**how, "n_mxne_iter": 1, "subsample": 0.5})
    with pytest.raises(ValueError, match="least is -1"):
        found.rows(least=-1)


def test_epochs_are_left_as_they_are(simulated):
    epochs = simulated[0]
    before, times = epochs.get_data(copy=True), epochs.times.copy()
    mxne_rs.stability(*simulated, [60.0], n_resamples=1, tmin=0.06, tmax=0.15, verbose=False)
    assert np.array_equal(epochs.get_data(), before) and np.array_equal(epochs.times, times)
