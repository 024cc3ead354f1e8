"""Pictures by formula that show nothing: noise, gradients, fractals, drawings, screens.

Each function gives ``count`` pictures RGB uint8 (256, 256, 3) (screens: (300, 400, 3)), the same
ones every time.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.uint8]
Field = NDArray[np.float64]
Colour = tuple[int, int, int]

SIDE = 256
SEED = 7
WORDS = (
    "the of and to in is it that for was on are as with his they at be this from have or by one "
    "had not but what all were when we there can an your which their said if do will each about "
    "how up out them then she many some so these would other into has more her two like him see "
    "time could no make than first been its who now people my made over did down only way find "
    "use may water long little very after words called just where most know"
).split()


def white_noise(count: int) -> Iterator[Pixels]:
    """Independent pixels, grey and in colour, of grains of 1 to 8 pixels and several contrasts."""
    random = np.random.default_rng(SEED)
    for index in range(count):
        side = SIDE // (1, 2, 4, 8)[index % 4]
        channels = 3 if index % 2 else 1
        noise = 0.5 + random.uniform(0.1, 0.4) * random.standard_normal((side, side, channels))
        yield _enlarged(_bytes(np.broadcast_to(noise, (side, side, 3))))


def pink_noise(count: int) -> Iterator[Pixels]:
    """Noise whose amplitude falls with the frequency to the power of 0.5 to 2."""
    random = np.random.default_rng(SEED)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE)))
    frequency[0, 0] = 1
    for index in range(count):
        falloff = frequency ** -random.uniform(0.5, 2)
        fields = [_pink(random, falloff) for _ in range(3)]
        yield _bytes(np.stack(fields if index % 2 else fields[:1] * 3, axis=-1))


def clouds(count: int) -> Iterator[Pixels]:
    """Value noise: random grids of doubling fineness, smoothly enlarged and added up."""
    random = np.random.default_rng(SEED)
    for index in range(count):
        start, octaves = int(random.integers(2, 9)), int(random.integers(2, 6))
        field = sum(
            (_smooth(random.random((start << k, start << k))) / 2**k for k in range(octaves)),
            np.zeros((SIDE, SIDE)),
        )
        weight = _unit(field)[..., np.newaxis]
        low, high = random.random((2, 3)) if index % 2 else np.array([[0.0], [1.0]])
        yield _bytes(np.broadcast_to(low + (high - low) * weight, (SIDE, SIDE, 3)))


def gradients(count: int) -> Iterator[Pixels]:
    """From one colour to another, along a line or from a point outwards."""
    random = np.random.default_rng(SEED)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    for index in range(count):
        across, down = random.uniform(-1, 1, 2)
        along = np.hypot(x - across, y - down) if index % 2 else across * x + down * y
        low, high = random.random((2, 3))
        yield _bytes(low + (high - low) * _unit(along)[..., np.newaxis])


def plain_colours(count: int) -> Iterator[Pixels]:
    """One colour: greys from black to white, then any."""
    random = np.random.default_rng(SEED)
    for index in range(count):
        grey = index * 4 / max(count - 1, 1)
        colour = np.full(3, grey) if grey <= 1 else random.random(3)
        yield _bytes(np.broadcast_to(colour, (SIDE, SIDE, 3)))


def fractals(count: int) -> Iterator[Pixels]:
    """Views of the Mandelbrot set and of Julia sets, and Sierpinski's triangle and carpet."""
    random = np.random.default_rng(SEED)
    for index in range(count):
        tint = random.uniform(0.3, 1, 3)
        if index % 4 == 3:
            pattern = _sierpinski(index)
        else:
            pattern = _escape_times(random, julia=index % 4 == 2)
        yield _bytes(pattern[..., np.newaxis] ** (1 / (3 * tint)))


def line_drawings(count: int) -> Iterator[Pixels]:
    """Black strokes on paper: straight, broken, round."""
    random = np.random.default_rng(SEED)
    for _ in range(count):
        image, draw = _canvas((255, 255, 255))
        for _ in range(int(random.integers(3, 25))):
            points = [_point(random) for _ in range(int(random.integers(2, 6)))]
            draw.line(points, fill=(0, 0, 0), width=int(random.integers(1, 5)))
            if random.random() < 0.4:
                start, end = random.uniform(0, 360, 2)
                draw.arc(_box(random), start, end, fill=(0, 0, 0), width=2)
        yield np.asarray(image)


def shapes(count: int) -> Iterator[Pixels]:
    """Filled rectangles, ellipses and triangles in any colour."""
    random = np.random.default_rng(SEED)
    for _ in range(count):
        image, draw = _canvas(_colour(random))
        for _ in range(int(random.integers(1, 15))):
            kind = int(random.integers(3))
            if kind == 0:
                draw.rectangle(_box(random), fill=_colour(random))
            elif kind == 1:
                draw.ellipse(_box(random), fill=_colour(random))
            else:
                draw.polygon([_point(random) for _ in range(3)], fill=_colour(random))
        yield np.asarray(image)


