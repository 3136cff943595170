"""Noise that is not white: what is drawn, how it is scored, what verdicts follow."""

import numpy as np
import pytest

from places import DATA, needs_data

pytest.importorskip("mne")
pytest.importorskip("matplotlib")

from papers.auditory import AuditoryField
from truth import brain_noise
from truth.brain_draws import (
    APART,
    KINDS,
    Family,
    draw_locations,
    families_of,
    mixed_windows,
    prepare_arrays,
)
from truth.brain_findings import Found, claims_of, tables
from truth.brain_noise import NEAR, brain_noise_study, draw
from truth.brain_solves import ESTIMATORS, LIMIT, RULES, alphas_of

CORTEX = ("cortex-1000-meg-eeg-fwd.fif", "cortex-1000-labels.npz")
SETTINGS = {"seed": 3, "counts": [2, 3], "snrs": [0.5, 4.0]}


@pytest.fixture(scope="module")
def arrays():
    return prepare_arrays(DATA, 4, CORTEX)


def test_windows_are_those_of_the_baseline_with_signs_and_either_way():
    rng = np.random.default_rng(0)
    baseline = rng.standard_normal((3, 20))
    windows = [baseline[:, i : i + 15] for i in range(6)]
    allowed = [sign * window[:, ::way] for window in windows for sign in (1, -1) for way in (1, -1)]
    drawn = [mixed_windows(rng, (baseline,), 15) for _ in range(200)]
    hits = [[np.allclose(one, window) for window in allowed] for one in drawn]
    # Each draw is one of these, and each of these is drawn.
    assert np.all(np.sum(hits, axis=1) == 1) and np.all(np.any(hits, axis=0))


def test_mixtures_keep_the_covariance_of_independent_baselines():
    rng = np.random.default_rng(0)
    factor = np.array([[1.0, 0.0], [0.8, 0.6]])
    baselines = tuple(factor @ rng.standard_normal((2, 2, 4000)))
    drawn = np.array([mixed_windows(rng, baselines, 2000) for _ in range(20)])
    covariance = np.einsum("dit,djt->ij", drawn, drawn) / (20 * 2000)
    assert covariance == pytest.approx(factor @ factor.T, abs=0.05)


def test_background_has_unit_variance_for_any_number_of_trials():
    # Two sensors that see dipoles and have noise of their own: 10 dipoles, one of them in each
    # place with probability 1/4, so that the variance is 10 * mean(field^2) + own^2.
    fields = np.sqrt([[0.05, 0.05, 0.02, 0.08], [0.0, 0.1, 0.1, 0.0]])
    times, own = np.arange(3000.0), np.sqrt(0.5) * np.eye(2)
    background = AuditoryField(times, np.zeros((2, len(times))), fields, own, 1.0)
    family = Family(fields, times, 2, background=background)
    rng = np.random.default_rng(0)
    for kind in KINDS[3:]:
        drawn = np.array([family.noise(rng, kind) for _ in range(10)])
        assert drawn.shape == (10, 2, 1500)
        assert np.mean(drawn**2, axis=(0, 2)) == pytest.approx([1, 1], rel=0.2)


def test_sources_are_apart_and_equally_strong():
    rng = np.random.default_rng(0)
    places = rng.uniform(-0.05, 0.05, (60, 3))
    fields = rng.standard_normal((30, 60)) * rng.uniform(1, 9, 60)
    strength = np.linalg.norm(fields, axis=0)
    family = Family(fields, np.linspace(0.05, 0.15, 61), 2)
    for _ in range(5):
        locations = draw_locations(rng, places, strength, 3)
        gaps = np.linalg.norm(places[locations] - places[locations][:, np.newaxis], axis=2)
        assert gaps[~np.eye(3, dtype=bool)].min() >= APART
        assert strength[locations].min() >= np.median(strength)
        signal = family.signal(rng, locations)
        assert signal.shape == (30, 31) and np.linalg.norm(signal) == pytest.approx(1)
        courses = np.linalg.lstsq(fields[:, locations], signal, rcond=None)[0]
        assert np.allclose(fields[:, locations] @ courses, signal)
        powers = np.linalg.norm(courses, axis=1) * strength[locations]
        assert powers == pytest.approx(np.full(3, powers[0]))
    with pytest.raises(ValueError, match=r"n_sources is 5, but only 1 fit"):
        draw_locations(rng, places * 1e-3, strength, 5)


@needs_data
def test_kinds_share_sources_and_have_the_snr(arrays, monkeypatch):
    families = families_of(arrays)
    monkeypatch.setattr(Family, "noise", lambda self, rng, kind: 0.0)
    for snr_index, snr in enumerate(SETTINGS["snrs"]):
        drawn = [
            draw(arrays, families, SETTINGS, f"{kind}-1-{snr_index}-000")
            for kind in range(len(KINDS))
        ]
        for (data, true), kind in zip(drawn, KINDS, strict=True):
            assert np.array_equal(true, drawn[0][1]) and len(true) == 3
            assert np.sum(data**2) == pytest.approx(snr * data.size)
            first = [one.family for one in KINDS].index(kind.family)
            assert np.array_equal(data, drawn[first][0])
    other = draw(arrays, families, SETTINGS, "0-1-0-001")
    assert not np.array_equal(other[1], drawn[0][1])


@needs_data
def test_recorded_noise_has_the_level_of_its_covariance(arrays):
    # Whitened, and scaled to one trial: its level is that of 15 972 samples of noise, nearly.
    family = families_of(arrays)["recorded"]
    assert len(family.baselines) == 2
    for baseline in family.baselines:
        assert np.sqrt(np.mean(baseline**2)) == pytest.approx(1, abs=0.1)


