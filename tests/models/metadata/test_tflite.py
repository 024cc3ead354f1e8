"""TFLite metadata and appended files become labels and preprocessing, or a reason why not."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

import pictell
from pictell.errors import InvalidModelError
from pictell.graphs import Weights
from pictell.inspection import inspect_weights
from pictell.models.bare import describe
from pictell.models.folder import create_model_folder, read_model_folder, read_weights
from pictell.models.metadata import read_metadata
from pictell.models.stated import Stated
from pictell.models.store import catalog
from pictell.options import ModelOptions
from pictell.types import Label, ModelSpec
from tflite_files import (
    AXIS_LABELS,
    BOXES,
    LABELS,
    VALUE_LABELS,
    archive,
    colours,
    metadata,
    packed,
)

UINT8, INT8 = (1 / 127.5, 127), (1 / 127.5, 0)
COLOUR = (200, 10, 30)
NAMES = ("red", "green", "blue")


def spec_of(folder: Path, content: bytes, options: ModelOptions = ModelOptions()) -> ModelSpec:
    path = folder / "colours.tflite"
    path.write_bytes(content)
    return describe(path, options)


def refusal(folder: Path, content: bytes, options: ModelOptions = ModelOptions()) -> str:
    with pytest.raises(InvalidModelError) as caught:
        spec_of(folder, content, options)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


def names(spec: ModelSpec) -> tuple[str, ...]:
    return tuple(label.name for label in spec.labels)


def stated_by(content: bytes) -> Stated | None:
    weights = Weights("tflite", {"model.tflite": content})
    return read_metadata(weights, inspect_weights(weights))


def classified(spec: ModelSpec) -> dict[str, float]:
    picture = Image.new("RGB", (20, 20), COLOUR)
    with pictell.load(spec.weights) as classifier:
        return {one.label: one.score for one in classifier.classify(picture).predictions}


def expected(mean: Sequence[float], std: Sequence[float]) -> dict[str, float]:
    values = np.exp((np.array(COLOUR) - mean) / std)
    return dict(zip(NAMES, values / values.sum(), strict=True))


@pytest.mark.parametrize(
    ("dtype", "quantisation", "mean", "std"),
    [
        ("float32", None, (127.5,), (127.5,)),
        ("float32", None, (0,), (255,)),
        ("float32", None, (127, 120, 100), (128, 100, 200)),
        ("uint8", UINT8, (127.5,), (127.5,)),
        ("int8", INT8, (127.5,), (127.5,)),
        ("uint8", (1 / 255, 0), (0,), (255,)),
        ("int8", (1 / 255, -128), (0,), (255,)),
        ("uint8", (1 / 128, 127), (127,), (128,)),
    ],
)
def test_pixels_are_normalised_as_the_metadata_states(
    tmp_path: Path,
    dtype: str,
    quantisation: tuple[float, int] | None,
    mean: Sequence[float],
    std: Sequence[float],
) -> None:
    content = packed(
        colours(dtype, quantisation), metadata(mean=mean, std=std), {"labels.txt": LABELS}
    )
    spec = spec_of(tmp_path, content)
    assert (spec.preprocess.mean is None) == (dtype == "uint8")
    scores = classified(spec)
    assert scores.keys() == set(NAMES)
    for label, score in expected(mean, std).items():
        assert math.isclose(scores[label], score, abs_tol=0.01 if quantisation else 1e-5)


def test_bytes_are_given_as_they_are_whatever_the_metadata_says(tmp_path: Path) -> None:
    for mean, std in (((0,), (1,)), ((0.5,), (0.5,)), ((127.5,), (127.5,))):
        content = packed(
            colours("uint8", (1 / 255, 0)), metadata(mean=mean, std=std), {"labels.txt": LABELS}
        )
        assert spec_of(tmp_path, content).preprocess.mean is None


@pytest.mark.parametrize(
    ("mean", "std"),
    [
        ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ((0.5,), (0.5,)),
        ((127.5, 127.5), (127.5, 127.5)),
        ((127.5,), ()),
        ((math.nan,), (1,)),
        ((0,), (math.inf,)),
        ((0,), (0,)),
        ((0,), (-1,)),
        ((1e30,), (1e30,)),
    ],
)
def test_a_mean_and_std_that_cannot_be_right_are_refused_until_the_user_gives_others(
    tmp_path: Path, mean: Sequence[float], std: Sequence[float]
) -> None:
    content = packed(colours(), metadata(mean=mean, std=std), {"labels.txt": LABELS})
    message = refusal(tmp_path, content)
    assert "give --mean" in message
    assert "the TFLite metadata has mean" in message
    given_by_user = ModelOptions(mean=(1, 2, 3), std=(4, 5, 6))
    assert spec_of(tmp_path, content, given_by_user).preprocess.mean == (1, 2, 3)
    assert spec_of(tmp_path, content, ModelOptions(preset="unit")).preprocess.std == (255, 255, 255)


def test_mean_0_and_std_1_are_pixels_in_0_to_255_unless_the_highest_value_is_1(
    tmp_path: Path,
) -> None:
    files = {"labels.txt": LABELS}
    raw = packed(colours(), metadata(mean=(0,), std=(1,), highest=(255,)), files)
    assert spec_of(tmp_path, raw).preprocess.std == (1, 1, 1)
    contradiction = packed(colours(), metadata(mean=(0,), std=(1,), highest=(1,)), files)
    assert "1 as the highest value" in refusal(tmp_path, contradiction)


def test_a_mean_and_std_that_do_not_fit_the_quantisation_are_refused(tmp_path: Path) -> None:
    content = packed(
        colours("int8", (1 / 255, -128)), metadata(mean=(0,), std=(1,)), {"labels.txt": LABELS}
    )
    assert "do not fit the input's quantisation" in refusal(tmp_path, content)


def test_without_normalisation_the_user_is_asked(tmp_path: Path) -> None:
    content = packed(colours(), metadata(mean=None), {"labels.txt": LABELS})
    message = refusal(tmp_path, content)
    assert "give --mean and --std" in message
    assert "labels" not in message
    assert names(spec_of(tmp_path, content, ModelOptions(preset="unit"))) == NAMES


@pytest.mark.parametrize(
    ("stated", "chosen"),
    [
        ([("a.txt", AXIS_LABELS, "")], "a.txt"),
        ([("a.txt", VALUE_LABELS, "")], "a.txt"),
        ([("b.txt", AXIS_LABELS, "de"), ("a.txt", AXIS_LABELS, "")], "a.txt"),
        ([("b.txt", AXIS_LABELS, "de"), ("a.txt", AXIS_LABELS, "en-US")], "a.txt"),
        ([("b.txt", AXIS_LABELS, "en"), ("a.txt", AXIS_LABELS, "")], "a.txt"),
        ([("b.txt", VALUE_LABELS, ""), ("a.txt", AXIS_LABELS, "de")], "a.txt"),
        ([("b.txt", 1, ""), ("a.txt", AXIS_LABELS, "")], "a.txt"),
        ([("ids.txt", AXIS_LABELS, ""), ("a.txt", AXIS_LABELS, "en")], "a.txt"),
    ],
)
def test_the_file_with_the_labels_is_chosen_by_its_type_and_language(
    tmp_path: Path, stated: list[tuple[str, int, str]], chosen: str
) -> None:
    files = {"b.txt": "one\ntwo\nthree", "ids.txt": "/m/01\n/m/0_2\n/g/3c"} | {chosen: LABELS}
    for where in ({"outputs": [{"files": stated}]}, {"files": stated, "outputs": [{}]}):
        content = packed(colours(), metadata(**where), files)
        assert names(spec_of(tmp_path, content)) == NAMES


@pytest.mark.parametrize(
    "files",
    [
        {"labels.txt": LABELS},
        {"assets/Labels.TXT": LABELS},
        {"dict.txt": LABELS},
        {"labelmap.txt": "\ufeff0 red\r\n1 green\r\n2 blue\r\n"},
        {"labels.json": '["red", "green", "blue"]'},
        {"readme.txt": "Made by me", "labels.txt": LABELS},
        {"labels.txt": LABELS.encode("utf-16")},
    ],
)
def test_a_model_with_only_an_archive_has_its_labels(
    tmp_path: Path, files: dict[str, str | bytes]
) -> None:
    spec = spec_of(tmp_path, packed(colours(), None, files), ModelOptions(preset="unit"))
    assert names(spec) == NAMES


@pytest.mark.parametrize(
    "files",
    [
        {"a.txt": LABELS, "b.txt": LABELS},
        {"labels_en.txt": LABELS, "labels_de.txt": LABELS},
        {"vocabulary.bin": b"\x00\x01"},
    ],
)
def test_files_that_may_not_be_labels_are_not_guessed(
    tmp_path: Path, files: dict[str, str | bytes]
) -> None:
    content = packed(colours(), None, files)
    assert "give --labels FILE" in refusal(tmp_path, content, ModelOptions(preset="unit"))


@pytest.mark.parametrize(
    ("files", "word"),
    [
        ({"other.txt": LABELS}, "no 'labels.txt'"),
        ({}, ""),
        ({"labels.txt": "[1, 2"}, "labels.txt"),
        ({"labels.txt": b"\xff\xff\xfe"}, "not UTF-8"),
        ({"labels.txt": ""}, "no labels"),
    ],
)
def test_labels_that_cannot_be_read_are_an_error_only_if_they_are_needed(
    tmp_path: Path, files: dict[str, str | bytes], word: str
) -> None:
    content = packed(colours(), metadata(), files)
    message = refusal(tmp_path, content)
    assert word in message
    assert "give --labels FILE" in message
    own = tmp_path / "own.txt"
    own.write_text("a\nb\nc\n")
    assert names(spec_of(tmp_path, content, ModelOptions(labels=own))) == ("a", "b", "c")


def test_a_count_that_does_not_fit_says_where_the_labels_are_from(tmp_path: Path) -> None:
    for files in ({"labels.txt": "red\ngreen\n"}, {"labels.txt": LABELS + "grey\n"}):
        message = refusal(tmp_path, packed(colours(), metadata(), files))
        assert "the labels are from the TFLite metadata: for others give --labels FILE" in message
    content = packed(colours(), metadata(), {"labels.txt": "green\nblue\n"})
    spec = spec_of(tmp_path, content, ModelOptions(background=True))
    assert names(spec) == ("background", "green", "blue")


def test_a_detector_is_named_in_one_sentence_whatever_else_is_missing(tmp_path: Path) -> None:
    content = packed(
        colours(outputs=2),
        metadata(
            mean=None,
            outputs=[{"content": BOXES}, {"files": [("labels.txt", VALUE_LABELS, "")]}],
        ),
        {"labels.txt": LABELS},
    )
    message = refusal(tmp_path, content)
    assert message == (
        "colours.tflite: a detector, which gives boxes: pictell reads models that classify"
    )


def test_of_two_outputs_the_chosen_one_has_its_own_labels(tmp_path: Path) -> None:
    outputs = [
        {"files": [("labels.txt", AXIS_LABELS, "")]},
        {"files": [("other.txt", AXIS_LABELS, "")]},
    ]
    files = {"labels.txt": LABELS, "other.txt": "a\nb\nc\n"}
    content = packed(colours(outputs=2), metadata(outputs=outputs), files)
    assert "give --output" in refusal(tmp_path, content)
    for output, found in (("scores", NAMES), ("pooled", ("a", "b", "c"))):
        options = ModelOptions(output_name=output, activation="softmax")
        assert names(spec_of(tmp_path, content, options)) == found


def test_what_is_stated_of_the_model_is_shown(tmp_path: Path) -> None:
    content = packed(
        colours(),
        metadata(outputs=[{"files": [("labels.txt", AXIS_LABELS, "")], "calibrated": True}]),
        {"labels.txt": LABELS},
    )
    found = stated_by(content)
    assert found is not None
    assert found.origin == "the TFLite metadata"
    assert found.facts == {
        "name": "colours",
        "description": "Says which colour",
        "version": "v1",
        "author": "me",
        "license": "MIT",
        "score calibration": "not applied: the scores are those of the model",
        "files": "labels.txt",
    }
    assert spec_of(tmp_path, content).licence == "MIT"
    assert stated_by(packed(colours())) is None


def test_the_labels_in_published_files_are_those_of_the_catalogue(shared: Path) -> None:
    paths = sorted((shared / "models" / "coral").glob("*.tflite"))
    assert len(paths) == 4
    for path in paths:
        found = stated_by(path.read_bytes())
        assert found is not None
        assert found.options == ModelOptions()
        assert found.problems == {}
        spec = describe(path, ModelOptions())
        assert len(found.labels or ()) == len(spec.labels)
        assert (found.labels or ())[-1] == spec.labels[-1]
        assert spec.licence == next(r.licence for r in [catalog.by_checksum(spec.sha256)] if r)


def test_the_case_with_labels_in_its_archive(shared: Path) -> None:
    path = shared / "cases" / "models" / "with_labels_zip.tflite"
    spec = describe(path, ModelOptions(preset="unit"))
    assert spec.labels == (Label("cat"), Label("dog"), Label("bird"))


WHOLE = packed(colours(), metadata(), {"labels.txt": LABELS})
PLAIN = len(packed(colours(), metadata()))
METADATA = metadata()


@given(st.data())
def test_damaged_metadata_is_a_problem_and_no_crash(data: Any) -> None:
    changed = bytearray(METADATA)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(changed) - 1))
        changed[at] = data.draw(st.integers(0, 255))
    found = stated_by(packed(colours(), bytes(changed), {"labels.txt": LABELS}))
    assert found is None or isinstance(found, Stated)


@given(st.binary(max_size=200))
@example(b"PK\x05\x06")  # the start of the end of a zip archive
def test_any_bytes_as_metadata_are_a_problem_and_no_crash(content: bytes) -> None:
    found = stated_by(packed(colours(), content))
    assert found is not None
    assert found.problems["mean"] == "the TFLite metadata is damaged"
    assert found.problems["labels"].endswith("is damaged")


@given(st.data())
def test_a_damaged_archive_is_a_problem_and_no_crash(data: Any) -> None:
    changed = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(PLAIN, len(changed) - 1))
        changed[at] = data.draw(st.integers(0, 255))
    found = stated_by(bytes(changed))
    assert found is not None
    assert found.options.mean == (127.5, 127.5, 127.5)


def test_damaged_metadata_is_an_error_only_if_something_is_needed(tmp_path: Path) -> None:
    content = packed(colours(), METADATA[: len(METADATA) // 2], {"labels.txt": LABELS})
    message = refusal(tmp_path, content)
    assert message.count("the TFLite metadata is damaged") == 1
    own = tmp_path / "own.txt"
    own.write_text("a\nb\nc\n")
    assert spec_of(tmp_path, content, ModelOptions(labels=own, preset="unit")).labels
    pixels = packed(colours("uint8", UINT8), b"damaged metadata", {})
    assert spec_of(tmp_path, pixels, ModelOptions(labels=own)).labels


def test_an_archive_after_a_larger_file_is_found(tmp_path: Path) -> None:
    content = packed(colours(), metadata()) + bytes(100_000) + archive({"labels.txt": LABELS})
    assert names(spec_of(tmp_path, content)) == NAMES


@pytest.mark.parametrize(
    "options",
    [
        ModelOptions(preset="torchvision"),
        ModelOptions(preset="raw"),
        ModelOptions(mean=(117.0,) * 3),
        ModelOptions(std=(255.0,) * 3),
        ModelOptions(mean=(0.0,) * 3, std=(255.0,) * 3),
    ],
)
def test_a_quantised_input_of_bytes_obeys_no_other_mean_and_std(
    tmp_path: Path, options: ModelOptions
) -> None:
    content = packed(colours("uint8", UINT8), None, {"labels.txt": LABELS})
    assert "leave --preset out" in refusal(tmp_path, content, options)


def test_a_quantised_input_of_bytes_gives_the_same_with_its_own_mean_and_std(
    tmp_path: Path,
) -> None:
    path = tmp_path / "colours.tflite"
    path.write_bytes(packed(colours("uint8", UINT8), None, {"labels.txt": LABELS}))
    stated = ModelOptions(mean=(127.5,) * 3, std=(127.5,) * 3)
    picture = Image.new("RGB", (8, 8), COLOUR)
    scores = []
    for options in (ModelOptions(), stated):
        with pictell.load(path, options=options) as classifier:
            scores.append([one.score for one in classifier.classify(picture).predictions])
    np.testing.assert_allclose(*scores, atol=0.01)


def test_a_model_toml_that_contradicts_the_quantisation_is_refused(tmp_path: Path) -> None:
    content = packed(colours("uint8", UINT8), None, {"labels.txt": LABELS})
    spec = spec_of(tmp_path, content)
    for mean, fits in ((127.5, True), (0.0, False)):
        preprocess = replace(spec.preprocess, mean=(mean,) * 3, std=(127.5,) * 3)
        folder = tmp_path / f"mean-{mean}"
        stored = replace(spec, preprocess=preprocess)
        create_model_folder(folder, stored, Weights("tflite", {"colours.tflite": content}))
        if fits:
            read_weights(read_model_folder(folder))
            continue
        with pytest.raises(InvalidModelError, match=r"is quantised for numbers from -0\.99"):
            read_weights(read_model_folder(folder))
