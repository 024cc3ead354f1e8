"""Which page of a TIFF file is read, and kinds of it that are rare."""

import io
import struct
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from pictell.errors import BrokenPictureError, NotAPictureError
from pictell.images.decode import decode
from pictures import MAX_PIXELS, encoded, photo, pixels_of
from tiff_files import DEFLATE, JPEG, LONG, LZW, NONE, PACKBITS, RATIONAL, SHORT, Page, write

PHOTO = np.asarray(photo())
GREY = np.asarray(photo().convert("L"))[..., np.newaxis]
HEIGHT, WIDTH = PHOTO.shape[:2]
HALF = np.full((HEIGHT, WIDTH, 1), 128, np.uint8)
MAIN = Page(PHOTO, photometric=2)
# Another picture than the main page, so that the two are not confused.
THUMBNAIL = Page(255 - PHOTO[::8, ::8], photometric=2, tags={254: (LONG, [1])})
MASK = Page(GREY // 200, 1, photometric=4, tags={254: (LONG, [4])})
SENSOR = Page(GREY, photometric=32803)
UNASSOCIATED, ASSOCIATED, UNSPECIFIED = 2, 1, 0
YCBCR = {530: (SHORT, [1, 1])}
CASES = {
    "tif_g12_photo1": "ref_gray",
    "tif_g16_miniswhite": "ref_gray",
    "tif_ga16": "ref_gray",
    "tif_rgb16_planar": "ref",
    "tif_thumb_first": "ref",
}


def assert_reads(data: bytes, truth: NDArray[np.floating | np.integer], tolerance: float) -> None:
    pixels = pixels_of(decode(data, MAX_PIXELS))
    assert pixels.shape == truth.shape
    assert np.abs(pixels - truth.astype(float)).mean() < tolerance


def over_white(pixels: NDArray[np.uint8]) -> NDArray[np.floating]:
    """Pixels with the opacity of ``HALF``."""
    return 255 + (pixels.astype(float) - 255) * 128 / 255


@pytest.mark.parametrize(("name", "reference"), CASES.items())
def test_pictures_that_were_misread(shared: Path, name: str, reference: str) -> None:
    truth = np.asarray(Image.open(shared / "cases" / f"{reference}.png").convert("RGB"))
    assert_reads((shared / "cases" / f"{name}.tif").read_bytes(), truth, 0.5)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("g_f16.tif", "floating-point samples of 16 bits"),
        ("g_int16.tif", "signed samples of 16 bits"),
        ("raw/photo.dng", "a camera raw"),
    ],
)
def test_pictures_that_were_called_broken(shared: Path, name: str, kind: str) -> None:
    with pytest.raises(NotAPictureError, match=kind):
        decode((shared / "cases" / name).read_bytes(), MAX_PIXELS)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "pages",
    [
        pytest.param([MAIN, THUMBNAIL], id="first"),
        pytest.param([THUMBNAIL, MAIN], id="after a thumbnail"),
        pytest.param(
            [replace(THUMBNAIL, tags={255: (SHORT, [2])}), MAIN], id="after an old thumbnail"
        ),
        pytest.param([MASK, MAIN], id="after a mask"),
        pytest.param([replace(MASK, photometric=1), MAIN], id="after a mask of another colour"),
        pytest.param([replace(THUMBNAIL, children=[MAIN])], id="in a thumbnail's list"),
        pytest.param([replace(MAIN, children=[THUMBNAIL])], id="with a thumbnail in its list"),
        pytest.param([replace(MAIN, tags={254: (LONG, [2])}), THUMBNAIL], id="of several pages"),
    ],
)
def test_the_main_page_is_read(pages: list[Page], order: str, big: bool) -> None:
    assert_reads(write(*pages, order=order, big=big), PHOTO, 0.1)


def test_a_reduced_copy_alone_is_the_picture() -> None:
    assert_reads(write(THUMBNAIL), THUMBNAIL.samples, 0.1)


