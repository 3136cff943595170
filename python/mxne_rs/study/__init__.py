"""Run sweeps of independent parts, in this process or on any backend of joblib."""

from .run import run_study
from .study import Cost, Part, Study

__all__ = ["Cost", "Part", "Study", "run_study"]
