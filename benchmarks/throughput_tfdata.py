"""Many pictures with ``tf.data`` and a frozen graph, whose batch is one picture."""

import sys
import time
from pathlib import Path

import tensorflow as tf

graph, pictures = sys.argv[1], sorted(map(str, Path(sys.argv[2]).glob("*.JPEG")))
graph_def = tf.compat.v1.GraphDef.FromString(Path(graph).read_bytes())
wrapped = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph_def, name=""), [])
model = wrapped.prune("input:0", "MobilenetV1/Predictions/Reshape_1:0")


def _tensor(path: tf.Tensor) -> tf.Tensor:
    image = tf.image.decode_jpeg(tf.io.read_file(path), channels=3)
    return (tf.image.resize(image, (224, 224)) - 117.0) / 1.0


def _top5(batch: tf.Tensor) -> tf.Tensor:
    return tf.math.top_k(model(batch), 5)


model(tf.zeros((1, 224, 224, 3)))
started = time.perf_counter()
tensors = tf.data.Dataset.from_tensor_slices(pictures).map(_tensor, tf.data.AUTOTUNE)
batches = tensors.batch(1).map(_top5).prefetch(tf.data.AUTOTUNE)
answers = sum(len(best.indices) for best in batches)
print(answers / (time.perf_counter() - started))
