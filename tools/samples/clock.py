"""A wall clock in the sun."""

from __future__ import annotations

import random

from PIL import Image

from samples.painting import HEIGHT, WHITE, WIDTH, Colour, Point, Scene, Stencil, around, outward

CENTRE: Point = (360, 258)
RIM = 172
FACE = RIM - 21
# In degrees from twelve. Seven minutes past ten: no hand covers a numeral.
SECONDS = 132
MINUTES = (7 + SECONDS / 360) * 6
HOURS = 300 + MINUTES / 12

SEED = 11
BRICK_WIDTH, BRICK_HEIGHT = 80, 30
JOINT = 2

INK: Colour = (38, 36, 36)
SCARLET: Colour = (204, 50, 38)
SHADOW: Colour = (34, 40, 40)


def draw_wall_clock() -> Image.Image:
    """A clock with a wooden rim, and a window's light on the wall."""
    wall: tuple[Colour, ...] = ((214, 222, 212), (176, 190, 180), (128, 146, 140), (96, 114, 112))
    scene = Scene(outward((230, 140), 720, *wall))
    _paint_bricks(scene)
    _paint_window_light(scene)
    _paint_case(scene)
    _paint_dial(scene)
    _paint_hands(scene)
    return scene.finished()


def _paint_bricks(scene: Scene) -> None:
    """Painted bricks: every one a little lighter or darker than the next."""
    rng = random.Random(SEED)
    shades = [Stencil() for _ in range(3)]
    joints = Stencil()
    for row in range(HEIGHT // BRICK_HEIGHT + 1):
        y = row * BRICK_HEIGHT
        joints.box(0, y - JOINT, WIDTH, y + JOINT)
        for column in range(WIDTH // BRICK_WIDTH + 2):
            x = (column - row % 2 / 2) * BRICK_WIDTH
            joints.box(x - JOINT, y, x + JOINT, y + BRICK_HEIGHT)
            rng.choice(shades).box(x, y, x + BRICK_WIDTH, y + BRICK_HEIGHT)
    for shade, opacity in zip(shades, (0.05, 0.12, 0.2), strict=True):
        scene.paint(shade, WHITE, blur=1, opacity=opacity)
    scene.paint(joints.moved(1, 1.5), WHITE, blur=1, opacity=0.4)
    scene.paint(joints, SHADOW, blur=1, opacity=0.3)


def _paint_window_light(scene: Scene) -> None:
    panes = Stencil()
    for column in range(2):
        for row in range(2):
            x, y = 90 + column * 190 + row * 70, -40 + row * 290
            panes.polygon((x, y), (x + 170, y + 20), (x + 240, y + 290), (x + 70, y + 270))
    scene.paint(panes, (255, 246, 220), blur=9, opacity=0.5)


def _paint_case(scene: Scene) -> None:
    x, y = CENTRE
    case = Stencil().disc(CENTRE, RIM)
    scene.paint(case.moved(26, 34), SHADOW, blur=20, opacity=0.55)
    scene.paint(case.moved(6, 8), SHADOW, blur=6, opacity=0.6)
    scene.paint(case, outward((x - 90, y - 120), 400, (206, 150, 100), (146, 94, 56), (78, 46, 26)))
    ridge = Stencil().disc(CENTRE, RIM - 3).disc((x + 2, y + 3), RIM - 5, cut=True)
    scene.paint(ridge, (255, 226, 186), blur=1.5, opacity=0.7, within=case)
    scene.paint(Stencil().disc(CENTRE, FACE + 3), (60, 36, 20))
    face = Stencil().disc(CENTRE, FACE)
    ivory: tuple[Colour, ...] = ((255, 254, 249), (250, 246, 236), (226, 217, 199))
    scene.paint(face, outward((x - 40, y - 60), 330, *ivory))
    rim_shade = Stencil().disc(CENTRE, RIM).disc((x + 8, y + 10), FACE - 3, cut=True)
    scene.paint(rim_shade, (70, 50, 30), blur=8, opacity=0.5, within=face)


def _paint_dial(scene: Scene) -> None:
    dial = Stencil()
    for minute in range(60):
        start, width = (0.86, 4.5) if minute % 5 == 0 else (0.91, 1.6)
        inner, outer = (around(CENTRE, minute * 6, FACE * reach) for reach in (start, 0.95))
        dial.line(inner, outer, width)
    for hour in range(1, 13):
        dial.text(around(CENTRE, hour * 30, FACE * 0.7), str(hour), 36)
    scene.paint(dial, INK)


def _paint_hands(scene: Scene) -> None:
    hands = (
        (_hand(HOURS, 0.47, 0.1, 11), INK),
        (_hand(MINUTES, 0.8, 0.12, 7.5), INK),
        (_hand(SECONDS, 0.84, 0.2, 2.4).disc(CENTRE, 10), SCARLET),
    )
    for hand, colour in hands:
        scene.paint(hand.moved(6, 8), (60, 50, 40), blur=3, opacity=0.45)
        scene.paint(hand, colour)
    scene.paint(Stencil().disc(CENTRE, 3.5), (250, 220, 210))


def _hand(degrees: float, reach: float, tail: float, width: float) -> Stencil:
    """A hand with round ends; ``reach`` and ``tail`` are shares of the face's radius."""
    tip = around(CENTRE, degrees, FACE * reach)
    end = around(CENTRE, degrees + 180, FACE * tail)
    return Stencil().line(end, tip, width).disc(tip, width / 2).disc(end, width / 2)
