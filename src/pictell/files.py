"""Write a file or a folder whole or not at all; read a text file of bounded size.

A draft is filled beside its target, synced to the disk, then renamed. Readers see either what was
there before or all of the new content. Programs that write to the same place do not disturb each
other, because each has its own draft; the last one to finish wins. A program that is killed leaves
its draft behind, named ``.draft-`` and a random number.
"""

from __future__ import annotations

import errno
import os
import stat
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

MAX_TEXT_BYTES = 16 * 1024 * 1024
# No text in UTF-8 starts with these.
UTF16_MARKS = (BOM_UTF16_LE, BOM_UTF16_BE)


class TextFileError(Exception):
    """A text file cannot be read. The message follows the file's name: ``is not UTF-8 text``."""


def read_text(path: Path, max_bytes: int = MAX_TEXT_BYTES) -> str:
    """The content of a regular file in UTF-8, without a byte order mark and with ``\\n`` line ends.

    With the byte order mark of UTF-16, as Windows writes texts, it is read as such. Raises
    ``TextFileError`` for every other file and for one of more than ``max_bytes``.
    """
    try:
        if not _is_regular(path):
            raise TextFileError("is not a regular file")
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except (OSError, ValueError) as error:
        raise TextFileError(f"cannot be read: {os_reason(error)}") from error
    if len(content) > max_bytes:
        raise TextFileError(f"is longer than {max_bytes / 1024**2:.3g} MiB")
    return decode_text(content)


def decode_text(content: bytes) -> str:
    """The text in the bytes of a file, as ``read_text`` gives it. Raises ``TextFileError``."""
    try:
        text = content.decode("utf-16" if content.startswith(UTF16_MARKS) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise TextFileError("is not UTF-8 text") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_bytes(path: Path) -> bytes:
    """The bytes of a regular file. Raises ``OSError``, also for every other file."""
    if not _is_regular(path):
        raise OSError(errno.EINVAL, "not a regular file")
    return path.read_bytes()


def _is_regular(path: Path) -> bool:
    # Opening a pipe would block.
    return stat.S_ISREG(path.stat().st_mode)


def os_reason(error: Exception) -> str:
    """Why a file cannot be used, without its path. A ``ValueError`` is about a NUL in the path."""
    return str(getattr(error, "strerror", None) or error)


def write_file(path: Path, content: bytes) -> None:
    """Write a file as ``new_file`` does. Raises ``OSError``."""
    with new_file(path) as file:
        file.write(content)


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A draft to write to, which then becomes the file or replaces it; an error removes it.

    A file that is replaced keeps its permissions. Links are followed. A device or a pipe is written
    to directly. Raises ``OSError``.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as device:
            yield device
        return
    target = Path(os.path.realpath(path))
    draft = _draft_in(target.parent)
    try:
        with draft.open("xb") as file:
            yield file
        _sync(draft)
        if target.exists():
            draft.chmod(stat.S_IMODE(target.stat().st_mode))
        draft.replace(target)
        _sync(target.parent)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def new_folder(folder: Path, drafts: Path | None = None) -> Iterator[Path]:
    """A draft to fill, which then becomes ``folder``; an error removes it.

    The draft lies in ``drafts``, a folder on the same file system, or beside ``folder``.
    Raises ``OSError``, also if ``folder`` exists by then and is not an empty folder.
    """
    draft = _draft_in(drafts or folder.parent)
    draft.mkdir(parents=True)
    try:
        yield draft
        for path in [*draft.rglob("*"), draft]:
            _sync(path)
        draft.rename(folder)
        _sync(folder.parent)
    finally:
        # Imported here: few callers make folders.
        from shutil import rmtree

        rmtree(draft, ignore_errors=True)


def _draft_in(folder: Path) -> Path:
    # A name derived from the target's might be too long.
    return folder / f".draft-{os.urandom(8).hex()}"


def _sync(path: Path) -> None:
    """Wait until the disk has the file or folder: a rename may reach the disk before its data."""
    if path.is_dir():
        # Windows cannot open a folder; some network file systems cannot sync one.
        with suppress(OSError):
            _sync_opened(path, os.O_RDONLY)
    else:
        # Some systems sync only what is open for writing.
        _sync_opened(path, os.O_RDWR)


def _sync_opened(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
