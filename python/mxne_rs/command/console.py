"""Print to the console, set up the process of a command, and name its exit codes."""

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
    """The result of a command."""

    lines: Sequence[str] = ()
    """For stdout."""
    problems: Sequence[str] = ()
    """A line for each file that could not be written; any makes the command fail."""
    code: int = DONE


def say(line: str) -> None:
    """Print a line to stderr; a full or closed stderr is ignored."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            print(f"mxne-rs: {one_line(line)}", file=sys.stderr)


def warn(line: str | None) -> None:
    """Print a warning to stderr; None prints nothing."""
    if line is not None:
        say(f"warning: {line}")


def quiet(command: str, verbose: bool = False) -> Any:
    """Set MNE's log level while a command runs; without MNE raise that the command needs it."""
    mne = import_mne(command)
    return mne.utils.use_log_level("INFO" if verbose else "ERROR")


@contextlib.contextmanager
def tolerant_output() -> Iterator[None]:
    """Escape characters that a console cannot show, and ignore a closed reader."""
    # Logging prints no traceback where the reader of stderr has gone.
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
    """Replace a matplotlib backend that may be missing here, such as a notebook's."""
    if "MPLBACKEND" in os.environ and "matplotlib" not in sys.modules:
        os.environ["MPLBACKEND"] = "agg"


def print_lines(lines: Sequence[str]) -> str | None:
    """Print to stdout; return an error line where that failed."""
    failure = None
    try:
        if lines:
            print("\n".join(lines), flush=True)
        return None
    except BrokenPipeError:
        pass  # The reader, such as `head`, has closed the pipe: no error.
    except OSError as error:
        failure = f"stdout cannot be written: {error.strerror}"
    # Python flushes stdout once more at exit, and would print an error there.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return failure
