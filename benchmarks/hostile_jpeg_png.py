"""JPEG and PNG files that are made to take long, for ``hostile_pictures.py``."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageFile

from pictell.images.jpeg.segments import MAX_JPEG_SCANS, MAX_SEGMENTS_OF_A_KIND
from pictell.images.png.file import MAX_PNG_CHUNKS

SIDE = 10_000
MAX_BYTES = 128 << 20
# Pillow's JPEG encoder needs a buffer as large as the file.
ImageFile.MAXBLOCK = 4 * MAX_BYTES


def encoded(image: Image.Image, format_: str, **options: Any) -> bytes:
    """The file of an image."""
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


@cache
def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Random pixels, the same in every run."""
    channels = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)
    return Image.frombytes(mode, (width, height), pixels.tobytes())


def blurred(times: int = 8, mode: str = "RGB") -> Image.Image:
    """100 megapixels: noise that is enlarged."""
    small = noise(SIDE // times, SIDE // times, mode)
    return small.resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def flat(mode: str = "RGB") -> Image.Image:
    """100 megapixels of one colour."""
    return Image.new(mode, (SIDE, SIDE))


def segment(marker: int, body: bytes) -> bytes:
    """A segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def in_jpeg(extra: bytes) -> bytes:
    """A small JPEG with more before its first segment."""
    data = encoded(noise(64, 64), "JPEG")
    return data[:2] + extra + data[2:]


def directory(entries: int, payload: int, type_: int = 5, unit: int = 8) -> bytes:
    """EXIF data whose entries all point to the same values."""
    table = b"".join(
        struct.pack(">HHLL", 0x9000 + at % 0x6000, type_, payload // unit, 8)
        for at in range(entries)
    )
    return struct.pack(">4sLH", b"MM\0*", 8, entries) + table + bytes(payload)


def scans(data: bytes) -> list[bytes]:
    """The scans of a progressive JPEG with the tables before each; the last has the end marker."""
    starts, at = [], 2
    while (found := data.find(b"\xff", at)) >= 0:
        marker = data[found + 1]
        if marker == 0xDA:
            starts.append(found)
        at = found + 2
    return [data[one:other] for one, other in zip(starts, [*starts[1:], len(data)], strict=True)]


def repeated_scans(image: Image.Image, times: int, which: int) -> bytes:
    """A progressive JPEG with one of its scans written many times."""
    data = encoded(image, "JPEG", progressive=True, quality=75, subsampling=0)
    every = scans(data)
    head = data[: data.index(every[0])]
    scan = every[which].removesuffix(b"\xff\xd9")
    return head + b"".join(every).removesuffix(b"\xff\xd9") + times * scan + b"\xff\xd9"


def with_restarts() -> bytes:
    """A restart marker after each block of 100 megapixels."""
    return encoded(flat("L"), "JPEG", restart_marker_blocks=1)


JPEGS: dict[str, Callable[[], bytes]] = {
    "empty segments, 132 MB": lambda: in_jpeg(33_000_000 * segment(0xE5, b"")),
    "as many empty segments as are allowed": lambda: in_jpeg(
        b"".join(MAX_SEGMENTS_OF_A_KIND * segment(kind, b"") for kind in range(0xE3, 0xEE))
    ),
    "EXIF data 900 times": lambda: in_jpeg(900 * segment(0xE1, b"Exif\0\0" + bytes(65_000))),
    "EXIF data in as many parts as are allowed": lambda: in_jpeg(
        MAX_SEGMENTS_OF_A_KIND * segment(0xE1, b"Exif\0\0" + bytes(65_000))
    ),
    "EXIF data with 3,000 entries of 25 kB": lambda: in_jpeg(
        segment(0xE1, b"Exif\0\0" + directory(3000, 25_000))
    ),
    "fill bytes before the header, 128 MB": lambda: in_jpeg((MAX_BYTES - 99_999) * b"\xff"),
    "zeros before the header, 128 MB": lambda: in_jpeg(bytes(MAX_BYTES - 99_999)),
    "nothing but zeros, 128 MB": lambda: b"\xff\xd8\xff\xe0\0\2" + bytes(MAX_BYTES - 9),
    "an end marker before 33 million segments": lambda: in_jpeg(
        b"\xff\xd9" + 33_000_000 * segment(0xE5, b"")
    ),
    "segments in a reserved one": lambda: in_jpeg(
        2_000 * segment(0xF0, 16_000 * segment(0xE5, b""))
    ),
    "as many tables of quantisation as are allowed": lambda: in_jpeg(
        (MAX_SEGMENTS_OF_A_KIND - 2) * segment(0xDB, 1008 * (b"\0" + 64 * b"\1"))
    ),
    "as many blocks of Photoshop as are allowed": lambda: in_jpeg(
        MAX_SEGMENTS_OF_A_KIND
        * segment(0xED, b"Photoshop 3.0\0" + 5400 * (b"8BIM\4\4\0\0" + bytes(4)))
    ),
    "100 MP, sequential": lambda: encoded(blurred(), "JPEG", quality=95, subsampling=0),
    "100 MP, sequential, a restart at each block": with_restarts,
    "100 MP, progressive": lambda: encoded(
        blurred(), "JPEG", progressive=True, quality=95, subsampling=0
    ),
    "100 MP, CMYK, progressive": lambda: encoded(blurred(mode="CMYK"), "JPEG", progressive=True),
    "64 MP of noise, progressive": lambda: encoded(
        noise(8000, 8000), "JPEG", progressive=True, quality=90
    ),
    "63 MP of noise, CMYK, progressive": lambda: encoded(
        noise(9000, 7000, "CMYK"), "JPEG", progressive=True, quality=75
    ),
    "100 MP, 100 scans": lambda: repeated_scans(flat(), 90, 0),
    "100 MP, the first scan as often as is allowed": lambda: repeated_scans(flat(), 16, 0),
    "100 MP, the second scan as often as is allowed": lambda: repeated_scans(flat(), 60, 1),
    "16 MP of noise, the last scan as often as is allowed": lambda: repeated_scans(
        noise(4000, 4000), 30, -1
    ),
    "8 MP of noise, the last scan 30 times": lambda: repeated_scans(noise(4000, 2000), 30, -1),
    "8 MP, as many scans as are allowed": lambda: repeated_scans(
        noise(4000, 2000), MAX_JPEG_SCANS - 10, 0
    ),
}


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I4s", len(body), kind) + body + struct.pack(">I", zlib.crc32(kind + body))


def pieces(
    width: int, height: int, depth: int, colour: int, interlaced: int = 0
) -> Iterator[bytes]:
    """The header and the pixels, all zero, of a PNG of any kind."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    yield chunk(b"IHDR", header)
    row_bytes = (width * depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour] + 7) // 8
    yield chunk(b"IDAT", zlib.compress(bytes((row_bytes + 1) * height + 8 * height), 1))


