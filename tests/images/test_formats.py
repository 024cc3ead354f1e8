"""The first bytes decide the format; the name does not matter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pictell.images.formats import HEAD_BYTES, PICTURE_FORMATS, SUFFIXES, not_a_picture, sniff
from pictures import FLAVOURS, photo_as

NAMES = {row.name.lower(): row.name for row in PICTURE_FORMATS}


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    body = b"ftyp" + major + bytes(4) + b"".join(compatible)
    return (4 + len(body)).to_bytes(4, "big") + body


def name_of(head: bytes) -> str | None:
    row = sniff(head)
    return row and row.name


@pytest.mark.parametrize("flavour", [*FLAVOURS, "gif"])
def test_a_real_file_is_known_by_its_first_bytes(flavour: str) -> None:
    assert name_of(photo_as(flavour)[:HEAD_BYTES]) == NAMES[flavour.partition("-")[0]]


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (ftyp(b"avif", b"mif1"), "AVIF"),
        (ftyp(b"avis", b"msf1"), "AVIF"),
        (ftyp(b"mif1", b"avif", b"miaf"), "AVIF"),
        (ftyp(b"heic", b"mif1"), "HEIC"),
        (ftyp(b"mif1", b"heic"), "HEIC"),
        (ftyp(b"heix"), "HEIC"),
        (ftyp(b"msf1", b"hevc"), "HEIC"),
        (ftyp(b"isom", b"mp41") + b"avif", None),
        (ftyp(b"qt  "), None),
        (b"GIF87a", "GIF"),
        (b"GIF88a", None),
        (b"MM\0*", "TIFF"),
        (b"II+\0", "TIFF"),
        (b"RIFF\0\0\0\0WEBP", "WebP"),
        (b"RIFF\0\0\0\0WAVE", None),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"\x89PNG\n\x1a\n", None),
        (b"\xff\xd8\xff", "JPEG"),
        (b"\xff\xd8", None),
        (b"", None),
        (b"a plain text", None),
        (b"BMW, service due in May", None),
    ],
)
def test_signatures(head: bytes, name: str | None) -> None:
    assert name_of(head) == name


@given(st.binary(max_size=2 * HEAD_BYTES))
def test_only_the_first_bytes_matter(data: bytes) -> None:
    assert sniff(data) is sniff(data[:HEAD_BYTES])


def test_every_row_has_lower_case_suffixes_of_its_own() -> None:
    suffixes = [suffix for row in PICTURE_FORMATS for suffix in row.suffixes]
    assert len(suffixes) == len(set(suffixes))
    assert frozenset(suffixes) == SUFFIXES
    assert all(suffix.startswith(".") and suffix.islower() for suffix in suffixes)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\xff\x4f\xff\x51\0", "JPEG 2000"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\xff\x0a\x10", "JPEG XL"),
        (b"II\xbc\x01\x08\0\0\0", "JPEG XR"),
        (b"8BPS\0\1", "Photoshop"),
        (ftyp(b"mp42"), "video"),
        (ftyp(b"qt  "), "video"),
        (b"\x1a\x45\xdf\xa3", "video"),
        (b"ARRI\x12\x34", "camera raw"),
    ],
)
def test_what_people_take_for_a_picture_is_named(head: bytes, kind: str) -> None:
    assert kind in not_a_picture(head.ljust(HEAD_BYTES, b"\0"))
