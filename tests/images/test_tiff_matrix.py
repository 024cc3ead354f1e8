"""Every combination of the properties of TIFF files is read right or refused, never wrong."""

import io
import itertools
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

from pictell.errors import NotAPictureError
from pictell.images.decode import decode
from pictures import MAX_PIXELS, photo, pixels_of
from tiff_files import DEFLATE, JPEG, LZW, NONE, PACKBITS, SHORT, Page, write

DEPTHS = (1, 2, 4, 8, 12, 16, 32)
COLOURS = {
    "grey, white is zero": 0,
    "grey, black is zero": 1,
    "RGB": 2,
    "palette": 3,
    "CMYK": 5,
    "YCbCr": 6,
    "CIE L*a*b*": 8,
    "ICC L*a*b*": 9,
}
COMPRESSIONS = {"none": NONE, "LZW": LZW, "deflate": DEFLATE, "PackBits": PACKBITS, "JPEG": JPEG}
# No side is a multiple of the side of a tile.
SMALL = photo().crop((60, 40, 102, 75))
DOCUMENT = Path(__file__).parents[2] / "docs" / "formats.md"

Samples = NDArray[np.integer]


def scaled(image: Image.Image, bits: int) -> Samples:
    samples = np.atleast_3d(np.asarray(image)).astype(np.int64)
    return (samples * (2**bits - 1) + 127) // 255


def unscaled(samples: Samples, bits: int) -> NDArray[np.uint8]:
    return np.rint(samples / (2**bits - 1) * 255).astype(np.uint8)


@cache
def lab() -> Image.Image:
    transform = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    image = ImageCms.applyTransform(SMALL, transform)
    assert image is not None
    return image


def grey(bits: int, white_is_zero: bool) -> tuple[Samples, NDArray[np.uint8]]:
    samples = scaled(SMALL.convert("L"), bits)
    truth = unscaled(samples, bits).repeat(3, axis=-1)
    return (2**bits - 1 - samples if white_is_zero else samples), truth


def palette(bits: int) -> tuple[Samples, NDArray[np.uint8], list[int]]:
    quantised = SMALL.quantize(min(2**bits, 256))
    colours = np.zeros((2 ** min(bits, 12), 3), np.uint16)
    listed = np.array(quantised.getpalette()).reshape(-1, 3)
    colours[: len(listed)] = listed[: len(colours)]
    truth = np.asarray(quantised.convert("RGB"))
    return np.atleast_3d(np.asarray(quantised)), truth, (colours.T * 257).ravel().tolist()


def page_of(colour: str, bits: int) -> tuple[Page, NDArray[np.uint8]]:
    """A page, and its pixels (height, width, 3)."""
    photometric = COLOURS[colour]
    if colour.startswith("grey"):
        samples, truth = grey(bits, photometric == 0)
        return Page(samples, bits, photometric), truth
    if colour == "palette":
        samples, truth, table = palette(bits)
        return Page(samples, bits, photometric, tags={320: (SHORT, table)}), truth
    if colour == "YCbCr":
        samples = scaled(SMALL.convert("YCbCr"), bits)
        tags = {530: (SHORT, [1, 1])}
        return Page(samples, bits, photometric, tags=tags, jpeg="YCBCR"), np.asarray(SMALL)
    if colour.endswith("L*a*b*"):
        samples = np.array(lab(), np.int64)
        if photometric == 9:
            samples[..., 1:] ^= 0x80  # an offset instead of a sign
        # At 16 bits, L* of CIE is 65535 for white and of ICC 65280; a* and b* end with a byte 0.
        samples = samples << 8 if bits == 16 else samples >> max(0, 8 - bits)
        return Page(samples, bits, photometric, jpeg="RGB"), np.asarray(SMALL)
    model = SMALL.convert("CMYK") if colour == "CMYK" else SMALL
    samples = scaled(model, bits)
    truth = np.asarray(Image.fromarray(unscaled(samples, bits), model.mode).convert("RGB"))
    return Page(samples, bits, photometric, jpeg=model.mode), truth


def cells() -> list[tuple[str, bool, bool, str]]:
    """Compression, planar, tiled and byte order."""
    return list(itertools.product(COMPRESSIONS, (False, True), (False, True), "<>"))


def written(page: Page, cell: tuple[str, bool, bool, str]) -> bytes:
    compression, page.planar, tiled, order = cell
    page.compression = COMPRESSIONS[compression]
    page.tile = (16, 32) if tiled else None
    return write(page, order=order)


def is_read(data: bytes, truth: NDArray[np.uint8], tolerance: float) -> bool:
    """Whether it is read, and then right; else it must be refused."""
    try:
        pixels = pixels_of(decode(data, MAX_PIXELS))
    except NotAPictureError:
        return False
    assert pixels.shape == truth.shape
    assert np.abs(pixels.astype(int) - truth).mean() < tolerance
    return True


@cache
def found(colour: str, bits: int) -> dict[tuple[str, bool, bool, str], bool]:
    """Which cells of the matrix are read."""
    page, truth = page_of(colour, bits)
    exact = 2.0 if colour in {"YCbCr", "CIE L*a*b*", "ICC L*a*b*"} else 0.6
    return {
        cell: is_read(written(page, cell), truth, 4 if cell[0] == "JPEG" else exact)
        for cell in cells()
    }


@pytest.mark.parametrize("bits", DEPTHS)
@pytest.mark.parametrize("colour", COLOURS)
def test_every_kind_is_right_or_refused(colour: str, bits: int) -> None:
    outcomes = found(colour, bits)
    assert len(outcomes) == 40
    # Byte order, planes and tiles change nothing, but for JPEG data of YCbCr.
    for compression in COMPRESSIONS:
        same = {read for cell, read in outcomes.items() if cell[0] == compression}
        assert len(same) == 1 or (colour, compression) == ("YCbCr", "JPEG")


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 12, 16])
@pytest.mark.parametrize("colour", ["grey, black is zero", "RGB", "palette", "CMYK"])
def test_another_reader_finds_the_same_samples(colour: str, bits: int) -> None:
    page, _ = page_of(colour, bits)
    for cell in cells():
        if cell[0] == "JPEG":
            continue
        theirs = tifffile.imread(io.BytesIO(written(page, cell)))
        if cell[1] and page.samples.shape[-1] > 1:
            theirs = np.moveaxis(theirs, 0, -1)
        np.testing.assert_array_equal(theirs.reshape(page.samples.shape), page.samples)


def test_the_document_lists_what_is_read() -> None:
    rows = re.findall(
        r"^\| (.+) \| ([\d, ]+) \| ([\d–]+)",
        DOCUMENT.read_text("utf-8").replace("\\", ""),
        re.MULTILINE,
    )
    listed = {colour: (set(re.findall(r"\d+", depths)), jpeg) for colour, depths, jpeg in rows}
    for colour in COLOURS:
        read = {
            (bits, cell[0]) for bits in DEPTHS for cell, yes in found(colour, bits).items() if yes
        }
        depths = {str(bits) for bits, compression in read if compression == "none"}
        assert {str(bits) for bits, compression in read if compression != "JPEG"} == depths
        jpeg = "8" if (8, "JPEG") in read else "–"
        assert listed[colour] == (depths, jpeg)
