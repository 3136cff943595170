"""
Five minutes
============

From data to sources, a picture and a report. Three things are needed: data, a forward solution (the
*gain*) and a noise covariance. :doc:`How to install </install>`: ``pip install "mxne-rs[mne]"``.
"""

# %%
# The three inputs
# ----------------
#
# They are simulated here: two sources, one in each auditory cortex, seen by 306 MEG channels. Files
# of your own are read by ``mne.read_evokeds``, ``mne.read_forward_solution`` and ``mne.read_cov``.

from mxne_rs import localize
from mxne_rs.simulate import simulate_auditory

evoked, forward, noise_cov = simulate_auditory(spacing=15)
evoked = evoked.crop(0.06, 0.15)

# %%
# A source is active in the whole window or not at all: crop the data to the response.
#
# Localize
# --------
#
# ``localize`` has the settings that were measured to be best as its defaults: irMxNE, a rule that
# chooses alpha from the data, and depth weighting that treats deep and superficial locations alike
# (:doc:`/explanation/depth_and_alpha`).

result = localize(evoked, forward, noise_cov)
print(result)

# %%
# Two of 476 locations. The first line says what was done, at which alpha; below the table stand
# what the sources explain, what is left beside the noise, and the duality gap: a bound on how far
# the answer can be from the optimum (:doc:`/explanation/gap`). In a notebook ``result`` is a table.

result

# %%
# Look at it
# ----------
#
# Where the sources are, their time courses, and what they leave of the data. What is left should
# look like noise.

result.plot()

# %%
# Go on with MNE
# --------------
#
# Everything comes as MNE's objects: a source estimate with the active vertices only, dipoles, and
# the residual as an evoked response.

stc = result.estimate()
print(stc)
print(result.dipoles()[0])
print(result.residual())

# %%
# Keep it
# -------
#
# A folder holds the result with all that is needed to read it back. A report is one HTML file to
# read and to pass on.

import tempfile
from pathlib import Path

from mxne_rs import Localization

folder = Path(tempfile.mkdtemp())
result.save(folder / "result")
print(Localization.read(folder / "result"))

report = folder / "five-minutes.html"
result.report(report)

# %%
# Other settings
# --------------
#
# ``alpha`` may be a percentage: at 100 nothing is left, and the smaller it is, the more sources
# there are. ``n_mxne_iter=1`` is MxNE, which finds more than irMxNE.

for alpha in (40, 10, 3):
    counts = [
        int(localize(evoked, forward, noise_cov, alpha=alpha, n_mxne_iter=rounds).active.sum())
        for rounds in (1, 100)
    ]
    print(f"alpha {alpha} %: {counts[0]} sources by MxNE, {counts[1]} by irMxNE")

# %%
# From the shell
# --------------
#
# The same without Python: files in, a folder and a report out.
#
# .. code-block:: sh
#
#     mxne-rs simulate --out demo --spacing 15
#     mxne-rs localize --evoked demo/simulated-ave.fif --forward demo/simulated-fwd.fif \
#         --noise-cov demo/simulated-cov.fif --tmin 0.06 --tmax 0.15 --report --out demo/results
#
# From NumPy arrays
# -----------------
#
# These functions need NumPy only. Gain and data are whitened (:func:`~mxne_rs.whitener` makes the
# matrix that does it); ``alpha`` is absolute here, a part of :func:`~mxne_rs.alpha_max`.

import numpy as np

import mxne_rs

rng = np.random.default_rng(0)
gain = rng.standard_normal((60, 3000))  # 1000 locations x 3 orientations
data = gain[:, [600]] * np.sin(np.arange(50) / 5) + 0.5 * rng.standard_normal((60, 50))

prepared = mxne_rs.Gain(gain, n_orient=3)  # once for each forward model
found = mxne_rs.solve_irmxne(prepared, data, 0.4 * mxne_rs.alpha_max(prepared, data))
print(found)
print("active locations:", np.flatnonzero(found.active_set))

# %%
# The Rust crate is the same solver without Python: the README has a program that runs as it stands.
#
# Where to go next
# ----------------
#
# - :doc:`../how_to/plot_walkthrough`: a real recording, from file to report
# - :doc:`../how_to/index`: alpha, orientation, epochs, stability, live recordings
# - :doc:`/explanation/index`: what the answer says, and what it does not
# - :doc:`/faq`: what a message means
