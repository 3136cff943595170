"""Data, forward solutions and covariances as files of the field hold them."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import mxne_rs
from marks import fork
from mxne_rs import Solver, localize, mixed_norm, mixed_norm_epochs
from places import DATA, needs_data

mne = pytest.importorskip("mne")

Inputs = tuple[Any, Any, Any]


@pytest.fixture(scope="module")
def real(real: Inputs) -> Inputs:
    """Return ten milliseconds of the recorded response."""
    evoked, forward, noise_cov = real
    return evoked.crop(0.085, 0.095), forward, noise_cov


def same(one: Any, other: Any) -> None:
    """Two estimates are one."""
    assert all(np.array_equal(a, b) for a, b in zip(one.vertices, other.vertices, strict=True))
    np.testing.assert_allclose(one.data, other.data, rtol=1e-4, atol=1e-5 * np.abs(one.data).max())


# --- the number of averages ----------------------------------------------------------------------


def with_nave(simulated: Inputs, nave: Any) -> Inputs:
    """The same data, called an average of so many."""
    evoked = simulated[0].copy()
    evoked.nave = nave
    return evoked, *simulated[1:]


@pytest.mark.parametrize("nave", [0.25, 0.5, 1, 4.7, np.int64(3), np.float32(0.5), 100])
def test_sure_takes_the_noise_of_any_nave(simulated: Inputs, nave: Any) -> None:
    """A difference of two single trials has a nave of 0.5, and noise of sqrt(2)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        inputs = with_nave(simulated, nave)
        found = localize(*inputs, "sure", rng=0, time_pca=False, sure_sigma="nave")
    np.testing.assert_allclose(found.solution.sure.sigma, float(nave) ** -0.5, rtol=1e-6)
    assert found.noise_std == pytest.approx(float(nave) ** -0.5)


