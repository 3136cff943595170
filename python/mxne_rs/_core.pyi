"""The compiled solver. Private: its documentation is that of :mod:`mxne_rs.solve`."""

from typing import final

import numpy as np
from numpy.typing import NDArray

from .request import Request, Rounds

__all__ = [
    "Gain",
    "Outcome",
    "__version__",
    "alpha_max",
    "back_end",
    "duality_gap",
    "group_soft_threshold",
    "solve_batch",
    "solve_irmxne",
    "solve_mxne",
    "solve_path",
    "solve_paths",
]

__version__: str
back_end: str

@final
class Gain:
    def __new__(cls, gain: NDArray[np.float64], n_orient: int) -> Gain: ...
    @property
    def n_sensors(self) -> int: ...
    @property
    def n_locations(self) -> int: ...
    @property
    def n_orient(self) -> int: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def lipschitz(self) -> NDArray[np.float64]: ...
    def columns(self, locations: NDArray[np.int64]) -> NDArray[np.float64]: ...
    def product_seconds(self, residual: NDArray[np.float64], n_threads: int) -> float: ...

@final
class Outcome:
    @property
    def locations(self) -> NDArray[np.int64]: ...
    @property
    def sources(self) -> NDArray[np.float64]: ...
    @property
    def certificate(self) -> tuple[float, float, float]: ...
    @property
    def status(self) -> str: ...
    @property
    def explained_variance(self) -> float: ...
    @property
    def n_iter(self) -> int: ...
    @property
    def elapsed(self) -> float: ...
    @property
    def history(self) -> list[tuple[int, float, float, int]]: ...
    @property
    def reweighting(self) -> tuple[float, NDArray[np.float64], int, bool] | None: ...

def solve_mxne(gain: Gain, data: NDArray[np.float64], request: Request) -> Outcome: ...
def solve_irmxne(
    gain: Gain, data: NDArray[np.float64], request: Request, rounds: Rounds
) -> Outcome: ...
def solve_path(
    gain: Gain,
    data: NDArray[np.float64],
    alphas: NDArray[np.float64],
    request: Request,
    rounds: Rounds | None,
) -> tuple[list[Outcome], list[Outcome]]: ...
def solve_paths(
    gain: Gain,
    data: list[NDArray[np.float64]],
    alphas: NDArray[np.float64],
    request: Request,
    rounds: Rounds | None,
) -> list[tuple[list[Outcome], list[Outcome]]]: ...
def solve_batch(
    gain: Gain,
    data: list[NDArray[np.float64]],
    alphas: NDArray[np.float64],
    request: Request,
    rounds: Rounds | None,
) -> list[Outcome]: ...
def alpha_max(
    gain: Gain, data: NDArray[np.float64], weights: NDArray[np.float64] | None, n_threads: int
) -> float: ...
def duality_gap(
    gain: Gain, data: NDArray[np.float64], x: NDArray[np.float64], request: Request
) -> tuple[float, float, float]: ...
def group_soft_threshold(block: NDArray[np.float64], threshold: float) -> NDArray[np.float64]: ...
