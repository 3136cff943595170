"""A median nerve: the data are those of the protocol, known sources are found, verdicts follow."""

from types import SimpleNamespace

import numpy as np
import pytest

from places import DATA, MISSING

mne = pytest.importorskip("mne")

from mxne_rs.simulate import simulate_auditory  # noqa: E402
from papers.findings import writers_of  # noqa: E402
from truth import somatosensory  # noqa: E402
from truth.median_nerve import (  # noqa: E402
    BELOW,
    CENTRE,
    FILE,
    MedianNerve,
    covariance_of,
    grid,
    read_median_nerve,
    sensor_sphere,
)
from truth.somatosensory import find_file, findings_of, reproduce_somatosensory  # noqa: E402
from truth.somatosensory_claims import (  # noqa: E402
    JUDGED,
    Along,
    Responses,
    Sources,
    claims_of,
)

#: True latencies in s.
PEAKS = (0.020, 0.035, 0.060)


@pytest.fixture(scope="module")
def recording():
    """An average with one source at 20, 35 and 60 ms, its plus-minus average, and the source."""
    template = simulate_auditory(spacing=20.0, rng=1)[0].crop(-0.05, 0.2)
    rng, info = np.random.default_rng(0), template.info
    std = np.where(np.array(template.get_channel_types()) == "mag", 1e-14, 4e-13)[:, np.newaxis]
    noise = std * rng.standard_normal((2, *template.data.shape))
    plus_minus = mne.EvokedArray(noise[0], info, tmin=-0.05)
    empty = MedianNerve.of(plus_minus, plus_minus, spacing=24.0)
    left = np.flatnonzero(empty.sides < 0)
    true = int(left[np.argmax(empty.positions[left] @ [-0.5, 0, 1])])
    courses = [np.exp(-0.5 * ((template.times - one) / 0.004) ** 2) for one in PEAKS]
    # A current across the radius, as a sphere can show.
    direction = np.cross(empty.positions[true], [0, 1, 0])
    direction /= np.linalg.norm(direction)
    rows = empty.forward["sol"]["data"][:, 3 * true : 3 * true + 3]
    signal = np.outer(rows @ direction, 30e-9 * sum(courses))
    average = mne.EvokedArray(signal + noise[1], info, tmin=-0.05)
    return average, plus_minus, true


@pytest.fixture(scope="module")
def field(recording):
    return MedianNerve.of(*recording[:2], spacing=24.0)


def test_halves_are_averages_of_the_trials_of_one_sign(recording, field):
    rng = np.random.default_rng(2)
    trials = rng.standard_normal((6, *recording[0].data.shape))
    average, plus_minus = recording[0].copy(), recording[1].copy()
    average.data = trials.mean(axis=0)
    plus_minus.data = (trials[::2].sum(axis=0) - trials[1::2].sum(axis=0)) / 6
    inside = (average.times > 0.0175) & (average.times < 0.2005)
    with mne.utils.use_log_level("ERROR"):
        halves = MedianNerve.of(average, plus_minus, spacing=40.0).halves
    for k in (0, 1):
        assert np.allclose(halves[k].data, trials[k::2].mean(axis=0)[:, inside])
    assert np.allclose(field.evoked.times, average.times[inside])


def test_the_noise_is_that_of_the_plus_minus_average(recording):
    noise = recording[1]
    kinds = np.array(noise.get_channel_types())
    wanted = np.cov(noise.data)
    for kind in ("mag", "grad"):
        rows = np.flatnonzero(kinds == kind)
        other = np.flatnonzero(kinds != kind)
        wanted[np.ix_(rows, other)] = wanted[np.ix_(other, rows)] = 0
        wanted[rows, rows] += 0.1 * wanted[rows, rows].mean()
    data = covariance_of(noise)["data"]
    scale = np.sqrt(np.diag(wanted))
    for kind in ("mag", "grad"):
        rows = np.flatnonzero(kinds == kind)
        block = np.ix_(rows, rows)
        units = np.outer(scale[rows], scale[rows])
        assert np.allclose(data[block] / units, wanted[block] / units, atol=1e-6)


