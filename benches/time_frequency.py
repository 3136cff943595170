"""TF-MxNE, irTF-MxNE and gamma-MAP against MNE's solvers on the real data, one thread.

Both solve the same arrays to the same relative gap, which NumPy computes with a dense dictionary.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

import numpy as np

import mxne_rs
import problems
from targets import Part, at_least, at_most, mean
from timing import timed

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
import tf_reference as reference

TOL, ALPHA, L1_RATIO, NOISE = 1e-4, 40.0, 0.03, 0.5
FRAMES = ((16, 4), (64, 4))


def recording(loose):
    """Whitened gain and data of 211 samples, -50 to 300 ms, and the number of orientations."""
    import mne
    from mne.inverse_sparse.mxne_inverse import _prepare_gain

    evoked = mne.read_evokeds(
        problems.DATA / "auditory-ave.fif", condition=0, baseline=(None, 0), verbose="ERROR"
    )
    evoked.pick("meg").crop(-0.05, 0.3)
    forward = mne.read_forward_solution(problems.DATA / "cortex-7498-meg-fwd.fif", verbose="ERROR")
    noise_cov = mne.read_cov(problems.DATA / "noise-cov.fif", verbose="ERROR")
    with mne.utils.use_log_level("ERROR"):
        _, gain, info, whitener, _, _ = _prepare_gain(
            forward, evoked.info, noise_cov, True, 0.8, loose, None, None
        )
    data = whitener @ evoked.data[[evoked.ch_names.index(name) for name in info["ch_names"]]]
    return np.ascontiguousarray(gain), np.ascontiguousarray(data), 1 if loose == 0 else 3


def gap(gain, data, solution, n_orient, stft):
    """The relative gap by the formulas; dual norms where their bound exceeds the largest."""
    phi, mu = reference.dictionary(data.shape[1], [stft])
    z = solution.coefficients.toarray()
    columns = gain[:, np.repeat(solution.active_set, n_orient)]
    residual = data - columns @ reference.synthesised(z, phi, mu)
    correlations = (gain.T @ residual).reshape(-1, n_orient * data.shape[1])
    bounds, largest = np.linalg.norm(correlations, axis=1), 0.0
    for s in np.argsort(-bounds):
        if bounds[s] <= largest:
            break
        block = correlations[s].reshape(n_orient, -1)
        largest = max(largest, reference.dual_norms(block, phi, mu, L1_RATIO, n_orient)[0])
    t = min(1.0, ALPHA / largest)
    energy = np.sum(residual**2)
    primal = 0.5 * energy + ALPHA * reference.penalty(z, mu, L1_RATIO, n_orient)
    dual = t * np.sum(residual * data) - 0.5 * t**2 * energy
    return (primal - dual) / (0.5 * np.sum(data**2))


def row(loose, stft, repeats):
    """One problem: a line of the table, and products, times over MNE, gap."""
    from mne.inverse_sparse.mxne_optim import tf_mixed_norm_solver

    gain, data, n_orient = recording(loose)
    wsize, tstep = stft
    frame = {"wsize": wsize, "tstep": tstep}
    gain /= 0.01 * mxne_rs.tf_alpha_max(gain, data, L1_RATIO, n_orient=n_orient, **frame)
    prepared = mxne_rs.Gain(gain, n_orient)
    options = {"tol": TOL, "n_threads": 1, "verbose": False, **frame}
    unit = statistics.median(prepared._prepared.product_seconds(data, 1) for _ in range(5))
    runs = [
        timed(mxne_rs.solve_tf_mxne, prepared, data, ALPHA, L1_RATIO, **options)
        for _ in range(repeats)
    ]
    seconds, solution = statistics.median(spent for _, spent in runs), runs[0][0]
    _, reweighted = timed(
        mxne_rs.solve_irtf_mxne, prepared, data, ALPHA, L1_RATIO, n_reweights=10,
        amplitude_unit="mne", **options,
    )  # fmt: skip
    path = timed(
        mxne_rs.solve_path, prepared, data, n_alphas=15, eps=0.4, l1_ratio=L1_RATIO, **options
    )[1]
    _, theirs = timed(
        tf_mixed_norm_solver, data, gain, ALPHA * (1 - L1_RATIO), ALPHA * L1_RATIO,
        wsize=wsize, tstep=tstep, n_orient=n_orient, tol=TOL * 0.5 * np.sum(data**2),
        debias=False, verbose="ERROR",
    )  # fmt: skip
    found = gap(gain, data, solution, n_orient, stft)
    name = "loose 0.2" if loose else "fixed"
    line = (
        f"| {name}, ({wsize}, {tstep}) | {solution.active_set.sum()} | {found:.0e} "
        f"| {seconds / unit:.1f} | {theirs / seconds:.1f} | {reweighted / seconds:.1f} "
        f"| {path / seconds:.1f} |"
    )
    print(line, flush=True)
    return line, seconds / unit, theirs / seconds, reweighted / seconds, path / seconds, found


def gamma():
    """gamma-MAP: 1000 fixed locations beside MNE, and products a round with all locations."""
    from mne.inverse_sparse._gamma_map import _gamma_map_opt

    from mxne_rs.inverse.gamma_map import maximise_evidence

    options = {"maxit": 10_000, "tol": 1e-6, "gammas": None, "n_threads": 1, "verbose": False}
    gain, data, _ = recording(0.0)
    few = np.sort(np.random.default_rng(0).choice(gain.shape[1], 1000, replace=False))
    data, some = np.ascontiguousarray(data[:, 60:121]), np.ascontiguousarray(gain[:, few])
    solution, seconds = timed(maximise_evidence, mxne_rs.Gain(some), data, NOISE, **options)
    (x, active), theirs = timed(
        _gamma_map_opt, data.copy(), some.copy(), NOISE, group_size=1, verbose="ERROR"
    )
    variances = np.zeros(1000)
    variances[active] = np.mean(x**2, axis=1)
    for _ in range(200):  # the evidence of MNE's support, near its best
        inverse = np.linalg.inv(reference.covariance(some, variances, NOISE))
        part = some[:, active].T @ inverse
        energy = np.einsum("ij,ji->i", part, some[:, active])
        variances[active] *= np.sqrt(np.mean((part @ data) ** 2, axis=1) / energy)
    above = reference.evidence(some, data, variances, NOISE) - solution.objective
    gain, whole, n_orient = recording(0.2)
    prepared = mxne_rs.Gain(gain, n_orient)
    whole = np.ascontiguousarray(whole[:, 60:121])
    unit = statistics.median(prepared._prepared.product_seconds(whole, 1) for _ in range(5))
    free, spent = timed(maximise_evidence, prepared, whole, NOISE, **options)
    rounds = spent / unit / free.n_reweights
    line = (
        f"gamma-MAP at a noise variance of {NOISE:g}, 61 samples: {theirs / seconds:.0f} times "
        f"MNE's speed on 1000 fixed locations, its evidence {above:.1e} above ours; "
        f"{rounds:.1f} products a round on 302 x 22494."
    )
    print(line, flush=True)
    return line, theirs / seconds, above, rounds


def measure(options):
    """The part of the page about the other functions."""
    if not problems.DATA.is_dir():
        return Part(["## Time-frequency", "", "Not measured: the real data are not here."], [])
    repeats = 1 if options.quick else 3
    cases = [(loose, stft) for loose in (0.0, 0.2) for stft in FRAMES]
    rows = [row(*one, repeats) for one in (cases[:1] if options.quick else cases)]
    text, over_gamma, above, rounds = gamma()
    lines = [
        "## Time-frequency MxNE and gamma-MAP",
        "",
        f"TF-MxNE of the real data, 302 sensors, 7498 locations, 211 samples, at alpha {ALPHA:g} "
        f"and l1_ratio {L1_RATIO:g} to a gap of {TOL:g}, one thread, medians of {repeats}, MNE's "
        "solver once. Beside it irTF-MxNE of ten rounds and a path of 15 alphas, in units of the "
        "one solve. The gap is NumPy's, with a dense dictionary.",
        "",
        "| problem | locations | gap | products | over MNE | irTF | path |",
        "|---|---|---|---|---|---|---|",
        *[one[0] for one in rows],
        "",
        text,
    ]
    worst = max(one[5] for one in rows)
    told, reached = f"gap {worst:.0e}", worst <= 1.01 * TOL
    most = [max(one[i] for one in rows) for i in (1, 3, 4)]
    targets = [
        at_least("TF-MxNE over MNE's solver", 40.0, mean([one[2] for one in rows]), told),
        at_most("TF-MxNE, products", 15.0, most[0], told, reached=reached),
        at_most("irTF-MxNE of ten rounds, solves", 3.0, most[1], told, "times"),
        at_most("path of 15 alphas, solves", 10.0, most[2], told, "times"),
        at_least("gamma-MAP over MNE's", 50.0, over_gamma, f"evidence {above:.0e} below MNE's"),
        at_most("gamma-MAP, products a round", 40.0, rounds, "302 x 22494"),
    ]
    return Part(lines, targets)
