"""The metadata of Ultralytics' exporter in ONNX and TFLite files and in YAML."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import pictell
from hostile_models import onnx_model
from pictell.errors import InvalidModelError
from pictell.inspection.onnx import with_metadata
from pictell.models.bare import describe
from pictell.models.metadata.ultralytics import stated_by, yaml_entries
from pictell.options import ModelOptions
from pictell.types import ModelSpec
from tflite_files import AXIS_LABELS, colours, metadata, packed

NAMES = ("red", "green", "blue")
# As Exporter.metadata in ultralytics/engine/exporter.py has them.
VALUES: dict[str, Any] = {
    "description": "Ultralytics YOLO11n-cls model trained on colours",
    "author": "Ultralytics",
    "date": "2025-01-02T03:04:05.678901",
    "version": "8.3.59",
    "license": "AGPL-3.0 License (https://ultralytics.com/license)",
    "docs": "https://docs.ultralytics.com",
    "stride": 1,
    "task": "classify",
    "batch": 1,
    "imgsz": [4, 4],
    "names": dict(enumerate(NAMES)),
    "args": {"batch": 1, "half": False, "dynamic": None, "iou": 0.7, "opset": -1},
    "channels": 3,
}
PREPROCESSING = {
    "mean": (0, 0, 0),
    "std": (255, 255, 255),
    "resize_mode": "crop",
    "crop_fraction": 1,
    "interpolation": "bilinear",
    "channels": "RGB",
}


def onnx_file(folder: Path, **changes: Any) -> Path:
    """An ONNX file (N, 3, 4, 4) -> (N, 3) with the metadata; ``None`` leaves a key out."""
    values = {key: value for key, value in (VALUES | changes).items() if value is not None}
    content = with_metadata(
        onnx_model().SerializeToString(), {key: str(value) for key, value in values.items()}
    )
    path = folder / "yolo.onnx"
    path.write_bytes(content)
    return path


def check(spec: ModelSpec) -> None:
    assert tuple(label.name for label in spec.labels) == NAMES
    for name, value in PREPROCESSING.items():
        assert getattr(spec.preprocess, name) == value


def refusal(path: Path, options: ModelOptions = ModelOptions()) -> str:
    with pytest.raises(InvalidModelError) as caught:
        describe(path, options)
    return str(caught.value)


def test_an_onnx_file_has_labels_and_preprocessing(tmp_path: Path) -> None:
    spec = describe(onnx_file(tmp_path), ModelOptions())
    check(spec)
    assert spec.activation == "none"
    assert spec.licence == VALUES["license"]


def test_options_and_presets_win_over_the_file(tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("a\nb\nc\n")
    path = onnx_file(tmp_path)
    spec = describe(path, ModelOptions(labels=labels, resize_mode="squash", channels="BGR"))
    assert (spec.labels[0].name, spec.preprocess.resize_mode) == ("a", "squash")
    assert (spec.preprocess.channels, spec.preprocess.std) == ("BGR", (255, 255, 255))
    assert describe(path, ModelOptions(preset="tf-slim")).preprocess.std == (127.5,) * 3


@pytest.mark.parametrize(
    "names",
    [
        "{0: 'red', 1: 'green', 2: 'blue'}",
        "{2: 'blue', 0: 'red', 1: 'green'}",
        "['red', 'green', 'blue']",
        '{"0": "red", "1": "green", "2": "blue"}',
    ],
)
def test_names_may_be_a_dict_or_a_list(tmp_path: Path, names: str) -> None:
    check(describe(onnx_file(tmp_path, names=names), ModelOptions()))


def test_names_in_quotes_with_braces_and_apostrophes_are_read(tmp_path: Path) -> None:
    names = {0: "it's {red}", 1: 'say "green"', 2: "blue, or: not"}
    spec = describe(onnx_file(tmp_path, names=names), ModelOptions())
    assert [label.name for label in spec.labels] == [*names.values()]


@pytest.mark.parametrize("task", ["detect", "segment", "pose", "obb", "something new"])
def test_other_tasks_are_one_sentence(tmp_path: Path, task: str) -> None:
    message = refusal(onnx_file(tmp_path, task=task))
    assert message.startswith("yolo.onnx: a YOLO ")
    assert message.endswith(" model: pictell reads classification models")
    assert message.count(":") == 2


def test_names_that_do_not_fit_or_cannot_be_read(tmp_path: Path) -> None:
    for names in ("{0: 'a'}", "{0: 'a', 1: 'b', 2: 'c', 3: 'd'}"):
        message = refusal(onnx_file(tmp_path, names=names))
        assert "the labels are from the Ultralytics metadata" in message
    path = onnx_file(tmp_path, names="{0: 'a', 5: 'b', 2: 'c'}")
    assert "the Ultralytics metadata: names: " in refusal(path)
    labels = tmp_path / "labels.txt"
    labels.write_text("a\nb\nc\n")
    assert describe(path, ModelOptions(labels=labels)).preprocess.std == (255, 255, 255)


def test_without_a_task_only_the_names_are_certain(tmp_path: Path) -> None:
    path = onnx_file(tmp_path, task=None)
    assert "the mean and std" in refusal(path)
    assert describe(path, ModelOptions(preset="torchvision")).labels[0].name == "red"


@pytest.mark.parametrize(
    ("imgsz", "size", "mode"),
    [
        ("[224, 224]", (224, 224), "crop"),
        ("[128, 256]", (256, 128), "squash"),
        ("(224, 224)", (224, 224), "crop"),
        ("224", (224, 224), "crop"),
        ("", None, "crop"),
        ("[0, 0]", None, "crop"),
    ],
)
def test_the_size_is_height_and_width(imgsz: str, size: tuple[int, int] | None, mode: str) -> None:
    entries = {"names": "['a']", "task": "classify", "imgsz": imgsz}
    found = stated_by(entries)
    assert found is not None
    assert (found.options.size, found.options.resize_mode) == (size, mode)


@pytest.mark.parametrize("member", ["temp_meta.txt", "metadata.json"])
def test_a_tflite_file_has_them_in_its_archive(tmp_path: Path, member: str) -> None:
    values = VALUES | {"imgsz": [8, 8]}
    text = str(values) if member.endswith("txt") else json.dumps(values, indent=2)
    stated = metadata(mean=None, outputs=[{"files": [(member, AXIS_LABELS, "")]}])
    for described in (stated, None):
        path = tmp_path / "yolo.tflite"
        path.write_bytes(packed(colours(), described, {member: text}))
        check(describe(path, ModelOptions()))
    with pictell.load(path) as classifier:
        found = classifier.classify(Image.new("RGB", (9, 7), (255, 0, 0)))
    assert found.top is not None
    assert found.top.label == "red"
    assert np.isclose(found.top.score, np.e / (np.e + 2))


def test_the_yaml_beside_a_model_has_the_same_entries() -> None:
    yaml = pytest.importorskip("yaml")
    text = yaml.safe_dump(VALUES, sort_keys=False, allow_unicode=True)
    for names in (VALUES["names"], [*NAMES]):
        text = yaml.safe_dump(VALUES | {"names": names}, sort_keys=False)
        found = stated_by(yaml_entries(text))
        assert found is not None
        assert [label.name for label in found.labels or ()] == [*NAMES]
        assert found.options.size == (4, 4)
        assert found.facts["version"] == VALUES["version"]
    assert stated_by(yaml_entries("a: b\n- c\n")) is None


def test_the_case_of_ultralytics(shared: Path) -> None:
    spec = describe(shared / "cases" / "models" / "ultra.onnx", ModelOptions())
    assert [label.name for label in spec.labels] == ["cat", "dog", "bird"]
    assert spec.preprocess.resize_mode == "crop"


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_entries_are_read_without_a_crash(names: str, imgsz: str) -> None:
    found = stated_by({"names": names, "imgsz": imgsz, "task": "classify"})
    assert found is not None
    assert (found.labels is None) == ("labels" in found.problems)


@given(st.text(alphabet="{}[]()'\"\\:,#0123 nameskpT\n-.", max_size=200))
def test_any_text_in_an_archive_is_read_without_a_crash(text: str) -> None:
    from pictell.models.metadata.ultralytics import _tflite_entries

    for member in ("temp_meta.txt", "metadata.json"):
        _tflite_entries(packed(colours(), None, {member: text}))
    yaml_entries(text)


@pytest.mark.parametrize("text", ["[" * 200_000, "{'a':" * 100_000, "-" * 1_000_000, "'" * 300_001])
def test_deep_and_long_texts_are_read_soon(text: str) -> None:
    from pictell.models.metadata.ultralytics import _tflite_entries

    for member in ("temp_meta.txt", "metadata.json"):
        assert _tflite_entries(packed(colours(), None, {member: text})) == {}
    yaml_entries(text)
