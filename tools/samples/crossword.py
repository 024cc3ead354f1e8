"""A crossword puzzle, half solved."""

from __future__ import annotations

import random
from collections.abc import Iterator

from PIL import Image

from samples.painting import (
    BLACK,
    HEIGHT,
    WIDTH,
    Colour,
    Paint,
    Point,
    Scene,
    Stencil,
    downward,
    outward,
    turned,
)

# The solution; dots are the black squares.
GRID = (
    "CASK.SKETCH",
    "A.U.D.I...I",
    "BIB.EFT.ALP",
    "B.M.N.E.R..",
    "AGARIC.STAR",
    "G.R.M.C.I.I",
    "EGIS.BEACON",
    "..N.S.L.H.G",
    "ICE.EEL.OWL",
    "N...M.O.K.E",
    "KELPIE.NEST",
)
CLUES = {
    "CASK": "Barrel",
    "SKETCH": "Hasty drawing",
    "BIB": "Keeps a baby clean",
    "EFT": "Small newt",
    "ALP": "Swiss height",
    "AGARIC": "Gilled mushroom",
    "STAR": "It shines at night",
    "EGIS": "Shield of Zeus",
    "BEACON": "Warning to ships",
    "ICE": "Skater's floor",
    "EEL": "Slippery customer",
    "OWL": "Night watcher",
    "KELPIE": "Australian sheepdog",
    "NEST": "Home of twigs",
    "CABBAGE": "It ends in coleslaw",
    "SUBMARINE": "Boat that likes to sink",
    "KITE": "Flies on a string",
    "HIP": "Fruit of a rose",
    "DENIM": "What jeans are made of",
    "ARTICHOKE": "Thistle with a heart",
    "RINGLET": "Curl, or butterfly",
    "CELLO": "Held between the knees",
    "SEMI": "Half a house",
    "INK": "Squid's defence",
}
SOLVED = ("CASK", "SKETCH", "CABBAGE", "KITE", "AGARIC", "ALP", "ARTICHOKE", "NEST", "DENIM")

SEED = 5
CELL = 40
LEFT, TOP = 78, 62
CLUES_LEFT = LEFT + CELL * len(GRID) + 22
# The mean width of the letters of a clue.
LETTER = 5.4
TILT = 3
CENTRE: Point = (WIDTH / 2, HEIGHT / 2)

INK: Colour = (30, 29, 32)
GRAPHITE: Colour = (54, 66, 104)
OAK: tuple[Colour, ...] = ((176, 122, 78), (134, 86, 50), (92, 56, 32))


def draw_crossword_puzzle() -> Image.Image:
    """A page with a crossword on a wooden table, and the pencil."""
    scene = Scene(outward((160, 60), 760, *OAK))
    page = Stencil().box(36, -30, 900, 526).turned(TILT, CENTRE)
    scene.paint(page.moved(-4, 8), BLACK, blur=12, opacity=0.6)
    scene.paint(page, turned(_printed_page(), TILT, CENTRE))
    _paint_pencil(scene)
    return scene.finished()


def _printed_page() -> Image.Image:
    page = Scene(outward((220, 120), 780, (255, 253, 246), (246, 241, 229), (220, 211, 192)))
    side = CELL * len(GRID)
    page.paint(Stencil().box(LEFT - 3, TOP - 3, LEFT + side + 3, TOP + side + 3), INK)
    squares = Stencil()
    for row, column in _white_squares():
        x, y = LEFT + column * CELL, TOP + row * CELL
        squares.box(x + 0.75, y + 0.75, x + CELL - 0.75, y + CELL - 0.75)
    page.paint(squares, (255, 254, 250))
    _print_clues(page)
    _pencil_answers(page)
    return page.canvas


def _white_squares() -> Iterator[tuple[int, int]]:
    for row, letters in enumerate(GRID):
        for column, letter in enumerate(letters):
            if letter != ".":
                yield row, column