def test_the_sphere_is_the_one_that_sensors_lie_on():
    rng = np.random.default_rng(0)
    at = rng.standard_normal((40, 3))
    at = np.array([0.01, -0.02, 0.03]) + 0.11 * at / np.linalg.norm(at, axis=1, keepdims=True)
    info = mne.create_info(40, 1000.0, "mag")
    for channel, one in zip(info["chs"], at, strict=True):
        channel["loc"][:3] = one
    turn = mne.transforms.rotation(0.1, 0.2, 0.3) @ mne.transforms.translation(0, 0.01, 0.04)
    with info._unlock():
        info["dev_head_t"] = mne.Transform("meg", "head", turn)
    centre, radius = sensor_sphere(info)
    assert np.allclose(centre, turn[:3, :3] @ [0.01, -0.02, 0.03] + turn[:3, 3], atol=1e-8)
    assert radius == pytest.approx(0.11)


def test_locations_are_in_the_sphere_and_symmetric(field):
    distance = np.linalg.norm(field.positions, axis=1)
    assert distance.min() >= CENTRE and distance.max() <= field.radius - BELOW + 1e-9
    assert (field.sides < 0).sum() == (field.sides > 0).sum() > 0
    assert len(grid(0.024, field.radius - BELOW)) == len(distance)
    assert (np.abs(field.positions[field.sides == 0, 0]) < 0.01).all()


def test_a_known_source_is_found(recording, field, monkeypatch, tmp_path):
    monkeypatch.setattr(somatosensory, "PERCENTS", (40.0, 60.0, 80.0))
    with mne.utils.use_log_level("ERROR"):
        findings = findings_of(field, verbose=False, n_jobs=1, store=tmp_path / "parts")
    tables = {table.name: table for table in findings.tables}
    place = np.round(1000 * field.positions[recording[2]]).astype(int).tolist()
    for name in ("irMxNE, SURE", "MxNE, 40 %", "irMxNE, 40 %"):
        row = next(row for row in tables["sources"].rows if row[0].startswith(name))
        assert list(row[1:4]) == place and row[4] == "left"
        peaks = np.array(row[6].split(), dtype=float) / 1000
        assert all(np.abs(peaks - one).min() < 0.003 for one in PEAKS)
    # 30 nAm, debiased.
    assert float(tables["sources"].rows[0][5]) == pytest.approx(30, rel=0.1)
    # MNE's dipole is where the source is.
    for row in tables["dipoles"].rows:
        assert np.abs(np.array(row[1:4]) - place).max() <= 3 and row[4] > 90
    verdicts = [claim.verdict for claim in findings.claims]
    assert verdicts[:2] == ["holds", "holds"]
    assert len(verdicts) == 2 + len(JUDGED)
    caveats = ["without anatomy" in claim.found for claim in findings.claims]
    assert caveats == [False, False, *(holds is not None for _, holds, _ in JUDGED)]
    names = {name for writers in writers_of(findings) for name in writers}
    assert {"report.html", "along.csv", "sources-1.png", "claims.csv"} <= names


@pytest.mark.parametrize("method", [0, 1])
def test_supports_along_alphas_are_those_of_mne(field, method, monkeypatch):
    from mne.inverse_sparse import mixed_norm

    monkeypatch.setattr(somatosensory, "PERCENTS", (50.0,))
    monkeypatch.setattr(somatosensory, "DATA_SETS", ("average", "half-1", "half-2"))
    with mne.utils.use_log_level("ERROR"):
        along = somatosensory.solve_along(field, verbose=False, n_jobs=1)
        rounds = (1, somatosensory.N_REWEIGHTS)[method]
        for k, evoked in enumerate((field.evoked, *field.halves)):
            theirs, residual = mixed_norm(
                evoked, field.forward, field.noise_cov, 50.0, loose=1.0, depth=0.8, tol=1e-8,
                maxit=10_000, n_mxne_iter=rounds, debias=True, return_residual=True,
                return_as_dipoles=False,
            )  # fmt: skip
            active = np.flatnonzero(along.active[k, method, 0])
            assert np.array_equal(np.concatenate(theirs.vertices), active) and len(active)
            data, left = (field.model.whiten(one) for one in (evoked, residual))
            fit = 100 * (1 - np.sum(left**2) / np.sum(data**2))
            assert along.fit[k, method, 0, 1] == pytest.approx(fit, abs=0.01)


