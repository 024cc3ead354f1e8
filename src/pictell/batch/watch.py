"""Pictures that arrive in folders, each once it is complete."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from pictell.batch.entries import Entry, to_entry
from pictell.errors import SourceNotFoundError, UsageError
from pictell.images.sources import walk

# A file is complete once its size and time have not changed for this long.
STILL_S = 2.0
TICK_MS = 250
NS = 1_000_000_000


def check_folders(folders: Sequence[str]) -> None:
    """Raise ``UsageError`` unless all are folders of this machine and watchfiles is there."""
    for folder in folders:
        if not Path(folder).is_dir():
            raise UsageError(f"--watch needs folders of this machine: {folder} is none")
    if find_spec("watchfiles") is None:
        raise UsageError("--watch needs the extra watch: pip install 'pictell[watch]'")


class Watch:
    """Watches folders, see ``check_folders``, from now on, also while others work."""

    def __init__(self, folders: Sequence[str], still_s: float = STILL_S) -> None:
        from watchfiles import watch

        self._still_s = still_s
        # The last version of each file that was seen, and since when it has been the same.
        self._pending = dict[str, tuple[str | None, float]]()
        # When new folders are looked at again: files may come before they are watched.
        self._new_folders = dict[str, float]()
        # Changes have absolute paths; results show what the user typed.
        self._typed = {Path(folder).resolve(): Path(folder) for folder in folders}
        self._changes = watch(
            *self._typed,
            watch_filter=None,
            yield_on_timeout=True,
            rust_timeout=TICK_MS,
            debounce=TICK_MS,
        )
        # It watches from the first step on.
        self._note(next(self._changes))

    def complete(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """The entries that do not change any more; the others arrive later."""
        for one in entries:
            if one.version is not None and time.time() - int(one.version) / NS < self._still_s:
                self._wait_for(one.name)
            else:
                yield one

    def arrivals(self) -> Iterator[list[Entry]]:
        """The entries of files that have arrived or changed and are complete, without end.

        Raises ``SourceNotFoundError`` when a folder is gone: one that comes back is another folder,
        and is not watched.
        """
        for changes in self._changes:
            for root, typed in self._typed.items():
                if not root.is_dir():
                    raise SourceNotFoundError(
                        f"the watched folder {typed} is gone: run the same command again once it "
                        "is back"
                    )
            self._note(changes)
            now = time.monotonic()
            for folder in [name for name, due in self._new_folders.items() if due <= now]:
                del self._new_folders[folder]
                self._look_into(folder)
            if entries := list(self._complete_now(now)):
                yield entries

    def _note(self, changes: Iterable[tuple[object, str]]) -> None:
        for _, path in changes:
            name = self._as_typed(Path(path))
            if name is None:
                continue
            if Path(name).is_dir():
                self._new_folders[name] = time.monotonic() + self._still_s
                self._look_into(name)
            else:
                self._wait_for(name)

    def _look_into(self, folder: str) -> None:
        for source in walk(folder):
            self._wait_for(source.name)

    def _wait_for(self, name: str) -> None:
        self._pending.setdefault(name, (None, time.monotonic()))

    def _complete_now(self, now: float) -> Iterator[Entry]:
        for name, (version, since) in list(self._pending.items()):
            entry = to_entry(name)
            if entry.version is None:  # it is gone, or no file
                del self._pending[name]
            elif entry.version != version:
                self._pending[name] = (entry.version, now)
            elif now - since >= self._still_s:
                del self._pending[name]
                for source in walk(name):
                    yield to_entry(source.name)

    def _as_typed(self, path: Path) -> str | None:
        """The name of a path as results show it, ``None`` for hidden ones."""
        for root, typed in self._typed.items():
            if path.is_relative_to(root):
                below = path.relative_to(root)
                hidden = any(part.startswith(".") for part in below.parts)
                return None if hidden else str(typed / below)
        return None
