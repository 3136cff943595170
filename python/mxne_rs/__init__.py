"""Sparse M/EEG source imaging: MxNE and irMxNE with a certified duality gap."""

from __future__ import annotations

from ._core import __version__
from .debiasing import debias
from .inverse import mixed_norm
from .solution import ConvergenceWarning, Record, Solution
from .solve import Gain, alpha_max, duality_gap, group_soft_threshold, solve_irmxne, solve_mxne
from .whitening import whitener

__all__ = [
    "ConvergenceWarning",
    "Gain",
    "Record",
    "Solution",
    "__version__",
    "alpha_max",
    "debias",
    "duality_gap",
    "group_soft_threshold",
    "mixed_norm",
    "solve_irmxne",
    "solve_mxne",
    "whitener",
]
