"""What is found in labelled pictures: bad labels, copies, contradictions."""

import io
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from embedding_model import model
from pictell.errors import UsageError
from pictell.evaluation.dataset import Dataset, read_dataset
from pictell.index.embeddings import EmbeddingIndex
from pictell.options import Limits
from pictell.training.data import Conflict, DataReport, check_labels, review
from pictell.training.duplicates import MAX_DISTANCE, find_groups, hash_stream
from pictell.training.embed import embed_dataset
from pictell.types import Source


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


def encoded(image: Image.Image, quality: int = 90) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def without_edges(image: Image.Image, share: float) -> Image.Image:
    width, height = image.size
    dx, dy = int(width * share), int(height * share)
    return image.crop((dx, dy, width - dx, height - dy))


COPIES: dict[str, Callable[[Image.Image], bytes]] = {
    "half the size": lambda image: encoded(image.reduce(2)),
    "thumbnail": lambda image: encoded(image.resize((150, 150)), 60),
    "low quality": lambda image: encoded(image, 30),
    "brighter": lambda image: encoded(ImageEnhance.Brightness(image).enhance(1.2)),
    "cropped": lambda image: encoded(without_edges(image, 0.02)),
}


def photos(shared: Path) -> list[Path]:
    return sorted((shared / "images" / "hymenoptera_data" / "val").glob("*/*.jpg"))


def hashes_of(pictures: list[bytes]) -> np.ndarray:
    found = hash_stream(Limits())(Source(str(n), one) for n, one in enumerate(pictures))
    return np.stack([one.bits for one in found]).astype(np.uint8)


@pytest.mark.parametrize("kind", COPIES)
def test_copies_of_photos_are_found(shared: Path, kind: str) -> None:
    files = photos(shared)[:40]
    pictures = [path.read_bytes() for path in files]
    for path in files:
        with Image.open(path) as image:
            pictures.append(COPIES[kind](image.convert("RGB")))
    groups = find_groups(list(map(str, range(80))), hashes_of(pictures))
    assert groups.tolist() == [*range(40), *range(40)]


def test_different_photos_of_one_class_are_no_copies(shared: Path) -> None:
    hashes = hashes_of([path.read_bytes() for path in photos(shared)])
    groups = find_groups(list(map(str, range(len(hashes)))), hashes)
    assert groups.tolist() == list(range(len(hashes)))
    # The limit is far from both sides.
    bits = np.unpackbits(hashes, axis=1).astype(int)
    distances = np.abs(bits[:, np.newaxis] - bits).sum(axis=2)[np.triu_indices(len(bits), 1)]
    assert distances.min() > MAX_DISTANCE + 10


def test_copies_of_copies_are_together() -> None:
    hashes = np.random.default_rng(0).integers(0, 256, (600, 32)).astype(np.uint8)
    hashes[599] = hashes[7]
    hashes[598] = hashes[5]
    hashes[598, :8] ^= 255
    hashes[300] = hashes[598]
    hashes[300, 8:16] ^= 255
    groups = find_groups([*map(str, range(599)), "7"], hashes)
    expected = np.arange(600)
    expected[[5, 598, 300]] = 5
    expected[599] = 7
    assert groups.tolist() == expected.tolist()


def test_a_picture_that_cannot_be_hashed_is_an_error() -> None:
    (found,) = hash_stream(Limits())([Source("a", b"no picture")])
    assert getattr(found, "code", None) == "not_a_picture"


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imagehash", None)
    with pytest.raises(UsageError, match=r"pip install 'pictell\[train\]'"):
        list(hash_stream(Limits())([Source("a", b"")]))
