"""The results of the two papers that this package implements, from one command."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def _of(module: str, function: str) -> Callable[[], Any]:
    return lambda: getattr(import_module(f".{module}", __name__), function)


#: What imports the function of each paper: none of them is paid for by the others.
PAPERS: dict[str, Callable[[], Any]] = {
    "prni2014": _of("prni2014_findings", "reproduce_prni2014"),
    "tmi2016": _of("tmi2016", "reproduce_tmi2016"),
}
