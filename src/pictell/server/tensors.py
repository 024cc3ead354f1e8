"""Tensors of the Open Inference Protocol: what a model takes and gives, as JSON and as binary data.

Sources: the protocol's ``inference_rest.md`` and Triton's extension of binary tensor data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Annotated, Any, NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from pictell.errors import UsageError
from pictell.server.problems import ProblemError

BYTES, FP32, UINT8 = "BYTES", "FP32", "UINT8"
DTYPES: Mapping[str, np.dtype[np.generic]] = {FP32: np.dtype("<f4"), UINT8: np.dtype("u1")}
FP32_MAX = float(np.finfo(np.float32).max)
FP32_DIGITS = 9
# Binary data has the length of each element of a BYTES tensor in front of it.
LENGTH_BYTES = 4
# Numbers in JSON become objects of Python, twenty times as large, in parts of this many bytes.
PART_BYTES = 64 * 1024

# Made here, because msgspec can crash when two threads use a type for the first time.
_NUMBERS: dict[str, msgspec.json.Decoder[Any]] = {
    FP32: msgspec.json.Decoder(list[Annotated[float, msgspec.Meta(ge=-FP32_MAX, le=FP32_MAX)]]),
    UINT8: msgspec.json.Decoder(list[Annotated[int, msgspec.Meta(ge=0, le=255)]]),
}
_FLAT = msgspec.json.Decoder(list[bytes])
_NESTED = msgspec.json.Decoder(list[tuple[bytes]])
_NOT_STRUCTURE = bytes(sorted(set(range(256)) - set(b"[],")))

Pixels: TypeAlias = "NDArray[np.generic]"


class Form(NamedTuple):
    """A tensor that a model takes or gives: its shape has -1 for what varies."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    meaning: str

    def metadata(self) -> dict[str, Any]:
        """The tensor as a model's metadata describes it."""
        record = {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}
        return record | {"parameters": {"description": self.meaning}}

    def shape_text(self) -> str:
        """The shape as people write it: ``[N, 224, 224, 3]``."""
        return f"[{', '.join('N' if size < 0 else str(size) for size in self.shape)}]"


class Tensor(NamedTuple):
    """A tensor of a response: FP32 values, or texts for a BYTES tensor, in row-major order."""

    name: str
    shape: tuple[int, ...]
    values: NDArray[np.float32] | Sequence[str]

    @property
    def datatype(self) -> str:
        """The name of its type in the protocol."""
        return FP32 if isinstance(self.values, np.ndarray) else BYTES

    def to_json(self) -> list[float] | list[str]:
        """The values as JSON has them: all in one list."""
        if isinstance(self.values, np.ndarray):
            return to_numbers(self.values)
        return list(self.values)

    def to_binary(self) -> bytes:
        """The values in little-endian order; each text follows its length in bytes."""
        if isinstance(self.values, np.ndarray):
            return self.values.astype(DTYPES[FP32]).tobytes()
        texts = [value.encode() for value in self.values]
        return b"".join(len(text).to_bytes(LENGTH_BYTES, "little") + text for text in texts)


def wrong(message: str) -> ProblemError:
    """The answer to a request that does not follow the protocol."""
    return ProblemError(400, UsageError.code, message)


def to_numbers(values: NDArray[Any]) -> list[float]:
    """The values of a float32 array in one list, with the digits that float32 has."""
    return [float(f"{value:.{FP32_DIGITS}g}") for value in values.ravel().tolist()]


def pixels_from_json(data: bytes, datatype: str, shape: Sequence[int]) -> Pixels:
    """A tensor from valid JSON: its numbers in one list, or in lists as the shape nests them.

    Raises ``ProblemError``.
    """
    count = prod(shape)
    # The brackets of a large shape are not made for a small body.
    if data.count(b",") != count - 1 or data.translate(None, _NOT_STRUCTURE) not in {
        _brackets([count]),
        _brackets(shape),
    }:
        raise wrong(f"data must be a list of {count} numbers, or lists of the shape {list(shape)}")
    values = np.empty(count, DTYPES[datatype])
    filled = 0
    for part in _parts(data.translate(None, b"[]")):
        try:
            numbers = _NUMBERS[datatype].decode(b"[%b]" % part)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            # The position is one in the part.
            reason = str(error).partition(" - at")[0]
            raise wrong(f"data must be numbers of the type {datatype}: {reason}") from error
        values[filled : filled + len(numbers)] = numbers
        filled += len(numbers)
    return values.reshape(shape)


def pixels_from_binary(data: memoryview, datatype: str, shape: Sequence[int]) -> Pixels:
    """A tensor from binary data, which it shares. Raises ``ProblemError``."""
    dtype = DTYPES[datatype]
    size = prod(shape) * dtype.itemsize
    if len(data) != size:
        raise wrong(
            f"{datatype} of shape {list(shape)} is {size} bytes of binary data, not {len(data)}"
        )
    values: Pixels = np.frombuffer(data, dtype).reshape(shape)
    if dtype.kind == "f" and not np.isfinite(values).all():
        raise wrong("the binary data has values that are not finite numbers")
    return values


def pictures_from_json(data: bytes, shape: Sequence[int]) -> list[bytes]:
    """Pictures of shape [N] or [N, 1] from valid JSON: texts in base64. Raises ``ProblemError``."""
    count = prod(shape)
    nested = len(shape) > 1 and data[1:].lstrip().startswith(b"[")
    # A list of millions of texts is not read.
    if data.count(b",") == count - 1:
        try:
            decoder: msgspec.json.Decoder[Any] = _NESTED if nested else _FLAT
            rows: list[Any] = decoder.decode(data)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise wrong(f"data must be pictures in base64: {error}") from error
        if len(rows) == count:
            return [one for (one,) in rows] if nested else rows
    raise wrong(f"data must be a list of pictures in base64, {count} for the shape {list(shape)}")


def pictures_from_binary(data: memoryview, count: int) -> list[bytes]:
    """Pictures from binary data, each behind its length. Raises ``ProblemError``."""
    pictures = list[bytes]()
    for index in range(count):
        size = int.from_bytes(data[:LENGTH_BYTES], "little")
        if len(data) < LENGTH_BYTES + size:
            raise wrong(f"the binary data ends in element {index} of {count}")
        pictures.append(bytes(data[LENGTH_BYTES : LENGTH_BYTES + size]))
        data = data[LENGTH_BYTES + size :]
    if data:
        raise wrong(f"{len(data)} bytes of binary data are left after {count} elements")
    return pictures


def _brackets(shape: Sequence[int]) -> bytes:
    """The brackets and commas of the lists of a shape."""
    text = b""
    for size in reversed(shape):
        text = b"[" + (text + b",") * (size - 1) + text + b"]"
    return text


def _parts(numbers: bytes) -> Iterator[bytes]:
    """A text cut at commas."""
    start = 0
    while start < len(numbers):
        end = numbers.find(b",", start + PART_BYTES)
        end = len(numbers) if end < 0 else end
        yield numbers[start:end]
        start = end + 1
