"""The classifier, with a fake session (brightness decides) and with the real model."""

import gc
import io
import itertools
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

import fake_model as fake
import pictell
from command import ROOT
from damaged_pictures import damaged
from pictell import errors
from pictell.image_model import ImageModel
from pictell.types import Source

LEVELS = {"dark": 10, "grey": 128, "bright": 245}


@pytest.fixture
def classifier() -> pictell.Classifier:
    return pictell.Classifier(brightness_model())


def brightness_model(limits: pictell.Limits = pictell.Limits()) -> ImageModel:
    return ImageModel(fake.spec(list(LEVELS)), fake.FakeSession(len(LEVELS)), limits)


def image(name: str) -> Image.Image:
    return Image.new("RGB", (32, 24), (LEVELS[name],) * 3)


def encoded(name: str) -> bytes:
    buffer = io.BytesIO()
    image(name).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_result_has_the_warnings_of_its_picture(classifier: pictell.Classifier) -> None:
    sound = encoded("dark")
    cut, wrong = damaged(sound, "truncated"), damaged(sound, "damaged", "truncated")
    result = classifier.classify(cut)
    assert (result.top.label, result.warnings) == ("dark", ("truncated",))
    found = classifier.stream([sound, cut, sound[:40], wrong])
    assert [one.warnings for one in found] == [(), ("truncated",), (), ("damaged", "truncated")]
    assert classifier.classify(sound).warnings == ()


@pytest.mark.parametrize("name", LEVELS)
def test_every_kind_of_input_names_the_same(
    name: str, classifier: pictell.Classifier, tmp_path: Path
) -> None:
    path = tmp_path / "picture"
    path.write_bytes(encoded(name))
    inputs = [
        path,
        str(path),
        path.read_bytes(),
        io.BytesIO(path.read_bytes()),
        image(name),
        np.asarray(image(name)),
        Source("mine", path),
    ]
    for picture in inputs:
        result = classifier.classify(picture)
        assert result.top.label == name
        assert (result.width, result.height) == (32, 24)
        assert sum(prediction.score for prediction in result.predictions) == pytest.approx(1)


def test_the_probabilities_of_all_classes_are_there_when_asked_for(
    classifier: pictell.Classifier,
) -> None:
    result = classifier.classify(image("grey"), top_k=1, probabilities=True)
    assert result.probabilities is not None
    assert result.probabilities.shape == (len(LEVELS),)
    assert result.probabilities.argmax() == result.top.class_index
    assert result.probabilities.max() == result.top.score
    (streamed,) = classifier.stream([image("grey")], top_k=1, probabilities=True)
    np.testing.assert_array_equal(streamed.probabilities, result.probabilities)
    assert classifier.classify(image("grey")).probabilities is None


