"""Files go to their places, the files of a group together."""

from pathlib import Path

import pytest

from file_trees import tree
from pictell.collection.changes import Changes
from pictell.collection.placing import PlacedGroup, Placement
from pictell.collection.sorting import Way, sort_groups


def group(folder: Path, *names: str) -> PlacedGroup:
    files = [Placement(folder / "in" / name, folder / "out" / name) for name in names]
    return PlacedGroup(tuple(files), frozenset([folder / "in" / names[0]]), sure=True)


def errors(folder: Path, groups: list[PlacedGroup], way: Way) -> list[type[OSError] | None]:
    with Changes.begin("sort", folder / "journals") as changes:
        outcomes = [one for _, some in sort_groups(changes, groups, way) for one in some]
    return [None if one.error is None else type(one.error) for one in outcomes]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for name in ("a.jpg", "a.xmp", "b.jpg"):
        (tmp_path / "in" / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize("way", ["copy", "link"])
def test_a_file_that_vanished_costs_only_itself(way: Way, folder: Path) -> None:
    groups = [group(folder, "a.jpg", "gone.mov", "a.xmp"), group(folder, "b.jpg")]
    assert errors(folder, groups, way) == [None, FileNotFoundError, None, None]
    assert sorted(tree(folder / "out")) == ["a.jpg", "a.xmp", "b.jpg"]


@pytest.mark.parametrize("names", [("a.jpg", "gone.mov", "a.xmp"), ("gone.jpg", "a.jpg", "a.xmp")])
def test_a_group_is_moved_whole_or_not_at_all(names: tuple[str, ...], folder: Path) -> None:
    before = tree(folder / "in")
    groups = [group(folder, *names), group(folder, "b.jpg")]
    found = errors(folder, groups, "move")
    assert None not in found[:3]
    assert found[3] is None
    assert tree(folder / "in") == {name: one for name, one in before.items() if name != "b.jpg"}
    assert list(tree(folder / "out")) == ["b.jpg"]


def test_a_target_that_appears_meanwhile_is_not_overwritten(folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "a.xmp").write_text("another's")
    found = errors(folder, [group(folder, "a.jpg", "a.xmp")], "move")
    assert found == [OSError, FileExistsError]
    assert (folder / "out" / "a.xmp").read_text() == "another's"
    assert (folder / "in" / "a.jpg").exists()


def test_a_copy_of_a_photo_that_failed_is_not_said_to_be_there(folder: Path) -> None:
    target = folder / "out" / "gone.jpg"
    twin = Placement(folder / "in" / "b.jpg", target, "same content")
    groups = [group(folder, "gone.jpg"), PlacedGroup((twin,), frozenset(), sure=True)]
    assert errors(folder, groups, "copy") == [FileNotFoundError, OSError]


def test_what_has_a_reason_to_stay_is_not_touched(folder: Path) -> None:
    before = tree(folder)
    stays = Placement(folder / "in" / "a.jpg", folder / "out" / "a.jpg", "same content")
    assert errors(folder, [PlacedGroup((stays,), frozenset(), sure=True)], "move") == [None]
    assert tree(folder) == before
