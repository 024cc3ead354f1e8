"""The Protocol Buffers messages of model files, with only the fields that pictell reads or writes.

Field numbers and types are those of ``onnx/onnx.proto``, ``tensorflow/core/framework`` and
``tensorflow/core/protobuf``; a test compares them with the packages. Other fields are kept as
unknown fields and written again.

Enumerations are declared as integers. Everything is declared as proto3, which refuses text that is
not UTF-8; the proto2 of ONNX would accept it. Every field is ``optional``, as in proto2: a value
that is set to zero is written again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from pictell.errors import InvalidModelError
from pictell.graphs import Weights

# Messages are instances of generated classes, without a static type.
Message = Any

TENSORFLOW = """
message GraphDef { repeated NodeDef node = 1; FunctionDefLibrary library = 2;
    VersionDef versions = 4; }
message VersionDef { }
message NodeDef { string name = 1; string op = 2; repeated string input = 3; string device = 4;
    map<string, AttrValue> attr = 5; }
message AttrValue { ListValue list = 1; bytes s = 2; int32 type = 6; TensorShapeProto shape = 7;
    TensorProto tensor = 8; NameAttrList func = 10; }
message ListValue { repeated TensorShapeProto shape = 7; repeated TensorProto tensor = 8;
    repeated NameAttrList func = 9; }
message NameAttrList { string name = 1; map<string, AttrValue> attr = 2; }
message FunctionDefLibrary { repeated FunctionDef function = 1; }
message FunctionDef { OpDef signature = 1; repeated NodeDef node_def = 3;
    map<string, string> ret = 4; map<string, AttrValue> attr = 5; }
message OpDef { string name = 1; repeated ArgDef input_arg = 2; repeated ArgDef output_arg = 3; }
message ArgDef { string name = 1; int32 type = 3; }
message TensorProto { int32 dtype = 1; TensorShapeProto tensor_shape = 2;
    bytes tensor_content = 4; repeated float float_val = 5; repeated double double_val = 6;
    repeated int32 int_val = 7; repeated bytes string_val = 8; repeated int64 int64_val = 10;
    repeated bool bool_val = 11; repeated int32 half_val = 13; }
message TensorShapeProto { repeated Dim dim = 2; bool unknown_rank = 3; }
message Dim { int64 size = 1; }
message SavedModel { repeated MetaGraphDef meta_graphs = 2; }
message MetaGraphDef { MetaInfoDef meta_info_def = 1; GraphDef graph_def = 2;
    map<string, SignatureDef> signature_def = 5; SavedObjectGraph object_graph_def = 7; }
message MetaInfoDef { repeated string tags = 4; string tensorflow_version = 5; }
message SignatureDef { map<string, TensorInfo> inputs = 1; map<string, TensorInfo> outputs = 2; }
message TensorInfo { string name = 1; int32 dtype = 2; TensorShapeProto tensor_shape = 3; }
message SavedObjectGraph { repeated SavedObject nodes = 1;
    map<string, SavedConcreteFunction> concrete_functions = 2; }
message SavedObject { repeated ObjectReference children = 1; }
message ObjectReference { int32 node_id = 1; string local_name = 2; }
message SavedConcreteFunction { repeated int32 bound_inputs = 2; }
"""

# ModelMetadata is a ModelProto whose other fields keep their bytes.
ONNX = """
message ModelProto { int64 ir_version = 1; GraphProto graph = 7;
    repeated OperatorSetIdProto opset_import = 8;
    repeated StringStringEntryProto metadata_props = 14; repeated FunctionProto functions = 25; }
message ModelMetadata { repeated StringStringEntryProto metadata_props = 14; }
message OperatorSetIdProto { string domain = 1; int64 version = 2; }
message StringStringEntryProto { string key = 1; string value = 2; }
message FunctionProto { string name = 1; repeated string output = 5; repeated NodeProto node = 7;
    string domain = 10; repeated AttributeProto attribute_proto = 11; }
message GraphProto { repeated NodeProto node = 1; repeated TensorProto initializer = 5;
    repeated ValueInfoProto input = 11; repeated ValueInfoProto output = 12;
    repeated ValueInfoProto value_info = 13; repeated SparseTensorProto sparse_initializer = 15; }
message NodeProto { repeated string input = 1; repeated string output = 2; string name = 3;
    string op_type = 4; repeated AttributeProto attribute = 5; string domain = 7; }
message AttributeProto { string name = 1; float f = 2; int64 i = 3; bytes s = 4; TensorProto t = 5;
    GraphProto g = 6; repeated int64 ints = 8; repeated bytes strings = 9;
    repeated TensorProto tensors = 10;
    repeated GraphProto graphs = 11; int32 type = 20; string ref_attr_name = 21;
    SparseTensorProto sparse_tensor = 22; repeated SparseTensorProto sparse_tensors = 23; }
