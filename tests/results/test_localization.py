"""What users work with: one object with table, picture, report and files, read back whole."""

from __future__ import annotations

import sys
import warnings
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mxne_rs
from mxne_rs import Localization, LocalizationPath, localize, localize_gamma, localize_tf
from mxne_rs.results.localize import localize_path

mne = pytest.importorskip("mne", minversion="1.12")
pytest.importorskip("matplotlib")

from mxne_rs.simulate import simulate_auditory  # noqa: E402

Inputs = tuple[Any, Any, Any]


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    """A simulated response around its peaks."""
    evoked, forward, noise_cov = simulate_auditory(spacing=20.0)
    return evoked.crop(0.06, 0.15), forward, noise_cov


@pytest.fixture(scope="module")
def conditions(inputs: Inputs) -> list[Any]:
    """Two conditions, of different length and sign."""
    first, second = inputs[0].copy(), inputs[0].copy().crop(0.09, 0.12)
    second.data *= -1
    first.comment, second.comment = "tones <b>", "clicks $x$"
    return [first, second]


@pytest.fixture(scope="module")
def found(inputs: Inputs) -> Localization:
    return localize(*inputs, verbose=False)


def test_outputs_are_those_of_mixed_norm(inputs: Inputs, found: Localization) -> None:
    """The drop-in with the same settings gives the same estimate, dipoles and residual."""
    same = {"depth": 1.0, "n_mxne_iter": 100, "amplitude_unit": "relative", "tol": 1e-6}
    options = {**same, "maxit": 10_000, "verbose": False}
    stc, residual = mxne_rs.mixed_norm(*inputs, "sqrt", return_residual=True, **options)
    np.testing.assert_array_equal(found.estimate().data, stc.data)
    np.testing.assert_array_equal(found.residual().data, residual.data)
    dipoles = mxne_rs.mixed_norm(*inputs, "sqrt", return_as_dipoles=True, **options)
    for one, other in zip(found.dipoles(), dipoles, strict=True):
        np.testing.assert_array_equal(one.amplitude, other.amplitude)


def test_it_shows_its_table(found: Localization) -> None:
    """Printed, in a notebook, and as a data frame: the same sources."""
    pandas = pytest.importorskip("pandas")
    table = found.table()
    assert isinstance(table, pandas.DataFrame) and len(table) == found.active.sum() == 2
    dipoles = found.dipoles()
    assert table["peak_amplitude_nam"].max() == pytest.approx(
        1e9 * max(float(np.abs(one.amplitude).max()) for one in dipoles)
    )
    for text in (str(found), found._repr_html_()):
        for vertex in table["vertex"]:
            assert str(vertex) in text
        assert "chosen by sqrt" in text and "relative gap" in text
    assert "<table" in found._repr_html_()


