"""PNG files (ISO/IEC 15948)."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from pictell.errors import BrokenPictureError, NotAPictureError
from pictell.images.png.image import PngFile
from pictell.images.png.notes import NOTES, read_notes

# Encoders write chunks of 8 KiB and more. Each chunk takes time, even if it is empty.
MAX_PNG_CHUNKS = 200_000
# The bytes that a tRNS chunk may have, for the colour types that can have one.
_TRANSPARENCY_BYTES = {0: range(2, 3), 2: range(6, 7), 3: range(1, 257)}
_COLOURS_WITHOUT_PALETTE = {0, 2}
_LETTERS = {b"IHDR": "H", b"PLTE": "P", b"IDAT": "I", b"IEND": "E"}
_USEFUL = re.compile(b"|".join([b"PLTE", b"tRNS", b"IDAT", b"IEND", *sorted(NOTES)]))
# Each candidate costs as much time as to read its chunk.
_MAX_CANDIDATES = 16


class _Chunk(NamedTuple):
    """A chunk: its four letters, where it starts, and where the next one does."""

    kind: bytes
    start: int
    end: int

    @property
    def is_critical(self) -> bool:
        return not self.kind[0] & 0x20

    def body(self, data: bytes) -> bytes:
        return data[self.start + 8 : self.end - 4]

    def is_sound(self, data: bytes) -> bool:
        """Whether the checksum is right."""
        stop = self.end - 4
        checksum = zlib.crc32(memoryview(data)[self.start + 4 : stop])
        return checksum.to_bytes(4, "big") == data[stop : self.end]


def open_png(stream: io.BytesIO) -> PngFile:
    """Read the header of a PNG file, of an animation that of its default image.

    Pillow gets only the chunks that decide the pixels. It would refuse a file for damage in other
    chunks, such as text, and does not check the pixels themselves.
    Raises ``BrokenPictureError``, ``NotAPictureError`` for Apple's CgBI, or what Pillow raises.
    """
    data = stream.getvalue()
    chunks = list(_chunks(data))
    pixels = list(_pixel_chunks(data, chunks))
    if len(pixels) < len(chunks):
        view = memoryview(data)
        stream = io.BytesIO(b"".join([view[:8], *(view[one.start : one.end] for one in pixels)]))
    file = PngFile(stream)
    depth, colour_type = chunks[0].body(data)[8:10]
    for chunk in pixels:
        if chunk.kind == b"tRNS" and colour_type in _COLOURS_WITHOUT_PALETTE:
            file.set_transparent_colour(chunk.body(data), depth)
    notes = (one for one in chunks if one.kind in NOTES and one.is_sound(data))
    file.info.update(read_notes((note.kind, note.body(data)) for note in notes))
    return file


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """The chunks up to IEND, of which the critical ones are sound."""
    at, searched = 8, False
    for _ in range(MAX_PNG_CHUNKS):
        chunk = _chunk_at(data, at)
        if chunk.is_critical:
            _check_sound(chunk, data)
        elif not data[chunk.end + 4 : chunk.end + 8].isalpha() and not searched:
            searched = True
            chunk = chunk._replace(end=_next_useful(data, chunk.start + 8))
        yield chunk
        if chunk.kind == b"IEND":
            return
        at = chunk.end
    raise BrokenPictureError(f"a PNG with more than {MAX_PNG_CHUNKS} chunks is refused")


def _chunk_at(data: bytes, at: int) -> _Chunk:
    try:
        length, kind = struct.unpack_from(">I4s", data, at)
    except struct.error:
        raise _truncated() from None
    return _Chunk(kind, at, at + 12 + length)


def _check_sound(chunk: _Chunk, data: bytes) -> None:
    if chunk.end > len(data):
        raise _truncated()
    if not chunk.is_sound(data):
        raise _broken(f"wrong checksum in {chunk.kind.decode('latin-1')}")


def _next_useful(data: bytes, at: int) -> int:
    """Where the next sound chunk starts, if an ancillary one has a wrong length."""
    for found in islice(_USEFUL.finditer(data, at), _MAX_CANDIDATES):
        start = found.start() - 4
        if _chunk_at(data, start).is_sound(data):
            return start
    return len(data)


def _pixel_chunks(data: bytes, chunks: list[_Chunk]) -> Iterator[_Chunk]:
    """The chunks that decide the pixels. The further frames of an animation are in other ones."""
    _check_order([chunk.kind for chunk in chunks])
    _check_header(header := chunks[0].body(data))
    names: set[bytes] = set()
    colour_type = header[9]
    for chunk in chunks:
        if chunk.kind == b"tRNS":
            if names & {b"tRNS", b"IDAT"} or colour_type not in _TRANSPARENCY_BYTES:
                continue  # it has no meaning there
            _check_transparency(chunk, data, colour_type)
        if chunk.is_critical or chunk.kind == b"tRNS":
            names.add(chunk.kind)
            yield chunk
    if colour_type == 3 and b"PLTE" not in names:
        raise _broken("it has no palette")


def _check_order(kinds: list[bytes]) -> None:
    """Check that all critical chunks are there, in their order (5.6)."""
    if kinds[0] == b"CgBI":
        raise NotAPictureError(
            "an Apple CgBI PNG, which pictell does not read: convert it, for example with "
            "'pngcrush -revert-iphone-optimizations'"
        )
    order = "".join(_LETTERS.get(kind, "x" if not kind[0] & 0x20 else "a") for kind in kinds)
    if not re.fullmatch("Ha*(Pa*)?I+a*E", order):
        known = ", ".join(kind.decode("latin-1") for kind in dict.fromkeys(kinds))
        raise _broken(f"critical chunks are missing, unknown or out of order ({known})")


def _check_header(header: bytes) -> None:
    """Check what Pillow does not: the length and the three methods (11.2.2)."""
    if len(header) != 13 or header[10:12] != b"\0\0" or header[12] > 1:
        raise _broken("its header is not one of a PNG")


def _check_transparency(chunk: _Chunk, data: bytes, colour_type: int) -> None:
    """Check tRNS as if it were critical: without it, the pixels would be other ones."""
    length = chunk.end - chunk.start - 12
    if not chunk.is_sound(data) or length not in _TRANSPARENCY_BYTES[colour_type]:
        raise _broken("wrong checksum or length of tRNS")


def _truncated() -> BrokenPictureError:
    return BrokenPictureError("truncated PNG picture: it has no IEND chunk")


def _broken(reason: str) -> BrokenPictureError:
    return BrokenPictureError(f"broken PNG picture: {reason}")
