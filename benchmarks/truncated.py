"""How often does the answer change when the end of a JPEG is missing, and what does pictell refuse?

    python benchmarks/truncated.py

Every third photo of ``imagenet_train333`` and ``imagenet_val650``, baseline as most of them are and
encoded again as progressive JPEGs; the best class of the default model before and after.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from accuracy import int8_scores
from damaged import JPEGS, MAX_PIXELS, SETS, as_jpeg, jpeg_paths
from pictell import models
from pictell.errors import PictellError
from pictell.images.decode import decode
from pictell.images.jpeg.damage import missing_share
from pictell.images.preprocess import preprocess, shortest_useful_side

SPEC = models.find("default").preprocess
SIDE = shortest_useful_side(SPEC)
PERCENT = (1, 2, 5, 10, 15, 25, 35, 50, 75, 90)
MISSING = (0, 0.001, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1)


class Cut(NamedTuple):
    """A file without its end.

    ``missing`` is the share of the picture without data; ``warnings`` are those given by default,
    ``None`` if it is refused then.
    """

    percent: int
    missing: float
    warnings: tuple[str, ...] | None
    changed: bool


def default_warnings(data: bytes) -> tuple[str, ...] | None:
    """The warnings, or ``None`` for a file that is refused."""
    try:
        return decode(data, MAX_PIXELS, SIDE).warnings
    except PictellError:
        return None


def share_missing(image: Image.Image) -> float:
    """The share of a grey or RGB image that has no data."""
    pixels = np.asarray(image)
    return missing_share(pixels if pixels.ndim == 3 else pixels[:, :, np.newaxis])


def cut_all(path: Path, kind: str) -> list[Cut]:
    """One photo, cut at every place."""
    data = as_jpeg(path, JPEGS[kind])
    cuts, tensors = [], [preprocess(decode(data, MAX_PIXELS, SIDE), SPEC)]
    for percent in PERCENT:
        part = data[: len(data) * (100 - percent) // 100]
        try:
            picture = decode(part, MAX_PIXELS, SIDE, allow_truncated=True)
        except PictellError:
            continue  # nearly nothing is there
        tensors.append(preprocess(picture, SPEC))
        cuts.append(Cut(percent, share_missing(picture.image), default_warnings(part), False))
    best, *others = int8_scores(np.concatenate(tensors)).argmax(axis=1)
    return [cut._replace(changed=found != best) for cut, found in zip(cuts, others, strict=True)]


def changed_percent(cuts: list[Cut]) -> str:
    """How many answers are others."""
    return f"{100 * np.mean([cut.changed for cut in cuts]):.1f}" if cuts else "–"


def report(kind: str, cuts: list[Cut]) -> None:
    """A row for each length."""
    print(f"{kind}:\n\n| cut off, % | files | missing, % | answer changes, % | refused, % |")
    print("|---" * 5 + "|")
    for percent in PERCENT:
        some = [cut for cut in cuts if cut.percent == percent]
        missing = 100 * np.median([cut.missing for cut in some])
        refused = 100 * np.mean([cut.warnings is None for cut in some])
        print(
            f"| {percent} | {len(some)} | {missing:.0f} | {changed_percent(some)} | {refused:.0f} |"
        )
    decoded = [cut for cut in cuts if cut.warnings is not None]
    silent = sum(not cut.warnings for cut in decoded)
    print(f"\nDecoded by default: {len(decoded)}, of which {changed_percent(decoded)} % change and")
    print(f"{silent} have no warning.\n")


def main() -> None:
    """Print the tables."""
    paths = jpeg_paths(SETS[:2])[::3]
    baseline = [cut for path in paths for cut in cut_all(path, "as it is")]
    report("As they are", baseline)
    print("| missing, % | files | answer changes, % |\n|---|---|---|")
    for low, high in pairwise(MISSING):
        some = [cut for cut in baseline if low <= cut.missing < high]
        print(f"| {100 * low:.1f} to {100 * high:.1f} | {len(some)} | {changed_percent(some)} |")
    print()
    report("Progressive", [cut for path in paths for cut in cut_all(path, "progressive")])


if __name__ == "__main__":
    main()
