"""A TIFF file as an image of Pillow, which is decoded when it is loaded."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image
from PIL.ImageFile import ImageFile

from pictell.images.tiff.directory import Tag
from pictell.images.tiff.layout import read_layout
from pictell.images.tiff.pages import find_page
from pictell.images.tiff.samples import read_image


class TiffFile(ImageFile):
    """The main page of a TIFF file. Only its tags have been read."""

    format = "TIFF"

    def _open(self) -> None:
        assert isinstance(self.fp, io.BytesIO)
        self._page = find_page(self.fp.getvalue())
        self._layout = read_layout(self._page)
        self._size = self._layout.width, self._layout.height
        self._mode = "RGB"  # until it is loaded
        profile = self._page.octets(Tag.ICC_PROFILE)
        if profile:
            self.info["icc_profile"] = profile
        self.getexif()[Tag.ORIENTATION] = self._page.number(Tag.ORIENTATION, 1)

    def load(self) -> Any:
        """Decode the page. Raises ``BrokenPictureError``, or what the decoders raise."""
        if self._im is None:
            image = read_image(self._page, self._layout)
            self._mode, self.im = image.mode, image.im
        return Image.Image.load(self)


def open_tiff(stream: io.BytesIO) -> TiffFile:
    """Read the tags of a TIFF file.

    Raises ``NotAPictureError`` for a kind of TIFF that pictell does not read,
    ``BrokenPictureError``, or what Pillow raises.
    """
    return TiffFile(stream)
