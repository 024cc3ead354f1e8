"""A traffic light at dusk."""

from __future__ import annotations

import random

from PIL import Image

from samples.painting import (
    BLACK,
    BLEED,
    HEIGHT,
    WHITE,
    WIDTH,
    Colour,
    Point,
    Scene,
    Stencil,
    downward,
    outward,
)

SEED = 7
KERB = 424
POLE_X = WIDTH / 2
LAMP_HEIGHTS = (108, 238, 368)
LENS = 50

DUSK: tuple[Colour, ...] = ((46, 80, 142), (128, 140, 186), (242, 178, 146), (255, 214, 160))
RED: tuple[Colour, ...] = ((255, 232, 206), (255, 82, 54), (238, 26, 22), (150, 8, 10))
AMBER_OFF: tuple[Colour, ...] = ((124, 88, 26), (84, 58, 18), (46, 32, 12))
GREEN_OFF: tuple[Colour, ...] = ((28, 98, 70), (18, 66, 48), (10, 36, 28))
GLINTS: tuple[Colour, ...] = ((255, 196, 110), (255, 226, 170), (255, 120, 96), (255, 170, 90))


def draw_traffic_light() -> Image.Image:
    """A traffic light showing red, before a street that is out of focus."""
    scene = Scene(downward(0, KERB, *DUSK))
    rng = random.Random(SEED)
    _paint_houses(scene, rng)
    _paint_road(scene)
    _paint_glints(scene, rng)
    _paint_housing(scene)
    red, amber, green = LAMP_HEIGHTS
    _paint_lens(scene, (POLE_X, red), RED)
    _paint_lens(scene, (POLE_X, amber), AMBER_OFF)
    _paint_lens(scene, (POLE_X, green), GREEN_OFF)
    _paint_glow(scene, (POLE_X, red))
    for y in (amber, green):
        _paint_gleam(scene, (POLE_X, y))
    return scene.finished()


def _paint_houses(scene: Scene, rng: random.Random) -> None:
    rows: tuple[tuple[float, float, Colour], ...] = (
        (170, 300, (156, 138, 170)),
        (250, 385, (94, 90, 126)),
    )
    for outer, inner, colour in rows:
        houses = Stencil()
        left = -30.0
        while left < WIDTH + BLEED:
            right = left + rng.uniform(50, 110)
            # The street runs away from the viewer, so that the houses shrink toward the middle.
            nearness = min(1, abs(left + right - WIDTH) / WIDTH)
            roof = inner + (outer - inner) * nearness + rng.uniform(-30, 30)
            houses.box(left, roof, right, HEIGHT)
            left = right + rng.uniform(0, 6)
        scene.paint(houses, colour, blur=5)


def _paint_road(scene: Scene) -> None:
    scene.paint(Stencil().below(KERB - 4), (80, 76, 102), blur=6)
    x, bottom = WIDTH / 2, HEIGHT + BLEED
    road = Stencil().polygon((x - 70, KERB), (x + 70, KERB), (x + 640, bottom), (x - 640, bottom))
    scene.paint(road, downward(KERB, HEIGHT, (128, 108, 116), (58, 57, 74)), blur=3)
    for side in (-1, 1):
        stripe = Stencil()
        for near, far in ((0.12, 0.24), (0.36, 0.56), (0.76, 1.2)):
            corners = [
                (x + side * (24 + (170 + half) * depth), KERB + (HEIGHT - KERB) * depth)
                for depth, half in ((near, -6), (near, 6), (far, 6), (far, -6))
            ]
            stripe.polygon(*corners)
        scene.paint(stripe, (240, 226, 214), blur=2, opacity=0.6)


def _paint_glints(scene: Scene, rng: random.Random) -> None:
    """Street lamps and cars, out of focus: discs that grow toward the picture's sides."""
    for _ in range(46):
        side = rng.choice((-1, 1))
        nearness = rng.random() ** 0.7
        centre = (
            WIDTH / 2 + side * (40 + 330 * nearness),
            406 - rng.uniform(-12, 190) * nearness,
        )
        disc = Stencil().disc(centre, 5 + 17 * nearness)
        scene.paint(disc, rng.choice(GLINTS), blur=1.2, opacity=rng.uniform(0.25, 0.6))


def _paint_housing(scene: Scene) -> None:
    x = POLE_X
    pole = Stencil().box(x - 12, 380, x + 12, HEIGHT + BLEED)
    scene.paint(pole, (54, 58, 66))
    scene.paint(Stencil().box(x - 7, 380, x - 2, HEIGHT), (170, 168, 172), blur=2.5, within=pole)
    scene.paint(Stencil().box(x - 12, 440, x + 12, 466), BLACK, blur=8, within=pole)
    backboard = Stencil().box(x - 92, 22, x + 92, 448, corner=26)
    scene.paint(backboard.moved(8, 14), BLACK, blur=14, opacity=0.5)
    scene.paint(backboard, (236, 236, 232))
    scene.paint(Stencil().box(x - 87, 27, x + 87, 443, corner=22), (24, 26, 30))
    body = Stencil().box(x - 70, 40, x + 70, 430, corner=18)
    scene.paint(body.moved(2, 6), BLACK, blur=6)
    scene.paint(body, downward(40, 430, (70, 74, 82), (48, 51, 57), (34, 36, 41)))
    edge = Stencil().box(x - 70, 40, x - 65, 430)
    scene.paint(edge, (160, 160, 172), blur=3, opacity=0.6, within=body)
    seams = Stencil()
    for y in (173, 303):
        seams.box(x - 70, y - 1.5, x + 70, y + 1.5)
    scene.paint(seams, (14, 15, 18))


def _paint_lens(scene: Scene, centre: Point, colours: tuple[Colour, ...]) -> None:
    """A lens under its visor."""
    x, y = centre
    scene.paint(Stencil().disc(centre, LENS + 6), (14, 15, 17))
    lens = Stencil().disc(centre, LENS)
    scene.paint(lens, outward((x, y + 6), LENS * 1.15, *colours))
    ribs = Stencil()
    for across in range(-LENS, LENS, 9):
        ribs.line((x + across, y - LENS), (x + across, y + LENS), width=1)
        ribs.line((x - LENS, y + across), (x + LENS, y + across), width=1)
    scene.paint(ribs, BLACK, blur=0.5, opacity=0.2, within=lens)
    shade = Stencil().disc((x, y - 4), LENS + 8).disc((x, y + 26), LENS + 2, cut=True)
    scene.paint(shade, BLACK, blur=5, opacity=0.3 if colours is RED else 0.7, within=lens)
    # Seen from below, a visor is a crescent.
    visor = Stencil().disc((x, y - 5), LENS + 11).disc((x, y + 9), LENS + 5, cut=True)
    scene.paint(visor, downward(y - 65, y + 20, (104, 108, 118), (22, 23, 27)))


def _paint_glow(scene: Scene, centre: Point) -> None:
    scene.paint(Stencil().disc(centre, LENS + 16), RED[1], blur=34, opacity=0.42)
    scene.paint(Stencil().disc(centre, 20), WHITE, blur=13, opacity=0.6)


def _paint_gleam(scene: Scene, centre: Point) -> None:
    """The sky in a lens that is off."""
    place = (centre[0] - 14, centre[1] + 25)
    gleam = Stencil().disc(place, 16, tall=0.4).turned(-20, place)
    scene.paint(gleam, WHITE, blur=4, opacity=0.28, within=Stencil().disc(centre, LENS))
