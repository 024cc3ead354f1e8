"""A ping-pong ball on its table and a golf ball on its tee."""

from __future__ import annotations

import math
import random

from PIL import Image

from samples.painting import (
    BLEED,
    HEIGHT,
    WHITE,
    WIDTH,
    Colour,
    Point,
    Scene,
    Stencil,
    around,
    downward,
    outward,
)

SEED = 3
TABLE_END = 190
LAWN = 296
# In each row of grass.
BLADES = 105
DIMPLES = 340
DIMPLE = 0.088
# The tilt of the spiral of dimples, so that its regular pole is not at the top.
SPIRAL_TILT = 0.5
GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))


def draw_ping_pong_ball() -> Image.Image:
    """A white ball on a blue table, the net behind it."""
    scene = Scene(downward(0, TABLE_END, (36, 44, 58), (92, 100, 112), (150, 148, 144)))
    for x, radius in ((90, 60), (330, 44), (610, 70)):
        lamp = Stencil().disc((x, 40), radius, tall=0.4)
        scene.paint(lamp, (255, 240, 210), blur=20, opacity=0.6)
    blues = downward(TABLE_END, HEIGHT, (84, 138, 198), (34, 94, 164), (18, 62, 124))
    scene.paint(Stencil().below(TABLE_END), blues, blur=2)
    stripe = ((452, TABLE_END), (464, TABLE_END), (704, HEIGHT + 20), (652, HEIGHT + 20))
    scene.paint(Stencil().polygon(*stripe), (240, 244, 248), blur=2)
    _paint_net(scene)
    _paint_plastic_ball(scene, (320, 298), 134)
    return scene.finished()


def _paint_net(scene: Scene) -> None:
    top, bottom, left, right = TABLE_END - 78, TABLE_END + 6, -BLEED, WIDTH + BLEED
    scene.paint(Stencil().box(left, bottom, right, bottom + 16), (8, 30, 70), blur=7, opacity=0.6)
    scene.paint(Stencil().box(left, top, right, bottom), (20, 26, 36), blur=2.5, opacity=0.5)
    mesh = Stencil()
    for x in range(left, right, 13):
        mesh.line((x, top), (x, bottom), width=2)
    for y in range(top, bottom, 13):
        mesh.line((left, y), (right, y), width=2)
    scene.paint(mesh, (10, 12, 18), blur=1.3, opacity=0.8)
    scene.paint(Stencil().box(left, top - 16, right, top + 2), (242, 242, 238), blur=2)


def _paint_plastic_ball(scene: Scene, centre: Point, radius: float) -> None:
    x, y = centre
    floor = y + radius * 0.94
    shadow = Stencil().disc((x + 74, floor + 6), radius * 1.15, tall=0.2)
    scene.paint(shadow, (4, 18, 48), blur=16, opacity=0.6)
    scene.paint(Stencil().disc((x + 8, floor + 5), 66, tall=0.16), (2, 8, 24), blur=7, opacity=0.8)
    greys: tuple[Colour, ...] = ((255, 255, 254), (250, 249, 245), (226, 226, 226), (150, 160, 180))
    _paint_sphere(scene, centre, radius, greys)
    # The table reflects light onto the underside of the ball.
    ball = Stencil().disc(centre, radius)
    bounce = ball.without(ball.moved(-6, -34))
    scene.paint(bounce, (84, 146, 222), blur=15, opacity=0.75, within=ball)
    _paint_sphere_shade(scene, centre, radius, (52, 66, 104), 0.5)
    mark = Stencil().text((x + 6, y + 36), "40+", 25)
    for place in (-25, 0, 25):
        mark.polygon(*_star((x + 6 + place, y + 4), 11.5))
    scene.paint(mark.turned(12, centre), (34, 66, 140), blur=0.4, opacity=0.85)


def _paint_sphere(scene: Scene, centre: Point, radius: float, greys: tuple[Colour, ...]) -> None:
    """A ball lit from the upper left."""
    light = (centre[0] - radius * 0.36, centre[1] - radius * 0.42)
    ball = Stencil().disc(centre, radius)
    scene.paint(ball, outward(light, radius * 1.7, *greys))
    scene.paint(Stencil().disc(light, radius * 0.16), WHITE, blur=10, opacity=0.9, within=ball)


def _paint_sphere_shade(
    scene: Scene, centre: Point, radius: float, colour: Colour, opacity: float
) -> None:
    """The shadow on the far side of a ball, over everything on the ball."""
    ball = Stencil().disc(centre, radius)
    far_side = Stencil().disc(centre, radius + 20)
    far_side = far_side.without(ball.moved(-radius * 0.17, -radius * 0.19))
    scene.paint(far_side, colour, blur=radius * 0.22, opacity=opacity, within=ball)


def _star(centre: Point, radius: float) -> list[Point]:
    return [around(centre, 36 * tip, radius * (0.42 if tip % 2 else 1)) for tip in range(10)]


