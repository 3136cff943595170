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
    residual_std : array, shape (n_alphas,)
        Standard deviation of ``M - G X`` of each answer (debiased where the risk is that of the
        debiased answers). Where that of the choice is clearly above `sigma`, there is more in the
        data than noise of that level and the sources found.
    alike : array of bool, shape (n_alphas,)
        Alphas whose value is above the smallest by no more than the standard error that the random
        directions leave in the difference, ``2 sigma^2 sqrt(2 |difference of dof| / n_directions)``
        (degrees of freedom that are projections one within the other).
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
    residual_std: Floats
    alike: NDArray[np.bool_]
    index: int

    @property
    def at_edge(self) -> bool:
        """Whether the smallest value is at an end of the grid, and so perhaps beyond it."""
        return len(self.alphas) > 1 and self.index in (0, len(self.alphas) - 1)

    @property
    def is_flat(self) -> bool:
        """Whether answers as good as the choice have more than twice as many locations as others.

        Which of them is chosen then hangs on the random directions.
        """
        counts = self.n_active[self.alike]
        return bool(counts.size) and int(counts.max()) > 2 * max(int(counts.min()), 1)

    def levels(self) -> str:
        """Say what is left of the data at the choice, beside the noise that was assumed.

        Returns
        -------
        words : str
            Two standard deviations of whitened data.
        """
        assumed = float(np.sqrt(np.mean(self.sigma**2)))
        left = float(self.residual_std[self.index])
        return f"residual of std {left:.3g} (noise assumed {assumed:.3g})"

    def __repr__(self) -> str:
        """One line: how many alphas, which was chosen."""
        return (
            f"<SureCurve: {len(self.alphas)} alphas, smallest at number {self.index + 1} of them, "
            f"{self.n_active[self.index]} locations>"
        )
