"""JPEG pixels are those of Pillow; damaged and truncated pictures are warned of or refused."""

import io
import itertools
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from pictell.errors import BrokenPictureError, PictureTooLargeError
from pictell.images.decode import decode
from pictell.images.jpeg.file import MAX_MISSING, JpegFile
from pictures import FLAVOURS, MAX_PIXELS, colour_distance, encoded, photo, photo_as, pixels_of

END = b"\xff\xd9"
JPEGS = [name for name in FLAVOURS if name.startswith("jpeg")]
RESTART: dict[str, Any] = {"restart_marker_rows": 1}


def jpeg(mode: str = "RGB", side: tuple[int, int] | None = None, **options: Any) -> bytes:
    image = photo() if side is None else photo().resize(side)
    return encoded(image.convert(mode), "JPEG", **options)


def loaded(data: bytes, kind: type[JpegImageFile], side: int | None, fast: bool) -> Image.Image:
    file = kind(io.BytesIO(data))
    if fast:
        file.decoderconfig = (1, 1)
    if side:
        file.draft(None, (side, side))
    file.load()
    return file


def assert_pillows_pixels(data: bytes, side: int | None = None, fast: bool = False) -> None:
    ours, pillows = loaded(data, JpegFile, side, fast), loaded(data, JpegImageFile, side, fast)
    assert (ours.mode, ours.size) == (pillows.mode, pillows.size)
    assert ours.tobytes() == pillows.tobytes()
    # It reads the memory of the image in other ways than tobytes() does.
    assert ours.resize((9, 7)).tobytes() == pillows.resize((9, 7)).tobytes()


@pytest.mark.parametrize("side", [None, 100, 50, 25])
@pytest.mark.parametrize("restart", [{}, RESTART])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_pixels_are_those_of_pillow(
    mode: str, progressive: bool, restart: dict[str, Any], side: int | None
) -> None:
    for quality, subsampling in itertools.product((30, 95), ("4:4:4", "4:2:2", "4:2:0")):
        options = {"quality": quality, "progressive": progressive, **restart}
        assert_pillows_pixels(jpeg(mode, subsampling=subsampling, **options), side)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"keep_rgb": True}])
def test_the_fast_transform_gives_pillows_pixels(options: dict[str, Any]) -> None:
    assert_pillows_pixels(jpeg(quality=80, **options), fast=True)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (4, 4), (6, 6), (8, 9), (17, 3), (3, 200)])
@pytest.mark.parametrize("side", [None, 1, 2])
def test_tiny_pictures_have_pillows_pixels(size: tuple[int, int], side: int | None) -> None:
    for mode in ("RGB", "L", "CMYK"):
        assert_pillows_pixels(jpeg(mode, size, quality=90), side)


def test_the_image_can_be_changed() -> None:
    image = decode(photo_as("jpeg"), MAX_PIXELS).image
    before = image.tobytes()
    changed = image.copy()
    changed.paste("red", (0, 0, 9, 9))
    assert image.tobytes() == before != changed.tobytes()


def with_sampling(factors: list[int], sizes: list[tuple[int, int]]) -> bytes:
    """A sequential JPEG with a scan for each component, of this sampling and size."""
    planes = [
        encoded(plane.resize(size), "JPEG", quality=95)
        for plane, size in zip(photo().convert("YCbCr").split(), sizes, strict=True)
    ]
    first = planes[0]
    frame, scan = first.index(b"\xff\xc0"), first.index(b"\xff\xda")
    # ITU-T T.81, B.2.2: for each component its number, sampling and table.
    components = b"".join(bytes([i + 1, factor, 0]) for i, factor in enumerate(factors))
    data = first[:frame] + b"\xff\xc0\0\x11" + first[frame + 4 : frame + 9] + b"\3" + components
    data += first[frame + 13 : scan]
    for number, plane in enumerate(planes, start=1):
        data += b"\xff\xda\0\x08\1" + bytes([number, 0, 0, 63, 0])
        data += plane[plane.index(b"\xff\xda") + 10 : -2]
    return data + END


@pytest.mark.parametrize(
    ("factors", "chroma"),
    [
        ([0x31, 0x11, 0x11], [(86, 200), (86, 200)]),
        ([0x22, 0x12, 0x21], [(128, 200), (256, 100)]),
        ([0x41, 0x11, 0x11], [(64, 200), (64, 200)]),
        ([0x14, 0x11, 0x11], [(256, 50), (256, 50)]),
    ],
)
def test_unusual_subsampling_is_read(factors: list[int], chroma: list[tuple[int, int]]) -> None:
    data = with_sampling(factors, [photo().size, *chroma])
    picture = decode(data, MAX_PIXELS)
    assert colour_distance(pixels_of(picture), np.asarray(photo())) < 8
    assert not picture.warnings
    assert_pillows_pixels(data)


