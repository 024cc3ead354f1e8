"""The picture formats that pictell reads, recognised by their first bytes."""

from __future__ import annotations

import re
from typing import NamedTuple

HEAD_BYTES = 64


class PictureFormat(NamedTuple):
    """A picture format.

    ``signature`` is a regular expression for the first ``HEAD_BYTES`` bytes of a file. ``opener``
    is ``module:name`` of what takes a stream of the whole file and returns a Pillow image, of which
    only the header has been read. ``extra`` is the extra of pictell that installs the module.
    """

    name: str
    suffixes: tuple[str, ...]
    signature: bytes
    opener: str
    extra: str | None = None


def _brands(names: bytes) -> bytes:
    """The box ``ftyp`` lists brands of four bytes (ISO base media, ISO/IEC 14496-12, 4.3)."""
    return rb".{4}ftyp(?:.{8}(?:.{4})*)?(?:%s)" % names


# Texts can begin with "BM" too. The size of the second header is one of these: OS/2 1 and 2,
# Windows 3, with masks, 4, 5 (Microsoft, 'Bitmap Header Types').
_BMP = rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0{3}"
_HEIC = _brands(rb"hei[cxms]|hevc|mif1")

PICTURE_FORMATS = (
    PictureFormat(
        "JPEG",
        (".jpg", ".jpeg", ".jpe", ".jfif"),
        rb"\xff\xd8\xff",
        "pictell.images.jpeg.file:JpegFile",
    ),
    PictureFormat(
        "PNG", (".png", ".apng"), rb"\x89PNG\r\n\x1a\n", "pictell.images.png.file:open_png"
    ),
    PictureFormat("WebP", (".webp",), rb"RIFF.{4}WEBP", "pictell.images.webp:open_webp"),
    PictureFormat(
        "AVIF", (".avif", ".avifs"), _brands(rb"avi[fs]"), "pictell.images.avif:open_avif"
    ),
    PictureFormat("GIF", (".gif",), rb"GIF8[79]a", "pictell.images.gif:open_gif"),
    PictureFormat(
        "TIFF", (".tif", ".tiff"), rb"II[*+]\0|MM\0[*+]", "pictell.images.tiff.file:TiffFile"
    ),
    PictureFormat("BMP", (".bmp", ".dib"), _BMP, "pictell.images.bmp:BmpFile"),
    PictureFormat("HEIC", (".heic", ".heif"), _HEIC, "pictell.images.heic:HeicFile", "heic"),
)

SUFFIXES = frozenset(suffix for row in PICTURE_FORMATS for suffix in row.suffixes)

_CAMERA_RAW = "a camera raw"
CAMERA_RAW_REMEDY = f"{_CAMERA_RAW}: export it as JPEG or TIFF, and give that"
# Raws that do not begin as TIFF files do: of Olympus, Panasonic and Leica, Fujifilm, Canon, Sigma,
# Minolta and Arri.
_CAMERA_RAWS = (
    rb"(?-i:II(RO|RS)\x08\0|MMOR\0|IIU\0|FUJIFILMCCD-RAW|.{4}ftypcrx |II.{4}HEAPCCDR|FOVb.\0|\0MRM"
    rb"|ARRI\x12)"
)

# Other files that users give by mistake. A web page may begin with blank lines.
_OTHER_FILES = {
    rb"\s{0,99}<(!doctype html|html)": "a web page",
    rb"\s{0,99}<svg": "an SVG drawing",
    rb"\s{0,99}<\?xml": "an XML document",
    rb"%pdf": "a PDF document",
    rb"pk\x03\x04": "a ZIP archive",
    rb"\x1f\x8b": "a gzip file",
    rb"\x89hdf\r\n\x1a\n": "an HDF5 file",
    rb".{4}tfl3": "a TFLite model",
    rb"(?-i:\xff\x4f\xff\x51|\0{3}\x0cjP  )": "a JPEG 2000 picture",
    rb"(?-i:\xff\x0a|\0{3}\x0cJXL )": "a JPEG XL picture",
    rb"(?-i:II\xbc\x01)": "a JPEG XR picture",
    rb"(?-i:8BPS\0)": "a Photoshop document",
    rb"(?-i:.{4}ftyp(?:mp4|isom|iso[2-6]|avc1|qt  |M4V|3gp))|(?-i:\x1aE\xdf\xa3)": "a video",
    _CAMERA_RAWS: _CAMERA_RAW,
}


def sniff(head: bytes) -> PictureFormat | None:
    """The format whose signature the first bytes have, or ``None``. File names do not count."""
    box_bytes = int.from_bytes(head[:4], "big") if head[4:8] == b"ftyp" else HEAD_BYTES
    start = head[: min(box_bytes, HEAD_BYTES)]
    return next((row for row in PICTURE_FORMATS if re.match(row.signature, start, re.DOTALL)), None)


def describe(head: bytes) -> str | None:
    """What a file is, by its first bytes: ``a JPEG picture``, ``a gzip file``."""
    if (row := sniff(head)) is not None:
        return f"{'an' if row.name == 'AVIF' else 'a'} {row.name} picture"
    flags = re.DOTALL | re.IGNORECASE
    return next((what for sign, what in _OTHER_FILES.items() if re.match(sign, head, flags)), None)


def not_a_picture(data: bytes) -> str:
    """The message for a file that is not in a format of the table."""
    if not data:
        return "the file is empty"
    known = ", ".join(row.name for row in PICTURE_FORMATS)
    what = describe(data)
    if what == _CAMERA_RAW:
        return CAMERA_RAW_REMEDY
    return f"{what + ', ' if what else ''}not a picture in a format pictell reads ({known})"
