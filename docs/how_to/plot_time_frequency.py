"""
Transients and oscillations
===========================

``mixed_norm`` assumes that a source is active throughout the window. Over longer windows use
:func:`~mxne_rs.tf_mixed_norm`: few time-frequency coefficients of few locations. The calls are
those of MNE's examples of ``tf_mixed_norm`` and ``gamma_map``, with another import.
"""

# %%
# Few locations, few coefficients
# -------------------------------
#
# The whole response, from before the stimulus on. ``alpha`` is in percent, as in
# :func:`~mxne_rs.mixed_norm`; ``l1_ratio`` is the part of the penalty that counts coefficients. The
# transform has windows of ``wsize`` samples, one every ``tstep`` samples. ``window`` lets the data
# rise and fall at the ends, so that the edges are no transients.

import matplotlib.pyplot as plt
import numpy as np

from mxne_rs import gamma_map, mixed_norm, tf_mixed_norm
from mxne_rs.simulate import simulate_auditory

evoked, forward, noise_cov = simulate_auditory(spacing=15)

stc, residual, solution = tf_mixed_norm(
    evoked, forward, noise_cov, alpha=40, l1_ratio=0.03, wsize=16, tstep=4, window=0.05,
    return_residual=True, return_solution=True,
)  # fmt: skip
print(stc)
print(solution)
print(solution.coefficients)

# %%
# A source is exactly zero where none of its coefficients is active. MxNE has noise there, whatever
# its alpha.

whole = mixed_norm(evoked, forward, noise_cov, alpha=40)
fig, axes = plt.subplots(2, 1, sharex=True, sharey=True, layout="constrained")
for ax, one, name in zip(axes, (whole, stc), ("MxNE", "TF-MxNE"), strict=True):
    ax.plot(1e3 * one.times, 1e9 * one.data.T)
    ax.set(ylabel="amplitude (nAm)", title=name)
axes[1].set_xlabel("time (ms)")
plt.show()

# %%
# ``solution.coefficients.power(0)`` is the power of the first source over frequency and time. The
# command ``mxne-rs localize --method tf-mxne`` draws it for every source.

power = solution.coefficients.power(0)
n_freqs = 4
sfreq, (wsize, tstep) = evoked.info["sfreq"], solution.coefficients.stfts[0]
ends = 1e3 * (evoked.times[0] + np.array([0, power.shape[1]]) * tstep / sfreq)
fig, ax = plt.subplots(layout="constrained")
step = sfreq / wsize
ax.imshow(
    np.sqrt(power[:n_freqs]), aspect="auto", origin="lower", cmap="BuPu",
    extent=(*ends, -step / 2, (n_freqs - 0.5) * step),
)  # fmt: skip
ax.set(xlabel="time (ms)", ylabel="frequency (Hz)", ylim=(0, None), title="first source")
plt.show()

# %%
# Reweighted, with two transforms
# -------------------------------
#
# Short windows for transients, long ones for oscillations. ``n_tfmxne_iter`` reweights locations
# and coefficients: fewer of both.

options = {"alpha": 20, "l1_ratio": 0.05, "wsize": [4, 16], "tstep": [2, 4], "window": 0.05}
stc, solution = tf_mixed_norm(
    evoked, forward, noise_cov, n_tfmxne_iter=10, return_solution=True, **options
)
print(stc)
print(solution)

# %%
# A variance for each source
# --------------------------
#
# :func:`~mxne_rs.gamma_map` has no penalty to choose, but the variance of the noise in the whitened
# data: with the covariance of a single trial and an average of many it is below one. ``objectives``
# is what each round lowers, the negative evidence.

peak = evoked.copy().crop(0.05, 0.15)
stc, solution = gamma_map(peak, forward, noise_cov, alpha=0.5, return_solution=True)
print(stc)
print(solution.objectives.round(2))
