"""Tables and pictures: what a column, a colour and a mark say, and that it is said beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

mne = pytest.importorskip("mne", minversion="1.12")
pytest.importorskip("matplotlib")

from mxne_rs import localize, localize_path  # noqa: E402
from mxne_rs.results import draw_path as path_picture  # noqa: E402
from mxne_rs.results.draw_localization import draw  # noqa: E402
from mxne_rs.results.draw_path import draw_path  # noqa: E402
from mxne_rs.results.table import columns_for, format_table, legend, source_table  # noqa: E402


@pytest.fixture(scope="module")
def simulated(simulated: Any) -> Any:
    """Return the simulated response around its peak."""
    evoked, forward, noise_cov = simulated
    return evoked.crop(0.08, 0.12), forward, noise_cov


@pytest.fixture(scope="module")
def found(simulated: Any) -> Any:
    """MxNE with some weak sources beside the two strong ones."""
    return localize(*simulated, alpha=20, verbose=False)


@pytest.mark.parametrize(("loose", "debias"), [(0.0, True), (1.0, True), (1.0, False)])
def test_a_drop_is_what_leaving_the_source_out_costs(
    simulated: Any, loose: float, debias: bool
) -> None:
    """Explained variance with all sources, less that with one set to zero and the others kept."""
    found = localize(*simulated, alpha=20, loose=loose, debias=debias, verbose=False)

    def explained(amplitudes: Any) -> float:
        residual = found.data - found.gain @ amplitudes
        return 1 - float(np.sum(residual**2) / np.sum(found.data**2))

    dipoles = found.dipoles()
    rows = source_table(found, dipoles=dipoles)
    assert len(rows) >= 2
    for row in rows:
        without = found.amplitudes.copy().reshape(len(rows), found.n_orient, -1)
        without[row.index] = 0
        cost = found.explained_variance - explained(without.reshape(found.amplitudes.shape))
        assert row.drop == pytest.approx(cost, abs=1e-11)
        peak = np.argmax(np.abs(dipoles[row.index].amplitude))
        assert row.mne_gof == dipoles[row.index].gof[peak]
    heading, *_ = format_table(rows).splitlines()
    assert "drop (%)" in heading and "MNE gof (%)" in heading and " gof" not in heading[:70]
    meanings = legend(columns_for(rows, terminal=True))
    assert len(meanings) > 3
    assert format_table(rows).splitlines()[-len(meanings) :] == meanings


def test_the_drop_of_silence_is_zero(simulated: Any) -> None:
    """No power, nothing to lose."""
    evoked, forward, noise_cov = simulated
    silent = evoked.copy()
    silent.data[:] = 0
    with pytest.warns(RuntimeWarning, match="No active dipoles"):
        assert localize(silent, forward, noise_cov, 50, verbose=False).drops.shape == (0,)


def test_a_path_colours_what_lasts(simulated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The source that is there from the first alpha on has the first colour, however weak."""
    path = localize_path(*simulated, [80, 60, 40, 20], verbose=False)
    late = {location: np.array([0.0, 0, 0, 100 + location]) for location in range(9)}
    courses = {**late, 9: np.array([1.0, 1, 1, 1]), 10: np.array([0, 2.0, 2, 2])}
    courses[11] = np.array([0, 3.0, 3, 3])
    names = {location: f"left {location}" for location in courses}
    monkeypatch.setattr(path_picture, "_amplitudes", lambda _: (courses, names))
    legend = draw_path(path).axes[2].get_legend()
    labels = [text.get_text() for text in legend.get_texts()]
    expected = [9, 11, 10, 8, 7, 6, 5]
    assert labels == [f"left {location}" for location in expected] + ["5 others"]


def test_the_first_to_appear_has_a_colour(simulated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source of the largest alphas, whose place neighbours take at all the others."""
    path = localize_path(*simulated, [80, 60, 40, 20], verbose=False)
    courses = {location: np.array([0.0, 0, 5, 5]) for location in range(9)}
    courses[9] = np.array([1.0, 0, 0, 0])
    names = {location: f"left {location}" for location in courses}
    monkeypatch.setattr(path_picture, "_amplitudes", lambda _: (courses, names))
    legend = draw_path(path).axes[2].get_legend()
    assert "left 9" in [text.get_text() for text in legend.get_texts()]


def test_marks_and_colours_are_explained_in_the_picture(found: Any, simulated: Any) -> None:
    """A caption names them, and fits below the panels."""
    path = localize_path(*simulated, [80, 20], verbose=False)
    for figure, words in (
        (draw(found), ("stick", "area", "blue", "red", "grey")),
        (draw_path(path), ("Coloured", "grey", "Crosses", "largest number of alphas")),
    ):
        figure.draw_without_rendering()
        (caption,) = [text for text in figure.texts if words[0] in text.get_text()]
        for word in words:
            assert word in caption.get_text()
        box = caption.get_window_extent()
        assert 0 < box.x0 < box.x1 < figure.bbox.x1 and box.y0 > 0
        renderer = figure.canvas.get_renderer()
        assert box.y1 < min(axes.get_tightbbox(renderer).y0 for axes in figure.axes)
