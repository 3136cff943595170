"""What `mixed_norm` does otherwise than MNE's function: docstring, README and pages take it here.

A call that both functions accept can have another outcome for the reasons in `DIFFERENCES` only.
`REMARKS` are what else is worth knowing of a parameter beside MNE's.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class Difference(NamedTuple):
    """A reason why the same call can have another outcome."""

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
        "``tol`` counts in half the squared norm of the whitened data, MNE's in all of it: the "
        "same number asks for half the gap.",
    ),
    Difference(
        "n_mxne_iter",
        "Reweighting ends when no amplitude changes by more than a millionth of the largest; MNE "
        "compares the change with ``tol``.",
    ),
    Difference(
        "sure_sigma",
        "SURE assumes noise as strong as the whitened data themselves; ``sure_sigma=1`` assumes "
        "what MNE does.",
    ),
    Difference(
        "rng",
        "SURE draws the same random directions in each call; ``rng=None`` draws others, as MNE "
        "does by default.",
    ),
    Difference(
        "sure_alpha_grid",
        "``sure_alpha_grid`` beside a number as ``alpha`` is an error; MNE ignores it.",
    ),
)

REMARKS = {
    "evoked": "Tuples, epochs (their average) and raw recordings are accepted, too.",
    "maxit": "MNE may spend it again in every round of its working set.",
    "active_set_size": "Only locations that are new count.",
    "debias": "Solved to the end; MNE's solver may stop early without a warning.",
    "solver": "``'fista'`` is new; ``'cd'`` needs no scikit-learn.",
    "pick_ori": "Checked before anything is solved.",
    "sure_alpha_grid": "Tuples are accepted, too.",
    "verbose": "Warnings do not depend on it.",
    "rng": "MNE has it from version 1.13 on.",
    "amplitude_unit": "MNE always does what ``'mne'`` does.",
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
    """Return what there is to say of a parameter beside MNE's, empty where it is the same."""
    said = [one.sentence for one in DIFFERENCES if one.parameter == parameter]
    return " ".join([*said, *filter(None, [REMARKS.get(parameter)])])


def lists_differences(function: F) -> F:
    """Decorate a function whose docstring has Notes with the differences as their beginning."""
    heading = "Notes\n-----\n"
    told = f"Differences from `mne.inverse_sparse.mixed_norm`:\n\n{listed()}\n\n"
    # Python leaves docstrings out with -OO.
    function.__doc__ = (function.__doc__ or "").replace(heading, heading + told, 1)
    return function
