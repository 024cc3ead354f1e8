"""Labelled pictures, as folders and lists hold them."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pictell.errors import UsageError
from pictell.evaluation.dataset import read_dataset

BOXES = "file,label,left,top,right,bottom\n"


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_each_folder_is_a_class(tmp_path: Path) -> None:
    touch(tmp_path, "cat/b10.jpg", "cat/b9.jpg", "cat/more/c.png", "dog/a.jpg")
    touch(tmp_path, "dog/notes.txt", ".git/x.jpg", "readme.md", "loose.jpg")
    (tmp_path / "fox").mkdir()
    data = read_dataset(tmp_path)
    assert data.labels == ("cat", "dog")
    assert data.files == ("cat/b9.jpg", "cat/b10.jpg", "cat/more/c.png", "dog/a.jpg")
    assert data.label_of.tolist() == [0, 0, 0, 1]
    assert data.path(3) == tmp_path / "dog" / "a.jpg"
    assert (data.empty_classes, data.skipped_files, data.weights) == (("fox",), 3, None)
    assert not data.by_index


def test_a_class_folder_may_be_a_link(tmp_path: Path) -> None:
    touch(tmp_path, "real/a.jpg", "data/dog/b.jpg")
    (tmp_path / "data" / "cat").symlink_to(tmp_path / "real")
    assert read_dataset(tmp_path / "data").files == ("cat/a.jpg", "dog/b.jpg")


@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_a_list_as_csv(tmp_path: Path, bom: str) -> None:
    text = f'{bom}file,label,weight\r\na.jpg,cat,0.5\r\n"b, c.jpg",dog,2\r\nd.jpg,cat,0\r\n'
    data = read_dataset(written(tmp_path, "mine.csv", text))
    assert data.files == ("a.jpg", "b, c.jpg", "d.jpg")
    assert data.labels == ("cat", "dog")
    assert data.label_of.tolist() == [0, 1, 0]
    assert data.weights is not None
    assert data.weights.tolist() == [0.5, 2.0, 0.0]
    assert data.root == tmp_path


def test_a_list_as_json_lines(tmp_path: Path) -> None:
    rows = [
        {"path": "a.jpg", "class_index": 3, "weight": 1},
        {"path": "b", "class_index": 4, "weight": "2.5"},
    ]
    text = "\n\n".join(map(json.dumps, rows)) + "\n"
    data = read_dataset(written(tmp_path, "mine.jsonl", text))
    assert (data.files, data.labels, data.by_index) == (("a.jpg", "b"), ("3", "4"), True)
    assert data.weights is not None
    assert data.weights.tolist() == [1, 2.5]


def test_a_folder_with_a_list_is_that_list(tmp_path: Path) -> None:
    touch(tmp_path, "x/a.jpg", "y/b.jpg")
    written(tmp_path, "labels.csv", "file,synset\nx/a.jpg,n01440764\ny/b.jpg,n01443537\n")
    assert read_dataset(tmp_path).labels == ("n01440764", "n01443537")


def test_another_column_can_hold_the_labels(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "file,label,breed\na,dog,pug\nb,dog,husky\n")
    assert read_dataset(path, "breed").labels == ("pug", "husky")


def test_a_picture_can_have_several_labels(tmp_path: Path) -> None:
    csv = read_dataset(
        written(tmp_path, "a.csv", 'file,labels\na,cat; dog;\nb,dog\nc,"fox;cat;fox"\n')
    )
    rows = [("a", ["cat", "dog"]), ("b", ["dog"]), ("c", ["fox", "cat", "fox"])]
    text = "\n".join(json.dumps({"file": file, "labels": labels}) for file, labels in rows)
    for data in (csv, read_dataset(written(tmp_path, "a.jsonl", text))):
        assert data.labels == ("cat", "dog", "fox")
        assert data.labels_of == ((0, 1), (1,), (2, 0))
        assert data.label_of.tolist() == [0, 1, 2]
        assert data.labels_of_picture(2) == (2, 0)


def test_a_column_of_one_label_comes_before_one_of_several(tmp_path: Path) -> None:
    data = read_dataset(written(tmp_path, "a.csv", "file,label,labels\na,cat,x;y\nb,dog,z\n"))
    assert (data.labels, data.labels_of) == (("cat", "dog"), None)
    assert data.labels_of_picture(1) == (1,)


def test_a_picture_can_have_a_box(tmp_path: Path) -> None:
    text = f"{BOXES}a,cat,1,2,30.5,40\nb,cat,,,,\nc,dog,-1,-2,5,6\n"
    boxes = ((1.0, 2.0, 30.5, 40.0), None, (-1.0, -2.0, 5.0, 6.0))
    csv = read_dataset(written(tmp_path, "a.csv", text))
    rows = [
        {"file": file, "label": label, "box": box}
        for file, label, box in zip("abc", ["cat", "cat", "dog"], boxes, strict=True)
    ]
    jsonl = written(tmp_path, "a.jsonl", "\n".join(map(json.dumps, rows)))
    for data in (csv, read_dataset(jsonl)):
        assert data.boxes == boxes
        assert [data.source(picture).box for picture in range(3)] == list(boxes)
        assert data.source(0).content == tmp_path / "a"
    assert read_dataset(written(tmp_path, "b.csv", f"{BOXES}b,cat,,,,\n")).boxes is None


def test_two_boxes_of_one_picture_are_two_pictures(tmp_path: Path) -> None:
    rows = "a,cat,0,0,5,5\na,dog,5,0,9,5\n./a,cat,0,0,5,5\n"
    assert read_dataset(written(tmp_path, "a.csv", BOXES + rows)).repeated == 1


def test_the_shared_pictures_are_read(shared: Path) -> None:
    data = read_dataset(shared / "images" / "imagenet_val650")
    assert len(data) == 650
    assert data.by_index
    assert data.weights is not None
    bees = read_dataset(shared / "images" / "hymenoptera_data" / "val")
    assert (len(bees), bees.labels) == (153, ("ants", "bees"))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "", "no pictures: a CSV list has a header row"),
        ("a.csv", "file,label\n", "no pictures: a CSV list has a header row"),
        ("a.jsonl", "", "no pictures: .*one object with file and label per line"),
        ("a.csv", "file,label,label\na,cat,dog\n", "2 columns are called label"),
        ("a.csv", "file,label\na,tench, Tinca\n", "line 2: more cells than columns: quote"),
        ("a.csv", "file\na\n", "line 2: no column label: the columns are file: give .* --column"),
        ("a.csv", "label\na\n", "line 2: no column file: the columns are label: rename"),
        ("a.csv", "file,label\na,cat\nb\n", "line 3: no label"),
        ("a.csv", "file,label\na,cat\n,dog\n", "line 3: no file"),
        ("a.csv", "file,label,weight\na,cat,-1\n", "line 2: weight must .* not '-1'"),
        ("a.csv", "file,label,weight\na,cat,nan\n", "line 2: weight must .* not 'nan'"),
        ("a.csv", "file,label,weight\na,cat,inf\n", "line 2: weight must .* not 'inf'"),
        ("a.csv", "file,label,weight\na,cat,many\n", "line 2: weight must .* not 'many'"),
        ("a.csv", "file,label,weight\na,cat,\n", "line 2: no weight"),
        ("a.csv", "file,label,weight\na,cat,1e308\n", "line 2: weight must .* not '1e308'"),
        ("a.csv", 'file,label\n"a,cat\n', "cannot be read: unexpected end of data"),
        ("a.csv", b"file,label\n\xff,cat\n", "is not UTF-8 text: give a folder"),
        ("a.jsonl", "file,label\n", "line 1: not a JSON object"),
        ("a.jsonl", "[1]\n", "line 1: not a JSON object"),
        ("a.jsonl", "[" * 100_000, "line 1: not a JSON object"),
        ("a.jsonl", '{"file": "a", "label": ["cat"]}\n', "line 1: no label"),
        ("a.csv", "file,labels\na, ; \n", "line 2: no labels"),
        ("a.jsonl", '{"file": "a", "labels": []}\n', "line 1: no labels"),
        ("a.jsonl", '{"file": "a", "labels": [["cat"]]}\n', "line 1: labels must be a list of"),
        ("a.csv", f"{BOXES}a,cat,0,0,9,9\nb,cat,5,0,5,9\n", "line 3: the box is empty"),
        ("a.csv", f"{BOXES}a,cat,-9,-9,0,9\n", "line 2: the box lies outside every picture"),
        ("a.csv", f"{BOXES}a,cat,0,0,nan,9\n", "line 2: the sides of a box must be"),
        ("a.csv", f"{BOXES}a,cat,0,0,1e9,9\n", "line 2: the sides of a box must be"),
        ("a.csv", f"{BOXES}a,cat,0,0,nine,9\n", "line 2: the sides of a box must be"),
        ("a.csv", f"{BOXES}a,cat,0,0,9\n", "line 2: the sides of a box must be"),
        ("a.csv", "file,label,left,top,right\na,cat,0,0,9\n", "line 2: a box must be four numbers"),
        ("a.csv", 'file,label,box\na,cat,"0,0,9,9"\n', "line 2: a box must be four numbers"),
        ("a.jsonl", '{"file": "a", "label": "c", "box": [0, 0, 9]}', "line 1: a box must be four"),
        ("a.jsonl", '{"file": "a", "label": "c", "box": [0, 0, true, 9]}', "line 1: the sides of"),
        (
            "a.jsonl",
            f'{{"file": "a", "label": "c", "box": [0, 0, 1{"0" * 400}, 9]}}',
            "line 1: the sides of a box must be",
        ),
        (
            "a.jsonl",
            '{"file": "a", "label": "c", "box": [0, 0, 9, 9], "left": 0}',
            "line 1: give the box once",
        ),
        (
            "a.jsonl",
            '{"file": "a", "label": "cat"}\n\n{"file": "b", "label": "dog", "weight": 2}\n',
            "line 3: give every row a weight, or none",
        ),
        (
            "a.jsonl",
            '{"file": "a", "label": "cat", "weight": 2}\n{"file": "b", "label": "dog"}\n',
            "line 2: give every row a weight, or none",
        ),
    ],
)
def test_an_invalid_list_is_refused(
    tmp_path: Path, name: str, text: str | bytes, message: str
) -> None:
    path = written(tmp_path, name, text)
    with pytest.raises(UsageError, match=message) as caught:
        read_dataset(path)
    assert str(caught.value).startswith(f"{path}")
    assert "\n" not in str(caught.value)


def test_an_unusable_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none cannot be read: No such file"):
        read_dataset(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no class folders with pictures: give a folder"):
        read_dataset(tmp_path / "empty")
    with pytest.raises(UsageError, match="no pictures: a CSV list has a header row"):
        read_dataset(written(touch(tmp_path / "list", "cat/a.jpg"), "labels.csv", "").parent)
    touch(tmp_path / "one", "cat/a.jpg")
    with pytest.raises(UsageError, match="this is a folder of class folders"):
        read_dataset(tmp_path / "one", "breed")
    with pytest.raises(UsageError):
        read_dataset("a\0b")
    with pytest.raises(UsageError, match="empty name: give a folder or a list"):
        read_dataset("")


def test_a_pipe_or_device_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", Path(os.devnull)):
        with pytest.raises(UsageError, match="is not a regular file: give a folder"):
            read_dataset(place)


def test_pictures_listed_more_than_once_are_counted(tmp_path: Path) -> None:
    rows = "a.jpg,cat\nb.jpg,dog\n./a.jpg,cat\nb.jpg,dog\na.jpg,dog\nnone,cat\n"
    data = read_dataset(written(tmp_path, "mine.csv", f"file,label\n{rows}"))
    assert (len(data), data.repeated) == (6, 3)
    assert read_dataset(touch(tmp_path / "folders", "cat/a.jpg", "dog/a.jpg")).repeated == 0


@contextmanager
def as_nobody() -> Iterator[None]:
    """Give up the rights of root, who may read everything."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_folder_that_cannot_be_read_counts_as_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "cat/a.jpg", "cat/locked/b.jpg", "dog/c.jpg", "fox/d.jpg")
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o755)
    for name in ("cat/locked", "fox"):
        (tmp_path / name).chmod(0)
    try:
        with as_nobody():
            data = read_dataset(".")
    finally:
        for name in ("cat/locked", "fox"):
            (tmp_path / name).chmod(0o755)
    assert data.files == ("cat/a.jpg", "cat/locked", "dog/c.jpg", "fox")
    assert data.labels == ("cat", "dog", "fox")
    assert (data.empty_classes, data.skipped_files) == ((), 0)


def test_pictures_outside_class_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no class folders with pictures: give a folder"):
        read_dataset(touch(tmp_path / "flat", "a.jpg", "b.jpg", "notes.txt", ".hidden.jpg"))
    (tmp_path / "one" / "cat").mkdir(parents=True)
    with pytest.raises(UsageError, match="no class folders with pictures"):
        read_dataset(touch(tmp_path / "one", "a.jpg"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cat.jpg", b"\xff\xd8\xff\xe0"),
        ("cat.png", b"\x89PNG\r\n\x1a\n"),
        ("a.csv", b"\xff\xfef\0i"),
    ],
)
def test_a_file_that_is_not_text_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(UsageError, match="is not UTF-8 text: give a folder of class"):
        read_dataset(written(tmp_path, name, content))
