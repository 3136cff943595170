"""Epochs of a recording: resampled averages, and what dSPM and RAP-MUSIC make of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mne
import numpy as np
from numpy.typing import NDArray

from mxne_rs import Gain
from mxne_rs._arguments.convert import Floats
from mxne_rs.alpha.criteria import draw_trials
from mxne_rs.inverse.model import Model, prepare_model
from mxne_rs.study import Part, Study

from .auditory import N_TRIALS, AuditoryField
from .estimates import Estimate, estimate_sources, measured
from .head import Head

#: Baseline that noise covariances are estimated from, samples that the goodness of fit is of, in s.
BASELINE, PEAK = (-0.2, -0.02), (0.09, 0.15)
#: Part of the epochs in a resample.
SHARE = 0.8


@dataclass(frozen=True, eq=False)
class Recording:
    """Epochs made ready to be resampled."""

    name: str
    #: Average of all, in the window; forward solution; covariance of the baseline of all epochs.
    evoked: Any
    forward: Any
    noise_cov: Any
    #: Free orientation.
    model: Model
    #: Whitened, in the window: (n_epochs, rank, n_times).
    trials: Floats
    #: Samples that the goodness of fit is of, (n_times,).
    peak: NDArray[np.bool_]
    #: From true sources in m, (2, n_locations), where the epochs are simulated.
    distances: Floats | None

    @property
    def average(self) -> Floats:
        """Whitened average of all epochs."""
        return np.asarray(self.trials.mean(axis=0))

    @staticmethod
    def of(
        epochs: Any,
        forward: Any,
        window: tuple[float, float],
        *,
        depth: float = 0.8,
        distances: Floats | None = None,
        name: str = "recorded epochs",
    ) -> Recording:
        """Whiten epochs by the covariance of their baseline."""
        if epochs.tmin > BASELINE[1] - 0.05:
            raise ValueError(
                f"epochs begin at {epochs.tmin:g} s; noise is estimated before {BASELINE[1]} s, "
                "give epochs with at least 50 ms before that"
            )
        with mne.utils.use_log_level("ERROR"):
            noise_cov = mne.compute_covariance(
                epochs, tmin=max(epochs.tmin, BASELINE[0]), tmax=BASELINE[1], method="empirical"
            )
            evoked = epochs.average(picks="all").crop(*window)
            model = prepare_model(epochs.info, forward, noise_cov, loose=1.0, depth=depth)
            evoked.pick(model.info["ch_names"])
            inside = epochs.copy().load_data().crop(*window)
            trials = inside.get_data(picks=model.info["ch_names"])
        peak = (evoked.times >= PEAK[0] - 1e-6) & (evoked.times <= PEAK[1] + 1e-6)
        if not peak.any():
            peak = np.ones(len(evoked.times), dtype=bool)
        white = np.matmul(model.whitener, trials)
        return Recording(name, evoked, forward, noise_cov, model, white, peak, distances)


def simulate_epochs(head: Head, model: Model, field: AuditoryField, seed: int) -> Any:
    """Make `N_TRIALS` epochs of what `prepare_auditory` returns, -200 to 300 ms at 500 Hz."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0, 0]))
    inverse = field.scale * np.linalg.pinv(model.whitener)
    trials = [
        (inverse @ (field.signal + field.noise(rng, n_trials=1)))[:, ::2] for _ in range(N_TRIALS)
    ]
    info = head.info(500.0)
    return mne.EpochsArray(np.array(trials), info, tmin=float(field.times[0]), verbose="ERROR")


def resampling_study(
    recording: Recording, percents: Sequence[float], n_resamples: int, seed: int, tol: float
) -> Study:
    """Solve MxNE and irMxNE on averages of random four fifths of the epochs.

    `mxne_rs.resampling` counts active locations; the agreement of supports needs each support. A
    part has ``active`` (2, n_alphas, n_locations) and ``fit`` (2, n_alphas, 2): the goodness of
    fit in percent, without and with debiasing.
    """
    gain = recording.model.gain
    return Study(
        "TMI 2016, resampled epochs",
        [f"{index:04d}" for index in range(n_resamples)],
        _prepare,
        _solve,
        {
            "gain": gain.columns(np.arange(gain.n_locations)),
            "trials": recording.trials,
            "peak": recording.peak,
        },
        {"percents": [float(one) for one in percents], "seed": seed, "tol": tol},
        n_solves=2 * len(percents),
    )


def _prepare(arrays: Mapping[str, NDArray[Any]], settings: Mapping[str, Any]) -> Any:
    return Gain(arrays["gain"], 3), arrays["trials"], arrays["peak"], settings


def _solve(prepared: Any, key: str) -> Part:
    gain, trials, peak, settings = prepared
    rng = np.random.default_rng(np.random.SeedSequence([settings["seed"], 1, int(key)]))
    data = trials[draw_trials(len(trials), SHARE, False, rng)].mean(axis=0)
    found = estimate_sources(gain, data, settings["percents"], settings["tol"])
    return {
        "active": measured(found, lambda one: one.active),
        "fit": measured(found, lambda one: goodness_of_fit(gain, data, one, peak)),
    }


def goodness_of_fit(
    gain: Gain, data: Floats, estimate: Estimate, peak: NDArray[np.bool_]
) -> tuple[float, float]:
    """Measure the explained power in percent, without and with debiasing."""
    power = float(np.sum(data[:, peak] ** 2))
    if power == 0:
        return 0.0, 0.0
    plain, debiased = (
        100 * (1 - float(np.sum((data - fit)[:, peak] ** 2)) / power)
        for fit in estimate.fits(gain, data)
    )
    return plain, debiased


@dataclass(frozen=True, eq=False)
class Others:
    """What established methods of MNE give on the average of all epochs."""

    #: Largest dSPM score of each location in the window.
    scores: Floats
    #: Dipoles of RAP-MUSIC: in m, head coordinates; in Am, (n_dipoles, n_times).
    positions: Floats
    courses: Floats
    #: Their goodness of fit in percent, least squares, whitened.
    fit: float
    #: Eigenvalues of the whitened data's covariance above that of noise.
    rank: int


def compare_others(recording: Recording, n_dipoles: int, depth: float = 0.8) -> Others:
    """Localize the average of all epochs by dSPM (with `depth`) and RAP-MUSIC (`n_dipoles`)."""
    from mne.beamformer import rap_music
    from mne.minimum_norm import apply_inverse, make_inverse_operator

    evoked, forward, noise_cov = recording.evoked, recording.forward, recording.noise_cov
    with mne.utils.use_log_level("ERROR"):
        operator = make_inverse_operator(evoked.info, forward, noise_cov, loose=1.0, depth=depth)
        scores = apply_inverse(evoked, operator, lambda2=1 / 9, method="dSPM").data.max(axis=1)
        dipoles, residual = rap_music(
            evoked, forward, noise_cov, n_dipoles=n_dipoles, return_residual=True
        )
    data = recording.model.whiten(evoked)
    left = recording.model.whiten(residual)
    peak = recording.peak
    fit = 100 * (1 - np.sum(left[:, peak] ** 2) / np.sum(data[:, peak] ** 2))
    # The noise of the average has variance 1 / nave.
    eigenvalues = np.linalg.svd(data, compute_uv=False) ** 2 * evoked.nave / data.shape[1]
    return Others(
        np.asarray(scores),
        np.array([dipole.pos[0] for dipole in dipoles]),
        np.array([dipole.amplitude for dipole in dipoles]),
        float(fit),
        int((eigenvalues > 1).sum()),
    )
