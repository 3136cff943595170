"""The protocol of TMI 2016: its scores, the same counts as MNE's solver, verdicts from numbers."""

import numpy as np
import pytest

import mxne_rs
from marks import slow_but
from mxne_rs.solve.debias import debias
from papers.estimates import METHODS, estimate_currents, estimate_sources
from papers.scores import Scores, krippendorff_alpha
from places import DATA

pytest.importorskip("mne")
pytest.importorskip("matplotlib")

from mxne_rs.study import run_study
from papers import tmi2016
from papers.auditory import SNR, autoregressive, prepare_auditory
from papers.claims import judge
from papers.findings import write_findings
from papers.head import cortical_head, find_head, volume_head
from papers.recorded import Others, Recording, resampling_study, simulate_epochs
from papers.resamples import Resamples
from papers.timing import Timing
from papers.tmi2016_claims import EPOCHS, TIMES, UNCHECKED, epoch_numbers
from papers.tmi2016_numbers import Times

CORTEX = [DATA / "cortex-1000-meg-eeg-fwd.fif", DATA / "cortex-1000-labels.npz"]


@pytest.fixture(scope="module")
def small():
    """A head with its model and field: the small cortex, or a coarse volume."""
    head = cortical_head(*CORTEX) if all(path.exists() for path in CORTEX) else volume_head(14.0)
    return head, *prepare_auditory(head)


def krippendorff_by_pairs(active):
    """The definition: observed over expected disagreement, all pairs of values one by one."""
    n_observers, n_units = active.shape
    observed = np.mean(
        [
            active[i, u] != active[j, u]
            for u in range(n_units)
            for i in range(n_observers)
            for j in range(n_observers)
            if i != j
        ]
    )
    values = active.ravel()
    expected = np.mean(
        [values[i] != values[j] for i in range(len(values)) for j in range(len(values)) if i != j]
    )
    return 1 - observed / expected


def test_krippendorff_by_hand_and_by_pairs():
    """Krippendorff (2011), two observers: 0.095; and the definition on random supports."""
    one = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    two = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert krippendorff_alpha(np.array([one, two], dtype=bool)) == pytest.approx(0.095, abs=5e-4)
    active = np.random.default_rng(0).random((4, 9)) < 0.3
    assert krippendorff_alpha(active) == pytest.approx(krippendorff_by_pairs(active))
    assert krippendorff_alpha(np.tile(active[:1], (3, 1))) == 1
    assert np.isnan(krippendorff_alpha(np.zeros((3, 5), dtype=bool)))


def test_scores_count_sides_and_what_is_near_neither():
    """Of five sources two left, one right, two elsewhere: F1 is 2 * 2 / (2 + 5)."""
    near = np.zeros((2, 8), dtype=bool)
    near[0, :3], near[1, 3:5] = True, True
    active = np.zeros((2, 3, 1, 8), dtype=bool)
    active[0, 1, 0, [0, 1, 4, 6, 7]] = True
    scores = Scores((10.0,), active, np.zeros((2, 3, 1, 2)), near, np.ones(2), np.zeros((2, 3, 1)))
    assert scores.true_positives[0, 1, 0].tolist() == [2, 1]
    assert scores.false_positives[0, 1, 0] == 2
    assert scores.sizes[0, 1, 0] == 5
    assert scores.recovery[0, 1, 0] == pytest.approx(4 / 7)
    assert scores.recovery[1, 1, 0] == 0


def mne_support(gain, data, alpha, tol, n_reweights=1):
    """The support that MNE's solver finds, in locations."""
    from mne.inverse_sparse.mxne_optim import iterative_mixed_norm_solver, mixed_norm_solver

    how = {"tol": tol * 0.5 * np.sum(data**2), "n_orient": 3, "debias": False, "verbose": "ERROR"}
    how |= {"active_set_size": 10, "solver": "bcd", "maxit": 10_000}
    if n_reweights == 1:
        active = mixed_norm_solver(data, gain, alpha, **how)[1]
    else:
        active = iterative_mixed_norm_solver(data, gain, alpha, n_reweights, **how)[1]
    return active.reshape(-1, 3).any(axis=1)


@pytest.mark.parametrize("repetition", slow_but([0, 1], 0))
def test_counts_are_those_of_mne(small, repetition):
    """True and false positives and active sets of three methods, on the same draws."""
    head, model, field = small
    field, gain, percents, tol = field.within(0.08, 0.13), model.gain, [20.0, 60.0], 1e-8
    columns = gain.columns(np.arange(gain.n_locations))
    data = tmi2016.draw(field, 0, repetition)
    ours = [
        estimate_currents(gain, data, percents, tol),
        *estimate_sources(gain, data, percents, tol),
    ]
    # MNE's unit: the gain is divided, alpha_max is 100. Rotated over time as mixed_norm does.
    unit = mxne_rs.alpha_max(gain, data) / 100
    left, values, _ = np.linalg.svd(data, full_matrices=False)
    largest = np.linalg.norm((columns.T @ data).reshape(-1, 3, data.shape[1]), axis=1).max(axis=0)
    for a, percent in enumerate(percents):
        alpha = largest.max() * percent / 100
        currents = [
            mne_support(columns, data[:, [t]], alpha, tol) for t in np.flatnonzero(largest > alpha)
        ]
        theirs = [
            np.any(currents, axis=0),
            mne_support(columns / unit, left * values, percent, tol),
            mne_support(columns / unit, left * values, percent, tol, 10),
        ]
        for method, mine, other in zip(METHODS, (one[a] for one in ours), theirs, strict=True):
            for near in (*(head.distances < 0.01), (head.distances >= 0.01).all(axis=0)):
                assert mine.active[near].sum() == other[near].sum(), (method, percent)


