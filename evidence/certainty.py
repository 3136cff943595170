"""Measure whether the error rates of `certainty` and `bootstrap_sources` are what they say.

Run as ``python evidence/certainty.py --draws 100 --data ../shared/data``; it prints the tables, and
puts them below the heading "Tables" of ``certainty.md``. Tables can be named to run only them.
"""

from __future__ import annotations

import itertools
import os
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import mne
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.spatial.distance import cdist
from scipy.stats import false_discovery_control
from sklearn.neighbors import kneighbors_graph

from mxne_rs import Gain, Nodewise, alpha_max, bootstrap_sources, certainty, solve_irmxne
from mxne_rs._arguments.convert import Floats
from mxne_rs.inverse.model import prepare_model
from mxne_rs.resampling.certainty import neighbours_of
from reporting import markdown, options

REPORT = Path(__file__).with_suffix(".md")
N_TIMES = 20
#: Millimetres from true sources within which a false discovery counts as theirs.
TOLERANCES = (0, 10, 20)


class Head(NamedTuple):
    """A lead field of one orientation, its positions in mm and its neighbours."""

    gain: Floats
    places: Floats
    neighbours: csr_matrix


def bsi_zoo(folder: Path) -> Head:
    """BSI-Zoo's lead field; columns of norm one."""
    file = np.load(folder / "benchmarks" / "bsi-zoo-120166.npz")
    lead, places = file["gain"].astype(float), 1e3 * file["positions_m"]
    graph = kneighbors_graph(places, 6)
    return Head(lead / np.linalg.norm(lead, axis=0), places, graph + graph.T)


def cortex(folder: Path, name: str) -> tuple[Any, Any]:
    """Return the model of a forward solution of the recorded subject, and the response."""
    evoked = mne.read_evokeds(folder / "auditory-ave.fif", condition=0, baseline=(None, 0))
    forward = mne.read_forward_solution(folder / name)
    return prepare_model(evoked.info, forward, mne.read_cov(folder / "noise-cov.fif")), evoked


def toeplitz(n_columns: int) -> Floats:
    """Columns whose correlations fall as 0.9 to the power of their distance."""
    distance = np.abs(np.subtract.outer(np.arange(n_columns), np.arange(n_columns)))
    draws = np.random.default_rng(0).standard_normal((100, n_columns))
    return np.asarray(draws @ np.linalg.cholesky(0.9**distance).T)


def white(n_sensors: int, rng: np.random.Generator) -> Floats:
    """White noise."""
    return rng.standard_normal((n_sensors, N_TIMES))


def ar1(n_sensors: int, rng: np.random.Generator) -> Floats:
    """Autoregressive noise, coefficient 0.5."""
    noise = white(n_sensors, rng)
    for t in range(1, N_TIMES):
        noise[:, t] = 0.5 * noise[:, t - 1] + 0.75**0.5 * noise[:, t]
    return noise


def low_passed(n_sensors: int, rng: np.random.Generator) -> Floats:
    """Noise low-passed at 40 of 300 Hz, as evoked responses are."""
    noise = rng.standard_normal((n_sensors, 10 * N_TIMES))
    spectrum = np.fft.rfft(noise)
    spectrum[:, np.fft.rfftfreq(10 * N_TIMES, 1 / 600) > 40] = 0
    return np.fft.irfft(spectrum)[:, 4 * N_TIMES : 5 * N_TIMES]


