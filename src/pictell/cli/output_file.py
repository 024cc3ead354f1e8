"""The file of the option -o: written whole or not at all; JSON lines are appended."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from pictell.errors import PictellError, UsageError
from pictell.files import new_file, os_reason
from pictell.images.formats import HEAD_BYTES, sniff

# The format that the end of a name chooses, and how a file of the format starts.
SUFFIXES = {".json": "json", ".jsonl": "jsonl", ".csv": "csv"}
STARTS = {
    "json": (b'[\n{"source": ', b"[]\n"),
    "jsonl": (b'{"source": ',),
    "csv": (b"source,status,",),
    "csv-long": (b"source,rank,",),
}
APPENDED = "jsonl"


def check(path: Path, format_: str, from_file: str | None) -> None:
    """Raise ``UsageError`` for a file that cannot be written, or that is something else.

    ``from_file`` is the list of pictures, which must not be the same file.
    """
    folder = path.parent
    if os.path.isdir(path):
        raise UsageError(f"{path} is a folder: give the name of a file")
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK):
        raise UsageError(f"{path}: {folder} is not a writable folder")
    if not os.path.isfile(path):
        return
    if from_file is not None and os.path.exists(from_file) and path.samefile(from_file):
        raise UsageError(f"{path} is the list of pictures: give another name")
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {os_reason(error)}") from error
    is_other = head and not head.startswith(STARTS.get(format_, b""))
    if is_other or sniff(head) is not None:
        raise UsageError(f"{path} exists and is not {format_} of pictell: give another name")


def write_to(path: Path, format_: str, pieces: Iterable[bytes]) -> None:
    """Write the pieces; those of JSON lines each as it comes. Raises ``PictellError``."""
    try:
        if format_ == APPENDED:
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
    """Whether a new line can follow; also true where there is no file."""
    if not os.path.isfile(path) or not path.stat().st_size:
        return True
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"
