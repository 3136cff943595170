"""
How stable is this source?
==========================

A source that is found whichever trials are averaged is more credible than one that needs a few.
:func:`mxne_rs.stability` averages many random parts of the epochs, solves each along falling
alphas, and counts how often every location is found.
"""

# %%
# Here the trials are simulated: two dipoles in the auditory cortices, in correlated noise. Any
# :class:`mne.Epochs` do, with the forward solution and noise covariance of their subject.

import numpy as np

from mxne_rs import stability
from mxne_rs.simulate import simulate_epochs

epochs, forward, noise_cov = simulate_epochs(n_epochs=60, snr=1.0, spacing=15)
found = stability(
    epochs,
    forward,
    noise_cov,
    n_resamples=60,
    tmin=0.06,
    tmax=0.15,
    verbose=False,
)
print(found)

# %%
# On the head and along alpha
# ---------------------------
#
# Without an alpha the picture shows the smallest alpha at which at most one location is expected to
# be found so often by chance. ``false_bound`` has the bound at each alpha (Meinshausen and Bühlmann
# 2010). It assumes halves of the trials, the default of ``subsample``.

found.plot()

# %%
# As a table, the most probable first; the spread of the amplitudes is that over resamples.

for row in found.rows(least=0.3):
    print(
        f"{row.hemisphere:>6} ({row.position[0]:4.0f}, {row.position[1]:4.0f}, "
        f"{row.position[2]:4.0f}) mm  {100 * row.probability:3.0f} %  "
        f"{row.amplitude:5.1f} ± {row.spread:.1f} nAm"
    )

# %%
# Many subjects, more than one machine
# ------------------------------------
#
# ``n_jobs=8`` takes eight worker processes; inside of ``joblib.parallel_config`` the workers are
# those of any backend of joblib. The numbers are the same, whatever the backend and the number of
# workers: what a resample draws follows from its number and ``rng``. The gain is sent to each
# worker once. With ``store`` finished resamples stay in a folder, and a run that was stopped, or
# whose machine went away, goes on from there. On a cluster with Slurm, by dask-jobqueue:
#
# .. code-block:: python
#
#     import joblib
#     from dask.distributed import Client
#     from dask_jobqueue import SLURMCluster
#
#     cluster = SLURMCluster(cores=1, memory="4GB", walltime="01:00:00")
#     cluster.scale(100)
#     with Client(cluster), joblib.parallel_config(backend="dask"):
#         found = stability(epochs, forward, noise_cov, store="sub-01", verbose=True)
#
# On one machine leave ``n_jobs`` out: all cores work on one gain in memory. For many subjects
# make each a job (submitit, a Slurm array) that calls this with a ``store`` of its own. Sweeps of
# your own go the same way: see :class:`mxne_rs.study.Study`.

from mxne_rs.study import Study, run_study


def prepare(arrays, settings):
    """What all parts need, once in each process."""
    return arrays["x"] * settings["factor"]


def solve(x, key):
    """One part."""
    return {"value": x[int(key)] ** 2}


study = Study("squares", ["0", "1", "2"], prepare, solve, {"x": np.arange(3.0)}, {"factor": 2})
print([float(part["value"]) for part in run_study(study)])
