"""The numbers behind the figures of TMI 2016."""

from __future__ import annotations

from .estimates import METHODS
from .findings import Table
from .resamples import Resamples
from .scores import Scores
from .timing import Timing


def tables(scores: Scores, found: Resamples, timing: Timing) -> list[Table]:
    """Figures 1 to 4 as tables; of single locations those that are ever selected."""
    return [_simulation(scores), _resamples(found), _selection(found), _timing(timing)]


def _simulation(scores: Scores) -> Table:
    headings = (
        "method", "alpha (%)", "true positives left", "true positives right",
        "left found (part of draws)", "right found (part of draws)", "false positives",
        "active set", "RMSE (relative)", "RMSE debiased (relative)", "Krippendorff's alpha",
    )  # fmt: skip
    rows = []
    for m, method in enumerate(METHODS):
        for a, percent in enumerate(scores.percents):
            positives = scores.true_positives[:, m, a]
            rows.append(
                (
                    method,
                    percent,
                    *(float(one) for one in positives.mean(axis=0)),
                    *(float(one) for one in (positives > 0).mean(axis=0)),
                    float(scores.false_positives[:, m, a].mean()),
                    float(scores.sizes[:, m, a].mean()),
                    *(float(one) for one in scores.errors[:, m, a].mean(axis=0)),
                    float(scores.stability[m, a]),
                )
            )
    return Table("simulation", "Simulation: means over repetitions", headings, rows, shown=True)


def _resamples(found: Resamples) -> Table:
    headings = (
        "method", "alpha (%)", "goodness of fit (%)", "goodness of fit debiased (%)",
        "active set", "outside of the regions", "Krippendorff's alpha",
    )  # fmt: skip
    outside = None if found.outside is None else found.outside.mean(axis=0)
    stability = found.stability
    rows = [
        (
            method,
            percent,
            *(float(one) for one in found.fit[:, m, a].mean(axis=0)),
            float(found.sizes[:, m, a].mean()),
            "" if outside is None else float(outside[m, a]),
            float(stability[m, a]),
        )
        for m, method in enumerate(METHODS[1:])
        for a, percent in enumerate(found.percents)
    ]
    return Table("epochs", "Epochs: means over resamples", headings, rows, shown=True)


def _selection(found: Resamples) -> Table:
    rows = [
        (method, percent, location, float(found.probability[m, a, location]))
        for m, method in enumerate(METHODS[1:])
        for a, percent in enumerate(found.percents)
        for location in found.probability[m, a].nonzero()[0].tolist()
    ]
    headings = ("method", "alpha (%)", "location", "selection probability")
    return Table("selection", "Selection probability", headings, rows)


def _timing(timing: Timing) -> Table:
    n_small, n_all = timing.n_locations
    rows = [
        (whose, method, n_small, "yes" if working_set else "no", percent, seconds)
        for (whose, method, working_set), along in timing.seconds.items()
        for percent, seconds in zip(timing.percents, along, strict=True)
    ]
    for name, along in (("bcd", timing.whole), ("irMxNE", timing.reweighted)):
        rows += [
            ("mxne_rs", name, n_all, "yes", percent, seconds)
            for percent, seconds in zip(timing.percents, along, strict=True)
        ]
    headings = ("whose", "solver", "locations", "working set", "alpha (%)", "seconds")
    return Table("timing", "Times of one run, one thread", headings, rows, shown=True)
