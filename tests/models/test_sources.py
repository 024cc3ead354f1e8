"""The commands of docs/models.md for models of other tools give the scores of these tools.

The tools are those that the tests install. Each makes a small model with random weights, and
answers for a photo with its own preprocessing; then the command of the table runs.
"""

import json
import re
import shlex
import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from PIL import Image

from command import ROOT, pictell

pytestmark = pytest.mark.slow

LABELS = ("cat", "dog", "fox", "hen", "owl")
PHOTO = ROOT / "samples" / "golf-ball.png"
SIDE = 96
TOLERANCE = 0.01
# Writes the files of a row into a folder; the scores that the tool gives the photo.
Make = Callable[[Path], np.ndarray]
Preprocess = Callable[[np.ndarray], np.ndarray]
v1 = tf.compat.v1


def command(source: str) -> list[str]:
    """The command in the row of this source, in words."""
    text = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| {re.escape(source)}.*$", text, re.MULTILINE)
    (line,) = re.findall(r"`(pictell --model [^`]+)`", row)
    return shlex.split(line)[1:]


def photo(side: int) -> np.ndarray:
    """The photo as Keras loads it: (1, side, side, 3), float32 from 0 to 255."""
    image = keras.utils.load_img(PHOTO, target_size=(side, side), interpolation="bilinear")
    return np.asarray(keras.utils.img_to_array(image)[np.newaxis])


def head(features: np.ndarray) -> np.ndarray:
    """Weights of a last layer whose logits for these features have a standard deviation of 2."""
    weights = np.random.default_rng(3).normal(size=(features.size, len(LABELS)))
    return (2 * weights / (features.ravel() @ weights).std()).astype(np.float32)


def keras_model(folder: Path, preprocess: Preprocess, *layers: Any) -> np.ndarray:
    """Export a model that begins with these layers."""
    body = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            *layers,
            # Other numbers in each run could make the head enlarge small differences.
            keras.layers.Conv2D(
                8, 5, 4, activation="relu", kernel_initializer=keras.initializers.HeNormal(seed=0)
            ),
            keras.layers.MaxPooling2D(4),
            keras.layers.Dropout(0.5),
            keras.layers.Flatten(),
        ]
    )
    pixels = preprocess(photo(SIDE))
    weights = head(np.asarray(body(pixels)))
    model = keras.Sequential([body, keras.layers.Dense(len(LABELS), activation="softmax")])
    model.layers[-1].set_weights([weights, np.zeros(len(LABELS))])
    scores = np.asarray(model(pixels))[0]
    model.export(str(folder / "my-model"), verbose=False)
    return scores


def rescaling(folder: Path) -> np.ndarray:
    return keras_model(folder, np.copy, keras.layers.Rescaling(1 / 255))


def divided(folder: Path) -> np.ndarray:
    return keras_model(folder, lambda pixels: pixels / 255)


def application(name: str) -> Make:
    """A model with the preprocessing of this module of Keras."""
    preprocess = import_module(f"keras.applications.{name}").preprocess_input
    return lambda folder: keras_model(folder, preprocess)


def retrained(name: str, preprocess: Preprocess) -> Make:
    """A graph as retrain.py leaves it; ``name`` is that of its input."""

    def make(folder: Path) -> np.ndarray:
        pixels = preprocess(np.asarray(Image.open(PHOTO).convert("RGB"), np.float32)[np.newaxis])
        with tf.Graph().as_default() as graph, v1.Session() as session:
            image = v1.placeholder(tf.float32, (None, SIDE, SIDE, 3), name=name)
            kernel = np.random.default_rng(0).normal(0, 0.3, (5, 5, 3, 8)).astype(np.float32)
            maps = tf.nn.relu(tf.nn.conv2d(image, kernel, 4, "SAME"))
            features = tf.reshape(tf.nn.max_pool2d(maps, 4, 4, "SAME"), (-1, 6 * 6 * 8))
            small = session.run(v1.image.resize_bilinear(pixels, (SIDE, SIDE)))
            weights = head(session.run(features, {image: small}))
            scores = tf.nn.softmax(features @ weights, name="final_result")
            (found,) = session.run(scores, {image: small})
        (folder / "output_graph.pb").write_bytes(graph.as_graph_def().SerializeToString())
        return np.asarray(found)

    return make


