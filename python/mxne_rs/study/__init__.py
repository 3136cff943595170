"""Sweeps: parts that do not depend on each other, solved here or on any backend of joblib."""

from .run import run_study
from .study import Cost, Part, Study

__all__ = ["Cost", "Part", "Study", "run_study"]