def test_the_ordering_of_the_paper():
    """From 10 to 60 %: fewer false positives, smaller, lower RMSE, least changed by debiasing."""
    if not (DATA / "cortex-7498-meg-fwd.fif").exists():
        pytest.skip(f"no cortex in {DATA}")
    head = find_head(DATA)
    percents = [10, 20, 40, 60]
    study = tmi2016.simulation_study(*prepare_auditory(head), repetitions=3, percents=percents)
    scores = tmi2016.scores_of(run_study(study, verbose=False), head.distances < 0.01)
    mce, mxne, irmxne = scores.false_positives.sum(axis=0)
    assert (irmxne < mxne).all()
    assert (mxne < mce).all()
    sizes, errors = scores.sizes.mean(axis=0), scores.errors.mean(axis=0)
    assert (sizes[2] < sizes[:2]).all()
    assert (errors[2, :, 0] < errors[:2, :, 0]).all()
    change = np.abs(errors[..., 1] - errors[..., 0])
    assert (change[2] < change[:2]).all()
    assert (scores.gaps.max(axis=(0, 2)) <= [tmi2016.TOL_CURRENTS, tmi2016.TOL, tmi2016.TOL]).all()


def test_currents_are_those_of_the_solver(small):
    """Each sample by itself, to the gap that is asked for on all locations."""
    _, model, field = small
    field = field.within(0.09, 0.10)
    data = tmi2016.draw(field, 1, 0)
    (found,) = estimate_currents(model.gain, data, [15.0], 1e-7)
    samples = [data[:, [t]] for t in range(data.shape[1])]
    alpha = 0.15 * max(mxne_rs.alpha_max(model.gain, one) for one in samples)
    solutions = [mxne_rs.solve_mxne(model.gain, one, alpha, tol=1e-7) for one in samples]
    fit = np.hstack([model.gain.columns(one.active_set) @ one.sources for one in solutions])
    assert found.gap <= 1e-7
    assert found.active.sum() > 2
    assert np.linalg.norm(found.fits(model.gain, data)[0] - fit) < 2e-3 * np.linalg.norm(fit)
    factors = debias(model.gain.columns(found.active), data, found.x, n_orient=3)
    assert factors.max() > 1


def test_the_draws_are_what_they_should_be(small):
    """White noise of the whitened covariance at the SNR, the signal of the true sources alone."""
    head, model, field = small
    analysed = field.within(0.06, 0.15)
    draws = np.array([analysed.noise(np.random.default_rng(seed)) for seed in range(8)])
    covariance = np.einsum("ict,idt->cd", draws, draws) / draws.shape[0] / draws.shape[2]
    assert 100 * np.trace(covariance) / len(covariance) == pytest.approx(1, abs=0.1)
    power = np.sum(analysed.signal**2) / np.mean(np.sum(draws**2, axis=(1, 2)))
    assert power == pytest.approx(SNR, rel=0.1)
    columns = model.gain.columns(head.true)
    fit = columns @ np.linalg.lstsq(columns, field.signal, rcond=None)[0]
    assert np.allclose(fit, field.signal)
    # Five coefficients predict all of a sample but its innovation.
    series = autoregressive(np.random.default_rng(0), 500, 60)
    past = np.stack([series[:, 5 - lag : -lag] for lag in range(1, 6)], axis=-1).reshape(-1, 5)
    coefficients = np.linalg.lstsq(past, series[:, 5:].ravel(), rcond=None)[0]
    poles = np.roots([1, *-coefficients])
    assert np.sort(np.abs(np.angle(poles)) / 2 / np.pi * 1000) == pytest.approx(
        [0, 10, 10, 20, 20], abs=2
    )


def test_distances_follow_the_cortex():
    """Longer than straight ones, and to the other hemisphere there is no way."""
    if not all(path.exists() for path in CORTEX):
        pytest.skip(f"no cortex in {DATA}")
    head = cortical_head(*CORTEX)
    places = np.vstack([space["rr"][space["vertno"]] for space in head.forward["src"]])
    straight = np.linalg.norm(places - places[head.true][:, np.newaxis], axis=2)
    reached = np.isfinite(head.distances)
    assert (head.distances[reached] >= straight[reached] - 1e-6).all()
    assert (head.distances[reached] > 1.2 * straight[reached]).any()
    left = len(head.forward["src"][0]["vertno"])
    assert not reached[0, left:].any()
    assert not reached[1, :left].any()
    assert np.allclose(np.sum(head.directions * head.normals[head.true], axis=1), np.cos(np.pi / 6))


