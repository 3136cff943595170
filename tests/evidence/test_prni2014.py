"""PRNI 2014: the draws are the paper's, the scores those of MNE's solver, the verdicts follow."""

import csv
import inspect
import warnings

import numpy as np
import pytest

from marks import slow_but
from papers import prni2014
from papers.claims import above, every
from papers.prni2014 import (
    METHODS,
    PERCENTS,
    SETTINGS,
    Scores,
    draw_problem,
    score_draws,
)
from papers.prni2014_claims import claims_of
from papers.prni2014_recorded import Race, Recorded


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_draws_are_those_of_the_paper(setting):
    draws = [draw_problem(0, repetition, setting) for repetition in range(40)]
    neighbours = []
    for draw in draws:
        assert draw.gain.shape == (20, 200) and draw.data.shape == (20, 50)
        assert np.allclose(np.linalg.norm(draw.gain, axis=0), 1)
        assert len(set(draw.active.tolist())) == 5 and draw.sources.shape == (5, 50)
        signal = draw.gain[:, draw.active] @ draw.sources
        snr = np.sum(signal**2) / np.sum((draw.data - signal) ** 2)
        assert snr == pytest.approx(setting.snr)
        neighbours.append(np.sum(draw.gain[:, :-1] * draw.gain[:, 1:], axis=0).mean())
    assert np.mean(neighbours) == pytest.approx(0.95 if setting.correlated else 0.0, abs=0.02)
    assert np.std([draw.sources for draw in draws]) == pytest.approx(1, abs=0.02)
    # Other draws for another repetition, the same for another noise level.
    assert not np.array_equal(draws[0].gain, draws[1].gain)
    other = draw_problem(0, 0, setting._replace(snr=5))
    assert np.array_equal(other.gain, draws[0].gain)
    assert np.array_equal(other.active, draws[0].active)
    assert not np.array_equal(draw_problem(1, 0, setting).gain, draws[0].gain)


@pytest.mark.parametrize("repetition", slow_but([0, 1], 0))
def test_scores_are_those_of_mnes_solver(repetition, monkeypatch):
    optim = pytest.importorskip("mne.inverse_sparse.mxne_optim")
    percents = np.array([75.0, 50.0, 30.0, 20.0])
    monkeypatch.setattr(prni2014, "PERCENTS", percents)
    ours = prni2014._solve(0, f"draw-{repetition:04d}")
    how = {"maxit": 10_000, "tol": 1e-6, "n_orient": 1, "active_set_size": 10, "verbose": False,
           "debias": False}  # fmt: skip
    for i, setting in enumerate(SETTINGS):
        draw = draw_problem(0, repetition, setting)
        largest = np.linalg.norm(draw.gain.T @ draw.data, axis=1).max()
        for k, percent in enumerate(percents):
            alpha, unit = percent / 100 * largest, largest / 100
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = [
                    optim.mixed_norm_solver(draw.data, draw.gain, alpha, **how),
                    optim.iterative_mixed_norm_solver(draw.data, draw.gain, alpha, 10, **how),
                    optim.iterative_mixed_norm_solver(
                        draw.data, draw.gain / unit, percent, 10, **how
                    ),
                ]
            for j, (x, active, _) in enumerate(found):
                hits = active[draw.active].sum()
                assert ours["n_active"][i, j, k] == active.sum()
                assert ours["f1"][i, j, k] == pytest.approx(2 * hits / (active.sum() + 5))
                rows = np.isin(np.flatnonzero(active), draw.active)
                true = draw.sources[np.isin(draw.active, np.flatnonzero(active))]
                if hits:
                    ratio = np.linalg.norm(x[rows]) / np.linalg.norm(true) / (unit if j == 2 else 1)
                    assert ours["amplitude"][i, j, k] == pytest.approx(ratio, rel=1e-2)


def test_scores_are_gathered():
    scores = score_draws(3, seed=0, verbose=False)
    assert scores.f1.shape == (4, 3, 19, 3) and scores.n_short == 0
    part = prni2014._solve(0, "draw-0002")
    assert np.array_equal(scores.f1[..., 2], part["f1"])
    assert np.array_equal(scores.n_active[..., 2], part["n_active"])
    assert np.allclose(scores.curves, scores.f1.mean(axis=3))


