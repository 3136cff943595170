"""What the study of noise that is not white gave: tables, a picture, verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxne_rs._arguments.convert import Floats
from mxne_rs._looks.axes import COLOURS, blank_figure
from mxne_rs.study import Part
from papers.claims import Claim, Row, above, judge
from papers.figures import curve, label, legend
from papers.findings import Picture, Table

from .brain_draws import KINDS, WHITE, Kind
from .brain_solves import ESTIMATORS, LIMIT, RULES

#: F1 that a rule which holds may lose at most where noise is not white.
LOSS = 0.1
#: Sources that SURE is said to find on the real responses (MxNE), at least.
MANY = 25
#: Of a hypothesis that was written down before the study ran.
BEFORE = "set before the study"


@dataclass(frozen=True, eq=False)
class Found:
    """Scores of the simulations by kind, number of sources, SNR, repetition; and the responses."""

    #: Numbers of sources and SNRs, along their axes.
    counts: tuple[int, ...]
    snrs: tuple[float, ...]
    #: By name ``f1``, ``n``, ``distance`` (mm), ``edge``:
    #: (n_kinds, n_counts, n_snrs, n_repetitions, n_estimators, n_rules).
    scores: dict[str, Floats]
    #: Parts of the recorded responses, by condition.
    responses: Mapping[str, Part]

    @staticmethod
    def of(
        keys: Sequence[str],
        parts: Sequence[Part],
        responses: Mapping[str, Part],
        counts: Sequence[int],
        snrs: Sequence[float],
    ) -> Found:
        """The parts of a `brain_noise_study` and of a `responses_study` together."""
        places = np.array([[int(one) for one in key.split("-")] for key in keys])
        shape = (*(places.max(axis=0) + 1), *parts[0]["f1"].shape)
        scores = {}
        for name in ("f1", "n", "distance", "edge"):
            scores[name] = np.full(shape, np.nan)
            for place, part in zip(places, parts, strict=True):
                scores[name][tuple(place)] = part[name]
        return Found(tuple(counts), tuple(snrs), scores, responses)

    def draws(self, kind: Kind, name: str = "f1") -> Floats:
        """Data sets of a kind along the first axis: (n_draws, n_estimators, n_rules)."""
        values = self.scores[name][KINDS.index(kind)]
        return np.asarray(values.reshape(-1, *values.shape[-2:]))

    def lost(self, kind: Kind) -> Floats:
        """F1 lost from white noise, mean over estimators: (n_draws, n_rules)."""
        control = next(one for one in KINDS if one.name == WHITE[kind.family])
        return np.asarray((self.draws(control) - self.draws(kind)).mean(axis=1))


def tables(found: Found) -> list[Table]:
    """Make tables by rule, by SNR and number of sources, and of the real responses."""
    keys = {"estimator": [one.name for one in ESTIMATORS], "rule": [one.name for one in RULES]}
    columns: dict[str, Any] = {}
    for name, word in (("f1", "F1"), ("n", "sources")):
        for kind in KINDS:
            columns[f"{word}, {kind.name}"] = found.draws(kind, name).mean(axis=0)
    whole = Table.over("brain_noise_rules", "Means over all data sets", keys, columns, shown=True)
    every = {
        "noise": [one.name for one in KINDS],
        "true sources": found.counts,
        "SNR": found.snrs,
        "estimator": keys["estimator"],
        "rule": keys["rule"],
    }
    names = {"f1": "F1", "n": "sources", "distance": "distance (mm)", "edge": "at edge (part)"}
    cells = Table.over(
        "brain_noise_cells", "Means over repetitions", every,
        {word: mean_of(found.scores[name], axis=3) for name, word in names.items()},
    )  # fmt: skip
    short = Table.over(
        "brain_noise_snr", "Means over estimators, numbers of sources and repetitions",
        {"noise": every["noise"], "SNR": found.snrs, "rule": keys["rule"]},
        {
            word: mean_of(np.moveaxis(found.scores[name], 2, 1), axis=(2, 3, 4))
            for name, word in names.items()
        },
        shown=True,
    )  # fmt: skip
    counted = Table.over(
        "brain_noise_counts", "Means over estimators, SNRs and repetitions",
        {"noise": every["noise"], "true sources": found.counts, "rule": keys["rule"]},
        {word: mean_of(found.scores[name], axis=(2, 3, 4)) for name, word in names.items()},
        shown=True,
    )  # fmt: skip
    real = Table.over(
        "brain_noise_responses", "Recorded responses", {"condition": list(found.responses), **keys},
        {
            word: np.array([part[name] for part in found.responses.values()])
            for name, word in {
                "n": "sources", "explained": "explained variance",
                "level": "residual / nominal noise", "edge": "at edge",
            }.items()
        },
        shown=True,
    )  # fmt: skip
    return [whole, short, counted, cells, real]


def mean_of(values: Floats, axis: int | tuple[int, ...]) -> Floats:
    """Average over axes what is not NaN; NaN where all is.

    Examples
    --------
    >>> import numpy as np
    >>> from truth.brain_findings import mean_of
    >>> mean_of(np.array([[1.0, np.nan], [np.nan, np.nan]]), axis=1)
    array([ 1., nan])
    """
    is_number = ~np.isnan(values)
    count = is_number.sum(axis=axis)
    total = np.where(is_number, values, 0.0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def pictures(found: Found) -> list[Picture]:
    """Draw F1 against SNR: a panel for each kind of noise, a curve for each rule."""
    figure = blank_figure(15, 3.6)
    panels = figure.subplots(1, len(KINDS), sharey=True)
    means = mean_of(found.scores["f1"], axis=(1, 3, 4))
    for axes, kind, along in zip(panels, KINDS, means, strict=True):
        for index, rule in enumerate(RULES):
            style = "o:" if rule.name == LIMIT else "o-"
            colour = "black" if rule.name == LIMIT else COLOURS[index % len(COLOURS)]
            curve(axes, found.snrs, along[:, index], colour, rule.name, style)
        axes.set_xscale("log")
        label(axes, "F1" if kind is KINDS[0] else "", kind.name, "SNR")
    legend(panels[-1])
    title = "F1 by rule, mean over estimators and numbers of sources"
    caption = "A source within 10 mm of a true one is found. Dotted: told the number of sources."
    return [Picture("brain_noise", title, caption, figure)]


class Numbers:
    """What verdicts are computed from: draws are data sets, means over estimators."""

    def __init__(self, found: Found) -> None:
        self.kinds = [kind for kind in KINDS if kind.name not in WHITE.values()]
        self.lost = np.stack([found.lost(kind) for kind in self.kinds], axis=1)
        self.n_draws = len(self.lost)
        self.f1 = {kind.name: found.draws(kind).mean(axis=1) for kind in KINDS}
        self.n = {kind.name: found.draws(kind, "n").mean(axis=1) for kind in KINDS}

    def holds(self, rule: int) -> Floats:
        """Tell in each kind of noise whether a rule loses at most `LOSS`."""
        return 1 - above(self.lost[:, :, rule], LOSS)

    def told(self, rule: int) -> str:
        """Write what a rule loses."""
        return "; ".join(
            f"{kind.name}: F1 {self.f1[WHITE[kind.family]][:, rule].mean():.2f} to "
            f"{self.f1[kind.name][:, rule].mean():.2f}"
            for kind in self.kinds
        )

    def more(self, rule: int) -> NDArray[Any]:
        """Tell in each kind of noise whether a rule finds more sources than in white noise."""
        extra = [self.n[kind.name] - self.n[WHITE[kind.family]] for kind in self.kinds]
        return above(np.stack(extra, axis=1)[:, :, rule])

    def counts(self, rule: int) -> str:
        """Write how many sources a rule finds."""
        return "; ".join(f"{name}: {n[:, rule].mean():.1f}" for name, n in self.n.items())


def claims_of(found: Found) -> list[Claim]:
    """Judge what was expected of rules, each by the same limit."""
    names = [rule.name for rule in RULES]
    sure = names.index("sure")
    counts = np.array([part["n"][:, sure] for part in found.responses.values()])
    words = "; ".join(
        f"{condition}: "
        + ", ".join(f"{n} ({one.name})" for one, n in zip(ESTIMATORS, row, strict=True))
        for condition, row in zip(found.responses, counts, strict=True)
    )
    rows = [
        Row("SURE that is told the right noise level finds more sources where noise is not white.",
            BEFORE, "simulated", lambda one: one.more(sure), lambda one: one.counts(sure)),
        Row(f"On the real auditory responses SURE at the nominal noise level finds at least {MANY} "
            "sources, by MxNE.", "notes on this project's SURE (25 to 86 sources)", "responses",
            lambda n: n[:, [i for i, one in enumerate(ESTIMATORS) if one.n_reweights == 1]] >= MANY,
            lambda n: words),
    ]  # fmt: skip
    rows += [
        Row(f"'{rule.name}' loses at most {LOSS:g} of F1 where noise is not white.",
            BEFORE, "simulated", partial(Numbers.holds, rule=index),
            partial(Numbers.told, rule=index))
        for index, rule in enumerate(RULES) if rule.name != LIMIT
    ]  # fmt: skip
    return judge(rows, {"simulated": Numbers(found), "responses": counts})
