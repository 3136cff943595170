"""The results of the two papers that this package implements, from one command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def _prni2014() -> Any:
    from .prni2014_findings import reproduce_prni2014

    return reproduce_prni2014


def _tmi2016() -> Any:
    from .tmi2016 import reproduce_tmi2016

    return reproduce_tmi2016


#: What imports the function of each paper: none of them is paid for by the others.
PAPERS: dict[str, Callable[[], Any]] = {"prni2014": _prni2014, "tmi2016": _tmi2016}
