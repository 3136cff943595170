"""Declare every option of `mixed_norm` and its variants: type, default and description."""

from typing import Annotated, Any, TypedDict

from .._arguments.declare import REQUIRED, Option
from ..solve.options import N_REWEIGHTS, FrameOptions

#: The recommended setting, which `localize` and the command line have where MNE's need not be kept:
#: the rule for alpha and the options that decide most (measured in ``evidence/truth``).
RULE = "sqrt"
RECOMMENDED: dict[str, Any] = {
    "depth": 1.0, "n_mxne_iter": N_REWEIGHTS, "amplitude_unit": "relative", "tol": 1e-6,
    "maxit": 10_000,
}  # fmt: skip


class Seed(int):
    """A default seed, distinguished by identity from an equal number that a caller gives."""


#: The default of `rng`, by which a missing `rng` is recognised where `random_state` is given.
SEED = Seed(0)


INPUTS = """
evoked : mne.Evoked, list of mne.Evoked, mne.Epochs or mne.io.Raw
    The data. Several evokeds (a list or tuple) are solved as one problem: they share their sources,
    not their time courses. Epochs are averaged (`mixed_norm_epochs` solves each), all samples of
    Raw are used (`mixed_norm_raw` takes a range).
forward : mne.Forward
    The forward solution.
noise_cov : mne.Covariance
    The noise covariance of a single trial, for the whitener.
alpha : float or str
    Regularisation in percent of the smallest value with no source, from 1 to below 100 (see
    `allow_small_alpha`), or the rule that chooses it: 'noise', 'sqrt', 'sure', 'cv', 'map',
    'discrepancy' or 'gof' (see `choose_alpha`). 'sqrt' is recommended; 'sure' is MNE's.
percents : array_like, shape (n_alphas,) or None
    Alphas in percent of the smallest value with no source. None is 15 from 100 to 10, evenly spaced
    in their logarithm.
"""


class MneInputs(TypedDict):
    """The inputs of a solve as MNE objects.

    Raises
    ------
    ImportError, TypeError, ValueError
        As `mixed_norm`.
    """

    evoked: Annotated[Any, Option(REQUIRED, INPUTS)]
    forward: Annotated[Any, Option(REQUIRED, INPUTS)]
    noise_cov: Annotated[Any, Option(REQUIRED, INPUTS)]
    alpha: Annotated[float | str, Option("sure", INPUTS)]
    percents: Annotated[Any, Option(None, INPUTS)]


WEIGHTING = """
loose : float, dict or 'auto'
    Weight of the tangential orientations, 0 (fixed orientation) to 1 (free), by source space type
    where a dict. 'auto' is 0.2 for surface source spaces, else 1.
depth : float, dict or None
    Depth weighting: an exponent, or the options that MNE takes. None or 0 turns it off.
rank : None, 'info', 'full' or dict
    Rank of the noise covariance, as in `mne.compute_rank`. In a dictionary "meg" is the rank of
    magnetometers and gradiometers together, where both are used.
"""


class WeightingOptions(TypedDict, total=False):
    """Weighting of the forward solution."""

    loose: Annotated[float | str | dict[str, float], Option("auto", WEIGHTING)]
    depth: Annotated[float | dict[str, Any] | None, Option(0.8, WEIGHTING)]
    rank: Annotated[Any, Option(None, WEIGHTING)]


MODEL = """
weights : None, array of shape (n_locations,), or mne.SourceEstimate
    A priori weights, not negative. As in MNE, and unlike the array functions of this package, a
    larger weight penalises less: a location with half the weight has to explain twice as much. A
    source estimate on the locations of `forward`, such as dSPM, gives the largest magnitude over
    time.
weights_min : float
    Locations whose weight is at most this number are left out.
"""


class ModelOptions(WeightingOptions, total=False):
    """Weighting of the forward solution, with a priori weights of locations."""

    weights: Annotated[Any, Option(None, MODEL)]
    weights_min: Annotated[float, Option(0.0, MODEL)]


ORIENTATION = """
pick_ori : None or 'vector'
    None returns the norm over the orientations of a source, 'vector' all three of them. Fixed
    orientation returns signed amplitudes and allows None only.
"""


class OrientationOptions(TypedDict, total=False):
    """Orientations in the estimate."""

    pick_ori: Annotated[str | None, Option(None, ORIENTATION)]


