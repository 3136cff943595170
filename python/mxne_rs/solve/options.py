"""Every option of solving: name, type, default, check and sentence in one place.

`takes` and `documents` make signatures and docstrings of these tables; `make_request` and
`make_rounds` check what was given, in the form that the compiled module takes. Ranges and names
of choices are checked there.
"""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arguments.convert import Floats, as_weights, integer, name_of, number, number_or_name
from .._arguments.declare import REQUIRED, Option, options_of
from .gain import Gain
from .inputs import start_rows
from .solution import Solution

#: Convex problems of `solve_irmxne`: half of the answers on real data settle in 20, nearly all in
#: 100; rounds after the last that changes anything are not solved.
N_REWEIGHTS = 100


class Inputs(TypedDict):
    """What is solved."""

    gain: Annotated[
        Gain | ArrayLike,
        Option(
            REQUIRED,
            "Whitened (and depth-weighted) gain G; the columns of a location are neighbours.",
            "Gain or array_like, shape (n_sensors, n_locations * n_orient)",
        ),
    ]
    data: Annotated[
        ArrayLike,
        Option(REQUIRED, "Whitened data M.", "array_like, shape (n_sensors, n_times)"),
    ]
    alpha: Annotated[
        float,
        Option(
            REQUIRED,
            "Regularisation, absolute: `alpha_max` is the value at which nothing is left.",
        ),
    ]
    alphas: Annotated[
        ArrayLike | None,
        Option(
            None,
            """
            Regularisations, absolute; solved from the largest to the smallest, equal ones once.
            None takes ``n_alphas`` values from ``alpha_max`` down to ``eps * alpha_max``, evenly
            spaced in their logarithm.
            """,
            "array_like, shape (n_alphas,) or None",
        ),
    ]


class PenaltyOptions(TypedDict, total=False):
    """What the problem is, beside gain, data and alpha."""

    n_orient: Annotated[
        int | None,
        Option(
            None,
            "Orientations per location. None is 1 for an array and the Gain's own for a Gain.",
        ),
    ]
    weights: Annotated[
        ArrayLike | None,
        Option(
            None,
            """
            Factors on the penalty of each location: bigger is more penalised, infinity excludes.
            """,
            "array_like, shape (n_locations,) or None",
        ),
    ]


class RidgeOptions(PenaltyOptions, total=False):
    """The same with a ridge."""

    ridge: Annotated[float, Option(0.0, "Weight of the additional ``|X|^2 / 2``.", check=number)]


class LimitOptions(TypedDict, total=False):
    """How far a problem is solved, and on how many threads."""

    tol: Annotated[
        float,
        Option(
            1e-6,
            """
            Relative duality gap to reach, in units of ``|M|^2 / 2``; irMxNE reaches it in every
            round. Where the data are nearly of low rank over time, at most a tenth of it is spent
            on time components left out.
            """,
            check=number,
        ),
    ]
    max_iter: Annotated[
        int,
        Option(
            10_000,
            """
            Epochs allowed: for each alpha of a path and each data set of a batch, in all rounds
            of irMxNE together.
            """,
            check=integer,
        ),
    ]
    n_threads: Annotated[
        int,
        Option(
            0,
            """
            Threads; 0 means RAYON_NUM_THREADS where it is a positive integer, else all cores.
            They share the products with the whole gain; where there are several data sets
            (batches, directions of SURE, resamples), each thread solves one of them. The answer
            does not depend on it.
            """,
            check=integer,
        ),
    ]


class EngineOptions(LimitOptions, total=False):
    """How a convex problem is solved, and when that ends."""

    time_limit: Annotated[
        float | None, Option(None, "Seconds allowed for the whole call.", check=number)
    ]
    solver: Annotated[
        str,
        Option(
            "bcd",
            "Block coordinate descent, or FISTA with restart.",
            "{'bcd', 'fista'}",
            check=name_of,
        ),
    ]
    active_set_size: Annotated[
        int | None,
        Option(
            10,
            """
            Locations by which the working set grows at least; None solves on all locations at
            once.
            """,
            check=integer,
        ),
    ]
    verbose: Annotated[
        bool | str | int | None,
        Option(
            None,
            """
            None shows a progress line on a terminal, True always, False never; a level of
            `logging` means True from 'INFO' downwards.
            """,
        ),
    ]


class InitOptions(TypedDict, total=False):
    """Where to start."""

    init: Annotated[
        Solution | ArrayLike | None,
        Option(
            None,
            "Sources to start from, such as those of another alpha.",
            "Solution or array_like, shape (n_sources, n_times), or None",
        ),
    ]


