"""Recordings of a phantom: dipoles of known position, one after the other, in one raw file."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mne
import numpy as np
from numpy.typing import NDArray

from mxne_rs._arguments.convert import Floats
from mxne_rs.inverse.model import Model, prepare_model

#: Files of the layout of mne.datasets.brainstorm.bst_phantom_elekta, such as
#: kojak_all_200nAm_pp_no_chpi_no_ms_raw.fif: the name has the current, "pp" from peak to peak.
PATTERN = "*nAm*raw.fif"
CURRENT = re.compile(r"([\d.]+)nAm(_pp)?")
#: Channel whose code is the number of the dipole, from 1; channels that are bad in the data set.
TRIGGERS, BADS = "STI201", ("MEG1933", "MEG2421")
#: Epochs, and the end of the baseline, before which no filter rings, in s.
EPOCH, BASELINE_END = (-0.1, 0.1), -0.05
#: Trials of a dipole: the first and the last, which may have artefacts of switching, are left out.
FEWEST_TRIALS = 3
#: The sphere of the phantom: centre in head coordinates and radius, in m.
CENTRE, RADIUS = (0.0, 0.0, 0.0), 0.08
#: Locations lie so far from the centre, where MEG is blind, and at most so far; in m.
INNER, OUTER = 0.02, 0.07
#: Samples that are analysed around the peak, in s.
AROUND = 0.01


@dataclass(frozen=True, eq=False)
class Phantom:
    """The averages of all dipoles of a file."""

    name: str
    #: Peak of the current, in Am.
    amplitude: float
    #: Numbers of the dipoles, from 1; their averages around the peak, by dipole and part of the
    #: trials.
    numbers: tuple[int, ...]
    evokeds: list[list[Any]]
    #: Of all baselines.
    noise_cov: Any
    #: Time at which the fields are strongest, in s.
    peak: float

    @property
    def info(self) -> Any:
        """Measurement information of the averages."""
        return self.evokeds[0][0].info


def find_files(data: str | os.PathLike[str] | None) -> list[Path]:
    """Find the recordings in a folder, smallest current first.

    Examples
    --------
    >>> from truth.phantom_data import find_files
    >>> find_files("nowhere")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    FileNotFoundError: data: there is no file *nAm*raw.fif in nowhere; give the folder of ...
    """
    remedy = (
        "give the folder of a phantom recording such as that of "
        "mne.datasets.brainstorm.bst_phantom_elekta (kojak_all_200nAm_pp_no_chpi_no_ms_raw.fif)"
    )
    if data is None:
        raise ValueError(f"data is None; {remedy}")
    files = sorted(Path(data).glob(PATTERN), key=current_of)
    if not files:
        raise FileNotFoundError(f"data: there is no file {PATTERN} in {Path(data)}; {remedy}")
    return files


def current_of(path: Path) -> float:
    """Read the peak of the current in Am from the name of a file.

    Examples
    --------
    >>> from pathlib import Path
    >>> from truth.phantom_data import current_of
    >>> round(1e9 * current_of(Path("kojak_all_200nAm_pp_no_chpi_no_ms_raw.fif")))
    100
    """
    found = CURRENT.search(path.name)
    if found is None:
        raise ValueError(f"data: {path.name} does not name its current, such as 200nAm_pp")
    return float(found[1]) * 1e-9 / (2 if found[2] else 1)


def read_phantom(path: Path, n_dipoles: int, repetitions: int, seed: int) -> Phantom:
    """Average the trials of each dipole, in so many parts drawn at random.

    Events with other codes than 1 to `n_dipoles` are ignored. The peak is the sample at which the
    whitened averages are strongest.
    """
    raw = mne.io.read_raw_fif(path, verbose="ERROR")
    if TRIGGERS not in raw.ch_names:
        raise ValueError(
            f"data: {path.name} has no channel {TRIGGERS}, whose codes are the numbers of the "
            "dipoles; add it from the recording's events"
        )
    raw.info["bads"] = sorted({*raw.info["bads"], *(set(BADS) & set(raw.ch_names))})
    events = mne.find_events(raw, TRIGGERS, verbose="ERROR")
    numbers = [n for n in range(1, n_dipoles + 1) if (events[:, 2] == n).any()]
    if not numbers:
        raise ValueError(
            f"data: {TRIGGERS} of {path.name} has no code from 1 to {n_dipoles}, the numbers of "
            "the dipoles"
        )
    epochs = mne.Epochs(
        raw, events, [*numbers], *EPOCH, baseline=(None, BASELINE_END), preload=True,
        verbose="ERROR",
    )  # fmt: skip
    epochs.pick("meg")
    noise_cov = mne.compute_covariance(epochs, tmax=BASELINE_END, verbose="ERROR")
    rng = np.random.default_rng(seed)
    evokeds = [_averages(epochs[str(number)], number, repetitions, rng) for number in numbers]
    whitener, _ = mne.cov.compute_whitener(noise_cov, epochs.info, pca=True, verbose="ERROR")
    powers = sum(
        np.sum((whitener @ one.data) ** 2, axis=0) * one.nave for parts in evokeds for one in parts
    )
    peak = float(epochs.times[np.argmax(np.where(epochs.times > 0, powers, 0))])
    inside = max(peak - AROUND, epochs.tmin), min(peak + AROUND, epochs.tmax)
    for parts in evokeds:
        for one in parts:
            one.crop(*inside)
    return Phantom(path.name, current_of(path), tuple(numbers), evokeds, noise_cov, peak)


def _averages(epochs: Any, number: int, repetitions: int, rng: np.random.Generator) -> list[Any]:
    """Average random parts of a dipole's trials, without the first and the last."""
    least = max(FEWEST_TRIALS, repetitions + 2)
    if len(epochs) < least:
        raise ValueError(
            f"data: dipole {number} has {len(epochs)} trials; {least} are needed for "
            f"{repetitions} parts, as the first and the last are left out"
        )
    order = rng.permutation(np.arange(1, len(epochs) - 1))
    return [epochs[np.sort(part)].average() for part in np.array_split(order, repetitions)]


