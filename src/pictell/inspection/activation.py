"""What is still to be applied to a graph's output to make probabilities of it, by its last op."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from pictell.types import Activation

# Names as ``_plain`` writes them, of TensorFlow's, ONNX's and TFLite's operations alike.
# What changes the shape or the type of scores but not what they mean.
TRANSPARENT = frozenset(
    """
    cast checknumerics dequantize dequantizelinear dropout ensureshape expanddims
    fakequantwithminmaxargs fakequantwithminmaxvars flatten identity identityn quantize
    quantizeanddequantizev2 quantizeanddequantizev3 quantizelinear quantizev2 readvariableop
    requantize reshape snapshot squeeze stopgradient transpose unsqueeze
    """.split()
)
PROBABILITIES = frozenset(
    """
    hardsigmoid logistic qlinearsigmoid qlinearsoftmax sigmoid softmax
    """.split()
)
# What sums without bounds: its results are logits, if it is the last of a classifier.
LOGITS = frozenset(
    """
    add addv2 averagepool averagepool2d avgpool biasadd biasaddv1 conv conv2d convinteger
    depthwiseconv2d depthwiseconv2dnative dynamicquantizematmul einsum fullyconnected fusedconv
    fusedgemm fusedmatmul gemm globalaveragepool globalmaxpool matmul matmulinteger
    matmulintegertofloat maxpool maxpool2d mean qgemm qlinearadd qlinearaveragepool qlinearconv
    qlinearglobalaveragepool qlinearmatmul qlinearreducemean quantizedbiasadd quantizedconv2d
    quantizedmatmul reducemean batchmatmul batchmatmulv2
    """.split()
)
DIVISIONS = frozenset({"div", "divnonan", "realdiv"})
# No honest graph hands its scores on so often; another could, from each of its outputs.
MAX_STEPS = 100


def activation(ops: Iterable[str]) -> Activation | None:
    """What the output still needs; ``ops`` names the operations that made it, the last one first.

    ``none`` after a softmax or a sigmoid (or a softmax spelled out: exponentials over their sum),
    ``softmax`` after a sum of products or a mean, ``None`` where that cannot be told.
    """
    divided = False
    for op in map(_plain, islice(ops, MAX_STEPS)):
        if divided:
            return "none" if op == "exp" else None
        if op in PROBABILITIES:
            return "none"
        if op in LOGITS:
            return "softmax"
        divided = op in DIVISIONS
        if not divided and op not in TRANSPARENT:
            return None
    return None


def _plain(op: str) -> str:
    return op.replace("_", "").lower()
