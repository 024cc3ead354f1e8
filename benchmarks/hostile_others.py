"""GIF and WebP files and colour profiles made to take long, for ``hostile_pictures.py``."""

from __future__ import annotations

import struct
from collections.abc import Callable

from PIL import Image, ImageCms

from hostile_jpeg_png import MAX_BYTES, blurred, directory, encoded, flat, noise


def in_gif(extra: bytes) -> bytes:
    """A small GIF with more before its picture."""
    data = encoded(noise(64, 64).convert("P"), "GIF")
    at = data.index(b",", 13 + 768)
    return data[:at] + extra + data[at:]


GIFS: dict[str, Callable[[], bytes]] = {
    "empty extensions, 128 MB": lambda: in_gif(44_000_000 * b"!\x01\0"),
    "a comment of 1-byte blocks, 128 MB": lambda: in_gif(b"!\xfe" + 66_000_000 * b"\1x" + b"\0"),
    "an extension of 1-byte blocks, 128 MB": lambda: in_gif(b"!\xff" + 66_000_000 * b"\1x" + b"\0"),
    "zeros between its blocks, 128 MB": lambda: in_gif(bytes(MAX_BYTES - 99_999)),
    "100 MP, a photo": lambda: encoded(blurred(64, "L").convert("P"), "GIF"),
    "100 MP, flat": lambda: encoded(flat("P"), "GIF"),
}


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    """A WebP of its chunks."""
    body = b"".join(
        name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)
        for name, content in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def webp(*others: tuple[bytes, bytes], flags: int = 0x2C) -> bytes:
    """A small WebP with further chunks."""
    pixels = encoded(noise(64, 64), "WEBP", lossless=True)[20:]
    canvas = struct.pack("<B3x", flags) + 2 * (63).to_bytes(3, "little")
    return riff((b"VP8X", canvas), *others, (b"VP8L", pixels))


def animated() -> bytes:
    """Half a million frames of one pixel on a canvas of 100 megapixels."""
    pixels = encoded(Image.new("RGB", (1, 1)), "WEBP", lossless=True)[12:]
    frame = bytes(6) + bytes(6) + b"\1\0\0\0" + pixels
    canvas = struct.pack("<B3x", 2) + 2 * (9999).to_bytes(3, "little")
    return riff((b"VP8X", canvas), (b"ANIM", bytes(6)), *(500_000 * [(b"ANMF", frame)]))


WEBPS: dict[str, Callable[[], bytes]] = {
    "empty unknown chunks, 128 MB": lambda: webp(*(2_000_000 * [(b"nope", bytes(56))])),
    "EXIF data of 128 MB": lambda: webp((b"EXIF", directory(65_535, 130_000_000))),
    "XMP of 128 MB": lambda: webp((b"XMP ", bytes(130_000_000))),
    "half a million frames": animated,
    "100 MP, lossless, flat": lambda: encoded(flat(), "WEBP", lossless=True, quality=0, method=0),
    "100 MP, lossless, a photo": lambda: encoded(
        blurred(64), "WEBP", lossless=True, quality=0, method=0
    ),
    "40 MP, lossless, noise": lambda: encoded(
        noise(8000, 5000), "WEBP", lossless=True, quality=0, method=0
    ),
    "100 MP, lossy, flat": lambda: encoded(flat(), "WEBP", quality=75, method=0),
    "49 MP, lossy, noise": lambda: encoded(noise(7000, 7000), "WEBP", quality=50, method=2),
    "100 MP, lossy, with transparency": lambda: encoded(
        blurred(64, "RGBA"), "WEBP", quality=75, method=0
    ),
}


def with_profile(profile: bytes, mode: str = "RGB") -> bytes:
    """A JPEG of 100 megapixels with a profile."""
    return encoded(flat(mode), "JPEG", icc_profile=profile)


def profile_of(tags: dict[bytes, bytes], space: bytes = b"RGB ", version: int = 4) -> bytes:
    """An ICC profile of an output device."""
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(
        ">I4sI4s4s4s12x4s", start + len(body), b"", version << 24, b"prtr", space, b"Lab ", b"acsp"
    )
    white = struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(68, b"\0") + (white + bytes(48)) + table + body


def elements(count: int) -> bytes:
    """A chain of matrices that change nothing (ICC.1:2022, 10.16)."""
    one = (
        b"matf"
        + struct.pack(">4xHH", 3, 3)
        + struct.pack(">12f", 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0)
    )
    table_end = 16 + 8 * count
    table = b"".join(struct.pack(">II", table_end, len(one)) for _ in range(count))
    return b"mpet" + struct.pack(">4xHHI", 3, 3, count) + table + one


def large_table(points: int, inputs: int = 3) -> bytes:
    """A table of colours for each combination of inputs (ICC.1:2022, 10.10)."""
    identity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    head = b"mft2" + struct.pack(">4xBBBx", inputs, 3, points) + identity + struct.pack(">HH", 2, 2)
    return head + inputs * b"\0\0\xff\xff" + bytes(6 * points**inputs) + 3 * b"\0\0\xff\xff"


PROFILES: dict[str, Callable[[], bytes]] = {
    "sRGB of Little CMS": lambda: with_profile(
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    ),
    "a table of 100 points a side": lambda: with_profile(
        profile_of({b"A2B0": large_table(100), b"wtpt": b"XYZ " + bytes(16)})
    ),
    "a table for CMYK": lambda: with_profile(
        profile_of({b"A2B0": large_table(20, 4), b"wtpt": b"XYZ " + bytes(16)}, b"CMYK"), "CMYK"
    ),
    "1,000 matrices": lambda: with_profile(
        profile_of({b"D2B0": elements(1000), b"A2B0": large_table(2), b"wtpt": b"XYZ " + bytes(16)})
    ),
    "100,000 matrices": lambda: with_profile(
        profile_of(
            {b"D2B0": elements(100_000), b"A2B0": large_table(2), b"wtpt": b"XYZ " + bytes(16)}
        )
    ),
}