def test_an_open_file_is_left_open(classifier: pictell.Classifier, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(encoded("dark"))
    with path.open("rb") as stream:
        assert classifier.classify(stream).top.label == "dark"
        assert not stream.closed


def test_an_object_that_is_not_a_picture_is_wrong_use(classifier: pictell.Classifier) -> None:
    with pytest.raises(errors.UsageError, match="not int"):
        classifier.classify(3)  # type: ignore[arg-type]


@pytest.mark.parametrize("top_k", [0, -1, 2.5, "3"])
def test_top_k_below_one_is_wrong_use(top_k: Any, classifier: pictell.Classifier) -> None:
    with pytest.raises(errors.UsageError, match="top_k must be a whole number of 1 or more"):
        classifier.classify(image("dark"), top_k=top_k)
    with pytest.raises(errors.UsageError, match="top_k must be a whole number of 1 or more"):
        classifier.stream([], top_k=top_k)


def test_top_k_beyond_the_classes_gives_all_of_them(classifier: pictell.Classifier) -> None:
    assert len(classifier.classify(image("dark"), top_k=99).predictions) == len(LEVELS)


def test_classify_raises_an_error_that_names_the_picture(classifier: pictell.Classifier) -> None:
    with pytest.raises(errors.SourceNotFoundError, match=r"^missing\.png: ") as caught:
        classifier.classify("missing.png")
    assert caught.value.source == "missing.png"
    with pytest.raises(errors.NotAPictureError):
        classifier.classify(b"hello")


def test_the_top_of_a_failed_result_raises_its_error(classifier: pictell.Classifier) -> None:
    (result,) = classifier.stream(["missing.png"])
    with pytest.raises(errors.SourceNotFoundError):
        _ = result.top


def test_stream_keeps_the_order_and_goes_on_after_a_bad_picture(
    classifier: pictell.Classifier,
) -> None:
    names = [*LEVELS] * 20
    pictures: list[bytes | str] = [encoded(name) for name in names]
    pictures[7] = b"hello"
    pictures[11] = "missing.png"
    results = list(classifier.stream(pictures))
    assert [type(r.error) for r in results if r.error] == [
        errors.NotAPictureError,
        errors.SourceNotFoundError,
    ]
    named = [(i, r.top.label) for i, r in enumerate(results) if r.error is None]
    assert named == [(i, name) for i, name in enumerate(names) if i not in {7, 11}]


def test_stream_takes_folders(classifier: pictell.Classifier, tmp_path: Path) -> None:
    for name in ("b", "a10", "a9"):
        tmp_path.joinpath(f"{name}.png").write_bytes(encoded("grey"))
    names = [Path(result.source).stem for result in classifier.stream([tmp_path])]
    assert names == ["a9", "a10", "b"]


def test_stream_reads_an_endless_iterable_only_as_far_as_needed(
    classifier: pictell.Classifier,
) -> None:
    taken = itertools.count()
    endless = (encoded("dark") for _ in taken)
    stream = classifier.stream(endless)
    assert [next(stream).top.label for _ in range(5)] == ["dark"] * 5
    stream.close()  # type: ignore[attr-defined]
    assert next(taken) < 100


def test_the_library_asks_public_hosts_only(classifier: pictell.Classifier) -> None:
    with pytest.raises(errors.AddressRefusedError):
        classifier.classify("http://127.0.0.1/cat.jpg")


def test_limits_hold(tmp_path: Path) -> None:
    limits = pictell.Limits(max_pixels=32 * 24 - 1)
    small = pictell.Classifier(brightness_model(limits))
    for picture in (encoded("dark"), image("dark"), np.asarray(image("dark"))):
        with pytest.raises(errors.PictureTooLargeError):
            small.classify(picture)
    short = pictell.Classifier(brightness_model(pictell.Limits(max_bytes=10)))
    path = tmp_path / "picture.png"
    path.write_bytes(encoded("dark"))
    with pytest.raises(errors.SourceTooLargeError):
        short.classify(path)


def test_stream_takes_no_single_picture(classifier: pictell.Classifier, tmp_path: Path) -> None:
    for one in ("cat.jpg", b"bytes", tmp_path, io.BytesIO(b"a\nb"), Source("one", tmp_path)):
        with pytest.raises(errors.UsageError, match="put the one picture into a list"):
            classifier.stream(one)  # type: ignore[arg-type]


def test_a_folder_is_for_streams(classifier: pictell.Classifier, tmp_path: Path) -> None:
    with pytest.raises(errors.SourceUnreadableError, match=r"a folder: Classifier\.stream"):
        classifier.classify(tmp_path)


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (0, 0)])
def test_a_picture_without_pixels_is_broken(
    size: tuple[int, int], classifier: pictell.Classifier
) -> None:
    with pytest.raises(errors.BrokenPictureError, match="no pixels"):
        classifier.classify(Image.new("RGB", size))


class FailingStream(io.RawIOBase):
    """Raises an error that no library expects."""

    def read(self, size: int = -1) -> bytes:
        raise RuntimeError("the camera is asleep")


def test_a_stream_that_raises_anything_is_its_own_failure(classifier: pictell.Classifier) -> None:
    bad, good = classifier.stream([FailingStream(), encoded("dark")])  # type: ignore[list-item]
    assert isinstance(bad.error, errors.SourceUnreadableError)
    assert good.top.label == "dark"


def test_an_error_of_the_input_comes_after_the_results_before_it(
    classifier: pictell.Classifier,
) -> None:
    stream = classifier.stream([*[encoded("dark")] * 10, 3])  # type: ignore[list-item]
    assert [next(stream).top.label for _ in range(10)] == ["dark"] * 10
    with pytest.raises(errors.UsageError, match="not int"):
        next(stream)


class BytesPath:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __fspath__(self) -> bytes:
        return bytes(self.path)


