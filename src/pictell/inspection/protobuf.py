"""The Protocol Buffers messages of model files, with only the fields that pictell reads.

Field numbers and types are those of ``onnx/onnx.proto``, ``tensorflow/core/framework`` and
``tensorflow/core/protobuf``; a test compares them with the packages. Other fields, such as the
weights, are kept as unknown fields and written again.

Enumerations are declared as integers. Everything is declared as proto3, which refuses text that is
not UTF-8; the proto2 of ONNX would accept it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from pictell.errors import InvalidModelError

# Messages are instances of generated classes, without a static type.
Message = Any

# Message -> field -> (number, type). ``*`` marks a repeated field, ``map:`` a map from strings.
Fields = dict[str, tuple[int, str]]

TENSORFLOW: dict[str, Fields] = {
    "GraphDef": {
        "node": (1, "*NodeDef"),
        "library": (2, "FunctionDefLibrary"),
        "versions": (4, "VersionDef"),
    },
    "VersionDef": {},
    "NodeDef": {
        "name": (1, "string"),
        "op": (2, "string"),
        "input": (3, "*string"),
        "device": (4, "string"),
        "attr": (5, "map:AttrValue"),
    },
    "AttrValue": {
        "list": (1, "ListValue"),
        "s": (2, "bytes"),
        "i": (3, "int64"),
        "b": (5, "bool"),
        "type": (6, "int32"),
        "shape": (7, "TensorShapeProto"),
        "tensor": (8, "TensorProto"),
        "placeholder": (9, "string"),
        "func": (10, "NameAttrList"),
    },
    "ListValue": {
        "s": (2, "*bytes"),
        "i": (3, "*int64"),
        "type": (6, "*int32"),
        "shape": (7, "*TensorShapeProto"),
        "tensor": (8, "*TensorProto"),
        "func": (9, "*NameAttrList"),
    },
    "NameAttrList": {"name": (1, "string"), "attr": (2, "map:AttrValue")},
    "FunctionDefLibrary": {"function": (1, "*FunctionDef")},
    "FunctionDef": {
        "signature": (1, "OpDef"),
        "node_def": (3, "*NodeDef"),
        "ret": (4, "map:string"),
        "attr": (5, "map:AttrValue"),
    },
    "OpDef": {
        "name": (1, "string"),
        "input_arg": (2, "*ArgDef"),
        "output_arg": (3, "*ArgDef"),
    },
    "ArgDef": {"name": (1, "string"), "type": (3, "int32")},
    "TensorProto": {
        "dtype": (1, "int32"),
        "tensor_shape": (2, "TensorShapeProto"),
        "tensor_content": (4, "bytes"),
        "int_val": (7, "*int32"),
        "string_val": (8, "*bytes"),
        "int64_val": (10, "*int64"),
    },
    "TensorShapeProto": {"dim": (2, "*Dim"), "unknown_rank": (3, "bool")},
    "Dim": {"size": (1, "int64")},
    "SavedModel": {
        "saved_model_schema_version": (1, "int64"),
        "meta_graphs": (2, "*MetaGraphDef"),
    },
    "MetaGraphDef": {
        "meta_info_def": (1, "MetaInfoDef"),
        "graph_def": (2, "GraphDef"),
        "signature_def": (5, "map:SignatureDef"),
        "object_graph_def": (7, "SavedObjectGraph"),
    },
    "MetaInfoDef": {"tags": (4, "*string")},
    "SignatureDef": {
        "inputs": (1, "map:TensorInfo"),
        "outputs": (2, "map:TensorInfo"),
    },
    "TensorInfo": {
        "name": (1, "string"),
        "dtype": (2, "int32"),
        "tensor_shape": (3, "TensorShapeProto"),
    },
    "SavedObjectGraph": {
        "nodes": (1, "*SavedObject"),
        "concrete_functions": (2, "map:SavedConcreteFunction"),
    },
    "SavedObject": {"children": (1, "*ObjectReference")},
    "ObjectReference": {"node_id": (1, "int32"), "local_name": (2, "string")},
    "SavedConcreteFunction": {"bound_inputs": (2, "*int32")},
}

ONNX: dict[str, Fields] = {
    "ModelProto": {
        "ir_version": (1, "int64"),
        "graph": (7, "GraphProto"),
        "opset_import": (8, "*OperatorSetIdProto"),
        "metadata_props": (14, "*StringStringEntryProto"),
        "functions": (25, "*FunctionProto"),
    },
    # A ModelProto whose other fields keep their bytes.
    "ModelMetadata": {"metadata_props": (14, "*StringStringEntryProto")},
    "OperatorSetIdProto": {"domain": (1, "string"), "version": (2, "int64")},
    "StringStringEntryProto": {"key": (1, "string"), "value": (2, "string")},
    "FunctionProto": {
        "name": (1, "string"),
        "output": (5, "*string"),
        "node": (7, "*NodeProto"),
        "domain": (10, "string"),
        "attribute_proto": (11, "*AttributeProto"),
    },
    "GraphProto": {
        "node": (1, "*NodeProto"),
        "initializer": (5, "*TensorProto"),
        "input": (11, "*ValueInfoProto"),
        "output": (12, "*ValueInfoProto"),
        "value_info": (13, "*ValueInfoProto"),
        "sparse_initializer": (15, "*SparseTensorProto"),
    },
    "NodeProto": {
        "input": (1, "*string"),
        "output": (2, "*string"),
        "op_type": (4, "string"),
        "attribute": (5, "*AttributeProto"),
        "domain": (7, "string"),
    },
    "AttributeProto": {
        "name": (1, "string"),
        "t": (5, "TensorProto"),
        "g": (6, "GraphProto"),
        "tensors": (10, "*TensorProto"),
        "graphs": (11, "*GraphProto"),
        "sparse_tensor": (22, "SparseTensorProto"),
        "sparse_tensors": (23, "*SparseTensorProto"),
    },
    "TensorProto": {
        "dims": (1, "*int64"),
        "data_type": (2, "int32"),
        "name": (8, "string"),
        "external_data": (13, "*StringStringEntryProto"),
        "data_location": (14, "int32"),
    },
    "SparseTensorProto": {"values": (1, "TensorProto"), "indices": (2, "TensorProto")},
    "ValueInfoProto": {"name": (1, "string"), "type": (2, "TypeProto")},
    "TypeProto": {"tensor_type": (1, "TensorType")},
    "TensorType": {"elem_type": (1, "int32"), "shape": (2, "TensorShapeProto")},
    "TensorShapeProto": {"dim": (1, "*Dimension")},
    "Dimension": {"dim_value": (1, "int64"), "dim_param": (2, "string")},
}

PACKAGES = {"tensorflow": TENSORFLOW, "onnx": ONNX}


def parse(package: str, name: str, content: bytes) -> Message:
    """Parse the message ``name`` of ``PACKAGES[package]``.

    Raises ``InvalidModelError`` for invalid bytes, or if they are nested more than 100 deep.
    """
    from google.protobuf.message import DecodeError

    try:
        return message_class(package, name).FromString(content)
    except (DecodeError, RecursionError, ValueError) as error:
        raise InvalidModelError("the model is damaged or cut short") from error


def new(package: str, name: str, /, **fields: object) -> Message:
    """A message ``name`` of ``PACKAGES[package]`` with these fields."""
    return message_class(package, name)(**fields)


def message_class(package: str, name: str) -> Any:
    """The generated class of a message in ``PACKAGES[package]``."""
    from google.protobuf import message_factory

    descriptor = _pool(package).FindMessageTypeByName(f"pictell.{package}.{name}")
    return message_factory.GetMessageClass(descriptor)


@cache
def _pool(package: str) -> Any:
    """A separate pool of the package's messages, so that they do not clash with an engine's."""
    from google.protobuf import descriptor_pb2, descriptor_pool

    file = descriptor_pb2.FileDescriptorProto(
        name=f"pictell/{package}.proto", package=f"pictell.{package}", syntax="proto3"
    )
    for name, fields in PACKAGES[package].items():
        message = file.message_type.add(name=name)
        for field, (number, type_text) in fields.items():
            _add_field(message, field, number, type_text)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _add_field(message: Any, name: str, number: int, type_text: str) -> None:
    kind = type_text.removeprefix("*").removeprefix("map:")
    field = message.field.add(name=name, number=number)
    repeated = type_text != kind
    field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
    if type_text.startswith("map:"):
        entry = message.nested_type.add(name=_entry_name(name))
        entry.options.map_entry = True
        _add_field(entry, "key", 1, "string")
        _add_field(entry, "value", 2, kind)
        # An unqualified name is resolved from the innermost message outwards.
        kind = entry.name
    if kind[0].islower():
        field.type = getattr(field, f"TYPE_{kind.upper()}")
    else:
        field.type, field.type_name = field.TYPE_MESSAGE, kind


def _entry_name(field: str) -> str:
    """The name that protoc gives to the entries of a map (descriptor.proto, ``map_entry``)."""
    return "".join(part.capitalize() for part in field.split("_")) + "Entry"
