"""The source model for mne-rt: what mne-rt asks of it, with and without mne-rt."""

from __future__ import annotations

import inspect
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import mxne_rs
from mxne_rs.live.mne_rt import SparseSourceModel, use_in_mne_rt

mne = pytest.importorskip("mne")

N_TIMES = 40
#: A course without symmetry, so that another sign or order of samples is another course.
COURSE = np.sin(np.arange(N_TIMES) / 4) * np.linspace(0.2, 1.0, N_TIMES)


def window_of(forward: Any, info: Any, column: int) -> Any:
    """Field of one column of a gain with the course, 100 nAm, without noise."""
    rows = [forward["sol"]["row_names"].index(name) for name in info["ch_names"]]
    return 1e-7 * np.outer(forward["sol"]["data"][rows, column], COURSE)


def labels_of(forward: Any, info: Any, kind: str) -> Any:
    """What mne-rt's own model says: region 0 is the first half of the locations, 1 the second."""
    n = forward["nsource"]
    halves = np.zeros((2, n))
    halves[0, : n // 2], halves[1, n // 2 :] = 2 / n, 2 / n
    return SimpleNamespace(
        n_sources=n, kind=kind, info=info, label_operator=lambda rois, mri_resolution=True: halves
    )


@pytest.fixture
def grid(simulated: Any) -> tuple[Any, Any]:
    """A model on a volume grid, and its labels."""
    evoked, forward, noise_cov = simulated
    stream = mxne_rs.Stream.from_mne(evoked.info, forward, noise_cov, N_TIMES, alpha=30.0)
    labels = labels_of(forward, evoked.info, "volume")
    return SparseSourceModel(stream, labels), labels


def test_a_source_of_a_volume_is_found_with_its_length(grid: Any, simulated: Any) -> None:
    evoked, forward, _ = simulated
    model, _ = grid
    location = forward["nsource"] - 7
    found = model.source_estimate(window_of(forward, evoked.info, 3 * location + 1))
    assert found.shape == (forward["nsource"], N_TIMES)
    assert np.argmax(np.abs(found).max(axis=1)) == location
    assert np.corrcoef(found[location], np.abs(COURSE))[0, 1] > 0.999
    assert found.min() >= 0 and model.estimate.converged


def test_regions_are_means_by_the_label_operator(grid: Any, simulated: Any) -> None:
    evoked, forward, _ = simulated
    model, _ = grid
    n = forward["nsource"]
    window = window_of(forward, evoked.info, 3 * (n - 7))
    operator = model.label_operator([], mri_resolution=False)
    courses = model.apply(window, kernel=None, ch_picks=None, label_operator=operator)
    sources = model.source_estimate(window)
    np.testing.assert_allclose(courses[1], sources[n // 2 :].sum(axis=0) * 2 / n)
    assert np.abs(courses[1]).max() > 0
    assert (model.kind, model.n_sources) == ("volume", n)


@pytest.mark.parametrize("loose", [0.0, 0.2])
def test_on_a_cortex_the_sign_is_that_along_the_normal(real: Any, loose: float) -> None:
    """The witness is MNE's gain of fixed orientation."""
    evoked, forward, noise_cov = real
    evoked = evoked.copy().pick("meg")
    forward = mne.pick_types_forward(forward, meg=True)
    stream = mxne_rs.Stream.from_mne(
        evoked.info, forward, noise_cov, N_TIMES, alpha=40.0, loose=loose
    )
    model = SparseSourceModel(stream, labels_of(forward, evoked.info, "surface"))
    fixed = mne.convert_forward_solution(forward, force_fixed=True, use_cps=True)
    info = mne.pick_info(evoked.info, mne.pick_types(evoked.info, meg=True, exclude=()))
    for location in (100, 700):
        found = model.source_estimate(window_of(fixed, info, location), pick_ori="normal")
        assert np.argmax(np.abs(found).max(axis=1)) == location
        assert np.corrcoef(found[location], COURSE)[0, 1] > 0.99


def test_features_of_one_window_share_its_solve(
    grid: Any, simulated: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    evoked, forward, _ = simulated
    model, _ = grid
    solved: list[int] = []
    update = model.stream.update
    monkeypatch.setattr(model.stream, "update", lambda window: solved.append(1) or update(window))
    window = window_of(forward, evoked.info, 30)
    threads = [
        threading.Thread(target=model.source_estimate, args=(window,)) for _ in range(4)
    ]  # as mne-rt, which computes every feature on a thread
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(solved) == 1
    window *= -2.0  # a buffer that is used again holds another window
    model.source_estimate(window)
    assert len(solved) == 2


def test_a_window_that_cannot_be_solved_has_no_sources(grid: Any, simulated: Any) -> None:
    evoked, forward, _ = simulated
    model, _ = grid
    window = window_of(forward, evoked.info, 30)
    window[2, 3] = np.nan
    assert not model.source_estimate(window).any()
    assert model.estimate.status == "skipped_not_finite"


def test_what_does_not_fit_is_refused(grid: Any, simulated: Any) -> None:
    evoked, forward, _ = simulated
    model, labels = grid
    window = window_of(forward, evoked.info, 30)
    with pytest.raises(ValueError, match="stream was not made from MNE objects"):
        SparseSourceModel(mxne_rs.Stream(np.eye(3), n_times=2), labels)
    with pytest.raises(ValueError, match="locations, but labels 5; make both from the same"):
        SparseSourceModel(model.stream, SimpleNamespace(n_sources=5, kind="volume"))
    with pytest.raises(ValueError, match="pick_ori='normal' is not available here"):
        model.source_estimate(window, pick_ori="normal")
    with pytest.raises(ValueError, match="a sparse estimate has no kernel"):
        model.apply(window, kernel=np.eye(3), ch_picks=[0])
    with pytest.raises(TypeError, match="session is a str without _get_source_model"):
        use_in_mne_rt("session")


def session_like(simulated: Any, labels: Any) -> Any:
    """What `use_in_mne_rt` needs of an RTStream: the first channel is marked bad."""
    evoked, forward, noise_cov = simulated
    session = SimpleNamespace(
        source_atlas="aparc+aseg", fwd=forward, noise_cov=noise_cov, _source_models={},
        _acquired_ch_names=lambda: evoked.info["ch_names"][1:],
    )  # fmt: skip

    def get(*, method: str, atlas: str) -> Any:
        return session._source_models.setdefault((method, atlas), labels)

    session._get_source_model = get
    return session


def test_a_session_gets_the_model_for_its_window_and_channels(grid: Any, simulated: Any) -> None:
    evoked, forward, _ = simulated
    _, labels = grid
    session = session_like(simulated, labels)
    seconds = (N_TIMES - 0.5) / evoked.info["sfreq"]  # mne-rt rounds up
    model = use_in_mne_rt(session, seconds, alpha=30.0)
    assert session._get_source_model(method="dSPM", atlas="aparc+aseg") is model
    assert session._get_source_model(method="MNE", atlas="aparc+aseg") is labels
    window = window_of(forward, evoked.info, 3 * 20 + 2)[1:]
    assert np.argmax(model.source_estimate(window).max(axis=1)) == 20
    again = use_in_mne_rt(session, seconds, alpha=50.0)
    assert again is not model and again.label_operator([]) is labels.label_operator([])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what mne-rt imports
def test_mne_rt_computes_its_feature_from_the_sparse_estimate(
    simulated: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `RTStream.record_main` does for each window, without its clock."""
    mne_rt = pytest.importorskip("mne_rt", exc_type=ImportError)
    evoked, forward, noise_cov = simulated
    for name in ("source_estimate", "apply", "label_operator"):
        theirs = inspect.signature(getattr(mne_rt.SourceModel, name)).parameters
        ours = inspect.signature(getattr(SparseSourceModel, name)).parameters
        assert set(theirs) <= set(ours) or "options" in ours
    labels = labels_of(forward, evoked.info, "volume")
    monkeypatch.setattr(
        mne_rt.SourceModel, "label_operator",
        lambda self, rois, mri_resolution: labels.label_operator(rois)[[roi.half for roi in rois]],
    )  # fmt: skip
    session = mne_rt.RTStream(
        "one", "01", str(tmp_path), None, data_type="meg", source_space="volume"
    )
    sfreq = evoked.info["sfreq"]
    session.rec_info, session._sfreq, session.winsize = evoked.info, sfreq, N_TIMES / sfreq
    session.src, session.fwd, session.noise_cov = forward["src"], forward, noise_cov
    session.inv, session._source_models = {"info": evoked.info}, {}
    model = use_in_mne_rt(session, session.winsize, alpha=30.0)
    window = window_of(forward, evoked.info, 3 * (forward["nsource"] - 7))
    power = {}
    for half in (0, 1):
        rois = [SimpleNamespace(name=str(half), half=half)]
        monkeypatch.setattr("mne_rt.modalities.resolve_rois", lambda *_, rois=rois, **__: rois)
        session.params = {"method": "dSPM", "frange": [2, 40], "rois": [str(half)]}
        with pytest.warns(RuntimeWarning, match="cannot use the cached-kernel path"):
            prepared = session._source_power_prep()
        assert prepared["model"] is model
        power[half], _ = session._source_power(window, **prepared)
    assert power[0] == 0 and power[1] > 0
