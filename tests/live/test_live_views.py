"""The views of the sources: left is left, units are said, one scale, one sign, in both."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mxne_rs
from mxne_rs.live import Monitor, Update
from mxne_rs.live.courses import signed_courses, signed_peaks
from mxne_rs.live.page import PageView
from mxne_rs.live.terminal import BARS, TerminalView, sparkline
from test_live import recording


def test_sparkline() -> None:
    assert sparkline([]) == "" and sparkline([0, 0]) == "▁▁" and sparkline([-1, 7, 14]) == "▁▅█"
    assert sparkline([7, 14], largest=14) == "▅█" and sparkline([7, 14], largest=28) == "▃▅"


@pytest.fixture
def page() -> Any:
    gain, data = recording(600)
    positions = np.random.default_rng(2).uniform(-0.08, 0.08, (120, 3))
    monitor = Monitor(
        mxne_rs.Stream(gain, 50, alpha=30), lambda update: view(update), max_waiting=99
    )
    view = PageView(monitor, positions, sfreq=100.0)
    monitor.push(data)
    monitor.wait()
    yield view
    view.close()
    monitor.close()


def test_page_serves_what_was_found_to_this_computer_only(page: PageView) -> None:
    state = json.load(urllib.request.urlopen(page.url + "state.json"))
    assert 33 in state["windows"][-1]["locations"] and state["counts"]["windows"] == 23
    outline = json.load(urllib.request.urlopen(page.url + "outline.json"))
    assert len(outline["positions"]) == 120
    x = np.array(outline["positions"])[:, 0]
    assert [side == "left" for side in outline["sides"]] == (x < -1).tolist()
    page_text = urllib.request.urlopen(page.url).read().decode()
    assert "Sparse sources, live" in page_text and "nAm" in page_text and "50 mm" in page_text
    for path, host in (("secret", "127.0.0.1"), ("", "evil.example")):
        request = urllib.request.Request(page.url + path, headers={"Host": host})
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(request)


def test_page_in_a_browser(page: PageView, tmp_path: Path) -> None:
    """The page draws: head, source, time course, table, in headless Chromium."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    browser = next((path for name in names if (path := shutil.which(name))), None)
    if browser is None:
        pytest.skip("no Chromium here")
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}",
        "--window-size=1300,900", "--virtual-time-budget=4000",
    ]  # fmt: skip
    shot = tmp_path / "page.png"
    done = subprocess.run(
        [*command, "--dump-dom", page.url], capture_output=True, text=True, timeout=600
    )
    assert 'data-drawn="yes"' in done.stdout
    assert " explain" in done.stdout and "</span>33" in done.stdout.replace("● ", "</span>")
    subprocess.run([*command, f"--screenshot={shot}", page.url], capture_output=True, timeout=600)
    pytest.importorskip("matplotlib", reason="no matplotlib here to read the screenshot with")
    import matplotlib.image

    picture = matplotlib.image.imread(shot)[..., :3]
    blue = np.array([0x00, 0x72, 0xB2]) / 255  # the colour of the strongest source
    assert (np.abs(picture - blue).max(axis=2) < 0.15).sum() > 200
    grey = (np.ptp(picture, axis=2) < 0.02) & (picture[..., 0] > 0.7) & (picture[..., 0] < 0.95)
    assert grey.sum() > 300  # the outline


def two_sources(n_orient: int = 1) -> tuple[Update, Any, Any]:
    """A window with a negative strong source at the left, a positive weak one at the right."""
    rng = np.random.default_rng(0)
    gain = rng.standard_normal((20, 30 * n_orient))
    truth = np.zeros((30, n_orient, 50))
    course = np.hanning(50)
    truth[3, -1], truth[20, -1] = -40e-9 * course, 10e-9 * course
    data = gain @ truth.reshape(-1, 50)
    estimate = mxne_rs.Stream(gain, 50, alpha=1, n_orient=n_orient, tol=1e-8).update(data)
    positions = rng.uniform(-0.08, 0.08, (30, 3))
    positions[3] = -0.05, 0.01, 0.06
    positions[20] = 0.05, 0.02, 0.07
    return Update(estimate, 0, 0.05, 0.001, data[:, -1]), positions, truth


@pytest.mark.parametrize("n_orient", [1, 3])
def test_courses_have_the_sign_of_the_last_component(n_orient: int) -> None:
    update, _, truth = two_sources(n_orient)
    estimate = update.estimate
    courses = dict(zip(estimate.locations.tolist(), signed_courses(estimate), strict=True))
    for location in (3, 20):
        assert np.allclose(courses[location], truth[location, -1], atol=3e-9)
    # The length of the course is that of the moment where the direction does not turn.
    lengths = np.abs(signed_courses(estimate)).max(axis=1)
    assert np.allclose(lengths, estimate.amplitudes().max(axis=1), atol=3e-9)


class Counted:
    """A monitor that the views may ask for its counts."""

    def __init__(self) -> None:
        self.stream = mxne_rs.Stream(np.eye(3), 50)
        with Monitor(self.stream) as monitor:
            self.statistics = monitor.statistics


def test_both_views_say_the_same_peaks_with_sign_side_and_unit() -> None:
    pytest.importorskip("rich", reason="no rich here: pip install 'mxne-rs[stream]'")
    update, positions, _ = two_sources()
    monitor: Any = Counted()
    terminal = TerminalView(monitor, positions)
    view = PageView(monitor, positions, sfreq=1000.0)
    try:
        terminal(update)
        view(update)
        window = view.state()["windows"][0]
        sides = view.outline()["sides"]
    finally:
        view.close()
    table = terminal.table()
    columns = {str(c.header): list(c.cells) for c in table.columns}
    locations, peaks = columns["location"], columns["peak (nAm)"]
    assert locations[:2] == ["3", "20"] and columns["side"][:2] == ["left", "right"]
    assert [float(peak) for peak in peaks[:2]] == pytest.approx([-40, 10], abs=3)
    assert columns["x, y, z (mm)"][0].split() == ["-50", "10", "60"]
    assert "positive points out of the cortex" in table.caption and table.columns
    by_location = dict(zip(window["locations"], window["peaks"], strict=True))
    expected = signed_peaks(signed_courses(update.estimate))
    assert list(by_location.values()) == expected.tolist()
    for location, peak in zip(locations, peaks, strict=True):
        assert f"{1e9 * by_location[int(location)]:.1f}" == peak
    assert [sides[int(location)] for location in locations[:2]] == ["left", "right"]
    # One scale: the source that is a quarter as strong has bars a quarter as high.
    header, bars = next((h, cells) for h, cells in columns.items() if h.startswith("|peak|"))
    assert "nAm" in header and bars[0][-1] == BARS[-1] and BARS.index(bars[1][-1]) <= 3
