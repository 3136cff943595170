"""`mixed_norm` against MNE's, over everything that both can be asked for.

Hypothesis draws small problems (few locations of a real or a simulated forward solution, random
data) and random options; both are solved to a tight gap and have to agree.
"""

from __future__ import annotations

import copy
import functools
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from beside_mne import same_vertices
from mxne_rs import mixed_norm
from places import DATA, needs_data

mne = pytest.importorskip("mne", minversion="1.8")
from mne.inverse_sparse import mxne_inverse, mxne_optim  # noqa: E402

#: Both are run to a duality gap of this part of the squared norm of the data.
TIGHT = {"tol": 1e-13, "maxit": 2000}
#: How many inner solves MNE gets for one answer; the next one ends the example.
MOST_SOLVES = 100
#: How close two answers have to be, in parts of the largest value.
CLOSE = 1e-5
#: No shrinking: a case is one line as it is, and a smaller one would take minutes to find.
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]


# --- problems ------------------------------------------------------------------------------------


@functools.cache
def head(space: str) -> tuple[Any, Any, Any]:
    """Info, forward solution and noise covariance of a whole head."""
    if space == "discrete":
        from mxne_rs.simulate import simulate_auditory

        evoked, forward, noise_cov = simulate_auditory(spacing=20.0)
    else:
        evoked = mne.read_evokeds(DATA / "auditory-ave.fif", condition=0)
        forward = mne.read_forward_solution(DATA / "cortex-1000-meg-eeg-fwd.fif")
        noise_cov = mne.read_cov(DATA / "noise-cov.fif")
    return evoked.info, forward, noise_cov


@dataclass(frozen=True)
class Case:
    """One call of `mixed_norm`."""

    space: str
    seed: int
    n_locations: int
    #: Samples of each evoked.
    n_times: tuple[int, ...]
    #: Amplitude of the sources, in units of the noise.
    snr: float
    #: Kinds of sensors (real head), or how many of them (simulated head).
    sensors: str | int
    shuffled: bool
    n_bads: int
    bads_of: str
    #: A random projection of each kind of sensors: None, or whether it has been applied.
    projection: bool | None
    alpha: float
    loose: float
    depth: Any
    n_mxne_iter: int
    solver: str
    active_set_size: int | None
    weights: str | None
    weights_min: float
    time_pca: bool | int
    #: None, "info", or that the ranks are given as numbers.
    rank: str | None
    pick_ori: str | None
    as_dipoles: bool
    debias: bool


@st.composite
def cases(draw: st.DrawFn, space: str) -> Case:
    """Any combination of what both know."""
    loose = draw(st.sampled_from([0.0, 0.2, 0.6, 1.0]))
    depths = [None, 0.5, 0.8, {"exp": 0.7}, {"exp": 0.9, "limit": 10.0, "combine_xyz": "spectral"}]
    n_times = draw(st.lists(st.integers(1, 8), min_size=1, max_size=2).map(tuple))
    return Case(
        space=space,
        seed=draw(st.integers(0, 10**6)),
        n_locations=draw(st.integers(4, 25)),
        n_times=n_times,
        snr=draw(st.floats(0.5, 4.0)),
        sensors=draw(
            st.integers(20, 60)
            if space == "discrete"
            else st.sampled_from(["mag", "eeg", "mag and eeg"])
        ),
        shuffled=draw(st.booleans()),
        n_bads=draw(st.sampled_from([0, 0, 1, 3])),
        bads_of=draw(st.sampled_from(["evoked", "noise_cov"])),
        projection=draw(st.sampled_from([None, False, True])),
        alpha=draw(st.floats(15, 90)),
        loose=loose,
        depth=draw(st.sampled_from(depths)),
        n_mxne_iter=draw(st.sampled_from([1, 3, 5])),
        solver=draw(st.sampled_from(["auto", "bcd", "cd"] if loose == 0 else ["auto", "bcd"])),
        active_set_size=draw(st.sampled_from([None, 2, 10])),
        weights=draw(st.sampled_from([None, "with zeros", "positive"])),
        weights_min=draw(st.sampled_from([0.0, 0.3])),
        time_pca=draw(st.sampled_from([True, False, 1, 3])),
        rank=draw(st.sampled_from([None, "info", "numbers"])),
        pick_ori=draw(st.sampled_from([None, "vector"] if loose > 0 else [None])),
        as_dipoles=draw(st.booleans()),
        debias=draw(st.sampled_from([False, False, True])),
    )


