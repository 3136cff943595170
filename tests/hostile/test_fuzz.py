"""The kept corpus of strange calls, and five seconds of new ones; more by `make fuzz`."""

import fuzz_boundary


def test_strange_calls():
    """Each has an answer that holds, or an error that names an argument."""
    session = fuzz_boundary.fuzz(seconds=5, start=0)
    assert session.end(), session.found
