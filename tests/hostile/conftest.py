"""What the tests of processes and of the corpus share."""

import faulthandler
import sys
from collections.abc import Iterator

import pytest

import children

#: Seconds after which a case that holds the interpreter is ended with all of its tests.
WATCHDOG = 110


@pytest.fixture(scope="module")
def expected() -> str:
    """Return the digest of the answer of `children.answer`, here and on one thread."""
    return children.answer(1)


@pytest.fixture
def watchdog() -> Iterator[None]:
    """Where the judge's own limit cannot help, show where everything stands, and end it."""
    faulthandler.dump_traceback_later(WATCHDOG, exit=True, file=sys.__stderr__)
    yield
    faulthandler.cancel_dump_traceback_later()
