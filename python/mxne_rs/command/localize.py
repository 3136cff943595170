"""`mxne-rs localize` and `mxne-rs path`: find the sources of measured data."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from .._arguments.extras import mne
from ..inverse.gamma_map import localize_gamma
from ..inverse.localization import Localization
from ..inverse.localize import localize
from ..inverse.options import RULE, SEED
from ..inverse.paths import localize_path
from ..inverse.settings import AUTO_GRID, RULES, WITHOUT_GRID
from ..inverse.tf_mixed_norm import localize_tf
from ..solve.single import solve_irmxne
from . import values
from .console import DONE, FAILED, NO_SOURCE, NOT_CONVERGED, Answer, quiet, say, warn
from .folder import Results, make_folder
from .options import Option, add_command, default_of, refuse_small, shared
from .reading import DataSelection, File, Inputs, read_inputs, read_places
from .wording import WrongInput, doubt_line, shortfall_line
from .writing import RESIDUAL, needs_h5io, write_localization, write_path

ABOUT_LOCALIZE = (
    "find the sources of an evoked response, of epochs or of a recording",
    "Find the few sources that explain measured data; write them as source estimate,\n"
    "dipoles, table and picture, with the residual.",
    """\
examples:
  mxne-rs localize --evoked auditory-ave.fif --condition "Left Auditory" --tmin 0.05 --tmax 0.15 \\
      --forward cortex-fwd.fif --noise-cov noise-cov.fif --alpha 60 --out results
  mxne-rs localize --epochs faces-epo.fif --condition famous --baseline none 0 \\
      --forward cortex-fwd.fif --noise-cov noise-cov.fif --alpha sure --report --out results
  mxne-rs localize --raw spike_raw.fif --tmin 12.3 --tmax 12.5 --loose 0 \\
      --forward cortex-fwd.fif --noise-cov noise-cov.fif --alpha 50 --out results

written to DIR:
  the source estimate (sources-*), dipoles/, residual-ave.fif, sources.tsv, localization.png and,
  with --report, report.html; files of an earlier 'localize' are removed, no others

exit code: see 'mxne-rs --help'
""",
)
ABOUT_PATH = (
    "draw sources against alpha, to choose alpha",
    "Localize at decreasing values of alpha, the regularisation; draw number of sources,\n"
    "explained variance and amplitudes against alpha.",
    """\
example:
  mxne-rs path --evoked auditory-ave.fif --condition "Left Auditory" --tmin 0.05 --tmax 0.15 \\
      --forward cortex-fwd.fif --noise-cov noise-cov.fif --alphas 90 20 15 --out results

written to DIR:
  path.png           number of sources, explained variance, and peak amplitude of each source
  path.tsv           a line per alpha
  path-sources.tsv   a line per alpha and source
  Files of an earlier 'path' are removed, no others.

