"""Panels of the papers' figures: their curves, titles and axes."""

from __future__ import annotations

from typing import Any

from mxne_rs._looks.axes import GREY, Axes, style_axes

#: The axis of alphas.
ALPHA = "alpha (% of alpha_max)"


def label(axes: Axes, ylabel: str, title: str = "", xlabel: str = ALPHA) -> None:
    """Name a panel and its axes."""
    axes.set_title(title, fontsize=10.5, loc="left")
    axes.set_xlabel(xlabel, fontsize=9, color=GREY)
    axes.set_ylabel(ylabel, fontsize=9, color=GREY)
    style_axes(axes)


def curve(axes: Axes, x: Any, y: Any, colour: str, name: str = "", style: str = "o-") -> None:
    """Draw a curve, named in the legend where it has a name."""
    axes.plot(x, y, style, color=colour, markersize=3.5, label=name or None)


def legend(axes: Axes, **where: Any) -> None:
    """List the named curves of a panel."""
    axes.legend(fontsize=8.5, frameon=False, **where)
