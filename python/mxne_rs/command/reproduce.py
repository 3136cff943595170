"""`mxne-rs reproduce`: the protocols of the two papers on irMxNE, in a clone of the project."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from .._arguments.extras import mne
from .console import Answer, quiet, say
from .folder import Results, make_folder
from .options import Option, add_command, shared
from .reading import File
from .values import count
from .wording import WrongInput, one_line

#: Folder of the papers' protocols in a clone of the project; an installed package has none.
EVIDENCE = Path(__file__).resolve().parents[3] / "evidence"

ABOUT = (
    "repeat the experiments of the two papers on irMxNE",
    "Run the protocol of a paper and write a report: every claim of the paper beside the\n"
    "result.\n\n"
    "prni2014  Strohmeier, Haueisen, Gramfort: Improved MEG/EEG source localization with\n"
    "          reweighted mixed-norms\n"
    "tmi2016   Strohmeier, Bekhti, Haueisen, Gramfort: The iterative reweighted mixed-norm\n"
    "          estimate for spatio-temporal MEG/EEG source reconstruction",
    """\
examples:
  mxne-rs reproduce prni2014 --out prni2014
  mxne-rs reproduce tmi2016 --out tmi2016 --jobs 8

written to DIR:
  report.html        every claim of the paper beside the result, and the figures
  *.png, *.csv       the figures, and their numbers
  parts/             finished parts: a run with the same options continues from these

exit code: see 'mxne-rs --help'
""",
)
OPTIONS = (
    Option("paper", "the paper to reproduce", choices=["prni2014", "tmi2016"]),
    *shared("--out"),
    Option(
        "--repetitions N",
        "draws of the simulation (default: 100 for prni2014, 20 for tmi2016)",
        count(2),
    ),
    *shared("--rng"),
    Option(
        "--data DIR",
        "folder with auditory-ave.fif, noise-cov.fif and cortex-7498-meg-fwd.fif (default: the "
        "environment variable MXNE_RS_DATA; without a folder a head is made with MNE, and claims "
        "about recorded data are not checked)",
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
        if options.paper != "tmi2016":
            raise WrongInput(f"--{name} is for tmi2016 only; leave it out")
        if getattr(options, other) is None:
            raise WrongInput(f"--{name} needs --{other}")
    out = Path(options.out)
    with quiet("reproduce"):
        papers, writers_of = _import_papers()
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
        findings = papers[options.paper]()(
            store=out / "parts", announce=lambda cost: say(str(cost)), **arguments
        )
        results = Results(out, f"reproduce-{options.paper}")
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


def _import_papers() -> tuple[Any, Any]:
    """Import the function of each paper, and the writer of its findings."""
    if str(EVIDENCE) not in sys.path:
        sys.path.append(str(EVIDENCE))
    try:
        from papers import PAPERS
        from papers.findings import writers_of
    except ModuleNotFoundError as error:
        if error.name != "papers":
            raise
        raise WrongInput(
            "reproduce needs the papers' protocols, which an installed package does not contain: "
            "run it in a clone of the project"
        ) from error
    return PAPERS, writers_of
