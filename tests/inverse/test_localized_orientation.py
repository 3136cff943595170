"""Orientations, courses, regions and MNI coordinates of sources in MNE objects."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from places import DATA

mne = pytest.importorskip("mne", minversion="1.12")

from mxne_rs import localize  # noqa: E402
from mxne_rs.inverse.geometry import normals_in_head, to_head_coordinates  # noqa: E402
from mxne_rs.inverse.other_methods import find_dspm_peaks, fit_dipoles, head_model  # noqa: E402
from mxne_rs.inverse.regions import region_names  # noqa: E402
from mxne_rs.results.other_methods import other_methods  # noqa: E402
from mxne_rs.results.shown import Shown  # noqa: E402
from mxne_rs.results.table import COLUMNS, format_table, row_texts, source_table  # noqa: E402
from mxne_rs.simulate import TRUE_SOURCES, simulate_auditory, true_locations  # noqa: E402


@pytest.fixture(scope="module")
def found(decimated: Any) -> Any:
    """A few sources on the cortex of a recording, in loose orientation."""
    return localize(*decimated, alpha=55, verbose=False)


def whitened(found: Any, fields: Any, info: Any) -> Any:
    """Fields of the channels used, whitened by MNE."""
    whitener = mne.cov.compute_whitener(found.model.noise_cov, info, pca=True, picks=None)[0]
    return whitener @ fields


def test_courses_along_orientations_explain_the_data(found: Any, decimated: Any) -> None:
    """In head coordinates: fields of MNE's own forward solution, before it was turned."""
    evoked, forward, _ = decimated
    free = mne.convert_forward_solution(forward, surf_ori=False)
    names = found.info["ch_names"]
    rows = [free["sol"]["row_names"].index(name) for name in names]
    blocks = free["sol"]["data"][rows].reshape(len(rows), -1, 3)[:, found.active]
    picked = mne.pick_info(evoked.info, [evoked.ch_names.index(name) for name in names])
    fields = np.einsum("isk,sk,st->it", blocks, found.orientations, found.courses)
    data = evoked.copy().pick(names).data
    residual = whitened(found, data - fields, picked)
    columns = whitened(found, blocks.reshape(len(rows), -1), picked)
    data = whitened(found, data, picked)
    free_residual = data - columns @ np.linalg.lstsq(columns, data, rcond=None)[0]
    lost = (np.sum(residual**2) - np.sum(free_residual**2)) / np.sum(data**2)
    assert found.loss_of_fit == pytest.approx(lost, rel=1e-4)
    assert 0 < lost < 0.2
    np.testing.assert_allclose(np.linalg.norm(found.orientations, axis=1), 1)


@pytest.mark.parametrize("loose", [0.2, 1.0])
def test_current_flows_out_of_the_cortex_where_the_course_is_positive(
    decimated: Any, loose: float
) -> None:
    """Along the normal that MNE takes for fixed orientation, the mean over a patch."""
    found = localize(*decimated, alpha=55, loose=loose, verbose=False)
    fixed = mne.convert_forward_solution(decimated[1], surf_ori=True, force_fixed=True)
    cosines = np.sum(fixed["source_nn"][found.active] * found.orientations, axis=1)
    assert np.all(cosines > 0)
    np.testing.assert_allclose(found.angles_to_normal, np.degrees(np.arccos(cosines)), atol=1e-4)
    assert found.courses.min() < 0 < found.courses.max()


def test_fixed_orientation_is_the_normal(decimated: Any) -> None:
    """The angle is 0, the loss 0, and the course least squares."""
    found = localize(*decimated, alpha=55, loose=0.0, verbose=False)
    np.testing.assert_array_equal(found.orientations, found.forward["source_nn"][found.active])
    np.testing.assert_allclose(found.angles_to_normal, 0, atol=1e-5)
    np.testing.assert_allclose(found.courses, np.linalg.pinv(found.gain) @ found.data, rtol=1e-6)
    assert found.loss_of_fit == 0


def test_a_volume_has_no_normal(simulated: Any) -> None:
    """Each course is positive at its peak, and no angle is known."""
    found = localize(*simulated, alpha=20, verbose=False)
    assert np.isnan(found.angles_to_normal).all()
    assert np.all(found.courses.max(axis=1) == np.abs(found.courses).max(axis=1))
    assert np.all(found.loss_of_fit < 0.1)
    empty = simulated[0].copy()
    empty.data[:] = 0
    with pytest.warns(RuntimeWarning, match="No active dipoles"):
        none = localize(empty, *simulated[1:], alpha=20, verbose=False)
    assert none.orientations.shape == (0, 3)
    assert none.courses.shape == (0, len(empty.times))
    assert source_table(none) == []


