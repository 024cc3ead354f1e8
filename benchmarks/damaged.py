"""How many damaged pictures decode, how many of these are warned of, and are sound ones too?

    python benchmarks/damaged.py --mutants 12000 --others 600

Photos of ``imagenet_train333`` and ``imagenet_val650`` as they are and encoded again, with one kind
of damage each, from a fixed seed. Damage is visible if more than 3 % of the pixels differ by more
than 24 levels in a channel from the sound picture, or if the size differs. Then the same for other
formats, and the false alarms on all sound JPEGs of ``../shared/images``.
"""

from __future__ import annotations

import argparse
import io
import random
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image

from accuracy import IMAGES
from pictell.errors import PictellError
from pictell.images.decode import decode

pillow_heif.register_heif_opener()
MAX_PIXELS = 100_000_000
LEVELS, SHARE = 24, 0.03
SETS = ("imagenet_train333", "imagenet_val650", "hymenoptera_data")

# Pillow's format and options; None leaves the file as it is.
JPEGS: dict[str, dict[str, Any] | None] = {
    "as it is": None,
    "baseline, 4:2:0": {"quality": 85},
    "baseline, 4:4:4": {"quality": 90, "subsampling": 0},
    "progressive": {"quality": 85, "progressive": True},
    "restart markers": {"quality": 85, "restart_marker_rows": 1},
    "restart markers, progressive": {"quality": 85, "restart_marker_rows": 1, "progressive": True},
}
OTHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "PNG": ("PNG", {}),
    "WebP": ("WEBP", {"quality": 85}),
    "WebP, lossless": ("WEBP", {"lossless": True, "method": 0}),
    "AVIF": ("AVIF", {"quality": 80, "speed": 9}),
    "HEIC": ("HEIF", {"quality": 80}),
    "GIF": ("GIF", {}),
    "TIFF": ("TIFF", {}),
    "TIFF, LZW": ("TIFF", {"compression": "tiff_lzw"}),
    "TIFF, deflate": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    "TIFF, JPEG": ("TIFF", {"compression": "jpeg", "quality": 85}),
    "BMP": ("BMP", {}),
}


class Outcome(NamedTuple):
    """What became of a damaged picture."""

    decoded: bool
    visible: bool = False
    warned: bool = False


