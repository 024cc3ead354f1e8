"""Makes one ONNX file of a graph and the files with its external data."""

from __future__ import annotations

from collections.abc import Mapping

from pictell.errors import InvalidModelError, UsageError
from pictell.graphs import Weights
from pictell.inspection.onnx import is_external, read
from pictell.inspection.protobuf import Message

# Protocol Buffers, and with them ONNX, have no larger messages.
MAX_FILE_BYTES = 2**31 - 1


def merge(weights: Weights) -> bytes:
    """The graph of an ONNX model with its external data inside.

    A graph without external data stays byte for byte. The other fields keep their values. Offset
    and length are in bytes; without a length the values reach to the end of the file
    (onnx/onnx.proto, ``external_data``). Raises ``InvalidModelError`` for values outside the file,
    and ``UsageError`` if the result is larger than a file of ONNX may be.
    """
    if len(weights.files) == 1:
        return weights.graph
    model = read(weights.graph)
    places = [
        (tensor, *_place(tensor, weights.files))
        for tensor in model.graph.initializer
        if is_external(tensor)
    ]
    n_bytes = len(weights.graph) + sum(end - start for _, _, start, end in places)
    if n_bytes > MAX_FILE_BYTES:
        raise UsageError(
            f"in one file the model has {n_bytes:,} bytes, and ONNX allows {MAX_FILE_BYTES:,}: "
            "name a folder"
        )
    for tensor, content, start, end in places:
        tensor.raw_data = bytes(memoryview(content)[start:end])
        tensor.ClearField("external_data")
        tensor.ClearField("data_location")
    merged: bytes = model.SerializeToString()
    return merged


def _place(tensor: Message, files: Mapping[str, bytes]) -> tuple[bytes, int, int]:
    """The file with the values of a tensor, and where they start and end in it."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    content = files[entries["location"]]
    try:
        start = int(entries.get("offset", 0))
        end = start + int(entries["length"]) if "length" in entries else len(content)
    except ValueError as error:
        raise InvalidModelError(
            f"the offset or length of the weights {tensor.name!r} is not a number"
        ) from error
    if not 0 <= start <= end <= len(content):
        raise InvalidModelError(
            f"the weights {tensor.name!r} lie outside the file {entries['location']!r}"
        )
    return content, start, end
