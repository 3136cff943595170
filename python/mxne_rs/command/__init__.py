"""The command line: files in and files out, or a live recording in and its sources out."""

from __future__ import annotations

import argparse
import contextlib
import shlex
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..inverse.localization import Localization
from ..inverse.localize import localize
from ..inverse.paths import localize_path
from ..simulate import write_simulation
from ..solve.solution import ConvergenceWarning
from .console import any_text, draw_without_a_window, print_lines
from .folder import Results, make_folder
from .options import parse
from .reading import Inputs, keep_inputs, read_inputs, read_live, read_recording
from .wording import NotWritten, WrongInput, doubt_line, one_line, shortfall_line
from .writing import RESIDUAL, Written, needs_h5io, write_localization, write_path

__all__ = ["main"]

#: The papers' protocols in a clone of the project; an installed package is without them.
EVIDENCE = Path(__file__).resolve().parents[3] / "evidence"
#: What the exit codes mean; `mxne-rs --help` lists them.
DONE, NO_SOURCE, WRONG_INPUT, NOT_CONVERGED, FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 130


class Answer(NamedTuple):
    """What a command ends with."""

    code: int
    lines: list[str]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : list of str, optional
        Arguments without the name of the program. Default: those of the process.

    Returns
    -------
    int
        Exit code: 0 where it worked, 1 where no source is active (nothing is written, and what an
        earlier run wrote is removed), 2 where options or files have to be changed (one line on
        stderr says how), 3 where the gap asked for was not reached (the results are written), 4
        where something could not be written or the program failed (lines on stderr say what; what
        stdout lists is written), 130 where it was interrupted.

    Raises
    ------
    SystemExit
        With ``--help`` and ``--version``.

    Examples
    --------
    >>> from mxne_rs.command import main
    >>> main(["localize", "--evoked", "no-ave.fif", "--forward", "no-fwd.fif",
    ...       "--noise-cov", "no-cov.fif", "--out", "."])  # says so on stderr
    2
    """
    draw_without_a_window()
    with warnings.catch_warnings(), any_text():
        # One line each, without the file and line of this package.
        warnings.simplefilter("always")
        warnings.showwarning = _show_warning
        # Said in the words of the command line.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for beginning in ("No active dipoles", "SURE "):
            warnings.filterwarnings("ignore", beginning, RuntimeWarning)
        # A name in letters that the font does not have is right in all files but the picture.
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from", UserWarning)
        try:
            options = parse(argv)
            answer = COMMANDS[options.command](options)
        except KeyboardInterrupt:
            _say("interrupted")
            return INTERRUPTED
        except (NotWritten, MemoryError) as error:
            _say(f"error: {one_line(error)}")
            return FAILED
        except (WrongInput, ImportError, OSError, RuntimeError, TypeError, ValueError) as error:
            _say(f"error: {one_line(error)}")
            return WRONG_INPUT
        except Exception as error:
            traceback.print_exc()
            _say(f"error: {one_line(error)}; this is a fault of mxne-rs, please report it")
            return FAILED
        failure = print_lines(answer.lines)
        if failure is not None:
            _say(f"error: {failure}")
            return FAILED
        return answer.code


def _say(line: str) -> None:
    # A stderr that is full or closed is no reason to end otherwise.
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            print(f"mxne-rs: {one_line(line)}", file=sys.stderr)


def _warn(line: str | None) -> None:
    if line is not None:
        _say(f"warning: {line}")


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    _warn(one_line(message))


def _localize(options: argparse.Namespace) -> Answer:
    out = Path(options.out)
    report = _report_path(options)
    keep_inputs(options, out / RESIDUAL)
    with _quiet(options):
        inputs = read_inputs(options, _warn)
        make_folder(out, "--out")
        incomplete = needs_h5io(inputs.forward)
        if incomplete:
            _warn(
                f"--forward {options.forward} has a mixed source space, whose source estimate "
                "needs h5io (pip install h5io): all but the estimate is written"
            )
        found = _find(options, inputs, options.alpha, options.reweights)
        _warn(doubt_line(found))
        if not found.active.any():
            _clear(Results(out, "localize"), report)
            return _unfinished([found], options) or _no_source(options, inputs, found)
        written = write_localization(found, out, report=report, settings=_settings(options, report))
    return _answer([found], options, written, incomplete=incomplete)


def _path(options: argparse.Namespace) -> Answer:
    out = Path(options.out)
    with _quiet(options):
        inputs = read_inputs(options, _warn)
        make_folder(out, "--out")
        found = localize_path(*inputs, np.geomspace(*options.alphas), **_how(options, inputs))
        if not any(one.active.any() for one in found):
            _clear(Results(out, "path"))
            unfinished = _unfinished(found, options)
            if unfinished is None:
                _say("no source at any of these alphas: lower --alphas")
            return unfinished or Answer(NO_SOURCE, [])
        written = write_path(found, out)
    return _answer(found, options, written)


def _simulate(options: argparse.Namespace) -> Answer:
    out = Path(options.out)
    make_folder(out, "--out")
    how = {"spacing": options.spacing, "seed": options.seed}
    results = Results(out, "simulate")
    results.write({"simulated-ave.fif": lambda side: write_simulation(side, **how)})
    if results.problems:
        return _complete([], results.problems)
    lines = []
    for line in (out / "true-sources.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        name, x, y, z, amplitude, latency = line.split("\t")
        lines.append(
            f"{name}: {amplitude} nAm at {latency} ms, ({x}, {y}, {z}) mm in head coordinates"
        )
    command = ["mxne-rs", "localize"]
    for option, kind in (("--evoked", "ave"), ("--forward", "fwd"), ("--noise-cov", "cov")):
        command += [option, str(out / f"simulated-{kind}.fif")]
    command += ["--tmin", "0.06", "--tmax", "0.15", "--alpha", "20"]
    lines.append(f"try: {shlex.join([*command, '--out', str(out / 'results')])}")
    return Answer(DONE, lines)


def _stream(options: argparse.Namespace) -> Answer:
    from ..live.lsl import Reader
    from ..live.session import run_session
    from ..live.stream import Stream

    with _quiet(options):
        info, forward, noise_cov = read_live(options)
        reader = Reader(
            options.stream, stype=options.type, source_id=options.source_id, unit=options.unit,
            wanted=[name for name in forward["sol"]["row_names"] if name in noise_cov["names"]],
            names=None if options.info is None else info["ch_names"],
        )  # fmt: skip
        n_times, hop = (
            max(1, round(seconds * reader.sfreq)) for seconds in (options.window, options.hop)
        )
        tracked = options.alpha == "tracked"
        stream = Stream.from_mne(
            info, forward, noise_cov, n_times, 50.0 if tracked else options.alpha, hop=hop,
            alpha_mode="tracked" if tracked else "percent", ch_names=reader.ch_names,
            alpha_floor=0.0 if options.no_floor else "noise", n_reweights=options.reweights,
            amplitude_unit=options.amplitude_unit, deadline=options.deadline,
            loose=options.loose, depth=options.depth,
        )  # fmt: skip
        seen = run_session(
            reader, stream, view=options.view, port=options.port, outlet=options.outlet,
            seconds=options.seconds, tell=_say,
        )  # fmt: skip
    p50, p95, p99 = (1e3 * value for value in seen.latency)
    return Answer(
        DONE,
        [
            f"{seen.n_solved} of {seen.n_windows} windows solved: {seen.n_dropped} dropped, "
            f"{seen.n_skipped} skipped, {seen.n_lost} lost, {seen.n_deadlines} at the deadline",
            f"newest sample to sources: p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms",
        ],
    )


def _replay(options: argparse.Namespace) -> Answer:
    from ..live.lsl import play

    if not Path(options.file).exists():
        raise WrongInput(f"{options.file}: there is no such file")
    with _quiet(options):
        play(options.file, options.name, chunk=options.chunk, seconds=options.seconds, tell=_say)
    return Answer(DONE, [])


def _reproduce(options: argparse.Namespace) -> Answer:
    out = Path(options.out)
    with _quiet(options):
        from papers import PAPERS
        from papers.findings import writers_of

        make_folder(out, "--out")
        how = read_recording(options)
        n_parts = len(list((out / "parts").rglob("*.npz")))
        if n_parts:
            _say(f"{n_parts} finished parts in {out / 'parts'}: they are not solved again")
        if options.repetitions:
            how["repetitions"] = options.repetitions
        findings = PAPERS[options.paper]()(
            seed=options.seed, data=options.data, n_jobs=options.jobs, store=out / "parts",
            announce=lambda cost: _say(str(cost)), **how,
        )  # fmt: skip
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
    return _complete(lines, results.problems)


COMMANDS: dict[str, Callable[[argparse.Namespace], Answer]] = {
    "localize": _localize,
    "path": _path,
    "simulate": _simulate,
    "stream": _stream,
    "replay": _replay,
    "reproduce": _reproduce,
}


def _quiet(options: argparse.Namespace) -> Any:
    """MNE's log level while a command runs."""
    try:
        import mne
    except ImportError as error:
        raise WrongInput(
            f"{options.command} needs MNE-Python: pip install 'mxne-rs[mne]'"
        ) from error
    return mne.utils.use_log_level("INFO" if options.verbose else "ERROR")


