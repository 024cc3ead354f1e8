"""A header that claims too many pixels is refused before anything is decoded."""

import re
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from pictell.errors import PictureTooLargeError
from pictell.images.decode import decode
from pictures import MAX_PIXELS, encoded, photo, photo_as

SIDE = 17_000
# The largest side in a WebP header of 14 bits.
WEBP_SIDE = 16_383
# More than MAX_PIXELS, less than Pillow's own limit.
CANVAS_SIDE = 13_000
# libavif itself refuses more than 16384 x 16384 pixels, as broken.
AVIF_SIDE = 12_000


def peak_growth_kib(data: bytes) -> int:
    """How much the peak memory of this process grows while it decodes or refuses a picture."""
    try:
        Path("/proc/self/clear_refs").write_text("5")  # reset the peak: proc(5)
    except OSError:
        pytest.skip("the peak of memory cannot be measured on this system")
    before_kib = memory_kib("VmRSS")
    with suppress(PictureTooLargeError):
        decode(data, MAX_PIXELS)
    return memory_kib("VmHWM") - before_kib


def memory_kib(figure: str) -> int:
    (line,) = [
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith(figure)
    ]
    return int(line.split()[1])


def png_bomb() -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(100_000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def jpeg_bomb() -> bytes:
    data = photo_as("jpeg")
    frame = data.index(b"\xff\xc0")
    return data[: frame + 5] + struct.pack(">HH", SIDE, SIDE) + data[frame + 9 :]


def gif_bomb_of_screen() -> bytes:
    data = photo_as("gif")
    return data[:6] + struct.pack("<HH", SIDE, SIDE) + data[10:]


def gif_bomb_of_frame() -> bytes:
    data = photo_as("gif")
    descriptor = b"," + struct.pack("<HHHH", 0, 0, 256, 200)
    assert data.count(descriptor) == 1
    return data.replace(descriptor, b"," + struct.pack("<HHHH", 0, 0, SIDE, SIDE))


def bmp_bomb() -> bytes:
    data = photo_as("bmp")
    return data[:18] + struct.pack("<ii", SIDE, SIDE) + data[26:]


def tiff_bomb() -> bytes:
    data = photo_as("tiff-deflate")
    (at,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, at)
    patched = bytearray(data)
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        (tag,) = struct.unpack_from("<H", data, entry)
        if tag in {256, 257}:  # ImageWidth, ImageLength
            struct.pack_into("<HII", patched, entry + 2, 4, 1, SIDE)
    return bytes(patched)


def webp_lossy_bomb() -> bytes:
    data = photo_as("webp-lossy")
    start = data.index(b"\x9d\x01\x2a") + 3
    return data[:start] + struct.pack("<HH", WEBP_SIDE, WEBP_SIDE) + data[start + 4 :]


def webp_canvas_bomb() -> bytes:
    data = encoded(photo(), "WEBP", save_all=True, append_images=[photo().rotate(90)])
    assert data[12:16] == b"VP8X"
    return data[:24] + 2 * (CANVAS_SIDE - 1).to_bytes(3, "little") + data[30:]


def ispe_bomb(flavour: str, side: int) -> bytes:
    data = photo_as(flavour)
    sizes = re.compile(rb"ispe\0\0\0\0" + b"." * 8, re.DOTALL)
    assert sizes.search(data)
    return sizes.sub(b"ispe\0\0\0\0" + struct.pack(">II", side, side), data)


BOMBS: dict[str, Callable[[], bytes]] = {
    "PNG": png_bomb,
    "JPEG": jpeg_bomb,
    "GIF, the screen": gif_bomb_of_screen,
    "GIF, the frame": gif_bomb_of_frame,
    "BMP": bmp_bomb,
    "TIFF": tiff_bomb,
    "AVIF": lambda: ispe_bomb("avif", AVIF_SIDE),
    "HEIC": lambda: ispe_bomb("heic", SIDE),
    "WebP": webp_lossy_bomb,
    "WebP, the canvas": webp_canvas_bomb,
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_by_its_header(bomb: Callable[[], bytes]) -> None:
    # The second wording is of Pillow's own limit, which its WebP and GIF decoders apply first.
    message = r"1\d{4} x 1\d{4} pixels, more than the 1|too many pixels: Image size"
    with pytest.raises(PictureTooLargeError, match=message):
        decode(bomb(), MAX_PIXELS)


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_bomb_takes_little_memory(bomb: Callable[[], bytes]) -> None:
    assert peak_growth_kib(bomb()) < 50_000


def test_exactly_max_pixels_are_allowed() -> None:
    data = photo_as("png")
    assert decode(data, 256 * 200).width == 256
    with pytest.raises(PictureTooLargeError, match="256 x 200 pixels") as caught:
        decode(data, 256 * 200 - 1)
    error = caught.value
    assert (error.width, error.height, error.max_pixels) == (256, 200, 51199)


def test_max_pixels_applies_before_shrinking() -> None:
    with pytest.raises(PictureTooLargeError):
        decode(jpeg_bomb(), MAX_PIXELS, useful_side=10)


@pytest.mark.parametrize("chunk", [b"iCCP", b"zTXt"])
def test_a_compressed_chunk_that_expands_takes_little_memory(chunk: bytes) -> None:
    body = b"note\0\0" + zlib.compress(bytes(100_000_000), 1)
    note = struct.pack(">I", len(body)) + chunk + body + struct.pack(">I", zlib.crc32(chunk + body))
    data = photo_as("png")
    assert peak_growth_kib(data[:33] + note + data[33:]) < 50_000
