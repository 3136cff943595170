"""A folder where the finished parts of a sweep are kept."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import shown

__all__ = ["Store"]


class Store:
    """One npz file per part; a file that is there is whole.

    Parameters
    ----------
    folder : path
        Made where it does not exist.
    name, fingerprint : str
        Of the study.

    Raises
    ------
    ValueError
        Where the folder holds another study.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from mxne_rs.store import Store
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Store(folder, "sums", "1f")
    ...     store.save("a", {"sum": np.array(3.0)})
    ...     store.load("a"), store.load("b")
    ({'sum': array(3.)}, None)
    """

    def __init__(self, folder: str | os.PathLike[str], name: str, fingerprint: str) -> None:
        try:
            self.folder = Path(folder)
        except TypeError:
            raise TypeError(f"store is {shown(folder)}; give a folder, or None") from None
        self.folder.mkdir(parents=True, exist_ok=True)
        head = self.folder / "study.json"
        ours = {"study": name, "fingerprint": fingerprint}
        if head.exists():
            try:
                theirs = json.loads(head.read_text(encoding="utf-8"))
            except ValueError:
                theirs = None
            if theirs != ours:
                raise ValueError(
                    f"store {self.folder} holds another study, or the same with other data, "
                    "settings or another version; give another folder, or remove it"
                )
        else:
            self._write(head, json.dumps(ours).encode())

    def load(self, key: str) -> dict[str, NDArray[Any]] | None:
        """Return a part; None where it is not there, or cannot be read."""
        try:
            # A file cut short is left open by numpy.
            with self._path(key).open("rb") as file, np.load(file, allow_pickle=False) as part:
                return {name: part[name] for name in part.files}
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
            return None

    def save(self, key: str, part: dict[str, NDArray[Any]]) -> None:
        """Write a part, all of it or nothing."""
        content = io.BytesIO()
        np.savez(content, **part)  # type: ignore[arg-type]
        self._write(self._path(key), content.getvalue())

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.npz"

    def _write(self, path: Path, content: bytes) -> None:
        descriptor, name = tempfile.mkstemp(dir=self.folder, suffix=".tmp")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            os.replace(name, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
