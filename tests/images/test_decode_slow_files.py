"""Files that would keep a decoder busy are refused, or what keeps it busy is passed over."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from pictell.errors import BrokenPictureError, NotAPictureError, PictureTooLargeError
from pictell.images.boxes import MAX_BOXES, MAX_TABLE_BYTES
from pictell.images.decode import MAX_SIDE, decode
from pictell.images.exif import only_orientation
from pictell.images.gif import MAX_GIF_BLOCKS
from pictell.images.jpeg.segments import MAX_BYTES_BETWEEN_SEGMENTS, MAX_SEGMENTS_OF_A_KIND
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

JPEG, GIF = photo_as("jpeg"), photo_as("gif")
PIXELS = {"JPEG": pixels_of(decode(JPEG, MAX_PIXELS)), "GIF": pixels_of(decode(GIF, MAX_PIXELS))}


def segment(marker: int, body: bytes = b"") -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def in_jpeg(extra: bytes) -> bytes:
    return JPEG[:2] + extra + JPEG[2:]


def in_gif(extra: bytes) -> bytes:
    at = GIF.index(b"," + struct.pack("<4H", 0, 0, *photo().size))
    return GIF[:at] + extra + GIF[at:]


def large_with_scans(times: int) -> bytes:
    """A progressive JPEG of 10,000 x 10,000 pixels by its header, with a scan repeated."""
    data = photo_as("jpeg-progressive")
    frame, first = data.index(b"\xff\xc2"), data.index(b"\xff\xda")
    scan = data[first : data.index(b"\xff", first + 20)]
    head = data[: frame + 5] + struct.pack(">HH", 10_000, 10_000) + data[frame + 9 : first]
    return head + times * scan + data[first:]


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        pytest.param(
            (MAX_SEGMENTS_OF_A_KIND + 1) * segment(0xE5), "segments of a kind", id="empty segments"
        ),
        pytest.param(
            MAX_SEGMENTS_OF_A_KIND * segment(0xE1, b"Exif\0\0") + 2 * segment(0xE1),
            "segments of a kind",
            id="parts of EXIF data",
        ),
        pytest.param(
            (MAX_BYTES_BETWEEN_SEGMENTS + 9) * b"\xff", "between its segments", id="fill bytes"
        ),
        pytest.param(
            segment(0xE5) + bytes(MAX_BYTES_BETWEEN_SEGMENTS + 9),
            "between its segments",
            id="zeros",
        ),
        pytest.param(segment(0xF0, segment(0xE5)), "between its segments", id="a reserved marker"),
        pytest.param(b"\xff\xd9", "no pixels", id="an early end"),
    ],
)
def test_segments_of_a_jpeg_are_bounded(extra: bytes, reason: str) -> None:
    with pytest.raises(BrokenPictureError, match=reason):
        decode(in_jpeg(extra), MAX_PIXELS)


def test_a_jpeg_without_pixels_is_not_searched_by_pillow() -> None:
    with pytest.raises(BrokenPictureError, match="no pixels"):
        decode(b"\xff\xd8" + segment(0xE5) + bytes(100), MAX_PIXELS)


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param(MAX_SEGMENTS_OF_A_KIND * segment(0xE5), id="as many segments as are allowed"),
        pytest.param(255 * segment(0xE2, b"ICC_PROFILE\0\1\xff" + bytes(99)), id="255 parts"),
        pytest.param(1000 * b"\xff", id="some fill bytes"),
        pytest.param(segment(0xE5) + bytes(1000), id="some zeros"),
    ],
)
def test_unusual_segments_are_passed_over(extra: bytes) -> None:
    np.testing.assert_array_equal(pixels_of(decode(in_jpeg(extra), MAX_PIXELS)), PIXELS["JPEG"])


def test_a_large_jpeg_may_have_fewer_scans_than_a_small_one() -> None:
    with pytest.raises(BrokenPictureError, match="scans, or fewer if it is large"):
        decode(large_with_scans(30), MAX_PIXELS)


@pytest.mark.parametrize(
    ("marker", "kind"),
    [(0xC3, "lossless"), (0xC7, "hierarchical"), (0xC9, "arithmetic"), (0xF7, "JPEG-LS")],
)
def test_other_kinds_of_jpeg_are_named(marker: int, kind: str) -> None:
    data = JPEG.replace(b"\xff\xc0", bytes([0xFF, marker]))
    with pytest.raises(NotAPictureError, match=kind):
        decode(data, MAX_PIXELS)


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param((MAX_GIF_BLOCKS // 2 + 1) * b"!\x01\0", id="extensions"),
        pytest.param(b"!\xfe" + MAX_GIF_BLOCKS * b"\1x" + b"\0", id="parts of a comment"),
        pytest.param(b"!\xff" + MAX_GIF_BLOCKS * b"\1x" + b"\0", id="parts of an extension"),
        pytest.param(bytes(MAX_GIF_BLOCKS), id="zeros"),
    ],
)
def test_blocks_of_a_gif_are_bounded(extra: bytes) -> None:
    with pytest.raises(BrokenPictureError, match=f"more than {MAX_GIF_BLOCKS} blocks"):
        decode(in_gif(extra), MAX_PIXELS)


def test_a_long_comment_of_a_gif_is_passed_over() -> None:
    comment = b"!\xfe" + 10_000 * (b"\xff" + bytes(255)) + b"\0"
    np.testing.assert_array_equal(pixels_of(decode(in_gif(comment), MAX_PIXELS)), PIXELS["GIF"])


def test_a_side_of_more_than_a_million_pixels_is_refused() -> None:
    image = Image.new("1", (1, MAX_SIDE + 1))
    with pytest.raises(PictureTooLargeError, match="a side is longer") as caught:
        decode(encoded(image, "PNG"), MAX_PIXELS)
    assert (caught.value.width, caught.value.height) == (1, MAX_SIDE + 1)


def exif_with_large_entries(orientation: int) -> bytes:
    """An orientation, and entries that all point to the same long value."""
    entries = [struct.pack(">HHLHH", 0x0112, 3, 1, orientation, 0)]
    entries += [struct.pack(">HHLL", tag, 5, 1000, 8) for tag in range(0x9000, 0x9000 + 3000)]
    return struct.pack(">4sLH", b"MM\0*", 8, len(entries)) + b"".join(entries) + bytes(8000)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_only_the_orientation_of_exif_data_is_read(format_: str) -> None:
    data = encoded(photo(), format_, exif=b"Exif\0\0" + exif_with_large_entries(6), quality=95)
    assert colour_distance(pixels_of(decode(data, MAX_PIXELS)), np.rot90(photo(), -1)) < 8


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("type_", ["B", "H", "L"])
def test_the_orientation_may_have_any_integer_type(order: str, type_: str) -> None:
    number = {"B": 1, "H": 3, "L": 4}[type_]
    value = struct.pack(order + type_, 8).ljust(4, b"\0")
    exif = (
        (b"II*\0" if order == "<" else b"MM\0*")
        + struct.pack(f"{order}LHHHL", 8, 1, 0x0112, number, 1)
        + value
    )
    read = Image.Exif()
    read.load(only_orientation(b"Exif\0\0" + exif))
    assert dict(read) == {0x0112: 8}


def test_exif_data_without_an_orientation_are_empty() -> None:
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    assert only_orientation(exif.tobytes()) == b""
    assert only_orientation(exif_with_orientation(3).tobytes()) != b""


def test_chains_of_a_profile_are_passed_over() -> None:
    """Little CMS takes the longer for each pixel the longer they are, and they have no limit."""
    count = 1000
    step = struct.pack(">4s4xHH12f", b"matf", 3, 3, *np.zeros(12))
    table = count * struct.pack(">II", 16 + 8 * count, len(step))
    chain = struct.pack(">4s4xHHI", b"mpet", 3, 3, count) + table + step
    profile = with_tag(rotated_profile(), b"D2B0", chain)
    ImageCms.ImageCmsProfile(io.BytesIO(profile))
    plain = encoded(photo(), "PNG", icc_profile=rotated_profile())
    chained = encoded(photo(), "PNG", icc_profile=profile)
    np.testing.assert_array_equal(
        pixels_of(decode(chained, MAX_PIXELS)), pixels_of(decode(plain, MAX_PIXELS))
    )


def with_tag(profile: bytes, name: bytes, content: bytes) -> bytes:
    """The profile with another tag at its end."""
    (count,) = struct.unpack_from(">I", profile, 128)
    end = 132 + 12 * count
    tags = b"".join(
        struct.pack(">4sII", tag, start + 12, length)
        for tag, start, length in struct.iter_unpack(">4sII", profile[132:end])
    )
    tags += struct.pack(">4sII", name, len(profile) + 12, len(content))
    body = tags + profile[end:] + content
    whole = profile[4:128] + struct.pack(">I", count + 1) + body
    return struct.pack(">I", len(whole) + 4) + whole


def box(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def shared_tiles(times: int, length: int) -> bytes:
    """Tables of a picture whose tiles all have the same data."""
    places = b"".join(
        struct.pack(">HHHII", item, 0, 1, 0, size) for item, size in [(1, 8), (2, length)]
    )
    tiles = struct.pack(">HH", 1, times) + times * b"\0\2"
    return box(
        b"meta",
        bytes(4)
        + box(b"iloc", bytes(4) + struct.pack(">BBH", 0x44, 0, 2) + places)
        + box(b"iref", bytes(4) + box(b"dimg", tiles)),
    )


def large_items(*used: int, tiles: int = 0) -> bytes:
    """Tables of an item of 100 megapixels with properties, and of one that is made of it."""
    size = box(b"ispe", struct.pack(">4xII", 10_000, 10_000))
    links = struct.pack(">4xIHB", 1, 2, len(used)) + bytes(used)
    return box(
        b"meta",
        bytes(4)
        + box(b"iprp", box(b"ipco", size + box(b"irot", b"\1")) + box(b"ipma", links))
        + box(b"iref", bytes(4) + box(b"dimg", struct.pack(">HH", 1, tiles) + tiles * b"\0\2")),
    )


@pytest.mark.parametrize("flavour", ["avif", "heic"])
@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        pytest.param(MAX_BOXES * box(b"free"), "boxes", id="boxes"),
        pytest.param(box(b"meta", bytes(4) + MAX_BOXES * box(b"free")), "boxes", id="inner boxes"),
        pytest.param(
            box(b"meta", bytes(4) + box(b"iinf", bytes(MAX_TABLE_BYTES))),
            "2,000 items",
            id="items",
        ),
        pytest.param(
            box(
                b"moov", box(b"trak", box(b"meta", bytes(4) + box(b"iloc", bytes(MAX_TABLE_BYTES))))
            ),
            "2,000 items",
            id="items of a track",
        ),
        pytest.param(shared_tiles(1000, 100_000), "too many bytes", id="shared tiles"),
        pytest.param(large_items(1, 2, 2, 2, 2, 2), "tiles and turns", id="many turns"),
        pytest.param(large_items(1, tiles=6), "tiles and turns", id="overlapping tiles"),
        pytest.param(shared_tiles(1, 100_000_000), "too many bytes", id="one large item"),
        pytest.param(box(b"meta", bytes(4) + box(b"iloc", b"")), "cut short", id="an empty table"),
    ],
)
def test_items_of_avif_and_heic_are_bounded(flavour: str, extra: bytes, reason: str) -> None:
    with pytest.raises(BrokenPictureError, match=reason):
        decode(photo_as(flavour) + extra, MAX_PIXELS)


@pytest.mark.parametrize("flavour", ["avif", "heic"])
def test_other_boxes_at_the_end_are_passed_over(flavour: str) -> None:
    data = photo_as(flavour) + 100 * box(b"free") + box(b"mdat", bytes(100_000))
    assert decode(data, MAX_PIXELS).width == 256


def test_a_jpeg_of_12_bits_is_named() -> None:
    data = bytearray(photo_as("jpeg"))
    data[data.index(b"\xff\xc0") + 4] = 12
    with pytest.raises(NotAPictureError, match="12-bit"):
        decode(bytes(data), MAX_PIXELS)
