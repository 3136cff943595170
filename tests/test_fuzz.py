"""The kept corpus of strange calls, and five seconds of new ones; longer by `make fuzz`."""

import time

import fuzz_boundary


def test_strange_calls():
    """Each has an answer that holds, or an error that names an argument."""
    session = fuzz_boundary.fuzz(seconds=5, start=int(time.time()))
    assert session.end(), session.found
