"""The numbers behind the figures of TMI 2016."""

from __future__ import annotations

import numpy as np

from .estimates import METHODS
from .findings import Table
from .resamples import Resamples
from .scores import Scores, Supports
from .timing import Timing


def tables(scores: Scores, found: Resamples, timing: Timing) -> list[Table]:
    """Make tables of figures 1 to 4; of single locations those that are ever selected."""
    return [_simulation(scores), _resamples(found), _selection(found), _timing(timing)]


def _keys(found: Supports) -> dict[str, tuple[object, ...]]:
    """The methods (all, or the last two) and the alphas, which rows are over."""
    return {"method": METHODS[-found.active.shape[1] :], "alpha (%)": found.percents}


def _simulation(scores: Scores) -> Table:
    positives = scores.true_positives
    left, right = np.moveaxis(positives.mean(axis=0), -1, 0)
    left_found, right_found = np.moveaxis((positives > 0).mean(axis=0), -1, 0)
    plain, debiased = np.moveaxis(scores.errors.mean(axis=0), -1, 0)
    columns = {
        "true positives left": left,
        "true positives right": right,
        "left found (part of draws)": left_found,
        "right found (part of draws)": right_found,
        "false positives": scores.false_positives.mean(axis=0),
        "active set": scores.sizes.mean(axis=0),
        "RMSE (relative)": plain,
        "RMSE debiased (relative)": debiased,
        "Krippendorff's alpha": scores.stability,
    }
    title = "Simulation: means over repetitions"
    return Table.over("simulation", title, _keys(scores), columns, shown=True)


def _resamples(found: Resamples) -> Table:
    plain, debiased = np.moveaxis(found.fit.mean(axis=0), -1, 0)
    sizes = found.sizes.mean(axis=0)
    outside = (
        np.full(sizes.shape, "")
        if found.regions is None
        else found.outside(found.regions).mean(axis=0)
    )
    columns = {
        "goodness of fit (%)": plain,
        "goodness of fit debiased (%)": debiased,
        "active set": sizes,
        "outside of the regions": outside,
        "Krippendorff's alpha": found.stability,
    }
    title = "Epochs: means over resamples"
    return Table.over("epochs", title, _keys(found), columns, shown=True)


def _selection(found: Resamples) -> Table:
    keys = {**_keys(found), "location": range(found.active.shape[-1])}
    columns = {"selection probability": found.probability}
    every = Table.over("selection", "Selection probability", keys, columns)
    return Table(every.name, every.title, every.headings, [row for row in every.rows if row[-1]])


def _timing(timing: Timing) -> Table:
    n_small, n_all = timing.n_locations
    curves = [
        ((whose, method, n_small, "yes" if has_working_set else "no"), along)
        for (whose, method, has_working_set), along in timing.seconds.items()
    ]
    for name, along in (("bcd", timing.whole), ("irMxNE", timing.reweighted)):
        curves.append((("mxne_rs", name, n_all, "yes"), along))
    rows = [
        (*about, *pair)
        for about, along in curves
        for pair in zip(timing.percents, along, strict=True)
    ]
    headings = ("whose", "solver", "locations", "working set", "alpha (%)", "seconds")
    return Table("timing", "Times of one run, one thread", headings, rows, shown=True)
