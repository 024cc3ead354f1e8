"""Files that travel with a photo, by their names."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pictell.collection.companions import find_groups, without_paired_raws
from pictell.errors import SourceNotFoundError
from pictell.types import Source

FOLDER = Path("photos")


def groups_of(photos: str, others: str) -> list[str]:
    """The groups of photos in a folder that has other files too."""
    paths = [FOLDER / name for name in photos.split()]
    names = [*photos.split(), *others.split()]
    return [
        " ".join(member.name for member in group.members)
        for group in find_groups(paths, lambda folder: names)
    ]


@pytest.mark.parametrize(
    ("photos", "others", "groups"),
    [
        ("a.jpg", "a.jpg.xmp a.xmp a.AAE a.MOV", ["a.jpg a.AAE a.MOV a.xmp a.jpg.xmp"]),
        ("a.jpg", "b.xmp a.txt ab.xmp a.jpg.txt a.png A.xmp", ["a.jpg"]),
        ("a.JPG", "a.jpg.XMP", ["a.JPG a.jpg.XMP"]),
        ("a.jpg", "a.CR2 a.CR2.xmp a.xmp", ["a.jpg a.CR2 a.xmp a.CR2.xmp"]),
        # Also if the raw is a photo that could be read, or the only one that is named.
        ("a.dng a.jpg", "a.xmp", ["a.jpg a.dng a.xmp"]),
        ("a.dng", "a.jpg a.jpg.xmp", ["a.dng a.jpg a.jpg.xmp"]),
        # Other pictures with the same name are other photos; the first has what they share.
        ("a.jpg a.heic", "a.xmp a.heic.xmp", ["a.jpg a.xmp", "a.heic a.heic.xmp"]),
        ("b.jpg a.jpg", "a.xmp b.xmp", ["b.jpg b.xmp", "a.jpg a.xmp"]),
        # A phone's edited version.
        (
            "IMG_E1234.JPG IMG_1234.HEIC",
            "IMG_1234.AAE IMG_E1234.MOV IMG_1234.MOV IMG_O1234.AAE",
            [
                "IMG_1234.HEIC IMG_1234.AAE IMG_1234.MOV IMG_E1234.JPG IMG_E1234.MOV IMG_O1234.AAE",
            ],
        ),
        ("IMG_E1234.JPG", "IMG_1234.AAE", ["IMG_E1234.JPG IMG_1234.AAE"]),
        ("IMG_E1234.JPG", "IMG_1234.AAE IMG_1234.HEIC", ["IMG_E1234.JPG"]),
    ],
)
def test_what_belongs_together(photos: str, others: str, groups: list[str]) -> None:
    assert groups_of(photos, others) == groups


def test_files_of_another_folder_do_not_belong_to_a_photo() -> None:
    listing = {Path("a"): ["1.jpg"], Path("b"): ["1.xmp", "2.jpg"]}
    photos = [Path("a/1.jpg"), Path("b/2.jpg")]
    assert [len(group.members) for group in find_groups(photos, listing.__getitem__)] == [1, 1]


def test_a_photo_that_vanished_is_still_a_group() -> None:
    assert [g.members[0].name for g in find_groups([FOLDER / "a.jpg"], lambda folder: [])] == [
        "a.jpg"
    ]


STEMS = st.sampled_from(["IMG_1234", "IMG_E1234", "IMG_O1234", "a", "A", "a.b", ".a"])
SUFFIXES = st.sampled_from([".jpg", ".JPG", ".heic", ".cr2", ".dng", ".xmp", ".aae", ".mov", ""])
NAMES = st.builds(lambda *parts: "".join(parts), STEMS, SUFFIXES, st.sampled_from(["", ".xmp"]))


@given(st.sets(NAMES), st.data())
def test_every_photo_is_in_one_group_and_no_file_in_two(
    names: set[str], data: st.DataObject
) -> None:
    photos = (
        [FOLDER / n for n in data.draw(st.lists(st.sampled_from(sorted(names)), unique=True))]
        if names
        else []
    )
    groups = list(find_groups(photos, lambda folder: names))
    members = [member.name for group in groups for member in group.members]
    assert len(set(members)) == len(members)
    assert {path.name for path in photos} <= set(members) <= names
    assert all(photos[g.photo].name == g.members[0].name for g in groups)


def test_a_raw_with_its_picture_is_not_another_photo() -> None:
    missing = Source("x", SourceNotFoundError("no"))
    paths = [Path(name) for name in ("a/1.jpg", "a/1.CR2", "b/1.CR2", "a/2.nef")]
    sources = [*(Source(str(path), path) for path in paths), missing]
    kept = without_paired_raws(sources)
    assert [source.name for source in kept] == ["a/1.jpg", "b/1.CR2", "a/2.nef", "x"]