def _entries() -> Iterator[tuple[int, str, str, tuple[int, int]]]:
    """Each answer's number, direction, letters and first square."""
    columns = ["".join(letters) for letters in zip(*GRID, strict=True)]
    number = 0
    for row, column in _white_squares():
        found = []
        for direction, line, at in (("Across", GRID[row], column), ("Down", columns[column], row)):
            word = line[at:].split(".")[0]
            if len(word) > 1 and (at == 0 or line[at - 1] == "."):
                found.append((direction, word))
        number += bool(found)
        for direction, word in found:
            yield number, direction, word, (row, column)


def _print_clues(page: Scene) -> None:
    print_, struck = Stencil(), Stencil()
    for number, _, _, (row, column) in _entries():
        print_.text((LEFT + column * CELL + 3, TOP + row * CELL + 2), str(number), 10.5, "la")
    y = TOP + 4.0
    for direction in ("Across", "Down"):
        print_.text((CLUES_LEFT, y), direction.upper(), 14, "lm")
        y += 19
        for number, _, word, _ in filter(lambda entry: entry[1] == direction, _entries()):
            print_.text((CLUES_LEFT + 14, y), str(number), 11.5, "rm")
            clue = f"{CLUES[word]} ({len(word)})"
            print_.text((CLUES_LEFT + 20, y), clue, 11.5, "lm")
            if word in SOLVED:
                end = CLUES_LEFT + 20 + len(clue) * LETTER
                struck.line((CLUES_LEFT + 16, y + 2), (end, y - 1), 1.2)
            y += 16
        y += 8
    page.paint(print_, INK)
    page.paint(struck, GRAPHITE, blur=0.3, opacity=0.7)


def _pencil_answers(page: Scene) -> None:
    rng = random.Random(SEED)
    squares = {}
    for _, direction, word, (row, column) in _entries():
        if word in SOLVED:
            down = direction == "Down"
            for step, letter in enumerate(word):
                squares[(row + step * down, column + step * (not down))] = letter
    letters = Stencil()
    for (row, column), letter in squares.items():
        # Handwriting is uneven.
        x = LEFT + (column + 0.54) * CELL + rng.uniform(-2, 2)
        y = TOP + (row + 0.56) * CELL + rng.uniform(-2, 2)
        letters.text((x, y), letter, rng.uniform(25, 28))
    page.paint(letters, GRAPHITE, blur=0.35, opacity=0.88)


def _paint_pencil(scene: Scene) -> None:
    """A yellow pencil, drawn horizontally and then rotated."""
    tip, y, half, degrees = 352.0, 440.0, 11.0, -22

    def paint(shape: Stencil, colour: Paint) -> None:
        scene.paint(shape.turned(degrees, (tip, y)), colour)

    cone, ferrule, rubber = tip + 46, tip + 318, tip + 350
    whole = Stencil().polygon((tip, y), (cone, y - half), (cone, y + half))
    whole.box(cone, y - half, rubber + 28, y + half, corner=2)
    scene.paint(whole.turned(degrees, (tip, y)).moved(5, 13), BLACK, blur=6, opacity=0.5)
    wood = Stencil().polygon((tip, y), (cone + 6, y - half), (cone + 6, y + half))
    paint(wood, downward(y - half, y + half, (246, 214, 168), (206, 156, 104)))
    lead = Stencil().polygon((tip, y), (tip + 15, y - 3.6), (tip + 15, y + 3.6))
    paint(lead, (48, 48, 54))
    facets: tuple[tuple[float, Colour], ...] = (
        (-half, (255, 216, 92)),
        (-half / 2.4, (248, 184, 36)),
        (half / 2, (198, 128, 16)),
    )
    for top, colour in facets:
        facet = Stencil().box(cone, y + top, ferrule, y + half).disc((cone, y + top + 4), 5)
        paint(facet, colour)
    metal = downward(y - half, y + half, (236, 236, 238), (176, 178, 184), (96, 98, 106))
    paint(Stencil().box(ferrule, y - half, rubber, y + half), metal)
    pink = downward(y - half, y + half, (246, 168, 166), (206, 104, 108))
    paint(Stencil().box(rubber, y - half, rubber + 28, y + half, corner=6), pink)