def test_the_size_in_the_header_limits_the_pixels() -> None:
    """libjpeg takes the last of several frames, and Pillow too."""
    data = bytearray(photo_as("jpeg"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = b"\xff\xff\xff\xff"
    with pytest.raises(PictureTooLargeError):
        decode(bytes(data), MAX_PIXELS)


# Damage


def zeroed(data: bytes, at: float = 0.5) -> bytes:
    start = int(at * len(data))
    return data[:start] + bytes(300) + data[start + 300 :]


@pytest.mark.parametrize("side", [None, 20])
@pytest.mark.parametrize(
    "data",
    [
        *(photo_as(flavour) for flavour in JPEGS),
        jpeg(quality=90, **RESTART),
        jpeg("L", quality=90),
        jpeg("CMYK", quality=90),
    ],
    ids=[*JPEGS, "restart", "grey", "CMYK"],
)
def test_most_visible_damage_is_told(data: bytes, side: int | None) -> None:
    sound = pixels_of(decode(data, MAX_PIXELS, side))
    told = []
    for at in np.linspace(0.1, 0.95, 40):
        with suppress(BrokenPictureError):
            picture = decode(zeroed(data, at), MAX_PIXELS, side)
            if colour_distance(pixels_of(picture), sound) > 3:
                told.append(bool(picture.warnings))
    assert len(told) > 2
    assert np.mean(told) >= 0.65


def test_sound_photos_have_no_warnings(shared: Path) -> None:
    for name in ("imagenet_train333", "imagenet_val650", "hymenoptera_data"):
        paths = [path for path in shared.joinpath("images", name).rglob("*") if path.is_file()]
        for path in sorted(paths)[::15]:
            data = path.read_bytes()
            if data.startswith(b"\xff\xd8\xff"):
                assert decode(data, MAX_PIXELS, 100).warnings == (), path


def with_stray_bytes(data: bytes) -> bytes:
    table = data.index(b"\xff\xdb")
    return data[:table] + b"stray" + data[table:]


def with_a_new_jfif(data: bytes) -> bytes:
    version = data.index(b"JFIF\0") + 5
    return data[:version] + b"\7" + data[version + 1 :]


def with_adobe(data: bytes) -> bytes:
    """With an unknown transform of the colours, in the place of JFIF's segment."""
    return data[:2] + b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\7" + data[20:]


def with_wrong_parameters(data: bytes) -> bytes:
    end = data.index(b"\xff\xda") + 14
    return data[: end - 3] + b"\0\0\0" + data[end:]


def with_padding(data: bytes) -> bytes:
    return data[:-2] + bytes(8) + data[-2:]


def with_half_a_profile(data: bytes) -> bytes:
    return data[:2] + b"\xff\xe2\0\x14ICC_PROFILE\0\1\2half" + data[2:]


ODDITIES = [
    with_half_a_profile,
    with_stray_bytes,
    with_a_new_jfif,
    with_adobe,
    with_wrong_parameters,
    with_padding,
]


@pytest.mark.parametrize("oddity", ODDITIES)
def test_an_oddity_that_changes_no_pixel_is_no_damage(oddity: Callable[[bytes], bytes]) -> None:
    sound = photo_as("jpeg")
    picture = decode(oddity(sound), MAX_PIXELS)
    assert picture.warnings == ()
    np.testing.assert_array_equal(pixels_of(picture), pixels_of(decode(sound, MAX_PIXELS)))


@pytest.mark.parametrize("oddity", ODDITIES)
def test_an_oddity_hides_no_damage(oddity: Callable[[bytes], bytes]) -> None:
    assert "damaged" in decode(zeroed(oddity(photo_as("jpeg"))), MAX_PIXELS).warnings
    with pytest.raises(BrokenPictureError):
        decode(oddity(photo_as("jpeg"))[:-3000], MAX_PIXELS)


# Truncation


@pytest.mark.parametrize("flavour", JPEGS)
@pytest.mark.parametrize("side", [None, 20])
@pytest.mark.parametrize("end", [b"", END, b"\xff"])
def test_a_jpeg_that_lacks_little_is_decoded(flavour: str, side: int | None, end: bytes) -> None:
    data = photo_as(flavour)
    picture = decode(data[: int(0.98 * len(data))] + end, MAX_PIXELS, side)
    assert picture.warnings
    assert (picture.width, picture.height) == photo().size


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("side", [None, 20])
@pytest.mark.parametrize("end", [b"", END])
def test_a_jpeg_that_lacks_much_is_refused_unless_allowed(
    mode: str, side: int | None, end: bytes
) -> None:
    data = jpeg(mode, quality=90)
    half = data[: len(data) // 2] + end
    with pytest.raises(BrokenPictureError, match=r"about [3-7]\d % .*--allow-truncated"):
        decode(half, MAX_PIXELS, side)
    picture = decode(half, MAX_PIXELS, side, allow_truncated=True)
    assert "truncated" in picture.warnings
    assert (picture.width, picture.height) == photo().size
    whole = pixels_of(decode(data, MAX_PIXELS, side))
    rows = len(whole) // 4
    np.testing.assert_array_equal(pixels_of(picture)[:rows], whole[:rows])


@pytest.mark.parametrize("flavour", JPEGS)
def test_the_more_is_missing_the_less_is_decoded(flavour: str) -> None:
    data = photo_as(flavour)
    decoded = []
    for kept in np.linspace(0.1, 1, 40):
        try:
            decoded.append(bool(decode(data[: int(kept * len(data))], MAX_PIXELS)))
        except BrokenPictureError:
            decoded.append(False)
    assert decoded == sorted(decoded)
    assert not decoded[20]
    assert decoded[-2]


@pytest.mark.parametrize("flavour", JPEGS)
@pytest.mark.parametrize("missing", [1, 2])
def test_only_the_end_marker_may_be_missing(flavour: str, missing: int) -> None:
    data = photo_as(flavour)
    picture = decode(data[:-missing], MAX_PIXELS)
    assert picture.warnings == ()
    np.testing.assert_array_equal(pixels_of(picture), pixels_of(decode(data, MAX_PIXELS)))


def scan_starts(data: bytes) -> list[int]:
    starts = itertools.accumulate(itertools.repeat(0), lambda at, _: data.find(b"\xff\xda", at + 1))
    return list(itertools.takewhile(lambda at: at >= 0, starts))[1:]


def test_a_progressive_jpeg_without_its_last_scans_is_blurred() -> None:
    """Also if it ends between two scans: libjpeg notices only that the end marker is missing."""
    data = photo_as("jpeg-progressive")
    tables = [data.rindex(b"\xff\xc4", 0, scan) for scan in scan_starts(data)[1:]]
    for start, size in itertools.product(tables, (0, 1, 2, 3, 9)):
        part = data[: start + size]
        with pytest.raises(BrokenPictureError, match="fine detail"):
            decode(part, MAX_PIXELS)
        assert decode(part, MAX_PIXELS, allow_truncated=True).warnings == ("truncated",)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("allow_truncated", [False, True])
def test_a_jpeg_without_pixels_is_refused(progressive: bool, allow_truncated: bool) -> None:
    data = jpeg(side=(1024, 800), progressive=progressive)
    scan = data.index(b"\xff\xda")
    for kept in (scan, scan + 1, scan + 5, scan + 14):
        with pytest.raises(BrokenPictureError):
            decode(data[:kept], MAX_PIXELS, allow_truncated=allow_truncated)


def test_the_share_that_may_be_missing_is_of_the_picture() -> None:
    """Half of this file is about the first rows; the others have one colour."""
    image = photo().resize((256, 2000))
    image.paste("white", (0, 300, 256, 2000))
    data = encoded(image, "JPEG", quality=90)
    rest = data[: len(data) // 2]
    with pytest.raises(BrokenPictureError, match=r"about 8\d %"):
        decode(rest, MAX_PIXELS)
    assert MAX_MISSING < 0.5
    last_rows = data[: len(data) - 100]
    assert decode(last_rows, MAX_PIXELS).warnings == ("truncated",)


@pytest.mark.parametrize("colour", ["white", "black", "gray", "red"])
@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"progressive": True}, RESTART])
def test_a_picture_of_one_colour_has_no_warnings(colour: str, options: dict[str, Any]) -> None:
    """Much of its data may be zeros, and all of its pixels as if nothing were there."""
    for mode in ("RGB", "L", "CMYK"):
        data = encoded(Image.new("RGB", (400, 300), colour).convert(mode), "JPEG", **options)
        assert decode(data, MAX_PIXELS).warnings == ()


@pytest.mark.parametrize("options", [{}, {"optimize": True}, RESTART])
def test_zeros_in_the_data_are_damage(options: dict[str, Any]) -> None:
    """They may be as many codes as were there before: libjpeg notices nothing then."""
    data = jpeg(quality=90, **options)
    for at in np.linspace(0.2, 0.9, 20):
        start = int(at * len(data))
        assert decode(data[:start] + bytes(32) + data[start + 32 :], MAX_PIXELS).warnings


def test_zeros_after_the_picture_are_no_damage() -> None:
    assert decode(photo_as("jpeg") + bytes(1000) + END, MAX_PIXELS).warnings == ()


def test_zeros_at_the_end_of_the_picture_are_no_padding() -> None:
    data = photo_as("jpeg")
    for missing in (100, 1000, 3000):
        for zeros in (missing, 100 * missing):
            assert decode(data[:-missing] + bytes(zeros) + END, MAX_PIXELS).warnings
