"""The tool that builds the taxonomy of the default model."""

from pathlib import Path

import pytest

import build_taxonomy as tool
from pictell.types import Label

LICENCE = "  1 This software and database is being provided to you, the LICENSEE, by\n"
NOUNS = f"""\
{LICENCE}00000001 03 n 01 animal 0 000 | it lives
00000002 05 n 02 cat 0 true_cat 0 002 @ 00000001 n 0000 ~ 00000003 n 0000 | a | b
00000003 05 n 01 tabby 0 002 @ 00000002 n 0000 @ 00000004 n 0000 | striped
00000004 05 n 0a a 0 b 0 c 0 d 0 e 0 f 0 g 0 h 0 i 0 j 0 001 @ 00000001 n 0000 | it is kept
00000005 18 n 01 Felix 0 001 @i 00000002 n 0000 | a cat
"""
HYPERNYMS = {
    "n00000001": (),
    "n00000002": ("n00000001",),
    "n00000003": ("n00000002", "n00000004"),
    "n00000004": ("n00000001",),
    "n00000005": ("n00000002",),
}
TABBY, FELIX = Label("tabby", "n00000003"), Label("Felix", "n00000005")


def parents_of(outline: str, *labels: Label) -> list[str]:
    names = tool.read_outline(outline)
    return [names[place].text for place in tool.find_parents(labels, names, HYPERNYMS)]


def test_wordnets_nouns_and_their_hypernyms(tmp_path: Path) -> None:
    path = tmp_path / "data.noun"
    path.write_text(NOUNS)
    assert tool.read_hypernyms(path) == HYPERNYMS


def test_an_outline() -> None:
    animal, cat, pet, thing = tool.read_outline(
        "# names\n\n(animal): n00000001 n00000009\n  cat: n00000002; tabby, big cat\n"
        "  pet: ; Felix\nthing: n1\n"
    )
    assert animal == tool.Name("animal", None, ("n00000001", "n00000009"), (), heading=True)
    assert cat == tool.Name("cat", 0, ("n00000002",), ("tabby", "big cat"), heading=False)
    assert pet == tool.Name("pet", 0, (), ("Felix",), heading=False)
    assert thing.parent is None
    assert (animal.identifier, pet.identifier) == ("n00000001", "pet")


def test_a_class_belongs_to_the_nearest_name() -> None:
    assert parents_of("animal: n00000001\n  cat: n00000002\n", TABBY, FELIX) == ["cat", "cat"]
    assert parents_of("animal: n00000001\n", TABBY, FELIX) == ["animal", "animal"]


def test_of_two_equally_near_names_the_lower_id_wins() -> None:
    assert parents_of("pet: n00000004\ncat: n00000002\n", TABBY) == ["cat"]


def test_a_class_belongs_to_the_name_that_lists_it() -> None:
    assert parents_of("pet: ; tabby\ncat: n00000002\n", TABBY, FELIX) == ["pet", "cat"]


@pytest.mark.parametrize(
    ("outline", "message"),
    [
        ("pet: ; tabbi\n", "no such classes: tabbi"),
        ("pet: ; tabby\ncat: ; tabby\n", "tabby is listed twice"),
        ("pet: n00000001\ncat: n00000001\n", "n00000001 is listed twice"),
        ("pet: n00000004\n", "nothing is above Felix"),
    ],
)
def test_a_wrong_outline_is_refused(outline: str, message: str) -> None:
    with pytest.raises(SystemExit, match=message):
        parents_of(outline, TABBY, FELIX)


@pytest.mark.parametrize(
    ("outline", "message"),
    [
        ("animal: n00000001\n  pet: ; tabby\n", "pet has fewer than two classes below it"),
        ("animal: n00000001\n  cat: n00000002\n", "cat has the same classes as animal"),
        ("Felix: n00000001\n", "names that are used twice: Felix"),
    ],
)
def test_redundant_names_are_refused(outline: str, message: str) -> None:
    names = tool.read_outline(outline)
    labels = [TABBY, FELIX]
    with pytest.raises(SystemExit, match=message):
        tool.check(names, labels, tool.find_parents(labels, names, HYPERNYMS))


@pytest.mark.skipif(not tool.NOUNS.exists(), reason="wordnet-base is not installed")
def test_the_file_in_the_package_is_what_the_tool_writes() -> None:
    assert tool.TAXONOMY.read_text(encoding="utf-8") == tool.build()
