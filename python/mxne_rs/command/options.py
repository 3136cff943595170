"""The options of the command line: what they are called, what they mean, what they may be."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from typing import Any, NoReturn

from .._core import __version__
from ..inverse.settings import look_like_parts
from ..live.outlet import LAYOUT
from ..live.units import UNITS
from ..solve.options import N_REWEIGHTS
from .values import (
    COARSEST,
    FINEST,
    Grid,
    count,
    exponent,
    orientation,
    percent_or_sure,
    percent_or_tracked,
    positive,
    positive_or_nave,
    seconds,
    seconds_or_none,
    spacing,
    unit_of_amplitudes,
)
from .wording import WrongInput

#: Percentages that SURE chooses from, and that a path is solved at: ends and number.
SURE_GRID, PATH_GRID = (100.0, 10.0, 15), (100.0, 10.0, 20)

EXAMPLES = """\
try it without data of your own:
  mxne-rs simulate --out demo
  mxne-rs localize --evoked demo/simulated-ave.fif --forward demo/simulated-fwd.fif \\
      --noise-cov demo/simulated-cov.fif --tmin 0.06 --tmax 0.15 --alpha sure \\
      --report --out demo/results

'mxne-rs COMMAND --help' lists the options of a command, with examples.

exit code:
  0  it worked
  1  no source is active: nothing is written, and what an earlier run wrote is removed
  2  an option, a file or a channel set has to be changed: one line says how
  3  the solver stopped before the gap of --tol was reached; what it has is written
  4  something could not be written, or the program failed: lines say what; the rest is written
  130  interrupted
"""
LOCALIZE_EXAMPLES = """\
examples:
  mxne-rs localize --evoked auditory-ave.fif --condition "Left Auditory" --tmin 0.05 --tmax 0.15 \\
      --forward cortex-fwd.fif --noise-cov noise-cov.fif --alpha 60 --out results
  mxne-rs localize --epochs faces-epo.fif --condition famous --baseline none 0 \\
      --forward cortex-fwd.fif --noise-cov noise-cov.fif --alpha sure --report --out results
  mxne-rs localize --raw spike_raw.fif --tmin 12.3 --tmax 12.5 --loose 0 \\
      --forward cortex-fwd.fif --noise-cov noise-cov.fif --alpha 50 --out results

written to DIR:
  the source estimate (sources-*), dipoles/, residual-ave.fif, sources.tsv, localization.png and,
  with --report, report.html; what an earlier 'localize' wrote there is removed, nothing else

exit code: see 'mxne-rs --help'
"""
PATH_EXAMPLES = """\
example:
  mxne-rs path --evoked auditory-ave.fif --condition "Left Auditory" --tmin 0.05 --tmax 0.15 \\
      --forward cortex-fwd.fif --noise-cov noise-cov.fif --alphas 90 20 15 --out results

written to DIR:
  path.png           number of sources, explained variance, and peak amplitude of each source
  path.tsv           a line per alpha
  path-sources.tsv   a line per alpha and source
  What an earlier 'path' wrote there is removed, nothing else.

exit code: see 'mxne-rs --help'
"""
SIMULATE_EXAMPLES = """\
example:
  mxne-rs simulate --spacing 12 --out demo
"""
STREAM_EXAMPLES = """\
try it without a recording of your own, in two terminals:
  mxne-rs simulate --out demo
  mxne-rs replay demo/simulated-ave.fif --name demo
  mxne-rs stream --stream demo --forward demo/simulated-fwd.fif \\
      --noise-cov demo/simulated-cov.fif --no-floor

what is shown: sources of the newest window, with their positions in head coordinates and their
  peaks in nAm (positive: out of the cortex, with free orientation upwards). A window that takes
  longer than --deadline says time_limit in the place of converged, with the sources certified so
  far and their gap.

what --outlet publishes:
{layout}

Ctrl-C ends it and prints what was counted.
exit code: see 'mxne-rs --help'
"""
REPLAY_EXAMPLES = """\
example:
  mxne-rs replay recording_raw.fif --name lab
"""

REPRODUCE_EXAMPLES = """\
examples:
  mxne-rs reproduce prni2014 --out prni2014
  mxne-rs reproduce tmi2016 --out tmi2016 --jobs 8