def test_paths_of_bytes(classifier: pictell.Classifier, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(encoded("grey"))
    picture: Any = BytesPath(path)
    assert classifier.classify(picture).top.label == "grey"
    assert [result.source for result in classifier.stream([picture])] == [str(path)]


def test_a_failed_result_does_not_keep_its_file_in_memory(classifier: pictell.Classifier) -> None:
    data = bytes(bytearray(b"\xff\xd8\xff broken"))
    before = sys.getrefcount(data)
    (result,) = classifier.stream([data])
    assert result.error is not None
    gc.collect()
    assert sys.getrefcount(data) == before


class Starved:
    """An object for whose bytes there is no memory."""

    @property
    def read(self) -> Any:
        raise MemoryError


@pytest.mark.parametrize("timeout_s", [None, 20])
def test_too_little_memory_to_read_is_an_error_of_that_picture(
    timeout_s: float | None, classifier: pictell.Classifier
) -> None:
    starved: Any = Source("starved", Starved())  # type: ignore[arg-type]
    with pytest.raises(errors.OutOfMemoryError, match=r"^starved: "):
        classifier.classify(starved, timeout_s=timeout_s)
    bad, good = classifier.stream([starved, encoded("dark")])
    assert isinstance(bad.error, errors.OutOfMemoryError)
    assert good.top.label == "dark"


def test_a_failed_read_keeps_no_frames() -> None:
    """Their variables would hold what was downloaded until then."""
    read = brightness_model().read(Source("missing.png", Path("missing.png")))
    assert isinstance(read.content, errors.SourceNotFoundError)
    assert read.content.__traceback__ is None


class FailingSession:
    """An engine that gives what no labels fit, or fails altogether."""

    def __init__(self, classes: int | None) -> None:
        self.classes = classes

    def run(self, inputs: Any, outputs: Any) -> dict[str, Any]:
        if self.classes is None:
            raise errors.RuntimeFailedError("no device")
        if self.classes == 0:
            raise MemoryError
        (batch,) = inputs.values()
        return {name: np.zeros((len(batch), self.classes)) for name in outputs}

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("classes", "kind", "message"),
    [
        (None, errors.RuntimeFailedError, "no device"),
        (2, errors.RuntimeFailedError, "2 outputs for 3 labels"),
        (0, errors.OutOfMemoryError, "not enough memory for this picture"),
    ],
)
def test_an_engine_that_fails_gives_results_with_errors(
    classes: int | None, kind: type[errors.PictellError], message: str
) -> None:
    model = ImageModel(fake.spec(list(LEVELS)), FailingSession(classes))
    results = list(pictell.Classifier(model).stream([encoded("dark")] * 9))
    assert [(type(r.error), str(r.error)) for r in results] == [(kind, f"bytes: {message}")] * 9


def test_an_output_that_is_not_a_number_fails_alone() -> None:
    class OneBadRow(fake.FakeSession):
        def run(self, inputs: Any, outputs: Any) -> dict[str, Any]:
            (batch,), found = inputs.values(), super().run(inputs, outputs)
            found["logits"][batch.reshape(len(batch), -1).mean(axis=1) < 50] = np.nan
            return found

    classifier = pictell.Classifier(ImageModel(fake.spec(list(LEVELS)), OneBadRow(3)))
    names = ["grey"] * 6 + ["dark"] + ["bright"] * 6
    results = list(classifier.stream([encoded(name) for name in names]))
    failed = [r.error is not None for r in results]
    assert failed == [name == "dark" for name in names]


class SlowSession(fake.FakeSession):
    """Waits until it may run."""

    def __init__(self) -> None:
        super().__init__(len(LEVELS))
        self.may_run = threading.Event()

    def run(self, inputs: Any, outputs: Any) -> dict[str, Any]:
        assert self.may_run.wait(20)
        return super().run(inputs, outputs)


def test_a_call_ends_at_its_deadline() -> None:
    session = SlowSession()
    classifier = pictell.Classifier(ImageModel(fake.spec(list(LEVELS)), session))
    with pytest.raises(errors.DeadlineError, match=r"^bytes: not finished") as caught:
        classifier.classify(encoded("dark"), timeout_s=0.05)
    assert caught.value.timeout_s == 0.05
    session.may_run.set()
    assert classifier.classify(encoded("dark"), timeout_s=20).top.label == "dark"


