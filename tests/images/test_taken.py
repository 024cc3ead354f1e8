"""When a photo was taken, in all formats that say it, and in EXIF data that are wrong."""

import io
import struct
import time
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import pictures
from pictell.images.taken import taken

CAMERA, ORIGINAL, DIGITIZED, CHANGED = 0x8769, 0x9003, 0x9004, 0x0132
DATE = datetime(2024, 2, 29, 23, 59, 58)
TEXT = "2024:02:29 23:59:58"


def exif_with(camera: dict[int, object], **first: object) -> Image.Exif:
    exif = Image.Exif()
    exif.get_ifd(CAMERA).update(camera)
    if "changed" in first:
        exif[CHANGED] = first["changed"]
    return exif


def jpeg(exif: bytes) -> bytes:
    """A JPEG whose EXIF data are these bytes, which may be wrong."""
    content = pictures.encoded(Image.new("RGB", (8, 8)), "JPEG")
    segment = b"Exif\0\0" + exif
    return content[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2) + segment + content[2:]


def tiff(order: str, *directories: list[tuple[int, int, int, int]], end: bytes = b"") -> bytes:
    """EXIF data with directories of (tag, type, count, value) at 8, 108, … and ``end`` at 308."""
    data = bytearray(308)
    struct.pack_into(f"{order}2sHL", data, 0, b"II" if order == "<" else b"MM", 42, 8)
    for number, entries in enumerate(directories):
        at = 8 + 100 * number
        struct.pack_into(f"{order}H", data, at, len(entries))
        for place, entry in enumerate(entries):
            struct.pack_into(f"{order}HHLL", data, at + 2 + 12 * place, *entry)
    return bytes(data) + end


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_every_format(format_: str) -> None:
    image = Image.new("RGB", (64, 64))
    with_date = pictures.encoded(image, format_, exif=exif_with({ORIGINAL: TEXT}).tobytes())
    assert taken(with_date) == DATE
    assert taken(pictures.encoded(image, format_)) is None


@pytest.mark.parametrize("format_", ["GIF", "BMP"])
def test_a_format_without_dates(format_: str) -> None:
    assert taken(pictures.encoded(Image.new("RGB", (8, 8)), format_)) is None


def test_the_first_date_counts() -> None:
    other, third = "2023:01:01 00:00:00", "2022:01:01 00:00:00"
    for camera, first, year in (
        ({ORIGINAL: TEXT, DIGITIZED: other}, {"changed": third}, 2024),
        ({DIGITIZED: other}, {"changed": third}, 2023),
        ({}, {"changed": third}, 2022),
        ({ORIGINAL: "0000:00:00 00:00:00"}, {"changed": third}, 2022),
    ):
        found = taken(jpeg(exif_with(camera, **first).tobytes().removeprefix(b"Exif\0\0")))
        assert found is not None
        assert found.year == year


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0000:00:00 00:00:00", None),
        ("2024:13:01 00:00:00", None),
        ("2023:02:29 00:00:00", None),
        ("2024:01:01 24:00:00", None),
        ("    :  :     :  :  ", None),
        ("", None),
        ("2024", None),
        ("2024-02-29 23:59:58", DATE),
        ("2024-02-29T23:59:58+02:00", DATE),
        ("2024:02:29 23:59", DATE.replace(second=0)),
    ],
)
def test_texts(text: str, expected: datetime | None) -> None:
    exif = exif_with({ORIGINAL: text}).tobytes()
    assert taken(pictures.encoded(Image.new("RGB", (8, 8)), "JPEG", exif=exif)) == expected


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_orders_of_bytes(order: str) -> None:
    first, camera = [(CAMERA, 4, 1, 108)], [(ORIGINAL, 2, 20, 308)]
    assert taken(jpeg(tiff(order, first, camera, end=TEXT.encode() + b"\0"))) == DATE


@pytest.mark.parametrize(
    ("first", "camera"),
    [
        ([(CAMERA, 4, 1, 8)], []),  # a directory in itself
        ([(CAMERA, 4, 1, 0xFFFFFFFF)], []),
        ([(CAMERA, 4, 1, 108)], [(ORIGINAL, 2, 0xFFFFFFFF, 0xFFFFFFF0)]),
        ([(CAMERA, 4, 1, 108)], [(ORIGINAL, 7, 20, 308)]),
        ([(CAMERA, 4, 1, 108)], [(ORIGINAL, 2, 3, 308)]),
    ],
)
def test_wrong_directories(
    first: list[tuple[int, int, int, int]], camera: list[tuple[int, int, int, int]]
) -> None:
    assert taken(jpeg(tiff("<", first, camera, end=TEXT.encode()))) is None


def test_a_huge_directory_takes_no_time() -> None:
    head = struct.pack("<2sHLH", b"II", 42, 8, 0xFFFF)
    data = b"II*\0" + head[4:] + struct.pack("<HHLL", CAMERA, 4, 1, 8) * 0xFFFF
    start_s = time.process_time()
    assert taken(data) is None
    assert taken(jpeg(data[:60_000])) is None
    assert time.process_time() - start_s < 1


@given(st.data())
def test_damage_raises_nothing(data: st.DataObject) -> None:
    format_ = data.draw(st.sampled_from(["JPEG", "PNG", "WEBP", "TIFF"]))
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, format_, exif=exif_with({ORIGINAL: TEXT}).tobytes())
    content = bytearray(buffer.getvalue())
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=8)):
        content[at] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))]
    found = taken(bytes(content))
    assert found is None or isinstance(found, datetime)
    assert taken(data.draw(st.binary())) is None