def restricted(forward: Any, n_locations: int, rng: np.random.Generator) -> Any:
    """The forward solution of some of its locations."""
    chosen = np.zeros(forward["nsource"], dtype=bool)
    chosen[rng.choice(len(chosen), n_locations, replace=False)] = True
    ends = np.cumsum([len(space["vertno"]) for space in forward["src"]])
    vertices = [
        space["vertno"][part]
        for space, part in zip(forward["src"], np.split(chosen, ends[:-1]), strict=True)
    ]
    kind = mne.VolSourceEstimate if len(vertices) == 1 else mne.SourceEstimate
    stc = kind(np.zeros((n_locations, 1)), vertices, tmin=0, tstep=1)
    return mne.forward.restrict_forward_to_stc(forward, stc)


def random_projections(kinds: dict[str, str], rng: np.random.Generator) -> list[Any]:
    """One random direction of each kind of sensors, to be projected out."""
    projections = []
    for kind in sorted(set(kinds.values())):
        names = [name for name, one in kinds.items() if one == kind]
        row = rng.standard_normal((1, len(names)))
        data = {
            "nrow": 1, "ncol": len(names), "row_names": None, "col_names": names,
            "data": row / np.linalg.norm(row),
        }  # fmt: skip
        projections.append(mne.Projection(active=False, data=data, desc=f"random {kind}", kind=1))
    return projections


def measured(case: Case, info: Any, forward: Any, noise_cov: Any, rng: Any) -> list[Any]:
    """Evokeds of up to three random sources of the forward solution, in the noise modelled."""
    active = rng.choice(forward["nsource"], min(3, forward["nsource"]), replace=False)
    columns = (3 * active[:, np.newaxis] + np.arange(3)).ravel()
    gain = mne.pick_channels_forward(forward, info["ch_names"], ordered=True)["sol"]["data"]
    covariance = mne.pick_channels_cov(noise_cov, info["ch_names"], ordered=True).data
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0))
    unit = np.sqrt(np.diag(covariance))[:, np.newaxis]
    evokeds = []
    for n_times in case.n_times:
        clean = gain[:, columns] @ rng.standard_normal((len(columns), n_times))
        noise = root @ rng.standard_normal((len(root), n_times))
        clean *= case.snr * np.linalg.norm(noise / unit) / np.linalg.norm(clean / unit)
        evokeds.append(mne.EvokedArray(clean + noise, info, tmin=0.1, nave=1))
    return evokeds