def nulls(folder: Path, draws: int) -> str:
    """Data of noise alone: how often anything is discovered at 5 %."""
    head, (model, _) = bsi_zoo(folder), cortex(folder, "cortex-1000-meg-eeg-fwd.fif")
    near: dict[str, Any] = {"adjacency": head.neighbours}
    around = {"adjacency": neighbours_of(model), "n_clusters": 100}
    designs = {
        "Toeplitz .9, 100 x 200": Nodewise(toeplitz(200)),
        "Toeplitz .9, 100 x 100 x 3": Nodewise(toeplitz(300), n_orient=3),
        "BSI-Zoo, 100 clusters": Nodewise(head.gain, n_clusters=100, **near),
        "BSI-Zoo, 300 clusters": Nodewise(head.gain, n_clusters=300, **near),
        "BSI-Zoo, 100 clusters, 10 times": Nodewise(
            head.gain, n_clusters=100, n_clusterings=10, **near
        ),
        "cortex-1000, 100 clusters x 3": Nodewise(model.gain, **around),
    }
    cases = [
        (white, "white"), (white, "ar1"), (white, "unstructured"), (ar1, "ar1"),
        (ar1, "unstructured"), (low_passed, "ar1"), (low_passed, "unstructured"),
    ]  # fmt: skip
    rows = []
    for (name, nodewise), (noise, temporal) in itertools.product(designs.items(), cases):
        hits = {"fwer": 0, "fdr": 0}
        small = np.zeros(3)
        for draw in range(draws):
            data = noise(nodewise.gain.n_sensors, np.random.default_rng(draw))
            result = certainty(nodewise, data, temporal=temporal)
            hits["fwer"] += bool(result.significant.any())
            hits["fdr"] += bool(false_discovery_control(result.p_values).min() <= result.level)
            small += [np.mean(result.p_values < level) for level in (0.05, 0.01, 0.001)]
        words = noise.__name__.replace("_", "-")
        parts = [f"{one:.4f}" for one in small / draws]
        rows.append([name, words, temporal, *(f"{n} of {draws}" for n in hits.values()), *parts])
    heads = ["gain", "noise", "temporal", "discovery, fwer", "discovery, fdr"]
    return markdown("Nulls at 5 %", [*heads, "p < .05", "p < .01", "p < .001"], rows)


def recovered(
    head: Head, nodewise: Nodewise, size: float, draws: int, control: str = "fwer"
) -> list[str]:
    """Three sources of a size in noise: power, and false discoveries by distance, as cells."""
    power, discoveries, wrong = [], [], np.zeros((draws, len(TOLERANCES)))
    for draw in range(draws):
        rng = np.random.default_rng([draw, 1])
        true = rng.choice(len(head.places), 3, replace=False)
        courses = rng.standard_normal((3, N_TIMES))
        courses *= size * N_TIMES**0.5 / np.linalg.norm(courses, axis=1, keepdims=True)
        data = head.gain[:, true] @ courses + white(len(head.gain), rng)
        result = certainty(nodewise, data, control=control)
        power.append(result.significant[true].mean())
        # A location is a false discovery where no cluster that it was in has a source.
        shares = np.zeros(len(head.places), dtype=bool)
        for labels in result.labels:
            shares |= np.isin(labels, labels[true])
        away = cdist(head.places, head.places[true]).min(axis=1)
        false = result.significant & ~shares
        wrong[draw] = [(false & (away > one)).any() for one in TOLERANCES]
        if result.significant.any():
            discoveries.append(false.sum() / result.significant.sum())
    part = np.sum(discoveries) / draws
    return [f"{np.mean(power):.2f}", *(f"{one:.2f}" for one in wrong.mean(axis=0)), f"{part:.3f}"]


def sources(folder: Path, draws: int) -> str:
    """Sources on BSI-Zoo's lead field."""
    head, rows = bsi_zoo(folder), []
    variants: dict[str, dict[str, Any]] = {
        "100 clusters": {"n_clusters": 100},
        "300 clusters": {"n_clusters": 300},
        "300 clusters, ratio .1": {"n_clusters": 300, "nodewise_ratio": 0.1},
        "300 clusters, ratio .001": {"n_clusters": 300, "nodewise_ratio": 0.001},
        "300 clusters, 10 times": {"n_clusters": 300, "n_clusterings": 10},
    }
    for name, variant in variants.items():
        nodewise = Nodewise(head.gain, adjacency=head.neighbours, **variant)
        for size, control in itertools.product((3.0, 10.0, 30.0), ("fwer", "fdr")):
            if control == "fwer" or "ratio" not in name:
                cells = recovered(head, nodewise, size, draws, control)
                rows.append([name, control, f"{size:g}", *cells])
    heads = ["BSI-Zoo", "control", "size", "power", "any outside", "> 10 mm", "> 20 mm"]
    return markdown(
        f"Three sources, {draws} data sets each", [*heads, "mean part that is false"], rows
    )


