"""How the samples of a page are stored; what pictell does not read is refused by its name."""

from __future__ import annotations

from dataclasses import dataclass
from operator import sub
from typing import Literal

from pictell.errors import BrokenPictureError, NotAPictureError
from pictell.images.tiff.directory import Directory, Tag

Colour = Literal["grey", "RGB", "palette", "CMYK", "YCbCr", "Lab"]
Alpha = Literal["associated", "unassociated", "unnamed"]

NONE, LZW, OLD_JPEG, JPEG, DEFLATE, PACKBITS, OLD_DEFLATE = 1, 5, 6, 7, 8, 32773, 32946
ZSTD = 50000
CCITT = {2, 3, 4, 32771}
# The compressions that a predictor can precede.
_PREDICTABLE = {LZW, DEFLATE, OLD_DEFLATE, ZSTD}
_COMPRESSIONS = {NONE, OLD_JPEG, JPEG, PACKBITS} | CCITT | _PREDICTABLE
WHITE_IS_ZERO, BLACK_IS_ZERO, CIELAB = 0, 1, 8
# By PhotometricInterpretation: the colour and its number of samples.
_COLOURS: dict[int, tuple[Colour, int]] = {
    WHITE_IS_ZERO: ("grey", 1),
    BLACK_IS_ZERO: ("grey", 1),
    2: ("RGB", 3),
    3: ("palette", 1),
    5: ("CMYK", 4),
    6: ("YCbCr", 3),
    CIELAB: ("Lab", 3),
    9: ("Lab", 3),  # ICCLab
}
# The bits that a sample can have.
_DEPTHS: dict[Colour, frozenset[int]] = {
    "grey": frozenset(range(1, 17)),
    "RGB": frozenset(range(1, 17)),
    "palette": frozenset(range(1, 9)),
    "CMYK": frozenset(range(1, 17)),
    "YCbCr": frozenset({8}),
    "Lab": frozenset({8, 16}),
}
_SAMPLE_FORMATS = {2: "signed", 3: "floating-point", 5: "complex", 6: "complex"}
_MAX_SAMPLES = 8
# Samples that are not read take memory and time, too.
_MAX_BYTES = 900_000_000
# To unpack more samples that do not fill bytes, in a row or in all, takes too much.
_MAX_ROW = 1 << 20
_MAX_UNPACKED = 1 << 28
# How many pixels longer than the picture a side of a tile can be.
_TILE_MARGIN = 1_024
# The defaults (TIFF 6.0, sections 20 and 21); Pillow converts only these to RGB.
_YCBCR_COEFFICIENTS = (0.299, 0.587, 0.114)
_YCBCR_RANGE = (0.0, 255.0, 128.0, 255.0, 128.0, 255.0)
_TO_DEPTH = "convert it to 8 or 16 bits"


