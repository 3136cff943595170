"""What the compiled module is asked for: checked values, read by attribute."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .arrays import Floats


class Request(NamedTuple):
    """One solve, without gain and data."""

    alpha: float
    weights: Floats | None
    ridge: float
    tol: float
    max_iter: int
    time_limit: float | None
    init: tuple[list[int], Floats] | None
    solver: str
    active_set_size: int | None
    n_threads: int
    progress: Callable[[int, float, int], None] | None
