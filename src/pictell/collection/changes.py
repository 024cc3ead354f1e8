"""Changes of the user's files, each in a journal before it is made, so that it can be undone."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from pictell.collection.file_count import write_count
from pictell.collection.journal import Journal, journals_folder
from pictell.collection.journal_lines import Entry, Failed, Placed
from pictell.collection.making import make_step
from pictell.collection.stamp import Stamp, changed, digest_of, stat_of

Action = Literal["copy", "link", "move", "write", "remove"]
# A sync takes longer than all else: this many steps have one together.
STEPS_AT_ONCE = 64


class Step(NamedTuple):
    """A change of one file.

    ``copy``, ``link`` (a hard link, or a copy where there can be none) and ``move`` have a
    ``source`` and never overwrite the ``target``. ``write`` makes the target a file with the
    ``content``, new or in place of what was there. ``remove`` removes the target. ``undo`` brings
    back what was there.
    """

    action: Action
    target: Path
    source: Path | None = None
    content: bytes | None = None


class Made(NamedTuple):
    """A step that was made, or why not: then everything is as it was before the step.

    ``error`` is a ``FileExistsError`` if the target of a copy, link or move exists.
    """

    step: Step
    error: OSError | None = None


class Changes:
    """The changes of one run of a command. Use it in ``with``."""

    def __init__(self, command: str, words: Sequence[str], journals: Path) -> None:
        self._command = command
        self._words = words
        self._journals = journals
        self._journal: Journal | None = None
        self._prepared = 0
        self._succeeded = 0
        # Where moved files are now, and where they came from.
        self._moved = dict[Path, Path]()
        self._others = 0

    @classmethod
    def begin(
        cls, command: str, journals: Path | None = None, words: Sequence[str] = ()
    ) -> Changes:
        """Begin a run of a command, such as ``sort``; its journal is in the user's data folder.

        ``journals`` is the folder of journals instead. ``words`` is the rest of the command line,
        for the journal.
        """
        return cls(command, words, journals or journals_folder())

    def make(self, steps: Iterable[Step]) -> Iterator[Made]:
        """Make the steps in their order; folders of targets are made as needed, and undone too.

        Up to 64 steps are written to the journal at once, then made one by one. Raises
        ``JournalError``; the step that it concerns is not made.
        """
        for batch in self._batches(steps):
            entries = [entry for _, entry in batch if isinstance(entry, Entry)]
            if entries:
                self._open_journal().write(entries)
            for step, entry in batch:
                yield Made(step, self._make(step, entry) if isinstance(entry, Entry) else entry)

    def __enter__(self) -> Changes:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._journal is not None:
            # An interrupted step may have been made.
            ended = exception[0] is None
            if ended:
                write_count(self._journal.run.folder, len(self._moved) + self._others)
            self._journal.close(forget=ended and not self._succeeded)

    def _open_journal(self) -> Journal:
        if self._journal is None:
            self._journal = Journal.begin(self._journals, self._command, self._words)
        return self._journal

    def _make(self, step: Step, entry: Entry) -> OSError | None:
        """Make a step; return why it failed."""
        journal = self._open_journal()

        def placed(stamp: Stamp, digest: str) -> None:
            journal.write([Placed(entry.number, stamp, digest)])

        try:
            make_step(entry, step.content, placed)
        except OSError as error:
            journal.write([Failed(entry.number)], sync=False)
            return error
        self._succeeded += 1
        self._count(step)
        return None

    def _count(self, step: Step) -> None:
        """Count a file that is changed. One that was moved back is not."""
        if step.action != "move" or step.source is None:
            self._others += 1
            return
        origin = self._moved.pop(step.source, step.source)
        if origin != step.target:
            self._moved[step.target] = origin

    def _batches(self, steps: Iterable[Step]) -> Iterator[list[tuple[Step, Entry | OSError]]]:
        """The steps with their lines for the journal, or why they cannot be made.

        A batch ends before a step that concerns a file of an earlier one, because its line says
        what is there before.
        """
        batch, concerned = list[tuple[Step, Entry | OSError]](), set[str]()
        for step in steps:
            paths = {str(path) for path in (step.target, step.source) if path is not None}
            if len(batch) == STEPS_AT_ONCE or concerned & paths:
                yield batch
                batch, concerned = [], set()
            concerned |= paths
            batch.append((step, self._prepare(step)))
        if batch:
            yield batch

    def _prepare(self, step: Step) -> Entry | OSError:
        """What the journal says of a step, or why it cannot be made.

        A file that the step replaces or removes is kept first.
        """
        number, self._prepared = self._prepared, self._prepared + 1
        try:
            if step.source is not None:
                return _entry_with_source(number, step, Path(_absolute(step.source)))
            entry = _entry_with_content(number, step)
        except OSError as error:
            return error
        except ValueError as error:  # a NUL in a name
            return OSError(errno.EINVAL, str(error), str(step.target))
        if entry.before is not None:
            target = Path(os.fsdecode(entry.target))
            if self._open_journal().keep(number, target) != entry.digest_before:
                return changed(target)
        return entry


def _entry_with_source(number: int, step: Step, source: Path) -> Entry:
    """The line of a copy, link or move. Raises ``OSError`` if the target exists."""
    target = Path(_absolute(step.target))
    found = source.lstat() if step.action == "move" else source.stat()
    if stat.S_ISLNK(found.st_mode):
        _check_link(source, target)
    else:
        _check_regular(source, found)
    folders = _missing_folders(target)
    if stat_of(target) is not None:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    return Entry(
        number,
        step.action,
        os.fsencode(target),
        source=os.fsencode(source),
        draft=_draft(target),
        before=Stamp.of(found),
        folders=folders,
    )


def _entry_with_content(number: int, step: Step) -> Entry:
    """The line of a step that writes or removes; links are followed. Raises ``OSError``."""
    target, content = Path(os.path.realpath(step.target)), step.content
    found = target.lstat() if content is None else stat_of(target)
    if found is not None:
        _check_regular(target, found)
    return Entry(
        number,
        step.action,
        os.fsencode(target),
        draft=_draft(target),
        before=None if found is None else Stamp.of(found),
        digest_before="" if found is None else digest_of(target),
        digest_after="" if content is None else hashlib.sha256(content).hexdigest(),
        folders=_missing_folders(target),
    )


def _absolute(path: Path) -> str:
    # os.path.abspath would remove `..`, which leads elsewhere after a link.
    return str(path if path.is_absolute() else Path.cwd() / path)


def _draft(target: Path) -> bytes:
    # A name derived from the target's might be too long.
    return os.fsencode(target.with_name(f".draft-{os.urandom(8).hex()}"))


def _missing_folders(target: Path) -> list[bytes]:
    """The folders above a path that do not exist, the highest one first."""
    missing = list[bytes]()
    for folder in target.parents:
        if os.path.isdir(folder):
            break
        if os.path.lexists(folder):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
        missing.append(os.fsencode(folder))
    return missing[::-1]


def _check_regular(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))


def _check_link(source: Path, target: Path) -> None:
    """Raise ``OSError`` for a relative link that would lead elsewhere from the target's folder."""
    to = source.readlink()
    ends = [os.path.realpath(path.parent / to) for path in (source, target)]
    if not to.is_absolute() and ends[0] != ends[1]:
        raise OSError(
            errno.EINVAL, "a relative link, which would lead elsewhere after a move", str(source)
        )
