"""Calls what is around the solvers on arrays: streams, sweeps, refusals, signatures."""

from __future__ import annotations

import contextlib
import copy
import inspect
import io
import re
import tempfile
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

import mxne_rs
import mxne_rs.command
import mxne_rs.live
import mxne_rs.simulate
import mxne_rs.study
from answers import case, digest, refusal
from cases import ONE, part, problem


def recording(n_samples: int) -> Any:
    """Draw a recording of 30 sensors with one source."""
    data = np.random.default_rng(5).standard_normal((30, n_samples))
    return data + 2 * np.outer(problem()[0][:, 9], np.sin(np.arange(n_samples) / 3))


def fed(stream: Any) -> list[Any]:
    """Feed a stream with windows, of which two cannot be solved; return the estimates."""
    data, n_times, hop = recording(100), stream.n_times, stream.hop
    found = []
    for i in range(8):
        window = data[:, i * hop : i * hop + n_times].copy()
        if i == 3:
            window[2, 1] = np.nan
        if i == 5:
            window[4] = 1.0
            stream.skip(1)
        if i == 6:
            stream.reset()
        found.append(stream.update(window))
    return found


@case()
def streams() -> Any:
    gain = problem()[0]
    rules: dict[str, dict[str, Any]] = {
        "percent": {"alpha": 40.0},
        "noise": {"alpha": 1.0, "alpha_floor": "noise", "hop": 3},
        "absolute": {"alpha": 30.0, "alpha_mode": "absolute", "warm_start": False},
        "tracked": {"alpha_mode": "tracked"},
        "reweighted": {"alpha": 40.0, "n_reweights": 3, "tol": 1e-6},
        "mne": {"alpha": 40.0, "n_reweights": 3, "amplitude_unit": "mne"},
        "free": {"alpha": 50.0, "n_orient": 3},
    }
    return {name: fed(mxne_rs.Stream(gain, 8, **how)) for name, how in rules.items()}


@case()
def stream_with_whitener() -> Any:
    matrix = np.random.default_rng(6).standard_normal((30, 32))
    window = np.random.default_rng(9).standard_normal((32, 8))
    stream = mxne_rs.Stream(mxne_rs.Gain(problem()[0]), 8, whitener=matrix)
    return {
        "repr": repr(stream),
        "sizes": [stream.n_channels, stream.n_times, stream.hop],
        "first": stream.update(window),
        "copy": copy.copy(stream).update(window),
        "amplitudes": stream.update(2 * window).amplitudes(),
    }


@case()
def monitor() -> Any:
    data, seen = recording(90), []
    stream = mxne_rs.Stream(problem()[0], 12, 40.0, hop=6)
    how: dict[str, Any] = {"sfreq": 100.0, "unit": "uV", "max_waiting": 99}
    with mxne_rs.live.Monitor(stream, seen.append, **how) as running:
        running.push(1e6 * data[:, :25])
        running.skip(7)
        running.push(1e6 * data[:, 32:60])
        running.skip(2, is_past=True)
        running.push(1e6 * data[:, 60:], time=2.5)
    return {"updates": seen, "statistics": running.statistics()}


class Epochs(SimpleNamespace):
    """Stands for the epochs of mne-lsl: a buffer that is read once."""

    @property
    def connected(self) -> bool:
        """Whether there is anything to read yet."""
        self.looks += 1
        return self.looks < 3

    def get_data(self, **_: Any) -> Any:
        """Return what is in the buffer."""
        return self.data


@case()
def epochs_of_a_stream() -> Any:
    channels = [{"unit_mul": -6 if i else 0} for i in range(30)]
    info = {"ch_names": [str(i) for i in range(30)], "chs": channels}
    data = recording(24).reshape(30, 3, 8).swapaxes(0, 1) * np.r_[1.0, [1e6] * 29][:, np.newaxis]
    epochs = Epochs(
        info=info, times=np.arange(8.0), data=data, events=np.array([4, 2, 4]), n_new_epochs=0,
        looks=0,
    )  # fmt: skip
    stream = mxne_rs.Stream(problem()[0], 8, 40.0)
    wrong = mxne_rs.Stream(problem()[0], 9)
    return {
        "updates": list(mxne_rs.live.solve_epochs(epochs, stream, pause=lambda: None)),
        "wrong": refusal(next, mxne_rs.live.solve_epochs(epochs, wrong)),
    }


def prepare(arrays: Mapping[str, Any], settings: Mapping[str, Any]) -> Any:
    """Prepare a gain for all parts of a study."""
    return mxne_rs.Gain(arrays["gain"]), arrays["data"], settings["share"]


def solve(prepared: Any, key: str) -> dict[str, Any]:
    """Solve the part of a study that a key names."""
    gain, data, share = prepared
    data = data + np.random.default_rng(int(key)).standard_normal(data.shape)
    found = mxne_rs.solve_mxne(gain, data, part(gain, data, share), max_iter=9, **ONE)
    return {"x": found.sources, "active": found.active_set, "gap": np.float64(found.gap)}


