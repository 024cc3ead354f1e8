"""Labelled pictures become embeddings, each computed once."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import fake_model as fake
import pictell
from damaged_pictures import damage
from embedding_model import Counting, model
from labelled_pictures import LABELS, make, save
from pictell.classifier import Classifier
from pictell.errors import RuntimeFailedError, UsageError
from pictell.evaluation.dataset import read_dataset
from pictell.image_model import ImageModel
from pictell.index import blocks
from pictell.index.embeddings import EmbeddingIndex
from pictell.results import Result
from pictell.training.embed import Embedded, embed_dataset


class Failing(fake.FakeSession):
    """Fails on every picture."""

    def run(self, *_: Any) -> dict[str, NDArray[np.generic]]:
        raise RuntimeFailedError("the engine failed")


def embedded(folder: Path, index: Path, **changes: Any) -> tuple[Embedded, int]:
    """The embeddings of a folder or list, and how many pictures ran through the model."""
    session = Counting(len(LABELS))
    with EmbeddingIndex.open(index) as opened:
        found = embed_dataset(model(session, **changes), read_dataset(folder), opened)
    return found, session.ran


def assert_equal(one: Embedded, other: Embedded) -> None:
    for name in ("pictures", "vectors", "hashes"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert (one.digests, one.failed) == (other.digests, other.failed)


def test_pictures_are_embedded_in_their_order(tmp_path: Path) -> None:
    data = read_dataset(make(tmp_path / "data"))
    found, ran = embedded(tmp_path / "data", tmp_path / "index")
    expected = model().embed(map(data.path, range(len(data))))
    np.testing.assert_array_equal(found.vectors, expected)
    assert found.vectors.dtype == np.float32
    assert found.pictures.tolist() == list(range(10))
    assert found.digests[0] == hashlib.sha256(data.path(0).read_bytes()).hexdigest()
    # Files with the same bytes run once.
    assert ran == len(set(found.digests)) < 10


def test_the_second_run_uses_the_index(tmp_path: Path) -> None:
    make(tmp_path / "data")
    (tmp_path / "data" / "grey" / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    first, _ = embedded(tmp_path / "data", tmp_path / "index")
    second, ran = embedded(tmp_path / "data", tmp_path / "index")
    assert_equal(first, second)
    assert ran == 0
    save(tmp_path / "data" / "grey" / "new.png", 77)
    third, ran = embedded(tmp_path / "data", tmp_path / "index")
    assert (len(third.pictures), ran) == (11, 1)


def test_damaged_pictures_are_used_and_told_of_by_each_training(tmp_path: Path) -> None:
    data = make(tmp_path / "data")
    damage(data / "grey" / "right.png", "damaged", "truncated")
    told = []
    for _ in range(2):
        with EmbeddingIndex.open(tmp_path / "index") as index:
            watched = list[Result]()
            found = embed_dataset(model(), read_dataset(data), index, watched.append)
        assert len(found.pictures) == 10
        told.append([one.warnings for one in watched if one.warnings])
        (picture,) = found.warned
        assert (picture.file, picture.warnings) == (
            str(Path("grey", "right.png")),
            ("damaged", "truncated"),
        )
    assert told == [[("damaged", "truncated")]] * 2


def test_blocks_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "data")
    whole, _ = embedded(tmp_path / "data", tmp_path / "index")
    for name, size in (("BLOCK_PICTURES", 3), ("BLOCK_BYTES", 1)):
        with monkeypatch.context() as context:
            context.setattr(blocks, name, size)
            assert_equal(embedded(tmp_path / "data", tmp_path / name)[0], whole)


def test_another_model_or_preprocessing_is_not_mixed_up(tmp_path: Path) -> None:
    make(tmp_path / "data")
    _, ran = embedded(tmp_path / "data", tmp_path / "index")
    squashed = fake.spec(LABELS).preprocess
    for changes in (
        {"sha256": "0" * 64},
        {"embedding": "feature"},
        {"preprocess": replace(squashed, crop_fraction=0.5)},
    ):
        assert embedded(tmp_path / "data", tmp_path / "index", **changes)[1] == ran
    assert embedded(tmp_path / "data", tmp_path / "index", name="renamed")[1] == 0


def test_broken_pictures_are_named_and_skipped(tmp_path: Path) -> None:
    make(tmp_path / "data")
    grey = tmp_path / "data" / "grey"
    (grey / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    (grey / "gone.png").symlink_to("nowhere.png")
    (grey / "text.jpg").write_text("no picture")
    data = read_dataset(tmp_path / "data")
    results = list[Result]()
    with EmbeddingIndex.open(tmp_path / "index") as index:
        found = embed_dataset(model(), data, index, results.append)
    names = {"grey/broken.png": "broken_picture", "grey/text.jpg": "not_a_picture"}
    if "grey/gone.png" in data.files:
        names["grey/gone.png"] = "source_not_found"
    assert {one.file: one.code for one in found.failed} == names
    left = [number for number, file in enumerate(data.files) if file not in names]
    assert found.pictures.tolist() == left
    assert [one.source for one in results] == [str(data.path(n)) for n in range(len(data))]
    assert {one.source for one in results if one.error} == {str(data.root / one) for one in names}


def test_boxes_of_one_file(tmp_path: Path) -> None:
    pixels = np.full((20, 40, 3), 25, np.uint8)
    pixels[:, 20:] = 229
    Image.fromarray(pixels).save(tmp_path / "a.png")
    rows = "a.png,dark,0,0,20,20\na.png,bright,20,0,40,20\na.png,grey,,,,\na.png,dim,50,0,60,9\n"
    (tmp_path / "labels.csv").write_text(f"file,label,left,top,right,bottom\n{rows}")
    for ran in (3, 0):
        found, count = embedded(tmp_path, tmp_path / "index")
        parts = [pixels[:, :20], pixels[:, 20:], pixels]
        np.testing.assert_array_equal(found.vectors, model().embed(parts))
        assert count == ran
        assert len(set(found.digests)) == 1
        assert [one.code for one in found.failed] == ["box_outside"]


def test_all_pictures_broken_is_an_error(tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "a.jpg").write_text("no picture")
    with pytest.raises(UsageError, match="none of the pictures could be read"):
        embedded(tmp_path, tmp_path / "index")


def test_a_model_that_fails_stops_the_work(tmp_path: Path) -> None:
    data = read_dataset(make(tmp_path / "data"))
    with EmbeddingIndex.open(tmp_path / "index") as index:
        with pytest.raises(RuntimeFailedError, match="the engine failed"):
            embed_dataset(model(Failing(len(LABELS))), data, index)
        with pytest.raises(UsageError, match="has no embedding"):
            embed_dataset(model(embedding=None), data, index)


def test_an_index_that_is_off_changes_nothing(tmp_path: Path) -> None:
    make(tmp_path / "data")
    (tmp_path / "index").write_text("something else")
    found, ran = embedded(tmp_path / "data", tmp_path / "index")
    assert_equal(found, embedded(tmp_path / "data", tmp_path / "another")[0])
    assert ran


def test_real_photos(shared: Path, tmp_path: Path) -> None:
    data = read_dataset(shared / "images" / "hymenoptera_data" / "val")
    with pictell.load() as classifier, EmbeddingIndex.open(tmp_path / "index") as index:
        first = embed_dataset(classifier, data, index)
        expected = classifier.embed(map(data.path, range(len(data))))
    np.testing.assert_allclose(first.vectors, expected, atol=1e-6)
    session = Counting(1)
    again = Classifier(ImageModel(classifier.spec, session))
    with EmbeddingIndex.open(tmp_path / "index") as index:
        assert_equal(embed_dataset(again, data, index), first)
    assert session.ran == 0
