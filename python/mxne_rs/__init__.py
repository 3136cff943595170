"""Sparse M/EEG source imaging: MxNE and irMxNE with a certified duality gap."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._core import __version__
from .alpha.sure import solve_sure
from .solve.coefficients import Coefficients
from .solve.debias import debias
from .solve.gain import Gain
from .solve.many import Path, solve_batch, solve_path
from .solve.single import alpha_max, duality_gap, group_soft_threshold, solve_irmxne, solve_mxne
from .solve.solution import ConvergenceWarning, Record, Solution, SureCurve
from .solve.time_frequency import solve_irtf_mxne, solve_tf_mxne, tf_alpha_max, tf_duality_gap
from .solve.whiten import whitener

if TYPE_CHECKING:
    from .alpha.choice import AlphaChoice
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

#: Modules that are read when one of their names is first used: to read all of them takes about as
#: long as to read NumPy. What solves arrays is read at once: a process may fork at any moment, and
#: a child that is forked during an import can wait for its lock for ever.
_LATER = {
    "alpha.choice": ("AlphaChoice",),
    "inverse.choose": ("choose_alpha",),
    "inverse.dipoles": ("make_stc_from_dipoles",),
    "inverse.gamma_map": ("gamma_map",),
    "inverse.in_mne": ("use_in_mne",),
    "inverse.mixed_norm": ("mixed_norm", "mixed_norm_epochs", "mixed_norm_raw"),
    "inverse.tf_mixed_norm": ("tf_mixed_norm",),
    "live.stream": ("Estimate", "Stream"),
    "resampling.bootstrap": ("SourceBands", "bootstrap_sources"),
    "resampling.certainty": ("Certainty", "certainty"),
    "resampling.nodewise": ("Nodewise",),
    "resampling.stability": ("Stability", "StabilityRow", "stability"),
    "results.localization": ("Localization",),
    "results.localize": ("localize", "localize_gamma", "localize_path", "localize_tf"),
    "results.path": ("LocalizationPath",),
    "results.solvers": ("Solver", "list_solvers"),
}

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


def __getattr__(name: str) -> Any:
    """Return a public name whose module is read when it is first used."""
    for module, names in _LATER.items():
        if name in names:
            globals()[name] = getattr(import_module(f".{module}", __name__), name)
            return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
