"""Which page of a TIFF file is the picture, and whether the file is a camera raw."""

from __future__ import annotations

import re

from pictell.errors import BrokenPictureError, NotAPictureError
from pictell.images.formats import CAMERA_RAW_REMEDY
from pictell.images.tiff.directory import Directory, Tag, read_chain

# The data of a camera's sensor is in one of the first pages.
_RAW_PAGES = 32
_REDUCED, _MASK = 1, 4
_MASK_COLOUR = 4
# CFA and LinearRaw (Adobe, 'Digital Negative (DNG) Specification').
_RAW_COLOURS = {32803, 34892}
_RAW_TAGS = (Tag.CFA_REPEAT, Tag.CFA_PATTERN, Tag.LEAF_METADATA, Tag.DNG_VERSION)
# Of Kodak, Sony, Epson, Samsung, Nikon, DNG and Pentax.
_RAW_COMPRESSIONS = {262, 32767, 32769, 32770, 32772, 32867, 34713, 34892, 52546, 65000, 65535}
# Behind the header: CR2 of Canon, IIQ of Phase One.
_RAW_NAME = re.compile(rb"CR\x02\0|IIII.waR|MMMMRaw", re.DOTALL)


def find_page(data: bytes) -> Directory:
    """The first page that is neither a reduced copy nor a mask of another page.

    If the file has none, its largest reduced copy. Raises ``NotAPictureError`` for a camera raw
    and for a file of masks only, ``BrokenPictureError`` if the pages cannot be read.
    """
    chain: list[tuple[str, Directory]] = []
    nested: list[tuple[str, Directory]] = []
    damage = None
    try:
        for page in read_chain(data):
            chain.append((_kind(page), page))
            if len(chain) <= _RAW_PAGES:
                nested += [(_kind(child), child) for child in page.children()]
            elif any(kind == "full" for kind, _ in chain):
                break
    except BrokenPictureError as error:
        damage = error
    pages = [*chain, *nested]
    first = dict(reversed(pages))
    if "raw" in first or _RAW_NAME.match(data, 8):
        raise NotAPictureError(CAMERA_RAW_REMEDY)
    if "full" in first:
        return first["full"]
    if damage is not None:
        raise damage
    if "copy" not in first:
        raise NotAPictureError("a TIFF without a picture: it has no pages, or only masks")
    return max((page for kind, page in pages if kind == "copy"), key=_area)


def _kind(page: Directory) -> str:
    """``raw``, ``mask``, ``copy`` (reduced, of another page) or ``full``."""
    colour, subfile = page.number(Tag.PHOTOMETRIC, 0), page.number(Tag.NEW_SUBFILE_TYPE, 0)
    if (
        any(tag in page for tag in _RAW_TAGS)
        or colour in _RAW_COLOURS
        or page.number(Tag.COMPRESSION, 1) in _RAW_COMPRESSIONS
    ):
        return "raw"
    if subfile & _MASK or colour == _MASK_COLOUR:
        return "mask"
    reduced = subfile & _REDUCED or page.number(Tag.SUBFILE_TYPE, 1) == 2
    return "copy" if reduced else "full"


def _area(page: Directory) -> int:
    return page.number(Tag.WIDTH, 0) * page.number(Tag.LENGTH, 0)
