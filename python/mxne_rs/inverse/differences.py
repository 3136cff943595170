"""List the differences between functions and those of MNE, for docstrings and pages.

A call that both functions accept can have another outcome for the reasons given here only:
`DIFFERENCES` are those of `mixed_norm`, `OTHERS` those of the other two.
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

OTHERS = {
    "tf_mixed_norm": (
        Difference("alpha", DIFFERENCES[0].sentence),
        Difference("alpha", DIFFERENCES[1].sentence),
        Difference("tol", DIFFERENCES[2].sentence),
        Difference(
            "n_tfmxne_iter",
            "Reweighting ends when no amplitude changes by more than a millionth of the largest. "
            "Each of its convex problems is solved to ``tol``; MNE's gaps leave out the weights.",
        ),
        Difference(
            "weights",
            "``weights`` without ``weights_min`` act; in MNE the gap of a weighted problem with "
            "``l1_ratio=0`` leaves them out.",
        ),
        Difference(
            "alpha",
            "An answer without a source is an empty estimate with a warning; MNE raises an "
            "exception.",
        ),
    ),
    "gamma_map": (
        Difference(
            "update_mode",
            "Rounds are convex problems that raise the evidence, for either ``update_mode``; MNE's "
            "updates can end at another local optimum.",
        ),
        Difference(
            "xyz_same_gamma",
            "The variance of three orientations is pooled as in the evidence; MNE divides it by "
            "three once more.",
        ),
        Difference(
            "tol",
            "``tol`` is a hundredth of the largest change of an amplitude, as a part of the "
            "largest; in MNE it is the change of the variances.",
        ),
        Difference(
            "gammas",
            "``gammas`` leave out the sources where they are zero; the others do not begin there.",
        ),
        Difference(
            "alpha",
            "An answer without a source is an empty estimate with a warning; MNE raises an "
            "exception.",
        ),
    ),
}

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


def listed(function: str = "mixed_norm", width: int = 96) -> str:
    """Return the differences as a list of lines at most `width` wide, for Markdown and reST."""
    return "\n".join(
        textwrap.fill(
            one.sentence, width, initial_indent="- ", subsequent_indent="  ",
            break_on_hyphens=False, break_long_words=False,
        )
        for one in OTHERS.get(function, DIFFERENCES)
    )  # fmt: skip


def beside_mne(parameter: str, function: str = "mixed_norm") -> str:
    """Return the differences and remarks of a parameter; empty where it is as in MNE."""
    differences = OTHERS.get(function, DIFFERENCES)
    sentences = [one.sentence for one in differences if one.parameter == parameter]
    remark = "" if function in OTHERS else REMARKS.get(parameter)
    return " ".join([*sentences, *filter(None, [remark])])


def lists_differences(function: F) -> F:
    """Decorate a function, adding the differences at the beginning of its Notes."""
    heading = "Notes\n-----\n"
    name = function.__name__
    notes = f"Differences from `mne.inverse_sparse.{name}`:\n\n{listed(name)}\n\n"
    # With -OO there is no docstring.
    function.__doc__ = (function.__doc__ or "").replace(heading, heading + notes, 1)
    return function
