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

#: What a part is a part of.
MARK = "study"


class Store:
    """One npz file per part, which says what it is a part of; a file that is there is whole.

    Parameters
    ----------
    folder : path
        Made where it does not exist.
    name, fingerprint : str
        Of the study.

    Raises
    ------
    ValueError
        Where it cannot be made, or holds something else.

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
        if not str(folder):
            raise ValueError("store is ''; give a folder, or None")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(f"store {shown(folder)} cannot be a folder: {error}") from error
        self.fingerprint = fingerprint
        head = self.folder / "study.json"
        ours = {"study": name, "fingerprint": fingerprint}
        if not head.exists() and not any(self.folder.iterdir()):
            self._write(head, json.dumps(ours).encode())
        try:
            theirs = json.loads(head.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            theirs = None
        if theirs != ours:
            raise ValueError(
                f"store {self.folder} holds another study, or the same with other data, settings, "
                "functions or another version; give another folder, or remove it"
            )

    def load(self, key: str) -> dict[str, NDArray[Any]] | None:
        """Return a part; None where it is not there, cannot be read, or is not the one."""
        try:
            # A file cut short is left open by numpy.
            with self._path(key).open("rb") as file, np.load(file, allow_pickle=False) as part:
                if str(part[MARK]) != self._mark(key):
                    return None
                return {name[1:]: part[name] for name in part.files if name != MARK}
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
            return None

    def save(self, key: str, part: dict[str, NDArray[Any]]) -> None:
        """Write a part, all of it or nothing."""
        content = io.BytesIO()
        # A letter before each name: numpy has arguments that an array may be called like.
        named = {f"_{name}": array for name, array in part.items()}
        np.savez(content, **{MARK: np.array(self._mark(key))}, **named)  # type: ignore[arg-type]
        self._write(self._path(key), content.getvalue())

    def _mark(self, key: str) -> str:
        return f"{self.fingerprint} {key}"

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
