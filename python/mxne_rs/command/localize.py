"""`mxne-rs localize` and `mxne-rs path`: find the sources of measured data."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable
from dataclasses import astuple
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .._arguments.convert import one_line
from .._arguments.extras import mne
from ..inverse.localized import Localized
from ..inverse.options import RULE, SEED
from ..inverse.settings import AUTO_GRID, WITHOUT_GRID
from ..resampling.stability import COLUMNS, stability
from ..results.files import RESIDUAL, needs_h5io, write_localization, write_path
from ..results.folder import Results, make_folder
from ..results.localization import Localization
from ..results.localize import localize, localize_gamma, localize_path, localize_tf
from ..results.shown import Shown
from ..results.summary import summarise, summarise_path
from ..results.table import write_lines
from .console import DONE, FAILED, NO_SOURCE, NOT_CONVERGED, Answer, quiet, say, warn
from .localize_options import (
    ABOUT_LOCALIZE,
    ABOUT_PATH,
    ALPHA,
    CHANNELS,
    DATA,
    FILES,
    GAMMA,
    METHOD,
    MODEL,
    OF_RULES,
    OWN,
    PART,
    PATH_ALPHAS,
    PATH_REPORT,
    PLACES,
    REPORT,
    SOLVER,
    STABILITY,
    TF_ALPHA,
    TIME_FREQUENCY,
    WEIGHTS,
    WITH_INPUTS,
)
from .options import Option, add_command, refuse_small
from .reading import (
    DataSelection,
    File,
    Inputs,
    read_epochs,
    read_inputs,
    read_places,
    read_weights,
)
from .wording import WrongInput, doubt_line, shortfall_line, unsettled_line

#: Options that `localize` has by the same name.
SAME = (
    "depth", "amplitude_unit", "maxit", "tol", "allow_small_alpha", "time_limit", "solver", "rank",
)  # fmt: skip


#: Resamples of --stability without a number.
RESAMPLES = 50


def add_options(commands: Any) -> None:
    """Add both commands and their options."""
    data = {"data (one of them)": DATA, "other files": FILES, "part of the data": PART}
    data |= {"channels": CHANNELS}
    with_report = data | {"other files": (*FILES, *PLACES, REPORT, WITH_INPUTS, STABILITY)}
    model = {
        "model": (*METHOD, ALPHA, *MODEL, *WEIGHTS),
        "where a rule chooses alpha": OF_RULES,
        "with --method tf-mxne": TIME_FREQUENCY,
        "with --method gamma-map": GAMMA,
    }
    verbose = Option("--verbose", "show log messages and progress")
    end = {"solver": SOLVER, "": (verbose,)}
    add_command(commands, "localize", run_localize, ABOUT_LOCALIZE, with_report | model | end)
    model = {"model": (*MODEL, *WEIGHTS, PATH_ALPHAS)}
    files = {"other files": (*FILES, PATH_REPORT, WITH_INPUTS)}
    add_command(commands, "path", run_path, ABOUT_PATH, data | files | model | end)


def run_localize(options: argparse.Namespace) -> Answer:
    """Localize at one alpha; write sources, residual, picture and report."""
    _fill_method(options)
    _fill_rule(options)
    refuse_small(options)
    out, data = Path(options.out), _data(options)
    report = _report_path(options.report, out)
    data.refuse_overwriting(out / RESIDUAL)
    if options.stability is not None and data.option != "--epochs":
        raise WrongInput(f"--stability draws from --epochs, but the data are {data}")
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
        resampled = _Stability(options, data, inputs, keywords)
        written = write_localization(
            localization,
            out,
            with_inputs=options.with_inputs,
            report=report,
            more=resampled.writers(),
            of_report=lambda: {
                "command": shlex.join(["mxne-rs", *options.arguments]),
                "files": _files(options),
                "stability": resampled.answer,
            },
        )
    warn(short)
    lines = [
        *(
            line
            for k in range(len(localization.evokeds))
            for line in summarise(Shown(localization, k))
        ),
        *filter(None, [unsettled_line([localization])]),
        f"wrote to {one_line(out)}: {', '.join(written.names)}",
    ]
    code = FAILED if incomplete else NOT_CONVERGED if short else DONE
    return Answer(lines, written.problems, code)


class _Stability:
    """The stability that `--stability` asks for, computed once the localization is written."""

    def __init__(
        self, options: argparse.Namespace, data: File, inputs: Inputs, keywords: dict[str, Any]
    ) -> None:
        self._options, self._data = options, data
        self._inputs, self._keywords = inputs, keywords

    @cached_property
    def answer(self) -> Any:
        """A Stability; None where --stability is not given."""
        count = self._options.stability
        if count is None:
            return None
        names = ("loose", "depth", "rank", "n_mxne_iter", "amplitude_unit", "verbose")
        return stability(
            read_epochs(self._data, _part(self._options)), *self._inputs[1:],
            n_resamples=int(count or RESAMPLES), **{name: self._keywords[name] for name in names},
        )  # fmt: skip

    def writers(self) -> dict[str, Callable[[Path], Any]]:
        """Return what writes the table and the picture, by file."""
        if self._options.stability is None:
            return {}
        return {"stability.tsv": self._write, "stability.png": self._draw}

    def _write(self, side: Path) -> None:
        rows = [(*one[:3], *one[3], *one[4:]) for one in map(astuple, self.answer.rows())]
        write_lines(side / "stability.tsv", [COLUMNS, *([f"{x}" for x in row] for row in rows)])

    def _draw(self, side: Path) -> None:
        self.answer.plot(path=side / "stability.png")


def _localize(
    options: argparse.Namespace, inputs: Inputs, keywords: dict[str, Any]
) -> Localization:
    """Localize by the method asked for."""
    if options.method == "tf-mxne":
        keywords["n_tfmxne_iter"] = keywords.pop("n_mxne_iter")
        keywords |= {"wsize": options.wsize, "tstep": options.tstep}
        return localize_tf(*inputs, options.alpha, options.l1_ratio, **keywords)
    if options.method == "gamma-map":
        names = ("loose", "depth", "rank", "time_limit", "verbose")
        return localize_gamma(
            *inputs, options.noise_variance, **{name: keywords[name] for name in names}
        )
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
        written = write_path(
            localizations, out, with_inputs=options.with_inputs, report=options.report
        )
    warn(short)
    lines = [
        *summarise_path(localizations),
        *filter(None, [unsettled_line(localizations)]),
        f"wrote to {one_line(out)}: {', '.join(written.names)}",
    ]
    return Answer(lines, written.problems, NOT_CONVERGED if short else DONE)


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
    part = _part(options)
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
        "weights": read_weights(options.weights and File("--weights", options.weights)),
        "weights_min": options.weights_min or 0.0,
        "debias": not options.no_debias,
        "verbose": True if options.verbose else None,
    }


def _part(options: argparse.Namespace) -> DataSelection:
    return DataSelection(
        options.condition, options.tmin, options.tmax, options.baseline, options.pick, options.bads
    )


def _files(options: argparse.Namespace) -> dict[str, str]:
    """Return the files that were read, by option."""
    names = ("evoked", "epochs", "raw", "forward", "noise_cov", "weights")
    given = {name: getattr(options, name) for name in names}
    return {f"--{name.replace('_', '-')}": path for name, path in given.items() if path}


def _answer_without_sources(short: str | None, why: str) -> Answer:
    """Say why there is no source: the solver was stopped first, or ``why``."""
    if short is not None:
        warn(f"{short}; no source so far, nothing is written")
        return Answer(code=NOT_CONVERGED)
    say(why)
    return Answer(code=NO_SOURCE)


def _reason_without_sources(localization: Localized) -> str:
    """Say whether alpha is too high or reweighting removed all sources."""
    at, count = f"at alpha {localization.alpha:.4g}", localization.solution.n_active_first
    if not count:
        return f"no source {at}: lower --alpha"
    sources, removed = ("a source", "it") if count == 1 else (f"{count} sources", "them")
    return (
        f"MxNE finds {sources} {at}, but reweighting removed {removed}: lower --alpha or use "
        "--reweights 1"
    )
