"""The declared messages match the published ones; damage raises one error."""

import onnx
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from pictell.errors import InvalidModelError
from pictell.inspection.protobuf import MESSAGE, PACKAGES, message_class, new, parse

MESSAGES = {
    package: [name for name, _ in MESSAGE.findall(text)] for package, text in PACKAGES.items()
}
INTEGERS = {FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_ENUM}


def same_on_the_wire(ours: FieldDescriptor, theirs: FieldDescriptor) -> bool:
    kinds = {ours.type, theirs.type}
    return ours.number == theirs.number and (len(kinds) == 1 or kinds == INTEGERS)


def is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def compare(package: str, name: str, published: Descriptor) -> None:
    ours = message_class(package, name).DESCRIPTOR
    assert ours.fields or name == "VersionDef"
    for field in ours.fields:
        theirs = published.fields_by_name[field.name]
        assert same_on_the_wire(field, theirs), field.full_name
        assert field.is_repeated == theirs.is_repeated, field.full_name
        assert is_map(field) == is_map(theirs), field.full_name
        if is_map(field):
            values = [entry.message_type.fields_by_name["value"] for entry in (field, theirs)]
            assert same_on_the_wire(*values), field.full_name


@pytest.mark.parametrize("name", MESSAGES["onnx"])
def test_onnx_messages_are_as_published(name: str) -> None:
    nested = {
        "ModelMetadata": onnx.ModelProto.DESCRIPTOR,
        "TensorType": onnx.TypeProto.Tensor.DESCRIPTOR,
        "Dimension": onnx.TensorShapeProto.Dimension.DESCRIPTOR,
    }
    compare("onnx", name, nested.get(name) or getattr(onnx, name).DESCRIPTOR)


@pytest.mark.slow
@pytest.mark.parametrize("name", MESSAGES["tensorflow"])
def test_tensorflow_messages_are_as_published(name: str) -> None:
    from tensorflow.core.framework import (
        attr_value_pb2,
        function_pb2,
        graph_pb2,
        node_def_pb2,
        op_def_pb2,
        tensor_pb2,
        tensor_shape_pb2,
        versions_pb2,
    )
    from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2, saved_object_graph_pb2
    from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

    nested = {
        "ListValue": attr_value_pb2.AttrValue.ListValue,
        "ArgDef": op_def_pb2.OpDef.ArgDef,
        "Dim": tensor_shape_pb2.TensorShapeProto.Dim,
        "MetaInfoDef": meta_graph_pb2.MetaGraphDef.MetaInfoDef,
        "ObjectReference": TrackableObjectGraph.TrackableObject.ObjectReference,
    }
    modules = (
        attr_value_pb2, function_pb2, op_def_pb2, graph_pb2, node_def_pb2, tensor_pb2,
        versions_pb2, tensor_shape_pb2, meta_graph_pb2, saved_model_pb2, saved_object_graph_pb2,
    )  # fmt: skip
    (found, *_) = [
        message
        for message in (nested.get(name), *(getattr(module, name, None) for module in modules))
        if message is not None
    ]
    compare("tensorflow", name, found.DESCRIPTOR)


def test_unknown_fields_are_kept() -> None:
    model = onnx.ModelProto(producer_name="somebody", model_version=7)
    again = parse("onnx", "ModelProto", model.SerializeToString()).SerializeToString()
    assert onnx.ModelProto.FromString(again) == model


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("content", [b"\xff", b"\x3a\x7f", b"\x12\x7f", b"\x3b" * 9])
def test_damaged_bytes_are_an_error(package: str, content: bytes) -> None:
    name = {"onnx": "ModelProto", "tensorflow": "GraphDef"}[package]
    with pytest.raises(InvalidModelError, match=r"^the model is damaged or cut short$"):
        parse(package, name, content)


def test_text_that_is_not_utf8_is_damage() -> None:
    content = (
        new("tensorflow", "NodeDef", name="ab").SerializeToString().replace(b"ab", b"\xff\xfe")
    )
    with pytest.raises(InvalidModelError):
        parse("tensorflow", "NodeDef", content)


@pytest.mark.parametrize("depth", [50, 200, 5_000])
def test_deep_nesting_ends(depth: int) -> None:
    def nested(field: int, content: bytes) -> bytes:
        length = len(content)
        prefix = bytearray([field << 3 | 2])
        while length > 0x7F:
            prefix.append(length & 0x7F | 0x80)
            length >>= 7
        return bytes([*prefix, length]) + content

    content = b""
    for _ in range(depth):
        # GraphProto.node, NodeProto.attribute, AttributeProto.g
        content = nested(1, nested(5, nested(6, content)))
    with pytest.raises(InvalidModelError):
        parse("onnx", "ModelProto", nested(7, content))
