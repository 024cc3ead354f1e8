"""Copy a file, whole or not at all, to a name that does not exist."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from pictell.collection.rename import rename_new
from pictell.collection.stamp import Stamp, changed, digest_of

PIECE_BYTES = 1024 * 1024


def copy_new(source: Path, target: Path, draft: Path, *, verify: bool = False) -> str:
    """Copy a file with its times, permissions and attributes; return the SHA-256.

    ``draft`` is filled, synced, and then becomes the target. With ``verify`` it is read again
    before, and the disk has its new name when this returns: the source may go then. Raises
    ``FileExistsError``, and ``OSError`` also if the source changes meanwhile.
    """
    try:
        digest = _fill(source, draft)
        if verify and digest_of(draft) != digest:
            raise OSError(errno.EIO, "the copy differs from the file", str(source))
        rename_new(draft, target)
        if verify:
            sync_folder(target.parent)
    finally:
        draft.unlink(missing_ok=True)
    return digest


def move_across(
    source: Path, target: Path, draft: Path, placed: Callable[[Stamp, str], None]
) -> None:
    """Move a file or a link to another file system: copy, verify, remove.

    ``placed`` receives the target's stamp and the SHA-256 before the source is removed. Raises
    ``OSError``, and then only the source is there.
    """
    before = Stamp.of(source.lstat())
    if source.is_symlink():
        digest = ""
        target.symlink_to(source.readlink())
        # Its times do not matter.
        with suppress(OSError):
            shutil.copystat(source, target, follow_symlinks=False)
    else:
        digest = copy_new(source, target, draft, verify=True)
    try:
        placed(Stamp.of(target.lstat()), digest)
        if Stamp.of(source.lstat()) != before:
            raise changed(source)
        source.unlink()
    except Exception:
        # A network file system may report an error after the name is gone.
        if os.path.lexists(source):
            target.unlink()
            raise


def write_draft(draft: Path, content: bytes, like: os.stat_result | None) -> None:
    """Write a new file and sync it; it has the permissions and the owner of ``like``."""
    with draft.open("xb") as file:
        file.write(content)
        file.flush()
        if like is not None:
            _give_owner(draft, like)
            # Some file systems have no permissions.
            with suppress(PermissionError):
                draft.chmod(like.st_mode & 0o7777)
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the names in a folder, where the system can do that."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _fill(source: Path, draft: Path) -> str:
    with source.open("rb") as reader, draft.open("xb", buffering=0) as writer:
        before = os.fstat(reader.fileno())
        digest = hashlib.sha256()
        while piece := reader.read(PIECE_BYTES):
            digest.update(piece)
            _write_all(writer, piece)
        if Stamp.of(os.fstat(reader.fileno())) != Stamp.of(before):
            raise changed(source)
        _give_owner(draft, before)
        # Some file systems have no permissions.
        with suppress(PermissionError):
            shutil.copystat(source, draft)
        os.fsync(writer.fileno())
    return digest.hexdigest()


def _write_all(file: BinaryIO, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[file.write(view) :]


def _give_owner(path: Path, like: os.stat_result) -> None:
    # Only root may do that, and has to, as mv does.
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        with suppress(OSError):
            os.chown(path, like.st_uid, like.st_gid)