@pytest.mark.parametrize("loose", [{"surface": 0.2, "discrete": 1.0}, 1.0])
def test_a_mixed_source_space_has_normals_on_its_cortex(mixed: Any, loose: Any) -> None:
    """And none in its volume, whether MNE turns the axes or not."""
    forward = localize(*mixed, alpha=70, loose=loose, verbose=False).forward
    assert forward["surf_ori"] == (loose != 1.0)
    on_cortex = np.arange(forward["nsource"]) < sum(one["nuse"] for one in forward["src"][:2])
    lengths = np.linalg.norm(normals_in_head(forward, 3), axis=1)
    np.testing.assert_allclose(lengths[on_cortex], 1, rtol=1e-6)
    assert np.isnan(lengths[~on_cortex]).all()
    assert not on_cortex.all()


def test_directions_are_turned_not_moved() -> None:
    """A forward solution in MRI coordinates, whose transform is given either way."""
    turn = np.array([[0.0, -1, 0, 0.1], [1, 0, 0, 0.2], [0, 0, 1, 0.3], [0, 0, 0, 1]])
    to_head = mne.transforms.Transform("mri", "head", turn)
    for transform in (to_head, mne.transforms.invert_transform(to_head)):
        forward = {"coord_frame": 5, "mri_head_t": transform}
        turned = to_head_coordinates(forward, np.array([[1.0, 0, 0]]), move=False)
        np.testing.assert_allclose(turned, [[0, 1, 0]], atol=1e-12)
        moved = to_head_coordinates(forward, np.array([[1.0, 0, 0]]))
        np.testing.assert_allclose(moved, [[0.1, 1.2, 0.3]], atol=1e-12)


def test_the_first_label_names_a_vertex(decimated: Any) -> None:
    """On its hemisphere only; without a label there is no name."""
    src = decimated[1]["src"]
    left, right = src[0]["vertno"], src[1]["vertno"]
    labels = [
        mne.Label(left[:3], hemi="lh", name="first-lh"),
        mne.Label(left[2:5], hemi="lh", name="second-lh"),
        mne.Label(np.union1d(left[:9], right[1:2]), hemi="rh", name="other-rh"),
    ]
    names = region_names(src, labels)
    assert names[:6] == 3 * ["first-lh"] + 2 * ["second-lh"] + [""]
    on_right = names[len(left) :]
    assert on_right[1] == "other-rh"
    expected = np.isin(right, labels[2].vertices)
    assert [bool(name) for name in on_right] == expected.tolist()


def test_names_of_all_locations_are_names_of_the_sources(found: Any) -> None:
    """In the table, for people and in files; without names there is no column for people."""
    labels = np.load(DATA / "cortex-1000-labels.npz")
    everywhere = np.concatenate([labels["lh_aparc"], labels["rh_aparc"]])
    named = found.with_regions(everywhere)
    assert named.regions == everywhere[found.active].tolist()
    assert found.regions is None
    for row in source_table(named):
        assert row.region == named.regions[row.index]
        assert row.region in row_texts(row)
    assert "region" in format_table(source_table(named)).splitlines()[0]
    plain = source_table(found)
    assert "region" not in format_table(plain) and "MNI" not in format_table(plain)
    assert len(row_texts(plain[0])) == len(COLUMNS)


@pytest.mark.parametrize(
    ("labels", "error", "words"),
    [
        (["a", "b"], ValueError, "labels has 2 names, but there are 1000 locations"),
        ([1, 2], TypeError, "mne.read_labels_from_annot"),
        (7, TypeError, "mne.read_labels_from_annot"),
        ("aparc", ValueError, "subjects_dir is None"),
    ],
)
def test_labels_that_do_not_fit_are_refused(
    decimated: Any, labels: Any, error: type[Exception], words: str
) -> None:
    """With what to give."""
    with pytest.raises(error, match=words):
        region_names(decimated[1]["src"], labels)


def test_labels_of_another_subject_are_refused(decimated: Any) -> None:
    """Their vertex numbers are those of another surface."""
    label = mne.Label([1], hemi="lh", name="there", subject="fsaverage")
    with pytest.raises(ValueError, match="of subject fsaverage, but the source space is of sample"):
        region_names(decimated[1]["src"], [label])