def flip_bits(data: bytearray, dice: random.Random, count: int) -> None:
    """Flip single bits anywhere."""
    for _ in range(count):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def place(data: bytearray, dice: random.Random, sizes: tuple[int, ...]) -> slice:
    """A random part of the file."""
    size = min(dice.choice(sizes), len(data) // 2)
    start = dice.randrange(len(data) - size)
    return slice(start, start + size)


def overwrite(data: bytearray, dice: random.Random) -> None:
    """1 to 64 other bytes."""
    part = place(data, dice, (1, 4, 16, 64))
    data[part] = dice.randbytes(part.stop - part.start)


def clear(data: bytearray, dice: random.Random) -> None:
    """Zeros, as a disk or a download leaves them."""
    part = place(data, dice, (16, 128, 512, 4096))
    data[part] = bytes(part.stop - part.start)


def remove(data: bytearray, dice: random.Random) -> None:
    """A part is missing in the middle."""
    del data[place(data, dice, (1, 16, 512, 4096))]


def insert(data: bytearray, dice: random.Random) -> None:
    """Random bytes come in between."""
    start = dice.randrange(len(data))
    data[start:start] = dice.randbytes(dice.choice((1, 16, 512)))


def swap(data: bytearray, dice: random.Random) -> None:
    """Two blocks of a disk are in the wrong order."""
    size = 512 if len(data) > 2048 else 64
    one, other = (size * number for number in dice.sample(range(len(data) // size), 2))
    data[one : one + size], data[other : other + size] = (
        data[other : other + size],
        data[one : one + size],
    )


DAMAGES: dict[str, Callable[[bytearray, random.Random], None]] = {
    "one bit flipped": lambda data, dice: flip_bits(data, dice, 1),
    "8 bits flipped": lambda data, dice: flip_bits(data, dice, 8),
    "1 to 64 bytes overwritten": overwrite,
    "16 to 4096 bytes zeroed": clear,
    "1 to 4096 bytes removed": remove,
    "1 to 512 bytes inserted": insert,
    "two blocks swapped": swap,
}


def encoded(image: Image.Image, format_: str, options: dict[str, Any]) -> bytes:
    """The picture as a file."""
    stream = io.BytesIO()
    image.save(stream, format_, **options)
    return stream.getvalue()


def jpeg_paths(sets: Iterable[str] = SETS) -> list[Path]:
    """All JPEG files of these sets."""
    paths = (path for name in sets for path in sorted(IMAGES.joinpath(name).rglob("*")))
    return [path for path in paths if path.is_file() and path.read_bytes()[:3] == b"\xff\xd8\xff"]


def as_jpeg(path: Path, options: dict[str, Any] | None) -> bytes:
    """The file, or the photo encoded again."""
    if options is None:
        return path.read_bytes()
    return encoded(Image.open(path).convert("RGB"), "JPEG", options)


def pixels_of(data: bytes) -> NDArray[np.int16]:
    """The decoded picture, RGB."""
    image = decode(data, MAX_PIXELS, allow_truncated=True).image
    return np.asarray(image.convert("RGB")).astype(np.int16)


def try_out(data: bytes, sound: NDArray[np.int16]) -> Outcome:
    """Decode a damaged file as pictell does by default, and compare it."""
    try:
        picture = decode(data, MAX_PIXELS)
    except PictellError:
        return Outcome(decoded=False)
    found = np.asarray(picture.image.convert("RGB")).astype(np.int16)
    visible = (
        found.shape != sound.shape
        or float((np.abs(found - sound).max(axis=2) > LEVELS).mean()) > SHARE
    )
    return Outcome(True, visible, bool(picture.warnings))


def row(name: str, outcomes: list[Outcome]) -> str:
    """One row of a table."""
    decoded = [one for one in outcomes if one.decoded]
    visible = [one for one in decoded if one.visible]
    told = sum(one.warned for one in visible)
    cells = (
        name,
        len(outcomes),
        len(outcomes) - len(decoded),
        len(visible),
        len(visible) - told,
        f"{100 * told / len(visible):.0f} %" if visible else "–",
    )
    return f"| {' | '.join(map(str, cells))} |"


def header(first: str) -> str:
    """The head of a table."""
    return f"| {first} | files | refused | visibly damaged | silent | told |\n{'|---' * 6}|"


def damaged_jpegs(count: int) -> None:
    """Two tables: by kind of file and by kind of damage."""
    dice = random.Random(1)
    by_kind: dict[str, list[Outcome]] = {name: [] for name in JPEGS}
    by_damage: dict[str, list[Outcome]] = {name: [] for name in DAMAGES}
    paths = jpeg_paths(SETS[:2])
    for kind in islice(cycle(JPEGS), count // len(DAMAGES)):
        data = as_jpeg(dice.choice(paths), JPEGS[kind])
        sound = pixels_of(data)
        for damage, change in DAMAGES.items():
            mutant = bytearray(data)
            change(mutant, dice)
            outcome = try_out(bytes(mutant), sound)
            by_kind[kind].append(outcome)
            by_damage[damage].append(outcome)
    for first, table in (("JPEG file", by_kind), ("damage", by_damage)):
        print(header(first))
        for name, outcomes in table.items():
            print(row(name, outcomes))
        print(row("all", [one for outcomes in table.values() for one in outcomes]), end="\n\n")


def damaged_others(count: int) -> None:
    """A table of the other formats."""
    print(header("format"))
    paths = jpeg_paths(SETS[:2])
    for name, (format_, options) in OTHERS.items():
        dice, outcomes = random.Random(2), []
        for _ in range(count // len(DAMAGES)):
            image = Image.open(dice.choice(paths)).convert("RGB")
            image.thumbnail((250, 250))
            data = encoded(image, format_, options)
            sound = pixels_of(data)
            for change in DAMAGES.values():
                mutant = bytearray(data)
                change(mutant, dice)
                outcomes.append(try_out(bytes(mutant), sound))
        print(row(name, outcomes))
    print()


def false_alarms() -> None:
    """Warnings and errors on sound photos."""
    print("| sound JPEGs | files | warned of or refused |\n|---|---|---|")
    paths = jpeg_paths()
    for kind, options in JPEGS.items():
        found = Counter(wrong(as_jpeg(path, options)) for path in paths)
        print(f"| {kind} | {found.total()} | {found[True]} |")


def wrong(sound: bytes) -> bool:
    """Whether pictell finds fault with a sound file."""
    try:
        return bool(decode(sound, MAX_PIXELS).warnings)
    except PictellError:
        return True


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutants", type=int, default=12_000)
    parser.add_argument("--others", type=int, default=600, help="mutants of each other format")
    options = parser.parse_args()
    damaged_jpegs(options.mutants)
    damaged_others(options.others)
    false_alarms()


if __name__ == "__main__":
    main()
