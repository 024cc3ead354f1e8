"""Small TensorFlow models, written by TensorFlow itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pictell.graphs import Weights
from pictell.inspection import read_files
from pictell.runtimes import tensorflow as runtime
from pictell.types import ModelSpec
from real_models import spec

tf = runtime.tf
v1 = tf.compat.v1

SIDE = 16
CLASSES = 5


def frozen(build: Callable[[Any], object], shape: tuple[int | None, ...] | None = None) -> Weights:
    """What ``build`` adds to a graph with a placeholder ``input`` of (N, 16, 16, 3)."""
    graph = tf.Graph()
    with graph.as_default():
        build(v1.placeholder(tf.float32, shape or (None, SIDE, SIDE, 3), name="input"))
    content: bytes = graph.as_graph_def().SerializeToString()
    return Weights("frozen-graph", {"graph.pb": content})


def means(image: Any) -> Any:
    """(N, 5) scores that depend on all of the picture."""
    values = np.linspace(-1, 1, 3 * CLASSES, dtype=np.float32).reshape(3, CLASSES)
    return tf.matmul(tf.reduce_mean(image, [1, 2]), values)


def scores(image: Any) -> Any:
    return tf.nn.softmax(means(image), name="scores")


def batch(count: int) -> np.ndarray:
    return np.random.default_rng(7).uniform(-1, 1, (count, SIDE, SIDE, 3)).astype(np.float32)


class Network(tf.Module):
    """A convolution and a matrix of variables."""

    def __init__(self) -> None:
        numbers = np.random.default_rng(0)
        self.kernel = tf.Variable(numbers.normal(0, 0.3, (3, 3, 3, 8)).astype(np.float32))
        self.head = tf.Variable(numbers.normal(0, 1, (8, CLASSES)).astype(np.float32))

    @tf.function(
        input_signature=[tf.TensorSpec([None, SIDE, SIDE, 3], tf.float32, "image")], autograph=False
    )
    def __call__(self, image: Any) -> dict[str, Any]:
        mean = tf.reduce_mean(tf.nn.relu(tf.nn.conv2d(image, self.kernel, 2, "SAME")), [1, 2])
        return {"scores": tf.nn.softmax(mean @ self.head), "embedding": mean}


def module(folder: Path) -> tuple[ModelSpec, Weights]:
    network = Network()
    tf.saved_model.save(network, str(folder), signatures=network.__call__)
    return saved(folder, "image", "scores")


def keras_export(folder: Path) -> tuple[ModelSpec, Weights]:
    import keras

    keras.utils.set_random_seed(1)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((SIDE, SIDE, 3), name="picture"),
            layers.Conv2D(8, 3, 2, padding="same"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dropout(0.5),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    model.export(str(folder), verbose=False)
    return saved(folder, "picture", "output_0")


def of_tensorflow_1(folder: Path) -> tuple[ModelSpec, Weights]:
    """With a variable of each kind there has been, and an operation that runs when it is loaded."""
    with tf.Graph().as_default(), v1.Session() as session:
        image = v1.placeholder(tf.float32, [None, SIDE, SIDE, 3], name="x")
        random = v1.random_normal_initializer(seed=1)
        kernel = v1.get_variable("kernel", (3, 3, 3, 8), initializer=random, use_resource=False)
        head = v1.get_variable("head", (8, CLASSES), initializer=random, use_resource=True)
        mean = tf.reduce_mean(tf.nn.relu(tf.nn.conv2d(image, kernel, 2, "SAME")), [1, 2])
        probabilities = tf.nn.softmax(tf.matmul(mean, head))
        session.run(v1.global_variables_initializer())
        info = v1.saved_model.utils.build_tensor_info
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            {
                "serving_default": v1.saved_model.build_signature_def(
                    {"image": info(image)}, {"scores": info(probabilities)}
                )
            },
            main_op=v1.assign(kernel, tf.zeros_like(kernel)).op,
        )
        builder.save()
    return saved(folder, "image", "scores")


def saved(folder: Path, input_name: str, output: str) -> tuple[ModelSpec, Weights]:
    model = spec("saved-model", SIDE, CLASSES, output, input_name=input_name)
    return model, Weights("saved-model", read_files(folder))
