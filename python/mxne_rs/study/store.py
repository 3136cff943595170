"""Keep the finished parts of a sweep in a folder."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arguments.convert import quoted
from .._progress import logger

#: Name of the entry of a file that holds study and key.
MARK = "study"
#: Prefix of the names of unfinished files, being written or left by a process that ended.
UNFINISHED = "unfinished-"
#: Bytes of the checksum at the end of a part.
N_CHECK = hashlib.sha256().digest_size


class Store:
    """A folder of finished parts: one npz file each, with its key and a checksum.

    Any number of processes may work on one folder: files get their names once they are complete,
    and parts of one study are the same from every process. The folder is made where it does not
    exist; one that cannot be made, or holds another study or other files, is refused.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from mxne_rs.study.store import Store
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
            raise TypeError(f"store is {quoted(folder)}; give a folder, or None") from None
        if not str(folder):
            raise ValueError("store is ''; give a folder, or None")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(f"store {quoted(folder)} cannot be a folder: {error}") from error
        self.fingerprint = fingerprint
        head = self.folder / "study.json"
        ours = {"study": name, "fingerprint": fingerprint}
        if all(one.name.startswith(UNFINISHED) for one in self.folder.iterdir()):
            self._write(head, json.dumps(ours).encode(), _link_if_first)
        try:
            theirs = json.loads(head.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            theirs = None
        if theirs != ours:
            raise ValueError(
                f"store {self.folder} holds another study, or this one with other data, settings, "
                "functions or another version; give another folder, or remove it"
            )

    def load(self, key: str) -> dict[str, NDArray[Any]] | None:
        """Load a part; return None where it is missing, damaged, or of another study."""
        path = self._path(key)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError:
            content = b""
        # The checksums of zip do not cover its lists of names and NumPy's shapes.
        npz = content[:-N_CHECK]
        if hashlib.sha256(npz).digest() == content[-N_CHECK:]:
            with np.load(io.BytesIO(npz), allow_pickle=False) as part:
                if str(part[MARK]) == self._mark(key):
                    return {name[1:]: part[name] for name in part.files if name != MARK}
        logger.warning(f"{path} is damaged, or no part of this study: it is solved again")
        return None

    def save(self, key: str, part: dict[str, NDArray[Any]]) -> None:
        """Save a part: the whole file, or none."""
        content = io.BytesIO()
        # A prefix, because the names of arrays could be those of arguments of np.savez.
        named = {f"_{name}": array for name, array in part.items()}
        np.savez(content, **{MARK: np.array(self._mark(key))}, **named)  # type: ignore[arg-type]
        npz = content.getvalue()
        self._write(self._path(key), npz + hashlib.sha256(npz).digest(), os.replace)

    def _mark(self, key: str) -> str:
        return f"{self.fingerprint} {key}"

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.npz"

    def _write(
        self, path: Path, content: bytes, put: Callable[[str, str | os.PathLike[str]], None]
    ) -> None:
        """Write a temporary file, then `put` it in place."""
        descriptor, name = tempfile.mkstemp(dir=self.folder, prefix=UNFINISHED)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            put(name, path)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(name)


def _link_if_first(name: str, path: str | os.PathLike[str]) -> None:
    """Give a file its name, unless another process was first."""
    try:
        os.link(name, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        os.replace(name, path)
