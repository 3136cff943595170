"""Declare every option of solving: name, type, default, check and description.

`takes` and `documents` make signatures and docstrings from these tables; `make_request` and
`make_rounds` convert the options for the compiled module, which checks ranges and choices.
"""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arguments.convert import Floats, as_weights, integer, name_of, number, number_or_name
from .._arguments.declare import REQUIRED, Option, options_of
from .coefficients import Stft, as_stfts
from .gain import Gain, prepared
from .inputs import sensor_data, start_rows
from .solution import Solution

#: Largest number of convex problems of `solve_irmxne`: on real data half of the answers settle
#: within 20, nearly all within 100; an answer that has settled takes no further rounds.
N_REWEIGHTS = 100


INPUTS = """
gain : Gain or array_like, shape (n_sensors, n_locations * n_orient)
    Whitened (and depth-weighted) gain G; the columns of a location are neighbours.
data : array_like, shape (n_sensors, n_times)
    Whitened data M.
alpha : float
    Regularisation, absolute; from `alpha_max` on there is no source.
alphas : array_like, shape (n_alphas,) or None
    Regularisations, absolute; solved from the largest to the smallest, duplicates once. None takes
    ``n_alphas`` values from ``alpha_max`` down to ``eps * alpha_max``, evenly spaced in their
    logarithm.
"""


class Inputs(TypedDict):
    """The inputs of a solve.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, what it is, and what to give instead.
    """

    gain: Annotated[Gain | ArrayLike, Option(REQUIRED, INPUTS)]
    data: Annotated[ArrayLike, Option(REQUIRED, INPUTS)]
    alpha: Annotated[float, Option(REQUIRED, INPUTS)]
    alphas: Annotated[ArrayLike | None, Option(None, INPUTS)]


PENALTY = """
n_orient : int or None
    Orientations per location. None is 1 for an array, and ``gain.n_orient`` for a Gain.
weights : array_like, shape (n_locations,) or None
    Factors on the penalty of each location: larger penalises more, infinity excludes.
"""


class PenaltyOptions(TypedDict, total=False):
    """Options of the penalty."""

    n_orient: Annotated[int | None, Option(None, PENALTY)]
    weights: Annotated[ArrayLike | None, Option(None, PENALTY)]


TIME_FREQUENCY = """
l1_ratio : float
    Part of the penalty that counts single time-frequency coefficients, from 0 to 1; 0 is MxNE.
wsize : int or list of int
    Samples in a window of the short-time Fourier transform, a multiple of 4; several make a frame
    of several transforms, with a ``tstep`` each.
tstep : int or list of int
    Samples from one window to the next: even, a divisor of ``wsize``, at most half of it.
"""


class TfInputs(TypedDict):
    """The further input of TF-MxNE."""

    l1_ratio: Annotated[float, Option(REQUIRED, TIME_FREQUENCY)]


class FrameOptions(TypedDict, total=False):
    """The frame of time-frequency coefficients."""

    wsize: Annotated[int | ArrayLike, Option(64, TIME_FREQUENCY)]
    tstep: Annotated[int | ArrayLike, Option(4, TIME_FREQUENCY)]


class TimeFrequencyOptions(FrameOptions, total=False):
    """The penalty of TF-MxNE, where it may be MxNE's."""

    l1_ratio: Annotated[float, Option(0.0, TIME_FREQUENCY, check=number)]


class RidgeOptions(PenaltyOptions, total=False):
    """Options of the penalty with a ridge."""

    ridge: Annotated[float, Option(0.0, "Weight of the additional ``|X|^2 / 2``.", check=number)]


LIMITS = """
tol : float
    Relative duality gap to reach, in units of ``|M|^2 / 2``; irMxNE reaches the gap in every round.
    Where the data are nearly of low rank over time, at most a tenth of the gap is spent on time
    components that are left out.
max_iter : int
    Epochs allowed: for each alpha of a path and each data set of a batch, in all rounds of irMxNE
    together.
n_threads : int
    Threads; 0 means RAYON_NUM_THREADS where that is a positive integer, else all cores. Threads
    share the products with the whole gain; where there are several data sets (batches, directions
    of SURE, resamples), each thread solves one of them. The answer does not depend on the number of
    threads.
"""