def test_a_mask_alone_is_no_picture() -> None:
    with pytest.raises(NotAPictureError, match="masks"):
        decode(write(MASK), MAX_PIXELS)


def test_a_page_that_is_lost_does_not_make_its_thumbnail_the_picture() -> None:
    data = write(THUMBNAIL, MAIN)
    with pytest.raises(BrokenPictureError, match="truncated"):
        decode(data[: len(data) - 10], MAX_PIXELS)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(write(THUMBNAIL, SENSOR), id="a page of a sensor"),
        pytest.param(write(replace(THUMBNAIL, children=[SENSOR])), id="a list with one"),
        pytest.param(write(MAIN, SENSOR), id="after a preview that seems the main page"),
        pytest.param(write(replace(MAIN, tags={50706: (1, [1, 4, 0, 0])})), id="DNG"),
        pytest.param(write(THUMBNAIL, replace(MAIN, photometric=34892)), id="linear DNG"),
        pytest.param(
            write(replace(THUMBNAIL, children=[replace(MAIN, tags={259: (SHORT, [34713])})])),
            id="NEF",
        ),
        pytest.param(write(MAIN)[:8] + b"CR\2\0" + write(MAIN)[12:], id="CR2"),
        pytest.param(b"IIRO\x08\0\0\0" + bytes(99), id="ORF"),
        pytest.param(b"IIU\0\x18\0\0\0" + bytes(99), id="RW2"),
        pytest.param(b"FUJIFILMCCD-RAW 0201" + bytes(99), id="RAF"),
        pytest.param(b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(99), id="CR3"),
    ],
)
def test_a_camera_raw_is_named(data: bytes) -> None:
    with pytest.raises(NotAPictureError, match=r"^a camera raw: export it as JPEG or TIFF"):
        decode(data, MAX_PIXELS)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [LZW, DEFLATE])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
def test_differences_are_summed(bits: int, planar: bool, compression: int, order: str) -> None:
    samples = PHOTO.astype(int) * (257 if bits == 16 else 1)
    page = Page(samples, bits, 2, planar, compression=compression, predictor=True)
    assert_reads(write(page, order=order), PHOTO, 0.1)
    assert_reads(write(replace(page, tile=(64, 48)), order=order), PHOTO, 0.1)


@pytest.mark.parametrize("bits", [3, 5, 6, 7, 9, 10, 11, 13, 14, 15])
def test_other_depths_are_scaled_by_their_bits(bits: int) -> None:
    samples = (PHOTO.astype(int) * (2**bits - 1) + 127) // 255
    truth = samples / (2**bits - 1) * 255
    assert_reads(write(Page(samples, bits, 2)), truth, 0.6)


@pytest.mark.parametrize("bits", [1, 8])
def test_bits_can_be_stored_in_reverse(bits: int) -> None:
    samples = GREY >> (8 - bits)
    truth = (samples / (2**bits - 1) * 255).repeat(3, axis=-1)
    assert_reads(write(Page(samples, bits, fill_order=2)), truth, 0.5)


