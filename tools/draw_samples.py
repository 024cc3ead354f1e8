"""Draw the sample pictures: ``python tools/draw_samples.py`` writes ``samples/*.png``.

The pictures are drawn, so nobody else has rights in them. The same version of Pillow gives the same
bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from samples.balls import draw_golf_ball, draw_ping_pong_ball
from samples.clock import draw_wall_clock
from samples.crossword import draw_crossword_puzzle
from samples.street import draw_traffic_light

SAMPLES = Path(__file__).parent.parent / "samples"

SCENES: dict[str, Callable[[], Image.Image]] = {
    "crossword-puzzle": draw_crossword_puzzle,
    "golf-ball": draw_golf_ball,
    "ping-pong-ball": draw_ping_pong_ball,
    "traffic-light": draw_traffic_light,
    "wall-clock": draw_wall_clock,
}


def main() -> None:
    """Draw every scene and write it to the folder of samples."""
    SAMPLES.mkdir(exist_ok=True)
    for name, draw in SCENES.items():
        draw().save(SAMPLES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
