"""
Choose the orientation
======================

``loose`` decides how freely a current may turn at its location; ``pick_ori`` and
``return_as_dipoles`` decide how much of its direction comes back.
"""

# %%
# Fixed, loose, free
# ------------------
#
# - ``loose=0``: currents along the normal of the cortex. Amplitudes are signed. For a source space
#   on the cortex whose surface is trusted.
# - ``loose=0.2`` (the default on a cortex): mostly along the normal.
# - ``loose=1`` (the default in a volume): any direction. Amplitudes are never negative.
#
# The simulated source space is a grid in the volume of the brain, where ``"auto"`` means 1. To
# try the others its points need normals. Those of a cortex would lie along the currents, within
# the errors of the surface; here they are set to one direction, about 10 degrees from the two
# simulated ones.

import matplotlib.pyplot as plt
import numpy as np

from mxne_rs import mixed_norm
from mxne_rs.simulate import TRUE_SOURCES, simulate_auditory

evoked, forward, noise_cov = simulate_auditory(spacing=15)
evoked.crop(0.06, 0.15)
how = {"alpha": 40, "n_mxne_iter": 10}

with_normals = forward.copy()
with_normals["src"][0]["nn"][:] = np.array([0.0, -0.5, -0.84]) / np.hypot(0.5, 0.84)

fig, axes = plt.subplots(1, 3, sharex=True, sharey=True, layout="constrained")
for ax, (name, loose) in zip(axes, {"fixed": 0.0, "loose": 0.2, "free": 1.0}.items(), strict=True):
    stc = mixed_norm(evoked, with_normals, noise_cov, loose=loose, **how)
    ax.axhline(0, color="0.8", lw=0.8)
    ax.plot(1e3 * stc.times, 1e9 * stc.data.T)
    ax.set(title=f"{name}: loose={loose:g}", xlabel="time (ms)")
axes[0].set_ylabel("amplitude (nAm)")
plt.show()

# %%
# Fixed amplitudes cross zero; the others do not, because they are norms.
#
# A fixed orientation that is wrong costs fit, which ``return_solution`` tells. The normals that
# come with this simulated source space point away from the centre of the head, and MEG does not
# see such currents at all. What is explained, before debiasing:

for name, one in (
    ("along the currents", with_normals),
    ("away from the centre", forward),
):
    for loose in (0.0, 0.2):
        _, solution = mixed_norm(evoked, one, noise_cov, loose=loose, return_solution=True, **how)
        explained = 100 * solution.explained_variance
        print(f"normals {name}, loose={loose:g}: {explained:.0f} %")

# %%
# The direction of each source
# ----------------------------
#
# With loose or free orientation an estimate holds the norm over the three orientations.
# ``pick_ori="vector"`` keeps the three.

vector = mixed_norm(evoked, forward, noise_cov, pick_ori="vector", **how)
print(type(vector).__name__, vector.data.shape, "(sources, orientations, times)")

# %%
# Dipoles
# -------
#
# As dipoles each source has a position, a direction and a share of the fit (``gof``) at each
# sample. What was simulated is known here: both are at the right locations. Their directions
# differ from it, because MEG hardly sees the part of a current that points away from the centre
# of the head.

dipoles, residual = mixed_norm(
    evoked, forward, noise_cov, return_as_dipoles=True, return_residual=True, **how
)
print("source                 peak       at   gof   angle to the truth")
for dipole in dipoles:
    peak = np.argmax(dipole.amplitude)
    truth = TRUE_SOURCES[int(dipole.pos[0, 0] > 0)]  # left or right
    direction = np.array(truth.direction) / np.linalg.norm(truth.direction)
    angle = np.degrees(np.arccos(min(1.0, abs(dipole.ori[peak] @ direction))))
    amplitude, time = 1e9 * dipole.amplitude[peak], 1e3 * dipole.times[peak]
    print(
        f"{truth.name:21s} {amplitude:4.0f} nAm {time:4.0f} ms"
        f" {dipole.gof[peak]:3.0f} % {angle:4.0f} degrees"
    )

# %%
# The two directions in a view from the right, over all locations:

fig, ax = plt.subplots(figsize=(6.5, 4.5), layout="constrained")
locations = 1e3 * forward["source_rr"]
ax.plot(locations[:, 1], locations[:, 2], ".", color="0.85", ms=3)
for number, dipole in enumerate(dipoles):
    y, z = 1e3 * dipole.pos[0, 1:]
    dy, dz = 25 * dipole.ori[np.argmax(dipole.amplitude), 1:]
    colour = f"C{number}"
    side = "left" if dipole.pos[0, 0] < 0 else "right"
    arrow = {"arrowstyle": "->", "color": colour, "lw": 2}
    ax.annotate("", (y + dy, z + dz), (y, z), arrowprops=arrow)
    ax.plot(y, z, "o", color=colour, ms=9, label=side)
ax.set(xlabel="y, to the front (mm)", ylabel="z, up (mm)", aspect="equal")
ax.legend(frameon=False, loc="lower right")
plt.show()

# %%
# :func:`~mxne_rs.make_stc_from_dipoles` turns dipoles back into a source estimate, for source
# spaces of any kind and dipoles in any order.

from mxne_rs import make_stc_from_dipoles

print(make_stc_from_dipoles(dipoles[::-1], forward["src"]))
