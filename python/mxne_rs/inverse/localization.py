"""The answer on MNE objects: source estimates, dipoles and residuals are made from it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arguments.convert import Floats, one_line
from .._arguments.extras import mne
from .._arguments.warn import warn
from ..solve.solution import Solution
from .data import noise_level
from .geometry import axes_in_head, normals_in_head, to_head_coordinates
from .mne_calls import one_at_a_time, private
from .model import Model
from .orientation import OrientedSources, fit_orientations
from .regions import mni_positions, region_names


@dataclass(frozen=True, eq=False, repr=False)
class Localization:
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

    @classmethod
    def of(
        cls, model: Model, evokeds: Sequence[Any], solution: Solution, **pieces: Any
    ) -> Localization:
        """Make a Localization of a solution on a model.

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
        """Comment of the first evoked on one line; "evoked" without a comment."""
        return one_line(self.evokeds[0].comment or "") or "evoked"

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
        return self.solution.method + ("" if rounds is None else f", {rounds} rounds")

    @property
    def regularisation(self) -> str:
        """Alpha in percent, or the variance of the noise of gamma-MAP, in words."""
        if self.solution.method == "gamma-MAP":
            return f"noise variance {self.alpha:.4g}"
        return f"alpha {self.alpha:.4g} %"

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

    def with_regions(
        self,
        labels: Any = None,
        subjects_dir: str | os.PathLike[str] | None = None,
        subject: str | None = None,
    ) -> Localization:
        """Return the localization with names of regions, and MNI coordinates where possible.

        Parameters
        ----------
        labels : list of mne.Label, str, or array of str, shape (n_locations,), optional
            Labels on the cortex; the name of a parcellation in `subjects_dir`, such as "aparc"; or
            a name per location of `forward`. By default regions have no names.
        subjects_dir : path, optional
            FreeSurfer's folder of subjects. MNI coordinates are known where the subject has a file
            mri/transforms/talairach.xfm there.
        subject : str, optional
            Name of the subject's folder, by default that of the source space.

        Returns
        -------
        localization : Localization
            A copy with `regions` and `mni`.

        Raises
        ------
        TypeError, ValueError
            Where labels, folder and subject do not fit the forward solution.

        Examples
        --------
        >>> from mxne_rs.inverse.localize import localize
        >>> from mxne_rs.simulate import simulate_auditory
        >>> data = simulate_auditory(spacing=20.0)
        >>> result = localize(*data, alpha=20, n_mxne_iter=5, verbose=False)
        >>> x = result.forward["source_rr"][:, 0]
        >>> result.with_regions(["left" if one < 0 else "right" for one in x]).regions
        ['left', 'right']
        """
        names, mni = self.regions, self.mni
        if labels is not None:
            everywhere = region_names(self.forward["src"], labels, subjects_dir, subject)
            names = [everywhere[location] for location in np.flatnonzero(self.active)]
        if subjects_dir is not None:
            rr = self.forward["source_rr"][self.active]
            positions = np.asarray(to_head_coordinates(self.forward, rr))
            mni = mni_positions(self.forward, positions, subjects_dir, subject)
        return replace(self, regions=names, mni=mni)

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

    @one_at_a_time
    def estimates(self, pick_ori: str | None = None) -> list[Any]:
        """Make one source estimate per evoked.

        Parameters
        ----------
        pick_ori : None or 'vector'
            As in `mixed_norm`.

        Returns
        -------
        list of mne.SourceEstimate, or of its volume, mixed and vector kin
            In Am.
        """
        if pick_ori == "vector" and not self.active.any():
            # MNE cannot make vector estimates without a source.
            vectors = {
                mne.SourceEstimate: mne.VectorSourceEstimate,
                mne.VolSourceEstimate: mne.VolVectorSourceEstimate,
                mne.MixedSourceEstimate: mne.MixedVectorSourceEstimate,
            }
            return [
                vectors[type(stc)](
                    np.zeros((0, 3, len(stc.times))), stc.vertices, stc.tmin, stc.tstep, stc.subject
                )
                for stc in self.estimates()
            ]
        make = private("_make_sparse_stc")
        return [make(*self._sources(*one), pick_ori=pick_ori) for one in self._slices()]

    @one_at_a_time
    def dipoles(self) -> list[list[Any]]:
        """Make a list of dipoles per evoked, in the order of the locations.

        Returns
        -------
        list of list of mne.Dipole
            Amplitude in Am, position in m (head coordinates), goodness of fit in percent: each
            dipole's share of the whitened data's power at each time.
        """
        make = private("_make_dipoles_sparse")
        return [
            make(*self._sources(evoked, times), self.data[:, times], self.gain)
            for evoked, times in self._slices()
        ]

    @one_at_a_time
    def residuals(self) -> list[Any]:
        """Make the part of each evoked that the sources do not explain.

        Returns
        -------
        list of mne.Evoked
            The channels used, in their own units; active projections are applied to the explained
            part.
        """
        residual = private("_compute_residual")
        return [
            residual(self.forward, evoked, self.amplitudes[:, times], self._columns, self.info)
            for evoked, times in self._slices()
        ]

    def __repr__(self) -> str:
        """Return number of sources, explained variance, alpha, residual and gap on one line."""
        return (
            f"<Localization: {int(self.active.sum())} sources explain "
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

    def _slices(self) -> list[tuple[Any, slice]]:
        ends = np.cumsum([len(evoked.times) for evoked in self.evokeds])
        return [
            (evoked, slice(int(end) - len(evoked.times), int(end)))
            for evoked, end in zip(self.evokeds, ends, strict=True)
        ]


def warn_if_empty(solution: Solution, has_data: bool) -> None:
    """Warn where there is no source, as MNE does, but independent of its log level."""
    if solution.active_set.any() or not solution.converged or solution.emptied:
        return
    warn(
        f"No active dipoles found. alpha is too big (alpha={solution.alpha:g})."
        if has_data
        else "No active dipoles found. The data are zero.",
    )
