"""What decoding large JPEGs at a smaller scale gains in time and costs in the answer.

    python benchmarks/scaled_decoding.py

Every ninth picture of ``imagenet_train333``, enlarged until the shorter side has 1500 or 3000
pixels, as JPEGs of quality 92; each decoded whole and then at the scale that ``decode`` chooses.
"""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from accuracy import IMAGES, int8_scores, mean_difference
from colour_profiles import same_top_percent
from pictell import Limits, models
from pictell.images.decode import decode
from pictell.images.preprocess import preprocess, shortest_useful_side

SPEC = models.find("default").preprocess


def enlarged(path: Path, shorter_side: int) -> bytes:
    """The picture as a large JPEG."""
    with Image.open(path) as file:
        image = file.convert("RGB")
    factor = shorter_side / min(image.size)
    large = image.resize((round(image.width * factor), round(image.height * factor)))
    buffer = io.BytesIO()
    large.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def decode_all(files: list[bytes], useful_side: int | None) -> tuple[NDArray[np.generic], float]:
    """The input tensors (N, 224, 224, 3) and the CPU milliseconds a picture that decoding took."""
    started = time.thread_time()
    pictures = [decode(data, Limits().max_pixels, useful_side) for data in files]
    decode_ms = 1000 * (time.thread_time() - started) / len(files)
    return np.concatenate([preprocess(p, SPEC) for p in pictures]), decode_ms


def main() -> None:
    """Print one row per size."""
    paths = sorted(IMAGES.joinpath("imagenet_train333").glob("*.JPEG"))[::9]
    print("| shorter side | whole, ms | scaled, ms | same top-1 | mean abs dp |")
    print("|---" * 5 + "|")
    for shorter_side in (1500, 3000):
        files = [enlarged(path, shorter_side) for path in paths]
        whole, whole_ms = decode_all(files, None)
        scaled, scaled_ms = decode_all(files, shortest_useful_side(SPEC))
        exact, found = int8_scores(whole), int8_scores(scaled)
        same, moved = same_top_percent(exact, found), mean_difference(exact, found)
        print(f"| {shorter_side} | {whole_ms:.0f} | {scaled_ms:.0f} | {same:.1f} | {moved:.4f} |")


if __name__ == "__main__":
    main()
