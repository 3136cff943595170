"""Streams of the lab streaming layer, generated on loopback, and conditions to wait for."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from places import ROOT

sys.path.insert(0, str(ROOT / "benches"))
import player

# Before the first stream of this process is made or looked for.
os.environ["LSLAPICFG"] = player.loopback()["LSLAPICFG"]
pytest.importorskip("mne_lsl", reason="no mne-lsl here: pip install 'mxne-rs[stream]'")
import mne_lsl.lsl as lsl

#: Seconds after which a condition is given up: far more than a busy machine needs.
LIMIT = 300.0


def unique(name: str) -> str:
    """A name that no other stream of this machine has."""
    return f"mxne_rs-{name}-{os.getpid()}-{time.monotonic_ns()}"


def until(condition: Callable[[], Any], what: str) -> Any:
    """Poll until a condition holds; what it is then."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.01)
    raise AssertionError(f"not within {LIMIT:g} s: {what}")


@contextmanager
def listening(name: str) -> Iterator[Any]:
    """An open inlet on the stream of a name."""
    found = until(lambda: lsl.resolve_streams(1.0, name=name), f"a stream {name}")
    inlet = lsl.StreamInlet(found[0])
    inlet.open_stream(timeout=LIMIT)
    try:
        yield inlet
    finally:
        inlet.close_stream()
