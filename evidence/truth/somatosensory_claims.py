"""What is expected of a median nerve, and what TMI 2016 says of its own, judged by this one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxne_rs._arguments.convert import Floats
from papers.claims import Claim, Row, judge, rows_at
from papers.tmi2016_claims import SOMATOSENSORY, TWO_DIPOLES, UNCHECKED
from papers.tmi2016_numbers import POINTS, ROUGHLY, STRONG, Numbers

from .median_nerve import MedianNerve

#: What is said with every sentence of the paper.
CAVEAT = " (Another recording than the paper's, without anatomy.)"
#: Latencies in s, and how near a local maximum has to be.
EXPECTED = {0.020: 0.003, 0.035: 0.005, 0.060: 0.008}
#: Part of the amplitude that makes a response one hemisphere's.
ONE_SIDED = 0.8
#: Alphas in percent: that of the paper's figure 8, and a larger one.
SHOWN, LARGE = 40.0, 80.0
#: Correlation of time courses that is called a correlation.
CORRELATED = 0.5


@dataclass(frozen=True, eq=False)
class Sources:
    """Active locations of an estimate and how strong each is over time."""

    #: From the centre of the sphere in m, (n_active, 3), and sides, -1 left to 1 right.
    positions: Floats
    sides: NDArray[np.intp]
    #: Norm over orientations in Am, debiased, (n_active, n_times); times in s.
    courses: Floats
    times: Floats

    @staticmethod
    def of(field: MedianNerve, localization: Any) -> Sources:
        """Take the sources of a localization of the average."""
        active = localization.active
        courses = localization.amplitudes.reshape(active.sum(), localization.n_orient, -1)
        amplitude = np.linalg.norm(courses, axis=1)
        return Sources(field.positions[active], field.sides[active], amplitude, field.evoked.times)

    @property
    def n(self) -> int:
        """Number of sources."""
        return len(self.positions)

    def shares(self, latency: float) -> tuple[float, float]:
        """Parts of the amplitude at a latency that are on the left and on the right."""
        now = self.courses[:, np.abs(self.times - latency).argmin()]
        total = now.sum() or 1.0
        return float(now[self.sides < 0].sum() / total), float(now[self.sides > 0].sum() / total)

    @property
    def peaks(self) -> list[Floats]:
        """Latencies of the local maxima of each source, in s."""
        inner = self.courses[:, 1:-1]
        top = (inner > self.courses[:, :-2]) & (inner >= self.courses[:, 2:])
        return [self.times[1:-1][one] for one in top]

    def near(self, other: Sources) -> NDArray[np.bool_]:
        """Tell which sources of another estimate are in the region of each, (n, n_other)."""
        apart = self.positions[:, np.newaxis] - other.positions
        return np.asarray(np.linalg.norm(apart, axis=-1) < ROUGHLY)


@dataclass(frozen=True, eq=False)
class Along(Numbers):
    """The average and its halves along alphas; MxNE first, then irMxNE."""

    #: Rising, in percent.
    percents: Floats
    #: (n_data, n_methods, n_alphas, n_locations); the average is the first of the data.
    active: NDArray[np.bool_]
    #: Goodness of fit in percent, without and with debiasing: (n_data, n_methods, n_alphas, 2).
    fit: Floats
    #: Convex problems of irMxNE, and whether it settled: (n_data, n_alphas).
    rounds: NDArray[np.intp]
    settled: NDArray[np.bool_]

    methods = ("MxNE", "irMxNE")

    @property
    def sizes(self) -> NDArray[np.intp]:
        """Number of sources, (n_data, n_methods, n_alphas)."""
        return np.asarray(self.active.sum(axis=-1))

    @property
    def added(self) -> Floats:
        """Points that debiasing adds on the average, (n_methods, n_alphas)."""
        return np.asarray(self.fit[0, ..., 1] - self.fit[0, ..., 0])

    def at(self, percent: float) -> int:
        """Index of an alpha."""
        return int(np.abs(self.percents - percent).argmin())


@dataclass(frozen=True, eq=False)
class Responses:
    """Everything that the sentences are judged by."""

    field: MedianNerve
    along: Along
    #: The primary answer; MxNE and irMxNE at `SHOWN` percent; all of the average.
    primary: Sources
    mxne: Sources
    irmxne: Sources
    #: dSPM score of each location, its largest over time; RAP-MUSIC's fit and number of dipoles.
    scores: Floats
    rap_fit: float
    n_rap: int

    @property
    def near_peaks(self) -> dict[float, float]:
        """The local maximum of a source nearest to each expected latency; infinite without one."""
        tops = np.concatenate([*self.primary.peaks, [np.inf]])
        return {one: float(tops[np.abs(tops - one).argmin()]) for one in EXPECTED}

    @property
    def chance(self) -> float:
        """Part of the samples that have a local maximum as near as the narrowest expected one."""
        tops = np.concatenate([*self.primary.peaks, [np.inf]])
        apart = np.abs(self.primary.times[:, np.newaxis] - tops).min(axis=1)
        return float(np.mean(apart <= min(EXPECTED.values())))

    @property
    def one_sided(self) -> dict[float, tuple[float, float]]:
        """Parts of the amplitude on the left and right at each expected latency."""
        return {one: self.primary.shares(one) for one in EXPECTED}

    @property
    def side(self) -> int:
        """The hemisphere of the first response: -1 left, 1 right."""
        left, right = self.primary.shares(min(EXPECTED))
        return -1 if left > right else 1

    @property
    def ipsilateral(self) -> NDArray[np.intp]:
        """Sources in the other hemisphere: (n_data, n_methods, n_alphas)."""
        return np.asarray(self.along.active[..., self.field.sides == -self.side].sum(axis=-1))

    @property
    def single(self) -> tuple[int, int]:
        """Number of irMxNE sources with no other in their region, and of all, over the alphas."""
        alone = total = 0
        for active in self.along.active[0, 1]:
            at = self.field.positions[active]
            near = np.linalg.norm(at[:, np.newaxis] - at, axis=-1) < ROUGHLY
            alone, total = alone + int((near.sum(axis=1) == 1).sum()), total + len(at)
        return alone, total

    @property
    def split(self) -> tuple[int, list[int], float]:
        """Of the regions of irMxNE: how many MxNE splits, its sources in each, their correlation.

        The correlation is the median over pairs in the same region; NaN where there is no pair.
        """
        near = self.irmxne.near(self.mxne)
        pairs = []
        with np.errstate(invalid="ignore"):
            correlation = np.atleast_2d(np.corrcoef(self.mxne.courses))
        for row in near:
            i, j = np.triu_indices(int(row.sum()), 1)
            pairs += correlation[np.ix_(row, row)][i, j].tolist()
        counts = near.sum(axis=1).tolist()
        return sum(n > 1 for n in counts), counts, float(np.median(pairs)) if pairs else np.nan

    @property
    def from_peaks(self) -> Floats:
        """From each MxNE source to the nearest main peak of dSPM in m.

        A main peak is above half of the maximum and the highest within `ROUGHLY`.
        """
        at, scores = self.field.positions, self.scores
        high = np.flatnonzero(scores > scores.max() / 2)
        top = [
            one
            for one in high
            if scores[one] >= scores[np.linalg.norm(at - at[one], axis=1) < ROUGHLY].max()
        ]
        apart = self.mxne.positions[:, np.newaxis] - at[top]
        return np.asarray(np.linalg.norm(apart, axis=-1).min(axis=1))


class Halves(Responses):
    """The same, for sentences that need draws: of these there are two."""

    n_draws = 2


def _mm(values: Any) -> str:
    return ", ".join(f"{1000 * one:.0f}" for one in values) or "none"


def _shares(r: Responses) -> str:
    parts = [
        f"{1000 * one:.0f} ms: {left:.0%} left, {right:.0%} right"
        for one, (left, right) in r.one_sided.items()
    ]
    return f"{'; '.join(parts)} ({r.primary.n} sources)."


def _is_one_sided(r: Responses) -> bool:
    """Whether all responses have enough of their amplitude on the side of the first."""
    return all(pair[(r.side + 1) // 2] >= ONE_SIDED for pair in r.one_sided.values())


def _both_fits(r: Responses) -> tuple[float, float]:
    """Debiased goodness of fit of MxNE and irMxNE at the alpha of figure 8."""
    mxne, irmxne = r.along.fit[0, :, r.along.at(SHOWN), 1]
    return float(mxne), float(irmxne)


def _four(r: Responses) -> str:
    k = r.along.at(SHOWN)
    end = "settled" if r.along.settled[0, k] else "did not settle"
    return f"{r.irmxne.n} sources; {end} in {r.along.rounds[0, k]} rounds."


EXPECTATIONS = rows_at("expected of a median nerve (reference text, section 3)", "responses",
    ("The response has peaks near 20, 35 and 60 ms.",
     lambda r: [abs(r.near_peaks[one] - one) <= near for one, near in EXPECTED.items()],
     lambda r: f"Nearest local maxima of a source: {_mm(r.near_peaks.values())} ms. Of all samples "
     f"{r.chance:.0%} have one within {1000 * min(EXPECTED.values()):g} ms, so that this says "
     f"{'little' if r.chance > 0.5 else 'something'}."),
    ("It comes from one hemisphere.", _is_one_sided, _shares),
)  # fmt: skip
#: How to judge the sentences of the paper, in its order: numbers, truth, words.
JUDGED: list[tuple[str, Any, Any]] = [
    ("responses",
     lambda r: (r.along.sizes[0, 0] > r.along.sizes[0, 1],
                r.along.fit[0, 1, :, 0] > r.along.fit[0, 0, :, 0]),
     lambda r: f"Sources: {r.along.lists(r.along.sizes[0], 'd')}. GOF without debiasing (%): "
     f"{r.along.lists(r.along.fit[0, ..., 0])}."),
    ("responses",
     lambda r: r.along.added[0] > STRONG * r.along.added[1],
     lambda r: f"Points of GOF that debiasing adds: {r.along.lists(r.along.added)}."),
    ("responses",
     lambda r: None if r.single[0] > r.single[1] / 2 else 0,
     lambda r: f"{r.single[0]} of {r.single[1]} irMxNE sources, over alphas, have no other within "
     "2 cm. What is a false positive is not known."),
    ("halves",
     lambda r: _less_stable(r),
     lambda r: "irMxNE sources in the hemisphere of the first response, in the other, and how many "
     f"of them have one within 2 cm in the other half of the trials: {_stability(r)}."),
    ("responses",
     lambda r: None if (r.from_peaks < ROUGHLY).all() else 0,
     lambda r: f"MxNE at {SHOWN:g} %: {r.mxne.n} sources, {(r.mxne.sides == r.side).sum()} on the "
     f"side of the first response, {(r.mxne.sides == -r.side).sum()} on the other; to the nearest "
     f"main peak of dSPM {_mm(r.from_peaks)} mm. Areas cannot be told without anatomy."),
    ("responses",
     lambda r: r.split[0] > r.irmxne.n / 2 and r.split[2] > CORRELATED,
     lambda r: f"MxNE sources within 2 cm of each irMxNE source at {SHOWN:g} %: {r.split[1]}; "
     f"median correlation of their amplitudes {r.split[2]:.2f}."),
    ("responses",
     lambda r: (r.ipsilateral[0, 0, r.along.at(SHOWN)] > 0,
                r.ipsilateral[0, 0, r.along.at(LARGE)] == 0),
     lambda r: f"MxNE sources on the other side: {r.along.along(r.ipsilateral[0, 0], 'd')}."),
    (TWO_DIPOLES, None, None),
    ("responses",
     lambda r: None if r.irmxne.n == 4 and r.along.settled[0, r.along.at(SHOWN)] else 0,
     _four),
    ("responses",
     lambda r: (_both_fits(r)[1] > _both_fits(r)[0], 0 <= r.rap_fit - _both_fits(r)[1] <= POINTS),
     lambda r: f"Debiased GOF (%) at {SHOWN:g} %: irMxNE {_both_fits(r)[1]:.1f} with {r.irmxne.n} "
     f"sources, MxNE {_both_fits(r)[0]:.1f} with {r.mxne.n}; RAP-MUSIC of MNE (single dipoles, "
     f"their number given) {r.rap_fit:.1f} with {r.n_rap}."),
]  # fmt: skip


def _found_again(r: Responses) -> dict[str, tuple[int, int]]:
    """Of each half's irMxNE sources at `SHOWN`: found in the other half and all, by side."""
    first, second = (r.along.active[half, 1, r.along.at(SHOWN)] for half in (1, 2))
    counts = {}
    for name, side in (("first", r.side), ("other", -r.side)):
        again = total = 0
        for one, two in ((first, second), (second, first)):
            at = r.field.positions[one & (r.field.sides == side)]
            apart = np.linalg.norm(at[:, np.newaxis] - r.field.positions[two], axis=-1)
            again += int((apart < ROUGHLY).any(axis=1).sum())
            total += len(at)
        counts[name] = (again, total)
    return counts


def _less_stable(r: Responses) -> bool | None:
    """Whether fewer sources of the other side are found again; None without any."""
    (first, n_first), (other, n_other) = _found_again(r).values()
    return None if not (n_first and n_other) else other / n_other < first / n_first


def _stability(r: Responses) -> str:
    return "; ".join(
        f"{name} side {again} of {total}" for name, (again, total) in _found_again(r).items()
    )


def claims_of(responses: Responses) -> list[Claim]:
    """Judge what is expected, and the sentences of the paper on somatosensory fields."""
    theirs = [row for row in UNCHECKED if row.by == SOMATOSENSORY]
    rows = [
        Row(row.sentence, f"TMI 2016, {row.where}", by, holds, _with_caveat(found))
        for row, (by, holds, found) in zip(theirs, JUDGED, strict=True)
    ]
    halves = Halves(**vars(responses))
    return judge([*EXPECTATIONS, *rows], {"responses": responses, "halves": halves})


def _with_caveat(found: Any) -> Any:
    return str if found is None else lambda numbers: found(numbers) + CAVEAT
