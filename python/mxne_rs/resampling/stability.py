"""How stable is this source: the path of many resamples of the epochs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arguments.convert import Floats, as_count, as_number, shown
from .._arguments.declare import documents
from .._arguments.extras import import_mne
from .._arguments.warn import warn
from ..alpha.criteria import SUBSAMPLE, THRESHOLD, expected_false
from ..inverse.data import loaded
from ..inverse.mne_calls import log_level
from ..inverse.model import Model, prepare_model
from ..inverse.options import LogOptions, MneInputs, ModelOptions, SolverOptions
from ..inverse.paths import as_percents
from ..solve.options import N_REWEIGHTS
from ..solve.solution import ConvergenceWarning
from ..views.stability import draw_stability
from ..views.table import in_head, places_of, side_of
from .resample import Resampled, resample

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class StabilityRow:
    """A location that was selected.

    Attributes
    ----------
    location : int
        Its index in the forward solution.
    hemisphere : str
        "left", "right" or "middle".
    vertex : int
        Vertex number in its source space.
    position : tuple of float
        (x, y, z) in mm, head coordinates.
    probability : float
        Part of the resamples in which it is active.
    amplitude, spread : float
        Mean and standard deviation, over those resamples, of its debiased peak amplitude in nAm.

    Examples
    --------
    >>> from mxne_rs.resampling.stability import StabilityRow
    >>> StabilityRow(3, "left", 17, (-50.0, 0.0, 60.0), 0.97, 25.0, 2.0).probability
    0.97
    """

    location: int
    hemisphere: str
    vertex: int
    position: tuple[float, float, float]
    probability: float
    amplitude: float
    spread: float


@dataclass(frozen=True, eq=False, repr=False)
class Stability:
    """Selection probabilities over resampled epochs.

    Attributes
    ----------
    alphas : array, shape (n_alphas,)
        Falling, in percent of each resample's own alpha_max.
    probability : array, shape (n_alphas, n_locations)
        Part of the resamples in which each location is active.
    amplitude, spread : array, shape (n_alphas, n_locations)
        Mean and standard deviation of the debiased peak amplitudes (Am) over the resamples in
        which it is active; NaN where it never is, spread also where it is once.
    n_active : array of int, shape (n_resamples, n_alphas)
        Active locations of each answer.
    explained_variance, debiased_explained_variance : array, shape (n_resamples, n_alphas)
        Of the whitened average of each resample, before and after debiasing.
    false_bound : array, shape (n_alphas,)
        At most how many locations that are not active are selected in 90 % of the resamples by
        chance; infinite where nothing can be said. See :func:`mxne_rs.stability`.
    index : int
        Position of the smallest alpha whose bound is at most 1; of the largest where there is
        none.
    forward : mne.Forward
        Whose locations these are.

    Examples
    --------
    >>> from mxne_rs import stability
    >>> from mxne_rs.simulate import simulate_epochs
    >>> inputs = simulate_epochs(n_epochs=10, spacing=20.0)
    >>> how = {"n_resamples": 4, "tmin": 0.08, "tmax": 0.12, "verbose": False}
    >>> found = stability(*inputs, [60, 30], **how)
    >>> found.probability.shape == (2, found.forward["nsource"]), found.n_active.shape
    (True, (4, 2))
    """

    alphas: Floats
    probability: Floats
    amplitude: Floats
    spread: Floats
    n_active: NDArray[np.intp]
    explained_variance: Floats
    debiased_explained_variance: Floats
    false_bound: Floats
    index: int
    forward: Any

    def table(self, alpha: float | None = None, *, least: float = 0.1) -> list[StabilityRow]:
        """List the locations selected at an alpha, the most probable first.

        Parameters
        ----------
        alpha : float | None
            In percent; the nearest of `alphas` is taken. None takes that at `index`.
        least : float
            Smallest probability that is listed.

        Returns
        -------
        list of StabilityRow
            One for each of them.
        """
        k = self._index(alpha)
        least = as_number("least", least, "give a probability", zero=True)
        places, rows = places_of(self.forward), []
        positions = 1000 * np.asarray(in_head(self.forward, self.forward["source_rr"]))
        chosen = np.flatnonzero(self.probability[k] >= max(least, np.finfo(float).tiny))
        strength = np.nan_to_num(self.amplitude[k, chosen])
        for s in chosen[np.lexsort((-strength, -self.probability[k, chosen]))]:
            side, vertex = places[s]
            x, y, z = (float(value) for value in positions[s])
            mean, spread = (1e9 * float(values[k, s]) for values in (self.amplitude, self.spread))
            probability = float(self.probability[k, s])
            hemisphere = side or side_of(x)
            row = StabilityRow(int(s), hemisphere, vertex, (x, y, z), probability, mean, spread)
            rows.append(row)
        return rows

    def plot(
        self, alpha: float | None = None, path: str | os.PathLike[str] | None = None
    ) -> Figure:
        """Draw the probabilities on the head and along alpha.

        Parameters
        ----------
        alpha : float | None
            In percent, as for :meth:`table`.
        path : path | None
            Where to save the figure (PNG, PDF or SVG by its ending).

        Returns
        -------
        matplotlib.figure.Figure
            No window is opened.

        Raises
        ------
        ImportError
            Where matplotlib is not installed.
        """
        return draw_stability(self, self._index(alpha), THRESHOLD, path)

    def _index(self, alpha: float | None) -> int:
        if alpha is None:
            return self.index
        value = as_number("alpha", alpha, "give a percentage of alpha_max, or None")
        return int(np.argmin(np.abs(self.alphas - value)))

    def __repr__(self) -> str:
        """One line: how much was tried, what is stable."""
        stable = int((self.probability[self.index] >= THRESHOLD).sum())
        return (
            f"<Stability: {len(self.n_active)} resamples, {len(self.alphas)} alphas; at "
            f"{self.alphas[self.index]:.3g} % {stable} locations in {100 * THRESHOLD:.0f} % of "
            "them>"
        )


@documents(MneInputs, ModelOptions, SolverOptions, LogOptions)
def stability(
    epochs: Any,
    forward: Any,
    noise_cov: Any,
    alphas: ArrayLike | None = None,
    *,
    n_resamples: int = 100,
    subsample: float = SUBSAMPLE,
    bootstrap: bool = False,
    rng: Any = 0,
    n_mxne_iter: int = N_REWEIGHTS,
    amplitude_unit: float | str = "relative",
    tol: float = 1e-4,
    maxit: int = 3000,
    tmin: float | None = None,
    tmax: float | None = None,
    loose: Any = "auto",
    depth: Any = 0.8,
    weights: Any = None,
    weights_min: Any = 0.0,
    rank: Any = None,
    n_jobs: int | None = None,
    store: str | os.PathLike[str] | None = None,
    verbose: bool | str | int | None = None,
) -> Stability:
    """How often each location is found when other trials are averaged.

    Each resample is the average of a part of the epochs, drawn without replacement (half of them;
    Strohmeier et al. 2016, section II-E, draw 80 %), solved along falling alphas. A location that
    is active in nearly all of them does not hang on a few trials. With ``q`` locations selected on
    average at an alpha or a larger one, at most ``q^2 / (0.8 n_locations)`` of those selected in
    90 % of the resamples are expected to be there by chance [1]_; the theorem is for halves of
    the trials (the default), and neighbouring locations share their selections: take it as a
    guide.

    Parameters
    ----------
    epochs : mne.Epochs
        Two or more; of several conditions give one, such as ``epochs["left"]``, or all are
        averaged together.
    alphas : array_like, shape (n_alphas,) | None
        In percent of each resample's own alpha_max. None is 15 from 100 to 10, evenly spaced in
        their logarithm.
    n_resamples : int
        How many.
    subsample : float
        Part of the epochs in each, drawn without replacement. The bound is for halves.
    bootstrap : bool
        Draw as many as there are with replacement instead.
    tmin, tmax : float | None
        The window to solve in, in s; None is the end of the epochs.
    n_jobs : int | None
        None solves on all cores of this process; a number on so many workers of joblib's backend
        (loky, or that of ``joblib.parallel_config``, such as dask), with the same result.
    store : path | None
        Folder where finished resamples are kept: a run that was stopped goes on from there.

    Returns
    -------
    Stability
        Probabilities, amplitudes with their spread, explained variance; a table and a picture.

    Raises
    ------
    ImportError, TypeError, ValueError
        As :func:`mixed_norm`; also where the epochs are fewer than two, or the store holds
        something else.

    Warns
    -----
    ConvergenceWarning
        With the number of answers whose gap was not reached.
    RuntimeWarning
        Where no alpha has a bound of at most 1.

    References
    ----------
    .. [1] Meinshausen and Bühlmann, J. R. Stat. Soc. B 72 (2010), theorem 1.

    Examples
    --------
    >>> import mne, numpy as np
    >>> from mxne_rs import stability
    >>> from mxne_rs.simulate import simulate_epochs
    >>> epochs, forward, noise_cov = simulate_epochs(n_epochs=20, spacing=20.0)
    >>> found = stability(
    ...     epochs, forward, noise_cov, [60, 40, 30], n_resamples=10, tmin=0.06, tmax=0.15,
    ...     verbose=False,
    ... )
    >>> [row.hemisphere for row in found.table(30, least=0.9)]
    ['left', 'right']
    """
    mne = import_mne()
    if not isinstance(epochs, mne.BaseEpochs):
        raise TypeError(f"epochs is {shown(epochs)}; give mne.Epochs: resamples are drawn of them")
    percents = as_percents("alphas", alphas)
    tol = as_number("tol", tol, "give a relative duality gap such as 1e-4")
    rounds = as_count("n_mxne_iter", n_mxne_iter, 1)
    max_iter = rounds * as_count("maxit", maxit, 1)
    for name, value in (("tmin", tmin), ("tmax", tmax)):
        if value is not None and not np.isfinite(value):
            raise ValueError(f"{name} is {shown(value)}; give a time in s, or None")
    with log_level(verbose):
        model = prepare_model(
            epochs.info, forward, noise_cov, loose=loose, depth=depth, rank=rank, weights=weights,
            weights_min=weights_min,
        )  # fmt: skip
        window = loaded(epochs).copy().crop(tmin, tmax)
    trials = np.stack([_whitened(model, i, one) for i, one in enumerate(window.iter_evoked())])
    found = resample(
        model.gain, trials, percents, n_resamples=n_resamples, subsample=subsample,
        bootstrap=bootstrap, n_reweights=rounds, amplitude_unit=amplitude_unit, tol=tol,
        max_iter=max_iter, rng=rng, scale=model.weighting, n_jobs=n_jobs, store=store,
        verbose=verbose,
    )  # fmt: skip
    if found.n_short:
        warn(
            f"the tolerance was not reached in {found.n_short} of {found.n_active.size} answers; "
            "raise tol or leave out the smallest alphas",
            ConvergenceWarning,
        )
    answer = _stability_of(model, found)
    if answer.false_bound[answer.index] > 1:
        warn(
            f"more than one location may be there by chance at each of these alphas "
            f"({answer.false_bound[answer.index]:.3g} at {answer.alphas[answer.index]:.3g} %); "
            "give larger ones",
            RuntimeWarning,
        )
    return answer


def _whitened(model: Model, number: int, epoch: Any) -> Floats:
    try:
        return model.whiten(epoch)
    except ValueError as error:
        raise ValueError(f"epoch {number}: {error}") from error


def _stability_of(model: Model, found: Resampled) -> Stability:
    """Spread over all locations of the forward solution; means and deviations."""
    counts, peaks, squares = (
        model.everywhere(values, 0) for values in (found.counts, found.peaks, found.squares)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = peaks / counts
        variance = np.maximum(squares - counts * mean**2, 0) / (counts - 1)
    bound = expected_false(found.n_ever.mean(axis=0), model.gain.n_locations, THRESHOLD)
    return Stability(
        alphas=found.percents,
        probability=counts / len(found.n_active),
        amplitude=np.where(counts > 0, mean, np.nan),
        spread=np.sqrt(np.where(counts > 1, variance, np.nan)),
        n_active=found.n_active,
        explained_variance=found.explained,
        debiased_explained_variance=found.debiased,
        false_bound=bound,
        index=int(np.flatnonzero(bound <= 1)[-1]) if (bound <= 1).any() else 0,
        forward=model.forward,
    )
