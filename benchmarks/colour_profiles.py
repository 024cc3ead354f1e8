"""What it would cost to ignore colour profiles: pictures coded in other RGB spaces, read as sRGB.

    python benchmarks/colour_profiles.py

Every picture of ``imagenet_val650`` is coded as a camera with that colour space would code it and
named without regard to it; then the answers are compared with those for the sRGB picture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accuracy import IMAGES, Scores, accuracy_percent, int8_scores, mean_difference, read_set

Array = NDArray[np.float64]

# Columns: red, green and blue in CIE XYZ under D50, as the profiles hold them. sRGB:
# IEC 61966-2-1; Display P3: Apple's profile of that name; Adobe RGB (1998): Adobe's
# specification; ProPhoto: ISO 22028-2 (ROMM RGB).
TO_XYZ = {
    "sRGB": [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]],
    "Display P3": [
        [0.51512, 0.29198, 0.15710],
        [0.24120, 0.69225, 0.06657],
        [-0.00105, 0.04189, 0.78407],
    ],
    "Adobe RGB": [
        [0.60974, 0.20528, 0.14919],
        [0.31111, 0.62567, 0.06322],
        [0.01947, 0.06087, 0.74457],
    ],
    "ProPhoto": [[0.79767, 0.13519, 0.03134], [0.28804, 0.71188, 0.00009], [0.0, 0.0, 0.82491]],
}
GAMMA = {"Adobe RGB": 563 / 256, "ProPhoto": 1.8}


def to_linear(values: Array) -> Array:
    """sRGB values in 0..1 to light (IEC 61966-2-1)."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def from_linear(light: Array, space: str) -> Array:
    """Light in 0..1 to the values that ``space`` codes it with."""
    if space in GAMMA:
        return light ** (1 / GAMMA[space])
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def coded_in(space: str, tensor: NDArray[np.generic]) -> NDArray[np.uint8]:
    """An sRGB picture (H, W, 3) uint8 as ``space`` codes it, uint8."""
    matrix = np.linalg.inv(np.array(TO_XYZ[space])) @ np.array(TO_XYZ["sRGB"])
    light = np.clip(to_linear(tensor.astype(np.float64) / 255) @ matrix.T, 0, 1)
    return np.round(255 * from_linear(light, space)).astype(np.uint8)


def same_top_percent(one: Scores, other: Scores) -> float:
    """The share of pictures with the same best label, in percent."""
    return 100 * float((one.argmax(axis=1) == other.argmax(axis=1)).mean())


def main() -> None:
    """Print one row per colour space."""
    tensors, targets = read_set(IMAGES / "imagenet_val650")
    reference = int8_scores(tensors)
    print(
        "| colour space, ignored | weighted top-1 | same top-1 | mean abs dp |\n|---|---|---|---|"
    )
    for space in TO_XYZ:
        scores = int8_scores(np.stack([coded_in(space, tensor) for tensor in tensors]))
        top_1 = accuracy_percent(scores, targets, 1, weighted=True)
        same, moved = same_top_percent(reference, scores), mean_difference(reference, scores)
        print(f"| {space} | {top_1:.1f} | {same:.1f} | {moved:.4f} |")


if __name__ == "__main__":
    main()
