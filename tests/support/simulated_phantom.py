"""A simulated recording of a phantom, in the layout of MNE's Elekta phantom."""

from pathlib import Path

import numpy as np

#: Samples in a second; samples of a trial, and of its baseline.
SFREQ, LENGTH, BEFORE = 500.0, 150, 60
#: Peak of the current in Am, frequency of the bursts in Hz, their length in s.
AMPLITUDE, RATE, BURST = 100e-9, 20.0, 0.1
#: Sensor noise in T/m and T.
NOISE = {"grad": 5e-12, "mag": 5e-14}


def write_phantom(folder, numbers, n_trials=8, rng=0, name="sim_200nAm_pp_raw.fif"):
    """Write a raw file in which these dipoles of the phantom (from 1) burst one after the other.

    Returns the path. The phantom is centred in the head's coordinates, and the helmet on it.
    """
    import mne

    rng = np.random.default_rng(rng)
    info = mne.channels.read_meg_canonical_info("neuromag", verbose="ERROR")
    kinds = info.get_channel_types()
    meg = mne.create_info(info["ch_names"], SFREQ, kinds, verbose="ERROR")
    for ours, theirs in zip(meg["chs"], info["chs"], strict=True):
        for key in ("loc", "coil_type", "unit", "coord_frame"):
            ours[key] = theirs[key]
    with meg._unlock():
        meg["dev_head_t"] = mne.transforms.Transform("meg", "head")
    positions, directions = mne.dipole.get_phantom_dipoles()
    sphere = mne.make_sphere_model(r0=(0.0, 0.0, 0.0), head_radius=0.08, verbose="ERROR")
    codes = np.repeat(numbers, n_trials)
    times = np.arange(LENGTH) / SFREQ
    course = np.where(times < BURST, np.sin(2 * np.pi * RATE * times), 0.0) * AMPLITUDE
    std = np.array([NOISE[kind] for kind in kinds])[:, np.newaxis]
    n_times = LENGTH * (len(codes) + 1)
    data = std * rng.standard_normal((len(kinds), n_times))
    trigger = np.zeros((1, n_times))
    fields = {}
    for number in numbers:
        dipole = mne.Dipole(
            [0.0], positions[[number - 1]], [1.0], directions[[number - 1]], [100.0]
        )
        forward, _ = mne.make_forward_dipole(dipole, sphere, meg, verbose="ERROR")
        fields[number] = forward["sol"]["data"]
    for index, number in enumerate(codes):
        start = LENGTH * index + BEFORE
        data[:, start : start + LENGTH] += fields[number] @ course[np.newaxis]
        trigger[0, start : start + 5] = number
    raw = mne.io.RawArray(data, meg, verbose="ERROR")
    stim = mne.io.RawArray(
        trigger, mne.create_info(["STI201"], SFREQ, "stim", verbose="ERROR"), verbose="ERROR"
    )
    raw.add_channels([stim], force_update_info=True)
    path = Path(folder) / name
    raw.save(path, verbose="ERROR")
    return path