exit code: see 'mxne-rs --help'
""",
)
DATA = (
    Option("--evoked FILE", "evoked responses (-ave.fif)"),
    Option("--epochs FILE", "epochs (-epo.fif); their average is localized"),
    Option(
        "--raw FILE", "continuous recording in any format that MNE reads; give --tmin and --tmax"
    ),
)
FILES = shared("--forward", "--noise-cov", "--out")
REPORT = Option(
    "--report [FILE]",
    "also write an HTML report of data, sources, residual, certificate, settings and versions "
    "(default FILE: DIR/report.html)",
)
PLACES = (
    Option(
        "--labels NAME",
        "parcellation whose regions the sources are named by, such as aparc; needs --subjects-dir",
    ),
    Option(
        "--subjects-dir DIR",
        "FreeSurfer's folder of subjects, for --labels and for MNI coordinates of the sources",
    ),
)
PART = (
    Option(
        "--condition NAME",
        "condition of --evoked, by name or number (from 0); event of --epochs, by name",
    ),
    Option("--tmin S", "first time in s (default: all of the data)", values.seconds),
    Option("--tmax S", "last time in s (default: all of the data)", values.seconds),
    Option(
        "--baseline S S",
        "subtract the mean between these times in s, 'none' for an end of the data (default: no "
        "change)",
        values.seconds_or_none,
    ),
)
MODEL = (
    *shared("--allow-small-alpha", "--reweights", "--amplitude-unit", "--loose", "--depth"),
    Option("--no-debias", "do not undo the shrinkage of the amplitudes by the penalty"),
)
SOLVER = (
    Option(
        "--solver",
        "block coordinate descent or FISTA: the same answer, bcd is faster",
        default=default_of(solve_irmxne, "solver"),
        choices=["bcd", "fista"],
    ),
    Option(
        "--tol GAP",
        "relative duality gap to reach: largest distance of the objective from its minimum, as a "
        "fraction of the objective without sources",
        values.positive("a small positive number such as 1e-6"),
        default_of(solve_irmxne, "tol"),
    ),
    Option(
        "--maxit N",
        "maximum epochs of the solver per convex problem: with --reweights 100 an alpha may take "
        "100 times as many in total",
        values.count(1),
        default_of(solve_irmxne, "max_iter"),
    ),
    Option(
        "--time-limit S",
        "seconds that the solver may take in total; its answer at that time is written (default: "
        "no limit)",
        values.duration,
    ),
)
GRID = "{}: N of them, evenly spaced in their logarithm (default: {:g} {:g} {})"
ALPHA = Option(
    "--alpha PERCENT",
    "regularisation in percent of the smallest value without a source: smaller gives more sources; "
    f"or a rule that chooses it: {', '.join(RULES)} (default: {RULE}; 60 with --method tf-mxne)",
    values.percent(*RULES),
)
METHOD = (
    Option(
        "--method",
        "mxne: sources active throughout the window; tf-mxne: few time-frequency coefficients of "
        "each, for longer windows, transients and oscillations; gamma-map: the most probable "
        "variances at a given noise variance",
        default="mxne",
        choices=["mxne", "tf-mxne", "gamma-map"],
    ),
)
#: Options of one method, without defaults, so that one given with another can be refused.
TIME_FREQUENCY = (
    Option(
        "--l1-ratio NUMBER",
        "part of the penalty that counts single coefficients, from 0 to 1 (default: 0.03)",
        values.positive("a number from 0 to 1"),
    ),
    Option("--wsize N", "samples in a window, a multiple of 4 (default: 64)", values.count(4)),
    Option(
        "--tstep N",
        "samples from one window to the next, an even divisor of --wsize (default: 4)",
        values.count(2),
    ),
)
GAMMA = (
    Option(
        "--noise-variance V",
        "variance of the noise in the whitened data: more gives fewer sources (default: 0.5)",
        values.positive("a positive number such as 0.5"),
    ),
)
#: What `--method` other than mxne takes, with the defaults.
OWN: dict[str, dict[str, float]] = {
    "tf-mxne": {"l1_ratio": 0.03, "wsize": 64, "tstep": 4},
    "gamma-map": {"noise_variance": 0.5},
}
#: The alpha of the method that no rule chooses for, in percent.
TF_ALPHA = 60.0
#: Options without defaults, so that one given together with an alpha can be refused.
OF_RULES = (
    Option(
        "--alphas FROM TO N",
        GRID.format("percentages to choose from", *AUTO_GRID),
        action=values.Grid,
    ),
    Option(
        "--sure-sigma SD",
        "standard deviation of the noise in the whitened data, or 'nave' for that of averaged "
        "white noise, 1 / sqrt(number of averages); higher gives fewer sources (default: that of "
        "the whitened data themselves, an upper bound of the noise)",
        values.positive_or_nave,
    ),
    *shared("--rng", text=f"seed of the random numbers of rules (default: {SEED})", default=None),
)
PATH_ALPHAS = Option(
    "--alphas FROM TO N",
    GRID.format("alphas, in percent of the smallest without a source", *AUTO_GRID),
    default=AUTO_GRID,
    action=values.Grid,
)


#: Options that `localize` has by the same name.
SAME = "depth", "amplitude_unit", "maxit", "tol", "allow_small_alpha", "time_limit", "solver"


def add_options(commands: Any) -> None:
    """Add both commands and their options."""
    data = {"data (one of them)": DATA, "other files": FILES, "part of the data": PART}
    with_report = data | {"other files": (*FILES, *PLACES, REPORT)}
    model = {
        "model": (*METHOD, ALPHA, *MODEL),
        "where a rule chooses alpha": OF_RULES,
        "with --method tf-mxne": TIME_FREQUENCY,
        "with --method gamma-map": GAMMA,
    }
    verbose = Option("--verbose", "show log messages and progress")
    end = {"solver": SOLVER, "": (verbose,)}
    add_command(commands, "localize", run_localize, ABOUT_LOCALIZE, with_report | model | end)
    model = {"model": (*MODEL, PATH_ALPHAS)}
    add_command(commands, "path", run_path, ABOUT_PATH, data | model | end)


def run_localize(options: argparse.Namespace) -> Answer:
    """Localize at one alpha; write sources, residual, picture and report."""
    _fill_method(options)
    _fill_rule(options)
    refuse_small(options)
    out, data = Path(options.out), _data(options)
    report = _report_path(options.report, out)
    data.refuse_overwriting(out / RESIDUAL)
    with quiet("localize", options.verbose):
        inputs, keywords = _arguments(options, data)
        places = read_places(inputs.forward, options.labels, options.subjects_dir)
        make_folder(out, "--out")
        incomplete = needs_h5io(inputs.forward)
        if incomplete:
            warn(
                f"--forward {options.forward} has a mixed source space, whose source estimate "
                "needs h5io (pip install h5io): all but the estimate is written"
            )
        localization = _localize(options, inputs, keywords).with_regions(*places)
        warn(doubt_line(localization))
        short = shortfall_line([localization], options.maxit, options.time_limit)
        if not localization.active.any():
            Results(out, "localize").write({})
            if report is not None and report.exists():
                warn(f"{report} is of an earlier run: this one found no source to report")
            return _answer_without_sources(short, _reason_without_sources(localization))
        answer = write_localization(
            localization, out, report=report, settings=_settings(options, report)
        )
    warn(short)
    code = FAILED if incomplete else NOT_CONVERGED if short else DONE
    return answer._replace(code=code)


def _localize(
    options: argparse.Namespace, inputs: Inputs, keywords: dict[str, Any]
) -> Localization:
    """Localize by the method asked for."""
    if options.method == "tf-mxne":
        keywords["n_tfmxne_iter"] = keywords.pop("n_mxne_iter")
        keywords |= {"wsize": options.wsize, "tstep": options.tstep}
        return localize_tf(*inputs, options.alpha, options.l1_ratio, **keywords)
    if options.method == "gamma-map":
        shared = {name: keywords[name] for name in ("loose", "depth", "time_limit", "verbose")}
        return localize_gamma(*inputs, options.noise_variance, **shared)
    if isinstance(options.alpha, str):
        if options.alpha not in WITHOUT_GRID:
            keywords["sure_alpha_grid"] = np.geomspace(*options.alphas)
        keywords |= {"sure_sigma": options.sure_sigma, "rng": options.rng}
    return localize(*inputs, options.alpha, **keywords)


def run_path(options: argparse.Namespace) -> Answer:
    """Localize at decreasing alphas; write tables and picture."""
    refuse_small(options)
    out = Path(options.out)
    with quiet("path", options.verbose):
        inputs, keywords = _arguments(options, _data(options))
        make_folder(out, "--out")
        localizations = localize_path(*inputs, np.geomspace(*options.alphas), **keywords)
        short = shortfall_line(localizations, options.maxit, options.time_limit)
        if not any(one.active.any() for one in localizations):
            Results(out, "path").write({})
            return _answer_without_sources(
                short, "no source at any of these alphas: lower --alphas"
            )
        answer = write_path(localizations, out)
    warn(short)
    return answer._replace(code=NOT_CONVERGED if short else DONE)


def _fill_rule(options: argparse.Namespace) -> None:
    """Fill in the defaults of the options of rules; refuse them where alpha is given."""
    if isinstance(options.alpha, str):
        if options.alphas and options.alpha in WITHOUT_GRID:
            raise WrongInput(f"--alphas goes with a rule that has a grid, not {options.alpha}")
        options.alphas = options.alphas or AUTO_GRID
        options.rng = options.rng or int(SEED)
        return
    for name in ("alphas", "sure_sigma", "rng"):
        if getattr(options, name) is not None:
            raise WrongInput(
                f"--{name.replace('_', '-')} goes with a rule, such as --alpha sure, "
                f"but --alpha is {options.alpha:g}"
            )


def _fill_method(options: argparse.Namespace) -> None:
    """Fill in the defaults of the method's options; refuse those of another method."""
    if isinstance(options.alpha, str) and options.method != "mxne":
        raise WrongInput(
            f"--alpha {options.alpha} goes with --method mxne, but --method is {options.method}"
        )
    if options.alpha is None:
        options.alpha = RULE if options.method == "mxne" else TF_ALPHA
    for method, defaults in OWN.items():
        for name, default in defaults.items():
            given = getattr(options, name)
            if options.method == method:
                setattr(options, name, default if given is None else given)
            elif given is not None:
                raise WrongInput(
                    f"--{name.replace('_', '-')} goes with --method {method}, "
                    f"but --method is {options.method}"
                )


