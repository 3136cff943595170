"""The whitener makes white noise, in any units, and leaves out what carries no noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxne_rs import whitener
from places import DATA, needs_data

UNITS = np.array([1e-13, 1e-12, 1e-6])  # T, T/m, V


def covariance(seed: int, n: int, rank: int, *, mixed: bool = True) -> np.ndarray:
    """Make a random covariance (n, n) of some rank, with channels of very different units."""
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((n, rank))
    scale = UNITS[np.arange(n) % 3] if mixed else np.ones(n)
    return (factor @ factor.T) * scale * scale[:, np.newaxis]


@given(seed=st.integers(0, 10**6), n=st.integers(1, 25), data=st.data())
def test_noise_becomes_white(seed: int, n: int, data: st.DataObject) -> None:
    """W C W' is the identity on the range of C, whatever units and rank."""
    rank = data.draw(st.integers(1, n))
    noise_cov = covariance(seed, n, rank)
    before = noise_cov.copy()
    white = whitener(noise_cov)
    assert white.shape == (rank, n)
    np.testing.assert_allclose(white @ noise_cov @ white.T, np.eye(rank), atol=1e-5)
    np.testing.assert_array_equal(noise_cov, before)


@given(seed=st.integers(0, 10**6), exponent=st.integers(-140, 140))
def test_units_do_not_matter(seed: int, exponent: int) -> None:
    """Channels in another unit give the whitener in the inverse unit."""
    noise_cov = covariance(seed, 8, 8, mixed=False) + np.eye(8)
    unit = 2.0**exponent
    np.testing.assert_allclose(whitener(noise_cov * unit**2) * unit, whitener(noise_cov))


def test_whitens_what_the_inverse_weights() -> None:
    """W'W is the inverse of C: the weight of Gaussian likelihood."""
    noise_cov = covariance(0, 12, 30)
    white = whitener(noise_cov)
    scale = 1 / np.sqrt(np.diag(noise_cov))
    inverse = np.linalg.inv(noise_cov * scale * scale[:, np.newaxis]) * scale * scale[:, np.newaxis]
    np.testing.assert_allclose(white.T @ white, inverse, rtol=1e-8, atol=1e-8 * inverse.max())


def test_silent_channel_lowers_the_rank() -> None:
    """A channel without noise gets a zero column."""
    noise_cov = covariance(1, 6, 9)
    noise_cov[2] = noise_cov[:, 2] = 0
    white = whitener(noise_cov)
    assert white.shape == (5, 6)
    assert not white[:, 2].any()
    kept = np.delete(noise_cov, 2, axis=1)[np.array([0, 1, 3, 4, 5])]
    np.testing.assert_allclose(
        np.delete(white, 2, 1) @ kept @ np.delete(white, 2, 1).T, np.eye(5), atol=1e-9
    )


def test_single_precision_keeps_its_rank() -> None:
    """Rounding to float32 does not look like noise."""
    noise_cov = covariance(3, 20, 15, mixed=False)
    assert whitener(noise_cov.astype(np.float32)).shape == (15, 20)


@pytest.mark.parametrize(
    ("noise_cov", "error", "words"),
    [
        (np.ones((2, 3)), ValueError, "square"),
        (np.ones(3), ValueError, "noise_cov"),
        (np.zeros((3, 3)), ValueError, "zero"),
        (np.array([[1.0, 0.5], [0.4, 1.0]]), ValueError, "not symmetric"),
        (np.array([[1.0, 2.0], [2.0, 1.0]]), ValueError, "semi-definite"),
        (np.array([[1.0, 0.1], [0.1, 0.0]]), ValueError, "semi-definite"),
        (np.diag([1.0, -1.0]), ValueError, "negative variance"),
        (np.diag([1.0, np.nan]), ValueError, "noise_cov"),
        (np.diag([1.0, np.inf]), ValueError, "noise_cov"),
        (np.array([["a", "b"], ["c", "d"]]), TypeError, "noise_cov"),
        (np.eye(2) * 1j, TypeError, "noise_cov"),
        (np.zeros((0, 0)), ValueError, "noise_cov"),
        (None, TypeError, "noise_cov"),
    ],
)
def test_refuses(noise_cov: Any, error: type[Exception], words: str) -> None:
    """What is no covariance is refused by name."""
    with pytest.raises(error, match=words) as caught:
        whitener(noise_cov)
    assert "noise_cov" in str(caught.value)


def test_mne_covariance() -> None:
    """Diagonal storage, bad channels and projections are respected."""
    mne = pytest.importorskip("mne")
    names = [f"EEG {index}" for index in range(8)]
    info = mne.create_info(names, 1000.0, "eeg")
    diagonal = mne.make_ad_hoc_cov(info, std=1e-6, verbose="ERROR")
    assert diagonal["diag"]
    np.testing.assert_allclose(np.abs(whitener(diagonal)).sum(axis=0), 1e6)

    full = covariance(4, 8, 20, mixed=False) * 1e-12
    proj = mne.Projection(
        active=False,
        data={
            "nrow": 1,
            "ncol": 8,
            "row_names": None,
            "col_names": names,
            "data": np.ones((1, 8)) / np.sqrt(8),
        },
        desc="average reference",
        kind=1,
    )
    cov = mne.Covariance(full, names, bads=["EEG 3"], projs=[proj], nfree=20, verbose="ERROR")
    white = whitener(cov)
    good = np.arange(8) != 3
    assert white.shape == (6, 8)
    assert not white[:, 3].any()
    np.testing.assert_allclose(white @ good.astype(float), 0, atol=1e-6 * np.abs(white).max())
    np.testing.assert_allclose(white @ full @ white.T, np.eye(6), atol=1e-9)


@needs_data
@pytest.mark.parametrize(("kind", "rank"), [("meg", 302), ("eeg", 58)])
def test_real_covariance_as_mne_whitens_it(kind: str, rank: int) -> None:
    """Rank and whitened power are those of MNE."""
    mne = pytest.importorskip("mne")
    noise_cov = mne.read_cov(DATA / "noise-cov.fif", verbose="ERROR")
    evoked = mne.read_evokeds(DATA / "auditory-ave.fif", condition=0, verbose="ERROR")
    evoked.pick(kind, exclude="bads")
    noise_cov = mne.pick_channels_cov(noise_cov, evoked.ch_names, ordered=True)
    white = whitener(noise_cov)
    theirs = mne.cov.compute_whitener(noise_cov, evoked.info, pca=True, verbose="ERROR")[0]
    assert white.shape == theirs.shape == (rank, len(evoked.ch_names))
    power = np.sum((theirs @ evoked.data) ** 2, axis=0)
    np.testing.assert_allclose(np.sum((white @ evoked.data) ** 2, axis=0), power, rtol=1e-9)


@needs_data
def test_real_covariance_of_all_channels_at_once() -> None:
    """Bad channels and projections come off the rank of 366."""
    mne = pytest.importorskip("mne")
    noise_cov = mne.read_cov(DATA / "noise-cov.fif", verbose="ERROR")
    # 366 channels, 2 bad, 3 + 1 projections; MEG and EEG differ by seven orders of magnitude.
    assert whitener(noise_cov).shape == (360, 366)
