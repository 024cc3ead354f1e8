"""A new last layer in Keras on a frozen TensorFlow graph, by the recipe of ``retrain.py``.

    python benchmarks/train_keras.py train DATA MODEL --graph GRAPH.pb --network mobilenet
    python benchmarks/train_keras.py evaluate DATA MODEL --graph GRAPH.pb --network mobilenet

Needs TensorFlow. DATA is a folder of class folders, MODEL a ``.keras`` file of the layer.
``evaluate`` prints the share of pictures whose best class is right. The embeddings are computed
once; the layer is trained in 4000 steps of 100 pictures with a rate of 0.01.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

SIZE = 224
STEPS, BATCH, RATE = 4000, 100, 0.01
# By network: its input, its embedding, and what is subtracted from pixels and then the divisor.
NETWORKS = {
    "mobilenet": ("input:0", "MobilenetV1/Logits/AvgPool_1a/AvgPool:0", 127.5, 127.5),
    "efficientnet-lite0": ("pixels:0", "Mean:0", 127.0, 128.0),
}


def read(folder: Path, graph: Path, network: str) -> tuple[Any, Any]:
    """The embeddings (N, D) of all pictures, and their classes (N,)."""
    image, embedding, mean, std = NETWORKS[network]
    content = tf.compat.v1.GraphDef.FromString(graph.read_bytes())
    wrapped = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(content, name=""), [])
    model = wrapped.prune(image, embedding)
    paths = sorted(folder.glob("*/*"))
    rows = []
    for path in paths:
        picture = tf.image.decode_jpeg(tf.io.read_file(str(path)), channels=3)
        pixels = (tf.image.resize(picture, (SIZE, SIZE)) - mean) / std
        rows.append(np.ravel(model(pixels[None])))
    names = [path.parent.name for path in paths]
    return np.stack(rows), np.unique(names, return_inverse=True)[1]


def train(vectors: Any, targets: Any, model: Path) -> None:
    """Train the layer and store it."""
    layer = keras.Sequential([keras.layers.Dense(int(targets.max()) + 1, activation="softmax")])
    layer.compile(keras.optimizers.SGD(RATE), "sparse_categorical_crossentropy")
    pairs = tf.data.Dataset.from_tensor_slices((vectors, targets))
    batches = pairs.shuffle(len(targets)).repeat().batch(BATCH)
    layer.fit(batches, steps_per_epoch=STEPS, verbose=0)
    layer.save(model)


def main() -> None:
    """Train, or print the accuracy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("train", "evaluate"))
    parser.add_argument("data", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--graph", type=Path, required=True)
    parser.add_argument("--network", choices=sorted(NETWORKS), required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    keras.utils.set_random_seed(options.seed)
    vectors, targets = read(options.data, options.graph, options.network)
    if options.what == "train":
        train(vectors, targets, options.model)
    else:
        scores = keras.models.load_model(options.model)(vectors)
        print(float(np.mean(np.argmax(scores, axis=1) == targets)))


if __name__ == "__main__":
    main()