def made_up(mxne, irmxne, repetitions=5):
    """Scores whose best F1 in the four settings are these."""
    f1 = np.full((4, len(METHODS), len(PERCENTS), repetitions), 0.1)
    for i in range(4):
        f1[i, 0, 8], f1[i, 1:, 5:9] = mxne[i], irmxne[i]
    n_active = np.broadcast_to(np.array([9, 5, 5])[:, np.newaxis, np.newaxis], f1.shape).copy()
    amplitude = np.broadcast_to(np.array([0.4, 0.9, 0.9])[:, np.newaxis, np.newaxis], f1.shape)
    return Scores(f1, n_active, amplitude.copy(), 0)


def verdicts(scores, recorded=None, races=None):
    return [claim.verdict for claim in claims_of(scores, recorded, races)]


def test_verdicts_of_the_simulation():
    # What the paper found.
    paper = made_up([0.95, 0.9, 0.5, 0.1], [1, 1, 0.9, 0.3])
    paper.f1[1, 1, 7:9] = 0.9
    assert set(verdicts(paper)[:11]) == {"holds"}
    # Nobody is better than anybody.
    same = made_up([0.5] * 4, [0.5] * 4)
    assert [one == "holds" for one in verdicts(same)[:11]] == [False] * 9 + [True, True]
    larger = made_up([0.95, 0.9, 0.5, 0.1], [1, 1, 0.9, 0.3])
    larger.n_active[2, 1, 3, 0] = 10
    assert verdicts(larger)[10] == "does not hold"
    # A few draws tell nothing, whatever they say.
    for few in (1, 2, 4):
        assert set(verdicts(made_up([0.9] * 4, [1] * 4, few))[:11]) == {"undecided"}
    assert verdicts(paper)[11:] == ["cannot be checked here"] * 11


def test_a_difference_within_its_standard_error_is_undecided():
    scores = made_up([0.5] * 4, [0.6] * 4, 8)
    # Differences of 0.1 on average; their standard error is 0.2 / sqrt(7) = 0.076, then 0.11.
    for spread, verdict in ((0.2, "holds"), (0.3, "undecided")):
        noisy = Scores(scores.f1.copy(), scores.n_active, scores.amplitude, 0)
        noisy.f1[:, 1, 5:9] += spread * np.tile([1, -1], 4)
        assert verdicts(noisy)[8] == verdict
        # The other way round.
        noisy.f1[:, [0, 1]] = noisy.f1[:, [1, 0]]
        assert verdicts(noisy)[8] == {"holds": "does not hold"}.get(verdict, verdict)


def test_standard_errors_are_those_of_the_mean_and_of_its_functions():
    stats = pytest.importorskip("scipy.stats")
    draws = np.random.default_rng(0).normal(0.05, 1, (30, 200))
    error = stats.sem(draws, axis=0)
    expected = np.where(np.abs(draws.mean(axis=0)) > error, draws.mean(axis=0) > 0, 0.5)
    assert np.array_equal(above(draws), expected)
    assert {0.0, 0.5, 1.0} == set(expected.tolist())
    # Of a ratio of means, by the delta method: about (1, 2 or 3 errors from the limit).
    pairs = np.random.default_rng(1).normal(5, 1, (400, 2))
    ratio, relative = 1.0, np.sqrt(2 / 400) / 5
    for n_errors in (0.3, 3.0):
        limit = np.divide(*pairs.mean(axis=0)) - n_errors * ratio * relative
        assert above(pairs, limit, lambda some: np.divide(*some.mean(axis=0))) == (
            1.0 if n_errors > 1 else 0.5
        )
    assert every(1.0, [1.0, 0.5]) == 0.5 and every([1.0, 0.5], 0.0) == 0.0 and every(True) == 1


