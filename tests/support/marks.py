"""Marks of tests that need something of the system, or one version of MNE."""

import os
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

unix = pytest.mark.skipif(os.name == "nt", reason="signals and forks are those of Unix")
linux = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc"
)


def slow_but(values: Iterable[Any], *fast: Any) -> list[Any]:
    """Return values as parameters of a test that is slow for all but a few of them."""
    return [pytest.param(one, marks=[] if one in fast else [pytest.mark.slow]) for one in values]


#: The version of MNE whose faults are known. What MNE gets wrong is asserted of this one alone: a
#: later one may be right.
PINNED_MNE = "1.13.2"


def is_pinned_mne() -> bool:
    """Tell whether the MNE that is installed is the one whose faults are known."""
    try:
        return version("mne") == PINNED_MNE
    except PackageNotFoundError:
        return False


pinned = [
    pytest.mark.pinned,
    pytest.mark.skipif(not is_pinned_mne(), reason=f"of faults of MNE {PINNED_MNE}"),
]
