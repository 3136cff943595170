"""Draw the figures of the pages of explanation, from small problems that are solved here."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import mxne_rs

Floats = NDArray[np.float64]

#: Colour of text and axes, legible on light and on dark pages, and those of lines.
INK = "#808080"
BLUE, ORANGE, GREEN = "#2f8fd0", "#e0702a", "#1fa37a"


class Shrinkage(NamedTuple):
    """Amplitudes that were put in, and what estimates make of them."""

    true: Floats
    mxne: Floats
    irmxne: Floats
    debiased: Floats


def shrinkage() -> Shrinkage:
    """Solve sources that no other source is confused with: the gain is the identity."""
    true = np.linspace(0.0, 4.0, 81)
    gain, data = np.eye(len(true)), true[:, np.newaxis]
    mxne = mxne_rs.solve_mxne(gain, data, 1.0)
    # The unit of amplitudes at which the penalties of both have the same slope at 1.
    irmxne = mxne_rs.solve_irmxne(gain, data, 1.0, amplitude_unit=0.25)
    factors = mxne_rs.debias(gain, data, mxne.x)
    return Shrinkage(true, mxne.x[:, 0], irmxne.x[:, 0], factors * mxne.x[:, 0])


class Problem(NamedTuple):
    """Whitened data of a few sources among columns that are correlated with their neighbours."""

    gain: Floats
    data: Floats
    true: tuple[int, ...]


def problem() -> Problem:
    """Make data of two sources in noise of standard deviation one."""
    rng = np.random.default_rng(3)
    white = rng.standard_normal((60, 220))
    gain = np.stack([white[:, i : i + 20] @ np.hanning(20) for i in range(200)], axis=1)
    gain /= np.linalg.norm(gain, axis=0)
    times = np.arange(40)
    true = (60, 140)
    courses = 14 * np.stack([np.hanning(40), np.sin(times / 4) * np.hanning(40)])
    data = gain[:, true] @ courses + rng.standard_normal((60, 40))
    return Problem(gain, data, true)


def style(ax: Any) -> None:
    """Give axes the colour of text, and no frame at the top and on the right."""
    ax.patch.set_alpha(0)
    ax.spines[["top", "right"]].set_visible(False)
    for spine in ax.spines.values():
        spine.set_color(INK)
    ax.tick_params(colors=INK, which="both")
    for text in (ax.xaxis.label, ax.yaxis.label, ax.title):
        text.set_color(INK)


def draw_shrinkage(ax: Any) -> None:
    """Draw amplitudes found against amplitudes put in."""
    found = shrinkage()
    ax.plot(found.true, found.true, color=INK, lw=1, ls=":")
    ax.plot(found.true, found.mxne, color=BLUE, label="MxNE")
    ax.plot(found.true, found.irmxne, color=ORANGE, label="irMxNE")
    ax.set(xlabel="true amplitude / alpha", ylabel="amplitude found / alpha")
    ax.legend(frameon=False, labelcolor=INK)


def draw_paths(axes: Any) -> None:
    """Draw the norm of each source along falling alphas, by MxNE and by irMxNE."""
    gain, data, true = problem()
    alphas = mxne_rs.alpha_max(gain, data) * np.geomspace(1, 0.1, 40)
    near = [abs(np.arange(gain.shape[1]) - one) <= 5 for one in true]
    for ax, title, rounds in zip(axes, ("MxNE", "irMxNE"), (1, 20), strict=True):
        path = mxne_rs.solve_path(gain, data, alphas, n_reweights=rounds)
        norms = np.stack([np.linalg.norm(one.x, axis=1) for one in path])
        for s in np.flatnonzero(norms.any(axis=0)):
            here = [mask[s] for mask in near]
            colour = BLUE if here[0] else ORANGE if here[1] else INK
            ax.plot(100 * alphas / alphas[0], norms[:, s], color=colour, lw=1.6 if any(here) else 1)
        ax.set(title=title, xlabel="alpha (%)", xscale="log", xlim=(100, 10))
        ax.set_xticks([100, 50, 20, 10], ["100", "50", "20", "10"])
        ax.minorticks_off()
    axes[0].set_ylabel("norm of each location")


def draw_gap(ax: Any) -> None:
    """Draw the certified gap and the true distance from the minimum, after each pass."""
    gain, data, _ = problem()
    alpha = 0.3 * mxne_rs.alpha_max(gain, data)
    options = {"solver": "fista", "active_set_size": None}
    best = mxne_rs.solve_mxne(gain, data, alpha, tol=1e-13).primal
    history = mxne_rs.solve_mxne(gain, data, alpha, tol=1e-8, **options).history
    passes = [one.n_iter for one in history]
    zero = 0.5 * float(np.sum(data**2))
    ax.plot(passes, [one.gap for one in history], color=BLUE, label="gap (known)")
    far = [max(one.primal - best, 1e-12 * zero) / zero for one in history]
    ax.plot(passes, far, color=ORANGE, label="distance from the minimum (unknown)")
    ax.axhline(1e-4, color=INK, lw=1, ls=":")
    ax.text(passes[-1], 1.3e-4, "tol 1e-4", color=INK, ha="right", fontsize=8)
    ax.set(xlabel="passes over the locations", yscale="log", ylim=(1e-9, 2))
    ax.set_ylabel("in units of the objective of X = 0")
    ax.legend(frameon=False, labelcolor=INK)


def write(folder: Path) -> None:
    """Write the figures into a folder, on transparent ground."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    for name, draw, panels in (
        ("shrinkage", draw_shrinkage, 1),
        ("paths", draw_paths, 2),
        ("gap", draw_gap, 1),
    ):
        width = 7.0 if panels == 2 else 5.0
        figure, axes = plt.subplots(
            1, panels, figsize=(width, 3.2), sharey=True, layout="constrained"
        )
        draw(axes)
        for ax in np.atleast_1d(axes):
            style(ax)
        figure.savefig(folder / f"{name}.svg", transparent=True)
        plt.close(figure)
