"""How much memory decoding takes: what it reserves is enough, and a lack of memory is named."""

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pictell.images.decode import decode
from pictell.images.preprocess import preprocess
from pictell.types import DecodedImage, PreprocessSpec
from pictures import encoded

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells and limits memory")
# Decodes a picture of each kind, and prints what it reserved and by how much it grew at most.
PEAKS = """
import io, json, sys
from pathlib import Path
import numpy as np, pillow_heif
from PIL import Image
from pictell.images.decode import decode

pillow_heif.register_heif_opener()
SIDE = 3000
grey = np.add.outer(np.arange(SIDE) // 40, np.arange(SIDE) // 40).astype(np.uint8)
base = Image.fromarray(grey)
deep = Image.fromarray(grey.astype(np.uint16) * 257)
rgba = Image.merge("RGBA", [base] * 4)
KINDS = {
    "jpeg": (base.convert("RGB"), "JPEG", {}),
    "jpeg progressive": (base.convert("RGB"), "JPEG", {"progressive": True, "subsampling": 0}),
    "jpeg cmyk": (base.convert("CMYK"), "JPEG", {}),
    "png 1": (base.convert("1"), "PNG", {}),
    "png L": (base, "PNG", {}),
    "png P": (base.quantize(16), "PNG", {"transparency": 0}),
    "png LA": (base.convert("LA"), "PNG", {}),
    "png RGBA": (rgba, "PNG", {}),
    "png 16": (deep, "PNG", {}),
    "webp": (base.convert("RGB"), "WEBP", {"method": 0}),
    "webp lossless": (rgba, "WEBP", {"method": 0, "lossless": True}),
    "avif": (base.convert("RGB"), "AVIF", {"speed": 10}),
    "avif alpha": (rgba, "AVIF", {"speed": 10, "subsampling": "4:4:4"}),
    "gif": (base.quantize(16), "GIF", {}),
    "tiff": (base.convert("RGB"), "TIFF", {"compression": "tiff_lzw"}),
    "tiff of one strip": (rgba, "TIFF", {"compression": "tiff_lzw", "strip_size": 10**9}),
    "tiff 16": (deep, "TIFF", {}),
    "bmp": (base.convert("RGB"), "BMP", {}),
    "heic": (base.convert("RGB"), "HEIF", {"quality": 20}),
    "heic alpha": (rgba, "HEIF", {"quality": 20}),
}

def status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024

def encoded(image, format_, options):
    stream = io.BytesIO()
    image.save(stream, format_, **options)
    return stream.getvalue()

for name, kind in KINDS.items():
    data, small = encoded(*kind), encoded(kind[0].resize((64, 64)), *kind[1:])
    decode(small, 10**8, 256)
    reserved = []
    before = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    image = decode(data, 10**8, 256, reserve=reserved.append)
    print(json.dumps([name, reserved, status("VmHWM") - before]))
"""
# What the allocator and the threads of a decoder keep beside it.
SLACK = 24_000_000


@linux
@pytest.mark.slow
def test_what_is_reserved_is_enough() -> None:
    run = subprocess.run(
        [sys.executable, "-c", PEAKS], capture_output=True, text=True, check=True, timeout=300
    )
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(lines) == 20
    too_little = {name: (n, peak) for name, (n,), peak in lines if peak > n + SLACK}
    assert not too_little


IN_LITTLE_MEMORY = """
import io, resource, sys
from pathlib import Path
from PIL import Image
from pictell.errors import PictellError
from pictell.images.decode import decode

kind = sys.argv[1]
options = {"progressive": True} if kind == "JPEG" else {}
if kind == "HEIF":
    import pillow_heif
    pillow_heif.register_heif_opener()

def encoded(side):
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(buffer, kind, **options)
    return buffer.getvalue()

def decoded_with(limit, place, room):
    pages = Path("/proc/self/statm").read_text().split()
    used = int(pages[place]) * resource.getpagesize()
    resource.setrlimit(limit, (used + room, resource.RLIM_INFINITY))
    try:
        decode(large, 10**8, 256)
    except PictellError as error:
        resource.setrlimit(limit, 2 * (resource.RLIM_INFINITY,))
        print(error.code)

small, large = encoded(64), encoded(4000)
decode(small, 10**8)
for limit, place in ((resource.RLIMIT_AS, 0), (resource.RLIMIT_DATA, 5)):
    for room in (1_000_000, 16_000_000):
        decoded_with(limit, place, room)
"""