def test_reading_after_the_deadline_does_not_keep_the_program_from_ending() -> None:
    code = (
        "import os, test_classifier as t\n"
        "empty, _ = os.pipe()\n"
        "classifier = t.pictell.Classifier(t.brightness_model())\n"
        "try: classifier.classify(open(empty, 'rb'), timeout_s=0.05)\n"
        "except t.errors.DeadlineError as error: print(error)\n"
    )
    here = Path(__file__).parent
    run = subprocess.run([sys.executable, "-c", code], cwd=here, capture_output=True, timeout=20)
    assert (run.stdout.strip(), run.stderr) == (b"stream: not finished within 0.05 s", b"")


def test_numbers_of_numpy_are_numbers(classifier: pictell.Classifier) -> None:
    limit: Any = np.float32(20)
    for k in (np.int64(2), np.uint8(2)):
        result = classifier.classify(image("dark"), top_k=k, timeout_s=limit)
        assert len(result.predictions) == 2


@pytest.mark.parametrize("timeout_s", [0, -1, float("nan"), float("inf"), 10**400, "5"])
def test_a_deadline_must_be_a_number_above_0(
    timeout_s: Any, classifier: pictell.Classifier
) -> None:
    with pytest.raises(errors.UsageError, match="timeout_s"):
        classifier.classify(encoded("dark"), timeout_s=timeout_s)


def test_results_come_while_the_list_is_still_written(classifier: pictell.Classifier) -> None:
    """A list may come from another program, which waits for the first result."""
    go_on = threading.Event()

    def pictures() -> Iterator[bytes]:
        for _ in range(3):
            yield encoded("dark")
        assert go_on.wait(20)
        yield encoded("bright")

    results = classifier.stream(pictures())
    assert [next(results).top.label for _ in range(3)] == ["dark"] * 3
    go_on.set()
    assert [result.top.label for result in results] == ["bright"]


def test_a_closed_classifier_says_so() -> None:
    with pictell.load() as classifier:
        assert classifier.classify(skimage.data.coffee()).top.label == "espresso"
    classifier.close()
    with pytest.raises(errors.UsageError, match="closed"):
        classifier.classify(skimage.data.coffee())


def test_closing_lets_the_calls_in_flight_end() -> None:
    classifier = pictell.load()
    photo = skimage.data.coffee()
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(classifier.classify, photo) for _ in range(12)]
        calls += [pool.submit(classifier.close) for _ in range(3)]
        calls += [pool.submit(classifier.classify, photo) for _ in range(4)]
    for call in calls:
        error = call.exception()
        assert error is None or isinstance(error, errors.UsageError)


def test_a_classifier_opens_itself_again_in_another_process() -> None:
    classifier = pictell.load(min_confidence=0.5, max_depth=1)
    pickled = pickle.dumps(classifier)
    assert len(pickled) < 2000
    code = (
        "import pickle, sys, skimage.data;"
        "c = pickle.loads(sys.stdin.buffer.read());"
        "print(c.classify(skimage.data.chelsea()).answer.name)"
    )
    run = subprocess.run([sys.executable, "-c", code], input=pickled, capture_output=True)
    assert (run.stdout.strip(), run.stderr) == (b"animal", b"")


def test_a_classifier_made_from_parts_cannot_be_pickled(classifier: pictell.Classifier) -> None:
    with pytest.raises(TypeError, match=r"pictell\.load"):
        pickle.dumps(classifier)


def test_embeddings_have_a_norm_of_1() -> None:
    photos = [skimage.data.chelsea(), skimage.data.coffee(), skimage.data.chelsea()]
    with pictell.load() as classifier:
        found = classifier.embed(photos)
    assert (found.shape, found.dtype) == ((3, 1280), np.float32)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(found[0], found[2])
    assert found[0] @ found[1] < 0.9


def test_embedding_fails_with_the_first_picture_that_fails(default: pictell.Classifier) -> None:
    with pytest.raises(errors.NotAPictureError):
        default.embed([skimage.data.coffee(), b"hello"])
    with pytest.raises(errors.UsageError, match="no pictures"):
        default.embed([])


@pytest.mark.parametrize(("value", "norm"), [(1e30, 1), (1e-30, 1), (0, 0), (np.inf, None)])
def test_an_embedding_of_extreme_values(value: float, norm: float | None) -> None:
    class Extreme(fake.FakeSession):
        def run(self, inputs: Any, outputs: Any) -> dict[str, Any]:
            (batch,) = inputs.values()
            return dict.fromkeys(outputs, np.full((len(batch), 4), value, np.float32))

    spec = replace(fake.spec(list(LEVELS)), embedding="features")
    classifier = pictell.Classifier(ImageModel(spec, Extreme(3)))
    if norm is None:
        with pytest.raises(errors.RuntimeFailedError, match=r"^array: .*not finite"):
            classifier.embed([np.asarray(image("dark"))])
    else:
        found = classifier.embed([image("dark")])
        assert np.linalg.norm(found) == pytest.approx(norm)


