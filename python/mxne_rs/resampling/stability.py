"""Measure how stable sources are: solve the paths of many resamples of the epochs."""

from __future__ import annotations

import os
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arguments.convert import Floats, as_count, as_number, quoted
from .._arguments.declare import Unpack, takes
from .._arguments.extras import as_table, import_mne
from .._arguments.warn import ConvergenceWarning, warn
from .._looks.axes import Axes, Figure, figure_of
from .._looks.html import Part, save_report
from ..alpha.criteria import SUBSAMPLE, THRESHOLD, expected_false
from ..inverse.data import load_epochs
from ..inverse.geometry import head_positions, hemispheres_and_vertices, side_of
from ..inverse.mne_calls import log_level
from ..inverse.model import Model, prepare_model
from ..inverse.options import LogOptions, MneInputs, ModelOptions, SolverOptions
from ..inverse.paths import as_percents
from ..solve.options import N_REWEIGHTS
from .draw_stability import draw_probabilities, draw_stability, stability_html
from .resample import Resampled, resample

#: Columns of the table.
COLUMNS = (
    "location", "hemisphere", "vertex", "x_head_mm", "y_head_mm", "z_head_mm", "probability",
    "peak_amplitude_nam", "peak_spread_nam",
)  # fmt: skip


@dataclass(frozen=True)
class StabilityRow:
    """A location that was selected in some resamples.

    Attributes
    ----------
    location : int
        Index in the forward solution.
    hemisphere : str
        "left", "right" or "middle".
    vertex : int
        Vertex number in the source space.
    position : tuple of float
        (x, y, z) in mm, head coordinates.
    probability : float
        Part of the resamples in which the location is active.
    amplitude, spread : float
        Mean and standard deviation of the debiased peak amplitude over these resamples, in nAm.

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
        Decreasing, in percent of each resample's alpha_max.
    probability : array, shape (n_alphas, n_locations)
        Part of the resamples in which each location is active.
    amplitude, spread : array, shape (n_alphas, n_locations)
        Mean and standard deviation of the debiased peak amplitudes (Am) over the resamples in
        which a location is active; NaN without such a resample, spread also with only one.
    n_active : array of int, shape (n_resamples, n_alphas)
        Active locations of each answer.
    explained_variance, debiased_explained_variance : array, shape (n_resamples, n_alphas)
        Of the whitened average of each resample, before and after debiasing.
    false_bound : array, shape (n_alphas,)
        Bound on the expected number of inactive locations that are selected in 90 % of the
        resamples by chance. See :func:`mxne_rs.stability`.
    index : int
        Position of the smallest alpha whose bound is at most 1; without one, of the largest alpha.
    forward : mne.Forward
        The forward solution with the locations.

    Examples
    --------
    >>> from mxne_rs import stability
    >>> from mxne_rs.simulate import simulate_epochs
    >>> inputs = simulate_epochs(n_epochs=10, spacing=20.0)
    >>> options = {"n_resamples": 4, "tmin": 0.08, "tmax": 0.12, "verbose": False}
    >>> result = stability(*inputs, [60, 30], **options)
    >>> result.probability.shape == (2, result.forward["nsource"]), result.n_active.shape
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

    def table(self, alpha: float | None = None, *, least: float = 0.1) -> Any:
        """Return the locations selected at an alpha, the most probable first.

        Parameters
        ----------
        alpha, least : float
            As for :meth:`rows`.

        Returns
        -------
        table : pandas.DataFrame, or list of dict
            A row per location: positions in mm, amplitudes in nAm. A list of dictionaries where
            pandas is not installed.
        """
        records = [
            dict(zip(COLUMNS, (*one[:3], *one[3], *one[4:]), strict=True))
            for one in map(astuple, self.rows(alpha, least=least))
        ]
        return as_table(records, COLUMNS)

    def rows(self, alpha: float | None = None, *, least: float = 0.1) -> list[StabilityRow]:
        """List the locations selected at an alpha, the most probable first.

        Parameters
        ----------
        alpha : float | None
            In percent; the nearest of `alphas` is used. None uses that at `index`.
        least : float
            Smallest probability that is listed.

        Returns
        -------
        list of StabilityRow
            One for each selected location.
        """
        k = self._index(alpha)
        least = as_number("least", least, "give a probability", zero=True)
        places, rows = hemispheres_and_vertices(self.forward), []
        positions = head_positions(self.forward)
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
        self,
        alpha: float | None = None,
        *,
        ax: Axes | None = None,
        path: str | os.PathLike[str] | None = None,
    ) -> Figure:
        """Draw the probabilities on the head and along alpha.

        Parameters
        ----------
        alpha : float | None
            In percent, as for :meth:`table`.
        ax : matplotlib.axes.Axes | None
            Axes to draw the probabilities along alpha on, and nothing else.
        path : path | None
            File to save the figure to (PNG, PDF or SVG by its ending).

        Returns
        -------
        figure : matplotlib.figure.Figure
            The figure, or that of `ax`. No window is opened.

        Raises
        ------
        ImportError
            Where matplotlib is not installed.
        """
        index = self._index(alpha)
        if ax is None:
            return draw_stability(self, index, THRESHOLD, path)
        draw_probabilities(ax, self, index, THRESHOLD)
        return figure_of(ax, path)

    def report(self, path: str | os.PathLike[str]) -> None:
        """Write an HTML report: the picture and the table.

        Parameters
        ----------
        path : path
            The HTML file; replaced where it exists.
        """
        save_report("Stability of sparse sources", self.parts(), path)

    def parts(self) -> list[Part]:
        """Return the parts of a report: the picture and the table.

        Returns
        -------
        parts : list of Part
            Each with a title, a tag and its content.
        """
        return [
            Part("Stability", "stability", self.plot()),
            Part("Table of stability", "stability", stability_html(self.rows())),
        ]

    def _repr_html_(self) -> str:
        return stability_html(self.rows())

    def _index(self, alpha: float | None) -> int:
        if alpha is None:
            return self.index
        value = as_number("alpha", alpha, "give a percentage of alpha_max, or None")
        return int(np.argmin(np.abs(self.alphas - value)))

    def __repr__(self) -> str:
        """Return the number of resamples, alphas and stable locations on one line."""
        stable = int((self.probability[self.index] >= THRESHOLD).sum())
        return (
            f"<Stability: {len(self.n_active)} resamples, {len(self.alphas)} alphas; at "
            f"{self.alphas[self.index]:.3g} % {stable} locations in {100 * THRESHOLD:.0f} % of "
            "them>"
        )


@takes(ModelOptions, MneInputs, SolverOptions, LogOptions)
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
    n_jobs: int | None = None,
    store: str | os.PathLike[str] | None = None,
    verbose: bool | str | int | None = None,
    **options: Unpack[ModelOptions],
) -> Stability:
    """Count how often each location is found when other trials are averaged.

    Each resample is the average of a part of the epochs, drawn without replacement (half of them;
    Strohmeier et al. 2016, section II-E, draw 80 %), solved along decreasing alphas. A location
    that is active in nearly all resamples does not depend on a few trials. With ``q`` locations
    selected on average at an alpha or a larger one, at most ``q^2 / (0.8 n_locations)`` of those
    selected in 90 % of the resamples are expected to be selected by chance [1]_. The theorem is for
    halves of the trials (the default) and exchangeable locations, which neighbours are not: use
    the bound as a guide.

    Parameters
    ----------
    epochs : mne.Epochs
        Two or more epochs. Select one of several conditions, such as ``epochs["left"]``; otherwise
        all are averaged together.
    alphas : array_like, shape (n_alphas,) | None
        In percent of each resample's alpha_max. None is 15 from 100 to 10, evenly spaced in their
        logarithm.
    n_resamples : int
        Number of resamples.
    subsample : float
        Part of the epochs in each resample, drawn without replacement. The bound is for halves.
    bootstrap : bool
        Draw as many epochs as there are with replacement instead.
    tmin, tmax : float | None
        The window to solve, in s; None is the start or end of the epochs.
    n_jobs : int | None
        None solves on all cores of this process; a number on so many workers of joblib's backend
        (loky, or that of ``joblib.parallel_config``, such as dask), with the same result.
    store : path | None
        Folder for finished resamples: a run that was stopped continues from there.

    Returns
    -------
    Stability
        Probabilities, amplitudes with their spread, explained variance; a table and a picture.

    Raises
    ------
    ImportError, TypeError, ValueError
        As :func:`mixed_norm`; also for fewer than two epochs, or a store of another study.

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
    >>> result = stability(
    ...     epochs, forward, noise_cov, [60, 40, 30], n_resamples=10, tmin=0.06, tmax=0.15,
    ...     verbose=False,
    ... )
    >>> [row.hemisphere for row in result.rows(30, least=0.9)]
    ['left', 'right']
    """
    mne = import_mne()
    if not isinstance(epochs, mne.BaseEpochs):
        raise TypeError(f"epochs is {quoted(epochs)}; give mne.Epochs, to draw resamples from")
    percents = as_percents("alphas", alphas)
    tol = as_number("tol", tol, "give a relative duality gap such as 1e-4")
    rounds = as_count("n_mxne_iter", n_mxne_iter, 1)
    max_iter = rounds * as_count("maxit", maxit, 1)
    for name, value in (("tmin", tmin), ("tmax", tmax)):
        if value is not None and not np.isfinite(value):
            raise ValueError(f"{name} is {quoted(value)}; give a time in s, or None")
    with log_level(verbose):
        model = prepare_model(epochs.info, forward, noise_cov, **options)
        window = load_epochs(epochs).copy().crop(tmin, tmax)
    trials = np.stack([_whitened(model, i, one) for i, one in enumerate(window.iter_evoked())])
    resampled = resample(
        model.gain, trials, percents, n_resamples=n_resamples, subsample=subsample,
        bootstrap=bootstrap, n_reweights=rounds, amplitude_unit=amplitude_unit, tol=tol,
        max_iter=max_iter, rng=rng, scale=model.weighting, n_jobs=n_jobs, store=store,
        verbose=verbose,
    )  # fmt: skip
    if resampled.n_short:
        warn(
            f"the tolerance was not reached in {resampled.n_short} of "
            f"{resampled.n_active.size} answers; "
            "raise tol or leave out the smallest alphas",
            ConvergenceWarning,
        )
    answer = _stability_of(model, resampled)
    if answer.false_bound[answer.index] > 1:
        warn(
            f"more than one location may be selected by chance at each of these alphas "
            f"({answer.false_bound[answer.index]:.3g} at {answer.alphas[answer.index]:.3g} %); "
            "give larger alphas",
        )
    return answer


def _whitened(model: Model, number: int, epoch: Any) -> Floats:
    try:
        return model.whiten(epoch)
    except ValueError as error:
        raise ValueError(f"epoch {number}: {error}") from error


def _stability_of(model: Model, resampled: Resampled) -> Stability:
    """Compute means and deviations, and spread them over all locations of the forward."""
    counts, peaks, squares = (
        model.on_all_locations(values, 0)
        for values in (resampled.counts, resampled.peaks, resampled.squares)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = peaks / counts
        variance = np.maximum(squares - counts * mean**2, 0) / (counts - 1)
    bound = expected_false(resampled.n_ever.mean(axis=0), model.gain.n_locations, THRESHOLD)
    return Stability(
        alphas=resampled.percents,
        probability=counts / len(resampled.n_active),
        amplitude=np.where(counts > 0, mean, np.nan),
        spread=np.sqrt(np.where(counts > 1, variance, np.nan)),
        n_active=resampled.n_active,
        explained_variance=resampled.explained,
        debiased_explained_variance=resampled.debiased,
        false_bound=bound,
        index=int(np.flatnonzero(bound <= 1)[-1]) if (bound <= 1).any() else 0,
        forward=model.forward,
    )
