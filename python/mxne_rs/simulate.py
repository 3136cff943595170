"""Simulate an auditory evoked field with known sources, by MNE without a download."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ._arguments.convert import Floats
from ._arguments.extras import import_mne, mne

__all__ = [
    "TRUE_SOURCES",
    "TrueSource",
    "simulate_auditory",
    "simulate_epochs",
    "write_simulation",
]


@dataclass(frozen=True)
class TrueSource:
    """A simulated source: a dipole in an auditory cortex whose amplitude is a Gaussian over time.

    Attributes
    ----------
    name : str
        Name of its location.
    position : tuple of float
        Position in mm, in the MRI surface coordinates of fsaverage (close to MNI); it is moved to
        the nearest location of the source space.
    direction : tuple of float
        Unit-free direction of the current, in head coordinates (right, front, up).
    amplitude : float
        Peak amplitude in nAm.
    latency : float
        Time of the peak in s.
    """

    name: str
    position: tuple[float, float, float]
    direction: tuple[float, float, float]
    amplitude: float
    latency: float


#: One source in each transverse temporal gyrus, as in the simulations of Strohmeier et al. 2016,
#: section II-D.
TRUE_SOURCES = (
    TrueSource("left auditory cortex", (-49.0, -22.0, 8.0), (0.2, -0.5, -0.84), 55.0, 0.100),
    TrueSource("right auditory cortex", (50.0, -18.0, 8.0), (-0.2, -0.5, -0.84), 45.0, 0.110),
)

#: Standard deviation of the sources' Gaussian time courses, in s.
WIDTH = 0.012
#: Standard deviation of the Gaussian that smooths the noise over time, in s: a low pass at about
#: 40 Hz.
NOISE_WIDTH = 0.0033
#: Sensor noise of a single low-passed trial, in T/m and T, beside the background activity of the
#: brain.
GRADIOMETER_NOISE, MAGNETOMETER_NOISE = 3e-12, 3e-14
#: Number of dipoles that make the background activity whose covariance the noise has.
N_BACKGROUND = 500
#: Smallest distances of locations from the inner skull, and from the centre of the head, where MEG
#: is blind; in m.
SKULL_MARGIN, CENTRE_MARGIN = 0.008, 0.02


def simulate_auditory(
    *, spacing: float = 8.0, snr: float = 2.63, nave: int = 100, rng: Any = 0
) -> tuple[Any, Any, Any]:
    """Simulate an auditory evoked field: two dipoles, 306 MEG channels, correlated noise.

    The head is a sphere fitted to the inner skull of fsaverage; the source space is an uneven grid
    inside that skull, with three free orientations; the helmet is the Vectorview array (with MNE
    older than 1.12 as many sensors spread over the same helmet). All of them come with MNE-Python.

    Parameters
    ----------
    spacing : float, default 8
        Mean distance between neighbouring locations in mm.
    snr : float, default 2.63
        Expected power of the whitened signal over that of the whitened noise, between 60 and
        150 ms, which the noise is scaled to. The default is that of Strohmeier et al. 2016,
        section II-D.
    nave : int, default 100
        Number of trials in the average; the covariance is that of one trial.
    rng : int | numpy.random.Generator, default 0
        Source of the noise; an integer is a seed, None draws differently in each call.

    Returns
    -------
    evoked : mne.Evoked
        From -100 to 300 ms at 1000 Hz, in T and T/m; condition "Simulated auditory".
    forward : mne.Forward
        Free orientation, in T/(Am) and T/(m Am).
    noise_cov : mne.Covariance
        Noise covariance of a single trial, in T**2, (T/m)**2 and T * T/m.

    Raises
    ------
    ImportError
        Where MNE-Python is not installed.
    ValueError
        Where an argument is not positive.

    Examples
    --------
    >>> from mxne_rs.simulate import simulate_auditory
    >>> evoked, forward, noise_cov = simulate_auditory(spacing=20.0)
    >>> len(evoked.ch_names), f"{evoked.times[0]:g} to {evoked.times[-1]:g} s"
    (306, '-0.1 to 0.3 s')
    """
    scene = _scene(spacing, snr, nave, np.random.default_rng(rng))
    return scene.evoked(nave), scene.forward, scene.noise_cov(nave)


def simulate_epochs(
    *, n_epochs: int = 100, spacing: float = 8.0, snr: float = 2.63, rng: Any = 0
) -> tuple[Any, Any, Any]:
    """Simulate the single trials of an auditory evoked field.

    Signal and noise of their average are as in `simulate_auditory` with as many trials.

    Parameters
    ----------
    n_epochs : int, default 100
        Number of trials.
    spacing, snr, rng
        As in `simulate_auditory`; `snr` is that of the average.

    Returns
    -------
    epochs : mne.Epochs
        From -100 to 300 ms at 1000 Hz, in T and T/m.
    forward, noise_cov
        As from `simulate_auditory`.

    Raises
    ------
    ImportError, ValueError
        As `simulate_auditory`.

    Examples
    --------
    >>> from mxne_rs.simulate import simulate_epochs
    >>> epochs, forward, noise_cov = simulate_epochs(n_epochs=3, spacing=20.0)
    >>> len(epochs)
    3
    """
    scene = _scene(spacing, snr, n_epochs, np.random.default_rng(rng))
    return scene.epochs(n_epochs), scene.forward, scene.noise_cov(n_epochs)


@dataclass
class _Scene:
    """Sensors, head, signal, and the noise of an average."""

    info: Any
    forward: Any
    times: Floats
    signal: Floats
    root: Floats
    scale: float
    rng: np.random.Generator

    def noise(self) -> Floats:
        """Draw the noise of an average."""
        noise = _smooth_noise(self.rng, len(self.root), len(self.times))
        return np.asarray(self.scale * self.root @ noise)

    def evoked(self, nave: int) -> Any:
        """Make the average."""
        return mne.EvokedArray(
            self.signal + self.noise(), self.info, tmin=self.times[0], nave=nave,
            comment="Simulated auditory", verbose="ERROR",
        )  # fmt: skip

    def epochs(self, n_epochs: int) -> Any:
        """Make the trials."""
        data = [self.signal + n_epochs**0.5 * self.noise() for _ in range(n_epochs)]
        return mne.EpochsArray(np.stack(data), self.info, tmin=self.times[0], verbose="ERROR")

    def noise_cov(self, nave: int) -> Any:
        """Make the covariance of a trial."""
        covariance = nave * self.scale**2 * (self.root @ self.root.T)
        return mne.Covariance(
            covariance, self.info["ch_names"], bads=[], projs=[], nfree=10000, verbose="ERROR"
        )


def _scene(spacing: float, snr: float, nave: int, rng: np.random.Generator) -> _Scene:
    for name, value in (("spacing", spacing), ("snr", snr), ("nave", nave)):
        if not value > 0:
            raise ValueError(f"{name} must be positive, got {value}")
    import_mne("the simulation")
    info = _helmet()
    forward = _forward(info, spacing)
    times = np.arange(-100, 301) / 1000.0

    signal = np.zeros((len(info["ch_names"]), len(times)))
    for source, location in zip(TRUE_SOURCES, true_locations(forward), strict=True):
        columns = forward["sol"]["data"][:, 3 * location : 3 * location + 3]
        direction = np.array(source.direction) / np.linalg.norm(source.direction)
        course = 1e-9 * source.amplitude * np.exp(-0.5 * ((times - source.latency) / WIDTH) ** 2)
        signal += np.outer(columns @ direction, course)

    root = np.asarray(np.linalg.cholesky(_covariance(info, forward, rng)), dtype=np.float64)
    window = (times >= 0.06) & (times <= 0.15)
    white = np.linalg.solve(root, signal[:, window])
    # Power of unit-variance noise: one per channel and time.
    scale = float(np.sqrt(np.sum(white**2) / (snr * white.size)))
    return _Scene(info, forward, times, signal, root, scale, rng)


def write_simulation(
    out: str | os.PathLike[str], *, spacing: float = 8.0, rng: Any = 0
) -> dict[str, Path]:
    """Write a simulated evoked field as files that MNE reads, and a list of its sources.

    Parameters
    ----------
    out : path
        Folder, made where it does not exist. Files of the same name are replaced.
    spacing, rng
        As in `simulate_auditory`.

    Returns
    -------
    dict of str to pathlib.Path
        ``evoked`` (simulated-ave.fif), ``forward`` (simulated-fwd.fif), ``noise_cov``
        (simulated-cov.fif) and ``truth`` (true-sources.tsv: position in mm in head coordinates,
        peak in nAm and ms).

    Examples
    --------
    >>> import tempfile
    >>> from mxne_rs.simulate import write_simulation
    >>> with tempfile.TemporaryDirectory() as out:
    ...     sorted(path.name for path in write_simulation(out, spacing=20.0).values())
    ['simulated-ave.fif', 'simulated-cov.fif', 'simulated-fwd.fif', 'true-sources.tsv']
    """
    evoked, forward, noise_cov = simulate_auditory(spacing=spacing, rng=rng)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {
        "evoked": folder / "simulated-ave.fif",
        "forward": folder / "simulated-fwd.fif",
        "noise_cov": folder / "simulated-cov.fif",
        "truth": folder / "true-sources.tsv",
    }
    evoked.save(paths["evoked"], overwrite=True, verbose="ERROR")
    mne.write_forward_solution(paths["forward"], forward, overwrite=True, verbose="ERROR")
    mne.write_cov(paths["noise_cov"], noise_cov, overwrite=True, verbose="ERROR")
    lines = ["source\tx_head_mm\ty_head_mm\tz_head_mm\tpeak_amplitude_nam\tpeak_time_ms"]
    for source, location in zip(TRUE_SOURCES, true_locations(forward), strict=True):
        x, y, z = 1000 * forward["source_rr"][location]
        peak = f"{source.amplitude:.1f}\t{1000 * source.latency:.1f}"
        lines.append(f"{source.name}\t{x:.1f}\t{y:.1f}\t{z:.1f}\t{peak}")
    paths["truth"].write_text("\n".join(lines) + "\n", encoding="utf-8")
    return paths


def true_locations(forward: Any) -> list[int]:
    """Return the location of each of `TRUE_SOURCES` in a forward solution made here."""
    head = forward["mri_head_t"]["trans"]
    locations = []
    for source in TRUE_SOURCES:
        position = head[:3, :3] @ (np.array(source.position) / 1000) + head[:3, 3]
        locations.append(int(np.argmin(np.linalg.norm(forward["source_rr"] - position, axis=1))))
    return locations


def _helmet() -> Any:
    """Return the info of the Vectorview array, with the head in the middle of the helmet."""
    if hasattr(mne.channels, "read_meg_canonical_info"):  # MNE 1.12
        info = mne.channels.read_meg_canonical_info("neuromag", verbose="ERROR")
    else:
        info = _spread_sensors()
    to_head = np.eye(4)
    to_head[:3, 3] = [0.0, -0.01, 0.055]
    info["dev_head_t"] = mne.transforms.Transform("meg", "head", to_head)
    return info


def _spread_sensors() -> Any:
    """Return the info of 102 triplets of sensors spread evenly over the Vectorview helmet."""
    names = [f"MEG {site:03d}{kind}" for site in range(102) for kind in (3, 2, 1)]
    info = mne.create_info(names, 1000.0, 102 * ["grad", "grad", "mag"], verbose="ERROR")
    info["dev_head_t"] = mne.transforms.Transform("meg", "head")
    helmet = mne.surface.get_meg_helmet_surf(info, verbose="ERROR")
    sites = [0]
    while len(sites) < 102:  # the vertex that is farthest from all sites
        apart = helmet["rr"][:, np.newaxis] - helmet["rr"][sites]
        sites.append(int(np.argmax(np.linalg.norm(apart, axis=2).min(axis=1))))
    for index, channel in enumerate(info["chs"]):
        site = sites[index // 3]
        normal = helmet["nn"][site]
        along, across = np.linalg.svd(normal[np.newaxis])[2][1:]
        # The two gradiometers of a triplet are orthogonal; a magnetometer has no such direction.
        axes = (across, along) if index % 3 == 1 else (along, across)
        channel["loc"][:] = np.concatenate([helmet["rr"][site], *axes, normal])
    return info


def _forward(info: Any, spacing: float) -> Any:
    """Return the forward solution of a grid inside the skull of fsaverage, in a sphere model."""
    folder = Path(import_mne().__file__).parent / "data" / "fsaverage"
    skull = mne.read_bem_surfaces(folder / "fsaverage-inner_skull-bem.fif", verbose="ERROR")
    points = skull[0]["rr"]
    to_mri = mne.read_trans(folder / "fsaverage-trans.fif")
    centre = _sphere_centre(points)
    grid = _grid_inside(points, centre, spacing / 1000)
    normals = (grid - centre) / np.linalg.norm(grid - centre, axis=1, keepdims=True)
    source_space = mne.setup_volume_source_space(pos={"rr": grid, "nn": normals}, verbose="ERROR")
    in_head = mne.transforms.apply_trans(mne.transforms.invert_transform(to_mri), centre)
    sphere = mne.make_sphere_model(r0=in_head, head_radius=None, verbose="ERROR")
    return mne.make_forward_solution(
        info, to_mri, source_space, sphere, meg=True, eeg=False, verbose="ERROR"
    )


def _sphere_centre(points: Floats) -> Floats:
    """Return the centre of the sphere that fits the upper part of the skull best."""
    upper = points[points[:, 2] > np.median(points[:, 2])]
    system = np.column_stack([2 * upper, np.ones(len(upper))])
    return np.asarray(np.linalg.lstsq(system, np.sum(upper**2, axis=1), rcond=None)[0][:3])


def _grid_inside(skull: Floats, centre: Floats, spacing: float) -> Floats:
    """Return the points (n, 3) of an uneven grid inside the skull, taken as star-shaped."""
    low, high = skull.min(axis=0), skull.max(axis=0)
    # Shifted off the lattice by up to half its spacing, so that no two locations are mirror images.
    axes = [
        np.arange(np.ceil(a / spacing), np.floor(b / spacing) + 1) * spacing
        for a, b in zip(low, high, strict=True)
    ]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    grid += np.random.default_rng(0).uniform(-spacing / 2, spacing / 2, grid.shape)
    reach = np.linalg.norm(skull - centre, axis=1)
    rays = (skull - centre) / reach[:, np.newaxis]
    distance = np.linalg.norm(grid - centre, axis=1)
    grid, distance = grid[distance > CENTRE_MARGIN], distance[distance > CENTRE_MARGIN]
    directions = (grid - centre) / distance[:, np.newaxis]
    parts = np.array_split(directions, len(grid) // 500 + 1)
    nearest = np.concatenate([np.argmax(part @ rays.T, axis=1) for part in parts])
    return np.asarray(grid[distance < reach[nearest] - SKULL_MARGIN])


def _covariance(info: Any, forward: Any, rng: np.random.Generator) -> Floats:
    """Return sensor noise plus the covariance of background dipoles, up to a common scale."""
    gain = forward["sol"]["data"]
    n_locations = gain.shape[1] // 3
    directions = rng.standard_normal((N_BACKGROUND, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    locations = rng.integers(n_locations, size=N_BACKGROUND)
    drawn = zip(locations, directions, strict=True)
    fields = np.stack([gain[:, 3 * k : 3 * k + 3] @ direction for k, direction in drawn], axis=1)
    is_gradiometer = np.array(info.get_channel_types()) == "grad"
    std = np.where(is_gradiometer, GRADIOMETER_NOISE, MAGNETOMETER_NOISE)
    amplitude = 1e-8 / np.sqrt(N_BACKGROUND / 100)
    return np.asarray(np.diag(std**2) + amplitude**2 * fields @ fields.T)


def _smooth_noise(rng: np.random.Generator, n_channels: int, n_times: int) -> Floats:
    """Return Gaussian noise (n_channels, n_times) of unit variance, smooth over time."""
    half = int(np.ceil(4 * NOISE_WIDTH * 1000))
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / (1000 * NOISE_WIDTH)) ** 2)
    kernel /= np.linalg.norm(kernel)
    white = rng.standard_normal((n_channels, n_times + 2 * half))
    return np.stack([np.convolve(row, kernel, mode="valid") for row in white])
