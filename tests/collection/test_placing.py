"""Where photos go, and the names they get there."""

import hashlib
import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pictell.collection.companions import RAWS
from pictell.collection.folder_names import LabelFolders, name_key
from pictell.collection.placing import By, PlacedGroup, choose_folder, place
from pictell.collection.survey import Photo
from pictell.images.formats import SUFFIXES
from pictell.results import Answer, Prediction, Result, Status
from pictell.scoring.taxonomy import build
from pictell.types import Label

LABELS = LabelFolders(build([Label("cat", "n1"), Label("dog", "n2")], [Label("animal")], [3, 3, 2]))
CAT = Answer("cat", 0.9, "n1", ("animal", "cat"), (0,))
DOG_CLASS = (Prediction("dog", 0.5, 1, "n2"),)
JUNE = datetime(2024, 6, 1)


@pytest.mark.parametrize(
    ("result", "taken", "by", "folder"),
    [
        (Result("", "", Status.SURE, CAT, DOG_CLASS), JUNE, ("label",), "animal/cat"),
        (Result("", "", Status.LIKELY, CAT, DOG_CLASS), None, ("label",), "animal/cat"),
        (Result("", "", Status.UNSURE, None, DOG_CLASS), JUNE, ("label",), "not-sure"),
        (Result("", "", Status.UNKNOWN, None, DOG_CLASS), JUNE, ("label",), "not-sure"),
        (Result("", "", None, None, DOG_CLASS), JUNE, ("label",), "animal/dog"),
        (Result("", "", Status.SURE, CAT), JUNE, ("date",), "2024/06"),
        (Result("", "", Status.SURE, CAT), None, ("date",), "no-date"),
        (Result("", "", Status.SURE, CAT), JUNE, ("date", "label"), "2024/06/animal/cat"),
        (Result("", "", Status.SURE, CAT), JUNE, ("label", "date"), "animal/cat/2024/06"),
        (Result("", "", Status.UNSURE), None, ("date", "label"), "no-date/not-sure"),
        (Result("", "", Status.SURE, CAT), datetime(33, 1, 1), ("date",), "0033/01"),
    ],
)
def test_the_folder_of_a_photo(
    result: Result, taken: datetime | None, by: tuple[By, ...], folder: str
) -> None:
    assert choose_folder(Photo(Path("a"), "", taken), result, LABELS, by) == PurePath(folder)


def test_an_answer_without_a_wanted_status_has_no_folder() -> None:
    for status, folder in ((Status.SURE, "animal/cat"), (Status.LIKELY, "not-sure")):
        result = Result("", "", status, CAT, DOG_CLASS)
        found = choose_folder(
            Photo(Path("a"), "", None), result, LABELS, ("label",), (Status.SURE,)
        )
        assert found == PurePath(folder)


def photo(path: Path, content: str) -> Photo:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return Photo(path, hashlib.sha256(content.encode()).hexdigest(), None)


def placed(
    photos: Iterable[Photo], into: Path, *, moves: bool = False, folder: str = "cat"
) -> list[str]:
    """Where the files go, or why they stay."""
    some = list(photos)
    groups = place(some, [PurePath(folder)] * len(some), into, moves=moves)
    return [
        file.reason or file.target.relative_to(into).as_posix()
        for group in groups
        for file in group.files
    ]


def test_another_file_with_the_same_name_gets_a_number(tmp_path: Path) -> None:
    into = tmp_path / "out"
    photo(into / "cat" / "a.jpg", "old")
    photo(into / "cat" / "B-2.jpg", "old")
    photos = [photo(tmp_path / folder / "a.jpg", folder) for folder in "xyz"]
    photos += [photo(tmp_path / folder / "b.jpg", folder + "b") for folder in "xy"]
    names = ["cat/a-2.jpg", "cat/a-3.jpg", "cat/a-4.jpg", "cat/b.jpg", "cat/b-3.jpg"]
    assert placed(photos, into) == names


@pytest.mark.parametrize("there", ["a.jpg", "A.JPG", "a.jpg.xmp", "a.xmp", "a.heic", "a.CR2"])
def test_companions_get_the_number_of_their_photo(tmp_path: Path, there: str) -> None:
    into = tmp_path / "out"
    photo(into / "cat" / there, "other")
    for suffix in (".jpg.xmp", ".CR2"):
        photo(tmp_path / "in" / f"a{suffix}", "x")
    photos = [photo(tmp_path / "in" / "a.jpg", "photo")]
    assert placed(photos, into) == ["cat/a-2.jpg", "cat/a-2.CR2", "cat/a-2.jpg.xmp"]