#: A made-up affine transform to MNI coordinates, in mm, and the middle of the volume in scanner
#: coordinates, which FreeSurfer's surfaces do not know.
AFFINE = np.array([[1.1, 0.02, 0, -3.0], [0, 0.9, 0.1, 5.0], [0.05, 0, 1.2, 7.0]])
CENTRE = np.array([4.0, -6.0, 8.0])


@pytest.fixture(scope="module")
def subjects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stand-in for FreeSurfer's folder of a subject: a transform and the head of an image."""
    folder = tmp_path_factory.mktemp("subjects")
    transforms = folder / "sample" / "mri" / "transforms"
    transforms.mkdir(parents=True)
    rows = "\n".join(" ".join(map(str, row)) for row in AFFINE)
    (transforms / "talairach.xfm").write_text(
        f"MNI Transform File\n% made up\n\nTransform_Type = Linear;\nLinear_Transform =\n{rows};\n"
    )
    head = np.array([1, 256, 256, 256, 1, 3, 0], ">i4").tobytes() + np.array(1, ">i2").tobytes()
    axes = [1, 1, 1, -1, 0, 0, 0, 0, -1, 0, 1, 0]
    head += np.array([*axes, *CENTRE], ">f4").tobytes()
    with gzip.open(transforms.parent / "orig.mgz", "wb") as file:
        file.write(head + bytes(284 - len(head)))
    return folder


def test_mni_coordinates(found: Any, subjects: Path) -> None:
    """From the head to the MRI, to the scanner, to MNI, for cortex and volume."""
    known = found.with_regions(subjects_dir=subjects)
    to_mri = np.linalg.inv(found.forward["mri_head_t"]["trans"])
    rr = found.forward["source_rr"][found.active]
    scanner = 1000 * (rr @ to_mri[:3, :3].T + to_mri[:3, 3]) + CENTRE
    np.testing.assert_allclose(known.mni, scanner @ AFFINE[:, :3].T + AFFINE[:, 3], atol=1e-3)
    rows = source_table(known)
    texts = dict(zip([one.name for one in COLUMNS], row_texts(rows[0]), strict=True))
    assert float(texts["y_mni_mm"]) == pytest.approx(known.mni[rows[0].index][1], abs=0.051)
    assert "MNI x" in format_table(rows).splitlines()[0]


def test_without_a_transform_mni_coordinates_are_unknown(found: Any, tmp_path: Path) -> None:
    """A folder of the subject is needed all the same."""
    with pytest.raises(ValueError, match="has no folder 'sample'"):
        found.with_regions(subjects_dir=tmp_path)
    (tmp_path / "sample").mkdir()
    assert found.with_regions(subjects_dir=tmp_path).mni is None
    (tmp_path / "other").mkdir()
    assert found.with_regions(subjects_dir=tmp_path, subject="other").mni is None
    with pytest.raises(ValueError, match=r"no file .*lh\.aparc\.annot and no .*rh"):
        found.with_regions("aparc", tmp_path)


def test_a_parcellation_is_read(found: Any, tmp_path: Path) -> None:
    """Annotation files on a stand-in surface, of even and of odd vertices."""
    pytest.importorskip("nibabel")
    labels = []
    for space, side in zip(found.forward["src"], ("lh", "rh"), strict=True):
        n = int(space["vertno"].max()) + 1
        (tmp_path / "sample" / "surf").mkdir(parents=True, exist_ok=True)
        (tmp_path / "sample" / "label").mkdir(exist_ok=True)
        points = np.random.default_rng(0).standard_normal((n, 3))
        triangles = np.array([[0, 1, 2]])
        mne.write_surface(tmp_path / "sample" / "surf" / f"{side}.white", points, triangles)
        for part, name, colour in ((0, "even", 0.2), (1, "odd", 0.8)):
            vertices = np.arange(part, n, 2)
            rgba = (colour, 0.5, 0.5, 1)
            labels.append(mne.Label(vertices, hemi=side, name=f"{name}-{side}", color=rgba))
    mne.write_labels_to_annot(labels, "sample", "parity", subjects_dir=tmp_path, verbose="ERROR")
    names = found.with_regions("parity", tmp_path).regions
    vertices = np.concatenate([space["vertno"] for space in found.forward["src"]])[found.active]
    assert [name[:-3] for name in names] == ["odd" if one % 2 else "even" for one in vertices]


