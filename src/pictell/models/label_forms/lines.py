"""Lines of names, with or without numbers: ``0 cat``, ``0: cat``, ``1) cat``, ``cat,0``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from pictell.models.label_forms.flow import unescape
from pictell.models.label_forms.numbers import (
    are_dense,
    are_distinct,
    as_read,
    by_number,
    check_only_index,
    problem,
)
from pictell.models.label_forms.values import MACHINE_ID, SYNSET, FormError

LEFT = re.compile(
    r"(?P<word>(?i:class|label|index|id|nr|no)?[ ._#]{0,2})(?:[\[(](?=[0-9]{1,9}[\])]))?"
    r"(?P<number>[0-9]{1,9})(?P<between>\t\s*+|\s*+[\])]?+\s*+(?:[-=]>|[:;,|=.\-–—→])?\s*+)"
    r"(?P<name>\S.*)"
)
DIGITS = "0123456789"
DASHES = "-–—"
BULLET = re.compile(r"[*•]\s+(\S.*)")
WITH_COMMA = re.compile(r".*[^:;,|=\s][,;]")
MARKS = ("->", "=>", " -", " –", " —", *":;,|=→")
WITH_SYNSET = re.compile(rf"({SYNSET.pattern})\s+(\S.*)")
WITH_MACHINE_ID = re.compile(rf"{MACHINE_ID.pattern}(?:\s*[,;]\s*|\s+)(\S.*)")
QUOTED = re.compile(r"""("(?:[^"\\]|\\.|"")*+"|'(?:[^']|'')*+'),?""")
# The numbers belong to the names if a larger share of the names than 1 in this number repeats.
MOST_DIFFER = 20
REMEDY = "if the numbers belong to the names, write the names as a list in JSON"


class Part(NamedTuple):
    """The number and the name in a line.

    ``strong``: more than a space is between them. ``may_be_one``: together they may be a range or a
    decimal number, as in ``3 - 5 years`` and ``1.5 litres``.
    """

    number: int
    name: str
    strong: bool
    may_be_one: bool = False


def read_lines(text: str) -> list[str]:
    """The names in a text of lines, sorted by their numbers. Raises ``FormError``."""
    # str.splitlines also splits at form feeds and other characters.
    lines = [line.strip() for line in text.split("\n")]
    for number, line in enumerate(lines, start=1):
        if not line:
            raise FormError(f"line {number} is blank, which would shift the labels after it")
    names = by_index(_without_commas(_inner(BULLET, lines)))
    return [unquoted(name) for name in _inner(WITH_MACHINE_ID, names)]


def by_index(lines: Sequence[str]) -> Sequence[str]:
    """The lines sorted by their numbers and without them, or as they are without an index.

    Numbers before or after the names are an index if they are complete from 0 or 1 and the names
    differ without them. Raises ``FormError`` if they look like an index and are none.
    """
    errors = []
    for split, number_first in ((_left, True), (_right, False), (_after_synset, True)):
        try:
            names = _indexed([*map(split, lines)], lines, number_first)
        except FormError as error:
            errors.append(error)
        else:
            if names is not None:
                return names
    if errors:
        raise errors[0]
    return lines


def unquoted(name: str) -> str:
    """A name that is wholly in quotes, without them."""
    match = QUOTED.fullmatch(name)
    if match is None or len(match[1]) == 2:
        return name
    quote, inner = match[1][0], match[1][1:-1]
    inner = inner.replace(2 * quote, quote)
    try:
        return unescape(inner) if quote == '"' else inner
    except ValueError:
        return inner


def _left(line: str) -> Part | None:
    match = LEFT.fullmatch(line)
    if match is None or not match["between"]:
        return None
    between, name = match["between"], match["name"]
    mark, apart, digit = between.strip(), between[-1].isspace(), name[0] in DIGITS
    dash = mark != "" and mark in DASHES
    may_be_one = digit and (dash or (mark == "." and not apart))
    strong = bool(mark or "\t" in between) and (apart or not (digit or dash))
    # ``class 0: cat``, but not ``class 1 laser``.
    if match["word"] and not strong:
        return None
    return Part(int(match["number"]), name, strong and not may_be_one, may_be_one)


def _right(line: str) -> Part | None:
    if not line.endswith(tuple(DIGITS)):
        return None
    before = line.rstrip(DIGITS)
    digits = line[len(before) :]
    name = before.rstrip()
    mark = next((mark for mark in MARKS if name.endswith(mark)), "")
    if not before.endswith("\t"):
        name = name.removesuffix(mark).rstrip()
    between = before[len(name) :]
    if not name or not between or not 1 <= len(digits) <= 9:
        return None
    return Part(int(digits), name, not between.isspace() or "\t" in between)


def _after_synset(line: str) -> Part | None:
    """As in ``map_clsloc.txt``: ``n02119789 1 kit_fox``."""
    match = WITH_SYNSET.fullmatch(line)
    if match is None or (part := _left(match[2])) is None:
        return None
    return part._replace(name=f"{match[1]} {part.name}")


def _indexed(
    parts: Sequence[Part | None], lines: Sequence[str], number_first: bool
) -> list[str] | None:
    """The names by their numbers, or ``None`` if the numbers are no index."""
    known = [part for part in parts if part is not None]
    if 2 * sum(part.may_be_one for part in known) > len(known):
        return None
    numbers, names = [part.number for part in known], [part.name for part in known]
    strong = bool(known) and all(part.strong for part in known)
    if len(known) < len(lines):
        if strong and number_first:
            _check_few(numbers, parts, lines)
        return None
    wrong = problem(numbers)
    if _repeat(names):
        if wrong is None and number_first and numbers != sorted(numbers):
            wrong = "the lines are not in the order of their numbers, without which names repeat"
            raise FormError(f"{wrong}; {as_read(numbers, names)}; {REMEDY}")
        return None
    if wrong is None:
        check_only_index(numbers, names)
        # One line such as ``class 1`` shows no index.
        return by_number(numbers, names) if number_first or strong or len(lines) > 1 else None
    dense = are_dense(numbers)
    if (dense and (strong or number_first)) or (strong and number_first and are_distinct(numbers)):
        raise FormError(f"{wrong}; {as_read(numbers, names)}; {REMEDY}")
    return None


def _check_few(numbers: Sequence[int], parts: Sequence[Part | None], lines: Sequence[str]) -> None:
    """Raise ``FormError`` if most lines have a number that looks like an index."""
    if 2 * len(numbers) > len(lines) > 2 and are_dense(numbers):
        at = parts.index(None)
        raise FormError(
            f"line {at + 1}, {lines[at]!r:.60}, has no number, but most lines have; {REMEDY}"
        )


def _repeat(names: Sequence[str]) -> bool:
    return MOST_DIFFER * (len(names) - len(set(names))) > len(names)


def _inner(pattern: re.Pattern[str], lines: Sequence[str]) -> Sequence[str]:
    """The first group of the pattern in each line, if all lines match it."""
    matches = [match for match in map(pattern.fullmatch, lines) if match]
    return [match[1] for match in matches] if len(matches) == len(lines) else lines


def _without_commas(lines: Sequence[str]) -> Sequence[str]:
    """The lines without commas at their ends, if all lines but the last end in one."""
    if len(lines) > 2 and all(map(WITH_COMMA.fullmatch, lines[:-1])):
        return [line.removesuffix(",").removesuffix(";") for line in lines]
    return lines
