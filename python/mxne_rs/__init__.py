"""Sparse M/EEG source imaging: MxNE and irMxNE with a certified duality gap."""

from __future__ import annotations

from ._core import __version__
from .alpha import choose_alpha
from .alpha_choice import AlphaChoice
from .curve import SureCurve
from .debiasing import debias
from .dipoles import make_stc_from_dipoles
from .gain import Gain
from .in_mne import use_in_mne
from .inverse import mixed_norm, mixed_norm_epochs, mixed_norm_raw
from .solution import ConvergenceWarning, Record, Solution
from .solve import alpha_max, duality_gap, group_soft_threshold, solve_irmxne, solve_mxne
from .solvers import Solver, list_solvers
from .stability import Stability, StabilityRow, stability
from .stream import Estimate, Stream
from .sure import solve_sure
from .sweeps import Path, solve_batch, solve_path
from .whitening import whitener

__all__ = [
    "AlphaChoice",
    "ConvergenceWarning",
    "Estimate",
    "Gain",
    "Path",
    "Record",
    "Solution",
    "Solver",
    "Stability",
    "StabilityRow",
    "Stream",
    "SureCurve",
    "__version__",
    "alpha_max",
    "choose_alpha",
    "debias",
    "duality_gap",
    "group_soft_threshold",
    "list_solvers",
    "make_stc_from_dipoles",
    "mixed_norm",
    "mixed_norm_epochs",
    "mixed_norm_raw",
    "solve_batch",
    "solve_irmxne",
    "solve_mxne",
    "solve_path",
    "solve_sure",
    "stability",
    "use_in_mne",
    "whitener",
]