@pytest.mark.parametrize("nave", [0, -1, None, np.nan, np.inf, "100"])
def test_nave_that_is_no_number_of_averages(simulated: Inputs, nave: Any) -> None:
    """Refused with the remedy, which works; a given alpha has no need of it."""
    inputs = with_nave(simulated, nave)
    with pytest.raises(ValueError, match=f"evoked.nave is {re.escape(repr(nave))}.*sure_sigma"):
        mixed_norm(*inputs, "sure", rng=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found = localize(*inputs, "sure", rng=0, sure_sigma=0.3, time_pca=False)
    np.testing.assert_allclose(found.solution.sure.sigma, 0.3)
    assert "unknown nave" in found.levels()
    assert len(mixed_norm(*inputs, 40).data)


# --- data that were processed in another way -----------------------------------------------------


def projected(evoked: Any, vector: Any) -> Any:
    """The data with one projection, not applied yet."""
    data = {
        "data": np.atleast_2d(vector), "nrow": 1, "ncol": len(evoked.ch_names), "row_names": [],
        "col_names": evoked.ch_names,
    }  # fmt: skip
    return evoked.copy().add_proj(mne.Projection(data=data, desc="p", kind=1, active=False))


def separated(evoked: Any) -> Any:
    """The data after a Maxwell filter."""
    raw = mne.io.RawArray(evoked.data, evoked.info)
    raw = mne.preprocessing.maxwell_filter(raw, origin=(0, 0, 0.04))
    return mne.EvokedArray(raw.get_data(), raw.info, evoked.times[0], nave=evoked.nave)


def test_an_operator_refuses_data_that_were_processed_in_another_way(simulated: Inputs) -> None:
    """Projections, signal-space separation, a reference of EEG: each by its name."""
    evoked, forward, noise_cov = simulated
    rng = np.random.default_rng(0)
    vector = rng.standard_normal(306)
    referenced = evoked.copy()
    with referenced.info._unlock():
        referenced.info["custom_ref_applied"] = 1
    others = {
        r"projections \(1 and 0\)": evoked,
        r"projections \(1 and 1\)": projected(evoked, rng.standard_normal(306)),
        "signal-space separation": separated(projected(evoked, vector)),
        r"custom EEG reference \(0 and 1\)": projected(referenced, vector),
    }
    for first in (projected(evoked, vector), None):
        solver = Solver("mxne").make_inverse_operator(forward, first, noise_cov)
        stc = solver.apply_inverse_operator(projected(evoked, vector), alpha=0.4)
        same(stc, mixed_norm(projected(evoked, vector), forward, noise_cov, 40))
        for words, other in others.items():
            with pytest.raises(ValueError, match=f"the operator was made for and these.*{words}"):
                solver.apply_inverse_operator(other, alpha=0.4)
    for words, other in others.items():
        with pytest.raises(ValueError, match=f"the first evoked and a later one.*{words}"):
            mixed_norm([projected(evoked, vector), other], forward, noise_cov, 40)


def test_the_same_projections_in_other_numbers(simulated: Inputs) -> None:
    """Sign, scale, single precision and whether they are applied do not matter; nor new bads."""
    evoked, forward, noise_cov = simulated
    vector = np.random.default_rng(0).standard_normal(306)
    solver = Solver("mxne").make_inverse_operator(forward, projected(evoked, vector), noise_cov)
    expected = solver.apply_inverse_operator(projected(evoked, vector), alpha=0.4)
    for other in (-3 * vector, vector.astype(np.float32).astype(float)):
        same(solver.apply_inverse_operator(projected(evoked, other), alpha=0.4), expected)
    applied = projected(evoked, vector).apply_proj()
    same(solver.apply_inverse_operator(applied, alpha=0.4), expected)
    fewer = projected(evoked, vector).drop_channels(evoked.ch_names[:3])
    solver.apply_inverse_operator(fewer, alpha=0.4)
    same(solver.apply_inverse_operator(applied, alpha=0.4), expected)


@needs_data
def test_an_operator_refuses_another_compensation_grade() -> None:
    """Of CTF data with reference sensors; also where the data change after the operator is made."""
    path = DATA / "benchmarks" / "ctf-somatosensory-ave.fif"
    evoked = mne.read_evokeds(path, condition=0).crop(0.02, 0.03)
    raw = mne.io.RawArray(evoked.data, evoked.info).apply_gradient_compensation(0)
    plain = mne.EvokedArray(raw.get_data(), raw.info, evoked.times[0])
    sphere = mne.make_sphere_model((0, 0, 0.04), 0.09)
    src = mne.setup_volume_source_space(pos=30.0, sphere=(0, 0, 0.04, 0.07))
    trans = mne.transforms.Transform("mri", "head")
    forward = mne.make_forward_solution(evoked.info, trans, src, sphere, eeg=False, mindist=0)
    noise_cov = mne.make_ad_hoc_cov(evoked.info)
    solver = Solver("mxne").make_inverse_operator(forward, evoked, noise_cov)
    assert len(solver.apply_inverse_operator(evoked, alpha=0.4).data)
    with pytest.raises(ValueError, match=r"compensation grade \(3 and 0\)"):
        solver.apply_inverse_operator(plain, alpha=0.4)
    with pytest.raises(ValueError, match=r"compensation grade \(3 and 0\)"):
        mixed_norm([evoked, plain], forward, noise_cov, 40)
    assert mne.inverse_sparse.mixed_norm([evoked, plain], forward, noise_cov, 40)
    changed = evoked.copy()
    solver = Solver("mxne").make_inverse_operator(forward, changed, noise_cov)
    with changed.info._unlock():
        changed.info["chs"] = plain.info["chs"]
    with pytest.raises(ValueError, match="compensation grade"):
        solver.apply_inverse_operator(changed, alpha=0.4)


# --- source spaces -------------------------------------------------------------------------------


def hemisphere(forward: Any, number: int) -> Any:
    """The forward solution of one hemisphere alone."""
    counts = [len(space["vertno"]) for space in forward["src"]]
    chosen = np.arange(sum(counts[:number]), sum(counts[: number + 1]))
    columns = (3 * chosen[:, np.newaxis] + np.arange(3)).ravel()
    part = forward.copy()
    part["src"] = mne.SourceSpaces([forward["src"][number]])
    part["nsource"] = len(chosen)
    part["sol"]["data"] = forward["sol"]["data"][:, columns]
    part["sol"]["ncol"] = len(columns)
    part["_orig_sol"] = forward["_orig_sol"][:, columns]
    part["source_rr"], part["source_nn"] = (
        forward["source_rr"][chosen],
        forward["source_nn"][columns],
    )
    return part


@needs_data
@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("options", [{}, {"loose": 0.0}, {"pick_ori": "vector"}], ids=str)
def test_one_hemisphere(real: Inputs, number: int, options: dict[str, Any]) -> None:
    """The answer of both with the other one left out, with two lists of vertices."""
    evoked, forward, noise_cov = real
    counts = [len(space["vertno"]) for space in forward["src"]]
    weights = np.repeat([float(number == 0), float(number == 1)], counts)
    options = {"depth": None, "debias": False, "tol": 1e-8, **options}
    expected = mixed_norm(evoked, forward, noise_cov, 30, weights=weights, **options)
    part = hemisphere(forward, number)
    stc = mixed_norm(evoked, part, noise_cov, 30, **options)
    assert type(stc) is type(expected)
    assert [len(vertices) > 0 for vertices in stc.vertices] == [number == 0, number == 1]
    same(stc, expected)
    assert len(part["src"]) == 1
    with pytest.raises(ValueError, match="Vertices must be a list"):
        mne.inverse_sparse.mixed_norm(evoked, part, noise_cov, 30, **options)
    if not options.get("pick_ori"):
        found = localize(evoked, part, noise_cov, 30, n_mxne_iter=1, **options)
        back = mxne_rs.make_stc_from_dipoles(found.dipoles(), part["src"])
        assert [len(vertices) for vertices in back.vertices] == [len(v) for v in stc.vertices]
        for name in ("l1l2", "mce"):
            solver = Solver(name).make_inverse_operator(part, evoked, noise_cov)
            assert type(solver.apply_inverse_operator(evoked)) is mne.SourceEstimate


# --- covariances ---------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [0.0, 1e-12, 1e-5, 1e10])
@pytest.mark.parametrize("channel", [0, 2])
def test_a_channel_of_no_plausible_noise_is_left_out(
    simulated: Inputs, factor: float, channel: int
) -> None:
    """A gradiometer or a magnetometer: the answer is the one without it, and a warning names it."""
    evoked, forward, noise_cov = simulated
    name, spoilt = evoked.ch_names[channel], noise_cov.copy()
    row = spoilt["names"].index(name)
    spoilt["data"][row] *= factor**0.5
    spoilt["data"][:, row] *= factor**0.5
    before = spoilt["data"].copy()
    with pytest.warns(RuntimeWarning, match=f"1 channels have a variance .* {name} ") as caught:
        stc = mixed_norm(evoked, forward, spoilt, 30)
    assert len(caught) == 1
    bad = evoked.copy()
    bad.info["bads"] = [name]
    expected = mixed_norm(bad, forward, noise_cov, 30)
    same(stc, expected)
    if factor == 1e-5:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            theirs = mne.inverse_sparse.mixed_norm(evoked, forward, spoilt, 30)
        assert not np.array_equal(theirs.vertices[0], expected.vertices[0])
    np.testing.assert_array_equal(spoilt["data"], before)
    assert spoilt["bads"] == noise_cov["bads"] and not evoked.info["bads"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda data: data.__setitem__((5, 5), np.nan), r"NaN or infinity for MEG \d+;"),
        (lambda data: data.__setitem__((5, slice(None)), np.nan), r"NaN .* for MEG \d+;"),
        (lambda data: data.__setitem__((5, 7), np.inf), "NaN or infinity for MEG"),
        (lambda data: data.fill(np.nan), "NaN or infinity for .* and 303 more"),
        (lambda data: data.fill(0), "zero for all (102 mag|204 grad) channels"),
    ],
)
def test_covariances_without_numbers(simulated: Inputs, spoil: Any, words: str) -> None:
    """Refused, with the names."""
    evoked, forward, noise_cov = simulated
    spoilt = noise_cov.copy()
    spoil(spoilt["data"])
    with pytest.raises(ValueError, match=f"noise_cov .*{words}"):
        mixed_norm(evoked, forward, spoilt, 30)


