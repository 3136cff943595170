"""BSI-Zoo: its draws, its measures, the methods that are told the number, a small run."""

import itertools

import numpy as np
import pytest

pytest.importorskip("scipy")
pytest.importorskip("mne")

from truth import STUDIES, bsi_zoo_findings
from truth.bsi_zoo import (
    COVARIANCES,
    METHODS,
    N_SOURCES,
    RECOMMENDED,
    Draw,
    Setting,
    draw_problem,
    locate,
    score,
)
from truth.bsi_zoo_findings import PUBLISHED, reproduce_bsi_zoo
from truth.limits import alternating_projections, matching_pursuit


def lead(n_sensors=20, n_locations=60, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n_sensors, n_locations)) * 10.0 ** rng.uniform(-1, 1, n_locations)


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_noise_has_its_level_and_is_white_after_whitening(covariance):
    """|noise| is level / (1 - level) of |signal| before whitening, for any covariance."""
    whitened = []
    for repetition in range(40):
        draw = draw_problem(lead(), 3, 0.3, covariance, 0, repetition)
        assert len(set(draw.true.tolist())) == 3
        white = draw.data - draw.gain[:, draw.true] @ draw.sources
        whitened.append(white)
        # gain = root^-1 lead, so that root can be had from it.
        root = np.linalg.lstsq(draw.gain.T, lead().T, rcond=None)[0].T
        noise, signal = root @ white, lead()[:, draw.true] @ draw.sources
        ratio = np.linalg.norm(noise) / np.linalg.norm(signal)
        assert ratio == pytest.approx(3 / 7, rel=1e-3)
    everything = np.hstack(whitened)
    assert np.std(everything) == pytest.approx(1, abs=0.05)
    assert abs(np.corrcoef(everything) - np.eye(20)).max() < 0.3


def test_scores_of_known_answers():
    """One source 5 mm off: F1 is 0, the distance 5 mm; a half of the strength 5 mm off: 2.5 mm."""
    positions = np.array([[0.0, 0, 0], [0.005, 0, 0], [0.1, 0, 0]])
    draw = Draw(np.eye(3), np.zeros((3, 1)), np.array([0]), np.ones((1, 10)))
    np.testing.assert_allclose(score(draw, np.array([0, 2.0, 0]), positions), [0, 0.005, 1])
    np.testing.assert_allclose(score(draw, np.array([3.0, 3.0, 0]), positions), [2 / 3, 0.0025, 2])
    np.testing.assert_allclose(score(draw, np.array([7.0, 0, 0]), positions), [1, 0, 1], atol=1e-12)
    nothing = score(draw, np.zeros(3), positions)
    np.testing.assert_allclose(nothing, [0, np.mean([0, 0.005, 0.1]), 0])


def test_alternating_projections_find_the_best_of_all_pairs():
    """By trying all pairs, where one after the other is not enough in some draws."""
    differs = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        gain = rng.standard_normal((6, 12)) + 1.5 * rng.standard_normal((6, 1))
        data = gain[:, [2, 9]] @ rng.standard_normal((2, 5)) + 0.3 * rng.standard_normal((6, 5))

        def left(pair, gain=gain, data=data):
            columns = gain[:, list(pair)]
            return np.linalg.norm(data - columns @ np.linalg.lstsq(columns, data, rcond=None)[0])

        best = min(itertools.combinations(range(12), 2), key=left)
        found = alternating_projections(gain, data, 2)
        assert left(found) <= left(matching_pursuit(gain, data, 2)) + 1e-12
        differs += tuple(matching_pursuit(gain, data, 2)) != best
        # A local optimum is allowed, but no exchange of one source improves it.
        for k, other in itertools.product(range(2), range(12)):
            pair = [found[1 - k], other]
            assert other in found or left(found) <= left(pair) + 1e-9
    assert differs > 0


@pytest.mark.parametrize("method", [*METHODS, "gamma-MAP"])
def test_a_strong_source_is_located_in_the_unit_of_the_lead_field(method):
    draw = draw_problem(lead(), 1, 0.001, "diagonal", 0, 1)
    strengths = locate(draw, Setting("noise", method, 1.0))
    assert np.argmax(strengths) == draw.true[0]
    true = np.linalg.norm(draw.sources)
    assert strengths[draw.true[0]] == pytest.approx(true, rel=0.1)


def test_a_small_run_is_complete(tmp_path, monkeypatch):
    """All tables, from files in the benchmark's layout; the published numbers have all levels."""
    few = [Setting("noise", method, 1.0) for method in METHODS if method != "irMxNE"]
    few += [Setting("told the noise", "gamma-MAP", 1.0), Setting(*RECOMMENDED)]
    monkeypatch.setattr(bsi_zoo_findings, "CROSSED", few)
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    rng = np.random.default_rng(0)
    np.savez(
        folder / "bsi-zoo-120166.npz", gain=lead(12, 25), positions_m=rng.uniform(0, 0.1, (25, 3))
    )
    findings = reproduce_bsi_zoo(repetitions=2, data=tmp_path, verbose=False)
    assert STUDIES["bsi-zoo"]() is reproduce_bsi_zoo
    crossed = next(one for one in findings.tables if one.name == "crossed")
    assert {row[0].split(":")[0] for row in crossed.rows} == {*METHODS, "gamma-MAP"}
    cells = next(one for one in findings.tables if one.name == "cells")
    assert len(cells.rows) == len(N_SOURCES) * 11 * 4
    assert all(len(values) == 11 for one in PUBLISHED.values() for values in one)
    assert all(one.verdict != "cannot be checked here" for one in findings.claims)


def test_files_that_are_missing_are_named():
    with pytest.raises(FileNotFoundError, match="bsi-zoo-120166"):
        reproduce_bsi_zoo(data="nowhere")
