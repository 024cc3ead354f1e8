"""The part of a picture inside a box, against Pillow."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

import fake_model as fake
from pictell.classifier import Classifier
from pictell.errors import BoxOutsideError, UsageError
from pictell.image_model import ImageModel
from pictell.images.crop import crop
from pictell.images.decode import decode
from pictell.types import Box, Source

WIDTH, HEIGHT = 40, 30
PIXELS = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def cropped(box: Box) -> np.ndarray:
    return np.asarray(crop(decode(PIXELS, 10_000), box).image)


def test_the_box_has_the_pixels_that_it_touches() -> None:
    np.testing.assert_array_equal(cropped((3, 4, 10, 12)), PIXELS[4:12, 3:10])
    np.testing.assert_array_equal(cropped((3.9, 4.5, 9.1, 11.01)), PIXELS[4:12, 3:10])
    np.testing.assert_array_equal(cropped((3.2, 4.2, 3.3, 4.3)), PIXELS[4:5, 3:4])


def test_a_box_beyond_the_picture_is_clipped() -> None:
    np.testing.assert_array_equal(cropped((-5, -5, 10, 1e6)), PIXELS[:, :10])
    np.testing.assert_array_equal(cropped((-1e6, -1e6, 1e6, 1e6)), PIXELS)


@pytest.mark.parametrize("box", [(40, 0, 50, 10), (0, 30, 10, 40), (40.5, 31, 41, 32)])
def test_a_box_outside_the_picture_is_refused(box: Box) -> None:
    with pytest.raises(BoxOutsideError, match="outside the picture of 40 x 30 pixels"):
        cropped(box)


SIDE = st.floats(-1.5 * WIDTH, 1.5 * WIDTH)


@given(left=SIDE, top=SIDE, right=SIDE, bottom=SIDE)
def test_every_box_is_a_part_of_the_picture_or_an_error(
    left: float, top: float, right: float, bottom: float
) -> None:
    try:
        source = Source("array", PIXELS, (left, top, right, bottom))
        assert source.box is not None
        part = cropped(source.box)
    except (UsageError, BoxOutsideError):
        assert (
            left >= right
            or top >= bottom
            or right <= 0
            or bottom <= 0
            or left >= WIDTH
            or (top >= HEIGHT)
        )
    else:
        rows, columns = np.arange(HEIGHT), np.arange(WIDTH)
        inside = (rows + 1 > top) & (rows < bottom), (columns + 1 > left) & (columns < right)
        np.testing.assert_array_equal(part, PIXELS[np.ix_(*inside)])


@pytest.mark.parametrize(
    "box", [(1, 1, 1, 5), (5, 1, 4, 5), (-9, -9, 0, 5), (float("nan"), 0, 1, 1), (0, 0, 1, 1e7)]
)
def test_a_box_that_no_picture_has_is_refused(box: Box) -> None:
    with pytest.raises(UsageError):
        Source("array", PIXELS, box)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_box_is_one_of_the_upright_picture(odd: Path, orientation: int) -> None:
    path = odd / "exif_orientation" / f"Landscape_{orientation}.jpg"
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    width, height = upright.size
    box = (width // 10, height // 3, width // 2, height - 5)
    expected = np.asarray(upright.crop(box))
    picture = decode(path.read_bytes(), width * height)
    np.testing.assert_array_equal(np.asarray(crop(picture, box).image), expected)
    with Classifier(
        ImageModel(fake.spec(["dark", "grey", "bright"]), fake.FakeSession(3))
    ) as model:
        whole = model.classify(path)
        result = model.classify(Source("part", path, box), probabilities=True)
        same = model.classify(expected, probabilities=True)
    np.testing.assert_array_equal(result.probabilities, same.probabilities)
    # The size of a result is that of the whole picture.
    assert (result.width, result.height) == (whole.width, whole.height) == (width, height)


def test_a_failed_box_is_the_error_of_its_picture() -> None:
    sources = [Source("a", PIXELS), Source("b", PIXELS, (50, 0, 60, 9)), Source("c", PIXELS)]
    with Classifier(
        ImageModel(fake.spec(["dark", "grey", "bright"]), fake.FakeSession(3))
    ) as model:
        results = list(model.stream(sources))
    assert [one.error and one.error.code for one in results] == [None, "box_outside", None]
    assert results[1].error.source == "b"
