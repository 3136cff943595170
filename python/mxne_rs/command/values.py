"""What the values of options may be: a number, or one line that says what to give instead."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Any

#: Distances between the locations of a simulation in mm: finer ones fill the memory of a laptop, on
#: coarser ones the true sources are no longer where they should be.
FINEST, COARSEST = 3.0, 20.0


class Grid(argparse.Action):
    """FROM TO N, in either order."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Keep (largest, smallest, number)."""
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


def _wrong(text: str, remedy: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(f"{text!r}: give {remedy}")


def positive(remedy: str) -> Callable[[str], float]:
    """Type of a number above zero; ``remedy`` says what to give instead of others.

    Examples
    --------
    >>> from mxne_rs.command.values import positive
    >>> positive("a positive number")("1e-6")
    1e-06
    """

    def number_above_zero(text: str) -> float:
        number = _finite(text)
        if number is None or number <= 0:
            raise _wrong(text, remedy)
        return number

    return number_above_zero


def count(least: int) -> Callable[[str], int]:
    """Type of a whole number that is not below another.

    Examples
    --------
    >>> from mxne_rs.command.values import count
    >>> count(1)("20")
    20
    """

    def whole(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise _wrong(text, f"a whole number, at least {least}")
        return int(text)

    return whole


def _between(low: float, high: float, remedy: str) -> Callable[[str], float]:
    def number_between(text: str) -> float:
        number = _finite(text)
        if number is None or not low <= number <= high:
            raise _wrong(text, remedy)
        return number

    return number_between


exponent = _between(0, 1, "a number from 0 (no depth weighting) to 1")
spacing = _between(FINEST, COARSEST, f"a distance from {FINEST:g} to {COARSEST:g} mm")
_looseness = _between(0, 1, "a number from 0 (fixed orientation) to 1 (free), or 'auto'")


def orientation(text: str) -> float | str:
    """Type of ``--loose``.

    Examples
    --------
    >>> from mxne_rs.command.values import orientation
    >>> orientation("auto"), orientation("0.2")
    ('auto', 0.2)
    """
    return text if text == "auto" else _looseness(text)


def seconds(text: str) -> float:
    """Type of a time.

    Examples
    --------
    >>> from mxne_rs.command.values import seconds
    >>> seconds("-0.1")
    -0.1
    """
    number = _finite(text)
    if number is None:
        raise _wrong(text, "a time in s, such as 0.05")
    return number


def seconds_or_none(text: str) -> float | None:
    """Type of an end of ``--baseline``.

    Examples
    --------
    >>> from mxne_rs.command.values import seconds_or_none
    >>> [seconds_or_none(text) for text in ("none", "0")]
    [None, 0.0]
    """
    number = _finite(text)
    if number is None and text.lower() != "none":
        raise _wrong(text, "two times in s, or 'none' for an end of the data, such as: none 0")
    return number


def percent_or_tracked(text: str) -> float | str:
    """Type of the ``--alpha`` of a stream.

    Examples
    --------
    >>> from mxne_rs.command.values import percent_or_tracked
    >>> percent_or_tracked("60"), percent_or_tracked("tracked")
    (60.0, 'tracked')
    """
    if text == "tracked":
        return text
    number = _finite(text)
    if number is None or not 0 < number < 100:
        raise _wrong(text, "a percentage above 0 and below 100, or 'tracked'")
    return number


def percent_or_sure(text: str) -> float | str:
    """Type of ``--alpha``.

    Examples
    --------
    >>> from mxne_rs.command.values import percent_or_sure
    >>> percent_or_sure("60"), percent_or_sure("sure")
    (60.0, 'sure')
    """
    if text == "sure":
        return text
    number = _finite(text)
    if number is None or not 0 < number < 100:
        raise _wrong(text, "a percentage above 0 and below 100, or 'sure'")
    return number


def positive_or_nave(text: str) -> float | str:
    """Read the level of the noise: 'nave' or a positive number.

    Examples
    --------
    >>> from mxne_rs.command.values import positive_or_nave
    >>> positive_or_nave("nave"), positive_or_nave("1")
    ('nave', 1.0)
    """
    return text if text == "nave" else positive("'nave' or a positive number, such as 1")(text)


def unit_of_amplitudes(text: str) -> float | str:
    """Read the unit of irMxNE's amplitudes: a name or a positive number.

    Examples
    --------
    >>> from mxne_rs.command.values import unit_of_amplitudes
    >>> unit_of_amplitudes("mne"), unit_of_amplitudes("2")
    ('mne', 2.0)
    """
    number = _finite(text)
    try:
        return text if number is None else number
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