def _find(
    options: argparse.Namespace, inputs: Inputs, alpha: float | str, n_mxne_iter: int
) -> Localization:
    sure: dict[str, Any] = {}
    if alpha == "sure":
        sure["sure_alpha_grid"] = np.geomspace(*options.alphas)
        sure["sure_sigma"], sure["rng"] = options.sure_sigma, options.seed
    how = {**_how(options, inputs), "n_mxne_iter": n_mxne_iter}
    return localize(inputs.evoked, inputs.forward, inputs.noise_cov, alpha, **how, **sure)


def _how(options: argparse.Namespace, inputs: Inputs) -> dict[str, Any]:
    """What `localize` and `localize_path` are asked for alike."""
    import mne

    fixed = mne.forward.is_fixed_orient(inputs.forward)
    return {
        "loose": 0.0 if fixed else options.loose,
        "depth": options.depth,
        "n_mxne_iter": options.reweights,
        "amplitude_unit": options.amplitude_unit,
        "maxit": options.maxit,
        # Of the power of the data there, of half of it here, which is the gap that is shown.
        "tol": options.tol,
        "allow_small_alpha": options.allow_small_alpha,
        "time_limit": options.time_limit,
        "debias": not options.no_debias,
        "solver": options.solver,
        "verbose": True if options.verbose else None,
    }