def test_diagonal_covariances(simulated: Inputs) -> None:
    """Their variances are looked at, too."""
    evoked, forward, _ = simulated
    noise_cov = mne.make_ad_hoc_cov(evoked.info)
    expected = mixed_norm(evoked, forward, noise_cov, 30)
    assert len(expected.data)
    spoilt = noise_cov.copy()
    spoilt["data"][3] = np.nan
    with pytest.raises(ValueError, match=f"infinity for {evoked.ch_names[3]};"):
        mixed_norm(evoked, forward, spoilt, 30)


@pytest.mark.parametrize("n_samples", [40, 200])
def test_a_covariance_of_too_few_samples(simulated: Inputs, n_samples: int) -> None:
    """Said with the numbers; where it is regularised there is nothing to say."""
    evoked, forward, noise_cov = simulated
    rng = np.random.default_rng(0)
    root = np.linalg.cholesky(noise_cov["data"] + 1e-12 * np.diag(np.diag(noise_cov["data"])))
    raw = mne.io.RawArray(root @ rng.standard_normal((306, n_samples)), evoked.info)
    few = mne.Covariance(np.cov(raw.get_data()), raw.ch_names, [], [], n_samples - 1)
    with pytest.warns(RuntimeWarning, match=f"{n_samples - 1} samples .* its 306 channels"):
        mixed_norm(evoked, forward, few, 30)
    regular = mne.cov.regularize(few, evoked.info, mag=0.1, grad=0.1)
    assert len(mixed_norm(evoked, forward, regular, 30).data)


