"""The program pictell descends from, in Python: a frozen graph in TensorFlow sessions.

It loads the graph and the labels, normalises the picture in a session of its own (decode, cast,
resize to 224 x 224, minus 117), runs the model and prints the five best labels.
"""

import sys
from pathlib import Path

import tensorflow as tf

GRAPH, LABELS, PICTURE = sys.argv[1:]
INPUT, OUTPUT = "input:0", "MobilenetV1/Predictions/Reshape_1:0"
SIZE, MEAN, SCALE = 224, 117.0, 1.0

v1 = tf.compat.v1
graph_def = v1.GraphDef.FromString(Path(GRAPH).read_bytes())
labels = Path(LABELS).read_text(encoding="utf-8").splitlines()

with tf.Graph().as_default(), v1.Session() as session:
    contents = v1.placeholder(tf.string)
    decoded = tf.cast(tf.image.decode_jpeg(contents, channels=3), tf.float32)
    resized = v1.image.resize_bilinear(decoded[tf.newaxis], (SIZE, SIZE))
    image = session.run((resized - MEAN) / SCALE, {contents: Path(PICTURE).read_bytes()})

with tf.Graph().as_default() as graph, v1.Session() as session:
    tf.import_graph_def(graph_def, name="")
    probabilities = session.run(OUTPUT, {INPUT: image})[0]

for index in (-probabilities).argsort()[:5]:
    print(labels[index], probabilities[index])
