"""Images changed tile by tile: the pixels are those of the whole image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pictell.images import tiles
from pictell.images.decode import decode
from pictell.images.tiles import reduce_in_tiles
from pictures import encoded

SIDE = st.integers(1, 90)


def inverted(image: Image.Image) -> Image.Image:
    return image.point(lambda level: 255 - level)


@given(SIDE, SIDE, st.integers(1, 9), st.integers(1, 700))
@settings(deadline=None)
def test_tiles_change_nothing(width: int, height: int, factor: int, tile_pixels: int) -> None:
    levels = np.random.default_rng(width * 100 + height).integers(0, 256, (height, width, 3))
    image = Image.fromarray(levels.astype(np.uint8))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles, "TILE_PIXELS", tile_pixels)
        found = reduce_in_tiles(image, factor, inverted)
    assert found.size == (-(-width // factor), -(-height // factor))
    assert found.tobytes() == inverted(image).reduce(factor).tobytes()


def test_an_image_that_stays_as_it_is_is_not_copied() -> None:
    image = Image.new("RGB", (2000, 1000))
    assert reduce_in_tiles(image, 1, lambda tile: tile) is image


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("transparent", [False, True])
def test_pictures_of_all_modes(
    mode: str, transparent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    levels = np.random.default_rng(1).integers(0, 65536, (1100, 1300, 4))
    if mode == "I;16":
        image = Image.fromarray(levels[..., 0].astype(np.uint16))
    else:
        image = Image.fromarray((levels >> 8).astype(np.uint8), "RGBA").convert(mode)
    options = {"transparency": 0} if transparent and mode in {"L", "P", "I;16"} else {}
    data = encoded(image, "PNG", **options)
    in_tiles = decode(data, 10**8, 128).image
    monkeypatch.setattr(tiles, "TILE_PIXELS", 10**8)
    whole = decode(data, 10**8, 128).image
    assert (in_tiles.mode, in_tiles.size) == (whole.mode, whole.size)
    assert in_tiles.tobytes() == whole.tobytes()
