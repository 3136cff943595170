"""Test where the data hold a source: p-values of locations, by the desparsified estimate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arguments.convert import Floats, as_choice, as_number, quoted
from .._arguments.extras import mne, needs
from ..inverse.localized import Localized
from ..inverse.model import Model
from ..solve.gain import Gain
from ..solve.inputs import sensor_data
from .desparsified import p_values
from .fit import fit_sources
from .nodewise import Nodewise

CONTROLS = ("fwer", "fdr")
TEMPORAL = ("unstructured", "ar1", "white")
#: Neighbours of a location in a source space without a mesh: as many as on a triangulated surface.
N_NEAREST = 6


@dataclass(frozen=True, eq=False, repr=False)
class Certainty:
    """P-values of all locations.

    Attributes
    ----------
    p_values : array, shape (n_locations,)
        Of the hypothesis that a location (or the cluster it belongs to) has no source.
    corrected : array, shape (n_locations,)
        P-values corrected for the number of tests.
    control : str
        What the correction controls: "fwer" (any false discovery) or "fdr" (their part).
    level : float
        The error rate that is allowed.
    n_tests : int
        Locations or clusters.
    labels : array of int, shape (n_clusterings, n_locations)
        The cluster of each location.
    found : array of bool, shape (n_locations,)
        The sources of the point estimate, which are taken out when other locations are tested.
    sigma : float
        Standard deviation of the noise, given or estimated.
    ar1 : float
        Correlation of the noise from one sample to the next.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> rng = np.random.default_rng(0)
    >>> gain = rng.standard_normal((40, 60))
    >>> data = gain[:, [7]] @ rng.standard_normal((1, 20)) + rng.standard_normal((40, 20))
    >>> result = mxne_rs.certainty(gain, data)
    >>> np.flatnonzero(result.significant)
    array([7])
    """

    p_values: Floats
    corrected: Floats
    control: str
    level: float
    n_tests: int
    labels: NDArray[np.intp]
    found: NDArray[np.bool_]
    sigma: float
    ar1: float

    @property
    def significant(self) -> NDArray[np.bool_]:
        """Whether the corrected p-value of each location is at most the level."""
        return self.corrected <= self.level

    def __repr__(self) -> str:
        """Return the number of locations found, of tests, and the noise on one line."""
        many = f" in {len(self.labels)} clusterings" if len(self.labels) > 1 else ""
        return (
            f"<Certainty: {int(self.significant.sum())} of {len(self.p_values)} locations at "
            f"{self.control} {self.level:g}, smallest corrected p {self.corrected.min():.2g}; "
            f"{self.n_tests} tests{many}, noise of std {self.sigma:.3g}, ar1 {self.ar1:.2g}>"
        )


def certainty(
    gain: Nodewise | Localized | Gain | ArrayLike,
    data: ArrayLike | None = None,
    *,
    control: str = "fwer",
    level: float = 0.05,
    sigma: float | None = None,
    temporal: str = "unstructured",
    **nodewise: Any,
) -> Certainty:
    """Test each location, or cluster of locations, for a source: p-values and who is significant.

    The desparsified multi-task estimate [1]_ of location s looks at the part of its field that no
    other location has (its nodewise residual), and asks whether the data hold more of it than noise
    does, once the sources that irMxNE finds elsewhere are taken out. Locations whose fields are
    alike cannot be told apart that way: give ``n_clusters``, and ``n_clusterings`` of 10 to 25 so
    that the result does not hang on one clustering [2]_. A significant location then says that
    there is a source in its cluster. See the notes for what the error rates hold for.

    Parameters
    ----------
    gain : Nodewise, Localization, Gain or array_like, shape (n_sensors, n_locations * n_orient)
        A whitened gain; or what :class:`Nodewise` prepared from it, for several data sets; or the
        answer of a solve on MNE objects, whose model, data and neighbours are used.
    data : array_like, shape (n_sensors, n_times), or None
        Whitened data; None for a Localization, which has them.
    control : {'fwer', 'fdr'}
        'fwer' bounds the probability of any false discovery (Bonferroni over the tests), 'fdr' the
        expected part of false discoveries (Benjamini and Hochberg, over the locations).
    level : float
        That bound.
    sigma : float or None
        Standard deviation of the noise in whitened data, where `temporal` is 'ar1' or 'white';
        None estimates it from the residual.
    temporal : {'unstructured', 'ar1', 'white'}
        Noise over time. 'unstructured' estimates the covariance of all samples from the residual,
        on the principal components that hold 99 % of its energy (at most a quarter as many as
        sensors): filtered data need this. 'ar1' is an autoregressive process of one coefficient,
        as in [1]_; 'white' has none.
    **nodewise
        The options of :class:`Nodewise`: ``n_orient``, ``adjacency``, ``n_clusters``,
        ``n_clusterings``, ``nodewise_ratio``, ``rng`` and ``n_threads``.

    Returns
    -------
    certainty : Certainty
        P-values of the locations (of all locations of the forward solution for a Localization;
        those that were left out have 1).

    Raises
    ------
    ImportError
        Where SciPy or scikit-learn is not installed: ``pip install 'mxne-rs[sklearn]'``.
    TypeError, ValueError
        Naming the argument, what it is, and what to give instead.

    Warns
    -----
    ConvergenceWarning
        With the number of regressions whose gap was not reached.

    Notes
    -----
    Sources elsewhere are those of irMxNE at 1.1 times the alpha_max of white noise, refitted by
    least squares. Given that they are the true ones, the p-values are exact for Gaussian noise that
    is white over the sensors (F, or Pillai's trace: exact for one orientation, else a close
    approximation). In ``evidence/certainty.md`` nulls are discovered as rarely as the level says.
    Where a source is missed or misplaced, what is left of it can make a cluster near it
    significant: the error rates then hold beyond some millimetres from the true sources. Activity
    of the brain that no few sources explain is no noise to this test; it will be found, too.
    Several clusterings are conservative.

    References
    ----------
    .. [1] Chevalier, Gramfort, Salmon and Thirion, NeurIPS 33 (2020), section 3.
    .. [2] Meinshausen, Meier and Bühlmann, JASA 104 (2009): twice the median of the p-values.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> rng = np.random.default_rng(0)
    >>> gain = rng.standard_normal((40, 60))
    >>> nodewise = mxne_rs.Nodewise(gain)
    >>> mxne_rs.certainty(nodewise, rng.standard_normal((40, 20))).significant.sum()
    np.int64(0)
    """
    as_choice("control", control, CONTROLS)
    as_choice("temporal", temporal, TEMPORAL)
    bound = as_number("level", level, "give an error rate between 0 and 1", below=1)
    if sigma is not None:
        sigma = as_number("sigma", sigma, "give the standard deviation of the noise, or None")
        if temporal == "unstructured":
            raise ValueError(
                f"sigma is {quoted(sigma)}, but temporal is 'unstructured', which estimates it; "
                "leave sigma out, or give temporal='white' or 'ar1'"
            )
    if isinstance(gain, Localized):
        if data is not None:
            raise TypeError("data is given beside a Localization, which has its own; leave it out")
        model, evokeds = gain.model, gain.evokeds
        if nodewise.get("n_clusters") is not None and nodewise.get("adjacency") is None:
            nodewise["adjacency"] = neighbours_of(model)
        data = np.hstack([model.whiten(one) for one in evokeds])
        answer = certainty(
            model.gain, data, control=control, level=level, sigma=sigma, temporal=temporal,
            **nodewise,
        )  # fmt: skip
        return replace(
            answer,
            p_values=model.on_all_locations(answer.p_values, 1.0),
            corrected=model.on_all_locations(answer.corrected, 1.0),
            labels=model.on_all_locations(answer.labels, -1),
            found=model.on_all_locations(answer.found, False),
        )
    if data is None:
        raise TypeError("data is None; give whitened data, or a Localization alone")
    if not isinstance(gain, Nodewise):
        gain = Nodewise(gain, **nodewise)
    elif nodewise:
        raise TypeError(f"{next(iter(nodewise))} is given beside a Nodewise; give it to Nodewise")
    return _aggregated(gain, sensor_data(gain.gain, data), control, bound, temporal, sigma)


def _aggregated(
    nodewise: Nodewise,
    data: Floats,
    control: str,
    level: float,
    temporal: str,
    sigma: float | None,
) -> Certainty:
    """Compute the p-values of each clustering, and make one of them for each location."""
    fit = fit_sources(nodewise.gain, data, temporal, sigma)
    p = np.array(
        [
            p_values(nodewise.gain, part, fit, temporal, sigma)[part.labels]
            for part in nodewise.parts
        ]
    )
    if len(p) > 1:
        p = 2 * np.quantile(p, 0.5, axis=0, method="inverted_cdf", keepdims=True)
    p = np.minimum(p[0], 1.0)
    if control == "fwer":
        corrected = np.minimum(p * nodewise.n_tests, 1.0)
    else:
        with needs("certainty", "SciPy", "sklearn"):
            from scipy.stats import false_discovery_control
        corrected = np.asarray(false_discovery_control(p))
    found = np.zeros(nodewise.gain.n_locations, dtype=bool)
    found[fit.locations] = True
    return Certainty(
        p_values=p,
        corrected=corrected,
        control=control,
        level=level,
        n_tests=nodewise.n_tests,
        labels=np.array([part.labels for part in nodewise.parts]),
        found=found,
        sigma=fit.noise.sigma,
        ar1=fit.noise.coefficient,
    )


def neighbours_of(model: Model) -> Any:
    """Return the adjacency of the locations of a model.

    MNE knows it of regular source spaces; of others the nearest in the same space are taken.
    """
    spaces = model.forward["src"]
    try:
        adjacency = mne.spatial_src_adjacency(spaces, verbose=False).tocsr()
    except RuntimeError:
        with needs("clustering", "scikit-learn", "sklearn"):
            from scipy.sparse import block_diag
            from sklearn.neighbors import kneighbors_graph
        points = [space["rr"][space["vertno"]] for space in spaces if space["nuse"]]
        nearest = [kneighbors_graph(one, min(N_NEAREST, len(one) - 1)) for one in points]
        adjacency = block_diag([graph + graph.T for graph in nearest], format="csr")
    return adjacency[model.kept][:, model.kept]
