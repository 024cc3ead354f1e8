"""Damaged pictures that are decoded with a warning, for tests of what comes after the decoder."""

import io
from pathlib import Path

from PIL import Image

from pictell.types import PictureWarning
from pictures import encoded

SIDE = 256
END = b"\xff\xd9"
# Of a plain picture of this size, they are half of the last row of blocks.
LAST_BYTES = 30


def damaged(picture: bytes, *warnings: PictureWarning) -> bytes:
    """The picture as a JPEG file that is decoded with these warnings, one or both.

    It must not be of the grey level 128, by which missing pixels are known.
    """
    with Image.open(io.BytesIO(picture)) as image:
        sound = encoded(image.convert("RGB").resize((SIDE, SIDE)), "JPEG").removesuffix(END)
    if warnings == ("damaged",):
        return sound + b"extra" * 9 + END
    return sound[:-LAST_BYTES] + END * ("damaged" in warnings)


def damage(path: Path, *warnings: PictureWarning) -> Path:
    """Damage the picture in a file, whatever its name; see ``damaged``."""
    path.write_bytes(damaged(path.read_bytes(), *warnings))
    return path
