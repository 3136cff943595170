"""Runs the commands on simulated files, and keeps what they print and their tables."""

from __future__ import annotations

import contextlib
import io
import tempfile
from pathlib import Path
from typing import Any

import mxne_rs.command
from answers import case


def run(*arguments: str, folder: str) -> dict[str, Any]:
    """Run a command; return its exit code and what it prints, without the folder's name."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = mxne_rs.command.main(arguments)
    texts = [stream.getvalue().replace(folder, "FOLDER") for stream in (out, err)]
    return {"code": code, "out": texts[0], "err": texts[1]}


def on_simulated_files(*commands: list[str]) -> list[Any]:
    """Simulate a response, run commands on it one after the other; return what each leaves."""
    with tempfile.TemporaryDirectory() as folder:
        found = [run("simulate", "--out", folder, "--spacing", "20", folder=folder)]
        files = [
            text
            for option, kind in (("evoked", "ave"), ("forward", "fwd"), ("noise-cov", "cov"))
            for text in (f"--{option}", f"{folder}/simulated-{kind}.fif")
        ]
        files += ["--tmin", "0.09", "--tmax", "0.11", "--out", f"{folder}/out"]
        for command in commands:
            printed = run(*command, *files, folder=folder)
            tables = sorted(Path(folder, "out").glob("*.tsv"))
            texts = {one.stem: one.read_text(encoding="utf-8") for one in tables}
            found.append({**printed, "tables": texts})
    return found


@case("mne")
def localize_command() -> Any:
    return on_simulated_files(
        ["localize", "--alpha", "20"],
        ["localize", "--alpha", "0.5"],
        ["localize", "--alpha", "99.99"],
    )


@case("mne")
def localize_command_with_options() -> Any:
    options = ["--alphas", "80", "20", "5", "--reweights", "1", "--loose", "0.3", "--no-debias"]
    options += ["--solver", "fista", "--depth", "0.5", "--maxit", "30", "--tol", "1e-6"]
    return on_simulated_files(["localize", "--alpha", "sure", *options])


@case("mne")
def path_command() -> Any:
    return on_simulated_files(["path", "--alphas", "80", "20", "4"])
