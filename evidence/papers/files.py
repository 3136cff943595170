"""Files of recorded data and head models, which a clone is without."""

from __future__ import annotations

import os
from pathlib import Path


def data_files(folder: str | os.PathLike[str] | None, *names: str) -> list[Path] | None:
    """Find a recording's files in a folder, by default that of MXNE_RS_DATA; None without them.

    Examples
    --------
    >>> from papers.files import data_files
    >>> data_files("nowhere", "auditory-ave.fif")
    Traceback (most recent call last):
    FileNotFoundError: data: there is no auditory-ave.fif in nowhere
    """
    where = Path(os.environ.get("MXNE_RS_DATA", "") if folder is None else folder)
    missing = [name for name in names if not (where / name).is_file()]
    if missing and folder is not None:
        raise FileNotFoundError(f"data: there is no {missing[0]} in {where}")
    return None if missing else [where / name for name in names]
