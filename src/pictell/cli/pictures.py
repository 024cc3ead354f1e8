"""The pictures that a command line names."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from pictell.cli.output import say
from pictell.errors import UsageError
from pictell.images.sources import STDIN, expand_argument, find_missing
from pictell.types import Source


def named_sources(
    options: argparse.Namespace, on_skip: Callable[[Path], object]
) -> Iterator[Source]:
    """The sources of ``pictures``, in their order, then those of the list ``from_file``."""
    for word in options.pictures:
        if word == STDIN:
            _say_it_waits("a picture", options)
        yield from expand_argument(word, on_skip)
    if options.from_file is not None:
        if options.from_file == STDIN:
            _say_it_waits("a list of files and URLs, one a line", options)
        from pictell.images.lists import expand_list

        yield from expand_list(
            options.from_file,
            separator=b"\0" if options.null else b"\n",
            allow_private=options.allow_private,
            on_skip=on_skip,
        )


def can_be_listed_twice(options: argparse.Namespace) -> bool:
    """Whether the sources can be counted beforehand: no picture or list comes through a pipe."""
    from_file = options.from_file
    return STDIN not in options.pictures and (from_file is None or os.path.isfile(from_file))


def _say_it_waits(what: str, options: argparse.Namespace) -> None:
    """Say so on stderr if a person at a terminal has to give what is read next."""
    if not options.quiet and sys.stdin is not None and sys.stdin.isatty():
        say(f"waiting for {what} on standard input; Ctrl-C stops")


def check_list(name: str | None) -> None:
    """Raise ``UsageError`` for a list of ``--from-file`` that cannot be opened.

    It is not opened here: a pipe can be read only once.
    """
    if name is None or name == STDIN:
        return
    path = Path(name)
    if (error := find_missing(str(path))) is not None:
        raise UsageError(f"--from-file {name}: {error.message}")
    if path.is_dir():
        raise UsageError(f"--from-file {name}: a folder, not a list: give it without --from-file")
    if not os.access(path, os.R_OK):
        raise UsageError(f"--from-file {name}: cannot be read: Permission denied")
