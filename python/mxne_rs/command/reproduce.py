"""`mxne-rs reproduce`: papers and benchmarks with a known answer, in a clone of the project."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from .._arguments.extras import mne
from ..results.folder import Results, make_folder
from .console import Answer, quiet, say
from .options import Option, add_command, shared
from .reading import File
from .values import count
from .wording import WrongInput, one_line

#: Folder of the protocols in a clone of the project; an installed package has none.
EVIDENCE = Path(__file__).resolve().parents[3] / "evidence"

ABOUT = (
    "repeat the papers on irMxNE, or measure against known answers",
    "Run a protocol and write a report: every claim or goal beside the result.\n\n"
    "prni2014       Strohmeier, Haueisen, Gramfort: Improved MEG/EEG source localization\n"
    "               with reweighted mixed-norms\n"
    "tmi2016        Strohmeier, Bekhti, Haueisen, Gramfort: The iterative reweighted mixed-norm\n"
    "               estimate for spatio-temporal MEG/EEG source reconstruction\n"
    "bsi-zoo        sources on a real lead field, noise of known covariance\n"
    "brain-noise    simulated sources in noise that is not white\n"
    "seizures       seizures of patients whose resected regions are known\n"
    "somatosensory  a somatosensory field, and claims of tmi2016 on such fields\n"
    "phantom        recordings of a phantom whose dipoles are known",
    """\
examples:
  mxne-rs reproduce prni2014 --out prni2014
  mxne-rs reproduce tmi2016 --out tmi2016 --jobs 8
  mxne-rs reproduce bsi-zoo --data data --out bsi-zoo

written to DIR:
  report.html        every claim beside the result, tables and figures
  *.png, *.csv       the figures, and their numbers
  parts/             finished parts: a run with the same options continues from these

exit code: see 'mxne-rs --help'
""",
)
PROTOCOLS = [
    "prni2014", "tmi2016", "bsi-zoo", "brain-noise", "seizures", "somatosensory", "phantom",
]  # fmt: skip
OPTIONS = (
    Option("protocol", "the protocol to run", choices=PROTOCOLS),
    *shared("--out"),
    Option(
        "--repetitions N",
        "draws of the simulation (default: that of the protocol, such as 100 for prni2014)",
        count(2),
    ),
    *shared("--rng"),
    Option(
        "--data DIR",
        "folder of the protocol's files (default: the environment variable MXNE_RS_DATA); without "
        "a folder the papers' heads are made with MNE, and claims about recorded data are not "
        "checked, while the other protocols name the files that they need",
    ),
    Option(
        "--epochs FILE",
        "for tmi2016: epochs to resample instead of simulated ones, with a baseline (-epo.fif)",
    ),
    Option(
        "--forward FILE", "for tmi2016: forward solution of --epochs, free orientation (-fwd.fif)"
    ),
    Option(
        "--jobs N",
        "worker processes (joblib); the answer is the same (default: this process, all cores)",
        count(1),
    ),
)


def add_options(commands: Any) -> None:
    """Add the command and its options."""
    add_command(commands, "reproduce", run, ABOUT, {"": OPTIONS})


def run(options: argparse.Namespace) -> Answer:
    """Run the protocol; write its report, figures and tables."""
    for name, other in (("epochs", "forward"), ("forward", "epochs")):
        if getattr(options, name) is None:
            continue
        if options.protocol != "tmi2016":
            raise WrongInput(f"--{name} is for tmi2016 only; leave it out")
        if getattr(options, other) is None:
            raise WrongInput(f"--{name} needs --{other}")
    out = Path(options.out)
    with quiet("reproduce"):
        protocols, writers_of = _import_protocols()
        make_folder(out, "--out")
        arguments: dict[str, Any] = {
            "seed": options.rng,
            "data": options.data,
            "n_jobs": options.jobs,
        }
        if options.repetitions:
            arguments["repetitions"] = options.repetitions
        if options.epochs is not None:
            arguments["epochs"] = File("--epochs", options.epochs).read(mne.read_epochs, "epochs")
            arguments["forward"] = File("--forward", options.forward).read(
                mne.read_forward_solution, "forward"
            )
        n_parts = len(list((out / "parts").rglob("*.npz")))
        if n_parts:
            say(f"{n_parts} finished parts in {out / 'parts'} are not solved again")
        findings = protocols[options.protocol]()(
            store=out / "parts", announce=lambda cost: say(str(cost)), **arguments
        )
        results = Results(out, f"reproduce-{options.protocol}")
        tables, others = writers_of(findings)
        results.write(tables)
        results.write(others, may_fail=True)
    verdicts = Counter(claim.verdict for claim in findings.claims)
    counted = ", ".join(
        f"{words} {verdicts[verdict]}"
        for verdict, words in (
            ("holds", "holding"),
            ("does not hold", "not holding"),
            ("undecided", "undecided"),
            ("cannot be checked here", "not to be checked here"),
        )
    )
    names = ", ".join(reversed(results.names))
    lines = [f"{len(findings.claims)} claims: {counted}", f"wrote to {one_line(out)}: {names}"]
    return Answer(lines, results.problems)


def _import_protocols() -> tuple[dict[str, Any], Any]:
    """Import the function of each protocol, and the writer of findings."""
    if str(EVIDENCE) not in sys.path:
        sys.path.append(str(EVIDENCE))
    try:
        from papers import PAPERS
        from papers.findings import writers_of
        from truth import STUDIES
    except ModuleNotFoundError as error:
        if error.name not in ("papers", "truth"):
            raise
        raise WrongInput(
            "reproduce needs the protocols, which an installed package does not contain: run it in "
            "a clone of the project"
        ) from error
    return {**PAPERS, **STUDIES}, writers_of
