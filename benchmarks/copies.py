"""How far the perceptual hashes of copies and of different photos are from each other, in bits.

    python benchmarks/copies.py

Each photo of ``hymenoptera_data`` is copied in several ways and encoded again. Then all pairs of
different photos of this set, ``imagenet_train333`` and ``imagenet_val650`` are compared, each
within its set. The limit in between is ``pictell.index.copies.MAX_DISTANCE``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps

from accuracy import IMAGES
from pictell.index.copies import MAX_DISTANCE
from pictell.options import Limits
from pictell.training.hashes import hash_stream
from pictell.types import Source

PHOTOS = {
    "hymenoptera_data": "*/*/*.jpg",
    "imagenet_train333": "*.JPEG",
    "imagenet_val650": "**/*.JPEG",
}


def _without(image: Image.Image, each: float = 0, left: float = 0) -> Image.Image:
    """Without a share of the picture at each edge, or at the left one alone."""
    width, height = image.size
    dx, dy = int(width * each), int(height * each)
    return image.crop((dx + int(width * left), dy, width - dx, height - dy))


def _thumbnail(image: Image.Image) -> Image.Image:
    small = image.copy()
    small.thumbnail((200, 200))
    return small


COPIES: Mapping[str, tuple[Callable[[Image.Image], Image.Image], int]] = {
    "half the size": (lambda image: image.reduce(2), 90),
    "quality 30": (lambda image: image, 30),
    "thumbnail of 200 pixels, quality 60": (_thumbnail, 60),
    "20 % brighter": (lambda image: ImageEnhance.Brightness(image).enhance(1.2), 90),
    "without 1 % at each edge": (lambda image: _without(image, 0.01), 90),
    "without 2 % at each edge": (lambda image: _without(image, 0.02), 90),
    "without 3 % at each edge": (lambda image: _without(image, 0.03), 90),
    "without 5 % at each edge": (lambda image: _without(image, 0.05), 90),
    "without 5 % at the left": (lambda image: _without(image, left=0.05), 90),
    "mirrored": (ImageOps.mirror, 90),
}


def _hashes(files: list[bytes]) -> NDArray[np.uint64]:
    """The hashes (N, 4) of pictures."""
    rows = []
    sources = (Source(str(number), data) for number, data in enumerate(files))
    for one in hash_stream(sources, Limits()):
        if isinstance(one, Exception):
            raise one
        rows.append(one.bits)
    return np.stack(rows).astype(np.uint8).view(np.uint64)


def _distances(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The bits that differ, (…), between hashes (…, 4)."""
    bits: NDArray[np.int64] = np.bitwise_count(first ^ second).sum(axis=-1, dtype=np.int64)
    return bits


def _copy(path: Path, change: Callable[[Image.Image], Image.Image], quality: int) -> bytes:
    stream = BytesIO()
    with Image.open(path) as image:
        change(image.convert("RGB")).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def main() -> None:
    """Print a table of the copies, then one of the pairs."""
    files = {name: sorted((IMAGES / name).glob(pattern)) for name, pattern in PHOTOS.items()}
    hashes = {name: _hashes([path.read_bytes() for path in of]) for name, of in files.items()}
    first, *_ = PHOTOS
    print(f"{'copy':40} {'median':>7} {'95 %':>7} {'99 %':>7} {'most':>7} {'found':>8}")
    for kind, (change, quality) in COPIES.items():
        copies = _hashes([_copy(path, change, quality) for path in files[first]])
        bits = _distances(copies, hashes[first])
        shown = "".join(f" {one:7.0f}" for one in np.quantile(bits, [0.5, 0.95, 0.99, 1]))
        print(f"{kind:40}{shown} {(bits <= MAX_DISTANCE).mean():8.1%}")
    print(f"\n{'different photos':40} {'pairs':>9} {'least':>7} {'same':>7}")
    for name, rows in hashes.items():
        pairs = np.concatenate(
            [_distances(row, rows[number + 1 :]) for number, row in enumerate(rows)]
        )
        print(f"{name:40} {len(pairs):9} {pairs.min():7} {(pairs <= MAX_DISTANCE).sum():7}")


if __name__ == "__main__":
    main()