written to DIR:
  report.html        every claim of the paper beside what was found, and the figures
  *.png, *.csv       the figures, and the numbers behind them
  parts/             finished work: started again with the same options, it goes on from there

exit code: see 'mxne-rs --help'
"""


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the arguments of a command line.

    Parameters
    ----------
    argv : list of str, optional
        Arguments without the name of the program. Default: those of the process.

    Returns
    -------
    argparse.Namespace
        ``command`` is the name of the command; the others are named as their options.

    Raises
    ------
    WrongInput
        Where they do not make sense.
    SystemExit
        With ``--help`` and ``--version``, which argparse answers itself.

    Examples
    --------
    >>> from mxne_rs.command.options import parse
    >>> options = parse(["simulate", "--out", "demo"])
    >>> options.command, options.out, options.spacing
    ('simulate', 'demo', 8.0)
    """
    options = _parser().parse_args(argv)
    if options.command == "localize":
        _check_sure(options)
    _check_small(options)
    if options.command == "reproduce":
        _check_paper(options)
    return options


def _check_paper(options: argparse.Namespace) -> None:
    """Refuse epochs where there is nothing to be done with them, or where they are alone."""
    for name, other in (("epochs", "forward"), ("forward", "epochs")):
        if getattr(options, name) is None:
            continue
        if options.paper != "tmi2016":
            raise WrongInput(f"--{name} goes with tmi2016")
        if getattr(options, other) is None:
            raise WrongInput(f"--{name} needs --{other}")


def _check_small(options: argparse.Namespace) -> None:
    """Refuse percentages that look like parts of the largest alpha."""
    for name in ("alpha", "alphas"):
        value = getattr(options, name, None)
        # Of a grid, the largest of (largest, smallest, number).
        several = isinstance(value, tuple)
        largest = value[0] if isinstance(value, tuple) else value
        if not isinstance(largest, float) or options.allow_small_alpha:
            continue
        if look_like_parts(largest, several):
            raise WrongInput(
                f"--{name} {largest:g} is a percentage: give {100 * largest:g} for that part of "
                f"the largest, or --allow-small-alpha for {largest:g} %"
            )


def _check_sure(options: argparse.Namespace) -> None:
    """Fill in what SURE goes by, or refuse it where there is no SURE."""
    if options.alpha == "sure":
        options.alphas = options.alphas or SURE_GRID
        options.seed = options.seed or 0
        return
    for name in ("alphas", "sure_sigma", "seed"):
        if getattr(options, name) is not None:
            raise WrongInput(
                f"--{name.replace('_', '-')} goes with --alpha sure, "
                f"but --alpha is {options.alpha:g}"
            )


class Parser(argparse.ArgumentParser):
    """One whose complaints are single lines, like all others of this program."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage and leaving."""
        raise WrongInput(f"{message.removeprefix('argument ')}; see '{self.prog} --help'")