def test_a_folder_without_a_cortex_is_refused(tmp_path, monkeypatch):
    """One that was asked for; where none was, a volume is made."""
    with pytest.raises(FileNotFoundError, match="cortex-7498-meg-fwd"):
        find_head(tmp_path)
    monkeypatch.setenv("MXNE_RS_DATA", str(tmp_path))
    assert find_head().name.startswith("volume")


def test_parts_do_not_depend_on_who_solves_them(small):
    """One thread or two: the same arrays."""
    _, model, field = small
    study = tmi2016.simulation_study(model, field, repetitions=2, percents=[40, 80])
    one, two = (run_study(study, n_jobs=n_jobs, verbose=False) for n_jobs in (1, None))
    for mine, other in zip(one, two, strict=True):
        assert all(np.array_equal(mine[name], other[name]) for name in mine)
    assert not np.array_equal(one[0]["active"], one[1]["active"])


def test_verdicts_follow_the_numbers():
    """The same sentence holds, or not, with other times."""

    def found(bcd, fista):
        seconds = {
            ("mxne_rs", "bcd", True): [bcd],
            ("mxne_rs", "bcd", False): [bcd * 10],
            ("mxne_rs", "fista", True): [fista],
            ("mxne_rs", "fista", False): [fista * 90],
            ("MNE", "bcd", True): [1.0],
            ("MNE", "bcd", False): [5.0],
        }
        timing = Timing((40.0,), seconds, [1.0], [99.0], 2.0, (10, 20))
        return [one.verdict for one in judge(TIMES, {"times": Times(timing)})]

    no, yes = "does not hold", "holds"
    assert found(1.0, 2.0) == [yes, yes, yes, no]
    assert found(2.0, 1.0) == [no, no, yes, no]
    assert all(one.verdict == "cannot be checked here" for one in judge(UNCHECKED, {}))


def test_the_report_has_figures_numbers_and_claims(monkeypatch, tmp_path):
    """All of it, on a small head; two draws decide nothing that is drawn."""
    from papers import timing

    monkeypatch.setattr(tmi2016, "find_head", lambda data: volume_head(20.0))
    monkeypatch.setattr(tmi2016, "TIMED", (60.0, 80.0))
    monkeypatch.setattr(timing, "N_LOCATIONS", 60)
    findings = tmi2016.reproduce_tmi2016(repetitions=2, resamples=2, verbose=False)
    names = [path.name for path in write_findings(findings, tmp_path)]
    assert names[0] == "report.html"
    assert len([name for name in names if name.endswith(".png")]) == 5
    assert {"simulation.csv", "epochs.csv", "selection.csv", "timing.csv"} <= set(names)
    verdicts = {one.verdict for one in findings.claims}
    assert verdicts >= {"undecided", "cannot be checked here"}
    drawn = [one for one in findings.claims if "Fig. 1" in one.where or "IV" in one.where]
    assert {one.verdict for one in drawn if "F1" in one.found} == {"undecided"}
    assert len({one.sentence for one in findings.claims}) > 40


def test_epochs_need_a_forward_and_a_baseline():
    """Said before anything is computed."""
    with pytest.raises(ValueError, match="give forward"):
        tmi2016.reproduce_tmi2016(epochs=object())
    head = volume_head(25.0)
    epochs = simulate_epochs(head, *prepare_auditory(head), seed=0)
    with pytest.raises(ValueError, match=r"epochs begin at 0 s"):
        Recording.of(epochs.copy().crop(0.0, 0.2), head.forward, (0.05, 0.2))


def test_epochs_of_a_user_have_no_true_sources():
    """Resampled all the same; what is said of regions is left open."""
    head = volume_head(25.0)
    epochs = simulate_epochs(head, *prepare_auditory(head), seed=0)
    recording = Recording.of(epochs, head.forward, (0.05, 0.2))
    assert recording.trials.shape == (100, 306, 76)
    assert recording.evoked.times[recording.peak][[0, -1]] == pytest.approx([0.09, 0.15])
    # The covariance is that of a trial: whitened, the baseline has variance one.
    before = recording.model.whitener @ epochs.copy().crop(-0.2, -0.02).get_data()
    assert np.mean(before**2) == pytest.approx(1, rel=0.05)
    study = resampling_study(recording, [20.0, 60.0], 3, seed=0, tol=1e-6)
    found = Resamples.of(run_study(study, verbose=False), [20.0, 60.0], recording, 60.0, 1e-6)
    assert found.regions is None
    assert (found.fit[..., 1] >= found.fit[..., 0] - 1e-9).mean() > 0.9
    assert (found.fit[:, :, 0] > found.fit[:, :, 1]).all()
    assert (found.sizes[:, 1] <= found.sizes[:, 0]).all()
    scores = np.arange(head.n_locations, dtype=float)
    others = Others(scores, np.zeros((2, 3)), np.zeros((2, 76)), 90.0, 9)
    verdicts = [one.verdict for one in judge(EPOCHS, epoch_numbers(found, others, recording))]
    assert verdicts.count("cannot be checked here") == 3
