"""Offer MxNE and irMxNE as a scikit-learn estimator; needs the extra ``[sklearn]``."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ._arguments.convert import Floats, as_count, as_number
from ._arguments.declare import documents
from ._arguments.warn import warn
from .solve.gain import Gain
from .solve.options import LimitOptions, PenaltyOptions, ReweightOptions
from .solve.single import alpha_max, solve_irmxne, solve_mxne

try:
    from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        "mxne_rs.sklearn needs scikit-learn 1.6 or later: pip install 'mxne-rs[sklearn]'"
    ) from error

__all__ = ["MixedNorm"]


@documents(PenaltyOptions, ReweightOptions, LimitOptions)
class MixedNorm(MultiOutputMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Mixed-norm estimate as a multi-output linear model: few locations, shared by all targets.

    Minimises ``1/2 |y - X W|^2 + alpha_ sum_s w_s |W_s|`` (Frobenius norms; ``W_s`` are the
    ``n_orient`` rows of location s, and ``coef_`` is W transposed) to a certified duality gap, or
    its reweighted, non-convex form. Samples are sensors, features the columns of the gain and
    targets the times. With ``n_orient=1`` it is scikit-learn's ``MultiTaskLasso`` at the alpha
    ``alpha_ / n_samples``.

    Parameters
    ----------
    alpha : float
        Regularisation as a fraction of ``alpha_max_``, in (0, 1); from 1 on all coefficients are
        zero (with a warning above 1). A fraction does not depend on the units of X and y, so that
        one grid serves every gain, recording and fold of a cross-validation.
    n_orient : int
        Features per location; the features of a location are adjacent.
    weights : array_like, shape (n_features / n_orient,) | None
        Factors on the penalty of each location: larger penalises more, infinity excludes.
    fit_intercept : bool
        Centre X and y, and fit an intercept. Whitened data need none.
    warm_start : bool
        Start from ``coef_`` of the last fit where its shape is the same.

    Attributes
    ----------
    coef_ : array, shape (n_features,) or (n_targets, n_features)
        Coefficients, in the units of y over X; one dimension where y has one.
    intercept_ : float or array, shape (n_targets,)
        0.0 without `fit_intercept`.
    alpha_max_ : float
        Smallest absolute alpha with zero coefficients, ``max_s |X_s'y| / w_s``.
    alpha_ : float
        The absolute alpha, ``alpha * alpha_max_`` (`alpha` itself where that is 0).
    dual_gap_ : float
        The relative duality gap, in units of ``|y|^2 / 2`` (scikit-learn's gap is absolute).
    n_iter_ : int
        Epochs of the solver.
    solution_ : Solution
        The answer with its certificate and active set.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : array of str, shape (n_features,)
        Names of the features, where X has them.

    Examples
    --------
    >>> import numpy as np
    >>> from mxne_rs.sklearn import MixedNorm
    >>> rng = np.random.default_rng(0)
    >>> gain = rng.standard_normal((30, 300))  # 100 locations x 3 orientations
    >>> data = gain[:, [60]] * np.sin(np.arange(50) / 5)
    >>> model = MixedNorm(alpha=0.3, n_orient=3).fit(gain, data)
    >>> model.coef_.shape, np.flatnonzero(model.solution_.active_set)
    ((50, 300), array([20]))
    >>> model.dual_gap_ <= 1e-6, model.score(gain, data) > 0.8
    (True, True)
    """

    def __init__(
        self,
        alpha: float = 0.1,
        *,
        n_orient: int = 1,
        n_reweights: int = 1,
        amplitude_unit: float | str = "relative",
        weights: ArrayLike | None = None,
        fit_intercept: bool = False,
        tol: float = 1e-6,
        max_iter: int = 10_000,
        warm_start: bool = False,
        n_threads: int = 0,
    ) -> None:
        self.alpha = alpha
        self.n_orient = n_orient
        self.n_reweights = n_reweights
        self.amplitude_unit = amplitude_unit
        self.weights = weights
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.n_threads = n_threads

    def fit(self, X: ArrayLike, y: ArrayLike) -> MixedNorm:
        """Solve for the coefficients.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            Whitened gain: sensors by columns of the gain.
        y : array_like, shape (n_samples,) or (n_samples, n_targets)
            Whitened data: sensors by times.

        Returns
        -------
        self : MixedNorm
            The fitted estimator.

        Raises
        ------
        TypeError, ValueError
            Naming the argument, what it is, and what to give instead.

        Warns
        -----
        ConvergenceWarning
            Where the gap asked for was not reached (the class of this package).

        Examples
        --------
        >>> import numpy as np
        >>> from mxne_rs.sklearn import MixedNorm
        >>> MixedNorm(alpha=0.5).fit(np.eye(3), [4.0, 2.0, 1.0]).coef_
        array([2., 0., 0.])
        """
        x, targets = validate_data(self, X, y, dtype=np.float64, multi_output=True)
        part = as_number("alpha", self.alpha, "give a part of alpha_max, between 0 and 1")
        if part > 1:
            warn(f"alpha is {part:g}, but is a part of alpha_max here: give a number below 1")
        rounds = as_count("n_reweights", self.n_reweights, 1)
        data = np.asarray(targets, dtype=np.float64).reshape(len(targets), -1)
        if self.fit_intercept:
            x_mean, y_mean = x.mean(axis=0), data.mean(axis=0)
            x, data = x - x_mean, data - y_mean

        gain = Gain(x, self.n_orient)
        self.alpha_max_ = alpha_max(gain, data, weights=self.weights)
        # Where alpha_max_ is 0 any alpha gives zeros; the solver requires a positive one.
        self.alpha_ = part * self.alpha_max_ or part
        init = self._last_coefficients((gain.shape[1], data.shape[1]))
        same = ("weights", "tol", "max_iter", "n_threads")
        options: dict[str, Any] = {name: getattr(self, name) for name in same}
        options |= {"init": init, "verbose": False}
        with warnings.catch_warnings():
            # The warning above names the fraction; the solver's would name the absolute alpha.
            warnings.filterwarnings("ignore", "alpha is .* times alpha_max", RuntimeWarning)
            if rounds == 1:
                self.solution_ = solve_mxne(gain, data, self.alpha_, **options)
            else:
                self.solution_ = solve_irmxne(
                    gain, data, self.alpha_, n_reweights=rounds,
                    amplitude_unit=self.amplitude_unit, **options,
                )  # fmt: skip

        self.dual_gap_, self.n_iter_ = self.solution_.gap, self.solution_.n_iter
        coef = self.solution_.x.T
        self.coef_ = coef if targets.ndim == 2 else coef[0]
        self.intercept_: Any = 0.0
        if self.fit_intercept:
            intercept = y_mean - coef @ x_mean
            self.intercept_ = intercept if targets.ndim == 2 else float(intercept[0])
        return self

    def predict(self, X: ArrayLike) -> Floats:
        """Return ``X coef_' + intercept_``.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            As in `fit`, with the same features.

        Returns
        -------
        y : array, shape (n_samples,) or (n_samples, n_targets)
            In the units of the y that was fitted.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError
            Where X has other features than those of `fit`.

        Examples
        --------
        >>> import numpy as np
        >>> from mxne_rs.sklearn import MixedNorm
        >>> MixedNorm(alpha=0.5).fit(np.eye(3), [4.0, 2.0, 1.0]).predict([[1.0, 1.0, 1.0]])
        array([2.])
        """
        check_is_fitted(self)
        x = validate_data(self, X, reset=False)
        return np.asarray(x @ self.coef_.T + self.intercept_)

    def _last_coefficients(self, shape: tuple[int, int]) -> Floats | None:
        """Return W of the last fit, shape (n_features, n_targets), to start from."""
        if not self.warm_start or not hasattr(self, "coef_"):
            return None
        last = np.atleast_2d(self.coef_).T
        return last if last.shape == shape else None
