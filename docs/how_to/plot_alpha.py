"""
Choose alpha
============

``alpha`` decides how many sources there are. It can be chosen by hand, from the answers along a
path of values, by what noise alone would need, or by Stein's unbiased risk estimate (SURE). The
last one is the default of ``mixed_norm``, as it is MNE's; ``"sqrt"`` is recommended
(:doc:`plot_settings` has the measurements). :func:`~mxne_rs.choose_alpha` knows nine rules.
"""

# %%
# A percentage
# ------------
#
# ``alpha`` is a percentage of the smallest value that leaves no source, so that one number
# means about the same for other data. The smaller it is, the more sources come in; two were
# simulated.

import matplotlib.pyplot as plt
import numpy as np

from mxne_rs import mixed_norm
from mxne_rs.simulate import simulate_auditory

evoked, forward, noise_cov = simulate_auditory(spacing=15, snr=0.3, rng=1)
evoked.crop(0.08, 0.13)

for alpha in (90, 40, 10):
    stc = mixed_norm(evoked, forward, noise_cov, alpha)
    print(f"alpha {alpha} %, sources: {len(stc.data)}")

# %%
# A path
# ------
#
# :func:`~mxne_rs.localize_path` solves at falling values, each started from the last answer.
# Sources that stay over a wide range of alpha come from the data, not from the choice. With plain
# MxNE more and more sources come in; the reweighting of irMxNE keeps the two that
# were simulated.

from mxne_rs import localize_path

percents = np.geomspace(90, 8, 12)
fig, axes = plt.subplots(1, 2, sharex=True, layout="constrained")
for name, n_mxne_iter in (("MxNE", 1), ("irMxNE", 10)):
    path = localize_path(evoked, forward, noise_cov, percents, n_mxne_iter=n_mxne_iter)
    axes[0].plot(percents, [one.active.sum() for one in path], "o-", ms=4, label=name)
    axes[1].plot(percents, [100 * one.explained_variance for one in path], "o-", ms=4, label=name)
axes[0].set(ylabel="sources", xlabel="alpha (%)", xscale="log", yscale="symlog", xlim=(100, 7))
axes[1].set(ylabel="explained variance (%)", xlabel="alpha (%)")
for ax in axes:
    ax.set_xticks([100, 50, 20, 10], ["100", "50", "20", "10"])
    ax.minorticks_off()
axes[0].set_ylim(bottom=-0.2)
axes[0].set_yticks([0, 2, 5, 10, 50], ["0", "2", "5", "10", "50"])
axes[0].legend(frameon=False)
plt.show()

# %%
# On the command line ``mxne-rs path`` makes a table and a picture of it.
#
# What noise alone would need
# ---------------------------
#
# ``alpha="noise"`` takes the value above which noise alone has no source, but for a probability of
# 5 %. It costs one solve. The noise is white and as strong as the whitened data, an upper bound;
# of epochs it is their average with random signs, which has the correlations that the noise has.
# ``alpha="sqrt"`` takes as noise what the sources leave unexplained, and needs no level: it is the
# default of ``localize``, of :func:`~mxne_rs.choose_alpha` and of the command line.

stc, solution = mixed_norm(
    evoked, forward, noise_cov, alpha="sqrt", depth=1.0, n_mxne_iter=100,
    amplitude_unit="relative", return_solution=True,
)  # fmt: skip
print(f"{len(stc.data)} sources at alpha {solution.alpha:.1f} %")

# %%
# SURE
# ----
#
# ``alpha="sure"`` chooses the value from a grid for which the estimated distance between fit
# and noise-free data is smallest. ``return_solution`` returns the curve with the answer. The
# estimate uses random numbers, the same in each call: ``rng=1`` draws others.

grid = np.geomspace(100, 8, 11)
stc, solution = mixed_norm(
    evoked, forward, noise_cov, alpha="sure", n_mxne_iter=100, sure_alpha_grid=grid,
    return_solution=True,
)  # fmt: skip
print(f"{len(stc.data)} sources at alpha {solution.alpha:.1f} %")
print(solution.sure)

# %%


def plot_curve(curve, label, ax):
    """Draw the risk, with a ring around its minimum."""
    label = f"{label}: {curve.n_active[curve.index]} sources"
    (line,) = ax.plot(curve.alphas, curve.values, "o-", ms=4, label=label)
    ring = {"mfc": "none", "mec": line.get_color(), "mew": 2, "color": line.get_color()}
    ax.plot(curve.alphas[curve.index], curve.values[curve.index], "o", ms=11, **ring)


def finish(ax, title):
    """Name the axes."""
    ax.set(
        xscale="log",
        xlim=(110, 7),
        xlabel="alpha (%)",
        ylabel="estimated risk",
        title=title,
    )
    ax.set_xticks([100, 50, 20, 10], ["100", "50", "20", "10"])
    ax.minorticks_off()
    ax.legend(frameon=False)


fig, ax = plt.subplots(layout="constrained")
plot_curve(solution.sure, "irMxNE", ax)
finish(ax, "The curve that alpha was chosen on")
plt.show()

