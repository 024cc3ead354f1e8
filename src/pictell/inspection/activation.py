"""What a graph's outputs hold, judged by their last operations."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple, TypeAlias, TypeVar

from pictell.graphs import NotScores
from pictell.types import Activation

T = TypeVar("T", bound=Hashable)
# From a value to the operation that computes it, with the inputs of that; ``None`` for a value that
# no operation computes.
Producer: TypeAlias = Callable[[T], tuple[str, Sequence[T]] | None]

# The names are those of TensorFlow, ONNX and TFLite as ``plain`` writes them.
# These change the shape or the type of scores, not their meaning.
TRANSPARENT = frozenset(
    """
    cast checknumerics dequantize dequantizelinear dropout ensureshape expanddims
    fakequantwithminmaxargs fakequantwithminmaxvars flatten identity identityn quantize
    quantizeanddequantizev2 quantizeanddequantizev3 quantizelinear quantizev2 readvariableop
    requantize reshape snapshot squeeze stopgradient transpose unsqueeze zipmap
    """.split()
)
PROBABILITIES = frozenset("qlinearsoftmax softmax".split())
INDEPENDENT = frozenset("hardsigmoid logistic qlinearsigmoid sigmoid stablehlologistic".split())
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
# These give numbers of classes, the best scores without the others, or yes and no.
NOT_SCORES = frozenset(
    """
    argmax argmin binarizer bucketize combinednonmaxsuppression equal greater
    greaterequal greaterorequal hardmax intopk intopkv2 labelencoder less lessequal lessorequal
    nonmaxsuppression nonmaxsuppressionv2 nonmaxsuppressionv3 nonmaxsuppressionv4
    nonmaxsuppressionv5 nonmaxsuppressionwithoverlaps nonzero notequal onehot sign topk
    topkv2 unique uniquev2 uniquewithcounts uniquewithcountsv2
    """.split()
)
# Of numbers of classes or of the best scores, these make more of the same.
ELEMENTWISE = PROBABILITIES | INDEPENDENT | frozenset("clip clipbyvalue logsoftmax relu".split())
# Of these, what they choose by decides too.
CHOICES = frozenset("arrayfeatureextractor gather gatherelements gathernd gatherv2".split())
# What these give is of the same kind if all their inputs are.
COMBINATIONS = frozenset(
    """
    add addv2 concat concatenation concatv2 div logicaland logicalnot logicalor mul neg not pack
    realdiv slice split splitv stack stridedslice sub unpack
    """.split()
)
CONSTANTS = frozenset({"const", "constant"})
# More than any real graph has between scores and output. It also ends cycles in damaged graphs.
MAX_STEPS = 100


class Judged(NamedTuple):
    """For each output its activation, and for those that are no scores the operation."""

    activations: dict[str, Activation | None]
    not_scores: dict[str, NotScores]


def judge_outputs(
    outputs: Mapping[str, T], producer: Producer[T], tensor_name: Callable[[T], str | None]
) -> Judged:
    """What the outputs, values by name, hold. ``tensor_name`` gives a value's name in the graph."""
    found = {name: find_not_scores(value, producer, tensor_name) for name, value in outputs.items()}
    return Judged(
        {name: activation(value, producer) for name, value in outputs.items()},
        {name: one for name, one in found.items() if one is not None},
    )


def activation(value: T, producer: Producer[T]) -> Activation | None:
    """The activation that an output still needs.

    ``none`` after a softmax (also one written as exponentials over their sum), ``independent``
    after a sigmoid, ``softmax`` after a sum of products or a mean, ``None`` if its operations do
    not show it.
    """
    divided = False
    for op in islice(_walk_back(value, producer), MAX_STEPS):
        if divided:
            return "none" if op == "exp" else None
        if op in PROBABILITIES:
            return "none"
        if op in INDEPENDENT:
            return "independent"
        if op in LOGITS:
            return "softmax"
        divided = op in DIVISIONS
        if not divided and op not in TRANSPARENT:
            return None
    return None


def find_not_scores(
    value: T, producer: Producer[T], tensor_name: Callable[[T], str | None]
) -> NotScores | None:
    """The operation that makes an output something else than a row of scores, ``None`` if none.

    ``tensor_name`` gives the name of a value in the graph.
    """
    known: dict[T, NotScores | None] = {}

    def find(value: T, steps: int) -> NotScores | None:
        if value not in known:
            # Ends cycles in damaged graphs.
            known[value] = None
            step = producer(value)
            if step is not None and steps:
                known[value] = judge(*step, steps - 1)
        return known[value]

    def judge(op: str, inputs: Sequence[T], steps: int) -> NotScores | None:
        kind = plain(op)
        if kind in NOT_SCORES:
            are_scores = bool(inputs) and activation(inputs[0], producer) is not None
            return NotScores(op, tensor_name(inputs[0]) if are_scores else None)
        if kind in TRANSPARENT or kind in ELEMENTWISE:
            return find(inputs[0], steps) if inputs else None
        if kind not in CHOICES and kind not in COMBINATIONS:
            return None
        found = [find(one, steps) for one in inputs if _is_computed(one, producer)]
        if kind in COMBINATIONS and None in found:
            return None
        return next(filter(None, found), None)

    return find(value, MAX_STEPS)


def _walk_back(value: T, producer: Producer[T]) -> Iterator[str]:
    """The operations behind a value, from the last one, along their first inputs; may not end."""
    while (step := producer(value)) is not None:
        op, inputs = step
        yield plain(op)
        if not inputs:
            return
        value = inputs[0]


def _is_computed(value: T, producer: Producer[T]) -> bool:
    step = producer(value)
    return step is not None and plain(step[0]) not in CONSTANTS


def plain(op: str) -> str:
    """The name of an operation without its case and underscores."""
    return op.replace("_", "").lower()