def _unfinished(found: Sequence[Localization], options: argparse.Namespace) -> Answer | None:
    """Say that the solver was stopped before it had a source; None where it was not stopped."""
    shortfall = shortfall_line(found, options)
    if shortfall is None:
        return None
    _warn(f"{shortfall}; no source so far, nothing is written")
    return Answer(NOT_CONVERGED, [])


def _no_source(options: argparse.Namespace, inputs: Inputs, found: Localization) -> Answer:
    """Say whether alpha is too high or reweighting went too far."""
    if options.reweights > 1:
        count = int(_find(options, inputs, found.alpha, 1).active.sum())
        if count:
            sources = "a source" if count == 1 else f"{count} sources"
            _say(
                f"MxNE finds {sources} at alpha {found.alpha:.4g}, but reweighting removed "
                f"{'it' if count == 1 else 'them'}: lower --alpha or use --reweights 1"
            )
            return Answer(NO_SOURCE, [])
    _say(f"no source at alpha {found.alpha:.4g}: lower --alpha")
    return Answer(NO_SOURCE, [])


def _clear(results: Results, report: Path | None = None) -> None:
    """Remove what an earlier run wrote, where this one has nothing to write."""
    results.write({})
    if report is not None and report.exists():
        _warn(f"{report} is left as it was: it is not of this run")


def _answer(
    found: Sequence[Localization],
    options: argparse.Namespace,
    written: Written,
    *,
    incomplete: bool = False,
) -> Answer:
    shortfall = shortfall_line(found, options)
    _warn(shortfall)
    code = DONE if shortfall is None else NOT_CONVERGED
    return _complete(written.lines, written.problems, FAILED if incomplete else code)


def _complete(lines: list[str], problems: Sequence[str], code: int = DONE) -> Answer:
    """Say which files could not be written, and end accordingly."""
    for problem in problems:
        _say(f"error: {problem}")
    return Answer(FAILED if problems else code, lines)


def _report_path(options: argparse.Namespace) -> Path | None:
    """Where the report goes, before anything is computed for it."""
    if options.report is None:
        return None
    if not options.report:
        return Path(options.out) / "report.html"
    path = Path(options.report)
    if path.suffix.lower() not in (".html", ".htm") or path.is_dir():
        raise WrongInput(f"--report {path}: give the name of a file that ends in .html")
    make_folder(path.parent, "the folder of --report,")
    return path


def _settings(options: argparse.Namespace, report: Path | None) -> dict[str, Any]:
    """Every option with its value, in the order of the help."""
    values = {**vars(options), "report": report}
    del values["command"]
    return {f"--{name.replace('_', '-')}": value for name, value in values.items()}