def charts(count: int) -> Iterator[Pixels]:
    """Curves and bars between axes with numbers."""
    random = np.random.default_rng(SEED)
    for index in range(count):
        image, draw = _canvas((255, 255, 255))
        draw.line([(30, 20), (30, 230), (240, 230)], fill=(0, 0, 0))
        for tick in range(5):
            draw.text((6, 222 - tick * 45), str(tick * 10), fill=(0, 0, 0), font=_font(10))
        heights = random.uniform(10, 190, 12)
        if index % 2:
            for k, height in enumerate(heights):
                left = 36 + 17 * k
                draw.rectangle((left, 229 - height, left + 12, 229), fill=_colour(random))
        else:
            for _ in range(int(random.integers(1, 4))):
                curve = 130 + np.cumsum(random.normal(0, 14, 52))
                points = [(34 + 4 * k, float(y)) for k, y in enumerate(curve)]
                draw.line(points, fill=_colour(random), width=2)
        yield np.asarray(image)


def screenshots(count: int) -> Iterator[Pixels]:
    """Terminals, editors and forms with windows, menus and text."""
    random = np.random.default_rng(SEED)
    for index in range(count):
        dark = index % 2 == 0
        ground, ink = ((24, 24, 28), (200, 210, 200)) if dark else ((250, 250, 250), (30, 30, 30))
        image = Image.new("RGB", (400, 300), ground)
        draw = ImageDraw.Draw(image)
        draw.rectangle((0, 0, 400, 18), fill=_colour(random))
        left = 8
        if index % 3:
            left = int(random.integers(60, 120))
            draw.rectangle((0, 18, left - 8, 300), fill=_colour(random))
        _write_lines(draw, random, (left, 24), ink)
        if index % 4 > 1:
            _draw_form(draw, random, left)
        yield np.asarray(image)


def _write_lines(
    draw: ImageDraw.ImageDraw, random: np.random.Generator, start: tuple[int, int], ink: Colour
) -> None:
    size = int(random.integers(8, 14))
    for top in range(start[1], 300, size + 4):
        words = " ".join(random.choice(WORDS, int(random.integers(0, 14))))
        indent = 12 * int(random.integers(0, 4))
        colour = ink if random.random() < 0.8 else _colour(random)
        draw.text((start[0] + indent, top), words, fill=colour, font=_font(size))


def _draw_form(draw: ImageDraw.ImageDraw, random: np.random.Generator, left: int) -> None:
    top = int(random.integers(30, 120))
    draw.rectangle((left + 20, top, 380, top + 150), fill=(235, 235, 240), outline=(120, 120, 120))
    for k in range(4):
        line = top + 10 + 30 * k
        draw.text((left + 28, line + 4), str(random.choice(WORDS)), fill=(0, 0, 0), font=_font(11))
        draw.rectangle(
            (left + 90, line, 360, line + 20), fill=(255, 255, 255), outline=(90, 90, 90)
        )
    draw.rectangle((310, top + 128, 370, top + 146), fill=(40, 100, 220))


def _escape_times(random: np.random.Generator, *, julia: bool) -> Field:
    """How soon z -> z² + c leaves the circle of radius 2, as 0..1 for each pixel."""
    width = 3 * 0.5 ** random.uniform(0, 5)
    centre = 0j if julia else -0.75 + 0.1j + 0.35 * np.exp(2j * np.pi * random.random())
    y, x = (np.mgrid[:SIDE, :SIDE] / SIDE - 0.5) * width
    z = centre + x + 1j * y
    c = np.full_like(z, 0.7885 * np.exp(2j * np.pi * random.random())) if julia else z.copy()
    steps = np.zeros(z.shape)
    for _ in range(60):
        inside = np.abs(z) <= 2
        z[inside] = z[inside] ** 2 + c[inside]
        steps += inside
    return steps / 60


def _sierpinski(index: int) -> Field:
    """The triangle (Pascal's, modulo 2) or the carpet, of several finenesses; 0 or 1."""
    y, x = np.mgrid[:SIDE, :SIDE] // (1, 2, 4)[index // 8 % 3]
    if index % 8 == 3:
        return np.where((x & y) == 0, 1.0, 0.0)
    holes = np.zeros(x.shape, bool)
    for k in range(6):
        holes |= (x // 3**k % 3 == 1) & (y // 3**k % 3 == 1)
    return 1.0 - holes


def _pink(random: np.random.Generator, falloff: Field) -> Field:
    spectrum = np.fft.fft2(random.standard_normal(falloff.shape)) * falloff
    return _unit(np.fft.ifft2(spectrum).real)


def _smooth(grid: Field) -> Field:
    image = Image.fromarray(grid.astype(np.float32))
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float64)


def _unit(field: Field) -> Field:
    unit: Field = (field - field.min()) / max(float(np.ptp(field)), 1e-9)
    return unit


def _bytes(values: Field) -> Pixels:
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)


def _enlarged(pixels: Pixels) -> Pixels:
    return np.asarray(Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.NEAREST))


def _canvas(ground: Colour) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (SIDE, SIDE), ground)
    return image, ImageDraw.Draw(image)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _colour(random: np.random.Generator) -> Colour:
    red, green, blue = (int(value) for value in random.integers(0, 256, 3))
    return (red, green, blue)


def _point(random: np.random.Generator) -> tuple[int, int]:
    x, y = random.integers(0, SIDE, 2)
    return int(x), int(y)


def _box(random: np.random.Generator) -> tuple[int, int, int, int]:
    (left, right), (top, bottom) = np.sort(random.integers(0, SIDE, (2, 2)), axis=1)
    return int(left), int(top), int(right), int(bottom)
