"""Many pictures with ``tf.data`` and a frozen graph.

    python benchmarks/throughput_tfdata.py GRAPH FOLDER [BATCH]

The graph fixes a batch of one picture, which is the default. For others its input is replaced, and
its output is taken before the operation that fixes the shape.
"""

import sys
import time
from pathlib import Path

import tensorflow as tf

graph, pictures = sys.argv[1], sorted(map(str, Path(sys.argv[2]).glob("*.JPEG")))
graph_def = tf.compat.v1.GraphDef.FromString(Path(graph).read_bytes())
size = int(sys.argv[3]) if len(sys.argv) > 3 else 1


def _import() -> None:
    pixels = tf.compat.v1.placeholder(tf.float32, (None, 224, 224, 3), "pixels")
    tf.import_graph_def(graph_def, {"input:0": pixels}, name="")


wrapped = tf.compat.v1.wrap_function(_import, [])
model = wrapped.prune("pixels:0", "MobilenetV1/Predictions/Softmax:0")


def _tensor(path: tf.Tensor) -> tf.Tensor:
    image = tf.image.decode_jpeg(tf.io.read_file(path), channels=3)
    central = tf.image.central_crop(image, 0.875)
    return tf.image.resize(central, (224, 224)) / 127.5 - 1.0


def _best(batch: tf.Tensor) -> tf.Tensor:
    return tf.math.top_k(model(batch), 5)


_top5 = tf.function(_best, input_signature=[tf.TensorSpec((None, 224, 224, 3))])
_top5(tf.zeros((size, 224, 224, 3)))
started = time.perf_counter()
tensors = tf.data.Dataset.from_tensor_slices(pictures).map(_tensor, tf.data.AUTOTUNE)
batches = tensors.batch(size).prefetch(tf.data.AUTOTUNE)
answers = sum(len(_top5(batch).indices) for batch in batches)
print(answers / (time.perf_counter() - started))
