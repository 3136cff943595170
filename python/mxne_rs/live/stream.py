"""A certified sparse estimate for every window of a live recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._arguments.convert import (
    Floats,
    as_choice,
    as_count,
    as_flag,
    as_floats,
    as_matrix,
    name_of,
    number,
)
from .._arguments.declare import documents, takes
from .._arguments.extras import needs
from ..inverse.model import Model, prepare_model
from ..inverse.options import MneInputs, WeightingOptions
from ..solve.gain import Gain, prepared
from ..solve.options import Inputs, PenaltyOptions, checked, make_rounds
from .options import IN_TIME, MneWindowOptions, WindowOptions, Windows

if TYPE_CHECKING:
    from typing_extensions import Unpack

#: Factor on the alpha_max that white noise has on average, for noise above the average.
NOISE_MARGIN = 1.3


@dataclass(frozen=True, eq=False)
class Estimate:
    """The sources of one window with their certificate.

    Attributes
    ----------
    locations : array of int, shape (n_active,)
        Locations of the gain with sources that are not zero, rising.
    sources : array, shape (n_active * n_orient, n_times)
        Time courses of these locations: in Am where the stream was made from MNE objects, else in
        the unit of data over gain.
    n_orient : int
        Rows per location.
    alpha : float
        Regularisation, absolute.
    alpha_max : float | None
        Smallest alpha for which no source is left, where ``alpha_mode`` needs it.
    gap, primal, dual : float
        Certificate on all locations; the gap is in units of ``|M|^2 / 2``. After reweighting it is
        that of the last weighted problem (with 'sqrt' over the locations that were not zero).
    status : str
        "converged", "iteration_limit", "time_limit", "stalled", or, for a window that could not be
        solved, "skipped_not_finite", "skipped_flat" or "skipped_out_of_range".
    channel : int | None
        Row of the window for which the window was skipped.
    deadline_hit : bool
        Whether the deadline ended the solve: the sources are the last that were certified.
    explained_variance : float
        ``1 - |M - G X|^2 / |M|^2``.
    n_iter, n_looks, n_reweights : int
        Epochs, looks at all locations, and convex problems.
    elapsed : float
        Seconds.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> mxne_rs.Stream(np.eye(3), n_times=2, alpha=40).update([[5, 0], [0, 1], [1, 0]]).locations
    array([0])
    """

    locations: NDArray[np.int64]
    sources: Floats
    n_orient: int
    alpha: float
    alpha_max: float | None
    gap: float
    primal: float
    dual: float
    status: str
    channel: int | None
    deadline_hit: bool
    explained_variance: float
    n_iter: int
    n_looks: int
    n_reweights: int
    elapsed: float

    @property
    def converged(self) -> bool:
        """Whether the duality gap is at most ``tol``."""
        return self.status == "converged"

    @property
    def skipped(self) -> bool:
        """Whether the window could not be solved; the next one is not affected."""
        return self.status.startswith("skipped")

    def amplitudes(self) -> Floats:
        """Length of the moment at each sample.

        Returns
        -------
        amplitudes : array, shape (n_active, n_times)
            In the unit of `sources`.
        """
        rows = self.sources.reshape(len(self.locations), self.n_orient, self.sources.shape[1])
        return np.asarray(np.linalg.norm(rows, axis=1))

    def __repr__(self) -> str:
        """Return one line: the number of sources, the status, the gap and the time taken."""
        count = len(self.locations)
        return (
            f"<Estimate: {count} source{'' if count == 1 else 's'}, {self.status}, "
            f"gap {self.gap:.1e}, {1e3 * self.elapsed:.1f} ms>"
        )


@documents(WindowOptions, Windows, PenaltyOptions, Inputs)
class Stream:
    """Solves one window after another by MxNE, or by irMxNE where ``n_reweights`` is above 1.

    Everything is prepared once; windows start from the last one's sources, and are certified on all
    locations. Each thread needs a stream of its own; all can share one `Gain`. The GIL is released
    while a window is solved. Copied and unpickled streams begin anew, without the windows so far.

    Parameters
    ----------
    whitener : array_like, shape (n_sensors, n_channels) | None
        Applied to every window. None takes windows that are whitened.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, what it is, and what to give instead.

    Examples
    --------
    >>> import numpy as np, mxne_rs
    >>> rng = np.random.default_rng(0)
    >>> gain = rng.standard_normal((30, 500))
    >>> stream = mxne_rs.Stream(gain, n_times=100, hop=50, alpha=40)
    >>> recording = rng.standard_normal((30, 1000))
    >>> recording += 3 * np.outer(gain[:, 123], np.sin(np.arange(1000) / 10))
    >>> for first in range(0, 901, 50):
    ...     estimate = stream.update(recording[:, first : first + 100])
    >>> estimate.locations, estimate.converged, estimate.gap <= 1e-4
    (array([123]), True, True)
    """

    @takes(WindowOptions, **IN_TIME)
    def __init__(
        self,
        gain: Gain | ArrayLike,
        n_times: int,
        alpha: float = 50.0,
        *,
        whitener: ArrayLike | None = None,
        n_orient: int | None = None,
        **options: Unpack[WindowOptions],
    ) -> None:
        self.gain = prepared(gain, n_orient)
        self.n_times = as_count("n_times", n_times, 1)
        hop, alpha_floor = options["hop"], options["alpha_floor"]
        self.hop = max(1, self.n_times // 2) if hop is None else as_count("hop", hop, 1)
        if isinstance(alpha_floor, str):
            as_choice("alpha_floor", alpha_floor, ["noise"])
            alpha_floor = _noise_floor(self.gain, self.n_times)
        deadline = options["deadline"]
        settings = SimpleNamespace(
            n_times=self.n_times,
            hop=self.hop,
            rule=name_of("alpha_mode", options["alpha_mode"]),
            alpha=number("alpha", alpha),
            alpha_floor=number("alpha_floor", alpha_floor),
            deadline=None if deadline is None else number("deadline", deadline),
            warm_start=as_flag("warm_start", options["warm_start"]),
            rounds=make_rounds(options),
            **checked(options, ("tol", "max_iter", "n_threads")),
        )
        matrix = None if whitener is None else as_matrix("whitener", whitener)
        self.n_channels = self.gain.n_sensors if matrix is None else matrix.shape[1]
        self._made_of = None if matrix is None else matrix.copy(), settings
        self._stream = _core.Stream(self.gain._prepared, matrix, settings)
        self._model: Model | None = None
        self._picks: NDArray[np.intp] | None = None
        self._weighting: Floats | None = None

    @classmethod
    @takes(MneWindowOptions, MneInputs, Windows, **IN_TIME)
    def from_mne(
        cls,
        info: Any,
        forward: Any,
        noise_cov: Any,
        n_times: int,
        alpha: float = 50.0,
        *,
        ch_names: Sequence[str] | None = None,
        **options: Unpack[MneWindowOptions],
    ) -> Stream:
        """Prepare a stream from MNE objects; windows are in T, T/m and V, sources in Am.

        Parameters
        ----------
        info : mne.Info
            Measurement information of the recording.
        ch_names : list of str | None
            Names of a window's rows. None takes those of ``info``. They may include channels that
            are not used; channels of ``info`` that they leave out are not used either.

        Returns
        -------
        stream : Stream
            With ``model``, whose ``forward`` says where the locations are.

        Raises
        ------
        ImportError
            Without MNE-Python.
        TypeError, ValueError
            Naming the argument, what it is, and what to give instead; also where no channel is
            left.

        Examples
        --------
        >>> import mne
        >>> from mxne_rs import Stream
        >>> from mxne_rs.simulate import simulate_auditory
        >>> mne.set_log_level("ERROR")
        >>> evoked, forward, noise_cov = simulate_auditory(spacing=20.0)
        >>> stream = Stream.from_mne(evoked.info, forward, noise_cov, n_times=50)
        >>> estimate = stream.update(evoked.data[:, 175:225])
        >>> print(len(estimate.locations) >= 2, 1e-9 < estimate.amplitudes().max() < 1e-6)
        True True
        """
        given: dict[str, Any] = {**options}
        with needs("Stream.from_mne", "MNE-Python", "mne"):
            import mne
        if ch_names is not None:
            present = set(ch_names)
            picks = [i for i, name in enumerate(info["ch_names"]) if name in present]
            if not picks:
                raise ValueError(
                    f"ch_names ({', '.join(list(ch_names)[:3])}, ...) has no channel of info "
                    f"({', '.join(info['ch_names'][:3])}, ...); rename the channels"
                )
            info = mne.pick_info(info, picks)
        weighting = WeightingOptions.__annotations__
        model = prepare_model(info, forward, noise_cov, **{name: given[name] for name in weighting})
        names = list(info["ch_names"] if ch_names is None else ch_names)
        window = {name: given[name] for name in WindowOptions.__annotations__}
        stream = cls(model.gain, n_times, alpha, whitener=model.whitener, **window)
        stream._model = model
        stream.n_channels = len(names)
        stream._picks = np.array([names.index(name) for name in model.info["ch_names"]])
        stream._weighting = model.weighting
        return stream

    @property
    def model(self) -> Model | None:
        """Forward model, where the stream was made from MNE objects."""
        return self._model

    def update(self, window: ArrayLike) -> Estimate:
        """Solve a window, ``hop`` samples after the last one.

        Parameters
        ----------
        window : array_like, shape (n_channels, n_times)
            Any real dtype and memory order.

        Returns
        -------
        estimate : Estimate
            A window with a NaN, or a channel whose samples are all the same, is skipped and says
            so; the next one is not affected.

        Raises
        ------
        TypeError, ValueError
            Where the window is not such an array.
        RuntimeError
            Where another thread is solving a window of this stream.
        """
        array = as_floats("window", window, 2)
        if array.shape != (self.n_channels, self.n_times):
            raise ValueError(
                f"window has shape {array.shape}; give {self.n_channels} channels x "
                f"{self.n_times} samples"
            )
        if self._picks is not None:
            array = array[self._picks]
        found = self._stream.update(array)
        sources, channel = found.sources, found.channel
        if self._weighting is not None:
            n_orient = self.gain.n_orient
            rows = found.locations[:, np.newaxis] * n_orient + np.arange(n_orient)
            sources = sources * self._weighting[rows.ravel(), np.newaxis]
        if self._picks is not None and channel is not None:
            channel = int(self._picks[channel])
        gap, primal, dual = found.certificate
        return Estimate(
            locations=found.locations, sources=sources, n_orient=self.gain.n_orient,
            alpha=found.alpha, alpha_max=found.alpha_max, gap=gap, primal=primal, dual=dual,
            status=found.status, channel=channel, deadline_hit=found.deadline_hit,
            explained_variance=found.explained_variance, n_iter=found.n_iter,
            n_looks=found.n_looks, n_reweights=found.n_reweights, elapsed=found.elapsed,
        )  # fmt: skip

    def skip(self, n_windows: int = 1) -> None:
        """Tell the stream that windows are left out before the next one.

        Parameters
        ----------
        n_windows : int
            Number of windows left out.
        """
        self._stream.skip(as_count("n_windows", n_windows, 0))

    def reset(self) -> None:
        """Forget the windows so far."""
        self._stream.reset()

    def __getstate__(self) -> dict[str, Any]:
        """Return everything but the windows so far: copied and unpickled streams begin anew."""
        return {name: value for name, value in vars(self).items() if name != "_stream"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Prepare the solver again."""
        vars(self).update(state)
        self._stream = _core.Stream(self.gain._prepared, *self._made_of)

    def __repr__(self) -> str:
        """Return one line with the sizes."""
        return f"<Stream: windows of {self.n_channels} x {self.n_times}, hop {self.hop}>"


def _noise_floor(gain: Gain, n_times: int) -> float:
    """Return the least alpha that keeps windows of white noise empty."""
    columns = gain.columns(np.arange(gain.n_locations))
    energies = np.sum(columns**2, axis=0).reshape(gain.n_locations, gain.n_orient).sum(axis=1)
    return NOISE_MARGIN * float(np.sqrt(energies.max() * n_times))