@case()
def study() -> Any:
    gain, data = problem()
    arrays, costs = {"gain": gain, "data": data}, []
    study = mxne_rs.study.Study(
        "parts", ["1", "2", "3"], prepare, solve, arrays, {"share": 0.3}, n_solves=200
    )
    how: dict[str, Any] = {"n_jobs": 1, "announce": costs.append, "verbose": False}
    with tempfile.TemporaryDirectory() as folder:
        first = mxne_rs.study.run_study(study, store=folder, **how)
        again = mxne_rs.study.run_study(study, store=folder, **how)
    counts = [[one.n_parts, one.n_solves, one.n_workers, one.n_bytes] for one in costs]
    return {
        "first": first, "again": again, "counts": counts,
        "cost": str(mxne_rs.study.Cost(100, 2000, 2, 48_000_000, 900.0)),
    }  # fmt: skip


@case("sklearn")
def estimator() -> Any:
    from mxne_rs.sklearn import MixedNorm

    gain, data = problem()

    def fit(y: Any = data, **options: Any) -> Any:
        model = MixedNorm(n_threads=1, **options).fit(gain, y)
        names = ("coef_", "intercept_", "alpha_max_", "alpha_", "dual_gap_", "n_iter_")
        return {
            "repr": repr(model),
            **{name: getattr(model, name) for name in names},
            "solution": model.solution_,
            "predicted": model.predict(gain[:3]),
            "score": model.score(gain, y),
        }

    warm = MixedNorm(0.3, warm_start=True, n_threads=1).fit(gain, data)
    return {
        "default": fit(),
        "one_target": fit(data[:, 0], alpha=0.4, fit_intercept=True),
        "intercept": fit(alpha=0.3, fit_intercept=True, weights=some(60)),
        "free": fit(alpha=0.3, n_orient=3, n_reweights=5, amplitude_unit="largest"),
        "above": fit(alpha=1.5),
        "short": fit(alpha=0.2, max_iter=5, tol=1e-9),
        "warm": warm.fit(gain, 1.1 * data).solution_,
    }


def some(count: int) -> Any:
    """Draw positive weights."""
    return np.random.default_rng(8).uniform(0.5, 2, count)


def white(noise_cov: Any) -> dict[str, Any]:
    """Make a whitener; the signs and order of its rows may be others on other machines."""
    matrix = mxne_rs.whitener(noise_cov)
    return {"sha256": digest(matrix), "shape": list(matrix.shape), "square": matrix.T @ matrix}


@case()
def whitener() -> Any:
    rng = np.random.default_rng(4)
    root = rng.standard_normal((12, 20))
    covariance = root @ root.T
    reference = np.eye(12) - 1 / 12
    silent = covariance.copy()
    silent[3] = silent[:, 3] = 0
    return {
        "full": white(covariance),
        "single": white(covariance.astype(np.float32)),
        "reference": white(reference @ covariance @ reference),
        "silent": white(silent),
        "mapping": white({"data": np.diag(covariance), "diag": True}),
    }