def png(header: bytes, pixels: bytes, before: bytes = b"") -> bytes:
    """A PNG of its chunks."""
    end = chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + before + pixels + end


def small_png(before: bytes) -> bytes:
    """A PNG of 64 x 64 pixels with more before them."""
    header, pixels = pieces(64, 64, 8, 2)
    return png(header, pixels, before)


def in_small_chunks() -> bytes:
    """As many chunks of pixels as are allowed, of a few bytes each."""
    header, _ = pieces(1000, 1000, 8, 2)
    rows = np.random.default_rng(0).integers(0, 5, (1000, 3001), dtype=np.uint8)
    body = zlib.compress(rows.tobytes())
    size = -(-len(body) // (MAX_PNG_CHUNKS - 9))
    parts = (chunk(b"IDAT", body[at : at + size]) for at in range(0, len(body), size))
    return png(header, b"".join(parts))


PNGS: dict[str, Callable[[], bytes]] = {
    "empty chunks, 120 MB": lambda: small_png(10_000_000 * chunk(b"teSt", b"")),
    "as many empty chunks as are allowed": lambda: small_png(
        (MAX_PNG_CHUNKS - 3) * chunk(b"teSt", b"")
    ),
    "empty chunks of pixels, 120 MB": lambda: small_png(10_000_000 * chunk(b"IDAT", b"")),
    "as many empty chunks of pixels as are allowed": lambda: small_png(
        (MAX_PNG_CHUNKS - 3) * chunk(b"IDAT", b"")
    ),
    "as many small chunks of pixels as are allowed": in_small_chunks,
    "as many texts as are allowed": lambda: small_png(
        (MAX_PNG_CHUNKS - 3) * chunk(b"tEXt", b"Raw profile type exif\0" + bytes(500))
    ),
    "a text of 128 MB": lambda: small_png(chunk(b"tEXt", b"note\0" + bytes(MAX_BYTES - 9999))),
    "32,000 profiles that expand to 4 MB": lambda: small_png(
        32_000 * chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(4 << 20), 9))
    ),
    "EXIF data of 128 MB": lambda: small_png(chunk(b"eXIf", directory(65_535, 130_000_000))),
    "a lost chunk before 128 MB of names": lambda: small_png(
        struct.pack(">I4s", 1, b"teSt") + 16_000_000 * b"\0\0\0\1IDAT"
    ),
    "100 MP, RGBA, 16 bits": lambda: png(*pieces(SIDE, SIDE, 16, 6)),
    "100 MP, RGBA, 16 bits, interlaced": lambda: png(*pieces(SIDE, SIDE, 16, 6, 1)),
    "100 MP, grey, 16 bits": lambda: png(*pieces(SIDE, SIDE, 16, 0)),
    "100 MP, one bit, interlaced": lambda: png(*pieces(SIDE, SIDE, 1, 0, 1)),
    "1 x 100 million pixels": lambda: png(*pieces(1, 100_000_000, 8, 6)),
    "100 x a million pixels, interlaced": lambda: png(*pieces(100, 1_000_000, 16, 6, 1)),
    "a million x 100 pixels": lambda: png(*pieces(1_000_000, 100, 8, 6)),
    "100 MP, a photo": lambda: encoded(blurred(64), "PNG", compress_level=1),
    "100 MP, palette with transparency": lambda: encoded(
        blurred(mode="L").convert("P"), "PNG", compress_level=1, transparency=bytes(range(256))
    ),
}