def test_a_model_without_an_embedding_says_so(classifier: pictell.Classifier) -> None:
    with pytest.raises(errors.UsageError, match="no embedding"):
        classifier.embed([encoded("dark")])


@pytest.fixture(scope="module")
def default() -> pictell.Classifier:
    return pictell.load()


@pytest.mark.parametrize(
    ("photo", "names"),
    [
        ("chelsea", {"Egyptian cat", "tabby cat", "tiger cat"}),
        ("coffee", {"espresso"}),
        ("rocket", {"missile", "projectile"}),
    ],
)
def test_names_the_photographs_of_scikit_image(
    photo: str, names: set[str], default: pictell.Classifier
) -> None:
    assert default.classify(getattr(skimage.data, photo)()).top.label in names


# How a camera stores an upright scene for each EXIF orientation: the inverse of what undoes it.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def test_all_eight_orientations_give_the_same_answer(default: pictell.Classifier) -> None:
    coffee = Image.fromarray(skimage.data.coffee())
    expected = default.classify(coffee)
    for orientation, turn in STORED.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        buffer = io.BytesIO()
        stored = coffee if turn is None else coffee.transpose(turn)
        stored.save(buffer, "PNG", exif=exif)
        result = default.classify(buffer.getvalue())
        assert result.predictions == expected.predictions
        assert (result.width, result.height) == coffee.size


def test_orientations_of_a_scene_without_a_class(odd: Path, default: pictell.Classifier) -> None:
    """Nine photographs of a waterfall, each with another digit drawn in: nothing is above 0.2,
    but the same few landscapes come first however the file is turned."""
    photos = sorted(odd.joinpath("exif_orientation").glob("Landscape_*.jpg"))
    results = list(default.stream(photos))
    assert len(results) == 9
    assert {result.top.label for result in results} <= {"seashore", "valley", "cliff"}
    assert {(result.width, result.height) for result in results} == {(1800, 1200)}


@pytest.fixture(scope="module")
def coffee() -> Image.Image:
    return Image.fromarray(skimage.data.coffee())


TWINS = {
    "cmyk": lambda photo: photo.convert("CMYK"),
    "alpha": lambda photo: photo.convert("RGBA"),
    "palette": lambda photo: photo.quantize(256),
    "16-bit-grey": lambda photo: Image.fromarray(
        np.asarray(photo.convert("L")).astype(np.uint16) * 257
    ),
}


@pytest.mark.parametrize("twin", TWINS)
def test_colour_modes_give_the_name_of_their_rgb_twin(
    twin: str, coffee: Image.Image, default: pictell.Classifier
) -> None:
    upright = coffee.convert("L").convert("RGB") if "grey" in twin else coffee
    expected = default.classify(upright).top
    found = default.classify(TWINS[twin](coffee)).top
    assert found.label == expected.label
    assert found.score == pytest.approx(expected.score, abs=0.15)


def test_results_do_not_depend_on_the_neighbours(default: pictell.Classifier) -> None:
    photos = [skimage.data.chelsea(), skimage.data.coffee(), skimage.data.rocket()] * 4
    streamed = [result.predictions for result in default.stream(photos)]
    assert streamed == [default.classify(photo).predictions for photo in photos]


def test_a_stream_adds_the_embedding_of_the_same_run() -> None:
    samples = sorted((ROOT / "samples").glob("*.[jp]*g"))
    with pictell.load() as classifier:
        results = list(classifier.stream(samples, embedding=True))
        alone = classifier.embed(samples)
        plain = list(classifier.stream(samples))
    np.testing.assert_allclose(np.stack([one.embedding for one in results]), alone, atol=1e-6)
    assert [one.top.label for one in results] == [one.top.label for one in plain]
    assert all(one.embedding is None for one in plain)
    assert "embedding" not in results[0].to_dict()


def test_a_stream_of_a_model_without_an_embedding_adds_none(
    classifier: pictell.Classifier,
) -> None:
    with pytest.raises(errors.UsageError, match="no embedding"):
        classifier.stream([image("dark")], embedding=True)
