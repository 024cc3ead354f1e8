"""The fingerprint of a picture: its hash, its colours, and whether it is alone in its file."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from command import ROOT
from pictell.errors import NotAPictureError
from pictell.images.fingerprint import FINGERPRINT_LENGTH, fingerprint, may_have_several
from pictell.images.perceptual_hash import HASH_BYTES, hash_picture
from pictell.options import Limits
from pictures import FLAVOURS


@pytest.fixture(scope="module")
def cat() -> Image.Image:
    with Image.open(ROOT / "samples" / "cat.jpg") as image:
        return image.convert("RGB")


def encoded(image: Image.Image, format_: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format_, **options)
    return stream.getvalue()


def test_it_has_the_hash_the_colours_and_a_flag(cat: Image.Image) -> None:
    content = encoded(cat, "PNG")
    found = fingerprint(content, Limits())
    assert (found.shape, found.dtype) == ((FINGERPRINT_LENGTH,), np.uint8)
    np.testing.assert_array_equal(found[:HASH_BYTES], hash_picture(content, Limits()).bits)
    colours = found[HASH_BYTES:-1].reshape(16, 16, 3)
    middle = np.asarray(cat.resize((16, 16), Image.Resampling.BOX), int)
    assert np.abs(colours - middle).mean() < 8
    assert found[-1] == 0


def test_a_picture_without_contrast_has_no_hash() -> None:
    found = fingerprint(encoded(Image.new("RGB", (90, 70), (9, 200, 90)), "PNG"), Limits())
    assert not found[:HASH_BYTES].any()
    assert found[HASH_BYTES:-1].reshape(-1, 3).tolist() == [[9, 200, 90]] * 256


def test_what_is_no_picture_is_an_error() -> None:
    with pytest.raises(NotAPictureError):
        fingerprint(b"no picture", Limits())


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_files_with_one_picture(cat: Image.Image, flavour: str) -> None:
    format_, options = FLAVOURS[flavour]
    # A TIFF may have further pages, which are not looked for.
    assert may_have_several(encoded(cat, format_, **options)) is (format_ == "TIFF")


@pytest.mark.parametrize("format_", ["GIF", "WEBP", "PNG", "AVIF", "TIFF"])
def test_files_with_several_pictures(cat: Image.Image, format_: str) -> None:
    more = {"save_all": True, "append_images": [cat.rotate(90)]}
    assert may_have_several(encoded(cat, format_, **more))