SOLVER = """
maxit : int
    Maximum epochs per convex problem; irMxNE shares the budget of ``maxit * n_mxne_iter`` among its
    problems.
tol : float
    Relative duality gap to reach, in units of half the squared norm of the whitened data.
active_set_size : int or None
    Locations by which the working set grows; None solves on all at once.
debias : bool
    Undo the shrinkage of the amplitudes: one factor of at least 1 per source (see
    `mxne_rs.debias`).
time_pca : bool or int
    An integer keeps that many temporal components of the whitened data, an approximation. True and
    False have the same effect here: the solver always reduces time exactly.
solver : {'auto', 'bcd', 'cd', 'fista'}
    Block coordinate descent ('auto', 'bcd'; 'cd' is its case of fixed orientation) or FISTA.
n_mxne_iter : int
    Maximum convex problems: 1 is MxNE, more is irMxNE; nearly all settle in 100.
dgap_freq : float
    Checked as in MNE, but without effect: the solver computes the gap every five epochs, which
    costs little.
sure_alpha_grid : array_like or 'auto'
    Percentages, above 0 and at most 100, that 'sure', 'cv', 'discrepancy' and 'gof' choose from.
    'auto' is 15 values from 100 to 10, evenly spaced in their logarithm.
rng : None, int, numpy.random.Generator or numpy.random.RandomState
    Source of the random numbers of rules: directions, noise, folds. An integer seeds
    `numpy.random.default_rng`, None draws differently in each call.
random_state : None, int or numpy.random.RandomState
    As `rng`, but an integer seeds NumPy's legacy stream. Give one of the two.
surrogate : {'sqrt', 'log'}
    Penalty of irMxNE (see `solve_irmxne`).
amplitude_unit : float or {'mne', 'gain', 'relative', 'largest'}
    Unit of irMxNE's amplitudes (see `solve_irmxne`). With 'mne', the answer depends on the scale of
    `noise_cov` and on the number of evokeds and samples solved together; with 'relative' it does
    not. A number is in the unit of sources on the whitened and depth-weighted gain, not in Am.
n_threads : int
    Threads of the solver; 0 means all cores, or RAYON_NUM_THREADS.
time_limit : float or None
    Seconds that the solver may take. A solve that reaches the limit warns, and returns its best
    answer. The limit is for each group of epochs that are solved together (with SURE for each
    epoch), and for a whole path.
sure_sigma : float, 'nave' or None
    Standard deviation of the noise in the whitened data that rules assume. None is the root mean
    square of the whitened data of each evoked, an upper bound of the noise. 'nave' is that of white
    noise, ``nave ** -0.5``. 'noise' of epochs draws its noise from these instead.
sure_directions : int
    Random directions that SURE averages over.
allow_small_alpha : bool
    Allow `alpha` below 1 %, and a `sure_alpha_grid` without a value above 1. Otherwise these are
    refused: 0.5 is half a percent, which takes minutes to solve, where half of the largest value
    may be meant.
"""


class SolverOptions(TypedDict, total=False):
    """Options of the solver: MNE's names and defaults, and additional ones."""

    maxit: Annotated[int, Option(3000, SOLVER)]
    tol: Annotated[float, Option(1e-4, SOLVER)]
    active_set_size: Annotated[int | None, Option(10, SOLVER)]
    debias: Annotated[bool, Option(True, SOLVER)]
    time_pca: Annotated[bool | int, Option(True, SOLVER)]
    solver: Annotated[str, Option("auto", SOLVER)]
    n_mxne_iter: Annotated[int, Option(1, SOLVER)]
    dgap_freq: Annotated[float, Option(10, SOLVER)]
    sure_alpha_grid: Annotated[Any, Option("auto", SOLVER)]
    rng: Annotated[Any, Option(SEED, SOLVER)]
    random_state: Annotated[Any, Option(None, SOLVER)]
    surrogate: Annotated[str, Option("sqrt", SOLVER)]
    amplitude_unit: Annotated[float | str, Option("mne", SOLVER)]
    n_threads: Annotated[int, Option(0, SOLVER)]
    time_limit: Annotated[float | None, Option(None, SOLVER)]
    sure_sigma: Annotated[float | str | None, Option(None, SOLVER)]
    sure_directions: Annotated[int, Option(1, SOLVER)]
    allow_small_alpha: Annotated[bool, Option(False, SOLVER)]