def draw_golf_ball() -> Image.Image:
    """A golf ball on a wooden tee in the grass."""
    scene = Scene(downward(0, 300, (96, 160, 216), (178, 214, 230), (232, 238, 214)))
    rng = random.Random(SEED)
    centre, radius = (WIDTH / 2, 258), 150
    _paint_park(scene, rng)
    _paint_grass(scene, rng, (380, 440), (70, 132, 42), 4)
    _paint_tee(scene, centre[0], centre[1] + radius)
    greys: tuple[Colour, ...] = (WHITE, (253, 253, 252), (238, 240, 240), (186, 196, 192))
    _paint_sphere(scene, centre, radius, greys)
    _paint_dimples(scene, centre, radius)
    _paint_sphere_shade(scene, centre, radius, (46, 66, 62), 0.62)
    _paint_grass(scene, rng, (470, 560), (62, 122, 36), 1.6)
    _paint_grass(scene, rng, (500, 600), (104, 166, 54), 1.1)
    _paint_grass(scene, rng, (560, 640), (150, 202, 84), 3)
    return scene.finished()


def _paint_park(scene: Scene, rng: random.Random) -> None:
    rows: tuple[tuple[float, Colour], ...] = ((232, (132, 164, 128)), (258, (70, 116, 72)))
    for top, colour in rows:
        trees = Stencil().below(top)
        for _ in range(16):
            trees.disc((rng.uniform(-20, WIDTH + 20), top), rng.uniform(24, 56))
        scene.paint(trees, colour, blur=10)
    greens = downward(LAWN, HEIGHT, (160, 200, 96), (92, 154, 52), (44, 100, 30))
    scene.paint(Stencil().below(LAWN), greens, blur=7)


def _paint_grass(
    scene: Scene, rng: random.Random, roots: tuple[float, float], colour: Colour, blur: float
) -> None:
    grass = Stencil()
    for _ in range(BLADES):
        x, y = rng.uniform(-20, WIDTH + 20), rng.uniform(*roots)
        tip = (x + rng.uniform(-22, 22), y - rng.uniform(40, 96))
        grass.polygon((x - 3, y), (x + 3, y), tip)
    scene.paint(grass, colour, blur=blur, opacity=0.85)


def _paint_tee(scene: Scene, x: float, top: float) -> None:
    cup, stem, bottom = top - 14, top + 32, HEIGHT + BLEED
    scene.paint(Stencil().disc((x + 60, 506), 170, tall=0.16), (14, 46, 10), blur=14, opacity=0.6)
    right = [(x + 44, cup), (x + 14, stem), (x + 11, bottom)]
    tee = Stencil().polygon(*right, *[(2 * x - px, py) for px, py in reversed(right)])
    scene.paint(tee, (234, 188, 126))
    far_side = Stencil().box(x + 3, cup, x + 60, bottom)
    scene.paint(far_side, (122, 74, 34), blur=6, opacity=0.8, within=tee)
    under_ball = Stencil().disc((x, cup), 60, tall=0.3)
    scene.paint(under_ball, (70, 40, 18), blur=6, opacity=0.7, within=tee)


def _paint_dimples(scene: Scene, centre: Point, radius: float) -> None:
    """Hollows: dark on the side toward the light, bright on the other."""
    dimples = Stencil()
    for number in range(DIMPLES):
        # A spiral from pole to pole, as in a sunflower, spaces the dimples evenly.
        height = 1 - (2 * number + 1) / DIMPLES
        ring, turn = math.sqrt(1 - height * height), number * GOLDEN_ANGLE + 0.4
        across, depth = ring * math.cos(turn), ring * math.sin(turn)
        up = height * math.cos(SPIRAL_TILT) - depth * math.sin(SPIRAL_TILT)
        depth = height * math.sin(SPIRAL_TILT) + depth * math.cos(SPIRAL_TILT)
        if depth > 0.1:
            dimples.polygon(*_seen_on_sphere(centre, radius, (across, up, depth)))
    ball = Stencil().disc(centre, radius)
    scene.paint(dimples, (150, 160, 164), blur=1.5, opacity=0.3, within=ball)
    toward_light = dimples.without(dimples.moved(4, 5))
    scene.paint(toward_light, (72, 84, 92), blur=2, opacity=0.62, within=dimples)
    away = dimples.without(dimples.moved(-3, -4))
    scene.paint(away, WHITE, blur=1.5, opacity=0.9, within=dimples)


def _seen_on_sphere(centre: Point, radius: float, place: tuple[float, float, float]) -> list[Point]:
    """The outline of a dimple at ``place``, narrower near the edge of the ball."""
    across, up, depth = place
    tilt = math.atan2(up, across)
    outline = []
    for corner in range(24):
        angle = corner / 24 * math.tau
        out, along = DIMPLE * depth * math.cos(angle), DIMPLE * math.sin(angle)
        x = across + out * math.cos(tilt) - along * math.sin(tilt)
        y = up + out * math.sin(tilt) + along * math.cos(tilt)
        outline.append((centre[0] + x * radius, centre[1] - y * radius))
    return outline
