"""
NumPy arrays and scikit-learn
=============================

The functions on arrays need NumPy only: for forward models and preparations other than MNE's, and
for whatever else is a regression with groups of rows that are zero together.
"""

# %%
# Whiten
# ------
#
# Gain and data have to be whitened: their noise has unit variance and no correlation.
# :func:`~mxne_rs.whitener` makes the matrix from a noise covariance.

import matplotlib.pyplot as plt
import numpy as np

import mxne_rs

rng = np.random.default_rng(0)
n_sensors, n_locations, n_times = 60, 500, 80
mixing = 0.8 * np.eye(n_sensors) + 0.04 * rng.standard_normal((n_sensors, n_sensors))
noise_cov = mixing @ mixing.T

leadfield = rng.standard_normal((n_sensors, 3 * n_locations))  # three orientations each
sources = np.zeros((3 * n_locations, n_times))
sources[300] = np.hanning(n_times)  # location 100
sources[1201] = 0.7 * np.sin(np.arange(n_times) / 6)  # location 400
measured = leadfield @ sources + mixing @ rng.standard_normal((n_sensors, n_times))

white = mxne_rs.whitener(noise_cov)
data = white @ measured
gain = mxne_rs.Gain(white @ leadfield, n_orient=3)  # checked and prepared once
print(gain)

# %%
# Solve
# -----
#
# ``alpha`` is absolute; :func:`~mxne_rs.alpha_max` is where nothing is left. ``weights``
# multiply the penalty here: bigger is *more* penalised, infinity excludes a location.

alpha = 0.3 * mxne_rs.alpha_max(gain, data)
convex = mxne_rs.solve_mxne(gain, data, alpha)
solution = mxne_rs.solve_irmxne(gain, data, alpha)
print(convex)
print(solution)

weights = np.ones(n_locations)
weights[400] = np.inf
print(
    "without 400:",
    np.flatnonzero(mxne_rs.solve_irmxne(gain, data, alpha, weights=weights).active_set),
)

# %%
# ``sources`` are the active rows, ``x`` all of them. :func:`~mxne_rs.debias` gives a factor for
# each location that undoes the shrinkage.

factors = mxne_rs.debias(gain, data, solution.x)
active = np.flatnonzero(solution.active_set)
print("active:", active, "factors:", factors[active].round(2))

fig, ax = plt.subplots(layout="constrained")
for number, location in enumerate(active):
    rows = slice(3 * location, 3 * location + 3)
    estimate = factors[location] * np.linalg.norm(solution.x[rows], axis=0)
    truth = np.linalg.norm(sources[rows], axis=0)
    ax.plot(estimate, color=f"C{number}", label=f"location {location}")
    ax.plot(truth, ":", color="0.3", label="simulated" if number == 0 else None)
ax.set(xlabel="sample", ylabel="amplitude")
ax.legend(frameon=False)
plt.show()

# %%
# The certificate
# ---------------
#
# Each answer carries primal and dual values of the full problem. :func:`~mxne_rs.duality_gap`
# certifies an X of any other solver. The history tells how the gap fell.

gap, primal, dual = mxne_rs.duality_gap(gain, data, convex.x, alpha)
print(f"gap {gap:.1e}, primal {primal:.6f}, dual {dual:.6f}")
for record in convex.history:
    print(f"{record.n_iter:4d} epochs: gap {record.gap:.1e}, {record.n_active} locations")

# %%
# Paths, batches, SURE
# --------------------
#
# :func:`~mxne_rs.solve_path` walks falling alphas, :func:`~mxne_rs.solve_batch` solves many
# data sets, :func:`~mxne_rs.solve_sure` chooses alpha (:func:`~mxne_rs.choose_alpha` in six more
# ways).

path = mxne_rs.solve_path(gain, data, n_alphas=12, n_reweights=10)
print(path, path.n_active)

batch = mxne_rs.solve_batch(gain, np.stack([data, 2 * data]), [alpha, 2 * alpha])
print([int(one.active_set.sum()) for one in batch])

chosen = mxne_rs.solve_sure(gain, data, n_reweights=10, eps=0.03, rng=0)
print(
    f"SURE: {np.flatnonzero(chosen.active_set)} at {chosen.alpha / path.alphas[0]:.2f} of alpha_max"
)

# %%
# scikit-learn
# ------------
#
# :class:`mxne_rs.sklearn.MixedNorm` is an estimator: sensors are samples, columns of the gain
# are features, times are targets. Its ``alpha`` is a part of ``alpha_max``, so that one grid
# serves all folds of a cross-validation. Held-out *sensors* are what is predicted, which needs
# whitened data.

from sklearn.model_selection import GridSearchCV, KFold

from mxne_rs.sklearn import MixedNorm

search = GridSearchCV(
    MixedNorm(n_orient=3, n_reweights=5),
    {"alpha": np.geomspace(0.8, 0.1, 8)},
    cv=KFold(5, shuffle=True, random_state=0),
    scoring="neg_mean_squared_error",
)
search.fit(white @ leadfield, data)
best = search.best_estimator_
print(f"alpha {best.alpha:.2f}, locations {np.flatnonzero(best.solution_.active_set)}")

fig, ax = plt.subplots(layout="constrained")
ax.plot(search.cv_results_["param_alpha"], -search.cv_results_["mean_test_score"], "o-")
ax.set(
    xlabel="alpha (part of alpha_max)",
    ylabel="error on held-out sensors",
    xlim=(0.85, 0.05),
)
plt.show()
