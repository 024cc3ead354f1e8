"""A picture whose pixels pictell reads itself, as an image of Pillow."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from PIL import Image
from PIL.ImageFile import ImageFile


class PictureFile(ImageFile):
    """An image whose ``_open`` reads the header, and which is decoded when it is loaded."""

    @abstractmethod
    def read_image(self) -> Image.Image:
        """Decode the picture, not yet turned upright."""

    def load(self) -> Any:
        """Decode the picture once. Raises what ``read_image`` does."""
        if self._im is None:
            image = self.read_image()
            self._mode, self.im = image.mode, image.im
        return Image.Image.load(self)
