"""The survey of photos: the same in every run, and what is known is not read again."""

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pictell
from embedding_model import Counting, model
from labelled_pictures import LABELS, save, with_answers
from pictell.classifier import Classifier
from pictell.collection.survey import Survey, survey
from pictell.errors import PictellError, RuntimeFailedError, SourceNotFoundError, UsageError
from pictell.image_model import ImageModel
from pictell.images.sources import expand_path, to_source
from pictell.index import blocks
from pictell.index.photos import PhotoIndex
from pictell.options import Limits
from pictell.results import Result, Status
from pictell.scoring.calibration import Abstention, Calibration

Path_ = str | Path
# Of programs that import this file.
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}


def make(folder: Path, count: int = 5) -> list[Path]:
    """Photos with different contents, changed long ago."""
    paths = [folder / f"{number}.png" for number in range(count)]
    for number, path in enumerate(paths):
        save(path, 3 * number % 255)
        if number >= 85:
            path.write_bytes(path.read_bytes() + number.to_bytes(2))
        age(path)
    return paths


def age(path: Path) -> None:
    long_ago = time.time() - 1000
    os.utime(path, (long_ago, long_ago))


def look(
    classifier: Classifier, paths: Sequence[Path_], index: PhotoIndex, watched: Any = None
) -> Survey:
    sources = [to_source(path, allow_private=True) for path in paths]
    return survey(classifier, sources, index, *([] if watched is None else [watched.append]))


def facts(found: Survey) -> tuple[object, ...]:
    """All that a survey says."""
    return (
        found.photos,
        [(one.source, one.error and one.error.message) for one in found.failed],
        list(found.results()),
        found.probabilities().tobytes(),
        found.embeddings().tobytes(),
        found.known().tolist(),
    )


def ran(classifier: Classifier) -> int:
    session = classifier.model._session.result()
    assert isinstance(session, Counting)
    return session.ran


def run(file: Path, paths: Sequence[Path_], **changes: Any) -> tuple[tuple[object, ...], int]:
    """One run of a program: what the survey says, and how many pictures ran."""
    classifier = model(**changes)
    with PhotoIndex.open(file) as index:
        said = facts(look(classifier, paths, index))
        assert index.note is None
    return said, ran(classifier)


def test_the_first_and_later_runs_are_the_same(tmp_path: Path) -> None:
    paths = [*make(tmp_path / "photos", 12), tmp_path / "missing.jpg"]
    first, count = run(tmp_path / "index", paths)
    assert count == 12
    assert run(tmp_path / "index", paths) == (first, 0)
    (tmp_path / "index").unlink()
    assert run(tmp_path / "index", paths) == (first, 12)


def test_it_says_what_the_classifier_says(tmp_path: Path) -> None:
    paths = make(tmp_path)
    classifier = model()
    with PhotoIndex.open(tmp_path / "index") as index:
        found = look(classifier, paths, index)
        results = list(found.results())
        expected = list(classifier.stream(paths, probabilities=True, embedding=True))
        np.testing.assert_allclose(
            found.probabilities(), np.array([one.probabilities for one in expected]), atol=1e-7
        )
        np.testing.assert_array_equal(
            found.embeddings(), np.array([one.embedding for one in expected])
        )
    assert found.probabilities().dtype == found.embeddings().dtype == np.float32
    for photo, path in zip(found.photos, paths, strict=True):
        assert photo.path == path
        assert photo.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    for one, other in zip(results, expected, strict=True):
        assert (one.source, one.status, one.width) == (other.source, other.status, other.width)
        assert one.top.label == other.top.label
        assert one.timings is one.probabilities is one.embedding is None


def test_known_files_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = make(tmp_path / "photos")
    first, _ = run(tmp_path / "index", paths)
    for name in ("open", "read"):
        monkeypatch.setattr(f"pictell.images.read.os.{name}", None)
    assert run(tmp_path / "index", paths) == (first, 0)


