"""The console and the process around a command: what is said there, and how a command ends."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from .._arguments.extras import import_mne
from .wording import one_line

#: What the exit codes mean; `mxne-rs --help` lists them.
DONE, NO_SOURCE, WRONG_INPUT, NOT_CONVERGED, FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 130


class Answer(NamedTuple):
    """What a command ends with."""

    lines: Sequence[str] = ()
    """For stdout."""
    problems: Sequence[str] = ()
    """One for each file that could not be written: where there are any, it has failed."""
    code: int = DONE


def say(line: str) -> None:
    """Print a line to stderr, which may be full or closed: no reason to end otherwise."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            print(f"mxne-rs: {one_line(line)}", file=sys.stderr)


def warn(line: str | None) -> None:
    """Print a warning to stderr, where there is one."""
    if line is not None:
        say(f"warning: {line}")


def quiet(command: str, verbose: bool = False) -> Any:
    """Set MNE's log level while a command runs, or say that the command needs MNE."""
    mne = import_mne(command)
    return mne.utils.use_log_level("INFO" if verbose else "ERROR")


@contextlib.contextmanager
def any_text() -> Iterator[None]:
    """Show what a console has no letters for as escapes, and go on where its reader has left."""
    # A log that nobody reads any more is no reason for a traceback.
    raised, logging.raiseExceptions = logging.raiseExceptions, False
    streams = [one for one in (sys.stdout, sys.stderr) if isinstance(one, io.TextIOWrapper)]
    before = [stream.errors for stream in streams]
    for stream in streams:
        stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        logging.raiseExceptions = raised
        for stream, errors in zip(streams, before, strict=True):
            with contextlib.suppress(OSError, ValueError):
                stream.reconfigure(errors=errors)


def draw_without_a_window() -> None:
    """Replace a backend of matplotlib that may not be there, such as a notebook's."""
    if "MPLBACKEND" in os.environ and "matplotlib" not in sys.modules:
        os.environ["MPLBACKEND"] = "agg"


def print_lines(lines: Sequence[str]) -> str | None:
    """Print to stdout; return what to say where that failed."""
    failure = None
    try:
        if lines:
            print("\n".join(lines), flush=True)
        return None
    except BrokenPipeError:
        pass  # Whoever read has seen enough.
    except OSError as error:
        failure = f"stdout cannot be written: {error.strerror}"
    # Python would complain when it flushes once more at its end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return failure
