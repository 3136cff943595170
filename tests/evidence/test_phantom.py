"""The phantom study finds simulated dipoles where MNE's table of the phantom has them."""

import numpy as np
import pytest

pytest.importorskip("mne")
pytest.importorskip("matplotlib")

import mne

from simulated_phantom import AMPLITUDE, SFREQ, write_phantom
from truth.phantom import FINER, FIT, METHODS, reproduce_phantom
from truth.phantom_data import current_of, find_files, lattice, read_phantom

pytestmark = pytest.mark.skipif(
    not hasattr(mne.channels, "read_meg_canonical_info"), reason="MNE 1.12 has the Elekta array"
)

#: Near the surface, in the planes of x and of y.
NUMBERS, SPACING = (1, 10), 12.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("phantom")
    write_phantom(where, NUMBERS)
    return where


@pytest.fixture(scope="module")
def findings(folder):
    return reproduce_phantom(data=folder, spacing=SPACING, n_jobs=1, verbose=False)


def test_dipoles_are_found_where_they_are(findings):
    dipoles = next(one for one in findings.tables if one.name == "phantom_dipoles")
    assert [row[1:4] for row in dipoles.rows] == [
        (number, 0, method) for number in NUMBERS for method in (*METHODS, FIT)
    ]
    errors = {(row[1], row[3]): row[4:] for row in dipoles.rows}
    # No point is farther from a cubic lattice than half of its diagonal.
    farthest = FINER * SPACING * 3**0.5 / 2
    for number in NUMBERS:
        distance, angle, ratio, n_sources = errors[number, "irMxNE"]
        assert distance <= farthest + 1 and angle < 5 and 0.75 < ratio < 1.15 and n_sources <= 3
        distance, angle, ratio, _ = errors[number, FIT]
        assert distance < 2 and angle < 2 and ratio == pytest.approx(1, abs=0.03)
        # MxNE splits a dipole that is between locations: it is near, and weaker.
        distance, angle, ratio, n_sources = errors[number, "MxNE"]
        assert distance < 2 * farthest and ratio < 1.15 and n_sources >= 1


def test_summary_is_that_of_the_dipoles(findings):
    summary, dipoles = findings.tables
    for row in summary.rows:
        distances = [one[4] for one in dipoles.rows if one[3] == row[1]]
        assert row[2] == 1 and row[3:6] == pytest.approx(
            (np.mean(distances), np.median(distances), max(distances))
        )
    assert findings.claims == [] and len(findings.pictures) == 1


def test_averages_are_those_of_the_trials(folder):
    (path,) = find_files(folder)
    assert current_of(path) == pytest.approx(AMPLITUDE)
    whole, halves = (read_phantom(path, 32, n, seed=0) for n in (1, 2))
    assert whole.numbers == NUMBERS
    # Eight trials without the first and the last.
    assert [one.nave for parts in halves.evokeds for one in parts] == [3] * 4
    for (one,), parts in zip(whole.evokeds, halves.evokeds, strict=True):
        assert one.nave == 6
        assert np.allclose(one.data, np.mean([part.data for part in parts], axis=0), atol=1e-18)
    # A sine of 20 Hz is strongest a quarter of a period after its start, or three quarters.
    assert min(abs(whole.peak - late) for late in (0.0125, 0.0375, 0.0625, 0.0875)) <= 1 / SFREQ


def test_what_is_missing_is_named(folder, tmp_path):
    with pytest.raises(ValueError, match="data is None; give the folder"):
        find_files(None)
    with pytest.raises(FileNotFoundError, match=r"\*nAm\*raw.fif .*kojak_all_200nAm"):
        find_files(tmp_path)
    (path,) = find_files(folder)
    with pytest.raises(ValueError, match="dipole 1 has 8 trials; 9 are needed for 7 parts"):
        read_phantom(path, 32, 7, 0)
    raw = mne.io.read_raw_fif(path, preload=True)
    raw.rename_channels({"STI201": "STI101"}).save(tmp_path / "no_200nAm_raw.fif")
    with pytest.raises(ValueError, match=r"no_200nAm_raw.fif has no channel STI201"):
        read_phantom(tmp_path / "no_200nAm_raw.fif", 32, 1, 0)


def test_grids_stay_inside_of_the_phantom():
    points = lattice(0.005, np.array([0.0, 0.0, 0.06]), 0.02)
    assert np.linalg.norm(points, axis=1).max() <= 0.07 + 1e-9
    assert np.linalg.norm(points - [0, 0, 0.06], axis=1).max() <= 0.02 + 1e-9
    # All true dipoles lie where sources are looked for.
    positions, _ = mne.dipole.get_phantom_dipoles()
    lengths = np.linalg.norm(positions, axis=1)
    assert lengths.min() > 0.02 and lengths.max() < 0.07
