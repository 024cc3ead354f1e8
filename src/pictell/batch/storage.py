"""Where the parts lie: a folder of this machine, or one in a storage that fsspec reaches."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from pictell.batch.rows import PartFormat, Row, to_fact
from pictell.errors import OutputError
from pictell.files import new_file, os_reason, write_file

# What pictell keeps beside the parts. Readers of tables ignore names with a dot.
OWN = ".pictell"
JOB = f"{OWN}/job.json"
PART = re.compile(r"part-([0-9]{5,9})\.(\w+)")
DRAFTS = ".draft-*"


def part_name(number: int, format_: str) -> str:
    """The name of a part's file, from 1."""
    return f"part-{number:05d}.{format_}"


class Folder(Protocol):
    """A folder of files that are written whole or not at all. Every method raises ``OutputError``.

    ``name`` is what the user calls it.
    """

    name: str

    def stamps(self) -> dict[str, str]:
        """The files and, for each, a text that changes when the file does."""

    def read(self, name: str) -> bytes | None:
        """The content of a file, ``None`` without the file."""

    def write(self, name: str, content: bytes, known: str | None) -> str:
        """Write a new file, or replace the one whose stamp is ``known``; return the new stamp.

        The file is durable then. One that another run has written meanwhile is left alone, if the
        storage can tell.
        """

    def remove(self, name: str) -> None:
        """Remove a file, which may be missing."""

    def write_beside(self, name: str, write: Callable[[BinaryIO], None]) -> None:
        """Write or replace a file in the folder above."""

    def exists_beside(self, name: str) -> bool:
        """Whether the folder above has a file."""


class LocalFolder:
    """A folder of this machine. It is made when something is written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)

    def stamps(self) -> dict[str, str]:
        """See ``Folder``."""
        with self._errors():
            if not self.path.is_dir():
                return {}
            return {
                one.name: _stamp(one) for one in self.path.iterdir() if PART.fullmatch(one.name)
            }

    def read(self, name: str) -> bytes | None:
        """See ``Folder``."""
        with self._errors():
            path = self.path / name
            return path.read_bytes() if path.is_file() else None

    def write(self, name: str, content: bytes, known: str | None) -> str:
        """See ``Folder``. Some drives round times later, so a file with another stamp may be ours:
        the lock of the table keeps others from replacing it."""
        with self._errors():
            path = self.path / name
            if known is None and path.exists():
                raise written_by_another_run(self, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, content)
            return _stamp(path)

    def remove(self, name: str) -> None:
        """See ``Folder``."""
        with self._errors():
            (self.path / name).unlink(missing_ok=True)

    def write_beside(self, name: str, write: Callable[[BinaryIO], None]) -> None:
        """See ``Folder``."""
        with self._errors(), new_file(self.path.parent / name) as file:
            write(file)

    def exists_beside(self, name: str) -> bool:
        """See ``Folder``."""
        with self._errors():
            return os.path.lexists(self.path.parent / name)

    def remove_drafts(self) -> None:
        """Remove what killed runs have left half written."""
        with self._errors():
            for folder in (self.path, self.path / OWN):
                for draft in folder.glob(DRAFTS):
                    draft.unlink(missing_ok=True)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"{self.name} cannot be used: {os_reason(error)}: "
                "run the same command again to go on"
            ) from error


def part_files(folder: Folder, format_: str) -> dict[int, str]:
    """The stamp of each part of a format, by its number."""
    found = ((PART.fullmatch(name), stamp) for name, stamp in folder.stamps().items())
    return {int(match[1]): stamp for match, stamp in found if match and match[2] == format_}


def read_parts(folder: Folder, names: Iterable[str]) -> Iterator[bytes]:
    """The content of each part. Raises ``OutputError`` for one that is missing."""
    for name in names:
        if (content := folder.read(name)) is None:
            raise OutputError(f"{folder.name}/{name} is missing: run the same command again")
        yield content


def read_rows(folder: Folder, name: str, format_: PartFormat) -> list[Row]:
    """The rows of a part. Raises ``OutputError`` for one that is missing or damaged."""
    (content,) = read_parts(folder, [name])
    try:
        rows = format_.read(content)
        for row in rows:
            to_fact(row)
    except (KeyError, TypeError, ValueError) as error:
        raise OutputError(
            f"{folder.name}/{name} is damaged: delete it, and its pictures are labelled again"
        ) from error
    return rows


def written_by_another_run(folder: Folder, name: str) -> OutputError:
    """The error of a run that finds a file of another one in its place."""
    return OutputError(
        f"another run has written {folder.name}/{name}: only one may write to a table at a time: "
        "wait until it has ended, then run the same command again"
    )


def _stamp(path: Path) -> str:
    status = path.stat()
    return f"{status.st_size}-{status.st_mtime_ns}"