message TensorProto { repeated int64 dims = 1; int32 data_type = 2; repeated float float_data = 4;
    repeated int32 int32_data = 5; repeated int64 int64_data = 7; string name = 8;
    bytes raw_data = 9; repeated double double_data = 10;
    repeated StringStringEntryProto external_data = 13; int32 data_location = 14; }
message SparseTensorProto { TensorProto values = 1; TensorProto indices = 2; }
message ValueInfoProto { string name = 1; TypeProto type = 2; }
message TypeProto { TensorType tensor_type = 1; }
message TensorType { int32 elem_type = 1; TensorShapeProto shape = 2; }
message TensorShapeProto { repeated Dimension dim = 1; }
message Dimension { int64 dim_value = 1; string dim_param = 2; }
"""

PACKAGES = {"tensorflow": TENSORFLOW, "onnx": ONNX}
MESSAGE = re.compile(r"message (\w+) \{(.*?)\}", re.DOTALL)
FIELD = re.compile(r"(repeated |map<string, )?(\w+)>? (\w+) = (\d+);")


def parse(package: str, name: str, content: bytes) -> Message:
    """Parse the message ``name`` of ``PACKAGES[package]``.

    Raises ``InvalidModelError`` for invalid bytes, or if they are nested more than 100 deep.
    """
    from google.protobuf.message import DecodeError

    try:
        return message_class(package, name).FromString(content)
    except (DecodeError, RecursionError, ValueError) as error:
        raise InvalidModelError("the model is damaged or cut short") from error


def with_graph(weights: Weights, model: Message) -> Weights:
    """The files with this message in place of the first one."""
    name = next(iter(weights.files))
    return replace(weights, files={**weights.files, name: model.SerializeToString()}, path=None)


def new(package: str, name: str, /, **fields: object) -> Message:
    """A message ``name`` of ``PACKAGES[package]`` with these fields."""
    return message_class(package, name)(**fields)


def inside(message: Message, name: str) -> Iterator[Message]:
    """The messages of the type ``name`` in a message, at any depth, in no particular order."""
    from google.protobuf.message import Message as AnyMessage

    waiting = [message]
    while waiting:
        found = waiting.pop()
        if found.DESCRIPTOR.name == name:
            yield found
        for field, value in found.ListFields():
            if isinstance(value, AnyMessage):
                waiting.append(value)
            elif field.message_type is not None:
                values = value.values() if isinstance(value, Mapping) else value
                waiting.extend(entry for entry in values if isinstance(entry, AnyMessage))


def message_class(package: str, name: str) -> Any:
    """The generated class of a message in ``PACKAGES[package]``."""
    from google.protobuf import message_factory

    descriptor = _pool(package).FindMessageTypeByName(f"pictell.{package}.{name}")
    return message_factory.GetMessageClass(descriptor)


@cache
def _pool(package: str) -> Any:
    """A separate pool of the package's messages, so that they do not clash with a runtime's."""
    from google.protobuf import descriptor_pb2, descriptor_pool

    file = descriptor_pb2.FileDescriptorProto(
        name=f"pictell/{package}.proto", package=f"pictell.{package}", syntax="proto3"
    )
    for name, fields in MESSAGE.findall(PACKAGES[package]):
        message = file.message_type.add(name=name)
        for label, kind, field, number in FIELD.findall(fields):
            if label.startswith("map"):
                kind = _add_map_entry(message, field, kind)
            _add_field(message, field, int(number), kind, repeated=bool(label))
            if not label:
                _make_optional(message)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _add_map_entry(message: Any, field: str, kind: str) -> str:
    """Add the message for the entries of a map, as protoc does (descriptor.proto, map_entry)."""
    name = "".join(part.capitalize() for part in field.split("_")) + "Entry"
    entry = message.nested_type.add(name=name)
    entry.options.map_entry = True
    _add_field(entry, "key", 1, "string")
    _add_field(entry, "value", 2, kind)
    return name


def _make_optional(message: Any) -> None:
    """Make the last field optional as protoc does: the only field of a oneof with its name."""
    field = message.field[-1]
    field.proto3_optional, field.oneof_index = True, len(message.oneof_decl)
    message.oneof_decl.add(name=f"_{field.name}")


def _add_field(message: Any, name: str, number: int, kind: str, *, repeated: bool = False) -> None:
    field = message.field.add(name=name, number=number)
    field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
    if kind[0].islower():
        field.type = getattr(field, f"TYPE_{kind.upper()}")
    else:
        # An unqualified name is resolved from the innermost message outwards.
        field.type, field.type_name = field.TYPE_MESSAGE, kind
