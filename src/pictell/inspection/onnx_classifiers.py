"""Classifiers of ai.onnx.ml in ONNX graphs: scikit-learn, LightGBM and Custom Vision write them.

Their scores may end in a ZipMap, which makes a sequence of maps from labels to scores of the tensor
before it (onnx/docs/Operators-ml.md). The labels of the classes are attributes of the operation.
"""

from __future__ import annotations

from collections.abc import Mapping

from pictell.inspection.protobuf import Message

DOMAIN = "ai.onnx.ml"
ZIP_MAP = "ZipMap"
CLASSIFIERS = frozenset({"LinearClassifier", "SVMClassifier", "TreeEnsembleClassifier"})
# After a classifier these keep the order of the classes.
KEEP_CLASSES = frozenset({"Cast", "Identity", "Normalizer", "Reshape", "Softmax", ZIP_MAP})
LABELS = ("classlabels_strings", "classlabels_int64s", "classlabels_ints")
FLOAT = 1
# The first set of ONNX's own operations whose Identity takes any tensor.
OPSET = 13
MAX_STEPS = 100


def makers_of(graph: Message) -> dict[str, Message]:
    """The node that makes each value of a graph."""
    return {name: node for node in graph.node for name in node.output}


def meaning(node: Message, value: str) -> str:
    """The operation that makes a value of a node; for some of ai.onnx.ml, one of the same effect.

    The first output of a classifier is the label of the best class.
    """
    if node.domain == DOMAIN:
        if node.op_type in CLASSIFIERS and value == node.output[0]:
            return "ArgMax"
        options = {attribute.name: attribute.s for attribute in node.attribute}
        if options.get("post_transform") == b"SOFTMAX" or options.get("norm") == b"L1":
            return "Softmax"
    return str(node.op_type)


def labels_of(node: Message) -> tuple[str, ...]:
    """The labels of the classes that a node of ai.onnx.ml has."""
    found = {attribute.name: attribute for attribute in node.attribute if node.domain == DOMAIN}
    for name in LABELS:
        if name in found:
            texts = [label.decode(errors="replace") for label in found[name].strings]
            return (*texts, *map(str, found[name].ints))
    return ()


def class_labels(output: str, makers: Mapping[str, Message]) -> tuple[str, ...]:
    """The labels of an output's classes, from the node that makes its scores."""
    for _ in range(MAX_STEPS):
        node = makers.get(output)
        if node is None:
            break
        if labels := labels_of(node):
            return labels
        if node.op_type not in KEEP_CLASSES or not node.input:
            break
        output = node.input[0]
    return ()


def zip_map(output: str, makers: Mapping[str, Message]) -> Message | None:
    """The ZipMap that makes an output."""
    node = makers.get(output)
    return node if node is not None and _is_zip_map(node) else None


def take_out_maps(model: Message) -> None:
    """Give the tensor before each ZipMap under the name of its output.

    ONNX Runtime gives only the outputs of a graph, so the ZipMap becomes an Identity.
    """
    names = set()
    for node in filter(_is_zip_map, model.graph.node):
        names.update(node.output)
        node.op_type, node.domain = "Identity", ""
        del node.attribute[:]
    for value in model.graph.output:
        if value.name in names:
            value.ClearField("type")
            value.type.tensor_type.elem_type = FLOAT
    if not any(entry.domain in ("", "ai.onnx") for entry in model.opset_import):
        model.opset_import.add(domain="", version=OPSET)


def _is_zip_map(node: Message) -> bool:
    return bool(node.domain == DOMAIN and node.op_type == ZIP_MAP)
