"""The console and the process around a command, whatever they are."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
from collections.abc import Iterator, Sequence


@contextlib.contextmanager
def any_text() -> Iterator[None]:
    """Show what a console has no letters for as escapes, and go on where its reader has left.

    Examples
    --------
    >>> from mxne_rs.command.console import any_text
    >>> with any_text():
    ...     print("Ton \u00e9")
    Ton \u00e9
    """
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
    """Replace a backend of matplotlib that may not be there, such as a notebook's.

    Examples
    --------
    >>> from mxne_rs.command.console import draw_without_a_window
    >>> draw_without_a_window()  # does nothing where MPLBACKEND is not set
    """
    if "MPLBACKEND" in os.environ and "matplotlib" not in sys.modules:
        os.environ["MPLBACKEND"] = "agg"


def print_lines(lines: Sequence[str]) -> str | None:
    """Print to stdout; return what to say where that failed.

    Examples
    --------
    >>> from mxne_rs.command.console import print_lines
    >>> print_lines(["one", "two"])
    one
    two
    """
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