def _report_path(given: str | None, out: Path) -> Path | None:
    """Return the path of the report, checked before anything is computed."""
    if given is None:
        return None
    if not given:
        return out / "report.html"
    path = Path(given)
    if path.suffix.lower() not in (".html", ".htm") or path.is_dir():
        raise WrongInput(f"--report {path}: give the name of a file that ends in .html")
    make_folder(path.parent, "the folder of --report,")
    return path


def _data(options: argparse.Namespace) -> File:
    """Return the data file: the parser requires one of three options."""
    for option in ("evoked", "epochs"):
        if getattr(options, option) is not None:
            return File(f"--{option}", getattr(options, option))
    return File("--raw", options.raw)


def _arguments(options: argparse.Namespace, data: File) -> tuple[Inputs, dict[str, Any]]:
    """Return the MNE objects and keywords that `localize` and `localize_path` share."""
    part = DataSelection(options.condition, options.tmin, options.tmax, options.baseline)
    head = File("--forward", options.forward), File("--noise-cov", options.noise_cov)
    inputs = read_inputs(data, part, *head)
    fixed = mne.forward.is_fixed_orient(inputs.forward)
    if fixed and options.loose not in ("auto", 0):
        raise WrongInput(
            f"--loose {options.loose:g}: --forward {options.forward} has fixed orientation; "
            "leave --loose out, or compute a forward solution with free orientation"
        )
    return inputs, {name: getattr(options, name) for name in SAME} | {
        "loose": 0.0 if fixed else options.loose,
        "n_mxne_iter": options.reweights,
        "debias": not options.no_debias,
        "verbose": True if options.verbose else None,
    }


def _settings(options: argparse.Namespace, report: Path | None) -> dict[str, Any]:
    """List every option with its value, in the order of the help."""
    given = {**vars(options), "report": report}
    del given["command"], given["run"]
    return {f"--{name.replace('_', '-')}": value for name, value in given.items()}


def _answer_without_sources(short: str | None, why: str) -> Answer:
    """Say why there is no source: the solver was stopped first, or ``why``."""
    if short is not None:
        warn(f"{short}; no source so far, nothing is written")
        return Answer(code=NOT_CONVERGED)
    say(why)
    return Answer(code=NO_SOURCE)


def _reason_without_sources(localization: Localization) -> str:
    """Say whether alpha is too high or reweighting removed all sources."""
    at, count = f"at alpha {localization.alpha:.4g}", localization.solution.n_active_first
    if not count:
        return f"no source {at}: lower --alpha"
    sources, removed = ("a source", "it") if count == 1 else (f"{count} sources", "them")
    return (
        f"MxNE finds {sources} {at}, but reweighting removed {removed}: lower --alpha or use "
        "--reweights 1"
    )
