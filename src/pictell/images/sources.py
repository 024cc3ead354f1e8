"""What the user named becomes an ordered, lazy stream of ``Source``s, and a source becomes bytes.

No picture is decoded here, and nothing is fetched: a URL stays a URL.
"""

from __future__ import annotations

import glob
import os
import re
import sys
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias
from urllib.parse import urlsplit

from pictell.errors import (
    NoPicturesError,
    SourceNotFoundError,
    SourceUnreadableError,
    UsageError,
)
from pictell.images.formats import HEAD_BYTES, SUFFIXES, sniff
from pictell.images.read import READ_BYTES, unreadable
from pictell.types import Source, Url

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

Input: TypeAlias = "str | os.PathLike[str] | bytes | BinaryIO | Image | NDArray[np.uint8] | Source"

# A scheme has two letters at least, or C:\ would be one (RFC 3986, 3.1).
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
CREDENTIALS = re.compile(r"(?<=://)[^/?#]*@")
# Where a URL is malformed, its password may hold a slash: better to hide too much.
CREDENTIALS_OF_MALFORMED = re.compile(r"(?<=://).*@", re.DOTALL)
PATTERN = re.compile(r"[*?\[]")
STDIN = "-"

OnSkip = Callable[[Path], None]


def ignore_skipped(path: Path) -> None:
    """The ``on_skip`` of callers who do not count what a folder holds besides pictures."""


def expand_argument(argument: str, on_skip: OnSkip = ignore_skipped) -> Iterator[Source]:
    """One word of the command line: a file, folder, pattern, URL, or ``-`` for standard input.

    A URL typed by hand may name a private host. What cannot be found is a ``Source`` that
    carries the error, so that the others go on.
    """
    if argument == STDIN:
        yield _standard_input()
    elif SCHEME.match(argument):
        yield from_url(argument, allow_private=True)
    elif PATTERN.search(argument) and not os.path.lexists(argument):
        yield from _expand_pattern(argument, on_skip)
    else:
        yield from expand_path(argument, on_skip)


def expand_entry(
    entry: str, *, allow_private: bool, on_skip: OnSkip = ignore_skipped
) -> Iterator[Source]:
    """One entry of a list: a file, folder or URL, taken literally (no patterns, no ``-``)."""
    if SCHEME.match(entry):
        yield from_url(entry, allow_private=allow_private)
    else:
        yield from expand_path(entry, on_skip)


def expand_list(
    name: str, *, separator: bytes, allow_private: bool, on_skip: OnSkip = ignore_skipped
) -> Iterator[Source]:
    """The entries of a list, one a line (or NUL-separated, as ``find -print0`` writes it).

    ``name``: the list's file, or ``-`` for standard input. Empty entries do not count.
    """
    try:
        with _open_list(name) as stream:
            for entry in _split(stream, separator):
                # A list written on Windows ends its lines in CR LF.
                text = os.fsdecode(entry.removesuffix(b"\r") if separator == b"\n" else entry)
                if text:
                    yield from expand_entry(text, allow_private=allow_private, on_skip=on_skip)
    except FileNotFoundError:
        yield Source(name, SourceNotFoundError("no such list"))
    except (OSError, ValueError) as error:
        yield Source(name, unreadable(error))


def expand_path(name: str, on_skip: OnSkip = ignore_skipped) -> Iterator[Source]:
    """A file as it is; a folder as all pictures below it, in natural order, without hidden ones."""
    if not name:
        yield Source(name, SourceNotFoundError("an empty name"))
        return
    if not os.path.isdir(name):
        yield Source(name, Path(name))
        return
    found = False
    for source in _walk(name, on_skip):
        found = True
        yield source
    if not found:
        yield Source(name, NoPicturesError("a folder without pictures"))


def expand_inputs(pictures: Iterable[Input], *, allow_private: bool) -> Iterator[Source]:
    """The sources for many pictures; a path may name a folder. See ``to_source``.

    Raises ``UsageError`` at once for a single path.
    """
    if isinstance(pictures, str | bytes | os.PathLike):
        raise UsageError("pictures must be a list: put the one picture into a list")
    return _expand_inputs(pictures, allow_private)


def _expand_inputs(pictures: Iterable[Input], allow_private: bool) -> Iterator[Source]:
    for picture in pictures:
        if isinstance(picture, str | os.PathLike):
            yield from expand_entry(os.fsdecode(picture), allow_private=allow_private)
        else:
            yield to_source(picture, allow_private=allow_private)


