"""The forms of lists of labelled pictures that other programs write."""

from pathlib import Path

import pytest

from pictell.errors import UsageError
from pictell.evaluation.dataset import Dataset, read_dataset

PICTURES = [("a.jpg", "cat"), ("my b.PNG", "wall clock"), ("c/d.webp", "cat")]


def read(
    folder: Path,
    text: str,
    name: str = "mine.csv",
    encoding: str = "utf-8",
    column: str | None = None,
) -> Dataset:
    (folder / name).write_bytes(text.encode(encoding))
    return read_dataset(folder / name, column)


def pairs(data: Dataset) -> list[tuple[str, str]]:
    return [
        (file, data.labels[label]) for file, label in zip(data.files, data.label_of, strict=True)
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", ", ", "; "])
@pytest.mark.parametrize(
    "heading",
    [
        "file,label", "File,Label", "FILENAME,CLASS", " path , Class Name ", "Image Path,Category",
        "label,file", "file_name,Label", "",
    ],
)  # fmt: skip
def test_a_table_has_any_delimiter_and_its_heading_any_case(
    tmp_path: Path, delimiter: str, heading: str
) -> None:
    rows = [pair[::-1] if heading.startswith("label") else pair for pair in PICTURES]
    lines = [heading.replace(",", delimiter)] * bool(heading) + list(map(delimiter.join, rows))
    assert pairs(read(tmp_path, "\n".join(lines))) == PICTURES


def test_the_label_can_come_first_without_a_heading(tmp_path: Path) -> None:
    text = "".join(f"{label};{file}\n" for file, label in PICTURES)
    assert pairs(read(tmp_path, text)) == PICTURES


def test_a_table_of_a_spreadsheet_is_read(tmp_path: Path) -> None:
    text = 'sep=;\nFile;Label;Weight\na.jpg;"tench; Tinca";2\n;;\nb.jpg;cat;0\n'
    data = read(tmp_path, text)
    assert pairs(data) == [("a.jpg", "tench; Tinca"), ("b.jpg", "cat")]
    assert data.weights is not None
    assert data.weights.tolist() == [2, 0]


def test_the_column_of_indices_is_known_in_any_case(tmp_path: Path) -> None:
    assert read(tmp_path, "File\tClass_Index\na.jpg\t3\n").by_index


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("space", [" ", "\t", "   "])
@pytest.mark.parametrize("heading", ["", "path label"])
def test_lines_of_a_file_and_its_label(tmp_path: Path, end: str, space: str, heading: str) -> None:
    lines = [heading] * bool(heading and space == " ") + list(map(space.join, PICTURES))
    assert pairs(read(tmp_path, end.join([*lines, ""]), "val.txt")) == PICTURES


def test_a_file_without_a_suffix_comes_before_a_number(tmp_path: Path) -> None:
    data = read(tmp_path, "img/0001 65\nimg/0002 7\n", "val.txt")
    assert pairs(data) == [("img/0001", "65"), ("img/0002", "7")]


def test_a_label_keeps_its_commas(tmp_path: Path) -> None:
    data = read(tmp_path, "a.jpg tench, Tinca tinca\n", "val.txt")
    assert data.labels == ("tench, Tinca tinca",)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("text", ["file;label\r\na.jpg;Käfer\r\n", "a.jpg Käfer\r\n"])
def test_lists_of_windows_are_read(tmp_path: Path, encoding: str, text: str) -> None:
    assert pairs(read(tmp_path, text, encoding=encoding)) == [("a.jpg", "Käfer")]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_its_mark_is_named(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(UsageError, match="UTF-16 text without its mark: save it as UTF-8"):
        read(tmp_path, "file;label\na.jpg;cat\n", encoding=encoding)


def test_json_lines_are_recognised(tmp_path: Path) -> None:
    data = read(tmp_path, '{"File Name": "a.jpg", "Label": "cat"}\n', "metadata.txt")
    assert pairs(data) == [("a.jpg", "cat")]


def test_a_column_is_named_in_any_case(tmp_path: Path) -> None:
    data = read(tmp_path, "Image;Breed;Owner\na.jpg;pug;Ann\n", column="breed")
    assert data.labels == ("pug",)


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("file;species\na.jpg;cat\n", None, "columns are file, species: .* --column species$"),
        ("file,species,weight\na,cat,1\n", None, "--column species$"),
        ("file,species,breed\na,cat,x\n", None, "file, species, breed: .* --column NAME$"),
        ("file,label,breed\na,cat,x\n", "bred", "no column bred: the columns are file, label, bre"),
        ("image species\na.jpg cat\n", None, "--column species$"),
        ("photo_id;label\na;cat\n", None, "no column file: the columns are photo_id, label: ren"),
        ("a.jpg,cat,dog\n", None, "the first row is no heading: .* such as file,label"),
        ("a.jpg cat\nb.jpg\n", None, "line 2: 'b.jpg' is not a file and its label"),
        ("Label;file;label\nx;a.jpg;y\n", None, "2 columns are called label"),
        ("file;label\na.jpg;cat;dog\n", None, "line 2: more cells .* contain a semicolon"),
        ("sep=;\nfile;label\na.jpg\n", None, "line 3: no label"),
        ('[\n {"file": "a", "label": "b"}]', None, "a JSON list: write one object per line"),
    ],
)
def test_a_wrong_list_is_told_what_to_write(
    tmp_path: Path, text: str, column: str | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        read(tmp_path, text, column=column)


@pytest.mark.parametrize(
    ("name", "labels"),
    [("semicolon.csv", ("wall clock", "analog clock")), ("val.txt", ("892", "409"))],
)
def test_the_shared_lists_are_read(shared: Path, name: str, labels: tuple[str, ...]) -> None:
    data = read_dataset(shared / "cases" / name)
    assert data.labels == labels
    assert all(data.path(picture).is_file() for picture in range(len(data)))
