"""Every PNG of PngSuite, compared with an independent reader."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import png_oracle
from pictell.errors import BrokenPictureError, DecodeError, NotAPictureError, PictureTooLargeError
from pictell.images import tiles
from pictell.images.decode import decode
from pictures import MAX_PIXELS, encoded, pixels_of

# What is wrong with each broken file, from PngSuite's own list.
REFUSED = {
    "xs1n0g01": NotAPictureError,  # signature byte 1 lost its top bit
    "xs2n0g01": NotAPictureError,  # signature byte 2 is a Q
    "xs4n0g01": NotAPictureError,  # signature byte 4 in lower case
    "xs7n0g01": NotAPictureError,  # signature byte 7 is a space
    "xcrn0g04": NotAPictureError,  # CR added by a text-mode transfer
    "xlfn0g04": NotAPictureError,  # LF added by a text-mode transfer
    "xhdn0g08": BrokenPictureError,  # wrong checksum in IHDR
    "xc1n0g08": BrokenPictureError,  # colour type 1
    "xc9n2c08": BrokenPictureError,  # colour type 9
    "xd0n2c08": BrokenPictureError,  # bit depth 0
    "xd3n2c08": BrokenPictureError,  # bit depth 3
    "xd9n2c08": BrokenPictureError,  # bit depth 99
    "xdtn0g01": BrokenPictureError,  # no IDAT
    "xcsn0g01": BrokenPictureError,  # wrong checksum in IDAT
}

# Colour types and bit depths; each exists plain and interlaced.
TWINS = [
    "0g01",
    "0g02",
    "0g04",
    "0g08",
    "0g16",
    "2c08",
    "2c16",
    "3p01",
    "3p02",
    "3p04",
    "3p08",
    "4a08",
    "4a16",
    "6a08",
    "6a16",
]


@pytest.fixture(scope="module")
def suite(odd: Path) -> Path:
    return odd / "pngsuite" / "png"


def decoded(path: Path) -> np.ndarray:
    return pixels_of(decode(path.read_bytes(), MAX_PIXELS))


def is_interlaced(path: Path) -> bool:
    return bool(path.read_bytes()[28])


def test_exactly_the_broken_files_are_refused(suite: Path) -> None:
    refused = {}
    for path in sorted(suite.glob("*.png")):
        try:
            decode(path.read_bytes(), MAX_PIXELS)
        except DecodeError as error:
            refused[path.stem] = type(error)
    assert refused == REFUSED


def test_pixels_equal_those_of_an_independent_reader(suite: Path) -> None:
    plain = [path for path in sorted(suite.glob("[!x]*.png")) if not is_interlaced(path)]
    far = {
        path.name: distance
        for path in plain
        if (distance := np.abs(decoded(path) - png_oracle.read_over_white(path.read_bytes())).max())
        > 1
    }
    assert len(plain) > 100
    assert far == {}


@pytest.mark.parametrize("kind", TWINS)
def test_interlaced_pixels_equal_their_plain_twins(suite: Path, kind: str) -> None:
    np.testing.assert_array_equal(
        decoded(suite / f"basi{kind}.png"), decoded(suite / f"basn{kind}.png")
    )


def test_the_size_of_the_smallest_files_is_right(suite: Path) -> None:
    for side in [*range(1, 10), *range(32, 41)]:
        for interlaced in "ni":
            (path,) = suite.glob(f"s{side:02}{interlaced}3p0*.png")
            assert decoded(path).shape == (side, side, 3)


def test_the_16_bit_grey_level_declared_transparent_becomes_white() -> None:
    image = Image.fromarray(np.array([[0x1234, 0x1235]], np.uint16))
    pixels = pixels_of(decode(encoded(image, "PNG", transparency=0x1234), MAX_PIXELS))
    assert pixels.tolist() == [[[255] * 3, [0x12] * 3]]


def test_16_bit_grey_keeps_its_high_bytes() -> None:
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    picture = decode(encoded(Image.fromarray(levels), "PNG"), MAX_PIXELS)
    np.testing.assert_array_equal(pixels_of(picture), np.repeat(levels[..., None] >> 8, 3, axis=2))


def png_with_transparent_colour(samples: np.ndarray, depth: int, colour: list[int]) -> bytes:
    """A PNG without filters of grey or RGB samples, of shape (H, W, 1 or 3)."""
    height, width, channels = samples.shape
    rows = samples.reshape(height, -1)
    if depth == 16:
        stored = rows.astype(">u2").view(np.uint8)
    else:
        bits = rows[..., np.newaxis] >> np.arange(depth)[::-1] & 1
        stored = np.packbits(bits.reshape(height, -1).astype(np.uint8), axis=1)
    header = struct.pack(">IIBBBBB", width, height, depth, channels - 1, 0, 0, 0)
    scanlines = np.pad(stored, ((0, 0), (1, 0))).tobytes()
    chunks = {
        b"IHDR": header,
        b"tRNS": np.array(colour, ">u2").tobytes(),
        b"IDAT": zlib.compress(scanlines),
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks.items()
    )


@pytest.mark.parametrize(
    ("channels", "depth"), [*((1, depth) for depth in (1, 2, 4, 8, 16)), (3, 8), (3, 16)]
)
@pytest.mark.parametrize("tile_pixels", [1 << 20, 64])
def test_exactly_the_colour_declared_transparent_becomes_white(
    depth: int, channels: int, tile_pixels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiles, "TILE_PIXELS", tile_pixels)
    # Levels that differ in their lowest bits only, in their highest bits only, or not at all.
    levels = np.array([0, 1, 2, 0x1234, 0x1235, 0x3434, 0xFFFF]) & (2**depth - 1)
    samples = np.random.default_rng(0).choice(levels, (20, 30, channels))
    for level in {*levels.tolist()}:
        samples[:4] = level
        data = png_with_transparent_colour(samples, depth, [level] * channels)
        found = pixels_of(decode(data, MAX_PIXELS))
        assert np.abs(found - png_oracle.read_over_white(data)).max() <= 1, level


def test_only_the_bits_of_the_depth_count_in_the_transparent_colour() -> None:
    samples = np.array([[[0], [1], [2], [3]]])
    data = png_with_transparent_colour(samples, 2, [0xFFFD])
    assert pixels_of(decode(data, MAX_PIXELS))[0, :, 0].tolist() == [0, 255, 170, 255]


def test_a_large_picture_of_16_bits_with_a_transparent_colour_is_too_large() -> None:
    samples = np.zeros((1, 10, 3), np.uint16)
    data = bytearray(png_with_transparent_colour(samples, 16, [0, 0, 0]))
    data[16:24] = struct.pack(">II", 10_000, 5_000)
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    with pytest.raises(PictureTooLargeError, match="8 bits"):
        decode(bytes(data), MAX_PIXELS)
