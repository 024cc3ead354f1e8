"""What ``pictell dedupe`` finds of copies of photos, and which other photos it takes for copies.

    python benchmarks/dedupe.py [--scale N]

Each photo of ``imagenet_train333`` is changed in several ways and encoded again. Then all pairs of
different photos of this set, ``imagenet_val650`` and ``hymenoptera_data`` are compared, each within
its set, and drawn pages of text and screenshots. With ``--scale``, only the time for N photos of
random hashes and embeddings is measured.
"""

from __future__ import annotations

import argparse
import io
import random
import resource
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

import pictell
from accuracy import IMAGES
from pictell.collection.candidates import Candidates, PhotoFile
from pictell.collection.copies import Kind, find_copies
from pictell.collection.survey import Photo
from pictell.images.fingerprint import FINGERPRINT_LENGTH, fingerprint
from pictell.images.perceptual_hash import HASH_BYTES
from pictell.index.copies import MAX_DISTANCE, by_symmetry, distances, turned_distances
from pictell.options import Limits
from pictell.pipeline.executor import Threads

PHOTOS = {
    "imagenet_train333": "*.JPEG",
    "imagenet_val650": "**/*.JPEG",
    "hymenoptera_data": "*/*/*.jpg",
}
PAGES, PAGE_SIZE = 60, (850, 1100)
WORDS = "the of and a to in is you that it he was for on are as with his they at be this".split()
BITS, LIKENESSES = (16, 40, 56, 72, 80, 88, 96), (0.75, 0.8, 0.83, 0.85, 0.87, 0.9, 0.93)
UP = Image.Transpose.ROTATE_90

Change = Callable[[Image.Image], Image.Image]


class Set:
    """N pictures: their ``files``, ``prints`` (N, 801) and ``embeddings`` (N, D)."""

    def __init__(self, classifier: pictell.Classifier, contents: Sequence[bytes]) -> None:
        self.contents = contents
        self.prints = np.stack(list(Threads().map(partial(fingerprint, limits=Limits()), contents)))
        results = list(classifier.stream(contents, embedding=True, top_k=1))
        self.embeddings = np.stack([_embedding(one) for one in results])
        self.sizes = [(one.width or 0, one.height or 0) for one in results]
        self.hashes = self.prints[:, :HASH_BYTES]
        self.turned = by_symmetry(self.hashes)

    def candidates(self, prefix: str) -> list[PhotoFile]:
        """The files, with names that begin with ``prefix``."""
        return [
            PhotoFile(Photo(Path(f"{prefix} {n}"), f"{prefix} {n}", None), *size, len(content))
            for n, (size, content) in enumerate(zip(self.sizes, self.contents, strict=True))
        ]


def _embedding(result: pictell.Result) -> NDArray[np.float32]:
    if result.embedding is None:
        raise ValueError(result)
    return result.embedding


