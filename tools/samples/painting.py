"""Painting: shapes to paint through, gradients to paint with, and a scene to paint on.

Places and lengths are in units of which a scene is ``WIDTH`` wide and ``HEIGHT`` high, the origin
at the top left. It is drawn at ``SCALE`` pixels a unit and shrunk to ``PICTURE`` at the end, which
smooths the edges that Pillow draws jagged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

WIDTH, HEIGHT = 720, 540
SCALE = 4
PICTURE = (640, 480)
_CANVAS = (WIDTH * SCALE, HEIGHT * SCALE)
# With half as many levels the colours look the same and the file is a fifth smaller.
EVEN_LEVELS = [min(255, (level + 1) // 2 * 2) for level in range(256)]
# How far shapes that fill the picture reach past its edges, so that blurring does not fade them.
BLEED = 80

Point = tuple[float, float]
Colour = tuple[int, int, int]
Paint = Colour | Image.Image

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)


def _scaled(*points: Point) -> list[Point]:
    return [(x * SCALE, y * SCALE) for x, y in points]


class Stencil:
    """A shape to paint through: each figure drawn adds to it, or cuts a piece off it."""

    def __init__(self, mask: Image.Image | None = None) -> None:
        self.mask = mask or Image.new("L", _CANVAS)
        self._draw = ImageDraw.Draw(self.mask)

    def disc(self, centre: Point, radius: float, *, tall: float = 1, cut: bool = False) -> Stencil:
        """Add (or cut) a disc, or an ellipse ``tall`` times as high as it is wide."""
        x, y = centre
        corners = _scaled((x - radius, y - radius * tall), (x + radius, y + radius * tall))
        self._draw.ellipse(corners, fill=0 if cut else 255)
        return self

    def box(
        self, left: float, top: float, right: float, bottom: float, *, corner: float = 0
    ) -> Stencil:
        """Add a rectangle, its corners rounded to the radius ``corner``."""
        corners = _scaled((left, top), (right, bottom))
        self._draw.rounded_rectangle(corners, corner * SCALE, fill=255)
        return self

    def below(self, top: float) -> Stencil:
        """Add everything from ``top`` downwards."""
        return self.box(-BLEED, top, WIDTH + BLEED, HEIGHT + BLEED)

    def polygon(self, *points: Point) -> Stencil:
        """Add a polygon."""
        self._draw.polygon(_scaled(*points), fill=255)
        return self

    def line(self, start: Point, end: Point, width: float) -> Stencil:
        """Add a line with flat ends."""
        self._draw.line(_scaled(start, end), fill=255, width=round(width * SCALE))
        return self

    def text(self, place: Point, words: str, size: float, anchor: str = "mm") -> Stencil:
        """Add words in the font that is part of Pillow."""
        font = ImageFont.load_default(size * SCALE)
        self._draw.text(_scaled(place)[0], words, fill=255, font=font, anchor=anchor)
        return self

    def turned(self, degrees: float, centre: Point) -> Stencil:
        """The shape turned counterclockwise about ``centre``."""
        return Stencil(turned(self.mask, degrees, centre))

    def moved(self, right: float, down: float) -> Stencil:
        """The shape moved."""
        mask = Image.new("L", _CANVAS)
        mask.paste(self.mask, (round(right * SCALE), round(down * SCALE)))
        return Stencil(mask)

    def without(self, other: Stencil) -> Stencil:
        """The shape without the part that ``other`` covers."""
        return Stencil(ImageChops.subtract(self.mask, other.mask))


class Scene:
    """A picture to paint on."""

    def __init__(self, background: Image.Image) -> None:
        self.canvas = background

    def paint(
        self,
        stencil: Stencil,
        paint: Paint,
        *,
        blur: float = 0,
        opacity: float = 1,
        within: Stencil | None = None,
    ) -> None:
        """Paint through ``stencil``, blurred, only inside ``within``."""
        mask = stencil.mask
        if blur:
            mask = mask.filter(ImageFilter.GaussianBlur(blur * SCALE))
        if within:
            mask = ImageChops.multiply(mask, within.mask)
        if opacity < 1:
            mask = mask.point([round(level * opacity) for level in range(256)])
        layer = paint if isinstance(paint, Image.Image) else Image.new("RGB", _CANVAS, paint)
        self.canvas.paste(layer, (0, 0), mask)

    def finished(self) -> Image.Image:
        """The picture at its final size."""
        picture = self.canvas.resize(PICTURE, Image.Resampling.HAMMING)
        return picture.point(EVEN_LEVELS * 3)


def turned(image: Image.Image, degrees: float, centre: Point) -> Image.Image:
    """``image``, as large as a canvas, turned counterclockwise about ``centre``."""
    return image.rotate(degrees, Image.Resampling.BICUBIC, center=_scaled(centre)[0])


def downward(top: float, bottom: float, *colours: Colour) -> Image.Image:
    """A gradient through ``colours`` from the height ``top`` to the height ``bottom``."""
    size = (_CANVAS[0], round((bottom - top) * SCALE))
    ramp = Image.new("L", _CANVAS)
    ramp.paste(255, (0, round(top * SCALE), *_CANVAS))
    smooth = Image.linear_gradient("L").resize(size, Image.Resampling.BICUBIC)
    ramp.paste(smooth, (0, round(top * SCALE)))
    return _coloured(ramp, colours)


def outward(centre: Point, radius: float, *colours: Colour) -> Image.Image:
    """A gradient through ``colours`` from ``centre`` to ``radius`` around it."""
    (x, y), side = centre, round(2 * radius * SCALE)
    ramp = Image.new("L", _CANVAS, 255)
    smooth = Image.radial_gradient("L").resize((side, side), Image.Resampling.BICUBIC)
    ramp.paste(smooth, (round((x - radius) * SCALE), round((y - radius) * SCALE)))
    return _coloured(ramp, colours)


def _coloured(ramp: Image.Image, colours: Sequence[Colour]) -> Image.Image:
    """``ramp``, whose levels 0 to 255 become the colours from the first to the last."""
    levels = [level / 255 * (len(colours) - 1) for level in range(256)]
    bands = []
    for shades in zip(*colours, strict=True):
        steps = (*shades, shades[-1])
        table = [
            round(steps[int(at)] + (steps[int(at) + 1] - steps[int(at)]) * (at % 1))
            for at in levels
        ]
        bands.append(ramp.point(table))
    return Image.merge("RGB", bands)


def around(centre: Point, degrees: float, reach: float) -> Point:
    """The point ``reach`` away from ``centre``, ``degrees`` clockwise from straight up."""
    angle = math.radians(degrees)
    return centre[0] + reach * math.sin(angle), centre[1] - reach * math.cos(angle)
