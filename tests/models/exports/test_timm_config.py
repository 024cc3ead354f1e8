"""Folders of timm, with an ONNX file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from exported_folders import LABELS, onnx_network, refusal, write
from pictell.models.bare import describe
from pictell.options import ModelOptions

TIMM: dict[str, Any] = {
    "architecture": "resnet50",
    "num_classes": 4,
    "label_names": list(LABELS),
    "pretrained_cfg": {
        "tag": "a1_in1k",
        "custom_load": False,
        "input_size": [3, 224, 224],
        "test_input_size": [3, 288, 288],
        "fixed_input_size": False,
        "interpolation": "bicubic",
        "crop_pct": 0.95,
        "test_crop_pct": 1.0,
        "crop_mode": "center",
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
        "num_classes": 4,
        "first_conv": "conv1",
        "classifier": "fc",
    },
}


def timm(
    folder: Path, model: bytes | None = None, top: Mapping[str, Any] = {}, **values: Any
) -> Path:
    config = {**TIMM, **top, "pretrained_cfg": {**TIMM["pretrained_cfg"], **values}}
    return write(folder, {"config.json": config, "model.onnx": model or onnx_network()})


def test_timm(tmp_path: Path) -> None:
    spec = describe(timm(tmp_path), ModelOptions())
    image = spec.preprocess
    assert [label.name for label in spec.labels] == list(LABELS)
    assert (image.width, image.height, image.layout, image.resize_mode) == (
        224,
        224,
        "NCHW",
        "crop",
    )
    assert image.crop_fraction == 224 / 235
    assert image.interpolation == "bicubic"
    assert image.mean == pytest.approx((123.675, 116.28, 103.53))
    assert image.std == pytest.approx((58.395, 57.12, 57.375))
    assert spec.activation == "softmax"


def test_a_timm_model_exported_for_its_larger_size(tmp_path: Path) -> None:
    spec = describe(timm(tmp_path, onnx_network(size=(288, 288))), ModelOptions())
    assert (spec.preprocess.width, spec.preprocess.crop_fraction) == (288, 1)


def test_timm_squashes(tmp_path: Path) -> None:
    spec = describe(timm(tmp_path, crop_mode="squash", crop_pct=1.0), ModelOptions())
    assert (spec.preprocess.resize_mode, spec.preprocess.crop_fraction) == ("squash", 1)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"crop_mode": "border"}, "border"),
        ({"interpolation": "random"}, "interpolation"),
        ({"interpolation": None}, "interpolation"),
        ({"crop_pct": None}, "crop_pct"),
        ({"input_size": None}, "input_size"),
        ({"mean": [0.5]}, "config.json: pretrained_cfg.mean"),
        ({"mean": None}, "--mean"),
        ({"mean": "0.5"}, "config.json: pretrained_cfg.mean"),
        ({"input_size": [3, 0, 224]}, "config.json: pretrained_cfg.input_size"),
        ({"input_size": [3, 10**9, 224]}, "config.json: pretrained_cfg.input_size"),
        ({"crop_pct": 0}, "config.json: pretrained_cfg.crop_pct"),
    ],
)
def test_timm_configs_that_pictell_cannot_do(
    tmp_path: Path, values: dict[str, Any], named: str
) -> None:
    assert named in refusal(timm(tmp_path, **values))


def test_the_labels_of_imagenet_need_its_tag(tmp_path: Path) -> None:
    """Only a config that names ImageNet gets its labels; they do not fit these four outputs."""
    top = {"label_names": None, "num_classes": 1000}
    for tag in ("a1_in1k", "augreg_in21k_ft_in1k", "in1k", "fb_in22k_ft_in1k_384"):
        message = refusal(timm(tmp_path, top=top, num_classes=1000, tag=tag))
        assert "1000 labels for an output of 4 classes" in message
        assert "'tench'" in message
    for tag in ("in21k", "", None, "in1k_ft_pets", "mine"):
        message = refusal(timm(tmp_path, top=top, num_classes=1000, tag=tag))
        assert "give --labels FILE" in message
        assert "classes" not in message


def test_synsets_become_names(tmp_path: Path) -> None:
    ids = ["n02123045", "n02085620", "n01440764", "n01443537"]
    described = dict(zip(ids, LABELS, strict=True))
    folder = timm(tmp_path, top={"label_names": ids, "label_descriptions": described})
    labels = describe(folder, ModelOptions()).labels
    assert [(label.name, label.synset) for label in labels] == list(zip(LABELS, ids, strict=True))


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_weights_without_a_graph(tmp_path: Path, name: str) -> None:
    """Optimum does not export a model of timm that is on disk."""
    folder = write(tmp_path, {"config.json": TIMM, name: b"\x00" * 64})
    message = refusal(folder)
    assert name in message
    assert f"'local-dir:{folder}'" in message
    assert f"'{folder}/model.onnx'" in message
