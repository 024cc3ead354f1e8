"""A TIFF file as an image of Pillow, which is decoded when it is loaded."""

from __future__ import annotations

import io
from contextlib import suppress

from PIL import Image

from pictell.errors import BrokenPictureError
from pictell.images.picture_file import PictureFile
from pictell.images.tiff.directory import Tag
from pictell.images.tiff.layout import read_layout
from pictell.images.tiff.pages import find_page
from pictell.images.tiff.samples import read_image


class TiffFile(PictureFile):
    """The main page of a TIFF file, of which only the tags have been read.

    Raises ``NotAPictureError`` for a kind of TIFF that pictell does not read,
    ``BrokenPictureError``, or what Pillow raises.
    """

    format = "TIFF"

    def _open(self) -> None:
        assert isinstance(self.fp, io.BytesIO)
        self._page = find_page(self.fp.getvalue())
        self._layout = read_layout(self._page)
        self._size = self._layout.width, self._layout.height
        self._mode = "RGB"  # until it is loaded
        if profile := self._page.octets(Tag.ICC_PROFILE):
            self.info["icc_profile"] = profile
        with suppress(BrokenPictureError):  # the pixels may still be whole
            self.getexif()[Tag.ORIENTATION] = self._page.number(Tag.ORIENTATION, 1)

    def read_image(self) -> Image.Image:
        """Raises ``NotAPictureError``, ``BrokenPictureError``, or what the decoders raise."""
        return read_image(self._page, self._layout)
