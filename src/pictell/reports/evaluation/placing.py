"""Where a label of a plot can stand without lying over a curve or another label.

A box is (left, bottom, right, top) in points.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]
# Between a label and what it must not touch.
PADDING = 3.0
DISTANCES = (7, 14, 21, 28, 42, 56, 70, 84, 105, 126)
# Right and below first: a curve of errors rises to the right.
DIRECTIONS = ((1, -1), (-1, 1), (1, 1), (-1, -1), (1, 0), (-1, 0), (0, -1), (0, 1))


def steps(points: NDArray[np.float64]) -> Boxes:
    """The boxes of the lines of a curve with the points (N, 2), drawn as ``steps-pre``."""
    (x, y), (last_x, last_y) = points[1:].T, points[:-1].T
    across = np.stack([np.minimum(last_x, x), y, np.maximum(last_x, x), y], axis=1)
    up = np.stack([last_x, np.minimum(last_y, y), last_x, np.maximum(last_y, y)], axis=1)
    return np.concatenate([across, up])


def find_place(
    dot: tuple[float, float], size: tuple[float, float], obstacles: Boxes, area: Sequence[float]
) -> tuple[float, float, float, float]:
    """The nearest box of a size (width, height) for the label of a dot, inside the area.

    It touches none of the obstacles (N, 4) if there is such a place.
    """
    boxes = list(_around(dot, size))
    for box in boxes:
        inside = box[0] >= area[0] and box[1] >= area[1] and box[2] <= area[2] and box[3] <= area[3]
        if inside and not _touches(box, obstacles):
            return box
    return boxes[0]


def _around(
    dot: tuple[float, float], size: tuple[float, float]
) -> Iterator[tuple[float, float, float, float]]:
    (x, y), (width, height) = dot, size
    for distance in DISTANCES:
        for right, up in DIRECTIONS:
            left = x + right * distance - (1 - right) / 2 * width
            bottom = y + up * distance - (1 - up) / 2 * height
            yield left, bottom, left + width, bottom + height


def _touches(box: Sequence[float], obstacles: Boxes) -> bool:
    left, bottom, right, top = obstacles.T
    beside = (left > box[2] + PADDING) | (right < box[0] - PADDING)
    apart = (bottom > box[3] + PADDING) | (top < box[1] - PADDING)
    return not bool((beside | apart).all())