class LimitOptions(TypedDict, total=False):
    """Tolerance, epochs and threads of a solve."""

    tol: Annotated[float, Option(1e-6, LIMITS, check=number)]
    max_iter: Annotated[int, Option(10_000, LIMITS, check=integer)]
    n_threads: Annotated[int, Option(0, LIMITS, check=integer)]


ENGINE = """
time_limit : float or None
    Seconds allowed for the whole call.
solver : {'bcd', 'fista'}
    Block coordinate descent, or FISTA with restart.
active_set_size : int or None
    Least number of locations by which the working set grows; None solves on all locations at once.
verbose : bool or str or int or None
    None shows a progress line on a terminal, True always, False never; a level of `logging` means
    True from 'INFO' downwards.
"""


class EngineOptions(LimitOptions, total=False):
    """Options of the solver of convex problems."""

    time_limit: Annotated[float | None, Option(None, ENGINE, check=number)]
    solver: Annotated[str, Option("bcd", ENGINE, check=name_of)]
    active_set_size: Annotated[int | None, Option(10, ENGINE, check=integer)]
    verbose: Annotated[bool | str | int | None, Option(None, ENGINE)]


INIT = """
init : Solution or array_like, shape (n_sources, n_times), or None
    Sources to start from, such as those of another alpha.
"""


class InitOptions(TypedDict, total=False):
    """Starting point of a solve."""

    init: Annotated[Solution | ArrayLike | None, Option(None, INIT)]


REWEIGHT = """
n_reweights : int
    Convex problems at most, the first (unweighted) included: 1 is MxNE, more is irMxNE
    (``n_mxne_iter`` in MNE-Python). In 100 nearly all answers settle; none is solved after that.
amplitude_unit : float or {'relative', 'largest', 'mne', 'gain'}
    Unit u of irMxNE's amplitudes: a larger unit makes weights larger and sources fewer. A number is
    in the unit of data over gain (1 in the papers). The named units do not depend on the physical
    unit of the sources:

    - 'largest': the largest ``|X_s|`` of the first round has weight 1. This unit does not depend on
      the scale of the data either, and leaves few sources of similar size.
    - 'relative': a quarter of 'largest', for 'sqrt' the largest ``|X_s|`` itself. The answer
      depends little on alpha.
    - 'mne': ``100 / alpha_max``, as in MNE-Python; costs one more product with the gain.
    - 'gain': one over the median norm of a location's columns; a source of this amplitude changes
      the whitened data by 1.

    With surrogate 'log' and a number, 'mne' or 'gain', all weights can be below 1, and irMxNE can
    have more sources than MxNE: where a hundredth of the largest amplitude is above the unit.
tol_reweight : float
    Reweighting has converged when the support stays the same and no ``|X_s|`` changes by more than
    this part of the largest ``|X_s|``.
surrogate : {'sqrt', 'log', 'evidence'}
    Concave penalty of an amplitude y: ``sqrt(y)``, with which a location that became zero stays
    zero, or ``log(y + eps)`` with eps a hundredth of the largest y of the first round, with which
    it may become active again. 'evidence' is gamma-MAP, for one alpha: each location has a
    variance, the rounds raise the evidence of the data at a noise variance of ``alpha /
    sqrt(n_times)``, and amplitudes have no unit.
"""


class ReweightOptions(TypedDict, total=False):
    """How irMxNE reweights."""

    n_reweights: Annotated[int, Option(1, REWEIGHT, check=integer)]
    amplitude_unit: Annotated[float | str, Option("relative", REWEIGHT, check=number_or_name)]
    tol_reweight: Annotated[float, Option(1e-6, REWEIGHT, check=number)]
    surrogate: Annotated[str, Option("sqrt", REWEIGHT, check=name_of)]


