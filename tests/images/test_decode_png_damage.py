"""PNG files whose pixels are sound are read, whatever is wrong beside them; others are refused."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pictell.errors import BrokenPictureError, NotAPictureError
from pictell.images.decode import decode
from pictell.images.png.file import MAX_PNG_CHUNKS
from pictures import (
    MAX_PIXELS,
    colour_distance,
    encoded,
    exif_with_orientation,
    photo,
    photo_as,
    pixels_of,
    rotated_profile,
)

PHOTO = np.asarray(photo())
TWINS = ["bad_text_crc", "bad_iccp_crc", "big_ztxt", "big_iccp", "empty_srgb", "short_phys"]
EXIF = exif_with_orientation(6).tobytes().removeprefix(b"Exif\0\0")


def chunk(kind: bytes, body: bytes, *, length: int | None = None, sound: bool = True) -> bytes:
    size = len(body) if length is None else length
    checksum = zlib.crc32(kind + body) ^ (not sound)
    return struct.pack(">I4s", size, kind) + body + struct.pack(">I", checksum)


def split(data: bytes) -> list[tuple[bytes, bytes]]:
    """The names and bodies of the chunks."""
    chunks, at = [], 8
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        chunks.append((kind, data[at + 8 : at + 8 + length]))
        at += 12 + length
    return chunks


def png(*chunks: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


HEADER, PIXELS = (dict(split(photo_as("png")))[kind] for kind in (b"IHDR", b"IDAT"))
IHDR, IEND = chunk(b"IHDR", HEADER), chunk(b"IEND", b"")
IDAT = chunk(b"IDAT", b"".join(body for kind, body in split(photo_as("png")) if kind == b"IDAT"))


def decoded(data: bytes) -> np.ndarray:
    return pixels_of(decode(data, MAX_PIXELS))


@pytest.mark.parametrize("name", TWINS)
def test_damage_beside_the_pixels_changes_none(shared: Path, name: str) -> None:
    cases = shared / "cases"
    sound = decoded((cases / "ref.png").read_bytes())
    damaged = decoded((cases / f"png_{name}.png").read_bytes())
    np.testing.assert_array_equal(damaged, sound)


def test_a_png_of_apple_is_named(shared: Path) -> None:
    with pytest.raises(NotAPictureError, match="Apple CgBI"):
        decode((shared / "cases" / "png_cgbi.png").read_bytes(), MAX_PIXELS)


@pytest.mark.parametrize("after_pixels", [False, True])
@pytest.mark.parametrize(
    "odd_chunk",
    [
        *[
            pytest.param(chunk(kind, bytes(9), sound=False), id=f"checksum of {kind.decode()}")
            for kind in [
                *(b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"sBIT", b"bKGD", b"hIST", b"pHYs"),
                *(b"sPLT", b"eXIf", b"tIME", b"tEXt", b"zTXt", b"iTXt", b"acTL", b"fcTL", b"fdAT"),
                *(b"prVt", b"teST"),
            ]
        ],
        *[
            pytest.param(chunk(kind, b""), id=f"empty {kind.decode()}")
            for kind in [b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"eXIf", b"pHYs", b"iTXt", b"acTL"]
        ],
        pytest.param(chunk(b"tEXt", b"note\0" + bytes(10_000_000)), id="text of 10 MB"),
        pytest.param(chunk(b"zTXt", b"note\0\1not deflate"), id="unknown compression"),
        pytest.param(chunk(b"iCCP", b"name\0\0not deflate"), id="a profile that is not compressed"),
        pytest.param(2 * chunk(b"gAMA", struct.pack(">I", 45455)), id="twice the same"),
        pytest.param(chunk(b"tEXt", b"note\0text", length=3), id="too short a length"),
        pytest.param(chunk(b"tEXt", b"note\0text", length=30), id="too long a length"),
        pytest.param(chunk(b"tEXt", b"note\0text", length=2**31 - 1), id="beyond the file"),
        pytest.param(chunk(b"tEXt", b"note\0text", length=2**32 - 1), id="the largest length"),
    ],
)
def test_an_odd_ancillary_chunk_is_passed_over(odd_chunk: bytes, after_pixels: bool) -> None:
    chunks = [IHDR, IDAT, odd_chunk, IEND] if after_pixels else [IHDR, odd_chunk, IDAT, IEND]
    np.testing.assert_array_equal(decoded(png(*chunks)), PHOTO)


def test_empty_and_small_chunks_of_pixels_are_joined() -> None:
    body = IDAT[8:-4]
    pieces = [chunk(b"IDAT", body[at : at + 100]) for at in range(0, len(body), 100)]
    empty = chunk(b"IDAT", b"")
    data = png(IHDR, empty, *(empty + piece for piece in pieces), 9 * empty, IEND)
    np.testing.assert_array_equal(decoded(data), PHOTO)


def test_too_many_chunks_are_refused() -> None:
    note = chunk(b"teST", b"")
    most = png(IHDR, (MAX_PNG_CHUNKS - 3) * note, IDAT, IEND)
    np.testing.assert_array_equal(decoded(most), PHOTO)
    with pytest.raises(BrokenPictureError, match=f"more than {MAX_PNG_CHUNKS} chunks"):
        decode(png(IHDR, (MAX_PNG_CHUNKS - 2) * note, IDAT, IEND), MAX_PIXELS)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(png(chunk(b"IHDR", HEADER, sound=False), IDAT, IEND), "IHDR", id="IHDR"),
        pytest.param(png(IHDR, chunk(b"IDAT", PIXELS, sound=False), IEND), "IDAT", id="IDAT"),
        pytest.param(png(IHDR, IDAT, chunk(b"IEND", b"", sound=False)), "IEND", id="IEND"),
        pytest.param(
            png(IHDR, chunk(b"PLTE", bytes(3), sound=False), IDAT, IEND), "PLTE", id="PLTE"
        ),
        pytest.param(png(IHDR, IDAT), "no IEND", id="no end"),
        pytest.param(png(IHDR, IDAT[:-9]), "no IEND", id="cut off"),
        pytest.param(png(IHDR, IEND), "missing", id="no pixels"),
        pytest.param(png(IHDR, chunk(b"fdAT", bytes(9)), IEND), "missing", id="other frames only"),
        pytest.param(png(IDAT, IHDR, IEND), "out of order", id="the header is late"),
        pytest.param(png(IHDR, IHDR, IDAT, IEND), "out of order", id="two headers"),
        pytest.param(
            png(IHDR, IDAT, chunk(b"teXt", b""), IDAT, IEND), "out of order", id="parted pixels"
        ),
        pytest.param(png(IHDR, chunk(b"CRIT", b""), IDAT, IEND), "CRIT", id="unknown and critical"),
        pytest.param(
            png(IHDR, chunk(b"IDAT", PIXELS, length=10), IEND), "IDAT", id="wrong length of pixels"
        ),
    ],
)
def test_damage_to_a_critical_chunk_is_an_error(data: bytes, reason: str) -> None:
    with pytest.raises(BrokenPictureError, match=reason):
        decode(data, MAX_PIXELS)


@pytest.mark.parametrize(
    ("at", "value"), [(10, 1), (11, 1), (12, 2)], ids=["compression", "filter", "interlace"]
)
def test_an_unknown_method_is_refused(at: int, value: int) -> None:
    header = bytearray(HEADER)
    header[at] = value
    with pytest.raises(BrokenPictureError, match="header"):
        decode(png(chunk(b"IHDR", bytes(header)), IDAT, IEND), MAX_PIXELS)


def test_a_palette_picture_without_its_palette_is_refused() -> None:
    chunks = split(encoded(photo().convert("P"), "PNG"))
    data = png(*(chunk(*one) for one in chunks if one[0] != b"PLTE"))
    with pytest.raises(BrokenPictureError, match="no palette"):
        decode(data, MAX_PIXELS)


def test_a_damaged_transparency_is_an_error_because_it_decides_pixels() -> None:
    colour = struct.pack(">3H", *PHOTO[0, 0])
    sound = png(IHDR, chunk(b"tRNS", colour), IDAT, IEND)
    assert decoded(sound)[0, 0].tolist() == [255, 255, 255]
    for body, is_sound in [
        (colour, False),
        (colour[:5], True),
        (colour + b"\0", True),
        (b"", True),
    ]:
        data = png(IHDR, chunk(b"tRNS", body, sound=is_sound), IDAT, IEND)
        with pytest.raises(BrokenPictureError, match="tRNS"):
            decode(data, MAX_PIXELS)


def test_a_transparency_that_comes_too_late_has_no_meaning() -> None:
    colour, other = struct.pack(">3H", *PHOTO[0, 0]), struct.pack(">3H", 1, 2, 3)
    late = png(IHDR, IDAT, chunk(b"tRNS", colour), IEND)
    np.testing.assert_array_equal(decoded(late), PHOTO)
    second = png(IHDR, chunk(b"tRNS", other), chunk(b"tRNS", colour), IDAT, IEND)
    np.testing.assert_array_equal(decoded(second), PHOTO)


def raw_profile(exif: bytes) -> bytes:
    """EXIF data as ImageMagick 6 writes it."""
    whole = b"Exif\0\0" + exif
    return b"\nexif\n%8d\n%s\n" % (len(whole), whole.hex().encode())


XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


@pytest.mark.parametrize(
    "note",
    [
        pytest.param(chunk(b"eXIf", EXIF), id="eXIf"),
        pytest.param(
            chunk(b"tEXt", b"Raw profile type exif\0" + raw_profile(EXIF)), id="ImageMagick"
        ),
        pytest.param(
            chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw_profile(EXIF))),
            id="ImageMagick, compressed",
        ),
        pytest.param(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP), id="XMP"),
        pytest.param(
            chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP)),
            id="XMP, compressed",
        ),
        pytest.param(
            chunk(b"eXIf", EXIF, sound=False) + chunk(b"eXIf", EXIF), id="the first is damaged"
        ),
    ],
)
@pytest.mark.parametrize("after_pixels", [False, True])
def test_the_orientation_is_read_wherever_it_stands(note: bytes, after_pixels: bool) -> None:
    chunks = [IHDR, IDAT, note, IEND] if after_pixels else [IHDR, note, IDAT, IEND]
    np.testing.assert_array_equal(decoded(png(*chunks)), np.rot90(PHOTO, -1))


@pytest.mark.parametrize("extra_bytes", [0, 2_000_000])
def test_a_sound_profile_is_used(extra_bytes: int) -> None:
    profile = rotated_profile()
    profile = struct.pack(">I", len(profile) + extra_bytes) + profile[4:] + bytes(extra_bytes)
    note = chunk(b"iCCP", b"rotated\0\0" + zlib.compress(profile))
    pixels = decoded(png(IHDR, note, IDAT, IEND))
    assert colour_distance(pixels, PHOTO[..., [2, 0, 1]]) < 1


def test_an_animation_shows_its_default_image() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "lime", "blue")]
    for default_image in (False, True):
        data = encoded(
            frames[0],
            "PNG",
            save_all=True,
            append_images=frames[1:],
            default_image=default_image,
        )
        assert decoded(data)[0, 0].tolist() == [255, 0, 0]
