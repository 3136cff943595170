"""List the differences between `mixed_norm` and MNE's function, for docstring, README and pages.

A call that both functions accept can have another outcome for the reasons in `DIFFERENCES` only.
`REMARKS` compare parameters with MNE's where the outcome is the same.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class Difference(NamedTuple):
    """A reason why the same call can have another outcome than in MNE."""

    parameter: str
    #: A whole sentence, with code in double backticks.
    sentence: str


DIFFERENCES = (
    Difference(
        "alpha",
        "``alpha=0`` is an error, because no answer is sparse without a penalty; MNE runs to its "
        "limit and warns.",
    ),
    Difference(
        "alpha",
        "``alpha`` below 1, which means 1 %, is an error unless ``allow_small_alpha=True``.",
    ),
    Difference(
        "tol",
        "``tol`` is in units of half the squared norm of the whitened data, in MNE of the whole "
        "squared norm: the same number asks for half the gap.",
    ),
    Difference(
        "n_mxne_iter",
        "Reweighting ends when no amplitude changes by more than a millionth of the largest; MNE "
        "compares the change with ``tol``.",
    ),
    Difference(
        "sure_sigma",
        "SURE assumes noise as strong as the whitened data themselves; ``sure_sigma=1`` is the "
        "level that MNE assumes.",
    ),
    Difference(
        "rng",
        "SURE draws the same random directions in each call; ``rng=None`` draws different ones, as "
        "MNE by default.",
    ),
    Difference(
        "sure_alpha_grid",
        "``sure_alpha_grid`` beside a number as ``alpha`` is an error; MNE ignores it.",
    ),
)

REMARKS = {
    "evoked": "Tuples, epochs (their average) and raw recordings are accepted, too.",
    "maxit": "MNE may spend as many epochs in every round of its working set.",
    "active_set_size": "Counts new locations only.",
    "debias": "Solved to convergence; MNE's solver may stop early without a warning.",
    "solver": "``'fista'`` is new; ``'cd'`` needs no scikit-learn.",
    "pick_ori": "Checked before anything is solved.",
    "sure_alpha_grid": "Tuples are accepted, too.",
    "verbose": "Warnings are given at every level.",
    "rng": "In MNE since version 1.13.",
    "amplitude_unit": "MNE always uses ``'mne'``.",
}


def listed(width: int = 96) -> str:
    """Return the differences as a list of lines at most `width` wide, for Markdown and reST."""
    return "\n".join(
        textwrap.fill(
            one.sentence, width, initial_indent="- ", subsequent_indent="  ",
            break_on_hyphens=False, break_long_words=False,
        )
        for one in DIFFERENCES
    )  # fmt: skip


def beside_mne(parameter: str) -> str:
    """Return the differences and remarks of a parameter; empty where it is as in MNE."""
    sentences = [one.sentence for one in DIFFERENCES if one.parameter == parameter]
    return " ".join([*sentences, *filter(None, [REMARKS.get(parameter)])])


def lists_differences(function: F) -> F:
    """Decorate a function, adding the differences at the beginning of its Notes."""
    heading = "Notes\n-----\n"
    notes = f"Differences from `mne.inverse_sparse.mixed_norm`:\n\n{listed()}\n\n"
    # With -OO there is no docstring.
    function.__doc__ = (function.__doc__ or "").replace(heading, heading + notes, 1)
    return function