GRID = """
n_alphas : int
    Number of alphas where none are given.
eps : float
    Smallest alpha as a part of ``alpha_max`` where none are given.
"""


class GridOptions(TypedDict, total=False):
    """The grid of alphas where none are given."""

    n_alphas: Annotated[int, Option(15, GRID)]
    eps: Annotated[float, Option(0.1, GRID)]


class SolveOptions(RidgeOptions, EngineOptions, InitOptions, total=False):
    """Options of `solve_mxne`."""


class IrmxneOptions(ReweightOptions, SolveOptions, total=False):
    """Options of `solve_irmxne`."""


class TfPenaltyOptions(FrameOptions, PenaltyOptions, total=False):
    """Options of `tf_alpha_max` and `tf_duality_gap`."""


class TfOptions(FrameOptions, PenaltyOptions, EngineOptions, InitOptions, total=False):
    """Options of `solve_tf_mxne`."""


class IrtfOptions(ReweightOptions, TfOptions, total=False):
    """Options of `solve_irtf_mxne`."""


class PathOptions(GridOptions, IrmxneOptions, TimeFrequencyOptions, total=False):
    """Options of `solve_path`."""


class BatchOptions(ReweightOptions, RidgeOptions, EngineOptions, TimeFrequencyOptions, total=False):
    """Options of `solve_batch`."""


class Request(NamedTuple):
    """The checked options of one solve, as the compiled module takes them."""

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
    time_frequency: tuple[float, list[int], list[int]] | None
    progress: Callable[[int, float, int], None] | None

    @property
    def stfts(self) -> tuple[Stft, ...]:
        """The transforms of the frame; none for MxNE."""
        _, wsizes, tsteps = self.time_frequency or (0.0, [], [])
        return tuple(Stft(*pair) for pair in zip(wsizes, tsteps, strict=True))


class Rounds(NamedTuple):
    """The checked options of reweighting, as the compiled module takes them."""

    n_reweights: int
    tol_reweight: float
    surrogate: str
    amplitude_unit: float | str


_OPTIONS = options_of(PathOptions)


def checked(options: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """Return some of the options after their checks; the default where one is not given."""
    values = {}
    for name in names:
        value = options.get(name, _OPTIONS[name].default)
        check = _OPTIONS[name].check
        # None is a value only of options whose type names it.
        allowed = value is None and ("None" in _OPTIONS[name].kind)
        values[name] = value if allowed or check is None else check(name, value)
    return values


def make_request(gain: Gain, data: Floats, alpha: Any, options: Any) -> Request:
    """Check the options of a solve, and make the request of the compiled module."""
    return Request(
        alpha=number("alpha", alpha),
        init=start_rows(gain, data, options.get("init")),
        weights=as_weights(options.get("weights"), gain.n_locations),
        time_frequency=_time_frequency(options),
        progress=None,
        **checked(
            options,
            ("ridge", "tol", "max_iter", "time_limit", "solver", "active_set_size", "n_threads"),
        ),
    )


def asked(gain: Any, data: Any, alpha: Any, options: Any) -> tuple[Gain, Floats, Request]:
    """Check gain, data and options of a solve; return them as the compiled module takes them."""
    gain = prepared(gain, options["n_orient"])
    array = sensor_data(gain, data)
    return gain, array, make_request(gain, array, alpha, options)


def _time_frequency(options: Any) -> tuple[float, list[int], list[int]] | None:
    """Check the penalty of TF-MxNE; None where the options have none."""
    if "l1_ratio" not in options:
        return None
    stfts = as_stfts(options["wsize"], options["tstep"])
    wsizes, tsteps = (list(sizes) for sizes in zip(*stfts, strict=True))
    return number("l1_ratio", options["l1_ratio"]), wsizes, tsteps


def make_rounds(options: Any) -> Rounds:
    """Check the options of reweighting."""
    return Rounds(**checked(options, Rounds._fields))
