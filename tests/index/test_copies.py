"""Copies of pictures by their perceptual hashes."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from pictell.images.perceptual_hash import hash_picture
from pictell.index.copies import MAX_DISTANCE, by_symmetry, find_groups, turned_distances
from pictell.options import Limits


def encoded(image: Image.Image, quality: int = 90) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def without_edges(image: Image.Image, share: float) -> Image.Image:
    width, height = image.size
    dx, dy = int(width * share), int(height * share)
    return image.crop((dx, dy, width - dx, height - dy))


COPIES: dict[str, Callable[[Image.Image], bytes]] = {
    "half the size": lambda image: encoded(image.reduce(2)),
    "thumbnail": lambda image: encoded(image.resize((150, 150)), 60),
    "low quality": lambda image: encoded(image, 30),
    "brighter": lambda image: encoded(ImageEnhance.Brightness(image).enhance(1.2)),
    "cropped": lambda image: encoded(without_edges(image, 0.02)),
}


def photos(shared: Path) -> list[Path]:
    return sorted((shared / "images" / "hymenoptera_data" / "val").glob("*/*.jpg"))


def hashes_of(pictures: list[bytes]) -> np.ndarray:
    return np.stack([hash_picture(one, Limits()).bits for one in pictures]).astype(np.uint8)


@pytest.mark.parametrize("kind", COPIES)
def test_copies_of_photos_are_found(shared: Path, kind: str) -> None:
    files = photos(shared)[:40]
    pictures = [path.read_bytes() for path in files]
    for path in files:
        with Image.open(path) as image:
            pictures.append(COPIES[kind](image.convert("RGB")))
    groups = find_groups(list(map(str, range(80))), hashes_of(pictures))
    assert groups.tolist() == [*range(40), *range(40)]


def test_different_photos_of_one_class_are_no_copies(shared: Path) -> None:
    hashes = hashes_of([path.read_bytes() for path in photos(shared)])
    groups = find_groups(list(map(str, range(len(hashes)))), hashes)
    assert groups.tolist() == list(range(len(hashes)))
    # The limit is far from both sides.
    bits = np.unpackbits(hashes, axis=1).astype(int)
    distances = np.abs(bits[:, np.newaxis] - bits).sum(axis=2)[np.triu_indices(len(bits), 1)]
    assert distances.min() > MAX_DISTANCE + 10


def test_copies_of_copies_are_together() -> None:
    hashes = np.random.default_rng(0).integers(0, 256, (600, 32)).astype(np.uint8)
    hashes[599] = hashes[7]
    hashes[598] = hashes[5]
    hashes[598, :8] ^= 255
    hashes[300] = hashes[598]
    hashes[300, 8:16] ^= 255
    groups = find_groups([*map(str, range(599)), "7"], hashes)
    expected = np.arange(600)
    expected[[5, 598, 300]] = 5
    expected[599] = 7
    assert groups.tolist() == expected.tolist()


@pytest.mark.parametrize("turn", [None, *Image.Transpose])
def test_mirrored_and_turned_photos_have_nearly_the_same_hash(
    shared: Path, turn: Image.Transpose | None
) -> None:
    pictures, turned = [], []
    for path in photos(shared)[:20]:
        with Image.open(path) as image:
            pictures.append(encoded(image))
            turned.append(encoded(image if turn is None else image.transpose(turn)))
    hashes, others = hashes_of(pictures), hashes_of(turned)
    bits = turned_distances(by_symmetry(hashes), by_symmetry(others))
    assert bits.diagonal().max() <= 40
    assert bits[~np.eye(20, dtype=bool)].min() > MAX_DISTANCE


def test_the_distance_of_turned_hashes_is_the_least_of_eight() -> None:
    hashes = np.random.default_rng(0).integers(0, 256, (30, 32)).astype(np.uint8)
    hashes[1] = ~hashes[0]
    bits = np.unpackbits(hashes, axis=1).reshape(-1, 16, 16)
    odd = np.arange(16) % 2
    least = np.full((30, 30), 256)
    for form in (bits, bits.transpose(0, 2, 1)):
        for rows in (0, odd[:, np.newaxis]):
            for columns in (0, odd):
                other = form ^ (rows ^ columns)
                differing = (bits[:, np.newaxis] != other).sum(axis=(2, 3))
                least = np.minimum(least, differing)
    found = turned_distances(by_symmetry(hashes), by_symmetry(hashes))
    np.testing.assert_array_equal(found, least)