def test_a_parcellation_needs_nibabel(
    found: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By which MNE reads it; the error names the package."""
    folder = tmp_path / "sample" / "label"
    folder.mkdir(parents=True)
    for side in ("lh", "rh"):
        (folder / f"{side}.aparc.annot").write_bytes(b"")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install nibabel"):
        found.with_regions("aparc", tmp_path)


@pytest.fixture(scope="module")
def bilateral(simulated: Any) -> Any:
    """Two sources in the sphere that MNE takes by default."""
    return localize(*simulated, alpha=20, n_mxne_iter=10, verbose=False)


def test_the_true_orientation_is_found(bilateral: Any) -> None:
    """But for its radial part, which MEG is blind to in a sphere; with the true sign."""
    forward = bilateral.forward
    for truth, location in zip(TRUE_SOURCES, true_locations(forward), strict=True):
        true = np.array(truth.direction)
        block = forward["sol"]["data"][:, 3 * location : 3 * location + 3]
        silent = np.linalg.svd(block)[2][2]
        seen = true - silent * (silent @ true)
        nearest = np.linalg.norm(
            forward["source_rr"][bilateral.active] - forward["source_rr"][location], axis=1
        ).argmin()
        found = bilateral.orientations[nearest]
        assert np.degrees(np.arccos(found @ seen / np.linalg.norm(seen))) < 15
        assert abs(found @ silent) < 1e-3


def test_a_dipole_finds_a_source_where_the_other_is_gone(bilateral: Any) -> None:
    """It is at the true place, and explains without noise all that the other leaves."""
    rows = source_table(bilateral)
    assert sorted(row.hemisphere for row in rows) == ["left", "right"]
    places = bilateral.forward["source_rr"][true_locations(bilateral.forward)]
    true = np.array([places[int(row.hemisphere == "right")] for row in rows])
    times = bilateral.evokeds[0].times
    samples = [int(np.argmin(np.abs(1000 * times - row.peak_time))) for row in rows]
    indices = [row.index for row in rows]
    bem, words = head_model(bilateral)
    assert "90 mm around (0, 0, 40) mm, MNE's default" in words
    _, without = fit_dipoles(bilateral, 0, indices, samples, bem)
    # The sphere of the simulation has its centre some millimetres from the default.
    assert np.all(np.linalg.norm(without.positions - true, axis=1) < 0.005)

    explained = bilateral.evokeds[0].copy()
    explained.data -= bilateral.residual().data
    alone, without = fit_dipoles(replace(bilateral, evokeds=[explained]), 0, indices, samples, bem)
    assert np.all(without.values > 95)
    assert np.all(alone.values < 90)


def test_dspm_is_that_of_mne(bilateral: Any, simulated: Any) -> None:
    """Its largest value at a time, among the locations asked for."""
    evoked, forward, noise_cov = simulated
    operator = mne.minimum_norm.make_inverse_operator(evoked.info, forward, noise_cov)
    stc = mne.minimum_norm.apply_inverse(evoked, operator, 1 / 9, "dSPM")
    x = forward["source_rr"][:, 0]
    among = [x < 0, x > 0, x > -1]
    peaks = find_dspm_peaks(bilateral, 0, [3, 9, 12], among)
    for column, (sample, allowed) in enumerate(zip([3, 9, 12], among, strict=True)):
        values = stc.data[allowed, sample]
        assert peaks.values[column] == pytest.approx(values.max(), rel=1e-6)
        expected = forward["source_rr"][allowed][values.argmax()]
        np.testing.assert_allclose(peaks.positions[column], expected, atol=1e-9)


def test_a_method_that_fails_says_why(bilateral: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The report has the others."""
    shown = Shown(bilateral)

    def failing(*_: Any, **__: Any) -> None:
        raise RuntimeError("the head <is> flat")

    monkeypatch.setattr("mxne_rs.results.other_methods.fit_dipoles", failing)
    html = other_methods(shown)
    assert "No dipoles: RuntimeError: the head &lt;is&gt; flat." in html
    assert "dSPM peak (mm)" in html and "dipole (mm)" not in html
    monkeypatch.setattr("mxne_rs.results.other_methods.find_dspm_peaks", failing)
    html = other_methods(shown)
    assert "No dSPM: RuntimeError" in html and "dSPM peak (mm)" not in html


def test_tables_leave_out_orientations_of_many_sources(monkeypatch):
    """Unshrunk least squares on a large support fits noise: its cells are empty."""
    from mxne_rs.results import table

    result = localize(*simulate_auditory(spacing=20.0), alpha=20, n_mxne_iter=5, verbose=False)
    assert all(np.isfinite([row.course_peak, row.loss]).all() for row in source_table(result))
    monkeypatch.setattr(table, "MAX_REFITTED", 1)
    assert all(np.isnan([row.course_peak, row.loss]).all() for row in source_table(result))