def _encode(image: Image.Image, format_: str = "JPEG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format_, **options)
    return stream.getvalue()


def _scaled(image: Image.Image, factor: float) -> Image.Image:
    size = (round(image.width * factor), round(image.height * factor))
    return image.resize(size, Image.Resampling.LANCZOS)


def _thumbnail(image: Image.Image) -> Image.Image:
    small = image.copy()
    small.thumbnail((160, 160))
    return small


def _without(image: Image.Image, each: float = 0, left: float = 0) -> Image.Image:
    """Without a share of the picture at each edge, or at the left one alone."""
    width, height = image.size
    dx, dy = int(width * each), int(height * each)
    return image.crop((dx + int(width * left), dy, width - dx, height - dy))


def _square(image: Image.Image) -> Image.Image:
    return ImageOps.fit(image, (min(image.size),) * 2)


def _watermark(image: Image.Image) -> Image.Image:
    marked, (width, height) = image.copy(), image.size
    font = ImageFont.load_default(max(8, height // 12))
    text = "© 2024 Photographer"
    ImageDraw.Draw(marked).text((width * 0.55, height * 0.88), text, "white", font)
    return marked


def _bar(image: Image.Image) -> Image.Image:
    covered, (width, height) = image.copy(), image.size
    ImageDraw.Draw(covered).rectangle((0, int(height * 0.85), width, height), "black")
    return covered


def _bordered(image: Image.Image, share: float) -> Image.Image:
    return ImageOps.expand(image, int(share * min(image.size)), "white")


def _turned_by_exif(image: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[0x112] = 6
    return _encode(image.transpose(UP), quality=90, exif=exif)


def _jpeg(change: Change) -> Callable[[Image.Image], bytes]:
    return lambda image: _encode(change(image), quality=90)


COPIES: Mapping[str, Callable[[Image.Image], bytes]] = {
    **{f"JPEG, quality {q}": partial(_encode, quality=q) for q in (95, 75, 40, 10)},
    "WebP, quality 80": lambda image: _encode(image, "WEBP", quality=80),
    "PNG": lambda image: _encode(image, "PNG", compress_level=1),
    "half the size": _jpeg(partial(_scaled, factor=0.5)),
    "quarter of the size": _jpeg(partial(_scaled, factor=0.25)),
    "twice the size": _jpeg(partial(_scaled, factor=2)),
    "thumbnail of 160 pixels": _jpeg(_thumbnail),
    "turned by 90°, with EXIF": _turned_by_exif,
    "turned by 90°, without EXIF": _jpeg(lambda image: image.transpose(UP)),
    "upside down": _jpeg(lambda image: image.rotate(180)),
    "mirrored": _jpeg(ImageOps.mirror),
    "mirrored, without 3 % at each edge": _jpeg(lambda i: _without(ImageOps.mirror(i), 0.03)),
    **{
        f"without {100 * each:.0f} % at each edge": _jpeg(partial(_without, each=each))
        for each in (0.01, 0.03, 0.05, 0.1, 0.2)
    },
    "without 5 % at the left": _jpeg(partial(_without, left=0.05)),
    "without 20 % at the left": _jpeg(partial(_without, left=0.2)),
    "square from the middle": _jpeg(_square),
    "turned by 2°": _jpeg(lambda image: image.rotate(2, Image.Resampling.BICUBIC)),
    "30 % brighter": _jpeg(lambda image: ImageEnhance.Brightness(image).enhance(1.3)),
    "40 % darker": _jpeg(lambda image: ImageEnhance.Brightness(image).enhance(0.6)),
    "40 % more contrast": _jpeg(lambda image: ImageEnhance.Contrast(image).enhance(1.4)),
    "60 % more colour": _jpeg(lambda image: ImageEnhance.Color(image).enhance(1.6)),
    "grey": _jpeg(ImageOps.grayscale),
    "blurred by 2 pixels": _jpeg(lambda image: image.filter(ImageFilter.GaussianBlur(2))),
    "watermark": _jpeg(_watermark),
    "black bar over 15 %": _jpeg(_bar),
    "border of 3 %": _jpeg(partial(_bordered, share=0.03)),
    "border of 10 %": _jpeg(partial(_bordered, share=0.1)),
}


def _page(seed: int, lines: int) -> bytes:
    """A page with that many lines of text."""
    chance, page = random.Random(seed), Image.new("RGB", PAGE_SIZE, "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(16)
    for line in range(lines):
        draw.text((60, 60 + 20 * line), " ".join(chance.choices(WORDS, k=18)), "black", font)
    return _encode(page, "PNG")


def _screenshot(seed: int) -> bytes:
    """A conversation in a program for messages."""
    chance, screen = random.Random(seed), Image.new("RGB", PAGE_SIZE, "white")
    draw, font, y = ImageDraw.Draw(screen), ImageFont.load_default(16), 110
    draw.rectangle((0, 0, PAGE_SIZE[0], 90), "navy")
    draw.text((40, 30), "Messages", "white", ImageFont.load_default(30))
    while y < PAGE_SIZE[1] - 220:
        rows, width = chance.randint(1, 3), chance.randint(180, 560)
        x, colour = chance.choice([(30, "gainsboro"), (PAGE_SIZE[0] - 30 - width, "honeydew")])
        draw.rounded_rectangle((x, y, x + width, y + 22 * rows + 16), 12, colour)
        for row in range(rows):
            text = " ".join(chance.choices(WORDS, k=width // 60))
            draw.text((x + 10, y + 8 + 22 * row), text, "black", font)
        y += 22 * rows + 40
    return _encode(screen, "PNG")


def _found(photos: Set, copies: Set) -> dict[Kind, tuple[float, int]]:
    """For each widest kind: the share of copies that are found, and the false pairs."""
    every = Candidates(
        (*photos.candidates("a"), *copies.candidates("b")),
        np.concatenate([photos.prints, copies.prints]),
        np.concatenate([photos.embeddings, copies.embeddings]),
    )
    found = {}
    for widest in list(Kind)[1:]:
        pairs = [
            (group.best.photo.path.name[2:], copy.file.photo.path.name[2:])
            for group in find_copies(every, widest)
            for copy in group.copies
        ]
        right = sum(best == copy for best, copy in pairs)
        found[widest] = right / len(photos.contents), len(pairs) - right
    return found


def _print_copies(photos: Set, kinds: Mapping[str, Set]) -> None:
    print("| copy | bits, median | 99 % | likeness, median | 1 % | hash | embedding | "
          "re-encoded | near | similar | false |")  # fmt: skip
    print("|---|" + "---|" * 10)
    for name, copies in kinds.items():
        bits = distances(photos.hashes, copies.hashes).diagonal()
        likeness = (photos.embeddings * copies.embeddings).sum(axis=1)
        found = _found(photos, copies)
        shares = [(bits <= MAX_DISTANCE).mean(), (likeness >= 0.87).mean()]
        shares += [share for share, _ in found.values()]
        shown = " | ".join(f"{100 * share:.1f}" for share in shares)
        print(
            f"| {name} | {np.median(bits):.0f} | {np.quantile(bits, 0.99):.0f} "
            f"| {np.median(likeness):.2f} | {np.quantile(likeness, 0.01):.2f} | {shown} "
            f"| {sum(false for _, false in found.values())} |"
        )


def _print_limits(kinds: Mapping[str, Set], sets: Mapping[str, Set]) -> None:
    """The copies and the false pairs at several limits of one measure alone."""
    photos = sets[next(iter(PHOTOS))]
    alike = [(photos.embeddings * one.embeddings).sum(axis=1) for one in kinds.values()]
    upright = [
        distances(photos.hashes, one.hashes).diagonal().astype(np.int64) for one in kinds.values()
    ]
    turned = [
        turned_distances(photos.turned, one.turned).diagonal().astype(np.int64)
        for one in kinds.values()
    ]
    different = [_different(sets[name]) for name in PHOTOS]
    others = (
        np.concatenate([one[0] for one in different]).astype(np.int64),
        np.concatenate([one[1] for one in different]).astype(np.int64),
    )
    likeness = np.concatenate([one[2] for one in different])
    print("\n| measure | limit | copies found, % | false pairs |\n|---|---|---|---|")
    for name, of, pairs in (("hash", upright, others[0]), ("hash, turned", turned, others[1])):
        for most in BITS:
            share = 100 * (np.concatenate(of) <= most).mean()
            print(f"| {name} | {most} bits | {share:.1f} | {(pairs <= most).sum()} |")
    for least in LIKENESSES:
        share = 100 * (np.concatenate(alike) >= least).mean()
        print(f"| embedding | {least} | {share:.1f} | {(likeness >= least).sum()} |")


def _different(one: Set) -> tuple[NDArray[np.uint16], NDArray[np.uint8], NDArray[np.float32]]:
    """The bits upright and turned, and the likeness, of all pairs of pictures."""
    pairs = np.triu_indices(len(one.contents), 1)
    return (
        distances(one.hashes, one.hashes)[pairs],
        turned_distances(one.turned, one.turned)[pairs],
        (one.embeddings @ one.embeddings.T)[pairs],
    )


def _print_different(sets: Mapping[str, Set]) -> None:
    print("\n| different pictures | pairs | least bits | turned | most likeness "
          "| re-encoded | near | similar |\n|---|---|---|---|---|---|---|---|")  # fmt: skip
    for name, one in sets.items():
        upright, turned, likeness = _different(one)
        every = Candidates(tuple(one.candidates("a")), one.prints, one.embeddings)
        counts = [
            sum(len(group.copies) for group in find_copies(every, widest))
            for widest in list(Kind)[1:]
        ]
        print(
            f"| {name} | {len(upright):,} | {upright.min()} | {turned.min()} "
            f"| {likeness.max():.2f} | {' | '.join(map(str, counts))} |"
        )


def _measure_scale(count: int) -> None:
    """Print the time and memory for random photos, a tenth of which are copies."""
    chance = np.random.default_rng(0)
    vectors = chance.standard_normal((count, 1280), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    prints = chance.integers(0, 256, (count, FINGERPRINT_LENGTH), np.uint8)
    prints[:, -1] = 0
    copies = count // 10
    prints[-copies:], vectors[-copies:] = prints[:copies], vectors[:copies]
    files = [PhotoFile(Photo(Path(f"{n}"), f"{n}", None), 100, 100, n) for n in range(count)]
    every = Candidates(tuple(files), prints, vectors)
    for widest in list(Kind)[1:]:
        began = time.perf_counter()
        found = len(find_copies(every, widest))
        seconds = time.perf_counter() - began
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"| {count:,} | {widest} | {found:,} | {seconds:.1f} s | {used} MB |")


def _changed(paths: Iterable[Path], change: Callable[[Image.Image], bytes]) -> list[bytes]:
    made = []
    for path in paths:
        with Image.open(path) as image:
            made.append(change(image.convert("RGB")))
    return made


def main() -> None:
    """Print the tables of ``dedupe.md``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", type=int)
    options = parser.parse_args()
    if options.scale:
        _measure_scale(options.scale)
        return
    paths = {name: sorted((IMAGES / name).glob(pattern)) for name, pattern in PHOTOS.items()}
    with pictell.load() as classifier:
        sets = {
            name: Set(classifier, [path.read_bytes() for path in of]) for name, of in paths.items()
        }
        first = next(iter(PHOTOS))
        kinds = {
            name: Set(classifier, _changed(paths[first], change)) for name, change in COPIES.items()
        }
        _print_copies(sets[first], kinds)
        _print_limits(kinds, sets)
        seeds = range(PAGES)
        sets["pages of text"] = Set(classifier, [_page(seed, 50) for seed in seeds])
        sets["screenshots of one program"] = Set(classifier, list(map(_screenshot, seeds)))
        _print_different(sets)


if __name__ == "__main__":
    main()
