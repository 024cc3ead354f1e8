"""Misspelled names: those that differ from the right ones by a slip or two."""

from __future__ import annotations

from collections.abc import Iterable

# From this length on, a word can have two slips.
LONG = 7
# In shorter words, a wrong letter makes another word.
MIN_WRONG = 6
# In shorter words, only swapped letters are told from another word.
MIN_LETTERS = 4


def nearest(word: str, names: Iterable[str], most: int) -> list[str]:
    """The names that ``word`` may be a misspelling of, at most ``most``, the nearest first.

    A slip is a letter that is missing, wrong or too many, or two neighbours that are swapped. The
    first letter is right, unless the letters are the same. Both are compared as they are.
    """
    allowed = 2 if len(word) >= LONG else 1
    near = [name for name in names if abs(len(name) - len(word)) <= allowed]
    found = [(_slips(word, name), name) for name in near if _is_similar(word, name)]
    return [name for slips, name in sorted(found, key=lambda one: one[0]) if slips <= allowed][
        :most
    ]


def _is_similar(word: str, name: str) -> bool:
    """Whether one may be meant as the other: cake is no cuke, and a wedding no bedding."""
    if sorted(word) == sorted(name):
        return True
    if word[:1] != name[:1] or len(word) < MIN_LETTERS:
        return False
    return len(word) >= MIN_WRONG or len(word) != len(name)


def _slips(one: str, other: str) -> int:
    """The optimal string alignment distance (Damerau 1964)."""
    before, row = list[int](), list(range(len(other) + 1))
    for i, a in enumerate(one):
        after = [i + 1]
        for j, b in enumerate(other):
            slips = min(row[j + 1] + 1, after[j] + 1, row[j] + (a != b))
            if i and j and a == other[j - 1] and one[i - 1] == b:
                slips = min(slips, before[j - 1] + 1)
            after.append(slips)
        before, row = row, after
    return row[-1]
