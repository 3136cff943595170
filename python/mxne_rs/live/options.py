"""The options of a stream, in addition to those of solving."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

from .._arguments.declare import REQUIRED, Option
from ..inverse.options import WeightingOptions
from ..solve.options import LimitOptions, ReweightOptions


class WindowOptions(LimitOptions, ReweightOptions, total=False):
    """How each window is solved."""

    alpha_mode: Annotated[
        str,
        Option(
            "percent",
            """
            Percent of the window's alpha_max, one number for all windows, or tracked from window
            to window: ``alpha = (N + a - 1) / (sum_s |X_s| + b)``, where X are the sources of the
            last window and N counts the numbers in a window (Pereyra, Bioucas-Dias and Figueiredo,
            EUSIPCO 2015). The hyperprior has its mode at half of the window's alpha_max, as in
            Bekhti, Badeau and Gramfort, EUSIPCO 2017, and counts as ten windows:
            ``a - 1 = 10 N``.
            """,
            "{'percent', 'absolute', 'tracked'}",
        ),
    ]
    alpha_floor: Annotated[
        float | str,
        Option(
            0.0,
            """
            Least alpha, absolute; it keeps windows without sources empty. "noise" is 1.3 times
            the size that ``|G_s'M|`` has for white noise, the largest ``|G_s| sqrt(n_times)``.
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
            Seconds allowed for a window. After that the last certified sources are the answer,
            with their gap; where none are certified yet, no sources and a gap of 1.
            """,
        ),
    ]
    warm_start: Annotated[bool, Option(True, "Whether windows start from the last one's sources.")]


class MneWindowOptions(WindowOptions, WeightingOptions, total=False):
    """The options of windows, and the weighting of a forward solution."""


class Windows(TypedDict):
    """Arguments of both ways to make a stream."""

    n_times: Annotated[int, Option(REQUIRED, "Samples in a window.")]
    alpha: Annotated[
        float,
        Option(
            50.0,
            "Regularisation, in the unit that ``alpha_mode`` names; not used if that is 'tracked'.",
        ),
    ]


#: Defaults of a stream, which has to keep up: a looser gap, fewer epochs, one thread.
IN_TIME: dict[str, Any] = {"tol": 1e-4, "max_iter": 1000, "n_threads": 1}
