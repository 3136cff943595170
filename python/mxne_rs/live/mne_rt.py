"""Let mne-rt, which streams M/EEG for neurofeedback, find its sources by a `Stream`.

Written for mne-rt 1.2, which caches a linear operator per inverse method and asks models without
one (``supports_kernel`` is False) for an estimate of each window.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._arguments.convert import Floats, as_floats
from ..inverse.geometry import axes_in_head, normals_in_head
from .stream import Estimate, Stream


class SparseSourceModel:
    """A source model of mne-rt that solves each window by a `Stream`.

    It has what mne-rt uses of a ``mne_rt.SourceModel``. Source-space features of one window share
    its solve, on whichever threads mne-rt computes them.

    Parameters
    ----------
    stream : Stream
        Made by ``Stream.from_mne``.
    labels : mne_rt.SourceModel
        Model of the same source space: it averages locations to regions.

    Attributes
    ----------
    estimate : Estimate | None
        The last window's sources, with their certificate and status.

    Raises
    ------
    ValueError
        Where the stream was not made from MNE objects, its locations are not those of ``labels``,
        or the source space has surfaces and volumes.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> import mne
    >>> from mxne_rs import Stream
    >>> from mxne_rs.live.mne_rt import SparseSourceModel
    >>> from mxne_rs.simulate import simulate_auditory
    >>> mne.set_log_level("ERROR")
    >>> evoked, forward, noise_cov = simulate_auditory(spacing=20.0)
    >>> stream = Stream.from_mne(evoked.info, forward, noise_cov, n_times=50)
    >>> labels = SimpleNamespace(n_sources=forward["nsource"], kind="volume")
    >>> model = SparseSourceModel(stream, labels)
    >>> model.source_estimate(evoked.data[:, 175:225]).shape == (forward["nsource"], 50)
    True
    >>> model.estimate.converged, model.supports_kernel
    (True, False)
    """

    #: The estimate is not linear in the data: mne-rt is to ask for one in each window.
    supports_kernel = False

    def __init__(self, stream: Stream, labels: Any) -> None:
        if stream.model is None:
            raise ValueError("stream was not made from MNE objects; make it by Stream.from_mne")
        if labels.n_sources != stream.gain.n_locations:
            raise ValueError(
                f"stream has {stream.gain.n_locations} locations, but labels {labels.n_sources}; "
                "make both from the same forward solution"
            )
        forward, n_orient = stream.model.forward, stream.gain.n_orient
        normals = normals_in_head(forward, n_orient)
        in_volume = np.isnan(normals).any(axis=1)
        if in_volume.any() and not in_volume.all():
            raise ValueError(
                "stream has locations on surfaces and in volumes, which mne-rt does not take; use "
                "a source space of one kind"
            )
        #: Parts of a source's components along the normal; None in a volume, which has none.
        self._along_normal: Floats | None = None
        if not in_volume.any():
            axes = axes_in_head(forward, n_orient)
            self._along_normal = np.einsum("soi,si->so", axes, normals)
        self.stream = stream
        self.estimate: Estimate | None = None
        self._labels = labels
        self._window: Floats | None = None
        self._sources: Floats | None = None
        self._lock = threading.Lock()

    @property
    def kind(self) -> str:
        """Kind of the source space: "surface" or "volume"."""
        return str(self._labels.kind)

    @property
    def n_sources(self) -> int:
        """Number of locations."""
        return self.stream.gain.n_locations

    def label_operator(self, rois: Sequence[Any], **options: Any) -> Any:
        """Return the matrix that averages locations to regions, as mne-rt makes it.

        Parameters
        ----------
        rois : list of mne_rt.ROI
            Regions.
        **options
            As ``mne_rt.SourceModel.label_operator`` takes them.

        Returns
        -------
        operator : array, shape (n_rois, n_sources)
            Weights.
        """
        return self._labels.label_operator(rois, **options)

    def source_estimate(
        self, data: ArrayLike, *, info: Any = None, pick_ori: str | None = None
    ) -> Floats:
        """Solve a window; return the time courses of all locations, most of them zero.

        Parameters
        ----------
        data : array, shape (n_channels, n_times)
            The window, in T, T/m and V.
        info : mne.Info | None
            Not used: the stream knows its channels.
        pick_ori : None | "normal"
            None is "normal" on a cortex.

        Returns
        -------
        sources : array, shape (n_sources, n_times)
            In Am: on a cortex signed, along its normal; in a volume the length of the moment. Zeros
            where the window was skipped (see ``estimate.status``).

        Raises
        ------
        ValueError
            Where the window is not of the stream's shape, or ``pick_ori`` is not available.
        """
        if pick_ori not in (None, "normal") or (pick_ori and self._along_normal is None):
            raise ValueError(
                f"pick_ori={pick_ori!r} is not available here; give None, or 'normal' on a cortex"
            )
        window = as_floats("data", data, 2)
        with self._lock:
            known = self._window is not None and np.array_equal(window, self._window, True)
            if not known or self._sources is None:
                self.estimate = self.stream.update(window)
                self._sources = self._on_all_locations(self.estimate)
                self._window = window.copy()
            return self._sources.copy()

    def apply(
        self,
        data: ArrayLike,
        *,
        kernel: None = None,
        ch_picks: Any = None,
        label_operator: ArrayLike | None = None,
        info: Any = None,
        pick_ori: str | None = None,
    ) -> Floats:
        """Return the time courses of regions in a window.

        Parameters
        ----------
        data, info, pick_ori
            As for `source_estimate`.
        kernel, ch_picks : None
            Not available: the estimate is not linear in the data.
        label_operator : array, shape (n_rois, n_sources)
            Made by `label_operator`.

        Returns
        -------
        courses : array, shape (n_rois, n_times)
            In Am.

        Raises
        ------
        ValueError
            With a kernel, or without ``label_operator``.
        """
        if kernel is not None or label_operator is None:
            raise ValueError(
                "a sparse estimate has no kernel; give label_operator, as made by "
                "SparseSourceModel.label_operator"
            )
        return np.asarray(label_operator) @ self.source_estimate(data, pick_ori=pick_ori)

    def _on_all_locations(self, estimate: Estimate) -> Floats:
        sources = np.zeros((self.n_sources, self.stream.n_times))
        if self._along_normal is None:
            sources[estimate.locations] = estimate.amplitudes()
        else:
            rows = estimate.sources.reshape(-1, estimate.n_orient, self.stream.n_times)
            parts = self._along_normal[estimate.locations]
            sources[estimate.locations] = np.einsum("sot,so->st", rows, parts)
        return sources

    def __repr__(self) -> str:
        """Return one line: the kind of the source space and its size."""
        return f"<SparseSourceModel: {self.kind}, {self.n_sources} locations, {self.stream}>"


def use_in_mne_rt(
    session: Any,
    winsize: float = 1.0,
    alpha: float = 50.0,
    *,
    method: str = "dSPM",
    **options: Any,
) -> SparseSourceModel:
    """Let the source-space features of an mne-rt session be computed from sparse estimates.

    Parameters
    ----------
    session : mne_rt.RTStream
        After ``record_baseline``. A later ``compute_inv_operator`` takes the model out again.
    winsize : float, default 1.0
        Seconds of a window, as for ``session.record_main``.
    alpha : float, default 50.0
        Regularisation, as for `Stream.from_mne`.
    method : str, default "dSPM"
        Name of mne-rt's inverse method that is replaced: features that ask for it get the sparse
        estimate, features that ask for another method do not.
    **options
        As for `Stream.from_mne`, such as ``loose=0``, ``depth`` or ``n_reweights``.

    Returns
    -------
    model : SparseSourceModel
        Its ``estimate`` has the certificate of the last window.

    Raises
    ------
    TypeError
        Where ``session`` has not what mne-rt 1.2 has.

    Examples
    --------
    >>> from mxne_rs.live.mne_rt import use_in_mne_rt
    >>> def run(session):
    ...     session.record_baseline(60)
    ...     model = use_in_mne_rt(session, winsize=0.5, alpha=40, loose=0)
    ...     session.record_main(300, modality="source_power", winsize=0.5)
    ...     return model.estimate
    """
    for name in ("_get_source_model", "_acquired_ch_names", "source_atlas"):
        if not hasattr(session, name):
            raise TypeError(
                f"session is a {type(session).__name__} without {name}; give an RTStream of "
                "mne-rt 1.2"
            )
    atlas = session.source_atlas
    labels = session._get_source_model(method=method, atlas=atlas)
    if isinstance(labels, SparseSourceModel):
        labels = labels._labels
    n_times = int(np.ceil(winsize * labels.info["sfreq"]))
    stream = Stream.from_mne(
        labels.info, session.fwd, session.noise_cov, n_times, alpha,
        ch_names=session._acquired_ch_names(), **options,
    )  # fmt: skip
    model = SparseSourceModel(stream, labels)
    session._source_models[method, atlas] = model
    return model
