"""Every option of a stream, beside those of solving."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

from .._arguments.declare import REQUIRED, Option
from ..inverse.options import WeightingOptions
from ..solve.options import LimitOptions, RoundsOptions


class WindowOptions(LimitOptions, RoundsOptions, total=False):
    """How each window is solved."""

    alpha_mode: Annotated[
        str,
        Option(
            "percent",
            """
            Percent of the window's alpha_max, a number for all windows, or tracked from window to
            window: ``alpha = (N + a - 1) / (sum_s |X_s| + b)`` with the sources of the last window
            and N numbers in a window (Pereyra, Bioucas-Dias and Figueiredo, EUSIPCO 2015). The
            hyperprior has its mode at half of the window's alpha_max, as in Bekhti, Badeau and
            Gramfort, EUSIPCO 2017, and counts as ten windows: ``a - 1 = 10 N``.
            """,
            "{'percent', 'absolute', 'tracked'}",
        ),
    ]
    alpha_floor: Annotated[
        float | str,
        Option(
            0.0,
            """
            What alpha never falls below, absolute, so that windows without sources stay empty.
            "noise" is 1.3 times what ``|G_s'M|`` is about for white noise: the largest
            ``|G_s| sqrt(n_times)``.
            """,
            "float or 'noise'",
        ),
    ]
    hop: Annotated[
        int | None,
        Option(None, "Samples from one window to the next. None is half of a window."),
    ]
    deadline: Annotated[
        float | None,
        Option(
            None,
            """
            Seconds allowed for a window. Then the last certified sources are the answer, with
            their gap; before anything is certified these are none, with a gap of 1.
            """,
        ),
    ]
    warm_start: Annotated[bool, Option(True, "Whether windows start from the last one's sources.")]


class MneWindowOptions(WindowOptions, WeightingOptions, total=False):
    """The same with the weighting of a forward solution."""


class Windows(TypedDict):
    """What both ways of making a stream take."""

    n_times: Annotated[int, Option(REQUIRED, "Samples in a window.")]
    alpha: Annotated[
        float,
        Option(
            50.0,
            "Regularisation, in the unit that ``alpha_mode`` says; not used where it is tracked.",
        ),
    ]


#: A stream has to keep up: a looser gap, fewer epochs and one thread are its defaults.
IN_TIME: dict[str, Any] = {"tol": 1e-4, "max_iter": 1000, "n_threads": 1}
