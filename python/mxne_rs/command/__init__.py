"""Run the command line: files in and files out, or a live stream in and its sources out."""

from __future__ import annotations

import argparse
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Any

from .._arguments.warn import ConvergenceWarning
from .._core import __version__
from ..results.folder import NotWritten
from . import console, live, localize, reproduce, simulate
from .console import FAILED, INTERRUPTED, WRONG_INPUT, say, warn
from .options import Parser
from .wording import WrongInput, one_line

__all__ = ["main"]

EXAMPLES = """\
try it without data of your own:
  mxne-rs simulate --out demo
  mxne-rs localize --evoked demo/simulated-ave.fif --forward demo/simulated-fwd.fif \\
      --noise-cov demo/simulated-cov.fif --tmin 0.06 --tmax 0.15 \\
      --report --out demo/results

'mxne-rs COMMAND --help' lists the options of a command, with examples.

exit code:
  0  success
  1  no source is active: nothing is written, and files of an earlier run are removed
  2  an option, a file or a channel set has to be changed: one line says how
  3  the solver stopped before the gap of --tol was reached; its last answer is written
  4  a file could not be written, or the program failed: lines say which; the rest is written
  130  interrupted
"""


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the arguments of a command line; None takes those of the process.

    In the result ``command`` is the name of the command and ``run`` its function; other attributes
    are named as their options.

    Examples
    --------
    >>> from mxne_rs.command import parse
    >>> options = parse(["simulate", "--out", "demo"])
    >>> options.command, options.out, options.spacing
    ('simulate', 'demo', 8.0)
    """
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
    for module in (localize, simulate, live, reproduce):
        module.add_options(commands)
    options = parser.parse_args(argv)
    options.arguments = list(sys.argv[1:] if argv is None else argv)
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : list of str, optional
        Arguments without the name of the program. Default: those of the process.

    Returns
    -------
    int
        Exit code, as listed by ``mxne-rs --help``. For codes other than 0, lines on stderr say what
        to change or what failed; the files that stdout lists are written.

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
    console.draw_without_a_window()
    with warnings.catch_warnings(), console.tolerant_output():
        # Warnings are one line each, without the file and line of this package.
        warnings.simplefilter("always")
        warnings.showwarning = _show
        # The command line words these warnings in terms of its options (see `wording`).
        warnings.simplefilter("ignore", ConvergenceWarning)
        for beginning in ("No active dipoles", "SURE "):
            warnings.filterwarnings("ignore", beginning, RuntimeWarning)
        # A name in letters that the font lacks is wrong in the picture only.
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from", UserWarning)
        try:
            options = parse(argv)
            answer = options.run(options)
        except KeyboardInterrupt:
            say("interrupted")
            return INTERRUPTED
        except (NotWritten, MemoryError) as error:
            say(f"error: {one_line(error)}")
            return FAILED
        except (WrongInput, ImportError, OSError, RuntimeError, TypeError, ValueError) as error:
            say(f"error: {one_line(error)}")
            return WRONG_INPUT
        except Exception as error:
            traceback.print_exc()
            say(f"error: {one_line(error)}; this is a fault of mxne-rs, please report it")
            return FAILED
        for problem in answer.problems:
            say(f"error: {problem}")
        failure = console.print_lines(answer.lines)
        if failure is not None:
            say(f"error: {failure}")
        return FAILED if failure is not None or answer.problems else answer.code


def _show(message: Warning | str, *_: Any, **__: Any) -> None:
    warn(one_line(message))
