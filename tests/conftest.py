"""Hypothesis profiles: "ci" draws the same examples every time, "dev" looks for new ones."""

import os
import sys

# The threads of the solver and those of MNE's BLAS would be in each other's way on a busy machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# To see that what is not about MNE does without it.
if os.environ.get("MXNE_RS_WITHOUT_MNE"):
    sys.modules["mne"] = None

from hypothesis import HealthCheck, settings

COMMON = {
    "deadline": None,
    "max_examples": 30,
    "suppress_health_check": [HealthCheck.too_slow],
}
settings.register_profile("ci", derandomize=True, database=None, **COMMON)
settings.register_profile("dev", **COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))
