"""Folders of Azure Custom Vision, AutoML Vision Edge and Ultralytics."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest
from openvino import opset13 as op

from exported_folders import LABELS, refusal, write
from pictell.errors import ModelWarning
from pictell.inspection.onnx import with_metadata
from pictell.models.bare import describe
from pictell.models.examine import examine
from pictell.options import ModelOptions
from small_networks import network
from tensorflow_models import SIDE, frozen, module, scores
from tflite_models import NAMES, tflite

GRAPH = network(
    "softmax", layout="NCHW", element=1, names={"image": "data", "scores": "model_output"}
)
TEXT = "\r\n".join(LABELS)


def manifest(platform: str, file: str, **changes: Any) -> dict[str, Any]:
    """As Custom Vision writes it."""
    return {
        "DomainType": "Classification",
        "Platform": platform,
        "Flavor": None,
        "ExporterVersion": "2.0",
        "ExportedDate": "2022-01-15T22:06:26Z",
        "IterationId": "00000000-0000-0000-0000-000000000000",
        "ModelFileName": file,
        "LabelFileName": "labels.txt",
        "MetadataPropsFileName": "metadata_properties.json",
        "SchemaVersion": "1.0",
        **changes,
    }


def custom_vision(folder: Path, metadata: Mapping[str, str | None] = {}, **changes: Any) -> Path:
    files = {
        "cvexport.manifest": manifest("ONNX", "model.onnx", **changes),
        "labels.txt": TEXT,
        "model.onnx": with_metadata(GRAPH, metadata),
    }
    return write(folder, files)


@pytest.mark.parametrize(
    ("pixel_format", "pixel_range", "channels", "std"),
    [
        ("Bgr8", "NominalRange_0_255", "BGR", 1),
        ("Rgb8", "Normalized_0_1", "RGB", 255),
    ],
)
def test_the_metadata_of_onnx_says_how_pixels_are(
    tmp_path: Path, pixel_format: str, pixel_range: str, channels: str, std: float
) -> None:
    metadata = {
        "Image.BitmapPixelFormat": pixel_format,
        "Image.NominalPixelRange": pixel_range,
        "Image.ColorSpaceGamma": "SRGB",
    }
    spec = describe(custom_vision(tmp_path, metadata), ModelOptions())
    image = spec.preprocess
    assert [label.name for label in spec.labels] == list(LABELS)
    assert (image.channels, image.mean, image.std) == (channels, (0,) * 3, (std,) * 3)
    assert (image.resize_mode, image.interpolation) == ("squash", "bicubic")


def test_without_it_the_user_says_how_pixels_are(tmp_path: Path) -> None:
    assert "give --mean and --std" in refusal(custom_vision(tmp_path))
    spec = describe(tmp_path, ModelOptions(preset="raw", channels="BGR"))
    assert (spec.preprocess.std, spec.preprocess.channels) == ((1,) * 3, "BGR")


def test_tensorflow_takes_bytes_of_blue_green_red(tmp_path: Path) -> None:
    files = {
        "cvexport.manifest": manifest("TensorFlow", "model.pb", Flavor="TensorFlowNormal"),
        "labels.txt": "\n".join(NAMES),
        "model.pb": frozen(scores).graph,
    }
    image = describe(write(tmp_path, files), ModelOptions()).preprocess
    assert (image.channels, image.mean, image.std) == ("BGR", (0,) * 3, (1,) * 3)
    assert (image.width, image.resize_mode) == (SIDE, "squash")


def test_a_saved_model_of_custom_vision(tmp_path: Path) -> None:
    module(tmp_path)
    files = {
        "cvexport.manifest": manifest("TensorFlow", "saved_model.pb"),
        "labels.txt": "\n".join(NAMES),
    }
    spec = describe(write(tmp_path, files), ModelOptions(output_name="scores"))
    assert (spec.weights, spec.preprocess.channels) == (tmp_path, "BGR")


def test_tflite_of_custom_vision(tmp_path: Path) -> None:
    files = {
        "cvexport.manifest": manifest("TensorFlowLite", "model.tflite"),
        "labels.txt": "\n".join(NAMES),
        "model.tflite": tflite(),
    }
    spec = describe(write(tmp_path, files), ModelOptions())
    assert (spec.preprocess.channels, spec.preprocess.std) == ("BGR", (1,) * 3)
    assert len(spec.labels) == len(NAMES)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"DomainType": "ObjectDetection"}, "ObjectDetection"),
        ({"Platform": "CoreML"}, "CoreML"),
        ({"Platform": "OpenVino"}, "OpenVino"),
        ({"ModelFileName": "../../model.onnx"}, "outside its folder"),
        ({"ModelFileName": "gone.onnx"}, "missing"),
        ({"ModelFileName": None}, "cvexport.manifest: ModelFileName"),
        ({"LabelFileName": "../labels.txt"}, "outside its folder"),
        ({"LabelFileName": 3}, "cvexport.manifest: LabelFileName"),
    ],
)
def test_manifests_that_pictell_does_not_read(
    tmp_path: Path, changes: dict[str, Any], named: str
) -> None:
    write(tmp_path, {"labels.txt": TEXT, "model.onnx": GRAPH})
    assert named in refusal(custom_vision(tmp_path / "folder", **changes))


def test_a_manifest_that_is_no_json(tmp_path: Path) -> None:
    folder = custom_vision(tmp_path)
    (folder / "cvexport.manifest").write_bytes(b"\xff\xfe\x00")
    assert "cvexport.manifest" in refusal(folder)


AUTOML = {
    "batchSize": 1,
    "imageChannels": 3,
    "imageHeight": 224,
    "imageWidth": 224,
    "inferenceType": "QUANTIZED_UINT8",
    "inputTensor": "image",
    "inputType": "QUANTIZED_UINT8",
    "outputTensor": "scores",
    "supportedTfVersions": ["1.10", "1.11", "1.12", "1.13"],
}


def automl(folder: Path, metadata: object = AUTOML, quantised: bool = True) -> Path:
    files = {
        "model.tflite": tflite(quantised),
        "dict.txt": "\n".join(NAMES),
        "tflite_metadata.json": metadata,
    }
    return write(folder, files)


def test_automl_takes_bytes(tmp_path: Path) -> None:
    spec = describe(automl(tmp_path), ModelOptions())
    assert [label.name for label in spec.labels] == list(NAMES)
    assert spec.preprocess.mean is None


def test_a_float_model_of_automl_states_no_mean(tmp_path: Path) -> None:
    assert "give --mean and --std" in refusal(automl(tmp_path, quantised=False))


def test_a_detector_of_automl(tmp_path: Path) -> None:
    metadata = {"maxDetections": 20, "outputTensors": ["TFLite_Detection_PostProcess"]}
    assert "detects objects" in refusal(automl(tmp_path, AUTOML | metadata))


def test_metadata_of_automl_that_is_a_list(tmp_path: Path) -> None:
    assert "tflite_metadata.json" in refusal(automl(tmp_path, [1]))


YAML = """description: Ultralytics YOLO11n-cls model trained on mine
author: Ultralytics
date: '2025-03-01T10:00:00.000000'
version: 8.3.80
license: AGPL-3.0 License (https://ultralytics.com/license)
docs: https://docs.ultralytics.com
stride: 1
task: {task}
batch: 1
imgsz:
- 16
- 16
names:
  0: class 0
  1: class 1
  2: class 2
  3: class 3
  4: class 4
args:
  batch: 1
  half: false
"""


def ultralytics(folder: Path, task: str = "classify") -> Path:
    module(folder)
    files = {"metadata.yaml": YAML.format(task=task), "mine_float32.tflite": tflite()}
    return write(folder, files)


def test_a_saved_model_of_ultralytics(tmp_path: Path) -> None:
    spec = describe(ultralytics(tmp_path), ModelOptions(output_name="scores"))
    image = spec.preprocess
    assert spec.weights == tmp_path
    assert [label.name for label in spec.labels] == list(NAMES)
    assert (image.resize_mode, image.mean, image.std) == ("crop", (0,) * 3, (255,) * 3)


def test_a_detector_of_ultralytics(tmp_path: Path) -> None:
    message = refusal(ultralytics(tmp_path, "detect"), ModelOptions(output_name="scores"))
    assert "YOLO detection" in message


def openvino_of_ultralytics(folder: Path) -> Path:
    """The network that takes the mean of each channel, with what Ultralytics writes."""
    image = op.parameter([1, 3, 8, 8], np.float32, name="images")
    scores = op.softmax(op.reduce_mean(image, np.array([2, 3])), 1)
    model = openvino.Model([scores], [image], "mean")
    info = {"model_type": "YOLO", "reverse_input_channels": True, "scale_values": [255.0]}
    for key, value in {**info, "labels": ["red_thing", "green", "blue"]}.items():
        model.set_rt_info(value, ["model_info", key])
    folder.mkdir()
    openvino.save_model(model, folder / "best.xml", compress_to_fp16=False)
    names = "names:\n  0: red thing\n  1: green\n  2: blue\n"
    text = YAML.format(task="classify").replace("16", "8").partition("names:")[0] + names
    return write(folder, {"metadata.yaml": text})


def test_the_file_of_an_ultralytics_folder_alone_warns_of_the_folder(tmp_path: Path) -> None:
    folder = openvino_of_ultralytics(tmp_path / "best_openvino_model")
    spec = describe(folder, ModelOptions())
    assert (spec.labels[0].name, spec.preprocess.resize_mode) == ("red thing", "crop")
    with pytest.warns(ModelWarning, match=r"other preprocessing and labels: .* give its folder, /"):
        describe(folder / "best.xml", ModelOptions())
    examination = examine(folder / "best.xml", ModelOptions())
    assert f"give its folder, {folder}" in examination.preprocessing


def test_options_that_agree_with_the_folder_need_no_warning(tmp_path: Path) -> None:
    folder = openvino_of_ultralytics(tmp_path / "best_openvino_model")
    labels = write(tmp_path, {"labels.txt": "red thing\ngreen\nblue\n"}) / "labels.txt"
    options = ModelOptions(labels=labels, resize_mode="crop")
    alone = describe(folder / "best.xml", options)
    assert alone.preprocess == describe(folder, ModelOptions()).preprocess


def test_a_file_of_automl_alone(tmp_path: Path) -> None:
    folder = automl(tmp_path)
    labels = write(tmp_path, {"mine.csv": "\n".join(NAMES)}) / "mine.csv"
    assert f"give its folder, {folder}" in refusal(folder / "model.tflite")
    assert describe(folder / "model.tflite", ModelOptions(labels=labels)).labels[0].name == NAMES[0]