@case()
def refusals() -> Any:
    gain, data = problem()
    mxne, irmxne, path = mxne_rs.solve_mxne, mxne_rs.solve_irmxne, mxne_rs.solve_path
    found = mxne(gain, data, 60.0, **ONE)
    calls: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = [
        *((mxne, (gain, data, alpha), {}) for alpha in (0, -1.0, "sure", None, np.nan, True)),
        *((mxne, (gain, array, 1.0), {}) for array in (data[:9], data[0], data * np.nan, "x")),
        *((mxne, (array, data, 1.0), {}) for array in (gain[0], gain * np.inf, gain * 1j)),
        (mxne, (gain, data, 1.0), {"n_orient": 7}),
        (mxne, (mxne_rs.Gain(gain), data, 1.0), {"n_orient": 2}),
        (mxne, (gain, data, 1.0), {"weights": [1.0, 2.0]}),
        (mxne, (gain, data, 1.0), {"weights": np.full(60, -1.0)}),
        (mxne, (gain, data, 1.0), {"ridge": -1}),
        (mxne, (gain, data, 1.0), {"tol": 0}),
        (mxne, (gain, data, 1.0), {"max_iter": 2.5}),
        (mxne, (gain, data, 1.0), {"time_limit": "1 s"}),
        (mxne, (gain, data, 1.0), {"init": data}),
        (mxne, (gain[:, :30], data, 1.0), {"init": found}),
        (mxne, (gain, data, 1.0), {"solver": "cd"}),
        (mxne, (gain, data, 1.0), {"active_set_size": 0}),
        (mxne, (gain, data, 1.0), {"n_threads": -1}),
        (mxne, (gain, data, 1.0), {"verbose": "LOUD"}),
        (mxne, (gain, data, 1.0), {"unknown": 1}),
        (mxne, (gain, "x", -1.0), {"tol": -1, "solver": 3}),
        (irmxne, (gain, data, 1.0), {"n_reweights": 0}),
        (irmxne, (gain, data, 1.0), {"tol_reweight": -1}),
        (irmxne, (gain, data, 1.0), {"surrogate": "l0"}),
        (irmxne, (gain, data, 1.0), {"amplitude_unit": "nAm"}),
        (irmxne, (gain, data, 1.0), {"amplitude_unit": 0}),
        (path, (gain, data, []), {}),
        (path, (gain, data), {"eps": 1.5}),
        (path, (gain, 0 * data), {}),
        (path, (gain, data), {"n_alphas": 0}),
        (mxne_rs.solve_batch, (gain, data, 1.0), {}),
        (mxne_rs.solve_batch, (gain, [data, data], [1.0]), {}),
        (mxne_rs.solve_sure, (gain, data), {"sigma": 0}),
        (mxne_rs.solve_sure, (gain, data), {"sigma": [1.0, 2.0]}),
        (mxne_rs.solve_sure, (gain, data), {"rng": "x"}),
        (mxne_rs.solve_sure, (gain, data), {"debias": 2}),
        (mxne_rs.choose_alpha, (gain, data), {"method": "aic"}),
        (mxne_rs.choose_alpha, (gain, data), {"method": "stability"}),
        (mxne_rs.choose_alpha, (gain, data), {"method": "n_sources"}),
        (mxne_rs.choose_alpha, (gain, data, [1.0]), {"method": "map"}),
        (mxne_rs.choose_alpha, (gain, data), {"method": "cv", "n_folds": 1}),
        (mxne_rs.choose_alpha, (gain, data), {"method": "gof", "gof": 2}),
        (mxne_rs.alpha_max, (gain, data), {"weights": 0}),
        (mxne_rs.duality_gap, (gain, data, data, 1.0), {}),
        (mxne_rs.group_soft_threshold, ([1.0], 1.0), {}),
        (mxne_rs.group_soft_threshold, ([[1.0]], -1.0), {}),
        (mxne_rs.debias, (gain, data, gain), {}),
        (mxne_rs.whitener, (gain,), {}),
        (mxne_rs.whitener, (np.triu(np.ones((3, 3))),), {}),
        (mxne_rs.whitener, (-np.eye(3),), {}),
        (mxne_rs.Gain(gain).columns, ([60],), {}),
        (mxne_rs.Stream, (gain, 0), {}),
        (mxne_rs.Stream, (gain, 8), {"alpha_mode": "part"}),
        (mxne_rs.Stream, (gain, 8), {"deadline": 0}),
        (mxne_rs.Stream(gain, 8).update, (data,), {}),
        (mxne_rs.live.Monitor, (mxne_rs.Stream(gain, 8),), {"unit": "volt"}),
        (mxne_rs.study.Study, ("parts", ["a", "a"], prepare, solve), {}),
        (mxne_rs.study.Study, ("parts", "ab", prepare, solve), {}),
    ]
    return dict(enumerate(refusal(function, *args, **how) for function, args, how in calls))


def signature(function: Any) -> str:
    """Write the parameters of a function with their defaults, without their types."""
    found = inspect.signature(function)
    bare = [one.replace(annotation=one.empty) for one in found.parameters.values()]
    text = str(found.replace(parameters=bare, return_annotation=found.empty))
    return re.sub(r" at 0x\w+", "", text)


def signatures_of(module: Any, names: Any) -> dict[str, str]:
    """Write the parameters of what a module has, and of the methods of its classes."""
    found = {}
    for name in names:
        value = getattr(module, name)
        if callable(value) and value is not mxne_rs.ConvergenceWarning:
            found[name] = signature(value)
        for method, function in vars(value).items() if inspect.isclass(value) else ():
            function = getattr(function, "__func__", function)
            if inspect.isfunction(function) and not method.startswith("_"):
                found[f"{name}.{method}"] = signature(function)
    return found


@case()
def signatures() -> Any:
    live = ("EpochUpdate", "Monitor", "Statistics", "Update", "solve_epochs")
    simulate = ("TrueSource", "simulate_auditory", "simulate_epochs", "write_simulation")
    return {
        "mxne_rs": signatures_of(mxne_rs, mxne_rs.__all__),
        "live": signatures_of(mxne_rs.live, live),
        "simulate": signatures_of(mxne_rs.simulate, simulate),
        "study": signatures_of(mxne_rs.study, ("Cost", "Study", "run_study")),
        "command": signatures_of(mxne_rs.command, ("main",)),
    }


@case()
def options_of_commands() -> Any:
    found = {}
    for command in ("localize", "path", "simulate", "stream", "replay", "reproduce"):
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
            mxne_rs.command.main([command, "--help"])
        found[command] = sorted(set(re.findall(r"^ +(--[\w-]+)", shown.getvalue(), re.MULTILINE)))
    return found


@case("sklearn")
def signatures_of_estimator() -> Any:
    import mxne_rs.sklearn

    return signatures_of(mxne_rs.sklearn, ("MixedNorm",))


@case()
def words() -> Any:
    kinds = [one.__name__ for one in mxne_rs.ConvergenceWarning.__mro__]
    return {
        "solvers": mxne_rs.list_solvers(),
        "warning": kinds,
        "record": mxne_rs.Record._fields,
        "version": [number.isdecimal() for number in mxne_rs.__version__.split(".")],
        "sources": list(mxne_rs.simulate.TRUE_SOURCES),
    }