def made_up(**changes):
    """Responses of the paper's kind: four irMxNE sources, three on the left, each split in MxNE."""
    at = np.array([[-30, 0, 60], [-60, 0, 20], [60, 0, 20], [-30, -60, 40]]) / 1000.0
    at = np.concatenate([at, at + np.array([0.0, 0.012, 0.0])])
    sides = np.sign(at[:, 0]).astype(int)
    times = 0.018 + np.arange(92) * 0.002
    centres = np.array([0.020, 0.060, 0.090, 0.035])
    courses = np.exp(-0.5 * ((times - centres[:, np.newaxis]) / 0.003) ** 2)
    irmxne = Sources(at[:4], sides[:4], courses, times)
    mxne = Sources(at, sides, np.concatenate([courses, 0.5 * courses]), times)
    percents = np.array([40.0, 80.0])
    active = np.zeros((3, 2, 2, 8), dtype=bool)
    active[:, 0, 0] = True
    active[:, 0, 1, [0, 4]] = active[:, 1, 0, :4] = active[:, 1, 1, 0] = True
    fit = np.empty((3, 2, 2, 2))
    fit[:, 0], fit[:, 1] = (50.0, 70.0), (75.0, 76.0)
    along = Along(percents, active, fit, np.full((3, 2), 14), np.ones((3, 2), dtype=bool))
    found = {
        "field": SimpleNamespace(positions=at, sides=sides),
        "along": along,
        "primary": irmxne,
        "mxne": mxne,
        "irmxne": irmxne,
        "scores": np.array([9.0, 8, 8, 7, 2, 2, 2, 2]),
        "rap_fit": 80.0,
        "n_rap": 6,
    }
    return Responses(**{**found, **changes})


def verdicts(responses):
    return [claim.verdict for claim in claims_of(responses)]


def test_verdicts_follow_from_the_numbers():
    hold, fail, no = "holds", "does not hold", "cannot be checked here"
    paper = verdicts(made_up())
    # A part of three sentences needs an anatomy or a truth; two halves decide nothing.
    assert paper == [hold, hold, hold, hold, no, "undecided", no, hold, hold, no, no, hold]
    base = made_up()
    # No source has a peak, and both sides respond.
    flat = Sources(base.irmxne.positions, base.irmxne.sides, np.ones((4, 92)), base.irmxne.times)
    assert verdicts(made_up(primary=flat))[:2] == [fail, fail]
    # irMxNE is as large as MxNE, as biased, and every source of it has a neighbour.
    fit = base.along.fit.copy()
    fit[:, 1] = (50.0, 70.0)
    active = base.along.active.copy()
    active[:, 1] = active[:, 0]
    same = Along(base.along.percents, active, fit, base.along.rounds, base.along.settled)
    worse = verdicts(made_up(along=same))
    assert [worse[k] for k in (2, 3, 4, 11)] == [fail, fail, fail, fail]
    # MxNE is not split; dSPM peaks elsewhere; the other side stays at a large alpha.
    assert verdicts(made_up(mxne=base.irmxne))[7] == fail
    elsewhere = np.array([0.0, 0, 9, 0, 0, 0, 0, 0])
    assert verdicts(made_up(scores=elsewhere))[6] == fail
    stays = base.along.active.copy()
    stays[0, 0, 1, 2] = True
    kept = Along(base.along.percents, stays, base.along.fit, base.along.rounds, base.along.settled)
    assert verdicts(made_up(along=kept))[8] == fail
    # Another number of sources, a fit beyond that of RAP-MUSIC.
    assert verdicts(made_up(irmxne=base.mxne))[10] == fail
    assert verdicts(made_up(rap_fit=60.0))[11] == fail


def test_the_file_of_the_benchmark():
    if not (DATA / "benchmarks" / FILE).is_file():
        pytest.skip(MISSING)
    assert find_file(DATA) == find_file(DATA / "benchmarks")
    field = read_median_nerve(find_file(DATA), spacing=40.0)
    assert field.evoked.compensation_grade == 3
    assert field.model.gain.n_sensors == 144 and len(field.model.left_out["bad"]) == 7
    assert field.evoked.times[0] == pytest.approx(0.018, abs=5e-4)
    with pytest.raises(FileNotFoundError, match="there is no ctf-somatosensory"):
        reproduce_somatosensory(data="nowhere")
