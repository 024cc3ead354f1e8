"""Make the step that a line of the journal announces, whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pictell.collection.copying import copy_new, move_across, sync_folder, write_draft
from pictell.collection.journal_lines import Entry
from pictell.collection.rename import NO_LINKS, rename_new
from pictell.collection.stamp import Stamp, changed, digest_of, stat_of

# The two paths are on two file systems, or there are no links.
NO_LINK_HERE = NO_LINKS | {errno.EXDEV}


def make_step(entry: Entry, content: bytes | None, placed: Callable[[Stamp, str], None]) -> None:
    """Make a step; an error leaves everything as it was.

    ``content`` is what a ``write`` writes. ``placed`` is called as ``move_across`` says. Raises
    ``OSError``, ``FileExistsError`` only if the target of a copy, link or move exists.
    """
    target = Path(os.fsdecode(entry.target))
    with _folders([Path(os.fsdecode(folder)) for folder in entry.folders], target.parent):
        if entry.source:
            _make_with_source(entry, Path(os.fsdecode(entry.source)), target, placed)
        else:
            _make_with_content(entry, content, target)


def _make_with_source(
    entry: Entry, source: Path, target: Path, placed: Callable[[Stamp, str], None]
) -> None:
    found = source.lstat() if entry.action == "move" else source.stat()
    if Stamp.of(found) != entry.before:
        raise changed(source)
    draft = Path(os.fsdecode(entry.draft))
    if entry.action == "move":
        _move(source, target, draft, placed)
    elif entry.action == "copy" or not _link(source, target):
        copy_new(source, target, draft)


def _move(source: Path, target: Path, draft: Path, placed: Callable[[Stamp, str], None]) -> None:
    try:
        rename_new(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        move_across(source, target, draft, placed)


def _link(source: Path, target: Path) -> bool:
    """Link the file that the source leads to; return whether there can be a link."""
    try:
        os.link(os.path.realpath(source), target)
    except OSError as error:
        if error.errno in NO_LINK_HERE:
            return False
        raise
    return True


def _make_with_content(entry: Entry, content: bytes | None, target: Path) -> None:
    found, draft = stat_of(target), Path(os.fsdecode(entry.draft))
    before = None if found is None else Stamp.of(found)
    if before != entry.before or (found and digest_of(target) != entry.digest_before):
        raise changed(target)
    if content is None:
        target.unlink()
    else:
        try:
            write_draft(draft, content, found)
            if found is None:
                rename_new(draft, target)
            else:
                draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
    sync_folder(target.parent)


@contextmanager
def _folders(missing: list[Path], parent: Path) -> Iterator[None]:
    """Make the folders of a target. An error removes them again."""
    made = list[Path]()
    try:
        for folder in missing:
            with suppress(FileExistsError):
                folder.mkdir()
                made.append(folder)
        if not os.path.isdir(parent):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(parent))
        yield
    except Exception:
        for folder in reversed(made):
            with suppress(OSError):
                folder.rmdir()
        raise