def lattice(spacing: float, centre: Floats, reach: float) -> Floats:
    """Make points of a cubic lattice around a centre, in m, inside of the phantom.

    Examples
    --------
    >>> import numpy as np
    >>> from truth.phantom_data import lattice
    >>> lattice(0.01, np.array([0.0, 0.0, 0.05]), 0.01).shape
    (7, 3)
    """
    steps = np.arange(-int(reach / spacing + 1e-9), int(reach / spacing + 1e-9) + 1) * spacing
    offsets = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    points = centre + offsets[np.linalg.norm(offsets, axis=1) <= reach + 1e-9]
    distance = np.linalg.norm(points - CENTRE, axis=1)
    return np.asarray(points[(distance >= INNER - 1e-9) & (distance <= OUTER + 1e-9)])


def sphere() -> Any:
    """Make the sphere model of the phantom."""
    return mne.make_sphere_model(r0=CENTRE, head_radius=RADIUS, verbose="ERROR")


def model_on(points: Floats, phantom: Phantom, depth: float) -> Model:
    """Prepare the gain of points in the phantom (head coordinates), with free orientation."""
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    identity = mne.transforms.Transform("head", "mri")
    space = mne.setup_volume_source_space(
        pos={"rr": points, "nn": points / lengths}, verbose="ERROR"
    )
    forward = mne.make_forward_solution(
        phantom.info, identity, space, sphere(), meg=True, eeg=False, verbose="ERROR"
    )
    with mne.utils.use_log_level("ERROR"):
        return prepare_model(phantom.info, forward, phantom.noise_cov, loose=1.0, depth=depth)


def fitted_dipoles(phantom: Phantom) -> list[list[Any]]:
    """Fit one dipole at the peak of each average, by `mne.fit_dipole`."""
    conductor = sphere()
    return [
        [
            mne.fit_dipole(
                one.copy().crop(phantom.peak, phantom.peak), phantom.noise_cov, conductor,
                verbose="ERROR",
            )[0]
            for one in parts
        ]
        for parts in phantom.evokeds
    ]  # fmt: skip


def direction_rows(model: Model, location: int) -> NDArray[Any]:
    """Unit vectors (3, 3) of a location's orientations, in head coordinates."""
    return np.asarray(model.forward["source_nn"][3 * location : 3 * location + 3])
