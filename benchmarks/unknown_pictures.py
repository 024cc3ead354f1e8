"""Pictures of nothing the default model knows: crops of scikit-image's photographs, and formulas.

    python benchmarks/unknown_pictures.py sheet.png

Always the same pictures: fixed seeds, no downloads. ``FAR`` is far from any of the thousand
classes, ``NEAR`` close to some of them but in none. Called as a program it draws some of each set
on one sheet, to be looked at.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path

import numpy as np
import skimage
from numpy.typing import NDArray
from PIL import Image

import unknown_drawings as drawings

Pixels = NDArray[np.uint8]

PICTURES = 40
SIDE = 256
# Crops as small as this fraction of a photograph's shorter side: closer only blur is left.
SMALLEST_CROP = 0.35
SEED = 2024

TEXTURES = ("brick.png", "grass.png", "gravel.png")
TEXTS = ("page.png", "text.png")
MICROSCOPY = ("cell.png", "ihc.png", "microaneurysms.png", "retina.jpg")
SKY = ("hubble_deep_field.jpg", "moon.png")
PEOPLE = ("astronaut.png", "camera.png")
COINS = ("coins.png",)
# Of the cut-outs of faces and of background in scikit-image, the first half are faces.
FACES = 20


def crops(names: tuple[str, ...], count: int = PICTURES) -> Iterator[Pixels]:
    """Random square crops of scikit-image's own pictures, RGB (H, W, 3)."""
    random = np.random.default_rng(SEED)
    photographs = [_open(name) for name in names]
    for index in range(count):
        photograph = photographs[index % len(names)]
        side = int(min(photograph.size) * random.uniform(SMALLEST_CROP, 1))
        left = int(random.integers(0, photograph.width - side + 1))
        top = int(random.integers(0, photograph.height - side + 1))
        yield _scaled(photograph.crop((left, top, left + side, top + side)))


def people() -> Iterator[Pixels]:
    """An astronaut, a man with a camera, and faces of 25 x 25 pixels enlarged."""
    yield from crops(PEOPLE, PICTURES - FACES)
    faces = np.load(Path(skimage.__file__).parent / "data" / "lfw_subset.npy")[:FACES]
    for face in faces:
        yield _scaled(Image.fromarray((face * 255).astype(np.uint8)))


FAR: Mapping[str, Callable[[], Iterator[Pixels]]] = {
    "textures": lambda: crops(TEXTURES),
    "text": lambda: crops(TEXTS),
    "microscopy": lambda: crops(MICROSCOPY),
    "night sky": lambda: crops(SKY),
    "white noise": lambda: drawings.white_noise(PICTURES),
    "pink noise": lambda: drawings.pink_noise(PICTURES),
    "clouds": lambda: drawings.clouds(PICTURES),
    "gradients": lambda: drawings.gradients(PICTURES),
    "plain colours": lambda: drawings.plain_colours(PICTURES),
    "fractals": lambda: drawings.fractals(PICTURES),
    "line drawings": lambda: drawings.line_drawings(PICTURES),
    "shapes": lambda: drawings.shapes(PICTURES),
    "charts": lambda: drawings.charts(PICTURES),
    "screenshots": lambda: drawings.screenshots(PICTURES),
}
NEAR: Mapping[str, Callable[[], Iterator[Pixels]]] = {
    "people": people,
    "coins": lambda: crops(COINS),
}


def _open(name: str) -> Image.Image:
    with Image.open(Path(skimage.__file__).parent / "data" / name) as file:
        return file.convert("RGB")


def _scaled(image: Image.Image) -> Pixels:
    return np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def main() -> None:
    """Draw ten pictures of each set, a row a set."""
    sheet = Image.new("RGB", (10 * 128, 128 * (len(FAR) + len(NEAR))))
    for row, pictures in enumerate([*FAR.values(), *NEAR.values()]):
        for column, pixels in enumerate(islice(pictures(), 10)):
            tile = Image.fromarray(pixels).resize((128, 128))
            sheet.paste(tile, (128 * column, 128 * row))
    sheet.save(sys.argv[1])


if __name__ == "__main__":
    main()
