"""A frozen graph built as the published Inception v1 is, with random weights and fewer channels.

The layers are those of Szegedy et al., 'Going Deeper with Convolutions' (CVPR 2015), table 1; the
names, the operations and the heads those of ``tensorflow_inception_graph.pb``: weights are
``_w`` and ``_b`` beside each layer, ``Concat`` takes its axis first, the input has no shape, and
there are three outputs, one for each classifier. ``output``, which the original program reads, is
that of ``softmax0``, the auxiliary classifier behind ``mixed4a``.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pictell import models

SIZE = 224
CLASSES = 1008
LABELS = 1001
FLOAT = tf.float32.as_datatype_enum
# Channels of the branches: 1x1, 3x3 behind its bottleneck, 5x5 behind its bottleneck, pooled.
MIXED = {
    "mixed3a": (64, 96, 128, 16, 32, 32),
    "mixed3b": (128, 128, 192, 32, 96, 64),
    "mixed4a": (192, 96, 204, 16, 48, 64),
    "mixed4b": (160, 112, 224, 24, 64, 64),
    "mixed4c": (128, 128, 256, 24, 64, 64),
    "mixed4d": (112, 144, 288, 32, 64, 64),
    "mixed4e": (256, 160, 320, 32, 128, 128),
    "mixed5a": (256, 160, 320, 48, 128, 128),
    "mixed5b": (384, 192, 384, 48, 128, 128),
}
POOL_BEFORE = {"mixed4a": "maxpool4", "mixed5a": "maxpool10"}


class Writer:
    """Writes nodes one by one; each method returns the name of what it wrote."""

    def __init__(self, thinner: int) -> None:
        self.graph = tf.compat.v1.GraphDef()
        self._random = np.random.default_rng(2014)
        self._thinner = thinner
        self._channels = {"input": 3}

    def node(self, op: str, name: str, inputs: Sequence[str] = (), **attributes: Any) -> str:
        node = self.graph.node.add(op=op, name=name, input=inputs)
        for key, value in attributes.items():
            if isinstance(value, bytes):
                node.attr[key].s = value
            elif isinstance(value, list):
                node.attr[key].list.i.extend(value)
            elif isinstance(value, float):
                node.attr[key].f = value
            else:
                node.attr[key].type = value
        return name

    def constant(self, name: str, value: Any) -> str:
        tensor = tf.make_tensor_proto(value)
        self.node("Const", name, dtype=tensor.dtype)
        self.graph.node[-1].attr["value"].tensor.CopyFrom(tensor)
        return name

    def weights(self, layer: str, shape: tuple[int, ...]) -> tuple[str, str]:
        """Random ones; of sum 0 for each channel, for what all pictures share must not win."""
        # That keeps the size of what passes (He et al. 2015).
        values = self._random.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape)
        values -= values.mean(axis=tuple(range(len(shape) - 1)))
        biases = self._random.normal(0, 0.1, shape[-1])
        weight = self.constant(f"{layer}_w", values.astype(np.float32))
        return weight, self.constant(f"{layer}_b", biases.astype(np.float32))

    def conv(self, x: str, layer: str, side: int, channels: int, stride: int = 1) -> str:
        channels = max(1, channels // self._thinner)
        weight, bias = self.weights(layer, (side, side, self._channels[x], channels))
        name, strides = f"{layer}_pre_relu", [1, stride, stride, 1]
        y = self.node(
            "Conv2D", f"{name}/conv", [x, weight], T=FLOAT, strides=strides, padding=b"SAME"
        )
        y = self.node("BiasAdd", name, [y, bias], T=FLOAT)
        self._channels[layer] = channels
        return self.node("Relu", layer, [y], T=FLOAT)

    def pool(
        self, op: str, x: str, name: str, side: int, stride: int, padding: bytes = b"SAME"
    ) -> str:
        self._channels[name] = self._channels[x]
        sides, strides = [1, side, side, 1], [1, stride, stride, 1]
        return self.node(op, name, [x], T=FLOAT, ksize=sides, strides=strides, padding=padding)

    def normalise(self, x: str, name: str) -> str:
        self._channels[name] = self._channels[x]
        return self.node("LRN", name, [x], alpha=1e-4, beta=0.5, bias=1.0)

    def mixed(self, x: str, name: str) -> str:
        one, three_bottleneck, three, five_bottleneck, five, pooled = MIXED[name]
        narrow3 = self.conv(x, f"{name}_3x3_bottleneck", 1, three_bottleneck)
        narrow5 = self.conv(x, f"{name}_5x5_bottleneck", 1, five_bottleneck)
        pool = self.pool("MaxPool", x, f"{name}_pool", 3, 1)
        branches = [
            self.conv(x, f"{name}_1x1", 1, one),
            self.conv(narrow3, f"{name}_3x3", 3, three),
            self.conv(narrow5, f"{name}_5x5", 5, five),
            self.conv(pool, f"{name}_pool_reduce", 1, pooled),
        ]
        self._channels[name] = sum(self._channels[branch] for branch in branches)
        axis = self.constant(f"{name}/concat_dim", np.int32(3))
        self.node("Concat", name, [axis, *branches], T=FLOAT)
        self.graph.node[-1].attr["N"].i = len(branches)
        return name

    def flat(self, x: str, width: int) -> str:
        shape = self.constant(f"{x}/reshape/shape", np.array([-1, width], np.int32))
        return self.node("Reshape", f"{x}/reshape", [x, shape], T=FLOAT)

    def dense(self, x: str, layer: str, name: str, width: int, out: int) -> str:
        weight, bias = self.weights(layer, (width, out))
        y = self.node("MatMul", f"{name}/matmul", [x, weight], T=FLOAT)
        return self.node("BiasAdd", name, [y, bias], T=FLOAT)

    def auxiliary(self, x: str, index: int) -> str:
        pool = self.pool("AvgPool", x, f"head{index}_pool", 5, 3, b"VALID")
        narrow = self.conv(pool, f"head{index}_bottleneck", 1, 128)
        width, hidden = 16 * self._channels[narrow], 1024 // self._thinner
        y = self.dense(self.flat(narrow, width), f"nn{index}", f"nn{index}_pre_relu", width, hidden)
        return self.classify(self.node("Relu", f"nn{index}", [y], T=FLOAT), index, hidden)

    def classify(self, x: str, index: int, width: int) -> str:
        head = f"softmax{index}"
        y = self.dense(self.flat(x, width), head, f"{head}_pre_activation", width, CLASSES)
        return self.node("Softmax", head, [y], T=FLOAT)

    def main_classifier(self, x: str) -> str:
        return self.classify(
            self.pool("AvgPool", x, "avgpool0", 7, 1, b"VALID"), 2, self._channels[x]
        )


def frozen_graph(thinner: int = 4) -> bytes:
    """The graph, serialised; a layer has the published number of channels over ``thinner``."""
    write = Writer(thinner)
    x = write.node("Placeholder", "input", dtype=FLOAT)
    x = write.pool("MaxPool", write.conv(x, "conv2d0", 7, 64, stride=2), "maxpool0", 3, 2)
    x = write.conv(write.normalise(x, "localresponsenorm0"), "conv2d1", 1, 64)
    x = write.normalise(write.conv(x, "conv2d2", 3, 192), "localresponsenorm1")
    x = write.pool("MaxPool", x, "maxpool1", 3, 2)
    ends = {}
    for name in MIXED:
        if name in POOL_BEFORE:
            x = write.pool("MaxPool", x, POOL_BEFORE[name], 3, 2)
        ends[name] = x = write.mixed(x, name)
    heads = [write.auxiliary(ends["mixed4a"], 0), write.auxiliary(ends["mixed4d"], 1)]
    heads.append(write.main_classifier(x))
    for name, head in zip(["output", "output1", "output2"], heads, strict=True):
        write.node("Identity", name, [head], T=FLOAT)
    content: bytes = write.graph.SerializeToString()
    return content


def labels() -> str:
    """A labels file of the published layout: a dummy, then the thousand names in another order."""
    names = [label.name for label in models.find("default").labels]
    order = np.random.default_rng(2015).permutation(len(names))
    return "".join(f"{line}\n" for line in ["dummy", *(names[index] for index in order)])
