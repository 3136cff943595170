"""The answer on MNE objects: source estimates, dipoles and residuals are made from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arguments.convert import Floats, one_line, quoted
from .._arguments.extras import mne
from ..solve.solution import Solution
from .data import noise_level, warn_if_empty
from .geometry import axes_in_head, normals_in_head
from .mne_calls import one_at_a_time, private
from .model import Model
from .orientation import OrientedSources, fit_orientations


@dataclass(frozen=True, eq=False, repr=False)
class Localized:
    """The answer of one solve on MNE objects, from which every output is made.

    Attributes
    ----------
    evokeds : list of mne.Evoked
        The data as given: one or more conditions that share their sources.
    forward : mne.Forward
        The forward solution as prepared: picked channels, converted to fixed or surface
        orientation.
    info : mne.Info
        Measurement information of the channels used.
    solution : Solution
        The answer on whitened data and the weighted gain, with its certificate, before debiasing;
        ``alpha`` is in percent.
    active : array, shape (n_locations,)
        True where there is a source.
    n_orient : int
        Rows per source: 1 for fixed orientation, else 3.
    amplitudes : array, shape (n_active * n_orient, n_times)
        Source amplitudes in Am, debiased if asked for, in the orientations of `forward`; the times
        of all `evokeds` are concatenated.
    factors : array, shape (n_active,)
        Debiasing factors that `amplitudes` contains, all 1 without debiasing. Unit-free.
    gain : array, shape (rank, n_active * n_orient)
        Whitened gain of the sources, in 1/Am.
    data : array, shape (rank, n_times)
        Whitened data, unit-free (truncated where time_pca asked for that).
    left_out : dict of str to list of str
        Channels that were not used, by reason: "bad", "not in forward", "not in noise_cov", "not
        in the data".
    model : Model
        The prepared gain of all locations, with the noise covariance that whitened the data.
    regions : list of str, length n_active, or None
        Names of the regions of the sources; None unless `with_regions` was given labels.
    mni : array, shape (n_active, 3), or None
        MNI coordinates of the sources in mm; None unless `with_regions` found a transform.
    settings : dict
        The options of the call that made it, by name.
    """

    evokeds: list[Any]
    forward: Any
    info: Any
    solution: Solution
    active: NDArray[np.bool_]
    n_orient: int
    amplitudes: Floats
    factors: Floats
    gain: Floats
    data: Floats
    left_out: dict[str, list[str]]
    model: Model
    regions: list[str] | None = None
    mni: Floats | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls, model: Model, evokeds: Sequence[Any], solution: Solution, **pieces: Any
    ) -> Localized:
        """Make the answer of a solution on a model.

        Parameters
        ----------
        model : Model
            The model that was solved on.
        evokeds : list of mne.Evoked
            The data as given.
        solution : Solution
            The answer on the locations of the model.
        **pieces
            The other fields: amplitudes, factors, gain and data.
        """
        solution = replace(solution, active_set=model.on_all_locations(solution.active_set, False))
        warn_if_empty(solution, bool(pieces["data"].any()))
        return cls(
            evokeds=list(evokeds),
            forward=model.forward,
            info=model.info,
            solution=solution,
            active=solution.active_set,
            n_orient=model.n_orient,
            left_out=model.left_out,
            model=model,
            **pieces,
        )

    @property
    def name(self) -> str:
        """Comments of all evokeds on one line."""
        return " | ".join(self.name_of(one) for one in range(len(self.evokeds)))

    def name_of(self, condition: int) -> str:
        """Return the comment of an evoked on one line; "evoked" without a comment.

        Parameters
        ----------
        condition : int
            Its position in `evokeds`.

        Returns
        -------
        name : str
            Unprintable characters escaped.
        """
        return one_line(self.evokeds[condition].comment or "") or "evoked"

    @property
    def alpha(self) -> float:
        """Regularisation in percent of alpha_max: as given, or as chosen by SURE.

        For gamma-MAP the variance of the noise in whitened data.
        """
        return self.solution.alpha

    @property
    def method(self) -> str:
        """Name of the method, with the number of rounds where there were several."""
        rounds = self.solution.n_reweights
        words = "" if rounds is None else f", {rounds} round{'s' * (rounds != 1)}"
        return self.solution.method + words

    @property
    def regularisation(self) -> str:
        """Alpha in percent, or the variance of the noise of gamma-MAP, in words."""
        if self.solution.method == "gamma-MAP":
            return f"noise variance {self.alpha:.4g}"
        return f"alpha {self.alpha:.4g} %"

    @property
    def chosen_by(self) -> str | None:
        """Name of the rule that chose alpha; None where it was given."""
        rule = self.settings.get("alpha")
        return {"sure": "SURE"}.get(rule, rule) if isinstance(rule, str) else None

    @property
    def relative_gap(self) -> float:
        """Relative duality gap, of the last convex problem for irMxNE. Unit-free."""
        return self.solution.gap

    @property
    def explained_variance(self) -> float:
        """Part of the power of the whitened data that the sources explain, at most 1."""
        total = float(np.sum(self.data**2))
        if total == 0:
            return 0.0
        return 1 - float(np.sum((self.data - self.gain @ self.amplitudes) ** 2)) / total

    @property
    def drops(self) -> Floats:
        """Drop of `explained_variance` without each source, shape (n_active,).

        Each source is set to zero while the others stay as they are. A source that worsens the fit
        has a negative drop; drops of correlated sources do not add up.
        """
        residual = self.data - self.gain @ self.amplitudes
        o, total = self.n_orient, float(np.sum(self.data**2)) or np.inf
        drops = np.zeros(len(self.factors))
        for s in range(len(drops)):
            rows = slice(s * o, (s + 1) * o)
            field = self.gain[:, rows] @ self.amplitudes[rows]
            drops[s] = float(np.sum((2 * residual + field) * field)) / total
        return drops

    @cached_property
    def oriented(self) -> OrientedSources:
        """Refit of the sources with one orientation each, in head coordinates.

        Computed when first used, by `fit_orientations` on whitened data, of all `evokeds` together.
        `amplitudes` are regularised, then debiased by a factor per source; this fit is plain least
        squares on the support, and its courses may be larger. On a cortex signs are such that
        the current flows out of it where the course is positive; in a volume the largest value of
        a course is positive.
        """
        if not self.active.any():
            courses = np.zeros((0, self.data.shape[1]))
            return OrientedSources(np.zeros((0, 3)), courses, 0.0, np.zeros(0), settled=True)
        fit = fit_orientations(self.gain, self.data, self.n_orient)
        axes = axes_in_head(self.forward, self.n_orient)[self.active]
        orientations = np.einsum("so,soi->si", fit.orientations, axes)
        cosines = np.sum(orientations * self._normals, axis=1)
        signs = np.where(cosines < 0, -1.0, 1.0)[:, np.newaxis]
        return replace(fit, orientations=signs * orientations, courses=signs * fit.courses)

    @property
    def orientations(self) -> Floats:
        """Unit vectors in head coordinates, shape (n_active, 3), signed as `oriented` says."""
        return self.oriented.orientations

    @property
    def courses(self) -> Floats:
        """Signed amplitudes along `orientations` in Am, shape (n_active, n_times), not shrunk."""
        return self.oriented.courses

    @property
    def loss_of_fit(self) -> float:
        """Part of the whitened power that only orientations that turn over time explain.

        The difference in explained variance of two least-squares fits of the sources: orientations
        free at each time, and fixed to `orientations`.
        """
        return self.oriented.loss_of_fit

    @property
    def angles_to_normal(self) -> Floats:
        """Angles between `orientations` and the cortical normals in degrees, shape (n_active,).

        From 0 to 90; NaN in a volume.
        """
        cosines = np.sum(self.orientations * self._normals, axis=1)
        return np.asarray(np.degrees(np.arccos(np.clip(cosines, -1, 1))))

    @property
    def residual_std(self) -> float:
        """Standard deviation of the whitened residual. Unit-free.

        A value well above `noise_std` shows activity that these few sources do not explain.
        """
        return float(np.sqrt(np.mean((self.data - self.gain @ self.amplitudes) ** 2)))

    @property
    def noise_std(self) -> float:
        """Standard deviation that whitened noise has in averages: ``nave ** -0.5``. Unit-free.

        NaN where a `nave` is not a positive number.
        """
        variances = [np.full(len(one.times), noise_level(one, np.nan) ** 2) for one in self.evokeds]
        return float(np.sqrt(np.mean(np.concatenate(variances))))

    def levels(self) -> str:
        """Describe the residual std, beside the noise std by nave and as SURE assumed it.

        Returns
        -------
        words : str
            Standard deviations of whitened data.
        """
        noise, curve = self.noise_std, self.solution.sure
        assumed = "" if curve is None else f", {np.sqrt(np.mean(curve.sigma**2)):.2g} by SURE"
        by_nave = "unknown nave" if np.isnan(noise) else f"noise {noise:.2g} by nave"
        return f"{self.residual_std:.2g} ({by_nave}{assumed})"

    def condition_index(self, condition: int | str) -> int:
        """Return the position in `evokeds` of a condition given by position or comment.

        Parameters
        ----------
        condition : int or str
            Position or comment of one of `evokeds`.

        Returns
        -------
        index : int
            From 0.
        """
        names = [one.comment for one in self.evokeds]
        if isinstance(condition, str) and condition in names:
            return names.index(condition)
        number = not isinstance(condition, str | bool) and isinstance(condition, int | np.integer)
        if number and -len(names) <= condition < len(names):  # type: ignore[operator]
            return range(len(names))[int(condition)]
        raise ValueError(
            f"condition is {quoted(condition)}; give a number from 0 to {len(names) - 1} or one of "
            f"the comments {', '.join(map(repr, names))}"
        )

    def samples(self, condition: int | str = 0) -> slice:
        """Return the columns of `amplitudes`, `courses` and `data` that belong to a condition.

        Parameters
        ----------
        condition : int or str
            Position or comment of one of `evokeds`.

        Returns
        -------
        samples : slice
            One column for each sample.
        """
        index = self.condition_index(condition)
        lengths = [len(evoked.times) for evoked in self.evokeds]
        start = sum(lengths[:index])
        return slice(start, start + lengths[index])

    @one_at_a_time
    def estimate(self, condition: int | str = 0, pick_ori: str | None = None) -> Any:
        """Make the source estimate of a condition.

        Parameters
        ----------
        condition : int or str, default 0
            Position or comment of one of `evokeds`.
        pick_ori : None or 'vector'
            As in `mixed_norm`.

        Returns
        -------
        stc : mne.SourceEstimate, or its volume, mixed and vector kin
            In Am.
        """
        if pick_ori == "vector" and not self.active.any():
            # MNE cannot make vector estimates without a source.
            vectors = {
                mne.SourceEstimate: mne.VectorSourceEstimate,
                mne.VolSourceEstimate: mne.VolVectorSourceEstimate,
                mne.MixedSourceEstimate: mne.MixedVectorSourceEstimate,
            }
            stc = self.estimate(condition)
            return vectors[type(stc)](
                np.zeros((0, 3, len(stc.times))), stc.vertices, stc.tmin, stc.tstep, stc.subject
            )
        make = private("_make_sparse_stc")
        return make(*self._sources(*self._part(condition)), pick_ori=pick_ori)

    @one_at_a_time
    def dipoles(self, condition: int | str = 0) -> list[Any]:
        """Make the dipoles of a condition, in the order of the locations.

        Parameters
        ----------
        condition : int or str, default 0
            Position or comment of one of `evokeds`.

        Returns
        -------
        dipoles : list of mne.Dipole
            Amplitude in Am, position in m (head coordinates), goodness of fit in percent: each
            dipole's share of the whitened data's power at each time.
        """
        evoked, times = self._part(condition)
        make = private("_make_dipoles_sparse")
        return list(make(*self._sources(evoked, times), self.data[:, times], self.gain))

    @one_at_a_time
    def residual(self, condition: int | str = 0) -> Any:
        """Make the part of a condition's data that the sources do not explain.

        Parameters
        ----------
        condition : int or str, default 0
            Position or comment of one of `evokeds`.

        Returns
        -------
        residual : mne.Evoked
            The channels used, in their own units; active projections are applied to the explained
            part.
        """
        evoked, times = self._part(condition)
        make = private("_compute_residual")
        return make(self.forward, evoked, self.amplitudes[:, times], self._columns, self.info)

    def __repr__(self) -> str:
        """Return number of sources, explained variance, alpha, residual and gap on one line."""
        return (
            f"<{type(self).__name__}: {int(self.active.sum())} sources explain "
            f"{self.explained_variance:.1%}, {self.regularisation}, residual "
            f"{self.levels()}, {self.solution.status}, relative gap {self.relative_gap:.1e}>"
        )

    @property
    def _normals(self) -> Floats:
        return normals_in_head(self.forward, self.n_orient)[self.active]

    @property
    def _columns(self) -> NDArray[np.bool_]:
        return np.repeat(self.active, self.n_orient)

    def _sources(self, evoked: Any, times: slice) -> tuple[Any, ...]:
        """Return the sources of an evoked as MNE's private functions take them."""
        tmin, tstep = evoked.times[0], 1.0 / evoked.info["sfreq"]
        return self.amplitudes[:, times].copy(), self._columns, self.forward, tmin, tstep

    def _part(self, condition: int | str) -> tuple[Any, slice]:
        """Return an evoked, and its columns of `amplitudes` and `data`."""
        return self.evokeds[self.condition_index(condition)], self.samples(condition)
