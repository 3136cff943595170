"""
Epochs, averages, recordings
============================

One average, each trial by itself, a stretch of a recording, several conditions together: all are
solved on a gain that is prepared once.
"""

# %%
# Trials are made here from the simulated response by adding noise of the covariance, less than
# in a real recording.

import matplotlib.pyplot as plt
import mne
import numpy as np

from mxne_rs import mixed_norm, mixed_norm_epochs, mixed_norm_raw
from mxne_rs.simulate import simulate_auditory

evoked, forward, noise_cov = simulate_auditory(spacing=15)
evoked.crop(0.07, 0.13)
rng = np.random.default_rng(0)
root = 0.7 * np.linalg.cholesky(noise_cov["data"])
trials = np.stack([evoked.data + root @ rng.standard_normal(evoked.data.shape) for _ in range(12)])
epochs = mne.EpochsArray(trials, evoked.info, tmin=evoked.times[0])

# %%
# Each trial by itself
# --------------------
#
# :func:`~mxne_rs.mixed_norm_epochs` solves the epochs side by side on all cores. As a generator
# it keeps some of them at a time, whatever their number.

how = {"alpha": 50, "n_mxne_iter": 10}
fig, ax = plt.subplots(layout="constrained")
counts = {}
for stc in mixed_norm_epochs(epochs, forward, noise_cov, **how, return_generator=True):
    for vertex, course in zip(np.concatenate(stc.vertices), stc.data, strict=True):
        counts[vertex] = counts.get(vertex, 0) + 1
        ax.plot(
            1e3 * stc.times,
            1e9 * course,
            color=f"C{list(counts).index(vertex)}",
            alpha=0.5,
        )
ax.set(xlabel="time (ms)", ylabel="amplitude (nAm)", title="Sources of 12 trials")
plt.show()
for vertex, count in sorted(counts.items(), key=lambda item: -item[1]):
    print(f"vertex {vertex} is active in {count} of {len(epochs)} trials")

# %%
# How often a location is active over trials tells which sources are stable.
#
# Their average
# -------------
#
# ``mixed_norm`` takes epochs too: their average is solved, with its number of trials.

stc = mixed_norm(epochs, forward, noise_cov, **how)
print(f"{len(stc.data)} sources of the average of {len(epochs)} trials")

# %%
# Conditions together
# -------------------
#
# A list is one problem: the conditions share their sources, not their time courses. That is not
# the same as to average them, and not the same as to solve each.

first, second = epochs[:6].average(), epochs[6:].average()
second.data[:] *= 0.5
stcs = mixed_norm([first, second], forward, noise_cov, **how)
for stc in stcs:
    print(stc.vertices, f"{1e9 * stc.data.max():.0f} nAm")

# %%
# A stretch of a recording
# ------------------------
#
# :func:`~mxne_rs.mixed_norm_raw` takes times from the beginning of the recording; the estimate
# has those times.

raw = mne.io.RawArray(np.hstack(trials), evoked.info)
stc = mixed_norm_raw(raw, forward, noise_cov, tmin=0.02, tmax=0.05, **how)
print(f"{len(stc.data)} sources from {stc.times[0]:.3f} to {stc.times[-1]:.3f} s")
