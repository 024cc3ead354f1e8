"""Misspelled names."""

import pytest

from pictell.models.spelling import nearest

NAMES = ("dog", "cat", "cart", "bicycle", "bedding", "cuke", "house mouse", "beagle", "strawberry")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("dgo", ["dog"]),
        ("catt", ["cat"]),
        ("bycicle", ["bicycle"]),
        ("beagel", ["beagle"]),
        ("beegle", ["beagle"]),
        ("obeagle", []),
        ("strabery", ["strawberry"]),
        ("wedding", []),
        ("cake", []),
        ("house", []),
        ("dug", []),
        ("", []),
    ],
)
def test_only_slips_are_misspellings(word: str, meant: list[str]) -> None:
    assert nearest(word, NAMES, 3) == meant