def test_verdicts_of_the_recorded_part():
    scores = made_up([0.95, 0.9, 0.5, 0.1], [1, 1, 0.9, 0.3])
    n = len(PERCENTS)
    rising = np.linspace(2, 20, n).round().astype(int)
    left = np.array([rising - rising // 2, np.ones(n, dtype=int)])
    right = np.array([rising // 2, np.ones(n, dtype=int)])
    at_85 = np.flatnonzero(PERCENTS == 85)[0]
    left[0, at_85], right[0, at_85] = 2, 0
    explained = np.array([np.linspace(20, 70, n), np.linspace(75, 80, n)])
    explained[0, at_85] = 30
    debiased = np.array([np.linspace(76, 81, n), np.linspace(75.5, 80.5, n)])
    recorded = Recorded(left + right, explained, debiased, left, right, 2.0)
    races = [
        Race("bcd", True, (0.01, 0.02), (1.0, 1e-7)), Race("bcd", False, (3.0,), (1e-7,)),
        Race("fista", True, (0.05,), (1e-7,)), Race("fista", False, (1.0, 9.0), (0.1, 0.01)),
    ]  # fmt: skip
    assert verdicts(scores, recorded, races)[11:] == ["holds"] * 11
    slow = [races[0], Race("bcd", False, (0.5,), (1e-7,)), *races[2:]]
    assert verdicts(scores, recorded, slow)[12] == "does not hold"
    swapped = Recorded(
        recorded.n_active[::-1], explained[::-1], debiased[::-1], left[::-1], right[::-1],
        20.0,
    )  # fmt: skip
    assert verdicts(scores, swapped, races)[13:] == ["does not hold"] * 9


def test_the_command_writes_a_report_and_goes_on(tmp_path, capsys, monkeypatch):
    pytest.importorskip("mne")
    from mxne_rs.command import main

    monkeypatch.delenv("MXNE_RS_DATA", raising=False)
    command = ["reproduce", "prni2014", "--out", str(tmp_path), "--repetitions", "3"]
    assert main(command) == 0
    told = capsys.readouterr()
    assert "22 claims: holding 0, not holding 0, undecided 11, not to be checked" in told.out
    assert "2 parts, 456 solves" in told.err
    with (tmp_path / "f1.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * 3 * 19
    scores = score_draws(3, seed=0, verbose=False)
    for row in rows:
        i = [str(setting) for setting in SETTINGS].index(row["simulation"])
        j, k = METHODS.index(row["method"]), PERCENTS.tolist().index(float(row["alpha_percent"]))
        assert float(row["mean_f1"]) == pytest.approx(scores.curves[i, j, k])
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "approximately 3 times higher" in page and "does not hold" not in page
    assert page.count(">undecided<") == 11 and "within its standard error" in page
    assert (tmp_path / "figure-1.png").stat().st_size > 10_000
    monkeypatch.setattr(prni2014, "_solve", None)
    with (tmp_path / "claims.csv").open() as file:
        assert len(list(csv.reader(file))) == 23
    before = (tmp_path / "f1.csv").read_bytes()
    assert len(list((tmp_path / "parts").glob("draw-*.npz"))) == 3
    monkeypatch.undo()
    monkeypatch.delenv("MXNE_RS_DATA", raising=False)
    assert main(command) == 0
    told = capsys.readouterr().err
    assert "solves" not in told and "3 finished parts" in told
    assert (tmp_path / "f1.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["prni2014", "--epochs", "a.fif"], "--epochs is for tmi2016 only"),
        (["tmi2016", "--epochs", "a.fif"], "--epochs needs --forward"),
        (["tmi2016", "--forward", "a.fif"], "--forward needs --epochs"),
        (["prni2014", "--repetitions", "1"], "--repetitions"),
        (["neuroimage2008"], "protocol"),
        (["prni2014", "--data", "nowhere"], "there is no auditory-ave.fif in nowhere"),
    ],
)
def test_options_that_make_no_sense(options, message, tmp_path, capsys):
    pytest.importorskip("mne")
    from mxne_rs.command import main

    assert main(["reproduce", *options, "--out", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("paper", ["prni2014", "tmi2016"])
def test_the_command_and_the_function_agree(paper):
    pytest.importorskip("mne")
    from papers import PAPERS

    given = {"seed": 0, "data": None, "n_jobs": 2, "store": "s", "announce": print}
    inspect.signature(PAPERS[paper]()).bind(repetitions=3, **given)