def test_a_covariance_of_the_wrong_sign(simulated: Inputs) -> None:
    """It is negative, not zero."""
    evoked, forward, noise_cov = simulated
    negative = noise_cov.copy()
    negative["data"] = -noise_cov["data"]
    with pytest.raises(ValueError, match="noise_cov is negative for all 204 grad channels"):
        mixed_norm(evoked, forward, negative, 30)


def test_a_covariance_with_a_name_twice(simulated: Inputs) -> None:
    """Nobody can tell which of its rows is meant."""
    evoked, forward, noise_cov = simulated
    twice = noise_cov.copy()
    twice["names"] = [noise_cov["names"][1], *noise_cov["names"][1:]]
    with pytest.raises(ValueError, match="several rows named " + twice["names"][0]):
        mixed_norm(evoked, forward, twice, 30)


# --- ranks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rank", "error", "words"),
    [
        ({"megg": 40}, ValueError, "rank has the key 'megg'; give 'meg', 'mag', 'grad' or 'eeg'"),
        ({1: 40}, ValueError, "rank has the key 1"),
        ({"meg": -3}, ValueError, r"rank\['meg'\] is -3"),
        ({"meg": 0}, ValueError, r"rank\['meg'\] is 0"),
        ({"meg": 40.5}, TypeError, r"rank\['meg'\] is 40.5"),
        ({"meg": 40.0}, TypeError, r"rank\['meg'\] is 40.0"),
        ({"meg": "40"}, TypeError, r"rank\['meg'\] is '40'"),
        ({"meg": None}, TypeError, r"rank\['meg'\] is None"),
        ({"meg": True}, TypeError, r"rank\['meg'\] is True"),
        ({"eeg": np.nan}, TypeError, r"rank\['eeg'\] is nan"),
        ({"meg": 1000}, ValueError, r"rank\['meg'\]=1000 exceeds"),
    ],
)
def test_ranks_that_are_none(
    simulated: Inputs, rank: Any, error: type[Exception], words: str
) -> None:
    """Refused by key and value."""
    with pytest.raises(error, match=words):
        mixed_norm(*simulated, 30, rank=rank)


def test_ranks_that_do_not_act(simulated: Inputs) -> None:
    """Said where the key is not the one that MNE looks at; entries of other types are let pass."""
    evoked, forward, noise_cov = simulated
    usual = mixed_norm(*simulated, 30)
    with pytest.warns(RuntimeWarning, match=r"rank\['mag'\] is not used.*grad and mag.*'meg'"):
        same(mixed_norm(*simulated, 30, rank={"mag": 40}), usual)
    theirs = [mne.inverse_sparse.mixed_norm(*simulated, 30, rank=r) for r in (None, {"mag": 40})]
    same(*theirs)
    magnetometers = evoked.copy().pick("mag")
    usual = mixed_norm(magnetometers, forward, noise_cov, 30)
    with pytest.warns(RuntimeWarning, match=r"rank\['meg'\] is not used.*are mag.*'mag'"):
        same(mixed_norm(magnetometers, forward, noise_cov, 30, rank={"meg": 40}), usual)
    lower = mixed_norm(magnetometers, forward, noise_cov, 30, rank={"mag": np.int64(40), "eeg": 9})
    assert not np.array_equal(lower.data, usual.data)