def to_source(picture: Input, *, allow_private: bool) -> Source:
    """The source for one picture: a path, a URL, or a picture in memory. A folder is not walked.

    ``allow_private`` lets a URL name a host on a private network. An array is RGB of shape
    (H, W, 3) and dtype uint8; ``pictell.images.decode`` checks that.

    Raises ``UsageError`` for an object of any other type.
    """
    # Only callers that use the library pay for these imports here, not ``pictell --help``.
    import numpy as np
    from PIL.Image import Image

    if isinstance(picture, Source):
        return picture
    if isinstance(picture, str) and SCHEME.match(picture):
        return from_url(picture, allow_private=allow_private)
    if isinstance(picture, str | os.PathLike):
        name = os.fsdecode(picture)
        return Source(name, Path(name))
    if isinstance(picture, bytes):
        return Source("bytes", picture)
    if isinstance(picture, np.ndarray):
        return Source("array", picture)
    if isinstance(picture, Image):
        return Source("image", picture)
    if hasattr(picture, "read"):
        return Source("stream", picture)
    raise UsageError(
        "a picture is a path, a URL, bytes, a binary stream, a PIL image or an RGB uint8 array, "
        f"not {type(picture).__name__}"
    )


def from_url(text: str, *, allow_private: bool) -> Source:
    """A source for a URL; a password in it is not shown in results."""
    return Source(_without_credentials(text), Url(text, allow_private))


def _standard_input() -> Source:
    # None where the program was started with its standard input closed.
    if sys.stdin is None:
        return Source("stdin", SourceUnreadableError("standard input is closed"))
    return Source("stdin", sys.stdin.buffer)


def _open_list(name: str) -> BufferedReader:
    if name != STDIN:
        return Path(name).open("rb")
    if sys.stdin is None:
        raise ValueError("standard input is closed")
    return open(sys.stdin.fileno(), "rb", closefd=False)


def _split(stream: BufferedReader, separator: bytes) -> Iterator[bytes]:
    """The entries as they arrive: a list may come from a program that is still writing it."""
    rest = b""
    if stream.peek(len(BOM_UTF8)).startswith(BOM_UTF8):
        stream.read(len(BOM_UTF8))
    while chunk := stream.read1(READ_BYTES):
        *whole, rest = (rest + chunk).split(separator)
        yield from whole
        if len(rest) > READ_BYTES:
            raise ValueError("a list without line ends is no list")
    yield rest


def _expand_pattern(pattern: str, on_skip: OnSkip) -> Iterator[Source]:
    matches = sorted(glob.iglob(pattern, recursive=True), key=natural_key)  # noqa: PTH207
    if not matches:
        yield Source(pattern, SourceNotFoundError("no file matches this pattern"))
    for match in matches:
        # ** matches the files of a folder as well as the folder.
        if not ("**" in pattern and os.path.isdir(match)):
            yield from expand_path(match, on_skip)


def _walk(folder: str, on_skip: OnSkip) -> Iterator[Source]:
    """Depth first, files and folders of a level in one natural order. Links to folders are not
    followed: they can lead back here."""
    # A stack of our own: folders can lie deeper than Python's.
    levels = [_list_folder(folder)]
    while levels:
        entry = next(levels[-1], None)
        if entry is None:
            levels.pop()
        elif isinstance(entry, Source):
            yield entry
        elif entry.is_dir(follow_symlinks=False):
            levels.append(_list_folder(entry.path))
        elif os.path.isdir(entry.path):
            continue
        elif _may_be_a_picture(Path(entry.path)):
            yield Source(entry.path, Path(entry.path))
        else:
            on_skip(Path(entry.path))


def _list_folder(folder: str) -> Iterator[os.DirEntry[str] | Source]:
    """What is not hidden, in natural order; or the error, as a source, if it cannot be listed."""
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: natural_key(entry.name))
    except OSError as error:
        yield Source(folder, unreadable(error))
        return
    yield from (entry for entry in entries if not entry.name.startswith("."))


def _may_be_a_picture(path: Path) -> bool:
    """Decision like a picture, or beginning like one. One of the two is enough: a broken picture is
    worth an error, a forgotten suffix is not."""
    try:
        if not path.is_file():
            return False
        if path.suffix.lower() in SUFFIXES:
            return True
        with path.open("rb") as stream:
            return sniff(stream.read(HEAD_BYTES)) is not None
    except OSError:
        return False


def natural_key(name: str) -> tuple[list[tuple[int, str]], str]:
    """Sorts ``img2`` before ``img10``, letters without regard to case; no two names are equal."""
    parts = re.split(r"([0-9]+)", name.casefold())
    numbered = [(int(part), "") if index % 2 else (0, part) for index, part in enumerate(parts)]
    return numbered, name


def _without_credentials(url: str) -> str:
    try:
        # Judges the port, which is what a misplaced password looks like.
        _ = urlsplit(url).port
    except ValueError:
        return CREDENTIALS_OF_MALFORMED.sub("***@", url)
    return CREDENTIALS.sub("***@", url)
