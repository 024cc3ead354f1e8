"""Undo a run: each file goes back to what it was, unless it has changed since.

The journal says what a run was about to do; whether it did is decided by looking at the files. So
a run that was killed can be undone, as can one whose undo was killed. Folders keep the times that
they get.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pictell.collection.file_count import read_count, write_count
from pictell.collection.journal import PARTLY_UNDONE, UNDONE, EarlierUndo, Run, find_runs
from pictell.collection.journal_lines import Entry, Placed
from pictell.collection.restore import RefusedError, find_way_back, remove_drafts
from pictell.collection.stamp import stat_of
from pictell.errors import JournalError
from pictell.files import os_reason


class Undone(NamedTuple):
    """What became of a file: it is put back, or why not."""

    path: Path
    action: str
    to: Path | None = None
    refused: str | None = None


def undo(run: Run, *, dry_run: bool = False) -> Iterator[Undone]:
    """Undo the steps of a run, the last one first; what is undone already is left out.

    With ``dry_run`` nothing is changed. Raises ``JournalError``, also if the run is at work.
    """
    with run.lock():
        _, entries, placed = run.read()
        earlier = run.earlier_undo()
        if dry_run:
            yield from _foresee(run, entries, placed, earlier)
            return
        if read_count(run.folder) is None:
            # Later, the files do not show it any more.
            write_count(run.folder, count_files(run))
        complete, moved = True, _moved_since(run)
        with run.note_undone() as note:
            for entry in reversed(entries):
                file = _undo_step(run, entry, placed.get(entry.number), earlier)
                if file is None and entry.number not in earlier.finished:
                    file = _moved_away(entry, moved)
                # At once: a file may have had the name of a folder before.
                _remove_folders(entry)
                if file is None or file.refused is None:
                    note(entry.number)
                else:
                    complete = False
                if file is not None:
                    yield file
        run.mark(UNDONE if complete else PARTLY_UNDONE)


def count_files(run: Run) -> int:
    """How many files a run changed. Raises ``JournalError``.

    Of a run that was stopped, nothing but the files says it; those that were moved or removed since
    are left out.
    """
    if (known := read_count(run.folder)) is not None:
        return known
    return sum(map(_is_made, run.read()[1]))


def _is_made(entry: Entry) -> bool:
    """Whether a step seems to be made, without reading a file; so if the system does not say it."""
    target, source = (Path(os.fsdecode(path)) for path in (entry.target, entry.source))
    try:
        found = stat_of(target)
    except OSError:
        return True
    if entry.source:
        return found is not None and not (entry.action == "move" and os.path.lexists(source))
    now = None if found is None else (found.st_size, found.st_mtime_ns)
    before = entry.before
    return now != (None if before is None else (before.size, before.mtime_ns))


def _undo_step(
    run: Run,
    entry: Entry,
    placed: Placed | None,
    earlier: EarlierUndo,
    *,
    dry_run: bool = False,
) -> Undone | None:
    """Undo a step, if it was made. ``earlier`` is what an undo before this did."""
    try:
        if not dry_run:
            remove_drafts(entry)
        back = find_way_back(run, entry, placed, resumed=earlier.was_killed)
        if back is None:
            return None
        if not dry_run:
            back.do()
        return Undone(back.path, back.action, back.to)
    except (RefusedError, OSError) as error:
        if entry.number in earlier.finished:
            return None
        reason = str(error) if isinstance(error, RefusedError) else os_reason(error)
        return Undone(Path(os.fsdecode(entry.target)), entry.action, refused=reason)


def _moved_since(run: Run) -> dict[bytes, str]:
    """Which later run, that is not undone, moved a file, by the path that it had before."""
    moved = dict[bytes, str]()
    for later in find_runs(run.folder.parent):
        # A journal that cannot be read says nothing.
        with suppress(JournalError):
            if later.id > run.id and later.state != UNDONE:
                _, entries, _ = later.read()
                moved |= {one.source: later.id for one in entries if one.action == "move"}
    return moved


def _moved_away(entry: Entry, moved: Mapping[bytes, str]) -> Undone | None:
    """Why a step with nothing to undo is not undone: a later run has moved the file."""
    path = Path(os.fsdecode(entry.target))
    if entry.target not in moved or not (entry.source or entry.digest_after) or stat_of(path):
        return None
    reason = f"the run {moved[entry.target]} moved the file: undo that first"
    return Undone(path, entry.action, refused=reason)


def _foresee(
    run: Run, entries: list[Entry], placed: dict[int, Placed], earlier: EarlierUndo
) -> Iterator[Undone]:
    """What an undo would do."""
    moved = _moved_since(run)
    later = set[bytes]()
    for entry in reversed(entries):
        paths = {entry.target, entry.source} - {b""}
        if later & paths and entry.number not in earlier.finished:
            # The file is still where a later step has put it.
            yield _of_entry(entry)
        else:
            file = _undo_step(run, entry, placed.get(entry.number), earlier, dry_run=True)
            if file is None and entry.number not in earlier.finished:
                file = _moved_away(entry, moved)
            if file is not None:
                yield file
        later |= paths


def _of_entry(entry: Entry) -> Undone:
    target, source = (Path(os.fsdecode(path)) for path in (entry.target, entry.source))
    if entry.action == "move":
        return Undone(target, "move back", source)
    return Undone(target, "remove" if entry.source or entry.before is None else "put back")


def _remove_folders(entry: Entry) -> None:
    """Remove the folders that the run made for a step and that are empty, the lowest one first."""
    for folder in reversed(entry.folders):
        with suppress(OSError):
            Path(os.fsdecode(folder)).rmdir()
