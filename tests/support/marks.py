"""Marks of tests that need something of the system, or one version of MNE."""

import os
import signal
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest


def there(what: bool, reason: str) -> pytest.MarkDecorator:
    """Mark a test that needs something which some systems lack; the reason names it."""
    return pytest.mark.skipif(not what, reason=reason)


#: What a test needs of the system. `tests/test_portable.py` looks for tests without their mark.
fork = there(hasattr(os, "fork"), "Windows has no fork")
signals = there(hasattr(signal, "setitimer"), "Windows sends no signals to one process")
limits = there(os.name == "posix", "Windows has no limits on threads and memory")
proc = there(
    Path("/proc/self/statm").exists(), "only Linux has /proc, which tells the memory in use"
)
full_device = there(Path("/dev/full").exists(), "only Linux has /dev/full")
links = there(os.name == "posix", "Windows lets administrators alone make symbolic links")


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
