"""A source becomes content: encoded bytes, or an image that the caller has already decoded."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias, cast

from pictell.errors import OutOfMemoryError, PictellError, SourceUnreadableError
from pictell.images.unreadable import missing, special_kind, too_large, unreadable
from pictell.options import Limits
from pictell.places import DataUrl, Pipe, Url
from pictell.types import Source

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

Content: TypeAlias = "bytes | Image | NDArray[np.uint8]"
Reserve: TypeAlias = Callable[[int], None]

READ_BYTES = 1 << 20
_READ_ONLY = os.O_RDONLY | getattr(os, "O_BINARY", 0)
# With it, opening a pipe does not wait for a writer.
_NOT_BLOCKING = getattr(os, "O_NONBLOCK", 0)


def reserve_nothing(n_bytes: int) -> None:
    """The default of ``reserve``: no budget is shared."""


def read_content(
    source: Source,
    limits: Limits = Limits(),
    *,
    proxy: str | None = None,
    reserve: Reserve = reserve_nothing,
) -> Content:
    """Read the file, URL or stream that ``source`` names; return anything else as it is.

    ``proxy`` and ``reserve`` apply to URLs (see ``pictell.images.fetch.fetch``); for a file,
    ``reserve`` is called with its size before it is read.

    Raises ``SourceError``, ``FetchError``, ``OutOfMemoryError``, or the error that the source has.
    """
    content = source.content
    if isinstance(content, PictellError):
        raise content
    if isinstance(content, Path):
        return read_file(content, limits.max_bytes, reserve)
    if isinstance(content, Pipe):
        return _read_pipe(content, limits.max_bytes)
    if isinstance(content, DataUrl):
        # Few runs have such URLs.
        from pictell.images.data_url import read_data_url

        return read_data_url(content, limits.max_bytes)
    if isinstance(content, Url):
        # Only callers that fetch pay for importing the HTTP library.
        from pictell.images.fetch import fetch

        return fetch(content, limits, proxy=proxy, reserve=reserve)
    if hasattr(content, "read"):
        return read_stream(cast("BinaryIO", content), limits.max_bytes)
    # A source holds no bytearray and no memoryview.
    return cast("Content", content)


def read_file(path: Path, max_bytes: int, reserve: Reserve = reserve_nothing) -> bytes:
    """The bytes of a regular file of at most ``max_bytes``; a pipe or a device is an error.

    Raises as ``read_content`` does.
    """
    try:
        descriptor = _open(path)
        try:
            return _read_descriptor(descriptor, max_bytes, reserve)
        finally:
            os.close(descriptor)
    except IsADirectoryError as error:
        raise SourceUnreadableError("a folder: Classifier.stream takes folders") from error
    except FileNotFoundError as error:
        raise missing(str(path)) from error
    except (OSError, ValueError) as error:
        raise unreadable(error) from error
    except MemoryError as error:
        raise OutOfMemoryError("not enough memory to read it") from error


def _open(path: Path) -> int:
    try:
        return os.open(path, _READ_ONLY | _NOT_BLOCKING)
    except BlockingIOError:
        # A file server may have a lease on a file. It gives the lease back to those who wait.
        if stat.S_ISREG(path.stat().st_mode):
            return os.open(path, _READ_ONLY)
        raise


def _read_pipe(pipe: Pipe, max_bytes: int) -> bytes:
    try:
        with Path(pipe.path).open("rb") as stream:
            return read_stream(stream, max_bytes)
    except OSError as error:
        raise unreadable(error) from error


def _read_descriptor(descriptor: int, max_bytes: int, reserve: Reserve) -> bytes:
    # After every call to the system a thread may have to wait for the interpreter. A file object
    # makes more of them.
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_size <= max_bytes:
        reserve(status.st_size)
        content = os.read(descriptor, status.st_size + 1)
        if len(content) == status.st_size:
            return content
        os.lseek(descriptor, 0, os.SEEK_SET)
    elif (kind := special_kind(status)) is not None:
        raise SourceUnreadableError(f"{kind}, not a file")
    with open(descriptor, "rb", closefd=False) as stream:
        return read_stream(stream, max_bytes)


def read_stream(stream: BinaryIO, max_bytes: int) -> bytes:
    """The bytes of a stream of at most ``max_bytes``. Raises as ``read_content`` does."""
    content = io.BytesIO()
    left = max_bytes + 1
    try:
        while left > 0 and (chunk := stream.read(min(left, READ_BYTES))):
            left -= content.write(chunk)
    except (OSError, ValueError) as error:
        raise unreadable(error) from error
    except MemoryError as error:
        raise OutOfMemoryError("not enough memory to read it") from error
    except Exception as error:
        # A stream may be any object, so it may raise anything.
        raise SourceUnreadableError(f"cannot be read as a stream of bytes: {error}") from error
    if left <= 0:
        raise too_large(max_bytes)
    return content.getvalue()