def test_without_pandas_a_table_is_a_list(
    found: Localization, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = list(found.table())
    monkeypatch.setitem(sys.modules, "pandas", None)
    rows = found.table()
    assert isinstance(rows, list) and list(rows[0]) == names


def test_conditions_by_number_and_name(inputs: Inputs, conditions: list[Any]) -> None:
    """Each has its own outputs; sources are shared; the second is the first turned over."""
    both = localize(conditions, *inputs[1:], alpha=30, n_mxne_iter=1, verbose=False)
    first, second = both.estimate(0), both.estimate("clicks $x$")
    assert len(first.times) == len(conditions[0].times)
    np.testing.assert_allclose(second.times, conditions[1].times, atol=1e-9)
    assert [len(both.dipoles(k)) for k in (0, 1)] == 2 * [int(both.active.sum())]
    assert both.residual(1).data.shape == conditions[1].data.shape
    field = both.model.whiten(conditions[1]) - both.model.whiten(both.residual(1))
    explained = both.gain @ both.amplitudes[:, both.samples(1)]
    np.testing.assert_allclose(field, explained, atol=1e-6 * np.abs(explained).max())
    assert "tones &lt;b&gt;" in both._repr_html_() and "clicks $x$" in str(both)
    for wrong in (2, -3, "noise", True, None):
        with pytest.raises(ValueError, match=r"condition is .*'tones <b>', 'clicks \$x\$'"):
            both.estimate(wrong)


def test_picture_of_one_panel(found: Localization, tmp_path: Path) -> None:
    """`ax` gets the time courses, `path` a file; the figure comes back."""
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots(1, 2)
    assert found.plot(ax=axes[0], path=tmp_path / "one.png") is figure
    assert len(axes[0].get_lines()) >= 2 and not axes[1].get_lines()
    assert (tmp_path / "one.png").stat().st_size > 1000
    whole = found.plot(path=tmp_path / "all.svg")
    assert len(whole.axes) > 4 and (tmp_path / "all.svg").exists()


def same(one: Any, other: Any) -> bool:
    """Whether two values of fields are the same to the bit."""
    if hasattr(one, "__dataclass_fields__"):
        return all(same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    if isinstance(one, np.ndarray):
        return bool(one.dtype == other.dtype and np.array_equal(one, other, equal_nan=True))
    return bool(one == other)


def solved(inputs: Inputs, kind: str) -> Localization:
    """A localization of each kind that has something of its own to store."""
    evoked, forward, noise_cov = inputs
    quiet = {"verbose": False}
    if kind == "sure":
        grid = [80, 40, 20]
        return localize(*inputs, "sure", sure_alpha_grid=grid, n_mxne_iter=1, **quiet)
    if kind == "time-frequency":
        return localize_tf(*inputs, 40, 0.05, wsize=[16, 8], tstep=[4, 2], **quiet)
    if kind == "gamma-MAP":
        return localize_gamma(*inputs, 0.5, **quiet)
    if kind == "weights":
        weights = np.linspace(0, 1, forward["nsource"])
        return localize(*inputs, 20, weights=weights, weights_min=0.1, rank={"meg": 200}, **quiet)
    if kind == "regions":
        names = ["left" if x < 0 else "right" for x in forward["source_rr"][:, 0]]
        return localize(*inputs, 20, **quiet).with_regions(names)
    return localize([evoked, evoked.copy().crop(0.09, 0.11)], forward, noise_cov, 20, **quiet)


@pytest.mark.parametrize(
    "kind", ["sure", "time-frequency", "gamma-MAP", "weights", "regions", "conditions"]
)
def test_what_is_saved_is_read_back(inputs: Inputs, tmp_path: Path, kind: str) -> None:
    """Every number to the bit; the model as well as single precision of MNE's files holds it."""
    with warnings.catch_warnings():
        # SURE doubts three alphas; MNE dislikes the names of the files.
        warnings.simplefilter("ignore", RuntimeWarning)
        found = solved(inputs, kind)
        found.save(tmp_path)
        again = Localization.read(tmp_path)
    assert same(found.solution, again.solution)
    for name in ("amplitudes", "factors", "gain", "data", "active"):
        assert same(getattr(found, name), getattr(again, name)), name
    assert again.left_out == found.left_out and again.regions == found.regions
    assert again.settings.keys() == found.settings.keys()
    assert [one.comment for one in again.evokeds] == [one.comment for one in found.evokeds]
    for one, other in zip(again.dipoles(-1), found.dipoles(-1), strict=True):
        np.testing.assert_array_equal(one.amplitude, other.amplitude)
        np.testing.assert_allclose(one.pos, other.pos, atol=1e-6)
    rows = zip(again.table().to_dict("records"), found.table().to_dict("records"), strict=True)
    for row, expected in rows:
        for name, value in expected.items():
            close = value == row[name] or np.isclose(row[name], value, 1e-5, 1e-5, equal_nan=True)
            assert close, name
    np.testing.assert_allclose(again.model.weighting, found.model.weighting, rtol=1e-5)


def test_a_folder_without_inputs_says_what_is_missing(found: Localization, tmp_path: Path) -> None:
    found.save(tmp_path, with_inputs=False)
    assert (tmp_path / "sources.tsv").exists()
    assert not list(tmp_path.glob("*-fwd.fif"))
    with pytest.raises(ValueError, match=r"has no data-ave\.fif; give one .*with_inputs=True"):
        Localization.read(tmp_path)
    with pytest.raises(ValueError, match=r"folder is .*nowhere"):
        Localization.read(tmp_path / "nowhere")


def test_a_folder_that_is_a_file(found: Localization, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(OSError, match=r"folder .*taken is a file; give a folder"):
        found.save(tmp_path / "taken")
    assert (tmp_path / "taken").read_text() == "mine"


def test_path_is_a_sequence_that_is_saved(inputs: Inputs, tmp_path: Path) -> None:
    """Slices are paths; the nearest alpha is found; all is read back."""
    path = localize_path(*inputs, [80, 40, 20], verbose=False)
    assert isinstance(path, LocalizationPath) and isinstance(path[0], Localization)
    assert isinstance(path[1:], LocalizationPath) and len(path[1:]) == 2
    assert path.at(35) is path[1]
    assert repr(path[5:]) == "<LocalizationPath: no alphas>"
    assert list(path.table()["n_sources"]) == [int(one.active.sum()) for one in path]
    assert "80" in str(path) and "<table" in path._repr_html_()
    path.save(tmp_path)
    again = LocalizationPath.read(tmp_path)
    assert all(same(a.solution, b.solution) for a, b in zip(again, path, strict=True))
    assert (tmp_path / "path.png").exists()


def test_settings_are_those_of_the_call(inputs: Inputs, found: Localization) -> None:
    """Defaults included; what a report shows of them are numbers."""
    from mxne_rs.results.provenance import describe_data, describe_settings

    assert found.settings["alpha"] == "sqrt" and found.settings["depth"] == 1.0
    shown = dict(describe_settings(found))
    assert shown["alpha"] == f"{found.alpha:.6g} % (chosen by sqrt)"
    assert shown["loose"] == "1 (auto)"
    assert float(shown["amplitude_unit"].split()[0]) == pytest.approx(
        found.solution.amplitude_unit, rel=1e-5
    )
    data = dict(describe_data(found))
    assert data["channels"] == "204 grad, 102 mag"
    assert data["sampling rate"] == f"{inputs[0].info['sfreq']:g} Hz"
    assert data["rank"].endswith("306 in all")
