"""How a step is undone, by what is on the disk now."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pictell.collection.copying import copy_new, move_across, sync_folder
from pictell.collection.journal import Run
from pictell.collection.journal_lines import Entry, Placed
from pictell.collection.rename import rename_new
from pictell.collection.stamp import Stamp, digest_of, stat_of

# FAT keeps times in steps of 2 s.
TIME_STEP_NS = 2_000_000_000


class RefusedError(Exception):
    """A step is not undone, because something has changed since. The message says what."""


class Back(NamedTuple):
    """What undoes a step: what ``do`` does with the file at ``path``."""

    path: Path
    action: str
    do: Callable[[], None]
    to: Path | None = None


def find_way_back(run: Run, entry: Entry, placed: Placed | None, *, resumed: bool) -> Back | None:
    """What undoes a step; ``None`` if the step was not made, or is undone.

    ``resumed`` says that an undo of the run has begun before, and may have been killed.
    Raises ``RefusedError``, and ``OSError``.
    """
    target, source = (Path(os.fsdecode(path)) for path in (entry.target, entry.source))
    if not entry.source:
        return _back_to_content(run, entry, target)
    if entry.action == "move":
        return _back_to_source(entry, placed, source, target, resumed)
    return _without_copy(source, target)


def remove_drafts(entry: Entry) -> None:
    """Remove what a killed run, or a killed undo, left beside the files of a step.

    Where a draft is, an empty file may have kept its place (``rename_new``).
    """
    target, source = (Path(os.fsdecode(path)) for path in (entry.target, entry.source))
    draft = Path(os.fsdecode(entry.draft))
    is_new = bool(entry.source) or entry.before is None or not entry.digest_after
    _remove_draft(draft, target if is_new else None)
    if not entry.source:
        _remove_draft(_whole(draft), None)
    elif entry.action == "move" and source.parent != target.parent:
        _remove_draft(source.with_name(draft.name), source)


def _remove_draft(draft: Path, place: Path | None) -> None:
    if stat_of(draft) is None:
        return
    found = None if place is None else stat_of(place)
    if place is not None and found is not None and not found.st_size:
        place.unlink()
    draft.unlink()


def _back_to_source(
    entry: Entry, placed: Placed | None, source: Path, target: Path, resumed: bool
) -> Back | None:
    before = entry.before
    assert before is not None
    at_source, at_target = stat_of(source), stat_of(target)
    moved = before if placed is None else placed.stamp
    if at_target is None:
        if at_source is not None and _is_same(at_source, before):
            return None
        raise RefusedError("the file is gone")
    # A killed undo may have left an empty file in place of the name (`rename_new`).
    is_reserved = at_source is not None and resumed and at_source.st_size == 0 < before.size
    if at_source is None or is_reserved:
        if not _is_unchanged(at_target, moved):
            raise RefusedError("the file was changed since")
        return Back(target, "move back", lambda: _move_back(entry, target, source), source)
    # A killed run leaves both: two names of the file, a copy, or an empty file.
    if _is_copy(target, at_target, source, at_source):
        return Back(target, "remove", lambda: _remove_second(entry, target, source))
    if not _is_same(at_source, before):
        raise RefusedError(f"there is another file at {source}")
    return None if at_target.st_size else Back(target, "remove", target.unlink)


def _remove_second(entry: Entry, target: Path, source: Path) -> None:
    _restore_stamp(entry, source)
    target.unlink()


def _move_back(entry: Entry, target: Path, source: Path) -> None:
    source.parent.mkdir(parents=True, exist_ok=True)
    if (found := stat_of(source)) is not None and found.st_size == 0:
        source.unlink()
    try:
        rename_new(target, source)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        draft = source.with_name(Path(os.fsdecode(entry.draft)).name)
        move_across(target, source, draft, lambda stamp, digest: _restore_stamp(entry, source))


def _restore_stamp(entry: Entry, path: Path) -> None:
    """Give a file its permissions and its time again, which another file system may round."""
    before = entry.before
    assert before is not None
    if not path.is_symlink():
        with suppress(PermissionError):
            path.chmod(before.mode & 0o7777)
    elif os.utime not in os.supports_follow_symlinks:
        return
    times = (path.lstat().st_atime_ns, before.mtime_ns)
    os.utime(path, ns=times, follow_symlinks=not path.is_symlink())


def _without_copy(source: Path, target: Path) -> Back | None:
    at_target = stat_of(target)
    if at_target is None:
        return None
    if not source.exists():
        raise RefusedError(f"its original {source} is gone")
    original = Path(os.path.realpath(source))
    if not _is_copy(target, at_target, original, original.stat()):
        raise RefusedError(f"the file or its original {source} was changed since")
    return Back(target, "remove", target.unlink)


def _is_copy(
    copy: Path, of_copy: os.stat_result, original: Path, of_original: os.stat_result
) -> bool:
    """Whether these are two names of one file, or files with the same time and content.

    Raises ``RefusedError`` if both paths lead to one name: without it the file would be gone.
    """
    if os.path.samestat(of_copy, of_original):
        if of_copy.st_nlink < 2 or _name_of(copy) == _name_of(original):
            raise RefusedError(f"{original} now leads to this file")
        return True
    if copy.is_symlink() or original.is_symlink():
        return (
            copy.is_symlink() and original.is_symlink() and copy.readlink() == original.readlink()
        )
    return (
        of_copy.st_size == of_original.st_size
        and abs(of_copy.st_mtime_ns - of_original.st_mtime_ns) < TIME_STEP_NS
        and digest_of(copy) == digest_of(original)
    )


def _name_of(path: Path) -> str:
    """The path of a name, without links in the folders above it."""
    return os.path.join(os.path.realpath(path.parent), path.name)  # noqa: PTH118


def _is_unchanged(found: os.stat_result, stamp: Stamp) -> bool:
    """Whether a file has the size and the time; a move to another place changes the inode."""
    return (found.st_size, found.st_mtime_ns) == (stamp.size, stamp.mtime_ns)


def _is_same(found: os.stat_result, stamp: Stamp) -> bool:
    """Whether a file that was not moved is the one of the stamp, even if it was edited."""
    if (found.st_ino, found.st_dev) == (stamp.inode, stamp.device):
        return True
    return _is_unchanged(found, stamp)


def _back_to_content(run: Run, entry: Entry, target: Path) -> Back | None:
    found, before = stat_of(target), entry.before
    # A pipe cannot be read, and a link leads to a file that pictell did not write.
    if found is not None and not stat.S_ISREG(found.st_mode):
        raise RefusedError("the file was changed since")
    digest = "" if found is None else digest_of(target)
    if digest == entry.digest_before and (
        found is None or before is None or found.st_mtime_ns == before.mtime_ns
    ):
        return None
    if digest != entry.digest_after:
        raise RefusedError("the file is gone" if found is None else "the file was changed since")
    if before is None:
        return Back(target, "remove", target.unlink)
    kept, draft = run.kept(entry.number), Path(os.fsdecode(entry.draft))
    if found is None:
        return Back(target, "put back", lambda: _put_back(kept, target, draft))
    return Back(target, "put back", lambda: _replace(kept, target, draft))


def _put_back(kept: Path, target: Path, draft: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    copy_new(kept, target, draft, verify=True)


def _replace(kept: Path, target: Path, draft: Path) -> None:
    whole = _whole(draft)
    try:
        copy_new(kept, whole, draft)
        whole.replace(target)
        sync_folder(target.parent)
    finally:
        whole.unlink(missing_ok=True)


def _whole(draft: Path) -> Path:
    return draft.with_name(f"{draft.name}-whole")
