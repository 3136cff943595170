"""Write results into a folder: all files of an earlier run are replaced at once."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from .._arguments.convert import one_line

Writer = Callable[[Path], Any]


class NotWritten(OSError):
    """An error of results that could not be written; its text is one line with the file."""


def make_folder(out: Path, name: str) -> None:
    """Make a folder where there is none, and check that it can be written to.

    Raises an OSError whose text begins with the name of the option or argument.
    """
    doing = "made"
    try:
        out.mkdir(parents=True, exist_ok=True)
        doing = "written to"
        with tempfile.TemporaryDirectory(prefix=".mxne-rs-", dir=out):
            pass
    except FileExistsError as error:
        raise NotADirectoryError(f"{name} {out} is a file; give a folder") from error
    except OSError as error:
        raise OSError(
            f"{name} {out} cannot be {doing} ({error.strerror}); give another folder"
        ) from error


class Results:
    """The files that a command writes into its folder.

    Files are written into a hidden folder inside, and moved in place once all are complete. A
    hidden list of the files written, with checksums, tells a later run which ones to remove: those
    of an earlier run of the same command that are unchanged since. Several commands may share a
    folder, which exists already. Without a command no list is kept, and nothing is removed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from mxne_rs.results.folder import Results
    >>> with tempfile.TemporaryDirectory() as name:
    ...     folder = pathlib.Path(name)
    ...     for text in ("old", "new"):
    ...         Results(folder, "demo").write({text: lambda side: (side / text).write_text(text)})
    ...     sorted(path.name for path in folder.iterdir())
    ['.mxne-rs-demo.json', 'new']
    """

    def __init__(self, folder: Path, command: str | None) -> None:
        self.folder = folder
        #: A line for each file that could not be written.
        self.problems: list[str] = []
        self._list = f".mxne-rs-{command}.json" if command else None
        self._earlier = _read_list(folder / self._list) if self._list else {}
        self._written: dict[str, str] = {}

    @property
    def names(self) -> list[str]:
        """Files that this run has written, in this order; a subfolder counts as one."""
        parts = (name.partition("/") for name in self._written)
        tops = (f"{top}/" if rest else top for top, _, rest in parts)
        return list(dict.fromkeys(tops))

    def write(self, writers: Mapping[str, Writer], *, may_fail: bool = False) -> None:
        """Write files, and remove files of earlier runs that are not written again.

        Writers, by name of file, write into the folder they are given. Where one fails the others
        continue, and `problems` names the file. Where the disk fails this raises, and all files
        are unchanged; with ``may_fail`` that is such a problem, too.
        """
        try:
            with tempfile.TemporaryDirectory(prefix=".mxne-rs-", dir=self.folder) as side:
                self._write(Path(side), writers, may_fail)
        except NotWritten:
            raise
        except OSError as error:
            name = error.filename or self.folder / next(iter(writers), "")
            line = f"{name} cannot be written: {_reason(error)}"
            if not may_fail:
                raise NotWritten(f"{line}; {self.folder} is as it was") from error
            self.problems.append(line)

    def _write(self, side: Path, writers: Mapping[str, Writer], may_fail: bool) -> None:
        new: dict[str, Path] = {}
        for number, (name, write) in enumerate(writers.items()):
            part = side / f"{number}"
            part.mkdir()
            try:
                write(part)
            except Exception as error:
                failed = self.folder / (_unfinished_file(part, error) or name)
                line = f"{failed} cannot be written: {_reason(error)}"
                if isinstance(error, OSError) and not may_fail:
                    raise NotWritten(f"{line}; {self.folder} is as it was") from error
                self.problems.append(line)
                continue
            new |= {path.relative_to(part).as_posix(): path for path in _files(part)}
        if new or self._earlier:
            self._move(new, side)

    def _move(self, new: dict[str, Path], side: Path) -> None:
        """Exchange the files of earlier runs for new ones; undo the moves where one fails."""
        written = self._written | {name: _checksum(path) for name, path in new.items()}
        stale = [
            name
            for name, checksum in self._earlier.items()
            if name not in written and _checksum(self.folder / name) == checksum
        ]
        away = {*stale, *new}
        if self._list:
            away.add(self._list)
            if written:
                new = {**new, self._list: side / "list"}
                new[self._list].write_text(json.dumps(written, indent=1), encoding="utf-8")
        moves = [
            (self.folder / name, side / "old" / name)
            for name in sorted(away)
            if os.path.lexists(self.folder / name)
        ]
        moves += [(path, self.folder / name) for name, path in new.items()]
        done: list[tuple[Path, Path]] = []
        try:
            for source, target in moves:
                if source.is_dir():
                    raise IsADirectoryError(errno.EISDIR, "there is a folder", str(source))
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(source, target)
                done.append((source, target))
        except BaseException:
            for source, target in reversed(done):
                os.replace(target, source)
            raise
        self._earlier, self._written = {}, written
        for parent in {(self.folder / name).parent for name in stale} - {self.folder}:
            with contextlib.suppress(OSError):  # Something else is in it.
                parent.rmdir()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _unfinished_file(part: Path, error: Exception) -> Path | None:
    """Return the name of the file that was being written; None where there is none."""
    named = Path(str(getattr(error, "filename", "")))
    if part in named.parents:
        return named.relative_to(part)
    files = sorted(_files(part), key=lambda path: path.stat().st_mtime_ns)
    return files[-1].relative_to(part) if files else None


def _reason(error: Exception) -> str:
    return (
        (isinstance(error, OSError) and error.strerror) or one_line(error) or type(error).__name__
    )


def _checksum(path: Path) -> str:
    """Compute the checksum of a file; empty where there is no file."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _read_list(path: Path) -> dict[str, str]:
    """Read the list of files that an earlier run wrote; empty where it is unreadable."""
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(name): str(checksum)
            for name, checksum in names.items()
            if not PurePosixPath(name).is_absolute() and ".." not in PurePosixPath(name).parts
        }
    except (OSError, ValueError, AttributeError):
        return {}