def build(case: Case) -> tuple[tuple[Any, Any, Any], dict[str, Any]]:
    """The arguments of a call."""
    rng = np.random.default_rng(case.seed)
    info, forward, noise_cov = head(case.space)
    forward, noise_cov = restricted(forward, case.n_locations, rng), noise_cov.copy()
    kinds = dict(zip(info["ch_names"], info.get_channel_types(), strict=True))
    names = [name for name in forward["sol"]["row_names"] if name not in info["bads"]]
    if isinstance(case.sensors, str):
        names = [name for name in names if kinds[name] in case.sensors]
    else:
        names = rng.choice(names, case.sensors, replace=False).tolist()
        names = sorted(names, key=info["ch_names"].index)
    info = mne.pick_info(info, mne.pick_channels(info["ch_names"], names, ordered=True))
    evokeds = measured(case, info, forward, noise_cov, rng)
    if case.shuffled:
        order = rng.permutation(names).tolist()
        evokeds = [evoked.reorder_channels(order) for evoked in evokeds]
    bads = rng.choice(names, case.n_bads, replace=False).tolist()
    good = {name: kinds[name] for name in names if name not in bads}
    if case.projection is not None:
        projections = random_projections(good, rng)
        evokeds = [evoked.add_proj(copy.deepcopy(projections)) for evoked in evokeds]
        if case.projection:
            evokeds = [evoked.apply_proj() for evoked in evokeds]
    if case.bads_of == "evoked":
        for evoked in evokeds:
            evoked.info["bads"] = bads
    else:
        noise_cov["bads"] = [*noise_cov["bads"], *bads]
    weights = rng.uniform(0.2, 2.0, case.n_locations)
    if case.weights == "with zeros":
        weights[: case.n_locations // 3] = 0
    rank: Any = case.rank
    if case.rank == "numbers":
        # Fewer than there are sensors, by what is projected out and referenced at least.
        both = {"mag", "grad"} <= set(good.values())
        counts = Counter("meg" if both and kind != "eeg" else kind for kind in good.values())
        rank = {kind: max(count - 6, 1) for kind, count in counts.items()}
    options = {
        "alpha": case.alpha, "loose": case.loose, "depth": case.depth,
        "n_mxne_iter": case.n_mxne_iter, "solver": case.solver,
        "active_set_size": case.active_set_size, "weights": case.weights and weights,
        "weights_min": case.weights_min, "time_pca": case.time_pca, "rank": rank,
        "pick_ori": case.pick_ori, "return_as_dipoles": case.as_dipoles, "debias": case.debias,
        "return_residual": True, **TIGHT,
    }  # fmt: skip
    return (evokeds, forward, noise_cov), options


# --- MNE's answer --------------------------------------------------------------------------------


class NotConvergedError(Exception):
    """MNE's solver is far from its tolerance after many solves."""


@contextmanager
def watched() -> Iterator[list[float]]:
    """Gaps of MNE's convex problems, in units of the tolerance; ends those that never end."""
    gaps: list[float] = []
    count = 0
    solve = mxne_optim.mixed_norm_solver

    def with_gap(*args: Any, **options: Any) -> Any:
        *answer, gap = solve(*args, return_gap=True, **options)
        gaps.append(gap / options["tol"])
        return tuple(answer)

    def counted(original: Any) -> Any:
        def inner(*args: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count > MOST_SOLVES:
                raise NotConvergedError
            return original(*args, **options)

        return inner

    inner = ("_mixed_norm_solver_bcd", "_mixed_norm_solver_cd")
    with (
        mock.patch.object(mxne_optim, "mixed_norm_solver", with_gap),
        mock.patch.object(mxne_inverse, "mixed_norm_solver", with_gap),
        mock.patch.object(mxne_optim, inner[0], counted(mxne_optim._mixed_norm_solver_bcd)),
        mock.patch.object(mxne_optim, inner[1], counted(mxne_optim._mixed_norm_solver_cd)),
    ):
        yield gaps


def answer_of_mne(inputs: Any, options: dict[str, Any]) -> tuple[Any, Any]:
    """What MNE returns; the example is dropped where MNE itself has not reached its tolerance."""
    with watched() as gaps, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of no source, and of no convergence: see the gaps
        try:
            answer = mne.inverse_sparse.mixed_norm(*inputs, **copy.deepcopy(options))
        except NotConvergedError:
            gaps.append(np.inf)
        except AssertionError:
            # MNE cannot make a vector estimate of no source.
            assume(options["pick_ori"] != "vector")
            raise
    assume(max(gaps) <= 1)
    return answer


def answer_of_ours(inputs: Any, options: dict[str, Any]) -> tuple[Any, Any]:
    """What we return; no warning but that of no source is expected."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="No active dipoles found")
        return mixed_norm(*inputs, **{**copy.deepcopy(options), "maxit": 100_000})


# --- comparisons ---------------------------------------------------------------------------------


def as_list(out: Any, n_evokeds: int) -> list[Any]:
    """One output per evoked, from what is bare where there is one."""
    return [out] if n_evokeds == 1 else out


def assert_close(ours: list[Any], theirs: list[Any]) -> None:
    """Arrays of the same shapes that differ by a small part of the largest number in all."""
    scale = max((np.abs(one).max(initial=0) for one in theirs), default=0.0)
    for one, other in zip(ours, theirs, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=0, atol=CLOSE * scale)


def assert_same_dipoles(ours: list[Any], theirs: list[Any], amplitudes_too: bool) -> None:
    """As many dipoles at the same places; the same moments and goodness of fit."""
    ours, theirs = ([dipole for out in outs for dipole in out] for outs in (ours, theirs))
    for one, other in zip(ours, theirs, strict=True):
        assert type(one) is type(other)
        np.testing.assert_array_equal(one.pos, other.pos)
        np.testing.assert_array_equal(one.times, other.times)
    if amplitudes_too:
        moments = [[dipole.ori.T * dipole.amplitude for dipole in out] for out in (ours, theirs)]
        assert_close(*moments)
        assert_close(*[[dipole.amplitude for dipole in out] for out in (ours, theirs)])
        # In percent, and of each sample: a hundredth of a percent of it.
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one.gof, other.gof, rtol=0, atol=1e-2)


def assert_same_estimates(ours: list[Any], theirs: list[Any], amplitudes_too: bool) -> None:
    """The same types, subject, vertices, times and amplitudes."""
    for one, other in zip(ours, theirs, strict=True):
        assert type(one) is type(other)
        assert one.subject == other.subject
        same_vertices(one, other)
        np.testing.assert_array_equal(one.times, other.times)
    if amplitudes_too:
        assert_close([one.data for one in ours], [other.data for other in theirs])


def assert_same_residuals(ours: list[Any], theirs: list[Any]) -> None:
    """The same channels and projections, and the same data of each kind of sensors."""
    for one, other in zip(ours, theirs, strict=True):
        assert type(one) is type(other)
        assert one.ch_names == other.ch_names
        active = [[proj["active"] for proj in out.info["projs"]] for out in (one, other)]
        assert active[0] == active[1]
    kinds = np.array(theirs[0].get_channel_types())
    for kind in set(kinds):
        assert_close(*[[one.data[kinds == kind] for one in out] for out in (ours, theirs)])


def whitened_power(inputs: Any, options: dict[str, Any], residuals: list[Any]) -> float:
    """|W R|^2 with MNE's whitener."""
    evokeds, forward, noise_cov = inputs
    _, _, info, whitener, *_ = mxne_inverse._prepare_gain(
        forward, evokeds[0].info, noise_cov, True, options["depth"], options["loose"],
        copy.copy(options["rank"]),
    )  # fmt: skip
    return sum(
        float(np.sum((whitener @ one.copy().pick(info["ch_names"]).data) ** 2)) for one in residuals
    )


def norms(outs: list[Any]) -> np.ndarray:
    """|X_s| of every source, over all evokeds."""
    if isinstance(outs[0], list):
        rows = [[dipole.amplitude for dipole in out] for out in outs]
    else:
        rows = [[np.ravel(row) for row in out.data] for out in outs]
    return np.array([np.linalg.norm(np.concatenate(one)) for one in zip(*rows, strict=True)])


def agree(case: Case) -> None:
    """Everything that both return is the same; what is debiased fits no worse."""
    inputs, options = build(case)
    answers = answer_of_mne(inputs, options), answer_of_ours(inputs, options)
    theirs, ours = ([as_list(out, len(case.n_times)) for out in both] for both in answers)
    compare = assert_same_dipoles if case.as_dipoles else assert_same_estimates
    compare(ours[0], theirs[0], not case.debias)
    if not case.debias:
        assert_same_residuals(ours[1], theirs[1])
        return
    power, their_power = (whitened_power(inputs, options, both[1]) for both in (ours, theirs))
    assert power <= their_power * (1 + CLOSE)
    biased, _ = answer_of_ours(inputs, {**options, "debias": False})
    factors = norms(ours[0]) / norms(as_list(biased, len(case.n_times)))
    assert (factors >= 1 - 1e-9).all()


@settings(max_examples=40, phases=PHASES)
@given(cases("discrete"))
def test_agreement_on_a_grid(case: Case) -> None:
    """A volume grid in a sphere model: MNE's answer."""
    agree(case)


@needs_data
@pytest.mark.slow
@settings(max_examples=20, phases=PHASES)
@given(cases("surface"))
def test_agreement_on_the_cortex(case: Case) -> None:
    """The cortex, real sensors and their noise: MNE's answer."""
    agree(case)