def pytorch(folder: Path) -> np.ndarray:
    """Preprocessed as by torchvision: Resize(256), CenterCrop(224), ToTensor, Normalize."""
    image = Image.open(PHOTO).convert("RGB").resize((341, 256), Image.Resampling.BILINEAR)
    pixels = np.asarray(image.crop((58, 16, 282, 240)), np.float32) / 255
    pixels = (pixels - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    batch = torch.from_numpy(pixels.transpose(2, 0, 1)[np.newaxis].astype(np.float32))
    torch.manual_seed(0)
    body = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 5, 4), torch.nn.ReLU(), torch.nn.AvgPool2d(14), torch.nn.Flatten()
    )
    weights = head(body(batch).detach().numpy())
    last = torch.nn.Linear(*weights.shape, bias=False)
    last.weight = torch.nn.Parameter(torch.from_numpy(weights.T.copy()))
    model = torch.nn.Sequential(body, last).eval()
    # The exporter of today needs onnxscript, which the tests do not install.
    torch.onnx.export(
        model, (torch.randn(1, 3, 224, 224),), str(folder / "model.onnx"), dynamo=False
    )
    return model(batch).softmax(-1)[0].detach().numpy()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("source", "make"),
    [
        ("Keras, your own model with a `Rescaling` layer", rescaling),
        ("Keras, your own model, trained on pixels divided by 255", divided),
        ("Keras applications: EfficientNet", application("efficientnet")),
        ("Keras applications: EfficientNet", application("efficientnet_v2")),
        ("Keras applications: EfficientNet", application("mobilenet_v3")),
        ("Keras applications: EfficientNet", application("convnext")),
        ("Keras applications: Inception", application("inception_v3")),
        ("Keras applications: Inception", application("inception_resnet_v2")),
        ("Keras applications: Inception", application("mobilenet")),
        ("Keras applications: Inception", application("mobilenet_v2")),
        ("Keras applications: Inception", application("nasnet")),
        ("Keras applications: Inception", application("resnet_v2")),
        ("Keras applications: Inception", application("xception")),
        ("Keras applications: ResNet", application("resnet")),
        ("Keras applications: ResNet", application("vgg16")),
        ("Keras applications: ResNet", application("vgg19")),
        ("Keras applications: DenseNet", application("densenet")),
        ("retrain.py of TensorFlow, 2016", retrained("input", lambda pixels: pixels / 127.5 - 1)),
        ("retrain.py of TensorFlow Hub", retrained("Placeholder", lambda pixels: pixels / 255)),
        ("PyTorch, your own", pytorch),
        ("torchvision", pytorch),
    ],
)
def test_the_scores_are_those_of_the_tool(source: str, make: Make, tmp_path: Path) -> None:
    expected = make(tmp_path)
    # A PNG file, whatever its name: all programs read the same pixels from it.
    shutil.copyfile(PHOTO, tmp_path / "PHOTO.jpg")
    for name in ("LABELS.txt", "labels.txt", "output_labels.txt"):
        (tmp_path / name).write_text("\n".join(LABELS), encoding="utf-8")
    run = pictell(*command(source), "--format", "json", "--top-k", str(len(LABELS)), cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    (result,) = json.loads(run.stdout)
    found = {one["label"]: one["score"] for one in result["predictions"]}
    np.testing.assert_allclose([found[name] for name in LABELS], expected, atol=TOLERANCE)


def test_the_model_of_coral_knows_a_parrot(shared: Path, tmp_path: Path) -> None:
    for name in ("mobilenet_v2_1.0_224_quant.tflite", "imagenet_labels.txt"):
        shutil.copyfile(shared / "models" / "coral" / name, tmp_path / name)
    shutil.copyfile(shared / "models" / "coral" / "parrot.jpg", tmp_path / "PHOTO.jpg")
    run = pictell(*command("Coral"), "--format", "json", cwd=tmp_path)
    assert json.loads(run.stdout)[0]["predictions"][0]["label"] == "macaw"
