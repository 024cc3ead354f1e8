"""The journal of a run: what it is about to change, on the disk before it does.

A run has a folder, named by its time: ``journal.jsonl``, copies of the files that it replaces or
removes (``kept-`` and the number of the step), ``lock`` while it works, and ``state`` after an
undo. The first line of the journal says which run it is. Steps follow, each before it is made; no
line says that a step was made, because undo looks at the files. A step that failed and changed
nothing has a line, as has a file that was copied to another file system.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from pictell.collection.copying import copy_new, sync_folder
from pictell.collection.file_count import read_count
from pictell.collection.journal_lines import (
    Entry,
    Failed,
    Header,
    Line,
    Placed,
    decode,
    encode,
)
from pictell.errors import JournalError
from pictell.files import os_reason, write_file
from pictell.user_folders import data_folder
from pictell.version import __version__

if TYPE_CHECKING:
    from filelock import BaseFileLock

JOURNAL, LOCK, STATE = "journal.jsonl", "lock", "state"
PROGRESS, NUMBER_WIDTH = "undone-steps", 8
DONE, STOPPED, UNDONE, PARTLY_UNDONE = "done", "stopped", "undone", "partly undone"


class _AtWorkError(JournalError):
    """Another process works on the run."""


class EarlierUndo(NamedTuple):
    """The numbers of the steps that are undone, and whether the last undo did not end."""

    finished: set[int]
    was_killed: bool


class Run:
    """A run of a command, by its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.id = folder.name

    def kept(self, number: int) -> Path:
        """Where the file that a step replaces or removes is kept."""
        return self.folder / f"kept-{number}"

    @property
    def state(self) -> str:
        """What became of the run.

        ``done``, ``stopped`` before its end, ``undone``, ``partly undone`` or ``at work``. Raises
        ``JournalError``.
        """
        path = self.folder / STATE
        try:
            with self.lock(), _journal_errors(self.folder, "read"):
                if not path.exists():
                    return STOPPED if read_count(self.folder) is None else DONE
                return UNDONE if path.read_bytes() == UNDONE.encode() else PARTLY_UNDONE
        except _AtWorkError:
            return "at work"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """No other process works on the run meanwhile. Raises ``JournalError`` if one does."""
        from filelock import FileLock, Timeout

        lock = FileLock(self.folder / LOCK, timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            text = f"the run {self.id} is still at work: wait until it ends"
            raise _AtWorkError(text) from error
        except (OSError, NotImplementedError) as error:
            text = f"cannot lock the run {self.id} in {self.folder.parent}: {os_reason(error)}"
            raise JournalError(text) from error
        try:
            yield
        finally:
            lock.release()

    def read(self) -> tuple[Header, list[Entry], dict[int, Placed]]:
        """The run, its steps without those that failed, and what was placed, by the step's number.

        Raises ``JournalError``.
        """
        path = self.folder / JOURNAL
        try:
            lines = path.read_bytes().split(b"\n")
            # The last one is empty, or was being written when the run was killed.
            header, *rest = map(decode, lines[:-1])
            if not isinstance(header, Header):
                raise ValueError("it is damaged")
        except (OSError, ValueError) as error:
            raise JournalError(f"cannot read the journal {path}: {os_reason(error)}") from error
        failed = {line.number for line in rest if isinstance(line, Failed)}
        steps = [line for line in rest if isinstance(line, Entry) and line.number not in failed]
        return header, steps, {line.number: line for line in rest if isinstance(line, Placed)}

    def earlier_undo(self) -> EarlierUndo:
        """What an earlier undo has finished, and whether it was killed."""
        with suppress(FileNotFoundError):
            lines = (self.folder / PROGRESS).read_bytes().split(b"\n")
            done = {int(line) for line in lines if len(line) == NUMBER_WIDTH and line.isdigit()}
            return EarlierUndo(done, was_killed=not (self.folder / STATE).exists())
        return EarlierUndo(set(), was_killed=False)

    @contextmanager
    def note_undone(self) -> Iterator[Callable[[int], None]]:
        """A function that records a step that is undone. Raises ``JournalError``."""
        with _journal_errors(self.folder):
            file = (self.folder / PROGRESS).open("ab", buffering=0)
            (self.folder / STATE).unlink(missing_ok=True)
        # A killed undo may have left half a line.
        with file:
            yield lambda number: _add(file, f"\n{number:0{NUMBER_WIDTH}}\n".encode())

    def mark(self, state: str) -> None:
        """Record what an undo achieved. A run that is undone keeps no files.

        Raises ``JournalError``.
        """
        with _journal_errors(self.folder):
            write_file(self.folder / STATE, state.encode())
            if state == UNDONE:
                for path in self.folder.glob("kept-*"):
                    path.unlink()

    def forget(self) -> None:
        """Remove the journal and the files that are kept. Raises ``JournalError``."""
        with self.lock():
            # Without its journal it is no run, if this is killed.
            try:
                (self.folder / JOURNAL).unlink(missing_ok=True)
            except OSError as error:
                text = f"cannot remove the journal in {self.folder}: {os_reason(error)}"
                raise JournalError(text) from error
        shutil.rmtree(self.folder, ignore_errors=True)


class Journal:
    """The journal that a run writes. Every error of the file system is a ``JournalError``."""

    def __init__(self, run: Run, lock: BaseFileLock, file: BinaryIO) -> None:
        self.run = run
        self._lock = lock
        self._file = file

    @classmethod
    def begin(cls, journals: Path, command: str, words: Iterable[str]) -> Journal:
        """A new run in the folder of journals."""
        from filelock import FileLock

        with _journal_errors(journals):
            folder = _new_folder(journals)
            lock = FileLock(folder / LOCK, timeout=0)
            lock.acquire()
            names = [os.fsencode(word) for word in words]
            where = os.fsencode(_working_folder())
            header = Header(command, names, datetime.now(UTC), where, __version__)
            # Written whole, so that every journal has its first line.
            write_file(folder / JOURNAL, encode(header))
            sync_folder(journals)
            return cls(Run(folder), lock, (folder / JOURNAL).open("ab", buffering=0))

    def write(self, lines: Iterable[Line], *, sync: bool = True) -> None:
        """Add lines; with ``sync``, they are on the disk when this returns."""
        content = b"".join(map(encode, lines))
        end = self._file.tell()
        with _journal_errors(self.run.folder):
            try:
                while content:
                    content = content[self._file.write(content) :]
                if sync:
                    os.fsync(self._file.fileno())
            except OSError:
                # The next line must not follow half a line.
                self._file.truncate(end)
                self._file.seek(end)
                raise

    def keep(self, number: int, path: Path) -> str:
        """Keep a copy of a file that a step replaces or removes; return its SHA-256."""
        kept = self.run.kept(number)
        with _journal_errors(self.run.folder):
            return copy_new(path, kept, kept.with_name(f"draft-{number}"), verify=True)

    def close(self, *, forget: bool) -> None:
        """The run has ended; ``forget`` removes it, because it changed nothing."""
        self._file.close()
        self._lock.release()
        if forget:
            self.run.forget()


def journals_folder() -> Path:
    """The folder of the user's journals. Raises ``UsageError`` for a user without a home."""
    return data_folder() / "undo"


def find_runs(journals: Path) -> list[Run]:
    """All runs, the last one first. Raises ``JournalError``."""
    with _journal_errors(journals, "read"), suppress(FileNotFoundError):
        folders = sorted(journals.iterdir(), reverse=True)
        return [Run(folder) for folder in folders if os.path.isfile(folder / JOURNAL)]
    return []


def _add(file: BinaryIO, content: bytes) -> None:
    # What is not recorded is seen in the files, except where a run moved a file twice.
    with suppress(OSError):
        file.write(content)


def _new_folder(journals: Path) -> Path:
    journals.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        folder = journals / f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            return folder


def _working_folder() -> str:
    # It may have been removed.
    with suppress(FileNotFoundError):
        return os.getcwd()  # noqa: PTH109
    return ""


@contextmanager
def _journal_errors(path: Path, verb: str = "write") -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise JournalError(
            f"cannot {verb} the journal in {path}, without which nothing can be undone: "
            f"{os_reason(error)}"
        ) from error
