"""Options and tables that the studies of this folder share."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Sequence
from pathlib import Path


def options(about: str | None, draws: int) -> argparse.ArgumentParser:
    """Make the options of a study: how many draws, and where the data are."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--draws", type=int, default=draws, help="of each setting")
    folder = os.environ.get("MXNE_RS_DATA")
    parser.add_argument("--data", type=Path, default=folder, help="folder with the data")
    return parser


def markdown(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Print a table in Markdown, and return it."""
    lines = [f"| {' | '.join(cells)} |" for cells in (heads, *rows)]
    lines.insert(1, "|---" * len(heads) + "|")
    text = "\n".join([f"### {title}\n", *lines])
    print(text, end="\n\n", flush=True)
    return text + "\n"
