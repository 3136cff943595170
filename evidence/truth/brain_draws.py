"""Noise that is not white, and simulated sources to find in it.

Two families, each with a control of white noise: in "recorded" the noise is the baseline of two
auditory responses, whitened by the recording's noise covariance, in loose orientation; in
"simulated" it is that of papers/002, background dipoles and sensors through an auto-regressive
filter, whitened by its exact covariance, in free orientation.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import mne
import numpy as np
from numpy.typing import NDArray

from mxne_rs._arguments.convert import Floats
from mxne_rs.inverse.model import Model, prepare_model
from mxne_rs.simulate import WIDTH
from papers.auditory import WINDOW, AuditoryField, prepare_auditory
from papers.files import data_files
from papers.head import Head, cortical_head

#: Responses, covariance; forward solution and labels of the cortex.
RESPONSES, COVARIANCE = "auditory-ave.fif", "noise-cov.fif"
CORTEX = ("cortex-7498-meg-fwd.fif", "cortex-7498-labels.npz")
#: Of the recording: what is analysed, in s, and MNE's default orientation for a cortex.
RESPONSE, LOOSE = (0.05, 0.15), 0.2
#: Depth weightings that are compared.
DEPTHS = (0.8, 1.0)
#: Every so many samples are kept: 300 and 333 Hz, of fields below 40 Hz.
DECIMATION = {"recorded": 2, "simulated": 3}
#: True sources are at least so far apart, in m.
APART = 0.03


class Kind(NamedTuple):
    """A kind of noise, of unit nominal variance in each whitened sensor and sample."""

    name: str
    #: "recorded" or "simulated": which model whitens it.
    family: str
    #: Trials that are averaged, of background dipoles; 0 for the others.
    n_trials: int = 0


#: The controls, and what they are compared with. 100 trials are those of papers/002, where 1000
#: background dipoles are nearly Gaussian; 3 are those of the recording, where 30 dipoles are left.
KINDS = (
    Kind("white, recorded model", "recorded"),
    Kind("baseline", "recorded"),
    Kind("white, simulated model", "simulated"),
    Kind("background, 100 trials", "simulated", 100),
    Kind("background, 3 trials", "simulated", 3),
)
#: The control of each family.
WHITE = {kind.family: kind.name for kind in KINDS if kind.name.startswith("white")}


@dataclass(frozen=True, eq=False)
class Family:
    """What data of one model are drawn from."""

    #: Whitened fields of a dipole normal to the cortex at every location, (rank, n_locations).
    fields: Floats
    #: Of the window that is analysed, in s, before decimation.
    times: Floats
    #: Every so many samples are kept.
    decimation: int
    #: Whitened baselines of unit nominal variance, one for each condition; none if simulated.
    baselines: tuple[Floats, ...] = ()
    #: The noise of papers/002; None if recorded.
    background: AuditoryField | None = None

    @property
    def n_times(self) -> int:
        """Number of samples that are kept."""
        return len(self.times[:: self.decimation])

    def noise(self, rng: np.random.Generator, kind: Kind) -> Floats:
        """Draw noise of a kind, (rank, n_times)."""
        if kind.name == WHITE[kind.family]:
            return rng.standard_normal((len(self.fields), self.n_times))
        if self.background is not None:
            noise = self.background.noise(rng, kind.n_trials) * kind.n_trials**0.5
        else:
            noise = mixed_windows(rng, self.baselines, len(self.times))
        return np.asarray(noise[:, :: self.decimation])

    def signal(self, rng: np.random.Generator, locations: NDArray[np.intp]) -> Floats:
        """Draw the field of sources, (rank, n_times): equally strong in the sensors, norm 1.

        Each is a Gaussian over time that peaks in the middle half of the samples.
        """
        times = self.times[:: self.decimation]
        first, last = times[[0, -1]]
        peaks = rng.uniform(0.75 * first + 0.25 * last, 0.25 * first + 0.75 * last, len(locations))
        courses = np.exp(-0.5 * ((times - peaks[:, np.newaxis]) / WIDTH) ** 2)
        courses /= np.linalg.norm(courses, axis=1, keepdims=True)
        fields = self.fields[:, locations]
        signal = fields / np.linalg.norm(fields, axis=0) @ courses
        return np.asarray(signal / np.linalg.norm(signal))


def mixed_windows(rng: np.random.Generator, baselines: tuple[Floats, ...], n_times: int) -> Floats:
    """Draw windows of several baselines, and mix them with weights of norm 1.

    Each window begins at a random sample and runs forwards or backwards; weights have signs. Noise
    of independent baselines keeps its covariance over sensors and over time.

    Examples
    --------
    >>> import numpy as np
    >>> from truth.brain_draws import mixed_windows
    >>> rng = np.random.default_rng(0)
    >>> baselines = tuple(rng.standard_normal((2, 500, 121)))
    >>> round(float(mixed_windows(rng, baselines, 60).std()), 1)
    1.0
    """
    weights = rng.standard_normal(len(baselines))
    weights /= np.linalg.norm(weights)
    windows = []
    for baseline in baselines:
        start = rng.integers(baseline.shape[1] - n_times + 1)
        windows.append(baseline[:, start : start + n_times][:, :: rng.choice([-1, 1])])
    return np.asarray(sum(weight * window for weight, window in zip(weights, windows, strict=True)))


def draw_locations(
    rng: np.random.Generator, places: Floats, strength: Floats, n_sources: int
) -> NDArray[np.intp]:
    """Draw locations at least `APART` from each other, of at least median `strength`.

    Examples
    --------
    >>> import numpy as np
    >>> from truth.brain_draws import draw_locations
    >>> places = np.array([[0.0, 0, 0], [0.01, 0, 0], [0.05, 0, 0]])
    >>> drawn = draw_locations(np.random.default_rng(0), places, np.array([2.0, 1.0, 3.0]), 2)
    >>> sorted(drawn.tolist())
    [0, 2]
    """
    drawn: list[int] = []
    for location in rng.permutation(np.flatnonzero(strength >= np.median(strength))):
        others = places[drawn]
        if (np.linalg.norm(others - places[location], axis=1) >= APART).all():
            drawn.append(int(location))
        if len(drawn) == n_sources:
            return np.array(drawn)
    raise ValueError(f"n_sources is {n_sources}, but only {len(drawn)} fit; give fewer")


def prepare_arrays(
    data: str | os.PathLike[str] | None, every: int, cortex: tuple[str, str] = CORTEX
) -> dict[str, NDArray[Any]]:
    """Read the recording, and make the arrays of all families: gains, fields, noise, responses.

    Gains, places and fields hold every `every`-th location. `data` is the folder of the recording,
    None that of MXNE_RS_DATA.
    """
    files = data_files(data, RESPONSES, COVARIANCE, *cortex)
    if files is None:
        raise FileNotFoundError(
            f"data: MXNE_RS_DATA names no folder with {RESPONSES}, {COVARIANCE}, "
            f"{' and '.join(cortex)}; give the folder, real noise is not made up"
        )
    responses, covariance, *head_files = files
    head = cortical_head(*head_files)
    kept = np.arange(0, head.n_locations, every)
    places = np.asarray(head.forward["source_rr"], dtype=np.float64)
    arrays: dict[str, NDArray[Any]] = {"places": places[kept]}
    evokeds = mne.read_evokeds(responses, verbose="ERROR")
    noise_cov = mne.read_cov(covariance, verbose="ERROR")
    for depth in DEPTHS:
        with mne.utils.use_log_level("ERROR"):
            model = prepare_model(
                evokeds[0].info, head.forward, noise_cov, loose=LOOSE, depth=depth
            )
        simulated, field = prepare_auditory(head, depth)
        arrays[f"gain recorded {depth:g}"] = model.gain.columns(kept)
        arrays[f"gain simulated {depth:g}"] = simulated.gain.columns(kept)
    # Whitener and noise do not depend on the depth weighting.
    arrays["fields recorded"] = normal_fields(model, head)[:, kept]
    inside = _within(evokeds[0].times, *RESPONSE)
    arrays["times recorded"] = evokeds[0].times[inside]
    for evoked in evokeds:
        # Of a single trial.
        white = model.whiten(evoked) * evoked.nave**0.5
        arrays[f"baseline {evoked.comment}"] = white[:, evoked.times < 0]
        arrays[f"response {evoked.comment}"] = white[:, inside][:, :: DECIMATION["recorded"]]
    analysed = field.within(*WINDOW)
    arrays["fields simulated"] = analysed.background[:, kept]
    arrays["times simulated"] = analysed.times
    # Background dipoles may be at every location, not only where sources are looked for.
    arrays["background simulated"] = analysed.background
    arrays["sensors simulated"] = analysed.sensors
    return arrays


def normal_fields(model: Model, head: Head) -> Floats:
    """Whiten the fields of dipoles of 1 Am normal to the cortex, (rank, n_locations)."""
    names = head.forward["sol"]["row_names"]
    rows = [names.index(name) for name in model.info["ch_names"]]
    columns = np.asarray(head.forward["sol"]["data"], dtype=np.float64)[rows]
    columns = columns.reshape(len(rows), -1, 3)
    return np.asarray(model.whitener @ np.einsum("cln,ln->cl", columns, head.normals))


def families_of(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Family]:
    """Make the families from what `prepare_arrays` returns."""
    baselines = tuple(arrays[name] for name in sorted(arrays) if name.startswith("baseline "))
    times = arrays["times simulated"]
    dipoles, sensors = arrays["background simulated"], arrays["sensors simulated"]
    # The signal of papers/002 is not used.
    background = AuditoryField(times, np.zeros((len(dipoles), len(times))), dipoles, sensors, 1.0)
    return {
        "recorded": Family(
            arrays["fields recorded"], arrays["times recorded"], DECIMATION["recorded"], baselines
        ),
        "simulated": Family(
            arrays["fields simulated"], times, DECIMATION["simulated"], background=background
        ),
    }


def _within(times: Floats, tmin: float, tmax: float) -> NDArray[np.bool_]:
    return np.asarray((times >= tmin - 1e-6) & (times <= tmax + 1e-6))
