"""Commands run in this process, and what they print."""

from __future__ import annotations

from typing import Any

import pytest

from mxne_rs.command import main

Capture = pytest.CaptureFixture[str]


def without(options: dict[str, str], *names: str) -> dict[str, str]:
    """Options but some of them."""
    return {name: value for name, value in options.items() if name not in names}


def run(options: dict[str, str], *flags: str, command: str = "localize") -> int:
    """Run a command in this process."""
    pairs = ((name, *value.split("|")) for name, value in options.items())
    return main([command, *(part for pair in pairs for part in pair), *flags])


def evoked_of(files: dict[str, str]) -> Any:
    """The simulated response, all of its times."""
    import mne

    return mne.read_evokeds(files["--evoked"], condition=0)


def refused(
    capsys: Capture, options: dict[str, str], *words: str, command: str = "localize"
) -> None:
    """Exit code 2, nothing on stdout, one line on stderr with these words."""
    assert run(options, command=command) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("mxne-rs: error: ")
    for word in words:
        assert word in captured.err


def told(capsys: Capture, *words: str) -> str:
    """One line on stderr with these words, and none of those of the array functions."""
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("mxne-rs: ")
    for word in words:
        assert word in captured.err
    for word in ("max_iter", "time_limit", "alpha_max", "n_mxne_iter", "noise_cov"):
        assert word not in captured.err
    return captured.out
