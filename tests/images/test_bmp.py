"""BMP files of every kind: written by the specification, not by a library that reads them."""

import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import pictell.images.bmp as bmp_module
from pictell.errors import BrokenPictureError, NotAPictureError
from pictell.images.decode import decode
from pictures import MAX_PIXELS, photo, pixels_of

PHOTO = np.asarray(photo())
HEIGHT, WIDTH = PHOTO.shape[:2]
RGB, RLE8, RLE4, BITFIELDS, ALPHA_BITFIELDS = 0, 1, 2, 3, 6
OS2_1, OS2_2, WINDOWS_3, WITH_MASKS, WITH_ALPHA, V4, V5 = 12, 64, 40, 52, 56, 108, 124


def bmp(
    stored: bytes,
    bits: int,
    compression: int = RGB,
    header: int = WINDOWS_3,
    masks: tuple[int, ...] = (),
    palette: bytes = b"",
    colours: int = 0,
    top_down: bool = False,
) -> bytes:
    height = -HEIGHT if top_down else HEIGHT
    if header == OS2_1:
        head = struct.pack("<IHHHH", header, WIDTH, height, 1, bits)
    else:
        fields = header, WIDTH, height, 1, bits, compression, len(stored), 2835, 2835, colours, 0
        head = struct.pack("<IiiHHIIiiII", *fields)
    listed = struct.pack(f"<{len(masks)}I", *masks)
    head = (head + listed).ljust(header, b"\0") + palette
    start = 14 + len(head)
    return b"BM" + struct.pack("<IHHI", start + len(stored), 0, 0, start) + head + stored


def rows_of(levels: NDArray[np.integer], bits: int) -> bytes:
    """Samples (height, width) of ``bits`` bits as rows, the lowest first, padded to 4 bytes."""
    if bits < 8:
        split = levels[..., np.newaxis] >> np.arange(bits)[::-1] & 1
        levels = np.packbits(split.reshape(HEIGHT, -1).astype(np.uint8), axis=1)
    row = levels.astype(f"<u{max(1, bits // 8)}")
    padded = [line.tobytes() + bytes(-len(line.tobytes()) % 4) for line in row[::-1]]
    return b"".join(padded)


def packed(
    order: str, depths: dict[str, int], alpha: int = 255
) -> tuple[NDArray[np.int64], tuple[int, ...], NDArray[np.floating]]:
    """The photo's pixels as numbers, their masks (red, green, blue, alpha), and the truth."""
    channels = {name: PHOTO[..., index].astype(np.int64) for index, name in enumerate("RGB")}
    channels["A"] = np.full((HEIGHT, WIDTH), alpha)
    words = np.zeros((HEIGHT, WIDTH), np.int64)
    masks, truth, shift = {}, {}, 0
    for name in reversed(order):
        most = 2 ** depths[name] - 1
        levels = (channels[name] * most + 127) // 255
        words |= levels << shift
        masks[name] = most << shift
        truth[name] = levels / max(most, 1) * 255
        shift += depths[name]
    return words, tuple(masks[name] for name in "RGBA"), np.dstack([truth[one] for one in "RGB"])


def assert_reads(data: bytes, truth: NDArray[np.floating | np.integer]) -> None:
    pixels = pixels_of(decode(data, MAX_PIXELS))
    assert np.abs(pixels - truth.astype(float)).mean() < 0.6


def palette_of(bits: int, entry: int) -> tuple[NDArray[np.uint8], bytes, NDArray[np.uint8]]:
    """Indices, the palette with ``entry`` bytes for a colour, and the pixels."""
    quantised = photo().quantize(2**bits)
    colours = (quantised.getpalette() or []) + 768 * [0]
    entries = [
        bytes(colours[3 * index : 3 * index + 3][::-1]).ljust(entry, b"\0")
        for index in range(2**bits)
    ]
    return np.asarray(quantised), b"".join(entries), np.asarray(quantised.convert("RGB"))


def runs(indices: NDArray[np.uint8], bits: int) -> bytes:
    """Runs, pixels as they are, and ends of rows, but no end of the picture."""
    stored = bytearray()
    for row in indices[::-1].tolist():
        x = 0
        while x < len(row):
            same = next((n for n in range(1, len(row) - x) if row[x + n] != row[x]), len(row) - x)
            if (count := min(same, 255)) > 1 or len(row) - x < 3:
                stored += bytes([count, row[x] if bits == 8 else row[x] * 17])
            else:
                part = row[x : x + 7]
                count = len(part)
                data = part
                if bits == 4:
                    pairs = zip(part[::2], [*part[1::2], 0], strict=False)
                    data = [16 * high + low for high, low in pairs]
                stored += bytes([0, count, *data]) + bytes(len(data) % 2)
            x += count
        stored += b"\0\0"
    return bytes(stored)


def test_an_alpha_channel_of_zeros_is_opaque(shared: Path) -> None:
    truth = np.asarray(Image.open(shared / "cases" / "ref.png").convert("RGB"))
    assert_reads((shared / "cases" / "bmp_v5_alpha0.bmp").read_bytes(), truth)


@pytest.mark.parametrize("header", [WITH_ALPHA, V4, V5])
@pytest.mark.parametrize("alpha", [0, 128, 255])
@pytest.mark.parametrize(
    ("order", "depths"),
    [
        ("ARGB", {"A": 8, "R": 8, "G": 8, "B": 8}),
        ("ABGR", {"A": 8, "R": 8, "G": 8, "B": 8}),
        ("RGBA", {"A": 8, "R": 8, "G": 8, "B": 8}),
        ("ARGB", {"A": 2, "R": 10, "G": 10, "B": 10}),
        ("ARGB", {"A": 1, "R": 5, "G": 5, "B": 5}),
        ("ARGB", {"A": 0, "R": 5, "G": 6, "B": 5}),
        ("ARGB", {"A": 4, "R": 4, "G": 4, "B": 4}),
    ],
)
def test_masks(order: str, depths: dict[str, int], alpha: int, header: int) -> None:
    words, masks, truth = packed(order, depths, alpha)
    bits = sum(depths.values())
    most = 2 ** depths["A"] - 1
    if stored := (alpha * most + 127) // 255 if most else 0:
        truth = 255 + (truth - 255) * stored / most
    assert_reads(bmp(rows_of(words, bits), bits, BITFIELDS, header, masks), truth)