@pytest.mark.parametrize(
    ("page", "truth"),
    [
        pytest.param(
            Page(np.dstack([PHOTO, HALF]), photometric=2, tags={338: (SHORT, [UNASSOCIATED])}),
            over_white(PHOTO),
            id="RGB",
        ),
        pytest.param(
            Page(np.dstack([PHOTO // 2, HALF]), photometric=2, tags={338: (SHORT, [ASSOCIATED])}),
            over_white(PHOTO),
            id="RGB, multiplied",
        ),
        pytest.param(
            Page(np.dstack([PHOTO, HALF]), photometric=2, tags={338: (SHORT, [UNSPECIFIED])}),
            PHOTO,
            id="RGB and something else",
        ),
        pytest.param(
            Page(
                np.dstack([PHOTO, GREY, HALF]).astype(int) * 257,
                16,
                photometric=2,
                planar=True,
                tags={338: (SHORT, [UNSPECIFIED, UNASSOCIATED])},
            ),
            over_white(PHOTO),
            id="RGB, something else and opacity, in planes",
        ),
        pytest.param(
            Page(np.dstack([PHOTO, HALF]), photometric=2), over_white(PHOTO), id="RGB, not named"
        ),
        pytest.param(
            Page(np.dstack([PHOTO, 0 * HALF]), photometric=2), PHOTO, id="RGB, not named, all 0"
        ),
        pytest.param(
            Page(np.dstack([PHOTO, 0 * HALF]), photometric=2, tags={338: (SHORT, [UNASSOCIATED])}),
            np.full_like(PHOTO, 255),
            id="RGB, transparent on purpose",
        ),
        pytest.param(
            Page(np.dstack([GREY, HALF]), photometric=1, tags={338: (SHORT, [ASSOCIATED])}),
            over_white(GREY * 2.0).repeat(3, axis=-1).clip(0, 255),
            id="grey, multiplied",
        ),
        pytest.param(
            Page(np.dstack([255 - GREY, HALF]), photometric=0, tags={338: (SHORT, [UNASSOCIATED])}),
            over_white(GREY).repeat(3, axis=-1),
            id="grey, white is zero",
        ),
        pytest.param(
            Page(
                np.dstack([np.asarray(photo().convert("CMYK")), HALF]),
                photometric=5,
                tags={338: (SHORT, [UNASSOCIATED])},
            ),
            over_white(PHOTO),
            id="CMYK",
        ),
    ],
)
def test_extra_samples(page: Page, truth: NDArray[np.floating]) -> None:
    assert_reads(write(page), truth, 1)


@pytest.mark.parametrize(("across", "down"), [(1, 1), (2, 1), (1, 2), (2, 2), (4, 2), (4, 4)])
def test_subsampled_ycbcr(across: int, down: int) -> None:
    rows, columns = -(-HEIGHT // down), -(-WIDTH // across)
    missing = (0, rows * down - HEIGHT), (0, columns * across - WIDTH), (0, 0)
    pixels = np.pad(np.asarray(photo().convert("YCbCr")), missing, mode="edge")
    blocks = pixels.reshape(rows, down, columns, across, 3)
    luma = blocks[..., 0].swapaxes(1, 2).reshape(rows, columns, -1)
    units = np.concatenate([luma, blocks[..., 1:].mean((1, 3)).round()], axis=-1)
    stored = Page(units.astype(np.uint8).reshape(rows, -1, 1), photometric=6, rows=rows)
    stored.tags = {
        256: (SHORT, [WIDTH]),
        257: (SHORT, [HEIGHT]),
        258: (SHORT, [8, 8, 8]),
        277: (SHORT, [3]),
        278: (SHORT, [HEIGHT]),
        # 2 x 2 is the default, and the range is the usual one.
        530: None if (across, down) == (2, 2) else (SHORT, [across, down]),
        532: (RATIONAL, [0, 1, 255, 1, 128, 1, 255, 1, 128, 1, 255, 1]),
    }
    assert_reads(write(stored), PHOTO, 2.5)


@pytest.mark.parametrize("compression", ["tiff_ccitt", "group3", "group4", "packbits", "zstd"])
@pytest.mark.parametrize("photometric", [0, 1])
def test_pages_of_one_bit(compression: str, photometric: int) -> None:
    bilevel = photo().convert("1")
    data = encoded(bilevel, "TIFF", compression=compression, tiffinfo={262: photometric})
    assert_reads(data, np.asarray(bilevel.convert("RGB")), 0.1)


@pytest.mark.parametrize("subsampling", [(1, 1), (2, 1), (2, 2)])
def test_jpeg_data_of_another_writer(subsampling: tuple[int, int]) -> None:
    stream = io.BytesIO()
    tifffile.imwrite(
        stream,
        np.asarray(photo().convert("YCbCr")),
        photometric="ycbcr",
        compression="jpeg",
        compressionargs={"level": 95},
        subsampling=subsampling,
        tile=(64, 64),
    )
    assert_reads(stream.getvalue(), PHOTO, 3)


def test_a_palette_of_8_bit_values() -> None:
    quantised = photo().quantize(256)
    colours = np.array(quantised.getpalette()).reshape(-1, 3).T.ravel().tolist()
    page = Page(np.asarray(quantised)[..., np.newaxis], 8, 3, tags={320: (SHORT, colours)})
    assert_reads(write(page), np.asarray(quantised.convert("RGB")), 0.1)


@pytest.mark.parametrize(
    ("page", "kind"),
    [
        (replace(MAIN, tags={339: (SHORT, [2])}), "signed samples of 8 bits"),
        (replace(MAIN, bits=16, tags={339: (SHORT, [3, 3, 3])}), "floating-point samples of 16"),
        (Page(GREY, 32), "grey samples of 32 bits"),
        (Page(GREY, 16, tags={339: (SHORT, [6])}), "complex samples of 16 bits"),
        (replace(MAIN, tags={258: (SHORT, [8, 8, 4])}), "samples of different depths"),
        (replace(MAIN, tags={259: (SHORT, [34712])}), "compression 34712"),
        (replace(MAIN, photometric=32845), "photometric interpretation 32845"),
        (replace(MAIN, compression=LZW, tags={317: (SHORT, [3])}), "predictor 3"),
        (replace(MAIN, compression=LZW, fill_order=2), "FillOrder 2"),
        (Page(np.dstack([GREY, HALF])), "grey with 2 samples, of which 0 are extra"),
        (Page(np.dstack([PHOTO, HALF]), 8, 5, tags={332: (SHORT, [2])}), "inks other than CMYK"),
        (Page(GREY, 12, compression=JPEG), "JPEG compression of 1 samples of 12 bits"),
        (
            replace(
                MAIN, photometric=6, tags=YCBCR | {532: (RATIONAL, [16, 1, 235, 1, 128, 1] * 2)}
            ),
            "YCbCr with a reference black and white of its own",
        ),
        (
            replace(MAIN, photometric=6, tags=YCBCR | {529: (RATIONAL, [21, 99, 71, 99, 7, 99])}),
            "YCbCr with coefficients of its own",
        ),
    ],
)
def test_other_kinds_are_refused_by_name(page: Page, kind: str) -> None:
    with pytest.raises(
        NotAPictureError, match=f"^a kind of TIFF that pictell does not read: {kind}"
    ):
        decode(write(page), MAX_PIXELS)


def with_jpeg_data(data: bytes, compression: int) -> Page:
    """A page of one strip, which is this data."""
    page = Page(np.frombuffer(data, np.uint8).reshape(1, -1, 1), photometric=6)
    page.tags = {
        256: (SHORT, [WIDTH]),
        257: (SHORT, [HEIGHT]),
        258: (SHORT, [8, 8, 8]),
        259: (SHORT, [compression]),
        277: (SHORT, [3]),
        278: (SHORT, [HEIGHT]),
    }
    return page


def test_old_style_jpeg_data_that_is_whole_is_read() -> None:
    data = encoded(photo(), "JPEG", quality=95)
    page = with_jpeg_data(data, 6)
    page.tags |= {273: None, 279: None, 513: (LONG, [8]), 514: (LONG, [len(data)])}
    assert_reads(write(page), PHOTO, 3)


def test_old_style_jpeg_data_in_strips_is_refused() -> None:
    with pytest.raises(NotAPictureError, match="old-style JPEG"):
        decode(write(with_jpeg_data(encoded(photo(), "JPEG"), 6)), MAX_PIXELS)


def test_jpeg_data_that_contradicts_the_tags_is_refused() -> None:
    page = with_jpeg_data(encoded(photo(), "JPEG"), JPEG)
    assert_reads(write(page), PHOTO, 9)
    with pytest.raises(NotAPictureError, match="RGB by its tags, YCbCr by its JPEG data"):
        decode(write(replace(page, photometric=2)), MAX_PIXELS)


def test_jpeg_data_of_another_size_is_broken() -> None:
    page = with_jpeg_data(encoded(photo().resize((2000, 2000)), "JPEG"), JPEG)
    with pytest.raises(BrokenPictureError, match="another size"):
        decode(write(page), MAX_PIXELS)


def test_progressive_jpeg_data_is_refused() -> None:
    data = encoded(photo(), "JPEG", progressive=True)
    with pytest.raises(NotAPictureError, match="JPEG data that is not baseline"):
        decode(write(with_jpeg_data(data, JPEG)), MAX_PIXELS)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(replace(MAIN, tags={262: None}), id="no photometric interpretation"),
        pytest.param(replace(MAIN, tags={256: (SHORT, [0])}), id="no width"),
        pytest.param(replace(MAIN, tags={278: (SHORT, [0])}), id="no rows in a strip"),
        pytest.param(replace(MAIN, tags={273: (LONG, [8])}), id="too few strips"),
        pytest.param(replace(MAIN, tags={273: (2, [8])}), id="offsets of another type"),
        pytest.param(replace(MAIN, tags={257: (SHORT, [40_000]), 278: None}), id="too few bytes"),
        pytest.param(Page(GREY, photometric=3), id="no palette"),
        pytest.param(replace(MAIN, compression=LZW, tags={279: None}), id="no lengths"),
    ],
)
def test_a_page_that_contradicts_itself_is_broken(page: Page) -> None:
    with pytest.raises(BrokenPictureError):
        decode(write(page), MAX_PIXELS)


@pytest.mark.parametrize("tag", [270, 274, 34675, 700, 34665, 40_000])
def test_an_odd_tag_harms_no_pixel(tag: int) -> None:
    odd = {tag: (12, [1.5])}
    assert_reads(write(replace(MAIN, tags=odd)), PHOTO, 0.1)


def test_lengths_of_stored_strips_do_not_matter() -> None:
    assert_reads(write(replace(MAIN, tags={279: None})), PHOTO, 0.1)


@pytest.mark.parametrize("compression", [NONE, LZW, DEFLATE, PACKBITS, JPEG])
@pytest.mark.parametrize("cut", [0.2, 0.9])
def test_missing_data_is_noticed(compression: int, cut: float) -> None:
    page = replace(MAIN, compression=compression, jpeg="RGB", rows=HEIGHT)
    whole = write(page)
    # The directory comes last, so it is kept, and points to bytes that are no longer there.
    length = int(len(whole) * cut * 0.9)
    lost = write(replace(page, tags={279: (LONG, [length])}))
    if compression == NONE:
        lost = write(replace(page, tags={273: (LONG, [len(whole) - length // 2])}))
    with pytest.raises(BrokenPictureError):
        decode(lost, MAX_PIXELS)


def directory(*tags: tuple[int, int, int, int], following: int = 0) -> bytes:
    """Tags: number, type, count, and the value or where it is."""
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)


COPY = (254, LONG, 1, 1)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"II*\0\x08\0\0\0" + directory(COPY, following=8), id="a page after itself"),
        pytest.param(
            b"II*\0\x08\0\0\0"
            + b"".join(directory(COPY, following=8 + 18 * (n + 1)) for n in range(2000)),
            id="2000 copies",
        ),
        pytest.param(
            b"II*\0\x08\0\0\0" + directory(*[(n, 3, 1, 0) for n in range(60_000)]), id="60000 tags"
        ),
        pytest.param(
            b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**62) + bytes(99), id="2^62 tags"
        ),
        pytest.param(
            write(replace(MAIN, compression=LZW, tags={279: (LONG, [2**24] * 13)})),
            id="strips that share their bytes",
        ),
        pytest.param(
            write(replace(MAIN, compression=JPEG, jpeg="RGB", tags={347: (7, [255] * 9000)})),
            id="large tables of JPEG data",
        ),
        pytest.param(b"II*\0\x08\0", id="no directory"),
    ],
)
def test_hostile_structures_are_broken(data: bytes) -> None:
    with pytest.raises(BrokenPictureError):
        decode(data, MAX_PIXELS)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(replace(MAIN, tags={257: (LONG, [60_000]), 278: (SHORT, [1])}), id="strips"),
        pytest.param(replace(MAIN, tile=(16, 16), tags={322: (LONG, [50_000])}), id="wide tiles"),
        pytest.param(
            replace(MAIN, tags={256: (LONG, [10_000]), 257: (LONG, [9_000]), 277: (SHORT, [8])}
            | {258: (SHORT, [16]), 338: (SHORT, [0] * 5), 278: None}),
            id="samples",
        ),
    ],
)  # fmt: skip
def test_what_would_cost_too_much_is_refused(page: Page) -> None:
    with pytest.raises(NotAPictureError, match="a kind of TIFF"):
        decode(write(page), MAX_PIXELS)