@dataclass(frozen=True, slots=True)
class Layout:
    """How the samples of a page are stored.

    A pixel has ``samples`` samples of ``bits`` bits (1 to 16). The first ``colours`` of them are
    its ``colour``, and ``alpha`` is the index of its opacity. A segment is a strip or a tile of
    ``segment_width`` x ``segment_height`` pixels; the last strip can be shorter. If ``planar``, a
    segment has one sample of each of its pixels, else all. ``byte_order`` is ``<`` or ``>``.
    """

    width: int
    height: int
    photometric: int
    colour: Colour
    colours: int
    samples: int
    bits: int
    alpha: int | None
    alpha_kind: Alpha
    planar: bool
    tiled: bool
    segment_width: int
    segment_height: int
    compression: int
    predictor: bool
    fill_order: int
    byte_order: str
    subsampling: tuple[int, int]

    @property
    def across(self) -> int:
        """How many segments are side by side."""
        return -(-self.width // self.segment_width)

    @property
    def down(self) -> int:
        """How many segments are one below the other."""
        return -(-self.height // self.segment_height)


def unsupported(kind: str, advice: str = "save it as RGB with 8 or 16 bits") -> NotAPictureError:
    """The error for a page that may be whole, but that pictell does not read."""
    return NotAPictureError(f"a kind of TIFF that pictell does not read: {kind}; {advice}")


def read_layout(page: Directory) -> Layout:
    """Judge a page by its tags. Raises ``NotAPictureError`` or ``BrokenPictureError``."""
    width, height = page.number(Tag.WIDTH, 0), page.number(Tag.LENGTH, 0)
    compression = page.number(Tag.COMPRESSION, NONE)
    if compression not in _COMPRESSIONS:
        raise unsupported(f"compression {compression}", "save it uncompressed or with LZW")
    photometric = _read_photometric(page, compression)
    colour, colours = _COLOURS[photometric]
    samples = page.number(Tag.SAMPLES_PER_PIXEL, 3 if compression == OLD_JPEG else 1)
    alpha, alpha_kind = _read_alpha(page, samples, colour, colours)
    tiled = Tag.TILE_WIDTH in page and compression != OLD_JPEG
    segment_width, segment_height = _read_segment_size(page, width, height, tiled)
    layout = Layout(
        width=width,
        height=height,
        photometric=photometric,
        colour=colour,
        colours=colours,
        samples=samples,
        bits=_read_bits(page, samples, colour),
        alpha=alpha,
        alpha_kind=alpha_kind,
        planar=page.number(Tag.PLANAR_CONFIGURATION, 1) == 2 and samples > 1,
        tiled=tiled,
        segment_width=segment_width,
        segment_height=segment_height,
        compression=compression,
        predictor=_read_predictor(page, compression),
        fill_order=page.number(Tag.FILL_ORDER, 1),
        byte_order=page.byte_order,
        subsampling=_read_subsampling(page, colour, compression),
    )
    _check_combination(layout)
    return layout


def _read_photometric(page: Directory, compression: int) -> int:
    if Tag.PHOTOMETRIC not in page and compression not in CCITT | {OLD_JPEG}:
        raise BrokenPictureError("broken TIFF picture: it does not say what its samples mean")
    photometric = page.number(Tag.PHOTOMETRIC, 6 if compression == OLD_JPEG else WHITE_IS_ZERO)
    if photometric == 6 and page.number(Tag.SAMPLES_PER_PIXEL, 3) == 1:
        return BLACK_IS_ZERO  # only the luminance
    if photometric not in _COLOURS:
        raise unsupported(f"photometric interpretation {photometric}")
    if photometric == 5 and page.number(Tag.INK_SET, 1) != 1:
        raise unsupported("inks other than CMYK")
    return photometric


def _read_bits(page: Directory, samples: int, colour: Colour) -> int:
    default = 8 if page.number(Tag.COMPRESSION, NONE) == OLD_JPEG else 1
    depths = set(page.numbers(Tag.BITS_PER_SAMPLE, (default,))[:samples])
    formats = set(page.numbers(Tag.SAMPLE_FORMAT, (1,)))
    if len(depths) > 1:
        raise unsupported("samples of different depths", _TO_DEPTH)
    (bits,) = depths
    if strange := formats - {1, 4}:  # 4 says that the format is not known
        kind = _SAMPLE_FORMATS.get(min(strange), "unknown")
        raise unsupported(f"{kind} samples of {bits} bits", _TO_DEPTH)
    if bits not in _DEPTHS[colour]:
        raise unsupported(f"{colour} samples of {bits} bits", _TO_DEPTH)
    return bits


def _read_alpha(
    page: Directory, samples: int, colour: Colour, colours: int
) -> tuple[int | None, Alpha]:
    """Which sample is the opacity, and whether the colours are already multiplied with it."""
    extra = page.numbers(Tag.EXTRA_SAMPLES)
    if colour == "RGB" and samples == 4 and not extra:
        return 3, "unnamed"
    if not colours <= samples <= _MAX_SAMPLES or samples != colours + len(extra):
        raise unsupported(f"{colour} with {samples} samples, of which {len(extra)} are extra")
    # 0 is no opacity; Corel Draw 10 writes 999 for 2.
    alphas = [(colours + index, kind) for index, kind in enumerate(extra) if kind]
    if not alphas:
        return None, "unnamed"
    if colour in {"YCbCr", "Lab"} or len(alphas) > 1:
        raise unsupported(f"{colour} with {len(alphas)} channels of opacity")
    index, kind = alphas[0]
    return index, "associated" if kind == 1 else "unassociated"


def _read_segment_size(page: Directory, width: int, height: int, tiled: bool) -> tuple[int, int]:
    if tiled:
        size = page.number(Tag.TILE_WIDTH, 0), page.number(Tag.TILE_LENGTH, 0)
        if size[0] > width + _TILE_MARGIN or size[1] > height + _TILE_MARGIN:
            raise unsupported("tiles larger than the picture")
    elif page.number(Tag.COMPRESSION, NONE) == OLD_JPEG:
        size = width, height
    else:
        size = width, min(height, page.number(Tag.ROWS_PER_STRIP, height))
    if min(width, height, *size) < 1:
        raise BrokenPictureError("broken TIFF picture: it has no pixels")
    return size


def _read_predictor(page: Directory, compression: int) -> bool:
    """Whether samples are differences from the pixel before. Others ignore the tag, as libtiff."""
    predictor = page.number(Tag.PREDICTOR, 1) if compression in _PREDICTABLE else 1
    if predictor not in {1, 2}:
        raise unsupported(f"predictor {predictor}", "save it without a predictor")
    return predictor == 2


def _read_subsampling(page: Directory, colour: Colour, compression: int) -> tuple[int, int]:
    """How many pixels share a pair of Cb and Cr, across and down. JPEG data says it itself."""
    if colour != "YCbCr" or compression in {JPEG, OLD_JPEG}:
        return 1, 1
    coefficients = page.fractions(Tag.YCBCR_COEFFICIENTS, _YCBCR_COEFFICIENTS)
    reference = page.fractions(Tag.REFERENCE_BLACK_WHITE, _YCBCR_RANGE)
    if max(map(abs, map(sub, coefficients, _YCBCR_COEFFICIENTS))) > 0.001:
        raise unsupported("YCbCr with coefficients of its own")
    if max(map(abs, map(sub, reference, _YCBCR_RANGE))) > 0.5:
        raise unsupported("YCbCr with a reference black and white of its own")
    across, down = (*page.numbers(Tag.YCBCR_SUBSAMPLING, (2, 2)), 0)[:2]
    if across not in {1, 2, 4} or down not in {1, 2, 4}:
        raise unsupported(f"YCbCr subsampling {across} x {down}")
    return across, down


def _check_combination(layout: Layout) -> None:
    """Refuse what is too large, what the compression cannot hold, and what is ambiguous."""
    bits, compression = layout.bits, layout.compression
    row = layout.segment_width * layout.samples
    total = layout.across * layout.down * layout.segment_height * row
    if total * bits > 8 * _MAX_BYTES:
        raise unsupported(f"more than {_MAX_BYTES} bytes of samples", "save it with 8 bits")
    packed = bits not in {8, 16} and compression not in CCITT
    if packed and (row > _MAX_ROW or total > _MAX_UNPACKED):
        raise unsupported(f"{total} samples of {bits} bits", "save it with 8 bits")
    if layout.fill_order != 1 and compression not in {NONE, *CCITT}:
        raise unsupported(f"FillOrder {layout.fill_order} of compressed samples")
    if layout.predictor and bits not in {8, 16}:
        raise unsupported(f"a predictor for samples of {bits} bits", "save it without a predictor")
    if compression in CCITT and (bits, layout.samples) != (1, 1):
        raise unsupported(f"CCITT compression of {layout.samples} samples of {bits} bits")
    if compression in {JPEG, OLD_JPEG} and not _fits_jpeg(layout):
        kind = f"{layout.samples} samples of {bits} bits as {layout.colour}"
        raise unsupported(f"JPEG compression of {kind}")
    _check_colour(layout)


def _fits_jpeg(layout: Layout) -> bool:
    if layout.bits != 8:
        return False
    if layout.colour == "YCbCr":
        return layout.samples == 3 and not layout.planar
    return layout.colour in {"grey", "RGB", "CMYK"} and (
        layout.planar or layout.samples in {1, 3, 4}
    )


def _check_colour(layout: Layout) -> None:
    if layout.alpha_kind == "associated" and (
        layout.photometric == WHITE_IS_ZERO or layout.colour == "palette"
    ):
        raise unsupported(f"{layout.colour} that is multiplied with its opacity")
    if layout.subsampling != (1, 1) and (layout.planar or layout.predictor or layout.samples != 3):
        raise unsupported("YCbCr with a predictor, extra samples or planes")
