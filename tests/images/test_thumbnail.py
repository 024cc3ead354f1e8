"""Small JPEGs of pictures."""

from pathlib import Path

import pytest
from PIL import Image

from command import ROOT
from pictell.errors import PictellError
from pictell.images.thumbnail import thumbnail


def test_a_thumbnail_is_upright_and_has_no_metadata(tmp_path: Path) -> None:
    with Image.open(ROOT / "samples/cat.jpg") as picture:
        exif = picture.getexif()
        exif[0x0112] = 6
        exif[0x010E] = "secret place"
        picture.save(tmp_path / "turned.jpg", exif=exif)
    small = tmp_path / "small.jpg"
    small.write_bytes(thumbnail((tmp_path / "turned.jpg").read_bytes(), 100, 10**8))
    with Image.open(small) as picture:
        assert picture.height == 100 > picture.width
        assert not picture.getexif()
    assert b"secret" not in small.read_bytes()


def test_a_thumbnail_of_a_box_is_that_part_of_the_picture(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (100, 50), (255, 0, 0, 255))
    picture.paste((0, 0, 255, 255), (50, 0, 100, 50))
    picture.save(tmp_path / "two.png")
    small = tmp_path / "small.jpg"
    small.write_bytes(
        thumbnail((tmp_path / "two.png").read_bytes(), 20, 10**8, box=(50, 0, 100, 50))
    )
    with Image.open(small) as part:
        assert part.size == (20, 20)
        red, _, blue = part.getpixel((10, 10))
        assert blue > 200 > red


def test_what_is_no_picture_has_no_thumbnail() -> None:
    with pytest.raises(PictellError):
        thumbnail(b"no picture", 20, 10**8)
