"""What a row is about: a source with what tells its versions apart."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from pictell.images.formats import SUFFIXES
from pictell.places import DataUrl, Url


class Stored(NamedTuple):
    """A file in a storage of fsspec, by its URL."""

    url: str


class Entry(NamedTuple):
    """A source that a row is about.

    ``uri`` is the same text in every run, in ASCII. ``name`` is what results show; that of a file
    is its path. ``size`` in bytes and ``version`` change when the source does. The version is the
    time of the last change in nanoseconds, or what the storage gives, such as an ETag. Both are
    ``None`` where nothing tells, as for URLs.
    """

    uri: str
    name: str
    content: Path | Url | DataUrl | Stored
    size: int | None = None
    version: str | None = None


def to_entry(name: str) -> Entry:
    """The entry of a file by its path; without size and version if there is no regular file."""
    path = Path(name)
    uri = _absolute(path).as_uri()
    with suppress(OSError, ValueError):
        status = path.stat()
        if stat.S_ISREG(status.st_mode):
            return Entry(uri, name, path, status.st_size, str(status.st_mtime_ns))
    return Entry(uri, name, path)


def may_be_a_lost_folder(entry: Entry) -> bool:
    """Whether a path is not a file, such as a folder on a drive that is not mounted."""
    return (
        isinstance(entry.content, Path)
        and entry.version is None
        and entry.content.suffix.lower() not in SUFFIXES
    )


def _absolute(path: Path) -> Path:
    """The absolute path without ``..``, so that ``../photos`` is the same in every run."""
    parts = path.absolute().parts
    if ".." not in parts:
        return path.absolute()
    end = len(parts) - parts[::-1].index("..")
    return Path(_real(str(Path(*parts[:end]))), *parts[end:])


@lru_cache
def _real(folder: str) -> str:
    return os.path.realpath(folder)
