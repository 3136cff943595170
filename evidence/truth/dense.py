"""Estimates that the study puts beside sparse ones: MNE's dSPM and sLORETA, the best dipole."""

from __future__ import annotations

from typing import Any

import mne
import numpy as np

from mxne_rs._arguments.convert import Floats

from .patients import Patient

#: MNE's regularisation for data of SNR 3.
LAMBDA2 = 1 / 9


def minimum_norm(patient: Patient, data: Floats, depth: float, method: str) -> Floats:
    """Score regions by "dSPM" or "sLORETA" as MNE computes them: (n_regions, n_times).

    MNE weights depth of free orientations only. Here the columns are divided as for sparse
    estimates before MNE sees them: a prior on amplitudes, which scores undo.

    Parameters
    ----------
    data : array, shape (n_electrodes, n_times)
        In average reference.
    """
    from mne.minimum_norm import apply_inverse, make_inverse_operator

    divisors = patient.weighted(depth)[1]
    with mne.utils.use_log_level("ERROR"):
        info = _info(patient)
        evoked = mne.EvokedArray(1e-6 * data, info)
        evoked.set_eeg_reference(projection=True)
        noise_cov = mne.Covariance(
            1e-12 * patient.noise_cov, patient.electrodes, [], evoked.info["projs"], nfree=2000
        )
        forward = _forward(info, patient, 1e-6 * patient.gain / divisors)
        operator = make_inverse_operator(evoked.info, forward, noise_cov, fixed=True, depth=None)
        return np.asarray(apply_inverse(evoked, operator, LAMBDA2, method=method).data)


def explained_by_each(gain: Floats, data: Floats) -> Floats:
    """Compute the part of the variance that each column explains by itself, least squares.

    Examples
    --------
    >>> import numpy as np
    >>> from truth.dense import explained_by_each
    >>> explained_by_each(np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([[2.0, 4.0], [0.0, 0.0]]))
    array([1. , 0.5])
    """
    unit = gain / np.linalg.norm(gain, axis=0)
    return np.asarray(np.sum((unit.T @ data) ** 2, axis=1) / np.sum(data**2))


def _info(patient: Patient) -> Any:
    """Measurement information of the electrodes, whose positions MNE wants and does not use."""
    info = mne.create_info(patient.electrodes, patient.sfreq, "eeg")
    for channel, position in zip(info["chs"], patient.positions, strict=True):
        channel["loc"][:6] = [*(position / 1000), 0, 0, 0]
    return info


def _forward(info: Any, patient: Patient, gain: Floats) -> Any:
    """Dress a gain of one orientation per region as MNE's forward solution."""
    from mne._fiff.constants import FIFF

    n_regions = gain.shape[1]
    normals = np.tile([0.0, 0.0, 1.0], (n_regions, 1))
    positions = {"rr": patient.centroids / 1000, "nn": normals}
    source = mne.setup_volume_source_space(pos=positions)
    source[0]["coord_frame"] = FIFF.FIFFV_COORD_HEAD
    names = list(info["ch_names"])
    solution = {
        "data": gain, "row_names": names, "col_names": [], "nrow": len(names), "ncol": n_regions
    }  # fmt: skip
    with info._unlock():
        info["command_line"], info["working_dir"] = "", ""
        info["mri_file"], info["mri_id"], info["meas_file"], info["meas_id"] = "", None, "", None
        info["mri_head_t"] = mne.Transform("mri", "head")
    return mne.Forward(
        sol=solution, sol_grad=None, _orig_sol=gain, src=source, info=info, nchan=len(names),
        nsource=n_regions, source_ori=FIFF.FIFFV_MNE_FIXED_ORI, surf_ori=True,
        _orig_source_ori=FIFF.FIFFV_MNE_FIXED_ORI, coord_frame=FIFF.FIFFV_COORD_HEAD,
        mri_head_t=info["mri_head_t"], source_rr=source[0]["rr"], source_nn=normals,
    )  # fmt: skip
