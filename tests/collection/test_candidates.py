"""What is known of photos before they are compared."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import pictell
from command import ROOT
from pictell.classifier import Classifier
from pictell.collection.candidates import Candidates, candidates
from pictell.collection.survey import Survey, survey
from pictell.errors import SourceNotFoundError, SourceUnreadableError
from pictell.images.fingerprint import fingerprint
from pictell.index.photos import PhotoIndex
from pictell.options import Limits
from pictell.types import Source


@pytest.fixture(scope="module")
def classifier() -> Iterator[Classifier]:
    with pictell.load() as one:
        yield one


@pytest.fixture
def index(tmp_path: Path) -> Iterator[PhotoIndex]:
    with PhotoIndex.open(tmp_path / "index") as one:
        yield one


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    names = ("cat.jpg", "espresso.jpg", "golf-ball.png")
    return [Path(shutil.copy(ROOT / "samples" / name, tmp_path)) for name in names]


def surveyed(classifier: Classifier, index: PhotoIndex, photos: list[Path]) -> Survey:
    return survey(classifier, [Source(str(path), path) for path in photos], index)


def found(one: Survey, index: PhotoIndex) -> Candidates:
    return candidates(one, index, Limits())


def test_each_photo_has_its_facts(
    classifier: Classifier, index: PhotoIndex, photos: list[Path]
) -> None:
    one = found(surveyed(classifier, index, photos), index)
    assert [file.photo.path for file in one.files] == photos
    assert [file.n_bytes for file in one.files] == [path.stat().st_size for path in photos]
    assert (one.files[0].width, one.files[0].height) == (451, 300)
    expected = [fingerprint(path.read_bytes(), Limits()) for path in photos]
    np.testing.assert_array_equal(one.fingerprints, expected)
    embeddings = classifier.embed(photos)
    np.testing.assert_allclose(one.embeddings, embeddings, atol=1e-5)


def test_what_the_index_has_is_not_read_again(
    classifier: Classifier, index: PhotoIndex, photos: list[Path]
) -> None:
    one = surveyed(classifier, index, photos)
    before = found(one, index)
    for path in photos:
        path.write_bytes(b"other")
    after = found(one, index)
    assert after.failed == ()
    np.testing.assert_array_equal(after.fingerprints, before.fingerprints)


def test_photos_that_change_in_between_fail_alone(
    classifier: Classifier, index: PhotoIndex, photos: list[Path]
) -> None:
    one = surveyed(classifier, index, photos)
    photos[0].write_bytes(b"other")
    photos[1].unlink()
    after = found(one, index)
    assert [file.photo.path for file in after.files] == photos[2:]
    assert [error.source for error in after.failed] == list(map(str, photos[:2]))
    assert [type(error) for error in after.failed] == [SourceUnreadableError, SourceNotFoundError]
    assert len(after.embeddings) == len(after.fingerprints) == 1


def test_a_twin_is_read_for_a_photo_that_changed(
    classifier: Classifier, index: PhotoIndex, photos: list[Path]
) -> None:
    twin = photos[0].with_name("twin.jpg")
    shutil.copy(photos[0], twin)
    one = surveyed(classifier, index, [photos[0], twin])
    photos[0].unlink()
    after = found(one, index)
    assert [file.photo.path for file in after.files] == [twin]
    assert [error.source for error in after.failed] == [str(photos[0])]


def test_nothing_is_computed_that_is_not_asked_for(
    classifier: Classifier, index: PhotoIndex, photos: list[Path]
) -> None:
    one = surveyed(classifier, index, photos)
    for path in photos:
        path.write_bytes(b"other")
    after = candidates(one, index, Limits(), fingerprints=False, embeddings=False)
    assert (len(after.files), after.failed) == (3, ())
    assert after.fingerprints.shape == after.embeddings.shape == (3, 0)
