"""Lists of sources: one path or URL a line, or separated by NUL."""

from __future__ import annotations

import os
import sys
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from pictell.errors import SourceUnreadableError
from pictell.images.formats import describe, sniff
from pictell.images.read import READ_BYTES, unreadable
from pictell.images.sources import STDIN, OnSkip, expand_entry, ignore
from pictell.types import Source


def expand_list(
    name: str, *, separator: bytes, allow_private: bool, on_skip: OnSkip = ignore
) -> Iterator[Source]:
    r"""The sources that a list names, in order, as soon as they can be read.

    ``name`` is the list's file, or ``-`` for standard input. ``separator`` is ``b"\n"``, or
    ``b"\0"`` as ``find -print0`` writes it. Names are in the encoding of the file system. Empty
    entries are ignored. If the file cannot be read or is not a list, a ``Source`` carries the
    error.
    """
    try:
        with _open_list(name) as stream:
            for entry in _split(stream, separator):
                # Lists written on Windows end their lines with CR LF.
                text = os.fsdecode(entry.removesuffix(b"\r") if separator == b"\n" else entry)
                if text:
                    yield from expand_entry(text, allow_private=allow_private, on_skip=on_skip)
    except SourceUnreadableError as error:
        yield Source(name, error)
    except (OSError, ValueError) as error:
        yield Source(name, unreadable(error))


def _open_list(name: str) -> BufferedReader:
    if name != STDIN:
        return Path(name).open("rb")
    if sys.stdin is None:
        raise SourceUnreadableError("standard input is closed")
    return open(sys.stdin.fileno(), "rb", closefd=False)


def _split(stream: BufferedReader, separator: bytes) -> Iterator[bytes]:
    """The entries as they arrive: another program may still be writing the list."""
    chunk = stream.read1(READ_BYTES)
    if what := describe(chunk):
        remedy = ": give it without --from-file" if sniff(chunk) else " of files and URLs"
        raise SourceUnreadableError(f"{what}, not a list{remedy}")
    rest, chunk = b"", chunk.removeprefix(BOM_UTF8)
    while chunk:
        if separator == b"\n" and b"\0" in chunk:
            if (rest + chunk).startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
                raise SourceUnreadableError("the list is UTF-16 text: save it as UTF-8")
            message = "binary data, not a list of files and URLs; if NUL separates its entries, "
            raise SourceUnreadableError(f"{message}add --null")
        *whole, rest = (rest + chunk).split(separator)
        yield from whole
        if len(rest) > READ_BYTES:
            message = f"not a list of files and URLs: an entry is longer than {READ_BYTES} bytes"
            raise SourceUnreadableError(message)
        chunk = stream.read1(READ_BYTES)
    yield rest
