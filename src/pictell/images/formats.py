"""The picture formats pictell reads, known by their first bytes. Adding one is adding a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

HEAD_BYTES = 64


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """One format: its name, its files' suffixes, how its first bytes look, who decodes it.

    ``matches`` judges the first ``HEAD_BYTES`` bytes of a file. ``decoder`` is the Pillow image
    class as ``module:class``; where it comes from another package, ``extra`` names pictell's extra.
    """

    name: str
    suffixes: frozenset[str]
    matches: Callable[[bytes], bool]
    decoder: str
    extra: str | None = None


def _begins(*signatures: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(signatures)


def _has_brand(*brands: bytes) -> Callable[[bytes], bool]:
    """ISO base media files (ISO/IEC 14496-12, 4.3): a box ``ftyp`` lists four-letter brands."""

    def matches(head: bytes) -> bool:
        if head[4:8] != b"ftyp":
            return False
        box = head[: int.from_bytes(head[:4], "big")]
        listed = [box[8:12], *(box[at : at + 4] for at in range(16, len(box), 4))]
        return any(brand in listed for brand in brands)

    return matches


# "BM" alone begins many a text. The second header's size tells its version: OS/2 1 and 2,
# Windows 3, with masks, 4, 5 (Microsoft, 'Bitmap Header Types').
BMP_HEADERS = {size.to_bytes(4, "little") for size in (12, 16, 40, 52, 56, 64, 108, 124)}

PICTURE_FORMATS = (
    PictureFormat(
        "JPEG",
        frozenset({".jpg", ".jpeg", ".jpe", ".jfif"}),
        _begins(b"\xff\xd8\xff"),
        "PIL.JpegImagePlugin:JpegImageFile",
    ),
    PictureFormat(
        "PNG",
        frozenset({".png", ".apng"}),
        _begins(b"\x89PNG\r\n\x1a\n"),
        "PIL.PngImagePlugin:PngImageFile",
    ),
    PictureFormat(
        "WebP",
        frozenset({".webp"}),
        lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP",
        "PIL.WebPImagePlugin:WebPImageFile",
    ),
    PictureFormat(
        "AVIF",
        frozenset({".avif", ".avifs"}),
        _has_brand(b"avif", b"avis"),
        "PIL.AvifImagePlugin:AvifImageFile",
    ),
    PictureFormat(
        "GIF",
        frozenset({".gif"}),
        _begins(b"GIF87a", b"GIF89a"),
        "PIL.GifImagePlugin:GifImageFile",
    ),
    PictureFormat(
        "TIFF",
        frozenset({".tif", ".tiff"}),
        _begins(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        "PIL.TiffImagePlugin:TiffImageFile",
    ),
    PictureFormat(
        "BMP",
        frozenset({".bmp", ".dib"}),
        lambda head: head[:2] == b"BM" and head[14:18] in BMP_HEADERS,
        "PIL.BmpImagePlugin:BmpImageFile",
    ),
    PictureFormat(
        "HEIC",
        frozenset({".heic", ".heif"}),
        _has_brand(b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1"),
        "pillow_heif.as_plugin:HeifImageFile",
        extra="heic",
    ),
)

SUFFIXES = frozenset().union(*(row.suffixes for row in PICTURE_FORMATS))


def sniff(head: bytes) -> PictureFormat | None:
    """The format whose signature the first bytes bear, or ``None``; file names do not count."""
    return next((row for row in PICTURE_FORMATS if row.matches(head[:HEAD_BYTES])), None)
