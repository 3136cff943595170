"""Studies of benchmarks whose answer is known: are the sources the right ones?"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def _of(module: str, function: str) -> Callable[[], Any]:
    return lambda: getattr(import_module(f".{module}", __name__), function)


#: What imports the function of each study: none of them is paid for by the others.
STUDIES: dict[str, Callable[[], Any]] = {
    "bsi-zoo": _of("bsi_zoo_findings", "reproduce_bsi_zoo"),
    "seizures": _of("seizures", "reproduce_seizures"),
    "phantom": _of("phantom", "reproduce_phantom"),
    "somatosensory": _of("somatosensory", "reproduce_somatosensory"),
    "brain-noise": _of("brain_noise", "reproduce_brain_noise"),
}
