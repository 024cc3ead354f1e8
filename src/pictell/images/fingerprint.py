"""The fingerprint of a picture: its perceptual hash, its colours, and whether it is the only one.

The hash finds copies; it is the same for a picture in shades of grey, a darker one or another
colour. The colours at 16 x 16 pixels tell such changes from a copy that is only encoded again or
resized. A file with several pictures, such as an animation, is not what its first one is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Resampling

from pictell.images.formats import sniff
from pictell.images.perceptual_hash import HASH_BYTES, decode_small, hash_bits
from pictell.options import Limits

# The key of fingerprints in an index. Change the number when the same pictures get other ones.
FINGERPRINT_KEY = "phash-16, colours-16, several 1"
COLOURS_SIDE = 16
FINGERPRINT_LENGTH = HASH_BYTES + COLOURS_SIDE**2 * 3 + 1
# The flag of an animation in the header of WebP (RFC 9649, 2.7.1).
_WEBP_FLAGS, _WEBP_ANIMATION = 20, 0x02


def fingerprint(content: bytes, limits: Limits) -> NDArray[np.uint8]:
    """The fingerprint (801,) uint8 of the picture in the bytes of a file.

    First the 32 of the hash, zeros for a picture without contrast; then the colours, row by row;
    then 1 if the file may have further pictures, else 0. Raises ``PictellError`` if the picture
    cannot be decoded.
    """
    image, _ = decode_small(content, limits)
    size = (COLOURS_SIDE, COLOURS_SIDE)
    colours = np.asarray(image.convert("RGB").resize(size, Resampling.BILINEAR), np.uint8)
    several = np.array([may_have_several(content)], np.uint8)
    return np.concatenate([hash_bits(image).astype(np.uint8), colours.ravel(), several])


def may_have_several(content: bytes) -> bool:
    """Whether the file of a picture may have several: frames of an animation, or pages."""
    format_ = sniff(content)
    match format_ and format_.name:
        case "JPEG" | "BMP":
            return False
        case "PNG":
            return b"acTL" in content[: content.find(b"IDAT")]
        case "WebP":
            extended = content[12:16] == b"VP8X"
            return extended and bool(content[_WEBP_FLAGS] & _WEBP_ANIMATION)
        case "AVIF" | "HEIC":
            # The brands of sequences (ISO 23000-22, 10.2 and AV1 Image File Format, 6.3).
            return any(brand in content[:64] for brand in (b"avis", b"hevc", b"msf1"))
        case _:
            return True
