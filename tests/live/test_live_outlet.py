"""The outlet says itself what it publishes, and publishes that."""

from __future__ import annotations

import numpy as np
import pytest

from mxne_rs.command import parse
from mxne_rs.live.outlet import LAYOUT, Outlet
from streams import listening, unique, until
from test_live_views import two_sources

#: Conditions are waited for as long as a busy machine needs.
pytestmark = pytest.mark.timeout(0)


def test_outlet_describes_its_channels_and_publishes_them(capsys) -> None:
    update, positions, truth = two_sources()
    name = unique("sources")
    outlet = Outlet(name, positions, rate=20.0)
    with listening(name) as inlet:
        info = inlet.get_sinfo()
        names, units = info.get_channel_names(), info.get_channel_units()
        assert names[:5] == ["amplitude0", "x0", "y0", "z0", "amplitude1"]
        assert units[:5] == ["Am", "m", "m", "m", "Am"]
        assert (names[-2:], units[-2:]) == (["gap", "latency"], ["none", "s"])
        assert info.desc.child("layout").first_child().value() == LAYOUT
        assert info.sfreq == 20.0 and len(names) == 66

        def pushed():
            outlet(update)
            return inlet.pull_chunk(timeout=0.1)[0].tolist()

        sample = np.array(until(pushed, "a sample of the outlet")[0])
    mean = np.abs(truth[[3, 20], 0, 25:]).mean(axis=1)
    assert np.allclose(sample[[0, 4]], mean, rtol=0.05)
    assert np.allclose(sample[[1, 2, 3]], positions[3])
    assert np.allclose(sample[[5, 6, 7]], positions[20])
    assert np.isclose(sample[-1], update.latency) and 0 <= sample[-2] <= 1e-8
    with pytest.raises(SystemExit):
        parse(["stream", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert LAYOUT in said