@needs_data
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # choices at an end of the grid
def test_a_strong_source_is_found_and_scored(arrays, monkeypatch):
    monkeypatch.setattr(brain_noise, "ESTIMATORS", ESTIMATORS[2:3])
    study = brain_noise_study(
        arrays, repetitions=1, counts=[1], snrs=[3.0], depths=[ESTIMATORS[2].depth]
    )
    assert len(study.keys) == len(KINDS)
    prepared = study.prepare(study.arrays, study.settings)
    part = study.solve(prepared, study.keys[0])
    assert all(values.shape == (1, len(RULES)) for values in part.values())
    data, (true,) = draw(arrays, prepared[1], study.settings, study.keys[0])
    # The location that explains the data best alone, by least squares one by one.
    columns = arrays["gain recorded 0.8"].reshape(len(data), -1, 3)
    left = [
        np.linalg.norm(data - one @ np.linalg.lstsq(one, data, rcond=None)[0])
        for one in np.moveaxis(columns, 1, 0)
    ]
    assert np.argmin(left) == true
    told = [rule.name for rule in RULES].index(LIMIT)
    assert part["n"][0, told] == 1 and part["f1"][0, told] == 1 and part["distance"][0, told] == 0
    # One true source: F1 is 2 / (1 + n) where it is found, 0 where not.
    is_found = part["distance"] < 1000 * NEAR
    assert np.allclose(part["f1"], np.where(is_found, 2 / (1 + part["n"]), 0))


def test_grids_end_at_the_floor_or_at_a_tenth():
    from mxne_rs import Gain

    gain, data = Gain(np.eye(2)), np.array([[8.0], [1.0]])
    assert alphas_of(gain, data, 1.0, 3)[[0, -1]] == pytest.approx([8, 1])
    assert alphas_of(gain, data, 0.0, 3)[[0, -1]] == pytest.approx([8, 0.8])
    # The floor may be above what the data need; some grid is left.
    assert alphas_of(gain, data, 9.0, 3)[[0, -1]] == pytest.approx([8, 4])


def made_up(losses, n_repetitions=6):
    """Scores in which rules lose so much where noise is not white, and have 2 or 9 sources."""
    shape = (len(KINDS), 1, 1, n_repetitions, len(ESTIMATORS), len(RULES))
    f1, n = np.full(shape, 0.9), np.full(shape, 2.0)
    f1 += np.linspace(-0.01, 0.01, n_repetitions)[:, np.newaxis, np.newaxis]
    for index, kind in enumerate(KINDS):
        if not kind.name.startswith("white"):
            f1[index] -= losses
            n[index] += 7 * (np.asarray(losses) > 0)
    flat = {"f1": f1, "n": n, "distance": np.full(shape, np.nan), "edge": np.zeros(shape)}
    keys = [f"{kind}-0-0-{one:03d}" for kind in range(len(KINDS)) for one in range(n_repetitions)]
    parts = [
        {name: values[int(key[0]), 0, 0, int(key[-3:])] for name, values in flat.items()}
        for key in keys
    ]
    response = {
        "n": np.full(shape[-2:], 30), "explained": np.full(shape[-2:], 0.5),
        "level": np.ones(shape[-2:]), "edge": np.zeros(shape[-2:], dtype=bool),
    }  # fmt: skip
    return Found.of(keys, parts, {"Left": response}, [2], [1.0]), flat


def test_verdicts_follow_from_the_losses():
    losses = np.zeros(len(RULES))
    names = [rule.name for rule in RULES]
    losses[names.index("sure")] = 0.3
    found, flat = made_up(losses)
    assert all(np.array_equal(found.scores[name], flat[name], equal_nan=True) for name in flat)
    claims = {claim.sentence.split("'")[1]: claim for claim in claims_of(found)[2:]}
    assert list(claims) == names[:-1]
    for name, claim in claims.items():
        assert claim.verdict == ("does not hold" if name == "sure" else "holds")
    assert "F1 0.90 to 0.60" in claims["sure"].found
    assert [claim.verdict for claim in claims_of(found)[:2]] == ["holds", "holds"]
    # SURE has no more sources anywhere; few draws decide nothing.
    assert claims_of(made_up(np.zeros(len(RULES)))[0])[0].verdict == "undecided"
    assert {one.verdict for one in claims_of(made_up(losses, 2)[0])[2:]} == {"undecided"}


def test_tables_have_every_cell():
    found, _ = made_up(np.zeros(len(RULES)))
    whole, short, counted, cells, real = tables(found)
    assert len(whole.rows) == len(ESTIMATORS) * len(RULES) == len(real.rows)
    assert len(cells.rows) == len(KINDS) * len(whole.rows)
    assert len(short.rows) == len(counted.rows) == len(KINDS) * len(RULES)
    assert cells.rows[0][:5] == (KINDS[0].name, 2, 1.0, ESTIMATORS[0].name, RULES[0].name)
    assert cells.rows[0][5] == pytest.approx(0.9) and np.isnan(cells.rows[0][7])


def test_without_the_recording_it_says_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.delenv("MXNE_RS_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match="MXNE_RS_DATA names no folder with auditory-ave"):
        prepare_arrays(None, 4)
    with pytest.raises(FileNotFoundError, match=r"there is no auditory-ave.fif"):
        prepare_arrays(tmp_path, 4)
