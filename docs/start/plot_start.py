"""
Five minutes
============

One problem, four ways to it: from MNE objects, from NumPy arrays, from the shell and from Rust.
Each needs three things: data, a forward solution (the *gain*) and a noise covariance.
"""

# %%
# From MNE objects
# ----------------
#
# This needs the extra ``[mne]`` (:doc:`how to install it </index>`). The three are simulated
# here: two sources, one in each auditory cortex, seen by 306 MEG channels. With files of your
# own they come from ``mne.read_evokeds``, ``mne.read_forward_solution`` and ``mne.read_cov``.

import matplotlib.pyplot as plt
import numpy as np

from mxne_rs import mixed_norm
from mxne_rs.simulate import simulate_auditory

evoked, forward, noise_cov = simulate_auditory(spacing=15)
evoked.crop(0.06, 0.15)

stc = mixed_norm(evoked, forward, noise_cov, alpha=40, n_mxne_iter=10)
print(stc)

# %%
# ``stc`` is one of MNE's source estimates, with the active vertices only: two of 476. ``alpha``
# is a percentage: at 100 nothing is left, and the smaller it is, the more sources there are.
# ``n_mxne_iter=10`` asks for irMxNE, which finds fewer sources than MxNE (``n_mxne_iter=1``).

fig, ax = plt.subplots(layout="constrained")
ax.plot(1e3 * stc.times, 1e9 * stc.data.T)
ax.set(xlabel="time (ms)", ylabel="amplitude (nAm)", title="What was found")
ax.legend([f"vertex {vertex}" for vertex in np.concatenate(stc.vertices)], frameon=False)
plt.show()

# %%
# How good is the answer? ``return_solution`` adds a :class:`~mxne_rs.Solution`, whose duality
# gap is a bound on how far the answer can be from the optimum, computed on the full problem.
# Instead of choosing ``alpha``, let :doc:`a rule choose it <../how_to/plot_alpha>`.

stc, residual, solution = mixed_norm(
    evoked,
    forward,
    noise_cov,
    alpha=40,
    n_mxne_iter=10,
    return_residual=True,
    return_solution=True,
)
print(solution)

# %%
# The residual is an evoked response. What is left of it should look like noise.

fig, axes = plt.subplots(1, 2, sharey=True, layout="constrained")
for ax, one, title in zip(axes, (evoked, residual), ("measured", "not explained"), strict=True):
    ax.plot(1e3 * one.times, 1e15 * one.copy().pick("mag").data.T, lw=0.5, color="0.3")
    ax.set(xlabel="time (ms)", title=title)
axes[0].set_ylabel("magnetometers (fT)")
plt.show()

# %%
# From the shell
# --------------
#
# The same without a line of Python: files in, files and a picture out.
#
# .. code-block:: sh
#
#     mxne-rs simulate --out demo --spacing 15
#     mxne-rs localize --evoked demo/simulated-ave.fif --forward demo/simulated-fwd.fif \
#         --noise-cov demo/simulated-cov.fif --tmin 0.06 --tmax 0.15 --alpha 40 --out demo/results
#
# Here the two commands run from Python, where the command is a function of its arguments.

import os
import shlex
import tempfile
from pathlib import Path

from mxne_rs.command import main

folder = Path(tempfile.mkdtemp())


def run(command):
    """Run a command line in the folder."""
    os.chdir(folder)
    assert main(shlex.split(command)) == 0


run("simulate --out demo --spacing 15")
run(
    "localize --evoked demo/simulated-ave.fif --forward demo/simulated-fwd.fif "
    "--noise-cov demo/simulated-cov.fif --tmin 0.06 --tmax 0.15 --alpha 40 --out demo/results"
)
picture = folder / "demo/results/localization.png"

# %%
# ``--report`` adds a report to read and to pass on: :doc:`../how_to/plot_report`.
#
# From NumPy arrays
# -----------------
#
# These functions need NumPy only. Gain and data are whitened
# (:func:`~mxne_rs.whitener` makes the matrix that does it); ``alpha`` is absolute here, a part of
# :func:`~mxne_rs.alpha_max`.

import mxne_rs

rng = np.random.default_rng(0)
gain = rng.standard_normal((60, 3000))  # 1000 locations x 3 orientations
data = gain[:, [600]] * np.sin(np.arange(50) / 5) + 0.5 * rng.standard_normal((60, 50))

prepared = mxne_rs.Gain(gain, n_orient=3)  # once for each forward model
found = mxne_rs.solve_irmxne(prepared, data, 0.4 * mxne_rs.alpha_max(prepared, data))
print(found)
print("active locations:", np.flatnonzero(found.active_set))

# %%
# From Rust
# ---------
#
# The crate is the same solver without Python (``cargo add mxne_rs --path .``). The tests of the
# crate run this as it stands.
#
# .. literalinclude:: ../../../README.md
#    :language: rust
#    :start-after: ```rust
#    :end-before: # Ok::<
#
# Where to go next
# ----------------
#
# - :doc:`../how_to/index`: choose alpha, orientation, epochs, reports, scikit-learn
# - :doc:`/parameters`: each parameter of ``mixed_norm``, and how it differs from MNE
# - :doc:`/glossary`: what the words mean
