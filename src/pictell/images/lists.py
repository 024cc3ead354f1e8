"""Lists of sources: one path or URL a line, or separated by NUL."""

from __future__ import annotations

import os
import re
import sys
from codecs import BOM_UTF8, getincrementaldecoder
from collections.abc import Iterator
from functools import partial
from io import BufferedReader
from itertools import chain
from pathlib import Path

from pictell.errors import SourceUnreadableError
from pictell.files import UTF16_MARKS
from pictell.images.formats import describe, sniff
from pictell.images.read import READ_BYTES
from pictell.images.sources import STDIN, OnSkip, expand_entry, ignore
from pictell.images.unreadable import unreadable
from pictell.places import is_data_url
from pictell.types import Source

# A picture in an entry. The limit of bytes is for the picture, which is known only later.
MAX_DATA_URL_BYTES = 64 * READ_BYTES
_DATA_HEAD_BYTES = 64
_MARK_STARTS = {part for mark in UTF16_MARKS for part in (mark, mark[:1])}
_LINE = re.compile(rb"[\0\n]")
_GUESS_BYTES = 16


def expand_list(
    name: str, *, separator: bytes, allow_private: bool, on_skip: OnSkip = ignore
) -> Iterator[Source]:
    r"""The sources that a list names, in order, as soon as they can be read.

    ``name`` is the list's file, or ``-`` for standard input. ``separator`` is ``b"\n"``, or
    ``b"\0"`` as ``find -print0`` writes it. Names are in the encoding of the file system, or in
    UTF-16, as Windows writes lists. Empty entries are ignored. If the file cannot be read or is
    not a list, a ``Source`` carries the error.
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
    pieces, length = list[bytes](), 0
    for chunk in _chunks(stream, separator):
        if separator == b"\n" and b"\0" in chunk:
            message = "binary data, not a list of files and URLs; if NUL separates its entries, "
            raise SourceUnreadableError(f"{message}add --null")
        first, *others = chunk.split(separator)
        pieces.append(first)
        length += len(first)
        if others:
            yield b"".join(pieces)
            yield from others[:-1]
            pieces, length = others[-1:], len(others[-1])
        if length > READ_BYTES and (most := _longest(pieces)) < length:
            message = f"not a list of files and URLs: an entry is longer than {most} bytes"
            raise SourceUnreadableError(message)
    yield b"".join(pieces)


def _longest(pieces: list[bytes]) -> int:
    """How many bytes an entry may have."""
    beginning = b"".join(piece[:READ_BYTES] for piece in pieces[:2])[:_DATA_HEAD_BYTES]
    return MAX_DATA_URL_BYTES if is_data_url(beginning.decode("latin-1")) else READ_BYTES


def _chunks(stream: BufferedReader, separator: bytes) -> Iterator[bytes]:
    """The bytes of a list, in the encoding of file names."""
    beginning = _read_beginning(stream)
    if what := describe(beginning):
        remedy = ": give it without --from-file" if sniff(beginning) else " of files and URLs"
        raise SourceUnreadableError(f"{what}, not a list{remedy}")
    chunks = chain([beginning], iter(partial(stream.read1, READ_BYTES), b""))
    encoding = _find_encoding(beginning, separator)
    if encoding is None:
        yield next(chunks).removeprefix(BOM_UTF8)
        yield from chunks
        return
    if separator == b"\0":
        raise SourceUnreadableError("the list is UTF-16 text: leave out --null")
    decoder = getincrementaldecoder(encoding)()
    try:
        for chunk in chunks:
            yield os.fsencode(decoder.decode(chunk))
        decoder.decode(b"", final=True)
    except UnicodeError as error:
        raise SourceUnreadableError(f"the list is damaged: it is not {encoding} text") from error


def _read_beginning(stream: BufferedReader) -> bytes:
    """Enough of a list to see its encoding; a pipe may give a byte order mark alone."""
    beginning = chunk = stream.read1(READ_BYTES)
    while chunk and beginning[:2] in _MARK_STARTS and not _LINE.search(beginning):
        chunk = stream.read1(READ_BYTES)
        beginning += chunk
    return beginning


def _find_encoding(beginning: bytes, separator: bytes) -> str | None:
    """The encoding of UTF-16 text; ``None`` for bytes that are names themselves.

    A file name may begin like a byte order mark, but it contains no NUL.
    """
    has_mark = beginning.startswith(UTF16_MARKS) and b"\0" in beginning
    if separator == b"\0":
        return _guess_utf16(beginning[2:]) if has_mark else None
    return "utf-16" if has_mark else _guess_utf16(beginning)


def _guess_utf16(beginning: bytes) -> str | None:
    """The byte order of UTF-16 text whose first characters are in Latin-1."""
    head = beginning[:_GUESS_BYTES]
    for order, (other, zeros) in {
        "utf-16-le": (head[::2], head[1::2]),
        "utf-16-be": (head[1::2], head[::2]),
    }.items():
        if len(head) >= 4 and not any(zeros) and all(other):
            return order
    return None