class RoundsOptions(TypedDict, total=False):
    """How many rounds irMxNE has, and what it sees."""

    n_reweights: Annotated[
        int,
        Option(
            1,
            """
            Convex problems at most, the first (unweighted) included: 1 is MxNE, more is irMxNE
            (``n_mxne_iter`` in MNE-Python). In 100 nearly all answers settle; none is solved after
            that.
            """,
            check=integer,
        ),
    ]
    amplitude_unit: Annotated[
        float | str,
        Option(
            "relative",
            """
            The unit u of irMxNE's amplitudes: a larger one makes weights larger and sources fewer.
            A number is in the unit of data over gain (the papers have 1). The other ones do not
            depend on the physical unit of the sources:

            - 'largest': the largest ``|X_s|`` of the first round has weight 1. It does not depend
              on the scale of the data either. Few sources, all nearly as large.
            - 'relative': a quarter of that, for 'sqrt' the largest ``|X_s|`` itself. The answer
              depends little on alpha.
            - 'mne': ``100 / alpha_max``, as in MNE-Python; costs one more product with the gain.
            - 'gain': one over the median norm of a location's columns, so that such a source
              moves the whitened data by 1.

            With 'log' and a number, 'mne' or 'gain', weights can all be below 1, and sources more
            than MxNE's, where a hundredth of the largest amplitude is above the unit.
            """,
            "float or {'relative', 'largest', 'mne', 'gain'}",
            check=number_or_name,
        ),
    ]


class ReweightOptions(RoundsOptions, total=False):
    """How irMxNE reweights."""

    tol_reweight: Annotated[
        float,
        Option(
            1e-6,
            """
            Reweighting has converged when the support stays and no ``|X_s|`` changes by more than
            this part of the largest.
            """,
            check=number,
        ),
    ]
    surrogate: Annotated[
        str,
        Option(
            "sqrt",
            """
            ``sqrt(y)`` of an amplitude y, where a location that has died stays dead, or
            ``log(y + eps)`` with eps a hundredth of the largest y of the first round, where it may
            return.
            """,
            "{'sqrt', 'log'}",
            check=name_of,
        ),
    ]


class GridOptions(TypedDict, total=False):
    """The alphas where none are given."""

    n_alphas: Annotated[int, Option(15, "Number of alphas where none are given.")]
    eps: Annotated[
        float,
        Option(0.1, "Smallest alpha as a part of ``alpha_max`` where none are given."),
    ]


class SolveOptions(RidgeOptions, EngineOptions, InitOptions, total=False):
    """Options of `solve_mxne`."""


class IrmxneOptions(ReweightOptions, SolveOptions, total=False):
    """Options of `solve_irmxne`."""


class PathOptions(GridOptions, IrmxneOptions, total=False):
    """Options of `solve_path`."""


class BatchOptions(ReweightOptions, RidgeOptions, EngineOptions, total=False):
    """Options of `solve_batch`."""


class Request(NamedTuple):
    """One solve, without gain and data."""

    alpha: float
    weights: Floats | None
    ridge: float
    tol: float
    max_iter: int
    time_limit: float | None
    init: tuple[NDArray[np.int64], Floats] | None
    solver: str
    active_set_size: int | None
    n_threads: int
    progress: Callable[[int, float, int], None] | None


class Rounds(NamedTuple):
    """How to reweight."""

    n_reweights: int
    tol_reweight: float
    surrogate: str
    amplitude_unit: float | str


_TABLE = options_of(PathOptions)


def checked(options: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """Return some of the options as the table checks them; its defaults where one is not given."""
    found = {}
    for name in names:
        value = options.get(name, _TABLE[name].default)
        check = _TABLE[name].check
        # None is the word for "no limit" where the default says so, and no value elsewhere.
        allowed = value is None and ("None" in _TABLE[name].kind)
        found[name] = value if allowed or check is None else check(name, value)
    return found


def make_request(gain: Gain, data: Floats, alpha: Any, options: Any) -> Request:
    """Everything but gain and data, checked, in the form the compiled module takes."""
    return Request(
        alpha=number("alpha", alpha),
        init=start_rows(gain, data, options.get("init")),
        weights=as_weights(options.get("weights"), gain.n_locations),
        progress=None,
        **checked(
            options,
            ("ridge", "tol", "max_iter", "time_limit", "solver", "active_set_size", "n_threads"),
        ),
    )


def make_rounds(options: Any) -> Rounds:
    """How to reweight, checked."""
    return Rounds(**checked(options, Rounds._fields))