@linux
@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF", "HEIF", "BMP", "TIFF"])
def test_a_decoder_that_does_not_say_that_memory_ran_out(kind: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", IN_LITTLE_MEMORY, kind], capture_output=True, text=True, check=False
    )
    assert run.stdout.split() == ["out_of_memory"] * 4, run.stderr


def reserved_for(data: bytes, **options: Any) -> int:
    reserved: list[int] = []
    decode(data, 10**8, reserve=reserved.append, **options)
    (n_bytes,) = reserved
    return n_bytes


def test_a_jpeg_decoded_at_a_smaller_scale_needs_less() -> None:
    data = encoded(Image.new("RGB", (4000, 3000)), "JPEG")
    assert reserved_for(data, useful_side=256) < reserved_for(data) / 8


def test_a_jpeg_of_several_scans_needs_its_coefficients() -> None:
    """They are kept at full size, whatever the scale."""
    image = Image.new("RGB", (4000, 3000))
    whole, progressive = encoded(image, "JPEG"), encoded(image, "JPEG", progressive=True)
    # The same frame, whose first scan has one component.
    scan = whole.index(b"\xff\xda")
    apart = whole[:scan] + b"\xff\xda\0\x08\1\1\0\0\x3f\0" + whole[scan + 14 :]
    sizes = [
        # The other components are missing.
        reserved_for(one, useful_side=256, allow_truncated=True)
        for one in (whole, progressive, apart)
    ]
    assert sizes[1] == sizes[2] > sizes[0] + 4000 * 3000 * 5


def test_a_broken_picture_reserves_before_its_pixels_are_decoded() -> None:
    data = encoded(Image.effect_noise((500, 500), 90), "PNG")
    seen: list[int] = []

    class StopError(BaseException):
        pass

    def refuse(n_bytes: int) -> None:
        seen.append(n_bytes)
        raise StopError

    with pytest.raises(StopError):
        decode(data, 10**8, reserve=refuse)
    assert seen[0] >= 500 * 500


def test_a_picture_that_is_refused_reserves_nothing() -> None:
    reserved: list[int] = []
    with pytest.raises(Exception, match="more than the 10 allowed"):
        decode(encoded(Image.new("L", (100, 100)), "PNG"), 10, reserve=reserved.append)
    assert reserved == []


@pytest.mark.parametrize("size", [(1, 5_000_000), (5_000_000, 1), (3, 1_000_000)])
@pytest.mark.parametrize("resize_mode", ["crop", "squash"])
def test_a_very_long_picture_stays_small(size: tuple[int, int], resize_mode: Any) -> None:
    """Made narrower row by row first, it would take a gigabyte."""
    levels = np.linspace(0, 255, size[0] * size[1]).astype(np.uint8).reshape(size[::-1])
    spec = PreprocessSpec(
        width=224,
        height=224,
        mean=None,
        std=None,
        resize_mode=resize_mode,
        crop_fraction=1.0,
        interpolation="bicubic",
        layout="NHWC",
        channels="RGB",
    )
    tensor = preprocess(DecodedImage(Image.fromarray(levels), *size), spec)
    if resize_mode == "squash":
        # The gradient is still there, from one end to the other.
        line = tensor[0, :, 100, 0] if size[1] > size[0] else tensor[0, 100, :, 0]
        assert np.abs(line.astype(int) - np.linspace(0, 255, 224)).max() <= 2
