"""Labels of plots stand where nothing else is drawn."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pictell.reports.evaluation.placing import find_place, steps

AREA = (0.0, 0.0, 300.0, 300.0)
SIZE = (60.0, 12.0)
HEIGHTS = st.lists(st.floats(0, 300), min_size=2, max_size=40)


def crosses(box: tuple[float, ...], curve: np.ndarray) -> bool:
    """Whether a point of the steps lies in the box, by walking along them."""
    for (x, y), (next_x, next_y) in pairwise(curve):
        walk = [(x, value) for value in np.linspace(y, next_y, 400)]
        walk += [(value, next_y) for value in np.linspace(x, next_x, 50)]
        if any(box[0] < a < box[2] and box[1] < b < box[3] for a, b in walk):
            return True
    return False


def test_below_a_rising_curve() -> None:
    curve = np.array([(x, x) for x in range(0, 301, 10)], float)
    box = find_place((100, 100), SIZE, steps(curve), AREA)
    assert box[1] < 100 < box[0]


@given(HEIGHTS, st.integers(0, 39))
def test_a_label_never_lies_on_the_curve_if_there_is_room(
    heights: list[float], number: int
) -> None:
    curve = np.array([np.linspace(0, 300, len(heights)), heights]).T
    dot = tuple(curve[number % len(curve)])
    box = find_place(dot, SIZE, steps(curve), AREA)
    # Six lines leave room somewhere.
    if box[0] >= 0 and box[1] >= 0 and box[2] <= 300 and box[3] <= 300 and len(heights) < 6:
        assert not crosses(box, curve)


def test_two_labels_of_near_dots_are_apart() -> None:
    curve = np.array([(0, 5), (100, 5), (300, 5)], float)
    first = find_place((100, 5), SIZE, steps(curve), AREA)
    second = find_place((104, 5), SIZE, np.vstack([steps(curve), first]), AREA)
    assert second[0] > first[2] or second[2] < first[0] or second[1] > first[3]
