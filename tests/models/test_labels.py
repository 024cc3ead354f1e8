"""Labels files in the formats that people have."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pictell import models
from pictell.errors import InvalidModelError
from pictell.models.labels import complete, labels_from_text, read_labels, to_text
from pictell.types import Label

IMAGENET = models.find("default").labels


def read(tmp_path: Path, content: bytes) -> tuple[Label, ...]:
    path = tmp_path / "labels.txt"
    path.write_bytes(content)
    return read_labels(path)


def names(labels: tuple[Label, ...]) -> list[str]:
    return [label.name for label in labels]


@pytest.mark.parametrize(
    "content",
    [
        b"cat\ndog\n",
        b"cat\ndog",
        b"cat\ndog\n\n\n",
        b"cat\r\ndog\r\n\r\n",
        b"cat\rdog\r",
        b"\xef\xbb\xbfcat\ndog\n",
        b"cat  \ndog\t\n",
        b"0:cat\n1:dog\n",
        b"0 cat\n1 dog\n",
        b"0\tcat\n1\tdog\n",
        b"0, cat\n1, dog\n",
        b"1: cat\n2: dog\n",
        b"cat\t\t\ndog\t\t\n",
    ],
)
def test_the_same_two_labels(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, content) == (Label("cat"), Label("dog"))


def test_numbers_are_the_order(tmp_path: Path) -> None:
    assert read(tmp_path, b"1:dog\n0:cat\n") == (Label("cat"), Label("dog"))


@pytest.mark.parametrize("content", ["10 euro\n20 euro\n", "61326 ok\n61326 bad\n", "7\n8\n"])
def test_other_numbers_are_part_of_the_name(tmp_path: Path, content: str) -> None:
    assert names(read(tmp_path, content.encode())) == content.split("\n")[:-1]


def test_wordnet_ids_are_kept_with_their_synonyms(tmp_path: Path) -> None:
    found = read(tmp_path, b"background\nn01440764 tench, Tinca tinca\nn02119789: kit fox\n")
    assert found == (
        Label("background"),
        Label("tench", "n01440764", ("Tinca tinca",)),
        Label("kit fox", "n02119789"),
    )


def test_numbers_and_wordnet_ids_in_columns(tmp_path: Path) -> None:
    found = read(tmp_path, b"0\tn01440764\ttench, Tinca tinca\n1\tn02119789\tkit fox\n")
    assert found == (
        Label("tench", "n01440764", ("Tinca tinca",)),
        Label("kit fox", "n02119789"),
    )


def test_commas_are_part_of_other_names(tmp_path: Path) -> None:
    assert names(read(tmp_path, b"scratch, deep\nscratch, light\n")) == [
        "scratch, deep",
        "scratch, light",
    ]


def test_a_blank_line_in_the_middle_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidModelError, match=r"labels.txt: line 2 is blank"):
        read(tmp_path, b"cat\n\ndog\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no labels"),
        (b"\n \n", "has no labels"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
    ],
)
def test_files_without_labels_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(InvalidModelError, match=message):
        read(tmp_path, content)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(InvalidModelError, match="is longer than"):
        read_labels(path)


@pytest.mark.parametrize(
    "path", ["coral/imagenet_labels.txt", "mobilenet_v1_0.25_128_frozen/labels.txt"]
)
def test_lines_of_imagenet_become_pictells_labels(shared: Path, path: str) -> None:
    found = read_labels(shared / "models" / path)
    assert found[0] == Label("background")
    assert [label.synset for label in found[1:]] == [label.synset for label in IMAGENET]
    assert found[1:] == IMAGENET


def test_other_spellings_of_imagenet_names_stay_and_get_their_synsets(tmp_path: Path) -> None:
    lines = names(IMAGENET)
    lines[7] = "a rooster"
    found = read(tmp_path, "\n".join(lines).encode())
    assert found[7] == Label("a rooster", IMAGENET[7].synset)
    assert found[8:] == IMAGENET[8:]


def test_a_thousand_labels_in_another_order_are_not_imagenet(tmp_path: Path) -> None:
    lines = sorted(names(IMAGENET))
    assert read(tmp_path, "\n".join(lines).encode()) == tuple(map(Label, lines))


def test_a_device_is_not_read(tmp_path: Path) -> None:
    for path in (Path("/dev/zero"), tmp_path / "fifo"):
        if path.name == "fifo":
            os.mkfifo(path)
        with pytest.raises(InvalidModelError, match="is not a regular file"):
            read_labels(path)


def test_a_number_with_thousands_of_digits_is_a_name(tmp_path: Path) -> None:
    assert names(read(tmp_path, b"1" * 5000 + b" x\n")) == ["1" * 5000 + " x"]


def test_birds_and_retrained_labels_stay_as_they_are(shared: Path) -> None:
    birds = read_labels(shared / "models" / "coral" / "inat_bird_labels.txt")
    assert len(birds) == 965
    assert birds[0].name == "Haemorhous cassinii (Cassin's Finch)"
    panel = shared / "models" / "panel_retrained_frozen" / "retrained_labels.txt"
    assert names(read_labels(panel)) == panel.read_text().splitlines()


def test_background_and_outputs_without_label_are_named() -> None:
    labels = complete([Label("cat")], background=True, unlabelled=2)
    assert names(labels) == ["background", "cat", "unlabelled output 2", "unlabelled output 3"]


words = st.from_regex(r"[^\W_][\w ()'-]*[^\W_]|[0-9]", fullmatch=True)
labels = st.builds(
    Label,
    words,
    st.none() | st.from_regex(r"n[0-9]{8}", fullmatch=True),
    st.lists(words, max_size=3).map(tuple),
)


# A bare number with a WordNet id after it is read as the number of its line.
unmistakable = labels.filter(lambda label: not (label.name.isdigit() and label.synset))


@given(st.lists(unmistakable, min_size=1, max_size=20))
def test_what_is_written_is_read_back(found: list[Label]) -> None:
    assert labels_from_text(to_text(found), "labels") == tuple(found)
