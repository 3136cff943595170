"""The command line: ``mxne-rs localize`` and ``mxne-rs simulate``, files in and files out."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .localization import Localization
from .localize import localize
from .picture import draw
from .simulate import write_simulation
from .table import format_table, source_table, write_table

__all__ = ["main"]

#: What the exit codes mean: it worked; there is no source at this alpha; the input has to be
#: changed.
DONE, NO_SOURCE, WRONG_INPUT = 0, 1, 2


class WrongInput(Exception):
    """Something the user can put right; its text is one line that says how."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : list of str, optional
        Arguments without the name of the program. Default: those of the process.

    Returns
    -------
    int
        Exit code: 0 where it worked, 1 where no source is active (nothing is written), 2 where the
        input has to be changed; one line on stderr says how.

    Raises
    ------
    SystemExit
        With ``--help``, and with code 2 where the arguments themselves are wrong (from `argparse`).

    Examples
    --------
    >>> from mxne_rs.command import main
    >>> main(["localize", "--evoked", "no-ave.fif", "--forward", "no-fwd.fif",
    ...       "--noise-cov", "no-cov.fif", "--out", "."])  # says so on stderr
    2
    """
    arguments = _parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = arguments.run
    with warnings.catch_warnings():
        # One line each, without the file and line of this package.
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", "No active dipoles")  # said in its own words below
        warnings.showwarning = _show_warning
        try:
            return run(arguments)
        except (WrongInput, ImportError, OSError, RuntimeError, TypeError, ValueError) as error:
            print(f"mxne-rs: error: {_one_line(error)}", file=sys.stderr)
            return WRONG_INPUT


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"mxne-rs: warning: {_one_line(message)}", file=sys.stderr)


def _one_line(message: object) -> str:
    return " ".join(str(message).split()) or type(message).__name__


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mxne-rs",
        description="Sparse M/EEG source imaging: MxNE and irMxNE with a certified duality gap.",
    )
    parser.add_argument("--version", action="version", version=f"mxne-rs {_version()}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    one = commands.add_parser(
        "localize",
        help="find the sources of an evoked response",
        description="Find the few sources that explain an evoked response; write them as source "
        "estimate, dipoles, table and picture, with the residual.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    one.set_defaults(run=_localize)
    files = one.add_argument_group("files")
    files.add_argument("--evoked", required=True, metavar="FILE", help="evoked response (-ave.fif)")
    files.add_argument(
        "--forward", required=True, metavar="FILE", help="forward solution (-fwd.fif)"
    )
    files.add_argument(
        "--noise-cov", required=True, metavar="FILE", help="noise covariance (-cov.fif)"
    )
    files.add_argument(
        "--out", required=True, metavar="DIR", help="folder for the results, made if need be"
    )
    data = one.add_argument_group("data")
    data.add_argument(
        "--condition",
        metavar="NAME",
        help="name or number (from 0) of the condition, if the file has several",
    )
    data.add_argument("--tmin", type=float, metavar="S", help="first time to use")
    data.add_argument("--tmax", type=float, metavar="S", help="last time to use")
    data.add_argument(
        "--baseline",
        nargs=2,
        type=_time_or_none,
        metavar=("S", "S"),
        help="baseline to subtract, 'none' for an end of the data; as in the file if not given",
    )
    model = one.add_argument_group("model")
    model.add_argument(
        "--alpha",
        type=float,
        default=60.0,
        help="regularisation in percent of the value that leaves no source",
    )
    model.add_argument(
        "--reweights", type=int, default=10, metavar="N", help="convex problems: 1 is MxNE"
    )
    model.add_argument(
        "--loose",
        type=_number_or_auto,
        default="auto",
        help="orientation, from 0 (fixed) to 1 (free); auto is 0.2 on a cortex, else 1",
    )
    model.add_argument("--depth", type=float, default=0.8, help="exponent of depth weighting")
    model.add_argument(
        "--no-debias", action="store_true", help="leave amplitudes as the penalty shrinks them"
    )
    solver = one.add_argument_group("solver")
    solver.add_argument("--solver", choices=["bcd", "fista"], default="bcd", help="algorithm")
    solver.add_argument(
        "--tol",
        type=float,
        default=1e-6,
        help="stop at a duality gap of this part of the data's squared norm",
    )
    solver.add_argument("--maxit", type=int, default=10000, metavar="N", help="epochs at most")
    one.add_argument("--verbose", action="store_true", help="show what is done, and progress")

    other = commands.add_parser(
        "simulate",
        help="write an auditory response with known sources",
        description="Write a simulated auditory evoked field, with its forward solution and noise "
        "covariance, to try 'localize' on.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    other.set_defaults(run=_simulate)
    other.add_argument("--out", required=True, metavar="DIR", help="folder, made if need be")
    other.add_argument(
        "--spacing", type=float, default=8.0, metavar="MM", help="distance between locations"
    )
    other.add_argument("--seed", type=int, default=0, help="seed of the noise")
    return parser


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("mxne-rs")
    except PackageNotFoundError:  # run from a source tree
        return "(not installed)"


def _time_or_none(text: str) -> float | None:
    return None if text.lower() == "none" else float(text)


def _number_or_auto(text: str) -> float | str:
    return text if text == "auto" else float(text)


def _simulate(arguments: argparse.Namespace) -> int:
    paths = write_simulation(arguments.out, spacing=arguments.spacing, seed=arguments.seed)
    for line in paths["truth"].read_text(encoding="utf-8").splitlines()[1:]:
        name, x, y, z, amplitude, latency = line.split("\t")
        print(f"{name}: {amplitude} nAm at {latency} ms, ({x}, {y}, {z}) mm in head coordinates")
    print(
        f"try: mxne-rs localize --evoked {paths['evoked']} --forward {paths['forward']} "
        f"--noise-cov {paths['noise_cov']} --alpha 20 --tmin 0.06 --tmax 0.15 "
        f"--out {paths['evoked'].parent}"
    )
    return DONE


def _localize(arguments: argparse.Namespace) -> int:
    try:
        import mne
    except ImportError as error:
        raise WrongInput("localize needs MNE-Python: pip install 'mxne-rs[mne]'") from error

    if arguments.reweights < 1:
        raise WrongInput(f"--reweights is {arguments.reweights}; give 1 for MxNE, more for irMxNE")
    out = Path(arguments.out)
    with mne.utils.use_log_level("INFO" if arguments.verbose else "ERROR"):
        evoked = _read_evoked(mne, arguments)
        forward = _read(
            "--forward", arguments.forward, mne.read_forward_solution, "forward solution"
        )
        noise_cov = _read("--noise-cov", arguments.noise_cov, mne.read_cov, "noise covariance")
        _make_folder(out)
        localization = localize(
            evoked,
            forward,
            noise_cov,
            arguments.alpha,
            loose=arguments.loose,
            depth=arguments.depth,
            maxit=arguments.maxit,
            tol=arguments.tol,
            debias=not arguments.no_debias,
            solver=arguments.solver,
            n_mxne_iter=arguments.reweights,
            verbose=True if arguments.verbose else None,
        )
        if not localization.active.any():
            print(
                f"mxne-rs: no source at alpha {localization.alpha:g}: lower --alpha",
                file=sys.stderr,
            )
            return NO_SOURCE
        _report(localization, out)
    return DONE


def _report(localization: Localization, out: Path) -> None:
    """Write every file, print the table."""
    evoked, solution = localization.evokeds[0], localization.solution
    dipoles, residual = localization.dipoles()[0], localization.residuals()[0]
    rows = source_table(localization, dipoles)

    written = _write_estimate(localization.estimates()[0], out)
    folder = out / "dipoles"
    folder.mkdir(exist_ok=True)
    for stale in folder.glob("source-*.dip"):
        stale.unlink()
    for row in rows:
        dipoles[row.index].save(folder / f"source-{row.number:02d}.dip", overwrite=True)
    residual.comment = f"residual of {evoked.comment}"
    residual.save(out / "residual-ave.fif", overwrite=True)
    write_table(rows, out / "sources.tsv")
    draw(localization, out / "localization.png", dipoles=dipoles, residual=residual)

    start, stop = 1000 * evoked.times[0], 1000 * evoked.times[-1]
    rounds = solution.n_reweights
    method = "MxNE" if rounds is None else f"irMxNE, {rounds} rounds"
    print(
        f"{evoked.comment}, {start:.0f} to {stop:.0f} ms: {method}, alpha {localization.alpha:g} %"
    )
    print(format_table(rows))
    count = "1 source explains" if len(rows) == 1 else f"{len(rows)} sources explain"
    print(f"{count} {localization.explained_variance:.1f} % of the whitened data's power")
    print(
        f"{solution.status.replace('_', ' ')}: relative gap {localization.relative_gap:.1e}, "
        f"{solution.n_iter} epochs, {1000 * solution.elapsed:.0f} ms"
    )
    if solution.reweighting_converged is False:
        print("reweighting had not settled: more --reweights may change the answer")
    names = [*written, "dipoles/", "residual-ave.fif", "sources.tsv", "localization.png"]
    print(f"wrote to {out}: {', '.join(names)}")


def _write_estimate(stc: Any, out: Path) -> list[str]:
    """Write a source estimate in the format of its kind; return the names of the files."""
    import mne

    if isinstance(stc, mne.SourceEstimate):
        stc.save(out / "sources", ftype="stc", overwrite=True)
        return ["sources-lh.stc", "sources-rh.stc"]
    if isinstance(stc, mne.VolSourceEstimate):
        stc.save(out / "sources-vl.stc", ftype="stc", overwrite=True)
        return ["sources-vl.stc"]
    # A mixed source space: MNE keeps it in HDF5, and says what to install where that is missing.
    stc.save(out / "sources", ftype="h5", overwrite=True)
    return ["sources-stc.h5"]


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or "it exists and is not a folder"
        raise WrongInput(f"cannot make the folder --out {out}: {reason}") from error


def _read(option: str, name: str, reader: Callable[[str], Any], what: str) -> Any:
    """Read a file, or say in one line what is wrong with it."""
    if not Path(name).is_file():
        raise WrongInput(f"{option} {name}: there is no such file; give a {what} written by MNE")
    try:
        return reader(name)
    except Exception as error:
        raise WrongInput(f"{option} {name} is not a readable {what}: {_one_line(error)}") from error


def _read_evoked(mne: Any, arguments: argparse.Namespace) -> Any:
    """Read one condition, with its baseline, cropped to the times asked for."""
    option = f"--evoked {arguments.evoked}"
    evokeds = _read("--evoked", arguments.evoked, mne.read_evokeds, "file of evoked responses")
    names = [evoked.comment for evoked in evokeds]
    listed = ", ".join(f"{index} {name!r}" for index, name in enumerate(names))
    if arguments.condition is None:
        if len(evokeds) > 1:
            raise WrongInput(f"{option} has several conditions; give --condition, one of {listed}")
        evoked = evokeds[0]
    else:
        evoked = evokeds[_condition_index(arguments.condition, names, listed, option)]

    if arguments.baseline is not None:
        evoked.apply_baseline(tuple(arguments.baseline))
    first, last = evoked.times[0], evoked.times[-1]
    tmin = first if arguments.tmin is None else arguments.tmin
    tmax = last if arguments.tmax is None else arguments.tmax
    # Half a sample of room: 0.0498 s is 0.05 s to whoever reads a plot.
    room = 0.5 / evoked.info["sfreq"]
    if not first - room <= tmin <= tmax <= last + room:
        raise WrongInput(
            f"--tmin {tmin:g} and --tmax {tmax:g} do not fit the data: "
            f"{option} reaches from {first:g} to {last:g} s"
        )
    return evoked.crop(max(tmin, first), min(tmax, last))


def _condition_index(condition: str, names: Sequence[str], listed: str, option: str) -> int:
    if names.count(condition) == 1:
        return names.index(condition)
    if condition not in names and condition.isdecimal() and int(condition) < len(names):
        return int(condition)
    problem = "several conditions" if condition in names else "no condition"
    raise WrongInput(f"{option} has {problem} {condition!r}; give one of {listed}")


if __name__ == "__main__":
    sys.exit(main())
