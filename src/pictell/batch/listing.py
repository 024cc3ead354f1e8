"""The sources that a user names become entries: each file, URL or file of a storage."""

from __future__ import annotations

import os
import string
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import quote, urlsplit

from pictell.batch.entries import Entry, to_entry
from pictell.errors import PictellError, SourceError, UsageError
from pictell.types import Source, Url

WEB = {"http", "https"}


def find_entries(
    sources: Iterable[Source], on_error: Callable[[str, PictellError], object]
) -> Iterator[Entry]:
    """The entries of sources. ``on_error`` gets the name and the error of one that stands for none.

    Raises ``UsageError`` for a source that another run could not find again.
    """
    for source in sources:
        if isinstance(source.content, PictellError):
            on_error(source.name, source.content)
        elif isinstance(source.content, Path):
            yield to_entry(source.name)
        elif isinstance(source.content, Url):
            yield from _of_url(source.content, on_error)
        else:
            raise UsageError(f"{source.name} has no name to resume by: give files, folders or URLs")


def _of_url(url: Url, on_error: Callable[[str, PictellError], object]) -> Iterator[Entry]:
    if urlsplit(url.text).scheme.lower() in WEB:
        name = url.public_text
        yield Entry(quote(name, safe=string.punctuation, errors="surrogateescape"), name, url)
        return
    # Only callers with a storage pay for importing its library.
    from pictell.batch.remote import check_scheme, list_stored

    try:
        # One wrong line of a list does not end the run; a package that is missing does.
        check_scheme(url.text)
        yield from list_stored(url.text)
    except SourceError as error:
        on_error(url.text, error)


def wants(include: Sequence[str], exclude: Sequence[str]) -> Callable[[str], bool]:
    """Whether a name matches a glob of ``include``, if there is one, and none of ``exclude``.

    A glob is of the end of a name, from any ``/`` on; ``*`` matches any characters, also ``/``.
    """

    def matches(name: str, globs: Sequence[str]) -> bool:
        path = name.replace(os.sep, "/")
        return any(fnmatchcase(path, glob) or fnmatchcase(path, f"*/{glob}") for glob in globs)

    return lambda name: (
        (not include or matches(name, include)) and not (exclude and matches(name, exclude))
    )
