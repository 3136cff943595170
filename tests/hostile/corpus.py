"""The corpus of hostile cases: a generator of calls, each with what may become of it.

A family crosses kinds of input with fixed and free orientation and with the public functions.
"""

from __future__ import annotations

from functools import cache
from itertools import chain

from cases_of_arrays import forms, geometries, not_arrays, scales, values
from cases_of_fits import covariances, matches, memory, order
from cases_of_numbers import alphas, refused_values, stopping, taken_values
from cases_of_weights import starts, weights
from judge import Case

FAMILIES = [
    forms,
    not_arrays,
    values,
    scales,
    geometries,
    refused_values,
    taken_values,
    alphas,
    weights,
    stopping,
    starts,
    order,
    matches,
    memory,
    covariances,
]


@cache
def corpus() -> tuple[Case, ...]:
    """All cases, each with an id of its own."""
    return tuple(chain.from_iterable(family() for family in FAMILIES))
