"""The pictures that a command line of ``pictell batch`` names, and what is wrong with it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from pictell.batch.entries import Entry, may_be_a_lost_folder
from pictell.batch.listing import Globs, find_entries
from pictell.cli.exit_status import exit_status
from pictell.cli.output import say
from pictell.cli.pictures import named_sources
from pictell.errors import NoPicturesError, PictellError
from pictell.images.sources import find_missing
from pictell.places import hide_credentials


class NamedEntries:
    """What the command line names, to be read once.

    Then ``exit_status`` is 1 if something that it names is missing or cannot be read;
    ``all_listed`` is false if such a thing may have had pictures; ``skipped`` files are none.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.exit_status, self.all_listed, self.skipped = 0, True, 0
        self._options = options
        self._globs = Globs(options.include, options.exclude)

    def __iter__(self) -> Iterator[Entry]:
        # A line of a list that is missing becomes a row. A word that is missing is a mistake.
        words = [word for word in self._options.pictures if self._exists(word)]
        options = argparse.Namespace(**vars(self._options) | {"pictures": words})
        for one in find_entries(named_sources(options, self._skip), self._report):
            is_lost = may_be_a_lost_folder(one)
            self.all_listed &= not is_lost
            # A glob of pictures does not hide that a folder is missing.
            if is_lost or self.wants(one):
                yield one

    def wants(self, entry: Entry) -> bool:
        """Whether the globs choose an entry."""
        return self._globs.choose(entry.name)

    def say_what_is_left_out(self) -> None:
        """Name the globs that had no effect, and count what is not a picture."""
        for glob in self._globs.unused():
            say(f"{glob} matches no picture")
        if self.skipped:
            files = "file is not a picture" if self.skipped == 1 else "files are not pictures"
            say(f"{self.skipped:,} {files}: skipped")

    def _exists(self, word: str) -> bool:
        error = find_missing(word)
        if error is not None:
            self._report(hide_credentials(word), error)
        return error is None

    def _skip(self, path: Path) -> None:
        self.skipped += 1

    def _report(self, name: str, error: PictellError) -> None:
        """Name a source that stands for no picture, such as a folder that cannot be read."""
        self.all_listed = False
        if self._options.watch and isinstance(error, NoPicturesError):
            return  # they arrive later
        self.exit_status = max(self.exit_status, exit_status(error))
        say(f"{name}: {error.message}")
