"""Folders as other tools write them, with small networks in them."""

import json
from pathlib import Path
from typing import Any

import pytest
from onnx import TensorProto

from pictell.errors import InvalidModelError, UnsafeModelError
from pictell.models.bare import describe
from pictell.models.examine import examine
from pictell.options import ModelOptions
from small_networks import network

LABELS = ("cat", "dog", "bird", "fish")
ID2LABEL = dict(enumerate(LABELS))
PROCESSOR = {
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_processor_type": "ViTImageProcessor",
    "image_std": [0.5, 0.5, 0.5],
    "resample": 2,
    "rescale_factor": 1 / 255,
    "size": {"height": 8, "width": 10},
}


def onnx_network(last: str = "gemm", **options: Any) -> bytes:
    """As PyTorch exports it: any number of pictures of any size, the channels first."""
    any_size: dict[str, Any] = {"layout": "NCHW", "size": ("height", "width")}
    names = {"image": "pixel_values", "scores": "logits"}
    return network(last, names=names, element=TensorProto.FLOAT, **any_size | options)


def write(folder: Path, files: dict[str, Any]) -> Path:
    """Write bytes, texts, and everything else as JSON."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            text = content if isinstance(content, str) else json.dumps(content)
            path.write_text(text, encoding="utf-8")
    return folder


def hugging_face(folder: Path, **files: Any) -> Path:
    """As ``optimum-cli export onnx`` writes it; ``files`` replace or add some, without suffix."""
    config = {
        "architectures": ["ViTForImageClassification"],
        "id2label": ID2LABEL,
        "label2id": {name: number for number, name in ID2LABEL.items()},
        "model_type": "vit",
        "transformers_version": "4.57.6",
    }
    usual = {"config": config, "preprocessor_config": PROCESSOR, "model": onnx_network()}
    given = {name: content for name, content in (usual | files).items() if content is not None}
    names = {"model": "model.onnx"}
    return write(folder, {names.get(name, f"{name}.json"): one for name, one in given.items()})


def refusal(folder: Path, options: ModelOptions = ModelOptions()) -> str:
    """The error about a folder, one line; ``pictell inspect`` refuses it too."""
    with pytest.raises((InvalidModelError, UnsafeModelError)) as caught:
        describe(folder, options)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert len(message) < 1000
    try:
        found = examine(folder, options)
    except (InvalidModelError, UnsafeModelError):
        return message
    assert found.spec is None or found.refusal
    return message
