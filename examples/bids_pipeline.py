"""Localize every subject, session and condition that MNE-BIDS-Pipeline has averaged.

Run it after the pipeline's steps "sensor" and "source", on its folder of derivatives::

    python bids_pipeline.py derivatives/mne-bids-pipeline --tmin 0.05 --tmax 0.15

Beside the evoked responses it leaves a folder per condition, and it adds the sources to the
report of each subject.
"""

import argparse
import sys
from pathlib import Path

import mne

from mxne_rs import localize


def only_file(folder, ending):
    """Return the one file of a folder with an ending, such as the forward solution."""
    found = sorted(folder.glob(f"*_{ending}"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise FileNotFoundError(f"{folder} must hold one *_{ending}, and holds: {names}")
    return found[0]


def condition_name(evoked):
    """Return the name of a condition as the pipeline writes it into file names."""
    return "".join(letter for letter in evoked.comment if letter not in "/_- ") or "evoked"


def localize_file(file, tmin, tmax):
    """Localize each condition of a file ``*_ave.fif``; yield its name and the localization."""
    forward = mne.read_forward_solution(only_file(file.parent, "fwd.fif"))
    noise_cov = mne.read_cov(only_file(file.parent, "cov.fif"))
    for evoked in mne.read_evokeds(file):
        if "eeg" in evoked:  # as the pipeline does before it applies an inverse operator
            evoked.set_eeg_reference("average", projection=True)
        yield condition_name(evoked), localize(evoked.crop(tmin, tmax), forward, noise_cov)


def add_to_report(file, title, condition, result):
    """Add picture and table to the pipeline's report of a subject, where there is one."""
    reports = list(file.parent.glob("*_report.h5"))
    if len(reports) != 1:
        return
    with mne.open_report(reports[0]) as report:
        tags = ("source-estimate", condition)
        report.add_figure(result.plot(), f"Sparse sources: {title}", tags=tags, replace=True)
        html, name = result._repr_html_(), f"Table of sparse sources: {title}"
        report.add_html(html, name, tags=tags, replace=True)
    report.save(reports[0].with_suffix(".html"), overwrite=True, open_browser=False)


def main(arguments=None):
    """Localize all that a folder of derivatives holds; return 1 where it holds nothing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("derivatives", type=Path, help="the pipeline's deriv_root")
    parser.add_argument("--tmin", type=float, default=0.0, help="first time in s (default 0)")
    parser.add_argument("--tmax", type=float, help="last time in s (default: the end)")
    options = parser.parse_args(arguments)
    files = sorted(options.derivatives.glob("sub-*/**/*_ave.fif"))
    files = [file for file in files if "sub-average" not in file.parts]
    if not files:
        print(f"{options.derivatives} has no sub-*/**/*_ave.fif; run the pipeline's step sensor")
        return 1
    for file in files:
        stem = file.name.removesuffix("_ave.fif")
        for condition, result in localize_file(file, options.tmin, options.tmax):
            folder = file.parent / f"{stem}_{condition}+mxne"
            result.save(folder, report=True)
            if result.active.any():
                add_to_report(file, f"{stem}, {condition}", condition, result)
            print(f"{folder}: {result!r}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
