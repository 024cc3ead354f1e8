"""Reads and builds the parts of an ONNX graph: nodes, constants and types."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pictell.errors import InvalidModelError
from pictell.inspection.onnx import is_external, read
from pictell.inspection.protobuf import Message, inside, new

# Resize with these coordinates begins with 11. Nodes of a later opset may mean something else.
OLDEST_OPSET = 11
NEWEST_OPSET = 24
# From here on the axes of reductions are an input; before, they are an attribute.
AXES_ARE_INPUTS = 18
# From here on an initializer need not be an input too.
OLDEST_IR_VERSION = 4
# TensorProto.DataType and AttributeProto.AttributeType.
FLOAT, UINT8, INT64, FLOAT16 = 1, 2, 7, 10
ATTRIBUTE_INT, ATTRIBUTE_STRING, ATTRIBUTE_INTS = 2, 3, 7
# The outputs of a trained model, and how all other names that pictell adds begin.
OUTPUTS = ("logits", "embedding", "familiarity")
PREFIX = "pictell."
# The name of the number of features, which the nodes decide.
FEATURES = "features"
# The least norm that divides, as in torch.nn.functional.normalize.
LEAST_NORM = 1e-12
NUMBERS = {np.dtype(np.float32): FLOAT, np.dtype(np.int64): INT64}


def open_model(content: bytes) -> Message:
    """The ``ModelProto`` of a model in one file, of an opset that pictell can extend.

    Raises ``InvalidModelError``.
    """
    model = read(content)
    if any(map(is_external, inside(model, "TensorProto"))):
        raise InvalidModelError(
            "the model keeps weights in other files: save it as one ONNX file first"
        )
    opset = opset_of(model)
    if not OLDEST_OPSET <= opset <= NEWEST_OPSET:
        raise InvalidModelError(
            f"the model has opset {opset}, training needs {OLDEST_OPSET} to {NEWEST_OPSET}: "
            "export it again with one of them, such as 17"
        )
    return model


def opset_of(model: Message) -> int:
    """The version of the standard operations; 0 if the model names none."""
    versions = (entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    return int(max(versions, default=0))


def to_bytes(model: Message) -> bytes:
    """The model's bytes; the same for the same model."""
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def keep(items: Message, wanted: Callable[[Message], bool]) -> None:
    """Remove the messages that are not wanted from a repeated field."""
    kept = [item for item in items if wanted(item)]
    del items[:]
    items.extend(kept)


def to_tensor(name: str, values: NDArray[np.generic]) -> Message:
    """A ``TensorProto`` with float32 or int64 values."""
    little = values.astype(values.dtype.newbyteorder("<"), copy=False)
    return new(
        "onnx",
        "TensorProto",
        name=name,
        data_type=NUMBERS[values.dtype],
        dims=values.shape,
        raw_data=little.tobytes(),
    )


def to_array(tensor: Message) -> NDArray[np.float32]:
    """The values of a float32 ``TensorProto``. Raises ``InvalidModelError`` for another one."""
    if tensor.data_type != FLOAT:
        raise InvalidModelError(f"{tensor.name!r} is not float32: train the model again")
    raw, count = tensor.raw_data, math.prod(tensor.dims)
    fits = len(raw) == 4 * count if raw else len(tensor.float_data) == count
    if not fits or any(size < 0 for size in tensor.dims):
        raise InvalidModelError(f"{tensor.name!r} is damaged: its values do not fill its shape")
    found = np.frombuffer(raw, "<f4") if raw else np.array(tensor.float_data)
    return found.astype(np.float32).reshape(tuple(tensor.dims))


def value_info(name: str, shape: Sequence[int | str], element: int = FLOAT) -> Message:
    """A ``ValueInfoProto``; a size in ``shape`` that is a text may vary."""
    info = new("onnx", "ValueInfoProto", name=name)
    info.type.tensor_type.elem_type = element
    dims = info.type.tensor_type.shape
    dims.SetInParent()
    for size in shape:
        kind = "dim_param" if isinstance(size, str) else "dim_value"
        dims.dim.add(**{kind: size})
    return info


def sizes_of(info: Message) -> tuple[int | None, ...] | None:
    """The shape of a ``ValueInfoProto``, ``None`` for what is not fixed."""
    kind = info.type.tensor_type
    if not kind.HasField("shape"):
        return None
    return tuple(dim.dim_value if dim.dim_value > 0 else None for dim in kind.shape.dim)


class Parts:
    """New nodes and constants for a graph, in the operations of its ``opset``.

    Their names begin with ``PREFIX``; those of ``OUTPUTS`` stay as they are.
    """

    def __init__(self, opset: int) -> None:
        self.nodes: list[Message] = []
        self.constants: list[Message] = []
        self._opset = opset

    def constant(self, name: str, values: NDArray[np.generic]) -> str:
        """Add an array, once for a name. Returns its full name."""
        name = PREFIX + name
        if all(tensor.name != name for tensor in self.constants):
            self.constants.append(to_tensor(name, values))
        return name

    def integers(self, name: str, *values: int) -> str:
        """Add an int64 vector. Returns its full name."""
        return self.constant(name, np.array(values, np.int64))

    def node(
        self, op: str, inputs: Sequence[str], output: str, **attributes: int | str | list[int]
    ) -> str:
        """Add a node that computes ``output``. Returns the full name of that."""
        full = output if output in OUTPUTS else PREFIX + output
        entries = [_attribute(key, value) for key, value in attributes.items()]
        self.nodes.append(
            new(
                "onnx",
                "NodeProto",
                op_type=op,
                name=PREFIX + output,
                input=inputs,
                output=[full],
                attribute=entries,
            )
        )
        return full

    def reduce(self, op: str, value: str, axis: int, output: str, *, keepdims: bool) -> str:
        """Add ``ReduceL2`` or another reduction over one axis."""
        if self._opset < AXES_ARE_INPUTS:
            return self.node(op, [value], output, axes=[axis], keepdims=int(keepdims))
        axes = self.integers(f"{output}_axis", axis)
        return self.node(op, [value, axes], output, keepdims=int(keepdims))


def normalise(parts: Parts, value: str, output: str) -> str:
    """Add what divides rows (N, D) by their L2 norm; zeros stay zeros. Returns the full name."""
    norm = parts.reduce("ReduceL2", value, 1, f"{output}_norm", keepdims=True)
    least = parts.constant("least_norm", np.array(LEAST_NORM, np.float32))
    norm = parts.node("Max", [norm, least], f"{output}_divisor")
    return parts.node("Div", [value, norm], output)


def _attribute(name: str, value: int | str | list[int]) -> Message:
    if isinstance(value, int):
        return new("onnx", "AttributeProto", name=name, i=value, type=ATTRIBUTE_INT)
    if isinstance(value, str):
        return new("onnx", "AttributeProto", name=name, s=value.encode(), type=ATTRIBUTE_STRING)
    return new("onnx", "AttributeProto", name=name, ints=value, type=ATTRIBUTE_INTS)
