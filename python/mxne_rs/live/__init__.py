"""Estimate sources live: samples in, sources out, in a separate thread."""

from __future__ import annotations

from .epochs import EpochUpdate, solve_epochs
from .monitor import Monitor, Statistics, Update

__all__ = ["EpochUpdate", "Monitor", "Statistics", "Update", "solve_epochs"]
