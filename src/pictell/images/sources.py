"""What the user names becomes an ordered, lazy stream of ``Source``s.

Nothing is decoded or fetched here.
"""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
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
from pictell.images.read import unreadable
from pictell.types import Source, Url

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

Input: TypeAlias = "str | os.PathLike[str] | bytes | BinaryIO | Image | NDArray[np.uint8] | Source"

# At least two letters, so that C:\ is not a scheme (RFC 3986, 3.1).
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
CREDENTIALS = re.compile(r"(?<=://)[^/?#]*@")
# The password of a malformed URL may contain a slash, so this hides more.
CREDENTIALS_OF_MALFORMED = re.compile(r"(?<=://).*@", re.DOTALL)
PATTERN = re.compile(r"[*?\[]")
STDIN = "-"

OnSkip = Callable[[Path], None]


def ignore_skipped(path: Path) -> None:
    """The default of ``on_skip``, which is called with each file that is not a picture."""


def expand_argument(argument: str, on_skip: OnSkip = ignore_skipped) -> Iterator[Source]:
    """One argument of the command: a file, folder, pattern, URL, or ``-`` for standard input.

    A URL on the command line may name a private host. If nothing matches, the ``Source`` carries
    the error, so that the other arguments are still used.
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
    """One entry of a list: a file, folder or URL. Patterns and ``-`` have no special meaning."""
    if SCHEME.match(entry):
        yield from_url(entry, allow_private=allow_private)
    else:
        yield from expand_path(entry, on_skip)


def expand_path(name: str, on_skip: OnSkip = ignore_skipped) -> Iterator[Source]:
    """A file, or all pictures below a folder, in natural order and without hidden files."""
    if not name:
        yield Source(name, SourceNotFoundError("the name is empty"))
        return
    if not os.path.isdir(name):
        yield Source(name, Path(name))
        return
    found = False
    for source in _walk(name, on_skip):
        found = True
        yield source
    if not found:
        yield Source(name, NoPicturesError("the folder has no pictures"))


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
    # Imported here so that ``pictell --help`` does not pay for them.
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
    """A source for a URL. Its name, which results show, hides user name and password."""
    return Source(_without_credentials(text), Url(text, allow_private))


def _standard_input() -> Source:
    # Python sets it to None if the program starts with standard input closed.
    if sys.stdin is None:
        return Source("stdin", SourceUnreadableError("standard input is closed"))
    return Source("stdin", sys.stdin.buffer)


def _expand_pattern(pattern: str, on_skip: OnSkip) -> Iterator[Source]:
    try:
        matches = sorted(glob.iglob(pattern, recursive=True), key=natural_key)  # noqa: PTH207
    except ValueError:  # no file can have such a name
        matches = []
    if not matches:
        yield Source(pattern, SourceNotFoundError("no file matches this pattern"))
    for match in matches:
        # ** matches a folder and also the files in it.
        if not ("**" in pattern and os.path.isdir(match)):
            yield from expand_path(match, on_skip)


def _walk(folder: str, on_skip: OnSkip) -> Iterator[Source]:
    """Depth first, with files and folders sorted together. Links to folders are not followed,
    because they can form a loop."""
    # Not recursive: folders can be nested deeper than Python's stack.
    levels = [_list_folder(folder)]
    while levels:
        entry = next(levels[-1], None)
        if entry is None:
            levels.pop()
        elif isinstance(entry, Source):
            yield entry
        elif os.path.isdir(entry.path):
            if not entry.is_symlink():
                levels.append(_list_folder(entry.path))
        elif _may_be_a_picture(Path(entry.path)):
            yield Source(entry.path, Path(entry.path))
        else:
            on_skip(Path(entry.path))


def _list_folder(folder: str) -> Iterator[os.DirEntry[str] | Source]:
    """What is not hidden, in natural order; or a source with the error if listing fails."""
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: natural_key(entry.name))
    except OSError as error:
        yield Source(folder, unreadable(error))
        return
    yield from (entry for entry in entries if not entry.name.startswith("."))


def _may_be_a_picture(path: Path) -> bool:
    """Whether the suffix or the first bytes are those of a picture.

    The suffix alone is enough, so that a broken picture is reported and not skipped.
    """
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
    """Sorts ``img2`` before ``img10`` and ignores case. No two names have the same key."""
    parts = re.split(r"([0-9]+)", name.casefold())
    numbered = [(int(part), "") if index % 2 else (0, part) for index, part in enumerate(parts)]
    return numbered, name


def _without_credentials(url: str) -> str:
    try:
        # Raises if the port is not a number, as when the password contains a slash.
        _ = urlsplit(url).port
    except ValueError:
        return CREDENTIALS_OF_MALFORMED.sub("***@", url)
    return CREDENTIALS.sub("***@", url)
