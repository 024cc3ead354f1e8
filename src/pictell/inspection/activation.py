"""Whether a graph gives probabilities or logits, judged by its last operations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

from pictell.types import Activation

T = TypeVar("T")

# The names are those of TensorFlow, ONNX and TFLite as ``_plain`` writes them.
# These change the shape or the type of scores, not their meaning.
TRANSPARENT = frozenset(
    """
    cast checknumerics dequantize dequantizelinear dropout ensureshape expanddims
    fakequantwithminmaxargs fakequantwithminmaxvars flatten identity identityn quantize
    quantizeanddequantizev2 quantizeanddequantizev3 quantizelinear quantizev2 readvariableop
    requantize reshape snapshot squeeze stopgradient transpose unsqueeze
    """.split()
)
PROBABILITIES = frozenset(
    "hardsigmoid logistic qlinearsigmoid qlinearsoftmax sigmoid softmax".split()
)
# Unbounded sums: as the last operation of a classifier they give logits.
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
# More than any real graph has between scores and output. It also ends cycles in damaged graphs.
MAX_STEPS = 100


def activation(ops: Iterable[str]) -> Activation | None:
    """The activation that the output still needs; ``ops`` are its operations, the last one first.

    ``none`` after a softmax or a sigmoid (also one written as exponentials over their sum),
    ``softmax`` after a sum of products or a mean, ``None`` if the operations do not show it.
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


def walk_back(name: T, producers: Mapping[T, tuple[str, Sequence[T]]]) -> Iterator[str]:
    """The operations behind a value, from the last one, along their first inputs; may not end.

    ``producers``: values -> the operation that computes them, and its inputs.
    """
    while name in producers:
        op, inputs = producers[name]
        yield op
        if not inputs:
            return
        name = inputs[0]


def _plain(op: str) -> str:
    return op.replace("_", "").lower()
