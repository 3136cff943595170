"""
A real recording, from file to report
=====================================

The response to tones in the left ear, MEG, 306 channels: read, checked, localized, doubted, and
reported. The data are those of MNE's sample subject where the folder ``MXNE_RS_DATA`` has them;
without it the example runs on a simulated response.
"""

# %%
# Read
# ----
#
# An average, the forward solution and the noise covariance, each by MNE. The noise covariance comes
# from the same recording, filtered in the same way; the forward solution from the subject's MRI.

import os
from pathlib import Path

import matplotlib.pyplot as plt
import mne
import numpy as np

from mxne_rs import localize, localize_path
from mxne_rs.simulate import simulate_auditory

folder = Path(os.environ.get("MXNE_RS_DATA", ""))
recorded = (folder / "auditory-ave.fif").is_file()
if recorded:
    evoked = mne.read_evokeds(folder / "auditory-ave.fif", "Left Auditory")
    forward = mne.read_forward_solution(folder / "cortex-7498-meg-fwd.fif")
    noise_cov = mne.read_cov(folder / "noise-cov.fif")
else:
    evoked, forward, noise_cov = simulate_auditory(spacing=15)
print(f"{'recorded' if recorded else 'simulated'}: {evoked}, {forward['nsource']} locations")

# %%
# Look at the data
# ----------------
#
# Sources are looked for in the response, not in the whole epoch: a source is active in all of the
# window or not at all. The shaded part holds the first strong deflection.

window = (0.05, 0.15)
fig, ax = plt.subplots(layout="constrained")
shown = evoked.copy().pick("mag")
ax.plot(1e3 * shown.times, 1e15 * shown.data.T, color="0.4", lw=0.5)
ax.axvspan(1e3 * window[0], 1e3 * window[1], color="C1", alpha=0.2)
ax.set(xlabel="time (ms)", ylabel="magnetometers (fT)", title=f"{evoked.nave} trials averaged")
plt.show()

response = evoked.copy().crop(*window)

# %%
# Localize
# --------
#
# The recommended settings are the defaults. Bad channels and projections are those of the data.

result = localize(response, forward, noise_cov)
result

# %%
# Read the answer in this order:
#
# - **status and gap**: converged, so that the stated problem is solved
#   (:doc:`/explanation/gap`);
# - **residual beside the noise**: well above it there is activity that these few sources do not
#   explain;
# - **drop** of each source: the part of the explained variance that is lost without it. A source
#   with a small drop is the first to doubt.

result.plot()

# %%
# What is left
# ------------
#
# The residual is an evoked response. A course in it that looks like the response is a source that
# is missing: another window, a smaller alpha, or a wide source that few points do not describe.

residual = result.residual()
fig, axes = plt.subplots(1, 2, sharey=True, layout="constrained")
for ax, one, title in zip(axes, (response, residual), ("measured", "not explained"), strict=True):
    ax.plot(1e3 * one.times, 1e15 * one.copy().pick("mag").data.T, color="0.4", lw=0.5)
    ax.set(xlabel="time (ms)", title=title)
axes[0].set_ylabel("magnetometers (fT)")
plt.show()

# %%
# Would other settings have found the same?
# -----------------------------------------
#
# Along alpha: sources that stay over a wide range come from the data, not from the choice.

path = localize_path(response, forward, noise_cov, percents=np.geomspace(90, 20, 8))
path.plot()

# %%
# With MNE's depth weighting, 0.8 instead of 1: positions in mm, strongest first.


def positions(one):
    """Return the positions of the sources in mm, head coordinates, strongest first."""
    dipoles = sorted(one.dipoles(), key=lambda dipole: -abs(dipole.amplitude).max())
    return np.array([1e3 * dipole.pos[0] for dipole in dipoles]).round().astype(int)


for depth in (1.0, 0.8):
    one = localize(response, forward, noise_cov, depth=depth)
    print(f"depth {depth}: {len(positions(one))} sources, the strongest at")
    print(positions(one)[:3])

# %%
# In the recording the strongest source of depth 1 lies deep between the hemispheres, has a small
# drop, and is gone with 0.8: it is not to be trusted. The two on the temporal lobes stay.
# Differences of a few millimetres mean nothing: neighbours have nearly the same field
# (:doc:`/explanation/penalty`). With single trials, :doc:`plot_stability` tells which sources come
# back in parts of them; this recording has its averages only.
#
# Report
# ------
#
# One file with data, sources, residual, certificate, settings and versions.

import tempfile

report = Path(tempfile.mkdtemp()) / "walkthrough.html"
result.report(report)

# %%
# What to write into a paper: the estimate and its rule for alpha, the alpha that it chose, depth,
# orientation and unit of amplitudes, the gap, and the explained variance. The report has them all;
# :doc:`/cite` has the papers.

print(f"{result.method}, {result.regularisation}, gap {result.relative_gap:.1e}")
print(f"explained variance {result.explained_variance:.3f}")
for name, value in result.settings.items():
    print(f"{name}: {value}")
