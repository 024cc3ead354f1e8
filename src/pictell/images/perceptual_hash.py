"""The perceptual hash of a picture: copies of it have nearly the same bits.

It is ``phash`` of the library ImageHash with 256 bits: the signs of the 16 x 16 lowest frequencies
of a picture in shades of grey, against their median. ``pictell.index.copies`` compares hashes.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pictell.budget import Ticket, shared_budget
from pictell.errors import UsageError
from pictell.images.decode import decode
from pictell.options import Limits
from pictell.types import PictureWarning

if TYPE_CHECKING:
    from PIL.Image import Image

# The key of hashes in an index. Change the second number when the same pictures get other bits.
HASH_KEY = "phash-16 2"
HASH_SIDE = 16
HASH_BYTES = HASH_SIDE**2 // 8
# ImageHash resizes to 64 x 64 pixels.
USEFUL_SIDE = 64
# A picture whose grey levels vary less, such as a blank page, has a hash of noise.
MIN_CONTRAST = 2.0


class PictureHash(NamedTuple):
    """The ``bits`` (32,) of a hash, and what is wrong with the picture.

    They are whole numbers in 0..255, eight bits each; zeros for a picture without contrast.
    """

    bits: NDArray[np.float32]
    warnings: tuple[PictureWarning, ...] = ()


def check_hashing(extra: str) -> None:
    """Raise ``UsageError`` that names the ``extra`` of pictell if ImageHash is not installed."""
    if find_spec("imagehash") is None:
        raise UsageError(
            f"comparing pictures needs the extra {extra}: pip install 'pictell[{extra}]'"
        )


def hash_picture(content: bytes, limits: Limits) -> PictureHash:
    """Hash the picture in the bytes of a file. Raises ``PictellError`` if it cannot be decoded."""
    image, warnings = decode_small(content, limits)
    return PictureHash(hash_bits(image), warnings)


def hash_bits(image: Image) -> NDArray[np.float32]:
    """The bits of a hash, as ``PictureHash`` has them, of an image in any mode."""
    # ImageHash imports scipy.
    from imagehash import phash

    grey = image.convert("L")
    if np.asarray(grey).std() < MIN_CONTRAST:
        return np.zeros(HASH_BYTES, np.float32)
    return np.packbits(phash(grey, HASH_SIDE).hash).astype(np.float32)


def decode_small(content: bytes, limits: Limits) -> tuple[Image, tuple[PictureWarning, ...]]:
    """An image and its warnings, once there is memory to decode it.

    It may be smaller than the picture, but not below ``USEFUL_SIDE``. Raises ``PictellError``.
    """
    with Ticket(shared_budget(limits.memory_budget).decoding) as ticket:
        decoded = decode(
            content,
            limits.max_pixels,
            USEFUL_SIDE,
            allow_truncated=limits.allow_truncated,
            reserve=ticket.reserve,
        )
        return decoded.image, decoded.warnings
