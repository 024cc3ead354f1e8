"""What is found in labelled pictures: bad labels, copies, contradictions."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from embedding_model import model
from pictell.errors import UsageError
from pictell.evaluation.dataset import Dataset, read_dataset
from pictell.index.embeddings import EmbeddingIndex
from pictell.training.data import Conflict, DataReport, check_labels, review
from pictell.training.embed import embed_dataset


def noise(path: Path, seed: int) -> Path:
    """A picture of coloured patches that only this seed has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    patches = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), np.uint8)
    Image.fromarray(patches).resize((96, 96), Image.Resampling.BICUBIC).save(path)
    return path


def listed(folder: Path, *rows: tuple[str, str], column: str = "label") -> Dataset:
    lines = [f"file,{column}", *(f'{file},"{label}"' for file, label in rows)]
    (folder / "labels.csv").write_text("\n".join(lines))
    return read_dataset(folder)


def report(data: Dataset) -> DataReport:
    with EmbeddingIndex.open(data.root / "index.sqlite3") as index:
        return review(data, embed_dataset(model(), data, index))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["cat", "cat"], "only the class 'cat' has pictures .*: give two or more"),
        (["cat", "dog", "Cat"], "labels differ only in case, .*: 'cat' and 'Cat': give each"),
        (["caf\u00e9", "dog", "cafe\u0301"], "labels differ only in case"),
        (["cat", "dog", " cat "], "labels differ only in case, .*: 'cat' and ' cat '"),
        (["cat", "dog/wolf"], "the label 'dog/wolf' has a slash.*: rename it"),
        (["cat", "dog\\wolf"], "has a slash.*: rename it"),
        (["cat", "dog\nwolf"], r"the label 'dog\\nwolf' has .* a line break .*: rename it"),
        (["cat", "dog\x1b[31m"], r"the label 'dog\\x1b\[31m' has .*: rename it"),
        (["cat", "dog\u202efow"], r"the label 'dog\\u202efow' has .*: rename it"),
    ],
)
def test_bad_labels_are_refused(tmp_path: Path, labels: list[str], message: str) -> None:
    data = listed(tmp_path, *((f"{n}.png", label) for n, label in enumerate(labels)))
    with pytest.raises(UsageError, match=message) as caught:
        check_labels(data.labels, data.name)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path}")


def test_good_labels_pass(tmp_path: Path) -> None:
    check_labels(("Käfer & Co.", "猫", "n02085620-Chihuahua"), "data")


def test_classes_are_counted(tmp_path: Path) -> None:
    rows = [("0.png", "cat"), ("1.png", "cat"), ("2.png", "dog"), ("3.png", "fox")]
    for seed in range(3):
        noise(tmp_path / f"{seed}.png", seed)
    found = report(listed(tmp_path, *rows))
    assert (found.pictures, found.without_pictures) == (3, ("fox",))
    assert [one.file for one in found.failed] == ["3.png"]
    assert (found.conflicts, found.copies) == ((), ())


def test_the_same_pictures_in_two_folders(tmp_path: Path) -> None:
    for seed in range(3):
        noise(tmp_path / "cat" / f"{seed}.png", seed)
    noise(tmp_path / "cat" / "own.png", 9)
    shutil.copytree(tmp_path / "cat", tmp_path / "dog", ignore=shutil.ignore_patterns("own.png"))
    found = report(read_dataset(tmp_path))
    assert found.conflicts == tuple(
        Conflict((f"cat/{seed}.png", f"dog/{seed}.png"), (("cat",), ("dog",))) for seed in range(3)
    )
    assert found.copies == ((0, 4), (1, 5), (2, 6))


def test_the_same_picture_with_other_labels_of_several(tmp_path: Path) -> None:
    noise(tmp_path / "a.png", 0)
    shutil.copy(tmp_path / "a.png", tmp_path / "b.png")
    shutil.copy(tmp_path / "a.png", tmp_path / "c.png")
    same = (("a.png", "cat;dog"), ("b.png", "dog;cat"))
    assert report(listed(tmp_path, *same, column="labels")).conflicts == ()
    (conflict,) = report(listed(tmp_path, *same, ("c.png", "cat"), column="labels")).conflicts
    assert conflict.labels == (("cat", "dog"), ("dog", "cat"), ("cat",))


def test_two_boxes_of_one_picture_do_not_contradict_but_stay_together(tmp_path: Path) -> None:
    noise(tmp_path / "a.png", 0)
    rows = "a.png,cat,0,0,40,40\na.png,dog,40,40,90,90\n"
    (tmp_path / "labels.csv").write_text(f"file,label,left,top,right,bottom\n{rows}")
    found = report(read_dataset(tmp_path))
    assert (found.conflicts, found.copies) == ((), ((0, 1),))


def test_ten_thousand_classes_are_refused() -> None:
    with pytest.raises(UsageError, match=r"10000 classes, at most 1000 .*: check that each"):
        check_labels([f"class {number}" for number in range(10_000)], "data")


def test_plain_pictures_are_no_copies_of_each_other(tmp_path: Path) -> None:
    for level in range(0, 250, 10):
        path = tmp_path / ("dark" if level < 100 else "bright") / f"{level}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (100, 100), (level, level, level)).save(path)
    assert report(read_dataset(tmp_path)).copies == ()


def test_the_extra_is_named_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise(tmp_path / "a.png", 0)
    monkeypatch.setitem(sys.modules, "imagehash", None)
    with pytest.raises(UsageError, match=r"pip install 'pictell\[train\]'"):
        report(listed(tmp_path, ("a.png", "cat")))