def test_only_new_and_changed_files_run(tmp_path: Path) -> None:
    paths = make(tmp_path)
    run(tmp_path / "index", paths)
    save(paths[1], 200)
    age(paths[1])
    save(tmp_path / "new.png", 250)
    said, count = run(tmp_path / "index", [*paths, tmp_path / "new.png"])
    assert count == 2
    assert said == run(tmp_path / "other", [*paths, tmp_path / "new.png"])[0]


@pytest.mark.parametrize("replaced", ["written", "put in place"])
def test_a_change_that_keeps_size_and_time_is_seen(tmp_path: Path, replaced: str) -> None:
    path = tmp_path / "a.bmp"
    contents = []
    for colour in ("red", "blue"):
        Image.new("RGB", (8, 8), colour).save(path)
        contents.append(path.read_bytes())
    path.write_bytes(contents[0])
    age(path)
    before = path.stat()
    run(tmp_path / "index", [path])
    time.sleep(0.05)  # the clock of the file system has such steps
    changed = path if replaced == "written" else tmp_path / "b"
    changed.write_bytes(contents[1])
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns))
    changed.replace(path)
    assert path.stat().st_size == before.st_size
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    with PhotoIndex.open(tmp_path / "index") as index:
        (photo,) = look(model(), [path], index).photos
    assert photo.digest == hashlib.sha256(contents[1]).hexdigest()


def test_a_file_that_has_just_changed_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = make(tmp_path, 1)
    path.touch()
    first, _ = run(tmp_path / "index", [path])
    opened = list[Any]()
    monkeypatch.setattr(
        blocks, "read_file", lambda *words: opened.append(words) or path.read_bytes()
    )
    assert run(tmp_path / "index", [path]) == (first, 0)
    assert len(opened) == 1
    age(path)  # this changes the time, so it is read once more
    run(tmp_path / "index", [path])
    run(tmp_path / "index", [path])
    assert len(opened) == 2


def test_a_file_that_changes_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = make(tmp_path, 1)
    old = path.read_bytes()

    def read(*words: Any) -> bytes:
        save(path, 200)
        age(path)
        return old

    with monkeypatch.context() as context:
        context.setattr(blocks, "read_file", read)
        with PhotoIndex.open(tmp_path / "index") as index:
            (photo,) = look(model(), [path], index).photos
    assert photo.digest == hashlib.sha256(old).hexdigest()
    with PhotoIndex.open(tmp_path / "index") as index:
        (photo,) = look(model(), [path], index).photos
    assert photo.digest == hashlib.sha256(path.read_bytes()).hexdigest()


def test_each_content_runs_once(tmp_path: Path) -> None:
    (path, *_) = make(tmp_path, 1)
    (tmp_path / "link.png").symlink_to(path)
    (tmp_path / "hard.png").hardlink_to(path)
    (tmp_path / "copy.png").write_bytes(path.read_bytes())
    paths = [path, *(tmp_path / f"{name}.png" for name in ("link", "hard", "copy")), path]
    said, count = run(tmp_path / "index", paths)
    assert count == 1
    photos, _, results, *_ = said
    assert isinstance(photos, tuple)
    assert isinstance(results, list)
    assert [photo.path for photo in photos] == paths
    assert len({photo.digest for photo in photos}) == 1
    assert [one.source for one in results] == [str(path) for path in paths]


def test_a_photo_that_was_moved_does_not_run_again(tmp_path: Path) -> None:
    paths = make(tmp_path)
    said, _ = run(tmp_path / "index", paths)
    moved = [path.rename(tmp_path / f"moved {path.name}") for path in paths]
    again, count = run(tmp_path / "index", moved)
    assert count == 0
    assert again[3:] == said[3:]