TIME_FREQUENCY = """
maxit : int
    Maximum epochs per convex problem; irTF-MxNE shares the budget of ``maxit * n_tfmxne_iter``
    among its problems.
pca : bool
    Accepted as in MNE, without effect: the data are always whitened to their rank.
window : float, pair of float, or None
    Seconds at both ends (or at the start and at the end) over which the data rise from zero and
    fall to zero, as half Hann windows.
n_tfmxne_iter : int
    Maximum convex problems: 1 is TF-MxNE, more is irTF-MxNE.
"""


class TfSolverOptions(FrameOptions, total=False):
    """Options of the solver of `tf_mixed_norm`: MNE's names and defaults, and additional ones."""

    maxit: Annotated[int, Option(3000, TIME_FREQUENCY)]
    tol: Annotated[float, Option(1e-4, SOLVER)]
    pca: Annotated[bool, Option(True, TIME_FREQUENCY)]
    debias: Annotated[bool, Option(True, SOLVER)]
    window: Annotated[Any, Option(0.02, TIME_FREQUENCY)]
    dgap_freq: Annotated[float, Option(10, SOLVER)]
    n_tfmxne_iter: Annotated[int, Option(1, TIME_FREQUENCY)]
    active_set_size: Annotated[int | None, Option(10, SOLVER)]
    solver: Annotated[str, Option("auto", SOLVER)]
    amplitude_unit: Annotated[float | str, Option("mne", SOLVER)]
    n_threads: Annotated[int, Option(0, SOLVER)]
    time_limit: Annotated[float | None, Option(None, SOLVER)]
    allow_small_alpha: Annotated[bool, Option(False, SOLVER)]


GAMMA = """
xyz_same_gamma : bool
    One variance for the orientations of a location; otherwise each orientation has its own.
maxit : int
    Maximum rounds.
tol : float
    The rounds end when no amplitude changes by more than 100 times this part of the largest.
update_mode : {1, 2}
    Checked as in MNE, but without effect: both of MNE's updates seek the same fixed point.
gammas : array_like, shape (n_sources,) or None
    Variances at the start in MNE; here a source whose variance is zero is left out.
pca : bool
    Accepted as in MNE, without effect: the data are always whitened to their rank.
"""


class GammaOptions(TypedDict, total=False):
    """Options of `gamma_map`: MNE's names and defaults, and additional ones."""

    xyz_same_gamma: Annotated[bool, Option(True, GAMMA)]
    maxit: Annotated[int, Option(10_000, GAMMA)]
    tol: Annotated[float, Option(1e-6, GAMMA)]
    update_mode: Annotated[int, Option(1, GAMMA)]
    gammas: Annotated[Any, Option(None, GAMMA)]
    pca: Annotated[bool, Option(True, GAMMA)]
    n_threads: Annotated[int, Option(0, SOLVER)]
    time_limit: Annotated[float | None, Option(None, SOLVER)]


LOG = """
verbose : bool or str or int or None
    MNE's log level; True also shows the progress of the solver.
"""


class LogOptions(TypedDict, total=False):
    """Log output."""

    verbose: Annotated[bool | str | int | None, Option(None, LOG)]


RETURN = """
return_residual : bool
    Also return the data not explained by the sources.
return_as_dipoles : bool
    Return the sources as lists of dipoles.
return_solution : bool
    Also return the `Solution`: duality gap, status, alpha (in percent), history, and for `alpha`
    'sure' the curve (`Solution.sure`).
"""


class ReturnOptions(TypedDict, total=False):
    """Outputs beside or instead of estimates."""

    return_residual: Annotated[bool, Option(False, RETURN)]
    return_as_dipoles: Annotated[bool, Option(False, RETURN)]
    return_solution: Annotated[bool, Option(False, RETURN)]


class LocalizeOptions(ModelOptions, OrientationOptions, SolverOptions, LogOptions, total=False):
    """Options of `localize` and `localize_path`."""


class LocalizeTfOptions(ModelOptions, OrientationOptions, TfSolverOptions, LogOptions, total=False):
    """Options of `localize_tf`."""


class LocalizeGammaOptions(
    WeightingOptions, OrientationOptions, GammaOptions, LogOptions, total=False
):
    """Options of `localize_gamma`."""


class EpochsOptions(LocalizeOptions, ReturnOptions, total=False):
    """Options of `mixed_norm_epochs` and `mixed_norm_raw`."""
