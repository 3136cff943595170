"""
Beside MNE's own function
=========================

The same inputs through MNE's ``mixed_norm``, through this package, and through MNE's function
running on this package's solver. :doc:`/compare` lists what differs and what is new.
"""

# %%
# The same answer
# ---------------
#
# Both are solved to a small duality gap, without debiasing, because MNE's debiasing may stop
# early.

import matplotlib.pyplot as plt
import mne
import numpy as np

import mxne_rs
from mxne_rs.simulate import simulate_auditory

evoked, forward, noise_cov = simulate_auditory(spacing=15)
evoked.crop(0.06, 0.15)
inputs = evoked, forward, noise_cov
options = {"alpha": 30, "tol": 1e-8, "maxit": 10_000, "debias": False}

theirs = mne.inverse_sparse.mixed_norm(*inputs, **options)
ours = mxne_rs.mixed_norm(*inputs, **options)
same = all(np.array_equal(a, b) for a, b in zip(ours.vertices, theirs.vertices, strict=True))
print(f"same {len(ours.data)} vertices: {same}")


def difference(a, b):
    """Return the largest difference of two estimates, as a part of the peak."""
    return np.abs(a.data - b.data).max() / b.data.max()


print(f"largest difference: {difference(ours, theirs):.1e} of the peak")

fig, ax = plt.subplots(layout="constrained")
ax.plot(1e3 * theirs.times, 1e9 * theirs.data.T, color="0.75", lw=5)
ax.plot(1e3 * ours.times, 1e9 * ours.data.T, lw=1.5)
ax.set(
    xlabel="time (ms)",
    ylabel="amplitude (nAm)",
    title="MNE (grey) and mxne_rs (colours)",
)
plt.show()

# %%
# MNE's function on this solver
# -----------------------------
#
# :func:`~mxne_rs.use_in_mne` replaces what MNE's function looks up when it is called, for code
# that cannot be changed: the preparation, the checks and the outputs stay MNE's.

from mne.inverse_sparse import mixed_norm

with mxne_rs.use_in_mne():
    inside = mixed_norm(*inputs, **options)
print(f"largest difference: {difference(inside, theirs):.1e} of the peak")

# %%
# The gap is returned
# -------------------
#
# Both functions warn if they stop before the gap is reached. This one can also return the gap,
# and the certificates on the way to it.

stc, solution = mxne_rs.mixed_norm(*inputs, **options, return_solution=True)
print(solution)
for record in solution.history:
    print(f"{record.n_iter:4d} epochs: gap {record.gap:.1e}, {record.n_active} locations")

# %%
# :doc:`/benchmarks` shows how long both take on real data, to the same gap.
