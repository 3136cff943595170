"""The folder that a run owns: its files take the place of those of an earlier run, all at once."""

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

from .wording import NotWritten, WrongInput, one_line

Writer = Callable[[Path], Any]


def make_folder(out: Path, option: str) -> None:
    """Make a folder where there is none, and find out whether it can be written to.

    Raises
    ------
    WrongInput
        Naming the option, where that is not possible.
    """
    doing = "made"
    try:
        out.mkdir(parents=True, exist_ok=True)
        doing = "written to"
        with tempfile.TemporaryDirectory(prefix=".mxne-rs-", dir=out):
            pass
    except FileExistsError as error:
        raise WrongInput(f"{option} {out} is a file; give a folder") from error
    except OSError as error:
        raise WrongInput(
            f"{option} {out} cannot be {doing} ({error.strerror}); give another folder"
        ) from error


class Results:
    """The files of a command in its folder.

    Files are written to the side, in a hidden folder inside, and moved in place once they are
    complete. A hidden list of what was written, with checksums, tells a later run what it may
    remove: what an earlier run of the same command wrote, and nobody has changed since.

    Parameters
    ----------
    folder : pathlib.Path
        A folder that exists.
    command : str | None
        Whose results these are: several commands may share a folder. None keeps no list, and
        removes nothing.

    Attributes
    ----------
    names : list of str
        What this run has written.
    problems : list of str
        A line for each file that could not be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from mxne_rs.command.folder import Results
    >>> with tempfile.TemporaryDirectory() as name:
    ...     folder = pathlib.Path(name)
    ...     for text in ("old", "new"):
    ...         Results(folder, "demo").write({text: lambda side: (side / text).write_text(text)})
    ...     sorted(path.name for path in folder.iterdir())
    ['.mxne-rs-demo.json', 'new']
    """

    def __init__(self, folder: Path, command: str | None) -> None:
        self.folder = folder
        self.problems: list[str] = []
        self._list = f".mxne-rs-{command}.json" if command else None
        self._earlier = _listed(folder / self._list) if self._list else {}
        self._written: dict[str, str] = {}

    @property
    def names(self) -> list[str]:
        """Files in the order they were written; those of a subfolder as one."""
        parts = (name.partition("/") for name in self._written)
        tops = (f"{top}/" if rest else top for top, _, rest in parts)
        return list(dict.fromkeys(tops))

    def write(self, writers: Mapping[str, Writer], *, may_fail: bool = False) -> None:
        """Write files, and remove those of earlier runs that are not written again.

        Parameters
        ----------
        writers : dict of str to callable
            By the name of what it writes, a function that writes into the folder it is given.
            Where one fails the others go on, and `problems` names its file.
        may_fail : bool
            Whether a failing disk is such a problem, too. Default: it changes nothing here.

        Raises
        ------
        NotWritten
            Naming the file, where the disk fails; all files are as they were.
        """
        try:
            with tempfile.TemporaryDirectory(prefix=".mxne-rs-", dir=self.folder) as side:
                self._write(Path(side), writers, may_fail)
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
                failed = self.folder / (_begun(part, error) or name)
                line = f"{failed} cannot be written: {_reason(error)}"
                if isinstance(error, OSError) and not may_fail:
                    raise NotWritten(f"{line}; {self.folder} is as it was") from error
                self.problems.append(line)
                continue
            new |= {path.relative_to(part).as_posix(): path for path in _files(part)}
        if new or self._earlier:
            self._move(new, side)

    def _move(self, new: dict[str, Path], side: Path) -> None:
        """Exchange the files of earlier runs for new ones; put them back where that fails."""
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


def _begun(part: Path, error: Exception) -> Path | None:
    """Name of the file that was being written; None where none was begun."""
    named = Path(str(getattr(error, "filename", "")))
    if part in named.parents:
        return named.relative_to(part)
    files = sorted(_files(part), key=lambda path: path.stat().st_mtime_ns)
    return files[-1].relative_to(part) if files else None


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or one_line(error)


def _checksum(path: Path) -> str:
    """Checksum of a file; empty where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _listed(path: Path) -> dict[str, str]:
    """What an earlier run wrote; nothing where its list cannot be read."""
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(name): str(checksum)
            for name, checksum in names.items()
            if not PurePosixPath(name).is_absolute() and ".." not in PurePosixPath(name).parts
        }
    except (OSError, ValueError, AttributeError):
        return {}