# --- names ---------------------------------------------------------------------------------------


@needs_data
@pytest.mark.parametrize("renamed", ["data", "noise_cov"])
def test_meg_channels_of_other_names_beside_eeg(real: Inputs, renamed: str) -> None:
    """EEG alone is solved, which a warning says with the numbers."""
    evoked, forward, noise_cov = real
    expected = mixed_norm(evoked.copy().pick("eeg"), forward, noise_cov, 40)
    if renamed == "data":
        names = {name: name.replace(" ", "") for name in evoked.ch_names if name[:3] == "MEG"}
        evoked, labels = evoked.copy().rename_channels(names), "forward .* of noise_cov "
    else:
        noise_cov, labels = noise_cov.copy(), "noise_cov "
        noise_cov["names"] = [
            name.replace(" ", "") if name[:3] == "MEG" else name for name in noise_cov["names"]
        ]
    words = f"of 305 MEG channels .*only 0 are among the 30[56] of {labels}"
    with pytest.warns(RuntimeWarning, match=words) as caught:
        stc = mixed_norm(evoked, forward, noise_cov, 40)
    assert len(caught) == 1
    same(stc, expected)


@needs_data
def test_channels_that_are_left_out_on_purpose(real: Inputs) -> None:
    """Data, forward or covariance of one kind only: no warning."""
    evoked, forward, noise_cov = real
    expected = mixed_norm(evoked.copy().pick("eeg"), forward, noise_cov, 40)
    of_eeg = mne.pick_types_forward(forward, meg=False, eeg=True)
    same(mixed_norm(evoked, of_eeg, noise_cov, 40), expected)
    names = [name for name in noise_cov["names"] if name[:3] == "EEG"]
    same(mixed_norm(evoked, forward, mne.pick_channels_cov(noise_cov, names), 40), expected)
    few = evoked.copy().pick(evoked.ch_names[-30:])
    assert len(mixed_norm(few, forward, noise_cov, 40).data)


# --- threads -------------------------------------------------------------------------------------


def test_threads_share_objects(simulated: Inputs) -> None:
    """Every thread gets the answer of one alone, and MNE's log level is the one before."""
    evoked, forward, noise_cov = simulated
    trials = np.stack([evoked.data * (k + 1) for k in range(4)])
    epochs = mne.EpochsArray(trials, evoked.info, tmin=evoked.times[0])

    def solve(number: int) -> list[Any]:
        verbose = ["WARNING", None, "CRITICAL"][number % 3]
        if number % 2:
            return mixed_norm_epochs(epochs, forward, noise_cov, 40, verbose=verbose)
        return [mixed_norm(evoked, forward, noise_cov, 40, verbose=verbose)]

    expected = [solve(0), solve(1)]
    interval, level = sys.getswitchinterval(), mne.utils.logger.level
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(solve, range(20)))
    finally:
        sys.setswitchinterval(interval)
    assert mne.utils.logger.level == level
    for number, answer in enumerate(answers):
        assert len(answer) == len(expected[number % 2])
        for one, other in zip(answer, expected[number % 2], strict=True):
            np.testing.assert_array_equal(one.data, other.data)


@fork
def test_a_fork_beside_a_thread_inside_of_mne() -> None:
    """The child does not wait for a thread that it does not have."""
    code = """
import os, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from mxne_rs.inverse.mne_calls import MNE_LOCK
inside, leave = threading.Event(), threading.Event()
def hold():
    with MNE_LOCK:
        inside.set()
        leave.wait()
threading.Thread(target=hold).start()
inside.wait()
os.register_at_fork(before=leave.set)  # the last that is registered is called first
child = os.fork()
if child == 0:
    os._exit(0 if MNE_LOCK.acquire(blocking=False) else 7)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=600).returncode == 0
