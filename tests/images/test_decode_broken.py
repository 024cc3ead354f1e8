"""Truncated and damaged pictures and other files raise a ``DecodeError``."""

import random
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL.ImageFile import ImageFile

from pictell.errors import (
    BrokenPictureError,
    DecodeError,
    DecoderMissingError,
    NotAPictureError,
    OutOfMemoryError,
)
from pictell.images.decode import decode
from pictell.images.jpeg.segments import MAX_JPEG_SCANS
from pictures import (
    FLAVOURS,
    MAX_PIXELS,
    animation,
    colour_distance,
    encoded,
    photo,
    photo_as,
    pixels_of,
)

EVERY_FLAVOUR = [*FLAVOURS, "gif"]
NO_JPEG = [flavour for flavour in EVERY_FLAVOUR if not flavour.startswith("jpeg")]
changes = st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8))
# Odd JPEGs that decode without a warning …
SOUND_JPEGS = {
    "316be81dfdeeb942e904feb3a77f4f83",
    "3976a754ef0aca80e84e2c403d714579",
    "4838ece0d3900220d33528ee027289bc",
    "865db3dd2d380626f16b6f9dc6d62dba",
    "8a9cc8eeed66aeb423a91c44111d9450",
    "d22db5be7594c17a18a047ca9264ea0a",
    "multiple-0xff-before-eoi",
    # Damaged, with a sampling of the colours that only Pillow reads, which hides warnings.
    "5482a54657765056f1a94116a8dbffe7",
}
# … and with one. All others are refused.
WARNED_JPEGS = {
    "1cbb1bb37d62c44f67374cd451643dc4",
    "28c74d9284d9836017fd519f6932efd8",
    "32d08f4a5eb10332506ebedbb9bc7257",
    "7997b6b229f25315d33f5c7085e37500",
    "c3018ebe53d0046eecb58858ca869a99",
    "extraneous-bytes-after-sos",
    "subtract-with-overflow",
}


@pytest.mark.parametrize("flavour", NO_JPEG)
@pytest.mark.parametrize("useful_side", [None, 20])
@pytest.mark.parametrize("kept", [0.99, 0.9, 0.5, 0.1])
def test_a_truncated_picture_is_broken(flavour: str, kept: float, useful_side: int | None) -> None:
    data = photo_as(flavour)
    with pytest.raises(BrokenPictureError):
        decode(data[: int(kept * len(data))], MAX_PIXELS, useful_side)


@pytest.mark.parametrize("flavour", EVERY_FLAVOUR)
@pytest.mark.parametrize("kept_bytes", [12, 16, 24, 64])
def test_a_bare_header_is_broken(flavour: str, kept_bytes: int) -> None:
    with pytest.raises(DecodeError):
        decode(photo_as(flavour)[:kept_bytes], MAX_PIXELS)


@pytest.mark.parametrize("format_", ["WEBP", "AVIF"])
def test_a_truncated_animation_is_broken(format_: str) -> None:
    data = animation(format_, ["red", "lime", "blue"])
    with pytest.raises(BrokenPictureError):
        decode(data[:-10], MAX_PIXELS)


@settings(max_examples=150, deadline=None)
@given(
    flavour=st.sampled_from(EVERY_FLAVOUR),
    places=st.lists(changes, max_size=6),
    kept=st.floats(0.05, 1),
)
def test_a_damaged_picture_decodes_or_raises_a_decode_error(
    flavour: str, places: list[tuple[float, bytes]], kept: float
) -> None:
    data = bytearray(photo_as(flavour))
    for place, garbage in places:
        at = int(place**4 * len(data))
        data[at : at + len(garbage)] = garbage
    with suppress(DecodeError):
        decode(bytes(data[: int(kept * len(data))]), 1_000_000, 20)


@settings(max_examples=100, deadline=None)
@given(flavour=st.sampled_from(EVERY_FLAVOUR), garbage=st.binary(max_size=300))
def test_garbage_behind_a_signature_is_refused(flavour: str, garbage: bytes) -> None:
    with pytest.raises(DecodeError):
        decode(photo_as(flavour)[:12] + garbage, MAX_PIXELS)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b"hello", "not a picture in a format pictell reads (JPEG, PNG, WebP, AVIF, GIF, TIFF, BM"),
        (bytes(1000), "not a picture in a format"),
        (b"\xff\xd8", "not a picture in a format"),
        (b"<!DOCTYPE html><html></html>", "a web page, not a picture in a format pictell reads"),
        (b"\r\n  <html><body>404", "a web page, not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing, not a picture"),
        (b"<?xml version='1.0'?><svg/>", "an XML document, not a picture"),
        (b"%PDF-1.7\n", "a PDF document, not a picture"),
    ],
)
def test_a_file_of_another_kind_is_named(data: bytes, words: str) -> None:
    with pytest.raises(NotAPictureError) as caught:
        decode(data, MAX_PIXELS)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize("format_", ["EPS", "PPM", "ICO", "TGA", "JPEG2000", "PCX", "DDS"])
def test_formats_outside_the_table_are_never_opened(format_: str) -> None:
    with pytest.raises(NotAPictureError):
        decode(encoded(photo(), format_), MAX_PIXELS)


def test_a_missing_decoder_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif.as_plugin", None)  # as if not installed
    monkeypatch.delitem(sys.modules, "pictell.images.heic", raising=False)
    with pytest.raises(DecoderMissingError, match=r"HEIC .*'pictell\[heic\]'") as caught:
        decode(photo_as("heic"), MAX_PIXELS)
    assert caught.value.extra == "heic"


