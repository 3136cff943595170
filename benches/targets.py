"""What is to be reached, and whether a measured number reaches it: rows of one table."""

from __future__ import annotations

import statistics
from typing import NamedTuple


class Target(NamedTuple):
    """One row; `met` is None where nothing could be judged."""

    what: str
    target: str
    measured: str
    met: bool | None


class Part(NamedTuple):
    """What one part of the benchmarks measured: its text on the page, its rows of targets."""

    lines: list[str]
    targets: list[Target]


def at_most(what, limit, measured, told, unit="products", reached=True, digits=3):
    """A number that may not be larger; `told` stands behind it, with the gaps."""
    met = measured <= limit and reached
    target = f"at most {limit:.{digits}g} {unit}"
    return Target(what, target.rstrip(), f"{measured:.2f} ({told})", met)


def at_least(what, limit, measured, told, unit="times"):
    """A number that may not be smaller."""
    return Target(what, f"at least {limit:g} {unit}", f"{measured:.1f} ({told})", measured >= limit)


def gaps(values):
    """The largest gap in words."""
    return f"gap {max(values):.0e}"


def mean(values):
    """Geometric mean."""
    return statistics.geometric_mean(values) if values else float("nan")


def table(targets):
    """All rows as Markdown lines."""
    words = {True: "yes", False: "**no**", None: "not judged"}
    lines = ["| what | target | measured | reached |", "|---" * 4 + "|"]
    return lines + [f"| {t.what} | {t.target} | {t.measured} | {words[t.met]} |" for t in targets]
