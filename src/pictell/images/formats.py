"""The picture formats that pictell reads, recognised by their first bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

HEAD_BYTES = 64
# A web page may begin with blank lines.
HINT_BYTES = 256


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """A picture format.

    ``matches`` recognises the first ``HEAD_BYTES`` bytes of a file. ``decoder`` is a Pillow image
    class as ``module:class``. If it is in an optional package, ``extra`` is the extra of pictell
    that installs it.
    """

    name: str
    suffixes: tuple[str, ...]
    matches: Callable[[bytes], bool]
    decoder: str
    extra: str | None = None


def _begins(*signatures: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(signatures)


def _has_brand(*brands: bytes) -> Callable[[bytes], bool]:
    """ISO base media files (ISO/IEC 14496-12, 4.3): a box ``ftyp`` lists brands of four bytes."""

    def matches(head: bytes) -> bool:
        if head[4:8] != b"ftyp":
            return False
        box = head[: int.from_bytes(head[:4], "big")]
        listed = [box[8:12], *(box[at : at + 4] for at in range(16, len(box), 4))]
        return any(brand in listed for brand in brands)

    return matches


# Texts can begin with "BM" too. The size of the second header is one of these: OS/2 1 and 2,
# Windows 3, with masks, 4, 5 (Microsoft, 'Bitmap Header Types').
BMP_HEADERS = {size.to_bytes(4, "little") for size in (12, 16, 40, 52, 56, 64, 108, 124)}

PICTURE_FORMATS = (
    PictureFormat(
        "JPEG",
        (".jpg", ".jpeg", ".jpe", ".jfif"),
        _begins(b"\xff\xd8\xff"),
        "PIL.JpegImagePlugin:JpegImageFile",
    ),
    PictureFormat(
        "PNG", (".png", ".apng"), _begins(b"\x89PNG\r\n\x1a\n"), "PIL.PngImagePlugin:PngImageFile"
    ),
    PictureFormat(
        "WebP",
        (".webp",),
        lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP",
        "PIL.WebPImagePlugin:WebPImageFile",
    ),
    PictureFormat(
        "AVIF",
        (".avif", ".avifs"),
        _has_brand(b"avif", b"avis"),
        "PIL.AvifImagePlugin:AvifImageFile",
    ),
    PictureFormat(
        "GIF", (".gif",), _begins(b"GIF87a", b"GIF89a"), "PIL.GifImagePlugin:GifImageFile"
    ),
    PictureFormat(
        "TIFF",
        (".tif", ".tiff"),
        _begins(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        "PIL.TiffImagePlugin:TiffImageFile",
    ),
    PictureFormat(
        "BMP",
        (".bmp", ".dib"),
        lambda head: head[:2] == b"BM" and head[14:18] in BMP_HEADERS,
        "PIL.BmpImagePlugin:BmpImageFile",
    ),
    PictureFormat(
        "HEIC",
        (".heic", ".heif"),
        _has_brand(b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1"),
        "pillow_heif.as_plugin:HeifImageFile",
        extra="heic",
    ),
)

SUFFIXES = frozenset(suffix for row in PICTURE_FORMATS for suffix in row.suffixes)


# The first bytes, in lower case, of other files that users give by mistake.
OTHER_FILES = {
    b"<!doctype html": "a web page",
    b"<html": "a web page",
    b"<svg": "an SVG drawing",
    b"<?xml": "an XML document",
    b"%pdf": "a PDF document",
    b"pk\3\4": "a ZIP archive",
    b"\x1f\x8b": "a gzip file",
    b"\x89hdf\r\n\x1a\n": "an HDF5 file",
}


def sniff(head: bytes) -> PictureFormat | None:
    """The format whose signature the first bytes have, or ``None``. File names do not count."""
    return next((row for row in PICTURE_FORMATS if row.matches(head[:HEAD_BYTES])), None)


def describe(head: bytes) -> str | None:
    """What a file is, by its first ``HINT_BYTES`` bytes: ``a JPEG picture``, ``a gzip file``."""
    if (row := sniff(head)) is not None:
        return f"{'an' if row.name == 'AVIF' else 'a'} {row.name} picture"
    if head[4:8] == b"TFL3":
        return "a TFLite model"
    start = head[:HINT_BYTES].lstrip().lower()
    return next((what for sign, what in OTHER_FILES.items() if start.startswith(sign)), None)


def not_a_picture(data: bytes) -> str:
    """The message for a file that is not in a format of the table."""
    if not data:
        return "the file is empty"
    known = ", ".join(row.name for row in PICTURE_FORMATS)
    what = describe(data)
    return f"{what + ', ' if what else ''}not a picture in a format pictell reads ({known})"
