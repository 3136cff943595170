"""The curve that an alpha was chosen on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .arrays import Floats


@dataclass(frozen=True, eq=False, repr=False)
class SureCurve:
    """Stein's unbiased risk estimate over decreasing alphas.

    Attributes
    ----------
    alphas : array, shape (n_alphas,)
        Falling; in the units of the ``alpha`` of the Solution that carries the curve (absolute
        on arrays, percent in :func:`mxne_rs.mixed_norm`).
    values : array, shape (n_alphas,)
        The estimate of ``|G X - G X_true|^2``; the smallest is the choice. NaN where the solver
        stopped before the gap was reached.
    dof : array, shape (n_alphas,)
        Degrees of freedom: how much the fit follows the noise, by finite differences along
        random directions.
    n_active : array of int, shape (n_alphas,)
        Number of active locations.
    gaps : array, shape (n_alphas,)
        Relative duality gap of each answer.
    explained_variance : array, shape (n_alphas,)
        Part of the power of the data that each answer explains (before debiasing).
    sigma : array, shape (n_times,)
        The standard deviation of the noise that was assumed, of each sample.
    index : int
        Position of the choice.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> rng = np.random.default_rng(0)
    >>> gain = rng.standard_normal((30, 100))
    >>> data = gain[:, [20, 60]] @ rng.standard_normal((2, 50)) + rng.standard_normal((30, 50))
    >>> curve = mxne_rs.solve_sure(gain, data, rng=0).sure
    >>> curve
    <SureCurve: 15 alphas, smallest at number 11 of them, 2 locations>
    """

    alphas: Floats
    values: Floats
    dof: Floats
    n_active: NDArray[np.intp]
    gaps: Floats
    explained_variance: Floats
    sigma: Floats
    index: int

    @property
    def at_edge(self) -> bool:
        """Whether the smallest value is at an end of the grid, and so perhaps beyond it."""
        return len(self.alphas) > 1 and self.index in (0, len(self.alphas) - 1)

    def __repr__(self) -> str:
        """One line: how many alphas, which was chosen."""
        return (
            f"<SureCurve: {len(self.alphas)} alphas, smallest at number {self.index + 1} of them, "
            f"{self.n_active[self.index]} locations>"
        )
