"""A label becomes the name of a folder that every file system can have."""

import os
import unicodedata
from pathlib import Path, PurePath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pictell.collection.folder_names import LabelFolders, folder_name, name_key
from pictell.scoring.taxonomy import build, flat_taxonomy
from pictell.types import Label


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("crane (bird)", "crane (bird)"),
        ("jay/magpie", "jay-magpie"),
        ("C:\\cat", "C--cat"),
        ("../../etc", "-..-etc"),
        ("..", "unnamed"),
        ("", "unnamed"),
        (" \n ", "unnamed"),
        (".hidden", "hidden"),
        ("cat. ", "cat"),
        ("two\nlines", "two lines"),
        ("a\0b\x1b[2J\u202e", "a-b-[2J-"),
        ("con", "_con"),
        ("AUX.jpg", "_AUX.jpg"),
        ("nul .x", "_nul .x"),
        ("COM¹", "_COM¹"),
        ("concert", "concert"),
        ("Katze für Öl", "Katze für Öl"),
        (unicodedata.normalize("NFD", "für"), "für"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("犬", "犬"),
        ("x" * 300, "x" * 120),
    ],
)
def test_a_label_is_spelled_as_a_name(label: str, name: str) -> None:
    assert folder_name(label) == name


@given(st.text() | st.text("./\\ \0\ncon:aux" + "é犬\ud800", max_size=300))
def test_every_name_can_be_made(label: str) -> None:
    name = folder_name(label)
    assert name == Path(name).name == PureWindowsPath(name).name
    assert not PureWindowsPath(name).is_reserved()
    assert 0 < len(os.fsencode(name)) <= 255
    assert name[0] not in ". "
    assert name[-1] not in ". "
    assert folder_name(name) == name


NAMES = st.sampled_from(["crane", "Crane", "CRANE", "straße", "STRASSE", "not-sure", "crane-2", ""])


@given(st.lists(NAMES, min_size=1, max_size=12))
def test_each_class_has_a_folder_of_its_own(names: list[str]) -> None:
    folders = LabelFolders(flat_taxonomy([Label(name) for name in names]))
    found = [folders.of_class(index) for index in range(len(names))]
    assert len({name_key(str(folder)) for folder in found}) == len(names)
    assert not {"not-sure", "no-date"} & {folder.parts[0] for folder in found}


def test_the_path_of_an_answer_is_its_folder() -> None:
    cat, crane = Label("cat", "n1"), Label("a/b", "n2")
    tree = build([cat, crane], [Label("animal")], [3, 3, 2], keys=["beings"])
    folders = LabelFolders(tree)
    assert folders.of_id("n2") == PurePath("animal", "a-b")
    assert folders.of_id("beings") == PurePath("animal")
    assert folders.of_class(0) == PurePath("animal", "cat")
