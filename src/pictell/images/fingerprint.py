"""The fingerprint of a picture: its perceptual hash, and its colours at 16 x 16 pixels.

The hash finds copies; it is the same for a picture in shades of grey, a darker one or another
colour. The colours tell such changes from a copy that is only encoded again or resized.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Resampling

from pictell.images.perceptual_hash import HASH_BYTES, decode_small, hash_bits
from pictell.options import Limits

# The key of fingerprints in an index. Change the number when the same pictures get other ones.
FINGERPRINT_KEY = "phash-16 and colours-16 1"
COLOURS_SIDE = 16
FINGERPRINT_LENGTH = HASH_BYTES + COLOURS_SIDE**2 * 3


def fingerprint(content: bytes, limits: Limits) -> NDArray[np.float32]:
    """The fingerprint (800,) of the picture in the bytes of a file: whole numbers in 0..255.

    First the 32 of the hash, zeros for a picture without contrast; then the colours, row by row.
    Raises ``PictellError`` if the picture cannot be decoded.
    """
    image, _ = decode_small(content, limits)
    size = (COLOURS_SIDE, COLOURS_SIDE)
    small = image.convert("RGB").resize(size, Resampling.BILINEAR)
    return np.concatenate([hash_bits(image), np.asarray(small, np.float32).ravel()])
