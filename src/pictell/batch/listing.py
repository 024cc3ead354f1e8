"""The sources that a user names become entries: each file, URL or file of a storage."""

from __future__ import annotations

import os
import string
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import quote

from pictell.batch.entries import Entry, to_entry
from pictell.errors import AddressRefusedError, PictellError, SourceError, UsageError
from pictell.places import DataUrl, Url
from pictell.types import Source

WEB = {"http", "https"}
# The URLs of these name no host: they lead to the provider of the storage, or to where the user's
# own configuration says. Any other may name a host in the user's network.
CLOUDS = {"abfs", "abfss", "adl", "az", "gcs", "gs", "hf", "oci", "oss", "s3", "s3a"}


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
        elif isinstance(source.content, DataUrl):
            yield Entry(source.content.key, source.name, source.content)
        elif isinstance(source.content, Url):
            yield from _of_url(source.content, on_error)
        else:
            raise UsageError(f"{source.name} has no name to resume by: give files, folders or URLs")


def _of_url(url: Url, on_error: Callable[[str, PictellError], object]) -> Iterator[Entry]:
    name = url.public_text
    scheme = url.text.partition("://")[0].lower()
    if scheme in WEB:
        yield Entry(quote(name, safe=string.punctuation, errors="surrogateescape"), name, url)
        return
    if not url.allow_private and scheme not in CLOUDS:
        message = f"{scheme}:// may lead into your own network; --allow-private permits it"
        on_error(name, AddressRefusedError(message))
        return
    # Only callers with a storage pay for importing its library.
    from pictell.batch.remote import list_stored

    try:
        # One wrong line of a list does not end the run; a package that is missing does.
        yield from list_stored(url.text)
    except SourceError as error:
        on_error(name, error)


class Globs:
    """Chooses names by globs: those that match one of ``include``, if any, and none of ``exclude``.

    A glob is of the end of a name, from any ``/`` on; ``*`` matches any characters, also ``/``.
    """

    def __init__(self, include: Sequence[str], exclude: Sequence[str]) -> None:
        self._include = dict.fromkeys(include, 0)
        self._exclude = dict.fromkeys(exclude, 0)

    def choose(self, name: str) -> bool:
        """Whether a name is chosen."""
        path = name.replace(os.sep, "/")
        # Both look at each name, to know what they match.
        included, excluded = _count(path, self._include), _count(path, self._exclude)
        return (bool(included) or not self._include) and not excluded

    def unused(self) -> list[str]:
        """The options with globs that have matched no name so far."""
        return [
            f"{option} {glob}"
            for option, globs in (("--include", self._include), ("--exclude", self._exclude))
            for glob, matches in globs.items()
            if not matches
        ]


def _count(path: str, globs: dict[str, int]) -> int:
    """How many globs match; each of them counts one more match."""
    found = [one for one in globs if fnmatchcase(path, one) or fnmatchcase(path, f"*/{one}")]
    for one in found:
        globs[one] += 1
    return len(found)
