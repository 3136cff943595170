"""What tests share: Hypothesis profiles, a quiet MNE, a simulated and a recorded response.

Of the profiles "ci" draws the same examples every time, "dev" looks for new ones.
"""

import os
import signal
import sys

# One thread for every BLAS that NumPy and SciPy bring, before they are loaded: their threads and
# those of the solver would be in each other's way on a busy machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# To see that what is not about MNE does without it.
if os.environ.get("MXNE_RS_WITHOUT_MNE"):
    sys.modules["mne"] = None

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from places import DATA, MISSING

# A shell ignores Ctrl-C in what it starts in the background, and children inherit that: tests that
# interrupt them would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)

COMMON = {
    "deadline": None,
    "max_examples": 30,
    "suppress_health_check": [HealthCheck.too_slow],
}
settings.register_profile("ci", derandomize=True, database=None, **COMMON)
settings.register_profile("dev", **COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    """Let MNE report errors only, in files that have imported it."""
    mne = sys.modules.get("mne")
    if mne is None:
        yield
        return
    with mne.utils.use_log_level("ERROR"):
        yield


@pytest.fixture(scope="module")
def simulated() -> tuple[Any, Any, Any]:
    """Simulate a response on a coarse volume grid, where a solve takes milliseconds."""
    mne = pytest.importorskip("mne")
    from mxne_rs.simulate import simulate_auditory

    with mne.utils.use_log_level("ERROR"):
        evoked, forward, noise_cov = simulate_auditory(spacing=20.0)
        return evoked.crop(0.06, 0.15).decimate(3), forward, noise_cov


@pytest.fixture(scope="module")
def real() -> tuple[Any, Any, Any]:
    """Read the left auditory response, 50 to 150 ms; 1000 locations, MEG and EEG; covariance."""
    mne = pytest.importorskip("mne")
    if not DATA.is_dir():
        pytest.skip(MISSING)
    evoked = mne.read_evokeds(DATA / "auditory-ave.fif", condition="Left Auditory")
    forward = mne.read_forward_solution(DATA / "cortex-1000-meg-eeg-fwd.fif")
    return evoked.crop(0.05, 0.15), forward, mne.read_cov(DATA / "noise-cov.fif")


@pytest.fixture(scope="module")
def dask_backend() -> Iterator[dict[str, str]]:
    """Start two processes on loopback, as joblib's backend."""
    distributed = pytest.importorskip("dask.distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", silence_logs=50,
            dashboard_address=":0",  # any free port: other tests may run at the same time
        ) as cluster,
        distributed.Client(cluster),
    ):  # fmt: skip
        yield {"backend": "dask"}
