"""The file of the option -o: written whole or not at all; JSON lines are appended."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from pictell.errors import PictellError, UsageError
from pictell.files import new_file, os_reason

# The format that the end of a name chooses, and how a file of the format starts.
SUFFIXES = {".json": "json", ".jsonl": "jsonl", ".csv": "csv"}
HEAD_BYTES = 32
STARTS = {
    "json": (b'[\n{"source": ', b"[]\n"),
    "jsonl": (b'{"source": ',),
    "csv": (b"source,status,",),
    "csv-long": (b"source,rank,",),
}
APPENDED = "jsonl"


def check_format(path: Path, format_: str) -> None:
    """Raise ``UsageError`` unless results can be written to the file in this format."""
    starts = STARTS.get(format_, ())
    check(path, f"{format_} of pictell", starts, append=format_ == APPENDED)


def check(path: Path, contents: str, starts: tuple[bytes, ...], *, append: bool = False) -> None:
    """Raise ``UsageError`` for a file that cannot be written, or that has other contents.

    ``contents`` says what it should have; files of that kind start with one of ``starts``.
    """
    try:
        exists, head = path.exists(), _head(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be written: {os_reason(error)}") from error
    if path.is_dir():
        raise UsageError(f"{path} is a folder: give the name of a file")
    # Devices are written to directly; all else is a new file in the folder, unless it is appended.
    written = path if exists and (append or not path.is_file()) else path.parent
    if not os.path.isdir(path.parent):
        raise UsageError(f"{path} cannot be written: there is no folder {path.parent}: make it")
    if not os.access(written, os.W_OK):
        raise UsageError(f"{path} cannot be written: {written} is not writable")
    if head and not starts:
        raise UsageError(f"{path} exists, and text replaces no file: give another name")
    if head and not head.startswith(starts):
        raise UsageError(f"{path} exists and is not {contents}: give another name")


def _head(path: Path) -> bytes:
    """The first bytes of a file, empty for everything else."""
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def write_format(path: Path, format_: str, pieces: Iterable[bytes]) -> None:
    """Write results in this format. Raises ``PictellError``."""
    write(path, pieces, append=format_ == APPENDED)


def write(path: Path, pieces: Iterable[bytes], *, append: bool = False) -> None:
    """Write a file, whole or not at all, or append each piece as it comes.

    Raises ``PictellError``.
    """
    try:
        if append:
            _append(path, pieces)
        else:
            with new_file(path) as file:
                file.writelines(pieces)
    except OSError as error:
        raise PictellError(f"{path} cannot be written: {os_reason(error)}") from error


def _append(path: Path, pieces: Iterable[bytes]) -> None:
    # An interrupted run may have left half a line.
    before = b"" if _ends_with_a_line(path) else b"\n"
    with path.open("ab") as file:
        for piece in pieces:
            file.write(before + piece)
            file.flush()
            before = b""


def _ends_with_a_line(path: Path) -> bool:
    """Whether the next piece starts a line: the file ends with one, is empty or does not exist."""
    if not os.path.isfile(path) or not path.stat().st_size:
        return True
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"