def test_a_link_to_another_photo_is_read_again(tmp_path: Path) -> None:
    first, second = make(tmp_path, 2)
    link = tmp_path / "link.png"
    link.symlink_to(first)
    run(tmp_path / "index", [link])
    link.unlink()
    link.symlink_to(second)
    with PhotoIndex.open(tmp_path / "index") as index:
        (photo,) = look(model(), [link], index).photos
    assert photo.digest == hashlib.sha256(second.read_bytes()).hexdigest()


def test_a_relative_path_is_of_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        save(tmp_path / name / "0.png", ord(name))
        age(tmp_path / name / "0.png")
    found = []
    for name in ("a", "b"):
        monkeypatch.chdir(tmp_path / name)
        with PhotoIndex.open(tmp_path / "index") as index:
            (photo,) = look(model(), ["0.png"], index).photos
        found.append(photo.digest)
        assert photo.path == Path("0.png")
    assert found[0] != found[1]


def test_a_name_that_is_no_text_is_kept(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n.png"))
    save(path, 100)
    age(path)
    first, _ = run(tmp_path / "index", [path])
    assert run(tmp_path / "index", [path]) == (first, 0)


def test_photos_that_fail_are_named_and_tried_again(tmp_path: Path) -> None:
    good, broken = make(tmp_path, 2)
    content = broken.read_bytes()
    broken.write_bytes(b"\x89PNG\r\n\x1a\n")
    age(broken)
    watched = list[Result]()
    paths = [broken, tmp_path / "missing.png", good, broken]
    with PhotoIndex.open(tmp_path / "index") as index:
        found = look(model(), paths, index, watched)
        assert [one.source for one in found.failed] == [str(paths[0]), str(paths[1]), str(broken)]
        assert isinstance(found.failed[1].error, SourceNotFoundError)
        assert [one.source for one in watched] == list(map(str, paths))
        assert [one.error is None for one in watched] == [False, False, True, False]
        broken.write_bytes(content)
        age(broken)
        assert not look(model(), [broken, good], index).failed


def test_what_is_no_file_fails_and_is_not_fetched(tmp_path: Path) -> None:
    (path,) = make(tmp_path, 1)
    words = ["http://localhost:9/a.jpg", "data:image/png;base64,AA==", path]
    with PhotoIndex.open(tmp_path / "index") as index:
        found = look(model(), words, index)
    assert len(found.photos) == 1
    assert {str(one.error.message) for one in found.failed if one.error} == {
        "a URL: this command takes only files and folders"
    }
    assert found.failed[0].source == words[0]


def test_no_photos(tmp_path: Path) -> None:
    with PhotoIndex.open(tmp_path / "index") as index:
        found = look(model(), [], index)
        assert list(found.results()) == []
        assert found.probabilities().shape == (0, len(LABELS))
        assert found.embeddings().shape == (0, 0)
        assert found.known().shape == (0,)


def test_blocks_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = make(tmp_path, 9)
    whole, _ = run(tmp_path / "index", paths)
    for number, (name, size) in enumerate((("BLOCK_PICTURES", 2), ("BLOCK_BYTES", 1))):
        monkeypatch.setattr(blocks, name, size)
        monkeypatch.setattr("pictell.collection.survey.ROWS_AT_ONCE", 2)
        # Some are known, some are not.
        run(tmp_path / f"index{number}", paths[2:8:3])
        assert run(tmp_path / f"index{number}", paths) == (whole, 7)


def test_another_model_is_not_mixed_up(tmp_path: Path) -> None:
    paths = make(tmp_path)
    run(tmp_path / "index", paths)
    squashed = model().spec.preprocess
    for changes in (
        {"sha256": "0" * 64},
        {"output_name": "other"},
        {"activation": "sigmoid"},
        {"preprocess": replace(squashed, crop_fraction=0.5)},
    ):
        assert run(tmp_path / "index", paths, **changes)[1] == len(paths)
    assert run(tmp_path / "index", paths, name="renamed")[1] == 0


def test_the_threshold_and_the_names_only_decide(tmp_path: Path) -> None:
    paths = make(tmp_path / "photos", 80)
    for scorer in ({}, {"min_confidence": 1.0}, {"flat": True}, {"taxonomy": None}):
        classifier = with_answers(**scorer)
        session = Counting(len(LABELS))
        with PhotoIndex.open(tmp_path / "index") as index:
            classifier = Classifier(ImageModel(classifier.spec, session), classifier.scorer)
            results = list(look(classifier, paths, index).results())
            assert session.ran == (0 if scorer else len(paths))
            expected = classifier.stream(paths)
            for one, other in zip(results, expected, strict=True):
                assert one.status is other.status
                assert (one.answer and one.answer.name) == (other.answer and other.answer.name)


def test_a_model_that_abstains(tmp_path: Path) -> None:
    paths = make(tmp_path / "photos", 80)
    chosen = {
        "abstention": Abstention("probability", 0.5, 0.05),
        "calibration": Calibration(temperature=3.0),
    }
    statuses = [one.status for one in with_answers(**chosen).stream(paths)]
    assert set(statuses) == {Status.SURE, Status.LIKELY, Status.UNKNOWN}
    for flat in (True, False):
        with PhotoIndex.open(tmp_path / f"index{flat}") as index:
            look(with_answers(**chosen, flat=flat), paths, index)
            found = look(with_answers(**chosen), paths, index)
            assert [one.status for one in found.results()] == statuses
        assert found.known().tolist() == [one is not Status.UNKNOWN for one in statuses]


def test_a_model_without_an_embedding(tmp_path: Path) -> None:
    paths = make(tmp_path)
    with PhotoIndex.open(tmp_path / "index") as index:
        found = look(model(embedding=None), paths, index)
        assert len(list(found.results())) == len(paths)
        with pytest.raises(UsageError, match="fake has no embedding"):
            found.embeddings()


def test_a_model_that_fails_ends_the_run(tmp_path: Path) -> None:
    class Failing(Counting):
        def run(self, *words: Any) -> Any:
            raise RuntimeFailedError("out of memory")

    paths = make(tmp_path)
    with PhotoIndex.open(tmp_path / "index") as index, pytest.raises(RuntimeFailedError):
        look(model(Failing(len(LABELS))), paths, index)


def test_warnings_and_limits_are_those_of_a_new_run(tmp_path: Path) -> None:
    path = tmp_path / "cut.jpg"
    pixels = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    path.write_bytes(path.read_bytes()[:20_000])
    age(path)
    watched = list[Result]()
    for limits in (Limits(allow_truncated=True), Limits(allow_truncated=True), Limits()):
        classifier = model()
        classifier.model.limits = limits
        with PhotoIndex.open(tmp_path / "index") as index:
            found = look(classifier, [path], index, watched)
            assert [one.warnings for one in found.results()] == [
                watched[-1].warnings for _ in found.photos
            ]
        assert len(found.photos) == limits.allow_truncated
    assert watched[0].warnings == watched[1].warnings != ()
    good = make(tmp_path, 1)
    for limits in (Limits(), Limits(max_pixels=63), Limits(max_bytes=10)):
        classifier = model()
        classifier.model.limits = limits
        with PhotoIndex.open(tmp_path / "index") as index:
            assert bool(look(classifier, good, index).failed) == (limits != Limits())


def test_an_index_that_loses_rows_changes_no_result(tmp_path: Path) -> None:
    paths = make(tmp_path, 9)
    expected, _ = run(tmp_path / "index", paths)
    connection = sqlite3.connect(tmp_path / "index")
    connection.execute("UPDATE known SET data = zeroblob(length(data)) WHERE rowid % 2")
    connection.commit()
    connection.close()
    assert run(tmp_path / "index", paths)[0] == expected
    assert run(tmp_path / "index", paths) == (expected, 0)
    with PhotoIndex.open(tmp_path / "index") as index:
        found = look(model(), paths, index)
        connection = sqlite3.connect(tmp_path / "index")
        connection.execute("DELETE FROM known")
        connection.commit()
        connection.close()
        assert facts(found) == expected
    with PhotoIndex.open(tmp_path / "other") as index:
        found = look(model(), paths, index)
        index._stores[0].execute("DELETE FROM known")
        save(paths[3], 250)
        with pytest.raises(PictellError, match="has changed"):
            found.probabilities()


@pytest.mark.parametrize("content", [b"no index", b"SQLite format 3\0" + bytes(200)])
def test_an_index_that_cannot_be_used_changes_no_result(tmp_path: Path, content: bytes) -> None:
    paths = make(tmp_path / "photos")
    expected, _ = run(tmp_path / "whole", paths)
    (tmp_path / "index").write_bytes(content)
    with PhotoIndex.open(tmp_path / "index") as index:
        assert facts(look(model(), paths, index)) == expected
        assert index.note is not None
    assert (tmp_path / "index").read_bytes() == content


def test_a_full_disk_changes_no_result(tmp_path: Path) -> None:
    paths = make(tmp_path / "photos", 400)
    expected, _ = run(tmp_path / "whole", paths)
    run(tmp_path / "index", paths[::4])
    program = f"""
import resource
from test_survey import *
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
paths = sorted(Path({str(tmp_path / "photos")!r}).iterdir(), key=lambda one: int(one.stem))
classifier = model()
with PhotoIndex.open(Path({str(tmp_path / "index")!r})) as index:
    said = facts(look(classifier, paths, index))
    print(index.note)
print(hashlib.sha256(repr(said).encode()).hexdigest(), ran(classifier))
"""
    shown = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parent, capture_output=True, text=True,
        env=ENVIRONMENT,
    )  # fmt: skip
    note, end = shown.stdout.splitlines() or pytest.fail(shown.stderr)
    assert "is not used" in note
    assert end == f"{hashlib.sha256(repr(expected).encode()).hexdigest()} 300"


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_stopped_goes_on_in_the_next(tmp_path: Path, sent: int) -> None:
    paths = make(tmp_path / "photos", 200)
    expected, _ = run(tmp_path / "whole", paths)
    program = f"""
from test_survey import *
paths = sorted(Path({str(tmp_path / "photos")!r}).iterdir(), key=lambda one: int(one.stem))
class Slow(list):
    def append(self, one):
        print(one.source, flush=True)
        time.sleep(0.01)
with PhotoIndex.open(Path({str(tmp_path / "index")!r})) as index:
    look(model(), paths, index, Slow())
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=Path(__file__).parent, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, env=ENVIRONMENT,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for _ in range(100):
            process.stdout.readline()
        process.send_signal(sent)
    said, count = run(tmp_path / "index", paths)
    assert said == expected
    assert 0 < count <= 200 - 64


def test_the_default_model(tmp_path: Path, shared: Path) -> None:
    folder = shared / "images" / "imagenet_train333"
    paths = sorted(folder.glob("*.JPEG"))[:20]
    with pictell.load() as classifier:
        said = []
        for _ in range(2):
            with PhotoIndex.open(tmp_path / "index") as index:
                said.append(facts(look(classifier, paths, index)))
                assert index.note is None
        assert said[0] == said[1]
        with PhotoIndex.open(tmp_path / "index") as index:
            results = list(look(classifier, paths, index).results())
        for one, other in zip(results, classifier.stream(paths), strict=True):
            assert (one.status, one.answer and one.answer.id) == (
                other.status,
                other.answer and other.answer.id,
            )
            assert (one.width, one.height) == (other.width, other.height)


def test_a_date_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2024:06:30 23:59:58"
    Image.new("RGB", (8, 8)).save(path, exif=exif)
    age(path)
    for _ in range(2):
        with PhotoIndex.open(tmp_path / "index") as index:
            (photo,) = survey(model(), expand_path(str(path)), index).photos
        assert photo.taken == datetime(2024, 6, 30, 23, 59, 58)
