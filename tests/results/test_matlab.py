"""Files for MATLAB: what they hold is what MNE's own objects of the same answer say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

mne = pytest.importorskip("mne")
scipy_io = pytest.importorskip("scipy.io")

from mxne_rs import localize  # noqa: E402
from mxne_rs.results.matlab import subject_coordinates, triangles, write_mat  # noqa: E402

#: Fiducial points of a head whose ears are not at the same distance from the nasion's plane.
POINTS = {"lpa": (-0.07, 0.0, 0.0), "nasion": (0.0, 0.1, 0.0), "rpa": (0.08, 0.0, 0.0)}


def with_fiducials(info: Any) -> Any:
    """Add the three points to the measurement information, in place."""
    montage = mne.channels.make_dig_montage(coord_frame="head", **POINTS)
    with info._unlock():
        info["dig"] = montage.dig
    return info


@pytest.fixture(scope="module", params=["volume", "fixed", "loose"])
def answer(request: pytest.FixtureRequest) -> Any:
    """Answers of two conditions: free orientation in a volume, fixed and loose on a cortex."""
    if request.param == "volume":
        evoked, forward, noise_cov = request.getfixturevalue("simulated")
        other = evoked.copy()
        other.data *= 0.5
        other.comment = "half"
        options: dict[str, Any] = {"alpha": 20, "n_mxne_iter": 5}
    else:
        evoked, forward, noise_cov = request.getfixturevalue("real")
        evoked = evoked.copy().decimate(6)
        other = evoked.copy()
        other.data = other.data[:, ::-1].copy()
        options = {"alpha": 50, "n_mxne_iter": 1, "loose": 0.0 if request.param == "fixed" else 0.2}
    evoked = evoked.copy()
    with_fiducials(evoked.info), with_fiducials(other.info)
    return localize([evoked, other], forward, noise_cov, verbose=False, **options)


def moments_by_mne(answer: Any, condition: int) -> tuple[Any, Any]:
    """Positions in m and moments in Am of the sources in head coordinates, by MNE's dipoles."""
    dipoles = answer.dipoles(condition)
    assert dipoles
    positions = np.array([dipole.pos[0] for dipole in dipoles])
    return positions, np.array([(one.amplitude[:, None] * one.ori).T for one in dipoles])


def read(path: Path) -> Any:
    """Read a file of MATLAB."""
    return scipy_io.loadmat(path, simplify_cells=True)


@pytest.mark.parametrize("condition", [0, 1])
def test_fieldtrip_gets_the_moments_of_mnes_dipoles(
    answer: Any, condition: int, tmp_path: Path
) -> None:
    write_mat(answer, tmp_path / "source.mat", "fieldtrip", condition)
    source = read(tmp_path / "source.mat")["source"]
    positions, moments = moments_by_mne(answer, condition)
    active = np.flatnonzero(answer.active)
    assert (source["unit"], source["coordsys"]) == ("m", "neuromag")
    assert (source["momdimord"], source["powdimord"]) == ("{pos}_ori_time", "pos_time")
    np.testing.assert_allclose(source["pos"][active], positions, atol=1e-7)
    np.testing.assert_allclose(source["time"], answer.evokeds[condition].times)
    found = np.array([source["mom"][location] for location in active])
    np.testing.assert_allclose(found, moments, rtol=1e-9, atol=1e-9 * np.abs(moments).max())
    assert source["inside"].all() and len(source["inside"]) == len(answer.active)
    stc = answer.estimate(condition)
    np.testing.assert_allclose(source["pow"][active], stc.data**2, rtol=1e-9, atol=1e-30)
    np.testing.assert_array_equal(source["pow"].any(axis=1), answer.active)


