"""What a PNG file says beside its pixels: its colours, and which side is up."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

# The chunks that are read here.
NOTES = frozenset({b"iCCP", b"eXIf", b"tEXt", b"zTXt", b"iTXt"})
# A profile or an orientation needs less. A chunk that expands to more is ignored.
MAX_NOTE_BYTES = 4 << 20
# The keyword under which ImageMagick 6 writes EXIF data, and that of XMP.
_EXIF_KEYWORD = b"Raw profile type exif"
_XMP_KEYWORD = b"XML:com.adobe.xmp"


def read_notes(chunks: Iterable[tuple[bytes, bytes]]) -> dict[str, bytes]:
    """Chunks, as names and bodies, as Pillow's ``icc_profile``, ``exif`` and ``xmp``.

    Of several that say the same, only the first is read. What is damaged is left out.
    """
    notes: dict[str, bytes | None] = {}
    for kind, body in chunks:
        keyword = body[:80].partition(b"\0")[0]
        if kind == b"eXIf" and "exif" not in notes:
            notes["exif"] = body
        elif kind == b"iCCP" and "icc_profile" not in notes:
            notes["icc_profile"] = _expanded(body[len(keyword) + 2 :])
        elif kind in {b"tEXt", b"zTXt"} and keyword == _EXIF_KEYWORD and "exif" not in notes:
            text = body[len(keyword) + 1 :]
            notes["exif"] = _from_hex(text if kind == b"tEXt" else _expanded(text[1:]))
        elif kind == b"iTXt" and keyword == _XMP_KEYWORD and "xmp" not in notes:
            notes["xmp"] = _from_itxt(body[len(keyword) + 1 :])
    return {name: note for name, note in notes.items() if note}


def _from_itxt(body: bytes) -> bytes | None:
    """The text behind the two bytes of its compression, its language and its other keyword."""
    text = body[2:].split(b"\0", 2)[-1]
    return _expanded(text) if body[:1] == b"\1" else text


def _expanded(compressed: bytes) -> bytes | None:
    """The content of a zlib stream; ``None`` if it is damaged or too long."""
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(compressed, MAX_NOTE_BYTES)
    except zlib.error:
        return None
    return content if stream.eof else None


def _from_hex(text: bytes | None) -> bytes | None:
    """The data behind three lines: an empty one, its name and its length."""
    try:
        return bytes.fromhex(b"".join((text or b"").split(b"\n")[3:]).decode("ascii"))
    except ValueError:
        return None
