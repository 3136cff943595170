"""The faults of MNE's tf_mixed_norm and gamma_map that are not here: MNE's outcome beside ours.

They run with the version of MNE that has these faults, in a job that pins it
(`tests/with_older_mne.py`): a later version may be right.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mxne_rs
import tf_reference as reference
from marks import pinned

mne = pytest.importorskip("mne")
from mne.inverse_sparse import mxne_optim  # noqa: E402

pytestmark = pinned
WSIZE, TSTEP, N_TIMES = 16, 4, 80


def dual_norms(y: Any, l1_ratio: float, **weights: Any) -> tuple[float, float]:
    """Return MNE's dual norm of magnitudes, and ours of a time course that has them."""
    n_steps, n_freqs = -(-N_TIMES // TSTEP), WSIZE // 2 + 1
    sizes = (np.array([WSIZE]), np.array([TSTEP]), np.array([n_steps * n_freqs]))
    theirs = mxne_optim.norm_epsilon(y, l1_ratio, mxne_optim._Phi(*sizes, N_TIMES), **weights)
    _, mu = reference.dictionary(N_TIMES, [(WSIZE, TSTEP)])
    return float(theirs), reference.dual_norm(y, mu, l1_ratio)


def test_one_dominant_coefficient() -> None:
    """MNE takes it alone, though a frequency inside counts twice."""
    y = np.full(9 * 20, 1e-3)
    y[70] = 2.0  # neither of frequency zero nor of Nyquist
    theirs, right = dual_norms(y, 0.5)
    assert theirs == pytest.approx(2.0)
    # sqrt(2) (2 - nu / 2) = nu / 2
    assert right == pytest.approx(2 * 2 * np.sqrt(2) / (1 + np.sqrt(2)), rel=1e-3)
    # Such a time course: one coefficient's atom.
    phi, mu = reference.dictionary(N_TIMES, [(WSIZE, TSTEP)])
    z = np.zeros((1, len(mu)), dtype=complex)
    z[0, 70] = 2.0
    course = reference.synthesised(z, phi, mu)
    exact = reference.dual_norms(course, phi, mu, 0.5)[0]
    ours = mxne_rs.tf_alpha_max(np.eye(1), course, 0.5, wsize=WSIZE)
    assert ours == pytest.approx(exact, rel=1e-12)


def test_weights_of_coefficients() -> None:
    """Its bound forgets them; ours are tested in Rust (`dual_norms_are_dual`)."""
    rng = np.random.default_rng(0)
    wrong = 0
    _, mu = reference.dictionary(N_TIMES, [(WSIZE, TSTEP)])
    for _ in range(50):
        y, w = np.abs(rng.standard_normal(len(mu))), rng.uniform(0.1, 3, len(mu))
        theirs, _ = dual_norms(y, 0.3, w_space=1.5, w_time=w)
        low, high = 0.0, 1e3
        for _ in range(100):
            nu = 0.5 * (low + high)
            left = np.sqrt((mu * np.maximum(y - 0.3 * w * nu, 0) ** 2).sum())
            low, high = (nu, high) if left > 0.7 * 1.5 * nu else (low, nu)
        wrong += abs(theirs - high) > 1e-6 * high
    assert wrong > 0


@pytest.fixture(scope="module")
def inputs() -> Any:
    """Return a simulated response of 134 samples, its forward solution and noise covariance."""
    from mxne_rs.simulate import simulate_auditory

    evoked, forward, noise_cov = simulate_auditory(spacing=20.0)
    return evoked.decimate(3, verbose="ERROR"), forward, noise_cov


def test_no_source_is_no_exception(inputs: Any) -> None:
    """MNE's functions raise one, of the bare kind; here the estimate is empty, with a warning."""
    evoked, forward, noise_cov = inputs
    options = {"alpha": 99.9999, "l1_ratio": 0.1, "wsize": 16, "n_tfmxne_iter": 3}
    with pytest.raises(ValueError, match="cannot reshape array of size 0"):
        mne.inverse_sparse.tf_mixed_norm(*inputs, **options, verbose=False)
    with pytest.warns(RuntimeWarning, match="No active dipoles"):
        stc = mxne_rs.tf_mixed_norm(*inputs, **options, tol=1.0, verbose=False)
    assert len(stc.data) == 0
    peak = evoked.copy().crop(0.05, 0.15)
    with pytest.raises(Exception, match="No active dipoles"):
        mne.inverse_sparse.gamma_map(peak, forward, noise_cov, alpha=1e4, verbose=False)
    with pytest.warns(RuntimeWarning, match="No active dipoles"):
        stc = mxne_rs.gamma_map(peak, forward, noise_cov, alpha=1e4, verbose=False)
    assert len(stc.data) == 0


def test_missing_arguments_are_named(inputs: Any) -> None:
    """MNE compares None with numbers."""
    with pytest.raises(TypeError, match="not supported between"):
        mne.inverse_sparse.tf_mixed_norm(*inputs, verbose=False)
    with pytest.raises(TypeError, match="alpha is None, not a number; give a percentage"):
        mxne_rs.tf_mixed_norm(*inputs, verbose=False)


def test_several_evokeds(inputs: Any) -> None:
    """MNE takes one."""
    evoked, forward, noise_cov = inputs
    options = {"alpha": 40, "l1_ratio": 0.1, "wsize": 16, "verbose": False}
    with pytest.raises((AttributeError, TypeError)):
        mne.inverse_sparse.tf_mixed_norm([evoked, evoked], forward, noise_cov, **options)
    stcs = mxne_rs.tf_mixed_norm([evoked, evoked], forward, noise_cov, **options)
    assert len(stcs) == 2