def with_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    data = photo_as("jpeg-progressive")
    last = data.rindex(b"\xff\xda")
    missing = count - data.count(b"\xff\xda")
    return data[:-2] + missing * data[last:-2] + data[-2:]


def test_a_jpeg_of_too_many_scans_is_refused() -> None:
    assert decode(with_scans(MAX_JPEG_SCANS), MAX_PIXELS).width == 256
    with pytest.raises(BrokenPictureError, match="more than 100 scans"):
        decode(with_scans(MAX_JPEG_SCANS + 1), MAX_PIXELS)


def one_component_a_scan(times: int, then: bytes = b"") -> bytes:
    """A sequential JPEG with three scans, one for each component, as often as ``times``."""
    components = [encoded(one, "JPEG", quality=90) for one in photo().convert("YCbCr").split()]
    first = components[0]
    frame, scan = first.index(b"\xff\xc0"), first.index(b"\xff\xda")
    # ITU-T T.81, B.2.2: the number of components, for each its number, sampling and table.
    body = first[frame + 4 : frame + 9] + bytes([3, *(1, 0x11, 0), *(2, 0x11, 0), *(3, 0x11, 0)])
    head = first[:frame] + jpeg_segment(b"\xff\xc0", body) + first[frame + 13 : scan]
    scans = b"".join(
        jpeg_segment(b"\xff\xda", bytes([1, number, 0, 0, 63, 0]))
        + data[data.index(b"\xff\xda") + 10 : -2]
        for number, data in enumerate(components, start=1)
    )
    return head + times * scans + then + b"\xff\xd9"


def jpeg_segment(marker: bytes, body: bytes) -> bytes:
    return marker + struct.pack(">H", len(body) + 2) + body


def test_a_sequential_jpeg_may_have_a_scan_for_each_component() -> None:
    picture = decode(one_component_a_scan(1), MAX_PIXELS)
    assert colour_distance(pixels_of(picture), np.asarray(photo())) < 4


def test_a_sequential_jpeg_of_too_many_scans_is_refused() -> None:
    times = MAX_JPEG_SCANS // 3
    assert decode(one_component_a_scan(times), MAX_PIXELS).width == 256
    with pytest.raises(BrokenPictureError, match="more than 100 scans"):
        decode(one_component_a_scan(times + 1), MAX_PIXELS)


def test_a_scan_of_all_components_hides_no_others() -> None:
    """Only as the first scan it shows that there are no others."""
    all_components = jpeg_segment(b"\xff\xda", bytes([3, *(1, 0), *(2, 0), *(3, 0), *(0, 63, 0)]))
    assert decode(one_component_a_scan(1, all_components), MAX_PIXELS).width == 256
    times = MAX_JPEG_SCANS // 3 + 1
    with pytest.raises(BrokenPictureError, match="more than 100 scans"):
        decode(one_component_a_scan(times, all_components), MAX_PIXELS)


@pytest.mark.parametrize("with_pixels", [True, False])
def test_scans_after_the_only_one_of_a_sequential_jpeg_change_nothing(with_pixels: bool) -> None:
    """libjpeg expects none: the picture is decoded without them, or refused."""
    data = photo_as("jpeg")
    scan = data[data.index(b"\xff\xda") : -2]
    header = scan[: 2 + int.from_bytes(scan[2:4], "big")]
    more = 2000 * scan if with_pixels else 100_000 * header
    with suppress(DecodeError):
        found = pixels_of(decode(data[:-2] + more + data[-2:], MAX_PIXELS))
        np.testing.assert_array_equal(found, pixels_of(decode(data, MAX_PIXELS)))


def test_data_after_a_jpeg_is_not_counted_as_scans() -> None:
    """Phones append a video to a photo; its bytes look random."""
    film = random.Random(1).randbytes(12_000_000)
    assert film.count(b"\xff\xda") > MAX_JPEG_SCANS
    assert decode(photo_as("jpeg") + film, MAX_PIXELS).width == 256


def test_odd_jpegs_are_sound_warned_of_or_refused(odd: Path) -> None:
    warned = {}
    for path in odd.joinpath("jpeg_crash").rglob("*.jpg"):
        with suppress(DecodeError):
            warned[path.stem] = bool(decode(path.read_bytes(), MAX_PIXELS).warnings)
    assert {name for name in warned if warned[name]} == WARNED_JPEGS
    assert warned.keys() - WARNED_JPEGS == SOUND_JPEGS


DECODE_IN_LITTLE_MEMORY = """
import io, resource, sys
from pathlib import Path
from PIL import Image
from pictell.errors import PictellError
from pictell.images.decode import decode
from pictell.images.jpeg.segments import MAX_JPEG_SCANS

def encoded(side):
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(buffer, sys.argv[1])
    return buffer.getvalue()

small, large = encoded(8), encoded(4000)
decode(small, 100)
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 8_000_000, resource.RLIM_INFINITY))
try:
    decode(large, 4000 * 4000)
except PictellError as error:
    resource.setrlimit(resource.RLIMIT_AS, 2 * (resource.RLIM_INFINITY,))
    print(error.code)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the address space")
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "GIF", "TIFF"])
def test_too_little_memory_is_not_a_broken_picture(format_: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", DECODE_IN_LITTLE_MEMORY, format_],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.stdout, run.stderr) == ("out_of_memory\n", "")


def test_a_decoder_may_report_too_little_memory_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(image: ImageFile) -> None:
        raise OSError("out of memory error when reading image file")  # ImageFile.ERRORS[-9]

    monkeypatch.setattr(ImageFile, "load", load)
    with pytest.raises(OutOfMemoryError):
        decode(photo_as("gif"), MAX_PIXELS)