def bsi_draws(head: Head, folder: Path, draws: int) -> Iterator[tuple[Gain, Floats, Any, Floats]]:
    """BSI-Zoo's simulation, whitened: gain of unit columns, data, locations, true norms."""
    lead = np.load(folder / "benchmarks" / "bsi-zoo-120166.npz")["gain"].astype(float)
    n_sensors, n_locations = lead.shape
    for count, level, draw in itertools.product((1, 2, 3), (0.1, 0.3, 0.5, 0.7), range(draws)):
        rng = np.random.default_rng([draw, count, round(100 * level)])
        true = rng.choice(n_locations, count, replace=False)
        courses = rng.standard_normal((count, 10))
        signal = lead[:, true] @ courses
        std = np.sqrt(rng.chisquare(n_sensors, n_sensors))
        noise = rng.standard_normal((n_sensors, 10))
        size = np.linalg.norm(signal) / np.linalg.norm(std[:, np.newaxis] * noise)
        std *= level / (1 - level) * size
        whitened = lead / std[:, np.newaxis]
        norms = np.linalg.norm(whitened, axis=0)
        data = signal / std[:, np.newaxis] + noise
        yield Gain(whitened / norms), data, true, np.linalg.norm(courses, axis=1) * norms[true]


def bands(folder: Path, draws: int) -> str:
    """Coverage of 90 % bands, and what probability and spread say of the truth."""
    head, found = bsi_zoo(folder), []
    noise = np.random.default_rng(0).standard_normal((10, len(head.gain), 10))
    alpha = 1.1 * float(np.mean([alpha_max(head.gain, one) for one in noise]))
    for gain, data, true, norms in bsi_draws(head, folder, max(draws // 12, 1)):
        solution = solve_irmxne(gain, data, alpha, tol=1e-4, verbose=False)
        if not solution.active_set.any():
            continue
        start = time.perf_counter()
        result = bootstrap_sources(gain, data, solution, positions=head.places / 1e3)
        spent = time.perf_counter() - start
        all_right = set(result.locations) == set(true)
        away = cdist(head.places[result.locations], head.places[true])
        nearest = away.argmin(axis=1)
        low, high = result.band.T
        covered = (low <= norms[nearest]) & (norms[nearest] <= high)
        found += [
            (all_right, distance, inside, probability, spread, spent)
            for distance, inside, probability, spread in zip(
                away.min(axis=1), covered, result.probability, result.spread, strict=True
            )
        ]
    table = np.array(found, dtype=float)
    right, distance, covered, probability, spread, spent = table.T
    groups: dict[str, NDArray[np.bool_]] = {
        "all sources at their locations": right == 1,
        "at its location, others are not": (right == 0) & (distance == 0),
        "1 to 10 mm away": (distance > 0) & (distance <= 10),
        "farther": distance > 10,
        "found again in 95 % or more": probability >= 0.95,
        "in 70 to 95 %": (probability >= 0.7) & (probability < 0.95),
        "in less": probability < 0.7,
    }
    rows = [
        [
            name, f"{mask.sum()}", f"{covered[mask].mean():.2f}", f"{probability[mask].mean():.2f}",
            f"{np.sqrt(np.nanmean(spread[mask] ** 2)):.1f}", f"{(distance[mask] <= 10).mean():.2f}",
            f"{np.sqrt(np.mean(distance[mask] ** 2)):.1f}",
        ]
        for name, mask in groups.items()
        if mask.any()
    ]  # fmt: skip
    heads = ["sources", "number", "90 % band covers", "probability", "spread (mm)"]
    title = f"Bands of sources ({np.median(spent):.1f} s for 100 draws, median)"
    return markdown(title, [*heads, "truth within 10 mm", "true distance (mm)"], rows)


def witness(folder: Path, draws: int) -> str:
    """hidimstat's desparsified MultiTaskLasso on the same problem, at the same penalties."""
    try:
        from hidimstat import DesparsifiedLasso
        from sklearn.linear_model import Lasso, MultiTaskLassoCV
    except ImportError:
        return markdown("hidimstat", ["not installed"], [])
    gain = toeplitz(200)
    gain /= np.linalg.norm(gain, axis=0) / 10
    true, count = [50, 140], max(draws // 10, 1)
    apart = np.delete(np.arange(200), true)
    nodewise = Nodewise(gain)
    versions = {"at 0.01 alpha_max": None, "as it comes (alpha 1)": True}
    p = np.zeros((3, count, 200))
    for draw in range(count):
        rng = np.random.default_rng([draw, 2])
        data = gain[:, true] @ (0.5 * rng.standard_normal((2, N_TIMES))) + white(100, rng)
        p[0, draw] = certainty(nodewise, data, temporal="ar1").p_values
        for i, preconfigure in enumerate(versions.values(), 1):
            theirs = DesparsifiedLasso(
                MultiTaskLassoCV(fit_intercept=False, cv=5, alphas=20), centered=False,
                model_x=Lasso(fit_intercept=False, max_iter=5000),
                preconfigure_model_x_path=preconfigure,
            )  # fmt: skip
            theirs.fit_importance(gain, data)
            p[i, draw] = theirs.pvalues_
    logs, found = np.log(np.maximum(p, 1e-300)), p * 200 < 0.05
    rows = []
    for i, name in enumerate(("ours", *(f"hidimstat 0.4.0, {one}" for one in versions))):
        pairs = zip(logs[0][:, apart], logs[i][:, apart], strict=True)
        agreed = np.mean([np.corrcoef(*pair)[0, 1] for pair in pairs])
        false = found[i][:, apart].any(axis=1).sum()
        power = found[i][:, true].mean()
        rows.append([name, f"{false} of {count}", f"{power:.2f}", f"{agreed:.2f}"])
    heads = ["desparsified estimate", "false discovery, fwer", "power"]
    title = "hidimstat on Toeplitz .9, 100 x 200, two sources"
    return markdown(title, [*heads, "correlation of log p with ours, elsewhere"], rows)


def recorded(folder: Path, _: int) -> str:
    """Count discoveries in a recorded response, before the stimulus and after it."""
    model, evoked = cortex(folder, "cortex-1000-meg-eeg-fwd.fif")
    around, rows = neighbours_of(model), []
    for count, ratio in itertools.product((30, 100, 250), (0.01, 0.1)):
        nodewise = Nodewise(model.gain, adjacency=around, n_clusters=count, nodewise_ratio=ratio)
        for temporal in ("unstructured", "ar1"):
            cells = [f"{count}", f"{ratio:g}", temporal]
            for tmin, tmax in ((-0.1, 0.0), (0.05, 0.15)):
                data = model.whiten(evoked.copy().crop(tmin, tmax))
                result = certainty(nodewise, data, temporal=temporal)
                least = result.corrected.min()
                cells.append(f"{result.significant.sum()} (p {least:.2g}, {result.found.sum()})")
            rows.append(cells)
    heads = ["clusters", "nodewise ratio", "temporal", "-100 to 0 ms", "50 to 150 ms"]
    title = "Recorded auditory response, 1000 locations: significant (least corrected p, taken out)"
    return markdown(title, heads, rows)


def timing(folder: Path, draws: int) -> str:
    """Seconds on the large forward solution, and what the recorded response shows."""
    model, evoked = cortex(folder, "cortex-7498-meg-fwd.fif")
    rows = []
    for count in (1, max(draws // 4, 2)):
        load, start, cpu = os.getloadavg()[0], time.perf_counter(), time.process_time()
        nodewise = Nodewise(
            model.gain, adjacency=neighbours_of(model), n_clusters=750, n_clusterings=count
        )
        wall, busy = time.perf_counter() - start, time.process_time() - cpu
        cells = [f"{count}", f"{wall:.0f}", f"{busy:.0f}", f"{load:.1f}"]
        for tmin, tmax in ((-0.1, 0.0), (0.05, 0.15)):
            data = model.whiten(evoked.copy().crop(tmin, tmax))
            start = time.perf_counter()
            result = certainty(nodewise, data)
            spent = time.perf_counter() - start
            cells.append(f"{result.significant.mean():.1%}, {result.found.sum()} ({spent:.1f} s)")
        rows.append(cells)
    heads = [
        "clusterings",
        "prepared (s)",
        "CPU (s)",
        "load before",
        "-100 to 0 ms",
        "50 to 150 ms",
    ]
    title = "302 x 7498 x 3, 750 clusters; recorded response: significant part, sources taken out"
    return markdown(title, heads, rows)


TABLES = {
    "nulls": nulls, "sources": sources, "bands": bands, "witness": witness, "recorded": recorded,
    "timing": timing,
}  # fmt: skip


def main() -> None:
    """Print the tables, and put them below the heading "Tables" of the report."""
    parser = options(__doc__, draws=100)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help="all by default")
    args = parser.parse_args()
    if args.data is None:
        parser.error("give the folder with the data: --data, or MXNE_RS_DATA")
    mne.set_log_level("ERROR")
    warnings.simplefilter("ignore")
    tables = [TABLES[name](args.data, args.draws) for name in args.tables or TABLES]
    if not args.tables:
        words, heading, _ = REPORT.read_text(encoding="utf-8").partition("## Tables\n\n")
        REPORT.write_text(words + heading + "\n".join(tables), encoding="utf-8")


if __name__ == "__main__":
    main()
