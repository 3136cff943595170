"""Sparse M/EEG source imaging: MxNE and irMxNE with a certified duality gap."""

from __future__ import annotations

from ._core import __version__
from .alpha.choice import AlphaChoice
from .alpha.sure import solve_sure
from .inverse.choose import choose_alpha
from .inverse.dipoles import make_stc_from_dipoles
from .inverse.gamma_map import gamma_map
from .inverse.in_mne import use_in_mne
from .inverse.mixed_norm import mixed_norm, mixed_norm_epochs, mixed_norm_raw
from .inverse.tf_mixed_norm import tf_mixed_norm
from .live.stream import Estimate, Stream
from .resampling.bootstrap import SourceBands, bootstrap_sources
from .resampling.certainty import Certainty, certainty
from .resampling.nodewise import Nodewise
from .resampling.stability import Stability, StabilityRow, stability
from .results.localization import Localization
from .results.localize import localize, localize_gamma, localize_path, localize_tf
from .results.path import LocalizationPath
from .results.solvers import Solver, list_solvers
from .solve.coefficients import Coefficients
from .solve.debias import debias
from .solve.gain import Gain
from .solve.many import Path, solve_batch, solve_path
from .solve.single import alpha_max, duality_gap, group_soft_threshold, solve_irmxne, solve_mxne
from .solve.solution import ConvergenceWarning, Record, Solution, SureCurve
from .solve.time_frequency import solve_irtf_mxne, solve_tf_mxne, tf_alpha_max, tf_duality_gap
from .solve.whiten import whitener

__all__ = [
    "AlphaChoice",
    "Certainty",
    "Coefficients",
    "ConvergenceWarning",
    "Estimate",
    "Gain",
    "Localization",
    "LocalizationPath",
    "Nodewise",
    "Path",
    "Record",
    "Solution",
    "Solver",
    "SourceBands",
    "Stability",
    "StabilityRow",
    "Stream",
    "SureCurve",
    "__version__",
    "alpha_max",
    "bootstrap_sources",
    "certainty",
    "choose_alpha",
    "debias",
    "duality_gap",
    "gamma_map",
    "group_soft_threshold",
    "list_solvers",
    "localize",
    "localize_gamma",
    "localize_path",
    "localize_tf",
    "make_stc_from_dipoles",
    "mixed_norm",
    "mixed_norm_epochs",
    "mixed_norm_raw",
    "solve_batch",
    "solve_irmxne",
    "solve_irtf_mxne",
    "solve_mxne",
    "solve_path",
    "solve_sure",
    "solve_tf_mxne",
    "stability",
    "tf_alpha_max",
    "tf_duality_gap",
    "tf_mixed_norm",
    "use_in_mne",
    "whitener",
]


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