def test_a_photo_never_gets_the_companions_of_another(tmp_path: Path) -> None:
    photo(tmp_path / "x" / "a.xmp", "of x")
    photos = [photo(tmp_path / "x" / "a.jpg", "x"), photo(tmp_path / "y" / "a.heic", "y")]
    assert placed(photos, tmp_path / "out") == ["cat/a.jpg", "cat/a.xmp", "cat/a-2.heic"]


def test_photos_of_one_folder_with_the_same_name_stay_together(tmp_path: Path) -> None:
    photo(tmp_path / "out" / "cat" / "a.jpg", "other")
    photos = [photo(tmp_path / "x" / name, name) for name in ("a.jpg", "a.heic")]
    assert placed(photos, tmp_path / "out") == ["cat/a-2.jpg", "cat/a-2.heic"]


@pytest.mark.parametrize("name", ["x" * 251 + ".jpg", "é" * 125 + "x.jpg", "犬" * 83 + "x.tiff"])
def test_a_number_fits_the_longest_names(tmp_path: Path, name: str) -> None:
    assert len(os.fsencode(name)) > 250
    photos = [photo(tmp_path / folder / name, folder) for folder in "xy"]
    first, second = placed(photos, tmp_path / "out")
    assert Path(first).name == name
    assert len(os.fsencode(Path(second).name)) <= 255
    assert Path(second).stem.endswith("-2")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / Path(second).name).touch()


def test_the_same_content_is_in_a_folder_once(tmp_path: Path) -> None:
    into = tmp_path / "out"
    photo(into / "cat" / "other name.jpg", "known")
    photos = [
        photo(tmp_path / "x" / "a.jpg", "known"),
        photo(tmp_path / "x" / "b.jpg", "new"),
        photo(tmp_path / "y" / "c.jpg", "new"),
        photo(tmp_path / "y" / "d.jpg", "wen"),
    ]
    names = ["same content", "cat/b.jpg", "same content", "cat/d.jpg"]
    assert placed(photos, into) == placed(photos, into, moves=True) == names


def test_what_is_new_beside_a_photo_that_is_there_is_added(tmp_path: Path) -> None:
    into, source = tmp_path / "out", tmp_path / "in"
    for name, content in (("a-2.jpg", "photo"), ("a-2.jpg.xmp", "old"), ("a-2.aae", "same")):
        photo(into / "cat" / name, content)
    for name, content in (("a.jpg.xmp", "new"), ("a.aae", "same"), ("a.mov", "film")):
        photo(source / name, content)
    photos = [photo(source / "a.jpg", "photo")]
    found = ["same content", "same content", "cat/a-2.mov", "other content"]
    assert placed(photos, into) == found
    # A move leaves a photo and its companions where they are.
    assert placed(photos, into, moves=True) == ["same content"] + ["with photo"] * 3


@pytest.mark.parametrize("moves", [True, False])
def test_the_companions_of_a_copy_are_not_said_to_be_elsewhere(tmp_path: Path, moves: bool) -> None:
    into, source = tmp_path / "out", tmp_path / "in"
    for suffix in (".CR2", ".mov", ".xmp"):
        photo(source / f"B{suffix}", suffix)
    photos = [photo(source / name, "same") for name in ("A.jpg", "B.jpg")]
    groups = list(place(photos, [PurePath("cat")] * 2, into, moves=moves))
    assert [file.reason for file in groups[1].files] == ["same content"] + ["with photo"] * 3
    assert all(file.target == file.source for file in groups[1].files[1:])


def test_the_companions_of_a_link_stay_with_it(tmp_path: Path) -> None:
    real = photo(tmp_path / "real.jpg", "x")
    xmp = photo(tmp_path / "in" / "a.jpg.xmp", "x")
    link = xmp.path.with_name("a.jpg")
    link.symlink_to(real.path)
    assert placed([Photo(link, real.digest, None)], tmp_path / "out", moves=True) == [
        "link", "with photo",
    ]  # fmt: skip


