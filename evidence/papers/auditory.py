"""The simulated auditory evoked fields of Strohmeier et al. 2016, section II-D."""

from __future__ import annotations

from dataclasses import dataclass, replace

import mne
import numpy as np

from mxne_rs._arguments.convert import Floats
from mxne_rs.inverse.model import Model, prepare_model
from mxne_rs.simulate import GRADIOMETER_NOISE, MAGNETOMETER_NOISE, TRUE_SOURCES, WIDTH

from .head import Head

#: Trials that are averaged, background dipoles of each, their peak amplitude in Am.
N_TRIALS, N_BACKGROUND, BACKGROUND = 100, 10, 100e-9
#: What is analysed, in s.
WINDOW = (0.060, 0.150)
#: Power of the whitened evoked signal over that of the whitened noise.
SNR = 2.63
#: What the background is made of: complex pairs (Hz, radius) and a real pole, at 1 kHz.
RHYTHMS, DRIFT = ((10.0, 0.98), (20.0, 0.95)), 0.95
#: Samples that the filter runs before what is used begins: its slowest pole forgets in 50.
RUN_IN = 400


@dataclass(frozen=True, eq=False)
class AuditoryField:
    """Signal and noise of a single trial, both whitened."""

    #: In s.
    times: Floats
    #: What the true sources produce, (rank, n_times).
    signal: Floats
    #: Field of a background dipole of unit variance at each location, (rank, n_locations).
    background: Floats
    #: Noise of the sensors by themselves, which goes through the same filter, (rank, n_channels).
    sensors: Floats
    #: What all noise was multiplied with to make the SNR of the average `SNR` in expectation.
    scale: float

    def within(self, tmin: float, tmax: float) -> AuditoryField:
        """The same for the samples of a window, both ends included."""
        inside = (self.times > tmin - 1e-6) & (self.times < tmax + 1e-6)
        return replace(self, times=self.times[inside], signal=self.signal[:, inside])

    def noise(self, rng: np.random.Generator, n_trials: int = N_TRIALS) -> Floats:
        """Draw the noise of an average of trials, (rank, n_times)."""
        places = rng.integers(self.background.shape[1], size=n_trials * N_BACKGROUND)
        courses = autoregressive(rng, len(places), len(self.times)) / n_trials
        own = autoregressive(rng, self.sensors.shape[1], len(self.times)) / n_trials**0.5
        return np.asarray(self.background[:, places] @ courses + self.sensors @ own)


def autoregressive(rng: np.random.Generator, n_series: int, n_times: int) -> Floats:
    """Series (n_series, n_times) of an auto-regressive process of order 5, of unit variance.

    Examples
    --------
    >>> import numpy as np
    >>> from papers.auditory import autoregressive
    >>> series = autoregressive(np.random.default_rng(0), 2000, 50)
    >>> series.shape, bool(abs(series.var() - 1) < 0.1)
    ((2000, 50), True)
    """
    from scipy.signal import lfilter

    poles = [radius * np.exp(2j * np.pi * rate / 1000) for rate, radius in RHYTHMS]
    coefficients = np.poly([*poles, *np.conj(poles), DRIFT]).real
    impulse = np.zeros(2 * RUN_IN)
    impulse[0] = 1.0
    gain = np.linalg.norm(lfilter([1.0], coefficients, impulse))
    white = rng.standard_normal((n_series, RUN_IN + n_times))
    return np.asarray(lfilter([1.0], coefficients, white)[:, RUN_IN:] / gain)


def prepare_auditory(head: Head, depth: float = 0.8) -> tuple[Model, AuditoryField]:
    """Whiten a head by the covariance that its noise has in truth, and the signal with it.

    The covariance is that of a trial, over all places that background dipoles may have: known, not
    estimated, so that one gain serves all repetitions. The model has free orientation, the field
    reaches from -200 to 300 ms at 1 kHz.

    Examples
    --------
    >>> from papers.auditory import prepare_auditory
    >>> from papers.head import volume_head
    >>> model, field = prepare_auditory(volume_head(spacing=25.0))
    >>> model.n_orient, field.within(0.06, 0.15).signal.shape
    (3, (306, 91))
    """
    info = head.info(1000.0)
    times = np.arange(-200, 301) / 1000
    columns = np.asarray(head.forward["sol"]["data"], dtype=np.float64)
    columns = columns.reshape(len(columns), -1, 3)
    # A peak is three standard deviations.
    background = BACKGROUND / 3 * np.einsum("cln,ln->cl", columns, head.normals)
    kinds = np.array(info.get_channel_types())
    std = np.where(kinds == "grad", GRADIOMETER_NOISE, MAGNETOMETER_NOISE)
    covariance = N_BACKGROUND / head.n_locations * background @ background.T + np.diag(std**2)
    signal = np.zeros((len(columns), len(times)))
    for source, location, direction in zip(TRUE_SOURCES, head.true, head.directions, strict=True):
        course = np.exp(-0.5 * ((times - source.latency) / WIDTH) ** 2)
        signal += np.outer(columns[:, location] @ direction, 1e-9 * source.amplitude * course)
    noise_cov = mne.Covariance(covariance, info["ch_names"], [], [], nfree=10000, verbose="ERROR")
    with mne.utils.use_log_level("ERROR"):
        model = prepare_model(info, head.forward, noise_cov, loose=1.0, depth=depth)
    # Whitened noise has variance one in a trial, 1 / N_TRIALS in the average. To have it `scale`
    # times as strong, its covariance is `scale` squared times as large: the signal is divided.
    white = AuditoryField(times, model.whitener @ signal, background, background, 1.0)
    wanted = white.within(*WINDOW).signal
    scale = float(np.sqrt(np.sum(wanted**2) * N_TRIALS / (SNR * wanted.size)))
    whitened = (model.whitener @ background, model.whitener * std)
    return model, AuditoryField(times, white.signal / scale, *whitened, scale)