def _parser() -> Parser:
    parser = Parser(
        prog="mxne-rs",
        description="Sparse M/EEG source imaging: MxNE and irMxNE with a certified duality gap.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"mxne-rs {__version__}")
    commands = parser.add_subparsers(
        title="commands", required=True, metavar="COMMAND", dest="command"
    )

    def command(name: str, summary: str, description: str, epilog: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=summary,
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    one = command(
        "localize",
        "find the sources of an evoked response, of epochs or of a recording",
        "Find the few sources that explain measured data; write them as source estimate,\n"
        "dipoles, table and picture, with the residual.",
        LOCALIZE_EXAMPLES,
    )
    files = _add_files(one)
    files.add_argument(
        "--report",
        nargs="?",
        const="",
        metavar="FILE",
        help="also write an HTML report of data, sources, residual, certificate, settings and "
        "versions (default FILE: DIR/report.html)",
    )
    _add_data(one)
    _add_model(one, with_alpha=True)
    sure = one.add_argument_group("with --alpha sure")
    _add_grid(sure, "percentages that are chosen from", SURE_GRID)
    sure.add_argument(
        "--sure-sigma",
        type=positive_or_nave,
        metavar="SD",
        help="standard deviation of the noise in the whitened data, or 'nave' for that of an "
        "average of white noise, 1 / sqrt(number of averages); higher chooses fewer sources "
        "(default: that of the whitened data themselves: what no few sources explain is noise)",
    )
    sure.add_argument(
        "--seed", type=count(0), metavar="N", help="seed of the random directions (default: 0)"
    )
    _add_solver(one)

    two = command(
        "path",
        "draw sources against alpha, to choose it",
        "Localize at falling values of alpha, the regularisation; draw number of sources,\n"
        "explained variance and amplitudes against it.",
        PATH_EXAMPLES,
    )
    _add_files(two)
    _add_data(two)
    _add_grid(
        _add_model(two, with_alpha=False),
        "values of alpha, in percent of the one that leaves no source",
        PATH_GRID,
    )
    two.set_defaults(alphas=PATH_GRID)
    _add_solver(two)

    three = command(
        "simulate",
        "write an auditory response with known sources",
        "Write a simulated auditory evoked field, with its forward solution and noise\n"
        "covariance, to try 'localize' on.",
        SIMULATE_EXAMPLES,
    )
    _add_out(three)
    three.add_argument(
        "--spacing",
        type=spacing,
        default=8.0,
        metavar="MM",
        help=f"mean distance between locations in mm, {FINEST:g} to {COARSEST:g} "
        "(default: %(default)g)",
    )
    three.add_argument(
        "--seed", type=count(0), default=0, metavar="N", help="seed of the noise (default: 0)"
    )
    three.set_defaults(verbose=False)
    _add_live(command)
    _add_reproduce(command)
    return parser


def _add_live(command: Any) -> None:
    live = command(
        "stream",
        "show the sources of a live recording",
        "Read a stream of the lab streaming layer (LSL), find the sources of every window in it,\n"
        "show them and, with --outlet, publish them as another stream.",
        STREAM_EXAMPLES.format(layout=textwrap.indent(textwrap.fill(LAYOUT, 94), "  ")),
    )
    files = live.add_argument_group("input")
    files.add_argument("--stream", required=True, metavar="NAME", help="name of the stream")
    for name, text in (("--type", "type"), ("--source-id", "source id")):
        files.add_argument(
            name,
            metavar="TEXT",
            help=f"{text} of the stream, where several have its name (default: the one whose "
            "channels are in --forward)",
        )
    files.add_argument(
        "--unit",
        choices=list(UNITS),
        help="of the samples (default: what the stream declares for each channel; channels without "
        "are taken to be in V, T or T/m)",
    )
    _add_head(files)
    files.add_argument(
        "--info",
        metavar="FILE",
        help="recording or evoked response of the same sensors, for bad channels, projections and "
        "the names of a stream's channels where it has none (default: the forward solution's "
        "sensors, all of them good)",
    )
    times = live.add_argument_group("windows")
    for name, default, text in (
        ("--window", 0.1, "length of a window in s"),
        ("--hop", 0.05, "from one window to the next in s"),
        ("--deadline", 0.04, "seconds that a window may take; then what is certified is shown"),
    ):
        times.add_argument(
            name,
            type=positive("a positive number of seconds"),
            default=default,
            metavar="S",
            help=f"{text} (default: %(default)g)",
        )
    times.add_argument(
        "--seconds",
        type=positive("a positive number of seconds"),
        metavar="S",
        help="end after so long (default: Ctrl-C ends it)",
    )
    model = live.add_argument_group("model")
    model.add_argument(
        "--alpha",
        type=percent_or_tracked,
        default=50.0,
        metavar="PERCENT",
        help="regularisation in percent of the value that leaves no source in a window, or "
        "'tracked' from window to window (default: %(default)g)",
    )
    _add_small(model)
    model.add_argument(
        "--no-floor",
        action="store_true",
        help="show sources in windows that hold no more than noise, too",
    )
    model.add_argument(
        "--reweights",
        type=count(1),
        default=5,
        metavar="N",
        help="convex problems per window: 1 is MxNE, more is irMxNE (default: %(default)s)",
    )
    _add_amplitude_unit(model)
    model.add_argument(
        "--loose",
        type=orientation,
        default="auto",
        metavar="NUMBER",
        help="orientation of the sources, from 0 (perpendicular to the cortex, the fastest) to 1 "
        "(free); 'auto' is 0.2 on a cortex, else 1 (default: %(default)s)",
    )
    model.add_argument(
        "--depth",
        type=exponent,
        default=0.8,
        metavar="NUMBER",
        help="how far deep sources are favoured, from 0 (not) to 1 (default: %(default)s)",
    )
    output = live.add_argument_group("output")
    output.add_argument(
        "--view",
        choices=["terminal", "browser", "none"],
        default="terminal",
        help="a table in the terminal, a page in the browser, or neither (default: %(default)s)",
    )
    output.add_argument(
        "--port", type=count(0), default=0, metavar="N", help="of the page (default: a free one)"
    )
    output.add_argument(
        "--outlet", metavar="NAME", help="publish the sources as a stream of this name"
    )
    live.set_defaults(verbose=False)

    play = command(
        "replay",
        "play a recording as a live stream",
        "Play a recording, in any format that MNE reads, as a stream of the lab streaming layer,\n"
        "in real time, over and over.",
        REPLAY_EXAMPLES,
    )
    play.add_argument("file", metavar="FILE", help="recording, or an evoked response")
    play.add_argument(
        "--name", default="mxne-rs replay", metavar="NAME", help="of the stream "
        "(default: %(default)s)"
    )  # fmt: skip
    play.add_argument(
        "--chunk", type=count(1), default=10, metavar="N",
        help="samples that are sent at a time (default: %(default)s)",
    )  # fmt: skip
    play.add_argument(
        "--seconds", type=positive("a positive number of seconds"), metavar="S",
        help="end after so long (default: Ctrl-C ends it)",
    )  # fmt: skip
    play.set_defaults(verbose=False)


def _add_reproduce(command: Any) -> None:
    papers = command(
        "reproduce",
        "do again what the two papers on irMxNE did",
        "Run the protocol of a paper and write a report: every sentence of it that claims\n"
        "something, beside what was found.\n\n"
        "prni2014  Strohmeier, Haueisen, Gramfort: Improved MEG/EEG source localization with\n"
        "          reweighted mixed-norms\n"
        "tmi2016   Strohmeier, Bekhti, Haueisen, Gramfort: The iterative reweighted mixed-norm\n"
        "          estimate for spatio-temporal MEG/EEG source reconstruction",
        REPRODUCE_EXAMPLES,
    )
    papers.add_argument("paper", choices=["prni2014", "tmi2016"], help="which of them")
    _add_out(papers)
    papers.add_argument(
        "--repetitions",
        type=count(2),
        metavar="N",
        help="draws of the simulation (default: 100 for prni2014, 20 for tmi2016)",
    )
    papers.add_argument(
        "--seed", type=count(0), default=0, metavar="N", help="seed of the draws (default: 0)"
    )
    papers.add_argument(
        "--data",
        metavar="DIR",
        help="folder with auditory-ave.fif, noise-cov.fif and cortex-7498-meg-fwd.fif (default: "
        "that of the environment variable MXNE_RS_DATA; without it a head is made with MNE, and "
        "claims about recorded data are not checked)",
    )
    for name, text in (
        (
            "--epochs",
            "epochs to be resampled instead of simulated ones, with a baseline (-epo.fif)",
        ),
        ("--forward", "their forward solution, free orientation (-fwd.fif)"),
    ):
        papers.add_argument(name, metavar="FILE", help=f"of tmi2016: {text}")
    papers.add_argument(
        "--jobs",
        type=count(1),
        metavar="N",
        help="worker processes (joblib); the answer is the same (default: this process, all cores)",
    )
    papers.set_defaults(verbose=False)


def _add_out(group: Any) -> None:
    group.add_argument(
        "--out", required=True, metavar="DIR", help="folder for the results, made if need be"
    )


def _add_head(group: Any) -> None:
    group.add_argument(
        "--forward", required=True, metavar="FILE", help="forward solution (-fwd.fif)"
    )
    group.add_argument(
        "--noise-cov", required=True, metavar="FILE", help="noise covariance (-cov.fif)"
    )


def _add_files(parser: argparse.ArgumentParser) -> Any:
    data = parser.add_argument_group("data (one of them)")
    measured = data.add_mutually_exclusive_group(required=True)
    measured.add_argument("--evoked", metavar="FILE", help="evoked responses (-ave.fif)")
    measured.add_argument(
        "--epochs", metavar="FILE", help="epochs (-epo.fif); their average is localized"
    )
    measured.add_argument(
        "--raw",
        metavar="FILE",
        help="continuous recording in any format that MNE reads; give --tmin and --tmax",
    )
    files = parser.add_argument_group("other files")
    _add_head(files)
    _add_out(files)
    return files


def _add_data(parser: argparse.ArgumentParser) -> None:
    data = parser.add_argument_group("part of the data")
    data.add_argument(
        "--condition",
        metavar="NAME",
        help="condition of --evoked, by name or number (from 0); event of --epochs, by name",
    )
    for name, which in (("--tmin", "first"), ("--tmax", "last")):
        data.add_argument(
            name, type=seconds, metavar="S", help=f"{which} time in s (default: all of the data)"
        )
    data.add_argument(
        "--baseline",
        nargs=2,
        type=seconds_or_none,
        metavar=("S", "S"),
        help="subtract the mean between these times in s, 'none' for an end of the data (default: "
        "as it is in the file)",
    )


def _add_model(parser: argparse.ArgumentParser, *, with_alpha: bool) -> Any:
    model = parser.add_argument_group("model")
    if with_alpha:
        model.add_argument(
            "--alpha",
            type=percent_or_sure,
            default=60.0,
            metavar="PERCENT",
            help="regularisation in percent of the value that leaves no source: smaller gives more "
            "sources; 'sure' chooses it by Stein's unbiased risk estimate (default: 60)",
        )
    _add_small(model)
    model.add_argument(
        "--reweights",
        type=count(1),
        default=N_REWEIGHTS,
        metavar="N",
        help="convex problems at most: 1 is MxNE, more is irMxNE, which finds fewer and stronger "
        "sources (default: %(default)s)",
    )
    _add_amplitude_unit(model)
    model.add_argument(
        "--loose",
        type=orientation,
        default="auto",
        metavar="NUMBER",
        help="orientation of the sources, from 0 (perpendicular to the cortex) to 1 (free); 'auto' "
        "is 0.2 on a cortex, else 1 (default: %(default)s)",
    )
    model.add_argument(
        "--depth",
        type=exponent,
        default=0.8,
        metavar="NUMBER",
        help="how far deep sources are favoured, from 0 (not) to 1 (default: %(default)s)",
    )
    model.add_argument(
        "--no-debias", action="store_true", help="leave amplitudes as the penalty shrinks them"
    )
    return model


def _add_small(model: Any) -> None:
    model.add_argument(
        "--allow-small-alpha",
        action="store_true",
        help="take alpha below 1 as less than one percent, instead of refusing it",
    )


def _add_grid(group: Any, what: str, default: tuple[float, float, int]) -> None:
    largest, smallest, number = default
    group.add_argument(
        "--alphas",
        nargs=3,
        action=Grid,
        metavar=("FROM", "TO", "N"),
        help=f"{what}: N of them, evenly spaced in their logarithm "
        f"(default: {largest:g} {smallest:g} {number})",
    )


def _add_solver(parser: argparse.ArgumentParser) -> None:
    solver = parser.add_argument_group("solver")
    solver.add_argument(
        "--solver",
        choices=["bcd", "fista"],
        default="bcd",
        help="block coordinate descent or FISTA: the same answer, bcd is faster (default: "
        "%(default)s)",
    )
    solver.add_argument(
        "--tol",
        type=positive("a small positive number such as 1e-6"),
        default=1e-6,
        metavar="GAP",
        help="relative duality gap to reach: how far the answer may be from the best one, as a "
        "part of what no sources at all would cost (default: %(default)g)",
    )
    solver.add_argument(
        "--maxit",
        type=count(1),
        default=10000,
        metavar="N",
        help="epochs of the solver at most, per convex problem: with --reweights 100 an alpha may "
        "take 100 times as many in all (default: %(default)s)",
    )
    solver.add_argument(
        "--time-limit",
        type=positive("a positive number of seconds"),
        metavar="S",
        help="seconds that the solver may take in all; what it has by then is written (default: "
        "no limit)",
    )
    parser.add_argument("--verbose", action="store_true", help="show what is done, and progress")


def _add_amplitude_unit(model: Any) -> None:
    """Add the option of the unit of irMxNE's amplitudes."""
    model.add_argument(
        "--amplitude-unit",
        type=unit_of_amplitudes,
        default="relative",
        metavar="UNIT",
        help="unit in which irMxNE weighs amplitudes: 'relative' to the largest, 'mne' as "
        "MNE-Python, 'gain', 'largest', or a number; a larger unit gives fewer sources "
        "(default: %(default)s)",
    )