def test_in_place_nothing_goes_anywhere(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "out")
    photo(tmp_path / "out" / "cat" / "a.xmp", "x")
    photos = [photo(tmp_path / "out" / "cat" / name, "same") for name in ("a.jpg", "b.jpg")]
    assert placed(photos, tmp_path / "link") == ["in place"] * 3


def test_a_photo_that_is_named_twice_counts_once(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "in")
    first = photo(tmp_path / "in" / "a.jpg", "x")
    again = photo(tmp_path / "link" / "a.jpg", "x")
    assert placed([first, again, first], tmp_path / "out", moves=True) == ["cat/a.jpg"]


def test_a_link_is_copied_as_a_photo_and_never_moved(tmp_path: Path) -> None:
    real = photo(tmp_path / "in" / "b.jpg", "x")
    link = real.path.with_name("a.jpg")
    link.symlink_to(real.path)
    photos = [Photo(link, real.digest, None), real]
    assert placed(photos, tmp_path / "out", moves=True) == ["link", "cat/b.jpg"]
    assert placed(photos, tmp_path / "out") == ["cat/a.jpg", "same content"]


def test_a_folder_with_the_name_of_a_photo_is_no_pair(tmp_path: Path) -> None:
    (tmp_path / "out" / "cat" / "a").mkdir(parents=True)
    (tmp_path / "out" / "cat" / "b.jpg").mkdir()
    photos = [photo(tmp_path / "in" / name, name) for name in ("a.jpg", "b.jpg")]
    assert placed(photos, tmp_path / "out") == ["cat/a.jpg", "cat/b-2.jpg"]


def test_a_photo_is_not_in_the_way_of_a_folder(tmp_path: Path) -> None:
    photos = [photo(tmp_path / "in" / name, name) for name in ("cat", "a.jpg")]
    folders = [PurePath("animal"), PurePath("animal", "cat")]
    groups = place(photos, folders, tmp_path / "out", moves=True)
    targets = [group.files[0].target.relative_to(tmp_path / "out") for group in groups]
    assert targets == [Path("animal", "cat-2"), Path("animal", "cat", "a.jpg")]


STEMS = st.sampled_from(["a", "A", "b", "a-2", "IMG_1234", "IMG_E1234", "é", "e\u0301", "x" * 251])
FILES = st.tuples(
    st.sampled_from(["1", "2", "out/cat", "out/dog"]),
    st.builds(
        str.__add__, STEMS, st.sampled_from([".jpg", ".png", ".JPG", ".cr2", ".xmp", ".mov"])
    ),
    st.integers(0, 3),
)


def apply(groups: Iterable[PlacedGroup], *, moves: bool) -> None:
    for group in groups:
        for file in group.files:
            if file.reason is None:
                assert not file.target.exists()
                file.target.parent.mkdir(parents=True, exist_ok=True)
                file.target.write_bytes(file.source.read_bytes())
                if moves:
                    file.source.unlink()


@given(st.lists(FILES, max_size=12), st.booleans())
def test_no_two_files_share_a_target_and_a_second_run_does_nothing(
    files: list[tuple[str, str, int]], moves: bool
) -> None:
    with TemporaryDirectory() as name:
        root = Path(name)
        photos = list[Photo]()
        for folder, file, content in files:
            one = photo(root / folder / file, str(content))
            suffix = Path(file).suffix.lower()
            if suffix in SUFFIXES - RAWS and not folder.startswith("out"):
                photos = [p for p in photos if p.path != one.path] + [one]
        folders = [PurePath("cat" if int(one.digest, 16) % 2 else "dog") for one in photos]
        groups = list(place(photos, folders, root / "out", moves=moves))
        going = [file for group in groups for file in group.files if file.reason is None]
        targets = {(file.target.parent, name_key(file.target.name)) for file in going}
        assert len(targets) == len(going)
        assert len({file.source for group in groups for file in group.files}) == sum(
            len(group.files) for group in groups
        )
        for group in groups:
            going = [file for file in group.files if file.reason != "with photo"]
            assert len({file.target.parent for file in going}) == 1
        apply(groups, moves=moves)
        left = [(p, f) for p, f in zip(photos, folders, strict=True) if p.path.exists()]
        again = place([p for p, _ in left], [f for _, f in left], root / "out", moves=moves)
        assert [f for group in again for f in group.files if f.reason is None] == []
