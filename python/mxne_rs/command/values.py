"""Convert the values of options, or raise one line that says what to give instead."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from typing import Any

#: Range of distances between locations of a simulation in mm: finer grids exceed the memory of a
#: laptop, coarser ones have no location near the true sources.
FINEST, COARSEST = 3.0, 20.0
#: Named units of irMxNE's amplitudes.
AMPLITUDE_UNITS = ("relative", "largest", "mne", "gain")


class Grid(argparse.Action):
    """Action of an option that takes FROM TO N, the ends in either order."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Store (largest, smallest, number)."""
        try:
            ends, number = sorted(float(value) for value in values[:2]), int(values[2])
        except ValueError:
            ends, number = [0.0, 0.0], 0
        if not 0 < ends[0] <= ends[1] <= 100 or number < 1 or (number > 1 and ends[0] == ends[1]):
            given = " ".join(values)
            raise argparse.ArgumentError(
                self, f"{given}: give two different percentages above 0, up to 100, and how many"
            )
        setattr(namespace, self.dest, (ends[1], ends[0], number))


def _finite(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _number(
    remedy: str, fits: Callable[[float], bool] = math.isfinite, words: Sequence[str] = ()
) -> Callable[[str], Any]:
    """Make a converter to a number that fits, or one of some words; `remedy` says what to give."""

    def number_or_word(text: str) -> float | str:
        if text in words:
            return text
        number = _finite(text)
        if number is None or not fits(number):
            raise argparse.ArgumentTypeError(f"{text!r}: give {remedy}")
        return number

    return number_or_word


def positive(remedy: str, *words: str) -> Callable[[str], Any]:
    """Make a converter to a number above zero, or one of some words."""
    return _number(remedy, lambda number: number > 0, words)


def percent(*rules: str) -> Callable[[str], Any]:
    """Make a converter to a percentage of the largest alpha, or the name of a rule for it.

    Examples
    --------
    >>> from mxne_rs.command.values import percent
    >>> percent("noise", "sure")("60"), percent("noise", "sure")("sure")
    (60.0, 'sure')
    """
    names = repr(rules[0]) if len(rules) == 1 else f"one of {', '.join(rules)}"
    remedy = f"a percentage above 0 and below 100, or {names}"
    return _number(remedy, lambda number: 0 < number < 100, rules)


def count(least: int) -> Callable[[str], int]:
    """Make a converter to a whole number of at least ``least``."""

    def whole(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r}: give a whole number, at least {least}")
        return int(text)

    return whole


def _is_part(number: float) -> bool:
    return 0 <= number <= 1


duration = positive("a positive number of seconds")
seconds = _number("a time in s, such as 0.05")
exponent = _number("a number from 0 (no depth weighting) to 1", _is_part)
orientation = _number(
    "a number from 0 (fixed orientation) to 1 (free), or 'auto'", _is_part, ["auto"]
)
positive_or_nave = positive("'nave' or a positive number, such as 1", "nave")
unit_of_amplitudes = positive(
    f"a positive number, or one of {', '.join(AMPLITUDE_UNITS)}", *AMPLITUDE_UNITS
)
spacing = _number(
    f"a distance from {FINEST:g} to {COARSEST:g} mm", lambda number: FINEST <= number <= COARSEST
)


def rank(text: str) -> str | dict[str, int]:
    """Convert the rank of the whitened data: a word, or numbers by channel type.

    Examples
    --------
    >>> from mxne_rs.command.values import rank
    >>> rank("info"), rank("meg=70,eeg=59")
    ('info', {'meg': 70, 'eeg': 59})
    """
    if text in ("info", "full"):
        return text
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(name and number.isdecimal() for name, _, number in pairs):
        raise argparse.ArgumentTypeError(f"{text!r}: give info, full, or such as meg=70,eeg=59")
    return {name: int(number) for name, _, number in pairs}


def seconds_or_none(text: str) -> float | None:
    """Convert an end of ``--baseline``."""
    remedy = "two times in s, or 'none' for an end of the data, such as: none 0"
    return None if text.lower() == "none" else _number(remedy)(text)
