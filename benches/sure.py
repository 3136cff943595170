"""`mixed_norm(alpha="sure")` against MNE's, whole calls on the real data: `make bench-sure`.

Both get the same grid, tolerance and noise level (MNE's), and prepare the forward solution by the
same functions of MNE; MNE draws its directions after rotating time, so the curves differ slightly.
"""

import argparse
import statistics

import mne

import mxne_rs
import problems
import report
from timing import timed

#: Title, forward solution, n_mxne_iter.
CASES = [
    ("1000 locations, MxNE", "cortex-1000-meg-eeg-fwd.fif", 1),
    ("1000 locations, irMxNE of 5 rounds", "cortex-1000-meg-eeg-fwd.fif", 5),
    ("7498 locations, MxNE", "cortex-7498-meg-fwd.fif", 1),
]


def case(title, forward, n_mxne_iter, repeats):
    """One row of the table."""
    evoked = mne.read_evokeds(problems.DATA / "auditory-ave.fif", condition=0)
    evoked.pick("meg").crop(0.05, 0.15)
    forward = mne.read_forward_solution(problems.DATA / forward)
    noise_cov = mne.read_cov(problems.DATA / "noise-cov.fif")
    options = {"n_mxne_iter": n_mxne_iter, "debias": False, "random_state": 0}
    seconds = []
    for _ in range(repeats):
        (stc, solution), spent = timed(
            mxne_rs.mixed_norm, evoked, forward, noise_cov, "sure", sure_sigma=1.0,
            return_solution=True, verbose="ERROR", **options,
        )  # fmt: skip
        seconds.append(spent)
    with mne.utils.catch_logging() as log:
        theirs, spent = timed(
            mne.inverse_sparse.mixed_norm, evoked, forward, noise_cov, "sure", verbose=True,
            **options,
        )  # fmt: skip
    chosen = float(log.getvalue().split("Selected alpha: ")[1].split()[0])
    ratio = spent / statistics.median(seconds)
    row = (
        f"| {title} | {solution.alpha:.1f} ({len(stc.data)}) | {chosen:.1f} ({len(theirs.data)}) | "
        f"{max(solution.sure.gaps):.0e} | {ratio:.1f} |"
    )
    print(row, flush=True)
    return row


def main():
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="docs/benchmarks.md")
    options = parser.parse_args()
    if not problems.DATA.is_dir():
        raise SystemExit(f"no real data in {problems.DATA}: set MXNE_RS_DATA")
    mne.set_log_level("ERROR")
    lines = [
        "## SURE",
        "",
        'Whole calls of `mixed_norm(alpha="sure")` on the real data, 15 alphas from 100 to 10 %, '
        "tolerance 1e-4, all cores, preparation by MNE included in both; ours the median of "
        f"{options.repeats}, MNE's once.",
        "",
        "| problem | chosen alpha (sources) | MNE's | largest gap | over MNE |",
        "|---|---|---|---|---|",
    ]
    lines += [case(*one, options.repeats) for one in CASES]
    if options.write:
        report.replace_section("sure", "\n".join(lines))


if __name__ == "__main__":
    main()