# %%
# The curve is flat where the answer does not change. A warning says where the choice is doubtful:
# where the curve is smallest at an end of the grid, where it is flat over answers of very different
# numbers of sources, or where there are more than 20 of them (four, of MxNE).
#
# When SURE is not to be trusted
# ------------------------------
#
# **With plain MxNE.** The penalty shrinks amplitudes. The estimate sees that as a bad fit and
# takes a smaller alpha, which lets in sources that are not there. Debiased amplitudes (the
# default) help; reweighting helps more. A warning says so of the first two.

import warnings

fig, ax = plt.subplots(layout="constrained")
for label, n_mxne_iter, debias in (
    ("MxNE, not debiased", 1, False),
    ("MxNE", 1, True),
    ("irMxNE", 100, True),
):
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        stc, solution = mixed_norm(
            evoked, forward, noise_cov, alpha="sure", n_mxne_iter=n_mxne_iter, debias=debias,
            sure_alpha_grid=grid, return_solution=True,
        )  # fmt: skip
    plot_curve(solution.sure, label, ax)
finish(ax, "SURE, and what it chooses")
plt.show()

# %%
# **With a noise level that is not that of the data.** The larger the level that SURE assumes, the
# fewer sources it keeps. White noise in the average of ``nave`` trials has a standard deviation of
# ``nave ** -0.5`` after whitening; MNE assumes 1. Background activity of the brain is not white,
# and not all of it averages out. So ``mixed_norm`` assumes the root mean square of the whitened
# data themselves: what no few sources explain counts as noise. ``sure_sigma`` assumes another.

fig, ax = plt.subplots(layout="constrained")
for label, sigma in (
    ("level of the data", None),
    ("white noise: nave ** -0.5", evoked.nave**-0.5),
    ("averaging ignored: 1", 1.0),
):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        stc, solution = mixed_norm(
            evoked, forward, noise_cov, alpha="sure", n_mxne_iter=100, sure_alpha_grid=grid,
            sure_sigma=sigma, return_solution=True,
        )  # fmt: skip
    print(f"{label}: alpha {solution.alpha:.0f} %, sources: {len(stc.data)}")
    for warning in caught:
        print(f"  warning: {warning.message}")
    curve = solution.sure
    height = (curve.values - curve.values.min()) / np.ptp(curve.values)
    ax.plot(curve.alphas, height, "o-", ms=4, label=label)
finish(ax, "The choice with three noise levels")
ax.set_ylabel("estimated risk, from 0 to 1")
plt.show()

# %%
# Here all of the noise is averaged activity whose covariance the whitener knows. In simulations
# with ten background dipoles in each trial, and in three settings of four as much activity again
# that is locked to the stimulus, the levels gave these F1 scores (two sources, within 10 mm) and
# numbers of sources, in the mean over averages of 1, 5, 20 and 100 trials:
#
# =================================== ========= ==========
# level                               MxNE      irMxNE
# =================================== ========= ==========
# ``nave ** -0.5``                    0.17 (30) 0.46 (8.5)
# 1                                   0.22 (11) 0.47 (4.0)
# of the data                         0.27 (12) 0.59 (4.3)
# the best alpha, by the truth        0.37 (11) 0.71 (3.4)
# =================================== ========= ==========
#
# ``solution.residual_std`` beside ``solution.sure.sigma``, in the printed solution, in the report
# and on the command line, tells what the sources leave and what was assumed.
#
# Where you cannot trust the noise level, look at the path.
#
# Other ways
# ----------
#
# :func:`~mxne_rs.choose_alpha` takes MNE objects as ``mixed_norm`` does, with alphas in percent, or
# whitened arrays.

import mxne_rs

wider = np.geomspace(100, 2, 13)

fig, axes = plt.subplots(2, 2, figsize=(8.5, 6.5), layout="constrained")
for ax, method in zip(axes.flat, ("sure", "cv", "discrepancy", "n_sources"), strict=True):
    choice = mxne_rs.choose_alpha(
        evoked, forward, noise_cov, method=method, sure_alpha_grid=wider, n_sources=2,
        sure_sigma="nave", verbose=False,
    )  # fmt: skip
    print(choice)
    choice.plot(ax=ax)
plt.show()

# %%
# - **cv** predicts each sensor from the others and needs no noise level; **gof** and
#   **n_sources** take what you want to see: a part of the variance, a number of locations.
# - **noise** and **sqrt** ask what noise alone would need, **sqrt** without knowing its strength.
# - **sure**, **discrepancy** and **map** reckon with the noise level. With plain MxNE SURE picks
#   alphas that are too small, with irMxNE one near the best; discrepancy and cv see shrinkage as
#   a bad fit in the same way.
# - **stability** needs trials, as epochs or an array (n_trials, n_sensors, n_times): it solves
#   averages of parts of them, and bounds the number of false locations. ``choice.stable`` are the
#   locations that nearly all parts agree on, ``choice.frequencies`` how often each was found
#   (:func:`~mxne_rs.stability` makes a map of that from epochs).
# - A choice at the end of the grid comes with a warning that says what to do.