@pytest.mark.parametrize("condition", [0, 1])
def test_brainstorm_gets_the_moments_in_its_own_coordinates(
    answer: Any, condition: int, tmp_path: Path
) -> None:
    write_mat(answer, tmp_path / "results_mxne.mat", condition=condition)
    results = read(tmp_path / "results_mxne.mat")
    positions, moments = moments_by_mne(answer, condition)
    # Head coordinates have the ears on the first axis and the nasion on the second, by definition;
    # with these points Brainstorm's origin is 5 mm to the right, and its x axis leans to the left.
    x = np.array([-0.005, 0.1, 0.0]) / np.hypot(0.005, 0.1)
    turn = np.array([x, [-x[1], x[0], 0.0], [0.0, 0.0, 1.0]])
    active = np.flatnonzero(answer.active)
    rows = results["ImageGridAmp"].reshape(len(answer.active), 3, -1)
    np.testing.assert_allclose(
        results["GridLoc"][active], (positions - [0.005, 0, 0]) @ turn.T, atol=1e-7
    )
    expected = np.einsum("ji,sit->sjt", turn, moments)
    np.testing.assert_allclose(rows[active], expected, atol=1e-9 * np.abs(moments).max())
    lengths = np.linalg.norm(rows[active], axis=1)
    stc = answer.estimate(condition)
    np.testing.assert_allclose(lengths, np.abs(stc.data), rtol=1e-9, atol=1e-20)
    assert not rows[~answer.active].any()
    assert (results["HeadModelType"], results["nComponents"]) == ("volume", 3)
    assert results["nAvg"] == answer.evokeds[condition].nave
    np.testing.assert_allclose(results["Time"], answer.evokeds[condition].times)


def test_the_axes_of_brainstorm_pass_through_its_points() -> None:
    info = with_fiducials(mne.create_info(["MEG 001"], 100.0, "mag"))
    origin, axes = subject_coordinates(info)
    left, nasion, right = (axes @ (np.array(POINTS[name]) - origin) for name in sorted(POINTS))
    np.testing.assert_allclose(nasion, [np.hypot(0.005, 0.1), 0, 0], atol=1e-9)
    np.testing.assert_allclose(left, -right, atol=1e-9)
    assert left[1] > 0 > right[1] and left[2] == 0
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(axes) > 0


def test_triangles_join_locations_only() -> None:
    """Of a decimated mesh those between its points, of a whole one all; indices are rows."""
    coarse = {
        "type": "surf", "np": 6, "nuse": 3, "vertno": np.array([1, 3, 4]),
        "use_tris": np.array([[4, 1, 3], [1, 3, 5]]), "tris": np.array([[0, 1, 2]]),
    }  # fmt: skip
    whole = {
        "type": "surf", "np": 3, "nuse": 3, "vertno": np.arange(3),
        "use_tris": None, "tris": np.array([[0, 2, 1]]),
    }  # fmt: skip
    grid = {"type": "vol", "np": 9, "nuse": 2, "vertno": np.array([0, 8]), "tris": None}
    assert triangles([coarse, grid, whole]).tolist() == [[2, 0, 1], [5, 7, 6]]
    assert triangles([grid]).shape == (0, 3)


def test_triangles_of_fieldtrip_count_from_one(
    simulated: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = localize(*simulated, alpha=20, verbose=False)
    monkeypatch.setattr("mxne_rs.results.matlab.triangles", lambda spaces: np.array([[0, 1, 2]]))
    write_mat(answer, tmp_path / "a.mat", "fieldtrip")
    assert read(tmp_path / "a.mat")["source"]["tri"].tolist() == [1, 2, 3]


def test_what_cannot_be_written_is_refused(
    simulated: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = localize(*simulated, alpha=20, verbose=False)
    path = tmp_path / "a.mat"
    with pytest.raises(ValueError, match="layout is 'spm'; give one of brainstorm, fieldtrip"):
        write_mat(answer, path, "spm")
    with pytest.raises(ValueError, match="condition is 1; give a number from 0 to 0"):
        write_mat(answer, path, condition=1)
    without = [answer.evokeds[0].copy()]
    with without[0].info._unlock():
        without[0].info["dig"] = None
    monkeypatch.setitem(vars(answer), "evokeds", without)
    with pytest.raises(ValueError, match="needs the positions of nasion and both ears"):
        write_mat(answer, path)
    monkeypatch.setattr("mxne_rs.results.matlab.MAX_BYTES", 100)
    with pytest.raises(ValueError, match="a file of MATLAB holds 2 GB: crop or decimate"):
        write_mat(answer, path, "fieldtrip")
    assert not path.exists()
