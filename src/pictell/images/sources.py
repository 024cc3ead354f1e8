"""What the user names becomes an ordered, lazy stream of ``Source``s. No picture is opened here."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from pictell.errors import (
    NoPicturesError,
    SourceError,
    SourceNotFoundError,
    SourceUnreadableError,
    UsageError,
)
from pictell.images.formats import HEAD_BYTES, SUFFIXES, sniff
from pictell.images.unreadable import missing, special_kind, unreadable, url_remedy
from pictell.places import DataUrl, Pipe, Url, hide_credentials, is_data_url
from pictell.types import Source

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

Input: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Image | NDArray[np.uint8]"
    " | Source"
)
# Called with each file in a folder that is not a picture.
OnSkip: TypeAlias = Callable[[Path], object]

STDIN = "-"
# At least two letters, so that C:\ is not a scheme (RFC 3986, 3.1).
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_PATTERN = re.compile(r"[*?\[]")
_NUMBERS = re.compile(r"([0-9]+)")


def ignore(path: Path) -> None:
    """Skip a file silently."""


def expand_argument(argument: str, on_skip: OnSkip = ignore) -> Iterator[Source]:
    """One argument of the command: a file, folder, pattern, URL, or ``-`` for standard input.

    A URL may name a private host. If nothing matches, the ``Source`` carries the error, so that
    the other arguments are still used.
    """
    if argument == STDIN:
        # Python sets it to None if the program starts with standard input closed.
        closed = SourceUnreadableError("standard input is closed")
        yield Source("stdin", sys.stdin.buffer if sys.stdin else closed)
    elif _is_pattern(argument):
        yield from _expand_pattern(argument, on_skip)
    elif _is_pipe(argument):
        yield argument_source(argument)
    else:
        yield from expand_entry(argument, allow_private=True, on_skip=on_skip)


def argument_source(argument: str) -> Source:
    """The source of an argument that names one picture: a file, a URL, a pipe or a device.

    Only an argument may be a pipe or a device, because reading one may take for ever.
    """
    if _is_pipe(argument):
        return Source(argument, Pipe(argument))
    return to_source(argument, allow_private=True)


def find_missing(argument: str) -> SourceError | None:
    """Why an argument that names one file or folder cannot be used; ``None`` for others."""
    if argument in {"", STDIN} or is_url(argument) or _is_pattern(argument):
        return None
    try:
        os.stat(argument)  # noqa: PTH116
    except FileNotFoundError:
        return missing(argument)
    except (OSError, ValueError) as error:
        return unreadable(error)
    return None


def is_url(text: str) -> bool:
    """Whether a text is a URL of any scheme, also one that is not fetched."""
    return is_data_url(text) or _SCHEME.match(text) is not None


def _is_pattern(argument: str) -> bool:
    is_name = is_url(argument) or os.path.lexists(argument)
    return bool(_PATTERN.search(argument)) and not is_name


def _is_pipe(argument: str) -> bool:
    """Whether an argument is a pipe or a device, such as ``/dev/fd/63`` of ``<(curl …)``."""
    with suppress(OSError, ValueError):
        status = os.stat(argument)  # noqa: PTH116
        return special_kind(status) in {"a named pipe", "a device"}
    return False


def expand_entry(entry: str, *, allow_private: bool, on_skip: OnSkip = ignore) -> Iterator[Source]:
    """One entry of a list: a file, folder or URL. Patterns and ``-`` have no special meaning."""
    if is_url(entry):
        yield to_source(entry, allow_private=allow_private)
    else:
        yield from expand_path(entry, on_skip)


def expand_path(name: str, on_skip: OnSkip = ignore) -> Iterator[Source]:
    """A file, or all pictures below a folder, in natural order and without hidden files."""
    if not name:
        yield Source(name, SourceNotFoundError("the name is empty"))
    elif os.path.isdir(name):
        pictures = walk(name, on_skip)
        yield next(pictures, Source(name, NoPicturesError("the folder has no pictures")))
        yield from pictures
    else:
        yield _of_path(name)


def expand_inputs(pictures: Iterable[Input], *, allow_private: bool) -> Iterator[Source]:
    """The sources for many pictures; a path may name a folder. See ``to_source``.

    Raises ``UsageError`` at once for a single path, stream or ``Source``.
    """
    if hasattr(pictures, "read") or isinstance(
        pictures, str | bytes | bytearray | memoryview | os.PathLike | Source
    ):
        raise UsageError("pictures must be a list: put the one picture into a list")

    def expand() -> Iterator[Source]:
        for picture in pictures:
            if isinstance(picture, str | os.PathLike):
                yield from expand_entry(os.fsdecode(picture), allow_private=allow_private)
            else:
                yield to_source(picture, allow_private=allow_private)

    return expand()


def to_source(picture: Input, *, allow_private: bool) -> Source:
    """The source for one picture: a path, a URL, or a picture in memory. A folder is not walked.

    A ``data:`` URL holds the picture itself. A bytearray or memoryview is copied as bytes.
    ``allow_private`` lets a URL name a host on a private network. An array is RGB of shape
    (H, W, 3) and dtype uint8; ``pictell.images.decode`` checks that.

    Raises ``UsageError`` for an object of any other type.
    """
    if isinstance(picture, Source):
        return picture
    if isinstance(picture, str | os.PathLike):
        name = os.fsdecode(picture)
        if not is_url(name):
            return _of_path(name)
        url = DataUrl(name) if is_data_url(name) else Url(name, allow_private)
        return Source(url.public_text, url)
    if isinstance(picture, bytes | bytearray | memoryview):
        return Source("bytes", picture)
    # Imported here so that ``pictell --help`` does not pay for them.
    import numpy as np
    from PIL.Image import Image

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


def _of_path(name: str) -> Source:
    # It may be a mistyped URL with a password.
    shown = hide_credentials(name)
    if shown != name and not os.path.lexists(name):
        return Source(shown, missing(name))
    return Source(name, Path(name))


def _expand_pattern(pattern: str, on_skip: OnSkip) -> Iterator[Source]:
    # Imported only when needed: few arguments are patterns.
    import glob

    try:
        matches = sorted(glob.iglob(pattern, recursive=True), key=natural_key)  # noqa: PTH207
    except ValueError:  # no file can have such a name
        matches = []
    if not matches:
        message = f"no file matches this pattern{url_remedy(pattern)}"
        yield Source(hide_credentials(pattern), SourceNotFoundError(message))
    for match in matches:
        # ** matches a folder and also the files in it.
        if not ("**" in pattern and os.path.isdir(match)):
            yield from expand_path(match, on_skip)


def walk(folder: str, on_skip: OnSkip = ignore) -> Iterator[Source]:
    """All pictures below a folder, or a file if it may be a picture.

    Depth first, with files and folders sorted together. Links to folders are not followed, because
    they can form a loop.
    """
    # Not recursive: folders can be nested deeper than Python's stack. The last path is the next.
    pending: list[str | os.DirEntry[str]] = [folder]
    while pending:
        one = pending.pop()
        path = os.fspath(one)
        if isinstance(one, os.DirEntry) and _is_picture_file(one):
            yield Source(path, Path(path))
        elif not os.path.isdir(path):
            if _may_be_a_picture(Path(path)):
                yield Source(path, Path(path))
            else:
                on_skip(Path(path))
        elif path == folder or not Path(path).is_symlink():
            try:
                with os.scandir(path) as listing:
                    entries = [one for one in listing if not one.name.startswith(".")]
                entries.sort(key=lambda one: natural_key(one.name), reverse=True)
                pending += entries
            except OSError as error:
                yield Source(path, unreadable(error))


def _is_picture_file(entry: os.DirEntry[str]) -> bool:
    """Whether an entry of a folder is surely a file named like a picture.

    Most are, and on most systems the folder itself says that they are files.
    """
    try:
        _, dot, end = entry.name.rpartition(".")
        return dot + end.lower() in SUFFIXES and entry.is_file(follow_symlinks=False)
    except OSError:
        return False


def _may_be_a_picture(path: Path) -> bool:
    """Whether the suffix or the first bytes are those of a picture.

    The suffix alone is enough, so that a broken picture is reported and not skipped, and so is a
    link that leads nowhere. A file without a suffix that cannot be opened may be one too.
    """
    named = path.suffix.lower() in SUFFIXES
    try:
        # Opening a pipe would block.
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        if named:
            return True
        with path.open("rb") as stream:
            return sniff(stream.read(HEAD_BYTES)) is not None
    except OSError:
        return named or not (path.suffix or path.is_symlink())


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Sorts ``img2`` before ``img10`` and ignores case. No two names have the same key."""
    parts: list[str | int] = [*_NUMBERS.split(name.casefold())]
    # Every second part is a number in all names, so no text is compared with a number.
    parts[1::2] = map(int, parts[1::2])
    return parts, name