def test_a_strip_is_not_expanded_further_than_its_rows() -> None:
    # All strips are the same kilobyte, which expands to a megabyte: 10 GB in all, which takes long.
    height, stream = 10_000, zlib.compress(bytes(1_000_000), 9)
    strips = [8] * height, [len(stream)] * height
    lists = struct.pack(f"<{2 * height}I", *strips[0], *strips[1])
    at = 8 + len(stream)
    entries = [(256, 8, 1), (257, height, 1), (258, 8, 1), (259, DEFLATE, 1), (262, 1, 1)]
    entries += [(273, at, height), (277, 1, 1), (278, 1, 1), (279, at + 4 * height, height)]
    page = b"".join(struct.pack("<HHII", tag, LONG, count, value) for tag, value, count in entries)
    header = struct.pack("<4sI", b"II*\0", at + len(lists))
    data = header + stream + lists + struct.pack("<H", len(entries)) + page + bytes(4)
    assert not pixels_of(decode(data, MAX_PIXELS)).any()


def test_a_main_page_in_a_loop_is_read() -> None:
    data = bytearray(write(MAIN))
    start = struct.unpack_from("<I", data, 4)
    data[-4:] = struct.pack("<I", *start)
    assert_reads(bytes(data), PHOTO, 0.1)


def damaged() -> dict[str, bytes]:
    """Files that make libtiff and libjpeg write to stderr."""
    files = {"odd tags": write(replace(MAIN, tags={65000: (12, [1.0]), 270: (3, [1])}))}
    for name, compression in {
        "LZW": LZW,
        "PackBits": PACKBITS,
        "deflate": DEFLATE,
        "JPEG": JPEG,
    }.items():
        whole = bytearray(write(replace(MAIN, compression=compression, jpeg="RGB", rows=HEIGHT)))
        whole[400:3000] = b"\xa5" * 2600
        files[name] = bytes(whole)
    fax = bytearray(encoded(photo().convert("1"), "TIFF", compression="group4"))
    fax[400:800] = b"\xa5" * 400
    return files | {"group4": bytes(fax)}


def test_decoders_write_nothing_to_stderr(tmp_path: Path) -> None:
    for name, data in damaged().items():
        (tmp_path / f"{name}.tif").write_bytes(data)
    command = [sys.executable, "-m", "pictell", "--format", "jsonl", *tmp_path.iterdir()]
    for isolate in [[], ["--isolate"]]:
        done = subprocess.run([*command, *isolate], capture_output=True, text=True, check=False)
        assert len(done.stdout.splitlines()) == 6
        assert "LZW.tif: broken or truncated TIFF picture" in done.stderr
        assert [line for line in done.stderr.splitlines() if not line.startswith("pictell: ")] == []
