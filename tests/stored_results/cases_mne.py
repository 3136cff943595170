"""Calls what works on MNE's objects, on simulated auditory responses and on real data."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import mxne_rs
import mxne_rs.live
import mxne_rs.simulate
from answers import HERE, case, refusal
from cases_other import white

DATA = Path(os.environ.get("MXNE_RS_DATA", HERE.parents[2] / "shared" / "data"))
QUIET: dict[str, Any] = {"verbose": False}
#: The gap that was stored: `tol` was half of it at that commit.
GAP = {"tol": 2e-4}
ONE: dict[str, Any] = {"n_threads": 1, **GAP, **QUIET}
DEEP: dict[str, Any] = {"n_mxne_iter": 5, **ONE}


@cache
def inputs() -> tuple[Any, Any, Any]:
    """Simulate a response; keep a third of the sensors, and 20 samples around the peak."""
    return fewer(*mxne_rs.simulate.simulate_auditory(spacing=20.0))


@cache
def trials() -> tuple[Any, Any, Any]:
    """Simulate ten trials; keep the same part of them."""
    return fewer(*mxne_rs.simulate.simulate_epochs(n_epochs=10, spacing=20.0))


def fewer(data: Any, forward: Any, noise_cov: Any) -> tuple[Any, Any, Any]:
    """Keep gradiometers and magnetometers of every third site, 20 samples of 20 ms."""
    names = [name for i, name in enumerate(data.ch_names) if i // 3 % 3 == 0]
    return (
        data.crop(0.095, 0.114).pick(names),
        forward.pick_channels(names, ordered=True),
        noise_cov.pick_channels(names, ordered=True),
    )


def localized(alpha: Any = 30, data: Any = None, **options: Any) -> Any:
    """Localise the simulated response, or other data of its sensors."""
    evoked, forward, noise_cov = inputs()
    how = {**ONE, **options}
    return mxne_rs.mixed_norm(evoked if data is None else data, forward, noise_cov, alpha, **how)


@case("mne")
def simulations() -> Any:
    evoked, forward, noise_cov = mxne_rs.simulate.simulate_auditory(spacing=20.0, nave=50, rng=3)
    epochs = mxne_rs.simulate.simulate_epochs(n_epochs=2, spacing=20.0, snr=1.0)[0]
    with tempfile.TemporaryDirectory() as folder:
        paths = mxne_rs.simulate.write_simulation(folder, spacing=20.0)
        written = {name: path.name for name, path in paths.items()}
        truth = paths["truth"].read_text(encoding="utf-8")
    return {
        "evoked": evoked,
        "epochs": epochs.get_data(),
        "gain": forward["sol"]["data"],
        "places": [forward["source_rr"], forward["source_nn"]],
        "noise_cov": noise_cov["data"],
        "written": written,
        "truth": truth,
        "refused": refusal(mxne_rs.simulate.simulate_auditory, spacing=-1.0),
    }


@case("mne")
def mixed_norm() -> Any:
    full = {"return_solution": True}
    return {
        "mxne": localized(**full),
        "irmxne": localized(n_mxne_iter=10, **full),
        "biased": localized(debias=False),
        "loose": localized(loose=0.3, **full),
        "vector": localized(pick_ori="vector"),
        "fista": localized(solver="fista", **full),
        "cd": localized(solver="cd"),
        "exact": localized(tol=2e-7, active_set_size=None, dgap_freq=3, **full),
        "components": localized(time_pca=2, **full),
        "no_depth": localized(depth=None, **full),
        "depth": localized(depth={"exp": 0.5, "limit": None}, **full),
        "rank": localized(rank={"meg": 100}, **full),
        "percent": localized(0.9, allow_small_alpha=True, maxit=5, **full),
        "nothing": localized(99.9999, return_residual=True),
    }


@case("mne")
def mixed_norm_with_units() -> Any:
    units = ("relative", "largest", "mne", "gain", 0.5)
    full = {"n_mxne_iter": 5, "return_solution": True}
    return {
        f"{surrogate}_{unit}": localized(surrogate=surrogate, amplitude_unit=unit, **full)[1]
        for surrogate in ("sqrt", "log")
        for unit in units
    }


@case("mne")
def mixed_norm_with_sure() -> Any:
    full = {"return_solution": True}
    return {
        "mxne": localized("sure", **full),
        "irmxne": localized("sure", n_mxne_iter=5, **full),
        "nave": localized("sure", sure_sigma="nave", n_mxne_iter=5, rng=2, **full),
        "grid": localized("sure", sure_alpha_grid=[70, 40, 20], sure_sigma=0.1, **full),
        "directions": localized("sure", sure_directions=2, random_state=1, debias=False, **full),
    }


@case("mne")
def mixed_norm_with_outputs() -> Any:
    evoked = inputs()[0]
    twice = evoked.copy()
    twice.data = 2 * evoked.data[:, ::-1]
    return {
        "dipoles": localized(return_as_dipoles=True, n_mxne_iter=5),
        "residual": localized(return_residual=True),
        "everything": localized(
            return_residual=True, return_as_dipoles=True, return_solution=True, pick_ori=None
        ),
        "several": localized(data=[evoked, twice], return_residual=True, return_solution=True),
        "tuple": localized(data=(evoked,)),
    }


@case("mne")
def mixed_norm_with_weights() -> Any:
    import mne

    n_locations = inputs()[1]["nsource"]
    weights = np.random.default_rng(1).uniform(0, 1, n_locations)
    vertices = [space["vertno"] for space in inputs()[1]["src"]]
    estimate = mne.VolSourceEstimate(1e-9 * weights[:, np.newaxis], vertices, 0.0, 1.0)
    return {
        "array": localized(weights=weights, weights_min=0.2, return_solution=True),
        "estimate": localized(weights=estimate, weights_min=3e-10, return_solution=True),
    }


@case("mne")
def mixed_norm_of_epochs_and_raw() -> Any:
    import mne

    epochs, forward, noise_cov = trials()
    some = epochs[:3]
    raw = mne.io.RawArray(epochs.average().data, epochs.info, verbose=False)
    full = {"return_solution": True, "return_residual": True}
    return {
        "averaged": localized(data=epochs),
        "each": mxne_rs.mixed_norm_epochs(some, forward, noise_cov, 40, **full, **DEEP),
        "dipoles": list(
            mxne_rs.mixed_norm_epochs(
                some, forward, noise_cov, 40, return_as_dipoles=True, return_generator=True, **ONE
            )
        ),
        "raw": mxne_rs.mixed_norm_raw(
            raw, forward, noise_cov, 40, tmin=0.004, tmax=0.015, **full, **DEEP
        ),
        "all_of_raw": localized(40, data=raw),
    }


@case("mne")
def mixed_norm_refused() -> Any:
    evoked, forward, noise_cov = inputs()
    refused: list[tuple[Any, dict[str, Any]]] = [
        *((alpha, {}) for alpha in (0, 100, "auto", None, 0.5)),
        (30, {"loose": 2.0}),
        (30, {"loose": 0.0, "pick_ori": "vector"}),
        (30, {"depth": "deep"}),
        (30, {"weights": [1.0]}),
        (30, {"solver": "lasso"}),
        (30, {"time_pca": 1.5}),
        (30, {"n_mxne_iter": 0}),
        (30, {"dgap_freq": 0}),
        (30, {"sure_alpha_grid": [50]}),
        ("sure", {"sure_alpha_grid": [0.5, 0.2]}),
        ("sure", {"rng": 1, "random_state": 1}),
        ("sure", {"sure_sigma": "data"}),
        (30, {"pick_ori": "normal"}),
        (30, {"unknown": 1}),
        (30, {"verbose": "LOUD"}),
    ]
    mixed, each, raw = mxne_rs.mixed_norm, mxne_rs.mixed_norm_epochs, mxne_rs.mixed_norm_raw
    texts = [
        *(refusal(localized, alpha, **options) for alpha, options in refused),
        refusal(mixed, evoked.data, forward, noise_cov),
        refusal(mixed, evoked, noise_cov, forward),
        refusal(mixed, [], forward, noise_cov),
        refusal(each, evoked, forward, noise_cov),
        refusal(each, trials()[0], forward, noise_cov, 40, unknown=3),
        refusal(raw, evoked, forward, noise_cov),
    ]
    return dict(enumerate(texts))


@case("mne", "data")
def mixed_norm_on_a_cortex() -> Any:
    import mne

    evoked = mne.read_evokeds(DATA / "auditory-ave.fif", 0, verbose=False).crop(0.08, 0.11)
    forward = mne.read_forward_solution(DATA / "cortex-1000-meg-eeg-fwd.fif", verbose=False)
    noise_cov = mne.read_cov(DATA / "noise-cov.fif", verbose=False)
    measured = evoked, forward, noise_cov
    full = {"return_solution": True, "return_residual": True, "alpha": 60}
    dipoles = mxne_rs.mixed_norm(*measured, 60, return_as_dipoles=True, **DEEP)
    return {
        "loose": mxne_rs.mixed_norm(*measured, **full, **DEEP),
        "fixed": mxne_rs.mixed_norm(*measured, loose=0, **full, **DEEP),
        "dipoles": dipoles,
        "back": mxne_rs.make_stc_from_dipoles(dipoles, forward["src"], verbose=False),
        "l1l2": mxne_rs.Solver("l1l2", n_threads=1, verbose=False)
        .make_inverse_operator(forward, evoked, noise_cov)
        .apply_inverse_operator(evoked, alpha=0.5),
    }


@case("mne")
def dipoles_as_an_estimate() -> Any:
    src = inputs()[1]["src"]
    dipoles = localized(20, return_as_dipoles=True)
    moved = dipoles[0].copy()
    moved.pos[:] += 0.005
    back = mxne_rs.make_stc_from_dipoles
    return {
        "all": back(dipoles[::-1], src, **QUIET),
        "one": back(dipoles[0], src, **QUIET),
        "none": back([], src, **QUIET),
        "refused": [
            refusal(back, [moved], src),
            refusal(back, [dipoles[0]] * 2, src),
            refusal(back, 3, src),
            refusal(back, dipoles, None),
        ],
    }


@case("mne")
def solvers() -> Any:
    evoked, forward, noise_cov = inputs()
    calls: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
        "mxne": ("mxne", GAP, {}),
        "mxne_sure": ("MxNE", {"loose": 0.3, **GAP}, {"alpha": "sure", "sure_sigma": 0.1}),
        "irmxne": ("irMxNE", {"depth": 0.5, **GAP}, {"alpha": 0.3}),
        "l1l2": ("l1l2", {}, {"l1_spatial": 0.3}),
        "l1l2_options": ("l1l2", {"depth_weighting": 0.5, "alpha": 0.4}, {"center_data": False}),
        "l1l2_ridge": ("l1l2", {"loose": 1.0, "alpha": 0.5}, {"l2_temporal": 1e12}),
        "mce": ("mce", {}, {"alpha": 0.5}),
        "mce_debias": ("mce", {}, {"alpha": 0.6, "debias": True}),
    }
    found = {}
    for name, (kind, made, applied) in calls.items():
        solver = mxne_rs.Solver(kind, n_threads=1, verbose=False, **made)
        before = repr(solver)
        solver = solver.make_inverse_operator(forward, evoked, noise_cov=noise_cov)
        stc = solver.apply_inverse_operator(evoked, **applied)
        assert solver.localization is not None
        solution = solver.localization.solution
        found[name] = [before, repr(solver), stc, solution]
    solver = mxne_rs.Solver("mxne", **ONE).make_inverse_operator(forward)
    return {
        **found,
        "ad_hoc": solver.apply_inverse_operator(evoked),
        "refused": [
            refusal(mxne_rs.Solver, "lasso"),
            refusal(mxne_rs.Solver, "l1l2", depth=0.8),
            refusal(mxne_rs.Solver, "mce", pick=1),
            refusal(mxne_rs.Solver("mxne").apply_inverse_operator, evoked),
            refusal(solver.apply_inverse_operator, evoked, alpha=20),
        ],
    }


@case("mne")
def use_in_mne() -> Any:
    from mne.inverse_sparse import mixed_norm

    measured = inputs()
    found: dict[str, Any] = {}
    with mxne_rs.use_in_mne(n_threads=1):
        for name, options in {
            "mxne": {"alpha": 30, "return_residual": True},
            "irmxne": {"alpha": 30, "n_mxne_iter": 5},
            "sure": {"alpha": "sure", "sure_alpha_grid": [60.0, 40.0, 30.0], "random_state": 0},
            "dipoles": {"alpha": 40, "loose": 1, "return_as_dipoles": True, "debias": False},
            "short": {"alpha": 5, "maxit": 3, "tol": 1e-9},
        }.items():
            found[name] = mixed_norm(*measured, **options, verbose=False)

    @mxne_rs.use_in_mne(n_threads=1)
    def decorated() -> Any:
        return mixed_norm(*measured, alpha=50, verbose=False)

    return {**found, "decorated": decorated(), "refused": refusal(mxne_rs.use_in_mne, n_threads=-1)}


@case("mne")
def stability() -> Any:
    how: dict[str, Any] = {"n_resamples": 4, "n_jobs": 1, "verbose": False, **GAP}
    found = mxne_rs.stability(*trials(), [70, 40], **how)
    other = mxne_rs.stability(
        *trials(), [40, 20], bootstrap=True, rng=1, n_mxne_iter=1, loose=0.3, tmin=0.1, **how
    )
    return {"halves": found, "table": found.rows(), "bootstrap": other, "rows": other.rows(20)}


@case("mne")
def stream_from_mne() -> Any:
    evoked, forward, noise_cov = inputs()
    stream = mxne_rs.Stream.from_mne(evoked.info, forward, noise_cov, 20, 40.0, n_reweights=3)
    names = ["none", *evoked.ch_names[::-1][:60]]
    window = np.vstack([np.zeros(20), evoked.data[::-1][:60]])
    fewer = mxne_rs.Stream.from_mne(
        evoked.info, forward, noise_cov, 20, 40.0, ch_names=names, loose=0.3, depth=None
    )
    seen: list[Any] = []
    with mxne_rs.live.Monitor(stream, seen.append, unit="fT") as monitor:
        monitor.push(evoked.data)
    return {
        "all": stream.update(evoked.data),
        "fewer": fewer.update(window),
        "repr": repr(fewer),
        "monitor": seen,
    }


@case("mne")
def whitener_of_mne() -> Any:
    noise_cov = inputs()[2].copy()
    noise_cov["bads"] = noise_cov["names"][5:8]
    return {"all": white(inputs()[2]), "bads": white(noise_cov)}