@pytest.mark.parametrize("compression", [BITFIELDS, ALPHA_BITFIELDS])
@pytest.mark.parametrize("header", [WINDOWS_3, WITH_MASKS])
def test_masks_without_alpha(header: int, compression: int) -> None:
    words, masks, truth = packed("ABGR", {"A": 8, "R": 8, "G": 8, "B": 8})
    count = 4 if compression == ALPHA_BITFIELDS else 3
    assert_reads(bmp(rows_of(words, 32), 32, compression, header, masks[:count]), truth)


@pytest.mark.parametrize("top_down", [False, True])
@pytest.mark.parametrize(("bits", "depth"), [(16, 5), (32, 8)])
def test_pixels_without_masks_have_no_alpha(bits: int, depth: int, top_down: bool) -> None:
    depths = {"A": bits - 3 * depth, "R": depth, "G": depth, "B": depth}
    words, _, truth = packed("ARGB", depths, 77)
    stored = rows_of(words[::-1] if top_down else words, bits)
    assert_reads(bmp(stored, bits, top_down=top_down), truth)
    assert_reads(bmp(stored, bits, header=V5, top_down=top_down), truth)


@pytest.mark.parametrize("header", [OS2_1, OS2_2, WINDOWS_3, V5])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes(bits: int, header: int) -> None:
    indices, palette, truth = palette_of(bits, 3 if header == OS2_1 else 4)
    assert_reads(bmp(rows_of(indices, bits), bits, header=header, palette=palette), truth)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_palette_of_black_and_white_keeps_the_bits_of_its_pixels(bits: int) -> None:
    bilevel = photo().convert("1")
    stored = rows_of(np.asarray(bilevel).astype(np.uint8), bits)
    palette = b"\0\0\0\0\xff\xff\xff\0"
    assert_reads(bmp(stored, bits, palette=palette, colours=2), np.asarray(bilevel.convert("RGB")))


@pytest.mark.parametrize("end", [b"\0\1", b""])
@pytest.mark.parametrize(("bits", "compression"), [(8, RLE8), (4, RLE4)])
def test_runs(bits: int, compression: int, end: bytes) -> None:
    indices, palette, truth = palette_of(bits, 4)
    assert_reads(bmp(runs(indices, bits) + end, bits, compression, palette=palette), truth)


def test_pixels_that_runs_skip_have_the_first_colour() -> None:
    truth = np.full_like(PHOTO, 50)
    truth[HEIGHT - 1, :3] = truth[HEIGHT - 3, 5:8] = 200
    palette = b"\x32\x32\x32\0\xc8\xc8\xc8\0"
    stored = b"\3\1\0\2\2\2\3\1\0\1"
    assert_reads(bmp(stored, 8, RLE8, palette=palette, colours=2), truth)


@pytest.mark.parametrize(
    ("bits", "compression", "header", "masks", "kind"),
    [
        (0, 4, WINDOWS_3, (), "embedded JPEG data"),
        (0, 5, WINDOWS_3, (), "embedded PNG data"),
        (24, 4, OS2_2, (), "OS/2 compression"),
        (32, 11, WINDOWS_3, (), "compression 11 of 32 bits"),
        (64, RGB, WINDOWS_3, (), "64 bits with compression 0"),
        (24, RLE8, WINDOWS_3, (), "24 bits with compression 1"),
        (32, BITFIELDS, V5, (0xF0F00000, 0xFF00, 0xFF, 0), "masks with holes"),
    ],
)
def test_other_kinds_are_refused_by_name(
    bits: int, compression: int, header: int, masks: tuple[int, ...], kind: str
) -> None:
    with pytest.raises(
        NotAPictureError, match=f"^a kind of BMP that pictell does not read: {kind}"
    ):
        decode(bmp(bytes(1000), bits, compression, header, masks), MAX_PIXELS)


@pytest.mark.parametrize(("bits", "compression"), [(1, RGB), (8, RLE8), (4, RLE4), (16, RGB)])
@pytest.mark.parametrize("missing", [100, 3000])
def test_a_missing_end_is_noticed(bits: int, compression: int, missing: int) -> None:
    indices, palette, _ = palette_of(min(bits, 8), 4)
    stored = runs(indices, bits) if compression else rows_of(indices, bits)
    data = bmp(stored, bits, compression, palette=palette if bits <= 8 else b"")
    with pytest.raises(BrokenPictureError, match="truncated"):
        decode(data[:-missing], MAX_PIXELS)


def test_the_padding_of_the_last_row_may_be_missing() -> None:
    indices, palette, truth = palette_of(4, 4)
    width = WIDTH - 3
    stored = rows_of(np.pad(indices[:, :width], ((0, 0), (0, 3))), 4)
    data = bmp(stored, 4, palette=palette)
    narrow = data[:18] + struct.pack("<i", width) + data[22:]
    assert_reads(narrow[:-1], truth[:, :width])


def test_the_number_of_runs_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bmp_module, "MAX_RUNS", 1000)
    with pytest.raises(BrokenPictureError, match="runs"):
        decode(bmp(b"\1\0" * WIDTH * HEIGHT, 8, RLE8, palette=bytes(1024)), MAX_PIXELS)
