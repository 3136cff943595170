"""`mxne-rs reproduce`: the protocols of the two papers on irMxNE, in a clone of the project."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from .console import Answer, quiet, say
from .folder import Results, make_folder
from .options import Option, add_command, shared
from .reading import File
from .values import count
from .wording import WrongInput, one_line

#: The papers' protocols in a clone of the project; an installed package is without them.
EVIDENCE = Path(__file__).resolve().parents[3] / "evidence"

ABOUT = (
    "do again what the two papers on irMxNE did",
    "Run the protocol of a paper and write a report: every sentence of it that claims\n"
    "something, beside what was found.\n\n"
    "prni2014  Strohmeier, Haueisen, Gramfort: Improved MEG/EEG source localization with\n"
    "          reweighted mixed-norms\n"
    "tmi2016   Strohmeier, Bekhti, Haueisen, Gramfort: The iterative reweighted mixed-norm\n"
    "          estimate for spatio-temporal MEG/EEG source reconstruction",
    """\
examples:
  mxne-rs reproduce prni2014 --out prni2014
  mxne-rs reproduce tmi2016 --out tmi2016 --jobs 8

written to DIR:
  report.html        every claim of the paper beside what was found, and the figures
  *.png, *.csv       the figures, and the numbers behind them
  parts/             finished work: started again with the same options, it goes on from there

exit code: see 'mxne-rs --help'
""",
)
OPTIONS = (
    Option("paper", "which of them", choices=["prni2014", "tmi2016"]),
    *shared("--out"),
    Option(
        "--repetitions N",
        "draws of the simulation (default: 100 for prni2014, 20 for tmi2016)",
        count(2),
    ),
    *shared("--rng"),
    Option(
        "--data DIR",
        "folder with auditory-ave.fif, noise-cov.fif and cortex-7498-meg-fwd.fif (default: that of "
        "the environment variable MXNE_RS_DATA; without it a head is made with MNE, and claims "
        "about recorded data are not checked)",
    ),
    Option(
        "--epochs FILE",
        "of tmi2016: epochs to be resampled instead of simulated ones, with a baseline (-epo.fif)",
    ),
    Option("--forward FILE", "of tmi2016: their forward solution, free orientation (-fwd.fif)"),
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
            raise WrongInput(f"--{name} goes with tmi2016")
        if getattr(options, other) is None:
            raise WrongInput(f"--{name} needs --{other}")
    out = Path(options.out)
    with quiet("reproduce"):
        papers, writers_of = _import_papers()
        make_folder(out, "--out")
        how: dict[str, Any] = {"seed": options.rng, "data": options.data, "n_jobs": options.jobs}
        if options.repetitions:
            how["repetitions"] = options.repetitions
        if options.epochs is not None:
            import mne

            how["epochs"] = File("--epochs", options.epochs).read(mne.read_epochs, "epochs")
            how["forward"] = File("--forward", options.forward).read(
                mne.read_forward_solution, "forward"
            )
        n_parts = len(list((out / "parts").rglob("*.npz")))
        if n_parts:
            say(f"{n_parts} finished parts in {out / 'parts'}: they are not solved again")
        findings = papers[options.paper]()(
            store=out / "parts", announce=lambda cost: say(str(cost)), **how
        )
        results = Results(out, f"reproduce-{options.paper}")
        tables, others = writers_of(findings)
        results.write(tables)
        results.write(others, may_fail=True)
    verdicts = Counter(claim.verdict for claim in findings.claims)
    told = ", ".join(
        f"{words} {verdicts[verdict]}"
        for verdict, words in (
            ("holds", "holding"),
            ("does not hold", "not holding"),
            ("undecided", "undecided"),
            ("cannot be checked here", "not to be checked here"),
        )
    )
    names = ", ".join(reversed(results.names))
    lines = [f"{len(findings.claims)} claims: {told}", f"wrote to {one_line(out)}: {names}"]
    return Answer(lines, results.problems)


def _import_papers() -> tuple[Any, Any]:
    """The function of each paper, and what writes its findings: they stand beside the package."""
    if str(EVIDENCE) not in sys.path:
        sys.path.append(str(EVIDENCE))
    try:
        from papers import PAPERS
        from papers.findings import writers_of
    except ModuleNotFoundError as error:
        if error.name != "papers":
            raise
        raise WrongInput(
            "reproduce needs the papers' protocols, which an installed package is without: run "
            "it in a clone of the project"
        ) from error
    return PAPERS, writers_of
