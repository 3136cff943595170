"""
Which settings
==============

Few choices decide whether the right sources are found: the rule for alpha, the depth weighting, and
for irMxNE the unit of its amplitudes. ``localize`` and ``mxne-rs localize`` have the recommended
ones as defaults. ``mixed_norm`` has MNE's, which can be told otherwise. This page shows what is
recommended, and the measurements behind it.
"""

# %%
# The recommended setting
# -----------------------
#
# ``alpha="sqrt"``, ``depth=1.0``, and irMxNE (``n_mxne_iter=100``: it ends when it has settled) in
# the unit "relative". It is told the noise covariance and nothing else.

import matplotlib.pyplot as plt
import numpy as np

from mxne_rs import mixed_norm
from mxne_rs.inverse.localize import localize
from mxne_rs.simulate import simulate_auditory, true_locations

evoked, forward, noise_cov = simulate_auditory(spacing=15, snr=0.3, rng=1)
found = localize(evoked, forward, noise_cov, verbose=False)
print(found)

stc = mixed_norm(
    evoked, forward, noise_cov, alpha="sqrt", depth=1.0, n_mxne_iter=100,
    amplitude_unit="relative", verbose=False,
)  # fmt: skip
print(f"{len(stc.data)} sources by mixed_norm")
"""
